"""Which people are meant: their ids, and what we hold of them to tell one person from another."""

import hmac
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

LONGEST_ID = 64  # characters
ID_COLUMNS = ("id", "person_id", "national_id")  # what the column of ids may be named, unless it is told
NAME, BIRTH_DATE = "name", "birth_date"
MOST_NAMED = 5  # rows in one complaint


class PeopleError(Exception):
    """The people that were named can't be used as they are; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person's id, and what we hold of them: each of their names, and the day of birth as YYYY-MM-DD ("" if unknown).

    Of two people with one id, of whom we hold different things, at most one can be right: they are asked about apart.
    """

    person_id: str
    names: tuple[str, ...] = ()
    birth_date: str = ""

    def contradiction(self, name: str, birth_date: str) -> str:
        """What of a registry's entry is not as we hold it, in words; "" where nothing contradicts. "" is not told."""
        told = name_parts(name)
        held = [parts for parts in map(name_parts, self.names) if parts]
        if told and held and told not in held:
            return "another name"
        if birth_date and self.birth_date and birth_date != self.birth_date:
            return "another date of birth"
        return ""


def is_person_id(text: str) -> bool:
    """Whether a text can be a person's id: 1 to 64 characters without white space, control characters or `/`.

    A lone `.` or `..` is refused too: in a path it would mean another place.
    """
    is_long_enough = 0 < len(text) <= LONGEST_ID
    return is_long_enough and "/" not in text and text not in (".", "..") and text.isprintable() and " " not in text


def pseudonym(text: str, key: str) -> str:
    """What stands for a text where it is not to be read: always the same, and nobody can guess back without the key."""
    return hmac.new(key.encode(), text.encode(), "sha256").hexdigest()


def is_day(text: str) -> bool:
    """Whether a text is a day that exists, written YYYY-MM-DD."""
    try:
        return bool(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def name_parts(name: str) -> list[str]:
    """The parts of a name, alike for every spelling that differs by case, accents, marks or the order of parts alone.

    >>> name_parts("NÚÑEZ-O’Brien, José") == name_parts("Jose Nunez Obrien")
    True
    """
    letters = unicodedata.normalize("NFKD", name).casefold().translate(_PLAIN_LETTERS)
    bare = "".join(char for char in unicodedata.normalize("NFKD", letters) if not unicodedata.combining(char))
    return sorted(re.findall(r"[^\W_]+", re.sub("['’ʼ`´]", "", bare)))


# Letters that Unicode does not take for a plain one with a mark.
_PLAIN_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)


# Where they are named ------------------------------------------------------------------------------------------------


def people_in_lines(lines: Iterable[str]) -> list[Person]:
    """The people whose ids stand in lines, one in each that is not blank. Raises PeopleError."""
    typed = {number: line.strip("\ufeff \t\r\n") for number, line in enumerate(lines, 1)}
    ids = {number: text for number, text in typed.items() if text}
    _refuse_malformed({number: text for number, text in ids.items() if not _is_whole_id(text)}, "standard input: line")
    if not ids:
        raise PeopleError("standard input names nobody; give one id a line")
    return [Person(text) for text in ids.values()]


def people_in_file(path: Path, id_column: str = "", encoding: str = "utf-8") -> list[Person]:
    """The people in a CSV file: a column of ids, and `name` and `birth_date` where it has them.

    Raises PeopleError and reading.InputError, before anybody is asked about, for what can't be used.
    """
    from reading import read_table

    header, rows = read_table(path, encoding)
    places = _places(path.name, header, id_column)
    people: dict[int, Person] = {}
    malformed: dict[int, str] = {}
    for number, row in rows:
        if len(row) > len(header):
            raise PeopleError(f"{path.name}: row {number} has more cells than the header; put quotes around commas")
        cells = {name: "".join(row[place : place + 1]).strip() for name, place in places.items()}
        person = Person(cells["id"], tuple(filter(None, [cells.get(NAME)])), cells.get(BIRTH_DATE, ""))
        people[number] = person
        if not _is_whole_id(person.person_id):
            malformed[number] = person.person_id
        if person.birth_date and not is_day(person.birth_date):
            raise PeopleError(f"{path.name}: the {BIRTH_DATE} in row {number} is no day written as YYYY-MM-DD")
    _refuse_malformed(malformed, f"{path.name}: row")
    if not people:
        raise PeopleError(f"{path.name} holds column names but no people; there is nobody to ask about")
    return list(people.values())


def _is_whole_id(text: str) -> bool:
    """Whether a text can be an id that no spreadsheet has shortened."""
    return is_person_id(text) and not _DAMAGED_ID.fullmatch(text)


_DAMAGED_ID = re.compile(r"\d([.,]\d+)?[Ee]\+\d+|\d+[.,]0+")  # as a spreadsheet writes a long number


def _places(file: str, header: Sequence[str], id_column: str) -> dict[str, int]:
    """Where the id, the name and the date of birth stand in each row. Raises PeopleError."""
    titles = [_folded(title) for title in header]
    twice = [title for title, times in Counter(filter(None, titles)).items() if times > 1]
    if twice:
        raise PeopleError(f"{file}: the column {twice[0]!r} is there twice; rename or remove one of them")
    wanted = [_folded(id_column)] if id_column else [_folded(name) for name in ID_COLUMNS]
    found = [title for title in titles if title in wanted]
    if len(found) != 1:
        there = ", ".join(repr(title.strip()) for title in header[:10])
        which = "several columns could hold the ids" if found else f"there is no column {id_column or ID_COLUMNS[0]!r}"
        raise PeopleError(f"{file}: {which}. Name the right one of {there} with --id-column")
    known = {"id": found[0], NAME: _folded(NAME), BIRTH_DATE: _folded(BIRTH_DATE)}
    return {name: titles.index(title) for name, title in known.items() if title in titles}


def _folded(title: str) -> str:
    return " ".join(title.replace("_", " ").split()).casefold()


def _refuse_malformed(malformed: dict[int, str], where: str) -> None:
    if malformed:
        numbers = ", ".join(map(str, list(malformed)[:MOST_NAMED])) + (" ..." if len(malformed) > MOST_NAMED else "")
        raise PeopleError(
            f"{where}{'s' * (len(malformed) > 1)} {numbers}: no person's id, which has 1 to {LONGEST_ID} characters "
            "without spaces or slashes, and is not a number as a spreadsheet shortens it. Mend that; nobody was asked"
        )
