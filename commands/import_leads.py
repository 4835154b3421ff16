"""import: clean a file of leads and import it into Close."""

import argparse
import functools
import json
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from cells.date_orders import ContradictingDates, UnclearDates
from cells.decimal_marks import ContradictingNumbers, UnclearNumbers
from cells.notes import TwoNotedReadings
from cells.source_file import SourceFile
from cells.unread_columns import NoCompanyColumn, NoCompanyInMap, UnreadColumns, refuse_without_company
from close.journal import JournalFile
from commands.arguments import (
    TABLE_HELP,
    add_form_of_file,
    add_index_lag,
    add_service_flags,
    region,
    time_zone,
    workers,
)
from commands.environment import (
    WORDS_OF_CLOSE,
    WORDS_OF_FILES,
    index_lag,
    list_lag,
    open_close,
    open_own_journal,
    tell_of_closed_log,
)
from commands.error_words import Words, tell_early_end
from commands.errors import Exit, UsageError
from commands.files import STANDARD_INPUT, check_replaceable, opened_input, page_file
from commands.import_advice import advise
from commands.import_approval import add_plan, basis_of, digest_of
from commands.import_brakes import add_brakes, brakes_of, refusal_of
from commands.import_files import result_path, write_result
from commands.import_report import refuse_own_input, write_report
from commands.import_words import (
    Told,
    announce,
    report_of,
    summary_of,
    tell_near_misses,
    tell_odd_columns,
    warn,
    ways_on,
)
from commands.interrupts import STOPPING, noticing_interrupt
from commands.kept_maps import keep_map
from commands.maps import decided, is_found_again, opened_with_map
from commands.rejects_files import write_rejects
from commands.terminal import say, show, show_json, with_progress
from importing.approval import Basis, PlanChanged, note_shown
from importing.brakes import Brakes, TooManyRejects
from importing.custom_fields import SetupError
from importing.import_file import Voice, import_file, rehearse
from importing.organization import Organization, open_organization
from importing.outcomes import ImportResult, check_accounts
from importing.plan import ImportSettings
from importing.preview.facts import preview_of

WORDS: Words = {
    **WORDS_OF_CLOSE,
    **WORDS_OF_FILES,
    UnclearDates: (
        Exit.USAGE,
        "{}. Add --date-order dmy if the day comes first, or --date-order mdy if the month does.",
    ),
    ContradictingDates: (
        Exit.USAGE,
        "{}. Add --date-order dmy or --date-order mdy to say which one is right; the other dates are then reported.",
    ),
    TwoNotedReadings: (
        Exit.USAGE,
        "{}. Import the rows of each separately, or add --date-order or --decimal to say which one is right.",
    ),
    UnclearNumbers: (
        Exit.USAGE,
        "{}. Add --decimal dot if it comes before decimals, or --decimal comma if it comes between thousands.",
    ),
    ContradictingNumbers: (
        Exit.USAGE,
        "{}. Add --decimal dot or --decimal comma to say which one is right; the other numbers are then reported.",
    ),
    NoCompanyColumn: (
        Exit.USAGE,
        "{}. Name the one with the companies 'Company', or write a map with `python main.py map FILE`, or add "
        "--company-from-email to name leads after the domains of their e-mails. If the column names are in another "
        "row, add --header-row with its number.",
    ),
    NoCompanyInMap: (
        Exit.USAGE,
        "{}. Write it below the column with the companies, or add --company-from-email to name leads after the domains "
        "of their e-mails.",
    ),
    UnreadColumns: (
        Exit.USAGE,
        "{}. Change the names in the file, or say in a map what each column is (`python main.py map FILE`), or add "
        "--ignore-columns to leave such columns out.",
    ),
    SetupError: (Exit.SETUP, "{}."),
    PlanChanged: (
        Exit.USAGE,
        "Nothing was written to Close: {}. Run the same command with --dry-run instead of --plan, and look at the new "
        "plan.",
    ),
}


