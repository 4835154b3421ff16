"""The rows to fix: in a workbook that comes back as it is, under names that never cost somebody's work."""

import csv
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cells.columns import REJECT_COLUMNS, ROW_COLUMN, VALUE_COLUMN
from cells.maps.column_map import AskedForm
from cells.problems import Problem
from cells.source_file import SourceFile, read_source
from importing.rejects import TOLD_COLUMNS, Rejects
from importing.rejects_workbook import MOST_COMMENTS, rejects_workbook
from sandbox import Sandbox
from tests.conftest import HEADER, Run
from tests.raw_close import RawClose
from tests.test_cleaning import clean
from tests.what_close_holds import custom_ids, leads_held, named, people_on, table

Write = Callable[..., Path]
OUTPUT = Path("output_data")
WORKBOOK = OUTPUT / "leads_rejects.xlsx"
BAD = "FFFFD0CB"
SOFFICE = shutil.which("soffice")


def sheet_of(path: Path = WORKBOOK) -> Any:
    return openpyxl.load_workbook(path).active


def as_workbook(source: Path, target: Path) -> Path:
    """The same table, saved as a workbook in which every cell is text."""
    book = openpyxl.Workbook()
    with source.open(newline="", encoding="utf-8-sig") as file:
        for row in csv.reader(file):
            book.active.append(row)
    book.save(target)
    return target


def written() -> set[str]:
    return {path.name for path in OUTPUT.iterdir() if "_rejects" in path.name and "_imported" not in path.name}


# The workbook --------------------------------------------------------------------------------------------------------


def test_a_workbook_of_rejects_tells_what_is_wrong_where_it_is_wrong(
    run: Run, write: Write, connected: Sandbox
) -> None:
    write('Acme,Ann,bad,"+1 415 555 0100\n0123",17.05.1987,€5,', "Fine,,,,18.05.1987,,", ",Bee,,,,,CA")
    files = run("import", "leads.csv", "--rejects-xlsx", "--json").json["files"]
    assert files["rejects_xlsx"] == str(WORKBOOK)
    assert WORKBOOK.stat().st_mode & 0o777 == 0o600
    sheet = sheet_of()
    header, acme, nobody = sheet.iter_rows()
    assert [cell.value for cell in header] == [*TOLD_COLUMNS, *HEADER.split(","), "_date_order"]
    assert all(cell.font.bold for cell in header)
    assert sheet.freeze_panes == "A2"
    (line, other) = table(files["rejects"])
    titles = [cell.value for cell in header]
    for cells, wanted in ((acme, line), (nobody, other)):
        assert {title: cell.value or "" for title, cell in zip(titles, cells, strict=True)} == wanted
    coloured = {cell.coordinate: cell.comment.text for cell in [*acme, *nobody] if cell.fill.fgColor.rgb == BAD}
    assert list(coloured) == ["H2", "I2", "K2", "F3"]
    assert coloured["I2"].startswith("0123: ")
    assert coloured["F3"] == "The row has no company."
    assert {cell.comment is None for cell in [*acme, *nobody] if cell.coordinate not in coloured} == {True}


def test_all_cells_and_columns_are_text_and_none_is_a_formula(run: Run, write: Write, connected: Sandbox) -> None:
    write("Acme,=1+1,bad,0123,17.05.1987,,")
    run("import", "leads.csv", "--rejects-xlsx")
    sheet = sheet_of()
    assert {cell.number_format for row in sheet.iter_rows() for cell in row} == {"@"}
    columns = [each for each in sheet.column_dimensions.values() for _ in range(each.min, each.max + 1)]
    assert [column.number_format for column in columns] == ["@"] * sheet.max_column
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value} == {"s"}
    reasons = sheet["E"]
    assert all(cell.alignment.wrap_text for cell in reasons)
    assert columns[0].width < columns[1].width < columns[4].width < 70


