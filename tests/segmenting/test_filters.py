"""`segment` understands which leads are asked for and how they are grouped, by the names that people know."""

import csv
import json
import sqlite3
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from close.fields import day_of, number_of
from sandbox import Sandbox
from sandbox.wire import HttpRequest, Reply
from segmenting.columns import COLUMNS, LEADS, TOP_LEAD, TOTAL
from tests.conftest import Ran, Run
from tests.many_leads import ManyLead, fill_state
from tests.raw_close import RawClose
from tests.some_leads import THE_DAY, SomeLeads, names_of, sizes_of
from tests.watched import Answer, Watched

Asked = Callable[..., Ran]
STATE = "US State"
SEVERAL = {"accepts_multiple_values": True}
LEADS_QUERY = {"type": "object_type", "object_type": "lead"}
CONTACTS_QUERY = {"type": "object_type", "object_type": "contact"}


@pytest.fixture
def leads(connected: Sandbox) -> Iterator[SomeLeads]:
    with SomeLeads(connected) as session:
        yield session


@pytest.fixture
def asked(run: Run) -> Asked:
    """Ask for the leads of the one day, as JSON."""
    return lambda *argv: run("segment", THE_DAY, THE_DAY, "--json", *argv)


def output(folder: Path, name: str = "output.csv") -> list[list[str]]:
    with (folder / "output_data" / name).open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def edit_state(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change every lead in a sandbox's state file to what Close itself would not take."""
    with closing(sqlite3.connect(path)) as connection, connection:
        rows = connection.execute("SELECT id, document FROM objects WHERE kind = 'lead'").fetchall()
        for lead_id, document in rows:
            changed = json.dumps(change(json.loads(document)))
            connection.execute("UPDATE objects SET document = ? WHERE id = ?", (changed, lead_id))


# Groups --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "more", "values", "groups"),
    [
        ("text", {}, ["Retail", "  Real   Estate ", "energy", None, "Retail"], ["energy", "Real Estate", "Retail"]),
        ("text", {}, ["E\u0301clair", "\u00c9clair", None], ["\u00c9clair"]),
        ("textarea", {}, ["two\nlines", None], ["two lines"]),
        ("hidden", {}, ["b", "a", None], ["a", "b"]),
        ("number", {}, [10, 9.5, 100, -1, None, 0, 1e2, 1e21], ["-1", "0", "9.5", "10", "100", "1" + "0" * 21]),
        ("date", {}, ["2020-01-02", None, "1999-12-31"], ["1999-12-31", "2020-01-02"]),
        ("datetime", {}, ["2020-01-01T23:30:00-05:00", "2020-01-01T12:00:00Z", None], ["2020-01-01", "2020-01-02"]),
        ("choices", {"choices": ["Small", "Large"]}, ["Small", "Large", None], ["Large", "Small"]),
        (
            "choices",
            {"choices": ["A", "B", "C"], "accepts_multiple_values": True},
            [["C", "A"], ["A", "C"], ["B"], None],
            ["A; C", "B"],
        ),
        ("text", {"accepts_multiple_values": True}, [["x", " "], ["x"], ["y", "x"], None], ["x", "x; y"]),
    ],
)
def test_any_field_of_leads_makes_groups_and_those_without_it_are_last(
    asked: Asked, leads: SomeLeads, kind: str, more: dict[str, Any], values: list[Any], groups: list[str]
) -> None:
    leads.field("Sort", kind, **more)
    leads.add_each("Sort", *values)
    ran = asked("--by", "Sort")
    assert names_of(ran, "Sort") == [*groups, "Unknown"]
    assert ran.json["leads"] == sum(sizes_of(ran, "Sort").values()) == len(values)
    assert ran.json["without_group"] == {"Sort": 1}
    assert "1 without Sort" in ran.err


def test_groups_by_a_user_have_their_names(asked: Asked, leads: SomeLeads) -> None:
    leads.field("Owner", "user")
    me = leads.get("/me/").json()
    leads.add_each("Owner", me["id"], None, me["id"])
    name = f"{me['first_name']} {me['last_name']}"
    assert sizes_of(asked("--by", "Owner"), "Owner") == {name: 2, "Unknown": 1}


def test_a_field_shared_with_other_objects_makes_groups_too(asked: Asked, leads: SomeLeads) -> None:
    leads.sandbox.add_shared_field("Region", "text")
    leads.add_each("Region", "West")
    assert sizes_of(asked("--by", "region"), "Region") == {"West": 1}


def test_groups_by_status_have_its_label_and_every_lead_has_one(asked: Asked, leads: SomeLeads) -> None:
    leads.add("Acme", 5, status="Qualified")
    leads.add("Beta", 7)
    ran = asked("--by", "STATUS")
    assert sizes_of(ran, "Status") == {"Potential": 1, "Qualified": 1}
    assert ran.json["without_group"] == {"Status": 0}


@pytest.mark.parametrize("by", [(), ("--by", "state"), ("--by", " State "), ("--by", "US State")])
def test_groups_are_by_state_unless_something_else_is_named(asked: Asked, leads: SomeLeads, by: tuple[str]) -> None:
    leads.add("Acme", 5, "CA")
    leads.add("Beta", 7)
    assert sizes_of(asked(*by), STATE) == {"California": 1, "Unknown": 1}


def test_groups_by_the_day_of_creation_are_days(asked: Asked, leads: SomeLeads) -> None:
    leads.add("Acme")
    today = datetime.now(UTC).date()
    assert names_of(asked("--by", "created"), "Date created")[0] in (f"{today}", f"{today - timedelta(days=1)}")


