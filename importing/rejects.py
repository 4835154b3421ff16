"""The rows of an import to fix: each as it was in the file, what is wrong with it, and in which of its cells."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from cells.columns import (
    COMPANY,
    CUSTOM_PREFIX,
    DATE_ORDER_COLUMN,
    DECIMAL_COLUMN,
    REJECT_COLUMNS,
    ROW_COLUMN,
    texts_of,
)
from cells.dates import DATE_ORDERS
from cells.decimal_marks import find_decimal_marks
from cells.notes import note_of
from cells.numbers import DECIMAL_MARKS
from cells.problems import Problem
from cells.readings import UnclearColumn
from cells.source_file import SourceFile
from cells.texts import ProblemCode
from importing.outcomes import CHANGED_SINCE, ImportResult, LeadOutcome

Line = list[str]
TOLD_COLUMNS = REJECT_COLUMNS[:-1]  # about one row


@dataclass(frozen=True, slots=True)
class Reject:
    """A row to fix: its `cells` as they were in the file, and what is `told` of it in the columns for that.

    `reasons` has what is wrong with single cells, by position in `cells`.
    """

    cells: Line
    told: Line
    reasons: dict[int, Line]


@dataclass(frozen=True, slots=True)
class Rejects:
    """All rows to fix, and how the whole file was read, by the column that notes it."""

    source: SourceFile
    problems: Mapping[int, Sequence[Problem]]
    noted: Mapping[str, str]

    @property
    def header(self) -> Line:
        """The titles of the file's own columns."""
        return [self.source.header[at] for at in self.source.own_positions]

    def rows(self) -> Iterator[Reject]:
        """The rows in the order of the file; where that is a rejects file, with the numbers that it has for them."""
        cells_about = CellsAbout(self.source)
        written = self.source.as_written.loc[list(self.problems)]
        noted = self.source.column(ROW_COLUMN).loc[list(self.problems)].tolist()
        has_noted = ROW_COLUMN in self.source.roles.ours
        for (row, problems), known, values in zip(self.problems.items(), noted, written.to_numpy(), strict=True):
            cells = values.tolist()
            reasons: defaultdict[int, Line] = defaultdict(list)
            for problem in problems:
                for at in cells_about.positions(problem, cells):
                    reasons[at].append(_reason_at(problem, cells[at]))
            yield Reject(cells, [known if has_noted else str(row), *_joined(problems)], reasons)

    def lines(self) -> Iterator[Line]:
        """The header and the rows for a CSV file, first the columns of the file; formulas are not defused."""
        yield [*self.header, *TOLD_COLUMNS, *self.noted]
        yield from ([*reject.cells, *reject.told, *self.noted.values()] for reject in self.rows())


def rejects_of(result: ImportResult) -> Rejects:
    """The rows that were rejected or failed, or that lost a value for another reason than a conflict."""
    clean, to_fix = result.plan.clean, _problems_to_fix(result)
    marks = clean.read_as(DECIMAL_MARKS)
    needs_marks = "comma" in marks.values() or not _prove_marks(result.source, list(to_fix), marks)
    noted = {DATE_ORDER_COLUMN: note_of(clean.read_as(DATE_ORDERS))}
    return Rejects(result.source, to_fix, noted | ({DECIMAL_COLUMN: note_of(marks)} if needs_marks else {}))


def _problems_to_fix(result: ImportResult) -> dict[int, list[Problem]]:
    """All problems of each row that has others than conflicts, by row number in the file's order."""
    problems: defaultdict[int, list[Problem]] = defaultdict(list)
    for problem in [*result.plan.clean.rejected, *result.dropped, *failed_rows(result)]:
        problems[problem.row].append(problem)
    return {row: each for row, each in sorted(problems.items()) if any(one.code != "conflict" for one in each)}


def failed_rows(result: ImportResult) -> list[Problem]:
    """A problem for each row of a lead that failed as a whole."""
    company = result.source.roles.called(COMPANY)
    return [
        Problem(row, company, outcome.lead.spellings[0], *_why_failed(outcome))
        for outcome in result.leads
        if outcome.outcome == "failed"
        for row in outcome.lead.rows
    ]


def _why_failed(outcome: LeadOutcome) -> tuple[ProblemCode, str]:
    """The code and the reason."""
    if outcome.reason == CHANGED_SINCE:
        return "changed", f"The lead was not imported: {CHANGED_SINCE}."
    return "refused", f"Close refused the lead: {outcome.reason}"


def _prove_marks(source: SourceFile, rows: list[int], marks: Mapping[str, str]) -> bool:
    """Whether some rows alone show what comes before decimals in the columns that have `marks`."""
    columns = {name: CUSTOM_PREFIX + name for name in source.roles.custom}
    read = {name: column for name, column in columns.items() if source.roles.called(column) in marks}
    texts = {name: texts_of(source.column(column).loc[rows]) for name, column in read.items()}
    try:
        alone = find_decimal_marks(texts, {}, pd.Series(dtype=object), source.roles.called)
    except UnclearColumn:
        return False
    return all(reading.reading == marks[reading.column] for reading in alone.values())


def _joined(problems: Sequence[Problem]) -> Iterator[str]:
    """The columns, values, codes and reasons of some problems, one in each line."""
    told = ((problem.column, problem.value, problem.code, problem.reason) for problem in problems)
    return map("\n".join, zip(*told, strict=True))


def _reason_at(problem: Problem, cell: str) -> str:
    """What is wrong with a cell, and with which of its values if it has more and the reason does not say it."""
    is_part = problem.value and problem.value in cell and problem.value != cell
    return f"{problem.value}: {problem.reason}" if is_part and problem.value not in problem.reason else problem.reason


class CellsAbout:
    """Tells in which of a row's cells the value of a problem stands, by what the problem calls the column."""

    def __init__(self, source: SourceFile) -> None:
        roles, place = source.roles, {at: index for index, at in enumerate(source.own_positions)}
        self._named = {source.header[at].strip(): index for at, index in place.items()}
        self._named |= {roles.labels[at]: index for at, index in place.items()}
        self._filled = {column: [place[at] for at in positions] for column, positions in roles.sources.items()}
        self._filled |= {roles.called(column): places for column, places in self._filled.items()}

    def positions(self, problem: Problem, cells: Sequence[str]) -> list[int]:
        """The cell that has the value, or if there is not just one, the named column or else all that fill it.

        `cells` are those of the file's own columns.
        """
        named = self._named.get(problem.column)
        all_places = self._filled.get(problem.column, [] if named is None else [named])
        having = [at for at in all_places if problem.value and problem.value in cells[at]]
        if len(having) == 1 or named is None:
            return having if len(having) == 1 else all_places
        return [named]
