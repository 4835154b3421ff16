"""Decide who may become a prospect: two checks in parallel, then a score, then a verdict that fails closed.

A person is a prospect only if the registry knows them, the judicial service holds no record of them and their score is
over 60. A failed check decides at once; whatever could not be established leaves the person undetermined.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from close_client import is_loopback

PASSING_SCORE = 60  # a prospect's score is over this
CHECK_DEADLINE = 10.0  # seconds for one check, repeats included
ATTEMPT_TIMEOUT = 5.0  # seconds for one attempt's connection, and for its answer
FIRST_WAIT, LONGEST_WAIT = 0.2, 2.0  # seconds between attempts
LONGEST_ID = 64  # characters

Status = Literal["passed", "failed", "unavailable", "not_asked"]
Result = Literal["prospect", "not_prospect", "undetermined"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """What one service said of a person. `seconds` is how long it took with all its attempts."""

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
    """Whether a person may become a prospect: `result` is the score, 0 after a failed check, None if undetermined."""

    person_id: str
    outcome: Result
    result: int | None
    checks: Mapping[str, Check]
    decided_at: str

    def as_json(self) -> dict[str, Any]:
        """The verdict as a dict of plain values."""
        return {
            "person_id": self.person_id,
            "outcome": self.outcome,
            "result": self.result,
            "checks": {name: check.as_json() for name, check in self.checks.items()},
            "decided_at": self.decided_at,
        }

    def sentence(self) -> str:
        """The verdict in words, with what each check said."""
        said = [check.detail for check in self.checks.values() if check.status != "not_asked"]
        advice = "; try again later" if self.outcome == "undetermined" else ""
        return f"{self.outcome.replace('not_', 'not a ')}: {', '.join(said)}{advice}"


class _Unavailable(Exception):
    """A service did not answer in a way that decides anything."""


class _Passing(_Unavailable):
    """The same, for a reason that may pass: asking again can help."""


class CheckService:
    """One of the services over HTTP: its answer to one request, repeated within a deadline while it fails."""

    def __init__(
        self,
        name: str,
        base_url: str,
        token: str = "",
        *,
        deadline: float = CHECK_DEADLINE,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.name = name
        self._base_url = base_url.rstrip("/")
        self._deadline = deadline
        self._sleep = sleep or time.sleep
        self._session = requests.Session()
        self._session.trust_env = not is_loopback(base_url)
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def ask(
        self, decide: Callable[[int, Any], Check], method: str, path: str, person_id: str, body: object = None
    ) -> Check:
        """What `decide` makes of the answer's status and JSON; unavailable where there is none to decide on."""
        began = time.monotonic()
        attempts = 0

        def attempt() -> Check:
            nonlocal attempts
            attempts += 1
            left = self._deadline - (time.monotonic() - began)
            return decide(*self._send(method, path, person_id, body, max(0.1, min(ATTEMPT_TIMEOUT, left))))

        try:
            check = self._repeating()(attempt)
        except _Unavailable as error:
            check = Check("unavailable", f"{self.name} unavailable ({error})")
        return replace(check, attempts=attempts, seconds=round(time.monotonic() - began, 3))

    def _repeating(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(_Passing),
            wait=wait_random_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT),
            stop=self._is_past_deadline,
            sleep=self._sleep,
            reraise=True,
        )

    def _is_past_deadline(self, state: RetryCallState) -> bool:
        return max(state.idle_for, state.seconds_since_start or 0.0) + state.upcoming_sleep >= self._deadline

    def _send(self, method: str, path: str, person_id: str, body: object, timeout: float) -> tuple[int, Any]:
        url = self._base_url + path.format(id=quote(person_id, safe=""))
        began = time.monotonic()
        try:
            response = self._session.request(method, url, json=body, timeout=timeout, allow_redirects=False)
        except requests.RequestException as error:
            log.info("%s %s no answer (%s)", method, path, type(error).__name__)
            raise _Passing(f"no answer: {type(error).__name__}") from None
        log.info("%s %s %d %.0f ms", method, path, response.status_code, (time.monotonic() - began) * 1000)
        if response.status_code == 429 or response.status_code >= 500:
            raise _Passing(f"status {response.status_code}")
        return response.status_code, _json_or_none(response)


Scorer = Callable[[str, Check, Check], Check]  # a person's id, the registry check and the judicial one -> the score


