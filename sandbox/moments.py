"""Moments in a search query: what "the end of that day" or "two weeks ago" means in UTC."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sandbox.answers import Document, invalid

UNITS = ("weeks", "days", "hours", "minutes", "seconds")
AFTER_THE_LAST_DAY = "9999-12-32"  # so that the last possible day has an end too
CALENDAR_UNITS = ("years", "months")
KEYS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "fixed_local_date": (frozenset({"value", "which"}), frozenset()),
    "fixed_utc": (frozenset({"value"}), frozenset()),
    "now": (frozenset(), frozenset()),
    "offset": (frozenset({"direction", "moment", "offset"}), frozenset({"which_day_end"})),
}


@dataclass(frozen=True)
class Here:
    """The time of a query, and how far its local time is ahead of UTC."""

    now: datetime
    offset: timedelta

    def instant(self, moment: Any) -> str:
        """The moment in UTC, in the format that objects use."""
        return shifted(self._local(moment), -self.offset).replace(tzinfo=UTC).isoformat(timespec="microseconds")

    def day(self, moment: Any) -> str:
        """The local calendar day on which the moment falls. The end of a day is the start of the next one."""
        local = self._local(moment)
        return AFTER_THE_LAST_DAY if local == datetime.max else local.date().isoformat()

    def _local(self, moment: Any) -> datetime:
        kind = _kind(moment)
        if kind == "fixed_local_date":
            return _start_or_end(_day(moment["value"]), moment["which"])
        if kind == "fixed_utc":
            return shifted(_instant(moment["value"]), self.offset)
        local_now = shifted(self.now.astimezone(UTC).replace(tzinfo=None), self.offset)
        return local_now if kind == "now" else _moved(local_now, moment)


def shifted(moment: datetime, by: timedelta) -> datetime:
    """The moment shifted, or the first or last possible one."""
    try:
        return moment + by
    except OverflowError:
        return datetime.max if by > timedelta() else datetime.min


def _kind(moment: Any) -> str:
    kind = moment.get("type") if isinstance(moment, dict) else None
    if not isinstance(kind, str) or kind not in KEYS:
        raise invalid("query", f"Unknown moment: {moment!r}.")
    required, optional = KEYS[kind]
    given = moment.keys() - {"type"}
    if not required <= given <= required | optional:
        raise invalid("query", f"A moment of type {kind} has the keys {sorted(required)}.")
    return kind


def _day(value: Any) -> date:
    try:
        parsed = date.fromisoformat(value)
    except (TypeError, ValueError):
        parsed = None
    if parsed is None or parsed.isoformat() != value:
        raise invalid("query", f"Invalid date: {value!r}.")
    return parsed


def _instant(value: Any) -> datetime:
    try:
        parsed = datetime.fromisoformat(value)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC).replace(tzinfo=None)
    except (TypeError, ValueError, OverflowError):
        raise invalid("query", f"Invalid ISO 8601 datetime: {value!r}.") from None


def _start_or_end(day: date, which: Any) -> datetime:
    if which not in ("start", "end"):
        raise invalid("query", "`which` is either start or end.")
    midnight = datetime(day.year, day.month, day.day)
    return midnight if which == "start" else shifted(midnight, timedelta(days=1))


def _moved(now: datetime, moment: Document) -> datetime:
    """Now, moved by an offset and then, if asked, to the start or the end of that day."""
    offset, which = moment["offset"], moment.get("which_day_end")
    if moment["direction"] not in ("past", "future") or _kind(moment["moment"]) != "now":
        raise invalid("query", "An offset goes to the past or the future from now.")
    if not isinstance(offset, dict) or not offset.keys() <= {*UNITS, *CALENDAR_UNITS}:
        raise invalid("query", f"Unknown offset: {offset!r}.")
    if not all(value is None or (type(value) is int and value >= 0) for value in offset.values()):
        raise invalid("query", "The parts of an offset are whole numbers.")
    sign = -1 if moment["direction"] == "past" else 1
    months = (offset.get("years") or 0) * 12 + (offset.get("months") or 0)
    try:
        span = timedelta(**{unit: offset.get(unit) or 0 for unit in UNITS})
    except OverflowError:
        raise invalid("query", "The offset is too large.") from None
    target = shifted(_months_later(now, sign * months), sign * span)
    return target if which is None else _start_or_end(target.date(), which)


def _months_later(moment: datetime, months: int) -> datetime:
    """The same day some months later, or the last day of that month if it is shorter."""
    count = moment.year * 12 + moment.month - 1 + months
    year, month = count // 12, count % 12 + 1
    if not 1 <= year <= 9999:
        return datetime.max if year > 9999 else datetime.min
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))
