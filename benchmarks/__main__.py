"""Everything side by side: `python -m benchmarks`, or some of it: `python -m benchmarks windows-of-8 segment`."""

import argparse
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import cleaning, growth, imports, people, reading, segments, sharing, start
from benchmarks.figures import HEADING, WIDTH, Line, Measured
from benchmarks.programs import ProgramFailed, say

LIMIT = 18 * 60  # seconds after which no further benchmark begins

# Each benchmark, and the seconds for its runs, of which there is at least one. What one leaves over the next may use.
BENCHMARKS: Mapping[str, tuple[Callable[[float], Measured], float]] = {
    "windows-of-8": (imports.windows_of_8, 120),
    "windows-of-1": (imports.windows_of_1, imports.BUDGET_AT_40),
    "no-header": (imports.no_header, 120),
    "official-client": (imports.official_client, 75),
    "waiting-script": (imports.waiting_script, 50),
    "four-imports": (sharing.four_imports, 90),
    "import-among-scripts": (sharing.import_among_scripts, 90),
    "segment": (segments.segment, 50),
    "one-person": (people.one_person, 15),
    "forty-people": (people.forty_people, 60),
    "dead-registry": (people.dead_registry, 100),
    "reading-csv": (reading.a_million_rows, 60),
    "reading-xlsx": (reading.a_workbook, 90),
    "cleaning-different": (cleaning.different_values, 120),
    "cleaning-repeating": (cleaning.repeating_values, 100),
    "growth": (growth.growth, 70),
    "start": (start.start, 20),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for and show the table. Misses do not fail: this measures, and others judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"{', '.join(BENCHMARKS)}; all if left out")
    parser.add_argument("--only", metavar="NAME", action="append", default=[], help="the same")
    args = parser.parse_args(argv)
    names = [*args.names, *args.only] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    signal.signal(signal.SIGTERM, _stop)
    try:
        show(names)
    except KeyboardInterrupt:
        say("stopped")
        return 130
    return 0


def _stop(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def show(names: Sequence[str]) -> None:
    """Run benchmarks and print each line as soon as it is there."""
    began = time.monotonic()
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {machine()}\n\n{HEADING}\n{'-' * WIDTH}", flush=True)
    lines: list[Line] = []
    sentences: list[str] = []
    until = 0.0
    for name in names:
        until += BENCHMARKS[name][1]
        measured = measure(name, until, time.monotonic() - began)
        for line in measured.lines:
            print(line.drawn(), flush=True)
        lines += measured.lines
        sentences += measured.sentences
    reached = sum(line.is_reached for line in lines)
    print("-" * WIDTH)
    print("The number reached is the median of the runs: three, or fewer where they would take too long.")
    print(*sentences, f"{reached} of {len(lines)} reached, in {(time.monotonic() - began) / 60:.1f} min", sep="\n")


def measure(name: str, until: float, spent: float) -> Measured:
    """What a benchmark gives that has time until then; where it could not be measured, a line that says why."""
    benchmark, _ = BENCHMARKS[name]
    if spent > LIMIT:
        return Measured([Line(name, beside=f"There was no time left; python -m benchmarks {name} measures it alone.")])
    say(f"{name}: {(benchmark.__doc__ or '').strip()}")
    began = time.monotonic()
    try:
        return benchmark(until - spent)
    except ProgramFailed as failure:
        return Measured([Line(name, beside=f"It could not be measured: {failure}.")])
    finally:
        say(f"  {time.monotonic() - began:.0f} s")


def machine() -> str:
    """The machine in a few words."""
    cores, load = os.cpu_count(), os.getloadavg()[0]
    return f"Python {platform.python_version()}, {cores} cores, {processor()}, {platform.system()}, load {load:.1f}"


def processor() -> str:
    """The name of the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "an unknown processor"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main())
