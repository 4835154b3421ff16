"""The sandbox as a whole: start and stop, rate limits, faults and delays, and which part answers a request."""

from __future__ import annotations

import itertools
import json
import logging
import threading
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from email.utils import formatdate
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sandbox import browser, checks, close, smart_views
from sandbox.account import Account
from sandbox.answers import Document, Refused, not_found
from sandbox.bookkeeping import Tally, leads_by_value
from sandbox.deeds import Deeds
from sandbox.faults import BEFORE, Fault, FaultDraw
from sandbox.fields import add_field
from sandbox.limits import HeaderMode, RateLimiter, ThrottleBody, Verdict
from sandbox.store import Origin, Store
from sandbox.walks import CURSOR_LIFE, MOST_WALKED, Walks
from sandbox.wire import HOST, HttpRequest, LoopbackServer, Reply, phrase

log = logging.getLogger(__name__)

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
POLL_INTERVAL = 0.02  # seconds until the accepting thread notices that it should stop
ODD_STATUSES = ("302", "409", "421", "425", "499")  # none of which says whether anything was done
PAGE_FOR_PEOPLE = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"


class Sandbox:
    """A stand-in for Close and three check services on this machine. Start it with `with`, or start() and stop().

    A key may make `rate` requests a second to each group of endpoints, counted over `window` seconds; with a `burst`
    above 1 it can save up that many windows. `state` names a file that keeps everything; StateFileError is raised if
    it can't be used. With a `list_lag`, lists of notes and other activities, tasks and opportunities also lag, by that
    many seconds. With `shard_lags`, index and event log have as many parts, each of which lags by so much more; leads
    go to them in turn. The event log hides what events hold after `event_data_seconds`. A merge takes `merge_seconds`.
    A request that is carried out late (a fault) is so after `late_seconds`. The keys of `colleagues` belong to a second
    user. `Date` is `date_ahead` seconds ahead. A search reaches `most_walked` objects, and its cursor lives for
    `cursor_life` seconds from one page to the next.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        state: Path | None = None,
        rate: float | None = None,
        window: float = 1.0,
        burst: float = 1.0,
        latency: float = 0.0,
        index_lag: float = 0.0,
        event_lag: float = 0.0,
        list_lag: float = 0.0,
        shard_lags: Sequence[float] = (),
        event_data_seconds: float | None = None,
        merge_seconds: float = 0.0,
        late_seconds: float = 5.0,
        colleagues: Container[str] = (),
        date_ahead: float = 0.0,
        faults: Sequence[Fault] = (),
        seed: int = 0,
        currency: str = "USD",
        country: str = "US",
        rate_limit_header: HeaderMode = "always",
        throttle_body: ThrottleBody = "none",
        lead_cap: int | None = None,
        accepted_keys: Container[str] | None = None,
        most_walked: int = MOST_WALKED,
        cursor_life: float = CURSOR_LIFE,
        stall_seconds: float = 90.0,
        permissions: Sequence[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if event_lag > index_lag:
            raise ValueError(
                f"event_lag must not be longer than index_lag: {event_lag} s is longer than {index_lag} s."
            )
        self._port = port
        self._latency = latency
        self._stall_seconds = stall_seconds
        self._accepted_keys = accepted_keys
        self._faults = FaultDraw(faults, seed)
        self._limiter = RateLimiter(rate, window, burst, rate_limit_header, clock)
        self._throttle_body = throttle_body
        self._tally = Tally()
        self._stopping = threading.Event()
        self._index_lag, self._event_lag, self._list_lag = index_lag, event_lag, list_lag
        self._state, self._currency, self._country = state, currency, country
        self._lead_cap = lead_cap
        self._permissions = permissions
        self._shard_lags, self._event_data_seconds = shard_lags, event_data_seconds
        self._merge_seconds, self._late_seconds, self._date_ahead = merge_seconds, late_seconds, date_ahead
        self._colleagues = colleagues
        self._latest: dict[str, Reply] = {}  # the last answer of each kind
        self._odd_statuses = itertools.cycle(ODD_STATUSES)
        self._most_walked, self._cursor_life = most_walked, cursor_life
        self._clock = clock

    def start(self) -> Self:
        store = Store(
            state=self._state,
            index_lag=self._index_lag,
            event_lag=self._event_lag,
            list_lag=self._list_lag,
            shard_lags=self._shard_lags,
            clock=self._clock,
            currency=self._currency,
        )
        walks = Walks(self._clock, cursor_life=self._cursor_life, most_walked=self._most_walked)
        self._deeds = Deeds(self._clock)
        self._account = Account(
            *(store, walks, self._country, self._lead_cap, self._permissions),
            *(self._event_data_seconds, partial(self._deeds.add, self._merge_seconds)),
        )
        try:
            smart_views.add_stock_views(self._account)
            self._server = LoopbackServer(self._port, self._reply)
        except BaseException:  # after any error, the state file must be released
            store.close()
            raise
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_INTERVAL,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close all connections, including idle ones, and then the state."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.hang_up()
        self._account.store.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def close_url(self) -> str:
        return self._url(close.PREFIX)

    @property
    def page_url(self) -> str:
        """Where a browser shows the leads."""
        return self._url(browser.PATH)

    @property
    def registry_url(self) -> str:
        return self._url("/registry")

    @property
    def judicial_url(self) -> str:
        return self._url("/judicial")

    @property
    def score_url(self) -> str:
        return self._url("/score")

    def report(self) -> Document:
        """The requests so far, and what the leads hold now."""
        self._deeds.carry_out()
        store = self._account.store
        return {
            "leads": store.count("lead"),
            "leads_by_value": leads_by_value(store),
            **self._tally.figures(),
            "requests_while_closed": self._limiter.requests_while_closed,
        }

    def freeze_index(self) -> None:
        """Stop updating lists and search until `thaw_index`."""
        self._account.store.index.freeze()

    def thaw_index(self) -> None:
        self._account.store.index.thaw()

    def expire_cursors(self) -> None:
        """End every search under way: its next page is refused."""
        self._account.walks.expire()

    def add_shared_field(self, name: str, kind: str) -> Document:
        """A custom field that leads share with other objects: in the schema, but not in the list of lead fields."""
        wanted = {"name": name, "type": kind, "is_shared": True}
        return add_field(self._account, Origin("POST", "/api/v1/custom_field/shared/"), wanted)

    def add_smart_view(self, name: str, query: Document) -> Document:
        """A new Smart View; Refused is raised for a query that a search would refuse."""
        return smart_views.add_view(self._account, name, query)

    def _reply(self, request: HttpRequest) -> Reply | None:
        """The answer to a request; None if the connection is to be closed instead."""
        if request.path.startswith(close.PREFIX + "/"):
            self._deeds.carry_out()
            verb = request.method if request.method in VERBS else "(unknown)"
            with self._tally.request(f"{verb} {close.template(request.path) or '(unknown)'}"):
                self._stopping.wait(self._latency)
                return self._close_reply(request)
        if request.path == browser.PATH:
            self._deeds.carry_out()
            return browser.reply(request, self._account.store, self._index_lag + max(self._shard_lags, default=0.0))
        if request.path == "/sandbox/report" and request.method == "GET":
            return Reply.of(200, self.report())
        self._stopping.wait(self._latency)
        return self._check_reply(request)

    def _close_reply(self, request: HttpRequest) -> Reply | None:
        """Rate limit, then key, then fault, then the endpoint; a wrong key also counts toward its own limit."""
        key, group = close.presented_key(request), close.group(request)
        is_accepted = close.is_accepted(key, self._accepted_keys)
        verdict = self._limiter.admit(key, group, is_member=is_accepted)
        if verdict and not verdict.allowed:
            return self._throttled(verdict, group)
        headers = self._limiter.headers(verdict)
        if not is_accepted:
            return Reply.of(401, {"error": "Unauthorized"}, headers)
        fault = self._faults.draw(request.method, request.path)
        if fault in BEFORE:
            return self._before(fault, key, group, verdict)
        if fault == "late":
            self._deeds.add(self._late_seconds, lambda: _answered(lambda: self._answer(request, key)))
            return None
        reply = self._dated(_answered(lambda: self._answer(request, key), headers))
        return self._after(fault, reply, f"{request.method} {close.template(request.path)}")

    def _answer(self, request: HttpRequest, key: str) -> Document:
        with self._account.store.as_user(is_colleague=key in self._colleagues):
            return close.answer(self._account, request, key)

    def _dated(self, reply: Reply) -> Reply:
        if not self._date_ahead:
            return reply
        date = formatdate(time.time() + self._date_ahead, usegmt=True)
        return replace(reply, headers={**reply.headers, "Date": date})

    def _before(self, fault: str | None, key: str, group: tuple[str, str], verdict: Verdict | None) -> Reply | None:
        """The answer if a fault strikes before anything is done."""
        if fault == "drop-before":
            return None
        if fault == "429-surprise":
            return self._throttled(self._limiter.surprise(key, group, verdict), group)
        if fault == "429-bare":
            self._limiter.surprise(key, group, verdict)
            self._tally.count_429()
            return Reply(429, b"")
        if fault == "404-passing":
            return Reply.of(404, not_found("Object").body)
        return _failed(fault or "500")

    def _after(self, fault: str | None, reply: Reply, kind: str) -> Reply | None:
        """What becomes of an answer to a request of some kind if a fault strikes after everything is done."""
        if fault == "doubled-answer" and kind in self._latest:
            return self._latest[kind]
        self._latest[kind] = reply
        if fault == "drop-after":
            return None
        if fault == "stall":
            self._stopping.wait(self._stall_seconds)
        if fault == "cut":
            return replace(reply, cut=True)
        if fault == "html":
            return Reply(502, PAGE_FOR_PEOPLE, content_type="text/html")
        if fault == "odd-status-after":
            return _failed(next(self._odd_statuses))
        return _failed(fault) if fault in ("408-after", "502-after", "504-after") else reply

    def _throttled(self, verdict: Verdict, group: tuple[str, str]) -> Reply:
        self._tally.count_429()
        headers, body = self._limiter.headers(verdict), self._limiter.body(verdict, group)
        if self._throttle_body == "none":
            return Reply(429, b"", headers)
        return Reply.of(429, body if self._throttle_body == "flat" else _nested(body), headers)

    def _check_reply(self, request: HttpRequest) -> Reply:
        self._tally.count_check(f"{request.method} {checks.service(request.path) or '(unknown)'}")
        return _answered(lambda: checks.answer(request.method, request.path, _json_or_none(request.body)))

    def _url(self, path: str) -> str:
        return f"http://{HOST}:{self._server.server_port}{path}"


def _answered(answer: Callable[[], Document], headers: dict[str, str] | None = None) -> Reply:
    """The answer or the refusal as a reply. A bug in the sandbox becomes a 500, and is logged."""
    try:
        return Reply.of(200, answer(), headers)
    except Refused as refusal:
        return Reply.of(refusal.status, refusal.body, headers)
    except Exception:  # a bug here must look like a server error, not like a lost connection
        log.exception("The sandbox failed to answer")
        return Reply.of(500, {"error": "The sandbox has a bug; its log has the traceback."}, headers)


def _nested(body: Mapping[str, object]) -> Document:
    """The body of a 429 in its oldest form, with the remaining time as a number."""
    return {"error": {**body, "rate_reset": float(str(body["rate_reset"]))}}


def _failed(fault: str) -> Reply:
    status = int(fault[:3])
    return Reply.of(status, {"error": phrase(status)})


def _json_or_none(body: bytes | None) -> Any:
    try:
        return json.loads(body or b"")
    except (ValueError, RecursionError):
        return None
