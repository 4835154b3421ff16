"""Which people are meant: files and lines that can't be used ask nobody, and a name is a name however it is spelled."""

import io
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qualifying.person import Person, is_day
from qualifying.person_name import PersonName
from tests.conftest import Run, Serve

PERSON = "123456789"

UNUSABLE_FILES = {
    "a space in the id": (f"id\n{PERSON}\n12 3\n", "row 3: not a valid id"),
    "a slash in the id": ("id\n12/3\n", "row 2: not a valid id"),
    "no id in a row": (f"id,name\n{PERSON},Ann\n,Bob\n", "row 3: the id is missing"),
    "a row that ends before its id": ("name,id\nAnn\n", "row 2: the id is missing"),
    "too long an id": ("id\n" + "1" * 65, "row 2: not a valid id"),
    "many that are none": ("id\n" + "a b\n" * 9, "rows 2, 3, 4, 5, 6 ...: not a valid id"),
    "two names of one id": ("id,name\n1,Ann\n2,Bob\n1,Eve\n", "rows 2 and 4 have the same id"),
    "two birth dates of one id": ("id,birth_date\n1,1990-02-28\n1,1990-02-27\n", "rows 2 and 3 have the same id"),
    "semicolons": ("id;name\n1;Ann\n", "Save the file as comma-separated"),
    "shortened by a spreadsheet": ("id\n1.23457E+11\n", "row 2: not a valid id"),
    "shortened without a point": ("id\n1E+11\n", "row 2: not a valid id"),
    "shortened with a comma": ('id\n"1,23457E+11"\n', "row 2: not a valid id"),
    "shortened with a small e": ("id\n1.23457e+11\n", "row 2: not a valid id"),
    "turned into a fraction": ("id\n123456789.0\n", "row 2: not a valid id"),
    "no column of ids": (f"number\n{PERSON}\n", "no column is named 'id'"),
    "two columns of ids": (f"id,National ID\n{PERSON},{PERSON}\n", "several columns"),
    "the column twice": (f"id,ID\n{PERSON},{PERSON}\n", "appears twice"),
    "a name twice": (f"id,name,Name\n{PERSON},a,b\n", "appears twice"),
    "a birth date in another order": (f"id,birth_date\n{PERSON},28.02.1990\n", "row 2: the birth_date is not a date"),
    "a birth date that never was": (f"id,birth_date\n{PERSON},1990-02-30\n", "row 2: the birth_date is not a date"),
    "a row with too many cells": (f"id,name\n{PERSON},Example,Ann\n", "row 2 has more cells"),
    "nothing": ("", "the first line is blank"),
}


@pytest.mark.parametrize("name", UNUSABLE_FILES)
def test_a_file_that_can_not_be_used_asks_nobody(run: Run, serve: Serve, folder: Path, name: str) -> None:
    content, words = UNUSABLE_FILES[name]
    (folder / "people.csv").write_text(content, encoding="utf-8")
    server = serve()
    ran = run("qualify", "--file", "people.csv")
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert PERSON not in ran.err
    assert server.heard.people == {}
    assert not (folder / "output_data").exists()


@pytest.mark.parametrize(
    "content",
    [b"123\n12 3\n", b"12/3\n", b"..\n", b"1" * 65, b"12\x0034", b"\xff\xfe1\n", b"1.23457E+11\n", b"12\x1c34\n"]
    + [f"12{separator}34\n".encode() for separator in ("\u2028", "\x85", "\x0b", "\xa0")],
)
def test_lines_that_can_not_be_ids_ask_nobody(
    run: Run, serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    server = serve()
    ran = run("qualify", "-")
    assert (ran.code, ran.out, server.heard.people) == (2, "", {})
    assert "Standard input" in ran.err
    assert not (folder / "output_data").exists()


def test_a_missing_file_and_a_missing_column_are_said(run: Run, serve: Serve, folder: Path) -> None:
    server = serve()
    (folder / "people.csv").write_text(f"number\n{PERSON}\n", encoding="utf-8")
    assert run("qualify", "--file", "nobody.csv").code == 2
    assert run("qualify", "--file", "people.csv", "--id-column", "nr").code == 2
    assert server.heard.people == {}
    assert run("qualify", "--file", "people.csv", "--id-column", " NUMBER").code == 0
    assert server.heard.people["registry", PERSON] == 1


def test_the_encoding_is_that_of_the_file(run: Run, serve: Serve, folder: Path) -> None:
    server = serve()
    (folder / "people.csv").write_text("id\nä1\n", encoding="cp1252")
    assert run("qualify", "--file", "people.csv").code == 2
    assert server.heard.people == {}
    assert run("qualify", "--file", "people.csv", "--encoding", "cp1252").code == 0
    assert server.heard.people["registry", "ä1"] == 1


# Names


def agree(name: str, other: str) -> bool:
    return PersonName.of(name).agrees_with(PersonName.of(other))


NAMES = st.lists(st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=8), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("José Núñez", "Jose Nunez"),
        ("NÚÑEZ-O’Brien, José", "jose nunez obrien"),
        ("Straße, Łukasz Øre", "LUKASZ ORE STRASSE"),
        ("Đặng Þór Æsa", "dang thor aesa"),
        ("İnci Işık", "inci isik"),
    ],
)
def test_accents_marks_and_case_do_not_matter(name: str, other: str) -> None:
    assert agree(name, other)


