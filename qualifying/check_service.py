"""What the services say of a person: registry, judicial records, score. What is no plain answer decides nothing."""

import hashlib
import logging
import math
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import quote

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from close.transport import AnswerTooLarge, open_session, plain_json_or_none, read_content
from qualifying.circuit_breaker import Came, CircuitBreaker, CircuitOpen, Passage
from qualifying.people_file import BIRTH_DATE, NAME, Person, is_day, name_parts

PASSING_SCORE = 60  # a prospect's score is over this
CHECK_DEADLINE = 10.0  # seconds for one check, repeats included
CONNECT_TIMEOUT = 4.0  # seconds; an answer may take what is left of the deadline
LARGEST_ANSWER = 1_000_000  # bytes; an answer has a few hundred
FIRST_WAIT, LONGEST_WAIT = 0.2, 2.0  # seconds between attempts
MOST_CONNECTIONS = 32  # to one service; as many people as are ever asked about side by side
COMPARED_WORDS = {NAME: "name", BIRTH_DATE: "date of birth"}

Status = Literal["passed", "failed", "unavailable"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """What one service said of a person, and how many seconds that took with all `attempts`; 0 if it was not asked.

    `digest` is the SHA-256 of the answer that was judged, in hexadecimal, "" where none came; `compared` names what of
    the answer could be compared with what we hold.
    """

    status: Status
    detail: str
    attempts: int = 0
    seconds: float = 0.0
    score: int | None = None
    digest: str = ""
    compared: tuple[str, ...] = ()


Judge = Callable[[int, Any], Check]  # an answer's status and its JSON -> the check


@dataclass(slots=True)
class Call:
    """One check under way, which must be there by `ends_at` of the monotonic clock, and what came of it so far."""

    ends_at: float = math.inf
    attempts: int = 0
    digest: str = ""
    passage: Passage | None = None


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked about one person, until `deadline` of the monotonic clock."""

    method: str
    path: str
    person_id: str
    body: object
    deadline: float

    def is_over(self, state: RetryCallState) -> bool:
        """Whether the next attempt would begin too late. A sleep that is only acted out counts as slept."""
        spent = max(state.idle_for, state.seconds_since_start or 0.0)
        return state.start_time + spent + state.upcoming_sleep >= self.deadline


class _Unavailable(Exception):
    """A service did not answer in a way that decides anything."""


class _Passing(_Unavailable):
    """The same, for a reason that may pass: asking again can help, after so many seconds at the earliest."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class BearerToken(requests.auth.AuthBase):
    """The token of a service in its requests; "" sends none, and keeps `requests` from looking for a password."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class CheckService:
    """One of the services over HTTP: its answer to one request, repeated within a deadline while it fails.

    `deadline` is in seconds; once `is_ended`, nothing is repeated. Safe to share between threads, which share its
    circuit breaker.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        token: str = "",
        *,
        deadline: float = CHECK_DEADLINE,
        sleep: Callable[[float], None] | None = None,
        is_ended: Callable[[], bool] = lambda: False,
    ) -> None:
        self.name = name
        self.deadline = deadline
        self._base_url = base_url.rstrip("/")
        self._sleep = sleep or time.sleep
        self._is_ended = is_ended
        self._breaker = CircuitBreaker()
        self._session = open_session(base_url, MOST_CONNECTIONS)
        self._session.auth = BearerToken(token)
        self._session.headers["Accept-Encoding"] = "identity"

    @property
    def is_given_up(self) -> bool:
        """Whether it failed so often in a row that people are no longer asked about."""
        return self._breaker.is_open

    @property
    def unasked(self) -> int:
        """How many people it was not asked about, because it had failed again and again."""
        return self._breaker.turned_away

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def unavailable(self, reason: str) -> Check:
        """The check of a service that did not decide anything, for this reason."""
        return Check("unavailable", f"{self.name} unavailable ({reason})")

    def ask(
        self, judge: Judge, method: str, path: str, person: Person, call: Call | None = None, body: object = None
    ) -> Check:
        """What `judge` makes of the answer's status and JSON; unavailable where there is nothing to decide on.

        It is there by the deadline, and when the call ends.
        """
        began = time.monotonic()
        call = call or Call()
        request = _Request(method, path, person.person_id, body, min(began + self.deadline, call.ends_at))
        try:
            call.passage = self._breaker.enter(request.deadline - began)
        except CircuitOpen:
            return self.unavailable("not asked: it failed again and again")
        came, check = self._asked(judge, request, call) if time.monotonic() < request.deadline else self._late(call)
        if came == "failure" and call.ends_at < began + self.deadline:
            came = "nothing"  # the time for all checks was over, which says nothing of the service
        self._note(call.passage, came)
        seconds = round(time.monotonic() - began, 3)
        return replace(check, attempts=call.attempts, seconds=seconds, digest=call.digest)

    def leave_behind(self, call: Call, seconds: float) -> Check:
        """The check of somebody who is waited for no longer, after so many seconds."""
        if call.passage:
            self._note(call.passage, "nothing" if call.ends_at <= time.monotonic() else "failure")
        check = self.unavailable("no answer in time" if call.attempts else "not asked in time")
        return replace(check, attempts=call.attempts, seconds=round(seconds, 3))

    def _asked(self, judge: Judge, request: _Request, call: Call) -> tuple[Came, Check]:
        try:
            return "answer", self._repeating(request, call)(self._attempt, judge, request, call)
        except _Passing as error:
            return "failure", self.unavailable(str(error))
        except _Unavailable as error:
            return "answer", self.unavailable(str(error))
        except Exception as error:  # whatever a service makes a library stumble over must clear nobody, and lose nobody
            log.warning("%s %s can't be read (%s)", request.method, request.path, type(error).__name__)
            return "failure", self.unavailable(f"the answer can't be read: {type(error).__name__}")

    def _late(self, call: Call) -> tuple[Came, Check]:
        is_over = call.ends_at <= time.monotonic()
        reason = "the time for all checks is over" if is_over else "no time was left for it"
        return "nothing", self.unavailable(f"not asked: {reason}")

    def _note(self, passage: Passage, came: Came) -> None:
        if self._breaker.note(passage, came):
            turned = "open, it is given up" if self._breaker.is_open else "closed, it answers again"
            log.warning("%s: circuit %s", self.name, turned)

    def _repeating(self, request: _Request, call: Call) -> Retrying:
        is_probe = call.passage is not None and call.passage.is_probe
        return Retrying(
            retry=retry_if_exception_type(_Passing),
            wait=_wait_before_next,
            stop=lambda state: is_probe or self._breaker.is_open or self._is_ended() or request.is_over(state),
            sleep=self._sleep,
            reraise=True,
        )

    def _attempt(self, judge: Judge, request: _Request, call: Call) -> Check:
        call.attempts += 1
        status, content = self._send(request)
        call.digest = hashlib.sha256(content).hexdigest()
        return judge(status, plain_json_or_none(content))

    def _send(self, request: _Request) -> tuple[int, bytes]:
        """The status and the body of an answer. Raises _Unavailable, and _Passing where a better one may come."""
        began = time.monotonic()
        left = max(0.1, request.deadline - began)
        where = f"{request.method} {request.path}"
        try:
            response = self._session.request(
                request.method,
                self._base_url + request.path.format(id=quote(request.person_id, safe="")),
                json=request.body,
                timeout=(min(CONNECT_TIMEOUT, left), left),
                allow_redirects=False,
                stream=True,
            )
            log.info("%s %d %.0f ms", where, response.status_code, (time.monotonic() - began) * 1000)
            with response:  # what else a service in trouble has to say is not read
                if response.status_code == 429 or response.status_code >= 500:
                    raise _Passing(f"status {response.status_code}", _asked_wait(response.headers))
                return response.status_code, read_content(response, LARGEST_ANSWER)
        except AnswerTooLarge as error:
            raise _Unavailable(str(error)) from None
        except requests.RequestException as error:
            log.info("%s no answer (%s)", where, type(error).__name__)
            raise _Passing(f"no answer: {type(error).__name__}") from None


