"""The process that reads a workbook: the text of one sheet, line by line as JSON, for `cells.workbooks.sheet`.

It is a process of its own because what reads workbooks aborts on some damaged ones, and takes all memory for others.

The first line is an object: the `name` of the sheet and `all_sheets`, or why the workbook is `refused`. Then come lists
of rows, and at the end `null`. Instead of any line, an object may tell of a fault that is not the workbook's: the
module that is `missing`, or what has `failed`. If the lines end early, the workbook is damaged or too large.
"""

import contextlib
import gc
import itertools
import json
import os
import sys
import traceback
from pathlib import Path
from typing import IO

from cells.unreadable import InputError
from cells.workbooks.containers import Damaged

CELLS_AT_ONCE = 5000
LEAST_MEMORY, MOST_MEMORY = 2 * 1024**3, 16 * 1024**3  # bytes, whatever the machine has
LEAST_SECONDS, SECONDS_PER_BYTE = 60, 20 / 1024**2  # of a processor's time; a usual sheet takes less than one per MB
ANY_MEMORY, MOST_TIMES = 4 * 1024**3, 1000  # bytes for a file of any size, and as many times its size beyond these


def serve(path: Path, wanted: str, out: IO[str]) -> None:
    """Write the sheet with this name, or the first visible one with data if it is "", as the module says."""
    try:
        _write_sheet(path, wanted, out)
    except InputError as error:
        _write(out, {"refused": str(error)})
    except ModuleNotFoundError as error:
        _write(out, {"missing": error.name})
    except (Damaged, MemoryError, BrokenPipeError):
        return
    except Exception as error:  # a bug of ours must not be told as a damaged file
        *_, place = traceback.extract_tb(error.__traceback__)
        _write(out, {"failed": f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"})


def _write_sheet(path: Path, wanted: str, out: IO[str]) -> None:
    from cells.workbooks.worksheets import open_worksheet  # not earlier: what it needs may be missing

    sheet = open_worksheet(path, wanted)
    _write(out, {"name": sheet.name, "all_sheets": sheet.visible})
    while some := list(itertools.islice(sheet.rows, 1 + CELLS_AT_ONCE // sheet.width)):
        _write(out, some)
    _write(out, None)


def _write(out: IO[str], told: object) -> None:
    out.write(json.dumps(told) + "\n")


def _limit(path: Path) -> None:
    """Keep hostile files from taking all memory or time, where the system can do that, and from leaving an image."""
    try:
        import resource
    except ImportError:
        return
    size = path.stat().st_size if path.exists() else 0
    seconds = LEAST_SECONDS + int(SECONDS_PER_BYTE * size)
    limits = ((resource.RLIMIT_AS, _memory_for(size)), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0))
    for limit, wanted in limits:
        _, most = resource.getrlimit(limit)
        allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(limit, (allowed, allowed))


def _memory_for(size: int) -> int:
    """How many bytes a workbook of a size may take: three quarters of this machine's memory, but less for a small file.

    A cell of text takes up to 200 bytes, so that a million rows of 50 columns may take 10 GB. A small file that takes
    as much is damaged, or has a cell far beyond the table: the blank cells before it take memory as well.
    """
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(LEAST_MEMORY, min(machine * 3 // 4, MOST_MEMORY, ANY_MEMORY + MOST_TIMES * size))


if __name__ == "__main__":
    name, sheet = json.loads(sys.argv[1])
    _limit(Path(name))
    gc.disable()  # this process makes millions of cells, and does not live long
    with contextlib.suppress(BrokenPipeError), os.fdopen(1, "w", encoding="ascii") as pipe:
        serve(Path(name), sheet, pipe)
