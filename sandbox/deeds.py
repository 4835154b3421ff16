"""What is still to be done although its answer was given, or never will be: late requests and slow merges."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable


class Deeds:
    """Things to do at a later moment; they are done with the first request after that moment."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._numbers = itertools.count()
        self._waiting: list[tuple[float, int, Callable[[], object]]] = []

    def add(self, seconds: float, deed: Callable[[], object]) -> None:
        """Do something after so many seconds; at once if there are none."""
        with self._lock:
            self._waiting.append((self._clock() + seconds, next(self._numbers), deed))
        if not seconds:
            self.carry_out()

    def carry_out(self) -> None:
        """Do everything that is due, in order."""
        with self._lock:
            now = self._clock()
            due = sorted(waiting[:2] for waiting in self._waiting if waiting[0] <= now)
            deeds = {waiting[:2]: waiting[2] for waiting in self._waiting}
            self._waiting = [waiting for waiting in self._waiting if waiting[:2] not in due]
            for position in due:
                deeds[position]()
