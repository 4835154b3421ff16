"""A process that is killed at any instant: the same command, run again, leaves each lead and each contact once.

Each seed has a sandbox, a folder and processes of its own, and most of its time it waits for the index; so many seeds
run at the same time. SOAK_KILLS=200 in the environment runs more of them (`make soak`).
"""

import json
import random
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox import Sandbox
from sandbox.close import PREFIX
from sandbox.wire import HttpRequest, Reply
from tests.companies import (
    Company,
    Held,
    check_made,
    check_merged,
    company,
    held_by,
    put_beforehand,
    write_companies,
)
from tests.killing import KILLED, KILLS, TIME_LIMIT, Command, Deadly, Death, Ended, all_begun, fork_server
from tests.patience import STUCK, wait_until
from tests.raw_close import RawClose
from tests.watched import Answer, Watched

COMPANIES = [company(number) for number in range(120)]  # more than are looked up with one request
LAG = 1.0  # seconds of the sandbox's index; the command is told more
IMPORT = ("import", "leads.csv", "--index-lag", "1.5", "--json")
PATIENT = ("import", "leads.csv", "--index-lag", "5", "--json")  # its first look is long before its last one
MOST_ATTEMPTS = 5


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    with fork_server():
        yield


@dataclass(frozen=True)
class Killed:
    """What was seen of a command that was killed until it came to its end: how often it was killed, and in the middle
    of what, by the journal: requests that were sent and whose answer was not noted; and what the last one said."""

    times: int
    done: int
    unanswered: int
    ended: Ended


def killed_and_run_again(folder: Path, sandbox: Deadly, argv: Sequence[str], deaths: Sequence[Death]) -> Killed:
    """Run a command as often as it takes, killed by one death after the other."""
    killed = done = unanswered = 0
    for attempt in range(MOST_ATTEMPTS):
        death = deaths[attempt] if attempt < len(deaths) else None
        command = Command(folder, sandbox, argv)
        sandbox.doom(command, death)
        ended = command.wait()
        sandbox.doom(command, None)
        if ended.code == KILLED:
            killed += 1
            done, unanswered = (max(pair) for pair in zip(noted(folder), (done, unanswered), strict=True))
        else:
            assert ended.code == 0, ended.err
            sandbox.at_rest.wait()
            return Killed(killed, done, unanswered, ended)
    raise AssertionError(f"not at its end after {MOST_ATTEMPTS} attempts")


def noted(folder: Path) -> tuple[int, int]:
    """How many leads and changes the journal holds with an answer, and how many without."""
    path = folder / "output_data" / "journal.sqlite"
    if not path.exists():
        return 0, 0
    with closing(sqlite3.connect(path)) as database:
        try:
            states = [
                state for table in ("leads", "changes") for (state,) in database.execute(f"SELECT state FROM {table}")
            ]
        except sqlite3.OperationalError:  # killed before it had tables
            return 0, 0
    lost = sum(state in ("sending", "undoing") for state in states)
    return len(states) - lost, lost


def check_aim(seen: Sequence[Killed]) -> None:
    """The kills must have struck, in the middle of the sending and with answers under way, or nothing is shown.

    Not each of them does: on a busy machine a command may have ended just before.
    """
    assert sum(each.times > 0 for each in seen) >= len(seen) * 0.8
    assert sum(each.times > 1 for each in seen) >= len(seen) // 10
    assert sum(0 < each.done < len(COMPANIES) for each in seen) >= len(seen) / 4
    assert sum(each.unanswered > 0 for each in seen) >= len(seen) / 4


@contextmanager
def opened(folder: Path, companies: Sequence[Company]) -> Iterator[tuple[Deadly, RawClose]]:
    """A sandbox with a session, and a folder with the file of these companies."""
    write_companies(folder / "leads.csv", companies)
    with Deadly(index_lag=LAG) as sandbox, RawClose(sandbox) as close:
        yield sandbox, close


def shown(sandbox: Deadly, close: RawClose) -> Held:
    """What Close holds, once its lists show everything."""
    sandbox.put_clock_forward(LAG)
    return held_by(close)


