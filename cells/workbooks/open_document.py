"""What an OpenDocument spreadsheet (.ods) tells about its cells beyond their values, as `excel_xml` for Excel."""

import re
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.parsers import expat

from cells.workbooks.cell_texts import number_text
from cells.workbooks.containers import Damaged, part_named
from cells.workbooks.corrections import COLUMNS, Corrections
from cells.workbooks.excel_xml import PIECE, formula_text

OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
EXTENSION = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"

_MAY_MATTER = re.compile(  # all that the functions below look for
    rb"""value-type=["'](?:currency|error)["']|:p(?:\s[^>]*)?>\s*0[0-9]|table:formula=(?![^>]*office:value-type=)"""
)


def refuse_malformed(archive: zipfile.ZipFile) -> None:
    """Raise Damaged if the XML has no proper end, which calamine would look for as long as it is let."""
    try:
        with archive.open(part_named("content.xml", archive)) as file:
            expat.ParserCreate().ParseFile(file)
    except expat.ExpatError as error:
        raise Damaged(str(error)) from None


def ods_corrections(archive: zipfile.ZipFile, sheet: int) -> Corrections:
    """The cells of a sheet whose values do not say enough."""
    found = Corrections()
    if _may_matter(archive):
        number = 0
        for row in _rows(archive, sheet):
            corrected = list(_cells(row))
            repeated = _times(row, "number-rows-repeated")
            for each in range(number, number + repeated) if corrected else ():
                found.add((each, column, text) for column, text in corrected)
            number += repeated
    return found


def _times(element: ElementTree.Element, name: str) -> int:
    """How often a row or a cell is there."""
    times = element.get(f"{TABLE}{name}", "1")
    if not re.fullmatch(r"[0-9]{1,9}", times):
        raise Damaged("A row or a cell does not say how often it is there.")
    return int(times)


def _may_matter(archive: zipfile.ZipFile) -> bool:
    before = b""
    with archive.open(part_named("content.xml", archive)) as file:
        while piece := file.read(PIECE):
            if _MAY_MATTER.search(before + piece):
                return True
            before = piece[-PIECE // 100 :]  # what is looked for may be cut in two
    return False


def _rows(archive: zipfile.ZipFile, sheet: int) -> Iterator[ElementTree.Element]:
    """The rows of a sheet, one by one, as their XML."""
    tables, inside = -1, 0
    with archive.open(part_named("content.xml", archive)) as file:
        for event, element in ElementTree.iterparse(file, ("start", "end")):
            if element.tag == f"{TABLE}table":
                tables += event == "start" and not inside
                inside += 1 if event == "start" else -1
            elif event == "end" and element.tag == f"{TABLE}table-row" and inside == 1:
                if tables == sheet:
                    yield element
                element.clear()


def _cells(row: ElementTree.Element) -> Iterator[tuple[int, str]]:
    """The columns of the cells in a row that need a text, with that."""
    column = 0
    for cell in row:
        repeated = _times(cell, "number-columns-repeated")
        text = _text(cell)
        if text and column + repeated > COLUMNS:
            raise Damaged("A cell is repeated beyond where a sheet ends.")
        for each in range(column, column + repeated) if text else ():
            yield each, text
        column += repeated


def _text(cell: ElementTree.Element) -> str:
    """The text of a cell that its value does not give, "" if there is none."""
    kind, value, currency = (cell.get(f"{OFFICE}{name}") for name in ("value-type", "value", "currency"))
    shown = "\n".join("".join(paragraph.itertext()) for paragraph in cell.findall(f"{TEXT}p")).strip()
    if cell.get(f"{EXTENSION}value-type") == "error":
        return shown
    if kind is None:
        formula = cell.get(f"{TABLE}formula")
        return formula_text(re.sub(r"^(?:\w+:)?=?", "", formula)) if formula else ""
    if kind == "currency" and value and currency not in (None, "", "USD"):
        return f"{currency} {number_text(float(value))}"
    is_padded = kind == "float" and value and re.fullmatch(r"0[0-9 ()/-]*[0-9]", shown)
    return shown if is_padded and int(re.sub(r"\D", "", shown)) == float(value or 0) else ""
