"""The figures of `segment` are exact, do not depend on the order of reading, and can be compared and taken away."""

import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cells.lead_fields import LeadField
from close.fields import STATE as BY_STATE
from close.fields import STATUS
from sandbox import Sandbox
from sandbox.wire import HttpRequest, Reply
from segmentation import summarize, top_leads
from segmenting.columns import (
    COLUMNS,
    COMPARISON,
    EARNING,
    HIGHEST,
    LEADS,
    LOWER_QUARTILE,
    LOWEST,
    MEAN,
    MEDIAN,
    SHARE,
    STATS,
    TOP_LEAD,
    TOTAL,
    UPPER_QUARTILE,
)
from segmenting.leads import SegmentedLead
from segmenting.plan import Span, span_before
from tests.conftest import Ran, Run
from tests.some_leads import THE_DAY, SomeLeads, names_of
from tests.watched import Answer, Watched

STATE = BY_STATE.title
INDUSTRY = LeadField("Industry", "text", "custom.cf_industry")
Asked = Callable[..., Ran]


@pytest.fixture
def leads(connected: Sandbox) -> Iterator[SomeLeads]:
    with SomeLeads(connected) as session:
        yield session


@pytest.fixture
def texts(connected: Sandbox) -> Iterator[SomeLeads]:
    """Leads whose revenue is a text."""
    with SomeLeads(connected, revenue="text") as session:
        yield session


@pytest.fixture
def asked(run: Run) -> Asked:
    """Ask for the leads of the one day, as JSON."""
    return lambda *argv: run("segment", THE_DAY, THE_DAY, "--json", *argv)


def table_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def lead(name: str, revenue: str | None, group: str = "", lead_id: str = "lead_x", **more: Any) -> SegmentedLead:
    amount = None if revenue is None else Decimal(revenue)
    return SegmentedLead(lead_id, name, "https://x/", (group,), amount, **more)


def many(levels: int = 1) -> st.SearchStrategy[list[SegmentedLead]]:
    """Some leads, with few names and amounts so that there are ties."""
    group = st.sampled_from(["", "Texas", "Ohio", "ohio"])
    amounts = st.sampled_from([Decimal("0.005"), Decimal("-0.005"), Decimal("1")]) | st.decimals(
        -(10**15), 10**15, places=3
    )
    one = st.builds(
        SegmentedLead,
        lead_id=st.uuids().map(str),
        name=st.sampled_from("abAB"),
        link=st.just(""),
        groups=st.tuples(*[group] * levels),
        revenue=st.none() | amounts,
        is_unreadable=st.booleans(),
    ).map(readable)
    return st.lists(one, max_size=25, unique_by=lambda each: each.lead_id)


def readable(one: SegmentedLead) -> SegmentedLead:
    """The lead, whose revenue is not unreadable where there is one."""
    return SegmentedLead(
        one.lead_id, one.name, one.link, one.groups, one.revenue, one.is_unreadable and one.revenue is None
    )


def to_cents(amount: Fraction) -> Decimal:
    """Half up, by whole numbers alone."""
    rounded = int(abs(amount) * 100 + Fraction(1, 2))
    return Decimal(rounded if amount >= 0 else -rounded) / 100


def at(amounts: Sequence[Fraction], share: Fraction) -> Fraction:
    """The quantile of sorted amounts, between two of them in a straight line."""
    place = share * (len(amounts) - 1)
    below = int(place)
    above = min(below + 1, len(amounts) - 1)
    return amounts[below] + (amounts[above] - amounts[below]) * (place - below)


# Stats ---------------------------------------------------------------------------------------------------------------


