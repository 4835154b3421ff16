"""The rows of an import to fix, as a workbook that can be mended in a spreadsheet and imported as it is."""

import datetime
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
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
    hold, and so are rows beyond the last one of a sheet.
    """
    from xlsxwriter import Workbook

    file = io.BytesIO()
    with Workbook(file, {"constant_memory": True}) as book:
        book.set_properties({"created": MADE})
        left_out = _write(book, rejects)
    return RejectsWorkbook(file.getvalue(), left_out)


def _write(book: Any, rejects: Rejects) -> int:
    """Write the sheet; return how many rows it does not have."""
    sheet = book.add_worksheet("Rejects")
    look = {"num_format": "@", "text_wrap": True, "valign": "top"}
    text, bad, bold = (book.add_format(look | also) for also in ({}, {"bg_color": BAD}, {"bold": True, "bottom": 1}))
    header = [*TOLD_COLUMNS, *rejects.header, *rejects.noted]
    sheet.freeze_panes(1, 0)
    sheet.ignore_errors({"number_stored_as_text": WHOLE_SHEET, "two_digit_text_year": WHOLE_SHEET})
    for column, width in enumerate(_widths(header, rejects)):
        sheet.set_column(column, column, width, text)
    for column, title in enumerate(header):
        sheet.write_string(0, column, title, bold)
    counts, can_hold = Counter[str](), _is_held(header)
    for reject in rejects.rows():
        line = _line(reject, rejects)
        if counts["rows"] + 1 == MOST_ROWS or not (can_hold and _is_held(line)):
            counts["left out"] += 1
            continue
        counts["rows"] += 1
        _write_row(sheet, counts, line, reject, (text, bad))
    return counts["left out"]


def _line(reject: Reject, rejects: Rejects) -> Line:
    return [*reject.told, *reject.cells, *rejects.noted.values()]


def _write_row(sheet: Any, counts: Counter[str], line: Line, reject: Reject, looks: tuple[Any, Any]) -> None:
    """Write a row below the others, with its comments as long as there are not too many."""
    for column, cell in enumerate(line):
        reasons = reject.reasons.get(column - len(TOLD_COLUMNS))
        sheet.write_string(counts["rows"], column, cell, looks[bool(reasons)])
        if reasons and counts["comments"] < MOST_COMMENTS:
            counts["comments"] += 1
            _comment(sheet, counts["rows"], column, reasons)


def _comment(sheet: Any, row: int, column: int, reasons: Sequence[str]) -> None:
    text = _NOT_HELD.sub(" ", harmless("\n".join(dict.fromkeys(reasons))))[:LONGEST_COMMENT]
    lines = 1 + sum(1 + len(line) // COMMENT_LETTERS for line in text.split("\n"))
    sheet.write_comment(row, column, text, {"width": COMMENT_WIDTH, "height": lines * COMMENT_LINE})


def _is_held(line: Line) -> bool:
    """Whether a sheet can hold a line exactly; it counts a character such as an emoji as two."""
    return len(line) <= MOST_COLUMNS and not any(map(_is_too_long, line)) and not any(map(_NOT_HELD.search, line))


def _is_too_long(cell: str) -> bool:
    return len(cell) > LONGEST_CELL // 2 and len(cell.encode("utf-16-le", "surrogatepass")) > 2 * LONGEST_CELL


def _widths(header: Line, rejects: Rejects) -> Iterator[int]:
    """How wide each column is, in characters: as its longest line needs within limits."""
    lines = [header, *(_line(reject, rejects) for reject in islice(rejects.rows(), MEASURED_ROWS))]
    for column, cells in enumerate(zip(*lines, strict=True)):
        longest = max(len(line) for cell in cells for line in cell.split("\n"))
        yield min(max(longest + 2, NARROWEST), WIDEST_REASON if column == _REASON else WIDEST)
