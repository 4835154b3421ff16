"""Undo a run in Close, except for leads that somebody has changed or worked on since.

A lead that the run created is deleted if it is still as Close answered, and has no task, no opportunity and no activity
other than its creation. What the run added to other leads is removed if it is still as Close answered. The rest is left
alone and listed. Leads that are already gone count as done, so an interrupted undo can simply be run again.
"""

import math
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from close.contents import Json, contact_content, kept, lead_content, lead_link
from close.errors import CloseUnreachable, InvalidRequest, NotFound, OutcomeUnknown, StaleReading, Stopped
from close.journal import Journal
from close.journal_entries import Change, Run, SentLead
from close.workers import work_off
from close_client import CloseClient
from importing.double_contacts import adopt_late_contacts, remove_double_contacts
from importing.lagging_lists import ListsLag, Noted, refuse_lagging_lists
from importing.lost_changes import StillLost, read_settled, settle_changes, settle_late_changes
from importing.lost_leads import MOST_WITNESSES, Fate, Look, Witness, lost_earlier, settle
from importing.made_fields import maker_for
from importing.missing_leads import find_merged, is_deleted, read_or_none, shows_events
from importing.organization import Organization
from importing.own_leads import (
    Copies,
    adopt,
    find_late_leads,
    remove_doubles,
    remove_late_lead,
    why_not_ours_to_delete,
    work_on_contact,
    work_on_contact_shown_on,
)

PAUSE = 1.0  # seconds until a lead that was not found and then found is looked at again
EVENTS_KEPT = 29 * 86_400  # seconds; a little less than Close keeps its event log
RESTORE_ATTEMPTS = 5  # to read and restore a lead when answers are lost


@dataclass(frozen=True, slots=True)
class UndoneLead:
    """What became of one lead that a run created or changed: `deleted`, `restored`, or `left` for a reason."""

    outcome: str
    lead_id: str
    company: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """A lead that can't be judged yet: `job` is to be done at `due`, by the monotonic clock."""

    due: float
    job: "Job"


Job = Callable[[], UndoneLead | Later]


def undo_run(
    organization: Organization, run: Run, stop: threading.Event, tell: Callable[[str], None]
) -> Iterator[UndoneLead]:
    """Yield what becomes of each lead that a run created or changed. An error that ends the undo is raised at the end.

    Leads whose answers were lost are looked for first, for as long as an import would; `tell` hears of the waits.
    """
    _refuse_without_permission(organization, run)
    organization.journal.note_run(run.run_id, "partly undone")
    left = 0
    for settled in _settle_lost(organization, run, tell):
        left += settled.outcome == "left"
        yield settled
    for done in _in_rounds(_jobs(organization, run), organization.close, stop, tell):
        left += done.outcome == "left"
        yield done
    _tell_of_late_requests(organization, run, tell)
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


def _settle_lost(organization: Organization, run: Run, tell: Callable[[str], None]) -> Iterator[UndoneLead]:
    """Look for what answers were lost to, and remove duplicates; yield the leads that remain unclear, or came late."""
    journal = organization.journal
    leads = [lead for lead in journal.leads_of_run(run.run_id) if _may_be_there(lead)]
    lost = {lead.key: lead for lead in leads if lead.state == "sending"}
    clock = organization.close.machine.monotonic
    lost_at = lost_earlier(organization, lost.values(), clock())
    for key, fate in settle(organization, lost_at, _sent_after(leads, lost), clock, tell):
        yield from _after_fate(organization, lost[key], fate)
    yield from _remove_double_leads(organization, leads)
    maker_for(organization).remove_doubles(tell)
    late = sorted({change.lead_id for change in journal.late_changes() if change.run_id == run.run_id})
    remove_double_contacts(organization, late)
    for lead_id in late:
        settle_late_changes(organization, lead_id)
    yield from _delete_late_leads(organization, run)


