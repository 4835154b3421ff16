"""Sending leads to Close, several at a time: each is created, or given what it lacks.

The journal notes the intent before a request is sent, and Close's answer when it arrives. A lead whose answer was lost
is handed back, because nobody knows yet whether Close has it.
"""

import logging
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial

from close.contents import Json, kept
from close.errors import CloseError, CloseUnreachable, InvalidRequest, NotFound, OutcomeUnknown, Stopped
from close.machine import Lock
from close.workers import work_off
from importing.fill import NotAllowed, fill_lead
from importing.gaps import everything_in, without_values
from importing.lost_changes import StillLost
from importing.lost_leads import MOST_WITNESSES, Lost, Witness
from importing.missing_leads import DeletionUnproved, find_missing
from importing.outcomes import CHANGED_SINCE, LeadOutcome, Outcome, outcome_as_planned, outcome_in_close
from importing.own_leads import remove_doubles
from importing.plan import GONE, LEFT_ALONE, MERGED, Plan, PlannedLead, several_found
from importing.refused_values import send_without_refused
from importing.request_bodies import lead_body

MOST_LOST_IN_A_ROW = 10  # answers; after this many, Close is probably down, so the rest should wait

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LostLead:
    """A lead that was sent but whose answer was lost."""

    planned: PlannedLead
    lost: Lost
    reason: str


@dataclass(frozen=True, slots=True)
class LostContact:
    """A lead with a new contact whose answer was lost: it may be sent again after so many seconds.

    `is_news` if the answer was lost just now.
    """

    planned: PlannedLead
    seconds: float
    is_news: bool


Sent = LeadOutcome | LostLead | LostContact


