"""What is told of a segment beside its figures: where they come from, and what they leave out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

import pandas as pd

from close_client import Account, Json
from lead_fields import STATE, STATUS
from segmentation import MissingRevenue, Reading, Segment, SegmentedLead, summarize, top_leads

MoneyStyle = Literal["plain", "usd"]
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
        texts = {
            "Organisation": f"{self.account.organization_name} ({self.account.organization_id})",
            "Leads": f"{question.dates.title} from {segment.span}, both days included, in UTC",
            "Filters": "; ".join(each.words for each in question.filters),
            "Compared with": str(segment.previous or ""),
            "Groups": ", then ".join(level.title for level in segment.levels),
            "Revenue": f"{segment.revenue.title}, in {self.account.currency}; {MISSING[segment.missing_revenue]}",
            "Leads read": f"{self.leads_read:,}",
            "Requests to Close": f"{self.requests:,}",
            "Made at": f"{self.made_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
            "Made by": f"close-lead-pipeline {self.version}",
            "Query": json.dumps(question.query, ensure_ascii=False),
        }
        return {label: text for label, text in texts.items() if text}


@dataclass(frozen=True, slots=True)
class Report:
    """A table with all that is told of it: titles, what was not counted, and how it was made, as labels and texts."""

    title: str
    subtitle: str
    table: pd.DataFrame
    warnings: tuple[str, ...]
    provenance: Mapping[str, str]
    money: MoneyStyle = "plain"


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
        return f"{_leads(self.counts['leads'])} from {self.provenance.segment.span}, {_without(self.counts)}"

    def as_json(self) -> Json:
        """What a program is told."""
        return {
            "rows": self.groups.table.to_dict("records"),
            **self.counts,
            **({"top": self.top.table.to_dict("records")} if self.top else {}),
            "requests": self.provenance.requests,
            "provenance": self.provenance.as_json(),
        }


def report_on(
    reading: Reading,
    provenance: Provenance,
    unseen: Sequence[Json],
    *,
    stats: bool = False,
    top: int | None = None,
    money: MoneyStyle = "plain",
) -> Findings:
    """What a segment came to, of the leads as they were read, and those of ours that search does not show yet."""
    segment = provenance.segment
    counts = counts_of(reading, segment, unseen)
    by = " and ".join(level.title for level in segment.levels)
    groups = Report(
        title=f"Leads by {by}",
        subtitle=_subtitle(counts, segment),
        table=summarize(
            reading.leads,
            segment.levels,
            stats=stats,
            missing_revenue=segment.missing_revenue,
            previous=reading.earlier if segment.previous else None,
        ),
        warnings=warnings_of(reading, segment, unseen),
        provenance=provenance.as_texts(),
        money=money,
    )
    if not top:
        return Findings(groups, None, counts, provenance)
    best = top_leads(reading.leads, segment.levels, top)
    return Findings(
        groups, replace(groups, title=f"The leads with most revenue by {by}", table=best), counts, provenance
    )


def counts_of(reading: Reading, segment: Segment, unseen: Sequence[Json]) -> Json:
    """How many leads count, and how many do not or not in full, by reason."""
    leads = reading.leads
    return {
        "leads": len(leads),
        "without_revenue": sum(lead.revenue is None for lead in leads),
        "without_state": sum(not lead.has_state for lead in leads),
        "without_group": _without_group(leads, segment),
        "unreadable_revenue": sum(lead.is_unreadable for lead in leads),
        "unreadable_date": len(reading.undated),
        "no_longer_asked_for": len(reading.no_longer_asked_for),
        "not_shown_yet": len(unseen),
    }


def _subtitle(counts: Json, segment: Segment) -> str:
    """Which leads they are and how many: `Company Founded 2000-01-01 to 2005-12-31: 9 leads, 2 without revenue`."""
    filters = [each.words for each in segment.question.filters]
    asked_for = ", ".join([f"{segment.question.dates.title} {segment.span}", *filters])
    return f"{asked_for}: {_leads(counts['leads'])}, {_without(counts)}"


def _without(counts: Json) -> str:
    missing = {"revenue": counts["without_revenue"], **counts["without_group"]}
    return ", ".join(f"{number:,} without {what}" for what, number in missing.items())


def warnings_of(reading: Reading, segment: Segment, unseen: Sequence[Json]) -> tuple[str, ...]:
    """What was not counted, or not in full, a sentence for each reason, with names so that it can be mended."""
    unreadable = [lead.name for lead in reading.leads if lead.is_unreadable]
    dates, revenue = segment.question.dates.title, segment.revenue.title
    told = [
        (unreadable, f"with a {revenue} that is no amount, which took no part in totals and medians"),
        (reading.undated, f"with a {dates} that is no date, which were left out"),
        (reading.no_longer_asked_for, "that Close listed though they are not asked for, or no longer, were left out"),
    ]
    warnings = [f"{_leads(len(names))} {words}: {named(names)}" for names, words in told if names]
    if unseen:
        is_sure = all(each.is_testable for each in segment.question.filters)
        names = [lead.get("name") or lead.get("display_name") or lead["id"] for lead in unseen]
        warnings.append(
            f"{_leads(len(unseen))} that {'was' if len(unseen) == 1 else 'were'} imported just now and "
            f"{'are' if is_sure else 'may be'} missing here, for Close's search does not show them yet: "
            f"{named(names, MOST_AWAITED_NAMED)}"
        )
    return tuple(warnings)


def named(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Some names in words: `Acme, Beta, Gamma and 5 more`."""
    rest = len(names) - most
    return ", ".join(name or "(no name)" for name in names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _without_group(leads: Sequence[SegmentedLead], segment: Segment) -> dict[str, int]:
    """For each level, as it is called in words, how many leads have nothing there; every lead has a status."""
    return {
        "a state" if level == STATE else level.title: sum(not lead.groups[place] for lead in leads)
        for place, level in enumerate(segment.levels)
        if level != STATUS
    }


def _leads(number: int) -> str:
    return "1 lead" if number == 1 else f"{number:,} leads"
