"""The same leads, in whichever form a program has written them: separators, encodings, packed files and workbooks."""

import codecs
import csv
import gzip
import io
import sys
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cells.text_form import form_of
from tests.conftest import Ran, Run

HEADER = ["Company", "Contact Name", "Contact Emails", "Contact Phones", "custom.Company Founded", "Company US State"]
ROWS = [
    ["Café Nord", "Zoë Ström", "zoe@cafe.example", "+1 415 555 0100", "2001-02-03", "CA"],
    ["Müller, Söhne | Co; KG", 'Jörg "JJ" Müller', "", "(415) 555-0101", "1999-12-31", "TX"],
    ["Plain Inc", "Ann Lee", "ann@plain.example", "", "2010-06-15", ""],
]


def text_of(delimiter: str = ",", rows: list[list[str]] = ROWS, header: list[str] = HEADER) -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return file.getvalue()


def book(path: Path, sheets: dict[str, list[list[Any]]]) -> None:
    with xlsxwriter.Workbook(path) as workbook:
        day = workbook.add_format({"num_format": "dd.mm.yy"})
        for name, rows in sheets.items():
            sheet = workbook.add_worksheet(name)
            for number, row in enumerate(rows):
                for place, cell in enumerate(row):
                    is_day = isinstance(cell, datetime)
                    write = (
                        sheet.write_datetime if is_day else sheet.write_string if isinstance(cell, str) else sheet.write
                    )
                    write(number, place, cell, *([day] if is_day else []))


def ods(rows: list[list[str]]) -> bytes:
    """A sheet as LibreOffice writes it, without its styles."""
    kind = 'office:value-type="string"'
    space = "urn:oasis:names:tc:opendocument:xmlns:"
    lines = [
        "".join(f"<table:table-cell {kind}><text:p>{escape(cell)}</text:p></table:table-cell>" for cell in row)
        for row in rows
    ]
    cells = "".join(f"<table:table-row>{line}</table:table-row>" for line in lines)
    content = (
        f'<office:document-content xmlns:office="{space}office:1.0" xmlns:table="{space}table:1.0" '
        f'xmlns:text="{space}text:1.0"><office:body><office:spreadsheet><table:table table:name="Leads">{cells}'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as parts:
        ods_type = "application/vnd.oasis.opendocument.spreadsheet"
        parts.writestr("mimetype", ods_type)
        entry = f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{ods_type}"/>'
        names = f'xmlns:manifest="{space}manifest:1.0"'
        parts.writestr("META-INF/manifest.xml", f"<manifest:manifest {names}>{entry}</manifest:manifest>")
        parts.writestr("content.xml", content)
    return packed.getvalue()


FORMS: dict[str, tuple[bytes, str, tuple[str, ...]]] = {
    "leads.csv": (text_of().encode(), "", ()),
    "bom.csv": (text_of().encode("utf-8-sig"), "", ()),
    "semicolons.csv": (text_of(";").encode(), "semicolons, UTF-8", ()),
    "tabs.tsv": (text_of("\t").encode(), "tabs, UTF-8", ()),
    "pipes.txt": (text_of("|").encode(), "pipes, UTF-8", ()),
    "cp1252.csv": (text_of(";").encode("cp1252"), "semicolons, cp1252", ("--encoding", "cp1252")),
    "latin.csv": (text_of(";").encode("cp1252"), "semicolons, cp1252", ("--encoding", "latin-1")),
    "utf16.txt": (text_of("\t").encode("utf-16"), "tabs, UTF-16", ()),
    "utf16le.txt": (text_of("\t").encode("utf-16-le"), "tabs, UTF-16-le", ()),
    "utf16be.txt": (text_of(";").encode("utf-16-be"), "semicolons, UTF-16-be", ()),
    "sep.csv": (b"sep=;\r\n" + text_of(";").encode(), "semicolons, UTF-8", ()),
    "told.csv": (text_of(";").encode(), "semicolons, UTF-8", ("--delimiter", "semicolon")),
    "packed.csv.gz": (gzip.compress(text_of(";").encode()), "semicolons, UTF-8", ()),
    "packed.tsv.gz": (gzip.compress(text_of("\t").encode("utf-16")), "tabs, UTF-16", ()),
    "sheet.ods": (ods([HEADER, *ROWS]), "sheet 'Leads'", ()),
}


def plan_of(run: Run, name: str, *flags: str) -> tuple[Ran, list[list[str]]]:
    ran = run("import", name, "--dry-run", "--sandbox", *flags)
    plan = Path("output_data") / f"{Path(name.removesuffix('.gz')).stem}_plan.csv"
    return ran, list(csv.reader(io.StringIO(plan.read_text(encoding="utf-8-sig")))) if plan.exists() else []


@pytest.fixture
def usual(run: Run, folder: Path) -> list[list[str]]:
    (folder / "usual.csv").write_bytes(text_of().encode())
    return plan_of(run, "usual.csv")[1]


@pytest.mark.parametrize("name", FORMS)
def test_the_same_leads_come_out_of_every_form(run: Run, folder: Path, usual: list[list[str]], name: str) -> None:
    content, form, flags = FORMS[name]
    (folder / name).write_bytes(content)
    ran, plan = plan_of(run, name, *flags)
    assert (ran.code, plan) == (0, usual), ran.err
    assert (f"{name}: {form}, header in row 1" in ran.err) is bool(form)


def test_a_workbook_has_typed_cells_and_more_than_one_sheet(run: Run, folder: Path, usual: list[list[str]]) -> None:
    rows = [[*row[:4], datetime.fromisoformat(row[4]), row[5]] for row in ROWS]
    book(folder / "leads.xlsx", {"Notes": [], "Leads": [HEADER, *rows], "Old": [["x"]]})
    ran, plan = plan_of(run, "leads.xlsx")
    assert (ran.code, plan) == (0, usual), ran.err
    assert "leads.xlsx: sheet 'Leads' (also there: 'Old'; choose with --sheet), header in row 1" in ran.err
    assert plan_of(run, "leads.xlsx", "--sheet", " leads")[0].code == 0
    ran = run("import", "leads.xlsx", "--sheet", "Leeds", "--sandbox")
    assert (ran.code, "no sheet named 'Leeds'. Its sheets are 'Notes', 'Leads', 'Old'" in ran.err) == (2, True)


def test_numbers_in_a_workbook_are_what_people_see(run: Run, folder: Path) -> None:
    header = ["Company", "Contact Phones", "custom.Code", "custom.Size", "custom.Seen"]
    rows = [["Acme", 14155550100.0, "00123", 12.5, datetime(2024, 3, 10, 14, 30)], ["Beta", "", 7, 1e6, ""]]
    book(folder / "leads.xlsx", {"Leads": [header, *rows]})
    (folder / "same.csv").write_text(
        "Company,Contact Phones,custom.Code,custom.Size,custom.Seen\n"
        "Acme,14155550100,00123,12.5,2024-03-10 14:30:00\nBeta,,7,1000000,\n",
        encoding="utf-8",
    )
    assert plan_of(run, "leads.xlsx")[1] == plan_of(run, "same.csv")[1]


def test_standard_input_is_read_and_names_its_files(
    run: Run, folder: Path, usual: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text_of(";").encode())))
    ran = run("import", "-", "--dry-run", "--sandbox")
    assert (ran.code, "stdin: semicolons, UTF-8" in ran.err) == (0, True)
    plan = Path("output_data/stdin_plan.csv").read_text(encoding="utf-8-sig")
    assert list(csv.reader(io.StringIO(plan))) == usual
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text_of().encode())))
    assert run("import", "-", "--sandbox").code == 0
    assert Path("output_data/stdin_imported.csv").exists()


