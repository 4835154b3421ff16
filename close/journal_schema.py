"""The SQLite file of a journal: its tables, how a file of an earlier version gets what it lacks, and damage to it."""

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self

from close.machine import THIS_MACHINE, Machine

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
    is_refused INTEGER NOT NULL DEFAULT 0, answered TEXT NOT NULL DEFAULT '', PRIMARY KEY (organization, key)
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
CREATE TABLE IF NOT EXISTS plans (
    number INTEGER PRIMARY KEY, organization TEXT NOT NULL, plan_id TEXT NOT NULL, parts BLOB NOT NULL,
    run_id TEXT NOT NULL DEFAULT '', UNIQUE (organization, plan_id)
);
"""

_ADDED_LATER = {  # columns that a journal of an earlier version lacks
    "leads": {
        "bodies": "TEXT NOT NULL DEFAULT '[]'",
        "sender": "TEXT NOT NULL DEFAULT ''",
        "last_sent": "TEXT NOT NULL DEFAULT ''",
        "is_refused": "INTEGER NOT NULL DEFAULT 0",
        "answered": "TEXT NOT NULL DEFAULT ''",
    },
    "changes": {"sender": "TEXT NOT NULL DEFAULT ''", "last_sent": "TEXT NOT NULL DEFAULT ''"},
    "verdicts": {"repeats": "INTEGER NOT NULL DEFAULT 0", "last_sent": "TEXT NOT NULL DEFAULT ''"},
    "fields": {
        "sends": "INTEGER NOT NULL DEFAULT 1",
        "sender": "TEXT NOT NULL DEFAULT ''",
        "last_sent": "TEXT NOT NULL DEFAULT ''",
    },
}


class JournalUnusable(Exception):
    """The file exists but is not one of our journals; the message says what to do."""


class JournalDamaged(sqlite3.DatabaseError):
    """A part of the journal can't be read any more; the message says what SQLite, or we, found."""


class Guard:
    """Lets one thread at a time use the database of a journal. Damage that it meets is raised as JournalDamaged."""

    def __init__(self, machine: Machine = THIS_MACHINE) -> None:
        self._lock = machine.condition()

    def __enter__(self) -> Self:
        self._lock.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
        if kind is sqlite3.DatabaseError or (kind is sqlite3.OperationalError and str(error) == "malformed JSON"):
            raise JournalDamaged(str(error)) from None


def open_database(path: Path, machine: Machine = THIS_MACHINE) -> sqlite3.Connection:
    """The database of a journal, created if it does not exist. Raises JournalUnusable and JournalDamaged."""
    try:
        path.touch(mode=0o600)
        database = machine.disk.connect(path)
    except (OSError, sqlite3.Error) as error:
        raise unwritable(path, error) from None
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.executescript(_SCHEMA)
        _add_columns(database)
        _refuse_damaged(database)
    except sqlite3.DatabaseError as error:
        database.close()
        if isinstance(error, sqlite3.OperationalError):
            raise unwritable(path, error) from None
        if isinstance(error, JournalDamaged) or error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_CORRUPT:
            raise JournalDamaged(str(error)) from None
        raise JournalUnusable(
            f"{path} can't be used as a journal ({error}). Move the file away, or replace it with the right one"
        ) from None
    return database


def copy_in_memory(database: sqlite3.Connection) -> sqlite3.Connection:
    """A copy of the database of a journal that is gone with its connection; threads may share it."""
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    database.backup(copy)
    return copy


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


def _refuse_damaged(database: sqlite3.Connection) -> None:
    (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise JournalDamaged(" ".join(str(found).replace("*", " ").split()))


def unwritable(path: Path, error: Exception) -> JournalUnusable:
    """The error that says what to do about a journal that can't be written."""
    return JournalUnusable(f"{path} can't be written ({error}). Make the file and its folder writable")
