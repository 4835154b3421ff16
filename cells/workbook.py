"""A sheet of a workbook (.xlsx, .xlsm, .xlsb, .xls or .ods): its rows, cell by cell as text."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cells.in_parallel import ROOT
from cells.other_archives import OLE2, ZIP
from cells.unreadable import InputError


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
    if "refused" in head:
        raise InputError(head["refused"])
    return Sheet(head["name"], tuple(head["all_sheets"]), told)


def _told(path: Path, sheet: str) -> Iterator[Any]:
    """What the process that reads a workbook says of the sheet, and then the rows, one by one."""
    ours, theirs = os.pipe()
    with os.fdopen(ours, encoding="ascii") as lines, _process(path, sheet, theirs):
        yield _parsed(lines.readline(), path)
        while (rows := _parsed(lines.readline(), path)) is not None:
            yield from rows


@contextlib.contextmanager
def _process(path: Path, sheet: str, pipe: int) -> Iterator[None]:
    """A process in its own session, so that Ctrl-C reaches only us; it is killed at the end, whatever it is doing."""
    command = [sys.executable, "-m", "cells.sheet_process", json.dumps([str(path.absolute()), sheet])]
    nowhere = subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=nowhere, stdout=pipe, stderr=nowhere, start_new_session=True
        )
    finally:
        os.close(pipe)
    with process:
        try:
            yield
        finally:
            process.kill()


def _parsed(line: str, path: Path) -> Any:
    """What a line says; only a whole one has a line break. Raises InputError if the process ended before."""
    if not line.endswith("\n"):
        raise InputError(
            f"{path.name} can't be read: it is damaged, or says that it has cells far beyond the table. "
            "Open it in a spreadsheet, save it again (or as CSV UTF-8), and use that file."
        )
    return json.loads(line)
