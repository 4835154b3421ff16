"""Types of lead custom fields: how their cells are parsed, and which type a new field gets."""

import functools
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from decimal import Decimal
from typing import Any

from cells.choices import ID_PREFIXES, is_no_choice, parse_choice, parse_choices, parse_reference, parse_user
from cells.columns import Parser, Texts
from cells.dates import DATE_ORDERS, date_readings, names_a_moment, parse_date, parse_moment
from cells.lead_fields import FOUNDED, NATIONAL_ID, REVENUE, LeadField
from cells.numbers import DECIMAL_MARKS, MOST_DIGITS, US_DOLLAR, Currency, DecimalMark, is_plain_number, parse_number
from cells.parsed import Parsed, all_parts, one_value
from cells.placeholders import is_placeholder, is_zip_placeholder
from cells.texts import InvalidValue, plain_name

FIXED_TYPES = {plain_name(FOUNDED): "date", plain_name(REVENUE): "number", plain_name(NATIONAL_ID): "text"}
_CODE_WORDS = frozenset({"zip", "zipcode", "postal", "postcode", "id", "code", "sic", "naics"})
_ZIP_WORDS = frozenset({"zip", "zipcode", "postal", "postcode"})


@dataclass(frozen=True, slots=True)
class Conventions:
    """What values of the file mean where they do not say it: the currency of amounts, and the zone of times.

    `zones` are those that hold for single fields, by name. `users` has the ids of Close's users by plain name and by
    e-mail.
    """

    currency: Currency = US_DOLLAR
    zone: tzinfo | None = None
    users: Mapping[str, Sequence[str]] = field(default_factory=dict)
    zones: Mapping[str, tzinfo] = field(default_factory=dict)

    def zone_of(self, name: str) -> tzinfo | None:
        """The zone of times without one in the column that fills a field."""
        return self.zones.get(name, self.zone)


def field_parser(field: LeadField, conventions: Conventions, reading: str = "") -> Parser:
    """The parser for the cells of a column that fills a field; `reading` is how dates or numbers in it are read."""
    order = next((order for order in DATE_ORDERS if order == reading), None)
    mark: DecimalMark = "comma" if reading == "comma" else "dot"
    if field.kind == "choices":
        return Parser(_choice_parser(field))
    parsers: dict[str, Callable[[str], Any]] = {
        "number": lambda text: parse_number(text, conventions.currency, mark),
        "date": lambda text: parse_date(text, order),
        "datetime": lambda text: parse_moment(text, order, conventions.zone_of(field.name)),
        "textarea": lambda text: "\n".join(line.rstrip() for line in text.strip().splitlines()),
        **{kind: functools.partial(parse_reference, prefix=prefix) for kind, prefix in ID_PREFIXES.items()},
        "user": lambda text: parse_user(text, conventions.users),
    }
    parse = parsers.get(field.kind, lambda text: re.sub(r"\s*[\r\n]+\s*", " ", text.strip()))
    parse_one = one_value(
        parse, is_zip_placeholder if _ZIP_WORDS.intersection(_words_of(field.name)) else is_placeholder
    )
    if not field.is_multiple:
        return Parser(parse_one)
    return Parser(lambda cell: all_parts(parse_one(part.strip()) for part in LIST_SEPARATORS.split(cell)))


def _choice_parser(field: LeadField) -> Callable[[str], Parsed]:
    if field.is_multiple:
        return lambda cell: parse_choices(cell, field.choices)
    return one_value(lambda text: parse_choice(text, field.choices), lambda text: is_no_choice(text, field.choices))


def in_thousands(parser: Parser) -> Parser:
    """The parser for a column whose title says that it counts thousands; an amount such as $2M does not."""

    def parse_cell(text: str) -> Parsed:
        parsed = parser.parse_cell(text)
        if _IN_WORDS.search(text):
            return parsed
        return parsed._replace(values=tuple(float(Decimal(str(value)) * 1000) for value in parsed.values))

    return Parser(parse_cell)


def in_currency(parser: Parser, sign: str) -> Parser:
    """The parser for a column whose title has the sign of a currency, for amounts without one of their own."""
    return Parser(lambda text: parser.parse_cell(text if _HAS_CURRENCY.search(text) else f"{sign}{text}"))


_HAS_CURRENCY = re.compile(r"[^\W\d_]{3}|[^\w\s.,()+%'’-]")
_IN_WORDS = re.compile(r"\d\s*[^\W\d_]")
LIST_SEPARATORS = re.compile(r"[\r\n;]")


# The type of a new field ----------------------------------------------------------------------------------------------


def fields_to_make(
    columns: Mapping[str, Texts], known: Collection[str], conventions: Conventions
) -> dict[str, LeadField]:
    """The custom fields to create because Close does not have them, by name; a column without values needs no field."""
    missing = {
        name: texts for name, texts in columns.items() if name not in known and next(texts.values(), None) is not None
    }
    return {name: LeadField(name, _type_of(name, texts, conventions)) for name, texts in missing.items()}


def _type_of(name: str, texts: Texts, conventions: Conventions) -> str:
    """The type of a new field: fixed for the fields that we depend on, otherwise one that fits all of its values."""
    if plain_name(name) in FIXED_TYPES:
        return FIXED_TYPES[plain_name(name)]
    values = list(texts.values())
    if _is_code(name) or any(map(_is_more_than_a_number, values)):
        return "text"
    if _fits(values, [functools.partial(_parse_amount, conventions.currency, mark) for mark in DECIMAL_MARKS]):
        return "number"
    if _fits(values, [functools.partial(_parse_full_moment, conventions.zone_of(name))]):
        return "datetime"
    return "date" if _fits(values, [functools.partial(parse_date, order=order) for order in DATE_ORDERS]) else "text"


def _fits(values: Iterable[str], parsers: Sequence[Callable[[str], Any]]) -> bool:
    """Whether one of the parsers, the same for all, takes every value."""
    left = list(parsers)
    for value in values:
        left = [parse for parse in left if _takes(parse, value)]
        if not left:
            return False
    return True


def _takes(parse: Callable[[str], Any], value: str) -> bool:
    try:
        parse(value)
    except InvalidValue:
        return False
    return True


def _parse_amount(currency: Currency, mark: DecimalMark, text: str) -> float:
    if not is_plain_number(text):
        raise InvalidValue("invalid_number", "It may be a part of a code.")
    return parse_number(text, currency, mark)


def _parse_full_moment(zone: tzinfo | None, text: str) -> str:
    if not (names_a_moment(text) or (zone and "ymd" in date_readings(text))):
        raise InvalidValue("no_time_zone", "It is not a full moment.")
    return parse_moment(text, None, zone)


def _is_code(name: str) -> bool:
    """Whether a title says that its figures are not to be reckoned with."""
    words = _words_of(name)
    return bool(_CODE_WORDS.intersection(words)) or words[-1:] == ["number"]


def _words_of(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", plain_name(name))


_LEADING_ZERO = re.compile(r"[^\w.,]*0[\d,][\d,.]*[^\w.,]*")
_PHONE_LIKE = re.compile(r"\+\d{7,}")
_LONG_NUMBER = re.compile(rf"(?:[0-9][.,]?){{{MOST_DIGITS + 1}}}")


def _is_more_than_a_number(text: str) -> bool:
    """Whether a text would lose something as a number: its leading zero or plus sign, or its last digits."""
    has_head = _LEADING_ZERO.fullmatch(text) or _PHONE_LIKE.fullmatch(text)
    return bool(has_head and not date_readings(text)) or _LONG_NUMBER.search(text) is not None
