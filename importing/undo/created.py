"""Leads that a run created: each is deleted if nobody has changed it or worked on it since."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from close.errors import NotFound, StaleReading
from close.journal_entries import Change, SentLead
from importing.lagging_lists import ListsLag, Noted
from importing.organization import Organization
from importing.own_leads import why_not_ours_to_delete
from importing.undo.added import later_run, take_back
from importing.undo.missing import EVENTS_KEPT, Missing, look_for_missing
from importing.undo.rounds import LISTS_LAG, Later, UndoneLead


def delete_created(
    organization: Organization,
    lead: SentLead,
    changes: Sequence[Change],
    noted: Noted | None = None,
    *,
    is_back: bool = False,
) -> UndoneLead | Later:
    """Delete a lead that the run created, after removing what the same run added to it later.

    `is_back` if Close did not find the lead before, and then found it.
    """
    if changes:
        restored = take_back(organization, changes)
        return _delete_restored(organization, lead, restored)
    noted = noted or Noted(str((lead.lead or {}).get("date_updated") or ""), lead.last_sent)
    try:
        reason = organization.close.on_fresh_reading(lambda: _delete_if_untouched(organization, lead, noted))
    except ListsLag as lag:
        again = partial(delete_created, organization, lead, [], lag.noted, is_back=is_back)
        due = organization.close.machine.monotonic() + lag.seconds
        return Later(due, again, lead.lead_id, lead.company, LISTS_LAG)
    except NotFound:
        again = partial(delete_created, organization, lead, [], is_back=True)
        is_old = organization.close.seconds_since(lead.last_sent) > EVENTS_KEPT
        missing = Missing(again, partial(_deleted, organization, lead), is_back, is_old)
        return look_for_missing(organization, lead.lead_id, lead.company, missing)
    if reason:
        return UndoneLead("left", lead.lead_id, lead.company, reason)
    return _deleted(organization, lead)


def _delete_restored(organization: Organization, lead: SentLead, restored: UndoneLead | Later) -> UndoneLead | Later:
    """Delete a lead that the run created once what the same run added to it later is removed."""
    if isinstance(restored, Later):
        restoring = restored.job
        return replace(restored, job=lambda: _delete_restored(organization, lead, restoring()))
    return restored if restored.outcome == "left" else delete_created(organization, lead, [])


def _deleted(organization: Organization, lead: SentLead) -> UndoneLead:
    """Note that a lead that the run created is gone."""
    organization.journal.note_undoing(lead.key)
    organization.journal.note_undone(lead.key)
    return UndoneLead("deleted", lead.lead_id, lead.company)


def _delete_if_untouched(organization: Organization, lead: SentLead, noted: Noted) -> str:
    """Delete a lead that nobody has changed or worked on; otherwise return why it is left.

    Raises NotFound and ListsLag.
    """
    later = later_run(organization.journal, lead.lead_id, lead.run_id)
    if later:
        return f"the later import {later} also changed it; undo that import first"
    reason = why_not_ours_to_delete(organization, lead.lead_id, lead.lead or {}, noted)
    if reason:
        return reason
    organization.journal.note_undoing(lead.key)
    try:
        organization.close.delete_lead(lead.lead_id)
    except StaleReading as stale:
        if not stale.has_left:
            organization.journal.note_not_undone(lead.key)
        raise
    return ""
