"""What happens at the worst moment: between a reading and a write, between two commands, or for a moment only.

Nobody waits: a sleep of the command puts the clock of the sandbox forward. One that never ends is cut off.
"""

import contextlib
import itertools
import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from close.journal import Journal
from close_client import CloseClient
from sandbox import Fault
from sandbox.wire import HttpRequest, Reply
from tests.conftest import Run
from tests.raw_close import RawClose
from tests.waiting_leads import Waiting
from tests.watched import Answer, Watched
from tests.what_close_holds import leads_held, named

Clock = Callable[[], float]
Write = Callable[..., Path]

IMPORT = ("import", "leads.csv", "--json", "--index-lag", "20")
UNDO = ("undo", "last", "--json", "--index-lag", "5")
QUALIFY = ("qualify", "--from-close", "--json")
READING, CONTACT = "GET /api/v1/lead/lead_", "POST /api/v1/contact/"
LATE_CONTACT, LATE_LEAD = (Fault("late", on=on, times=1) for on in (CONTACT, "POST /api/v1/lead/"))
BEE = "Acme,Bee,bee@x.com,,,,"


class Crash(BaseException):
    """The process is gone."""


class TooLong(BaseException):
    """A command waits for ever."""


@pytest.fixture(autouse=True)
def patience(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    put_forward, slept = time.sleep, [0.0, 0.0]

    def sleep(seconds: float) -> None:
        slept[0] += seconds
        slept[1] += 1
        if slept[0] > 3000 or slept[1] > 2000:
            raise TooLong(f"{slept[1]} sleeps, {slept[0]} s")
        put_forward(seconds)

    monkeypatch.setattr(time, "sleep", sleep)


@contextlib.contextmanager
def opened(clock: Clock, connect: Any, **settings: Any) -> Iterator[tuple[Watched, RawClose]]:
    with Watched(clock=clock, **{"index_lag": 2, **settings}) as sandbox, RawClose(sandbox, "key-of-a-user") as user:
        connect(sandbox)
        yield sandbox, user


def plain(request: HttpRequest, answer: Answer) -> Reply | None:
    return answer(request)


def at(sandbox: Watched, on: str, act: Callable[[HttpRequest], Reply | None], number: int = 1, about: str = "") -> None:
    """Do something at the request of this number that begins so; what it returns is the answer, unless None."""
    seen: list[str] = []

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        said = f"{request.method} {request.path}"
        seen.extend([said] * (said.startswith(on) and about in f"{request.path}?{request.query}"))
        if len(seen) < number:
            return answer(request)
        sandbox.watch = plain
        return act(request) or answer(request)

    sandbox.watch = watch


def not_found(_: HttpRequest) -> Reply:
    return Reply.of(404, {"error": "Empty query: Lead matching query does not exist."})


def cut_off(run: Run, method: str, *command: str, after: bool = False) -> None:
    """Run a command that dies right before it sends something, or right after."""
    real = getattr(CloseClient, method)

    def crash(*args: Any, **more: Any) -> Any:
        with contextlib.suppress(Exception):
            real(*args, **more) if after else None
        raise Crash

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Crash):
        patch.setattr(CloseClient, method, crash)
        run(*command)


def states() -> list[str]:
    with contextlib.closing(sqlite3.connect("output_data/journal.sqlite")) as database:
        return [state for (state,) in database.execute("SELECT state FROM leads")]


def with_late_contact(run: Run, write: Write, sandbox: Watched, user: RawClose) -> str:
    """The id of a lead with a contact that arrived twice, the second time two minutes after the import."""
    acme = user.made("/lead/", name="Acme")["id"]
    time.sleep(3)
    write(BEE)
    with sandbox.troubled([LATE_CONTACT]):
        assert run(*IMPORT).code == 0
    time.sleep(120)
    return str(acme)


def newest_contact(user: RawClose, lead_id: str) -> str:
    contacts = user.get(f"/lead/{lead_id}/").json()["contacts"]
    return str(max(contacts, key=lambda contact: contact["date_created"])["id"])


