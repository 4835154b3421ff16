"""`segment` reads every lead once, however often its search is cut short and whatever is written meanwhile."""

import functools
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from close.fields import STATE
from sandbox.close import PREFIX
from sandbox.wire import HttpRequest, Reply
from segmenting.columns import LEAD, LEADS, MEDIAN, TOP_LEAD, TOTAL
from tests.conftest import Ran, Run
from tests.many_leads import ManyLead, Sums, fill_state, plain_sums
from tests.raw_close import RawClose
from tests.watched import Watched
from tests.what_close_holds import custom_ids

FIRST, LAST = date(1990, 1, 1), date(2010, 12, 31)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
STATES = ("CA", "New York", "Texas", None, "California")
PAGE = 200  # leads

Action = Callable[[], object]
Connect = Callable[[Any], None]
Clock = Callable[[], float]
Open = Callable[..., AbstractContextManager[Watched]]


def a_lead(number: int, created: datetime) -> ManyLead:
    revenue = (number * 104_729 % 999_983) / 100
    founded = FIRST + timedelta(days=number * 7919 % ((LAST - FIRST).days + 1))
    return ManyLead(f"Company {number}", STATES[number % len(STATES)], revenue, founded, "Retail", created)


def made_one_by_one(number: int) -> list[ManyLead]:
    return [a_lead(each, LONG_AGO + timedelta(minutes=each)) for each in range(number)]


@pytest.fixture
def holding(folder: Path, connect: Connect) -> Callable[..., Watched]:
    """A sandbox that holds these leads, which commands find in the environment once it runs."""

    def hold(leads: Iterable[ManyLead], **settings: Any) -> Watched:
        (folder / "state").write_bytes(state_of(tuple(leads)))
        return Connecting(connect, state=folder / "state", **settings)

    return hold


@functools.cache
def state_of(leads: tuple[ManyLead, ...]) -> bytes:
    """The state file of a sandbox that holds these leads: many tests begin with the same ones."""
    with tempfile.TemporaryDirectory() as folder:
        fill_state(Path(folder) / "state", leads)
        return (Path(folder) / "state").read_bytes()


class Connecting(Watched):
    """A watched sandbox that is in the environment as soon as it runs."""

    def __init__(self, connect: Connect, **settings: Any) -> None:
        super().__init__(**settings)
        self.connect = connect

    def __enter__(self) -> "Connecting":
        super().__enter__()
        self.connect(self)
        return self


def is_search(request: HttpRequest) -> bool:
    return request.path == f"{PREFIX}/data/search/"


def before_searches(sandbox: Watched, actions: Mapping[int, Action]) -> list[Any]:
    """Act before the search requests of these numbers, the first being 1; the list gets the bodies of all of them."""
    bodies: list[Any] = []

    def watch(request: HttpRequest, answer: Callable[[HttpRequest], Reply | None]) -> Reply | None:
        if is_search(request):
            bodies.append(json.loads(request.body or b""))
            actions.get(len(bodies), lambda: None)()
        return answer(request)

    sandbox.watch = watch
    return bodies


def segment(run: Run, *flags: str) -> Ran:
    ran = run("segment", str(FIRST), str(LAST), "--json", "--top", "1000000", *flags)
    assert ran.code == 0, ran.err
    return ran


def sums(ran: Ran) -> Sums:
    return {
        row[STATE.title]: (row[LEADS], row[TOP_LEAD], Decimal(str(row[TOTAL])), Decimal(str(row[MEDIAN])))
        for row in ran.json["rows"]
    }


def names(ran: Ran) -> set[str]:
    """The leads that were read. None of them was read twice."""
    times = Counter(row[LEAD] for row in ran.json["top"])
    assert set(times.values()) <= {1}
    return set(times)


def walks(bodies: Iterable[Any]) -> int:
    """How many searches were begun from the very first lead."""
    return sum(
        "cursor" not in body and body.get("results_limit") is None and "date_created" not in json.dumps(body["query"])
        for body in bodies
    )


# Cut short


@pytest.mark.parametrize("most_walked", [2, 199, 200, 201, 300, 999, 1000, 1001])
def test_a_search_that_reaches_few_leads_is_carried_on(run: Run, holding: Open, most_walked: int) -> None:
    leads = made_one_by_one(50 if most_walked == 2 else 1000)
    with holding(leads, most_walked=most_walked) as sandbox:
        ran = segment(run)
        assert names(ran) == {lead.name for lead in leads}
        assert sums(ran) == plain_sums(sandbox, FIRST, LAST)


