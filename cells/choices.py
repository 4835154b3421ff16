"""Reading a text for a field with a fixed set of values: a choice, or the id of a user or a contact."""

import difflib
import re
from collections.abc import Sequence

from cells.texts import InvalidValue

MOST_SHOWN = 8  # choices in one message
ID_PREFIXES = {"user": "user_", "contact": "cont_"}  # of the ids that a field of this type holds


def parse_choice(text: str, choices: Sequence[str]) -> str:
    """The choice that a text names exactly. Raises InvalidValue, naming the closest choice, if it names none."""
    choice = text.strip()
    if choice in choices:
        return choice
    nearest = difflib.get_close_matches(choice, choices, n=1, cutoff=0.5)
    hint = f"the closest is {nearest[0]!r}" if nearest else _listed(choices)
    raise InvalidValue("not_a_choice", f"The field in Close does not have this choice; {hint}.")


def _listed(choices: Sequence[str]) -> str:
    if not choices:
        return "it has no choices"
    more = len(choices) - MOST_SHOWN
    return f"its choices are {', '.join(map(repr, choices[:MOST_SHOWN]))}{f' and {more} more' if more > 0 else ''}"


def parse_reference(text: str, prefix: str) -> str:
    """The id of a user or contact in Close. Raises InvalidValue if the text is not such an id."""
    reference = text.strip()
    if not re.fullmatch(prefix + r"\w+", reference):
        raise InvalidValue("invalid_reference", f"The field needs an id that begins with {prefix}.")
    return reference
