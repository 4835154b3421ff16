"""`qualify --from-close` that is killed at any instant: run again, each lead has one status and one note for it.

Lists of notes lag as search does, which Close does not promise to be otherwise. Each seed has a sandbox, a folder and
processes of its own. SOAK_KILLS=200 in the environment runs more of them (`make soak`).
"""

import json
import random
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.checks import tail
from tests.killing import KILLED, KILLS, TIME_LIMIT, Command, Deadly, Death, all_begun, fork_server
from tests.raw_close import RawClose

SEEDS = max(6, KILLS // 2)
LAG = 2.0  # seconds of the sandbox's index and of its lists of notes; the command is told a little more
QUALIFY = ("qualify", "--from-close", "--note-missing-id", "--index-lag", "4", "--json")
PATIENT = (*QUALIFY, "--index-lag", "10")  # its first look is long before its last one
NO_IDS = {7: "", 17: "a b", 27: " ", 37: "no/id", 47: "x" * 65}  # by number of the lead; what stands there instead
IDS = [NO_IDS.get(number, str(1000 + number)) for number in range(50)]
REQUESTS, WRITES = 430, 115  # that one run without a death makes, about
MOST_RUNS = 5
INCOMPLETE = 4  # for there are people whom nobody can decide on, and leads without an id


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    with fork_server():
        yield


def status_wanted(person_id: str) -> str:
    """Where a lead with this id ends, by the rules of the sandbox's checks."""
    last = tail(person_id) % 10
    if person_id in NO_IDS.values() or last == 8:
        return "To qualify"
    return "Prospect" if last not in (0, 9) and 50 + tail(person_id) % 51 > 60 else "Not eligible"


# Close, and what is on disk ------------------------------------------------------------------------------------------


def make_leads(close: RawClose) -> dict[str, str]:
    """Fifty leads that wait, with all that `qualify` needs: what stands in the field for ids, by id of the lead."""
    close.made("/status/lead/", label="Not eligible")
    key = f"custom.{close.made('/custom_field/lead/', name='National ID', type='text')['id']}"
    return {close.made("/lead/", **{"status": "To qualify", key: typed})["id"]: typed for typed in IDS}


def notes_on(close: RawClose, lead_id: str) -> list[str]:
    found = close.get(f"/activity/?lead_id={lead_id}&_type=Note").json()["data"]
    return [note["note"] for note in found]


def moves_of(close: RawClose, lead_id: str) -> int:
    return len(close.get(f"/activity/?lead_id={lead_id}&_type=LeadStatusChange").json()["data"])


def trail(folder: Path) -> list[Any]:
    """The verdicts in the trail; a line that the kill cut in half is none."""
    path = folder / "output_data" / "qualifications.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def write_backs(folder: Path) -> list[tuple[str, str]]:
    """The state of each verdict that the journal holds, and the person whom it is on, "" for a lead without an id."""
    path = folder / "output_data" / "journal.sqlite"
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as database:
        try:
            rows = database.execute("SELECT state, verdict FROM verdicts").fetchall()
        except sqlite3.OperationalError:  # killed before it had tables
            return []
    return [(state, json.loads(verdict)["person_id"] if verdict else "") for state, verdict in rows]


# Kills ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Killed:
    """How often a command was killed before it came to its end, and in which states the kills left verdicts."""

    times: int
    states: Counter[str]


def deaths_of(seed: int) -> list[Death]:
    """One death at any request or, every other time, at any write; often another one while the rest is written."""
    draw = random.Random(seed + 3000)
    is_any = seed % 2 == 0
    first = Death.at_random(draw, REQUESTS if is_any else WRITES, counts_reads=is_any)
    second = Death.at_random(draw, 60, counts_reads=True)
    return [first, second] if seed % 3 else [first]


def killed_and_run_again(folder: Path, sandbox: Deadly, deaths: Sequence[Death]) -> Killed:
    """Run the command until it comes to its end; whoever is in the journal must not be asked about again."""
    states = Counter[str]()
    for attempt in range(MOST_RUNS):
        decided = {person for _, person in write_backs(folder) if person}
        asked = Counter(line["person_id"] for line in trail(folder))
        command = Command(folder, sandbox, QUALIFY)
        sandbox.doom(command, deaths[attempt] if attempt < len(deaths) else None)
        ended = command.wait()
        sandbox.doom(command, None)
        asked_by_now = Counter(line["person_id"] for line in trail(folder))
        assert {person: asked_by_now[person] for person in decided} == {person: asked[person] for person in decided}
        if ended.code != KILLED:
            assert ended.code == INCOMPLETE, ended.err
            sandbox.at_rest.wait()
            return Killed(attempt, states)
        states += Counter(state for state, _ in write_backs(folder))
    raise AssertionError(f"not at its end after {MOST_RUNS} runs")


def check_qualify(folder: Path, seed: int) -> Killed:
    """Fifty leads: each must be where its person belongs, with the notes that this takes."""
    with Deadly(index_lag=LAG, list_lag=LAG) as sandbox, RawClose(sandbox) as close:
        leads = make_leads(close)
        sandbox.put_clock_forward(LAG)
        seen = killed_and_run_again(folder, sandbox, deaths_of(seed))
        sandbox.put_clock_forward(LAG)
        verdicts = {line["attempt_id"]: line for line in trail(folder)}
        for lead_id, typed in leads.items():
            check_lead(close, lead_id, typed, verdicts)
        assert {state for state, _ in write_backs(folder)} == {"finished"}
        return seen


def check_lead(close: RawClose, lead_id: str, typed: str, verdicts: dict[str, Any]) -> None:
    """The lead has the right status and the right note, and the trail knows the attempt that the note names."""
    wanted = status_wanted(typed)
    notes = notes_on(close, lead_id)
    is_moved = wanted != "To qualify"
    assert close.get(f"/lead/{lead_id}/").json()["status_label"] == wanted, typed
    assert len(notes) == (is_moved or typed in NO_IDS.values()), (typed, notes)
    assert moves_of(close, lead_id) == is_moved, typed
    if is_moved:
        (attempt_id,) = re.findall(r"^Attempt: (q-[0-9a-f]{16})$", notes[0], re.MULTILINE)
        verdict = verdicts[attempt_id]
        assert verdict["person_id"] == typed
        assert verdict["outcome"] == ("prospect" if wanted == "Prospect" else "not_prospect")
    elif notes:
        assert "could not be qualified" in notes[0]


# A kill whose request Close carries out when the next process has looked for it once already --------------------------

NOTES = "GET /api/v1/activity/"


def check_late(folder: Path, seed: int) -> Killed:
    """A note is on its way when the process dies, and arrives when the next one has looked for it once already."""
    with Deadly(list_lag=LAG) as sandbox, RawClose(sandbox) as close:
        close.made("/status/lead/", label="Not eligible")
        key = f"custom.{close.made('/custom_field/lead/', name='National ID', type='text')['id']}"
        typed = ("123", "")[seed]
        lead_id = close.made("/lead/", **{"status": "To qualify", key: typed})["id"]
        death = Death(1, "late", seconds=0.05, on="POST /api/v1/activity/note/", until=NOTES)
        command = Command(folder, sandbox, PATIENT)
        sandbox.doom(command, death)
        assert command.wait().code == KILLED
        sandbox.doom(command, None)
        ended = Command(folder, sandbox, PATIENT).wait()
        sandbox.at_rest.wait()
        assert ended.code == (0, INCOMPLETE)[seed], ended.err
        sandbox.put_clock_forward(LAG)
        assert len(notes_on(close, lead_id)) == 1
        assert close.get(f"/lead/{lead_id}/").json()["status_label"] == ("Prospect", "To qualify")[seed]
        return Killed(1, Counter())


Check = Callable[[Path, int], Killed]
Started = dict[Check, list[Future[Killed]]]
CHECKS: dict[Check, int] = {check_late: 2, check_qualify: SEEDS}


@pytest.fixture(autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in that outlasts each test: in it begin the processes of seeds that others wait for."""
    monkeypatch.chdir(tmp_path_factory.getbasetemp())
    return tmp_path_factory.getbasetemp()


@pytest.fixture(scope="module")
def started(server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """What each seed of each check comes to."""
    with all_begun(tmp_path_factory.mktemp("killed_qualify"), CHECKS) as begun:
        yield begun


@pytest.mark.timeout(TIME_LIMIT)
def test_a_qualification_that_is_killed_and_run_again_writes_each_verdict_once(started: Started) -> None:
    seen = [seed.result() for seed in started[check_qualify]]
    assert sum(each.times > 0 for each in seen) >= len(seen) * 0.8
    assert sum(each.times > 1 for each in seen) >= len(seen) // 5
    cut_off = [each.states["decided"] + each.states["noting"] + each.states["noted"] for each in seen]
    assert sum(number > 0 for number in cut_off) >= len(seen) // 2  # or else nothing is shown of what is cut off


@pytest.mark.timeout(TIME_LIMIT)
def test_a_note_that_close_adds_just_after_the_kill_is_not_written_again(started: Started) -> None:
    assert [seed.result().times for seed in started[check_late]] == [1, 1]
