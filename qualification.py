"""The rules: what each service's answer says about a person, and what all answers together decide.

Anything but a plain answer decides nothing.
"""

import hashlib
import hmac
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from close.machine import THIS_MACHINE, Machine
from qualifying.check_service import Call, Check, CheckService, OtherName, Unavailable
from qualifying.person import BIRTH_DATE, NAME, Person, is_day
from qualifying.person_name import PersonName
from qualifying.verdict import JUDICIAL, REGISTRY, SCORE, Outcome, Verdict

PASSING_SCORE = 60  # a prospect's score is higher than this, unless somebody asks for another one
RULE_VERSION = "3"  # changes whenever the same answers could lead to another verdict
GRACE = 0.5  # seconds that a check may be late before we stop waiting for it


@dataclass(frozen=True, slots=True)
class Rule:
    """What may differ from company to company: the score that a prospect has to exceed, and keys that say nothing.

    An answer that would pass may have only the keys that are understood, and those that are allowed here.
    """

    threshold: int = PASSING_SCORE
    allowed_keys: frozenset[str] = frozenset()


USUAL_RULE = Rule()

# The rule of each check ----------------------------------------------------------------------------------------------

COMPARED_WORDS = {NAME: "name", BIRTH_DATE: "date of birth"}


UNDERSTOOD = {  # the keys of answers, by check
    REGISTRY: frozenset({"id", "exists", NAME, BIRTH_DATE}),
    JUDICIAL: frozenset({"id", "records"}),
    SCORE: frozenset({"id", "score"}),
}
REFUSED_REQUEST, REFUSED_TOKEN = (400, 422), (401, 403)  # statuses of answers
MOST_NAMED, LONGEST_KEY = 3, 40  # keys in one message, and characters of each


def check_registry(service: CheckService, person: Person, call: Call | None = None, rule: Rule = USUAL_RULE) -> Check:
    """Whether the registry knows the person, under the name and the date of birth that we hold."""

    def judge(status: int, answer: Any) -> Check:
        if status == 404:
            return _not_in_registry(person, answer)
        if not _said_of(person, status, answer, "exists", bool):
            return Check("failed", "not in the registry")
        name, birth_date = (_text_or_nothing(answer, field) for field in (NAME, BIRTH_DATE))
        if birth_date and not is_day(birth_date):
            raise Unavailable(f"the answer can't be read: {BIRTH_DATE} is not a date like 1990-12-31")
        if name and not PersonName.of(name).spellings:
            raise Unavailable(f"the answer can't be read: {NAME} has no letters")
        compared = person.compared(name, birth_date)
        check = replace(_compared_check(compared), compared=tuple(compared))
        if check.why == "other_name":
            held, told = tuple(sorted(held.spelled for held in person.names)), PersonName.of(name)
            return replace(check, other_name=OtherName(held, told.spelled, told.key))
        if check.status == "passed":
            _refuse_more(answer, REGISTRY, rule)
        return check

    return service.ask(judge, "GET", "/people/{id}", person, call)


def _compared_check(compared: Mapping[str, bool]) -> Check:
    """The check on somebody who is in the registry, by whether what could be compared agrees.

    People write a name in many ways, and an id may be mistyped: so with a name that differs nobody is declined. But
    nobody is cleared either.
    """
    differing = [COMPARED_WORDS[what] for what, agrees in compared.items() if not agrees]
    if not differing:
        return Check("passed", "in the registry")
    words = f"in the registry with a different {' and '.join(differing)}"
    if compared.get(NAME, True):
        return Check("failed", words)
    return Check("unavailable", words, why="other_name")


def _not_in_registry(person: Person, answer: Any) -> Check:
    """The check after a 404. Raises Unavailable for one that may come from something else than the registry."""
    if not isinstance(answer, dict):
        raise Unavailable("status 404 without a JSON object, which does not say that the person is unknown")
    contradicting = [key for key in (NAME, BIRTH_DATE, "found", "records") if answer.get(key)]
    contradicting += [] if answer.get("exists") is None or answer["exists"] is False else ["exists"]
    contradicting += [] if answer.get("id") in (None, person.person_id) else ["id"]
    if contradicting:
        raise Unavailable(f"status 404 with an answer that contradicts it: {contradicting[0]}")
    return Check("failed", "not in the registry", why="only_404")


def _refuse_more(answer: Mapping[str, Any], check: str, rule: Rule) -> None:
    """Raise Unavailable for an answer that would pass but says something else that may speak against it."""
    more = sorted(answer.keys() - UNDERSTOOD[check] - rule.allowed_keys)
    if more:
        named = ", ".join(key[:LONGEST_KEY] for key in more[:MOST_NAMED])
        raise Unavailable(f"the answer says more than is understood: {named}")


