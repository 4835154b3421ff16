"""What a service says of everybody is not believed, and what it says against one request is told once."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox import Sandbox
from sandbox.close import PREFIX
from sandbox.wire import Reply
from tests.conftest import Run, Serve, trail_lines
from tests.misbehaving import (
    REFUSING_ID,
    REFUSING_TOKEN,
    SERVICES,
    Asked,
    after,
    also,
    body,
    of_people,
    said,
    unknown,
    with_status,
)
from tests.raw_close import RawClose
from tests.waiting_leads import Waiting
from tests.watched import Watched
from tests.what_close_holds import writes_to

FOUR = ("123", "124", "143", "144")


@pytest.fixture
def waiting(connected: Sandbox) -> Iterator[Waiting]:
    with RawClose(connected) as close:
        yield Waiting(close)


def records(asked: Asked) -> Iterator[bytes]:
    yield said({"id": asked.person_id, "records": [{"year": 2020}]})


# A 404 of everybody --------------------------------------------------------------------------------------------------


def test_a_round_in_which_the_registry_knows_nobody_is_not_written_back(
    run: Run, serve: Serve, waiting: Waiting, connected: Sandbox
) -> None:
    leads = [waiting.lead(person_id) for person_id in FOUR]
    server = serve(registry=unknown)
    before = writes_to(connected)
    for _ in range(2):
        ran = run("qualify", "--from-close", "--json")
        assert (ran.code, {verdict["outcome"] for verdict in ran.json}) == (4, {"not_prospect"})
        assert "status 404 about everybody (4 in all), as a wrong address does" in ran.err
        assert "Check REGISTRY_URL" in ran.err
        assert "4 leads: 4 withheld" in ran.err
    assert writes_to(connected) == before
    server.ways["registry"] = of_people(_124=unknown, _143=unknown, _144=unknown)
    assert run("qualify", "--from-close").code == 0
    assert [waiting.status(lead_id) for lead_id in leads] == ["Prospect", *["Not eligible"] * 3]
    assert [len(waiting.notes(lead_id)) for lead_id in leads] == [1] * 4


def test_a_round_of_three_unknown_people_is_written_back(run: Run, serve: Serve, waiting: Waiting) -> None:
    leads = [waiting.lead(person_id) for person_id in FOUR[:3]]
    waiting.lead("pending")
    waiting.lead("")
    serve(registry=unknown)
    ran = run("qualify", "--from-close")
    assert (ran.code, "status 404" in ran.err) == (4, False)
    assert {waiting.status(lead_id) for lead_id in leads} == {"Not eligible"}


@pytest.mark.parametrize("position", range(5))
def test_one_answer_that_tells_people_apart_is_enough_whenever_it_comes(
    run: Run, serve: Serve, waiting: Waiting, position: int
) -> None:
    people = [*FOUR[:position], "153", *FOUR[position:]]
    leads = {person_id: waiting.lead(person_id) for person_id in people}
    serve(registry=of_people(**{f"_{person_id}": unknown for person_id in FOUR}))
    ran = run("qualify", *people, "--write-back", "--workers", "1", "--json")
    assert (ran.code, [verdict["person_id"] for verdict in ran.json]) == (0, people)
    assert waiting.status(leads["153"]) == "Prospect"
    assert {waiting.status(leads[person_id]) for person_id in FOUR} == {"Not eligible"}


def test_a_plain_no_counts_as_an_answer_and_a_failure_does_not(run: Run, serve: Serve, waiting: Waiting) -> None:
    leads = [waiting.lead(person_id) for person_id in (*FOUR, "153")]
    server = serve(registry=of_people(**{f"_{person_id}": unknown for person_id in FOUR}, _153=body(b"<html>")))
    assert "4 withheld" in run("qualify", "--from-close").err
    assert {waiting.status(lead_id) for lead_id in leads} == {"To qualify"}
    server.ways["registry"] = of_people(**{f"_{person_id}": unknown for person_id in FOUR}, _153=also(exists=False))
    assert run("qualify", "--from-close").code == 0
    assert {waiting.status(lead_id) for lead_id in leads} == {"Not eligible"}


def test_who_has_records_is_declined_even_if_the_registry_knows_nobody(
    run: Run, serve: Serve, waiting: Waiting
) -> None:
    leads = [waiting.lead(person_id) for person_id in FOUR]
    serve(registry=unknown, judicial=of_people(_123=records))
    assert run("qualify", "--from-close").code == 4
    assert [waiting.status(lead_id) for lead_id in leads] == ["Not eligible", *["To qualify"] * 3]


def test_leads_of_one_person_are_one_person(run: Run, serve: Serve, waiting: Waiting) -> None:
    leads = [waiting.lead("123", [name]) for name in ("Ann Lee", "Eve Hall", "Tom Roth", "Ina Lang")]
    serve(registry=unknown)
    assert run("qualify", "--from-close").code == 0
    assert {waiting.status(lead_id) for lead_id in leads} == {"Not eligible"}


def test_what_a_round_did_not_get_to_is_no_reason_to_believe_a_404(
    run: Run, serve: Serve, waiting: Waiting, connected: Sandbox
) -> None:
    leads = [waiting.lead(person_id) for person_id in (*FOUR, "153")]
    serve(registry=of_people(_143=body(b"<html>"), _144=body(b""), _153=body(b"null"), _123=unknown, _124=unknown))
    assert run("qualify", "--from-close").code == 4
    assert {waiting.status(lead_id) for lead_id in leads} == {"To qualify"}


@pytest.mark.parametrize(
    "told", [{"name": "Ann Lee"}, {"birth_date": "1990-01-01"}, {"exists": 0}, {"exists": 1}, {"found": True}], ids=str
)
def test_a_404_that_describes_somebody_decides_nothing(run: Run, serve: Serve, told: dict[str, object]) -> None:
    serve(registry=lambda asked: [said({"id": asked.person_id, **told}, status=b"404 Not Found")])
    assert run("qualify", "123", "--json").json[0]["outcome"] == "undetermined"


def test_leads_that_a_round_did_not_get_to_count_as_people_of_it(
    run: Run, serve: Serve, waiting: Waiting, clock: Callable[[], float]
) -> None:
    leads = [waiting.lead(str(number)) for number in range(301, 311)]

    def slow(asked: Asked) -> Iterator[bytes]:
        yield from unknown(asked)
        time.sleep(2)

    serve(registry=slow)
    for _ in range(2):
        ran = run("qualify", "--from-close", "--deadline", "3", "--workers", "1")
        assert (ran.code, "--deadline 3 ran out" in ran.err) == (4, True)
    assert {waiting.status(lead_id) for lead_id in leads} == {"To qualify"}


def test_a_lead_that_close_refuses_to_show_holds_up_no_other(
    run: Run, serve: Serve, connect: Callable[[Sandbox], None]
) -> None:
    with Watched() as sandbox, RawClose(sandbox) as close:
        connect(sandbox)
        waiting = Waiting(close)
        odd, *others = [waiting.lead(str(number)) for number in range(301, 306)]
        serve()
        sandbox.watch = lambda request, answer: (
            Reply.of(400, {"errors": ["Odd."]})
            if (request.method, request.path) == ("GET", f"{PREFIX}/lead/{odd}/")
            else answer(request)
        )
        ran = run("qualify", "--from-close", "--workers", "1")
        assert (ran.code, f"lead/{odd}/: Close refused: Odd." in ran.err) == (4, True)
        assert {waiting.status(lead_id) for lead_id in others} == {"Prospect"}


def test_a_list_whose_people_are_all_unknown_is_told(run: Run, serve: Serve) -> None:
    serve(registry=unknown)
    ran = run("qualify", *FOUR)
    assert (ran.code, "Check REGISTRY_URL" in ran.err) == (0, True)
    assert "Check REGISTRY_URL" not in run("qualify", *FOUR[:3]).err


# A request that is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("status", REFUSING_ID)
def test_an_id_that_a_service_refuses_is_told_once_and_asked_about_again_only_when_it_changes(
    run: Run, serve: Serve, waiting: Waiting, service: str, status: str
) -> None:
    lead_id = waiting.lead("123")
    server = serve(**{service: of_people(_123=REFUSING_ID[status])})
    for _ in range(3):
        ran = run("qualify", "--from-close")
        assert (ran.code, "1 lead: 1 with an id that a service refuses" in ran.err) == (4, True)
    (note,) = waiting.notes(lead_id)
    assert "its National ID was refused in the " in note["note"]
    assert (waiting.status(lead_id), server.heard.requests[service]) == ("To qualify", 1)
    assert len(trail_lines(Path())) == 1
    assert run("qualify", "--from-close", "--again").code == 4
    assert (server.heard.requests[service], len(waiting.notes(lead_id))) == (2, 1)
    waiting.type_id(lead_id, "124")
    assert run("qualify", "--from-close").code == 0
    assert waiting.status(lead_id) == "Prospect"


def test_the_summary_of_a_list_names_who_refuses_how_many_ids(run: Run, serve: Serve) -> None:
    serve(registry=of_people(_124=REFUSING_ID["400 Bad Request"], _143=REFUSING_ID["400 Bad Request"]))
    ran = run("qualify", *FOUR)
    assert ran.code == 4
    assert "The registry check refuses the ids of 2 people (status 400 or 422)" in ran.err
    assert "status 400: it refuses this id" in ran.out


def test_a_service_that_refuses_everybody_gets_no_notes_written(
    run: Run, serve: Serve, waiting: Waiting, connected: Sandbox
) -> None:
    for person_id in FOUR:
        waiting.lead(person_id)
    serve(judicial=REFUSING_ID["422 Unprocessable Content"])
    before = writes_to(connected)
    ran = run("qualify", "--from-close")
    assert (ran.code, writes_to(connected)) == (4, before)
    assert "refused every id that it was asked about (4 in all), and said nothing else. Check JUDICIAL_URL" in ran.err


# A token that is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("status", REFUSING_TOKEN)
def test_a_service_that_refuses_its_token_is_not_asked_any_more(
    run: Run, serve: Serve, service: str, status: str
) -> None:
    server = serve(**{service: after(1, REFUSING_TOKEN[status])})
    ran = run("qualify", *FOUR, "--workers", "1", "--json")
    assert (ran.code, [verdict["outcome"] for verdict in ran.json]) == (3, ["prospect", *["undetermined"] * 3])
    assert server.heard.requests[service] == 2
    assert f"does not accept its token (status {status[:3]})" in ran.err
    assert f"Correct {service.upper()}_TOKEN" in ran.err


def test_leads_stay_where_a_token_is_refused_and_a_record_still_declines(
    run: Run, serve: Serve, waiting: Waiting
) -> None:
    leads = [waiting.lead(person_id) for person_id in ("123", "124")]
    serve(registry=with_status(b"401 Unauthorized"), judicial=of_people(_124=records))
    assert run("qualify", "--from-close").code == 3
    assert [waiting.status(lead_id) for lead_id in leads] == ["To qualify", "Not eligible"]


def test_a_watch_ends_where_a_token_is_refused(run: Run, serve: Serve, waiting: Waiting) -> None:
    waiting.lead("123")
    server = serve(score=with_status(b"403 Forbidden"))
    ran = run("qualify", "--from-close", "--watch", "60", "--json")
    assert (ran.code, server.heard.requests["score"]) == (3, 1)
    assert [verdict["outcome"] for verdict in json.loads(ran.out)] == ["undetermined"]
