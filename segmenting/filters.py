"""Which leads are asked for: a range of dates, statuses, values and a Smart View, by the names that people know."""

import math
import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date

from cells.us_states import state_name
from close.fields import (
    CREATED,
    DATES,
    STATUS,
    TEXTS,
    UNKNOWN,
    LeadField,
    UnusableName,
    day_of,
    field_named,
    number_of,
    one_line,
    texts_in,
    there_are,
    without_prefix,
)
from close_client import (
    CloseClient,
    Json,
    all_of,
    any_of,
    has_value,
    has_words,
    is_between_days,
    is_blank,
    is_filled,
    is_in_smart_view,
    is_number,
    is_one_of,
    leads_that,
)

MOST_LETTERS = 500  # of the texts asked for in one field; Close might refuse what comes of more
PREFIX_OF_IDS = {"user": "user_", "contact": "cont_"}
SEARCHED_EXACTLY = (*DATES, "choices", "number")  # kinds of field of which Close finds just what is asked for


@dataclass(frozen=True, slots=True)
class Filter:
    """One thing that is asked of a lead: in words, as a condition for Close, and as a test of what Close shows.

    Close's search may compare texts in its own way and lag behind, so what it shows is tested again. `is_testable` is
    False where only Close can tell. `is_exact` is False where Close can't be asked for just this, but for more, or,
    with no condition, for everything.
    """

    words: str
    condition: Json | None
    admits: Callable[[Json], bool]
    fields: tuple[str, ...] = ()
    is_testable: bool = True
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """Which leads are asked for: those with a date in a range, both days included, that all filters admit."""

    dates: LeadField
    first: date
    last: date
    filters: tuple[Filter, ...] = ()

    @property
    def condition(self) -> Json:
        """The question as Close's search takes it."""
        assert self.dates.node is not None
        in_range = is_between_days(self.dates.node, self.first.isoformat(), self.last.isoformat())
        others = [each.condition for each in self.filters if each.condition]
        return all_of([in_range, *others]) if others else in_range

    @property
    def query(self) -> Json:
        """The whole query of the search, to be told."""
        return leads_that(self.condition)

    @property
    def fields(self) -> set[str]:
        """The fields of a lead that the question is about."""
        return {self.dates.key, *(key for each in self.filters for key in each.fields)}

    def admits(self, lead: Json) -> bool:
        """Whether a lead is asked for; where its date can't be read, the filters alone decide."""
        return self._may_be_in_range(lead) and all(each.admits(lead) for each in self.filters)

    @property
    def undated(self) -> Json | None:
        """What Close is asked for the leads that lack the date, or some more; None where none can lack it."""
        if self.dates == CREATED or self.dates.node is None:
            return None
        return all_of([is_blank(self.dates.node), *(each.condition for each in self.filters if each.condition)])

    @property
    def is_exact(self) -> bool:
        """Whether Close finds just what is asked for, and not some more that our own tests leave out."""
        return all(each.is_exact for each in self.filters)

    def is_outdated(self, lead: Json) -> bool:
        """Whether a lead is not asked for, though Close listed it in answer to just this question."""
        return not (self._may_be_in_range(lead) and all(each.admits(lead) for each in self.filters if each.is_exact))

    def _may_be_in_range(self, lead: Json) -> bool:
        held = lead.get(self.dates.key)
        day = day_of(held)
        return self.first <= day <= self.last if day else bool(held)


# Filters by name -----------------------------------------------------------------------------------------------------


def status_filter(close: CloseClient, labels: Sequence[str]) -> Filter:
    """The leads in one of some statuses. Raises UnusableName."""
    statuses = close.lead_statuses()
    wanted: dict[str, str] = {}
    for label in labels:
        found = {each["id"]: each["label"] for each in statuses if _is_same(each["label"], label)}
        if not found:
            known = [each["label"] for each in statuses]
            raise UnusableName(
                f"Close has no lead status {label!r}; {there_are(label, known)} Give another to --status"
            )
        wanted |= found
    assert STATUS.node is not None
    return Filter(
        words=f"Status is {' or '.join(map(one_line, dict.fromkeys(wanted.values())))}",
        condition=is_one_of(STATUS.node, list(wanted)),
        admits=lambda lead: lead.get("status_id") in wanted,
        fields=("status_id",),
    )


def smart_view_filter(close: CloseClient, name: str) -> Filter:
    """The leads that a saved search finds, which its name or its id tells. Raises UnusableName."""
    views = close.smart_views()
    fitting = (
        [view for view in views if view["id"] == name]
        or [view for view in views if view["name"].strip() == name.strip()]
        or [view for view in views if _is_same(view["name"], name)]
    )
    if not fitting:
        known = [view["name"] for view in views]
        raise UnusableName(f"Close has no Smart View {name!r}; {there_are(name, known)} Give another to --smart-view")
    if len(fitting) > 1:
        ids = " or ".join(view["id"] for view in fitting)
        raise UnusableName(f"Close has {len(fitting)} Smart Views named {name!r}; say which by its id, {ids}")
    (view,) = fitting
    if _kinds_searched(view.get("s_query")) == {"contact"}:
        raise UnusableName(f"The Smart View {name!r} is one of contacts; give one of leads to --smart-view")
    return Filter(
        words=f"in the Smart View {one_line(view['name'])}",
        condition=is_in_smart_view(view["id"]),
        admits=lambda _lead: True,
        is_testable=False,
    )


