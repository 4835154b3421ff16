"""The command line: arguments, environment, files, what is said, exit code."""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import logging
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import pandas as pd

    from cleaning import CleanFile, SourceFile
    from close_client import CloseClient
    from importing import LeadOutcome, Plan, RowOutcome
    from qualification import Qualifier, Verdict

INPUT_FOLDER = Path("input_data")
OUTPUT_FOLDER = Path("output_data")
WORKERS = 8
DEFAULT_PORT = 8722
KEY_VARIABLES = ("close_project_api_key", "CLOSE_API_KEY")

EXAMPLES = """\
examples:
  python main.py import leads.csv --sandbox                   rehearse on this machine
  python main.py import leads.csv                             put the leads into Close
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


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of one command. Every error becomes words here, and nowhere else."""
    verbose = False
    try:
        args = build_parser().parse_args(argv)
        verbose = getattr(args, "verbose", False)
        with logging_requests(args):
            return int(args.run(args))
    except SystemExit as finished:  # argparse's --help
        return int(finished.code or 0)
    except KeyboardInterrupt:
        complain("stopped. Run the same command again to carry on.")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the interpreter's last flush
        return Exit.DONE
    except Exception as error:  # the boundary: whatever was not foreseen is a bug, said in one line
        code, words = in_words(error)
        complain(words)
        if verbose and code == Exit.BUG:
            traceback.print_exc()
        return code


def in_words(error: Exception) -> tuple[Exit, str]:
    """The exit code and the one line for an error, which ends with what to do."""
    if isinstance(error, UsageError):
        return Exit.USAGE, str(error)
    if isinstance(error, ConfigurationError):
        return Exit.SETUP, str(error)
    if isinstance(error, OSError):
        return Exit.USAGE, f"{error.filename or 'a file or port'}: {error.strerror or error}"
    known = _error_words()
    for kind, (code, words) in known.items():
        if isinstance(error, kind):
            return code, words.format(error)
    return Exit.BUG, f"unexpected {type(error).__name__}: {error}. This is a bug; -v shows where."


def _error_words() -> dict[type[Exception], tuple[Exit, str]]:
    """Our modules' errors, the more special ones first. Imported here, for by then their module is loaded anyhow."""
    import cleaning
    import close_client
    import importing
    import segmentation

    again = "Run the same command again."
    return {
        cleaning.InputError: (Exit.USAGE, "{}"),
        segmentation.UnknownField: (Exit.USAGE, "{}"),
        segmentation.CountMismatch: (Exit.INCOMPLETE, "{}"),
        importing.SetupError: (Exit.SETUP, "{}"),
        close_client.AuthenticationFailed: (
            Exit.SETUP,
            "Close does not accept the API key ({}). Copy it again from Settings > Developer > API Keys.",
        ),
        close_client.PlanLimitReached: (Exit.SETUP, "The plan in Close allows no more: {}. Extend it, then run again."),
        close_client.PermissionDenied: (
            Exit.SETUP,
            "The key's user may not do this in Close: {}. Ask an administrator.",
        ),
        close_client.OutcomeUnknown: (Exit.UNREACHABLE, "{}, so a custom field may have been made or not. " + again),
        close_client.CloseUnreachable: (
            Exit.UNREACHABLE,
            "Close can't be reached: {}. Check the connection and CLOSE_API_URL. " + again,
        ),
        close_client.RequestRejected: (Exit.SETUP, "Close refused a request: {}. Check CLOSE_API_URL and the key."),
    }


# Arguments -----------------------------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """A parser whose help begins with examples, and whose errors are one line."""

    examples = ""

    def format_help(self) -> str:
        return f"{self.examples}\n{super().format_help()}" if self.examples else super().format_help()

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. See {self.prog} --help.")


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
    parser.add_argument("--names", choices=["upper", "title", "keep"], default="upper", help="the case of names")
    parser.add_argument("--region", type=_region, default="US", help="the country of phone numbers without + (US)")
    parser.add_argument("--date-order", choices=["dmy", "mdy", "ymd"], help="how the file writes dates")
    parser.add_argument("--encoding", default="utf-8", metavar="NAME", help="the file's encoding, such as cp1252")
    parser.add_argument("--workers", type=_positive, default=WORKERS, metavar="N", help="requests at a time")


