"""Where the rows to fix are written: beside what somebody may have edited, and never over it."""

import functools
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cells.columns import CODE_COLUMN
from cells.source_file import SourceFile
from close.journal import JournalFile
from commands.files import OUTPUT_FOLDER, csv_bytes, digest, numbered, stem_of, write_files
from importing.outcomes import ImportResult
from importing.rejects import rejects_of
from importing.rejects_workbook import rejects_workbook

REJECTS = "_rejects"
_HAS_IT = re.compile(REJECTS, re.IGNORECASE)
_IS_NAMED = re.compile(rf"{REJECTS}(?:_\d+)?(?!\w)", re.IGNORECASE)  # `leads_rejects_3`, `leads_rejects (1)`


@dataclass(frozen=True, slots=True)
class RejectsFiles:
    """The CSV file with the rows to fix, the workbook with the same rows if there is one, and how many it has not."""

    table: Path
    workbook: Path | None = None
    rows_left_out: int = 0


def write_rejects(
    path: Path, result: ImportResult, journals: JournalFile, folder: Path = OUTPUT_FOLDER, *, as_workbook: bool
) -> RejectsFiles:
    """Write the rows to fix of the file at this path, also `as_workbook`; a workbook that stands beside is renewed.

    Both files have one number. A file that somebody has edited is never overwritten, and a numbered one never at all,
    because it may be the work on rejects of rejects; one that has these very rows is used again.
    """
    rejects = rejects_of(result)
    table = csv_bytes(rejects.lines(), has_bom=result.source.has_bom)
    made = functools.cache(lambda: rejects_workbook(rejects))

    def contents_at(place: Path) -> dict[Path, bytes]:
        book = place.with_suffix(".xlsx")
        return {place: table} | ({book: made().content} if as_workbook or book.exists() else {})

    candidates = map(contents_at, _places(path, result.source, folder))
    contents = next(each for each in candidates if all(_is_free(*file, path, journals) for file in each.items()))
    disk = result.plan.organization.close.machine.disk
    write_files([file for file in contents.items() if not _holds(*file)], disk)
    for written, content in contents.items():
        journals.note_file(written, digest(content))
    first, *books = contents
    return RejectsFiles(first, books[0], made().rows_left_out) if books else RejectsFiles(first)


def _places(path: Path, source: SourceFile, folder: Path) -> Iterator[Path]:
    """Where the rejects of a file may be, best first; the rejects of rejects have a number after the first name."""
    stem = stem_of(path)
    end = _end_of_name(stem, has_codes=CODE_COLUMN in source.roles.ours)
    first = folder / f"{stem[:end]}{REJECTS}.csv"
    return numbered(first) if end is not None else itertools.chain([first], numbered(first))


def _end_of_name(stem: str, *, has_codes: bool) -> int | None:
    """Where the name of the original file ends in that of its rejects; None if this is not the name of rejects."""
    found = _HAS_IT.search(stem)
    return found.start() if found and (has_codes or _IS_NAMED.search(stem)) else None


def _is_free(path: Path, content: bytes, imported: Path, journals: JournalFile) -> bool:
    """Whether a file may have this content: nothing stands there, or just that, or what we wrote under a first name."""
    if not path.exists() or _holds(path, content):
        return True
    is_first = path.stem.endswith(REJECTS) and path.is_file() and path.resolve() != imported.resolve()
    return is_first and digest(path.read_bytes()) == journals.digest_of(path)


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content
