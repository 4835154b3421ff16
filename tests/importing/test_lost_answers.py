"""Answers get lost in every way that there is: each company, contact and custom field comes into being once.

Nobody waits: a sleep of the command puts the clock of the sandbox forward. SOAK_SEEDS=8 in the environment draws the
faults in more ways (`make soak`).
"""

import csv
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import close_client
from sandbox import Fault
from sandbox.wire import HttpRequest, Reply
from tests.companies import Company, check_made, check_merged, company, held_by, put_beforehand, write_companies
from tests.conftest import Ran, Run
from tests.raw_close import RawClose
from tests.watched import Answer, Watched

Clock = Callable[[], float]

LAG = 3.0  # seconds of the sandbox's index; the command is told a little more
IMPORT = ("import", "leads.csv", "--index-lag", "4", "--json")
COMPANIES = [company(number) for number in range(100)]
MOST_RUNS = 8
LONGEST_LAG = 20.0  # seconds until everything shows, and everything that is late has arrived
SEEDS = int(os.environ.get("SOAK_SEEDS", "1"))
MANY = COMPANIES if SEEDS > 1 else COMPANIES[:20]  # where each request may fail
OFTEN = 0.1 if SEEDS > 1 else 0.2  # of all requests: so that as many fail
FAULTS = [
    *("drop-before", "drop-after", "502-after", "504-after", "503-before"),
    *("408-before", "408-after", "odd-status-after"),
    *("500", "stall", "cut", "429-bare", "html"),
    *("late", "doubled-answer", "404-passing"),
]
ON = {"404-passing": "GET /api/v1/lead/lead_", "late": "POST /api/v1/", "doubled-answer": "GET /api/v1/"}
TOGETHER = [Fault(name, 0.03, on=ON.get(name, "")) for name in FAULTS]
UNEVEN = {"shard_lags": (0, 0, 6), "event_lag": 2.0, "event_data_seconds": 0.0, "list_lag": 2.0}
LEADS, FIELDS = "POST /api/v1/lead/", "POST /api/v1/custom_field/"
PATIENCE = close_client.READ_TIMEOUT


