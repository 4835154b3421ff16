"""How much to ask Close for with one request: half as much after one that took too long, more after quick answers."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from close.errors import NotInTime

QUICK = 5.0  # seconds; twice as much is then answered long before a request times out
FIRST_QUICK, MOST_QUICK = 10, 640  # quick answers until more is asked for; doubled each time that more was too much

Thing = TypeVar("Thing")
Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class PartSize:
    """How many things of one kind to ask for at a time, `most` at first; threads may share it."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._guard = threading.Lock()
        self._quick, self._quick_needed, self._has_grown = 0, FIRST_QUICK, False
        self.size = most

    def in_time(self, things: Sequence[Thing], ask: Callable[[Sequence[Thing]], Answer]) -> Iterator[Answer]:
        """What Close answers about all things, asked in as many parts as it takes.

        Raises NotInTime if Close does not even answer about a single thing in time.
        """
        left = deque([things])
        while left:
            part = left.popleft()
            if len(part) > self.size:
                left.extendleft([part[self.size :], part[: self.size]])
                continue
            try:
                with self.learning(len(part)):
                    answer = ask(part)
            except NotInTime:
                if len(part) == 1:
                    raise
                left.appendleft(part)
            else:
                yield answer

    @contextmanager
    def learning(self, asked: int) -> Iterator[None]:
        """Learn how long it takes inside the block to ask for so many things."""
        began = self._clock()
        try:
            yield
        except NotInTime:
            self._shrink(asked)
            log.info("no answer in time about %d at a time, asking about %d", asked, self.size)
            raise
        if self._clock() - began < QUICK:
            self._note_quick(asked)

    def _shrink(self, asked: int) -> None:
        with self._guard:
            if self._has_grown:
                self._quick_needed = min(2 * self._quick_needed, MOST_QUICK)
            self._quick, self._has_grown = 0, False
            self.size = max(1, min(self.size, -(-asked // 2)))

    def _note_quick(self, asked: int) -> None:
        with self._guard:
            self._quick += asked >= self.size
            if self._quick >= self._quick_needed and self.size < self._most:
                self._quick, self._has_grown = 0, True
                self.size = min(2 * self.size, self._most)
