"""Values as people have them in their files, and what a careful salesperson expects to find in Close afterwards."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from cells.companies import import_key
from tests.conftest import Ran, Run
from tests.raw_close import RawClose
from tests.what_close_holds import leads_held, named, table

Put = Callable[[str, str], dict[str, Any]]
REVENUE, FOUNDED = "custom.Company Revenue", "custom.Company Founded"


def rows(folder: Path, titles: Sequence[str], *lines: Sequence[str]) -> None:
    """Write a file of leads from its cells."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([titles, *lines])
    (folder / "leads.csv").write_text(text.getvalue(), encoding="utf-8", newline="")


def imported(run: Run, *flags: str) -> Ran:
    return run("import", "leads.csv", "--json", "--index-lag", "1", *flags)


def column(run: Run, folder: Path, title: str, values: Sequence[str], *flags: str) -> tuple[Ran, list[str]]:
    """What the import of one column came to, and the codes of its problems by row, "" for none."""
    rows(folder, ["Company", title], *([f"Co {at:02d}", value] for at, value in enumerate(values)))
    ran = imported(run, *flags)
    codes = {}
    if ran.code in (0, 4):
        codes = {int(line["_row"]): line["_code"] for line in table(ran.json["files"]["rejects"])}
    return ran, [codes.get(row, "") for row in range(2, 2 + len(values))]


def held(user: RawClose, title: str, count: int) -> list[Any]:
    """The values of a custom field in Close, in the order of the file; None where there is none."""
    schema = user.get("/custom_field_schema/lead/").json()["fields"]
    keys = [f"custom.{field['id']}" for field in schema if field["name"] == title.removeprefix("custom.")]
    by_name = {lead["name"]: lead for lead in leads_held(user).values()}
    return [by_name[f"CO {at:02d}"].get("".join(keys)) for at in range(count)]


def kept(run: Run, folder: Path, user: RawClose, title: str, values: Sequence[str], *flags: str) -> list[Any]:
    """What Close holds for each value; the code of its problem if it holds nothing, "" if nothing is said."""
    ran, codes = column(run, folder, title, values, *flags)
    assert ran.code in (0, 4), ran.err
    return [code if value is None else value for value, code in zip(held(user, title, len(values)), codes, strict=True)]


# Numbers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values", [["4.500"], ["1.234", "8"], ["€ 7.000", "EUR 12.000"], ["$1.250", "250"], ["3.125M", "1"]]
)
def test_dots_that_may_part_thousands_or_decimals_are_asked_about(
    run: Run, folder: Path, user: RawClose, values: list[str]
) -> None:
    ran, _ = column(run, folder, REVENUE, values)
    assert ran.code == 2
    assert "--decimal dot" in ran.err
    assert "--decimal comma" in ran.err
    assert leads_held(user) == {}


def test_one_decimal_mark_holds_for_a_column(run: Run, folder: Path, user: RawClose) -> None:
    values = ["7,25", "3.000", "1.500.000", "1 000,5", "12'000", "€ 4,5"]
    assert kept(run, folder, user, REVENUE, values) == [7.25, 3000, 1500000, 1000.5, 12000, "wrong_currency"]


def test_a_lone_comma_parts_thousands_unless_the_column_proves_otherwise_and_it_is_said(
    run: Run, folder: Path, user: RawClose
) -> None:
    ran, _ = column(run, folder, REVENUE, ["2,500", "17"])
    assert ran.json["readings"] == [{"column": REVENUE, "reading": "dot", "row": 2, "value": "2,500"}]
    assert held(user, REVENUE, 2) == [2500, 17]


def test_nine_values_in_ten_are_enough_and_the_others_are_problems(run: Run, folder: Path, user: RawClose) -> None:
    values = [*(f"{at}.5" for at in range(9)), "3,25", "8.125"]
    assert kept(run, folder, user, REVENUE, values) == [*(at + 0.5 for at in range(9)), "invalid_number", 8.125]
    ran, _ = column(run, folder, REVENUE, [*(f"{at}.5" for at in range(8)), "3,25"])
    assert (ran.code, "--decimal" in ran.err) == (2, True)


