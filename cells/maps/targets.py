"""What a map can say that a column holds: our names for the parts of a lead, its custom fields, or nothing."""

import difflib
import unicodedata
from collections.abc import Mapping
from dataclasses import replace

from cells.columns import COMPANY, CONTACT_NAME, CUSTOM_PREFIX, EMAILS, PHONES, STATE
from cells.lead_fields import REVENUE
from cells.maps.column_map import UNDECIDED, MapError
from cells.texts import is_same_name, plain_name
from cells.title_words import Part
from cells.titles import Meaning, meaning_of, type_in_title

TARGETS: Mapping[str, Part] = {
    COMPANY: "company",
    CONTACT_NAME: "contact name",
    "Prefix": "prefix",
    "First Name": "first name",
    "Middle Name": "middle name",
    "Last Name": "last name",
    "Suffix": "suffix",
    "Full Name": "full name",
    EMAILS: "email",
    PHONES: "phone",
    "Types of Contact Emails": "type of email",
    "Types of Contact Phones": "type of phone",
    STATE.title: "state",
    "": "left out",
    UNDECIDED: "undecided",
}
ONLY_ONE: frozenset[Part] = frozenset(
    {"contact name", "prefix", "first name", "middle name", "last name", "suffix", "state", "custom"}
)  # a file has but one column for each of these parts of a contact or lead
_TYPES: frozenset[Part] = frozenset({"type of email", "type of phone"})
_FIRST = -1  # the rank of a column that a map names, before all that only their titles tell
_NAME_OF = {part: name for name, part in TARGETS.items()}


def spelled_target(text: str) -> str:
    """A target as we spell it. Raises MapError, with what is close to it, for a text that is none."""
    if text.casefold().startswith(CUSTOM_PREFIX):
        return _custom_target(text)
    known = next((name for name in TARGETS if is_same_name(name, text)), None)
    if known is not None:
        return known
    near = _near(text)
    meant = f"perhaps you mean {near!r}" if near else f"for a field of Close, write '{CUSTOM_PREFIX}{text}'"
    raise MapError(f"{text!r} is no target; {meant}")


def _near(text: str) -> str:
    """The target that a text means as the title of a column, or that it is like; "" if there is none."""
    told = target_of(meaning_of(text))
    by_name = {plain_name(name): name for name in TARGETS if name}
    like = difflib.get_close_matches(plain_name(text), by_name, n=1)
    return told if told and told in TARGETS else by_name[like[0]] if like else ""


def _custom_target(text: str) -> str:
    named = meaning_of(text)
    if named is None or named.part != "custom":
        raise MapError(f"{text!r} names no field that an import can fill; choose another target")
    return CUSTOM_PREFIX + named.detail


def target_of(meaning: Meaning | None) -> str:
    """The target that says the same about a column as its title."""
    if meaning is None:
        return ""
    return CUSTOM_PREFIX + meaning.detail if meaning.part == "custom" else _NAME_OF.get(meaning.part, "")


def meaning_for(target: str, title: str, told: Meaning | None) -> Meaning:
    """What a column with a target holds; `told` is what its title alone says.

    A title that says the same also says more: the type or currency of the values, and which of several
    columns counts. Raises MapError for a target that only the title can give.
    """
    if told is not None and is_same_name(target_of(told), target):
        return told
    if target.startswith(CUSTOM_PREFIX):
        return _custom(target.removeprefix(CUSTOM_PREFIX), title, told)
    part = TARGETS[target]
    if part in _TYPES:
        raise MapError(
            f"The column {title!r} is not named after a column of {target.removeprefix('Types of ')}, so it can't say "
            "their types. Give that column a type instead"
        )
    return Meaning(part, rank=_FIRST, type=type_in_title(title, part))


def _custom(name: str, title: str, told: Meaning | None) -> Meaning:
    """A custom field, whose amounts count thousands as the title says.

    A field that somebody names may hold amounts in the currency of the title; revenue is in that of the organization.
    """
    is_revenue = is_same_name(name, REVENUE)
    sign = next((char for char in title if unicodedata.category(char) == "Sc"), "") if is_revenue else ""
    amount = told if told and told.part == "custom" else Meaning("custom")
    return replace(amount, detail=name, rank=_FIRST, sign=sign)
