"""Names that people take for the same are the same."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cells.texts import is_same_name, plain_name


@given(st.text(), st.sampled_from([" ", "\u00a0", "\t\n"]))
def test_composition_and_white_space_around_do_not_matter(name: str, space: str) -> None:
    for spelled in (unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)):
        assert is_same_name(name, f"{space}{spelled}{space}")


@given(st.text())
def test_letter_case_does_not_matter_and_a_plain_name_is_its_own(name: str) -> None:
    assert is_same_name(name, name.casefold())
    assert is_same_name(name, plain_name(name))


@pytest.mark.parametrize(("one", "other"), [("Größe", "Grosse Stadt"), ("Größe", "Grobe"), ("é", "e"), ("a b", "ab")])
def test_other_names_are_others(one: str, other: str) -> None:
    assert not is_same_name(one, other)
