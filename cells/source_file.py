"""The contents of a file of leads, column by column: text and row numbers, nothing guessed."""

import codecs
import contextlib
import functools
import gc
import itertools
import operator
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from cells.columns import CODE_COLUMN, COMPANY, ROW_COLUMN, ROWS_AT_ONCE
from cells.csv_rows import rows_in_form, told_form_of
from cells.maps.column_map import AskedForm, ColumnMap, MapError
from cells.maps.rewritten_cells import rewritten
from cells.placeholders import has_value
from cells.roles import Roles, roles_of
from cells.table import MOST_ABOVE, MOST_BELOW, LeftOutRow, check_header_row, count_known, find_header, rows_below
from cells.text_form import first_rows, is_utf_8
from cells.texts import has_text
from cells.titles import is_from_outlook, is_from_salesforce
from cells.unreadable import InputError, readable_head, refuse_other_formats
from cells.workbooks.sheet import is_workbook, open_sheet


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file: its `header`, and `cells`, a frame of text indexed by row number, with a column per header cell.

    If a map replaces values, `cells` have the new ones, and `written` has the cells as they are in the file. Row
    numbers are those of a spreadsheet: the first row is 1, and blank ones are counted but not kept. `roles` say what
    each column is taken for, and the `column_map` is the map that was used, if any. `surplus` has the cells beyond the
    header's last one, by row number. `has_bom` says whether the file began with a byte order mark, and `form` in words
    how it was read, "" if in the usual way. `rows_left_out` stand above or below the table. `other_sheets` are those of
    a workbook that were not read; `is_workbook` says whether it is one.
    """

    name: str
    has_bom: bool
    form: str
    header: tuple[str, ...]
    roles: Roles
    cells: pd.DataFrame
    written: pd.DataFrame
    surplus: Mapping[int, tuple[str, ...]]
    rows_left_out: tuple[LeftOutRow, ...] = ()
    other_sheets: tuple[str, ...] = ()
    column_map: ColumnMap | None = None
    is_workbook: bool = False

    def with_fields(self, names: Iterable[str]) -> "SourceFile":
        """The same file, also with the columns that are named after these custom fields of Close."""
        return replace(self, roles=roles_of(self.name, self.header, names, self.roles.said))

    def with_several(self, names: Iterable[str]) -> "SourceFile":
        """The same file, whose cells may have several values for each of these custom fields."""
        lists = {self.roles.custom[name] for name in names}
        if not any(said.rewrites for at, said in self.roles.said.items() if at in lists):
            return self
        return replace(self, cells=rewritten(self.written, self.roles.said, lists | self.roles.lists))

    @property
    def own_positions(self) -> list[int]:
        """The positions of the file's own columns, without those that our rejects files add."""
        return [index for index in range(len(self.header)) if index not in self.roles.ours.values()]

    @property
    def as_written(self) -> pd.DataFrame:
        """The cells of the file's own columns as they stand in the file."""
        return self.written[self.own_positions]

    def count_left_out(self) -> dict[str, int]:
        """How many values are left out of each column that loses any, by the label of the column."""
        counts = {position: int(says_something(self.cells[position]).sum()) for position in self.roles.left_out}
        for position, groups in self.roles.substitutes.items():
            is_replaced = self._any_filled(groups) & says_something(self.cells[position])
            counts[position] = int(is_replaced.sum())
        return {self.roles.labels[position]: count for position, count in sorted(counts.items()) if count}

    def _any_filled(self, groups: Iterable[Iterable[int]]) -> "pd.Series[bool]":
        """Whether all columns of one of the groups are filled, by row."""
        return functools.reduce(
            operator.or_,
            (functools.reduce(operator.and_, (says_something(self.cells[at]) for at in group)) for group in groups),
        )

    def is_filled(self, position: int) -> bool:
        """Whether a column has anything in it."""
        return bool((self.cells[position] != "").any())

    def column(self, name: str) -> "pd.Series[str]":
        """The cells of a column of ours, blank if the file does not have it."""
        position = self.roles.ours.get(name, next(iter(self.roles.sources.get(name, ())), None))
        return pd.Series("", index=self.cells.index, dtype=object) if position is None else self.cells[position]


