"""Companies for a file, what Close holds of them beforehand, and what it must hold after the import, word by word."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from tests.raw_close import RawClose

Json = dict[str, Any]

HEADER = (
    *("Company", "Contact Name", "Contact Emails", "Contact Phones", "custom.Company Founded"),
    *("custom.Company Revenue", "custom.Industry", "Company US State"),
)
FIELDS = {"Company Founded": "date", "Company Revenue": "number", "Industry": "text"}
OWN_PARTS = ("name", "url", "description", "status_label")
ADDRESS_PARTS = ("label", "address_1", "city", "state", "country")


@dataclass(frozen=True)
class Person:
    """A contact: e-mails and phones with their types."""

    name: str
    emails: tuple[tuple[str, str], ...] = ()
    phones: tuple[tuple[str, str], ...] = ()
    title: str = ""

    @property
    def cells(self) -> list[str]:
        """The contact as a file has it."""
        return [self.name, "\n".join(email for _, email in self.emails), "\n".join(phone for _, phone in self.phones)]

    @property
    def body(self) -> Json:
        """The contact as Close takes it."""
        emails = [{"type": kind, "email": email} for kind, email in self.emails]
        phones = [{"type": kind, "phone": phone} for kind, phone in self.phones]
        return {"name": self.name, "title": self.title, "emails": emails, "phones": phones}


@dataclass(frozen=True)
class Content:
    """What a lead holds, its import key aside."""

    name: str
    custom: Json
    people: tuple[Person, ...] = ()
    addresses: tuple[tuple[str, ...], ...] = ()
    url: str = ""
    description: str = ""
    status_label: str = "Potential"


@dataclass(frozen=True)
class Company:
    """A company as the file has it (`rows`), and the lead that must become of it where Close has none (`made`).

    `before` is a lead that Close may have already, `merged` what must become of that.
    """

    rows: list[list[str]]
    made: Content
    before: Content
    merged: Content


def company(number: int) -> Company:
    """One of endlessly many companies, of every kind that an import treats in its own way."""
    founded = date(1950 + number % 70, number % 12 + 1, number % 28 + 1).isoformat()
    custom = {"Company Founded": founded, "Company Revenue": 1000 + number}
    industry = ("Retail", "Food", "")[number % 3]
    if industry:
        custom["Industry"] = industry
    is_placed = number % 2 == 0
    ours = (("business", "", "", "CA", "US"),) if is_placed else ()
    there = (("mailing", "1 Main St", "Albany", "NY", "US"),) if number % 8 == 0 else ()
    people, present, together = _people(number)
    name = f"Company {number}"
    own = [founded, str(1000 + number), industry, "California" if is_placed else ""]
    before = {"Company Revenue": 7} if number % 4 == 3 else {}
    kept = {"url": f"https://{number}.example.com", "description": f"Known since {number}"}
    return Company(
        rows=[[name, *person.cells, *own] for person in people] or [[name, "", "", "", *own]],
        made=Content(name.upper(), custom, people, ours),
        before=Content(name, before, present, there, **kept),
        merged=Content(name, custom | before, together, there or ours, **kept),
    )


def _people(number: int) -> tuple[tuple[Person, ...], tuple[Person, ...], tuple[Person, ...]]:
    """The contacts in the file, those that Close has before, and those that it must have after both came together."""
    phone = ("office", f"+1415{2_000_000 + number}")
    ann, bob, bob_too = (("office", f"{who}{number}@example.com") for who in ("ann", "bob", "bob.too"))
    if number % 4 == 1:
        present = Person("Ann", (("home", f"old{number}@example.com"), ann), title="Director")
        return (
            (Person("ANN", (ann,), (phone,)),),
            (present,),
            (Person("Ann", present.emails, (phone,), "Director"),),
        )
    if number % 4 == 2:
        new, home = Person("ANN", (ann,)), ("home", bob[1])
        return (
            (new, Person("BOB", (bob, bob_too), (phone,))),
            (Person("Bob", (home,), (phone,)),),
            (Person("Bob", (home, bob_too), (phone,)), new),
        )
    if number % 4 == 3:
        present = Person("Cy", phones=(("mobile", phone[1]),))
        return (Person("CY", phones=(phone,)),), (present,), (present,)
    return (), (), ()


def write_companies(path: Path, companies: Iterable[Company]) -> Path:
    """Write the file that is to be imported."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *(row for each in companies for row in each.rows)])
    return path


