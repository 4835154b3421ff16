"""The lock on the journal and on the state of the sandbox, with fcntl and where there is only msvcrt."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import main
from close.file_lock import lock_file

ROOT = Path(main.__file__).parent
WITHOUT_FCNTL = f"""
import fcntl, subprocess, sys, types

def locking(descriptor, mode, length):
    assert (mode, length) == (2, 1)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

sys.modules["fcntl"] = None
sys.modules["msvcrt"] = types.SimpleNamespace(LK_NBLCK=2, locking=locking)
sys.path.insert(0, {str(ROOT)!r})
import main
from close import file_lock
assert not hasattr(file_lock, "fcntl")
sys.exit(main.main(sys.argv[1:]))
"""


@contextmanager
def lock_of(path: Path) -> Iterator[None]:
    """Hold the lock on a file."""
    held = lock_file(path)
    assert held is not None
    yield
    os.close(held)


def import_without_fcntl(*flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_FCNTL, "import", "leads.csv", "--sandbox", *flags]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


def test_an_import_works_and_is_the_only_one_where_fcntl_is_missing(folder: Path) -> None:
    (folder / "leads.csv").write_text("Company\nAcme\n", encoding="utf-8")
    ran = import_without_fcntl()
    assert (ran.returncode, "created" in ran.stdout) == (0, True), ran.stderr
    with lock_of(folder / "output_data" / "journal.sqlite.lock"):
        ran = import_without_fcntl()
        assert (ran.returncode, "Another import or undo is writing" in ran.stderr) == (2, True), ran.stderr


def test_a_link_as_lock_file_is_locked_and_what_it_points_at_stays_as_it_is(folder: Path) -> None:
    (folder / "precious").write_text("content", encoding="utf-8")
    (folder / "lock").symlink_to(folder / "precious")
    with lock_of(folder / "lock"):
        assert lock_file(folder / "precious") is None
    assert (folder / "precious").read_text(encoding="utf-8") == "content"


@pytest.mark.parametrize("purpose", ["journal.sqlite.lock", "sandbox.sqlite.lock"])
def test_a_lock_file_is_for_its_owner_alone(folder: Path, purpose: str) -> None:
    (folder / "leads.csv").write_text("Company\nAcme\n", encoding="utf-8")
    assert main.main(["import", "leads.csv", "--sandbox", "-q"]) == 0
    assert (folder / "output_data" / purpose).stat().st_mode & 0o777 == 0o600
