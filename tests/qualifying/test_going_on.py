"""A list with a time limit: the same command goes on where it ended, until everybody on the list is decided on."""

import json
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox import Sandbox
from tests.conftest import Ran, Run, Serve, trail_lines
from tests.misbehaving import REFUSING_ID, Asked, Misbehaving, Way, said, unknown, with_status
from tests.raw_close import RawClose
from tests.waiting_leads import Waiting

PEOPLE = tuple(str(number) for number in range(501, 541))
FEW = PEOPLE[:3]


@pytest.fixture
def waiting(connected: Sandbox) -> Iterator[Waiting]:
    with RawClose(connected) as close:
        yield Waiting(close)


class Hours:
    """Services of which the registry answers the first few people of each run, and then the time is over."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, server: Misbehaving) -> None:
        self.server = server
        self.each_run = 10
        self.ways: dict[str, Way] = {}
        self._gone = 0.0
        self._answered = 0
        real = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: real() + self._gone)
        server.ways["registry"] = self._answer

    def _answer(self, asked: Asked) -> Iterator[bytes]:
        yield from self.ways.get(asked.person_id, lambda asked: [said(asked.proper)])(asked)
        self._answered += 1
        self._gone += 3600 * (self._answered == self.each_run)

    def run(self, run: Run, *argv: str) -> Ran:
        self._answered = 0
        # With one worker, no score is on its way at the moment when the time is over.
        return run("qualify", *argv, "--deadline", "30", "--workers", "1", "--json")

    def asked(self, person_id: str) -> int:
        """How often the registry was asked about somebody."""
        return self.server.heard.people["registry", person_id]


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch, serve: Serve) -> Hours:
    return Hours(monkeypatch, serve())


def decided(ran: Ran) -> list[str]:
    return [verdict["person_id"] for verdict in ran.json if verdict["outcome"] != "undetermined"]


@pytest.mark.parametrize("source", ["ids", "file"])
def test_the_end_of_a_list_is_reached_and_nobody_decided_on_is_asked_again(
    run: Run, hours: Hours, folder: Path, source: str
) -> None:
    (folder / "people.csv").write_text("\n".join(["id", *PEOPLE]), encoding="utf-8")
    people = PEOPLE if source == "ids" else ("--file", "people.csv")
    known: list[str] = []
    for _ in range(12):
        ran = hours.run(run, *people)
        assert [verdict["person_id"] for verdict in ran.json] == list(PEOPLE)
        assert set(known) < set(decided(ran))
        known = decided(ran)
        if ran.code == 0:
            break
        unasked = int(re.findall(r"--deadline 30 ran out: (\d+) p", ran.err)[0])
        assert len(PEOPLE) - len(known) - 2 <= unasked <= len(PEOPLE) - len(known)
        assert (ran.code, "Run the same command again" in ran.err) == (4, True)
    assert known == list(PEOPLE)
    assert {hours.server.heard.people["score", person_id] for person_id in PEOPLE} == {1}
    again = hours.run(run, *people)
    assert (again.code, again.json) == (0, ran.json)
    assert "An earlier run decided on 40 people, the first at 20" in again.err
    assert "add --again" in again.err


@pytest.mark.parametrize("number", [10, 20])
def test_people_who_were_never_asked_come_before_those_whom_a_service_always_fails(
    run: Run, hours: Hours, number: int
) -> None:
    stuck, others = PEOPLE[:number], PEOPLE[number:]
    hours.ways = dict.fromkeys(stuck, lambda asked: [said({})])
    for _ in range(16):
        ran = hours.run(run, *PEOPLE)
    assert decided(ran) == list(others)
    assert {hours.server.heard.people["score", person_id] for person_id in others} == {1}


def test_what_an_earlier_run_left_is_on_disk_before_it_is_shown(
    run: Run, hours: Hours, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was killed may have written its last verdict without waiting for the disk."""
    assert hours.run(run, *FEW).code == 0
    (trail,) = folder.rglob("qualifications.jsonl")
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.path.samestat(os.fstat(number), trail.stat())))
    assert hours.run(run, *FEW).code == 0
    assert (synced, hours.asked(FEW[0])) == ([True], 1)


def test_everybody_is_asked_anew_where_that_is_wanted(run: Run, hours: Hours) -> None:
    hours.each_run = 0
    for flags, times in (((), 1), ((), 1), (("--again",), 2)):
        ran = hours.run(run, *FEW, *flags)
        assert (ran.code, [hours.asked(person_id) for person_id in FEW]) == (0, [times] * 3)


