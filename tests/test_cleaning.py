"""A messy file becomes one lead per company, and everything that is lost has a row, a column and a reason."""

import gc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cells.companies import import_key
from cells.dates import DATE_ORDERS, DateOrder
from cells.in_parallel import MANY
from cells.lead_fields import LeadField
from cells.maps.column_map import AskedForm
from cells.notes import note_of
from cells.readings import UnclearColumn
from cells.source_file import read_source
from cells.unreadable import InputError
from cleaning import CleanFile, Requests, clean_source

Write = Callable[..., Path]

FOUNDED_AS_DATE = {"Company Founded": LeadField("Company Founded", "date")}


def clean(path: Path, fields: dict[str, LeadField] | None = None, date_order: DateOrder | None = None) -> CleanFile:
    return clean_source(read_source(path), fields or {}, Requests(date_order=date_order))


def lost(cleaned: CleanFile) -> list[tuple[int, str, str, str]]:
    return [(problem.row, problem.column, problem.value, problem.code) for problem in cleaned.dropped]


# Reading


@pytest.mark.parametrize(("row_end", "cell_end"), [("\n", "\n"), ("\r\n", "\n"), ("\r\n", "\r\n"), ("\r", "\r")])
def test_line_endings_make_no_difference(folder: Path, write: Write, row_end: str, cell_end: str) -> None:
    lines = ['A,Ann,"a@x.com{}b@x.com{}",+123,17.05.1987,$1.50,CA', "", "B,,,unknown,,,"]
    plain = clean(write(*[line.format("\n", "\n") for line in lines]))
    header = (folder / "leads.csv").read_text().splitlines()[0]
    other = folder / "other.csv"
    other.write_bytes(row_end.join([header, *[line.format(cell_end, cell_end) for line in lines]]).encode())
    assert clean(other).leads == plain.leads
    assert clean(other).dropped == plain.dropped


def test_a_short_row_is_filled_with_blanks_and_a_long_one_is_rejected(write: Write) -> None:
    cleaned = clean(write("A", "B,Ann,,,,,,CA", "Acme, Inc,Ann,,,,,,"))
    assert [lead.name for lead in cleaned.leads] == ["A"]
    assert [(problem.row, problem.code, problem.value) for problem in cleaned.rejected] == [
        (3, "surplus_cells", "B,Ann,,,,,,CA"),
        (4, "surplus_cells", "Acme, Inc,Ann,,,,,,"),
    ]


def test_nothing_is_guessed_to_be_missing(write: Write) -> None:
    cleaned = clean(write("NA,Jo Null,,,,,", "nan,True,,,,,"))
    assert [(lead.name, lead.contacts[0].name) for lead in cleaned.leads] == [("NA", "JO NULL"), ("NAN", "TRUE")]


def test_a_byte_order_mark_is_no_part_of_the_header(write: Write) -> None:
    path = write("A,,,,,,", encoding="utf-8-sig")
    assert clean(path).leads == clean(write("A,,,,,,", name="plain.csv")).leads
    assert list(read_source(write("A,,,,,,", encoding="utf-16"), AskedForm(encoding="utf-16")).column("Company")) == [
        "A"
    ]


# Companies


def test_the_import_key_is_the_same_on_every_machine() -> None:
    assert import_key("Digitube") == "k1:44a9288cdfaf49cf167a2e7cb42c54ca"


@pytest.mark.parametrize(
    "spelling", ["reälfire", " REÄLFIRE ", "Rea\u0308lfire", "\u00a0Reälfire", "Reäl\u200bfire", "\ufeffReälfire"]
)
def test_spellings_that_differ_by_nothing_that_can_be_seen_but_case_are_one_company(spelling: str) -> None:
    assert import_key(spelling) == import_key("Reälfire")


@given(st.text(max_size=20))
def test_the_key_of_a_company_does_not_depend_on_its_form(company: str) -> None:
    assert import_key(company) == import_key(f"  {company.casefold()}\n")


