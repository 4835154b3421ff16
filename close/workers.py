"""Doing several jobs at a time, just enough to keep Close busy, and keeping what was done before an error."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from typing import TypeVar

from close.machine import THIS_MACHINE, Machine

MOST_WORKERS = 32
SPARE = 2  # jobs whose requests wait for their turn; with more, they would only wait longer

Job = TypeVar("Job")
Result = TypeVar("Result")
Item = TypeVar("Item")


def work_off(
    jobs: deque[Job],
    do: Callable[[Job], Result],
    *,
    waiting: Callable[[], int],
    is_ended: Callable[[], bool],
    workers: int | None = None,
    machine: Machine = THIS_MACHINE,
) -> Generator[tuple[Job, Future[Result]], None, None]:
    """Yield each job with its finished future, in the order of finishing.

    `waiting` returns how many requests are waiting for Close's rate limit. Without a number of `workers`, there are as
    many as keep SPARE requests waiting, so that the jobs in flight match the rate times the duration of a job. It
    starts gently, because nobody knows yet how much Close can take. Once `is_ended`, jobs not started are left in
    `jobs`. A caller that leaves early has to close this generator, which then waits for the jobs in flight.
    """
    in_flight: dict[Future[Result], Job] = {}
    done: list[Future[Result]] = []
    finished = 0
    with machine.pool(workers or MOST_WORKERS) as pool:
        while True:
            room = (workers or min(SPARE + finished // 2, MOST_WORKERS)) - len(in_flight)
            if not workers:
                room = min(room, len(done) + SPARE - (waiting() if in_flight else 0))
            while jobs and room > 0 and not is_ended():
                job = jobs.popleft()
                in_flight[pool.submit(do, job)] = job
                room -= 1
            if not in_flight:
                return
            done = machine.first_done(in_flight)
            finished += len(done)
            for future in done:
                yield in_flight.pop(future), future


def until_error(items: Iterable[Item], kept: list[Item]) -> Exception | None:
    """The error that ended some items early, or None; the items before it are added to `kept`.

    Callers have to report what was done before they report an error, even a bug.
    """
    try:
        for item in items:
            kept.append(item)
    except Exception as error:  # the caller reports it, after what was done
        return error
    return None
