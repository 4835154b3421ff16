"""How many requests a key and an organization may make, and what Close's headers say about it."""

from __future__ import annotations

import math
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

HeaderMode = Literal["always", "on-429", "never", "semicolons", "decimals"]
ThrottleBody = Literal["none", "flat", "nested"]
Group = tuple[str, str]  # method and first part of the path

ORGANISATION_SHARE = 3  # an organization may make three times as many requests as one key
MOST_BUCKETS = 1_000  # beyond this, full buckets and past windows are forgotten
TOKEN_DIGITS = 9  # decimal places of tokens, so that ten times a tenth of a token is a whole one


@dataclass(frozen=True)
class Verdict:
    """Whether a request may pass, the figures of the deciding bucket, and which buckets gave a token."""

    allowed: bool
    limit: int
    remaining: int
    reset: float
    of: Literal["key", "organization"] = "key"
    taken_from: tuple[_Bucket, ...] = ()


@dataclass(frozen=True)
class Allowance:
    """What a bucket gets: `rate` tokens a second, added once per `window` seconds. It holds `burst` windows' worth."""

    rate: float
    window: float
    burst: float

    @property
    def capacity(self) -> int:
        return max(1, math.ceil(self.rate * self.burst * self.window))

    def times(self, share: int) -> Allowance:
        return replace(self, rate=self.rate * share)


class _Bucket:
    """Tokens that come back only at the end of whole windows."""

    def __init__(self, allowance: Allowance, now: float) -> None:
        self._window = allowance.window
        self._refill = allowance.rate * allowance.window
        self.capacity = allowance.capacity
        self.tokens = float(self.capacity)
        self._filled_at = now

    def refill(self, now: float) -> None:
        windows = math.floor((now - self._filled_at) / self._window)
        if windows > 0:
            self._filled_at += windows * self._window
            self.tokens = min(self.capacity, round(self.tokens + windows * self._refill, TOKEN_DIGITS))

    def give_back(self) -> None:
        self.tokens = min(self.capacity, self.tokens + 1)

    def reset(self, now: float) -> float:
        return max(0.0, self._filled_at + self._window - now)

    def is_full(self, now: float) -> bool:
        self.refill(now)
        return self.tokens >= self.capacity


class RateLimiter:
    """Token buckets per key and group, and per organization and group. A refused request costs nothing."""

    def __init__(
        self, rate: float | None, window: float, burst: float, mode: HeaderMode, clock: Callable[[], float]
    ) -> None:
        self._allowance = None if rate is None else Allowance(rate, window, burst)
        self._window = window
        self._mode = mode
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, Group], _Bucket] = {}
        self._closed_until: dict[tuple[str, Group], float] = {}
        self.requests_while_closed = 0

    def admit(self, key: str, group: Group, *, is_member: bool = True) -> Verdict | None:
        """The verdict on a request that arrives now; None if there is no limit.

        A key that does not belong to the organization takes nothing from the organization's share.
        """
        with self._lock:
            now = self._clock()
            self._count_if_closed(key, group, now)
            if self._allowance is None:
                return None
            verdict = self._judge(key, group, now, self._allowance, is_member=is_member)
            if not verdict.allowed:
                self._close(key, group, now + verdict.reset)
            return verdict

    def surprise(self, key: str, group: Group, verdict: Verdict | None) -> Verdict:
        """A refusal that the earlier figures did not announce. Like any refusal, it costs nothing."""
        verdict = verdict or Verdict(True, 100, 50, self._window)
        with self._lock:
            for bucket in verdict.taken_from:
                bucket.give_back()
            self._close(key, group, self._clock() + verdict.reset)
        return Verdict(False, verdict.limit, verdict.remaining + len(verdict.taken_from[:1]), verdict.reset)

    def headers(self, verdict: Verdict | None) -> dict[str, str]:
        """The headers that tell a client how much it has left."""
        if verdict is None:
            return {}
        headers = {} if verdict.allowed else {"Retry-After": _whole_seconds(verdict.reset)}
        if self._mode != "never" and not (self._mode == "on-429" and verdict.allowed):
            separator = "; " if self._mode == "semicolons" else ", "
            figures = f"limit={verdict.limit}", f"remaining={verdict.remaining}", f"reset={self._reset(verdict)}"
            headers["RateLimit"] = separator.join(figures)
        return headers

    def _reset(self, verdict: Verdict) -> str:
        # Close's own client reads only whole seconds, and retries at once if it sees a fraction.
        return f"{verdict.reset:.3f}" if self._mode == "decimals" else _whole_seconds(verdict.reset)

    def body(self, verdict: Verdict, group: Group) -> Mapping[str, object]:
        """The flat body that a 429 had before Close asked clients to read the headers instead."""
        return {
            "message": "API call count exceeded for this period.",
            "rate_endpoint_group": f"{zlib.crc32(repr(group).encode()):032x}",
            "rate_limit": verdict.limit,
            "rate_limit_type": verdict.of,
            "rate_reset": f"{verdict.reset:.6f}",
            "rate_window": self._window,
        }

    def _judge(self, key: str, group: Group, now: float, allowance: Allowance, *, is_member: bool) -> Verdict:
        own = self._bucket("key:" + key, group, allowance, now)
        if own.tokens < 1:
            return Verdict(False, own.capacity, 0, own.reset(now))
        asked = [own]
        if is_member:
            shared = self._bucket("organization", group, allowance.times(ORGANISATION_SHARE), now)
            if shared.tokens < 1:
                return Verdict(False, shared.capacity, 0, shared.reset(now), "organization")
            asked.append(shared)
        for bucket in asked:
            bucket.tokens -= 1
        return Verdict(True, own.capacity, math.floor(own.tokens), own.reset(now), taken_from=tuple(asked))

    def _bucket(self, owner: str, group: Group, allowance: Allowance, now: float) -> _Bucket:
        bucket = self._buckets.get((owner, group))
        if bucket is None:
            self._forget_full_buckets(now)
            bucket = self._buckets[owner, group] = _Bucket(allowance, now)
        bucket.refill(now)
        return bucket

    def _forget_full_buckets(self, now: float) -> None:
        if len(self._buckets) >= MOST_BUCKETS:
            self._buckets = {name: bucket for name, bucket in self._buckets.items() if not bucket.is_full(now)}
            self._closed_until = {name: until for name, until in self._closed_until.items() if until > now}

    def _close(self, key: str, group: Group, until: float) -> None:
        self._closed_until[key, group] = until

    def _count_if_closed(self, key: str, group: Group, now: float) -> None:
        if now < self._closed_until.get((key, group), now):
            self.requests_while_closed += 1


def _whole_seconds(seconds: float) -> str:
    """The seconds rounded up, ignoring the rounding error of a float."""
    return str(math.ceil(round(seconds, 6)))