def test_rows_of_a_company_become_one_lead_wherever_they_stand(write: Write) -> None:
    cleaned = clean(write("Blogpad,Ann,,,,,", "Other,,,,,,", "BLOGPAD ,Bee,,,,,"))
    assert [(lead.name, lead.rows) for lead in cleaned.leads] == [("BLOGPAD", [2, 4]), ("OTHER", [3])]
    assert [contact.name for contact in cleaned.leads[0].contacts] == ["ANN", "BEE"]


def test_a_row_without_a_company_is_rejected(write: Write) -> None:
    cleaned = clean(write(",Ann,a@x.com,,,,", "  ,,,+123,,,", "A,,,,,,"))
    assert [(problem.row, problem.code) for problem in cleaned.rejected] == [(2, "no_company"), (3, "no_company")]
    assert cleaned.dropped == []


def test_the_first_value_of_a_company_stands_and_the_others_are_reported(write: Write) -> None:
    cleaned = clean(
        write("A,,,,17.05.1987,,", "A,,,,17.5.1987,$5,Nevada", "A,,,,18.05.1987,5.00,NV", "A,,,,,6,California")
    )
    assert cleaned.leads[0].own == {"Company US State": "NV"}
    assert cleaned.leads[0].custom == {"Company Founded": ("1987-05-17",), "Company Revenue": (5,)}
    assert lost(cleaned) == [
        (4, "custom.Company Founded", "18.05.1987", "conflict"),
        (5, "custom.Company Revenue", "6", "conflict"),
        (5, "Company US State", "California", "conflict"),
    ]


def test_a_bad_value_costs_the_value_and_never_the_row(write: Write) -> None:
    cleaned = clean(write("A,Ann,ann,+123,31.02.1999,1.25,Bavaria"))
    lead = cleaned.leads[0]
    assert (lead.name, lead.own, lead.custom) == ("A", {}, {"Company Revenue": (1.25,)})
    assert [(contact.name, contact.emails, contact.phones) for contact in lead.contacts] == [("ANN", [], [])]
    assert lost(cleaned) == [
        (2, "Contact Emails", "ann", "invalid_email"),
        (2, "Contact Phones", "+123", "invalid_phone"),
        (2, "custom.Company Founded", "31.02.1999", "invalid_date"),
        (2, "Company US State", "Bavaria", "unknown_state"),
    ]


# People


def contacts(cleaned: CleanFile) -> list[tuple[str, list[str], list[str]]]:
    return [(contact.name, contact.emails, contact.phones) for contact in cleaned.leads[0].contacts]


def test_a_cell_may_hold_several_values(write: Write) -> None:
    cleaned = clean(write('A,Ann,"a@x.com\nb@x.com,bad@;A@X.com;",+1 415 555 0100;+1 415 555 0101,,,'))
    assert contacts(cleaned) == [("ANN", ["a@x.com", "b@x.com"], ["+14155550100", "+14155550101"])]
    assert lost(cleaned) == [(2, "Contact Emails", "bad@", "invalid_email")]


def test_the_values_of_a_very_long_column_are_those_of_a_short_one(write: Write) -> None:
    lines = [f"C{number},Ann,,Tel {'0' * (number % 9 == 0)}2{number:09d};x,,," for number in range(MANY)]
    long, short = clean(write(*lines)), clean(write(*lines[:100], name="short.csv"))
    assert long.leads[:100] == short.leads
    assert long.dropped[: len(short.dropped)] == short.dropped
    assert short.leads[1].contacts[0].phones == ["+12000000001"]
    assert {problem.code for problem in short.dropped} == {"invalid_phone"}