def test_the_figures_of_a_group_are_exactly_these(run: Run, leads: SomeLeads, folder: Path) -> None:
    for number, revenue in enumerate([10, 20.5, 30, 40.25, None]):
        leads.add(f"Lead {number}", revenue, "CA")
    leads.add("Other", 0.005, "NY")
    leads.add("Poor", None, "TX")
    assert run("segment", THE_DAY, THE_DAY, "--stats").code == 0
    assert (folder / "output_data" / "output.csv").read_text() == (
        "US State,Total number of leads,The lead with most revenue,Total revenue,Median revenue,Mean revenue,"
        "Lowest revenue,Lower quartile of revenue,Upper quartile of revenue,Highest revenue,"
        "Share of total revenue (%),Leads with revenue\n"
        "California,5,Lead 3,100.75,25.25,25.19,10.00,17.88,32.56,40.25,100.00,4\n"
        "New York,1,Other,0.01,0.01,0.01,0.01,0.01,0.01,0.01,0.00,1\n"
        "Texas,1,,,,,,,,,,0\n"
    )


@given(many(), st.sampled_from(["skip", "zero"]))
def test_the_statistics_are_those_of_exact_fractions(found: list[SegmentedLead], missing: Any) -> None:
    rows = summarize(found, [BY_STATE], stats=True, missing_revenue=missing).to_dict("records")
    amounts_of = {row[STATE]: amounts_in(found, row[STATE], missing) for row in rows}
    whole = sum((sum(amounts, Fraction()) for amounts in amounts_of.values()), Fraction())
    for row in rows:
        amounts = amounts_of[row[STATE]]
        assert [row[column] for column in (TOTAL, MEDIAN, *STATS[:-1])] == figures_of(amounts, whole)
        assert row[EARNING] == len(amounts_in(found, row[STATE], "skip"))


def amounts_in(found: Sequence[SegmentedLead], group: str, missing: str) -> list[Fraction]:
    inside = [each for each in found if (each.groups[0] or "Unknown") == group]
    missed = [Fraction() for each in inside if missing == "zero" and each.revenue is None and not each.is_unreadable]
    return sorted([Fraction(each.revenue) for each in inside if each.revenue is not None] + missed)


def figures_of(amounts: Sequence[Fraction], whole: Fraction) -> list[Decimal | None]:
    """The figures in the order of the columns: from the total to the share."""
    if not amounts:
        return [None] * 8
    total, quarter = sum(amounts, Fraction()), Fraction(1, 4)
    share = total * 100 / whole if whole > 0 else None
    exact = [
        total,
        at(amounts, Fraction(1, 2)),
        total / len(amounts),
        amounts[0],
        at(amounts, quarter),
        at(amounts, 3 * quarter),
        amounts[-1],
        share,
    ]
    return [None if each is None else to_cents(each) for each in exact]


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=30))
def test_quartiles_are_numpys(amounts: list[int]) -> None:
    (row,) = summarize([lead("a", f"{amount}") for amount in amounts], [BY_STATE], stats=True).to_dict("records")
    exact = [to_cents(Fraction(float(quantile))) for quantile in np.quantile(amounts, [0.25, 0.75])]
    assert [row[LOWER_QUARTILE], row[UPPER_QUARTILE]] == exact


@given(many())
def test_the_usual_columns_come_first_and_are_the_same_with_whatever_else(found: list[SegmentedLead]) -> None:
    usual = summarize(found, [BY_STATE])
    more = summarize(found, [BY_STATE], stats=True, previous=[])
    assert list(usual.columns) == [STATE, *COLUMNS]
    assert list(more.columns) == [STATE, *COLUMNS, *STATS, *COMPARISON]
    assert more[[STATE, *COLUMNS]].equals(usual)


@pytest.mark.parametrize(
    ("amounts", "shares"),
    [
        (["1", "2"], ["33.33", "66.67"]),
        (["0.01", "7.99"], ["0.13", "99.88"]),
        (["-50", "150"], ["-50.00", "150.00"]),
        (["0", "0"], [None, None]),
        (["-1", "-2"], [None, None]),
        (["5", None], ["100.00", None]),
    ],
)
def test_shares_are_percents_of_what_all_groups_earn_or_blank(amounts: list[str | None], shares: list[Any]) -> None:
    found = [lead("x", amount, f"Group {number}") for number, amount in enumerate(amounts)]
    assert [share and str(share) for share in summarize(found, [BY_STATE], stats=True)[SHARE]] == shares