def put_beforehand(close: RawClose, companies: Iterable[Company]) -> None:
    """Make a lead for each company, and the custom fields that these have, as somebody else would."""
    revenue = close.made("/custom_field/lead/", name="Company Revenue", type="number")["id"]
    for each in companies:
        before = each.before
        close.made(
            "/lead/",
            name=before.name,
            url=before.url,
            description=before.description,
            contacts=[person.body for person in before.people],
            addresses=[dict(zip(ADDRESS_PARTS, address, strict=True)) for address in before.addresses],
            **{f"custom.{revenue}": value for value in before.custom.values()},
        )


@dataclass(frozen=True)
class Held:
    """What Close holds: each lead's content by its id, with its import key and the ids of its contacts; its fields."""

    leads: dict[str, Content] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    contact_ids: dict[str, list[str]] = field(default_factory=dict)
    fields: list[tuple[str, str]] = field(default_factory=list)

    @property
    def contents(self) -> list[Content]:
        """The contents in an order that is always the same."""
        return in_order(self.leads.values())


def in_order(contents: Iterable[Content]) -> list[Content]:
    return sorted(contents, key=repr)


def held_by(close: RawClose) -> Held:
    """All that Close's lists show, so only what is older than the lag of its index."""
    schema = close.get("/custom_field/lead/").json()["data"]
    names = {f"custom.{each['id']}": each["name"] for each in schema}
    held = Held(fields=sorted((each["name"], each["type"]) for each in schema))
    while True:
        page = close.get("/lead/", params={"_skip": len(held.leads), "_limit": 200}).json()
        for lead in page["data"]:
            custom = {names[key]: value for key, value in lead.items() if key.startswith("custom.")}
            held.keys[lead["id"]] = custom.pop("Import Key", "")
            held.contact_ids[lead["id"]] = [contact["id"] for contact in lead["contacts"]]
            held.leads[lead["id"]] = Content(
                custom=custom,
                people=tuple(_person(contact) for contact in lead["contacts"]),
                addresses=tuple(tuple(each.get(part) or "" for part in ADDRESS_PARTS) for each in lead["addresses"]),
                **{part: lead.get(part) or "" for part in OWN_PARTS},
            )
        if not page["has_more"]:
            assert len(held.leads) == page["total_results"]
            return held


def _person(contact: Json) -> Person:
    return Person(
        contact.get("name") or "",
        tuple((each["type"], each["email"]) for each in contact["emails"]),
        tuple((each["type"], each["phone"]) for each in contact["phones"]),
        contact.get("title") or "",
    )


def check_made(held: Held, companies: Iterable[Company]) -> None:
    """Each company must be there once and whole, with a key of its own, and nothing else."""
    assert held.contents == in_order(each.made for each in companies)
    _check_keys_and_fields(held)


def check_merged(held: Held, companies: Iterable[Company], before: Held) -> None:
    """Each lead that was there must be there once, with what the file has of it and all that it had, and no other."""
    assert held.contents == in_order(each.merged for each in companies)
    assert held.leads.keys() == before.leads.keys()
    for lead_id, contact_ids in before.contact_ids.items():
        assert held.contact_ids[lead_id][: len(contact_ids)] == contact_ids
    _check_keys_and_fields(held)


def _check_keys_and_fields(held: Held) -> None:
    assert all(key.startswith("k1:") for key in held.keys.values())
    assert len(set(held.keys.values())) == len(held.keys)
    assert held.fields == sorted({**FIELDS, "Import Key": "text"}.items())
