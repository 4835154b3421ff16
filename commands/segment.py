"""The verb `segment`: sum up the leads with a date in a range by group."""

import argparse
import functools
import json
import re
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from cells.lead_fields import FOUNDED, REVENUE
from close.fields import UnusableName
from close.walk import CountMismatch
from commands.arguments import VERSION, add_index_lag, add_service_flags, day, whole_number
from commands.environment import JOURNAL, WORDS_OF_CLOSE, index_lag, open_close
from commands.error_words import Words
from commands.errors import Exit, UsageError
from commands.segment_files import OUTPUT, as_csv, chart_file, files_asked_for, output_file, write_segment_files
from commands.terminal import counted, progress_bar, say, show
from segmentation import segment_leads
from segmenting.plan import NoSpanBefore, SegmentRequest, Span
from segmenting.report import Findings, OtherCurrency, Presentation, Report
from segmenting.text import plain_table, terminal_table
from segmenting.unseen import Listener, OwnImports
from segmenting.workbook import TooManyRows

MOST_TOP = 1_000_000  # best leads of a group
LARGEST_JSON_NUMBER = Decimal("1e300")

WORDS: Words = {
    **WORDS_OF_CLOSE,
    NoSpanBefore: (Exit.USAGE, "{}."),
    TooManyRows: (Exit.USAGE, "{}."),
    OtherCurrency: (Exit.USAGE, "amounts in this organisation are in {}, not in dollars; leave out --money."),
    CountMismatch: (Exit.INCOMPLETE, "{}."),
}


# Arguments -----------------------------------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the verb takes."""
    add_service_flags(parser)
    parser.add_argument("start", metavar="START", type=day, help="the first day, YYYY-MM-DD")
    parser.add_argument("end", metavar="END", type=day, nargs="?", help="the last day, included; today if left out")
    _add_which_leads(parser.add_argument_group("which leads"))
    _add_what_is_told(parser.add_argument_group("what is told of them"))
    _add_where_to(parser.add_argument_group("where to"))
    late = parser.add_argument_group("what was imported just now")
    late.add_argument(
        "--wait", action="store_true", help="wait until Close's search shows it, for the index lag at most"
    )
    add_index_lag(late)


def _add_which_leads(which: argparse._ActionsContainer) -> None:
    which.add_argument(
        "--date-field",
        metavar="NAME",
        default=FOUNDED,
        help=f"the lead custom field that has to lie in the range ({FOUNDED}); created for when the lead was made",
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
    what.add_argument("--revenue-field", metavar="NAME", default=REVENUE, help=f"a lead custom field ({REVENUE})")
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
        type=output_file,
        default=OUTPUT,
        help=f"a .csv, .xlsx or .html file ({OUTPUT}); - for CSV on standard output",
    )
    where.add_argument("--chart", metavar="FILE", type=chart_file, help="draw it: a .png, .svg or .pdf file")
    where.add_argument("--money", choices=["plain", "usd"], default="plain", help="1234.50, or $1,234.50 (usd)")


def _count(text: str) -> int:
    return whole_number(text, MOST_TOP)


# What is done --------------------------------------------------------------------------------------------------------


def run(args: argparse.Namespace) -> int:
    """Sum up the leads with a date in a range by group; write the table, and what else is asked for."""
    began = time.monotonic()
    if args.json and args.output is None:
        raise UsageError("--json and --output - would both go to standard output; name a file, or leave one out")
    files = files_asked_for(args)
    files.check()
    findings = _findings(args, _request(args))
    written = write_segment_files(files, findings)
    document = {**findings.as_json(), "files": written, "seconds": round(time.monotonic() - began, 3)}
    show(_shown(args, findings.groups, document))
    if not args.quiet:
        _tell(findings, written)
    return Exit.DONE


def _request(args: argparse.Namespace) -> SegmentRequest:
    return SegmentRequest(
        span=_span(args.start, args.end),
        date_field=args.date_field,
        revenue_field=args.revenue_field,
        by=tuple(args.by or ()),
        status=tuple(args.status or ()),
        where=tuple(args.where or ()),
        smart_view=args.smart_view,
        missing_revenue=args.missing_revenue,
        is_compared=bool(args.compare),
    )


def _span(first: date, asked: date | None) -> Span:
    """The days asked for; the last one is today where it was left out. Raises UsageError for a span that ends early."""
    last = asked or datetime.now(UTC).date()
    if last < first:
        words = f"the range ends on {last}{'' if asked else ' (today)'}, before it starts on {first}"
        raise UsageError(f"{words}; put the earlier day first")
    return Span(first, last)


def _findings(args: argparse.Namespace, request: SegmentRequest) -> Findings:
    """What a segment comes to. Raises UsageError for a name of nothing in Close."""
    presentation = Presentation(args.stats, args.top, args.money, VERSION)
    imports = OwnImports(JOURNAL, index_lag(args), args.wait)
    listener = Listener(functools.partial(progress_bar, "leads", args.quiet), functools.partial(_tell_wait, args.quiet))
    try:
        with open_close(args, threading.Event()) as close:
            return segment_leads(close, request, presentation, imports, listener)
    except UnusableName as unusable:
        raise UsageError(_with_option(unusable)) from None


def _with_option(unusable: UnusableName) -> str:
    """What is wrong with a name, and what to do, with the option that it was given to."""
    option = f"--{unusable.purpose.replace('_', '-')}"
    joint = " " if unusable.problem.endswith((".", "?")) else "; "
    return unusable.problem + joint + unusable.advice.replace("{option}", option)


# What is said --------------------------------------------------------------------------------------------------------


def _shown(args: argparse.Namespace, report: Report, document: Mapping[str, Any]) -> str:
    """What goes to standard output: the document, the table as CSV, or the table as people read it."""
    if args.json:
        return json_of(document)
    if args.output is None:
        return as_csv(report).removesuffix("\n")
    return terminal_table(report, shutil.get_terminal_size().columns) if sys.stdout.isatty() else plain_table(report)


def _tell_wait(quiet: bool, leads: int) -> None:
    if not quiet:
        say(f"waiting for {counted(leads, 'lead')} imported just now to show in Close's search")


def _tell(findings: Findings, files: Mapping[str, str | None]) -> None:
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
