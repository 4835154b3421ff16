"""What an answer asks for with `Retry-After`: a number of seconds, or the moment of an HTTP date (RFC 9110)."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from close.machine import THIS_MACHINE


def retry_after(headers: Mapping[str, str], wall: Callable[[], float] = THIS_MACHINE.wall) -> float | None:
    """The seconds that an answer asks us to wait; None if it does not say, or names a moment that is over.

    A moment counts from the answer's own `Date`, so that no clock of ours has to be right; without it, from now, by
    the clock on the `wall`.
    """
    asked = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", asked):
        return float(asked)
    moment = _http_date(asked)
    if moment is None:
        return None
    answered = _http_date(headers.get("Date", "")) or datetime.fromtimestamp(wall(), UTC)
    seconds = (moment - answered).total_seconds()
    return seconds if seconds > 0 else None


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
