"""The parts of a report as HTML: texts of a file that are only text, tables that can be sorted, and bars."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from cells.safe_text import revealed

LONGEST_TEXT = 400  # characters; of a longer one, the report shows the beginning
MOST_ROWS = 2000  # in one table
THINNEST = 1.5  # percent of a bar

Html = str
Sort = Literal["text", "number"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table, and the number to sort it by if that is not its text."""

    html: Html
    order: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table, and how many of its rows it shows."""

    html: Html
    shown: int


# Texts ---------------------------------------------------------------------------------------------------------------


def text(value: str) -> Html:
    """A text as HTML: none of it is markup, characters that can't be seen are named, and a long one is cut."""
    if len(value) <= LONGEST_TEXT:
        return escape(revealed(value))
    return f"{escape(revealed(value[:LONGEST_TEXT]))}… ({len(value):,} characters)"


def value(content: str) -> Html:
    """A value of a cell, set apart from the words around it, in the direction of its own script."""
    return f'<code class="value" dir="auto">{text(content)}</code>'


def counted(number: int, noun: str, nouns: str = "") -> str:
    """A number of things in words: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def pill(words: str, kind: str = "") -> Html:
    """A word in a frame; the kind decides its color."""
    return f'<span class="pill {kind}">{text(words)}</span>'


# Tables --------------------------------------------------------------------------------------------------------------


def table(name: str, caption: str, heads: Mapping[str, Sort], rows: Iterable[Sequence[Cell]], most_bytes: int) -> Table:
    """A table with as many of the rows as there is room for; `heads` are the titles of its columns."""
    shown = _fitting((_row(cells) for cells in rows), most_bytes)
    titles = "".join(f'<th scope="col" data-sort="{sort}">{escape(title)}</th>' for title, sort in heads.items())
    return Table(
        f'<div class="scroll"><table class="{name}"><caption>{text(caption)}</caption>\n'
        f"<thead><tr>{titles}</tr></thead>\n<tbody>\n" + "\n".join(shown) + "\n</tbody></table></div>",
        len(shown),
    )


def _fitting(rows: Iterable[Html], most_bytes: int) -> list[Html]:
    """The first rows that are together no larger than allowed."""
    limited = list(itertools.islice(rows, MOST_ROWS))
    sizes = itertools.accumulate(len(row.encode()) for row in limited)
    return [row for row, size in zip(limited, sizes, strict=True) if size <= most_bytes]


def _row(cells: Sequence[Cell]) -> Html:
    return f"<tr>{''.join(map(_cell, cells))}</tr>"


def _cell(cell: Cell) -> Html:
    return f"<td>{cell.html}</td>" if cell.order is None else f'<td data-order="{cell.order:g}">{cell.html}</td>'


def number_cell(number: int) -> Cell:
    """A cell with a number."""
    return Cell(f"{number:,}", number)


def text_cell(content: str) -> Cell:
    """A cell with a text of ours or of the file."""
    return Cell(f"<bdi>{text(content)}</bdi>")


def not_shown(number: int, noun: str, path: str | None = None) -> Html:
    """How many are not on the page, and the file that has all; nothing if all are shown."""
    if number <= 0:
        return ""
    where = f"; all of them are in <code>{text(path)}</code>" if path else ""
    return f'<p class="more cut">{counted(number, f"more {noun} is", f"more {noun}s are")} not on this page{where}.</p>'


# Bars ----------------------------------------------------------------------------------------------------------------


def bar(parts: Mapping[str, int], total: int, label: str = "") -> Html:
    """A bar whose parts, by the kind that decides their color, are shares of a total; none is too thin to be seen."""
    widths = _widths(parts.values(), total)
    starts = itertools.accumulate(widths, initial=0.0)
    drawn = "".join(
        f'<rect class="{kind}" x="{start:.2f}" width="{width:.2f}" height="10"/>'
        for kind, start, width in zip(parts, starts, widths, strict=False)
    )
    told = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    return f'<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" {told}>{drawn}</svg>'


def _widths(parts: Iterable[int], total: int) -> list[float]:
    widths = [max(100 * part / total, THINNEST) if part and total else 0.0 for part in parts]
    return [width * min(1, 100 / sum(widths)) if width else 0.0 for width in widths]