def test_an_amount_that_rounds_to_nothing_has_no_sign(run: Run, leads: SomeLeads) -> None:
    leads.add("Acme", -0.001, "CA")
    ran = run("segment", THE_DAY, THE_DAY, "--output", "-")
    assert ran.out.splitlines()[1] == "California,1,Acme,0.00,0.00"


@pytest.mark.parametrize(
    ("revenues", "total", "median"),
    [
        ([0.1, 0.2], "0.30", "0.15"),
        ([1.005, 0], "1.01", "0.50"),
        ([-1.005], "-1.01", "-1.01"),
        ([0.015, 0.01], "0.03", "0.01"),
        ([9007199254740993, 0.01], "9007199254740993.01", "4503599627370496.51"),
        ([1e300, 0.01], "1" + "0" * 300 + ".01", "5" + "0" * 299 + ".01"),
        ([1e-300], "0.00", "0.00"),
    ],
)
def test_money_is_added_in_decimal_and_rounded_once(
    run: Run, leads: SomeLeads, revenues: list[float], total: str, median: str
) -> None:
    for number, revenue in enumerate(revenues):
        leads.add(f"Lead {number}", revenue, "CA")
    cells = run("segment", THE_DAY, THE_DAY, "--output", "-").out.splitlines()[1].split(",")
    assert cells[3:] == [total, median]


# What is read as revenue ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "total", "is_unreadable"),
    [
        ("$1,234.50", 1234.5, False),
        (" 1234.5 ", 1234.5, False),
        ("(1,000)", -1000, False),
        ("-5", -5, False),
        ("USD 12", 12, False),
        ("0", 0, False),
        ("a lot", None, True),
        ("€1,234.50", None, True),
        ("1.234,50", 1234.5, False),
        ("1.234", None, True),
        ("12 or 13", None, True),
        ("1M", 1_000_000, False),
        ("$", None, True),
        ("NaN", None, True),
        ("Infinity", None, True),
        ("   ", None, False),
    ],
)
def test_a_text_is_read_as_an_amount_or_said_to_be_none(
    asked: Asked, texts: SomeLeads, held: str, total: float | None, is_unreadable: bool
) -> None:
    texts.add("Acme", held, "CA")
    ran = asked()
    assert [(row[LEADS], row[TOTAL], row[TOP_LEAD]) for row in ran.json["rows"]] == [
        (1, total, None if total is None else "Acme")
    ]
    assert (ran.json["unreadable_revenue"], ran.json["without_revenue"]) == (is_unreadable, total is None)
    assert ("is not an amount" in ran.err) == is_unreadable


def test_texts_whose_marks_are_unclear_beside_others_are_no_amounts(asked: Asked, texts: SomeLeads) -> None:
    texts.add("Dot", "1.234", "CA")
    assert (asked().json["rows"][0][TOTAL], asked().json["unreadable_revenue"]) == (None, 1)
    texts.add("Comma", "1.234,50", "CA")
    assert (asked().json["rows"][0][TOTAL], asked().json["unreadable_revenue"]) == (2468.5, 0)
    texts.add("Both", "0.5", "CA")
    assert (asked().json["rows"][0][TOTAL], asked().json["unreadable_revenue"]) == (0.5, 2)


@pytest.mark.parametrize(("held", "is_unreadable"), [([], False), ([5], True), ({}, True), (True, True)])
def test_a_revenue_of_no_known_kind_takes_no_part(
    run: Run, connect: Callable[[Sandbox], None], held: object, is_unreadable: bool
) -> None:
    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        reply = answer(request)
        if reply is None or not request.path.endswith("/search/"):
            return reply
        document = json.loads(reply.body)
        changed = [{**lead, **{key: held for key in lead if lead[key] == 77}} for lead in document["data"]]
        return Reply.of(200, {**document, "data": changed})

    with Watched() as running, SomeLeads(running) as leads:
        connect(running)
        leads.add("Acme", 77, "CA")
        running.watch = watch
        ran = run("segment", THE_DAY, THE_DAY, "--json").json
    assert (ran["rows"][0][TOTAL], ran["without_revenue"], ran["unreadable_revenue"]) == (None, 1, is_unreadable)


