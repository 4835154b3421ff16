"""A file's rows -> clean leads with their contacts, and a reason for everything that was dropped.

Cells become clean values, each distinct text parsed once, and rows become one lead per company. What a single text
means is the business of `parsing`.
"""

import csv
import hashlib
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from parsing import (
    DATE_ORDERS,
    MOST_DIGITS,
    US_DOLLAR,
    Code,
    Currency,
    DateOrder,
    InvalidValue,
    NameCase,
    clean_contact_name,
    clean_name,
    date_readings,
    parse_choice,
    parse_date,
    parse_email,
    parse_moment,
    parse_number,
    parse_phone,
    parse_reference,
    parse_state,
    unclear_marks,
    visible,
)
from reading import (
    CODE_COLUMN,
    COMPANY,
    CONTACT_NAME,
    CUSTOM_PREFIX,
    DATE_ORDER_COLUMN,
    EMAILS,
    FOUNDED,
    PHONES,
    REVENUE,
    STATE,
    VALUE_COLUMN,
    InputError,
    SourceFile,
    is_text,
)

MOST_ITEMS = 100  # e-mails, and phones, that one contact may have in Close
TYPE_SHARE = 0.9  # of a column's values must be dates or numbers to make a new field of that type

Value = str | int | float
ProblemCode = Code | Literal["no_company", "surplus_cells", "too_many", "conflict", "refused"]


class AmbiguousDates(InputError):
    """A column's dates can be read in more than one way; `--date-order` settles it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One value, or one whole row, that did not get through: where it stood, as it was, and why."""

    row: int
    column: str
    value: str
    code: ProblemCode
    reason: str


@dataclass(frozen=True, slots=True)
class CustomField:
    """What cleaning must know of a lead custom field in Close."""

    name: str
    type: str
    choices: tuple[str, ...] = ()
    accepts_multiple_values: bool = False


@dataclass(slots=True)
class Contact:
    """A person at a company, as Close will hold them; `origin` says in which row each value stood first."""

    name: str
    emails: list[str]
    phones: list[str]
    origin: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Lead:
    """One company of the file: its import key, its rows, and everything about it that could be kept.

    `spellings` are the names that the file has for it; `custom` has the values of each custom field that has any;
    `origin` says from which row the state and each custom value come, by column.
    """

    key: str
    name: str
    spellings: list[str]
    rows: list[int]
    state: str | None = None
    custom: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    contacts: list[Contact] = field(default_factory=list)
    origin: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CleanFile:
    """What a file comes to: its leads, the rows that were rejected, the values that were dropped."""

    leads: list[Lead]
    rejected: list[Problem]
    dropped: list[Problem]
    new_fields: list[CustomField]
    date_orders: Mapping[str, DateOrder]


# Cleaning -------------------------------------------------------------------------------------------------------------


def clean_source(
    source: SourceFile,
    fields: Mapping[str, CustomField],
    *,
    currency: Currency = US_DOLLAR,
    names: NameCase = "upper",
    region: str = "US",
    date_order: DateOrder | None = None,
) -> CleanFile:
    """The leads of a file, and a problem for each row or value that is lost.

    `fields` says what Close has for the file's custom fields, by their name in the file; those it has not become
    `new_fields`. Raises AmbiguousDates where a column of dates can be read in two ways.
    """
    rejected = _rejections(source)
    misplaced = [problem.row for problem in rejected if problem.code == "surplus_cells"]
    evidence = {name: source.column(CUSTOM_PREFIX + name).drop(misplaced) for name in source.custom_fields}
    new_fields = _new_fields(evidence, fields, currency)
    known = {**fields, **new_fields}
    noted = source.column(DATE_ORDER_COLUMN)
    orders = _date_orders({name: evidence[name] for name in known if known[name].type == "date"}, date_order, noted)
    parsers = _contact_parsers(names, region) | {
        CUSTOM_PREFIX + name: _field_parser(
            field, currency, orders.get(CUSTOM_PREFIX + name), list(evidence[name].unique())
        )
        for name, field in known.items()
    }
    kept = source.cells.index.drop([problem.row for problem in rejected])
    cells = {column: _parse_distinct(source.column(column).loc[kept], parse) for column, parse in parsers.items()}
    leads, merge_problems = _assemble(kept, source.column(COMPANY).loc[kept], cells, names)
    place = source.positions
    dropped = sorted([*_cell_problems(kept, cells), *merge_problems], key=lambda lost: (lost.row, place[lost.column]))
    return CleanFile(leads, rejected, dropped, list(new_fields.values()), orders)