def check_judicial(service: CheckService, person: Person, call: Call | None = None, rule: Rule = USUAL_RULE) -> Check:
    """Whether the judicial service has records of the person. A 404 does not clear anybody: it proves nothing."""

    def judge(status: int, answer: Any) -> Check:
        records = len(_said_of(person, status, answer, "records", list))
        if not records:
            _refuse_more(answer, JUDICIAL, rule)
            return Check("passed", "no judicial records")
        return Check("failed", f"{records} judicial record{'s' * (records > 1)}")

    return service.ask(judge, "GET", "/people/{id}/records", person, call)


# Asked first, all at the same time; only a person who passes all of them is scored.
FIRST_CHECKS: Mapping[str, Callable[[CheckService, Person, Call, Rule], Check]] = {
    REGISTRY: check_registry,
    JUDICIAL: check_judicial,
}


def check_score(
    service: CheckService,
    person: Person,
    first: Mapping[str, Check],
    call: Call | None = None,
    rule: Rule = USUAL_RULE,
    attempt_id: str = "",
) -> Check:
    """Whether the internal qualification system scores the person high enough, given the first checks' results.

    Each repeat of the request has the same idempotency key, made from the attempt and the person.
    """

    def judge(status: int, answer: Any) -> Check:
        check = _judge_score(_said_of(person, status, answer, "score", int), rule)
        if check.status == "passed":
            _refuse_more(answer, SCORE, rule)
        return check

    key = hashlib.sha256(f"{attempt_id} {person.person_id}".encode(errors="surrogatepass")).hexdigest()
    headers = {"Idempotency-Key": f"{attempt_id or 'q'}-{key[:16]}"}
    body = {"id": person.person_id, **{name: check.status for name, check in first.items()}}
    return service.ask(judge, "POST", "/scores", person, call, body, headers)


def draw_score(rule: Rule = USUAL_RULE, machine: Machine = THIS_MACHINE) -> Check:
    """A random score from 0 to 100, for rehearsals; callers that show it must say so."""
    return replace(_judge_score(round(machine.uniform(-0.5, 100.5)), rule), attempts=1)


def _judge_score(score: int, rule: Rule) -> Check:
    if not 0 <= score <= 100:
        raise Unavailable("the score is not between 0 and 100")
    if score > rule.threshold:
        return Check("passed", f"score {score} of 100 (over {rule.threshold})", score=score)
    return Check("failed", f"score {score} of 100 (not over {rule.threshold})", score=score)


def _said_of(person: Person, status: int, answer: Any, field: str, kind: type) -> Any:
    """A field of an answer about this person. Raises Unavailable if the answer is anything else."""
    if status in REFUSED_TOKEN:
        raise Unavailable(f"status {status}", "token_refused")
    if status in REFUSED_REQUEST:
        raise Unavailable(f"status {status}: it refuses this id", "request_refused")
    if status != 200:
        raise Unavailable(f"status {status}")
    if not isinstance(answer, dict):
        raise Unavailable("the answer can't be read: it is not one plain JSON object")
    if answer.get("error"):
        raise Unavailable("the answer tells of an error: it has the field error")
    for name, wanted in ((field, kind), ("id", str)):
        if type(answer.get(name)) is not wanted:
            raise Unavailable(f"the answer can't be read: {_wrong_in(answer, name, wanted)}")
    if answer["id"] != person.person_id:
        raise Unavailable("the answer is about another person: its id is not the one asked about")
    return answer[field]


KINDS_IN_JSON: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def _wrong_in(answer: Mapping[str, Any], name: str, wanted: type) -> str:
    """What is wrong with a field of an answer, without what is in it."""
    if name not in answer:
        return f"{name} is missing"
    return f"{name} is {KINDS_IN_JSON[type(answer[name])]}, not {KINDS_IN_JSON[wanted]}"


def _text_or_nothing(answer: Mapping[str, Any], field: str) -> str:
    """An optional field of an answer, "" if it is missing. Raises Unavailable if it is not text."""
    value = answer.get(field)
    if value is not None and not isinstance(value, str):
        raise Unavailable(f"the answer can't be read: {_wrong_in(answer, field, str)}")
    return (value or "").strip()


# The rule of all checks together -------------------------------------------------------------------------------------


def new_attempt_id(machine: Machine = THIS_MACHINE) -> str:
    """An id for one attempt to decide on a person."""
    return f"q-{machine.token(8)}"


def decide(
    person_id: str,
    checks: Mapping[str, Check],
    remark: str = "",
    rule: Rule = USUAL_RULE,
    attempt_id: str = "",
    machine: Machine = THIS_MACHINE,
) -> Verdict:
    """The verdict on what is known: a failed first check decides, and only passing all checks makes a prospect."""
    outcome, result = _decided(checks)
    return Verdict(
        person_id=person_id,
        outcome=outcome,
        result=result,
        checks=checks,
        decided_at=datetime.fromtimestamp(machine.wall(), UTC).isoformat(timespec="seconds"),
        attempt_id=attempt_id or new_attempt_id(machine),
        remark=remark,
        threshold=rule.threshold,
        rule_version=RULE_VERSION,
        allowed_keys=tuple(sorted(rule.allowed_keys)),
    )