def deaths_of(seed: int, writes: int, first_writes: int = 0) -> list[Death]:
    """At least one death in the middle of so many writes, every fifth time while the first ones are made; often a
    second death, while the rest is planned, looked for and sent."""
    draw = random.Random(seed)
    first = Death.at_random(draw, first_writes if first_writes and seed % 5 == 0 else writes)
    second = Death.at_random(draw, 60, counts_reads=True)
    return [first, second] if seed % 2 else [first]


# What is killed ------------------------------------------------------------------------------------------------------


def check_import(folder: Path, seed: int) -> Killed:
    """New leads: each must be there once, and whole."""
    with opened(folder, COMPANIES) as (sandbox, close):
        seen = killed_and_run_again(folder, sandbox, IMPORT, deaths_of(seed, writes=124, first_writes=6))
        assert sandbox.report()["leads"] == len(COMPANIES)
        check_made(shown(sandbox, close), COMPANIES)
        check_sums(seen.ended)
        return seen


def check_merges(folder: Path, seed: int) -> Killed:
    """Leads that are there: what the file has must be added once, and the rest stay as it was."""
    with opened(folder, COMPANIES) as (sandbox, close):
        put_beforehand(close, COMPANIES)
        before = shown(sandbox, close)
        seen = killed_and_run_again(folder, sandbox, IMPORT, deaths_of(seed + 1000, writes=213, first_writes=5))
        assert sandbox.report()["leads"] == len(COMPANIES)
        check_merged(shown(sandbox, close), COMPANIES, before)
        check_sums(seen.ended)
        return seen


def check_undo(folder: Path, seed: int) -> Killed:
    """40 leads that were made and 20 that were filled: all must be as before."""
    companies = COMPANIES[:60]
    with opened(folder, companies) as (sandbox, close):
        put_beforehand(close, companies[:20])
        before = shown(sandbox, close)
        assert Command(folder, sandbox, IMPORT).wait().code == 0
        undo = ("undo", "last", "--index-lag", "1.5", "--json")
        seen = killed_and_run_again(folder, sandbox, undo, deaths_of(seed + 2000, writes=75))
        assert sandbox.report()["leads"] == 20
        after = shown(sandbox, close)
        assert (after.leads, after.contact_ids) == (before.leads, before.contact_ids)
        assert json.loads(seen.ended.out)["left"] == []
        return seen


SCHEMA, READING = f"GET {PREFIX}/custom_field_schema/", f"GET {PREFIX}/lead/"
LATE = [  # which request, the how manieth, what the next process asks before it arrives, whether the lead is there
    *((f"POST {PREFIX}/custom_field/", number, SCHEMA, False) for number in (1, 2, 3, 4)),
    (f"POST {PREFIX}/lead/", 1, f"GET {PREFIX}/event/", False),
    (f"POST {PREFIX}/contact/", 1, READING, True),
    (f"PUT {PREFIX}/contact/", 1, READING, True),
    (f"PUT {PREFIX}/lead/", 1, READING, True),
]


def check_late(folder: Path, seed: int) -> Killed:
    """A request is on its way when the process dies, and arrives when the next one has looked for it once already."""
    companies = COMPANIES[10:11]
    on, number, until, is_there = LATE[seed]
    with opened(folder, companies) as (sandbox, close):
        before = Held()
        if is_there:
            put_beforehand(close, companies)
            before = shown(sandbox, close)
        deaths = [Death(number, "late", seconds=0.05, on=on, until=until)]
        seen = killed_and_run_again(folder, sandbox, PATIENT, deaths)
        if is_there:
            check_merged(shown(sandbox, close), companies, before)
        else:
            check_made(shown(sandbox, close), companies)
        return seen


def check_sums(ended: Ended) -> None:
    """Every row must have ended in one outcome, and none in one that is not good."""
    rows = json.loads(ended.out)["rows"]
    assert rows.pop("total") == sum(rows.values()) == sum(len(each.rows) for each in COMPANIES)
    assert sum(rows[name] for name in ("created", "updated", "unchanged")) == sum(rows.values())


