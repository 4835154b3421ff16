"""The command line: arguments, environment, files, what is said, exit code."""

from __future__ import annotations

import _thread
import argparse
import contextlib
import functools
import io
import json
import logging
import math
import os
import re
import secrets
import shlex
import shutil
import signal
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from commands.files import append_line, csv_text, guarded, harmless, write_csv, write_csv_beside_edits, write_files

if TYPE_CHECKING:
    from cells.source_file import SourceFile
    from close.journal import Journal, JournalFile, Purpose
    from close_client import Account, CloseClient
    from importing.outcomes import ImportResult, LeadOutcome
    from importing.plan import Plan
    from importing.undo import UndoneLead
    from qualification import Qualifier, Round, Verdict
    from qualifying.people_file import Person
    from qualifying.statuses import WorkflowNames
    from qualifying.write_back import Handled
    from sandbox import Sandbox
    from segmenting.plan import Segment
    from segmenting.report import Findings, Report
    from segmenting.unseen import Found

VERSION = "0.1.0"
INPUT_FOLDER = Path("input_data")
OUTPUT_FOLDER = Path("output_data")
JOURNAL = OUTPUT_FOLDER / "journal.sqlite"
TRAIL = OUTPUT_FOLDER / "qualifications.jsonl"
WORKERS = 8
INDEX_LAG = 60.0  # seconds after which Close's search is taken to show a new lead
NOTE_LAG = 10.0  # the same for the notes of one lead, which people see at once; that list needs no search
SANDBOX_INDEX_LAG = 1.0  # seconds; the sandbox inside a command has none
DEFAULT_PORT = 8722
KEY_VARIABLES = ("close_project_api_key", "CLOSE_API_KEY")
MOST_SECONDS = 1_000_000  # eleven days
LARGEST_JSON_NUMBER = Decimal("1e300")
MOST_TOP = 1_000_000  # best leads of a group
TABLE_SUFFIXES = (".csv", ".xlsx", ".html", ".htm", ".txt", "")
CHART_SUFFIXES = (".png", ".svg", ".pdf")
SHOWN_SUFFIXES = (".csv", ".xlsx", ".html", *CHART_SUFFIXES)  # the others are spellings of these
SHORT_WAIT = 1.0  # seconds that Ctrl-C does not cut short
STOP_CHECK_INTERVAL = 0.2  # seconds after which a wait looks whether it should end