def _add_segment(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_segment)
    parser.add_argument("start", metavar="START", type=_day, help="the first day, YYYY-MM-DD")
    parser.add_argument("end", metavar="END", type=_day, nargs="?", help="the last day, included; today if left out")
    parser.add_argument("--output", metavar="FILE", type=Path, default=OUTPUT_FOLDER / "output.csv")
    parser.add_argument("--date-field", metavar="NAME", default="Company Founded", help="a lead custom field")
    parser.add_argument("--revenue-field", metavar="NAME", default="Company Revenue", help="a lead custom field")


def _add_qualify(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_qualify)
    parser.add_argument("ids", metavar="ID", nargs="+", help="a person's id")
    parser.add_argument("--workers", type=_positive, default=WORKERS, metavar="N", help="people at a time")
    parser.add_argument("--random-score", action="store_true", help="draw the score instead of asking for it")


def _add_sandbox(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_sandbox)
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, metavar="N", help=f"0 takes a free one ({DEFAULT_PORT})"
    )
    parser.add_argument("--rate", type=float, metavar="N", help="requests a second per key and endpoint group")
    parser.add_argument("--latency", type=float, default=0.0, metavar="MS", help="milliseconds added to each answer")
    parser.add_argument("--index-lag", type=float, default=1.0, metavar="S", help="seconds until search shows a change")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME=PROBABILITY", help="act out a failure")


def _day(text: str) -> date:
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a day that exists; write it as YYYY-MM-DD")


def _positive(text: str) -> int:
    if text.isdecimal() and 0 < int(text) <= 32:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 32")


def _region(text: str) -> str:
    import phonenumbers

    if text.upper() in phonenumbers.SUPPORTED_REGIONS:
        return text.upper()
    raise argparse.ArgumentTypeError(f"{text!r} is not the two-letter code of a country")


# import --------------------------------------------------------------------------------------------------------------


def run_import(args: argparse.Namespace) -> int:
    """Clean a file and put it into Close; write what became of each row."""
    from cleaning import read_source
    from importing import account_for_rows, plan_import, prepare_fields

    began = time.monotonic()
    path = find_input(args.file)
    source = read_source(path, args.encoding)
    warn_of_columns(source, args.quiet)
    with open_close(args) as close, noticing_interrupt("" if args.quiet else STOPPING) as stop:
        plan = plan_import(close, source, names=args.names, region=args.region, date_order=args.date_order)
        plan = prepare_fields(close, plan)
        outcomes, ended_by = send_with_progress(close, plan, args, stop)
        rows = account_for_rows(source, plan.clean, outcomes)
        report = {
            **import_report(path, plan.clean, rows, outcomes),
            "requests": close.requests_made,
            "throttled": close.throttled,
            "seconds": round(time.monotonic() - began, 3),
            "files": write_import_files(path.stem, source, plan.clean, rows, outcomes),
        }
    print(json.dumps(report, indent=2) if args.json else import_summary(report, plan.clean))
    code = import_exit(outcomes, plan.clean, ended_by)
    if ended_by:
        complain(in_words(ended_by)[1])
    elif code and not args.quiet:
        say(IMPORT_ADVICE[code].format(**report["files"]))
    return code


STOPPING = "stopping: finishing what is in flight; Ctrl-C again leaves at once"
IMPORT_ADVICE = {
    Exit.INCOMPLETE: "Not every row is in Close. {rejects} says why: mend it and import it as it is.",
    Exit.UNREACHABLE: "Of some leads nobody knows yet whether Close has them. Wait a few minutes, run the same again.",
    Exit.INTERRUPTED: "Stopped; what was in flight was finished. Run the same command again to carry on.",
}


def find_input(name: str) -> Path:
    """The file as named, or of that name in input_data/. Raises UsageError where there is neither."""
    for path in (Path(name), INPUT_FOLDER / name):
        if path.exists():
            return path
    raise UsageError(f"there is no file {name}, neither here nor in {INPUT_FOLDER}/")


