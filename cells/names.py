"""Names of companies and people: extra white space removed, in the requested letter case."""

import functools
import re
from typing import Literal

from cells.parsed import Parsed, all_parts, one_value
from cells.placeholders import is_placeholder
from cells.texts import InvalidValue, visible
from cells.wrapped import unwrapped

LONGEST_NAME = 1000  # characters of a contact's name in Close
NameCase = Literal["upper", "title", "keep"]


def clean_name(text: str, names: NameCase = "upper") -> str:
    """A name without extra white space, in the requested letter case."""
    squeezed = " ".join(visible(text).split())
    if names == "upper":
        return squeezed.upper()
    return _title_case(squeezed) if names == "title" else squeezed


def clean_contact_name(text: str, names: NameCase = "upper") -> str:
    """A person's name as Close accepts it. Raises InvalidValue if it is too long for Close."""
    name = clean_name(text, names)
    if len(name) > LONGEST_NAME:
        raise InvalidValue("too_long", f"The name has {len(name)} characters; Close allows {LONGEST_NAME}.")
    return name


def plain_contact_name(text: str, names: NameCase = "upper") -> str | None:
    """The result of `parse_contact_names` for one name in the usual form; None for any other text."""
    if _UNUSUAL.search(text) or not 0 < len(text) <= LONGEST_NAME or is_placeholder(text):
        return None
    return text.upper() if names == "upper" and "  " not in text else clean_name(text, names)


def plain_part_of_name(text: str) -> str | None:
    """A part of a name in the usual form, without extra white space; None for any other text."""
    if not text or _UNUSUAL.search(text) or is_placeholder(text):
        return None
    return text if "  " not in text else " ".join(text.split())


def parse_contact_names(cell: str, names: NameCase = "upper") -> Parsed:
    """The name in a cell, or the names if there are marks between several; they are then of several people."""
    parse = one_value(functools.partial(clean_contact_name, names=names))
    parts = _BETWEEN_NAMES.split(cell)
    both = _AND.split(cell)
    if len(parts) < 2 and len(both) > 1 and all(len(part.split()) > 1 for part in both):
        parts = both
    return all_parts(parse(unwrapped(part)) for part in parts) if len(parts) > 1 else parse(cell)


_UNUSUAL = re.compile(r"[^\w .,'’()-]|\s[aA]n[dD]\s|\sAND\s|^\W")
_BETWEEN_NAMES = re.compile(r"[\r\n;|]|\s/\s")
_AND = re.compile(r"\s(?:&|\+|and|AND|And)\s")


def _title_case(text: str) -> str:
    return re.sub(r"[^\W\d_]+(?:['’][^\W\d_]+)?", _capitalize, text)


def _capitalize(word: re.Match[str]) -> str:
    """A capitalized word: also after one letter and an apostrophe (O'Neil), but not after several (Andrea's)."""
    letters = word[0]
    if letters[1:2] in ("'", "’"):
        return letters[:2].upper() + letters[2:].capitalize()
    return letters.capitalize()
