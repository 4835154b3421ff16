"""The brakes of `import` on the command line: their flags, the question, and what is said when they hold."""

import argparse
import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from functools import partial

from commands.agreement import add_yes, agree_to_changes
from commands.arguments import whole_number
from commands.errors import UsageError
from commands.terminal import counted, enumerated
from importing.approval import Basis, approved
from importing.brakes import Brakes, MostRejects
from importing.outcomes import ImportResult
from importing.plan import Plan

MOST_LEADS = 1_000_000_000  # that a limit can name
MOST_REASONS = 3  # for rejects, in one line
SHARE = re.compile(r"(\d+(?:\.\d+)?)%", re.ASCII)
NUMBER = re.compile(r"\d+", re.ASCII)


# Arguments -----------------------------------------------------------------------------------------------------------


def add_brakes(parser: argparse.ArgumentParser) -> None:
    """Add the flags that keep an import from doing too much."""
    parser.add_argument(
        "--limit", type=limit, metavar="N", help="import only the next N leads; the same command again goes on"
    )
    parser.add_argument(
        "--max-rejects",
        type=most_rejects,
        metavar="5%",
        help="write nothing to Close if more rows than this would be rejected: a percentage (5%%) or a number of rows "
        "(default: no limit)",
    )
    add_yes(parser)


def limit(text: str) -> int:
    """How many leads to import."""
    return whole_number(text, MOST_LEADS)


def most_rejects(text: str) -> MostRejects:
    """How many rows may be rejected: `5%` of them, or `12`."""
    share = SHARE.fullmatch(text)
    if share and Decimal(share[1]) <= 100:
        return MostRejects(Decimal(share[1]), is_percentage=True)
    if NUMBER.fullmatch(text):
        return MostRejects(Decimal(text))
    words = f"must be a percentage up to 100%, such as 5%, or a number of rows, such as 12, not {text!r}"
    raise argparse.ArgumentTypeError(words)


def brakes_of(args: argparse.Namespace, basis: Basis) -> Brakes:
    """The brakes that a command asks for, for a plan that rests on this."""

    def agree(plan: Plan) -> None:
        to_do = sum(map(plan.is_to_do, plan.leads))
        agree_to_changes(args, to_do, _words_ahead(plan))

    brakes = Brakes(args.limit, args.max_rejects, agree=agree)
    return replace(brakes, approve=partial(approved, basis=basis, plan_id=args.plan)) if args.plan else brakes


# In words ------------------------------------------------------------------------------------------------------------


def _words_ahead(plan: Plan) -> str:
    """What a person is asked to agree to."""
    to_do: Counter[str] = Counter(planned.action for planned in plan.leads if plan.is_to_do(planned))
    told = {
        "create": f"creates {counted(to_do['create'], 'lead')}",
        "update": f"updates {counted(to_do['update'], 'lead')}",
        "look up": f"looks for {counted(to_do['look up'], 'lead')} sent before",
        "skip": f"removes doubles of {counted(to_do['skip'], 'lead')}",
    }
    parts = [words for action, words in told.items() if to_do[action]]
    rejected = len(plan.clean.rejected)
    cant = f" {counted(rejected, 'row')} can't be imported." if rejected else ""
    return f"This {enumerated(parts)} in {plan.organization.account.organization_name} (Close).{cant}"


def refusal_of(result: ImportResult, allowed: MostRejects, rejects: str) -> UsageError:
    """The error that says why an import does not begin, and what to do; `rejects` is the file that lists the rows."""
    rows, clean = len(result.rows), result.plan.clean
    codes = Counter(problem.code for problem in clean.rejected)
    reasons = {problem.code: problem.reason.removesuffix(".") for problem in reversed(clean.rejected)}
    told = [f"{times} {code} ({reasons[code]})" for code, times in codes.most_common(MOST_REASONS)]
    more = codes.total() - sum(times for _, times in codes.most_common(MOST_REASONS))
    told += [f"{more} for other reasons"] if more else []
    return UsageError(
        f"{len(clean.rejected)} of {counted(rows, 'row')} would be rejected, and --max-rejects allows "
        f"{allowed.of(rows)}. Nothing was written to Close. Reasons: {', '.join(told)}. {rejects} lists these rows: "
        "correct them in your file and run the same command again, or allow more with --max-rejects"
    )


def remaining_words(result: ImportResult, args: argparse.Namespace) -> list[str]:
    """How many leads a limited import leaves to the next run, and how to go on, in one line; empty for none."""
    remaining = result.plan.remaining
    if not remaining:
        return []
    leads = counted(remaining, "lead")
    if args.dry_run:
        return [f"{leads} would remain for the next run"]
    remain = "remains" if remaining == 1 else "remain"
    if args.plan:
        return [f"{leads} {remain}, which the approved plan leaves to a later run"]
    many = min(remaining, args.limit)
    following = (
        "it" if remaining == 1 else "them" if many == remaining else f"the next {many}, or without --limit for all"
    )
    return [f"{leads} {remain}; run the same command again to import {following}"]