def test_a_choice_is_read_as_an_amount_too(asked: Asked, leads: SomeLeads) -> None:
    leads.field("Band", "choices", choices=["$5,000", "less"])
    leads.add("Acme", values={"Band": "$5,000"})
    leads.add("Beta", values={"Band": "less"})
    ran = asked("--revenue-field", "Band")
    assert (ran.json["rows"][0][TOTAL], ran.json["unreadable_revenue"]) == (5000, 1)


@pytest.mark.parametrize(("held", "total"), [("€1,234.50", 1234.5), ("EUR 5", 5), ("$5", None)])
def test_the_currency_is_that_of_the_organisation(
    run: Run, connect: Callable[[Sandbox], None], held: str, total: float | None
) -> None:
    with Sandbox(currency="EUR") as running, SomeLeads(running, revenue="text") as leads:
        connect(running)
        leads.add("Acme", held)
        assert run("segment", THE_DAY, "--json").json["rows"][0][TOTAL] == total


def test_how_the_span_before_writes_its_amounts_is_nothing_to_this_one(asked: Asked, texts: SomeLeads) -> None:
    texts.add("Acme", "1.23", "CA")
    texts.add("Beta", "5", "CA")
    texts.add("Comma", "1,23", "CA", founded="2000-06-14")
    for flags in ([], ["--compare", "previous"]):
        assert [row[TOTAL] for row in asked(*flags).json["rows"]] == [6.23]


@pytest.mark.parametrize("other", ["8.000", "€8.000"])
def test_an_amount_that_may_be_a_thousand_times_larger_is_not_read(asked: Asked, texts: SomeLeads, other: str) -> None:
    texts.add("Acme", "1.234", "CA")
    texts.add("Other", other, "CA")
    texts.add("Plain", "7", "CA")
    ran = asked()
    assert (ran.json["rows"][0][TOTAL], ran.json["unreadable_revenue"]) == (7, 2)


def test_what_the_span_before_leaves_out_is_said_too(asked: Asked, texts: SomeLeads) -> None:
    texts.add("Acme", "5", "CA")
    texts.add("Loose", "a lot", "CA", founded="2000-06-14")
    texts.add("Fine", "5", "CA", founded="2000-06-14")
    ran = asked("--compare", "previous")
    assert ran.json["rows"][0][f"Previous: {TOTAL}"] == 5
    assert "Loose" in ran.err


# A missing revenue ---------------------------------------------------------------------------------------------------


def test_a_missing_revenue_counts_as_nothing_where_that_is_asked_for_but_not_one_that_can_not_be_read(
    asked: Asked, texts: SomeLeads
) -> None:
    for name, revenue in (("Acme", "100"), ("Blank", None), ("White", "  "), ("Loose", "a lot")):
        texts.add(name, revenue, "CA")
    texts.add("Alone", None, "NY")
    texts.add("Odd", "odd", "TX")
    columns = [LEADS, TOP_LEAD, TOTAL, MEDIAN, MEAN, LOWEST, HIGHEST, EARNING]
    ran = asked("--stats", "--missing-revenue", "zero", "--top", "5")
    assert [[row[column] for column in columns] for row in ran.json["rows"]] == [
        [4, "Acme", 100, 0, 33.33, 0, 100, 1],
        [1, None, 0, 0, 0, 0, 0, 0],
        [1, None, None, None, None, None, None, 0],
    ]
    assert [row["Lead"] for row in ran.json["top"]] == ["Acme"]
    assert (ran.json["without_revenue"], ran.json["unreadable_revenue"]) == (5, 2)
    for argv in (("--stats",), ("--stats", "--missing-revenue", "skip")):
        assert [[row[column] for column in columns] for row in asked(*argv).json["rows"]] == [
            [4, "Acme", 100, 100, 100, 100, 100, 1],
            [1, *[None] * 6, 0],
            [1, *[None] * 6, 0],
        ]


