"""Decide who may become a prospect: two checks in parallel, then a score, then a verdict that fails closed.

A person is a prospect only if the registry knows them, the judicial service holds no record of them and their score is
over 60. A failed check decides at once; whatever could not be established leaves the person undetermined.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from close_client import is_loopback, json_or_none, read_content

PASSING_SCORE = 60  # a prospect's score is over this
CHECK_DEADLINE = 10.0  # seconds for one check, repeats included
ATTEMPT_TIMEOUT = 5.0  # seconds for one attempt's connection, and for its answer to begin
LARGEST_ANSWER = 1_000_000  # bytes; an answer has a few hundred
FIRST_WAIT, LONGEST_WAIT = 0.2, 2.0  # seconds between attempts
LONGEST_ID = 64  # characters

Status = Literal["passed", "failed", "unavailable"]
Outcome = Literal["prospect", "not_prospect", "undetermined"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """What one service said of a person, and how many seconds that took with all `attempts`; 0 if it was not asked."""

    status: Status
    detail: str
    attempts: int = 0
    seconds: float = 0.0
    score: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The check as a dict of plain values; a score is part of `detail` and of the verdict."""
        return {"status": self.status, "detail": self.detail, "attempts": self.attempts, "seconds": self.seconds}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a person may become a prospect: `result` is the score, 0 after a failed check, None if undetermined.

    `remark` is what must be known of it wherever it is shown: that its score was drawn at random.
    """

    person_id: str
    outcome: Outcome
    result: int | None
    checks: Mapping[str, Check]
    decided_at: str
    remark: str = ""

    def as_json(self) -> dict[str, Any]:
        """The verdict as a dict of plain values."""
        checks = {name: check.as_json() for name, check in self.checks.items()}
        if self.remark:
            checks["score"]["detail"] += f"; {self.remark}"
        return {
            "person_id": self.person_id,
            "outcome": self.outcome,
            "result": self.result,
            "checks": checks,
            "decided_at": self.decided_at,
        }

    def sentence(self) -> str:
        """The verdict in words, with what each check said."""
        said = ", ".join(check.detail for check in self.checks.values() if check.attempts)
        advice = "try again later" if self.outcome == "undetermined" else ""
        words = "; ".join(filter(None, [said, advice, self.remark]))
        return f"{self.outcome.replace('not_', 'not a ')}: {words}"


# Services ------------------------------------------------------------------------------------------------------------


class _Unavailable(Exception):
    """A service did not answer in a way that decides anything."""


class _Passing(_Unavailable):
    """The same, for a reason that may pass: asking again can help."""


class BearerToken(requests.auth.AuthBase):
    """The token of a service in its requests; "" sends none, and keeps `requests` from looking for a password."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class CheckService:
    """One of the services over HTTP: its answer to one request, repeated within a deadline while it fails."""

    def __init__(
        self, name: str, base_url: str, token: str = "", *, sleep: Callable[[float], None] | None = None
    ) -> None:
        self.name = name
        self._base_url = base_url.rstrip("/")
        self._sleep = sleep or time.sleep
        self._session = requests.Session()
        self._session.trust_env = not is_loopback(base_url)
        self._session.auth = BearerToken(token)

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def ask(
        self, read: Callable[[int, Any], Check], method: str, path: str, person_id: str, body: object = None
    ) -> Check:
        """What `read` makes of the answer's status and JSON; unavailable where there is nothing to decide on."""
        began = time.monotonic()
        attempts = 0

        def attempt() -> Check:
            nonlocal attempts
            attempts += 1
            return read(*self._send(method, path, person_id, body, began + CHECK_DEADLINE))

        try:
            check = self._repeating()(attempt)
        except _Unavailable as error:
            check = Check("unavailable", f"{self.name} unavailable ({error})")
        return replace(check, attempts=attempts, seconds=round(time.monotonic() - began, 3))

    def _repeating(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(_Passing),
            wait=wait_random_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT),
            stop=_is_past_deadline,
            sleep=self._sleep,
            reraise=True,
        )

    def _send(self, method: str, path: str, person_id: str, body: object, deadline: float) -> tuple[int, Any]:
        began = time.monotonic()
        try:
            response = self._session.request(
                method,
                self._base_url + path.format(id=quote(person_id, safe="")),
                json=body,
                timeout=max(0.1, min(ATTEMPT_TIMEOUT, (deadline - began) / 2)),  # to connect, then as long to answer
                allow_redirects=False,
                stream=True,
            )
            content = read_content(response, deadline, LARGEST_ANSWER)
        except requests.RequestException as error:
            log.info("%s %s no answer (%s)", method, path, type(error).__name__)
            raise _Passing(f"no answer: {type(error).__name__}") from None
        log.info("%s %s %d %.0f ms", method, path, response.status_code, (time.monotonic() - began) * 1000)
        if response.status_code == 429 or response.status_code >= 500:
            raise _Passing(f"status {response.status_code}")
        return response.status_code, json_or_none(content)


def _is_past_deadline(state: RetryCallState) -> bool:
    return max(state.idle_for, state.seconds_since_start or 0.0) + state.upcoming_sleep >= CHECK_DEADLINE


# Checks --------------------------------------------------------------------------------------------------------------

Scorer = Callable[[str, Check, Check], Check]  # a person's id, the registry check and the judicial one -> the score


