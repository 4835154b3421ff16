"""Whether a person may become a prospect, and what each check said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from qualifying.check_service import Check, Why

REGISTRY, JUDICIAL, SCORE = "registry", "judicial", "score"
CHECK_TITLES = {REGISTRY: "registry check", JUDICIAL: "judicial check", SCORE: "score"}  # of all checks, in order
SERVICE_TITLES = {**CHECK_TITLES, SCORE: "score service"}  # of the services, where a sentence is about one

Outcome = Literal["prospect", "not_prospect", "undetermined"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a person may become a prospect: `result` is the score, 0 after a failed check, None if undetermined.

    `checks` has the checks of CHECK_TITLES by name. `remark` must be shown with the verdict: it says that the score was
    drawn at random. `lead_id` is the lead for which the person was checked, if any; `is_redacted` means that a
    pseudonym replaces the person's id. The rule of `rule_version` decided, which needs a score over `threshold`, and
    took no notice of the `allowed_keys` in answers; a verdict from the journal has not all of these. `list_id` stands
    for the list of people that this person is on, and how they were checked, and `about` for what was asked about
    this one; "" if nobody goes on with the list. `is_earlier` means that an earlier run decided.
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
    threshold: int | None = None
    rule_version: str | None = None
    allowed_keys: tuple[str, ...] = ()
    list_id: str = ""
    about: str = ""
    run_id: str = ""
    is_earlier: bool = False

    def sentence(self) -> str:
        """The verdict in words, with what each check said."""
        told = [
            "not asked before the time for all checks was over" if self.is_unasked else self.findings(),
            self._advice() if self.outcome == "undetermined" else "",
            self.remark,
            f"decided by an earlier run, at {self.decided_at}" if self.is_earlier else "",
        ]
        return f"{outcome_words(self.outcome)}: {'; '.join(filter(None, told))}"

    def _advice(self) -> str:
        if self.has("other_name"):
            return "if it is the same person, write the name as the registry has it"
        if self.has("request_refused"):
            return "check the id"
        return "check the token" if self.has("token_refused") else "try again later"

    def findings(self) -> str:
        """What each check said; the score only if all others were passed, since otherwise it was not requested."""
        others = {name: check for name, check in self.checks.items() if name != SCORE}
        is_scored = all(check.status == "passed" for check in others.values())
        told = (self.checks if is_scored else others).values()
        return ", ".join(f"{check.detail} ({other})" if (other := _names_of(check)) else check.detail for check in told)

    @property
    def is_settled(self) -> bool:
        """Whether asking again is of no use before the id is corrected."""
        return self.outcome != "undetermined" or self.has("request_refused")

    @property
    def was_asked(self) -> bool:
        """Whether each service that is asked first was asked, and given as long as it may take."""
        first = [check for name, check in self.checks.items() if name != SCORE]
        return all(check.attempts for check in first) and not self.has("not_in_time")

    @property
    def was_tried(self) -> bool:
        """Whether it was this person's turn, even if the time for all checks ran out meanwhile."""
        return self.was_asked or (self.has("not_in_time") and any(check.attempts for check in self.checks.values()))

    @property
    def is_unasked(self) -> bool:
        """Whether no service was asked, because the time for all checks was over."""
        return self.has("not_in_time") and not any(check.attempts for check in self.checks.values())

    def has(self, why: Why) -> bool:
        """Whether one of the checks ended as it did for this reason."""
        return any(check.why == why for check in self.checks.values())


def _names_of(check: Check) -> str:
    return str(check.other_name) if check.other_name and check.other_name.told else ""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What earlier runs on a list left about a person: the last verdict, and how many of the runs got to them.

    The verdict `is_believable` unless, in its own run, a service said the same of everybody.
    """

    verdict: Verdict
    tries: int
    is_believable: bool = True


def outcome_words(outcome: str) -> str:
    """An outcome as people say it."""
    return outcome.replace("not_", "not a ")