def test_what_is_worse_than_nothing_stays_the_most_revenue_of_a_lead_that_has_one(
    asked: Asked, leads: SomeLeads
) -> None:
    leads.add("Loss", -5, "CA")
    leads.add("Blank", None, "CA")
    (row,) = asked("--stats", "--missing-revenue", "zero").json["rows"]
    assert (row[TOP_LEAD], row[HIGHEST], row[LOWEST], row[MEDIAN]) == ("Loss", 0, -5, -2.5)


# The best leads ------------------------------------------------------------------------------------------------------


@given(many(levels=2), st.data())
def test_no_table_depends_on_the_order_of_reading(found: list[SegmentedLead], data: st.DataObject) -> None:
    shuffled, levels = data.draw(st.permutations(found)), [BY_STATE, INDUSTRY]
    before, before_shuffled = found[::2], data.draw(st.permutations(found[::2]))
    asked_for: dict[str, Any] = {"stats": True, "missing_revenue": "zero"}
    assert summarize(found, levels, previous=before, **asked_for).equals(
        summarize(shuffled, levels, previous=before_shuffled, **asked_for)
    )
    assert top_leads(found, levels, 3).equals(top_leads(shuffled, levels, 3))


@given(many())
def test_the_best_lead_of_each_table_is_one_and_the_same(found: list[SegmentedLead]) -> None:
    best = {row[STATE]: row["Lead"] for row in top_leads(found, [BY_STATE], 1).to_dict("records")}
    table = summarize(found, [BY_STATE]).to_dict("records")
    assert best == {row[STATE]: row[TOP_LEAD] for row in table if row[TOP_LEAD] is not None}


@given(many(), st.integers(1, 30))
def test_so_many_leads_of_each_group_are_ranked_with_the_most_revenue_first(
    found: list[SegmentedLead], number: int
) -> None:
    rows = top_leads(found, [BY_STATE], number).to_dict("records")
    groups = list(dict.fromkeys(row[STATE] for row in rows))
    assert groups == [row[STATE] for row in summarize(found, [BY_STATE]).to_dict("records") if row[TOP_LEAD]]
    for group in groups:
        inside = [row for row in rows if row[STATE] == group]
        earning = amounts_in(found, group, "skip")
        assert [row["Rank"] for row in inside] == list(range(1, min(number, len(earning)) + 1))
        assert [row["Revenue"] for row in inside] == [to_cents(each) for each in reversed(earning)][:number]


def test_revenues_of_very_many_digits_are_told_apart_alike(asked: Asked, leads: SomeLeads) -> None:
    leads.add("A", 10**30, "CA")
    leads.add("B", 10**30 + 1, "CA")
    ran = asked("--top", "1")
    assert ran.json["rows"][0][TOP_LEAD] == ran.json["top"][0]["Lead"] == "B"


def test_a_tie_goes_by_the_name_then_by_the_id(run: Run, leads: SomeLeads) -> None:
    made = [leads.add("Twin", 5, "CA") for _ in range(4)]
    leads.add("Able", 5, "CA")
    ran = run("segment", THE_DAY, THE_DAY, "--top", "9", "--json")
    assert ran.json["rows"][0][TOP_LEAD] == "Able"
    assert [row["Link"] for row in ran.json["top"]][1:] == [
        f"https://app.close.com/lead/{each}/" for each in sorted(made)
    ]


@pytest.mark.parametrize(
    ("name", "best"),
    [
        ("o/sums.csv", "o/sums_top.csv"),
        ("sums.tar.csv", "sums.tar_top.csv"),
        ("SUMS.HTML", "SUMS_top.HTML"),
        ("sums.xlsx", "sums_top.xlsx"),
        ("sums", "sums_top"),
        ("-", "output_data/output_top.csv"),
    ],
)
def test_the_best_leads_are_beside_the_output_in_a_file_of_the_same_kind(
    run: Run, leads: SomeLeads, folder: Path, name: str, best: str
) -> None:
    leads.add("Acme", 5, "CA")
    assert run("segment", THE_DAY, THE_DAY, "--top", "2", "--output", name).code == 0
    assert sorted(str(path.relative_to(folder)) for path in folder.glob("**/*") if path.is_file()) == sorted(
        {best, name} - {"-"}
    )