def says_something(cells: "pd.Series[str]") -> "pd.Series[bool]":
    """Whether each cell has a text that stands for a value; each distinct text is looked at once."""
    return ~cells.isin([text for text in cells.unique() if not has_value(text)])


@contextlib.contextmanager
def few_collections() -> Iterator[None]:
    """Make Python look for garbage rarely, and only among new objects, while millions of lasting objects are created.

    It still has to look sometimes: each number that `phonenumbers` refuses leaves a reference cycle behind.
    """
    usual = gc.get_threshold()
    gc.set_threshold(50_000, 1_000_000, 1_000_000)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def read_source(path: Path, form: AskedForm = AskedForm()) -> SourceFile:  # noqa: B008
    """The file's cells as text, nothing guessed; whatever is not asked for about its form is found in the file.

    Raises InputError, naming the row or line, if the file can't be read, or if two columns have one title.
    """
    with open_table(path, form) as opened:
        return opened.read()


@dataclass(frozen=True, slots=True)
class OpenedTable:
    """A file that is read up to the `header`, the row with the index `at`; `read` goes on from there, once."""

    path: Path
    header: tuple[str, ...]
    at: int
    _head: Sequence[list[str]]
    _opened: "_Opened"

    @property
    def is_rejects(self) -> bool:
        """Whether it is a rejects file of ours."""
        return CODE_COLUMN in map(str.strip, self.header)

    def read(self, column_map: ColumnMap | None = None) -> SourceFile:
        """The whole file, with its columns as a map says, or else as their titles tell. Raises InputError."""
        opened, roles = self._opened, _roles(self.path.name, self.header, column_map)
        table, below = self._rows()
        if not table.numbers:
            raise _without_rows(self.path.name, opened.other_sheets)
        written = table.frame()
        return SourceFile(
            name=self.path.name,
            has_bom=opened.has_bom,
            form="" if opened.is_usual and self.at == 0 else f"{opened.form}, header in row {self.at + 1}",
            header=self.header,
            roles=roles,
            cells=rewritten(written, roles.said, roles.lists),
            written=written,
            surplus={} if table.ends_with_delimiters else table.surplus,
            rows_left_out=(*self._above(), *below),
            other_sheets=opened.other_sheets,
            is_workbook=opened.is_workbook,
            column_map=column_map,
        )

    def _above(self) -> Iterator[LeftOutRow]:
        rows = enumerate(self._head[: self.at], 1)
        return (LeftOutRow.of(number, row) for number, row in rows if has_text(row))

    def _rows(self) -> tuple["_Table", Sequence[LeftOutRow]]:
        """The rows of the table, and those below it."""
        with few_collections():
            rows = itertools.chain(self._head[self.at + 1 :], self._opened.rows)
            table = _by_column(rows, len(self.header), self.at + 2)
        below = [] if self.is_rejects else rows_below(list(table.tail), len(self.header))
        table.drop_last(len(below))
        return table, below


def _roles(name: str, header: Sequence[str], column_map: ColumnMap | None) -> Roles:
    if column_map is None:
        return roles_of(name, header)
    try:
        return roles_of(name, header, said=column_map.at(header))
    except MapError as error:
        raise MapError(f"{column_map.name}: {error}") from None


@contextlib.contextmanager
def open_table(path: Path, form: AskedForm = AskedForm()) -> Iterator[OpenedTable]:  # noqa: B008
    """The file with its header found. Raises InputError if it can't be read, or has no such header."""
    opened = _opened(path, form)
    try:
        head = list(itertools.islice(opened.rows, max(MOST_ABOVE, form.header_row or 0)))
        if not any(map(has_text, head)):
            raise InputError(f"{path.name} is empty. It must have a row with the column names, such as {COMPANY}.")
        at = check_header_row(path.name, head, form.header_row) if form.header_row else find_header(head)
        yield OpenedTable(path, tuple(head[at]), at, head, opened)
    finally:
        opened.close()


def _without_rows(name: str, other_sheets: Iterable[str]) -> InputError:
    others = ", ".join(map(repr, other_sheets))
    instead = f", or read another sheet with --sheet: {others}" if others else ""
    return InputError(f"{name} has column names but no rows. Add the rows to import{instead}.")


