"""A file's rows become clean leads with contacts, with a reason for everything that was dropped.

Cells become clean values, with each distinct text parsed once, and rows become one lead per company. The package
`cells` decides what a single text means.
"""

import csv
import io
import itertools
import operator
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from cells.columns import (
    CODE_COLUMN,
    COMPANY,
    CONTACT_NAME,
    CUSTOM_PREFIX,
    DATE_ORDER_COLUMN,
    EMAILS,
    KNOWN_COLUMNS,
    LEAD_COLUMNS,
    PHONES,
    ROWS_AT_ONCE,
    VALUE_COLUMN,
    Column,
    Texts,
    known_parsers,
    parse_column,
    texts_of,
)
from cells.companies import identity_of, import_key
from cells.date_orders import find_date_orders
from cells.dates import DateOrder
from cells.field_types import field_parser, fields_to_make
from cells.lead_fields import LeadField
from cells.names import NameCase, clean_name
from cells.numbers import US_DOLLAR, Currency
from cells.source_file import SourceFile, few_collections
from cells.texts import ProblemCode, is_text

MOST_ITEMS = 100  # e-mails, and phones, that one contact may have in Close

Value = str | int | float


class Problem(NamedTuple):
    """One value, or one whole row, that could not be kept: where it was, what it was, and why."""

    row: int
    column: str
    value: str
    code: ProblemCode
    reason: str


@dataclass(slots=True)
class Contact:
    """A person at a company, as Close will hold them.

    `rows` is the row that all of it comes from or, for a person in several rows, the row where each value came first.
    """

    name: str
    emails: list[str]
    phones: list[str]
    rows: int | dict[str, int] = field(default_factory=dict)

    @property
    def origin(self) -> dict[str, int]:
        """The row in which each value came first."""
        if isinstance(self.rows, dict):
            return self.rows
        return dict.fromkeys(self.items, self.rows)

    @property
    def items(self) -> list[str]:
        """All that is known of the person."""
        return [*filter(None, [self.name]), *self.emails, *self.phones]

    @property
    def called(self) -> str:
        """What to call the person: the name, or else the first thing that is known."""
        return next(iter(self.items), "")


@dataclass(slots=True)
class Lead:
    """One company in the file: its import key, its rows, and everything about it that could be kept.

    `spellings` are the names that the file uses for it. `own` has its values in the columns that any file may have, by
    title; `custom` has the values of each custom field that it fills, by name. `origin` has the row that each of these
    values comes from, by column.
    """

    key: str
    name: str
    spellings: list[str]
    rows: list[int]
    own: dict[str, str] = field(default_factory=dict)
    custom: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    contacts: list[Contact] = field(default_factory=list)
    origin: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CleanFile:
    """What a file comes to: its leads, the rows that were rejected, the values that were dropped."""

    leads: list[Lead]
    rejected: list[Problem]
    dropped: list[Problem]
    new_fields: list[LeadField]
    date_orders: Mapping[str, DateOrder]


# Cleaning -------------------------------------------------------------------------------------------------------------


def clean_source(
    source: SourceFile,
    fields: Mapping[str, LeadField],
    *,
    currency: Currency = US_DOLLAR,
    names: NameCase = "upper",
    region: str = "US",
    date_order: DateOrder | None = None,
) -> CleanFile:
    """The leads in a file, and a problem for each row or value that is lost.

    `fields` are the custom fields that exist in Close, by their name in the file; the missing ones become `new_fields`.
    Raises AmbiguousDates if a column of dates can be read in two ways.
    """
    with few_collections():
        columns = [*KNOWN_COLUMNS, *(CUSTOM_PREFIX + name for name in source.custom_fields)]
        texts = {column: texts_of(source.column(column)) for column in columns}
        rejected = _rejections(source, texts[COMPANY])
        misplaced = [problem.row for problem in rejected if problem.code == "surplus_cells"]
        evidence = {name: texts[CUSTOM_PREFIX + name].without(misplaced) for name in source.custom_fields}
        new_fields = fields_to_make(evidence, fields, currency)
        known = {**fields, **new_fields}
        dates = {name: evidence[name] for name in known if known[name].kind == "date"}
        orders = find_date_orders(dates, date_order, source.column(DATE_ORDER_COLUMN))
        parsers = known_parsers(names, region) | {
            CUSTOM_PREFIX + name: field_parser(
                field, currency, orders.get(CUSTOM_PREFIX + name), evidence[name].distinct
            )
            for name, field in known.items()
        }
        lost = [problem.row for problem in rejected]
        parsed = {column: parse_column(texts[column].without(lost), parser) for column, parser in parsers.items()}
        problems = {column: _cell_problems(column, cells) for column, cells in parsed.items()}
        leads = _assemble(texts[COMPANY].without(lost), parsed, names, problems)
        dropped = _in_order(problems, source.positions)
        return CleanFile(leads, rejected, dropped, list(new_fields.values()), orders)


