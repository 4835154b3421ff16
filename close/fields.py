"""What lead fields are called, and what a lead holds in them: custom fields, and the few that every lead has."""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Literal

from cells.countries import country_in, is_us, territory_in
from cells.lead_fields import CUSTOM_KEY, LeadField
from cells.placeholders import is_placeholder
from cells.safe_text import encodable
from cells.texts import is_same_name, plain_name
from cells.us_states import state_name
from cells.wrapped import unwrapped
from close.conditions import custom_field, regular_field
from close.contents import Json

CUSTOM = "custom."  # before a name: the custom field is meant, even if every lead has a field of that name
UNKNOWN = "Unknown"
OUTSIDE = "Outside the US"
DATES = ("date", "datetime")
TEXTS = ("text", "textarea", "hidden")
AMOUNTS = ("number", *TEXTS, "choices")
MOST_GUESSES = 3
MOST_DIGITS = 310  # before or after the decimal point; no binary number in JSON has more

Purpose = Literal["by", "where", "date_field", "revenue_field", "status", "smart_view"]


class UnusableName(Exception):
    """Close has nothing with this name, or nothing that can be used for this purpose.

    `problem` says what is wrong; `advice` says what to do, with `{option}` in place of the option for the purpose.
    """

    def __init__(self, problem: str, purpose: Purpose, advice: str = "Give the right name with {option}") -> None:
        super().__init__(problem)
        self.problem = problem
        self.purpose = purpose
        self.advice = advice


class AmbiguousName(Exception):
    """Close has several things with this name, and none in exactly this spelling; the message has their ids."""


def id_named(name: str, names: Mapping[str, str], what: str) -> str | None:
    """The id of the thing with this name; None if there is none.

    It is the one with this id, else the one in exactly this spelling, else the one whose name differs only in letter
    case, white space or the composition of accents. `names` has all things by id; `what` says what they are. Raises
    AmbiguousName.
    """
    if name.strip() in names:
        return name.strip()
    fitting = [thing for thing, its_name in names.items() if its_name == name]
    fitting = fitting or [thing for thing, its_name in names.items() if its_name.strip() == name.strip()]
    fitting = fitting or [thing for thing, its_name in names.items() if is_same_name(its_name, name)]
    if len(fitting) > 1:
        listed = " and ".join(f"{names[thing]!r} ({thing})" for thing in fitting)
        raise AmbiguousName(
            f"Close has {len(fitting)} {what} named {name.strip()!r}: {listed}. Use the id of the one you mean, or "
            "rename the others in Close"
        )
    return fitting[0] if fitting else None


# Fields by name ------------------------------------------------------------------------------------------------------


def custom_lead_field(schema: Json) -> LeadField:
    """A lead custom field, from what Close's schema says about it."""
    return LeadField(
        name=schema["name"],
        kind=schema["type"],
        key=CUSTOM_KEY + schema["id"],
        choices=tuple(schema.get("choices") or ()),
        is_multiple=bool(schema.get("accepts_multiple_values")),
        roles=tuple(schema.get("editable_with_roles") or ()),
        created=schema.get("date_created") or "",
        creator=schema.get("created_by") or "",
    )


STATE = LeadField("US State", "state", "addresses")
STATUS = LeadField("Status", "status", "status_id")
CREATED = LeadField("Date created", "datetime", "date_created")
REGULAR_FIELDS: Mapping[str, LeadField] = {"state": STATE, "status": STATUS, "created": CREATED}


def search_node(field: LeadField) -> Json | None:
    """The reference to a field in a search; None for the state, which Close can't search."""
    if field == STATE:
        return None
    return custom_field(field.id) if field.is_custom else regular_field(field.key)


def find_field(fields: Sequence[LeadField], name: str) -> LeadField | None:
    """The custom field with this name, None if there is none. Raises AmbiguousName."""
    found = id_named(name, {field.id: field.name for field in fields}, "lead custom fields")
    return next((field for field in fields if field.id == found), None)


@dataclass(frozen=True, slots=True)
class FieldUse:
    """What a field is needed for: the kinds of custom field that will do (any if empty), and fields of every lead.

    With `is_single`, a field that can hold several values will not do.
    """

    purpose: Purpose
    kinds: Collection[str] = ()
    regular: Collection[str] = ()
    is_single: bool = False

    def names_among(self, fields: Sequence[LeadField]) -> list[str]:
        """The names that will do."""
        fitting = [field for field in fields if not (self.is_single and field.is_multiple)]
        return [*(field.name for field in fitting if not self.kinds or field.kind in self.kinds), *self.regular]


GROUPING = FieldUse("by", regular=REGULAR_FIELDS)
FILTERING = FieldUse("where", regular=REGULAR_FIELDS)
DATING = FieldUse("date_field", DATES, ["created"], is_single=True)
COUNTING_REVENUE = FieldUse("revenue_field", AMOUNTS, is_single=True)


