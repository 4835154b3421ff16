"""One of the services that check people: its answer to one request, repeated within a deadline."""

import hashlib
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import quote

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from close.machine import THIS_MACHINE, Machine
from close.retry_after import retry_after
from close.transport import AnswerTooLarge, open_session, plain_json_or_none, read_content, what_blocks
from qualifying.circuit_breaker import Came, CircuitBreaker, CircuitOpen, Passage
from qualifying.person import Person

CHECK_DEADLINE = 10.0  # seconds for one check, repeats included
CONNECT_TIMEOUT = 4.0  # seconds; an answer may take what is left of the deadline
LARGEST_ANSWER = 1_000_000  # bytes; an answer has a few hundred
FIRST_WAIT, LONGEST_WAIT = 0.2, 2.0  # seconds between attempts
MOST_CONNECTIONS = 32  # to one service; at most this many people are checked at the same time

Status = Literal["passed", "failed", "unavailable"]
Why = Literal["", "only_404", "other_name", "request_refused", "token_refused", "not_in_time"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OtherName:
    """A name that a service `told`, and the names that we `held`, which all differ from it.

    Both are left out where ids must not be read; the `key` is the same for all spellings of the name that was told.
    """

    held: tuple[str, ...]
    told: str
    key: str = ""

    def __str__(self) -> str:
        held = " or ".join(f'"{name}"' for name in self.held)
        return f'"{self.told}", not {held}'


@dataclass(frozen=True, slots=True)
class Check:
    """What one service said about a person, and how many seconds all `attempts` took; 0 if it was not asked.

    `digest` is the hexadecimal SHA-256 of the answer that was judged, "" if none came; `compared` names the parts of
    the answer that could be compared with what we hold. `why` is "" unless more than this one check depends on the
    reason: `only_404` is a no that says nothing else, `request_refused` may be the fault of the id, `token_refused`
    concerns everybody, `not_in_time` means that the time for all checks was over, and `other_name` goes with
    `other_name`.
    """

    status: Status
    detail: str
    attempts: int = 0
    seconds: float = 0.0
    score: int | None = None
    digest: str = ""
    compared: tuple[str, ...] = ()
    why: Why = ""
    other_name: OtherName | None = None


Judge = Callable[[int, Any], Check]  # from the status and the JSON of an answer to the check


@dataclass(slots=True)
class Call:
    """One check under way, due by `ends_at` on the monotonic clock, and what has come of it so far."""

    ends_at: float = math.inf
    attempts: int = 0
    digest: str = ""
    passage: Passage | None = None


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked about one person, from when it `began` until its `deadline`, both on the monotonic clock."""

    method: str
    path: str
    person_id: str
    body: object
    headers: Mapping[str, str] | None
    began: float
    deadline: float

    def is_over(self, state: RetryCallState, now: float) -> bool:
        """Whether the next attempt would begin too late. A sleep that was none counts as if it had been slept."""
        return max(self.began + state.idle_for, now) + state.upcoming_sleep >= self.deadline


class Unavailable(Exception):
    """A service gave no answer that decides anything; `why` as in a check."""

    def __init__(self, reason: str, why: Why = "") -> None:
        super().__init__(reason)
        self.why = why


class Passing(Unavailable):
    """The same for a passing reason: asking again can help, after `wait` seconds at the earliest."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class BearerToken(requests.auth.AuthBase):
    """Adds a service's token to its requests; "" adds none, and keeps `requests` from looking for a password."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class CheckService:
    """One of the services over HTTP: its answer to one request, repeated within a deadline while it fails.

    `deadline` is in seconds; once `is_ended` is true, nothing is repeated. Threads may share it; they then share its
    circuit breaker. Once it has refused its token, it is not asked any more. It keeps time by the `machine`, on which
    it also sleeps, unless a `sleep` is given; with a `session`, it sends its requests through that.
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
        machine: Machine = THIS_MACHINE,
        session: requests.Session | None = None,
    ) -> None:
        self.name = name
        self.deadline = deadline
        self.base_url = base_url.rstrip("/")
        self._machine = replace(machine, sleep=sleep or machine.sleep)
        self._clock = machine.monotonic
        self._is_ended = is_ended
        self._breaker = CircuitBreaker(machine)
        self._token_refusal = ""
        self._session = session or open_session(base_url, MOST_CONNECTIONS)
        self._session.auth = BearerToken(token)
        self._session.headers["Accept-Encoding"] = "identity"

    @property
    def is_given_up(self) -> bool:
        """Whether it failed so often in a row that it is no longer asked about people."""
        return self._breaker.is_open

    @property
    def unasked(self) -> int:
        """How many people it was not asked about because it kept failing."""
        return self._breaker.turned_away

    @property
    def token_refusal(self) -> str:
        """What it answered when it did not accept its token, "" if it did not do so."""
        return self._token_refusal

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def unavailable(self, reason: str, why: Why = "") -> Check:
        """The check when the service decided nothing, for this reason."""
        return Check("unavailable", f"{self.name} unavailable ({reason})", why=why)

    def out_of_time(self) -> Check:
        """The check when it was not asked because the time for all checks was over."""
        return self.unavailable("not asked: the time limit for all checks was reached", "not_in_time")

    def ask(
        self,
        judge: Judge,
        method: str,
        path: str,
        person: Person,
        call: Call | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Check:
        """What `judge` makes of the answer's status and JSON; unavailable if there is nothing to decide on.

        This returns by the deadline, and by the end of the call.
        """
        began = self._clock()
        call = call or Call()
        deadline = min(began + self.deadline, call.ends_at)
        request = _Request(method, path, person.person_id, body, headers, began, deadline)
        if self._token_refusal:
            return self.unavailable("not asked: it does not accept its token", "token_refused")
        try:
            call.passage = self._breaker.enter(request.deadline - began)
        except CircuitOpen:
            return self.unavailable("not asked: it kept failing")
        came, check = self._asked(judge, request, call) if self._clock() < request.deadline else self._late(call)
        if came == "failure" and call.ends_at < began + self.deadline:
            came = "nothing"  # the time for all checks was up, which says nothing about the service
            check = replace(check, why="not_in_time")
        self._note(call.passage, came)
        seconds = round(self._clock() - began, 3)
        return replace(check, attempts=call.attempts, seconds=seconds, digest=call.digest)

    def leave_behind(self, call: Call, seconds: float) -> Check:
        """The check when we stop waiting for it after so many seconds."""
        is_over = call.ends_at <= self._clock()
        if call.passage:
            self._note(call.passage, "nothing" if is_over else "failure")
        why: Why = "not_in_time" if is_over else ""
        check = self.unavailable("no answer in time" if call.attempts else "not asked in time", why)
        return replace(check, attempts=call.attempts, seconds=round(seconds, 3))

    def _asked(self, judge: Judge, request: _Request, call: Call) -> tuple[Came, Check]:
        try:
            return "answer", self._repeating(request, call)(self._attempt, judge, request, call)
        except Passing as error:
            return "failure", self.unavailable(str(error))
        except Unavailable as error:
            if error.why == "token_refused":
                self._token_refusal = str(error)
            return "answer", self.unavailable(str(error), error.why)
        except Exception as error:  # an answer that breaks a library must neither clear nor lose anybody
            log.warning("%s %s can't be read (%s)", request.method, request.path, type(error).__name__)
            return "failure", self.unavailable(f"the answer can't be read: {type(error).__name__}")

    def _late(self, call: Call) -> tuple[Came, Check]:
        if call.ends_at <= self._clock():
            return "nothing", self.out_of_time()
        return "nothing", self.unavailable("not asked: no time was left for it")

    def _note(self, passage: Passage, came: Came) -> None:
        if self._breaker.note(passage, came):
            turned = "open, not asking it for now" if self._breaker.is_open else "closed, it answers again"
            log.warning("%s: circuit %s", self.name, turned)

    def _repeating(self, request: _Request, call: Call) -> Retrying:
        is_probe = call.passage is not None and call.passage.is_probe
        return Retrying(
            retry=retry_if_exception_type(Passing),
            wait=self._wait_before_next,
            stop=lambda state: (
                is_probe or self._breaker.is_open or self._is_ended() or request.is_over(state, self._clock())
            ),
            sleep=self._machine.sleep,
            reraise=True,
        )

    def _attempt(self, judge: Judge, request: _Request, call: Call) -> Check:
        call.attempts += 1
        status, content = self._send(request)
        call.digest = hashlib.sha256(content).hexdigest()
        return judge(status, plain_json_or_none(content))

    def _send(self, request: _Request) -> tuple[int, bytes]:
        """The status and the body of an answer. Raises Unavailable, or Passing if a later try may do better."""
        began = self._clock()
        left = max(0.1, request.deadline - began)
        where = f"{request.method} {request.path}"
        try:
            response = self._session.request(
                request.method,
                self.base_url + request.path.format(id=quote(request.person_id, safe="")),
                json=request.body,
                headers=request.headers,
                timeout=(min(CONNECT_TIMEOUT, left), left),
                allow_redirects=False,
                stream=True,
            )
            log.info("%s %d %.0f ms", where, response.status_code, (self._clock() - began) * 1000)
            with response:  # the rest of an answer from a service in trouble is not read
                if response.status_code == 429 or response.status_code >= 500:
                    raise Passing(
                        f"status {response.status_code}", retry_after(response.headers, self._machine.wall) or 0.0
                    )
                return response.status_code, read_content(response, LARGEST_ANSWER)
        except AnswerTooLarge as error:
            raise Unavailable(str(error)) from None
        except requests.RequestException as error:
            log.info("%s no answer (%s)", where, type(error).__name__)
            blocked = what_blocks(error, self.base_url)
            if blocked and blocked.is_lasting:
                raise Unavailable(blocked.words) from None
            raise Passing(blocked.words if blocked else f"no answer: {type(error).__name__}") from None

    def _wait_before_next(self, state: RetryCallState) -> float:
        """Seconds, drawn from a range that grows with each attempt, and at least as many as the service asks for."""
        assert state.outcome is not None
        error = state.outcome.exception()
        drawn = self._machine.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2 ** (state.attempt_number - 1)))
        return max(drawn, error.wait if isinstance(error, Passing) else 0.0)