EXAMPLES = """\
examples:
  python main.py import leads.csv --sandbox                   rehearse on this machine
  python main.py import leads.csv --dry-run                   what would be done, without writing anything to Close
  python main.py import leads.csv                             put the leads into Close
  python main.py undo last                                    take the last import back
  python main.py segment 1950-01-01 2022-12-31                sum them up by US state
  python main.py segment 2000-01-01 --output report.html      the same of a range as a page with a chart
  python main.py qualify 123 456                              who may become a prospect?
  python main.py qualify --from-close --watch 60              ask that of every lead put into "To qualify"
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
    "cells.source_file.InputError": (Exit.USAGE, "{}."),
    "close.fields.UnusableName": (Exit.USAGE, "{}."),
    "segmenting.plan.NoSpanBefore": (Exit.USAGE, "{}."),
    "segmenting.workbook.TooManyRows": (Exit.USAGE, "{}."),
    "close.walk.CountMismatch": (Exit.INCOMPLETE, "{}."),
    "importing.plan.SetupError": (Exit.SETUP, "{}."),
    "qualifying.people_file.PeopleError": (Exit.USAGE, "{}."),
    "qualifying.trail.NoVerdict": (Exit.USAGE, "{}."),
    "qualifying.statuses.WorkflowMissing": (Exit.SETUP, "{}."),
    "close.journal.JournalBusy": (Exit.USAGE, "{}."),
    "close.journal.JournalUnusable": (Exit.USAGE, "{}."),
    "close.journal.NoSuchRun": (Exit.USAGE, "{}."),
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
        f"{{}}, so what was to be written may be in Close or not. {RUN_AGAIN}",
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
        command = args.command = nameless(command, args)
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


def nameless(command: str, args: argparse.Namespace) -> str:
    """A command as it may be shown: where ids are not to be read, the word ID stands for each."""
    if not getattr(args, "redact", False):
        return command
    ids = {*args.ids, args.explain, f"--explain={args.explain}"} - {"-"}
    return shlex.join("ID" if word in ids else word for word in shlex.split(command))


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
        is_value = re.fullmatch(r"unrecognized arguments: [^-].*", message) and " -" not in message
        quotes = "; a value with spaces needs quotes around it" if is_value else ""
        raise UsageError(f"{message}{quotes}. See {self.prog} --help")


def build_parser() -> argparse.ArgumentParser:
    """The parser for every verb; each sets `run` to the function that carries it out."""
    parser = Parser(
        prog="main.py", description="Leads into Close, each exactly once; sums by state; who may be a prospect."
    )
    parser.examples = EXAMPLES
    parser.add_argument("--version", action="version", version=f"close-lead-pipeline {VERSION}")
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


def _add_index_lag(parser: argparse._ActionsContainer) -> None:
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
    _add_which_leads(parser.add_argument_group("which leads"))
    _add_what_is_told(parser.add_argument_group("what is told of them"))
    _add_where_to(parser.add_argument_group("where to"))
    late = parser.add_argument_group("what was imported just now")
    late.add_argument(
        "--wait", action="store_true", help="wait until Close's search shows it, for the index lag at most"
    )
    _add_index_lag(late)


def _add_which_leads(which: argparse._ActionsContainer) -> None:
    which.add_argument(
        "--date-field",
        metavar="NAME",
        default="Company Founded",
        help="the lead custom field that has to lie in the range (Company Founded); created for when the lead was made",
    )
    which.add_argument("--status", metavar="LABEL", action="append", help="in this lead status; repeat it for several")
    which.add_argument(
        "--where",
        metavar="FIELD=VALUE",
        action="append",
        help="with this value in a custom field, state or status; of one field twice either, of several fields each",
    )
    which.add_argument("--smart-view", metavar="NAME", help="that a search saved in Close finds")


def _add_what_is_told(what: argparse._ActionsContainer) -> None:
    what.add_argument(
        "--by",
        metavar="NAME",
        action="append",
        help="groups by state (as without it), by status or by a lead custom field; repeat it for groups within groups",
    )
    what.add_argument(
        "--revenue-field", metavar="NAME", default="Company Revenue", help="a lead custom field (Company Revenue)"
    )
    what.add_argument("--stats", action="store_true", help="mean, lowest, quartiles, highest and share as well")
    what.add_argument("--compare", choices=["previous"], help="with the same span just before, and the change")
    what.add_argument("--top", metavar="N", type=_count, help="in a second file, the N best leads of each group")
    what.add_argument(
        "--missing-revenue",
        choices=["skip", "zero"],
        default="skip",
        help="leave leads without revenue out of median, mean and the like (skip), or count them as 0 (zero)",
    )


def _add_where_to(where: argparse._ActionsContainer) -> None:
    where.add_argument(
        "--output",
        metavar="FILE",
        type=_output,
        default=OUTPUT_FOLDER / "output.csv",
        help=f"a .csv, .xlsx or .html file ({OUTPUT_FOLDER}/output.csv); - for CSV on standard output",
    )
    where.add_argument("--chart", metavar="FILE", type=_chart, help="draw it: a .png, .svg or .pdf file")
    where.add_argument("--money", choices=["plain", "usd"], default="plain", help="1234.50, or $1,234.50 (usd)")


def _add_qualify(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_qualify)
    parser.add_argument("ids", metavar="ID", nargs="*", help="a person's id; - reads ids from standard input")
    people = parser.add_argument_group("who is asked about")
    people.add_argument("--file", metavar="FILE", help="a CSV file of people, looked for as given, then in input_data/")
    people.add_argument("--id-column", metavar="NAME", help="its column of ids; id if left out")
    people.add_argument("--encoding", metavar="NAME", help="its encoding, such as cp1252; utf-8 if left out")
    people.add_argument("--from-close", action="store_true", help="the leads that wait for it in Close")
    people.add_argument("--explain", metavar="ID", help="nobody: tell how the last verdict on a person came about")
    checks = parser.add_argument_group("how")
    checks.add_argument("--workers", type=_workers, metavar="N", help=f"people at a time ({WORKERS})")
    checks.add_argument(
        "--check-deadline", type=_seconds, metavar="SECONDS", help="for one check with its repeats (10)"
    )
    checks.add_argument("--deadline", type=_seconds, metavar="SECONDS", help="for all checks together (no limit)")
    checks.add_argument("--random-score", action="store_true", help="draw the score instead of asking for it")
    checks.add_argument("--redact", action="store_true", help="show and keep pseudonyms, made with REDACT_KEY, for ids")
    back = parser.add_argument_group("writing verdicts back to Close")
    back.add_argument("--write-back", action="store_true", help="of the ids named: on the lead that has the id")
    back.add_argument("--watch", type=_seconds, metavar="SECONDS", help="with --from-close: look as often until Ctrl-C")
    back.add_argument("--status", metavar="LABEL", help="in which leads wait (To qualify)")
    back.add_argument("--id-field", metavar="NAME", help="the lead custom field with the id (National ID)")
    back.add_argument("--prospect-status", metavar="LABEL", help="to which prospects go (Prospect)")
    back.add_argument("--declined-status", metavar="LABEL", help="to which all others go (Not eligible)")
    back.add_argument("--create", action="store_true", help="create statuses and field where Close lacks them")
    back.add_argument("--note-detail", action="store_true", help="tell in the note, for all in Close, what was found")
    back.add_argument(
        "--index-lag",
        type=_amount,
        metavar="SECONDS",
        help=f"how long Close may take to list a new note of a lead ({NOTE_LAG:.0f})",
    )


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
    raise argparse.ArgumentTypeError(f"{text!r} is not a day that exists, written as YYYY-MM-DD, such as 2010-12-31")


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


def _seconds(text: str) -> float:
    if 0 < _amount(text) <= MOST_SECONDS:
        return _amount(text)
    raise argparse.ArgumentTypeError(f"{text} is no time to wait: more than 0 seconds, up to {MOST_SECONDS:,}")


def _rate(text: str) -> float:
    if _amount(text) > 0:
        return _amount(text)
    raise argparse.ArgumentTypeError("0 a second would let nothing through; leave --rate out for no limit")


def _count(text: str) -> int:
    if text.isdecimal() and 0 < int(text) <= MOST_TOP:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_TOP:,}")


def _output(text: str) -> Path | None:
    """Where a table goes; None for standard output."""
    return None if text == "-" else _file_of_kind(text, TABLE_SUFFIXES)


def _chart(text: str) -> Path:
    return _file_of_kind(text, CHART_SUFFIXES)


def _file_of_kind(text: str, suffixes: Sequence[str]) -> Path:
    path = _replaceable(text)
    if path.suffix.lower() not in suffixes:
        kinds = ", ".join(suffix for suffix in suffixes if suffix in SHOWN_SUFFIXES)
        raise argparse.ArgumentTypeError(f"a file that ends in {path.suffix!r} can't be written; use one of {kinds}")
    return path


def _replaceable(text: str) -> Path:
    path = Path(text)
    try:
        check_replaceable(path)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return path


def check_replaceable(path: Path) -> None:
    """Raise UsageError for a path where no file can be written."""
    try:
        is_file = not path.resolve().exists() or path.is_file()
        folder = next(parent for parent in path.absolute().parents if parent.exists())
    except (OSError, RuntimeError) as error:  # a name too long, a folder that is closed, a link to itself
        raise UsageError(f"{path} can't be written ({error}); name another file") from None
    if INPUT_FOLDER.resolve() in path.resolve().parents:
        raise UsageError(f"{path} would be among the files to read; name one outside of {INPUT_FOLDER}/")
    if not is_file:
        raise UsageError(f"{path} is not a file that can be replaced; name one such as report.csv")
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{path} can't be written, for {folder} is no folder that you may write to")


def _region(text: str) -> str:
    import phonenumbers

    if text.upper() in phonenumbers.SUPPORTED_REGIONS:
        return text.upper()
    raise argparse.ArgumentTypeError(f"{text!r} is not the two-letter code of a country")


# import --------------------------------------------------------------------------------------------------------------


def run_import(args: argparse.Namespace) -> int:
    """Clean a file and put it into Close; write what became of each row."""
    from cells.source_file import read_source
    from importing.outcomes import check_accounts, conclude, foresee

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
    from importing.plan import plan_import

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
def open_own_journal(purpose: Purpose = "import or undo") -> Iterator[JournalFile]:
    """The journal in output_data/, which is made before anything is sent: what is done must find a place."""
    from close.journal import open_journal

    try:
        OUTPUT_FOLDER.mkdir(exist_ok=True)
    except OSError as error:
        words = f"{OUTPUT_FOLDER}/ can't be made here ({error.strerror}); go to a folder that can be written"
        raise UsageError(words) from None
    with open_journal(JOURNAL, purpose) as journals:
        yield journals


def index_lag(args: argparse.Namespace, usual: float = INDEX_LAG) -> float:
    """Seconds after which search, or a list, is taken to show what is new."""
    if args.index_lag is not None:
        return float(args.index_lag)
    return SANDBOX_INDEX_LAG if args.sandbox else usual


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

        from cells.source_file import KNOWN_COLUMNS

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
    from importing.carry_out import carry_out
    from importing.outcomes import conclude, note_result

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
    from importing.outcomes import count_outcomes

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


def counted(number: int, noun: str, nouns: str = "") -> str:
    """A number of things in words: `1 row`, `2 rows`."""
    return f"{number} {noun}" if number == 1 else f"{number} {nouns or noun + 's'}"


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
    from cells.source_file import REJECT_COLUMNS
    from cleaning import note_date_orders
    from importing.outcomes import rows_to_mend

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
    from importing.undo import count_to_undo, undo_run

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
    from close.journal import read_runs
    from importing.outcomes import OUTCOMES

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
    """Sum up the leads with a date in a range by group; write the table, and what else is asked for."""
    from cells.phones import Currency
    from segmentation import take_apart
    from segmenting.report import Provenance, report_on

    began = time.monotonic()
    settle_segment_flags(args)
    with open_close(args, threading.Event()) as close:
        account = close.account()
        refuse_other_money(args, account)
        segment = segment_asked(close, args)
        found = read_segment(close, account, segment, args)
        provenance = Provenance(account, segment, len(found.leads), close.requests_made, datetime.now(UTC), VERSION)
    reading = take_apart(found.leads, segment, Currency(account.currency, account.currency_symbol))
    findings = report_on(reading, provenance, found, stats=args.stats, top=args.top, money=args.money)
    files = write_segment_files(args, findings)
    document = {**findings.as_json(), "files": files, "seconds": round(time.monotonic() - began, 3)}
    show(segment_shown(args, findings.groups, document))
    if not args.quiet:
        tell_segment(findings, files)
    return Exit.DONE


def settle_segment_flags(args: argparse.Namespace) -> None:
    """Set the last day where it was left out. Raises UsageError for what contradicts itself."""
    if args.json and args.output is None:
        raise UsageError("--json and --output - would both go to standard output; name a file, or leave one out")
    today = "" if args.end else " (today)"
    args.end = args.end or datetime.now(UTC).date()
    if args.top:
        check_replaceable(top_beside(args.output))
    places = [args.output, args.chart, top_beside(args.output) if args.top else None]
    written = [place.resolve() for place in places if place]
    if len(set(written)) < len(written):
        raise UsageError("two of the files to write are one and the same; name another with --output or --chart")
    if args.end < args.start:
        words = f"the range ends on {args.end}{today}, before it starts on {args.start}"
        raise UsageError(f"{words}; put the earlier day first")


def refuse_other_money(args: argparse.Namespace, account: Account) -> None:
    """Raise UsageError where amounts would be written in a currency that is not theirs."""
    if args.money == "usd" and account.currency != "USD":
        raise UsageError(f"amounts in this organisation are in {account.currency}, not in dollars; leave out --money")


def segment_asked(close: CloseClient, args: argparse.Namespace) -> Segment:
    """What the names on the command line mean in Close."""
    from segmenting.plan import plan_segment

    return plan_segment(
        close,
        args.start,
        args.end,
        date_name=args.date_field,
        revenue_name=args.revenue_field,
        by=args.by or (),
        statuses=args.status or (),
        where=args.where or (),
        smart_view=args.smart_view,
        missing_revenue=args.missing_revenue,
        is_compared=bool(args.compare),
    )


def read_segment(close: CloseClient, account: Account, segment: Segment, args: argparse.Namespace) -> Found:
    """The leads that Close shows, after a wait for what was imported just now where that was asked for."""
    from close.journal import read_latest_leads
    from segmenting.unseen import await_leads, find

    lag = index_lag(args)
    latest = functools.partial(
        read_latest_leads, JOURNAL, account.organization_id, close.now() - timedelta(seconds=lag)
    )

    def look() -> Found:
        with progress_bar("leads", args.quiet) as note:
            return find(close, segment.question, segment.fields, latest, note)

    found = look()
    missing = found.not_shown_yet
    if not (missing and args.wait):
        return found
    if not args.quiet:
        say(f"waiting for {counted(len(missing), 'lead')} imported just now to show in Close's search")
    for _ in with_progress(await_leads(close, missing, lag), len(missing), "leads", args.quiet):
        pass
    return look()


def write_segment_files(args: argparse.Namespace, findings: Findings) -> dict[str, str | None]:
    """The paths of the files written, by kind. All are made before the first is written, so that none is half of it."""
    from segmenting.chart import draw_report

    top = top_beside(args.output)
    currency = findings.provenance.account.currency
    files: dict[str, tuple[Path, bytes]] = {}
    if args.output:
        files["output"] = args.output, in_format(findings.groups, args.output.suffix, currency)
    if findings.top:
        files["top"] = top, in_format(findings.top, top.suffix)
    if args.chart:
        files["chart"] = args.chart, draw_report(findings.groups, args.chart.suffix, currency)
    write_files(files.values())
    return {kind: str(files[kind][0]) if kind in files else None for kind in ("output", "top", "chart")}


def top_beside(output: Path | None) -> Path:
    """Where the best leads of each group go: beside the table."""
    beside = output or OUTPUT_FOLDER / "output.csv"
    return beside.with_stem(f"{beside.stem}_top")


def in_format(report: Report, suffix: str, currency: str | None = None) -> bytes:
    """A report as the end of a file's name says: a workbook, a page, else CSV. With a currency a page has a chart."""
    if suffix.lower() == ".xlsx":
        from segmenting.workbook import workbook

        return workbook(report)
    if suffix.lower() in (".html", ".htm"):
        from segmenting.chart import draw_report, inline_svg
        from segmenting.page import page

        if currency is None:
            return page(report).encode()
        picture = draw_report(report, "svg", currency, is_titled=False)
        return page(report, inline_svg(picture, report.title)).encode()
    from segmenting.text import csv_lines

    return csv_text(csv_lines(report)).encode()


