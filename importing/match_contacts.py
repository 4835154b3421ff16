"""How a lead in Close differs from one in a file: what it lacks, and what it holds otherwise.

A blank field is to be filled, an address added where there is none, and contacts, e-mails and phones that are not there
yet. Whatever Close holds already stays as it is; a value of the file that differs from it is reported.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cells.phones import InvalidValue, parse_state
from cells.source_file import CUSTOM_PREFIX, STATE
from cleaning import Contact, Lead, Problem, Value, import_key

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LeadField:
    """A lead custom field in Close: where a value goes, and whether as a list."""

    id: str
    is_list: bool


@dataclass(frozen=True, slots=True)
class LeadFields:
    """The custom fields that a file's values go to, by their name in the file, and the id of that for import keys.

    A field that Close has not made yet is not there, and the id is None.
    """

    by_name: Mapping[str, LeadField]
    import_key: str | None


@dataclass(frozen=True, slots=True)
class ContactGap:
    """What a contact in Close (`contact`, as Close holds it) lacks of one in the file; false if that is nothing."""

    contact: Json
    name: str
    emails: list[str]
    phones: list[str]

    def __bool__(self) -> bool:
        return bool(self.name or self.emails or self.phones)


@dataclass(frozen=True, slots=True)
class Gaps:
    """What a lead in Close lacks of a lead in the file; false if that is nothing.

    `custom` has values by the name of their field, `import_key` is the key to write, "" if one is there.
    """

    import_key: str = ""
    state: str = ""
    custom: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    contacts: list[ContactGap] = field(default_factory=list)
    new_contacts: list[Contact] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.import_key or self.state or self.custom or self.contacts or self.new_contacts)

    def in_words(self) -> str:
        """What will be added, in words: `State: CA; contact ANN: a@x.com, +14155550100; new contact: BEE`."""
        parts = [f"State: {self.state}"] if self.state else []
        parts += [f"{name}: {', '.join(map(str, values))}" for name, values in self.custom.items()]
        for gap in self.contacts:
            items = [*filter(None, [gap.name]), *gap.emails, *gap.phones]
            parts.append(f"contact {gap.contact.get('display_name') or gap.name}: {', '.join(items)}")
        parts += [f"new contact: {_called(contact)}" for contact in self.new_contacts]
        return "; ".join([*parts, *(["Import Key"] if self.import_key else [])])


def find_gaps(found: Json, lead: Lead, key: str, fields: LeadFields) -> Gaps:
    """What a lead that Close holds (`found`) lacks of one in the file; a field that Close has not made yet is blank."""
    contact_gaps, new_contacts = _contact_gaps(found.get("contacts") or [], lead.contacts)
    has_key = fields.import_key is not None and not _is_blank(found, fields.import_key)
    return Gaps(
        import_key="" if has_key else key,
        state="" if found.get("addresses") or not lead.state else lead.state,
        custom={
            name: values
            for name, values in lead.custom.items()
            if name not in fields.by_name or _is_blank(found, fields.by_name[name].id)
        },
        contacts=contact_gaps,
        new_contacts=new_contacts,
    )


def find_conflicts(found: Json, lead: Lead, fields: LeadFields) -> list[Problem]:
    """The values of a lead in the file that differ from what Close holds: nothing is overwritten, so they are lost."""
    held = {
        CUSTOM_PREFIX + name: (values, found.get(f"custom.{fields.by_name[name].id}"))
        for name, values in lead.custom.items()
        if name in fields.by_name and not _is_blank(found, fields.by_name[name].id)
    }
    states = [address.get("state") or "" for address in found.get("addresses") or []]
    if lead.state and states and lead.state not in map(_state_code, states):
        held[STATE] = ((lead.state,), ", ".join(filter(None, states)) or "an address without a state")
    return [
        Problem(lead.origin[column], column, "; ".join(map(str, values)), "conflict", _held_reason(there))
        for column, (values, there) in held.items()
        if column == STATE or not _says_the_same(values, there)
    ]


def _says_the_same(values: tuple[Value, ...], there: Any) -> bool:
    present = there if isinstance(there, list) else [there]
    return all(any(_comparable(value) == _comparable(each) for each in present) for value in values)


def _comparable(value: Any) -> Any:
    """A value as it is compared: a moment may be written in several ways, and so may white space."""
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value) if "T" in value else " ".join(value.split())
    except ValueError:
        return " ".join(value.split())


def _state_code(text: str) -> str:
    try:
        return parse_state(text)
    except InvalidValue:
        return text


def _held_reason(there: Any) -> str:
    shown = "; ".join(map(str, there)) if isinstance(there, list) else there
    return f"Close has {str(shown)!r}, and nothing is overwritten; change it in Close if the file is right."


def _is_blank(found: Json, field_id: str) -> bool:
    return found.get(f"custom.{field_id}") in (None, "", [])


def _contact_gaps(present: Iterable[Json], wanted: Iterable[Contact]) -> tuple[list[ContactGap], list[Contact]]:
    """What the contacts that are there lack, and which ones are not there. One that is there stands for one of ours."""
    people = [_Present(contact) for contact in present]
    on_lead = {phone for person in people for phone in person.phones}
    gaps: list[ContactGap] = []
    new: list[Contact] = []
    for contact, person in _matched(list(wanted), people):
        if person:
            gap = person.gap(contact)
            if gap:
                gaps.append(gap)
        elif contact.name or contact.emails or not on_lead.issuperset(contact.phones):
            new.append(contact)
    return gaps, new


class _Present:
    """A contact that Close holds, with its name and e-mails as they are compared."""

    def __init__(self, contact: Json) -> None:
        self.contact = contact
        self.name = _folded(contact.get("name") or "")
        self.emails = {str(item.get("email") or "").casefold() for item in contact.get("emails") or []}
        self.phones = {str(item.get("phone") or "") for item in contact.get("phones") or []}

    def gap(self, wanted: Contact) -> ContactGap:
        return ContactGap(
            self.contact,
            name="" if self.contact.get("name") else wanted.name,
            emails=[email for email in wanted.emails if email.casefold() not in self.emails],
            phones=[phone for phone in wanted.phones if phone not in self.phones],
        )


def _matched(wanted: list[Contact], people: list[_Present]) -> list[tuple[Contact, _Present | None]]:
    """Each contact of ours with the one in Close that is the same person; the surest matches are made first.

    Before them come those that leave nothing to add, as many as can be: a file that was merged lacks nothing again.
    """
    match_of = _complete_matches(wanted, people)
    free = [person for person in people if not any(person is each for each in match_of.values())]
    for is_same in _SURENESS:
        for place, contact in enumerate(wanted):
            if place in match_of:
                continue
            name, emails = _folded(contact.name), {email.casefold() for email in contact.emails}
            person = next((each for each in free if is_same(name, emails, contact, each)), None)
            if person:
                match_of[place] = person
                free.remove(person)
    return [(contact, match_of.get(place)) for place, contact in enumerate(wanted)]


def _complete_matches(wanted: list[Contact], people: list[_Present]) -> dict[int, _Present]:
    """The largest set of matches that leave nothing to add to anybody, by the place of our contact."""
    fitting = [_complete_for(contact, people) for contact in wanted]
    taken_by: dict[int, int] = {}

    def find_person(place: int, tried: set[int]) -> bool:
        for person in fitting[place]:
            if person not in tried:
                tried.add(person)
                if person not in taken_by or find_person(taken_by[person], tried):
                    taken_by[person] = place
                    return True
        return False

    for place in range(len(wanted)):
        find_person(place, set())
    return {place: people[person] for person, place in taken_by.items()}


def _complete_for(contact: Contact, people: list[_Present]) -> list[int]:
    """The places of those in Close who are the same person and lack nothing of it, the surest first."""
    name, emails = _folded(contact.name), {email.casefold() for email in contact.emails}
    complete = {at: person for at, person in enumerate(people) if not person.gap(contact)}
    places = [at for is_same in _SURENESS for at, person in complete.items() if is_same(name, emails, contact, person)]
    return list(dict.fromkeys(places))


_Sameness = Callable[[str, set[str], Contact, _Present], bool]


def _is_equal(name: str, emails: set[str], contact: Contact, person: _Present) -> bool:
    return name == person.name and emails == person.emails and person.phones.issuperset(contact.phones)


def _has_same_name_and_emails(name: str, emails: set[str], _contact: Contact, person: _Present) -> bool:
    return bool(name or emails) and name == person.name and emails == person.emails


def _has_same_name_and_an_email(name: str, emails: set[str], _contact: Contact, person: _Present) -> bool:
    return name == person.name and bool(emails & person.emails)


def _has_an_email_and_one_name(name: str, emails: set[str], _contact: Contact, person: _Present) -> bool:
    return not (name and person.name) and bool(emails & person.emails)


def _has_same_name_and_one_has_no_email(name: str, emails: set[str], _contact: Contact, person: _Present) -> bool:
    return bool(name) and name == person.name and not (emails and person.emails)


_SURENESS: tuple[_Sameness, ...] = (
    _is_equal,
    _has_same_name_and_emails,
    _has_same_name_and_an_email,
    _has_an_email_and_one_name,
    _has_same_name_and_one_has_no_email,
)


def _folded(name: str) -> str:
    return import_key(name) if name.strip() else ""


def _called(contact: Contact) -> str:
    return contact.name or next(iter([*contact.emails, *contact.phones]), "")
