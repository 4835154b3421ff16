"""A map with a mistake stops the import before anything is sent, and says in which file, where, and what to write."""

import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Run
from tests.importing.exported import Held
from tests.importing.test_exports import close_holds, lost
from tests.importing.test_maps import office, put_map, put_rows, sections
from tests.raw_close import RawClose
from tests.what_close_holds import leads_held, table


def in_column(settings: str) -> str:
    return f'[columns."Work Email"]\n{settings}\n'


STRAIGHT = "straight quotation marks"
TOML = [
    (in_column("target = “Contact Emails”"), ["line 2", STRAIGHT]),
    ('[columns.“Work Email”]\ntarget = ""', ["line 1", STRAIGHT]),
    ('[columns.Work Email]\ntarget = ""', ["line 1", '[columns."its name"]']),
    (in_column("target = Contact Emails"), ["line 2", STRAIGHT]),
    (in_column('target = "Contact Emails'), ["line 2", STRAIGHT]),
    (in_column('target: "Contact Emails"'), ["line 2", 'name = "value"']),
    (in_column('target = ""') * 2, ["line 3", "two sections of this name"]),
    (in_column('target = ""\ntarget = ""'), ["line 3", "two settings"]),
    (in_column('target = ""') + '[columns."work email"]\n', ["'Work Email'", "'work email'", "Put them together"]),
    (in_column("target = " + "9" * 5000), [STRAIGHT]),
    (in_column("values = { not yet = 'Gold' }"), ["line 2"]),
    ("\0", []),
    ("[" * 10_000, []),
    ('[columns]\n"Work Email" = "Contact Emails"', ["'Work Email'", "section"]),
    ('[[columns]]\ntarget = ""', ["[columns]", "section"]),
    ('[Columns."Work Email"]\ntarget = ""', ["'Columns'", "[columns]"]),
    ('target = "Company"', ["'target'", "[columns]"]),
    ('file = "leads.csv"', ["[file]", "section"]),
]
OF_COLUMNS = [
    ('target = "Contact Email"', "'Contact Emails'"),
    ('target = "Email"', "'Contact Emails'"),
    ('target = "phone"', "'Contact Phones'"),
    ('target = "Mood"', "'custom.Mood'"),
    ('target = "custom."', "another target"),
    ('target = "custom.Import Key"', "another target"),
    ('target = "Types of Contact Phones"', "Give that column a type"),
    ("target = 2024-01-01", "2024-01-01 must stand in quotation marks"),
    ("target = true", "true must stand in quotation marks"),
    ('target = ["Company"]', "quotation marks"),
    ('target = "?"', "undecided"),
    ('traget = "Company"', "the settings are target, type"),
    ('type = "cell"', "'mobile'"),
    ('decimal = ","', "'dot' or 'comma'"),
    ('date_order = "d/m/y"', "'dmy'"),
    ('region = "UK"', "GB"),
    ('region = "England"', "two-letter"),
    ("separator = 5", "quotation marks"),
    ("two_digit_years = true", "quotation marks"),
    ('two_digit_years = "1930"', "'excel'"),
    ('year_only = "july"', "'january'"),
    ('timezone = "Berlin"', "America/New_York"),
    ('timezone = "../../etc/passwd"', "America/New_York"),
    ('values = "hot = Gold"', '{ hot = "Gold"'),
    ("values = { hot = true }", "true must stand in quotation marks"),
    ('values = { "" = "Gold" }', "a blank cell stays blank"),
    ('region = "GB"', "remove it"),
    ('decimal = "comma"', "remove it"),
    ('type = "text"', "'text'"),
    ('target = "Company"\ntype = "mobile"', "remove it"),
    ('target = "Company"\nseparator = ";"', "remove it"),
    ('target = "Contact Name"\nregion = "GB"', "remove it"),
    ('target = "custom.Mood"\ntype = "number"', "of type choices"),
    ('target = "custom.Mood"\ntype = "mobile"', "e-mails and phones"),
    ('target = "custom.Mood"\nregion = "GB"', "remove it"),
    ('target = "custom.Mood"\nseparator = ";"', "one value"),
    ('target = "custom.Mood"\ndecimal = "comma"', "type choices"),
    ('target = "custom.Mood"\nyear_only = "january"', "type choices"),
    ('target = "custom.Mood"\ntimezone = "UTC"', "type choices"),
    ('target = "custom.New"\ntype = "choices"', "create it there first"),
]
OF_FILES = [
    ('header_row = "3"', "without quotation marks"),
    ("header_row = 0", "the number of a row"),
    ("header_row = true", "the number of a row"),
    ('delimiter = ":"', "comma, semicolon, tab or pipe"),
    ('encoding = "klingon"', "cp1252"),
    ('encoding = "zip"', "cp1252"),
    ("sheet = 1", "quotation marks"),
    ('columns = "all"', "the settings are sheet, header_row"),
]