def segment_shown(args: argparse.Namespace, report: Report, document: Mapping[str, Any]) -> str:
    """What goes to standard output: the document, the table as CSV, or the table as people read it."""
    from segmenting.text import csv_lines, plain_table, terminal_table

    if args.json:
        return json_of(document)
    if args.output is None:
        return csv_text(csv_lines(report)).removesuffix("\n")
    return terminal_table(report, shutil.get_terminal_size().columns) if sys.stdout.isatty() else plain_table(report)


def tell_segment(findings: Findings, files: Mapping[str, str | None]) -> None:
    """Say beside the result what was counted, what was not, and where the files are."""
    for warning in findings.groups.warnings:
        say(f"warning: {warning}")
    if findings.provenance.segment.previous:
        say(f"compared with {findings.provenance.segment.previous}")
    written = ", ".join(path for path in files.values() if path)
    say(f"{findings.summary}; written to {written}" if written else findings.summary)


def json_of(document: Mapping[str, Any]) -> str:
    """A document as JSON whose amounts are numbers with all their digits; texts where no JSON number is as large."""
    mark = secrets.token_hex()

    def marked(amount: Decimal) -> str:
        return f"{mark}{amount:f}" if abs(amount) < LARGEST_JSON_NUMBER else f"{amount:f}"

    text = json.dumps(document, indent=2, ensure_ascii=False, default=marked)
    return re.sub(f'"{mark}([^"]*)"', r"\1", text)


