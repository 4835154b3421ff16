"""When a lead whose answer was lost counts as absent: never by time alone, nor by one other lead that shows.

Nobody waits: a sleep of the command puts the clock of the sandbox forward.
"""

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import Fault
from sandbox.wire import HttpRequest, Reply
from tests.conftest import Run
from tests.raw_close import RawClose
from tests.watched import Answer, Watched
from tests.what_close_holds import leads_held, requests_to

Clock = Callable[[], float]
Write = Callable[..., Path]

LEAD = "POST /api/v1/lead/"
IMPORT = ("import", "leads.csv", "--json", "--workers", "1", "--index-lag", "10")
AFTER, BEFORE = (Fault(name, on=LEAD, times=1) for name in ("drop-after", "drop-before"))


@contextlib.contextmanager
def opened(clock: Clock, connect: Any, fault: Fault, **settings: Any) -> Iterator[tuple[Watched, RawClose]]:
    with Watched(clock=clock, **{"index_lag": 2, **settings}) as sandbox, RawClose(sandbox, "key-of-a-user") as user:
        connect(sandbox)
        with sandbox.troubled([fault]):
            yield sandbox, user


def companies(count: int) -> list[str]:
    return [f"Company {number:03d},,,,,," for number in range(count)]


@pytest.mark.parametrize("lag", [35, 95])
def test_a_lead_that_shows_after_several_lags_is_not_sent_again_where_no_other_tells_of_the_lag(
    run: Run, write: Write, clock: Clock, connect: Any, lag: float
) -> None:
    with opened(clock, connect, AFTER, index_lag=lag, event_lag=lag) as (sandbox, _):
        write(*companies(1))
        ran = run(*IMPORT)
        assert (ran.code, ran.json["leads"]["created"]) == (0, 1)
        assert requests_to(sandbox)["POST /lead/"] == 1


@pytest.mark.parametrize("count", [2, 10, 120])
@pytest.mark.parametrize("lag", [15, 25])
def test_a_lead_in_a_part_that_lags_is_not_sent_again_although_later_ones_show(
    run: Run, write: Write, clock: Clock, connect: Any, lag: float, count: int
) -> None:
    """The first lead lags together with every second one, or alone, which only few others can make up for."""
    for shard_lags in ((lag, 0), *([(lag, *[0] * 200)] if count < 100 else [])):
        with opened(clock, connect, AFTER, shard_lags=shard_lags) as (sandbox, user):
            write(*companies(count))
            assert run(*IMPORT).code == 0
            assert requests_to(sandbox)["POST /lead/"] == count
            assert len(leads_held(user)) == count
        Path("output_data/journal.sqlite").unlink()


@pytest.mark.parametrize("behind", ["index", "events"])
def test_neither_the_log_nor_the_index_is_enough_alone(
    run: Run, write: Write, clock: Clock, connect: Any, behind: str
) -> None:
    """One of them shows all leads but the one that was lost, which it lacks for long; the other one lacks them all."""
    with opened(clock, connect, BEFORE, shard_lags=(0,)) as (sandbox, _):

        def hide(request: HttpRequest, answer: Answer) -> Reply | None:
            hidden = "/data/search/" if behind == "index" else "/event/"
            reply = answer(request)
            if reply and request.path.endswith(hidden) and clock() < began + 80:
                return Reply.of(200, {"data": [], "count": {"total": 0}, "cursor": None, "cursor_next": None})
            return reply

        began = clock()
        write(*companies(120))
        sandbox.watch = hide
        moments: list[float] = []
        ran = run(*IMPORT)
        assert (ran.code, ran.json["leads"]["created"]) == (0, 120)
        moments.append(clock() - began)
        assert moments[0] > 80
        assert requests_to(sandbox)["POST /lead/"] == 121


@pytest.mark.parametrize(("witnesses", "least", "most"), [(120, 10, 40), (50, 50, 80), (1, 99, 130)])
def test_a_lead_that_is_not_there_is_sent_again_the_sooner_the_more_leads_show(
    run: Run, write: Write, clock: Clock, connect: Any, witnesses: int, least: float, most: float
) -> None:
    with opened(clock, connect, BEFORE) as (sandbox, _):
        write(*companies(witnesses + 1))
        began = clock()
        ran = run(*IMPORT)
        assert (ran.code, ran.json["leads"]["created"]) == (0, witnesses + 1)
        assert least <= clock() - began <= most
        assert requests_to(sandbox)["POST /lead/"] == witnesses + 2


