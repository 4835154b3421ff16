"""What the XML of an Excel sheet tells about its cells beyond their values: formulas, errors, and numbers as shown.

It is searched piece by piece, because the XML of a long sheet is far too much to be parsed in Python.
"""

import functools
import html
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from posixpath import basename, dirname, join, normpath
from typing import IO
from xml.etree import ElementTree

from cells.unreadable import InputError
from cells.workbooks.containers import Damaged, part_named
from cells.workbooks.corrections import Correction, Corrections
from cells.workbooks.number_formats import DATES_OF_EAST_ASIA, Shown, as_date, shown_by
from cells.wrapped import is_formula

PIECE = 4 * 1024**2  # bytes that are searched at once
KNOWN_ERRORS = ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!")  # calamine refuses any other
_REFERENCE = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{1,3})([0-9]{1,7})["']""")
_ROW = re.compile(rb"""\sr\s*=\s*["']([0-9]{1,7})["']""")


class _WithoutReferenceError(Exception):
    """A cell does not say where it is, so that it has to be counted."""


@dataclass(frozen=True, slots=True)
class WorkbookXml:
    """What the sheets of a workbook have in common.

    `parts` are the names of the sheets' parts in the archive, in order; `shown` says by style how numbers are shown,
    where that matters. `is_calculated` is False if the program that wrote the file did not know formulas' results.
    """

    archive: zipfile.ZipFile
    parts: tuple[str, ...]
    shown: Mapping[int, Shown]
    is_calculated: bool


def workbook_xml(archive: zipfile.ZipFile) -> WorkbookXml | None:
    """What the sheets of an Excel workbook have in common; None for a binary workbook (.xlsb)."""
    main = next((part for kind, part in _related(archive, "").values() if kind == "officeDocument"), None)
    if main is None:
        raise Damaged("The archive names no workbook.")
    if not main.casefold().endswith(".xml"):
        return None
    related = _related(archive, main)
    workbook = _root(archive, main)
    is_1904 = any(_is_true(each.get("date1904")) for each in _inside(workbook, "workbookPr"))
    styles = [part for kind, part in related.values() if kind == "styles"]
    return WorkbookXml(
        archive,
        parts=tuple(related.get(_relation_of(sheet), ("", ""))[1] for sheet in _inside(workbook, "sheets", "sheet")),
        shown=_shown_by_style(_root(archive, styles[0]), is_1904) if styles else {},
        is_calculated=not any(_is_true(each.get("fullCalcOnLoad")) for each in _inside(workbook, "calcPr")),
    )


def corrections(workbook: WorkbookXml, sheet: int) -> Corrections:
    """The cells of a sheet whose values do not say enough. Raises InputError for an error that calamine refuses."""
    if sheet >= len(workbook.parts):
        raise Damaged("A sheet has no part.")
    try:
        return _corrections(workbook, sheet, counts=False)
    except _WithoutReferenceError:
        return _corrections(workbook, sheet, counts=True)


def _corrections(workbook: WorkbookXml, sheet: int, counts: bool) -> Corrections:
    found = Corrections()
    with workbook.archive.open(part_named(workbook.parts[sheet], workbook.archive)) as file:
        head = file.read(PIECE)
        root = re.search(rb"<([\w.-]+:)?worksheet[\s>]", head)
        if root is None:
            raise Damaged("A part is no worksheet.")
        search = _Search(root[1] or b"", workbook)
        for piece in _pieces(head, file, b"</%brow>" % search.prefix):
            cells = search.all(search.numbered(piece) if counts else piece)
            found.add((*_position(attributes), correction) for attributes, correction in cells)
    return found


def _pieces(head: bytes, file: IO[bytes], end_of_row: bytes) -> Iterator[bytes]:
    """The whole file, cut after rows."""
    rest = head
    while more := file.read(PIECE):
        cut = rest.rfind(end_of_row) + len(end_of_row)
        if cut >= len(end_of_row):
            yield rest[:cut]
            rest = rest[cut:]
        rest += more
    yield rest


def _position(attributes: bytes) -> tuple[int, int]:
    reference = _REFERENCE.search(attributes)
    if reference is None:
        raise _WithoutReferenceError
    return int(reference[2]) - 1, _column(reference[1])


