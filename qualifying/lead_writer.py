"""A note on a lead, then a new status, each written once whatever happens.

Close has no idempotency keys. So each write is in the journal before it is sent, and a note carries the id of its
attempt, by which it is looked for on the lead before it is written. A lead is read by id right before each write: if
somebody has moved it or changed its id in the meantime, it is left as it is.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial

from close.contents import Json, lead_link
from close.errors import CloseUnreachable, InvalidRequest, NotFound, OutcomeUnknown, RequestRejected
from close.journal import Journal
from close.journal_entries import LONG_AGO, WriteBack
from close.machine import Machine
from close_client import Account, CloseClient
from qualifying.statuses import Workflow

MOST_TRIES = 3  # of one write whose answer is lost each time
LOOKS_PER_LAG = 4
SHORTEST_PAUSE = 0.5  # seconds between two looks
MOST_LAGS = 10  # after which no note can be on its way any more


class LeadWriter:
    """Writes notes and statuses to leads; safe to share between threads.

    `note_lag` is the number of seconds after which a list is trusted to show a note that was sent.
    """

    def __init__(
        self, close: CloseClient, account: Account, journal: Journal, workflow: Workflow, note_lag: float
    ) -> None:
        self._close, self._account = close, account
        self._journal = journal
        self._workflow = workflow
        self._note_lag = note_lag
        self._began = close.now()

    def write(self, write_back: WriteBack) -> str:
        """Write the note and the status unless they are there; return why the lead is left as it is, "" if it is not.

        Raises NotFound, InvalidRequest, CloseUnreachable and OutcomeUnknown; then the journal shows how far it came.
        """
        reason = "" if write_back.state == "noted" else self._write_note(write_back)
        return reason or (self._move(replace(write_back, state="noted")) if write_back.to_status else "")

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
        of_id, _, of_names = write_back.id_digest.partition(":")
        machine = self._close.machine
        if digest(write_back.attempt_id, self._workflow.typed_id(lead), machine) != of_id:
            return f"its {self._workflow.id_field.name} was changed in the meantime"
        if of_names and digest(write_back.attempt_id, repr(contact_names(lead)), machine) != of_names:
            return "the names of its contacts were changed in the meantime"
        is_moved_by_us = write_back.state == "noted" and status == write_back.to_status
        if status != write_back.from_status and not is_moved_by_us:
            return f"somebody moved it to {self._workflow.label(status)} in the meantime"
        return ""

    # Notes that arrived twice ----------------------------------------------------------------------------------------

    def await_late_notes(self, tell: Callable[[str], None]) -> None:
        """Wait until lists show all notes that were sent again, if there are any."""
        repeated = self._journal.repeated_notes()
        left = max((self._seconds_until_shown(each.last_sent) for each in repeated), default=0.0)
        if left > 0:
            notes = "1 note" if len(repeated) == 1 else f"{len(repeated)} notes"
            tell(f"{notes} had not arrived and had to be sent again. Waiting {left:.0f} s to see duplicates.")
            self._close.pause(left)

    def remove_double_notes(self, tell: Callable[[str], None]) -> None:
        """Delete second notes about an attempt that are as we sent them; `tell` hears of those that have to stay."""
        for write_back in self._journal.repeated_notes():
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

    def _may_delete(self, note: Json, write_back: WriteBack) -> bool:
        """Whether a note is ours and untouched, and the user may delete own activities."""
        permissions = self._account.permissions
        is_allowed = permissions is None or "delete_own_activities" in permissions
        is_ours = note.get("created_by") in (None, self._account.user_id) and note.get("note") == write_back.note
        return is_allowed and is_ours and note.get("date_updated") == note.get("date_created")


def contact_names(lead: Json) -> list[str]:
    """The names of a lead's contacts, in order of the alphabet."""
    return sorted(str(contact.get("name") or "") for contact in lead.get("contacts") or [])


def digest_of_lead(of: str, typed: str, names: Sequence[str], machine: Machine) -> str:
    """Digests of an id and of the names of contacts, which show whether one of them has changed since."""
    return f"{digest(of, typed, machine)}:{digest(of, repr(list(names)), machine)}"


def digest(of: str, typed: str, machine: Machine) -> str:
    """A digest that shows whether a text is unchanged; slow to make, since short ids could otherwise be guessed."""
    return machine.stretched(typed.encode("utf-8", "surrogatepass"), of.encode()).hex()