@pytest.mark.parametrize("expired_before", [{2}, {3}, {6}, {2, 3}, {2, 4, 6}, set(range(1, 50))])
@pytest.mark.parametrize("most_walked", [450, 10_000])
def test_a_cursor_that_expires_costs_no_lead(
    run: Run, holding: Open, expired_before: set[int], most_walked: int
) -> None:
    with holding(made_one_by_one(1001), most_walked=most_walked) as sandbox:
        bodies = before_searches(sandbox, dict.fromkeys(expired_before, sandbox.expire_cursors))
        ran = segment(run)
        assert sums(ran) == plain_sums(sandbox, FIRST, LAST)
        assert (len(names(ran)), walks(bodies)) == (1001, 1)


@pytest.mark.parametrize("step", [timedelta(0), timedelta(microseconds=1)])
@pytest.mark.parametrize("before", [0, 1, 100, 999])
def test_thousands_made_at_once_may_lie_across_a_cut(run: Run, holding: Open, step: timedelta, before: int) -> None:
    leads = made_one_by_one(before)
    at_once = LONG_AGO + timedelta(minutes=before)
    leads += [a_lead(before + each, at_once + each * step) for each in range(999 if step == timedelta(0) else 2500)]
    leads += [a_lead(5000 + each, at_once + timedelta(minutes=1 + each)) for each in range(200)]
    with holding(leads, most_walked=1000) as sandbox:
        bodies = before_searches(sandbox, {4: sandbox.expire_cursors})
        ran = segment(run)
        assert sums(ran) == plain_sums(sandbox, FIRST, LAST)
        assert (len(names(ran)), walks(bodies)) == (len(leads), 1)


def test_more_leads_of_one_instant_than_a_search_reaches_are_no_silent_loss(run: Run, holding: Open) -> None:
    with holding([a_lead(each, LONG_AGO) for each in range(450)], most_walked=400) as sandbox:
        bodies = before_searches(sandbox, {})
        ran = run("segment", str(FIRST), str(LAST))
        assert (ran.code, "Close counts 450 leads but lists 400" in ran.err) == (4, True)
        assert (walks(bodies), len(bodies)) == (3, 3 * (2 + 2 + 1))


@pytest.mark.parametrize(("cursor_life", "searches"), [(30.0, 7), (5.0, 9)])
def test_a_429_in_the_middle_is_waited_out(
    run: Run, holding: Open, clock: Clock, cursor_life: float, searches: int
) -> None:
    with holding(made_one_by_one(1000), cursor_life=cursor_life, clock=clock) as sandbox:
        bodies: list[HttpRequest] = []

        def watch(request: HttpRequest, answer: Callable[[HttpRequest], Reply | None]) -> Reply | None:
            bodies.extend([request] * is_search(request))
            is_refused = is_search(request) and len(bodies) == 3
            return Reply(429, b"", {"Retry-After": "7"}) if is_refused else answer(request)

        sandbox.watch, began = watch, clock()
        ran = segment(run)
        assert 7 <= clock() - began < 15
        assert len(bodies) == searches
        assert (sums(ran), len(names(ran))) == (plain_sums(sandbox, FIRST, LAST), 1000)


# Written meanwhile


@pytest.mark.parametrize("is_cut", [False, True])
def test_a_lead_made_during_the_walk_is_there_where_the_walk_goes_on_after_it(
    run: Run, holding: Open, is_cut: bool
) -> None:
    with holding(made_one_by_one(1000)) as sandbox, RawClose(sandbox) as user:
        before = plain_sums(sandbox, FIRST, LAST)
        cut = {4: sandbox.expire_cursors} if is_cut else {}
        bodies = before_searches(sandbox, {3: lambda: user.made("/lead/", **a_lead(5000, LONG_AGO).body), **cut})
        ran = segment(run)
        assert sums(ran) == (plain_sums(sandbox, FIRST, LAST) if is_cut else before)
        assert len(names(ran)) == 1000 + is_cut
        assert walks(bodies) == 1


@pytest.mark.parametrize("is_cut", [False, True])
@pytest.mark.parametrize(("name", "was_read"), [("Company 0", True), ("Company 399", True), ("Company 999", False)])
def test_a_lead_deleted_during_the_walk_takes_no_other_with_it(
    run: Run, holding: Open, name: str, was_read: bool, is_cut: bool
) -> None:
    with holding(made_one_by_one(1000)) as sandbox, RawClose(sandbox) as user:
        before, lead_id = plain_sums(sandbox, FIRST, LAST), ids(sandbox)[name]
        cut = {4: sandbox.expire_cursors} if is_cut else {}
        before_searches(sandbox, {3: lambda: user.delete(f"/lead/{lead_id}/"), **cut})
        ran = segment(run)
        assert sums(ran) == (before if was_read else plain_sums(sandbox, FIRST, LAST))
        assert (len(names(ran)), name in names(ran)) == (999 + was_read, was_read)


