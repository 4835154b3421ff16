"""What an import says about the custom fields that it creates: their types, why, and the values that decided."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import Sandbox
from tests.conftest import Ran, Run
from tests.raw_close import RawClose

Write = Callable[..., Path]
Connect = Callable[[Sandbox], None]

FLAGS = ("--date-order", "dmy", "--decimal", "dot")  # how columns are read does not matter here


def write_column(write: Write, values: list[str], title: str = "custom.X", name: str = "leads.csv") -> None:
    """A file with a company in each row, and these values in one column."""
    lines = (f'C{place},"{value}"' for place, value in enumerate(values))
    write(*lines, header=f'Company,"{title}"', name=name)


KEY_FIELD = "new field Import Key: text, as always: imports find their leads by it"


def told(text: str) -> list[str]:
    """The lines about new fields, without the one about the field for import keys."""
    lines = [line for line in text.splitlines() if line.startswith("new field ")]
    return [line for line in lines if line != KEY_FIELD]


def types_in_close(close: RawClose) -> dict[str, str]:
    fields = close.get("/custom_field_schema/lead/").json()["fields"]
    return {field["name"]: field["type"] for field in fields}


@pytest.mark.parametrize(
    ("values", "kind", "reason"),
    [
        (["Retail", "Food"], "text", "'Retail' (row 2) is neither a number nor a date"),
        (["12%"], "text", "'12%' (row 2) is neither a number nor a date"),
        (["ISO 9001"], "text", "'ISO 9001' (row 2) is neither a number nor a date"),
        (["", "Order 1234567890123456"], "text", "'Order 1234567890123456' (row 3) is neither a number nor a date"),
        (
            ["7", "N/A", "", "8", "7", "n/k", "9"],
            "text",
            "'n/k' (row 7) is no number, though the 3 values before it are",
        ),
        (["7", "n/k", "00123"], "text", "'n/k' (row 3) is no number, though the value before it is"),
        (["7", "1999-05-17"], "text", "'1999-05-17' (row 3) is no number, though the value before it is"),
        (["7", "1999-05-17 09:14"], "text", "'1999-05-17 09:14' (row 3) is no number, though the value before it is"),
        (["1999-05-17", "7"], "text", "'7' (row 3) is no date, though the value before it is"),
        (["1999-05-17", "00123"], "text", "'00123' (row 3) is no date, though the value before it is"),
        (
            ["19870517", "7", "19870518", "1999-05-17"],
            "text",
            "'1999-05-17' (row 5) is no number, though the 3 values before it are",
        ),
        (["19870517", "1999-05-17", "7"], "text", "'7' (row 4) is no date, though the 2 values before it are"),
        (
            ["2024-03-12T09:14Z", "2024-03-12"],
            "text",
            "'2024-03-12' (row 3) is no date with a time, though the value before it is",
        ),
        (["00123", "7"], "text", "'00123' (row 2) would lose its leading zero"),
        (["7", "00123"], "text", "'00123' (row 3) would lose its leading zero, though the value before it is a number"),
        (["1234567890123456"], "text", "'1234567890123456' (row 2) would lose its last digits"),
        (["+4915112345678"], "text", "'+4915112345678' (row 2) looks like a phone number"),
        (
            ["7", "8", "3M"],
            "text",
            "'3M' (row 4) is not written in figures alone, though the 2 values before it are numbers",
        ),
        (["€5", "7"], "text", "'€5' (row 2) is not in your organization's currency"),
        (["EUR 5"], "text", "'EUR 5' (row 2) is not in your organization's currency"),
        (["1,5", "2.25"], "text", "'2.25' (row 3) has another decimal mark than the value before it"),
        (
            ["31/03/1999", "1999-05-17", "03/31/1999"],
            "text",
            "'03/31/1999' (row 4) has day and month in another order than the 2 values before it",
        ),
        (["2024-03-12 09:14"], "text", "'2024-03-12 09:14' (row 2) has a time without a time zone"),
        (
            ["12/03/2024 09:14 GMT"],
            "text",
            "'12/03/2024 09:14 GMT' (row 2) has a time, but does not begin with the year",
        ),
        (
            ["1999-05-17", "1999-05-17 09:14"],
            "text",
            "'1999-05-17 09:14' (row 3) has a time of day, though the value before it is a date",
        ),
        (["1200"], "number", "its only value is a number: '1200' (row 2)"),
        (["-", "7", "7"], "number", "both values are numbers, such as '7' (row 3)"),
        (["1200", "", "7", "1200"], "number", "all 3 values are numbers, such as '1200' (row 2)"),
        (["5 May 1999", "1999-05-17"], "date", "both values are dates, such as '5 May 1999' (row 2)"),
        (["2024-03-12T09:14Z"], "datetime", "its only value is a date with a time: '2024-03-12T09:14Z' (row 2)"),
    ],
)
def test_the_type_of_a_new_field_is_said_before_it_is_made_with_the_value_that_decided(
    run: Run, write: Write, connected: Sandbox, values: list[str], kind: str, reason: str
) -> None:
    write_column(write, values)
    line = f"new field X: {kind}, because {reason}"
    assert told(run("import", "leads.csv", "--dry-run", *FLAGS).out) == [line]
    with RawClose(connected) as close:
        assert types_in_close(close) == {}
        assert told(run("import", "leads.csv", *FLAGS).err) == [line]
        assert types_in_close(close)["X"] == kind


@pytest.mark.parametrize(
    ("title", "value", "told_so"),
    [
        ("Company Founded", "1999-05-17", "date, as always"),
        ("Company Revenue", "5", "number, as always"),
        ("National ID", "5", "text, as always"),
        ("Mailing ZIP", "94105", "text, because its title says that it is a code"),
        ("Account Number", "5", "text, because its title says that it is a code"),
    ],
)
def test_a_title_may_decide_without_any_value(
    run: Run, write: Write, connected: Sandbox, title: str, value: str, told_so: str
) -> None:
    write_column(write, [value], f"custom.{title}")
    assert told(run("import", "leads.csv", "--dry-run").out) == [f"new field {title}: {told_so}"]
    fields = run("import", "leads.csv", "--dry-run", "--json").json["new_fields"]
    assert {"name": title, "row": None, "value": None}.items() <= fields[1].items()


def test_a_time_of_the_zone_that_is_asked_for_needs_none_of_its_own(run: Run, write: Write, connected: Sandbox) -> None:
    write_column(write, ["2024-03-12 09:14"])
    ran = run("import", "leads.csv", "--dry-run", "--timezone", "Europe/Berlin")
    assert told(ran.out) == [
        "new field X: datetime, because its only value is a date with a time: '2024-03-12 09:14' (row 2)"
    ]


def test_the_lines_follow_the_plan_and_a_quiet_import_says_none(run: Run, write: Write, connected: Sandbox) -> None:
    write_column(write, ["Retail"], "custom.Industry")
    lines = [KEY_FIELD, "new field Industry: text, because 'Retail' (row 2) is neither a number nor a date"]
    dry = run("import", "leads.csv", "--dry-run")
    assert "\n".join(["", *lines, ""]) in dry.out
    assert told(dry.err) == []
    assert "\n".join(["", *lines, ""]) in run("import", "leads.csv", "--dry-run", "-q").out
    real = run("import", "leads.csv")
    assert real.err.splitlines()[:3] == ["plan: create 1", *lines]
    assert told(real.out) == []
    assert "custom fields created: Import Key (text), Industry (text)" in real.out.splitlines()
    assert told(run("import", "leads.csv").err) == []
    write_column(write, ["Retail"], "custom.Sector", name="other.csv")
    assert run("import", "other.csv", "-q").err == ""


def test_json_has_the_new_fields_of_a_dry_run_and_of_the_import(run: Run, write: Write, connected: Sandbox) -> None:
    long = "Wholesale of everything that anybody needs"
    write("Acme,,5", f"Beta,{long},", header="Company,custom.Industry,custom.Seats")
    fields = [
        {
            "name": "Import Key",
            "type": "text",
            "reason": "as always: imports find their leads by it",
            "row": None,
            "value": None,
        },
        {
            "name": "Industry",
            "type": "text",
            "reason": f"because '{long[:39]}…' (row 3) is neither a number nor a date",
            "row": 3,
            "value": long,
        },
        {
            "name": "Seats",
            "type": "number",
            "reason": "because its only value is a number: '5' (row 2)",
            "row": 2,
            "value": "5",
        },
    ]
    assert run("import", "leads.csv", "--dry-run", "--json").json["new_fields"] == fields
    assert run("import", "leads.csv", "--json").json["new_fields"] == fields
    assert run("import", "leads.csv", "--json").json["new_fields"] == []


def test_a_field_that_no_lead_to_be_written_fills_is_not_told(run: Run, write: Write, connected: Sandbox) -> None:
    write("Acme,", header="Company,custom.X")
    run("import", "leads.csv")
    write("Acme,5", ",7", "Beta,", header="Company,custom.X")
    ran = run("import", "leads.csv", "--existing", "skip", "--dry-run", "--json")
    assert (ran.json["leads"]["created"], ran.json["new_fields"]) == (1, [])
    assert told(run("import", "leads.csv", "--existing", "skip").err) == []


@pytest.mark.parametrize(
    "value", ["\x1b]0;owned\x07 \u202ered", "one\ntwo new field Y: number", "x" * 300_000, "it's \u2028 \x9b2J"]
)
def test_a_deciding_value_can_not_control_a_terminal_or_fill_it(
    run: Run, write: Write, connected: Sandbox, value: str
) -> None:
    write_column(write, [value], "custom.\x1b[31mX\nnew field Z: date")
    for text in (run("import", "leads.csv", "--dry-run").out, run("import", "leads.csv").err):
        (line,) = told(text)
        assert line.isprintable()
        assert line.endswith(" (row 2) is neither a number nor a date")
        assert len(line) < 200


# Whatever the column holds

BLANK = {"", "-", "N/A"}
CELLS = st.sampled_from(
    [
        *("", "-", "N/A", "red", "7", "1,5", "2.25", "1.234", "$1,000", "€5", "3M", "12%", "00123", "0,5", "0"),
        *("1234567890123456", "+14155550100", "19870517", "1999", "1999-05-17", "01.02.1999", "31/03/1999"),
        *("03/31/1999", "5 March 2019", "2024-03-12 09:14", "2024-03-12T09:14Z", "2024-03-12T00:00:00Z", "17.05.87"),
    ]
)
COLUMNS = st.lists(CELLS, min_size=1, max_size=3).flatmap(
    lambda some: st.lists(st.sampled_from(some), min_size=1, max_size=8)
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=COLUMNS)
def test_the_value_that_is_said_to_decide_is_there_and_decides_and_the_type_is_that_in_close(
    run: Run, write: Write, connect: Connect, values: list[str]
) -> None:
    with Sandbox() as sandbox, RawClose(sandbox) as close:
        connect(sandbox)
        field = new_field(foreseen(run, write, values))
        write_column(write, values)
        real = run("import", "leads.csv", "--json", *FLAGS)
        assert new_field(real) == field
        assert types_in_close(close).get("X") == (field and field["type"])
        if field is None:
            assert real.json["values_dropped"] == sum(value not in BLANK for value in values)
            return
        row = field["row"]
        assert values[row - 2] == field["value"]
        assert row == values.index(field["value"]) + 2
        assert told(real.err) == [f"new field X: {field['type']}, {field['reason']}"]
        assert f"'{field['value']}' (row {row})" in field["reason"]


def foreseen(run: Run, write: Write, values: list[str]) -> Ran:
    """What a dry run says of a file with these values, and of one company beside them."""
    write_column(write, values)
    return run("import", "leads.csv", "--dry-run", "--json", *FLAGS)


def new_field(ran: Ran) -> Any:
    """The field X as JSON tells it; None if it is not created."""
    return next((each for each in ran.json["new_fields"] if each["name"] == "X"), None)
