"""What a person can do about the outcomes of an import that need action."""

import argparse
import shlex
from collections.abc import Sequence

from cells.problems import Problem
from commands.error_words import RUN_AGAIN
from commands.import_files import WrittenFiles
from commands.terminal import counted, say
from importing.outcomes import ImportResult


def advise(args: argparse.Namespace, result: ImportResult, written: WrittenFiles, *, map_to_name: str) -> None:
    """Say what to do about each kind of outcome that needs action; rejects do not find the `map_to_name` by itself."""
    listing = written.paths["imported"] or written.paths["plan"]
    if result.is_ambiguous:
        say(f"Some companies have several leads in Close. Merge them there; {listing} has the links.")
    if result.has("undetermined") and not args.dry_run:
        say(f"It is not known yet whether Close has some of the leads. {RUN_AGAIN}".replace("{command}", args.command))
    for double in result.doubles:
        say(double)
    if result.unsettled:
        say(
            f"It is not known yet whether Close has {', '.join(result.unsettled)}, which an earlier part of this run "
            f"sent; the file has changed since. {RUN_AGAIN}".replace("{command}", args.command)
        )
    if args.dry_run:  # its preview has conflicts among what to decide
        _advise_on_rejects(args, result, written, map_to_name)
    elif not result.plan.remaining:  # else the last command for this file advises
        _advise_on_conflicts(result, written)
        _advise_on_rejects(args, result, written, map_to_name)
    if args.sandbox and result.has("created") and not args.dry_run:
        say("To look at what was imported, run `python main.py sandbox` and open the address that it prints.")


def _advise_on_conflicts(result: ImportResult, written: WrittenFiles) -> None:
    """Say which file lists the values that disagree, and that they can only be settled in Close."""
    if result.conflicts:
        differ = counted(len(result.conflicts), "value differs", "values differ")
        say(
            f"{differ} from Close or from another row: see {written.paths['conflicts']}, and change the value in Close "
            "if the file is right."
        )


def _advise_on_rejects(args: argparse.Namespace, result: ImportResult, written: WrittenFiles, map_to_name: str) -> None:
    """Say what was lost that can be fixed in the file, where to fix it, and how to import that file."""
    rows, values = result.rows_not_imported, result.values_to_fix
    if not (rows or values):
        return
    table, book = written.paths["rejects"], written.paths["rejects_xlsx"]
    to_fix = len({problem.row for problem in values} | set(rows))
    path = book if book and written.not_in_workbook < to_fix else table
    where = " in Excel or LibreOffice" if path == book else ""
    command = f"python main.py import {shlex.quote(str(path))}" + _repeated_flags(args, map_to_name)
    lost = _lost_words(len(rows), values, path=str(path), is_rehearsed=args.dry_run)
    place = "in that list" if args.dry_run else f"in {path}" if rows else "there"
    if book and written.not_in_workbook:
        say(
            f"{counted(written.not_in_workbook, 'row')} of {table} can't be kept exactly in a workbook: fix them there."
        )
    steps = f"Fix the rows {place}{where}, then run"
    if args.dry_run:
        steps = f"Fix your file and run this again. Or import it as it is, then fix the rows {place}{where}, and run"
    say(f"{lost}. {steps}: {command}")


def _lost_words(rows: int, values: Sequence[Problem], *, path: str, is_rehearsed: bool) -> str:
    """What was lost; the file that lists it is not named if it is named with what to do."""
    was_not, were_not = ("would not be", "would not be") if is_rehearsed else ("was not", "were not")
    was, were = ("would be", "would be") if is_rehearsed else ("was", "were")
    if not rows:
        dropped = counted(len(values), f"value {was} dropped", f"values {were} dropped")
        return f"{dropped} from {counted(len({problem.row for problem in values}), 'row')}: see {path}"
    lost = [
        counted(rows, f"row {was_not} imported", f"rows {were_not} imported"),
        *([counted(len(values), f"value {was} left out", f"values {were} left out")] if values else []),
    ]
    return ", and ".join(lost) + (f": see {path}" if is_rehearsed else "")


def _repeated_flags(args: argparse.Namespace, map_to_name: str) -> str:
    """The flags to repeat for a rejects file; it notes itself how dates and numbers are read."""
    existing = "merge" if args.existing == "create" else args.existing  # a row that lost a value already has its lead
    zone = str(args.timezone) if args.timezone else ""
    flags = {
        "--existing": (existing, "merge"),
        "--region": (args.region, "US"),
        "--names": (args.names, "upper"),
        "--decimal": (args.decimal or "", ""),
        "--timezone": (zone, ""),
    }
    told = "".join(f" {flag} {value}" for flag, (value, default) in flags.items() if value != default)
    told += " --company-from-email" if args.company_from_email else ""
    told += " --no-map" if args.no_map else ""
    told += f" --map {shlex.quote(map_to_name)}" if map_to_name else ""
    return f"{told} --sandbox" if args.sandbox else told
