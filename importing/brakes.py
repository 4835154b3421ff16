"""What keeps an import from doing more than a person wants: a limit, a share of rejects, a plan, and a question."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from importing.outcomes import ImportResult
from importing.plan import Plan


@dataclass(frozen=True, slots=True)
class MostRejects:
    """How many rows may be rejected: a number of rows or, with `is_percentage`, so many of a hundred."""

    number: Decimal
    is_percentage: bool = False

    def of(self, rows: int) -> int:
        """How many of the rows of a file that is."""
        return int(self.number * rows / 100) if self.is_percentage else int(self.number)


class TooManyRejects(Exception):
    """More rows of a file would be rejected than are allowed; `result` is what an import would come to."""

    def __init__(self, result: ImportResult) -> None:
        super().__init__("too many rows would be rejected")
        self.result = result


def _agreed(_: Plan) -> None:
    """Nobody is asked."""


def _as_planned(plan: Plan) -> Plan:
    """The plan as it is; nobody has approved another one."""
    return plan


@dataclass(frozen=True, slots=True)
class Brakes:
    """The brakes of one import.

    With a `limit`, only so many leads have work to do, in the order of the file; the next run goes on. `approve` binds
    the plan to what somebody approved, and raises an error if it differs from that. `agree` hears the plan before
    anything is written, and raises an error to prevent that.
    """

    limit: int | None = None
    most_rejects: MostRejects | None = None
    approve: Callable[[Plan], Plan] = _as_planned
    agree: Callable[[Plan], None] = _agreed

    def allow_rejects(self, plan: Plan) -> bool:
        """Whether a plan rejects no more rows than it may."""
        return self.most_rejects is None or len(plan.clean.rejected) <= self.most_rejects.of(len(plan.source.cells))


RELEASED = Brakes()
