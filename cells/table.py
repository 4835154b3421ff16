"""Where the table stands among the rows of a file: below titles and notes, above totals and footers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cells.columns import CODE_COLUMN, OUR_COLUMNS, ROW_COLUMN
from cells.dates import date_readings
from cells.emails import plain_email
from cells.texts import has_text, is_text
from cells.titles import Meaning, meaning_of
from cells.unreadable import InputError
from cells.wrapped import unwrapped

MOST_ABOVE = 40  # rows among which the header is looked for
MOST_BELOW = 100  # rows at the end that may be totals and footers
LONGEST_TOLD = 80  # characters of a row that is left out

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class LeftOutRow:
    """A row above or below the table: its number, and what it says."""

    number: int
    text: str

    @classmethod
    def of(cls, number: int, row: Row) -> "LeftOutRow":
        """The row with this number, its cells in one line."""
        line = " ".join(" ".join(filter(None, map(unwrapped, row))).split())
        return cls(number, line if len(line) <= LONGEST_TOLD else line[: LONGEST_TOLD - 1] + "…")


# The header -----------------------------------------------------------------------------------------------------------


def find_header(rows: Sequence[Row]) -> int:
    """The index of the header among the first rows of a file; of the first row with text if nothing tells.

    It is the row with the columns of a rejects file. Without these, it is the first row most of whose cells are known
    titles, or that at least names the company below nothing but titles and notes, unless a longer row below has more
    known titles; else the first full row of texts above values of other kinds.
    """
    filled = [index for index, row in enumerate(rows) if has_text(row)]
    ours = next((index for index in filled if _is_of_rejects(rows[index])), None)
    if ours is not None:
        return ours
    known = next((index for index in filled if _is_known(rows, index)), None)
    if known is not None:
        better = (index for index in filled if index > known and _is_better(rows[index], rows[known]))
        return next(better, known)
    above_values = (index for index in filled if _is_above_values(rows, index))
    return next(above_values, next(iter(filled), 0))


def _is_of_rejects(row: Row) -> bool:
    return {ROW_COLUMN, CODE_COLUMN} <= set(map(str.strip, row))


def count_known(row: Row) -> int:
    """How many of a row's cells are known titles."""
    return sum(cell.strip() in OUR_COLUMNS or meaning_of(cell) is not None for cell in row if cell)


def _is_known(rows: Sequence[Row], index: int) -> bool:
    texts = _texts(rows[index])
    if texts[0].rstrip().endswith(":"):  # a note such as `Company:, Acme`
        return False
    return (len(texts) > 1 or _is_narrow(rows)) and (_is_mostly_known(texts) or _names_the_company(rows, index))


def _is_mostly_known(texts: Row) -> bool:
    return count_known(texts) * 2 > len(texts)


def _names_the_company(rows: Sequence[Row], index: int) -> bool:
    texts = _texts(rows[index])
    is_below_notes = all(len(_texts(row)) < len(texts) for row in rows[:index])
    return is_below_notes and all(map(_is_word, texts)) and any(_is_company(meaning_of(text)) for text in texts)


def _is_better(row: Row, known: Row) -> bool:
    """Whether a row below one with known titles is the header rather than that: a longer one with more of them."""
    texts = _texts(row)
    is_longer = len(texts) > len(_texts(known)) and count_known(texts) > count_known(known)
    return is_longer and _is_mostly_known(texts) and all(map(_is_word, texts))


def _is_above_values(rows: Sequence[Row], index: int) -> bool:
    texts, width = _texts(rows[index]), max(len(_texts(row)) for row in rows)
    below = (_texts(row) for row in rows[index + 1 :])
    return len(texts) == width > 1 and all(map(_is_word, texts)) and not all(all(map(_is_word, row)) for row in below)


def _is_company(meaning: Meaning | None) -> bool:
    return meaning is not None and meaning.part == "company"


def _is_narrow(rows: Sequence[Row]) -> bool:
    return all(len(_texts(row)) <= 1 for row in rows)


def _texts(row: Row) -> list[str]:
    return [cell for cell in row if is_text(cell)]


def _is_word(cell: str) -> bool:
    """Whether a cell is a text, and no number, date, or address."""
    text = unwrapped(cell)
    return any(map(str.isalpha, text)) and not (plain_email(text) or date_readings(text))


def check_header_row(name: str, rows: Sequence[Row], number: int) -> int:
    """The index of the header that somebody asked for. Raises InputError if that row has nothing."""
    if number > len(rows):
        raise InputError(f"{name} has only {len(rows)} rows. Give the row of the column names with --header-row.")
    if not has_text(rows[number - 1]):
        raise InputError(f"{name}: row {number} is blank. Give the row of the column names with --header-row.")
    return number - 1


# Totals and footers ---------------------------------------------------------------------------------------------------

