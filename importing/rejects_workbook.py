"""The rows of an import to fix, as a workbook that can be fixed in a spreadsheet and imported as it is."""

import datetime
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from cells.safe_text import harmless
from cells.sheet_limits import LONGEST_CELL, MOST_COLUMNS, MOST_ROWS
from importing.rejects import TOLD_COLUMNS, Line, Reject, Rejects

MOST_COMMENTS = 2_000  # LibreOffice takes four milliseconds to open each
LONGEST_COMMENT = 2_000  # characters
COMMENT_WIDTH, COMMENT_LINE, COMMENT_LETTERS = 320, 18, 50  # pixels, pixels, and how many letters fit into a line
NARROWEST, WIDEST, WIDEST_REASON = 6, 32, 60  # columns, in characters
MEASURED_ROWS = 1_000  # that tell how wide a column is
LINE_HEIGHT, MOST_LINES = 15, 12  # points of a row, which LibreOffice does not fit to its text; and how far one grows
BAD = "#FFD0CB"
MADE = datetime.datetime(2000, 1, 1)  # not now, so that the same rows are the same file
WHOLE_SHEET = "A1:XFD1048576"
_REASON = TOLD_COLUMNS.index("_reason")

# The reader of workbooks takes `_x005F_x0041_` for an escape within an escape, and XML can't hold the other two.
_NOT_HELD = re.compile("_x[0-9a-f]{4}_x[0-9a-f]{4}_|[\0\ufffe\uffff\ud800-\udfff]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RejectsWorkbook:
    """The bytes of a workbook, the same for the same rows, and how many rows it can't hold as they are."""

    content: bytes
    rows_left_out: int


def rejects_workbook(rejects: Rejects) -> RejectsWorkbook:
    """A workbook with the rows to fix: first the columns that say what is wrong, then those of the file.

    All cells are text, also those that are still blank, so that a spreadsheet changes nothing that is typed; none is a
    formula. The cells with problems are coloured. The first 2,000 of them have the reason as a comment: with more,
    LibreOffice is slow to open the file. A row is left out if a cell is too long or has a text that workbooks can't
    hold, and so are rows beyond the last one of a sheet. Raises OSError if the disk for temporary files is full.
    """
    from xlsxwriter.exceptions import FileCreateError

    try:
        return _written(rejects)
    except FileCreateError as error:
        raise OSError(f"The workbook of the rejects can't be written: {error}") from error


def _written(rejects: Rejects) -> RejectsWorkbook:
    from xlsxwriter import Workbook

    header = [*TOLD_COLUMNS, *rejects.header, *rejects.noted]
    file = io.BytesIO()
    with Workbook(file, {"constant_memory": True}) as book:
        book.set_properties({"created": MADE})
        sheet = _Sheet(book, header, list(_widths(header, rejects)))
        left_out = sum(not sheet.add(_line(reject, rejects), reject.reasons) for reject in rejects.rows())
    return RejectsWorkbook(file.getvalue(), left_out)


def _line(reject: Reject, rejects: Rejects) -> Line:
    return [*reject.told, *reject.cells, *rejects.noted.values()]


class _Sheet:
    """The sheet with the rejects, row by row."""

    def __init__(self, book: Any, header: Line, widths: list[int]) -> None:
        look = {"num_format": "@", "text_wrap": True, "valign": "top"}
        self._text, self._bad = book.add_format(look), book.add_format(look | {"bg_color": BAD})
        self._widths, self._can_hold_header = widths, _is_held(header)
        self._rows, self._comments = 0, 0
        self._sheet = book.add_worksheet("Rejects")
        self._sheet.freeze_panes(1, 0)
        self._sheet.ignore_errors({"number_stored_as_text": WHOLE_SHEET, "two_digit_text_year": WHOLE_SHEET})
        for column, width in enumerate(widths):
            self._sheet.set_column(column, column, width, self._text)
        bold = book.add_format(look | {"bold": True, "bottom": 1})
        for column, title in enumerate(header):
            self._sheet.write_string(0, column, title, bold)

    def add(self, line: Line, reasons: Mapping[int, Line]) -> bool:
        """Add a row if the sheet can hold it; `reasons` are by position in the file's own columns."""
        if self._rows + 1 == MOST_ROWS or not (self._can_hold_header and _is_held(line)):
            return False
        self._rows += 1
        self._sheet.set_row(self._rows, LINE_HEIGHT * min(_lines(line, self._widths), MOST_LINES))
        for column, cell in enumerate(line):
            why = reasons.get(column - len(TOLD_COLUMNS), [])
            self._sheet.write_string(self._rows, column, cell, self._bad if why else self._text)
            if why and self._comments < MOST_COMMENTS:
                self._comment(column, why)
        return True

    def _comment(self, column: int, reasons: Line) -> None:
        self._comments += 1
        text = _NOT_HELD.sub(" ", harmless("\n".join(dict.fromkeys(reasons))))[:LONGEST_COMMENT]
        height = COMMENT_LINE * (1 + _lines([text], [COMMENT_LETTERS]))
        self._sheet.write_comment(self._rows, column, text, {"width": COMMENT_WIDTH, "height": height})


def _is_held(line: Line) -> bool:
    """Whether a sheet can hold a line exactly; it counts a character such as an emoji as two."""
    return len(line) <= MOST_COLUMNS and not any(map(_is_too_long, line)) and not any(map(_NOT_HELD.search, line))


def _is_too_long(cell: str) -> bool:
    return len(cell) > LONGEST_CELL // 2 and len(cell.encode("utf-16-le", "surrogatepass")) > 2 * LONGEST_CELL


def _lines(cells: Line, widths: Sequence[int]) -> int:
    """How many lines a row has in columns of these widths, about."""
    pairs = zip(cells, widths, strict=True)
    return max(sum(1 + len(line) // width for line in cell.split("\n")) for cell, width in pairs)


def _widths(header: Line, rejects: Rejects) -> Iterator[int]:
    """How wide each column is, in characters: as its longest line needs within limits."""
    lines = [header, *(_line(reject, rejects) for reject in islice(rejects.rows(), MEASURED_ROWS))]
    for column, cells in enumerate(zip(*lines, strict=True)):
        longest = max(len(line) for cell in cells for line in cell.split("\n"))
        yield min(max(longest + 2, NARROWEST), WIDEST_REASON if column == _REASON else WIDEST)
