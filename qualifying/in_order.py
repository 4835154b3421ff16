"""Several people at a time, with what came of each in the order in which they were named."""

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


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
