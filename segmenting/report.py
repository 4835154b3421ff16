"""A report on a segment: its tables and everything that is said about them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any, Literal

import pandas as pd

from cells.safe_text import encodable
from close.contents import Json
from close_client import Account
from segmenting.columns import KINDS, Kind, kind_of
from segmenting.not_counted import leads_words, without_words
from segmenting.plan import MissingRevenue, Segment

MoneyStyle = Literal["plain", "usd"]
ALL = "All groups"
MISSING: Mapping[MissingRevenue, str] = {
    "skip": "leads without revenue are counted, but left out of the revenue figures",
    "zero": "leads without revenue count as 0 in the revenue figures",
}


class OtherCurrency(Exception):
    """Amounts are wanted in dollars, but are in another currency, which is the message."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """How a segment is presented: with `stats` or not, how many `top` leads per group, the money style, our version."""

    stats: bool = False
    top: int | None = None
    money: MoneyStyle = "plain"
    version: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a table came about: whose leads, which ones, and when and with how many requests they were read."""

    account: Account
    segment: Segment
    leads_read: int
    requests: int
    made_at: datetime
    version: str

    def as_json(self) -> Json:
        """The same as JSON, for programs."""
        segment, question = self.segment, self.segment.question
        return {
            "organization": {"id": self.account.organization_id, "name": self.account.organization_name},
            "currency": self.account.currency,
            **segment.span.as_json(),
            "previous": segment.previous.as_json() if segment.previous else None,
            "date_field": question.dates.title,
            "timezone": str(question.dates.zone),
            "revenue_field": segment.revenue.title,
            "missing_revenue": segment.missing_revenue,
            "by": [level.title for level in segment.levels],
            "filters": [each.words for each in question.filters],
            "query": question.query,
            "leads_read": self.leads_read,
            "requests": self.requests,
            "made_at": self.made_at.astimezone(UTC).isoformat(timespec="seconds"),
            "version": self.version,
        }

    def as_texts(self) -> dict[str, str]:
        """The same as texts by label, for people."""
        segment, question = self.segment, self.segment.question
        in_zone = f", in {question.dates.zone}" if segment.tells_days_of_moments else ""
        texts = {
            "Organization": f"{self.account.organization_name} ({self.account.organization_id})",
            "Leads": f"{question.dates.title} from {segment.span}, both days included{in_zone}",
            "Filters": "; ".join(each.words for each in question.filters),
            "Compared with": str(segment.previous or ""),
            "Grouped by": ", then ".join(level.title for level in segment.levels),
            "Revenue": f"{segment.revenue.title}, in {self.account.currency}; {MISSING[segment.missing_revenue]}",
            "Leads read": f"{self.leads_read:,}{' in both periods' if segment.previous else ''}",
            "Requests to Close": f"{self.requests:,}",
            "Created at": f"{self.made_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
            "Created by": f"close-lead-pipeline {self.version}",
            "Query": json.dumps(question.query, ensure_ascii=False),
        }
        return {label: encodable(text) for label, text in texts.items() if text}


@dataclass(frozen=True, slots=True)
class Report:
    """A table with everything that is said about it: titles, what was left out, and how it was made.

    `provenance` has texts by label. `total` has the figures of all groups together by column, or is empty.
    """

    title: str
    subtitle: str
    table: pd.DataFrame
    warnings: tuple[str, ...]
    provenance: Mapping[str, str]
    money: MoneyStyle = "plain"
    total: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The columns that name the groups; they come before the figures."""
        return list(takewhile(lambda column: column not in KINDS, self.table.columns))

    def records(self) -> list[Json]:
        """The rows as dicts by column."""
        return [{str(column): cell for column, cell in row.items()} for row in self.table.to_dict("records")]

    def total_records(self) -> list[Json]:
        """The same for all groups together: one, or none."""
        return [dict.fromkeys(self.names, "") | {self.names[0]: ALL, **self.total}] if self.total else []

    def rows(self) -> list[list[tuple[Any, Kind]]]:
        """The cells of each row, each with its kind."""
        return self._cells(self.records())

    def total_rows(self) -> list[list[tuple[Any, Kind]]]:
        """The same for all groups together: one, or none."""
        return self._cells(self.total_records())

    def _cells(self, records: Sequence[Json]) -> list[list[tuple[Any, Kind]]]:
        kinds = {column: kind_of(column) for column in self.table.columns}
        return [[(record[column], kind) for column, kind in kinds.items()] for record in records]


@dataclass(frozen=True, slots=True)
class Findings:
    """What a segment came to: the groups, the best leads of each if asked for, and how many leads were counted."""

    groups: Report
    top: Report | None
    counts: Json
    provenance: Provenance

    @property
    def summary(self) -> str:
        """In one line: `9 leads from 2000-01-01 to 2005-12-31, 2 without revenue, 1 without a state`."""
        segment = self.provenance.segment
        filters = "; ".join(each.words for each in segment.question.filters)
        asked_for = f"{segment.span} ({filters})" if filters else str(segment.span)
        return f"{leads_words(self.counts['leads'])} from {asked_for}, {without_words(self.counts, segment)}"

    def as_json(self) -> Json:
        """The same as JSON, for programs."""
        return {
            "rows": self.groups.records(),
            "total": self.groups.total,
            **self.counts,
            **({"top": self.top.records()} if self.top else {}),
            "requests": self.provenance.requests,
            "provenance": self.provenance.as_json(),
        }
