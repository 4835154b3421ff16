"""Whether a row is about a place in the US, as far as a column with the country tells."""

import re

import pandas as pd

from cells.placeholders import is_placeholder
from cells.source_file import SourceFile
from cells.texts import plain_name
from cells.us_states import NAME_BY_CODE
from cells.wrapped import unwrapped

_OWNERS = r"(?:company|billing|business|organization|account|hq|headquarters|person|contact|mailing|address)"
_COUNTRY_TITLE = re.compile(rf"(?:custom\.)?\s*(?:{_OWNERS} )?country(?:/region| code| name)?", re.IGNORECASE)
_TERRITORIES = ("AS", "GU", "MP", "PR", "UM", "VI")
_US = frozenset(
    {
        *("us", "usa", "u s", "u s a", "united states", "united states of america", "the united states", "america"),
        *("estados unidos", "vereinigte staaten"),
        *(code.casefold() for code in _TERRITORIES),
        *(re.sub(r"\W+", " ", NAME_BY_CODE[code].casefold()) for code in _TERRITORIES),
    }
)


def rows_abroad(source: SourceFile) -> "pd.Series[str]":
    """The country of each row that is about a place outside the US, by row number; empty without such a column."""
    title = next(
        (index for index, title in enumerate(source.header) if _COUNTRY_TITLE.fullmatch(plain_name(title))), None
    )
    if title is None:
        return pd.Series("", index=source.cells.index[:0], dtype=object)
    cells = source.cells[title]
    abroad = {cell: country for cell in cells.unique() if (country := _country_abroad(cell))}
    return cells[cells.isin(list(abroad))].map(abroad)


def _country_abroad(cell: str) -> str:
    """The country that a cell names if it is not the US, else ""."""
    text = unwrapped(cell)
    words = " ".join(re.sub(r"\W+", " ", text.casefold()).split())
    return "" if not words or is_placeholder(text) or words in _US else text
