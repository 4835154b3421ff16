"""A Close that is slow, closed for now, or closed to this user in part: what a command asks for then, and says.

Nobody waits: a sleep of the command puts the clock of the sandbox forward.
"""

import contextlib
import itertools
import json
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

import close_client
from sandbox import Fault
from sandbox.wire import HttpRequest, Reply
from tests.conftest import Run
from tests.raw_close import RawClose
from tests.waiting_leads import Waiting
from tests.watched import Answer, Watched, is_write
from tests.what_close_holds import leads_held, requests_to, table

Clock = Callable[[], float]
Write = Callable[..., Path]

IMPORT = ("import", "leads.csv", "--json", "--workers", "1", "--index-lag", "10")
SEARCH, EVENTS, LEAD = "/api/v1/data/search/", "/api/v1/event/", "/api/v1/lead/"


@contextlib.contextmanager
def opened(clock: Clock, connect: Any, **settings: Any) -> Iterator[tuple[Watched, RawClose]]:
    with Watched(clock=clock, **settings) as sandbox, RawClose(sandbox, "key-of-a-user") as user:
        connect(sandbox)
        yield sandbox, user


def plain(request: HttpRequest, answer: Answer) -> Reply | None:
    return answer(request)


def companies(count: int) -> list[str]:
    return [f"Company {number:03d},,,,,," for number in range(count)]


def asked_for(request: HttpRequest) -> int:
    """How many conditions a search for leads has, 0 for any other request."""
    if request.path != SEARCH:
        return 0
    queries = json.loads(request.body or b"{}")["query"]["queries"]
    return len(queries[1].get("queries", [1]))


# Searches that take long ---------------------------------------------------------------------------------------------


class SlowSearch:
    """A search that has no answer in time for more than `most` conditions; `asked` is how many each search had."""

    def __init__(self, most: int, status: int = 504) -> None:
        self.most, self.status = most, status
        self.asked: list[int] = []

    def __call__(self, request: HttpRequest, answer: Answer) -> Reply | None:
        count = asked_for(request)
        if not count:
            return answer(request)
        self.asked.append(count)
        if count <= self.most:
            return answer(request)
        time.sleep(30)
        return Reply.of(self.status, {})


def test_a_look_up_that_takes_too_long_is_asked_in_smaller_parts(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect) as (sandbox, user):
        write(*companies(150))
        assert run(*IMPORT).json["leads"]["created"] == 150
        for most, status in ((60, 504), (60, 408), (7, 504), (1, 408)):
            sandbox.watch = search = SlowSearch(most, status)
            again = run(*IMPORT)
            assert (again.code, again.json["leads"]["unchanged"]) == (0, 150)
            answered = [count for count in search.asked if count <= most]
            assert sum(answered) >= 150
            assert max(answered) > most / 2  # no smaller than it has to be
            assert len(search.asked) - len(answered) < 12  # what was learned is not learned again for each part
        sandbox.watch = plain
        assert len(leads_held(user)) == 150


def test_names_are_looked_for_in_smaller_parts(run: Run, write: Write, clock: Clock, connect: Any) -> None:
    with opened(clock, connect) as (sandbox, user):
        for number in range(40):
            user.made("/lead/", name=f"Company {number:03d}")
        write(*companies(40))
        sandbox.watch = search = SlowSearch(11)
        ran = run(*IMPORT, "--existing", "skip")
        assert (ran.code, ran.json["leads"]["skipped"]) == (0, 40)
        assert max(search.asked) > 11


def test_only_a_search_for_a_single_company_that_takes_too_long_ends_the_command(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect) as (sandbox, user):
        write(*companies(20))
        assert run(*IMPORT).code == 0
        sandbox.watch = search = SlowSearch(0)
        ran = run(*IMPORT)
        assert ran.code == 5
        assert "Close is too slow at the moment" in ran.err
        assert search.asked[-1] == 1
        assert len(leads_held(user)) == 20


