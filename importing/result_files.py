"""The lines of the files that an import writes: what became of each row, what would, and which values disagree."""

from collections.abc import Iterator
from operator import attrgetter

from cells.safe_text import guarded
from importing.outcomes import ImportResult

Line = list[str]
PLAN_COLUMNS = ("row", "company", "action", "reason", "changes", "lead id")
IMPORTED_COLUMNS = ("row", "company", "outcome", "reason", "changes", "lead id", "link")
CONFLICT_COLUMNS = ("row", "company", "column", "file has", "Close has", "link")


def plan_lines(result: ImportResult) -> Iterator[Line]:
    """The header, and what would be done with each row."""
    yield list(PLAN_COLUMNS)
    actions: dict[int, str] = {row: planned.action for planned in result.plan.leads for row in planned.lead.rows}
    for row in result.rows:
        action = actions.get(row.row, "reject")
        yield [guarded(cell) for cell in (row.row, row.company, action, row.reason, row.changes, row.lead_id)]


def imported_lines(result: ImportResult) -> Iterator[Line]:
    """The header, and what became of each row."""
    yield list(IMPORTED_COLUMNS)
    for row in result.rows:
        cells = (row.row, row.company, row.outcome, row.reason, row.changes, row.lead_id, row.link)
        yield [guarded(cell) for cell in cells]


def conflict_lines(result: ImportResult) -> Iterator[Line]:
    """The header, and each value that differs from the one that Close has, or that an earlier row gave it."""
    yield list(CONFLICT_COLUMNS)
    rows = {row.row: row for row in result.rows}
    for problem in sorted(result.conflicts, key=attrgetter("row")):
        row = rows[problem.row]
        cells = (row.row, row.company, problem.column, problem.value, problem.kept, row.link)
        yield [guarded(cell) for cell in cells]
