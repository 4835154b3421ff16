"""What an undo finds out before it begins: what answers were lost to, and what is in Close twice because of that."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from close.journal_entries import Run, SentLead
from importing.double_contacts import remove_double_contacts
from importing.lost_changes import settle_late_changes
from importing.lost_leads import MOST_WITNESSES, Fate, Look, Witness, lost_earlier, settle
from importing.made_fields import maker_for
from importing.missing_leads import find_merged
from importing.organization import Organization
from importing.own_leads import Copies, adopt, find_late_leads, remove_doubles, remove_late_lead
from importing.undo.missing import merged_words
from importing.undo.rounds import UndoneLead


def may_be_there(lead: SentLead) -> bool:
    """Whether Close may have a lead that an import sent."""
    return lead.state in ("sending", "created", "undoing")


def settle_lost(
    organization: Organization, run: Run, tell: Callable[[str], None], patience: float
) -> Iterator[UndoneLead]:
    """Look for what answers were lost to, and remove duplicates; yield the leads that remain unclear, or came late.

    What would take more than `patience` seconds to find out remains unclear.
    """
    journal = organization.journal
    leads = [lead for lead in journal.leads_of_run(run.run_id) if may_be_there(lead)]
    lost = {lead.key: lead for lead in leads if lead.state == "sending"}
    clock = organization.close.machine.monotonic
    lost_at = lost_earlier(organization, lost.values(), clock())
    for key, fate in settle(organization, lost_at, _sent_after(leads, lost), clock, tell, patience):
        yield from _after_fate(organization, lost[key], fate, patience)
    yield from _remove_double_leads(organization, leads)
    _remove_double_fields(organization, tell, patience)
    late = sorted({change.lead_id for change in journal.late_changes() if change.run_id == run.run_id})
    remove_double_contacts(organization, late)
    for lead_id in late:
        settle_late_changes(organization, lead_id)
    yield from _delete_late_leads(organization, run)


def _remove_double_fields(organization: Organization, tell: Callable[[str], None], patience: float) -> None:
    """Delete custom fields that are there twice because an answer was lost; that takes longer than a dry run waits."""
    if patience == math.inf:
        maker_for(organization).remove_doubles(tell)
    elif any(sent.sends > 1 for sent in organization.journal.unsettled_things().values()):
        tell("An undo would first look for a custom field that is there twice because an answer from Close was lost.")


def _after_fate(organization: Organization, sent: SentLead, fate: Fate, patience: float) -> Iterator[UndoneLead]:
    """Note what became of a lead whose answer was lost; yield it if it has to be left."""
    journal, key = organization.journal, sent.key
    if fate.kind == "unknown":
        next_step = "run the undo again" if patience == math.inf else "an undo looks for it first"
        reason = f"it is not known yet whether Close has this lead; {next_step}"
        yield UndoneLead("left", "", sent.company, reason, is_known=False)
        return
    if fate.kind == "found":
        found = adopt(organization, key, fate.leads)
        if journal.leads([key])[key].state != "created":
            yield UndoneLead("left", found["id"], sent.company, "it is not, or no longer, as the import sent it")
        yield from _left_copies(remove_doubles(organization, key, [lead["id"] for lead in fate.leads]))
        return
    merged = find_merged(organization.close, {fate.lead_id: key}).get(key) if fate.kind == "deleted" else None
    if merged:
        yield UndoneLead("left", fate.lead_id, sent.company, merged_words(merged))
    else:
        journal.note_absent(key)


def _remove_double_leads(organization: Organization, leads: Iterable[SentLead]) -> Iterator[UndoneLead]:
    """Remove duplicates of leads that were sent more than once; yield those that have to stay."""
    doubtful = [lead.key for lead in leads if lead.state == "created" and not lead.is_single]
    if doubtful:
        look = Look(organization, doubtful, ())
        look.again(doubtful)
        for key in doubtful:
            yield from _left_copies(remove_doubles(organization, key, look.copies(key)))


def _delete_late_leads(organization: Organization, run: Run) -> Iterator[UndoneLead]:
    """Delete leads of the run that arrived after it was undone, because a request had been repeated."""
    for key, found in find_late_leads(organization, organization.journal.late_undone_leads(run.run_id)).items():
        for lead in found:
            reason = remove_late_lead(organization, key, lead)
            outcome = "left" if reason else "deleted"
            yield UndoneLead(outcome, lead["id"], str(lead.get("name") or ""), reason)


def _sent_after(leads: Sequence[SentLead], lost: Mapping[str, SentLead]) -> list[Witness]:
    """Leads of the run that were sent after all lost ones: if they show, the lost ones would probably show too."""
    last = max((lead.last_sent for lead in lost.values()), default=None)
    later = [lead for lead in leads if last and lead.state == "created" and lead.last_sent > last]
    return [Witness(math.inf, lead.key, lead.lead_id) for lead in later[-MOST_WITNESSES:]]


def _left_copies(copies: Copies) -> Iterator[UndoneLead]:
    """The copies of a lead that had to stay, except the oldest, which is checked with the rest of the run."""
    for copy in copies.left[1:]:
        yield UndoneLead(
            "left", copy["id"], copy.get("name") or "", "a duplicate that somebody else created, changed or used"
        )
