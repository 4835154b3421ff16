"""What `segment` leaves, in files and on standard output: whole, right whatever texts Close holds, or not at all."""

import csv
import errno
import io
import json
import os
import pty
import re
import stat
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from rich.cells import cell_len

import main
from cells.safe_text import csv_text
from cells.safe_text import guarded as guarded_cell
from close_client import CloseClient
from commands.files import write_files
from sandbox.wire import HttpRequest, Reply
from segmenting.columns import COLUMNS, COMPARISON, LEADS, LINK, STATS, TOP_LEAD, TOTAL, kind_of
from segmenting.page import page
from segmenting.report import Report
from segmenting.text import bar, csv_lines, terminal_table
from segmenting.workbook import TooManyRows, workbook
from tests.conftest import Run
from tests.many_leads import ManyLead, fill_state
from tests.patience import STUCK
from tests.watched import Answer, Watched

ROOT = Path(main.__file__).parent
DAYS = ("2000-01-01", "2000-12-31")
BY_INDUSTRY = (*DAYS, "--by", "Industry")
HARD_TEXTS = [
    "Café Ærøskøbing Łódź",
    "A & B <b>bold</b>",
    "</table></style><script>alert(1)</script>",
    "&amp; &lt; &#65;",
    "\"quoted\" and 'quoted', with a comma",
    "two\nlines\r\nand a\ttab",
    "long " * 199 + "name",
    "שלום وشركة النور",
    "🦄 and 👩‍👩‍👧 and 中文",
    "=1+1",
    "+cmd|'/c calc'!A0",
    "@SUM(1)",
    "-1",
    "$x$ and $\\frac{1}{2}$",
    "{braces} {0} {title} {",
    "%s %d %(name)s",
    "half \ud83d of one",
    "bell \x07 and \x1b[31mred\x1b[0m",
    "https://example.com/?a=1&b=2",
    "internal:Sheet1!A1",
    "not a character \ufffe",
]
FORMULAS = {"=1+1", "+cmd|'/c calc'!A0", "@SUM(1)"}
HARD_TITLES = ["<b>&\"'", '=HYPERLINK("http://evil.example")', "{style} {0}", "%s $x$", "שם القطاع", "Total revenue"]
MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-", "svg": b"<?xml"}
REACHING_OUT = {"script", "link", "iframe", "frame", "object", "embed", "base", "img", "image", "form", "use", "video"}

Lead = Callable[..., str]
OnTerminal = Callable[..., str]


class Close(Watched):
    """A sandbox that counts requests, and may call its organisation as a test likes."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.paths: list[str] = []
        self.watch = self.noted

    def noted(self, request: HttpRequest, answer: Answer) -> Reply | None:
        self.paths.append(request.path)
        return answer(request)

    def call_organization(self, name: str) -> None:
        self.change_answers("/organization/", lambda body: {**body, "name": name})

    def change_answers(self, part: str, change: Callable[[Any], Any]) -> None:
        def watch(request: HttpRequest, answer: Answer) -> Reply | None:
            reply = answer(request)
            return Reply.of(200, change(json.loads(reply.body))) if reply and part in request.path else reply

        self.watch = watch


@pytest.fixture
def sandbox() -> Iterator[Close]:
    with Close() as running:
        yield running


@pytest.fixture
def keys(close: CloseClient) -> dict[str, str]:
    """The keys of the fields that every test here needs."""
    kinds = {"Company Founded": "date", "Company Revenue": "number", "Industry": "textarea"}
    return {name: close.create_lead_field(name, kind).key for name, kind in kinds.items()}


@pytest.fixture
def lead(connected: Close, close: CloseClient, keys: dict[str, str]) -> Lead:
    """Add a lead: its name, industry, revenue and day; further values by key."""

    def add(
        name: str, industry: str | None = None, revenue: object = None, day: str = "2000-06-15", **more: object
    ) -> str:
        values = zip(keys.values(), (day, revenue, industry), strict=True)
        held = {key: value for key, value in values if value is not None}
        return str(close.create_lead({"name": name, **held, **more})["id"])

    return add


@pytest.fixture
def hard_leads(lead: Lead) -> None:
    for number, text in enumerate(HARD_TEXTS, start=1):
        lead(text, text, number)


def fields_called(close: CloseClient, *names: str) -> dict[str, str]:
    return {name: close.create_lead_field(name, "text").key for name in names}


# Reading back --------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """A page as a browser sees it: the cells of its table by row, all tags with attributes, and texts by tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.texts: dict[str, list[str]] = {}
        self._tag = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._tag = tag
        self.texts.setdefault(tag, []).append("")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag:
            self.texts[self._tag][-1] += data
        if self._tag in ("td", "th", "a"):
            self.rows[-1][-1] += data

    @property
    def provenance(self) -> dict[str, str]:
        return dict(zip(self.texts["dt"], self.texts["dd"], strict=True))


def page_at(path: str) -> Page:
    return Page(Path(path).read_bytes().decode())


def csv_at(path: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(Path(path).read_bytes().decode(), newline="")))


def cells_at(path: str, sheet: str = "Segment") -> list[list[Any]]:
    return [[cell.value for cell in row] for row in load_workbook(path)[sheet].iter_rows()]


def provenance_in(path: str) -> dict[str, str]:
    return {row[0]: row[1] for row in cells_at(path, "How it was made")}


def held(text: str) -> str:
    """A text as a file may hold it."""
    return text.replace("\ud83d", "?")


def grouped(text: str) -> str:
    return " ".join(held(text).split())


def in_xml(text: str) -> str:
    """A text as Excel writes characters that XML can't hold."""
    return re.sub("[\x00-\x08\x0b-\x1f\ufffe\uffff]", lambda found: f"_x{ord(found[0]):04X}_", text)


STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def guarded(text: str) -> str:
    return f"'{text}" if text in FORMULAS else text


# Any text ------------------------------------------------------------------------------------------------------------


def test_any_text_is_itself_in_csv_but_for_formulas(run: Run, hard_leads: None) -> None:
    assert run("segment", *BY_INDUSTRY, "--output", "x.csv").code == 0
    found = {row[0]: row[2] for row in csv_at("x.csv")[1:]}
    assert found == {guarded(grouped(text)): guarded(held(text)) for text in HARD_TEXTS}


