"""The cells of a sheet whose values do not say enough, and what they say, in little memory: there may be millions."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable

from cells.workbooks.containers import Damaged
from cells.workbooks.number_formats import Shown

Correction = str | Shown  # the text of a cell, or how its number is shown

ROWS, COLUMNS, CORRECTIONS = 2**20, 2**14, 2**30  # the most that a sheet has, and as many as fit into 64 bits with them
_TEXT = CORRECTIONS // 2  # the numbers of texts begin here: what a cell says of itself comes after what its style says


class Corrections:
    """The corrections of a sheet; `width` is the number of columns up to the last text, `height` that of rows."""

    def __init__(self) -> None:
        self.width = 0
        self._cells = array("Q")  # in order; row, column and number of the correction, one behind the other
        self._numbers: dict[Correction, int] = {}
        self._corrections: dict[int, Correction] = {}

    @property
    def height(self) -> int:
        """The number of rows up to the last one that has a correction."""
        return 1 + self._cells[-1] // (COLUMNS * CORRECTIONS) if self._cells else 0

    def add(self, cells: Iterable[tuple[int, int, Correction]]) -> None:
        """Add cells: the row, the column and the correction of each. It is slow if they are above earlier ones."""
        packed = sorted(self._packed(*cell) for cell in cells)
        is_below = not packed or not self._cells or self._cells[-1] < packed[0]
        self._cells.extend(packed)
        if not is_below:
            self._cells = array("Q", sorted(self._cells))

    def of_row(self, row: int) -> list[tuple[int, Correction]]:
        """The columns of the cells to be corrected in a row, with their corrections."""
        first = bisect_left(self._cells, row * COLUMNS * CORRECTIONS)
        end = bisect_left(self._cells, (row + 1) * COLUMNS * CORRECTIONS, first)
        return [
            (cell // CORRECTIONS % COLUMNS, self._corrections[cell % CORRECTIONS]) for cell in self._cells[first:end]
        ]

    def _packed(self, row: int, column: int, correction: Correction) -> int:
        if not (0 <= row < ROWS and 0 <= column < COLUMNS):
            raise Damaged("A cell is beyond where a sheet ends.")
        number = self._numbers.get(correction)
        if number is None:
            number = len(self._numbers) + (_TEXT if isinstance(correction, str) else 0)
            self._numbers[correction] = number
            self._corrections[number] = correction
        if isinstance(correction, str):
            self.width = max(self.width, column + 1)
        return (row * COLUMNS + column) * CORRECTIONS + number
