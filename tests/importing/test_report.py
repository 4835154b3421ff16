"""`import --report` writes a page that holds all that a person wants to know, and in which nothing of the file acts."""

import base64
import errno
import hashlib
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest

from cells.problems import Problem
from cells.texts import ProblemCode
from close.machine import Disk
from importing.preview.preview import Effort, Preview, ProblemKind
from importing.report.page import report_page
from importing.report.problem_words import PROBLEM_WORDS
from importing.report.sections import Occasion
from sandbox import Sandbox
from tests.conftest import Ran, Run
from tests.what_close_holds import table

Write = Callable[..., Path]

EVIL = "<script>alert(1)</script>\u202egpj\x1b[2J <img src=//x.example onerror=alert(2)>"
HEADER = f"Company,Contact Name,Contact Emails,custom.Company Founded,custom.Industry,Lane {EVIL}"
ROWS = (
    f"Acme,Ann,ann.acme.example,17.05.1987,Retail,{EVIL}",
    "Acme,Bee,bee@acme.example,18.05.1987,,",
    f"Beta {EVIL},Cee,cee@beta.example,31.02.1999,Mining,",
    ",Nobody,,,,",
)
SECTIONS = (
    *("decisions", "outcomes", "effort", "columns", "leads", "fields", "readings"),
    *("problems", "conflicts", "left-out"),
)