def import_key(company: str) -> str:
    """The key that a company has in every file and on every machine.

    Spellings that differ by case, white space, Unicode form or characters that nobody sees alone have the same.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible(company)).casefold())
    return "k1:" + hashlib.sha256(" ".join(folded.split()).encode()).hexdigest()[:32]


# One column -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell's text, the clean values in it, and the texts in it that could not be kept, each with the reason."""

    text: str
    values: tuple[Any, ...] = ()
    dropped: tuple[tuple[str, InvalidValue], ...] = ()


_SEPARATORS = re.compile(r"[\r\n,]|;(?!ext=)")


def _one(parse: Callable[[str], Any]) -> Callable[[str], _Cell]:
    return lambda text: _parse_parts(text, [text], parse)


def _several(parse: Callable[[str], Any], separators: re.Pattern[str] = _SEPARATORS) -> Callable[[str], _Cell]:
    return lambda text: _parse_parts(text, separators.split(text), parse)


def _parse_parts(text: str, parts: Iterable[str], parse: Callable[[str], Any]) -> _Cell:
    values: list[Any] = []
    dropped: list[tuple[str, InvalidValue]] = []
    for part in filter(is_text, parts):
        try:
            values.append(parse(part))
        except InvalidValue as invalid:
            dropped.append((part.strip(), invalid))
    return _Cell(text, tuple(dict.fromkeys(values)), tuple(dropped))


def _parse_distinct(cells: "pd.Series[str]", parse: Callable[[str], _Cell]) -> list[_Cell]:
    by_text = {text: parse(text) for text in cells.unique()}
    return [by_text[text] for text in cells]


def _contact_parsers(names: NameCase, region: str) -> dict[str, Callable[[str], _Cell]]:
    """The parsers for the columns that every file may have, by column."""
    return {
        CONTACT_NAME: _one(lambda text: clean_contact_name(text, names)),
        EMAILS: _several(parse_email),
        PHONES: _several(lambda text: parse_phone(text, region)),
        STATE: _one(parse_state),
    }


def _field_parser(
    known: CustomField, currency: Currency, order: DateOrder | None, texts: Collection[str]
) -> Callable[[str], _Cell]:
    """The parser for a column's cells; `texts` are all that stand in it."""
    unclear = unclear_marks(texts) if known.type == "number" else ""
    parsers: dict[str, Callable[[str], Any]] = {
        "number": lambda text: parse_number(text, currency, unclear),
        "date": lambda text: parse_date(text, order),
        "datetime": parse_moment,
        "choices": lambda text: parse_choice(text, known.choices),
        "user": lambda text: parse_reference(text, "user_"),
        "contact": lambda text: parse_reference(text, "cont_"),
        "textarea": lambda text: "\n".join(line.rstrip() for line in text.strip().splitlines()),
    }
    parse = parsers.get(known.type, lambda text: re.sub(r"\s*[\r\n]+\s*", " ", text.strip()))
    parse_one, parse_several = _one(parse), _several(parse, _LIST_SEPARATORS)
    if not known.accepts_multiple_values:
        return parse_one
    return lambda text: parse_one(text) if text.strip() in known.choices else parse_several(text)


_LIST_SEPARATORS = re.compile(r"[\r\n;]")


def _cell_problems(rows: pd.Index, columns: Mapping[str, list[_Cell]]) -> Iterator[Problem]:
    for column, cells in columns.items():
        for row, cell in zip(rows, cells, strict=True):
            for text, invalid in cell.dropped:
                yield Problem(row, column, text, invalid.code, invalid.reason)


def _new_fields(
    columns: Mapping[str, "pd.Series[str]"], known: Collection[str], currency: Currency
) -> dict[str, CustomField]:
    """The custom fields that Close lacks, by name; a column without values makes none."""
    missing = {name: cells for name, cells in columns.items() if name not in known}
    texts = {name: Counter(text.strip() for text in cells if is_text(text)) for name, cells in missing.items()}
    return {name: CustomField(name, _type_of(name, counts, currency)) for name, counts in texts.items() if counts}


def _type_of(name: str, counts: Counter[str], currency: Currency) -> str:
    """The type of a field to be made: fixed for the two that every report needs, else what nearly all values are."""
    if name in _FIXED_TYPES:
        return _FIXED_TYPES[name]
    if any(_is_more_than_a_number(text) for text in counts):
        return "text"
    needed = TYPE_SHARE * counts.total()
    if sum(times for text, times in counts.items() if _is_amount(text, currency)) >= needed:
        return "number"
    return "date" if sum(times for text, times in counts.items() if _is_date(text)) >= needed else "text"


_FIXED_TYPES = {FOUNDED: "date", REVENUE: "number"}
_LEADING_ZERO = re.compile(r"[^\w.,]*0[\d,][\d,.]*[^\w.,]*")
_PHONE_LIKE = re.compile(r"\+\d{7,}")
_LONG_NUMBER = re.compile(rf"(?:[0-9][.,]?){{{MOST_DIGITS + 1}}}")


