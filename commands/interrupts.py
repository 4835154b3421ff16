"""Ctrl-C: requests in flight are finished and noted, waits are cut short, and a second Ctrl-C quits at once."""

import _thread
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

from close.errors import Stopped
from close.machine import THIS_MACHINE, Machine
from commands.errors import Exit
from commands.terminal import say

STOPPING = "Stopping: finishing the requests already sent. Press Ctrl-C again to quit immediately."
SHORT_WAIT = 1.0  # seconds; Ctrl-C does not cut short a wait of up to this long
STOP_CHECK_INTERVAL = 0.2  # seconds between checks whether a wait should end


@contextlib.contextmanager
def noticing_interrupt(stop: threading.Event, words: str = "") -> Iterator[None]:
    """Set `stop` at the first Ctrl-C or SIGTERM and say `words`; quit at once at the second."""

    noticed: list[int] = []

    def notice(number: int, _frame: object) -> None:
        if noticed:
            os._exit(Exit.INTERRUPTED)
        noticed.append(number)
        _thread.start_new_thread(stop.set, ())  # this thread may hold the lock of the event that it waits for
        if words:
            with contextlib.suppress(RuntimeError):  # this thread may be writing to the same stream just now
                say(words)

    before = {number: signal.signal(number, notice) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def sleep_unless(stop: threading.Event, machine: Machine = THIS_MACHINE) -> Callable[[float], None]:
    """A sleep that raises close.errors.Stopped soon after `stop` is set.

    A short sleep is not interrupted: requests wait that long to keep their distance, and a lead must not be left
    half-filled.
    """

    def sleep(seconds: float) -> None:
        if seconds <= SHORT_WAIT:
            machine.sleep(seconds)
            return
        while seconds > 0:
            if stop.is_set():
                raise Stopped("stopped while waiting")
            machine.sleep(min(seconds, STOP_CHECK_INTERVAL))
            seconds -= STOP_CHECK_INTERVAL

    return sleep
