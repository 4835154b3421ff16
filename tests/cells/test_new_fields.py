"""The types of new fields: those that a person asks for, and the values that decide on all others."""

import pandas as pd
import pytest
from hypothesis import given, settings

from cells.columns import texts_of
from cells.field_types import Conventions
from cells.new_fields import NewField, fields_to_make
from tests.importing.test_new_fields import BLANK, COLUMNS


def made(name: str, values: list[str], asked: dict[str, str]) -> list[NewField]:
    """The new fields for a column of this name."""
    texts = texts_of(pd.Series(values, index=range(2, len(values) + 2)))
    return list(fields_to_make({name: texts}, [], Conventions(), asked).values())


@pytest.mark.parametrize("kind", ["text", "textarea", "number", "date", "datetime"])
@pytest.mark.parametrize("name", ["Seats", "ZIP", "Company Founded"])
def test_a_type_that_a_person_asks_for_overrules_any_other(name: str, kind: str) -> None:
    assert made(name, ["5", "7"], {name: kind}) == [NewField(name, kind, "as the map says")]


def test_a_type_is_asked_for_whatever_the_letter_case_and_white_space_of_the_name() -> None:
    assert [new.kind for new in made("seats  taken", ["5"], {"Seats Taken": "textarea"})] == ["textarea"]


def test_other_fields_get_the_types_that_fit() -> None:
    (new,) = made("Seats", ["5"], {"Places": "text"})
    assert (new.kind, new.row, new.value) == ("number", 2, "5")


def test_a_column_without_values_makes_no_field_even_if_its_type_is_asked_for() -> None:
    assert made("Seats", ["", "N/A"], {"Seats": "number"}) == []


@settings(max_examples=100)
@given(values=COLUMNS)
def test_the_rows_above_the_deciding_one_alone_would_not_make_it_text(values: list[str]) -> None:
    for new in made("X", values, {}):
        above = values[: new.row - 2]
        assert (new.value, values.index(new.value)) == (values[new.row - 2], new.row - 2)
        if new.kind == "text":
            assert [before.kind for before in made("X", above, {}) if before.kind == "text"] == []
            assert made("X", values[: new.row - 1], {}) == [new]
            assert ("before it" in new.reason) == (not BLANK.issuperset(above))
