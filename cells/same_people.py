"""Which rows of a company are about the same person, and which people one row names."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cells.companies import identity_of
from cells.contact_columns import NO_TYPES, no_types


@dataclass(frozen=True, slots=True)
class Person:
    """What one row says about a person."""

    row: int
    name: str
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    types: Mapping[str, str] = field(default_factory=no_types)

    @property
    def folded_emails(self) -> frozenset[str]:
        return frozenset(map(str.casefold, self.emails))


def named_together(name: str | None, emails: Sequence[str]) -> tuple[str, ...]:
    """The people in one name, if there are several e-mails that may be theirs; empty for one person."""
    parts = re.split(TOGETHER, name) if name and len(emails) > 1 else []
    is_family = len(parts) < 2 or any(part.strip().casefold().strip(".") in FIRM for part in parts)
    return () if is_family else tuple(part.strip() for part in parts)


TOGETHER = re.compile(r"\s(?:&|\+|and|und|et|y|or)\s|/|,\s(?=\w+\s\w)", re.IGNORECASE)
FIRM = frozenset({"sons", "son", "co", "company", "partners", "brothers", "associates", "family"})
SEVERAL_NAMES = (
    "The cell names several people, and it is not clear whose the e-mails and phones are; give each person a row."
)


def people_named(row: Person, names: Sequence[str]) -> list[Person]:
    """The people whom one row names, each with one e-mail and one phone; empty if it is not clear whose they are."""
    emails, phones = row.emails, row.phones
    is_about_two = emails or phones or all(" " in name for name in names)
    if not is_about_two or {len(emails), len(phones)} - {0, len(names)}:
        return []
    return [
        replace(row, name=name, emails=emails[at : at + 1], phones=phones[at : at + 1]) for at, name in enumerate(names)
    ]


def types_of(same: Sequence[Person]) -> Mapping[str, str]:
    """The types of a person's e-mails and phones where they are not `office`, from the row that has a value first."""
    if not any(person.types for person in same):
        return NO_TYPES
    types: dict[str, str] = {}
    for person in same:
        for value in (*person.emails, *person.phones):
            types.setdefault(value, person.types.get(value, "office"))
    return {value: kind for value, kind in types.items() if kind != "office"}


def same_people(people: Sequence[Person]) -> list[list[Person]]:
    """The rows of each person, ordered by each person's first row.

    Equal names are one person unless they have two different sets of e-mails. A row without a name belongs to the
    person who has one of its e-mails. A shared phone number proves nothing.
    """
    groups = _by_name([person for person in people if person.name])
    owner = {email: group for group in reversed(groups) for person in group for email in person.folded_emails}
    nameless = []
    for person in people:
        if person.name:
            continue
        owners = [owner[email] for email in map(str.casefold, person.emails) if email in owner]
        if owners:
            owners[0].append(person)
        else:
            nameless.append(person)
    groups += _by_shared_email(nameless)
    for group in groups:
        group.sort(key=lambda person: person.row)
    return sorted(groups, key=lambda group: group[0].row)


def _by_name(people: Iterable[Person]) -> list[list[Person]]:
    namesakes: dict[str, list[Person]] = {}
    for person in people:
        namesakes.setdefault(identity_of(person.name), []).append(person)
    groups: list[list[Person]] = []
    for name, same_name in namesakes.items():
        by_emails: dict[frozenset[str], list[Person]] = {}
        for person in same_name:
            by_emails.setdefault(person.folded_emails, []).append(person)
        is_one = len(by_emails.keys() - {frozenset()}) <= 1
        if is_one and " " not in name:  # a first name alone, which other people have as well
            groups += _by_items(same_name)
        else:
            groups += [same_name] if is_one else by_emails.values()
    return sorted(groups, key=lambda group: group[0].row)


def _by_items(people: Iterable[Person]) -> list[list[Person]]:
    """Rows of one first name: those that share an e-mail or a phone, or have none that differ, in one group each."""
    groups: list[list[Person]] = []
    for person in people:
        sharing = (group for group in groups if any(_share(person, other) for other in group))
        agreeing = (group for group in groups if not any(_differ(person, other) for other in group))
        group = next(itertools.chain(sharing, agreeing), None)
        if group is None:
            groups.append([person])
        else:
            group.append(person)
    return groups


def _share(one: Person, other: Person) -> bool:
    return bool(one.folded_emails & other.folded_emails or set(one.phones) & set(other.phones))


def _differ(one: Person, other: Person) -> bool:
    pairs = ((one.folded_emails, other.folded_emails), (frozenset(one.phones), frozenset(other.phones)))
    return any(mine and theirs and not mine & theirs for mine, theirs in pairs)


def _by_shared_email(people: Iterable[Person]) -> list[list[Person]]:
    """Rows that share an e-mail, directly or through a third row, in one group; each row without e-mails in its own."""
    alone: list[list[Person]] = []
    group_of: dict[str, list[Person]] = {}
    for person in people:
        group = [person]
        for email in person.folded_emails:
            other = group_of.get(email)
            if other is not None and other is not group:
                group += other
                group_of.update((known, group) for member in other for known in member.folded_emails)
            group_of[email] = group
        if not person.emails:
            alone.append(group)
    return alone + list({id(group): group for group in group_of.values()}.values())