def _kinds_searched(node: object) -> set[str]:
    """The kinds of object that a saved query names, wherever in it."""
    if isinstance(node, list):
        return {kind for part in node for kind in _kinds_searched(part)}
    if not isinstance(node, dict):
        return set()
    if node.get("type") == "object_type":
        return {str(node.get("object_type"))}
    return {kind for part in node.values() for kind in _kinds_searched(part)}


def value_filters(close: CloseClient, schema: Sequence[Json], wanted: Sequence[str]) -> list[Filter]:
    """A filter for each field of texts such as `Industry=Finance`; several values of one field are alternatives.

    Nothing after the `=` asks for leads where the field is blank. Raises UnusableName and AmbiguousField.
    """
    values: dict[LeadField, list[str]] = {}
    for text in wanted:
        field, value = _field_and_value(schema, text)
        values.setdefault(field, []).append(value)
    return [
        status_filter(close, [*filter(None, asked)]) if field == STATUS and any(asked) else _value_filter(field, asked)
        for field, asked in values.items()
    ]


def _field_and_value(schema: Sequence[Json], text: str) -> tuple[LeadField, str]:
    """The field and the value that a text names. Names of fields may have equals signs in them: the longest counts."""
    parts = text.split("=")
    if len(parts) < 2:
        raise UnusableName(f"--where {text!r} has no equals sign; write it like --where 'Industry=Finance'")
    names = {field["name"].strip().casefold() for field in schema}
    splits = [("=".join(parts[:at]), "=".join(parts[at:])) for at in range(len(parts) - 1, 0, -1)]
    known = [split for split in splits if without_prefix(split[0]).casefold() in names]
    name, value = known[0] if known else splits[-1]
    return field_named(schema, name, "--where"), value.strip()


def _value_filter(field: LeadField, asked: Sequence[str]) -> Filter:
    values = [value for each in asked for value in _alternatives(field, each)]
    tests = [_test(field, value) for value in values]
    is_short = sum(map(len, values)) <= MOST_LETTERS
    conditions = [_condition(field, value) if is_short or field.kind not in TEXTS else None for value in values]
    is_searchable = all(condition is not None for condition in conditions)
    return Filter(
        words=f"{field.title} is {' or '.join(one_line(value) or 'blank' for value in asked)}",
        condition=any_of([each for each in conditions if each]) if is_searchable else None,
        admits=lambda lead: any(test(texts_in(lead, field)) for test in tests),
        fields=(field.key,),
        is_exact=is_searchable and field.kind in SEARCHED_EXACTLY,
    )


def _alternatives(field: LeadField, value: str) -> list[str]:
    """What a value that was asked for may be in a lead: `Unknown` is also the name of the group without any."""
    is_blank_too = _is_same(value, UNKNOWN)
    choices = [choice for choice in field.choices if _is_same(choice, value)] if field.kind == "choices" else [value]
    if field.kind in ("number", *DATES, *PREFIX_OF_IDS) and is_blank_too:
        return [""]
    if value and not choices and not is_blank_too:
        words = there_are(value, field.choices)
        raise UnusableName(
            f"{value!r} is no choice of the field {field.title!r} in Close; {words} Give another to --where"
        )
    return [*(choices if value else []), *([""] if is_blank_too or not value else [])]


def _test(field: LeadField, value: str) -> Callable[[Collection[str]], bool]:
    """Whether what a lead holds in a field is, or has among it, a value; letter case does not matter."""
    if not value:
        return lambda texts: not texts
    wanted = state_name(value) or value if field.kind == "state" else value
    if field.kind == "number":
        number = number_of(value)
        return lambda texts: any(number_of(text) == number for text in texts)
    return lambda texts: any(_is_same(text, wanted) for text in texts)


def _condition(field: LeadField, value: str) -> Json | None:
    """What Close is asked, which may be more than the value; None for everything.

    How Close compares texts is not documented, so a text is looked for in several ways, and a blank one not at all: it
    may be white space. Raises UnusableName for a value that the field can't have.
    """
    if field.node is None or (field.kind in TEXTS and not value):
        return None
    if not value:
        return is_blank(field.node)
    if field.kind in TEXTS:
        spellings = dict.fromkeys(
            unicodedata.normalize(form, spelled)
            for spelled in (value, value.lower(), value.upper(), value.title(), value.capitalize())
            for form in ("NFC", "NFD")
        )
        return any_of([condition(field.node, each) for each in spellings for condition in (has_value, has_words)])
    if field.kind == "choices":
        return is_one_of(field.node, [value])
    if field.kind == "number":
        return is_number(field.node, _number(field, value))
    if field.kind in DATES:
        day = _day(field, value)
        return is_between_days(field.node, day, day)
    if not value.startswith(PREFIX_OF_IDS.get(field.kind, "")):
        words = f"holds ids, and {value!r} is none; write it like {PREFIX_OF_IDS[field.kind]}..., or use a Smart View"
        raise UnusableName(f"{field.title!r} in Close {words}")
    return is_filled(field.node)  # how to ask for a value of another kind is not documented; the test tells them apart


def _number(field: LeadField, value: str) -> float:
    number = number_of(value)
    if number is None or not math.isfinite(float(number)):
        raise UnusableName(f"{field.title!r} in Close is a number, and {value!r} is none; write it like 1234.5")
    return int(number) if number == number.to_integral_value() else float(number)


def _day(field: LeadField, value: str) -> str:
    day = day_of(value)
    if day is None or day.isoformat() != value:
        raise UnusableName(f"{field.title!r} in Close is a date, and {value!r} is none; write it as YYYY-MM-DD")
    return day.isoformat()


def _is_same(one: str, other: str) -> bool:
    """Whether two texts are the same but for letter case, white space and how accents are composed."""
    return _plain(one) == _plain(other)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()
