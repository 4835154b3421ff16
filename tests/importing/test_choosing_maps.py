"""Which map an import uses, and what becomes of maps: found, copied, completed, set aside, and never lost."""

import io
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import Run
from tests.importing.exported import Held
from tests.importing.test_exports import close_holds, lost
from tests.importing.test_maps import office, put_map, put_rows, sections
from tests.raw_close import RawClose
from tests.what_close_holds import leads_held, table

HEADER = ["Firm", "Who", "Reach"]
ROW = ["Acme", "Ann Lee", "ann@acme.com"]
TEXT = sections(Firm="Company", Who="Contact Name", Reach="Contact Emails")
ACME = {"ACME": Held([("ANN LEE", office("ann@acme.com"), {})])}


def test_a_map_is_used_by_itself_whatever_the_order_of_the_columns(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, HEADER[::-1], ROW[::-1])
    put_map(folder, TEXT)
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, close_holds(user)) == (0, ACME)
    assert "map: input_data/maps/leads.toml" in ran.err
    assert ran.json["map"] == "input_data/maps/leads.toml"


def test_no_map_is_used_if_nobody_wants_one(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, ["Company", "Name"], ["Acme", "Ann Lee"])
    put_map(folder, sections(Company="Contact Name", Name="Company"))
    ran = run("import", "leads.csv", "--json", "--no-map")
    assert (ran.json["map"], close_holds(user)) == (None, {"ACME": Held([("ANN LEE", {}, {})])})
    both = run("import", "leads.csv", "--no-map", "--map", "leads.toml")
    assert (both.code, "not allowed with" in both.err) == (2, True)


def test_the_rejects_of_an_import_without_a_map_are_read_without_it_too(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, ["Company", "Name", "Email"], ["Acme", "Ann Lee", "bad@"])
    put_map(folder, sections(Company="Contact Name", Name="Company", Email=""))
    assert "leads_rejects.csv --no-map" in run("import", "leads.csv", "--no-map").err


def test_a_map_from_elsewhere_is_kept_so_that_rejects_need_no_flag(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, HEADER, ROW, ["Oak", "Bo Ray", "bad@"])
    (folder / "mine").mkdir()
    (folder / "mine" / "answers.toml").write_text(TEXT, encoding="utf-8")
    ran = run("import", "leads.csv", "--json", "--map", "mine/answers.toml")
    kept = Path(ran.json["map"])
    assert (kept, kept.read_text(encoding="utf-8")) == (Path("input_data/maps/answers.toml"), TEXT)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    rejects = Path(ran.json["files"]["rejects"])
    rejects.write_text(rejects.read_text(encoding="utf-8").replace("Ray,bad@", "Ray,bo@oak.com"), encoding="utf-8")
    again = run("import", str(rejects), "--json")
    assert (again.code, again.json["map"], lost(again)) == (0, str(kept), [])
    assert close_holds(user) == ACME | {"OAK": Held([("BO RAY", office("bo@oak.com"), {})])}


def test_a_map_that_is_given_again_and_again_is_kept_once(run: Run, folder: Path, user: RawClose) -> None:
    for name in ("one.toml", "two.toml"):
        (folder / name).write_text(sections(Firm="Company", Who="Contact Name"), encoding="utf-8")
    for row in (ROW, ["Oak", "Bo Ray", "bo@oak.com"], ROW):
        put_rows(folder, [*HEADER[:2], "Email"], row)
        for name in ("one.toml", "two.toml"):
            ran = run("import", "leads.csv", "--json", "--map", name)
            assert (ran.code, ran.json["map"]) == (0, "input_data/maps/one.toml"), ran.err
    assert [path.name for path in sorted(Path("input_data/maps").iterdir())] == ["one.toml"]
    assert run("import", "leads.csv", "--json").json["map"] == "input_data/maps/one.toml"


def test_maps_that_others_take_the_place_of_are_never_lost(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, HEADER, ROW)
    texts = [TEXT.replace("Contact Name", target) for target in ("Full Name", "First Name", "Last Name")]
    put_map(folder, texts[0])
    for text in texts[1:]:
        (folder / "leads.toml").write_text(text, encoding="utf-8")
        ran = run("import", "leads.csv", "--map", "./leads.toml")
        assert (ran.code, "is not used any more" in ran.err) == (0, True)
    kept = {path.name: path.read_text(encoding="utf-8") for path in Path("input_data/maps").iterdir()}
    assert sorted(kept.values()) == sorted(texts)
    assert kept["leads.toml"] == texts[2]


