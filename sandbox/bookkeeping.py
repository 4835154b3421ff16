"""What the sandbox saw: how many requests, how fast and how many at once, and what the leads hold."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.answers import Document
from sandbox.store import Store

COUNTED_TYPES = ("text", "hidden")
ONE_SECOND = 1.0


class Tally:
    """Counts of requests; its memory grows only with the routes and with the requests of one second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_endpoint: Counter[str] = Counter()
        self._to_checks: Counter[str] = Counter()
        self._last_second: deque[float] = deque()
        self._most_in_one_second = 0
        self._in_parallel = 0
        self._most_in_parallel = 0
        self._answers_429 = 0

    @contextmanager
    def request(self, endpoint: str) -> Iterator[None]:
        """Count a request to Close, from its arrival to its answer."""
        with self._lock:
            now = time.monotonic()
            self._by_endpoint[endpoint] += 1
            self._last_second.append(now)
            while self._last_second[0] <= now - ONE_SECOND:
                self._last_second.popleft()
            self._most_in_one_second = max(self._most_in_one_second, len(self._last_second))
            self._in_parallel += 1
            self._most_in_parallel = max(self._most_in_parallel, self._in_parallel)
        try:
            yield
        finally:
            with self._lock:
                self._in_parallel -= 1

    def count_check(self, service: str) -> None:
        """Count a request to a check service; these stay out of the figures about Close."""
        with self._lock:
            self._to_checks[service] += 1

    def count_429(self) -> None:
        with self._lock:
            self._answers_429 += 1

    def figures(self) -> Document:
        with self._lock:
            return {
                "requests": self._by_endpoint.total(),
                "requests_by_endpoint": dict(self._by_endpoint),
                "requests_to_checks": dict(self._to_checks),
                "answers_429": self._answers_429,
                "most_in_one_second": self._most_in_one_second,
                "most_in_parallel": self._most_in_parallel,
            }


def leads_by_value(store: Store) -> dict[str, dict[str, int]]:
    """How many leads hold which value in which text custom field; this proves that each was created once."""
    leads = store.all("lead")
    fields = [field for field in store.all("custom_field") if field["type"] in COUNTED_TYPES]
    return {field["name"]: _counts(leads, f"custom.{field['id']}") for field in fields}


def _counts(leads: list[Document], key: str) -> dict[str, int]:
    values = (lead[key] for lead in leads if key in lead)
    return dict(Counter(v for value in values for v in (value if isinstance(value, list) else [value])))
