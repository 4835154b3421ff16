"""A report as an Excel workbook."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cells.sheet_limits import LONGEST_CELL, MOST_ROWS
from segmenting.columns import WIDE, Kind
from segmenting.report import MoneyStyle, Report
from segmenting.text import for_people

EXACT_DIGITS = 15  # how many a spreadsheet keeps of a number
LARGEST = Decimal("9.99e307")
LONGEST_LINK = 2_079
MOST_LINKS = 65_530  # in one sheet
WIDEST_COLUMN = 420  # pixels


class TooManyRows(Exception):
    """The table is longer than a worksheet can be; the message says what to do."""


def workbook(report: Report) -> bytes:
    """An Excel workbook: the table with its header frozen, and a sheet on how it was made. No text is a formula.

    Numbers stay numbers, but one with more digits than a spreadsheet keeps becomes text instead of being rounded. A
    text too long for a cell is cut, and its end says so. Raises TooManyRows.
    """
    from xlsxwriter import Workbook

    if len(report.table) + 2 > MOST_ROWS:
        raise TooManyRows(
            f"The table has {len(report.table):,} rows, more than a workbook can hold; write a .csv file instead"
        )
    file = io.BytesIO()
    with Workbook(file, {"in_memory": True}) as book:
        _write_table(book, report)
        _write_provenance(book, report)
    return file.getvalue()


def _write_table(book: Any, report: Report) -> None:
    sheet = book.add_worksheet("Segment")
    header = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
    for column, title in enumerate(report.table.columns):
        sheet.write_string(0, column, _fitting(title), header)
    look = _look(book, report, {})
    for row, cells in enumerate(report.rows(), start=1):
        _write_row(sheet, row, cells, look)
    look_of_totals = _look(book, report, {"bold": True, "top": 1})
    for row, cells in enumerate(report.total_rows(), start=len(report.table) + 1):
        _write_row(sheet, row, cells, look_of_totals)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(1, len(report.table)), len(report.table.columns) - 1)
    sheet.autofit(WIDEST_COLUMN)


@dataclass(frozen=True, slots=True)
class _Look:
    """How cells are shown: a format for each kind, and the style of money that has to be written as text."""

    formats: Mapping[Kind, Any]
    money: MoneyStyle


def _look(book: Any, report: Report, also: Mapping[str, Any]) -> _Look:
    money = "$#,##0.00" if report.money == "usd" else "#,##0.00"
    patterns: dict[Kind, str] = {"text": "@", "link": "@", "count": "#,##0", "money": money, "percent": "0.00"}
    formats = {kind: book.add_format({"num_format": pattern, **also}) for kind, pattern in patterns.items()}
    return _Look(formats, report.money)


def _write_row(sheet: Any, row: int, cells: Sequence[tuple[Any, Kind]], look: _Look) -> None:
    for column, (cell, kind) in enumerate(cells):
        if kind == "link" and row <= MOST_LINKS and _is_link(cell):
            sheet.write_url(row, column, cell)
        else:
            _write_cell(sheet, (row, column), cell, kind, look)


def _is_link(cell: str | None) -> bool:
    return cell is not None and cell.startswith("https://") and len(cell) <= LONGEST_LINK


def _write_cell(sheet: Any, row_and_column: tuple[int, int], cell: Any, kind: Kind, look: _Look) -> None:
    if cell is None:
        sheet.write_blank(*row_and_column, None, look.formats[kind])
    elif isinstance(cell, str):
        sheet.write_string(*row_and_column, _fitting(cell), look.formats[kind])
    elif _is_exact(Decimal(cell)):
        sheet.write_number(*row_and_column, float(cell), look.formats[kind])
    else:
        sheet.write_string(*row_and_column, for_people(cell, kind, look.money), look.formats[kind])


def _is_exact(number: Decimal) -> bool:
    return len(WIDE.normalize(number).as_tuple().digits) <= EXACT_DIGITS and abs(number) < LARGEST


def _fitting(text: str) -> str:
    """The text, or its beginning followed by its full length."""
    if len(text) <= LONGEST_CELL:
        return text
    words = f" … (cut off; the full text has {len(text):,} characters)"
    return text[: LONGEST_CELL - len(words)] + words


def _write_provenance(book: Any, report: Report) -> None:
    sheet = book.add_worksheet("How it was made")
    label, text = book.add_format({"bold": True, "valign": "top"}), book.add_format({"text_wrap": True})
    lines = [*(("Left out", warning) for warning in report.warnings), *report.provenance.items()]
    for row, (name, value) in enumerate(lines):
        sheet.write_string(row, 0, name, label)
        sheet.write_string(row, 1, _fitting(value), text)
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 100)