@dataclass(frozen=True, slots=True)
class Qualifier:
    """The two checks and the score that together decide on a person."""

    registry: CheckService
    judicial: CheckService
    score: Scorer

    def qualify(self, person_id: str, checks: ThreadPoolExecutor) -> Verdict:
        """The verdict on one person; both checks run at the same time on the pool given."""
        judging = checks.submit(check_judicial, self.judicial, person_id)
        registry = check_registry(self.registry, person_id)
        judicial = judging.result()
        score = self._score(person_id, registry, judicial)
        return decide(person_id, registry, judicial, score)

    def _score(self, person_id: str, registry: Check, judicial: Check) -> Check:
        if "failed" in (registry.status, judicial.status):
            return Check("not_asked", "no score asked for, a check has failed")
        if "unavailable" in (registry.status, judicial.status):
            return Check("not_asked", "no score asked for, a check is unavailable")
        return self.score(person_id, registry, judicial)


def qualify_people(qualifier: Qualifier, person_ids: Sequence[str], workers: int) -> Iterator[Verdict]:
    """Yield a verdict for each person in the order asked, several at a time; one named twice is asked about once."""
    with ThreadPoolExecutor(workers) as people, ThreadPoolExecutor(workers) as checks:
        verdicts = {person: people.submit(qualifier.qualify, person, checks) for person in dict.fromkeys(person_ids)}
        for person in person_ids:
            yield verdicts[person].result()


def decide(person_id: str, registry: Check, judicial: Check, score: Check) -> Verdict:
    """The verdict on what is known: a failed check decides, and only three passed ones make a prospect."""
    statuses = [registry.status, judicial.status, score.status]
    outcome: Result
    result: int | None
    if "failed" in statuses:
        outcome, result = "not_prospect", score.score or 0
    elif statuses == ["passed"] * 3:
        outcome, result = "prospect", score.score
    else:
        outcome, result = "undetermined", None
    checks = {"registry": registry, "judicial": judicial, "score": score}
    return Verdict(person_id, outcome, result, checks, datetime.now(UTC).isoformat(timespec="seconds"))


def check_registry(service: CheckService, person_id: str) -> Check:
    """Whether the registry knows the person."""

    def decide_registry(status: int, answer: Any) -> Check:
        if status == 404:
            return Check("failed", "not in the registry")
        exists = _answer_about(person_id, status, answer, "exists", bool)
        return Check("passed", "in the registry") if exists else Check("failed", "not in the registry")

    return service.ask(decide_registry, "GET", "/people/{id}", person_id)


def check_judicial(service: CheckService, person_id: str) -> Check:
    """Whether the judicial service holds records of the person. A 404 is not clear: it proves nothing."""

    def decide_judicial(status: int, answer: Any) -> Check:
        records = len(_answer_about(person_id, status, answer, "records", list))
        if not records:
            return Check("passed", "no judicial records")
        return Check("failed", f"{records} judicial record{'s' * (records > 1)}")

    return service.ask(decide_judicial, "GET", "/people/{id}/records", person_id)


def score_by_service(service: CheckService) -> Scorer:
    """A scorer that asks the internal qualification system."""

    def score(person_id: str, registry: Check, judicial: Check) -> Check:
        def decide_score(status: int, answer: Any) -> Check:
            return _judge_score(_answer_about(person_id, status, answer, "score", int), "")

        body = {"id": person_id, "registry": registry.status, "judicial": judicial.status}
        return service.ask(decide_score, "POST", "/scores", person_id, body)

    return score


def score_at_random(_person_id: str, _registry: Check, _judicial: Check) -> Check:
    """A score drawn from 0 to 100, which says so; for rehearsal."""
    return _judge_score(random.randint(0, 100), ", drawn at random")


def is_person_id(text: str) -> bool:
    """Whether a text can be a person's id: 1 to 64 characters without white space, control characters or `/`.

    A lone `.` or `..` is refused too: in a path it would mean another place.
    """
    is_long_enough = 0 < len(text) <= LONGEST_ID
    return is_long_enough and "/" not in text and text not in (".", "..") and text.isprintable() and " " not in text


def _judge_score(score: int, origin: str) -> Check:
    if not 0 <= score <= 100:
        raise _Unavailable("a score must lie between 0 and 100")
    if score > PASSING_SCORE:
        return Check("passed", f"score {score} of 100{origin} (over {PASSING_SCORE})", score=score)
    return Check("failed", f"score {score} of 100{origin} (not over {PASSING_SCORE})", score=score)


def _answer_about(person_id: str, status: int, answer: Any, field: str, kind: type) -> Any:
    """The field of an answer about this person. Raises _Unavailable where the answer is anything else."""
    if status != 200:
        raise _Unavailable(f"status {status}")
    if not isinstance(answer, dict) or type(answer.get(field)) is not kind:
        raise _Unavailable("the answer can't be read")
    if answer.get("id") != person_id:
        raise _Unavailable("the answer is about another person")
    return answer[field]


def _json_or_none(response: requests.Response) -> Any:
    try:
        return response.json()
    except (ValueError, RecursionError):  # the second for a body of ten thousand open brackets
        return None