def test_a_map_without_an_ending_is_found_again(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, HEADER, ROW)
    (folder / "notes.txt").write_text(TEXT, encoding="utf-8")
    assert run("import", "leads.csv", "--map", "notes.txt").code == 0
    assert run("import", "leads.csv", "--json").json["map"] == "input_data/maps/notes.toml"


def test_a_map_of_some_columns_is_completed_with_the_others(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, ["Kunde", "Email", "Mobile", "Rating"], ["Acme", "ann@acme.com", "415 555 0100", "5"])
    put_map(folder, sections(Kunde="Company").replace("\n", "\r\n"))
    assert run("import", "leads.csv", "--json").code == 2
    ran = run("import", "leads.csv", "--json", "--map", "leads")
    held = {"ACME": Held([("", office("ann@acme.com"), {"+14155550100": "mobile"})])}
    assert (ran.code, close_holds(user)) == (0, held)
    text = Path(ran.json["map"]).read_text(encoding="utf-8")
    assert "Added, because leads.csv has these columns, too." in text
    assert text.count("target = ") == 4
    again = run("import", "leads.csv", "--json")
    assert (again.code, again.json["leads"]["unchanged"], close_holds(user)) == (0, 1, held)


def test_a_map_that_does_not_fit_is_refused_with_what_differs(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, ["Firm", "Name", "Reach"], ROW)
    put_map(folder, TEXT)
    ran = run("import", "leads.csv", "--map", "leads.toml")
    assert (ran.code, leads_held(user)) == (2, {})
    assert "leads.toml" in ran.err
    assert "the file lacks the column 'Who'; it has the column 'Name', which the map lacks" in ran.err


def test_two_maps_that_fit_ask_for_a_choice(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, HEADER, ROW)
    put_map(folder, TEXT, "one.toml")
    put_map(folder, TEXT.replace("Contact Name", "Full Name"), "two.toml")
    ran = run("import", "leads.csv")
    assert (ran.code, leads_held(user)) == (2, {})
    told = "Both input_data/maps/one.toml and input_data/maps/two.toml have the columns of leads.csv."
    assert f"{told} Choose one with --map, or add --no-map." in ran.err
    assert run("import", "leads.csv", "--map", "two.toml").code == 0


def test_rejects_that_would_find_another_map_or_none_are_to_be_imported_with_theirs(
    run: Run, folder: Path, user: RawClose
) -> None:
    put_rows(folder, HEADER, ["Acme", "Ann Lee", "bad@"])
    put_map(folder, TEXT)
    put_map(folder, TEXT.replace("Contact Name", "Full Name"), "other.toml")
    rejects = "import output_data/leads_rejects.csv"
    assert run("import", "leads.csv").err.endswith(f"{rejects}\n")
    told = run("import", "leads.csv", "--map", "other.toml").err
    assert told.endswith(f"{rejects} --map input_data/maps/other.toml\n")
    (folder / "input_data" / "maps" / "leads.toml").rename(folder / "my map.toml")
    assert run("import", "leads.csv", "--map", "other.toml").err.endswith(f"{rejects}\n")
    (folder / "input_data").rename(folder / "elsewhere")
    (folder / "input_data").write_text("a file where the folder should be", encoding="utf-8")
    assert run("import", "leads.csv", "--map", "my map.toml").err.endswith(f"{rejects} --map 'my map.toml'\n")


def test_a_map_that_all_but_fits_stops_the_import(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, ["Firm", "Who", "Reach", "Extra"], [*ROW, "x"])
    put_map(folder, TEXT)
    ran = run("import", "leads.csv", "-q")
    assert (ran.code, leads_held(user)) == (2, {})
    told = "leads.toml almost fits leads.csv: the file has the column 'Extra', which the map lacks. "
    assert f"{told}If it is for this file, add --map input_data/maps/leads.toml; if not, add --no-map." in ran.err
    put_rows(folder, ["Firm", "Name", "Reach"], ROW)
    told = "the file lacks the column 'Who'; it has the column 'Name', which the map lacks. If it is for this file, "
    assert f"{told}correct the names in the map; if not, add --no-map." in run("import", "leads.csv").err


def test_a_map_that_all_but_fits_does_not_matter_if_it_says_what_the_titles_say(
    run: Run, folder: Path, user: RawClose
) -> None:
    put_rows(folder, ["Company", "Email"], ["Acme", "ann@acme.com"])
    assert run("map", "leads.csv").code == 0
    put_rows(folder, ["Company", "Email", "Phone"], ["Acme", "ann@acme.com", "+14155550134"])
    ran = run("import", "leads.csv")
    assert (ran.code, "maps" in ran.err) == (0, False)
    assert [each["name"] for each in leads_held(user).values()] == ["ACME"]


