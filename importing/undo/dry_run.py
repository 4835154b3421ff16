"""A client for a dry run: it reads from Close, keeps every write to itself, and shows leads as they would be after it.

So the code that undoes an import also tells what an undo would do: only its client and its journal differ.
"""

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from close.contents import CONTACT_LISTS, Json, contact_content, lead_content, lead_link
from close.errors import NotFound
from close_client import CloseClient

CONTACT_LABELS = {"emails": "e-mail", "phones": "phone"}  # in the words of people


class WriteInDryRun(Exception):
    """A dry run was about to send a write to Close: a bug in the caller."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A value that would be taken out of a lead: a field by its key or name, and what it holds."""

    field: str
    value: str


class DryRunClient(CloseClient):
    """A client that never writes to Close, and shows leads as if it had.

    `deleted` has the ids of leads that would be gone, `taken_back` the values that would be taken out of others, by the
    lead's id, and `links` the pages of all leads that were read.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.deleted: set[str] = set()
        self.taken_back: defaultdict[str, list[TakenBack]] = defaultdict(list)
        self.links: dict[str, str] = {}
        self._values: defaultdict[str, Json] = defaultdict(dict)  # that leads and contacts would have, by their ids
        self._gone_contacts: set[str] = set()
        self._shown = _Shown()

    def read_lead(self, lead_id: str) -> Json:
        """A lead as it would be after the writes so far. Raises NotFound."""
        if lead_id in self.deleted:
            raise NotFound(404, None)
        lead = super().read_lead(lead_id)
        contacts = [self._changed(each) for each in lead["contacts"] if each["id"] not in self._gone_contacts]
        self._shown.lead = {**self._changed(lead), "contacts": contacts}
        self.links[lead_id] = lead_link(lead)
        return self._shown.lead

    def update_lead(self, lead_id: str, changes: Json) -> Json:
        """The lead as it would be after a change."""
        content = lead_content(self._shown.lead)
        self.taken_back[lead_id] += [TakenBack(name, _words(content.get(name))) for name in changes]
        self._values[lead_id] |= changes
        return {**self._shown.lead, **changes}

    def delete_lead(self, lead_id: str) -> None:
        """Let a lead be gone for this dry run."""
        self.deleted.add(lead_id)

    def update_contact(self, contact_id: str, changes: Json) -> Json:
        """The contact as it would be after a change."""
        contact = self._contact(contact_id)
        content = contact_content(contact)
        for name, before in changes.items():
            for value in _without(content.get(name), before):
                label = CONTACT_LABELS.get(name, name)
                self._take_back(TakenBack(f"{label} of {_parts_of(contact)[0]}", value))
        self._values[contact_id] |= changes
        return {**contact, **changes}

    def delete_contact(self, contact_id: str) -> None:
        """Let a contact be gone for this dry run."""
        self._take_back(TakenBack("contact", ", ".join(_parts_of(self._contact(contact_id)))))
        self._gone_contacts.add(contact_id)

    def _take_back(self, value: TakenBack) -> None:
        self.taken_back[self._shown.lead["id"]].append(value)

    def _contact(self, contact_id: str) -> Json:
        """A contact of the lead that was read last: each write is based on a reading."""
        return next(contact for contact in self._shown.lead["contacts"] if contact["id"] == contact_id)

    def _changed(self, thing: Json) -> Json:
        return {**thing, **self._values.get(thing["id"], {})}

    def _request(self, method: str, path: str, **parts: Any) -> Json:
        if method != "GET" and path != "/data/search/":
            raise WriteInDryRun(f"{method} {path}")
        return super()._request(method, path, **parts)


class _Shown(threading.local):
    """The lead that a thread has read last."""

    def __init__(self) -> None:
        self.lead: Json = {}


def _without(value: Any, before: Any) -> list[str]:
    """What would go from a value of a contact if it became what it was before, in words."""
    if isinstance(value, list):
        return [_words([item]) for item in value if item not in (before or [])]
    return [_words(value)] if value else []


def _words(value: Any) -> str:
    """A value of a lead or contact in words."""
    if isinstance(value, list):
        return "; ".join(map(_words, value))
    if isinstance(value, Mapping):
        parts = (each for name, each in value.items() if each and name not in ("type", "label"))
        return ", ".join(map(str, parts))
    return str(value)


def _parts_of(contact: Json) -> list[str]:
    """What a contact is known by, its name first if it has one."""
    content = contact_content(contact)
    parts = [content["name"], *(_words(item) for name in CONTACT_LISTS for item in content[name])]
    return list(filter(None, parts)) or ["without a name"]
