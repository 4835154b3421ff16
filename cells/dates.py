"""Reading a text as a date, or as a date and time."""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Literal, get_args

from dateutil import parser as dateutil_parser

from cells.texts import InvalidValue

DateOrder = Literal["dmy", "mdy", "ymd"]
DATE_ORDERS: tuple[DateOrder, ...] = get_args(DateOrder)

_DAY_IN_DIGITS = re.compile(
    r"(?P<first>[0-9]{4}|[0-9]{1,2})(?P<mark>[-/.])(?P<second>[0-9]{1,2})(?P=mark)(?P<third>[0-9]{4}|[0-9]{1,2})"
)
_TIME_AFTER_DAY = re.compile(
    r"(?P<day>.*[^\s,])(?:T|[\s,]+(?:at\s+)?)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
    r"\s*(?P<zone>Z|UTC|(?:GMT|UTC)?[-+−][0-9]{2}(?::?[0-9]{2})?|GMT)?(?:\s*\([^()]*\))?",
    re.DOTALL,
)
_YEAR_ALONE = re.compile(r"(?:1[5-9]|20)[0-9]{2}(?:\.0+)?")
_DAY_NUMBER = re.compile(r"([1-9][0-9]{4})(\.[0-9]+)?")
_YEAR_OF_TWO_DIGITS = re.compile(
    r"[0-9]{1,2}[-/. ]+[A-Za-z]{3,9}[-/., ]+'?[0-9]{2}"
    r"|[A-Za-z]{3,9}\.?[- ][0-9]{1,2}(?:st|nd|rd|th)?[-, ] *'?[0-9]{2}"
)
_NO_DAY = re.compile(
    r"(?:[A-Za-z]{3,9}\.?|Q[1-4]|H[12]|[0-9]{1,2})[-/., ]+(?:[0-9]{4}|'?[0-9]{2})"
    r"|[0-9]{4}[-/. ]+(?:[0-9]{1,2}|Q[1-4])"
)
FIRST_DAY_IN_EXCEL = date(1899, 12, 30)  # its day numbers count from here, for all days since March 1900
FIRST_YEAR = 1000  # an earlier year comes from a program that lost a part of it
TWO_DIGIT_YEAR = "The year has only two digits; write it with four in the spreadsheet."
NO_ZONE = "The time has no time zone; add an offset, as in 2024-03-01T09:30:00+00:00, or import with --timezone."
_ORDER_WORDS: Mapping[DateOrder | None, str] = {
    None: "",
    "dmy": " when read with the day first",
    "mdy": " when read with the month first",
    "ymd": " when read with the year first",
}


def parse_date(text: str, order: DateOrder | None = None) -> str:
    """The date as `YYYY-MM-DD`. Raises InvalidValue if day, month or a four-digit year is missing or not real.

    `order` says how the column writes dates that end with the year; if the year comes first, the month comes next. A
    time of midnight is left out; another time of day would be lost, so it is refused.
    """
    if len(text) == 10 and text[4] == text[7] == "-":
        with contextlib.suppress(ValueError):
            day = date.fromisoformat(text)
            if day.year >= FIRST_YEAR:
                return text
    moment = None if _DAY_IN_DIGITS.fullmatch(text) else _moment_in(text)
    if moment is None:
        return _parse_day(text.strip(), order)
    if not moment.is_midnight:
        raise InvalidValue("invalid_date", "This has a time of day, but the field holds only dates.")
    return _parse_day(moment.day, order)


def _parse_day(text: str, order: DateOrder | None) -> str:
    text = _as_usual(text)
    numeric = _DAY_IN_DIGITS.fullmatch(text)
    if numeric is None:
        _refuse_parts_of_dates(text)
        return _parse_written_date(text)
    if len(numeric["first"]) < 4 and len(numeric["third"]) < 4:
        raise InvalidValue("two_digit_year", TWO_DIGIT_YEAR)
    days = date_readings(text)
    if "ymd" in days:
        return days["ymd"].isoformat()
    if order in days:
        return days[order].isoformat()
    if (order is None or numeric["mark"] == ".") and len(set(days.values())) == 1:
        return next(iter(days.values())).isoformat()
    is_ordered = len(numeric["first"]) < 4
    raise InvalidValue("invalid_date", f"This is not a real date{_ORDER_WORDS[order] if is_ordered else ''}.")


def _as_usual(text: str) -> str:
    """A date with a blank after a comma, none after a dot in figures, hyphens for dashes, and marks in 19870517."""
    text = re.sub(r",(?=\S)", ", ", text)
    text = re.sub(r"(?<=\d)\s*[–‑−]\s*(?=\d)", "-", re.sub(r"(?<=\d)\. +(?=\d)", ".", text))
    return re.sub(r"((?:19|20)[0-9]{2})([0-9]{2})([0-9]{2})", r"\1-\2-\3", text) if len(text) == 8 else text


def is_year_alone(text: str) -> bool:
    """Whether a text is a year without month and day."""
    return bool(_YEAR_ALONE.fullmatch(text.strip()))


