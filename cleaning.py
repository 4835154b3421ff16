"""A file's rows become clean leads with contacts, with a reason for everything that was dropped.

Cells become clean values, with each distinct text parsed once, and rows become one lead per company. The package
`cells` decides what a single text means.
"""

import itertools
import operator
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Any

import pandas as pd

from cells.column_summary import ParsedColumns
from cells.column_warnings import warn_of_columns, warn_of_values
from cells.columns import (
    COMPANY,
    CONTACT_NAME,
    CUSTOM_PREFIX,
    DATE_ORDER_COLUMN,
    DECIMAL_COLUMN,
    EMAILS,
    LEAD_COLUMNS,
    PHONES,
    ROWS_AT_ONCE,
    STATE,
    Column,
    Parser,
    Texts,
    known_parsers,
    parse_column,
    texts_of,
)
from cells.companies import identity_of, import_key
from cells.company_column import companies_of
from cells.contact_columns import People, contact_parsers, no_types, people_of, title_of_types
from cells.date_orders import find_date_orders
from cells.dates import DateOrder, names_a_zone
from cells.decimal_marks import find_decimal_marks
from cells.field_types import Conventions, field_parser, in_currency, in_thousands
from cells.lead_fields import ID_PART, NAME_PART, LeadField
from cells.maps.column_map import NOTHING_SAID
from cells.maps.rewritten_cells import as_written
from cells.names import NameCase, clean_name
from cells.new_fields import NewField, fields_to_make
from cells.numbers import DecimalMark
from cells.placeholders import STRANGERS, is_placeholder
from cells.problems import Problem
from cells.readings import Reading
from cells.roles import Roles
from cells.rows_abroad import rows_abroad
from cells.same_people import SEVERAL_NAMES, Person, named_together, people_named, same_people, types_of
from cells.source_file import SourceFile, few_collections, says_something
from cells.unusable_rows import find_unusable_rows, misplaced
from cells.wrapped import unwrapped

MOST_ITEMS = 100  # e-mails, and phones, that one contact may have in Close

Value = str | int | float


@dataclass(slots=True)
class Contact:
    """A person at a company, as Close will hold them.

    `rows` is the row that all of it comes from or, for a person in several rows, the row where each value came first.
    `types` has the types of e-mails and phones by value, where they are not `office`.
    """

    name: str
    emails: list[str]
    phones: list[str]
    rows: int | dict[str, int] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=no_types)

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

    def in_words(self) -> str:
        """All that is known of the person: `ANN LEE: a@x.com, +14155550100`."""
        known = ", ".join([*self.emails, *self.phones])
        return ": ".join(filter(None, [self.name, known]))


