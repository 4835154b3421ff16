"""Decides when the next request may leave: one gate for each group of endpoints that Close limits together.

A gate is shared by all threads and learns from every answer. If Close says how many requests are left in its window
(`RateLimit: limit=160, remaining=159, reset=8`), the gate lets them through evenly, a little slower than allowed. It
never exceeds the window, because requests in flight count as used. If Close does not say, everything passes until a
request is refused, and from then on the gate finds the right rate by itself. A refusal (429) closes the gate for all
threads until the time that Close names.

What is known about the limits: tokens belong to an endpoint group, for an API key and for its organization, and are
renewed in whole windows. A refused request does not cost a token. The header may be missing, and Close may refuse more
than it announces (developer.close.com, rate limits; limitlion, Close's open-source limiter).
"""

import math
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from close.machine import THIS_MACHINE, Lock, Machine
from close.retry_after import retry_after

LONGEST_CLOSURE = 300.0  # seconds that anybody waits for a gate to open
LONGEST_ROUNDING = 2.0  # seconds by which such a wait may be longer, because of rounding and jitter
SHORTEST_CLOSURE = 0.05  # seconds, if Close says that the window is already over
MOST_JITTER = 0.05  # seconds over which clients that were refused at the same time spread their next attempts
FIRST_BACK_OFF, LONGEST_BACK_OFF = 1.0, 8.0  # seconds of closure after refusals that do not name a time
MOST_DOUBLINGS = 16  # far beyond the longest back-off, but small enough not to overflow a float

# If Close announces its limit
EVENNESS = 0.985  # share of it that is used, so that a request that overtakes another still finds a token
CATCH_UP = 0.25  # share of a window's requests that may leave at once after a pause; the window has tokens for them
CATCH_UP_ONCE_SPENT = 0.1  # the same after waiting for the next window, or each window would be used up too early
NEWS_INTERVAL = 0.2  # seconds between checks while a request waits for the answer to another one
WINDOWS_REMEMBERED = 100  # a window is as long as the longest reset; in some windows, no answer shows the beginning
MOST_SILENT = 20  # answers in a row without a header; after this many, the announced limit no longer counts
SHORTEST_WINDOW = 0.05  # seconds; an answer may say that its window is already over
WHOLE_SECOND = 1.0  # the most by which the end of a window is rounded up

# If Close refuses requests without having announced a limit
SHORTEST_UNTOLD_WINDOW = 1.0  # seconds; a shorter one has never been seen
FEWEST_PASSED = 5  # requests; fewer do not show a rate
RESUMED, HELD = 0.9, 0.97  # share of the refused rate that is used: right after the refusal, and in the long run
RECOVERY = 7.0  # seconds from the first share to the second
FIRST_HOLD, LONGEST_HOLD = 30.0, 300.0  # seconds until a higher rate is tried; doubled each time that it is refused
GROWTH = 1.02  # factor per second while a higher rate is tried
LARGEST_CUT = 0.7  # share of a rate that one refusal leaves at least: other clients may have used the tokens this time
FAIR_SHARE = 0.75  # of a key's limit: what each of four busy keys gets, as an organization has three times a key's
SHORT_ORDER = 3  # windows; two refusals in a row, each within this time of the one before, are due to other clients
SLOWEST = 5.0  # requests a second; other clients can't slow it below this, or below a quarter of its earlier rate
LITTLE_SLACK = 0.05  # seconds' worth of requests that may leave at once after a pause


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What an answer says about its window: its size, what is left of it, and for how many seconds at most.

    `rounding` is the number of seconds by which `reset` may be too large.
    """

    limit: int
    remaining: int
    reset: float
    rounding: float


def read_rate_limit(headers: Mapping[str, str]) -> RateLimit | None:
    """What the `RateLimit` header says: figures in any order, between commas or semicolons; None if useless."""
    told = headers.get("RateLimit", "")
    limit, remaining, reset = _figure("limit", told), _figure("remaining", told), _figure("reset", told)
    if limit is None or remaining is None or reset is None or not max(1.0, float(remaining)) <= float(limit):
        return None
    return RateLimit(int(float(limit)), int(float(remaining)), _at_most(reset), 2 * _last_place(reset) or WHOLE_SECOND)


def asked_wait(headers: Mapping[str, str], wall: Callable[[], float] = THIS_MACHINE.wall) -> float | None:
    """The number of seconds that a refusal asks us to wait; None if it does not say.

    `RateLimit` is finer than `Retry-After`, and either may be missing. If they disagree, the longer wait counts.
    """
    told, after = _figure("reset", headers.get("RateLimit", "")), retry_after(headers, wall)
    if told is None:
        return after
    reset = _at_most(told)
    return reset if after is None or after - reset <= WHOLE_SECOND else after


def _figure(name: str, told: str) -> str | None:
    found = re.search(rf"(?:^|[\s,;]){name}\s*=\s*([0-9]{{1,7}}(?:\.[0-9]{{1,9}})?)\s*(?:$|[,;])", told)
    return found[1] if found else None


def _at_most(seconds: str) -> float:
    """The most that a figure can mean: whole seconds are rounded up, decimals perhaps to the nearest."""
    return float(seconds) + _last_place(seconds)


def _last_place(seconds: str) -> float:
    """The value of a figure's last decimal place; 0 if it does not have decimals."""
    _, point, decimals = seconds.partition(".")
    return 10.0 ** -len(decimals) if point else 0.0