def _is_more_than_a_number(text: str) -> bool:
    """Whether a number would lose something of a text: its first zero or plus sign, or its last digits."""
    has_head = _LEADING_ZERO.fullmatch(text) or _PHONE_LIKE.fullmatch(text)
    return bool(has_head and not date_readings(text)) or _LONG_NUMBER.search(text) is not None


def _is_amount(text: str, currency: Currency) -> bool:
    """Whether a text is a number or an amount of money, also of another currency if it bears that one's sign."""
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


# The order of a column's dates ----------------------------------------------------------------------------------------


def _date_orders(
    columns: Mapping[str, "pd.Series[str]"], asked: DateOrder | None, notes: "pd.Series[str]"
) -> dict[str, DateOrder]:
    """How each date column writes its dates: as asked, else as its rejects file noted, else as its values prove."""
    found = {
        CUSTOM_PREFIX + name: asked
        or _noted_order(CUSTOM_PREFIX + name, notes)
        or _proved_order(CUSTOM_PREFIX + name, cells)
        for name, cells in columns.items()
    }
    return {column: order for column, order in found.items() if order is not None}


def _proved_order(column: str, cells: "pd.Series[str]") -> DateOrder | None:
    """How a column writes its dates, as its values prove; None where every one of them can be read in one way alone.

    Raises AmbiguousDates where the values allow two orders, or prove two.
    """
    examples: dict[frozenset[DateOrder], tuple[int, str]] = {}
    for row, cell in cells.items():
        for text in _LIST_SEPARATORS.split(cell):
            days = date_readings(text)
            if days and "ymd" not in days and (len(days) == 1 or days["dmy"] != days["mdy"]):
                examples.setdefault(frozenset(days), (int(str(row)), text.strip()))
    proofs = {next(iter(orders)): example for orders, example in examples.items() if len(orders) == 1}
    if len(proofs) > 1:
        seen = " and ".join(f"{text!r} (row {row})" for row, text in proofs.values())
        raise AmbiguousDates(
            f"The column {column} writes dates in two orders, {seen}. "
            "Say which one holds with --date-order dmy or --date-order mdy; the others are then reported."
        )
    if examples and not proofs:
        row, text = next(iter(examples.values()))
        raise AmbiguousDates(
            f"The dates in {column} can be read in two ways, such as {text!r} (row {row}). "
            "Add --date-order dmy if the day comes first, or --date-order mdy if the month does."
        )
    return next(iter(proofs), None)


def _noted_order(column: str, notes: "pd.Series[str]") -> DateOrder | None:
    """What a rejects file of ours noted when the whole column was there to prove it."""
    found = {_order_in_note(note, column) for note in notes.unique()} - {None}
    if len(found) > 1:
        raise AmbiguousDates(
            f"The column {DATE_ORDER_COLUMN} names two orders. Import the rows of each on their own, "
            "or say which one holds with --date-order."
        )
    return next(iter(found), None)


def _order_in_note(note: str, column: str) -> DateOrder | None:
    for part in note.split(";"):
        name, _, order = part.strip().rpartition("=")
        known = next((known for known in DATE_ORDERS if known == order), None)
        if known and name in ("", column):
            return known
    return None


def note_date_orders(orders: Mapping[str, DateOrder]) -> str:
    """What a rejects file says of its date columns: `dmy`, or `column=dmy; column=mdy` where they differ."""
    if len(set(orders.values())) <= 1:
        return next(iter(orders.values()), "")
    return "; ".join(f"{column}={order}" for column, order in orders.items())


# Rows that can't be imported ------------------------------------------------------------------------------------------


def _rejections(source: SourceFile) -> list[Problem]:
    """The rows that can't be imported at all, with the reason."""
    companies = source.column(COMPANY)
    rejected = {
        row: Problem(row, COMPANY, "", "no_company", "A row needs a company.")
        for row in companies.index[~companies.map(is_text).astype(bool)]
    }
    for row, surplus in source.surplus.items():
        rejected[row] = _surplus_cells(source, row, [*source.cells.loc[row], *surplus])
    for row, cells in _unmended_surplus(source):
        rejected[row] = _surplus_cells(source, row, cells)
    return [rejected[row] for row in sorted(rejected)]


def _surplus_cells(source: SourceFile, row: int, cells: Sequence[str]) -> Problem:
    """The problem of a row with too many cells; its value is the row as CSV, for the header has no room for it all."""
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    last = source.header[source.own_positions[-1]].strip()
    told = f"The row has {len(cells)} cells and the header {len(source.own_positions)}"
    reason = f"{told}; a value with a comma in it needs quotes around it."
    return Problem(row, last, line.getvalue().removesuffix("\r\n"), "surplus_cells", reason)