@dataclass(slots=True)
class Lead:
    """One company in the file: its import key, its rows, and everything about it that could be kept.

    `spellings` are the names that the file uses for it, with and without what programs put around them. `own` has its
    values in the columns that any file may have, by title; `custom` has the values of each custom field that it fills,
    by name. `origin` has the row that each of these values comes from, by column.
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
    """What a file comes to: its leads, the rows that were rejected, the values that were dropped.

    `readings` say how columns were read that can be read in two ways, `placeholders` is how many values are blank
    because a word for nothing stands there, and `warnings` are sentences about what a person should look at.
    `companies` has the company of every row, as the file spells it; `columns` are the parsed columns, if asked for.
    """

    companies: "pd.Series[str]"
    leads: list[Lead]
    rejected: list[Problem]
    dropped: list[Problem]
    new_fields: list[NewField]
    readings: list[Reading]
    placeholders: int
    warnings: list[str]
    columns: ParsedColumns | None = None

    def read_as(self, known: Collection[str]) -> dict[str, str]:
        """How columns were read, by title, if it is one of the `known` readings."""
        return {each.column: each.reading for each in self.readings if each.reading in known}


# Cleaning -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Requests:
    """How somebody asked for a file to be read: the letter case of names, the country of phone numbers without +.

    `date_order` and `decimal` hold for all columns; without them, each column has to tell. With `company_from_email`, a
    row without a company is named after the domain of its e-mail. `keeps_columns` asks for the parsed columns, too,
    which need memory.
    """

    names: NameCase = "upper"
    region: str = "US"
    date_order: DateOrder | None = None
    decimal: DecimalMark | None = None
    company_from_email: bool = False
    keeps_columns: bool = False


def clean_source(
    source: SourceFile,
    fields: Mapping[str, LeadField],
    requests: Requests = Requests(),
    conventions: Conventions = Conventions(),  # noqa: B008
) -> CleanFile:
    """The leads in a file, and a problem for each row or value that is lost.

    `fields` are the custom fields that exist in Close, by their name in the file; the missing ones become `new_fields`.
    Raises UnclearColumn if a column of dates or numbers can be read in two ways.
    """
    conventions = replace(conventions, zones=_zones(source.roles))
    with few_collections():
        companies = companies_of(source, from_email=requests.company_from_email)
        texts = {column: texts_of(cells) for column, cells in _cells(source, fields, companies.cells).items()}
        rejected = find_unusable_rows(source, texts, companies.reasons)
        custom = _custom_columns(texts, misplaced(rejected))
        new_fields = fields_to_make(custom, fields, conventions, _types(source.roles))
        defined = {**fields, **{name: new.field for name, new in new_fields.items()}}
        filled = {name: defined[name] for name in custom if name in defined}
        readings = _readings(source, custom, filled, requests, conventions)
        parsers = _parsers(source.roles, filled, readings, requests, conventions)
        lost = [problem.row for problem in rejected]
        kept = {column: each.without(lost) for column, each in texts.items()}
        parsed = {column: parse_column(each, parsers[column]) for column, each in kept.items() if column in parsers}
        people = people_of(source.roles, kept, parsed, requests.names, kept[COMPANY].index.index)
        problems = _problems(source, kept[COMPANY].index.index, companies.others, parsed, people)
        leads = _assemble(kept[COMPANY], people, _of_companies(parsed), requests.names, problems)
        dropped = [_as_written(problem, source) for problem in _in_order(problems, source.roles)]
        phones = {each.title: parsed[each.title] for each in source.roles.phones}
        return CleanFile(
            companies.cells,
            leads,
            [_as_written(problem, source) for problem in rejected],
            dropped,
            list(new_fields.values()),
            [_read_as_written(reading, source) for reading in readings.values()],
            _count_placeholders(parsed.values(), (each for name, each in custom.items() if name not in filled)),
            [
                *warn_of_values(source),
                *warn_of_columns(phones, dropped, requests.region),
                *_warn_of_strangers(leads),
            ],
            ParsedColumns(parsed, people.names, requests.names) if requests.keeps_columns else None,
        )


def _types(roles: Roles) -> dict[str, str]:
    """The types that a map gives to single fields, by name; one whose years it reads as days has dates."""
    told = {name: said.type or ("date" if said.has_years_alone else "") for name, said in roles.said_of_fields.items()}
    return {name: kind for name, kind in told.items() if kind}


def _zones(roles: Roles) -> dict[str, tzinfo]:
    """The time zones that a map gives to single fields, by name."""
    return {name: said.zone for name, said in roles.said_of_fields.items() if said.zone}


def _parsers(
    roles: Roles,
    filled: Mapping[str, LeadField],
    readings: Mapping[str, Reading],
    requests: Requests,
    conventions: Conventions,
) -> dict[str, Parser]:
    """How a cell of each column is parsed, by what to call the column."""
    known = known_parsers(requests.names, requests.region)
    return contact_parsers(roles, known) | _field_parsers(roles, filled, readings, conventions)


def _problems(
    source: SourceFile,
    rows: "pd.Index[int]",
    other_companies: Iterable[Problem],
    parsed: Mapping[str, Column],
    people: People,
) -> defaultdict[str, list[Problem]]:
    """The problems of the cells in the `rows` that are imported, by column."""
    problems = defaultdict(list, {column: _cell_problems(column, each) for column, each in parsed.items()})
    problems[COMPANY] += [problem for problem in other_companies if problem.row in rows]
    problems[STATE.title] += _states_abroad(source, rows)
    problems[CONTACT_NAME] += _cell_problems(CONTACT_NAME, people.too_long)
    return problems


def _of_companies(parsed: Mapping[str, Column]) -> dict[str, Column]:
    """The columns with values of companies, rather than of people."""
    return {name: column for name, column in parsed.items() if name in LEAD_COLUMNS or name.startswith(CUSTOM_PREFIX)}


def _custom_columns(texts: Mapping[str, Texts], misplaced_rows: Sequence[int]) -> dict[str, Texts]:
    """The columns of custom fields, by the field's name, without the rows whose cells may be in wrong columns."""
    return {
        column.removeprefix(CUSTOM_PREFIX): each.without(misplaced_rows)
        for column, each in texts.items()
        if column.startswith(CUSTOM_PREFIX)
    }


