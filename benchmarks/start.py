"""How long the command line takes to answer at all."""

import sys
from statistics import median

from benchmarks.figures import Line, Measured, Target, middle, repeated
from benchmarks.programs import ROOT, run

PAIRS = 7  # in one run


def start(budget: float) -> Measured:
    """The help of the command line, and a Python that does nothing, in turn."""

    def once() -> tuple[float, float]:
        pairs = [(seconds("-c", "pass"), seconds(str(ROOT / "main.py"), "--help")) for _ in range(PAIRS)]
        return median(help_ - empty for empty, help_ in pairs), median(empty for empty, _ in pairs)

    runs = repeated(once, budget)
    beside = f"each run the median of {PAIRS} pairs; python alone {middle((empty for _, empty in runs), '{:.3f} s')}"
    target = Target("at most", 0.2, "{:.3f} s")
    return Measured([Line("main.py --help, more than python -c pass", target, [more for more, _ in runs], beside)])


def seconds(*arguments: str) -> float:
    return run([sys.executable, *arguments], timeout=30).seconds
