"""A worksheet of a workbook, as calamine reads it and corrected by what only the file's XML says."""

import contextlib
import itertools
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    SheetTypeEnum,
    SheetVisibleEnum,
    load_workbook,
)

from cells.texts import is_same_name
from cells.unreadable import ZIP, InputError
from cells.workbooks.cell_texts import Cell, text_of
from cells.workbooks.containers import Damaged, is_open_document, refuse_other_containers
from cells.workbooks.corrections import Corrections
from cells.workbooks.excel_xml import corrections, workbook_xml
from cells.workbooks.open_document import ods_corrections, refuse_malformed

DAMAGE = (
    CalamineError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # what zipfile raises for a compression method that it does not know
    OSError,
    ElementTree.ParseError,
    UnicodeDecodeError,
)
Corrector = Callable[[int], Corrections]  # the corrections of a sheet by its index


@dataclass(frozen=True, slots=True)
class Worksheet:
    """A worksheet that has data: its name, its rows, all as wide, and the names of all that are `visible`."""

    name: str
    visible: list[str]
    width: int
    rows: Iterator[list[str]]


def open_worksheet(path: Path, wanted: str) -> Worksheet:
    """The worksheet with this name, or the first visible one with data if it is "". Raises InputError and Damaged."""
    try:
        refuse_other_containers(path)
        with contextlib.ExitStack() as stack:
            correct = _corrector(path, stack)
            with path.open("rb") as file:
                book = load_workbook(file)
            return _chosen(book, wanted, path.name, correct)
    except DAMAGE as error:
        raise Damaged(str(error)) from error


def _corrector(path: Path, stack: contextlib.ExitStack) -> Corrector:
    """What gives the corrections of a sheet: none for formats that are not XML."""
    with path.open("rb") as file:
        if file.read(len(ZIP)) != ZIP:
            return lambda _: Corrections()
    archive = stack.enter_context(zipfile.ZipFile(path))
    if is_open_document(archive):
        refuse_malformed(archive)
        return lambda index: ods_corrections(archive, index)
    workbook = workbook_xml(archive)
    return lambda index: corrections(workbook, index) if workbook else Corrections()


# Which sheet ---------------------------------------------------------------------------------------------------------


def _chosen(book: CalamineWorkbook, wanted: str, file: str, correct: Corrector) -> Worksheet:
    """The sheet to read."""
    visible = _worksheets(book, SheetVisibleEnum.Visible)
    names = [_meant(wanted, book, file)] if wanted else visible
    for name in names:
        width, rows = _contents(book, name, correct)
        if width:
            return Worksheet(name, visible, width, rows)
    others = [name for name in visible if name not in names]
    if others:
        raise InputError(f"{file}: the sheet {names[0]!r} is empty. Name another one: {_listed(others)}.")
    hidden = _worksheets(book, SheetVisibleEnum.Hidden, SheetVisibleEnum.VeryHidden)
    filled = [name for name in hidden if name not in names and _contents(book, name, correct)[0]]
    if filled:
        raise InputError(f"{file} has data on hidden sheets only. Name one with --sheet NAME: {_listed(filled)}.")
    raise InputError(f"{file} is an empty workbook. Fill its first sheet, or use another file.")


def _worksheets(book: CalamineWorkbook, *visible: SheetVisibleEnum) -> list[str]:
    """The names of the sheets that have cells, and are visible in one of these ways."""
    return [
        sheet.name
        for sheet in book.sheets_metadata
        if sheet.typ == SheetTypeEnum.WorkSheet and (not visible or sheet.visible in visible)
    ]


def _meant(wanted: str, book: CalamineWorkbook, file: str) -> str:
    """The name of the worksheet that somebody calls like this."""
    names = _worksheets(book)
    same = [wanted] if wanted in names else [name for name in names if is_same_name(name, wanted)]
    if same:
        return same[0]
    is_other = any(is_same_name(name, wanted) for name in book.sheet_names)
    reason = f": the sheet {wanted!r} has no cells" if is_other else f" has no sheet {wanted!r}"
    listed = _listed(_worksheets(book, SheetVisibleEnum.Visible) or names)
    raise InputError(f"{file}{reason}. Name one of its sheets: {listed}.")


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names))


# The rows of a sheet -------------------------------------------------------------------------------------------------


def _contents(book: CalamineWorkbook, name: str, correct: Corrector) -> tuple[int, Iterator[list[str]]]:
    """The number of columns of a sheet, 0 if it has no data, and its rows."""
    index = book.sheet_names.index(name)
    corrected = correct(index)
    sheet = book.get_sheet_by_index(index)
    width = _width(sheet, corrected)
    return width, _rows(sheet, corrected, width)


def _cells(sheet: CalamineSheet) -> Iterator[list[Cell]]:
    """The rows of a sheet from its first cell on."""
    if sheet.start:
        before: list[Cell] = [""] * sheet.start[1]
        try:
            yield from (before + row for row in sheet.iter_rows()) if before else sheet.iter_rows()
        except OverflowError:  # in calamine, for a number with the format of a duration
            raise Damaged("A duration is longer than any can be.") from None


def _width(sheet: CalamineSheet, corrected: Corrections) -> int:
    """The number of columns up to the last one that is filled anywhere."""
    width = corrected.width
    for row in _cells(sheet):
        while len(row) > width and row[-1] == "":
            row.pop()
        width = max(width, len(row))
        if sheet.end and width > sheet.end[1]:
            break
    return width


def _rows(sheet: CalamineSheet, corrected: Corrections, width: int) -> Iterator[list[str]]:
    height = max(1 + sheet.end[0] if sheet.end else 0, corrected.height)
    cells = itertools.chain(_cells(sheet), itertools.repeat([]))
    for number, row in zip(range(height), cells, strict=False):
        texts = [cell if type(cell) is str else text_of(cell) for cell in row]
        texts[width:] = [""] * (width - len(texts))
        for column, correction in corrected.of_row(number):
            if isinstance(correction, str):
                texts[column] = correction
            elif column < len(row) and isinstance(cell := row[column], int | float) and not isinstance(cell, bool):
                texts[column] = correction(cell)
        yield texts
