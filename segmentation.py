"""Sum up leads by group. Leads in, tables out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from statistics import median, quantiles
from typing import Any, Literal

import pandas as pd

from cells.phones import US_DOLLAR, Currency, InvalidValue, parse_number, unclear_marks
from close.fields import CUSTOM, STATE, UNKNOWN, LeadField, day_of, encodable, number_of, texts_in
from close_client import Json, lead_link
from segmenting.plan import MissingRevenue, Segment

LEADS = "Total number of leads"
TOP_LEAD = "The lead with most revenue"
TOTAL = "Total revenue"
MEDIAN = "Median revenue"
COLUMNS = [LEADS, TOP_LEAD, TOTAL, MEDIAN]  # after those of the group

MEAN = "Mean revenue"
LOWEST = "Lowest revenue"
LOWER_QUARTILE = "Lower quartile of revenue"
UPPER_QUARTILE = "Upper quartile of revenue"
HIGHEST = "Highest revenue"
SHARE = "Share of total revenue (%)"
EARNING = "Leads with revenue"
STATS = [MEAN, LOWEST, LOWER_QUARTILE, UPPER_QUARTILE, HIGHEST, SHARE, EARNING]

PREVIOUS, CHANGE = "Previous: ", "Change: "
COMPARED = (LEADS, TOTAL, MEDIAN)
COMPARISON = [f"{prefix}{column}" for column in COMPARED for prefix in (PREVIOUS, CHANGE)]

RANK, LEAD, REVENUE, LINK = "Rank", "Lead", "Revenue", "Link"
TOP_COLUMNS = [RANK, LEAD, REVENUE, LINK]  # after those of the group

Kind = Literal["text", "count", "money", "percent", "link"]
KINDS: Mapping[str, Kind] = {
    **dict.fromkeys((LEADS, EARNING, RANK), "count"),
    **dict.fromkeys((TOTAL, MEDIAN, MEAN, LOWEST, LOWER_QUARTILE, UPPER_QUARTILE, HIGHEST, REVENUE), "money"),
    **{TOP_LEAD: "text", LEAD: "text", SHARE: "percent", LINK: "link"},
}

SEPARATOR = "; "  # between the values of one lead in a field that may hold several
WIDE = Context(prec=400)  # digits of a sum: the largest number that JSON carries has 309 before its point


def kind_of(column: str) -> Kind:
    """What the cells of a column are, None in any of them aside."""
    return KINDS.get(_figure(column), "text")


def _figure(column: str) -> str:
    return column.removeprefix(PREVIOUS).removeprefix(CHANGE)


@dataclass(frozen=True, slots=True)
class SegmentedLead:
    """What a segment needs of a lead: its group at each level ("" where it has none) and its revenue, None without.

    `is_unreadable` says that there is a revenue that can't be read.
    """

    lead_id: str
    name: str
    link: str
    groups: tuple[str, ...]
    revenue: Decimal | None
    is_unreadable: bool = False
    has_state: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """The leads of the span, those of the one before it, and the names of leads that do not count.

    These are the ones whose date can't be read, and the ones that are no longer asked for.
    """

    leads: list[SegmentedLead]
    earlier: list[SegmentedLead]
    undated: list[str]
    no_longer_asked_for: list[str]


def take_apart(leads: Iterable[Json], segment: Segment, currency: Currency = US_DOLLAR) -> Reading:
    """What a segment needs of leads as Close shows them; its index may show some that are no longer asked for."""
    question, undated, outdated = segment.question, [], []
    spans: dict[bool, list[Json]] = {True: [], False: []}
    for lead in leads:
        day = day_of(lead.get(question.dates.key))
        if question.is_outdated(lead):
            outdated.append(name_of(lead))
        elif not question.admits(lead):
            continue
        elif day is None:
            undated.append(name_of(lead))
        else:
            spans[day >= segment.span.first].append(lead)
    now, earlier = (_segmented_all(spans[is_now], segment, currency) for is_now in (True, False))
    return Reading(now, earlier, undated, outdated)


def _segmented_all(leads: Sequence[Json], segment: Segment, currency: Currency) -> list[SegmentedLead]:
    """The leads of one span, whose revenues are read as one column: each may show what marks the others mean."""
    texts = {revenue for lead in leads if isinstance(revenue := lead.get(segment.revenue.key), str)}
    unclear = unclear_marks(texts)
    return [_segmented(lead, segment, currency, unclear) for lead in leads]


def _segmented(lead: Json, segment: Segment, currency: Currency, unclear: str) -> SegmentedLead:
    stored = lead.get(segment.revenue.key)
    amount = _amount(stored, currency, unclear)
    return SegmentedLead(
        lead_id=lead["id"],
        name=name_of(lead),
        link=lead_link(lead),
        groups=tuple(_group(lead, level) for level in segment.levels),
        revenue=amount,
        is_unreadable=amount is None and stored not in (None, []) and bool(str(stored).strip()),
        has_state=bool(_group(lead, STATE)),
    )


def name_of(lead: Json) -> str:
    """What people call a lead; its id where it has no name."""
    return encodable(str(lead.get("name") or lead.get("display_name") or lead["id"]))


def _group(lead: Json, level: LeadField) -> str:
    group = SEPARATOR.join(sorted(texts_in(lead, level), key=lambda text: (_size(text, level), text)))
    return "" if group.casefold() == UNKNOWN.casefold() else group


def _amount(stored: object, currency: Currency, unclear: str) -> Decimal | None:
    """A revenue as a number; a text is read as an import reads it, with the marks that are unclear in its column."""
    if not isinstance(stored, str):
        return number_of(stored)
    try:
        return number_of(parse_number(stored, currency, unclear))
    except InvalidValue:
        return None


# Tables --------------------------------------------------------------------------------------------------------------


def summarize(
    leads: Iterable[SegmentedLead],
    levels: Sequence[LeadField],
    *,
    stats: bool = False,
    missing_revenue: MissingRevenue = "skip",
    previous: Iterable[SegmentedLead] | None = None,
) -> pd.DataFrame:
    """A row per group in the order of the names, at each level leads without one last, as `Unknown`.

    Columns: one per level with its title, COLUMNS, STATS where asked for, COMPARISON with `previous` leads. Cells are
    of the kinds that `kind_of` says: text, int, and Decimal with two places, or None where no lead has revenue.
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
    """The figures of all leads together, by the same columns as a row per group has them."""
    together = summarize(
        [replace(lead, groups=()) for lead in leads],
        (),
        stats=stats,
        missing_revenue=missing_revenue,
        previous=None if previous is None else [replace(lead, groups=()) for lead in previous],
    )
    return dict(zip(together.columns, together.iloc[0] if len(together) else [], strict=bool(len(together))))