class Page(HTMLParser):
    """A page: what is read on it, its elements, and what its style and scripts are."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text, self.tags, self.attributes, self.code = "", list[str](), list[tuple[str, str]](), dict[str, str]()
        self._in = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[Any]) -> None:
        self._in = tag
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, _tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in in ("script", "style"):
            self.code[self._in] = data
        else:
            self.text += data

    def has(self, text: str) -> bool:
        """Whether the page shows a text, whose hidden characters are named."""
        return re.sub(r"[\u202e\x1b]", lambda hidden: f"⟨U+{ord(hidden[0]):04X}⟩", text) in self.text


def assert_needs_nothing(page: Page) -> None:
    """The page loads nothing, and only the style and the script that we wrote act on it."""
    (policy,) = [value for name, value in page.attributes if name == "content" and "default-src" in value]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for tag, code in page.code.items():
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}';" in policy
    assert (page.tags.count("script"), page.tags.count("style"), page.tags.count("img")) == (1, 1, 0)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "style")]
    links = {value for name, value in page.attributes if name == "href"}
    assert links >= {"data:,", "#decisions"} and all(link.startswith(("data:,", "#")) for link in links)
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttp", "".join(page.code.values()))


def test_a_dry_run_reports_every_column_decision_and_problem(
    run: Run, write: Write, connected: Sandbox, folder: Path
) -> None:
    write(*ROWS, header=HEADER)
    ran = run("import", "leads.csv", "--dry-run", "--json", "--report", "pages/report.html")
    assert (ran.code, ran.json["files"]["report"]) == (4, "pages/report.html")
    assert connected.report()["leads"] == 0
    path = folder / "pages" / "report.html"
    assert path.stat().st_mode & 0o777 == 0o600
    page, told = Page(path), ran.json["preview"]
    assert "nothing was written to Close" in page.text and "undo" not in page.text
    assert page.has(f"python main.py import leads.csv --plan {ran.json['plan_id']}")
    assert len(told["columns"]) == 6 and told["decisions"]
    for column in told["columns"]:
        assert all(page.has(text) for text in (column["title"], column["target"]))
        assert all(page.has(each["before"]) and page.has(each["after"]) for each in column["samples"])
    assert all(page.has(each["words"]) for each in told["decisions"])
    problems = [*table(ran.json["files"]["rejects"]), *table(ran.json["files"]["conflicts"])]
    assert len(problems) == 4
    for problem in table(ran.json["files"]["rejects"]):
        assert all(map(page.has, (problem["_row"], problem["_value"], problem["_code"], problem["_reason"])))
        assert page.has(PROBLEM_WORDS[problem["_code"]])
    for conflict in table(ran.json["files"]["conflicts"]):
        assert page.has(conflict["file has"]) and page.has(conflict["Close has"])
    assert re.findall(r'<section id="([a-z-]+)"', path.read_text(encoding="utf-8")) == list(SECTIONS)
    assert (
        page.has(ran.json["files"]["plan"])
        and page.has(ran.json["organization"])
        and page.has("BETA <SCRIPT>ALERT(1)</SCRIPT>")
    )
    assert page.has(f"python main.py import leads.csv --plan {ran.json['plan_id']}")
    assert_needs_nothing(page)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202a-\u202e]", path.read_text(encoding="utf-8"))


def test_an_import_reports_what_it_did_and_how_to_take_it_back(
    run: Run, write: Write, connected: Sandbox, folder: Path
) -> None:
    write(*ROWS, header=HEADER)
    ran = run("import", "leads.csv", "--report", "done.htm")
    assert (ran.code, "report: done.htm" in ran.out.splitlines()) == (4, True)
    page, (run_id,) = Page(folder / "done.htm"), re.findall(r"^run: (\S+)", ran.out, re.MULTILINE)
    assert page.has("This import was carried out.") and page.has(f"python main.py undo {run_id}")
    assert page.has("17.05.1987") and page.has("1987-05-17")


def test_a_report_that_can_not_be_written_is_refused_before_anything_is_done(
    run: Run, write: Write, connected: Sandbox, folder: Path
) -> None:
    write("Acme,,,,,,", name="leads.html")
    (folder / "folder.html").mkdir()
    for name, words in {
        "report.pdf": "use .html",
        "report": "needs an ending",
        "folder.html": "not a file that can be replaced",
        "leads.html": "is the file to import",
        "input_data/x.html": "Choose a file outside input_data/",
    }.items():
        ran = run("import", "leads.html", "--report", name)
        assert (ran.code, words in ran.err) == (2, True), (name, ran.err)
    assert connected.report()["requests"] == 0
    assert (folder / "leads.html").read_text().endswith("Acme,,,,,,")


def test_without_room_on_the_disk_the_result_is_shown_without_the_report(
    run: Run, write: Write, connected: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_for_pages(disk: Disk, descriptor: int, content: bytes) -> None:
        if content.startswith(b"<!DOCTYPE"):
            os.close(descriptor)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written(disk, descriptor, content)

    written = Disk.write
    monkeypatch.setattr(Disk, "write", full_for_pages)
    write("Acme,,,,,,")
    ran: Ran = run("import", "leads.csv", "--report", "report.html")
    assert (ran.code, "No space left" in ran.err, "created       1 row" in ran.out) == (1, True, True)
    assert "report:" not in ran.out and not (folder / "report.html").exists()


def test_a_page_stays_small_and_says_which_file_has_all_problems() -> None:
    assert PROBLEM_WORDS.keys() == set(get_args(ProblemCode))
    codes: tuple[Any, ...] = ("formula", "refused", "too_long", "unheard_of")
    preview = _preview([ProblemKind(code, False, _many_problems(code)) for code in codes])
    page = report_page(preview, Occasion(datetime(2026, 1, 2, tzinfo=UTC), "", {"rejects": "output_data/x.csv"}))
    assert len(page.encode()) < 5_000_000
    shown = [
        int(hidden.replace(",", "")) for hidden in re.findall(r"([\d,]+) more problems are not on this page", page)
    ]
    assert page.count("all of them are in <code>output_data/x.csv</code>") == len(shown) == 4
    assert 12_000 - sum(shown) == page.count("<td><bdi>Notes</bdi></td>") > 1000
    assert "unheard of" in page


def _many_problems(code: Any) -> tuple[Problem, ...]:
    return tuple(Problem(row, "Notes", "<&>" * (row % 900), code, EVIL) for row in range(3000))


def _preview(problems: list[ProblemKind]) -> Preview:
    texts = dict.fromkeys(("file", "form", "map_name", "organization", "user", "plan_id"), "")
    counts: dict[str, Any] = {name: {} for name in ("rows", "leads", "columns_left_out", "rows_left_out")}
    lists = ("columns", "first_leads", "new_fields", "readings", "conflicts", "decisions", "warnings")
    nothing: dict[str, Any] = texts | counts | dict.fromkeys(lists, ())
    return Preview(**nothing, is_rehearsed=True, problems=tuple(problems), placeholders=0, effort=Effort(1, 0.1))
