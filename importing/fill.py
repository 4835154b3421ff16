"""Give a lead that is in Close what it lacks of a lead in the file.

The lead is read by id right before it is written, and the writes are worked out from that reading. Each is noted before
it leaves, and its answer after it came. One whose answer was lost is never repeated from memory: the lead is read until
two readings agree, and only what is still missing is sent.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from cells.source_file import CONTACT_NAME, CUSTOM_PREFIX, EMAILS, PHONES, STATE
from cleaning import Contact, Lead, Problem
from close.journal import ChangeKind, Journal
from close_client import (
    CloseClient,
    CloseError,
    Json,
    NotFound,
    OutcomeUnknown,
    contact_content,
    lead_content,
)
from importing.match_contacts import ContactGap, Gaps, LeadFields, find_gaps
from importing.own_leads import kept, read_settled, settle_changes
from importing.refused_values import contact_body, contact_gap_body, gaps_body, send_mended

ATTEMPTS = 10  # times that a lead is read and filled when answers get lost
Person = TypeVar("Person", Contact, ContactGap)


@dataclass(frozen=True, slots=True)
class FilledLead:
    """A lead as Close holds it now, what was added to it in words, and the values that Close did not take."""

    found: Json
    changes: str = ""
    dropped: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Change:
    """One write: to the lead itself, to one of its contacts, or a contact that is added."""

    kind: ChangeKind
    target: str
    before: Json
    body: Json
    send: Callable[[Json], Json]


@dataclass(slots=True)
class _Progress:
    """What was written so far: the gaps that were found first, and the values that Close refused."""

    gaps: Gaps = field(default_factory=Gaps)
    dropped: list[Problem] = field(default_factory=list)


def fill_lead(
    close: CloseClient, journal: Journal, fields: LeadFields, run_id: str, lead: Lead, key: str, lead_id: str
) -> FilledLead:
    """The lead after it got what it lacked.

    Raises NotFound where it is gone, InvalidRequest where Close refuses more than single values, OutcomeUnknown where
    answers got lost time and again.
    """
    progress = _Progress()
    lost: OutcomeUnknown | None = None
    is_unsure = any(change.state == "sending" for change in journal.changes_of_lead(lead_id))
    for _ in range(ATTEMPTS):
        found = _read(close, journal, lead_id, is_unsure=is_unsure)
        gaps = find_gaps(found, lead, key, fields)
        if not gaps:
            return _filled(found, progress)
        progress.gaps = progress.gaps or gaps
        try:
            answers = [
                _carry_out(journal, change, lead, lead_id, run_id, fields, progress.dropped)
                for change in _changes(close, found, gaps, fields)
            ]
        except OutcomeUnknown as error:
            lost, is_unsure = error, True
        except NotFound:  # a contact went between reading and writing, or the lead: the next reading tells
            continue
        else:
            last = answers[-1]
            filled = last if last and "contacts" in last else close.read_lead(lead_id)
            journal.note_reading(kept(filled))
            return _filled(filled, progress)
    raise lost or OutcomeUnknown("the lead kept being changed in Close")


def _filled(found: Json, progress: _Progress) -> FilledLead:
    return FilledLead(found, _without(progress.dropped, progress.gaps).in_words(), tuple(progress.dropped))


def _read(close: CloseClient, journal: Journal, lead_id: str, *, is_unsure: bool) -> Json:
    """The lead by id; where answers were lost, once it has settled, with what became of those changes noted."""
    if not is_unsure:
        return close.read_lead(lead_id)
    found = read_settled(close, lead_id)
    settle_changes(journal, found, journal.changes_of_lead(lead_id))
    journal.note_reading(kept(found))
    return found


def _without(dropped: Collection[Problem], gaps: Gaps) -> Gaps:
    """The gaps but for the values that Close has refused: what was written."""
    refused = {(problem.column, problem.value) for problem in dropped}
    if not refused:
        return gaps

    def taken(column: str, values: Iterable[str]) -> list[str]:
        return [value for value in values if (column, value) not in refused]

    def smaller(each: Person) -> Person:
        name = "".join(taken(CONTACT_NAME, [each.name]))
        return replace(each, name=name, emails=taken(EMAILS, each.emails), phones=taken(PHONES, each.phones))

    return replace(
        gaps,
        state="".join(taken(STATE, [gaps.state])),
        custom={
            name: values
            for name, values in gaps.custom.items()
            if taken(CUSTOM_PREFIX + name, ["; ".join(map(str, values))])
        },
        contacts=[gap for gap in map(smaller, gaps.contacts) if gap],
        new_contacts=[
            contact for contact in map(smaller, gaps.new_contacts) if contact.name or contact.emails or contact.phones
        ],
    )


def _changes(close: CloseClient, found: Json, gaps: Gaps, fields: LeadFields) -> Iterator[_Change]:
    """The writes that fill the gaps: contacts first, for the answer to the lead's own write then shows everything."""
    lead_id = found["id"]
    for gap in gaps.contacts:
        contact_id, body = gap.contact["id"], contact_gap_body(gap)
        present = contact_content(gap.contact)
        before = {name: present[name] for name in body}
        yield _Change("contact", contact_id, before, body, partial(close.update_contact, contact_id))
    contact_ids = [contact["id"] for contact in found.get("contacts") or []]
    for contact in gaps.new_contacts:
        body = contact_body(contact)
        yield _Change("new contact", "", {"contact_ids": contact_ids}, body, partial(close.create_contact, lead_id))
    own = gaps_body(gaps, fields)
    if own:
        content = lead_content(found)
        before = {name: content.get(name) for name in own}
        yield _Change("lead", lead_id, before, own, partial(close.update_lead, lead_id))


def _carry_out(
    journal: Journal,
    change: _Change,
    lead: Lead,
    lead_id: str,
    run_id: str,
    fields: LeadFields,
    dropped: list[Problem],
) -> Json | None:
    """The lead as Close answered, None where a contact was changed; `dropped` gets the values that were refused."""
    number = journal.note_changing(
        run_id=run_id,
        lead_id=lead_id,
        company=lead.name,
        kind=change.kind,
        target=change.target,
        before=change.before,
        sent=change.body,
    )
    try:
        answer, problems = send_mended(change.send, change.body, lead, fields)
    except OutcomeUnknown:
        raise
    except CloseError:
        journal.note_void(number)
        raise
    dropped += (problem for problem in problems if problem not in dropped)
    if answer is None:
        journal.note_void(number)
        return None
    is_lead = change.kind == "lead"
    journal.note_changed(number, answer["id"], lead_content(answer) if is_lead else contact_content(answer))
    return answer if is_lead else None
