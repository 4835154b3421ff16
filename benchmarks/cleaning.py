"""How fast and in how much memory a million rows become clean, beside a plain loop over the same rows."""

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import SAME, Line, Measured, Target, middle, repeated
from benchmarks.files import write_different, write_repeating
from benchmarks.programs import ProgramFailed, finish, run, started, watching_memory

ROWS = 1_000_000
LOOP_ROWS = 20_000
DIFFERENT = ROWS * 2 // 100
TIMEOUT = 900  # seconds
GIGABYTE = 1_000_000_000  # bytes


@dataclass(frozen=True)
class Cleaned:
    """A cleaning and a plain loop beside it: seconds for all rows, and the most bytes that the cleaning held."""

    reading: float
    values: float
    whole: float
    loop: float
    memory: float
    counts: Mapping[str, int]


def different_values(budget: float) -> Measured:
    """Every name, e-mail and phone different."""
    with tempfile.TemporaryDirectory() as folder:
        file = write_different(Path(folder) / "leads.csv", ROWS)
        done = repeated(lambda: clean(file), budget)
    times = Target("at least", 2.5, "{:.1f} times")
    memory = Target("at most", 1.5, "{:.2f} GB")
    return Measured(
        [
            Line(
                "cleaning, 1,000,000 rows, all different: over a loop",
                times,
                [each.loop / each.whole for each in done],
                f"{beside(done)}; cells -> clean values alone "
                f"{middle((each.loop / each.values for each in done), '{:.1f} times')}",
            ),
            Line(
                f"{SAME} most memory, reading included",
                memory,
                [each.memory / GIGABYTE for each in done],
                "all processes together",
            ),
        ]
    )


def repeating_values(budget: float) -> Measured:
    """2 % different values in each column."""
    with tempfile.TemporaryDirectory() as folder:
        file = write_repeating(Path(folder) / "leads.csv", ROWS, DIFFERENT)
        done = repeated(lambda: clean(file), budget)
    what = "cells -> clean values, 1,000,000 rows, 2 % different"
    values = [each.loop / each.values for each in done]
    whole = middle((each.loop / each.whole for each in done), "{:.1f} times")
    return Measured(
        [
            Line(
                f"{what}: over loop",
                Target("at least", 25, "{:.1f} times"),
                values,
                f"{beside(done)}; the whole of clean_source {whole}; most memory "
                f"{middle((each.memory / GIGABYTE for each in done), '{:.2f} GB')}",
            )
        ]
    )


def clean(file: Path) -> Cleaned:
    """A cleaning of a file and a loop over its first rows, one after the other."""
    began = time.monotonic()
    with started([sys.executable, "-m", "benchmarks.clean_once", "product", str(file)]) as program:
        with watching_memory(program) as most:
            ours = json.loads(finish(program, TIMEOUT))
        if ours["rows"] != ROWS:
            raise ProgramFailed(f"{ours['rows']} of {ROWS} rows were read after {time.monotonic() - began:.0f} s")
    command = [sys.executable, "-m", "benchmarks.clean_once", "loop", str(file), str(LOOP_ROWS)]
    theirs = json.loads(run(command, timeout=TIMEOUT).out)
    return Cleaned(
        reading=ours["reading"],
        values=ours["values"],
        whole=ours["whole"],
        loop=theirs["values"] * ROWS / LOOP_ROWS,
        memory=max(ours["memory"], ours["memory_of_a_child"], *most),
        counts={name: ours[name] for name in ("leads", "rejected", "dropped")},
    )


def beside(done: list[Cleaned]) -> str:
    """The seconds behind a line, and what the file came to."""
    parts = ("reading", "values", "whole", "loop")
    reading, values, whole, loop = (middle((getattr(each, part) for each in done), "{:.1f} s") for part in parts)
    counts = ", ".join(f"{number:,} {name}" for name, number in done[0].counts.items())
    return (
        f"clean_source {whole}, of which cells -> clean values {values}; reading the file first {reading}; "
        f"the loop {loop}, scaled from {LOOP_ROWS:,} rows; {counts}"
    )