# A 404 that lasts for a moment ----------------------------------------------------------------------------------------


def test_a_lead_that_an_undo_left_there_is_not_made_again(run: Run, write: Write, clock: Clock, connect: Any) -> None:
    with opened(clock, connect) as (sandbox, user):
        write("Acme,,,,,,")
        assert run(*IMPORT).code == 0
        time.sleep(60)
        cut_off(run, "delete_lead", *UNDO)
        time.sleep(60)
        at(sandbox, READING, not_found)
        for _ in range(2):
            assert run(*IMPORT).code == 0
            time.sleep(600)
        assert len(leads_held(user)) == 1


def test_an_undone_lead_that_goes_after_the_planning_is_made_anew(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect) as (sandbox, user):
        write("Acme,,,,,,")
        assert run(*IMPORT).code == 0
        time.sleep(60)
        cut_off(run, "delete_lead", *UNDO)
        write(BEE)
        (lead_id,) = leads_held(user)
        at(sandbox, READING, lambda _: user.delete(f"/lead/{lead_id}/").raise_for_status(), number=2)
        ran = run(*IMPORT)
        assert (ran.code, ran.json["leads"]["created"], len(leads_held(user))) == (0, 1, 1)


def test_a_lead_that_search_does_not_show_yet_is_not_called_deleted(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect, index_lag=500) as (sandbox, _):
        write("Acme,,,,,,")
        assert run(*IMPORT).code == 0
        time.sleep(60)
        write(BEE)
        at(sandbox, READING, not_found)
        assert run(*IMPORT).json["leads"]["updated"] == 1


def test_a_contact_that_came_late_is_not_given_up(run: Run, write: Write, clock: Clock, connect: Any) -> None:
    with opened(clock, connect, late_seconds=120) as (sandbox, user):
        acme = with_late_contact(run, write, sandbox, user)
        write("Beta,,,,,,")
        at(sandbox, READING, not_found)
        for _ in range(2):
            assert run(*IMPORT).code == 0
            time.sleep(100)
        assert len(leads_held(user)[acme]["contacts"]) == 1


def test_an_undo_does_not_look_for_ever_at_a_lead_that_is_there_and_is_not(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect) as (sandbox, user):
        write("Acme,,,,,,")
        assert run(*IMPORT).code == 0
        time.sleep(60)
        sandbox.watch = lambda request, answer: not_found(request) if request.method == "DELETE" else answer(request)
        ran = run(*UNDO)
        assert (ran.code, len(ran.json["left"]), len(leads_held(user))) == (4, 1, 1)


@pytest.mark.parametrize("on", ["PUT /api/v1/lead/", "PUT /api/v1/contact/", "DELETE /api/v1/contact/"])
def test_what_is_not_found_for_a_moment_is_taken_back_all_the_same(
    run: Run, write: Write, clock: Clock, connect: Any, on: str
) -> None:
    with opened(clock, connect) as (sandbox, user):
        user.made("/lead/", name="Acme", contacts=[{"name": "Ann", "emails": [{"email": "ann@x.com"}]}])
        time.sleep(3)
        before = leads_held(user)
        write("Acme,Ann,ann@x.com,415 555 0100,,,CA", BEE)
        assert run(*IMPORT).code == 0
        time.sleep(60)
        with sandbox.troubled([Fault("404-passing", on=on, times=1)]):
            ran = run(*UNDO)
        assert (ran.code, ran.json["restored"], leads_held(user) == before) == (0, 1, True)


def test_a_double_lead_that_is_not_found_for_a_moment_goes_in_the_end(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect, late_seconds=600) as (sandbox, user):
        write("Acme,,,,,7,", "Beta,,,,,8,")
        with sandbox.troubled([LATE_LEAD]):
            assert run(*IMPORT, "--workers", "1").code == 0
        time.sleep(600)
        assert len(leads_held(user)) == 3
        time.sleep(3)
        with sandbox.troubled([Fault("404-passing", on="DELETE /api/v1/lead/", times=1)]):
            run(*IMPORT)
        assert run(*IMPORT).code == 0
        assert len(leads_held(user)) == 2


