"""`qualify` clears a person only on two passed checks and a score over 60; whatever fails never clears anybody."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qualification import Qualifier, Rule, check_judicial, check_registry, check_score, decide
from qualifying.check_service import Check, CheckService
from qualifying.circuit_breaker import FAILURES
from qualifying.in_order import work_in_order
from qualifying.person import Person, is_person_id
from qualifying.round import Round
from qualifying.verdict import Verdict
from sandbox import Sandbox
from tests.conftest import Run
from tests.patience import STUCK

PERSON = "123"


def test_the_text_is_what_agents_know(run: Run) -> None:
    ran = run("qualify", "123", "120", "129", "128", "104", "--sandbox")
    rule = "-" * 50
    lines = ran.out.splitlines()
    assert lines[0].startswith("started at ")
    assert lines[-1].startswith("finished at ")
    assert lines[1:-1] == [
        rule,
        "person id: 123, qualification result: 73",
        "prospect: in the registry, no judicial records, score 73 of 100 (over 60)",
        rule,
        "person id: 120, qualification result: 0",
        "not a prospect: not in the registry, no judicial records",
        rule,
        "person id: 129, qualification result: 0",
        "not a prospect: in the registry, 1 judicial record",
        rule,
        "person id: 128, qualification result: none",
        "undetermined: in the registry, judicial check unavailable (status 404); try again later",
        rule,
        "person id: 104, qualification result: 54",
        "not a prospect: in the registry, no judicial records, score 54 of 100 (not over 60)",
        rule,
    ]
    assert ran.code == 4


def test_the_json_names_every_check_in_the_order_asked(run: Run, connected: Sandbox) -> None:
    ran = run("qualify", "120", "123", "120", "--json")
    assert [verdict["person_id"] for verdict in ran.json] == ["120", "123", "120"]
    refused, prospect, again = ran.json
    assert refused == again
    assert prospect.keys() == {"person_id", "outcome", "result", "checks", "decided_at", "threshold"}
    assert (prospect["outcome"], prospect["result"]) == ("prospect", 73)
    assert (refused["outcome"], refused["result"]) == ("not_prospect", 0)
    for check in prospect["checks"].values():
        assert check.keys() == {"status", "detail", "attempts", "seconds"}
        assert (check["status"], check["attempts"]) == ("passed", 1)
    assert (refused["checks"]["score"]["status"], refused["checks"]["score"]["attempts"]) == ("unavailable", 0)
    assert ran.code == 0


def test_every_verdict_is_on_disk(run: Run, connected: Sandbox, folder: Path) -> None:
    shown = run("qualify", "123", "120", "--json").json
    shown += run("qualify", "129", "--json").json
    trail = (folder / "output_data" / "qualifications.jsonl").read_text(encoding="utf-8").splitlines()
    lines = {line["person_id"]: line for line in map(json.loads, trail)}
    assert len(trail) == len(lines) == len(shown)
    for verdict in shown:
        line = lines[verdict["person_id"]]
        for name, check in verdict["checks"].items():
            digest = line["checks"][name].pop("digest")
            assert line["checks"][name].pop("compared", []) == []
            assert (digest is not None and len(digest) == 64) is (check["attempts"] > 0)
        assert {key: line[key] for key in verdict} == verdict
        assert (line["threshold"], line["rule_version"], "sandbox" in line) == (60, "3", False)
        assert re.fullmatch("q-[0-9a-f]{16}", line["attempt_id"])
        assert datetime.fromisoformat(line["decided_at"]).utcoffset() == timedelta(0)


def test_a_rehearsal_is_marked_on_disk(run: Run, folder: Path) -> None:
    run("qualify", "123", "--sandbox")
    assert json.loads((folder / "output_data" / "qualifications.jsonl").read_text())["sandbox"] is True


def test_a_score_drawn_at_random_says_so(run: Run, connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCORE_URL")
    refused = run("qualify", PERSON)
    assert (refused.code, "--random-score" in refused.err) == (3, True)
    for person in ("120", "128"):
        assert "; scores are drawn at random" in run("qualify", person, "--random-score").out
    (verdict,) = run("qualify", PERSON, "--random-score", "--json").json
    assert "drawn at random" in verdict["checks"]["score"]["detail"]
    assert verdict["outcome"] == ("prospect" if verdict["result"] > 60 else "not_prospect")


def test_without_urls_nobody_is_asked(run: Run) -> None:
    ran = run("qualify", PERSON)
    assert (ran.code, ran.out) == (3, "")
    assert all(way in ran.err for way in ("REGISTRY_URL", "JUDICIAL_URL", "SCORE_URL", "--sandbox"))


@pytest.mark.parametrize("person", ["", " ", "a b", "a/b", "..", ".", "x" * 65, "a\nb", "a\u00a0b"])
def test_what_can_not_be_an_id_is_refused(run: Run, connected: Sandbox, person: str) -> None:
    ran = run("qualify", PERSON, person)
    assert (ran.code, ran.out) == (2, "")
    assert "1 to 64 characters" in ran.err


@given(st.text(min_size=1, max_size=64).filter(lambda text: text not in (".", "..")))
def test_every_other_text_is_an_id(text: str) -> None:
    is_plain = text.isprintable() and "/" not in text and not any(map(str.isspace, text))
    assert is_person_id(text) is is_plain


def test_an_id_of_any_characters_reaches_the_service_whole(run: Run, connected: Sandbox) -> None:
    person = "ü%2F?#&+;123"
    (verdict,) = run("qualify", person, "--json").json
    assert (verdict["person_id"], verdict["outcome"]) == (person, "prospect")


# Deciding


@pytest.mark.parametrize(("score", "outcome"), [(0, "not_prospect"), (60, "not_prospect"), (61, "prospect")])
def test_sixty_is_not_enough(answering: "Answering", score: int, outcome: str) -> None:
    answering.body = json.dumps({"id": PERSON, "score": score}).encode()
    passed = {name: Check("passed", "") for name in ("registry", "judicial")}
    verdict = decide(PERSON, {**passed, "score": check_score(answering.service(), Person(PERSON), passed)})
    assert (verdict.outcome, verdict.result) == (outcome, score)


STATUSES = ["passed", "failed", "unavailable"]


@pytest.mark.parametrize("registry", STATUSES)
@pytest.mark.parametrize("judicial", STATUSES)
@pytest.mark.parametrize("score", STATUSES)
def test_only_three_passed_checks_make_a_prospect(registry: Any, judicial: Any, score: Any) -> None:
    verdict = decide(
        PERSON,
        {"registry": Check(registry, ""), "judicial": Check(judicial, ""), "score": Check(score, "", score=73)},
    )
    statuses = {registry, judicial, score}
    if "failed" in (registry, judicial):
        assert (verdict.outcome, verdict.result) == ("not_prospect", 0)
    elif "unavailable" in statuses:
        assert (verdict.outcome, verdict.result) == ("undetermined", None)
    else:
        assert (verdict.outcome, verdict.result) == ("prospect" if score == "passed" else "not_prospect", 73)


# Answers that decide nothing


class Answering:
    """A service that answers every request in the one way it was told to."""

    def __init__(self) -> None:
        self.status, self.body, self.requests = 200, b"{}", 0
        self.meeting: threading.Barrier | None = None
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.requests += 1
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if service.meeting:
                    service.meeting.wait()
                self.send_response(service.status)
                self.send_header("Content-Length", str(len(service.body)))
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(service.body)

            do_POST = do_GET  # noqa: N815 - the name that http.server looks for

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.naps: list[float] = []

    def service(self) -> CheckService:
        return CheckService("the service", self.url, sleep=self.naps.append)


@pytest.fixture
def answering() -> Iterator[Answering]:
    service = Answering()
    thread = threading.Thread(target=service.server.serve_forever, args=(0.01,))
    thread.start()
    yield service
    service.server.shutdown()
    thread.join()
    service.server.server_close()


UNUSABLE: list[tuple[int, Any]] = [
    (200, b"<html>welcome</html>"),
    (200, b'{"id": "123", "exists": true, "records": [], "sco'),
    (200, b""),
    (200, b"[" * 100_000),
    (200, None),
    (200, []),
    (200, {}),
    (200, {"id": "123"}),
    (200, {"id": "123", "exists": True, "records": [], "score": 73, "error": "database down"}),
    (200, {"id": "124", "exists": True, "records": [], "score": 73}),
    (200, {"exists": True, "records": [], "score": 73}),
    (200, {"id": 123, "exists": True, "records": [], "score": 73}),
    (200, {"id": "123", "exists": "true", "records": None, "score": "73"}),
    (200, {"id": "123", "exists": 1, "records": {}, "score": True}),
    (200, {"id": "123", "exists": None, "records": "[]", "score": 60.5}),
    (200, {"id": "123", "exists": [], "records": 0, "score": 101}),
    (200, {"id": "123", "exists": [], "records": 0, "score": -1}),
    (204, {"id": "123", "exists": True, "records": [], "score": 73}),
    (302, {"id": "123", "exists": True, "records": [], "score": 73}),
    (410, {"id": "123", "exists": True, "records": [], "score": 73}),
]


def ask_everything(service: CheckService) -> list[Check]:
    passed = {name: Check("passed", "") for name in ("registry", "judicial")}
    asks: list[Callable[[], Check]] = [
        lambda: check_registry(service, Person(PERSON)),
        lambda: check_judicial(service, Person(PERSON)),
        lambda: check_score(service, Person(PERSON), passed),
    ]
    return [ask() for ask in asks]


@pytest.mark.parametrize(("status", "body"), UNUSABLE)
def test_an_answer_that_is_not_plain_is_unavailable_and_not_asked_for_again(
    answering: Answering, status: int, body: Any
) -> None:
    answering.status = status
    answering.body = body if isinstance(body, bytes) else json.dumps(body).encode()
    checks = ask_everything(answering.service())
    assert [check.status for check in checks] == ["unavailable"] * 3
    assert answering.requests == 3


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_service_in_trouble_is_asked_again_until_the_deadline(answering: Answering, status: int) -> None:
    answering.status = status
    answering.body = json.dumps({"id": PERSON, "exists": True, "records": [], "score": 73}).encode()
    checks = ask_everything(answering.service())
    assert [check.status for check in checks] == ["unavailable"] * 3
    assert all(check.attempts > 3 for check in checks)
    assert sum(answering.naps) <= 3 * 10


def test_a_service_that_recovers_decides(answering: Answering) -> None:
    answering.status, answering.body = 503, json.dumps({"id": PERSON, "exists": True}).encode()

    def recover(_: float) -> None:
        answering.status = 200

    check = check_registry(CheckService("the service", answering.url, sleep=recover), Person(PERSON))
    assert (check.status, check.attempts) == ("passed", 2)


def test_the_log_tells_when_a_service_is_given_up(
    run: Run, connected: Sandbox, folder: Path, naps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_URL", "http://127.0.0.1:9")
    run("qualify", *"abcdefgh", "--workers", "1", "--log", "log.txt")
    told = [line for line in (folder / "log.txt").read_text().splitlines() if "circuit" in line]
    assert len(told) == 1
    assert told[0].endswith("WARNING registry check: circuit open, not asking it for now")


def test_a_service_that_is_not_there_is_unavailable() -> None:
    naps: list[float] = []
    checks = ask_everything(CheckService("the service", "http://127.0.0.1:9", sleep=naps.append))
    assert [check.status for check in checks] == ["unavailable"] * 3


def test_a_judicial_404_proves_nothing_but_a_registry_404_does(answering: Answering) -> None:
    answering.status = 404
    registry, judicial, _ = ask_everything(answering.service())
    assert (registry.status, judicial.status) == ("failed", "unavailable")


BOTH = Rule(allowed_keys=frozenset({"exists", "records"}))  # one answer for both checks


def decide_on(
    service: CheckService,
    ids: str,
    workers: int,
    stop: threading.Event | None = None,
    judicial: CheckService | None = None,
) -> list[Verdict]:
    """Verdicts by one service for both checks, or by two; after the first of them `stop` is set."""
    with Qualifier({"registry": service, "judicial": judicial or service}, workers=workers, rule=BOTH) as qualifier:
        this_round = Round(qualifier, lambda _: stop.set() if stop else None)
        is_ended = stop.is_set if stop else lambda: False
        people = [Person(person_id) for person_id in ids]
        return list(work_in_order(people, this_round.verdict_on, workers=workers, is_ended=is_ended))


def test_both_checks_are_under_way_at_once(answering: Answering) -> None:
    answering.body = json.dumps({"id": "1", "exists": True, "records": []}).encode()
    answering.meeting = threading.Barrier(2, timeout=STUCK)  # an answer comes only when two requests wait for one
    (verdict,) = decide_on(answering.service(), "1", workers=1, judicial=answering.service())
    assert [verdict.checks[name].status for name in ("registry", "judicial")] == ["passed", "passed"]


def test_once_stopped_those_under_way_are_finished_and_nobody_else_is_asked(answering: Answering) -> None:
    answering.status = 404
    verdicts = decide_on(answering.service(), "abcdef", workers=1, stop=threading.Event())
    assert [verdict.person_id for verdict in verdicts] == ["a"]
    assert answering.requests == 2


class Stuck(CheckService):
    """A service that keeps whoever asks it, whatever the deadline, as a name that can't be looked up does."""

    def __init__(self, until: threading.Event) -> None:
        super().__init__("the registry check", "http://127.0.0.1:9", deadline=0.3)
        self._until = until

    def _send(self, _exchange: object) -> tuple[int, bytes]:
        self._until.wait(STUCK)
        return 200, b"{}"


