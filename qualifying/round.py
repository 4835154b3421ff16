"""Verdicts on people, each of whom is checked once in a round, and what a whole round says about the services."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from qualifying.check_service import Why
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


SAID_OF_ANYBODY = ("only_404", "request_refused")  # by a service that is at a wrong address, or has changed
MOST_ALIKE = 3  # people of whom a service may say the same no without showing that it knows anybody


@dataclass(frozen=True, slots=True)
class Alike:
    """Something that a `check` said of all `people` who were asked about: that it knows nobody, or refuses the id."""

    check: str
    why: Why
    people: int


class Round:
    """Verdicts on people, each of whom is checked once, however often they are named; none after `seconds`.

    `record` gets each new verdict, on any thread, before anybody else does. With a `redact_key`, pseudonyms replace
    the ids in all verdicts, and the digests of answers, from which an id might be guessed. Once `is_ended` is true,
    nothing new begins. Verdicts carry the `list_id`. Those of an earlier run on the same list, by the ids that they
    show, stand unless they left a person undecided; people whom that run did not get to come first.
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
        earlier: Mapping[str, Verdict] | None = None,
    ) -> None:
        self.remark = qualifier.remark
        self.is_ended = is_ended
        self._qualifier = qualifier
        self._record = record
        self._ends_at = time.monotonic() + seconds
        self._redact_key = redact_key
        self._list_id = list_id
        self._earlier: Mapping[str, Verdict] = {}
        self._verdicts: dict[Person, Future[Verdict]] = {}
        self._guard = threading.Lock()
        self._answering: set[str] = set()  # checks that told one person from another
        self._alike: Counter[tuple[str, Why]] = Counter()
        self._take_over(earlier or {})

    @property
    def is_over(self) -> bool:
        """Whether the time for all checks is over."""
        return time.monotonic() >= self._ends_at

    def name_of(self, person_id: str) -> str:
        """The id, or the pseudonym that replaces it in verdicts."""
        return pseudonym(person_id, self._redact_key) if self._redact_key else person_id

    def in_order(
        self, jobs: Sequence[Job], do: Callable[[Job], Result], *, turn: Callable[[Job], str] | None = None
    ) -> Iterator[Result]:
        """The result of each job, in the order of the jobs; as many run at a time as people are checked.

        With a `turn`, they begin in its order.
        """
        return work_in_order(jobs, do, workers=self._qualifier.workers, is_ended=self.is_ended, turn=turn)

    def decide_all(self, people: Sequence[Person]) -> Iterator[Verdict]:
        """The verdict on each of the people, in their order."""
        return self.in_order(people, self.verdict_on, turn=self.last_asked)

    def last_asked(self, person: Person) -> str:
        """When an earlier run on this list asked about a person for as long as it takes; "" if none did."""
        earlier = self._earlier.get(self.name_of(person.person_id))
        return earlier.decided_at if earlier and not earlier.has("not_in_time") else ""

    def earlier_on(self, person: Person) -> Verdict | None:
        """The verdict of an earlier run on a person, if it stands."""
        earlier = self._earlier.get(self.name_of(person.person_id))
        return earlier if earlier and earlier.is_settled else None

    def verdict_on(self, person: Person, lead_id: str = "") -> Verdict:
        """The verdict on a person, who is checked now unless they already were. Raises what `record` raises."""
        earlier = self.earlier_on(person)
        if earlier and earlier.lead_id == lead_id:
            return earlier
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
            name: replace(
                check, digest=pseudonym(check.digest, self._redact_key) if check.digest else "", other_name=None
            )
            for name, check in verdict.checks.items()
        }
        return replace(verdict, person_id=self.name_of(verdict.person_id), checks=checks, is_redacted=True)

    # What a round says about the services ----------------------------------------------------------------------------

    def is_doubtful(self, verdict: Verdict) -> bool:
        """Whether a verdict rests on what a service may say of everybody, and so far has said of everybody."""
        return any(name not in self._answering for name in _rests_on(verdict))

    def alike(self) -> list[Alike]:
        """What services said of everybody, if they were asked about more than MOST_ALIKE people."""
        with self._guard:
            counts = {pair: people for pair, people in self._alike.items() if pair[0] not in self._answering}
        return [Alike(check, why, people) for (check, why), people in counts.items() if people > MOST_ALIKE]

    def is_withheld(self, verdict: Verdict) -> bool:
        """Whether a verdict must not be written anywhere, because it rests on what a service said of everybody."""
        alike = {(each.check, each.why) for each in self.alike()}
        return any((name, verdict.checks[name].why) in alike for name in _rests_on(verdict))

    def _note_answers(self, verdict: Verdict) -> None:
        with self._guard:
            for name, check in verdict.checks.items():
                if check.why in SAID_OF_ANYBODY:
                    self._alike[name, check.why] += 1
                elif check.attempts and (check.status != "unavailable" or check.why == "other_name"):
                    self._answering.add(name)

    # Deciding --------------------------------------------------------------------------------------------------------

    def _take_over(self, earlier: Mapping[str, Verdict]) -> None:
        """Let earlier verdicts stand, except those of services that said the same of everybody."""
        for verdict in filter(lambda each: each.is_settled, earlier.values()):
            self._note_answers(verdict)
        self._earlier = {shown: verdict for shown, verdict in earlier.items() if not self.is_withheld(verdict)}
        self._alike.clear()
        for verdict in filter(lambda each: each.is_settled, self._earlier.values()):
            self._note_answers(verdict)

    def _decide(self, person: Person, lead_id: str) -> Verdict:
        verdict = self._qualifier.qualify(person, self._ends_at)
        verdict = self.shown(replace(verdict, lead_id=lead_id, list_id=self._list_id))
        self._record(verdict)
        self._note_answers(verdict)
        return verdict


def _rests_on(verdict: Verdict) -> list[str]:
    """The checks that decided with what a service may say of anybody, unless another check decided as well."""
    decisive = "unavailable" if verdict.outcome == "undetermined" else "failed"
    checks = {name: check for name, check in verdict.checks.items() if check.status == decisive}
    alike = [name for name, check in checks.items() if check.why in SAID_OF_ANYBODY]
    is_alone = decisive == "unavailable" or len(alike) == len(checks)
    return alike if is_alone else []