def test_a_value_is_known_by_the_row_where_it_stood_first(write: Write) -> None:
    cleaned = clean(write("A,Ann,a@x.com,,,,", "A,Bob,b@x.com;c@x.com,,,,", "A,ann,,+1 415 555 0100,,,", "A,,,,,,"))
    assert [contact.origin for contact in cleaned.leads[0].contacts] == [
        {"ANN": 2, "a@x.com": 2, "+14155550100": 4},
        {"BOB": 3, "b@x.com": 3, "c@x.com": 3},
    ]
    alone = clean(write("A,Ann,a@x.com,+1 415 555 0100,,,"))
    assert alone.leads[0].contacts[0].origin == {"ANN": 2, "a@x.com": 2, "+14155550100": 2}


def test_garbage_is_looked_for_as_before_once_a_file_is_clean(write: Write) -> None:
    usual = gc.get_threshold()
    clean(write("A,Ann,,,,,"))
    with pytest.raises(InputError):
        clean(write('A,"Ann,,,,,'))
    assert gc.get_threshold() == usual


def test_equal_names_are_one_person_unless_their_emails_differ(write: Write) -> None:
    cleaned = clean(
        write(
            *("A,Ann D,a@x.com,,,,", "A,ann d,A@x.com,+1 415 555 0100,,,", "A,ANN D,,+1 415 555 0101,,,"),
            *("A,Bob,b1@x.com,,,,", "A,Bob,b2@x.com,,,,", "A,Bob,,+1 415 555 0102,,,"),
        )
    )
    assert contacts(cleaned) == [
        ("ANN D", ["a@x.com"], ["+14155550100", "+14155550101"]),
        ("BOB", ["b1@x.com"], []),
        ("BOB", ["b2@x.com"], []),
        ("BOB", [], ["+14155550102"]),
    ]


def test_a_row_without_a_name_joins_the_one_that_shares_an_email(write: Write) -> None:
    cleaned = clean(
        write("A,,A@x.com,+1 415 555 0100,,,", "A,Ann,a@x.com;b@x.com,,,,", "A,,b@x.com,,,,", "A,,c@x.com,,,,")
    )
    assert contacts(cleaned) == [("ANN", ["A@x.com", "b@x.com"], ["+14155550100"]), ("", ["c@x.com"], [])]


def test_rows_without_a_name_join_each_other_by_way_of_a_third(write: Write) -> None:
    rows = ["A,,a@x.com,,,,", "A,,b@x.com,,,,", "A,,a@x.com;b@x.com,,,,"]
    for order in (rows, rows[::-1]):
        assert [sorted(emails) for _, emails, _ in contacts(clean(write(*order)))] == [["a@x.com", "b@x.com"]]


def test_a_phone_alone_joins_nobody(write: Write) -> None:
    cleaned = clean(write("A,Ann,,+1 415 555 0100,,,", "A,,,+1 415 555 0100,,,"))
    assert contacts(cleaned) == [("ANN", [], ["+14155550100"]), ("", [], ["+14155550100"])]


def test_nothing_is_invented_for_a_company_without_people(write: Write) -> None:
    assert contacts(clean(write("A,,,,,,", "A,,bad,unknown,,,"))) == []


def test_what_close_would_not_take_for_one_contact_is_reported(write: Write) -> None:
    emails = ";".join(f"{number}@x.com" for number in range(101))
    cleaned = clean(write(f"A,{'n' * 1001},{emails},,,,"))
    assert [(name, len(emails)) for name, emails, _ in contacts(cleaned)] == [("", 100)]
    assert [(column, code) for _, column, _, code in lost(cleaned)] == [
        ("Contact Name", "too_long"),
        ("Contact Emails", "too_many"),
    ]


# Dates


