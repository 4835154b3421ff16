"""Which leads are wanted: a date range, statuses, values and a Smart View, given by the names that people use."""

import math
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from cells.choices import ID_PREFIXES, parse_user
from cells.lead_fields import LeadField
from cells.texts import InvalidValue, is_same_name, plain_name
from cells.us_states import state_name
from close.conditions import (
    all_of,
    any_of,
    has_value,
    has_words,
    is_between_days,
    is_between_moments,
    is_blank,
    is_filled,
    is_in_smart_view,
    is_number,
    is_one_of,
    leads_that,
)
from close.contents import Json
from close.fields import (
    CREATED,
    DATES,
    FILTERING,
    STATUS,
    TEXTS,
    UNKNOWN,
    Purpose,
    UnusableName,
    day_of,
    field_named,
    id_named,
    number_of,
    one_line,
    search_node,
    texts_in,
    there_are,
    without_prefix,
)
from close_client import CloseClient

COMPARING = ("!", ">", "<", "~", ":")  # before an equals sign
ONLY_EQUAL = (
    "Only = is possible: {option} 'Industry=Finance'. For several values of a field, repeat {option}; for anything "
    "else, use --smart-view with a Smart View of Close"
)
ONE_VALUE = "Give one with each {option}; repeat it for several"
MOST_LETTERS = 500  # of all values for one field; Close might refuse a longer query
SEARCHED_EXACTLY = (*DATES, "choices", "number")  # kinds of field in which Close finds exactly what is asked for


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on leads: in words, as a search condition for Close, and as a test of what Close returns.

    Close's search may compare texts in its own way and may lag behind, so its results are tested again. `is_testable`
    is False where only Close can tell. `is_exact` is False where Close can only be asked for more leads than wanted
    or, without a condition, for all of them. If it `is_of_moments`, a time zone decides.
    """

    words: str
    condition: Json | None
    admits: Callable[[Json], bool]
    fields: tuple[str, ...] = ()
    is_testable: bool = True
    is_exact: bool = True
    is_of_moments: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """Which leads are wanted: those that have a date in a range, both days included, and pass all filters."""

    dates: LeadField
    first: date
    last: date
    filters: tuple[Filter, ...] = ()

    @property
    def condition(self) -> Json:
        """The question as a condition for Close's search."""
        node = search_node(self.dates)
        assert node is not None
        in_range = _is_within(self.dates, node, self.first, self.last)
        others = [each.condition for each in self.filters if each.condition]
        return all_of([in_range, *others]) if others else in_range

    @property
    def query(self) -> Json:
        """The whole search query, to show to people."""
        return leads_that(self.condition)

    @property
    def fields(self) -> set[str]:
        """The lead fields that the question needs."""
        return {self.dates.key, *(key for each in self.filters for key in each.fields)}

    def admits(self, lead: Json) -> bool:
        """Whether a lead is wanted; if its date can't be read, only the filters decide."""
        return self._may_be_in_range(lead) and all(each.admits(lead) for each in self.filters)

    @property
    def undated(self) -> Json | None:
        """The condition that finds the leads without the date, and perhaps more; None if no lead can lack it."""
        node = search_node(self.dates)
        if self.dates == CREATED or node is None:
            return None
        return all_of([is_blank(node), *(each.condition for each in self.filters if each.condition)])

    @property
    def is_exact(self) -> bool:
        """Whether Close finds exactly the wanted leads, with none that our own tests have to leave out."""
        return all(each.is_exact for each in self.filters)

    def is_outdated(self, lead: Json) -> bool:
        """Whether a lead is not wanted, although Close listed it in answer to exactly this question."""
        return not (self._may_be_in_range(lead) and all(each.admits(lead) for each in self.filters if each.is_exact))

    def _may_be_in_range(self, lead: Json) -> bool:
        held = lead.get(self.dates.key)
        day = day_of(held, self.dates.zone)
        return self.first <= day <= self.last if day else bool(held)


# Filters by name -----------------------------------------------------------------------------------------------------


def status_filter(close: CloseClient, names: Sequence[str], purpose: Purpose = "status") -> Filter:
    """The leads in one of these statuses, given by label or id. Raises UnusableName and AmbiguousName."""
    labels = {status["id"]: status["label"] for status in close.lead_statuses()}
    wanted = {(found := _status_named(name, labels, purpose)): labels[found] for name in names}
    node = search_node(STATUS)
    assert node is not None
    return Filter(
        words=f"Status is {' or '.join(map(one_line, dict.fromkeys(wanted.values())))}",
        condition=is_one_of(node, list(wanted)),
        admits=lambda lead: lead.get("status_id") in wanted,
        fields=("status_id",),
    )


def _status_named(name: str, labels: Mapping[str, str], purpose: Purpose) -> str:
    found = id_named(name, labels, "lead statuses")
    if found is None:
        problem = f"Close has no lead status named {name!r}. {there_are(name, list(labels.values()))}"
        raise UnusableName(problem, purpose, ONE_VALUE) if "," in name else UnusableName(problem, purpose)
    return found


