"""Undo a run in Close, except for leads that somebody has changed or worked on since.

A lead that the run created is deleted if it is still as Close answered, and has no task, no opportunity and no activity
other than its creation. What the run added to other leads is removed if it is still as Close answered. The rest is left
alone and listed. Leads that are already gone count as done, so an interrupted undo can simply be run again.
"""

import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial

from close.contents import Json, contact_content, kept, lead_content
from close.errors import CloseUnreachable, InvalidRequest, NotFound, OutcomeUnknown, StaleReading, Stopped
from close.journal import Change, Journal, Run, SentLead
from close.workers import work_off
from close_client import CloseClient
from importing.lost_changes import read_settled, settle_changes
from importing.lost_leads import LATEST_LEADS, LaterLead, Look, settle
from importing.organization import Organization
from importing.own_leads import Copies, adopt, remove_doubles, why_not_ours_to_delete

RESTORE_ATTEMPTS = 5  # to read and restore a lead when answers are lost


@dataclass(frozen=True, slots=True)
class UndoneLead:
    """What became of one lead that a run created or changed: `deleted`, `restored`, or `left` for a reason."""

    outcome: str
    lead_id: str
    company: str
    reason: str = ""


def undo_run(organization: Organization, run: Run, stop: threading.Event) -> Iterator[UndoneLead]:
    """Yield what becomes of each lead that a run created or changed. An error that ends the undo is raised at the end.

    Leads whose answers were lost are looked for first, for as long as an import would.
    """
    _refuse_without_permission(organization, run)
    organization.journal.note_run(run.run_id, "partly undone")
    left = 0
    for lost in _settle_lost(organization, run):
        left += 1
        yield lost
    for done in _side_by_side(_jobs(organization, run), organization.close, stop):
        left += done.outcome == "left"
        yield done
    if not left:
        organization.journal.note_run(run.run_id, "undone")


def _refuse_without_permission(organization: Organization, run: Run) -> None:
    account = organization.account
    account.refuse_without("view_all_leads", effect="so leads that it can't see would be taken for deleted ones")
    if any(_may_be_there(lead) for lead in organization.journal.leads_of_run(run.run_id)):
        account.refuse_without("delete_leads", effect="so the leads that the import created can't be deleted")


def count_to_undo(journal: Journal, run: Run) -> int:
    """How many leads an undo of a run has to check."""
    made = {lead.lead_id or lead.key for lead in journal.leads_of_run(run.run_id) if _may_be_there(lead)}
    return len(made | {change.lead_id for change in journal.changes_of_run(run.run_id)})


def _may_be_there(lead: SentLead) -> bool:
    return lead.state in ("sending", "created", "undoing")


def _settle_lost(organization: Organization, run: Run) -> Iterator[UndoneLead]:
    """Look for leads whose answers were lost and remove duplicates; yield the leads that remain unclear."""
    journal = organization.journal
    leads = [lead for lead in journal.leads_of_run(run.run_id) if _may_be_there(lead)]
    lost = {lead.key: lead for lead in leads if lead.state == "sending"}
    lost_at = dict.fromkeys(lost, time.monotonic())
    for key, fate in settle(organization, lost_at, _sent_after(leads, lost), time.monotonic):
        if fate.kind == "found":
            adopt(organization, key, fate.leads)
            yield from _left_copies(remove_doubles(organization, key, [lead["id"] for lead in fate.leads]))
        elif fate.kind == "unknown":
            reason = "it is not known yet whether Close has this lead; run the undo again"
            yield UndoneLead("left", "", lost[key].company, reason)
        else:
            journal.note_absent(key)
    doubtful = [lead.key for lead in leads if lead.state == "created" and not lead.is_single]
    if doubtful:
        look = Look(organization, doubtful, ())
        look.again(doubtful)
        for key in doubtful:
            yield from _left_copies(remove_doubles(organization, key, look.copies(key)))


def _sent_after(leads: Sequence[SentLead], lost: Mapping[str, SentLead]) -> list[LaterLead]:
    """Leads of the run that were sent after all lost ones: once they show, the lost ones would show too."""
    last = max((lead.first_sent for lead in lost.values()), default=None)
    later = [lead for lead in leads if last and lead.state == "created" and lead.first_sent > last]
    return [LaterLead(math.inf, lead.key, lead.lead_id) for lead in later[-LATEST_LEADS:]]