def test_a_broken_map_with_the_name_of_the_file_stops_the_import(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, ["Company"], ["Acme"])
    put_map(folder, "target = Company")
    for flags, code in (([], 2), (["--no-map"], 0)):
        ran = run("import", "leads.csv", *flags)
        assert (ran.code, "leads.toml, line 1" in ran.err) == (code, code == 2)


def test_a_dry_run_does_not_complete_a_map(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, ["Firm", "Who", "Reach", "Extra"], [*ROW, "x"])
    path = put_map(folder, TEXT)
    before = path.read_text()
    assert run("import", "leads.csv", "--map", "leads", "--dry-run").code == 0
    assert path.read_text() == before
    ran = run("import", "leads.csv", "--map", "leads")
    assert "lacked 1 column of leads.csv" in ran.err
    assert path.read_text().startswith(before) and "Extra" in path.read_text().removeprefix(before)


def test_broken_maps_stop_no_import_but_their_own(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, HEADER, ROW)
    put_map(folder, TEXT, "broken.toml", "utf-16")
    put_map(folder, "[columns", "torn.toml")
    (folder / "input_data" / "maps" / "folder.toml").mkdir()
    (folder / "answers.toml").write_text(TEXT, encoding="utf-8")
    ran = run("import", "leads.csv", "--json", "--map", "answers.toml")
    assert (ran.code, close_holds(user)) == (0, ACME), ran.err
    again = run("import", "leads.csv", "--json")
    assert (again.code, again.json["map"]) == (0, "input_data/maps/answers.toml")
    assert [name for name in ("broken", "torn", "folder") if f"{name}.toml is not used" not in again.err] == []
    assert run("import", "leads.csv", "--map", "broken.toml").code == 2


def test_an_import_tells_its_result_even_if_the_map_can_not_be_kept(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, HEADER, ROW)
    (folder / "input_data").write_text("a file where the folder should be", encoding="utf-8")
    (folder / "answers.toml").write_text(TEXT, encoding="utf-8")
    ran = run("import", "leads.csv", "--json", "--map", "answers.toml")
    assert (ran.code, ran.json["rows"]["created"], ran.json["map"]) == (0, 1, "answers.toml")
    assert "could not be kept" in ran.err
    assert len(table(ran.json["files"]["imported"])) == 1


# Columns that are hard to name ---------------------------------------------------------------------------------------


def test_columns_without_a_name_of_their_own_are_told_apart_by_their_numbers(
    run: Run, folder: Path, user: RawClose
) -> None:
    put_rows(folder, ["Mail", "Mail (column 1)", "", "Mail", "Company"], ["a@x.com", "b@x.com", "Ann", "bad@", "Acme"])
    assert run("map", "leads.csv").code == 0
    path = Path("input_data/maps/leads.toml")
    titles = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("[columns.")]
    assert len(set(titles)) == 5
    targets = iter(["Contact Emails", "Contact Emails", "Contact Name", "Contact Emails", "Company"])
    lines = path.read_text(encoding="utf-8").splitlines()
    text = "\n".join(f'target = "{next(targets)}"' if line.startswith("target = ") else line for line in lines)
    path.write_text(text, encoding="utf-8")
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, lost(ran)) == (0, [(2, "invalid_email", "bad@")]), ran.err
    assert close_holds(user) == {"ACME": Held([("ANN", office("a@x.com", "b@x.com"), {})])}
    assert run("import", ran.json["files"]["rejects"], "--json").json["map"] == str(path)


def test_doubled_titles_are_for_a_person_to_decide(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, ["Company", "custom.Note", "custom.Note"], ["Acme", "left", "right"])
    assert run("import", "leads.csv").code == 2
    told = run("map", "leads.csv", "--json").json["columns"]
    assert [each["target"] for each in told] == ["Company", "?", "?"]
    for flags in ([], ["--ignore-columns"]):
        assert (run("import", "leads.csv", *flags).code, leads_held(user)) == (2, {})
    path = Path("input_data/maps/leads.toml")
    text = path.read_text(encoding="utf-8").replace('target = "?"', 'target = "custom.Note"', 1)
    path.write_text(text.replace('target = "?"', 'target = ""'), encoding="utf-8")
    assert run("import", "leads.csv").code == 0
    assert close_holds(user) == {"ACME": Held([], custom={"Note": "left"})}


def test_what_is_undecided_is_never_guessed(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, ["Company", "Name"], ["Acme", "ann@acme.com"])
    assert run("map", "leads.csv").code == 0
    ran = run("import", "leads.csv")
    assert (ran.code, "the column 'Name' is undecided" in ran.err, leads_held(user)) == (2, True, {})
    assert run("import", "leads.csv", "--ignore-columns").code == 0
    assert close_holds(user) == {"ACME": Held([("ANN@ACME.COM", {}, {})])}


