"""A map of a file: what a person says that its columns are, and how their cells are read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo

from cells.dates import DateOrder
from cells.labels import own_titles
from cells.numbers import DecimalMark
from cells.texts import plain_name
from cells.unreadable import InputError

UNDECIDED = "?"  # the target of a column about which somebody has to decide first
MOST_NAMED = 10  # columns in a message


class MapError(InputError):
    """A map can't be used: it has mistakes, or it does not fit the file or the fields in Close."""


@dataclass(frozen=True, slots=True)
class AskedForm:
    """What somebody says about the form of a file; whatever is left open is found in the file.

    `sheet` is the name of a workbook's sheet, `header_row` the number of the row with the column names.
    """

    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    header_row: int | None = None

    def over(self, other: "AskedForm") -> "AskedForm":
        """This, and what only the other one says."""
        return AskedForm(
            self.encoding or other.encoding,
            self.delimiter or other.delimiter,
            self.sheet or other.sheet,
            self.header_row or other.header_row,
        )

    def for_workbook(self, *, is_workbook: bool) -> "AskedForm":
        """What of this can be said about a workbook, or about a text file."""
        return replace(self, encoding="", delimiter="") if is_workbook else replace(self, sheet="")


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """What a map says about one column; None and "" stand for what it does not say.

    `target` is one of our names for columns, `custom.` with the name of a field, "" for a column that is left out, or
    `UNDECIDED`. `type` is that of e-mails or phones, or of a new field. `separator` stands between several values of a
    cell. `values` are to be read instead of others, which are its keys. With `has_short_years`, years of two digits are
    those that Excel takes them for; with `has_years_alone`, a year without a day means January 1.
    """

    target: str | None = None
    type: str = ""
    decimal: DecimalMark | None = None
    date_order: DateOrder | None = None
    region: str = ""
    separator: str = ""
    has_short_years: bool = False
    has_years_alone: bool = False
    zone: tzinfo | None = None
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def rewrites(self) -> bool:
        """Whether cells are to be read as if something else stood in them."""
        return bool(self.separator or self.values or self.has_short_years or self.has_years_alone)


NOTHING_SAID = MappedColumn()


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """A map by the `name` of its file: the form of the files that it is for, and what it says about each column."""

    name: str
    form: AskedForm
    columns: Mapping[str, MappedColumn]

    def at(self, header: Sequence[str]) -> dict[int, MappedColumn]:
        """What it says about the columns of a file, by position in the header."""
        by_name = {plain_name(title): column for title, column in self.columns.items()}
        return {at: by_name[name] for at, title in own_titles(header).items() if (name := plain_name(title)) in by_name}

    def missing_in(self, header: Sequence[str]) -> list[str]:
        """The columns of the map that a file does not have."""
        return _beyond(self.columns, own_titles(header).values())

    def lacks_of(self, header: Sequence[str]) -> list[str]:
        """The columns of a file that the map does not have."""
        return _beyond(own_titles(header).values(), self.columns)

    def fits(self, header: Sequence[str]) -> bool:
        """Whether its columns are those of a file."""
        return not self.missing_in(header) and not self.lacks_of(header)

    def difference(self, header: Sequence[str]) -> str:
        """In words, which columns the map or a file has alone; "" if it fits."""
        missing, beyond = self.missing_in(header), self.lacks_of(header)
        lacks = [f"the file lacks {_listed(missing)}"] if missing else []
        has = [f"{'it' if missing else 'the file'} has {_listed(beyond)}, which the map lacks"] if beyond else []
        return "; ".join([*lacks, *has])

    def without_undecided(self) -> "ColumnMap":
        """The same map, with undecided columns left to what their names say."""
        decided = {
            title: replace(column, target=None) if column.target == UNDECIDED else column
            for title, column in self.columns.items()
        }
        return replace(self, columns=decided)

    def refuse_misfit(self, name: str, header: Sequence[str]) -> None:
        """Raise MapError, with what differs, if it names columns that the file with this name does not have."""
        if self.missing_in(header):
            raise MapError(
                f"{self.name} does not fit {name}: {self.difference(header)}. Correct the names in the map, or write a "
                "new one with `python main.py map FILE`."
            )

    def refuse_undecided(self, header: Sequence[str]) -> None:
        """Raise MapError if it leaves open what some columns of a file are."""
        titles = own_titles(header)
        undecided = [titles[at] for at, column in self.at(header).items() if column.target == UNDECIDED]
        if undecided:
            verb = "is" if len(undecided) == 1 else "are"
            raise MapError(
                f'{self.name}: {_listed(undecided)} {verb} undecided. Write a target in place of "?", or "" to leave a '
                "column out."
            )


def _beyond(titles: Iterable[str], others: Iterable[str]) -> list[str]:
    known = set(map(plain_name, others))
    return [title for title in titles if plain_name(title) not in known]


def _listed(titles: Sequence[str]) -> str:
    """Some columns in a sentence; of very many, the first ones and the number of the others."""
    more = [f"{len(titles) - MOST_NAMED} more"] if len(titles) > MOST_NAMED else []
    *others, last = [*map(repr, titles[:MOST_NAMED]), *more]
    return f"the columns {', '.join(others)} and {last}" if others else f"the column {last}"
