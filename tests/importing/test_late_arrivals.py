"""Requests whose answers are lost and that Close carries out seconds or minutes later: nothing is there twice for good.

Nobody waits: a sleep of the command puts the clock of the sandbox forward.
"""

import contextlib
import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from close_client import CloseClient
from sandbox import Fault
from sandbox.wire import HttpRequest, Reply
from tests.conftest import Ran, Run
from tests.raw_close import RawClose
from tests.watched import Answer, Watched
from tests.what_close_holds import leads_held, named, people_on, requests_to

Clock = Callable[[], float]
Write = Callable[..., Path]

CONTACT, FIELD = "POST /api/v1/contact/", "POST /api/v1/custom_field/lead/"
LAG = ("--index-lag", "20")
ANN = ("Ann", ["ann@x.com"], ["+14155550100"])
BEE: tuple[str, list[str], list[str]] = ("BEE", ["bee@x.com"], [])
FILE = ("Acme,Bee,bee@x.com,,,,",)


@contextlib.contextmanager
def late(clock: Clock, connect: Any, on: str, seconds: float, times: int = 1) -> Iterator[tuple[Watched, RawClose]]:
    """A sandbox that carries out some requests so many seconds late, without an answer."""
    fault = Fault("late", on=on, times=times)
    with Watched(clock=clock, index_lag=2, late_seconds=seconds) as sandbox, RawClose(sandbox) as close:
        connect(sandbox)
        with sandbox.troubled([fault]):
            yield sandbox, close


def make_acme(close: RawClose) -> Any:
    person = {"name": "Ann", "emails": [{"email": "ann@x.com"}], "phones": [{"phone": "+14155550100"}]}
    acme = close.made("/lead/", name="Acme", contacts=[person])
    time.sleep(3)
    return acme


def import_it(run: Run, *more: str) -> Ran:
    return run("import", "leads.csv", "--json", *LAG, *more)


# Contacts ------------------------------------------------------------------------------------------------------------


