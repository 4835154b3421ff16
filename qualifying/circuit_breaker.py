"""Whether a service is worth asking: a circuit breaker, so that a dead one costs seconds, not hours.

After a run of failures the circuit is open: only one probe at a time is let through, and callers that arrive in its
first moments wait for its result. After each failed probe the service rests for longer; the first answer closes the
circuit. A failure counts only if no answer came since that request began: a service that fails for some people, who
then keep all threads waiting, is not dead. Before the circuit opens, a caller that arrives just after a failure waits a
moment for the results of others under way; otherwise each of the first callers of a silent service would wait in turn.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from close.machine import THIS_MACHINE, Machine

FAILURES = 5  # in a row
PATIENCE = 2.0  # seconds after a probe's start, or after the first failure, in which others wait for the result
FIRST_REST, LONGEST_REST = 5.0, 60.0  # seconds from a failed probe to the next

Came = Literal["answer", "failure", "nothing"]  # nothing: there was not enough time for either


class CircuitOpen(Exception):
    """The service kept failing, and it is too early to try it again."""


@dataclass(slots=True, eq=False)
class Passage:
    """One request to the service, as a probe or not; `answers` is how many had come when it began."""

    is_probe: bool
    answers: int
    is_over: bool = False


class CircuitBreaker:
    """The circuit to one service, safe to share between threads; `turned_away` counts callers that found it open."""

    def __init__(self, machine: Machine = THIS_MACHINE) -> None:
        self.turned_away = 0
        self._clock = machine.monotonic
        self._changed = machine.condition()
        self._answers = 0
        self._failures = 0
        self._under_way = 0
        self._is_probing = False
        self._patience_ends = 0.0
        self._rest = FIRST_REST
        self._next_probe = 0.0

    @property
    def is_open(self) -> bool:
        """Whether so many requests in a row have failed that it makes no sense to go on asking."""
        return self._failures >= FAILURES

    def enter(self, seconds: float = math.inf) -> Passage:
        """Let the caller through; it must `note` the result. Raises CircuitOpen.

        No caller waits longer than `seconds`.
        """
        latest = self._clock() + seconds
        with self._changed:
            self._wait_while(lambda: 0 < self._failures < FAILURES and self._under_way > 0, latest)
            self._wait_while(lambda: self.is_open and self._is_probing, latest)
            if self.is_open:
                self._begin_probe()
            self._under_way += 1
            return Passage(self.is_open, self._answers)

    def note(self, passage: Passage, came: Came) -> bool:
        """Record a result; return whether it opened or closed the circuit. Any answer counts, whatever it says.

        If the passage was already given up on and noted as a failure, only a late answer still counts.
        """
        with self._changed:
            was_open = self.is_open
            if came == "answer":
                self._answers, self._failures, self._rest = self._answers + 1, 0, FIRST_REST
            elif came == "failure" and not passage.is_over and passage.answers == self._answers:
                self._note_failure(passage)
            if not passage.is_over:
                self._under_way -= 1
                self._is_probing = self._is_probing and not passage.is_probe
                passage.is_over = True
            self._changed.notify_all()
            return was_open is not self.is_open

    def _begin_probe(self) -> None:
        if self._is_probing or self._clock() < self._next_probe:
            self.turned_away += 1
            raise CircuitOpen
        self._is_probing = True
        self._patience_ends = self._clock() + PATIENCE

    def _note_failure(self, passage: Passage) -> None:
        self._failures += 1
        if self._failures == 1:
            self._patience_ends = self._clock() + PATIENCE
        if passage.is_probe:
            self._next_probe = self._clock() + self._rest
            self._rest = min(2 * self._rest, LONGEST_REST)

    def _wait_while(self, is_in_doubt: Callable[[], bool], latest: float) -> None:
        self._changed.wait_for(lambda: not is_in_doubt(), min(self._patience_ends, latest) - self._clock())