def test_what_was_asked_for_holds(run: Run, folder: Path, user: RawClose) -> None:
    assert kept(run, folder, user, REVENUE, ["4.500", "3,25", "1,000.5"], "--decimal", "comma") == [
        *(4500, 3.25, "invalid_number")
    ]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("2,750.25", 2750.25), ("9\u00a0876\u00a0543.21", 9876543.21), ("9'876'543.21", 9876543.21)),
        *(("$ (2,500)", -2500), ("2,500-", -2500), ("-2,500", -2500), ("3e5", 300000), ("2.5E+05", 250000)),
        *(('="4321"', 4321), ("'4321", 4321), ("\u200e4321", 4321), ("7.", 7), ("98,76,543.00", 9876543)),
        *(("$2.5M", 2500000), ("3 million", 3000000), ("4k", 4000), ("1.5bn", 1500000000), ("&#36;12.50", 12.5)),
        *(("$5M-$9M", "range"), ("5 to 9", "range"), ("50,000+", "range"), ("<500.5", "range"), ("n/a", "")),
        *(("4.321,50", "invalid_number"), ("12.5%", "invalid_number"), ("=SUM(A1:A3)", "formula")),
    ],
)
def test_a_number_is_read_in_the_forms_that_people_write(
    run: Run, folder: Path, user: RawClose, text: str, number: float | str
) -> None:
    assert kept(run, folder, user, REVENUE, [text], "--decimal", "dot") == [number]


def test_figures_that_are_no_numbers_become_text(run: Run, folder: Path, user: RawClose) -> None:
    titles = ["Postal Code", "SIC Code", "Badge ID", "Account Number", "Zip"]
    rows(folder, ["Company", *(f"custom.{title}" for title in titles)], ["Co 00", "94105", "7372", "12", "00123", "0"])
    assert imported(run).json["placeholders"] == 1
    assert [held(user, title, 1) for title in titles[:4]] == [["94105"], ["7372"], ["12"], ["00123"]]


# Dates ---------------------------------------------------------------------------------------------------------------


def test_a_midnight_is_no_loss_and_another_time_is_said_to_be_one(run: Run, folder: Path, user: RawClose) -> None:
    midnights = [
        "T00:00:00Z",
        "T00:00:00+02:00",
        "T00:00:00.000-0700",
        " 00:00:00 UTC",
        " 12:00 AM",
        "T00:00:00.0000000",
    ]
    written = ["Fri Mar 05 1999 00:00:00 GMT+0000 (UTC)", "5-Mar-1999 00:00", "March 5, 1999 12:00AM"]
    timed = ["1999-03-05 09:30", "1999-03-05T23:00:00Z", "1999-03-05 05:00+00"]
    values = [*(f"1999-03-05{midnight}" for midnight in midnights), *written, *timed]
    expected = [*["1999-03-05"] * (len(midnights) + len(written)), *["invalid_date"] * 3]
    assert kept(run, folder, user, FOUNDED, values) == expected
    assert "time of day" in table("output_data/leads_rejects.csv")[0]["_reason"]


@pytest.mark.parametrize(
    ("values", "code", "told"),
    [
        (["1998", "2004"], "year_only", "2 of its values are years without a day, such as '1998'"),
        (["3/14/98", "14-Mar-98", "03/14/07"], "two_digit_year", "3 of its values are dates with years of two digits"),
        (["36526", "36526.0", "36526.25"], "day_number", "36526 is 2000-01-01"),
        (["June 2012", "Q3 1999", "2014/06"], "invalid_date", ""),
    ],
)
def test_what_is_wrong_with_a_column_of_dates_is_said_once(
    run: Run, folder: Path, user: RawClose, values: list[str], code: str, told: str
) -> None:
    ran, codes = column(run, folder, FOUNDED, values)
    assert codes == [code] * len(values)
    assert ran.err.count("warning: ") == bool(told)
    assert told in ran.err


