"""The question that a person at a terminal is asked before something big is done, and the flag that answers it."""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from cells.safe_text import harmless_line
from commands.errors import Declined

TERMINAL_IN, TERMINAL_OUT = map(Path, ("CONIN$", "CONOUT$") if sys.platform == "win32" else ("/dev/tty", "/dev/tty"))
MOST_UNASKED = 20  # leads that are changed without a question


def add_yes(parser: argparse._ActionsContainer, or_else: str = "") -> None:
    """Add the flag that agrees in advance."""
    help_line = f"do not ask before more than {MOST_UNASKED} leads are changed{or_else}"
    parser.add_argument("--yes", action="store_true", help=help_line)


def agree_to_changes(args: argparse.Namespace, leads: int, words: str, *, is_endless: bool = False) -> None:
    """Ask the person at the terminal before so many leads are changed, if they are many, or nobody knows how many.

    Nobody is asked about changes that do not reach Close, nor after agreeing in advance. Raises as `agree_to` does.
    """
    is_free = args.yes or args.sandbox or getattr(args, "dry_run", False)
    if not is_free and (is_endless or leads > MOST_UNASKED):
        agree_to(words)


def agree_to(words: str) -> None:
    """Ask the person at the terminal whether to go on; without a terminal, nobody is asked.

    If standard input, or what is shown, goes elsewhere, the terminal itself is used. Raises Declined for anything but
    yes, and KeyboardInterrupt.
    """
    with contextlib.ExitStack() as stack:
        answers, shown_on = _both_ways(stack)
        if not (answers and shown_on):
            return
        stack.enter_context(_ending_at_ctrl_c())
        print(harmless_line(f"{words} Go on? [y/N]"), end=" ", file=shown_on, flush=True)
        answer = answers.readline()
    if answer.strip().casefold() not in ("y", "yes"):
        raise Declined


def _both_ways(stack: contextlib.ExitStack) -> tuple[TextIO | None, TextIO | None]:
    """Where the person at the terminal types, and where the person reads; None for both if there is no terminal."""
    shown_on = next((stream for stream in (sys.stderr, sys.stdout) if stream.isatty()), None)
    answers = sys.stdin if sys.stdin and sys.stdin.isatty() else None
    if not (shown_on or answers) or _is_in_background():
        return None, None
    try:
        answers = answers or stack.enter_context(TERMINAL_IN.open(encoding="utf-8", errors="replace"))
        shown_on = shown_on or stack.enter_context(TERMINAL_OUT.open("w", encoding="utf-8", errors="replace"))
    except OSError:
        return None, None
    return answers, shown_on


def _is_in_background() -> bool:
    """Whether the shell has put us where reading from the terminal would stop us."""
    if sys.platform == "win32":
        return False
    for stream in (sys.stdin, sys.stderr, sys.stdout):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            return os.tcgetpgrp(stream.fileno()) != os.getpgrp()
    return False


@contextlib.contextmanager
def _ending_at_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end the command at once, as nothing has begun yet."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
