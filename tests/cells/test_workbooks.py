"""A sheet of any workbook as text: nothing lost or changed on the way, or one clear reason why it can't be read."""

import base64
import contextlib
import datetime
import gzip
import os
import subprocess
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from cells.numbers import Currency, parse_number
from cells.texts import InvalidValue
from cells.unreadable import InputError
from cells.workbooks.sheet import is_workbook, open_sheet
from cells.wrapped import is_formula

BOOK = "xl/workbook.xml"
SHEET = "xl/worksheets/sheet1.xml"
SPREADSHEET = "application/vnd.oasis.opendocument.spreadsheet"
NAMES_OF_ODS = " ".join(
    [
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"',
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"',
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"',
        'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"',
    ]
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "leads.xlsx"


def rows_of(path: Path, sheet: str = "") -> list[list[str]]:
    return list(open_sheet(path, sheet).rows)


def save(path: Path, *rows: Iterable[Any]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def save_formatted(path: Path, *cells: tuple[Any, str]) -> Path:
    """Save a row of values, each with its number format."""
    book = openpyxl.Workbook()
    for column, (value, number_format) in enumerate(cells, 1):
        book.active.cell(1, column, value).number_format = number_format
    book.save(path)
    return path


def pack(path: Path, parts: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def change(path: Path, part: str, edit: Callable[[str], str]) -> Path:
    """Change the XML of a part of a workbook."""
    with zipfile.ZipFile(path) as archive:
        parts: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    parts[part] = edit(archive_text(parts[part]))
    return pack(path, parts)


def archive_text(content: str | bytes) -> str:
    return content.decode() if isinstance(content, bytes) else content


def save_cells(path: Path, *rows: str) -> Path:
    """Save rows of cells given as XML."""
    inside = "".join(rows)
    return change(save(path, ["x"]), SHEET, lambda xml: f"{xml.partition('<sheetData>')[0]}<sheetData>{inside}{_END}")


_END = "</sheetData></worksheet>"


def save_ods(path: Path, *rows: str, manifest: str = "<manifest/>") -> Path:
    table = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    body = f'<office:spreadsheet><table:table table:name="Leads">{table}</table:table></office:spreadsheet>'
    content = f"<office:document-content {NAMES_OF_ODS}><office:body>{body}</office:body></office:document-content>"
    return pack(path, {"mimetype": SPREADSHEET, "content.xml": content, "META-INF/manifest.xml": manifest})


def refusal(path: Path, sheet: str = "") -> str:
    with pytest.raises(InputError) as caught:
        rows_of(path, sheet)
    (line,) = str(caught.value).splitlines()
    return line


# Values --------------------------------------------------------------------------------------------------------------


def test_rows_are_those_of_the_sheet_and_equally_long(path: Path) -> None:
    book = openpyxl.Workbook()
    book.active["B2"], book.active["D4"], book.active["F9"] = "b", "d", ""
    book.save(path)
    assert rows_of(path)[:4] == [[""] * 4, ["", "b", "", ""], [""] * 4, ["", "", "", "d"]]


def test_texts_stay_as_they_are(path: Path) -> None:
    texts = ["00123", " padded ", "two\nlines", 'a "quoted", comma', "Zoë 😀", "1e5", "TRUE", "a\tb", "x" * 32_767]
    assert rows_of(save(path, texts)) == [texts]


NUMBERS = {
    14155550100.0: "14155550100",
    1234567890123456: "1234567890123456",
    1.5e20: "150000000000000000000",
    -7: "-7",
    1234567.89: "1234567.89",
    0.00001: "0.00001",
    1e-300: "1e-300",
}


def test_a_number_is_written_as_a_person_would_write_it(path: Path) -> None:
    assert rows_of(save(path, list(NUMBERS))) == [list(NUMBERS.values())]


def test_noise_of_calculation_is_not_shown_and_digits_of_an_identifier_are_not_lost(path: Path) -> None:
    numbers = ["0.30000000000000004", "2.2999999999999998", "12345678901234567890"]
    cells = "".join(f'<c r="{column}1"><v>{number}</v></c>' for column, number in zip("ABC", numbers, strict=True))
    assert rows_of(save_cells(path, f"<row>{cells}</row>")) == [["0.3", "2.3", "12345678901234567890"]]


def test_dates_and_times_are_iso_whatever_their_format_shows(path: Path) -> None:
    day = datetime.datetime(2024, 1, 5)
    cells = [
        (day, "mmm yy"),
        (day, "[$-407]d. mmmm"),
        (day.replace(hour=10, minute=10), "h:mm AM/PM"),
        (datetime.datetime(2024, 1, 5, 12, 59, 2, 400_000), "d/m/yyyy"),
        (datetime.time(9, 30), "h:mm"),
        (datetime.timedelta(hours=30, minutes=5), "[h]:mm:ss"),
        (True, "General"),
        (False, "General"),
    ]
    moments = ["2024-01-05 10:10:00", "2024-01-05 12:59:02.4", "09:30:00", "30:05:00"]
    assert rows_of(save_formatted(path, *cells)) == [["2024-01-05", "2024-01-05", *moments, "TRUE", "FALSE"]]


def test_days_can_be_counted_from_1904(path: Path) -> None:
    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    book.active.append([datetime.date(2024, 1, 5), 43834])
    book.save(path)
    assert rows_of(path) == [["2024-01-05", "43834"]]
    in_japan = change(path, "xl/styles.xml", lambda xml: xml.replace('numFmtId="14"', 'numFmtId="31"'))
    assert rows_of(in_japan) == [["2024-01-05", "43834"]]


@pytest.mark.parametrize("number", [14, *range(27, 37), *range(50, 59)])
def test_a_number_that_is_no_date_is_digits_whatever_its_format_shows(path: Path, number: int) -> None:
    save_formatted(path, *((days, "mm-dd-yy") for days in (14155550100, 2958466, 2958465, 45296)))
    change(path, "xl/styles.xml", lambda xml: xml.replace('numFmtId="14"', f'numFmtId="{number}"'))
    assert rows_of(path) == [["14155550100", "2958466", "9999-12-31", "2024-01-05"]]


def test_long_sheets_are_read_as_short_ones(path: Path) -> None:
    def row(number: int) -> str:
        cells = (f'<c r="{letter}{number}" t="e"><v>#N/A</v></c>' for letter in "ABCDEFGHIJ")
        return f'<row r="{number}">{"".join(cells)}</row>'

    for numbers in (range(1, 12_001), range(12_000, 0, -1)):
        save_cells(path, *map(row, numbers))  # more than is searched at once
        assert rows_of(path) == [["#N/A"] * 10] * 12_000


_TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1).filter(
    lambda text: not text.startswith(("=", "#")) and "_x" not in text
)
_NUMBERS = st.integers(-(10**15), 10**15) | st.integers(-(10**9), 10**9).map(lambda number: number / 1000)


@settings(max_examples=12, deadline=None)
@given(rows=st.lists(st.lists(_TEXTS | _NUMBERS, min_size=3, max_size=3), min_size=1, max_size=5))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[list[Any]]) -> None:
    read = rows_of(save(tmp_path_factory.mktemp("book") / "leads.xlsx", *rows))
    assert [
        [type(value)(cell) for value, cell in zip(*pair, strict=True)] for pair in zip(rows, read, strict=True)
    ] == rows


# What values do not tell ---------------------------------------------------------------------------------------------


def test_a_formula_without_a_result_stays_a_formula(path: Path) -> None:
    save(path, ["Ann", "Lee", '=A1&" "&B1', "=A1<B1", "=Name"], ["Bob"])
    rows = rows_of(path)
    assert rows == [["Ann", "Lee", '=A1&" "&B1', "=A1<B1", "=(Name)"], ["Bob", "", "", "", ""]]
    assert all(map(is_formula, rows[0][2:]))


def test_a_formula_may_be_shared_or_have_a_result_even_if_that_is_nothing(path: Path) -> None:
    cells = [
        '<c r="A1"><f t="shared" ref="A1:A2" si="0">B1*2</f></c>',
        '<c r="B1"><f t="shared" si="0"/><v></v></c>',
        '<c r="C1" t="str"><f>IF(A9="","",A9)</f><v></v></c>',
        '<c r="D1"><f>1+1</f><v>2</v></c>',
        '<c r="E1" t="str"><f>A9</f><v>ok</v></c>',
    ]
    assert rows_of(save_cells(path, f"<row>{''.join(cells)}</row>")) == [["=B1*2", "=(formula)", "", "2", "ok"]]


def test_a_nought_that_was_never_calculated_is_no_result(path: Path) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["=2*3", 0])
        sheet.write_formula(0, 2, "=2*4", None, 8)
    assert rows_of(path) == [["=2*3", "0", "8"]]


