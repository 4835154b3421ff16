"""Whether a person may become a prospect, and what each check said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from qualifying.check_service import Check

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
    took no notice of the `allowed_keys` in answers; a verdict from the journal has not all of these.
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

    def sentence(self) -> str:
        """The verdict in words, with what each check said."""
        advice = "try again later" if self.outcome == "undetermined" else ""
        return f"{outcome_words(self.outcome)}: {'; '.join(filter(None, [self.findings(), advice, self.remark]))}"

    def findings(self) -> str:
        """What each check said; the score only if all others were passed, since otherwise it was not requested."""
        others = {name: check for name, check in self.checks.items() if name != SCORE}
        is_scored = all(check.status == "passed" for check in others.values())
        return ", ".join(check.detail for check in (self.checks if is_scored else others).values())


def outcome_words(outcome: str) -> str:
    """An outcome as people say it."""
    return outcome.replace("not_", "not a ")
