"""Add to a lead in Close whatever the lead in the file has and it does not.

The lead is read by id right before it is changed, and the changes are worked out from that reading. The journal notes
each change before it is sent, and Close's answer when it arrives. A change whose answer was lost is never simply
repeated: the lead is read until two readings agree, and only what is still missing is sent. A contact is looked for
during one index lag first, because Close would take it twice.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from cells.problems import Problem
from close.contents import Json, contact_content, kept, lead_content, shows_contacts
from close.errors import CloseError, NotFound, OutcomeUnknown
from close.journal_entries import ChangeKind
from importing.gaps import Gaps, find_conflicts, find_gaps, without_values
from importing.lost_changes import StillLost, read_settled, settle_changes
from importing.organization import Organization
from importing.plan import PlannedLead
from importing.refused_values import send_without_refused
from importing.request_bodies import contact_body, contact_gap_body, gaps_body

ATTEMPTS = 10  # to read and fill a lead when answers are lost


class NotAllowed(Exception):
    """The lead has changed in Close, so that what it lacks now is not what the approved plan adds to it."""


@dataclass(frozen=True, slots=True)
class FilledLead:
    """A lead as Close holds it now, what was added in words, and the values that Close refused or differs in."""

    found: Json
    changes: str = ""
    dropped: tuple[Problem, ...] = ()
    conflicts: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Change:
    """One change: to the lead itself, to one of its contacts, or a new contact."""

    kind: ChangeKind
    target: str
    before: Json
    body: Json
    send: Callable[[Json], Json]


def fill_lead(organization: Organization, run_id: str, planned: PlannedLead, lead_id: str) -> FilledLead:
    """The lead with this id, after a run has added what it lacked compared with the lead in the file.

    Raises NotFound if it is gone, InvalidRequest if Close refuses more than single values, StillLost if it is too early
    to send a contact again, OutcomeUnknown if answers were lost several times, and NotAllowed if more is missing by now
    than the plan allows to add.
    """
    return _Filling(organization, run_id, planned, lead_id).carried_out()


class _Filling:
    """One lead while it is being filled: the gaps found at first, and the values that Close refused."""

    def __init__(self, organization: Organization, run_id: str, planned: PlannedLead, lead_id: str) -> None:
        self._organization, self._run_id, self._id = organization, run_id, lead_id
        self._lead, self._key, self._allowed = planned.lead, planned.key, planned.allowed
        self._close, self._journal = organization.close, organization.journal
        self._gaps = Gaps()
        self._dropped: list[Problem] = []
        self._conflicts: tuple[Problem, ...] = ()
        self._is_unsure = any(change.state == "sending" for change in self._journal.changes_of_lead(lead_id))

    def carried_out(self) -> FilledLead:
        """The lead, once it lacks nothing."""
        lost: OutcomeUnknown | None = None
        for _ in range(ATTEMPTS):
            try:
                filled = self._close.on_fresh_reading(self._filled_once)
            except OutcomeUnknown as error:
                lost, self._is_unsure = error, True
            except StillLost as still:
                raise StillLost(still.seconds, is_news=lost is not None) from None
            else:
                if filled:
                    return filled
        raise lost or OutcomeUnknown("the lead kept changing in Close")

    def _filled_once(self) -> FilledLead | None:
        """The lead, read and given what it lacks; None if something was deleted between the reading and the writing."""
        found = self._read()
        gaps = find_gaps(found, self._lead, self._key, self._organization.fields)
        self._conflicts = tuple(find_conflicts(found, self._lead, self._organization.fields))
        if not gaps:
            return self._filled(found)
        self._refuse_more_than_allowed(gaps)
        self._gaps = self._gaps or gaps
        try:
            answers = [self._sent(change) for change in _changes(self._organization, found, gaps)]
        except NotFound:  # the contact or the lead: the next reading shows which
            return None
        last = answers[-1]
        filled = last if last and shows_contacts(last) else self._close.read_lead(self._id)
        self._journal.note_reading(kept(filled))
        return self._filled(filled)

    def _refuse_more_than_allowed(self, gaps: Gaps) -> None:
        """Raise NotAllowed if an approved plan adds less. It has all that contacts made by this run may lack."""
        if self._allowed is None:
            return
        changes = self._journal.changes_of_lead(self._id, self._run_id)
        made = {change.target for change in changes if change.kind == "new contact"}
        of_others = [gap for gap in gaps.contacts if gap.contact["id"] not in made]
        if not replace(gaps, contacts=of_others).is_within(self._allowed):
            raise NotAllowed

    def _read(self) -> Json:
        """The lead, read by id. If answers were lost, it is read until it has settled, and those changes are noted."""
        if not self._is_unsure:
            return self._close.read_lead(self._id)
        found = read_settled(self._close, self._id)
        changes = self._journal.changes_of_lead(self._id)
        left = settle_changes(self._journal, found, changes, self._organization.seconds_to_look_for)
        self._journal.note_reading(kept(found))
        if left:
            raise StillLost(left)
        return found

    def _sent(self, change: _Change) -> Json | None:
        """The lead as Close answered to a change, or None if a contact was changed."""
        number = self._journal.note_changing(
            run_id=self._run_id,
            lead_id=self._id,
            company=self._lead.name,
            kind=change.kind,
            target=change.target,
            before=change.before,
            sent=change.body,
            sender=self._organization.account.user_id,
            moment=self._close.now(),
        )
        try:
            answer, problems = send_without_refused(
                *(change.send, change.body, self._lead, self._organization.fields),
                before_rest=partial(self._journal.note_change_body, number),
            )
        except OutcomeUnknown:
            self._journal.note_answer_lost(number, self._close.now())
            raise
        except CloseError:
            self._journal.note_void(number)
            raise
        self._dropped += (problem for problem in problems if problem not in self._dropped)
        if answer is None:
            self._journal.note_void(number)
            return None
        is_lead = change.kind == "lead"
        self._journal.note_changed(number, answer["id"], lead_content(answer) if is_lead else contact_content(answer))
        return answer if is_lead else None

    def _filled(self, found: Json) -> FilledLead:
        changes = without_values(self._gaps, self._dropped).in_words()
        return FilledLead(found, changes, tuple(self._dropped), self._conflicts)


def _changes(organization: Organization, found: Json, gaps: Gaps) -> Iterator[_Change]:
    """The changes that fill the gaps: contacts first, so that the answer to the lead's own change shows everything."""
    lead_id, close = found["id"], organization.close
    for gap in gaps.contacts:
        contact_id, body = gap.contact["id"], contact_gap_body(gap)
        present = contact_content(gap.contact)
        before = {name: present[name] for name in body}
        yield _Change("contact", contact_id, before, body, partial(close.update_contact, contact_id))
    contact_ids = [contact["id"] for contact in found.get("contacts") or []]
    for contact in gaps.new_contacts:
        body = contact_body(contact)
        yield _Change("new contact", "", {"contact_ids": contact_ids}, body, partial(close.create_contact, lead_id))
    own = gaps_body(gaps, organization.fields)
    if own:
        content = lead_content(found)
        before = {name: content.get(name) for name in own}
        yield _Change("lead", lead_id, before, own, partial(close.update_lead, lead_id))
