"""A file's cells as they stand, or one clear reason why it can't be read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cells.columns import ROWS_AT_ONCE
from cells.maps.column_map import AskedForm
from cells.source_file import read_source
from cells.unreadable import InputError

Write = Callable[..., Path]


def test_row_numbers_are_those_of_a_spreadsheet(write: Write) -> None:
    source = read_source(write("A,Ann,,,,,", "", ",,,,,,", '"B\nB",,,,,,', "C,,,,,,"))
    assert list(source.cells.index) == [2, 5, 6]


def test_long_files_are_read_as_short_ones(write: Write) -> None:
    header = ",".join(["Company", "Contact Name", "Contact Emails"])
    rows = [f"C{number},Ann,{number}@x.com" for number in range(ROWS_AT_ONCE + 5)]
    rows[ROWS_AT_ONCE - 1 : ROWS_AT_ONCE + 2] = ["", "C,Ann,a@x.com,more", "D"]
    source = read_source(write(*rows, header=header))
    assert list(source.cells.index) == [number for number in range(2, len(rows) + 2) if number != ROWS_AT_ONCE + 1]
    assert source.surplus == {ROWS_AT_ONCE + 2: ("more",)}
    assert list(source.cells.loc[ROWS_AT_ONCE + 3]) == ["D", "", ""]
    assert source.column("Contact Emails").iloc[-1] == f"{ROWS_AT_ONCE + 4}@x.com"
    assert source.cells.loc[2, 1] is source.cells.loc[len(rows) + 1, 1]


def test_headers_match_without_case_and_spaces_around(write: Write) -> None:
    source = read_source(
        write("A,Ann,x,2", header=" company ,CONTACT NAME,Notes,Custom.company founded"),
    )
    assert list(source.column("Company")) == ["A"]
    assert source.roles.spelled_fields == {"Company Founded": "company founded"}
    assert source.count_left_out() == {"Notes": 1}


def test_other_encodings_are_read_when_named(write: Write) -> None:
    path = write("Café,,,,,,", encoding="cp1252")
    assert list(read_source(path, AskedForm(encoding="cp1252")).column("Company")) == ["Café"]
    with pytest.raises(InputError, match="Unknown text encoding 'klingon'"):
        read_source(path, AskedForm(encoding="klingon"))


def test_the_column_of_our_own_key_is_ignored(write: Write) -> None:
    source = read_source(write("A,k1:forged", header="Company,custom.Import Key"))
    assert source.roles.custom == {}
    assert source.count_left_out() == {"custom.Import Key": 1}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"Company,Contact Name\n", "no rows"),
        (b"Company\n\n,\n", "no rows"),
        (b"Company,company \nA,B\n", "appears twice"),
        (b"Company,custom.X,custom.x\nA,B,C\n", "appears twice"),
        (b'Company,Contact Name\n"A" Inc,B\n', "row 2 has an unmatched quotation mark"),
        (b'Company,Contact Name\nA,B\nC,"D\n', "row 3 has an unmatched quotation mark"),
        (b"Company,Contact Name\nA,B\nCaf\xe9,C\n", "line 3 is not UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a text file"),
        (b"PK\x03\x04\x14\0", "can't be read"),
        (b"Company\nA\n" + b"B\n" * 5000 + b"C\0D\n", "line 5003 has characters"),
    ],
)
def test_a_file_that_can_not_be_used_is_refused_with_what_to_do(folder: Path, content: bytes, words: str) -> None:
    path = folder / "leads.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_source(path)