@pytest.mark.parametrize("is_cut", [False, True])
@pytest.mark.parametrize(("name", "was_read"), [("Company 0", True), ("Company 399", True), ("Company 999", False)])
def test_a_lead_whose_date_leaves_the_range_during_the_walk_takes_no_other_with_it(
    run: Run, holding: Open, name: str, was_read: bool, is_cut: bool
) -> None:
    with holding(made_one_by_one(1000)) as sandbox, RawClose(sandbox) as user:
        before, lead_id = plain_sums(sandbox, FIRST, LAST), ids(sandbox)[name]
        moved = {custom_ids(user)["Company Founded"]: "1900-01-01"}
        cut = {4: sandbox.expire_cursors} if is_cut else {}
        before_searches(sandbox, {3: lambda: user.put(f"/lead/{lead_id}/", json=moved), **cut})
        ran = segment(run)
        assert sums(ran) == (before if was_read else plain_sums(sandbox, FIRST, LAST))
        assert (len(names(ran)), name in names(ran)) == (999 + was_read, was_read)
        assert ran.json["no_longer_asked_for"] == (not was_read and not is_cut)
        assert (f"the date range and filters: {name}" in ran.err) == (not was_read and not is_cut)


def ids(sandbox: Watched) -> dict[str, str]:
    """The ids of all leads, by name."""
    return {lead["name"]: lead["id"] for lead in sandbox._account.store.all("lead")}


def test_a_lead_made_and_one_deleted_in_every_search_leave_the_others(run: Run, holding: Open) -> None:
    with holding(made_one_by_one(1000), most_walked=300) as sandbox, RawClose(sandbox) as user:
        known = ids(sandbox)

        def swap(number: int) -> None:
            user.delete(f"/lead/{known[f'Company {number}']}/")
            user.made("/lead/", **a_lead(5000 + number, LONG_AGO).body)

        actions = {at: lambda at=at: swap(100 * at) for at in (2, 3, 5, 6)}
        before_searches(sandbox, actions)
        found = names(segment(run))
        assert found >= {lead.name for lead in made_one_by_one(1000)} - {f"Company {100 * at}" for at in actions}
        assert found <= {*known, *ids(sandbox)}


# A count that the list does not come to


def miscounting(sandbox: Watched, by: Callable[[int], int]) -> list[Any]:
    """Let the count of each answer be wrong by a number, which depends on how many walks were begun."""
    bodies: list[Any] = []

    def watch(request: HttpRequest, answer: Callable[[HttpRequest], Reply | None]) -> Reply | None:
        reply = answer(request)
        if reply is None or not is_search(request):
            return reply
        bodies.append(json.loads(request.body or b""))
        document = json.loads(reply.body)
        document["count"]["total"] += by(walks(bodies))
        return replace(reply, body=json.dumps(document).encode())

    sandbox.watch = watch
    return bodies


@pytest.mark.parametrize("by", [3, 1, -1, -250])
def test_a_count_that_never_agrees_ends_without_a_table(run: Run, holding: Open, folder: Path, by: int) -> None:
    with holding(made_one_by_one(250)) as sandbox:
        assert segment(run).json["leads"] == 250
        files = contents(folder / "output_data")
        bodies = miscounting(sandbox, lambda _walk: by)
        ran = run("segment", str(FIRST), str(LAST), "--top", "3", "--chart", "chart.svg")
        assert (ran.code, ran.out) == (4, "")
        assert f"Close counts {250 + by} leads but lists 250" in ran.err
        assert walks(bodies) == 3
        assert contents(folder / "output_data") == files
        assert not (folder / "chart.svg").exists()


@pytest.mark.parametrize("wrong_walks", [1, 2])
def test_a_count_that_agrees_later_is_enough(run: Run, holding: Open, wrong_walks: int) -> None:
    with holding(made_one_by_one(250)) as sandbox:
        bodies = miscounting(sandbox, lambda walk: 3 if walk <= wrong_walks else 0)
        ran = segment(run)
        assert walks(bodies) == wrong_walks + 1
        assert (sums(ran), len(names(ran))) == (plain_sums(sandbox, FIRST, LAST), 250)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


# Few requests


@pytest.mark.parametrize(
    ("most_walked", "sizes"), [(10_000, [0, 1, 200, 201, 9_800, 10_001]), (1_000, [0, 980, 1_001, 2_001])]
)
def test_requests_grow_with_pages_and_searches_alone(
    run: Run, holding: Open, most_walked: int, sizes: list[int]
) -> None:
    days = {size: FIRST + timedelta(days=place) for place, size in enumerate(sizes)}
    leads = [
        replace(a_lead(number, LONG_AGO + timedelta(seconds=number)), founded=days[size])
        for fewer, size in pairwise(sizes)
        for number in range(fewer, size)
    ]
    with holding(leads, most_walked=most_walked):
        for size, last in days.items():
            ran = run("segment", str(FIRST), str(last), "--json")
            assert (ran.code, ran.json["leads"]) == (0, size)
            assert ran.json["requests"] <= size / PAGE + size / most_walked + 10
