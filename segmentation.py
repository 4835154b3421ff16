"""Sum up leads by US state. A date range in, a table out."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from statistics import median
from typing import Any

import pandas as pd

from close_client import (
    LONGEST_WALK,
    CloseClient,
    ExpiredCursor,
    Json,
    SearchPage,
    custom_field,
    find_field,
    is_between_days,
)
from us_states import state_name

STATE = "US State"
LEADS = "Total number of leads"
TOP_LEAD = "The lead with most revenue"
TOTAL = "Total revenue"
MEDIAN = "Median revenue"
COLUMNS = [STATE, LEADS, TOP_LEAD, TOTAL, MEDIAN]

UNKNOWN = "Unknown"
MOST_DIGITS = 400  # of a sum in decimal: the largest number that JSON carries has 309 before its point
MOST_WALKS = 3  # times that a search is walked before its count is given up on


class UnknownField(Exception):
    """Close has no such lead custom field; the message says which are there."""


class CountMismatch(Exception):
    """A search did not give as many leads as Close counts, so the table would be wrong."""


@dataclass(frozen=True, slots=True)
class SegmentedLead:
    """What a segment needs of a lead: its state by full name ("" without one), and its revenue, None without one."""

    name: str
    state: str
    revenue: Decimal | None


def find_founded(
    close: CloseClient, first: date, last: date, date_field: str, revenue_field: str
) -> list[SegmentedLead]:
    """The leads whose date lies between two days, both included.

    The index may show a lead under a date that it had; what counts is the date that comes with it. Raises UnknownField
    and AmbiguousField, and CountMismatch where the index changes too fast to be read, or holds too many.
    """
    schema = close.lead_fields()
    founded = _field_id(schema, date_field, ("date", "datetime"))
    revenue = f"custom.{_field_id(schema, revenue_field)}"
    condition = is_between_days(custom_field(founded), first.isoformat(), last.isoformat())
    leads = _walk(close, condition, ["id", "name", "addresses", f"custom.{founded}", revenue])
    return [
        SegmentedLead(lead.get("name") or "", _state_of(lead.get("addresses") or []), _revenue_of(lead.get(revenue)))
        for lead in leads
        if (day := lead.get(f"custom.{founded}")) and first <= _day_of(day) <= last
    ]


def summarize_by_state(leads: Iterable[SegmentedLead]) -> pd.DataFrame:
    """A row per state in the order of the names, leads without a state last as `Unknown`.

    Columns as in COLUMNS: text, int, text, then Decimal with two places or None where no lead has revenue.
    """
    groups: dict[str, list[SegmentedLead]] = {}
    for lead in leads:
        groups.setdefault(lead.state, []).append(lead)
    states = sorted(groups, key=lambda state: (not state, state.casefold(), state))
    with localcontext(prec=MOST_DIGITS):
        rows = [_summarize(state, groups[state]) for state in states]
    return pd.DataFrame(rows, columns=COLUMNS, dtype=object)


def _summarize(state: str, leads: Sequence[SegmentedLead]) -> dict[str, Any]:
    earning = [(lead.revenue, lead.name) for lead in leads if lead.revenue is not None]
    summary: dict[str, Any] = {STATE: state or UNKNOWN, LEADS: len(leads), TOP_LEAD: None, TOTAL: None, MEDIAN: None}
    if not earning:
        return summary
    revenues = [revenue for revenue, _ in earning]
    most = max(revenues)
    return summary | {
        TOP_LEAD: min(name for revenue, name in earning if revenue == most),
        TOTAL: _to_cents(sum(revenues, Decimal())),
        MEDIAN: _to_cents(median(revenues)),
    }


def _to_cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _walk(close: CloseClient, condition: Json, fields: Sequence[str]) -> list[Json]:
    """All leads of a search, as many as Close counts; a walk that the index changed under is made again."""
    difference = ""
    for _ in range(MOST_WALKS):
        try:
            pages = list(_pages_of_one_walk(close, condition, fields))
        except ExpiredCursor:
            difference = "the search took so long that Close ended it"
            continue
        total = pages[-1].total
        leads = {lead["id"]: lead for page in pages for lead in page.leads}
        if len(leads) == total:
            return list(leads.values())
        difference = f"Close counted {total} leads and listed {len(leads)}"
    raise CountMismatch(f"The leads could not be read whole: {difference}. Run the same command again in a minute.")


def _pages_of_one_walk(close: CloseClient, condition: Json, fields: Sequence[str]) -> Iterator[SearchPage]:
    for page in close.search_pages(condition, fields):
        if page.total > LONGEST_WALK:
            raise CountMismatch(
                f"{page.total} leads lie in this range, and one search reads {LONGEST_WALK}; ask for a shorter range."
            )
        yield page


def _field_id(schema: Sequence[Json], name: str, kinds: Container[str] = ()) -> str:
    found = find_field(schema, name)
    if found is None:
        known = ", ".join(repr(field["name"]) for field in schema) or "none at all"
        raise UnknownField(
            f"Close has no lead custom field named {name!r}; it has {known}. "
            "Name another with --date-field or --revenue-field."
        )
    if kinds and found["type"] not in kinds:
        raise UnknownField(f"The lead custom field {name!r} in Close is of type {found['type']}, not a date.")
    if found.get("accepts_multiple_values"):
        raise UnknownField(f"The lead custom field {name!r} in Close may hold several values; name one that holds one.")
    return str(found["id"])


def _day_of(value: str) -> date:
    """The day of a date, or of a moment in UTC, which is how the search was asked."""
    moment = datetime.fromisoformat(value)
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date()


def _state_of(addresses: Sequence[Mapping[str, Any]]) -> str:
    """The state of the first address that has one and is in the US or names no country, business addresses first."""
    american = [
        " ".join(address["state"].split())
        for address in sorted(addresses, key=lambda address: address.get("label") != "business")
        if (address.get("state") or "").strip() and (address.get("country") or "US") == "US"
    ]
    if not american or american[0].casefold() == UNKNOWN.casefold():
        return ""
    return state_name(american[0]) or american[0]


def _revenue_of(value: object) -> Decimal | None:
    """An amount without the error of binary fractions; None where there is none that can be read."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        revenue = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return revenue if revenue.is_finite() else None
