"""Whether a person may become a prospect, with what each check said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from qualifying.check_service import Check

REGISTRY, JUDICIAL, SCORE = "registry", "judicial", "score"
CHECK_TITLES = {REGISTRY: "registry check", JUDICIAL: "judicial check", SCORE: "score"}  # of all checks, in their order

Outcome = Literal["prospect", "not_prospect", "undetermined"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a person may become a prospect: `result` is the score, 0 after a failed check, None if undetermined.

    `checks` are those of CHECK_TITLES by name. `remark` is what must be known of the verdict wherever it is shown: that
    its score was drawn at random. `lead_id` is the lead on whose behalf the person was asked about, if any;
    `is_redacted` tells that a pseudonym stands for the person's id. The rule of `rule_version` decided it, by which a
    score has to be over `threshold`; both are None in a verdict from the journal, which keeps neither.
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

    def sentence(self) -> str:
        """The verdict in words, with what each check said."""
        advice = "try again later" if self.outcome == "undetermined" else ""
        return f"{outcome_words(self.outcome)}: {'; '.join(filter(None, [self.findings(), advice, self.remark]))}"

    def findings(self) -> str:
        """What each check said; the score only where all others were passed, so that it was asked for."""
        others = {name: check for name, check in self.checks.items() if name != SCORE}
        is_scored = all(check.status == "passed" for check in others.values())
        return ", ".join(check.detail for check in (self.checks if is_scored else others).values())


def outcome_words(outcome: str) -> str:
    """An outcome as people say it."""
    return outcome.replace("not_", "not a ")
