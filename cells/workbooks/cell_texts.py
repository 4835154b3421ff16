"""The text of a cell that a spreadsheet keeps as a number, a date, a time or yes and no."""

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

Cell = int | float | str | bool | datetime.time | datetime.date | datetime.datetime | datetime.timedelta

DIGITS = 15  # significant digits that spreadsheets keep and show; the others are noise of 0.1 + 0.2
PLAIN_FROM, PLAIN_BELOW = 1e-9, 1e21  # in between, people expect no exponent


def text_of(cell: Cell) -> str:
    """A cell as a person would type it, whatever its number format shows; dates and times as in ISO 8601."""
    return _TEXT_BY_TYPE[type(cell)](cell)


def number_text(number: float) -> str:
    """The digits of a number without groups, and without a decimal mark if it is whole."""
    text = repr(number)
    if text.endswith(".0"):
        return text[:-2]
    if len(text) <= DIGITS and "e" not in text:
        return text
    if number.is_integer() and abs(number) < PLAIN_BELOW:
        return f"{Decimal(text):f}"
    text = f"{number:.{DIGITS}g}"
    return f"{Decimal(text):f}" if "e" in text and PLAIN_FROM <= abs(number) < PLAIN_BELOW else text


def _moment_text(moment: datetime.datetime) -> str:
    is_whole_day = moment.time() == datetime.time()
    return moment.date().isoformat() if is_whole_day else _without_noughts(moment.isoformat(sep=" "))


def _duration_text(duration: datetime.timedelta) -> str:
    """Hours, which may be more than a day has, minutes and seconds."""
    seconds, fraction = divmod(abs(duration), datetime.timedelta(seconds=1))
    minutes, hours = seconds // 60, seconds // 3600
    sign = "-" if duration < datetime.timedelta() else ""
    text = f"{sign}{hours}:{minutes % 60:02}:{seconds % 60:02}"
    return _without_noughts(f"{text}.{fraction.microseconds:06}") if fraction else text


def _without_noughts(text: str) -> str:
    return text.rstrip("0") if "." in text else text


_TEXT_BY_TYPE: dict[type, Callable[[Any], str]] = {
    str: str,
    bool: lambda cell: "TRUE" if cell else "FALSE",
    int: str,
    float: number_text,
    datetime.date: datetime.date.isoformat,
    datetime.datetime: _moment_text,
    datetime.time: lambda cell: _without_noughts(cell.isoformat()),
    datetime.timedelta: _duration_text,
}
