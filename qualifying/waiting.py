"""Which leads wait to be qualified."""

from dataclasses import dataclass, replace

from close.conditions import is_one_of, regular_field
from close.contents import Json
from close.fields import STATUS
from close.journal import Journal
from close_client import CloseClient
from qualifying.statuses import Workflow


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
        shown.sort(key=lambda _: close.machine.uniform(0, 1))
    known = {lead.lead_id: lead for lead in shown}
    begun = [replace(known.get(lead_id, WaitingLead(lead_id)), is_unfinished=True) for lead_id in unfinished]
    return [*begun, *(lead for lead in shown if lead.lead_id not in unfinished)]


def _as_shown(lead: Json, workflow: Workflow) -> WaitingLead:
    typed = workflow.typed_id(lead)
    names = sorted(str(contact.get("name")) for contact in lead.get("contacts") or [])
    return WaitingLead(lead["id"], typed, known=hash((typed, *names)))
