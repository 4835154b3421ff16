"""How a lead in the file is written for Close: the bodies of requests."""

from collections.abc import Mapping, Sequence
from typing import Any

from cells.columns import LEAD_COLUMNS
from cleaning import Contact, Lead
from close.contents import Json, contact_content
from importing.custom_fields import LeadFields
from importing.gaps import Gaps
from importing.match_contacts import ContactGap


def lead_body(lead: Lead, key: str, fields: LeadFields) -> Json:
    """The lead as `POST /lead/` accepts it. Blank values are left out, because Close refuses a blank state."""
    body: Json = {"name": lead.name, fields.key_column: key}
    if lead.contacts:
        body["contacts"] = [contact_body(contact) for contact in lead.contacts]
    return body | _own_fields(lead.own, lead.custom, fields)


def _own_fields(own: Mapping[str, str], custom: Mapping[str, Sequence[Any]], fields: LeadFields) -> Json:
    body: Json = {LEAD_COLUMNS[title].key: LEAD_COLUMNS[title].write(value) for title, value in own.items()}
    for name, values in custom.items():
        field = fields.by_name[name]
        body[field.key] = list(values) if field.is_multiple else values[0]
    return body


def gaps_body(gaps: Gaps, fields: LeadFields) -> Json:
    """The change that fills a lead's own fields, without its contacts; empty if nothing is missing."""
    key = {fields.key_column: gaps.import_key} if gaps.import_key else {}
    return key | _own_fields(gaps.own, gaps.custom, fields)


def contact_gap_body(gap: ContactGap) -> Json:
    """The change that gives a contact what it lacks. A list that is sent replaces the old one, so it is complete."""
    present = contact_content(gap.contact)
    added = contact_body(Contact(gap.name, gap.emails, gap.phones, types=gap.types))
    name = {"name": gap.name} if gap.name else {}
    return name | {part: [*present[part], *added[part]] for part in ("emails", "phones") if added[part]}


def contact_body(contact: Contact) -> Json:
    """A contact as Close accepts it; without a name, the name is left out."""
    body: dict[str, Any] = {
        "emails": [{"type": contact.types.get(email, "office"), "email": email} for email in contact.emails],
        "phones": [{"type": contact.types.get(phone, "office"), "phone": phone} for phone in contact.phones],
    }
    return {"name": contact.name, **body} if contact.name else body