def test_one_value_that_decides_for_many_is_worth_a_warning(run: Run, folder: Path, user: RawClose) -> None:
    values = [*["04/05/2011"] * 9, "25/05/2011"]
    ran, _ = column(run, folder, FOUNDED, values)
    assert ran.json["readings"] == [{"column": FOUNDED, "reading": "dmy", "row": 11, "value": "25/05/2011"}]
    assert "only 1 of 10 values say so" in ran.err
    assert held(user, FOUNDED, 1) == ["2011-05-04"]
    ran, _ = column(run, folder, FOUNDED, ["04/05/2011", "25/05/2011"])
    assert "values say so" not in ran.err
    assert "day comes first" in run("import", "leads.csv", "--dry-run").out


def test_dots_do_not_speak_for_slashes(run: Run, folder: Path, user: RawClose) -> None:
    assert column(run, folder, FOUNDED, ["25.12.2011", "04/05/2011"])[0].code == 2
    assert kept(run, folder, user, FOUNDED, ["05.04.2011", "12/25/2011"]) == ["2011-04-05", "2011-12-25"]


def test_a_type_that_we_choose_costs_no_value(run: Run, folder: Path, user: RawClose) -> None:
    columns = {
        "Moment": (["2024-01-05T08:00:00Z", "2024-01-06 09:00:00+01:00"], "datetime"),
        "Local": (["2024-01-05 08:00", "2024-01-06 09:00"], "text"),
        "Slashed": (["01/05/2024 8:00 AM", "01/06/2024 9:00 AM"], "text"),
        "Day": (["2024-01-05", "2024-01-06 00:00:00"], "date"),
        "Mixed": (["12", "a dozen"], "text"),
        "Marks": (["1.5", "2,5"], "text"),
        "Count": (["12", "N/A"], "number"),
    }
    lines = ([f"Co {at:02d}", *(values[at] for values, _ in columns.values())] for at in range(2))
    rows(folder, ["Company", *(f"custom.{name}" for name in columns)], *lines)
    ran = imported(run)
    assert (ran.code, ran.json["values_dropped"], ran.json["placeholders"]) == (0, 0, 1)
    schema = {field["name"]: field["type"] for field in user.get("/custom_field_schema/lead/").json()["fields"]}
    assert {name: schema[name] for name in columns} == {name: kind for name, (_, kind) in columns.items()}
    assert held(user, "Slashed", 2) == columns["Slashed"][0]


# Fields of Close's other types ---------------------------------------------------------------------------------------


def test_a_time_gets_its_zone_from_the_value_or_the_flag_or_is_a_problem(
    run: Run, folder: Path, user: RawClose
) -> None:
    user.made("/custom_field/lead/", name="Next Call", type="datetime")
    values = ["2024-07-01 09:30", "2024-07-01T09:30:00-0400", "7/31/2024 9:30 PM", "2024-07-01", "2024-11-03 01:30"]
    assert kept(run, folder, user, "custom.Next Call", values)[0::2] == ["no_time_zone"] * 3
    found = kept(run, folder, user, "custom.Next Call", values, "--timezone", "America/New_York")
    assert [text[:16] for text in found[:3]] == ["2024-07-01T13:30", "2024-07-01T13:30", "2024-08-01T01:30"]
    assert found[3:] == ["invalid_date", "invalid_date"]
    assert run("import", "leads.csv", "--timezone", "Mars").code == 2


