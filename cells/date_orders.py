"""The order of day, month and year in a date column: as requested, as noted, or as the values prove."""

from collections.abc import Mapping

import pandas as pd

from cells.columns import CUSTOM_PREFIX, DATE_ORDER_COLUMN, Texts
from cells.csv_rows import InputError
from cells.dates import DATE_ORDERS, DateOrder, date_readings
from cells.field_types import LIST_SEPARATORS
from cells.texts import is_same_name


class AmbiguousDates(InputError):
    """A column's dates can be read in more than one way, and only somebody who knows the file can tell which."""


class UnclearDates(AmbiguousDates):
    """All dates of a column can be read with the day first and with the month first."""


class ContradictingDates(AmbiguousDates):
    """Some dates in a column must have the day first, and others must have the month first."""


class TwoNotedOrders(AmbiguousDates):
    """A rejects file notes two different orders for one column."""


def find_date_orders(
    columns: Mapping[str, Texts], asked: DateOrder | None, notes: "pd.Series[str]"
) -> dict[str, DateOrder]:
    """The date order of each date column: as requested, else as a rejects file noted, else as its values prove."""
    found = {
        CUSTOM_PREFIX + name: asked
        or _noted_order(CUSTOM_PREFIX + name, notes)
        or _proved_order(CUSTOM_PREFIX + name, texts)
        for name, texts in columns.items()
    }
    return {column: order for column, order in found.items() if order is not None}


def _proved_order(column: str, texts: Texts) -> DateOrder | None:
    """The date order that a column's values prove; None if each of them can be read in only one way anyway.

    Raises AmbiguousDates if the values allow two orders, or prove two.
    """
    examples: dict[frozenset[DateOrder], tuple[int, str]] = {}
    first_rows = texts.index.drop_duplicates().index
    for row, cell in zip(first_rows, texts.distinct, strict=True):
        for text in LIST_SEPARATORS.split(cell):
            days = date_readings(text)
            if days and "ymd" not in days and (len(days) == 1 or days["dmy"] != days["mdy"]):
                examples.setdefault(frozenset(days), (row, text.strip()))
    proofs = {next(iter(orders)): example for orders, example in examples.items() if len(orders) == 1}
    if len(proofs) > 1:
        seen = " and ".join(f"{text!r} (row {row})" for row, text in proofs.values())
        raise ContradictingDates(f"The column {column} has dates in two different orders: {seen}")
    if examples and not proofs:
        row, text = next(iter(examples.values()))
        raise UnclearDates(f"The dates in {column} can be read in two ways, for example {text!r} (row {row})")
    return next(iter(proofs), None)


def _noted_order(column: str, notes: "pd.Series[str]") -> DateOrder | None:
    """The order that one of our rejects files noted, when the whole column was still there to prove it."""
    found = {_order_in_note(note, column) for note in notes.unique()} - {None}
    if len(found) > 1:
        raise TwoNotedOrders(f"The column {DATE_ORDER_COLUMN} contains two different orders")
    return next(iter(found), None)


def _order_in_note(note: str, column: str) -> DateOrder | None:
    for part in note.split(";"):
        name, _, order = part.strip().rpartition("=")
        known = next((known for known in DATE_ORDERS if known == order), None)
        if known and (not name or is_same_name(name, column)):
            return known
    return None


def note_date_orders(orders: Mapping[str, DateOrder]) -> str:
    """What a rejects file notes about its date columns: `dmy`, or `column=dmy; column=mdy` if they differ."""
    if len(set(orders.values())) <= 1:
        return next(iter(orders.values()), "")
    return "; ".join(f"{column}={order}" for column, order in orders.items())