def test_the_best_leads_have_rank_name_revenue_and_link(run: Run, leads: SomeLeads, folder: Path) -> None:
    for name, revenue, state in (("=Best", 7, "CA"), ("Next", 6, "CA"), ("Third", 5, "CA"), ("Poor", None, "CA")):
        leads.add(name, revenue, state)
    one = leads.add("Only", -1.005)
    leads.add("None", None, "TX")
    assert run("segment", THE_DAY, THE_DAY, "--top", "2").code == 0
    rows = table_of(folder / "output_data" / "output_top.csv")
    assert [(row[STATE], row["Rank"], row["Lead"], row["Revenue"]) for row in rows] == [
        ("California", "1", "'=Best", "7.00"),
        ("California", "2", "Next", "6.00"),
        ("Unknown", "1", "Only", "-1.01"),
    ]
    assert rows[-1]["Link"] == f"https://app.close.com/lead/{one}/"
    assert list(rows[0]) == [STATE, "Rank", "Lead", "Revenue", "Link"]


def test_there_is_no_file_of_best_leads_unless_it_is_asked_for(run: Run, leads: SomeLeads, folder: Path) -> None:
    leads.add("Acme", 5)
    ran = run("segment", THE_DAY, THE_DAY, "--json")
    assert "top" not in ran.json
    assert ran.json["files"] == {"output": "output_data/output.csv", "top": None, "chart": None}
    assert not (folder / "output_data" / "output_top.csv").exists()


# Compared with the span before ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "before"),
    [
        ("2000-03-01", "2000-03-31", "2000-02-01 2000-02-29"),
        ("2001-03-01", "2001-03-31", "2001-02-01 2001-02-28"),
        ("2000-02-01", "2000-02-29", "2000-01-01 2000-01-31"),
        ("2000-02-01", "2000-02-28", "2000-01-04 2000-01-31"),
        ("1900-02-01", "1900-02-28", "1900-01-01 1900-01-31"),
        ("2000-01-01", "2000-12-31", "1999-01-01 1999-12-31"),
        ("2000-01-01", "2001-12-31", "1998-01-01 1999-12-31"),
        ("2000-01-01", "2000-03-31", "1999-10-01 1999-12-31"),
        ("2000-11-01", "2001-01-31", "2000-08-01 2000-10-31"),
        ("2000-01-01", "2000-01-01", "1999-12-31 1999-12-31"),
        ("2000-03-01", "2000-03-01", "2000-02-29 2000-02-29"),
        ("2000-03-15", "2000-04-14", "2000-02-13 2000-03-14"),
        ("2000-01-01", "2000-01-30", "1999-12-02 1999-12-31"),
        ("0002-01-01", "0002-12-31", "0001-01-01 0001-12-31"),
        ("0001-02-01", "0001-02-28", "0001-01-01 0001-01-31"),
        pytest.param(
            "9999-12-01",
            "9999-12-31",
            "9999-11-01 9999-11-30",
        ),
    ],
)
def test_the_span_before_is_as_many_whole_months_or_as_many_days(first: str, last: str, before: str) -> None:
    found = span_before(Span(date.fromisoformat(first), date.fromisoformat(last)))
    assert f"{found.first} {found.last}" == before


@given(st.dates(date(1000, 1, 1), date(9000, 1, 1)), st.integers(0, 3000))
def test_the_span_before_ends_the_day_before_and_is_as_long(first: date, days: int) -> None:
    last = first + timedelta(days=days)
    before, end = astuple(span_before(Span(first, last)))
    assert end == first - timedelta(days=1)
    is_whole = first.day == 1 and (last + timedelta(days=1)).day == 1
    if is_whole:
        months = (last.year - first.year) * 12 + last.month - first.month
        assert (before.day, (end.year - before.year) * 12 + end.month - before.month) == (1, months)
    else:
        assert (end - before).days == days


