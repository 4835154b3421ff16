"""`segment` sums up what lies in a range, to the cent, and leaves nothing out without a word."""

import csv
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from close.fields import STATE as BY_STATE
from close.fields import state_of
from close_client import CloseClient
from sandbox import Sandbox
from segmentation import summarize
from segmenting.columns import COLUMNS, LEADS, MEDIAN, TOP_LEAD, TOTAL
from segmenting.leads import SegmentedLead
from tests.conftest import Run
from tests.patience import STUCK

STATE = BY_STATE.title

Write = Callable[..., Path]


@pytest.fixture
def fields(close: CloseClient) -> tuple[str, str]:
    founded, revenue = (
        close.create_lead_field("Company Founded", "date"),
        close.create_lead_field("Company Revenue", "number"),
    )
    return founded.key, revenue.key


@pytest.fixture
def add(close: CloseClient, fields: tuple[str, str]) -> Callable[..., None]:
    """Add a lead: its name, state, revenue and date, each left out where it is None."""

    def add_lead(name: str, state: str | None = None, revenue: float | None = None, day: str = "2000-06-15") -> None:
        lead: dict[str, Any] = {"name": name, fields[0]: day}
        if revenue is not None:
            lead[fields[1]] = revenue
        if state is not None:
            lead["addresses"] = [{"label": "business", "state": state, "country": "US"}]
        close.create_lead(lead)

    return add_lead


def output(folder: Path) -> str:
    return (folder / "output_data" / "output.csv").read_text(encoding="utf-8")


def test_the_table_is_exactly_this(run: Run, connected: Sandbox, add: Callable[..., None], folder: Path) -> None:
    add("Zoozzy", "New York", 9894773.62)
    add("Aibox", "NY")
    add("Yombu", "ny", 1751869.2)
    add("Geba", "CA", 0.1)
    add("Vitz", "California", 0.2)
    add("Alpha", "CA", 0.2)
    add("Eimbee", "MN")
    add("Skinte", None, 2.005)
    add("Ours", "Bavaria", -1)
    ran = run("segment", "2000-06-15", "2000-06-15")
    assert ran.code == 0
    assert output(folder) == (
        "US State,Total number of leads,The lead with most revenue,Total revenue,Median revenue\n"
        "Bavaria,1,Ours,-1.00,-1.00\n"
        "California,3,Alpha,0.50,0.20\n"
        "Minnesota,1,,,\n"
        "New York,3,Zoozzy,11646642.82,5823321.41\n"
        "Unknown,1,Skinte,2.01,2.01\n"
    )
    assert "9 leads from 2000-06-15 to 2000-06-15, 2 without revenue, 1 without a state" in ran.err
    assert "11,646,642.82" in ran.out


def test_both_days_are_included_and_a_lead_without_the_date_is_not(
    run: Run, connected: Sandbox, add: Callable[..., None], close: CloseClient
) -> None:
    for day in ("1999-12-31", "2000-01-01", "2005-12-31", "2006-01-01"):
        add(day, "CA", 1, day)
    close.create_lead({"name": "timeless"})
    ran = run("segment", "2000-01-01", "2005-12-31", "--json")
    assert ran.json["leads"] == 2
    assert ran.json["rows"] == [
        {STATE: "California", LEADS: 2, TOP_LEAD: "2000-01-01", TOTAL: 2.0, MEDIAN: 1.0},
    ]
    assert ran.json.keys() >= {"rows", "leads", "without_revenue", "without_state", "requests", "seconds"}


def test_the_end_is_today_if_left_out(run: Run, connected: Sandbox, add: Callable[..., None]) -> None:
    today = datetime.now(UTC).date()
    add("today", "CA", 1, today.isoformat())
    add("tomorrow", "CA", 2, (today + timedelta(days=1)).isoformat())
    assert [row[TOP_LEAD] for row in run("segment", "1900-01-01", "--json").json["rows"]] == ["today"]


