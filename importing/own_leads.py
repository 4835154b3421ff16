"""Which leads are ours and untouched, and how our own duplicates are removed."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from close.contents import Json, kept, lead_content
from close.errors import InvalidRequest, NotFound
from close.journal import SentLead
from close_client import CloseClient
from importing.look_up import read_copies
from importing.organization import Organization

CLOCKS_AGREE = timedelta(seconds=2)  # difference allowed: `Date` has whole seconds, and Close has many machines
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
    tried: set[str] = set()

    def remove() -> list[Json]:
        copies = read_copies(organization.close, lead_ids)
        sent = organization.journal.leads([key]).get(key)
        gone = tried - {copy["id"] for copy in copies} if copies else ()
        for lead_id in gone:  # the answer to an earlier deletion was lost
            if sent and sent.lead_id == lead_id:
                organization.journal.note_removed(key, copies[0]["id"])
            organization.journal.note_deleted(lead_id, copies[0]["id"])
        for copy in copies[1:]:
            answered = sent and _as_answered(organization, sent, copy)
            if sent and answered and not why_not_ours_to_delete(organization.close, copy["id"], answered):
                tried.add(copy["id"])
                _delete_double(organization, sent, copy, copies[0])
                copies = [other for other in copies if other is not copy]
        return copies

    left = organization.close.on_fresh_reading(remove)
    return Copies(left, len(tried - {copy["id"] for copy in left}))


def _delete_double(organization: Organization, sent: SentLead, copy: Json, oldest: Json) -> None:
    """Delete a copy, after the journal has noted which one stays, and whether that is ours too."""
    stays = _as_answered(organization, sent, oldest)
    if stays:
        organization.journal.note_created(sent.key, kept(stays))
    with suppress(NotFound):
        organization.close.delete_lead(copy["id"])
    if not stays:
        organization.journal.note_removed(sent.key, oldest["id"])
    organization.journal.note_deleted(copy["id"], oldest["id"])


def is_ours(organization: Organization, sent: SentLead, lead: Json) -> bool:
    """Whether a lead can be what we sent: created by the API key's user, and not before we first sent it."""
    if lead.get("created_by") not in (None, organization.account.user_id):
        return False
    made = lead.get("date_created")
    return not made or datetime.fromisoformat(made) >= sent.first_sent - CLOCKS_AGREE


def adopt(organization: Organization, key: str, copies: Sequence[Json]) -> Json:
    """The copy to continue with, of a lead whose answer was lost: one that can be ours, or else the first.

    The journal then notes it as created by us, or by somebody else.
    """
    sent = organization.journal.leads([key])[key]
    ours = next((copy for copy in copies if is_ours(organization, sent, copy)), None)
    if ours:
        organization.journal.note_created(key, kept(_as_made(organization, ours)))
    else:
        organization.journal.note_removed(key, copies[0]["id"])
    found = ours or copies[0]
    organization.journal.note_reading(kept(found))
    return found


def _as_made(organization: Organization, lead: Json) -> Json:
    """A lead as it was when it was created, as far as its event shows: somebody may have changed it since."""
    told = _told_when_made(organization, lead["id"])
    unsaid = {name: lead.get(name) for name in ("id", "html_url", "date_created", "date_updated", "contacts")}
    return {**unsaid, **told} if told else lead


def _told_when_made(organization: Organization, lead_id: str) -> Json | None:
    """The lead in the event of its creation by our user; None without such an event, or if it leaves out the lead."""
    user_id = organization.account.user_id
    created = next(organization.close.lead_events("created", by_user=user_id, of_lead=lead_id), None)
    return (created.get("data") or None) if created else None


def _as_answered(organization: Organization, sent: SentLead, copy: Json) -> Json | None:
    """What Close answered when we sent a copy: from the journal or, if that answer was lost, from its event.

    None if the journal does not show that we sent it.
    """
    if sent.lead_id == copy["id"]:
        return sent.lead
    is_accounted_for = bool(sent.lead_id) and sent.sends < 2
    if sent.state not in ("sending", "created") or is_accounted_for or not is_ours(organization, sent, copy):
        return None
    return _told_when_made(organization, copy["id"])


def why_not_ours_to_delete(close: CloseClient, lead_id: str, answered: Json) -> str:
    """Why a lead that we created must stay: somebody has changed it or worked on it since. "" if nobody has.

    The lead itself is read last, right before the caller deletes it. Raises NotFound.
    """
    try:
        work = _work_on(close, lead_id)
    except InvalidRequest:  # as Close may call a lead that is gone
        close.read_lead(lead_id)
        raise
    if lead_content(close.read_lead(lead_id)) != lead_content(answered):
        return "it has since been changed in Close"
    return work


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