Check = Callable[[Path, int], Killed]
Started = dict[Check, list[Future[Killed]]]
CHECKS: Mapping[Check, int] = {
    check_late: len(LATE),
    check_merges: KILLS,
    check_import: KILLS,
    check_undo: (KILLS + 3) // 4,
}


@pytest.fixture(autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in that outlasts each test: in it begin the processes of seeds that others wait for."""
    monkeypatch.chdir(tmp_path_factory.getbasetemp())
    return tmp_path_factory.getbasetemp()


@pytest.fixture(scope="module")
def started(server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """What each seed of each check comes to."""
    with all_begun(tmp_path_factory.mktemp("killed"), CHECKS) as begun:
        yield begun


@pytest.mark.timeout(TIME_LIMIT)
def test_merges_that_are_killed_and_run_again_add_everything_once(started: Started) -> None:
    check_aim([seed.result() for seed in started[check_merges]])


@pytest.mark.timeout(TIME_LIMIT)
def test_an_import_that_is_killed_and_run_again_makes_each_lead_once(started: Started) -> None:
    check_aim([seed.result() for seed in started[check_import]])


@pytest.mark.timeout(TIME_LIMIT)
def test_an_undo_that_is_killed_and_run_again_leaves_close_as_it_was(started: Started) -> None:
    seen = [seed.result() for seed in started[check_undo]]
    assert sum(each.times > 0 for each in seen) >= len(seen) * 0.8


@pytest.mark.timeout(TIME_LIMIT)
def test_what_close_carries_out_just_after_the_kill_is_not_sent_again(started: Started) -> None:
    assert [seed.result().times for seed in started[check_late]] == [1] * len(LATE)


# Ctrl-C --------------------------------------------------------------------------------------------------------------


def test_ctrl_c_lets_what_is_in_flight_be_finished_and_says_how_to_carry_on(tmp_path: Path) -> None:
    write_companies(tmp_path / "leads.csv", COMPANIES)
    with Sandbox(latency=0.03) as sandbox, RawClose(sandbox) as close:
        command = Command(tmp_path, sandbox, IMPORT)
        wait_until(lambda: sandbox.report()["leads"] >= 20)
        command.send(signal.SIGINT)
        ended = command.wait()
        leads = json.loads(ended.out)["leads"]
        assert ended.code == 130
        assert leads["created"] == sandbox.report()["leads"] < len(COMPANIES)
        assert leads["created"] + leads["skipped"] == len(COMPANIES)
        assert noted(tmp_path) == (leads["created"], 0)
        assert "Ctrl-C again to quit immediately" in ended.err
        assert ended.err.endswith(f"continue: python main.py {' '.join(IMPORT)}\n")
        again = Command(tmp_path, sandbox, IMPORT).wait()
        assert (again.code, json.loads(again.out)["leads"]["unchanged"]) == (0, leads["created"])
        assert "Continuing the unfinished run" in again.err
        check_made(held_by(close), COMPANIES)


@pytest.mark.timeout(TIME_LIMIT)
def test_a_second_ctrl_c_leaves_at_once(tmp_path: Path) -> None:
    write_companies(tmp_path / "leads.csv", COMPANIES)
    at_once = 8
    has_left = threading.Event()

    def answer_once_it_has_left(request: HttpRequest, answer: Answer) -> Reply | None:
        reply = answer(request)
        if f"{request.method} {request.path}" == f"POST {PREFIX}/lead/":
            has_left.wait(STUCK)
        return reply

    with Watched() as sandbox, RawClose(sandbox) as close:
        sandbox.watch = answer_once_it_has_left
        command = Command(tmp_path, sandbox, [*IMPORT, "--workers", str(at_once)])
        wait_until(lambda: sandbox.report()["leads"] == at_once)
        command.send(signal.SIGINT)
        wait_until(lambda: "Ctrl-C again" in command.said_so_far())
        command.send(signal.SIGINT)
        ended = command.wait()
        assert (ended.code, ended.out, noted(tmp_path)) == (130, "", (0, at_once))
        has_left.set()
        again = Command(tmp_path, sandbox, IMPORT).wait()
        assert (again.code, json.loads(again.out)["leads"]["created"]) == (0, len(COMPANIES))
        check_made(held_by(close), COMPANIES)
