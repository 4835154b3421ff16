"""What a person should decide before an import is carried out, each in a sentence that says what can be done."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from cells.lead_fields import IMPORT_KEY
from cells.new_fields import AS_ALWAYS
from cells.readings import proved
from importing.outcomes import ImportResult
from importing.preview.preview import ColumnPreview, Decision
from importing.report.problem_words import problem_words

SHARE_OF_REJECTS = 0.05  # of the rows; if more are rejected, the file may have been misread
SHARE_OF_LOSS = 0.2  # of the values of a column; if more are lost, the column may have been misread
MOST_NAMED = 8  # things in a sentence
MOST_REASONS = 3  # the same, of reasons
LONGEST_TITLE = 60  # characters of a column's title; survey tools write whole questions there


def decisions_in(result: ImportResult, columns: Sequence[ColumnPreview]) -> Iterator[Decision]:
    """What to decide, the gravest first; nothing if the import is as one would expect."""
    yield from _many_rejects(result)
    yield from _columns_with_losses(columns)
    yield from _weak_readings(result)
    yield from _several_leads(result)
    yield from _left_out_columns(result)
    yield from _left_out_rows(result)
    yield from _new_fields(result)
    yield from _conflicts(result)


def _many_rejects(result: ImportResult) -> Iterator[Decision]:
    rejected, rows = len(result.plan.clean.rejected), len(result.rows)
    if rejected > SHARE_OF_REJECTS * rows:
        yield Decision(
            "rejected rows",
            f"{rejected} of {rows} rows can't be imported ({_reasons(result)}). Check that the file was read as you "
            "expect, or fix these rows first.",
        )


def _reasons(result: ImportResult) -> str:
    """Why rows are rejected, the most frequent reason first."""
    codes = Counter(problem.code for problem in result.plan.clean.rejected)
    return ", ".join(f"{problem_words(code).lower()}: {times}" for code, times in codes.most_common(MOST_REASONS))


def _columns_with_losses(columns: Iterable[ColumnPreview]) -> Iterator[Decision]:
    for column in columns:
        is_invalid = column.worst is not None and column.worst.code != "conflict"
        if is_invalid and column.dropped > SHARE_OF_LOSS * column.filled:
            yield Decision(
                _shortened(column.title),
                f"{column.dropped} of {column.filled} cells lose a value. Check that the column belongs in "
                f"{column.target}, or fix its values first.",
            )


def _weak_readings(result: ImportResult) -> Iterator[Decision]:
    for reading in proved(result.plan.clean.readings):
        if reading.is_weak:
            yield Decision(reading.column, f"{reading.in_words().removeprefix(f'{reading.column}: ')}.")


def _several_leads(result: ImportResult) -> Iterator[Decision]:
    names = [outcome.lead.name for outcome in result.leads if outcome.is_ambiguous]
    if names:
        yield Decision(
            "several leads in Close",
            f"Close has more than one lead for {_some(names)}, so these rows are left alone. Merge the leads in Close "
            "first.",
        )


def _left_out_columns(result: ImportResult) -> Iterator[Decision]:
    """The columns that hold values and that no map leaves out."""
    roles, counts = result.source.roles, result.source.count_left_out()
    undecided = [roles.labels[at] for at in roles.left_out if at not in roles.said]
    values = {label: counts[label] for label in undecided if label in counts}
    if values:
        told = [
            f"{_shortened(label)!r} with {count} {'value' if count == 1 else 'values'}"
            for label, count in values.items()
        ]
        yield Decision(
            "columns left out",
            f"The import leaves out {_some(told)}. To import a column, name it custom.<Field Name>, or give it a "
            "target in a map.",
        )


def _left_out_rows(result: ImportResult) -> Iterator[Decision]:
    rows = [str(row.number) for row in result.source.rows_left_out]
    if rows:
        row = f"Row {rows[0]} is" if len(rows) == 1 else f"Rows {_some(rows)} are"
        yield Decision(
            "rows left out", f"{row} above or below the table, and not imported. Check that no lead is there."
        )


def _new_fields(result: ImportResult) -> Iterator[Decision]:
    made = [new for new in result.plan.new_fields if new.name != IMPORT_KEY]
    if made:
        creates = f"creates {'it' if len(made) == 1 else 'them'}"
        change = "correct the value that decided, or give the type in a map"
        types = f" If a type is not what you want, {change}." if any(new.reason != AS_ALWAYS for new in made) else ""
        yield Decision(
            "new custom fields",
            f"Close does not have {_some([f'{new.name} ({new.kind})' for new in made])} yet, so the import {creates}. "
            f"If Close has such a field under another name, rename the column custom.<Field Name>.{types}",
        )


def _conflicts(result: ImportResult) -> Iterator[Decision]:
    count = len(result.conflicts)
    if count:
        differ = "1 value differs" if count == 1 else f"{count} values differ"
        yield Decision(
            "values that disagree",
            f"{differ} from Close or from an earlier row, whose value is kept. If that value is wrong, correct it in "
            "Close or in that row.",
        )


def _shortened(title: str) -> str:
    return title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1].rstrip()}…"


def _some(names: Sequence[str]) -> str:
    """Names in a sentence; of very many, the first ones and the number of the others."""
    if len(names) > MOST_NAMED:
        return f"{', '.join(names[:MOST_NAMED])} and {len(names) - MOST_NAMED} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
