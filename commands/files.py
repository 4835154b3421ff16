"""Files: found where people put them, and written completely or not at all, readable only by their owner."""

import argparse
import contextlib
import hashlib
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from cells.safe_text import csv_text
from close.machine import THIS_MACHINE, Disk
from commands.errors import UsageError

INPUT_FOLDER = Path("input_data")
OUTPUT_FOLDER = Path("output_data")
STANDARD_INPUT = "-"  # in place of a file's name
PAGE_SUFFIXES = (".html", ".htm")
OTHER_SPELLINGS = (".htm", ".txt", "")  # of suffixes that are named instead


def find_input(name: str) -> Path:
    """The file at this path, or with this name in input_data/. Raises UsageError if neither exists."""
    path = next((path for path in (Path(name), INPUT_FOLDER / name) if path.exists()), None)
    if path is not None and not _is_text(str(path.resolve())):
        raise UsageError("The name of the file or of a folder that it is in is not valid text. Rename it")
    if path is None:
        raise UsageError(f"The file {name} was not found here or in {INPUT_FOLDER}/. Check its name")
    return path


@contextlib.contextmanager
def opened_input(name: str) -> Iterator[Path]:
    """The file as `find_input` finds it; for `-`, what comes on standard input, kept in a file until the end."""
    if name != STANDARD_INPUT:
        yield find_input(name)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stdin"
        with path.open("wb") as file:
            if sys.stdin:
                shutil.copyfileobj(sys.stdin.buffer, file)
        yield path


def stem_of(path: Path) -> str:
    """What the names of files about a file begin with: its own name without endings such as `.csv.gz`."""
    return (path.with_suffix("") if path.suffix.lower() == ".gz" else path).stem


def _is_text(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def check_replaceable(path: Path) -> None:
    """Raise UsageError for a path where a file can't be written."""
    try:
        is_file = not path.resolve().exists() or path.is_file()
        folder = next(parent for parent in path.absolute().parents if parent.exists())
    except (
        OSError,
        RuntimeError,
    ) as error:  # the name is too long, the folder can't be read, or a link leads to itself
        raise UsageError(f"{path} can't be written ({error}). Choose another file") from None
    if INPUT_FOLDER.resolve() in path.resolve().parents:
        raise UsageError(f"{path} is in the folder for input files. Choose a file outside {INPUT_FOLDER}/")
    if not is_file:
        raise UsageError(f"{path} is not a file that can be replaced. Choose another file name")
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{path} can't be written: {folder} is not a folder that you can write to. Choose another")


def file_of_kind(text: str, suffixes: Sequence[str]) -> Path:
    """An argument that names a file to write, which has one of these suffixes."""
    path = Path(text)
    try:
        check_replaceable(path)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if path.suffix.lower() not in suffixes:
        kinds = [suffix for suffix in suffixes if suffix not in OTHER_SPELLINGS]
        problem = (
            f"files that end in {path.suffix!r} are not supported" if path.suffix else "the file name needs an ending"
        )
        raise argparse.ArgumentTypeError(f"{problem}; use {'one of ' if len(kinds) > 1 else ''}{', '.join(kinds)}")
    return path


def page_file(text: str) -> Path:
    """An argument that names a web page to write."""
    return file_of_kind(text, PAGE_SUFFIXES)


# Writing -------------------------------------------------------------------------------------------------------------


def write_csv(path: Path, lines: Iterable[Iterable[object]], disk: Disk = THIS_MACHINE.disk) -> None:
    """Write a CSV file that only its owner can read, for people who open it in a spreadsheet."""
    write_files([(path, csv_bytes(lines))], disk)


def csv_bytes(lines: Iterable[Iterable[object]], *, has_bom: bool = False) -> bytes:
    """A CSV file. Excel shows accents only in one with a byte order mark, so it has one unless it is all ASCII."""
    text = csv_text(lines)
    return text.encode("utf-8-sig" if has_bom or not text.isascii() else "utf-8")


def write_files(files: Iterable[tuple[Path, bytes]], disk: Disk = THIS_MACHINE.disk) -> None:
    """Write files that only their owner can read: either all of them, or none, and then the old files stay."""
    target_of: dict[Path, Path] = {}
    try:
        for path, content in files:
            target = path.resolve()
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor, new = disk.new_file(target.parent, ".new-")
            target_of[new] = target
            disk.write(descriptor, content)
        _move_all(target_of, disk)
    finally:  # Ctrl-C too must leave no half-written file behind
        for new in target_of:
            disk.remove(new)


def _move_all(target_of: Mapping[Path, Path], disk: Disk) -> None:
    """Move new files to where they belong; if one can't be moved, put the old files back."""
    olds = {new: new.with_name(f"{new.name}-old") for new, target in target_of.items() if target.exists()}
    try:
        for new, old in olds.items() if len(target_of) > 1 else ():
            disk.keep(target_of[new], old)
        for new, target in target_of.items():
            disk.replace(new, target)
    except BaseException:  # Ctrl-C too must not leave new files among old ones
        for new, target in target_of.items():
            if not new.exists():  # only files that were moved are taken back
                _put_back(target, olds.get(new), disk)
            elif new in olds:
                disk.remove(olds[new])
        raise
    for old in olds.values():
        disk.remove(old)


def _put_back(path: Path, old: Path | None, disk: Disk) -> None:
    if old is None:
        disk.remove(path)
    elif old.exists():
        disk.replace(old, path)


def numbered(path: Path) -> Iterator[Path]:
    """The same path with _2, _3 and so on after its name."""
    return (path.with_stem(f"{path.stem}_{number}") for number in itertools.count(2))


def digest(content: bytes) -> str:
    """What tells whether a file is as we wrote it."""
    return hashlib.sha256(content).hexdigest()
