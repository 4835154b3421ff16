"""Play one history and tell it, or play as many as fit into some minutes."""

import argparse
import sys

from tests.simulation.history import play


def main() -> int:
    """The exit code: 1 if something did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="the history to tell")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    args = parser.parse_args()
    if args.seed is not None:
        played = play(args.seed)
        for line in played.story.lines():
            print(line)
        print(*(played.broken or ["All held."]), sep="\n")
        return bool(played.broken)
    import time

    began = time.process_time()
    from collections import Counter

    counts = Counter()
    failed = 0
    for seed in range(args.first, args.first + args.count):
        played = play(seed)
        counts += played.story.counts
        if played.broken:
            failed += 1
            print(seed, played.broken[:3])
    print(counts, failed)
    print(f"{(time.process_time() - began) / args.count * 1000:.1f} ms each")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