def test_choices_are_understood_as_people_write_them(run: Run, folder: Path, user: RawClose) -> None:
    several = ["Wine", "Food", "Arts, Crafts", "R&D", "Unknown"]
    user.made("/custom_field/lead/", name="Likes", type="choices", choices=several, accepts_multiple_values=True)
    values = ["wine;FOOD", "Wine / Food", "Wine|Food", "Food, Wine", "Arts, Crafts, Wine", '["Food","R&D"]', "r&amp;d"]
    assert kept(run, folder, user, "custom.Likes", values) == [
        *(["Wine", "Food"], ["Wine", "Food"], ["Wine", "Food"], ["Food", "Wine"]),
        *(["Arts, Crafts", "Wine"], ["Food", "R&D"], ["R&D"]),
    ]
    user.made("/custom_field/lead/", name="Level", type="choices", choices=["High", "Unknown"])
    assert kept(
        run, folder, user, "custom.Level", ["HIGH", "high\u200b", "unknown", "--None--", "Hihg", "High;Low"]
    ) == [*("High", "High", "Unknown", "", "not_a_choice", "not_a_choice")]
    assert "'High'" in table("output_data/leads_rejects.csv")[0]["_reason"]
    user.made("/custom_field/lead/", name="Opted In", type="choices", choices=["Yes", "No"])
    assert kept(run, folder, user, "custom.Opted In", ["1", "0", "TRUE", "n", "y"]) == ["Yes", "No", "Yes", "No", "Yes"]


def test_a_user_is_found_by_name_by_mail_and_by_id(run: Run, folder: Path, user: RawClose) -> None:
    user.made("/custom_field/lead/", name="Owner", type="user")
    me = user.get("/me/").json()
    name = f"{me['first_name']} {me['last_name']}"
    values = [name, name.upper(), me["email"], me["id"], "Nobody Here"]
    assert kept(run, folder, user, "custom.Owner", values) == [*[me["id"]] * 4, "invalid_reference"]


def test_the_two_columns_of_closes_own_exports_fill_one_field(run: Run, folder: Path, user: RawClose) -> None:
    user.made("/custom_field/lead/", name="Owner", type="user")
    me = user.get("/me/").json()
    name = f"{me['first_name']} {me['last_name']}"
    rows(folder, ["Company", "custom.Owner.id", "custom.Owner.name"], ["Co 00", me["id"], "Else"], ["Co 01", "", name])
    ran = imported(run)
    assert (ran.code, ran.json["values_dropped"], ran.json["columns_left_out"]) == (0, 0, [])
    assert held(user, "Owner", 2) == [me["id"], me["id"]]
    fields = [field["name"] for field in user.get("/custom_field_schema/lead/").json()["fields"]]
    assert sorted(fields) == ["Import Key", "Owner"]


# Placeholders and wrappers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word", ["N/A", "none", "-", "—", "null", "#REF!", "(not set)", "[unknown]", "Not provided", "?"]
)
def test_a_word_for_nothing_is_blank_and_counted_and_no_company(
    run: Run, folder: Path, user: RawClose, word: str
) -> None:
    titles = ["Company", "Contact Name", "Contact Emails", "Contact Phones", "Company US State", REVENUE, FOUNDED]
    rows(folder, [*titles, "custom.Note"], ["Acme", *[word] * 7], [word, "Ann", *[""] * 6])
    ran = imported(run)
    assert (ran.code, ran.json["placeholders"], ran.json["values_dropped"]) == (4, 7, 0)
    assert "7 cells say" in run("import", "leads.csv", "-q").out
    assert [(line["_row"], line["_code"]) for line in table("output_data/leads_rejects.csv")] == [("3", "no_company")]
    lead = named(leads_held(user), "ACME")
    assert (lead["contacts"], lead["addresses"]) == ([], [])


