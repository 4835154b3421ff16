"""A segment as people read it and take it away: lines of CSV, a workbook, a page, a table on a terminal."""

import io
from collections.abc import Sequence
from decimal import Decimal
from html import escape
from typing import Any, cast

import pandas as pd

from charting import Bar, Picture, draw_chart, inline_svg, short_amount
from reporting import MoneyStyle, Report
from segmentation import LEADS, MEDIAN, TOP_LEAD, TOTAL, Kind, kind_of
from writing import csv_text, guarded

EXACT_DIGITS = 15  # of a number that a spreadsheet keeps
LONGEST_CELL = 32_767  # characters of a text in a spreadsheet
LONGEST_URL = 2_079  # the same of a link
WIDEST_COLUMN = 420  # pixels
WIDEST_LINE = 10_000  # characters of a table that goes to a file: its rows are never broken
MOST_SHOWN = 60  # groups on a terminal
BAR_WIDTH = 24  # characters
EIGHTHS = " ▏▎▍▌▋▊▉█"


# A cell --------------------------------------------------------------------------------------------------------------


def _rows(table: pd.DataFrame) -> list[list[Any]]:
    return [list(row.values()) for row in table.to_dict("records")]


def _kinds(table: pd.DataFrame) -> list[Kind]:
    return [kind_of(column) for column in table.columns]


def in_dollars(amount: Decimal) -> str:
    """An amount as Americans write it: `$15,325,123.00`, `-$5.00`."""
    return f"{'-' if amount < 0 else ''}${abs(amount):,.2f}"


def _csv_cell(cell: Any, kind: Kind, money: MoneyStyle) -> str:
    if cell is None:
        return ""
    if kind in ("text", "link"):
        return guarded(cell)
    return in_dollars(cell) if kind == "money" and money == "usd" else str(cell)


def _shown(cell: Any, kind: Kind, money: MoneyStyle) -> str:
    """A cell for people, with its thousands parted."""
    if cell is None or kind in ("text", "link"):
        return cell or ""
    return in_dollars(cell) if kind == "money" and money == "usd" else f"{cell:,}"


# CSV and terminal ----------------------------------------------------------------------------------------------------


def csv_lines(report: Report) -> list[list[str]]:
    """The table as lines of CSV: money with two places, what is missing blank, formulas made harmless."""
    kinds = _kinds(report.table)
    return [
        [guarded(column) for column in report.table.columns],
        *(
            [_csv_cell(cell, kind, report.money) for cell, kind in zip(row, kinds, strict=True)]
            for row in _rows(report.table)
        ),
    ]


def plain_table(report: Report) -> str:
    """The whole table as text, its numbers to the right."""
    kinds = _kinds(report.table)
    rows = [
        [_shown(cell, kind, report.money) for cell, kind in zip(row, kinds, strict=True)] for row in _rows(report.table)
    ]
    return _drawn(list(report.table.columns), [kind in ("text", "link") for kind in kinds], rows, WIDEST_LINE)


def terminal_table(report: Report, width: int) -> str:
    """The table as fits a terminal of so many characters: short amounts, and a bar for the total of each group."""
    names = _names(report.table)
    records = report.table.to_dict("records")
    largest = max((abs(record[TOTAL]) for record in records if record[TOTAL] is not None), default=Decimal())
    rows = [
        [
            *(str(record[name]) for name in names),
            f"{record[LEADS]:,}",
            _short(record[TOTAL]),
            bar(record[TOTAL], largest),
            _short(record[MEDIAN]),
            record[TOP_LEAD] or "",
        ]
        for record in records[:MOST_SHOWN]
    ]
    titles = [*names, "Leads", "Total", "", "Median", "Most revenue"]
    drawn = _drawn(titles, [*[True] * len(names), False, False, True, False, True], rows, width)
    hidden = len(records) - len(rows)
    return f"{drawn}\n  and {hidden} more" if hidden > 0 else drawn