@pytest.mark.parametrize(
    "flags", [("--threshold", "50"), ("--allow-key", "note"), ("--random-score",)], ids=lambda flags: flags[0]
)
def test_what_another_rule_decided_does_not_count(run: Run, hours: Hours, flags: tuple[str, ...]) -> None:
    hours.each_run = 0
    hours.run(run, *FEW)
    hours.run(run, *FEW, *flags)
    assert [hours.asked(person_id) for person_id in FEW] == [2] * 3


def test_another_list_and_other_services_are_asked_anew(run: Run, hours: Hours, serve: Serve) -> None:
    hours.each_run = 0
    hours.run(run, *FEW)
    hours.run(run, *FEW, "550")
    assert [hours.asked(person_id) for person_id in FEW] == [2] * 3
    other = serve()
    run("qualify", *FEW, "--deadline", "30")
    assert other.heard.requests["registry"] == 3


def test_without_a_time_limit_everybody_is_asked(run: Run, hours: Hours) -> None:
    hours.each_run = 0
    hours.run(run, *FEW)
    assert run("qualify", *FEW).code == 0
    assert [hours.asked(person_id) for person_id in FEW] == [2] * 3


def test_what_a_service_said_of_everybody_is_asked_again(run: Run, hours: Hours) -> None:
    hours.each_run = 0
    hours.ways = dict.fromkeys(PEOPLE[:4], unknown)
    hours.run(run, *PEOPLE[:4])
    hours.run(run, *PEOPLE[:4])
    assert [hours.asked(person_id) for person_id in PEOPLE[:4]] == [2] * 4


def test_an_id_that_a_service_refuses_is_not_asked_about_again(run: Run, hours: Hours) -> None:
    hours.each_run = 0
    hours.ways[FEW[0]] = REFUSING_ID["400 Bad Request"]
    for _ in range(2):
        ran = hours.run(run, *FEW)
        assert (ran.code, decided(ran), hours.asked(FEW[0])) == (4, list(FEW[1:]), 1)


