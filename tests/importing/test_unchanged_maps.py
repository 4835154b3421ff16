"""A map that nobody has changed: whatever the columns are called and hold, the import is the same as without it."""

import contextlib
import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import main
from cells import title_words
from sandbox import Sandbox
from tests.conftest import Run
from tests.importing.exported import EXPORTS, Export
from tests.importing.test_exports import as_text, close_holds, content_of
from tests.raw_close import RawClose

PROGRAMS = [
    *(title_words.COMPANIES, *title_words.NAMES.values(), *title_words.FIELDS.values()),
    *(title_words.REVENUE_IN_THOUSANDS, title_words.LEFT_OUT, title_words.OUTLOOK, title_words.SALESFORCE),
]
OURS = [
    *("Company", "Contact Name", "Contact Emails", "Contact Phones", "Company US State", "custom.Company Founded"),
    *("custom.Company Revenue", "custom.X", "custom.x", "CUSTOM. Größe", "custom.National ID", "custom.Import Key"),
    *('custom.a"b', "custom.", "custom.Zip code", "custom.Mood", "_row", "_code"),
]
ITEMS = [
    *("Email", "E-mail 1 - Value", "E-mail 1 - Label", "Phone 1 - Value", "Phone 1 - Type", "Mobile Phone", "Fax"),
    *("Email Type", "Contact 2 Phone", "Owner Email", "Lead Name", "display_name", "Status", "Billing State"),
    *("Revenue (€)", "Campaign Name", "Title", "Nom", "Name", "Vorname"),
]
HARD = [  # in TOML, or to tell apart
    *("", "", "  ", "Where?", 'What\'s your "name"?', "a\\b", "\\u0041", "a\nb", "a\r\nb", "#1", "x = 1", "[columns]"),
    *("'q'", '"""', "'''", "😀", "\u202eback", "tab\there", "é", "e\u0301", "?", "columns.x", "a.b", "\u200b", "\x7f"),
    *("(unnamed column 1)", "Email (column 2)", "Company (column 1)", "&amp;", "=1+1", "\x1b[31m", "Mood", "MOOD"),
    *("Industry", "Birthday", "x" * 200, "2024", "true"),
]
CELLS = [
    *("", "", "", "Acme", "ACME ", "Oak & Co", "ann@x.com", "bob@y.org; ann@x.com", "bad@", "415 555 0100"),
    *("+44 20 7946 0018", "(415) 555-0101 x5", "12", "1987", "17.05.1987", "5/12/2019", "25/12/2019", "2024-01-02"),
    *("$5", "1,234.5", "1.234,5", "N/A", "-", "Ann Lee", "Mrs", "Oregon", "CA", "XX", "=1+1", "line\nbreak", "Gold"),
    *('"quoted"', "* Mobile", "😀", "1;2", "87", "Germany", "00123", "€5"),
]
FLAGS = [
    *([], ["--date-order", "dmy", "--decimal", "dot"], ["--date-order", "mdy", "--decimal", "comma"]),
    *(["--company-from-email"], ["--ignore-columns", "--timezone", "UTC", "--decimal", "dot"]),
]

known_titles = st.one_of([st.sampled_from([" ".join(each.split()) for each in names.split(",")]) for names in PROGRAMS])
titles = st.one_of(st.sampled_from(OURS), st.sampled_from(ITEMS), st.sampled_from(HARD), known_titles)
columns_of_cells = st.one_of(
    st.sampled_from(CELLS),
    st.sampled_from(["ann@x.com", "bob@y.org", ""]),
    st.sampled_from(["415 555 0100", "(415) 555-0101", ""]),
    st.sampled_from(["Ann Lee", "Bob Ray", ""]),
)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    header = draw(st.lists(titles, min_size=1, max_size=6))
    header.insert(
        draw(st.integers(0, len(header))), draw(st.sampled_from(["Company", "Firma", "Account Name", "Mood"]))
    )
    if draw(st.integers(0, 5)) == 0:
        header.append(draw(st.sampled_from(header)))
    column = st.lists(columns_of_cells, min_size=3, max_size=3)
    rows = zip(*(draw(column) for _ in header), strict=True)
    return [header, *map(list, rows)]


@pytest.fixture(scope="module")
def close_with_fields() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        make_fields(sandbox)
        yield sandbox


def make_fields(sandbox: Sandbox) -> None:
    with RawClose(sandbox) as close:
        close.made("/custom_field/lead/", name="Mood", type="choices", choices=["Gold", "N/A"])
        close.made("/custom_field/lead/", name="x", type="text")
        close.made("/custom_field/lead/", name="Industry", type="text")
        close.made("/custom_field/lead/", name="Birthday", type="date")