def test_within_each_group_of_the_first_level_the_second_is_sorted_with_what_is_unknown_last(
    asked: Asked, leads: SomeLeads, folder: Path
) -> None:
    leads.field("Industry")
    for state, industry in (("NY", None), (None, "Retail"), ("CA", "Retail"), ("NY", "Art"), (None, None), ("CA", "x")):
        leads.add("Acme", 1, state, {"Industry": industry})
    assert names_of(asked("--by", "state", "--by", "Industry"), STATE, "Industry") == [
        ("California", "Retail"),
        ("California", "x"),
        ("New York", "Art"),
        ("New York", "Unknown"),
        ("Unknown", "Retail"),
        ("Unknown", "Unknown"),
    ]
    assert output(folder)[0] == [STATE, "Industry", *COLUMNS]
    ran = asked("--by", "Industry", "--by", "state")
    assert names_of(ran, "Industry", STATE)[-2:] == [("Unknown", "New York"), ("Unknown", "Unknown")]
    assert ran.json["without_group"] == {"Industry": 2, STATE: 2}


@pytest.mark.parametrize(
    "by", [("state", "STATE"), ("Industry", "industry"), ("Industry", "state", "custom.Industry"), ("status", "status")]
)
def test_the_same_field_at_two_levels_is_refused(run: Run, leads: SomeLeads, folder: Path, by: tuple[str]) -> None:
    leads.field("Industry")
    ran = run("segment", THE_DAY, *(part for name in by for part in ("--by", name)))
    assert (ran.code, "Name each field only once with --by" in ran.err) == (2, True)
    assert not list(folder.glob("**/*.csv"))


def test_a_text_that_says_unknown_is_counted_with_those_that_hold_nothing(asked: Asked, leads: SomeLeads) -> None:
    leads.field("Industry")
    leads.add_each("Industry", "unknown", None, "Unknown", "Zoo")
    assert list(sizes_of(asked("--by", "Industry"), "Industry").items()) == [("Zoo", 1), ("Unknown", 3)]


@pytest.mark.parametrize(
    ("more", "values", "groups"),
    [
        ({}, [0, -0.0], {"0": 2}),
        ({}, [10**30 + 1, 10**30], {"1" + "0" * 30: 1, "1" + "0" * 29 + "1": 1}),
        (SEVERAL, [[10, 9], [2], [-3]], {"-3": 1, "2": 1, "9; 10": 1}),
    ],
)
def test_groups_by_numbers_are_one_for_each_number_by_size(
    asked: Asked, leads: SomeLeads, more: dict[str, Any], values: list[Any], groups: dict[str, int]
) -> None:
    leads.field("Size", "number", **more)
    leads.add_each("Size", *values)
    assert list(sizes_of(asked("--by", "Size"), "Size").items()) == list(groups.items())


def test_what_is_said_of_leads_without_a_state_is_the_same_everywhere(asked: Asked, leads: SomeLeads) -> None:
    leads.add("Acme", 5, "unknown")
    ran = asked()
    assert ran.json["without_state"] == ran.json["without_group"][STATE] == sizes_of(ran, STATE)["Unknown"]


def test_what_has_no_group_is_counted_level_by_level(asked: Asked, leads: SomeLeads) -> None:
    leads.field("a state")
    leads.add("Acme", 5, "CA")
    assert sorted(asked("--by", "state", "--by", "a state").json["without_group"].values()) == [0, 1]


# Names ---------------------------------------------------------------------------------------------------------------

NAMED_LIKE_COLUMNS = [TOTAL, STATE, "Lead", "Revenue", "Rank", "Link", LEADS, TOP_LEAD, f"Previous: {LEADS}"]


@pytest.mark.parametrize("name", NAMED_LIKE_COLUMNS)
def test_a_field_called_like_a_column_has_a_column_of_its_own(
    asked: Asked, leads: SomeLeads, folder: Path, name: str
) -> None:
    field = leads.field(name)
    leads.add("Acme", 12.5, "CA", {field: "=mine"})
    argv = ["--by", name, "--by", "state", "--top", "1", "--stats", "--compare", "previous"]
    ran = asked(*argv)
    ((row,), (best,)) = ran.json["rows"], ran.json["top"]
    own = f"{name} ({field})"
    assert (row[own], row[STATE], row[LEADS], row[TOTAL], row[TOP_LEAD]) == ("=mine", "California", 1, 12.5, "Acme")
    assert (best[own], best[STATE], best["Rank"], best["Lead"], best["Revenue"]) == (
        "=mine",
        "California",
        1,
        "Acme",
        12.5,
    )
    for table in (output(folder), output(folder, "output_top.csv")):
        assert table[0][:2] == [own, STATE]
        assert len({*table[0]}) == len(table[0]) == len(table[1])


def test_the_name_of_a_field_is_harmless_in_the_header_and_as_it_is_elsewhere(
    asked: Asked, leads: SomeLeads, folder: Path
) -> None:
    leads.field('=1+1, "two"')
    leads.add("Acme", values={'=1+1, "two"': "@x"})
    assert sizes_of(asked("--by", '=1+1, "two"'), '=1+1, "two"') == {"@x": 1}
    assert [line[0] for line in output(folder)] == ['\'=1+1, "two"', "'@x"]


@pytest.mark.parametrize("argv", [["--json"], ["--output", "page.html"], ["--output", "book.xlsx"]])
def test_half_a_character_in_a_name_does_no_harm(run: Run, leads: SomeLeads, argv: list[str]) -> None:
    leads.field("Odd\ud800")
    leads.add("Acme")
    assert run("segment", THE_DAY, "--by", "Odd\ud800", *argv).code == 0