def test_a_first_day_after_today_is_refused_with_both(run: Run, connected: Sandbox) -> None:
    ran = run("segment", "2999-01-01")
    assert (ran.code, "(today), before it starts on 2999-01-01. Put the earlier day first" in ran.err) == (2, True)


def test_no_match_gives_the_header_alone(run: Run, connected: Sandbox, add: Callable[..., None], folder: Path) -> None:
    add("Acme", "CA", 1)
    ran = run("segment", "1950-01-01", "1950-12-31")
    assert ran.code == 0
    assert output(folder) == ",".join([STATE, *COLUMNS]) + "\n"


@pytest.mark.parametrize(
    ("addresses", "state"),
    [
        ([{"label": "mailing", "state": "NY", "country": "US"}, {"label": "business", "state": "TX"}], "Texas"),
        ([{"label": "business", "state": "ON", "country": "CA"}, {"label": "mailing", "state": "nj"}], "New Jersey"),
        ([{"label": "business", "state": "ON", "country": "CA"}], "Outside the US"),
        ([{"label": "business", "country": "US"}, {"label": "mailing", "country": "CA"}], "Unknown"),
        ([{"label": "business", "state": "San Juan", "country": "PR"}], "Puerto Rico"),
        ([{"label": "business", "country": "GU"}], "Guam"),
        ([{"label": "business", "country": "VI"}], "U.S. Virgin Islands"),
        ([{"label": "business", "country": "VG"}], "Outside the US"),
        ([{"label": "business", "state": "AS", "country": "US"}], "American Samoa"),
        ([{"label": "business", "state": "-"}, {"label": "other", "state": "none"}], "Unknown"),
        ([{"label": "business", "state": "CA 94105"}], "California"),
        ([{"label": "business", "state": "California, USA"}], "California"),
        ([{"label": "business", "state": "State of California"}], "California"),
        ([{"label": "business", "city": "Reno"}, {"label": "other", "state": "NV", "country": "US"}], "Nevada"),
        ([{"label": "business", "state": " West   Coast "}], "West Coast"),
        ([], "Unknown"),
    ],
)
def test_of_several_addresses_the_american_business_one_counts(
    run: Run,
    connected: Sandbox,
    close: CloseClient,
    fields: tuple[str, str],
    addresses: list[dict[str, str]],
    state: str,
) -> None:
    close.create_lead({"name": "Acme", fields[0]: "2000-06-15", "addresses": addresses})
    (row,) = run("segment", "2000-06-15", "--json").json["rows"]
    assert row[STATE] == state


@pytest.mark.parametrize(
    ("addresses", "state"),
    [
        ([{"state": "TX", "country": "USA"}], "Texas"),
        ([{"state": "TX", "country": " us "}], "Texas"),
        ([{"state": "TX", "country": None}], "Texas"),
        ([{"state": "TX", "country": "MX"}], "Outside the US"),
        ([{"state": "TX", "country": "United States of America"}], "Texas"),
        ([{"country": "mp"}], "Northern Mariana Islands"),
        ([{"country": "Puerto Rico", "state": "Ponce"}], "Puerto Rico"),
        ([{"country": "British Virgin Islands"}], "Outside the US"),
        ([{"state": "N/A", "country": "N/A"}], ""),
        ([{"state": None}, None, "NY", {"state": "TX"}], "Texas"),
        ([{"state": 5}], "5"),
        ({"state": "TX"}, ""),
        (None, ""),
    ],
)
def test_a_state_is_told_from_whatever_close_holds(addresses: object, state: str) -> None:
    assert state_of(addresses) == state


def test_a_search_of_several_pages_is_read_whole_with_few_requests(
    run: Run, connected: Sandbox, add: Callable[..., None]
) -> None:
    for number in range(450):
        add(f"Company {number:03d}", "CA", number)
    ran = run("segment", "2000-01-01", "--json")
    assert ran.json["rows"] == [
        {STATE: "California", LEADS: 450, TOP_LEAD: "Company 449", TOTAL: 450 * 449 / 2, MEDIAN: 224.5}
    ]
    assert ran.json["requests"] == 3 + 4  # pages; and the key, the organisation, the fields, how many have no date