def test_a_workbook_of_leads_gets_one_of_rejects(run: Run, write: Write, connected: Sandbox) -> None:
    as_workbook(write("Acme,Ann,bad,0123,,,", "Beta,,b@b.com,,,,"), Path("book.xlsx"))
    ran = run("import", "book.xlsx")
    assert "the same as a workbook: output_data/book_rejects.xlsx" in ran.out
    told = ran.err.splitlines()[-1]
    assert told.startswith("2 values were dropped from 1 row: see output_data/book_rejects.xlsx. Fix the rows there in")
    assert told.endswith("Excel or LibreOffice, then run: python main.py import output_data/book_rejects.xlsx")


def test_a_text_file_gets_a_workbook_only_if_that_is_asked_for(run: Run, write: Write, connected: Sandbox) -> None:
    write("Acme,Ann,bad,0123,,,")
    assert run("import", "leads.csv", "--json").json["files"]["rejects_xlsx"] is None
    assert written() == {"leads_rejects.csv"}


def test_several_values_and_columns_colour_the_cells_that_have_them(run: Run, write: Write, connected: Sandbox) -> None:
    write(
        "Acme,Ann,Ruiz,+1 212 555 0100,123",
        f"Beta,{'B' * 600},{'C' * 600},,",
        header="Company,First Name,Last Name,Work Phone,Mobile Phone",
    )
    run("import", "leads.csv", "--rejects-xlsx")
    coloured = {cell.coordinate for row in sheet_of().iter_rows() for cell in row if cell.fill.fgColor.rgb == BAD}
    assert coloured == {"J2", "G3", "H3"}


def test_of_several_columns_for_a_company_the_one_that_has_it_is_coloured(
    run: Run, write: Write, connect: Callable[[Sandbox], None]
) -> None:
    with Sandbox(lead_cap=None, country="US") as sandbox:
        connect(sandbox)
        write(f",{'A' * 1001}", header="Company,Organization")
        assert run("import", "leads.csv", "--rejects-xlsx", "--json").json["leads"]["failed"] == 1
    assert [cell.coordinate for cell in sheet_of()[2] if cell.fill.fgColor.rgb == BAD] == ["G2"]


def test_the_same_rows_make_the_same_workbook_at_any_time(tmp_path: Path) -> None:
    rejects = rejects_in(source_of(tmp_path, [["Acme", "x"]]))
    path = tmp_path / "book.xlsx"
    path.write_bytes(rejects_workbook(rejects).content)
    assert path.read_bytes() == rejects_workbook(rejects).content
    assert openpyxl.load_workbook(path).properties.created.isoformat() == "2000-01-01T00:00:00"


def test_there_are_only_so_many_comments(tmp_path: Path) -> None:
    source = source_of(tmp_path, [["Acme", "x"]] * (MOST_COMMENTS + 1))
    path = tmp_path / "book.xlsx"
    path.write_bytes(rejects_workbook(rejects_in(source)).content)
    cells = [row[6] for row in sheet_of(path).iter_rows(min_row=2)]
    assert [cell.comment is not None for cell in cells] == [True] * MOST_COMMENTS + [False]
    assert {cell.fill.fgColor.rgb for cell in cells} == {BAD}


# There and back ------------------------------------------------------------------------------------------------------


def source_of(folder: Path, rows: list[list[str]]) -> SourceFile:
    path = folder / "source.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["Company", "Notes"], *rows])
    return read_source(path, AskedForm(encoding="utf-8", delimiter=","))


def rejects_in(source: SourceFile) -> Rejects:
    """All rows of a file, each with its second cell for the value that is lost."""
    notes = source.cells[1].items()
    problems = {int(str(row)): [Problem(int(str(row)), "Notes", note, "invalid_email", "No.")] for row, note in notes}
    return Rejects(source, problems, {"_date_order": ""})


NOT_HELD = ["_x005F_x0041_", "a_x0041_x005f_", "_x005F_x000D_", "\ufffe", "a\uffffb"]
PIECES = [
    "_x0041_",
    "_x000D_",
    "_x005F_",
    "_x",
    "_",
    "x0041",
    "\r\n",
    "\r",
    "\n",
    "\t",
    " ",
    "00",
    "=1+1",
    "😀",
    "\x1b",
]
TEXTS = st.one_of(
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=6).map("".join),
    st.sampled_from(["+14155550100", "007", "1e5", "TRUE", "#N/A", "'x", '="007"', "{=1}", "2024-01-05", "\ufeffx"]),
).filter(lambda text: not re.search("[\0\ud800-\udfff]", text))