# qualify -------------------------------------------------------------------------------------------------------------

Begin = Callable[["JournalFile"], "tuple[int, Iterator[Handled]]"]  # how many leads there are, what becomes of each
RULE = "-" * 50
FEW = 8  # people for whom a progress bar would only flash
CHECK_FLAGS = ("--workers", "--check-deadline", "--deadline", "--random-score")
WRITE_BACK_FLAGS = ("--id-field", "--prospect-status", "--declined-status", "--note-detail", "--create", "--index-lag")
LONGEST_WATCH_WAIT = 600.0  # seconds between two looks while Close can't be reached


def run_qualify(args: argparse.Namespace) -> int:
    """Decide who of some people may become a prospect; every verdict is on disk before it is shown."""
    check_qualify_flags(args)
    redact_key = redaction_key() if args.redact else ""
    if args.explain:
        return explain_verdict(args, redact_key)
    stop = threading.Event()
    people = [] if args.from_close else people_named(args)
    with contextlib.ExitStack() as stack:
        sandbox = stack.enter_context(open_sandbox(args.quiet)) if args.sandbox else None
        qualifier = stack.enter_context(open_checks(args, sandbox, stop))
        stack.enter_context(noticing_interrupt(stop, "" if args.quiet else STOPPING))
        this_round = functools.partial(new_round, qualifier, args, redact_key)
        if not (args.from_close or args.write_back):
            return qualify_named(this_round(), qualifier, people, args, stop)
        close = stack.enter_context(open_close(args, stop, sandbox))

        def begin(journals: JournalFile) -> tuple[int, Iterator[Handled]]:
            return begin_in_close(close, journals, this_round(), people, args, stop)

        return (watch if args.watch else qualify_in_close)(begin, qualifier, args, stop)


