"""What a dry run shows of an import, for people and as JSON: columns with samples, the first leads, what to decide."""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cells.problems import Problem
from cells.safe_text import harmless_line
from commands.terminal import counted, enumerated
from importing.preview.preview import ColumnPreview, Decision, Effort, Preview, PreviewedLead, Sample

WIDTH = 100  # characters, where no terminal says how wide it is
NARROWEST, WIDEST = 40, 120  # characters; a wider terminal is not filled
WIDE_ENOUGH = 84  # characters for a table; below, each column gets its numbers in words
LONGEST_CELL = 500  # characters of a cell that are looked at; more never fit
MOST_CONTACTS = 5  # of a lead; the plan has all of them
LEFT_OUT = "(left out)"
COUNTS = ("filled", "changed", "dropped", "placeholders")
_COUNTS_WIDTH = sum(map(len, COUNTS)) + 2 * len(COUNTS)


def terminal_width() -> int:
    """How many characters fit in a line of standard output; always the same number if it is not a terminal."""
    if not sys.stdout.isatty():
        return WIDTH
    return max(NARROWEST, min(WIDEST, shutil.get_terminal_size((WIDTH, 24)).columns - 1))


def told_preview(preview: Preview, width: int) -> list[str]:
    """The preview in lines that are no wider than a terminal; of what is too long, the beginning is shown."""
    sections = [
        _decision_lines(preview.decisions, width),
        list(_column_lines(preview.columns, width)),
        list(_lead_lines(preview.first_leads, width)),
    ]
    return [line for section in sections if section for line in ("", *section)] + [""]


def about_lines(preview: Preview) -> list[str]:
    """Where the leads go, for whom, and how the file was read, in short lines."""
    told = {
        "organization": preview.organization,
        "user": preview.user,
        "read as": preview.form or "CSV with commas, UTF-8",
        "map": preview.map_name,
    }
    return [f"{name}: {harmless_line(text)}" for name, text in told.items() if text]


def effort_words(effort: Effort) -> str:
    """The requests and minutes that an import takes, and the rate for which that holds."""
    requests = counted(effort.requests, "request")
    return f"to carry this out: about {requests}, {effort.time_in_words} ({effort.rate_in_words})"


def _decision_lines(decisions: Iterable[Decision], width: int) -> list[str]:
    lines = [_wrapped(f"{each.subject}: {each.words}", width, first="  - ", others="    ") for each in decisions]
    return ["to decide before the import:", *(line for some in lines for line in some)] if lines else []


# Columns -------------------------------------------------------------------------------------------------------------


def _column_lines(columns: Sequence[ColumnPreview], width: int) -> Iterator[str]:
    shown = [column for column in columns if column.target or column.filled or column.placeholders]
    table = _Table(shown, width) if width >= WIDE_ENOUGH else None
    yield table.header if table else "columns:"
    for column in shown:
        yield from [table.row(column)] if table else _in_words(column, width)
        yield from (_sample_line(sample, width) for sample in column.samples)
        if column.worst:
            yield _cut(f"    {_worst_words(column.worst, column.worst_count)}", width)
    if len(shown) < len(columns):
        yield f"{counted(len(columns) - len(shown), 'more column')} without any value"