def test_a_list_with_pseudonyms_goes_on_too(
    run: Run, hours: Hours, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours.each_run = 0
    monkeypatch.setenv("REDACT_KEY", "secret")
    for _ in range(2):
        assert hours.run(run, *FEW, "--redact").code == 0
    assert [hours.asked(person_id) for person_id in FEW] == [1] * 3
    monkeypatch.setenv("REDACT_KEY", "another")
    hours.run(run, *FEW, "--redact")
    assert len({line["list_id"] for line in trail_lines(folder)}) == 2


def test_a_line_of_the_trail_that_somebody_broke_is_asked_about_again(run: Run, hours: Hours, folder: Path) -> None:
    hours.each_run = 0
    hours.run(run, *FEW)
    trail = folder / "output_data" / "qualifications.jsonl"
    first, *others = trail.read_text(encoding="utf-8").splitlines()
    broken = json.loads(first)
    del broken["checks"]["score"]["status"]
    trail.write_text("\n".join([json.dumps(broken), *others, ""]), encoding="utf-8")
    assert hours.run(run, *FEW).code == 0
    assert sorted(hours.asked(person_id) for person_id in FEW) == [1, 1, 2]


def test_what_was_decided_before_is_written_back_and_only_to_the_lead_it_was_decided_for(
    run: Run, waiting: Waiting, hours: Hours
) -> None:
    hours.each_run = 0
    leads = [waiting.lead(person_id) for person_id in FEW]
    hours.run(run, *FEW)
    assert hours.run(run, *FEW, "--write-back").code == 0
    assert [hours.asked(person_id) for person_id in FEW] == [2] * 3
    assert hours.run(run, *FEW, "--write-back").code == 0
    assert [hours.asked(person_id) for person_id in FEW] == [2] * 3
    assert {waiting.status(lead_id) for lead_id in leads} == {"Prospect"}
    assert {len(waiting.notes(lead_id)) for lead_id in leads} == {1}


def test_the_end_is_reached_too_where_verdicts_are_written_back(run: Run, waiting: Waiting, hours: Hours) -> None:
    leads = [waiting.lead(person_id) for person_id in PEOPLE[:12]]
    hours.each_run = 6
    for _ in range(12):
        ran = hours.run(run, *PEOPLE[:12], "--write-back")
        if ran.code == 0:
            break
        assert (ran.code, "--deadline 30 ran out" in ran.err) == (4, True)
    assert {waiting.status(lead_id) for lead_id in leads} == {"Prospect"}
    assert {len(waiting.notes(lead_id)) for lead_id in leads} == {1}
    assert {hours.server.heard.people["score", person_id] for person_id in PEOPLE[:12]} == {1}


def test_what_a_service_said_earlier_does_not_show_that_it_works_now(run: Run, waiting: Waiting, hours: Hours) -> None:
    leads = [waiting.lead(person_id) for person_id in PEOPLE[:12]]
    hours.each_run = 6
    hours.run(run, *PEOPLE[:12], "--write-back")
    moved = [lead_id for lead_id in leads if waiting.status(lead_id) == "Prospect"]
    hours.each_run = 0
    hours.ways = dict.fromkeys(PEOPLE[:12], unknown)
    ran = hours.run(run, *PEOPLE[:12], "--write-back")
    assert (ran.code, "Check REGISTRY_URL" in ran.err) == (4, True)
    assert {waiting.status(lead_id) for lead_id in leads if lead_id not in moved} == {"To qualify"}


def test_a_verdict_stands_only_for_the_names_that_were_compared(run: Run, waiting: Waiting, hours: Hours) -> None:
    hours.each_run = 0
    hours.ways = dict.fromkeys(FEW, lambda asked: [said({**asked.proper, "name": "Ann Lee"})])
    leads = [waiting.lead(person_id) for person_id in FEW]
    assert hours.run(run, *FEW, "--write-back", "--dry-run").code == 0
    waiting.add_contact(leads[0], "Eve Jones")
    ran = hours.run(run, *FEW, "--write-back")
    assert (ran.code, [verdict["outcome"] for verdict in ran.json]) == (4, ["undetermined", "prospect", "prospect"])
    assert [waiting.status(lead_id) for lead_id in leads] == ["To qualify", "Prospect", "Prospect"]


def test_a_lead_that_a_colleague_moved_after_us_stays_there(run: Run, waiting: Waiting, hours: Hours) -> None:
    hours.each_run = 0
    hours.ways = {FEW[2]: lambda asked: [said({})]}
    leads = [waiting.lead(person_id) for person_id in FEW]
    assert hours.run(run, *FEW, "--write-back").code == 4
    waiting.put_back(leads[0])
    ran = hours.run(run, *FEW, "--write-back")
    assert (ran.code, waiting.status(leads[0]), len(waiting.notes(leads[0]))) == (4, "To qualify", 1)
    assert "it was changed after this result had been written" in ran.err


def test_a_verdict_of_last_week_is_asked_for_again(run: Run, hours: Hours, folder: Path) -> None:
    hours.each_run = 0
    hours.run(run, *FEW)
    trail = folder / "output_data" / "qualifications.jsonl"
    lines = [json.loads(line) for line in trail.read_text(encoding="utf-8").splitlines()]
    for line, days in zip(lines, (1, 8, 100), strict=True):
        line["decided_at"] = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
    trail.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    hours.run(run, *FEW)
    asked = {line["person_id"]: hours.asked(line["person_id"]) for line in lines}
    assert list(asked.values()) == [1, 2, 2]


@pytest.mark.parametrize(
    "broken",
    [
        {"checks": {"registry": {"detail": None}}},
        {"checks": {"registry": {"status": "fine"}}},
        {"checks": {"registry": {"seconds": None}}},
        {"checks": {"registry": {"names": {"ours": 5, "theirs": None}}}},
        {"checks": {"registry": {"status": "failed"}}},
        {"checks": None},
        {"person_id": ["501"]},
        {"decided_at": "2026-11-29T10:00:00"},
        {"decided_at": "2999-01-01T00:00:00+00:00"},
        {"outcome": "not_prospect"},
        {"result": 12},
        {"result": "73"},
        {"threshold": []},
        {"attempt_id": 5},
        {"lead_id": 5},
        {"checks": {"registry": {"compared": [1]}}},
        {"checks": {"registry": {"digest": 5}}},
        {"about": None},
    ],
    ids=str,
)
def test_no_line_of_the_trail_that_somebody_changed_ends_a_run(
    run: Run, hours: Hours, folder: Path, broken: dict[str, Any]
) -> None:
    hours.each_run = 0
    hours.run(run, *FEW)
    trail = folder / "output_data" / "qualifications.jsonl"
    first, *others = trail.read_text(encoding="utf-8").splitlines()
    line = json.loads(first)
    registry = line["checks"]["registry"] | ((broken.get("checks") or {}).get("registry") or {})
    line |= broken
    line["checks"] = broken.get("checks", ...) and {**json.loads(first)["checks"], "registry": registry}
    trail.write_text("\n".join([json.dumps(line), "[" * 100_000, *others, ""]), encoding="utf-8")
    person_id = json.loads(first)["person_id"]
    assert hours.run(run, *FEW).code == 0
    assert hours.asked(person_id) == 2
    assert run("qualify", "--explain", person_id).code == 0


def test_people_whom_a_service_that_kept_failing_was_not_asked_about_come_first(run: Run, hours: Hours) -> None:
    hours.each_run = 0
    hours.ways = dict.fromkeys(PEOPLE[:12], with_status(b"503 Service Unavailable"))
    for _ in range(3):
        ran = hours.run(run, *PEOPLE, "--check-deadline", "0.4")
    assert set(PEOPLE[12:]) <= set(decided(ran))


def test_a_dry_run_is_no_run_to_go_on_with(run: Run, waiting: Waiting, hours: Hours) -> None:
    hours.each_run = 0
    lead_id = waiting.lead(FEW[0])
    for flags in (("--dry-run",), ("--dry-run",), ()):
        assert hours.run(run, FEW[0], "--write-back", *flags).code == 0
    assert (hours.asked(FEW[0]), waiting.status(lead_id)) == (2, "Prospect")
    assert "This was a dry run" not in run("qualify", "--explain", FEW[0]).out


@pytest.mark.parametrize("way", [unknown, REFUSING_ID["400 Bad Request"]], ids=["404", "400"])
def test_what_was_withheld_in_its_own_run_is_asked_again_whatever_other_runs_showed(
    run: Run, waiting: Waiting, hours: Hours, way: Way
) -> None:
    leads = [waiting.lead(person_id) for person_id in PEOPLE[:12]]
    hours.each_run = 6
    hours.run(run, *PEOPLE[:12], "--write-back")
    hours.each_run = 0
    hours.ways = dict.fromkeys(PEOPLE[:12], way)
    assert hours.run(run, *PEOPLE[:12], "--write-back").code == 4
    hours.ways = {}
    assert hours.run(run, *PEOPLE[:12], "--write-back").code == 0
    assert {waiting.status(lead_id) for lead_id in leads} == {"Prospect"}
    assert {len(waiting.notes(lead_id)) for lead_id in leads} == {1}


def test_people_whom_a_registry_does_not_know_do_not_keep_the_others_waiting(run: Run, hours: Hours) -> None:
    hours.ways = dict.fromkeys(PEOPLE[:12], unknown)
    for _ in range(9):
        ran = hours.run(run, *PEOPLE)
    assert set(PEOPLE[12:]) <= set(decided(ran))


def test_a_lead_that_was_left_meanwhile_is_written_by_the_next_run(
    run: Run, waiting: Waiting, hours: Hours, folder: Path
) -> None:
    hours.each_run = 0
    lead_id = waiting.lead(FEW[0])
    (folder / "people.csv").write_text(f"id,name\n{FEW[0]},Ann Lee\n", encoding="utf-8")

    def meddling(asked: Asked) -> Iterator[bytes]:
        waiting.add_contact(lead_id, "ANN LEE")
        yield said(asked.proper)

    hours.ways[FEW[0]] = meddling
    assert "changed in the meantime" in hours.run(run, "--file", "people.csv", "--write-back").err
    hours.ways = {}
    assert hours.run(run, "--file", "people.csv", "--write-back").code == 0
    assert (waiting.status(lead_id), len(waiting.notes(lead_id))) == ("Prospect", 1)


def test_a_run_that_was_stopped_after_a_few_unknown_people_declines_nobody_later(
    run: Run, waiting: Waiting, hours: Hours, folder: Path
) -> None:
    leads = [waiting.lead(person_id) for person_id in PEOPLE[:12]]
    hours.each_run = 0
    hours.ways = dict.fromkeys(PEOPLE[:12], unknown)
    hours.run(run, *PEOPLE[:12], "--write-back")
    trail = folder / "output_data" / "qualifications.jsonl"
    lines = trail.read_text(encoding="utf-8").splitlines(keepends=True)
    trail.write_text("".join(lines[:3]), encoding="utf-8")
    hours.ways = {}
    assert hours.run(run, *PEOPLE[:12], "--write-back").code == 0
    assert {waiting.status(lead_id) for lead_id in leads} == {"Prospect"}


def test_a_lead_whose_move_was_cut_off_and_that_a_colleague_moved_stays_there(
    run: Run, waiting: Waiting, hours: Hours
) -> None:
    hours.each_run = 0
    lead_id = waiting.lead(FEW[0])
    hours.run(run, FEW[0], "--write-back")
    with closing(sqlite3.connect("output_data/journal.sqlite")) as journal, journal:
        journal.execute("UPDATE verdicts SET state = 'noted'")
    waiting.move(lead_id, "Not eligible")
    for _ in range(2):
        ran = hours.run(run, FEW[0], "--write-back")
        assert ([verdict["outcome"] for verdict in ran.json], hours.asked(FEW[0])) == (["prospect"], 1)
        assert (waiting.status(lead_id), len(waiting.notes(lead_id))) == ("Not eligible", 1)
