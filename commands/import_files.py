"""The files that an import writes for people: what became of each row, or would, and the rows to fix."""

import sqlite3
from dataclasses import replace
from pathlib import Path

from close.journal import JournalFile
from close.machine import Disk
from commands.files import OUTPUT_FOLDER, write_csv, write_csv_beside_edits
from importing.outcomes import ImportResult
from importing.result_files import imported_lines, plan_lines, reject_lines


def write_result(
    stem: str, result: ImportResult, journals: JournalFile, *, is_rehearsed: bool, folder: Path = OUTPUT_FOLDER
) -> tuple[ImportResult, dict[str, str | None]]:
    """The paths of the written files, by kind. A dry run writes `plan` instead of `imported`; the other one is None.

    The report must be shown even if the disk is full, so such an error becomes the one that ended the run.
    """
    files: dict[str, str | None] = {"imported": None, "rejects": None, "plan": None}
    disk = result.plan.organization.close.machine.disk
    kind, lines = ("plan", plan_lines(result)) if is_rehearsed else ("imported", imported_lines(result))
    try:
        path = folder / f"{stem}_{kind}.csv"
        write_csv(path, lines, disk=disk)
        files[kind] = str(path)
        files["rejects"] = str(_write_rejects(folder / f"{stem}_rejects.csv", result, journals, disk))
    except (OSError, sqlite3.Error) as error:
        return replace(result, ended_by=result.ended_by or error), files
    return result, files


def _write_rejects(path: Path, result: ImportResult, journals: JournalFile, disk: Disk) -> Path:
    """Write the rows to fix; never over a file that somebody has edited, but next to it."""
    lines, has_bom = reject_lines(result), result.source.has_bom
    written, digest = write_csv_beside_edits(path, lines, journals.digest_of, has_bom=has_bom, disk=disk)
    journals.note_file(written, digest)
    return written
