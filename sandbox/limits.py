"""How many requests a key and an organisation may make, and what Close says about it in its headers."""

from __future__ import annotations

import math
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

HeaderMode = Literal["always", "on-429", "never", "semicolons"]
Group = tuple[str, str]  # method and first part of the path

ORGANISATION_SHARE = 3  # an organisation may do three times what one key may
MOST_BUCKETS = 1_000  # beyond this, buckets nobody has used for a window are forgotten


@dataclass(frozen=True)
class Verdict:
    """Whether a request may pass, and the figures of the bucket that decided."""

    allowed: bool
    limit: int
    remaining: int
    reset: float
    of: Literal["key", "organization"] = "key"


class _Bucket:
    """Tokens that come back in whole windows only."""

    def __init__(self, rate: float, window: float, now: float) -> None:
        self._window = window
        self.capacity = max(1, math.ceil(rate * window))
        self.tokens = self.capacity
        self._filled_at = now

    def refill(self, now: float) -> None:
        windows = math.floor((now - self._filled_at) / self._window)
        if windows > 0:
            self._filled_at += windows * self._window
            self.tokens = self.capacity

    def reset(self, now: float) -> float:
        return max(0.0, self._filled_at + self._window - now)

    def is_idle(self, now: float) -> bool:
        return now - self._filled_at > 2 * self._window


class RateLimiter:
    """Token buckets per key and group and per organisation and group. A refused request costs nothing."""

    def __init__(self, rate: float | None, window: float, mode: HeaderMode, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._window = window
        self._mode = mode
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, Group], _Bucket] = {}
        self._closed_until: dict[tuple[str, Group], float] = {}
        self.requests_while_closed = 0

    def admit(self, key: str, group: Group) -> Verdict | None:
        """The verdict on a request that arrives now; None when there is no limit."""
        with self._lock:
            now = self._clock()
            self._count_if_closed(key, group, now)
            if self._rate is None:
                return None
            verdict = self._judge(key, group, now, self._rate)
            if not verdict.allowed:
                self._close(key, group, now + verdict.reset)
            return verdict

    def surprise(self, key: str, group: Group, verdict: Verdict | None) -> Verdict:
        """A refusal that the figures given so far did not announce."""
        verdict = verdict or Verdict(True, 100, 50, self._window)
        with self._lock:
            self._close(key, group, self._clock() + verdict.reset)
        return Verdict(False, verdict.limit, max(1, verdict.remaining), verdict.reset)

    def headers(self, verdict: Verdict | None) -> dict[str, str]:
        """The headers that tell a client where it stands."""
        if verdict is None:
            return {}
        headers = {} if verdict.allowed else {"Retry-After": str(math.ceil(verdict.reset))}
        if self._mode in ("always", "semicolons") or (self._mode == "on-429" and not verdict.allowed):
            separator = "; " if self._mode == "semicolons" else ", "
            figures = f"limit={verdict.limit}", f"remaining={verdict.remaining}", f"reset={verdict.reset:.3f}"
            headers["RateLimit"] = separator.join(figures)
        return headers

    def body(self, verdict: Verdict, group: Group) -> Mapping[str, object]:
        """The flat body of a 429 as Close sent it before it asked clients to read headers instead."""
        return {
            "message": "API call count exceeded for this period.",
            "rate_endpoint_group": f"{zlib.crc32(repr(group).encode()):032x}",
            "rate_limit": verdict.limit,
            "rate_limit_type": verdict.of,
            "rate_reset": f"{verdict.reset:.6f}",
            "rate_window": self._window,
        }

    def _judge(self, key: str, group: Group, now: float, rate: float) -> Verdict:
        own = self._bucket("key:" + key, group, rate, now)
        shared = self._bucket("organization", group, rate * ORGANISATION_SHARE, now)
        if own.tokens < 1:
            return Verdict(False, own.capacity, 0, own.reset(now))
        if shared.tokens < 1:
            return Verdict(False, shared.capacity, 0, shared.reset(now), "organization")
        own.tokens -= 1
        shared.tokens -= 1
        return Verdict(True, own.capacity, own.tokens, own.reset(now))

    def _bucket(self, owner: str, group: Group, rate: float, now: float) -> _Bucket:
        bucket = self._buckets.get((owner, group))
        if bucket is None:
            self._forget_idle_buckets(now)
            bucket = self._buckets[owner, group] = _Bucket(rate, self._window, now)
        bucket.refill(now)
        return bucket

    def _forget_idle_buckets(self, now: float) -> None:
        if len(self._buckets) >= MOST_BUCKETS:
            self._buckets = {name: bucket for name, bucket in self._buckets.items() if not bucket.is_idle(now)}
            self._closed_until = {name: until for name, until in self._closed_until.items() if until > now}

    def _close(self, key: str, group: Group, until: float) -> None:
        self._closed_until[key, group] = until

    def _count_if_closed(self, key: str, group: Group, now: float) -> None:
        if now < self._closed_until.get((key, group), now):
            self.requests_while_closed += 1