def bar(amount: Decimal | None, largest: Decimal) -> str:
    """A bar as long as the amount is beside the largest one; of light blocks where it is below zero."""
    if not amount or not largest:
        return ""
    eighths = max(1, int(abs(amount) * BAR_WIDTH * 8 / largest))
    if amount < 0:
        return "░" * max(1, eighths // 8)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def _short(amount: Decimal | None) -> str:
    return "" if amount is None else short_amount(amount)


def _names(table: pd.DataFrame) -> list[str]:
    """The columns that name the groups: those before the figures."""
    return list(table.columns[: list(table.columns).index(LEADS)])


def _drawn(titles: Sequence[str], is_text: Sequence[bool], rows: Sequence[Sequence[str]], width: int) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for title, left in zip(titles, is_text, strict=True):
        table.add_column(title, justify="left" if left else "right", overflow="ellipsis", no_wrap=True)
    for row in rows:
        table.add_row(*(_one_line(cell) for cell in row))
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    with console.capture() as drawn:
        console.print(table)
    return "\n".join(line.rstrip() for line in str(drawn.get()).rstrip().splitlines())


def _one_line(text: str) -> str:
    """A text without what would steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


# Workbook ------------------------------------------------------------------------------------------------------------


def workbook(report: Report) -> bytes:
    """An Excel workbook: the table with its header frozen, and how it was made. No text in it is a formula.

    Numbers are numbers; but one of more digits than a spreadsheet keeps is a text rather than rounded.
    """
    from xlsxwriter import Workbook

    file = io.BytesIO()
    with Workbook(file, {"in_memory": True}) as book:
        _write_table(book, report)
        _write_provenance(book, report)
    return file.getvalue()


def _write_table(book: Any, report: Report) -> None:
    sheet = book.add_worksheet("Segment")
    money = "$#,##0.00" if report.money == "usd" else "#,##0.00"
    formats = {
        kind: book.add_format({"num_format": pattern})
        for kind, pattern in {"count": "#,##0", "money": money, "percent": "0.00"}.items()
    }
    header = book.add_format({"bold": True, "text_wrap": True, "valign": "top", "bottom": 1})
    for place, column in enumerate(report.table.columns):
        sheet.write_string(0, place, column[:LONGEST_CELL], header)
    kinds = _kinds(report.table)
    for number, row in enumerate(_rows(report.table), start=1):
        for place, (cell, kind) in enumerate(zip(row, kinds, strict=True)):
            _write_cell(sheet, number, place, cell, kind, formats.get(kind))
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, max(1, len(report.table)), len(kinds) - 1)
    sheet.autofit(WIDEST_COLUMN)


def _write_cell(sheet: Any, row: int, column: int, cell: Any, kind: Kind, pattern: Any) -> None:
    if cell is None:
        return
    if kind == "link" and cell.startswith("https://") and len(cell) <= LONGEST_URL:
        sheet.write_url(row, column, cell)
    elif isinstance(cell, str):
        sheet.write_string(row, column, cell[:LONGEST_CELL])
    elif len(Decimal(cell).normalize().as_tuple().digits) > EXACT_DIGITS:
        sheet.write_string(row, column, f"{cell:,}")
    else:
        sheet.write_number(row, column, float(cell), pattern)


def _write_provenance(book: Any, report: Report) -> None:
    sheet = book.add_worksheet("How it was made")
    label, text = book.add_format({"bold": True, "valign": "top"}), book.add_format({"text_wrap": True})
    lines = [*report.provenance.items(), *(("Not counted", warning) for warning in report.warnings)]
    for row, (name, value) in enumerate(lines):
        sheet.write_string(row, 0, name, label)
        sheet.write_string(row, 1, value[:LONGEST_CELL], text)
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 100)


# Picture and format --------------------------------------------------------------------------------------------------


def draw(report: Report, suffix: str, currency: str, *, is_titled: bool = True) -> bytes:
    """The groups as a picture, of the kind that the end of a file's name says."""
    names = _names(report.table)
    bars = [
        Bar(" / ".join(record[name] for name in names), record[LEADS], record[TOTAL], record[MEDIAN])
        for record in report.table.to_dict("records")
    ]
    titles = (f"Total revenue by {' and '.join(names)}", report.subtitle) if is_titled else ("", "")
    return draw_chart(bars, *titles, currency, cast(Picture, suffix.lower().removeprefix(".")))


def in_format(report: Report, suffix: str, currency: str = "") -> bytes:
    """A report as the end of a file's name says: a workbook, a page, else CSV. With a currency a page has a chart."""
    if suffix.lower() == ".xlsx":
        return workbook(report)
    if suffix.lower() in (".html", ".htm"):
        chart = inline_svg(draw(report, "svg", currency, is_titled=False), report.title) if currency else ""
        return page(report, chart).encode()
    return csv_text(csv_lines(report)).encode()


# Page ----------------------------------------------------------------------------------------------------------------


def page(report: Report, chart: str = "") -> str:
    """One HTML page that needs nothing else: the chart, an SVG element, then the table and how it was made."""
    kinds = _kinds(report.table)
    header = "".join(_element("th", column, kind) for column, kind in zip(report.table.columns, kinds, strict=True))
    rows = [
        "".join(_page_cell(cell, kind, report.money) for cell, kind in zip(row, kinds, strict=True))
        for row in _rows(report.table)
    ]
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    warnings = "".join(f"<li>{escape(warning)}</li>" for warning in report.warnings)
    made = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in report.provenance.items())
    return _PAGE.format(
        title=escape(report.title),
        subtitle=escape(report.subtitle),
        style=_STYLE,
        chart=f"<figure>{chart}</figure>" if chart else "",
        header=header,
        body=body,
        nothing="" if rows else "<p>No leads in this range.</p>",
        warnings=f"<h2>Not counted, or not in full</h2>\n<ul>{warnings}</ul>" if warnings else "",
        provenance=made,
    )


