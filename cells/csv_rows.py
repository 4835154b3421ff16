"""The rows of a CSV file, cell by cell: text and row numbers, nothing guessed."""

import codecs
import csv
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from cells.text_form import TextForm, UnpacksTooFar, form_of, head_of, open_binary, open_text, proof_of_encoding
from cells.texts import has_text, visible

LARGEST_CELL = 16 * 1024 * 1024  # characters; csv's own limit is 131,072
csv.field_size_limit(LARGEST_CELL)


class InputError(Exception):
    """The input file can't be used in its present form; the message says what to do."""


class UnknownEncoding(InputError):
    """There is no text encoding with this name."""

    def __init__(self, encoding: str) -> None:
        super().__init__(f"Unknown text encoding {encoding!r}. Try utf-8, cp1252 or utf-16.")


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
    """All rows of a CSV file with commas, including the header and blank ones.

    Raises InputError, naming the row or line.
    """
    form = told_form_of(head_of(path), encoding, ",")
    yield from rows_in_form(path, replace(form, has_sep_line=False, has_loose_quotes=False))


def told_form_of(head: bytes, encoding: str, delimiter: str, needed: str = "") -> TextForm:
    """How the file that begins with these bytes is written, as it is told or found with a `needed` column.

    Raises InputError.
    """
    try:
        return form_of(head, encoding, delimiter, needed)
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


def refuse_unreadable(path: Path) -> bytes:
    """The first bytes of a file of text. Raises InputError for one that can't be read, or is clearly something else."""
    head = _readable_head(path)
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise InputError(f"{path.name} is a workbook, not a text file. Save it as CSV (UTF-8) and use that file.")
    for format_, words in OTHER_FORMATS.items():
        if format_.match(head[:HEAD_OF_FORMAT].removeprefix(codecs.BOM_UTF8)):
            raise InputError(f"{path.name} {words}")
    is_utf_16 = form_of(head).encoding.startswith("utf-16")
    if b"\0" in head[:HEAD_OF_FORMAT] and not is_utf_16:
        raise InputError(f"{path.name} is not a text file. Save your sheet as CSV (UTF-8) and use that file.")
    return head


def _readable_head(path: Path) -> bytes:
    if path.is_dir():
        raise InputError(f"{path} is a folder. Name a file in it.")
    try:
        return head_of(path)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise InputError(f"{path.name} {DAMAGED}") from None
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}. Check the file and its permissions.") from None


UNPACKS_TOO_FAR = "unpacks to far more than a table would. Use the file that it was made from."
DAMAGED = "is packed, but damaged. Pack it again, or use the file that it was made from."
HEAD_OF_FORMAT = 8192  # bytes by which a format shows
OPEN_AND_SAVE = "Open it in a spreadsheet, save it as CSV (UTF-8), and use that file."
OTHER_FORMATS: Mapping[re.Pattern[bytes], str] = {
    re.compile(rb"\s*(?:<!doctype html|<html|<table)[\s>]", re.IGNORECASE): f"is a web page. {OPEN_AND_SAVE}",
    re.compile(rb"\s*<\?xml\s", re.IGNORECASE): f"is XML. {OPEN_AND_SAVE}",
    re.compile(rb"\s*begin:vcard\s", re.IGNORECASE): "is a vCard. Export the address book as CSV.",
    re.compile(rb"\s*\{\\rtf"): f"is a document. {OPEN_AND_SAVE}",
    re.compile(rb'\s*(?:\{\s*["}]|\[\s*[{\["\]])'): "is JSON. Export the data as CSV instead.",
    re.compile(rb"%PDF-"): "is a PDF. Export the data as CSV instead.",
}


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
