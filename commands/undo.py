"""undo: undo an import."""

import argparse
import contextlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cells.safe_text import harmless_line
from close.journal import JournalFile
from close.journal_entries import Run
from close.workers import until_error
from close_client import CloseClient
from commands.agreement import add_yes, agree_to_changes
from commands.arguments import add_index_lag, add_service_flags, undo_command
from commands.environment import (
    WORDS_OF_CLOSE,
    index_lag,
    list_lag,
    open_close,
    open_own_journal,
    tell_of_closed_log,
)
from commands.error_words import tell_early_end
from commands.errors import Exit
from commands.interrupts import STOPPING, noticing_interrupt
from commands.terminal import counted, say, show, show_json, with_progress
from commands.undo_dry_run import plan_words, write_plan
from importing.organization import open_organization
from importing.undo.dry_run import DryRunClient
from importing.undo.plan import plan_of
from importing.undo.rounds import UndoneLead
from importing.undo.undo import count_to_undo, foresee_undo, undo_run

WORDS = WORDS_OF_CLOSE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    add_service_flags(parser)
    parser.add_argument("run_id", metavar="RUN_ID", help="id of an import, as listed by `runs`; last for the newest")
    parser.add_argument("--dry-run", action="store_true", help="show what would be undone; write nothing to Close")
    add_index_lag(parser)
    add_yes(parser)


def run(args: argparse.Namespace) -> int:
    """Undo an import, except for leads that were changed or worked on since."""
    stop = threading.Event()
    done: list[UndoneLead] = []
    kind = DryRunClient if args.dry_run else CloseClient
    with _open_journal(is_copy=args.dry_run) as journals, open_close(args, stop, kind=kind) as close:
        organization = open_organization(close, journals, index_lag(args), list_lag(args))
        run = organization.journal.find_run(args.run_id)
        total = count_to_undo(organization.journal, run)
        if not args.quiet:
            say(_first_words(run, total, is_dry_run=args.dry_run))
        agree_to_changes(args, total, _words_ahead(run, total, organization.account.organization_name))
        with noticing_interrupt(stop, "" if args.quiet else STOPPING):
            undo = foresee_undo if args.dry_run else undo_run
            undoing = undo(organization, run, stop, _silent if args.quiet else say)
            ended_by = until_error(with_progress(undoing, total, "leads", args.quiet), done)
        plan = plan_of(close, done) if isinstance(close, DryRunClient) else None
    written = str(write_plan(run.run_id, plan)) if plan and not ended_by else None
    report = _report(run.run_id, done, is_dry_run=args.dry_run, plan_file=written)
    if args.json:
        show_json(json.dumps(report, indent=2, ensure_ascii=False))
    elif plan:
        show(plan_words(run.run_id, plan, total - len(done), written, undo_command(run.run_id, args)))
    else:
        show(_summary(report, total - len(done)))
    if not args.quiet:
        tell_of_closed_log(close)
    return tell_early_end(ended_by, args) if ended_by else _exit_code(args, done)


def _exit_code(args: argparse.Namespace, done: Sequence[UndoneLead]) -> Exit:
    """The exit code of an undo, or of its dry run, that was not ended early."""
    if args.dry_run and not all(lead.is_known for lead in done):
        return Exit.UNREACHABLE
    return Exit.INCOMPLETE if any(lead.outcome == "left" for lead in done) else Exit.DONE


@contextlib.contextmanager
def _open_journal(*, is_copy: bool) -> Iterator[JournalFile]:
    """The journal, or a copy of it for a dry run, which notes nothing for good."""
    with contextlib.ExitStack() as stack:
        journals = stack.enter_context(open_own_journal())
        yield stack.enter_context(contextlib.closing(journals.copy())) if is_copy else journals


def _silent(_: str) -> None:
    """Say nothing, as `--quiet` asks."""


def _first_words(run: Run, total: int, *, is_dry_run: bool) -> str:
    """What is about to be done."""
    if run.state == "undone":
        return f"Run {run.run_id} was already undone."
    what = "Checking what an undo would do to run" if is_dry_run else "Undoing run"
    return f"{what} {run.run_id} of {run.file}: {counted(total, 'lead')} to check."


def _words_ahead(run: Run, total: int, organization_name: str) -> str:
    """What a person is asked to agree to."""
    return (
        f"This undoes run {run.run_id} in {organization_name} (Close): it deletes up to {total} leads, or takes back "
        "what was added to them."
    )


def _report(run_id: str, done: Sequence[UndoneLead], *, is_dry_run: bool, plan_file: str | None) -> dict[str, Any]:
    """What `--json` prints; for a dry run, the counts that an undo would have, and where its plan is."""
    report = {
        "run_id": run_id,
        "deleted": sum(lead.outcome == "deleted" for lead in done),
        "restored": sum(lead.outcome == "restored" for lead in done),
        "left": [
            {"lead_id": lead.lead_id, "company": lead.company, "reason": lead.reason}
            for lead in done
            if lead.outcome == "left"
        ],
    }
    return report | {"dry_run": True, "files": {"plan": plan_file}} if is_dry_run else report


def _summary(report: Mapping[str, Any], waiting: int) -> str:
    """The report in words; `waiting` leads were not checked, because the undo ended early."""
    left = report["left"]
    counts = f"{report['deleted']} deleted, {report['restored']} restored, {len(left)} left unchanged"
    lines = [f"{report['run_id']}: {counts}"]
    if waiting > 0:
        lines[0] += f", {waiting} not checked yet"
    told = (f"{lead['company']} ({lead['lead_id'] or 'no id'}): {lead['reason']}" for lead in left)
    lines += [f"  left: {harmless_line(words)}" for words in told]
    lines += ["Review these in Close and delete or change them by hand if needed."] if left else []
    return "\n".join(lines)
