"""A lock on the state file of a sandbox, which goes with the process that holds it, on Windows as elsewhere."""

from __future__ import annotations

try:
    import fcntl
except ModuleNotFoundError:  # on Windows
    import msvcrt

    def is_locked_by_another(descriptor: int) -> bool:
        """Whether another process has locked an open file; if none has, this one has now."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        except OSError:
            return True
        return False

else:

    def is_locked_by_another(descriptor: int) -> bool:
        """Whether another process has locked an open file; if none has, this one has now."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
