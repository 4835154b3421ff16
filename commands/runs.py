"""runs: list all imports so far."""

import argparse
import json
import threading
from collections.abc import Sequence
from typing import Any

from cells.safe_text import harmless_line
from close.journal import read_runs
from close.journal_entries import Run
from commands.arguments import add_verbose
from commands.environment import JOURNAL, WORDS_OF_CLOSE, open_close
from commands.errors import Exit
from commands.terminal import listed, show, show_json
from importing.outcomes import OUTCOMES, REMAINING

WORDS = WORDS_OF_CLOSE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("--sandbox", action="store_true", help="list only imports into the sandbox")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    add_verbose(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="show only results and errors")


def run(args: argparse.Namespace) -> int:
    """List all imports so far, oldest first."""
    runs = read_runs(JOURNAL)
    if args.sandbox:
        with open_close(args, threading.Event()) as close:
            organization = close.account().organization_id
        runs = [(run, name) for run, name in runs if run.organization == organization]
    if args.json:
        show_json(json.dumps([_as_json(run) for run, _ in runs], indent=2, ensure_ascii=False))
    else:
        show(_as_text(runs))
    return Exit.DONE


def _as_json(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "file": run.file,
        "started": run.started,
        "state": run.state,
        "leads": {name: run.outcomes.get(name, 0) for name in OUTCOMES},
    }


def _as_text(runs: Sequence[tuple[Run, str]]) -> str:
    lines = []
    for run, organization_name in runs:
        where = harmless_line(f"{organization_name}  {run.file}")
        lines.append(f"{run.run_id}  {run.state:<13}  {where}: {_counts_of(run)}")
    return "\n".join(lines) or "There are no imports yet."


def _counts_of(run: Run) -> str:
    """How many leads of a run there are of each outcome, and how many wait for its next part."""
    remaining = run.outcomes.get(REMAINING, 0)
    outcomes = {name: run.outcomes.get(name, 0) for name in OUTCOMES}
    outcomes["skipped"] -= remaining
    counts = listed({name: times for name, times in outcomes.items() if times}) or "nothing done"
    return f"{counts}; {remaining} remaining" if remaining else counts
