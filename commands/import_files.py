"""The files that an import writes for people: what became of each row, or would, what to fix, and what disagrees."""

import sqlite3
from dataclasses import dataclass, field, replace
from pathlib import Path

from close.journal import JournalFile
from close.machine import Disk
from commands.files import OUTPUT_FOLDER, stem_of, write_csv
from commands.rejects_files import RejectsFiles, write_rejects
from importing.outcomes import ImportResult
from importing.result_files import conflict_lines, imported_lines, plan_lines

KINDS = ("imported", "rejects", "rejects_xlsx", "conflicts", "plan", "report")


@dataclass(slots=True)
class WrittenFiles:
    """The paths of the files that were written, by kind, else None; and how many rejects the workbook can't hold."""

    paths: dict[str, str | None] = field(default_factory=lambda: dict.fromkeys(KINDS))
    not_in_workbook: int = 0

    @property
    def to_fix(self) -> str:
        """The file with the rows to fix: the workbook if there is one."""
        return self.paths["rejects_xlsx"] or self.paths["rejects"] or ""


def write_result(
    path: Path,
    result: ImportResult,
    journals: JournalFile,
    *,
    is_rehearsed: bool,
    as_workbook: bool,
    folder: Path = OUTPUT_FOLDER,
) -> tuple[ImportResult, WrittenFiles]:
    """The files about the import of the one at this path. A dry run writes `plan` instead of `imported`.


    The rejects are also written as a workbook if that is asked for or the file is one. The report must be shown even if
    the disk is full, so such an error becomes the one that ended the run.
    """
    written, disk = WrittenFiles(), result.plan.organization.close.machine.disk
    kind, lines = ("plan", plan_lines(result)) if is_rehearsed else ("imported", imported_lines(result))
    try:
        listing = result_path(path, kind, folder)
        write_csv(listing, lines, disk)
        written.paths[kind] = str(listing)
        as_workbook = as_workbook or result.source.is_workbook
        _note_rejects(write_rejects(path, result, journals, folder, as_workbook=as_workbook), written)
        _write_conflicts(result_path(path, "conflicts", folder), result, written, disk)
    except (OSError, sqlite3.Error) as error:
        return replace(result, ended_by=result.ended_by or error), written
    return result, written


def result_path(path: Path, kind: str, folder: Path = OUTPUT_FOLDER) -> Path:
    """Where a file of this kind about the import of the one at this path is written."""
    return folder / f"{stem_of(path)}_{kind}.csv"


def _note_rejects(rejects: RejectsFiles, written: WrittenFiles) -> None:
    written.paths["rejects"] = str(rejects.table)
    written.paths["rejects_xlsx"] = str(rejects.workbook) if rejects.workbook else None
    written.not_in_workbook = rejects.rows_left_out


def _write_conflicts(path: Path, result: ImportResult, written: WrittenFiles, disk: Disk) -> None:
    """Write the values that disagree if there are any; otherwise, leave nothing of an earlier import in their file."""
    if result.conflicts or path.exists():
        write_csv(path, conflict_lines(result), disk)
    written.paths["conflicts"] = str(path) if result.conflicts else None