def test_any_text_is_itself_in_a_workbook_and_never_a_formula_or_a_link(run: Run, hard_leads: None) -> None:
    assert run("segment", *BY_INDUSTRY, "--output", "x.xlsx").code == 0
    assert {row[0]: row[2] for row in cells_at("x.xlsx")[1:-1]} == {
        in_xml(grouped(text)): in_xml(held(text)) for text in HARD_TEXTS
    }
    cells = [cell for row in load_workbook("x.xlsx")["Segment"].iter_rows(min_row=2) for cell in (row[0], row[2])]
    assert {cell.data_type for cell in cells} == {"s"}
    assert not any(cell.hyperlink for cell in cells)


def test_any_text_is_itself_on_a_page_and_makes_no_element(run: Run, hard_leads: None) -> None:
    assert run("segment", *BY_INDUSTRY, "--output", "x.html").code == 0
    page = page_at("x.html")
    assert {row[0]: row[2] for row in page.rows[1:-1]} == {grouped(text): held(text) for text in HARD_TEXTS}
    assert not {tag for tag, _ in page.tags} & {"b", "script"}


@settings(max_examples=30)
@given(st.lists(st.text(), min_size=1, max_size=5), st.text(min_size=1))
def test_every_text_there_is_can_be_read_back_from_csv_and_from_a_page(texts: list[str], title: str) -> None:
    table = pd.DataFrame([[text, 1] for text in texts], columns=[f"{title} of ours", LEADS], dtype=object)
    report = Report(title, "", table, tuple(texts), {title: texts[0]})
    lines = list(csv.reader(io.StringIO(csv_text(csv_lines(report)), newline="")))
    shown = Page(page(report))
    assert [line[0].removeprefix("'") for line in lines[1:]] == [text.removeprefix("'") for text in texts]
    assert [row[0] for row in shown.rows[1:]] == shown.texts["li"] == texts
    assert shown.provenance == {title: texts[0]}
    assert shown.rows[0][0] == f"{title} of ours"


def test_any_text_is_itself_in_a_picture_as_far_as_it_fits_on_one_line(run: Run, hard_leads: None) -> None:
    assert run("segment", *BY_INDUSTRY, "--chart", "x.svg").code == 0
    texts = {element.text or "" for element in ElementTree.parse("x.svg").iter() if element.tag.endswith("text")}
    cut = [text.split("…") for text in texts if "…" in text]
    for text in HARD_TEXTS:
        drawn = " ".join(re.sub("[\x00-\x1f\ufffe]", " ", grouped(text)).split())
        assert drawn in texts or any(drawn.startswith(begin) and drawn.endswith(end) for begin, end in cut), drawn


def test_any_text_is_itself_in_json(run: Run, hard_leads: None) -> None:
    rows = run("segment", *BY_INDUSTRY, "--json").json["rows"]
    assert {row["Industry"]: row[TOP_LEAD] for row in rows} == {grouped(text): held(text) for text in HARD_TEXTS}


def test_a_text_that_looks_like_an_escape_of_excel_is_escaped_itself(run: Run, lead: Lead) -> None:
    lead("_x0041_", "a", 1)
    assert run("segment", *DAYS, "--output", "x.xlsx").code == 0
    with zipfile.ZipFile("x.xlsx") as parts:
        assert b">_x005F_x0041_<" in parts.read("xl/sharedStrings.xml")


@pytest.mark.parametrize("title", HARD_TITLES)
def test_any_title_of_a_field_is_itself_everywhere(run: Run, lead: Lead, close: CloseClient, title: str) -> None:
    key = fields_called(close, title)[title]
    lead("Acme", None, 1, **{key: "x"})
    for name in ("x.csv", "x.xlsx", "x.html"):
        ran = run("segment", *DAYS, "--by", title, "--output", name, "--chart", "x.svg")
        assert ran.code == 0, ran.err
    page, shown = page_at("x.html"), title if title != TOTAL else f"{title} ({key.removeprefix('custom.')})"
    assert page.rows[0] == cells_at("x.xlsx")[0] == [shown, *COLUMNS]
    assert csv_at("x.csv")[0][0] == ("'" if shown[0] == "=" else "") + shown
    assert page.texts["title"] == page.texts["h1"] == [f"Leads by {title}"]
    assert not any(tag == "b" for tag, _ in page.tags)
    assert f"Total revenue by {title}" in "".join(ElementTree.parse("x.svg").getroot().itertext())


def test_values_of_filters_and_the_organisation_are_told_as_they_are(run: Run, lead: Lead, sandbox: Close) -> None:
    lead("Acme", "<i>&{0}%s", 1)
    lead("Beta", "=1+1", 2)
    sandbox.call_organization("=Ørg <b>& {x} %s")
    argv = (*DAYS, "--where", "Industry=<i>&{0}%s", "--where", "Industry==1+1")
    assert [run("segment", *argv, "--output", name).code for name in ("x.html", "x.xlsx")] == [0, 0]
    page = page_at("x.html")
    for told in (page.provenance, provenance_in("x.xlsx")):
        assert told["Organization"].startswith("=Ørg <b>& {x} %s (orga_")
        assert told["Filters"] == "Industry is <i>&{0}%s or =1+1"
    assert not {tag for tag, _ in page.tags} & {"b", "i"}
    assert "Industry is <i>&{0}%s or =1+1: 2 leads" in page.texts["p"][0]


@pytest.mark.parametrize("name", ["x.csv", "x.xlsx", "x.html"])
def test_half_a_character_in_a_title_or_the_organisation_harms_no_file(
    run: Run, lead: Lead, close: CloseClient, sandbox: Close, name: str
) -> None:
    lead("Acme", **{fields_called(close, "half \ud83d")["half \ud83d"]: "x"})
    sandbox.call_organization("half \ud83d too")
    assert run("segment", *DAYS, "--by", "half \ud83d", "--output", name).code == 0


@pytest.mark.parametrize("name", ["x.csv", "x.xlsx", "x.html"])
@pytest.mark.filterwarnings("ignore:DataFrame columns are not unique")
def test_a_custom_field_called_like_a_field_of_every_lead_is_a_column_of_its_own(
    run: Run, lead: Lead, close: CloseClient, name: str
) -> None:
    lead("Acme", **{fields_called(close, "Status")["Status"]: "fine"})
    ran = run("segment", *DAYS, "--by", "status", "--by", "custom.Status", "--output", name, "--json")
    assert ran.code == 0, ran.err
    assert list(ran.json["rows"][0].values())[:3] == ["Potential", "fine", 1]


