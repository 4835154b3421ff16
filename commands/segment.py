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
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Any

from cells.lead_fields import FOUNDED, REVENUE
from close.fields import UnusableName
from close.walk import CountMismatch
from commands.arguments import VERSION, add_index_lag, add_service_flags, day, time_zone, whole_number
from commands.environment import JOURNAL, WORDS_OF_CLOSE, index_lag, open_close
from commands.error_words import Words
from commands.errors import Exit, UsageError
from commands.segment_files import (
    OUTPUT,
    as_csv,
    chart_file,
    chart_warnings,
    files_asked_for,
    output_file,
    write_segment_files,
)
from commands.terminal import counted, progress_bar, say, show, show_csv, show_json
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
    NoSpanBefore: (Exit.USAGE, "{}. Choose a later START, or leave out --compare."),
    TooManyRows: (Exit.USAGE, "{}."),
    OtherCurrency: (Exit.USAGE, "Amounts in this organization are in {}, not in US dollars. Leave out --money."),
    CountMismatch: (Exit.INCOMPLETE, "{}."),
}


# Arguments -----------------------------------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    add_service_flags(parser)
    parser.add_argument("start", metavar="START", type=day, help="first day of the range, YYYY-MM-DD")
    parser.add_argument(
        "end", metavar="END", type=day, nargs="?", help="last day of the range, included (default: today)"
    )
    _add_which_leads(parser.add_argument_group("which leads"))
    _add_what_is_told(parser.add_argument_group("what to show"))
    _add_where_to(parser.add_argument_group("where to write it"))
    late = parser.add_argument_group("just after an import")
    late.add_argument(
        "--wait", action="store_true", help="wait until Close's search shows new leads, for --index-lag seconds at most"
    )
    add_index_lag(late)


def _add_which_leads(which: argparse._ActionsContainer) -> None:
    which.add_argument(
        "--date-field",
        metavar="NAME",
        default=FOUNDED,
        help=f"lead custom field whose date must be in the range (default: {FOUNDED}), or created: the creation date",
    )
    which.add_argument(
        "--timezone",
        type=time_zone,
        metavar="NAME",
        default=UTC,
        help="time zone of today and of days of creation, such as America/New_York (default: UTC)",
    )
    which.add_argument(
        "--status", metavar="LABEL", action="append", help="only leads in this status; repeat for several"
    )
    which.add_argument(
        "--where",
        metavar="FIELD=VALUE",
        action="append",
        help="only leads with this value in a custom field, state or status; repeat with one field to match any of its "
        "values, with several fields to match all of them",
    )
    which.add_argument("--smart-view", metavar="NAME", help="only leads in this Smart View of Close")


def _add_what_is_told(what: argparse._ActionsContainer) -> None:
    what.add_argument(
        "--by",
        metavar="NAME",
        action="append",
        help="group by state, status or a lead custom field (default: state); repeat for groups within groups",
    )
    what.add_argument(
        "--revenue-field",
        metavar="NAME",
        default=REVENUE,
        help=f"lead custom field with the revenue (default: {REVENUE})",
    )
    what.add_argument("--stats", action="store_true", help="also show mean, lowest, quartiles, highest and share")
    what.add_argument("--compare", choices=["previous"], help="also show the period just before, and the change")
    what.add_argument(
        "--top", metavar="N", type=_count, help="write the N leads with the most revenue in each group to a second file"
    )
    what.add_argument(
        "--missing-revenue",
        choices=["skip", "zero"],
        default="skip",
        help="leave leads without revenue out of the revenue figures (skip), or count them as 0 (zero) (default: skip)",
    )


def _add_where_to(where: argparse._ActionsContainer) -> None:
    where.add_argument(
        "--output",
        metavar="FILE",
        type=output_file,
        default=OUTPUT,
        help=f"write the table to this .csv, .xlsx or .html file (default: {OUTPUT}); - for CSV on standard output",
    )
    where.add_argument("--chart", metavar="FILE", type=chart_file, help="draw a chart in this .png, .svg or .pdf file")
    where.add_argument(
        "--money",
        choices=["plain", "usd"],
        default="plain",
        help="write amounts as 1234.50 (plain) or $1,234.50 (usd) (default: plain)",
    )


def _count(text: str) -> int:
    return whole_number(text, MOST_TOP)


# What is done --------------------------------------------------------------------------------------------------------