def test_errors_are_read_by_their_names(path: Path) -> None:
    cells = [
        '<c r="A1" t="e"><v>#N/A</v></c>',
        '<c r="B1" t="e"><f>C9</f><v>#REF!</v></c>',
        '<c r="C1"><v>1</v></c>',
    ]
    assert rows_of(save_cells(path, f"<row>{''.join(cells)}</row>")) == [["#N/A", "#REF!", "1"]]
    unknown = save_cells(path, '<row><c r="A1" t="e"><v>#SPILL!</v></c></row>')
    assert "leads.xlsx has a cell with the error '#SPILL!'" in refusal(unknown)


def test_cells_and_rows_need_not_say_where_they_are_and_names_may_have_a_prefix(path: Path) -> None:
    first = "<row><c><v>1</v></c><c/><c><f>A1*2</f></c></row><row/>"
    rows = first + "<row r='5'><c r='B5' t='e'><v>#N/A</v></c><c><f>A1</f></c></row>"
    expected = [["1", "", "=A1*2"], *[["", "", ""]] * 3, ["", "#N/A", "=A1"]]
    assert rows_of(save_cells(path, rows)) == expected
    prefixed = change(path, SHEET, lambda xml: xml.replace("</", "</x:").replace("<", "<x:").replace("<x:/x:", "</x:"))
    assert rows_of(change(prefixed, SHEET, lambda xml: xml.replace("xmlns=", "xmlns:x="))) == expected