def smart_view_filter(close: CloseClient, name: str) -> Filter:
    """The leads that a Smart View finds, given by name or id. Raises UnusableName and AmbiguousName."""
    views = {view["id"]: view for view in close.smart_views()}
    names = {view_id: view["name"] for view_id, view in views.items()}
    found = id_named(name, names, "Smart Views")
    if found is None:
        known = list(names.values())
        raise UnusableName(f"Close has no Smart View named {name!r}. {there_are(name, known)}", "smart_view")
    if _kinds_searched(views[found].get("s_query")) == {"contact"}:
        problem = f"The Smart View {name!r} lists contacts, not leads"
        raise UnusableName(problem, "smart_view", "Choose a Smart View of leads for {option}")
    return Filter(
        words=f"in the Smart View {one_line(names[found])}",
        condition=is_in_smart_view(found),
        admits=lambda _lead: True,
        is_testable=False,
    )


def _kinds_searched(node: object) -> set[str]:
    """The kinds of object that a saved query names, at any depth."""
    if isinstance(node, list):
        return {kind for part in node for kind in _kinds_searched(part)}
    if not isinstance(node, dict):
        return set()
    if node.get("type") == "object_type":
        return {str(node.get("object_type"))}
    return {kind for part in node.values() for kind in _kinds_searched(part)}


def value_filters(
    close: CloseClient, fields: Sequence[LeadField], wanted: Sequence[str], zone: tzinfo = UTC
) -> list[Filter]:
    """A filter for each field named in texts such as `Industry=Finance`; several values of one field are alternatives.

    With nothing after the `=`, it asks for leads whose field is blank. Raises UnusableName and AmbiguousName.
    """
    values: dict[LeadField, list[str]] = {}
    for text in wanted:
        field, value = _field_and_value(fields, text)
        values.setdefault(replace(field, zone=zone), []).append(value)
    return [_filter_on(close, field, asked) for field, asked in values.items()]


def _filter_on(close: CloseClient, field: LeadField, asked: Sequence[str]) -> Filter:
    if field == STATUS and any(asked):
        return status_filter(close, [*filter(None, asked)], "where")
    if field.kind == "user" and any(asked):
        users, names = close.users(), close.user_names()
        return _value_filter(field, [_user_id(field, each, users, names) for each in asked], names)
    return _value_filter(field, asked)


def _user_id(field: LeadField, asked: str, users: Mapping[str, Sequence[str]], names: Mapping[str, str]) -> str:
    """The id of the user who is asked for by name, e-mail or id. Raises UnusableName if none or several are."""
    if not asked or is_same_name(asked, UNKNOWN):
        return asked
    shown = [user_id for user_id, name in names.items() if is_same_name(name, asked)]
    try:
        return shown[0] if len(shown) == 1 else parse_user(asked, users)
    except InvalidValue as error:
        problem = (
            f"{asked!r} is not one user of the field {field.title!r}: {error} {there_are(asked, list(names.values()))}"
        )
        raise UnusableName(problem, FILTERING.purpose, ONE_VALUE) from None


def _field_and_value(fields: Sequence[LeadField], text: str) -> tuple[LeadField, str]:
    """The field and the value that a text names. Field names may contain equals signs: the longest known name wins."""
    parts = text.split("=")
    if len(parts) < 2:
        raise UnusableName(f"{text!r} has no equals sign", FILTERING.purpose, ONLY_EQUAL)
    names = {plain_name(field.name) for field in fields}
    splits = [("=".join(parts[:at]), "=".join(parts[at:])) for at in range(len(parts) - 1, 0, -1)]
    known = [split for split in splits if plain_name(without_prefix(split[0])) in names]
    name, value = known[0] if known else splits[-1]
    if not known and name.rstrip().endswith(COMPARING):
        problem = f"{text!r} compares with more than an equals sign"
        raise UnusableName(problem, FILTERING.purpose, ONLY_EQUAL)
    field = field_named(fields, name, FILTERING)
    _refuse_several(field, value)
    return field, value.strip()


def _refuse_several(field: LeadField, text: str) -> None:
    """Raise UnusableName for a text with several values of a field whose values are known: choices or states."""
    values = [value.strip() for value in re.split("[,;]", text)]
    if field.kind == "state":
        is_several = state_name(text) is None and all(map(state_name, values))
    else:
        is_choice = [any(is_same_name(choice, value) for choice in field.choices) for value in (text, *values)]
        is_several = not is_choice[0] and all(is_choice[1:])
    if len(values) > 1 and is_several:
        raise UnusableName(f"{text.strip()!r} is more than one value", FILTERING.purpose, ONLY_EQUAL)