def _wait_before_next(state: RetryCallState) -> float:
    assert state.outcome is not None
    error = state.outcome.exception()
    drawn = wait_random_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT)(state)
    return max(drawn, error.wait if isinstance(error, _Passing) else 0.0)


def _asked_wait(headers: Mapping[str, str]) -> float:
    """The seconds of a `Retry-After`; 0 where it names a date, or is not there."""
    asked = headers.get("Retry-After", "").strip()
    return float(asked) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", asked) else 0.0


# Checks --------------------------------------------------------------------------------------------------------------


def check_registry(service: CheckService, person: Person, call: Call | None = None) -> Check:
    """Whether the registry knows the person, by what it calls them and when they were born as we hold it."""

    def judge(status: int, answer: Any) -> Check:
        if status == 404:
            return Check("failed", "not in the registry")
        if not _said_of(person, status, answer, "exists", bool):
            return Check("failed", "not in the registry")
        name, birth_date = (_text_or_nothing(answer, field) for field in (NAME, BIRTH_DATE))
        if (birth_date and not is_day(birth_date)) or (name and not name_parts(name)):
            raise _Unavailable("the answer can't be read")
        compared = person.compared(name, birth_date)
        differing = [COMPARED_WORDS[what] for what, agrees in compared.items() if not agrees]
        if differing:
            return Check("failed", f"in the registry under another {' and '.join(differing)}", compared=tuple(compared))
        return Check("passed", "in the registry", compared=tuple(compared))

    return service.ask(judge, "GET", "/people/{id}", person, call)


