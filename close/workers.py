"""Several jobs at a time, as many as keep Close busy and no more; and what came of them before an error."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

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


def until_error(items: Iterable[Item], kept: list[Item]) -> Exception | None:
    """The error that ended some items early, None where none did; what came before it is put into `kept`.

    Whoever tells what was done has to tell it before anything is said of an error, be it a bug.
    """
    try:
        for item in items:
            kept.append(item)
    except Exception as error:  # told by the caller, after what was done
        return error
    return None