def _value_filter(field: LeadField, asked: Sequence[str], names: Mapping[str, str] | None = None) -> Filter:
    """The leads that hold one of these values in a field; `names` are those of values that are ids."""
    values = [value for each in asked for value in _alternatives(field, each)]
    tests = [_test(field, value) for value in values]
    is_short = sum(map(len, values)) <= MOST_LETTERS
    conditions = [_condition(field, value) if is_short or field.kind not in TEXTS else None for value in values]
    is_searchable = all(condition is not None for condition in conditions)
    shown = [one_line((names or {}).get(value, value)) or "blank" for value in asked]
    return Filter(
        words=f"{field.title} is {' or '.join(shown)}",
        condition=any_of([each for each in conditions if each]) if is_searchable else None,
        admits=lambda lead: any(test(texts_in(lead, field)) for test in tests),
        fields=(field.key,),
        is_exact=is_searchable and field.kind in SEARCHED_EXACTLY,
        is_of_moments=field.kind == "datetime",
    )


def _alternatives(field: LeadField, value: str) -> list[str]:
    """The values in a lead that match the one asked for; `Unknown` also matches blank, like the group of that name."""
    is_blank_too = is_same_name(value, UNKNOWN)
    if field.kind in ("number", *DATES, *ID_PREFIXES) and is_blank_too:
        return [""]
    choices = (
        [choice for choice in field.choices if is_same_name(choice, value)] if field.kind == "choices" else [value]
    )
    if value and not choices and not is_blank_too:
        problem = f"{value!r} is not a choice of the field {field.title!r} in Close. {there_are(value, field.choices)}"
        raise UnusableName(problem, FILTERING.purpose, "Give one of its choices with {option}")
    return [*(choices if value else []), *([""] if is_blank_too or not value else [])]


def _test(field: LeadField, value: str) -> Callable[[Collection[str]], bool]:
    """A test whether a lead holds a value in a field, compared the way people compare names."""
    if not value:
        return lambda texts: not texts
    if field.kind == "number":
        number = number_of(value)
        return lambda texts: any(number_of(text) == number for text in texts)
    wanted = plain_name((field.kind == "state" and state_name(value)) or value)
    return lambda texts: any(plain_name(text) == wanted for text in texts)


def _condition(field: LeadField, value: str) -> Json | None:
    """The condition for Close, which may find more than the value; None asks for everything.

    Blank texts are not searched for: they may be white space. Raises UnusableName for a value the field can't have.
    """
    node = search_node(field)
    if node is None or (field.kind in TEXTS and not value):
        return None
    if not value:
        return is_blank(node)
    if field.kind in TEXTS:
        return _has_text(node, value)
    if field.kind == "choices":
        return is_one_of(node, [value])
    if field.kind == "number":
        return is_number(node, _number(field, value))
    if field.kind in DATES:
        day = _day(field, value)
        return _is_within(field, node, day, day)
    _check_id(field, value)
    return is_filled(node)  # Close does not document how to search for values of other kinds; our test picks them out


def _has_text(node: Json, text: str) -> Json:
    """The condition that a field holds a text, in several spellings: Close does not document how it compares."""
    spellings = dict.fromkeys(
        unicodedata.normalize(form, spelled)
        for spelled in (text, text.lower(), text.upper(), text.title(), text.capitalize())
        for form in ("NFC", "NFD")
    )
    return any_of([condition(node, each) for each in spellings for condition in (has_value, has_words)])


def _number(field: LeadField, value: str) -> float:
    number = number_of(value)
    if number is None or not math.isfinite(float(number)):
        advice = ONLY_EQUAL if value.startswith(COMPARING) else "Write it like 1234.5"
        raise _impossible(field, f"holds numbers, and {value!r} is not a number", advice)
    return int(number) if number == number.to_integral_value() else float(number)


def _day(field: LeadField, value: str) -> date:
    day = day_of(value)
    if day is None or day.isoformat() != value:
        advice = ONLY_EQUAL if value.startswith(COMPARING) else "Write it as YYYY-MM-DD"
        raise _impossible(field, f"holds dates, and {value!r} is not a date", advice)
    return day


def _is_within(field: LeadField, node: Json, first: date, last: date) -> Json:
    """The condition that a field holds one of these days; of moments, those in the field's zone."""
    if field.kind == "date" or field.zone == UTC:  # which the client's requests name as their zone
        return is_between_days(node, first.isoformat(), last.isoformat())
    return is_between_moments(node, _beginning(first, 0, field.zone), _beginning(last, 1, field.zone))


def _beginning(day: date, later: int, zone: tzinfo) -> str | None:
    """The moment in UTC at which a day, or one so many days later, begins in a zone; None beyond the calendar."""
    try:
        return datetime.combine(day + timedelta(days=later), time(), zone).astimezone(UTC).isoformat()
    except OverflowError:
        return None


def _check_id(field: LeadField, value: str) -> None:
    """Raise UnusableName if the value is not an id of the kind that the field holds."""
    prefix = ID_PREFIXES.get(field.kind, "")
    if not value.startswith(prefix):
        advice = f"Write it like {prefix}..., or use a Smart View"
        raise _impossible(field, f"holds ids, and {value!r} is not an id of that kind", advice)


def _impossible(field: LeadField, problem: str, advice: str) -> UnusableName:
    return UnusableName(f"The field {field.title!r} in Close {problem}", FILTERING.purpose, advice)
