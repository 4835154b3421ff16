"""Columns that would be left out although they seem to matter: companies, e-mails, phones and names of contacts."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cells.columns import CODE_COLUMN, COMPANY, CONTACT_NAME, EMAILS, PHONES
from cells.dates import date_readings, names_a_moment
from cells.emails import parse_emails
from cells.maps.column_map import MapError
from cells.phones import parse_phones
from cells.placeholders import has_value
from cells.source_file import SourceFile
from cells.titles import is_of_another_person, letters_of, meaning_of, titles_to_suggest
from cells.unreadable import InputError
from cells.wrapped import unwrapped

MOST_LOOKED_AT = 5_000  # values of a column
MOST_NAMED = 10  # columns in a message
LIKENESS = 90  # of 100, from which on a title may be a slip of the pen
_OF_PEOPLE = frozenset(
    {"name", "names", "contact", "contacts", "person", "persons", "people", "ansprechpartner", "kontakt", "vorname"}
    | {"nachname", "nom", "prenom", "nombre", "apellido", "apellidos", "contacto", "nome", "sobrenome", "contato"}
)


class NoCompanyColumn(InputError):
    """No column gives the companies."""


class NoCompanyInMap(MapError):
    """A map gives the companies to no column of the file."""


class UnreadColumns(InputError):
    """Columns that no title explains hold e-mails or phones, or may hold the names of contacts."""


def refuse_without_company(source: SourceFile) -> None:
    """Raise NoCompanyColumn, or with a map NoCompanyInMap, for a file that has no column of companies."""
    if source.roles.companies:
        return
    if source.column_map:
        raise NoCompanyInMap(f"{source.column_map.name}: no column of {source.name} has the target {COMPANY!r}")
    titles = [source.header[at].strip() for at in source.own_positions if source.header[at].strip()]
    named = ", ".join(map(repr, titles[:MOST_NAMED])) + (", ..." if len(titles) > MOST_NAMED else "")
    found = "; ".join(map(str, unread_columns(source, "US")))
    told = f"{named}; {found}" if found else named
    if source.other_sheets:
        sheets = ", ".join(map(repr, source.other_sheets))
        told += f" (the workbook also has the sheets {sheets}; --sheet reads one of them)"
    raise NoCompanyColumn(f"{source.name}: there is no column named {COMPANY!r}, only {told}")


def refuse_unread(source: SourceFile, region: str) -> None:
    """Raise UnreadColumns if columns with e-mails, phones or names would be left out.

    Phones without + are taken to be of a `region`. A rejects file has passed before.
    """
    found = [] if CODE_COLUMN in source.roles.ours else list(unread_columns(source, region))
    if found:
        raise UnreadColumns(f"{source.name}: {'; '.join(map(str, found))}")


@dataclass(frozen=True, slots=True)
class UnreadColumn:
    """A column that would be left out although it seems to matter: its position, what to call it, and what it `holds`.

    `name` is our name for the column that it may be, "" if it can't be one.
    """

    position: int
    title: str
    holds: str
    name: str

    def __str__(self) -> str:
        if not self.name:
            return f"the column {self.title!r} {self.holds}; give that person a row of their own"
        if self.name == CONTACT_NAME:
            return f"the column {self.title!r} {self.holds}; if so, name it {self.name!r}"
        return f"the column {self.title!r} {self.holds}; if they are the contacts', name it {self.name!r}"


def unread_columns(source: SourceFile, region: str) -> Iterator[UnreadColumn]:
    """The columns of unknown titles that seem to matter."""
    unknown = [position for position in source.roles.left_out if position not in source.roles.known]
    for position in sorted([*unknown, *source.roles.full_names]):
        title, values = source.roles.labels[position], _values(source, position)
        holds, name = "", ""
        if values and _is_mostly(values, _is_email):
            holds, name = "e-mail addresses", EMAILS
        elif values and _is_mostly(values, lambda text: _is_phone(text, region)):
            holds, name = "phone numbers", PHONES
        if holds and is_of_another_person(source.header[position]):
            yield UnreadColumn(position, title, f"holds {holds} of a second contact", "")
        elif holds:
            yield UnreadColumn(position, title, f"holds {holds}", name)
        elif values and not source.roles.names and _OF_PEOPLE.intersection(_words(title)):
            yield UnreadColumn(position, title, "may hold the names of contacts", CONTACT_NAME)


def _values(source: SourceFile, position: int) -> list[str]:
    cells = source.cells[position]
    return [unwrapped(cell) for cell in cells[cells != ""].head(MOST_LOOKED_AT) if has_value(cell)]


def _is_mostly(values: list[str], is_one: Callable[[str], bool]) -> bool:
    return 2 * sum(map(is_one, values)) > len(values)


def _is_email(text: str) -> bool:
    return "@" in text and bool(parse_emails(text).values)


_WRITTEN_AS_PHONE = re.compile(r"(?P<number>\+?[\d\s().\-/]{7,24})(?:\s*(?:x|ext\.?)\s*\d{1,6})?", re.IGNORECASE)
_OTHER_FIGURES = re.compile(  # dates, amounts, IP addresses, postal codes, social security numbers
    r"\d{1,2}[-./]\d{1,2}[-./]\d{2}|\d{1,3}(?:[ .]\d{3})+|\d{1,3}(?:\.\d{1,3}){3}|\d{5}-\d{4}|\d{3}-\d{2}-\d{4}"
)
_SEPARATOR = re.compile(r"(?<=\d)[\s().\-/]+(?=\d)")


def _is_phone(text: str, region: str) -> bool:
    """Whether a text is a phone number by the way it is written; bare digits may be anything."""
    written = _WRITTEN_AS_PHONE.fullmatch(text)
    if not written or _OTHER_FIGURES.fullmatch(text) or date_readings(text) or names_a_moment(text):
        return False
    groups = len(_SEPARATOR.findall(written["number"]))
    is_marked = text.startswith(("+", "(")) or groups > 1 or (groups == 1 and text.startswith("0"))
    return is_marked and bool(parse_phones(text, region).values)


def _words(title: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", title)
    return [letters_of(word) for word in re.findall(r"[^\W_]+", spaced)]


def near_misses(source: SourceFile, titles: Iterable[str]) -> list[str]:
    """The known titles that differ from unknown ones by hardly more than a slip of the pen.

    A title is never named if the file has a column for the same value.
    """
    from rapidfuzz import fuzz, process

    known = {title: letters for title, letters in titles_to_suggest().items() if not _is_there(source, title)}
    found = (process.extractOne(letters_of(title), known, scorer=fuzz.ratio, score_cutoff=LIKENESS) for title in titles)
    return list(dict.fromkeys(each[2] for each in found if each))


def _is_there(source: SourceFile, title: str) -> bool:
    meaning = meaning_of(title)
    if meaning is None or letters_of(title) in map(letters_of, source.header):
        return True
    if meaning.part in ("email", "phone"):
        return False
    roles = source.roles
    of_part = {"company": roles.companies, "state": roles.state is not None, "contact name": roles.names}
    return bool(of_part.get(meaning.part, False))