@pytest.mark.parametrize(
    ("first", "last"), [("0001-01-01", "0001-01-31"), ("0001-01-20", "0001-12-31"), ("0002-01-01", "0003-12-31")]
)
def test_a_span_before_there_are_dates_is_refused(run: Run, leads: SomeLeads, first: str, last: str) -> None:
    ran = run("segment", first, last, "--compare", "previous")
    assert (ran.code, f"The period before {first} would begin" in ran.err, ran.out) == (2, True, "")


def test_figures_stand_beside_those_of_the_span_before(run: Run, leads: SomeLeads) -> None:
    for name, revenue, state, founded in (
        ("too early", 1000, "CA", "2000-01-31"),
        ("first", 10, "CA", "2000-02-01"),
        ("last", 30, "CA", "2000-02-29"),
        ("now", 25.5, "CA", "2000-03-31"),
        ("too late", 1000, "CA", "2000-04-01"),
        ("gone", 7, "NY", "2000-02-10"),
        ("gone too", None, "OH", "2000-02-10"),
        ("new", 8, "TX", "2000-03-10"),
        ("poor", None, None, "2000-03-10"),
    ):
        leads.add(name, revenue, state, founded=founded)
    ran = run("segment", "2000-03-01", "2000-03-31", "--compare", "previous", "--json")
    columns = [STATE, LEADS, TOP_LEAD, TOTAL, MEDIAN, *COMPARISON]
    assert [[row[column] for column in columns] for row in ran.json["rows"]] == [
        ["California", 1, "now", 25.5, 25.5, 2, -1, 40, -14.5, 20, 5.5],
        ["New York", 0, None, 0, None, 1, -1, 7, -7, 7, None],
        ["Ohio", 0, None, 0, None, 1, -1, None, None, None, None],
        ["Texas", 1, "new", 8, 8, 0, 1, 0, 8, None, None],
        ["Unknown", 1, None, None, None, 0, 1, 0, None, None, None],
    ]
    assert (ran.json["leads"], ran.json["without_group"]) == (3, {STATE: 1})
    assert ran.json["provenance"]["previous"] == {"first": "2000-02-01", "last": "2000-02-29"}
    assert "compared with 2000-02-01 to 2000-02-29" in ran.err


def test_both_spans_are_read_in_one_walk(run: Run, leads: SomeLeads) -> None:
    for day in (THE_DAY, "2000-06-14"):
        leads.add("Acme", 5, founded=day)
    alone, both = (
        run("segment", THE_DAY, THE_DAY, "--json", *argv).json["requests"] for argv in ((), ("--compare", "previous"))
    )
    assert alone == both


def test_the_best_leads_are_those_of_the_span_itself(run: Run, leads: SomeLeads) -> None:
    leads.add("now", 5, "CA")
    leads.add("before", 50, "CA", founded="2000-06-14")
    ran = run("segment", THE_DAY, THE_DAY, "--compare", "previous", "--top", "5", "--json")
    assert [row["Lead"] for row in ran.json["top"]] == ["now"]


@given(many(), many())
def test_changes_are_rounded_from_exact_differences(found: list[SegmentedLead], before: list[SegmentedLead]) -> None:
    rows = summarize(found, [BY_STATE], previous=before).to_dict("records")
    assert [row[STATE] for row in rows] == list(summarize([*found, *before], [BY_STATE])[STATE])
    for row in rows:
        now, then = (amounts_in(each, row[STATE], "skip") for each in (found, before))
        assert row[f"Change: {LEADS}"] == row[LEADS] - row[f"Previous: {LEADS}"]
        is_known = then or not row[f"Previous: {LEADS}"]
        assert row[f"Previous: {TOTAL}"] == (to_cents(sum(then, Fraction())) if is_known else None)
        if now and then:
            assert row[f"Change: {TOTAL}"] == to_cents(sum(now, Fraction()) - sum(then, Fraction()))
            assert row[f"Change: {MEDIAN}"] == to_cents(at(now, Fraction(1, 2)) - at(then, Fraction(1, 2)))


# Dollars -------------------------------------------------------------------------------------------------------------


