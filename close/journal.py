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
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from close.contents import Json
from close.file_lock import lock_file
from close.journal_entries import (
    CHANGE_COLUMNS,
    LEAD_COLUMNS,
    RUN_COLUMNS,
    WRITE_BACK_COLUMNS,
    Change,
    ChangeKind,
    Run,
    RunState,
    SentLead,
    SentThing,
    ShownPlan,
    WriteBack,
    WriteBackState,
    change_of,
    content_of,
    moment_in,
    run_of,
    sent_lead_of,
    write_back_of,
    written,
)
from close.journal_schema import Guard, JournalDamaged, copy_in_memory, open_database, unwritable
from close.machine import THIS_MACHINE, Machine

Purpose = Literal["import or undo", "qualification"]
KEYS_PER_QUERY = 500
PLANS_KEPT = 20  # of an organization
LAST = "last"


class JournalBusy(Exception):
    """Another command is writing to the journal; the message says what to do."""


class OutOfOrder(Exception):
    """The new entry does not fit the current state in the journal: a bug in the caller."""


class NoSuchRun(Exception):
    """No run with this id can be undone; the message says what to do."""


class JournalFile:
    """The journal as a file, opened while its lock is held; `of` returns the part of one organization."""

    def __init__(self, database: sqlite3.Connection, machine: Machine = THIS_MACHINE) -> None:
        self._database = database
        self._machine = machine
        self._guard = Guard(machine)

    def copy(self) -> "JournalFile":
        """A copy in memory: what is noted in it never reaches the file."""
        with self._guard:
            return JournalFile(copy_in_memory(self._database), self._machine)

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
        asked = "SELECT digest FROM files WHERE path = ?"
        with self._guard:
            found = self._database.execute(asked, (str(path.resolve()),)).fetchone()
        return str(found[0]) if found else None

    def note_file(self, path: Path, digest: str) -> None:
        """A file was written with this digest."""
        with self._guard:
            self._database.execute("INSERT OR REPLACE INTO files VALUES (?, ?)", (str(path.resolve()), digest))

    def close(self) -> None:
        """Close the file."""
        self._database.close()