AMOUNTS = {
    "[$€-407]#,##0.00": "€",
    '#,##0.00\\ "€"': "€",
    "_-* #,##0.00\\ [$zł-415]_-;\\-* #,##0.00\\ [$zł-415]_-": "PLN",
    "[$£-809]#,##0": "£",
    "£#,##0": "£",
    "[$CHF] #,##0": "CHF",
    "\\E\\U\\R\\ #,##0": "EUR",
    "#,##0 [$kr-41D]": "SEK",
    "[$¥-411]#,##0": "JPY",
    '"R$" #,##0.00': "R$",
    "[$$-1009]#,##0": "CA$",
    "[$$-en-AU]#,##0": "AU$",
    "[$CA$-en-CA]#,##0": "CA$",
}


def test_an_amount_in_another_currency_has_its_sign(path: Path) -> None:
    (amounts,) = rows_of(save_formatted(path, *((1500000, number_format) for number_format in AMOUNTS)))
    assert amounts == [f"{mark} 1500000" for mark in AMOUNTS.values()]
    for amount in amounts:
        with pytest.raises(InvalidValue) as caught:
            parse_number(amount)
        assert caught.value.code == "wrong_currency"


def test_an_amount_in_the_currency_of_its_sign_is_a_number(path: Path) -> None:
    save_formatted(path, (-1234.5, "[$€-2] #,##0.00;[Red]-[$€-2] #,##0.00"), (5, "[$$-1009]0"), (6, "[$USD] 0"))
    ((euros, canadian, american),) = rows_of(path)
    assert parse_number(euros, Currency("EUR", "€")) == -1234.5
    assert parse_number(canadian, Currency("CAD", "$")) == 5
    assert parse_number(american) == 6


SHOWN = (
    (2134, "00000", "02134"),
    (21341234, "00000\\-0000", "02134-1234"),
    (2134, "[<=99999]00000;00000\\-0000", "02134"),
    (21341234, "[<=99999]00000;00000\\-0000", "02134-1234"),
    (12345678, "000\\-00\\-0000", "012-34-5678"),
    (1234567, "00000", "1234567"),
    (42, '"ID-"0000', "ID-0042"),
    (0.5, "00000", "0.5"),
    (5, "0", "5"),
    (2134, "0.00", "2134"),
    (2134, "#,##0", "2134"),
    (0.125, "0.0%", "0.125"),
    (7, '0" units"', "7"),
    (9, '"$"#,##0.00_);\\("$"#,##0.00\\)', "9"),
    (9, "[$$-409]#,##0.00", "9"),
    (9, '_("$"* #,##0.00_)', "9"),
)


def test_noughts_in_front_are_kept_and_other_formats_ignored(path: Path) -> None:
    save_formatted(path, *((number, number_format) for number, number_format, _ in SHOWN), ("00x", "00000"))
    assert rows_of(path) == [[*(text for _, _, text in SHOWN), "00x"]]