@pytest.mark.parametrize(
    ("first", "name"),
    [
        ("status", "Status"),
        ("created", "Date created"),
    ],
)
def test_a_custom_field_called_like_a_field_of_every_lead_stands_beside_it(
    asked: Asked, leads: SomeLeads, folder: Path, first: str, name: str
) -> None:
    leads.field(name)
    leads.add("Acme", 12.5, values={name: "mine"})
    (row,) = asked("--by", first, "--by", f"custom.{name}").json["rows"]
    assert len(row) == 2 + len(COLUMNS)
    header, line = output(folder)
    assert len({*header}) == len(line) == 2 + len(COLUMNS)


def test_a_name_behind_custom_is_that_of_a_custom_field(asked: Asked, leads: SomeLeads) -> None:
    for name in ("Status", "state", "Created"):
        leads.field(name)
    leads.add("Acme", values={"Status": "mine", "state": "of mind", "Created": "by hand"})
    assert sizes_of(asked("--by", "custom.Status"), "Status") == {"mine": 1}
    assert sizes_of(asked("--by", "custom.State"), "state") == {"of mind": 1}
    assert sizes_of(asked("--by", "custom.created"), "Created") == {"by hand": 1}
    assert sizes_of(asked("--by", "status"), "Status") == {"Potential": 1}
    assert asked("--where", "custom.Status=mine", "--where", "status=Potential").json["leads"] == 1
    assert asked("--where", "custom.Status=yours").json["leads"] == 0


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--date-field", "Company Fonded"], "Did you mean 'Company Founded'? Give"),
        (["--revenue-field", "Revenue"], "Did you mean 'Company Revenue'?"),
        (["--by", "Industy"], "Did you mean 'Industry' or 'Industry2'?"),
        (["--by", "Industy"], "Give the right name with --by"),
        (["--by", "custom.Industy"], "Did you mean 'Industry' or 'Industry2'?"),
        (["--by", "custom.state"], "no lead custom field named 'custom.state'"),
        (["--by", ""], "no lead custom field named ''"),
        (["--by", "Qqqq"], "Available: 'Company Founded', 'Company Revenue', 'Industry', 'Industry2'"),
        (["--where", "Industy=Retail"], "Did you mean 'Industry' or 'Industry2'?"),
        (["--where", "Industry"], "has no equals sign"),
        (["--where", "=Retail"], "no lead custom field named ''"),
        (["--status", "Potental"], "Did you mean 'Potential'?"),
        (["--status", ""], "no lead status named ''"),
        (["--where", "status=Potental"], "Did you mean 'Potential'?"),
        (["--smart-view", "Leads wihout contacts"], "Did you mean 'Leads without contacts'?"),
        (["--date-field", "Industry"], "is of type text, not a date"),
        (["--date-field", "state"], "not a date"),
        (["--date-field", "Days"], "can hold several values"),
        (["--revenue-field", "Company Founded"], "is of type date, which does not hold amounts"),
        (["--revenue-field", "status"], "which does not hold amounts"),
        (["--where", "Company Revenue=lots"], "'lots' is not a number. Write it like 1234.5"),
        (["--where", "Company Revenue=NaN"], "'NaN' is not a number"),
        (["--where", "Company Founded=June"], "'June' is not a date. Write it as YYYY-MM-DD"),
        (["--where", "Company Founded=2000-02-30"], "'2000-02-30' is not a date"),
        (["--where", "Company Founded=20000615"], "'20000615' is not a date"),
        (["--where", "Tier=Gld"], "is not a choice of the field 'Tier' in Close. Did you mean 'Gold'?"),
    ],
)
def test_a_name_or_value_that_is_not_in_close_is_refused_with_what_may_be_meant(
    run: Run, leads: SomeLeads, folder: Path, argv: list[str], words: str
) -> None:
    leads.field("Industry")
    leads.field("Industry2")
    if "Days" in argv:
        leads.field("Days", "date", accepts_multiple_values=True)
    if "Tier=Gld" in argv:
        leads.field("Tier", "choices", choices=["Gold", "Silver"])
    leads.add("Acme", 1)
    ran = run("segment", THE_DAY, *argv)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert not list(folder.glob("**/*.csv"))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--date-field", "Company Fonded"], "Did you mean 'Company Founded'?"),
        (["--revenue-field", "Company Revenu"], "Did you mean 'Company Revenue'?"),
        (["--revenue-field", "sttae"], "Available: 'Company Revenue'. Give"),
    ],
)
def test_no_field_is_suggested_that_would_be_refused(run: Run, leads: SomeLeads, argv: list[str], words: str) -> None:
    assert words in run("segment", THE_DAY, *argv).err


def test_a_question_ends_with_a_question_mark_alone(run: Run, leads: SomeLeads) -> None:
    leads.field("Industry")
    ran = run("segment", THE_DAY, "--by", "Industy")
    assert "Did you mean 'Industry'?" in ran.err
    assert "?." not in ran.err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--by", "stauts"], "'status'"),
        (["--by", "sate"], "'state'"),
        (["--date-field", "creatd"], "'created'"),
        (["--where", "sttae=CA"], "'state'"),
    ],
)
def test_the_fields_that_every_lead_has_are_among_what_may_be_meant(
    run: Run, leads: SomeLeads, argv: list[str], words: str
) -> None:
    ran = run("segment", THE_DAY, *argv)
    assert ran.code == 2
    assert words in ran.err


