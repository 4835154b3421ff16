"""The order of day, month and year in a date column: as requested, as noted, or as the values prove."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import pandas as pd

from cells.columns import DATE_ORDER_COLUMN, Texts
from cells.dates import DATE_ORDERS, DateOrder, date_readings
from cells.field_types import LIST_SEPARATORS
from cells.notes import noted_reading
from cells.readings import Reading, UnclearColumn, told_or_proved


class UnclearDates(UnclearColumn):
    """All dates of a column can be read with the day first and with the month first."""


class ContradictingDates(UnclearColumn):
    """Some dates in a column must have the day first, and others must have the month first."""


def find_date_orders(
    columns: Mapping[str, Texts],
    asked: Mapping[str, DateOrder | None],
    notes: "pd.Series[str]",
    called: Callable[[str], str] = str,
) -> dict[str, Reading]:
    """The date order of each date column where it matters, by our name for it; `called` gives the file's.

    `asked` has the orders that somebody asked for, by the field's name. Raises UnclearDates and ContradictingDates if
    neither the request nor a note nor the values tell.
    """

    def told(column: str) -> DateOrder | None:
        return noted_reading(column, notes, DATE_ORDERS, DATE_ORDER_COLUMN)

    return told_or_proved(columns, asked, told, _proved_order, called)


def _proved_order(column: str, texts: Texts) -> Reading | None:
    """The date order that a column's values prove; None if each of them can be read in only one way anyway."""
    times: Counter[frozenset[DateOrder]] = Counter()
    examples: dict[frozenset[DateOrder], tuple[int, str]] = {}
    for row, text, count in _dates_in(texts):
        days = date_readings(text)
        if days and "ymd" not in days and (len(days) == 1 or days["dmy"] != days["mdy"]):
            examples.setdefault(frozenset(days), (row, text.strip()))
            times[frozenset(days)] += count
    proofs = {orders: example for orders, example in examples.items() if len(orders) == 1}
    if len(proofs) > 1:
        seen = " and ".join(f"{text!r} (row {row})" for row, text in proofs.values())
        raise ContradictingDates(f"The column {column} has dates in two different orders: {seen}")
    if examples and not proofs:
        row, text = next(iter(examples.values()))
        raise UnclearDates(f"The dates in {column} can be read in two ways, for example {text!r} (row {row})")
    for orders, (row, text) in proofs.items():
        return Reading(column, next(iter(orders)), row, text, times[orders], times.total())
    return None


def _dates_in(texts: Texts) -> Iterator[tuple[int, str, int]]:
    """The dates that tell the order of a column, each with its first row and its number of rows.

    A date with dots has the day first anyway, so it tells nothing about others; it counts if there are no others.
    """
    dates = [(row, text, count) for row, cell, count in texts.counted() for text in LIST_SEPARATORS.split(cell)]
    telling = [each for each in dates if not _DOTTED.match(each[1])]
    yield from telling if any(date_readings(text).keys() - {"ymd"} for _, text, _ in telling) else dates


_DOTTED = re.compile(r"\s*\d{1,2}\.\d{1,2}\.\d{4}")
