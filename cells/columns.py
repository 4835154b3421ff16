"""The columns that a file of leads may have, and how their cells are parsed, each distinct text once."""

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cells.emails import parse_email, plain_email
from cells.in_parallel import MANY, parse_many
from cells.names import NameCase, clean_contact_name
from cells.phones import parse_phone, plain_phone
from cells.texts import InvalidValue, ProblemCode, is_text
from cells.us_states import parse_state

COMPANY = "Company"
CONTACT_NAME = "Contact Name"
EMAILS = "Contact Emails"
PHONES = "Contact Phones"
CUSTOM_PREFIX = "custom."
ROWS_AT_ONCE = 10_000  # a small part of a large file

REJECT_COLUMNS = ("_row", "_column", "_value", "_code", "_reason", "_date_order")  # what our rejects files add
ROW_COLUMN, _, VALUE_COLUMN, CODE_COLUMN, _, DATE_ORDER_COLUMN = REJECT_COLUMNS


@dataclass(frozen=True, slots=True)
class LeadColumn:
    """A column whose values go to a part that every lead has, rather than to a custom field.

    `title` is the column's header, `label` is what people call the value. `key` is the part of a lead in Close that
    holds it: `write` builds that part from a value; `read` returns the texts that a lead holds there, or None if there
    is room for a value. `blank` describes a lead that has the part, but no such text in it.
    """

    title: str
    label: str
    key: str
    parse: Callable[[str], str]
    write: Callable[[str], Any]
    read: Callable[[Mapping[str, Any]], list[str] | None]
    blank: str

    def means(self, text: str) -> str:
        """The value that a text in Close stands for, or the text itself if it does not stand for one."""
        try:
            return self.parse(text)
        except InvalidValue:
            return text


def _us_address(state: str) -> list[dict[str, str]]:
    return [{"label": "business", "state": state, "country": "US"}]


def _states(lead: Mapping[str, Any]) -> list[str] | None:
    addresses = lead.get("addresses")
    return [address.get("state") or "" for address in addresses] if addresses else None


STATE = LeadColumn(
    title="Company US State",
    label="State",
    key="addresses",
    parse=parse_state,
    write=_us_address,
    read=_states,
    blank="an address without a state",
)
LEAD_COLUMNS: Mapping[str, LeadColumn] = {each.title: each for each in (STATE,)}  # by title
KNOWN_COLUMNS = (COMPANY, CONTACT_NAME, EMAILS, PHONES, *LEAD_COLUMNS)


# A column's texts, and what they are parsed to ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Texts:
    """The `distinct` texts of a column in order of first appearance, and for each row the `index` of its text."""

    distinct: list[str]
    index: "pd.Series[int]"

    def without(self, rows: Sequence[int]) -> "Texts":
        """The texts of the other rows."""
        if not rows:
            return self
        kept = self.index.drop(rows)
        index, distinct = pd.factorize(kept)
        return Texts([self.distinct[number] for number in distinct], pd.Series(index.astype("int32"), index=kept.index))

    def by_row(self, of_texts: Sequence[Any]) -> "pd.Series[Any]":
        """For each row, the entry of `of_texts` that belongs to its text."""
        return pd.Series(of_texts).take(self.index.to_numpy()).set_axis(self.index.index)


def texts_of(cells: "pd.Series[str]") -> Texts:
    """The texts of a column of cells."""
    index, distinct = pd.factorize(cells)
    return Texts(list(distinct), pd.Series(index.astype("int32"), index=cells.index))


Lost = tuple[str, ProblemCode, str]  # a text that could not be kept, the code and the reason
Parsed = tuple[tuple[Any, ...], tuple[Lost, ...]]  # the clean values of a cell, and what was lost of it


@dataclass(frozen=True, slots=True)
class Parser:
    """How a column's cells are parsed.

    If most cells hold one value in a usual form, `parse_plain` returns that value, or None for any other cell. If those
    other cells may be slow to parse, `parse_part` parses one part of them.
    """

    parse_cell: Callable[[str], Parsed]
    parse_plain: Callable[[str], Any] | None = None
    parse_part: Callable[[str], Any] | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A parsed column: the clean value of each of its distinct texts, or None.

    By the index of a text, `several` has all values of a text with more than one, and `lost` what was lost from it.
    """

    texts: Texts
    values: list[Any]
    several: dict[int, tuple[Any, ...]]
    lost: dict[int, tuple[Lost, ...]]

    def all_of(self, index: int) -> tuple[Any, ...]:
        """All values of a text."""
        value = self.values[index]
        return () if value is None else self.several.get(index, (value,))


def parse_column(texts: Texts, parser: Parser) -> Column:
    """The column, with each distinct text parsed once: by the fast path where possible, on all cores if many remain."""
    parse_plain = parser.parse_plain or (lambda _: None)
    column = Column(texts, list(map(parse_plain, texts.distinct)), {}, {})
    left = [index for index, value in enumerate(column.values) if value is None]
    parse_cell = parser.parse_cell
    if parser.parse_part and len(left) >= MANY:
        parse_cell = several_values(_known(parser.parse_part, [texts.distinct[index] for index in left]), _SEPARATORS)
    for index in left:
        values, lost = parse_cell(texts.distinct[index])
        if values:
            column.values[index] = values[0]
        if len(values) > 1:
            column.several[index] = values
        if lost:
            column.lost[index] = lost
    return column


def _known(parse: Callable[[str], Any], cells: Iterable[str]) -> Callable[[str], Any]:
    """The same parser, but with its results for every part of these cells computed in advance."""
    parts = list(dict.fromkeys(part for cell in cells for part in _SEPARATORS.split(cell) if is_text(part)))
    known = dict(zip(parts, parse_many(parse, parts), strict=True))

    def parse_part(part: str) -> Any:
        value, refused = known[part]
        if refused:
            raise InvalidValue(*refused)
        return value

    return parse_part


# Parsers of cells -----------------------------------------------------------------------------------------------------

_SEPARATORS = re.compile(r"[\r\n,]|;(?!ext=)")


def one_value(parse: Callable[[str], Any]) -> Callable[[str], Parsed]:
    """A parser for cells that hold one value or nothing."""

    def parse_cell(text: str) -> Parsed:
        if not is_text(text):
            return (), ()
        try:
            return (parse(text),), ()
        except InvalidValue as invalid:
            return (), ((text.strip(), invalid.code, invalid.reason),)

    return parse_cell


def several_values(parse: Callable[[str], Any], separators: re.Pattern[str]) -> Callable[[str], Parsed]:
    """A parser for cells that may hold several values, divided by `separators`; equal values count once."""
    parse_one = one_value(parse)

    def parse_cell(text: str) -> Parsed:
        parts = [parse_one(part) for part in separators.split(text)]
        values = tuple(dict.fromkeys(value for found, _ in parts for value in found))
        return values, tuple(lost for _, dropped in parts for lost in dropped)

    return parse_cell


def known_parsers(names: NameCase, region: str) -> dict[str, Parser]:
    """The parsers for the columns that any file may have, by title; the company column is read separately."""
    parse_phones = functools.partial(parse_phone, region=region)
    plain_phones = functools.partial(plain_phone, region=region)
    return {
        CONTACT_NAME: Parser(one_value(functools.partial(clean_contact_name, names=names))),
        EMAILS: Parser(several_values(parse_email, _SEPARATORS), plain_email, parse_email),
        PHONES: Parser(several_values(parse_phones, _SEPARATORS), plain_phones, parse_phones),
        **{column.title: Parser(one_value(column.parse)) for column in LEAD_COLUMNS.values()},
    }
