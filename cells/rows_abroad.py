"""Which rows of a file are about a place outside the US, as far as a column with the country tells."""

import re
from collections.abc import Sequence

import pandas as pd

from cells.countries import country_in, is_us
from cells.source_file import SourceFile

_COUNTRY_TITLE = re.compile(
    r"(?:custom )?(?P<owner>.* )?(?:country|pais|país|pays|land|paese|nation)"
    r"(?: region| or region| code| name| iso| iso code| of address| c)?"
)
_OF_THE_COMPANY = frozenset(
    {"company", "account", "organization", "organisation", "org", "hq", "headquarters", "billing", "business"}
)
_OF_SOMETHING_ELSE = frozenset({"phone", "calling", "dial", "dialing", "ip", "state", "birth", "tax"})


def rows_abroad(source: SourceFile) -> "pd.Series[str]":
    """The country of each row that is about a place outside the US, by row number; empty without such a column.

    The company's country counts; the country of the person only if the company's is blank.
    """
    countries = pd.Series("", index=source.cells.index, dtype=object)
    for index in _country_columns(source.header):
        cells = source.cells[index]
        named = {cell: country_in(cell) or "" for cell in cells.unique()}
        countries = countries.where(countries != "", cells.map(named))
    abroad = [text for text in countries.unique() if text and not is_us(text)]
    return countries[countries.isin(abroad)]


def _country_columns(header: Sequence[str]) -> list[int]:
    """The positions of the columns with countries: the company's first, then those without an owner, then others."""
    found: list[tuple[int, int]] = []
    for index, title in enumerate(header):
        parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", title)
        match = _COUNTRY_TITLE.fullmatch(" ".join(re.findall(r"[^\W_]+", parted)).casefold())
        owner = (match["owner"] or "").split() if match else []
        if match and not set(owner) & _OF_SOMETHING_ELSE:
            rank = 0 if set(owner) & _OF_THE_COMPANY else 1 if not owner else 2
            found.append((rank, index))
    return [index for _, index in sorted(found)]
