"""Which people are meant: their ids, and what we hold of them to tell one person from another."""

import hmac
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

LONGEST_ID = 64  # characters
ID_COLUMNS = ("id", "person_id", "national_id")  # what the column of ids may be named, unless it is told
NAME, BIRTH_DATE = "name", "birth_date"
MOST_NAMED = 5  # rows in one complaint
ID_RULE = (
    f"an id has 1 to {LONGEST_ID} characters without spaces or slashes, and is no number as a spreadsheet shortens it"
)


class PeopleError(Exception):
    """The people that were named can't be used as they are; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person's id, and what we hold of them: what they may be called, and the day of birth as YYYY-MM-DD, if known.

    `names` are parts of names, as `name_parts` gives them: two people whose names are only spelled differently are one.
    """

    person_id: str
    names: frozenset[tuple[str, ...]] = frozenset()
    birth_date: str = ""

    @classmethod
    def called(cls, person_id: str, names: Iterable[str], birth_date: str = "") -> Self:
        """A person who goes by any of these names; what has no letters is no name."""
        return cls(person_id, frozenset(filter(None, map(name_parts, names))), birth_date)

    def compared(self, name: str, birth_date: str) -> dict[str, bool]:
        """Whether what a registry tells is as we hold it, by `name` and `birth_date`; what either lacks is left out."""
        agrees = {NAME: name_parts(name) in self.names, BIRTH_DATE: birth_date == self.birth_date}
        is_held = {NAME: name and self.names, BIRTH_DATE: birth_date and self.birth_date}
        return {what: agrees[what] for what in agrees if is_held[what]}


def is_person_id(text: str) -> bool:
    """Whether a text can be a person's id: 1 to 64 characters without white space, control characters or `/`.

    A lone `.` or `..` is refused too: in a path it would mean another place.
    """
    is_long_enough = 0 < len(text) <= LONGEST_ID
    return is_long_enough and "/" not in text and text not in (".", "..") and text.isprintable() and " " not in text


def is_whole_id(text: str) -> bool:
    """Whether a text can be an id that no spreadsheet has shortened, such as 4.15E+09 or 123.0."""
    return is_person_id(text) and not _DAMAGED_ID.fullmatch(text)


_DAMAGED_ID = re.compile(r"\d([.,]\d+)?[Ee]\+\d+|\d+[.,]0+")  # as a spreadsheet writes a long number


def pseudonym(text: str, key: str) -> str:
    """What stands for a text where it is not to be read: always the same, and nobody can guess back without the key."""
    return hmac.new(key.encode(), text.encode(), "sha256").hexdigest()


