"""Whether a service is worth asking: a circuit breaker, so that a dead one costs seconds, not hours.

After a run of failures the circuit is open: nobody is let through but one probe at a time, and who comes in its first
moments waits for what it finds. So a service that fails for some people only is not taken for dead, and one that is
silent holds everybody up once a probe, not each person anew. Each probe that fails lets the service rest for longer;
the first answer closes the circuit. Before it is open, who comes just after a failure waits as long for what others
under way find, or else the first who noticed that a service fell silent would each wait for it once more.
"""

import math
import threading
from collections.abc import Callable
from time import monotonic

FAILURES = 5  # in a row
PATIENCE = 2.0  # seconds from a probe's start, or from the first failure, in which others wait for what comes of it
FIRST_REST, LONGEST_REST = 5.0, 60.0  # seconds from a probe that failed to the next


class CircuitOpen(Exception):
    """The service failed again and again, and it is too early to try it once more."""


class CircuitBreaker:
    """The circuit to one service, safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._failures = 0
        self._under_way = 0
        self._is_probing = False
        self._patience_ends = 0.0
        self._rest = FIRST_REST
        self._next_probe = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the latest answers failed to come, so many in a row that it is no use to ask on."""
        return self._failures >= FAILURES

    def enter(self, seconds: float = math.inf) -> bool:
        """Let the caller through, and say whether as a probe; it must report what came of it. Raises CircuitOpen.

        Nobody waits for longer than the seconds given.
        """
        latest = self._clock() + seconds
        with self._changed:
            self._wait_while(lambda: 0 < self._failures < FAILURES and self._under_way > 0, latest)
            self._wait_while(lambda: self.is_open and self._is_probing, latest)
            if self.is_open:
                if self._is_probing or self._clock() < self._next_probe:
                    raise CircuitOpen
                self._is_probing = True
                self._patience_ends = self._clock() + PATIENCE
            self._under_way += 1
            return self.is_open

    def note(self, *, has_answered: bool | None, is_probe: bool) -> bool:
        """The service answered somebody, whatever it said, or failed them; None where it had no time to do either.

        Whether that turned the circuit.
        """
        with self._changed:
            was_open = self.is_open
            self._under_way -= 1
            if has_answered:
                self._failures, self._rest = 0, FIRST_REST
            elif has_answered is not None:
                self._note_failure(is_probe)
            self._is_probing = self._is_probing and not is_probe
            self._changed.notify_all()
            return was_open is not self.is_open

    def _note_failure(self, is_probe: bool) -> None:
        self._failures += 1
        if self._failures == 1:
            self._patience_ends = self._clock() + PATIENCE
        if is_probe:
            self._next_probe = self._clock() + self._rest
            self._rest = min(2 * self._rest, LONGEST_REST)

    def note_silence(self) -> bool:
        """Somebody is waited for no longer, who will yet report. Whether that turned the circuit."""
        with self._changed:
            self._failures += 1
            self._changed.notify_all()
            return self._failures == FAILURES

    def _wait_while(self, is_in_doubt: Callable[[], bool], latest: float) -> None:
        self._changed.wait_for(lambda: not is_in_doubt(), min(self._patience_ends, latest) - self._clock())
