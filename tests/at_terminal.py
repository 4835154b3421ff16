"""A command at a terminal, where a question can be answered."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import main

PATIENCE = 60  # seconds for a command at a terminal
TAKING_THE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(1, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


def at_a_terminal(*argv: str, answer: str = "", piped_in: str | None = None) -> tuple[int, str]:
    """The exit code of a command at a terminal, and what it showed there; the answer is typed when it asks."""
    own, other = pty.openpty()
    command = [sys.executable, "-c", TAKING_THE_TERMINAL, sys.executable, str(Path(main.__file__)), *argv]
    piped = subprocess.PIPE if piped_in is not None else other
    process = subprocess.Popen(command, stdin=piped, stdout=other, stderr=other, start_new_session=True)
    os.close(other)
    if process.stdin:
        process.stdin.write((piped_in or "").encode())
        process.stdin.close()
    shown, is_typed = b"", False
    ends_at = time.monotonic() + PATIENCE
    while select.select([own], [], [], max(0.0, ends_at - time.monotonic()))[0]:
        try:
            piece = os.read(own, 65536)
        except OSError:  # the other end is closed
            break
        shown += piece
        if b"[y/N]" in shown and not is_typed:
            os.write(own, answer.encode())
            is_typed = True
        if not piece:
            break
    code = process.wait(PATIENCE)
    os.close(own)
    return code, shown.decode()