def warn_of_columns(source: SourceFile, quiet: bool) -> None:
    """Name the columns that an import does not know."""
    if source.ignored_columns and not quiet:
        say(
            f"ignored columns: {', '.join(source.ignored_columns)}. "
            "The column of a lead custom field is named custom.<Field Name>."
        )


def send_with_progress(
    close: CloseClient, plan: Plan, args: argparse.Namespace, stop: threading.Event
) -> tuple[list[LeadOutcome], Exception | None]:
    """What became of every lead, and what ended the run early, if anything did."""
    from importing import send_leads

    outcomes: list[LeadOutcome] = []
    sending = send_leads(close, plan, args.workers, stop)
    try:
        for outcome in with_progress(sending, len(plan.clean.leads), "leads", args.quiet):
            outcomes.append(outcome)
    except Exception as error:  # what is in Close must be written down before anything is said of a bug
        return outcomes, error
    return outcomes, None


def import_report(
    path: Path, clean: CleanFile, rows: Sequence[RowOutcome], outcomes: Sequence[LeadOutcome]
) -> dict[str, Any]:
    """The part of the report that says what became of the file."""
    from importing import count_outcomes

    return {
        "run_id": f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.urandom(2).hex()}",
        "file": str(path),
        "dry_run": False,
        "rows": {"total": len(rows), **count_outcomes(rows)},
        "leads": count_outcomes(outcomes),
        "values_dropped": len(clean.dropped),
    }


def import_summary(report: Mapping[str, Any], clean: CleanFile) -> str:
    """The report as a person reads it."""
    from collections import Counter

    lines = [f"{report['file']}: {report['rows']['total']} rows, {len(clean.leads)} leads"]
    for name, leads in report["leads"].items():
        rows = report["rows"][name]
        if rows:
            lines.append(f"  {name:<12} {rows:>7} rows" + (f" {leads:>7} leads" if leads else ""))
    codes: Counter[str] = Counter(problem.code for problem in clean.dropped)
    lines.append(f"values dropped: {len(clean.dropped)}" + (f" ({_listed(codes)})" if codes else ""))
    lines += [f"{kind}: {path}" for kind, path in report["files"].items() if path]
    told = f", {report['throttled']} told to wait" if report["throttled"] else ""
    lines.append(f"{report['requests']} requests{told}, {report['seconds']:.1f} s")
    return "\n".join(lines)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{times} {name}" for name, times in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def import_exit(outcomes: Sequence[LeadOutcome], clean: CleanFile, ended_by: Exception | None) -> Exit:
    """The exit code that an import comes to, the most urgent reason first."""
    if ended_by:
        return in_words(ended_by)[0]
    if any(outcome.outcome == "skipped" and not outcome.needs_attention for outcome in outcomes):
        return Exit.INTERRUPTED
    if any(outcome.outcome == "undetermined" for outcome in outcomes):
        return Exit.UNREACHABLE
    if clean.rejected or any(outcome.outcome == "failed" or outcome.needs_attention for outcome in outcomes):
        return Exit.INCOMPLETE
    return Exit.DONE


def write_import_files(
    stem: str, source: SourceFile, clean: CleanFile, rows: Sequence[RowOutcome], outcomes: Sequence[LeadOutcome]
) -> dict[str, str | None]:
    """Write the imported and the rejects file; their paths by kind, None for the plan that only a dry run writes."""
    imported = OUTPUT_FOLDER / f"{stem}_imported.csv"
    header = ["row", "company", "outcome", "reason", "changes", "lead id", "link"]
    lines = [[row.row, row.company, row.outcome, row.reason, row.changes, row.lead_id, row.link] for row in rows]
    write_csv(imported, [header, *([guarded(cell) for cell in line] for line in lines)])
    rejects = write_rejects(OUTPUT_FOLDER / f"{stem}_rejects.csv", source, clean, outcomes)
    return {"imported": str(imported), "rejects": str(rejects), "plan": None}


