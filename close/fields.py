"""What a field of leads is called, and what a lead holds in it: custom fields, and the few that every lead has."""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches

from cells.us_states import state_name
from close_client import Json, custom_field, find_field, regular_field

CUSTOM = "custom."  # before a name: the custom field is meant, where the name is also that of a field of every lead
UNKNOWN = "Unknown"
DATES = ("date", "datetime")
TEXTS = ("text", "textarea", "hidden")
AMOUNTS = ("number", *TEXTS, "choices")
MOST_GUESSES = 3
MOST_DIGITS = 310  # before or behind the point; no number that JSON carries as binary has more


class UnusableName(Exception):
    """Close has nothing of that name, or nothing that can be used for this; the message says what it has."""


@dataclass(frozen=True, slots=True)
class LeadField:
    """A field of leads: its `title` for people, the `key` of its value in a lead, its `kind` as Close names types.

    Of the fields that every lead has, the status and the state are kinds of their own. `node` names the field in a
    search; it is None for the state, which Close can't search.
    """

    title: str
    key: str
    kind: str
    node: Json | None = field(compare=False)
    labels: Mapping[str, str] = field(default_factory=dict, compare=False)  # of statuses, by id
    choices: tuple[str, ...] = ()
    is_multiple: bool = False


STATE = LeadField("US State", "addresses", "state", None)
STATUS = LeadField("Status", "status_id", "status", regular_field("status_id"))
CREATED = LeadField("Date created", "date_created", "datetime", regular_field("date_created"))
REGULAR_FIELDS: Mapping[str, LeadField] = {"state": STATE, "status": STATUS, "created": CREATED}
REGULAR_TITLES: Mapping[str, LeadField] = {field.title.casefold(): field for field in REGULAR_FIELDS.values()}


def field_named(schema: Sequence[Json], name: str, flag: str) -> LeadField:
    """The field that a name means: state, status or created, else a custom field; `custom.` makes that sure.

    Raises UnusableName, with the closest names and the flag to mend, and AmbiguousField.
    """
    regular = REGULAR_FIELDS.get(name.strip().casefold())
    if regular:
        return regular
    found = find_field(schema, name) or find_field(schema, without_prefix(name))
    if found is None and name.strip().casefold() in REGULAR_TITLES:
        return REGULAR_TITLES[name.strip().casefold()]
    if found is None:
        words = there_are(name, [each["name"] for each in schema] + [*REGULAR_FIELDS], names_for(flag, schema))
        raise UnusableName(f"Close has no lead custom field named {name!r}; {words} Give another to {flag}")
    return LeadField(
        title=one_line(found["name"]),
        key=f"custom.{found['id']}",
        kind=found["type"],
        node=custom_field(found["id"]),
        choices=tuple(found.get("choices") or ()),
        is_multiple=bool(found.get("accepts_multiple_values")),
    )


def without_prefix(name: str) -> str:
    """The name of a custom field without the prefix that says that it is one."""
    return name.strip()[len(CUSTOM) :] if name.strip().casefold().startswith(CUSTOM) else name.strip()


def names_for(flag: str, schema: Sequence[Json]) -> list[str]:
    """The names that a flag takes: custom fields of the kinds that it is for, then those of every lead."""
    kinds: Collection[str] = {"--date-field": DATES, "--revenue-field": AMOUNTS}.get(flag, ())
    names = [field["name"] for field in schema if not kinds or field["type"] in kinds]
    regular = {"--date-field": ["created"], "--revenue-field": []}.get(flag, list(REGULAR_FIELDS))
    return [*names, *regular]


def date_field(schema: Sequence[Json], name: str, flag: str) -> LeadField:
    """The field of a name, which holds one date. Raises UnusableName and AmbiguousField."""
    found = _single(field_named(schema, name, flag))
    if found.kind not in DATES:
        raise UnusableName(
            f"The field {found.title!r} in Close is of type {found.kind}, not a date; give one to {flag}"
        )
    return found


def amount_field(schema: Sequence[Json], name: str, flag: str) -> LeadField:
    """The field of a name, which holds one number or text. Raises UnusableName and AmbiguousField."""
    found = _single(field_named(schema, name, flag))
    if found.kind not in AMOUNTS:
        words = f"is of type {found.kind}, which holds no amounts; give a number to {flag}"
        raise UnusableName(f"The field {found.title!r} in Close {words}")
    return found


def _single(field: LeadField) -> LeadField:
    if field.is_multiple:
        raise UnusableName(f"The field {field.title!r} in Close may hold several values; name one that holds one")
    return field


def there_are(name: str, known: Collection[str], likely: Collection[str] | None = None) -> str:
    """What a wrong name may have been meant for, a sentence: the closest of the likely names, else all there are."""
    by_spelling = {each.strip().casefold(): each for each in (known if likely is None else likely)}
    close = get_close_matches(without_prefix(name).casefold(), by_spelling, MOST_GUESSES)
    if close:
        return f"did you mean {' or '.join(repr(by_spelling[each]) for each in close)}?"
    return f"it has {', '.join(map(repr, known)) or 'none at all'}."


# What a lead holds ---------------------------------------------------------------------------------------------------


def texts_in(lead: Json, field: LeadField) -> list[str]:
    """What a lead holds in a field, each value as a text without needless white space; nothing where it is blank.

    States come by their full name, dates as days in UTC.
    """
    if field.kind == "state":
        state = state_of(lead.get(field.key))
        return [state] if state else []
    value = lead.get(field.key)
    if field.kind == "status":
        value = field.labels.get(str(value)) or value
    texts = [_text_of(each, field) for each in (value if isinstance(value, list) else [value])]
    return [text for text in texts if text]


def _text_of(value: object, field: LeadField) -> str:
    if value is None:
        return ""
    if field.kind == "number" and (number := number_of(value)) is not None:
        return _plain_number(number)
    if field.kind in DATES and (day := day_of(value)):
        return day.isoformat()
    return one_line(unicodedata.normalize("NFC", str(value)))


def _plain_number(number: Decimal) -> str:
    """A number in one spelling, all its digits and no more: `10` for 10.0, `0` for -0."""
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).removeprefix("-" * (not number))


def one_line(text: str) -> str:
    """A text that any file can hold, without needless white space."""
    return " ".join(encodable(text).split())


def encodable(text: str) -> str:
    """A text that any file can hold: JSON may carry halves of characters."""
    return text.encode(errors="replace").decode()


def day_of(value: object) -> date | None:
    """The day of a date, or of a moment in UTC, which is how searches ask; None for what is neither."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return (moment.astimezone(UTC) if moment and moment.tzinfo else moment).date() if moment else None
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

    By its full name; a text that is no US state stays as it is, and "" is for none.
    """
    listed = [address for address in addresses if isinstance(address, dict)] if isinstance(addresses, list) else []
    american = [
        state
        for address in sorted(listed, key=lambda address: address.get("label") != "business")
        if (state := _text_of(address.get("state"), STATE))
        and str(address.get("country") or "US").strip().upper() in ("US", "USA")
    ]
    return (state_name(american[0]) or american[0]) if american else ""
