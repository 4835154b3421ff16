"""How a lead in Close differs from one in a file: what it lacks, and which of its values are different.

Blank fields are to be filled; a missing address, contacts, e-mails and phones are to be added. Whatever Close already
holds is kept, and a different value in the file is reported.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from cells.columns import CONTACT_NAME, CUSTOM_PREFIX, EMAILS, LEAD_COLUMNS, PHONES
from cells.problems import Problem
from cleaning import Contact, Lead, Value
from close.contents import Json
from importing.custom_fields import LeadFields
from importing.match_contacts import ContactGap, contact_gaps

Person = TypeVar("Person", Contact, ContactGap)


@dataclass(frozen=True, slots=True)
class Gaps:
    """What a lead in Close lacks compared with a lead in the file; false if it lacks nothing.

    `own` has values by column title, `custom` by field name; `import_key` is the key to write, "" if the lead has one.
    """

    import_key: str = ""
    own: dict[str, str] = field(default_factory=dict)
    custom: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    contacts: list[ContactGap] = field(default_factory=list)
    new_contacts: list[Contact] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.import_key or self.own or self.custom or self.contacts or self.new_contacts)

    def is_within(self, allowed: "Gaps") -> bool:
        """Whether nothing is to be added but what is `allowed`, or part of it."""
        to_contacts = {gap.contact["id"]: set(gap.items) for gap in allowed.contacts}
        return (
            bool(self.import_key) <= bool(allowed.import_key)
            and self.own.items() <= allowed.own.items()
            and self.custom.items() <= allowed.custom.items()
            and all(set(gap.items) <= to_contacts.get(gap.contact["id"], set()) for gap in self.contacts)
            and all(contact in allowed.new_contacts for contact in self.new_contacts)
        )

    def in_words(self) -> str:
        """All that is to be added: `State: CA; contact ANN: +14155550100; new contact: BEE: b@x.com, +14155550101`."""
        parts = [f"{LEAD_COLUMNS[title].label}: {value}" for title, value in self.own.items()]
        parts += [f"{name}: {', '.join(map(str, values))}" for name, values in self.custom.items()]
        parts += [f"contact {gap.called}: {', '.join(gap.items)}" for gap in self.contacts]
        parts += [f"new contact: {contact.in_words()}" for contact in self.new_contacts]
        return "; ".join([*parts, *(["Import Key"] if self.import_key else [])])


def everything_in(lead: Lead) -> Gaps:
    """What Close lacks if it does not have the lead at all, without the import key."""
    return Gaps(own=lead.own, custom=lead.custom, new_contacts=lead.contacts)


def without_values(gaps: Gaps, dropped: Collection[Problem]) -> Gaps:
    """The gaps without the values that Close refused, which is what was written."""
    refused = {(problem.column, problem.value) for problem in dropped}
    if not refused:
        return gaps

    def taken(column: str, values: Iterable[str]) -> list[str]:
        return [value for value in values if (column, value) not in refused]

    def smaller(each: Person) -> Person:
        name = "".join(taken(CONTACT_NAME, [each.name]))
        return replace(each, name=name, emails=taken(EMAILS, each.emails), phones=taken(PHONES, each.phones))

    return replace(
        gaps,
        own={title: value for title, value in gaps.own.items() if taken(title, [value])},
        custom={
            name: values
            for name, values in gaps.custom.items()
            if taken(CUSTOM_PREFIX + name, ["; ".join(map(str, values))])
        },
        contacts=[gap for gap in map(smaller, gaps.contacts) if gap],
        new_contacts=[contact for contact in map(smaller, gaps.new_contacts) if contact.items],
    )


def find_gaps(found: Json, lead: Lead, key: str, fields: LeadFields) -> Gaps:
    """What a lead in Close (`found`) lacks compared with one in the file; a field not created yet counts as blank."""
    gaps, new_contacts = contact_gaps(found.get("contacts") or [], lead.contacts)
    has_key = bool(fields.import_key) and not is_blank(found, fields.key_column)
    return Gaps(
        import_key="" if has_key else key,
        own={title: value for title, value in lead.own.items() if LEAD_COLUMNS[title].read(found) is None},
        custom={
            name: values
            for name, values in lead.custom.items()
            if name not in fields.by_name or is_blank(found, fields.by_name[name].key)
        },
        contacts=gaps,
        new_contacts=new_contacts,
    )


def find_conflicts(found: Json, lead: Lead, fields: LeadFields) -> list[Problem]:
    """The values of a lead in the file that differ from Close's: they are dropped, because nothing is overwritten."""
    held = {
        CUSTOM_PREFIX + name: (values, found.get(fields.by_name[name].key))
        for name, values in lead.custom.items()
        if name in fields.by_name and not is_blank(found, fields.by_name[name].key)
    }
    differing = {column: (each[0], joined(each[1])) for column, each in held.items() if not _says_the_same(*each)}
    differing |= {
        title: ((value,), _held(found, title)) for title, value in lead.own.items() if _differs(found, title, value)
    }
    return [
        Problem(
            lead.origin[column], column, "; ".join(map(str, values)), "conflict", _held_reason(column, other), other
        )
        for column, (values, other) in differing.items()
    ]


def _differs(found: Json, title: str, value: str) -> bool:
    """Whether a lead in Close holds something else than this value of a column."""
    column = LEAD_COLUMNS[title]
    texts = column.read(found)
    return texts is not None and value not in map(column.means, texts)


def _held(found: Json, title: str) -> str:
    """The texts that a lead in Close holds in a column."""
    return ", ".join(filter(None, LEAD_COLUMNS[title].read(found) or []))


def _says_the_same(values: tuple[Value, ...], there: Any) -> bool:
    present = there if isinstance(there, list) else [there]
    return all(any(_comparable(value) == _comparable(each) for each in present) for value in values)


def _comparable(value: Any) -> Any:
    """The form in which a value is compared: dates with times, and white space, may be written in several ways."""
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value) if "T" in value else " ".join(value.split())
    except ValueError:
        return " ".join(value.split())


def joined(there: Any) -> str:
    """What a custom field holds, as a text."""
    return "; ".join(map(str, there)) if isinstance(there, list) else str(there)


def _held_reason(column: str, other: str) -> str:
    told = repr(other) if other or column not in LEAD_COLUMNS else LEAD_COLUMNS[column].blank
    return f"Close already has {told}, which is kept; if the file is right, change it in Close."


def is_blank(found: Json, key: str) -> bool:
    """Whether a lead in Close has nothing in a part."""
    return found.get(key) in (None, "", [])