@settings(max_examples=5)  # of many rows: each starts a process that reads a workbook
@given(rows=st.lists(TEXTS, min_size=100, max_size=300))
def test_every_text_comes_back_from_the_workbook_or_is_said_to_be_left_out(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("texts")
    rows = [*NOT_HELD, *PIECES, *rows]
    source = source_of(folder, [["Acme", text] for text in rows])
    book = rejects_workbook(rejects_in(source))
    path = folder / "book.xlsx"
    path.write_bytes(book.content)
    back = read_source(path)
    assert back.is_workbook
    assert len(back.cells) == len(source.cells) - book.rows_left_out
    assert book.rows_left_out <= sum(bool(re.search("x005F_x|[\ufffe\uffff]|_x...._x", text, re.I)) for text in rows)
    there = {str(row): note for row, note in source.cells[1].items()}
    for row, note, value in zip(back.column(ROW_COLUMN), back.as_written[6], back.column(VALUE_COLUMN), strict=True):
        assert (note, value) == (there[row], there[row])


def test_a_row_that_a_workbook_can_not_hold_stands_in_the_csv_file_alone(
    run: Run, write: Write, connected: Sandbox
) -> None:
    header = f"{HEADER},Notes"
    long, emoji = "x" * 32_768, "😀" * 16_384
    write(*(f"Acme,Ann,bad,,,,,{text}" for text in ("fine", long, emoji, "_x005F_x0041_")), header=header)
    ran = run("import", "leads.csv", "--rejects-xlsx")
    assert [row[12].value for row in sheet_of().iter_rows(min_row=2)] == ["fine"]
    assert len(table(OUTPUT / "leads_rejects.csv")) == 4
    assert "3 rows of output_data/leads_rejects.csv can't be kept exactly in a workbook: fix them there." in ran.err


def test_without_a_row_that_fits_the_csv_file_is_the_one_to_fix(run: Run, write: Write, connected: Sandbox) -> None:
    write(f"Acme,Ann,bad,,,,,{'x' * 32_768}", header=f"{HEADER},Notes")
    assert run("import", "leads.csv", "--rejects-xlsx").err.endswith("import output_data/leads_rejects.csv\n")


def test_a_disk_without_room_for_the_workbook_is_told_after_what_was_imported(
    run: Run, write: Write, connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(book: Any) -> None:
        for sheet in book.worksheets():
            sheet.row_data_fh.close()
        raise OSError(28, "No space left on device")

    write("Acme,Ann,bad,,,,")
    monkeypatch.setattr("xlsxwriter.Workbook._store_workbook", fill)
    ran = run("import", "leads.csv", "--rejects-xlsx", "--json")
    assert (ran.code, ran.json["rows"]["created"]) == (1, 1)
    assert "No space left on device" in ran.err
    assert "This is a bug" not in ran.err


DIRTY = (
    "Acme, Inc,Ann,,,,,,",  # too many cells
    'Acme,  aNN ,"bad\r\nworse",=1+1,03/04/2019,"5,5",',
    "Known,,,0049 30 1234567,25/12/2019,1.234,Ontario",
    ",Bee,bee@x.com,,,,",
    "Company,Contact Name,Contact Emails,Contact Phones,custom.Company Founded,custom.Company Revenue,Company US State",
    '_x0041_,Zoë 😀,"two@x.com, three",( 415 ) 555,,,',
)


def test_workbook_and_csv_file_import_alike(run: Run, write: Write, connected: Sandbox) -> None:
    write(*DIRTY)
    run("import", "leads.csv", "--rejects-xlsx")
    for name in ("leads_rejects.csv", "leads_rejects.xlsx"):
        shutil.copy(OUTPUT / name, f"{Path(name).suffix[1:]}.{Path(name).suffix[1:]}")
    told, results = [], []
    for name in ("csv.csv", "xlsx.xlsx"):
        ran = run("import", name, "--json").json
        told.append({key: ran[key] for key in ("rows", "leads", "values_dropped", "placeholders", "readings")})
        results.append(table(ran["files"]["rejects"]))
    assert told[0] == told[1]
    assert results[0] == results[1]
    assert len(results[0]) == len(DIRTY)


def test_a_row_with_too_many_cells_is_not_taken_for_mended_where_our_columns_are_first(tmp_path: Path) -> None:
    path = tmp_path / "saved.csv"
    path.write_text(f"{','.join(REJECT_COLUMNS)},Company,Contact Name\n2,,,,,,Acme,Inc,Ann\n")
    (rejected,) = clean(path).rejected
    value = rejected.value.replace('"', '""')
    path.write_text(f'{",".join(REJECT_COLUMNS)},Company,Contact Name\n2,,"{value}",surplus_cells,,,Acme,Inc\n')
    assert [again.code for again in clean(path).rejected] == ["surplus_cells"]


def test_a_column_is_called_alike_before_and_behind_our_columns(tmp_path: Path) -> None:
    own, ours = ["Company", "Email", "Email", ""], list(REJECT_COLUMNS)
    labels = []
    for header in ([*own, *ours], [*ours[:5], *own, ours[5]]):
        path = tmp_path / "labels.csv"
        path.write_text(f"{','.join(header)}\n{','.join(['x'] * 10)}\n")
        source = read_source(path)
        labels.append([source.roles.labels[at] for at in source.own_positions])
    assert labels == [["Company", "Email (column 2)", "Email (column 3)", "(unnamed column 4)"]] * 2


def test_columns_of_ours_that_somebody_copied_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "copied.csv"
    path.write_text(f"Company,{','.join([*REJECT_COLUMNS] * 2)},Note (column 1)\nAcme{',x' * 13}\n")
    labels = read_source(path).roles.labels
    assert (len(set(labels)), labels[0], labels[7:]) == (14, "Company", (*REJECT_COLUMNS, "Note (column 1)"))


def test_the_header_of_rejects_is_known_by_our_columns(run: Run, write: Write, connected: Sandbox) -> None:
    titles = ["Company", "Name", "Email", "Phone", *map(str, range(2001, 2013))]
    write(",Ann,,,,", "Company,Name,Email,Phone", header=",".join(titles))
    run("import", "leads.csv", "--header-row", "1", "--rejects-xlsx")
    for name in ("leads_rejects.csv", "leads_rejects.xlsx"):
        assert run("import", str(OUTPUT / name), "--json").json["rows"]["rejected"] == 2


@pytest.mark.parametrize(
    ("proofs", "lost"), [(["12.5"] * 9, "1.234,89"), (["12.5"], "1.234"), (["12,5"] * 9, "1,234.89")]
)
def test_rejects_that_would_be_read_in_two_ways_alone_say_how_they_were_read(
    run: Run, write: Write, connected: Sandbox, proofs: list[str], lost: str
) -> None:
    write(*(f'Fine {number},,,,,"{proof}",' for number, proof in enumerate(proofs)), f'Acme,,bad,,,"{lost}",')
    run("import", "leads.csv", "--rejects-xlsx")
    mark = "comma" if "12,5" in proofs else "dot"
    assert [line["_decimal"] for line in table(OUTPUT / "leads_rejects.csv")] == [mark]
    for name in ("leads_rejects.csv", "leads_rejects.xlsx"):
        ran = run("import", str(OUTPUT / name))
        assert ran.code == 0, ran.err


# Names ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "leads_rejects.csv",
        "leads_rejects_3.csv",
        "leads_rejects (1).csv",
        "leads_rejects fixed.csv",
        "leads_rejects_fixed.csv",
        "Leads_Rejects.csv",
    ],
)
def test_the_rejects_of_rejects_have_the_next_number(
    run: Run, write: Write, folder: Path, connected: Sandbox, name: str
) -> None:
    write(",Ann,,,,,", "Acme,,bad,,,,")
    (folder / "there").mkdir()
    Path(run("import", "leads.csv", "--json").json["files"]["rejects"]).rename(folder / "there" / name)
    rejects = run("import", f"there/{name}", "--json").json["files"]["rejects"]
    assert rejects == str(OUTPUT / f"{name[:5]}_rejects_2.csv")


