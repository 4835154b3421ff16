"""A file's rows -> clean leads with their contacts, and a reason for everything that was dropped.

Cells become clean values, each distinct text parsed once, and rows become one lead per company. What a single text
means is the business of `parsing`.
"""

import csv
import functools
import hashlib
import io
import itertools
import operator
import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import pandas as pd

from cells.in_parallel import MANY, parse_many
from cells.phones import (
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
    plain_email,
    plain_phone,
    unclear_marks,
    visible,
)
from cells.source_file import (
    CODE_COLUMN,
    COMPANY,
    CONTACT_NAME,
    CUSTOM_PREFIX,
    DATE_ORDER_COLUMN,
    EMAILS,
    FOUNDED,
    KNOWN_COLUMNS,
    PHONES,
    REVENUE,
    ROWS_AT_ONCE,
    STATE,
    VALUE_COLUMN,
    InputError,
    SourceFile,
    few_collections,
    is_text,
)

MOST_ITEMS = 100  # e-mails, and phones, that one contact may have in Close
TYPE_SHARE = 0.9  # of a column's values must be dates or numbers to make a new field of that type

Value = str | int | float
ProblemCode = Code | Literal["no_company", "surplus_cells", "too_many", "conflict", "refused"]


class AmbiguousDates(InputError):
    """A column's dates can be read in more than one way; `--date-order` settles it."""


class Problem(NamedTuple):
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
    """A person at a company, as Close will hold them.

    `rows` is the row where all of it stands; for a person of several rows, the one where each value stood first.
    """

    name: str
    emails: list[str]
    phones: list[str]
    rows: int | dict[str, int] = field(default_factory=dict)

    @property
    def origin(self) -> dict[str, int]:
        """In which row each value stood first."""
        if isinstance(self.rows, dict):
            return self.rows
        return dict.fromkeys([*filter(None, [self.name]), *self.emails, *self.phones], self.rows)


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
    with few_collections():
        columns = [*KNOWN_COLUMNS, *(CUSTOM_PREFIX + name for name in source.custom_fields)]
        texts = {column: _texts(source.column(column)) for column in columns}
        rejected = _rejections(source, texts[COMPANY])
        misplaced = [problem.row for problem in rejected if problem.code == "surplus_cells"]
        evidence = {name: texts[CUSTOM_PREFIX + name].without(misplaced) for name in source.custom_fields}
        new_fields = _new_fields(evidence, fields, currency)
        known = {**fields, **new_fields}
        dates = {name: evidence[name] for name in known if known[name].type == "date"}
        orders = _date_orders(dates, date_order, source.column(DATE_ORDER_COLUMN))
        parsers = _contact_parsers(names, region) | {
            CUSTOM_PREFIX + name: _field_parser(
                field, currency, orders.get(CUSTOM_PREFIX + name), evidence[name].distinct
            )
            for name, field in known.items()
        }
        lost = [problem.row for problem in rejected]
        parsed = {column: _parse(texts[column].without(lost), parser) for column, parser in parsers.items()}
        problems = {column: _cell_problems(column, cells) for column, cells in parsed.items()}
        leads = _assemble(texts[COMPANY].without(lost), parsed, names, problems)
        dropped = _in_order(problems, source.positions)
        return CleanFile(leads, rejected, dropped, list(new_fields.values()), orders)


def _in_order(problems: Mapping[str, Iterable[Problem]], places: Mapping[str, int]) -> list[Problem]:
    """The problems of all columns by row and, of one row, as its columns stand."""
    by_column = [problems[column] for column in sorted(problems, key=lambda column: places.get(column, 0))]
    return sorted(itertools.chain.from_iterable(by_column), key=operator.itemgetter(0))


def import_key(company: str) -> str:
    """The key that a company has in every file and on every machine.

    Spellings that differ by case, white space, Unicode form or characters that nobody sees alone have the same.
    """
    return "k1:" + hashlib.sha256(_folded(company).encode()).hexdigest()[:32]


def _folded(name: str) -> str:
    """A name without what its spellings may differ by."""
    if name.isascii():
        return " ".join(name.casefold().split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible(name)).casefold())
    return " ".join(folded.split())


# One column -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Texts:
    """The `distinct` texts of a column in the order in which they first appear, and by row their `places` there."""

    distinct: list[str]
    places: "pd.Series[int]"

    def without(self, rows: Sequence[int]) -> "_Texts":
        """The texts of the other rows."""
        if not rows:
            return self
        kept = self.places.drop(rows)
        places, distinct = pd.factorize(kept)
        return _Texts([self.distinct[place] for place in distinct], pd.Series(places.astype("int32"), index=kept.index))

    def by_row(self, of_texts: Sequence[Any]) -> "pd.Series[Any]":
        """By row, what is known of its text."""
        return pd.Series(of_texts).take(self.places.to_numpy()).set_axis(self.places.index)