def check_qualify_flags(args: argparse.Namespace) -> None:
    """Raise UsageError for flags that contradict each other, or would do nothing."""
    check_sources(args)
    writes = args.from_close or args.write_back
    refuse_idle(args, ("--id-column", "--encoding"), args.file, "--file")
    refuse_idle(args, ("--watch", "--status"), args.from_close, "--from-close")
    refuse_idle(args, ("--write-back",), args.ids or args.file, "ids, for --from-close does it always")
    refuse_idle(args, WRITE_BACK_FLAGS, writes, "--from-close or --write-back")
    refuse_idle(args, CHECK_FLAGS, not args.explain, "people to ask about")
    if args.create and args.random_score:
        raise UsageError("--create writes to Close, and --random-score has nothing written there; leave one out")
    if writes:
        check_workflow_names(args)


def check_sources(args: argparse.Namespace) -> None:
    """Raise UsageError unless people are named in one way."""
    sources = {"ID": args.ids, "--file": args.file, "--from-close": args.from_close, "--explain": args.explain}
    given = [name for name, is_given in sources.items() if is_given]
    if len(given) != 1:
        said = f"{' and '.join(given)} can't go together" if given else "nobody is named"
        raise UsageError(
            f"{said}: name people by their ids, by --file FILE, by - for standard input, or take --from-close; "
            "--explain ID goes alone"
        )
    if "-" in args.ids and len(args.ids) > 1:
        raise UsageError("- stands for standard input and goes alone, without other ids")


def check_workflow_names(args: argparse.Namespace) -> None:
    """Raise UsageError for statuses of one name, or a name that is blank."""
    names = workflow_names(args)
    needed = [names.prospect, names.declined, names.id_field, *([names.waiting] if args.from_close else [])]
    if not all(map(str.strip, needed)):
        raise UsageError("a status and a field need a name; is a variable of your shell empty?")
    if len({name.strip().casefold() for name in (names.waiting, names.prospect, names.declined)}) < 3:
        raise UsageError("--status, --prospect-status and --declined-status must be three different statuses")


def refuse_idle(args: argparse.Namespace, flags: Iterable[str], is_useful: object, partner: str) -> None:
    """Raise UsageError for one of the flags that is given although nothing is there that it could have an effect on."""
    for flag in flags:
        if getattr(args, flag.removeprefix("--").replace("-", "_")) not in (None, False) and not is_useful:
            raise UsageError(f"{flag} goes with {partner}")


def people_named(args: argparse.Namespace) -> list[Person]:
    """The people that a command names. Raises UsageError, before anybody is asked about, for what can't be an id."""
    from qualifying.people_file import Person, is_person_id, people_in_file, people_in_lines

    if args.file:
        path, encoding = find_input(args.file), args.encoding or "utf-8"
        found = people_in_file(path, args.id_column or "", encoding, is_redacted=args.redact)
        if not args.quiet:
            say(columns_words(args.file, found.columns))
        return found.people
    if args.ids == ["-"]:
        return people_in_lines(read_standard_input())
    malformed = [number for number, text in enumerate(args.ids, 1) if not is_person_id(text)]
    if malformed:
        shown = "" if args.redact else f", {args.ids[malformed[0] - 1]!r},"
        raise UsageError(
            f"the id number {malformed[0]}{shown} is no person's id: 1 to 64 characters without spaces or slashes"
        )
    return [Person(text) for text in args.ids]


def columns_words(file: str, columns: Mapping[str, str]) -> str:
    """Which columns of a file of people are used, and for what; others are not."""
    others = [column for name, column in columns.items() if name != "id"]
    compared = f"{' and '.join(others)} compared with what the registry tells" if others else "nothing is compared"
    return f"{file}: ids from the column {columns['id']}, {compared} (that takes columns named name and birth_date)"


def read_standard_input() -> list[str]:
    """The lines of standard input. Raises UsageError where they are no text."""
    try:
        return sys.stdin.buffer.read().decode().split("\n") if sys.stdin else []
    except UnicodeDecodeError:
        raise UsageError("standard input is not UTF-8; give one id a line") from None


