"""Contacts that are on a lead twice because a request whose answer was lost was repeated and then arrived after all."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import partial

from close.contents import Json, contact_content
from close.errors import NotFound
from close.journal import Change
from importing.as_sent import is_contact_as_sent
from importing.missing_leads import read_or_none
from importing.organization import Organization
from importing.own_leads import ListsLag, Noted, refuse_lagging_lists, work_on_contact, work_on_contact_shown_on


def remove_double_contacts(organization: Organization, lead_id: str) -> list[str]:
    """Why second copies of contacts that we sent have to stay on a lead, in words; the others are deleted.

    A copy goes if it is as we sent it, nobody has worked on it, and the one that was sent later is there.
    """
    noted = Noted("", organization.close.now())
    while True:
        try:
            return organization.close.on_fresh_reading(partial(_remove, organization, lead_id, noted))
        except ListsLag as lag:
            organization.close.pause(lag.seconds)
            noted = lag.noted


def _remove(organization: Organization, lead_id: str, noted: Noted) -> list[str]:
    journal = organization.journal
    late = journal.late_changes(lead_id)
    lead = read_or_none(organization.close, lead_id)
    done = [change for change in journal.changes_of_lead(lead_id) if change.kind == "new contact"]
    taken = {change.target for change in done}
    reasons: list[str] = []
    for change in late:
        arrived = _arrived(lead, change, taken) if lead else None
        if not lead or not arrived:
            if not lead or organization.is_settled_by_time(change.last_sent):
                journal.note_void(change.number)
            continue
        taken.add(arrived["id"])
        reason = _why_to_keep(organization, lead, arrived, change, done, noted)
        if reason is None:
            _delete(organization, change, arrived)
            continue
        journal.note_changed(change.number, arrived["id"], contact_content({**change.sent, "id": arrived["id"]}))
        reasons += [reason] if reason else []
    return reasons


def _arrived(lead: Json, change: Change, taken: Collection[str]) -> Json | None:
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


def _why_to_keep(
    organization: Organization, lead: Json, arrived: Json, change: Change, done: Sequence[Change], noted: Noted
) -> str | None:
    """Why a contact that arrived late stays: "" if it is the only one, None if it is a double that may be deleted."""
    there = {contact["id"] for contact in lead.get("contacts") or []}
    if not any(other.sent == change.sent and other.target in there for other in done):
        return ""
    name = arrived.get("display_name") or arrived.get("name") or "without a name"
    asked_at = organization.close.now()
    work = work_on_contact(organization.close, change.lead_id, arrived["id"])
    work = work or work_on_contact_shown_on(lead, arrived["id"])
    if work or not is_contact_as_sent(arrived, change.sent):
        why = f"has {work}" if work else "has since been changed"
        return f"the contact {name} is there twice, because an answer of Close was lost, and the second one {why}"
    refuse_lagging_lists(organization, lead, noted, asked_at)
    return None


def _delete(organization: Organization, change: Change, arrived: Json) -> None:
    with suppress(NotFound):
        organization.close.delete_contact(arrived["id"])
    organization.journal.note_void(change.number)
