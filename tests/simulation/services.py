"""The three services that check people: what they know about each of them, what they say, and what goes wrong.

Each answer is kept with what it means, which its maker knows. So no rule of the product has to be believed.
"""

import hashlib
import json
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any, Literal

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProtocolError, ReadTimeoutError

from sandbox.wire import Reply
from tests.simulation.computer import EPOCH, Computer
from tests.simulation.network import response_of
from tests.simulation.scheduler import Scheduler
from tests.simulation.story import Story

NAMES = ("registry", "judicial", "score")
NOT_HEARD = ("no connection", "no answer", "cut off", "stuck")
REFUSALS = ("500", "503", "503 asks", "429", "429 asks", "302", "204", "418", "400", "401")
NOT_FOUND = ("404 page", "404 list", "404 denied", "404 other")
UNREADABLE = ("page", "half", "not a number", "twice", "a list", "wrong kind", "missing", "error", "null")
OTHERS = ("another person", "more", "late", "overtaken")
WRONG = (*NOT_HEARD, *REFUSALS, *NOT_FOUND, *UNREADABLE, *OTHERS)
STUCK = 120.0  # seconds
Means = Literal["passed", "failed", "nothing"]


@dataclass(frozen=True)
class Truth:
    """What the services know about somebody; `name` and `birth_date` are "" if the registry does not give them."""

    exists: bool
    records: int
    score: int
    name: str = ""
    birth_date: str = ""
    is_404: bool = False  # whether the registry says with a 404 that it does not know somebody

    def outcome(self, held_names: tuple[str, ...], threshold: int) -> str:
        """What has to be decided about somebody whom we know by these names, once all services answer plainly."""
        if self.is_called_otherwise(held_names):
            return "undetermined"
        is_prospect = self.exists and not self.records and self.score > threshold
        return "prospect" if is_prospect else "not_prospect"

    def is_called_otherwise(self, held_names: tuple[str, ...]) -> bool:
        """Whether the registry knows the person by another name."""
        return self.exists and bool(self.name and held_names) and self.name not in held_names


@dataclass(frozen=True)
class Asked:
    """One request: which service, about whom, by which computer, and with which idempotency key."""

    by: str
    service: str
    person_id: str
    key: str
    body: Any


@dataclass
class Answer:
    """One answer, and what it means: how the check ends that rests on it. `heard_at` is when it arrived, if it did."""

    asked: Asked
    reply: Reply
    means: Means
    score: int | None = None
    heard_at: float = math.inf
    truth: Truth | None = None

    @property
    def digest(self) -> str:
        """What stands for the answer in a trail."""
        return hashlib.sha256(self.reply.body).hexdigest()


@dataclass
class ServiceWeather:
    """What goes wrong with services: the probability for each request, and how long an answer takes."""

    draw: random.Random
    probability: float
    faults: tuple[str, ...]
    latency: float
    flapping: float  # probability that an answer is about what was, or will be, true
    down: Mapping[str, tuple[float, float]]  # services that do not answer, from when to when

    def fate(self, service: str, now: float) -> str:
        """The fault that strikes a request, or ""."""
        begins, ends = self.down.get(service, (0.0, 0.0))
        if begins <= now < ends:
            return "no answer"
        return self.draw.choice(self.faults) if self.draw.random() < self.probability else ""

    def clear_up(self) -> None:
        """Let nothing go wrong any more."""
        self.probability = self.flapping = 0.0
        self.latency = 0.1
        self.down = {}


