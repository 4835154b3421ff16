"""How what a run leaves gets out safely: files whole or not at all, for their owner alone; texts that do nothing."""

import csv
import hashlib
import io
import itertools
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # that turn around what is read


def write_csv(path: Path, lines: Iterable[Iterable[object]], encoding: str = "utf-8") -> None:
    """Write a CSV file for its owner alone."""
    write_files([(path, csv_text(lines).encode(encoding))])


def write_csv_beside_edits(
    path: Path,
    lines: Iterable[Iterable[object]],
    digest_of: Callable[[Path], str | None],
    encoding: str = "utf-8",
) -> tuple[Path, str]:
    """Write a CSV file that people may edit; give its path and digest.

    Where somebody has edited it, a new file is written beside it: its digest is no longer what `digest_of` remembers.
    """
    free = next(each for each in _numbered(path) if not each.exists() or _digest(each) == digest_of(each))
    write_csv(free, lines, encoding)
    return free, _digest(free)


def append_line(path: Path, line: str) -> None:
    """Append a line to a file for its owner alone, and see it on disk before returning.

    Where a crash cut off the last line, this is one of its own all the same.
    """
    path.parent.mkdir(exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "a+b") as file:
        size = file.seek(0, os.SEEK_END)
        is_torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        file.write("".join(["\n" * is_torn, line, "\n"]).encode())
        file.flush()
        os.fsync(file.fileno())


def guarded(cell: object) -> str:
    """A cell without formulas: a text that a spreadsheet may take for one gets a leading apostrophe.

    A number or a phone with its sign does not, nor do those with hyphens; but `+1+1` does.
    """
    text = str(cell)
    return f"'{text}" if re.match(r"[=@]|[+-](?!\d)|[+-]\d.*([+*/^&|!=<>]|[A-Za-z]\()", text, re.DOTALL) else text


def harmless(text: str) -> str:
    """A text without what would steer a terminal or turn around what is read; lines stay lines."""
    return "".join(char if char == "\n" or not _steers(char) else " " for char in text)


def _steers(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in DIRECTIONS


def csv_text(lines: Iterable[Iterable[object]]) -> str:
    """Lines of cells as CSV."""
    return "".join(map(_csv_line, lines))


def write_files(files: Iterable[tuple[Path, bytes]]) -> None:
    """Write files for their owner alone: all of them, or none, and then what was there stays."""
    written: dict[Path, Path] = {}
    try:
        for path, content in files:
            place = path.resolve()
            place.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=place.parent, prefix=".new-")
            written[Path(name)] = place
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _move_all(written)
    finally:  # Ctrl-C too must leave no half-written file behind
        for new in written:
            new.unlink(missing_ok=True)


def _move_all(places: Mapping[Path, Path]) -> None:
    """Move files into their places; where one can't be moved, put back what was there."""
    olds = {new: new.with_name(f"{new.name}-old") for new, place in places.items() if place.exists()}
    try:
        for new, old in olds.items() if len(places) > 1 else ():
            _keep(places[new], old)
        for new, place in places.items():
            new.replace(place)
    except BaseException:  # Ctrl-C too must not leave new files among old ones
        for new, place in places.items():
            if not new.exists():  # only what was moved is taken back
                _put_back(place, olds.get(new))
            elif new in olds:
                olds[new].unlink(missing_ok=True)
        raise
    for old in olds.values():
        old.unlink(missing_ok=True)


def _keep(place: Path, old: Path) -> None:
    """Give a file a second name, or a copy where the disk knows no second names."""
    try:
        os.link(place, old)
    except OSError:
        old.touch(mode=0o600)
        shutil.copyfile(place, old)


def _put_back(place: Path, old: Path | None) -> None:
    if old is None:
        place.unlink(missing_ok=True)
    elif old.exists():
        old.replace(place)


def _csv_line(cells: Iterable[object]) -> str:
    """A line of CSV. Python's writer puts a carriage return into quotes only where lines end with one."""
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n") + "\n"


def _numbered(path: Path) -> Iterator[Path]:
    """A path, then the same with _2, _3 and so on after its name."""
    yield path
    for number in itertools.count(2):
        yield path.with_stem(f"{path.stem}_{number}")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