@pytest.fixture(autouse=True)
def impatience(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that stalls is given up soon; any other is waited for: a slow machine must not look like a loss."""
    if "stall" in request.node.name or "together" in request.node.name:
        monkeypatch.setattr("close_client.READ_TIMEOUT", 0.7)


@contextmanager
def opened(
    clock: Clock, connect: Callable[[Watched], None], companies: list[Company], **settings: Any
) -> Iterator[Any]:
    """A sandbox that the environment points at, with a session; the file of these companies is there."""
    write_companies(Path("leads.csv"), companies)
    lags = {"index_lag": LAG, "stall_seconds": 1.0, **settings}
    with Watched(clock=clock, **lags) as sandbox, RawClose(sandbox) as close:
        connect(sandbox)
        yield sandbox, close


def run_until_done(run: Run) -> list[Ran]:
    """Give the same command until its exit code is 0; each time all rows must be accounted for."""
    runs: list[Ran] = []
    while not runs or runs[-1].code:
        assert len(runs) < MOST_RUNS, runs[-1].err
        runs.append(run(*IMPORT))
        assert runs[-1].code in (0, 5), runs[-1].err
        if runs[-1].out:  # there is no report where not even the plan could be made
            check_sums(runs[-1])
    return runs


def run_after_late_arrivals(run: Run) -> None:
    """Give the command once more when all that was late has arrived and shows, and let that show, too.

    Nothing stalls any more, so a slow machine must not make it lose an answer that no later run looks for.
    """
    time.sleep(LONGEST_LAG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("close_client.READ_TIMEOUT", PATIENCE)
        run_until_done(run)
    time.sleep(LONGEST_LAG)


def check_sums(ran: Ran) -> None:
    rows = ran.json["rows"]
    assert rows.pop("total") == sum(rows.values()) == len(lines("leads.csv"))
    outcomes = [line["outcome"] for line in lines(ran.json["files"]["imported"])]
    assert {name: outcomes.count(name) for name in rows} == rows


def lines(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def shown(close: RawClose) -> Any:
    """What Close holds, once its lists show everything."""
    time.sleep(LAG + 0.1)
    return held_by(close)


def requests_for(sandbox: Watched, endpoint: str) -> int:
    made: int = sandbox.report()["requests_by_endpoint"].get(endpoint, 0)
    return made


def name_sent(request: HttpRequest) -> str:
    """The name of the lead that a request is to create, "" for any other request."""
    return str(json.loads(request.body or b"")["name"]) if f"{request.method} {request.path}" == LEADS else ""


# Faults on everything ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_on_many_requests_makes_no_double(run: Run, clock: Clock, connect: Any, name: str, seed: int) -> None:
    with opened(clock, connect, MANY) as (sandbox, close):
        with sandbox.troubled([Fault(name, OFTEN, on=ON.get(name, ""))], seed):
            run_until_done(run)
        if name in ON:
            run_after_late_arrivals(run)
        assert sandbox.report()["leads"] == len(MANY)
        check_made(shown(close), MANY)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_all_faults_together_make_no_double(run: Run, clock: Clock, connect: Any, seed: int) -> None:
    with opened(clock, connect, MANY, **UNEVEN) as (sandbox, close):
        with sandbox.troubled(TOGETHER, seed):
            run_until_done(run)
        run_after_late_arrivals(run)
        assert sandbox.report()["leads"] == len(MANY)
        check_made(shown(close), MANY)


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_on_many_requests_merges_everything_once(
    run: Run, clock: Clock, connect: Any, name: str, seed: int
) -> None:
    check_merges(run, clock, connect, [Fault(name, OFTEN, on=ON.get(name, ""))], seed)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_all_faults_together_merge_everything_once(run: Run, clock: Clock, connect: Any, seed: int) -> None:
    check_merges(run, clock, connect, TOGETHER, seed, **UNEVEN)


def check_merges(run: Run, clock: Clock, connect: Any, faults: list[Fault], seed: int, **settings: Any) -> None:
    companies = MANY[: len(MANY) * 4 // 5]
    with opened(clock, connect, companies, **settings) as (sandbox, close):
        put_beforehand(close, companies)
        time.sleep(LONGEST_LAG)
        before = shown(close)
        with sandbox.troubled(faults, seed):
            run_until_done(run)
        run_after_late_arrivals(run)
        check_merged(shown(close), companies, before)


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("name", [name for name in FAULTS if name not in ("404-passing", "doubled-answer")])
def test_a_field_whose_creation_fails_often_is_made_once(
    run: Run, clock: Clock, connect: Any, name: str, seed: int
) -> None:
    with opened(clock, connect, COMPANIES[:3]) as (sandbox, close):
        with sandbox.troubled([Fault(name, 0.3, on=FIELDS)], seed):
            run_until_done(run)
        run_after_late_arrivals(run)
        check_made(shown(close), COMPANIES[:3])


# Looked for before anything ------------------------------------------------------------------------------------------


def test_what_was_carried_out_is_never_sent_again(run: Run, clock: Clock, connect: Any) -> None:
    with opened(clock, connect, COMPANIES) as (sandbox, close):
        with sandbox.troubled([Fault("drop-after", 0.2, on=LEADS)]):
            (ran,) = run_until_done(run)
        assert requests_for(sandbox, "POST /lead/") == len(COMPANIES)
        assert sum("answer was lost" in line["reason"] for line in lines(ran.json["files"]["imported"])) >= 5
        check_made(shown(close), COMPANIES)


def test_what_was_not_carried_out_is_sent_again_after_a_look_that_came_late_enough(
    run: Run, clock: Clock, connect: Any
) -> None:
    seen: list[tuple[float, str, str]] = []

    def note(request: HttpRequest, answer: Answer) -> Reply | None:
        name = name_sent(request)
        seen.append((clock(), request.path.removeprefix("/api/v1"), name))
        return answer(request)

    with opened(clock, connect, COMPANIES) as (sandbox, close):
        sandbox.watch = note
        with sandbox.troubled([Fault("drop-before", on=LEADS, times=5)]):
            run_until_done(run)
        assert requests_for(sandbox, "POST /lead/") == len(COMPANIES) + 5
        sendings = defaultdict(list)
        for moment, _, name in seen:
            sendings[name].append(moment)
        twice = [moments for name, moments in sendings.items() if name and len(moments) > 1]
        assert [len(moments) for moments in twice] == [2] * 5
        for first, second in twice:
            for where in ("/data/search/", "/event/"):
                assert any(first + 4 < moment < second for moment, path, _ in seen if path == where)
        check_made(shown(close), COMPANIES)


def test_an_index_that_stands_still_leaves_a_lead_undetermined_until_it_moves(
    run: Run, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect, COMPANIES) as (sandbox, close):
        sandbox.freeze_index()
        with sandbox.troubled([Fault("drop-before", on=LEADS, times=3)]):
            ran = run(*IMPORT)
        check_sums(ran)
        assert (ran.code, ran.json["leads"]["undetermined"]) == (5, 3)
        assert ran.json["leads"]["created"] == len(COMPANIES) - 3 == sandbox.report()["leads"]
        assert requests_for(sandbox, "POST /lead/") == len(COMPANIES)
        assert "Run the same command again" in ran.err
        sandbox.thaw_index()
        again = run(*IMPORT)
        assert (again.code, again.json["leads"]["created"]) == (0, 3)
        check_made(shown(close), COMPANIES)


def test_the_event_log_shows_what_an_index_that_stands_still_does_not(run: Run, clock: Clock, connect: Any) -> None:
    with opened(clock, connect, COMPANIES) as (sandbox, close):
        sandbox.freeze_index()
        with sandbox.troubled([Fault("drop-after", on=LEADS, times=3)]):
            ran = run(*IMPORT)
        assert (ran.code, ran.json["leads"]["created"]) == (0, len(COMPANIES))
        assert requests_for(sandbox, "POST /lead/") == len(COMPANIES)
        sandbox.thaw_index()
        check_made(shown(close), COMPANIES)


def test_a_key_that_shows_between_two_searches_is_no_reason_for_another_lead(
    run: Run, clock: Clock, connect: Any
) -> None:
    """The first search asks for the keys, and the index shows them only when the second one asks for the names."""
    companies = COMPANIES[:4]
    with opened(clock, connect, companies) as (sandbox, close):
        put_beforehand(close, companies)
        before = shown(close)
        searches: list[str] = []

        def thaw_at_the_second(request: HttpRequest, answer: Answer) -> Reply | None:
            if request.path.endswith("/data/search/"):
                searches.append(request.path)
                if len(searches) == 2:
                    sandbox.thaw_index()
            return answer(request)

        sandbox.freeze_index()
        assert run(*IMPORT).json["leads"]["updated"] == len(companies)
        Path("output_data/journal.sqlite").unlink()
        time.sleep(LAG + 0.1)
        sandbox.watch = thaw_at_the_second
        again = run(*IMPORT)
        assert (again.code, again.json["leads"]["unchanged"]) == (0, len(companies))
        check_merged(shown(close), companies, before)


# Doubles: a request that was lost is carried out after all, late ------------------------------------------------------


class LateLead:
    """The first lead that is sent gets stuck on its way, and arrives `before` or `after` it was sent again, or when
    `carry_out` is called."""

    def __init__(self, sandbox: Watched, arrives: str) -> None:
        self.arrives = arrives
        self.name = ""
        self.late_id = self.other_id = ""
        self._carry_out: Callable[[], None] = lambda: None
        self.touch: Callable[[], None] = lambda: None
        sandbox.watch = self._meddle

    def carry_out(self) -> None:
        """Let the first request arrive, unless it has."""
        if not self.late_id:
            self._carry_out()

    def _meddle(self, request: HttpRequest, answer: Answer) -> Reply | None:
        name = name_sent(request)
        if name and not self.name:
            self.name = name
            self._carry_out = lambda: self._arrive(request, answer)
            return None
        if not name or name != self.name:
            return answer(request)
        if self.arrives == "before":
            self.carry_out()
        reply = answer(request)
        assert reply
        self.other_id = json.loads(reply.body)["id"]
        if self.arrives == "after":
            self.carry_out()
            self.touch()
        return reply

    def _arrive(self, request: HttpRequest, answer: Answer) -> None:
        reply = answer(request)
        assert reply
        self.late_id = json.loads(reply.body)["id"]


@pytest.mark.parametrize("arrives", ["before", "after"])
def test_a_lead_that_arrives_late_is_removed_while_the_command_waits(
    run: Run, clock: Clock, connect: Any, arrives: str
) -> None:
    companies = COMPANIES[:30]
    with opened(clock, connect, companies) as (sandbox, close):
        late = LateLead(sandbox, arrives)
        ran = run(*IMPORT)
        check_sums(ran)
        assert (ran.code, ran.json["leads"]["created"]) == (0, len(companies))
        held = shown(close)
        check_made(held, companies)
        stays, goes = (late.late_id, late.other_id) if arrives == "before" else (late.other_id, late.late_id)
        assert stays in held.leads
        assert goes not in held.leads
        assert {line["lead id"] for line in lines(ran.json["files"]["imported"])} == held.leads.keys()
        again = run(*IMPORT)
        assert (again.code, again.json["leads"]["unchanged"]) == (0, len(companies))


@pytest.mark.parametrize("is_shown", [True, False])
def test_a_lead_that_arrives_late_is_removed_by_the_next_run_where_this_one_was_cut_off(
    run: Run, clock: Clock, connect: Any, is_shown: bool
) -> None:
    companies = COMPANIES[:30]
    with opened(clock, connect, companies) as (sandbox, close):
        late = LateLead(sandbox, "between the runs")
        meddle = sandbox.watch

        def cut_off_after_it_was_sent_again(request: HttpRequest, answer: Answer) -> Reply | None:
            return None if late.other_id else meddle(request, answer)

        sandbox.watch = cut_off_after_it_was_sent_again
        first = run(*IMPORT)
        check_sums(first)
        assert first.code == 5
        sandbox.watch = lambda request, answer: answer(request)
        time.sleep(LAG + 0.1)
        late.carry_out()
        time.sleep(LAG + 0.1 if is_shown else 0)
        assert sandbox.report()["leads"] == len(companies) + 1
        again = run(*IMPORT)
        check_sums(again)
        assert again.code == 0
        held = shown(close)
        check_made(held, companies)
        assert late.other_id in held.leads


@pytest.mark.parametrize("by", ["a note", "a value"])
def test_a_double_that_somebody_touched_stays_and_is_reported(run: Run, clock: Clock, connect: Any, by: str) -> None:
    companies = COMPANIES[:30]
    with opened(clock, connect, companies) as (sandbox, close):
        late = LateLead(sandbox, "after")

        def touch() -> None:
            if by == "a note":
                close.made("/activity/note/", lead_id=late.late_id, note="Called them")
            else:
                assert close.put(f"/lead/{late.late_id}/", json={"description": "Ours"}).status_code == 200

        late.touch = touch
        ran = run(*IMPORT)
        check_sums(ran)
        assert ran.code == 4
        links = [close.get(f"/lead/{lead_id}/").json()["html_url"] for lead_id in (late.late_id, late.other_id)]
        reasons = {line["reason"] for line in lines(ran.json["files"]["imported"]) if line["company"] == late.name}
        (reason,) = reasons
        assert all(link in reason for link in links)
        assert sandbox.report()["leads"] == len(companies) + 1
        again = run(*IMPORT)
        assert again.code == 4
        assert sandbox.report()["leads"] == len(companies) + 1
