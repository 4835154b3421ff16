"""The state of a sandbox on disk: every change is there before it is acknowledged."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from sandbox.answers import Document

LOCK_PATIENCE = 5.0  # seconds to wait for another sandbox that may just be stopping
SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (kind TEXT NOT NULL, id TEXT NOT NULL, document TEXT NOT NULL, UNIQUE (kind, id));
CREATE TABLE IF NOT EXISTS events (date_created TEXT NOT NULL, document TEXT NOT NULL);
"""
PUT = "INSERT INTO objects VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET document = excluded.document"


class Disk:
    """An SQLite file that one process at a time may hold. Survives kill -9 of the process, not a power cut."""

    def __init__(self, path: Path) -> None:
        self._lock_file = _locked(path)
        try:
            self._connection = _opened(path)
        except BaseException:
            os.close(self._lock_file)
            raise

    def objects(self) -> Iterable[tuple[str, Document]]:
        """All objects with their kind, in the order of their creation."""
        for kind, document in self._connection.execute("SELECT kind, document FROM objects ORDER BY rowid"):
            yield kind, json.loads(document)

    def events_since(self, oldest: str) -> Iterable[Document]:
        """The events from then on, oldest first; those before are dropped."""
        self._connection.execute("DELETE FROM events WHERE date_created < ?", (oldest,))
        for (document,) in self._connection.execute("SELECT document FROM events ORDER BY rowid"):
            yield json.loads(document)

    def write(
        self, puts: Sequence[tuple[str, Document]], removals: Sequence[tuple[str, str]], events: Sequence[Document]
    ) -> None:
        """Keep one change: all of it or nothing."""
        run = self._connection.executemany
        self._connection.execute("BEGIN")
        try:
            run(PUT, [(kind, document["id"], json.dumps(document)) for kind, document in puts])
            run("DELETE FROM objects WHERE kind = ? AND id = ?", removals)
            run("INSERT INTO events VALUES (?, ?)", [(event["date_created"], json.dumps(event)) for event in events])
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        self._connection.close()
        os.close(self._lock_file)


def _locked(path: Path) -> int:
    """The descriptor of the lock file beside the state, locked for this process."""
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_up = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up:
                os.close(descriptor)
                raise TimeoutError(
                    f"Another sandbox is using {path}. Stop it, or give this one its own file."
                ) from None
            time.sleep(0.05)
        else:
            return descriptor


def _opened(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(SCHEMA)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise OSError(f"{path} does not hold the state of a sandbox ({error}). Move it away to start afresh.") from None
    return connection