def test_real_names_stay(run: Run, folder: Path, user: RawClose) -> None:
    names = [
        "NA",
        "Null Ltd",
        "False",
        "Nan & Co",
        "2E8",
        "0042",
        "5-6",
        "'t Hoen",
        "'s-Hertogenbosch BV",
        "@Home",
        "-Dash",
    ]
    rows(folder, ["Company", "Contact Name"], *([name, "Will Null"] for name in names))
    assert imported(run).json["leads"]["created"] == len(names)
    assert {lead["name"] for lead in leads_held(user).values()} == {name.upper() for name in names}


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        *(('="Acme Tools"', "ACME TOOLS"), ("'Acme Tools", "ACME TOOLS"), ('"Acme, Inc."', "ACME, INC.")),
        *(("M&uuml;ller &amp; Co", "MÜLLER & CO"), ("Acme&#39;s", "ACME'S"), ("A\u200bcme\ufeff", "ACME")),
        *(("'=2+2", "=2+2"), ("AT&T", "AT&T"), ("Q&amp;amp;A", "Q&A"), ("'Quoted'", "QUOTED")),
    ],
)
def test_what_programs_put_around_a_name_goes(run: Run, folder: Path, user: RawClose, cell: str, name: str) -> None:
    rows(folder, ["Company", "Contact Name"], [cell, cell])
    imported(run)
    (lead,) = leads_held(user).values()
    assert (lead["name"], lead["contacts"][0]["name"]) == (name, name)


@pytest.mark.parametrize("formula", ['=HYPERLINK("x","y")', "+SUM(A1)", "=2+2", "=A1", "@SUM(B2)", "-A1+MAX(B2)"])
def test_a_formula_is_a_problem_and_no_company(run: Run, folder: Path, user: RawClose, formula: str) -> None:
    rows(folder, ["Company", "Contact Emails", "custom.Note"], ["Acme", formula, formula], [formula, "", ""])
    ran = imported(run)
    lines = [line["_code"].split("\n") for line in table(ran.json["files"]["rejects"])]
    assert (ran.json["rows"]["rejected"], lines) == (1, [["formula", "formula"], ["formula"]])


def test_an_earlier_import_of_a_wrapped_name_is_found(run: Run, folder: Path, user: RawClose) -> None:
    """Under the key that this name had when it was still taken as it stands."""
    rows(folder, ["Company"], ["Acme"])
    imported(run)
    (lead,) = leads_held(user).values()
    key = next(name for name in lead if name.startswith("custom.cf_"))
    user.put(f"/lead/{lead['id']}/", json={"name": "MÜLLER &AMP; CO", key: import_key("Müller &amp; Co")})
    for file in Path("output_data").glob("journal*"):
        file.unlink()
    rows(folder, ["Company"], ["Müller &amp; Co"])
    assert imported(run).json["leads"]["unchanged"] == 1


# Contacts ------------------------------------------------------------------------------------------------------------


def people(user: RawClose, company: str) -> list[tuple[str, list[str], list[str]]]:
    lead = named(leads_held(user), company)
    return [
        (each["name"], [email["email"] for email in each["emails"]], [phone["phone"] for phone in each["phones"]])
        for each in lead["contacts"]
    ]


def test_first_names_with_different_phones_are_two_people_also_the_second_time(
    run: Run, folder: Path, user: RawClose
) -> None:
    lines = (
        ["Acme", "Maria", "", "415-555-0111"],
        ["Acme", "Maria", "", "415-555-0112"],
        ["Acme", "Lee", "", ""],
        ["Acme", "Lee"],
    )
    rows(folder, ["Company", "Contact Name", "Contact Emails", "Contact Phones"], *lines)
    for _ in range(2):
        assert imported(run).code == 0
        assert people(user, "ACME") == [
            *[("MARIA", [], ["+14155550111"]), ("MARIA", [], ["+14155550112"]), ("LEE", [], [])]
        ]