ODD_ANSWERS: list[tuple[dict[str, Any], str]] = [
    ({"name": None, "display_name": "Shown"}, "Shown"),
    ({"name": "", "display_name": None}, "lead_"),
    ({"name": 5}, "5"),
    ({"addresses": None}, "Acme"),
    ({"addresses": {"state": "CA"}}, "Acme"),
    ({"addresses": [None, "CA", {"state": None}]}, "Acme"),
]


@pytest.mark.parametrize(("odd", "name"), ODD_ANSWERS)
def test_an_odd_answer_of_close_does_no_harm(
    run: Run, lead: Lead, sandbox: Close, odd: dict[str, Any], name: str
) -> None:
    lead("Acme", "Art", 5)
    sandbox.change_answers("/search/", lambda body: {**body, "data": [{**each, **odd} for each in body["data"]]})
    (row,) = run("segment", *DAYS, "--by", "state", "--json").json["rows"]
    assert (row["US State"], row[TOP_LEAD].startswith(name)) == ("Unknown", True)


def test_a_lead_that_close_lists_without_the_date_is_left_out_and_said(
    run: Run, lead: Lead, sandbox: Close, keys: dict[str, str]
) -> None:
    lead_id = lead("  ", "Art", 5)
    odd = {keys["Company Founded"]: None}
    sandbox.change_answers("/search/", lambda body: {**body, "data": [{**each, **odd} for each in body["data"]]})
    ran = run("segment", *DAYS, "--json")
    assert (ran.json["leads"], ran.json["no_longer_asked_for"], ran.json["unreadable_date"]) == (0, 1, 0)
    assert f"no longer match the date range and filters: {lead_id}\n" in ran.err


@pytest.mark.parametrize(
    ("text", "is_formula"),
    [
        *((text, True) for text in ("=1", "@x", "-x", "+x", "+", "+1+1", "-1-cmd|x", "-1-cmd|'/c calc'!A0", "+1\n*2")),
        *((text, True) for text in ("-1/2", "+1^2", "-2<3", "-2>1", "+1&2", "+1=1", "-1!A0")),
        *((text, False) for text in ("", "1+1", "-1", "+1.5", "-1-2", "+1 (415) 555-0100", "a=b", "-5 %")),
    ],
)
def test_only_what_a_spreadsheet_would_reckon_is_guarded(text: str, is_formula: bool) -> None:
    assert guarded_cell(text) == ("'" if is_formula else "") + text


def test_a_text_too_long_for_a_cell_ends_with_its_length(run: Run, lead: Lead) -> None:
    lead("Acme", "a" * 32_768, 1)
    lead("Beta", "b" * 32_767, 1)
    assert run("segment", *BY_INDUSTRY, "--output", "x.xlsx").code == 0
    cut, whole = (row[0] for row in cells_at("x.xlsx")[1:-1])
    assert (len(cut), cut.endswith("a … (cut off; the full text has 32,768 characters)")) == (32_767, True)
    assert whole == "b" * 32_767


def test_a_title_or_a_warning_too_long_for_a_cell_is_cut_too() -> None:
    report = Report("", "", pd.DataFrame({"t" * 40_000: ["x"]}, dtype=object), ("w" * 40_000,), {})
    book = load_workbook(io.BytesIO(workbook(report)))
    texts = book["Segment"]["A1"].value, book["How it was made"]["B1"].value
    assert [
        (len(text), text[0], text.endswith("(cut off; the full text has 40,000 characters)")) for text in texts
    ] == [
        (32_767, "t", True),
        (32_767, "w", True),
    ]


# Tables --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def earnings(lead: Lead) -> None:
    """Leads of three industries in two years, one of them without revenue; amounts below zero, and large ones."""
    for industry, amounts in {"Farms": (1234567.5, 0.01, 99), "Mines": (-5000, 250), "Shops": (None,)}.items():
        for number, amount in enumerate(amounts):
            lead(f"{industry} {number}", industry, amount)
    lead("Old farm", "Farms", 1000, "1999-03-03")
    lead("Old mill", "Mills", 7, "1999-03-03")


ALL_COLUMNS = ("--stats", "--compare", "previous")
SHOWN_PATTERNS = {"money": "{:,.2f}", "count": "{:,}", "percent": "{:,.2f}", "text": "{}"}


def rows_and_total(document: Any) -> list[dict[str, Any]]:
    """The rows that a table for people has: the groups, then all of them together."""
    return [*document["rows"], {"Industry": "All groups", **document["total"]}]


def test_the_page_shows_each_figure_of_the_json(run: Run, earnings: None) -> None:
    rows = rows_and_total(run("segment", *BY_INDUSTRY, *ALL_COLUMNS, "--json").json)
    assert run("segment", *BY_INDUSTRY, *ALL_COLUMNS, "--output", "x.html").code == 0
    header, *cells = page_at("x.html").rows
    assert header == ["Industry", *COLUMNS, *STATS, *COMPARISON]
    assert cells == [
        ["" if figure is None else SHOWN_PATTERNS[kind_of(name)].format(figure) for name, figure in row.items()]
        for row in rows
    ]
    assert [row[0] for row in cells] == ["Farms", "Mills", "Mines", "Shops", "All groups"]
    assert cells[2][3:5] == ["-4,750.00", "-2,375.00"]