def test_a_name_in_another_letter_case_is_understood_unless_two_fields_fit(asked: Asked, leads: SomeLeads) -> None:
    leads.field("Industry")
    leads.add("Acme", values={"Industry": "Retail"})
    assert sizes_of(asked("--by", " iNDUSTRY "), "Industry") == {"Retail": 1}
    leads.field("INDUSTRY")
    assert sizes_of(asked("--by", "Industry"), "Industry") == {"Retail": 1}
    ran = asked("--by", "industry")
    assert (ran.code, "2 lead custom fields named 'industry'" in ran.err) == (2, True)


# Days ----------------------------------------------------------------------------------------------------------------


def test_the_day_that_a_lead_was_made_is_that_in_utc_and_both_days_are_included(
    run: Run, folder: Path, connect: Callable[[Sandbox], None]
) -> None:
    moments = ["2000-06-14T23:59:59.999999", "2000-06-15T00:00:00", "2000-06-16T23:59:59.999999", "2000-06-17T00:00:00"]
    made = [ManyLead(moment, created=datetime.fromisoformat(moment).replace(tzinfo=UTC)) for moment in moments]
    fill_state(folder / "state", made)
    with Sandbox(state=folder / "state") as running:
        connect(running)
        argv = ["2000-06-15", "2000-06-16", "--date-field", "Created", "--json"]
        ran = run("segment", *argv, "--by", "created", "--compare", "previous")
    assert [(row["Date created"], row[LEADS]) for row in ran.json["rows"]] == [
        ("2000-06-14", 0),
        ("2000-06-15", 1),
        ("2000-06-16", 1),
    ]


@pytest.mark.parametrize(
    ("moment", "counts"),
    [
        ("2000-06-15T00:00:00Z", True),
        ("2000-06-15T23:59:59.999999Z", True),
        ("2000-06-14T23:59:59Z", False),
        ("2000-06-16T00:00:00Z", False),
        ("2000-06-14T20:00:00-04:00", True),
        ("2000-06-15T20:00:00-04:00", False),
        ("2000-06-16T01:00:00+02:00", True),
    ],
)
def test_the_day_of_a_moment_is_that_in_utc(asked: Asked, leads: SomeLeads, moment: str, counts: bool) -> None:
    leads.field("Signed", "datetime")
    leads.add("Acme", 5, values={"Signed": moment}, founded=None)
    ran = asked("--date-field", "signed", "--output", "page.html")
    assert ran.json["leads"] == counts
    assert "both days included, in UTC" in Path("page.html").read_text()
    assert asked("--date-field", "created", "--where", f"Signed={THE_DAY}").code == 0


@pytest.mark.parametrize(
    ("held", "day"),
    [
        ("2000-06-15", "2000-06-15"),
        ("2000-06-14T20:00:00-04:00", "2000-06-15"),
        ("2000-06-15T20:00:00-04:00", "2000-06-16"),
        ("2000-06-15T23:59:59.999999+00:00", "2000-06-15"),
        ("2000-06-15T23:30:00", "2000-06-15"),
        ("2000-06-31", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("June", None),
        (20000615, None),
        (None, None),
    ],
)
def test_a_day_is_told_from_whatever_close_holds(held: object, day: str | None) -> None:
    found = day_of(held)
    assert (found and found.isoformat()) == day


@pytest.mark.parametrize(
    ("held", "number"),
    [(5, "5"), (0.1, "0.1"), (" 1e3 ", "1E+3"), ("1e310", "1E+310"), ("1e311", None), ("NaN", None), (True, None)]
    + [(held, None) for held in ("Infinity", "five", "", None, [5])],
)
def test_a_number_is_told_from_whatever_close_holds(held: object, number: str | None) -> None:
    found = number_of(held)
    assert (None if found is None else str(found)) == number


@pytest.mark.parametrize(("first", "last"), [("0001-01-01", "9999-12-31"), ("2000-02-29", "2000-02-29")])
def test_the_first_and_the_last_days_that_there_are_can_be_asked_for(
    run: Run, leads: SomeLeads, first: str, last: str
) -> None:
    leads.add("first", founded=first)
    leads.add("last", founded=last)
    assert run("segment", first, last, "--json").json["leads"] == 2


# Filters -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "names"),
    [
        (["--status", "Qualified"], {"Q1", "Q2"}),
        (["--status", " qualified  "], {"Q1", "Q2"}),
        (["--status", "Qualified", "--status", "Lost  one"], {"Q1", "Q2", "L"}),
        (["--status", "Qualified", "--status", "QUALIFIED"], {"Q1", "Q2"}),
        (["--where", "status=Qualified", "--where", "Status=lost one"], {"Q1", "Q2", "L"}),
        (["--where", "status=Qualified", "--status", "Lost one"], set()),
        (["--where", "status="], set()),
        (["--where", "status=Qualified", "--where", "status="], {"Q1", "Q2"}),
        (["--status", "Qualified", "--where", "state=CA"], {"Q1"}),
        (["--where", "state=California"], {"Q1", "P"}),
        (["--where", "STATE=calif."], {"Q1", "P"}),
        (["--where", "state=CA", "--where", "state=ny"], {"Q1", "P", "Q2"}),
        (["--where", "state="], {"L"}),
        (["--where", "state=", "--where", "state=NY"], {"L", "Q2"}),
        (["--where", "state=Bavaria"], set()),
    ],
)
def test_leads_are_asked_for_by_status_and_state(
    asked: Asked, leads: SomeLeads, argv: list[str], names: set[str]
) -> None:
    for name, state, status in (
        ("Q1", "CA", "Qualified"),
        ("Q2", "New York", "Qualified"),
        ("P", "California", None),
        ("L", None, "Lost one"),
    ):
        leads.add(name, 1, state, status=status)
    ran = asked("--top", "9", *argv)
    assert ran.code == 0, ran.err
    assert {row["Lead"] for row in ran.json["top"]} == names
    assert ran.json["leads"] == len(names)