def test_a_workbook_of_rejects_has_its_rejects_under_the_next_number(
    run: Run, write: Write, connected: Sandbox
) -> None:
    write(",Ann,,,,,")
    run("import", "leads.csv", "--rejects-xlsx")
    WORKBOOK.rename("leads_rejects (1).xlsx")
    files = run("import", "leads_rejects (1).xlsx", "--json").json["files"]
    assert (files["rejects"], files["rejects_xlsx"]) == (
        "output_data/leads_rejects_2.csv",
        "output_data/leads_rejects_2.xlsx",
    )


def test_an_original_file_may_have_such_a_name(run: Run, write: Write, connected: Sandbox) -> None:
    write(",Ann,,,,,", name="all_rejects_2019_customers.csv")
    rejects = run("import", "all_rejects_2019_customers.csv", "--json").json["files"]["rejects"]
    assert rejects == "output_data/all_rejects_2019_customers_rejects.csv"


def test_rejects_of_rejects_keep_the_numbers_of_the_original_rows(run: Run, write: Write, connected: Sandbox) -> None:
    write("Fine,,,,,,", "Good,,,,,,", ",Ann,,,,,", ",Bee,,,,,")
    first = Path(run("import", "leads.csv", "--json").json["files"]["rejects"])
    with first.open("a", newline="") as file:
        file.write(",Added,,,,,,,,,,,\n")
    lines = table(run("import", str(first), "--json").json["files"]["rejects"])
    assert [(line["Contact Name"], line["_row"]) for line in lines] == [("Ann", "4"), ("Bee", "5"), ("Added", "")]