def redaction_key() -> str:
    """The key by which ids become pseudonyms. Raises ConfigurationError where there is none."""
    key = secret("REDACT_KEY")
    if not key:
        raise ConfigurationError(
            "--redact needs a secret in REDACT_KEY, from which the pseudonyms of ids are made. "
            "Make one, such as with `openssl rand -hex 32`, and keep it: only with it can a person be found again"
        )
    return key


def explain_verdict(args: argparse.Namespace, redact_key: str) -> int:
    """Show the last verdict on a person as sentences and as the sum that it comes to."""
    from qualifying.people_file import pseudonym
    from qualifying.trail import explained, last_verdict, redacted

    wanted = [args.explain, *([pseudonym(args.explain, redact_key)] if redact_key else [])]
    line = last_verdict(TRAIL, wanted, rehearsals_only=args.sandbox)
    told = redacted(line, redact_key) if redact_key else line
    show(json.dumps(told, indent=2, ensure_ascii=False) if args.json else explained(told))
    return Exit.DONE


def new_round(qualifier: Qualifier, args: argparse.Namespace, redact_key: str) -> Round:
    """A call of the checks, whose verdicts are on disk before anybody gets them."""
    from qualification import Round
    from qualifying.trail import trail_line

    lock = threading.Lock()

    def record(verdict: Verdict) -> None:
        line = trail_line(verdict, is_rehearsal=args.sandbox)
        with lock:
            append_line(TRAIL, line)

    return Round(qualifier, record, seconds=args.deadline or math.inf, redact_key=redact_key)


def qualify_named(
    this_round: Round, qualifier: Qualifier, people: Sequence[Person], args: argparse.Namespace, stop: threading.Event
) -> int:
    """Show a verdict on each of the people, in the order asked."""
    from close.workers import work_in_order

    verdicts = work_in_order(people, this_round.verdict_on, workers=this_round.workers, is_ended=stop.is_set)
    decided = list(showing(with_progress(verdicts, len(people), "people", args.quiet or len(people) <= FEW), args))
    if args.json:
        show_verdicts(decided)
    if len(people) > 1 and not args.quiet:
        say(f"{counted(len(people), 'person', 'people')}: {listed(outcome_counts(decided, len(people)))}")
    advise_of_services(qualifier, args)
    if stop.is_set():
        if len(decided) < len(people):
            complain(f"stopped before everybody was asked about. {RUN_AGAIN}".replace("{command}", args.command))
        return Exit.INTERRUPTED
    return Exit.INCOMPLETE if any(verdict.outcome == "undetermined" for verdict in decided) else Exit.DONE


def outcome_counts(verdicts: Iterable[Verdict], total: int) -> dict[str, int]:
    """How many of so many people came to each outcome, or to none."""
    from collections import Counter

    from qualification import outcome_words

    counts = Counter(outcome_words(verdict.outcome) for verdict in verdicts)
    return {**counts, **({"not asked about": total - counts.total()} if counts.total() < total else {})}


def showing(verdicts: Iterable[Verdict], args: argparse.Namespace) -> Iterator[Verdict]:
    """Pass verdicts through and show each as it comes, unless they are to be one document."""
    if args.json:
        yield from verdicts
        return
    show(f"started at {datetime.now():%H:%M:%S}\n{RULE}")
    for verdict in verdicts:
        result = "none" if verdict.result is None else verdict.result
        show(f"person id: {verdict.person_id}, qualification result: {result}\n{verdict.sentence()}\n{RULE}")
        yield verdict
    show(f"finished at {datetime.now():%H:%M:%S}")


def show_verdicts(verdicts: Iterable[Verdict]) -> None:
    """Show verdicts as one JSON document."""
    from qualifying.trail import as_json

    show(json.dumps([as_json(verdict) for verdict in verdicts], indent=2, ensure_ascii=False))


def advise_of_services(qualifier: Qualifier, args: argparse.Namespace) -> None:
    """Name the services that failed so often that people were no longer asked about."""
    for service in qualifier.services:
        if service.unasked and not args.quiet:
            people = counted(service.unasked, "person was", "people were")
            say(f"The {service.name} failed again and again, so {people} not asked about. Later: {args.command}")


@contextlib.contextmanager
def open_checks(args: argparse.Namespace, sandbox: Sandbox | None, stop: threading.Event) -> Iterator[Qualifier]:
    """The checks of the environment, or of the sandbox if there is one; once `stop` is set, none is repeated."""
    from qualification import Qualifier
    from qualifying.check_service import CHECK_DEADLINE, CheckService
    from qualifying.trail import CHECK_TITLES

    names = ["registry", "judicial"] if args.random_score else list(CHECK_TITLES)
    tokens = {name: secret(f"{name.upper()}_TOKEN") for name in names}
    urls = sandbox_urls(sandbox) if sandbox else check_urls(names)
    settings: dict[str, Any] = {"deadline": args.check_deadline or CHECK_DEADLINE, "is_ended": stop.is_set}
    with contextlib.ExitStack() as stack:
        services = {name: CheckService(CHECK_TITLES[name], urls[name], tokens[name], **settings) for name in names}
        for service in services.values():
            stack.callback(service.close)
        score = services.get("score")
        workers = args.workers or WORKERS
        yield stack.enter_context(Qualifier(services["registry"], services["judicial"], score, workers=workers))


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