def _texts(cells: "pd.Series[str]") -> _Texts:
    places, distinct = pd.factorize(cells)
    return _Texts(list(distinct), pd.Series(places.astype("int32"), index=cells.index))


_Lost = tuple[str, Code, str]  # a text that could not be kept, the code and the reason
_Parsed = tuple[tuple[Any, ...], tuple[_Lost, ...]]  # the clean values of a cell, and what was lost of it


@dataclass(frozen=True, slots=True)
class _Parser:
    """How a column's cells are parsed.

    Where most cells hold one value of a usual form, `parse_plain` gives its value, or None for another cell. Where the
    others may be slow, `parse_part` is what each of their parts needs.
    """

    parse_cell: Callable[[str], _Parsed]
    parse_plain: Callable[[str], Any] | None = None
    parse_part: Callable[[str], Any] | None = None


@dataclass(frozen=True, slots=True)
class _Column:
    """A column parsed: of each of its distinct texts the clean value, or None.

    By the place of a text, `several` has the values of one with more of them, and `lost` what was lost of one.
    """

    texts: _Texts
    values: list[Any]
    several: dict[int, tuple[Any, ...]]
    lost: dict[int, tuple[_Lost, ...]]

    def all_of(self, place: int) -> tuple[Any, ...]:
        """All values of a text."""
        value = self.values[place]
        return () if value is None else self.several.get(place, (value,))


_SEPARATORS = re.compile(r"[\r\n,]|;(?!ext=)")


def _one(parse: Callable[[str], Any]) -> Callable[[str], _Parsed]:
    def parse_cell(text: str) -> _Parsed:
        if not is_text(text):
            return (), ()
        try:
            return (parse(text),), ()
        except InvalidValue as invalid:
            return (), ((text.strip(), invalid.code, invalid.reason),)

    return parse_cell


def _several(parse: Callable[[str], Any], separators: re.Pattern[str]) -> Callable[[str], _Parsed]:
    parse_one = _one(parse)

    def parse_cell(text: str) -> _Parsed:
        parts = [parse_one(part) for part in separators.split(text)]
        values = tuple(dict.fromkeys(value for found, _ in parts for value in found))
        return values, tuple(lost for _, dropped in parts for lost in dropped)

    return parse_cell


def _parse(texts: _Texts, parser: _Parser) -> _Column:
    """The column, each distinct text parsed once: at a glance if that will do, on all cores if very many need more."""
    parse_plain = parser.parse_plain or (lambda _: None)
    column = _Column(texts, list(map(parse_plain, texts.distinct)), {}, {})
    left = [place for place, value in enumerate(column.values) if value is None]
    parse_cell = parser.parse_cell
    if parser.parse_part and len(left) >= MANY:
        parse_cell = _several(_known(parser.parse_part, [texts.distinct[place] for place in left]), _SEPARATORS)
    for place in left:
        values, lost = parse_cell(texts.distinct[place])
        if values:
            column.values[place] = values[0]
        if len(values) > 1:
            column.several[place] = values
        if lost:
            column.lost[place] = lost
    return column


def _known(parse: Callable[[str], Any], cells: Iterable[str]) -> Callable[[str], Any]:
    """The parser again, with what it makes of every part of these cells known beforehand."""
    parts = list(dict.fromkeys(part for cell in cells for part in _SEPARATORS.split(cell) if is_text(part)))
    known = dict(zip(parts, parse_many(parse, parts), strict=True))

    def parse_part(part: str) -> Any:
        value, refused = known[part]
        if refused:
            raise InvalidValue(*refused)
        return value

    return parse_part


def _contact_parsers(names: NameCase, region: str) -> dict[str, _Parser]:
    """The parsers for the columns that every file may have, by column."""
    parse_phones = functools.partial(parse_phone, region=region)
    plain_phones = functools.partial(plain_phone, region=region)
    return {
        CONTACT_NAME: _Parser(_one(functools.partial(clean_contact_name, names=names))),
        EMAILS: _Parser(_several(parse_email, _SEPARATORS), plain_email, parse_email),
        PHONES: _Parser(_several(parse_phones, _SEPARATORS), plain_phones, parse_phones),
        STATE: _Parser(_one(parse_state)),
    }


def _field_parser(known: CustomField, currency: Currency, order: DateOrder | None, texts: Collection[str]) -> _Parser:
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
        return _Parser(parse_one)
    return _Parser(lambda text: parse_one(text) if text.strip() in known.choices else parse_several(text))


_LIST_SEPARATORS = re.compile(r"[\r\n;]")