# Arguments -----------------------------------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    add_service_flags(parser)
    parser.add_argument("file", metavar="FILE", help=TABLE_HELP)
    parser.add_argument("--dry-run", action="store_true", help="show what would be done; write nothing to Close")
    parser.add_argument(
        "--rejects-xlsx",
        action="store_true",
        help="write the rows to fix as a workbook, too, as is done anyway if FILE is one",
    )
    parser.add_argument(
        "--report",
        type=page_file,
        metavar="FILE.html",
        help="write one page about the import, or with --dry-run about what it would do, for the person who has to "
        "approve it",
    )
    parser.add_argument(
        "--existing",
        choices=["merge", "skip", "create"],
        default="merge",
        help="leads already in Close: add what is missing (merge), leave them alone (skip), or create new ones "
        "(create) (default: merge)",
    )
    _add_reading_of_values(parser)
    add_form_of_file(parser)
    _add_columns(parser)
    parser.add_argument(
        "--workers", type=workers, metavar="N", help="requests at a time (default: as many as Close can handle)"
    )
    add_index_lag(parser)
    add_plan(parser)
    add_brakes(parser)


def _add_reading_of_values(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--names", choices=["upper", "title", "keep"], default="upper", help="letter case of names (default: upper)"
    )
    parser.add_argument(
        "--region", type=region, default="US", help="country of phone numbers written without + (default: US)"
    )
    parser.add_argument(
        "--date-order",
        choices=["dmy", "mdy", "ymd"],
        help="order in dates: day-month-year (dmy), month-day-year (mdy) or year-month-day (ymd); needed only if the "
        "file leaves it unclear",
    )
    parser.add_argument(
        "--decimal",
        choices=["dot", "comma"],
        help="what comes before the decimals of a number; needed only if the file leaves it unclear",
    )
    parser.add_argument(
        "--timezone",
        type=time_zone,
        metavar="NAME",
        help="time zone of times that are written without one, such as America/New_York (default: none)",
    )


def _add_columns(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--map", metavar="MAP.toml", help="map of the columns (default: the one in input_data/maps/ that fits the file)"
    )
    which.add_argument("--no-map", action="store_true", help="use no map, even if one fits the file")
    parser.add_argument(
        "--ignore-columns",
        action="store_true",
        help="leave out columns of unknown titles even if they hold e-mails, phones or names",
    )
    parser.add_argument(
        "--company-from-email",
        action="store_true",
        help="name the lead of a row without a company after the domain of its e-mail, but never after a mail provider",
    )


# Run -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Given:
    """The file to import: its path, its contents, and what a plan for it rests on."""

    path: Path
    source: SourceFile
    basis: Basis


def run(args: argparse.Namespace) -> int:
    """Clean a file and import it into Close; write down what became of each row."""
    began = time.monotonic()
    given = _read(args)
    refuse_own_input(args.report, given.path, args)
    brakes, stop = brakes_of(args, given.basis), threading.Event()
    stopping = noticing_interrupt(stop, "" if args.quiet else STOPPING)
    with open_own_journal() as journals, open_close(args, stop) as close, stopping:
        for kind in ("plan" if args.dry_run else "imported", "conflicts"):
            check_replaceable(result_path(given.path, kind))
        organization = open_organization(close, journals, index_lag(args), list_lag(args))
        try:
            result = _imported(args, organization, given, brakes, stop)
        except TooManyRejects as refused:
            raise _refusal(args, given.path, refused.result, journals) from None
        result, told = _written(args, given, result, journals)
        _show(args, result, told, time.monotonic() - began)
    check_accounts(result)
    if result.ended_by:
        return tell_early_end(result.ended_by, args)
    if not brakes.allow_rejects(result.plan):  # in a dry run; an import would not have begun
        raise refusal_of(result, args.max_rejects, told.written.to_fix)
    if not args.quiet:
        tell_of_closed_log(close)
        is_found = told.kept_map is None or is_found_again(told.kept_map, given.path, given.source.header)
        advise(args, result, told.written, map_to_name="" if is_found else told.kept_map or "")
    if told.preview and not args.json:
        show(ways_on(told.preview, args))
    return exit_code(result)


def _refusal(args: argparse.Namespace, path: Path, foreseen: ImportResult, journals: JournalFile) -> UsageError:
    """The error that keeps an import from its beginning, once the rows to fix are written for the person."""
    as_workbook = args.rejects_xlsx or foreseen.source.is_workbook
    written = write_rejects(path, foreseen, journals, as_workbook=as_workbook)
    return refusal_of(foreseen, args.max_rejects, str(written.workbook or written.table))


