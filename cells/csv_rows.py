"""The rows of a CSV file, cell by cell: text and row numbers, nothing guessed."""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from cells.texts import has_text, visible

LARGEST_CELL = 16 * 1024 * 1024  # characters; csv's own limit is 131,072
csv.field_size_limit(LARGEST_CELL)


class InputError(Exception):
    """The input file can't be used in its present form; the message says what to do."""


class NotInEncoding(InputError):
    """The file is not in the encoding that it is read with; the message says from which line on."""


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
    """All rows of a CSV file, including the header and blank ones. Raises InputError, naming the row or line."""
    read = 0
    try:
        with path.open(encoding=_encoding_of(path, encoding), newline="") as file:
            for row in csv.reader(_visible_lines(path.name, file), strict=True):
                read += 1
                yield row
    except LookupError:
        raise InputError(f"Unknown text encoding {encoding!r}. Try utf-8, cp1252 or utf-16.") from None
    except UnicodeError:
        raise NotInEncoding(f"{path.name}{_from_where(path, encoding)}") from None
    except csv.Error as error:
        if "field larger" in str(error):
            raise InputError(
                f"{path.name}: row {read + 1} has a cell with more than {LARGEST_CELL:,} characters. Shorten it."
            ) from None
        raise InputError(
            f"{path.name}: row {read + 1} has an unmatched quotation mark. A cell that begins with a quotation mark "
            "must end with one, and a quotation mark inside it is written twice."
        ) from None


def refuse_unreadable(path: Path) -> None:
    """Raise InputError for a file that is clearly not text."""
    if path.is_dir():
        raise InputError(f"{path} is a folder. Name a file in it.")
    try:
        with path.open("rb") as file:
            head = file.read(8192)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}. Check the file and its permissions.") from None
    if head.startswith(b"PK\x03\x04") or head.startswith(b"\xd0\xcf\x11\xe0"):
        raise InputError(f"{path.name} is a workbook, not a text file. Save it as CSV (UTF-8) and use that file.")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return
    if b"\0" in head:
        raise InputError(f"{path.name} is not a text file. Save your sheet as CSV (UTF-8) and use that file.")


def _visible_lines(name: str, file: Iterable[str]) -> Iterator[str]:
    """The lines of a file. Raises InputError for a line with characters that are not valid in text."""
    for number, line in enumerate(file, 1):
        if "\0" in line or not (line.isascii() or _SURROGATE.search(line) is None):
            raise InputError(
                f"{name}: line {number} has characters that are not valid in text. Save the file again as CSV (UTF-8)."
            )
        yield line


_SURROGATE = re.compile("[\ud800-\udfff]")


def has_bom(path: Path) -> bool:
    """Whether a file begins with a UTF-8 byte order mark."""
    with path.open("rb") as file:
        return file.read(3) == codecs.BOM_UTF8


_MEANT = {"utf-8": "utf-8-sig", "iso8859-1": "cp1252"}  # what calls itself Latin-1 comes from Windows


def _encoding_of(path: Path, encoding: str) -> str:
    """The encoding to read a file with: UTF-8 if it begins with the mark of that, whatever its source had."""
    told = _with_bom(encoding)
    return "utf-8-sig" if has_bom(path) else told


def _with_bom(encoding: str) -> str:
    known = codecs.lookup(encoding).name
    return _MEANT.get(known, encoding)


def _from_where(path: Path, encoding: str) -> str:
    """The first line that does not fit the encoding; the reader's own position counts only from its last buffer."""
    content = path.read_bytes()
    try:
        content.decode(_with_bom(encoding))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return f": line {line} is not {encoding.upper()}"
    except UnicodeError:
        pass
    return f" is not {encoding.upper()} from the first line on"
