"""The columns of a segment's tables: their titles, and what kind of cell each has."""

from collections.abc import Mapping, Sequence
from decimal import Context
from typing import Literal

from cells.lead_fields import LeadField

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
WIDE = Context(prec=400)  # digits of a sum: the largest number that JSON carries has 309 before its point


def kind_of(column: str) -> Kind:
    """The kind of a column's cells; any of them may also be None."""
    return KINDS.get(_figure(column), "text")


def _figure(column: str) -> str:
    return column.removeprefix(PREVIOUS).removeprefix(CHANGE)


def titles_of(levels: Sequence[LeadField]) -> list[str]:
    """The columns that name the groups. A custom field with the name of another column also shows its id."""
    titles = [level.title for level in levels]
    return [
        f"{title} ({level.id})" if level.is_custom and (_figure(title) in KINDS or titles.count(title) > 1) else title
        for title, level in zip(titles, levels, strict=True)
    ]
