"""What a lead or a contact in Close holds, as far as people and programs write it."""

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

LEAD_PARTS = ("name", "url", "description", "status_id")
CONTACT_PARTS = ("id", "name", "title")
CONTACT_LISTS = {"emails": ("email", "type"), "phones": ("phone", "type"), "urls": ("url", "type")}
ADDRESS_PARTS = ("label", "address_1", "address_2", "city", "state", "zipcode", "country")


def lead_content(lead: Json) -> Json:
    """What people and programs write into a lead: its own fields, custom values, addresses and contacts.

    Two readings of a lead that nobody changed in between have equal contents; what Close derives or counts (dates,
    formatted phones, summaries) is left out, and so is what it does not document.
    """
    return {
        **{name: lead.get(name) or "" for name in LEAD_PARTS},
        **custom_values(lead),
        "addresses": [_parts(address, ADDRESS_PARTS) for address in lead.get("addresses") or []],
        "contacts": [contact_content(contact) for contact in lead.get("contacts") or []],
    }


def contact_content(contact: Json) -> Json:
    """What people and programs write into a contact, and its id."""
    lists = {name: [_parts(item, parts) for item in contact.get(name) or []] for name, parts in CONTACT_LISTS.items()}
    return {**_parts(contact, CONTACT_PARTS), **custom_values(contact), **lists}


def custom_values(thing: Json) -> Json:
    """The custom values of a lead or a contact, by their flat keys; blank ones are not there."""
    return {key: value for key, value in thing.items() if key.startswith("custom.") and value not in (None, "", [])}


def lead_link(lead: Json) -> str:
    """The address at which people see a lead."""
    return str(lead.get("html_url") or f"https://app.close.com/lead/{lead['id']}/")


def _parts(thing: Json, names: Sequence[str]) -> Json:
    return {name: thing.get(name) or "" for name in names}


def kept(lead: Json) -> Json:
    """What the journal keeps of a lead: its content, with its id, its link and its dates."""
    return {
        **{name: lead.get(name) or "" for name in ("id", "html_url", "date_created", "date_updated")},
        **lead_content(lead),
    }
