"""What one cell comes to: its clean values, what of it could not be kept, and its placeholders; never two of these."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from cells.placeholders import is_placeholder
from cells.texts import InvalidValue, ProblemCode

Lost = tuple[str, ProblemCode, str]  # a text that could not be kept, the code and the reason


class Parsed(NamedTuple):
    """The clean values of a cell, what was lost of it, and how many placeholders stand in it."""

    values: tuple[Any, ...] = ()
    lost: tuple[Lost, ...] = ()
    placeholders: int = 0


def refused(text: str, code: ProblemCode, reason: str) -> Parsed:
    """A cell that had nothing worth keeping, with the reason."""
    return Parsed(lost=((text, code, reason),))


def one_value(
    parse: Callable[[str], Any], stands_for_nothing: Callable[[str], bool] = is_placeholder
) -> Callable[[str], Parsed]:
    """A parser for cells that hold one value or nothing."""

    def parse_cell(text: str) -> Parsed:
        if not text:
            return Parsed()
        if stands_for_nothing(text):
            return Parsed(placeholders=1)
        try:
            return Parsed((parse(text),))
        except InvalidValue as invalid:
            return refused(text, invalid.code, invalid.reason)

    return parse_cell


def all_parts(parts: Iterable[Parsed]) -> Parsed:
    """What the parts of one cell come to; equal values count once."""
    parsed = list(parts)
    values = dict.fromkeys(value for part in parsed for value in part.values)
    lost = tuple(lost for part in parsed for lost in part.lost)
    return Parsed(tuple(values), lost, sum(part.placeholders for part in parsed))
