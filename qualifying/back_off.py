"""When leads that stay undetermined are tried again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qualifying.waiting import WaitingLead

FIRST_REST, LONGEST_REST = 60.0, 3600.0  # seconds from one try to the next


@dataclass(slots=True)
class _Rest:
    known: int
    seconds: float
    ends_at: float


class BackOff:
    """When leads that stay undetermined are tried again: after 1 minute, 2, 4, and so on up to 60, each on its own.

    A lead is tried at once if search shows a new id or new names for it.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rests: dict[str, _Rest] = {}
        self._tried: dict[str, WaitingLead] = {}

    def due(self, leads: Sequence[WaitingLead]) -> list[WaitingLead]:
        """The leads that are tried now, new ones first; the others are resting.

        Leads that do not wait any more are forgotten.
        """
        shown = {lead.lead_id for lead in leads}
        self._rests = {lead_id: rest for lead_id, rest in self._rests.items() if lead_id in shown}
        due = sorted(
            (lead for lead in leads if not self._is_resting(lead)), key=lambda lead: lead.lead_id in self._rests
        )
        self._tried = {lead.lead_id: lead for lead in due}
        return due

    def note_undetermined(self, lead_id: str) -> None:
        """Let a lead rest, twice as long as the last time."""
        lead, before = self._tried[lead_id], self._rests.get(lead_id)
        seconds = FIRST_REST
        if before and before.known == lead.known:
            seconds = min(2 * before.seconds, LONGEST_REST)
        self._rests[lead_id] = _Rest(lead.known, seconds, self._clock() + seconds)

    def _is_resting(self, lead: WaitingLead) -> bool:
        rest = self._rests.get(lead.lead_id)
        if rest is None or lead.is_unfinished or rest.known != lead.known:
            return False
        return self._clock() < rest.ends_at
