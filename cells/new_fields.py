"""The lead custom fields that Close lacks: the type that each new one gets, why, and the value that decided."""

import functools
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from types import MappingProxyType
from typing import Any

from cells.columns import Texts
from cells.dates import DATE_ORDERS, date_readings, names_a_moment, parse_date, parse_moment
from cells.field_types import Conventions
from cells.lead_fields import FOUNDED, NATIONAL_ID, REVENUE, LeadField
from cells.numbers import (
    DECIMAL_MARKS,
    MOST_DIGITS,
    SIGN_BY_CURRENCY,
    WORDS_BY_CURRENCY,
    Currency,
    DecimalMark,
    is_plain_number,
    parse_number,
)
from cells.placeholders import is_placeholder
from cells.texts import InvalidValue, ProblemCode, plain_name, words_of

FIXED_TYPES = {plain_name(FOUNDED): "date", plain_name(REVENUE): "number", plain_name(NATIONAL_ID): "text"}
AS_ALWAYS = "as always"
TO_FIND_LEADS = "as always: imports find their leads by it"
AS_ASKED = "as the map says"
LONGEST_QUOTED = 40  # characters of a value in a reason
_CODE_WORDS = frozenset({"zip", "zipcode", "postal", "postcode", "id", "code", "sic", "naics"})
_NOUNS = {  # what the values of a type are: one, and several
    "number": ("number", "numbers"),
    "datetime": ("date with a time", "dates with a time"),
    "date": ("date", "dates"),
}

Parse = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class NewField:
    """A lead custom field to create: its name, its `kind` as Close names types, and the reason for that.

    `row` and `value` are those of the cell that decided; row 0 if none did.
    """

    name: str
    kind: str
    reason: str
    row: int = 0
    value: str = ""

    @property
    def field(self) -> LeadField:
        """The field as it will be in Close."""
        return LeadField(self.name, self.kind)


def fields_to_make(
    columns: Mapping[str, Texts],
    known: Collection[str],
    conventions: Conventions,
    asked: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, NewField]:
    """The custom fields to create because Close does not have them, by name; a column without values needs no field.

    `asked` has the types that a person has given, by the name of the field. They overrule all others.
    """
    types = {plain_name(name): kind for name, kind in asked.items()}
    missing = {
        name: texts for name, texts in columns.items() if name not in known and next(texts.values(), None) is not None
    }
    return {name: _new_field(name, texts, conventions, types.get(plain_name(name))) for name, texts in missing.items()}


def _new_field(name: str, texts: Texts, conventions: Conventions, asked: str | None) -> NewField:
    """A new field with the type that was asked for, that a field we depend on must have, or that fits all values."""
    if asked:
        return NewField(name, asked, AS_ASKED)
    if plain_name(name) in FIXED_TYPES:
        return NewField(name, FIXED_TYPES[plain_name(name)], AS_ALWAYS)
    if _is_code(name):
        return NewField(name, "text", "because its title says that it is a code")
    return _fitting_field(name, _Values.of(texts), conventions.of(name))


def _is_code(name: str) -> bool:
    """Whether a title says that its figures are not to be reckoned with."""
    words = words_of(name)
    return bool(_CODE_WORDS.intersection(words)) or words[-1:] == ["number"]


# The type that fits all values ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cell:
    """The first cell with a value: its row, and the value. Of `count` cells that say something, `before` are above."""

    row: int
    value: str
    before: int
    count: int

    @property
    def told(self) -> str:
        """The value, shortened and quoted, with its row."""
        is_short = len(self.value) <= LONGEST_QUOTED
        shortened = self.value if is_short else f"{self.value[: LONGEST_QUOTED - 1]}…"
        return f"{shortened!r} (row {self.row})"


@dataclass(frozen=True, slots=True)
class _Values:
    """The values of a column: `numbers` are the indices of those of its texts that say something."""

    texts: Texts
    numbers: list[int]

    @classmethod
    def of(cls, texts: Texts) -> "_Values":
        meant = enumerate(texts.meant)
        return cls(texts, [number for number, text in meant if text and not is_placeholder(text)])

    def __iter__(self) -> Iterator[str]:
        return (self.texts.meant[number] for number in self.numbers)

    def cell(self, at: int) -> _Cell:
        """The first cell with the distinct value at this place."""
        number, says = self.numbers[at], [False] * len(self.texts.meant)
        for each in self.numbers:
            says[each] = True
        by_row = self.texts.index[self.texts.by_row(says)]
        before = int((by_row == number).to_numpy().argmax())
        return _Cell(int(by_row.index[before]), self.texts.meant[number], before, len(by_row))


def _fitting_field(name: str, values: _Values, conventions: Conventions) -> NewField:
    """A new field of the first type that takes all values; of text if there is none."""
    misfits: dict[str, int] = {}
    for kind, parsers in _parsers(conventions).items():
        misfit = _first_misfit(values, parsers)
        if misfit is None:
            cell = values.cell(0)
            return NewField(name, kind, _why_fitting(kind, cell), cell.row, cell.value)
        misfits[kind] = misfit
    last = max(misfits, key=lambda kind: misfits[kind])
    cell = values.cell(misfits[last])
    return NewField(name, "text", _why_text(cell, last, conventions), cell.row, cell.value)


