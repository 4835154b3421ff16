"""Contacts that are on a lead twice because a request whose answer was lost was repeated and then arrived after all."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from close.contents import Json, contact_content
from close.errors import NotFound
from close.journal import Journal
from close.journal_entries import Change
from importing.as_sent import is_contact_as_sent
from importing.lagging_lists import ListsLag, Noted, refuse_lagging_lists
from importing.missing_leads import read_or_none
from importing.organization import Organization
from importing.own_leads import work_on_contact, work_on_contact_shown_on


def late_contacts(journal: Journal, lead_id: str = "") -> list[Change]:
    """The new contacts that may still arrive although they were sent again, of one lead or of all."""
    return [change for change in journal.late_changes(lead_id) if change.kind == "new contact"]


def adopt_late_contacts(journal: Journal, lead: Json, run_id: str) -> None:
    """Note that late contacts of a run have arrived on a lead, so that they are undone with the others."""
    for change in late_contacts(journal, lead["id"]):
        taken = {other.target for other in journal.changes_of_lead(lead["id"])}
        arrived = arrived_contact(lead, change, taken) if change.run_id == run_id else None
        if arrived:
            _note_arrived(journal, change, arrived)


def _note_arrived(journal: Journal, change: Change, arrived: Json) -> None:
    journal.note_changed(change.number, arrived["id"], contact_content({**change.sent, "id": arrived["id"]}))


def remove_double_contacts(organization: Organization, lead_ids: Iterable[str]) -> dict[str, list[str]]:
    """Delete second copies of contacts that we sent; return, in words, why others stay, by the id of their lead.

    A copy goes if it is as we sent it, nobody has worked on it, and the one that was sent later is there. One wait for
    lists that lag is enough for all leads.
    """
    close = organization.close
    todo: dict[str, Noted] = dict.fromkeys(lead_ids, Noted("", close.now()))
    reasons: dict[str, list[str]] = {lead_id: [] for lead_id in todo}
    while todo:
        lagging: dict[str, Noted] = {}
        wait = 0.0
        for lead_id, noted in todo.items():
            try:
                reasons[lead_id] += close.on_fresh_reading(partial(_remove, organization, lead_id, noted))
            except ListsLag as lag:
                lagging[lead_id], wait = lag.noted, max(wait, lag.seconds)
        close.pause(wait)
        todo = lagging
    return {lead_id: found for lead_id, found in reasons.items() if found}


def _remove(organization: Organization, lead_id: str, noted: Noted) -> list[str]:
    """The reasons why second copies stay on a lead. Raises ListsLag.

    While another contact of the lead may be on its way, nobody can tell which request made which copy.
    """
    if any(change.state == "sending" for change in organization.journal.changes_of_lead(lead_id)):
        return []
    found = (_remove_one(organization, change, noted) for change in late_contacts(organization.journal, lead_id))
    return [reason for reason in found if reason]


def _remove_one(organization: Organization, change: Change, noted: Noted) -> str:
    """Delete the contact of a request that was repeated, if it arrived and is a double; return why it stays, or ""."""
    journal = organization.journal
    done = [other for other in journal.changes_of_lead(change.lead_id) if other.kind == "new contact"]
    seen = _look_at(organization, change, {other.target for other in done})
    if not seen:
        if organization.is_settled_by_time(change.last_sent):
            journal.note_void(change.number)
        return ""
    is_double = any(other.sent == change.sent and _is_on(seen.lead, other.target) for other in done)
    if is_double and not seen.reason_to_stay:
        refuse_lagging_lists(organization, seen.lead, noted, seen.asked_at)
        with suppress(NotFound):  # which may be for a moment only, so the next look has to tell
            organization.close.delete_contact(seen.contact["id"])
            journal.note_void(change.number)
        return ""
    _note_arrived(journal, change, seen.contact)
    name = seen.contact.get("display_name") or seen.contact.get("name") or "without a name"
    twice = f"the contact {name} is there twice because an answer from Close was lost, and one {seen.reason_to_stay}"
    return twice if is_double else ""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A contact that arrived, on its lead, and why it would have to stay; its lists were asked at a moment before."""

    lead: Json
    contact: Json
    reason_to_stay: str
    asked_at: datetime


def _look_at(organization: Organization, change: Change, taken: Collection[str]) -> _Seen | None:
    """What a request that was repeated made on its lead, which is read last; None if it made nothing yet."""
    close = organization.close
    asked_at = close.now()
    lead = read_or_none(close, change.lead_id)
    contact = arrived_contact(lead, change, taken) if lead else None
    if not contact:
        return None
    work = work_on_contact(close, change.lead_id, contact["id"])
    lead = read_or_none(close, change.lead_id)
    contact = arrived_contact(lead, change, taken) if lead else None
    if not lead or not contact:
        return None
    work = work or work_on_contact_shown_on(lead, contact["id"])
    changed = "" if is_contact_as_sent(contact, change.sent) else "has since been changed"
    return _Seen(lead, contact, changed or (f"has {work}" if work else ""), asked_at)


def _is_on(lead: Json, contact_id: str) -> bool:
    return any(contact["id"] == contact_id for contact in lead.get("contacts") or [])


def arrived_contact(lead: Json, change: Change, taken: Collection[str]) -> Json | None:
    """The contact that a request made although it was repeated: as it was sent, else one with its name, else None.

    Our user must have made it, and it must not be on the lead for another reason.
    """
    others = {*change.before.get("contact_ids", ()), *taken}
    fresh = [
        contact
        for contact in lead.get("contacts") or []
        if contact["id"] not in others and contact.get("created_by") in (None, change.sender)
    ]
    name = str(change.sent.get("name") or "")
    same = [contact for contact in fresh if is_contact_as_sent(contact, change.sent)]
    return next(iter([*same, *(each for each in fresh if name and each.get("name") == name)]), None)