def test_of_two_statuses_of_one_label_the_exact_spelling_is_meant(asked: Asked, leads: SomeLeads) -> None:
    twin = leads.made("/status/lead/", label="potential")["id"]
    leads.add("Acme")
    leads.made("/lead/", name="Beta", status_id=twin, **{"custom.Company Founded": THE_DAY})
    assert asked("--status", "Potential").json["leads"] == 1
    assert asked("--status", "Potential", "--status", "potential").json["leads"] == 2


TIERS = {"choices": ["Gold", "Silver & Co", "Ä=ö"]}


@pytest.mark.parametrize(
    ("kind", "more", "values", "wanted", "fitting"),
    [
        ("text", {}, ["Finance", "finance", "Finances", None], ["FINANCE"], [0, 1]),
        ("text", {}, ["Real Estate", "real estate ", "Real", None], ["  real estate "], [0, 1]),
        ("text", {}, ["Retail", "Art", "Energy", None], ["Art", "Retail"], [0, 1]),
        ("hidden", {}, ["Retail", "Art", None], [" Art"], [1]),
        ("text", {}, ["Retail", None, ""], [""], [1, 2]),
        ("text", {}, ["Retail", None, "Art"], ["", "Retail"], [0, 1]),
        ("text", {}, ["a=b", "a", 'say "hi"', "it's"], ["a=b"], [0]),
        ("text", {}, ["a=b", "a", 'say "hi"', "it's"], ['say "hi"', "it's"], [2, 3]),
        ("text", {}, ["Éclair 東京 🚀", "Eclair", None], ["éclair 東京 🚀"], [0]),
        ("text", {}, ["Éclair", "E\u0301clair", "Eclair"], ["e\u0301clair"], [0, 1]),
        ("text", {}, ["STRASSE", "Straße", "Strase"], ["straße"], [0, 1]),
        ("text", {}, ["-5", "'quoted'", "%", "*"], ["%", "'quoted'"], [1, 2]),
        ("text", {}, ["Unknown", "unknown", None, "Retail"], ["unknown"], [0, 1, 2]),
        ("textarea", {}, ["two\nlines", "two"], ["two"], [1]),
        ("number", {}, [5, 5.0, 5.5, 50, None, 0], ["5"], [0, 1]),
        ("number", {}, [5, 0.1, 1e3, None, 0], ["0.10", "1e3"], [1, 2]),
        ("number", {}, [0, None, 5], ["0"], [0]),
        ("number", {}, [0, None, 5], [""], [1]),
        ("number", {}, [-5, 5], ["-5"], [0]),
        ("number", {}, [10**30, 10**30 + 1], ["1" + "0" * 29 + "1"], [1]),
        ("number", {}, [0, None, 5], ["unknown"], [1]),
        ("date", {}, ["2020-02-29", None], ["UNKNOWN"], [1]),
        ("date", {}, ["2020-02-29", "2020-03-01", None], ["2020-02-29"], [0]),
        ("date", {}, ["2020-02-29", "2020-03-01", None], ["", "2020-03-01"], [1, 2]),
        ("datetime", {}, ["2020-02-29T23:59:59Z", "2020-02-29T23:00:00-05:00", None], ["2020-02-29"], [0]),
        ("choices", TIERS, ["Gold", "Silver & Co", "Ä=ö", None], ["gold", "ä=ö"], [0, 2]),
        ("choices", TIERS, ["Gold", "Silver & Co", None], ["SILVER  & co"], [1]),
        ("choices", TIERS, ["Gold", None], [""], [1]),
        ("choices", TIERS, ["Gold", None], ["Unknown"], [1]),
        ("choices", {"choices": ["Gold", "unknown"]}, ["Gold", "unknown", None], ["Unknown"], [1, 2]),
        ("choices", {**TIERS, **SEVERAL}, [["Gold", "Ä=ö"], ["Ä=ö"], None], ["Gold"], [0]),
        ("text", SEVERAL, [["x", "y"], ["x; y"], ["y"], None], ["x"], [0]),
        ("text", SEVERAL, [["x", "y"], ["z"], None], ["x", "z"], [0, 1]),
        ("number", SEVERAL, [[1, 2], [2, 3], [12]], ["2"], [0, 1]),
        ("date", SEVERAL, [["2020-01-01", "2021-01-01"], ["2022-01-01"]], ["2021-01-01"], [0]),
    ],
)
def test_leads_are_asked_for_by_what_a_field_holds(
    asked: Asked,
    leads: SomeLeads,
    kind: str,
    more: dict[str, Any],
    values: list[Any],
    wanted: list[str],
    fitting: list[int],
) -> None:
    leads.field("Sort", kind, **more)
    for number, value in enumerate(values):
        leads.add(str(number), 1, values={"Sort": value})
    ran = asked("--top", "9", *(part for value in wanted for part in ("--where", f"Sort={value}")))
    assert ran.code == 0, ran.err
    assert sorted(int(row["Lead"]) for row in ran.json["top"]) == fitting
    assert ran.json["no_longer_asked_for"] == 0