@dataclass(frozen=True, slots=True)
class _Opened:
    """The rows of a file, and in words how they are read; `is_usual` if nobody has to be told."""

    rows: Iterator[list[str]]
    form: str
    is_usual: bool = False
    has_bom: bool = False
    other_sheets: tuple[str, ...] = ()
    is_workbook: bool = False

    def close(self) -> None:
        """Close the file, or end the process that reads it, even if rows are left."""
        if isinstance(self.rows, Generator):
            self.rows.close()


def _opened(path: Path, asked: AskedForm) -> _Opened:
    head = readable_head(path)
    encoding, delimiter, sheet = asked.encoding, asked.delimiter, asked.sheet
    if is_workbook(head):
        if encoding or delimiter:
            raise InputError(f"{path.name} is a workbook. Leave --encoding and --delimiter out.")
        found = open_sheet(path, sheet)
        others = tuple(name for name in found.all_sheets if name != found.name)
        beside = f" (not {', '.join(map(repr, others))})" if others else ""
        return _Opened(found.rows, f"sheet {found.name!r}{beside}", other_sheets=others, is_workbook=True)
    if sheet:
        raise InputError(f"{path.name} is a text file, which has no sheets. Leave --sheet out.")
    refuse_other_formats(path.name, head)
    form = told_form_of(head, encoding, delimiter, count_known)
    is_plain = not encoding and form.encoding == "utf-8-sig"
    titles = list(itertools.chain.from_iterable(first_rows(head, form)[:MOST_ABOVE]))
    if is_plain and (is_from_salesforce(titles) or is_from_outlook(titles)) and not is_utf_8(path):
        form = replace(form, encoding="cp1252")
    return _Opened(rows_in_form(path, form), str(form), form.is_usual, head.startswith(codecs.BOM_UTF8))


@dataclass(slots=True)
class _Table:
    """The rows of a table that are not blank, cell by cell: their `numbers`, `columns` of cells, and `surplus` cells.

    `tail` has the last rows as they are.
    """

    numbers: list[int]
    columns: list[list[str]]
    surplus: dict[int, tuple[str, ...]]
    tail: deque[tuple[int, list[str]]]

    @property
    def ends_with_delimiters(self) -> bool:
        """Whether every row but the header ends with delimiters, so that no cell is too many."""
        return len(self.surplus) == len(self.numbers) and not any(map(has_text, self.surplus.values()))

    def drop_last(self, count: int) -> None:
        """Take rows off the end."""
        kept = len(self.numbers) - count
        for number in self.numbers[kept:]:
            self.surplus.pop(number, None)
        del self.numbers[kept:]
        for cells in self.columns:
            del cells[kept:]

    def frame(self) -> pd.DataFrame:
        """The cells by row number."""
        index = pd.Index(self.numbers, name=ROW_COLUMN)
        return pd.DataFrame(dict(enumerate(self.columns)), index=index, columns=range(len(self.columns)), dtype=object)


def _by_column(rows: Iterator[list[str]], width: int, first: int) -> _Table:
    """The rows of a table whose first row has the number `first`.

    Equal texts in a column share one object, unless texts in that column hardly ever repeat.
    """
    table = _Table([], [[] for _ in range(width)], {}, deque(maxlen=MOST_BELOW))
    known: list[dict[str, str] | None] = [{} for _ in range(width)]
    while batch := list(itertools.islice(rows, ROWS_AT_ONCE)):
        kept = [(number, row) for number, row in enumerate(batch, first) if has_text(row)]
        table.numbers += [number for number, _ in kept]
        table.surplus |= {number: tuple(row[width:]) for number, row in kept if len(row) > width}
        table.tail += kept[-MOST_BELOW:]
        whole = [row if len(row) == width else (row + [""] * width)[:width] for _, row in kept]
        for index, cells in enumerate(zip(*whole, strict=True)):
            texts = known[index]
            table.columns[index] += cells if texts is None else map(texts.setdefault, cells, cells)
            if texts and len(texts) > len(table.columns[index]) / 2:
                known[index] = None
        first += len(batch)
    return table
