"""Play one history and tell it, or play as many as fit into some minutes, on all cores."""

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.simulation.history import play
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
        for name in (*FAULTS, "throttled", "disk trouble"):
            yield f"{self.counts[name]:>9} {name}"
        for seed, broken in sorted(self.failed.items()):
            yield f"seed {seed}: {'; '.join(broken[:3])}"
        yield f"{len(self.failed)} seeds failed"


def play_all(seeds: Sequence[int], *, stops_when_broken: bool = False) -> Tally:
    """What comes of the histories of some seeds."""
    tally = Tally()
    began = time.process_time()
    for seed in seeds:
        played = play(seed)
        tally.histories += 1
        tally.counts += played.story.counts
        if played.broken:
            tally.failed[seed] = played.broken
            if stops_when_broken:
                break
    tally.cpu = time.process_time() - began
    return tally


def play_for(minutes: float, first: int) -> Tally:
    """What comes of as many histories as fit into some minutes, on all cores."""
    tally, end = Tally(), time.monotonic() + 60 * minutes
    cores = os.cpu_count() or 1
    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(play_all, range(at, at + AT_A_TIME)) for at in _starts(first, cores)]
        at = first + AT_A_TIME * cores
        while jobs:
            tally.add(jobs.pop(0).result())
            if time.monotonic() < end:
                jobs.append(pool.submit(play_all, range(at, at + AT_A_TIME)))
                at += AT_A_TIME
    return tally


def _starts(first: int, cores: int) -> list[int]:
    return [first + AT_A_TIME * core for core in range(cores)]


def tell(seed: int) -> int:
    """Tell the history of a seed; returns the exit code."""
    played = play(seed)
    sys.stdout.writelines(f"{line}\n" for line in played.story.lines())
    sys.stdout.writelines(f"{words}\n" for words in played.broken or ["All held."])
    return int(bool(played.broken))


def main() -> int:
    """The exit code: 1 if something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="the history to tell")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long to play (default: 5)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--count", type=int, help="play so many instead, on one core")
    parser.add_argument("--until-broken", action="store_true", help="end with the first history that fails")
    args = parser.parse_args()
    if args.seed is not None:
        return tell(args.seed)
    if args.count:
        seeds = range(args.first, args.first + args.count)
        tally = play_all(seeds, stops_when_broken=args.until_broken)
    else:
        tally = play_for(args.minutes, args.first)
    sys.stdout.writelines(f"{line}\n" for line in tally.lines())
    return int(bool(tally.failed))


if __name__ == "__main__":
    raise SystemExit(main())
