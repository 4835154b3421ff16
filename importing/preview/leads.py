"""What a lead will hold in Close once the plan about it is carried out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cells.columns import CUSTOM_PREFIX, LEAD_COLUMNS
from cells.companies import identity_of
from cells.problems import Problem
from cleaning import Contact
from close.contents import Json
from importing.custom_fields import LeadFields
from importing.gaps import Gaps, everything_in, is_blank, joined, without_values
from importing.match_contacts import ContactGap
from importing.plan import Action, PlannedLead

CREATING: tuple[Action, ...] = ("create", "look up")


@dataclass(frozen=True, slots=True)
class ExpectedLead:
    """A lead as Close will hold it: its name, its values by our name for the column, and its contacts."""

    name: str
    values: Mapping[str, str]
    contacts: tuple[Contact, ...]

    @property
    def items(self) -> dict[str, str]:
        """The names, e-mails and phones of its contacts, by what stays the same however they are spelled."""
        return {identity_of(item): item for contact in self.contacts for item in contact.items}


def expected_lead(planned: PlannedLead, refused: Collection[Problem], fields: LeadFields) -> ExpectedLead:
    """The lead that a plan leads to, without values that Close has refused; it is empty if the lead is left alone.

    Of what Close holds, only the fields that the file fills are there.
    """
    found = planned.found or {}
    gaps = without_values(everything_in(planned.lead) if planned.action in CREATING else planned.gaps, refused)
    held = _own_values(found) | _custom_values(found, fields) if found else {}
    return ExpectedLead(
        found.get("name") or planned.lead.name,
        held | gaps.own | {CUSTOM_PREFIX + name: joined(list(values)) for name, values in gaps.custom.items()},
        (*_contacts(found, gaps), *gaps.new_contacts),
    )


def _own_values(found: Json) -> dict[str, str]:
    held = {title: ", ".join(filter(None, column.read(found) or [])) for title, column in LEAD_COLUMNS.items()}
    return {title: text for title, text in held.items() if text}


def _custom_values(found: Json, fields: LeadFields) -> dict[str, str]:
    held = {name: field.key for name, field in fields.by_name.items() if not is_blank(found, field.key)}
    return {CUSTOM_PREFIX + name: joined(found[key]) for name, key in held.items()}


def _contacts(found: Json, gaps: Gaps) -> list[Contact]:
    """The contacts that Close has, with what they will be given."""
    missing = {gap.contact["id"]: gap for gap in gaps.contacts}
    return [_filled(contact, missing.get(contact["id"])) for contact in found.get("contacts") or []]


def _filled(contact: Json, gap: ContactGap | None) -> Contact:
    emails, phones = _listed(contact, "emails", "email"), _listed(contact, "phones", "phone")
    name = str(contact.get("name") or "")
    if gap is None:
        return Contact(name, emails, phones)
    return Contact(name or gap.name, [*emails, *gap.emails], [*phones, *gap.phones])


def _listed(contact: Mapping[str, Any], part: str, item: str) -> list[str]:
    return [str(each.get(item) or "") for each in contact.get(part) or []]
