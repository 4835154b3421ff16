"""The contents of the files that an import writes: what became of each row, what would, and the rows to fix."""

from collections import defaultdict
from collections.abc import Iterator

from cells.columns import COMPANY, REJECT_COLUMNS
from cells.date_orders import note_date_orders
from cells.safe_text import guarded
from cleaning import Problem
from importing.outcomes import ImportResult

Line = list[str]
PLAN_COLUMNS = ("row", "company", "action", "reason", "changes", "lead id")
IMPORTED_COLUMNS = ("row", "company", "outcome", "reason", "changes", "lead id", "link")


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


def reject_lines(result: ImportResult) -> Iterator[Line]:
    """The header, and the rows to fix as they were in the file, each with its problems; formulas are not defused."""
    source = result.source
    order = note_date_orders(result.plan.clean.date_orders)
    own = source.cells[source.own_positions]
    yield [*(source.header[index] for index in source.own_positions), *REJECT_COLUMNS]
    for row, problems in rows_to_mend(result).items():
        marks = [[problem.column, problem.value, problem.code, problem.reason] for problem in problems]
        joined = ["\n".join(each) for each in zip(*marks, strict=True)]
        yield [*own.loc[row], str(row), *joined, order]


def rows_to_mend(result: ImportResult) -> dict[int, list[Problem]]:
    """The problems of each row that was rejected, failed or lost a value, by row number in the file's order."""
    refused = [
        Problem(row, COMPANY, outcome.lead.spellings[0], "refused", f"Close refused the lead: {outcome.reason}")
        for outcome in result.leads
        if outcome.outcome == "failed"
        for row in outcome.lead.rows
    ]
    problems: dict[int, list[Problem]] = defaultdict(list)
    for problem in [*result.plan.clean.rejected, *result.dropped, *refused]:
        problems[problem.row].append(problem)
    return dict(sorted(problems.items()))
