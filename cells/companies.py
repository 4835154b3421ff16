"""The same company, however its name is spelled: its import key, and the spellings under which Close may hold it."""

import hashlib
import itertools
import unicodedata

from cells.texts import visible

APOSTROPHES = "'‘’‛ʼ′´"
DASHES = "-‐‑‒–—―−"  # the usual ones, in which a name may be spelled in Close
_DASHES = [  # all that Unicode counts among dashes (Pd), and the minus sign
    *(0x58A, 0x5BE, 0x1400, 0x1806, *range(0x2010, 0x2016), 0x2212, 0x2E17, 0x2E1A, 0x2E3A, 0x2E3B, 0x2E40, 0x2E5D),
    *(0x301C, 0x3030, 0x30A0, 0xFE31, 0xFE32, 0xFE58, 0xFE63, 0xFF0D, 0x10EAD),
]
_PLAIN = dict.fromkeys(map(ord, APOSTROPHES), "'") | dict.fromkeys(_DASHES, "-")


def import_key(company: str) -> str:
    """The key of a company, which is the same in every file and on every machine.

    Spellings that differ only in case, white space, Unicode form, the kind of apostrophe or dash, or invisible
    characters have the same key.
    """
    return _key_of(identity_of(company))


def earlier_import_keys(company: str) -> list[str]:
    """The other keys that earlier versions gave a company: they kept kinds of apostrophes and dashes apart."""
    earlier = _folded(company)
    return [] if earlier == identity_of(company) else [_key_of(earlier)]


def identity_of(name: str) -> str:
    """A name without the ways in which its spellings may differ."""
    return _folded(name if name.isascii() else name.translate(_PLAIN))


def other_spellings(company: str) -> list[str]:
    """How other programs may have spelled a company's name: with other apostrophes and dashes, and accents decomposed.

    Case and white space are left as they are: a search for words does not depend on them. A name of one word that can
    be spelled in one way only has none.
    """
    plain = visible(company).translate(_PLAIN)
    forms = {unicodedata.normalize(form, plain) for form in ("NFC", "NFD", "NFKC")}
    apostrophes = "'’‘´" if "'" in plain else "'"
    dashes = "-‐‑–—−" if "-" in plain else "-"
    found = [
        form.replace("'", apostrophe).replace("-", dash)
        for form, apostrophe, dash in itertools.product(sorted(forms), apostrophes, dashes)
    ]
    return found if len(found) > 1 or len(plain.split()) > 1 else []


def _key_of(identity: str) -> str:
    return "k1:" + hashlib.sha256(identity.encode()).hexdigest()[:32]


def _folded(name: str) -> str:
    if name.isascii():
        return " ".join(name.casefold().split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible(name)).casefold())
    return " ".join(folded.split())
