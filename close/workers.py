"""Several jobs at a time: as many as keep Close busy and no more, or as many as are told, in their order."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

MOST_WORKERS = 32
SPARE = 2  # jobs whose requests wait for their turn; with more, they would only wait longer

Key = TypeVar("Key", bound=Hashable)
Job = TypeVar("Job")
Result = TypeVar("Result")


def work_off(
    jobs: deque[Job],
    do: Callable[[Job], Result],
    *,
    waiting: Callable[[], int],
    is_ended: Callable[[], bool],
    workers: int | None = None,
) -> Generator[tuple[Job, Future[Result]], None, None]:
    """Yield each job with its finished future, in the order of finishing.

    `waiting` tells how many requests wait for Close's rate limit. Without a number of `workers` there are as many as
    keep SPARE requests waiting: what is in flight then is just the rate times the time that a job takes. It begins
    gently, for nobody knows yet how much Close takes. Once `is_ended`, those not begun are left in `jobs`. Whoever
    leaves early has to close this generator, which waits for what is in flight.
    """
    in_flight: dict[Future[Result], Job] = {}
    done: set[Future[Result]] = set()
    finished = 0
    with ThreadPoolExecutor(max_workers=workers or MOST_WORKERS) as pool:
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
            done = wait(in_flight, return_when=FIRST_COMPLETED).done
            finished += len(done)
            for future in done:
                yield in_flight.pop(future), future


def work_in_order(
    jobs: Sequence[Key], do: Callable[[Key], Result], *, workers: int, is_ended: Callable[[], bool]
) -> Iterator[Result]:
    """Yield the result of each job in the order of the jobs, several at a time; of equal ones, one is done.

    Once `is_ended`, or after an error, those under way are finished and no other is begun; only the results that there
    are come then, and the error last.
    """
    has_ended = threading.Event()

    def attempt(job: Key) -> tuple[Result] | None:
        if is_ended() or has_ended.is_set():
            return None
        try:
            return (do(job),)
        except BaseException:  # nobody else begins; it is raised where the result is waited for
            has_ended.set()
            raise

    error: BaseException | None = None
    with ThreadPoolExecutor(workers) as pool:
        futures = {job: pool.submit(attempt, job) for job in dict.fromkeys(jobs)}
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