def outcome(*argv: str) -> tuple[int, Any]:
    """What an import came to: its exit code, and all that it told and wrote but for times and the map itself."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main.main(["import", *argv, "--json", "-q"])
    if code == 2:
        return code, None
    report = json.loads(out.getvalue())
    left_out = sorted(each["values"] for each in report["columns_left_out"])  # one may be called otherwise
    told = {name: report[name] for name in ("rows", "leads", "values_dropped", "placeholders", "columns", "readings")}
    files = {kind: cells_of(Path(path)) for kind, path in report["files"].items() if path}
    return code, (told, left_out, files)


def cells_of(path: Path) -> Any:
    """The bytes of a rejects file; of a list of rows, all but what only Close gives, such as ids."""
    if path.stem.endswith("_rejects"):
        return path.read_bytes()
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [row[:5] for row in csv.reader(file)]


NAMES_THAT_ARE_ADDRESSES = [["Company", "nom"], ["Acme", "bob@y.org"], ["Oak", "ann@x.com"]]
SPELLED_FREELY = [["Company", "CUSTOM. Größe", "custom."], ["Acme", "=1+1", "x"], ["Oak", "12", ""]]


@settings(max_examples=25)
@example(table=NAMES_THAT_ARE_ADDRESSES, flags=["--ignore-columns"])
@example(table=SPELLED_FREELY, flags=[])
@given(table=tables(), flags=st.sampled_from(FLAGS))
def test_a_map_used_as_it_was_written_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, close_with_fields: Sandbox, table: list[list[str]], flags: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("round_trip"))
        patch.setenv("CLOSE_API_URL", close_with_fields.close_url)
        patch.setenv("CLOSE_API_KEY", "key-for-tests")
        Path("any.csv").write_text(as_text(table, ","), encoding="utf-8", newline="")
        without = outcome("any.csv", "--no-map", "--dry-run", *flags)
        mapped = main.main(["map", "any.csv", "-q"])
        assert mapped == 0 or without[0] == mapped == 2
        assert outcome("any.csv", "--dry-run", *flags) == without


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: Path(export.file).stem)
def test_an_export_arrives_with_its_map_as_without(run: Run, folder: Path, connected: Sandbox, export: Export) -> None:
    with RawClose(connected) as close:
        (folder / export.file).write_bytes(content_of(export, close))
    assert run("map", export.file, "-q").code == 0
    ran = run("import", export.file, "--json")
    assert ran.json["map"] == f"input_data/maps/{Path(export.file).stem}.toml"
    with RawClose(connected) as close:
        assert close_holds(close) == export.leads
    assert {each["column"]: each["values"] for each in ran.json["columns_left_out"]} == export.columns_left_out


MESSY = [
    ["Firma", "Vorname", "Nachname", "E-mail 1 - Value", "E-mail 1 - Label", "Mobil", "Email", "Email", "Mood", "", ""],
    ["Acme", "Ann", "Lee", "ann@x.com", "* Home", "0151 2345678", "a2@x.com", "a3@x.com", "gold", "x", ""],
    ["acme ", "Bo", "Ray", "bad@", "* Work", "+49 151 2345678", "", "b@x.com", "Silver", "", "y"],
    ["", "Cy", "Dent", "cy@x.com", "", "", "", "", "Gold", "", ""],
    ["Oak", "", "", "N/A", "", "555-0100", "", "", "N/A", "", ""],
]


def test_a_messy_file_gives_the_same_leads_with_its_map(run: Run, folder: Path, connect: Any) -> None:
    assert imported_into_fresh_close(run, folder, connect, MESSY, "--no-map") == imported_into_fresh_close(
        run, folder, connect, MESSY
    )


def imported_into_fresh_close(run: Run, folder: Path, connect: Any, rows: Sequence[Sequence[str]], *flags: str) -> Any:
    (folder / "messy.csv").write_text(as_text(rows, ","), encoding="utf-8", newline="")
    with Sandbox() as sandbox, RawClose(sandbox) as close:
        connect(sandbox)
        make_fields(sandbox)
        for path in folder.glob("output_data/*"):
            path.unlink()
        if not flags:
            assert run("map", "messy.csv").code == 0
            text = Path("input_data/maps/messy.toml").read_text(encoding="utf-8")
            assert text.count('target = "?"') == 0
        code, told = outcome("messy.csv", *flags)
        assert code == 4
        return told, close_holds(close)