def test_a_lead_that_was_there_twice_gets_a_value_for_which_there_is_no_field_yet(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect, late_seconds=600) as (sandbox, user):
        write("Acme,,,,,,", "Beta,,,,,,")
        with sandbox.troubled([LATE_LEAD]):
            assert run(*IMPORT, "--workers", "1").code == 0
        time.sleep(600)
        assert len(leads_held(user)) == 3
        time.sleep(3)
        write("Acme,,,,,7,")
        assert run(*IMPORT).code == 0
        (acme,) = (lead for lead in leads_held(user).values() if lead["name"] == "ACME")
        assert 7 in acme.values()


@pytest.mark.parametrize("what", ["contact", "field"])
def test_another_double_that_is_not_found_for_a_moment_goes_in_the_end(
    run: Run, write: Write, clock: Clock, connect: Any, what: str
) -> None:
    on = {"contact": "/api/v1/contact/", "field": "/api/v1/custom_field/lead/"}[what]
    with opened(clock, connect, late_seconds=120) as (sandbox, user):
        acme = user.made("/lead/", name="Acme")["id"]
        time.sleep(3)
        write(BEE)
        with sandbox.troubled([Fault("late", on=f"POST {on}", times=1)]):
            assert run(*IMPORT).code == 0
        time.sleep(120)
        with sandbox.troubled([Fault("404-passing", on=f"DELETE {on}", times=1)]):
            assert run(*IMPORT).code == 0
        assert run(*IMPORT).code == 0
        fields = user.get("/custom_field_schema/lead/").json()["fields"]
        assert (len(leads_held(user)[acme]["contacts"]), len(fields)) == (1, 1)


