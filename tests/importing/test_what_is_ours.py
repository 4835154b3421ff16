"""What counts as ours: what we sent, whoever else uses the same key, and whatever has become of it since."""

import contextlib
import json
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
from tests.what_close_holds import custom_ids, leads_held, people_on, requests_to

Clock = Callable[[], float]
Write = Callable[..., Path]

LEAD = "POST /api/v1/lead/"
LAG = ("--index-lag", "5")
LOST = Fault("drop-after", on=LEAD, times=1)
MINE = ("Acme,Ann,ann@x.com,,,7,",)


@contextlib.contextmanager
def opened(clock: Clock, connect: Any, **settings: Any) -> Iterator[tuple[Watched, RawClose]]:
    with Watched(clock=clock, **{"index_lag": 2, **settings}) as sandbox, RawClose(sandbox, "key-of-a-user") as user:
        connect(sandbox)
        yield sandbox, user


class OtherMachine:
    """Another machine with our key imports the same company: its lead gets there, and ours does not, or comes later.

    Its lead has our content, our key and our user, but for what `more` changes.
    """

    def __init__(self, sandbox: Watched, *, is_ours_made: bool, **more: Any) -> None:
        self._is_ours_made, self._more = is_ours_made, more
        self.lead_id = ""
        sandbox.watch = self._meddle

    def _meddle(self, request: HttpRequest, answer: Answer) -> Reply | None:
        if f"{request.method} {request.path}" != LEAD or self.lead_id:
            return answer(request)
        theirs = json.dumps({**json.loads(request.body or b""), **self._more}).encode()
        reply = answer(HttpRequest(request.method, request.path, request.query, request.headers, theirs))
        assert reply
        self.lead_id = json.loads(reply.body)["id"]
        if self._is_ours_made:
            answer(request)
        return None


BOB = {"name": "BOB", "emails": [{"type": "office", "email": "bob@x.com"}]}
ANN = {"name": "ANN", "emails": [{"type": "office", "email": "ann@x.com"}]}


@pytest.mark.parametrize(
    "more",
    [
        {"contacts": [ANN, BOB]},
        {"contacts": [BOB]},
        {"contacts": [{**ANN, "title": "CTO"}]},
        {"description": "From the fair"},
        {"addresses": [{"label": "business", "state": "NV", "country": "US"}]},
        {"url": "https://acme.example"},
    ],
)
def test_a_lead_of_another_machine_with_our_key_is_not_taken_for_ours(
    run: Run, write: Write, clock: Clock, connect: Any, more: Any
) -> None:
    with opened(clock, connect) as (sandbox, user):
        other = OtherMachine(sandbox, is_ours_made=False, **more)
        write(*MINE)
        ran = run("import", "leads.csv", "--json", *LAG)
        assert ran.code == 0
        assert requests_to(sandbox)["POST /lead/"] == 1
        undone = run("undo", "last", "--json", *LAG)
        assert (undone.json["deleted"], list(leads_held(user))) == (0, [other.lead_id])
        (lead,) = leads_held(user).values()
        contacts = [contact["name"] for contact in lead["contacts"]]
        assert set(contacts) >= {contact["name"] for contact in more.get("contacts", [ANN])}


