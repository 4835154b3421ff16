"""What a journal has an entry for: runs, leads, changes, things made by name, verdicts; and how rows become entries."""

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from close.contents import Json
from close.journal_schema import JournalDamaged

LeadState = Literal["sending", "absent", "created", "removed", "undoing", "undone"]
RunState = Literal["unfinished", "finished", "partly undone", "undone"]
ChangeKind = Literal["lead", "contact", "new contact"]
ChangeState = Literal["sending", "done", "late", "void", "undone"]
WriteBackState = Literal["decided", "noting", "noted", "finished", "left"]
Noted = TypeVar("Noted")
Entry = TypeVar("Entry")
LONG_AGO = datetime.min.replace(tzinfo=UTC)

RUN_COLUMNS = "run_id, organization, file, existing, started, state, outcomes"
LEAD_COLUMNS = (
    "key, run_id, company, state, sends, first_sent, is_single, lead_id, lead, bodies, sender, last_sent, is_refused"
)
WRITE_BACK_COLUMNS = "lead_id, attempt_id, state, from_status, to_status, id_digest, note, verdict, last_sent"
CHANGE_COLUMNS = "number, run_id, lead_id, company, kind, target, state, before, sent, after, sender, last_sent"


@dataclass(frozen=True, slots=True)
class Run:
    """One import of one file: how it treats existing leads (`existing`), and the number of each outcome, by name."""

    run_id: str
    organization: str
    file: str
    existing: str
    started: str
    state: RunState
    outcomes: dict[str, int]


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """A plan that was shown to somebody: its parts, as digests, and the run that began to carry it out, if any."""

    parts: Json
    run_id: str


@dataclass(frozen=True, slots=True)
class SentLead:
    """A lead that an import created, or tried to.

    `sends` counts the requests that Close may have carried out, `bodies` are what they said, and `sender` is the id of
    the user who sent the last one; both are empty in journals of earlier versions. Not before `first_sent`, by the
    moments that Close itself notes, was the first one sent; `last_sent` is when the last one was, by this machine's
    clock. `is_single` is False if it was sent more than once and duplicates may still turn up. `lead` is what Close
    answered, or our first reading of it. For a removed lead, `lead_id` is the lead that stays, or the one that was
    deleted in Close. An absent lead `is_refused` if Close did not accept it.
    """

    key: str
    run_id: str
    company: str
    state: LeadState
    sends: int
    first_sent: datetime
    is_single: bool
    lead_id: str
    lead: Json | None
    bodies: tuple[Json, ...]
    sender: str
    last_sent: datetime
    is_refused: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One change to an existing lead: to its own fields, to a contact, or a new contact.

    `target` is the id of what is changed ("" for a contact without an id yet), `before` is the content before the
    change, `sent` the body of the request, and `after` the content that Close answered. `sender` is the id of the user
    who sent it, "" in journals of earlier versions, and `last_sent` when, by this machine's clock. A new contact is
    `late` if it was looked for during the index lag and may be sent again; it may still arrive.
    """

    number: int
    run_id: str
    lead_id: str
    company: str
    kind: ChangeKind
    target: str
    state: ChangeState
    before: Json
    sent: Json
    after: Json | None
    sender: str
    last_sent: datetime


@dataclass(frozen=True, slots=True)
class SentThing:
    """A custom field or status that was requested `sends` times, last by the user `sender`; it may turn up as often."""

    name: str
    sends: int
    sender: str
    last_sent: datetime


@dataclass(frozen=True, slots=True)
class WriteBack:
    """What is written to a lead about one attempt to qualify its person: a note, then a status ("" for none).

    It is first `decided`, then `noting` while a note may have been sent, then `noted`, and in the end `finished`. It is
    `left` if the lead has changed since the decision: its status is not `from_status` anymore, or the digest shows that
    it is about somebody else. `verdict` is as in the trail, None if there was no id to check. `last_sent` is when the
    note was sent last, by this machine's clock.
    """

    lead_id: str
    attempt_id: str
    state: WriteBackState
    from_status: str
    to_status: str
    id_digest: str
    note: str
    verdict: Json | None
    last_sent: datetime = LONG_AGO


def _of_sound_row(entry_of: Callable[[Noted], Entry]) -> Callable[[Noted], Entry]:
    """The same function, which raises JournalDamaged for what no version has noted like this."""

    @functools.wraps(entry_of)
    def entry_or_damage(noted: Noted) -> Entry:
        try:
            return entry_of(noted)
        except (ValueError, TypeError) as error:
            raise JournalDamaged(f"an entry can't be read: {type(error).__name__}") from None

    return entry_or_damage


@_of_sound_row
def change_of(row: Sequence[Any]) -> Change:
    """The change in a row of CHANGE_COLUMNS."""
    number, run_id, lead_id, company, kind, target, state, before, sent, after, sender, last_sent = row
    answered = json.loads(after) if after else None
    return Change(
        *(number, run_id, lead_id, company, kind, target, state, json.loads(before), json.loads(sent), answered),
        *(sender, moment_in(last_sent)),
    )


@_of_sound_row
def write_back_of(row: Sequence[Any]) -> WriteBack:
    """What is written to a lead, in a row of WRITE_BACK_COLUMNS."""
    lead_id, attempt_id, state, from_status, to_status, id_digest, note, verdict, last_sent = row
    decided = json.loads(verdict) if verdict else None
    return WriteBack(
        *(lead_id, attempt_id, state, from_status, to_status, id_digest, note, decided), moment_in(last_sent)
    )


@_of_sound_row
def run_of(row: Sequence[Any]) -> Run:
    """The run in a row of RUN_COLUMNS."""
    run_id, organization, file, existing, started, state, outcomes = row
    return Run(run_id, organization, file, existing, started, state, json.loads(outcomes))


@_of_sound_row
def sent_lead_of(row: Sequence[Any]) -> SentLead:
    """The lead in a row of LEAD_COLUMNS."""
    key, run_id, company, state, sends, first_sent, is_single, lead_id, lead, bodies, sender, last_sent, refused = row
    content = json.loads(lead) if lead else None
    return SentLead(
        *(key, run_id, company, state, sends, moment_in(first_sent), bool(is_single), lead_id or "", content),
        *(tuple(json.loads(bodies)), sender, moment_in(last_sent or first_sent), bool(refused)),
    )


@_of_sound_row
def content_of(text: str) -> Json:
    """The content of a lead, as it was noted."""
    content: Json = json.loads(text)
    return content


def written(moment: datetime) -> str:
    """A moment in the form in which moments can be compared as texts."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment_in(text: str) -> datetime:
    """A moment as it was noted; one that an earlier version did not note is long past."""
    return datetime.fromisoformat(text) if text else LONG_AGO
