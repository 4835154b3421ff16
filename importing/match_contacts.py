"""Which contact in Close is the same person as a contact in the file, and what it lacks."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from cells.companies import identity_of, import_key
from cells.contact_columns import no_types
from cleaning import Contact
from close.contents import Json


@dataclass(frozen=True, slots=True)
class ContactGap:
    """What a contact in Close (`contact`) lacks compared with one in the file; false if it lacks nothing.

    `types` has the types of e-mails and phones by value, where they are not `office`.
    """

    contact: Json
    name: str
    emails: list[str]
    phones: list[str]
    types: Mapping[str, str] = field(default_factory=no_types)

    def __bool__(self) -> bool:
        return bool(self.name or self.emails or self.phones)

    @property
    def called(self) -> str:
        """What people call the contact."""
        return str(self.contact.get("display_name") or self.name)

    @property
    def items(self) -> list[str]:
        """Everything that is missing."""
        return [*filter(None, [self.name]), *self.emails, *self.phones]


def contact_gaps(present: Iterable[Json], wanted: Iterable[Contact]) -> tuple[list[ContactGap], list[Contact]]:
    """What the existing contacts lack, and which contacts are new. An existing contact matches at most one of ours."""
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
    """A contact in Close, with its name and e-mails in the form in which they are compared."""

    def __init__(self, contact: Json) -> None:
        self.contact = contact
        self.name = _person_key(contact.get("name") or "")
        self.emails = {str(item.get("email") or "").casefold() for item in contact.get("emails") or []}
        self.phones = {str(item.get("phone") or "") for item in contact.get("phones") or []}

    def gap(self, wanted: Contact) -> ContactGap:
        return ContactGap(
            self.contact,
            name="" if self.contact.get("name") else wanted.name,
            emails=[email for email in wanted.emails if email.casefold() not in self.emails],
            phones=[phone for phone in wanted.phones if phone not in self.phones],
            types=wanted.types,
        )


def _matched(wanted: list[Contact], people: list[_Present]) -> list[tuple[Contact, _Present | None]]:
    """Each of our contacts with the contact in Close that is the same person; the surest matches are made first.

    Before that come as many matches as possible that leave nothing to add, so that importing the same file again adds
    nothing.
    """
    match_of = _complete_matches(wanted, people)
    free = [person for person in people if not any(person is each for each in match_of.values())]
    for is_same in _SURENESS:
        for index, contact in enumerate(wanted):
            if index in match_of:
                continue
            name, emails = _person_key(contact.name), {email.casefold() for email in contact.emails}
            person = next((each for each in free if is_same(name, emails, contact, each)), None)
            if person:
                match_of[index] = person
                free.remove(person)
    return [(contact, match_of.get(index)) for index, contact in enumerate(wanted)]


def _complete_matches(wanted: list[Contact], people: list[_Present]) -> dict[int, _Present]:
    """The largest set of matches that leave nothing to add, by the index of our contact.

    If a person is already taken, the contact that took them tries to find somebody else (augmenting paths).
    """
    fitting = [_complete_for(contact, people) for contact in wanted]
    taken_by: dict[int, int] = {}

    def find_person(index: int, tried: set[int]) -> bool:
        for person in fitting[index]:
            if person not in tried:
                tried.add(person)
                if person not in taken_by or find_person(taken_by[person], tried):
                    taken_by[person] = index
                    return True
        return False

    for index in range(len(wanted)):
        find_person(index, set())
    return {index: people[person] for person, index in taken_by.items()}


def _complete_for(contact: Contact, people: list[_Present]) -> list[int]:
    """The indices of people in Close who are the same person and lack nothing, the surest first."""
    name, emails = _person_key(contact.name), {email.casefold() for email in contact.emails}
    complete = {at: person for at, person in enumerate(people) if not person.gap(contact)}
    fitting = [at for is_same in _SURENESS for at, person in complete.items() if is_same(name, emails, contact, person)]
    return list(dict.fromkeys(fitting))


_Sameness = Callable[[str, set[str], Contact, _Present], bool]


def _is_equal(name: str, emails: set[str], contact: Contact, person: _Present) -> bool:
    return name == person.name and emails == person.emails and person.phones.issuperset(contact.phones)


def _has_same_name_and_emails(name: str, emails: set[str], _contact: Contact, person: _Present) -> bool:
    return bool(name or emails) and name == person.name and emails == person.emails


def _has_same_name_and_an_email(name: str, emails: set[str], _contact: Contact, person: _Present) -> bool:
    return name == person.name and bool(emails & person.emails)


def _has_an_email_and_much_the_same_name(_name: str, emails: set[str], contact: Contact, person: _Present) -> bool:
    """One name has all words of the other, such as a middle name or a title more; Jr. and Sr. are two people."""
    ours, theirs = _words_of(contact.name), _words_of(person.contact.get("name") or "")
    is_within = min(len(ours), len(theirs)) > 1 and (ours <= theirs or theirs <= ours)
    return bool(emails & person.emails) and is_within and ours & _GENERATIONS == theirs & _GENERATIONS


def _words_of(name: str) -> set[str]:
    return {word.strip(".") for word in re.findall(r"[^\s,]+", identity_of(name))}


_GENERATIONS = frozenset({"jr", "junior", "sr", "senior", "ii", "iii", "iv"})


def _has_an_email_and_one_name(name: str, emails: set[str], _contact: Contact, person: _Present) -> bool:
    return not (name and person.name) and bool(emails & person.emails)


def _has_same_name_and_one_has_no_email(name: str, emails: set[str], _contact: Contact, person: _Present) -> bool:
    return bool(name) and name == person.name and not (emails and person.emails)


_SURENESS: tuple[_Sameness, ...] = (
    _is_equal,
    _has_same_name_and_emails,
    _has_same_name_and_an_email,
    _has_an_email_and_much_the_same_name,
    _has_an_email_and_one_name,
    _has_same_name_and_one_has_no_email,
)


def _person_key(name: str) -> str:
    return import_key(name) if name.strip() else ""
