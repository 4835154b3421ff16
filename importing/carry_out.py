"""Carry out a plan completely, so that each lead is in Close exactly once.

It creates missing custom fields, sends the leads, looks for leads whose answers were lost, sends those again that Close
turns out not to have, and removes duplicates. The journal records all of it, so a run that was interrupted at any
moment is continued by the next one.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from close.contents import Json, lead_link
from close.errors import CloseError
from importing.custom_fields import make_fields
from importing.gaps import find_gaps
from importing.lost_leads import Look, settle
from importing.outcomes import LeadOutcome, outcome_as_planned, outcome_in_close
from importing.own_leads import adopt, remove_doubles
from importing.plan import Plan, PlannedLead
from importing.send import LostLead, Sender, Sent, not_sent

MOST_RESENDS = 5  # of one lead in one run; after that, the next run continues


def carry_out(
    plan: Plan, *, workers: int | None, stop: threading.Event, tell: Callable[[str], None]
) -> Iterator[LeadOutcome]:
    """Yield the outcome of each lead: first the leads with nothing to do, then the others as Close answers.

    Missing custom fields are created before anything is sent. Once `stop` is set, or Close refuses the whole run,
    requests in flight are finished and the rest is skipped. The error that ended the run, even a bug of ours, is raised
    after the last outcome, so that no outcome is lost. `tell` is called with anything that users may wonder about.
    """
    organization = plan.organization
    todo = [planned for planned in plan.leads if _is_to_do(plan, planned)]
    settled = [planned for planned in plan.leads if not _is_to_do(plan, planned)]
    try:
        organization.journal.start_run(plan.run_id, plan.file, plan.existing)
        fields = make_fields(organization.close, organization.journal, plan.missing_fields, organization.fields)
    except Exception as error:  # whatever it is, no lead was sent
        yield from map(outcome_as_planned, settled)
        yield from (not_sent(planned, error) for planned in todo)
        raise
    plan = replace(plan, organization=replace(organization, fields=fields))
    sender = Sender(plan, workers=workers, stop=stop, clock=time.monotonic)
    yield from _CarryingOut(plan, sender, tell, time.monotonic).outcomes(settled, todo)
    if sender.ended_by:
        raise sender.ended_by


def _is_to_do(plan: Plan, planned: PlannedLead) -> bool:
    """Whether there is work: something to write or look up, or several copies, one of which the journal may know."""
    return planned.writes or bool(planned.copies and planned.key in plan.sent)


class _CarryingOut:
    """One run: it sends leads, handles lost answers and removes duplicates until every planned lead has an outcome."""

    def __init__(self, plan: Plan, sender: Sender, tell: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._plan, self._organization = plan, plan.organization
        self._sender, self._tell, self._clock = sender, tell, clock
        self._lost: dict[str, LostLead] = {}
        self._found: set[str] = set()  # keys of leads whose answers were lost but that Close has
        self._resends: Counter[str] = Counter()
        self._last_resend = clock()
        self._held: dict[str, LeadOutcome] = {}

    def outcomes(self, settled: Iterable[PlannedLead], todo: Sequence[PlannedLead]) -> Iterator[LeadOutcome]:
        """Yield one outcome for every lead, starting with the leads that need nothing."""
        yield from self._let_through((planned.key, outcome_as_planned(planned)) for planned in settled)
        began, reason = self._clock(), "Close's answer was lost in an earlier run"
        self._lost = {each.key: LostLead(each, began, reason) for each in todo if each.action == "look up"}
        jobs = deque(each for each in todo if each.action != "look up")
        self._forget_deleted(jobs)
        while jobs or self._lost:
            yield from self._let_through(self._sender.send(jobs))
            if self._lost and not self._sender.ended_by:
                yield from self._let_through(self._look_for_lost(jobs))
            if self._sender.ended_by:
                break
        yield from (not_sent(planned, self._sender.ended_by) for planned in jobs)
        yield from map(_undetermined, self._lost.values())
        yield from self._check_doubles()
        if self._sender.doubles_removed:
            self._tell(f"duplicates created by these imports and removed from Close: {self._sender.doubles_removed}")

    def _forget_deleted(self, jobs: Iterable[PlannedLead]) -> None:
        """Note that leads are gone if an undo was interrupted while it deleted them."""
        for planned in jobs:
            sent = self._plan.sent.get(planned.key)
            if planned.action == "create" and sent and sent.state == "undoing":
                self._organization.journal.note_undone(planned.key)

    def _let_through(self, results: Iterable[tuple[str, Sent]]) -> Iterator[LeadOutcome]:
        """Pass outcomes on, but hold back lost leads and possible duplicates until they have been looked up."""
        for key, result in results:
            if isinstance(result, LostLead):
                self._lost[key] = result
                continue
            outcome = replace(result, outcome="created") if key in self._found else result
            if not outcome.lead_id or not self._may_be_double(key):
                yield outcome
                continue
            self._held[key] = outcome
            self._last_resend = self._clock() if self._resends[key] else self._last_resend

    def _may_be_double(self, key: str) -> bool:
        """Whether Close may have created a lead more than once, in this run or in earlier ones."""
        sent = self._plan.sent.get(key)
        is_resent = sent is not None and (not sent.is_single or (sent.state == "absent" and sent.sends > 0))
        return is_resent or self._resends[key] > 0

    # Lost answers ----------------------------------------------------------------------------------------------------

    def _look_for_lost(self, jobs: deque[PlannedLead]) -> Iterator[tuple[str, LeadOutcome]]:
        """Yield what became of the leads whose answers were lost; leads that Close does not have become jobs again."""
        lag = f"{self._organization.index_lag:g} s"
        self._tell(f"answers lost: {len(self._lost)}. Looking for these leads in Close, which takes {lag} or more")
        lost_at = {key: lost.lost_at for key, lost in self._lost.items()}
        later = list(self._sender.later)
        try:
            for key, fate in settle(self._organization, lost_at, later, self._clock):
                lost = self._lost.pop(key)
                if fate.kind == "absent" and self._resends[key] < MOST_RESENDS:
                    self._organization.journal.note_absent(key)
                    self._resends[key] += 1
                    jobs.append(replace(lost.planned, action="create"))
                elif fate.kind == "found":
                    yield from self._go_on_with(lost.planned, fate.leads, jobs)
                elif fate.kind == "deleted":
                    self._organization.journal.note_removed(key, fate.lead_id)
                    yield key, LeadOutcome(lost.planned.lead, "skipped", "created, then deleted or merged in Close")
                else:
                    yield key, _undetermined(lost)
        except CloseError as error:
            self._sender.end(error)

    def _go_on_with(
        self, planned: PlannedLead, copies: Sequence[Json], jobs: deque[PlannedLead]
    ) -> Iterator[tuple[str, LeadOutcome]]:
        """Yield the outcome of a lead that was found after all; if it lacks something, it becomes a job instead."""
        found = adopt(self._organization, planned.key, copies)
        is_ours = self._organization.journal.leads([planned.key])[planned.key].state == "created"
        reason = "somebody else added it to Close at the same time"
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

    # Duplicates ------------------------------------------------------------------------------------------------------

    def _check_doubles(self) -> Iterator[LeadOutcome]:
        """Wait one index lag after the last resend, remove duplicates, and yield the outcomes of leads sent twice."""
        if self._sender.ended_by or not self._held:
            yield from self._held.values()
            return
        keys, lag = list(self._held), self._organization.index_lag
        self._tell(
            f"leads sent again because they had not arrived: {len(keys)}. Looking for duplicates, which takes {lag:g} s"
        )
        try:
            self._organization.close.pause(max(0.0, self._last_resend + lag - self._clock()))
            look = Look(self._organization, keys, list(self._sender.later))
            look.again(keys)
            for key in keys:
                copies = remove_doubles(self._organization, key, look.copies(key))
                self._organization.journal.note_single(key)
                self._sender.doubles_removed += copies.removed
                yield _checked(self._held.pop(key), copies.left)
        except CloseError as error:
            self._sender.end(error)
            yield from self._held.values()


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


def _undetermined(lost: LostLead) -> LeadOutcome:
    reason = f"{lost.reason}, so the lead may or may not be in Close; run the same command again"
    return LeadOutcome(lost.planned.lead, "undetermined", reason)