def _in_order(problems: Mapping[str, Iterable[Problem]], positions: Mapping[str, int]) -> list[Problem]:
    """The problems of all columns, ordered by row, and within a row by column position."""
    by_column = [problems[column] for column in sorted(problems, key=lambda column: positions.get(column, 0))]
    return sorted(itertools.chain.from_iterable(by_column), key=operator.itemgetter(0))


def _cell_problems(name: str, column: Column) -> list[Problem]:
    found = column.texts.index[column.texts.index.isin(list(column.lost))]
    return [
        Problem(row, name, text, code, reason)
        for row, index in zip(found.index, found.tolist(), strict=True)
        for text, code, reason in column.lost[index]
    ]


# Rows that can't be imported ------------------------------------------------------------------------------------------


def _rejections(source: SourceFile, companies: Texts) -> list[Problem]:
    """The rows that can't be imported at all, with the reason."""
    blank = [index for index, text in enumerate(companies.distinct) if not is_text(text)]
    rejected = {
        row: Problem(row, COMPANY, "", "no_company", "The row has no company.")
        for row in companies.index.index[companies.index.isin(blank)]
    }
    beside = source.cells.loc[list(source.surplus)].to_numpy().tolist()
    for (row, surplus), cells in zip(source.surplus.items(), beside, strict=True):
        rejected[row] = _surplus_cells(source, row, [*cells, *surplus])
    for row, cells in _unmended_surplus(source):
        rejected[row] = _surplus_cells(source, row, cells)
    return [rejected[row] for row in sorted(rejected)]


def _surplus_cells(source: SourceFile, row: int, cells: Sequence[str]) -> Problem:
    """The problem of a row with too many cells; the value is the whole row as CSV, as the columns can't hold it."""
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    last = source.header[source.own_positions[-1]].strip()
    told = f"The row has {len(cells)} cells, but the header has {len(source.own_positions)}"
    reason = f"{told}; put quotes around a value that contains a comma."
    return Problem(row, last, line.getvalue().removesuffix("\r\n"), "surplus_cells", reason)


def _unmended_surplus(source: SourceFile) -> Iterator[tuple[int, list[str]]]:
    """The rows of a rejects file that had too many cells and are still cut off: nobody has fixed them yet."""
    codes = source.column(CODE_COLUMN)
    rows = codes.index[codes == "surplus_cells"]
    own = source.own_positions
    cut = source.cells.loc[rows, own].to_numpy().tolist()
    for row, value, cells in zip(rows, source.column(VALUE_COLUMN).loc[rows], cut, strict=True):
        whole = next(csv.reader(io.StringIO(value, newline="")), [])
        if whole[: len(own)] == cells:
            yield row, whole


# Rows of one company -> one lead --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Person:
    """What one row says about a person."""

    row: int
    name: str
    emails: tuple[str, ...]
    phones: tuple[str, ...]

    @property
    def folded_emails(self) -> frozenset[str]:
        return frozenset(map(str.casefold, self.emails))


