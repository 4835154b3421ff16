"""What a run added to leads that existed: it is taken back where it is still as Close answered."""

from collections.abc import Callable, Sequence
from functools import partial

from close.contents import Json, contact_content, kept, lead_content
from close.errors import CloseUnreachable, InvalidRequest, NotFound, OutcomeUnknown
from close.journal import Journal
from close.journal_entries import Change
from importing.double_contacts import adopt_late_contacts
from importing.lagging_lists import ListsLag, Noted, refuse_lagging_lists
from importing.lost_changes import StillLost, read_settled, settle_changes
from importing.organization import Organization
from importing.own_leads import work_on_contact, work_on_contact_shown_on
from importing.undo.missing import EVENTS_KEPT, Missing, look_for_missing
from importing.undo.rounds import LISTS_LAG, Later, UndoneLead

RESTORE_ATTEMPTS = 5  # to read and restore a lead when answers are lost


def take_back(
    organization: Organization, changes: Sequence[Change], noted: Noted | None = None, *, is_back: bool = False
) -> UndoneLead | Later:
    """Undo the changes that the run made to one lead, starting with the last; `is_back` as when one is deleted."""
    journal = organization.journal
    lead_id, company, run_id = changes[0].lead_id, changes[0].company, changes[0].run_id
    later = later_run(journal, lead_id, run_id, after=changes[-1].number)
    if later:
        reason = f"the later import {later} also changed it; undo that import first"
        return UndoneLead("left", lead_id, company, reason)
    read = journal.readings([lead_id]).get(lead_id, {})
    noted = noted or Noted(str(read.get("date_updated") or ""), changes[-1].last_sent)
    is_unsure = any(change.state == "sending" for change in changes)
    for _ in range(RESTORE_ATTEMPTS):
        try:
            reasons = organization.close.on_fresh_reading(
                partial(_take_all_back, organization, lead_id, run_id, noted, is_unsure=is_unsure)
            )
        except InvalidRequest as refused:
            return UndoneLead("left", lead_id, company, f"Close refused to restore it: {refused}")
        except StillLost as still:
            again = partial(take_back, organization, changes, noted, is_back=is_back)
            due = organization.close.machine.monotonic() + still.seconds
            return Later(due, again, lead_id, company, "Close may still add a contact, because its answer was lost")
        except ListsLag as lag:
            again = partial(take_back, organization, changes, lag.noted, is_back=is_back)
            due = organization.close.machine.monotonic() + lag.seconds
            return Later(due, again, lead_id, company, LISTS_LAG)
        except NotFound:
            again = partial(take_back, organization, changes, is_back=True)
            is_old = organization.close.seconds_since(changes[0].last_sent) > EVENTS_KEPT
            missing = Missing(again, partial(_nothing_to_restore, organization, changes), is_back, is_old)
            return look_for_missing(organization, lead_id, company, missing)
        except OutcomeUnknown:
            is_unsure = True
            continue
        if reasons:
            return UndoneLead("left", lead_id, company, "; ".join(reasons))
        return UndoneLead("restored", lead_id, company)
    raise CloseUnreachable("Close's answers were lost several times")


def _nothing_to_restore(organization: Organization, changes: Sequence[Change]) -> UndoneLead:
    """Note that the changes to a lead went with it."""
    journal = organization.journal
    for change in journal.changes_of_lead(changes[0].lead_id, changes[0].run_id):
        (journal.note_taken_back if change.state == "done" else journal.note_void)(change.number)
    return UndoneLead("restored", changes[0].lead_id, changes[0].company)


def later_run(journal: Journal, lead_id: str, run_id: str, after: int = 0) -> str:
    """The id of another run that changed a lead after the change with this number, or ""."""
    changes = [change for change in journal.changes_of_lead(lead_id) if change.number > after]
    return next((change.run_id for change in reversed(changes) if change.run_id != run_id), "")


def _take_all_back(
    organization: Organization, lead_id: str, run_id: str, noted: Noted, *, is_unsure: bool
) -> list[str]:
    """The reasons why changes to a lead had to be left; empty if all were undone.

    Raises StillLost while a contact may be on its way, and ListsLag while lists may not show who worked with it.
    """
    close, journal = organization.close, organization.journal
    lead = read_settled(close, lead_id) if is_unsure else close.read_lead(lead_id)
    if str(lead.get("date_updated") or "") < noted.date_updated:
        raise CloseUnreachable("Close's answer shows an older state of a lead")
    left = settle_changes(journal, lead, journal.changes_of_lead(lead_id, run_id), organization.seconds_to_look_for)
    if left:
        raise StillLost(left)
    adopt_late_contacts(journal, lead, run_id)
    changes = journal.changes_of_lead(lead_id, run_id)
    reasons = []
    for change in reversed(changes):
        reason = _TAKE_BACK[change.kind](organization, change, noted)
        if reason:
            reasons.append(reason)
        else:
            journal.note_taken_back(change.number)
    journal.note_reading(kept(close.read_lead(lead_id)))
    return reasons


def _take_back_fields(organization: Organization, change: Change, _noted: Noted) -> str:
    """Empty the fields of a lead that a change filled, but only those that still hold what Close answered."""
    close = organization.close
    content, after = lead_content(close.read_lead(change.lead_id)), change.after or {}
    differing = [name for name in change.sent if content.get(name) != change.before.get(name)]
    ours = [name for name in differing if content.get(name) == after.get(name)]
    if ours:
        close.update_lead(change.lead_id, {name: change.before.get(name) for name in ours})
    return "" if len(ours) == len(differing) else "a value that was added has since been changed in Close"


def _take_back_items(organization: Organization, change: Change, _noted: Noted) -> str:
    """Give a contact back the name, e-mails and phones that it had before a change."""
    close = organization.close
    contact = _contact_in(close.read_lead(change.lead_id), change)
    content = contact_content(contact) if contact else change.before
    if all(content[name] == change.before[name] for name in change.before):
        return ""
    if content != change.after:
        return f"the contact {content['name']} has since been changed in Close"
    blank_as_null = {name: None if value == "" else value for name, value in change.before.items()}
    close.update_contact(change.target, blank_as_null)
    return ""


def _take_back_contact(organization: Organization, change: Change, noted: Noted) -> str:
    """Delete a contact that a change added. Raises ListsLag while lists may not show who worked with it."""
    close = organization.close
    asked_at = close.now()
    work = work_on_contact(close, change.lead_id, change.target)
    lead = close.read_lead(change.lead_id)
    contact = _contact_in(lead, change)
    if not contact:
        return ""
    work = work or work_on_contact_shown_on(lead, change.target)
    name = contact.get("name") or ""
    if contact_content(contact) != change.after:
        return f"the contact {name} has since been changed in Close"
    if work:
        return f"the contact {name} has {work} in Close"
    refuse_lagging_lists(organization, lead, noted, asked_at)
    close.delete_contact(change.target)
    return ""


def _contact_in(lead: Json, change: Change) -> Json | None:
    """The contact that a change is about, None if it is gone."""
    return next((contact for contact in lead.get("contacts") or [] if contact["id"] == change.target), None)


_TAKE_BACK: dict[str, Callable[[Organization, Change, Noted], str]] = {
    "lead": _take_back_fields,
    "contact": _take_back_items,
    "new contact": _take_back_contact,
}
