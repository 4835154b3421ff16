"""Which country a text names, and whether that is the US or a part of it."""

import functools
import re

from cells.placeholders import is_placeholder
from cells.us_states import NAME_BY_CODE, state_code
from cells.wrapped import unwrapped

_US_WORDS = frozenset({"us", "usa", "united", "states", "of", "america", "the", "u", "s", "a", "ee", "uu", "untied"})
_US = frozenset(
    {"eeuu", "eua", "840", "ee uu", "stati uniti", "états unis", "etats unis", "estados unidos", "vereinigte staaten"}
)
_TERRITORIES = ("AS", "GU", "MP", "PR", "UM", "VI", "MH", "FM", "PW")  # which programs list as countries, too


def country_in(cell: str) -> str:
    """The country that a cell names, "" if it names none; figures other than that of the US are no country."""
    text = unwrapped(cell)
    words = _words(text)
    is_figure = words.replace(" ", "").isdecimal() and words != "840"
    return "" if not words or is_figure or is_placeholder(text) else text


def _words(text: str) -> str:
    return " ".join(re.split(r"[\W_]+", text.replace(".", "").casefold())).strip()


def is_us(text: str) -> bool:
    """Whether a text names the US, in one of the languages of the usual programs, or a part of it."""
    words = _words(text)
    is_english = set(words.split()) <= _US_WORDS and bool(set(words.split()) & {"us", "usa", "states", "america"})
    return is_english or words in _US | _foreign_names_of_us() or bool(territory_in(text))


def territory_in(text: str) -> str:
    """The English name of the US territory that a country's name or code means, "" if it means none."""
    words = _words(text)
    if "virgin islands" in words and "british" not in words and not words.startswith("vg"):
        return NAME_BY_CODE["VI"]
    code = state_code(text)
    return NAME_BY_CODE[code] if code in _TERRITORIES else ""


@functools.cache
def _foreign_names_of_us() -> frozenset[str]:
    """What the US are called in other languages."""
    from phonenumbers.geodata.locale import LOCALE_DATA

    return frozenset(_words(name) for name in LOCALE_DATA["US"].values() if not name.startswith("*"))