def test_the_double_of_another_machine_stays_although_it_is_newer(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    """Both leads are there, with one key and one user: ours may go, the one that has more people may not."""
    with opened(clock, connect) as (sandbox, user):
        OtherMachine(sandbox, is_ours_made=True, contacts=[ANN, BOB])
        write(*MINE)
        assert run("import", "leads.csv", "--json", *LAG).code in (0, 4)
        people = [contact for lead in leads_held(user).values() for contact, _, _ in people_on(lead)]
        assert "BOB" in people
        run("undo", "last", *LAG)
        assert "BOB" in [contact for lead in leads_held(user).values() for contact, _, _ in people_on(lead)]


def test_what_close_writes_in_its_own_way_is_ours_all_the_same(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect) as (sandbox, user):

        def in_its_own_way(request: HttpRequest, answer: Answer) -> Reply | None:
            reply = answer(request)
            is_reading = reply and request.method == "GET" and request.path.startswith("/api/v1/lead/lead_")
            if not is_reading or not reply:
                return reply
            lead = json.loads(reply.body)
            for contact in lead["contacts"]:
                contact["emails"] = [{**item, "email": item["email"].upper()} for item in contact["emails"]]
            lead = {key: float(value) if value == 7 else value for key, value in lead.items()}
            return Reply.of(200, lead, reply.headers)

        sandbox.watch = in_its_own_way
        write(*MINE)
        with sandbox.troubled([LOST]):
            assert run("import", "leads.csv", "--json", *LAG).json["leads"]["created"] == 1
        sandbox.watch = lambda request, answer: answer(request)
        assert len(leads_held(user)) == 1


@pytest.mark.parametrize("index_lag", [2, 600])
@pytest.mark.parametrize("then", ["import", "undo"])
def test_a_run_that_a_colleague_carries_on_knows_whose_user_sent_what(
    run: Run, write: Write, clock: Clock, connect: Any, monkeypatch: pytest.MonkeyPatch, then: str, index_lag: float
) -> None:
    """Only the event log shows the lead at once if the index lags for long."""
    with opened(clock, connect, colleagues=["key-of-a-colleague"], index_lag=index_lag) as (sandbox, user):
        write(*MINE, "Beta,,,,,,")
        with sandbox.troubled([LOST]), monkeypatch.context() as patch:
            patch.setattr("importing.carry_out.settle", cut_off)
            assert run("import", "leads.csv", "--workers", "1", *LAG).code != 0
        monkeypatch.setenv("CLOSE_API_KEY", "key-of-a-colleague")
        if then == "import":
            ran = run("import", "leads.csv", "--json", *LAG)
            assert (ran.code, ran.json["leads"]["created"] + ran.json["leads"]["unchanged"]) == (0, 2)
            time.sleep(60)
        assert sandbox.report()["leads"] == 2
        assert run("undo", "last", "--json", *LAG).json["deleted"] == 2
        assert leads_held(user) == {}


# Where the event log hides what events hold ---------------------------------------------------------------------------


def test_a_lead_that_somebody_changed_is_not_noted_as_made_by_us_where_the_log_hides_what_was_made(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect, event_data_seconds=0) as (sandbox, user):
        write(*MINE)

        def change_it(request: HttpRequest, answer: Answer) -> Reply | None:
            reply = answer(request)
            if f"{request.method} {request.path}" == LEAD and reply:
                lead_id = json.loads(reply.body)["id"]
                sandbox.watch = lambda request, answer: answer(request)
                user.put(f"/lead/{lead_id}/", json={"description": "Our best customer"}).raise_for_status()
                return None
            return reply

        sandbox.watch = change_it
        ran = run("import", "leads.csv", "--json", *LAG)
        assert (ran.code, requests_to(sandbox)["POST /lead/"]) == (0, 1)
        assert run("undo", "last", "--json", *LAG).json["deleted"] == 0
        (lead,) = leads_held(user).values()
        assert lead["description"] == "Our best customer"


def test_a_lead_that_nobody_changed_is_ours_where_the_log_hides_what_was_made(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect, event_data_seconds=0) as (sandbox, user):
        write(*MINE)
        with sandbox.troubled([LOST]):
            assert run("import", "leads.csv", "--json", *LAG).json["leads"]["created"] == 1
        assert run("undo", "last", "--json", *LAG).json["deleted"] == 1
        assert leads_held(user) == {}


# Clocks --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [3600, -3600, 86_400])
def test_a_date_that_is_hours_off_makes_no_lead_somebody_elses(
    run: Run, write: Write, clock: Clock, connect: Any, ahead: float
) -> None:
    with opened(clock, connect, date_ahead=ahead) as (sandbox, user):
        write(*MINE, "Beta,,,,,,")
        with sandbox.troubled([LOST]):
            ran = run("import", "leads.csv", "--json", *LAG)
        assert (ran.code, ran.json["leads"]["created"]) == (0, 2)
        assert requests_to(sandbox)["POST /lead/"] == 2
        assert run("import", "leads.csv", "--json", *LAG).json["leads"]["unchanged"] == 2
        assert run("undo", "last", "--json", *LAG).json["deleted"] == 2
        assert leads_held(user) == {}


# Rows that were fixed while an answer was lost ------------------------------------------------------------------------


@pytest.mark.parametrize(("is_made", "told"), [(True, "created ACNE"), (False, "Close did not create it")])
def test_a_company_whose_row_was_fixed_after_its_answer_was_lost_is_looked_for_and_told(
    run: Run, write: Write, clock: Clock, connect: Any, is_made: bool, told: str
) -> None:
    lost = Fault("drop-after" if is_made else "drop-before", on=LEAD, times=1)
    with opened(clock, connect, event_lag=2) as (sandbox, user):
        write("Acne,,,,,,")
        sandbox.freeze_index()
        with sandbox.troubled([lost]), pytest.MonkeyPatch.context() as patch:
            patch.setattr("importing.carry_out.settle", cut_off)
            assert run("import", "leads.csv", *LAG).code != 0
        sandbox.thaw_index()
        write("Acme,,,,,,")
        ran = run("import", "leads.csv", "--json", *LAG)
        assert (ran.code, ran.json["leads"]["created"]) == (0, 1)
        assert told in ran.err
        assert "waiting" in ran.err.lower() or is_made
        names = sorted(lead["name"] for lead in leads_held(user).values())
        assert names == (["ACME", "ACNE"] if is_made else ["ACME"])
        (listed,) = run("runs", "--json").json
        assert listed["state"] == "finished"
        assert run("undo", "last", "--json", *LAG).json["deleted"] == len(names)


def cut_off(*_: Any) -> Any:
    """What a process that was killed while it looked for a lead has seen of it."""
    raise RuntimeError("killed")


def test_a_run_is_not_finished_while_such_a_company_is_unknown(
    run: Run, write: Write, clock: Clock, connect: Any
) -> None:
    with opened(clock, connect) as (sandbox, user):
        write("Acne,,,,,,")
        with sandbox.troubled([Fault("drop-before", on=LEAD, times=1)]):
            assert run("import", "leads.csv", *LAG).code == 5
        write("Acme,,,,,,")
        with sandbox.troubled([Fault("500", on="GET /api/v1/event/")]):
            ran = run("import", "leads.csv", "--json", *LAG)
        assert ran.code == 5
        assert "It is not known yet whether Close has ACNE" in ran.err or "Close gave no usable answer" in ran.err
        assert run("runs", "--json").json[0]["state"] == "unfinished"
        assert run("import", "leads.csv", "--json", *LAG).code == 0
        assert run("runs", "--json").json[0]["state"] == "finished"
        assert sorted(lead["name"] for lead in leads_held(user).values()) == ["ACME"]
        assert custom_ids(user)["Import Key"]
