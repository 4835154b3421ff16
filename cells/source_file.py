"""The contents of a file of leads, column by column: text and row numbers, nothing guessed."""

import codecs
import contextlib
import gc
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cells.columns import (
    CODE_COLUMN,
    COMPANY,
    CUSTOM_PREFIX,
    DATE_ORDER_COLUMN,
    DECIMAL_COLUMN,
    EMAILS,
    KNOWN_COLUMNS,
    PHONES,
    REJECT_COLUMNS,
    ROW_COLUMN,
    ROWS_AT_ONCE,
    VALUE_COLUMN,
)
from cells.csv_rows import rows_in_form, told_form_of
from cells.lead_fields import FOUNDED, IMPORT_KEY, REVENUE
from cells.texts import has_text, is_same_name, is_text, plain_name, visible
from cells.unreadable import InputError, refuse_unreadable

OUR_COLUMNS = (*REJECT_COLUMNS, DECIMAL_COLUMN)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it is: `header`, and `cells`, a frame of text indexed by row number, with a column per header cell.

    Row numbers are those of a spreadsheet: the header is 1, and blank lines are counted but not kept. `surplus` has the
    cells beyond the header's last one, by row number. `has_bom` says whether the file began with a byte order mark, and
    `form` in words how it was read, "" if in the usual way.
    """

    has_bom: bool
    header: tuple[str, ...]
    cells: pd.DataFrame
    surplus: Mapping[int, tuple[str, ...]]
    form: str = ""

    @property
    def positions(self) -> dict[str, int]:
        """The position of each known column: its canonical name -> its index in the header."""
        return {name: index for index, title in enumerate(self.header) if (name := canonical(title)) is not None}

    @property
    def own_positions(self) -> list[int]:
        """The positions of the file's own columns, without those that our rejects files add."""
        return [index for index, title in enumerate(self.header) if title.strip() not in OUR_COLUMNS]

    @property
    def custom_fields(self) -> dict[str, str]:
        """The lead custom fields that the file fills, in order: by name, each as the header spells it."""
        return {
            name.removeprefix(CUSTOM_PREFIX): self.header[index].strip()[len(CUSTOM_PREFIX) :].strip()
            for name, index in self.positions.items()
            if name.startswith(CUSTOM_PREFIX)
        }

    @property
    def left_out(self) -> dict[str, int]:
        """The columns that an import does not know, as the header spells them, with the number of values in each."""
        counts: Counter[str] = Counter()
        for index, title in enumerate(self.header):
            if canonical(title) is None and title.strip() not in OUR_COLUMNS:
                counts[title.strip() or f"(unnamed column {index + 1})"] += _count_values(self.cells[index])
        return {title: values for title, values in counts.items() if values}

    def column(self, name: str) -> pd.Series:
        """The cells of a known column, blank if the file does not have that column."""
        index = self.positions.get(name)
        return pd.Series("", index=self.cells.index, dtype=object) if index is None else self.cells[index]


def _count_values(cells: "pd.Series[str]") -> int:
    blank = [text for text in cells.unique() if not is_text(text)]
    return len(cells) - int(cells.isin(blank).sum())


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


def read_source(path: Path, encoding: str = "", delimiter: str = "") -> SourceFile:
    """The file's cells as text, nothing guessed; an encoding or a delimiter that is not given is found in it.

    Raises InputError, naming the row or line, if it can't be read.
    """
    head = refuse_unreadable(path)
    form = told_form_of(head, encoding, delimiter, COMPANY)
    with few_collections():
        rows = rows_in_form(path, form)
        header = tuple(next(rows, ()))
        numbers, columns, surplus = _by_column(rows, len(header))
    if not (numbers or has_text(header)):
        raise InputError(f"{path.name} is empty. The first line must contain the column names, such as {COMPANY}.")
    _refuse_header(path.name, header)
    if not numbers:
        raise InputError(f"{path.name} has column names but no rows. Add the rows to import.")
    index = pd.Index(numbers, name=ROW_COLUMN)
    cells = pd.DataFrame(dict(enumerate(columns)), index=index, columns=range(len(header)), dtype=object)
    has_bom, told = head.startswith(codecs.BOM_UTF8), "" if form.is_usual else str(form)
    return SourceFile(has_bom=has_bom, header=header, cells=cells, surplus=surplus, form=told)