def _after_fate(organization: Organization, sent: SentLead, fate: Fate) -> Iterator[UndoneLead]:
    """Note what became of a lead whose answer was lost; yield it if it has to be left."""
    journal, key = organization.journal, sent.key
    if fate.kind == "unknown":
        reason = "it is not known yet whether Close has this lead; run the undo again"
        yield UndoneLead("left", "", sent.company, reason)
        return
    if fate.kind == "found":
        found = adopt(organization, key, fate.leads)
        if journal.leads([key])[key].state != "created":
            yield UndoneLead("left", found["id"], sent.company, "it is not, or no longer, as the import sent it")
        yield from _left_copies(remove_doubles(organization, key, [lead["id"] for lead in fate.leads]))
        return
    merged = find_merged(organization.close, {fate.lead_id: key}).get(key) if fate.kind == "deleted" else None
    if merged:
        yield UndoneLead("left", fate.lead_id, sent.company, _merged_words(merged))
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


def _tell_of_late_requests(organization: Organization, run: Run, tell: Callable[[str], None]) -> None:
    """Say that a request of the run whose answer was lost may still be carried out, although all else was undone."""
    journal = organization.journal
    late = [change.last_sent for change in journal.late_changes() if change.run_id == run.run_id]
    late += [lead.last_sent for lead in journal.late_undone_leads(run.run_id)]
    left = max(map(organization.seconds_until_settled, late), default=0.0)
    if left > 0:
        tell(
            "Close may still carry out a request of this import whose answer was lost. To take back what that may add, "
            f"run the undo again in {math.ceil(left)} s."
        )


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


def _jobs(organization: Organization, run: Run) -> list[Job]:
    """One job for each lead that the run created or changed."""
    journal = organization.journal
    changes: dict[str, list[Change]] = defaultdict(list)
    for change in journal.changes_of_run(run.run_id):
        changes[change.lead_id].append(change)
    made = [lead for lead in journal.leads_of_run(run.run_id) if lead.state in ("created", "undoing")]
    deletions = [partial(_delete, organization, lead, changes.pop(lead.lead_id, [])) for lead in made]
    return [*deletions, *(partial(_restore, organization, each) for each in changes.values())]


def _in_rounds(
    jobs: Sequence[Job], close: CloseClient, stop: threading.Event, tell: Callable[[str], None]
) -> Iterator[UndoneLead]:
    """Yield the results of jobs. Those that can't be judged yet come last, so that one wait is enough for all."""
    while jobs:
        later: list[Later] = []
        for done in _side_by_side(jobs, close, stop):
            if isinstance(done, Later):
                later.append(done)
            else:
                yield done
        left = max((each.due for each in later), default=0.0) - close.machine.monotonic()
        if left > 0:
            leads = "1 lead" if len(later) == 1 else f"{len(later)} leads"
            tell(f"Waiting {math.ceil(left)} s, because Close may not show yet what happened recently to {leads}.")
            close.pause(left)
        jobs = [each.job for each in later]


def _side_by_side(jobs: Iterable[Job], close: CloseClient, stop: threading.Event) -> Iterator[UndoneLead | Later]:
    """Yield the results of jobs, several at a time. The first error ends them, and is raised after those in flight."""
    ended_by: BaseException | None = None

    def is_ended() -> bool:
        return ended_by is not None or stop.is_set()

    todo = deque(jobs)
    working = work_off(todo, lambda job: job(), waiting=close.waiting, is_ended=is_ended, machine=close.machine)
    with closing(working) as done:
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


