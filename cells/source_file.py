"""What a file of leads says, cell by cell: text and row numbers, nothing guessed."""

import codecs
import contextlib
import csv
import gc
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cells.phones import visible

COMPANY = "Company"
CONTACT_NAME = "Contact Name"
EMAILS = "Contact Emails"
PHONES = "Contact Phones"
STATE = "Company US State"
CUSTOM_PREFIX = "custom."
FOUNDED = "Company Founded"
REVENUE = "Company Revenue"
IMPORT_KEY = "Import Key"
KNOWN_COLUMNS = (COMPANY, CONTACT_NAME, EMAILS, PHONES, STATE)

REJECT_COLUMNS = ("_row", "_column", "_value", "_code", "_reason", "_date_order")  # what a rejects file of ours adds
ROW_COLUMN, _, VALUE_COLUMN, CODE_COLUMN, _, DATE_ORDER_COLUMN = REJECT_COLUMNS

ROWS_AT_ONCE = 10_000  # a small part of a large file
LARGEST_CELL = 16 * 1024 * 1024  # characters; csv's own limit is 131,072


class InputError(Exception):
    """The input file can't be used as it is; the message says what to do."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it stands: `header`, and `cells`, a frame of text indexed by row number, a column per header cell.

    Row numbers are a spreadsheet's: the header is 1, and blank lines are counted but not held. `surplus` has, by row
    number, the cells beyond the header's last. `has_bom` tells that the file began with a byte order mark.
    """

    has_bom: bool
    header: tuple[str, ...]
    cells: pd.DataFrame
    surplus: Mapping[int, tuple[str, ...]]

    @property
    def positions(self) -> dict[str, int]:
        """Where each known column stands: its canonical name -> its place in the header."""
        return {name: place for place, title in enumerate(self.header) if (name := _canonical(title)) is not None}

    @property
    def own_positions(self) -> list[int]:
        """The positions of the columns that are the file's own, and not what a rejects file of ours adds."""
        return [place for place, title in enumerate(self.header) if title.strip() not in REJECT_COLUMNS]

    @property
    def custom_fields(self) -> list[str]:
        """The names of the lead custom fields that the file fills, in its order."""
        return [name.removeprefix(CUSTOM_PREFIX) for name in self.positions if name.startswith(CUSTOM_PREFIX)]

    @property
    def ignored_columns(self) -> list[str]:
        """The columns with values that mean nothing to an import, as they are written."""
        return [
            title.strip() or f"(column {place + 1} without a name)"
            for place, title in enumerate(self.header)
            if _canonical(title) is None
            and not title.strip().startswith("_")
            and any(map(is_text, self.cells[place].unique()))
        ]

    def column(self, name: str) -> pd.Series:
        """The cells of a known column, blank where the file has no such column."""
        place = self.positions.get(name)
        return pd.Series("", index=self.cells.index, dtype=object) if place is None else self.cells[place]


csv.field_size_limit(LARGEST_CELL)


@contextlib.contextmanager
def few_collections() -> Iterator[None]:
    """While millions of objects are made to stay, Python seldom looks for garbage, and only among the latest.

    Some must be looked for all the same: each number that `phonenumbers` refuses leaves a circle of objects.
    """
    usual = gc.get_threshold()
    gc.set_threshold(50_000, 1_000_000, 1_000_000)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def read_source(path: Path, encoding: str = "utf-8") -> SourceFile:
    """The file's cells as text, nothing guessed. Raises InputError, naming row or line, where it can't be read."""
    _refuse_unreadable(path)
    with few_collections():
        rows = _read_rows(path, encoding)
        header = tuple(next(rows, ()))
        numbers, columns, surplus = _by_column(rows, len(header))
    if not (numbers or has_text(header)):
        raise InputError(f"{path.name} is empty. It needs a first line with column names, such as {COMPANY}.")
    _refuse_header(path.name, header)
    if not numbers:
        raise InputError(f"{path.name} holds column names but no rows; there is nothing to import.")
    index = pd.Index(numbers, name=ROW_COLUMN)
    cells = pd.DataFrame(dict(enumerate(columns)), index=index, columns=range(len(header)), dtype=object)
    return SourceFile(has_bom=_has_bom(path), header=header, cells=cells, surplus=surplus)


