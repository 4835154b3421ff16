"""Requests to one endpoint group of Close over artificial time, judged by the sandbox's own rate limiter.

Nothing waits and nothing runs side by side: moments are taken from a heap, so that each run of a seed is the same.
"""

import heapq
import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from close.rate_gate import Pace, Passage
from sandbox.limits import HeaderMode, RateLimiter

GROUP = ("POST", "lead")


@dataclass
class Traffic:
    """Time, what is to happen, and the limiter that judges what arrives. `way` draws the seconds of one way."""

    rate: float | None
    window: float = 1.0
    header: HeaderMode = "always"
    way: Callable[[], float] = lambda: 0.05
    now: float = 1000.0
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.limiter = RateLimiter(self.rate, self.window, 1.0, self.header, lambda: self.now)

    def at(self, moment: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._events, (max(moment, self.now), next(self._numbers), do))

    def send(self, key: str, answered: Callable[[bool, Mapping[str, str]], None]) -> None:
        """A request leaves; later it is judged, and later still its answer is there."""

        def arrive() -> None:
            verdict = self.limiter.admit(key, GROUP)
            headers = self.limiter.headers(verdict)
            is_taken = verdict is None or verdict.allowed
            self.at(self.now + self.way(), lambda: answered(is_taken, headers))

        self.at(self.now + self.way(), arrive)

    def run(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            self.now, _, do = heapq.heappop(self._events)
            do()


@dataclass
class Client:
    """A client of ours: so many leads, so many workers at most, one pace for all. Starts by itself."""

    traffic: Traffic
    leads: int
    key: str = "ours"
    workers: int = 32
    begins_after: float = 0.0

    def __post_init__(self) -> None:
        self.pace = Pace()
        self.made_at: list[float] = []
        self.refused_at: list[float] = []
        self._todo, self._in_flight, self._looks_at = self.leads, 0, -1.0
        self.traffic.at(self.traffic.now + self.begins_after, self._look)

    @property
    def is_done(self) -> bool:
        return len(self.made_at) >= self.leads

    def rate(self) -> float:
        """Leads a second, from the first to the last."""
        return (len(self.made_at) - 1) / (self.made_at[-1] - self.made_at[0])

    def _look(self) -> None:
        """Send what may leave; come back when the pace says so, or with the next answer."""
        now = self.traffic.now
        while self._todo and self._in_flight < self.workers:
            wait = self.pace.wait(now)
            if wait:
                self._come_back(now + wait.seconds)
                return
            self._send(self.pace.let_through(now))

    def _come_back(self, moment: float) -> None:
        if not self.traffic.now < self._looks_at <= moment:
            self._looks_at = moment
            self.traffic.at(moment, self._look)

    def _send(self, passage: Passage) -> None:
        self._todo -= 1
        self._in_flight += 1

        def answered(is_taken: bool, headers: Mapping[str, str]) -> None:
            self._in_flight -= 1
            if is_taken:
                self.made_at.append(self.traffic.now)
                self.pace.came_back(passage, headers, self.traffic.now)
            else:
                self._todo += 1
                self.refused_at.append(self.traffic.now)
                self.pace.was_refused(passage, headers, self.traffic.now)
            self._look()

        self.traffic.send(self.key, answered)


@dataclass
class Script:
    """What people write: so many threads, each of which waits as `Retry-After` says when it is refused."""

    traffic: Traffic
    key: str
    threads: int = 8

    def __post_init__(self) -> None:
        self.made_at: list[float] = []
        for _ in range(self.threads):
            self.traffic.at(self.traffic.now, self._send)

    def _send(self) -> None:
        def answered(is_taken: bool, headers: Mapping[str, str]) -> None:
            if is_taken:
                self.made_at.append(self.traffic.now)
            self.traffic.at(self.traffic.now + (0 if is_taken else float(headers["Retry-After"])), self._send)

        self.traffic.send(self.key, answered)


def jittery(seed: int, least: float, most: float) -> Callable[[], float]:
    """Ways that take between so many seconds, so that requests overtake each other."""
    drawn = random.Random(seed)
    return lambda: drawn.uniform(least, most)
