"""import: clean a file of leads and import it into Close."""

import argparse
import functools
import json
import shlex
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import phonenumbers

from cells.columns import CUSTOM_PREFIX
from cells.date_orders import ContradictingDates, UnclearDates
from cells.decimal_marks import ContradictingNumbers, UnclearNumbers
from cells.notes import TwoNotedReadings
from cells.readings import Reading, proved
from cells.safe_text import harmless_line
from cells.source_file import SourceFile, read_source
from cells.unread_columns import NoCompanyColumn, UnreadColumns, near_misses, refuse_without_company
from close.journal import JournalFile
from commands.arguments import TABLE_HELP, add_index_lag, add_service_flags, time_zone, workers
from commands.environment import (
    WORDS_OF_CLOSE,
    WORDS_OF_FILES,
    index_lag,
    list_lag,
    open_close,
    open_own_journal,
    tell_of_closed_log,
)
from commands.error_words import RUN_AGAIN, Words, tell_early_end
from commands.errors import Exit
from commands.files import (
    OUTPUT_FOLDER,
    STANDARD_INPUT,
    check_replaceable,
    opened_input,
    stem_of,
    write_csv,
    write_csv_beside_edits,
)
from commands.interrupts import STOPPING, noticing_interrupt
from commands.terminal import counted, enumerated, listed, say, show, show_json, with_progress
from importing.custom_fields import SetupError
from importing.import_file import Voice, import_file, rehearse
from importing.organization import open_organization
from importing.outcomes import ImportResult, check_accounts, count_outcomes
from importing.plan import ImportSettings, Plan
from importing.result_files import imported_lines, plan_lines, reject_lines

MOST_TITLES = 20  # in a sentence
MOST_ROWS = 1_048_576  # of a sheet; no header stands below

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
        "{}. Name the one with the companies 'Company', or add --company-from-email to name leads after the domains "
        "of their e-mails. If the column names are in another row, add --header-row with its number.",
    ),
    UnreadColumns: (
        Exit.USAGE,
        "{}. Rename the columns in the file, or add --ignore-columns to leave them out.",
    ),
    SetupError: (Exit.SETUP, "{}."),
}


# Arguments -----------------------------------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    add_service_flags(parser)
    parser.add_argument("file", metavar="FILE", help=TABLE_HELP)
    parser.add_argument("--dry-run", action="store_true", help="show what would be done; write nothing to Close")
    parser.add_argument(
        "--existing",
        choices=["merge", "skip", "create"],
        default="merge",
        help="leads already in Close: add what is missing (merge), leave them alone (skip), or create new ones "
        "(create) (default: merge)",
    )
    _add_reading_of_values(parser)
    _add_form_of_file(parser)
    parser.add_argument(
        "--workers", type=workers, metavar="N", help="requests at a time (default: as many as Close can handle)"
    )
    add_index_lag(parser)


def _add_reading_of_values(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--names", choices=["upper", "title", "keep"], default="upper", help="letter case of names (default: upper)"
    )
    parser.add_argument(
        "--region", type=_region, default="US", help="country of phone numbers written without + (default: US)"
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


def _add_form_of_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--encoding",
        default="",
        metavar="NAME",
        help="encoding of the file, such as cp1252 (default: found in the file)",
    )
    parser.add_argument(
        "--delimiter",
        type=delimiter,
        metavar="MARK",
        help="what separates cells: comma, semicolon, tab or pipe (default: found in the file)",
    )
    parser.add_argument(
        "--sheet", default="", metavar="NAME", help="sheet of a workbook (default: the first with data)"
    )
    parser.add_argument(
        "--header-row", type=row_number, metavar="N", help="row of the column names (default: found in the file)"
    )
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


def delimiter(text: str) -> str:
    """What separates cells, given as a word or as the mark itself."""
    words = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "\\t": "\t"}
    found = words.get(text.strip().casefold(), text)
    if found in words.values():
        return found
    raise argparse.ArgumentTypeError(f"must be comma, semicolon, tab or pipe, not {text!r}")


def row_number(text: str) -> int:
    """The number of a row of a spreadsheet, counted from 1."""
    if text.isascii() and text.isdecimal() and 0 < int(text) <= MOST_ROWS:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be the number of a row, such as 3, not {text!r}")


def _region(text: str) -> str:
    if text.upper() in phonenumbers.SUPPORTED_REGIONS:
        return text.upper()
    raise argparse.ArgumentTypeError(f"{text!r} is not a two-letter country code")


