"""The disk of a computer: what it holds after the process was killed or the power failed, and calls that fail.

What is modelled. The folder lies in a real one, in memory. A killed process leaves everything that it wrote. A power
cut leaves what was synced, and any part of the rest:

- The journal is SQLite's own file and its `-wal`. Each statement that has returned is in the log up to its size then;
  with `synchronous = FULL` this much is synced, otherwise only what was synced before. After a power cut the log is cut
  off anywhere between what is synced and its end, and sectors of what is not synced may hold nothing. A death in the
  middle of a commit leaves a part of that commit. A checkpoint, which closing the journal makes, is done as a whole.
- A file to which lines are appended holds what was synced, and any part of what was not.
- A file that was not synced holds any beginning of its content. Names (new, moved, removed) of the last 30 seconds are
  there up to any moment of these, in their order.
- A call fails because the disk is full, or with an I/O error: before it does anything, once or for the rest of the run.
"""

import errno
import os
import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from close.machine import Disk

SECTOR = 512  # bytes
NAMES_LAST = 30.0  # seconds until the disk surely holds the names of files
READING = ("SELECT", "PRAGMA", "BEGIN", "ROLLBACK")
Files = dict[str, bytes]


@dataclass
class Trouble:
    """Which calls fail: from the `first`th on, so many."""

    first: int = 0
    times: int = 0
    kind: str = "full"  # or "io"
    on: str = ""  # only calls that begin so, such as "syncs"
    calls: int = 0

    def strikes(self, what: str) -> bool:
        """Whether this call fails."""
        if not what.startswith(self.on):
            return False
        self.calls += 1
        return self.first <= self.calls < self.first + self.times if self.first else False


@dataclass
class _Content:
    """A file that we wrote: whether it was synced."""

    content: bytes = b""
    is_synced: bool = False


@dataclass
class _Step:
    """A change of names at a moment: what the folder held before it."""

    at: float
    before: dict[str, _Content]


