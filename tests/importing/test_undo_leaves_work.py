"""An undo leaves what people did: on leads whose lists lag, with tasks of every kind, and on leads that were merged."""

import contextlib
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
from tests.what_close_holds import leads_held, named, people_on, requests_to

Clock = Callable[[], float]
Write = Callable[..., Path]

UNDO = ("undo", "last", "--json", "--index-lag", "5")


@pytest.fixture(autouse=True)
def lists(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Lists that commands do not trust for ten seconds, as with the real Close."""
    monkeypatch.setattr("commands.environment.LIST_LAG", 10.0)


@contextlib.contextmanager
def opened(clock: Clock, connect: Any, **settings: Any) -> Iterator[tuple[Watched, RawClose]]:
    with Watched(clock=clock, **settings) as sandbox, RawClose(sandbox, "key-of-a-user") as user:
        connect(sandbox)
        yield sandbox, user


WORK = [
    ("/activity/note/", {"note": "Called them"}),
    ("/task/", {"text": "Call them"}),
    ("/task/", {"text": "Call them", "_type": "outgoing_call"}),
    ("/opportunity/", {"value": 100}),
]


@pytest.mark.parametrize("seconds_before", [0, 30])
@pytest.mark.parametrize(("path", "body"), WORK)
def test_work_that_lists_do_not_show_yet_keeps_a_lead(
    run: Run, write: Write, clock: Clock, connect: Any, path: str, body: Any, seconds_before: float
) -> None:
    """Somebody works on a lead just before the undo; the list of it shows that eight seconds later."""
    with opened(clock, connect, list_lag=8) as (_, user):
        write("Acme,,,,,,")
        assert run("import", "leads.csv").code == 0
        time.sleep(seconds_before)
        (lead_id,) = leads_held(user)
        user.made(path, lead_id=lead_id, **body)
        ran = run(*UNDO)
        assert (ran.code, [left["lead_id"] for left in ran.json["left"]]) == (4, [lead_id])
        assert list(leads_held(user)) == [lead_id]


@pytest.mark.parametrize(("path", "body"), [WORK[0], WORK[3]])
def test_work_that_lists_do_not_show_yet_keeps_a_contact(
    run: Run, write: Write, clock: Clock, connect: Any, path: str, body: Any
) -> None:
    with opened(clock, connect, list_lag=8) as (_, user):
        acme = user.made("/lead/", name="Acme")
        write("Acme,Bee,bee@x.com,,,,")
        assert run("import", "leads.csv").code == 0
        time.sleep(30)
        (contact,) = leads_held(user)[acme["id"]]["contacts"]
        user.made(path, lead_id=acme["id"], contact_id=contact["id"], **body)
        ran = run(*UNDO)
        assert (ran.code, len(ran.json["left"])) == (4, 1)
        assert [name for name, _, _ in people_on(leads_held(user)[acme["id"]])] == ["BEE"]


def test_a_list_of_another_lead_that_a_proxy_repeats_hides_no_work(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    """Each list of activities is answered with the first one: what it lists is about another lead."""
    with opened(clock, connect) as (sandbox, user):
        write(*(f"Company {number},,,,,," for number in range(6)))
        assert run("import", "leads.csv").code == 0
        for lead_id in list(leads_held(user))[1:]:
            user.made("/activity/note/", lead_id=lead_id, note="Called them")
        time.sleep(60)
        with sandbox.troubled([Fault("doubled-answer", on="GET /api/v1/activity/")]):
            assert run(*UNDO).code == 5
        assert len(leads_held(user)) >= 5
        assert run(*UNDO).code == 4
        assert len(leads_held(user)) == 5


def test_one_wait_is_enough_for_all_leads_and_an_old_import_needs_none(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect, list_lag=8) as (sandbox, user):
        for seconds, least, most in ((0, 5, 20), (60, 0, 5)):
            write(*(f"Company {number},,,,,," for number in range(30)))
            assert run("import", "leads.csv").code == 0
            time.sleep(seconds)
            began, before = clock(), requests_to(sandbox)
            ran = run(*UNDO)
            assert (ran.json["deleted"], ran.code) == (30, 0)
            assert least <= clock() - began <= most
            assert ("Waiting" in ran.err) == (seconds == 0)
            assert sum((requests_to(sandbox) - before).values()) <= 30 * 5 + 4
        assert leads_held(user) == {}


def test_with_the_sandbox_inside_the_command_nothing_is_waited_for(run: Run, write: Write, clock: Clock) -> None:
    write("Acme,,,,,,")
    assert run("import", "leads.csv", "--sandbox").code == 0
    began = clock()
    assert run("undo", "last", "--sandbox", "--json").json["deleted"] == 1
    assert clock() - began < 5


# Leads that were merged ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("merge_seconds", [0, 3])
@pytest.mark.parametrize("event_lag", [0, 3])
def test_a_lead_that_was_merged_into_another_is_left_and_told(
    run: Run, write: Write, clock: Clock, connect: Any, merge_seconds: float, event_lag: float
) -> None:
    lags = {"index_lag": event_lag, "event_lag": event_lag, "merge_seconds": merge_seconds}
    with opened(clock, connect, **lags) as (_, user):
        write("Acme,Ann,ann@x.com,,,,", "Beta,,,,,,")
        assert run("import", "leads.csv", "--index-lag", "5").code == 0
        time.sleep(60)
        ours = named(leads_held(user), "ACME")["id"]
        theirs = user.made("/lead/", name="Acme Holding")["id"]
        user.made("/lead/merge/", source=ours, destination=theirs)
        time.sleep(merge_seconds)
        ran = run(*UNDO)
        assert (ran.code, ran.json["deleted"]) == (4, 1)
        (left,) = ran.json["left"]
        assert left["lead_id"] == ours
        assert f"merged into https://app.close.com/lead/{theirs}/" in left["reason"]
        assert [name for name, _, _ in people_on(leads_held(user)[theirs])] == ["ANN"]


def test_a_filled_lead_that_was_merged_into_another_is_left_and_told(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect) as (_, user):
        acme = user.made("/lead/", name="Acme")["id"]
        write("Acme,Ann,ann@x.com,,,,")
        assert run("import", "leads.csv").code == 0
        time.sleep(60)
        theirs = user.made("/lead/", name="Acme Holding")["id"]
        user.made("/lead/merge/", source=acme, destination=theirs)
        ran = run(*UNDO)
        assert (ran.code, ran.json["restored"], len(ran.json["left"])) == (4, 0, 1)
        assert "merged into" in ran.json["left"][0]["reason"]
        assert [name for name, _, _ in people_on(leads_held(user)[theirs])] == ["ANN"]


@pytest.mark.parametrize("is_told", [True, False])
def test_leads_that_somebody_deleted_are_done_after_one_wait_at_most(
    run: Run, write: Write, clock: Clock, connect: Any, is_told: bool
) -> None:
    with opened(clock, connect) as (sandbox, user):
        write(*(f"Company {number},,,,,," for number in range(20)))
        assert run("import", "leads.csv").code == 0
        time.sleep(60)
        for lead_id in leads_held(user):
            user.delete(f"/lead/{lead_id}/").raise_for_status()

        def forget(request: HttpRequest, answer: Answer) -> Reply | None:
            if request.path.endswith("/event/") and not is_told:
                return Reply.of(403, {"error": "Not allowed."})
            return answer(request)

        sandbox.watch = forget
        began = clock()
        ran = run(*UNDO)
        assert (ran.code, ran.json["deleted"], ran.json["left"]) == (0, 20, [])
        assert clock() - began < (5 if is_told else 20)


def test_a_lead_that_is_not_found_for_a_moment_is_deleted_all_the_same(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect) as (sandbox, user):
        write("Acme,,,,,,", "Beta,,,,,,")
        assert run("import", "leads.csv").code == 0
        time.sleep(60)
        with sandbox.troubled([Fault("404-passing", on="GET /api/v1/lead/lead_", times=3)]):
            ran = run(*UNDO)
        assert (ran.code, ran.json["deleted"]) == (0, 2)
        assert leads_held(user) == {}
