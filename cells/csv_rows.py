"""The rows of a CSV file, cell by cell: text and row numbers, nothing guessed."""

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from cells.text_form import TextForm, UnpacksTooFar, form_of, head_of, open_binary, open_text, proof_of_encoding
from cells.texts import has_text, visible
from cells.unreadable import DAMAGED, UNPACKS_TOO_FAR, InputError, NotInEncoding, UnknownEncoding, refuse_unreadable

LARGEST_CELL = 16 * 1024 * 1024  # characters; csv's own limit is 131,072
csv.field_size_limit(LARGEST_CELL)


def read_table(path: Path, encoding: str = "utf-8") -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header of any CSV file, and its rows that are not blank, with their row numbers in a spreadsheet.

    Invisible characters are left out of the cells. Raises InputError, naming the row or line.
    """
    refuse_unreadable(path)
    rows = [[visible(cell).strip() for cell in row] for row in read_rows(path, encoding)]
    header = rows[0] if rows else []
    if not has_text(header):
        raise InputError(f"{path.name}: the first line is blank. It must contain the column names.")
    return header, [(number, row) for number, row in enumerate(rows[1:], 2) if has_text(row)]


def read_rows(path: Path, encoding: str) -> Iterator[list[str]]:
    """All rows of a CSV file with commas, including the header and blank ones.

    Raises InputError, naming the row or line.
    """
    form = told_form_of(head_of(path), encoding, ",")
    yield from rows_in_form(path, replace(form, has_sep_line=False, has_loose_quotes=False))


def told_form_of(
    head: bytes, encoding: str, delimiter: str, count_known: Callable[[Sequence[str]], int] = lambda _: 0
) -> TextForm:
    """How the file that begins with these bytes is written: as the caller says, otherwise as `form_of` finds it.

    Raises InputError.
    """
    try:
        return form_of(head, encoding, delimiter, count_known)
    except LookupError:
        raise UnknownEncoding(encoding) from None


def rows_in_form(path: Path, form: TextForm) -> Iterator[list[str]]:
    """All rows of a text file, including the header and blank ones. Raises InputError, naming the row or line."""
    read = 0
    try:
        with open_text(path, form.encoding) as file:
            lines = _visible_lines(path.name, file)
            if form.has_sep_line:
                next(lines)
            skips = form.has_loose_quotes
            for row in csv.reader(lines, delimiter=form.delimiter, skipinitialspace=skips, strict=True):
                read += 1
                yield row
    except UnicodeError:
        raise NotInEncoding(f"{path.name}{_from_where(path, form.encoding)}") from None
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise InputError(f"{path.name} {DAMAGED}") from None
    except UnpacksTooFar:
        raise InputError(f"{path.name} {UNPACKS_TOO_FAR}") from None
    except csv.Error as error:
        if "field larger" in str(error):
            raise InputError(
                f"{path.name}: row {read + 1} has a cell with more than {LARGEST_CELL:,} characters. Shorten it."
            ) from None
        raise InputError(
            f"{path.name}: row {read + 1} has an unmatched quotation mark. A cell that begins with a quotation mark "
            "must end with one, and a quotation mark inside it is written twice."
        ) from None


def _visible_lines(name: str, file: Iterable[str]) -> Iterator[str]:
    """The lines of a file. Raises InputError for a line with characters that are not valid in text."""
    for number, line in enumerate(file, 1):
        if "\0" in line or not (line.isascii() or _SURROGATE.search(line) is None):
            raise InputError(
                f"{name}: line {number} has characters that are not valid in text. Save the file again as CSV (UTF-8)."
            )
        yield line


_SURROGATE = re.compile("[\ud800-\udfff]")


def _from_where(path: Path, encoding: str) -> str:
    """The first line that does not fit the encoding; the reader's own position counts only from its last buffer."""
    with open_binary(path) as file:
        content = file.read()
    named = encoding.removesuffix("-sig").upper()
    proof = proof_of_encoding(path) if named == "UTF-8" else ""
    try:
        content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return f": line {line} is not {named}" + (f"; {proof}" if proof else "")
    except UnicodeError:
        pass
    return f" is not {named} from the first line on"