def is_consistent(verdict: Verdict) -> bool:
    """Whether a verdict is what its checks decide."""
    score = verdict.checks[SCORE]
    is_over = verdict.result is not None and verdict.threshold is not None and verdict.result > verdict.threshold
    is_scored_so = score.status == "unavailable" or is_over is (score.status == "passed")
    return is_scored_so and _decided(verdict.checks) == (verdict.outcome, verdict.result)


def _decided(checks: Mapping[str, Check]) -> tuple[Outcome, int | None]:
    if checks[REGISTRY].why == "other_name":  # the id may be somebody else's, and so may all that is known about it
        return "undetermined", None
    first = {check.status for name, check in checks.items() if name != SCORE}
    score = checks[SCORE]
    if "failed" in first:
        return "not_prospect", 0
    if first != {"passed"} or score.status == "unavailable":
        return "undetermined", None
    return ("prospect" if score.status == "passed" else "not_prospect"), score.score


# All checks of a person ----------------------------------------------------------------------------------------------


class Qualifier:
    """The services, by the names of their checks, that together decide on people. Use it with `with`.

    Without a service for the score, the score is drawn at random. Each service has its own threads for `workers`
    people at a time, so that no service holds up another. A thread that takes longer than the service's deadline is
    left behind, and its late result no longer counts.
    """

    def __init__(
        self,
        services: Mapping[str, CheckService],
        *,
        workers: int,
        rule: Rule = USUAL_RULE,
        machine: Machine = THIS_MACHINE,
    ) -> None:
        self.workers = workers
        self._rule = rule
        self._services = services
        self._machine = machine
        self._threads = {name: machine.pool(workers) for name in services}

    @property
    def services(self) -> Mapping[str, CheckService]:
        """The services by the names of their checks, in the order of these."""
        return self._services

    def list_id(self, people: Sequence[Person], key: str = "", *, is_rehearsal: bool = False) -> str:
        """An id for a list of people and all that decides on them: the same only if both are.

        With a `key`, the people can't be guessed from it. In a rehearsal, the services' addresses may change.
        """
        listed = [(each.person_id, sorted(name.key for name in each.names), each.birth_date) for each in people]
        urls = ["sandbox"] if is_rehearsal else [service.base_url for service in self._services.values()]
        rule = [RULE_VERSION, self._rule.threshold, sorted(self._rule.allowed_keys), self.remark]
        return hmac.new(key.encode(), repr([listed, urls, rule]).encode(errors="surrogatepass"), "sha256").hexdigest()

    @property
    def remark(self) -> str:
        """A remark that belongs to every verdict, "" for none."""
        return "" if SCORE in self._services else "scores are drawn at random"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)

    def qualify(self, person: Person, ends_at: float = math.inf) -> Verdict:
        """The verdict on one person, given by `ends_at` or soon after; the first checks run at the same time."""
        begun = {
            name: self._begin(name, ends_at, check, [person], [self._rule]) for name, check in FIRST_CHECKS.items()
        }
        first = {name: wait() for name, wait in begun.items()}
        attempt_id = new_attempt_id(self._machine)
        checks = {**first, SCORE: self._score(person, first, ends_at, attempt_id)}
        return decide(person.person_id, checks, self.remark, self._rule, attempt_id, self._machine)

    def _score(self, person: Person, first: Mapping[str, Check], ends_at: float, attempt_id: str) -> Check:
        if any(check.status != "passed" for check in first.values()):
            return Check("unavailable", "not requested because a check was not passed")
        if SCORE not in self._services:
            return draw_score(self._rule, self._machine)
        return self._begin(SCORE, ends_at, check_score, [person, first], [self._rule, attempt_id])()

    def _begin(
        self, name: str, ends_at: float, check: Callable[..., Check], about: Sequence[object], by: Sequence[object]
    ) -> Callable[[], Check]:
        """Start a check; the returned function waits for its result, but no longer than the service may take."""
        clock = self._machine.monotonic
        now, service = clock(), self._services[name]
        latest = min(now + service.deadline, ends_at) + GRACE
        call = Call(ends_at)
        begun = self._threads[name].submit(check, service, *about, call, *by)

        def wait() -> Check:
            try:
                return begun.result(max(0.0, latest - clock()))
            except TimeoutError:
                if begun.cancel() and ends_at <= clock():
                    return service.out_of_time()
                if begun.cancelled():
                    return service.unavailable("not asked: it is still busy with earlier requests")
                return service.leave_behind(call, clock() - now)

        return wait
