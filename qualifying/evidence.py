"""Whether what services say can be believed: one that says the same no of everybody may be at a wrong address."""

import threading
from dataclasses import dataclass

from qualifying.check_service import Why
from qualifying.verdict import Verdict

SAID_OF_ANYBODY = ("only_404", "request_refused")  # by a service that is at a wrong address, or has changed
MOST_ALIKE = 3  # people in a round of whom a service may say the same no without showing that it knows anybody


@dataclass(frozen=True, slots=True)
class Alike:
    """What a `check` said of all `people` of whom it said anything: that it does not know them, or refuses the id."""

    check: str
    why: Why
    people: int


class Evidence:
    """What the verdicts of one round show about the services; safe to share between threads.

    `distrusted` are the checks that said the same of everybody in an earlier round of the same command; those of this
    round are added to them, and those that tell people apart are removed.
    """

    def __init__(self, distrusted: set[str]) -> None:
        self._distrusted = distrusted
        self._expected = 0
        self._people: set[str] = set()
        self._answering: set[str] = set()  # checks that told one person from another
        self._alike: dict[tuple[str, Why], set[str]] = {}
        self._guard = threading.Lock()

    def expect(self, people: int) -> None:
        """So many people belong to the round, even if it does not get to all of them."""
        with self._guard:
            self._expected = max(self._expected, people)

    def note(self, verdict: Verdict) -> None:
        """Take in what the services said of a person."""
        with self._guard:
            self._people.add(verdict.person_id)
            for name, check in verdict.checks.items():
                if check.why in SAID_OF_ANYBODY:
                    self._alike.setdefault((name, check.why), set()).add(verdict.person_id)
                elif check.attempts and (check.status != "unavailable" or check.why == "other_name"):
                    self._answering.add(name)
                    self._distrusted.discard(name)

    def is_doubtful(self, verdict: Verdict) -> bool:
        """Whether a verdict rests on what a service may say of everybody, and so far has said of everybody."""
        return any(name not in self._answering for name in _rests_on(verdict))

    def is_withheld(self, verdict: Verdict) -> bool:
        """Whether a verdict must not be written anywhere, because it rests on what a service said of everybody."""
        alike = {(each.check, each.why) for each in self.alike()}
        return any((name, verdict.checks[name].why) in alike for name in _rests_on(verdict))

    def alike(self) -> list[Alike]:
        """What services said of everybody, in a round of more than MOST_ALIKE people or after such a round."""
        with self._guard:
            size = max(self._expected, len(self._people))
            alike = [
                Alike(name, why, len(people))
                for (name, why), people in self._alike.items()
                if name not in self._answering and (size > MOST_ALIKE or name in self._distrusted)
            ]
            self._distrusted |= {each.check for each in alike}
        return alike


def _rests_on(verdict: Verdict) -> list[str]:
    """The checks that decided with what a service may say of anybody, unless another check decided as well."""
    decisive = "unavailable" if verdict.outcome == "undetermined" else "failed"
    checks = {name: check for name, check in verdict.checks.items() if check.status == decisive}
    alike = [name for name, check in checks.items() if check.why in SAID_OF_ANYBODY]
    is_alone = decisive == "unavailable" or len(alike) == len(checks)
    return alike if is_alone else []