def test_the_workbook_holds_each_figure_of_the_json_as_a_number(run: Run, earnings: None) -> None:
    rows = rows_and_total(run("segment", *BY_INDUSTRY, *ALL_COLUMNS, "--json").json)
    assert run("segment", *BY_INDUSTRY, *ALL_COLUMNS, "--output", "x.xlsx").code == 0
    assert cells_at("x.xlsx") == [list(rows[0]), *(list(row.values()) for row in rows)]
    sheet = load_workbook("x.xlsx")["Segment"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:R5")
    formats = {"money": "#,##0.00", "count": "#,##0", "percent": "0.00"}
    numbers = [(cell, sheet.cell(1, cell.column).value) for cell in sheet[2] if isinstance(cell.value, int | float)]
    assert len(numbers) == 16
    assert all(cell.number_format == formats[kind_of(str(column))] for cell, column in numbers)


def test_money_in_dollars_is_a_format_in_a_workbook_and_a_text_elsewhere(run: Run, earnings: None) -> None:
    for name in ("x.csv", "x.xlsx", "x.html"):
        assert run("segment", *BY_INDUSTRY, "--money", "usd", "--output", name).code == 0
    cell = load_workbook("x.xlsx")["Segment"]["D3"]
    assert (cell.value, cell.number_format) == (-4750, "$#,##0.00")
    assert csv_at("x.csv")[2][3:] == page_at("x.html").rows[2][3:] == ["-$4,750.00", "-$2,375.00"]


def test_a_number_with_more_digits_than_excel_keeps_is_a_text_in_a_workbook(run: Run, lead: Lead) -> None:
    for industry, amount in {"a": 9999999999999.99, "b": 12345678901234.56, "c": 1e300}.items():
        lead(industry, industry, amount)
    assert run("segment", *BY_INDUSTRY, "--output", "x.xlsx").code == 0
    assert [row[3] for row in cells_at("x.xlsx")[1:-1]] == [9999999999999.99, "12,345,678,901,234.56", 1e300]


def test_a_number_of_more_than_28_digits_is_not_rounded_in_a_workbook(run: Run, lead: Lead) -> None:
    for amount in (1e29, 0.01):
        lead("Acme", "a", amount)
    assert run("segment", *BY_INDUSTRY, "--output", "x.xlsx").code == 0
    assert cells_at("x.xlsx")[1][3] == "100,000,000,000,000,000,000,000,000,000.01"


def test_a_total_larger_than_any_binary_fraction_is_a_text_in_a_workbook(run: Run, lead: Lead) -> None:
    for name in ("Acme", "Beta"):
        lead(name, "a", 1e308)
    assert run("segment", *BY_INDUSTRY, "--output", "x.xlsx").code == 0
    assert str(cells_at("x.xlsx")[1][3]).startswith("200,000,000")


@pytest.mark.filterwarnings("ignore:Ignoring URL")
def test_a_workbook_names_the_link_of_each_of_very_many_leads() -> None:
    links = [f"https://app.close.com/lead/{number}/" for number in range(65_532)]
    report = Report("Leads", "", pd.DataFrame({LINK: links}, dtype=object), (), {})
    with zipfile.ZipFile(io.BytesIO(workbook(report))) as parts:
        cells = len(re.findall(b"<c ", parts.read("xl/worksheets/sheet1.xml")))
    assert cells == len(links) + 1


def test_a_workbook_links_as_many_leads_as_a_sheet_can() -> None:
    links = [f"https://app.close.com/lead/{number}/" for number in range(65_531)]
    report = Report("Leads", "", pd.DataFrame({LINK: links}, dtype=object), (), {})
    with zipfile.ZipFile(io.BytesIO(workbook(report))) as parts:
        assert parts.read("xl/worksheets/sheet1.xml").count(b"<hyperlink ") == 65_530


@pytest.mark.parametrize("link", ["javascript:alert(1)", "http://app.close.com/", "https://x/" + "y" * 2_079])
def test_what_is_no_safe_link_is_a_text(link: str) -> None:
    report = Report("Leads", "", pd.DataFrame({LINK: [link]}, dtype=object), (), {})
    cell = load_workbook(io.BytesIO(workbook(report)))["Segment"]["A2"]
    assert (cell.value, cell.hyperlink) == (link, None)
    shown = Page(page(report))
    assert link.startswith("https:") or (shown.rows[1], "a" in shown.texts) == ([link], False)


def test_a_table_longer_than_a_sheet_is_refused_with_what_to_do() -> None:
    report = Report("Leads", "", pd.DataFrame({LEADS: range(1_048_575)}), (), {})
    with pytest.raises(TooManyRows, match=r"has 1,048,575 rows, more than a workbook can hold; write a \.csv file"):
        workbook(report)


@pytest.mark.parametrize(
    ("amounts", "total"),
    [
        ((0.1, 0.2), "0.30"),
        ((9007199254740993, 0.01), "9007199254740993.01"),
        ((1e308, 1e308), f'"2{"0" * 308}.00"'),
    ],
)
def test_money_has_all_its_digits_in_json_and_is_a_text_where_no_number_is_as_large(
    run: Run, lead: Lead, amounts: tuple[float, float], total: str
) -> None:
    for amount in amounts:
        lead("Acme", "a", amount)
    out = run("segment", *BY_INDUSTRY, "--json").out
    assert f'"{TOTAL}": {total},' in out


def test_the_figures_of_all_groups_stand_below_the_first_level_alone(run: Run, earnings: None) -> None:
    for name in ("x.xlsx", "x.html"):
        assert run("segment", *BY_INDUSTRY, "--by", "status", "--output", name).code == 0
    assert page_at("x.html").rows[-1][:3] == ["All groups", "", "6"]
    assert cells_at("x.xlsx")[-1][:3] == ["All groups", "", 6]
    assert run("segment", *BY_INDUSTRY, "--output", "x.csv").code == 0
    assert [row[0] for row in csv_at("x.csv")[1:]] == ["Farms", "Mines", "Shops"]


def test_the_best_leads_go_to_a_second_file_with_links_to_close(run: Run, earnings: None) -> None:
    for name in ("x.csv", "x.xlsx", "x.html"):
        ran = run("segment", *BY_INDUSTRY, "--top", "2", "--output", name)
        assert ran.code == 0, ran.err
    rows = csv_at("x_top.csv")
    assert [row[:4] for row in rows[1:]] == [
        ["Farms", "1", "Farms 0", "1234567.50"],
        ["Farms", "2", "Farms 2", "99.00"],
        ["Mines", "1", "Mines 1", "250.00"],
        ["Mines", "2", "Mines 0", "-5000.00"],
    ]
    links = [row[4] for row in rows[1:]]
    sheet, page = load_workbook("x_top.xlsx")["Segment"], page_at("x_top.html")
    assert [sheet.cell(row, 5).hyperlink.target for row in range(2, 6)] == links
    assert [attributes["href"] for tag, attributes in page.tags if tag == "a"] == links
    assert rows[0][4] == page.rows[0][4] == LINK


def test_no_lead_at_all_leaves_files_that_say_so(run: Run, lead: Lead) -> None:
    for name in ("x.csv", "x.xlsx", "x.html"):
        assert run("segment", *BY_INDUSTRY, *ALL_COLUMNS, "--output", name).code == 0
    header = ["Industry", *COLUMNS, *STATS, *COMPARISON]
    assert csv_at("x.csv") == cells_at("x.xlsx") == page_at("x.html").rows == [header]
    assert "No leads in this range." in page_at("x.html").texts["p"]


# Page ----------------------------------------------------------------------------------------------------------------


def test_a_page_needs_nothing_from_elsewhere_and_runs_nothing(run: Run, hard_leads: None) -> None:
    assert run("segment", *BY_INDUSTRY, "--output", "x.html").code == 0
    page, text = page_at("x.html"), Path("x.html").read_text(encoding="utf-8")
    assert not {tag for tag, _ in page.tags} & REACHING_OUT
    for _, attributes in page.tags:
        assert not {name for name in attributes if name.startswith("on") or name in ("src", "srcset", "background")}
        assert all((value or "").startswith("#") for name, value in attributes.items() if name.endswith("href"))
        assert not re.search(r"url\((?!#)", "".join(value or "" for value in attributes.values()))
    assert not re.search(r"url\(|@import", "".join(page.texts["style"]))
    elsewhere = set(re.findall(r"\w+://[^\s\"<]+", text)) - {"https://example.com/?a=1&amp;b=2"}
    assert elsewhere <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_a_page_has_the_chart_inline_with_ids_of_its_own_and_a_label(run: Run, earnings: None) -> None:
    assert run("segment", *BY_INDUSTRY, "--output", "x.html").code == 0
    text, page = Path("x.html").read_text(encoding="utf-8"), page_at("x.html")
    drawing = ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + len("</svg>")])
    assert "Farms" in "".join(drawing.itertext())
    (attributes,) = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert (attributes["role"], attributes["aria-label"]) == ("img", "Leads by Industry")
    assert text.count("<!DOCTYPE") == text.count("<html") == text.count("</html>") == 1
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_what_was_not_counted_is_told_on_the_page_in_the_workbook_and_beside_the_result(
    run: Run, lead: Lead, close: CloseClient
) -> None:
    worth = fields_called(close, "Worth <b>")["Worth <b>"]
    lead("Acme & Sons", "x", **{worth: "a lot"})
    for name in ("x.html", "x.xlsx"):
        ran = run("segment", *DAYS, "--revenue-field", "Worth <b>", "--output", name)
    told = "1 lead is counted, but left out of totals and medians because its Worth <b> is not an amount: Acme & Sons"
    assert page_at("x.html").texts["li"] == [told]
    assert provenance_in("x.xlsx")["Left out"] == told
    assert f"warning: {told}" in ran.err