# Run -----------------------------------------------------------------------------------------------------------------


def run(args: argparse.Namespace) -> int:
    """Clean a file and import it into Close; write down what became of each row."""
    began = time.monotonic()
    with opened_input(args.file) as path:
        source = read_source(path, args.encoding, args.delimiter or "", args.sheet, args.header_row)
        if not args.company_from_email:
            refuse_without_company(source)
    path = Path(path.name) if args.file == STANDARD_INPUT else path  # there is no such file any more
    if source.form and not args.quiet:
        say(f"{path.name}: {source.form}")
    stop = threading.Event()
    stopping = noticing_interrupt(stop, "" if args.quiet else STOPPING)
    with open_own_journal() as journals, open_close(args, stop) as close, stopping:
        check_replaceable(OUTPUT_FOLDER / f"{stem_of(path)}_{'plan' if args.dry_run else 'imported'}.csv")
        organization = open_organization(close, journals, index_lag(args), list_lag(args))
        file, settings = _name_of_source(args, path), _settings(args)
        if args.dry_run:
            result = rehearse(organization, source, file, settings)
            if not args.quiet:
                _tell_columns(result.source, result.source.count_left_out())
                _warn(result.plan)
        else:
            result = import_file(organization, source, file, settings, _voice(args), stop)
        result, files = _write_files(stem_of(path), result, journals, is_rehearsed=args.dry_run)
        traffic = {"requests": close.requests_made, "throttled": close.throttled}
        report = _report(path, result, files, traffic, time.monotonic() - began, is_rehearsed=args.dry_run)
        if args.json:
            show_json(json.dumps(report, indent=2))
        else:
            show(_summary(report, result, args))
    check_accounts(result)
    if result.ended_by:
        return tell_early_end(result.ended_by, args)
    if not args.quiet:
        tell_of_closed_log(close)
        _advise(args, result, files)
    return _exit_code(result)


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
    )


def _voice(args: argparse.Namespace) -> Voice:
    """How the import informs the user: not at all if `--quiet` is given."""
    with_bar = functools.partial(with_progress, unit="leads", quiet=args.quiet)
    return Voice(lambda _: None, lambda _: None, with_bar) if args.quiet else Voice(_announce, say, with_bar)


def _exit_code(result: ImportResult) -> Exit:
    """The exit code of an import that was not ended early, for the most urgent reason."""
    if result.has("undetermined") or result.unsettled:
        return Exit.UNREACHABLE
    if result.has("rejected") or result.has("failed") or result.is_ambiguous or result.doubles:
        return Exit.INCOMPLETE
    return Exit.DONE


# Messages before the import ------------------------------------------------------------------------------------------


def _tell_columns(source: SourceFile, left_out: Collection[str]) -> None:
    """Say what columns were read as if their titles do not say it, and which of unknown titles are not imported."""
    roles = source.roles
    titles = {
        column: [roles.labels[position] for position in positions if source.is_filled(position)] or [column]
        for column, positions in roles.sources.items()
    }
    told = {column: named for column, named in titles.items() if named not in ([column], [_without_prefix(column)])}
    if told:
        say("columns: " + "; ".join(f"{column} from {_some(named)}" for column, named in told.items()))
    if (roles.emails or roles.phones) and not roles.names:
        say("No column gives the names of contacts.")
    for position, best in roles.outdone.items():
        say(f"{roles.labels[best]!r} is used rather than {roles.labels[position]!r}, which is left out.")
    unknown = [roles.labels[position] for position in roles.left_out if position not in roles.known]
    unknown = [title for title in unknown if title in left_out]
    if unknown:
        meant = near_misses(source, unknown)
        guess = f" Did you mean {' or '.join(meant)}?" if meant else ""
        say(f"Columns not imported: {_some(unknown)}.{guess}")
    if left_out:
        say("To import a column into a lead custom field, name it custom.<Field Name>.")


def _without_prefix(column: str) -> str:
    return column.removeprefix(CUSTOM_PREFIX)


def _some(titles: Sequence[str]) -> str:
    """The titles in one sentence; of very many, the first ones and the number of the others."""
    if len(titles) <= MOST_TITLES:
        return enumerated(titles)
    return f"{', '.join(titles[:MOST_TITLES])} and {len(titles) - MOST_TITLES} more"