# Sheets --------------------------------------------------------------------------------------------------------------


def test_the_first_visible_sheet_with_data_is_read_and_others_by_their_names(path: Path) -> None:
    with xlsxwriter.Workbook(path) as book:
        hidden, very_hidden = book.add_worksheet("Old"), book.add_worksheet("Code")
        book.add_chartsheet("Chart").set_chart(_chart(book))
        book.add_worksheet("Cover").activate()
        for name, sheet in {"Old": hidden, "Code": very_hidden, "LEADS": book.add_worksheet("LEADS")}.items():
            sheet.write(0, 0, name)
            sheet.write_formula(0, 1, "=LEADS!A1")
        hidden.hide()
        very_hidden.very_hidden()
    sheet = open_sheet(path)
    assert (sheet.name, sheet.all_sheets, list(sheet.rows)) == ("LEADS", ("Cover", "LEADS"), [["LEADS", "=LEADS!A1"]])
    assert rows_of(path, " leads ") == [["LEADS", "=LEADS!A1"]]
    assert rows_of(path, "Old") == [["Old", "=LEADS!A1"]]
    assert refusal(path, "Lists") == "leads.xlsx has no sheet 'Lists'. Name one of its sheets: 'Cover', 'LEADS'."
    assert refusal(path, "chart") == (
        "leads.xlsx: the sheet 'chart' has no cells. Name one of its sheets: 'Cover', 'LEADS'."
    )
    assert refusal(path, "cover") == "leads.xlsx: the sheet 'Cover' is empty. Name another one: 'LEADS'."


def _chart(book: Any) -> Any:
    chart = book.add_chart({"type": "line"})
    chart.add_series({"values": "=LEADS!$A$1:$A$2"})
    return chart


def test_a_workbook_without_any_data_is_refused(path: Path) -> None:
    assert refusal(save(path)) == "leads.xlsx is an empty workbook. Fill its first sheet, or use another file."
    only_blank_cells = save_formatted(path, (None, "[$€-2] 0"))
    assert "is an empty workbook" in refusal(only_blank_cells)


def test_data_on_hidden_sheets_only_is_read_if_one_is_named(path: Path) -> None:
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("Cover").activate()
        for name in ("Old", "Blank", "Older"):
            book.add_worksheet(name).hide()
        book.get_worksheet_by_name("Old").write(0, 0, "Ann")
        book.get_worksheet_by_name("Older").write_formula(0, 0, "=1+1", None, "")
    words = "leads.xlsx has data on hidden sheets only. Name one with --sheet NAME: 'Old', 'Older'."
    assert refusal(path) == refusal(path, "Cover") == words
    assert rows_of(path, "Old") == [["Ann"]]


# Formats -------------------------------------------------------------------------------------------------------------


def test_the_format_is_seen_by_the_content_and_any_name_will_do(tmp_path: Path) -> None:
    save(tmp_path / "leads.xlsx", ["Ann"])
    for name in ("leads.csv", "leads.xls", "-leads", 'a "b" ünï 😀.ods', os.fsdecode(b"caf\xe9.xlsx")):
        path = tmp_path / name
        path.write_bytes((tmp_path / "leads.xlsx").read_bytes())
        assert is_workbook(path.read_bytes()[:8])
        assert rows_of(path) == [["Ann"]]


def test_an_open_document_is_read_with_what_its_values_do_not_tell(path: Path) -> None:
    def cell(kind: str, value: str, shown: str = "", more: str = "") -> str:
        name = {"string": "string-value", "date": "date-value"}.get(kind, "value")
        attributes = f'office:value-type="{kind}" office:{name}="{value}" {more}'
        return f"<table:table-cell {attributes}><text:p>{shown}</text:p></table:table-cell>"

    plain = cell("string", "00123") + cell("float", "14155550100") + cell("date", "2024-01-05T00:00:00")
    euros = cell("currency", "1500000", "1.500.000 €", 'office:currency="EUR" table:number-columns-repeated="2"')
    dollars = cell("currency", "5", "$5", 'office:currency="USD"')
    error = cell("string", "", "#REF!", 'calcext:value-type="error"')
    formula = '<table:table-cell table:formula="of:=[.A1]*2"/>'
    padded = cell("float", "2134", "02134")
    save_ods(path, plain, euros + dollars, error + formula + padded)
    assert rows_of(path) == [
        ["00123", "14155550100", "2024-01-05"],
        ["EUR 1500000", "EUR 1500000", "5"],
        ["#REF!", "=([.A1]*2)", "02134"],
    ]