def test_people_are_asked_for_by_their_id(asked: Asked, leads: SomeLeads) -> None:
    leads.field("Owner", "user")
    me = leads.get("/me/").json()["id"]
    leads.add_each("Owner", me, None)
    assert asked("--where", f"owner={me}").json["leads"] == 1
    assert asked("--where", "owner=").json["leads"] == 1
    assert asked("--where", "owner=user_nobody").json["leads"] == 0


def test_a_contact_who_is_asked_for_by_name_is_refused(asked: Asked, leads: SomeLeads) -> None:
    leads.field("Buyer", "contact")
    ran = asked("--where", "Buyer=Ann")
    assert (ran.code, ran.out) == (2, "")
    words = "'Buyer' in Close holds ids, and 'Ann' is not an id of that kind. Write it like cont_..., or use a"
    assert f"{words} Smart View" in ran.err


def test_users_are_asked_for_and_shown_by_their_names(asked: Asked, leads: SomeLeads) -> None:
    leads.field("Owner", "user")
    users = leads.get("/user/").json()["data"]
    names = {user["id"]: f"{user['first_name']} {user['last_name']}" for user in users}
    leads.add_each("Owner", *names, None)
    ran = asked("--by", "Owner")
    assert {row["Owner"] for row in ran.json["rows"]} == {*names.values(), "Unknown"}
    for user in users:
        for called in (names[user["id"]], names[user["id"]].upper(), user["email"], user["id"]):
            found = asked("--where", f"Owner={called}", "--by", "owner")
            assert [row["Owner"] for row in found.json["rows"]] == [names[user["id"]]]
            assert f"Owner is {names[user['id']]}" in found.err
    ran = asked("--where", "Owner=Nobody")
    assert (ran.code, "'Nobody' is not one user of the field 'Owner'" in ran.err) == (2, True)
    assert names[users[0]["id"]] in ran.err


@pytest.mark.parametrize(
    "text", ["Industry!=Finance", "Industry >=5", "Industry>5", "Industry", "State=CA,NY", "Kind=A, B", "Industry~=x"]
)
def test_a_filter_that_is_more_than_an_equals_sign_is_told_what_is_possible(
    asked: Asked, leads: SomeLeads, text: str
) -> None:
    leads.field("Industry")
    leads.field("Kind", "choices", choices=["A", "B"])
    ran = asked("--where", text)
    assert (ran.code, "Only = is possible: --where 'Industry=Finance'" in ran.err) == (2, True)
    assert "repeat --where" in ran.err


def test_close_is_asked_for_a_text_in_every_usual_spelling(asked: Asked, leads: SomeLeads) -> None:
    leads.field("Industry")
    query = json.dumps(asked("--where", "Industry=éCOLE du nord").json["provenance"]["query"])
    for spelling in ("éCOLE du nord", "école du nord", "ÉCOLE DU NORD", "École Du Nord", "École du nord"):
        for form in ("NFC", "NFD"):
            for mode in ("exact_value", "full_words"):
                text = {"type": "text", "mode": mode, "value": unicodedata.normalize(form, spelling)}
                assert json.dumps(text) in query


def test_of_one_field_either_value_is_asked_for_and_of_several_fields_each(asked: Asked, leads: SomeLeads) -> None:
    for name in ("Industry", "Size"):
        leads.field(name)
    for industry in ("Art", "Retail", "Energy"):
        for size in ("S", "L"):
            leads.add(f"{industry} {size}", 1, values={"Industry": industry, "Size": size})
    argv = ["--where", "Industry=Art", "--where", "Size=S", "--where", "industry=Retail", "--top", "9"]
    ran = asked(*argv, "--by", "Industry")
    assert [row["Lead"] for row in ran.json["top"]] == ["Art S", "Retail S"]
    assert ran.json["provenance"]["filters"] == ["Industry is Art or Retail", "Size is S"]


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("A=B=x", 1),
        ("a=b=x", 1),
        (" A=B = x ", 1),
        ("A=B=y=z", 1),
        ("A=B=", 1),
        ("state=code=x", 1),
        ("state=CA", 0),
        pytest.param(
            "custom.A=B=x",
            1,
        ),
    ],
)
def test_the_name_of_a_field_may_have_an_equals_sign(asked: Asked, leads: SomeLeads, where: str, count: int) -> None:
    for name in ("A", "A=B", "state=code"):
        leads.field(name)
    for values in ({"A=B": "x"}, {"A=B": "y=z"}, {"A=B": "w", "state=code": "x"}, {}):
        leads.add("Acme", values=values)
    ran = asked("--where", where)
    assert ran.code == 0, ran.err
    assert ran.json["leads"] == count


@pytest.mark.parametrize(
    ("held", "where"),
    [("Real  Estate", "Industry=Real Estate"), ("two\nlines", "Industry=two lines"), ("   ", "Industry=")],
)
def test_the_name_of_a_group_finds_all_leads_of_that_group(
    asked: Asked, leads: SomeLeads, held: str, where: str
) -> None:
    leads.field("Industry", "textarea")
    leads.add("Acme", values={"Industry": held})
    assert names_of(asked("--by", "Industry"), "Industry") == [where.removeprefix("Industry=") or "Unknown"]
    assert asked("--where", where).json["leads"] == 1


@pytest.mark.parametrize("wanted", ["Saas", "SaaS", "saas"])
def test_choices_that_differ_in_letter_case_alone_are_all_asked_for(
    asked: Asked, leads: SomeLeads, wanted: str
) -> None:
    leads.field("Tier", "choices", choices=["SaaS", "Saas"])
    leads.add_each("Tier", "Saas", "SaaS")
    assert asked("--where", f"Tier={wanted}").json["leads"] == 2


