"""The problems of an import in a report: those of each kind together, and the values that disagree."""

from collections.abc import Mapping, Sequence

from cells.problems import Problem
from importing.preview.preview import ProblemKind
from importing.report.markup import Cell, Html, Sort, not_shown, pill, table, text, text_cell, value
from importing.report.problem_words import problem_words

ROOM = 2_400_000  # bytes for the problems of all kinds
MOST_ON_PAPER = 500  # problems of a kind; style.py hides the others
ROOM_OF_CONFLICTS = 400_000
HEADS: Mapping[str, Sort] = {"Row": "number", "Column": "text", "Value": "text", "Reason": "text"}
HEADS_OF_CONFLICTS: Mapping[str, Sort] = {
    "Row": "number",
    "Column": "text",
    "The file has": "text",
    "Kept": "text",
    "Why": "text",
}


def problem_kinds(kinds: Sequence[ProblemKind], path: str | None) -> Html:
    """What can be opened for each kind; `path` is the file that has the problems that are too many for the page."""
    return "".join(_kind(kind, ROOM // len(kinds), path) for kind in kinds)


def _kind(kind: ProblemKind, room: int, path: str | None) -> Html:
    made = table("problems", problem_words(kind.code), HEADS, map(_cells, kind.problems), room)
    more = not_shown(len(kind.problems) - made.shown, "problem", path)
    paper = f'<p class="more paper">The first {MOST_ON_PAPER} are printed.</p>' if made.shown > MOST_ON_PAPER else ""
    return f"<details>{_summary(kind)}\n{made.html}{paper}{more}</details>\n"


def _summary(kind: ProblemKind) -> Html:
    loses = pill("whole rows are lost", "lost") if kind.of_rows else ""
    return (
        f'<summary><h3>{text(problem_words(kind.code))}</h3> <b class="count">{len(kind.problems):,}</b> '
        f'<code>{text(kind.code)}</code> {loses} <span class="found"></span>'
        f'<span class="reason">{_reason(kind.problems)}</span></summary>'
    )


def _reason(problems: Sequence[Problem]) -> Html:
    """The reason that all the problems of a kind have, or that of the first one."""
    first = problems[0].reason
    return text(first) if all(each.reason == first for each in problems) else f"for example: {text(first)}"


def _cells(problem: Problem) -> list[Cell]:
    return [Cell(str(problem.row)), text_cell(problem.column), Cell(value(problem.value)), text_cell(problem.reason)]


def conflicts_table(conflicts: Sequence[Problem], path: str | None) -> Html:
    """The values that disagree; `path` is the file that has those that are too many for the page."""
    made = table(
        "conflicts", "Values that disagree", HEADS_OF_CONFLICTS, map(_conflict_cells, conflicts), ROOM_OF_CONFLICTS
    )
    return made.html + not_shown(len(conflicts) - made.shown, "conflict", path)


def _conflict_cells(problem: Problem) -> list[Cell]:
    row, column, has, why = _cells(problem)
    return [row, column, has, Cell(value(problem.kept)), why]