def test_a_stuck_service_holds_up_no_other_and_is_given_up(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qualification.GRACE", 0.05)
    answering.body = json.dumps({"id": "1", "exists": True, "records": []}).encode()
    until = threading.Event()
    stuck = Stuck(until)
    verdicts = decide_on(stuck, "1", workers=FAILURES, judicial=answering.service())
    with Qualifier({"registry": stuck, "judicial": answering.service()}, workers=FAILURES, rule=BOTH) as qualifier:
        verdicts += [qualifier.qualify(Person("1")) for _ in range(2 * FAILURES)]
    until.set()
    assert {verdict.outcome for verdict in verdicts} == {"undetermined"}
    assert {verdict.checks["judicial"].status for verdict in verdicts} == {"passed"}
    assert (verdicts[0].checks["registry"].attempts, verdicts[0].checks["registry"].seconds > 0) == (1, True)
    assert stuck.is_given_up
    assert "(not asked: " in verdicts[-1].checks["registry"].detail


def test_people_are_side_by_side(answering: Answering) -> None:
    answering.status = 404
    answering.meeting = threading.Barrier(8, timeout=STUCK)
    verdicts = decide_on(answering.service(), "abcd", workers=4, judicial=answering.service())
    assert [(verdict.person_id, verdict.outcome) for verdict in verdicts] == [(name, "not_prospect") for name in "abcd"]