def _cell_problems(name: str, column: _Column) -> list[Problem]:
    places = column.texts.places[column.texts.places.isin(list(column.lost))]
    return [
        Problem(row, name, text, code, reason)
        for row, place in zip(places.index, places.tolist(), strict=True)
        for text, code, reason in column.lost[place]
    ]


def _new_fields(columns: Mapping[str, _Texts], known: Collection[str], currency: Currency) -> dict[str, CustomField]:
    """The custom fields that Close lacks, by name; a column without values makes none."""
    missing = {
        name: texts for name, texts in columns.items() if name not in known and any(map(is_text, texts.distinct))
    }
    return {name: CustomField(name, _type_of(name, texts, currency)) for name, texts in missing.items()}


def _type_of(name: str, texts: _Texts, currency: Currency) -> str:
    """The type of a field to be made: fixed for those that we rest on, else what nearly all values are."""
    if name.casefold() in _FIXED_TYPES:
        return _FIXED_TYPES[name.casefold()]
    times = texts.places.value_counts().to_dict()
    counts: Counter[str] = Counter()
    for place, text in enumerate(texts.distinct):
        if is_text(text):
            counts[text.strip()] += times[place]
    if any(_is_more_than_a_number(text) for text in counts):
        return "text"
    needed = TYPE_SHARE * counts.total()
    if sum(times for text, times in counts.items() if _is_amount(text, currency)) >= needed:
        return "number"
    return "date" if sum(times for text, times in counts.items() if _is_date(text)) >= needed else "text"


NATIONAL_ID = "National ID"  # of people who are to be qualified; as a number it would lose its first zeros
_FIXED_TYPES = {FOUNDED.casefold(): "date", REVENUE.casefold(): "number", NATIONAL_ID.casefold(): "text"}
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
    columns: Mapping[str, _Texts], asked: DateOrder | None, notes: "pd.Series[str]"
) -> dict[str, DateOrder]:
    """How each date column writes its dates: as asked, else as its rejects file noted, else as its values prove."""
    found = {
        CUSTOM_PREFIX + name: asked
        or _noted_order(CUSTOM_PREFIX + name, notes)
        or _proved_order(CUSTOM_PREFIX + name, texts)
        for name, texts in columns.items()
    }
    return {column: order for column, order in found.items() if order is not None}


def _proved_order(column: str, texts: _Texts) -> DateOrder | None:
    """How a column writes its dates, as its values prove; None where every one of them can be read in one way alone.

    Raises AmbiguousDates where the values allow two orders, or prove two.
    """
    examples: dict[frozenset[DateOrder], tuple[int, str]] = {}
    first_rows = texts.places.drop_duplicates().index
    for row, cell in zip(first_rows, texts.distinct, strict=True):
        for text in _LIST_SEPARATORS.split(cell):
            days = date_readings(text)
            if days and "ymd" not in days and (len(days) == 1 or days["dmy"] != days["mdy"]):
                examples.setdefault(frozenset(days), (row, text.strip()))
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


def _rejections(source: SourceFile, companies: _Texts) -> list[Problem]:
    """The rows that can't be imported at all, with the reason."""
    blank = [place for place, text in enumerate(companies.distinct) if not is_text(text)]
    rejected = {
        row: Problem(row, COMPANY, "", "no_company", "A row needs a company.")
        for row in companies.places.index[companies.places.isin(blank)]
    }
    beside = source.cells.loc[list(source.surplus)].to_numpy().tolist()
    for (row, surplus), cells in zip(source.surplus.items(), beside, strict=True):
        rejected[row] = _surplus_cells(source, row, [*cells, *surplus])
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
    """What one row says of a person."""

    row: int
    name: str
    emails: tuple[str, ...]
    phones: tuple[str, ...]

    @property
    def folded_emails(self) -> frozenset[str]:
        return frozenset(map(str.casefold, self.emails))


def _assemble(
    companies: _Texts, columns: Mapping[str, _Column], names: NameCase, problems: Mapping[str, list[Problem]]
) -> list[Lead]:
    """One lead per import key, in the order in which the file names them; what its rows disagree on are `problems`."""
    leads, place_of_spelling = _leads(companies.distinct, names)
    lead_places = companies.by_row(place_of_spelling)
    rows = lead_places.index.tolist()
    for row, place in zip(rows, _each(lead_places), strict=True):
        leads[place].rows.append(row)
    for name, column in columns.items():
        if name not in (CONTACT_NAME, EMAILS, PHONES):
            problems[name] += _fill_companies(leads, lead_places, name, column)
    people = (columns[name] for name in (CONTACT_NAME, EMAILS, PHONES))
    for problem in _fill_contacts(leads, rows, lead_places, *people):
        problems[problem.column].append(problem)
    return leads