def check_judicial(service: CheckService, person: Person, call: Call | None = None) -> Check:
    """Whether the judicial service holds records of the person. A 404 is not clear: it proves nothing."""

    def judge(status: int, answer: Any) -> Check:
        records = len(_said_of(person, status, answer, "records", list))
        if not records:
            return Check("passed", "no judicial records")
        return Check("failed", f"{records} judicial record{'s' * (records > 1)}")

    return service.ask(judge, "GET", "/people/{id}/records", person, call)


def check_score(
    service: CheckService, person: Person, registry: Check, judicial: Check, call: Call | None = None
) -> Check:
    """Whether the internal qualification system scores the person high enough, given both checks."""

    def judge(status: int, answer: Any) -> Check:
        return _judge_score(_said_of(person, status, answer, "score", int))

    body = {"id": person.person_id, "registry": registry.status, "judicial": judicial.status}
    return service.ask(judge, "POST", "/scores", person, call, body)


def draw_score() -> Check:
    """A score drawn from 0 to 100, for rehearsal; whoever shows it must say so."""
    return replace(_judge_score(random.randint(0, 100)), attempts=1)


def _judge_score(score: int) -> Check:
    if not 0 <= score <= 100:
        raise _Unavailable("a score must lie between 0 and 100")
    if score > PASSING_SCORE:
        return Check("passed", f"score {score} of 100 (over {PASSING_SCORE})", score=score)
    return Check("failed", f"score {score} of 100 (not over {PASSING_SCORE})", score=score)


def _said_of(person: Person, status: int, answer: Any, field: str, kind: type) -> Any:
    """The field of an answer about this person. Raises _Unavailable where the answer is anything else."""
    if status in (401, 403):
        raise _Unavailable(f"status {status}: its token is not accepted")
    if status != 200:
        raise _Unavailable(f"status {status}")
    if not isinstance(answer, dict) or type(answer.get(field)) is not kind or answer.get("error"):
        raise _Unavailable("the answer can't be read")
    if answer.get("id") != person.person_id:
        raise _Unavailable("the answer is about another person")
    return answer[field]


def _text_or_nothing(answer: Mapping[str, Any], field: str) -> str:
    """A field that an answer may carry, "" where it does not. Raises _Unavailable where it is no text."""
    value = answer.get(field)
    if value is not None and not isinstance(value, str):
        raise _Unavailable("the answer can't be read")
    return (value or "").strip()