@pytest.mark.parametrize(
    ("days", "order", "first"),
    [
        (["03/04/2019", "25/12/2019"], "dmy", "2019-04-03"),
        (["03/04/2019", "12/25/2019"], "mdy", "2019-03-04"),
        (["03.04.2019"], "dmy", "2019-04-03"),
        (["03.04.2019", "25/06/2019"], "dmy", "2019-04-03"),
        (["03.04.2019", "06/25/2019"], "mdy", "2019-04-03"),
        (["2019-04-03", "5/5/2019"], None, "2019-04-03"),
        (["3-4-2019", "31/31/2019", "13-4-2019"], "dmy", "2019-04-03"),
    ],
)
def test_a_column_proves_one_order(write: Write, days: list[str], order: DateOrder | None, first: str) -> None:
    cleaned = clean(write(*(f"C{place},,,,{day},," for place, day in enumerate(days))))
    assert cleaned.read_as(DATE_ORDERS).get("custom.Company Founded") == order
    assert cleaned.leads[0].custom["Company Founded"] == (first,)


@pytest.mark.parametrize("days", [["03/04/2019"], ["25/12/2019", "12/25/2019"], ["25.04.2019", "05/06/2019"]])
def test_dates_that_can_be_read_in_two_ways_stop_the_import(write: Write, days: list[str]) -> None:
    path = write(*(f"C{place},,,,{day},," for place, day in enumerate(days)))
    with pytest.raises(UnclearColumn, match=r"in two ways|in two different orders"):
        clean(path)
    assert clean(path, date_order="mdy").read_as(DATE_ORDERS) == {"custom.Company Founded": "mdy"}


def test_once_an_order_is_given_dates_of_another_are_problems(write: Write) -> None:
    cleaned = clean(write("A,,,,25/12/2019,,", "B,,,,12/25/2019,,"), date_order="dmy")
    assert lost(cleaned) == [(3, "custom.Company Founded", "12/25/2019", "invalid_date")]


def test_a_rejects_file_remembers_the_order_that_the_whole_file_proved(write: Write) -> None:
    header = "Company,custom.Company Founded,custom.Closed,_date_order"
    cleaned = clean(write("A,03/04/2019,05/06/2019,dmy", "B,04/04/2019,,", header=header))
    assert cleaned.leads[0].custom == {"Company Founded": ("2019-04-03",), "Closed": ("2019-06-05",)}
    noted = note_of({"custom.Company Founded": "dmy", "custom.Closed": "mdy"})
    cleaned = clean(write(f"A,03/04/2019,05/06/2019,{noted}", header=header))
    assert cleaned.leads[0].custom == {"Company Founded": ("2019-04-03",), "Closed": ("2019-05-06",)}


def test_an_order_is_remembered_for_columns_whose_names_are_like_the_notes_on_orders(write: Write) -> None:
    orders = {"custom.Signed; when?": "mdy", "custom.when?": "dmy", "custom.a=b": "dmy", "custom.; c": "mdy"}
    row = f"A,03/04/2019,05/06/2019,03/04/2005,07/08/2019,{note_of(orders)}"
    cleaned = clean(write(row, header=",".join(["Company", *orders, "_date_order"])))
    assert cleaned.leads[0].custom == {
        "Signed; when?": ("2019-03-04",),
        "when?": ("2019-06-05",),
        "a=b": ("2005-04-03",),
        "; c": ("2019-07-08",),
    }


def test_a_row_of_a_rejects_file_that_nobody_mended_is_rejected_again(write: Write) -> None:
    rejected = clean(write('Acme, Inc,Ann,"a\nb"', header="Company,Contact Name")).rejected[0]
    header = "Company,Contact Name,_row,_column,_value,_code,_reason,_date_order"
    value = rejected.value.replace('"', '""')
    unmended = clean(write(f'Acme, Inc,2,,"{value}",surplus_cells,,', header=header))
    assert [(again.code, again.value) for again in unmended.rejected] == [("surplus_cells", rejected.value)]
    mended = clean(write(f'"Acme, Inc",Ann,2,,"{value}",surplus_cells,,', header=header))
    assert [lead.name for lead in mended.leads] == ["ACME, INC"]