def test_a_contact_that_arrives_within_the_lag_is_not_sent_again(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with late(clock, connect, CONTACT, seconds=15) as (sandbox, close):
        acme = make_acme(close)
        write(*FILE)
        ran = import_it(run)
        assert (ran.code, ran.json["leads"]["updated"]) == (0, 1)
        assert "answer was lost for new contacts of 1 lead" in ran.err
        assert re.search(r"up to 1\d s more", ran.err)
        assert "sent again" not in ran.err
        assert requests_to(sandbox)["POST /contact/"] == 1
        assert people_on(leads_held(close)[acme["id"]]) == [ANN, BEE]
        undone = run("undo", "last", "--json", *LAG)
        assert (undone.code, undone.json["restored"]) == (0, 1)
        assert people_on(leads_held(close)[acme["id"]]) == [ANN]


def test_a_contact_that_arrives_after_it_was_sent_again_is_removed_before_the_run_ends(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with late(clock, connect, CONTACT, seconds=25) as (sandbox, close):
        acme = make_acme(close)
        write(*FILE)
        ran = import_it(run)
        assert (ran.code, ran.json["leads"]["updated"]) == (0, 1)
        assert requests_to(sandbox)["POST /contact/"] == 2
        assert people_on(leads_held(close)[acme["id"]]) == [ANN, BEE]
        assert run("undo", "last", "--json", *LAG).json["restored"] == 1
        assert people_on(leads_held(close)[acme["id"]]) == [ANN]


@pytest.mark.parametrize("then", ["import", "import another file", "undo"])
def test_a_contact_that_arrives_after_the_run_is_removed_by_the_next_command(
    run: Run, write: Write, clock: Clock, connect: Any, then: str
) -> None:
    with late(clock, connect, CONTACT, seconds=120) as (_, close):
        acme = make_acme(close)
        write(*FILE)
        assert import_it(run).code == 0
        time.sleep(120)
        assert people_on(leads_held(close)[acme["id"]]) == [ANN, BEE, BEE]
        if then == "undo":
            assert run("undo", "last", "--json", *LAG).json["restored"] == 1
            assert people_on(leads_held(close)[acme["id"]]) == [ANN]
            return
        if then == "import another file":
            write("Beta,,,,,,")
        assert import_it(run).code == 0
        assert people_on(leads_held(close)[acme["id"]]) == [ANN, BEE]


@pytest.mark.parametrize("touch", ["title", "task"])
def test_a_second_contact_that_somebody_touched_stays_and_is_reported(
    run: Run, write: Write, clock: Clock, connect: Any, touch: str
) -> None:
    """Somebody gets at the contact that came late, while the command waits for duplicates to show."""
    with late(clock, connect, CONTACT, seconds=25) as (sandbox, close):
        acme = make_acme(close)
        write(*FILE)
        touched: list[str] = []

        def meddle(request: HttpRequest, answer: Answer) -> Reply | None:
            contacts = [] if touched or request.method != "GET" else close_contacts(sandbox, acme["id"])
            if len(contacts) == 3:
                touched.append(contacts[-1]["id"])
                put_title(sandbox, touched[0]) if touch == "title" else give_task(sandbox, acme["id"], touched[0])
            return answer(request)

        sandbox.watch = meddle
        ran = import_it(run)
        sandbox.watch = lambda request, answer: answer(request)
        assert (ran.code, len(touched)) == (4, 1)
        (line,) = read(ran.json["files"]["imported"])
        assert "BEE is there twice because an answer from Close was lost, and one has" in line
        assert len(leads_held(close)[acme["id"]]["contacts"]) == 3


def close_contacts(sandbox: Watched, lead_id: str) -> list[Any]:
    lead: Any = sandbox._account.store.find("lead", lead_id)
    return list(lead["contacts"])


def put_title(sandbox: Watched, contact_id: str) -> None:
    with RawClose(sandbox, "key-of-a-user") as user:
        sandbox.watch = lambda request, answer: answer(request)
        user.put(f"/contact/{contact_id}/", json={"title": "Director"}).raise_for_status()


def give_task(sandbox: Watched, lead_id: str, contact_id: str) -> None:
    with RawClose(sandbox, "key-of-a-user") as user:
        sandbox.watch = lambda request, answer: answer(request)
        user.made("/opportunity/", lead_id=lead_id, contact_id=contact_id)


def read(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()[1:]


def test_a_contact_sent_by_a_process_that_died_is_waited_for_by_the_next(
    run: Run, write: Write, clock: Clock, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with late(clock, connect, CONTACT, seconds=15) as (sandbox, close):
        acme = make_acme(close)
        write(*FILE)
        create = CloseClient.create_contact

        class Crash(BaseException):
            pass

        def crash(*args: Any) -> Any:
            with contextlib.suppress(Exception):
                create(*args)
            raise Crash

        with monkeypatch.context() as patch, pytest.raises(Crash):
            patch.setattr(CloseClient, "create_contact", crash)
            import_it(run)
        ran = import_it(run)
        assert (ran.code, requests_to(sandbox)["POST /contact/"]) == (0, 1)
        assert people_on(leads_held(close)[acme["id"]]) == [ANN, BEE]
        assert run("undo", "last", "--json", *LAG).json["restored"] == 1
        assert people_on(leads_held(close)[acme["id"]]) == [ANN]


# Custom fields -------------------------------------------------------------------------------------------------------


def fields_named(close: RawClose, name: str) -> list[Any]:
    fields = close.get("/custom_field_schema/lead/").json()["fields"]
    return [field for field in fields if field["name"] == name]


@pytest.mark.parametrize(("seconds", "sent"), [(15, 1), (25, 2)])
def test_a_field_that_arrives_late_is_there_once(
    run: Run, write: Write, clock: Clock, connect: Any, seconds: float, sent: int
) -> None:
    with late(clock, connect, FIELD, seconds) as (sandbox, close):
        write("Acme,,,,,7,")
        assert import_it(run).code == 0
        assert requests_to(sandbox)["POST /custom_field/lead/"] == sent + 1
        time.sleep(30)
        assert import_it(run).code == 0
        assert [len(fields_named(close, name)) for name in ("Import Key", "Company Revenue")] == [1, 1]
        (lead,) = leads_held(close).values()
        assert lead[f"custom.{fields_named(close, 'Company Revenue')[0]['id']}"] == 7


def delay_each_field_once(sandbox: Watched, seconds: float) -> None:
    """Carry out the first request for each custom field so much later, without an answer."""
    seen: set[str] = set()

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        name = json.loads(request.body or b"{}").get("name")
        if f"{request.method} {request.path}" != FIELD or name in seen:
            return answer(request)
        seen.add(name)
        sandbox._deeds.add(seconds, lambda: answer(request))
        return None

    sandbox.watch = watch


def test_a_field_that_arrives_after_the_run_hinders_no_later_one(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with late(clock, connect, FIELD, seconds=300, times=0) as (sandbox, close):
        delay_each_field_once(sandbox, 300)
        write("Acme,,,,,7,")
        assert import_it(run).code == 0
        time.sleep(300)
        assert [len(fields_named(close, name)) for name in ("Import Key", "Company Revenue")] == [2, 2]
        assert run("import", "leads.csv", "--dry-run").code == 0
        assert [len(fields_named(close, name)) for name in ("Import Key", "Company Revenue")] == [2, 2]
        ran = import_it(run)
        assert (ran.code, ran.json["leads"]["unchanged"]) == (0, 1)
        assert [len(fields_named(close, name)) for name in ("Import Key", "Company Revenue")] == [1, 1]


def test_a_second_field_that_a_lead_fills_stays_and_is_told(run: Run, write: Write, clock: Clock, connect: Any) -> None:
    with late(clock, connect, FIELD, seconds=300, times=0) as (sandbox, close):
        delay_each_field_once(sandbox, 300)
        write("Acme,,,,,7,")
        assert import_it(run).code == 0
        time.sleep(300)
        second = max(fields_named(close, "Company Revenue"), key=lambda field: field["date_created"])
        close.made("/lead/", name="Beta", **{f"custom.{second['id']}": 9})
        time.sleep(3)
        ran = import_it(run)
        assert (ran.code, ran.json["leads"]["unchanged"]) == (0, 1)
        assert f"Close has a second lead custom field named 'Company Revenue' ({second['id']})" in ran.err
        assert len(fields_named(close, "Company Revenue")) == 2


def test_an_answer_about_another_field_fills_no_wrong_one(run: Run, write: Write, clock: Clock, connect: Any) -> None:
    with late(clock, connect, FIELD, seconds=1, times=0) as (sandbox, close):
        write("Acme,,,,15.06.2000,7,")
        with sandbox.troubled([Fault("doubled-answer", on=FIELD)]):
            assert import_it(run).code == 0
        (lead,) = leads_held(close).values()
        values = {name: fields_named(close, name)[0]["id"] for name in ("Company Founded", "Company Revenue")}
        assert [lead[f"custom.{field_id}"] for field_id in values.values()] == ["2000-06-15", 7]
        assert all(len(fields_named(close, name)) == 1 for name in (*values, "Import Key"))


# Leads ---------------------------------------------------------------------------------------------------------------


def test_the_answer_about_a_lead_that_was_undone_is_not_taken_for_the_one_about_its_successor(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with Watched(clock=clock, index_lag=2) as sandbox, RawClose(sandbox) as close:
        connect(sandbox)
        write("Acme,,,,,7,")
        assert import_it(run).code == 0
        assert (run("undo", "last", *LAG).code, leads_held(close)) == (0, {})
        with sandbox.troubled([Fault("doubled-answer", on="POST /api/v1/lead/")]):
            assert import_it(run).json["leads"]["created"] == 1
        (lead_id,) = leads_held(close)
        assert lead_id in Path("output_data/leads_imported.csv").read_text(encoding="utf-8")
        assert (run("undo", "last", *LAG).code, leads_held(close)) == (0, {})


@pytest.mark.parametrize("then", ["the same file", "another file", "undo"])
def test_a_lead_that_arrives_after_the_run_is_removed_by_the_next_command(
    run: Run, write: Write, clock: Clock, connect: Any, then: str
) -> None:
    with late(clock, connect, "POST /api/v1/lead/", seconds=600) as (sandbox, close):
        write("Acme,,,,,7,", "Beta,,,,,8,")
        assert import_it(run, "--workers", "1").code == 0
        time.sleep(600)
        assert sandbox.report()["leads"] == 3
        time.sleep(3)
        if then == "undo":
            assert run("undo", "last", "--json", *LAG).json["deleted"] == 2
            assert leads_held(close) == {}
            return
        if then == "another file":
            write("Gamma,,,,,,")
        assert import_it(run).code == 0
        held = leads_held(close)
        assert sorted(lead["name"] for lead in held.values())[:2] == ["ACME", "BETA"]
        assert len([lead for lead in held.values() if lead["name"] == "ACME"]) == 1
        assert named(held, "ACME")


def test_a_lead_that_arrives_twice_after_its_row_was_fixed_is_there_once(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    """Nothing looks for the lead by its row any more, only by what the journal knows."""
    with Watched(clock=clock, index_lag=2) as sandbox, RawClose(sandbox) as close:
        connect(sandbox)
        stuck: list[Callable[[], object]] = []

        def delay(request: HttpRequest, answer: Answer) -> Reply | None:
            if request.path != "/api/v1/lead/" or b"ACNE" not in (request.body or b""):
                return answer(request)
            stuck.append(lambda: answer(request))
            return None

        sandbox.watch = delay
        write("Acne,,,,,7,", "Beta,,,,,8,")
        assert import_it(run, "--workers", "1").code == 5
        assert len([arrive() for arrive in stuck]) == 2
        time.sleep(3)
        write("Acme,,,,,7,", "Beta,,,,,8,")
        ran = import_it(run)
        assert (ran.code, ran.json["leads"]["created"]) == (0, 1)
        assert sorted(lead["name"] for lead in leads_held(close).values()) == ["ACME", "ACNE", "BETA"]
        assert "created ACNE from a row" in ran.err
        assert "removed from Close: 1" in ran.err


def test_a_journal_of_an_earlier_version_gets_what_it_lacks(run: Run, write: Write, clock: Clock, connect: Any) -> None:
    with late(clock, connect, CONTACT, seconds=1, times=0) as (_, close):
        write("Acme,,,,,7,")
        assert import_it(run).code == 0
        forget_new_columns(Path("output_data/journal.sqlite"))
        time.sleep(60)
        assert import_it(run).json["leads"]["unchanged"] == 1
        assert run("undo", "last", "--json", *LAG).json["deleted"] == 1
        assert leads_held(close) == {}


def forget_new_columns(path: Path) -> None:
    """Make a journal as earlier versions did."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        for table, columns in {
            "leads": ("bodies", "sender", "last_sent"),
            "changes": ("sender", "last_sent"),
            "fields": ("sends", "sender", "last_sent"),
            "verdicts": ("repeats", "last_sent"),
        }.items():
            for column in columns:
                database.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        database.commit()


def test_a_lead_that_arrives_when_it_had_been_taken_for_absent_is_known_as_ours(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    """It takes longer than ten lags, and its run is undone before: the next run that meets it can be undone, too."""
    with late(clock, connect, "POST /api/v1/lead/", seconds=500) as (sandbox, close):
        write("Acme,Ann,ann@x.com,,,,CA")
        assert import_it(run).code == 5
        undone = run("undo", "last", "--json", *LAG)
        assert (undone.code, sandbox.report()["leads"]) == (0, 0)
        time.sleep(500)
        assert sandbox.report()["leads"] == 1
        time.sleep(3)  # until search shows it
        again = import_it(run)
        assert (again.code, again.json["leads"]["created"], sandbox.report()["leads"]) == (0, 1, 1)
        undone = run("undo", "last", "--json", *LAG)
        assert (undone.code, undone.json["deleted"], leads_held(close)) == (0, 1, {})


def test_a_lead_that_arrives_while_another_is_waited_for_is_not_sent_again(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    """It had been taken for absent by then, because it took longer than ten lags."""
    with late(clock, connect, "POST /api/v1/lead/", seconds=300) as (sandbox, close):
        write("Acme,Ann,ann@x.com,,,,CA")
        assert import_it(run).code == 5
        write("Acme,Ann,ann@x.com,,,,CA", "Beta,,,,,,")
        with sandbox.troubled([Fault("drop-before", on="POST /api/v1/lead/", times=1)]):
            ran = import_it(run)
        assert (ran.code, ran.json["leads"]["created"], ran.json["leads"]["undetermined"]) == (5, 1, 1)
        assert requests_to(sandbox)["POST /lead/"] == 2
        assert [lead["name"] for lead in leads_held(close).values()] == ["ACME"]
