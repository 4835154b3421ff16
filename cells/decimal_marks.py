"""The decimal mark of a column of numbers: as requested, as noted, or as its values prove."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import pandas as pd

from cells.columns import DECIMAL_COLUMN, Texts
from cells.notes import noted_reading
from cells.numbers import DECIMAL_MARKS, DecimalMark, says_of_mark
from cells.readings import Reading, UnclearColumn, told_or_proved

ENOUGH = 0.9  # of the values that prove a mark must prove the same one


class UnclearNumbers(UnclearColumn):
    """The dots in all numbers of a column can come before decimals or between thousands."""


class ContradictingNumbers(UnclearColumn):
    """Some numbers in a column have a decimal dot, and others a decimal comma."""


def find_decimal_marks(
    columns: Mapping[str, Texts],
    asked: Mapping[str, DecimalMark | None],
    notes: "pd.Series[str]",
    called: Callable[[str], str] = str,
) -> dict[str, Reading]:
    """How each column of numbers is read where it matters, by our name for it; `called` gives the file's.

    `asked` has the marks that somebody asked for, by the field's name. Raises UnclearNumbers and ContradictingNumbers
    if neither the request nor a note nor the values tell.
    """

    def told(column: str) -> DecimalMark | None:
        return noted_reading(column, notes, DECIMAL_MARKS, DECIMAL_COLUMN)

    return told_or_proved(columns, asked, told, lambda column, texts: _proved_mark(column, texts.counted()), called)


def mark_of(column: str, texts: Mapping[str, int]) -> DecimalMark | None:
    """The decimal mark of texts, given how often each occurs; None if they do not tell, or contradict each other."""
    try:
        reading = _proved_mark(column, ((1, text, times) for text, times in texts.items()))
    except UnclearColumn:
        return None
    return "comma" if reading and reading.reading == "comma" else "dot"


def _proved_mark(column: str, examples: Iterable[tuple[int, str, int]]) -> Reading | None:
    """The mark that a column's values prove, None if it does not matter.

    A lone comma before three digits is between thousands, unless other values prove that it is not.
    """
    times: Counter[str] = Counter()
    firsts: dict[str, tuple[int, str, int]] = {}
    for row, text, count in examples:
        says = says_of_mark(text)
        if says:
            times[says] += count
            firsts.setdefault(says, (row, text, count))
    mark = max(DECIMAL_MARKS, key=lambda each: times[each])
    proofs = times["dot"] + times["comma"]
    if times[mark] < ENOUGH * proofs:
        seen = " and ".join(f"{firsts[each][1]!r} (row {firsts[each][0]})" for each in DECIMAL_MARKS)
        raise ContradictingNumbers(
            f"The column {column} has numbers with a decimal dot and with a decimal comma: {seen}"
        )
    if proofs:
        return _reading(column, mark, firsts[mark], times)
    if times["either by dot"]:
        row, text, _ = firsts["either by dot"]
        raise UnclearNumbers(
            f"The numbers in {column} can be read in two ways, for example {text!r} (row {row}): the dot can come "
            "before decimals or between thousands"
        )
    return _reading(column, "dot", firsts["either by comma"], times) if times["either by comma"] else None


def _reading(column: str, mark: str, first: tuple[int, str, int], times: Counter[str]) -> Reading:
    row, text, _ = first
    return Reading(column, mark, row, text, times[mark] or times.total(), times.total())