def _left_copies(copies: Copies) -> Iterator[UndoneLead]:
    """The copies of a lead that had to stay, except the oldest, which is checked with the rest of the run."""
    for copy in copies.left[1:]:
        yield UndoneLead(
            "left", copy["id"], copy.get("name") or "", "a duplicate that somebody else created, changed or used"
        )


def _jobs(organization: Organization, run: Run) -> list[Callable[[], UndoneLead]]:
    """One job for each lead that the run created or changed."""
    journal = organization.journal
    changes: dict[str, list[Change]] = defaultdict(list)
    for change in journal.changes_of_run(run.run_id):
        changes[change.lead_id].append(change)
    made = [lead for lead in journal.leads_of_run(run.run_id) if lead.state in ("created", "undoing")]
    deletions = [partial(_delete, organization, lead, changes.pop(lead.lead_id, [])) for lead in made]
    return [*deletions, *(partial(_restore, organization, each) for each in changes.values())]


def _side_by_side(
    jobs: Iterable[Callable[[], UndoneLead]], close: CloseClient, stop: threading.Event
) -> Iterator[UndoneLead]:
    """Yield the results of jobs, several at a time. The first error ends them, and is raised after those in flight."""
    ended_by: BaseException | None = None

    def is_ended() -> bool:
        return ended_by is not None or stop.is_set()

    todo = deque(jobs)
    with closing(work_off(todo, lambda job: job(), waiting=close.waiting, is_ended=is_ended)) as done:
        for _, future in done:
            error = future.exception()
            if error is None:
                yield future.result()
            else:
                ended_by = ended_by or error
    if ended_by:
        raise ended_by
    if todo:
        raise Stopped("the undo was stopped")


# A lead that the run created -----------------------------------------------------------------------------------------


def _delete(organization: Organization, lead: SentLead, changes: Sequence[Change]) -> UndoneLead:
    """Delete a lead that the run created, after removing what the same run added to it later."""
    if changes:
        restored = _restore(organization, changes)
        if restored.outcome == "left":
            return restored
    try:
        reason = organization.close.on_fresh_reading(lambda: _delete_if_untouched(organization, lead))
    except NotFound:
        organization.journal.note_undoing(lead.key)
    else:
        if reason:
            return UndoneLead("left", lead.lead_id, lead.company, reason)
    organization.journal.note_undone(lead.key)
    return UndoneLead("deleted", lead.lead_id, lead.company)


def _delete_if_untouched(organization: Organization, lead: SentLead) -> str:
    """Delete a lead that nobody has changed or worked on; otherwise return why it is left. Raises NotFound."""
    later = _later_run(organization.journal, lead.lead_id, lead.run_id)
    if later:
        return f"the later import {later} also changed it; undo that import first"
    reason = why_not_ours_to_delete(organization.close, lead.lead_id, lead.lead or {})
    if reason:
        return reason
    organization.journal.note_undoing(lead.key)
    try:
        organization.close.delete_lead(lead.lead_id)
    except StaleReading:
        organization.journal.note_not_undone(lead.key)
        raise
    return ""


# A lead that existed -------------------------------------------------------------------------------------------------


def _restore(organization: Organization, changes: Sequence[Change]) -> UndoneLead:
    """Undo the changes that the run made to one lead, starting with the last."""
    journal = organization.journal
    lead_id, company, run_id = changes[0].lead_id, changes[0].company, changes[0].run_id
    later = _later_run(journal, lead_id, run_id, after=changes[-1].number)
    if later:
        reason = f"the later import {later} also changed it; undo that import first"
        return UndoneLead("left", lead_id, company, reason)
    is_unsure = any(change.state == "sending" for change in changes)
    for _ in range(RESTORE_ATTEMPTS):
        try:
            reasons = organization.close.on_fresh_reading(
                partial(_take_all_back, organization, lead_id, run_id, is_unsure=is_unsure)
            )
        except InvalidRequest as refused:
            return UndoneLead("left", lead_id, company, f"Close refused to restore it: {refused}")
        except NotFound:
            for change in journal.changes_of_lead(lead_id, run_id):
                (journal.note_taken_back if change.state == "done" else journal.note_void)(change.number)
            return UndoneLead("restored", lead_id, company)
        except OutcomeUnknown:
            is_unsure = True
            continue
        if reasons:
            return UndoneLead("left", lead_id, company, "; ".join(reasons))
        return UndoneLead("restored", lead_id, company)
    raise CloseUnreachable("Close's answers were lost several times")