def _field_parsers(
    roles: Roles, filled: Mapping[str, LeadField], readings: Mapping[str, Reading], conventions: Conventions
) -> dict[str, Parser]:
    """How a cell of each custom field is parsed, by column title."""
    told = {column: reading.reading for column, reading in readings.items()}
    parsers = {
        CUSTOM_PREFIX + name: field_parser(each, conventions, told.get(CUSTOM_PREFIX + name, ""))
        for name, each in filled.items()
    }
    amounts = [CUSTOM_PREFIX + name for name, each in filled.items() if each.kind == "number"]
    signed = {column: in_currency(parsers[column], roles.signs[column]) for column in amounts if column in roles.signs}
    parsers |= signed
    return parsers | {column: in_thousands(parsers[column]) for column in amounts if column in roles.in_thousands}


def _count_placeholders(parsed: Iterable[Column], unparsed: Iterable[Texts]) -> int:
    return sum(map(Column.count_placeholders, parsed)) + sum(map(Texts.count_placeholders, unparsed))


def _cells(
    source: SourceFile, fields: Mapping[str, LeadField], companies: "pd.Series[str]"
) -> dict[str, "pd.Series[str]"]:
    """The cells of each column that is imported. A column of ids is filled up from one of names beside it.

    The columns of contacts have their titles in the file, all others our names for them.
    """
    roles, names = source.roles, list(source.roles.custom)
    items = [*roles.emails, *roles.phones]
    cells = {COMPANY: companies, **{roles.labels[position]: source.cells[position] for position in roles.names}}
    cells |= {each.title: source.cells[each.position] for each in items}
    cells |= {title_of_types(each): source.cells[each.types] for each in items if each.types is not None}
    cells |= {column: source.column(column) for column in [*LEAD_COLUMNS, *(CUSTOM_PREFIX + name for name in names)]}
    for name in names:
        twin = name.removesuffix(ID_PART) + NAME_PART
        if name.endswith(ID_PART) and twin in names and name in fields and fields.get(twin) == fields[name]:
            ids, called = cells[CUSTOM_PREFIX + name], cells.pop(CUSTOM_PREFIX + twin)
            is_user = fields[name].kind == "user"
            cells[CUSTOM_PREFIX + name] = ids.where(says_something(ids), called) if is_user else ids
    abroad = rows_abroad(source).index
    cells[STATE.title] = cells[STATE.title].mask(source.cells.index.isin(abroad), "")
    return cells


def _readings(
    source: SourceFile,
    custom: Mapping[str, Texts],
    filled: Mapping[str, LeadField],
    requests: Requests,
    conventions: Conventions,
) -> dict[str, Reading]:
    """How the columns of dates and numbers are read where it matters, by title."""
    dates = {name: custom[name] for name, each in filled.items() if each.kind == "date"}
    for name, each in filled.items():
        if each.kind == "datetime":  # a time without a zone is a problem in any order
            zone = conventions.of(name).zone
            told = [text if zone or names_a_zone(text) else "" for text in custom[name].meant]
            dates[name] = replace(custom[name], meant=told)
    numbers = {name: custom[name] for name, each in filled.items() if each.kind == "number"}
    called, said = source.roles.called, source.roles.said_of_fields
    asked_orders = {name: said.get(name, NOTHING_SAID).date_order or requests.date_order for name in dates}
    asked_marks = {name: said.get(name, NOTHING_SAID).decimal or requests.decimal for name in numbers}
    orders = find_date_orders(dates, asked_orders, source.column(DATE_ORDER_COLUMN), called)
    return orders | find_decimal_marks(numbers, asked_marks, source.column(DECIMAL_COLUMN), called)