class Sender:
    """Sends the leads of a plan.

    `ended_by` is the error that keeps the rest from being sent, `witnesses` are the newest leads that Close answered,
    and `doubles_removed` is how many of our own duplicates were deleted.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        workers: int | None,
        stop: threading.Event,
    ) -> None:
        self._plan, self._organization = plan, plan.organization
        self._close, self._journal = plan.organization.close, plan.organization.journal
        self._workers, self._stop, self._machine = workers, stop, self._close.machine
        self._clock = self._machine.monotonic
        self._being_filled: dict[str, Lock] = {}
        self._lost_in_a_row = 0
        self.ended_by: Exception | None = None
        self.witnesses: deque[Witness] = deque(maxlen=MOST_WITNESSES)
        self.doubles_removed = 0
        self.doubles_left: list[str] = []

    def end(self, error: Exception) -> None:
        """Stop sending what is still waiting; the first error is the one that is reported."""
        self.ended_by = self.ended_by or error

    def send(self, jobs: deque[PlannedLead]) -> Iterator[tuple[str, Sent]]:
        """Yield the key and outcome of each job. Once sending has ended, jobs that did not start are left in `jobs`."""
        working = work_off(
            *(jobs, self._do),
            workers=self._workers,
            waiting=self._close.waiting,
            is_ended=self._is_ended,
            machine=self._machine,
        )
        with closing(working) as done:
            for planned, future in done:
                sent = self._result_of(future, planned)
                self._count_lost(sent)
                yield planned.key, sent
        if self._stop.is_set() and jobs:
            self.end(Stopped("the import was stopped"))

    def _is_ended(self) -> bool:
        return self.ended_by is not None or self._stop.is_set()

    def _count_lost(self, sent: Sent) -> None:
        if isinstance(sent, LostContact):
            is_lost = sent.is_news
        else:
            is_lost = isinstance(sent, LostLead) or sent.outcome == "undetermined"
        self._lost_in_a_row = self._lost_in_a_row + 1 if is_lost else 0
        if self._lost_in_a_row >= MOST_LOST_IN_A_ROW:
            self.end(CloseUnreachable(f"{self._lost_in_a_row} answers in a row were lost"))

    def _result_of(self, future: Future[Sent], planned: PlannedLead) -> Sent:
        """The result of a job; an error that it raised ends the sending."""
        error = future.exception()
        if error is None:
            return future.result()
        if not isinstance(error, Exception):
            raise error
        self.end(error)
        if isinstance(error, CloseError):
            return self._cut_off(planned, error)
        log.error("%s while a lead was sent", type(error).__name__)
        return LeadOutcome(planned.lead, "undetermined", f"interrupted by an unexpected {type(error).__name__}")

    def _cut_off(self, planned: PlannedLead, error: CloseError) -> LeadOutcome:
        """The outcome of a job that could not be finished: nothing was written, or only part of what a lead lacks."""
        found = planned.found
        if found and self._journal.changes_of_lead(found["id"], self._plan.run_id):
            reason = f"only part of what was missing may have been added, because the import ended early: {error}"
            return outcome_in_close(found, planned.lead, "undetermined", reason, planned.gaps.in_words())
        return not_sent(planned, error)

    # One lead --------------------------------------------------------------------------------------------------------

    def _do(self, planned: PlannedLead) -> Sent:
        if planned.copies:
            return self._sort_out(planned)
        return self._fill(planned) if planned.action == "update" else self._create(planned)

    def _create(self, planned: PlannedLead) -> Sent:
        """Create a lead. Raises CloseError if it can't be sent, or if Close refuses it for anything but its values."""
        lead, key, fields = planned.lead, planned.key, self._organization.fields
        body = lead_body(lead, key, fields)
        self._journal.note_sending(
            *(key, self._plan.run_id, lead.name, body),
            sender=self._organization.account.user_id,
            since=self._close.noted_by_now(),
            moment=self._close.now(),
        )
        began = self._clock()
        try:
            made, dropped = send_without_refused(
                self._made, body, lead, fields, before_rest=partial(self._journal.note_body, key)
            )
        except OutcomeUnknown as lost:
            return LostLead(planned, Lost(self._clock()), str(lost))
        except InvalidRequest as refused:
            self._journal.note_not_sent(key, is_refused=True)
            return LeadOutcome(lead, "failed", str(refused))
        except CloseError:
            self._journal.note_not_sent(key)
            raise
        assert made is not None, "a lead has its name at least"
        self._journal.note_created(key, kept(made), self._close.now())
        self.witnesses.append(Witness(began, key, made["id"]))
        if lead.contacts and not made.get("contacts"):  # an undo compares the whole lead with what is noted
            with suppress(CloseError):
                self._journal.note_created(key, kept(self._close.read_lead(made["id"])), self._close.now())
        written = without_values(everything_in(lead), dropped)
        return outcome_in_close(made, lead, "created", changes=written.in_words(), dropped=dropped)

    def _made(self, body: Json) -> Json:
        """The lead that Close made.

        Raises OutcomeUnknown for an answer about a lead that we deleted: it is an earlier answer, given once more.
        """
        made = self._close.create_lead(body, key_column=self._organization.fields.key_column)
        if self._journal.has_deleted(made["id"]):
            raise OutcomeUnknown("Close's answer was about a lead that was deleted before")
        return made

    def _fill(self, planned: PlannedLead, *, is_back: bool = False) -> Sent:
        """Give a lead what it lacks; one job at a time, because two companies may have been merged into it in Close.

        `is_back` if Close did not find the lead before, and then found it.
        """
        lead, found = planned.lead, planned.found or {}
        try:
            with self._being_filled.setdefault(found["id"], self._machine.lock()):
                filled = fill_lead(self._organization, self._plan.run_id, planned, found["id"])
        except StillLost as still:
            return LostContact(planned, still.seconds, still.is_news)
        except NotFound:
            if is_back:
                reason = "Close sometimes finds this lead and sometimes does not; run the same command again"
                return outcome_in_close(found, lead, "undetermined", reason, planned.gaps.in_words())
            return self._missing(planned)
        except NotAllowed:
            return outcome_in_close(found, lead, "failed", CHANGED_SINCE)
        except InvalidRequest as refused:
            return outcome_in_close(found, lead, "failed", str(refused))
        except OutcomeUnknown as lost:
            reason = f"{lost} several times; run the same command again"
            return outcome_in_close(found, lead, "undetermined", reason, planned.gaps.in_words())
        outcome: Outcome = "updated" if filled.changes else "unchanged"
        done = outcome_in_close(filled.found, lead, outcome, planned.reason, filled.changes, filled.dropped)
        return replace(done, conflicts=filled.conflicts)

    def _missing(self, planned: PlannedLead) -> Sent:
        """The outcome of a lead that search showed but that Close does not find.

        If it is found after all, or was merged into another lead, that one gets its data. If we had created it,
        somebody has deleted it, and it stays deleted. Otherwise a new one is created.
        """
        gone = [planned.found["id"]] if planned.found else planned.copies
        is_bound = planned.allowed is not None
        for lead_id in gone:
            try:
                there = find_missing(self._organization, lead_id)
            except DeletionUnproved as unproved:
                return LeadOutcome(planned.lead, "undetermined", f"{unproved}; run the same command again")
            if there and self._plan.existing == "skip":
                return outcome_in_close(there, planned.lead, "skipped", LEFT_ALONE)
            if there and there["id"] != lead_id and is_bound:
                return outcome_in_close(there, planned.lead, "failed", CHANGED_SINCE)
            if there:
                reason = planned.reason if there["id"] == lead_id else MERGED
                fill = replace(planned, action="update", reason=reason, found=there, copies=())
                return self._fill(fill, is_back=there["id"] == lead_id)
        sent = self._journal.leads([planned.key]).get(planned.key)
        if sent and sent.state in ("created", "removed"):
            return LeadOutcome(planned.lead, "skipped", GONE)
        if sent and sent.state == "undoing":  # an undo that was interrupted has deleted it
            self._journal.note_undone(planned.key)
        if is_bound:
            return LeadOutcome(planned.lead, "failed", CHANGED_SINCE)
        return self._create(replace(planned, action="create"))

    def _sort_out(self, planned: PlannedLead) -> Sent:
        """Remove our own duplicates, then continue with the lead that stays."""
        copies = remove_doubles(self._organization, planned.key, planned.copies)
        if len(copies.left) > 1:
            return outcome_as_planned(several_found(planned.lead, planned.key, copies.left))
        if not copies.left:
            return self._missing(planned)
        self.doubles_removed += copies.removed
        stays = copies.left[0]
        reason = "already in Close; a duplicate that this tool had created was removed"
        if self._plan.existing == "merge" and planned.allowed is None:
            return self._fill(replace(planned, action="update", reason=reason, found=stays))
        if self._plan.existing == "skip":
            return outcome_in_close(stays, planned.lead, "skipped", LEFT_ALONE)
        return outcome_in_close(stays, planned.lead, "unchanged", reason)


def not_sent(planned: PlannedLead, ended_by: Exception | None) -> LeadOutcome:
    """The outcome of a lead that was not sent because the run ended first."""
    return LeadOutcome(planned.lead, "skipped", f"not sent: {ended_by or 'the import was stopped'}")
