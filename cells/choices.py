"""Reading a text for a field with a fixed set of values: a choice, or the id of a user or a contact."""

import difflib
import json
import re
from collections.abc import Mapping, Sequence

from cells.parsed import Parsed, all_parts, one_value
from cells.placeholders import is_placeholder
from cells.texts import InvalidValue, plain_name
from cells.wrapped import unwrapped

MOST_WORDS = 60  # between commas in a cell that are tried as parts of choices
MOST_SHOWN = 8  # choices in one message
ID_PREFIXES = {"user": "user_", "contact": "cont_"}  # of the ids that a field of this type holds


def parse_choice(text: str, choices: Sequence[str]) -> str:
    """The choice that a text names, in whatever letter case; 1, true and the like name a choice of yes or no.

    Raises InvalidValue, naming the closest choice, if it names none.
    """
    choice = _named(text.strip(), choices)
    if choice is not None:
        return choice
    by_plain_name = {plain_name(each): each for each in choices}
    nearest = difflib.get_close_matches(plain_name(text), by_plain_name, n=1, cutoff=0.5)
    hint = f"the closest is {by_plain_name[nearest[0]]!r}" if nearest else _listed(choices)
    raise InvalidValue("not_a_choice", f"The field in Close does not have this choice; {hint}.")


def parse_choices(cell: str, choices: Sequence[str]) -> Parsed:
    """The choices in a cell: with marks between them, as a JSON list, or with commas if each part is a choice."""
    parse = one_value(lambda text: parse_choice(text, choices), lambda text: is_no_choice(text, choices))
    return all_parts(parse(unwrapped(part)) for part in _parts(cell, choices))


def is_no_choice(text: str, choices: Sequence[str]) -> bool:
    """Whether a text stands for a missing value, and is not a choice itself."""
    return is_placeholder(text) and _named(text, choices) is None


def _named(text: str, choices: Sequence[str]) -> str | None:
    if text in choices:
        return text
    plain = plain_name(text)
    same = [choice for choice in choices if plain in (plain_name(choice), plain_name(unwrapped(choice)))]
    if len(same) == 1:
        return same[0]
    meant = next((words for words in _YES_OR_NO if plain in words), frozenset())
    answers = [choice for choice in choices if plain_name(choice) in meant]
    is_yes_or_no = len(choices) == 2 and all(
        any(plain_name(choice) in words for words in _YES_OR_NO) for choice in choices
    )
    return answers[0] if len(answers) == 1 and is_yes_or_no else None


_YES_OR_NO = (frozenset({"yes", "y", "true", "1", "on"}), frozenset({"no", "n", "false", "0", "off"}))


def _parts(cell: str, choices: Sequence[str]) -> list[str]:
    if _named(cell, choices) is not None:
        return [cell]
    listed = _listed_texts(cell)
    if listed is not None:
        return listed
    return [part for some in re.split(r"[\r\n;]", cell) for part in _without_marks(some.strip(), choices)]


def _listed_texts(cell: str) -> list[str] | None:
    """The texts of a list in JSON, or as Python writes it, or each in quotation marks; None for anything else."""
    try:
        listed = json.loads(cell) if cell[:1] == "[" else None
    except (ValueError, RecursionError):
        listed = re.findall(r"'([^']*)'", cell) if re.fullmatch(r"\[\s*'[^']*'(?:\s*,\s*'[^']*')*\s*\]", cell) else None
    if re.fullmatch(r'"[^"]*"(?:\s*,\s*"[^"]*")+', cell):
        listed = re.findall(r'"([^"]*)"', cell)
    return listed if isinstance(listed, list) and all(isinstance(each, str) for each in listed) else None


def _without_marks(text: str, choices: Sequence[str]) -> list[str]:
    """The parts of a text that may have weaker marks between choices; a choice may contain them itself."""
    if not text or _named(text, choices) is not None:
        return [text]
    for mark in ("|", " / "):
        if mark in text:
            return [part for some in text.split(mark) for part in _without_marks(some.strip(), choices)]
    return _by_commas(text.split(","), choices) or [text]


def _by_commas(words: Sequence[str], choices: Sequence[str]) -> list[str]:
    """Choices that words make up when commas join them; none if something is left."""
    if not words or len(words) > MOST_WORDS:
        return []
    for count in range(len(words), 0, -1):
        head = ",".join(words[:count]).strip()
        if _named(head, choices) is None:
            continue
        rest = _by_commas(words[count:], choices)
        if rest or count == len(words):
            return [head, *rest]
    return []


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


def parse_user(text: str, users: Mapping[str, Sequence[str]]) -> str:
    """The id of a user in Close, given as an id, a name or an e-mail; `users` has the ids by plain name and e-mail.

    Raises InvalidValue if no user, or more than one, is called so.
    """
    named = users.get(plain_name(text), ())
    if len(named) > 1:
        raise InvalidValue(
            "invalid_reference", "Several users in Close have this name; write the user's e-mail instead."
        )
    if named:
        return named[0]
    if re.fullmatch(ID_PREFIXES["user"] + r"\w+", text.strip()):
        return text.strip()
    raise InvalidValue(
        "invalid_reference", "No user in Close has this name or e-mail; write it as in Close, or the id."
    )