def _page_cell(cell: Any, kind: Kind, money: MoneyStyle) -> str:
    if kind == "link" and cell and cell.startswith("https://"):
        return f'<td><a href="{escape(cell)}" rel="noopener noreferrer">open in Close</a></td>'
    return _element("td", _shown(cell, kind, money), kind)


def _element(tag: str, text: str, kind: Kind) -> str:
    """A cell of the table, to the left where it is a text; its direction is that of its own script."""
    side = ' dir="auto"' if kind in ("text", "link") else ' class="number"'
    return f"<{tag}{side}>{escape(text)}</{tag}>"


_STYLE = """\
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1f24; background: #fff; margin: 2rem auto; max-width: 75rem;
  padding: 0 1.5rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.subtitle { color: #57606a; margin: .2rem 0 1.5rem; }
figure { margin: 0 0 1.5rem; overflow-x: auto; } figure svg { width: 100%; min-width: 46rem; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 0; width: 100%; }
th, td { padding: .35rem .7rem; text-align: start; vertical-align: top; border-bottom: 1px solid #d8dee4;
  overflow-wrap: anywhere; min-width: 9rem; max-width: 24rem; background: #fff; }
th { border-bottom: 2px solid #57606a; overflow-wrap: normal; }
th:first-child, td:first-child { position: sticky; inset-inline-start: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; min-width: 4.5rem; }
th.number { white-space: normal; }
tbody tr:hover td { background: #f6f8fa; }
dt { color: #57606a; font-size: .85rem; } dd { margin: 0 0 .6rem; overflow-wrap: anywhere; white-space: pre-wrap; }
@media (max-width: 40rem) { body { margin: 1rem auto; padding: 0 .75rem; font-size: 14px; }
  h1 { font-size: 1.3rem; } th, td { padding: .3rem .5rem; min-width: 7rem; }
  th:first-child, td:first-child { max-width: 9rem; } }
@media print { body { margin: 0; padding: 0; max-width: none; font-size: 10pt; } tr { break-inside: avoid; }
  figure, .scroll { overflow: visible; } figure svg { min-width: 0; max-height: 82vh; }
  th, td { padding: .2rem .4rem; min-width: 4rem; } .number { min-width: 0; }
  th:first-child, td:first-child { position: static; }
  h2, dt { break-after: avoid; } dd { break-inside: avoid; }
  .scroll:has(th:nth-child(9)) { page: wide; font-size: 7.5pt; } @page wide { size: landscape; margin: 1cm; } }"""

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<h1>{title}</h1>
<p class="subtitle">{subtitle}</p>
{chart}
<div class="scroll">
<table>
<thead><tr>{header}</tr></thead>
<tbody>
{body}
</tbody>
</table>
</div>
{nothing}
{warnings}
<h2>How it was made</h2>
<dl>{provenance}</dl>
</body>
</html>
"""