def _parsers(conventions: Conventions) -> dict[str, list[Parse]]:
    """For each type in order of preference, the ways to read its values; all values of a column are read in one way."""
    return {
        "number": [functools.partial(_parse_amount, conventions.currency, mark) for mark in DECIMAL_MARKS],
        "datetime": [functools.partial(_parse_full_moment, conventions.zone)],
        "date": [functools.partial(parse_date, order=order) for order in DATE_ORDERS],
    }


def _first_misfit(values: Iterable[str], parsers: Sequence[Parse]) -> int | None:
    """Where the value stands after which none of the parsers has taken every value; None if one takes them all."""
    left = list(parsers)
    for at, value in enumerate(values):
        left = [] if _loss_as_number(value) else [parse for parse in left if not _problem(parse, value)]
        if not left:
            return at
    return None


def _problem(parse: Parse, value: str) -> ProblemCode | None:
    """Why a parser does not take a value; None if it does."""
    try:
        parse(value)
    except InvalidValue as refusal:
        return refusal.code
    return None


def _parse_amount(currency: Currency, mark: DecimalMark, text: str) -> float:
    if not is_plain_number(text):
        raise InvalidValue("invalid_number", "It may be a part of a code.")
    return parse_number(text, currency, mark)


def _parse_full_moment(zone: tzinfo | None, text: str) -> str:
    if not (names_a_moment(text) or (zone and "ymd" in date_readings(text))):
        raise InvalidValue("no_time_zone", "It is not a full moment.")
    return parse_moment(text, None, zone)


_LEADING_ZERO = re.compile(r"[^\w.,]*0[\d,][\d,.]*[^\w.,]*")
_PHONE_LIKE = re.compile(r"\+\d{7,}")
_LONG_NUMBER = re.compile(rf"(?:[0-9][.,]?){{{MOST_DIGITS + 1}}}")


def _loss_as_number(text: str) -> str:
    """What would be lost if a text became a number, or a part of one; "" if nothing."""
    if _PHONE_LIKE.fullmatch(text):
        return "looks like a phone number"
    if _LEADING_ZERO.fullmatch(text) and not date_readings(text):
        return "would lose its leading zero"
    return "would lose its last digits" if _LONG_NUMBER.search(text) else ""


# Why ------------------------------------------------------------------------------------------------------------------


def _why_fitting(kind: str, first: _Cell) -> str:
    noun, nouns = _NOUNS[kind]
    if first.count == 1:
        return f"because its only value is a {noun}: {first.told}"
    return f"because {'both' if first.count == 2 else f'all {first.count}'} values are {nouns}, such as {first.told}"


def _why_text(cell: _Cell, kind: str, conventions: Conventions) -> str:
    """Why only text is left after a cell; all values before it, if there are any, are of this `kind`."""
    flaw = _flaw(cell, kind, conventions)
    if not cell.before:
        return f"because {cell.told} {flaw or 'is neither a number nor a date'}"
    (noun, nouns), is_one = _NOUNS[kind], cell.before == 1
    others = "the value before it" if is_one else f"the {cell.before} values before it"
    if flaw:
        return f"because {cell.told} {flaw}, though {others} {f'is a {noun}' if is_one else f'are {nouns}'}"
    if _first_misfit([cell.value], _parsers(conventions)[kind]) is None:
        return f"because {cell.told} {_OTHERWISE[kind]} than {others}"
    return f"because {cell.told} is no {noun}, though {others} {'is' if is_one else 'are'}"


_OTHERWISE = {"number": "has another decimal mark", "date": "has day and month in another order"}


def _flaw(cell: _Cell, kind: str, conventions: Conventions) -> str:
    """What keeps a value from being of a kind although it looks like that; "" if it does not look so."""
    flaw = _flaw_of_number(cell.value, conventions.currency) if kind == "number" else ""
    if flaw or (cell.before and kind == "number"):
        return flaw
    return _flaw_of_date(cell.value, conventions.zone, may_have_time=kind != "date")


def _flaw_of_number(text: str, currency: Currency) -> str:
    loss = _loss_as_number(text)
    if loss:
        return "" if any(map(str.isalpha, text)) else loss
    problems = {_problem(functools.partial(parse_number, currency=currency, mark=mark), text) for mark in DECIMAL_MARKS}
    if None in problems and not is_plain_number(text):
        return "is not written in figures alone"
    return "is not in your organization's currency" if problems == {"wrong_currency"} and _names_money(text) else ""


def _names_money(text: str) -> bool:
    """Whether a text has the sign or the code of a currency, rather than any three letters."""
    is_signed = any(unicodedata.category(char) == "Sc" for char in text)
    return is_signed or any(code in text for code in SIGN_BY_CURRENCY.keys() | WORDS_BY_CURRENCY.keys())


def _flaw_of_date(text: str, zone: tzinfo | None, *, may_have_time: bool) -> str:
    problem = _problem(functools.partial(parse_moment, zone=zone), text)
    if ":" not in text or not (date_readings(text) or problem in (None, "no_time_zone")):
        return ""
    if not may_have_time:
        return "has a time of day"
    if problem == "no_time_zone":
        return "has a time without a time zone"
    return "" if "ymd" in date_readings(text) else "has a time, but does not begin with the year"
