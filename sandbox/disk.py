"""The state of a sandbox on disk: every change is there before it is acknowledged."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from sandbox.answers import Document
from sandbox.file_lock import is_locked_by_another

LOCK_PATIENCE = 5.0  # seconds to wait for another sandbox that may just be stopping
SCHEMA = """
BEGIN;
CREATE TABLE IF NOT EXISTS objects (kind TEXT NOT NULL, id TEXT NOT NULL, document TEXT NOT NULL, UNIQUE (kind, id));
CREATE TABLE IF NOT EXISTS events (date_created TEXT NOT NULL, document TEXT NOT NULL);
COMMIT;
"""
PUT = "INSERT INTO objects VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET document = excluded.document"


class StateFileError(OSError):
    """A state file that can't be used; its text says why and what to do."""

    def __str__(self) -> str:
        return str(self.strerror)


class StateFileBusy(StateFileError):
    """A state file that another process holds."""


class Disk:
    """An SQLite file that one process at a time may hold. Survives kill -9 of the process, not a power cut."""

    def __init__(self, path: Path) -> None:
        self._lock_file = _locked(path)
        try:
            self._connection = _opened(path)
        except BaseException:  # after any error, even Ctrl-C, the file must not stay locked
            os.close(self._lock_file)
            raise

    def objects(self) -> Iterable[tuple[str, Document]]:
        """All objects with their kinds, in order of creation."""
        for kind, document in self._connection.execute("SELECT kind, document FROM objects ORDER BY rowid"):
            yield kind, json.loads(document)

    def events_since(self, oldest: str) -> Iterable[tuple[str, str]]:
        """The events since then, oldest first, as date and JSON text; older ones are deleted."""
        self._connection.execute("DELETE FROM events WHERE date_created < ?", (oldest,))
        yield from self._connection.execute("SELECT date_created, document FROM events ORDER BY rowid")

    def write(
        self, puts: Sequence[tuple[str, Document]], removals: Sequence[tuple[str, str]], events: Sequence[Document]
    ) -> None:
        """Store one change, completely or not at all."""
        run = self._connection.executemany
        self._connection.execute("BEGIN")
        try:
            run(PUT, [(kind, document["id"], json.dumps(document)) for kind, document in puts])
            run("DELETE FROM objects WHERE kind = ? AND id = ?", removals)
            run("INSERT INTO events VALUES (?, ?)", [(event["date_created"], json.dumps(event)) for event in events])
            self._connection.execute("COMMIT")
        except BaseException:  # half a change must not stay, whatever the error
            self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        self._connection.close()
        os.close(self._lock_file)


def _locked(path: Path) -> int:
    """The descriptor of the lock file beside the state, locked for this process."""
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    give_up = time.monotonic() + LOCK_PATIENCE
    while is_locked_by_another(descriptor):
        if time.monotonic() > give_up:
            os.close(descriptor)
            reason = (
                f"{path} is in use by another command, by `sandbox` or by one with --sandbox. Stop it, or wait for it"
            )
            raise StateFileBusy(errno.EAGAIN, reason)
        time.sleep(0.05)
    return descriptor


def _opened(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _refuse_other_tables(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(SCHEMA)
    except sqlite3.DatabaseError as error:
        connection.close()
        reason = f"{path} is not a state file of the sandbox ({error}). Move it away to start with a new one"
        raise StateFileError(errno.EINVAL, reason) from None
    return connection


def _refuse_other_tables(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError for a database of another program, before anything is written to it."""
    if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        connection.execute("SELECT kind, id, document FROM objects LIMIT 0")
        connection.execute("SELECT date_created, document FROM events LIMIT 0")