def _states_abroad(source: SourceFile, rows: "pd.Index[int]") -> Iterator[Problem]:
    """The problems of states in rows about another country; only `rows` are imported."""
    countries = rows_abroad(source)
    states = source.column(STATE.title).loc[countries.index]
    for row, country, state in zip(countries.index.tolist(), countries.tolist(), states.tolist(), strict=True):
        text = unwrapped(state)
        if row in rows and text and not is_placeholder(text):
            yield Problem(
                row, STATE.title, text, "state_abroad", f"The row is about {country}, so this is not a US state."
            )


def _warn_of_strangers(leads: Iterable[Lead]) -> Iterator[str]:
    for lead in leads:
        if lead.name.casefold() in STRANGERS:
            rows = f"{len(lead.rows)} rows share" if len(lead.rows) > 1 else "a row has"
            yield f"{rows} the company {lead.name!r}, which strangers may share; it becomes one lead."


def _in_order(problems: Mapping[str, Iterable[Problem]], roles: Roles) -> list[Problem]:
    """The problems of all columns, by row, and in a row by column position; columns are called as in the file."""
    positions = {roles.labels[each.position]: each.position for each in [*roles.emails, *roles.phones]}
    positions |= {roles.labels[position]: position for position in roles.names}
    positions |= {column: places[0] for column, places in roles.sources.items()}
    by_column = [problems[column] for column in sorted(problems, key=lambda column: positions.get(column, 0))]
    ordered = sorted(itertools.chain.from_iterable(by_column), key=operator.itemgetter(0))
    names = {column: roles.called(column) for column in roles.sources}
    renamed = {column: name for column, name in names.items() if column != name}
    return [each._replace(column=renamed[each.column]) if each.column in renamed else each for each in ordered]


def _as_written(problem: Problem, source: SourceFile) -> Problem:
    """The problem with the value that stands in the file, if a map says to read something else instead of it."""
    value = _value_written(source, problem.row, problem.column, problem.value)
    if value == problem.value:
        return problem
    return problem._replace(value=value, reason=problem.reason.replace(repr(problem.value), repr(value)))


def _read_as_written(reading: Reading, source: SourceFile) -> Reading:
    """The reading with the value that stands in the file."""
    if not reading.row:
        return reading
    return replace(reading, value=_value_written(source, reading.row, reading.column, reading.value))


def _value_written(source: SourceFile, row: int, column: str, value: str) -> str:
    roles = source.roles
    mapped = [at for at in roles.positions_called(column) if roles.said.get(at, NOTHING_SAID).rewrites]
    found = (as_written(value, str(source.written.at[row, at]), roles.said[at]) for at in mapped)
    return next((text for text in found if text != value), value)


def _cell_problems(name: str, column: Column) -> list[Problem]:
    found = column.texts.index[column.texts.index.isin(list(column.lost))]
    return [
        Problem(row, name, text, code, reason)
        for row, index in zip(found.index, found.tolist(), strict=True)
        for text, code, reason in column.lost[index]
    ]


# Rows of one company -> one lead --------------------------------------------------------------------------------------


def _assemble(
    companies: Texts,
    people: People,
    columns: Mapping[str, Column],
    names: NameCase,
    problems: Mapping[str, list[Problem]],
) -> list[Lead]:
    """One lead per import key, in file order; `problems` gets the values on which a company's rows disagree.

    `columns` have the values of companies.
    """
    leads, lead_of_spelling = _leads(companies, names)
    lead_of_row = companies.by_row(lead_of_spelling)
    rows = lead_of_row.index.tolist()
    for row, number in zip(rows, _each(lead_of_row), strict=True):
        leads[number].rows.append(row)
    for name, column in columns.items():
        problems[name] += _fill_companies(leads, lead_of_row, name, column)
    for problem in _fill_contacts(leads, rows, lead_of_row, people):
        problems[problem.column].append(problem)
    return leads