def read_table(path: Path, encoding: str = "utf-8") -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header of any CSV file, and its rows with their numbers in a spreadsheet, blank ones left out.

    Characters that nobody sees are left out of the cells. Raises InputError, naming row or line.
    """
    _refuse_unreadable(path)
    rows = [[visible(cell).strip() for cell in row] for row in _read_rows(path, encoding)]
    header = rows[0] if rows else []
    if not has_text(header):
        raise InputError(f"{path.name} has no first line with column names")
    return header, [(number, row) for number, row in enumerate(rows[1:], 2) if has_text(row)]


def _by_column(rows: Iterator[list[str]], width: int) -> tuple[list[int], list[list[str]], dict[int, tuple[str, ...]]]:
    """The numbers of the rows that are not blank, their cells by column, and by number what is beyond the last column.

    Equal texts of a column are one object, unless they hardly ever repeat.
    """
    numbers: list[int] = []
    columns: list[list[str]] = [[] for _ in range(width)]
    surplus: dict[int, tuple[str, ...]] = {}
    known: list[dict[str, str] | None] = [{} for _ in range(width)]
    first = 2
    while batch := list(itertools.islice(rows, ROWS_AT_ONCE)):
        kept = [(number, row) for number, row in enumerate(batch, first) if has_text(row)]
        numbers += [number for number, _ in kept]
        surplus |= {number: tuple(row[width:]) for number, row in kept if len(row) > width}
        whole = [row if len(row) == width else (row + [""] * width)[:width] for _, row in kept]
        for place, cells in enumerate(zip(*whole, strict=True)):
            texts = known[place]
            columns[place] += cells if texts is None else map(texts.setdefault, cells, cells)
            if texts and len(texts) > len(columns[place]) / 2:
                known[place] = None
        first += len(batch)
    return numbers, columns, surplus


def _refuse_unreadable(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a folder; name the file in it.")
    try:
        with path.open("rb") as file:
            head = file.read(8192)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.") from None
    if head.startswith(b"PK\x03\x04") or head.startswith(b"\xd0\xcf\x11\xe0"):
        raise InputError(f"{path.name} is a workbook, not text; save it as CSV (UTF-8) and import that.")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return
    if b"\0" in head:
        raise InputError(f"{path.name} is a binary file, not text; save your sheet as CSV (UTF-8) and import that.")


def _read_rows(path: Path, encoding: str) -> Iterator[list[str]]:
    read = 0
    try:
        with path.open(encoding=_with_bom(encoding), newline="") as file:
            for row in csv.reader(_visible_lines(path.name, file), strict=True):
                read += 1
                yield row
    except LookupError:
        raise InputError(f"There is no text encoding named {encoding!r}; try utf-8, cp1252 or utf-16.") from None
    except UnicodeError:
        raise InputError(_not_in_encoding(path, encoding)) from None
    except csv.Error as error:
        if "field larger" in str(error):
            raise InputError(f"{path.name}: row {read + 1} has a cell of over {LARGEST_CELL} characters.") from None
        raise InputError(
            f"{path.name}: row {read + 1} has a broken quote. A cell that begins with a quote must end with one, "
            "and a quote inside it is written twice."
        ) from None


def _visible_lines(name: str, file: Iterable[str]) -> Iterator[str]:
    """The lines of a file. Raises InputError for one with characters that no text has."""
    for number, line in enumerate(file, 1):
        if "\0" in line or not (line.isascii() or _SURROGATE.search(line) is None):
            raise InputError(f"{name}: line {number} has characters that no text has; save it again as CSV (UTF-8).")
        yield line


_SURROGATE = re.compile("[\ud800-\udfff]")


def _has_bom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(3) == codecs.BOM_UTF8


def _with_bom(encoding: str) -> str:
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def _not_in_encoding(path: Path, encoding: str) -> str:
    """Say which line is not in the encoding; the reader's own position counts from its last buffer."""
    content = path.read_bytes()
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return (
            f"{path.name}: line {line} is not {encoding.upper()}. Save the file as CSV (UTF-8), "
            "or name its encoding, for example --encoding cp1252 for Excel on Windows or --encoding utf-16."
        )
    except UnicodeError:
        pass
    return f"{path.name} is not {encoding.upper()} from its first line on; name its encoding with --encoding."


def has_text(row: Sequence[str]) -> bool:
    return bool(row) and (row[0][:1].isalnum() or any(map(is_text, row)))


def is_text(cell: str) -> bool:
    return bool(visible(cell).strip())


def _refuse_header(name: str, header: Sequence[str]) -> None:
    if not has_text(header):
        raise InputError(f"{name}: the first line is blank; it must hold the column names.")
    columns = [column for title in header if (column := _canonical(title)) is not None]
    known = Counter(map(str.casefold, columns))
    twice = [column for column in columns if known[column.casefold()] > 1]
    if twice:
        raise InputError(f"{name}: the column {twice[0]!r} is there twice; rename or remove one of them.")
    if COMPANY.casefold() not in known:
        raise InputError(_no_company_column(name, header))


def _no_company_column(name: str, header: Sequence[str]) -> str:
    found = ", ".join(repr(title.strip()) for title in header[:10])
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        return f"{name}: the cells are not separated by commas ({found}); save the file as comma-separated CSV."
    return (
        f"{name}: there is no column named {COMPANY!r} in the first line, only {found}. Rename the right one, "
        "and delete any lines above the column names."
    )


def _canonical(title: str) -> str | None:
    """The name by which we know a column, or None where we do not. Case and white space do not matter."""
    stripped = " ".join(visible(title).split())
    known = _COLUMN_BY_FOLDED.get(stripped.casefold())
    if known is not None or not stripped.casefold().startswith(CUSTOM_PREFIX):
        return known
    field_name = stripped[len(CUSTOM_PREFIX) :].strip()
    return CUSTOM_PREFIX + field_name if field_name and field_name.casefold() != IMPORT_KEY.casefold() else None


_COLUMN_BY_FOLDED = {
    name.casefold(): name
    for name in (
        *(*KNOWN_COLUMNS, VALUE_COLUMN, CODE_COLUMN, DATE_ORDER_COLUMN),
        *(CUSTOM_PREFIX + FOUNDED, CUSTOM_PREFIX + REVENUE),
    )
}