def write_rejects(path: Path, source: SourceFile, clean: CleanFile, outcomes: Sequence[LeadOutcome]) -> Path:
    """Write the rows to mend, as they stood in the file; beside a file that somebody has edited, never over it."""
    from cleaning import REJECT_MARKS, note_date_orders
    from importing import rows_to_mend

    kept = [place for place, title in enumerate(source.header) if title.strip() not in REJECT_MARKS]
    order = note_date_orders(clean.date_orders)
    lines: list[list[object]] = [[*(source.header[place] for place in kept), *REJECT_MARKS]]
    for row, problems in rows_to_mend(clean, outcomes).items():
        cells = source.cells.loc[row]
        marks = [[problem.column, problem.value, problem.code, problem.reason] for problem in problems]
        joined = ["\n".join(each) for each in zip(*marks, strict=True)]
        lines.append([*(cells[place] for place in kept), str(row), *joined, order])
    free = next(candidate for candidate in _numbered(path) if not is_edited(candidate))
    write_csv(free, lines, line_end="\r\n")  # so that a cell with a carriage return gets its quotes
    _digest_file(free).write_text(_digest(free))
    _digest_file(free).chmod(0o600)
    return free


def _numbered(path: Path) -> Iterator[Path]:
    yield path
    number = 2
    while True:
        yield path.with_stem(f"{path.stem}_{number}")
        number += 1


def is_edited(path: Path) -> bool:
    """Whether a file is there that is not as we wrote it."""
    noted = _digest_file(path)
    return path.exists() and not (noted.exists() and noted.read_text() == _digest(path))


def _digest_file(path: Path) -> Path:
    return path.with_name(f".{path.name}.sha256")


def _digest(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


# segment -------------------------------------------------------------------------------------------------------------


def run_segment(args: argparse.Namespace) -> int:
    """Sum up the leads founded in a range by US state; write the table."""
    end = args.end or datetime.now(UTC).date()
    if end < args.start:
        raise UsageError(f"the range ends on {end}, before it starts on {args.start}; put the earlier day first")
    began = time.monotonic()
    with open_close(args) as close:
        from segmentation import find_founded, summarize_by_state

        leads = find_founded(close, args.start, end, args.date_field, args.revenue_field)
        requests = close.requests_made
    table = summarize_by_state(leads)
    without_revenue = sum(lead.revenue is None for lead in leads)
    without_state = sum(not lead.state for lead in leads)
    write_csv(args.output, segment_lines(table))
    if args.json:
        report = {
            "rows": table.to_dict("records"),
            "leads": len(leads),
            "without_revenue": without_revenue,
            "without_state": without_state,
            "requests": requests,
            "seconds": round(time.monotonic() - began, 3),
        }
        print(json.dumps(report, indent=2, ensure_ascii=False, default=float))  # money is a Decimal
    else:
        print_table(table)
    if not args.quiet:
        missing = f"{without_revenue} without revenue, {without_state} without a state"
        say(f"{len(leads)} leads from {args.start} to {end}, {missing}; written to {args.output}")
    return Exit.DONE


def segment_lines(table: pd.DataFrame) -> list[list[str]]:
    """The table as CSV lines: money with two decimals, what is missing blank, formulas made harmless."""
    rows = table.astype(object).where(table.notna(), "").to_dict("records")
    return [list(table.columns), *([guarded(cell) for cell in row.values()] for row in rows)]


def print_table(table: pd.DataFrame) -> None:
    """Print a table with its numbers to the right and their thousands parted."""
    from decimal import Decimal

    from rich import box
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD)
    for column in table.columns:
        shown.add_column(column, justify="left" if column in (table.columns[0], table.columns[2]) else "right")
    for row in table.to_dict("records"):
        cells = [f"{cell:,}" if isinstance(cell, (int, Decimal)) else cell or "" for cell in row.values()]
        shown.add_row(*cells)
    width = None if sys.stdout.isatty() else 160
    Console(width=width, markup=False, highlight=False, emoji=False).print(shown)


# qualify -------------------------------------------------------------------------------------------------------------

RULE = "-" * 50