def test_a_file_with_two_remembered_orders_stops_the_import(write: Write) -> None:
    with pytest.raises(UnclearColumn, match="contains two different readings"):
        clean(write("A,03/04/2019,dmy", "B,03/04/2019,mdy", header="Company,custom.Company Founded,_date_order"))


# Custom fields


def column(write: Write, values: list[str], fields: dict[str, LeadField] | None = None) -> CleanFile:
    quoted = (f'C{place},"{value}"' for place, value in enumerate(values))
    return clean(write(*quoted, header="Company,custom.X"), fields)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2.5", "$1,000", "-3"], "number"),
        (["1"] * 9 + ["N/A"], "number"),
        (["1"] * 99 + ["many"], "text"),
        (["1,5", "2,25"], "number"),
        (["1,5", "2.25"], "text"),
        (["1E5", "2"], "text"),
        (["3M", "2"], "text"),
        (["2024-03-12T09:14:33+00:00", "2024-03-12 09:14:33Z"], "datetime"),
        (["2024-03-12 09:14", "2024-03-12"], "text"),
        (["2024-03-12T00:00:00", "2024-03-12"], "date"),
        (["2019-01-31", "31.01.2019", "5 March 2019"], "date"),
        (["2019-01-31"] * 8 + ["soon"], "text"),
        (["94105", "02134"], "text"),
        (["1234567890123456", "1"], "text"),
        (["red", "blue"], "text"),
        (["+14155550100", "+14155550101"], "text"),
        (["ISO 9001", "DIN 476"], "text"),
        (["€5", "€6"], "text"),
        (["1", "2", "3", "4", "5", "6", "7", "8", "9", "01.50"], "text"),
        (["1", "2", "3", "4", "5", "6", "7", "8", "9", "-007"], "text"),
        (["0.5", "0"], "number"),
        (["01.02.1999", "31/03/1999"], "date"),
        (["31/03/1999", "03/31/1999"], "text"),
        (["1999", "2001"], "number"),
    ],
)
def test_a_new_field_gets_a_type_that_fits_all_its_values(write: Write, values: list[str], kind: str) -> None:
    assert [(new.name, new.kind) for new in column(write, values).new_fields] == [("X", kind)]


def test_a_dot_may_part_thousands_where_other_values_write_decimals_with_a_comma(write: Write) -> None:
    field = {"X": LeadField("X", "number")}
    for texts, numbers in (
        (["1.234", "12.5"], [1.234, 12.5]),
        (["1.234", "1,234", "999,50"], [1234, 1.234, 999.5]),
        (["1,234", "7"], [1234, 7]),
        (["1.234", *["12.5"] * 9], [1.234, *[12.5] * 9]),
    ):
        assert [lead.custom["X"][0] for lead in column(write, texts, field).leads] == numbers
    cleaned = column(write, ["1.234", "999,50", *["12.5"] * 9], field)
    assert [(row, code) for row, _, _, code in lost(cleaned)] == [(3, "invalid_number")]
    for texts in (["1.234"], ["1.234", "12.5", "999,50"], ["999,50", *["12.5"] * 8]):
        with pytest.raises(UnclearColumn, match=r"in two ways|with a decimal dot and with a decimal comma"):
            column(write, texts, field)


def test_cells_that_are_out_of_place_prove_nothing(write: Write) -> None:
    with pytest.raises(UnclearColumn):
        clean(write("A,13/01/2020,x", "B,05/06/2020", header="Company,custom.Company Founded"))


def test_a_cell_may_be_large(write: Write) -> None:
    cleaned = column(write, ["x" * 300_000])
    assert cleaned.leads[0].custom == {"X": ("x" * 300_000,)}


def test_a_column_without_values_makes_no_field(write: Write) -> None:
    assert column(write, ["", "  "]).new_fields == []


