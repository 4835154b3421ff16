"""A report as a self-contained HTML page."""

from html import escape
from typing import Any

from segmenting.columns import Kind, kind_of
from segmenting.report import MoneyStyle, Report
from segmenting.text import for_people


def page(report: Report, chart: str = "") -> str:
    """One HTML page: the chart (an SVG element), the table, what was left out, and how it was made."""
    header = "".join(_element("th", column, kind_of(column)) for column in report.table.columns)
    rows = [_row(cells, report.money) for cells in report.rows()]
    warnings = "".join(f"<li>{escape(warning)}</li>" for warning in report.warnings)
    made = {name: f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in report.provenance.items()}
    query = made.pop("Query", "")
    compared = f", compared with {report.provenance['Compared with']}" if "Compared with" in made else ""
    return _PAGE.format(
        title=escape(report.title),
        subtitle=escape(report.subtitle + compared),
        style=_STYLE,
        chart=f"<figure>{chart}</figure>" if chart else "",
        header=header,
        body="\n".join(rows),
        total="".join(f"<tfoot>{_row(cells, report.money)}</tfoot>" for cells in report.total_rows()),
        nothing="" if rows else "<p>No leads in this range.</p>",
        warnings=f"<h2>Left out of these figures</h2>\n<ul>{warnings}</ul>" if warnings else "",
        provenance="".join(made.values()),
        query=f"<details><summary>Search sent to Close</summary><dl>{query}</dl></details>" if query else "",
    )


def _row(cells: list[tuple[Any, Kind]], money: MoneyStyle) -> str:
    return f"<tr>{''.join(_cell(cell, kind, money) for cell, kind in cells)}</tr>"


def _cell(cell: Any, kind: Kind, money: MoneyStyle) -> str:
    if kind == "link" and cell and cell.startswith("https://"):
        return f'<td><a href="{escape(cell)}" rel="noopener noreferrer">Open in Close</a></td>'
    return _element("td", for_people(cell, kind, money), kind)


def _element(tag: str, text: str, kind: Kind) -> str:
    """A cell of the table, left-aligned if it is text; text runs in the direction of its own script."""
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
tfoot td { font-weight: 600; border-top: 2px solid #57606a; border-bottom: 0; }
summary { cursor: pointer; color: #57606a; }
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
{total}
</table>
</div>
{nothing}
{warnings}
<h2>How it was made</h2>
<dl>{provenance}</dl>
{query}
</body>
</html>
"""