def _refuse_parts_of_dates(text: str) -> None:
    """Raise InvalidValue for a year alone, a day as Excel counts days, a month alone, and a year of two digits."""
    if _YEAR_ALONE.fullmatch(text):
        raise InvalidValue(
            "year_only", f"This is a year without month and day; write a full date, such as {text[:4]}-01-01."
        )
    counted = _DAY_NUMBER.fullmatch(text)
    if counted:
        raise InvalidValue("day_number", _said_of_day_number(counted[1], counted[2] or ""))
    if _YEAR_OF_TWO_DIGITS.fullmatch(text):
        raise InvalidValue("two_digit_year", TWO_DIGIT_YEAR)
    if _NO_DAY.fullmatch(text):
        raise InvalidValue("invalid_date", "This has no day; write a full date, such as 2012-05-01.")


def _said_of_day_number(days: str, fraction: str) -> str:
    told = f"This is how Excel counts days: {days} is {(FIRST_DAY_IN_EXCEL + timedelta(days=int(days))).isoformat()}"
    if fraction.strip(".0"):
        return f"{told}, with a time of day; format the column as a date."
    return f"{told}; format the column as a date there."


@dataclass(frozen=True, slots=True)
class _Moment:
    """A day as it is written, with a time after it, and the zone that is written after that, "" if none is."""

    day: str
    time: time
    zone: str

    @property
    def is_midnight(self) -> bool:
        return self.time == time()


def _moment_in(text: str) -> _Moment | None:
    """The moment that a text names, None if it names no time of day. Raises InvalidValue for a time that is not one."""
    parts = _TIME_AFTER_DAY.fullmatch(text.strip())
    if parts is None:
        return None
    hour, half = int(parts["hour"]), (parts["half"] or "").casefold()
    if half and 1 <= hour <= 12:
        hour = hour % 12 + 12 * (half == "p")
    elif half:
        hour = 99
    micro = int((parts["fraction"] or "0").ljust(6, "0")[:6])
    try:
        clock = time(hour, int(parts["minute"]), int(parts["second"] or 0), micro)
    except ValueError:
        raise InvalidValue("invalid_date", "There is no such time of day.") from None
    return _Moment(parts["day"].removesuffix("T").strip(), clock, parts["zone"] or "")


def date_readings(text: str) -> dict[DateOrder, date]:
    """The real dates that a date in digits can mean, by date order; a date written with dots has the day first."""
    parts = _DAY_IN_DIGITS.fullmatch(text.strip())
    if parts is None:
        timed = _TIME_AFTER_DAY.fullmatch(text.strip())
        parts = _DAY_IN_DIGITS.fullmatch(timed["day"]) if timed else None
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
        with contextlib.suppress(ValueError):
            if year >= FIRST_YEAR:
                days[order] = date(year, month, day)
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


def parse_moment(text: str, order: DateOrder | None = None, zone: tzinfo | None = None) -> str:
    """A date and time in ISO 8601 with its offset, in the forms that exports have.

    Without an offset in the text, the time is one in `zone`; without that, an offset would be a guess. Raises
    InvalidValue, also for a day without a time.
    """
    moment = _moment_in(text)
    if moment is None:
        if not date_readings(text):
            _parse_day(text.strip(), order)
        raise InvalidValue("invalid_date", "This is a day without a time of day, but the field needs one.")
    has_zone = bool(moment.zone) or zone is not None
    if not has_zone and date_readings(moment.day):  # said first, for no order of the date would help
        raise InvalidValue("no_time_zone", NO_ZONE)
    day = date.fromisoformat(_parse_day(moment.day, order))
    if not has_zone:
        raise InvalidValue("no_time_zone", NO_ZONE)
    there = datetime.combine(day, moment.time, _offset(moment.zone) if moment.zone else zone)
    if there.utcoffset() != there.replace(fold=1).utcoffset():
        raise InvalidValue(
            "invalid_date", "Clocks are changed then, so this time occurs twice or never; add an offset."
        )
    return there.isoformat()


def names_a_zone(text: str) -> bool:
    """Whether a text names a time with its zone."""
    parts = _TIME_AFTER_DAY.fullmatch(text.strip())
    return bool(parts and parts["zone"])


def names_a_moment(text: str) -> bool:
    """Whether a text names a full moment that can be read in one way: a day with the year first, a time, an offset."""
    try:
        moment = _moment_in(text)
        return bool(moment and moment.zone and "ymd" in date_readings(moment.day) and parse_moment(text))
    except InvalidValue:
        return False


def _offset(zone: str) -> timezone:
    figures = re.search(r"([-+−])([0-9]{2}):?([0-9]{2})?", zone)
    if not figures:
        return UTC
    minutes = 60 * int(figures[2]) + int(figures[3] or 0)
    if minutes >= 24 * 60:
        raise InvalidValue("invalid_date", "There is no such offset from UTC.")
    return timezone(timedelta(minutes=minutes if figures[1] == "+" else -minutes))
