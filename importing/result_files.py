"""The contents of the files that an import writes: what became of each row, what would, and the rows to fix."""

from collections import defaultdict
from collections.abc import Iterator

from cells.columns import COMPANY, DECIMAL_COLUMN, REJECT_COLUMNS
from cells.dates import DATE_ORDERS
from cells.notes import note_of
from cells.numbers import DECIMAL_MARKS
from cells.problems import Problem
from cells.safe_text import guarded
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
    order = note_of(result.plan.clean.read_as(DATE_ORDERS))
    marks = result.plan.clean.read_as(DECIMAL_MARKS)
    noted, columns = ([order, note_of(marks)], [DECIMAL_COLUMN]) if "comma" in marks.values() else ([order], [])
    own = source.written[source.own_positions]
    yield [*(source.header[index] for index in source.own_positions), *REJECT_COLUMNS, *columns]
    for row, problems in rows_to_mend(result).items():
        told = [[problem.column, problem.value, problem.code, problem.reason] for problem in problems]
        joined = ["\n".join(each) for each in zip(*told, strict=True)]
        yield [*own.loc[row], str(row), *joined, *noted]


def rows_to_mend(result: ImportResult) -> dict[int, list[Problem]]:
    """The problems of each row that was rejected, failed or lost a value, by row number in the file's order."""
    company = result.source.roles.called(COMPANY)
    refused = [
        Problem(row, company, outcome.lead.spellings[0], "refused", f"Close refused the lead: {outcome.reason}")
        for outcome in result.leads
        if outcome.outcome == "failed"
        for row in outcome.lead.rows
    ]
    problems: dict[int, list[Problem]] = defaultdict(list)
    for problem in [*result.plan.clean.rejected, *result.dropped, *refused]:
        problems[problem.row].append(problem)
    return dict(sorted(problems.items()))
