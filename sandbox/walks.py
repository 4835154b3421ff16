"""Walks through search results: what a cursor refers to, and how long it lives."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.answers import Document, invalid
from sandbox.store import new_id

CURSOR_LIFE = 30.0  # seconds from one page to the next
MOST_WALKED = 10_000  # objects that one walk can reach
MOST_CURSORS = 10_000  # kept at a time to save memory; the oldest go first

Found = tuple[str, str]  # kind and id


@dataclass(frozen=True)
class Walk:
    """The results of a query in order, and how far a client has read them."""

    body: Document
    found: Sequence[Found]
    total: int
    position: int = 0

    def moved_to(self, position: int) -> Walk:
        return Walk(self.body, self.found, self.total, position)


class Walks:
    """The walks under way, by cursor. A cursor may be used again while it lives, since answers can get lost."""

    def __init__(
        self, clock: Callable[[], float], *, cursor_life: float = CURSOR_LIFE, most_walked: int = MOST_WALKED
    ) -> None:
        self.most_walked = most_walked
        self._cursor_life = cursor_life
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: OrderedDict[str, tuple[float, Walk]] = OrderedDict()

    def cursor(self, walk: Walk) -> str | None:
        """A new cursor for the rest of the walk; None if there is no rest."""
        if walk.position >= len(walk.found):
            return None
        cursor = new_id("", 32)
        with self._lock:
            now = self._clock()
            self._under_way[cursor] = now + self._cursor_life, walk
            while len(self._under_way) > MOST_CURSORS or next(iter(self._under_way.values()))[0] < now:
                self._under_way.popitem(last=False)
        return cursor

    def expire(self) -> None:
        """Make every cursor expire now."""
        with self._lock:
            self._under_way.clear()

    def resumed(self, cursor: object, body: Document) -> Walk:
        """The walk that the cursor belongs to, if it is still alive and the rest of the body is the same."""
        if not isinstance(cursor, str):
            raise invalid("cursor", "Invalid cursor")
        with self._lock:
            expires, walk = self._under_way.get(cursor, (0.0, None))
        if walk is None or expires < self._clock():
            raise invalid("cursor", "Expired cursor")
        if walk.body != body:
            raise invalid("cursor", "The cursor belongs to another query")
        return walk
