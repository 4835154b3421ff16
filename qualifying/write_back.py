"""How a verdict gets into Close: a note on the lead, then the new status, each written once whatever happens.

Close has no idempotency keys. So each write is in the journal before it is sent, and a note carries the id of its
attempt, by which it is looked for on the lead before it is written. An interrupted write is completed with the recorded
verdict; nobody is checked again. A lead is read by id before anything is decided about it and again before each write:
if somebody has moved it or changed its id in the meantime, it is left as it is.
"""

import hashlib
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Literal

from close.conditions import custom_field, has_value, is_one_of, regular_field
from close.contents import Json, lead_link
from close.errors import (
    CloseUnreachable,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    RequestRejected,
)
from close.fields import STATUS
from close.journal import Journal
from close.journal_entries import LONG_AGO, WriteBack
from close_client import Account, CloseClient
from qualifying.person import ID_RULE, Person, is_whole_id
from qualifying.round import Round
from qualifying.statuses import Workflow
from qualifying.trail import journal_line, verdict_of
from qualifying.verdict import CHECK_TITLES, Verdict, outcome_words

MOST_UNREACHABLE = 3  # leads in a row, after which we assume that Close itself is down
MOST_TRIES = 3  # of one write whose answer is lost each time
LOOKS_PER_LAG = 4
SHORTEST_PAUSE = 0.5  # seconds between two looks
MOST_LAGS = 10  # after which no note can be on its way any more