def test_other_fields_can_be_named(run: Run, connected: Sandbox, close: CloseClient, folder: Path) -> None:
    closed, worth = close.create_lead_field("Closed", "date"), close.create_lead_field("Worth", "text")
    for name, amount in (("Acme", "12.5"), ("Beta", "a lot")):
        close.create_lead({"name": name, closed.key: "2020-02-29", worth.key: amount})
    argv = ["2020-02-29", "2020-02-29", "--date-field", "closed", "--revenue-field", "Worth", "--output", "o/x.csv"]
    ran = run("segment", *argv, "--json")
    assert (ran.json["leads"], ran.json["without_revenue"]) == (2, 1)
    assert (folder / "o" / "x.csv").read_text().splitlines()[1] == "Unknown,2,Acme,12.50,12.50"


def test_a_field_that_is_not_there_is_refused_with_those_that_are(
    run: Run, connected: Sandbox, close: CloseClient
) -> None:
    close.create_lead_field("Industry", "text")
    ran = run("segment", "2000-01-01")
    assert (ran.code, "no lead custom field named 'Company Founded'. Available: 'created'." in ran.err) == (2, True)
    ran = run("segment", "2000-01-01", "--date-field", "Industry")
    assert (ran.code, "not a date" in ran.err) == (2, True)


def test_a_field_that_may_hold_several_values_is_refused(run: Run, connected: Sandbox) -> None:
    field = {"name": "Company Founded", "type": "date", "accepts_multiple_values": True}
    requests.post(f"{connected.close_url}/custom_field/lead/", json=field, auth=("key", ""), timeout=STUCK)
    ran = run("segment", "2000-01-01")
    assert (ran.code, "several values" in ran.err) == (2, True)


def test_a_name_that_looks_like_a_formula_gets_an_apostrophe_in_the_file_alone(
    run: Run, connected: Sandbox, add: Callable[..., None], folder: Path
) -> None:
    add("=1+1", "CA", 5)
    ran = run("segment", "2000-01-01", "--json")
    assert ran.json["rows"][0][TOP_LEAD] == "=1+1"
    with (folder / "output_data" / "output.csv").open(newline="") as file:
        assert next(csv.DictReader(file))[TOP_LEAD] == "'=1+1"


leads = st.lists(
    st.builds(
        SegmentedLead,
        lead_id=st.just("lead_x"),
        link=st.just(""),
        name=st.sampled_from("abcdef"),
        groups=st.tuples(st.sampled_from(["", "Texas", "Ohio", "Bavaria"])),
        revenue=st.none() | st.decimals(-(10**15), 10**15, places=2),
    ),
    max_size=30,
)


def to_cents(amount: Fraction) -> Decimal:
    """Half up, by whole numbers alone."""
    cents = abs(amount) * 100
    rounded = int(cents + Fraction(1, 2))
    return Decimal(rounded if amount >= 0 else -rounded) / 100