def test_a_workbook_of_excel_97_is_read(path: Path) -> None:
    path.write_bytes(zlib.decompress(base64.b85decode(EXCEL_97)))
    assert rows_of(path) == [["Company", "Founded", "Phone", "Ok"], ["Ann", "2024-01-05", "14155550100", "TRUE"]]


# Refused -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"word/document.xml": "x", "[Content_Types].xml": "x"}, "is a document"),
        ({"ppt/presentation.xml": "x", "[Content_Types].xml": "x"}, "is a presentation"),
        ({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "x"}, "is a document"),
        ({"Index/Document.iwa": "x"}, "is a file of Apple Numbers. Export it"),
        ({"leads.csv": "Company\nA\n"}, "is a zip archive, not a spreadsheet. Unpack it"),
        ({"mimetype": SPREADSHEET, "META-INF/manifest.xml": "<m:encryption-data/>"}, "is protected with a password"),
        ({"[Content_Types].xml": "x", "_rels/.rels": "x"}, "is damaged"),
        ({"mimetype": SPREADSHEET}, "is damaged"),
        ({"mimetype": SPREADSHEET, "content.xml": "<a><table></a>"}, "is damaged"),
        ({"[Content_Types].xml": "x", "_rels/.rels": "x", "xl/a.xml": b" " * 60 * 1024**2}, "unpacks to far more"),
    ],
)
def test_another_kind_of_archive_is_refused_with_what_to_do(
    path: Path, parts: dict[str, str | bytes], words: str
) -> None:
    assert words in refusal(pack(path, parts))


def test_an_archive_with_a_password_or_packed_once_more_is_refused(path: Path) -> None:
    save(path, ["Ann"])
    packed = path.with_name("leads.xlsx.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert refusal(packed) == "leads.xlsx.gz is a packed workbook. Unpack it and use the workbook in it."
    entry = b"PK\x01\x02" + path.read_bytes().partition(b"PK\x01\x02")[2][:4]
    path.write_bytes(path.read_bytes().replace(entry + b"\0", entry + b"\1"))  # the flag of an encrypted part
    assert "is protected with a password" in refusal(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("EncryptedPackage".encode("utf-16-le"), "leads.xlsx is protected with a password. Open it, save a copy"),
        ("WordDocument".encode("utf-16-le"), "is a document"),
        ("__properties_version1.0".encode("utf-16-le"), "is an e-mail"),
        (b"", "is not a spreadsheet"),
        ("Workbook\0".encode("utf-16-le"), "is damaged"),
        (
            "Workbook\0".encode("utf-16-le") + b"\t\x08\x10\0\0\x06\5\0" + bytes(12) + b"\x2f\0\x36\0",
            "is protected with a password",
        ),
    ],
)
def test_an_old_file_of_another_kind_or_with_a_password_is_refused(path: Path, content: bytes, words: str) -> None:
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + content)
    assert is_workbook(path.read_bytes()[:8])
    assert words in refusal(path)
    assert "No such file" in refusal(path.with_name("other.xlsx"))


def test_a_cell_far_beyond_the_table_is_refused_at_once(path: Path) -> None:
    begin = time.monotonic()
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    assert "cells far beyond the table" in refusal(save_cells(path, "<row><c><v>1</v></c></row>", far))
    assert time.monotonic() - begin < 5  # seconds
    assert "too large for this machine's memory" in refusal(path)


def test_a_cell_beyond_where_a_sheet_ends_is_refused(path: Path) -> None:
    assert "is damaged" in refusal(save_cells(path, '<row r="9999999"><c r="A9999999"><f>B1</f></c></row>'))
    repeated = '<table:table-cell office:value-type="string" calcext:value-type="error" {}><text:p>#N/A</text:p>{}'
    for times in ("99999", "x"):
        cell = repeated.format(f'table:number-columns-repeated="{times}"', "</table:table-cell>")
        assert "is damaged" in refusal(save_ods(path, cell))


def test_a_sheet_that_only_says_to_be_large_is_read(path: Path) -> None:
    save(path, ["Ann"])
    change(path, SHEET, lambda xml: xml.replace('ref="A1"', 'ref="A1:XFD1048576"'))
    assert rows_of(path) == [["Ann"]]


