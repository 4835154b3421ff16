"""Files that nobody has seen before get in with a map: each with the leads that a careful person would make of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.conftest import Run
from tests.importing.exported import Held
from tests.importing.test_exports import FILES, as_text, close_holds, lost
from tests.raw_close import RawClose

Rows = Sequence[Sequence[str]]


def put_map(folder: Path, text: str, name: str = "leads.toml", encoding: str = "utf-8") -> Path:
    path = folder / "input_data" / "maps" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def put_rows(folder: Path, *rows: Sequence[str], name: str = "leads.csv", delimiter: str = ",") -> None:
    (folder / name).write_text(as_text(rows, delimiter), encoding="utf-8", newline="")


def sections(**targets: str) -> str:
    """A map of columns whose titles are words, with their targets or whole settings."""
    lines = {title: said if "=" in said else f'target = "{said}"' for title, said in targets.items()}
    return "".join(f'[columns."{title}"]\n{said}\n\n' for title, said in lines.items())


# Shapes --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """A file, its map, and what it must come to: leads by name, and the row, code and text of each lost value.

    `fields` are the custom fields that Close has before.
    """

    name: str
    rows: Rows
    map: str
    leads: dict[str, Held]
    lost: Sequence[tuple[int, str, str]] = ()
    fields: Sequence[Mapping[str, Any]] = ()


def office(*values: str) -> dict[str, str]:
    return dict.fromkeys(values, "office")


def mobile(*values: str) -> dict[str, str]:
    return dict.fromkeys(values, "mobile")


TYPEFORM = [line.split(",") for line in (FILES / "typeform.csv").read_text(encoding="utf-8").splitlines()]

SHAPES = [
    Shape(
        "typeform",
        TYPEFORM,
        """
        [columns."What's your name?"]
        target = "Contact Name"
        [columns."What's your work email?"]
        target = "Contact Emails"
        [columns."What number can we reach you on?"]
        target = "Contact Phones"
        [columns."How did you hear about us?"]
        target = "custom.Heard From"
        [columns."When would you like to start?"]
        target = "custom.Start"
        """,
        {
            "CEDAR & SLATE": Held(
                [("FERN ABBOTT", office("fern@cedarandslate.com"), office("+18015550121"))],
                custom={"Heard From": "A friend"},
            ),
            "PADDLE POST": Held(
                [("MILO GRANT", office("milo@paddlepost.io"), office("+18015550122"))],
                custom={"Heard From": "Search", "Start": "2025-04-01"},
            ),
        },
    ),
    Shape(
        "questions",
        [
            ["Where do you work?", "And you are?", "Best address to reach you", 'Call "me" at', "How sure are you?"],
            ["Nettle & Co", "Ann Lee", "ann@nettle.com", "07700 900123", "a"],
            ["Oak Tree Ltd", "Bob Ray", "bob@oaktree", "0207 946 0019", "C"],
            ["Nettle & Co", "Cy Dent", "cy@nettle.com", "020", "?"],
            ["Elm", "", "", "", "d"],
        ],
        """
        [columns."Where do you work?"]
        target = "Company"
        [columns."And you are?"]
        target = "Contact Name"
        [columns."Best address to reach you"]
        target = "Contact Emails"
        [columns.'Call "me" at']
        target = "Contact Phones"
        type = "mobile"
        region = "GB"
        [columns."How sure are you?"]
        target = "custom.Interest"
        values = { a = "Hot", b = "Warm", c = "Cold", "?" = "" }
        """,
        {
            "NETTLE & CO": Held(
                [
                    ("ANN LEE", office("ann@nettle.com"), mobile("+447700900123")),
                    ("CY DENT", office("cy@nettle.com"), {}),
                ],
                custom={"Interest": "Hot"},
            ),
            "OAK TREE LTD": Held([("BOB RAY", {}, mobile("+442079460019"))], custom={"Interest": "Cold"}),
            "ELM": Held([], custom={}),
        },
        lost=[
            (3, "invalid_email", "bob@oaktree"),
            (4, "invalid_phone", "020"),
            (5, "not_a_choice", "d"),
        ],
        fields=[{"name": "Interest", "type": "choices", "choices": ["Hot", "Warm", "Cold"]}],
    ),
    Shape(
        "polish",
        [
            ["Nazwa firmy", "Imię", "Nazwisko", "Adres e-mail", "Telefon kom.", "Przychód", "Data założenia"],
            ["Żuraw Sp. z o.o.", "Łucja", "Wójcik", "lucja@zuraw.pl", "601 234 567", "1.234.567,50", "17.05.1987"],
            ["Sokół", "Jan", "Nowak", "jan@sokol.pl", "+48 22 123 45 67", "12,5", "b.d."],
        ],
        """
        [columns."Nazwa firmy"]
        target = "Company"
        [columns."Imię"]
        target = "First Name"
        [columns."Nazwisko"]
        target = "Last Name"
        [columns."Adres e-mail"]
        target = "Contact Emails"
        [columns."Telefon kom."]
        target = "Contact Phones"
        region = "PL"
        type = "mobile"
        [columns."Przychód"]
        target = "custom.Company Revenue"
        decimal = "comma"
        [columns."Data założenia"]
        target = "custom.Company Founded"
        values = { "b.d." = "" }
        """,
        {
            "ŻURAW SP. Z O.O.": Held(
                [("ŁUCJA WÓJCIK", office("lucja@zuraw.pl"), mobile("+48601234567"))],
                custom={"Company Revenue": 1234567.5, "Company Founded": "1987-05-17"},
            ),
            "SOKÓŁ": Held(
                [("JAN NOWAK", office("jan@sokol.pl"), mobile("+48221234567"))], custom={"Company Revenue": 12.5}
            ),
        },
    ),
    Shape(
        "japanese",
        [["会社名", "担当者", "メール", "都道府県"], ["山田商店", "山田 太郎", "taro@yamada.co.jp", "東京都"]],
        sections(会社名="Company", 担当者="Contact Name", メール="Contact Emails", 都道府県=""),
        {"山田商店": Held([("山田 太郎", office("taro@yamada.co.jp"), {})])},
    ),
    Shape(
        "codes",
        [
            ["Cust", "Stat", "Tier", "Tags"],
            ["Acme", "1", "g", "x; 2"],
            ["Oak", "2", "S ", "1"],
            ["Elm", "9", "n/k", "1;9"],
            ["Yew 2", "", "gs", ""],
        ],
        """
        [columns.Cust]
        target = "Company"
        values = { 2 = "Two" }
        [columns.Stat]
        target = "custom.Stage"
        values = { 1 = "New", 2 = "Won" }
        [columns.Tier]
        target = "custom.Tier"
        values = { g = "Gold", s = "Silver", "n/k" = "" }
        [columns.Tags]
        target = "custom.Tags"
        values = { 1 = "Red", 2 = "Blue", x = "" }
        """,
        {
            "ACME": Held([], custom={"Stage": "New", "Tier": "Gold", "Tags": ["Blue"]}),
            "OAK": Held([], custom={"Stage": "Won", "Tier": "Silver", "Tags": ["Red"]}),
            "ELM": Held([], custom={"Tags": ["Red"]}),
            "YEW 2": Held([], custom={"Tier": "gs"}),
        },
        lost=[(4, "not_a_choice", "9"), (4, "not_a_choice", "9")],
        fields=[
            {"name": "Stage", "type": "choices", "choices": ["New", "Won"]},
            {"name": "Tags", "type": "choices", "choices": ["Red", "Blue"], "accepts_multiple_values": True},
        ],
    ),
    Shape(
        "years",
        [
            ["Company", "Since", "Signed"],
            ["Acme", "1987", "12/31/99"],
            ["Oak", "'04", "1/5/07"],
            ["Elm", "29", "2/30/20"],
            ["Yew", "30", "03/04/1998"],
            ["Ash", "long ago", "July 4, 76"],
        ],
        """
        [columns.Since]
        target = "custom.Since"
        year_only = "january"
        two_digit_years = "excel"
        [columns.Signed]
        target = "custom.Signed"
        two_digit_years = "excel"
        date_order = "mdy"
        """,
        {
            "ACME": Held([], custom={"Since": "1987-01-01", "Signed": "1999-12-31"}),
            "OAK": Held([], custom={"Since": "2004-01-01", "Signed": "2007-01-05"}),
            "ELM": Held([], custom={"Since": "2029-01-01"}),
            "YEW": Held([], custom={"Since": "1930-01-01", "Signed": "1998-03-04"}),
            "ASH": Held([], custom={"Signed": "1976-07-04"}),
        },
        lost=[(4, "invalid_date", "2/30/20"), (6, "invalid_date", "long ago")],
        fields=[{"name": "Since", "type": "date"}, {"name": "Signed", "type": "date"}],
    ),
    Shape(
        "years for a new field",
        [["Company", "Since"], ["Acme", "1987"], ["Oak", "around 1990"]],
        '[columns.Since]\ntarget = "custom.Since"\nyear_only = "january"\n',
        {"ACME": Held([], custom={"Since": "1987-01-01"}), "OAK": Held([])},
        lost=[(3, "invalid_date", "around 1990")],
    ),
    Shape(
        "separators and zones",
        [
            ["Firm", "People", "Mails", "Seen", "Topics"],
            ["Acme", "Ann Lee # Bo Ray", "ann@x.com # bo@x.com", "2024-03-01 09:30", "a|b"],
            ["Oak", "Cy Dent", "cy@x.com#bad@", "2024-07-01T09:30:00Z", "b|z"],
        ],
        """
        [columns.Firm]
        target = "Company"
        [columns.People]
        target = "Contact Name"
        separator = "#"
        [columns.Mails]
        target = "Contact Emails"
        separator = "#"
        type = "home"
        [columns.Seen]
        target = "custom.Seen"
        timezone = "Europe/Berlin"
        [columns.Topics]
        target = "custom.Topics"
        separator = "|"
        values = { a = "Alpha", b = "Beta" }
        """,
        {
            "ACME": Held(
                [("ANN LEE", {"ann@x.com": "home"}, {}), ("BO RAY", {"bo@x.com": "home"}, {})],
                custom={"Seen": "2024-03-01T08:30:00.000000+00:00", "Topics": ["Alpha", "Beta"]},
            ),
            "OAK": Held(
                [("CY DENT", {"cy@x.com": "home"}, {})],
                custom={"Seen": "2024-07-01T09:30:00.000000+00:00", "Topics": ["Beta"]},
            ),
        },
        lost=[(3, "invalid_email", "bad@"), (3, "not_a_choice", "z")],
        fields=[
            {"name": "Seen", "type": "datetime"},
            {"name": "Topics", "type": "choices", "choices": ["Alpha", "Beta"], "accepts_multiple_values": True},
        ],
    ),
    Shape(
        "a title of ours that holds something else",
        [["Company", "Contact Name", "Contact Emails"], ["ann@x.com", "Acme", "Lee, Ann"]],
        sections(**{"Company": "Contact Emails", "Contact Name": "Company", "Contact Emails": "Contact Name"}),
        {"ACME": Held([("LEE, ANN", office("ann@x.com"), {})])},
    ),
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_file_of_any_shape_arrives_as_its_map_says(run: Run, folder: Path, user: RawClose, shape: Shape) -> None:
    for each in shape.fields:
        user.made("/custom_field/lead/", **each)
    put_rows(folder, *shape.rows)
    put_map(folder, shape.map)
    dry = run("import", "leads.csv", "--json", "--dry-run", "--map", "leads.toml")
    assert (dry.code, close_holds(user)) == (0, {}), dry.err
    ran = run("import", "leads.csv", "--json", "--map", "leads.toml")
    assert ran.code == 0, ran.err
    assert close_holds(user) == shape.leads
    assert sorted(lost(ran)) == sorted(shape.lost)
    again = run("import", "leads.csv", "--json")
    assert again.json["map"] == ran.json["map"]
    assert again.json["leads"]["unchanged"] == len(shape.leads)


def test_everything_in_one_sheet(run: Run, folder: Path, user: RawClose) -> None:
    """Title lines, companies and people side by side, several phones, totals, and other sheets before and after."""
    book = openpyxl.Workbook()
    book.active.title = "Read me"
    book.active.append(["Do not edit"])
    sheet = book.create_sheet("Q3 pipeline")
    for row in (
        ["Q3 pipeline, all regions"],
        [],
        ["Acct", "City", "Main no.", "Owner of acct", "Who", "Direct", "Cell", "Value", "St"],
        ["Acme", "Reno", "(775) 555-0100", "Dana", "Ann Lee", "(775) 555-0101", "(775) 555-0102", 1250000, 1],
        ["Acme", "Reno", "(775) 555-0100", "Dana", "Bo Ray", None, "(775) 555-0103", 1250000, 1],
        ["Oak", "Salem", None, "Dana", None, None, None, 99.5, 3],
        ["Total", None, None, None, None, None, None, 1250099.5, None],
    ):
        sheet.append(row)
    book.save(folder / "pipeline.xlsx")
    put_map(
        folder,
        '[file]\nsheet = "Q3 pipeline"\nheader_row = 3\n\n'
        + sections(
            **{
                "Acct": "Company",
                "City": "",
                "Main no.": "Contact Phones",
                "Owner of acct": "custom.Account Owner",
                "Who": "Contact Name",
                "Direct": 'target = "Contact Phones"\ntype = "direct"',
                "Cell": "Contact Phones",
                "Value": "custom.Company Revenue",
                "St": 'target = "custom.Stage"\nvalues = { 1 = "Open", 2 = "Won", 3 = "Lost" }',
            }
        ),
        "pipeline.toml",
    )
    ran = run("import", "pipeline.xlsx", "--json")
    assert (ran.code, ran.json["map"]) == (0, "input_data/maps/pipeline.toml"), ran.err
    assert close_holds(user) == {
        "ACME": Held(
            [
                ("ANN LEE", {}, {"+17755550100": "office", "+17755550101": "direct", "+17755550102": "mobile"}),
                ("BO RAY", {}, {"+17755550100": "office", "+17755550103": "mobile"}),
            ],
            custom={"Account Owner": "Dana", "Company Revenue": 1250000, "Stage": "Open"},
        ),
        "OAK": Held([], custom={"Account Owner": "Dana", "Company Revenue": 99.5, "Stage": "Lost"}),
    }
    assert ran.json["values_dropped"] == 0
    assert [each["row"] for each in ran.json["rows_left_out"]] == [1, 7]


def test_values_that_a_map_forgot_are_told(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(
        folder, ["Company", "Trade"], ["A", "01"], ["B", "02"], ["C", "03"], ["D", "Food"], ["E", "-"], ["F", "07"]
    )
    trades = 'target = "custom.Trade"\nvalues = { 01 = "Food", 02 = "Wood", 03 = "Paper" }'
    put_map(folder, sections(Company="Company", Trade=trades))
    assert "Trade: a value that is not among those of the map: '07'. Add what" in run("import", "leads.csv").err
    trade_of = {name: each.custom["Trade"] for name, each in close_holds(user).items() if each.custom}
    assert trade_of == {"A": "Food", "B": "Wood", "C": "Paper", "D": "Food", "F": "07"}
    put_map(folder, sections(Company="Company", Trade='target = "custom.Trade"\nvalues = { 07 = "" }'))
    assert "not among" not in run("import", "leads.csv").err  # a map that says little means the rest as it is


def test_a_map_keeps_the_country_that_it_was_written_for(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, ["Company", "Phone", "Bel", "Sinds"], ["A", "020 7946 0018", "(020) 7946-0019", "12-03-98"])
    assert run("map", "leads.csv", "--region", "gb").code == 0
    text = (folder / "input_data" / "maps" / "leads.toml").read_text()
    assert text.count('\nregion = "GB"') == 2  # not of the dates
    (folder / "input_data" / "maps" / "leads.toml").write_text(
        text.replace('target = "?"', 'target = "Contact Phones"')
    )
    assert run("import", "leads.csv").code == 0
    assert close_holds(user) == {"A": Held([("", {}, office("+442079460018", "+442079460019"))])}


def test_an_amount_in_a_field_that_a_map_names_may_be_in_any_currency(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, ["Company", "Omzet (x € 1.000)", "Umsatz (€)"], ["A", "1.250,5", "7,5"])
    revenue, budget = 'target = "custom.Company Revenue"', 'target = "custom.Omzet"\ntype = "number"\ndecimal = "comma"'
    put_map(folder, sections(**{"Company": "Company", "Omzet (x € 1.000)": budget, "Umsatz (€)": revenue}))
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, lost(ran)) == (0, [(2, "wrong_currency", "€7,5")]), ran.err
    assert close_holds(user)["A"].custom == {"Omzet": 1250.5}


def test_what_decided_is_told_as_it_stands_in_the_file(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, ["Company", "Sinds"], ["A", "13-05-87"], ["B", "01-02-03"])
    put_map(folder, sections(Company="Company", Sinds='target = "custom.Sinds"\ntwo_digit_years = "excel"'))
    assert "Sinds: the day comes first, as in '13-05-87' (row 2)" in run("import", "leads.csv").out