def test_the_page_the_workbook_and_the_json_tell_how_they_were_made(run: Run, earnings: None, sandbox: Close) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name in ("x.html", "x.xlsx"):
        sandbox.paths.clear()
        assert run("segment", *BY_INDUSTRY, *ALL_COLUMNS, "--output", name).code == 0
        told = page_at(name).provenance if name == "x.html" else provenance_in(name)
        assert told["Organization"].startswith("Sandbox (orga_")
        assert told["Leads"] == "Company Founded from 2000-01-01 to 2000-12-31, both days included"
        assert told["Compared with"] == "1999-01-01 to 1999-12-31"
        assert told["Revenue"].startswith("Company Revenue, in USD; ")
        assert (told["Leads read"], told["Requests to Close"]) == ("8 in both periods", str(len(sandbox.paths)))
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", told["Created at"])
        assert told["Created by"].endswith(f" {version}")
        assert json.loads(told["Query"])["type"] == "and"
    made = run("segment", *BY_INDUSTRY, *ALL_COLUMNS, "--json").json["provenance"]
    assert (made["version"], made["leads_read"], made["query"]) == (version, 8, json.loads(told["Query"]))
    assert (made["first"], made["last"]) == DAYS
    assert made["previous"] == {"first": "1999-01-01", "last": "1999-12-31"}
    assert (made["date_field"], made["revenue_field"], made["by"]) == (
        "Company Founded",
        "Company Revenue",
        ["Industry"],
    )
    assert run("--version").out.split()[-1] == version


# Standard output -----------------------------------------------------------------------------------------------------


def test_a_dash_gives_the_csv_on_standard_output_and_no_file(run: Run, hard_leads: None, folder: Path) -> None:
    assert run("segment", *BY_INDUSTRY, "--output", "x.csv").code == 0
    ran = run("segment", *BY_INDUSTRY, "--output", "-")
    assert ran.out == Path("x.csv").read_bytes().decode()
    assert names_in(folder) == ["x.csv"]
    assert "written to" not in ran.err


def test_json_is_one_document_beside_the_usual_file(run: Run, earnings: None) -> None:
    ran = run("segment", *BY_INDUSTRY, "--json", "--chart", "x.png")
    assert ran.json["files"] == {"output": "output_data/output.csv", "top": None, "chart": "x.png"}
    assert Path("output_data/output.csv").exists()
    assert (run("segment", *BY_INDUSTRY, "--json", "--output", "-").code, ran.code) == (2, 0)


def test_without_a_terminal_the_table_is_whole_with_a_line_for_each_row(run: Run, hard_leads: None) -> None:
    lines = run("segment", *BY_INDUSTRY, *ALL_COLUMNS).out.rstrip("\n").split("\n")
    assert len([line for line in lines if line.strip()]) == len(HARD_TEXTS) + 3
    assert all(column in lines[1] for column in ("Industry", *COLUMNS, *STATS, *COMPARISON))
    assert max(map(len, lines)) > 2000
    assert not any(STEERING.search(line) for line in lines)


@pytest.fixture
def on_terminal(connected: Close, folder: Path) -> OnTerminal:
    """Run a command in a process of its own whose standard output is a terminal; what it wrote there."""

    def run_there(columns: int, *argv: str) -> str:
        controller, terminal = pty.openpty()
        environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
        command = [sys.executable, str(ROOT / "main.py"), *argv]
        with subprocess.Popen(command, stdout=terminal, stderr=subprocess.PIPE, env=environment, cwd=folder) as process:
            os.close(terminal)
            written = b"".join(iter(lambda: read_from(controller), b""))
            assert process.wait(timeout=STUCK) == 0
        os.close(controller)
        return written.decode().replace("\r\n", "\n")

    return run_there


def read_from(controller: int) -> bytes:
    """What comes next from a terminal; nothing once nobody writes to it any more."""
    try:
        return os.read(controller, 65536)
    except OSError as error:
        assert error.errno == errno.EIO
        return b""