def test_a_numbered_file_is_never_overwritten_and_used_again_only_if_it_is_the_same(
    run: Run, write: Write, connected: Sandbox
) -> None:
    write(",Ann,,,,,", ",Bee,,,,,")
    first = run("import", "leads.csv", "--json").json["files"]["rejects"]
    second = run("import", first, "--json").json["files"]["rejects"]
    assert (second, run("import", first, "--json").json["files"]["rejects"]) == (
        str(OUTPUT / "leads_rejects_2.csv"),
    ) * 2
    Path(first).write_text(Path(first).read_text().replace(",Ann", "Acme,Ann"))
    kept = Path(second).read_bytes()
    assert run("import", first, "--json").json["files"]["rejects"] == str(OUTPUT / "leads_rejects_3.csv")
    assert Path(second).read_bytes() == kept


def test_a_file_that_is_imported_is_not_written_over(run: Run, write: Write, connected: Sandbox) -> None:
    write(",Ann,,,,,")
    first = Path(run("import", "leads.csv", "--json").json["files"]["rejects"])
    before = first.read_bytes()
    for source in (first, OUTPUT / "leads_rejects_2.csv"):  # nobody has edited them, and each is as it was written
        again = run("import", str(source), "--json").json["files"]["rejects"]
        assert Path(again).read_bytes() == before == source.read_bytes()
    assert written() == {"leads_rejects.csv", "leads_rejects_2.csv"}


def test_a_file_is_not_written_over_if_it_is_imported_by_another_name(
    run: Run, write: Write, folder: Path, connected: Sandbox
) -> None:
    write("Acme,,,020 7946 0958,,,")
    first = Path(run("import", "leads.csv", "--json").json["files"]["rejects"])
    before = first.read_bytes()
    (folder / "there").mkdir()
    (folder / "there" / "leads.csv").symlink_to(first.resolve())
    rejects = run("import", "there/leads.csv", "--region", "GB", "--json").json["files"]["rejects"]
    assert (rejects, first.read_bytes()) == (str(OUTPUT / "leads_rejects_2.csv"), before)


