"""The id of a plan: it stands for everything that an import would write, so that exactly this can be approved.

Somebody looks at a plan, and names its id later. If the file, its map, the settings, or what the plan rests on in Close
have changed since, the id stands for something else. The journal keeps what the parts of a plan were when it was shown,
as digests only, so that a refusal can say which of them have changed.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from cells.lead_fields import IMPORT_KEY, LeadField
from cleaning import Contact, Lead
from close.contents import Json, contact_content, custom_values, lead_content
from close.journal_entries import Change
from importing.gaps import Gaps, find_gaps
from importing.plan import Action, Plan, PlannedLead

GROUPS, GROUP_SIZE = 4, 4  # of hex digits in a plan id
DIGITS = 16  # hex digits of a lead's digest
MOST_NAMED = 5  # leads
NEW = "new "  # before the type of a custom field that has to be created
LATER = "not imported yet, because the approved plan leaves it to a later run"
SEEN_OF_LEADS = ("name", "status_id", "addresses")  # by every search of a plan, beside custom values and contacts
SEEN_OF_CONTACTS = ("id", "name", "emails", "phones")
TO_BE: Mapping[Action, str] = {
    "create": "to be created",
    "update": "to be updated",
    "unchanged": "complete in Close",
    "skip": "left alone",
    "look up": "to be looked up",
    "wait": "left to a later run",
}


class PlanChanged(Exception):
    """What would be written is not what the plan id stands for; the message names what has changed."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan rests on outside Close: digests of the file and of its map ("" without one), and the settings.

    `settings` has all that decides how the file is read and what is written, by what the user calls it.
    """

    file: str
    column_map: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a plan id stands for.

    `fields` has the custom fields that are filled: which one of Close each is, or that it has to be created, and its
    type. `leads` has by import key what is to be done, and a digest of that and of the lead that is in Close.
    """

    organization: str
    basis: Basis
    fields: Mapping[str, str]
    leads: Mapping[str, tuple[Action, str]]

    @property
    def parts(self) -> Json:
        """All of it, as the journal keeps it."""
        return {
            "organization": self.organization,
            "basis": asdict(self.basis),
            "fields": self.fields,
            "leads": self.leads,
        }

    @property
    def plan_id(self) -> str:
        """The id: hex digits in groups."""
        digits = _digest(self.parts)
        return "-".join(digits[at : at + GROUP_SIZE] for at in range(0, GROUPS * GROUP_SIZE, GROUP_SIZE))


def note_shown(plan: Plan, basis: Basis) -> str:
    """The id of a plan that is shown to somebody; the journal keeps what it stands for."""
    shown = _fingerprint(plan, basis)
    plan_id = shown.plan_id
    plan.organization.journal.note_plan(plan_id, shown.parts)
    return plan_id


def approved(plan: Plan, basis: Basis, plan_id: str) -> Plan:
    """The plan, with each lead bound to what was shown under this id. Raises PlanChanged if anything differs.

    If a run of that plan was interrupted, what this run has done already is not a difference.
    """
    journal, now = plan.organization.journal, _fingerprint(plan, basis)
    shown = journal.shown_plan(plan_id)
    is_run_of_it = shown is not None and plan.carries_on and shown.run_id == plan.run_id
    if shown and not is_run_of_it and journal.has_run(shown.run_id):
        raise PlanChanged(f"the plan {plan_id} was carried out in run {shown.run_id} already")
    if now.plan_id == plan_id:
        journal.note_plan(plan_id, now.parts, plan.run_id)
    elif shown is None:
        raise PlanChanged(
            f"no plan {plan_id} was shown in this folder for this organization lately, and it is not the plan of now"
        )
    else:
        plan = _bound(plan, now, _read(shown.parts), plan_id, is_run_of_it=is_run_of_it)
    return replace(plan, leads=[replace(planned, allowed=_allowed(planned)) for planned in plan.leads])


def _allowed(planned: PlannedLead) -> Gaps | None:
    """What may be added to the lead in Close; None where the plan does not know such a lead."""
    return planned.gaps if planned.found or planned.copies else None


