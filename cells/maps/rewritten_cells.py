"""The cells of a file as a map says that they are to be read, and what stood there before."""

import re
from collections.abc import Callable, Container, Mapping

import pandas as pd

from cells.dates import is_year_alone
from cells.maps.column_map import MappedColumn
from cells.placeholders import has_value
from cells.texts import plain_name
from cells.wrapped import unwrapped

FIRST_SHORT_YEAR = 30  # from which on Excel takes years of two digits for those of the last century
NOTHING = "\\N"  # what a cell is read as if the map makes it blank, so that it is counted; no choice is called so
_LIST = re.compile(r"([\r\n;])")
_END = r"(?=$|[\sT,])"
_SHORT_YEAR_LAST = re.compile(
    r"(?P<before>\s*(?:"
    r"[0-9]{1,2}(?P<mark>[-/.])\s*[0-9]{1,2}(?P=mark)\s*"
    r"|[0-9]{1,2}[-/. ]+[A-Za-z]{3,9}[-/., ]+"
    r"|[A-Za-z]{3,9}\.?[- ][0-9]{1,2}(?:st|nd|rd|th)?[-, ] *"
    rf"))['’]?(?P<year>[0-9]{{2}}){_END}"
)
_SHORT_YEAR_FIRST = re.compile(
    rf"(?P<before>\s*)['’]?(?P<year>[0-9]{{2}})(?=(?P<mark>[-/.])[0-9]{{1,2}}(?P=mark)[0-9]{{1,2}}{_END})"
)
_SHORT_YEAR_ALONE = re.compile(r"(?P<before>\s*)['’]?(?P<year>[0-9]{2})\s*")


def rewritten(cells: pd.DataFrame, said: Mapping[int, MappedColumn], lists: Container[int]) -> pd.DataFrame:
    """The cells of a file, by position of the column, as a map says that they are to be read.

    A cell can have several values only in the columns at the positions in `lists`; there, each value is looked up.
    """
    changed = {
        at: _read_as(cells[at], _rewriting(column) if at in lists else _rewriting_whole(column))
        for at, column in said.items()
        if column.rewrites
    }
    if not changed:
        return cells
    return pd.DataFrame({at: changed[at] if at in changed else cells[at] for at in range(len(cells.columns))})


def _read_as(cells: "pd.Series[str]", rewrite: Callable[[str], str]) -> "pd.Series[str]":
    meant = {cell: text for cell in cells.unique() if (text := rewrite(unwrapped(cell))) != unwrapped(cell)}
    return cells.map(lambda cell: meant.get(cell, cell))


def as_written(value: str, cell: str, column: MappedColumn) -> str:
    """What stood in a cell where a value was read, which a map says to read instead; else the value itself."""
    rewrite, text = _rewriting(column), unwrapped(cell)
    candidates = [text, *(part.strip() for part in _splitter(column).split(text))]
    return next((each for each in candidates if value in (rewrite(each), rewrite(each).strip())), value)


def values_beyond(cells: "pd.Series[str]", column: MappedColumn) -> list[str]:
    """The values of a column that a map does not say what to read instead of, if it says so of most others."""
    known = _values_of(column)
    texts = list(dict.fromkeys(unwrapped(cell) for cell in cells.unique() if has_value(cell)))
    beyond = [text for text in texts if text not in known and plain_name(text) not in known]
    meant = {plain_name(value) for value in column.values.values()}
    strange = [text for text in beyond if plain_name(text) not in meant]
    return strange if 2 * len(beyond) < len(texts) else []


def _values_of(column: MappedColumn) -> dict[str, str]:
    """What to read instead of a text, by the text as the map has it and by its plain form."""
    values = {text: value or NOTHING for text, value in column.values.items()}
    return {plain_name(text): value for text, value in values.items()} | values


def _rewriting_whole(column: MappedColumn) -> Callable[[str], str]:
    """How a text without its wrapping is rewritten as one value."""
    values = _values_of(column)

    def rewrite(text: str) -> str:
        if not text:
            return text
        meant = values.get(text.strip(), values.get(plain_name(text), text))
        meant = _with_whole_year(meant, column) if column.has_short_years else meant
        return f"{meant.strip()[:4]}-01-01" if column.has_years_alone and is_year_alone(meant) else meant

    return rewrite


def _rewriting(column: MappedColumn) -> Callable[[str], str]:
    """How a text without its wrapping is rewritten: whole if the map has a value for it, else in its parts."""
    values, splitter, part_as = _values_of(column), _splitter(column), _rewriting_whole(column)

    def rewrite(text: str) -> str:
        if text in values or plain_name(text) in values:
            return part_as(text)
        first, *others = splitter.split(text)
        rest = (
            ("\n" if column.separator else mark) + part_as(part)
            for mark, part in zip(others[::2], others[1::2], strict=True)
        )
        return "".join([part_as(first), *rest])

    return rewrite


def _splitter(column: MappedColumn) -> re.Pattern[str]:
    return re.compile(f"({re.escape(column.separator)}|[\r\n;])") if column.separator else _LIST


def _with_whole_year(text: str, column: MappedColumn) -> str:
    """A date with a year of four digits: 00 to 29 are of this century, 30 to 99 of the last, as in Excel."""
    pattern = _SHORT_YEAR_FIRST if column.date_order == "ymd" else _SHORT_YEAR_LAST
    found = pattern.match(text) or (_SHORT_YEAR_ALONE.fullmatch(text) if column.has_years_alone else None)
    if not found:
        return text
    century = "20" if int(found["year"]) < FIRST_SHORT_YEAR else "19"
    return f"{found['before']}{century}{found['year']}{text[found.end('year') :]}"