def _announce(plan: Plan) -> None:
    """Say what will be done, and anything that the user may not expect."""
    if plan.organization.fields.import_key and not plan.organization.journal.has_runs():
        say(
            "Leads were imported into this organization before, but not from this folder. If somebody imported leads "
            "in the last minute, stop and run this again in a minute; otherwise those leads could be created twice."
        )
    if plan.carries_on:
        say(f"Continuing the unfinished run {plan.run_id}.")
    elif plan.earlier and plan.existing == "create":
        say(
            f"This file was already imported in run {plan.earlier.run_id}. This run creates new leads in addition to "
            "those."
        )
    _tell_columns(plan.source, plan.source.count_left_out())
    say(_plan_words(plan))
    for reading in proved(plan.clean.readings):
        say(_reading_words(reading))
    _warn(plan)


def _warn(plan: Plan) -> None:
    for warning in plan.clean.warnings:
        say(f"warning: {warning}")


def _plan_words(plan: Plan) -> str:
    """The plan in one line: `plan: create 58, update 2; custom fields to create: Industry (text)`."""
    actions: Counter[str] = Counter(planned.action for planned in plan.leads)
    todo = [f"{name} {actions[name]}" for name in ("create", "update", "unchanged", "skip", "look up") if actions[name]]
    made = [f"{name} ({kind})" for name, kind in plan.missing_fields.items()]
    fields = f"; custom fields to create: {', '.join(made)}" if made else ""
    return f"plan: {', '.join(todo) or 'nothing to do'}{fields}"


# Files ---------------------------------------------------------------------------------------------------------------


def _write_files(
    stem: str, result: ImportResult, journals: JournalFile, *, is_rehearsed: bool
) -> tuple[ImportResult, dict[str, str | None]]:
    """The paths of the written files, by kind. A dry run writes `plan` instead of `imported`; the other one is None.

    The report must be shown even if the disk is full, so such an error becomes the one that ended the run.
    """
    files: dict[str, str | None] = {"imported": None, "rejects": None, "plan": None}
    kind, lines = ("plan", plan_lines(result)) if is_rehearsed else ("imported", imported_lines(result))
    try:
        path = OUTPUT_FOLDER / f"{stem}_{kind}.csv"
        write_csv(path, lines)
        files[kind] = str(path)
        files["rejects"] = str(_write_rejects(OUTPUT_FOLDER / f"{stem}_rejects.csv", result, journals))
    except (OSError, sqlite3.Error) as error:
        return replace(result, ended_by=result.ended_by or error), files
    return result, files


def _write_rejects(path: Path, result: ImportResult, journals: JournalFile) -> Path:
    """Write the rows to fix; never over a file that somebody has edited, but next to it."""
    lines, has_bom = reject_lines(result), result.source.has_bom
    written, digest = write_csv_beside_edits(path, lines, journals.digest_of, has_bom=has_bom)
    journals.note_file(written, digest)
    return written


# Messages about the result -------------------------------------------------------------------------------------------


def _report(
    path: Path,
    result: ImportResult,
    files: Mapping[str, str | None],
    traffic: Mapping[str, int],
    seconds: float,
    *,
    is_rehearsed: bool,
) -> dict[str, Any]:
    """What `--json` prints; for a dry run, with the outcomes that an import would have."""
    return {
        "run_id": None if is_rehearsed else result.plan.run_id,
        "file": str(path),
        "dry_run": is_rehearsed,
        "rows": {"total": len(result.rows), **count_outcomes(result.rows)},
        "leads": count_outcomes(result.leads),
        "values_dropped": len(result.dropped),
        "placeholders": result.plan.clean.placeholders,
        "columns": {
            column: [result.source.roles.labels[position] for position in positions]
            for column, positions in result.source.roles.sources.items()
        },
        "rows_left_out": [{"row": row.number, "text": row.text} for row in result.source.rows_left_out],
        "columns_left_out": [
            {"column": name, "values": count} for name, count in result.source.count_left_out().items()
        ],
        "readings": [
            {"column": each.column, "reading": each.reading, "row": each.row, "value": each.value}
            for each in proved(result.plan.clean.readings)
        ],
        **traffic,
        "seconds": round(seconds, 3),
        "files": files,
    }