class Services:
    """The registry, the judicial records and the score. `answers` are all that they gave."""

    def __init__(self, scheduler: Scheduler, weather: ServiceWeather, story: Story, threshold: int) -> None:
        self._scheduler, self.weather, self._story, self._threshold = scheduler, weather, story, threshold
        self.truths: dict[str, tuple[Truth, Truth]] = {}  # now, and at other times
        self.held: dict[str, str] = {}  # dates of birth that we hold, by id
        self.answers: dict[tuple[str, str, str], list[Answer]] = {}  # by digest, service and person
        self.asked: list[Asked] = []

    def truth(self, person_id: str) -> Truth:
        """What is true about somebody; of somebody whom nobody knows, that they are not there."""
        return self.truths.get(person_id, (Truth(False, 0, 0),) * 2)[0]

    def session(self, computer: Computer, service: str) -> requests.Session:
        """A session for a client of a service on a computer."""
        return _Session(self, computer, service)

    def exchange(self, computer: Computer, asked: Asked, patience: float) -> Reply:
        """The answer to a request. Raises what `requests` raises."""
        computer.moment(f"asks the {asked.service}")
        fate = self.weather.fate(asked.service, self._scheduler.now)
        self._story.count("questions")
        if fate:
            self._story.count(f"service: {fate}")
        self.asked.append(asked)
        self._story.tell(self._scheduler.now, computer.name, "asks", asked.service, asked.person_id, asked.body, fate)
        seconds = self.weather.draw.random() * self.weather.latency
        if fate in NOT_HEARD:
            self._fail(computer, asked, fate, seconds, patience)
        answer = self._answer(asked, fate)
        if fate == "late":
            seconds += patience
        computer.sleep(min(seconds, patience))
        if seconds >= patience:
            self._tell_heard(computer, asked, "timed out")
            raise requests.ReadTimeout(ReadTimeoutError(None, "", "timed out"))  # type: ignore[arg-type]
        answer.heard_at = self._scheduler.now
        self.answers.setdefault((answer.digest, asked.service, asked.person_id), []).append(answer)
        self._tell_heard(computer, asked, answer.reply.status, answer.reply.body, answer.means)
        computer.moment(f"has heard of the {asked.service}")
        return answer.reply

    def _tell_heard(self, computer: Computer, asked: Asked, *about: object) -> None:
        self._story.tell(self._scheduler.now, computer.name, "is told", asked.service, asked.person_id, *about)

    def _fail(self, computer: Computer, asked: Asked, fate: str, seconds: float, patience: float) -> None:
        error: requests.RequestException
        if fate == "no connection":
            error = requests.ConnectionError(NewConnectionError(None, "refused"))  # type: ignore[arg-type]
        elif fate == "stuck":  # as in a look-up of its name, which no timeout ends
            error, seconds = requests.ConnectionError(NewConnectionError(None, "")), STUCK  # type: ignore[arg-type]
        elif fate == "cut off":
            error = requests.ConnectionError(ProtocolError("connection lost"))
        elif seconds < self.weather.latency / 4:
            error, seconds = requests.ConnectTimeout(ConnectTimeoutError()), min(4.0, patience)
        else:
            error, seconds = requests.ReadTimeout(ReadTimeoutError(None, "", "")), patience  # type: ignore[arg-type]
        computer.sleep(seconds)
        self._tell_heard(computer, asked, type(error).__name__)
        raise error

    # What they say ---------------------------------------------------------------------------------------------------

    def _answer(self, asked: Asked, fate: str) -> Answer:
        draw = self.weather.draw
        now, other = self.truths.get(asked.person_id, (Truth(False, 0, 0),) * 2)
        plain = self._plain(asked, other if draw.random() < self.weather.flapping else now)
        if not fate or fate in ("late", *NOT_HEARD):
            return plain
        if fate == "more":
            return self._with_more(plain)
        if fate in ("another person", "overtaken"):
            return self._about_another(asked, plain, is_older=fate == "overtaken")
        return replace(plain, reply=self._wrong(asked, plain, fate), means="nothing", score=None)

    def _plain(self, asked: Asked, truth: Truth) -> Answer:
        document: dict[str, Any] = {"id": asked.person_id}
        status, means, score = 200, "passed", None
        if asked.service == "registry":
            document["exists"] = truth.exists
            for name in ("name", "birth_date") if truth.exists else ():
                document |= {name: getattr(truth, name)} if getattr(truth, name) else {}
            means = "passed" if truth.exists else "failed"
            status = 404 if truth.is_404 and not truth.exists else 200
        elif asked.service == "judicial":
            document["records"] = [{"number": number} for number in range(truth.records)]
            means = "failed" if truth.records else "passed"
        else:
            document["score"] = score = truth.score
            means = "passed" if truth.score > self._threshold else "failed"
        body = json.dumps(document).encode()
        return Answer(asked, Reply(status, body), means, score, truth=truth)  # type: ignore[arg-type]

    def _with_more(self, plain: Answer) -> Answer:
        """An answer with a key that nobody knows, which must clear nobody."""
        document = json.loads(plain.reply.body) | {"partial": True}
        means: Means = "failed" if plain.means == "failed" else "nothing"
        return replace(plain, reply=Reply(plain.reply.status, json.dumps(document).encode()), means=means)

    def _about_another(self, asked: Asked, plain: Answer, *, is_older: bool) -> Answer:
        others = sorted(self.truths.keys() - {asked.person_id})
        if not others:
            return replace(plain, reply=Reply(500, b"{}"), means="nothing", score=None)
        other = others[0] if is_older else self.weather.draw.choice(others)
        told = self._plain(replace(asked, person_id=other), self.truth(other)).reply
        return replace(plain, reply=told, means="nothing", score=None)

    def _wrong(self, asked: Asked, plain: Answer, fate: str) -> Reply:
        document = json.loads(plain.reply.body)
        field = {"registry": "exists", "judicial": "records", "score": "score"}[asked.service]
        good = json.dumps({"id": asked.person_id, field: {"exists": True, "records": [], "score": 99}[field]})
        if fate.startswith("404"):
            denied = {**json.loads(good), "found": True, "records": [1]}
            listed = "<h1>Not found</h1>" if fate == "404 page" else json.dumps([document])
            told = {"404 denied": json.dumps(denied), "404 other": json.dumps({"id": "another", "records": ["x"]})}
            return Reply(404, told.get(fate, listed).encode())
        if fate[:3].isdecimal():
            return Reply(int(fate[:3]), f"{good} ".encode(), self._asking(fate))
        wrong: Mapping[str, Callable[[], str]] = {
            "page": lambda: "<html>Welcome</html>",
            "half": lambda: good[: len(good) // 2],
            "not a number": lambda: good.replace(json.dumps(json.loads(good)[field]), "NaN"),
            "twice": lambda: good[:-1] + f", {json.dumps(field)}: {json.dumps(json.loads(good)[field])}}}",
            "a list": lambda: f"[{good}]",
            "wrong kind": lambda: json.dumps({"id": asked.person_id, field: self.weather.draw.choice(_wrong(field))}),
            "missing": lambda: json.dumps({"id": asked.person_id}),
            "error": lambda: json.dumps({**json.loads(good), "error": "database"}),
            "null": lambda: json.dumps({"id": asked.person_id, field: None}),
        }
        return Reply(200, wrong[fate]().encode())

    def _asking(self, fate: str) -> dict[str, str]:
        if "asks" not in fate:
            return {}
        seconds = self.weather.draw.choice((0, 1, 3, 8, 30, 4000))
        date = formatdate(EPOCH + self._scheduler.now + seconds, usegmt=True)
        forms = ({"Retry-After": str(seconds)}, {"Retry-After": date}, {"Retry-After": "soon"})
        return dict(self.weather.draw.choice(forms))


def _wrong(field: str) -> tuple[Any, ...]:
    return {
        "exists": ("true", 1, [], "no"),
        "records": (0, "", {}, False, None),
        "score": ("99", 99.5, True, -1, 101, [99]),
    }[field]


class _Session(requests.Session):
    """A session that asks a simulated service."""

    def __init__(self, services: Services, computer: Computer, service: str) -> None:
        super().__init__()
        self._services, self._computer, self._service = services, computer, service

    def request(self, method: str, url: str, **settings: Any) -> requests.Response:  # type: ignore[override]
        body = settings.get("json")
        parts = url.split("/")
        person_id = body["id"] if body else parts[parts.index("people") + 1]
        key = (settings.get("headers") or {}).get("Idempotency-Key", "")
        asked = Asked(self._computer.name, self._service, person_id, key, body)
        return response_of(method, self._services.exchange(self._computer, asked, settings["timeout"][1]))