@pytest.mark.parametrize("columns", [30, 80, 240])
def test_a_terminal_gets_a_table_as_wide_as_it_is_and_no_text_steers_it(
    on_terminal: OnTerminal, hard_leads: None, columns: int
) -> None:
    written = re.sub(r"\x1b\[[\d;]*m", "", on_terminal(columns, "segment", *BY_INDUSTRY, *ALL_COLUMNS))
    lines = written.rstrip("\n").split("\n")
    assert max(map(cell_len, lines)) <= columns
    assert not any(STEERING.search(line) for line in lines)
    assert len([line for line in lines if line.strip()]) == len(HARD_TEXTS) + 3


def test_a_terminal_gets_short_amounts_and_a_bar_for_each_group(on_terminal: OnTerminal, earnings: None) -> None:
    written = on_terminal(100, "segment", *BY_INDUSTRY, "--stats")
    cells = [re.split(r" {2,}", line.strip()) for line in re.sub(r"\x1b\[[\d;]*m", "", written).strip().splitlines()]
    assert cells[0] == ["Industry", "Leads", "Total", "Median", "Most revenue"]
    assert cells[2:] == [
        ["Farms", "3", "1.23 M", "█" * 24, "99", "Farms 0"],
        ["Mines", "2", "-4.75 k", "░", "-2.38 k", "Mines 1"],
        ["Shops", "1"],
        ["All groups", "6", "1.23 M", "99", "Farms 0"],
    ]


def test_a_long_name_takes_no_room_from_the_figures(on_terminal: OnTerminal, earnings: None, lead: Lead) -> None:
    lead("Harbour Light Northern Holdings", "Health care and social assistance", 1_230_000)
    assert "1.23 M" in on_terminal(80, "segment", *BY_INDUSTRY)


def groups_report(names: Sequence[str], *groups: Sequence[object]) -> Report:
    """A report of groups, each with its names, leads, best lead and total, which is its median too."""
    rows = [[*group, group[-1]] for group in groups]
    return Report("", "", pd.DataFrame(rows, columns=[*names, *COLUMNS], dtype=object), (), {})


def test_bars_and_the_best_leads_get_shorter_step_by_step_as_a_terminal_gets_narrower() -> None:
    report = groups_report(["Industry"], ["Farms", 1, "T" * 40, Decimal("1230000")], ["Mines", 2, None, Decimal(-5)])
    fits: dict[tuple[int, int], None] = {}
    for width in range(150, 39, -1):
        lines = terminal_table(report, width).splitlines()
        assert max(map(cell_len, lines)) <= width
        assert re.search(r"^  Farms +1 +1\.23 M ", lines[3])
        fits[lines[3].count("█"), len(re.findall("[T…]", lines[3]))] = None
    assert list(fits) == [(24, 32), (24, 20), (16, 20), (10, 20), (10, 12), (0, 12), (0, 0)]


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (100, f"{'Farms ' * 6}Farms…   California       1   1.23 M   1.23 M   TTTTTTTTTTT…"),
        (80, f"{'Farms ' * 6}…   California       1   1.23 M   1.23 M"),
        (60, "Farms Farms Farm…   California       1   1.23 M   1.23 M"),
        (40, "Farms F…   Califor…       1   1.23 M"),
        (20, "Far…   Cal…       1   1.23 M"),
    ],
)
def test_names_share_the_room_of_a_terminal_so_that_short_ones_are_whole(width: int, line: str) -> None:
    report = groups_report(
        ["Industry", "US State"],
        ["Farms " * 12, "California", 1, "T" * 40, Decimal("1230000")],
        ["Mines", "Ohio", 2, "Mine", Decimal(-5)],
    )
    assert terminal_table(report, width).splitlines()[3].strip() == line


def test_a_name_of_wide_characters_is_whole_where_there_is_room() -> None:
    report = groups_report(["Industry"], ["漢" * 16, 1, "字" * 10, Decimal(5)])
    assert terminal_table(report, 120).splitlines()[3].split() == ["漢" * 16, "1", "5", "█" * 24, "5", "字" * 10]


@pytest.mark.parametrize(
    ("number", "rest"), [(60, []), (61, ["  and 1 more group"]), (1066, ["  and 1,006 more groups"])]
)
def test_a_terminal_gets_the_first_of_very_many_groups_and_how_many_more_there_are(
    number: int, rest: list[str]
) -> None:
    groups = [[f"Group {place}", 1, None, Decimal(place)] for place in range(number)]
    total = dict(zip(COLUMNS, (number, None, Decimal(7), Decimal(7)), strict=True))
    shown = terminal_table(replace(groups_report(["Industry"], *groups), total=total), 80).splitlines()[3:]
    assert [line.split()[1] for line in shown[:60]] == [str(place) for place in range(60)]
    assert shown[60].split()[:4] == ["All", "groups", f"{number:,}", "7"]
    assert shown[61:] == rest


def test_a_terminal_shows_the_change_beside_the_total() -> None:
    report = groups_report(["Industry"], ["Farms", 1, "Acme", Decimal(1230000)], ["Mines", 2, None, None])
    table = report.table.copy()
    table[f"Change: {TOTAL}"] = pd.Series([Decimal(-1230000), None], dtype=object)
    header, _, farms, mines = terminal_table(replace(report, table=table), 100).splitlines()[1:]
    assert header.split() == ["Industry", "Leads", "Total", "Change", "Median", "Most", "revenue"]
    assert farms.split()[1:5] == ["1", "1.23", "M", "█" * 24]
    assert "-1.23 M" in farms and mines.split() == ["Mines", "2"]


@pytest.mark.parametrize(
    ("amount", "drawn"),
    [
        (None, ""),
        (0, ""),
        (1, "▏"),
        (80, "█"),
        (90, "█▏"),
        (800, "█" * 10),
        (-1, "░"),
        (-80, "░"),
        (-400, "░" * 5),
    ],
)
def test_a_bar_is_as_long_as_its_amount_beside_the_largest(amount: int | None, drawn: str) -> None:
    assert bar(None if amount is None else Decimal(amount), Decimal(800), 10) == drawn


@pytest.mark.parametrize("name", ["می\u200cخواهم", "👩\u200d👧 & Co", "Caf\u00e9\u00a0Nord"])
def test_what_joins_the_letters_of_a_name_stays_in_it(run: Run, lead: Lead, name: str) -> None:
    lead(name, "x", 5)
    assert name in run("segment", *BY_INDUSTRY).out