@pytest.mark.parametrize("number", ["1e9999", "1e309"])
def test_a_number_that_nobody_can_hold_is_refused(asked: Asked, leads: SomeLeads, clock: object, number: str) -> None:
    assert asked("--where", f"Company Revenue={number}").code == 2


# Smart Views ---------------------------------------------------------------------------------------------------------


def industry_is(field_id: str, value: str) -> dict[str, Any]:
    field = {"type": "custom_field", "custom_field_id": field_id}
    condition = {"type": "text", "mode": "exact_value", "value": value}
    return {
        "type": "and",
        "queries": [LEADS_QUERY, {"type": "field_condition", "field": field, "condition": condition}],
    }


def test_a_smart_view_is_meant_by_its_name_in_any_case_or_its_id(asked: Asked, leads: SomeLeads) -> None:
    industry = leads.field("Industry")
    leads.add_each("Industry", "Art", "Retail", None)
    view = leads.sandbox.add_smart_view(" My  art leads ", industry_is(industry, "art"))
    for name in (" My  art leads ", "my art LEADS", view["id"]):
        ran = asked("--smart-view", name)
        assert (ran.code, ran.json["leads"]) == (0, 1)
        assert ran.json["provenance"]["filters"] == ["in the Smart View My art leads"]
    assert asked("--smart-view", "my art leads", "--where", "Industry=Retail").json["leads"] == 0


def test_of_two_smart_views_of_one_name_the_id_is_to_be_given(run: Run, leads: SomeLeads) -> None:
    first, second = (leads.sandbox.add_smart_view("Mine", LEADS_QUERY)["id"] for _ in range(2))
    ran = run("segment", THE_DAY, "--smart-view", "mine")
    assert (ran.code, first in ran.err, second in ran.err) == (2, True, True)
    assert run("segment", THE_DAY, "--smart-view", second).code == 0


def test_a_smart_view_of_the_same_spelling_goes_before_others(asked: Asked, leads: SomeLeads) -> None:
    industry = leads.field("Industry")
    leads.add_each("Industry", "Art", "Retail", None)
    for name in ("Art", "ART", "art"):
        leads.sandbox.add_smart_view(name, LEADS_QUERY if name != "ART" else industry_is(industry, "Art"))
    assert asked("--smart-view", "ART").json["leads"] == 1
    assert asked("--smart-view", "aRT").code == 2


def test_the_last_of_very_many_smart_views_is_found(asked: Asked, leads: SomeLeads) -> None:
    for number in range(230):
        leads.sandbox.add_smart_view(f"View {number}", LEADS_QUERY)
    leads.add("Acme")
    assert asked("--smart-view", "view 229").json["leads"] == 1


def test_a_smart_view_of_contacts_is_refused(run: Run, leads: SomeLeads) -> None:
    leads.sandbox.add_smart_view("People", {"type": "and", "queries": [CONTACTS_QUERY, {"type": "match_all"}]})
    ran = run("segment", THE_DAY, "--smart-view", "people")
    assert (
        ran.code,
        "'people' lists contacts, not leads. Choose a Smart View of leads for --smart-view" in ran.err,
    ) == (2, True)


def test_a_smart_view_of_leads_may_ask_about_their_contacts(asked: Asked, leads: SomeLeads) -> None:
    leads.made("/lead/", name="Acme", contacts=[{"name": "Ann"}], **{"custom.Company Founded": THE_DAY})
    leads.add("Beta")
    relation = {"type": "has_related", "this_object_type": "lead", "related_object_type": "contact"}
    query = {"type": "and", "queries": [LEADS_QUERY, {**relation, "related_query": CONTACTS_QUERY}]}
    leads.sandbox.add_smart_view("Leads with contacts", query)
    for view in ("Leads with contacts", "Leads without contacts"):
        assert asked("--smart-view", view).json["leads"] == 1


def test_an_empty_name_of_a_smart_view_is_refused(run: Run, leads: SomeLeads) -> None:
    leads.add("Acme")
    assert run("segment", THE_DAY, "--smart-view", "").code == 2


# What is not counted -------------------------------------------------------------------------------------------------


def test_a_lead_that_no_longer_fits_is_left_out_and_said(
    run: Run, folder: Path, connect: Callable[[Sandbox], None]
) -> None:
    found = [ManyLead(f"Lead {number:03}", "CA", 1, date(2000, 6, 15), "Retail") for number in range(250)]
    fill_state(folder / "state", found)
    with Watched(state=folder / "state") as running:
        connect(running)
        running.watch = changing_the_last_lead_after_the_first_page(running, {"custom.Company Revenue": 5})
        ran = run("segment", THE_DAY, THE_DAY, "--where", "Company Revenue=1", "--json")
    assert (ran.json["leads"], ran.json["no_longer_asked_for"], ran.json["rows"][0][LEADS]) == (249, 1, 249)
    assert "1 lead that Close's search still lists was left out because its values no longer match" in ran.err
    assert "the date range and filters: Lead 249" in ran.err


def changing_the_last_lead_after_the_first_page(
    running: Watched, values: dict[str, Any]
) -> Callable[[HttpRequest, Answer], Reply | None]:
    searches: list[HttpRequest] = []

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        if request.path.endswith("/data/search/"):
            searches.append(request)
            if len(searches) == 2:
                store = running._account.store
                with RawClose(running) as session:
                    session.put(f"/lead/{store.all('lead')[-1]['id']}/", json=values)
        return answer(request)

    return watch


