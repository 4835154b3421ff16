"""Contacts that are on a lead twice because a request whose answer was lost was repeated and then arrived after all."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from functools import partial

from close.contents import Json, contact_content
from close.errors import NotFound
from close.journal import Change, Journal
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
    close, journal = organization.close, organization.journal
    done = [other for other in journal.changes_of_lead(change.lead_id) if other.kind == "new contact"]
    taken = {other.target for other in done}
    asked_at = close.now()
    lead = read_or_none(close, change.lead_id)
    arrived = arrived_contact(lead, change, taken) if lead else None
    work = work_on_contact(close, change.lead_id, arrived["id"]) if arrived else ""
    lead = read_or_none(close, change.lead_id) if arrived else lead  # last, right before the contact may be deleted
    arrived = arrived_contact(lead, change, taken) if lead and arrived else None
    if not lead or not arrived:
        if organization.is_settled_by_time(change.last_sent):
            journal.note_void(change.number)
        return ""
    if _has_twin(lead, change, done):
        work = work or work_on_contact_shown_on(lead, arrived["id"])
        is_as_sent = is_contact_as_sent(arrived, change.sent)
        if is_as_sent and not work:
            refuse_lagging_lists(organization, lead, noted, asked_at)
            with suppress(NotFound):  # which may be for a moment only, so the next look has to tell
                close.delete_contact(arrived["id"])
                journal.note_void(change.number)
            return ""
        why = "has since been changed" if not is_as_sent else f"has {work}"
    else:
        why = ""
    _note_arrived(journal, change, arrived)
    name = arrived.get("display_name") or arrived.get("name") or "without a name"
    return f"the contact {name} is there twice because an answer from Close was lost, and one {why}" if why else ""


def _has_twin(lead: Json, change: Change, done: Iterable[Change]) -> bool:
    """Whether the contact that was sent later with the same content is on the lead."""
    there = {contact["id"] for contact in lead.get("contacts") or []}
    return any(other.sent == change.sent and other.target in there for other in done)


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
