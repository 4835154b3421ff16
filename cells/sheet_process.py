"""The process that reads a workbook: the text of one sheet, line by line as JSON, for `cells.workbook`.

It is a process of its own because what reads workbooks aborts on some damaged ones, and takes all memory for others.

The first line is an object: the `name` of the sheet and `all_sheets`, or why the workbook is `refused`. Then come lists
of rows, and at the end `null`. Without that, the process has failed.
"""

import contextlib
import gc
import itertools
import json
import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from python_calamine import CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum, load_workbook

from cells.open_document import ods_corrections
from cells.other_archives import ZIP, is_open_document, refuse_other_archives
from cells.sheet_xml import Corrections, corrections, workbook_xml
from cells.texts import is_same_name
from cells.typed_cells import Cell, text_of
from cells.unreadable import InputError

MOST_MEMORY = 4 * 1024**3  # bytes; a million rows of 50 columns take about half
CELLS_AT_ONCE = 5000


def serve(path: Path, wanted: str, out: IO[str]) -> None:
    """Write the sheet with this name, or the first visible one with data if it is "", as the module says."""
    try:
        refuse_other_archives(path)
        with path.open("rb") as file:
            book = load_workbook(file)
        with contextlib.ExitStack() as stack:
            index, width, rows = _chosen(book, wanted, path.name, _corrector(path, stack))
    except InputError as error:
        _write(out, {"refused": str(error)})
        return
    _write(out, {"name": book.sheet_names[index], "all_sheets": _visible(book)})
    while some := list(itertools.islice(rows, 1 + CELLS_AT_ONCE // width)):
        _write(out, some)
    _write(out, None)


def _write(out: IO[str], told: object) -> None:
    out.write(json.dumps(told) + "\n")


def _chosen(
    book: CalamineWorkbook, wanted: str, file: str, correct: Callable[[int], Corrections]
) -> tuple[int, int, Iterator[list[str]]]:
    """The index of the sheet to read, the number of its columns, and its rows."""
    visible = _visible(book)
    indexes = [_index_of(wanted, book, file)] if wanted else [book.sheet_names.index(name) for name in visible]
    for index in indexes:
        corrected = correct(index)
        sheet = book.get_sheet_by_index(index)
        width = _width(sheet, corrected)
        if width:
            return index, width, _rows(sheet, corrected, width)
    if wanted and len(visible) > 1:
        raise InputError(f"{file}: the sheet {wanted!r} is empty. Name another one: {_listed(visible)}.")
    raise InputError(f"{file} is an empty workbook. Fill its first sheet, or use another file.")


def _visible(book: CalamineWorkbook) -> list[str]:
    """The names of the sheets of cells that are not hidden."""
    return [
        sheet.name
        for sheet in book.sheets_metadata
        if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet
    ]


def _index_of(wanted: str, book: CalamineWorkbook, file: str) -> int:
    names = book.sheet_names
    same = [wanted] if wanted in names else [name for name in names if is_same_name(name, wanted)]
    if not same:
        raise InputError(f"{file} has no sheet {wanted!r}. Name one of its sheets: {_listed(_visible(book))}.")
    return names.index(same[0])


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names))


def _corrector(path: Path, stack: contextlib.ExitStack) -> Callable[[int], Corrections]:
    """What gives the corrections of a sheet by its index: none for formats that are not XML."""
    with path.open("rb") as file:
        if file.read(len(ZIP)) != ZIP:
            return lambda _: {}
    archive = stack.enter_context(zipfile.ZipFile(path))
    if is_open_document(archive):
        return lambda index: ods_corrections(archive, index)
    workbook = workbook_xml(archive)
    return lambda index: corrections(workbook, index) if workbook else {}


# The rows of a sheet -------------------------------------------------------------------------------------------------


def _cells(sheet: CalamineSheet) -> Iterator[list[Cell]]:
    """The rows of a sheet from its first cell on."""
    if sheet.start:
        before: list[Cell] = [""] * sheet.start[1]
        yield from (before + row for row in sheet.iter_rows()) if before else sheet.iter_rows()


def _width(sheet: CalamineSheet, corrected: Corrections) -> int:
    """The number of columns up to the last one that is filled anywhere."""
    texts = (column for row in corrected.values() for column, text in row if isinstance(text, str))
    width = 1 + max(texts, default=-1)
    for row in _cells(sheet):
        while len(row) > width and row[-1] == "":
            row.pop()
        width = max(width, len(row))
        if sheet.end and width > sheet.end[1]:
            break
    return width


def _rows(sheet: CalamineSheet, corrected: Corrections, width: int) -> Iterator[list[str]]:
    height = 1 + max(sheet.end[0] if sheet.end else -1, *corrected, -1)
    cells = itertools.chain(_cells(sheet), itertools.repeat([]))
    for number, row in zip(range(height), cells, strict=False):
        texts = [cell if type(cell) is str else text_of(cell) for cell in row]
        texts[width:] = [""] * (width - len(texts))
        for column, correction in corrected.get(number, ()):
            if isinstance(correction, str):
                texts[column] = correction
            elif column < len(row) and isinstance(cell := row[column], int | float) and not isinstance(cell, bool):
                texts[column] = correction(cell)
        yield texts


def _limit_memory() -> None:
    """Keep hostile files from taking all memory, where the system can do that; and leave no image of it on disk."""
    try:
        import resource
    except ImportError:
        return
    for limit, wanted in ((resource.RLIMIT_AS, MOST_MEMORY), (resource.RLIMIT_CORE, 0)):
        _, most = resource.getrlimit(limit)
        allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(limit, (allowed, allowed))


if __name__ == "__main__":
    _limit_memory()
    gc.disable()  # this process makes millions of cells, and does not live long
    with contextlib.suppress(BrokenPipeError), os.fdopen(1, "w", encoding="ascii") as pipe:
        file, name = json.loads(sys.argv[1])
        serve(Path(file), name, pipe)