def field_named(fields: Sequence[LeadField], name: str, use: FieldUse) -> LeadField:
    """The field that a name means: state, status or created, else a custom field; with `custom.`, always the latter.

    Raises UnusableName, with the closest names, and AmbiguousName.
    """
    regular = REGULAR_FIELDS.get(plain_name(name))
    if regular:
        return regular
    found = find_field(fields, name) or find_field(fields, without_prefix(name))
    found = found or next((each for each in REGULAR_FIELDS.values() if is_same_name(each.title, name)), None)
    if found is None:
        words = there_are(name, use.names_among(fields))
        raise UnusableName(f"Close has no lead custom field named {name!r}. {words}", use.purpose)
    return found


def without_prefix(name: str) -> str:
    """The name of a custom field without the prefix `custom.`."""
    return name.strip()[len(CUSTOM) :] if name.strip().casefold().startswith(CUSTOM) else name.strip()


def date_field(fields: Sequence[LeadField], name: str) -> LeadField:
    """The field with this name, which must hold one date. Raises UnusableName and AmbiguousName."""
    found = _single(field_named(fields, name, DATING), DATING)
    if found.kind not in DATES:
        problem = f"The field {found.title!r} in Close is of type {found.kind}, not a date."
        raise UnusableName(problem, DATING.purpose, "Choose a date field for {option}")
    return found


def amount_field(fields: Sequence[LeadField], name: str) -> LeadField:
    """The field with this name, which must hold one number or text. Raises UnusableName and AmbiguousName."""
    found = _single(field_named(fields, name, COUNTING_REVENUE), COUNTING_REVENUE)
    if found.kind not in AMOUNTS:
        problem = f"The field {found.title!r} in Close is of type {found.kind}, which does not hold amounts."
        raise UnusableName(problem, COUNTING_REVENUE.purpose, "Choose a number or text field for {option}")
    return found


def _single(field: LeadField, use: FieldUse) -> LeadField:
    if field.is_multiple:
        problem = f"The field {field.title!r} in Close can hold several values."
        raise UnusableName(problem, use.purpose, "Choose a field with a single value for {option}")
    return field


def there_are(name: str, known: Collection[str]) -> str:
    """What a wrong name may have been meant to be, as a sentence: the closest of the names that will do, else all."""
    by_plain_name = {plain_name(each): each for each in known}
    nearest = get_close_matches(plain_name(without_prefix(name)), by_plain_name, MOST_GUESSES)
    if nearest:
        return f"Did you mean {' or '.join(repr(by_plain_name[each]) for each in nearest)}?"
    return f"Available: {', '.join(map(repr, known))}." if known else "None exist yet."


# What a lead holds ---------------------------------------------------------------------------------------------------


def texts_in(lead: Json, field: LeadField) -> list[str]:
    """What a lead holds in a field, each value as text without extra white space; empty if the field is blank.

    States are given by their full name, dates as days in the field's zone, and what the field has labels for by these.
    """
    if field.kind == "state":
        state = state_of(lead.get(field.key))
        return [state] if state else []
    value = lead.get(field.key)
    values = [field.labels.get(str(each)) or each for each in (value if isinstance(value, list) else [value])]
    texts = [_text_of(each, field) for each in values]
    return [text for text in texts if text]


def _text_of(value: object, field: LeadField) -> str:
    if value is None:
        return ""
    if field.kind == "number" and (number := number_of(value)) is not None:
        return _plain_number(number)
    if field.kind in DATES and (day := day_of(value, field.zone)):
        return day.isoformat()
    return one_line(unicodedata.normalize("NFC", str(value)))


def _plain_number(number: Decimal) -> str:
    """A number in its only spelling, with all its digits and no more: `10` for 10.0, `0` for -0."""
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).removeprefix("-" * (not number))


def one_line(text: str) -> str:
    """A text that any file can hold, without extra white space."""
    return " ".join(encodable(text).split())


def day_of(value: object, zone: tzinfo = UTC) -> date | None:
    """The day of a date, or of a moment in a time zone; None for anything else."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return (moment.astimezone(zone) if moment and moment.tzinfo else moment).date() if moment else None
    except (ValueError, OverflowError):
        return None


def number_of(value: object) -> Decimal | None:
    """A number without the error of binary fractions; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= MOST_DIGITS else None


def state_of(addresses: object) -> str:
    """The state of the first address that has one and is in the US or names no country, business addresses first.

    It is given by its full name; a text that is not a US state stays as it is. A territory may be given as the country.
    OUTSIDE means that all addresses with a country are abroad, and "" that there is no state.
    """
    listed = [address for address in addresses if isinstance(address, dict)] if isinstance(addresses, list) else []
    listed.sort(key=lambda address: address.get("label") != "business")
    countries = [country_in(_text_of(address.get("country"), STATE)) for address in listed]
    for address, country in zip(listed, countries, strict=True):
        state = territory_in(country) if country else ""
        state = state or (_state_in(address) if not country or is_us(country) else "")
        if state:
            return state
    is_abroad = any(countries) and not any(country and is_us(country) for country in countries)
    return OUTSIDE if is_abroad else ""


def _state_in(address: Json) -> str:
    text = _text_of(address.get("state"), STATE)
    return "" if is_placeholder(unwrapped(text)) else state_name(text) or text
