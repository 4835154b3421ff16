"""Which people to check: ids in a file or on standard input."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cells.csv_rows import read_table
from cells.texts import plain_name
from qualifying.person import BIRTH_DATE, ID_RULE, NAME, Person, id_typed, is_day, is_whole_id

ID_COLUMNS = ("id", "person_id", "national_id")  # names that the column of ids may have, unless it is given
MOST_NAMED = 5  # rows in one message
MOST_LISTED = 10  # columns in one message


class PeopleError(Exception):
    """The given people can't be used as they are; the message says what to do."""


class UnclearIdColumn(PeopleError):
    """It is unclear which column of a file holds the ids; the message lists the columns to choose from."""


def people_in_lines(lines: Iterable[str]) -> list[Person]:
    """The people with these ids, one in each line that is not blank. Raises PeopleError."""
    typed = {number: id_typed(line.strip("\ufeff \t\r\n")) for number, line in enumerate(lines, 1)}
    ids = {number: text for number, text in typed.items() if text}
    no_ids = {number: text for number, text in ids.items() if not is_whole_id(text) or _title_key(text) in _TITLES}
    _refuse_malformed(no_ids, "Standard input: line")
    if not ids:
        raise PeopleError("Standard input has no ids. Write one id per line")
    return [Person(text) for text in ids.values()]


@dataclass(frozen=True, slots=True)
class PeopleFile:
    """The people in a file, in its order, and its columns by meaning: id, name and birth_date."""

    people: list[Person]
    columns: dict[str, str]


def people_in_file(
    path: Path, id_column: str = "", encoding: str = "utf-8", *, is_redacted: bool = False
) -> PeopleFile:
    """The people in a CSV file: a column of ids, and the columns `name` and `birth_date` if it has them.

    The first line may hold people instead of column names, so `is_redacted` keeps it out of error messages.

    Raises PeopleError and cells.unreadable.InputError, before anybody is checked, for a file that can't be used. This
    includes two rows that say different things about one id, since at most one of them can be right.
    """
    titles, rows = read_table(path, encoding)
    header = _Header(path.name, titles, is_redacted)
    header.refuse_unusable()
    indexes = header.indexes(id_column)
    people = {number: _person_in(header, number, row, indexes) for number, row in rows}
    malformed = {number: each.person_id for number, each in people.items() if not is_whole_id(each.person_id)}
    _refuse_malformed(malformed, f"{path.name}: row")
    if not people:
        raise PeopleError(f"{path.name} has column names but no people. Add a row for each person")
    known = _known_of_each(path.name, people)
    columns = {name: titles[index].strip() for name, index in indexes.items()}
    return PeopleFile([known[person.person_id] for person in people.values()], columns)


@dataclass(frozen=True, slots=True)
class _Header:
    """The titles of a file's columns; with `is_redacted`, error messages do not show them."""

    file: str
    titles: Sequence[str]
    is_redacted: bool

    def refuse_unusable(self) -> None:
        """Raise PeopleError if a title occurs twice, or if the cells are not separated by commas."""
        keys = Counter(filter(None, map(_title_key, self.titles)))
        twice = [key for key, times in keys.items() if times > 1]
        if twice:
            which = "a column" if self.is_redacted else f"the column {twice[0]!r}"
            raise PeopleError(f"{self.file}: {which} appears twice. Rename or remove one of them")
        if len(self.titles) == 1 and any(mark in self.titles[0] for mark in ";\t|"):
            raise PeopleError(
                f"{self.file}: the cells are not separated by commas. Save the file as comma-separated CSV"
            )

    def indexes(self, id_column: str) -> dict[str, int]:
        """Which cells of a row hold the id, the name and the date of birth. Raises UnclearIdColumn."""
        keys = [_title_key(title) for title in self.titles]
        wanted = [_title_key(name) for name in ([id_column] if id_column else ID_COLUMNS)]
        found = [key for key in keys if key in wanted]
        if len(found) != 1:
            lacking = f"no column is named {id_column or ID_COLUMNS[0]!r}"
            problem = "several columns could hold the ids" if found else lacking
            raise UnclearIdColumn(f"{self.file}: {problem}. Choose one of {self._listed}")
        known = {"id": found[0], NAME: _title_key(NAME), BIRTH_DATE: _title_key(BIRTH_DATE)}
        return {name: keys.index(key) for name, key in known.items() if key in keys}

    @property
    def _listed(self) -> str:
        shown = ", ".join(repr(title.strip()) for title in self.titles[:MOST_LISTED])
        return "its columns" if self.is_redacted else shown


_TITLES = frozenset({"id", "person id", "national id", "ids"})  # of a column, which a list on its own does not have


def _title_key(title: str) -> str:
    """A title in the form in which titles are compared; `_` counts as a space."""
    return plain_name(title.replace("_", " "))


def _person_in(header: _Header, number: int, row: Sequence[str], indexes: Mapping[str, int]) -> Person:
    if len(row) > len(header.titles):
        raise PeopleError(
            f"{header.file}: row {number} has more cells than the header. Put quotes around cells that contain commas"
        )
    cells = {name: "".join(row[index : index + 1]).strip() for name, index in indexes.items()}
    birth_date = cells.get(BIRTH_DATE, "")
    if birth_date and not is_day(birth_date):
        raise PeopleError(f"{header.file}: row {number}: the {BIRTH_DATE} is not a date. Write it as YYYY-MM-DD")
    return Person.called(id_typed(cells["id"]), [cells.get(NAME, "")], birth_date)


def _known_of_each(file: str, people: Mapping[int, Person]) -> dict[str, Person]:
    """What all rows say about each id. Raises PeopleError if two of them contradict each other."""
    rows: dict[str, dict[Person, int]] = {}
    for number, person in people.items():
        rows.setdefault(person.person_id, {}).setdefault(person, number)
    return {person_id: _known_of_one(file, of_one) for person_id, of_one in rows.items()}


def _known_of_one(file: str, rows: Mapping[Person, int]) -> Person:
    """What rows say about one person: the name that says most, and the date of birth; by what each says first."""
    for (person, number), (other, other_number) in itertools.combinations(rows.items(), 2):
        if _contradict(person, other):
            raise PeopleError(
                f"{file}: rows {number} and {other_number} have the same id, but different names or dates of birth. "
                "Correct or delete the wrong one"
            )
    names = max((person.names for person in rows), key=lambda held: (bool(held), any(each.generation for each in held)))
    return replace(next(iter(rows)), names=names, birth_date=max(person.birth_date for person in rows))


def _contradict(person: Person, other: Person) -> bool:
    has_other_name = person.names and other.names and not person.is_called(other.names)
    return bool(has_other_name) or len({person.birth_date, other.birth_date} - {""}) > 1


def _refuse_malformed(malformed: Mapping[int, str], where: str) -> None:
    """Raise PeopleError naming rows or lines, but no ids."""
    for is_blank, words in ((True, "the id is missing"), (False, f"not a valid id; {ID_RULE}")):
        numbers = [str(number) for number, text in malformed.items() if bool(text) is not is_blank]
        if numbers:
            listed = ", ".join(numbers[:MOST_NAMED]) + (" ..." if len(numbers) > MOST_NAMED else "")
            raise PeopleError(
                f"{where}{'s' * (len(numbers) > 1)} {listed}: {words}. Correct this and run again; nobody was checked"
            )
