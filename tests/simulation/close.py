"""Close as a history has it: the sandbox's endpoints without sockets, with lags that change and watchers."""

import json
import math
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sandbox.close
from sandbox.account import Account
from sandbox.answers import Refused, invalid_body, refused
from sandbox.deeds import Deeds
from sandbox.limits import RateLimiter
from sandbox.store import Store, draw_ids_from
from sandbox.walks import Walks
from sandbox.wire import HttpRequest, Reply
from tests.simulation.computer import EPOCH
from tests.simulation.scheduler import Scheduler

Json = dict[str, Any]
BASE_URL = "https://api.close.com/api/v1"
COLLEAGUE, OURS = "key-of-a-colleague", "key-of-ours"


class ChangingLag:
    """How long a list takes to show what happens now. It changes, but what happened first shows first."""

    def __init__(self, scheduler: Scheduler, draw: random.Random, most: float) -> None:
        self._scheduler, self._draw, self.most, self.is_on = scheduler, draw, most, False
        self._lag = self._until = self.last_due = 0.0
        self.longest = most

    def __call__(self) -> float:
        if not self.is_on:
            return 0.0
        now = self._scheduler.now
        if now >= self._until:
            self._until = now + self._draw.expovariate(1 / 60)
            share = self._draw.random()
            self._lag = (
                self._draw.choice((self._draw.random(), 1.0)) * (self.most if share < 0.4 else min(5.0, self.most))
                if share < 0.8
                else 0.0
            )
        self.last_due = max(self.last_due, now + min(self._lag, self.most))
        return self.last_due - now


@dataclass(frozen=True)
class Sent:
    """One request as it left, and by whom it was sent."""

    by: str
    method: str
    path: str
    query: str
    body: Json | None
    at: float
    during: str = ""  # the command that sent it

    @cached_property
    def route(self) -> str:
        """The method and the path without ids: `PUT /lead/{id}/`."""
        return f"{self.method} {sandbox.close.template(self.path) or self.path}"

    @cached_property
    def object_id(self) -> str:
        """The id in the path, "" if it has none."""
        last = self.path.rstrip("/").rpartition("/")[2]
        return last if "_" in last and last[-1:] != "/" and self.route.endswith("{id}/") else ""


class Close:
    """One organization in Close. `watchers` see each request before it is carried out, and its answer."""

    def __init__(self, scheduler: Scheduler, draw: random.Random, lags: "Lags", rate: float | None) -> None:
        draw_ids_from(draw.getrandbits(64))
        self.scheduler, self.lags = scheduler, lags
        self.store = Store(
            state=None,
            index_lag=lags.index,
            event_lag=lags.events,
            list_lag=lags.lists,
            shard_lags=lags.shards,
            clock=lambda: scheduler.now,
            currency="USD",
            wall_ns=lambda: round((EPOCH + scheduler.now) * 1e9),
        )
        self._deeds = Deeds(lambda: scheduler.now)
        self.account = Account(
            *(self.store, Walks(lambda: scheduler.now), "US", None, None, None),
            lambda merge: self._deeds.add(0.0, merge),
        )
        self.limiter = RateLimiter(rate, 1.0, 1.0, "always", lambda: scheduler.now)
        self._shown: dict[str, float] = {}
        self.shows_log = True  # the event log, to the user of our key
        self.refused: frozenset[str] = frozenset()  # e-mails that Close does not accept
        self.most_per_page: int | None = None  # leads of a search; Close may give fewer than were asked for
        self.watchers: list[Callable[[Sent, Answered], None]] = []

    def answer(self, sent: Sent, headers: Mapping[str, str], key: str = OURS) -> Reply:
        """The answer to a request, which is carried out now."""
        told = sent.body
        if told and self.most_per_page and sent.path.endswith("/data/search/") and "_limit" in told:
            told = {**told, "_limit": min(told["_limit"], self.most_per_page)}
        body = json.dumps(told).encode() if told is not None else b""
        request = HttpRequest(sent.method, sent.path, sent.query, headers, body)
        answered = Answered(self.store, sent)
        try:
            self._refuse(sent)
            with self.store.as_user(is_colleague=key == COLLEAGUE):
                answered.document = sandbox.close.answer(self.account, request, key)
                reply = Reply.of(200, answered.document)
        except Refused as refusal:
            answered.status = refusal.status
            reply = Reply.of(refusal.status, refusal.body)
        if answered.status == 200 and sent.route == "POST /lead/":
            shown = min(self.lags.index.last_due, self.lags.events.last_due if self.shows_log else math.inf)
            self._shown[answered.document["id"]] = shown + max(self.lags.shards, default=0.0)
        for watch in self.watchers:
            watch(sent, answered)
        return reply

    def _refuse(self, sent: Sent) -> None:
        """Raise Refused for what Close does not show or accept, where the sandbox would."""
        if not self.shows_log and sent.path.startswith("/api/v1/event/"):
            raise refused(403, "The event log is not for you.")
        body = sent.body or {}
        found = _in_mails(body, self.refused)
        people = {str(at): _in_mails(each, self.refused) for at, each in enumerate(body.get("contacts") or [])}
        people = {at: invalid_body(errors) for at, errors in people.items() if errors}
        found |= {"contacts": {"errors": people}} if people else {}
        if found:
            raise Refused(400, invalid_body(found))

    def shown_at(self, lead_id: str) -> float:
        """When the event log or search shows a lead, whichever does so first."""
        return self._shown[lead_id]


@dataclass
class Lags:
    """How far behind the lists of Close are."""

    index: ChangingLag
    events: ChangingLag
    lists: ChangingLag
    shards: tuple[float, ...]

    def begin(self) -> None:
        """Let lists lag from now on."""
        for lag in (self.index, self.events, self.lists):
            lag.is_on = True

    def end(self) -> None:
        """Let search and event log show at once what happens from now on, once they show what happened before."""
        for lag in (self.index, self.events):
            lag.most = 0.0


class Answered:
    """What a request did: the objects that it was about before, and what Close answered."""

    def __init__(self, store: Store, sent: Sent) -> None:
        kind = {"lead": "lead", "cont": "contact", "cf": "custom_field"}.get(sent.object_id.partition("_")[0])
        self.before: Json | None = store.find(kind, sent.object_id) if kind else None
        self.status = 200
        self.document: Json = {}


def _in_mails(contact: Json, refused: Collection[str]) -> Json:
    """The errors about the e-mails of a contact that are refused; empty if none is."""
    places = [str(at) for at, item in enumerate(contact.get("emails") or []) if item.get("email") in refused]
    errors = {at: invalid_body({"email": "Invalid email address."}) for at in places}
    return {"emails": {"errors": errors}} if errors else {}