@functools.cache
def _column(letters: bytes) -> int:
    """The number of a column, from 0."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - ord("A") + 1
    return number - 1


class _Search:
    """The search for such cells in the XML of one sheet, whose elements have this prefix."""

    def __init__(self, prefix: bytes, workbook: WorkbookXml) -> None:
        self.prefix = prefix
        self._workbook = workbook
        self._row, self._column = 0, 0
        styles = "|".join(map(str, workbook.shown)).encode()
        blank = rb"" if workbook.is_calculated else rb"0?"
        self._tags = self._pattern(rb"<@(?:(row)|c)(?=[\s/>])([^>]*)>")
        self._styled = self._pattern(rb"""<@c(?=[^>]*\ss=["'](%b)["'])([^>]*[^/>])>""" % styles)
        no_result = rb"\s*(<@v\s*/>|<@v(?:\s[^>]*)?>\s*%b</@v>)?\s*</@c>" % blank
        self._formula_end = self._pattern(rb"(?:</@f>|<@f\s[^>]*/>)" + no_result)
        self._formula = self._pattern(rb"<@c((?:\s[^>]*[^/>])?)>\s*<@f(?:\s[^>]*)?(?:/>|>([^<]*)</@f>)" + no_result)
        self._error = self._pattern(
            rb"""<@c(?=[^>]*\st=["']e["'])([^>]*[^/>])>(?:(?!</@c>).)*?<@v(?:\s[^>]*)?>([^<]+)</@v>"""
        )
        self._long_value = self._pattern(rb"<@v>-?[0-9]{16}")
        self._long = self._pattern(rb"<@c((?:\s[^>]*[^/>])?)>\s*<@v>(-?[0-9]{16,})</@v>")

    def _pattern(self, pattern: bytes) -> re.Pattern[bytes]:
        return re.compile(pattern.replace(b"@", re.escape(self.prefix)), re.DOTALL)

    def all(self, piece: bytes) -> Iterator[tuple[bytes, Correction]]:
        """The attributes of each cell that was found, and its text or how to show its number."""
        if self._workbook.shown:
            yield from ((cell[2], self._workbook.shown[int(cell[1])]) for cell in self._styled.finditer(piece))
        if self._long_value.search(piece):
            yield from ((cell[1], cell[2].decode()) for cell in self._long.finditer(piece))
        if self._formula_end.search(piece):
            yield from self._formulas(piece)
        if b't="e"' in piece or b"t='e'" in piece:
            yield from self._errors(piece)

    def _formulas(self, piece: bytes) -> Iterator[tuple[bytes, str]]:
        """Formulas without a result; in a cell for text, nothing may well be the result."""
        for cell in self._formula.finditer(piece):
            attributes, formula, result = cell.groups()
            if not (result and re.search(rb"""\st=["']str["']""", attributes)):
                yield attributes, formula_text(html.unescape((formula or b"").decode()))

    def _errors(self, piece: bytes) -> Iterator[tuple[bytes, str]]:
        for cell in self._error.finditer(piece):
            error = html.unescape(cell[2].decode()).strip()
            if error not in KNOWN_ERRORS:
                raise InputError(
                    f"{Path(self._workbook.archive.filename or '').name} has a cell with the error {error!r}, which "
                    "can't be read. Open it in a spreadsheet, save it as CSV (UTF-8), and use that file."
                )
            yield cell[1], error

    def numbered(self, piece: bytes) -> bytes:
        """The next piece, with a reference in each cell."""
        return self._tags.sub(self._with_reference, piece)

    def _with_reference(self, tag: re.Match[bytes]) -> bytes:
        if tag[1]:
            row = _ROW.search(tag[2])
            self._row, self._column = int(row[1]) if row else self._row + 1, 0
            return tag[0]
        reference = _REFERENCE.search(tag[2])
        self._column = _position(tag[2])[1] + 1 if reference else self._column + 1
        return tag[0] if reference else b'<%bc r="%b%d"%b>' % (self.prefix, _letters(self._column), self._row, tag[2])


def formula_text(formula: str) -> str:
    """The text for a formula that has no result, such that it is recognized as one."""
    text = f"={formula or '(formula)'}"
    return text if is_formula(text) else f"=({formula})"


def _letters(column: int) -> bytes:
    """The name of a column, counted from 1."""
    letters = b""
    while column:
        column, letter = divmod(column - 1, 26)
        letters = bytes([ord("A") + letter]) + letters
    return letters


# Parts of the archive ------------------------------------------------------------------------------------------------


def _root(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    return ElementTree.fromstring(archive.read(part_named(name, archive)))


def _related(archive: zipfile.ZipFile, name: str) -> dict[str, tuple[str, str]]:
    """The parts to which a part is related ("" is the archive): by identifier, the kind and the name of each."""
    relations = _root(archive, join(dirname(name), "_rels", f"{basename(name)}.rels"))
    return {
        relation.get("Id", ""): (
            relation.get("Type", "").rpartition("/")[2],
            normpath(join("/", dirname(name), relation.get("Target", ""))).lstrip("/"),
        )
        for relation in relations
    }


def _relation_of(sheet: ElementTree.Element) -> str:
    return next((value for key, value in sheet.items() if key.endswith("}id")), "")


def _inside(element: ElementTree.Element, *path: str) -> list[ElementTree.Element]:
    """The elements at the end of a path of names, in whatever namespace: there are two for the same format."""
    return element.findall("/".join(f"{{*}}{name}" for name in path))


def _is_true(value: str | None) -> bool:
    return value in ("1", "true", "on")


def _shown_by_style(styles: ElementTree.Element, is_1904: bool) -> dict[int, Shown]:
    codes = {each.get("numFmtId"): each.get("formatCode", "") for each in _inside(styles, "numFmts", "numFmt")}
    shown = {number: shown_by(code) for number, code in codes.items()}
    shown.update({str(number): as_date(is_1904) for number in DATES_OF_EAST_ASIA if str(number) not in codes})
    numbers = [style.get("numFmtId") for style in _inside(styles, "cellXfs", "xf")]
    return {style: how for style, number in enumerate(numbers) if (how := shown.get(number)) is not None}
