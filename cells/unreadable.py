"""Why a file can't be read as a table: the errors with what to do, and files that are clearly something else."""

import codecs
import gzip
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

from cells.text_form import form_of, head_of

ZIP, OLE2 = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"  # the containers of .xlsx, .xlsm, .xlsb and .ods, and of .xls
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


class InputError(Exception):
    """The input file can't be used in its present form; the message says what to do."""


class UnknownEncoding(InputError):
    """There is no text encoding with this name."""

    def __init__(self, encoding: str) -> None:
        super().__init__(f"Unknown text encoding {encoding!r}. Try utf-8, cp1252 or utf-16.")


class NotInEncoding(InputError):
    """The file is not in the encoding that it is read with; the message says from which line on."""


def refuse_unreadable(path: Path) -> None:
    """Raise InputError for a file that can't be read, or is clearly no text file with a table."""
    head = readable_head(path)
    if head.startswith((ZIP, OLE2)):
        raise InputError(f"{path.name} is a workbook, not a text file. Save it as CSV (UTF-8) and use that file.")
    refuse_other_formats(path.name, head)


def refuse_other_formats(name: str, head: bytes) -> None:
    """Raise InputError if a file that begins with these bytes is clearly no text file with a table."""
    for format_, words in OTHER_FORMATS.items():
        if format_.match(head[:HEAD_OF_FORMAT].removeprefix(codecs.BOM_UTF8)):
            raise InputError(f"{name} {words}")
    is_utf_16 = form_of(head).encoding.startswith("utf-16")
    if b"\0" in head[:HEAD_OF_FORMAT] and not is_utf_16:
        raise InputError(f"{name} is not a text file. Save your sheet as CSV (UTF-8) and use that file.")


def readable_head(path: Path) -> bytes:
    """The first bytes of a file, unpacked. Raises InputError for one that can't be read."""
    if path.is_dir():
        raise InputError(f"{path} is a folder. Name a file in it.")
    try:
        return head_of(path)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise InputError(f"{path.name} {DAMAGED}") from None
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}. Check the file and its permissions.") from None
