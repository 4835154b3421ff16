"""The question that a person at a terminal is asked before something big is done."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from cells.safe_text import harmless_line
from commands.errors import Declined

TERMINAL = Path("CONIN$" if sys.platform == "win32" else "/dev/tty")


def agree_to(words: str) -> None:
    """Ask the person at the terminal whether to go on; without a terminal, nobody is asked.

    If something else comes on standard input, the answer is read from the terminal itself. Raises Declined for anything
    but yes, and KeyboardInterrupt.
    """
    shown_on = next((stream for stream in (sys.stderr, sys.stdout) if stream.isatty()), None)
    with contextlib.ExitStack() as stack:
        answers = _answers(stack) if shown_on else None
        if answers is None:
            return
        stack.enter_context(_ending_at_ctrl_c())
        print(harmless_line(f"{words} Go on? [y/N]"), end=" ", file=shown_on, flush=True)
        answer = answers.readline()
    if answer.strip().casefold() not in ("y", "yes"):
        raise Declined


def _answers(stack: contextlib.ExitStack) -> TextIO | None:
    """Where the person at the terminal types, None if that is nowhere."""
    if sys.stdin and sys.stdin.isatty():
        return sys.stdin
    try:
        return stack.enter_context(TERMINAL.open(encoding="utf-8", errors="replace"))
    except OSError:
        return None


@contextlib.contextmanager
def _ending_at_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end the command at once, as nothing has begun yet."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