class _Table:
    """The columns of a file in a table: the names of columns and targets share the room beside the numbers."""

    def __init__(self, columns: Sequence[ColumnPreview], width: int) -> None:
        self._kind = max(map(_length, ("type", *map(_kind, columns))))
        names = width - _COUNTS_WIDTH - self._kind - 4
        titles = max(map(_length, ("column", *(_plain(column.title) for column in columns))))
        targets = max(map(_length, ("goes to", *(_plain(_target(column)) for column in columns))))
        self._title = min(titles, max(names // 2, names - targets))
        self._target = min(targets, names - self._title)
        self.header = self._line("column", "goes to", "type", COUNTS)

    def row(self, column: ColumnPreview) -> str:
        counts = (column.filled, column.changed, column.dropped, column.placeholders)
        return self._line(column.title, _target(column), _kind(column), list(map(str, counts)))

    def _line(self, title: str, target: str, kind: str, counts: Sequence[str]) -> str:
        named = ((title, self._title), (target, self._target), (kind, self._kind))
        figures = (f"{count:>{len(name)}}" for name, count in zip(COUNTS, counts, strict=True))
        return "  ".join([*(_fitted(*each) for each in named), *figures])


def _in_words(column: ColumnPreview, width: int) -> Iterator[str]:
    """A column in two lines for a narrow terminal."""
    kind = f" ({_kind(column)})" if column.kind else ""
    yield _cut(f"{_plain(column.title)} -> {_plain(_target(column))}{kind}", width)
    told = {"changed": column.changed, "dropped": column.dropped}
    words = [f"{column.filled} filled", *(f"{count} {name}" for name, count in told.items() if count)]
    words += [counted(column.placeholders, "placeholder")] if column.placeholders else []
    yield _cut(f"  {', '.join(words)}", width)


def _target(column: ColumnPreview) -> str:
    return column.target or LEFT_OUT


def _kind(column: ColumnPreview) -> str:
    return f"{column.kind}, new" if column.is_new else column.kind


def _sample_line(sample: Sample, width: int) -> str:
    """A cell before and after, or once; each side gets half of the room, and what the other one leaves."""
    start = f"    row {sample.row}: "
    before, after = harmless_line(sample.before[:LONGEST_CELL]), _plain(sample.after) or "(dropped)"
    room = max(20, width - len(start) - len(" -> "))
    for_before = max(room // 2, room - _length(after))
    if before == after:
        return f"{start}{_cut(after, width - len(start))}"
    before = _cut(before, for_before)
    return f"{start}{before} -> {_cut(after, room - _length(before))}"


def _worst_words(worst: Problem, count: int) -> str:
    value = f"{_cut(_plain(worst.value), 40)!r}: " if worst.value else ""
    return f"{count} {worst.code}, first in row {worst.row}: {value}{worst.reason}"


# Leads ---------------------------------------------------------------------------------------------------------------


def _lead_lines(leads: Sequence[PreviewedLead], width: int) -> Iterator[str]:
    if leads:
        yield (
            "the first lead, as Close will hold it:"
            if len(leads) == 1
            else f"the first {len(leads)} leads, as Close will hold them:"
        )
    for lead in leads:
        yield from _one_lead(lead, width)


def _one_lead(lead: PreviewedLead, width: int) -> Iterator[str]:
    rows = list(map(str, lead.rows))
    named = f"row {rows[0]}" if len(rows) == 1 else f"rows {enumerated(_first(rows))}"
    yield _cut(f"  {_plain(lead.company)} ({lead.outcome}, {named})", width)
    others = len(lead.contacts) - MOST_CONTACTS
    told = [*lead.values, *(("contact", contact) for contact in lead.contacts[:MOST_CONTACTS])]
    widest = min(max((_length(_plain(name)) for name, _ in told), default=0), width // 3)
    for name, value in told:
        yield _cut(f"    {_fitted(name, widest)}  {_plain(value)}", width)
    if others > 0:
        yield f"    and {counted(others, 'more contact')}"


def _first(rows: Sequence[str]) -> list[str]:
    return [*rows[:5], f"{len(rows) - 5} more"] if len(rows) > 6 else list(rows)


# Text that fits ------------------------------------------------------------------------------------------------------


def _plain(text: str) -> str:
    """A text on one line, without what controls a terminal."""
    return " ".join(harmless_line(text[:LONGEST_CELL]).split())


def _length(text: str) -> int:
    """How many characters of a terminal a text needs."""
    from rich.cells import cell_len

    return cell_len(text)


def _cut(text: str, width: int) -> str:
    """The text, or as much of its beginning as fits."""
    from rich.cells import set_cell_size

    text = harmless_line(text)
    return text if _length(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"


def _fitted(text: str, width: int) -> str:
    """The text in exactly this width."""
    text = _cut(_plain(text), width)
    return text + " " * (width - _length(text))


def _wrapped(text: str, width: int, *, first: str, others: str) -> list[str]:
    """The whole text in lines."""
    text = " ".join(harmless_line(text).split())
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)


# JSON ----------------------------------------------------------------------------------------------------------------


def preview_json(preview: Preview) -> dict[str, Any]:
    """The columns, the first leads and the decisions as `--json` prints them."""
    return {
        "columns": [_column_json(column) for column in preview.columns],
        "first_leads": [_lead_json(lead) for lead in preview.first_leads],
        "decisions": [{"subject": each.subject, "words": each.words} for each in preview.decisions],
    }


def _column_json(column: ColumnPreview) -> dict[str, Any]:
    return {
        "title": column.title,
        "target": column.target,
        "kind": column.kind,
        "is_new": column.is_new,
        "filled": column.filled,
        "changed": column.changed,
        "dropped": column.dropped,
        "placeholders": column.placeholders,
        "samples": [{"row": each.row, "before": each.before, "after": each.after} for each in column.samples],
        "worst": _problem_json(column.worst) if column.worst else None,
        "worst_count": column.worst_count,
    }


def _problem_json(problem: Problem) -> dict[str, Any]:
    return {"row": problem.row, "value": problem.value, "code": problem.code, "reason": problem.reason}


def _lead_json(lead: PreviewedLead) -> dict[str, Any]:
    return {
        "company": lead.company,
        "rows": list(lead.rows),
        "outcome": lead.outcome,
        "values": [{"name": name, "value": value} for name, value in lead.values],
        "contacts": list(lead.contacts),
    }


def effort_json(effort: Effort) -> dict[str, Any]:
    """The requests and minutes that an import takes as `--json` prints them."""
    return {"requests": effort.requests, "minutes": round(effort.minutes, 2)}