# What a plan id stands for -------------------------------------------------------------------------------------------


def _fingerprint(plan: Plan, basis: Basis) -> Fingerprint:
    return Fingerprint(plan.organization.journal.organization, basis, _fields(plan), work_in(plan))


def work_in(plan: Plan) -> dict[str, tuple[Action, str]]:
    """What is to be done about each lead, and a digest of that and of what it rests on in Close, by import key."""
    return {planned.lead.key: (planned.action, _lead_digest(plan, planned)) for planned in plan.leads}


def _fields(plan: Plan) -> dict[str, str]:
    """The custom fields that are filled, by name: the id of each in Close, or that it is new, and its type."""
    fields = plan.organization.fields
    written = plan.written_fields
    there = {name: _in_close(field) for name, field in fields.by_name.items() if field.id in written}
    keyed = {IMPORT_KEY: f"{fields.import_key} text"} if fields.import_key else {}
    return there | keyed | {name: f"{NEW}{kind}" for name, kind in plan.missing_fields.items()}


def _in_close(field: LeadField) -> str:
    return f"{field.id} {field.kind}{', several' if field.is_multiple else ''}"


def _lead_digest(plan: Plan, planned: PlannedLead) -> str:
    """A digest of what would be written of a lead, and of all that this rests on in Close."""
    found = planned.found or {}
    written: object = None
    if planned.action in ("create", "look up"):
        written = _written(planned.lead)
    elif planned.action == "update":
        written = (_added(planned.gaps), _seen(found))
    return _digest((plan.is_to_do(planned), written, found.get("id"), sorted(planned.copies)))[:DIGITS]


def _written(lead: Lead) -> object:
    """All that a new lead holds."""
    return lead.name, lead.own, lead.custom, list(map(_person, lead.contacts))


def _added(gaps: Gaps) -> object:
    """All that a lead in Close is given."""
    to_contacts = [(gap.contact["id"], gap.items, dict(gap.types)) for gap in gaps.contacts]
    return bool(gaps.import_key), gaps.own, gaps.custom, to_contacts, list(map(_person, gaps.new_contacts))


def _person(contact: Contact) -> object:
    return contact.name, contact.emails, contact.phones, dict(contact.types)


def _seen(found: Json) -> object:
    """The content of a lead in Close, as far as every search of a plan shows it."""
    content = lead_content(found)
    contacts = [contact_content(contact) for contact in found.get("contacts") or []]
    people = [{part: contact[part] for part in SEEN_OF_CONTACTS} for contact in contacts]
    return {part: content[part] for part in SEEN_OF_LEADS}, custom_values(found), people


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


# What has changed ----------------------------------------------------------------------------------------------------


def _bound(plan: Plan, now: Fingerprint, then: Fingerprint, plan_id: str, *, is_run_of_it: bool) -> Plan:
    """What is left of the plan that was shown, if this run has begun to carry it out. Raises PlanChanged otherwise."""
    if is_run_of_it:
        plan = _without_later(plan, then)
        now = _without_done(plan, then, replace(now, leads=work_in(plan)))
    differences = list(_differences(plan, then, now))
    if differences:
        raise PlanChanged(f"since the plan {plan_id} was shown, this has changed: {'; '.join(differences)}")
    return plan


def _without_later(plan: Plan, then: Fingerprint) -> Plan:
    """The plan, in which the leads wait that waited in the approved one."""
    waiting = {key for key, (action, _) in then.leads.items() if action == "wait"}
    leads = [
        replace(planned, action="wait", reason=LATER, gaps=Gaps()) if planned.lead.key in waiting else planned
        for planned in plan.leads
    ]
    return replace(plan, leads=leads)


def _without_done(plan: Plan, then: Fingerprint, now: Fingerprint) -> Fingerprint:
    """The fingerprint as it would be if the run had not done anything yet."""
    begun = {planned.lead.key: planned for planned in _begun_by_run(plan) if planned.lead.key in then.leads}
    times = Counter(planned.found["id"] for planned in plan.leads if planned.found)
    leads = {**now.leads}
    for key, planned in begun.items():
        is_shared = planned.found is not None and times[planned.found["id"]] > 1
        leads[key] = then.leads[key] if is_shared else _undone(plan, planned, then.leads[key])
    made = {name for name, part in then.fields.items() if part.startswith(NEW)}
    fields = {**then.fields} | {name: part for name, part in now.fields.items() if name not in made}
    return replace(now, fields=fields, leads=leads)


