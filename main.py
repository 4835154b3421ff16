"""The command line: arguments, environment, files, what is said, exit code."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import os
import re
import shlex
import signal
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from writing import append_line, guarded, write_csv, write_csv_beside_edits

if TYPE_CHECKING:
    import pandas as pd

    from accounts import ImportResult, LeadOutcome
    from close_client import CloseClient
    from journal import Journal, JournalFile
    from planning import Plan
    from qualification import Qualifier, Verdict
    from reading import SourceFile
    from sandbox import Sandbox
    from undoing import UndoneLead

INPUT_FOLDER = Path("input_data")
OUTPUT_FOLDER = Path("output_data")
JOURNAL = OUTPUT_FOLDER / "journal.sqlite"
WORKERS = 8
INDEX_LAG = 60.0  # seconds after which Close's search is taken to show a new lead
SANDBOX_INDEX_LAG = 1.0  # seconds; the sandbox inside a command has none
DEFAULT_PORT = 8722
KEY_VARIABLES = ("close_project_api_key", "CLOSE_API_KEY")
SHORT_WAIT = 1.0  # seconds that Ctrl-C does not cut short
STOP_CHECK_INTERVAL = 0.2  # seconds after which a wait looks whether it should end

EXAMPLES = """\
examples:
  python main.py import leads.csv --sandbox                   rehearse on this machine
  python main.py import leads.csv --dry-run                   what would be done, without writing anything to Close
  python main.py import leads.csv                             put the leads into Close
  python main.py undo last                                    take the last import back
  python main.py segment 1950-01-01 2022-12-31                sum them up by US state
  python main.py qualify 123 456                              who may become a prospect?
  python main.py sandbox                                      serve a stand-in for Close
"""


class Exit(IntEnum):
    """What the exit code says."""

    DONE = 0
    BUG = 1
    USAGE = 2
    SETUP = 3
    INCOMPLETE = 4
    UNREACHABLE = 5
    INTERRUPTED = 130


class UsageError(Exception):
    """The command can't be run as it was written; the message says how to write it."""


class ConfigurationError(Exception):
    """Something is missing in the environment; the message names each way out."""


RUN_AGAIN = "Run the same command again to carry on: {command}"
log = logging.getLogger("main")

