"""Verdicts on people, each of whom is checked once in a round."""

import math
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Protocol, TypeVar

from qualifying.in_order import work_in_order
from qualifying.person import Person, pseudonym
from qualifying.verdict import Verdict

Job = TypeVar("Job", bound=Hashable)
Result = TypeVar("Result")


class Decides(Protocol):
    """Something that decides on people."""

    @property
    def workers(self) -> int:
        """How many people it checks at a time."""
        ...

    @property
    def remark(self) -> str:
        """A remark that belongs to every verdict, "" for none."""
        ...

    def qualify(self, person: Person, ends_at: float) -> Verdict:
        """The verdict on one person, given by `ends_at` on the monotonic clock or soon after."""
        ...


class Round:
    """Verdicts on people, each of whom is checked once, however often they are named; none after `seconds`.

    `record` gets each new verdict, on any thread, before anybody else does. With a `redact_key`, pseudonyms replace
    the ids in all verdicts, and the digests of answers, from which an id might be guessed. Once `is_ended` is true,
    nothing new begins.
    """

    def __init__(
        self,
        qualifier: Decides,
        record: Callable[[Verdict], None],
        *,
        seconds: float = math.inf,
        redact_key: str = "",
        is_ended: Callable[[], bool] = lambda: False,
    ) -> None:
        self.remark = qualifier.remark
        self._qualifier = qualifier
        self._record = record
        self._ends_at = time.monotonic() + seconds
        self._redact_key = redact_key
        self._is_ended = is_ended
        self._verdicts: dict[Person, Future[Verdict]] = {}
        self._guard = threading.Lock()

    def name_of(self, person_id: str) -> str:
        """The id, or the pseudonym that replaces it in verdicts."""
        return pseudonym(person_id, self._redact_key) if self._redact_key else person_id

    def in_order(self, jobs: Sequence[Job], do: Callable[[Job], Result]) -> Iterator[Result]:
        """The result of each job, in the order of the jobs; as many run at a time as people are checked."""
        return work_in_order(jobs, do, workers=self._qualifier.workers, is_ended=self._is_ended)

    def verdict_on(self, person: Person, lead_id: str = "") -> Verdict:
        """The verdict on a person, who is checked now unless they already were. Raises what `record` raises."""
        with self._guard:
            is_first = person not in self._verdicts
            verdict = self._verdicts.setdefault(person, Future())
        if is_first:
            try:
                verdict.set_result(self._decide(person, lead_id))
            except BaseException as error:  # for other threads that wait for the same verdict
                verdict.set_exception(error)
        decided = verdict.result()
        if lead_id in ("", decided.lead_id):
            return decided
        also_here = replace(decided, lead_id=lead_id)
        self._record(also_here)  # so that it can be found by each lead it concerns
        return also_here

    def shown(self, verdict: Verdict) -> Verdict:
        """A verdict as it may be shown: with a pseudonym if ids must not be read."""
        if verdict.is_redacted or not self._redact_key:
            return verdict
        checks = {
            name: replace(check, digest=pseudonym(check.digest, self._redact_key) if check.digest else "")
            for name, check in verdict.checks.items()
        }
        return replace(verdict, person_id=self.name_of(verdict.person_id), checks=checks, is_redacted=True)

    def _decide(self, person: Person, lead_id: str) -> Verdict:
        verdict = self._qualifier.qualify(person, self._ends_at)
        verdict = self.shown(replace(verdict, lead_id=lead_id))
        self._record(verdict)
        return verdict