def test_an_answer_that_does_not_come_counts_like_one_that_says_so(
    run: Run, write: Write, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Watched() as sandbox:
        connect(sandbox)
        write(*companies(9))
        assert run(*IMPORT).code == 0
        monkeypatch.setattr(close_client, "READ_TIMEOUT", 0.3)
        asked: list[int] = []

        def slow(request: HttpRequest, answer: Answer) -> Reply | None:
            asked.append(asked_for(request))
            if asked[-1] > 4:
                time.sleep(0.6)
            return answer(request)

        sandbox.watch = slow
        assert run(*IMPORT).json["leads"]["unchanged"] == 9
        assert [count for count in asked if count] == [9, 5, 3, 2, 3, 1]


@pytest.mark.parametrize("command", [("segment", "2000-01-01", "--by", "status"), ("qualify", "--from-close")])
def test_pages_that_take_too_long_are_asked_for_with_fewer_leads(
    run: Run, clock: Clock, connect: Any, command: tuple[str, ...]
) -> None:
    with opened(clock, connect) as (sandbox, user):
        date = user.made("/custom_field/lead/", name="Company Founded", type="date")["id"]
        user.made("/custom_field/lead/", name="Company Revenue", type="number")
        waiting = Waiting(user)
        for number in range(130):
            person_id = str(1000 + number) if number < 3 else ""  # who has no id is not asked about, but walked past
            user.put(f"/lead/{waiting.lead(person_id)}/", json={f"custom.{date}": "2001-01-01"})
        sizes: list[int] = []

        def slow(request: HttpRequest, answer: Answer) -> Reply | None:
            size = json.loads(request.body or b"{}").get("_limit", 0) if request.path == SEARCH else 0
            sizes.extend([size] if size else [])
            if size <= 60 and len(sizes) != 5:  # the second page of the first walk takes too long, too
                return answer(request)
            time.sleep(30)
            return Reply.of(504, {})

        sandbox.watch = slow
        ran = run(*command, "--json")
        assert sizes[:6] == [200, 100, 50, 50, 50, 25]
        if command[0] == "segment":
            assert ran.json["leads"] == 130
        else:
            assert (len(ran.json), "130 leads: " in ran.err) == (3, True)


# Closed for now ------------------------------------------------------------------------------------------------------


def in_seconds(seconds: float) -> dict[str, str]:
    return {"Retry-After": f"{seconds:.0f}"}


def at_a_date(seconds: float) -> dict[str, str]:
    return {"Retry-After": formatdate(time.time() + seconds, usegmt=True)}


def at_a_date_by_its_own_clock(seconds: float) -> dict[str, str]:
    """As by a Close whose clock is a day ahead."""
    now = time.time() + 86_400
    return {"Retry-After": formatdate(now + seconds, usegmt=True), "Date": formatdate(now, usegmt=True)}


class ClosedOnce:
    """A Close that refuses one request and asks for some seconds of peace; `asked_at` are later requests."""

    def __init__(self, clock: Clock, status: int, on: str, headers: Callable[[float], dict[str, str]], seconds: float):
        self.clock, self.status, self.on, self.headers, self.seconds = clock, status, on, headers, seconds
        self.closed_at = 0.0
        self.asked_at: list[float] = []

    def __call__(self, request: HttpRequest, answer: Answer) -> Reply | None:
        if self.closed_at:
            self.asked_at.append(self.clock() - self.closed_at)
        elif f"{request.method} {request.path}".startswith(self.on):
            self.closed_at = self.clock()
            return Reply.of(self.status, {}, self.headers(self.seconds))
        return answer(request)


HEADERS = [in_seconds, at_a_date, at_a_date_by_its_own_clock]


@pytest.mark.parametrize("on", [f"POST {SEARCH}", f"POST {LEAD}", "GET /api/v1/me/"])
@pytest.mark.parametrize("status", [429, 503])
def test_close_is_left_alone_for_as_long_as_it_asks(
    run: Run, write: Write, clock: Clock, connect: Any, status: int, on: str
) -> None:
    with opened(clock, connect) as (sandbox, user):
        user.made("/lead/", name="Company 000")
        write(*companies(2), "Other,,,,,,")
        assert run(*IMPORT).code == 0
        for count, (headers, seconds) in enumerate(itertools.product(HEADERS, [20, 300]), start=1):
            write(*companies(2 + 3 * count))
            sandbox.watch = closed = ClosedOnce(clock, status, on, headers, seconds)
            assert run(*IMPORT).code == 0
            assert seconds - 1.1 <= closed.asked_at[0] < seconds + 12, (headers, seconds)
        sandbox.watch = plain
        assert len(leads_held(user)) == 3 + 3 * count


LONG = [(310, "6 minutes"), (3600, "60 minutes"), (36_000, "10 hours"), (300_000, "4 days")]


@pytest.mark.parametrize("headers", [in_seconds, at_a_date])
@pytest.mark.parametrize("status", [429, 503])
def test_close_is_not_waited_for_longer_than_five_minutes_and_the_time_is_said(
    run: Run, write: Write, clock: Clock, connect: Any, status: int, headers: Any
) -> None:
    with opened(clock, connect) as (sandbox, user):
        for count, (seconds, words) in enumerate(LONG, start=1):
            write(*companies(count))
            sandbox.watch = ClosedOnce(clock, status, f"POST {LEAD}", headers, seconds)
            began = clock()
            ran = run(*IMPORT)
            assert clock() - began < 60
            assert ran.code == 5
            assert f"Close asks us to wait for {words}" in ran.err
            sandbox.watch = plain
            time.sleep(seconds)
            assert run(*IMPORT).code == 0
            assert len(leads_held(user)) == count


def test_a_503_after_a_write_is_waited_out_and_the_write_is_looked_for(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect) as (sandbox, user):

        def done_but_503(request: HttpRequest, answer: Answer) -> Reply | None:
            reply = answer(request)
            if is_write(request) and request.path == LEAD:
                sandbox.watch = plain
                return Reply.of(503, {}, {"Retry-After": "40"})
            return reply

        sandbox.watch = done_but_503
        write(*companies(3))
        ran = run(*IMPORT)
        assert (ran.code, ran.json["leads"]["created"], len(leads_held(user))) == (0, 3, 3)


# Closed to this user -------------------------------------------------------------------------------------------------


def without_log(request: HttpRequest, answer: Answer) -> Reply | None:
    return Reply.of(403, {"error": "Forbidden"}) if request.path == EVENTS else answer(request)


@pytest.mark.parametrize("lag", [2, 45, 95])
@pytest.mark.parametrize("fault", ["drop-after", "drop-before"])
def test_a_lost_lead_is_found_or_sent_again_without_the_event_log(
    run: Run, write: Write, clock: Clock, connect: Any, fault: str, lag: float
) -> None:
    with opened(clock, connect, index_lag=lag) as (sandbox, user):
        sandbox.watch = without_log
        write(*companies(120))
        began = clock()
        with sandbox.troubled([Fault(fault, on=f"POST {LEAD}", times=1)]):
            ran = run(*IMPORT)
        sandbox.watch = plain
        assert (ran.code, ran.json["leads"]["created"], len(leads_held(user))) == (0, 120, 120)
        assert requests_to(sandbox)["POST /lead/"] == 120 + (fault == "drop-before")
        assert "search shows whether it arrived" in ran.err
        assert "Close does not show its event log to the API key's user" in ran.err
        assert fault == "drop-after" or clock() - began > 100  # all ten lags, however many leads came later


def test_an_import_an_undo_and_an_import_again_need_no_event_log(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect) as (sandbox, user):
        user.made("/lead/", name="Company 001")
        write("Company 000,Bee,bee@x.com,,,,", "Company 001,Cee,cee@x.com,,,,", "Company 002,,,,,,")
        sandbox.watch = without_log
        ran = run(*IMPORT)
        assert (ran.code, ran.json["leads"]["created"], ran.json["leads"]["updated"]) == (0, 2, 1)
        ids = {row["company"]: row["lead id"] for row in table("output_data/leads_imported.csv")}
        user.delete(f"/lead/{ids['COMPANY 002']}/")
        undone = run("undo", "last", "--json", "--index-lag", "10")
        assert (undone.code, undone.json["deleted"], undone.json["restored"]) == (0, 2, 1)
        assert "merged into another one counts as deleted" in undone.err
        assert run(*IMPORT).code == 0
        sandbox.watch = plain
        assert len(leads_held(user)) == 3


def test_without_the_event_log_a_lead_that_another_machine_made_before_is_not_ours(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    """The same user made it with the same content, and the index shows both only after ours was lost."""
    with opened(clock, connect, index_lag=5) as (sandbox, user):
        write(*companies(1))
        assert run(*IMPORT).code == 0
        held = next(iter(leads_held(user).values()))
        key = next(name for name in held if name.startswith("custom.cf_"))
        time.sleep(60)
        write("Other,,,,,,")
        body = {"name": "OTHER", key: held[key].replace("company 000", "other")}
        sandbox.watch = without_log
        with RawClose(sandbox, "key-for-tests") as other_machine:
            theirs = other_machine.made("/lead/", **body)["id"]
        time.sleep(1)
        with sandbox.troubled([Fault("drop-before", on=f"POST {LEAD}", times=1)]):
            run(*IMPORT)
        assert run("undo", "last", "--json", "--index-lag", "10").json["deleted"] in (0, 1)
        sandbox.watch = plain
        assert theirs in leads_held(user)