def test_a_rejects_file_without_our_columns_is_known_by_its_name(run: Run, write: Write, connected: Sandbox) -> None:
    write(",Ann,,,,,", name="leads_rejects_2.csv")
    assert run("import", "leads_rejects_2.csv", "--json").json["files"]["rejects"] == str(
        OUTPUT / "leads_rejects_2.csv"
    )


@pytest.mark.parametrize("edited", [".csv", ".xlsx"])
def test_both_files_of_an_import_have_one_number(run: Run, write: Write, connected: Sandbox, edited: str) -> None:
    write(",Ann,,,,,")
    run("import", "leads.csv", "--rejects-xlsx")
    mine = WORKBOOK.with_suffix(edited)
    mine.write_bytes(b"my own work")
    files = run("import", "leads.csv", "--rejects-xlsx", "--json").json["files"]
    assert (files["rejects"], files["rejects_xlsx"]) == (
        "output_data/leads_rejects_2.csv",
        "output_data/leads_rejects_2.xlsx",
    )
    assert mine.read_bytes() == b"my own work"


def test_a_workbook_that_stands_beside_the_csv_file_never_tells_of_an_earlier_import(
    run: Run, write: Write, connected: Sandbox
) -> None:
    write(",Ann,,,,,")
    run("import", "leads.csv", "--rejects-xlsx")
    write(",Bee,,,,,")
    assert run("import", "leads.csv", "--json").json["files"]["rejects_xlsx"] == str(WORKBOOK)
    assert [row[6].value for row in sheet_of().iter_rows(min_row=2)] == ["Bee"]


# Conflicts -----------------------------------------------------------------------------------------------------------


def test_what_only_close_can_settle_is_listed_apart(run: Run, write: Write, connected: Sandbox) -> None:
    write("Acme,,,,,5,CA")
    run("import", "leads.csv")
    write("Acme,,,,,7,CA", "Acme,,bad,,,8,CA", "Beta,,,,,1,", "Beta,,,,,=2,", "Beta,,,,,3,Texas", name="more.csv")
    ran = run("import", "more.csv")
    lines = table(OUTPUT / "more_conflicts.csv")
    assert list(lines[0]) == ["row", "company", "column", "file has", "Close has", "link"]
    revenue = "custom.Company Revenue"
    assert [list(line.values())[:5] for line in lines] == [
        ["2", "ACME", revenue, "7", "5"],
        ["3", "ACME", revenue, "8", "7"],
        ["6", "BETA", revenue, "3", "1"],
    ]
    links = {line["company"]: line["link"] for line in table(OUTPUT / "more_imported.csv")}
    assert [line["link"] for line in lines] == [links["ACME"], links["ACME"], links["BETA"]]
    assert [line["_row"] for line in table(OUTPUT / "more_rejects.csv")] == ["3", "5"]
    assert "conflicts: output_data/more_conflicts.csv" in ran.out
    assert (
        "3 values differ from Close or from another row: see output_data/more_conflicts.csv, and change the value in "
        "Close if the file is right."
    ) in ran.err


def test_a_conflict_that_looks_like_a_formula_is_harmless_in_a_spreadsheet(
    run: Run, write: Write, connected: Sandbox
) -> None:
    write("Acme,one", "Acme,@sum", header="Company,custom.Motto")
    (line,) = table(run("import", "leads.csv", "--json").json["files"]["conflicts"])
    assert (line["file has"], line["Close has"]) == ("'@sum", "one")


def test_an_old_list_of_conflicts_does_not_outlive_them(run: Run, write: Write, connected: Sandbox) -> None:
    write("Acme,,,,,1,", "Acme,,,,,2,")
    listing = Path(run("import", "leads.csv", "--dry-run", "--json").json["files"]["conflicts"])
    assert len(table(listing)) == 1
    write("Acme,,,,,1,")
    ran = run("import", "leads.csv", "--json")
    assert ran.json["files"]["conflicts"] is None
    assert listing.read_text() == "row,company,column,file has,Close has,link\n"
    write("Beta,,,,,1,", name="beta.csv")
    run("import", "beta.csv")
    assert not (OUTPUT / "beta_conflicts.csv").exists()