def test_founded_and_revenue_have_their_types_whatever_they_hold(write: Write) -> None:
    cleaned = clean(write("A,,,,soon,much,"))
    assert {new.name: new.kind for new in cleaned.new_fields} == {
        "Company Founded": "date",
        "Company Revenue": "number",
    }
    assert [code for *_, code in lost(cleaned)] == ["invalid_date", "invalid_number"]


def test_ids_of_people_are_no_numbers(write: Write) -> None:
    cleaned = clean(write("A,123", "B,456", header="Company,custom.national ID"))
    assert [new.kind for new in cleaned.new_fields] == ["text"]


@pytest.mark.parametrize(
    ("field", "text", "values"),
    [
        (LeadField("X", "text"), " 007\nbond ", ("007 bond",)),
        (LeadField("X", "textarea"), "one\r\ntwo ", ("one\ntwo",)),
        (LeadField("X", "number"), "$1,000", (1000,)),
        (LeadField("X", "choices", choices=("Red", "Blue")), "Red", ("Red",)),
        (LeadField("X", "choices", choices=("Red", "Blue", "a;b"), is_multiple=True), "Red;Blue", ("Red", "Blue")),
        (LeadField("X", "choices", choices=("Red", "Blue", "a;b"), is_multiple=True), "a;b", ("a;b",)),
        (LeadField("X", "datetime"), "2024-03-01T09:30:00+02:00", ("2024-03-01T09:30:00+02:00",)),
        (LeadField("X", "user"), "user_abc", ("user_abc",)),
    ],
)
def test_the_type_of_a_field_is_that_in_close(write: Write, field: LeadField, text: str, values: object) -> None:
    cleaned = column(write, [text], {"X": field})
    assert cleaned.leads[0].custom == {"X": values}
    assert cleaned.new_fields == []


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        (LeadField("X", "choices", choices=("Red",)), "reed", "not_a_choice"),
        (LeadField("X", "date"), "soon", "invalid_date"),
        (LeadField("X", "datetime"), "2024-03-01 09:30", "no_time_zone"),
        (LeadField("X", "number"), "007", "invalid_number"),
        (LeadField("X", "contact"), "user_abc", "invalid_reference"),
    ],
)
def test_a_value_that_its_field_would_not_take_is_a_problem(
    write: Write, field: LeadField, text: str, code: str
) -> None:
    cleaned = column(write, [text], {"X": field})
    assert cleaned.leads[0].custom == {}
    assert lost(cleaned) == [(2, "custom.X", text, code)]


# Every row and every value


EMAILS = ["x@y.com", "X@y.com;z@y.com", "bad"]
cells = st.sampled_from(["", " ", "A", "a ", "B", *EMAILS, "+1 415 555 0100", "+123", "CA", "Nowhere", "$6.00", "!"])


@given(st.lists(st.tuples(*[cells] * 7).filter(lambda row: any(cell.strip() for cell in row)), min_size=1, max_size=12))
def test_every_row_is_in_one_lead_or_rejected_and_no_value_is_lost_without_a_word(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "generated.csv"
    header = "Company,Contact Name,Contact Emails,Contact Phones,custom.Day,custom.Company Revenue,Company US State"
    path.write_text("\n".join([header, *(",".join(f'"{cell}"' for cell in row) for row in rows)]))
    cleaned = clean(path, {"Day": LeadField("Day", "text")})
    placed = [row for lead in cleaned.leads for row in lead.rows] + [problem.row for problem in cleaned.rejected]
    assert sorted(placed) == list(range(2, len(rows) + 2))
    dropped = {(problem.row, problem.value) for problem in cleaned.dropped}
    for lead in cleaned.leads:
        kept = {email.casefold() for contact in lead.contacts for email in contact.emails}
        for row in lead.rows:
            for email in filter(None, (part.strip() for part in rows[row - 2][2].split(";"))):
                assert email.casefold() in kept or (row, email) in dropped
            state = rows[row - 2][6].strip()
            assert not state or state == lead.own.get("Company US State") or (row, state) in dropped
