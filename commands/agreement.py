"""The question that a person at a terminal is asked before something big is done."""

import contextlib
import signal
import sys
from collections.abc import Iterator

from cells.safe_text import harmless_line
from commands.errors import Declined


def agree_to(words: str) -> None:
    """Ask the person at the terminal whether to go on; without a terminal, nobody is asked.

    Raises Declined for anything but yes, and KeyboardInterrupt.
    """
    shown_on = next((stream for stream in (sys.stderr, sys.stdout) if stream.isatty()), None)
    if not (shown_on and sys.stdin and sys.stdin.isatty()):
        return
    print(harmless_line(f"{words} Go on? [y/N]"), end=" ", file=shown_on, flush=True)
    with _ending_at_ctrl_c():
        answer = sys.stdin.readline()
    if answer.strip().casefold() not in ("y", "yes"):
        raise Declined


@contextlib.contextmanager
def _ending_at_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end the command at once, as nothing has begun yet."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
