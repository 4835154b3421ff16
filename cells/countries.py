"""Whether a row is about a place in the US, as far as a column with the country tells."""

import functools
import re
from collections.abc import Sequence

import pandas as pd

from cells.placeholders import is_placeholder
from cells.source_file import SourceFile
from cells.us_states import state_code
from cells.wrapped import unwrapped

_COUNTRY_TITLE = re.compile(
    r"(?:custom )?(?P<owner>.* )?(?:country|pais|país|pays|land|paese|nation)"
    r"(?: region| or region| code| name| iso| iso code| of address| c)?"
)
_OF_THE_COMPANY = frozenset(
    {"company", "account", "organization", "organisation", "org", "hq", "headquarters", "billing", "business"}
)
_OF_SOMETHING_ELSE = frozenset({"phone", "calling", "dial", "dialing", "ip", "state", "birth", "tax"})
_US_WORDS = frozenset({"us", "usa", "united", "states", "of", "america", "the", "u", "s", "a", "ee", "uu", "untied"})
_US = frozenset({"eeuu", "eua", "840", "ee uu", "stati uniti", "états unis", "etats unis", "estados unidos"})


def rows_abroad(source: SourceFile) -> "pd.Series[str]":
    """The country of each row that is about a place outside the US, by row number; empty without such a column.

    The company's country counts; the country of the person only if the company's is blank.
    """
    countries = pd.Series("", index=source.cells.index, dtype=object)
    for index in _country_columns(source.header):
        cells = source.cells[index]
        named = {cell: text for cell in cells.unique() if (text := _country_in(cell))}
        countries = countries.where(countries != "", cells.map(named).fillna(""))
    abroad = [text for text in countries.unique() if text and not _is_us(text)]
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


def _country_in(cell: str) -> str:
    """The country that a cell names, "" if it names none; figures other than that of the US are no country."""
    text = unwrapped(cell)
    words = _words(text)
    is_figure = words.replace(" ", "").isdecimal() and words != "840"
    return "" if not words or is_figure or is_placeholder(text) else text


def _words(text: str) -> str:
    return " ".join(re.split(r"[\W_]+", text.replace(".", "").casefold())).strip()


def _is_us(text: str) -> bool:
    """Whether a text names the US, in one of the languages of the usual programs, or a part of it."""
    words = _words(text)
    is_english = set(words.split()) <= _US_WORDS and bool(set(words.split()) & {"us", "usa", "states", "america"})
    code = state_code(text)
    return is_english or words in _US | _foreign_names_of_us() or code in _TERRITORIES or "virgin islands" in words


_TERRITORIES = ("AS", "GU", "MP", "PR", "UM", "VI", "MH", "FM", "PW")


@functools.cache
def _foreign_names_of_us() -> frozenset[str]:
    """What the US are called in other languages."""
    from phonenumbers.geodata.locale import LOCALE_DATA

    return frozenset(_words(name) for name in LOCALE_DATA["US"].values() if not name.startswith("*"))