def _unmended_surplus(source: SourceFile) -> Iterator[tuple[int, list[str]]]:
    """The rows of a rejects file that had too many cells and stand as they were cut: nobody has mended them yet."""
    codes = source.column(CODE_COLUMN)
    for row in codes.index[codes == "surplus_cells"]:
        whole = next(csv.reader(io.StringIO(source.column(VALUE_COLUMN).loc[row], newline="")), [])
        if whole[: len(source.own_positions)] == [source.cells.at[row, place] for place in source.own_positions]:
            yield int(row), whole


# Rows of one company -> one lead --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Person:
    """What one row says of a person."""

    row: int
    name: str
    emails: tuple[str, ...]
    phones: tuple[str, ...]

    @property
    def folded_emails(self) -> frozenset[str]:
        return frozenset(map(str.casefold, self.emails))


def _assemble(
    rows: pd.Index, companies: "pd.Series[str]", columns: Mapping[str, list[_Cell]], names: NameCase
) -> tuple[list[Lead], list[Problem]]:
    """One lead per import key, in the order in which the file names them, and what its rows disagreed on."""
    keys = {spelling: import_key(spelling) for spelling in companies.unique()}
    leads: dict[str, Lead] = {}
    places: dict[str, list[int]] = {}
    for place, (row, spelling) in enumerate(zip(rows, companies, strict=True)):
        key = keys[spelling]
        if key not in leads:
            leads[key] = Lead(key, clean_name(spelling, names), [], [])
        if spelling not in leads[key].spellings:
            leads[key].spellings.append(spelling)
        leads[key].rows.append(row)
        places.setdefault(key, []).append(place)
    problems: list[Problem] = []
    for key, lead in leads.items():
        cells = {column: [parsed[place] for place in places[key]] for column, parsed in columns.items()}
        problems += _fill_company(lead, cells)
        problems += _fill_contacts(lead, cells)
    return list(leads.values()), problems


def _fill_company(lead: Lead, columns: Mapping[str, Sequence[_Cell]]) -> Iterator[Problem]:
    """Give the lead its state and custom values: the first row that has one decides, the others become problems."""
    for column, cells in columns.items():
        if column in (CONTACT_NAME, EMAILS, PHONES):
            continue
        filled = [(row, cell) for row, cell in zip(lead.rows, cells, strict=True) if cell.values]
        if not filled:
            continue
        first_row, first = filled[0]
        lead.origin[column] = first_row
        if column == STATE:
            lead.state = first.values[0]
        else:
            lead.custom[column.removeprefix(CUSTOM_PREFIX)] = first.values
        reason = f"Row {first_row} says {first.text.strip()!r} for this company, and the first one stands."
        for row, cell in filled[1:]:
            if cell.values != first.values:
                yield Problem(row, column, cell.text.strip(), "conflict", reason)


def _fill_contacts(lead: Lead, columns: Mapping[str, Sequence[_Cell]]) -> Iterator[Problem]:
    people = [
        _Person(row, name.values[0] if name.values else "", emails.values, phones.values)
        for row, name, emails, phones in zip(
            lead.rows, columns[CONTACT_NAME], columns[EMAILS], columns[PHONES], strict=True
        )
        if name.values or emails.values or phones.values
    ]
    for same in _same_people(people):
        contact = Contact(next((person.name for person in same if person.name), ""), [], [])
        for person in same:
            for value in (*filter(None, [person.name]), *person.emails, *person.phones):
                contact.origin.setdefault(value, person.row)
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
            yield Problem(row, column, item, "too_many", f"Close keeps {MOST_ITEMS} of them for one contact.")


def _same_people(people: Sequence[_Person]) -> list[list[_Person]]:
    """The rows of each person, in the order of their first rows.

    Equal names are one person unless they have two different sets of e-mails; a row without a name belongs to whoever
    has one of its e-mails; a phone alone proves nothing.
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
        namesakes.setdefault(import_key(person.name), []).append(person)
    groups: list[list[_Person]] = []
    for same_name in namesakes.values():
        by_emails: dict[frozenset[str], list[_Person]] = {}
        for person in same_name:
            by_emails.setdefault(person.folded_emails, []).append(person)
        groups += [same_name] if len(by_emails.keys() - {frozenset()}) <= 1 else by_emails.values()
    return sorted(groups, key=lambda group: group[0].row)


def _by_shared_email(people: Iterable[_Person]) -> list[list[_Person]]:
    """Rows that share an e-mail, also by way of a third, together; rows without one each alone."""
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