@pytest.mark.parametrize(
    ("names", "emails", "found"),
    [
        ("Ann Bee\nBob Cee", "a@x.com\nb@x.com", [("ANN BEE", ["a@x.com"]), ("BOB CEE", ["b@x.com"])]),
        ("Ann; Bob", "a@x.com, b@x.com", [("ANN", ["a@x.com"]), ("BOB", ["b@x.com"])]),
        ("Ann Bee and Bob Cee", "a@x.com;b@x.com", [("ANN BEE", ["a@x.com"]), ("BOB CEE", ["b@x.com"])]),
        ("Ann Bee | Bob Cee", "", [("ANN BEE", []), ("BOB CEE", [])]),
        ("Ann Bee / Bob Cee", "a@x.com", [(None, ["a@x.com"])]),
        ("Smith & Sons", "a@x.com", [("SMITH & SONS", ["a@x.com"])]),
    ],
)
def test_nobody_is_called_by_two_names(
    run: Run, folder: Path, user: RawClose, names: str, emails: str, found: list[tuple[str | None, list[str]]]
) -> None:
    rows(folder, ["Company", "Contact Name", "Contact Emails"], ["Acme", names, emails])
    ran = imported(run)
    told = [line["_code"] for line in table(ran.json["files"]["rejects"])]
    assert [(name or None, list(some)) for name, some, _ in people(user, "ACME")] == found
    assert told == (["several_names"] if found[0][0] is None else [])


def test_numbers_that_do_not_fit_the_region_are_said_once(run: Run, folder: Path, user: RawClose) -> None:
    numbers = ["030 901820", "089 2180 0", "0221 470 0", "2125550199"]
    rows(folder, ["Company", "Contact Phones"], *([f"Co {at}", number] for at, number in enumerate(numbers)))
    ran = imported(run)
    assert "3 of 4 numbers do not fit US; is this another country? --region DE" in ran.err
    assert ran.err.count("warning: ") == 1
    assert "warning" not in imported(run, "-q").err


# Rows and columns ----------------------------------------------------------------------------------------------------


def test_a_row_whose_cells_have_shifted_is_rejected_and_one_cell_alone_is_not(
    run: Run, folder: Path, user: RawClose
) -> None:
    titles = ["Company", "Contact Name", "Contact Emails", "Contact Phones"]
    shifted = ["Acme", " LLC", "Ann Bee", "ann@acme.com"]
    rows(folder, titles, shifted, ["Beta", "Bob", "Bob", "415-555-0100"], ["Core", "Cid", "", "cid@core.com"])
    ran = imported(run)
    assert [(line["_row"], line["_code"]) for line in table(ran.json["files"]["rejects"])] == [
        *[("2", "shifted_row"), ("3", "invalid_email"), ("4", "invalid_phone")]
    ]
    assert sorted(lead["name"] for lead in leads_held(user).values()) == ["BETA", "CORE"]


def test_the_header_once_more_is_no_lead(run: Run, folder: Path, user: RawClose) -> None:
    rows(folder, ["Company", "Contact Name"], ["Acme", "Ann"], ["company ", "Contact Name"], ["Company", "Bob"])
    ran = imported(run)
    assert [(line["_row"], line["_code"]) for line in table(ran.json["files"]["rejects"])] == [("3", "header_again")]
    assert sorted(lead["name"] for lead in leads_held(user).values()) == ["ACME", "COMPANY"]


def test_columns_that_are_left_out_are_counted_and_no_hint_names_one_that_is_there(
    run: Run, folder: Path, user: RawClose
) -> None:
    titles = ["Company", "Contact Name", "Contact Nam", "_id", "Shoe", ""]
    rows(folder, titles, ["Acme", "Ann", "x", "7", "44", ""], ["Beta", "Bob", "", "8", "", "y"])
    ran = imported(run)
    assert ran.json["columns_left_out"] == [
        *[{"column": "Contact Nam", "values": 1}, {"column": "_id", "values": 2}],
        *[{"column": "Shoe", "values": 1}, {"column": "(unnamed column 6)", "values": 1}],
    ]
    assert "Did you mean" not in ran.err
    assert "columns left out:\n  Contact Nam         1 value\n  _id " in run("import", "leads.csv", "-q").out