def test_a_company_that_stands_behind_another_in_a_cell_is_a_conflict_with_that(
    run: Run, write: Write, connected: Sandbox
) -> None:
    write("Acme; Beta,Ann", header="Associated Company,First Name")
    (line,) = table(run("import", "leads.csv", "--json").json["files"]["conflicts"])
    assert [line["file has"], line["Close has"]] == ["Beta", "Acme"]


# Words ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "listed"),
    [
        (["Acme,,bad,,,,"], "values dropped, row by row: output_data/leads_rejects.csv"),
        (["Acme,,bad,,,,", ",Ann,,,,,"], "rejects: output_data/leads_rejects.csv"),
        (["Acme,,,,,1,", "Acme,,,,,2,"], ""),
        (["Acme,,,,,,"], ""),
    ],
)
def test_the_summary_points_to_what_there_is_to_fix(
    run: Run, write: Write, connected: Sandbox, rows: list[str], listed: str
) -> None:
    write(*rows)
    out = run("import", "leads.csv").out
    assert [line for line in out.splitlines() if line.endswith("_rejects.csv")] == ([listed] if listed else [])


def test_a_rehearsal_tells_what_would_be_dropped(run: Run, write: Write, connected: Sandbox) -> None:
    write("Acme,,bad,,,,", "Beta,,bad; worse,,,,")
    told = run("import", "leads.csv", "--dry-run").err.splitlines()[-1]
    words = (
        "3 values would be dropped from 2 rows: see output_data/leads_rejects.csv. Fix your file and run this again."
    )
    assert told.startswith(words)
    assert told.endswith("then fix the rows in that list, and run: python main.py import output_data/leads_rejects.csv")


# LibreOffice ---------------------------------------------------------------------------------------------------------


def convert(path: Path, form: str, folder: Path) -> Path:
    """The file in another format, as LibreOffice saves it."""
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    target = folder / form
    command = [str(SOFFICE), profile, "--headless", "--convert-to", form, "--outdir", str(target), str(path)]
    with subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as made:
        try:
            made.wait(timeout=240)
        finally:
            if made.returncode is None:
                os.killpg(made.pid, signal.SIGKILL)
    return target / f"{path.stem}.{form}"


@pytest.mark.skipif(SOFFICE is None, reason="LibreOffice is not installed")
@pytest.mark.timeout(600)
def test_a_workbook_mended_in_libreoffice_imports_as_it_is(
    run: Run, write: Write, connected: Sandbox, tmp_path: Path
) -> None:
    write("Acme,Ann,ann at acme.com,+1 (415) 555-0100,17.05.1987,5,CA,00123", header=f"{HEADER},custom.ZIP")
    run("import", "leads.csv", "--rejects-xlsx")
    flat = convert(WORKBOOK, "fods", tmp_path)
    xml = flat.read_text(encoding="utf-8")
    flat.write_text(xml.replace("ann at acme.com", "mended@acme.com"), encoding="utf-8")
    mended = convert(flat, "xlsx", tmp_path)
    sheet = sheet_of(mended)
    (bad,) = [cell for row in sheet.iter_rows() for cell in row if cell.comment]
    assert (bad.coordinate, bad.value, bad.fill.fgColor.rgb) == ("H2", "mended@acme.com", BAD)
    assert bad.comment.text == sheet_of()["H2"].comment.text
    assert [sheet[at].value for at in ("A2", "I2", "J2", "M2")] == ["2", "+1 (415) 555-0100", "17.05.1987", "00123"]
    assert {cell.number_format for row in sheet.iter_rows() for cell in row} == {"@"}
    ran = run("import", str(mended), "--json")
    assert (ran.code, ran.json["leads"]["updated"], ran.json["values_dropped"]) == (0, 1, 0)
    assert table(ran.json["files"]["rejects"]) == []
    with RawClose(connected) as user:
        acme = named(leads_held(user), "ACME")
        assert people_on(acme) == [("ANN", ["mended@acme.com"], ["+14155550100"])]
        assert acme[custom_ids(user)["ZIP"]] == "00123"