def check_registry(service: CheckService, person_id: str) -> Check:
    """Whether the registry knows the person."""

    def read(status: int, answer: Any) -> Check:
        if status == 404:
            return Check("failed", "not in the registry")
        exists = _answer_about(person_id, status, answer, "exists", bool)
        return Check("passed", "in the registry") if exists else Check("failed", "not in the registry")

    return service.ask(read, "GET", "/people/{id}", person_id)


def check_judicial(service: CheckService, person_id: str) -> Check:
    """Whether the judicial service holds records of the person. A 404 is not clear: it proves nothing."""

    def read(status: int, answer: Any) -> Check:
        records = len(_answer_about(person_id, status, answer, "records", list))
        if not records:
            return Check("passed", "no judicial records")
        return Check("failed", f"{records} judicial record{'s' * (records > 1)}")

    return service.ask(read, "GET", "/people/{id}/records", person_id)


def score_by_service(service: CheckService) -> Scorer:
    """A scorer that asks the internal qualification system."""

    def score(person_id: str, registry: Check, judicial: Check) -> Check:
        def read(status: int, answer: Any) -> Check:
            return _judge_score(_answer_about(person_id, status, answer, "score", int))

        body = {"id": person_id, "registry": registry.status, "judicial": judicial.status}
        return service.ask(read, "POST", "/scores", person_id, body)

    return score


def score_at_random(_person_id: str, _registry: Check, _judicial: Check) -> Check:
    """A score drawn from 0 to 100, for rehearsal; the verdict's remark must say so."""
    return replace(_judge_score(random.randint(0, 100)), attempts=1)


def _judge_score(score: int) -> Check:
    if not 0 <= score <= 100:
        raise _Unavailable("a score must lie between 0 and 100")
    if score > PASSING_SCORE:
        return Check("passed", f"score {score} of 100 (over {PASSING_SCORE})", score=score)
    return Check("failed", f"score {score} of 100 (not over {PASSING_SCORE})", score=score)


def _answer_about(person_id: str, status: int, answer: Any, field: str, kind: type) -> Any:
    """The field of an answer about this person. Raises _Unavailable where the answer is anything else."""
    if status in (401, 403):
        raise _Unavailable(f"status {status}: its token is not accepted")
    if status != 200:
        raise _Unavailable(f"status {status}")
    if not isinstance(answer, dict) or type(answer.get(field)) is not kind or answer.get("error"):
        raise _Unavailable("the answer can't be read")
    if answer.get("id") != person_id:
        raise _Unavailable("the answer is about another person")
    return answer[field]


# People --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Qualifier:
    """The two checks and the score that together decide on a person; `remark` goes into every verdict."""

    registry: CheckService
    judicial: CheckService
    score: Scorer
    remark: str = ""

    def qualify(self, person_id: str, pool: ThreadPoolExecutor) -> Verdict:
        """The verdict on one person; both checks run at the same time, one of them on the pool given."""
        judging = pool.submit(check_judicial, self.judicial, person_id)
        registry = check_registry(self.registry, person_id)
        judicial = judging.result()
        if registry.status == judicial.status == "passed":
            score = self.score(person_id, registry, judicial)
        else:
            score = Check("unavailable", "not asked for, since a check was not passed")
        return decide(person_id, registry, judicial, score, self.remark)


def qualify_people(
    qualifier: Qualifier,
    person_ids: Sequence[str],
    *,
    workers: int,
    record: Callable[[Verdict], None],
    stop: threading.Event,
) -> Iterator[Verdict]:
    """Yield a verdict for each person in the order asked, several at a time; one named twice is asked about once.

    `record` gets each verdict as soon as it is there, on any thread. Once `stop` is set, those under way are finished
    and nobody else is asked about; only the verdicts that there are then come.
    """

    def qualify(person_id: str) -> Verdict | None:
        if stop.is_set():
            return None
        verdict = qualifier.qualify(person_id, checks)
        record(verdict)
        return verdict

    with ThreadPoolExecutor(workers) as people, ThreadPoolExecutor(workers) as checks:
        verdicts = {person: people.submit(qualify, person) for person in dict.fromkeys(person_ids)}
        for person in person_ids:
            verdict = verdicts[person].result()
            if verdict is not None:
                yield verdict


def decide(person_id: str, registry: Check, judicial: Check, score: Check, remark: str = "") -> Verdict:
    """The verdict on what is known: a failed check decides, and only three passed ones make a prospect."""
    statuses = [registry.status, judicial.status, score.status]
    outcome: Outcome
    result: int | None
    if "failed" in (registry.status, judicial.status):
        outcome, result = "not_prospect", 0
    elif statuses == ["passed", "passed", "failed"]:
        outcome, result = "not_prospect", score.score
    elif statuses == ["passed"] * 3:
        outcome, result = "prospect", score.score
    else:
        outcome, result = "undetermined", None
    checks = {"registry": registry, "judicial": judicial, "score": score}
    return Verdict(person_id, outcome, result, checks, datetime.now(UTC).isoformat(timespec="seconds"), remark)


def is_person_id(text: str) -> bool:
    """Whether a text can be a person's id: 1 to 64 characters without white space, control characters or `/`.

    A lone `.` or `..` is refused too: in a path it would mean another place.
    """
    is_long_enough = 0 < len(text) <= LONGEST_ID
    return is_long_enough and "/" not in text and text not in (".", "..") and text.isprintable() and " " not in text