Kind = Literal[
    "moved", "undetermined", "without_id", "left", "refused", "unknown", "ambiguous", "not_found", "rehearsed"
]


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of a lead: whether it was `moved`, and the reason in words. `link` is "" if no lead is known."""

    kind: Kind
    link: str
    reason: str
    verdict: Verdict | None = None

    @property
    def needs_somebody(self) -> bool:
        """Whether a person has to look at it, because another try will not help."""
        return self.is_unsettled and self.kind != "undetermined"

    @property
    def is_unsettled(self) -> bool:
        """Whether something is left to do, by a person or by the next run."""
        return self.kind not in ("moved", "left", "rehearsed")


class WritingBack:
    """Qualifies leads and writes the verdicts back; safe to share between threads.

    `note_lag` is the number of seconds after which a list is trusted to show a note that was sent. With
    `has_note_detail`, a note says what each check found. If scores are drawn at random, nothing is ever written.
    """

    def __init__(
        self,
        close: CloseClient,
        account: Account,
        journal: Journal,
        workflow: Workflow,
        this_round: Round,
        *,
        note_lag: float,
        has_note_detail: bool,
    ) -> None:
        self._close, self._account = close, account
        self._journal = journal
        self._workflow = workflow
        self._round = this_round
        self._note_lag = note_lag
        self._has_note_detail = has_note_detail
        self._began = close.now()
        self._unreachable = 0  # leads in a row; threads may make this slightly wrong

    def waiting_leads(self) -> list[str]:
        """The ids of leads with something left to write, and of leads that search shows in the waiting status.

        The order of the latter is random: if a service fails only for some people, these must not come first in every
        round, or it would be given up before all others are checked.
        """
        unfinished = [write_back.lead_id for write_back in self._journal.unfinished_write_backs()]
        is_waiting = is_one_of(regular_field(STATUS.key), [self._workflow.waiting])
        shown = [lead["id"] for lead in self._close.walk_leads(is_waiting, ["id"])]
        random.shuffle(shown)
        return list(dict.fromkeys([*unfinished, *shown]))

    def take_up(self, lead_id: str) -> Handled | None:
        """What became of a lead that is to be qualified; None if it is no longer waiting.

        A lead that can't be read does not hold up others; after several in a row, CloseUnreachable is raised.
        """
        try:
            handled = self._take_up(lead_id)
        except CloseUnreachable as error:
            self._unreachable += 1
            if self._unreachable >= MOST_UNREACHABLE:
                raise
            return Handled("unknown", lead_link({"id": lead_id}), str(error))
        if handled is None or handled.kind != "unknown":
            self._unreachable = 0
        return handled

    def _take_up(self, lead_id: str) -> Handled | None:
        completed = self._complete_all(lead_id)
        if completed and completed.kind != "left":
            return completed
        try:
            lead = self._close.read_lead(lead_id)
        except NotFound:
            return completed
        if lead.get("status_id") != self._workflow.waiting:
            return completed
        typed = self._workflow.typed_id(lead)
        if not is_whole_id(typed):
            return self._tell_without_id(lead, typed)
        verdict = self._round.verdict_on(_person_of(lead, typed), lead_id)
        return self._write_back(lead, typed, verdict)

    def qualify(self, person: Person) -> Handled:
        """What became of a person's one lead, whatever its status; there is a verdict in any case.

        If Close can't be reached for several people in a row, CloseUnreachable is raised.
        """
        try:
            leads = self._leads_of(person.person_id)
        except CloseUnreachable as error:
            self._unreachable += 1
            if self._unreachable >= MOST_UNREACHABLE:
                raise
            return Handled("unknown", "", str(error), self._round.verdict_on(person))
        self._unreachable = 0
        return self._qualify_on(leads[0], person) if len(leads) == 1 else self._without_one_lead(leads, person)

    def _qualify_on(self, lead: Json, person: Person) -> Handled:
        completed = self._complete_all(lead["id"])
        if completed and completed.kind != "left" and completed.verdict:
            return completed
        held = _person_of(lead, person.person_id)
        named = replace(person, names=person.names or held.names)
        verdict = self._round.verdict_on(named, lead["id"])
        if held.names and not named.names & held.names:
            reason = "nothing was written: no contact of the lead has the name given in the file"
            return _handled(lead, "ambiguous", reason, verdict)
        return self._write_back(lead, person.person_id, verdict)

    def _without_one_lead(self, leads: Sequence[Json], person: Person) -> Handled:
        verdict = self._round.verdict_on(person)
        field, name = self._workflow.id_field.name, self._round.name_of(person.person_id)
        if not leads:
            reason = f"no lead in Close has {name} in the field {field}; search may not show recent changes yet"
            return Handled("not_found", "", reason, verdict)
        reason = f"{len(leads)} leads have {name} in the field {field}; merge them in Close"
        return Handled("ambiguous", " and ".join(map(lead_link, leads)), reason, verdict)

    def _leads_of(self, person_id: str) -> list[Json]:
        """The leads that hold an id. Each is read, since search may show outdated values."""
        shown = self._close.first_leads(has_value(custom_field(self._workflow.id_field.id), person_id), ["id"])
        found: list[Json] = []
        for lead_id in [lead["id"] for lead in shown]:
            try:
                lead = self._close.read_lead(lead_id)
            except NotFound:
                continue
            found += [lead] if self._workflow.typed_id(lead) == person_id else []
        return found

    # Deciding what to write ------------------------------------------------------------------------------------------

    def _write_back(self, lead: Json, typed: str, verdict: Verdict) -> Handled:
        goal = self._workflow.goal(verdict)
        if not goal:
            return _handled(lead, "undetermined", "not moved; to be tried again later", verdict)
        if verdict.remark:
            return _handled(lead, "rehearsed", f"nothing was written to Close because {verdict.remark}", verdict)
        if lead.get("status_id") == goal:
            return _handled(lead, "moved", f"already in {self._workflow.label(goal)}", verdict)
        decided = WriteBack(
            lead_id=lead["id"],
            attempt_id=verdict.attempt_id,
            state="decided",
            from_status=str(lead.get("status_id")),
            to_status=goal,
            id_digest=_digest(verdict.attempt_id, typed),
            note=note_text(verdict, has_detail=self._has_note_detail),
            verdict=journal_line(verdict),
        )
        self._journal.note_decided(decided)
        return self._complete(decided, verdict)

    def _tell_without_id(self, lead: Json, typed: str) -> Handled:
        """Say in a note that the lead can't be qualified, once for each wrong value in its id field."""
        attempt_id = f"n-{_digest(lead['id'], typed)[:16]}"
        told = self._journal.find_write_back(lead["id"], attempt_id)
        if (told and told.state == "finished") or self._is_dry:
            return _handled(lead, "without_id", self._without_id)
        decided = WriteBack(
            lead_id=lead["id"],
            attempt_id=attempt_id,
            state="decided",
            from_status=self._workflow.waiting,
            to_status="",
            id_digest=_digest(attempt_id, typed),
            note=missing_id_text(self._workflow.id_field.name, typed, attempt_id),
            verdict=None,
        )
        self._journal.note_decided(decided)
        return self._complete(decided, None)

    @property
    def _without_id(self) -> str:
        return f"its {self._workflow.id_field.name} is blank or not a valid id"

    @property
    def _is_dry(self) -> bool:
        return bool(self._round.remark)

    # Writing it ------------------------------------------------------------------------------------------------------

    def _complete_all(self, lead_id: str) -> Handled | None:
        """What became of the latest unfinished write to a lead, None if there was none."""
        if self._is_dry:
            return None
        completed = None
        for write_back in self._journal.unfinished_write_backs(lead_id):
            verdict = self._round.shown(verdict_of(write_back.verdict)) if write_back.verdict else None
            completed = self._complete(write_back, verdict)
        return completed

    def _complete(self, write_back: WriteBack, verdict: Verdict | None) -> Handled:
        """Write the note and the status unless they are already there.

        A write that Close refuses is kept; otherwise the next run would check again and write another note.
        """
        link = lead_link({"id": write_back.lead_id})
        try:
            reason = "" if write_back.state == "noted" else self._write_note(write_back)
            if not reason and write_back.to_status:
                reason = self._move(replace(write_back, state="noted"))
        except NotFound:
            reason = "the lead was deleted in Close in the meantime"
        except InvalidRequest as refusal:
            return Handled("refused", link, f"Close refused: {refusal}", verdict)
        except CloseUnreachable as error:
            self._unreachable += 1
            return Handled("unknown", link, str(error), verdict)
        except OutcomeUnknown as lost:
            # This concerns only this lead. If Close is down, the reading before the next try will show it.
            return Handled("unknown", link, str(lost), verdict)
        self._journal.note_write_back(write_back, "left" if reason else "finished")
        if reason:
            return Handled("left", link, reason, verdict)
        if not write_back.to_status:
            return Handled("without_id", link, f"{self._without_id}; a note on the lead says so")
        return Handled("moved", link, f"moved to {self._workflow.label(write_back.to_status)}", verdict)

    def _write_note(self, write_back: WriteBack) -> str:
        """Write the note unless it is there; return why the lead is left as it is, if it is."""
        lost_at = None
        if write_back.state == "noting":  # journals of earlier versions do not say since when
            lost_at = self._began if write_back.last_sent == LONG_AGO else write_back.last_sent
        for _ in range(MOST_TRIES):
            if self._has_note(write_back, lost_at):
                break
            if lost_at:
                self._journal.note_repeating(write_back)
            try:
                reason = self._close.on_fresh_reading(partial(self._send_note, write_back))
                if reason:
                    return reason
                break
            except OutcomeUnknown:
                lost_at = self._close.now()
            except InvalidRequest:
                if lost_at is None:
                    # Nothing was written, so there is nothing to look for.
                    self._journal.note_write_back(write_back, "decided")
                raise
        else:
            raise OutcomeUnknown("Close's answers to a note were lost several times")
        self._journal.note_write_back(write_back, "noted")
        return ""

    def _send_note(self, write_back: WriteBack) -> str:
        """Send the note, right after reading the lead; return why the lead is left as it is, if it is."""
        reason = self._reason_to_leave(self._close.read_lead(write_back.lead_id), write_back)
        if not reason:
            self._journal.note_noting(write_back, self._close.now())
            self._close.create_note(write_back.lead_id, write_back.note)
        return reason

    def _has_note(self, write_back: WriteBack, lost_at: datetime | None) -> bool:
        """Whether the lead has the note. One that may have been sent is looked for until the lag has passed since."""
        while not self._notes_of(write_back):
            left = self._seconds_until_shown(lost_at) if lost_at else 0.0
            if left <= 0:
                return False
            self._close.pause(min(left, max(SHORTEST_PAUSE, self._note_lag / LOOKS_PER_LAG)))
        return True

    def _seconds_until_shown(self, sent: datetime) -> float:
        return self._note_lag - self._close.seconds_since(sent)

    def _notes_of(self, write_back: WriteBack) -> list[Json]:
        """The notes about an attempt that its lead shows, oldest first."""
        notes = [
            note
            for note in self._close.notes(write_back.lead_id)
            if write_back.attempt_id in f"{note.get('note')} {note.get('note_html')}"
        ]
        return sorted(notes, key=lambda note: (note.get("date_created") or "", note.get("id") or ""))

    # Notes that arrived twice ----------------------------------------------------------------------------------------

    def await_late_notes(self, tell: Callable[[str], None]) -> None:
        """Wait until lists show all notes that were sent again, if there are any."""
        repeated = self._repeated()
        left = max((self._seconds_until_shown(each.last_sent) for each in repeated), default=0.0)
        if left > 0:
            notes = "1 note" if len(repeated) == 1 else f"{len(repeated)} notes"
            tell(f"{notes} had not arrived and had to be sent again. Waiting {left:.0f} s to see duplicates.")
            self._close.pause(left)

    def remove_double_notes(self, tell: Callable[[str], None]) -> None:
        """Delete second notes about an attempt that are as we sent them; `tell` hears of those that have to stay."""
        for write_back in self._repeated():
            try:
                is_left = self._close.on_fresh_reading(partial(self._leaves_double_notes, write_back))
            except (NotFound, InvalidRequest):  # as Close may answer about a lead that is gone
                is_left = False
            except (RequestRejected, OutcomeUnknown, CloseUnreachable):
                continue
            if is_left:
                tell(
                    f"{lead_link({'id': write_back.lead_id})}: this tool's note is there twice because an answer from "
                    "Close was lost. Delete one of them in Close."
                )
            is_over = self._seconds_until_shown(write_back.last_sent) <= -(MOST_LAGS - 1) * self._note_lag
            if is_over and not is_left:
                self._journal.note_single_note(write_back)

    def _leaves_double_notes(self, write_back: WriteBack) -> bool:
        """Whether second notes about an attempt have to stay; the others are deleted."""
        is_left = False
        for number in range(1, len(self._notes_of(write_back))):
            notes = self._notes_of(write_back)  # again, right before one of them may be deleted
            if number >= len(notes) or not self._may_delete(notes[number], write_back):
                is_left = True
                continue
            with suppress(NotFound):
                self._close.delete_note(notes[number]["id"])
        return is_left

    def _repeated(self) -> list[WriteBack]:
        return [] if self._is_dry else self._journal.repeated_notes()

    def _may_delete(self, note: Json, write_back: WriteBack) -> bool:
        """Whether a note is ours and untouched, and the user may delete own activities."""
        permissions = self._account.permissions
        is_allowed = permissions is None or "delete_own_activities" in permissions
        is_ours = note.get("created_by") in (None, self._account.user_id) and note.get("note") == write_back.note
        return is_allowed and is_ours and note.get("date_updated") == note.get("date_created")

    def _move(self, write_back: WriteBack) -> str:
        """Move the lead to its new status unless it is there; return why it is left as it is, if it is."""
        for _ in range(MOST_TRIES):
            with suppress(OutcomeUnknown):
                reason = self._close.on_fresh_reading(partial(self._send_move, write_back))
                if reason is not None:
                    return reason
        raise OutcomeUnknown("Close's answers to a change of status were lost several times")

    def _send_move(self, write_back: WriteBack) -> str | None:
        """Move the lead, right after reading it: "" if it is there, a reason if it is left, None if nobody can tell."""
        lead = self._close.read_lead(write_back.lead_id)
        reason = self._reason_to_leave(lead, write_back)
        if reason or lead.get("status_id") == write_back.to_status:
            return reason
        moved = self._close.update_lead(write_back.lead_id, {"status_id": write_back.to_status})
        return "" if moved.get("status_id") == write_back.to_status else None

    def _reason_to_leave(self, lead: Json, write_back: WriteBack) -> str:
        """Why a lead must no longer be written to, "" if it is unchanged since the decision, or moved by us."""
        status = lead.get("status_id")
        if write_back.to_status and write_back.to_status not in self._workflow.labels:
            return "the status it should move to was deleted in the meantime"
        if _digest(write_back.attempt_id, self._workflow.typed_id(lead)) != write_back.id_digest:
            return f"its {self._workflow.id_field.name} was changed in the meantime"
        is_moved_by_us = write_back.state == "noted" and status == write_back.to_status
        if status != write_back.from_status and not is_moved_by_us:
            return f"somebody moved it to {self._workflow.label(status)} in the meantime"
        return ""


