"""What becomes of a lead: which verdict there is on its person, and what of that is written back to Close.

An interrupted write is completed with the recorded verdict; nobody is checked again. A lead is read by id before
anything is decided about it.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from close.conditions import custom_field, has_value
from close.contents import Json, lead_link
from close.errors import (
    CloseUnreachable,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
)
from close.journal import Journal
from close.journal_entries import LONG_AGO, WriteBack, WriteBackState
from close_client import Account, CloseClient
from qualifying.lead_writer import LeadWriter, contact_names, digest, digest_of_lead
from qualifying.notes import missing_id_text, other_name_text, refused_id_text, verdict_text
from qualifying.person import Person, is_whole_id
from qualifying.round import Round
from qualifying.statuses import Workflow
from qualifying.trail import journal_line, verdict_of
from qualifying.verdict import Verdict

MOST_UNREACHABLE = 3  # leads in a row, after which we assume that Close itself is down

Kind = Literal[
    "moved",
    "told",
    "planned",
    "rehearsed",
    "undetermined",
    "withheld",
    "not_asked",
    "blank",
    "without_id",
    "id_refused",
    "left",
    "refused",
    "unknown",
    "ambiguous",
    "not_found",
]


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of a lead, with the reason in words. `link` is "" if no lead is known.

    One that is `withheld` has its verdict; to `write` it is for a caller who knows that the services can be believed.
    `name` is that of the lead, where somebody has to find it by the name.
    """

    kind: Kind
    link: str
    reason: str
    verdict: Verdict | None = None
    lead_id: str = ""
    name: str = ""
    write: Callable[[], "Handled"] | None = None

    @property
    def needs_somebody(self) -> bool:
        """Whether a person has to look at it, because another try will not help."""
        return self.is_unsettled and self.kind not in ("undetermined", "withheld", "not_asked")

    @property
    def is_unsettled(self) -> bool:
        """Whether something is left to do, by a person or by the next run."""
        return self.kind not in ("moved", "left", "planned", "rehearsed")


@dataclass(frozen=True, slots=True)
class Options:
    """How verdicts are written back.

    `note_lag` is the number of seconds after which a list is trusted to show a note that was sent. With
    `has_note_detail`, a note says what each check found; with `notes_missing_id`, a blank id gets a note as well. With
    `asks_refused`, an id that a service has refused is asked about again. A dry run writes nothing. Without
    `shows_ids`, nothing repeats what is in the field for the id.
    """

    note_lag: float
    has_note_detail: bool = False
    notes_missing_id: bool = False
    asks_refused: bool = False
    is_dry_run: bool = False
    shows_ids: bool = True


