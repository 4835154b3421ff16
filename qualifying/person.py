"""A person: the id, and what we know about them to tell one person from another."""

import hmac
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Self

from cells.placeholders import is_placeholder
from cells.wrapped import unwrapped
from qualifying.person_name import PersonName

LONGEST_ID = 64  # characters
ID_RULE = (
    f"an id has 1 to {LONGEST_ID} characters without spaces or slashes, with digits from 0 to 9 only, and is not a "
    "number changed by a spreadsheet, such as 4.15E+09 or 123,456, nor a word such as none or pending"
)
NAME, BIRTH_DATE = "name", "birth_date"


@dataclass(frozen=True, slots=True)
class Person:
    """A person's id, and what we know about them: possible names, and the date of birth as YYYY-MM-DD, if known."""

    person_id: str
    names: frozenset[PersonName] = frozenset()
    birth_date: str = ""

    @classmethod
    def called(cls, person_id: str, names: Iterable[str], birth_date: str = "") -> Self:
        """A person who goes by any of these names; one that stands for none, such as `N/A`, is ignored."""
        held = frozenset(PersonName.of(name) for name in names if not is_placeholder(" ".join(name.split())))
        held = frozenset(name for name in held if name.spellings)
        return cls(person_id, held, birth_date)

    def is_called(self, names: Iterable[PersonName]) -> bool:
        """Whether one of our names agrees with one of these."""
        return any(ours.agrees_with(other) for other in names for ours in self.names)

    def compared(self, name: str, birth_date: str) -> dict[str, bool]:
        """Whether a registry's `name` and `birth_date` agree with ours; whatever either side lacks is left out."""
        compared = {}
        if name and self.names:
            compared[NAME] = self.is_called([PersonName.of(name)])
        if birth_date and self.birth_date:
            compared[BIRTH_DATE] = birth_date == self.birth_date
        return compared


def is_person_id(text: str) -> bool:
    """Whether a text can be a person's id: 1 to 64 characters without white space, control characters or `/`.

    `.` and `..` on their own are refused too: in a path they would mean another place.
    """
    is_long_enough = 0 < len(text) <= LONGEST_ID
    return is_long_enough and "/" not in text and text not in (".", "..") and text.isprintable() and " " not in text


def id_typed(cell: str) -> str:
    """The id in a cell as it was typed, without what a spreadsheet put around it; control characters stay."""
    return cell.strip() if any(unicodedata.category(char) == "Cc" for char in cell.strip()) else unwrapped(cell)


def is_whole_id(text: str) -> bool:
    """Whether a text can be an id: not one that a spreadsheet has changed (4.15E+09, 123.0), nor a word for nothing."""
    is_changed = _DAMAGED_ID.fullmatch(text) or any(char.isdecimal() and not char.isascii() for char in text)
    return is_person_id(text) and not (is_changed or is_placeholder(text) or text.casefold() in NO_IDS)


# As a spreadsheet writes numbers, or with the separator of a list.
_DAMAGED_ID = re.compile(r"\d+([.,]\d+)?[Ee]\+\d+|\d+[.,]0+|\d{1,3}(,\d{3})+|[,;].*|.*[,;]|\w+[,;]\w+([,;]\w+)*")
NO_IDS = frozenset({"id", "ids", "nan", "pending", "tbd", "tba", "todo", "missing", "na", "true", "false"})


def pseudonym(text: str, key: str) -> str:
    """A replacement for a text that must not be read: always the same, and impossible to undo without the key."""
    return hmac.new(key.encode(), text.encode(errors="surrogatepass"), "sha256").hexdigest()


def is_day(text: str) -> bool:
    """Whether a text is an existing date, written YYYY-MM-DD."""
    try:
        return bool(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False
