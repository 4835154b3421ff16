"""A record on disk of what was sent to Close and what came back: intent before each request, answer after it.

It is a SQLite file in WAL mode with `synchronous=FULL`: once a method has returned, its change survives a crash or a
power cut. Each row has its organization's id, so organizations never mix. A lock makes sure that one process writes at
a time; reading does not need it.

A lead goes through the states below when it is created. A method that is called in any other state raises OutOfOrder:
a lead whose answer was lost can't be sent again before somebody has checked whether Close has it.

    (none) -> sending -> created -> undoing -> undone
                 |  ^        `-> removed            |
                 v  |                               |
               absent  <----------------------------'
"""

import json
import os
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from close.contents import Json
from close.file_lock import lock_file

LeadState = Literal["sending", "absent", "created", "removed", "undoing", "undone"]
RunState = Literal["unfinished", "finished", "partly undone", "undone"]
ChangeKind = Literal["lead", "contact", "new contact"]
ChangeState = Literal["sending", "done", "late", "void", "undone"]
WriteBackState = Literal["decided", "noting", "noted", "finished", "left"]
Purpose = Literal["import or undo", "qualification"]
KEYS_PER_QUERY = 500
LAST = "last"
LONG_AGO = datetime.min.replace(tzinfo=UTC)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS organizations (id TEXT PRIMARY KEY, name TEXT NOT NULL, key_field TEXT);
CREATE TABLE IF NOT EXISTS runs (
    number INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, organization TEXT NOT NULL, file TEXT NOT NULL,
    existing TEXT NOT NULL, started TEXT NOT NULL, state TEXT NOT NULL, outcomes TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS leads (
    organization TEXT NOT NULL, key TEXT NOT NULL, run_id TEXT NOT NULL, company TEXT NOT NULL, state TEXT NOT NULL,
    sends INTEGER NOT NULL, first_sent TEXT NOT NULL, is_single INTEGER NOT NULL, lead_id TEXT, lead TEXT,
    bodies TEXT NOT NULL DEFAULT '[]', sender TEXT NOT NULL DEFAULT '', last_sent TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (organization, key)
);
CREATE INDEX IF NOT EXISTS leads_of_run ON leads (run_id);
CREATE TABLE IF NOT EXISTS changes (
    number INTEGER PRIMARY KEY, organization TEXT NOT NULL, run_id TEXT NOT NULL, lead_id TEXT NOT NULL,
    company TEXT NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL, state TEXT NOT NULL,
    before TEXT NOT NULL, sent TEXT NOT NULL, after TEXT,
    sender TEXT NOT NULL DEFAULT '', last_sent TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS changes_of_run ON changes (run_id);
CREATE INDEX IF NOT EXISTS changes_of_lead ON changes (organization, lead_id);
CREATE TABLE IF NOT EXISTS readings (
    organization TEXT NOT NULL, lead_id TEXT NOT NULL, lead TEXT NOT NULL, PRIMARY KEY (organization, lead_id)
);
CREATE TABLE IF NOT EXISTS deleted (
    organization TEXT NOT NULL, lead_id TEXT NOT NULL, stays TEXT, PRIMARY KEY (organization, lead_id)
);
CREATE TABLE IF NOT EXISTS fields (
    organization TEXT NOT NULL, name TEXT NOT NULL, sends INTEGER NOT NULL DEFAULT 1,
    sender TEXT NOT NULL DEFAULT '', last_sent TEXT NOT NULL DEFAULT '', PRIMARY KEY (organization, name)
);
CREATE TABLE IF NOT EXISTS verdicts (
    number INTEGER PRIMARY KEY, organization TEXT NOT NULL, lead_id TEXT NOT NULL, attempt_id TEXT NOT NULL,
    state TEXT NOT NULL, from_status TEXT NOT NULL, to_status TEXT NOT NULL, id_digest TEXT NOT NULL,
    note TEXT NOT NULL, verdict TEXT, repeats INTEGER NOT NULL DEFAULT 0, last_sent TEXT NOT NULL DEFAULT '',
    UNIQUE (organization, lead_id, attempt_id)
);
CREATE INDEX IF NOT EXISTS unfinished_verdicts ON verdicts (organization, number)
    WHERE state IN ('decided', 'noting', 'noted');
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, digest TEXT NOT NULL);
"""

_ADDED_LATER = {  # columns that a journal of an earlier version lacks
    "leads": {
        "bodies": "TEXT NOT NULL DEFAULT '[]'",
        "sender": "TEXT NOT NULL DEFAULT ''",
        "last_sent": "TEXT NOT NULL DEFAULT ''",
    },
    "changes": {"sender": "TEXT NOT NULL DEFAULT ''", "last_sent": "TEXT NOT NULL DEFAULT ''"},
    "verdicts": {"repeats": "INTEGER NOT NULL DEFAULT 0", "last_sent": "TEXT NOT NULL DEFAULT ''"},
    "fields": {
        "sends": "INTEGER NOT NULL DEFAULT 1",
        "sender": "TEXT NOT NULL DEFAULT ''",
        "last_sent": "TEXT NOT NULL DEFAULT ''",
    },
}


class JournalBusy(Exception):
    """Another command is writing to the journal; the message says what to do."""


class JournalUnusable(Exception):
    """The file exists but is not one of our journals; the message says what to do."""


class OutOfOrder(Exception):
    """The new entry does not fit the current state in the journal: a bug in the caller."""


class NoSuchRun(Exception):
    """No run with this id can be undone; the message says what to do."""


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
class SentLead:
    """A lead that an import created, or tried to.

    `sends` counts the requests that Close may have carried out, `bodies` are what they said, and `sender` is the id of
    the user who sent the last one; both are empty in journals of earlier versions. Not before `first_sent`, by the
    moments that Close itself notes, was the first one sent; `last_sent` is when the last one was, by this machine's
    clock. `is_single` is False if it was sent more than once and duplicates may still turn up. `lead` is what Close
    answered, or our first reading of it. For a removed lead, `lead_id` is the lead that stays, or the one that was
    deleted in Close.
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


class JournalFile:
    """The journal as a file, opened while its lock is held; `of` returns the part of one organization."""

    def __init__(self, path: Path) -> None:
        self._database = _open(path)
        self._guard = threading.RLock()

    def of(self, organization: str, name: str) -> "Journal":
        """The part of the journal that belongs to one organization."""
        with self._guard:
            self._database.execute(
                "INSERT INTO organizations (id, name) VALUES (?, ?) "
                "ON CONFLICT (id) DO UPDATE SET name = excluded.name",
                (organization, name),
            )
        return Journal(self._database, self._guard, organization)

    def digest_of(self, path: Path) -> str | None:
        """The digest of a file as we last wrote it, None if we never did."""
        found = self._database.execute("SELECT digest FROM files WHERE path = ?", (str(path.resolve()),)).fetchone()
        return str(found[0]) if found else None

    def note_file(self, path: Path, digest: str) -> None:
        """A file was written with this digest."""
        self._database.execute("INSERT OR REPLACE INTO files VALUES (?, ?)", (str(path.resolve()), digest))

    def close(self) -> None:
        """Close the file."""
        self._database.close()


@contextmanager
def open_journal(path: Path, purpose: Purpose = "import or undo") -> Iterator[JournalFile]:
    """The journal, created if it does not exist, for this process only. Raises JournalBusy and JournalUnusable.

    There can be one process at a time for each purpose. Qualifications and imports do not share rows, so neither has to
    wait for the other.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f"{path.name}.lock" if purpose == "import or undo" else f"{path.name}.{purpose}.lock")
    try:
        held = lock_file(lock)
    except OSError as error:
        raise _unwritable(path, error) from None
    if held is None:
        raise JournalBusy(
            f"Another {purpose} is writing to {path}. Wait until it has finished, then run this command again"
        )
    try:
        with closing(JournalFile(path)) as journal:
            yield journal
    finally:
        os.close(held)


def read_runs(path: Path) -> list[tuple[Run, str]]:
    """All runs with the names of their organizations, oldest first; empty if the journal does not exist.

    If a run was interrupted before it could count its outcomes, the outcomes that the journal shows are counted.
    """
    if not path.exists():
        return []
    database = _open(path)
    try:
        rows = database.execute(
            f"SELECT {_RUN_COLUMNS}, name FROM runs JOIN organizations ON organizations.id = organization "
            "ORDER BY number"
        ).fetchall()
        return [(_with_outcomes(database, _run(row[:-1])), str(row[-1])) for row in rows]
    finally:
        database.close()


def read_latest_leads(path: Path, organization: str, since: datetime) -> tuple[list[Json], set[str]]:
    """The leads that imports sent to an organization since a moment by this machine's clock, as Close answered.

    And the ids of all leads that we ever deleted there. Both are empty if the journal does not exist. An import may be
    running at the same time.
    """
    if not path.exists():
        return [], set()
    database = _open(path)
    try:
        made = database.execute(
            "SELECT lead FROM leads WHERE organization = ? AND state = 'created' AND last_sent >= ?",
            (organization, _written(since)),
        ).fetchall()
        deleted = database.execute("SELECT lead_id FROM deleted WHERE organization = ?", (organization,)).fetchall()
        return [json.loads(lead) for (lead,) in made], {lead_id for (lead_id,) in deleted}
    finally:
        database.close()


def _with_outcomes(database: sqlite3.Connection, run: Run) -> Run:
    if run.outcomes:
        return run
    created, lost = database.execute(
        "SELECT COALESCE(SUM(state = 'created'), 0), COALESCE(SUM(state = 'sending'), 0) FROM leads WHERE run_id = ?",
        (run.run_id,),
    ).fetchone()
    (updated,) = database.execute(
        "SELECT COUNT(DISTINCT lead_id) FROM changes WHERE run_id = ? AND state = 'done'", (run.run_id,)
    ).fetchone()
    return replace(run, outcomes={"created": created, "updated": updated, "undetermined": lost})


class Journal:
    """What was sent to one organization. Methods can be called from any thread; their changes are on disk on return."""

    def __init__(self, database: sqlite3.Connection, guard: threading.RLock, organization: str) -> None:
        self._database = database
        self._guard = guard
        self.organization = organization

    # The custom field for import keys --------------------------------------------------------------------------------

    @property
    def key_field(self) -> str | None:
        """The id of the custom field that holds import keys, None until it is known."""
        found = self._one("SELECT key_field FROM organizations WHERE id = ?", self.organization)
        return found[0] if found else None

    def note_key_field(self, field_id: str) -> None:
        """Import keys are stored in this custom field."""
        self._write("UPDATE organizations SET key_field = ? WHERE id = ?", field_id, self.organization)

    # Things made by name ---------------------------------------------------------------------------------------------

    def note_making(self, name: str, sender: str, moment: datetime) -> None:
        """A custom field or a status is about to be requested, perhaps once more."""
        self._write(
            "INSERT INTO fields (organization, name, sender, last_sent) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (organization, name) DO UPDATE SET "
            "sends = sends + 1, sender = excluded.sender, last_sent = excluded.last_sent",
            *(self.organization, name, sender, _written(moment)),
        )

    def note_answer_to_making_lost(self, name: str, moment: datetime) -> None:
        """The answer to the latest of these requests was lost."""
        self._write(
            "UPDATE fields SET last_sent = ? WHERE organization = ? AND name = ?",
            *(_written(moment), self.organization, name),
        )

    def note_not_made(self, name: str) -> None:
        """The latest of these requests was refused, or never left."""
        with self._guard:
            self._write("UPDATE fields SET sends = sends - 1 WHERE organization = ? AND name = ?", *self._thing(name))
            self._write("DELETE FROM fields WHERE organization = ? AND name = ? AND sends < 1", *self._thing(name))

    def note_settled(self, name: str) -> None:
        """What was requested exists, and no other request for it can still be carried out."""
        self._write("DELETE FROM fields WHERE organization = ? AND name = ?", *self._thing(name))

    def unsettled_things(self) -> dict[str, SentThing]:
        """The custom fields and statuses that may not exist yet, or of which there may be two, by name."""
        rows = self._all("SELECT name, sends, sender, last_sent FROM fields WHERE organization = ?", self.organization)
        return {name: SentThing(name, sends, sender, _moment(sent)) for name, sends, sender, sent in rows}

    def _thing(self, name: str) -> tuple[str, str]:
        return self.organization, name

    # Runs ------------------------------------------------------------------------------------------------------------

    def has_runs(self) -> bool:
        """Whether anything was ever imported into this organization from this folder."""
        return self._one("SELECT 1 FROM runs WHERE organization = ? LIMIT 1", self.organization) is not None

    def latest_run(self, file: str, existing: str) -> Run | None:
        """The newest run of a file that treats existing leads in this way and was not undone."""
        found = self._one(
            f"SELECT {_RUN_COLUMNS} FROM runs WHERE organization = ? AND file = ? AND existing = ? AND "
            "state IN ('unfinished', 'finished') ORDER BY number DESC LIMIT 1",
            *(self.organization, file, existing),
        )
        return _run(found) if found else None

    def find_run(self, run_id: str) -> Run:
        """A run by its id, or the newest run that wrote anything for "last". Raises NoSuchRun."""
        if run_id == LAST:
            found = self._one(
                f"SELECT {_RUN_COLUMNS} FROM runs WHERE organization = ? AND "
                "(run_id IN (SELECT run_id FROM leads WHERE state <> 'absent') "
                "OR run_id IN (SELECT run_id FROM changes WHERE state <> 'void')) ORDER BY number DESC LIMIT 1",
                self.organization,
            )
        else:
            found = self._one(
                f"SELECT {_RUN_COLUMNS} FROM runs WHERE organization = ? AND run_id = ?", self.organization, run_id
            )
        if not found:
            what = "No import has written anything to" if run_id == LAST else f"No run {run_id} was found for"
            raise NoSuchRun(f"{what} this organization; `python main.py runs` lists all runs")
        return _run(found)

    def start_run(self, run_id: str, file: str, existing: str) -> None:
        """A run starts or is continued."""
        self._write(
            "INSERT INTO runs (run_id, organization, file, existing, started, state, outcomes) "
            "VALUES (?, ?, ?, ?, ?, 'unfinished', '{}') ON CONFLICT (run_id) DO NOTHING",
            *(run_id, self.organization, file, existing, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"),
        )

    def note_run(self, run_id: str, state: RunState, outcomes: Mapping[str, int] | None = None) -> None:
        """A run has reached this state, with these outcomes if they are given."""
        counts = json.dumps(dict(outcomes)) if outcomes else None
        self._write(
            "UPDATE runs SET state = ?, outcomes = COALESCE(?, outcomes) WHERE run_id = ?", state, counts, run_id
        )

    # Leads -----------------------------------------------------------------------------------------------------------

    def leads(self, keys: Iterable[str]) -> dict[str, SentLead]:
        """What is known about some leads, by import key; leads that were never sent are left out."""
        found: dict[str, SentLead] = {}
        wanted = list(keys)
        for start in range(0, len(wanted), KEYS_PER_QUERY):
            some = wanted[start : start + KEYS_PER_QUERY]
            marks = ", ".join("?" * len(some))
            rows = self._all(
                f"SELECT {_LEAD_COLUMNS} FROM leads WHERE organization = ? AND key IN ({marks})",
                self.organization,
                *some,
            )
            found |= {row[0]: _sent_lead(row) for row in rows}
        return found

    def lead_ids(self) -> set[str]:
        """The ids of all leads that an import is known to have created."""
        rows = self._all("SELECT lead_id FROM leads WHERE organization = ? AND lead_id IS NOT NULL", self.organization)
        return {row[0] for row in rows}

    def doubtful_leads(self) -> list[SentLead]:
        """The leads that were created but sent more than once, so that duplicates may still turn up."""
        rows = self._all(
            f"SELECT {_LEAD_COLUMNS} FROM leads WHERE organization = ? AND state = 'created' AND NOT is_single",
            self.organization,
        )
        return [_sent_lead(row) for row in rows]

    def late_undone_leads(self, run_id: str) -> list[SentLead]:
        """The leads of a run that were sent more than once and then undone, so that one of them may still arrive."""
        rows = self._all(
            f"SELECT {_LEAD_COLUMNS} FROM leads WHERE organization = ? AND run_id = ? AND state = 'undone' "
            "AND NOT is_single",
            *(self.organization, run_id),
        )
        return [_sent_lead(row) for row in rows]

    def lost_leads_of_run(self, run_id: str) -> list[SentLead]:
        """The leads that a run sent and whose answers were lost."""
        rows = self._all(
            f"SELECT {_LEAD_COLUMNS} FROM leads WHERE organization = ? AND run_id = ? AND state = 'sending'",
            *(self.organization, run_id),
        )
        return [_sent_lead(row) for row in rows]

    def leads_of_run(self, run_id: str) -> list[SentLead]:
        """The leads that a run created or tried to, in the order in which they were sent."""
        rows = self._all(
            f"SELECT {_LEAD_COLUMNS} FROM leads WHERE organization = ? AND run_id = ? ORDER BY rowid",
            *(self.organization, run_id),
        )
        return [_sent_lead(row) for row in rows]

    def note_sending(
        self, key: str, run_id: str, company: str, body: Json, *, sender: str, since: datetime, moment: datetime
    ) -> None:
        """A lead is about to be sent. Raises OutOfOrder if it may already be in Close.

        `since` is a moment that Close has noted already, `moment` the present one by this machine's clock.
        """
        self._move(
            f"INSERT INTO leads (organization, {_LEAD_COLUMNS}) "
            "VALUES (?, ?, ?, ?, 'sending', 1, ?, 1, NULL, NULL, json_array(json(?)), ?, ?) "
            "ON CONFLICT (organization, key) "
            "DO UPDATE SET state = 'sending', company = excluded.company, run_id = excluded.run_id, "
            "first_sent = CASE WHEN sends = 0 THEN excluded.first_sent ELSE first_sent END, "
            "bodies = CASE WHEN sends = 0 THEN excluded.bodies "
            "ELSE json_insert(bodies, '$[#]', json_extract(excluded.bodies, '$[0]')) END, "
            "is_single = (sends = 0), sends = sends + 1, lead_id = NULL, lead = NULL, "
            "sender = excluded.sender, last_sent = excluded.last_sent "
            "WHERE state IN ('absent', 'undone')",
            *(self.organization, key, run_id, company, _written(since), json.dumps(body), sender, _written(moment)),
        )

    def note_body(self, key: str, body: Json) -> None:
        """A lead that Close refused for some of its values is about to be sent without them."""
        self._move(
            "UPDATE leads SET bodies = json_insert(bodies, '$[#]', json(?)) "
            "WHERE organization = ? AND key = ? AND state = 'sending'",
            *(json.dumps(body), self.organization, key),
        )

    def note_not_sent(self, key: str) -> None:
        """A lead that was about to be sent never was, or was refused: Close did nothing."""
        self._move(
            "UPDATE leads SET state = 'absent', sends = sends - 1, is_single = (is_single OR sends <= 2) "
            "WHERE organization = ? AND key = ? AND state = 'sending'",
            *(self.organization, key),
        )

    def note_absent(self, key: str) -> None:
        """A lead whose answer was lost was looked for long enough: Close does not have it."""
        self._move(
            "UPDATE leads SET state = 'absent' WHERE organization = ? AND key = ? AND state = 'sending'",
            *(self.organization, key),
        )

    def note_created(self, key: str, lead: Json) -> None:
        """Close answered with the lead, or it was found there. `lead` is its content with its id and dates."""
        self._move(
            "UPDATE leads SET state = 'created', lead_id = ?, lead = ? "
            "WHERE organization = ? AND key = ? AND state IN ('sending', 'created')",
            *(lead["id"], json.dumps(lead), self.organization, key),
        )

    def note_single(self, key: str) -> None:
        """Duplicates of a lead that was sent more than once have been looked for."""
        self._write("UPDATE leads SET is_single = 1 WHERE organization = ? AND key = ?", self.organization, key)

    def note_removed(self, key: str, stays: str) -> None:
        """Our copy of a lead is gone: deleted as a duplicate of somebody else's lead, or by somebody in Close."""
        self._move(
            "UPDATE leads SET state = 'removed', lead_id = ?, lead = NULL "
            "WHERE organization = ? AND key = ? AND state IN ('sending', 'created', 'removed')",
            *(stays, self.organization, key),
        )

    def note_undoing(self, key: str) -> None:
        """A lead that was created is about to be deleted."""
        self._move(
            "UPDATE leads SET state = 'undoing' WHERE organization = ? AND key = ? AND state IN ('created', 'undoing')",
            *(self.organization, key),
        )

    def note_not_undone(self, key: str) -> None:
        """A lead that was about to be deleted is still there: nothing was sent."""
        self._move(
            "UPDATE leads SET state = 'created' WHERE organization = ? AND key = ? AND state = 'undoing'",
            *(self.organization, key),
        )

    def note_undone(self, key: str) -> None:
        """A lead that was created has been deleted, as if it had never existed."""
        with self._guard:
            self._database.execute("BEGIN")
            self._database.execute(
                "INSERT OR IGNORE INTO deleted SELECT organization, lead_id, NULL FROM leads "
                "WHERE organization = ? AND key = ? AND lead_id IS NOT NULL",
                (self.organization, key),
            )
            moved = self._database.execute(
                "UPDATE leads SET state = 'undone', sends = 0 WHERE organization = ? AND key = ? AND state = 'undoing'",
                (self.organization, key),
            ).rowcount
            self._database.execute("COMMIT" if moved else "ROLLBACK")
        if not moved:
            raise OutOfOrder(f"note_undone: not allowed in the state of {key}")

    def note_deleted(self, lead_id: str, stays: str) -> None:
        """A duplicate was deleted; `stays` is the lead that it duplicated."""
        self._write("INSERT OR REPLACE INTO deleted VALUES (?, ?, ?)", self.organization, lead_id, stays)

    def deleted(self) -> set[str]:
        """The ids of all leads that we deleted ourselves; search may show them for a while."""
        return {row[0] for row in self._all("SELECT lead_id FROM deleted WHERE organization = ?", self.organization)}

    # Changes to existing leads ---------------------------------------------------------------------------------------

    def note_changing(
        self,
        *,
        run_id: str,
        lead_id: str,
        company: str,
        kind: ChangeKind,
        target: str,
        before: Json,
        sent: Json,
        sender: str,
        moment: datetime,
    ) -> int:
        """An existing lead is about to be changed by a user. Returns the number of the change."""
        told = (json.dumps(before), json.dumps(sent), sender, _written(moment))
        with self._guard:
            number = self._database.execute(
                "INSERT INTO changes "
                "(organization, run_id, lead_id, company, kind, target, state, before, sent, sender, last_sent) "
                "VALUES (?, ?, ?, ?, ?, ?, 'sending', ?, ?, ?, ?)",
                (self.organization, run_id, lead_id, company, kind, target, *told),
            ).lastrowid
        assert number is not None
        return number

    def note_changed(self, number: int, target: str, after: Json) -> None:
        """Close answered to a change, or it turned out to be done: `after` is the content of its target."""
        self._move(
            "UPDATE changes SET state = 'done', target = ?, after = ? "
            "WHERE number = ? AND state IN ('sending', 'late')",
            *(target, json.dumps(after), number),
        )

    def note_change_body(self, number: int, body: Json) -> None:
        """A change that Close refused for some of its values is about to be sent without them."""
        self._move("UPDATE changes SET sent = ? WHERE number = ? AND state = 'sending'", json.dumps(body), number)

    def note_answer_lost(self, number: int, moment: datetime) -> None:
        """The answer to a change was lost, at this moment by this machine's clock."""
        self._move("UPDATE changes SET last_sent = ? WHERE number = ? AND state = 'sending'", _written(moment), number)

    def note_void(self, number: int) -> None:
        """A change was not carried out, and will not be."""
        self._move("UPDATE changes SET state = 'void' WHERE number = ? AND state IN ('sending', 'late')", number)

    def note_late(self, number: int) -> None:
        """A change whose answer was lost is not there, so that it is sent again; it may still arrive."""
        self._move("UPDATE changes SET state = 'late' WHERE number = ? AND state = 'sending'", number)

    def note_taken_back(self, number: int) -> None:
        """A change was undone."""
        self._move("UPDATE changes SET state = 'undone' WHERE number = ? AND state = 'done'", number)

    def changes_of_run(self, run_id: str) -> list[Change]:
        """The changes of a run that may be in effect, in order."""
        return self._changes("run_id = ? AND state IN ('sending', 'done')", run_id)

    def changes_of_lead(self, lead_id: str, run_id: str = "") -> list[Change]:
        """The changes to a lead that may be in effect, in order: only those of one run, if it is given."""
        return self._changes("lead_id = ? AND ? IN ('', run_id) AND state IN ('sending', 'done')", lead_id, run_id)

    def leads_with_lost_changes(self) -> set[str]:
        """The ids of the leads with changes whose answers were lost."""
        rows = self._all("SELECT lead_id FROM changes WHERE organization = ? AND state = 'sending'", self.organization)
        return {lead_id for (lead_id,) in rows}

    def late_changes(self, lead_id: str = "") -> list[Change]:
        """The changes that may still arrive although they were sent again, to one lead or to all, in order."""
        return self._changes("state = 'late' AND ? IN ('', lead_id)", lead_id)

    def _changes(self, condition: str, *values: object) -> list[Change]:
        rows = self._all(
            f"SELECT {_CHANGE_COLUMNS} FROM changes WHERE organization = ? AND {condition} ORDER BY number",
            *(self.organization, *values),
        )
        return [_change(row) for row in rows]

    # The newest readings of leads that we changed --------------------------------------------------------------------

    def note_reading(self, lead: Json) -> None:
        """A lead that we changed was read by id, or answered: search may show its older state for a while."""
        self._write("INSERT OR REPLACE INTO readings VALUES (?, ?, ?)", self.organization, lead["id"], json.dumps(lead))

    def readings(self, lead_ids: Collection[str]) -> dict[str, Json]:
        """The newest readings of some leads that we changed, by id."""
        found: dict[str, Json] = {}
        wanted = list(lead_ids)
        for start in range(0, len(wanted), KEYS_PER_QUERY):
            some = wanted[start : start + KEYS_PER_QUERY]
            rows = self._all(
                "SELECT lead_id, lead FROM readings WHERE organization = ? "
                f"AND lead_id IN ({', '.join('?' * len(some))})",
                *(self.organization, *some),
            )
            found |= {lead_id: json.loads(lead) for lead_id, lead in rows}
        return found

    # Verdicts written back -------------------------------------------------------------------------------------------

    def unfinished_write_backs(self, lead_id: str = "") -> list[WriteBack]:
        """What still has to be written to a lead, or to all leads, in the order of the decisions."""
        of_lead, values = ("AND lead_id = ?", [lead_id]) if lead_id else ("", [])
        rows = self._all(
            f"SELECT {_WRITE_BACK_COLUMNS} FROM verdicts WHERE organization = ? {of_lead} "
            "AND state IN ('decided', 'noting', 'noted') ORDER BY number",
            *(self.organization, *values),
        )
        return [_write_back(row) for row in rows]

    def find_write_back(self, lead_id: str, attempt_id: str) -> WriteBack | None:
        """What was decided to be written to a lead about an attempt, or None."""
        found = self._one(
            f"SELECT {_WRITE_BACK_COLUMNS} FROM verdicts WHERE organization = ? AND lead_id = ? AND attempt_id = ?",
            *(self.organization, lead_id, attempt_id),
        )
        return _write_back(found) if found else None

    def note_decided(self, decided: WriteBack) -> None:
        """It was decided to write something to a lead."""
        self._write(
            f"INSERT OR REPLACE INTO verdicts (organization, {_WRITE_BACK_COLUMNS}) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(self.organization, decided.lead_id, decided.attempt_id, decided.state, decided.from_status),
            *(decided.to_status, decided.id_digest, decided.note),
            *(json.dumps(decided.verdict) if decided.verdict else None, _written(decided.last_sent)),
        )

    def note_write_back(self, write_back: WriteBack, state: WriteBackState) -> None:
        """What is written to a lead has reached this state. Raises OutOfOrder if it was already finished or left."""
        self._move(
            "UPDATE verdicts SET state = ? WHERE organization = ? AND lead_id = ? AND attempt_id = ? "
            "AND state NOT IN ('finished', 'left')",
            *(state, self.organization, write_back.lead_id, write_back.attempt_id),
        )

    def note_noting(self, write_back: WriteBack, moment: datetime) -> None:
        """A note is about to be sent."""
        self._move(
            "UPDATE verdicts SET state = 'noting', last_sent = ? WHERE organization = ? "
            "AND lead_id = ? AND attempt_id = ? AND state NOT IN ('finished', 'left')",
            *(_written(moment), self.organization, write_back.lead_id, write_back.attempt_id),
        )

    def note_repeating(self, write_back: WriteBack) -> None:
        """A note whose answer was lost was looked for long enough to send it again; it may still arrive."""
        self._write(
            "UPDATE verdicts SET repeats = repeats + 1 WHERE organization = ? AND lead_id = ? AND attempt_id = ?",
            *(self.organization, write_back.lead_id, write_back.attempt_id),
        )

    def repeated_notes(self) -> list[WriteBack]:
        """What was written to leads with notes that were sent more than once, so that they may be there twice."""
        rows = self._all(
            f"SELECT {_WRITE_BACK_COLUMNS} FROM verdicts WHERE organization = ? AND repeats > 0 ORDER BY number",
            self.organization,
        )
        return [_write_back(row) for row in rows]

    def note_single_note(self, write_back: WriteBack) -> None:
        """A note that was sent more than once can't turn up again."""
        self._write(
            "UPDATE verdicts SET repeats = 0 WHERE organization = ? AND lead_id = ? AND attempt_id = ?",
            *(self.organization, write_back.lead_id, write_back.attempt_id),
        )

    # The database ----------------------------------------------------------------------------------------------------

    def _one(self, statement: str, *values: object) -> Any:
        with self._guard:
            return self._database.execute(statement, values).fetchone()

    def _all(self, statement: str, *values: object) -> Sequence[Any]:
        with self._guard:
            return self._database.execute(statement, values).fetchall()

    def _write(self, statement: str, *values: object) -> int:
        with self._guard:
            return self._database.execute(statement, values).rowcount

    def _move(self, statement: str, *values: object) -> None:
        if self._write(statement, *values) != 1:
            raise OutOfOrder(f"not allowed in the state that the journal holds: {statement.split(' WHERE ')[0]}")


_RUN_COLUMNS = "run_id, organization, file, existing, started, state, outcomes"
_LEAD_COLUMNS = "key, run_id, company, state, sends, first_sent, is_single, lead_id, lead, bodies, sender, last_sent"
_WRITE_BACK_COLUMNS = "lead_id, attempt_id, state, from_status, to_status, id_digest, note, verdict, last_sent"
_CHANGE_COLUMNS = "number, run_id, lead_id, company, kind, target, state, before, sent, after, sender, last_sent"


def _change(row: Sequence[Any]) -> Change:
    number, run_id, lead_id, company, kind, target, state, before, sent, after, sender, last_sent = row
    answered = json.loads(after) if after else None
    return Change(
        *(number, run_id, lead_id, company, kind, target, state, json.loads(before), json.loads(sent), answered),
        *(sender, _moment(last_sent)),
    )


def _write_back(row: Sequence[Any]) -> WriteBack:
    lead_id, attempt_id, state, from_status, to_status, id_digest, note, verdict, last_sent = row
    decided = json.loads(verdict) if verdict else None
    return WriteBack(
        *(lead_id, attempt_id, state, from_status, to_status, id_digest, note, decided), _moment(last_sent)
    )


def _run(row: Sequence[Any]) -> Run:
    run_id, organization, file, existing, started, state, outcomes = row
    return Run(run_id, organization, file, existing, started, state, json.loads(outcomes))


def _sent_lead(row: Sequence[Any]) -> SentLead:
    key, run_id, company, state, sends, first_sent, is_single, lead_id, lead, bodies, sender, last_sent = row
    content = json.loads(lead) if lead else None
    return SentLead(
        *(key, run_id, company, state, sends, _moment(first_sent), bool(is_single), lead_id or "", content),
        *(tuple(json.loads(bodies)), sender, _moment(last_sent or first_sent)),
    )


def _written(moment: datetime) -> str:
    """A moment in the form in which moments can be compared as texts."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str) -> datetime:
    """A moment as it was noted; one that an earlier version did not note is long past."""
    return datetime.fromisoformat(text) if text else LONG_AGO


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.touch(mode=0o600)
        database = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise _unwritable(path, error) from None
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.executescript(_SCHEMA)
        _add_columns(database)
    except sqlite3.DatabaseError as error:
        database.close()
        if isinstance(error, sqlite3.OperationalError):
            raise _unwritable(path, error) from None
        raise JournalUnusable(
            f"{path} can't be used as a journal ({error}). Move the file away, or replace it with the right one"
        ) from None
    return database


def _add_columns(database: sqlite3.Connection) -> None:
    """Give a journal of an earlier version the columns that it lacks."""
    for table, columns in _ADDED_LATER.items():
        there = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
        for name in columns.keys() - there:
            try:
                database.execute(f"ALTER TABLE {table} ADD COLUMN {name} {columns[name]}")
            except sqlite3.OperationalError as error:
                if "duplicate column" not in str(error):  # another command has just added it
                    raise


def _unwritable(path: Path, error: Exception) -> JournalUnusable:
    return JournalUnusable(f"{path} can't be written ({error}). Make the file and its folder writable")