@pytest.mark.parametrize("title", ["Country", "custom.Country", "Country/Region", "Billing Country"])
def test_a_country_tells_which_states_are_none_of_the_us(run: Run, folder: Path, user: RawClose, title: str) -> None:
    lines = [
        ("GA", "Gabon"),
        ("IL", "Israel"),
        ("CA", "USA"),
        ("PR", "Puerto Rico"),
        ("TX", ""),
        ("NV", "N/A"),
        ("NY", "us"),
    ]
    rows(folder, ["Company", "Company US State", title], *([f"Co {at}", *line] for at, line in enumerate(lines)))
    ran = imported(run)
    assert [(line["_row"], line["_code"]) for line in table(ran.json["files"]["rejects"])] == [
        *[("2", "state_abroad"), ("3", "state_abroad")]
    ]
    states = {lead["name"]: [each["state"] for each in lead["addresses"]] for lead in leads_held(user).values()}
    assert states == {"CO 0": [], "CO 1": [], **{f"CO {at}": [lines[at][0]] for at in range(2, 7)}}


def test_strangers_who_share_a_word_for_a_company_are_told(run: Run, folder: Path, user: RawClose) -> None:
    rows(folder, ["Company", "Contact Name"], ["Self-Employed", "Ann"], ["self-employed", "Bob"], ["Freelance", "Cid"])
    ran = imported(run)
    assert "warning: 2 rows share the company 'SELF-EMPLOYED'" in ran.err
    assert "warning: a row has the company 'FREELANCE'" in ran.err


@pytest.mark.parametrize("name", ["latin-1", "iso-8859-1", "cp1252", "latin1"])
def test_latin_1_means_what_windows_writes(run: Run, folder: Path, user: RawClose, name: str) -> None:
    (folder / "leads.csv").write_bytes("Company\nCaf\xe9 \u2013 \u201cBar\u201d\n".encode("cp1252"))
    assert imported(run, "--encoding", name).code == 0
    assert [lead["name"] for lead in leads_held(user).values()] == ["CAFÉ – “BAR”"]


def test_a_rejects_file_remembers_a_decimal_comma(run: Run, folder: Path, user: RawClose) -> None:
    rows(folder, ["Company", "Contact Emails", REVENUE], ["Co 00", "bad", "1,250"], ["Co 01", "", "9,5"])
    assert imported(run).json["values_dropped"] == 1
    assert held(user, REVENUE, 2) == [1.25, 9.5]
    again = run("import", "output_data/leads_rejects.csv", "--json")
    assert [line["_code"] for line in table(again.json["files"]["rejects"])] == ["invalid_email"]  # and no conflict


# What exports of usual programs have besides --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("500.-", 500), ("$1,234.00 USD", 1234), ("USD $5", 5), ("1.5 MILLION", 1500000), ("$2.3 Mio.", 2300000)),
        *(("less than 1M", "range"), ("5000 or more", "range"), ("~5k", "invalid_number"), ("5 mil", "invalid_number")),
        *(("1.234E+06", 1234000), ("$ -", "")),
    ],
)
def test_prices_and_sizes_are_read_as_people_write_them(
    run: Run, folder: Path, user: RawClose, text: str, number: float | str
) -> None:
    assert kept(run, folder, user, REVENUE, [text]) == [number]


def test_a_year_that_lost_its_century_is_no_date_and_a_time_is_not_said_to_be_none(
    run: Run, folder: Path, user: RawClose
) -> None:
    values = ["05/17/0019", "0001-01-01", "May 17,1987", "19870517", "17. 5. 1987"]
    assert kept(run, folder, user, FOUNDED, values) == [*["invalid_date"] * 2, *["1987-05-17"] * 3]
    user.made("/custom_field/lead/", name="Scanned", type="datetime")
    values = ["03/04/2024 09:14 AM", "03/04/2024 09:14 +00:00", "03/13/2024 09:14 +00:00"]
    found = kept(run, folder, user, "custom.Scanned", values)
    assert (found[0], found[1][:10], found[2][:10]) == ("no_time_zone", "2024-03-04", "2024-03-13")


