"""The page about an import, written for the person who has to approve it."""

import argparse
from dataclasses import replace
from pathlib import Path

from commands.arguments import undo_command
from commands.error_words import in_words
from commands.errors import UsageError
from commands.files import STANDARD_INPUT, write_files
from commands.import_approval import command_for
from commands.import_files import WrittenFiles
from importing.brakes import Brakes
from importing.outcomes import ImportResult
from importing.preview.preview import Preview
from importing.report.page import report_page
from importing.report.sections import Occasion


def refuse_own_input(report: Path | None, imported: Path, args: argparse.Namespace) -> None:
    """Raise UsageError if the page about an import would be written over the file to import."""
    if report and args.file != STANDARD_INPUT and report.exists() and report.samefile(imported):
        raise UsageError(f"--report {report} is the file to import. Choose another name")


def write_report(
    path: Path, preview: Preview, result: ImportResult, written: WrittenFiles, args: argparse.Namespace
) -> ImportResult:
    """Write the page about a result, and note its path among the files that were written.

    The result must be shown even if the disk is full, so such an error becomes the one that ended the run.
    """
    close = result.plan.organization.close
    occasion = Occasion(close.now(), _next_command(preview, result, args), written.paths, _early_end(result, args))
    try:
        write_files([(path, report_page(preview, occasion).encode())], close.machine.disk)
    except OSError as error:
        return replace(result, ended_by=result.ended_by or error)
    written.paths["report"] = str(path)
    return result


def _next_command(preview: Preview, result: ImportResult, args: argparse.Namespace) -> str:
    """The command that carries the plan out, or takes the import back; "" if there is nothing that it could do."""
    if args.dry_run:
        is_allowed = Brakes(most_rejects=args.max_rejects).allow_rejects(result.plan)
        return command_for(args, preview.plan_id) if is_allowed else ""
    wrote = result.has("created") or result.has("updated")
    return undo_command(result.plan.run_id, args) if wrote else ""


def _early_end(result: ImportResult, args: argparse.Namespace) -> str:
    """Why the import ended early, "" if it did not."""
    return in_words(result.ended_by, args.command, args.words)[1] if result.ended_by else ""
