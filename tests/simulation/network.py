"""The way between a computer and Close: what becomes of each request and of its answer."""

import json
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProtocolError, ReadTimeoutError

from sandbox.answers import not_found
from sandbox.server import ODD_STATUSES, PAGE_FOR_PEOPLE
from sandbox.wire import Reply
from tests.simulation.close import Close, Sent
from tests.simulation.computer import EPOCH, Computer
from tests.simulation.scheduler import Scheduler, Waiter
from tests.simulation.story import Story

READ_TIMEOUT, CONNECT_TIMEOUT = 30.0, 5.0  # seconds, as the client has them
SURE = frozenset({400, 401, 402, 403, 404, 405, 415, 429})  # statuses after which a client knows that nothing was done
NEVER_ARRIVE = ("refused", "no route", "lost before")
NOTHING_DONE = ("500", "502 before", "503", "503 asks", "504 before", "408 before", "404 passing", "429")
DONE = ("lost after", "502 after", "504 after", "408 after", "odd after", "cut", "html", "doubled", "stall", "slow")
FAULTS = (*NEVER_ARRIVE, *NOTHING_DONE, *DONE, "late")
WRITES = ("POST", "PUT", "DELETE")
BETWEEN_ABSENCES = 60.0  # seconds


@dataclass
class Weather:
    """What goes wrong on the way: the probability for each request, which faults, and how late a late request is."""

    draw: random.Random
    probability: float = 0.0
    faults: tuple[str, ...] = FAULTS
    on: str = ""  # only requests that begin so, such as "POST /lead/"
    latest: float = 300.0
    latency: float = 0.2
    has_date: bool = True
    lost_after: tuple[float, ...] = (0.1, READ_TIMEOUT)  # seconds until a client gives up what never arrives
    longest_absence: float = 0.0  # seconds for which Close does not find what a "404 passing" has struck

    def fate(self, sent: Sent) -> str:
        """The fault that strikes a request, or ""."""
        if not self.probability or not sent.route.startswith(self.on):
            return ""
        if self.draw.random() >= self.probability:
            return ""
        fault = self.draw.choice(self.faults)
        if fault == "404 passing" and not sent.object_id:
            return ""
        if fault == "doubled" and sent.path.endswith("/data/search/"):  # an earlier answer may lack what is new
            return ""
        return fault

    def clear_up(self) -> None:
        """Let nothing go wrong any more."""
        self.probability = 0.0


@dataclass
class _Exchange:
    """One request on its way, and what came of it."""

    sent: Sent
    waiter: Waiter
    reply: Reply | None = None
    error: Callable[[], requests.RequestException] | None = None
    is_over: bool = False
    never_left: bool = False
    answer: "_Answer | None" = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Answer:
    """An answer of Close, about which object it is, and when it was given."""

    reply: Reply
    about: str
    at: float


@dataclass
class Departed:
    """One write as the network saw it: when the client gave it up, and when it was carried out.

    `is_in_doubt` if the client can't know whether Close carries it out.
    """

    sent: Sent
    lost_at: float = math.inf
    is_in_doubt: bool = False
    arrived_at: float = math.inf
    made: str = ""


