"""What could not be kept: one value, or one whole row, with a reason."""

from typing import NamedTuple

from cells.texts import ProblemCode


class Problem(NamedTuple):
    """One value, or one whole row, that could not be kept: where it was, what it was, and why.

    `kept` is the value that a conflict is with, and that stays.
    """

    row: int
    column: str
    value: str
    code: ProblemCode
    reason: str
    kept: str = ""
