"""The content of a lead or contact in Close: the parts that people and programs write."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

LEAD_PARTS = ("name", "url", "description", "status_id")
CONTACT_PARTS = ("id", "name", "title")
CONTACT_LISTS = {"emails": ("email", "type"), "phones": ("phone", "type"), "urls": ("url", "type")}
ADDRESS_PARTS = ("label", "address_1", "address_2", "city", "state", "zipcode", "country")


def lead_content(lead: Json) -> Json:
    """What people and programs write into a lead: its own fields, custom values, addresses and contacts.

    Two readings of a lead have equal content if nobody changed it in between. Anything that Close derives or counts
    (dates, formatted phones, summaries) is left out, and so is anything that it does not document.
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
    """The custom values of a lead or contact, by their flat keys; blank ones are left out."""
    return {key: value for key, value in thing.items() if key.startswith("custom.") and value not in (None, "", [])}


def with_flat_custom_values(thing: Json) -> Json:
    """The same lead or contact with its custom values under flat keys, also if Close sent them in a `custom` object."""
    nested = thing.get("custom")
    if not isinstance(nested, dict):
        return thing
    return {f"custom.{key}": value for key, value in nested.items() if key.startswith(("cf_", "lcf_"))} | thing


def shows_contacts(lead: Json) -> bool:
    """Whether a lead as Close sent it says who its contacts are, be it that there are none."""
    contacts = lead.get("contacts")
    return isinstance(contacts, list) and (bool(contacts) or not lead.get("contact_ids"))


def moment_of(text: object) -> datetime | None:
    """The moment that Close writes in this way, None for anything else; without an offset, as in events, it is UTC."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment and not moment.tzinfo else moment


def lead_link(lead: Json) -> str:
    """The URL of a lead's page in Close."""
    return str(lead.get("html_url") or f"https://app.close.com/lead/{lead['id']}/")


def _parts(thing: Json, names: Sequence[str]) -> Json:
    return {name: thing.get(name) or "" for name in names}


def kept(lead: Json) -> Json:
    """What the journal keeps of a lead: its content, id, link and dates."""
    return {
        **{name: lead.get(name) or "" for name in ("id", "html_url", "date_created", "date_updated")},
        **lead_content(lead),
    }
