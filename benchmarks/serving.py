"""A server to measure against: started, asked what it saw, ended."""

import contextlib
import json
import math
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.programs import ProgramFailed, started


@dataclass(frozen=True)
class Seen:
    """What a server saw: by key the times in seconds at which leads were made, and how many requests came."""

    made: Mapping[str, Sequence[float]]
    requests: int
    told_to_wait: int

    @property
    def share_told_to_wait(self) -> float:
        return self.told_to_wait / self.requests

    @property
    def times(self) -> list[float]:
        """When each lead was made, by any client, earliest first."""
        return sorted(time for times in self.made.values() for time in times)


class Server:
    """A server under way."""

    def __init__(self, program: "subprocess.Popen[str]") -> None:
        self._program = program
        self.url = self._read()

    def seen(self) -> Seen:
        """What it saw since it began, or since `forget`."""
        told = json.loads(self._ask("seen"))
        return Seen({key: sorted(times) for key, times in told["made"].items()}, told["requests"], told["told_to_wait"])

    def forget(self) -> None:
        """Let what was seen so far count no more."""
        self._ask("forget")

    def _ask(self, question: str) -> str:
        assert self._program.stdin is not None
        print(question, file=self._program.stdin, flush=True)
        return self._read()

    def _read(self) -> str:
        assert self._program.stdout is not None
        line = self._program.stdout.readline().strip()
        if not line:
            raise ProgramFailed("the sandbox has ended")
        return line


@contextlib.contextmanager
def serving(**settings: Any) -> Iterator[Server]:
    """A server with these settings of the sandbox."""
    with started([sys.executable, "-m", "benchmarks.server", json.dumps(settings)]) as program:
        yield Server(program)
        assert program.stdin is not None
        program.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):  # then it is ended less gently
            program.wait(timeout=10)


def rate(times: Sequence[float]) -> float:
    """How many a second there were, from the first to the last."""
    return (len(times) - 1) / (times[-1] - times[0])


def rate_within(times: Sequence[float], start: float, end: float) -> float:
    """How many a second there were between two moments."""
    return sum(start <= time <= end for time in times) / (end - start)


def best_rate(count: int, limit: float, window: float) -> float:
    """The highest rate at which a limit lets `count` requests through: each window's worth as soon as it begins."""
    full_windows = math.ceil(count / math.ceil(limit * window)) - 1
    return (count - 1) / (full_windows * window) if full_windows else math.inf