def _assemble(
    companies: Texts, columns: Mapping[str, Column], names: NameCase, problems: Mapping[str, list[Problem]]
) -> list[Lead]:
    """One lead per import key, in file order; `problems` gets the values on which a company's rows disagree."""
    leads, lead_of_spelling = _leads(companies.distinct, names)
    lead_of_row = companies.by_row(lead_of_spelling)
    rows = lead_of_row.index.tolist()
    for row, number in zip(rows, _each(lead_of_row), strict=True):
        leads[number].rows.append(row)
    for name, column in columns.items():
        if name not in (CONTACT_NAME, EMAILS, PHONES):
            problems[name] += _fill_companies(leads, lead_of_row, name, column)
    people = (columns[name] for name in (CONTACT_NAME, EMAILS, PHONES))
    for problem in _fill_contacts(leads, rows, lead_of_row, *people):
        problems[problem.column].append(problem)
    return leads


def _leads(spellings: Sequence[str], names: NameCase) -> tuple[list[Lead], "array[int]"]:
    """A lead for each company, with only its name so far, and for each spelling the index of its lead."""
    index_of_key: dict[str, int] = {}
    leads: list[Lead] = []
    lead_of_spelling = array("q")
    for spelling in spellings:
        key = import_key(spelling)
        index = index_of_key.setdefault(key, len(leads))
        if index == len(leads):
            leads.append(Lead(key, clean_name(spelling, names), [], []))
        leads[index].spellings.append(spelling)
        lead_of_spelling.append(index)
    return leads, lead_of_spelling


def _fill_companies(leads: Sequence[Lead], lead_of_row: "pd.Series[int]", name: str, column: Column) -> list[Problem]:
    """Give the leads their values from a column: the first row with a value wins, different values become problems."""
    meanings: dict[Any, int] = {None: 0}
    whole = (column.several.get(index, value) for index, value in enumerate(column.values))
    meant = column.texts.by_row([meanings.setdefault(each, len(meanings)) for each in whole])
    rows = pd.DataFrame({"lead": lead_of_row, "text": column.texts.index, "meaning": meant})[meant != 0]
    firsts = rows[~rows["lead"].duplicated()]
    for row, lead, text in zip(firsts.index, firsts["lead"].tolist(), firsts["text"].tolist(), strict=True):
        leads[lead].origin[name] = row
        if name in LEAD_COLUMNS:
            leads[lead].own[name] = column.values[text]
        else:
            leads[lead].custom[name.removeprefix(CUSTOM_PREFIX)] = column.all_of(text)
    first = firsts.set_index("lead")
    others = rows[rows["meaning"] != rows["lead"].map(first["meaning"])]
    texts = list(map(str.strip, column.texts.distinct)) if len(others) else []
    disagreed = first["text"].loc[others["lead"].unique()]
    reasons = {
        lead: f"Row {leads[lead].origin[name]} says {texts[text]!r} for this company; the first value is kept."
        for lead, text in zip(disagreed.index, disagreed.tolist(), strict=True)
    }
    return [
        Problem(row, name, texts[text], "conflict", reasons[lead])
        for row, text, lead in zip(others.index, others["text"].tolist(), others["lead"].tolist(), strict=True)
    ]


def _fill_contacts(
    leads: Sequence[Lead],
    rows: Sequence[int],
    lead_of_row: "pd.Series[int]",
    names: Column,
    emails: Column,
    phones: Column,
) -> Iterator[Problem]:
    """Give the leads their contacts. If each row of a company is clearly a different person, nothing is compared.

    Names are told apart by their hashes; if two names share a hash, their rows are compared needlessly.
    """
    same_name = names.texts.by_row(array("q", [hash(identity_of(name)) if name else 0 for name in names.values]))
    has_items = _has_value(emails) | _has_value(phones)
    is_twice = pd.DataFrame({"lead": lead_of_row, "name": same_name}).duplicated(keep=False)
    compared: dict[int, list[_Person]] = {
        index: [] for index in lead_of_row[has_items.where(same_name == 0, is_twice)].unique()
    }
    indices = (lead_of_row, *(column.texts.index for column in (names, emails, phones)))
    for row, index, name, email, phone in zip(rows, *map(_each, indices), strict=True):
        lead = leads[index]
        if index in compared or email in emails.several or phone in phones.several:
            person = _Person(row, names.values[name] or "", emails.all_of(email), phones.all_of(phone))
            if index not in compared:
                yield from _add_contact(lead, [person])
            elif person.name or person.emails or person.phones:
                compared[index].append(person)
        elif names.values[name] is not None:
            its_email, its_phone = emails.values[email], phones.values[phone]
            its_emails = [] if its_email is None else [its_email]
            its_phones = [] if its_phone is None else [its_phone]
            lead.contacts.append(Contact(names.values[name], its_emails, its_phones, row))
    for index, people in compared.items():
        for same in _same_people(people):
            yield from _add_contact(leads[index], same)