def refused(run: Run, folder: Path, user: RawClose) -> str:
    """What is said of an import with the map: it must be refused before anything is sent."""
    user.made("/custom_field/lead/", name="Mood", type="choices", choices=["Gold", "Cold"])
    put_rows(folder, ["Company", "Work Email"], ["Acme", "ann@acme.com"])
    ran = run("import", "leads.csv", "--map", "leads.toml")
    assert (ran.code, leads_held(user)) == (2, {}), ran.err
    assert "leads.toml" in ran.err
    return ran.err


@pytest.mark.parametrize(("text", "words"), TOML)
def test_a_slip_in_toml_is_told_with_its_line(
    run: Run, folder: Path, user: RawClose, text: str, words: list[str]
) -> None:
    put_map(folder, text)
    told = refused(run, folder, user)
    assert [word for word in words if word not in told] == []


@pytest.mark.parametrize(("settings", "words"), OF_COLUMNS)
def test_a_setting_that_can_not_be_is_told_with_its_column(
    run: Run, folder: Path, user: RawClose, settings: str, words: str
) -> None:
    put_map(folder, in_column(settings))
    told = refused(run, folder, user)
    assert "'Work Email'" in told
    assert words in told


@pytest.mark.parametrize(("settings", "words"), OF_FILES)
def test_a_setting_of_the_file_that_can_not_be_is_told(
    run: Run, folder: Path, user: RawClose, settings: str, words: str
) -> None:
    put_map(folder, f"[file]\n{settings}\n")
    told = refused(run, folder, user)
    assert "[file]" in told
    assert words in told


@pytest.mark.parametrize("target", ["Contact Name", "First Name", "Company US State", "custom.Mood"])
def test_two_columns_for_one_value_are_refused(run: Run, folder: Path, user: RawClose, target: str) -> None:
    put_map(folder, sections(**{"Work Email": target, "Company": target.upper().replace("CUSTOM", "custom")}))
    told = refused(run, folder, user)
    assert [word for word in ("'Company'", "'Work Email'", "eave one of them out") if word not in told] == []


def test_two_columns_for_one_field_are_refused_even_if_one_has_its_id(run: Run, folder: Path, user: RawClose) -> None:
    field = user.made("/custom_field/lead/", name="Note", type="text")["id"]
    put_rows(folder, ["Company", "A", "B"], ["Acme", "one", "two"])
    put_map(folder, sections(A="custom.Note", B=f"custom.{field}"))
    ran = run("import", "leads.csv", "--map", "leads.toml")
    assert (ran.code, "both fill the field 'Note'" in ran.err, leads_held(user)) == (2, True, {})


def test_a_map_without_companies_is_to_be_completed_rather_than_written(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, ["Employer of", "Who"], ["Acme", "Ann Lee"])
    assert run("map", "leads.csv").code == 0
    ran = run("import", "leads.csv")
    assert (ran.code, leads_held(user)) == (2, {})
    assert "leads.toml: no column of leads.csv has the target 'Company'. Write it below the column" in ran.err
    assert "main.py map" not in ran.err
    assert run("import", "leads.csv", "--company-from-email").code == 4


