"""Who gets how much when four keys at full speed share the limit of one organisation."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.figures import SAME, Line, Measured, Target, middle, repeated
from benchmarks.files import write_leads
from benchmarks.imports import LATENCY, import_command, made_by
from benchmarks.programs import ProgramFailed, finish, run, started
from benchmarks.serving import Seen, Server, rate_within, serving

KEYS = ("key_1", "key_2", "key_3", "key_4")
LIMIT = 40  # requests a second per key; the sandbox gives an organisation three times that
QUARTER = 3 * LIMIT / len(KEYS)
LEADS = 600  # per import
TIMEOUT = 180  # seconds for imports that take 20 if they get their quarter
FAIR = Target("at least", 0.80, "{:.3f}")
SOME = Target("at least", 0.50, "{:.3f}")


def four_imports(budget: float) -> Measured:
    """Four imports of ours at once, each with a key of its own."""

    def once() -> list[float]:
        with contest() as (server, folder):
            with contextlib.ExitStack() as stack:
                programs = [stack.enter_context(importing(server, folder, key)) for key in KEYS]
                for program in programs:
                    check(finish(program, TIMEOUT))
            return shares(server.seen(), KEYS)

    runs = repeated(once, budget)
    beside = (
        f"each run's keys: {'; '.join(' '.join(f'{share:.2f}' for share in each) for each in runs)}; "
        f"all keys over the organisation's limit: {middle((sum(each) / len(KEYS) for each in runs), '{:.2f}')}"
    )
    what = "four imports, four keys, 40/s a key: least / its quarter"
    return Measured([Line(what, FAIR, [min(each) for each in runs], beside)])


def import_among_scripts(budget: float) -> Measured:
    """An import of ours, and three scripts that send with eight threads and wait as Retry-After says."""

    def once() -> list[float]:
        ours, theirs = KEYS[0], KEYS[1:]
        with contest() as (server, folder):
            with contextlib.ExitStack() as stack:
                scripts = [stack.enter_context(started(script(server, key))) for key in theirs]
                program = stack.enter_context(importing(server, folder, ours))
                check(finish(program, TIMEOUT))
                for each in scripts:  # which end as their standard input closes
                    finish(each, TIMEOUT)
            return shares(server.seen(), [ours])

    runs = repeated(once, budget)
    beside = f"each run's keys, ours first: {'; '.join(' '.join(f'{share:.2f}' for share in each) for each in runs)}"
    what = "one import, three scripts with 8 threads"
    return Measured(
        [
            Line(f"{what}: ours / its quarter", FAIR, [each[0] for each in runs], beside),
            Line(f"{SAME} least of the four / its quarter", SOME, [min(each) for each in runs]),
        ]
    )


def script(server: Server, key: str) -> list[str]:
    """The command of a script that sends as fast as it can."""
    return [sys.executable, "-m", "benchmarks.others", "pooled", server.url, key]


@contextlib.contextmanager
def contest() -> Iterator[tuple[Server, Path]]:
    """A server that knows the custom fields already, so that nobody has to make them, and a folder for the files."""
    with tempfile.TemporaryDirectory() as name, serving(rate=LIMIT, latency=LATENCY) as server:
        folder = Path(name)
        file = write_leads(folder / "first.csv", 1, first=1_000_000)
        variables = {"CLOSE_API_KEY": KEYS[0], "CLOSE_API_URL": server.url}
        run(import_command(file), folder=folder, variables=variables, timeout=60)
        server.forget()
        yield server, folder


@contextlib.contextmanager
def importing(server: Server, folder: Path, key: str) -> Iterator["subprocess.Popen[str]"]:
    """An import under way, of companies that no other key imports."""
    own = folder / key
    own.mkdir()
    file = write_leads(own / "leads.csv", LEADS, first=10_000 * KEYS.index(key))
    variables = {"CLOSE_API_KEY": key, "CLOSE_API_URL": server.url}
    with started(import_command(file), folder=own, variables=variables) as program:
        yield program


def check(out: str) -> None:
    """Raise ProgramFailed unless an import made all its leads."""
    if made_by(out) != LEADS:
        raise ProgramFailed(f"{made_by(out)} of {LEADS} leads were made")


def shares(seen: Seen, until: Sequence[str]) -> list[float]:
    """What each key got over its quarter, from the moment when all had begun until the first of some was done."""
    start = max(seen.made[key][0] for key in KEYS)
    end = min(seen.made[key][-1] for key in until)
    return [rate_within(seen.made[key], start, end) / QUARTER for key in KEYS]