@contextmanager
def open_journal(
    path: Path, purpose: Purpose = "import or undo", machine: Machine = THIS_MACHINE
) -> Iterator[JournalFile]:
    """The journal, created if it does not exist, for this process only. Raises JournalBusy and JournalUnusable.

    There can be one process at a time for each purpose. Qualifications and imports do not share rows, so neither has to
    wait for the other.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f"{path.name}.lock" if purpose == "import or undo" else f"{path.name}.{purpose}.lock")
    try:
        held = lock_file(lock)
    except OSError as error:
        raise unwritable(path, error) from None
    if held is None:
        raise JournalBusy(
            f"Another {purpose} is writing to {path}. Wait until it has finished, then run this command again"
        )
    try:
        with closing(JournalFile(open_database(path, machine), machine)) as journal:
            yield journal
    finally:
        os.close(held)


def read_runs(path: Path) -> list[tuple[Run, str]]:
    """All runs with the names of their organizations, oldest first; empty if the journal does not exist.

    If a run was interrupted before it could count its outcomes, the outcomes that the journal shows are counted.
    """
    if not path.exists():
        return []
    with closing(open_database(path)) as database, Guard():
        rows = database.execute(
            f"SELECT {RUN_COLUMNS}, name FROM runs JOIN organizations ON organizations.id = organization "
            "ORDER BY number"
        ).fetchall()
        return [(_with_outcomes(database, run_of(row[:-1])), str(row[-1])) for row in rows]


def read_latest_leads(
    path: Path, organization: str, since: datetime, machine: Machine = THIS_MACHINE
) -> tuple[list[Json], set[str]]:
    """The leads that imports created in an organization since a moment by this machine's clock, as Close answered.

    Those that were sent before it, but answered or found in Close after it, are included. And the ids of all leads that
    we ever deleted there. Both are empty if the journal does not exist. An import may be running at the same time.
    """
    if not path.exists():
        return [], set()
    with closing(open_database(path, machine)) as database, Guard(machine):
        made = database.execute(
            "SELECT lead FROM leads WHERE organization = ? AND state = 'created' AND MAX(last_sent, answered) >= ?",
            (organization, written(since)),
        ).fetchall()
        deleted = database.execute("SELECT lead_id FROM deleted WHERE organization = ?", (organization,)).fetchall()
        return [content_of(lead) for (lead,) in made], {lead_id for (lead_id,) in deleted}


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

    def __init__(self, database: sqlite3.Connection, guard: Guard, organization: str) -> None:
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
            *(self.organization, name, sender, written(moment)),
        )

    def note_answer_to_making_lost(self, name: str, moment: datetime) -> None:
        """The answer to the latest of these requests was lost."""
        self._write(
            "UPDATE fields SET last_sent = ? WHERE organization = ? AND name = ?",
            *(written(moment), self.organization, name),
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
        """The custom fields and statuses that may not exist yet, or may exist twice, by name."""
        rows = self._all("SELECT name, sends, sender, last_sent FROM fields WHERE organization = ?", self.organization)
        return {name: SentThing(name, sends, sender, moment_in(sent)) for name, sends, sender, sent in rows}

    def _thing(self, name: str) -> tuple[str, str]:
        return self.organization, name

    # Runs ------------------------------------------------------------------------------------------------------------

    def has_runs(self) -> bool:
        """Whether anything was ever imported into this organization from this folder."""
        return self._one("SELECT 1 FROM runs WHERE organization = ? LIMIT 1", self.organization) is not None

    def has_run(self, run_id: str) -> bool:
        """Whether a run with this id has begun."""
        asked = "SELECT 1 FROM runs WHERE organization = ? AND run_id = ?"
        return self._one(asked, self.organization, run_id) is not None

    def latest_run(self, file: str, existing: str) -> Run | None:
        """The newest run of a file that treats existing leads in this way and was not undone."""
        found = self._one(
            f"SELECT {RUN_COLUMNS} FROM runs WHERE organization = ? AND file = ? AND existing = ? AND "
            "state IN ('unfinished', 'finished') ORDER BY number DESC LIMIT 1",
            *(self.organization, file, existing),
        )
        return run_of(found) if found else None

    def find_run(self, run_id: str) -> Run:
        """A run by its id, or the newest run that wrote anything for "last". Raises NoSuchRun."""
        if run_id == LAST:
            found = self._one(
                f"SELECT {RUN_COLUMNS} FROM runs WHERE organization = ? AND "
                "(run_id IN (SELECT run_id FROM leads WHERE state <> 'absent') "
                "OR run_id IN (SELECT run_id FROM changes WHERE state <> 'void')) ORDER BY number DESC LIMIT 1",
                self.organization,
            )
        else:
            found = self._one(
                f"SELECT {RUN_COLUMNS} FROM runs WHERE organization = ? AND run_id = ?", self.organization, run_id
            )
        if not found:
            what = "No import has written anything to" if run_id == LAST else f"No run {run_id} was found for"
            raise NoSuchRun(f"{what} this organization; `python main.py runs` lists all runs")
        return run_of(found)

    def start_run(self, run_id: str, file: str, existing: str, moment: datetime) -> None:
        """A run starts or is continued at a moment by this machine's clock."""
        self._write(
            "INSERT INTO runs (run_id, organization, file, existing, started, state, outcomes) "
            "VALUES (?, ?, ?, ?, ?, 'unfinished', '{}') ON CONFLICT (run_id) DO NOTHING",
            *(run_id, self.organization, file, existing, f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"),
        )

    def note_run(self, run_id: str, state: RunState, outcomes: Mapping[str, int] | None = None) -> None:
        """A run has reached this state, with these outcomes if they are given."""
        counts = json.dumps(dict(outcomes)) if outcomes else None
        self._write(
            "UPDATE runs SET state = ?, outcomes = COALESCE(?, outcomes) WHERE run_id = ?", state, counts, run_id
        )

    # Plans -----------------------------------------------------------------------------------------------------------

    def note_plan(self, plan_id: str, parts: Json, run_id: str = "") -> None:
        """A plan with these parts is shown, or a run begins to carry it out; of others, only the newest are kept."""
        with self._as_a_whole():
            self._write(
                "INSERT OR REPLACE INTO plans (organization, plan_id, parts, run_id) VALUES (?, ?, ?, ?)",
                *(self.organization, plan_id, zlib.compress(json.dumps(parts).encode()), run_id),
            )
            self._write(
                "DELETE FROM plans WHERE organization = ? AND run_id = '' AND number NOT IN "
                "(SELECT number FROM plans WHERE organization = ? ORDER BY number DESC LIMIT ?)",
                *(self.organization, self.organization, PLANS_KEPT),
            )

    def shown_plan(self, plan_id: str) -> ShownPlan | None:
        """A plan as it was shown, None if it never was, or is too old to be kept."""
        asked = "SELECT parts, run_id FROM plans WHERE organization = ? AND plan_id = ?"
        found = self._one(asked, self.organization, plan_id)
        if found is None:
            return None
        try:
            return ShownPlan(content_of(zlib.decompress(found[0]).decode()), found[1])
        except (zlib.error, ValueError) as error:
            raise JournalDamaged(str(error)) from None

    # Leads -----------------------------------------------------------------------------------------------------------

    def leads(self, keys: Iterable[str]) -> dict[str, SentLead]:
        """What is known about some leads, by import key; leads that were never sent are left out."""
        found: dict[str, SentLead] = {}
        wanted = list(keys)
        for start in range(0, len(wanted), KEYS_PER_QUERY):
            some = wanted[start : start + KEYS_PER_QUERY]
            marks = ", ".join("?" * len(some))
            rows = self._all(
                f"SELECT {LEAD_COLUMNS} FROM leads WHERE organization = ? AND key IN ({marks})",
                self.organization,
                *some,
            )
            found |= {row[0]: sent_lead_of(row) for row in rows}
        return found

    def lead_ids(self) -> set[str]:
        """The ids of all leads that an import is known to have created."""
        rows = self._all("SELECT lead_id FROM leads WHERE organization = ? AND lead_id IS NOT NULL", self.organization)
        return {row[0] for row in rows}

    def doubtful_leads(self) -> list[SentLead]:
        """The leads that were created but sent more than once, so that duplicates may still turn up."""
        rows = self._all(
            f"SELECT {LEAD_COLUMNS} FROM leads WHERE organization = ? AND state = 'created' AND NOT is_single",
            self.organization,
        )
        return [sent_lead_of(row) for row in rows]

    def late_undone_leads(self, run_id: str) -> list[SentLead]:
        """The leads of a run that were sent more than once and then undone, so that one of them may still arrive."""
        rows = self._all(
            f"SELECT {LEAD_COLUMNS} FROM leads WHERE organization = ? AND run_id = ? AND state = 'undone' "
            "AND NOT is_single",
            *(self.organization, run_id),
        )
        return [sent_lead_of(row) for row in rows]

    def lost_leads_of_run(self, run_id: str) -> list[SentLead]:
        """The leads that a run sent and whose answers were lost."""
        rows = self._all(
            f"SELECT {LEAD_COLUMNS} FROM leads WHERE organization = ? AND run_id = ? AND state = 'sending'",
            *(self.organization, run_id),
        )
        return [sent_lead_of(row) for row in rows]

    def leads_of_run(self, run_id: str) -> list[SentLead]:
        """The leads that a run created or tried to, in the order in which they were sent."""
        rows = self._all(
            f"SELECT {LEAD_COLUMNS} FROM leads WHERE organization = ? AND run_id = ? ORDER BY rowid",
            *(self.organization, run_id),
        )
        return [sent_lead_of(row) for row in rows]

    def note_sending(
        self, key: str, run_id: str, company: str, body: Json, *, sender: str, since: datetime, moment: datetime
    ) -> None:
        """A lead is about to be sent. Raises OutOfOrder if it may already be in Close.

        `since` is a moment that Close has noted already, `moment` the present one by this machine's clock.
        """
        self._move(
            f"INSERT INTO leads (organization, {LEAD_COLUMNS}) "
            "VALUES (?, ?, ?, ?, 'sending', 1, ?, 1, NULL, NULL, json_array(json(?)), ?, ?, 0) "
            "ON CONFLICT (organization, key) "
            "DO UPDATE SET state = 'sending', company = excluded.company, run_id = excluded.run_id, "
            "first_sent = CASE WHEN sends = 0 THEN excluded.first_sent ELSE first_sent END, "
            "bodies = CASE WHEN sends = 0 THEN excluded.bodies "
            "ELSE json_insert(bodies, '$[#]', json_extract(excluded.bodies, '$[0]')) END, "
            "is_single = (sends = 0), sends = sends + 1, lead_id = NULL, lead = NULL, "
            "sender = excluded.sender, last_sent = excluded.last_sent, is_refused = 0 "
            "WHERE state IN ('absent', 'undone')",
            *(self.organization, key, run_id, company, written(since), json.dumps(body), sender, written(moment)),
        )

    def note_body(self, key: str, body: Json) -> None:
        """A lead that Close refused for some of its values is about to be sent without them."""
        self._move(
            "UPDATE leads SET bodies = json_insert(bodies, '$[#]', json(?)) "
            "WHERE organization = ? AND key = ? AND state = 'sending'",
            *(json.dumps(body), self.organization, key),
        )

    def note_arrived(self, key: str, run_id: str) -> None:
        """A lead that was taken for absent is in Close after all, and belongs to the run that met it there.

        It counts as sent without an answer until somebody has looked at it.
        """
        self._move(
            "UPDATE leads SET state = 'sending', run_id = ? "
            "WHERE organization = ? AND key = ? AND state = 'absent' AND sends > 0",
            *(run_id, self.organization, key),
        )

    def note_not_sent(self, key: str, *, is_refused: bool = False) -> None:
        """A lead that was about to be sent never was, or was refused: Close did nothing."""
        self._move(
            "UPDATE leads SET state = 'absent', sends = sends - 1, is_single = (is_single OR sends <= 2), "
            "is_refused = ? WHERE organization = ? AND key = ? AND state = 'sending'",
            *(is_refused, self.organization, key),
        )

    def note_absent(self, key: str) -> None:
        """A lead whose answer was lost was looked for long enough: Close does not have it."""
        self._move(
            "UPDATE leads SET state = 'absent' WHERE organization = ? AND key = ? AND state = 'sending'",
            *(self.organization, key),
        )

    def note_created(self, key: str, lead: Json, moment: datetime) -> None:
        """Close answered with the lead, or it was found there, at this moment by this machine's clock.

        `lead` is its content with its id and dates.
        """
        self._move(
            "UPDATE leads SET answered = CASE WHEN state = 'sending' THEN ? ELSE answered END, "
            "state = 'created', lead_id = ?, lead = ? "
            "WHERE organization = ? AND key = ? AND state IN ('sending', 'created')",
            *(written(moment), lead["id"], json.dumps(lead), self.organization, key),
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
        with self._as_a_whole():
            self._database.execute(
                "INSERT OR IGNORE INTO deleted SELECT organization, lead_id, NULL FROM leads "
                "WHERE organization = ? AND key = ? AND lead_id IS NOT NULL",
                (self.organization, key),
            )
            self._move(
                "UPDATE leads SET state = 'undone', sends = 0 WHERE organization = ? AND key = ? AND state = 'undoing'",
                *(self.organization, key),
            )

    def note_deleted(self, lead_id: str, stays: str) -> None:
        """A duplicate was deleted; `stays` is the lead that it duplicated."""
        self._write("INSERT OR REPLACE INTO deleted VALUES (?, ?, ?)", self.organization, lead_id, stays)

    def deleted(self) -> set[str]:
        """The ids of all leads that we deleted ourselves; search may show them for a while."""
        return {row[0] for row in self._all("SELECT lead_id FROM deleted WHERE organization = ?", self.organization)}

    def has_deleted(self, lead_id: str) -> bool:
        """Whether we deleted this lead ourselves."""
        asked = "SELECT 1 FROM deleted WHERE organization = ? AND lead_id = ?"
        return self._one(asked, self.organization, lead_id) is not None

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
        told = (json.dumps(before), json.dumps(sent), sender, written(moment))
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
        self._move("UPDATE changes SET last_sent = ? WHERE number = ? AND state = 'sending'", written(moment), number)

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

    def leads_changed_by(self, run_id: str) -> set[str]:
        """The ids of the existing leads that a run changed, or tried to."""
        rows = self._all("SELECT lead_id FROM changes WHERE organization = ? AND run_id = ?", self.organization, run_id)
        return {lead_id for (lead_id,) in rows}

    def leads_with_lost_changes(self) -> set[str]:
        """The ids of the leads with changes whose answers were lost."""
        rows = self._all("SELECT lead_id FROM changes WHERE organization = ? AND state = 'sending'", self.organization)
        return {lead_id for (lead_id,) in rows}

    def late_changes(self, lead_id: str = "") -> list[Change]:
        """The changes that may still arrive although they were sent again, to one lead or to all, in order."""
        return self._changes("state = 'late' AND ? IN ('', lead_id)", lead_id)

    def _changes(self, condition: str, *values: object) -> list[Change]:
        rows = self._all(
            f"SELECT {CHANGE_COLUMNS} FROM changes WHERE organization = ? AND {condition} ORDER BY number",
            *(self.organization, *values),
        )
        return [change_of(row) for row in rows]

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
            found |= {lead_id: content_of(lead) for lead_id, lead in rows}
        return found

    # Verdicts written back -------------------------------------------------------------------------------------------

    def unfinished_write_backs(self, lead_id: str = "") -> list[WriteBack]:
        """What still has to be written to a lead, or to all leads, in the order of the decisions."""
        of_lead, values = ("AND lead_id = ?", [lead_id]) if lead_id else ("", [])
        rows = self._all(
            f"SELECT {WRITE_BACK_COLUMNS} FROM verdicts WHERE organization = ? {of_lead} "
            "AND state IN ('decided', 'noting', 'noted') ORDER BY number",
            *(self.organization, *values),
        )
        return [write_back_of(row) for row in rows]

    def find_write_back(self, lead_id: str, attempt_id: str) -> WriteBack | None:
        """What was decided to be written to a lead about an attempt, or None."""
        found = self._one(
            f"SELECT {WRITE_BACK_COLUMNS} FROM verdicts WHERE organization = ? AND lead_id = ? AND attempt_id = ?",
            *(self.organization, lead_id, attempt_id),
        )
        return write_back_of(found) if found else None

    def note_decided(self, decided: WriteBack) -> None:
        """It was decided to write something to a lead."""
        self._write(
            f"INSERT OR REPLACE INTO verdicts (organization, {WRITE_BACK_COLUMNS}) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(self.organization, decided.lead_id, decided.attempt_id, decided.state, decided.from_status),
            *(decided.to_status, decided.id_digest, decided.note),
            *(json.dumps(decided.verdict) if decided.verdict else None, written(decided.last_sent)),
        )

    def note_write_back(self, write_back: WriteBack, state: WriteBackState) -> None:
        """What is written to a lead has reached this state. Raises OutOfOrder if it was already finished or left."""
        self._move(
            "UPDATE verdicts SET state = ? WHERE organization = ? AND lead_id = ? AND attempt_id = ? "
            "AND state NOT IN ('finished', 'left')",
            *(state, self.organization, write_back.lead_id, write_back.attempt_id),
        )

    def note_resumed(self, write_back: WriteBack) -> None:
        """A note that had been left is to be written after all, to the lead as it is now."""
        self._move(
            "UPDATE verdicts SET state = ?, from_status = ? WHERE organization = ? AND lead_id = ? AND attempt_id = ? "
            "AND state <> 'finished'",
            *(write_back.state, write_back.from_status, self.organization, write_back.lead_id, write_back.attempt_id),
        )

    def note_noting(self, write_back: WriteBack, moment: datetime) -> None:
        """A note is about to be sent."""
        self._move(
            "UPDATE verdicts SET state = 'noting', last_sent = ? WHERE organization = ? "
            "AND lead_id = ? AND attempt_id = ? AND state NOT IN ('finished', 'left')",
            *(written(moment), self.organization, write_back.lead_id, write_back.attempt_id),
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
            f"SELECT {WRITE_BACK_COLUMNS} FROM verdicts WHERE organization = ? AND repeats > 0 ORDER BY number",
            self.organization,
        )
        return [write_back_of(row) for row in rows]

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

    @contextmanager
    def _as_a_whole(self) -> Iterator[None]:
        """Let the statements in the block be on disk together, or none of them if one fails.

        Otherwise, what others note later would belong to the same transaction, and would be lost with it.
        """
        with self._guard:
            self._database.execute("BEGIN")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:  # whatever it is, a transaction left open would swallow what is noted later
                with suppress(sqlite3.Error):  # SQLite may have rolled it back already
                    self._database.execute("ROLLBACK")
                raise

    def _write(self, statement: str, *values: object) -> int:
        with self._guard:
            return self._database.execute(statement, values).rowcount

    def _move(self, statement: str, *values: object) -> None:
        if self._write(statement, *values) != 1:
            raise OutOfOrder(f"not allowed in the state that the journal holds: {statement.split(' WHERE ')[0]}")