@given(leads)
def test_the_sums_are_those_of_exact_fractions(found: list[SegmentedLead]) -> None:
    rows = {row[STATE]: row for row in summarize(found, [BY_STATE]).to_dict("records")}
    assert list(rows) == sorted(rows, key=lambda state: (state == "Unknown", state))
    assert sum(row[LEADS] for row in rows.values()) == len(found)
    for state, row in rows.items():
        earning = [
            (Fraction(lead.revenue), lead.name)
            for lead in found
            if lead.groups[0] == state.replace("Unknown", "") and lead.revenue is not None
        ]
        if not earning:
            assert (row[TOTAL], row[MEDIAN], row[TOP_LEAD]) == (None, None, None)
            continue
        amounts = sorted(amount for amount, _ in earning)
        middle = amounts[(len(amounts) - 1) // 2] + amounts[len(amounts) // 2]
        assert row[TOTAL] == to_cents(sum(amounts, Fraction()))
        assert row[MEDIAN] == to_cents(middle / 2)
        assert row[TOP_LEAD] == min(name for amount, name in earning if amount == amounts[-1])


def test_leads_abroad_are_a_row_before_the_unknown_ones_and_are_told(
    run: Run, connected: Sandbox, close: CloseClient, fields: tuple[str, str]
) -> None:
    addresses = {
        "Ohio Inc": [{"label": "business", "state": "OH", "country": "US"}],
        "Zürich AG": [{"label": "business", "state": "ZH", "country": "CH"}],
        "Toronto Ltd": [{"label": "business", "state": "ON", "country": "CA"}],
        "Guam Co": [{"label": "business", "country": "GU"}],
        "Odd": [{"label": "business", "state": "Ontario"}],
        "None": [],
    }
    for number, (name, held) in enumerate(addresses.items(), 1):
        close.create_lead({"name": name, fields[0]: "2000-06-15", fields[1]: number, "addresses": held})
    ran = run("segment", "2000-06-15", "2000-06-15", "--json")
    states = ["Guam", "Ohio", "Ontario", "Outside the US", "Unknown"]
    assert [row[STATE] for row in ran.json["rows"]] == states
    assert [row["Total number of leads"] for row in ran.json["rows"]] == [1, 1, 1, 2, 1]
    assert (ran.json["without_state"], ran.json["outside_us"]) == (1, 2)
    assert "1 without a state, 2 outside the US" in ran.err
    assert "1 lead has a state that is not one of the US, so it is a group of its own: Ontario" in ran.err
    only = run("segment", "2000-06-15", "2000-06-15", "--where", "state=outside the us", "--json")
    assert (only.json["leads"], [row[STATE] for row in only.json["rows"]]) == (2, ["Outside the US"])
    other = run("segment", "2000-06-15", "2000-06-15", "--by", "status")
    assert "outside the US" not in other.err and "Ontario" not in other.err


@pytest.mark.parametrize("text", ["a;=1+1", "a\t@SUM(A1)", "a\n=1+1", "x\r\n  -a", "a;+b"])
def test_what_begins_a_cell_in_another_spreadsheet_is_guarded_too(
    run: Run, connected: Sandbox, add: Callable[..., None], folder: Path, text: str
) -> None:
    add(text, "CA", 1)
    run("segment", "2000-06-15", "2000-06-15")
    assert re.search(r"[;\t\n]\s*'\s*[=@+-]", output(folder))
    assert not re.search(r"[;\t\n]\s*[=@+-]", output(folder))


def test_phone_numbers_and_amounts_after_a_separator_stay_as_they_are(
    run: Run, connected: Sandbox, add: Callable[..., None], folder: Path
) -> None:
    add("a; +1 415 555 0100; -5", "CA", 1)
    run("segment", "2000-06-15", "2000-06-15")
    assert "a; +1 415 555 0100; -5" in output(folder)


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        ("America/New_York", ["2024-03-09", "2024-03-10"]),
        ("UTC", ["2024-03-10", "2024-03-10"]),
        ("Asia/Tokyo", ["2024-03-10", "2024-03-11"]),
    ],
)
def test_days_of_moments_are_those_of_the_time_zone(
    run: Run, connected: Sandbox, close: CloseClient, fields: tuple[str, str], zone: str, days: list[str]
) -> None:
    when = close.create_lead_field("Signed", "datetime")
    moments = ("2024-03-10T03:30:00+00:00", "2024-03-10T23:30:00+00:00")  # clocks change in New York in between
    for name, moment in zip(("early", "late"), moments, strict=True):
        close.create_lead({"name": name, when.key: moment})
    flags = ("--date-field", "Signed", "--by", "Signed", "--timezone", zone, "--json")
    ran = run("segment", "2024-03-01", "2024-03-31", *flags)
    counts = {row["Signed"]: row["Total number of leads"] for row in ran.json["rows"]}
    assert counts == dict(Counter(days))
    assert (ran.json["provenance"]["timezone"], f"days are those of {zone}" in ran.err) == (zone, True)
    for day in set(days):
        assert run("segment", day, day, *flags).json["leads"] == days.count(day)
        filtered = run("segment", "2024-03-01", "2024-03-31", "--where", f"Signed={day}", *flags)
        assert filtered.json["leads"] == days.count(day)


