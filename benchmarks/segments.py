"""How many requests and how long it takes to sum up many leads."""

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.figures import Line, Measured, Target, middle, repeated
from benchmarks.imports import KEY, LATENCY, ONE_BY_ONE, file_of, import_command, seconds_of
from benchmarks.programs import ROOT, ProgramFailed, run
from benchmarks.serving import Server, serving

LEADS = 12_000  # more than one search of Close gives
MOST_REQUESTS = LEADS // 200 + LEADS // 10_000 + 10


def segment(budget: float) -> Measured:
    """Sum up leads, and read them one by one, both with 100 ms an answer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        state = str(folder / "close.sqlite")
        fill(folder, state)
        with serving(latency=LATENCY, state=state) as server:
            runs = repeated(lambda: both(folder, server), budget)
    seconds = f"ours {middle((ours for _, ours, _ in runs), '{:.2f}')} s, the whole command"
    others = f"one by one {middle((theirs for _, _, theirs in runs), '{:.0f}')} s, scaled from {ONE_BY_ONE}"
    return Measured(
        [
            Line(
                f"segment, {LEADS:,} leads: requests",
                Target("at most", MOST_REQUESTS, "{:.0f}"),
                [each[0] for each in runs],
            ),
            Line(
                f"segment, {LEADS:,} leads, 100 ms: over one GET a lead",
                Target("at least", 100, "{:.0f} times"),
                [theirs / ours for _, ours, theirs in runs],
                f"{seconds}; {others}",
            ),
        ]
    )


def fill(folder: Path, state: str) -> None:
    """Leave a file with the leads, as the sandbox keeps them; an import makes them, without latency."""
    with file_of(LEADS) as file, serving(state=state) as server:
        run(import_command(file), folder=folder, variables=variables(server), timeout=180)


def both(folder: Path, server: Server) -> tuple[int, float, float]:
    """How many requests and seconds our segment took, and how many seconds one GET a lead would take."""
    command = [sys.executable, str(ROOT / "main.py"), "segment", "1900-01-01", "--json"]
    done = run(command, folder=folder, variables=variables(server), timeout=120)
    report = json.loads(done.out)
    if report["leads"] != LEADS:
        raise ProgramFailed(f"{report['leads']} of {LEADS} leads were summed up")
    theirs = seconds_of("reading", server.url, str(ONE_BY_ONE))
    return report["requests"], done.seconds, theirs * LEADS / ONE_BY_ONE


def variables(server: Server) -> dict[str, str]:
    """What the environment says to the product."""
    return {"CLOSE_API_KEY": KEY, "CLOSE_API_URL": server.url}
