"""How a text file of a table is written: its encoding, and what separates its cells. Found in its first 64 kB."""

import codecs
import csv
import gzip
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

HEAD = 65536  # bytes that are looked at
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
LEAST_LIMIT, MOST_RATIO = 50_000_000, 100  # bytes that any packed file may have, and how far a large one unpacks
MOST_TITLES = 40  # rows among which the titles of columns are looked for
MOST_ROWS = 200  # of the head, to see which delimiter gives rows of one length
MOST_GUESSED = 1_000_000  # bytes in which an encoding is looked for
LONGEST_PROOF = 40  # characters
MOST_PROOF = 2  # texts that show what an encoding makes of a file
LATIN = frozenset(
    {*(f"iso8859-{number}" for number in (1, 2, 3, 4, 9, 10, 13, 14, 15, 16)), "cp1250", "cp1252", "cp1254", "cp1257"}
)
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_MEANT = {"utf-8": "utf-8-sig", "iso8859-1": "cp1252", "ascii": "cp1252"}  # what calls itself Latin-1 is from Windows
_SEP_LINE = re.compile(r'"?sep=([,;\t|])"?\r?\n', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TextForm:
    """How to read a file: the encoding as Python calls it, what separates cells, and what to overlook.

    With `has_sep_line`, the first line names the delimiter and is no row. With `has_loose_quotes`, blanks may stand
    between a delimiter and a quotation mark.
    """

    encoding: str
    delimiter: str = ","
    has_sep_line: bool = False
    has_loose_quotes: bool = False

    @property
    def is_usual(self) -> bool:
        """Whether it is what programs write if nobody asks for anything else: commas and UTF-8."""
        return (self.delimiter, self.encoding, self.has_sep_line) == (",", "utf-8-sig", False)

    def __str__(self) -> str:
        encoding = self.encoding.removesuffix("-sig")
        return f"{DELIMITERS.get(self.delimiter, repr(self.delimiter))}, {encoding.replace('utf-', 'UTF-')}"


class UnpacksTooFar(Exception):
    """A small file unpacks to so much that it can't be a table that somebody has packed."""


class _Unpacked(io.RawIOBase):
    """The bytes of a file packed with gzip, up to a limit that no table reaches."""

    def __init__(self, path: Path) -> None:
        self._file = gzip.GzipFile(path)
        self._left = max(LEAST_LIMIT, MOST_RATIO * path.stat().st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._file.read(len(buffer))
        self._left -= len(part)
        if self._left < 0:
            raise UnpacksTooFar
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self._file.close()
        super().close()


def open_binary(path: Path) -> BinaryIO:
    """The bytes of a file, unpacked if it was packed with gzip. Reading it may raise UnpacksTooFar."""
    with path.open("rb") as file:
        is_packed = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, io.BufferedReader(_Unpacked(path))) if is_packed else path.open("rb")


def delimiter_named(text: str) -> str:
    """What separates cells, given as a word or as the mark itself; "" if the text is neither."""
    words = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "\\t": "\t"}
    found = words.get(text.strip().casefold(), text)
    return found if found in DELIMITERS else ""


def open_text(path: Path, encoding: str) -> io.TextIOWrapper:
    """The text of a file, as for `csv`: with its line breaks as they are."""
    return io.TextIOWrapper(open_binary(path), encoding=encoding, newline="")


def head_of(path: Path) -> bytes:
    """The first bytes of a file, unpacked."""
    with open_binary(path) as file:
        return file.read(HEAD)


def form_of(
    head: bytes, encoding: str = "", delimiter: str = "", count_known: Callable[[Sequence[str]], int] = lambda _: 0
) -> TextForm:
    """How the file that begins with these bytes is written; an encoding and a delimiter may be given.

    Without a delimiter, it is the one with which a row has most known titles, as `count_known` counts them; otherwise
    the one that gives rows of one length. Raises LookupError for an encoding that does not exist.
    """
    found = _encoding_of(head, encoding)
    text = _head_as_text(head, found)
    sep_line = _SEP_LINE.match(text)
    rest = text[sep_line.end() :] if sep_line else text
    lines = _whole_lines(rest)
    told = delimiter or (sep_line[1] if sep_line else "")
    mark = told or max(DELIMITERS, key=lambda each: _fit(lines, each, count_known))
    is_loose = f'{mark} "' in rest and not _is_even(lines, mark) and _is_even(lines, mark, skips=True)
    return TextForm(found, mark, has_sep_line=bool(sep_line), has_loose_quotes=is_loose)