def run(args: argparse.Namespace) -> int:
    """Sum up the leads with a date in a range by group; write the table and whatever else is asked for."""
    began = time.monotonic()
    if args.json and args.output is None:
        raise UsageError(
            "--json and --output - both write to standard output. Leave one of them out, or give --output a file"
        )
    files = files_asked_for(args)
    files.check()
    findings = _findings(args, _request(args))
    written = write_segment_files(files, findings)
    document = {**findings.as_json(), "files": written, "seconds": round(time.monotonic() - began, 3)}
    _show(args, findings.groups, document)
    if not args.quiet:
        _tell(findings, written, chart_warnings(files, findings), is_until_today=args.end is None)
    return Exit.DONE


def _request(args: argparse.Namespace) -> SegmentRequest:
    return SegmentRequest(
        span=_span(args.start, args.end, args.timezone),
        date_field=args.date_field,
        revenue_field=args.revenue_field,
        by=tuple(args.by or ()),
        status=tuple(args.status or ()),
        where=tuple(args.where or ()),
        smart_view=args.smart_view,
        missing_revenue=args.missing_revenue,
        is_compared=bool(args.compare),
        zone=args.timezone,
    )


def _span(first: date, asked: date | None, zone: tzinfo) -> Span:
    """The days asked for; the last one is today if left out. Raises UsageError if the range ends before it starts."""
    last = asked or datetime.now(zone).date()
    if last < first:
        words = f"The range ends on {last}{'' if asked else ' (today)'}, before it starts on {first}"
        raise UsageError(f"{words}. Put the earlier day first")
    return Span(first, last)


def _findings(args: argparse.Namespace, request: SegmentRequest) -> Findings:
    """What a segment comes to. Raises UsageError for a name that means nothing usable in Close."""
    presentation = Presentation(args.stats, args.top, args.money, VERSION)
    imports = OwnImports(JOURNAL, index_lag(args), args.wait)
    listener = Listener(functools.partial(progress_bar, "leads", args.quiet), functools.partial(_tell_wait, args.quiet))
    try:
        with open_close(args, threading.Event()) as close:
            return segment_leads(close, request, presentation, imports, listener)
    except UnusableName as unusable:
        raise UsageError(_with_option(unusable)) from None


def _with_option(unusable: UnusableName) -> str:
    """What is wrong with a name and what to do, naming the option that it was given to."""
    option = f"--{unusable.purpose.replace('_', '-')}"
    joint = " " if unusable.problem.endswith((".", "?")) else ". "
    return unusable.problem + joint + unusable.advice.replace("{option}", option)


# What is said --------------------------------------------------------------------------------------------------------


def _show(args: argparse.Namespace, report: Report, document: Mapping[str, Any]) -> None:
    """Show the JSON document, the table as CSV, or the table for people."""
    if args.json:
        show_json(json_of(document))
    elif args.output is None:
        show_csv(as_csv(report).removesuffix("\n"))
    elif sys.stdout.isatty():
        show(terminal_table(report, shutil.get_terminal_size().columns))
    else:
        show(plain_table(report))


def _tell_wait(quiet: bool, leads: int) -> None:
    if not quiet:
        say(f"Waiting until Close's search shows {counted(leads, 'lead')} imported just now")


def _tell(
    findings: Findings, files: Mapping[str, str | None], of_chart: Sequence[str], *, is_until_today: bool
) -> None:
    """Say on standard error what was counted, what was left out, and where the files are."""
    for warning in (*findings.groups.warnings, *of_chart):
        say(f"warning: {warning}")
    segment = findings.provenance.segment
    if is_until_today or segment.tells_days_of_moments:
        other = "; for another time zone, add --timezone" if segment.question.dates.zone == UTC else ""
        say(f"days are those of {segment.question.dates.zone}{other}")
    if findings.provenance.segment.previous:
        say(f"compared with {findings.provenance.segment.previous}")
    written = ", ".join(path for path in files.values() if path)
    say(f"{findings.summary}; written to {written}" if written else findings.summary)


def json_of(document: Mapping[str, Any]) -> str:
    """A document as JSON. Amounts are numbers with all their digits, or texts if too large for a JSON number."""
    mark = secrets.token_hex()

    def marked(amount: Decimal) -> str:
        return f"{mark}{amount:f}" if abs(amount) < LARGEST_JSON_NUMBER else f"{amount:f}"

    text = json.dumps(document, indent=2, ensure_ascii=False, default=marked)
    return re.sub(f'"{mark}([^"]*)"', r"\1", text)
