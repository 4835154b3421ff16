"""Text as people typed it: which of it is visible, which names are the same, and why a value can't be kept."""

import functools
import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

MOST_REMEMBERED = 4096  # names

ProblemCode = Literal[
    "no_company",
    "surplus_cells",
    "shifted_row",
    "header_again",
    "formula",
    "several_names",
    "invalid_email",
    "invalid_phone",
    "damaged_phone",
    "invalid_date",
    "two_digit_year",
    "year_only",
    "day_number",
    "no_time_zone",
    "invalid_number",
    "range",
    "wrong_currency",
    "unknown_state",
    "state_abroad",
    "not_a_choice",
    "invalid_reference",
    "too_long",
    "too_many",
    "conflict",
    "refused",
    "changed",
]


class InvalidValue(Exception):
    """A value that can't be kept: a code for machines and a reason for the person who typed it."""

    def __init__(self, code: ProblemCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def visible(text: str) -> str:
    """A text without invisible characters: zero-width spaces, soft hyphens, direction and byte order marks."""
    return text if text.isascii() else text.translate(_INVISIBLE)


_INVISIBLE = dict.fromkeys(
    [0xAD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF]
)


def is_text(cell: str) -> bool:
    """Whether a cell has anything visible."""
    return bool(visible(cell).strip())


def has_text(row: Sequence[str]) -> bool:
    """Whether a row has anything visible; for most rows, the first character is enough to tell."""
    return bool(row) and (row[0][:1].isalnum() or any(map(is_text, row)))


@functools.lru_cache(MOST_REMEMBERED)
def plain_name(name: str) -> str:
    """The form in which names are compared: letter case, white space and the composition of accents do not matter.

    For names of columns, fields, statuses and Smart Views. This is the caseless match of the Unicode Standard, section
    3.13 (D145).
    """
    decomposed = unicodedata.normalize("NFD", visible(name)).casefold()
    return " ".join(unicodedata.normalize("NFC", decomposed).split())


def is_same_name(one: str, other: str) -> bool:
    """Whether two names of a column, field, status or Smart View mean the same to people."""
    return plain_name(one) == plain_name(other)


def words_of(name: str) -> list[str]:
    """The words and figures in a name of a column, field, status or Smart View, as they are compared."""
    return re.findall(r"[^\W_]+", plain_name(name))
