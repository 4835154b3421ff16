"""What a segment needs from a lead: its groups and its revenue."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cells.decimal_marks import mark_of
from cells.lead_fields import LeadField
from cells.numbers import US_DOLLAR, Currency, DecimalMark, parse_number, says_of_mark
from cells.safe_text import encodable
from cells.texts import InvalidValue, is_same_name
from cells.wrapped import unseen_off, unwrapped
from close.contents import Json, lead_link
from close.fields import STATE, UNKNOWN, day_of, number_of, texts_in
from segmenting.plan import Segment

SEPARATOR = "; "  # between the values of one lead in a field that may hold several


@dataclass(frozen=True, slots=True)
class SegmentedLead:
    """What a segment needs from a lead: its group at each level ("" for no group) and its revenue (None for none).

    `is_unreadable` is True if the lead has a revenue that can't be read; `state` is as in a group of states.
    """

    lead_id: str
    name: str
    link: str
    groups: tuple[str, ...]
    revenue: Decimal | None
    is_unreadable: bool = False
    state: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """The leads of the span, those of the span before it, and the names of leads that do not count.

    The latter are the leads whose date can't be read and the leads that no longer match.
    """

    leads: list[SegmentedLead]
    earlier: list[SegmentedLead]
    undated: list[str]
    no_longer_asked_for: list[str]


def take_apart(leads: Iterable[Json], segment: Segment, currency: Currency = US_DOLLAR) -> Reading:
    """What a segment needs from leads as Close shows them; its search may list some that no longer match."""
    question, undated, outdated = segment.question, [], []
    spans: dict[bool, list[Json]] = {True: [], False: []}
    for lead in leads:
        day = day_of(lead.get(question.dates.key), question.dates.zone)
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
    """The leads of one span. Revenues are read as one column: each may show what the marks in the others mean."""
    texts = Counter(revenue for lead in leads if isinstance(revenue := lead.get(segment.revenue.key), str))
    mark = mark_of(segment.revenue.name, texts)
    return [_segmented(lead, segment, currency, mark) for lead in leads]


def _segmented(lead: Json, segment: Segment, currency: Currency, mark: DecimalMark | None) -> SegmentedLead:
    stored = lead.get(segment.revenue.key)
    amount = _amount(stored, currency, mark)
    return SegmentedLead(
        lead_id=lead["id"],
        name=name_of(lead),
        link=lead_link(lead),
        groups=tuple(_group(lead, level) for level in segment.levels),
        revenue=amount,
        is_unreadable=amount is None and stored not in (None, []) and bool(str(stored).strip()),
        state=_group(lead, STATE),
    )


def name_of(lead: Json) -> str:
    """The name of a lead; its id if it has no name."""
    names = (str(lead.get(key) or "") for key in ("name", "display_name"))
    return encodable(next((name for name in names if unseen_off(name).strip()), str(lead["id"])))


def _group(lead: Json, level: LeadField) -> str:
    texts = dict.fromkeys(sorted(texts_in(lead, level), key=lambda text: (size_of(text, level), text)))
    group = SEPARATOR.join(texts)
    return "" if is_same_name(group, UNKNOWN) else group


def size_of(text: str, level: LeadField) -> Decimal:
    """The number that a text stands for if the level is one of numbers; 0 otherwise."""
    return (number_of(text) if level.kind == "number" else None) or Decimal()


def _amount(stored: object, currency: Currency, mark: DecimalMark | None) -> Decimal | None:
    """A revenue as a number; a text is read as an import reads it, given the decimal mark of its column.

    Without one, a number whose only mark may come before decimals or between thousands can't be read.
    """
    if not isinstance(stored, str):
        return number_of(stored)
    text = unwrapped(stored)
    if mark is None and (says_of_mark(text) or "").startswith("either"):
        return None
    try:
        return number_of(parse_number(text, currency, mark or "dot"))
    except InvalidValue:
        return None