def test_today_is_that_of_the_time_zone_and_is_said(
    run: Run, connected: Sandbox, add: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime(2024, 3, 10, 2, 0, tzinfo=UTC).astimezone(tz)

    monkeypatch.setattr("commands.segment.datetime", Late)
    for day in ("2024-03-09", "2024-03-10", "2024-03-11"):
        add(day, "CA", 1, day)
    for zone, number in ((None, 2), ("America/Los_Angeles", 1), ("Asia/Tokyo", 2)):
        ran = run("segment", "2024-03-01", "--json", *(("--timezone", zone) if zone else ()))
        assert ran.json["leads"] == number
        assert f"days are those of {zone or 'UTC; for another time zone, add --timezone'}" in ran.err
    assert "days are those" not in run("segment", "2024-03-01", "2024-03-11").err
    assert run("segment", "2024-03-01", "--timezone", "Mars/Base").code == 2


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "UTC"])
def test_the_calendar_may_end_in_another_time_zone(
    run: Run, connected: Sandbox, add: Callable[..., None], zone: str
) -> None:
    add("Acme", "CA", 1)
    flags = ("--date-field", "created", "--timezone", zone, "--json")
    assert run("segment", "0001-01-01", "9999-12-31", *flags).json["leads"] == 1
    assert run("segment", "2000-01-01", "2030-01-01", "--where", "created=9999-12-31", *flags).code in (0, 2)


def test_a_filter_by_the_day_of_a_moment_says_in_which_time_zone(
    run: Run, connected: Sandbox, close: CloseClient, fields: tuple[str, str]
) -> None:
    when = close.create_lead_field("Signed", "datetime")
    close.create_lead({"name": "Acme", fields[0]: "2000-06-15", when.key: "2024-03-10T03:30:00+00:00"})
    days = ("2000-06-15", "2000-06-15", "--where", "Signed=2024-03-09", "--json")
    assert run("segment", *days).json["leads"] == 0
    ran = run("segment", *days, "--timezone", "America/New_York")
    assert (ran.json["leads"], "days are those of America/New_York" in ran.err) == (1, True)


def test_a_state_may_be_told_with_its_code_and_several_may_not(
    run: Run, connected: Sandbox, add: Callable[..., None]
) -> None:
    add("Acme", "NY", 1)
    for text, code in (("New York, NY", 0), ("NY", 0), ("NY;CA", 2), ("NY,CA", 2)):
        assert run("segment", "2000-06-15", "2000-06-15", "--where", f"state={text}").code == code
    ran = run("segment", "2000-06-15", "2000-06-15", "--where", "status=Potential,Customer")
    assert (ran.code, "repeat it for several" in ran.err) == (2, True)


@pytest.mark.parametrize("mark", [";", "\t"])
def test_no_cell_is_a_formula_in_whichever_way_the_file_is_read(
    run: Run, connected: Sandbox, add: Callable[..., None], folder: Path, mark: str
) -> None:
    add(f'x{mark}"=1+1{mark}y', "CA", 1)
    run("segment", "2000-06-15", "2000-06-15")
    cells = [cell for row in csv.reader(output(folder).splitlines(), delimiter=mark) for cell in row]
    assert not any(re.match(r"\s*[=@]", cell) for cell in cells)
