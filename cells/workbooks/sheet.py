"""A sheet of a workbook (.xlsx, .xlsm, .xlsb, .xls or .ods): its rows, cell by cell as text."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cells.own_process import own_process
from cells.unreadable import OLE2, ZIP, InputError

READER = "cells.workbooks.reader"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of a workbook: its `name`, the names of `all_sheets` that are visible, and its `rows`, cell by cell.

    All rows have the same number of cells, up to the last one that is filled anywhere; blank rows are included, so the
    first row is row 1 of the sheet. The process that reads ends with the iterator, which raises InputError if not all
    rows could be read.
    """

    name: str
    all_sheets: tuple[str, ...]
    rows: Iterator[list[str]]


def is_workbook(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a workbook, or something else that begins as workbooks do."""
    return head.startswith((ZIP, OLE2))


def open_sheet(path: Path, sheet: str = "") -> Sheet:
    """The sheet of a workbook with this name, or the first visible one that has data.

    Dates are as in ISO 8601, numbers have no groups of digits, and their currency only if it is not the dollar. Where
    the file says so: a formula without a result is the formula, an error its name. Raises InputError.
    """
    told = _told(path, sheet)
    head = next(told)
    return Sheet(head["name"], tuple(head["all_sheets"]), told)


def _told(path: Path, sheet: str) -> Iterator[Any]:
    """What the process that reads a workbook says of the sheet, and then the rows, one by one."""
    ours, theirs = os.pipe()
    with contextlib.ExitStack() as stack:
        lines = stack.enter_context(os.fdopen(ours, encoding="ascii"))
        with os.fdopen(theirs, "w"):  # as long as this end is open here, the lines do not end with the process
            stack.enter_context(own_process(READER, json.dumps([str(path.absolute()), sheet]), output=theirs))
        yield _parsed(lines.readline(), path)
        while (rows := _parsed(lines.readline(), path)) is not None:
            yield from rows


def _parsed(line: str, path: Path) -> Any:
    """What a line of that process says; only a whole one has a line break.

    Raises InputError if the workbook is refused or the process ended early, and RuntimeError for a bug in the process.
    """
    if not line.endswith("\n"):
        raise InputError(
            f"{path.name} can't be read: it is damaged, says that it has cells far beyond the table, or is too large "
            "for this machine's memory. Open it in a spreadsheet, save it as CSV (UTF-8), and use that file."
        )
    match json.loads(line):
        case {"refused": reason}:
            raise InputError(reason)
        case {"missing": module}:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
        case {"failed": what}:
            raise RuntimeError(f"{what}, when a workbook was read")
        case told:
            return told
