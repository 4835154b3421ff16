"""A text as people typed it: what is visible of it, which names are the same, and why a value can't be kept."""

import unicodedata
from collections.abc import Sequence
from typing import Literal

ProblemCode = Literal[
    "no_company",
    "surplus_cells",
    "invalid_email",
    "invalid_phone",
    "damaged_phone",
    "invalid_date",
    "invalid_number",
    "wrong_currency",
    "unknown_state",
    "not_a_choice",
    "invalid_reference",
    "too_long",
    "too_many",
    "conflict",
    "refused",
]


class InvalidValue(Exception):
    """A value that can't be kept: a code for machines and a reason for the person who typed it."""

    def __init__(self, code: ProblemCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def visible(text: str) -> str:
    """A text without the characters that nobody sees: zero-width spaces, soft hyphens, marks of direction and order."""
    return text if text.isascii() else text.translate(_INVISIBLE)


_INVISIBLE = dict.fromkeys(
    [0xAD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF]
)


def is_text(cell: str) -> bool:
    """Whether anything is to be seen in a cell."""
    return bool(visible(cell).strip())


def has_text(row: Sequence[str]) -> bool:
    """Whether anything is to be seen in a row; most rows are decided by their first character."""
    return bool(row) and (row[0][:1].isalnum() or any(map(is_text, row)))


def plain_name(name: str) -> str:
    """A name as names are compared: letter case, white space and how accents are composed do not matter.

    For names of columns, fields, statuses and Smart Views. The caseless match is that of the Unicode Standard, section
    3.13 (D145).
    """
    decomposed = unicodedata.normalize("NFD", visible(name)).casefold()
    return " ".join(unicodedata.normalize("NFC", decomposed).split())


def is_same_name(one: str, other: str) -> bool:
    """Whether people mean the same by two names of a column, field, status or Smart View."""
    return plain_name(one) == plain_name(other)
