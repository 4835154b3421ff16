"""Leads and contacts: create, read, list, update, delete, merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sandbox import validation
from sandbox.account import Account, Call
from sandbox.answers import Document, Refused, invalid, not_found, refused
from sandbox.fields import custom_values
from sandbox.listing import narrowed, page
from sandbox.search_string import found_by_words
from sandbox.store import Change, Store, new_id
from sandbox.validation import Check, checked, listed, optional, shaped

MOST_LEADS, DEEPEST_LEADS = 200, 35_000
LEAD_FIELDS: Mapping[str, Check] = {
    "name": optional(validation.name),
    "url": optional(validation.url),
    "description": lambda value: "" if value is None else validation.text(value),
    "addresses": listed(validation.address),
}


def create_lead(account: Account, call: Call) -> Document:
    clean = _checked_lead(account, call.body)
    with account.store.change(call.origin) as change:
        status = _asked_status(account, call.body) or account.store.all("status")[0]
        _refuse_over_cap(account)
        lead_id = new_id("lead_")
        parts = [_new_contact(account.store, lead_id, contact) for contact in clean.pop("contacts", [])]
        return _add_lead(account.store, change, lead_id, clean, status, parts)


def read_lead(account: Account, call: Call, lead_id: str) -> Document:
    return narrowed(_lead(account, lead_id), call.params)


def list_leads(account: Account, call: Call) -> Document:
    """Leads as the index shows them, filtered by the simple forms of a search string."""
    leads = account.store.index.documents("lead")
    if call.params.get("query", "").strip():
        leads = found_by_words(leads, call.params["query"])
    return page(call.params, leads, most=MOST_LEADS, deepest=DEEPEST_LEADS)


def update_lead(account: Account, call: Call, lead_id: str) -> Document:
    """Change only the given fields. Contacts are checked, but not changed."""
    _lead(account, lead_id)
    clean = _checked_lead(account, call.body)
    clean.pop("contacts", None)
    with account.store.change(call.origin) as change:
        before = _lead(account, lead_id)
        status = _asked_status(account, call.body)
        if status and status["id"] != before["status_id"]:
            change.put("activity", _status_change(account.store, before, status))
            clean |= {"status_id": status["id"], "status_label": status["label"]}
        lead = recomposed(account.store, with_values(before, clean))
        change.put("lead", lead)
    return lead


def delete_lead(account: Account, call: Call, lead_id: str) -> Document:
    with account.store.change(call.origin) as change:
        change.remove("lead", _lead(account, lead_id))
    return {}


def merge_leads(account: Account, call: Call) -> Document:
    """Move everything from the source to the destination, fill blanks there, and delete the source; maybe later."""
    missing = {key: "This field is required." for key in ("source", "destination") if not call.body.get(key)}
    if missing:
        raise Refused(400, {"errors": [], "field-errors": missing})
    source, destination = (_lead_to_merge(account.store, call.body, key) for key in ("source", "destination"))
    if source is destination:
        raise Refused(400, {"errors": ["Source and destination must not be the same lead."], "field-errors": {}})
    account.merge(partial(_merge, account, call))
    return {"status": "ok"}


def _merge(account: Account, call: Call) -> None:
    with account.store.change(call.origin) as change:
        source, destination = (_lead_to_merge(account.store, call.body, key) for key in ("source", "destination"))
        change.meta |= {"merge_source_lead_id": source["id"], "merge_destination_lead_id": destination["id"]}
        merged = _merged(account.store, change, source, destination)
        change.put("lead", merged)
        change.remove("lead", source, with_children=False)
        change.log("merged", "lead", merged, merged, destination, [])


def create_contact(account: Account, call: Call) -> Document:
    """A new contact; without `lead_id` it gets a new lead of its own, as in Close."""
    clean = checked(validation.contact(account.country), call.body)
    with account.store.change(call.origin) as change:
        lead = lead_to_join(account, change, call.body)
        contact = _new_contact(account.store, lead["id"], clean)
        change.put("contact", contact)
        change.put("lead", recomposed(account.store, lead, contacts=[*lead["contacts"], contact]))
    return contact


def list_contacts(account: Account, call: Call) -> Document:
    contacts = account.store.index.documents("contact")
    lead_id = call.params.get("lead_id")
    return page(call.params, [c for c in contacts if lead_id in (None, c["lead_id"])])


def read_contact(account: Account, call: Call, contact_id: str) -> Document:
    return narrowed(_contact(account, contact_id), call.params)


def update_contact(account: Account, call: Call, contact_id: str) -> Document:
    """Change the given fields; emails, phones and URLs are replaced as whole lists."""
    _contact(account, contact_id)
    clean = checked(validation.contact(account.country), call.body)
    clean.pop("date_created", None)
    with account.store.change(call.origin) as change:
        before = _contact(account, contact_id)
        contact = _with_display_name({**before, **clean, "date_updated": account.store.now()})
        change.put("contact", contact)
        _replace_on_lead(account.store, change, contact["lead_id"], contact_id, [contact])
    return contact


def delete_contact(account: Account, call: Call, contact_id: str) -> Document:
    with account.store.change(call.origin) as change:
        contact = _contact(account, contact_id)
        change.remove("contact", contact)
        _replace_on_lead(account.store, change, contact["lead_id"], contact_id, [])
    return {}


def recomposed(store: Store, lead: Document, **parts: Sequence[Document]) -> Document:
    """The lead with new contacts, tasks or opportunities, and the values that follow from them."""
    lead = {**lead, **{kind: list(documents) for kind, documents in parts.items()}, "date_updated": store.now()}
    lead["contact_ids"] = [contact["id"] for contact in lead["contacts"]]
    first = lead["contacts"][0]["display_name"] if lead["contacts"] else ""
    lead["display_name"] = lead["name"] or first or "Untitled"
    return lead


def lead_to_join(account: Account, change: Change, body: Document) -> Document:
    """The lead that `lead_id` names; without one, a new and empty lead."""
    lead_id = body.get("lead_id")
    if lead_id is None:
        _refuse_over_cap(account)
        return _add_lead(account.store, change, new_id("lead_"), {}, account.store.all("status")[0], [])
    lead = account.store.find("lead", lead_id)
    if lead is None:
        raise invalid("lead", "Object does not exist.")
    return lead


def _checked_lead(account: Account, body: Document) -> Document:
    by_name = body.get("custom")
    if isinstance(by_name, dict):
        body = {**body, **{f"custom.{name}": value for name, value in by_name.items()}}
    checks = {**LEAD_FIELDS, "contacts": listed(validation.contact(account.country))}
    return checked(shaped(checks, custom=custom_values(account)), body)


def _asked_status(account: Account, body: Document) -> Document | None:
    """The status that a body names by id or by label; giving both, or an unknown one, is refused."""
    given = [key for key in ("status_id", "status") if body.get(key) is not None]
    if len(given) > 1:
        raise invalid("status", "Please provide either status or status_id, not both.")
    if not given:
        return None
    wanted, attribute = body[given[0]], {"status_id": "id", "status": "label"}[given[0]]
    status = next((status for status in account.store.all("status") if status[attribute] == wanted), None)
    if status is None:
        advice = f'Please go to Customizations in your organization settings and add "{wanted}" to the list'
        raise invalid("status", f"Not a valid choice. {advice} of lead statuses.")
    return status


def _refuse_over_cap(account: Account) -> None:
    if account.lead_cap is not None and account.store.count("lead") >= account.lead_cap:
        raise refused(402, f"Your plan allows {account.lead_cap} leads. Upgrade it to add more.")


def _add_lead(
    store: Store, change: Change, lead_id: str, clean: Document, status: Document, contacts: Sequence[Document]
) -> Document:
    user_name = f"{store.user['first_name']} {store.user['last_name']}"
    blank = {
        "id": lead_id,
        "name": None,
        "url": None,
        "description": "",
        "addresses": [],
        "status_id": status["id"],
        "status_label": status["label"],
        "html_url": f"https://app.close.com/lead/{lead_id}/",
        "opportunities": [],
        "tasks": [],
        "integration_links": [],
        "created_by_name": user_name,
        "updated_by_name": user_name,
    }
    stamps = store.stamps()
    composed = recomposed(store, with_values({**blank, **stamps}, clean), contacts=contacts)
    lead = {**composed, "date_updated": stamps["date_created"]}
    change.put("lead", lead)
    for contact in contacts:
        change.put("contact", contact)
    change.put("activity", activity(store, "Created", lead_id, {"source": "API"}))
    return lead


def activity(store: Store, kind: str, lead_id: str, details: Document) -> Document:
    """A new activity of the lead."""
    stamps = store.stamps()
    return {
        "id": new_id("acti_"),
        "_type": kind,
        "lead_id": lead_id,
        "contact_id": None,
        "user_id": store.user["id"],
        **stamps,
        "activity_at": stamps["date_created"],
        **details,
    }


def with_values(lead: Document, clean: Document) -> Document:
    """The lead with the given values: null clears a custom value, .add and .remove change one of several."""
    changed = {**lead, **{key: value for key, value in clean.items() if not key.startswith("custom.")}}
    for key, value in clean.items():
        if not key.startswith("custom."):
            continue
        base, _, operation = key.rpartition(".")
        if operation in ("add", "remove"):
            changed[base] = _one_more_or_less(changed.get(base, []), operation, value)
        else:
            changed[key] = value
    return {key: value for key, value in changed.items() if not key.startswith("custom.") or value not in (None, [])}


def _one_more_or_less(before: Any, operation: str, value: Any) -> list[Any]:
    values = before if isinstance(before, list) else [before]
    others = [other for other in values if other != value]
    if operation == "remove" or value is None:
        return others
    return list(values) if value in values else [*values, value]


def _new_contact(store: Store, lead_id: str, clean: Document) -> Document:
    blank = {
        "id": new_id("cont_"),
        "lead_id": lead_id,
        "name": None,
        "title": None,
        "emails": [],
        "phones": [],
        "urls": [],
        "timezone": None,
        "timezone_source": None,
        "integration_links": [],
        **store.stamps(),
    }
    return _with_display_name({**blank, **clean})


def _with_display_name(contact: Document) -> Document:
    found = [contact["name"], *(e["email"] for e in contact["emails"]), *(p["phone"] for p in contact["phones"])]
    return {**contact, "display_name": next(filter(None, found), "Untitled")}


def _replace_on_lead(
    store: Store, change: Change, lead_id: str, contact_id: str, replacement: Sequence[Document]
) -> None:
    lead = store.find("lead", lead_id)
    if lead:
        position = lead["contact_ids"].index(contact_id)
        contacts = [*lead["contacts"][:position], *replacement, *lead["contacts"][position + 1 :]]
        change.put("lead", recomposed(store, lead, contacts=contacts))


def _status_change(store: Store, lead: Document, status: Document) -> Document:
    return activity(
        store,
        "LeadStatusChange",
        lead["id"],
        {
            "old_status_id": lead["status_id"],
            "old_status_label": lead["status_label"],
            "new_status_id": status["id"],
            "new_status_label": status["label"],
        },
    )


def _lead_to_merge(store: Store, body: Document, key: str) -> Document:
    lead = store.find("lead", body[key])
    if lead is None:
        raise Refused(404, {"errors": [f"{key.capitalize()} lead does not exist."]})
    return lead


def _merged(store: Store, change: Change, source: Document, destination: Document) -> Document:
    lead_id = destination["id"]
    for kind in ("contact", "activity", "task", "opportunity"):
        for child in store.of_lead(kind, source["id"]):
            change.put(kind, {**child, "lead_id": lead_id})
    details = {"source_lead_id": source["id"], "destination_lead_id": lead_id, "merge_status": "done"}
    change.put("activity", activity(store, "LeadMerge", lead_id, details))
    blanks = {
        key: value
        for key, value in source.items()
        if (key.startswith("custom.") or key in LEAD_FIELDS) and not destination.get(key)
    }
    parts = {
        kind: [*destination[kind], *({**child, "lead_id": lead_id} for child in source[kind])]
        for kind in ("contacts", "tasks", "opportunities")
    }
    return recomposed(store, {**destination, **blanks}, **parts)


def _lead(account: Account, lead_id: str) -> Document:
    lead = account.store.find("lead", lead_id)
    if lead is None:
        raise not_found("Lead")
    return lead


def _contact(account: Account, contact_id: str) -> Document:
    contact = account.store.find("contact", contact_id)
    if contact is None:
        raise not_found("Contact")
    return contact