def _summary(report: Mapping[str, Any], result: ImportResult, args: argparse.Namespace) -> str:
    """The report in words."""
    title = f"{harmless_line(report['file'])}: {counted(len(result.rows), 'row')}, {counted(len(result.leads), 'lead')}"
    lines = [title]
    if report["dry_run"]:
        lines = [f"{title}; nothing was written to Close", _plan_words(result.plan)]
        lines.append("if imported now, the rows would be:")
    for name, rows in report["rows"].items():
        leads = report["leads"].get(name, 0)
        if rows and name != "total":
            lines.append(f"  {name:<12}  {counted(rows, 'row')}" + (f", {counted(leads, 'lead')}" if leads else ""))
    codes: Counter[str] = Counter(problem.code for problem in result.dropped)
    lines.append(f"values dropped: {codes.total()}" + (f" ({listed(codes)})" if codes else ""))
    if report["placeholders"]:
        words = counted(report["placeholders"], "cell says", "cells say")
        lines.append(f"placeholders: {words} that there is no value (N/A, -, none, ...)")
    lines += _left_out_words(report)
    lines += map(_reading_words, proved(result.plan.clean.readings))
    lines += _made_words(report, result, args)
    lines += [f"{kind}: {harmless_line(path)}" for kind, path in report["files"].items() if path]
    told = f", {report['throttled']} delayed by Close's rate limit" if report["throttled"] else ""
    lines.append(f"{counted(report['requests'], 'request')}{told}, {report['seconds']:.1f} s")
    return "\n".join(lines)


def _left_out_words(report: Mapping[str, Any]) -> list[str]:
    """The columns and rows of the file that were left out, one in each line."""
    columns = {harmless_line(each["column"]): counted(each["values"], "value") for each in report["columns_left_out"]}
    rows = {f"row {each['row']}": harmless_line(each["text"]) for each in report["rows_left_out"]}
    lines = []
    for what, told in (("columns left out:", columns), ("rows left out, above or below the table:", rows)):
        width = min(max(map(len, told), default=0), WIDEST_TITLE)
        lines += [what] if told else []
        lines += [f"  {name:<{width}}  {words}" for name, words in told.items()]
    return lines


WIDEST_TITLE = 40  # characters; a longer one pushes its count aside
READING_WORDS = {
    "dmy": "the day comes first",
    "mdy": "the month comes first",
    "ymd": "the year comes first",
    "dot": "a dot comes before decimals",
    "comma": "a comma comes before decimals",
}


def _reading_words(reading: Reading) -> str:
    """How a column was read, and what decided it."""
    few = f"; only {reading.deciding} of {reading.concerned} values say so, so check this" if reading.is_weak else ""
    return f"{reading.column}: {READING_WORDS[reading.reading]}, as in {reading.value!r} (row {reading.row}){few}"


def _made_words(report: Mapping[str, Any], result: ImportResult, args: argparse.Namespace) -> list[str]:
    """What was created in Close besides leads, and how to undo all of it; empty if nothing was written."""
    if report["dry_run"] or not (report["leads"]["created"] or report["leads"]["updated"]):
        return []
    made = ", ".join(f"{name} ({kind})" for name, kind in result.plan.missing_fields.items())
    undo = f"python main.py undo {report['run_id']}" + (" --sandbox" if args.sandbox else "")
    return [
        *([f"custom fields created: {made}"] if made else []),
        f"run: {report['run_id']} (`{undo}` takes it back)",
    ]


def _advise(args: argparse.Namespace, result: ImportResult, files: Mapping[str, str | None]) -> None:
    """Say what to do about each kind of outcome that needs action."""
    listing = files["imported"] or files["plan"]
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
    lost = _lost_words(result, is_rehearsed=args.dry_run)
    if lost:
        command = f"python main.py import {shlex.quote(str(files['rejects']))}" + _repeated_flags(args)
        say(f"{lost}. Fix the rows in {files['rejects']}, then run: {command}")
    elif result.dropped:
        say("Values that differ from Close or from another row (conflict) can be changed in Close.")


def _lost_words(result: ImportResult, *, is_rehearsed: bool) -> str:
    """What was lost that can be fixed in the file, "" if nothing was; a conflict can only be settled in Close."""
    rows = sum(row.outcome in ("rejected", "failed") for row in result.rows)
    values = sum(problem.code != "conflict" for problem in result.dropped)
    was_not, were_not = ("would not be", "would not be") if is_rehearsed else ("was not", "were not")
    was, were = ("would be", "would be") if is_rehearsed else ("was", "were")
    lost = [
        *([counted(rows, f"row {was_not} imported", f"rows {were_not} imported")] if rows else []),
        *([counted(values, f"value {was} left out", f"values {were} left out")] if values else []),
    ]
    return ", and ".join(lost)


def _repeated_flags(args: argparse.Namespace) -> str:
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
    return f"{told} --sandbox" if args.sandbox else told