def is_day(text: str) -> bool:
    """Whether a text is a day that exists, written YYYY-MM-DD."""
    try:
        return bool(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def name_parts(name: str) -> tuple[str, ...]:
    """The parts of a name, alike for every spelling that differs by case, accents, marks or the order of parts alone.

    >>> name_parts("NÚÑEZ-O’Brien, José") == name_parts("Jose Nunez Obrien")
    True
    """
    spoken = unicodedata.normalize("NFC", name).casefold().translate(_UNSPOKEN)
    letters = unicodedata.normalize("NFKD", spoken).casefold().translate(_PLAIN_LETTERS)
    return tuple(sorted("".join(_plain(unicodedata.normalize("NFKD", letters))).split()))


# Letters that Unicode does not take for a plain one with a mark.
_PLAIN_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
_UNSPOKEN = str.maketrans("ё", "е", "'’‘ʼʻ′`´\u00ad\u200b\u200c\u200d\u2060\ufeff")  # ё is е with an accent
_ACCENTED = ("LATIN", "GREEK")  # scripts in which a mark is an accent; in others it makes another letter


def _plain(letters: str) -> Iterator[str]:
    """Letters and digits without accents, and a space for all that parts them."""
    script = ""
    for char in letters:
        kind = unicodedata.category(char)[0]
        if kind == "M":
            yield char if script and script not in _ACCENTED else ""
            continue
        script = unicodedata.name(char, "").partition(" ")[0] if kind in "LN" else ""
        yield char if script else " "


# Where they are named ------------------------------------------------------------------------------------------------


def people_in_lines(lines: Iterable[str]) -> list[Person]:
    """The people whose ids stand in lines, one in each that is not blank. Raises PeopleError."""
    typed = {number: line.strip("\ufeff \t\r\n") for number, line in enumerate(lines, 1)}
    ids = {number: text for number, text in typed.items() if text}
    _refuse_malformed({number: text for number, text in ids.items() if not is_whole_id(text)}, "standard input: line")
    if not ids:
        raise PeopleError("standard input names nobody; give one id a line")
    return [Person(text) for text in ids.values()]


@dataclass(frozen=True, slots=True)
class PeopleFile:
    """The people in a file, in its order, and which of its columns say what: `columns` has id, name and birth_date."""

    people: list[Person]
    columns: dict[str, str]


def people_in_file(
    path: Path, id_column: str = "", encoding: str = "utf-8", *, is_redacted: bool = False
) -> PeopleFile:
    """The people in a CSV file: a column of ids, and `name` and `birth_date` where it has them.

    Its first line may hold people where it should hold column names, so `is_redacted` keeps it out of complaints.

    Raises PeopleError and reading.InputError, before anybody is asked about, for what can't be used: two rows that hold
    different things of one id, too, for at most one of them can be right.
    """
    from cells.source_file import read_table

    header, rows = read_table(path, encoding)
    places = _places(path.name, header, id_column, is_redacted=is_redacted)
    people = {number: _person_in(path.name, number, row, places, len(header)) for number, row in rows}
    malformed = {number: each.person_id for number, each in people.items() if not is_whole_id(each.person_id)}
    _refuse_malformed(malformed, f"{path.name}: row")
    if not people:
        raise PeopleError(f"{path.name} holds column names but no people; there is nobody to ask about")
    known = _known_of_each(path.name, people)
    columns = {name: header[place].strip() for name, place in places.items()}
    return PeopleFile([known[person.person_id] for person in people.values()], columns)


def _person_in(file: str, number: int, row: Sequence[str], places: Mapping[str, int], width: int) -> Person:
    if len(row) > width:
        raise PeopleError(f"{file}: row {number} has more cells than the header; put quotes around commas")
    cells = {name: "".join(row[place : place + 1]).strip() for name, place in places.items()}
    birth_date = cells.get(BIRTH_DATE, "")
    if birth_date and not is_day(birth_date):
        raise PeopleError(f"{file}: the {BIRTH_DATE} in row {number} is no day written as YYYY-MM-DD")
    return Person.called(cells["id"], [cells.get(NAME, "")], birth_date)


def _known_of_each(file: str, people: Mapping[int, Person]) -> dict[str, Person]:
    """What the rows together hold of each id. Raises PeopleError where two of them contradict each other."""
    known: dict[str, Person] = {}
    first: dict[str, int] = {}
    for number, person in people.items():
        before = known.get(person.person_id, person)
        names, dates = before.names | person.names, {before.birth_date, person.birth_date} - {""}
        if len(names) > 1 or len(dates) > 1:
            raise PeopleError(
                f"{file}: rows {first[person.person_id]} and {number} have one id, but different names or dates of "
                "birth. Mend or delete the wrong one"
            )
        known[person.person_id] = Person(person.person_id, names, "".join(dates))
        first.setdefault(person.person_id, number)
    return known


def _places(file: str, header: Sequence[str], id_column: str, *, is_redacted: bool) -> dict[str, int]:
    """Where the id, the name and the date of birth stand in each row. Raises PeopleError."""
    titles = [_folded(title) for title in header]
    twice = [title for title, times in Counter(filter(None, titles)).items() if times > 1]
    if twice:
        which = "a column" if is_redacted else f"the column {twice[0]!r}"
        raise PeopleError(f"{file}: {which} is there twice; rename or remove one of them")
    wanted = [_folded(id_column)] if id_column else [_folded(name) for name in ID_COLUMNS]
    found = [title for title in titles if title in wanted]
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        raise PeopleError(f"{file}: the cells are not separated by commas; save the file as comma-separated CSV")
    if len(found) != 1:
        there = "its columns" if is_redacted else ", ".join(repr(title.strip()) for title in header[:10])
        which = "several columns could hold the ids" if found else f"there is no column {id_column or ID_COLUMNS[0]!r}"
        raise PeopleError(f"{file}: {which}. Name the right one of {there} with --id-column")
    known = {"id": found[0], NAME: _folded(NAME), BIRTH_DATE: _folded(BIRTH_DATE)}
    return {name: titles.index(title) for name, title in known.items() if title in titles}


def _folded(title: str) -> str:
    return " ".join(title.replace("_", " ").split()).casefold()


def _refuse_malformed(malformed: Mapping[int, str], where: str) -> None:
    """Raise PeopleError naming rows or lines, but no ids."""
    for is_blank, words in ((True, "there is no id"), (False, f"no person's id; {ID_RULE}")):
        numbers = [str(number) for number, text in malformed.items() if bool(text) is not is_blank]
        if numbers:
            listed = ", ".join(numbers[:MOST_NAMED]) + (" ..." if len(numbers) > MOST_NAMED else "")
            raise PeopleError(f"{where}{'s' * (len(numbers) > 1)} {listed}: {words}. Mend that; nobody was asked about")
