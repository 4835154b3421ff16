"""Which leads wait to be qualified, and which of them are asked about later because they stay undetermined."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from close.conditions import is_one_of, regular_field
from close.contents import Json
from close.fields import STATUS
from close.journal import Journal
from close_client import CloseClient
from qualifying.statuses import Workflow

FIRST_REST, LONGEST_REST = 60.0, 3600.0  # seconds from one try to the next


@dataclass(frozen=True, slots=True)
class WaitingLead:
    """A lead that waits, as search shows it, or one with something `unfinished` to write.

    `typed` is what is in its id field; `known` stands for all that is asked about, so that a change shows.
    """

    lead_id: str
    typed: str = ""
    known: int = 0
    is_unfinished: bool = False


def waiting_leads(close: CloseClient, journal: Journal, workflow: Workflow) -> list[WaitingLead]:
    """The leads with something left to write, and those that search shows in the waiting status.

    The order of the latter is random: if a service fails only for some people, these must not come first in every
    round, or it would be given up before all others are checked.
    """
    unfinished = dict.fromkeys(write_back.lead_id for write_back in journal.unfinished_write_backs())
    shown: list[WaitingLead] = []
    if not workflow.is_planned(workflow.waiting):
        is_waiting = is_one_of(regular_field(STATUS.key), [workflow.waiting])
        fields = ["id", "contacts", *filter(None, [workflow.id_field.key])]
        shown = [_as_shown(lead, workflow) for lead in close.walk_leads(is_waiting, fields)]
        random.shuffle(shown)
    known = {lead.lead_id: lead for lead in shown}
    begun = [replace(known.get(lead_id, WaitingLead(lead_id)), is_unfinished=True) for lead_id in unfinished]
    return [*begun, *(lead for lead in shown if lead.lead_id not in unfinished)]


def _as_shown(lead: Json, workflow: Workflow) -> WaitingLead:
    typed = workflow.typed_id(lead)
    names = sorted(str(contact.get("name")) for contact in lead.get("contacts") or [])
    return WaitingLead(lead["id"], typed, known=hash((typed, *names)))


@dataclass(slots=True)
class _Rest:
    known: int
    seconds: float
    ends_at: float


class BackOff:
    """When leads that stay undetermined are tried again: after 1 minute, 2, 4, and so on up to 60, each on its own.

    A lead of which search shows another id or other names is tried at once.
    """

    def __init__(self) -> None:
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
        self._rests[lead_id] = _Rest(lead.known, seconds, time.monotonic() + seconds)

    def _is_resting(self, lead: WaitingLead) -> bool:
        rest = self._rests.get(lead.lead_id)
        if rest is None or lead.is_unfinished or rest.known != lead.known:
            return False
        return time.monotonic() < rest.ends_at