def test_the_country_of_the_company_counts_and_that_of_the_person_only_without_it(
    run: Run, folder: Path, user: RawClose
) -> None:
    lines = [("DE", "US", "Germany"), ("CA", "India", "United States (US)"), ("IN", "India", ""), ("NV", "1", "EE.UU.")]
    titles = ["Company", "Company US State", "Country", "company_country"]
    rows(folder, titles, *([f"Co {at}", *line] for at, line in enumerate(lines)))
    ran = imported(run)
    assert [line["_row"] for line in table(ran.json["files"]["rejects"])] == ["2", "4"]
    states = {lead["name"]: [each["state"] for each in lead["addresses"]] for lead in leads_held(user).values()}
    assert states == {"CO 0": [], "CO 1": ["CA"], "CO 2": [], "CO 3": ["NV"]}


@pytest.mark.parametrize(
    ("cell", "phones"),
    [
        *(
            ("01 42 68 53 00", []),
            ("415-555-0100 (ext 12)", ["+14155550100x12"]),
            ("o: 415-555-0100", ["+14155550100"]),
        ),
        *(("Work: 555-555-5555", []), ("415 / 555-0100", ["+14155550100"])),
        ("415-555-0100/415-555-0101", ["+14155550100", "+14155550101"]),
    ],
)
def test_a_phone_is_read_with_what_stands_around_it(
    run: Run, folder: Path, user: RawClose, cell: str, phones: list[str]
) -> None:
    rows(folder, ["Company", "Contact Name", "Contact Phones"], ["Acme", "Ann Bee", cell])
    for outcome in ("created", "unchanged"):
        assert imported(run).json["leads"][outcome] == 1
        assert people(user, "ACME") == [("ANN BEE", [], phones)]


@pytest.mark.parametrize(
    ("cell", "emails"),
    [
        ("'ann@acme.com' <ann@acme.com>", ["ann@acme.com"]),
        ("ann@acme.com<mailto:ann@acme.com>", ["ann@acme.com"]),
        ("Bee, Ann (ann@acme.com)", ["ann@acme.com"]),
        ("Büro: ann@acme.com; Email 2: ann@home.com", ["ann@acme.com", "ann@home.com"]),
        ('["ann@acme.com","ann@home.com"]', ["ann@acme.com", "ann@home.com"]),
        ("ann@acme.com /ann@home.com", ["ann@acme.com", "ann@home.com"]),
        ('"" ' * 3000, []),
        ("a, " * 3000, []),
    ],
)
def test_an_address_is_read_with_what_programs_put_beside_it(
    run: Run, folder: Path, user: RawClose, cell: str, emails: list[str]
) -> None:
    rows(folder, ["Company", "Contact Name", "Contact Emails"], ["Acme", "Ann Bee", cell])
    imported(run)
    assert people(user, "ACME") == [("ANN BEE", emails, [])]


def test_what_one_of_two_people_lacks_is_not_given_by_the_other(run: Run, folder: Path, user: RawClose) -> None:
    titles = ["Company", "Contact Name", "Contact Emails", "Contact Phones"]
    lines = [
        ["Acme", "Ann Bee; Bob Cee", "bad@k..com; bob@k.com; info@k.com", ""],
        ["Beta", "Ann & Bob Cee", "a@k.com, b@k.com", ""],
    ]
    rows(folder, titles, *lines, ["Core", "Ann\nBee", "", ""])
    ran = imported(run)
    codes = {line["_row"]: line["_code"].split("\n") for line in table(ran.json["files"]["rejects"])}
    assert codes == {"2": ["several_names", "invalid_email"], "4": ["several_names"]}
    assert people(user, "ACME") == [("", ["bob@k.com", "info@k.com"], [])] or people(user, "ACME")[0][0] in (None, "")
    assert [name for name, *_ in people(user, "BETA")] == ["ANN", "BOB CEE"]
