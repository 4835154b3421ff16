"""Verdicts get into Close once, whatever happens on the way: lost answers, agents who meddle, Close that is down.

Lists of notes lag here. Nobody waits: a sleep of the command puts the clock of the sandbox forward.
"""

import json
import os
import random
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from close.journal import open_journal
from commands.environment import JOURNAL
from commands.files import OUTPUT_FOLDER
from sandbox import Fault
from sandbox.close import PREFIX
from sandbox.wire import HttpRequest, Reply
from tests.conftest import Ran, Run, Serve, trail_lines
from tests.misbehaving import also
from tests.raw_close import RawClose
from tests.watched import Answer, Watched

Clock = Callable[[], float]

LAG = 2.0  # seconds of the sandbox's lists of notes; the command is told a little more
SEARCH_LAG = 60.0  # seconds of the sandbox's search, where it lags
NOTE, PUT, READING, SEARCH = (
    *(f"POST {PREFIX}/activity/note/", f"PUT {PREFIX}/lead/"),
    *(f"GET {PREFIX}/lead/", f"POST {PREFIX}/data/search/"),
)
NOTING = ("--from-close", "--note-missing-id")
CARRIED_OUT = ["502-after", "drop-after", "stall", "cut", "html"]
NOT_CARRIED_OUT = ["502-before", "drop-before", "429-bare", "429-surprise"]
MOMENTS = {  # an agent meddles before or after one of our requests is answered
    "while the checks run": ("GET /registry", "before"),
    "before the note": (f"GET {PREFIX}/activity/", "after"),
    "between note and status": (NOTE, "after"),
}


class Desk:
    """A sandbox that the environment points at, the leads in it, and the agent who looks after them."""

    def __init__(self, sandbox: Watched, close: RawClose, run: Run) -> None:
        self.sandbox, self.close, self.run = sandbox, close, run
        self.key = ""

    def furnish(self) -> None:
        """Make all that `qualify` needs in Close."""
        self.close.made("/status/lead/", label="Not eligible")
        self.key = f"custom.{self.close.made('/custom_field/lead/', name='National ID', type='text')['id']}"

    def lead(self, typed: str = "123", status: str = "To qualify", **more: Any) -> str:
        return str(self.close.made("/lead/", **{"status": status, self.key: typed, **more})["id"])

    def put(self, lead_id: str, **changes: Any) -> None:
        answer = self.close.put(f"/lead/{lead_id}/", json=changes)
        assert answer.status_code == 200, answer.text

    def move(self, lead_id: str, label: str) -> None:
        self.put(lead_id, status=label)

    def status(self, lead_id: str) -> str:
        return str(self.close.get(f"/lead/{lead_id}/").json()["status_label"])

    def activities(self, lead_id: str, kind: str) -> list[Any]:
        """All of a kind, once lists show them."""
        time.sleep(LAG + 0.1)
        found: list[Any] = self.close.get(f"/activity/?lead_id={lead_id}&_type={kind}").json()["data"]
        return found

    def notes(self, lead_id: str) -> list[str]:
        return [note["note"] for note in self.activities(lead_id, "Note")]

    def attempts(self, lead_id: str) -> list[str]:
        """The attempts that the notes name, the newest first."""
        return [re.findall(r"^Attempt: ([qn]-[0-9a-f]{16})$", note, re.MULTILINE)[0] for note in self.notes(lead_id)]

    def qualify(self, *flags: str) -> Ran:
        return self.run("qualify", *(flags or ("--from-close",)), "--index-lag", "3", "--json")

    def asked(self) -> int:
        """How often the registry was asked."""
        return int(self.sandbox.report()["requests_to_checks"].get("GET /registry", 0))

    def made(self, endpoint: str) -> int:
        """How many requests to this endpoint there were."""
        return int(self.sandbox.report()["requests_by_endpoint"].get(endpoint, 0))

    def meddle(self, act: Callable[[], object], on: str, when: str) -> None:
        """Do something `before` or `after` the first request that begins so is answered."""
        struck: list[str] = []

        def watch(request: HttpRequest, answer: Answer) -> Reply | None:
            is_now = not struck and said(request).startswith(on)
            struck.extend([on] * is_now)
            if is_now and when == "before":
                act()
            reply = answer(request)
            if is_now and when == "after":
                act()
            return reply

        self.sandbox.watch = watch

    def answer_with(self, reply: Reply | None, on: str) -> None:
        """Answer all requests that begin so with this, carrying out none; None closes the connection."""
        self.sandbox.watch = lambda request, answer: reply if said(request).startswith(on) else answer(request)

    def calm(self) -> None:
        self.sandbox.watch = lambda request, answer: answer(request)

    def check_written(self, lead_id: str, status: str = "Prospect") -> None:
        """The lead has its status, by one move, and one note."""
        assert self.status(lead_id) == status
        assert len(self.notes(lead_id)) == 1
        assert len(self.activities(lead_id, "LeadStatusChange")) == 1

    def check_untouched(self, lead_id: str, status: str = "To qualify") -> None:
        assert (self.status(lead_id), self.notes(lead_id)) == (status, [])


def said(request: HttpRequest) -> str:
    return f"{request.method} {request.path}"


def journalled() -> list[tuple[str, str]]:
    """The attempts in the journal with their states."""
    with closing(sqlite3.connect("output_data/journal.sqlite")) as database:
        return database.execute("SELECT attempt_id, state FROM verdicts ORDER BY number").fetchall()


@pytest.fixture
def bare(run: Run, clock: Clock, connect: Callable[[Watched], None]) -> Iterator[Desk]:
    """A desk without anything that `qualify` needs."""
    with Watched(list_lag=LAG, stall_seconds=1.0, clock=clock) as sandbox, RawClose(sandbox) as close:
        connect(sandbox)
        yield Desk(sandbox, close, run)


