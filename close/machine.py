"""What a command gets from the machine that it runs on: time, chance, threads that take turns, and a disk."""

import hashlib
import os
import random
import secrets
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")


class Lock(Protocol):
    """What one thread at a time may hold."""

    def acquire(self) -> bool: ...
    def release(self) -> None: ...
    def __enter__(self) -> bool: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Condition(Lock, Protocol):
    """A lock that a thread may hold several times over, and on which it can wait for news from others."""

    def wait(self, timeout: float | None = None) -> bool: ...
    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool: ...
    def notify(self) -> None: ...
    def notify_all(self) -> None: ...


class Disk:
    """The disk: files that are written so that they survive a power cut, and databases."""

    def connect(self, path: Path) -> sqlite3.Connection:
        """A connection to the database in a file, in which each statement is a transaction; threads may share it."""
        return sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)

    def new_file(self, folder: Path, prefix: str) -> tuple[int, Path]:
        """The descriptor and the path of a new file that only its owner can read."""
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=prefix)
        return descriptor, Path(name)

    def write(self, descriptor: int, content: bytes) -> None:
        """Write the content of a new file and close it, once it is on the disk."""
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            self.sync(file.fileno())

    def append(self, path: Path, line: str) -> None:
        """Append a line to a file that only its owner can read, and wait until it is on the disk.

        Even if a crash cut off the last line, this one starts on a new line.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "a+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            is_torn = file.read(1) not in (b"", b"\n")
            file.write("".join(["\n" * is_torn, line, "\n"]).encode())
            file.flush()
            self.sync(file.fileno())

    def settle(self, path: Path) -> None:
        """Wait until a file is on the disk as it reads now, even if the process that wrote it has died."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def sync(self, descriptor: int) -> None:
        """Wait until what was written to a file is on the disk."""
        os.fsync(descriptor)

    def replace(self, path: Path, target: Path) -> None:
        """Move a file to another name, in place of the file that has it."""
        path.replace(target)

    def keep(self, path: Path, name: Path) -> None:
        """Give a file a second name, or copy it if the disk does not support hard links."""
        try:
            os.link(path, name)
        except OSError:
            name.touch(mode=0o600)
            shutil.copyfile(path, name)

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)


def _monotonic() -> float:
    return time.monotonic()


def _wall() -> float:
    return time.time()


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


def _stretched(text: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(text, salt=salt, n=2**12, r=8, p=1, dklen=32)


def _first_done(futures: Collection[Future[Result]]) -> list[Future[Result]]:
    """Those of the futures that are done, in their order, once there are any."""
    done = wait(futures, return_when=FIRST_COMPLETED).done
    return [future for future in futures if future in done]


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine: its clocks in seconds, its sleep, chance, what threads need to take turns, and its disk.

    `monotonic` moves on evenly, `wall` is the seconds since 1970 by the clock that people can set. `token` returns
    random bytes as hexadecimal digits. `pool` runs jobs in so many threads, and `first_done` waits for the first;
    a `future` is for what one thread finds out and others wait for. `stretched` makes a digest of a text and a salt,
    slowly, so that short texts can't be guessed from it.
    """

    monotonic: Callable[[], float] = _monotonic
    wall: Callable[[], float] = _wall
    sleep: Callable[[float], None] = _sleep
    uniform: Callable[[float, float], float] = random.uniform
    token: Callable[[int], str] = secrets.token_hex
    lock: Callable[[], Lock] = threading.Lock
    condition: Callable[[], Condition] = lambda: threading.Condition(threading.RLock())
    pool: Callable[[int], Executor] = ThreadPoolExecutor
    future: Callable[[], Future[Any]] = Future
    first_done: Callable[[Collection[Future[Any]]], list[Future[Any]]] = _first_done
    stretched: Callable[[bytes, bytes], bytes] = _stretched
    disk: Disk = field(default_factory=Disk)


THIS_MACHINE = Machine()