# qualify in Close ----------------------------------------------------------------------------------------------------


def workflow_names(args: argparse.Namespace) -> WorkflowNames:
    """What statuses and field are called in Close, unless the command says otherwise."""
    from qualifying.statuses import USUAL_NAMES

    told = {
        "waiting": args.status if args.from_close else "",
        "prospect": args.prospect_status,
        "declined": args.declined_status,
        "id_field": args.id_field,
    }
    return replace(USUAL_NAMES, **{name: value for name, value in told.items() if value is not None})


def qualify_in_close(begin: Begin, qualifier: Qualifier, args: argparse.Namespace, stop: threading.Event) -> int:
    """Qualify the people of leads, show the verdicts and write them back."""
    handled: list[Handled] = []
    ended_by: Exception | None = None
    with open_own_journal("qualification") as journals:
        total, handling = begin(journals)
        with_bar = with_progress(handling, total, "leads", args.quiet or total <= FEW)
        try:
            decided = list(showing((lead.verdict for lead in noting(with_bar, handled) if lead.verdict), args))
        except Exception as error:  # what was written must be told before anything is said of a bug
            ended_by = error
            decided = [lead.verdict for lead in handled if lead.verdict]
    if args.json:
        show_verdicts(decided)
    tell_apart(lead for lead in handled if not args.quiet or lead.needs_somebody)
    if not args.quiet:
        say(round_words(handled) if handled or args.from_close else "nothing was written to Close")
        advise_of_services(qualifier, args)
    if ended_by:
        note_error(ended_by)
        code, words = in_words(ended_by, args.command)
        complain(words)
        return code
    if stop.is_set():
        return Exit.INTERRUPTED
    if any(lead.kind == "unknown" for lead in handled):
        complain(f"of some leads nobody knows what was written. {RUN_AGAIN}".replace("{command}", args.command))
        return Exit.UNREACHABLE
    return Exit.INCOMPLETE if any(lead.is_unsettled for lead in handled) else Exit.DONE


def tell_apart(handled: Iterable[Handled]) -> None:
    """Say of each lead what became of it."""
    for lead in handled:
        person = f" (person {lead.verdict.person_id})" if lead.verdict else ""
        say(f"{lead.link}: {lead.reason}{person}" if lead.link else lead.reason)


def begin_in_close(
    close: CloseClient,
    journals: JournalFile,
    this_round: Round,
    people: Sequence[Person],
    args: argparse.Namespace,
    stop: threading.Event,
) -> tuple[int, Iterator[Handled]]:
    """How many leads there are to look at, and what becomes of each: those of the people, or all that wait."""
    from close.workers import work_in_order
    from qualifying.statuses import find_workflow
    from qualifying.write_back import WritingBack, waiting_leads

    account = close.account()
    journal = journals.of(account.organization_id, account.organization_name)
    workflow = find_workflow(close, workflow_names(args), is_creating=args.create)
    if workflow.created and not args.quiet:
        say(f"created in Close: {', '.join(workflow.created)}")
    writing_back = WritingBack(
        close,
        journal,
        workflow,
        this_round,
        index_lag=index_lag(args, NOTE_LAG),
        has_note_detail=args.note_detail,
    )
    settings: dict[str, Any] = {"workers": this_round.workers, "is_ended": stop.is_set}
    if people:
        return len(people), work_in_order(people, writing_back.qualify, **settings)
    lead_ids = waiting_leads(close, journal, workflow)
    taken_up = work_in_order(lead_ids, writing_back.take_up, **settings)
    return len(lead_ids), (lead for lead in taken_up if lead)


def noting(items: Iterable[Handled], noted: list[Handled]) -> Iterator[Handled]:
    """Pass items through, and keep each."""
    for item in items:
        noted.append(item)
        yield item


def watch(begin: Begin, qualifier: Qualifier, args: argparse.Namespace, stop: threading.Event) -> int:
    """Look again and again for leads to qualify, until Ctrl-C, and say in a line what each round did."""
    decided: list[Verdict] = []
    wait = args.watch
    try:
        while not stop.is_set():
            handled: list[Handled] = []
            try:
                trouble = watch_once(begin, handled)
            finally:
                decided += [lead.verdict for lead in handled if lead.verdict and args.json]
            wait = min(2 * wait, max(LONGEST_WATCH_WAIT, args.watch)) if trouble else args.watch
            again = f"; trying again in {wait:.0f} s" if trouble and not stop.is_set() else ""
            tell_round(handled, f"{trouble}{again}", qualifier, args)
            stop.wait(wait)
    finally:  # also where an error ends it: what was decided is one document
        if args.json:
            show_verdicts(decided)
    return Exit.INTERRUPTED


def tell_round(handled: Sequence[Handled], trouble: str, qualifier: Qualifier, args: argparse.Namespace) -> None:
    """Say in a line what a round did, and before it which leads need somebody."""
    if not args.quiet:  # of one without an id its note tells, in every round the same
        tell_apart(lead for lead in handled if lead.kind in ("left", "refused", "unknown"))
    words = [round_words(handled)] if handled or not trouble else []
    words += [f"the {each.name} is given up for now" for each in qualifier.services if each.is_given_up]
    line = "; ".join(filter(None, [*words, trouble]))
    (say if args.json else show)(f"{datetime.now():%Y-%m-%d %H:%M:%S}  {line}")