def _leads(spellings: Sequence[str], names: NameCase) -> tuple[list[Lead], "array[int]"]:
    """A lead for each company, with nothing but its name yet, and the place of each spelling's lead among them."""
    places: dict[str, int] = {}
    leads: list[Lead] = []
    place_of_spelling = array("q")
    for spelling in spellings:
        key = import_key(spelling)
        place = places.setdefault(key, len(leads))
        if place == len(leads):
            leads.append(Lead(key, clean_name(spelling, names), [], []))
        leads[place].spellings.append(spelling)
        place_of_spelling.append(place)
    return leads, place_of_spelling


def _fill_companies(leads: Sequence[Lead], lead_places: "pd.Series[int]", name: str, column: _Column) -> list[Problem]:
    """Give the leads their state or a custom value: the first row that has one decides, the others become problems."""
    meanings: dict[Any, int] = {None: 0}
    whole = (column.several.get(place, value) for place, value in enumerate(column.values))
    meant = column.texts.by_row([meanings.setdefault(each, len(meanings)) for each in whole])
    rows = pd.DataFrame({"lead": lead_places, "text": column.texts.places, "meaning": meant})[meant != 0]
    firsts = rows[~rows["lead"].duplicated()]
    for row, place, text in zip(firsts.index, firsts["lead"].tolist(), firsts["text"].tolist(), strict=True):
        leads[place].origin[name] = row
        if name == STATE:
            leads[place].state = column.values[text]
        else:
            leads[place].custom[name.removeprefix(CUSTOM_PREFIX)] = column.all_of(text)
    first = firsts.set_index("lead")
    others = rows[rows["meaning"] != rows["lead"].map(first["meaning"])]
    texts = list(map(str.strip, column.texts.distinct)) if len(others) else []
    disagreed = first["text"].loc[others["lead"].unique()]
    reasons = {
        place: f"Row {leads[place].origin[name]} says {texts[text]!r} for this company, and the first one stands."
        for place, text in zip(disagreed.index, disagreed.tolist(), strict=True)
    }
    return [
        Problem(row, name, texts[text], "conflict", reasons[place])
        for row, text, place in zip(others.index, others["text"].tolist(), others["lead"].tolist(), strict=True)
    ]


def _fill_contacts(
    leads: Sequence[Lead],
    rows: Sequence[int],
    lead_places: "pd.Series[int]",
    names: _Column,
    emails: _Column,
    phones: _Column,
) -> Iterator[Problem]:
    """Give the leads their people. Where each row of a company is plainly a person of its own, nothing is compared.

    Names are told apart by their hashes: should two have the same, their rows are compared for nothing.
    """
    same_name = names.texts.by_row(array("q", [hash(_folded(name)) if name else 0 for name in names.values]))
    has_items = _has_value(emails) | _has_value(phones)
    is_twice = pd.DataFrame({"lead": lead_places, "name": same_name}).duplicated(keep=False)
    compared: dict[int, list[_Person]] = {
        place: [] for place in lead_places[has_items.where(same_name == 0, is_twice)].unique()
    }
    places = (lead_places, *(column.texts.places for column in (names, emails, phones)))
    for row, place, name, email, phone in zip(rows, *map(_each, places), strict=True):
        lead = leads[place]
        if place in compared or email in emails.several or phone in phones.several:
            person = _Person(row, names.values[name] or "", emails.all_of(email), phones.all_of(phone))
            if place not in compared:
                yield from _add_contact(lead, [person])
            elif person.name or person.emails or person.phones:
                compared[place].append(person)
        elif names.values[name] is not None:
            its_email, its_phone = emails.values[email], phones.values[phone]
            its_emails = [] if its_email is None else [its_email]
            its_phones = [] if its_phone is None else [its_phone]
            lead.contacts.append(Contact(names.values[name], its_emails, its_phones, row))
    for place, people in compared.items():
        for same in _same_people(people):
            yield from _add_contact(leads[place], same)


def _each(places: "pd.Series[int]") -> Iterator[int]:
    """The places one by one; a million numbers of Python at once would need much memory."""
    firsts = range(0, len(places), ROWS_AT_ONCE)
    return itertools.chain.from_iterable(places.iloc[first : first + ROWS_AT_ONCE].tolist() for first in firsts)


def _has_value(column: _Column) -> "pd.Series[bool]":
    return column.texts.by_row([value is not None for value in column.values])


def _add_contact(lead: Lead, same: Sequence[_Person]) -> Iterator[Problem]:
    """Give a lead the person of these rows."""
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
        namesakes.setdefault(_folded(person.name), []).append(person)
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
