"""What a column of an unknown title may hold, by the words in its title and by its values: a hint for a person."""

import re
from collections.abc import Callable, Mapping, Sequence, Set

from cells.columns import COMPANY, EMAILS, PHONES, STATE
from cells.dates import date_readings
from cells.emails import parse_emails
from cells.phones import parse_phones
from cells.texts import InvalidValue
from cells.titles import letters_of
from cells.us_states import parse_state

MOST_LOOKED_AT = 200  # distinct values
FEWEST_FIGURES = 7  # of a phone number
_NAME = frozenset({"name", "nom", "nome", "nombre"})
_FIRST = frozenset({"first", "given"})
_LAST = frozenset({"last", "family"})
_WORDS: Mapping[str, frozenset[str]] = {
    "First Name": frozenset({"vorname", "prenom", "voornaam", "forename"}),
    "Last Name": frozenset({"surname", "nachname", "familienname", "achternaam", "sobrenome", "apellido", "apellidos"}),
    COMPANY: frozenset(
        {"company", "organisation", "organization", "employer", "business", "firm", "firma", "unternehmen", "bedrijf"}
        | {"arbeitgeber", "entreprise", "societe", "empresa", "azienda", "foretag", "work"}
    ),
    PHONES: frozenset(
        {"phone", "telephone", "mobile", "cell", "whatsapp", "telefon", "telefoon", "handy", "telefono", "telefone"}
        | {"tel", "portable", "movil"}
    ),
    STATE.title: frozenset({"state", "bundesstaat"}),
}  # by target, words in titles of usual languages, without accents


def likely_target(title: str, values: Sequence[str]) -> str:
    """The target that a column probably has; "" if nothing speaks for one."""
    some = values[:MOST_LOOKED_AT]
    words = {letters_of(word) for word in re.findall(r"[^\W_]+", title)}
    if _are_mostly(some, lambda text: "@" in text and parse_emails(text).values):
        return EMAILS
    named = _named(words)
    if named == PHONES:
        return PHONES if _are_mostly(some, _has_figures) else ""
    if not named and _are_mostly(some, _is_phone_like):
        return PHONES
    if named in ("", STATE.title):
        return STATE.title if _are_mostly(some, _is_state) else ""
    return named


def _named(words: Set[str]) -> str:
    if words & _NAME and words & (_FIRST | _LAST):
        return "First Name" if words & _FIRST else "Last Name"
    return next((target for target, known in _WORDS.items() if known & words), "")


def _are_mostly(values: Sequence[str], is_one: Callable[[str], object]) -> bool:
    return 2 * sum(bool(is_one(text)) for text in values) > len(values)


def _has_figures(text: str) -> bool:
    return sum(map(str.isdecimal, text)) >= FEWEST_FIGURES


def _is_phone_like(text: str) -> bool:
    """Whether a text is written as phone numbers are; figures alone may be anything."""
    is_written_so = not text.isdecimal() and not date_readings(text) and _has_figures(text)
    return is_written_so and bool(text[:1] in "+0" or parse_phones(text, "US").values)


def _is_state(text: str) -> bool:
    try:
        return bool(parse_state(text))
    except InvalidValue:
        return False