@pytest.mark.parametrize(
    "write", [lambda text: text.encode("utf-8-sig"), lambda text: text.replace("\n", "\r\n").encode()]
)
def test_a_map_may_be_saved_as_editors_of_windows_do(
    run: Run, folder: Path, user: RawClose, write: Callable[[str], bytes]
) -> None:
    put_rows(folder, ["Firma X", "Größe"], ["Acme", "12"])
    text = "\t" + sections(**{"Firma X": "Company", "Größe": 'target\t=\t"custom.Size"'})
    put_map(folder, "").write_bytes(write(text))
    assert run("import", "leads.csv").code == 0
    assert close_holds(user) == {"ACME": Held([], custom={"Size": 12})}


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_a_map_in_another_encoding_is_to_be_saved_again(run: Run, folder: Path, user: RawClose, encoding: str) -> None:
    put_map(folder, in_column('target = ""') + "# Größe", encoding=encoding)
    assert "Save it again as plain text in UTF-8" in refused(run, folder, user)


# What stands in the file ---------------------------------------------------------------------------------------------


def test_problems_and_rejects_have_the_values_of_the_file(run: Run, folder: Path, user: RawClose) -> None:
    user.made("/custom_field/lead/", name="Mood", type="choices", choices=["Gold", "Cold"])
    user.made("/custom_field/lead/", name="Day", type="date")
    header = ["Company", "Mood", "Day", "Mails"]
    rows = [
        ["Acme", ' "W" ', "30/2/87", "ann@acme.com / none / b@d"],
        ["acme", "c", "1987", "none"],
        ["n. a.", "h", "'99", ""],
        ["Acme", "h", "", ""],
    ]
    put_rows(folder, header, *rows)
    mapped = {
        "Company": 'values = { "n. a." = "" }',
        "Mood": 'target = "custom.Mood"\nvalues = { h = "Gold", c = "Cold", w = "Wrong" }',
        "Day": 'target = "custom.Day"\ntwo_digit_years = "excel"\nyear_only = "january"\ndate_order = "dmy"',
        "Mails": 'target = "Contact Emails"\nseparator = " / "\nvalues = { none = "" }',
    }
    put_map(folder, sections(**mapped))
    ran = run("import", "leads.csv", "--json", "--map", "leads.toml")
    assert (ran.code, ran.json["rows"]["rejected"]) == (4, 1), ran.err
    assert close_holds(user) == {
        "ACME": Held([("", office("ann@acme.com"), {})], custom={"Mood": "Cold", "Day": "1987-01-01"})
    }
    assert sorted(lost(ran)) == [
        (2, "invalid_date", "30/2/87"),
        (2, "invalid_email", "b@d"),
        (2, "not_a_choice", "W"),
        (4, "no_company", "n. a."),
        (5, "conflict", "h"),
    ]
    lines = table(ran.json["files"]["rejects"])
    assert [[line[title] for title in header] for line in lines] == [rows[0], rows[2]]
    assert "'n. a.' stands for none" in lines[1]["_reason"]


def test_only_values_that_stand_alone_are_replaced_where_a_cell_has_one(run: Run, folder: Path, user: RawClose) -> None:
    user.made("/custom_field/lead/", name="Note", type="text")
    put_rows(folder, ["Company", "Note"], ["Nettle; Oak", "yes;no"], ["Oak", "NO"], ["Elm", '="no"'])
    put_map(
        folder,
        sections(Company='values = { oak = "Acorn" }', Note='target = "custom.Note"\nvalues = { no = "never" }'),
    )
    assert run("import", "leads.csv").code == 0
    assert close_holds(user) == {
        "NETTLE; OAK": Held([], custom={"Note": "yes;no"}),
        "ACORN": Held([], custom={"Note": "never"}),
        "ELM": Held([], custom={"Note": "never"}),
    }


