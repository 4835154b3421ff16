"""Types of lead custom fields: how their cells are parsed, and which type a new field gets."""

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any

from cells.choices import ID_PREFIXES, parse_choice, parse_reference
from cells.columns import Parser, Texts, one_value, several_values
from cells.dates import DateOrder, date_readings, parse_date, parse_moment
from cells.lead_fields import FOUNDED, NATIONAL_ID, REVENUE, LeadField
from cells.numbers import MOST_DIGITS, Currency, parse_number, unclear_marks
from cells.texts import InvalidValue, is_text, plain_name

FIXED_TYPES = {plain_name(FOUNDED): "date", plain_name(REVENUE): "number", plain_name(NATIONAL_ID): "text"}
TYPE_SHARE = 0.9  # of a column's values must be dates or numbers to make a new field of that type


def field_parser(field: LeadField, currency: Currency, order: DateOrder | None, texts: Collection[str]) -> Parser:
    """The parser for the cells of a column that fills a field; `texts` are all the texts in the column."""
    unclear = unclear_marks(texts) if field.kind == "number" else ""
    parsers: dict[str, Callable[[str], Any]] = {
        "number": lambda text: parse_number(text, currency, unclear),
        "date": lambda text: parse_date(text, order),
        "datetime": parse_moment,
        "choices": lambda text: parse_choice(text, field.choices),
        "textarea": lambda text: "\n".join(line.rstrip() for line in text.strip().splitlines()),
        **{kind: functools.partial(parse_reference, prefix=prefix) for kind, prefix in ID_PREFIXES.items()},
    }
    parse = parsers.get(field.kind, lambda text: re.sub(r"\s*[\r\n]+\s*", " ", text.strip()))
    parse_one, parse_several = one_value(parse), several_values(parse, LIST_SEPARATORS)
    if not field.is_multiple:
        return Parser(parse_one)
    return Parser(lambda text: parse_one(text) if text.strip() in field.choices else parse_several(text))


LIST_SEPARATORS = re.compile(r"[\r\n;]")


# The type of a new field ----------------------------------------------------------------------------------------------


def fields_to_make(columns: Mapping[str, Texts], known: Collection[str], currency: Currency) -> dict[str, LeadField]:
    """The custom fields to create because Close does not have them, by name; a column without values needs no field."""
    missing = {
        name: texts for name, texts in columns.items() if name not in known and any(map(is_text, texts.distinct))
    }
    return {name: LeadField(name, _type_of(name, texts, currency)) for name, texts in missing.items()}


def _type_of(name: str, texts: Texts, currency: Currency) -> str:
    """The type of a new field: fixed for the fields that we depend on, otherwise the type of nearly all its values."""
    if plain_name(name) in FIXED_TYPES:
        return FIXED_TYPES[plain_name(name)]
    times = texts.index.value_counts().to_dict()
    counts: Counter[str] = Counter()
    for index, text in enumerate(texts.distinct):
        if is_text(text):
            counts[text.strip()] += times[index]
    if any(_is_more_than_a_number(text) for text in counts):
        return "text"
    needed = TYPE_SHARE * counts.total()
    if sum(times for text, times in counts.items() if _is_amount(text, currency)) >= needed:
        return "number"
    return "date" if sum(times for text, times in counts.items() if _is_date(text)) >= needed else "text"


_LEADING_ZERO = re.compile(r"[^\w.,]*0[\d,][\d,.]*[^\w.,]*")
_PHONE_LIKE = re.compile(r"\+\d{7,}")
_LONG_NUMBER = re.compile(rf"(?:[0-9][.,]?){{{MOST_DIGITS + 1}}}")


def _is_more_than_a_number(text: str) -> bool:
    """Whether a text would lose something as a number: its leading zero or plus sign, or its last digits."""
    has_head = _LEADING_ZERO.fullmatch(text) or _PHONE_LIKE.fullmatch(text)
    return bool(has_head and not date_readings(text)) or _LONG_NUMBER.search(text) is not None


def _is_amount(text: str, currency: Currency) -> bool:
    """Whether a text is a number or an amount of money, even in another currency if it has that currency's sign."""
    try:
        parse_number(text, currency)
    except InvalidValue as invalid:
        return invalid.code == "wrong_currency" and any(unicodedata.category(char) == "Sc" for char in text)
    return True


def _is_date(text: str) -> bool:
    if date_readings(text):
        return True
    try:
        parse_date(text)
    except InvalidValue:
        return False
    return True
