"""What a measurement says: the value of each run, their median, the target, and whether that was reached."""

import textwrap
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal, TypeVar

from benchmarks.programs import say

RUNS = 3
WIDTH = 130  # characters of the table
WHAT = 62  # of these say what was measured
INDENT = " " * 4
SAME = f"{INDENT}the same:"  # begins a second line about the same measurement

Result = TypeVar("Result")


@dataclass(frozen=True)
class Target:
    """The bound that a median has to keep; `form` writes it and the values alike, such as "{:.2f} GB"."""

    sense: Literal["at least", "at most"]
    bound: float
    form: str

    def is_reached(self, value: float) -> bool:
        return value >= self.bound if self.sense == "at least" else value <= self.bound

    def __format__(self, spec: str) -> str:
        return format(f"{self.sense} {self.form.format(self.bound)}", spec)


@dataclass(frozen=True)
class Line:
    """One line of the table. `beside` says what else was seen, or why there is neither target nor value."""

    what: str
    target: Target | None = None
    values: Sequence[float] = ()
    beside: str = ""

    @property
    def is_reached(self) -> bool:
        return self.target is not None and self.target.is_reached(median(self.values))

    def drawn(self) -> str:
        """The line of the table, with `beside` indented below it."""
        form = self.target.form if self.target else ""
        reached = form.format(median(self.values)) if self.values else "none"
        runs = ", ".join(form.format(value).removesuffix(" times") for value in self.values)
        verdict = "ok" if self.is_reached else "MISS"
        drawn = f"{self.what:<{WHAT}}{reached:>12}  {self.target or '':<21}  {verdict:<4}  {runs}"
        return "\n".join([drawn, *textwrap.wrap(self.beside, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)])


@dataclass(frozen=True)
class Measured:
    """What a benchmark gives: its lines, and sentences to print below the table."""

    lines: Sequence[Line]
    sentences: Sequence[str] = field(default=())


def repeated(once: Callable[[], Result], budget: float) -> list[Result]:
    """What up to three runs gave; a further one begins only where it fits into the budget, in seconds."""
    began, results = time.monotonic(), list[Result]()
    while len(results) < RUNS:
        say(f"  run {len(results) + 1}")
        results.append(once())
        spent = time.monotonic() - began
        if spent + spent / len(results) > budget:
            break
    return results


def middle(values: Iterable[float], form: str) -> str:
    """The median of some values as a text, for the `beside` of a line."""
    return form.format(median(values))


HEADING = f"{'what':<{WHAT}}{'reached':>12}  {'must be':<21}  {'':<4}  each run"