@dataclass
class SimulatedDisk(Disk):
    """A folder of one computer."""

    folder: Path
    moment: Callable[[str], None] = lambda _: None
    clock: Callable[[], float] = lambda: 0.0
    tell: Callable[..., None] = lambda *_: None
    count: Callable[[str], None] = lambda _: None
    trouble: Trouble = field(default_factory=Trouble)

    def __post_init__(self) -> None:
        self._synced_log = 0
        self.is_synchronous = False
        self._names: dict[str, _Content] = {}
        self._steps: list[_Step] = []
        self._open: dict[int, str] = {}
        self._appended: dict[str, int] = {}  # how much of a file with lines is synced
        self._appending = ""
        self._frozen: Files | None = None
        self._numbers = 0
        self.written: set[bytes] = set()  # the contents of all files so far
        self.output = self.folder / "output_data"

    @property
    def journal(self) -> Path:
        return self.output / "journal.sqlite"

    @property
    def log(self) -> Path:
        return self.output / "journal.sqlite-wal"

    # What the product calls ------------------------------------------------------------------------------------------

    def connect(self, path: Path) -> sqlite3.Connection:
        self.moment("opens the journal")
        self.is_synchronous = False
        connection = sqlite3.connect(
            path, timeout=30, isolation_level=None, check_same_thread=False, factory=_Connection
        )
        assert isinstance(connection, _Connection)
        connection.disk = self
        self._synced_log = _size(self.log)
        return connection

    def new_file(self, folder: Path, prefix: str) -> tuple[int, Path]:
        self._before("new file")
        self._numbers += 1
        path = folder / f"{prefix}{self._numbers}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._step()
        self._names[path.name] = _Content()
        self._open[descriptor] = path.name
        return descriptor, path

    def write(self, descriptor: int, content: bytes) -> None:
        name = self._open.get(descriptor, "")
        try:
            self._before(f"writes {name}")
        except BaseException:  # a crash, too, closes what was open
            os.close(descriptor)
            raise
        self.written.add(content)
        if name in self._names:
            self._names[name].content = content
        super().write(descriptor, content)
        self.moment(f"has written {name}")

    def append(self, path: Path, line: str) -> None:
        self._before(f"appends to {path.name}")
        self._appended.setdefault(path.name, 0)
        self._appending = path.name
        super().append(path, line)
        self._appending = ""
        self.moment(f"has appended to {path.name}")

    def sync(self, descriptor: int) -> None:
        name = self._open.get(descriptor, "") or self._appending
        self._before(f"syncs {name}")
        if name in self._names:
            self._names[name].is_synced = True
        elif name in self._appended:
            self._appended[name] = os.fstat(descriptor).st_size

    def settle(self, path: Path) -> None:
        self._appending = path.name
        super().settle(path)
        self._appending = ""

    def synced(self, name: str) -> bytes:
        """What is certainly in a file to which lines are appended."""
        path = self.output / name
        return path.read_bytes()[: self._appended.get(name, 0)] if path.exists() else b""

    def replace(self, path: Path, target: Path) -> None:
        self._before(f"moves {path.name} to {target.name}")
        self._step()
        self.tell("file", target.name)
        super().replace(path, target)
        self._names[target.name] = self._names.pop(path.name, _Content(b"", True))
        self.moment(f"has moved {path.name} to {target.name}")

    def keep(self, path: Path, name: Path) -> None:
        self._before(f"keeps {path.name}")
        self._step()
        super().keep(path, name)
        self._names[name.name] = self._names.get(path.name, _Content(b"", True))

    def remove(self, path: Path) -> None:
        self._before(f"removes {path.name}", can_fail=False)
        self._step()
        super().remove(path)
        self._names.pop(path.name, None)

    def _before(self, what: str, *, can_fail: bool = True) -> None:
        self.moment(what)
        if can_fail and self.trouble.strikes(what):
            self.count("disk trouble")
            self.tell("disk", "full" if self.trouble.kind == "full" else "I/O error", what)
            number = errno.ENOSPC if self.trouble.kind == "full" else errno.EIO
            raise OSError(number, os.strerror(number))

    def _step(self) -> None:
        if not self._steps or self._steps[-1].before != self._names:
            self._steps.append(_Step(self.clock(), dict(self._names)))

    # The journal -----------------------------------------------------------------------------------------------------

    def refuse_statement(self) -> None:
        """Raise what SQLite raises if the disk does not do its part."""
        if self.trouble.strikes("writes the journal"):
            self.count("disk trouble")
            self.tell("disk", "full" if self.trouble.kind == "full" else "I/O error", "journal")
            if self.trouble.kind == "full":
                raise sqlite3.OperationalError("database or disk is full")
            raise sqlite3.OperationalError("disk I/O error")

    def has_committed(self) -> None:
        """A statement has returned."""
        if self.is_synchronous:
            self._synced_log = _size(self.log)

    def has_checkpointed(self) -> None:
        """The journal was closed: its log is in it."""
        self._synced_log = _size(self.log)

    # The end ---------------------------------------------------------------------------------------------------------

    def freeze(self, draw: random.Random, *, loses_power: bool) -> None:
        """The computer stops: whatever still runs on it changes nothing any more."""
        files = {path.name: path.read_bytes() for path in self.output.iterdir()} if self.output.exists() else {}
        if loses_power:
            self._lose_names(files, draw)
            self._lose_lines(files, draw)
            self._lose_log(files, draw)
        files = {name: content for name, content in files.items() if not name.endswith("-shm")}
        self._frozen = files

    def _lose_log(self, files: Files, draw: random.Random) -> None:
        """Cut the journal's log off behind what is synced, and lose sectors of the rest."""
        log = files.get(self.log.name)
        if log is None or len(log) <= self._synced_log:
            return
        end = draw.randint(self._synced_log, len(log))
        kept = bytearray(log[:end])
        if draw.random() < 0.3:
            for start in range(self._synced_log, end, SECTOR):
                if draw.random() < 0.3:
                    stop = min(start + SECTOR, end)
                    kept[start:stop] = bytes(stop - start)
        files[self.log.name] = bytes(kept)
        self.tell("disk", f"{len(log) - end} bytes of the journal's log are gone")

    def _lose_lines(self, files: Files, draw: random.Random) -> None:
        """Cut files with lines off behind what is synced."""
        for name, synced in list(self._appended.items()):
            if len(files.get(name, b"")) > synced:
                files[name] = files[name][: draw.randint(synced, len(files[name]))]
            self._appended[name] = len(files.get(name, b""))

    def _lose_names(self, files: Files, draw: random.Random) -> None:
        """Take the newest changes of names back, and what was not synced of the files."""
        now = self.clock()
        fresh = [step for step in self._steps if step.at > now - NAMES_LAST]
        kept = draw.randint(0, len(fresh))
        names = fresh[kept].before if kept < len(fresh) else self._names
        for name in {*self._names, *(name for step in self._steps for name in step.before)}:
            files.pop(name, None)
        for name, held in names.items():
            is_whole = held.is_synced
            files[name] = held.content if is_whole else held.content[: draw.randint(0, len(held.content))]

    def restore(self) -> None:
        """The computer starts again, with what its disk held."""
        frozen = self._frozen
        if frozen is None:
            return
        self._frozen = None
        self.output.mkdir(exist_ok=True)
        for path in self.output.iterdir():
            path.unlink()
        for name, content in frozen.items():
            (self.output / name).write_bytes(content)
        self._appending = ""
        self._names = {
            name: _Content(content, True)
            for name, content in frozen.items()
            if not name.startswith("journal.") and name not in self._appended
        }
        self._steps.clear()
        self._open.clear()


class _Connection(sqlite3.Connection):
    """A connection whose calls are moments of a computer."""

    disk: SimulatedDisk

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        disk = self.disk
        if sql.startswith(READING) and not sql.startswith("PRAGMA journal"):
            disk.moment("reads the journal")
            if sql.startswith("PRAGMA synchronous"):
                disk.is_synchronous = sql.rpartition("=")[2].strip().upper() in ("FULL", "EXTRA", "2", "3")
            return super().execute(sql, parameters)
        disk.moment("writes the journal")
        disk.refuse_statement()
        cursor = super().execute(sql, parameters)
        disk.tell("journal", sql, parameters)
        disk.moment("commits to the journal")
        disk.has_committed()
        disk.moment("has written the journal")
        return cursor

    def executescript(self, sql_script: str, /) -> sqlite3.Cursor:
        self.disk.moment("writes the journal")
        self.disk.refuse_statement()
        cursor = super().executescript(sql_script)
        self.disk.has_committed()
        return cursor

    def close(self) -> None:
        try:
            self.disk.moment("closes the journal")
        finally:
            super().close()
        self.disk.has_checkpointed()


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - faster, and asked at each commit
    except FileNotFoundError:
        return 0