def _by_column(rows: Iterator[list[str]], width: int) -> tuple[list[int], list[list[str]], dict[int, tuple[str, ...]]]:
    """The numbers of the rows that are not blank, their cells by column, and the cells beyond the last column by row.

    Equal texts in a column share one object, unless texts in that column hardly ever repeat.
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
        for index, cells in enumerate(zip(*whole, strict=True)):
            texts = known[index]
            columns[index] += cells if texts is None else map(texts.setdefault, cells, cells)
            if texts and len(texts) > len(columns[index]) / 2:
                known[index] = None
        first += len(batch)
    return numbers, columns, surplus


def _refuse_header(name: str, header: Sequence[str]) -> None:
    if not has_text(header):
        raise InputError(f"{name}: the first line is blank. It must contain the column names.")
    places: dict[str, list[int]] = {}
    for place, title in enumerate(header, 1):
        column = canonical(title)
        if column is not None:
            places.setdefault(plain_name(column), []).append(place)
    for found in places.values():
        if len(found) > 1:
            raise InputError(_column_twice(name, str(canonical(header[found[0] - 1])), found))
    if plain_name(COMPANY) not in places:
        raise InputError(_no_company_column(name, header))


def _column_twice(name: str, column: str, places: Sequence[int]) -> str:
    listed = f"{', '.join(map(str, places[:-1]))} and {places[-1]}"
    times = "twice" if len(places) == 2 else f"{len(places)} times"
    advice = "Rename or remove all but one"
    if column in (EMAILS, PHONES):
        advice = "Put all values into one of them, with semicolons between them, and remove the others"
    return f"{name}: the column {column!r} appears {times}, as columns {listed}. {advice}."


def _no_company_column(name: str, header: Sequence[str]) -> str:
    found = ", ".join(repr(title.strip()) for title in header[:10])
    return (
        f"{name}: the first line does not have a column named {COMPANY!r}, only {found}. Rename the right one, "
        "and delete any lines above the column names."
    )


_EMAIL_TITLE = re.compile(
    r"(?:work |business |personal |other |home |primary |secondary )?e ?mails?(?: address)?(?: \d+)?"
)
_PHONE_TITLE = re.compile(
    r"(?:work |business |personal |other |home |primary |mobile |office |direct |company )?"
    r"(?:phones?|mobile|cell|telephone)(?: phone| number)?(?: \d+)?"
)


def columns_of_contacts(titles: Iterable[str]) -> dict[str, list[str]]:
    """Those of some unknown columns that hold e-mails or phones, by our column for them."""
    found: dict[str, list[str]] = {}
    for title in titles:
        words = " ".join(re.findall(r"[^\W_]+", title.casefold().removesuffix("value")))
        kinds = {EMAILS: _EMAIL_TITLE, PHONES: _PHONE_TITLE}
        for column in (column for column, kind in kinds.items() if kind.fullmatch(words)):
            found.setdefault(column, []).append(title)
    return found


def canonical(title: str) -> str | None:
    """Our name for a column, or None if we do not know it."""
    spelled = unicodedata.normalize("NFC", " ".join(visible(title).split()))
    known = _COLUMN_BY_PLAIN_NAME.get(plain_name(title))
    if known is not None or not spelled.casefold().startswith(CUSTOM_PREFIX):
        return known
    field_name = spelled[len(CUSTOM_PREFIX) :].strip()
    return CUSTOM_PREFIX + field_name if field_name and not is_same_name(field_name, IMPORT_KEY) else None


_COLUMN_BY_PLAIN_NAME = {
    plain_name(name): name
    for name in (
        *(*KNOWN_COLUMNS, VALUE_COLUMN, CODE_COLUMN, DATE_ORDER_COLUMN, DECIMAL_COLUMN),
        *(CUSTOM_PREFIX + FOUNDED, CUSTOM_PREFIX + REVENUE),
    )
}
