"""Decide who may become a prospect: two checks in parallel, then a score, then a verdict that fails closed.

A person is a prospect only if the registry knows them, the judicial service holds no record of them and their score is
over 60. A failed check decides at once; whatever could not be established leaves the person undetermined.
"""

import math
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, Self

from qualifying.check_service import Call, Check, CheckService, check_judicial, check_registry, check_score, draw_score
from qualifying.people_file import Person, pseudonym

RULE_VERSION = "1"  # changes whenever the same answers could lead to another verdict
GRACE = 0.5  # seconds that a check may be late, before it is left behind

Outcome = Literal["prospect", "not_prospect", "undetermined"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a person may become a prospect: `result` is the score, 0 after a failed check, None if undetermined.

    `checks` are those named registry, judicial and score. `remark` is what must be known of the verdict wherever it is
    shown: that its score was drawn at random. `lead_id` is the lead on whose behalf the person was asked about, if any;
    `is_redacted` tells that a pseudonym stands for the person's id.
    """

    person_id: str
    outcome: Outcome
    result: int | None
    checks: Mapping[str, Check]
    decided_at: str
    attempt_id: str
    remark: str = ""
    lead_id: str = ""
    is_redacted: bool = False

    def sentence(self) -> str:
        """The verdict in words, with what each check said."""
        advice = "try again later" if self.outcome == "undetermined" else ""
        return f"{outcome_words(self.outcome)}: {'; '.join(filter(None, [self.findings(), advice, self.remark]))}"

    def findings(self) -> str:
        """What each check said; the score only where both checks were passed, so that it was asked for."""
        is_scored = self.checks["registry"].status == self.checks["judicial"].status == "passed"
        return ", ".join(check.detail for name, check in self.checks.items() if name != "score" or is_scored)


def outcome_words(outcome: str) -> str:
    """An outcome as people say it."""
    return outcome.replace("not_", "not a ")


def decide(person_id: str, registry: Check, judicial: Check, score: Check, remark: str = "") -> Verdict:
    """The verdict on what is known: a failed check decides, and only three passed ones make a prospect."""
    statuses = [registry.status, judicial.status, score.status]
    outcome: Outcome
    result: int | None
    if "failed" in (registry.status, judicial.status):
        outcome, result = "not_prospect", 0
    elif statuses == ["passed", "passed", "failed"]:
        outcome, result = "not_prospect", score.score
    elif statuses == ["passed"] * 3:
        outcome, result = "prospect", score.score
    else:
        outcome, result = "undetermined", None
    checks = {"registry": registry, "judicial": judicial, "score": score}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Verdict(person_id, outcome, result, checks, now, f"q-{secrets.token_hex(8)}", remark)


class Qualifier:
    """The services that together decide on people; without one for the score, that is drawn. Use it with `with`.

    Each service has threads for `workers` people at a time, so that none holds up another. A thread that it keeps for
    longer than its deadline is left behind; what that brings then counts no more.
    """

    def __init__(
        self, registry: CheckService, judicial: CheckService, score: CheckService | None, *, workers: int
    ) -> None:
        self.workers = workers
        self.services = [service for service in (registry, judicial, score) if service]
        self._registry, self._judicial, self._score = registry, judicial, score
        self._threads = {service: ThreadPoolExecutor(workers, "check") for service in self.services}

    @property
    def remark(self) -> str:
        """What must be known of every verdict, "" if nothing."""
        return "" if self._score else "scores are drawn at random"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)

    def qualify(self, person: Person, ends_at: float = math.inf) -> Verdict:
        """The verdict on one person; both checks run at the same time. It is there by `ends_at`, or soon after."""
        registry_check = self._begin(self._registry, ends_at, check_registry, person)
        judicial_check = self._begin(self._judicial, ends_at, check_judicial, person)
        registry, judicial = registry_check(), judicial_check()
        if not registry.status == judicial.status == "passed":
            score = Check("unavailable", "not asked for, since a check was not passed")
        elif self._score:
            score = self._begin(self._score, ends_at, check_score, person, registry, judicial)()
        else:
            score = draw_score()
        return decide(person.person_id, registry, judicial, score, self.remark)

    def _begin(
        self, service: CheckService, ends_at: float, check: Callable[..., Check], *about: object
    ) -> Callable[[], Check]:
        """Begin a check; the function given back waits for what it comes to, no longer than the service may take."""
        now = time.monotonic()
        latest = min(now + service.deadline, ends_at) + GRACE
        call = Call(ends_at)
        begun = self._threads[service].submit(check, service, *about, call)

        def wait() -> Check:
            try:
                return begun.result(max(0.0, latest - time.monotonic()))
            except TimeoutError:
                if begun.cancel():
                    return service.unavailable("not asked: it still holds those asked before")
                return service.leave_behind(call, time.monotonic() - now)

        return wait


class Round:
    """Verdicts on people, each of whom is asked about once, however often they are named; none after `seconds`.

    `record` gets each new verdict, on any thread, before anybody else does. With a `redact_key`, pseudonyms stand in
    all verdicts for the ids, and for the digests of answers, from which an id might be guessed.
    """

    def __init__(
        self,
        qualifier: Qualifier,
        record: Callable[[Verdict], None],
        *,
        seconds: float = math.inf,
        redact_key: str = "",
    ) -> None:
        self.workers = qualifier.workers
        self.remark = qualifier.remark
        self._qualifier = qualifier
        self._record = record
        self._ends_at = time.monotonic() + seconds
        self._redact_key = redact_key
        self._verdicts: dict[Person, Future[Verdict]] = {}
        self._guard = threading.Lock()

    def name_of(self, person_id: str) -> str:
        """The id, or the pseudonym that stands for it in verdicts."""
        return pseudonym(person_id, self._redact_key) if self._redact_key else person_id

    def verdict_on(self, person: Person, lead_id: str = "") -> Verdict:
        """The verdict on a person, who is asked about now if they were not yet. Raises what `record` raises."""
        with self._guard:
            is_first = person not in self._verdicts
            verdict = self._verdicts.setdefault(person, Future())
        if is_first:
            try:
                verdict.set_result(self._decide(person, lead_id))
            except BaseException as error:  # for whoever waits for the same verdict
                verdict.set_exception(error)
        decided = verdict.result()
        if lead_id in ("", decided.lead_id):
            return decided
        also_here = replace(decided, lead_id=lead_id)
        self._record(also_here)  # so that it is found by each lead that it is on
        return also_here

    def shown(self, verdict: Verdict) -> Verdict:
        """A verdict as it may be shown: with a pseudonym, if ids are not to be read."""
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