def top_leads(leads: Iterable[SegmentedLead], levels: Sequence[LeadField], number: int) -> pd.DataFrame:
    """The leads with most revenue of each group, best first, so many at most; a tie goes by name.

    Columns: one per level with its title, then TOP_COLUMNS.
    """
    grouped = _by_group(leads)
    rows = [
        [*_named(group), rank, lead.name, _cell(lead.revenue), lead.link]
        for group in sorted(grouped, key=lambda group: _order(group, levels))
        for rank, lead in enumerate(_ranked(grouped[group])[:number], start=1)
    ]
    return pd.DataFrame(rows, columns=[*titles_of(levels), *TOP_COLUMNS], dtype=object)


def titles_of(levels: Sequence[LeadField]) -> list[str]:
    """The columns that name the groups. A custom field that is called like another column comes with its id."""
    titles = [level.title for level in levels]
    return [
        f"{title} ({level.key.removeprefix(CUSTOM)})"
        if level.key.startswith(CUSTOM) and (_figure(title) in KINDS or titles.count(title) > 1)
        else title
        for title, level in zip(titles, levels, strict=True)
    ]


def _by_group(leads: Iterable[SegmentedLead]) -> dict[tuple[str, ...], list[SegmentedLead]]:
    groups: dict[tuple[str, ...], list[SegmentedLead]] = {}
    for lead in leads:
        groups.setdefault(lead.groups, []).append(lead)
    return groups


def _order(group: tuple[str, ...], levels: Sequence[LeadField]) -> list[tuple[bool, Decimal, str, str]]:
    """What groups are sorted by, level by level: numbers by size, all else by name, what is unknown last."""
    return [
        (not name, _size(name.partition(SEPARATOR)[0], level), name.casefold(), name)
        for name, level in zip(group, levels, strict=True)
    ]


def _size(text: str, level: LeadField) -> Decimal:
    """A number of a level of numbers; nothing for all others."""
    return (number_of(text) if level.kind == "number" else None) or Decimal()


def _named(group: tuple[str, ...]) -> list[str]:
    return [name or UNKNOWN for name in group]


def _ranked(leads: Iterable[SegmentedLead]) -> list[SegmentedLead]:
    """The leads with revenue, the most first; equal ones by name, then by id, so that the order is always the same."""
    earning = [
        (lead.revenue.copy_negate(), lead.name, lead.lead_id, lead) for lead in leads if lead.revenue is not None
    ]
    return [lead for *_, lead in sorted(earning, key=lambda each: each[:3])]


def _figures(leads: Sequence[SegmentedLead], missing_revenue: MissingRevenue) -> dict[str, Any]:
    """The figures of one group by column, exact; None where there is nothing to tell."""
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
    """Add what was before and the change since. A group without any lead has a total of nothing, not an unknown one."""
    for column in COMPARED:
        now, then = (Decimal() if column == TOTAL and not each[LEADS] else each[column] for each in (figures, before))
        figures |= {column: now, f"{PREVIOUS}{column}": then}
        figures[f"{CHANGE}{column}"] = None if now is None or then is None else now - then


def _cell(figure: Any) -> Any:
    """A figure as it is shown: money and shares with two places, half up."""
    return WIDE.plus(figure.quantize(Decimal("0.01"), ROUND_HALF_UP, WIDE)) if isinstance(figure, Decimal) else figure
