"""The rows of a file of leads that can't be imported at all, with the reason."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cells.columns import CODE_COLUMN, COMPANY, VALUE_COLUMN, Texts
from cells.emails import parse_emails
from cells.placeholders import is_placeholder
from cells.problems import Problem
from cells.roles import Roles
from cells.source_file import SourceFile
from cells.texts import plain_name
from cells.titles import COMPANY_TITLES, letters_of, meaning_of
from cells.wrapped import is_formula

MISPLACED = ("surplus_cells", "shifted_row", "header_again")  # codes of rows whose cells say nothing about a column


def find_unusable_rows(source: SourceFile, texts: Mapping[str, Texts], reasons: Mapping[int, str]) -> list[Problem]:
    """The rows that can't be imported, each once, in order.

    `texts` has the columns that are imported by title, `reasons` why a row without a company could not be named after
    an e-mail, by row.
    """
    company = source.roles.called(COMPANY)
    rejected = {problem.row: problem for problem in _without_company(texts[COMPANY], company)}
    rejected |= {row: rejected[row]._replace(reason=reason) for row, reason in reasons.items() if row in rejected}
    rejected |= {problem.row: problem for problem in _shifted_rows(source.roles, texts)}
    rejected |= {problem.row: problem for problem in _headers_again(source, texts[COMPANY], company)}
    beside = source.written.loc[list(source.surplus), _own_columns_first(source)].to_numpy().tolist()
    for (row, surplus), cells in zip(source.surplus.items(), beside, strict=True):
        rejected[row] = _surplus_cells(source, row, [*cells, *surplus])
    for row, cells in _unmended_surplus(source):
        rejected[row] = _surplus_cells(source, row, cells)
    return [rejected[row] for row in sorted(rejected)]


def misplaced(rejected: Iterable[Problem]) -> list[int]:
    """The rows among the rejected ones whose cells do not stand in their columns."""
    return [problem.row for problem in rejected if problem.code in MISPLACED]


def _without_company(companies: Texts, title: str) -> Iterator[Problem]:
    for index, (cell, text) in enumerate(zip(companies.distinct, companies.meant, strict=True)):
        if not text:
            problem = Problem(0, title, "", "no_company", "The row has no company.")
        elif is_placeholder(text):
            problem = Problem(0, title, text, "no_company", f"The row has no company: {text!r} stands for none.")
        elif text[0] in "=+-@" and is_formula(cell):
            told = "The company is a formula, whose result the file does not have; write the name into the spreadsheet."
            problem = Problem(0, title, text, "formula", told)
        else:
            continue
        for row in companies.index.index[companies.index == index]:
            yield problem._replace(row=row)


def _shifted_rows(roles: Roles, texts: Mapping[str, Texts]) -> Iterator[Problem]:
    """The rows with an address where a phone belongs, and a name where an address belongs."""
    found: dict[int, Problem] = {}
    for column in roles.phones:
        phones = texts[column.title]
        addresses = [index for index, text in enumerate(phones.meant) if "@" in text and parse_emails(text).values]
        for row, index in phones.index[phones.index.isin(addresses)].items() if addresses else ():
            problem = Problem(int(str(row)), column.title, phones.meant[index], "shifted_row", SHIFTED)
            found.setdefault(problem.row, problem)
    for row, problem in found.items():
        emails = (texts[column.title] for column in roles.emails)
        if any(_may_be_name(each.meant[each.index[row]]) for each in emails):
            yield problem


SHIFTED = (
    "The cells have shifted: an e-mail address stands where the phone belongs, and a name where the address does. "
    "Put quotes around a value with a comma."
)


def _may_be_name(text: str) -> bool:
    return "@" not in text and any(map(str.isalpha, text)) and not is_placeholder(text)


def _headers_again(source: SourceFile, companies: Texts, company: str) -> Iterator[Problem]:
    """The rows that repeat the column names, as in files that were put together, perhaps in other words."""
    titles = [source.header[at] for at in source.own_positions]
    names = {plain_name(source.header[at]) for at in source.roles.companies} | COMPANY_TITLES
    suspects = [at for at, text in enumerate(companies.distinct) if text.casefold().replace("_", " ").strip() in names]
    for row in companies.index.index[companies.index.isin(suspects)] if suspects else ():
        cells = source.written.loc[row, source.own_positions].tolist()
        if _is_header_again(cells, titles):
            yield Problem(row, company, source.written.loc[row, source.own_positions[0]], "header_again", AGAIN)


AGAIN = "The row repeats the header."


def _is_header_again(cells: Sequence[str], titles: Sequence[str]) -> bool:
    """Whether cells are the titles above them, or other titles with the same meanings."""
    if list(map(letters_of, cells)) == list(map(letters_of, titles)):
        return True
    filled = [(meaning_of(cell), meaning_of(title)) for cell, title in zip(cells, titles, strict=True) if cell]
    return len(filled) > 1 and all(again and above and again.part == above.part for again, above in filled)


def _surplus_cells(source: SourceFile, row: int, cells: Sequence[str]) -> Problem:
    """The problem of a row with too many cells; the value is the whole row as CSV, as the columns can't hold it."""
    line = io.StringIO(newline="")
    csv.writer(line).writerow(cells)
    last = source.header[source.own_positions[-1]].strip()
    told = f"The row has {len(cells)} cells, but the header has {len(source.own_positions)}"
    reason = f"{told}; put quotes around a value that contains a comma."
    return Problem(row, last, line.getvalue().removesuffix("\r\n"), "surplus_cells", reason)


def _own_columns_first(source: SourceFile) -> list[int]:
    """The positions of all columns; those of the file come before those that our rejects files add."""
    return [*source.own_positions, *source.roles.ours.values()]


def _unmended_surplus(source: SourceFile) -> Iterator[tuple[int, list[str]]]:
    """The rows of a rejects file that had too many cells and are still cut off: nobody has fixed them yet."""
    codes = source.column(CODE_COLUMN)
    rows = codes.index[codes == "surplus_cells"]
    own = source.own_positions
    cut = source.written.loc[rows, own].to_numpy().tolist()
    for row, value, cells in zip(rows, source.column(VALUE_COLUMN).loc[rows], cut, strict=True):
        whole = next(csv.reader(io.StringIO(value, newline="")), [])
        if whole[: len(own)] == cells:
            yield row, whole
