"""The types of new fields that a person asks for."""

import pandas as pd
import pytest

from cells.columns import texts_of
from cells.field_types import Conventions
from cells.new_fields import NewField, fields_to_make


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
