"""Other programs: run to their end within a time, and nothing of them left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SAMPLE_INTERVAL = 0.1  # seconds between two looks at the memory
PAGE = os.sysconf("SC_PAGE_SIZE")  # bytes
KILOBYTE = 1 if sys.platform == "darwin" else 1024  # bytes in what getrusage counts memory in
SERVICES = ("REGISTRY", "JUDICIAL", "SCORE")
OUR_VARIABLES = frozenset(
    ["close_project_api_key", "CLOSE_API_KEY", "CLOSE_API_URL"]
    + [f"{service}_{what}" for service in SERVICES for what in ("URL", "TOKEN")]
)


class ProgramFailed(Exception):
    """A program did not do what was to be measured, so there is nothing to measure."""


@dataclass(frozen=True)
class Finished:
    """What a program wrote to standard output, and how long it took from its start to its end."""

    out: str
    seconds: float


def say(text: str) -> None:
    """Say what is being done; the results alone go to standard output."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def started(
    command: Sequence[str], *, folder: Path = ROOT, variables: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A program in a process group of its own, which is ended whatever happens.

    No key or address that the caller has set for the product reaches it, only those in `variables`.
    """
    environment = {name: value for name, value in os.environ.items() if name not in OUR_VARIABLES}
    program = subprocess.Popen(
        command,
        cwd=folder,
        env={**environment, **(variables or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield program
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        for stream in (program.stdin, program.stdout, program.stderr):
            with contextlib.suppress(OSError):
                if stream:
                    stream.close()


def finish(program: subprocess.Popen[str], timeout: float, good_codes: Sequence[int] = (0,)) -> str:
    """What a program wrote until its end. Raises ProgramFailed where it failed or took too long."""
    try:
        out, err = program.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise ProgramFailed(f"not done after {timeout:.0f} s") from None
    if program.returncode not in good_codes:
        last = (err.strip().splitlines() or ["no words"])[-1]
        raise ProgramFailed(f"ended with {program.returncode}: {last[:200]}")
    return out


def run(
    command: Sequence[str],
    *,
    timeout: float,
    folder: Path = ROOT,
    variables: Mapping[str, str] | None = None,
    good_codes: Sequence[int] = (0,),
) -> Finished:
    """A program that ran to its end."""
    began = time.monotonic()
    with started(command, folder=folder, variables=variables) as program:
        out = finish(program, timeout, good_codes)
        return Finished(out, time.monotonic() - began)


@contextlib.contextmanager
def watching_memory(program: subprocess.Popen[str]) -> Iterator[list[int]]:
    """The most bytes that a program and its children were seen to hold together, as a list of one number.

    Memory that they share counts once for each of them. Where there is no /proc nothing is seen.
    """
    most, is_over = [0], threading.Event()

    def watch() -> None:
        while not is_over.wait(SAMPLE_INTERVAL):
            most[0] = max(most[0], _resident(program.pid))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield most
    finally:
        is_over.set()
        watcher.join()


def _resident(group: int) -> int:
    """Bytes of memory that the processes of a group hold."""
    pages = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            figures = path.read_text().rpartition(")")[2].split()  # the name in parentheses may hold spaces
            if int(figures[2]) == group:
                pages += int(figures[21])
    return pages * PAGE