def _written(
    args: argparse.Namespace, given: _Given, result: ImportResult, journals: JournalFile
) -> tuple[ImportResult, Told]:
    """The result, and what else a summary says, after the files about it are written. A dry run notes its plan."""
    plan_id = note_shown(result.plan, given.basis) if args.dry_run else args.plan or ""
    kept_map = keep_map(result.source, is_rehearsed=args.dry_run)
    files = {"is_rehearsed": args.dry_run, "as_workbook": args.rejects_xlsx}
    result, written = write_result(given.path, result, journals, **files)
    preview = None
    try:
        if args.dry_run or args.report:
            preview = preview_of(result, is_rehearsed=args.dry_run, plan_id=plan_id)
        if args.report and preview:
            result = write_report(args.report, preview, result, written, args)
    except Exception as error:  # whatever it is, the user must learn what is in Close
        if args.dry_run:
            raise
        result = replace(result, ended_by=result.ended_by or error)
    return result, Told(given.path, written, kept_map, plan_id, preview if args.dry_run else None)


def _show(args: argparse.Namespace, result: ImportResult, told: Told, seconds: float) -> None:
    """Show the result, as JSON or in words."""
    report = report_of(result, told, seconds)
    if args.json:
        show_json(json.dumps(report, indent=2))
    else:
        show(summary_of(report, result, args, told.preview))


def _read(args: argparse.Namespace) -> _Given:
    """The file and its contents, read as its map says if it has one, and what a plan for it rests on.

    Says how it was read, if that is not as usual.
    """
    with opened_input(args.file) as path, opened_with_map(path, args) as (opened, found):
        column_map = decided(found, opened, is_open_allowed=args.ignore_columns) if found else None
        source = opened.read(column_map)
        basis = basis_of(args, digest_of(path), column_map)
        if not args.company_from_email:
            refuse_without_company(source)
    if source.form and not args.quiet:
        say(f"{path.name}: {source.form}")
    if column_map and not args.quiet:
        say(f"map: {column_map.name}")
    named = Path(path.name) if args.file == STANDARD_INPUT else path  # what was read from there is no file now
    return _Given(named, source, basis)


def _imported(
    args: argparse.Namespace, organization: Organization, given: _Given, brakes: Brakes, stop: threading.Event
) -> ImportResult:
    """What became of a file, or with `--dry-run` would, whose plan is then told."""
    file, settings = _name_of_source(args, given.path), _settings(args)
    if not args.dry_run:
        return import_file(organization, given.source, file, settings, _voice(args), stop, brakes=brakes)
    result = rehearse(organization, given.source, file, settings, brakes)
    if not args.quiet:
        tell_odd_columns(result.source)
        tell_near_misses(result.source)
        warn(result.plan)
    return result


def _name_of_source(args: argparse.Namespace, path: Path) -> str:
    """What the journal calls the file that a run imports."""
    return "standard input" if args.file == STANDARD_INPUT else str(path.resolve())


def _settings(args: argparse.Namespace) -> ImportSettings:
    return ImportSettings(
        existing=args.existing,
        names=args.names,
        region=args.region,
        date_order=args.date_order,
        decimal=args.decimal,
        zone=args.timezone,
        workers=args.workers,
        company_from_email=args.company_from_email,
        ignore_columns=args.ignore_columns,
        keeps_columns=args.dry_run or args.report is not None,
    )


def _voice(args: argparse.Namespace) -> Voice:
    """How the import informs the user: not at all if `--quiet` is given."""
    with_bar = functools.partial(with_progress, unit="leads", quiet=args.quiet)
    return Voice(lambda _: None, lambda _: None, with_bar) if args.quiet else Voice(announce, say, with_bar)


def exit_code(result: ImportResult) -> Exit:
    """The exit code of an import that was not ended early, for the most urgent reason."""
    if result.has("undetermined") or result.unsettled:
        return Exit.UNREACHABLE
    if result.has("rejected") or result.has("failed") or result.is_ambiguous or result.doubles:
        return Exit.INCOMPLETE
    return Exit.DONE