OTHERS = {
    "page.xls": (b"<html><body><table><tr><td>Company</td></tr></table></body></html>", "is a web page. Open it"),
    "card.csv": (b"BEGIN:VCARD\r\nFN:Ann\r\nEND:VCARD\r\n", "is a vCard"),
    "data.json": (b'[{"Company": "Acme"}]', "is JSON"),
    "paper.pdf": (b"%PDF-1.7\n%\xe2\xe3", "is a PDF"),
    "broken.xlsx": (b"PK\x03\x04 and no more", "is a workbook that can't be read"),
    "broken.csv.gz": (gzip.compress(b"Company\nAcme\n" * 100)[:-20], "is packed, but damaged"),
    "zeros.csv": (b"Company\0Acme\0\0" * 20, "is not a text file"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_table_is_told_in_one_line_with_what_to_do(run: Run, folder: Path, name: str) -> None:
    content, words = OTHERS[name]
    (folder / name).write_bytes(content)
    ran = run("import", name, "--sandbox")
    assert (ran.code, words in ran.err, len(ran.err.splitlines())) == (2, True, 1), ran.err


def test_a_file_that_is_not_utf_8_is_told_with_what_another_encoding_makes_of_it(run: Run, folder: Path) -> None:
    (folder / "leads.csv").write_bytes(text_of().encode("cp1252"))
    ran = run("import", "leads.csv", "--sandbox")
    assert ran.code == 2
    assert "leads.csv: line 2 is not UTF-8; read as cp1252, it has 'Café' and 'Zoë'" in ran.err
    assert "--encoding cp1252" in ran.err


def test_a_delimiter_that_nobody_knows_is_refused(run: Run, folder: Path) -> None:
    (folder / "leads.csv").write_bytes(text_of("#").encode())
    ran = run("import", "leads.csv", "--delimiter", "#", "--sandbox")
    assert (ran.code, "must be comma, semicolon, tab or pipe" in ran.err) == (2, True)


cells = st.text(st.characters(blacklist_categories=("Cs", "Cc"), max_codepoint=0x2FFF), max_size=12)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=6),
)
def test_the_delimiter_of_a_known_header_is_found_whatever_the_cells_hold(
    delimiter: str, encoding: str, rows: list[list[str]]
) -> None:
    text = text_of(delimiter, rows, ["Company", "Contact Name", "Contact Emails"])
    form = form_of(text.encode(encoding))
    assert form.delimiter == delimiter
    assert codecs.lookup(form.encoding).name in {codecs.lookup(encoding).name, "utf-8-sig"}


def test_blanks_between_a_comma_and_a_quotation_mark_are_forgiven(
    run: Run, folder: Path, write: Callable[..., Path]
) -> None:
    (folder / "loose.csv").write_text('Company, "Contact Name"\n"Acme, Inc", "Lee, Ann"\n', encoding="utf-8")
    (folder / "tight.csv").write_text('Company,"Contact Name"\n"Acme, Inc","Lee, Ann"\n', encoding="utf-8")
    assert plan_of(run, "loose.csv")[1] == plan_of(run, "tight.csv")[1] != []
