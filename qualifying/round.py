"""Verdicts on people, each of whom is checked once in a round."""

import math
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from close.machine import THIS_MACHINE, Machine
from qualifying.check_service import Check
from qualifying.evidence import Evidence
from qualifying.in_order import work_in_order
from qualifying.person import Person, pseudonym
from qualifying.verdict import Earlier, Verdict

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


CLOCKS_DIFFER = timedelta(minutes=10)
LONGEST_STANDING = timedelta(days=7)  # of a verdict, until the same list asks about the person again


class Round:
    """Verdicts on people, each of whom is checked once, however often they are named; none after `seconds`.

    `record` gets each new verdict, on any thread, before anybody else does. With a `redact_key`, pseudonyms replace
    the ids in all verdicts, and the digests of answers, from which an id might be guessed. Once `is_ended` is true,
    nothing new begins. Verdicts carry the `list_id`. Those of an `earlier` run on the same list stand if they settled
    everything; people come first to whom the fewest runs got.

    Only what is said in this round is its `evidence` for whether the services can be believed; `distrusted` are the
    checks that said the same of everybody in an earlier round of the same command.
    """

    def __init__(
        self,
        qualifier: Decides,
        record: Callable[[Verdict], None],
        *,
        seconds: float = math.inf,
        redact_key: str = "",
        is_ended: Callable[[], bool] = lambda: False,
        list_id: str = "",
        earlier: Mapping[str, Earlier] | None = None,
        distrusted: set[str] | None = None,
        machine: Machine = THIS_MACHINE,
    ) -> None:
        self.remark = qualifier.remark
        self.is_ended = is_ended
        self._qualifier = qualifier
        self._record = record
        self._machine = machine
        self._seconds = seconds
        self._ends_at = machine.monotonic() + seconds
        self._redact_key = redact_key
        self._list_id = list_id
        self._verdicts: dict[Person, Future[Verdict]] = {}
        self._guard = threading.Lock()
        self._run_id = machine.token(8)
        self._earlier = earlier or {}
        self.evidence = Evidence(set() if distrusted is None else distrusted)
        self.evidence.expect(len(self._earlier))

    def begin(self) -> None:
        """Let the time for all checks begin only now."""
        self._ends_at = self._machine.monotonic() + self._seconds

    @property
    def is_over(self) -> bool:
        """Whether the time for all checks is over."""
        return self._machine.monotonic() >= self._ends_at

    def name_of(self, person_id: str) -> str:
        """The id, or the pseudonym that replaces it in verdicts."""
        return pseudonym(person_id, self._redact_key) if self._redact_key else person_id

    def in_order(
        self, jobs: Sequence[Job], do: Callable[[Job], Result], *, turn: Callable[[Job], int] | None = None
    ) -> Iterator[Result]:
        """The result of each job, in the order of the jobs; as many run at a time as people are checked.

        With a `turn`, they begin in its order.
        """
        return work_in_order(
            jobs, do, workers=self._qualifier.workers, is_ended=self.is_ended, turn=turn, machine=self._machine
        )

    def decide_all(self, people: Sequence[Person]) -> Iterator[Verdict]:
        """The verdict on each of the people, in their order."""
        self.evidence.expect(len({person.person_id for person in people}))
        return self.in_order(people, self.verdict_on, turn=self.tries)

    def tries(self, person: Person) -> int:
        """How many earlier runs on this list got to a person."""
        earlier = self._earlier.get(self.name_of(person.person_id))
        return earlier.tries if earlier else 0

    def earlier_on(self, person: Person) -> Verdict | None:
        """The verdict of an earlier run on a person, if it stands."""
        earlier = self._earlier.get(self.name_of(person.person_id))
        return earlier.verdict if earlier and self._stands(earlier) else None

    def forget(self, person: Person) -> None:
        """Let the person be asked about again, whatever earlier runs left."""
        with self._guard:
            self._earlier = {
                shown: each for shown, each in self._earlier.items() if shown != self.name_of(person.person_id)
            }

    def verdict_on(self, person: Person, lead_id: str = "") -> Verdict:
        """The verdict on a person, who is checked now unless they already were. Raises what `record` raises."""
        earlier = self.earlier_on(person)
        if earlier and (earlier.lead_id, earlier.about) == (lead_id, self._about(person)):
            return earlier
        with self._guard:
            is_first = person not in self._verdicts
            verdict = self._verdicts.setdefault(person, self._machine.future())
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
        checks = {name: self._redacted(check) for name, check in verdict.checks.items()}
        return replace(verdict, person_id=self.name_of(verdict.person_id), checks=checks, is_redacted=True)

    def _redacted(self, check: Check) -> Check:
        digest = pseudonym(check.digest, self._redact_key) if check.digest else ""
        other = replace(check.other_name, held=(), told="") if check.other_name else None
        return replace(check, digest=digest, other_name=other)

    # Earlier runs ----------------------------------------------------------------------------------------------------

    def _stands(self, earlier: Earlier) -> bool:
        now = datetime.fromtimestamp(self._machine.wall(), UTC)
        age = now - datetime.fromisoformat(earlier.verdict.decided_at)
        return earlier.is_believable and earlier.verdict.is_settled and -CLOCKS_DIFFER < age < LONGEST_STANDING

    def _about(self, person: Person) -> str:
        """A digest of all that is asked about a person, "" if nobody goes on with the list."""
        if not self._list_id:
            return ""
        names = sorted(name.key for name in person.names)
        return pseudonym(repr([person.person_id, names, person.birth_date]), self._redact_key or self._list_id)

    def _decide(self, person: Person, lead_id: str) -> Verdict:
        verdict = self._qualifier.qualify(person, self._ends_at)
        verdict = replace(verdict, lead_id=lead_id)
        if self._list_id:
            verdict = replace(verdict, list_id=self._list_id, about=self._about(person), run_id=self._run_id)
        verdict = self.shown(verdict)
        self._record(verdict)
        self.evidence.note(verdict)
        return verdict
