"""Texts that are safe to open or show, without formulas or terminal control characters; and texts in CSV and TOML."""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable

DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # of reading
_SEEN_ANYWAY = frozenset("\n\u200c\u200d")  # what joins letters and the parts of an emoji has an effect that is seen
_RECKONED = re.compile(r"\s*(?:[=@]|[+-](?!\d)|[+-]\d.*([+*/^&|!=<>]|[A-Za-z]\())", re.DOTALL)
_RECKONED_LATER = re.compile(r'[\s"]*' + _RECKONED.pattern.removeprefix(r"\s*"), re.DOTALL)  # quotes may count then
_SPLITS = re.compile("([;\t\r\n])")  # where a spreadsheet with other settings begins a new cell


def guarded(cell: object) -> str:
    """A cell without formulas: a text that a spreadsheet may take for a formula gets a leading apostrophe.

    So does what follows a semicolon, a tab or a line break, where many spreadsheets begin a new cell. A number or phone
    number with a sign or with hyphens does not get one, but `+1+1` does.
    """
    text = str(cell)
    first, *others = _SPLITS.split(text)
    is_formula = _RECKONED.match(text) or _RECKONED.match(first)
    return "".join([f"'{first}" if is_formula else first, *map(_guarded_piece, others)])


def _guarded_piece(piece: str) -> str:
    return f"'{piece}" if _RECKONED_LATER.match(piece) else piece


def harmless(text: str) -> str:
    """A text without characters that control a terminal or change the reading direction; line breaks are kept."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(char if char == "\n" or not _steers(char) else " " for char in text)


def harmless_line(text: str) -> str:
    """The same without line breaks: a name that has one can't look like another line of ours."""
    return harmless(text).replace("\n", " ")


def revealed(text: str) -> str:
    """A text in which characters that are not seen, or change the reading direction, are named: `⟨U+202E⟩`.

    Line breaks are kept, and so is what joins the parts of an emoji or the letters of some scripts.
    """
    return text if text.isprintable() else "".join(map(_revealed_char, text))


def _revealed_char(char: str) -> str:
    is_hidden = _steers(char) or unicodedata.category(char) == "Cf"
    return f"⟨U+{ord(char):04X}⟩" if is_hidden and char not in _SEEN_ANYWAY else char


def harmless_json(document: str) -> str:
    """A JSON document with such characters escaped, so that its values stay what they are."""
    if document.replace("\n", "").isprintable():
        return document
    return "".join(char if char == "\n" or not _steers(char) else f"\\u{ord(char):04x}" for char in document)


def _steers(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in DIRECTIONS


def csv_text(lines: Iterable[Iterable[object]]) -> str:
    """Lines of cells as CSV."""
    return "".join(map(_csv_line, lines))


def _csv_line(cells: Iterable[object]) -> str:
    """A line of CSV. Python's writer quotes a carriage return only if lines end with one."""
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n") + "\n"


def encodable(text: str) -> str:
    """A text that any file can hold: JSON may contain halves of characters (lone surrogates)."""
    return text.encode(errors="replace").decode()


def toml_string(text: str) -> str:
    """A text as TOML writes it in quotation marks."""
    return json.dumps(encodable(text), ensure_ascii=False).replace("\x7f", "\\u007f")
