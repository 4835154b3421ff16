"""A dry run shows what becomes of each column and each of the first leads, and the import then does just that."""

import contextlib
import csv
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import main
from importing.preview.leads import expected_lead
from sandbox import Sandbox
from tests.conftest import HEADER, Run
from tests.raw_close import RawClose
from tests.what_close_holds import custom_ids, leads_held, named, people_on, table

Write = Callable[..., Path]


def column(preview: Any, title: str) -> Any:
    (found,) = [each for each in preview["columns"] if each["title"] == title]
    return found


def pairs(column: Any) -> list[tuple[str, str]]:
    """A column's samples, before and after."""
    return [(sample["before"], sample["after"]) for sample in column["samples"]]


MESSY = (
    '" acme  inc ","Ann Lee","ANN@X.com;bob@x.com",(415) 555-0100,17.05.1987,"$1,250.50",California,Retail,hot',
    "Acme Inc,Bob,bad,n/a,,,CA,Food,",
    "Beta,,b@x.com,+14155550101,31.12.2001,7,NY,Retail,",
    ",Nobody,x@x.com,,,,,,",
    "Gamma,Cee,c@x.com,,,,,N/A,cold",
)
WIDER = f"{HEADER},custom.Industry,Notes"


def test_a_preview_tells_of_each_column_and_of_the_first_leads(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    there = user.made("/lead/", name="Beta", contacts=[{"name": "Dee"}])
    write(*MESSY, header=WIDER)
    dry = run("import", "leads.csv", "--dry-run", "--json")
    preview = dry.json["preview"]
    assert [each["title"] for each in preview["columns"]] == WIDER.split(",")
    company = column(preview, "Company")
    assert {name: company[name] for name in ("target", "kind", "is_new", "filled", "dropped")} == {
        **{"target": "Company", "kind": "name", "is_new": False, "filled": 4, "dropped": 0}
    }
    assert (company["changed"], pairs(company)) == (3, [(" acme  inc ", "ACME INC"), ("Acme Inc", "ACME INC")])
    assert (company["worst"]["code"], company["worst_count"]) == ("no_company", 1)
    emails = column(preview, "Contact Emails")
    assert [emails[name] for name in ("filled", "changed", "dropped")] == [5, 1, 1]
    assert ("ANN@X.com;bob@x.com", "ANN@x.com, bob@x.com") in pairs(emails)
    assert emails["worst"]["code"] == "invalid_email"
    phones = column(preview, "Contact Phones")
    assert [phones[name] for name in ("filled", "changed", "placeholders")] == [2, 1, 1]
    founded = column(preview, "custom.Company Founded")
    assert (founded["target"], founded["kind"], founded["is_new"]) == ("custom.Company Founded", "date", True)
    assert ("17.05.1987", "1987-05-17") in pairs(founded)
    industry = column(preview, "custom.Industry")
    assert [industry[name] for name in ("filled", "changed", "dropped", "placeholders")] == [3, 0, 1, 1]
    assert (industry["worst"]["code"], pairs(industry)) == ("conflict", [("Retail", "Retail"), ("Food", "")])
    notes = column(preview, "Notes")
    assert (notes["target"], notes["filled"], notes["samples"]) == ("", 2, [])
    acme, beta, _ = preview["first_leads"]
    assert (acme["company"], acme["rows"], acme["outcome"]) == ("ACME INC", [2, 3], "created")
    assert [(each["name"], each["value"]) for each in acme["values"]] == [
        *[("State", "CA"), ("Company Founded", "1987-05-17"), ("Company Revenue", "1250.5"), ("Industry", "Retail")]
    ]
    assert acme["contacts"] == ["ANN LEE: ANN@x.com, bob@x.com, +14155550100", "BOB"]
    assert (beta["company"], beta["outcome"]) == ("Beta", "updated")
    assert beta["contacts"] == ["Dee", "b@x.com, +14155550101"]
    subjects = [each["subject"] for each in preview["decisions"]]
    assert {"rejected rows", "columns left out", "new custom fields", "values that disagree"} <= set(subjects)
    assert (dry.json["organization"], dry.json["user"]) == ("Sandbox", "Sandbox User")
    line, _, update = table("output_data/leads_plan.csv")[:3]
    assert line["changes"] == (
        "State: CA; Company Founded: 1987-05-17; Company Revenue: 1250.5; Industry: Retail; "
        "new contact: ANN LEE: ANN@x.com, bob@x.com, +14155550100; new contact: BOB"
    )
    assert "new contact: b@x.com, +14155550101" in update["changes"]
    before = connected.report()["requests"]
    real = run("import", "leads.csv", "--json").json
    assert real["requests"] == dry.json["effort"]["requests"] == connected.report()["requests"] - before
    assert (real["preview"], real["effort"]) == (None, None)
    assert people_on(user.get(f"/lead/{there['id']}/").json())[1] == (None, ["b@x.com"], ["+14155550101"])
    again = run("import", "leads.csv", "--dry-run", "--json").json
    assert column(again["preview"], "custom.Company Founded")["is_new"] is False
    assert [lead["outcome"] for lead in again["preview"]["first_leads"]] == ["unchanged"] * 3


def test_a_preview_is_told_in_lines_that_fit_and_are_harmless(
    run: Run, write: Write, connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(*MESSY, f'"Evil\x1b[31m\u202e",{"Long " * 80},,,,,,"two\nlines",日本語', header=WIDER)
    told = run("import", "leads.csv", "--dry-run").out
    assert "\x1b" not in told
    assert "\u202e" not in told
    shown = told[told.index("to decide") : told.index("\nnew field")].splitlines()
    assert max(map(len, shown)) <= 100
    for line in (
        "organization: Sandbox",
        "user: Sandbox User",
        "read as: CSV with commas, UTF-8",
        "    row 2: (415) 555-0100 -> +14155550100",
        "the first 3 leads, as Close will hold them:",
        "    contact          ANN LEE: ANN@x.com, bob@x.com, +14155550100",
    ):
        assert line in told.splitlines()
    assert "\n\nto carry this out: about" in told
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    narrow = run("import", "leads.csv", "--dry-run").out
    shown = narrow[narrow.index("to decide") : narrow.index("\nnew field")].splitlines()
    assert max(map(len, shown)) < 60
    assert "Contact Phones -> Contact Phones (phone)" in narrow
    assert "\x1b" not in narrow


def test_decisions_are_told_to_their_ends_and_a_new_field_is_not_taken_for_a_column_of_ours(
    run: Run, write: Write, connected: Sandbox
) -> None:
    question = "Which of the products that we offer have you used for more than a year"
    asked = [f"{number}. {question}" for number in range(8)]
    write(f"Acme,x{',y' * len(asked)}", header=",".join(["Company", "custom.Company", *asked]))
    told = run("import", "leads.csv", "--dry-run").out
    (left_out,) = re.findall("columns left out: .*?(?=\n  - )", told, re.DOTALL)
    assert left_out.endswith("or give it a target in a map.")
    assert all(f"'{number}. Which" in left_out for number in range(8))
    assert re.findall(r"^(\S*Company) .* (name|text|\w+, new)  ", told, re.MULTILINE) == [
        *[("Company", "name"), ("custom.Company", "text, new")]
    ]


# For any file --------------------------------------------------------------------------------------------------------

CELLS = {
    "Company": ["Acme", "acme ", " ACME", "Béta & Co", "n/a", "", "=1+1", "Gamma"],
    "First Name": ["Ann", "ann", "BOB", "", "N/A", "Zoë  Eve"],
    "Last Name": ["Lee", "lee", "", "O'Neil"],
    "Contact Emails": ["a@X.com", "A@x.com", "b@x.com; c@x.com", "bad", "bad; d@x.com", "", "none"],
    "Mobile": ["415 555 0100", "+14155550100", "n/a", "", "123", "4.15E+09"],
    "Work Phone": ["415 555 0101; 415 555 0102", "", "555-555-5555"],
    "Company US State": ["CA", "california", "Kalifornia", "", "-"],
    "custom.Opened": ["17.05.1987", "1987-05-17", "31.02.1999", "", "N/A"],
    "custom.Seats": ["7", "1,250.50", "n/a", ""],
    "custom.Tag": ["hot", " hot", "cold", '="x"', "", "NULL"],
    "Notes": ["hello", "", "N/A"],
}
ROWS = st.lists(st.tuples(*map(st.sampled_from, CELLS.values())), min_size=1, max_size=6)


def answered(*argv: str) -> Any:
    """What a command prints as JSON."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
        main.main(argv)
    return json.loads(out.getvalue())


@settings(max_examples=10)
@given(rows=ROWS, names=st.sampled_from(["upper", "title", "keep"]))
def test_what_a_preview_says_of_any_file_comes_true(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], names: str
) -> None:
    path = tmp_path_factory.mktemp("preview") / "any.csv"
    lines = [list(CELLS), *map(list, rows)]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
    flags = ["--json", "--names", names, "--date-order", "dmy", "--decimal", "dot", "--index-lag", "0"]
    with Sandbox() as sandbox, pytest.MonkeyPatch.context() as patch:
        patch.chdir(path.parent)
        patch.setenv("CLOSE_API_URL", sandbox.close_url)
        patch.setenv("CLOSE_API_KEY", "key-for-tests")
        dry = answered("import", str(path), "--dry-run", *flags)
        plan = table("output_data/any_plan.csv")
        real = answered("import", str(path), *flags)
        with RawClose(sandbox, "key-of-a-user") as user:
            held, fields = leads_held(user), custom_ids(user)
    check_counts(dry, lines)
    imported = table(path.parent / real["files"]["imported"])
    assert [line["changes"] for line in imported] == [line["changes"] for line in plan]
    lead_of_row = {int(line["row"]): held.get(line["lead id"]) for line in imported}
    for each in dry["preview"]["columns"]:
        for sample in each["samples"]:
            assert sample["before"] == lines[sample["row"] - 1][list(CELLS).index(each["title"])]
            texts = texts_of(lead_of_row[sample["row"]], fields)
            for part in filter(None, sample["after"].split(", ")):
                assert any(part in text for text in texts), (each, part)
    for lead in dry["preview"]["first_leads"]:
        there = named(held, lead["company"])
        assert all(value["value"] in texts_of(there, fields) for value in lead["values"])
        assert lead["contacts"] == [
            ": ".join(filter(None, [name, ", ".join([*emails, *phones])])) for name, emails, phones in people_on(there)
        ]


def check_counts(dry: Any, lines: list[list[str]]) -> None:
    """The numbers of each column go together with each other and with the file."""
    rows = len(lines) - 1
    for at, each in enumerate(dry["preview"]["columns"]):
        blank = sum(not line[at].strip() for line in lines[1:])
        assert each["filled"] + each["placeholders"] == rows - blank, each
        assert each["changed"] + each["dropped"] <= each["filled"], each
        assert (each["worst"] is None) == (each["worst_count"] == 0)
        assert len(each["samples"]) <= min(2, each["filled"])
    dropped = sum(each["dropped"] for each in dry["preview"]["columns"])
    assert (dropped > 0) == (dry["values_dropped"] > 0)


def texts_of(lead: Any, fields: dict[str, str]) -> list[str]:
    """All texts that Close holds of a lead."""
    keys = [key for name, key in fields.items() if name != "Import Key"]
    own = [lead["name"], *(address["state"] for address in lead["addresses"])]
    people = [text for name, emails, phones in people_on(lead) for text in (name or "", *emails, *phones)]
    return [*own, *(str(lead[key]) for key in keys if lead.get(key) is not None), *people]


def test_a_wide_file_is_looked_at_lead_by_lead_not_cell_by_cell(
    run: Run, write: Write, connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a lead will hold is worked out once, however many columns show samples of it."""
    asked: list[str] = []

    def expected(planned: Any, *more: Any) -> Any:
        asked.append(planned.lead.key)
        return expected_lead(planned, *more)

    monkeypatch.setattr("importing.preview.columns.expected_lead", expected)
    titles = [f"custom.F{number}" for number in range(20)]
    write(
        *(",".join([f"Company {row}", *(f"v{row}" for _ in titles)]) for row in range(9)),
        header=f"Company,{','.join(titles)}",
    )
    assert run("import", "leads.csv", "--dry-run").code == 0
    assert len(asked) == len(set(asked)) == 9


def test_a_cell_that_lost_its_value_is_no_placeholder(run: Run, write: Write, connected: Sandbox) -> None:
    write("A,#ERROR!", "B,n/a", "C,415 555 0100", header="Company,Contact Phones")
    shown = column(run("import", "leads.csv", "--dry-run", "--json").json["preview"], "Contact Phones")
    assert [shown[name] for name in ("filled", "changed", "dropped", "placeholders")] == [2, 1, 1, 1]