def run_qualify(args: argparse.Namespace) -> int:
    """Decide who of some people may become a prospect; every verdict is on disk before it is shown."""
    from qualification import is_person_id, qualify_people

    malformed = [person for person in args.ids if not is_person_id(person)]
    if malformed:
        raise UsageError(f"{malformed[0]!r} is no person's id: 1 to 64 characters without spaces or slashes")
    verdicts: list[Verdict] = []
    with open_checks(args) as qualifier:
        if not args.json:
            print(f"started at {datetime.now():%H:%M:%S}\n{RULE}", flush=True)
        for verdict in qualify_people(qualifier, args.ids, args.workers):
            append_line(OUTPUT_FOLDER / "qualifications.jsonl", json.dumps(verdict.as_json(), ensure_ascii=False))
            verdicts.append(verdict)
            if not args.json:
                print(f"{verdict_text(verdict)}\n{RULE}", flush=True)
    if args.json:
        print(json.dumps([verdict.as_json() for verdict in verdicts], indent=2, ensure_ascii=False))
    else:
        print(f"finished at {datetime.now():%H:%M:%S}")
    return Exit.INCOMPLETE if any(verdict.outcome == "undetermined" for verdict in verdicts) else Exit.DONE


def verdict_text(verdict: Verdict) -> str:
    """A verdict as a person reads it."""
    result = "none" if verdict.result is None else verdict.result
    return f"person id: {verdict.person_id}, qualification result: {result}\n{verdict.sentence()}"


@contextlib.contextmanager
def open_checks(args: argparse.Namespace) -> Iterator[Qualifier]:
    """The checks of the environment, or of a sandbox where that was asked for."""
    from qualification import CheckService, Qualifier, score_at_random, score_by_service

    with contextlib.ExitStack() as stack:
        if args.sandbox:
            sandbox = stack.enter_context(open_sandbox(args.quiet))
            urls = {"registry": sandbox.registry_url, "judicial": sandbox.judicial_url, "score": sandbox.score_url}
        else:
            urls = check_urls(["registry", "judicial"] + ["score"] * (not args.random_score))
        if args.random_score:
            urls.pop("score", None)
        registry = CheckService("registry check", urls["registry"], os.environ.get("REGISTRY_TOKEN", ""))
        judicial = CheckService("judicial check", urls["judicial"], os.environ.get("JUDICIAL_TOKEN", ""))
        scoring = CheckService("score", urls["score"], os.environ.get("SCORE_TOKEN", "")) if "score" in urls else None
        yield Qualifier(registry, judicial, score_by_service(scoring) if scoring else score_at_random)


