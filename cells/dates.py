"""Reading a text as a date, or as a date and time."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal, get_args

from dateutil import parser as dateutil_parser

from cells.texts import InvalidValue

DateOrder = Literal["dmy", "mdy", "ymd"]
DATE_ORDERS: tuple[DateOrder, ...] = get_args(DateOrder)

_DAY_IN_DIGITS = re.compile(
    r"(?P<first>[0-9]{4}|[0-9]{1,2})(?P<mark>[-/.])(?P<second>[0-9]{1,2})(?P=mark)(?P<third>[0-9]{4}|[0-9]{1,2})"
    r"(?:[T ]+(?P<time>[0-9:.]+(?: ?[AaPp][Mm])?Z?))?"
)
_MIDNIGHT = re.compile(r"0?0:00(?::00(?:\.0+)?)?Z?|12:00(?::00)? ?[Aa][Mm]")
_ORDER_WORDS: Mapping[DateOrder | None, str] = {
    None: "",
    "dmy": " when read with the day first",
    "mdy": " when read with the month first",
    "ymd": " when read with the year first",
}


def parse_date(text: str, order: DateOrder | None = None) -> str:
    """The date as `YYYY-MM-DD`. Raises InvalidValue if day, month or a four-digit year is missing or not real.

    `order` says how the column writes dates that end with the year; if the year comes first, the month comes next.
    """
    numeric = _DAY_IN_DIGITS.fullmatch(text.strip())
    if numeric is None:
        return _parse_written_date(text)
    if numeric["time"] and not _MIDNIGHT.fullmatch(numeric["time"]):
        raise InvalidValue("invalid_date", "This has a time of day, but the field holds only dates.")
    if len(numeric["first"]) < 4 and len(numeric["third"]) < 4:
        raise InvalidValue("invalid_date", "The year needs four digits.")
    days = date_readings(text)
    if "ymd" in days:
        return days["ymd"].isoformat()
    if order in days:
        return days[order].isoformat()
    if order is None and len(set(days.values())) == 1:
        return next(iter(days.values())).isoformat()
    raise InvalidValue("invalid_date", f"This is not a real date{_ORDER_WORDS[order]}.")


def date_readings(text: str) -> dict[DateOrder, date]:
    """The real dates that a date in digits can mean, by date order; a date written with dots has the day first."""
    parts = _DAY_IN_DIGITS.fullmatch(text.strip())
    if parts is None:
        return {}
    first, second, third = int(parts["first"]), int(parts["second"]), int(parts["third"])
    if len(parts["first"]) == 4 and len(parts["third"]) < 4:
        return _real_days({"ymd": (first, second, third)})
    if len(parts["third"]) < 4 or len(parts["first"]) == 4:
        return {}
    days = _real_days({"dmy": (third, second, first), "mdy": (third, first, second)})
    return {"dmy": days["dmy"]} if parts["mark"] == "." and "dmy" in days else days


def _real_days(candidates: Mapping[DateOrder, tuple[int, int, int]]) -> dict[DateOrder, date]:
    days: dict[DateOrder, date] = {}
    for order, (year, month, day) in candidates.items():
        try:
            days[order] = date(year, month, day)
        except ValueError:
            continue
    return days


def _parse_written_date(text: str) -> str:
    """A date with its month in words, read by `dateutil`. `dateutil` takes missing parts from a default, so the results
    with two defaults must agree. It reads 0087 as 1987 and accepts any weekday, so both are compared with the text."""
    typed = _DAY_AND_YEAR.fullmatch(text)
    if typed is None:
        raise InvalidValue("invalid_date", "A date needs a day, a month and a four-digit year.")
    try:
        first, second = (
            dateutil_parser.parse(text, default=datetime(year, month, month), ignoretz=True)
            for year, month in ((1904, 1), (1908, 2))
        )
    except (ValueError, OverflowError):
        raise InvalidValue("invalid_date", "This is not a date.") from None
    weekdays = [weekday for word in re.findall(r"[^\W\d_]+", text) if (weekday := _NAMES.weekday(word)) is not None]
    if first != second or f"{first.year:04d}" not in typed.groups() or weekdays not in ([], [first.weekday()]):
        raise InvalidValue("invalid_date", "There is no such date, or the weekday does not match it.")
    return first.date().isoformat()


_DAY_AND_YEAR = re.compile(r"\D*(\d{1,2})\D+(\d{4})\D*|\D*(\d{4})\D+(\d{1,2})\D*")
_NAMES = dateutil_parser.parserinfo()


def parse_moment(text: str) -> str:
    """A date and time in ISO 8601 with its offset. Raises InvalidValue without an offset, which would be a guess."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidValue(
            "invalid_date", "The field needs a date, a time and a UTC offset, such as 2024-03-01T09:30:00+00:00."
        )
    return moment.isoformat()
