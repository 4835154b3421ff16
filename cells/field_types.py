"""Types of lead custom fields: how the cells of a column that fills one are parsed."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from decimal import Decimal
from typing import Any

from cells.choices import ID_PREFIXES, is_no_choice, parse_choice, parse_choices, parse_reference, parse_user
from cells.columns import Parser
from cells.dates import DATE_ORDERS, parse_date, parse_moment
from cells.lead_fields import LeadField
from cells.numbers import US_DOLLAR, Currency, DecimalMark, parse_number
from cells.parsed import Parsed, all_parts, one_value
from cells.placeholders import is_placeholder, is_zip_placeholder
from cells.texts import words_of

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

    def of(self, name: str) -> "Conventions":
        """What holds for the column that fills a field."""
        return replace(self, zone=self.zones[name]) if name in self.zones else self


def field_parser(field: LeadField, conventions: Conventions, reading: str = "") -> Parser:
    """The parser for the cells of a column that fills a field; `reading` is how dates or numbers in it are read."""
    zone = conventions.of(field.name).zone
    order = next((order for order in DATE_ORDERS if order == reading), None)
    mark: DecimalMark = "comma" if reading == "comma" else "dot"
    if field.kind == "choices":
        return Parser(_choice_parser(field))
    parsers: dict[str, Callable[[str], Any]] = {
        "number": lambda text: parse_number(text, conventions.currency, mark),
        "date": lambda text: parse_date(text, order),
        "datetime": lambda text: parse_moment(text, order, zone),
        "textarea": lambda text: "\n".join(line.rstrip() for line in text.strip().splitlines()),
        **{kind: functools.partial(parse_reference, prefix=prefix) for kind, prefix in ID_PREFIXES.items()},
        "user": lambda text: parse_user(text, conventions.users),
    }
    parse = parsers.get(field.kind, lambda text: re.sub(r"\s*[\r\n]+\s*", " ", text.strip()))
    parse_one = one_value(
        parse, is_zip_placeholder if _ZIP_WORDS.intersection(words_of(field.name)) else is_placeholder
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