def _later_run(journal: Journal, lead_id: str, run_id: str, after: int = 0) -> str:
    """The id of another run that changed a lead after the change with this number, or ""."""
    changes = [change for change in journal.changes_of_lead(lead_id) if change.number > after]
    return next((change.run_id for change in reversed(changes) if change.run_id != run_id), "")


def _take_all_back(organization: Organization, lead_id: str, run_id: str, *, is_unsure: bool) -> list[str]:
    """The reasons why changes to a lead had to be left; empty if all were undone."""
    close, journal = organization.close, organization.journal
    lead = read_settled(close, lead_id) if is_unsure else close.read_lead(lead_id)
    settle_changes(journal, lead, journal.changes_of_lead(lead_id, run_id))
    reasons = []
    for change in reversed(journal.changes_of_lead(lead_id, run_id)):
        reason = _TAKE_BACK[change.kind](close, change)
        if reason:
            reasons.append(reason)
        else:
            journal.note_taken_back(change.number)
    journal.note_reading(kept(close.read_lead(lead_id)))
    return reasons


def _take_back_fields(close: CloseClient, change: Change) -> str:
    """Empty the fields of a lead that a change filled, but only those that still hold what Close answered."""
    content, after = lead_content(close.read_lead(change.lead_id)), change.after or {}
    differing = [name for name in change.sent if content.get(name) != change.before.get(name)]
    ours = [name for name in differing if content.get(name) == after.get(name)]
    if ours:
        with suppress(NotFound):
            close.update_lead(change.lead_id, {name: change.before.get(name) for name in ours})
    return "" if len(ours) == len(differing) else "a value that was added has since been changed in Close"


def _take_back_items(close: CloseClient, change: Change) -> str:
    """Give a contact back the name, e-mails and phones that it had before a change."""
    contact = _contact(close, change)
    content = contact_content(contact) if contact else change.before
    if all(content[name] == change.before[name] for name in change.before):
        return ""
    if content != change.after:
        return f"the contact {content['name']} has since been changed in Close"
    blank_as_null = {name: None if value == "" else value for name, value in change.before.items()}
    with suppress(NotFound):
        close.update_contact(change.target, blank_as_null)
    return ""


def _take_back_contact(close: CloseClient, change: Change) -> str:
    """Delete a contact that a change added."""
    work = _work_on_contact(close, change)
    contact = _contact(close, change)
    if not contact:
        return ""
    name = contact.get("name") or ""
    if contact_content(contact) != change.after:
        return f"the contact {name} has since been changed in Close"
    if work:
        return f"the contact {name} has {work} in Close"
    with suppress(NotFound):
        close.delete_contact(change.target)
    return ""


def _work_on_contact(close: CloseClient, change: Change) -> str:
    """What somebody has done with the contact that a change is about, in words; "" if nothing."""
    for kind, things in (
        ("activities", close.activities(change.lead_id)),
        ("a task", close.tasks(change.lead_id)),
        ("an opportunity", close.opportunities(change.lead_id)),
    ):
        if any(thing.get("contact_id") == change.target for thing in things):
            return kind
    return ""


def _contact(close: CloseClient, change: Change) -> Json | None:
    """The contact that a change is about, None if it is gone. The lead is read right before the caller writes."""
    contacts = close.read_lead(change.lead_id).get("contacts") or []
    return next((contact for contact in contacts if contact["id"] == change.target), None)


_TAKE_BACK: dict[str, Callable[[CloseClient, Change], str]] = {
    "lead": _take_back_fields,
    "contact": _take_back_items,
    "new contact": _take_back_contact,
}