@pytest.fixture
def desk(bare: Desk) -> Desk:
    bare.furnish()
    return bare


@pytest.fixture
def slow_desk(run: Run, clock: Clock, connect: Callable[[Watched], None]) -> Iterator[Desk]:
    """A desk whose search lags as well."""
    with Watched(index_lag=SEARCH_LAG, list_lag=LAG, clock=clock) as sandbox, RawClose(sandbox) as close:
        connect(sandbox)
        slow = Desk(sandbox, close, run)
        slow.furnish()
        yield slow


@pytest.fixture
def services_gone(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Whoever is asked about from then on can't be decided on."""

    def go() -> None:
        for name in ("REGISTRY_URL", "JUDICIAL_URL", "SCORE_URL"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")

    return go


# Lost answers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on", [NOTE, PUT])
@pytest.mark.parametrize("name", [*CARRIED_OUT, *NOT_CARRIED_OUT])
def test_an_answer_that_gets_lost_leaves_one_note_and_one_move(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str, on: str
) -> None:
    if name == "stall":
        monkeypatch.setattr("close_client.READ_TIMEOUT", 0.7)
    lead_id = desk.lead()
    with desk.sandbox.troubled([Fault(name, on=on, times=1)]):
        assert desk.qualify().code == 0
    desk.check_written(lead_id)
    assert desk.asked() == 1
    if name in CARRIED_OUT:
        assert (desk.made("POST /activity/note/"), desk.made("PUT /lead/{id}/")) == (1, 1)
    assert desk.qualify().json == []


@pytest.mark.parametrize("name", ["drop-after", "502-after"])
def test_answers_that_always_get_lost_leave_one_note_and_one_move(desk: Desk, name: str) -> None:
    lead_id = desk.lead()
    with desk.sandbox.troubled([Fault(name, on=NOTE), Fault(name, on=PUT)]):
        assert desk.qualify().code == 0
    desk.check_written(lead_id)


@pytest.mark.parametrize("on", [NOTE, PUT])
def test_what_never_gets_through_is_given_up_and_completed_with_the_recorded_verdict(
    desk: Desk, services_gone: Callable[[], None], on: str
) -> None:
    lead_id = desk.lead()
    with desk.sandbox.troubled([Fault("drop-before", on=on)]):
        ran = desk.qualify()
    assert (ran.code, desk.status(lead_id)) == (5, "To qualify")
    assert "Run the same command again" in ran.err
    services_gone()
    again = desk.qualify()
    assert (again.code, again.json[0]["outcome"]) == (0, "prospect")
    desk.check_written(lead_id)
    assert desk.attempts(lead_id) == [journalled()[0][0]]


def test_a_note_that_got_lost_is_looked_for_only_when_lists_must_show_it(desk: Desk, clock: Clock) -> None:
    moments: list[tuple[str, float]] = []

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        moments.append((said(request), clock()))
        return answer(request)

    desk.lead()
    desk.sandbox.watch = watch
    with desk.sandbox.troubled([Fault("drop-before", on=NOTE, times=1)]):
        assert desk.qualify().code == 0
    first, second = (moment for request, moment in moments if request == NOTE)
    looks = [moment for request, moment in moments if request == f"GET {PREFIX}/activity/"]
    assert any(first + 3 <= moment <= second for moment in looks)


@pytest.mark.parametrize("on", [READING, f"GET {PREFIX}/activity/", SEARCH, f"GET {PREFIX}/status/lead/"])
def test_a_read_that_fails_is_repeated(desk: Desk, on: str) -> None:
    lead_id = desk.lead()
    with desk.sandbox.troubled([Fault("502-before", on=on, times=1), Fault("cut", on=on, times=1)]):
        assert desk.qualify().code == 0
    desk.check_written(lead_id)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("on", [f"GET {PREFIX}/activity/", NOTE, PUT])
def test_close_goes_down_on_the_way_and_the_next_run_completes_the_recorded_verdict(
    desk: Desk, services_gone: Callable[[], None], on: str, when: str
) -> None:
    lead_id = desk.lead()
    is_down = threading.Event()

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        is_now = said(request).startswith(on) and not is_down.is_set()
        if is_now and when == "after":
            answer(request)
        if is_now:
            is_down.set()
        return None if is_down.is_set() and request.path.startswith(PREFIX) else answer(request)

    desk.sandbox.watch = watch
    ran = desk.qualify()
    assert (ran.code, is_down.is_set()) == (5, True)
    ((attempt_id, state),) = journalled()
    assert state in ("decided", "noting", "noted")
    desk.calm()
    services_gone()
    again = desk.qualify()
    assert (again.code, again.json[0]["outcome"]) == (0, "prospect")
    desk.check_written(lead_id)
    assert desk.attempts(lead_id) == [attempt_id]


def test_close_that_is_down_from_the_beginning_is_said_so(desk: Desk) -> None:
    desk.answer_with(None, on="")
    ran = desk.qualify()
    assert (ran.code, desk.asked()) == (5, 0)
    assert "Close gave no usable answer" in ran.err


@pytest.mark.parametrize("name", CARRIED_OUT + NOT_CARRIED_OUT)
def test_the_note_on_a_lead_without_an_id_is_there_once(desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    if name == "stall":
        monkeypatch.setattr("close_client.READ_TIMEOUT", 0.7)
    lead_id = desk.lead(typed="")
    with desk.sandbox.troubled([Fault(name, on=NOTE, times=1)]):
        ran = desk.qualify(*NOTING)
    assert (ran.code, ran.json) == (4, [])
    assert "its National ID is blank or not a valid id; a note on the lead says so" in ran.err
    again = desk.qualify(*NOTING)
    assert (again.code, again.json) == (4, [])
    (note,) = desk.notes(lead_id)
    assert note.startswith("This lead could not be qualified: its National ID is blank")
    assert (desk.asked(), desk.status(lead_id)) == (0, "To qualify")


@pytest.mark.parametrize("people", [("--from-close",), ("123", "--write-back")], ids=str)
@pytest.mark.parametrize("name", [*CARRIED_OUT, "drop-before"])
def test_the_note_about_another_name_is_there_once_however_often_its_answers_get_lost(
    desk: Desk, serve: Serve, monkeypatch: pytest.MonkeyPatch, name: str, people: tuple[str, ...]
) -> None:
    if name == "stall":
        monkeypatch.setattr("close_client.READ_TIMEOUT", 0.3)
    lead_id = desk.lead(contacts=[{"name": "Ann Smith"}])
    serve(registry=also(name="Eve Jones"))
    with desk.sandbox.troubled([Fault(name, on=NOTE)]):
        for _ in range(3):
            ran = desk.qualify(*people)
            assert ran.code in (4, 5)
            assert [verdict["outcome"] for verdict in ran.json] == ["undetermined"] * len(ran.json)
    assert desk.qualify(*people).code == 4
    assert len(desk.notes(lead_id)) == 1


def test_a_lead_that_was_left_before_its_note_gets_it_when_it_is_back(desk: Desk, serve: Serve) -> None:
    lead_id = desk.lead(contacts=[{"name": "Ann Smith"}])
    serve(registry=also(name="Eve Jones"))
    desk.meddle(lambda: desk.move(lead_id, "Potential"), on=f"GET {PREFIX}/activity/", when="after")
    desk.qualify()
    assert desk.notes(lead_id) == []
    desk.move(lead_id, "To qualify")
    for _ in range(2):
        assert desk.qualify().code == 4
    assert len(desk.notes(lead_id)) == 1


@pytest.mark.parametrize("on", [READING, NOTE, PUT, f"GET {PREFIX}/activity/"])
@pytest.mark.parametrize("skipped", [0, 1, 2])
def test_a_404_that_passes_is_no_deletion(desk: Desk, on: str, skipped: int) -> None:
    lead_id = desk.lead()
    seen: list[str] = []

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        seen.extend([on] * said(request).startswith(on))
        is_struck = said(request).startswith(on) and len(seen) == skipped + 1
        return Reply.of(404, {"error": "Empty query"}) if is_struck else answer(request)

    desk.sandbox.watch = watch
    ran = desk.qualify()
    assert ran.code in (0, 5)
    assert "deleted in Close" not in ran.err
    desk.calm()
    assert desk.qualify().code == 0
    desk.check_written(lead_id)
    assert desk.asked() == 1


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_lead_whose_contact_is_called_otherwise_meanwhile_is_left_and_checked_anew(
    desk: Desk, serve: Serve, moment: str
) -> None:
    lead_id = desk.lead(contacts=[{"name": "Ann Lee"}])
    (contact,) = desk.close.get(f"/lead/{lead_id}/").json()["contacts"]
    server = serve(registry=also(name="Ann Lee"))

    def rename() -> None:
        assert desk.close.put(f"/contact/{contact['id']}/", json={"name": "Eve Roe"}).status_code == 200

    on, when = MOMENTS[moment]
    desk.meddle(rename, on=f"GET {PREFIX}/activity/" if on.startswith("GET /registry") else on, when=when)
    ran = desk.qualify()
    assert "the names of its contacts were changed in the meantime" in ran.err
    assert desk.status(lead_id) == "To qualify"
    assert desk.qualify().code == 4
    assert (desk.status(lead_id), server.heard.requests["registry"]) == ("To qualify", 2)


def test_a_note_on_a_missing_id_that_was_cut_off_is_completed_and_still_counts_as_one(desk: Desk) -> None:
    lead_id = desk.lead(typed="no/id")
    with desk.sandbox.troubled([Fault("drop-before", on=NOTE)]):
        assert desk.qualify().code == 5
    ran = desk.qualify()
    assert ran.code == 4
    assert "1 lead: 1 without id" in ran.err
    assert len(desk.notes(lead_id)) == 1


def test_another_text_that_is_no_id_gets_its_own_note_and_an_id_gets_the_lead_checked(desk: Desk) -> None:
    lead_id = desk.lead(typed="")
    for typed in ("a b", "a b", "", "a b"):
        desk.qualify(*NOTING)
        desk.put(lead_id, **{desk.key: typed})
    desk.qualify(*NOTING)
    assert len(set(desk.attempts(lead_id))) == len(desk.notes(lead_id)) == 2
    desk.put(lead_id, **{desk.key: "123"})
    assert desk.qualify().code == 0
    assert (desk.status(lead_id), len(desk.notes(lead_id))) == ("Prospect", 3)


# Agents who meddle ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_lead_that_an_agent_moves_meanwhile_stays_there(desk: Desk, moment: str) -> None:
    lead_id = desk.lead()
    desk.meddle(lambda: desk.move(lead_id, "Potential"), *MOMENTS[moment])
    ran = desk.qualify()
    assert ran.code == 0
    assert f"lead/{lead_id}/: somebody moved it to Potential in the meantime" in ran.err
    assert "1 lead: 1 left unchanged" in ran.err
    assert desk.qualify().json == []
    assert desk.status(lead_id) == "Potential"
    assert len(desk.notes(lead_id)) == (moment == "between note and status")
    assert desk.asked() == 1


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_lead_that_gets_another_id_meanwhile_is_left_and_then_checked_for_that_one(desk: Desk, moment: str) -> None:
    lead_id = desk.lead(typed="123")
    desk.meddle(lambda: desk.put(lead_id, **{desk.key: "129"}), *MOMENTS[moment])
    ran = desk.qualify()
    assert "its National ID was changed in the meantime" in ran.err
    assert desk.status(lead_id) == "To qualify"
    again = desk.qualify()
    assert [verdict["person_id"] for verdict in again.json] == ["129"]
    assert desk.status(lead_id) == "Not eligible"
    assert len(set(desk.attempts(lead_id))) == 1 + (moment == "between note and status")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_lead_that_is_deleted_meanwhile_is_told_and_holds_up_nobody(desk: Desk, moment: str) -> None:
    lead_id = desk.lead()
    desk.meddle(lambda: desk.close.delete(f"/lead/{lead_id}/"), *MOMENTS[moment])
    ran = desk.qualify()
    assert (ran.code, "the lead was deleted in Close in the meantime" in ran.err) == (0, True)
    other_id = desk.lead(typed="124")
    again = desk.qualify()
    assert [verdict["person_id"] for verdict in again.json] == ["124"]
    desk.check_written(other_id)


def test_a_lead_that_is_deleted_in_the_moment_before_the_note_is_forgotten_by_the_next_run(desk: Desk) -> None:
    lead_id = desk.lead()
    desk.meddle(lambda: desk.close.delete(f"/lead/{lead_id}/"), on=NOTE, when="before")
    assert desk.qualify().code == 4
    assert desk.qualify().code == 0
    assert [state for _, state in journalled()] == ["left"]


def test_a_lead_whose_writing_was_cut_off_and_that_was_moved_since_is_left(desk: Desk) -> None:
    lead_id = desk.lead()
    with desk.sandbox.troubled([Fault("drop-before", on=PUT)]):
        assert desk.qualify().code == 5
    desk.move(lead_id, "Potential")
    ran = desk.qualify()
    assert (ran.code, "somebody moved it to Potential in the meantime" in ran.err) == (0, True)
    assert (desk.status(lead_id), len(desk.notes(lead_id))) == ("Potential", 1)


def test_a_lead_that_is_put_back_is_checked_anew(desk: Desk) -> None:
    lead_id = desk.lead()
    assert desk.qualify().code == 0
    desk.move(lead_id, "To qualify")
    assert desk.qualify().code == 0
    assert (desk.status(lead_id), desk.asked()) == ("Prospect", 2)
    assert len(desk.notes(lead_id)) == len(set(desk.attempts(lead_id))) == 2


def test_search_that_shows_the_status_of_before_has_nothing_done_twice(slow_desk: Desk) -> None:
    desk = slow_desk
    lead_id, blank_id = desk.lead(), desk.lead(typed="")
    assert desk.qualify().json == []
    desk.check_untouched(lead_id)
    time.sleep(SEARCH_LAG)
    assert len(desk.qualify().json) == 1
    for _ in range(2):
        assert desk.qualify(*NOTING).json == []
    desk.check_written(lead_id)
    assert (desk.asked(), len(desk.notes(blank_id))) == (1, 1)


def test_what_was_cut_off_is_completed_also_where_search_does_not_show_the_lead_any_more(
    slow_desk: Desk, services_gone: Callable[[], None]
) -> None:
    desk = slow_desk
    lead_id = desk.lead()
    time.sleep(SEARCH_LAG)
    desk.answer_with(None, on=READING)
    desk.calm()
    down_after_put = threading.Event()

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        if said(request).startswith(PUT):
            answer(request)
            down_after_put.set()
        return None if down_after_put.is_set() else answer(request)

    desk.sandbox.watch = watch
    assert desk.qualify().code == 5
    desk.calm()
    services_gone()
    time.sleep(SEARCH_LAG)
    assert desk.qualify().json[0]["outcome"] == "prospect"
    desk.check_written(lead_id)
    assert [state for _, state in journalled()] == ["finished"]


# Several leads -------------------------------------------------------------------------------------------------------


def test_two_leads_of_one_person_are_both_written_and_the_person_is_asked_about_once(desk: Desk) -> None:
    first, second = desk.lead(), desk.lead()
    assert len(desk.qualify().json) == 2
    desk.check_written(first)
    desk.check_written(second)
    assert desk.asked() == 1
    assert desk.attempts(first) == desk.attempts(second)


def test_each_verdict_leads_to_its_status(desk: Desk) -> None:
    goals = {"123": "Prospect", "120": "Not eligible", "129": "Not eligible", "104": "Not eligible"}
    leads = {person: desk.lead(typed=person) for person in goals}
    undecided = desk.lead(typed="128")
    ran = desk.qualify()
    assert (ran.code, len(ran.json)) == (4, 5)
    for person, goal in goals.items():
        desk.check_written(leads[person], goal)
    desk.check_untouched(undecided)
    assert [verdict["person_id"] for verdict in desk.qualify().json] == ["128"]


# Ids on the command line ---------------------------------------------------------------------------------------------


def test_a_named_person_is_written_back_whatever_the_status_and_once(desk: Desk) -> None:
    lead_id = desk.lead(status="Potential")
    assert desk.qualify("123", "--write-back").code == 0
    desk.check_written(lead_id)
    assert desk.qualify("123", "--write-back").code == 0
    desk.check_written(lead_id)


def test_a_lead_in_the_right_status_already_gets_no_note(desk: Desk) -> None:
    lead_id = desk.lead(status="Prospect")
    ran = desk.qualify("123", "--write-back")
    assert (ran.code, ran.json[0]["outcome"]) == (0, "prospect")
    desk.check_untouched(lead_id, "Prospect")


def test_a_person_whom_no_lead_holds_gets_a_verdict_and_is_told(desk: Desk) -> None:
    other_id = desk.lead(typed="1234")
    ran = desk.qualify("123", "--write-back")
    assert (ran.code, ran.json[0]["outcome"]) == (4, "prospect")
    assert "No lead in Close has 123 in the field National ID" in ran.err
    desk.check_untouched(other_id)


def test_what_was_decided_on_a_lead_is_completed_although_another_one_has_its_id_by_now(desk: Desk) -> None:
    lead_id = desk.lead()
    with desk.sandbox.troubled([Fault("drop-before", on=PUT)]):
        assert desk.qualify("123", "--write-back").code == 5
    other = desk.lead()
    with desk.sandbox.troubled([Fault("drop-before", on=PUT)]):
        assert desk.qualify("123", "--write-back").code == 5
    ran = desk.qualify("123", "--write-back")
    assert (ran.code, "2 leads have 123" in ran.err) == (4, True)
    desk.check_written(lead_id)
    desk.check_untouched(other)


def test_a_person_whom_two_leads_hold_gets_a_verdict_and_both_are_told(desk: Desk) -> None:
    leads = [desk.lead(), desk.lead(status="Potential")]
    ran = desk.qualify("123", "--write-back")
    assert (ran.code, ran.json[0]["outcome"]) == (4, "prospect")
    assert all(f"lead/{lead_id}/" in ran.err for lead_id in leads)
    assert [desk.notes(lead_id) for lead_id in leads] == [[], []]
    assert [desk.status(lead_id) for lead_id in leads] == ["To qualify", "Potential"]


def test_search_that_shows_an_id_of_before_gets_nothing_written(slow_desk: Desk) -> None:
    desk = slow_desk
    lead_id = desk.lead()
    time.sleep(SEARCH_LAG)
    desk.put(lead_id, **{desk.key: "124"})
    assert desk.qualify("123", "--write-back").code == 4
    desk.check_untouched(lead_id)


@pytest.mark.parametrize("on", [NOTE, PUT])
def test_a_named_person_who_was_cut_off_is_completed_with_the_recorded_verdict(
    desk: Desk, services_gone: Callable[[], None], on: str
) -> None:
    lead_id = desk.lead(status="Potential")
    with desk.sandbox.troubled([Fault("drop-before", on=on)]):
        assert desk.qualify("123", "--write-back").code == 5
    services_gone()
    ran = desk.qualify("123", "--write-back")
    assert (ran.code, ran.json[0]["outcome"]) == (0, "prospect")
    desk.check_written(lead_id)


def test_a_file_that_calls_the_person_otherwise_than_the_lead_has_nothing_written(desk: Desk, folder: Path) -> None:
    lead_id = desk.lead(contacts=[{"name": "Eve Adams"}])
    (folder / "people.csv").write_text("id,name\n123,Ann Lee\n", encoding="utf-8")
    ran = desk.qualify("--file", "people.csv", "--write-back")
    assert (ran.code, ran.json[0]["outcome"]) == (4, "prospect")
    assert f"lead/{lead_id}/: nothing was written: no contact of the lead has the name" in ran.err
    desk.check_untouched(lead_id)
    (folder / "people.csv").write_text("id,name\n123,ADAMS Eve\n", encoding="utf-8")
    assert desk.qualify("--file", "people.csv", "--write-back").code == 0
    desk.check_written(lead_id)


# What must be in Close -----------------------------------------------------------------------------------------------


def test_all_that_is_missing_is_named_and_nothing_is_written(bare: Desk) -> None:
    ran = bare.qualify()
    assert (ran.code, ran.out) == (3, "")
    assert "the lead status 'Not eligible', the lead custom field 'National ID' (text)" in ran.err
    assert all(status not in ran.err.split("Create what")[0] for status in ("To qualify", "'Prospect'"))
    assert (bare.made("POST /status/lead/"), bare.made("POST /custom_field/lead/")) == (0, 0)


def test_what_is_missing_is_created_once_where_that_is_wanted(bare: Desk) -> None:
    for _ in range(2):
        assert bare.qualify("--from-close", "--create").code == 0
    assert (bare.made("POST /status/lead/"), bare.made("POST /custom_field/lead/")) == (1, 1)
    (field,) = bare.close.get("/custom_field/lead/").json()["data"]
    assert (field["name"], field["type"]) == ("National ID", "text")
    bare.key = f"custom.{field['id']}"
    lead_id = bare.lead(typed="120")
    assert bare.qualify().code == 0
    bare.check_written(lead_id, "Not eligible")


def test_people_who_are_named_need_no_status_in_which_leads_wait(desk: Desk) -> None:
    lead_id = desk.lead()
    (waiting,) = [each for each in desk.close.get("/status/lead/").json()["data"] if each["label"] == "To qualify"]
    assert desk.close.put(f"/status/lead/{waiting['id']}/", json={"label": "Waiting"}).status_code == 200
    assert desk.qualify().code == 3
    assert desk.qualify("123", "--write-back").code == 0
    desk.check_written(lead_id)


def test_a_field_of_numbers_is_refused(bare: Desk) -> None:
    bare.close.made("/status/lead/", label="Not eligible")
    bare.close.made("/custom_field/lead/", name="National ID", type="number")
    ran = bare.qualify("--from-close", "--create")
    assert (ran.code, "is of type number" in ran.err) == (3, True)
    assert bare.made("POST /custom_field/lead/") == 1


def test_two_statuses_of_one_name_are_refused(desk: Desk) -> None:
    lead_id = desk.lead()
    desk.close.made("/status/lead/", label="Prospect")
    ran = desk.qualify()
    assert (ran.code, "2 lead statuses named 'Prospect'" in ran.err) == (2, True)
    desk.check_untouched(lead_id)


def test_other_names_can_be_told(bare: Desk) -> None:
    for label in ("Check", "Good", "Bad"):
        bare.close.made("/status/lead/", label=label)
    bare.key = f"custom.{bare.close.made('/custom_field/lead/', name='Passport', type='text')['id']}"
    lead_id, other_id = bare.lead(status="Check"), bare.lead(typed="124")
    told = ("--status", "check", "--prospect-status", "Good", "--declined-status", "Bad", "--id-field", "Passport")
    assert bare.qualify("--from-close", *told).code == 0
    bare.check_written(lead_id, "Good")
    bare.check_untouched(other_id)


# What is written -----------------------------------------------------------------------------------------------------


def test_a_note_tells_no_score_and_no_reason_unless_that_is_wanted(desk: Desk) -> None:
    quiet, quiet_too = desk.lead(), desk.lead(typed="129")
    desk.qualify()
    (prospect,), (refused,) = desk.notes(quiet), desk.notes(quiet_too)
    assert prospect.splitlines()[:2] == [
        "Qualification result: prospect.",
        "Checks completed: registry check, judicial check, score.",
    ]
    assert refused.splitlines()[:2] == [
        "Qualification result: not a prospect.",
        "Checks completed: registry check, judicial check.",
    ]
    assert [len(note.splitlines()) for note in (prospect, refused)] == [3, 3]
    detailed, detailed_too = desk.lead(typed="223"), desk.lead(typed="229")
    desk.qualify("--from-close", "--note-detail")
    (prospect,), (refused,) = desk.notes(detailed), desk.notes(detailed_too)
    assert "Findings: in the registry, no judicial records, score 73 of 100 (over 60)." in prospect
    assert "Findings: in the registry, 1 judicial record." in refused


def test_scores_that_are_drawn_write_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    leads = [desk.lead(), desk.lead(typed="")]
    monkeypatch.delenv("SCORE_URL")
    for flags in (("--from-close",), ("123", "--write-back")):
        ran = desk.qualify(*flags, "--random-score")
        assert "nothing was written to Close because scores are drawn at random" in ran.err
    assert (desk.made("POST /activity/note/"), desk.made("PUT /lead/{id}/"), journalled()) == (0, 0, [])
    assert [desk.status(lead_id) for lead_id in leads] == ["To qualify"] * 2


def test_what_is_recorded_with_ids_is_completed_without_showing_them(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead_id = desk.lead(typed="4711123")
    desk.answer_with(Reply.of(400, {"errors": ["No."], "field-errors": {}}), on=PUT)
    assert desk.qualify().code == 4
    desk.calm()
    monkeypatch.setenv("REDACT_KEY", "secret")
    ran = desk.qualify("--from-close", "--redact")
    assert (ran.code, len(ran.json)) == (0, 1)
    assert "4711123" not in ran.out + ran.err
    desk.check_written(lead_id)


def test_what_close_says_of_an_id_is_not_repeated_where_ids_are_not_to_be_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("REDACT_KEY", "secret")
    desk.answer_with(Reply.of(400, {"errors": ["4711123 is odd."], "field-errors": {}}), on=SEARCH)
    ran = desk.qualify("4711123", "--write-back", "--redact")
    assert (ran.code, "Close answered with status 400" in ran.err) == (3, True)
    (folder / "people.csv").write_text("4711123,Ann Lee\n4711124,Eve\n", encoding="utf-8")
    unnamed = desk.run("qualify", "--file", "people.csv", "--redact")
    assert (unnamed.code, "with --id-column" in unnamed.err) == (2, True)
    assert not any(word in ran.out + ran.err + unnamed.err for word in ("4711", "Ann"))


def test_a_verdict_that_could_not_be_written_is_shown_all_the_same(desk: Desk) -> None:
    lead_id = desk.lead()
    desk.answer_with(Reply.of(503, {}), on=f"GET {PREFIX}/activity/")
    ran = desk.qualify("123", "124", "--write-back")
    assert (ran.code, [verdict["person_id"] for verdict in ran.json]) == (5, ["123", "124"])
    desk.calm()
    assert desk.qualify("123", "--write-back").code == 0
    desk.check_written(lead_id)


@pytest.mark.parametrize("typed", ["4.15E+09", "123.0", "1\ud8002"])
def test_what_can_be_no_id_gets_a_note_and_nobody_is_asked(desk: Desk, typed: str) -> None:
    lead_id, other = desk.lead(typed=typed), desk.lead()
    assert desk.qualify().code == 4
    assert (desk.asked(), desk.status(lead_id), desk.status(other)) == (1, "To qualify", "Prospect")
    (note,) = desk.notes(lead_id)
    assert note.startswith(
        "This lead could not be qualified: its National ID is not a valid id.\nPlease correct it: an id has"
    )


def test_the_trail_names_the_lead_and_what_was_compared(desk: Desk, folder: Path) -> None:
    lead_id = desk.lead(contacts=[{"name": "Ann"}])
    desk.qualify()
    (line,) = trail_lines(folder)
    assert (line["lead_id"], line["checks"]["registry"]["compared"]) == (lead_id, [])
    assert f"lead: {lead_id}" in desk.run("qualify", "--explain", lead_id).out


@pytest.mark.parametrize("flags", [["--status", ""], ["--prospect-status", " "], ["--id-field", ""]])
def test_a_name_that_is_empty_is_refused(desk: Desk, flags: list[str]) -> None:
    ran = desk.run("qualify", "--from-close", *flags)
    assert (ran.code, "name of a status or field is blank" in ran.err) == (2, True)


@pytest.mark.parametrize("on", [NOTE, PUT])
def test_what_close_refuses_is_told_and_tried_once_a_run_with_the_verdict_that_there_is(desk: Desk, on: str) -> None:
    lead_id = desk.lead()
    refusals = 0

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        nonlocal refusals
        if not said(request).startswith(on) or b"Attempt: n-" in (request.body or b""):
            return answer(request)
        refusals += 1
        return Reply.of(400, {"field-errors": {"status_id": "Not now."}})

    desk.sandbox.watch = watch
    for run_number in (1, 2):
        ran = desk.qualify()
        assert (ran.code, refusals) == (4, run_number)
        assert f"lead/{lead_id}/: Close refused: status_id: Not now." in ran.err
    assert (desk.asked(), len(desk.notes(lead_id)), desk.status(lead_id)) == (1, on == PUT, "To qualify")
    desk.calm()
    assert desk.qualify().code == 0
    desk.check_written(lead_id)
    assert desk.asked() == 1


def test_a_lead_that_close_refuses_holds_up_no_other(desk: Desk) -> None:
    refused, others = desk.lead(), [desk.lead(typed=str(number)) for number in (121, 122, 124)]
    desk.answer_with(Reply.of(400, {"errors": ["No."]}), on=f"{PUT}{refused}/")
    assert desk.qualify().code == 4
    for lead_id in others:
        desk.check_written(lead_id)


@pytest.mark.parametrize("on", [NOTE, PUT])
def test_a_lead_that_close_always_fails_on_holds_up_no_other(desk: Desk, on: str) -> None:
    failing, others = desk.lead(), [desk.lead(typed=str(number)) for number in (121, 122, 124)]

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        is_concerned = said(request).startswith(on) and failing in f"{request.path} {request.body!r}"
        return Reply.of(500, {}) if is_concerned else answer(request)

    desk.sandbox.watch = watch
    for _ in range(2):
        ran = desk.qualify("--from-close", "--workers", "1")
        assert (ran.code, f"lead/{failing}/: Close's answers to a" in ran.err) == (5, True)
        assert "Run the same command again" in ran.err
        for lead_id in others:
            desk.check_written(lead_id)
    desk.calm()
    assert desk.qualify().code == 0
    desk.check_written(failing)


def test_a_lead_that_can_not_be_read_holds_up_no_other(desk: Desk) -> None:
    stuck, *others = [desk.lead(typed=typed) for typed in ("123", "124", "143", "144")]
    desk.answer_with(Reply.of(500, {}), on=f"{READING}{stuck}/")
    ran = desk.qualify("--from-close", "--workers", "1")
    assert ran.code == 5
    assert f"lead/{stuck}/: Close answered with status 500" in ran.err
    assert [desk.status(lead_id) for lead_id in others] == ["Prospect"] * 3
    desk.calm()
    desk.check_untouched(stuck)


def test_people_whom_a_service_always_fails_do_not_keep_all_others_waiting(desk: Desk) -> None:
    stuck = [desk.lead(typed=f"{number}7") for number in range(6)]
    good = [desk.lead(typed=f"{number}23") for number in range(4)]
    random.seed(1)
    for _ in range(6):
        desk.qualify("--from-close", "--workers", "1", "--check-deadline", "1")
    assert {desk.status(lead_id) for lead_id in good} == {"Prospect"}
    assert {desk.status(lead_id) for lead_id in stuck} == {"To qualify"}


def test_a_verdict_whose_status_was_deleted_since_is_left_and_the_lead_checked_anew(desk: Desk) -> None:
    lead_id = desk.lead()
    with desk.sandbox.troubled([Fault("drop-before", on=PUT)]):
        assert desk.qualify().code == 5
    statuses = desk.close.get("/status/lead/").json()["data"]
    (prospect_id,) = (status["id"] for status in statuses if status["label"] == "Prospect")
    assert desk.close.delete(f"/status/lead/{prospect_id}/").status_code == 200
    desk.close.made("/status/lead/", label="Prospect")
    assert desk.qualify().code == 0
    assert (desk.status(lead_id), len(set(desk.attempts(lead_id)))) == ("Prospect", 2)
    assert [state for _, state in journalled()] == ["left", "finished"]


@pytest.mark.parametrize("on", [NOTE, PUT, SEARCH])
@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_may_not_ends_the_run_and_the_next_one_completes(desk: Desk, on: str, status: int) -> None:
    lead_id = desk.lead()
    desk.answer_with(Reply.of(status, {"error": "No."}), on=on)
    assert desk.qualify().code == 3
    desk.calm()
    assert desk.qualify().code == 0
    desk.check_written(lead_id)
    assert desk.asked() == 1


# Watching ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that a watch would have waited between its rounds; it waits hardly at all."""
    waited: list[float] = []

    class Brief(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if timeout is None or timeout < 1:
                return super().wait(timeout)
            waited.append(timeout)
            return super().wait(0.01)

    monkeypatch.setattr(threading, "Event", Brief)
    return waited


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def interrupt_after_a_round(waits: list[float]) -> None:
    """Press Ctrl-C once a watch has ended a round, at the earliest."""

    def wait() -> None:
        while not waits:
            threading.Event().wait(0.01)
        interrupt()

    threading.Thread(target=wait, daemon=True).start()


class Rounds:
    """What happens when a watch looks for the first time, for the second time, and so on; then comes Ctrl-C."""

    def __init__(self, desk: Desk, *acts: Callable[[], object]) -> None:
        self.acts = [*acts, interrupt]
        self.is_down = False
        self.refused = 0
        desk.sandbox.watch = self._watch

    def go_down(self) -> None:
        """Close can't be reached from now on."""
        self.is_down = True

    def _watch(self, request: HttpRequest, answer: Answer) -> Reply | None:
        if said(request) == f"GET {PREFIX}/me/" and self.is_down:
            self.refused += 1
        if said(request) == SEARCH and self.acts and not self.is_down:
            self.acts.pop(0)()
        return None if self.is_down and request.path.startswith(PREFIX) else answer(request)


def watch_rounds(desk: Desk, *flags: str) -> Ran:
    return desk.run("qualify", "--from-close", "--watch", "60", "--index-lag", "3", *flags)


def test_a_watch_looks_again_and_again_and_tells_each_round_in_a_line(desk: Desk, waits: list[float]) -> None:
    leads: list[str] = []
    Rounds(desk, lambda: leads.append(desk.lead()), lambda: None, lambda: leads.append(desk.lead(typed="129")))
    ran = watch_rounds(desk)
    assert ran.code == 130
    assert [line.split("  ", 1)[1] for line in ran.out.splitlines()] == [
        "1 lead: 1 prospect",
        "no leads are waiting to be qualified",
        "1 lead: 1 not a prospect",
        "no leads are waiting to be qualified",
    ]
    assert waits[:3] == [60, 60, 60]
    desk.check_written(leads[0])
    desk.check_written(leads[1], "Not eligible")


def test_a_watch_survives_an_outage_and_goes_on_ever_more_patiently(desk: Desk, waits: list[float]) -> None:
    lead_id = desk.lead()
    rounds = Rounds(desk, lambda: None)
    rounds.acts.insert(1, rounds.go_down)
    watch = desk.sandbox.watch

    def come_back(request: HttpRequest, answer: Answer) -> Reply | None:
        rounds.is_down = rounds.is_down and len(waits) < 6
        return watch(request, answer)

    desk.sandbox.watch = come_back
    ran = watch_rounds(desk)
    assert ran.code == 130
    lines = ran.out.splitlines()
    troubled = [line for line in lines if "trying again in" in line]
    assert "1 lead: 1 prospect" in lines[0]
    assert len(troubled) == 5
    assert "trying again in" not in lines[-1]
    assert waits[0] == 60
    assert waits[0] < waits[1] < waits[2] < waits[3]
    assert max(waits) <= 600
    desk.check_written(lead_id)


def test_a_watch_completes_after_an_outage_what_was_cut_off(desk: Desk, waits: list[float]) -> None:
    lead_id = desk.lead()
    rounds = Rounds(desk, lambda: None, lambda: None)
    watch = desk.sandbox.watch

    def cut_off(request: HttpRequest, answer: Answer) -> Reply | None:
        if said(request) == NOTE and not waits:
            answer(request)
            rounds.go_down()
        rounds.is_down = rounds.is_down and len(waits) < 2
        return watch(request, answer)

    desk.sandbox.watch = cut_off
    assert watch_rounds(desk).code == 130
    desk.check_written(lead_id)
    assert desk.asked() == 1


def test_a_watch_gives_one_document_at_its_end(desk: Desk, waits: list[float]) -> None:
    Rounds(desk, desk.lead, lambda: desk.lead(typed="129"))
    ran = watch_rounds(desk, "--json")
    assert ran.code == 130
    assert [verdict["person_id"] for verdict in json.loads(ran.out)] == ["123", "129"]


def test_a_watch_that_an_error_ends_gives_its_document_all_the_same(desk: Desk, waits: list[float]) -> None:
    desk.lead()
    Rounds(
        desk, lambda: None, lambda: desk.answer_with(Reply.of(401, {"error": "Unauthorized"}), on=f"GET {PREFIX}/me")
    )
    ran = watch_rounds(desk, "--json")
    assert (ran.code, [verdict["outcome"] for verdict in ran.json]) == (3, ["prospect"])


def test_a_watch_names_the_leads_that_need_somebody(desk: Desk, waits: list[float]) -> None:
    moved, refused, blank = desk.lead(), desk.lead(typed="124"), desk.lead(typed="")
    rounds = Rounds(desk, lambda: None)
    watch = desk.sandbox.watch

    def meddle(request: HttpRequest, answer: Answer) -> Reply | None:
        if said(request) == "GET /registry/people/123":
            desk.move(moved, "Potential")
        is_refused = said(request).startswith(f"{PUT}{refused}/")
        return Reply.of(400, {"errors": ["No."]}) if is_refused else watch(request, answer)

    desk.sandbox.watch = meddle
    ran = watch_rounds(desk)
    assert (ran.code, rounds.acts) == (130, [])
    assert ran.err.count(f"lead/{moved}/: somebody moved it to Potential in the meantime") == 1
    assert f"lead/{refused}/: Close refused: No." in ran.err
    assert ran.err.count(f"lead/{blank}/") == 1


def test_ctrl_c_lets_the_leads_under_way_be_finished(desk: Desk) -> None:
    leads = [desk.lead(typed=str(number)) for number in range(121, 127)]
    desk.meddle(interrupt, on=NOTE, when="before")
    ran = desk.qualify("--from-close", "--workers", "1")
    assert ran.code == 130
    done = [lead_id for lead_id in leads if desk.status(lead_id) == "Prospect"]
    assert 1 <= len(done) < len(leads)
    for lead_id in leads:
        assert len(desk.notes(lead_id)) == (lead_id in done)
    assert desk.qualify().code == 0
    for lead_id in leads:
        desk.check_written(lead_id)


# Two commands in one folder ------------------------------------------------------------------------------------------


def test_an_import_is_possible_beside_a_qualification_and_the_other_way_round(
    desk: Desk, write: Callable[..., Path]
) -> None:
    write("Acme,,,,,,")
    OUTPUT_FOLDER.mkdir()
    with open_journal(JOURNAL, "qualification"):
        assert desk.run("import", "leads.csv", "--index-lag", "0").code == 0
    lead_id = desk.lead()
    with open_journal(JOURNAL, "import or undo"):
        assert desk.qualify().code == 0
    desk.check_written(lead_id)


def test_a_second_qualification_is_refused_and_a_watch_waits_for_its_turn(desk: Desk, waits: list[float]) -> None:
    lead_id = desk.lead()
    OUTPUT_FOLDER.mkdir()
    with open_journal(JOURNAL, "qualification"):
        for flags in (("--from-close",), ("123", "--write-back")):
            ran = desk.qualify(*flags)
            assert (ran.code, "Another qualification is writing" in ran.err) == (2, True)
        interrupt_after_a_round(waits)
        ran = watch_rounds(desk)
        assert (ran.code, "another qualification is still running; trying again in 120 s" in ran.out) == (130, True)
    desk.check_untouched(lead_id)
