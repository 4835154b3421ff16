"""How much is asked for at a time, on a clock that moves only while Close answers."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from close.errors import NotInTime
from close.part_size import PartSize

TIMEOUT = 30.0  # seconds


class Close:
    """Answers with what it was asked about, after `slowness` seconds for each thing; `asked` is how much that was."""

    def __init__(self, slowness: float) -> None:
        self.slowness, self.now = slowness, 0.0
        self.asked: list[int] = []

    def __call__(self, things: Sequence[int]) -> list[int]:
        seconds = self.slowness * len(things)
        self.asked.append(len(things))
        self.now += min(seconds, TIMEOUT)
        if seconds > TIMEOUT:
            raise NotInTime("no answer in time")
        return list(things)


def found(parts: PartSize, close: Close, count: int) -> list[int]:
    return [thing for part in parts.in_time(range(count), close) for thing in part]


@given(slowness=st.floats(0, TIMEOUT), count=st.integers(1, 1000), most=st.integers(1, 300))
def test_each_thing_is_asked_about_and_answered_once_and_in_order(slowness: float, count: int, most: int) -> None:
    close = Close(slowness)
    assert found(PartSize(most, lambda: close.now), close, count) == list(range(count))
    assert max(close.asked) <= most


def test_a_single_thing_that_takes_too_long_is_the_end() -> None:
    close = Close(TIMEOUT + 1)
    with pytest.raises(NotInTime):
        found(PartSize(8, lambda: close.now), close, 8)
    assert close.asked == [8, 4, 2, 1]


def test_more_is_asked_for_again_when_close_is_quick_again() -> None:
    close = Close(1.0)
    parts = PartSize(100, lambda: close.now)
    found(parts, close, 100)
    assert parts.size == 25
    close.slowness = 0.001
    found(parts, close, 3000)
    assert parts.size == 100


def test_too_much_is_tried_ever_more_rarely() -> None:
    """A Close that answers four at a time at once, and never more."""
    close = Close(0.0)
    parts = PartSize(64, lambda: close.now)

    def four_at_most(things: Sequence[int]) -> list[int]:
        close.slowness = 0.0 if len(things) <= 4 else TIMEOUT
        return close(things)

    list(parts.in_time(range(10_000), four_at_most))
    assert sum(asked > 4 for asked in close.asked) < 15