def test_a_value_that_a_map_makes_blank_is_no_choice_of_that_name(run: Run, folder: Path, user: RawClose) -> None:
    user.made("/custom_field/lead/", name="Mood", type="choices", choices=["N/A", "Gold"])
    put_rows(folder, ["Company", "Mood"], ["Acme", "x"], ["Oak", "N/A"])
    put_map(folder, sections(Mood='values = { x = "" }'))
    ran = run("import", "leads.csv", "--json", "--map", "leads.toml")
    assert close_holds(user) == {"ACME": Held([]), "OAK": Held([], custom={"Mood": "N/A"})}
    assert ran.json["placeholders"] == 1


# Writing maps --------------------------------------------------------------------------------------------------------


def test_a_map_is_never_overwritten_once_somebody_worked_on_it(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, ["Company", "Mood"], ["Acme", "hot"])
    assert run("map", "leads.csv").code == 0
    path = Path("input_data/maps/leads.toml")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run("map", "leads.csv").code == 0
    path.write_text(path.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    edited = path.read_bytes()
    ran = run("map", "leads.csv")
    assert (ran.code, "--output" in ran.err, path.read_bytes()) == (2, True, edited)
    assert run("map", "leads.csv", "--output", "other.toml").code == 0
    assert run("map", "leads.csv", "--output", "leads.csv").code == 2


def test_a_target_that_a_map_suggests_can_be_copied_as_it_stands(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, ["Company", 'Say "hi"'], ["Acme", "hello"])
    assert run("map", "leads.csv").code == 0
    path = Path("input_data/maps/leads.toml")
    text = path.read_text(encoding="utf-8")
    (suggested,) = re.findall(r"; write (.*) to keep it", text)
    path.write_text(text.replace('target = ""', f"target = {suggested}"), encoding="utf-8")
    assert run("import", "leads.csv").code == 0
    assert close_holds(user) == {"ACME": Held([], custom={'Say "hi"': "hello"})}


def test_an_output_that_no_import_would_find_is_to_be_given(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, ["Company"], ["Acme"])
    assert "--map" not in run("map", "leads.csv", "--output", "input_data/maps/a.toml").err
    assert "--map input_data/maps/b" in run("map", "leads.csv", "--output", "input_data/maps/b").err
    assert "--map 'a b.toml'" in run("map", "leads.csv", "--output", "a b.toml").err


def test_fields_of_close_are_asked_for_only_with_a_key(run: Run, folder: Path, user: RawClose) -> None:
    user.made("/custom_field/lead/", name="Mood", type="choices", choices=["Gold"])
    put_rows(folder, ["Company", "Mood", "Best inbox"], ["Acme", "Gold", "ann@acme.com"], ["Oak", "", "N/A"])
    ran = run("map", "leads.csv", "--json")
    assert ran.json == {
        "file": "leads.csv",
        "map": "input_data/maps/leads.toml",
        "rows": 2,
        "columns": [
            {"column": "Company", "target": "Company", "filled": 2, "samples": ["Acme", "Oak"]},
            {"column": "Mood", "target": "custom.Mood", "filled": 1, "samples": ["Gold"]},
            {"column": "Best inbox", "target": "?", "filled": 1, "samples": ["ann@acme.com"]},
        ],
    }
    assert '"custom.Mood"' in Path(ran.json["map"]).read_text(encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CLOSE_API_KEY")
        without = run("map", "leads.csv", "--json", "--output", "without.toml")
        assert (without.code, without.json["columns"][1]["target"]) == (0, "")
        assert "Close was not asked" in without.err
        sandboxed = run("map", "leads.csv", "--json", "--sandbox", "--output", "sandboxed.toml")
        assert (sandboxed.code, sandboxed.json["columns"][1]["target"]) == (0, "")
        assert "Close was not asked" not in sandboxed.err
