"""Whether something in Close is as a request of ours said: nothing lacks, nothing was added, nothing differs.

Who made it and when is no proof: another machine may use the same API key for the same file. Close may write values in
its own way, so they are compared in a form of their own.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from close.contents import Json, contact_content, lead_content, moment_of

_DERIVED = ("id", "status_id")  # Close gives each thing an id, and each lead a status, without being asked


def is_lead_as_sent(lead: Json, body: Json) -> bool:
    """Whether a lead holds what the body of a `POST /lead/` said, and nothing else."""
    return bool(_comparable_lead(lead) == _comparable_lead(body))


def is_contact_as_sent(contact: Json, body: Json) -> bool:
    """Whether a contact holds what the body of a `POST /contact/` said, and nothing else."""
    return bool(_comparable(contact_content(contact)) == _comparable(contact_content(body)))


def _comparable_lead(lead: Json) -> Any:
    content = lead_content(lead)
    contacts = sorted((_comparable(contact) for contact in content.pop("contacts")), key=repr)
    return [_comparable(content), contacts]


def _comparable(value: Any, name: str = "") -> Any:
    """The form in which a value is compared; `name` says what it is."""
    if isinstance(value, Mapping):
        return {key: _comparable(part, key) for key, part in value.items() if key not in _DERIVED}
    if isinstance(value, list):
        return sorted((_comparable(part, name) for part in value), key=repr)
    if isinstance(value, bool) or value is None:
        return value
    return _comparable_text(str(value), name)


def _comparable_text(text: str, name: str) -> Any:
    plain = " ".join(unicodedata.normalize("NFC", text).split())
    if name == "email":
        return plain.casefold()
    if name == "phone":
        return re.sub(r"[^\d+x]", "", plain)
    if name == "url":
        return re.sub(r"^https?://", "", plain).rstrip("/")
    try:
        return float(plain)
    except ValueError:
        return (moment_of(plain) if "T" in plain else None) or plain