@given(NAMES, st.randoms(use_true_random=False))
def test_the_order_of_parts_does_not_matter(parts: list[str], random: Any) -> None:
    shuffled = list(parts)
    random.shuffle(shuffled)
    assert agree(" ".join(parts), ", ".join(shuffled)) and agree(" ".join(parts), "-".join(shuffled))


@given(st.text(max_size=20))
def test_case_and_the_way_of_writing_accents_do_not_matter(name: str) -> None:
    assert PersonName.of(name) == PersonName.of(name.casefold())
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert agree(unicodedata.normalize(form, name), name) or not PersonName.of(name).spellings


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17F), max_size=20))
def test_a_latin_name_in_capitals_is_the_same(name: str) -> None:
    assert PersonName.of(name.upper()) == PersonName.of(name) == PersonName.of(name.lower())


@given(st.lists(st.sampled_from(["ann", "bob", "eve", "van", "de", "o"]), min_size=1, max_size=5), st.data())
def test_other_parts_are_another_name(parts: list[str], data: st.DataObject) -> None:
    others = data.draw(st.lists(st.sampled_from(["ann", "bob", "eve", "van", "de", "o"]), min_size=1, max_size=5))
    assert agree(" ".join(parts), " ".join(others)) is (sorted(parts) == sorted(others))


@given(st.text(max_size=30), st.text(max_size=30))
def test_agreement_has_no_direction_and_a_name_agrees_with_itself(name: str, other: str) -> None:
    assert agree(name, other) is agree(other, name)
    assert agree(name, name) is bool(PersonName.of(name).spellings)


@pytest.mark.parametrize(
    ("held", "born", "told", "day", "compared"),
    [
        ((), "", "Ann", "1990-02-28", {}),
        (("Ann",), "1990-02-28", "", "", {}),
        (("-", "?"), "", "Ann", "", {}),
        (("-", "Bob"), "", "Ann", "", {"name": False}),
        (("Bob", "Ann"), "", "ann", "", {"name": True}),
        (("Bob", "Ann"), "1990-02-28", "Eve", "1990-02-28", {"name": False, "birth_date": True}),
        ((), "1990-02-28", "Eve", "1990-02-27", {"birth_date": False}),
        (("मीना शर्मा",), "", "मोना शर्मा", "", {"name": False}),
        (("たた ばな",), "", "ただ はな", "", {"name": False}),
        (("Ёлкин Пётр",), "", "Петр Елкин", "", {"name": True}),
        (("Ανδρέας",), "", "ανδρεας", "", {"name": True}),
        (("Ёлкин",), "", unicodedata.normalize("NFD", "Ёлкин"), "", {"name": True}),
        (("Андрей",), "", "Андреи", "", {"name": False}),
        (("O’Brien",), "", "O´BRIEN", "", {"name": True}),
        (("John",), "", "Jo\u200bhn", "", {"name": True}),
    ],
)
def test_only_what_both_sides_know_is_compared(
    held: tuple[str, ...], born: str, told: str, day: str, compared: dict[str, bool]
) -> None:
    assert Person.called("1", held, born).compared(told, day) == compared


def test_two_spellings_of_a_person_are_one() -> None:
    assert Person.called("1", ["Ana Díaz"]) == Person.called("1", ["DIAZ, ANA"])


@given(st.dates())
def test_a_day_is_written_in_one_way(day: object) -> None:
    assert is_day(str(day))
    assert not is_day(str(day).replace("-", ""))
    assert not is_day(f"{day} ")
