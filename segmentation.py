"""Sum up leads by group. Leads in, tables out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal, localcontext
from statistics import median, quantiles
from typing import Any

import pandas as pd

from cells.lead_fields import LeadField
from cells.numbers import Currency
from close.fields import OUTSIDE, STATE, UNKNOWN
from close_client import CloseClient
from segmenting.columns import (
    CHANGE,
    COLUMNS,
    COMPARED,
    COMPARISON,
    EARNING,
    HIGHEST,
    LEADS,
    LOWER_QUARTILE,
    LOWEST,
    MEAN,
    MEDIAN,
    PREVIOUS,
    SHARE,
    STATS,
    TOP_COLUMNS,
    TOP_LEAD,
    TOTAL,
    UPPER_QUARTILE,
    WIDE,
    titles_of,
)
from segmenting.leads import SEPARATOR, Reading, SegmentedLead, size_of, take_apart
from segmenting.not_counted import counts_of, subtitle_of, warnings_of
from segmenting.plan import MissingRevenue, Segment, SegmentRequest, plan_segment
from segmenting.report import Findings, OtherCurrency, Presentation, Provenance, Report
from segmenting.unseen import Found, Listener, OwnImports, read_segment


def segment_leads(
    close: CloseClient, request: SegmentRequest, presentation: Presentation, imports: OwnImports, listener: Listener
) -> Findings:
    """The figures of the leads asked for, as Close shows them now.

    Raises OtherCurrency and CountMismatch, and UnusableName, AmbiguousName or NoSpanBefore for the request.
    """
    account = close.account()
    if presentation.money == "usd" and account.currency != "USD":
        raise OtherCurrency(account.currency)
    segment = plan_segment(close, request)
    found = read_segment(close, account.organization_id, segment, imports, listener)
    requests, now = close.requests_made, close.now()
    provenance = Provenance(account, segment, len(found.leads), requests, now, presentation.version)
    reading = take_apart(found.leads, segment, Currency(account.currency, account.currency_symbol))
    return report_on(reading, provenance, found, presentation)


# Sum up --------------------------------------------------------------------------------------------------------------


def summarize(
    leads: Iterable[SegmentedLead],
    levels: Sequence[LeadField],
    *,
    stats: bool = False,
    missing_revenue: MissingRevenue = "skip",
    previous: Iterable[SegmentedLead] | None = None,
) -> pd.DataFrame:
    """A row per group, ordered by name; at each level, leads without a group come last as `Unknown`.

    Columns: one per level with its title, COLUMNS, STATS if asked for, and COMPARISON if there are `previous` leads.
    Cells have the kinds that `kind_of` gives: text, int, and Decimal with two places, or None if no lead has revenue.
    """
    grouped, before = _by_group(leads), _by_group(previous or ())
    groups = sorted({**grouped, **before}, key=lambda group: _order(group, levels))
    with localcontext(WIDE):
        figures = {group: _figures(grouped.get(group, []), missing_revenue) for group in groups}
        if stats:
            _add_shares(figures.values())
        if previous is not None:
            for group in groups:
                _compare(figures[group], _figures(before.get(group, []), missing_revenue))
    columns = [*COLUMNS, *(STATS if stats else []), *(COMPARISON if previous is not None else [])]
    rows = [[*_named(group), *(_cell(figures[group][column]) for column in columns)] for group in groups]
    return pd.DataFrame(rows, columns=[*titles_of(levels), *columns], dtype=object)


def summarize_all(
    leads: Iterable[SegmentedLead],
    *,
    stats: bool = False,
    missing_revenue: MissingRevenue = "skip",
    previous: Iterable[SegmentedLead] | None = None,
) -> dict[str, Any]:
    """The figures of all leads together, under the same columns as the row of a group."""
    together = summarize(
        [replace(lead, groups=()) for lead in leads],
        (),
        stats=stats,
        missing_revenue=missing_revenue,
        previous=None if previous is None else [replace(lead, groups=()) for lead in previous],
    )
    return dict(zip(together.columns, together.iloc[0] if len(together) else [], strict=bool(len(together))))


def top_leads(leads: Iterable[SegmentedLead], levels: Sequence[LeadField], number: int) -> pd.DataFrame:
    """The leads with the most revenue in each group, best first, at most `number` of them; ties are ordered by name.

    Columns: one per level with its title, then TOP_COLUMNS.
    """
    grouped = _by_group(leads)
    rows = [
        [*_named(group), rank, lead.name, _cell(lead.revenue), lead.link]
        for group in sorted(grouped, key=lambda group: _order(group, levels))
        for rank, lead in enumerate(_ranked(grouped[group])[:number], start=1)
    ]
    return pd.DataFrame(rows, columns=[*titles_of(levels), *TOP_COLUMNS], dtype=object)


def _by_group(leads: Iterable[SegmentedLead]) -> dict[tuple[str, ...], list[SegmentedLead]]:
    groups: dict[tuple[str, ...], list[SegmentedLead]] = {}
    for lead in leads:
        groups.setdefault(lead.groups, []).append(lead)
    return groups


def _order(group: tuple[str, ...], levels: Sequence[LeadField]) -> list[tuple[int, Decimal, str, str]]:
    """The sort key of a group, level by level: numbers by size, everything else by name.

    What is outside the US comes after all states, and unknown groups come last.
    """
    return [
        (_rank(name, level), size_of(name.partition(SEPARATOR)[0], level), name.casefold(), name)
        for name, level in zip(group, levels, strict=True)
    ]


def _rank(name: str, level: LeadField) -> int:
    if not name:
        return 2
    return int(level == STATE and name == OUTSIDE)


def _named(group: tuple[str, ...]) -> list[str]:
    return [name or UNKNOWN for name in group]


def _ranked(leads: Iterable[SegmentedLead]) -> list[SegmentedLead]:
    """The leads with revenue, highest first; ties by name, then by id, so that the order is always the same."""
    earning = [
        (lead.revenue.copy_negate(), lead.name, lead.lead_id, lead) for lead in leads if lead.revenue is not None
    ]
    return [lead for *_, lead in sorted(earning, key=lambda each: each[:3])]


def _figures(leads: Sequence[SegmentedLead], missing_revenue: MissingRevenue) -> dict[str, Any]:
    """The exact figures of one group by column; None where there is nothing to show."""
    ranked = _ranked(leads)
    revenues = [lead.revenue for lead in ranked if lead.revenue is not None]
    if missing_revenue == "zero":
        revenues += [Decimal()] * sum(lead.revenue is None and not lead.is_unreadable for lead in leads)
    figures: dict[str, Any] = dict.fromkeys([*COLUMNS, *STATS])
    figures |= {LEADS: len(leads), EARNING: len(ranked), TOP_LEAD: ranked[0].name if ranked else None}
    if revenues:
        lower, _, upper = quantiles(revenues, method="inclusive") if len(revenues) > 1 else revenues * 3
        figures |= {TOTAL: sum(revenues, Decimal()), MEDIAN: median(revenues), MEAN: sum(revenues) / len(revenues)}
        figures |= {LOWEST: min(revenues), LOWER_QUARTILE: lower, UPPER_QUARTILE: upper, HIGHEST: max(revenues)}
    return figures


def _add_shares(figures: Iterable[dict[str, Any]]) -> None:
    all_figures = list(figures)
    whole = sum((each[TOTAL] or Decimal() for each in all_figures), Decimal())
    for each in all_figures:
        if whole > 0 and each[TOTAL] is not None:
            each[SHARE] = each[TOTAL] * 100 / whole


def _compare(figures: dict[str, Any], before: Mapping[str, Any]) -> None:
    """Add the earlier figures and the change since. A group without leads has a total of zero, not an unknown one."""
    for column in COMPARED:
        now, then = (Decimal() if column == TOTAL and not each[LEADS] else each[column] for each in (figures, before))
        figures |= {column: now, f"{PREVIOUS}{column}": then}
        figures[f"{CHANGE}{column}"] = None if now is None or then is None else now - then


def _cell(figure: Any) -> Any:
    """A figure as it is shown: money and shares are rounded half up to two places."""
    return WIDE.plus(figure.quantize(Decimal("0.01"), ROUND_HALF_UP, WIDE)) if isinstance(figure, Decimal) else figure


# Report --------------------------------------------------------------------------------------------------------------


def report_on(reading: Reading, provenance: Provenance, found: Found, presentation: Presentation) -> Findings:
    """The findings of a segment, from the leads as they were read and from what Close's search shows wrongly."""
    segment = provenance.segment
    counts = counts_of(reading, segment, found)
    subtitle = subtitle_of(counts, segment)
    table, total = _tables(reading, segment, presentation)
    groups = Report(
        title=f"Leads by {_names_of(segment.levels)}",
        subtitle=subtitle,
        table=table,
        total=total,
        warnings=warnings_of(reading, segment, found),
        provenance={"Counted": subtitle, **provenance.as_texts()},
        money=presentation.money,
    )
    top = _top_report(groups, reading, segment, presentation.top) if presentation.top else None
    return Findings(groups, top, counts, provenance)


def _tables(reading: Reading, segment: Segment, presentation: Presentation) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The groups, and the figures of all of them together."""
    previous = reading.earlier if segment.previous else None
    stats, missing = presentation.stats, segment.missing_revenue
    return (
        summarize(reading.leads, segment.levels, stats=stats, missing_revenue=missing, previous=previous),
        summarize_all(reading.leads, stats=stats, missing_revenue=missing, previous=previous),
    )


def _top_report(groups: Report, reading: Reading, segment: Segment, number: int) -> Report:
    title = f"Leads with the most revenue by {_names_of(segment.levels)}"
    return replace(groups, title=title, table=top_leads(reading.leads, segment.levels, number), total={})


def _names_of(levels: Sequence[LeadField]) -> str:
    return " and ".join(level.title for level in levels)
