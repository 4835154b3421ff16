"""A report as text: lines of CSV, and tables for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from cells.safe_text import guarded, harmless_line
from segmenting.chart import short_amount
from segmenting.columns import CHANGE, LEADS, MEDIAN, TOP_LEAD, TOTAL, Kind
from segmenting.report import MoneyStyle, Report

MOST_SHOWN = 60  # groups on a terminal
# Widths in characters of the bars and of the leads with most revenue; the first pair that fits is used.
FITS = ((24, 32), (24, 20), (16, 20), (10, 20), (10, 12), (0, 12), (0, 0))
WIDEST_NAME = 32  # characters of a group's name for which bars and leads make room
LEAST_NAME = 4
BETWEEN = 3  # characters from column to column
EIGHTHS = " ▏▎▍▌▋▊▉█"


# CSV -----------------------------------------------------------------------------------------------------------------


def csv_lines(report: Report) -> list[list[str]]:
    """The table as lines of CSV: money with two places, missing values blank, formulas made harmless."""
    header = [guarded(column) for column in report.table.columns]
    return [header, *([_csv_cell(cell, kind, report.money) for cell, kind in row] for row in report.rows())]


def _csv_cell(cell: Any, kind: Kind, money: MoneyStyle) -> str:
    if cell is None:
        return ""
    if kind in ("text", "link"):
        return guarded(cell)
    return in_dollars(cell) if kind == "money" and money == "usd" else str(cell)


def in_dollars(amount: Decimal) -> str:
    """An amount as Americans write it: `$15,325,123.00`, `-$5.00`."""
    return f"{'-' if amount < 0 else ''}${abs(amount):,.2f}"


def for_people(cell: Any, kind: Kind, money: MoneyStyle) -> str:
    """A cell as people read it, with separators between thousands."""
    if cell is None or kind in ("text", "link"):
        return cell or ""
    return in_dollars(cell) if kind == "money" and money == "usd" else f"{cell:,}"


# Tables for people ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Column:
    """A column to draw: its title, its cells, and how many characters of them to show (None for all)."""

    title: str
    cells: Sequence[str]
    is_text: bool = False
    width: int | None = None

    @property
    def natural_width(self) -> int:
        from rich.cells import cell_len

        return max(cell_len(text) for text in (self.title, *self.cells))


def plain_table(report: Report) -> str:
    """The whole table as text, with numbers on the right and a last row for all groups together."""
    rows = [*report.rows(), *report.total_rows()]
    kinds = [kind for _, kind in rows[0]] if rows else ["text" for _ in report.table.columns]
    cells = [[_one_line(for_people(cell, kind, report.money)) for cell, kind in row] for row in rows]
    return _drawn(
        [
            _Column(_one_line(title), [row[number] for row in cells], kinds[number] in ("text", "link"))
            for number, title in enumerate(report.table.columns)
        ]
    )


def terminal_table(report: Report, width: int) -> str:
    """The table for a terminal of 40 characters or more: short amounts, and a bar for the total of each group.

    Figures are never cut. If space is short, names are cut, and bars and the leads with most revenue are left out.
    """
    groups = report.records()
    shown = [*groups[:MOST_SHOWN], *report.total_records()]
    names = [_Column(_one_line(name), _texts(shown, name), is_text=True) for name in report.names]
    figures = _figures(report, shown, width)
    top = _Column("Most revenue", _texts(shown, TOP_LEAD), is_text=True)
    room = width - 1 - sum(column.natural_width + BETWEEN for column in figures)
    bar_width, top_width = next((fit for fit in FITS if _taken(names, top, *fit) <= room), FITS[-1])
    bars = _Column("", _bars(groups[:MOST_SHOWN], len(shown), bar_width), is_text=True, width=bar_width)
    top = replace(top, width=min(top_width, top.natural_width))
    names = _narrowed(names, room - _outer(bar_width) - _outer(top.width or 0))
    columns = [*names, *figures[:2], bars, *figures[2:], top]
    drawn = _drawn([column for column in columns if column.width != 0])
    hidden = len(groups) - MOST_SHOWN
    return f"{drawn}\n  and {hidden:,} more group{'s' * (hidden > 1)}" if hidden > 0 else drawn


def _figures(report: Report, records: Sequence[Mapping[str, Any]], width: int) -> list[_Column]:
    """Leads and total, then change and median if they fit."""
    change = f"{CHANGE}{TOTAL}"
    figures = [
        _Column("Leads", [f"{record[LEADS]:,}" for record in records]),
        _amounts("Total", records, TOTAL),
        *([_amounts("Change", records, change)] if change in report.table.columns else []),
        _amounts("Median", records, MEDIAN),
    ]
    least = 1 + len(report.names) * (LEAST_NAME + BETWEEN)
    while len(figures) > 2 and least + sum(column.natural_width + BETWEEN for column in figures) > width:
        figures.pop()
    return figures


def bar(amount: Decimal | None, largest: Decimal, width: int) -> str:
    """A bar as long as the amount is relative to the largest one; of light blocks if it is below zero."""
    if not amount or not largest:
        return ""
    eighths = max(1, int(abs(amount) * width * 8 / largest))
    if amount < 0:
        return "░" * max(1, eighths // 8)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def _bars(groups: Sequence[Mapping[str, Any]], rows: int, width: int) -> list[str]:
    """A bar for each group, and nothing for the rows below them."""
    largest = max((abs(record[TOTAL]) for record in groups if record[TOTAL] is not None), default=Decimal())
    bars = [bar(record[TOTAL], largest, width) for record in groups]
    return bars + [""] * (rows - len(bars))


def _texts(records: Sequence[Mapping[str, Any]], column: str) -> list[str]:
    return [_one_line(record[column] or "") for record in records]


def _amounts(title: str, records: Sequence[Mapping[str, Any]], column: str) -> _Column:
    return _Column(title, ["" if record[column] is None else short_amount(record[column]) for record in records])


def _taken(names: Sequence[_Column], top: _Column, bar_width: int, top_width: int) -> int:
    """The characters that names, bars and leads need if the names of groups are cut to a fair length."""
    widths = [bar_width, min(top_width, top.natural_width), *(min(WIDEST_NAME, name.natural_width) for name in names)]
    return sum(map(_outer, widths))


def _outer(width: int) -> int:
    return width + BETWEEN if width else 0


def _narrowed(columns: Sequence[_Column], room: int) -> list[_Column]:
    """Columns that fit into `room` characters: narrow ones keep their full width, the others share the rest."""
    widths: dict[int, int] = {}
    for number in sorted(range(len(columns)), key=lambda number: columns[number].natural_width):
        share = room // (len(columns) - len(widths)) - BETWEEN
        widths[number] = min(columns[number].natural_width, max(LEAST_NAME, share))
        room -= widths[number] + BETWEEN
    return [replace(column, width=widths[number]) for number, column in enumerate(columns)]


def _drawn(columns: Sequence[_Column]) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        side: Literal["left", "right"] = "left" if column.is_text else "right"
        width = column.natural_width if column.width is None else column.width
        table.add_column(column.title, justify=side, width=width, overflow="ellipsis", no_wrap=True)
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*row)
    width = 1 + sum((column.width or column.natural_width) + BETWEEN for column in columns)
    console = Console(width=width, color_system=None, markup=False, highlight=False, emoji=False)
    with console.capture() as drawn:
        console.print(table)
    return "\n".join(line.rstrip() for line in str(drawn.get()).rstrip().splitlines())


def _one_line(text: str) -> str:
    return harmless_line(text)