def first_rows(head: bytes, form: TextForm) -> list[list[str]]:
    """The rows at the beginning of a file, as far as its first bytes go."""
    return list(_rows_in(_whole_lines(_head_as_text(head, form.encoding)), form.delimiter))


def _head_as_text(head: bytes, encoding: str) -> str:
    try:
        return codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)
    except UnicodeError:  # the user is told where the file is read
        return ""


def _encoding_of(head: bytes, told: str) -> str:
    """The encoding of a file: that of its byte order mark, else the one that was given, else UTF-16 or UTF-8."""
    marked = next((name for mark, name in _MARKS.items() if head.startswith(mark)), "")
    if told:
        known = codecs.lookup(told).name
        try:
            "".encode(known)  # raises LookupError for what is no encoding of text
        except UnicodeError:
            raise LookupError(told) from None
        return marked if marked == "utf-8-sig" else _MEANT.get(known, told)
    return marked or _unmarked_utf_16(head) or "utf-8-sig"


def _unmarked_utf_16(head: bytes) -> str:
    """The UTF-16 of a head without a mark, by where its zero bytes are; "" if it is none."""
    even, odd = head[::2].count(0), head[1::2].count(0)
    name = "utf-16-le" if odd > even else "utf-16-be"
    if max(even, odd) <= len(head) // 8 or min(even, odd) * 4 > max(even, odd):
        return ""
    text = head[: len(head) // 2 * 2].decode(name, "replace")
    return "" if any(unicodedata.category(char) in ("Cc", "Cn") and char not in "\t\r\n" for char in text) else name


def _whole_lines(text: str) -> list[str]:
    """The lines of a head, without the last one if it is cut off."""
    lines = text.splitlines(keepends=True)
    return lines[:-1] if len(lines) > 1 and not text.endswith(("\n", "\r")) else lines


def _fit(lines: list[str], delimiter: str, count_known: Callable[[Sequence[str]], int]) -> tuple[int, bool, float, int]:
    """How well a delimiter fits: best if a row has many known titles, then if rows have one length of several cells."""
    rows = [row for row in _rows_in(lines, delimiter) if any(cell.strip() for cell in row)]
    if not rows:
        return 0, False, 0.0, 0
    header = max(rows[:MOST_TITLES], key=count_known)
    known = count_known(header)
    width = len(header) if known else Counter(map(len, rows)).most_common(1)[0][0]
    share = sum(len(row) == width for row in rows) / len(rows)
    return known, width > 1 or (bool(known) and share == 1), share, width


def _is_even(lines: list[str], delimiter: str, *, skips: bool = False) -> bool:
    """Whether all rows are as wide as the first one, and quoted as they should be."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=skips)
    try:
        return len({len(row) for _, row in zip(range(MOST_ROWS), reader, strict=False) if row}) == 1
    except csv.Error:
        return False


def _rows_in(lines: list[str], delimiter: str) -> Iterator[list[str]]:
    reader = csv.reader((line.replace("\0", "") for line in lines), delimiter=delimiter)
    try:
        for _, row in zip(range(MOST_ROWS), reader, strict=False):
            yield row
    except csv.Error:
        return


def is_utf_8(path: Path) -> bool:
    """Whether a file can be read as UTF-8 to its end."""
    try:
        with open_text(path, "utf-8") as file:
            return all(True for _ in iter(lambda: file.read(HEAD), ""))
    except UnicodeError:
        return False


def proof_of_encoding(path: Path) -> str:
    """What a file that is not UTF-8 probably is, with texts that this makes of it; "" if nobody can say."""
    with open_binary(path) as file:
        content = file.read(MOST_GUESSED)
    encoding = _guessed(content)
    words = [word[:LONGEST_PROOF] for word in _words_beyond_ascii(content, encoding) if "\ufffd" not in word]
    texts = list(map(repr, words[:MOST_PROOF]))
    return f"read as {encoding}, it has {' and '.join(texts)}" if texts else ""


def _guessed(content: bytes) -> str:
    """The encoding that a file probably has: of those for Latin letters cp1252, if that makes letters of everything."""
    import chardet

    guessed = codecs.lookup(chardet.detect(content).get("encoding") or "cp1252").name
    if guessed not in LATIN:
        return guessed
    letters = "".join(_words_beyond_ascii(content, "cp1252"))
    return "cp1252" if all(letter.isascii() or letter.isalpha() for letter in letters) else _MEANT.get(guessed, guessed)


def _words_beyond_ascii(content: bytes, encoding: str) -> list[str]:
    words = re.findall(r"[^\s,;|\"]+", content.decode(encoding, "replace"))
    return [word for word in dict.fromkeys(words) if not word.isascii()]
