"""Play one history and tell it, or play as many as fit into some minutes, on all cores."""

import argparse
import sys

from tests.simulation.kinds import ALL, KINDS, play
from tests.simulation.tally import play_all, play_for


def tell(seed: int, kind: str) -> int:
    """Tell the history of a seed; returns the exit code."""
    played = play(seed, kind)
    sys.stdout.writelines(f"{line}\n" for line in played.story.lines())
    sys.stdout.writelines(f"{words}\n" for words in played.broken or ["All held."])
    return int(bool(played.broken))


def main() -> int:
    """The exit code: 1 if something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="the history to tell")
    parser.add_argument("--kind", choices=[*KINDS, ALL], default="import", help="what happens in it (default: import)")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long to play (default: 5)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (default: 0)")
    parser.add_argument("--count", type=int, help="play so many instead, on one core")
    parser.add_argument("--until-broken", action="store_true", help="end with the first history that fails")
    args = parser.parse_args()
    if args.seed is not None:
        return tell(args.seed, args.kind)
    if args.count:
        seeds = range(args.first, args.first + args.count)
        tally = play_all(seeds, args.kind, stops_when_broken=args.until_broken)
    else:
        tally = play_for(args.minutes, args.first, args.kind)
    sys.stdout.writelines(f"{line}\n" for line in tally.lines())
    return int(bool(tally.failed))


if __name__ == "__main__":
    raise SystemExit(main())
