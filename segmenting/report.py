"""What is told of a segment beside its figures: where they come from, and what they leave out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any, Literal

import pandas as pd

from close.fields import CREATED, STATE, STATUS, encodable
from close_client import Account, Json
from segmentation import (
    KINDS,
    Kind,
    Reading,
    SegmentedLead,
    kind_of,
    name_of,
    summarize,
    summarize_all,
    titles_of,
    top_leads,
)
from segmenting.filters import Question
from segmenting.plan import MissingRevenue, Segment
from segmenting.unseen import Found

MoneyStyle = Literal["plain", "usd"]
ALL = "All groups"
MOST_NAMED = 3  # leads in one warning
MOST_AWAITED_NAMED = 10
MISSING: Mapping[MissingRevenue, str] = {
    "skip": "leads without it are counted, but take no part in its figures",
    "zero": "leads without it have 0 in its figures",
}


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a table came about: whose leads, which, read when and by how many requests."""

    account: Account
    segment: Segment
    leads_read: int
    requests: int
    made_at: datetime
    version: str

    def as_json(self) -> Json:
        """What a program is told."""
        segment, question = self.segment, self.segment.question
        return {
            "organization": {"id": self.account.organization_id, "name": self.account.organization_name},
            "currency": self.account.currency,
            **segment.span.as_json(),
            "previous": segment.previous.as_json() if segment.previous else None,
            "date_field": question.dates.title,
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
        """The same for people, by label."""
        segment, question = self.segment, self.segment.question
        in_utc = ", in UTC" if question.dates.kind == "datetime" else ""
        texts = {
            "Organisation": f"{self.account.organization_name} ({self.account.organization_id})",
            "Leads": f"{question.dates.title} from {segment.span}, both days included{in_utc}",
            "Filters": "; ".join(each.words for each in question.filters),
            "Compared with": str(segment.previous or ""),
            "Groups": ", then ".join(level.title for level in segment.levels),
            "Revenue": f"{segment.revenue.title}, in {self.account.currency}; {MISSING[segment.missing_revenue]}",
            "Leads read": f"{self.leads_read:,}{' of both spans' if segment.previous else ''}",
            "Requests to Close": f"{self.requests:,}",
            "Made at": f"{self.made_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
            "Made by": f"close-lead-pipeline {self.version}",
            "Query": json.dumps(question.query, ensure_ascii=False),
        }
        return {label: encodable(text) for label, text in texts.items() if text}


@dataclass(frozen=True, slots=True)
class Report:
    """A table with all that is told of it: titles, what was not counted, and how it was made, as labels and texts.

    `total` has the figures of all groups together by column, or is empty.
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
        """The columns that name the groups: those before the figures."""
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
    """What a segment came to: the groups, the best leads of each where they were asked for, and what was counted."""

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
        return f"{_leads(self.counts['leads'])} from {asked_for}, {_without(self.counts, segment)}"

    def as_json(self) -> Json:
        """What a program is told."""
        return {
            "rows": self.groups.records(),
            "total": self.groups.total,
            **self.counts,
            **({"top": self.top.records()} if self.top else {}),
            "requests": self.provenance.requests,
            "provenance": self.provenance.as_json(),
        }


def report_on(
    reading: Reading,
    provenance: Provenance,
    found: Found,
    *,
    stats: bool = False,
    top: int | None = None,
    money: MoneyStyle = "plain",
) -> Findings:
    """What a segment came to, of the leads as they were read, and of what Close does not show as it is."""
    segment = provenance.segment
    counts = counts_of(reading, segment, found)
    by = " and ".join(level.title for level in segment.levels)
    subtitle = _subtitle(counts, segment)
    previous = reading.earlier if segment.previous else None
    groups = Report(
        title=f"Leads by {by}",
        subtitle=subtitle,
        table=summarize(
            reading.leads, segment.levels, stats=stats, missing_revenue=segment.missing_revenue, previous=previous
        ),
        total=summarize_all(reading.leads, stats=stats, missing_revenue=segment.missing_revenue, previous=previous),
        warnings=warnings_of(reading, segment, found),
        provenance={"Counted": subtitle, **provenance.as_texts()},
        money=money,
    )
    if not top:
        return Findings(groups, None, counts, provenance)
    best = top_leads(reading.leads, segment.levels, top)
    title = f"The leads with most revenue by {by}"
    return Findings(groups, replace(groups, title=title, table=best, total={}), counts, provenance)


def counts_of(reading: Reading, segment: Segment, found: Found) -> Json:
    """How many leads count, and how many do not or not in full, by reason."""
    counts = {
        **_counts(reading.leads, segment),
        "without_date": found.without_date if segment.question.is_exact else None,
        "unreadable_date": len(reading.undated),
        "no_longer_asked_for": len(reading.no_longer_asked_for),
        "deleted": len(found.deleted),
        "not_shown_yet": len(found.not_shown_yet),
    }
    return {**counts, "previous": _counts(reading.earlier, segment)} if segment.previous else counts


def _counts(leads: Sequence[SegmentedLead], segment: Segment) -> Json:
    return {
        "leads": len(leads),
        "without_revenue": sum(lead.revenue is None for lead in leads),
        "unreadable_revenue": sum(lead.is_unreadable for lead in leads),
        "without_state": sum(not lead.has_state for lead in leads),
        "without_group": {
            title: sum(not lead.groups[place] for lead in leads)
            for place, title in enumerate(titles_of(segment.levels))
        },
    }


def _subtitle(counts: Json, segment: Segment) -> str:
    """Which leads they are and how many: `Company Founded 2000-01-01 to 2005-12-31: 9 leads, 2 without revenue`."""
    filters = [each.words for each in segment.question.filters]
    asked_for = ", ".join([f"{segment.question.dates.title} {segment.span}", *filters])
    return f"{asked_for}: {_leads(counts['leads'])}, {_without(counts, segment)}"


def _without(counts: Json, segment: Segment) -> str:
    """How many lack what: `2 without revenue, 1 without a state`. No lead is without a status or a creation date."""
    missing = {"revenue": counts["without_revenue"]}
    for level, (title, number) in zip(segment.levels, counts["without_group"].items(), strict=True):
        if level not in (STATUS, CREATED):
            missing["a state" if level == STATE else title] = number
    return ", ".join(f"{number:,} without {what}" for what, number in missing.items())


def warnings_of(reading: Reading, segment: Segment, found: Found) -> tuple[str, ...]:
    """What was not counted, or not in full, a sentence for each reason, with names so that it can be mended."""
    unreadable = [lead.name for lead in [*reading.leads, *reading.earlier] if lead.is_unreadable]
    dates, revenue = segment.question.dates.title, segment.revenue.title
    deleted = [name_of(lead) for lead in found.deleted]
    told = [
        (unreadable, f"whose {revenue} is no amount took no part in totals and medians"),
        (reading.undated, f"whose {dates} is no date {_was(reading.undated)} left out"),
        (
            reading.no_longer_asked_for,
            f"that Close listed {_was(reading.no_longer_asked_for)} left out, for the values that came with "
            f"{_them(reading.no_longer_asked_for)} are not those that were asked for",
        ),
        (deleted, f"that an undo deleted {_was(deleted)} left out, though Close's search still lists {_them(deleted)}"),
    ]
    warnings = [f"{_leads(len(names))} {words}: {named(names)}" for names, words in told if names]
    if found.without_date:
        warnings.append(_undated_words(found.without_date, segment.question))
    if found.not_shown_yet:
        warnings.append(_missing_words([name_of(lead) for lead in found.not_shown_yet], segment))
    if not reading.leads and not segment.question.is_exact:
        warnings.append(
            f"no lead has both a {dates} in the range and what --where asks for, as the whole value of its field"
        )
    return (*warnings, *_alike_words([*reading.leads, *reading.earlier], segment))


def _undated_words(number: int, question: Question) -> str:
    more, have, lie = ("1 more lead", "has", "lies") if number == 1 else (f"{number:,} more leads", "have", "lie")
    which = more if question.is_exact else f"{more} that may fit"
    return f"{which} {have} no {question.dates.title}, and so {lie} in no range"


def _missing_words(names: Sequence[str], segment: Segment) -> str:
    is_sure = all(each.is_testable for each in segment.question.filters)
    missing = ("is" if len(names) == 1 else "are") if is_sure else "may be"
    return (
        f"{_leads(len(names))} that {_was(names)} imported just now {missing} missing here, for Close's search does "
        f"not show {_them(names)} yet: {named(names, MOST_AWAITED_NAMED)}"
    )


def _alike_words(leads: Sequence[SegmentedLead], segment: Segment) -> list[str]:
    """A sentence for each level at which groups differ by letter case alone, and were perhaps meant to be one."""
    sentences = []
    for place, level in enumerate(segment.levels):
        spellings: dict[str, set[str]] = {}
        for group in {lead.groups[place] for lead in leads}:
            spellings.setdefault(group.casefold(), set()).add(group)
        alike = [" and ".join(sorted(each)) for each in spellings.values() if len(each) > 1]
        if alike:
            sentences.append(
                f"groups by {level.title} that differ in letter case alone are apart: {named(sorted(alike))}"
            )
    return sentences


def named(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Some names in words: `Acme, Beta, Gamma and 5 more`."""
    rest = len(names) - most
    shown = ", ".join(" ".join(name.split()) or "(no name)" for name in names[:most])
    return f"{shown} and {rest:,} more" if rest > 0 else shown


def _leads(number: int) -> str:
    return "1 lead" if number == 1 else f"{number:,} leads"


def _was(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 else "were"


def _them(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"
