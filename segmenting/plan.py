"""What a segment covers: names of fields, statuses and Smart Views in, what they mean in Close out."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, timedelta, tzinfo
from typing import Literal

from cells.lead_fields import FOUNDED, REVENUE, LeadField
from cells.safe_text import encodable
from close.fields import GROUPING, STATE, STATUS, UnusableName, amount_field, date_field, field_named
from close_client import CloseClient
from segmenting.filters import Filter, Question, smart_view_filter, status_filter, value_filters

LEAD_FIELDS = ("id", "name", "display_name", "html_url", STATE.key)  # always read, whatever is asked for
MissingRevenue = Literal["skip", "zero"]


@dataclass(frozen=True, slots=True)
class Span:
    """A range of days, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first} to {self.last}"

    def as_json(self) -> dict[str, str]:
        """The span as JSON, for programs."""
        return {"first": self.first.isoformat(), "last": self.last.isoformat()}


@dataclass(frozen=True, slots=True)
class SegmentRequest:
    """What somebody wants to know about the leads of a span, in the names that people use.

    `by` are the levels of groups, empty for states; `status`, `where` (`Industry=Finance`) and `smart_view` say which
    leads to count; `is_compared` asks for the span before as well. Days are those of the `zone`.
    """

    span: Span
    date_field: str = FOUNDED
    revenue_field: str = REVENUE
    by: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    smart_view: str | None = None
    missing_revenue: MissingRevenue = "skip"
    is_compared: bool = False
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class Segment:
    """What to sum up: the leads of a span, the field with their revenue, and the levels of groups.

    The question covers the span and, if there is one, the `previous` span to compare it with.
    """

    span: Span
    previous: Span | None
    question: Question
    revenue: LeadField
    levels: tuple[LeadField, ...]
    missing_revenue: MissingRevenue = "skip"

    @property
    def tells_days_of_moments(self) -> bool:
        """Whether a time zone decides which leads count, or in which group."""
        fields = (self.question.dates, *self.levels)
        return any(field.kind == "datetime" for field in fields) or any(
            each.is_of_moments for each in self.question.filters
        )

    @property
    def fields(self) -> list[str]:
        """The lead fields that have to be read."""
        wanted = {*LEAD_FIELDS, *self.question.fields, self.revenue.key, *(level.key for level in self.levels)}
        return sorted(wanted)


def plan_segment(close: CloseClient, request: SegmentRequest) -> Segment:
    """The fields, statuses and Smart View in Close that the names in a request mean.

    Raises UnusableName and AmbiguousName, and NoSpanBefore if there is nothing to compare with.
    """
    span = request.span
    previous = span_before(span) if request.is_compared else None
    fields = close.lead_fields()
    dates = replace(date_field(fields, request.date_field), zone=request.zone)
    revenue = amount_field(fields, request.revenue_field)
    levels = tuple(replace(level, zone=request.zone) for level in _levels(close, fields, request.by))
    filters = _filters(close, fields, request)
    question = Question(dates, previous.first if previous else span.first, span.last, filters)
    return Segment(span, previous, question, revenue, levels, request.missing_revenue)


def _levels(close: CloseClient, fields: Sequence[LeadField], names: Sequence[str]) -> tuple[LeadField, ...]:
    levels = tuple(_labelled(close, field_named(fields, name, GROUPING)) for name in names) or (STATE,)
    if len({level.key for level in levels}) < len(levels):
        raise UnusableName(
            "Leads are grouped by the same field twice", GROUPING.purpose, "Name each field only once with {option}"
        )
    return levels


def _labelled(close: CloseClient, level: LeadField) -> LeadField:
    """The level with the names of what it holds the ids of: statuses or users."""
    if level.kind == "user":
        return replace(level, labels={user_id: encodable(name) for user_id, name in close.user_names().items()})
    if level == STATUS:
        return replace(level, labels={status["id"]: encodable(status["label"]) for status in close.lead_statuses()})
    return level


def _filters(close: CloseClient, fields: Sequence[LeadField], request: SegmentRequest) -> tuple[Filter, ...]:
    return (
        *([status_filter(close, request.status)] if request.status else []),
        *value_filters(close, fields, request.where, request.zone),
        *([smart_view_filter(close, request.smart_view)] if request.smart_view is not None else []),
    )


# The span before -----------------------------------------------------------------------------------------------------


class NoSpanBefore(Exception):
    """The period before a span would begin before the first date that can be written."""


def span_before(span: Span) -> Span:
    """The span of the same length just before: as many months if the span is whole months, else as many days."""
    try:
        end = span.first - timedelta(days=1)
        if span.first.day == 1 and span.last.day == monthrange(span.last.year, span.last.month)[1]:
            months = (span.last.year - span.first.year) * 12 + span.last.month - span.first.month + 1
            year, month = divmod(span.first.year * 12 + span.first.month - 1 - months, 12)
            return Span(date(year, month + 1, 1), end)
        return Span(end - (span.last - span.first), end)
    except (OverflowError, ValueError):
        raise NoSpanBefore(f"The period before {span.first} would begin before the year 1") from None
