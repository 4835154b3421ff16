"""What is told of a segment beside its figures: where they come from, and what they leave out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

import pandas as pd

from close_client import Account, Json
from lead_fields import STATE, STATUS
from segmentation import Reading, Segment, SegmentedLead

MoneyStyle = Literal["plain", "usd"]
MOST_NAMED = 3  # leads in one warning
MOST_AWAITED_NAMED = 10


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a table came about: whose leads, which, read when and by how many requests."""

    account: Account
    segment: Segment
    first: date
    last: date
    previous: tuple[date, date] | None
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
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "previous": [day.isoformat() for day in self.previous] if self.previous else None,
            "date_field": question.dates.title,
            "revenue_field": segment.revenue.title,
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
        filters = "; ".join(each.words for each in question.filters)
        texts = {
            "Organisation": f"{self.account.organization_name} ({self.account.organization_id})",
            "Leads": f"{question.dates.title} from {self.first} to {self.last}, both days included, in UTC",
            "Filters": filters,
            "Compared with": " to ".join(map(str, self.previous)) if self.previous else "",
            "Groups": ", then ".join(level.title for level in segment.levels),
            "Revenue": f"{segment.revenue.title}, in {self.account.currency}",
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


def summary_of(counts: Mapping[str, Any], first: date, last: date) -> str:
    """What was counted in one line: `9 leads from 2000-01-01 to 2005-12-31, 2 without revenue, 1 without a state`."""
    without = [f"{number} without {title}" for title, number in counts["without_group"].items()]
    return ", ".join(
        [f"{_leads(counts['leads'])} from {first} to {last}", f"{counts['without_revenue']} without revenue", *without]
    )


def subtitle_of(provenance: Provenance, leads: int) -> str:
    """Which leads they are, and how many: `Company Founded 2000-01-01 to 2005-12-31, Industry is Finance: 9 leads`."""
    question = provenance.segment.question
    filters = [each.words for each in question.filters]
    asked_for = ", ".join([f"{question.dates.title} {provenance.first} to {provenance.last}", *filters])
    return f"{asked_for}: {_leads(leads)}"


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
        names = [lead.get("display_name") or lead["id"] for lead in unseen]
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
