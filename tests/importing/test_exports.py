"""Files as the usual systems export them: nobody has to rename, reorder or delete anything, and nothing gets lost."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from sandbox import Sandbox
from tests.conftest import Ran, Run
from tests.importing.exported import EXPORTER, EXPORTS, REVENUE, Contact, Export, Held
from tests.raw_close import RawClose
from tests.what_close_holds import custom_ids, leads_held, people_on, table

FILES = Path(__file__).parent / "exports"
ID_IN_FILE = b"user_OfThisClose"  # where a file has the id of a user, whom each sandbox calls anew
TITLE = [["Leads of this spring"], []]
FREE_MAIL = ["gmail.com", "web.de", "gmx.net", "outlook.com", "hotmail.com", "yahoo.co.uk", "icloud.com", "aol.com"]

Rows = Sequence[Sequence[str]]


def content_of(export: Export, user: RawClose) -> bytes:
    """The bytes of an export, made from a Close that has the field and the user that it names."""
    if export.user_field:
        user.made("/custom_field/lead/", name=export.user_field, type="user")
    content = (FILES / export.file).read_bytes()
    return content.replace(ID_IN_FILE, user.get("/me/").json()["id"].encode())


def rows_of(export: Export, content: bytes) -> list[list[str]]:
    text = io.StringIO(content.decode(export.encoding), newline="")
    return list(csv.reader(text, delimiter=export.delimiter))


def put(folder: Path, *rows: Sequence[str]) -> None:
    """Write a file from its cells."""
    (folder / "leads.csv").write_text(as_text(rows, ","), encoding="utf-8", newline="")


def as_text(rows: Rows, delimiter: str) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def imported(run: Run, name: str = "leads.csv", *flags: str) -> Ran:
    return run("import", name, "--json", *flags)


# What Close holds, and what was told ---------------------------------------------------------------------------------


def close_holds(user: RawClose) -> dict[str, Held]:
    """All leads in Close by name, with everything that an import can give them."""
    names = {key: name for name, key in custom_ids(user).items() if name != "Import Key"}
    me = user.get("/me/").json()["id"]
    return {lead["name"]: lead_held(lead, names, me) for lead in leads_held(user).values()}


def lead_held(lead: Any, names: dict[str, str], me: str) -> Held:
    contacts = [
        (contact["name"] or "", by_type(contact["emails"], "email"), by_type(contact["phones"], "phone"))
        for contact in lead["contacts"]
    ]
    states = "; ".join(address["state"] for address in lead["addresses"])
    custom = {name: EXPORTER if lead[key] == me else lead[key] for key, name in names.items() if key in lead}
    return Held(contacts, states, custom)


def by_type(items: Any, part: str) -> dict[str, str]:
    found = {item[part]: item["type"] for item in items}
    assert len(found) == len(items)
    return found


def in_order(leads: Mapping[str, Held]) -> dict[str, Any]:
    """The leads with lists for mappings, for Close uses the first e-mail and the first phone of a contact."""
    return {name: (people_in_order(held.contacts), held.state, held.custom) for name, held in leads.items()}


def people_in_order(contacts: Sequence[Contact]) -> list[Any]:
    return [(name, list(emails.items()), list(phones.items())) for name, emails, phones in contacts]


def left_out(ran: Ran) -> dict[str, int]:
    return {each["column"]: each["values"] for each in ran.json["columns_left_out"]}


def lost(ran: Ran) -> list[tuple[int, str, str]]:
    """The row, code and text of each value or row that was lost."""
    conflicts = ran.json["files"]["conflicts"]
    return [
        *((int(line["row"]), "conflict", line["file has"]) for line in (table(conflicts) if conflicts else [])),
        *(
            (int(line["_row"]), code, value)
            for line in table(ran.json["files"]["rejects"])
            for code, value in zip(line["_code"].split("\n"), line["_value"].split("\n"), strict=True)
            if code != "conflict"
        ),
    ]


def rows_told(ran: Ran) -> dict[str, int]:
    return {outcome: count for outcome, count in ran.json["rows"].items() if count}


def rows_expected(export: Export) -> dict[str, int]:
    counts = {"created": export.created, "rejected": export.rejected}
    return {"total": sum(counts.values())} | {outcome: count for outcome, count in counts.items() if count}


# As exported ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: Path(export.file).stem)
def test_an_export_arrives_whole_as_it_is(run: Run, folder: Path, user: RawClose, export: Export) -> None:
    (folder / export.file).write_bytes(content_of(export, user))
    ran = imported(run, export.file)
    assert ran.code == (4 if export.rejected else 0), ran.err
    assert in_order(close_holds(user)) == in_order(export.leads)
    assert left_out(ran) == export.columns_left_out
    assert sorted(lost(ran)) == sorted(export.lost)
    assert rows_told(ran) == rows_expected(export)
    told = {each["row"]: each["text"] for each in ran.json["rows_left_out"]}
    assert list(told) == list(export.rows_left_out)
    assert [text for row, text in told.items() if not text.startswith(export.rows_left_out[row])] == []


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: Path(export.file).stem)
def test_the_same_leads_come_out_of_every_other_form(run: Run, folder: Path, user: RawClose, export: Export) -> None:
    rows = rows_of(export, content_of(export, user))
    stem = Path(export.file).stem
    save_workbook(folder / f"{stem}.xlsx", [*TITLE, *rows])
    ran = imported(run, f"{stem}.xlsx")
    assert ran.code == (4 if export.rejected else 0), ran.err
    assert in_order(close_holds(user)) == in_order(export.leads)
    assert ran.json["rows_left_out"][0] == {"row": 1, "text": TITLE[0][0]}
    assert left_out(ran) == export.columns_left_out
    (folder / f"{stem}_old.csv").write_bytes(as_text(rows, ";").encode("cp1252"))
    (folder / f"{stem}.txt").write_bytes(as_text([*TITLE, *rows], "\t").encode("utf-16"))
    for name, flags in ((f"{stem}_old.csv", flags_for_cp1252(export, rows)), (f"{stem}.txt", ())):
        again = imported(run, name, "--dry-run", *flags)
        assert (again.code, again.json["leads"]["unchanged"]) == (ran.code, len(export.leads)), again.err
        for told in ("columns", "columns_left_out", "values_dropped", "placeholders"):
            assert again.json[told] == ran.json[told], told
        assert [what for _, *what in lost(again)] == [what for _, *what in lost(ran)]


def save_workbook(path: Path, rows: Rows) -> None:
    """Write a workbook whose cells are all text, be they formulas by their looks."""
    book = openpyxl.Workbook()
    for row, cells in enumerate(rows, 1):
        for column, text in enumerate(cells, 1):
            if text:
                cell = book.active.cell(row, column, text.replace("\r\n", "\n"))
                cell.data_type = "s"
    book.save(path)


def flags_for_cp1252(export: Export, rows: Rows) -> tuple[str, ...]:
    is_ascii = all(cell.isascii() for row in rows for cell in row)
    return () if is_ascii or export.is_from_windows else ("--encoding", "cp1252")


def test_it_is_told_which_columns_each_of_ours_was_read_from(run: Run, folder: Path, connected: Sandbox) -> None:
    (folder / "hubspot.csv").write_bytes((FILES / "hubspot.csv").read_bytes())
    columns = imported(run, "hubspot.csv", "--dry-run").json["columns"]
    assert set(columns.pop("Company")) == {"Associated Company", "Company name"}
    assert columns == {
        "Contact Name": ["First Name", "Last Name"],
        "Contact Emails": ["Email"],
        "Contact Phones": ["Phone Number", "Mobile Phone Number"],
        "Company US State": ["State/Region"],
        f"custom.{REVENUE}": ["Annual Revenue"],
    }


# Titles that anybody can think of ------------------------------------------------------------------------------------

QUESTIONS = ["What's your name?", "What's your work email?", "What number can we reach you on?"]


def test_a_form_with_free_questions_stops_and_says_what_to_rename(run: Run, folder: Path, user: RawClose) -> None:
    (folder / "typeform.csv").write_bytes((FILES / "typeform.csv").read_bytes())
    ran = imported(run, "typeform.csv")
    assert ran.code == 2
    assert [question for question in QUESTIONS if question not in ran.err] == []
    assert "--ignore-columns" in ran.err
    assert "How did you hear about us?" not in ran.err
    assert leads_held(user) == {}


def test_columns_that_are_ignored_on_purpose_are_left_out_and_listed(run: Run, folder: Path, user: RawClose) -> None:
    (folder / "typeform.csv").write_bytes((FILES / "typeform.csv").read_bytes())
    ran = imported(run, "typeform.csv", "--ignore-columns")
    assert ran.code == 0, ran.err
    assert close_holds(user) == {"CEDAR & SLATE": Held([]), "PADDLE POST": Held([])}
    assert left_out(ran).items() >= dict.fromkeys(QUESTIONS, 2).items()


def test_a_company_can_not_be_ignored(run: Run, folder: Path, user: RawClose) -> None:
    asked = (FILES / "typeform.csv").read_text(encoding="utf-8").replace(",Company,", ",Which company are you with?,")
    (folder / "typeform.csv").write_text(asked, encoding="utf-8")
    ran = imported(run, "typeform.csv", "--ignore-columns")
    assert (ran.code, leads_held(user)) == (2, {})


@pytest.mark.parametrize(
    ("title", "values"),
    [
        ("Best inbox", ["wren@fernlodge.com", "kit@tallowandtwine.com"]),
        ("Reach me on", ["(415) 555-0134", "+44 20 7946 0123"]),
        ("Decision maker name", ["Wren Ash", "Kit Bell"]),
        ("Contact at the firm", ["Wren Ash", "Kit Bell"]),
        ("Person to ask for", ["Wren Ash", "Kit Bell"]),
    ],
)
def test_a_column_that_looks_like_contacts_is_never_dropped_unasked(
    run: Run, folder: Path, user: RawClose, title: str, values: list[str]
) -> None:
    put(folder, ["Company", title], ["Fern Lodge", values[0]], ["Tallow & Twine", values[1]])
    ran = imported(run)
    assert (ran.code, title in ran.err, leads_held(user)) == (2, True, {})
    assert imported(run, "leads.csv", "--ignore-columns").code == 0


def test_ids_are_no_phones_and_other_names_do_not_matter_beside_the_contacts(
    run: Run, folder: Path, user: RawClose
) -> None:
    put(
        folder,
        ["Company", "First Name", "Last Name", "Ticket", "Campaign name", "Contact owner"],
        ["Fern Lodge", "Wren", "Ash", "6127715501", "Spring", "Dana Field"],
        ["Tallow & Twine", "Kit", "Bell", "6127715502", "Spring", "Dana Field"],
    )
    ran = imported(run)
    assert ran.code == 0, ran.err
    assert left_out(ran) == {"Ticket": 2, "Campaign name": 2, "Contact owner": 2}


# Without a company ---------------------------------------------------------------------------------------------------


def put_people(folder: Path, *emails: str) -> None:
    put(folder, ["Email Address", "First Name", "Last Name"], *([email, "Ann", f"Bee{email[0]}"] for email in emails))


def test_a_file_without_companies_stops_and_names_the_way_out(run: Run, folder: Path, user: RawClose) -> None:
    put_people(folder, "wren@fernlodge.com")
    ran = imported(run)
    assert (ran.code, "--company-from-email" in ran.err, leads_held(user)) == (2, True, {})


def test_leads_are_named_after_the_domains_of_their_people_if_asked_for(run: Run, folder: Path, user: RawClose) -> None:
    put_people(folder, "wren@fernlodge.com", "kit@mail.tallow-twine.co.uk", "Bo@FernLodge.com")
    ran = imported(run, "leads.csv", "--company-from-email")
    assert ran.code == 0, ran.err
    assert {name: len(held.contacts) for name, held in close_holds(user).items()} == {
        "FERNLODGE.COM": 2,
        "MAIL.TALLOW-TWINE.CO.UK": 1,
    }


def test_no_lead_is_named_after_a_mail_provider_that_anybody_uses(run: Run, folder: Path, user: RawClose) -> None:
    put_people(folder, "wren@fernlodge.com", *(f"wren.ash@{domain}" for domain in FREE_MAIL))
    ran = imported(run, "leads.csv", "--company-from-email")
    assert (ran.code, list(close_holds(user))) == (4, ["FERNLODGE.COM"])
    reasons = [line["_reason"] for line in table(ran.json["files"]["rejects"])]
    assert [domain for domain, reason in zip(FREE_MAIL, reasons, strict=True) if domain not in reason] == []


def test_a_blank_company_is_filled_from_the_address_only_if_asked_for(run: Run, folder: Path, user: RawClose) -> None:
    put(folder, ["Company", "Name", "Email"], ["Fern Lodge", "Wren", "wren@fernlodge.com"], ["", "", "hi@tallow.io"])
    assert lost(imported(run)) == [(3, "no_company", "")]
    assert list(close_holds(user)) == ["FERN LODGE"]
    assert imported(run, "leads.csv", "--company-from-email").code == 0
    assert sorted(close_holds(user)) == ["FERN LODGE", "TALLOW.IO"]


def test_our_own_people_in_an_export_are_nobodys_leads(run: Run, folder: Path, user: RawClose) -> None:
    (folder / "calendly.csv").write_bytes((FILES / "calendly.csv").read_bytes())
    assert imported(run, "calendly.csv").code == 2
    imported(run, "calendly.csv", "--company-from-email", "--ignore-columns")
    assert not [name for name in close_holds(user) if "OURFIRM" in name]
    assert "dana@ourfirm.io" not in str(leads_held(user))


# Several columns for one thing ---------------------------------------------------------------------------------------


def test_a_title_that_occurs_twice_is_two_columns_of_addresses(run: Run, folder: Path, user: RawClose) -> None:
    put(
        folder,
        ["Company", "Name", "Email", "Email", "Phone", "Phone"],
        ["Fern Lodge", "Wren", "wren@fernlodge.com", "ash@fernlodge.com", "(415) 555-0134", "(415) 555-0135"],
        ["Tallow", "Kit", "", "kit@tallow.io", "", ""],
    )
    ran = imported(run)
    assert (ran.code, left_out(ran)) == (0, {}), ran.err
    assert {lead["name"]: people_on(lead) for lead in leads_held(user).values()} == {
        "FERN LODGE": [("WREN", ["wren@fernlodge.com", "ash@fernlodge.com"], ["+14155550134", "+14155550135"])],
        "TALLOW": [("KIT", ["kit@tallow.io"], [])],
    }


def test_the_words_of_a_title_give_the_type(run: Run, folder: Path, user: RawClose) -> None:
    phones = {
        "Phone": "office",
        "Mobile Phone": "mobile",
        "Cell Phone": "mobile",
        "Direct Phone Number": "direct",
        "Home Phone": "home",
        "Personal Phone": "home",
        "Other Phone": "other",
        "Alternate Phone": "other",
        "Business Fax": "fax",
        "Home Fax": "fax",
        "Company HQ Phone": "office",
        "Corporate Phone": "office",
        "Phone 2": "office",
        "Pager": "other",
    }
    emails = {
        "Email": "office",
        "Work Email": "office",
        "Personal Email": "home",
        "Home Email": "home",
        "Other Email": "other",
        "Secondary Email": "office",
        "Email 2": "office",
    }
    numbers = [f"(415) 555-01{at}" for at in range(30, 30 + len(phones))]
    addresses = [f"wren{at}@fernlodge.com" for at in range(len(emails))]
    put(folder, ["Company", *phones, *emails], ["Fern Lodge", *numbers, *addresses])
    ran = imported(run)
    assert (ran.code, left_out(ran)) == (0, {}), ran.err
    (contact,) = close_holds(user)["FERN LODGE"].contacts
    assert dict(zip(phones, contact[2].values(), strict=True)) == phones
    assert dict(zip(emails, contact[1].values(), strict=True)) == emails


def test_a_value_that_stands_in_two_columns_is_one_with_the_type_of_the_first(
    run: Run, folder: Path, user: RawClose
) -> None:
    put(
        folder,
        ["Company", "Name", "Mobile", "Phone", "Personal Email", "Email"],
        ["Fern Lodge", "Wren", "415-555-0134", "+1 (415) 555-0134", "wren@fernlodge.com", "wren@fernlodge.com"],
    )
    assert imported(run).code == 0
    assert close_holds(user)["FERN LODGE"].contacts == [
        ("WREN", {"wren@fernlodge.com": "home"}, {"+14155550134": "mobile"})
    ]


def test_the_state_of_the_company_comes_before_the_state_of_the_person(run: Run, folder: Path, user: RawClose) -> None:
    put(
        folder,
        ["Company", "Name", "State", "Company State"],
        ["Fern Lodge", "Wren", "Texas", "Oklahoma"],
        ["Tallow", "Kit", "Maine", ""],
    )
    ran = imported(run)
    assert {name: held.state for name, held in close_holds(user).items()} == {"FERN LODGE": "OK", "TALLOW": ""}
    assert (ran.json["columns"]["Company US State"], left_out(ran)) == (["Company State"], {"State": 2})
    said = run("import", "leads.csv", "--dry-run")
    assert "Company State" in said.out + said.err


def test_the_state_of_the_person_is_better_than_none(run: Run, folder: Path, user: RawClose) -> None:
    put(folder, ["Company", "Person State"], ["Fern Lodge", "Texas"])
    assert imported(run).code == 0
    assert close_holds(user)["FERN LODGE"].state == "TX"


def test_a_full_name_is_used_where_the_names_parts_are_blank(run: Run, folder: Path, user: RawClose) -> None:
    put(
        folder,
        ["Company", "First Name", "Last Name", "Full Name", "Title"],
        ["Fern Lodge", "Wren", "Ash", "Ash, Wren (Ms.)", "Buyer"],
        ["Fern Lodge", "", "", "Kit Bell", "Mr."],
    )
    ran = imported(run)
    assert [name for name, _, _ in close_holds(user)["FERN LODGE"].contacts] == ["WREN ASH", "KIT BELL"]
    assert left_out(ran) == {"Full Name": 1, "Title": 2}


def test_the_name_of_a_lead_beside_a_company_is_a_persons(run: Run, folder: Path, user: RawClose) -> None:
    put(folder, ["Company", "Lead Name"], ["Fern Lodge", "Wren Ash"], ["", "Kit Bell"])
    assert lost(imported(run)) == [(3, "no_company", "")]
    assert close_holds(user) == {"FERN LODGE": Held([("WREN ASH", {}, {})])}


def test_a_column_that_close_has_a_field_for_goes_there(run: Run, folder: Path, user: RawClose) -> None:
    user.made("/custom_field/lead/", name="Annual Revenue", type="number")
    user.made("/custom_field/lead/", name="Lead Source", type="text")
    put(folder, ["Company", "Annual Revenue", "LEAD SOURCE", "Rating"], ["Fern Lodge", "$1,250,000.00", "Fair", "Hot"])
    ran = imported(run)
    assert (ran.code, left_out(ran)) == (0, {"Rating": 1})
    assert close_holds(user)["FERN LODGE"].custom == {"Annual Revenue": 1250000, "Lead Source": "Fair"}
    assert REVENUE not in custom_ids(user)


def test_years_alone_are_left_out_and_dates_are_kept(run: Run, folder: Path, user: RawClose) -> None:
    put(folder, ["Company", "Year Founded", "Date Founded"], ["Fern Lodge", "1987", "1987-05-17"])
    ran = imported(run)
    assert (ran.code, left_out(ran)) == (0, {"Year Founded": 1})
    assert close_holds(user)["FERN LODGE"].custom == {"Company Founded": "1987-05-17"}
