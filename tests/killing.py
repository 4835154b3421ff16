"""Commands in processes of their own, and a sandbox that kills one at any of its requests, at any moment of it."""

import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, forkserver
from pathlib import Path
from typing import Any, TypeVar

import pytest

import main
from sandbox import Sandbox
from sandbox.wire import HttpRequest, Reply
from tests.patience import STUCK
from tests.watched import Answer, Watched, is_write

ROOT = Path(main.__file__).parent
KILLS = int(os.environ.get("SOAK_KILLS", "6"))
AT_A_TIME = 25  # seeds; 8 connections each, in this process
TIME_LIMIT = 2 * STUCK + 30 * KILLS  # seconds for one test
KILLED = -signal.SIGKILL
PRELOADED = (
    *("pytest", "main", "commands.import_leads", "commands.undo", "commands.qualify", "sandbox", "tests.killing"),
)

Seen = TypeVar("Seen")


# Processes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """What a process left: its exit code (negative: the signal that ended it), standard output and standard error."""

    code: int
    out: str
    err: str


class Command:
    """A command line in a process of its own, in a folder of its own, from the moment it is made."""

    starting = threading.Lock()  # multiprocessing collects the exit codes of others as well, in any thread

    def __init__(self, folder: Path, sandbox: Sandbox, argv: Sequence[str]) -> None:
        self._said = [folder / "out.txt", folder / "err.txt"]
        with self.starting:
            self._process = multiprocessing.get_context("forkserver").Process(
                target=_run, args=(str(folder), _environment(sandbox), tuple(argv), [str(path) for path in self._said])
            )
            self._process.start()
            assert self._process.pid
            self.pid = self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens where the process has ended already."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def said_so_far(self) -> str:
        """Standard error as far as it came."""
        return self._said[1].read_text(encoding="utf-8") if self._said[1].exists() else ""

    def wait(self) -> Ended:
        """What the process left, once it has ended."""
        connection.wait([self._process.sentinel])
        with self.starting:
            self._process.join()
            code = self._process.exitcode
            self._process.close()
        assert code is not None
        return Ended(code, *(path.read_text(encoding="utf-8") for path in self._said))


def _environment(sandbox: Sandbox) -> dict[str, str]:
    """What points a command at a sandbox."""
    services = {"REGISTRY_URL": sandbox.registry_url, "JUDICIAL_URL": sandbox.judicial_url}
    close = {"CLOSE_API_KEY": "key-for-tests", "CLOSE_API_URL": sandbox.close_url}
    return {**close, **services, "SCORE_URL": sandbox.score_url}


def _run(folder: str, environment: Mapping[str, str], argv: Sequence[str], said: Sequence[str]) -> None:
    """Run a command, in the new process."""
    os.chdir(folder)
    os.environ.update(environment)
    for number, path in enumerate(said, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    code = main.main(argv)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


@contextmanager
def fork_server() -> Iterator[None]:
    """A process with all modules loaded, of which commands are forked: loading takes a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setenv("PYTHONPATH", str(ROOT))
        multiprocessing.get_context("forkserver").set_forkserver_preload(list(PRELOADED))
        forkserver.ensure_running()
    yield


# Deaths --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Death:
    """When a process dies: at its request of this number (a write, or any, of those `on` a path), and at which moment.

    `before` it is carried out, which it then never is; `late`: it is, but `after` the death and a little later;
    `unanswered`: carried out before the death, its answer is never read; `soon` after the answer was sent.
    """

    request: int
    moment: str
    seconds: float
    on: str = ""
    counts_reads: bool = False
    until: str = ""  # what is late arrives so many seconds after the next process has asked for this

    def concerns(self, request: HttpRequest) -> bool:
        return f"{request.method} {request.path}".startswith(self.on) and (self.counts_reads or is_write(request))

    @classmethod
    def at_random(cls, draw: random.Random, requests: int, *, counts_reads: bool = False) -> "Death":
        moment = draw.choice(("before", "late", "unanswered", "soon", "soon"))
        seconds = draw.uniform(0, 0.4) if moment == "late" else draw.uniform(0, 0.02)
        return cls(draw.randint(1, requests), moment, seconds, counts_reads=counts_reads)


class Deadly(Watched):
    """A sandbox that kills the process that speaks to it, as it is told beforehand."""

    def __init__(self, **settings: Any) -> None:
        self._ahead = 0.0
        self._late = threading.local()
        super().__init__(clock=self._now, **settings)
        self.watch = self._watch_and_kill
        self._counting = threading.Lock()
        self._death: Death | None = None
        self._counted = 0
        self._until = ""
        self._kill: Callable[[], None] = lambda: None
        self.at_rest = threading.Event()  # unless a request is under way that outlives its process
        self.at_rest.set()
        self._looked = threading.Event()

    def _now(self) -> float:
        """What lags, lags from this: the moment at which a late request was due, for on a busy machine it is later."""
        due: float = getattr(self._late, "due", 0.0)
        return due or time.monotonic() + self._ahead

    def put_clock_forward(self, seconds: float) -> None:
        """Let lists and search show what they lag behind with. No command may be under way: its clock stays behind."""
        self._ahead += seconds

    def doom(self, command: Command, death: Death | None) -> None:
        """Kill this command then; None lets it live. Requests that it made already are not counted."""
        with self._counting:
            self._death, self._counted = death, 0
            self._until = death.until if death else self._until
            self._kill = lambda: command.send(signal.SIGKILL)

    def _watch_and_kill(self, request: HttpRequest, answer: Answer) -> Reply | None:
        with self._counting:
            death, kill = self._death, self._kill
            is_concerned = death is not None and death.concerns(request)
            self._counted += is_concerned
            is_now = is_concerned and death is not None and self._counted == death.request
            if is_now:
                self._death = None
        if not death or not is_now:
            reply = answer(request)
            if f"{request.method} {request.path}".startswith(self._until):
                self._looked.set()
            return reply
        if death.moment in ("before", "late"):
            self.at_rest.clear()
            self._looked.clear()
            self._late.due = time.monotonic() + death.seconds
            kill()
            if death.until:
                self._looked.wait(timeout=STUCK)
            time.sleep(death.seconds)
            arrived = None if death.moment == "before" else answer(request)
            self._late.due = 0.0
            self.at_rest.set()
            return arrived
        reply = answer(request)
        if death.moment == "soon":
            timer = threading.Timer(death.seconds, kill)
            timer.daemon = True
            timer.start()
        else:
            kill()
        return reply


# Many seeds ----------------------------------------------------------------------------------------------------------


@contextmanager
def all_begun(
    base: Path, checks: Mapping[Callable[[Path, int], Seen], int]
) -> Iterator[dict[Callable[[Path, int], Seen], list[Future[Seen]]]]:
    """The futures of each check for so many seeds, in a folder each: all begin at once, for mostly they wait."""

    def begun(check: Callable[[Path, int], Seen], seed: int) -> Seen:
        folder = base / f"{check.__name__}_{seed}"
        folder.mkdir()
        try:
            return check(folder, seed)
        except BaseException as error:  # whatever it is, it has to say which seed it was
            error.add_note(f"{check.__name__}, seed {seed}")
            raise

    with ThreadPoolExecutor(max_workers=AT_A_TIME) as pool:
        try:
            yield {check: [pool.submit(begun, check, seed) for seed in range(n)] for check, n in checks.items()}
        finally:
            pool.shutdown(cancel_futures=True)