class Network:
    """Carries requests to Close and answers back. It keeps what it knows of each write in `writes`."""

    def __init__(self, close: Close, scheduler: Scheduler, weather: Weather, story: Story) -> None:
        self.close, self.scheduler, self.weather, self.story = close, scheduler, weather, story
        self.writes: list[Departed] = []
        self.watchers: list[Callable[[Departed], None]] = []  # they see each write before it leaves
        self.arriving: Departed | None = None
        self.read_at: dict[tuple[str, str], float] = {}  # when Close gave a computer what it last read of an object
        self.asked_until: dict[str, float] = {}  # until when Close has asked a computer not to ask anything
        self._absences: dict[str, float] = {}  # when objects were last not found, and will be found again
        self._latest: dict[str, _Answer] = {}
        self._odd = 0

    def session(self, computer: Computer) -> requests.Session:
        """A session for a client on a computer."""
        return _Session(self, computer)

    def exchange(self, computer: Computer, sent: Sent, headers: Mapping[str, str]) -> Reply:
        """The answer to a request. Raises what `requests` raises."""
        scheduler, draw = self.scheduler, self.weather.draw
        computer.moment(f"sends {sent.route}")
        departed = Departed(sent)
        if sent.method in WRITES and not sent.path.endswith("/data/search/"):
            for watch in self.watchers:
                watch(departed)
            self.writes.append(departed)
        fate = self._fate(sent)
        self.story.count("requests")
        if fate:
            self.story.count(fate)
        self.story.tell(scheduler.now, computer.name, "sends", sent.route, sent.object_id, sent.query, sent.body, fate)
        exchange = _Exchange(sent, scheduler.waiter())
        there = draw.random() * self.weather.latency
        if fate in NEVER_ARRIVE:
            self._never_arrives(exchange, fate, there)
        else:
            late = draw.random() * self.weather.latest if fate == "late" else 0.0
            scheduler.at(there + late, lambda: self._arrive(computer, exchange, departed, fate, headers))
            if fate == "late":
                self._fail(exchange, there + draw.choice((0.1, READ_TIMEOUT)))
        while not exchange.is_over:
            exchange.waiter = scheduler.waiter()
            try:
                computer.park()
            except BaseException:  # a crash is when the answer is lost
                departed.lost_at = min(departed.lost_at, scheduler.now)
                departed.is_in_doubt = True
                raise
        self._note_lost(departed, exchange)
        self.story.tell(scheduler.now, computer.name, "hears", sent.route, *_told(exchange))
        computer.moment(f"has heard of {sent.route}")
        if exchange.error:
            raise exchange.error()
        assert exchange.reply
        if sent.method == "GET" and exchange.answer and exchange.reply is exchange.answer.reply:
            self.read_at[computer.name, exchange.answer.about] = exchange.answer.at
        return exchange.reply

    def _fate(self, sent: Sent) -> str:
        """The fault that strikes a request, or "". An object that is not found may stay away for some seconds."""
        fate, now, longest = self.weather.fate(sent), self.scheduler.now, self.weather.longest_absence
        until = self._absences.get(sent.object_id, -math.inf)
        if self.weather.probability and now < until:
            return "404 passing"
        if fate != "404 passing" or not longest:
            return fate
        if now < until + BETWEEN_ABSENCES:
            return ""
        self._absences[sent.object_id] = now + self.weather.draw.random() * longest
        return fate

    def _note_lost(self, departed: Departed, exchange: _Exchange) -> None:
        reply = exchange.reply
        if not reply or reply.status >= 400:
            departed.lost_at = self.scheduler.now
            departed.is_in_doubt = reply.status not in SURE if reply else not exchange.never_left

    # On the way ------------------------------------------------------------------------------------------------------

    def _never_arrives(self, exchange: _Exchange, fate: str, there: float) -> None:
        exchange.never_left = fate in ("refused", "no route")
        if fate == "refused":
            cause: Exception = NewConnectionError(None, "refused")  # type: ignore[arg-type]
            self._end(exchange, there, error=lambda: requests.ConnectionError(cause))
        elif fate == "no route":
            self._end(exchange, CONNECT_TIMEOUT, error=lambda: requests.ConnectTimeout(ConnectTimeoutError()))
        else:
            self._fail(exchange, there + self.weather.draw.choice(self.weather.lost_after))

    def _fail(self, exchange: _Exchange, seconds: float) -> None:
        """No answer comes: the connection is lost, or the client has waited for long enough."""
        if seconds >= READ_TIMEOUT:
            error = ReadTimeoutError(None, "", "timed out")  # type: ignore[arg-type]
            self._end(exchange, seconds, error=lambda: requests.ReadTimeout(error))
        else:
            self._end(exchange, seconds, error=lambda: requests.ConnectionError(ProtocolError("connection lost")))

    def _end(
        self,
        exchange: _Exchange,
        seconds: float,
        *,
        reply: Reply | None = None,
        error: Callable[[], requests.RequestException] | None = None,
    ) -> None:
        def end() -> None:
            if not exchange.is_over:
                exchange.is_over, exchange.reply, exchange.error = True, reply, error
                self.scheduler.wake(*exchange.waiter)

        self.scheduler.at(seconds, end)

    def _arrive(
        self, computer: Computer, exchange: _Exchange, departed: Departed, fate: str, headers: Mapping[str, str]
    ) -> None:
        sent, draw = exchange.sent, self.weather.draw
        back = draw.random() * self.weather.latency
        group = sent.method, sent.path.split("/")[3]
        verdict = self.close.limiter.admit("key", group)
        told = self.close.limiter.headers(verdict)
        if verdict and not verdict.allowed and fate != "late":
            self.story.count("throttled")
            self._end(exchange, back, reply=Reply(429, b"", self._dated(told)))
            return
        if fate in NOTHING_DONE:
            self._end(exchange, back, reply=self._refusal(fate, sent.by))
            return
        departed.arrived_at = self.scheduler.now
        self.arriving = departed
        reply = self.close.answer(sent, headers)
        self.arriving = None
        self.story.tell(self.scheduler.now, "close", f"{reply.status}", sent.route, reply.body)
        if fate == "late":
            return
        reply = Reply(reply.status, reply.body, self._dated({**told, **reply.headers}))
        self._answer(exchange, fate, reply, back)

    def _answer(self, exchange: _Exchange, fate: str, reply: Reply, back: float) -> None:
        """Let an answer go back, or what becomes of it."""
        kind, draw = exchange.sent.route, self.weather.draw
        exchange.answer = answer = _Answer(reply, exchange.sent.object_id, self.scheduler.now)
        before, self._latest[kind] = self._latest.get(kind, answer), answer
        if fate == "lost after":
            self._fail(exchange, back + draw.choice((0.1, READ_TIMEOUT)))
        elif fate == "cut":
            self._fail(exchange, back + 0.1)
        elif fate == "stall":
            self._fail(exchange, READ_TIMEOUT)
        elif fate == "html":
            self._end(exchange, back, reply=Reply(502, PAGE_FOR_PEOPLE, content_type="text/html"))
        elif fate == "odd after":
            self._odd += 1
            self._end(exchange, back, reply=Reply(int(ODD_STATUSES[self._odd % len(ODD_STATUSES)]), b"{}"))
        elif fate.endswith(" after"):
            self._end(exchange, back, reply=Reply(int(fate[:3]), b"{}"))
        elif fate == "doubled":
            # a refusal of another request can't be told from one of this request
            exchange.answer = before if before.reply.status < 400 else answer
            self._end(exchange, back, reply=exchange.answer.reply)
        elif fate == "slow":
            self._end(exchange, draw.uniform(1, READ_TIMEOUT - 1), reply=reply)
        else:
            self._end(exchange, back, reply=reply)

    # Refusals --------------------------------------------------------------------------------------------------------

    def _refusal(self, fate: str, by: str) -> Reply:
        if fate == "404 passing":
            return Reply.of(404, not_found("Object").body)
        if fate == "429":
            return Reply(429, b"", self._asking(by))
        if fate == "503 asks":
            return Reply(503, b"", self._asking(by))
        return Reply(int(fate[:3]), b"{}", self._dated({}))

    def _asking(self, by: str) -> dict[str, str]:
        """Headers that ask a computer for a wait, in one of all their forms."""
        draw = self.weather.draw
        seconds = draw.choice((0, 0.4, 1, 3, 3, 20, 70, 290, 4000))
        whole = math.ceil(seconds)
        date = formatdate(EPOCH + self.scheduler.now + seconds, usegmt=True)
        forms: tuple[dict[str, str], ...] = (
            {},
            {"Retry-After": str(whole)},
            {"Retry-After": f"{seconds:.2f}"},
            {"Retry-After": date},
            {"Retry-After": "soon"},
            {"Retry-After": "-1"},
            {"RateLimit": f"limit=100, remaining=0, reset={whole}", "Retry-After": str(whole)},
            {"RateLimit": f"limit=100, remaining=50, reset={seconds:.3f}", "Retry-After": str(whole)},
            {"RateLimit": f"remaining=0; reset={whole}; limit=100"},
            {"RateLimit": "limit=, remaining=x"},
            {"x-rate-limit-limit": "100", "x-rate-limit-remaining": "0", "x-rate-limit-reset": str(whole)},
        )
        told = draw.choice(forms)
        if any(each in value for value in told.values() for each in (str(whole), date)):
            self.asked_until[by] = max(self.asked_until.get(by, 0.0), self.scheduler.now + seconds)
        return self._dated(told)

    def _dated(self, headers: dict[str, str]) -> dict[str, str]:
        if not self.weather.has_date:
            return headers
        return {**headers, "Date": formatdate(EPOCH + self.scheduler.now, usegmt=True)}


