"""What a dry run of an undo tells: the plan in words, and the file that lists all of it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from cells.safe_text import harmless_line
from close.machine import THIS_MACHINE
from commands.files import OUTPUT_FOLDER, write_csv
from commands.terminal import counted
from importing.undo.plan import PlannedLead, UndoPlan, plan_lines

MOST_DELETED = 10  # leads that are told by name; the file has all of them


def write_plan(run_id: str, plan: UndoPlan) -> Path:
    """The file that lists what would be done to each lead."""
    path = OUTPUT_FOLDER / f"undo_{run_id}_plan.csv"
    write_csv(path, plan_lines(plan), THIS_MACHINE.disk)
    return path


def plan_words(run_id: str, plan: UndoPlan, unchecked: int, written: str | None, command: str) -> str:
    """The plan in words: counts, then what would be left and why, what would be taken back, and what deleted.

    `unchecked` leads were not looked at, because the dry run ended early; then no file was `written`. The `command`
    carries the plan out.
    """
    left, restored, deleted = plan.having("leave"), plan.having("restore"), plan.having("delete")
    counts = f"would be deleted: {counted(len(deleted), 'lead')}; restored: {len(restored)}; left: {len(left)}"
    more = len(deleted) - MOST_DELETED
    lines = [
        f"{run_id}: {counts}" + (f"; not checked yet: {unchecked}" if unchecked > 0 else ""),
        *_listed("would be left", [_left_words(lead) for lead in left]),
        *_listed("would be restored, by taking back", [_restored_words(lead) for lead in restored]),
        *_listed("would be deleted", [_named(lead) for lead in deleted[:MOST_DELETED]]),
        *([f"  and {more} more"] if more > 0 else []),
        *_listed("duplicates that would be deleted first", plan.duplicates),
        "Nothing was written to Close.",
        *([f"plan: {written}"] if written else []),
        *([f"to carry this out: {command}"] if written and (deleted or restored) else []),
    ]
    return "\n".join(lines)


def _listed(title: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        yield f"{title}:"
        yield from (f"  {harmless_line(item)}" for item in items)


def _left_words(lead: PlannedLead) -> str:
    taken_back = f"; taken back all the same: {'; '.join(lead.taken_back)}" if lead.taken_back else ""
    return f"{_named(lead)}: {lead.reason}{taken_back}"


def _restored_words(lead: PlannedLead) -> str:
    return f"{_named(lead)}: {'; '.join(lead.taken_back) or 'nothing, because what was added is gone already'}"


def _named(lead: PlannedLead) -> str:
    return f"{lead.company} ({lead.link or 'no id'})"
