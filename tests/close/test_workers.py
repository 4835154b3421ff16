"""Several jobs at a time: how many, and what becomes of those that are not begun."""

import threading
import time
from collections import deque
from contextlib import closing

import pytest

from close.workers import MOST_WORKERS, SPARE, work_off
from tests.patience import STUCK


class Crowd:
    """Jobs that wait for each other: each ends once so many are under way, or nobody has come for some seconds."""

    def __init__(self, together: int, seconds: float) -> None:
        self._seconds = seconds
        self._barrier = threading.Barrier(together)
        self._guard = threading.Lock()
        self.under_way = 0
        self.most = 0

    def __call__(self, _: int) -> None:
        with self._guard:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            self._barrier.wait(self._seconds)
        except threading.BrokenBarrierError:
            self._barrier.reset()
        with self._guard:
            self.under_way -= 1


def never() -> bool:
    return False


def test_as_many_work_as_was_said() -> None:
    crowd = Crowd(5, STUCK)
    done = work_off(deque(range(20)), crowd, waiting=lambda: 0, is_ended=never, workers=5)
    assert sorted(job for job, _ in done) == list(range(20))
    assert crowd.most == 5


def test_more_and_more_work_while_nobody_waits_for_close() -> None:
    crowd = Crowd(MOST_WORKERS, 0.2)
    assert len(list(work_off(deque(range(400)), crowd, waiting=lambda: 0, is_ended=never))) == 400
    assert crowd.most == MOST_WORKERS


def test_it_begins_gently() -> None:
    guard = threading.Lock()
    under_way: list[int] = [0]

    def do(_: int) -> int:
        with guard:
            under_way[0] += 1
            seen = under_way[0]
        time.sleep(0.003)
        with guard:
            under_way[0] -= 1
        return seen

    jobs = work_off(deque(range(100)), do, waiting=lambda: 0, is_ended=never)
    most = max(future.result() - begun_before // 2 for begun_before, future in jobs)
    assert most <= SPARE


class Door:
    """Jobs of which three at a time are let in; the others wait."""

    def __init__(self) -> None:
        self._places = threading.Semaphore(3)
        self._guard = threading.Lock()
        self.waiting = 0
        self.most_waiting = 0

    def __call__(self, _: int) -> None:
        with self._guard:
            self.waiting += 1
            self.most_waiting = max(self.most_waiting, self.waiting)
        with self._places:
            with self._guard:
                self.waiting -= 1
            time.sleep(0.003)


def test_only_a_few_wait_where_close_is_what_limits() -> None:
    door = Door()
    assert len(list(work_off(deque(range(300)), door, waiting=lambda: door.waiting, is_ended=never))) == 300
    assert 0 < door.most_waiting < MOST_WORKERS / 2


def test_what_is_not_begun_when_it_ends_is_left() -> None:
    jobs = deque(range(10))
    done: list[int] = []
    for job, _ in work_off(jobs, lambda job: job, waiting=lambda: 0, is_ended=lambda: len(done) >= 3, workers=1):
        done.append(job)
    assert (done, list(jobs)) == ([0, 1, 2], [3, 4, 5, 6, 7, 8, 9])


def test_an_error_comes_with_its_job_and_stops_no_other() -> None:
    def do(job: int) -> int:
        return 6 // job

    done = dict(work_off(deque([0, 1, 2]), do, waiting=lambda: 0, is_ended=never, workers=2))
    assert isinstance(done[0].exception(), ZeroDivisionError)
    assert (done[1].result(), done[2].result()) == (6, 3)


def test_leaving_early_waits_for_what_is_in_flight() -> None:
    finished = []
    slow = threading.Event()

    def do(job: int) -> None:
        if job:
            slow.wait(0.05)
            finished.append(job)

    with (
        pytest.raises(RuntimeError),
        closing(work_off(deque([0, 1, 2]), do, waiting=lambda: 0, is_ended=never, workers=3)) as done,
    ):
        next(done)
        raise RuntimeError
    assert sorted(finished) == [1, 2]
