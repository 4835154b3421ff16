"""Delayed copies: leads, contacts and activities as lists and search see them, and the event log as shown."""

from __future__ import annotations

import heapq
import itertools
import json
import threading
from collections.abc import Callable, Iterator, Sequence

from sandbox.answers import Document

INDEXED = ("lead", "contact")
Lag = float | Callable[[], float]  # seconds, or what returns them for something that happens now


class Index:
    """The objects of some kinds as they were `lag` seconds ago, in order of creation."""

    def __init__(self, lag: Lag, clock: Callable[[], float], kinds: Sequence[str] = INDEXED) -> None:
        self._lag = lag if callable(lag) else lambda: lag
        self._clock = clock
        self._lock = threading.Lock()
        self._frozen = False
        self._numbers = itertools.count()
        self._due: dict[str, float] = {}
        self._pending: list[tuple[float, int, str, str, Document | None]] = []
        self._shown: dict[str, dict[str, Document]] = {kind: {} for kind in kinds}

    def note(self, kind: str, object_id: str, document: Document | None, more_lag: float = 0.0) -> None:
        """Add a new version, or None for a deletion; it shows after the lag, and `more_lag`."""
        if kind in self._shown:
            with self._lock:
                due = max(self._clock() + self._lag() + more_lag, self._due.get(object_id, 0.0))
                self._due[object_id] = due  # no version shows before the one that it replaced
                heapq.heappush(self._pending, (due, next(self._numbers), kind, object_id, document))

    def load(self, kind: str, document: Document) -> None:
        """Show a document at once: it existed before this index."""
        if kind in self._shown:
            self._shown[kind][document["id"]] = document

    def documents(self, kind: str) -> list[Document]:
        with self._lock:
            self._catch_up()
            return list(self._shown[kind].values())

    def find(self, kind: str, object_id: str) -> Document | None:
        with self._lock:
            self._catch_up()
            return self._shown[kind].get(object_id)

    def freeze(self) -> None:
        """Keep showing what is shown now until `thaw`."""
        with self._lock:
            self._catch_up()
            self._frozen = True

    def thaw(self) -> None:
        with self._lock:
            self._frozen = False

    def _catch_up(self) -> None:
        now = self._clock()
        while self._pending and self._pending[0][0] <= now and not self._frozen:
            _, _, kind, object_id, document = heapq.heappop(self._pending)
            if document is None:
                self._shown[kind].pop(object_id, None)
            else:
                self._shown[kind][object_id] = document


class EventLog:
    """What happened, by position; each event shows `lag` seconds after it happened.

    Events that were loaded stay JSON until they are shown: a month of them would take seconds to parse.
    """

    def __init__(self, lag: Lag, clock: Callable[[], float]) -> None:
        self._lag = lag if callable(lag) else lambda: lag
        self._clock = clock
        self._events: list[tuple[float, Document | str]] = []

    def load(self, event: str) -> None:
        """Show at once an event, given as JSON, that existed before this log."""
        self._events.append((self._clock(), event))

    def add(self, event: Document, more_lag: float = 0.0) -> None:
        self._events.append((self._clock() + self._lag() + more_lag, event))

    def find(self, event_id: str) -> Document | None:
        return next((event for _, event in self.newest_first(about=[event_id]) if event["id"] == event_id), None)

    def newest_first(self, before: int | None = None, about: Sequence[str] = ()) -> Iterator[tuple[int, Document]]:
        """Position and event, from the newest visible one, or from the one before the position, back to the first.

        Events that do not mention everything in `about` may be left out.
        """
        spelled = [json.dumps(value) for value in about]
        now, count = self._clock(), len(self._events)
        for position in range(min(count, count if before is None else before) - 1, -1, -1):
            due, event = self._events[position]
            if due <= now and _mentions(event, spelled):
                yield position, self._read(position)

    def oldest_first(self, after: int, about: Sequence[str] = ()) -> Iterator[tuple[int, Document]]:
        """Position and event, from the one after the position to the newest visible one."""
        now, spelled = self._clock(), [json.dumps(value) for value in about]
        for position in range(after + 1, len(self._events)):
            due, event = self._events[position]
            if due <= now and _mentions(event, spelled):
                yield position, self._read(position)

    def _read(self, position: int) -> Document:
        """The event; it stays parsed from now on."""
        due, event = self._events[position]
        if isinstance(event, str):
            event = json.loads(event)
            self._events[position] = due, event
        return event


def _mentions(event: Document | str, spelled: Sequence[str]) -> bool:
    """Whether an event may hold all the values; an event that is already parsed is not searched."""
    return not isinstance(event, str) or all(value in event for value in spelled)
