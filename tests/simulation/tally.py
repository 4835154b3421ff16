"""Many histories, on all cores, and what came of them."""

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.simulation.kinds import play
from tests.simulation.network import FAULTS

AT_A_TIME = 50  # seeds of one job


@dataclass
class Tally:
    """What came of many histories."""

    histories: int = 0
    cpu: float = 0.0  # seconds
    counts: Counter[str] = field(default_factory=Counter)
    failed: dict[int, list[str]] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Count these histories, too."""
        self.histories += other.histories
        self.cpu += other.cpu
        self.counts += other.counts
        self.failed |= other.failed

    def lines(self) -> Iterator[str]:
        """The tally for people."""
        per_minute = 60 * self.histories / self.cpu if self.cpu else 0.0
        yield f"{self.histories} histories, {per_minute:.0f} in each minute of one core"
        for name in ("commands", "crashes", "requests", "colleague"):
            yield f"{self.counts[name]:>9} {name}"
        yield "faults:"
        for name in (*FAULTS, "throttled", "disk trouble", *self._of_services()):
            yield f"{self.counts[name]:>9} {name}"
        for seed, broken in sorted(self.failed.items()):
            yield f"seed {seed}: {'; '.join(broken[:3])}"
        yield f"{len(self.failed)} seeds failed"

    def _of_services(self) -> list[str]:
        return sorted(name for name in self.counts if name.startswith("service: "))


def play_all(seeds: Sequence[int], kind: str, *, stops_when_broken: bool = False) -> Tally:
    """What comes of the histories of some seeds."""
    tally = Tally()
    began = time.process_time()
    for seed in seeds:
        played = play(seed, kind)
        tally.histories += 1
        tally.counts += played.story.counts
        if played.broken:
            tally.failed[seed] = played.broken
            if stops_when_broken:
                break
    tally.cpu = time.process_time() - began
    return tally


def play_for(minutes: float, first: int, kind: str) -> Tally:
    """What comes of as many histories as fit into some minutes, on all cores."""
    tally, end = Tally(), time.monotonic() + 60 * minutes
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(play_all, range(at, at + AT_A_TIME), kind) for at in _starts(first, cores)]
        at = first + AT_A_TIME * cores
        while jobs:
            tally.add(jobs.pop(0).result())
            if time.monotonic() < end:
                jobs.append(pool.submit(play_all, range(at, at + AT_A_TIME), kind))
                at += AT_A_TIME
    return tally


def _starts(first: int, cores: int) -> list[int]:
    return [first + AT_A_TIME * core for core in range(cores)]
