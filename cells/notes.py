"""What a rejects file notes about its columns, when the whole column was still there to prove it."""

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

import pandas as pd

from cells.readings import UnclearColumn
from cells.texts import is_same_name

Told = TypeVar("Told", bound=str)


class TwoNotedReadings(UnclearColumn):
    """A rejects file notes two different readings for one column."""


def noted_reading(column: str, notes: "pd.Series[str]", known: Sequence[Told], titled: str) -> Told | None:
    """The one of the `known` readings that the notes have for a column; `titled` is the column of the notes."""
    found = {_reading_in(note, column, known) for note in notes.unique()} - {None}
    if len(found) > 1:
        raise TwoNotedReadings(f"The column {titled} contains two different readings")
    return next(iter(found), None)


def _reading_in(note: str, column: str, known: Sequence[Told]) -> Told | None:
    one = rf"(?:^|(?<=;))(?:(?P<name>.+?)=)?\s*(?P<told>{'|'.join(known)})\s*(?:;|$)"  # a name may have semicolons
    parts = re.finditer(one, note)
    told = (each["told"] for each in parts if not each["name"] or is_same_name(each["name"].strip(), column))
    return next((each for text in told for each in known if each == text), None)


def note_of(readings: Mapping[str, str]) -> str:
    """The note about some columns: `dmy`, or `column=dmy; column=mdy` if they differ."""
    if len(set(readings.values())) <= 1:
        return next(iter(readings.values()), "")
    return "; ".join(f"{column}={reading}" for column, reading in readings.items())