def watch_once(begin: Begin, handled: list[Handled]) -> str:
    """Put what became of the leads of one round into `handled`; say what ended it early, "" if nothing did."""
    from close.journal import JournalBusy
    from close_client import CloseUnreachable, OutcomeUnknown, Stopped

    try:
        with open_own_journal("qualification") as journals:
            for lead in begin(journals)[1]:
                handled.append(lead)
    except Stopped:
        return "stopped"
    except (CloseUnreachable, OutcomeUnknown, JournalBusy) as error:
        return str(error)
    return ""


def round_words(handled: Iterable[Handled]) -> str:
    """What became of the leads of a round, in a line."""
    from collections import Counter

    from qualification import outcome_words

    counts = Counter(
        outcome_words(lead.verdict.outcome) if lead.verdict and lead.kind == "moved" else lead.kind.replace("_", " ")
        for lead in handled
    )
    return f"{counted(counts.total(), 'lead')}: {listed(counts)}" if counts else "no lead waits to be qualified"


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
def open_close(
    args: argparse.Namespace, stop: threading.Event, sandbox: Sandbox | None = None
) -> Iterator[CloseClient]:
    """A client for the Close of the environment, or for a sandbox where that was asked for; `stop` ends its waits.

    Where a sandbox is running already, it is that one.
    """
    from close_client import CLOSE_URL, CloseClient

    with contextlib.ExitStack() as stack:
        if args.sandbox:
            key, url = "sandbox", (sandbox or stack.enter_context(open_sandbox(args.quiet))).close_url
        else:
            key, url = close_key(), checked_url("CLOSE_API_URL", os.environ.get("CLOSE_API_URL") or CLOSE_URL)
        client = CloseClient(key, url, sleep=sleep_unless(stop), is_redacted=getattr(args, "redact", False))
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

    from close.transport import is_loopback

    try:
        parts = urlsplit(url.strip())
        is_usable = bool(parts.hostname) and not parts.query and not parts.fragment and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or parts.scheme not in ("http", "https"):
        raise ConfigurationError(f"{variable} is no base URL; write it like https://example.com/api")
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
    """Say something beside the result, if anybody listens; names in it can't steer a terminal."""
    with contextlib.suppress(OSError):
        print(harmless(text), file=sys.stderr, flush=True)


def note_error(error: BaseException) -> None:
    """Put an error into the log: its kind and where it arose, without its words, which may name people."""
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error("%s at %s", type(error).__name__, " < ".join(reversed(places)) or "an unknown place")


def complain(words: str) -> None:
    """Say in one line what went wrong."""
    say(f"error: {' '.join(words.split())}")


def with_progress(items: Iterable[Any], total: int, unit: str, quiet: bool) -> Iterator[Any]:
    """Pass items through; on a terminal a bar shows how many came, how fast, and how long the rest will take."""
    with progress_bar(unit, quiet) as note:
        note(0, total)
        for done, item in enumerate(items, start=1):
            note(done, total)
            yield item


@contextlib.contextmanager
def progress_bar(unit: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """What is to be told how much is done, and of how much; on a terminal a bar shows it."""
    if quiet or not sys.stderr.isatty() or os.environ.get("NO_COLOR"):
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn(f"{unit}  {{task.fields[rate]}}")
    columns = (BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    is_shared = sys.stdout.isatty()  # or else what is shown meanwhile would go where the bar is
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=is_shared) as progress:
        task = progress.add_task(unit, total=None, rate="")

        def note(done: int, total: int) -> None:
            speed = progress.tasks[task].speed
            progress.update(task, completed=done, total=total, rate=f"{speed:.0f}/s" if speed else "")

        yield note


@contextlib.contextmanager
def noticing_interrupt(stop: threading.Event, words: str = "") -> Iterator[None]:
    """Set `stop` at the first Ctrl-C or SIGTERM, with some words; leave at once at the second."""

    noticed: list[int] = []

    def notice(number: int, _frame: object) -> None:
        if noticed:
            os._exit(Exit.INTERRUPTED)
        noticed.append(number)
        _thread.start_new_thread(stop.set, ())  # for this thread may just hold the lock of the event that it waits for
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
    loggers = [logging.getLogger(name) for name in ("main", "close_client", "importing", "qualifying")]
    with contextlib.ExitStack() as stack:
        handlers: list[logging.Handler] = [logging.NullHandler()]
        if getattr(args, "verbose", False):
            handlers.append(LogHandler(sys.stderr))
        if getattr(args, "log", None):
            if getattr(args, "file", None) and args.log.exists() and args.log.samefile(find_input(args.file)):
                raise UsageError(f"--log {args.log} is the file to read; name another one")
            handlers.append(LogHandler(stack.enter_context(open_log(args.log))))
        for handler in handlers:
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        for logger in loggers:
            logger.setLevel(logging.INFO)
            logger.propagate = False
            logger.handlers[:] = handlers
            stack.callback(setattr, logger, "handlers", [logging.NullHandler()])
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


def leave(code: int) -> NoReturn:
    """End the process, also where a thread is stuck, in looking up a name, say: what was to be done is done."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    if threading.active_count() > 1:
        os._exit(code)
    raise SystemExit(code)


if __name__ == "__main__":
    leave(main())