def note_text(verdict: Verdict, *, has_detail: bool) -> str:
    """What a note on the lead says. Everyone in Close can read it, so findings are included only if wanted."""
    ran = [CHECK_TITLES[name] for name, check in verdict.checks.items() if check.attempts]
    lines = [
        f"Qualification result: {outcome_words(verdict.outcome)}.",
        f"Checks completed: {', '.join(ran)}.",
        *([f"Findings: {verdict.findings()}."] if has_detail else []),
        f"Attempt: {verdict.attempt_id}",
    ]
    return "\n".join(lines)


def missing_id_text(field_name: str, typed: str, attempt_id: str) -> str:
    """What a note says on a lead whose id is missing or not valid."""
    advice = f"Please correct it: {ID_RULE}." if typed else "Please enter the person's id in this field."
    return "\n".join(
        [
            f"This lead could not be qualified: its {field_name} is {'not a valid id' if typed else 'blank'}.",
            f"{advice} The lead will then be checked.",
            f"Attempt: {attempt_id}",
        ]
    )


def _person_of(lead: Json, person_id: str) -> Person:
    """The person whose id a lead holds, who may be any of its contacts."""
    return Person.called(person_id, [contact.get("name") or "" for contact in lead.get("contacts") or []])


def _handled(lead: Json, kind: Kind, reason: str, verdict: Verdict | None = None) -> Handled:
    return Handled(kind, lead_link(lead), reason, verdict)


def _digest(of: str, typed: str) -> str:
    """A digest that shows whether a text is unchanged; slow to make, since short ids could otherwise be guessed."""
    return hashlib.scrypt(typed.encode("utf-8", "surrogatepass"), salt=of.encode(), n=2**12, r=8, p=1, dklen=32).hex()