# Between a reading and what rests on it -------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["older", "newer"])
def test_one_of_two_copies_stays_although_somebody_deletes_the_other_one(
    run: Run, write: Write, clock: Clock, connect: Any, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    monkeypatch.setattr("commands.environment.LIST_LAG", 10.0)
    with opened(clock, connect, late_seconds=600) as (sandbox, user):
        write("Acme,,,,,7,", "Beta,,,,,8,")
        with sandbox.troubled([LATE_LEAD]):
            assert run(*IMPORT, "--workers", "1").code == 0
        time.sleep(600)
        copies = [lead_id for lead_id, lead in leads_held(user).items() if lead["name"] == "ACME"]
        time.sleep(3)
        goes = copies[0 if who == "older" else 1]
        act = lambda _: user.delete(f"/lead/{goes}/").raise_for_status()  # noqa: E731 - it is one expression
        at(sandbox, "GET /api/v1/activity/", act, about=copies[1])
        assert run(*IMPORT).code == 0
        assert [lead["name"] for lead in leads_held(user).values()].count("ACME") == 1


def test_a_second_contact_that_is_edited_while_lists_are_read_stays(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect, late_seconds=120) as (sandbox, user):
        acme = with_late_contact(run, write, sandbox, user)
        newest = newest_contact(user, acme)

        def edit(_: HttpRequest) -> None:
            user.put(f"/contact/{newest}/", json={"title": "Director"}).raise_for_status()

        at(sandbox, "GET /api/v1/opportunity/", edit)
        ran = run(*IMPORT)
        assert ran.code == 4
        assert "is there twice because an answer from Close was lost, and one has since been changed" in ran.err
        assert "Director" in [contact["title"] for contact in leads_held(user)[acme]["contacts"]]


def test_a_second_note_that_is_edited_while_close_lets_us_wait_stays(run: Run, clock: Clock, connect: Any) -> None:
    with opened(clock, connect, late_seconds=70) as (sandbox, user):
        waiting = Waiting(user)
        lead_id = waiting.lead("123")
        time.sleep(3)
        with sandbox.troubled([Fault("late", on="POST /api/v1/activity/note/", times=1)]):
            assert run(*QUALIFY).code == 0
        time.sleep(70)

        def edit(request: HttpRequest) -> Reply:
            note_id = request.path.rstrip("/").rpartition("/")[2]
            user.put(f"/activity/note/{note_id}/", json={"note": "What they said"}).raise_for_status()
            return Reply.of(429, {}, {"Retry-After": "60", "RateLimit": "limit=10, remaining=0, reset=60"})

        at(sandbox, "DELETE /api/v1/activity/note/", edit)
        assert run(*QUALIFY).code == 0
        assert "What they said" in [note["note"] for note in waiting.notes(lead_id)]


def test_a_value_that_search_does_not_show_yet_keeps_its_field(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect, index_lag=15, late_seconds=300) as (sandbox, user):
        write("Acme,,,,,,")
        with sandbox.troubled([Fault("late", on="POST /api/v1/custom_field/lead/", times=1)]):
            assert run(*IMPORT).code == 0
        time.sleep(300)
        fields = user.get("/custom_field_schema/lead/").json()["fields"]
        key = f"custom.{max(fields, key=lambda field: field['date_created'])['id']}"
        beta = user.made("/lead/", name="Beta", **{key: "kept"})["id"]
        ran = run(*IMPORT)
        assert leads_held(user)[beta][key] == "kept"
        assert ran.err.count("Close has a second lead custom field") == 1


def test_the_same_person_whom_a_colleague_adds_is_not_ours(run: Run, write: Write, clock: Clock, connect: Any) -> None:
    with opened(clock, connect, colleagues=["theirs"]) as (sandbox, _), RawClose(sandbox, "theirs") as colleague:
        acme = colleague.made("/lead/", name="Acme")["id"]
        time.sleep(3)
        write(BEE)

        def add(_: HttpRequest) -> Reply:
            emails = [{"email": "bee@x.com", "type": "office"}]
            colleague.made("/contact/", lead_id=acme, name="BEE", emails=emails)
            return Reply.of(504, {})

        at(sandbox, CONTACT, add)
        assert run(*IMPORT).code == 0
        time.sleep(60)
        run(*UNDO)
        assert [contact["name"] for contact in leads_held(colleague)[acme]["contacts"]] == ["BEE"]


def test_a_contact_without_its_refused_value_is_what_was_sent(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    refusal = {"field-errors": {"emails": {"errors": {"1": {"email": "Invalid email address."}}}}}
    with opened(clock, connect, late_seconds=25) as (sandbox, user):
        acme = user.made("/lead/", name="Acme")["id"]
        time.sleep(3)
        write("Acme,Bee,bee@x.com; bad@x.com,,,,")
        sent: list[str] = []

        def refuse(request: HttpRequest, answer: Answer) -> Reply | None:
            if f"{request.method} {request.path}" != CONTACT:
                return answer(request)
            if b"bad@x.com" in (request.body or b""):
                return Reply.of(400, refusal)
            sent.append(CONTACT)
            if len(sent) > 1:
                return answer(request)
            sandbox._deeds.add(25, lambda: answer(request))
            return None

        sandbox.watch = refuse
        assert run(*IMPORT).json["values_dropped"] == 1
        time.sleep(60)
        assert (len(sent), len(leads_held(user)[acme]["contacts"])) == (2, 1)
        assert run(*UNDO).json["restored"] == 1
        assert leads_held(user)[acme]["contacts"] == []


# Between two commands -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["edited", "deleted"])
def test_a_lead_that_a_run_created_and_then_filled_is_undone_or_left_once(
    run: Run, write: Write, clock: Clock, connect: Any, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr("commands.environment.LIST_LAG", 10.0)
    with opened(clock, connect) as (sandbox, user):
        write("Acme,,,,,,")
        with monkeypatch.context() as patch:
            patch.setattr("importing.import_file.note_result", lambda _: None)
            assert run(*IMPORT).code == 0
        time.sleep(70)
        write(BEE)
        assert run(*IMPORT).code == 0
        time.sleep(60)
        (lead_id,) = leads_held(user)
        if what == "edited":
            user.put(f"/lead/{lead_id}/", json={"description": "Hello"}).raise_for_status()
        else:
            user.delete(f"/lead/{lead_id}/").raise_for_status()
            hidden = Reply.of(403, {"error": "no"})
            sandbox.watch = lambda request, answer: hidden if "/event/" in request.path else answer(request)
        assert run(*UNDO).code == (4 if what == "edited" else 0)


@pytest.mark.parametrize("what", ["undo", "contact"])
def test_a_clock_that_was_set_back_costs_one_wait_at_most(
    run: Run, write: Write, clock: Clock, connect: Any, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr("commands.environment.LIST_LAG", 10.0)
    with opened(clock, connect) as (_, user):
        command = UNDO
        if what == "undo":
            write("Acme,,,,,,")
            assert run(*IMPORT).code == 0
        else:
            user.made("/lead/", name="Acme")
            time.sleep(3)
            write(BEE)
            cut_off(run, "create_contact", *IMPORT)
            command = IMPORT
        time.sleep(100)
        wall = time.time
        monkeypatch.setattr(time, "time", lambda: wall() - 1000)
        began = clock()
        assert run(*command).code == 0
        assert clock() - began < 60


@pytest.mark.parametrize("became", ["changed", "merged"])
def test_an_undo_lists_a_lead_whose_answer_was_lost_and_that_is_not_ours_any_more(
    run: Run, write: Write, clock: Clock, connect: Any, became: str
) -> None:
    with opened(clock, connect, event_data_seconds=0) as (_, user):
        write(BEE)
        cut_off(run, "create_lead", *IMPORT, after=True)
        (lead_id,) = leads_held(user)
        if became == "changed":
            user.put(f"/lead/{lead_id}/", json={"description": "Hello"}).raise_for_status()
        else:
            other = user.made("/lead/", name="Other")["id"]
            user.made("/lead/merge/", source=lead_id, destination=other)
            lead_id = other
        time.sleep(100)
        ran = run(*UNDO)
        assert (ran.code, [left["lead_id"] for left in ran.json["left"]]) == (4, [lead_id])


def test_a_delete_whose_answers_stay_lost_may_have_been_carried_out(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect) as (sandbox, _):
        write("Acme,,,,,,")
        assert run(*IMPORT).code == 0
        time.sleep(60)
        sandbox.watch = lambda request, answer: None if request.method == "DELETE" else answer(request)
        ran = run(*UNDO)
        assert (ran.code, states()) == (5, ["undoing"])
        assert "answers were lost" in ran.err


def test_a_lead_with_a_note_that_was_repeated_may_be_deleted(run: Run, clock: Clock, connect: Any) -> None:
    with opened(clock, connect, late_seconds=70) as (sandbox, user):
        waiting = Waiting(user)
        lead_id = waiting.lead("123")
        time.sleep(3)
        with sandbox.troubled([Fault("late", on="POST /api/v1/activity/note/", times=1)]):
            assert run(*QUALIFY).code == 0
        user.delete(f"/lead/{lead_id}/").raise_for_status()
        waiting.lead("125")
        refusal = Reply.of(400, {"error": "Lead matching query does not exist."})
        sandbox.watch = lambda request, answer: refusal if lead_id in request.query else answer(request)
        for _ in range(2):
            time.sleep(100)
            assert run(*QUALIFY).code == 0


def test_what_is_undetermined_is_not_called_created(run: Run, write: Write, clock: Clock, connect: Any) -> None:
    """A lead is found after its answer was lost; its contact is gone by then, and can't be added again."""
    with opened(clock, connect) as (sandbox, user):
        write(BEE)

        def lose(request: HttpRequest, answer: Answer) -> Reply | None:
            said = f"{request.method} {request.path}"
            if said == CONTACT:
                return None
            reply = answer(request)
            if said == "POST /api/v1/lead/" and reply:
                contact = json.loads(reply.body)["contacts"][0]["id"]
                sandbox.watch = plain
                user.delete(f"/contact/{contact}/").raise_for_status()
                sandbox.watch = lose
                return None
            return reply

        sandbox.watch = lose
        ran = run(*IMPORT)
        assert (ran.code, ran.json["leads"]["undetermined"]) == (5, 1)


def test_what_an_earlier_run_made_twice_is_told_once_and_needs_somebody(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect, late_seconds=120) as (sandbox, user):
        acme = with_late_contact(run, write, sandbox, user)
        user.put(f"/contact/{newest_contact(user, acme)}/", json={"title": "Director"}).raise_for_status()
        assert run(*IMPORT, "--quiet").code == 4
        assert run(*IMPORT).code == 0
        assert len(named(leads_held(user), "Acme")["contacts"]) == 2


def test_a_rehearsal_does_not_wait_for_a_row_that_was_fixed(run: Run, write: Write, clock: Clock, connect: Any) -> None:
    with opened(clock, connect) as (_, user):
        write("Acne,,,,,,")
        cut_off(run, "create_lead", *IMPORT, after=True)
        write("Acme,,,,,,")
        began, held = clock(), leads_held(user)
        assert run(*IMPORT, "--dry-run").code == 0
        assert (leads_held(user), clock() - began < 5) == (held, True)


def test_one_wait_is_enough_for_many_contacts_that_came_late(
    run: Run, write: Write, clock: Clock, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commands.environment.LIST_LAG", 10.0)
    with opened(clock, connect, late_seconds=120) as (sandbox, user):
        for number in range(8):
            user.made("/lead/", name=f"Company {number}")
        time.sleep(3)
        write(*(f"Company {number},Bee,bee{number}@x.com,,,," for number in range(8)))
        with sandbox.troubled([Fault("late", on=CONTACT, times=8)]):
            assert run(*IMPORT).code == 0
        time.sleep(300)
        began = clock()
        assert run(*IMPORT).code == 0
        assert clock() - began < 25
        assert [len(lead["contacts"]) for lead in leads_held(user).values()] == [1] * 8


def test_a_new_import_a_day_later_neither_waits_nor_talks_of_what_was_sent_again(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect) as (sandbox, _):
        write("Acme,,,,,7,", "Beta,,,,,8,")
        with sandbox.troubled([Fault("drop-before", on="POST /api/v1/lead/", times=1)]):
            assert run(*IMPORT, "--workers", "1").code == 0
        time.sleep(1000)
        began = clock()
        ran = run(*IMPORT)
        assert (ran.code, "sent again" in ran.err) == (0, False)
        assert clock() - began < 5


# Requests that arrive after their process died, or after an undo ------------------------------------------------------


@pytest.mark.parametrize("then", ["import", "undo"])
def test_two_requests_for_a_contact_that_arrive_after_a_crash_leave_one(
    run: Run, write: Write, clock: Clock, connect: Any, then: str
) -> None:
    with opened(clock, connect, late_seconds=50) as (sandbox, user):
        acme = user.made("/lead/", name="Acme")["id"]
        time.sleep(3)
        write(BEE)
        real, sent = CloseClient.create_contact, []

        def create(*args: Any) -> Any:
            sent.append(CONTACT)
            try:
                return real(*args)
            finally:
                if len(sent) == 2:
                    raise Crash

        with sandbox.troubled([Fault("late", on=CONTACT, times=2)]), pytest.MonkeyPatch.context() as patch:
            patch.setattr(CloseClient, "create_contact", create)
            with pytest.raises(Crash):
                run(*IMPORT)
        time.sleep(60)
        assert len(leads_held(user)[acme]["contacts"]) == 2
        if then == "import":
            assert run(*IMPORT).code == 0
            assert len(leads_held(user)[acme]["contacts"]) == 1
        assert run(*UNDO).json["restored"] == 1
        assert leads_held(user)[acme]["contacts"] == []


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("then", ["import", "undo"])
def test_a_change_that_arrives_late_is_taken_back(
    run: Run, write: Write, clock: Clock, connect: Any, dies: bool, then: str
) -> None:
    with opened(clock, connect, late_seconds=30) as (sandbox, user):
        acme = user.made("/lead/", name="Acme")["id"]
        time.sleep(3)
        write("Acme,,,,,,CA")
        with sandbox.troubled([Fault("late", on="PUT /api/v1/lead/", times=1)]):
            if dies:
                cut_off(run, "update_lead", *IMPORT, after=True)
            else:
                assert run(*IMPORT).code == 0
        run_id = run("runs", "--json").json[-1]["run_id"]
        if then == "undo":
            ran = run("undo", run_id, "--index-lag", "5")
            assert ran.code == 0
            assert "run the undo again in" in ran.err
        time.sleep(60)
        assert then == "import" or leads_held(user)[acme]["addresses"]
        if then == "import":
            assert run(*IMPORT).code == 0
        assert run("undo", run_id, "--index-lag", "5").code == 0
        assert leads_held(user)[acme]["addresses"] == []


def test_a_lead_that_arrives_after_its_undo_is_deleted_by_the_next_undo(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect, late_seconds=600) as (sandbox, user):
        write(*(f"Company {number},,,,,," for number in range(12)))
        with sandbox.troubled([LATE_LEAD]):
            assert run(*IMPORT, "--workers", "1").code == 0
        ran = run(*UNDO)
        assert (ran.code, ran.json["deleted"], leads_held(user)) == (0, 12, {})
        time.sleep(600)
        assert len(leads_held(user)) == 1
        time.sleep(3)
        assert run("undo", ran.json["run_id"], "--json").json["deleted"] == 1
        assert leads_held(user) == {}


@pytest.mark.parametrize("list_lag", [0, 8])
def test_a_note_about_a_contact_that_is_written_right_before_the_last_reading_keeps_it(
    run: Run, write: Write, clock: Clock, connect: Any, monkeypatch: pytest.MonkeyPatch, list_lag: float
) -> None:
    monkeypatch.setattr("commands.environment.LIST_LAG", 10.0)
    with opened(clock, connect, list_lag=list_lag) as (sandbox, user):
        acme = user.made("/lead/", name="Acme")["id"]
        time.sleep(3)
        write(BEE)
        assert run(*IMPORT).code == 0
        time.sleep(60)
        (contact,) = leads_held(user)[acme]["contacts"]

        def work(_: HttpRequest) -> None:
            user.made("/activity/note/", lead_id=acme, contact_id=contact["id"], note="Called them")

        at(sandbox, "GET /api/v1/opportunity/", lambda _: at(sandbox, READING, work))
        assert run(*UNDO).code == 4
        assert len(leads_held(user)[acme]["contacts"]) == 1


class Power:
    """What a command needs to go on: it fails at the `number`th request or write to the journal, before it or after."""

    def __init__(self, number: int, *, after: bool) -> None:
        self.left, self.after = number, after

    def used_by(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def take(*args: Any, **more: Any) -> Any:
            self.left -= 1
            if self.left > 0:
                return step(*args, **more)
            if self.left == 0 and self.after:
                with contextlib.suppress(Exception):
                    step(*args, **more)
            raise Crash

        return take


@pytest.mark.parametrize("after", [False, True])
def test_an_import_after_an_undo_that_was_cut_off_anywhere_and_an_undo_of_it_end_well(
    run: Run, write: Write, clock: Clock, connect: Any, after: bool
) -> None:
    for number in itertools.count(1 + 4 * after, 8):
        shutil.rmtree("output_data", ignore_errors=True)
        with opened(clock, connect, index_lag=8) as (_, user):
            user.made("/lead/", name="Gamma")
            time.sleep(9)
            write("Acme,Bee,bee@x.com,,,,", "Beta,,,,,,", "Gamma,Cee,cee@x.com,,,,")
            assert run(*IMPORT).code == 0
            power = Power(number, after=after)
            with pytest.MonkeyPatch.context() as patch:
                for kind, name in ((CloseClient, "_request"), (Journal, "_write")):
                    patch.setattr(kind, name, power.used_by(getattr(kind, name)))
                with contextlib.suppress(Crash):
                    run(*UNDO)
            for command in (IMPORT, UNDO, IMPORT):
                assert run(*command).code == 0, (number, command)
            assert sorted(lead["name"] for lead in leads_held(user).values()) == ["ACME", "BETA", "Gamma"]
        if power.left > 0:
            return
