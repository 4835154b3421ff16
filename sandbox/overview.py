"""What the sandbox holds at this moment, for people: which leads are on which page, and what belongs to them."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.answers import Document
from sandbox.store import Store

LEADS_ON_PAGE = 200
PAGE_NUMBER = re.compile(r"[0-9]{1,9}")
ON_ACCOUNT = "Created"  # the activity that each lead has; its date is that of the lead


@dataclass(frozen=True)
class LeadShown:
    """A lead with what belongs to it. `values` has the names and values of the custom fields that are filled."""

    lead: Document
    values: Sequence[tuple[str, Sequence[str]]]
    activities: Sequence[Document]
    tasks: Sequence[Document]
    opportunities: Sequence[Document]


@dataclass(frozen=True)
class Overview:
    """One page of the leads, newest first, and everything else that the sandbox holds."""

    organization: Document
    users: Sequence[Document]
    fields: Sequence[Document]
    statuses: Sequence[Document]
    counts: Mapping[str, int]  # by what is counted, such as "leads"
    leads_by_status: Mapping[str, int]  # by the id of the status
    leads_by_field: Mapping[str, int]  # by the id of the custom field
    leads: Sequence[LeadShown]
    sought: str
    found: int
    page: int
    pages: int


def overview(store: Store, sought: str, page: str) -> Overview:
    """What the store holds now, without the lag of search; the page nearest to the one asked for."""
    leads, fields, shown = store.all("lead"), store.all("custom_field"), _Shown(store)
    found = _found(shown, leads[::-1], sought.casefold().split())
    pages = max(1, math.ceil(len(found) / LEADS_ON_PAGE))
    number = min(max(1, int(page) if PAGE_NUMBER.fullmatch(page) else 1), pages)
    first = (number - 1) * LEADS_ON_PAGE
    return Overview(
        organization=store.organization,
        users=store.users,
        fields=fields,
        statuses=store.all("status"),
        counts=_counts(store, leads),
        leads_by_status=Counter(lead["status_id"] for lead in leads),
        leads_by_field=_leads_by_field(fields, leads),
        leads=[shown.whole(lead) for lead in found[first : first + LEADS_ON_PAGE]],
        sought=sought,
        found=len(found),
        page=number,
        pages=pages,
    )


def _counts(store: Store, leads: Sequence[Document]) -> Mapping[str, int]:
    kinds = Counter(activity["_type"] for activity in store.all("activity"))
    return {
        "leads": len(leads),
        "contacts": store.count("contact"),
        "notes": kinds["Note"],
        "status changes": kinds["LeadStatusChange"],
        "tasks": store.count("task"),
        "opportunities": store.count("opportunity"),
        "custom fields": store.count("custom_field"),
        "statuses": store.count("status"),
    }


def _leads_by_field(fields: Sequence[Document], leads: Sequence[Document]) -> Mapping[str, int]:
    keys = Counter(itertools.chain.from_iterable(leads))
    return {field["id"]: keys[f"custom.{field['id']}"] for field in fields}


class _Shown:
    """Leads as people see them, with names in place of the ids that values may hold."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fields = {f"custom.{field['id']}": field for field in store.all("custom_field")}

    def whole(self, lead: Document) -> LeadShown:
        activities, tasks, opportunities = (
            self._store.of_lead(kind, lead["id"]) for kind in ("activity", "task", "opportunity")
        )
        return LeadShown(
            lead=lead,
            values=[
                (field["name"], self._values(field, lead[key])) for key, field in self._fields.items() if key in lead
            ],
            activities=[activity for activity in activities if activity["_type"] != ON_ACCOUNT],
            tasks=tasks,
            opportunities=opportunities,
        )

    def _values(self, field: Document, value: Any) -> Sequence[str]:
        return [self._text(field, one) for one in (value if isinstance(value, list) else [value])]

    def _text(self, field: Document, value: Any) -> str:
        named = self._store.find(field["type"], value) if field["type"] in ("user", "contact") else None
        if named:
            return name_of(named)
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def name_of(person: Document) -> str:
    """The name of a user or of a contact."""
    return str(person["display_name"] if "display_name" in person else f"{person['first_name']} {person['last_name']}")


def _found(shown: _Shown, leads: Sequence[Document], words: Sequence[str]) -> Sequence[Document]:
    """The leads with all the words, given in small letters; with no words, every lead."""
    return [lead for lead in leads if _has(shown, lead, words)] if words else leads


def _has(shown: _Shown, lead: Document, words: Sequence[str]) -> bool:
    """Whether each word is part of something that people see of a lead, or is its id."""
    seen = "\n".join(_texts(shown.whole(lead))).casefold()
    return all(word in seen or word == lead["id"].casefold() for word in words)


def _texts(shown: LeadShown) -> Iterator[str]:
    lead = shown.lead
    for key in ("display_name", "status_label", "url", "description"):
        yield lead[key] or ""
    for address in lead["addresses"]:
        yield from filter(None, address.values())
    for _, values in shown.values:
        yield from values
    for contact in lead["contacts"]:
        yield from _contact_texts(contact)
    for belonging in (*shown.activities, *shown.tasks, *shown.opportunities):
        yield from (belonging.get(key) or "" for key in ("title", "note", "text"))


def _contact_texts(contact: Document) -> Iterator[str]:
    yield from (contact["name"] or "", contact["title"] or "")
    yield from (email["email"] for email in contact["emails"])
    for phone in contact["phones"]:
        yield from (phone["phone"], phone["phone_formatted"])
    yield from (url["url"] for url in contact["urls"])