def _told(exchange: _Exchange) -> tuple[Any, ...]:
    if exchange.error:
        return (type(exchange.error()).__name__,)
    assert exchange.reply
    headers = {name: value for name, value in exchange.reply.headers.items() if name != "Date"}
    return exchange.reply.status, headers or ""


class _Session(requests.Session):
    """A session that sends through a simulated network."""

    def __init__(self, network: Network, computer: Computer) -> None:
        super().__init__()
        self._network, self._computer = network, computer

    def request(self, method: str, url: str, **settings: Any) -> requests.Response:  # type: ignore[override]
        path = urlsplit(url).path
        body = settings.get("json")
        sent = Sent(
            self._computer.name,
            method,
            path,
            urlencode(settings.get("params") or {}),
            json.loads(json.dumps(body)) if body is not None else None,
            self._network.scheduler.now,
            self._computer.doing,
        )
        headers = {"Content-Type": "application/json", "X-TZ-Offset": "0"}
        return response_of(method, self._network.exchange(self._computer, sent, headers))


class _Body:
    """The bytes of an answer."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def read1(self, size: int, **_: object) -> bytes:
        part, self._content = self._content[:size], self._content[size:]
        return part

    def close(self) -> None:
        """Nothing is open."""


def response_of(method: str, reply: Reply) -> requests.Response:
    """The answer to a request as `requests` gives it."""
    response = requests.Response()
    response.status_code = reply.status
    response.headers = CaseInsensitiveDict(reply.headers)
    response.raw = _Body(reply.body)
    response.request = SimpleNamespace(method=method)  # type: ignore[assignment]
    return response