def check_urls(names: Iterable[str]) -> dict[str, str]:
    """The base URLs of services by name, from the environment. Raises ConfigurationError, naming all that lack."""
    variables = {name: f"{name.upper()}_URL" for name in names}
    missing = [variable for variable in variables.values() if not os.environ.get(variable)]
    if missing:
        drawn = " Or add --random-score to draw the score." if missing == ["SCORE_URL"] else ""
        raise ConfigurationError(
            f"{' and '.join(missing)} must hold the base URL of the service.{drawn} "
            "Or add --sandbox to rehearse with invented answers on this machine."
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
    lag = {"latency": args.latency / 1000, "index_lag": args.index_lag}
    with Sandbox(port=args.port, rate=args.rate, faults=faults, **lag) as sandbox:
        exports = {
            "CLOSE_API_URL": sandbox.close_url,
            "CLOSE_API_KEY": "sandbox",
            "REGISTRY_URL": sandbox.registry_url,
            "JUDICIAL_URL": sandbox.judicial_url,
            "SCORE_URL": sandbox.score_url,
        }
        print("\n".join(f"export {name}={value}" for name, value in exports.items()), flush=True)
        say("A stand-in for Close and the checks; any key will do, and nothing leaves this machine. Ctrl-C ends it.")
        with noticing_interrupt() as stop:
            stop.wait()
    return Exit.DONE


# Environment ---------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def open_close(args: argparse.Namespace) -> Iterator[CloseClient]:
    """A client for the Close of the environment, or for a sandbox where that was asked for."""
    from close_client import CLOSE_URL, CloseClient

    with contextlib.ExitStack() as stack:
        if args.sandbox:
            client = CloseClient("sandbox", stack.enter_context(open_sandbox(args.quiet)).close_url)
        else:
            url = checked_url("CLOSE_API_URL", os.environ.get("CLOSE_API_URL") or CLOSE_URL)
            client = CloseClient(close_key(), url)
        stack.callback(client.close)
        yield client


@contextlib.contextmanager
def open_sandbox(quiet: bool) -> Iterator[Any]:
    """The stand-ins inside this command, with the leads that earlier ones left."""
    from sandbox import Sandbox

    OUTPUT_FOLDER.mkdir(exist_ok=True)
    state = OUTPUT_FOLDER / "sandbox.sqlite"
    with Sandbox(state=state) as sandbox:
        if not quiet:
            say(f"sandbox: nothing leaves this machine; its leads are kept in {state}")
        yield sandbox


def close_key() -> str:
    """The API key. Raises ConfigurationError where there is none, or none that can be one."""
    key = next((value.strip() for name in KEY_VARIABLES if (value := os.environ.get(name))), "")
    if not key:
        raise ConfigurationError(
            "there is no API key. Set CLOSE_API_KEY to the one from Close (Settings > Developer > API Keys), "
            "or add --sandbox to rehearse on this machine."
        )
    if not key.isascii() or not key.isprintable():
        raise ConfigurationError("the API key has characters that no key has; copy it again from Close.")
    return key


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
        raise ConfigurationError(f"{variable} is no base URL; write it like https://api.close.com/api/v1.")
    if parts.scheme == "http" and not is_loopback(url):
        raise ConfigurationError(
            f"{variable} must begin with https://: over http anybody on the way could read the key."
        )
    return url.strip()


# Files ---------------------------------------------------------------------------------------------------------------


def write_csv(path: Path, lines: Iterable[Iterable[object]], line_end: str = "\n") -> None:
    """Write a CSV file for its owner alone; what was there stays until the new one is whole."""
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator=line_end).writerows(lines)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


def append_line(path: Path, line: str) -> None:
    """Append a line to a file for its owner alone, and see it on disk before returning."""
    path.parent.mkdir(exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        file.write(f"{line}\n")
        file.flush()
        os.fsync(file.fileno())


def guarded(cell: object) -> str:
    """A cell that a spreadsheet shows as it is: a text that could be a formula gets a leading apostrophe."""
    text = str(cell)
    return f"'{text}" if re.match(r"[=@]|[+-](?!\d)", text) else text


# What is said --------------------------------------------------------------------------------------------------------


def say(text: str) -> None:
    """Say something beside the result."""
    print(text, file=sys.stderr, flush=True)


def complain(words: str) -> None:
    """Say in one line what went wrong."""
    say(f"error: {' '.join(words.split())}")


def with_progress(items: Iterable[Any], total: int, unit: str, quiet: bool) -> Iterator[Any]:
    """Pass items through; on a terminal a bar shows how many came, how fast, and how long the rest will take."""
    if quiet or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{unit}  {{task.fields[rate]}}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(unit, total=total, rate="")
        for item in items:
            speed = progress.tasks[task].speed
            progress.update(task, advance=1, rate=f"{speed:.0f}/s" if speed else "")
            yield item


@contextlib.contextmanager
def noticing_interrupt(words: str = "") -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets, with some words; the second one interrupts at once."""
    stop = threading.Event()

    def notice(_signal: int, _frame: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if words:
            say(words)

    before = signal.signal(signal.SIGINT, notice)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def logging_requests(args: argparse.Namespace) -> Iterator[None]:
    """Let our own modules log requests to standard error (-v) and to a file (--log); a library might log more."""
    handlers: list[logging.Handler] = []
    if getattr(args, "verbose", False):
        handlers.append(logging.StreamHandler())
    if getattr(args, "log", None):
        handlers.append(logging.FileHandler(args.log, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    loggers = [logging.getLogger(name) for name in ("close_client", "qualification")]
    for logger in loggers:
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.handlers[:] = handlers
    try:
        yield
    finally:
        for logger in loggers:
            logger.handlers.clear()
        for handler in handlers:
            handler.close()


if __name__ == "__main__":
    raise SystemExit(main())
