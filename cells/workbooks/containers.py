"""What a file is that begins as workbooks do, why it can't be used if it is none, and the parts of an archive."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from cells.unreadable import OLE2, ZIP, InputError

LARGEST_PART = 2 * 1024**3  # bytes, unpacked
ALWAYS_ALLOWED, MOST_TIMES = 50 * 1024**2, 100  # bytes, unpacked; more may be as many times the packed ones
MANIFEST = "meta-inf/manifest.xml"  # of an OpenDocument
ENCRYPTED = 1  # the flag of a part that zip itself has encrypted

PROTECTED = "is protected with a password. Open it, save a copy without the password, and use that file."
TOO_LARGE = (
    "unpacks to far more than a table would. Copy the table into a new spreadsheet, save that, and use that file."
)
_TABLE_ONLY = "Copy its table into a spreadsheet, save that, and use that file."
DOCUMENT = f"is a document, not a spreadsheet. {_TABLE_ONLY}"
PRESENTATION = f"is a presentation, not a spreadsheet. {_TABLE_ONLY}"
NUMBERS = "is a file of Apple Numbers. Export it as CSV or Excel, and use that file."
PACKED = "is a packed workbook. Unpack it and use the workbook in it."
ARCHIVE = "is a zip archive, not a spreadsheet. Unpack it and use the file in it."
E_MAIL = "is an e-mail, not a spreadsheet. Save the file that is attached to it, and use that file."
UNKNOWN_OLE2 = "is not a spreadsheet. Open it in the program that made it, export the data as CSV, and use that file."

_OLE2_WORKBOOKS = ("Workbook", "Book", "WORKBOOK", "BOOK")  # names of streams; some programs write them in capitals
_OLE2_STREAMS: Mapping[str, str] = {
    "EncryptedPackage": PROTECTED,
    "WordDocument": DOCUMENT,
    "PowerPoint Document": PRESENTATION,
    "__properties_version1.0": E_MAIL,
}
# The first record of a workbook (of Excel 97 or 95), perhaps that it is write-protected, then the one on encryption.
_ENCRYPTED_XLS = re.compile(
    rb"\x09\x08(?:\x10\x00\x00\x06\x05\x00.{12}|\x08\x00\x00\x05\x05\x00.{4})(?:\x86\x00\x00\x00)?\x2f\x00", re.DOTALL
)


class Damaged(Exception):
    """A workbook contradicts itself. The message is for people who look for a bug in this program."""


def refuse_other_containers(path: Path) -> None:
    """Raise InputError for a file that is no workbook, has a password, or unpacks to far more than a table would.

    It is a packed file if it does not begin as `cells.workbooks.sheet.is_workbook` says.
    """
    try:
        with path.open("rb") as file:
            head = file.read(max(len(ZIP), len(OLE2)))
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}. Check the file and its permissions.") from None
    if head.startswith(ZIP):
        reason = _reason_against_zip(path)
    else:
        reason = _reason_against_ole2(path.read_bytes()) if head.startswith(OLE2) else PACKED
    if reason:
        raise InputError(f"{path.name} {reason}")


def part_named(name: str, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """A part of an archive by its name, in which letter case does not matter. Raises Damaged if it is not there."""
    part = _parts(archive).get(name.casefold())
    if part is None:
        raise Damaged(f"A part is missing: {name}")
    return part


def _parts(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    return {part.filename.replace("\\", "/").casefold(): part for part in archive.infolist()}


def is_open_document(archive: zipfile.ZipFile) -> bool:
    """Whether an archive is a spreadsheet of OpenDocument, as LibreOffice writes."""
    return "opendocument.spreadsheet" in _media_type(archive)


def _reason_against_zip(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        names = _parts(archive)
        if any(map(_is_bomb, names.values())):
            return TOO_LARGE
        if any(part.flag_bits & ENCRYPTED for part in names.values()):
            return PROTECTED
        if MANIFEST in names and b"encryption-data" in archive.read(names[MANIFEST]):
            return PROTECTED
        if is_open_document(archive):
            return ""
        media_type = _media_type(archive)
    if "word/document.xml" in names or "opendocument.text" in media_type:
        return DOCUMENT
    if "ppt/presentation.xml" in names or "opendocument.presentation" in media_type:
        return PRESENTATION
    if any(name.endswith(".iwa") for name in names) or "index.zip" in names:
        return NUMBERS
    return "" if {"[content_types].xml", "_rels/.rels"} <= names.keys() else ARCHIVE


def _is_bomb(part: zipfile.ZipInfo) -> bool:
    return part.file_size > LARGEST_PART or part.file_size > max(ALWAYS_ALLOWED, MOST_TIMES * part.compress_size)


def _media_type(archive: zipfile.ZipFile) -> str:
    try:
        return archive.read("mimetype").decode("ascii", "replace")
    except KeyError:
        return ""


def _reason_against_ole2(content: bytes) -> str:
    if _ENCRYPTED_XLS.search(content):
        return PROTECTED
    if any(f"{name}\0".encode("utf-16-le") in content for name in _OLE2_WORKBOOKS):
        return ""
    reasons = (reason for name, reason in _OLE2_STREAMS.items() if name.encode("utf-16-le") in content)
    return next(reasons, UNKNOWN_OLE2)