# The form of the file ------------------------------------------------------------------------------------------------


def test_the_form_in_a_map_holds_for_its_file_and_not_for_the_rejects(run: Run, folder: Path, user: RawClose) -> None:
    text = "Leads\n\nFirm;Who;Reach\nCafé;Zoë Ñu;zoe@cafe.fr\nÖl AG;Jörg;bad@\n"
    (folder / "leads.csv").write_bytes(text.encode("cp1252"))
    put_map(folder, '[file]\ndelimiter = "semicolon"\nencoding = "cp1252"\nheader_row = 3\n\n' + TEXT)
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, lost(ran)) == (0, [(5, "invalid_email", "bad@")]), ran.err
    held = {"CAFÉ": Held([("ZOË ÑU", office("zoe@cafe.fr"), {})]), "ÖL AG": Held([("JÖRG", {}, {})])}
    assert close_holds(user) == held
    rejects = Path(ran.json["files"]["rejects"])
    rejects.write_text(rejects.read_text(encoding="utf-8").replace("Jörg,bad@", "Jörg,j@oel.de"), encoding="utf-8")
    again = run("import", str(rejects), "--json")
    assert (again.code, again.json["map"]) == (0, "input_data/maps/leads.toml"), again.err
    assert close_holds(user) == held | {"ÖL AG": Held([("JÖRG", office("j@oel.de"), {})])}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_later_file_in_another_encoding_keeps_its_accents(
    run: Run, folder: Path, user: RawClose, encoding: str
) -> None:
    (folder / "leads.csv").write_bytes("Firm,Who,Reach\nCafé,Zoë,\n".encode(encoding))
    put_map(folder, '[file]\nencoding = "cp1252"\n\n' + TEXT)
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, ran.json["map"]) == (0, "input_data/maps/leads.toml"), ran.err
    assert close_holds(user) == {"CAFÉ": Held([("ZOË", {}, {})])}


def test_a_map_for_a_sheet_that_is_not_there_names_the_map(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, HEADER, ROW)
    put_map(folder, "[file]\nheader_row = 9\n\n" + TEXT)
    (folder / "leads.csv").write_text("Firm;Who\nAcme;Ann", encoding="utf-8")
    ran = run("import", "leads.csv", "--map", "leads.toml")
    assert (ran.code, "leads.toml: [file] does not fit" in ran.err, leads_held(user)) == (2, True, {})


def test_a_map_fits_what_comes_on_standard_input(
    run: Run, folder: Path, user: RawClose, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_map(folder, TEXT)
    content = b"Firm,Who,Reach\nAcme,Ann Lee,ann@acme.com\n"
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    ran = run("import", "-", "--json")
    assert (ran.code, ran.json["map"], close_holds(user)) == (0, "input_data/maps/leads.toml", ACME)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content.replace(b"Who", b"Name"))))
    assert run("map", "-", "--json").json["map"] == "input_data/maps/stdin.toml"


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_rejects_remember_how_columns_are_read_that_a_map_gives_another_meaning(
    run: Run, folder: Path, user: RawClose, ending: str
) -> None:
    header = ["Company", "Email", "custom.A", "custom.B"]
    put_rows(folder, header, ["Oak", "", "05/13/2004", "13/05/2004"], ["Acme", "bad@", "01/02/2004", "01/02/2004"])
    dates = {"Signed": "custom.A", "Ended": "custom.B"}
    asked = "".join(f'[columns."{each}"]\ntarget = "custom.{name}"\ntype = "date"\n' for name, each in dates.items())
    put_map(folder, sections(Company="Company", Email="Contact Emails") + asked)
    assert run("import", "leads.csv", "--rejects-xlsx").code == 0
    again = run("import", f"output_data/leads_rejects.{ending}", "--json")
    assert (again.code, again.json["values_dropped"]) == (0, 1), again.err
    assert again.json["leads"]["unchanged"] == 1
    assert close_holds(user)["ACME"] == Held([], custom={"Signed": "2004-01-02", "Ended": "2004-02-01"})


def test_a_second_map_for_the_same_columns_is_not_written_by_itself(run: Run, folder: Path, user: RawClose) -> None:
    put_rows(folder, ["Firm", "Who", "Reach"], ROW, name="june.csv")
    put_rows(folder, ["Who", "Reach", "Firm"], ROW, name="july.csv")
    assert run("map", "june.csv").code == 0
    ran = run("map", "july.csv")
    assert ran.code == 2
    assert "input_data/maps/june.toml has the columns of july.csv already" in ran.err
    assert run("map", "july.csv", "--output", "july.toml").code == 0
