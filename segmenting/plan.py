"""What a segment is to be about: names of fields, statuses and Smart Views in, what they mean in Close out."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from close.fields import STATE, STATUS, LeadField, UnusableName, amount_field, date_field, encodable, field_named
from close_client import CloseClient
from segmenting.filters import Question, smart_view_filter, status_filter, value_filters

LEAD_FIELDS = ("id", "name", "display_name", "html_url", STATE.key)  # that are read whatever is asked for
MissingRevenue = Literal["skip", "zero"]


@dataclass(frozen=True, slots=True)
class Span:
    """A range of days, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"

    def as_json(self) -> dict[str, str]:
        """What a program is told."""
        return {"first": self.first.isoformat(), "last": self.last.isoformat()}


@dataclass(frozen=True, slots=True)
class Segment:
    """What is to be summed up: the leads of a span, the field with their revenue, and the levels of groups.

    The question is for those of the span, and of the `previous` one that it may be compared with.
    """

    span: Span
    previous: Span | None
    question: Question
    revenue: LeadField
    levels: tuple[LeadField, ...]
    missing_revenue: MissingRevenue = "skip"

    @property
    def fields(self) -> list[str]:
        """The fields of a lead that have to be read."""
        wanted = {*LEAD_FIELDS, *self.question.fields, self.revenue.key, *(level.key for level in self.levels)}
        return sorted(wanted)


def plan_segment(
    close: CloseClient,
    first: date,
    last: date,
    *,
    date_name: str,
    revenue_name: str,
    by: Sequence[str] = (),
    statuses: Sequence[str] = (),
    where: Sequence[str] = (),
    smart_view: str | None = None,
    missing_revenue: MissingRevenue = "skip",
    is_compared: bool = False,
) -> Segment:
    """What is meant by the names of fields, statuses and a Smart View in Close.

    Raises UnusableName and AmbiguousField, and NoSpanBefore where it is to be compared.
    """
    span = Span(first, last)
    previous = span_before(span) if is_compared else None
    schema = close.lead_fields()
    dates = date_field(schema, date_name, "--date-field")
    revenue = amount_field(schema, revenue_name, "--revenue-field")
    levels = tuple(_labelled(close, field_named(schema, name, "--by")) for name in by) or (STATE,)
    if len({level.key for level in levels}) < len(levels):
        raise UnusableName("Two levels of groups are the same field; name each --by once")
    filters = [
        *([status_filter(close, statuses)] if statuses else []),
        *value_filters(close, schema, where),
        *([smart_view_filter(close, smart_view)] if smart_view is not None else []),
    ]
    question = Question(dates, previous.first if previous else first, last, tuple(filters))
    return Segment(span, previous, question, revenue, levels, missing_revenue)


def _labelled(close: CloseClient, level: LeadField) -> LeadField:
    """A level that knows the labels of the statuses, if it is the status."""
    if level != STATUS:
        return level
    return replace(level, labels={status["id"]: encodable(status["label"]) for status in close.lead_statuses()})


# The span before -----------------------------------------------------------------------------------------------------


class NoSpanBefore(Exception):
    """There are no dates as long before the span; the message says what to do."""


def span_before(span: Span) -> Span:
    """The span just before one, as long: as many months where it is whole months, else as many days."""
    try:
        end = span.first - timedelta(days=1)
        if span.first.day == 1 and span.last.day == monthrange(span.last.year, span.last.month)[1]:
            months = (span.last.year - span.first.year) * 12 + span.last.month - span.first.month + 1
            year, month = divmod(span.first.year * 12 + span.first.month - 1 - months, 12)
            return Span(date(year, month + 1, 1), end)
        return Span(end - (span.last - span.first), end)
    except (OverflowError, ValueError):
        raise NoSpanBefore(f"there is no span as long before {span.first}; begin later, or don't compare") from None