def _leads(companies: Texts, names: NameCase) -> tuple[list[Lead], "array[int]"]:
    """A lead for each company, with only its name so far, and for each spelling the index of its lead."""
    index_of_key: dict[str, int] = {}
    leads: list[Lead] = []
    lead_of_spelling = array("q")
    for cell, spelling in zip(companies.distinct, companies.meant, strict=True):
        key = import_key(spelling)
        index = index_of_key.setdefault(key, len(leads))
        if index == len(leads):
            leads.append(Lead(key, clean_name(spelling, names), [], []))
        leads[index].spellings += [spelling] if cell == spelling else [spelling, cell]
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
    kept = {lead: texts[text] for lead, text in zip(disagreed.index, disagreed.tolist(), strict=True)}
    reasons = {
        lead: f"Row {leads[lead].origin[name]} says {text!r} for this company; the first value is kept."
        for lead, text in kept.items()
    }
    return [
        Problem(row, name, texts[text], "conflict", reasons[lead], kept[lead])
        for row, text, lead in zip(others.index, others["text"].tolist(), others["lead"].tolist(), strict=True)
    ]


def _fill_contacts(
    leads: Sequence[Lead], rows: Sequence[int], lead_of_row: "pd.Series[int]", people_of_rows: People
) -> Iterator[Problem]:
    """Give the leads their contacts. If each row of a company is clearly a different person, nothing is compared.

    Names are told apart by their hashes; if two names share a hash, their rows are compared needlessly.
    """
    names, emails, phones = people_of_rows.names, people_of_rows.emails, people_of_rows.phones
    same_name = names.texts.by_row(array("q", [hash(identity_of(name)) if name else 0 for name in names.values]))
    has_items = _has_value(emails) | _has_value(phones)
    has_several = names.texts.index.isin(list(names.several))
    is_twice = pd.DataFrame({"lead": lead_of_row, "name": same_name}).duplicated(keep=False)
    compared: dict[int, list[Person]] = {
        index: [] for index in lead_of_row[has_items.where(same_name == 0, is_twice) | has_several].unique()
    }
    indices = (lead_of_row, *(column.texts.index for column in (names, emails, phones)))
    for row, index, name, email, phone in zip(rows, *map(_each, indices), strict=True):
        lead = leads[index]
        called = names.several.get(name) or named_together(names.values[name], emails.several.get(email, ()))
        if called:
            cells = ((names, name), (emails, email), (phones, phone))
            is_whole = not any(cell in column.lost or cell in column.placeholders for column, cell in cells)
            person = Person(row, "", emails.all_of(email), phones.all_of(phone), people_of_rows.types(email, phone))
            people = people_named(person, called) if is_whole else []
            if len(people) < 2:
                people = [person]
                yield Problem(row, CONTACT_NAME, "; ".join(called), "several_names", SEVERAL_NAMES)
            compared.setdefault(index, []).extend(people)
        elif index in compared or email in emails.several or phone in phones.several:
            types = people_of_rows.types(email, phone)
            person = Person(row, names.values[name] or "", emails.all_of(email), phones.all_of(phone), types)
            if index not in compared:
                yield from _add_contact(lead, [person])
            elif person.name or person.emails or person.phones:
                compared[index].append(person)
        elif names.values[name] is not None:
            its_email, its_phone = emails.values[email], phones.values[phone]
            its_emails = [] if its_email is None else [its_email]
            its_phones = [] if its_phone is None else [its_phone]
            types = people_of_rows.types(email, phone)
            lead.contacts.append(Contact(names.values[name], its_emails, its_phones, row, types))
    for index, people in compared.items():
        for same in same_people(people):
            yield from _add_contact(leads[index], same)


def _each(numbers: "pd.Series[int]") -> Iterator[int]:
    """The numbers one by one; a million Python numbers at once would need too much memory."""
    firsts = range(0, len(numbers), ROWS_AT_ONCE)
    return itertools.chain.from_iterable(numbers.iloc[first : first + ROWS_AT_ONCE].tolist() for first in firsts)


def _has_value(column: Column) -> "pd.Series[bool]":
    return column.texts.by_row([value is not None for value in column.values])


def _add_contact(lead: Lead, same: Sequence[Person]) -> Iterator[Problem]:
    """Give a lead the person described by these rows."""
    origin: dict[str, int] = {}
    contact = Contact(next((person.name for person in same if person.name), ""), [], [], origin, types_of(same))
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
