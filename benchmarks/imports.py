"""How fast leads get into Close: under a limit, without one, and beside what one would use instead."""

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.figures import SAME, Line, Measured, Target, middle, repeated
from benchmarks.files import write_leads
from benchmarks.programs import ROOT, Finished, ProgramFailed, run
from benchmarks.serving import Seen, best_rate, rate, serving

LATENCY = 0.1  # seconds, about what Close takes for a lead
LEADS = 1_000
LEADS_WITHOUT_HEADER = 2_000
ONE_BY_ONE = 50  # leads for a slow way, which is then scaled
WITH_PAUSES = 20  # leads for the slowest
BUDGET_AT_40 = 100  # seconds
KEY = "benchmark"


@dataclass(frozen=True)
class Imported:
    """An import that is over: how long the whole command took, and what the server saw of it."""

    leads: int
    seconds: float
    seen: Seen

    @property
    def rate(self) -> float:
        """Leads a second, from the first to the last."""
        return rate(self.seen.times)

    @property
    def whole_rate(self) -> float:
        """Leads a second over the whole command, from its start to its end."""
        return self.leads / self.seconds


def import_command(file: Path) -> list[str]:
    """The command that a user would give."""
    return [sys.executable, str(ROOT / "main.py"), "import", str(file), "--json", "--yes"]


def made_by(out: str) -> int:
    """How many leads an import says that it made."""
    return int(json.loads(out)["leads"]["created"])


def import_file(file: Path, leads: int, timeout: float, **settings: Any) -> Imported:
    """The import of a file into an empty Close with these settings of the sandbox, in an empty folder."""
    with tempfile.TemporaryDirectory() as folder, serving(**settings) as server:
        variables = {"CLOSE_API_KEY": KEY, "CLOSE_API_URL": server.url}
        done = run(import_command(file), folder=Path(folder), variables=variables, timeout=timeout)
        seen = server.seen()
    if (made_by(done.out), len(seen.times)) != (leads, leads):
        raise ProgramFailed(f"{len(seen.times)} of {leads} leads were made")
    return Imported(leads, done.seconds, seen)


@contextlib.contextmanager
def file_of(leads: int, first: int = 0) -> Iterator[Path]:
    """A file of leads that goes when it is no longer needed."""
    with tempfile.TemporaryDirectory() as folder:
        yield write_leads(Path(folder) / "leads.csv", leads, first)


def imports_at_limit(leads: int, limit: float, budget: float, **settings: Any) -> list[Imported]:
    """Imports under a limit of so many requests a second."""
    timeout = 60 + 4 * leads / limit
    with file_of(leads) as file:
        return repeated(
            lambda: import_file(file, leads, timeout, rate=limit, latency=LATENCY, **settings),
            budget,
        )


def windows_of_8(budget: float) -> Measured:
    """20 a second, counted over 8 seconds."""
    done = imports_at_limit(LEADS, 20, budget, window=8)
    return Measured(limit_lines("import, 1,000 leads, 20/s in windows of 8 s", done, 20, 8, share=0.97, told=0.002))


@cache
def imports_at_40() -> list[Imported]:
    """Imports that two benchmarks look at, and that are made once."""
    return imports_at_limit(LEADS, 40, BUDGET_AT_40)


def windows_of_1(_: float) -> Measured:
    """40 a second, counted over one second."""
    done = imports_at_40()
    return Measured(limit_lines("import, 1,000 leads, 40/s in windows of 1 s", done, 40, 1, share=0.97, told=0.002))


def no_header(budget: float) -> Measured:
    """40 a second, which no answer tells except by the Retry-After of a 429."""
    done = imports_at_limit(LEADS_WITHOUT_HEADER, 40, budget, rate_limit_header="never")
    return Measured(limit_lines("import, 2,000 leads, 40/s that no header tells", done, 40, 1, share=0.85, told=0.03))


def limit_lines(
    what: str, done: Sequence[Imported], limit: float, window: float, *, share: float, told: float
) -> list[Line]:
    """How much of a limit imports used, and how often they were told to wait."""
    best = best_rate(done[0].leads, limit, window)
    beside = (
        f"{middle((each.rate for each in done), '{:.1f}')}/s from first to last lead, "
        f"{middle((each.rate / best for each in done), '{:.0%}')} of the most that such windows let through; "
        f"over the whole command {middle((each.whole_rate for each in done), '{:.1f}')}/s"
    )
    counts = f"of {', '.join(str(each.seen.requests) for each in done)} requests"
    used, told_to_wait = Target("at least", share, "{:.3f}"), Target("at most", told, "{:.2%}")
    return [
        Line(f"{what}: rate / limit", used, [each.rate / limit for each in done], beside),
        Line(f"{SAME} answers 429 / requests", told_to_wait, [each.seen.share_told_to_wait for each in done], counts),
    ]


def official_client(budget: float) -> Measured:
    """No limit: our import, and the official client with one lead at a time."""

    def once(file: Path) -> tuple[float, float]:
        ours = import_file(file, LEADS, 120, latency=LATENCY)
        with serving(latency=LATENCY) as server:
            theirs = seconds_of("official", server.url, str(file), str(ONE_BY_ONE))
        return ours.seconds / LEADS, theirs / ONE_BY_ONE

    with file_of(LEADS) as file:
        pairs = repeated(lambda: once(file), budget)
    what = "import, 1,000 leads, no limit, 100 ms: over official client"
    return Measured([_times_faster(what, 10, pairs, f"{ONE_BY_ONE} leads")])


def waiting_script(budget: float) -> Measured:
    """A limit of 40/s: our import, and a script that waits half a second after each lead."""
    imports = imports_at_40()
    with file_of(LEADS) as file:

        def once() -> float:
            with serving(rate=40, latency=LATENCY) as server:
                return seconds_of("waiting", server.url, str(file), str(WITH_PAUSES))

        theirs = repeated(once, budget)
    pairs = [(ours.seconds / LEADS, each / WITH_PAUSES) for ours, each in zip(imports, theirs, strict=False)]
    what = "import, 1,000 leads, 40/s, 100 ms: over POSTs 0.5 s apart"
    return Measured([_times_faster(what, 20, pairs, f"{WITH_PAUSES} leads")])


def _times_faster(what: str, times: float, pairs: Sequence[tuple[float, float]], scaled_from: str) -> Line:
    """By how much our seconds per lead, over the whole command, are fewer than those of another way."""
    ours, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    beside = (
        f"ms per lead: ours {middle((1000 * each for each in ours), '{:.1f}')}, over the whole command; "
        f"the other {middle((1000 * each for each in theirs), '{:.0f}')}, from {scaled_from}, without its start"
    )
    return Line(what, Target("at least", times, "{:.1f} times"), [other / own for own, other in pairs], beside)


def seconds_of(*arguments: str, timeout: float = 120) -> float:
    """The seconds that another way tells."""
    done: Finished = run([sys.executable, "-m", "benchmarks.others", *arguments], timeout=timeout)
    return float(json.loads(done.out))
