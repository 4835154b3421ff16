"""How a column was read where its values can be read in two ways, and what decided it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from cells.columns import CUSTOM_PREFIX, Texts
from cells.unreadable import InputError

READING_WORDS = {
    "dmy": "the day comes first",
    "mdy": "the month comes first",
    "ymd": "the year comes first",
    "dot": "a dot comes before decimals",
    "comma": "a comma comes before decimals",
}
WEAK_SHARE = 0.1  # of a column's values; if no more than these decide for all, it is worth a look


class UnclearColumn(InputError):
    """A column's values can be read in more than one way, and only somebody who knows the file can tell which."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a column is read: an order of dates (`dmy`, `mdy`, `ymd`) or a decimal mark (`dot`, `comma`).

    `row` and `value` are where a value first proves it; row 0 if it was asked for, or noted in a rejects file.
    `deciding` rows prove it, of `concerned` that would mean something else otherwise.
    """

    column: str
    reading: str
    row: int = 0
    value: str = ""
    deciding: int = 0
    concerned: int = 0

    @property
    def is_weak(self) -> bool:
        """Whether few values decide for many."""
        return bool(self.row) and self.deciding <= WEAK_SHARE * self.concerned

    def in_words(self) -> str:
        """How the column is read, and the value that decided it."""
        few = f"; only {self.deciding} of {self.concerned} values say so, so check this" if self.is_weak else ""
        return f"{self.column}: {READING_WORDS[self.reading]}, as in {self.value!r} (row {self.row}){few}"


def told_or_proved(
    columns: Mapping[str, Texts],
    asked: Mapping[str, str | None],
    told: Callable[[str], str | None],
    prove: Callable[[str, Texts], Reading | None],
    called: Callable[[str], str],
) -> dict[str, Reading]:
    """How each custom field's column is read where it matters, by our name for it: as asked or told, or else as values
    prove.

    `columns` are those of custom fields, and `asked` what somebody asked for, by the field's name. `called` gives what
    the file calls a column, which is what `told` and `prove` get.
    """
    found: dict[str, Reading] = {}
    for name, texts in columns.items():
        column = called(CUSTOM_PREFIX + name)
        requested = asked.get(name) or told(column)
        reading = Reading(column, requested) if requested else prove(column, texts)
        if reading:
            found[CUSTOM_PREFIX + name] = reading
    return found


def proved(readings: Iterable[Reading]) -> list[Reading]:
    """The readings that values of the file decided."""
    return [reading for reading in readings if reading.row]