def test_without_another_lead_it_stays_unknown_and_the_next_run_sends_it_again(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect, BEFORE) as (sandbox, user):
        write(*companies(1))
        ran = run(*IMPORT)
        assert (ran.code, ran.json["leads"]["undetermined"], sandbox.report()["leads"]) == (5, 1, 0)
        left = [int(seconds) for seconds in re.findall(r"up to (\d+) s more", ran.err)]
        assert left[0] == 100
        assert left == sorted(left, reverse=True)
        assert len(left) >= 9
        assert "because both can lag" in ran.err
        again = run(*IMPORT)
        assert (again.code, again.json["leads"]["created"]) == (0, 1)
        assert len(leads_held(user)) == 1


def test_the_next_run_waits_until_ten_lags_have_passed_since_the_lead_was_sent(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect, BEFORE) as (sandbox, _):
        write(*companies(1))
        sent_at: list[float] = []

        def note(request: HttpRequest, answer: Answer) -> Reply | None:
            if f"{request.method} {request.path}" == LEAD:
                sent_at.append(clock())
            return answer(request)

        sandbox.watch = note
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("importing.carry_out.settle", lambda *_: 1 / 0)
            assert run(*IMPORT).code == 1
        time.sleep(42)
        assert run(*IMPORT).code == 0
        first, second = sent_at
        assert 100 <= second - first <= 115
        assert sandbox.report()["leads"] == 1


def test_a_lead_that_lags_for_longer_than_ten_lags_is_made_once_in_the_end(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect, AFTER, index_lag=150, event_lag=150) as (sandbox, user):
        write(*companies(1))
        assert run(*IMPORT).code == 5
        assert sandbox.report()["leads"] == 1
        assert run(*IMPORT).code == 0
        time.sleep(200)
        assert run(*IMPORT).code == 0
        assert len(leads_held(user)) == 1


def test_a_witness_that_somebody_deleted_does_not_hold_up_the_others(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect, BEFORE) as (sandbox, user):

        def delete_one(request: HttpRequest, answer: Answer) -> Reply | None:
            if request.path.endswith("/event/") and sandbox.report()["leads"] == 119:
                sandbox.watch = lambda request, answer: answer(request)
                held = leads_held(user)
                user.delete(f"/lead/{list(held)[-1]}/").raise_for_status()
            return answer(request)

        sandbox.watch = delete_one
        write(*companies(120))
        ran = run(*IMPORT)
        assert (ran.code, ran.json["leads"]["created"], sandbox.report()["leads"]) == (0, 120, 119)


# A 404 that passes ----------------------------------------------------------------------------------------------------


def test_a_lead_that_is_not_found_for_a_moment_is_not_deleted_since(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect, AFTER) as (sandbox, user):
        passing = Fault("404-passing", on="GET /api/v1/lead/lead_", times=2)
        with sandbox.troubled([AFTER, passing]):
            write(*companies(2))
            ran = run(*IMPORT)
        assert (ran.code, ran.json["leads"]["created"]) == (0, 2)
        assert len(leads_held(user)) == requests_to(sandbox)["POST /lead/"] == 2


def test_a_lead_that_was_really_deleted_is_told_at_once(run: Run, write: Write, clock: Clock, connect: Any) -> None:
    with opened(clock, connect, AFTER) as (sandbox, user):

        def delete_it(request: HttpRequest, answer: Answer) -> Reply | None:
            if request.path.endswith("/event/") and sandbox.report()["leads"]:
                sandbox.watch = lambda request, answer: answer(request)
                for lead_id in leads_held(user):
                    user.delete(f"/lead/{lead_id}/").raise_for_status()
            return answer(request)

        sandbox.watch = delete_it
        write(*companies(1))
        began = clock()
        ran = run(*IMPORT)
        assert (ran.code, ran.json["leads"]["skipped"]) == (0, 1)
        assert "created, then deleted or merged in Close" in Path(ran.json["files"]["imported"]).read_text()
        assert clock() - began < 10


@pytest.mark.parametrize("method", ["GET /api/v1/lead/lead_", "PUT /api/v1/lead/lead_"])
def test_a_lead_to_fill_that_is_not_found_for_a_moment_is_not_created_again(
    run: Run, write: Write, clock: Clock, connect: Any, method: str
) -> None:
    with opened(clock, connect, Fault("404-passing", on=method, times=2)) as (sandbox, user):
        user.made("/lead/", name="Company 000")
        time.sleep(3)
        write("Company 000,Ann,,,,,CA")
        ran = run(*IMPORT)
        assert (ran.code, ran.json["leads"]["updated"]) == (0, 1)
        assert sandbox.report()["leads"] == 1
