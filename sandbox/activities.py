"""What a lead has besides its contacts: notes, tasks, opportunities, and the list of all activities."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sandbox import validation
from sandbox.account import Account, Call
from sandbox.answers import Document, invalid, not_found
from sandbox.fields import existing
from sandbox.leads import activity, lead_to_join, recomposed
from sandbox.listing import narrowed, page
from sandbox.store import Change, Store, new_id
from sandbox.validation import Check, checked, optional, shaped, text

TAG = re.compile(r"<[^>]*>")
Defaults = Callable[[Store, str], Document]
Checks = Callable[[Store], Mapping[str, Check]]
Consequences = Callable[[Store, Document], Document]


@dataclass(frozen=True)
class Branch:
    """The endpoints of one kind of object that belongs to a lead."""

    kind: str
    name: str
    checks: Checks
    defaults: Defaults
    consequences: Consequences = lambda _store, _clean: {}
    needs_one_of: Sequence[str] = ()
    needs_lead: bool = True
    of_type: str | None = None
    filters: Sequence[str] = ("lead_id",)
    usual_type: str | None = None  # of the documents in a list that does not ask for `_type`; `all` asks for every type

    def create(self, account: Account, call: Call) -> Document:
        clean = self._checked(account, call)
        if self.needs_lead and not call.body.get("lead_id"):
            raise invalid("lead", "This field is required.")
        if self.needs_one_of and not any(clean.get(name) for name in self.needs_one_of):
            raise invalid(self.needs_one_of[0], "This field is required.")
        with account.store.change(call.origin) as change:
            lead = lead_to_join(account, change, call.body)
            document = {**self.defaults(account.store, lead["id"]), **clean}
            change.put(self.kind, document)
            self._show_on_lead(account.store, change, lead, [*self._on(account.store, lead["id"]), document])
        return document

    def list(self, account: Account, call: Call) -> Document:
        """All of this kind, newest first."""
        documents = account.store.listed(self.kind)[::-1]
        wanted = {name: call.params[name] for name in self.filters if name in call.params}
        if self.usual_type and wanted.setdefault("_type", self.usual_type) == "all":
            del wanted["_type"]
        found = [
            document
            for document in documents
            if self._is_mine(document) and all(_is_spelled(document[name], value) for name, value in wanted.items())
        ]
        return page(call.params, found)

    def read(self, account: Account, call: Call, object_id: str) -> Document:
        return narrowed(self._find(account, object_id), call.params)

    def update(self, account: Account, call: Call, object_id: str) -> Document:
        clean = self._checked(account, call)
        with account.store.change(call.origin) as change:
            document = {**self._find(account, object_id), **clean, "date_updated": account.store.now()}
            change.put(self.kind, document)
            self._refresh_lead(account.store, change, document["lead_id"], object_id, [document])
        return document

    def delete(self, account: Account, call: Call, object_id: str) -> Document:
        with account.store.change(call.origin) as change:
            document = self._find(account, object_id)
            change.remove(self.kind, document)
            self._refresh_lead(account.store, change, document["lead_id"], object_id, [])
        return {}

    def _checked(self, account: Account, call: Call) -> Document:
        """The given values, and those that follow from them."""
        clean = checked(shaped(self.checks(account.store)), call.body)
        return {**clean, **self.consequences(account.store, clean)}

    def _is_mine(self, document: Document) -> bool:
        return self.of_type is None or document["_type"] == self.of_type

    def _find(self, account: Account, object_id: str) -> Document:
        document = account.store.find(self.kind, object_id)
        if document is None or not self._is_mine(document):
            raise not_found(self.name)
        return document

    def _on(self, store: Store, lead_id: str) -> Sequence[Document]:
        return store.of_lead(self.kind, lead_id)

    def _refresh_lead(
        self, store: Store, change: Change, lead_id: str, object_id: str, replacement: Sequence[Document]
    ) -> None:
        lead = store.find("lead", lead_id)
        if lead:
            others = [document for document in self._on(store, lead_id) if document["id"] != object_id]
            self._show_on_lead(store, change, lead, [*others, *replacement])

    def _show_on_lead(self, store: Store, change: Change, lead: Document, documents: Sequence[Document]) -> None:
        """Put the lead again: it shows open tasks and all opportunities; these alone leave its date as it was."""
        if self.kind == "task":
            lead = recomposed(store, lead, tasks=[task for task in documents if not task["is_complete"]])
        elif self.kind == "opportunity":
            lead = {**recomposed(store, lead, opportunities=documents), "date_updated": lead["date_updated"]}
        else:
            lead = recomposed(store, lead)
        change.put("lead", lead)


def list_activities(account: Account, call: Call) -> Document:
    """Activities, newest first. As in Close, type, user and contact filter them only together with a lead."""
    lead_id = call.params.get("lead_id")
    if lead_id is None:
        return page(call.params, account.store.listed("activity")[::-1])
    names = [name for name in ("_type", "user_id", "contact_id") if name in call.params]
    found = [
        document
        for document in account.store.listed_of_lead("activity", lead_id)[::-1]
        if all(document[name] == call.params[name] for name in names)
    ]
    return page(call.params, found)


def _new_note(store: Store, lead_id: str) -> Document:
    return activity(store, "Note", lead_id, {"note": "", "note_html": None, "title": None, "pinned": False})


def _new_task(store: Store, lead_id: str) -> Document:
    stamps = store.stamps()
    return {
        "id": new_id("task_"),
        "_type": "lead",
        "lead_id": lead_id,
        "text": "",
        "date": stamps["date_created"][:10],
        "assigned_to": store.user["id"],
        "is_complete": False,
        **stamps,
    }


def _new_opportunity(store: Store, lead_id: str) -> Document:
    status = _opportunity_statuses(store)[0]
    return {
        "id": new_id("oppo_"),
        "lead_id": lead_id,
        "note": "",
        "value": None,
        "value_period": "one_time",
        "value_currency": store.organization["currency"],
        "confidence": 50,
        "contact_id": None,
        "status_id": status["id"],
        "status_label": status["label"],
        "status_type": status["type"],
        "user_id": store.user["id"],
        **store.stamps(),
    }


def _is_spelled(value: object, parameter: str) -> bool:
    """Whether a query parameter means the value. True and False may be capitalized, as Python clients send them."""
    return str(value).lower() == parameter.lower() if isinstance(value, bool) else str(value) == parameter


def _note_checks(store: Store) -> Mapping[str, Check]:
    return {
        "note": text,
        "note_html": optional(text),
        "title": optional(text),
        "pinned": validation.boolean,
        "contact_id": optional(text),
        "user_id": existing(store, "user"),
        "date_created": validation.moment,
    }


def _note_consequences(_store: Store, clean: Document) -> Document:
    """The plain text follows from the HTML, which takes precedence; the place among the activities from the date."""
    dated = {"activity_at": clean["date_created"]} if "date_created" in clean else {}
    if clean.get("note_html"):
        return {**dated, "note": html.unescape(TAG.sub("", clean["note_html"]))}
    return {**dated, "note_html": None} if "note" in clean else dated


def _task_checks(store: Store) -> Mapping[str, Check]:
    return {
        "text": validation.nonblank,
        "date": optional(validation.day_or_moment),
        "is_complete": validation.boolean,
        "assigned_to": existing(store, "user"),
        "_type": validation.one_of(("lead", "outgoing_call")),
    }


def _opportunity_checks(store: Store) -> Mapping[str, Check]:
    return {
        "note": text,
        "value": optional(validation.number),
        "value_period": validation.one_of(("one_time", "monthly", "annual")),
        "confidence": validation.percentage,
        "contact_id": optional(text),
        "status_id": validation.one_of([status["id"] for status in _opportunity_statuses(store)]),
        "user_id": existing(store, "user"),
    }


def _opportunity_consequences(store: Store, clean: Document) -> Document:
    """The label and the type of the status."""
    chosen = (status for status in _opportunity_statuses(store) if status["id"] == clean.get("status_id"))
    return next(({"status_label": status["label"], "status_type": status["type"]} for status in chosen), {})


def _opportunity_statuses(store: Store) -> Sequence[Document]:
    return [status for pipeline in store.organization["pipelines"] for status in pipeline["statuses"]]


NOTES = Branch(
    kind="activity",
    name="Note",
    of_type="Note",
    checks=_note_checks,
    defaults=_new_note,
    consequences=_note_consequences,
    needs_one_of=("note", "note_html"),
)
TASKS = Branch(
    kind="task",
    name="Task",
    checks=_task_checks,
    defaults=_new_task,
    needs_one_of=("text",),
    filters=("lead_id", "is_complete", "_type", "assigned_to"),
    usual_type="lead",
)
OPPORTUNITIES = Branch(
    kind="opportunity",
    name="Opportunity",
    checks=_opportunity_checks,
    defaults=_new_opportunity,
    consequences=_opportunity_consequences,
    needs_lead=False,
    filters=("lead_id", "status_id"),
)