def _delete(
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
        restored = _restore(organization, changes)
        return _delete_restored(organization, lead, restored)
    noted = noted or Noted(str((lead.lead or {}).get("date_updated") or ""), lead.last_sent)
    try:
        reason = organization.close.on_fresh_reading(lambda: _delete_if_untouched(organization, lead, noted))
    except ListsLag as lag:
        again = partial(_delete, organization, lead, [], lag.noted, is_back=is_back)
        return Later(organization.close.machine.monotonic() + lag.seconds, again)
    except NotFound:
        again = partial(_delete, organization, lead, [], is_back=True)
        is_old = organization.close.seconds_since(lead.last_sent) > EVENTS_KEPT
        missing = _Missing(again, partial(_deleted, organization, lead), is_back, is_old)
        return _look_for_missing(organization, lead.lead_id, lead.company, missing)
    if reason:
        return UndoneLead("left", lead.lead_id, lead.company, reason)
    return _deleted(organization, lead)


def _delete_restored(organization: Organization, lead: SentLead, restored: UndoneLead | Later) -> UndoneLead | Later:
    """Delete a lead that the run created once what the same run added to it later is removed."""
    if isinstance(restored, Later):
        restoring = restored.job
        return replace(restored, job=lambda: _delete_restored(organization, lead, restoring()))
    return restored if restored.outcome == "left" else _delete(organization, lead, [])


def _deleted(organization: Organization, lead: SentLead) -> UndoneLead:
    """Note that a lead that the run created is gone."""
    organization.journal.note_undoing(lead.key)
    organization.journal.note_undone(lead.key)
    return UndoneLead("deleted", lead.lead_id, lead.company)


@dataclass(frozen=True, slots=True)
class _Missing:
    """What to do about a lead that Close does not find: `again` if it is there after all, `gone` if it is not.

    `was_back` if that happened before: then it is left. `is_old` if it may have gone before the event log begins.
    """

    again: Job
    gone: Callable[[], UndoneLead]
    was_back: bool
    is_old: bool
    since: float | None = None


def _look_for_missing(organization: Organization, lead_id: str, company: str, missing: _Missing) -> UndoneLead | Later:
    """What becomes of a lead that Close does not find, which can last for a moment only.

    A lead that was merged into another one is left, because its people are there.
    """
    now, close = organization.close.machine.monotonic(), organization.close
    merged = find_merged(close, {lead_id: lead_id}).get(lead_id)
    if merged:
        return UndoneLead("left", lead_id, company, _merged_words(merged))
    if read_or_none(close, lead_id):
        if missing.was_back:
            return UndoneLead("left", lead_id, company, "Close sometimes does not find it; run the undo again")
        return Later(now + PAUSE, missing.again)
    since = now if missing.since is None else missing.since
    if is_deleted(close, lead_id):
        return missing.gone()
    if now - since >= organization.index_lag:
        if missing.is_old or not shows_events(close):
            return missing.gone()
        reason = "Close does not find it, but does not say either that it was deleted; run the undo again"
        return UndoneLead("left", lead_id, company, reason)
    again = partial(_look_for_missing, organization, lead_id, company, replace(missing, since=since))
    return Later(since + organization.index_lag, again)


def _merged_words(merged: Json) -> str:
    return f"it was merged into {lead_link(merged)}; if what the import added should go, remove it there"


def _delete_if_untouched(organization: Organization, lead: SentLead, noted: Noted) -> str:
    """Delete a lead that nobody has changed or worked on; otherwise return why it is left.

    Raises NotFound and ListsLag.
    """
    later = _later_run(organization.journal, lead.lead_id, lead.run_id)
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


# A lead that existed -------------------------------------------------------------------------------------------------


def _restore(
    organization: Organization, changes: Sequence[Change], noted: Noted | None = None, *, is_back: bool = False
) -> UndoneLead | Later:
    """Undo the changes that the run made to one lead, starting with the last; `is_back` as when one is deleted."""
    journal = organization.journal
    lead_id, company, run_id = changes[0].lead_id, changes[0].company, changes[0].run_id
    later = _later_run(journal, lead_id, run_id, after=changes[-1].number)
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
            again = partial(_restore, organization, changes, noted, is_back=is_back)
            return Later(organization.close.machine.monotonic() + still.seconds, again)
        except ListsLag as lag:
            again = partial(_restore, organization, changes, lag.noted, is_back=is_back)
            return Later(organization.close.machine.monotonic() + lag.seconds, again)
        except NotFound:
            again = partial(_restore, organization, changes, is_back=True)
            is_old = organization.close.seconds_since(changes[0].last_sent) > EVENTS_KEPT
            missing = _Missing(again, partial(_nothing_to_restore, organization, changes), is_back, is_old)
            return _look_for_missing(organization, lead_id, company, missing)
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


def _later_run(journal: Journal, lead_id: str, run_id: str, after: int = 0) -> str:
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
