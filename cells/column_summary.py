"""What becomes of the cells of one column: which are filled, which stand for nothing, and what equal ones come to."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cells.columns import Column
from cells.companies import identity_of
from cells.names import NameCase, clean_name
from cells.placeholders import has_value
from cells.texts import is_text


@dataclass(frozen=True, slots=True)
class ParsedColumns:
    """The parsed columns of a file by title, with all rows that are imported, and the name of each row's contact."""

    by_title: Mapping[str, Column]
    people: Column
    names: NameCase


@dataclass(frozen=True, slots=True)
class EqualCells:
    """Cells of a column with one text that come to the same values: their first row, and how many there are."""

    row: int
    before: str
    values: tuple[str, ...]
    count: int

    @property
    def is_changed(self) -> bool:
        """Whether a value is written differently than in the cell."""
        if len(self.values) > 1:
            return any(value not in self.before for value in self.values)
        return bool(self.values) and self.values[0] != self.before


@dataclass(frozen=True, slots=True)
class Filled:
    """For each row, whether its cell has a value, and whether it has only a word for nothing."""

    values: "pd.Series[bool]"
    placeholders: "pd.Series[bool]"


def filled(cells: "pd.Series[str]", column: Column | None) -> Filled:
    """Which cells say something; where a column was parsed, its parser decides what is a placeholder."""
    texts = cells.unique()
    values = cells.isin([text for text in texts if has_value(text)])
    placeholders = cells.isin([text for text in texts if is_text(text) and not has_value(text)])
    if column is None:
        return Filled(values, placeholders)
    says, nothing = _says_something(column), _has_only_placeholders(column)
    values = (values | says.reindex(cells.index, fill_value=False)) & ~nothing.reindex(cells.index, fill_value=False)
    return Filled(values, (placeholders | nothing.reindex(cells.index, fill_value=False)) & ~values)


def _says_something(column: Column) -> "pd.Series[bool]":
    """Whether each cell has a value, or had one that is lost, such as a number that became `#ERROR!`."""
    return column.texts.by_row([value is not None or at in column.lost for at, value in enumerate(column.values)])


def _has_only_placeholders(column: Column) -> "pd.Series[bool]":
    alone = [at for at in column.placeholders if column.values[at] is None and at not in column.lost]
    return column.texts.index.isin(alone)


def cells_with_values(written: "pd.Series[str]", column: Column) -> list[EqualCells]:
    """Equal cells of a column in some of its rows, in order of first appearance; only those that have values."""
    codes = column.texts.index.loc[written.index]
    return equal_cells(written, codes, lambda code: tuple(map(str, column.all_of(code))))


def parts_of_names(written: "pd.Series[str]", part: Column, parsed: ParsedColumns) -> list[EqualCells]:
    """Equal cells of a column that gives names or parts of them; only those that the names of their rows contain."""
    whole, count = parsed.people, len(parsed.people.values)
    codes = part.texts.index.astype("int64") * count + whole.texts.index

    def used(code: int) -> tuple[str, ...]:
        of_part, of_whole = divmod(code, count)
        words = set(itertools.chain.from_iterable(map(_words, whole.all_of(of_whole))))
        names = tuple(clean_name(value, parsed.names) for value in part.all_of(of_part))
        return names if all(_words(name) <= words for name in names) else ()

    return equal_cells(written, codes.loc[written.index], used)


def _words(name: str) -> set[str]:
    return set(identity_of(name).split())


def equal_cells(
    written: "pd.Series[str]", codes: "pd.Series[int]", values_of: Callable[[int], tuple[str, ...]]
) -> list[EqualCells]:
    """Equal cells, in order of first appearance; `values_of` gives the values for the code of a row, if it has any."""
    if written.empty:
        return []
    texts, distinct = pd.factorize(written)
    most = int(codes.max()) + 1
    numbers, kinds = pd.factorize(texts.astype("int64") * most + codes.to_numpy())
    rows = written.index[(~pd.Series(numbers).duplicated()).to_numpy()].tolist()
    counts: Sequence[Any] = pd.Series(numbers).value_counts().sort_index().tolist()
    found = (
        EqualCells(row, distinct[kind // most], values_of(kind % most), count)
        for row, kind, count in zip(rows, kinds.tolist(), counts, strict=True)
    )
    return [each for each in found if each.values and is_text(each.before)]