def test_columns_of_one_title_have_each_their_own_width() -> None:
    row = ["a" * 40, "b", 1, "Acme", Decimal(5), Decimal(5)]
    table = pd.DataFrame([row], columns=["A B", "A\x01B", *COLUMNS], dtype=object)
    drawn = terminal_table(Report("Leads", "", table, (), {}), 60)
    assert re.search(r"a{10,}… +b +1 ", drawn)
    assert max(map(len, drawn.splitlines())) <= 60


def test_no_title_steers_a_terminal(run: Run, lead: Lead, close: CloseClient) -> None:
    title = "\x1b[31mSize\x1b[2J"
    lead("Acme", **{fields_called(close, title)[title]: "x"})
    assert "\x1b" not in run("segment", *DAYS, "--by", title).out


def test_no_name_in_a_warning_steers_a_terminal(run: Run, lead: Lead, close: CloseClient) -> None:
    worth = fields_called(close, "Worth")["Worth"]
    lead("Acme\x1b[2J\nerror: all is lost", **{worth: "a lot"})
    err = run("segment", *DAYS, "--revenue-field", "Worth").err
    assert ("\x1b" in err, len(err.splitlines())) == (False, 2)


def test_no_colour_goes_where_no_terminal_is(run: Run, earnings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in run("segment", *BY_INDUSTRY).out


def test_without_a_terminal_no_text_is_cut(run: Run, lead: Lead) -> None:
    lead("Acme", "long " * 2_500 + "text")
    assert "long text" in run("segment", *BY_INDUSTRY).out


# Charts --------------------------------------------------------------------------------------------------------------

GROUPS = {2000: 0, 2001: 1, 2002: 55, 2003: 100}  # groups by year


@pytest.fixture
def years(folder: Path, connect: Callable[..., None]) -> Iterator[Close]:
    """A sandbox with a lead of each group, in the years of GROUPS."""
    leads = [
        ManyLead(f"Lead {number}", None, number - 3.5, date(year, 5, 5), f"Group {number:03d}")
        for year, groups in GROUPS.items()
        for number in range(groups)
    ]
    fill_state(folder / "state", leads)
    with Close(state=folder / "state") as running:
        connect(running)
        yield running


@pytest.mark.parametrize("kind", MAGIC)
def test_a_picture_is_of_its_kind_with_any_number_of_groups(run: Run, years: Close, kind: str) -> None:
    for year, groups in GROUPS.items():
        chart = f"charts/{year}.{kind.upper() if year == 2001 else kind}"
        ran = run("segment", f"{year}-01-01", f"{year}-12-31", "--by", "Industry", "--chart", chart, "--json")
        assert (ran.code, len(ran.json["rows"])) == (0, groups), ran.err
        assert Path(chart).read_bytes().startswith(MAGIC[kind])
        if kind == "svg":
            assert len(set(re.findall("Group [0-9]{3}", Path(chart).read_text()))) == min(groups, 80)


@pytest.mark.parametrize(
    "argv", [("--chart", "x.gif"), ("--chart", "x"), ("--chart", "-"), ("--output", "x.pdf"), ("--output", ".")]
)
def test_a_file_of_no_known_kind_is_refused_before_any_request(
    run: Run, connected: Close, folder: Path, argv: tuple[str, ...]
) -> None:
    ran = run("segment", *DAYS, *argv)
    assert (ran.code, connected.paths, names_in(folder)) == (2, [], [])
    assert ran.err.startswith(f"error: Argument {argv[0]}: ")


# Files, whole or not at all ------------------------------------------------------------------------------------------

ALL_FILES = ("--output", "out/x.html", "--top", "1", "--chart", "out/x.png")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def all_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_are_for_their_owner_alone_in_folders_that_are_made(run: Run, earnings: None, folder: Path) -> None:
    before = os.umask(0)
    try:
        for chart in ("a/b c/x.png", "a/b c/x.png"):
            assert run("segment", *DAYS, "--output", "new/deep/x.xlsx", "--top", "1", "--chart", chart).code == 0
    finally:
        os.umask(before)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sorted(path.name for path in files) == ["x.png", "x.xlsx", "x_top.xlsx"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_a_file_that_is_a_link_stays_one(run: Run, earnings: None) -> None:
    Path("kept").mkdir()
    Path("x.csv").symlink_to("kept/real.csv")
    assert run("segment", *DAYS, "--output", "x.csv").code == 0
    assert Path("x.csv").is_symlink()
    assert csv_at("kept/real.csv")[0][1:] == COLUMNS


def unreachable_in_the_middle(sandbox: Close, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.watch = lambda request, answer: None if "search" in request.path else answer(request)


def another_count(sandbox: Close, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.change_answers("/data/search/", lambda body: {**body, "count": {"total": 99}})


def a_full_disk(sandbox: Close, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)


def control_c_while_writing(sandbox: Close, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)


def a_picture_that_fails(sandbox: Close, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **settings: object) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fail)


@pytest.mark.parametrize(
    ("trouble", "code", "words"),
    [
        (unreachable_in_the_middle, 5, "Close gave no usable answer"),
        (another_count, 4, "Close counts 99 leads but lists 6"),
        (a_full_disk, 1, "No space left on device"),
        (control_c_while_writing, 130, "Stopped"),
        (a_picture_that_fails, 1, "no ink"),
    ],
)
def test_a_run_that_fails_leaves_the_files_as_they_were(
    run: Run,
    earnings: None,
    sandbox: Close,
    monkeypatch: pytest.MonkeyPatch,
    clock: Callable[[], float],
    trouble: Callable[[Close, pytest.MonkeyPatch], None],
    code: int,
    words: str,
) -> None:
    assert run("segment", *DAYS, *ALL_FILES).code == 0
    before = all_in(Path("out"))
    trouble(sandbox, monkeypatch)
    ran = run("segment", *BY_INDUSTRY, *ALL_FILES)
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err and "Traceback" not in ran.err
    assert all_in(Path("out")) == before
    assert before.keys() == {"x.html", "x_top.html", "x.png"}


def test_where_no_folder_can_be_made_an_error_says_so_and_nothing_is_left(
    run: Run, earnings: None, folder: Path
) -> None:
    Path("notes.txt").write_text("mine")
    ran = run("segment", *DAYS, "--output", "notes.txt/x.csv")
    assert ran.code in (1, 2)
    assert ran.err.startswith("error: ") and ran.err.count("\n") == 1 and "notes.txt" in ran.err
    assert (names_in(folder), Path("notes.txt").read_text()) == (["notes.txt"], "mine")


def test_where_one_of_several_files_cannot_be_written_none_is(run: Run, earnings: None) -> None:
    assert run("segment", *DAYS, *ALL_FILES).code == 0
    before = all_in(Path("out"))
    Path("notes.txt").write_text("mine")
    assert run("segment", *BY_INDUSTRY, *ALL_FILES[:-1], "notes.txt/x.png").code != 0
    assert all_in(Path("out")) == before


def test_where_one_of_several_files_cannot_be_moved_the_old_ones_are_put_back(folder: Path) -> None:
    (folder / "a.csv").write_text("old")
    (folder / "b.csv" / "mine").mkdir(parents=True)
    with pytest.raises(OSError):
        write_files([(folder / "new.csv", b"new"), (folder / "a.csv", b"new"), (folder / "b.csv", b"new")])
    assert (folder / "a.csv").read_text() == "old"
    assert {path.name for path in folder.iterdir()} == {"a.csv", "b.csv"}


def test_of_several_files_none_is_changed_where_one_can_not_be_made(folder: Path) -> None:
    Path("notes.txt").write_text("mine")
    Path("x.csv").write_text("old")
    with pytest.raises(OSError, match="notes"):
        write_files([(Path("x.csv"), b"new"), (Path("notes.txt/y.csv"), b"new")])
    assert all_in(folder) == {"notes.txt": b"mine", "x.csv": b"old"}


def test_where_the_best_leads_can_not_be_written_nothing_is_asked_of_close(
    run: Run, earnings: None, sandbox: Close
) -> None:
    Path("x_top.csv").mkdir()
    sandbox.paths.clear()
    ran = run("segment", *DAYS, "--output", "x.csv", "--top", "1")
    assert (ran.code, sandbox.paths) == (2, [])
    assert "x_top.csv is not a file that can be replaced" in ran.err
    assert run("segment", *DAYS, "--output", "x.csv").code == 0


def test_a_file_to_read_is_not_written_over(run: Run, earnings: None, folder: Path) -> None:
    (folder / "input_data").mkdir()
    (folder / "input_data" / "leads.csv").write_text("mine")
    ran = run("segment", *DAYS, "--output", "input_data/leads.csv")
    assert (ran.code, "in the folder for input files" in ran.err) == (2, True)
    assert (folder / "input_data" / "leads.csv").read_text() == "mine"


def test_two_files_that_are_one_are_refused(run: Run, earnings: None, folder: Path) -> None:
    Path("x.png").symlink_to("x.csv")
    ran = run("segment", *DAYS, "--output", "x.csv", "--chart", "x.png")
    assert (ran.code, "are the same file" in ran.err, Path("x.csv").exists()) == (2, True, False)


@pytest.mark.parametrize("name", ["loop.csv", "x" * 300 + ".csv"])
def test_a_path_that_leads_nowhere_is_refused_before_anything_is_asked(
    run: Run, earnings: None, sandbox: Close, name: str
) -> None:
    Path("loop.csv").symlink_to("loop.csv")
    sandbox.paths.clear()
    ran = run("segment", *DAYS, "--output", name)
    assert (ran.code, "can't be written" in ran.err, sandbox.paths) == (2, True, [])


def test_where_no_folder_can_be_made_nothing_is_asked_of_close(run: Run, earnings: None, sandbox: Close) -> None:
    Path("notes.txt").write_text("mine")
    sandbox.paths.clear()
    ran = run("segment", *DAYS, "--output", "notes.txt/x.csv")
    assert (ran.code, sandbox.paths) == (2, [])


def test_a_file_may_have_as_long_a_name_as_the_disk_allows(run: Run, earnings: None) -> None:
    assert run("segment", *DAYS, "--output", f"{'x' * 250}.csv").code == 0


# Help ----------------------------------------------------------------------------------------------------------------


def test_the_help_tells_every_flag_with_a_meaning(run: Run) -> None:
    ran = run("segment", "--help")
    assert ran.code == 0
    told = dict(re.findall(r"^  (?:-\w, )?(--[\w-]+|START|END)(?: \S+)?\s+(\S.*)", ran.out, re.MULTILINE))
    flags = set(re.findall(r"--[\w-]+", ran.out.split("\n\n")[0]))
    assert flags >= {"--by", "--compare", "--stats", "--money", "--chart", "--output", "--wait", "--smart-view"}
    assert told.keys() == {*flags, "--help", "--quiet", "--verbose", "START", "END"}
    assert all(len(meaning) > 10 for meaning in told.values())


def test_a_value_that_is_there_twice_is_one(run: Run, lead: Lead, sandbox: Close, keys: dict[str, str]) -> None:
    lead("Acme", "Web", 5)
    twice = {keys["Industry"]: ["Web", "Fair", "Web"]}
    sandbox.change_answers("/search/", lambda body: {**body, "data": [{**each, **twice} for each in body["data"]]})
    (row,) = run("segment", *DAYS, "--by", "Industry", "--json").json["rows"]
    assert row["Industry"] == "Fair; Web"


@pytest.mark.parametrize("name", [" ", "\u200b", "\u00a0 \u2060"])
def test_a_lead_whose_name_nobody_sees_is_called_by_its_id(
    run: Run, lead: Lead, sandbox: Close, keys: dict[str, str], name: str
) -> None:
    lead_id = lead("Acme", "Web", 5)
    unseen = {"name": name, "display_name": name}
    sandbox.change_answers("/search/", lambda body: {**body, "data": [{**each, **unseen} for each in body["data"]]})
    (row,) = run("segment", *DAYS, "--by", "state", "--json").json["rows"]
    assert row[TOP_LEAD] == lead_id


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_a_chart_names_the_letters_that_no_font_has(run: Run, lead: Lead, suffix: str) -> None:
    lead("Acme", "Añb \U00050000\U00050001", 5)
    ran = run("segment", *DAYS, "--by", "Industry", "--chart", f"x.{suffix}")
    told = "in place of letters that the fonts of this computer lack: \U00050000 \U00050001. Choose" in ran.err
    assert (ran.code, told) == (0, suffix != "svg")
    lead("Beta", "Plain", 5)
    plain = run("segment", *DAYS, "--by", "Industry", "--where", "Industry=Plain", "--chart", f"x.{suffix}")
    assert "fonts" not in plain.err
