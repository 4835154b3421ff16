"""Several people at a time, with the results in the order in which the people were named."""

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeVar

from close.machine import THIS_MACHINE, Machine

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


def work_in_order(
    jobs: Sequence[Key],
    do: Callable[[Key], Result],
    *,
    workers: int,
    is_ended: Callable[[], bool],
    turn: Callable[[Key], int] | None = None,
    machine: Machine = THIS_MACHINE,
) -> Iterator[Result]:
    """Do several jobs at a time and yield their results in the order of the jobs; equal jobs are done once.

    With a `turn`, they begin in its order.

    Once `is_ended` is true, or after an error, jobs under way are finished but no others begin. The results so far are
    still yielded, and the error is raised last.
    """
    has_ended = threading.Event()

    def attempt(job: Key) -> tuple[Result] | None:
        if is_ended() or has_ended.is_set():
            return None
        try:
            return (do(job),)
        except BaseException:  # no other job begins; this is raised where its result is awaited
            has_ended.set()
            raise

    in_turn = sorted(dict.fromkeys(jobs), key=turn) if turn else dict.fromkeys(jobs)
    error: BaseException | None = None
    with machine.pool(workers) as pool:
        futures = {job: pool.submit(attempt, job) for job in in_turn}
        try:
            for job in jobs:
                failed = futures[job].exception()
                error = error or failed
                done = None if failed else futures[job].result()
                if done:
                    yield done[0]
        finally:
            has_ended.set()
    if error:
        raise error
