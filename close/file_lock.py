"""A file lock that is released when its process ends, on Windows as on other systems."""

import os
from pathlib import Path

try:
    import fcntl
except ModuleNotFoundError:  # on Windows
    import msvcrt

    def _is_taken(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        except OSError:
            return True
        return False

else:

    def _is_taken(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def lock_file(path: Path) -> int | None:
    """The descriptor of a file, locked for this process until it is closed; None if another process has locked it.

    A missing file is created, readable only by its owner; nothing is ever written to it. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        is_taken = _is_taken(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    if is_taken:
        os.close(descriptor)
        return None
    return descriptor