# Errors by name, for a module is imported only by the verb that needs it. An error's own words replace the braces, the
# command that was given replaces {command}.
ERROR_WORDS: Mapping[str, tuple[Exit, str]] = {
    "main.UsageError": (Exit.USAGE, "{}."),
    "main.ConfigurationError": (Exit.SETUP, "{}."),
    "reading.InputError": (Exit.USAGE, "{}."),
    "segmentation.UnknownField": (Exit.USAGE, "{}."),
    "segmentation.CountMismatch": (Exit.INCOMPLETE, "{}."),
    "planning.SetupError": (Exit.SETUP, "{}."),
    "journal.JournalBusy": (Exit.USAGE, "{}."),
    "journal.JournalUnusable": (Exit.USAGE, "{}."),
    "journal.NoSuchRun": (Exit.USAGE, "{}."),
    "close_client.AmbiguousField": (Exit.SETUP, "{}."),
    "close_client.AuthenticationFailed": (
        Exit.SETUP,
        "Close does not accept the API key ({}). Copy it again from Settings > Developer > API Keys.",
    ),
    "close_client.PlanLimitReached": (Exit.SETUP, "The plan in Close allows no more: {}. Extend it, then run again."),
    "close_client.PermissionDenied": (
        Exit.SETUP,
        "The key's user may not do this in Close: {}. Ask an administrator.",
    ),
    "close_client.RequestRejected": (Exit.SETUP, "Close refused a request: {}. Check CLOSE_API_URL and the key."),
    "close_client.OutcomeUnknown": (
        Exit.UNREACHABLE,
        f"{{}}, so a custom field may have been made or not. {RUN_AGAIN}",
    ),
    "close_client.CloseUnreachable": (
        Exit.UNREACHABLE,
        f"Close can't be reached: {{}}. Check the connection and CLOSE_API_URL. {RUN_AGAIN}",
    ),
    "close_client.Stopped": (Exit.INTERRUPTED, f"stopped; what was in flight is finished and recorded. {RUN_AGAIN}"),
    "builtins.KeyboardInterrupt": (Exit.INTERRUPTED, f"stopped. {RUN_AGAIN}"),
    "sandbox.disk.StateFileError": (Exit.USAGE, "{}."),
    "builtins.ModuleNotFoundError": (
        Exit.SETUP,
        "{}. Run `make demo` once, then `source .venv/bin/activate` in every new terminal.",
    ),
    "builtins.OSError": (Exit.BUG, f"{{}}. Mend that. {RUN_AGAIN}"),
    "sqlite3.Error": (Exit.BUG, f"{JOURNAL} can't be written ({{}}); is the disk full? Mend that. {RUN_AGAIN}"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of one command. Every error becomes words here, and nowhere else."""
    verbose = False
    command = shlex.join(["python", "main.py", *(sys.argv[1:] if argv is None else argv)])
    give_missing_streams()
    try:
        args = build_parser().parse_args(argv)
        args.command = command
        verbose = getattr(args, "verbose", False)
        with logging_requests(args):
            return run_logged(args)
    except SystemExit as finished:  # argparse's --help
        return int(finished.code or 0)
    except (KeyboardInterrupt, Exception) as error:  # the boundary: what was not foreseen is a bug, said in one line
        code, words = in_words(error, command)
        complain(words)
        if verbose and code == Exit.BUG:
            traceback.print_exc()
        return code


def run_logged(args: argparse.Namespace) -> int:
    """The exit code of a verb; an error that ends it goes into the log on its way."""
    try:
        return int(args.run(args))
    except BaseException as error:  # it is only noted here, and put into words by the caller
        note_error(error)
        raise


def in_words(error: BaseException, command: str) -> tuple[Exit, str]:
    """The exit code and the one line for an error that ended a command, which ends with what to do."""
    for kind in type(error).__mro__:
        name = f"{kind.__module__.replace('__main__', 'main')}.{kind.__name__}"
        if name in ERROR_WORDS:
            code, words = ERROR_WORDS[name]
            return code, words.replace("{}", str(error).removesuffix(".")).replace("{command}", command)
    return Exit.BUG, f"unexpected {type(error).__name__}: {error}. This is a bug; -v shows where."


# Arguments -----------------------------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """A parser whose help begins with examples, whose errors are one line, and that guesses no flag."""

    examples = ""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **settings})

    def format_help(self) -> str:
        return f"{self.examples}\n{super().format_help()}" if self.examples else super().format_help()

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. See {self.prog} --help")


def build_parser() -> argparse.ArgumentParser:
    """The parser for every verb; each sets `run` to the function that carries it out."""
    parser = Parser(
        prog="main.py", description="Leads into Close, each exactly once; sums by state; who may be a prospect."
    )
    parser.examples = EXAMPLES
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    service = _service_flags()
    _add_import(verbs.add_parser("import", parents=[service], help="clean a file of leads and put it into Close"))
    _add_segment(verbs.add_parser("segment", parents=[service], help="sum up the leads founded in a range by US state"))
    _add_qualify(verbs.add_parser("qualify", parents=[service], help="decide who may become a prospect"))
    _add_undo(verbs.add_parser("undo", parents=[service], help="take back what an import put into Close"))
    _add_runs(verbs.add_parser("runs", help="list the imports so far"))
    _add_sandbox(verbs.add_parser("sandbox", help="serve a stand-in for Close and the checks on this machine"))
    return parser


def _service_flags() -> Parser:
    flags = Parser(add_help=False)
    flags.add_argument("--sandbox", action="store_true", help="rehearse on this machine; nothing leaves it")
    flags.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    flags.add_argument("--log", metavar="FILE", type=Path, help="append each request to a file, without names or keys")
    flags.add_argument("-v", "--verbose", action="store_true", help="show each request")
    flags.add_argument("-q", "--quiet", action="store_true", help="show results and errors alone")
    return flags


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_import)
    parser.add_argument("file", metavar="FILE", help="a CSV file, looked for as given, then in input_data/")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done; write nothing to Close")
    parser.add_argument(
        "--existing",
        choices=["merge", "skip", "create"],
        default="merge",
        help="leads that Close has: give them what they lack (merge), leave them alone (skip), make new ones (create)",
    )
    parser.add_argument("--names", choices=["upper", "title", "keep"], default="upper", help="the case of names")
    parser.add_argument("--region", type=_region, default="US", help="the country of phone numbers without + (US)")
    parser.add_argument("--date-order", choices=["dmy", "mdy", "ymd"], help="how the file writes dates")
    parser.add_argument("--encoding", default="utf-8", metavar="NAME", help="the file's encoding, such as cp1252")
    parser.add_argument(
        "--workers", type=_workers, metavar="N", help="requests at a time; as many as Close keeps up with if left out"
    )
    _add_index_lag(parser)


def _add_index_lag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--index-lag",
        type=_amount,
        metavar="SECONDS",
        help=f"how long Close's search may take to show a new lead ({INDEX_LAG:.0f})",
    )


def _add_undo(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_undo)
    parser.add_argument("run_id", metavar="RUN_ID", help="as `runs` lists it; last for the newest")
    _add_index_lag(parser)


def _add_runs(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_runs)
    parser.add_argument("--sandbox", action="store_true", help="rehearsals in the sandbox alone")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    parser.add_argument("-q", "--quiet", action="store_true", help="show results and errors alone")


def _add_segment(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_segment)
    parser.add_argument("start", metavar="START", type=_day, help="the first day, YYYY-MM-DD")
    parser.add_argument("end", metavar="END", type=_day, nargs="?", help="the last day, included; today if left out")
    parser.add_argument("--output", metavar="FILE", type=_replaceable, default=OUTPUT_FOLDER / "output.csv")
    parser.add_argument("--date-field", metavar="NAME", default="Company Founded", help="a lead custom field")
    parser.add_argument("--revenue-field", metavar="NAME", default="Company Revenue", help="a lead custom field")


def _add_qualify(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_qualify)
    parser.add_argument("ids", metavar="ID", nargs="+", help="a person's id")
    parser.add_argument("--workers", type=_workers, default=WORKERS, metavar="N", help="people at a time")
    parser.add_argument("--random-score", action="store_true", help="draw the score instead of asking for it")


def _add_sandbox(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_sandbox)
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, metavar="N", help=f"{DEFAULT_PORT}; 0 for any")
    parser.add_argument("--rate", type=_rate, metavar="N", help="requests a second per key and endpoint group")
    parser.add_argument("--latency", type=_amount, default=0.0, metavar="MS", help="milliseconds added to each answer")
    parser.add_argument(
        "--index-lag", type=_amount, default=1.0, metavar="S", help="seconds until search shows a change"
    )
    parser.add_argument("--fault", action="append", default=[], metavar="NAME=PROBABILITY", help="act out a failure")


def _day(text: str) -> date:
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a day that exists; write it as YYYY-MM-DD")


def _workers(text: str) -> int:
    if text.isdecimal() and 0 < int(text) <= 32:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 32")


def _port(text: str) -> int:
    if text.isdecimal() and int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")


def _amount(text: str) -> float:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more")


def _rate(text: str) -> float:
    if _amount(text) > 0:
        return _amount(text)
    raise argparse.ArgumentTypeError("0 a second would let nothing through; leave --rate out for no limit")


def _replaceable(text: str) -> Path:
    path = Path(text)
    if path.exists() and not path.is_file():
        raise argparse.ArgumentTypeError(f"{text} is not a file that can be replaced; name one such as report.csv")
    return path


def _region(text: str) -> str:
    import phonenumbers

    if text.upper() in phonenumbers.SUPPORTED_REGIONS:
        return text.upper()
    raise argparse.ArgumentTypeError(f"{text!r} is not the two-letter code of a country")


# import --------------------------------------------------------------------------------------------------------------


def run_import(args: argparse.Namespace) -> int:
    """Clean a file and put it into Close; write what became of each row."""
    from accounts import check_accounts, conclude, foresee
    from reading import read_source

    began = time.monotonic()
    path = find_input(args.file)
    source = read_source(path, args.encoding)
    warn_of_columns(source, args.quiet)
    stop = threading.Event()
    stopping = noticing_interrupt(stop, "" if args.quiet else STOPPING)
    with open_own_journal() as journals, open_close(args, stop) as close, stopping:
        journal, plan = plan_with_journal(close, journals, source, path, args)
        if args.dry_run:
            result = conclude(source, plan, foresee(plan), None)
        else:
            announce(plan, journal, args.quiet)
            result = carry_out_with_progress(close, journal, source, plan, args, stop)
        result, files = write_import_files(path.stem, result, journals, is_rehearsed=args.dry_run)
        report = import_report(path, result, close, files, time.monotonic() - began, is_rehearsed=args.dry_run)
        show(json.dumps(report, indent=2) if args.json else import_summary(report, result, args))
    check_accounts(result)
    if result.ended_by:
        note_error(result.ended_by)
        complain(in_words(result.ended_by, args.command)[1])
    elif not args.quiet:
        advise(args, result, files)
    return import_exit(result, args)


def plan_with_journal(
    close: CloseClient, journals: JournalFile, source: SourceFile, path: Path, args: argparse.Namespace
) -> tuple[Journal, Plan]:
    """The organisation's part of the journal, and the plan for the file."""
    from planning import plan_import

    account = close.account()
    journal = journals.of(account.organization_id, account.organization_name)
    plan = plan_import(
        close,
        journal,
        account,
        source,
        str(path.resolve()),
        existing=args.existing,
        names=args.names,
        region=args.region,
        date_order=args.date_order,
        index_lag=index_lag(args),
        workers=args.workers,
    )
    return journal, plan


@contextlib.contextmanager
def open_own_journal() -> Iterator[JournalFile]:
    """The journal in output_data/, which is made before anything is sent: what is done must find a place."""
    from journal import open_journal

    try:
        OUTPUT_FOLDER.mkdir(exist_ok=True)
    except OSError as error:
        words = f"{OUTPUT_FOLDER}/ can't be made here ({error.strerror}); go to a folder that can be written"
        raise UsageError(words) from None
    with open_journal(JOURNAL) as journals:
        yield journals


def index_lag(args: argparse.Namespace) -> float:
    """Seconds after which search is taken to show a new lead."""
    if args.index_lag is not None:
        return float(args.index_lag)
    return SANDBOX_INDEX_LAG if args.sandbox else INDEX_LAG


def announce(plan: Plan, journal: Journal, quiet: bool) -> None:
    """Say what will be done, and what the user may not expect."""
    if quiet:
        return
    if plan.fields.import_key and not journal.has_runs():
        say(
            f"{JOURNAL} knows of no import into this organisation, though there were some. What was imported from "
            "elsewhere within the last minute may not show in Close's search yet, and would be made again."
        )
    if plan.carries_on:
        say(f"carrying on the unfinished run {plan.run_id}")
    elif plan.earlier and plan.existing == "create":
        say(f"The run {plan.earlier.run_id} of this file is finished; this one makes new leads beside those it made.")
    say(plan_words(plan))


def plan_words(plan: Plan) -> str:
    """The plan in one line: `plan: create 58, update 2; make the custom field Industry (text)`."""
    from collections import Counter

    actions: Counter[str] = Counter(planned.action for planned in plan.leads)
    todo = [f"{name} {actions[name]}" for name in ("create", "update", "unchanged", "skip", "look up") if actions[name]]
    made = [f"{name} ({kind})" for name, kind in plan.missing_fields.items()]
    fields = f"; custom fields to make: {', '.join(made)}" if made else ""
    return f"plan: {', '.join(todo) or 'nothing to do'}{fields}"


STOPPING = "stopping: finishing what is in flight; Ctrl-C again leaves at once"


def find_input(name: str) -> Path:
    """The file as named, or of that name in input_data/. Raises UsageError where there is neither."""
    path = next((path for path in (Path(name), INPUT_FOLDER / name) if path.exists()), None)
    if path is None:
        raise UsageError(f"there is no file {name}, neither here nor in {INPUT_FOLDER}/; check its name")
    return path


def warn_of_columns(source: SourceFile, quiet: bool) -> None:
    """Name the columns that an import does not know."""
    if source.ignored_columns and not quiet:
        from difflib import get_close_matches

        from reading import KNOWN_COLUMNS

        meant = [match for name in source.ignored_columns for match in get_close_matches(name, KNOWN_COLUMNS, 1, 0.8)]
        guess = f" Was {' or '.join(meant)} meant?" if meant else ""
        say(
            f"ignored columns, none of their values is imported: {', '.join(source.ignored_columns)}.{guess} "
            "The column of a lead custom field is named custom.<Field Name>."
        )


def carry_out_with_progress(
    close: CloseClient,
    journal: Journal,
    source: SourceFile,
    plan: Plan,
    args: argparse.Namespace,
    stop: threading.Event,
) -> ImportResult:
    """What the plan came to, with a bar on a terminal while it is carried out.

    What is in Close must be told even where the disk is full by now, so that becomes what ended the run.
    """
    from accounts import conclude, note_result
    from importing import carry_out

    outcomes: list[LeadOutcome] = []
    ended_by: Exception | None = None
    carrying_out = carry_out(
        close,
        journal,
        plan,
        workers=args.workers,
        index_lag=index_lag(args),
        stop=stop,
        tell=(lambda _: None) if args.quiet else say,
    )
    try:
        for outcome in with_progress(carrying_out, len(plan.clean.leads), "leads", args.quiet):
            outcomes.append(outcome)
    except Exception as error:  # what is in Close must be written down before anything is said of a bug
        ended_by = error
    result = conclude(source, plan, outcomes, ended_by)
    try:
        note_result(journal, result)
    except sqlite3.Error as error:
        return replace(result, ended_by=ended_by or error)
    return result


def import_report(
    path: Path,
    result: ImportResult,
    close: CloseClient,
    files: Mapping[str, str | None],
    seconds: float,
    *,
    is_rehearsed: bool,
) -> dict[str, Any]:
    """What `--json` prints; of a dry run, with the outcomes that would be."""
    from accounts import count_outcomes

    return {
        "run_id": None if is_rehearsed else result.plan.run_id,
        "file": str(path),
        "dry_run": is_rehearsed,
        "rows": {"total": len(result.rows), **count_outcomes(result.rows)},
        "leads": count_outcomes(result.leads),
        "values_dropped": len(result.dropped),
        "requests": close.requests_made,
        "throttled": close.throttled,
        "seconds": round(seconds, 3),
        "files": files,
    }


def import_summary(report: Mapping[str, Any], result: ImportResult, args: argparse.Namespace) -> str:
    """The report as a person reads it."""
    from collections import Counter

    title = f"{report['file']}: {counted(len(result.rows), 'row')}, {counted(len(result.leads), 'lead')}"
    lines = [title]
    if report["dry_run"]:
        lines = [f"{title}; nothing was written to Close", plan_words(result.plan), "the rows would become:"]
    for name, rows in report["rows"].items():
        leads = report["leads"].get(name, 0)
        if rows and name != "total":
            lines.append(f"  {name:<12}  {counted(rows, 'row')}" + (f", {counted(leads, 'lead')}" if leads else ""))
    codes: Counter[str] = Counter(problem.code for problem in result.dropped)
    lines.append(f"values dropped: {codes.total()}" + (f" ({listed(codes)})" if codes else ""))
    has_written = not report["dry_run"] and (report["leads"]["created"] or report["leads"]["updated"])
    made = result.plan.missing_fields if has_written else {}
    if made:
        lines.append("custom fields made: " + ", ".join(f"{name} ({kind})" for name, kind in made.items()))
    if report["run_id"] and has_written:
        undo = f"python main.py undo {report['run_id']}" + (" --sandbox" if args.sandbox else "")
        lines.append(f"run: {report['run_id']} (`{undo}` takes it back)")
    lines += [f"{kind}: {path}" for kind, path in report["files"].items() if path]
    told = f", {report['throttled']} told to wait" if report["throttled"] else ""
    lines.append(f"{counted(report['requests'], 'request')}{told}, {report['seconds']:.1f} s")
    return "\n".join(lines)


def counted(number: int, noun: str) -> str:
    """A number of things in words: `1 row`, `2 rows`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(counts: Mapping[str, int]) -> str:
    """Counts in words, the largest first: `3 invalid_email, 1 conflict`."""
    return ", ".join(f"{times} {name}" for name, times in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def advise(args: argparse.Namespace, result: ImportResult, files: Mapping[str, str | None]) -> None:
    """Say what to do about each kind of outcome that leaves something to do."""
    listing = files["imported"] or files["plan"]
    if result.is_ambiguous:
        say(f"Some companies have several leads in Close: {listing} has the links. Merge them in Close.")
    if result.has("undetermined") and not args.dry_run:
        say(f"Of some leads nobody knows yet whether Close has them. {RUN_AGAIN}".replace("{command}", args.command))
    if result.has("rejected") or result.has("failed"):
        command = f"python main.py import {shlex.quote(str(files['rejects']))}" + repeated_flags(args)
        say(
            f"Not every row {'would get' if args.dry_run else 'got'} into Close; {files['rejects']} says why. "
            f"Mend it there, then: {command}"
        )


def repeated_flags(args: argparse.Namespace) -> str:
    """The flags that a rejects file needs as much as the file it comes from; it knows the order of dates itself."""
    existing = "merge" if args.existing == "create" else args.existing  # what lost a value has its lead by now
    flags = {"--existing": (existing, "merge"), "--region": (args.region, "US"), "--names": (args.names, "upper")}
    told = "".join(f" {flag} {value}" for flag, (value, default) in flags.items() if value != default)
    return f"{told} --sandbox" if args.sandbox else told


def import_exit(result: ImportResult, args: argparse.Namespace) -> Exit:
    """The exit code that an import comes to, the most urgent reason first."""
    if result.ended_by:
        return in_words(result.ended_by, args.command)[0]
    if result.has("undetermined"):
        return Exit.UNREACHABLE
    if result.has("rejected") or result.has("failed") or result.is_ambiguous:
        return Exit.INCOMPLETE
    return Exit.DONE


def write_import_files(
    stem: str, result: ImportResult, journals: JournalFile, *, is_rehearsed: bool
) -> tuple[ImportResult, dict[str, str | None]]:
    """The paths of the files written, by kind; None for the plan, which a dry run writes instead of what was imported.

    A full disk must not keep the report from being shown, so it becomes what ended the run.
    """
    files: dict[str, str | None] = {"imported": None, "rejects": None, "plan": None}
    try:
        if is_rehearsed:
            files["plan"] = str(write_plan(OUTPUT_FOLDER / f"{stem}_plan.csv", result))
        else:
            files["imported"] = str(write_imported(OUTPUT_FOLDER / f"{stem}_imported.csv", result))
        files["rejects"] = str(write_rejects(OUTPUT_FOLDER / f"{stem}_rejects.csv", result, journals))
    except (OSError, sqlite3.Error) as error:
        return replace(result, ended_by=result.ended_by or error), files
    return result, files


def write_plan(path: Path, result: ImportResult) -> Path:
    """Write what would be done about each row."""
    header = ["row", "company", "action", "reason", "changes", "lead id"]
    actions: dict[int, str] = {row: planned.action for planned in result.plan.leads for row in planned.lead.rows}
    lines = (
        [row.row, row.company, actions.get(row.row, "reject"), row.reason, row.changes, row.lead_id]
        for row in result.rows
    )
    write_csv(path, [header, *([guarded(cell) for cell in line] for line in lines)])
    return path


def write_imported(path: Path, result: ImportResult) -> Path:
    """Write what became of each row."""
    header = ["row", "company", "outcome", "reason", "changes", "lead id", "link"]
    lines = ([row.row, row.company, row.outcome, row.reason, row.changes, row.lead_id, row.link] for row in result.rows)
    write_csv(path, [header, *([guarded(cell) for cell in line] for line in lines)])
    return path


def write_rejects(path: Path, result: ImportResult, journals: JournalFile) -> Path:
    """Write the rows to mend, as they stood in the file; beside a file that somebody has edited, never over it."""
    from accounts import rows_to_mend
    from cleaning import note_date_orders
    from reading import REJECT_COLUMNS

    source = result.source
    order = note_date_orders(result.plan.clean.date_orders)
    own = source.cells[source.own_positions]
    lines: list[list[object]] = [[*(source.header[place] for place in source.own_positions), *REJECT_COLUMNS]]
    for row, problems in rows_to_mend(result).items():
        marks = [[problem.column, problem.value, problem.code, problem.reason] for problem in problems]
        joined = ["\n".join(each) for each in zip(*marks, strict=True)]
        lines.append([*own.loc[row], str(row), *joined, order])
    encoding = "utf-8-sig" if source.has_bom else "utf-8"
    written, digest = write_csv_beside_edits(path, lines, journals.digest_of, encoding)
    journals.note_file(written, digest)
    return written


# undo and runs -------------------------------------------------------------------------------------------------------


def run_undo(args: argparse.Namespace) -> int:
    """Take back what an import put into Close, but for what was changed or worked on since."""
    from undoing import count_to_undo, undo_run

    stop = threading.Event()
    done: list[UndoneLead] = []
    ended_by: Exception | None = None
    with open_own_journal() as journals, open_close(args, stop) as close:
        account = close.account()
        journal = journals.of(account.organization_id, account.organization_name)
        run = journal.find_run(args.run_id)
        total = count_to_undo(journal, run)
        if run.state == "undone" and not args.quiet:
            say(f"the run {run.run_id} was taken back before")
        elif not args.quiet:
            say(f"taking back the run {run.run_id} of {run.file}: {counted(total, 'lead')} to look at")
        with noticing_interrupt(stop, "" if args.quiet else STOPPING):
            undoing = undo_run(close, journal, run, account.user_id, index_lag=index_lag(args), stop=stop)
            try:
                for lead in with_progress(undoing, total, "leads", args.quiet):
                    done.append(lead)
            except Exception as error:  # what was taken back must be told before anything is said of a bug
                ended_by = error
    report = undo_report(run.run_id, done)
    show(json.dumps(report, indent=2, ensure_ascii=False) if args.json else undo_summary(report, total - len(done)))
    if ended_by:
        note_error(ended_by)
        code, words = in_words(ended_by, args.command)
        complain(words)
        return code
    return Exit.INCOMPLETE if report["left"] else Exit.DONE


def undo_report(run_id: str, done: Sequence[UndoneLead]) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "run_id": run_id,
        "deleted": sum(lead.outcome == "deleted" for lead in done),
        "restored": sum(lead.outcome == "restored" for lead in done),
        "left": [
            {"lead_id": lead.lead_id, "company": lead.company, "reason": lead.reason}
            for lead in done
            if lead.outcome == "left"
        ],
    }


def undo_summary(report: Mapping[str, Any], waiting: int) -> str:
    """The report as a person reads it; `waiting` leads were not looked at, for the undo ended early."""
    left = report["left"]
    lines = [f"{report['run_id']}: {report['deleted']} deleted, {report['restored']} restored, {len(left)} left"]
    if waiting > 0:
        lines[0] += f", {waiting} not looked at yet"
    lines += [f"  left: {lead['company']} ({lead['lead_id'] or 'no id'}): {lead['reason']}" for lead in left]
    return "\n".join(lines)


def run_runs(args: argparse.Namespace) -> int:
    """List the imports so far, the oldest first."""
    from accounts import OUTCOMES
    from journal import read_runs

    runs = read_runs(JOURNAL)
    if args.sandbox:
        with open_close(args, threading.Event()) as close:
            organization = close.account().organization_id
        runs = [(run, name) for run, name in runs if run.organization == organization]
    if args.json:
        listing = [
            {
                "run_id": run.run_id,
                "file": run.file,
                "started": run.started,
                "state": run.state,
                "leads": {name: run.outcomes.get(name, 0) for name in OUTCOMES},
            }
            for run, _ in runs
        ]
        show(json.dumps(listing, indent=2, ensure_ascii=False))
        return Exit.DONE
    for run, organization_name in runs:
        counts = listed({name: times for name, times in run.outcomes.items() if times}) or "nothing done"
        show(f"{run.run_id}  {run.state:<13}  {organization_name}  {run.file}: {counts}")
    if not runs:
        show("There are no runs yet.")
    return Exit.DONE


# segment -------------------------------------------------------------------------------------------------------------


def run_segment(args: argparse.Namespace) -> int:
    """Sum up the leads founded in a range by US state; write the table."""
    end = args.end or datetime.now(UTC).date()
    if end < args.start:
        raise UsageError(f"the range ends on {end}, before it starts on {args.start}; put the earlier day first")
    began = time.monotonic()
    with open_close(args, threading.Event()) as close:
        from segmentation import find_founded, summarize_by_state

        leads = find_founded(close, args.start, end, args.date_field, args.revenue_field)
    table = summarize_by_state(leads)
    report = {
        "rows": table.to_dict("records"),
        "leads": len(leads),
        "without_revenue": sum(lead.revenue is None for lead in leads),
        "without_state": sum(not lead.state for lead in leads),
        "requests": close.requests_made,
        "seconds": round(time.monotonic() - began, 3),
    }
    write_csv(args.output, segment_lines(table))
    show(json.dumps(report, indent=2, ensure_ascii=False, default=json_money) if args.json else drawn_table(table))
    if not args.quiet:
        missing = f"{report['without_revenue']} without revenue, {report['without_state']} without a state"
        say(f"{len(leads)} leads from {args.start} to {end}, {missing}; written to {args.output}")
    return Exit.DONE


def json_money(amount: Decimal) -> float | str:
    """Money as a JSON number; as text where no JSON number is as large."""
    return float(amount) if abs(amount) < Decimal("1e300") else str(amount)


def segment_lines(table: pd.DataFrame) -> list[list[str]]:
    """The table as CSV lines: money with two decimals, what is missing blank, formulas made harmless."""
    rows = table.astype(object).where(table.notna(), "").to_dict("records")
    return [list(table.columns), *([guarded(cell) for cell in row.values()] for row in rows)]


def drawn_table(table: pd.DataFrame) -> str:
    """A table for people, with its numbers to the right and their thousands parted."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD)
    for column in table.columns:
        shown.add_column(column, justify="left" if column in (table.columns[0], table.columns[2]) else "right")
    for row in table.to_dict("records"):
        shown.add_row(*(f"{cell:,}" if isinstance(cell, (int, Decimal)) else cell or "" for cell in row.values()))
    width = None if sys.stdout.isatty() else 160
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    with console.capture() as drawn:
        console.print(shown)
    return str(drawn.get()).rstrip()


# qualify -------------------------------------------------------------------------------------------------------------

RULE = "-" * 50
CHECK_TITLES = {"registry": "registry check", "judicial": "judicial check", "score": "score"}


def run_qualify(args: argparse.Namespace) -> int:
    """Decide who of some people may become a prospect; every verdict is on disk before it is shown."""
    from qualification import is_person_id, qualify_people

    malformed = [person for person in args.ids if not is_person_id(person)]
    if malformed:
        raise UsageError(f"{malformed[0]!r} is no person's id: 1 to 64 characters without spaces or slashes")
    stop = threading.Event()
    with open_checks(args) as qualifier, noticing_interrupt(stop, "" if args.quiet else STOPPING):
        record = trail_writer(is_rehearsal=args.sandbox)
        verdicts = qualify_people(qualifier, args.ids, workers=args.workers, record=record, stop=stop)
        decided = list(verdicts if args.json else showing(verdicts))
    if args.json:
        show(json.dumps([verdict.as_json() for verdict in decided], indent=2, ensure_ascii=False))
    if len(decided) < len(args.ids):
        return Exit.INTERRUPTED
    return Exit.INCOMPLETE if any(verdict.outcome == "undetermined" for verdict in decided) else Exit.DONE


def trail_writer(*, is_rehearsal: bool) -> Callable[[Verdict], None]:
    """A function that puts a verdict on disk; one from the sandbox is marked, so that nobody takes it for real."""
    lock = threading.Lock()

    def write(verdict: Verdict) -> None:
        line = verdict.as_json() | ({"sandbox": True} if is_rehearsal else {})
        with lock:
            append_line(OUTPUT_FOLDER / "qualifications.jsonl", json.dumps(line, ensure_ascii=False))

    return write


def showing(verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
    """Pass verdicts through and show each as it comes."""
    show(f"started at {datetime.now():%H:%M:%S}\n{RULE}")
    for verdict in verdicts:
        result = "none" if verdict.result is None else verdict.result
        show(f"person id: {verdict.person_id}, qualification result: {result}\n{verdict.sentence()}\n{RULE}")
        yield verdict
    show(f"finished at {datetime.now():%H:%M:%S}")


@contextlib.contextmanager
def open_checks(args: argparse.Namespace) -> Iterator[Qualifier]:
    """The checks of the environment, or of a sandbox where that was asked for."""
    from qualification import CheckService, Qualifier, score_at_random, score_by_service

    names = ["registry", "judicial"] if args.random_score else list(CHECK_TITLES)
    tokens = {name: secret(f"{name.upper()}_TOKEN") for name in names}
    with contextlib.ExitStack() as stack:
        urls = sandbox_urls(stack.enter_context(open_sandbox(args.quiet))) if args.sandbox else check_urls(names)
        services = {name: CheckService(CHECK_TITLES[name], urls[name], tokens[name]) for name in names}
        for service in services.values():
            stack.callback(service.close)
        scorer = score_at_random if args.random_score else score_by_service(services["score"])
        remark = "scores are drawn at random" if args.random_score else ""
        yield Qualifier(services["registry"], services["judicial"], scorer, remark)


def sandbox_urls(sandbox: Sandbox) -> dict[str, str]:
    """The base URLs of a sandbox's services, by name."""
    return {"registry": sandbox.registry_url, "judicial": sandbox.judicial_url, "score": sandbox.score_url}


def check_urls(names: Iterable[str]) -> dict[str, str]:
    """The base URLs of services by name, from the environment. Raises ConfigurationError, naming all that lack."""
    variables = {name: f"{name.upper()}_URL" for name in names}
    missing = [variable for variable in variables.values() if not os.environ.get(variable)]
    if missing:
        drawn = " Or add --random-score to draw the score." if missing == ["SCORE_URL"] else ""
        raise ConfigurationError(
            f"{' and '.join(missing)} must hold the base URL of the service.{drawn} "
            "Or add --sandbox to rehearse with invented answers on this machine"
        )
    return {name: checked_url(variable, os.environ[variable]) for name, variable in variables.items()}


# sandbox -------------------------------------------------------------------------------------------------------------


def run_sandbox(args: argparse.Namespace) -> int:
    """Serve the stand-ins until Ctrl-C; what they hold goes with them."""
    from sandbox import Fault, Sandbox

    try:
        faults = [Fault.parse(text) for text in args.fault]
    except ValueError as error:
        raise UsageError(str(error)) from None
    lags = {"latency": args.latency / 1000, "index_lag": args.index_lag}
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        try:
            sandbox = stack.enter_context(Sandbox(port=args.port, rate=args.rate, faults=faults, **lags))
        except OSError as error:
            raise UsageError(f"port {args.port}: {error.strerror}. Take another, or --port 0 for any") from None
        stack.enter_context(noticing_interrupt(stop))
        variables = {"CLOSE_API_URL": sandbox.close_url, "CLOSE_API_KEY": "sandbox"}
        variables |= {f"{name.upper()}_URL": url for name, url in sandbox_urls(sandbox).items()}
        show("\n".join(f"export {name}={value}" for name, value in variables.items()))
        say("A stand-in for Close and the checks; any key will do, and nothing leaves this machine. Ctrl-C ends it.")
        stop.wait()
    return Exit.DONE


# Environment ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def open_close(args: argparse.Namespace, stop: threading.Event) -> Iterator[CloseClient]:
    """A client for the Close of the environment, or for a sandbox where that was asked for; `stop` ends its waits."""
    from close_client import CLOSE_URL, CloseClient

    with contextlib.ExitStack() as stack:
        if args.sandbox:
            key, url = "sandbox", stack.enter_context(open_sandbox(args.quiet)).close_url
        else:
            key, url = close_key(), checked_url("CLOSE_API_URL", os.environ.get("CLOSE_API_URL") or CLOSE_URL)
        client = CloseClient(key, url, sleep=sleep_unless(stop))
        stack.callback(client.close)
        yield client


@contextlib.contextmanager
def open_sandbox(quiet: bool) -> Iterator[Sandbox]:
    """The stand-ins inside this command, with the leads that earlier ones left."""
    from sandbox import Sandbox

    OUTPUT_FOLDER.mkdir(exist_ok=True)
    state = OUTPUT_FOLDER / "sandbox.sqlite"
    with Sandbox(state=state) as sandbox:
        if not quiet:
            say(f"sandbox: nothing leaves this machine; its leads are kept in {state}")
        yield sandbox


def sleep_unless(stop: threading.Event) -> Callable[[float], None]:
    """A sleep that raises close_client.Stopped soon after `stop` is set.

    A short one is slept to its end: requests wait that long to keep their distance, and a lead is not to be left with
    half of what it gets.
    """
    from close_client import Stopped

    def sleep(seconds: float) -> None:
        if seconds <= SHORT_WAIT:
            time.sleep(seconds)
            return
        while seconds > 0:
            if stop.is_set():
                raise Stopped("stopped while waiting")
            time.sleep(min(seconds, STOP_CHECK_INTERVAL))
            seconds -= STOP_CHECK_INTERVAL

    return sleep


def close_key() -> str:
    """The API key. Raises ConfigurationError where there is none, or none that can be one."""
    key = next(filter(None, map(secret, KEY_VARIABLES)), "")
    if not key:
        raise ConfigurationError(
            "there is no API key. Set CLOSE_API_KEY to the one from Close (Settings > Developer > API Keys), "
            "or add --sandbox to rehearse on this machine"
        )
    return key


def secret(variable: str) -> str:
    """A key or token from the environment, "" if there is none. Raises ConfigurationError for what can't be one."""
    value = os.environ.get(variable, "").strip()
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigurationError(f"{variable} has characters that no key has; copy it again")
    return value


def checked_url(variable: str, url: str) -> str:
    """A base URL that a secret may be sent to: https, or http on this machine. Raises ConfigurationError."""
    from urllib.parse import urlsplit

    from close_client import is_loopback

    try:
        parts = urlsplit(url.strip())
        is_usable = bool(parts.hostname) and not parts.query and not parts.fragment and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or parts.scheme not in ("http", "https"):
        raise ConfigurationError(f"{variable} is no base URL; write it like https://api.close.com/api/v1")
    if parts.scheme == "http" and not is_loopback(url):
        raise ConfigurationError(
            f"{variable} must begin with https://: over http anybody on the way could read the key"
        )
    return url.strip()


# What is said --------------------------------------------------------------------------------------------------------


def give_missing_streams() -> None:
    """Put the null device where standard output or standard error was closed, so that words go nowhere else."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(os.devnull, "w")))


def show(text: str) -> None:
    """Show a result. Where nobody reads it any more the command goes on all the same, for its exit code tells too."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """Say something beside the result, if anybody listens."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def note_error(error: BaseException) -> None:
    """Put an error into the log: its kind and where it arose, without its words, which may name people."""
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error("%s at %s", type(error).__name__, " < ".join(reversed(places)) or "an unknown place")


def complain(words: str) -> None:
    """Say in one line what went wrong."""
    say(f"error: {' '.join(words.split())}")


def with_progress(items: Iterable[Any], total: int, unit: str, quiet: bool) -> Iterator[Any]:
    """Pass items through; on a terminal a bar shows how many came, how fast, and how long the rest will take."""
    if quiet or not sys.stderr.isatty() or os.environ.get("NO_COLOR"):
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn(f"{unit}  {{task.fields[rate]}}")
    columns = (BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(unit, total=total, rate="")
        for item in items:
            speed = progress.tasks[task].speed
            progress.update(task, advance=1, rate=f"{speed:.0f}/s" if speed else "")
            yield item


@contextlib.contextmanager
def noticing_interrupt(stop: threading.Event, words: str = "") -> Iterator[None]:
    """Set `stop` at the first Ctrl-C or SIGTERM, with some words; leave at once at the second."""

    def notice(_signal: int, _frame: object) -> None:
        if stop.is_set():
            os._exit(Exit.INTERRUPTED)
        stop.set()
        if words:
            say(words)

    before = {number: signal.signal(number, notice) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class LogHandler(logging.StreamHandler[TextIO]):
    """A handler that keeps quiet when a line can't be written: a log is no reason to stop."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 - logging's name for it
        return


@contextlib.contextmanager
def logging_requests(args: argparse.Namespace) -> Iterator[None]:
    """Let our own modules log requests to standard error (-v) and to a file (--log); a library might log more."""
    loggers = [logging.getLogger(name) for name in ("main", "close_client", "bodies", "sending", "qualification")]
    with contextlib.ExitStack() as stack:
        handlers: list[logging.Handler] = [logging.NullHandler()]
        if getattr(args, "verbose", False):
            handlers.append(LogHandler(sys.stderr))
        if getattr(args, "log", None):
            if "file" in args and args.log.exists() and args.log.samefile(find_input(args.file)):
                raise UsageError(f"--log {args.log} is the file to import; name another one")
            handlers.append(LogHandler(stack.enter_context(open_log(args.log))))
        for handler in handlers:
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        for logger in loggers:
            logger.setLevel(logging.INFO)
            logger.propagate = False
            logger.handlers[:] = handlers
            stack.callback(logger.handlers.clear)
        yield


@contextlib.contextmanager
def open_log(path: Path) -> Iterator[TextIO]:
    """A log for its owner alone. Raises UsageError where it can't be written."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        raise UsageError(f"--log {path}: {error.strerror}. Name a file that can be written") from None
    file = os.fdopen(handle, "a", encoding="utf-8")
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):
            file.close()


if __name__ == "__main__":
    raise SystemExit(main())
