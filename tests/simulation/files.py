"""The files that a history imports: a few companies with people, and what Close must hold of them afterwards."""

import csv
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

HEADER = (
    *("Company", "Contact Name", "Contact Emails", "Contact Phones"),
    *("custom.Company Founded", "custom.Company Revenue", "Company US State"),
)
BAD_PHONE = "12"
STATES = ("CA", "NY", "TX", "WA")


@dataclass(frozen=True)
class Person:
    """One contact: e-mails and phones are nobody else's."""

    name: str
    emails: tuple[str, ...]
    phones: tuple[str, ...]


@dataclass(frozen=True)
class Company:
    """One company of a file; blank values are ""."""

    name: str
    people: tuple[Person, ...] = ()
    founded: str = ""
    revenue: str = ""
    state: str = ""
    is_bad: bool = False  # whether one of its rows holds a phone that can't be one

    @property
    def called(self) -> str:
        """The name that the import gives its lead."""
        return self.name.upper()


def draw_companies(draw: random.Random, count: int, first: int = 0) -> list[Company]:
    """So many companies, numbered from the first."""
    return [_company(draw, number) for number in range(first, first + count)]


def _company(draw: random.Random, number: int) -> Company:
    people = tuple(_person(draw, number, place) for place in range(draw.choice((0, 1, 1, 1, 2))))
    return Company(
        f"Acme {number}",
        people,
        founded=draw.choice(("", f"19{80 + number % 20}-05-17")),
        revenue=draw.choice(("", f"{1000 + number}")),
        state=draw.choice(("", *STATES)),
        is_bad=draw.random() < 0.05,
    )


def _person(draw: random.Random, number: int, place: int) -> Person:
    name = f"{('Ann', 'Bob')[place]} Number{number}"
    emails = tuple(f"{name[:3].lower()}{which}.{number}@x{number}.com" for which in range(draw.choice((1, 1, 2))))
    phones = (f"+1415555{number:02}{place}0",) if draw.random() < 0.6 else ()
    return Person(name, emails, phones)


def as_csv(companies: Sequence[Company]) -> bytes:
    """The file of some companies: a row for each person."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(HEADER)
    for each in companies:
        for place, person in enumerate(each.people or (Person("", (), ()),)):
            phones = [*person.phones, *([BAD_PHONE] if each.is_bad and not place else [])]
            values = (each.founded, each.revenue, each.state) if not place else ("", "", "")
            rows.writerow((each.name, person.name, "; ".join(person.emails), "; ".join(phones), *values))
    return text.getvalue().encode()


def as_mended(rejects: str) -> bytes:
    """A file of rejects after somebody has removed the phones that are none."""
    rows = list(csv.reader(io.StringIO(rejects)))
    at = rows[0].index("Contact Phones")
    for row in rows[1:]:
        row[at] = "; ".join(phone for phone in row[at].split("; ") if phone != BAD_PHONE)
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def count_rows(companies: Sequence[Company]) -> int:
    """How many rows the file of some companies has."""
    return sum(len(each.people) or 1 for each in companies)


def partly_known(draw: random.Random, company: Company) -> Company:
    """A company as Close may know it already: with some of it, and perhaps with another value."""
    people = tuple(_partly(draw, person) for person in company.people if draw.random() < 0.6)
    known = {
        name: draw.choice(("", getattr(company, name))) if draw.random() < 0.8 else other
        for name, other in (("founded", "1999-09-09"), ("revenue", "77"), ("state", "OR"))
    }
    spelled = draw.choice((company.name, company.name.upper(), company.name.replace(" ", "  ")))
    return replace(company, name=spelled, people=people, is_bad=False, **known)


def _partly(draw: random.Random, person: Person) -> Person:
    name = draw.choice((person.name, person.name.upper()))
    return replace(person, name=name, emails=person.emails[:1], phones=draw.choice((person.phones, ())))


def lead_body(company: Company, fields: dict[str, str]) -> dict[str, Any]:
    """The body that makes a lead of a company; `fields` has the ids of custom fields by name."""
    custom = {"Company Founded": company.founded, "Company Revenue": float(company.revenue or 0)}
    body: dict[str, Any] = {
        "name": company.name,
        "contacts": [
            {
                "name": person.name,
                "emails": [{"type": "office", "email": email} for email in person.emails],
                "phones": [{"type": "office", "phone": phone} for phone in person.phones],
            }
            for person in company.people
        ],
    }
    if company.state:
        body["addresses"] = [{"label": "business", "state": company.state, "country": "US"}]
    return body | {f"custom.{fields[name]}": value for name, value in custom.items() if value and name in fields}


def edited(draw: random.Random, companies: Sequence[Company]) -> list[Company]:
    """The same file after somebody has worked on it: a row more or less, another value, another person."""
    changed = list(companies)
    act = draw.choice(("remove", "add", "value", "person"))
    place = draw.randrange(len(changed))
    each = changed[place]
    if act == "remove" and len(changed) > 2:
        del changed[place]
    elif act == "add":
        changed += draw_companies(draw, 1, first=60 + len(changed))
    elif act == "value" and not each.revenue:
        changed[place] = replace(each, revenue="4242")
    elif act == "person" and len(each.people) < 2:
        number = int(each.name.rpartition(" ")[2])
        changed[place] = replace(each, people=(*each.people, _person(draw, number, len(each.people))))
    return changed