class WritingBack:
    """Qualifies leads and writes the verdicts back; safe to share between threads.

    If scores are drawn at random, nothing is ever written.
    """

    def __init__(
        self,
        close: CloseClient,
        account: Account,
        journal: Journal,
        workflow: Workflow,
        this_round: Round,
        options: Options,
    ) -> None:
        self._close = close
        self._journal = journal
        self._workflow = workflow
        self._round = this_round
        self._options = options
        self._writer = LeadWriter(close, account, journal, workflow, options.note_lag)
        self._unreachable = 0  # leads in a row; threads may make this slightly wrong

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
            return Handled("unknown", lead_link({"id": lead_id}), str(error), lead_id=lead_id)
        except InvalidRequest as refusal:
            return Handled("refused", lead_link({"id": lead_id}), f"Close refused: {refusal}", lead_id=lead_id)
        if handled is None or handled.kind != "unknown":
            self._unreachable = 0
        return handled

    def _take_up(self, lead_id: str) -> Handled | None:
        completed = self._complete_all(lead_id)
        if completed and completed.kind != "left":
            return completed
        if self._round.is_over:
            return Handled("not_asked", lead_link({"id": lead_id}), "not asked", lead_id=lead_id)
        lead = self._lead(lead_id)
        if lead is None or lead.get("status_id") != self._workflow.waiting:
            return completed
        typed = self._workflow.typed_id(lead)
        if not is_whole_id(typed):
            return self._without_id(lead, typed)
        if self._is_known_refused(lead, typed):
            return _handled(lead, "id_refused", self._refused_words)
        verdict = self._round.verdict_on(_person_of(lead, typed), lead_id)
        return self._write_back(lead, typed, verdict)

    def qualify(self, person: Person) -> Handled:
        """What became of a person's one lead, whatever its status; there is a verdict in any case.

        If Close can't be reached for several people in a row, CloseUnreachable is raised.
        """
        if self._round.is_over and not self._round.earlier_on(person):
            return Handled("not_asked", "", "not asked", self._round.verdict_on(person))
        try:
            leads = self._leads_of(person.person_id)
        except CloseUnreachable as error:
            self._unreachable += 1
            if self._unreachable >= MOST_UNREACHABLE:
                raise
            return Handled("unknown", "", str(error), self._round.verdict_on(person))
        self._unreachable = 0
        return self._qualify_on(leads[0], person) if len(leads) == 1 else self._without_one_lead(leads, person)

    def _unfinished_among(self, leads: Sequence[Json]) -> Handled | None:
        """Complete what was decided while each of these was the person's only lead; what came of one that fails."""
        completed = [self._complete_all(lead["id"]) for lead in leads]
        return next((each for each in completed if each and each.kind in ("unknown", "refused")), None)

    def _qualify_on(self, lead: Json, person: Person) -> Handled:
        completed = self._complete_all(lead["id"])
        if completed and completed.kind != "left" and completed.verdict:
            return completed
        earlier = self._round.earlier_on(person)
        written = self._journal.find_write_back(lead["id"], earlier.attempt_id) if earlier else None
        if written and written.state == "left" and written.last_sent == LONG_AGO:  # so nothing of it is on the lead
            self._round.forget(person)
        held = _person_of(lead, person.person_id)
        named = replace(person, names=person.names or held.names)
        verdict = self._round.verdict_on(named, lead["id"])
        if completed and completed.kind != "left":  # a note may still be on its way
            return replace(completed, verdict=verdict)
        if held.names and not named.is_called(held.names):
            reason = "nothing was written: no contact of the lead has the name given in the file"
            return _handled(lead, "ambiguous", reason, verdict)
        return self._write_back(lead, person.person_id, verdict)

    def _without_one_lead(self, leads: Sequence[Json], person: Person) -> Handled:
        unfinished = self._unfinished_among(leads)
        verdict = self._round.verdict_on(person)
        if unfinished:
            return replace(unfinished, verdict=verdict)
        field, name = self._workflow.id_field.name, self._round.name_of(person.person_id)
        if not leads:
            reason = f"no lead in Close has {name} in the field {field}; search may not show recent changes yet"
            return Handled("not_found", "", reason, verdict)
        reason = f"{len(leads)} leads have {name} in the field {field}; merge them in Close, or correct the wrong one"
        return Handled("ambiguous", " and ".join(map(lead_link, leads)), reason, verdict)

    def _leads_of(self, person_id: str) -> list[Json]:
        """The leads that hold an id. Each is read, since search may show outdated values."""
        if not self._workflow.id_field.key:
            return []
        shown = self._close.first_leads(has_value(custom_field(self._workflow.id_field.id), person_id), ["id"])
        read = [self._lead(lead_id) for lead_id in [lead["id"] for lead in shown]]
        return [lead for lead in read if lead and self._workflow.typed_id(lead) == person_id]

    def _lead(self, lead_id: str) -> Json | None:
        """A lead, None if Close says twice that there is none: one such answer may be a passing fault."""
        for _ in range(2):
            with suppress(NotFound):
                return self._close.read_lead(lead_id)
        return None

    # Deciding what to write ------------------------------------------------------------------------------------------

    def _write_back(self, lead: Json, typed: str, verdict: Verdict) -> Handled:
        """Write a verdict back, or say what would be written; keep one that may not be the person's fault."""
        goal = self._workflow.goal(verdict)
        if verdict.remark and goal:
            return _handled(lead, "rehearsed", f"nothing was written to Close because {verdict.remark}", verdict)
        if goal and lead.get("status_id") == goal:
            return _handled(lead, "moved", f"already in {self._workflow.label(goal)}", verdict)
        write = partial(self._move_or_tell, lead, typed, verdict)
        if not verdict.is_earlier and self._round.evidence.is_doubtful(verdict):
            return replace(_handled(lead, "withheld", "nothing was written yet", verdict), write=write)
        return write()

    def _move_or_tell(self, lead: Json, typed: str, verdict: Verdict) -> Handled:
        goal = self._workflow.goal(verdict)
        if not goal:
            return self._tell_undetermined(lead, typed, verdict)
        if self._options.is_dry_run:
            return _handled(lead, "planned", f"would get a note and move to {self._workflow.label(goal)}", verdict)
        decided = WriteBack(
            lead_id=lead["id"],
            attempt_id=verdict.attempt_id,
            state="decided",
            from_status=str(lead.get("status_id")),
            to_status=goal,
            id_digest=digest_of_lead(verdict.attempt_id, typed, contact_names(lead), self._close.machine),
            note=verdict_text(verdict, has_detail=self._options.has_note_detail),
            verdict=journal_line(verdict),
        )
        before = self._journal.find_write_back(lead["id"], verdict.attempt_id)
        if before and before.state in ("finished", "left"):
            return _handled(lead, "left", "it was changed after this result had been written", verdict)
        return self._complete(before or self._noted(decided), verdict)

    def _noted(self, decided: WriteBack) -> WriteBack:
        self._journal.note_decided(decided)
        return decided

    def _tell_undetermined(self, lead: Json, typed: str, verdict: Verdict) -> Handled:
        """Leave a lead where it is, and say in a note what somebody can do about it, if there is anything."""
        field = self._workflow.id_field.name
        if verdict.has("request_refused"):
            attempt_id = self._told_id(lead, "refused", typed)
            note = refused_id_text(field, verdict, attempt_id)
            handled = _handled(lead, "id_refused", f"a service refuses its {field}", verdict)
            return self._tell_once(lead, typed, attempt_id, note, handled)
        if verdict.has("other_name"):
            attempt_id = self._told_id(lead, "other name", typed, *_names_told(verdict))
            note = other_name_text(field, verdict, attempt_id, has_detail=self._options.has_note_detail)
            reason = f"not moved: the registry has another name for its {field}"
            return self._tell_once(lead, typed, attempt_id, note, _handled(lead, "undetermined", reason, verdict))
        return _handled(lead, "undetermined", "not moved; to be tried again later", verdict)

    def _without_id(self, lead: Json, typed: str) -> Handled:
        """Leave a lead without a valid id where it is, and say so in a note, once for each wrong value.

        If the id is blank, a note must be wanted.
        """
        field = self._workflow.id_field.name
        if not typed and not self._options.notes_missing_id:
            return _handled(lead, "blank", f"its {field} is blank")
        handled = _handled(lead, "without_id", self._invalid_words(typed))
        attempt_id = f"n-{digest(lead['id'], typed, self._close.machine)[:16]}"
        return self._tell_once(lead, typed, attempt_id, missing_id_text(field, typed, attempt_id), handled)

    def _invalid_words(self, typed: str) -> str:
        field = self._workflow.id_field.name
        if typed and self._options.shows_ids:
            return f"its {field} {typed!r} is not a valid id"
        return f"its {field} is blank or not a valid id"

    def _tell_once(self, lead: Json, typed: str, attempt_id: str, note: str, handled: Handled) -> Handled:
        """Write a note that leaves a lead where it is, unless the lead has it, and say so in what was `handled`."""
        told = self._journal.find_write_back(lead["id"], attempt_id)
        if (told and told.state == "finished") or self._round.remark:
            return handled
        if self._options.is_dry_run:
            return replace(handled, reason=f"{handled.reason}; it would get a note that says so")
        decided = WriteBack(
            lead_id=lead["id"],
            attempt_id=attempt_id,
            state="decided",
            from_status=str(lead.get("status_id")),
            to_status="",
            id_digest=digest(attempt_id, typed, self._close.machine),
            note=note,
            verdict=None,
        )
        done = self._complete(self._resumed(told, decided) if told else self._noted(decided), handled.verdict)
        return replace(handled, reason=f"{handled.reason}; a note on the lead says so") if done.kind == "told" else done

    def _resumed(self, told: WriteBack, decided: WriteBack) -> WriteBack:
        """A note that was begun before, to be written to the lead as it is now; it is looked for if it may be there."""
        state: WriteBackState = "decided" if told.last_sent == LONG_AGO else "noting"
        resumed = replace(told, state=state, from_status=decided.from_status)
        self._journal.note_resumed(resumed)
        return resumed

    def _is_known_refused(self, lead: Json, typed: str) -> bool:
        """Whether a service has refused the lead's id, and a note says so."""
        if self._options.asks_refused:
            return False
        told = self._journal.find_write_back(lead["id"], self._told_id(lead, "refused", typed))
        return told is not None and told.state == "finished"

    def _told_id(self, lead: Json, what: str, *about: str) -> str:
        """The id of a note that is written once for all that it is about."""
        return f"n-{digest(lead['id'], ' '.join([what, *map(repr, about)]), self._close.machine)[:16]}"

    @property
    def _refused_words(self) -> str:
        return f"a service refuses its {self._workflow.id_field.name}; it is asked again only when that changes"

    @property
    def _is_dry(self) -> bool:
        return bool(self._round.remark) or self._options.is_dry_run

    # Writing it ------------------------------------------------------------------------------------------------------

    def _complete_all(self, lead_id: str) -> Handled | None:
        """What became of the latest unfinished write to a lead; None if there was none, or only a note."""
        if self._round.remark:
            return None
        completed = None
        for write_back in self._journal.unfinished_write_backs(lead_id):
            verdict = self._round.shown(verdict_of(write_back.verdict)) if write_back.verdict else None
            done = (
                self._planned(write_back, verdict) if self._options.is_dry_run else self._complete(write_back, verdict)
            )
            completed = None if done.kind == "told" else done
        return completed

    def _planned(self, write_back: WriteBack, verdict: Verdict | None) -> Handled:
        """What a dry run says of an unfinished write."""
        link, label = lead_link({"id": write_back.lead_id}), self._workflow.label(write_back.to_status)
        kind: Kind = "planned" if write_back.to_status else "told"
        reason = f"an interrupted write would be completed: a note, and the move to {label}"
        return Handled(kind, link, reason, verdict, write_back.lead_id)

    def _complete(self, write_back: WriteBack, verdict: Verdict | None) -> Handled:
        """Write the note and the status unless they are already there.

        A write that Close refuses is kept; otherwise the next run would check again and write another note.
        """
        handled = Handled("told", lead_link({"id": write_back.lead_id}), "", verdict, write_back.lead_id)
        try:
            reason = self._writer.write(write_back)
        except NotFound:
            if self._lead(write_back.lead_id):
                return replace(handled, kind="unknown", reason="Close answered once that there is no such lead")
            reason = "the lead was deleted in Close in the meantime"
        except InvalidRequest as refusal:
            return replace(handled, kind="refused", reason=f"Close refused: {refusal}")
        except CloseUnreachable as error:
            self._unreachable += 1
            return replace(handled, kind="unknown", reason=str(error))
        except OutcomeUnknown as lost:
            # This concerns only this lead. If Close is down, the reading before the next try will show it.
            return replace(handled, kind="unknown", reason=str(lost))
        self._journal.note_write_back(write_back, "left" if reason else "finished")
        if reason:
            return replace(handled, kind="left", reason=reason)
        if not write_back.to_status:
            return handled
        return replace(handled, kind="moved", reason=f"moved to {self._workflow.label(write_back.to_status)}")

    # Notes that arrived twice ----------------------------------------------------------------------------------------

    def await_late_notes(self, tell: Callable[[str], None]) -> None:
        """Wait until lists show all notes that were sent again, if there are any."""
        if not self._is_dry:
            self._writer.await_late_notes(tell)

    def remove_double_notes(self, tell: Callable[[str], None]) -> None:
        """Delete second notes about an attempt that are as we sent them; `tell` hears of those that have to stay."""
        if not self._is_dry:
            self._writer.remove_double_notes(tell)


def _person_of(lead: Json, person_id: str) -> Person:
    """The person whose id a lead holds, who may be any of its contacts."""
    return Person.called(person_id, contact_names(lead))


def _handled(lead: Json, kind: Kind, reason: str, verdict: Verdict | None = None) -> Handled:
    return Handled(
        kind, lead_link(lead), reason, verdict, lead["id"], lead.get("display_name") or lead.get("name") or ""
    )


def _names_told(verdict: Verdict) -> list[str]:
    """Comparable forms of the names that the registry gave instead of ours."""
    return [check.other_name.key for check in verdict.checks.values() if check.other_name]
