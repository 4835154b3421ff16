"""Carry out a plan completely, so that each lead is in Close exactly once.

It creates missing custom fields, sends the leads, looks for leads whose answers were lost, sends those again that Close
turns out not to have, and removes duplicates. The journal records all of it, so a run that was interrupted at any
moment is continued by the next one.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from close.contents import Json, lead_link
from close.errors import CloseError
from close.journal_entries import SentLead
from importing.double_contacts import late_contacts, remove_double_contacts
from importing.gaps import everything_in, find_gaps, without_values
from importing.lost_changes import settle_late_changes
from importing.lost_leads import LOOKS_PER_LAG, SHORTEST_PAUSE, Fate, Look, lost_earlier, settle
from importing.made_fields import make_fields, maker_for
from importing.outcomes import LeadOutcome, outcome_as_planned, outcome_in_close
from importing.own_leads import adopt, remove_doubles, remove_late_leads
from importing.plan import Plan, PlannedLead
from importing.send import LostContact, LostLead, Sender, Sent, not_sent

MOST_RESENDS = 5  # of one lead in one run; after that, the next run continues


def carry_out(
    plan: Plan, *, workers: int | None, stop: threading.Event, tell: Callable[[str], None], doubles_left: list[str]
) -> Iterator[LeadOutcome]:
    """Yield the outcome of each lead: first the leads with nothing to do, then the others as Close answers.

    Missing custom fields are created before anything is sent. Once `stop` is set, or Close refuses the whole run,
    requests in flight are finished and the rest is skipped. The error that ended the run, even a bug of ours, is raised
    after the last outcome, so that no outcome is lost. `tell` is called with anything that users may wonder about; to
    `doubles_left`, sentences are added about doubles of earlier runs that a person has to remove.
    """
    organization = plan.organization
    todo = [planned for planned in plan.leads if plan.is_to_do(planned)]
    settled = [planned for planned in plan.leads if not plan.is_to_do(planned)]
    try:
        organization.journal.start_run(plan.run_id, plan.file, plan.existing, organization.close.now())
        fields = make_fields(organization, plan.missing_fields)
    except Exception as error:  # whatever it is, no lead was sent
        yield from map(outcome_as_planned, settled)
        yield from (not_sent(planned, error) for planned in todo)
        raise
    plan = replace(plan, organization=replace(organization, fields=fields))
    sender = Sender(plan, workers=workers, stop=stop)
    yield from _CarryingOut(plan, sender, _told_once(tell)).outcomes(settled, todo)
    doubles_left.extend(sender.doubles_left)
    if sender.ended_by:
        raise sender.ended_by


def _told_once(tell: Callable[[str], None]) -> Callable[[str], None]:
    """A way to speak that says nothing twice."""
    told: set[str] = set()

    def tell_once(words: str) -> None:
        if words not in told:
            told.add(words)
            tell(words)

    return tell_once


class _CarryingOut:
    """One run: it sends leads, handles lost answers and removes duplicates until every planned lead has an outcome."""

    def __init__(self, plan: Plan, sender: Sender, tell: Callable[[str], None]) -> None:
        self._plan, self._organization = plan, plan.organization
        self._close, self._journal = plan.organization.close, plan.organization.journal
        self._sender, self._tell, self._clock = sender, tell, self._close.machine.monotonic
        self._lost: dict[str, LostLead] = {}
        self._found: set[str] = set()  # keys of leads whose answers were lost but that Close has
        self._without_contact: dict[str, LostContact] = {}
        self._resends: Counter[str] = Counter()
        self._lost_contacts: Counter[str] = Counter()  # by the lead's key
        self._is_told: set[str] = set()  # keys of leads whose lost contacts were told
        self._uncertain = self._journal.leads_with_lost_changes()  # by an earlier run
        self._last_resend = self._clock()
        self._held: dict[str, LeadOutcome] = {}

    def outcomes(self, settled: Iterable[PlannedLead], todo: Sequence[PlannedLead]) -> Iterator[LeadOutcome]:
        """Yield one outcome for every lead, starting with the leads that need nothing."""
        self._remove_doubles_of_earlier_runs()
        yield from self._let_through((planned.key, outcome_as_planned(planned)) for planned in settled)
        self._remember_lost(todo)
        jobs = deque(each for each in todo if each.action != "look up")
        self._forget_deleted(jobs)
        while (jobs or self._lost or self._without_contact) and not self._sender.ended_by:
            yield from self._let_through(self._sender.send(jobs))
            if not self._sender.ended_by:
                yield from self._let_through(self._wait_for_contacts(jobs))
                yield from self._let_through(self._look_for_lost(jobs))
        yield from (not_sent(planned, self._sender.ended_by) for planned in jobs)
        yield from (_undetermined(lost.planned, lost.reason) for lost in self._lost.values())
        yield from map(_undetermined_contact, self._without_contact.values())
        yield from self._check_doubles()
        self._look_for_former_rows()
        if self._sender.doubles_removed:
            self._tell(f"duplicates created by these imports and removed from Close: {self._sender.doubles_removed}")

    def _remember_lost(self, todo: Iterable[PlannedLead]) -> None:
        """Note which leads were sent by earlier runs that did not get an answer."""
        sent_before = {planned.key: planned for planned in todo if planned.action == "look up"}
        sent = [self._plan.sent[key] for key in sent_before]
        for lead in sent:
            if lead.state == "absent":
                self._journal.note_arrived(lead.key, self._plan.run_id)
        reason = "Close's answer was lost in an earlier run"
        for key, lost in lost_earlier(self._organization, sent, self._clock()).items():
            self._lost[key] = LostLead(sent_before[key], lost, reason)

    def _forget_deleted(self, jobs: Iterable[PlannedLead]) -> None:
        """Note that leads are gone if an undo was interrupted while it deleted them."""
        for planned in jobs:
            sent = self._plan.sent.get(planned.key)
            if planned.action == "create" and sent and sent.state == "undoing":
                self._journal.note_undone(planned.key)

    def _let_through(self, results: Iterable[tuple[str, Sent]]) -> Iterator[LeadOutcome]:
        """Pass outcomes on, but hold back what was lost and possible duplicates until they have been looked up."""
        for key, result in results:
            if isinstance(result, LostLead):
                self._lost[key] = result
                continue
            if isinstance(result, LostContact):
                self._without_contact[key] = result
                self._lost_contacts[key] += result.is_news
                continue
            is_found = key in self._found and result.outcome in ("updated", "unchanged")
            outcome = _created_after_all(result) if is_found else result
            if not outcome.lead_id or not self._may_be_double(key, outcome.lead_id):
                yield outcome
                continue
            self._held[key] = outcome
            self._last_resend = self._clock() if self._is_resent(key) else self._last_resend

    def _may_be_double(self, key: str, lead_id: str) -> bool:
        """Whether Close may have created a lead or a contact of it more than once, in this run or in earlier ones."""
        before = self._plan.sent.get(key)
        was_doubtful = before is not None and (not before.is_single or (before.state == "absent" and before.sends > 0))
        if was_doubtful and not self._journal.leads([key])[key].is_single:
            return True
        is_uncertain = self._lost_contacts[key] > 0 or lead_id in self._uncertain
        return self._resends[key] > 0 or (is_uncertain and bool(late_contacts(self._journal, lead_id)))

    def _is_resent(self, key: str) -> bool:
        return self._resends[key] > 0 or self._lost_contacts[key] > 0

    # Lost answers ----------------------------------------------------------------------------------------------------

    def _wait_for_contacts(self, jobs: deque[PlannedLead]) -> Iterator[tuple[str, LeadOutcome]]:
        """Make leads with contacts whose answers were lost into jobs again, after a wait: then they are read again.

        Yield the outcomes of those whose answers were lost too often.
        """
        waiting = self._without_contact
        if not waiting:
            return
        longest = max(contact.seconds for contact in waiting.values())
        if any(contact.is_news or key not in self._is_told for key, contact in waiting.items()):
            self._tell(
                f"Close's answer was lost for new contacts of {_counted_leads(len(waiting))}. Waiting to see whether "
                f"they arrived: up to {longest:.0f} s more."
            )
        self._is_told.update(waiting)
        try:
            self._close.pause(min(longest, max(SHORTEST_PAUSE, self._organization.index_lag / LOOKS_PER_LAG)))
        except CloseError as error:
            self._sender.end(error)
            return
        self._without_contact = {}
        for key, contact in waiting.items():
            if self._lost_contacts[key] <= MOST_RESENDS:
                jobs.append(contact.planned)
            else:
                yield key, _undetermined_contact(contact)

    def _look_for_lost(self, jobs: deque[PlannedLead]) -> Iterator[tuple[str, LeadOutcome]]:
        """Yield what became of the leads whose answers were lost; leads that Close does not have become jobs again."""
        if jobs or self._sender.ended_by:
            return
        lost_at = {key: each.lost for key, each in self._lost.items()}
        witnesses = list(self._sender.witnesses)
        try:
            for key, fate in settle(self._organization, lost_at, witnesses, self._clock, self._tell):
                lost = self._lost.pop(key)
                if fate.kind == "absent" and self._resends[key] < MOST_RESENDS:
                    self._journal.note_absent(key)
                    self._resends[key] += 1
                    jobs.append(replace(lost.planned, action="create"))
                elif fate.kind == "found":
                    yield from self._go_on_with(lost.planned, fate.leads, jobs)
                elif fate.kind == "deleted":
                    self._journal.note_removed(key, fate.lead_id)
                    yield key, LeadOutcome(lost.planned.lead, "skipped", "created, then deleted or merged in Close")
                else:
                    yield key, _undetermined(lost.planned, lost.reason)
        except CloseError as error:
            self._sender.end(error)

    def _go_on_with(
        self, planned: PlannedLead, copies: Sequence[Json], jobs: deque[PlannedLead]
    ) -> Iterator[tuple[str, LeadOutcome]]:
        """Yield the outcome of a lead that was found after all; if it lacks something, it becomes a job instead."""
        found = adopt(self._organization, planned.key, copies)
        is_ours = self._journal.leads([planned.key])[planned.key].state == "created"
        reason = "somebody else added it to Close at the same time, or has changed it since it was sent"
        if is_ours:
            reason = "Close's answer was lost, but the lead was found in Close by its import key"
            self._found.add(planned.key)
        if len(copies) > 1:
            self._resends[planned.key] += 1
        gaps = find_gaps(found, planned.lead, planned.key, self._organization.fields)
        if gaps and self._plan.existing != "skip":
            jobs.append(replace(planned, action="update", reason=reason, gaps=gaps, found=found))
        else:
            yield planned.key, outcome_in_close(found, planned.lead, "unchanged", reason)

    def _look_for_former_rows(self) -> None:
        """Look for leads that an earlier part of this run sent without an answer, and whose rows have changed since."""
        former = {lead.key: lead for lead in self._plan.former}
        lost = lost_earlier(self._organization, former.values(), self._clock())
        if self._sender.ended_by or not former:
            return
        witnesses = list(self._sender.witnesses)
        try:
            for key, fate in settle(self._organization, lost, witnesses, self._clock, self._tell):
                self._tell_of_former_row(former[key], fate)
        except CloseError as error:
            self._sender.end(error)

    def _tell_of_former_row(self, sent: SentLead, fate: Fate) -> None:
        """Note what became of a lead whose row the file lacks, and say so."""
        row = "from a row that has since been changed in, or removed from, the file"
        if fate.kind == "found":
            adopt(self._organization, sent.key, fate.leads)
            copies = remove_doubles(self._organization, sent.key, [lead["id"] for lead in fate.leads])
            self._sender.doubles_removed += copies.removed
            self._tell(
                f"An earlier part of this run created {sent.company} {row}: {' '.join(map(lead_link, copies.left))}. "
                "If another row replaced that one, merge their leads in Close."
            )
        elif fate.kind == "absent":
            self._journal.note_absent(sent.key)
            self._tell(f"An earlier part of this run sent {sent.company} {row}; Close did not create it.")
        elif fate.kind == "deleted":
            self._journal.note_removed(sent.key, fate.lead_id)
            since = "it has since been deleted or merged in Close"
            self._tell(f"An earlier part of this run created {sent.company} {row}; {since}.")

    # Duplicates ------------------------------------------------------------------------------------------------------

    def _remove_doubles_of_earlier_runs(self) -> None:
        """Remove duplicates that turned up after the run that made them had ended; what must stay is told."""
        try:
            maker_for(self._organization).remove_doubles(self._tell)
            late = dict.fromkeys(change.lead_id for change in self._journal.late_changes())
            for lead_id in late:
                settle_late_changes(self._organization, lead_id)
            for lead_id, reasons in remove_double_contacts(self._organization, late).items():
                link = lead_link({"id": lead_id})
                self._sender.doubles_left += [f"{link}: {reason}. Delete one of them in Close." for reason in reasons]
            self._sender.doubles_removed += remove_late_leads(self._organization, self._sender.doubles_left.append)
        except CloseError as error:
            self._sender.end(error)

    def _check_doubles(self) -> Iterator[LeadOutcome]:
        """Wait one index lag after the last resend, remove duplicates, and yield the outcomes of leads sent twice."""
        try:
            if self._held and not self._sender.ended_by:
                yield from self._check_held()
            if not self._sender.ended_by:
                maker_for(self._organization).remove_doubles(self._tell)
        except CloseError as error:
            self._sender.end(error)
        yield from self._held.values()

    def _check_held(self) -> Iterator[LeadOutcome]:
        keys, lag = list(self._held), self._organization.index_lag
        left = max(0.0, self._last_resend + lag - self._clock())
        self._tell(
            f"Not arrived, so sent again in whole or in part: {_counted_leads(len(keys))}. Waiting until Close would "
            f"show duplicates: {left:.0f} s more."
        )
        self._close.pause(left)
        created = [key for key in keys if self._journal.leads([key])]
        look = Look(self._organization, created, []) if created else None
        if look:
            look.again(created)
        for key in keys:
            outcome = self._held[key]
            if look and key in created:
                copies = remove_doubles(self._organization, key, look.copies(key))
                self._sender.doubles_removed += copies.removed
                outcome = _checked(outcome, copies.left)
            self._held[key] = outcome
        doubles = remove_double_contacts(self._organization, [each.lead_id for each in self._held.values()])
        for key in keys:
            outcome = self._held.pop(key)
            yield _with_double_contacts(outcome, doubles.get(outcome.lead_id, []))


def _checked(outcome: LeadOutcome, copies: Sequence[Json]) -> LeadOutcome:
    """The outcome of a lead that was sent twice, after its duplicates were looked for."""
    if len(copies) > 1:
        links = " ".join(map(lead_link, copies))
        reason = f"Close has {len(copies)} leads for this company; merge them there: {links}"
        return replace(outcome, reason=reason, is_ambiguous=True)
    if not copies or copies[0]["id"] == outcome.lead_id:
        return outcome
    reason = "created twice because an answer was lost; the newer lead was removed"
    return replace(outcome, reason=reason, lead_id=copies[0]["id"], link=lead_link(copies[0]))


def _with_double_contacts(outcome: LeadOutcome, reasons: Sequence[str]) -> LeadOutcome:
    """The outcome of a lead with a contact that was sent twice, both copies of which must stay."""
    if not reasons:
        return outcome
    return replace(outcome, reason="; ".join([*filter(None, [outcome.reason]), *reasons]), is_ambiguous=True)


def _created_after_all(outcome: LeadOutcome) -> LeadOutcome:
    """The outcome of a lead that Close has created although its answer was lost."""
    written = without_values(everything_in(outcome.lead), outcome.dropped)
    return replace(outcome, outcome="created", changes=written.in_words())


def _undetermined(planned: PlannedLead, reason: str) -> LeadOutcome:
    words = f"{reason}, so the lead may or may not be in Close; run the same command again"
    return LeadOutcome(planned.lead, "undetermined", words)


def _undetermined_contact(contact: LostContact) -> LeadOutcome:
    planned = contact.planned
    reason = "Close's answer was lost, so a new contact may or may not be on the lead; run the same command again"
    return outcome_in_close(planned.found or {}, planned.lead, "undetermined", reason, planned.gaps.in_words())


def _counted_leads(count: int) -> str:
    return "1 lead" if count == 1 else f"{count} leads"