def test_what_is_no_date_or_no_amount_is_counted_by_its_reason_everywhere(
    run: Run, folder: Path, connect: Callable[[Sandbox], None]
) -> None:
    kept = folder / "state"
    with Sandbox(state=kept) as running, SomeLeads(running, revenue="text") as leads:
        leads.field("Industry")
        for name, revenue, industry in (
            ("Timeless", "1", "Art"),
            ("Loose", "a lot", "Art"),
            ("Fine", "$1,234.50", None),
        ):
            leads.add(name, revenue, "CA" if name == "Fine" else None, {"Industry": industry})
        key = f"custom.{leads.get('/custom_field/lead/').json()['data'][0]['id']}"
    edit_state(kept, lambda lead: {**lead, key: "2000-06-31"} if lead["name"] == "Timeless" else lead)
    with Sandbox(state=kept) as running:
        connect(running)
        argv = ["segment", "2000-06-01", "2000-06-30", "--by", "Industry", "--output", "page.html"]
        ran = run(*argv, "--json")
        page = run(*argv)
    expected = {"leads": 2, "unreadable_revenue": 1, "unreadable_date": 1, "without_revenue": 1, "without_state": 1}
    assert {name: ran.json[name] for name in expected} == expected
    assert ran.json["without_group"] == {"Industry": 1}
    for words in (
        "1 lead is counted, but left out of totals and medians because its Company Revenue is not an amount: Loose",
        "1 lead was left out because its Company Founded is not a date: Timeless",
    ):
        assert words in ran.err
        assert words in page.err
        assert words in (folder / "page.html").read_text(encoding="utf-8")
    assert "2 leads from 2000-06-01 to 2000-06-30, 1 without revenue, 1 without Industry" in ran.err


@pytest.mark.parametrize(
    ("argv", "count", "words"),
    [
        ([], 3, "3 leads have no Company Founded date and were left out"),
        (["--where", "Tier=Gold"], 1, "1 lead has no Company Founded date and was left out"),
        (["--where", "Tier=Silver"], 0, None),
        (["--status", "Qualified"], 1, "1 lead has no Company Founded date"),
        (["--where", "Industry=Art"], None, "1 lead that may match the filters has no Company Founded date"),
        (
            ["--where", "Tier=Gold", "--where", "state=CA"],
            None,
            "1 lead that may match the filters has no Company Founded date",
        ),
        (["--date-field", "created"], 0, None),
    ],
)
def test_leads_that_only_lack_the_date_are_counted_where_close_can_tell(
    asked: Asked, leads: SomeLeads, argv: list[str], count: int | None, words: str | None
) -> None:
    leads.field("Tier", "choices", choices=["Gold", "Silver"])
    leads.field("Industry")
    leads.add("Silver", values={"Tier": "Silver"})
    leads.add("Gold", values={"Tier": "Gold", "Industry": "Art"}, founded=None)
    leads.add("Mine", status="Qualified", founded=None)
    leads.add("Bare", founded=None)
    ran = asked(*argv)
    assert ran.json["without_date"] == count
    assert words in ran.err if words else "no Company Founded date" not in ran.err


def test_where_filters_admit_no_lead_it_is_said_what_they_need(asked: Asked, leads: SomeLeads) -> None:
    leads.field("Industry")
    leads.add("Acme", values={"Industry": "Retail trade"})
    words = "No lead with a Company Founded date in the range matches the filters. A filter must give the whole value"
    assert words in asked("--where", "Industry=Retail").err
    assert "matches the filters" not in asked("--where", "Industry=Retail trade").err
    assert "matches the filters" not in asked("--date-field", "created").err


def test_what_was_asked_for_is_in_the_last_line(asked: Asked, leads: SomeLeads) -> None:
    leads.add("Acme", state="CA")
    ran = asked("--where", "state=ca", "--status", "Potential")
    assert f"1 lead from {THE_DAY} to {THE_DAY} (Status is Potential; US State is ca), 1 without revenue" in ran.err


def test_groups_of_two_spans_that_differ_in_letter_case_alone_are_told(run: Run, leads: SomeLeads) -> None:
    leads.field("Industry")
    leads.add("Now", values={"Industry": "Retail"})
    leads.add("Then", values={"Industry": "RETAIL"}, founded="2000-06-14")
    ran = run("segment", THE_DAY, THE_DAY, "--by", "Industry", "--compare", "previous")
    assert "are counted separately: RETAIL and Retail" in ran.err


def test_groups_that_differ_in_letter_case_alone_are_told(asked: Asked, leads: SomeLeads) -> None:
    for name in ("Industry", "Size"):
        leads.field(name)
    for industry, size in (("Retail", "L"), ("RETAIL", "l"), ("retail", "M"), ("Art", "M"), ("art", "M")):
        leads.add("Acme", values={"Industry": industry, "Size": size})
    err = asked("--by", "Industry", "--by", "Size").err
    for title, groups in (("Industry", "Art and art, RETAIL and Retail and retail"), ("Size", "L and l")):
        assert f"warning: Groups by {title} that differ only in letter case are counted separately: {groups}\n" in err


def test_no_lead_is_said_to_lack_what_every_lead_has(asked: Asked, leads: SomeLeads) -> None:
    leads.add("Acme")
    err = asked("--by", "created", "--by", "status").err
    assert f"1 lead from {THE_DAY} to {THE_DAY}, 1 without revenue; written" in err


def test_nothing_is_said_of_what_does_not_occur(run: Run, leads: SomeLeads) -> None:
    leads.add("Acme", 5, "CA")
    ran = run("segment", THE_DAY, THE_DAY)
    assert "warning" not in ran.err
    assert "1 lead from 2000-06-15 to 2000-06-15, 0 without revenue, 0 without a state" in ran.err
