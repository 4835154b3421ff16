"""Waiting for what must come, as long as it may take on however busy a machine."""

import time
from collections.abc import Callable

STUCK = 300.0  # seconds; what has not come by then never comes


def wait_until(is_so: Callable[[], bool]) -> None:
    """Return once it is so; fail if it never comes to that."""
    give_up = time.perf_counter() + STUCK
    while not is_so():
        assert time.perf_counter() < give_up, "it never came to that"
        time.sleep(0.002)