class GateClosed(Exception):
    """Close asks us to wait longer than anybody should: `wait` seconds."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"closed for {wait:.0f} s")
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Passage:
    """One request on its way: its number in sending order, when it left, and how many others were in flight."""

    number: int
    sent_at: float
    others: int


class RateGates:
    """The gates of one client, by endpoint group: the method and the first part of the path."""

    def __init__(
        self, clock: Callable[[], float], sleep: Callable[[float], None], machine: Machine = THIS_MACHINE
    ) -> None:
        self._machine = replace(machine, monotonic=clock, sleep=sleep)
        self._clock = clock
        self._guard = machine.lock()
        self._gates: dict[tuple[str, str], RateGate] = {}
        self._closed_until = -math.inf

    def of(self, method: str, path: str) -> "RateGate":
        """The gate that a request has to pass."""
        group = method, path.strip("/").split("/")[0]
        with self._guard:
            if group not in self._gates:
                self._gates[group] = RateGate(self._clock, self._machine.sleep, self._machine)
                self._gates[group].close_for(self._closed_until - self._clock())
            return self._gates[group]

    def rate_told(self, method: str, path: str) -> float | None:
        """How many requests a second Close announces for an endpoint, or else for the slowest that it told; or None."""
        gate = self.of(method, path)
        with self._guard:
            told = [rate for each in self._gates.values() if (rate := each.rate_told())]
        return gate.rate_told() or min(told, default=None)

    def close_for(self, seconds: float) -> None:
        """Close all gates for some seconds, because the whole of Close asks us to wait."""
        with self._guard:
            self._closed_until = max(self._closed_until, self._clock() + seconds)
            for gate in self._gates.values():
                gate.close_for(seconds)

    def waiting(self) -> int:
        """How many requests wait for their turn."""
        with self._guard:
            return sum(gate.waiting for gate in self._gates.values())


class RateGate:
    """The gate of one endpoint group. After entering, the caller must report how the request came back."""

    def __init__(
        self, clock: Callable[[], float], sleep: Callable[[float], None], machine: Machine = THIS_MACHINE
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._latest = -math.inf
        self._queue = _Queue(machine)
        self._news = machine.condition()
        self._pace = Pace(machine)
        self.waiting = 0

    def enter(self) -> Passage:
        """Wait for a turn, in order of arrival. Raises GateClosed, and whatever the given `sleep` raises."""
        with self._news:
            self.waiting += 1
        try:
            with self._queue.turn():
                while True:
                    with self._news:
                        wait = self._pace.wait(self._now())
                        if not wait:
                            return self._pace.let_through(self._now())
                        if wait.may_end_sooner:
                            self._news.wait(min(wait.seconds, NEWS_INTERVAL))
                            continue
                    self.sleep(wait.seconds)
        finally:
            with self._news:
                self.waiting -= 1

    def came_back(self, passage: Passage, headers: Mapping[str, str] | None) -> None:
        """A request was answered with these headers, and not refused for its rate; None where no answer came."""
        with self._news:
            self._pace.came_back(passage, headers, self._now())
            self._news.notify()

    def was_refused(self, passage: Passage, headers: Mapping[str, str]) -> float:
        """A request was answered with 429: close the gate, and return the seconds until it opens."""
        with self._news:
            self._news.notify()
            return self._pace.was_refused(passage, headers, self._now())

    def rate_told(self) -> float | None:
        """How many requests a second Close announces, None as long as it has not."""
        with self._news:
            return self._pace.rate_told

    def close_for(self, seconds: float) -> None:
        """Let nothing through for some seconds."""
        with self._news:
            self._pace.close_for(seconds, self._now())
            self._news.notify()

    def sleep(self, seconds: float) -> None:
        """Sleep, and assume that this much time has passed even if the clock disagrees: it may have been set back."""
        began = self._now()
        self._sleep(seconds)
        with self._news:
            self._latest = max(self._latest, began + seconds)

    def _now(self) -> float:
        with self._news:
            self._latest = max(self._latest, self._clock())
            return self._latest


@dataclass(frozen=True, slots=True)
class Wait:
    """Seconds until another look makes sense; an answer to a request in flight may end the wait earlier."""

    seconds: float
    may_end_sooner: bool = False


class Pace:
    """Decides from the answers so far when requests to one endpoint group may leave. Times are seconds of any clock."""

    def __init__(self, machine: Machine = THIS_MACHINE) -> None:
        self._uniform, self._wall = machine.uniform, machine.wall
        self._sent = 0
        self._in_flight = 0
        self._next_at = -math.inf
        self._closed_until = -math.inf
        self._refusals = 0  # in a row
        self._waited_for_token = False  # whether the next request did, because a window was used up
        self._silent = 0  # answers in a row that said nothing about the limit
        self._window: _Window | None = None
        self._ceiling = _Ceiling()

    @property
    def rate_told(self) -> float | None:
        """How many requests a second Close announces, None as long as it has not."""
        return self._window.rate if self._window else None

    def wait(self, now: float) -> Wait | None:
        """How long the next request has to wait; None if it may leave now. Raises GateClosed."""
        due = max(self._closed_until, self._next_at)
        if due > now:
            return self._bounded(Wait(due - now))
        if self._refusals > 1 and self._in_flight:  # one request tests whether the gate can stay open
            return Wait(math.inf, may_end_sooner=True)
        seconds = self._window.wait(now, self._in_flight, self._sent) if self._window else 0.0
        if seconds <= 0:
            return None
        self._waited_for_token = True
        return self._bounded(Wait(seconds, may_end_sooner=self._in_flight > 0))

    def _bounded(self, wait: Wait) -> Wait:
        """The wait, unless it is longer than anybody should wait."""
        if wait.seconds > LONGEST_CLOSURE + LONGEST_ROUNDING and not wait.may_end_sooner:
            raise GateClosed(wait.seconds)
        return wait

    def let_through(self, now: float) -> Passage:
        """A request leaves."""
        if self._ceiling.is_known:
            self._next_at = self._ceiling.after(now, self._next_at, self._window)
        elif self._window:
            catch_up = CATCH_UP_ONCE_SPENT if self._waited_for_token else CATCH_UP
            self._next_at = self._window.after(now, self._next_at, catch_up)
        self._waited_for_token = False
        self._sent += 1
        self._in_flight += 1
        return Passage(self._sent, now, self._in_flight - 1)

    def came_back(self, passage: Passage, headers: Mapping[str, str] | None, now: float) -> None:
        """A request was answered with these headers, and not refused for its rate; None where no answer came."""
        self._in_flight -= 1
        if headers is None:
            if self._window:
                self._window.may_have_lost_one()
            return
        if passage.sent_at >= self._closed_until:
            self._refusals = 0
        self._ceiling.passed(passage.sent_at)
        told = read_rate_limit(headers)
        self._silent = 0 if told else self._silent + 1
        if self._silent > MOST_SILENT and self._window:
            self._window, self._next_at = None, now
        if told is None:
            return
        if self._window is None or self._window.limit != told.limit:
            self._window = _Window(told, now)
        self._window.learn(passage, told, now, self._sent)

    def was_refused(self, passage: Passage, headers: Mapping[str, str], now: float) -> float:
        """A request was answered with 429: nothing leaves until the time that Close names. Returns the seconds."""
        self._in_flight -= 1
        if passage.sent_at >= self._closed_until:
            self._refusals += 1
        told, asked = read_rate_limit(headers), asked_wait(headers, self._wall)
        rounding = told.rounding if told else WHOLE_SECOND
        wait = self._back_off() if asked is None else self._as_asked(asked, rounding)
        if told and self._window and self._window.explains(told):
            self._window.learn(passage, told, now, self._sent)
        else:
            self._ceiling.met(passage.sent_at, now, wait, rounding, self._window)
        is_late = passage.sent_at < self._closed_until <= now  # others were refused with it, and that closure is over
        if not is_late:
            self._closed_until = max(self._closed_until, now + wait)
        return max(0.0, self._closed_until - now)

    def close_for(self, seconds: float, now: float) -> None:
        """Nothing leaves for some seconds."""
        self._closed_until = max(self._closed_until, now + seconds)

    def _back_off(self) -> float:
        doublings = min(max(self._refusals - 1, 0), MOST_DOUBLINGS)
        return self._uniform(0.5, 1) * min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2.0**doublings)

    def _as_asked(self, asked: float, rounding: float) -> float:
        """Seconds until another try.

        If the last try was still too early, or others took its turn, a random time within the rounding is tried.
        """
        jitter = rounding if self._refusals > 1 else MOST_JITTER
        return max(asked, SHORTEST_CLOSURE) + self._uniform(0, jitter)


class _Window:
    """The tokens of a window as Close announced them: how many are left, and until when at the latest."""

    def __init__(self, told: RateLimit, now: float) -> None:
        self.limit = told.limit
        self._longest_resets = deque([told.reset], maxlen=WINDOWS_REMEMBERED)
        self.length = self._length()
        self._ends = now + told.reset
        self._turned_at = -math.inf
        self._left = told.remaining
        self._told_at = -math.inf
        self._first = 1  # number of the first request whose answer can only be about this window

    @property
    def rate(self) -> float:
        """Requests a second that use the tokens evenly."""
        return EVENNESS * self.limit / self.length

    def after(self, now: float, due: float, catch_up: float) -> float:
        """When the next request may leave if one that was due earlier leaves now; part of a delay is caught up."""
        return max(due, now - catch_up * self.length) + 1 / self.rate

    def explains(self, told: RateLimit) -> bool:
        """Whether a refusal is due to this window rather than to a limit that was not announced."""
        return told.limit == self.limit and not told.remaining

    def learn(self, passage: Passage, told: RateLimit, now: float, sent: int) -> None:
        """Learn from an answer; `sent` is the number of the last request that left."""
        if told.reset > self._longest_resets[-1]:
            self._longest_resets[-1] = told.reset
            self.length = self._length()
        if passage.sent_at + told.reset - told.rounding > self._ends:
            self._ends = now + told.reset
        elif passage.sent_at >= self._turned_at:
            self._ends = min(self._ends, now + told.reset)
        if passage.number >= self._first:
            self._learn_what_is_left(passage, told.remaining, now, sent)

    def _length(self) -> float:
        """The length in seconds, based on answers in the last windows; a single window may be an outlier."""
        longest, *others = sorted(self._longest_resets, reverse=True)
        is_odd = len(others) > 1 and longest > 1.5 * others[0] > 0
        return max(others[0] if is_odd else longest, SHORTEST_WINDOW)

    def _learn_what_is_left(self, passage: Passage, remaining: int, now: float, sent: int) -> None:
        """Requests overtake each other: of parallel ones, the lowest figure counts, unless one is from a new window."""
        most_side_by_side = passage.others + sent - passage.number
        is_later = passage.sent_at >= self._told_at
        if is_later or remaining < self._left or remaining > self._left + most_side_by_side:
            self._left, self._told_at = remaining, now

    def may_have_lost_one(self) -> None:
        """A request may have used a token, although its answer never came."""
        self._left -= 1

    def wait(self, now: float, in_flight: int, sent: int) -> float:
        """Seconds until a token is available, unless an answer shows one earlier; 0 if one is available now."""
        if now >= self._ends:
            self._turn(now, in_flight, sent)
        return 0.0 if self._left > in_flight else self._ends - now

    def _turn(self, now: float, in_flight: int, sent: int) -> None:
        """Move on to the current window; answers to earlier requests may still be about the old one."""
        self._ends += self.length * (1 + math.floor((now - self._ends) / self.length))
        self._turned_at = now
        if self._longest_resets[-1]:
            self._longest_resets.append(0.0)
            self.length = self._length()
        if self._left <= in_flight or not in_flight:
            self._left, self._told_at, self._first = self.limit, now, sent + 1


class _Ceiling:
    """A rate that was refused although Close had not announced it, and how to stay below it.

    Right after the refusal, requests are clearly slower; then they slowly become almost as fast again, and after some
    time a higher rate is tried. If slowing down does not help, because other clients use whatever this one leaves, it
    takes turns with them: it sends its fair share of each window at once, at a time when it is not refused.
    """

    def __init__(self) -> None:
        self._ceiling: float | None = None
        self._opened_at: float | None = None
        self._passed = 0
        self._opened_before = math.inf  # when the period began in which the ceiling was measured
        self._worth_of_one = 0.0  # requests a second by which each further request in that period raises the ceiling
        self._fastest = 0.0  # requests a second, the highest rate that passed between two refusals
        self._hold = FIRST_HOLD
        self._in_short_order = 0
        self._takes_turns = False
        self._in_turn = 0
        self._turn_ends = -math.inf

    @property
    def is_known(self) -> bool:
        """Whether a refusal has shown a ceiling yet."""
        return self._ceiling is not None

    def after(self, now: float, due: float, window: _Window | None) -> float:
        """When the next request may leave if one that was due earlier leaves now."""
        if window and self._takes_turns and self._open_for(now) <= self._hold:
            return self._after_in_turn(now, window)
        return max(due, now - LITTLE_SLACK) + 1 / self._rate(now, window)

    def _after_in_turn(self, now: float, window: _Window) -> float:
        if now >= self._turn_ends:
            is_next = now < self._turn_ends + window.length
            self._in_turn, self._turn_ends = 0, (self._turn_ends if is_next else now) + window.length
        self._in_turn += 1
        return now if self._in_turn < FAIR_SHARE * window.limit else self._turn_ends

    def _rate(self, now: float, window: _Window | None) -> float:
        """Requests a second to go at."""
        open_for = self._open_for(now)
        share = RESUMED + (HELD - RESUMED) * min(1.0, open_for / RECOVERY)
        growth = math.pow(GROWTH, min(max(0.0, open_for - self._hold), LONGEST_HOLD))
        rate = math.inf if self._ceiling is None else self._ceiling * share * growth
        return min(rate, window.rate) if window else rate

    def _open_for(self, now: float) -> float:
        return 0.0 if self._opened_at is None else max(0.0, now - self._opened_at)

    def passed(self, sent_at: float) -> None:
        """A request was not refused."""
        if self._opened_at is None:
            self._opened_at = sent_at
        if sent_at >= self._opened_at:
            self._passed += 1
        elif self._ceiling is not None and sent_at >= self._opened_before:  # in flight when another was refused
            self._ceiling += self._worth_of_one

    def met(self, sent_at: float, now: float, wait: float, rounding: float, window: _Window | None) -> None:
        """A request was refused for `wait` seconds, rounded up by `rounding`. If several are, only the first counts."""
        if self._opened_at is None:
            self._opened_at = sent_at
        if sent_at < self._opened_at:
            return
        elapsed = now - self._opened_at
        lasted = max(elapsed + wait - rounding, elapsed, SHORTEST_UNTOLD_WINDOW)
        found = self._found(now, lasted, window)
        if found is None:
            return
        self._opened_before = self._opened_at
        self._worth_of_one = 0.0 if self.is_known or window else 1 / lasted
        if window:
            self._in_short_order = self._in_short_order + 1 if elapsed < SHORT_ORDER * window.length else 0
            self._takes_turns = self._takes_turns or self._in_short_order > 1
        if self.is_known:
            self._hold = min(2 * self._hold, LONGEST_HOLD)
        self._ceiling = found
        self._opened_at, self._passed, self._turn_ends = now + wait, 0, -math.inf

    def _found(self, now: float, lasted: float, window: _Window | None) -> float | None:
        """The rate that was too high, judging by what passed and what was tried; None if it is too early to tell."""
        measured = self._passed / lasted
        self._fastest = max(self._fastest, measured)
        if self._ceiling is None and window is None:
            return measured if self._passed >= FEWEST_PASSED else None
        tried = self._rate(now, window)
        fair = FAIR_SHARE * window.rate if window else min(SLOWEST, self._fastest / 4)
        return max(min(tried, max(measured, LARGEST_CUT * tried)), fair)


class _Queue:
    """A lock that is granted in the order of requests, so that no thread waits forever."""

    def __init__(self, machine: Machine) -> None:
        self._new_lock = machine.lock
        self._guard = machine.lock()
        self._is_taken = False
        self._waiting: deque[Lock] = deque()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the lock inside the block."""
        with self._guard:
            place = self._new_lock()
            place.acquire()
            if self._is_taken:
                self._waiting.append(place)
            else:
                self._is_taken = True
                place.release()
        with place:
            try:
                yield
            finally:
                with self._guard:
                    if self._waiting:
                        self._waiting.popleft().release()
                    else:
                        self._is_taken = False
