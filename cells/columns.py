"""The columns that a file of leads may have, and how their cells are parsed, each distinct text once."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import pandas as pd

from cells.emails import parse_emails, plain_email
from cells.in_parallel import MANY, parse_many
from cells.names import NameCase, parse_contact_names, plain_contact_name
from cells.parsed import Lost, Parsed, one_value, refused
from cells.phones import parse_phones, plain_phone
from cells.placeholders import is_placeholder
from cells.texts import InvalidValue
from cells.us_states import parse_state
from cells.wrapped import is_bare, is_formula, unwrapped

COMPANY = "Company"
CONTACT_NAME = "Contact Name"
EMAILS = "Contact Emails"
PHONES = "Contact Phones"
CUSTOM_PREFIX = "custom."
ROWS_AT_ONCE = 10_000  # a small part of a large file

REJECT_COLUMNS = ("_row", "_column", "_value", "_code", "_reason", "_date_order")  # what our rejects files add
ROW_COLUMN, _, VALUE_COLUMN, CODE_COLUMN, _, DATE_ORDER_COLUMN = REJECT_COLUMNS
DECIMAL_COLUMN = "_decimal"  # what they also add if a column has a decimal comma
OUR_COLUMNS = (*REJECT_COLUMNS, DECIMAL_COLUMN)


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
    """The `distinct` texts of a column in order of first appearance, and for each row the `index` of its text.

    `meant` has what each distinct text says without its wrapping.
    """

    distinct: list[str]
    meant: list[str]
    index: "pd.Series[int]"

    def without(self, rows: Sequence[int]) -> "Texts":
        """The texts of the other rows."""
        if not rows:
            return self
        kept = self.index.drop(rows)
        index, distinct = pd.factorize(kept)
        return Texts(
            [self.distinct[number] for number in distinct],
            [self.meant[number] for number in distinct],
            pd.Series(index.astype("int32"), index=kept.index),
        )

    def by_row(self, of_texts: Sequence[Any]) -> "pd.Series[Any]":
        """For each row, the entry of `of_texts` that belongs to its text."""
        return pd.Series(of_texts).take(self.index.to_numpy()).set_axis(self.index.index)

    def count_placeholders(self) -> int:
        """In how many rows a word for nothing stands."""
        found = [index for index, text in enumerate(self.meant) if is_placeholder(text)]
        return int(self.index.isin(found).sum())

    def counted(self) -> Iterator[tuple[int, str, int]]:
        """Each distinct text as it is meant: the first row that has it, the text, and in how many rows it stands."""
        firsts = self.index.drop_duplicates().index.tolist()
        return zip(firsts, self.meant, self.index.value_counts().sort_index().tolist(), strict=True)

    def values(self) -> Iterator[str]:
        """The distinct texts that say something."""
        return (text for text in self.meant if text and not is_placeholder(text))


def texts_of(cells: "pd.Series[str]") -> Texts:
    """The texts of a column of cells."""
    index, distinct = pd.factorize(cells)
    texts = list(distinct)
    meant = [text if is_bare(text) else unwrapped(text) for text in texts]
    return Texts(texts, meant, pd.Series(index.astype("int32"), index=cells.index))


@dataclass(frozen=True, slots=True)
class Parser:
    """How a column's cells are parsed, after their wrapping is off.

    If most cells hold one value in a usual form, `parse_plain` returns that value, or None for any other cell. Other
    cells of a column that `is_slow` are parsed on all cores if there are many; `parse_cell` can then be pickled.
    """

    parse_cell: Callable[[str], Parsed]
    parse_plain: Callable[[str], Any] | None = None
    is_slow: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A parsed column: the clean value of each of its distinct texts, or None.

    By the index of a text, `several` has all values of a text with more than one, `lost` what was lost from it, and
    `placeholders` how many stand in it. `types` has the types in Close of the e-mails or phones of each text, None if
    they are all `office`; it is empty if that holds for all texts.
    """

    texts: Texts
    values: list[Any]
    several: dict[int, tuple[Any, ...]]
    lost: dict[int, tuple[Lost, ...]]
    placeholders: dict[int, int]
    types: list[tuple[str, ...] | None] = field(default_factory=list)

    def all_of(self, index: int) -> tuple[Any, ...]:
        """All values of a text."""
        value = self.values[index]
        return () if value is None else self.several.get(index, (value,))

    def types_of(self, index: int) -> dict[str, str]:
        """The types of all values of a text that are not `office`, by value."""
        types = self.types[index] if self.types else None
        if types is None:
            return {}
        return {value: kind for value, kind in zip(self.all_of(index), types, strict=True) if kind != "office"}

    def count_placeholders(self) -> int:
        """How many placeholders stand in all rows."""
        found = self.texts.index[self.texts.index.isin(list(self.placeholders))]
        return sum(self.placeholders[index] for index in found.tolist())


def parse_column(texts: Texts, parser: Parser) -> Column:
    """The column, with each distinct text parsed once: by the fast path where possible, on all cores if many remain."""
    parse_plain = parser.parse_plain or (lambda _: None)
    column = Column(texts, list(map(parse_plain, texts.meant)), {}, {}, {})
    left = [index for index, value in enumerate(column.values) if value is None and texts.meant[index]]
    for index, (values, lost, placeholders) in zip(left, _parsed(parser, texts, left), strict=True):
        if values:
            column.values[index] = values[0]
        if len(values) > 1:
            column.several[index] = values
        if lost:
            column.lost[index] = lost
        if placeholders:
            column.placeholders[index] = placeholders
    return column


def _parsed(parser: Parser, texts: Texts, indices: Sequence[int]) -> Iterator[Parsed]:
    """What the cells at some indices are parsed to; a formula is nothing that can be parsed."""
    cells = [texts.meant[index] for index in indices]
    is_many = parser.is_slow and len(cells) >= MANY
    light = functools.partial(_as_tuple, parser.parse_cell)
    parsed = map(itemgetter(0), parse_many(light, cells)) if is_many else map(parser.parse_cell, cells)
    for index, result in zip(indices, parsed, strict=True):
        text = texts.meant[index]
        yield _a_formula(text) if text[0] in "=+-@" and is_formula(texts.distinct[index]) else result


def _as_tuple(parse_cell: Callable[[str], Parsed], text: str) -> tuple[Any, ...]:
    """The parsed cell as a plain tuple, which processes exchange faster."""
    return tuple(parse_cell(text))


def _a_formula(text: str) -> Parsed:
    reason = "This is a formula, whose result the file does not have; paste the value itself into the spreadsheet."
    return refused(text, "formula", reason)


def known_parsers(names: NameCase, region: str) -> dict[str, Parser]:
    """The parsers for the columns that any file may have, by title; the company column is read separately."""
    return {
        CONTACT_NAME: Parser(
            functools.partial(parse_contact_names, names=names), functools.partial(plain_contact_name, names=names)
        ),
        EMAILS: Parser(parse_emails, plain_email, is_slow=True),
        PHONES: phone_parser(region),
        **{column.title: Parser(one_value(column.parse)) for column in LEAD_COLUMNS.values()},
    }


def phone_parser(region: str) -> Parser:
    """The parser for phones; a number without a country code belongs to the `region`."""
    plain = functools.partial(plain_phone, region=region)
    return Parser(functools.partial(parse_phones, region=region), plain, is_slow=True)