def test_amounts_have_dollar_signs_in_files_where_that_is_asked_for(run: Run, leads: SomeLeads, folder: Path) -> None:
    leads.add("Acme", 15325123, "CA")
    leads.add("Loss", -5, "NY")
    leads.add("Poor", None, "TX")
    leads.add("Half", 0.005, "OH")
    argv = ["segment", THE_DAY, THE_DAY, "--money", "usd", "--top", "1", "--stats", "--compare", "previous"]
    assert run(*argv).code == 0
    rows = table_of(folder / "output_data" / "output.csv")
    assert [(row[TOTAL], row[MEDIAN], row[HIGHEST], row[f"Change: {TOTAL}"]) for row in rows] == [
        ("$15,325,123.00",) * 4,
        ("-$5.00",) * 4,
        ("$0.01",) * 4,
        ("",) * 4,
    ]
    assert (rows[0][LEADS], rows[0][SHARE]) == ("1", "100.00")
    best = table_of(folder / "output_data" / "output_top.csv")
    assert [row["Revenue"] for row in best] == ["$15,325,123.00", "-$5.00", "$0.01"]
    assert [row[TOTAL] for row in run(*argv, "--json").json["rows"]] == [15325123, -5, 0.01, None]


def test_dollars_are_refused_where_amounts_are_in_another_currency(
    run: Run, connect: Callable[[Sandbox], None], folder: Path
) -> None:
    with Sandbox(currency="EUR") as running:
        connect(running)
        ran = run("segment", THE_DAY, "--money", "usd")
    assert (ran.code, "in EUR, not in US dollars" in ran.err) == (2, True)
    assert not list(folder.glob("**/*.csv"))


# What makes no sense -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--json", "--output", "-"], "--json and --output - both write to standard output"),
        (["--top", "0"], "must be a whole number from 1 to"),
        (["--top", "-1"], "-1"),
        (["--top", "two"], "must be a whole number from 1 to 1,000,000, not 'two'"),
        (["--top", "1.5"], "must be a whole number from 1 to"),
        (["--top", "99999999999"], "must be a whole number from 1 to"),
        (["--output", "sums.pdf"], "use one of .csv, .xlsx, .html"),
        (["--output", "sums.xls"], "use one of .csv, .xlsx, .html"),
        (["--output", "."], "is not a file that can be replaced"),
        (["--output", os.devnull], "is not a file that can be replaced"),
        (["--chart", "sums.csv"], "use one of .png, .svg, .pdf"),
        (["--chart", "sums"], "use one of .png, .svg, .pdf"),
        (["--chart", "-"], "use one of .png, .svg, .pdf"),
        (["--compare", "last year"], "invalid choice"),
        (["--missing-revenue", "none"], "invalid choice"),
        (["--money", "eur"], "invalid choice"),
        (["--by"], "expected one argument. See"),
        (["2001-01-01", "Real", "Estate"], "Real Estate; a value with spaces needs quotes around it. See"),
        (["1999-01-01"], "Put the earlier day first"),
        (["2000-02-30"], "is not a valid date"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked_or_written(
    run: Run, connected: Sandbox, folder: Path, argv: list[str], words: str
) -> None:
    ran = run("segment", "2000-01-01", *argv)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert connected.report()["requests"] == 0
    assert not list(folder.iterdir())


def test_everything_at_once_goes_together(asked: Asked, leads: SomeLeads, folder: Path) -> None:
    leads.field("Industry")
    leads.add("Acme", 5, "CA", {"Industry": "Art"}, status="Qualified")
    leads.add("Beta", 6, "CA", {"Industry": "Retail"})
    flags = ["--stats", "--compare", "previous", "--top", "1", "--missing-revenue", "zero", "--money", "usd"]
    ran = asked("--by", "status", "--by", "Industry", "--where", "state=CA", "--status", "Qualified", *flags)
    assert names_of(ran, STATUS.title, "Industry") == [("Qualified", "Art")]
    assert [row["Lead"] for row in ran.json["top"]] == ["Acme"]
