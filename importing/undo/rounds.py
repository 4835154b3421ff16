"""The leads of a run, undone side by side, in rounds: those that can't be judged yet come last."""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from close.errors import Stopped
from close.workers import work_off
from close_client import CloseClient

LISTS_LAG = "it was changed so recently that Close's lists may not show who worked on it"


@dataclass(frozen=True, slots=True)
class UndoneLead:
    """What became of one lead that a run created or changed: `deleted`, `restored`, or `left` for a reason.

    `is_known` is False if it was left because nobody can tell yet what became of it in Close.
    """

    outcome: str
    lead_id: str
    company: str
    reason: str = ""
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class Later:
    """A lead that can't be judged yet, and why: `job` is to be done at `due`, by the monotonic clock."""

    due: float
    job: "Job"
    lead_id: str
    company: str
    reason: str


Job = Callable[[], UndoneLead | Later]


def in_rounds(
    jobs: Sequence[Job], close: CloseClient, stop: threading.Event, tell: Callable[[str], None], patience: float
) -> Iterator[UndoneLead]:
    """Yield the results of jobs. Those that can't be judged yet come last, so that one wait is enough for all.

    A lead that would take more than `patience` seconds is left as not known yet.
    """
    while jobs:
        later: list[Later] = []
        for done in _side_by_side(jobs, close, stop):
            if not isinstance(done, Later):
                yield done
            elif done.due - close.machine.monotonic() > patience:
                yield _not_known_yet(done, close.machine.monotonic())
            else:
                later.append(done)
        left = max((each.due for each in later), default=0.0) - close.machine.monotonic()
        if left > 0:
            leads = "1 lead" if len(later) == 1 else f"{len(later)} leads"
            tell(f"Waiting {math.ceil(left)} s, because Close may not show yet what happened recently to {leads}.")
            close.pause(left)
        jobs = [each.job for each in later]


def _not_known_yet(lead: Later, now: float) -> UndoneLead:
    """A lead that nobody waits for in a dry run."""
    reason = (
        f"it is not known yet what an undo would do: {lead.reason}; an undo looks again after {lead.due - now:.0f} s"
    )
    return UndoneLead("left", lead.lead_id, lead.company, reason, is_known=False)


def _side_by_side(jobs: Iterable[Job], close: CloseClient, stop: threading.Event) -> Iterator[UndoneLead | Later]:
    """Yield the results of jobs, several at a time. The first error ends them, and is raised after those in flight."""
    ended_by: BaseException | None = None

    def is_ended() -> bool:
        return ended_by is not None or stop.is_set()

    todo = deque(jobs)
    working = work_off(todo, lambda job: job(), waiting=close.waiting, is_ended=is_ended, machine=close.machine)
    with closing(working) as done:
        for _, future in done:
            error = future.exception()
            if error is None:
                yield future.result()
            else:
                ended_by = ended_by or error
    if ended_by:
        raise ended_by
    if todo:
        raise Stopped("the undo was stopped")
