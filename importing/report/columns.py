"""The columns of a file in a report: where each goes, how much of it is filled and lost, and what its values become."""

from collections.abc import Mapping, Sequence

from importing.preview.preview import ColumnPreview, Sample
from importing.report.markup import (
    Cell,
    Html,
    Sort,
    bar,
    counted,
    not_shown,
    number_cell,
    pill,
    table,
    text,
    text_cell,
    value,
)
from importing.report.problem_words import problem_words

ROOM = 1_200_000  # bytes
HEADS: Mapping[str, Sort] = {
    "Column": "text",
    "In Close": "text",
    "Filled": "number",
    "Lost": "number",
    "Changed": "number",
    "Placeholders": "number",
    "Before → after": "text",
    "Most frequent problem": "text",
}


def columns_table(columns: Sequence[ColumnPreview], rows: int) -> Html:
    """The columns of a file that has so many rows."""
    made = table("columns", "Columns of the file", HEADS, (_cells(each, rows) for each in columns), ROOM)
    return made.html + not_shown(len(columns) - made.shown, "column")


def _cells(column: ColumnPreview, rows: int) -> list[Cell]:
    return [
        text_cell(column.title),
        Cell(_target(column)),
        _share("filled", column.filled, rows),
        _share("lost", column.dropped, column.filled),
        number_cell(column.changed),
        number_cell(column.placeholders),
        Cell("".join(map(_sample, column.samples))),
        Cell(_worst(column)),
    ]


def _target(column: ColumnPreview) -> Html:
    if not column.target:
        return '<span class="none">left out</span>'
    new = pill("new field", "new") if column.is_new else ""
    return f'<bdi>{text(column.target)}</bdi><div class="kind">{text(column.kind)} {new}</div>'


def _share(kind: str, part: int, total: int) -> Cell:
    """A bar and numbers: how many of how many."""
    told = f"{part:,} of {total:,}" if part else "none"
    return Cell(f'{bar({kind: part}, total)}<span class="share">{told}</span>', part / total if total else 0.0)


def _sample(sample: Sample) -> Html:
    """A value before and after, once if they are the same."""
    after = value(sample.after) if sample.after else "<em>lost</em>"
    change = "" if sample.after == sample.before else f" → {after}"
    row = f'<span class="row">row {sample.row}</span>'
    return f'<div class="sample">{row} {value(sample.before)}{change}</div>'


def _worst(column: ColumnPreview) -> Html:
    if not column.worst:
        return ""
    problem, count = column.worst, "once" if column.worst_count == 1 else counted(column.worst_count, "time")
    example = f"Row {problem.row}: {value(problem.value)} {text(problem.reason)}"
    return f'{text(problem_words(problem.code))}, {count}. <span class="reason">{example}</span>'
