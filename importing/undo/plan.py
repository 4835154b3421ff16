"""What an undo would do to each lead: the plan of a dry run, and its lines for people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from cells.lead_fields import CUSTOM_KEY
from cells.safe_text import guarded
from close.contents import lead_link
from close.errors import CloseError, Stopped
from importing.undo.dry_run import DryRunClient, TakenBack
from importing.undo.rounds import UndoneLead

Action = Literal["leave", "restore", "delete"]
ACTIONS: Mapping[str, Action] = {"left": "leave", "restored": "restore", "deleted": "delete"}  # by outcome
FIELD_NAMES = {"addresses": "address", "status_id": "status"}
PLAN_COLUMNS = ("company", "action", "reason", "taken back", "lead id", "link")


@dataclass(frozen=True, slots=True)
class PlannedLead:
    """What an undo would do to a lead, why it would leave it, and what it would take back there, in words."""

    action: Action
    lead_id: str
    company: str
    reason: str
    taken_back: tuple[str, ...]
    link: str


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """The leads of a run, those that would be left first; and the links of duplicates that would be deleted before."""

    leads: Sequence[PlannedLead]
    duplicates: Sequence[str]

    def having(self, action: Action) -> list[PlannedLead]:
        """The leads to which this would be done."""
        return [lead for lead in self.leads if lead.action == action]


def plan_of(close: DryRunClient, foreseen: Iterable[UndoneLead]) -> UndoPlan:
    """The plan of an undo, of what its dry run foresaw. The names of custom fields are read from Close if needed."""
    names = _names_of_fields(close)
    order = list(ACTIONS.values())
    leads = [_planned(close, lead, names) for lead in foreseen]
    leads.sort(key=lambda lead: (order.index(lead.action), lead.company, lead.lead_id))
    duplicates = close.deleted - {lead.lead_id for lead in leads}
    return UndoPlan(leads, sorted(_link_of(close, lead_id) for lead_id in duplicates))


def plan_lines(plan: UndoPlan) -> Iterator[list[str]]:
    """The header, and what would be done to each lead."""
    yield list(PLAN_COLUMNS)
    for lead in plan.leads:
        cells = (lead.company, lead.action, lead.reason, "; ".join(lead.taken_back), lead.lead_id, lead.link)
        yield [guarded(cell) for cell in cells]
    for link in plan.duplicates:
        yield ["", "delete", "a duplicate, because an answer from Close was lost", "", "", link]


def _planned(close: DryRunClient, lead: UndoneLead, names: Mapping[str, str]) -> PlannedLead:
    action = ACTIONS[lead.outcome]
    taken_back = [] if action == "delete" else close.taken_back.get(lead.lead_id, [])
    return PlannedLead(
        *(action, lead.lead_id, lead.company, lead.reason),
        tuple(_in_words(value, names) for value in taken_back),
        _link_of(close, lead.lead_id) if lead.lead_id else "",
    )


def _link_of(close: DryRunClient, lead_id: str) -> str:
    return close.links.get(lead_id) or lead_link({"id": lead_id})


def _in_words(taken: TakenBack, names: Mapping[str, str]) -> str:
    return f"{names.get(taken.field, taken.field)}: {taken.value}"


def _names_of_fields(close: DryRunClient) -> dict[str, str]:
    """What people call the fields of a lead, by the names that Close uses."""
    keys = {value.field for values in close.taken_back.values() for value in values}
    if any(key.startswith(CUSTOM_KEY) for key in keys):
        with suppress(CloseError, Stopped):  # the plan is worth more than these names
            return {**FIELD_NAMES, **{field.key: field.name for field in close.lead_fields()}}
    return dict(FIELD_NAMES)