def _each(numbers: "pd.Series[int]") -> Iterator[int]:
    """The numbers one by one; a million Python numbers at once would need too much memory."""
    firsts = range(0, len(numbers), ROWS_AT_ONCE)
    return itertools.chain.from_iterable(numbers.iloc[first : first + ROWS_AT_ONCE].tolist() for first in firsts)


def _has_value(column: Column) -> "pd.Series[bool]":
    return column.texts.by_row([value is not None for value in column.values])


def _add_contact(lead: Lead, same: Sequence[_Person]) -> Iterator[Problem]:
    """Give a lead the person described by these rows."""
    origin: dict[str, int] = {}
    contact = Contact(next((person.name for person in same if person.name), ""), [], [], origin)
    for person in same:
        for value in (*filter(None, [person.name]), *person.emails, *person.phones):
            origin.setdefault(value, person.row)
        yield from _add_items(contact.emails, person.emails, person.row, EMAILS)
        yield from _add_items(contact.phones, person.phones, person.row, PHONES)
    lead.contacts.append(contact)


def _add_items(items: list[str], more: Iterable[str], row: int, column: str) -> Iterator[Problem]:
    present = set(map(str.casefold, items))
    for item in more:
        if item.casefold() in present:
            continue
        if len(items) < MOST_ITEMS:
            items.append(item)
            present.add(item.casefold())
        else:
            yield Problem(row, column, item, "too_many", f"Close allows at most {MOST_ITEMS} for one contact.")


def _same_people(people: Sequence[_Person]) -> list[list[_Person]]:
    """The rows of each person, ordered by each person's first row.

    Equal names are one person unless they have two different sets of e-mails. A row without a name belongs to the
    person who has one of its e-mails. A shared phone number proves nothing.
    """
    groups = _by_name([person for person in people if person.name])
    owner = {email: group for group in reversed(groups) for person in group for email in person.folded_emails}
    nameless = []
    for person in people:
        if person.name:
            continue
        owners = [owner[email] for email in map(str.casefold, person.emails) if email in owner]
        if owners:
            owners[0].append(person)
        else:
            nameless.append(person)
    groups += _by_shared_email(nameless)
    for group in groups:
        group.sort(key=lambda person: person.row)
    return sorted(groups, key=lambda group: group[0].row)


def _by_name(people: Iterable[_Person]) -> list[list[_Person]]:
    namesakes: dict[str, list[_Person]] = {}
    for person in people:
        namesakes.setdefault(identity_of(person.name), []).append(person)
    groups: list[list[_Person]] = []
    for same_name in namesakes.values():
        by_emails: dict[frozenset[str], list[_Person]] = {}
        for person in same_name:
            by_emails.setdefault(person.folded_emails, []).append(person)
        groups += [same_name] if len(by_emails.keys() - {frozenset()}) <= 1 else by_emails.values()
    return sorted(groups, key=lambda group: group[0].row)


def _by_shared_email(people: Iterable[_Person]) -> list[list[_Person]]:
    """Rows that share an e-mail, directly or through a third row, in one group; each row without e-mails in its own."""
    alone: list[list[_Person]] = []
    group_of: dict[str, list[_Person]] = {}
    for person in people:
        group = [person]
        for email in person.folded_emails:
            other = group_of.get(email)
            if other is not None and other is not group:
                group += other
                group_of.update((known, group) for member in other for known in member.folded_emails)
            group_of[email] = group
        if not person.emails:
            alone.append(group)
    return alone + list({id(group): group for group in group_of.values()}.values())
