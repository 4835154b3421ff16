"""Lead custom fields and lead statuses: their endpoints, and which values a custom field accepts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox import validation
from sandbox.account import Account, Call
from sandbox.answers import Document, Refused, invalid, not_found, refused
from sandbox.listing import narrowed, page
from sandbox.store import Origin, Store, new_id
from sandbox.validation import Check, CustomCheck, ValueRefused, checked, listed, nonblank, optional, shaped, text

ValueCheck = Callable[[Account, Document], Check]


def existing(store: Store, kind: str) -> Check:
    """A check for the id of an object that exists."""

    def check(value: Any) -> str:
        if store.find(kind, text(value)) is None:
            raise ValueRefused("Object does not exist.")
        return text(value)

    return check


def _existing(kind: str) -> ValueCheck:
    return lambda account, _field: existing(account.store, kind)


def _always(check: Check) -> ValueCheck:
    return lambda _account, _field: check


VALUE_CHECKS: Mapping[str, ValueCheck] = {
    "text": _always(text),
    "textarea": _always(text),
    "hidden": _always(text),
    "number": _always(validation.number),
    "date": _always(validation.day),
    "datetime": _always(validation.moment),
    "choices": lambda _account, field: validation.one_of(field["choices"] or ()),
    "user": _existing("user"),
    "contact": _existing("contact"),
    "custom_object": _always(text),
}
FIELD_CHECKS: Mapping[str, Check] = {
    "name": nonblank,
    "type": validation.one_of(VALUE_CHECKS),
    "choices": optional(listed(nonblank)),
    "accepts_multiple_values": validation.boolean,
    "description": optional(text),
    "editable_with_roles": listed(text),
}
STATUS_CHECKS: Mapping[str, Check] = {"label": nonblank, "color": optional(text)}


def custom_values(account: Account) -> CustomCheck:
    """A check for the custom.* keys of a lead. Names are accepted as well as ids, as Close still does."""

    def check(key: str, value: Any) -> tuple[str, Any]:
        name, _, operation = _split_operation(key.removeprefix("custom."))
        field = _field_called(account, name)
        if field is None:
            raise ValueRefused(f'The Custom Field "{name}" does not exist.')
        _refuse_role(account, field)
        suffix = f".{operation}" if operation else ""
        return f"custom.{field['id']}{suffix}", _custom_value(account, field, operation, value)

    return check


def create_field(account: Account, call: Call) -> Document:
    clean = checked(shaped(FIELD_CHECKS, required=["name", "type"]), call.body)
    if clean["type"] == "choices" and not clean.get("choices"):
        raise invalid("choices", "This field is required.")
    return add_field(account, call.origin, clean)


def add_field(account: Account, origin: Origin, wanted: Document) -> Document:
    """A new lead custom field, shared if `is_shared` says so."""
    defaults: Document = {
        "description": None,
        "choices": None,
        "accepts_multiple_values": False,
        "editable_with_roles": [],
        "is_shared": False,
        "required": False,
        "referenced_custom_type_id": None,
    }
    with account.store.change(origin) as change:
        field = {"id": new_id("cf_"), **defaults, **wanted, **account.store.stamps()}
        change.put("custom_field", field)
    return field


def list_fields(account: Account, call: Call) -> Document:
    """The fields that belong only to leads; shared ones are only in the schema."""
    return page(call.params, [field for field in account.store.all("custom_field") if not field["is_shared"]])


def field_schema(account: Account, _call: Call) -> Document:
    return {
        "name": "Lead",
        "object_type": "lead",
        "organization_id": account.store.organization["id"],
        "fields": account.store.all("custom_field"),
    }


def read_field(account: Account, call: Call, field_id: str) -> Document:
    return narrowed(_field(account, field_id), call.params)


def update_field(account: Account, call: Call, field_id: str) -> Document:
    clean = checked(shaped(FIELD_CHECKS), call.body)
    with account.store.change(call.origin) as change:
        before = _field(account, field_id)
        if clean.get("type", before["type"]) != before["type"]:
            raise invalid("type", "The sandbox does not convert a field to another type.")
        several = before["accepts_multiple_values"]
        if clean.get("accepts_multiple_values", several) != several:
            raise invalid("accepts_multiple_values", "The sandbox does not convert the values of a field.")
        field = {**before, **clean, "date_updated": account.store.now()}
        change.put("custom_field", field)
    return field


def delete_field(account: Account, call: Call, field_id: str) -> Document:
    """Delete the field and, permanently, its values on all leads."""
    key = f"custom.{field_id}"

    def without_value(lead: Document) -> Document | None:
        return {name: value for name, value in lead.items() if name != key} if key in lead else None

    _field(account, field_id)
    account.store.change_each_lead(call.origin, without_value)
    with account.store.change(call.origin) as change:
        change.remove("custom_field", _field(account, field_id))
        change.put_leads(account.store.all("lead"), without_value)
    return {}


def list_statuses(account: Account, call: Call) -> Document:
    return page(call.params, account.store.all("status"))


def create_status(account: Account, call: Call) -> Document:
    clean = checked(shaped(STATUS_CHECKS, required=["label"]), call.body)
    with account.store.change(call.origin) as change:
        status = {"id": new_id("stat_"), **clean, "organization_id": account.store.organization["id"]}
        change.put("status", status)
    return status


def update_status(account: Account, call: Call, status_id: str) -> Document:
    """Relabel the status, also on the leads that have it."""
    clean = checked(shaped(STATUS_CHECKS), call.body)
    label = clean.get("label", _status(account, status_id)["label"])

    def relabelled(lead: Document) -> Document | None:
        is_stale = lead["status_id"] == status_id and lead["status_label"] != label
        return {**lead, "status_label": label} if is_stale else None

    account.store.change_each_lead(call.origin, relabelled)
    with account.store.change(call.origin) as change:
        status = {**_status(account, status_id), **clean}
        change.put("status", status)
        change.put_leads(account.store.all("lead"), relabelled)
    return status


def delete_status(account: Account, call: Call, status_id: str) -> Document:
    with account.store.change(call.origin) as change:
        status = _status(account, status_id)
        if account.store.count("status") == 1:
            raise Refused(400, {"errors": ["The last status can't be deleted."], "field-errors": {}})
        if any(lead["status_id"] == status_id for lead in account.store.all("lead")):
            raise Refused(400, {"errors": ["Leads with this status exist."], "field-errors": {}})
        change.remove("status", status)
    return {}


def _split_operation(name: str) -> tuple[str, str, str]:
    base, dot, operation = name.rpartition(".")
    return (base, dot, operation) if operation in ("add", "remove") and base else (name, "", "")


def _field_called(account: Account, name: str) -> Document | None:
    by_id = account.store.find("custom_field", name)
    return by_id or next((field for field in account.store.all("custom_field") if field["name"] == name), None)


def _refuse_role(account: Account, field: Document) -> None:
    roles = field["editable_with_roles"]
    if roles and account.store.organization["role_id"] not in roles:
        raise refused(403, f'You do not have permission to edit the Custom Field "{field["name"]}".')


def _custom_value(account: Account, field: Document, operation: str, value: Any) -> Any:
    check = VALUE_CHECKS[field["type"]](account, field)
    if operation and not field["accepts_multiple_values"]:
        raise ValueRefused("This Custom Field does not accept multiple values.")
    if value is None or value in ("", []):
        return None
    if isinstance(value, list) and not (field["accepts_multiple_values"] and not operation):
        raise ValueRefused("This Custom Field does not accept multiple values.")
    if field["accepts_multiple_values"] and not operation:
        return [check(item) for item in (value if isinstance(value, list) else [value])]
    return check(value)


def _field(account: Account, field_id: str) -> Document:
    field = account.store.find("custom_field", field_id)
    if field is None:
        raise not_found("CustomField")
    return field


def _status(account: Account, status_id: str) -> Document:
    status = account.store.find("status", status_id)
    if status is None:
        raise not_found("LeadStatus")
    return status