_NUMBER = r"[$€£]?\d[\d.,' ]*"
_COUNTED = (
    r"(?:records?|rows?|leads?|contacts?|results?|entries|count|amount|datens[äa]tze|registros?|enregistrements?)"
)
_TOTAL = (
    r"(?:grand |sub)?totals?(?: (?:number|count|of|general|g[ée]n[ée]ral|geral))*|grand totals?\b.*|"
    r"(?:zwischen|gesamt)?summe|gesamt(?:zahl|ergebnis|betrag)?|anzahl"
)
_IS_TOTAL = re.compile(
    rf"(?:{_TOTAL})(?: (?:of )?{_COUNTED})?\s*[:=]?\s*(?:\(?{_NUMBER}(?: ?{_COUNTED})?\)?)?|{_NUMBER} {_COUNTED}",
    re.IGNORECASE | re.DOTALL,
)
_IS_FIGURE_OF_ALL = re.compile(  # beside figures
    r"sums?|sommes?|sub-?totals?|sous-total|zwischensumme|suma|soma|totaal|totale|totalt|razem|итого|合計|averages?|avg|mean|counts?|mittelwert|durchschnitt",
    re.IGNORECASE,
)
_IS_FOOTER = re.compile(
    r"page \d+ of \d+|seite \d+ von \d+|(?:as of|source|quelle|stand|fuente|fonte)\s*:.*|"
    r"grand totals?\b.*|(?:copyright\s*)?(?:©|\(c\))\s*\d{4}.*|copyright\s+\d{4}.*|confidential information\b.*|"
    r"(?:report )?generated (?:by|on|from|at)\b.*|(?:exported|printed|created) (?:by|on|from|at)\b.*\d.*|"
    r"\W*end of (?:report|file|list)\W*|last updated\b.*\d.*|applied filters\s*:.*|(?:records?|rows?|count)\s*:\s*\d+",
    re.IGNORECASE | re.DOTALL,
)
_BEGINS_FOOTER = re.compile(r"generated by\b|(?:copyright|totals?)\b.*\d", re.IGNORECASE | re.DOTALL)
_FIGURES = re.compile(r"=.*|\d[\d.,]* [^\W\d_]+|[-+(]?\s*[$€£]?\s*\d[\d.,'\s]*[%)]?(?:\s*[$€£])?|[-–]")


def rows_below(tail: Sequence[tuple[int, Row]], width: int) -> list[LeftOutRow]:
    """The totals and footers among the last rows of a file, with their numbers; blank rows are not among these.

    The last rows are left out if they say so themselves. Below a blank row, so are all that follow such a row, and what
    stands right above it if that has fewer cells than the header, or if the words are clearly those of a footer. A row
    that is more likely a lead ends the search. A table of one column has no footer.
    """
    if width < 2:
        return []
    unmarked = (index for index in range(len(tail), 0, -1) if not _is_marked(tail[index - 1][1], width))
    first = min(next(unmarked, 0), _first_below_blank(tail, width))
    return [LeftOutRow.of(number, row) for number, row in tail[first:]]


def _first_below_blank(rows: Sequence[tuple[int, Row]], width: int) -> int:
    """The index of the first row of a footer that has a blank row above; the number of rows if there is none."""
    leads = (index for index in range(len(rows), 0, -1) if not _may_be_remark(rows[index - 1][1], width))
    region = next(leads, 0)
    said = next((index for index in range(region, len(rows)) if _is_clear(rows[index][1], width)), None)
    if said is None:
        return len(rows)
    block = said
    while block > region and rows[block][0] - rows[block - 1][0] == 1:
        block -= 1
    if block == 0 or rows[block][0] - rows[block - 1][0] == 1:
        return len(rows)
    above = [row for _, row in rows[block:said]]
    is_its_title = len(above) == 1 and _is_footer(rows[said][1], width)
    is_all_short = all(len(row) < width and len(_texts(row)) == 1 for row in above)
    return block if is_its_title or is_all_short else said


def _is_marked(row: Row, width: int) -> bool:
    """Whether a row says that it is a total, beside which there are only figures, or a footer."""
    words, *others = map(unwrapped, _texts(row))
    is_total = _IS_TOTAL.fullmatch(words) or (others and _IS_FIGURE_OF_ALL.fullmatch(words))
    has_figures = all(_FIGURES.fullmatch(text) and not _LOOKS_LIKE_PHONE.search(text) for text in others)
    return (bool(is_total) and has_figures) or _is_footer(row, width)


def _is_clear(row: Row, width: int) -> bool:
    """Whether a marked row can't be about a company: it has a figure, or it is a footer."""
    has_figure = any(char.isdecimal() for cell in row for char in cell)
    return _is_footer(row, width) or (has_figure and _is_marked(row, width))


def _is_footer(row: Row, width: int) -> bool:
    """Whether a row is the line of a footer; without the delimiters that other rows have, its first words tell."""
    texts = list(map(unwrapped, _texts(row)))
    is_line = len(row) == 1 < width and bool(_BEGINS_FOOTER.match(texts[0]))
    return is_line or (len(texts) == 1 and bool(_IS_FOOTER.fullmatch(texts[0])))


def _may_be_remark(row: Row, width: int) -> bool:
    """Whether a row has so little that it need not be a lead: one cell, or few without an address or a number."""
    texts = _texts(row)
    if len(texts) == 1 or _is_marked(row, width):
        return True
    return len(row) < width and not any("@" in text or _LOOKS_LIKE_PHONE.search(text) for text in texts)


_LOOKS_LIKE_PHONE = re.compile(r"(?:\d[\s().-]*){10,}")