def _undone(plan: Plan, planned: PlannedLead, then: tuple[Action, str]) -> tuple[Action, str]:
    """What would be planned about a lead if the run had not begun with it.

    If nothing is left to add, or an answer was lost, that is what was planned then.
    """
    changes = plan.organization.journal.changes_of_lead(planned.found["id"], plan.run_id) if planned.found else []
    if planned.action != "update" or not changes or any(change.state == "sending" for change in changes):
        return then
    before = _before(planned.found or {}, changes)
    gaps = find_gaps(before, planned.lead, planned.key, plan.organization.fields)
    return planned.action, _lead_digest(plan, replace(planned, found=before, gaps=gaps))


def _before(found: Json, changes: Sequence[Change]) -> Json:
    """A lead as it would be without our changes to it and to its contacts."""
    made = {change.target for change in changes if change.kind == "new contact"}
    contacts = {contact["id"]: contact for contact in found.get("contacts") or [] if contact["id"] not in made}
    lead = found
    for change in reversed(changes):
        if change.kind == "lead":
            lead = lead | change.before
        elif change.target in contacts:
            contacts[change.target] = contacts[change.target] | change.before
    return lead | {"contacts": list(contacts.values())}


def _read(parts: Mapping[str, Any]) -> Fingerprint:
    """The fingerprint as the journal keeps it."""
    leads = {key: (action, digest) for key, (action, digest) in parts["leads"].items()}
    return Fingerprint(parts["organization"], Basis(**parts["basis"]), parts["fields"], leads)


def _begun_by_run(plan: Plan) -> list[PlannedLead]:
    """The leads that the run has begun with: it has sent them, or something to add to them."""
    journal = plan.organization.journal
    sent = {lead.key for lead in journal.leads_of_run(plan.run_id)}
    changed = {change.lead_id for change in journal.changes_of_run(plan.run_id)}
    return [
        planned for planned in plan.leads if planned.key in sent or (planned.found and planned.found["id"] in changed)
    ]


def _differences(plan: Plan, then: Fingerprint, now: Fingerprint) -> Iterator[str]:
    """What differs, in words. What follows from another file, map or setting is not told beside it."""
    outside = list(_differences_outside(then.basis, now.basis))
    yield from outside
    if outside:
        return
    names = sorted(then.fields.keys() & now.fields.keys())
    fields = [name for name in names if then.fields[name] != now.fields[name]]
    if fields:
        yield f"custom fields in Close ({', '.join(fields)})"
    leads = [planned for planned in plan.leads if then.leads.get(planned.lead.key) != now.leads[planned.lead.key]]
    if leads:
        named = [_difference(planned, then, now) for planned in leads[:MOST_NAMED]]
        more = f", and {len(leads) - MOST_NAMED} more" if len(leads) > MOST_NAMED else ""
        yield f"leads in Close: {', '.join(named)}{more}"


def _differences_outside(then: Basis, now: Basis) -> Iterator[str]:
    if then.file != now.file:
        yield "the file"
    if then.column_map != now.column_map:
        yield "the map of its columns"
    for name in sorted(then.settings.keys() | now.settings.keys()):
        was, now_is = then.settings.get(name, "not given"), now.settings.get(name, "not given")
        if was != now_is:
            yield f"{name} (was {was}, is {now_is})"


def _difference(planned: PlannedLead, then: Fingerprint, now: Fingerprint) -> str:
    """The lead, and what has become of the plan for it."""
    was, now_is = then.leads.get(planned.lead.key), now.leads[planned.lead.key]
    if was is None or was[0] == now_is[0]:
        return f"{planned.lead.name} (differs in Close)"
    return f"{planned.lead.name} (was {TO_BE[was[0]]}, is now {TO_BE[now_is[0]]})"
