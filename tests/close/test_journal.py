"""The journal: whatever happens in whatever order, no lead is sent twice unseen, and none is forgotten."""

import contextlib
import multiprocessing
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import main
from close.errors import OutcomeUnknown
from close.journal import (
    Journal,
    JournalBusy,
    JournalFile,
    NoSuchRun,
    OutOfOrder,
    open_journal,
    read_latest_leads,
    read_runs,
)
from close.machine import Disk, Machine
from close_client import CloseClient
from sandbox import Sandbox
from tests.conftest import HEADER, Run
from tests.patience import STUCK

KEYS = ["a", "b", "c"]
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
keys = st.sampled_from(KEYS)


def send(journal: Journal, key: str, moment: datetime = MOMENT) -> None:
    """Note that a lead is about to be sent."""
    journal.note_sending(key, "run-1", "Acme", {"name": "Acme"}, sender="user_1", since=moment, moment=moment)


class JournalStates(RuleBasedStateMachine):
    """Sends, answers, look-ups, crashes and restarts in any order, beside a model of what Close may hold."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.moment = MOMENT
        self.unseen: set[str] = set()  # sent, and nobody knows yet what became of it
        self.there: dict[str, str] = {}  # known to be in Close, with its id
        self.open()

    def open(self) -> None:
        self.stack = contextlib.ExitStack()
        self.file: JournalFile = self.stack.enter_context(open_journal(self.folder / "journal.sqlite"))
        self.journal: Journal = self.file.of("orga_1", "One")

    def teardown(self) -> None:
        self.stack.close()
        shutil.rmtree(self.folder)

    @rule()
    def crash_and_restart(self) -> None:
        self.stack.close()
        self.open()

    @rule(key=keys)
    def send(self, key: str) -> None:
        self.moment += timedelta(seconds=1)
        may_be_there = key in self.unseen or key in self.there
        try:
            send(self.journal, key, self.moment)
        except OutOfOrder:
            assert may_be_there
        else:
            assert not may_be_there
            self.unseen.add(key)

    @precondition(lambda self: self.unseen)
    @rule(data=st.data())
    def get_an_answer(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.unseen)))
        self.there[key] = f"lead_{key}_{self.moment.timestamp():.0f}"
        self.journal.note_created(key, {"id": self.there[key]}, MOMENT)
        self.unseen.remove(key)

    @precondition(lambda self: self.unseen)
    @rule(data=st.data(), was_sent=st.booleans())
    def learn_that_it_is_not_there(self, data: st.DataObject, was_sent: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.unseen)))
        (self.journal.note_absent if was_sent else self.journal.note_not_sent)(key)
        self.unseen.remove(key)

    @precondition(lambda self: self.there)
    @rule(data=st.data(), is_cut_off=st.booleans())
    def undo(self, data: st.DataObject, is_cut_off: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.there)))
        self.journal.note_undoing(key)
        if is_cut_off:
            self.crash_and_restart()
            self.journal.note_undoing(key)
        self.journal.note_undone(key)
        assert self.there.pop(key) in self.journal.deleted()

    @rule(key=keys)
    def answers_from_nowhere_are_refused(self, key: str) -> None:
        if key not in self.unseen:
            with pytest.raises(OutOfOrder):
                self.journal.note_absent(key)
            with pytest.raises(OutOfOrder):
                self.journal.note_not_sent(key)
        if key not in self.there:
            with pytest.raises(OutOfOrder):
                self.journal.note_undoing(key)
            with pytest.raises(OutOfOrder):
                self.journal.note_undone(key)

    @invariant()
    def nothing_is_forgotten(self) -> None:
        held = self.journal.leads(KEYS)
        assert {key for key, lead in held.items() if lead.state == "sending"} == self.unseen
        assert {key: lead.lead_id for key, lead in held.items() if lead.state == "created"} == self.there
        assert all(lead.sends >= 1 for key, lead in held.items() if key in self.unseen | self.there.keys())

    @invariant()
    def another_organisation_knows_nothing_of_it(self) -> None:
        assert self.file.of("orga_2", "Two").leads(KEYS) == {}


TestJournalStates = JournalStates.TestCase
TestJournalStates.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)


# The same with the whole import


class Crash(BaseException):
    """The process is gone."""


FATES = ["answered", "lost before", "lost after", "crash before", "crash after"]


@contextlib.contextmanager
def scripted(fates: Iterator[str]) -> Iterator[None]:
    """Let each lead that is sent meet the next fate."""
    create_lead = CloseClient.create_lead

    def create(client: CloseClient, lead: dict[str, Any], **more: Any) -> dict[str, Any]:
        fate = next(fates, "answered")
        made = create_lead(client, lead, **more) if fate in ("answered", "lost after", "crash after") else {}
        if fate.startswith("crash"):
            raise Crash
        if fate.startswith("lost"):
            raise OutcomeUnknown("the connection broke")
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CloseClient, "create_lead", create)
        yield


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(fates=st.lists(st.sampled_from(FATES), max_size=14), workers=st.integers(1, 3))
def test_whatever_happens_each_lead_is_there_once_in_the_end(
    fates: list[str], workers: int, folder: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(folder / "output_data", ignore_errors=True)
    (folder / "leads.csv").write_text("\n".join([HEADER, *(f"Company {number},,,,,," for number in range(5))]))
    with Sandbox(index_lag=3, event_lag=1, clock=clock) as sandbox, scripted(iter(fates)):
        monkeypatch.setenv("CLOSE_API_KEY", "key-for-tests")
        monkeypatch.setenv("CLOSE_API_URL", sandbox.close_url)
        for _ in range(len(fates) + 2):
            with contextlib.suppress(Crash):
                if main.main(["import", "leads.csv", "-q", "--index-lag", "4", "--workers", str(workers)]) == 0:
                    break
        else:
            raise AssertionError("it never came to an end")
        assert sorted(sandbox.report()["leads_by_value"]["Import Key"].values()) == [1] * 5
        assert sandbox.report()["leads"] == 5


# The file


def test_one_process_writes_at_a_time(folder: Path) -> None:
    path = folder / "journal.sqlite"
    with open_journal(path), pytest.raises(JournalBusy, match="Wait until it has finished"), open_journal(path):
        pass
    with open_journal(path):
        pass


def hold_until_killed(path: Path, is_held: Any) -> None:
    with open_journal(path):
        is_held.set()
        signal.pause()


def test_the_lock_goes_with_its_process(folder: Path) -> None:
    context = multiprocessing.get_context("fork")
    is_held = context.Event()
    process = context.Process(target=hold_until_killed, args=(folder / "journal.sqlite", is_held), daemon=True)
    process.start()
    assert is_held.wait(STUCK)
    with pytest.raises(JournalBusy), open_journal(folder / "journal.sqlite"):
        pass
    process.kill()
    process.join()
    with open_journal(folder / "journal.sqlite") as journal:
        assert journal.of("orga_1", "One").deleted() == set()


def test_runs_can_be_read_while_another_process_writes(folder: Path) -> None:
    with open_journal(folder / "journal.sqlite") as journals:
        journal = journals.of("orga_1", "One")
        journal.start_run("run-1", "leads.csv", "merge", MOMENT)
        send(journal, "a")
        ((run, name),) = read_runs(folder / "journal.sqlite")
        assert (run.run_id, run.state, name) == ("run-1", "unfinished", "One")
        assert run.outcomes["undetermined"] == 1
        with pytest.raises(NoSuchRun):
            journals.of("orga_2", "Two").find_run("run-1")


def test_the_latest_leads_are_those_of_one_organisation_since_a_moment_in_any_zone(folder: Path) -> None:
    path = folder / "journal.sqlite"
    assert read_latest_leads(path, "orga_1", MOMENT) == ([], set())
    with open_journal(path) as journals:
        for organization in ("orga_1", "orga_2"):
            journal = journals.of(organization, "One")
            for seconds in (-1, 0, 1):
                lead_id, created = f"{organization}_lead_{seconds}", MOMENT + timedelta(seconds=seconds)
                send(journal, lead_id, created)
                journal.note_created(lead_id, {"id": lead_id}, created)
            late = f"{organization}_lead_late"
            send(journal, late, MOMENT - timedelta(hours=1))
            journal.note_created(late, {"id": late}, MOMENT)
            journal.note_created(late, {"id": late, "name": "read again"}, MOMENT + timedelta(hours=1))
            send(journal, "lost")
            journal.note_deleted(f"{organization}_lead_gone", "lead_1")
        for zone in (-5, 0, 5):
            leads, deleted = read_latest_leads(path, "orga_1", MOMENT.astimezone(timezone(timedelta(hours=zone))))
            assert [lead["id"] for lead in leads] == ["orga_1_lead_0", "orga_1_lead_1", "orga_1_lead_late"]
            assert deleted == {"orga_1_lead_gone"}


def test_a_file_that_is_no_journal_is_told_so(run: Run, folder: Path, connected: Sandbox) -> None:
    (folder / "output_data").mkdir()
    (folder / "output_data" / "journal.sqlite").write_text("something else, long enough to be looked at as a file")
    (folder / "leads.csv").write_text(f"{HEADER}\nAcme,,,,,,")
    ran = run("import", "leads.csv")
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert "can't be used as a journal" in ran.err


class FullDisk(Disk):
    """A disk that is full when something is to be noted as deleted."""

    def connect(self, path: Path) -> sqlite3.Connection:
        connection = super().connect(path)

        def refuse(action: int, table: str | None, *_: object) -> int:
            is_refused = action == sqlite3.SQLITE_INSERT and table == "deleted"
            return sqlite3.SQLITE_DENY if is_refused else sqlite3.SQLITE_OK

        connection.set_authorizer(refuse)
        return connection


def test_what_is_noted_after_a_failure_does_not_go_with_it(folder: Path) -> None:
    path = folder / "journal.sqlite"
    with open_journal(path, machine=Machine(disk=FullDisk())) as journals:
        journal = journals.of("orga_1", "One")
        for key in "ab":
            send(journal, key)
            journal.note_created(key, {"id": f"lead_{key}"}, MOMENT)
        journal.note_undoing("a")
        with pytest.raises(sqlite3.DatabaseError):
            journal.note_undone("a")
        journal.note_undoing("b")
    with open_journal(path) as journals:
        states = {key: lead.state for key, lead in journals.of("orga_1", "One").leads("ab").items()}
    assert states == {"a": "undoing", "b": "undoing"}
