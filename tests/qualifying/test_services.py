"""How services are asked, over real sockets: again within the deadline, never after an answer, nobody twice."""

import io
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import main
from sandbox import Sandbox
from tests.conftest import Run, Serve, trail_lines
from tests.misbehaving import (
    Way,
    about_a_number,
    about_another,
    after,
    also,
    body,
    cut_in_head,
    first,
    hung_up,
    literal,
    of_people,
    raw,
    refused,
    reset,
    silent,
    unknown,
    with_status,
    without,
)
from tests.raw_close import RawClose
from tests.waiting_leads import Waiting
from tests.what_close_holds import writes_to

PERSON = "123"
DOWN = with_status(b"503 Service Unavailable")
NOT_FOUND = unknown
NO_PAGE, NOTHING, OF_ANOTHER = (
    raw(b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content))
    for content in (b"<html>no such page</html>", b"", b'{"id": "124"}')
)


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Put something onto standard input."""

    def put(content: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    return put


def checked(run: Run, *argv: str) -> Any:
    """The one verdict that a command shows."""
    (verdict,) = run("qualify", *argv, "--json").json
    return verdict


# Again, or not


@pytest.mark.parametrize("service", ["registry", "judicial", "score"])
@pytest.mark.parametrize("way", [DOWN, reset, hung_up], ids=["503", "reset", "hung up"])
def test_a_service_that_fails_twice_and_then_answers_decides(run: Run, serve: Serve, service: str, way: Way) -> None:
    server = serve(**{service: first(2, way)})
    verdict = checked(run, PERSON)
    assert (verdict["outcome"], verdict["result"]) == ("prospect", 73)
    attempts = {name: check["attempts"] for name, check in verdict["checks"].items()}
    assert attempts == {"registry": 1, "judicial": 1, "score": 1, service: 3}
    assert server.heard.requests == attempts


@pytest.mark.parametrize(
    ("service", "way", "outcome"),
    [
        ("registry", literal(b"false"), "not_prospect"),
        ("registry", NOT_FOUND, "not_prospect"),
        ("judicial", literal(b'[{"case": 1}]'), "not_prospect"),
        ("score", literal(b"60"), "not_prospect"),
        ("registry", body(b"{}"), "undetermined"),
        ("judicial", NOT_FOUND, "undetermined"),
        *(("registry", way, "undetermined") for way in (with_status(b"404 Not Found"), NO_PAGE, NOTHING, OF_ANOTHER)),
    ],
)
def test_after_an_answer_nobody_asks_again(run: Run, serve: Serve, service: str, way: Way, outcome: str) -> None:
    server = serve(**{service: first(1, way)})  # the second time everything would be well
    assert checked(run, PERSON)["outcome"] == outcome
    assert server.heard.requests[service] == 1


@pytest.mark.parametrize("status", [b"429 Too Many Requests", b"503 Service Unavailable"])
@pytest.mark.parametrize(
    ("seconds", "headers"),
    [
        *((float(seconds), [b"Retry-After: " + seconds]) for seconds in (b"0", b"0.1", b"2")),
        (3.0, [b"Retry-After: Wed, 21 Oct 2099 07:28:03 GMT", b"Date: Wed, 21 Oct 2099 07:28:00 GMT"]),
        (3.0, [b"Retry-After: Wed Oct 21 07:28:03 2015", b"Date: Wed, 21 Oct 2015 07:28:00 GMT"]),
    ],
)
def test_no_attempt_begins_before_the_service_wants_it(
    run: Run, serve: Serve, naps: list[float], seconds: float, headers: list[bytes], status: bytes
) -> None:
    serve(registry=first(2, with_status(status, *headers)))
    assert checked(run, PERSON)["outcome"] == "prospect"
    assert len(naps) == 2
    assert min(naps) >= seconds
    assert max(naps) <= max(2.0, seconds)


@pytest.mark.parametrize(
    ("registry", "judicial", "outcome"),
    [
        (refused, literal(b"[{}, {}]"), "not_prospect"),
        (literal(b"false"), refused, "not_prospect"),
        (NOT_FOUND, DOWN, "not_prospect"),
        (NOT_FOUND, None, "not_prospect"),
        (None, DOWN, "undetermined"),
        (DOWN, None, "undetermined"),
        (DOWN, refused, "undetermined"),
    ],
)
def test_a_failed_check_decides_and_an_unavailable_one_does_not(
    run: Run, serve: Serve, naps: list[float], registry: Way | None, judicial: Way | None, outcome: str
) -> None:
    ways = {"registry": registry, "judicial": judicial}
    server = serve(**{name: way for name, way in ways.items() if way})
    verdict = checked(run, PERSON)
    assert (verdict["outcome"], verdict["result"]) == (outcome, 0 if outcome == "not_prospect" else None)
    assert server.heard.requests["score"] == 0


def test_the_score_is_asked_for_with_what_the_checks_found(run: Run, serve: Serve) -> None:
    server = serve()
    checked(run, PERSON)
    assert server.heard.bodies == [{"id": PERSON, "registry": "passed", "judicial": "passed"}]


def test_each_service_gets_its_own_token_alone(run: Run, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()
    monkeypatch.setenv("REGISTRY_TOKEN", "for-the-registry")
    monkeypatch.setenv("SCORE_TOKEN", "for-the-score")
    assert checked(run, PERSON)["outcome"] == "prospect"
    assert server.heard.tokens == {
        "registry": "Bearer for-the-registry",
        "judicial": "",
        "score": "Bearer for-the-score",
    }


# Whether it is the person


AGREEING = [
    ("Ann Example", {}),
    ("Ann Example", {"name": None, "birth_date": None}),
    ("Ann Example", {"name": "", "birth_date": " "}),
    ("Ann Example", {"name": "EXAMPLE, Ann"}),
    ("José Núñez O'Brien", {"name": "NUNEZ OBRIEN jose"}),
    ("Łukasz Weiß", {"name": "Weiss Lukasz"}),
    ("Ann Example", {"name": "Ann Example", "birth_date": "1990-02-28"}),
]


def file_of(folder: Path, name: str) -> str:
    path = folder / "people.csv"
    path.write_text(f'id,name,birth_date\n{PERSON},"{name}",1990-02-28\n', encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(("name", "told"), AGREEING)
def test_who_is_called_alike_is_the_person(
    run: Run, serve: Serve, folder: Path, name: str, told: dict[str, Any]
) -> None:
    serve(registry=also(**told))
    assert checked(run, "--file", file_of(folder, name))["outcome"] == "prospect"


def test_who_is_born_on_another_day_is_not(run: Run, serve: Serve, folder: Path) -> None:
    server = serve(registry=also(name="Ann Example", birth_date="1990-02-27"))
    verdict = checked(run, "--file", file_of(folder, "Ann Example"))
    assert (verdict["outcome"], verdict["result"]) == ("not_prospect", 0)
    assert "a different date of birth" in verdict["checks"]["registry"]["detail"]
    assert server.heard.requests == {"registry": 1, "judicial": 1}


@pytest.mark.parametrize(
    "told", [{"name": 5}, {"name": ["Ann"]}, {"birth_date": 19900228}, {"birth_date": "28.2.1990"}]
)
def test_what_the_registry_tells_in_another_shape_is_no_answer(
    run: Run, serve: Serve, folder: Path, told: dict[str, Any]
) -> None:
    server = serve(registry=also(**told))
    verdict = checked(run, "--file", file_of(folder, "Ann"))
    assert (verdict["outcome"], verdict["checks"]["registry"]["status"]) == ("undetermined", "unavailable")
    assert server.heard.requests["registry"] == 1


@pytest.fixture
def waiting(connected: Sandbox) -> Iterator[Waiting]:
    with RawClose(connected) as close:
        yield Waiting(close)


@pytest.mark.parametrize(
    ("contacts", "code", "status"),
    [
        ([], 0, "Prospect"),
        (["Bob Other", "núñez, JOSÉ"], 0, "Prospect"),
        (["Bob Other"], 4, "To qualify"),
    ],
)
def test_a_lead_has_the_person_among_its_contacts(
    run: Run, serve: Serve, waiting: Waiting, contacts: list[str], code: int, status: str
) -> None:
    lead_id = waiting.lead(PERSON, contacts)
    serve(registry=also(name="Jose Nunez"))
    assert run("qualify", "--from-close").code == code
    assert waiting.status(lead_id) == status
    assert len(waiting.notes(lead_id)) == 1


def test_rows_about_one_person_are_taken_together(run: Run, serve: Serve, folder: Path) -> None:
    server = serve(registry=also(name="Ann Lee", birth_date="1990-02-27"))
    path = folder / "people.csv"
    path.write_text("id,name,birth_date\n123,Ann Lee,\n123,,1990-02-28\n123,LEE Ann,\n", encoding="utf-8")
    ran = run("qualify", "--file", str(path), "--json")
    assert [verdict["outcome"] for verdict in ran.json] == ["not_prospect"] * 3
    assert server.heard.requests["registry"] == len(trail_lines(folder)) == 1
    assert trail_lines(folder)[0]["checks"]["registry"]["compared"] == ["name", "birth_date"]
    assert "ids from the column id, name and birth_date compared" in ran.err


# Nobody twice, nobody beyond the time


@pytest.mark.parametrize("source", ["command line", "file", "standard input"])
def test_who_is_named_twice_is_asked_about_once_and_answered_each_time(
    run: Run, serve: Serve, folder: Path, type_in: Callable[[bytes], None], source: str
) -> None:
    server = serve(judicial=of_people(_2=literal(b"[{}]")))
    ids = ["1", "2", "1", "3", "2", "1"]
    (folder / "people.csv").write_text("\n".join(["ID", *ids]), encoding="utf-8")
    type_in("\r\n\n".join(ids).encode("utf-8-sig"))
    argv = {"command line": ids, "file": ["--file", "people.csv"], "standard input": ["-"]}[source]
    verdicts = run("qualify", *argv, "--json").json
    assert [verdict["person_id"] for verdict in verdicts] == ids
    assert [verdict["outcome"] for verdict in verdicts] == [
        "not_prospect" if each == "2" else "prospect" for each in ids
    ]
    asked = {(service, each): 1 for service in ("registry", "judicial") for each in set(ids)}
    assert server.heard.people == asked | {("score", "1"): 1, ("score", "3"): 1}
    assert Counter(line["person_id"] for line in trail_lines(folder)) == dict.fromkeys(set(ids), 1)


def test_two_leads_of_one_person_move_on_one_verdict(run: Run, serve: Serve, folder: Path, waiting: Waiting) -> None:
    lead_ids = [waiting.lead(PERSON) for _ in range(2)]
    server = serve()
    assert run("qualify", "--from-close").code == 0
    assert [waiting.status(lead_id) for lead_id in lead_ids] == ["Prospect", "Prospect"]
    assert [len(waiting.notes(lead_id)) for lead_id in lead_ids] == [1, 1]
    assert set(server.heard.people.values()) == {1}
    lines = trail_lines(folder)
    assert ({line["lead_id"] for line in lines}, len({line["attempt_id"] for line in lines})) == (set(lead_ids), 1)
    for lead_id in lead_ids:
        assert f"lead: {lead_id}" in run("qualify", "--explain", lead_id).out


def test_when_the_time_is_over_everybody_has_a_verdict_all_the_same(run: Run, serve: Serve, folder: Path) -> None:
    server = serve(registry=silent)
    ids = [str(number) for number in range(40)]
    ran = run("qualify", *ids, "--deadline", "0.3", "--check-deadline", "0.2", "--workers", "1", "--json")
    assert ran.code == 4
    assert [verdict["person_id"] for verdict in ran.json] == ids
    assert {verdict["outcome"] for verdict in ran.json} == {"undetermined"}
    assert {line["person_id"]: line["outcome"] for line in trail_lines(folder)} == dict.fromkeys(ids, "undetermined")
    assert len(trail_lines(folder)) == len(ids)
    checks = [check for verdict in ran.json for check in verdict["checks"].values()]
    unasked = [check for check in checks if "time limit for all checks" in check["detail"]]
    assert unasked
    assert {check["attempts"] for check in unasked} == {0}
    assert len(server.heard.people) < 2 * len(ids)


def test_a_time_that_is_over_says_nothing_of_a_service(run: Run, serve: Serve) -> None:
    serve(registry=silent)
    ran = run("qualify", *map(str, range(20)), "--deadline", "0.3")
    assert ran.code == 4
    assert "kept failing" not in ran.out + ran.err


def test_a_time_that_is_over_before_anybody_is_asked_asks_nobody(run: Run, serve: Serve, folder: Path) -> None:
    server = serve()
    ran = run("qualify", "1", "2", "--deadline", "0.0000001", "--json")
    assert (ran.code, [verdict["outcome"] for verdict in ran.json]) == (4, ["undetermined"] * 2)
    assert server.heard.people == {}
    assert len(trail_lines(folder)) == 2


# Half of the people, then the service dies


def test_a_service_that_dies_on_the_way_loses_nobody_and_clears_nobody(
    run: Run, serve: Serve, folder: Path, type_in: Callable[[bytes], None]
) -> None:
    server = serve(registry=after(250, reset))
    ids = [f"p-{number}" for number in range(500)]
    type_in("\n".join(ids).encode())
    ran = run("qualify", "-", "--check-deadline", "0.5", "--workers", "8", "--json")
    assert ran.code == 4
    assert [verdict["person_id"] for verdict in ran.json] == ids
    lines = {line["person_id"]: line for line in trail_lines(folder)}
    assert len(lines) == len(trail_lines(folder)) == len(ids)
    for verdict in ran.json:
        assert lines[verdict["person_id"]]["outcome"] == verdict["outcome"]
        statuses = {name: check["status"] for name, check in verdict["checks"].items()}
        is_cleared = verdict["outcome"] == "prospect"
        assert is_cleared is (set(statuses.values()) == {"passed"})
        assert is_cleared is (verdict["result"] == 73)
    cleared = sum(verdict["outcome"] == "prospect" for verdict in ran.json)
    assert 0 < cleared <= 250
    assert server.heard.requests["registry"] - 250 < 250  # else everybody was asked about, dead or not
    assert "registry check kept failing" in ran.err
    assert sum("not asked: it kept failing" in verdict["checks"]["registry"]["detail"] for verdict in ran.json) > 100


# Nothing is written


def test_scores_drawn_at_random_write_nothing(run: Run, serve: Serve, waiting: Waiting, connected: Sandbox) -> None:
    lead_id = waiting.lead(PERSON)
    serve()
    before = writes_to(connected)
    run("qualify", "--from-close", "--random-score")
    assert writes_to(connected) == before
    assert waiting.status(lead_id) == "To qualify"


def test_a_dead_registry_moves_those_alone_who_have_records(
    run: Run, serve: Serve, waiting: Waiting, naps: list[float]
) -> None:
    clear, recorded = waiting.lead("1"), waiting.lead("2")
    serve(registry=refused, judicial=of_people(_2=literal(b"[{}]")))
    ran = run("qualify", "--from-close")
    assert ran.code == 4
    assert [waiting.status(lead_id) for lead_id in (clear, recorded)] == ["To qualify", "Not eligible"]
    assert [len(waiting.notes(lead_id)) for lead_id in (clear, recorded)] == [0, 1]
    assert json.dumps(waiting.notes(recorded)).count("record") == 0


def test_what_a_library_warns_of_names_nobody(serve: Serve, folder: Path) -> None:
    serve(registry=cut_in_head)  # of which urllib3 warns, with the URL
    command = [sys.executable, main.__file__, "qualify", "4711", "--redact", "--check-deadline", "1"]
    ran = subprocess.run(command, env={**os.environ, "REDACT_KEY": "k"}, capture_output=True, text=True, check=False)
    assert (ran.returncode, "undetermined" in ran.stdout) == (4, True)
    assert "4711" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("service", "way", "words"),
    [
        ("registry", without("exists"), "exists is missing"),
        ("registry", literal(b'"yes"'), "exists is a text, not true or false"),
        ("registry", also(birth_date="01.02.1990"), "birth_date is not a date like 1990-12-31"),
        ("registry", also(name=["Ann"]), "name is a list, not a text"),
        ("judicial", literal(b"null"), "records is null, not a list"),
        ("judicial", without("id"), "id is missing"),
        ("judicial", about_a_number, "id is a whole number, not a text"),
        ("judicial", body(b"<html>secret</html>"), "it is not one plain JSON object"),
        ("score", literal(b"73.5"), "score is a number, not a whole number"),
        ("score", about_another, "about another person: its id is not the one asked about"),
    ],
)
def test_an_answer_that_can_not_be_used_says_which_field_is_wrong_and_never_what_is_in_it(
    run: Run, serve: Serve, service: str, way: Way, words: str
) -> None:
    serve(**{service: way})
    (verdict,) = run("qualify", "123", "--json").json
    assert words in verdict["checks"][service]["detail"]
    assert not any(
        secret in verdict["checks"][service]["detail"] for secret in ("secret", "Ann", "01.02", "73.5", "yes")
    )


def test_a_password_in_the_address_of_a_service_is_refused_in_words(
    run: Run, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve()
    monkeypatch.setenv("REGISTRY_URL", "https://ann:secret@registry.example")
    ran = run("qualify", "123")
    assert (ran.code, "REGISTRY_URL must not contain a user name or a password" in ran.err) == (3, True)
    assert "secret" not in ran.err