def test_a_damaged_file_is_never_read_in_part(path: Path) -> None:
    save(path, *(["Ann", number] for number in range(3000)))
    whole = path.read_bytes()
    change(path, SHEET, lambda xml: xml[: len(xml) // 2])
    assert "is damaged" in refusal(path)
    path.write_bytes(whole[: len(whole) // 2])
    assert "is damaged" in refusal(path)


# The process ---------------------------------------------------------------------------------------------------------


def test_our_modules_are_found_wherever_python_looks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    assert rows_of(save(path, ["Ann"])) == [["Ann"]]


@pytest.mark.parametrize(
    ("instead", "error", "words"),
    [
        ("import no_such_module", ModuleNotFoundError, "No module named 'no_such_module'"),
        ("{}['Ann']", RuntimeError, "KeyError at python_calamine.py:1, when a workbook was read"),
    ],
)
def test_a_fault_of_ours_is_not_told_as_one_of_the_workbook(
    path: Path, monkeypatch: pytest.MonkeyPatch, instead: str, error: type[Exception], words: str
) -> None:
    path.with_name("python_calamine.py").write_text(instead)
    monkeypatch.setenv("PYTHONPATH", str(path.parent))
    with pytest.raises(error) as caught:
        open_sheet(save(path, ["Ann"]))
    assert str(caught.value) == words


def test_the_process_ends_with_the_iterator(path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    save(path, *(["Ann " * 1000, number] for number in range(3000)))
    rows = open_sheet(path).rows
    assert next(rows)[1] == "0"
    assert started[0].poll() is None
    with contextlib.closing(rows):  # type: ignore[type-var]
        pass
    assert started[0].returncode == -9
    del rows
    open_sheet(path)
    assert started[1].returncode == -9


def test_a_table_is_never_cut_off_when_the_process_ends(path: Path, started: list[subprocess.Popen[bytes]]) -> None:
    save(path, *(["Ann " * 1000, number] for number in range(3000)))
    rows = open_sheet(path).rows
    assert next(rows)[1] == "0"
    started[0].kill()
    with pytest.raises(InputError, match="can't be read"):
        list(rows)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that were started, in order."""
    processes: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            processes.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    return processes


# A workbook that xlwt wrote, with dates from 1904 on.
EXCEL_97 = (
    "c-rk)O=uHA6#iy6+x*z1Ntz0+P(s04YeB?|mv-BV?L}+!qKKkt6HwA@O4LI<Xtm}j2%Z!V7V1HesuzFIgWfy{6+H-okf<j;2?`$CtZ!a+C8-Jx"
    "XrVG+m~Y;DGxO$Ues}lfLZmc%ucM4*7=Vt7?MG9MO;GZ?N*Gjb+fsCMA0=C1O~LP@iEJ|PIQYUV=TOdf85-_-o)H7@DILZX#&T9VzKR&;7?MK9"
    "&`&IIoh%`=b5v303FcPjJ6!V#^B`L;G51s5k~o9~bF6oVvx*ODU639_%n!KDTdutgZFnwM@wv;QTGzl({zP(ejTLlynlT5O(9yJ&&P#nAZpyjM"
    "X0!1^p@bMIbNFV*fv@h4ei~Qy)wK(d{d>LL`v<#^CUCj^isk{PVISiSQbZ7~9$8{wcRHCmxrnVKf)lNUow@8((khTNk~?js(kZehj?=!TmA^Nm"
    "14EV-kViZp3E{dUA;?>$nK*?OmLt4j!W7rytuL?kj3>;aY?<b3pn6$sl<~pFdD(&*hqy#zmL<I`Z(+W`UN^AZ!5pK&Deq3SIl{;c*SW~0-PF%^"
    "#%ps^jod?W@$<fioy8C4W|HSe%V%QqZ_HVA(dCt*_VPD_KG7$xU6puby18%;mUqnUzZ^0?E$qZ@J2zqrmJnbu!d%tl=!l=1=8RQU(@E1EU*b2u"
    "1pAVsb5;v*tWkWrtwE>J6YLAPG5PUGVA#-nWYM{=0WFIAJg|c`7j^&&3JMAe3JMAe3Uv_91G(-zk{iwgzt{P$vqY()K9l^n*pD3jPSK0yE?AW3"
    "QD|uWtcM|7Ut)!A-0y`F2dMWvG8pGLG7Ya^dSMf_|7XPw!+&oJHQIlrkvRWx|33g9x7Nu"
)
