"""How fast and in how much memory a file is read, beside pandas reading the same file as text."""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import SAME, Line, Measured, Result, Target, middle, repeated
from benchmarks.files import HEADER, write_different, write_different_workbook
from benchmarks.programs import ProgramFailed, run

CSV_ROWS = 1_000_000
WORKBOOK_ROWS = 200_000
OPENPYXL_ROWS = 20_000
TIMEOUT = 300  # seconds
GIGABYTE = 1_000_000_000  # bytes


@dataclass(frozen=True)
class Read:
    """One reading: seconds, the most bytes that were held, and what came of it."""

    seconds: float
    memory: float
    rows: int
    columns: int
    characters: int


@dataclass(frozen=True)
class Pair:
    """The product's reading of a file, and that of pandas."""

    ours: Read
    theirs: Read

    @property
    def time(self) -> float:
        return self.ours.seconds / self.theirs.seconds

    @property
    def memory(self) -> float:
        return self.ours.memory / self.theirs.memory


def a_million_rows(budget: float) -> Measured:
    """A million rows of CSV. The product may take 3 times as long: it checks every line and names the bad one."""
    done = on_file_of(write_different, CSV_ROWS, lambda file: read_by_both(file, CSV_ROWS, "read_csv"), budget)
    ours, theirs = seconds(done)
    our_memory, their_memory = gigabytes(done)
    return Measured(
        [
            Line(
                "reading CSV, 1,000,000 rows: time over pandas",
                Target("at most", 3, "{:.2f} times"),
                [each.time for each in done],
                f"read_source {ours}, read_csv {theirs}",
            ),
            Line(
                f"{SAME} most memory",
                Target("at most", 1.5, "{:.2f} GB"),
                [each.ours.memory / GIGABYTE for each in done],
                f"read_source {our_memory}, read_csv {their_memory}: "
                f"{middle((each.memory for each in done), '{:.2f} times')}",
            ),
        ]
    )


def a_workbook(budget: float) -> Measured:
    """A sheet of 200,000 rows. The product may take half as long again: it reads in a process of its own."""

    def once(file: Path) -> tuple[Pair, Read]:
        pair = read_by_both(file, WORKBOOK_ROWS, "calamine")
        return pair, read(file, OPENPYXL_ROWS, "openpyxl", str(OPENPYXL_ROWS))

    runs = on_file_of(write_different_workbook, WORKBOOK_ROWS, once, budget)
    done = [pair for pair, _ in runs]
    ours, theirs = seconds(done)
    our_memory, their_memory = gigabytes(done)
    slow = middle((each.seconds * WORKBOOK_ROWS / OPENPYXL_ROWS for _, each in runs), "{:.1f} s")
    return Measured(
        [
            Line(
                "reading .xlsx, 200,000 rows: time over pandas with calamine",
                Target("at most", 1.5, "{:.2f} times"),
                [each.time for each in done],
                f"read_source {ours}, read_excel with calamine {theirs}; with openpyxl {slow}, scaled from "
                f"{OPENPYXL_ROWS:,} rows",
            ),
            Line(
                f"{SAME} most memory over that of pandas",
                Target("at most", 1.5, "{:.2f} times"),
                [each.memory for each in done],
                f"read_source {our_memory}, both its processes; read_excel with calamine {their_memory}",
            ),
        ]
    )


def on_file_of(
    write: Callable[[Path, int], Path], rows: int, once: Callable[[Path], Result], budget: float
) -> list[Result]:
    """What up to three runs with the same file gave; to write it is part of the budget."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        file = write(Path(folder) / "leads", rows)
        return repeated(lambda: once(file), budget - (time.monotonic() - began))


def read_by_both(file: Path, rows: int, way: str) -> Pair:
    """A file read by the product and by pandas, one after the other. Raises ProgramFailed where the texts differ."""
    pair = Pair(read(file, rows, "product"), read(file, rows, way))
    if pair.ours.characters != pair.theirs.characters:
        raise ProgramFailed(f"{pair.ours.characters:,} characters were read, by pandas {pair.theirs.characters:,}")
    return pair


def read(file: Path, rows: int, way: str, *settings: str) -> Read:
    """A file read in one way. Raises ProgramFailed where not all rows and columns came of it."""
    command = [sys.executable, "-m", "benchmarks.read_once", way, str(file), *settings]
    done = Read(**json.loads(run(command, timeout=TIMEOUT).out))
    if (done.rows, done.columns) != (rows, len(HEADER)):
        raise ProgramFailed(f"{way} read {done.rows:,} of {rows:,} rows, and {done.columns} columns")
    return done


def seconds(done: list[Pair]) -> tuple[str, str]:
    """What the product took, and what pandas took."""
    return (
        middle((each.ours.seconds for each in done), "{:.1f} s"),
        middle((each.theirs.seconds for each in done), "{:.1f} s"),
    )


def gigabytes(done: list[Pair]) -> tuple[str, str]:
    """What the product held, and what pandas held."""
    return (
        middle((each.ours.memory / GIGABYTE for each in done), "{:.2f} GB"),
        middle((each.theirs.memory / GIGABYTE for each in done), "{:.2f} GB"),
    )
