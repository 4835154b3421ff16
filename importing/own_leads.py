"""Which leads are ours and untouched, and how our own duplicates are removed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from close.contents import Json, kept, lead_content, lead_link, moment_of
from close.errors import EventLogClosed, InvalidRequest, NotFound
from close.journal_entries import SentLead
from close_client import CloseClient
from importing.as_sent import is_lead_as_sent
from importing.lagging_lists import ListsLag, Noted, refuse_lagging_lists, refuse_too_early
from importing.look_up import find_by_key, read_copies
from importing.missing_leads import DeletionUnproved, find_missing, read_or_none
from importing.organization import Organization

CLOCKS_AGREE = timedelta(seconds=2)  # by which the clocks of Close's machines may differ
CREATION = "Created"  # the activity that Close itself adds when a lead is created


@dataclass(frozen=True, slots=True)
class Copies:
    """The copies of one lead after our duplicates were removed, oldest first; empty if no copy exists anymore."""

    left: list[Json] = field(default_factory=list)
    removed: int = 0


def remove_doubles(organization: Organization, key: str, lead_ids: Sequence[str]) -> Copies:
    """Delete copies of a lead that we sent and nobody has touched, but keep the oldest one.

    Two machines that created the same lead at the same time both keep the oldest, so they never delete both.
    """
    noted: dict[str, Noted] = {}
    removed: list[str] = []
    while True:
        try:
            left = organization.close.on_fresh_reading(lambda: _removed(organization, key, lead_ids, noted, removed))
            return Copies(left, len(removed))
        except ListsLag as lag:
            organization.close.pause(lag.seconds)
            noted[lag.lead_id] = lag.noted


def _removed(
    organization: Organization, key: str, lead_ids: Sequence[str], noted: Mapping[str, Noted], removed: list[str]
) -> list[Json]:
    """The copies of a lead that are left, after those that may go were deleted and added to `removed`."""
    copies = read_copies(organization.close, lead_ids)
    for copy in copies[1:]:
        sent = organization.journal.leads([key]).get(key)
        answered = sent and _as_answered(organization, sent, copy)
        if not sent or not answered:
            continue
        known = noted.get(copy["id"]) or Noted(str(answered.get("date_updated") or ""), sent.last_sent)
        with suppress(NotFound):  # somebody has deleted it meanwhile
            if why_not_ours_to_delete(organization, copy["id"], answered, known):
                continue
            if not read_or_none(organization.close, copies[0]["id"]):  # the one that was to stay
                return _removed(organization, key, lead_ids, noted, removed)
            if not _is_double_deleted(organization, sent, copy, copies[0]):
                continue
            removed.append(copy["id"])
        copies = [other for other in copies if other is not copy]
    return copies


def remove_late_leads(organization: Organization, tell: Callable[[str], None]) -> int:
    """How many leads were deleted because a request that was repeated arrived late; `tell` hears of the others."""
    journal, removed = organization.journal, 0
    doubtful = {lead.key: lead for lead in journal.doubtful_leads()}
    shown = find_by_key(organization, list(doubtful)) if doubtful and organization.fields.import_key else {}
    deleted = journal.deleted()
    for key, sent in doubtful.items():
        ids = sorted({lead["id"] for lead in shown.get(key, [])} | {sent.lead_id} - {""} - deleted)
        copies = remove_doubles(organization, key, ids) if len(ids) > 1 else Copies()
        is_all_found = len(ids) < 2 or len(copies.left) + copies.removed == len(ids)  # none with a 404
        removed += copies.removed
        if len(copies.left) > 1:
            links = " ".join(map(lead_link, copies.left))
            tell(f"Close has {len(copies.left)} leads for {sent.company}; merge them there: {links}")
        elif is_all_found and organization.is_settled_by_time(sent.last_sent):
            journal.note_single(key)
    return removed


def find_late_leads(organization: Organization, undone: Sequence[SentLead]) -> dict[str, list[Json]]:
    """The leads that arrived after they were undone, by key: requests for them had been repeated."""
    if not undone or not organization.fields.import_key:
        return {}
    deleted = organization.journal.deleted()
    shown = find_by_key(organization, [lead.key for lead in undone])
    ids = {key: [lead["id"] for lead in found if lead["id"] not in deleted] for key, found in shown.items()}
    return {key: read_copies(organization.close, some) for key, some in ids.items()}


def remove_late_lead(organization: Organization, key: str, lead: Json) -> str:
    """Delete a lead that arrived after it was undone; return why it stays, or ""."""
    sent = organization.journal.leads([key])[key]
    made = _as_we_made_it(organization, sent, lead)
    if not made:
        return "it is not, or no longer, as the import sent it"
    noted = Noted(str(made.get("date_updated") or ""), organization.close.now())
    while True:
        try:
            return organization.close.on_fresh_reading(partial(_delete_late, organization, lead["id"], made, noted))
        except ListsLag as lag:
            organization.close.pause(lag.seconds)
            noted = lag.noted
        except NotFound:
            return ""


def _delete_late(organization: Organization, lead_id: str, made: Json, noted: Noted) -> str:
    reason = why_not_ours_to_delete(organization, lead_id, made, noted)
    if not reason:
        organization.close.delete_lead(lead_id)
        organization.journal.note_deleted(lead_id, "")
    return reason


def _is_double_deleted(organization: Organization, sent: SentLead, copy: Json, oldest: Json) -> bool:
    """Delete a copy, after the journal has noted which one stays, and whether that is ours too; whether it is gone."""
    stays = _as_answered(organization, sent, oldest)
    if stays:
        organization.journal.note_created(sent.key, kept(stays), organization.close.now())
    try:
        organization.close.delete_lead(copy["id"])
    except NotFound:
        try:
            if find_missing(organization, copy["id"]):
                return False
        except DeletionUnproved:
            return False
    if not stays:
        organization.journal.note_removed(sent.key, oldest["id"])
    organization.journal.note_deleted(copy["id"], oldest["id"])
    return True


def adopt(organization: Organization, key: str, copies: Sequence[Json]) -> Json:
    """The copy to continue with, of a lead whose answer was lost: the one that we created, or else the first.

    The journal then notes it as created by us, or by somebody else.
    """
    sent = organization.journal.leads([key])[key]
    for copy in copies:
        made = _as_we_made_it(organization, sent, copy)
        if made:
            organization.journal.note_created(key, kept(made), organization.close.now())
            break
    else:
        copy = copies[0]
        organization.journal.note_removed(key, copy["id"])
    organization.journal.note_reading(kept(copy))
    return copy


def _as_answered(organization: Organization, sent: SentLead, copy: Json) -> Json | None:
    """What Close answered when we sent a copy, or would have; None if the journal does not show that we sent it."""
    if sent.lead_id == copy["id"]:
        return sent.lead
    is_accounted_for = bool(sent.lead_id) and sent.sends < 2
    if sent.state not in ("sending", "created") or is_accounted_for:
        return None
    return _as_we_made_it(organization, sent, copy)


def _as_we_made_it(organization: Organization, sent: SentLead, copy: Json) -> Json | None:
    """A lead as it was when we created it, None if it is not what we sent.

    Our user must have created it, not before we sent it, with what we sent. Somebody may have changed it since: then
    its event tells, unless Close hides from this user what the event holds.
    """
    sender = sent.sender or organization.account.user_id
    made_at = moment_of(copy.get("date_created"))
    if copy.get("created_by") not in (None, sender) or (made_at and made_at < sent.first_sent - CLOCKS_AGREE):
        return None
    if any(is_lead_as_sent(copy, body) for body in sent.bodies):
        return copy
    told = _told_when_made(organization, copy["id"], sender)
    if told is None:
        return None
    unsaid = {name: copy.get(name) for name in ("id", "html_url", "date_created", "date_updated", "contacts")}
    made = {**unsaid, **told}
    is_by_an_earlier_version = not sent.bodies  # which did not note what it sent
    return made if is_by_an_earlier_version or any(is_lead_as_sent(made, body) for body in sent.bodies) else None


def _told_when_made(organization: Organization, lead_id: str, sender: str) -> Json | None:
    """The lead in the event of its creation by a user; None without such an event, or if it leaves out the lead."""
    with suppress(EventLogClosed):
        for created in organization.close.lead_events("created", by_user=sender, of_lead=lead_id):
            return created.get("data") or None
    return None


def why_not_ours_to_delete(organization: Organization, lead_id: str, answered: Json, noted: Noted) -> str:
    """Why a lead that we created must stay: somebody has changed it or worked on it since. "" if nobody has.

    `noted` is the last change that we know of. The lead itself is read last, right before the caller deletes it. Raises
    NotFound, and ListsLag if the lists of what people did on the lead may not show everything yet.
    """
    close = organization.close
    asked_at = close.now()
    refuse_too_early(organization, lead_id, noted)
    try:
        work = _work_on(close, lead_id)
    except InvalidRequest:  # as Close may call a lead that is gone
        close.read_lead(lead_id)
        raise
    lead = close.read_lead(lead_id)
    if lead_content(lead) != lead_content(answered):
        return "it has since been changed in Close"
    work = work or _work_shown_on(lead)
    if not work:
        refuse_lagging_lists(organization, lead, noted, asked_at)
    return work


def _work_shown_on(lead: Json) -> str:
    """What a lead itself shows of what somebody has done on it, in words: lists of these may lag behind it."""
    if lead.get("tasks"):
        return "it has a task in Close"
    return "it has an opportunity in Close" if lead.get("opportunities") else ""


def work_on_contact(close: CloseClient, lead_id: str, contact_id: str) -> str:
    """What somebody has done with a contact, as lists show it, in words; "" if nothing."""
    things = {
        "activities": close.activities(lead_id),
        "a task": close.tasks(lead_id),
        "an opportunity": close.opportunities(lead_id),
    }
    return _first_about(contact_id, things)


def work_on_contact_shown_on(lead: Json, contact_id: str) -> str:
    """What somebody has done with a contact, as its lead shows it: lists may lag behind that."""
    things = {"a task": lead.get("tasks") or (), "an opportunity": lead.get("opportunities") or ()}
    return _first_about(contact_id, things)


def _first_about(contact_id: str, things: Mapping[str, Iterable[Json]]) -> str:
    return next(
        (kind for kind, some in things.items() if any(each.get("contact_id") == contact_id for each in some)), ""
    )


def _work_on(close: CloseClient, lead_id: str) -> str:
    """What somebody has done on a lead since it was created, in words; "" if nothing."""
    kinds = sorted({str(activity.get("_type")) for activity in close.activities(lead_id)} - {CREATION})
    if kinds:
        return f"it has activities in Close: {', '.join(kinds)}"
    if next(close.tasks(lead_id), None):
        return "it has a task in Close"
    if next(close.opportunities(lead_id), None):
        return "it has an opportunity in Close"
    return ""
