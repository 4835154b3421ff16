"""`import` puts each company into Close once, and accounts for every row."""

import os
import re
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cells.companies import import_key
from close_client import CloseClient
from commands.terminal import with_progress
from sandbox import Fault, Sandbox
from tests.conftest import Run
from tests.what_close_holds import table

Write = Callable[..., Path]
Connect = Callable[[Sandbox], None]
Clock = Callable[[], float]

ACME = 'Acme,Ann,"a@x.com\nb@x.com",📞 +1 415 555 0100,17.05.1987,"$1,250.50",California'


def leads_in(sandbox: Sandbox) -> dict[str, int]:
    """How many leads there are for each import key."""
    by_key: dict[str, int] = sandbox.report()["leads_by_value"].get("Import Key", {})
    return by_key


def test_a_lead_arrives_whole(run: Run, write: Write, connected: Sandbox, close: CloseClient) -> None:
    write(ACME, "Acme,Bee,,,,,", "Blank,,,,,,")
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, ran.json["leads"]["created"], ran.json["rows"]["created"]) == (0, 2, 3)
    acme, _, blank = table(ran.json["files"]["imported"])
    lead = close.read_lead(acme["lead id"])
    fields = {field.id: field.name for field in close.lead_fields()}
    assert lead["name"] == "ACME"
    assert [(address["state"], address["country"]) for address in lead["addresses"]] == [("CA", "US")]
    assert {fields[key.removeprefix("custom.")]: lead[key] for key in lead if key.startswith("custom.")} == {
        "Company Founded": "1987-05-17",
        "Company Revenue": 1250.5,
        "Import Key": import_key("Acme"),
    }
    assert [
        (
            contact["name"],
            [email["email"] for email in contact["emails"]],
            [phone["phone"] for phone in contact["phones"]],
        )
        for contact in lead["contacts"]
    ] == [("ANN", ["a@x.com", "b@x.com"], ["+14155550100"]), ("BEE", [], [])]
    assert acme["link"] == lead["html_url"]
    assert close.read_lead(blank["lead id"])["addresses"] == []


def test_the_fields_that_are_missing_are_made_with_their_types(
    run: Run, write: Write, connected: Sandbox, close: CloseClient
) -> None:
    write("Acme,Retail,7,2020-01-31,,", header="Company,custom.Industry,custom.Staff,custom.Opened,custom.Empty,Other")
    ran = run("import", "leads.csv")
    assert ran.code == 0
    assert {field.name: field.kind for field in close.lead_fields()} == {
        "Import Key": "text",
        "Industry": "text",
        "Staff": "number",
        "Opened": "date",
    }
    assert "Columns not imported" not in ran.err  # the column has no values


def test_a_shared_field_and_one_of_another_case_are_found(run: Run, write: Write, connected: Sandbox) -> None:
    connected.add_shared_field("industry", "text")
    write("Acme,Retail", header="Company,custom.Industry")
    assert run("import", "leads.csv").code == 0
    assert connected.report()["leads_by_value"]["industry"] == {"Retail": 1}


def test_the_same_file_again_changes_nothing_and_takes_a_few_requests(
    run: Run, write: Write, connected: Sandbox
) -> None:
    write(*(f"Company {number},,,,,," for number in range(150)))
    assert run("import", "leads.csv", "--json").json["leads"]["created"] == 150
    again = run("import", "leads.csv", "--json", "--names", "title")
    assert again.json["leads"] == dict.fromkeys(again.json["leads"], 0) | {"unchanged": 150}
    assert again.json["requests"] <= 6
    assert connected.report()["leads"] == 150


def test_the_accounts_add_up(run: Run, write: Write, connected: Sandbox) -> None:
    write(
        ACME, ",Nobody,,,,,", "Acme,Ann,bad,call me,,7,", "Beta,,,,,,", "Too,many,cells,,,,,here", "", "Beta,Cee,,,,,"
    )
    ran = run("import", "leads.csv", "--json")
    assert ran.code == 4
    assert ran.json["rows"] == {
        **{"total": 6, "created": 4, "updated": 0, "unchanged": 0, "skipped": 0},
        **{"rejected": 2, "failed": 0, "undetermined": 0},
    }
    assert ran.json["values_dropped"] == 3
    assert [(line["row"], line["outcome"]) for line in table(ran.json["files"]["imported"])] == [
        *[("2", "created"), ("3", "rejected"), ("4", "created"), ("5", "created"), ("6", "rejected"), ("8", "created")]
    ]
    assert list(table(ran.json["files"]["imported"])[0]) == [
        *["row", "company", "outcome", "reason", "changes", "lead id", "link"]
    ]


def test_the_report_is_the_same_in_words(run: Run, write: Write, connected: Sandbox) -> None:
    write(ACME, ",Nobody,,,,,", "Beta,,bad,,,,")
    ran = run("import", "leads.csv")
    assert "leads.csv: 3 rows, 2 leads" in ran.out
    assert "values dropped: 1 (1 invalid_email)" in ran.out
    assert (
        "Fix the rows in output_data/leads_rejects.csv, then run: python main.py import output_data/leads_rejects.csv"
        in ran.err
    )


# The rejects file


def test_a_reject_stands_as_it_stood_in_the_file(run: Run, write: Write, connected: Sandbox) -> None:
    write('Acme,  aNN ,"bad\r\nworse",=1+1,17.05.1987,€5,', "Fine,,,,18.05.1987,,", name="dirty.csv")
    ran = run("import", "dirty.csv", "--json")
    (line,) = table(ran.json["files"]["rejects"])
    assert [line[name] for name in ("Company", "Contact Name", "Contact Emails", "Contact Phones")] == [
        *["Acme", "  aNN ", "bad\r\nworse", "=1+1"]
    ]
    assert line["_row"] == "2"
    assert line["_column"].splitlines() == [*["Contact Emails"] * 2, "Contact Phones", "custom.Company Revenue"]
    assert line["_value"].splitlines() == ["bad", "worse", "=1+1", "€5"]
    assert line["_code"].splitlines() == [*["invalid_email"] * 2, "formula", "wrong_currency"]
    assert len(line["_reason"].splitlines()) == 4
    assert line["_date_order"] == "dmy"


def test_a_mended_rejects_file_imports_as_it_is(run: Run, write: Write, connected: Sandbox) -> None:
    write(",Ann,,,03/04/2019,,", "Known,,,,25/12/2019,5,", ",Bee,,,,,")
    rejects = Path(run("import", "leads.csv", "--json").json["files"]["rejects"])
    mended = rejects.read_bytes().replace(b"\n,Ann", b"\nFirst,Ann").replace(b"\n,Bee", b"\nSecond,Bee")
    rejects.write_bytes(mended)
    again = run("import", str(rejects), "--json")
    assert (again.code, again.json["leads"]["created"]) == (0, 2)
    assert table(again.json["files"]["rejects"]) == []
    assert run("segment", "2019-04-03", "2019-04-03", "--json").json["leads"] == 1


def test_a_rejects_file_of_a_rejects_file_has_our_columns_once(run: Run, write: Write, connected: Sandbox) -> None:
    write(",Ann,,,,,")
    rejects = run("import", "leads.csv", "--json").json["files"]["rejects"]
    (line,) = table(run("import", rejects, "--json").json["files"]["rejects"])
    assert list(line).count("_row") == 1
    assert (line["Contact Name"], line["_row"]) == ("Ann", "2")


def test_a_rejects_file_that_nobody_mended_is_rejected_whole(run: Run, write: Write, connected: Sandbox) -> None:
    write("Acme, Inc,Ann,,,,,,", ",Bee,,,,,", "Fine,,,,,,")
    rejects = run("import", "leads.csv", "--json").json["files"]["rejects"]
    again = run("import", rejects, "--json")
    assert (again.code, again.json["rows"]["rejected"], connected.report()["leads"]) == (4, 2, 1)


def test_a_file_for_people_has_a_byte_order_mark_if_it_needs_one_or_the_source_had_one(
    run: Run, write: Write, connected: Sandbox
) -> None:
    write(",Ann,,,,,", "Acme,,,,,,", name="excel.csv", encoding="utf-8-sig")
    write(",Änn,,,,,", "Ölwerke,,,,,,", name="accents.csv")
    write(",Ann,,,,,", "Acme,,,,,,", name="plain.csv")
    for name, marked in (("excel", ["rejects"]), ("accents", ["imported", "plan", "rejects"]), ("plain", [])):
        run("import", f"{name}.csv", "--dry-run")
        run("import", f"{name}.csv")
        kinds = ("imported", "plan", "rejects")
        files = {kind: Path(f"output_data/{name}_{kind}.csv").read_bytes() for kind in kinds}
        assert [kind for kind in kinds if files[kind].startswith(b"\xef\xbb\xbf")] == marked
        again = run("import", f"output_data/{name}_rejects.csv", "--json")
        assert again.json["rows"]["rejected"] == 1


def test_the_command_for_the_rejects_repeats_what_they_need(run: Run, write: Write) -> None:
    write(",Ann,,020 7946 0958,,,")
    ran = run("import", "leads.csv", "--sandbox", "--region", "gb", "--names", "keep")
    assert ran.err.splitlines()[-1].endswith("import output_data/leads_rejects.csv --region GB --names keep --sandbox")


def test_a_full_disk_is_told_after_what_was_sent(
    run: Run, write: Write, connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", fill)
    write("Acme,,,,,,")
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, ran.json["leads"]["created"], ran.json["files"]["imported"]) == (1, 1, None)
    assert "No space left on device" in ran.err


def test_a_place_for_the_output_is_found_before_anything_is_sent(
    run: Run, write: Write, connected: Sandbox, folder: Path
) -> None:
    (folder / "output_data").write_text("in the way")
    write("Acme,,,,,,")
    ran = run("import", "leads.csv")
    assert (ran.code, "Go to a folder that you can write to" in ran.err) == (2, True)
    assert connected.report()["requests"] == 0


def test_a_rejects_file_that_somebody_edited_is_never_overwritten(run: Run, write: Write, connected: Sandbox) -> None:
    write(",Ann,,,,,")
    first = Path(run("import", "leads.csv", "--json").json["files"]["rejects"])
    assert Path(run("import", "leads.csv", "--json").json["files"]["rejects"]) == first
    first.write_text("my own work")
    second = Path(run("import", "leads.csv", "--json").json["files"]["rejects"])
    assert second.name == "leads_rejects_2.csv"
    assert first.read_text() == "my own work"
    assert Path(run("import", "leads.csv", "--json").json["files"]["rejects"]) == second


def test_what_a_run_writes_is_for_its_owner_alone(run: Run, write: Write, connected: Sandbox, folder: Path) -> None:
    write(ACME, ",Ann,,,,,")
    run("import", "leads.csv")
    run("segment", "1950-01-01")
    run("qualify", "123")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder / "output_data").iterdir()}
    assert modes.keys() >= {"leads_imported.csv", "leads_rejects.csv", "output.csv", "qualifications.jsonl"}
    assert set(modes.values()) == {0o600}
    run("segment", "1950-01-01", "--log", "log.txt")
    assert (folder / "log.txt").stat().st_mode & 0o777 == 0o600


def test_a_company_that_looks_like_a_formula_is_harmless_in_a_spreadsheet(
    run: Run, write: Write, connected: Sandbox
) -> None:
    write("=1+1,,,,,,", "@sum,,,,,,", "-5 degrees,,,,,,", "+plus,,,,,,")
    lines = table(run("import", "leads.csv", "--json").json["files"]["imported"])
    assert [line["company"] for line in lines] == ["'=1+1", "'@SUM", "-5 DEGREES", "'+PLUS"]


# What Close refuses, and what gets lost


def test_a_lead_that_close_refuses_fails_with_its_words(run: Run, write: Write, connect: Connect) -> None:
    with Sandbox(lead_cap=None, country="US") as sandbox:
        connect(sandbox)
        write(f"{'A' * 1001},,,,,,", "Beta,,,,,,")
        ran = run("import", "leads.csv", "--json")
        assert (ran.code, ran.json["leads"]["failed"], ran.json["leads"]["created"]) == (4, 1, 1)
        (line,) = table(ran.json["files"]["rejects"])
        assert (line["_row"], line["_code"]) == ("2", "refused")
        assert "name: String should have at most 1000 characters" in line["_reason"]


def test_a_lead_whose_answer_is_lost_is_found_and_not_sent_again(run: Run, write: Write, connect: Connect) -> None:
    with Sandbox(faults=[Fault("drop-after", on="POST /api/v1/lead/", times=2)]) as sandbox:
        connect(sandbox)
        write(*(f"Company {number},,,,,," for number in range(10)))
        ran = run("import", "leads.csv", "--json")
        assert (ran.code, ran.json["leads"]["created"]) == (0, 10)
        assert sandbox.report()["requests_by_endpoint"]["POST /lead/"] == 10
        reasons = [line["reason"] for line in table(ran.json["files"]["imported"])]
        assert sum("answer was lost" in reason for reason in reasons) == 2
        assert set(leads_in(sandbox).values()) == {1}


def test_a_field_whose_creation_got_lost_is_looked_for_before_another_is_made(
    run: Run, write: Write, connect: Connect, clock: Clock
) -> None:
    faults = [Fault(name, on="POST /api/v1/custom_field/", times=1) for name in ("drop-after", "drop-before")]
    with Sandbox(faults=faults) as sandbox:
        connect(sandbox)
        write(ACME)
        assert run("import", "leads.csv").code == 0
        client = CloseClient("key", sandbox.close_url)
        names = [field.name for field in client.lead_fields()]
        client.close()
        assert sorted(names) == ["Company Founded", "Company Revenue", "Import Key"]


def test_a_full_plan_stops_the_run_and_says_what_was_not_sent(run: Run, write: Write, connect: Connect) -> None:
    with Sandbox(lead_cap=3) as sandbox:
        connect(sandbox)
        write(*(f"Company {number},,,,,," for number in range(40)))
        ran = run("import", "leads.csv", "--json", "--workers", "2")
        assert ran.code == 3
        assert (ran.json["leads"]["created"], ran.json["leads"]["skipped"]) == (3, 37)
        assert sandbox.report()["requests_by_endpoint"]["POST /lead/"] <= 6
        assert ran.err.splitlines()[-1].startswith("error: Your Close plan does not allow this")


def test_a_close_that_is_down_is_not_sent_the_whole_file(run: Run, write: Write, connect: Connect) -> None:
    with Sandbox(faults=[Fault("500", on="POST /api/v1/lead/")]) as sandbox:
        connect(sandbox)
        write(*(f"Company {number},,,,,," for number in range(100)))
        ran = run("import", "leads.csv", "--json")
        assert (ran.code, "10 answers in a row were lost" in ran.err) == (5, True)
        assert sandbox.report()["requests_by_endpoint"]["POST /lead/"] < 20
        assert ran.json["leads"]["undetermined"] + ran.json["leads"]["skipped"] == 100


def test_two_leads_with_one_key_are_left_alone_and_reported(
    run: Run, write: Write, connected: Sandbox, close: CloseClient
) -> None:
    write("Acme,,,,,,")
    first = table(run("import", "leads.csv", "--json").json["files"]["imported"])[0]
    original = close.read_lead(first["lead id"])
    key = next(name for name in original if str(original[name]).startswith("k1:"))
    double = close.create_lead({"name": "Acme", key: original[key]})
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, ran.json["leads"]["skipped"]) == (4, 1)
    reason = table(ran.json["files"]["imported"])[0]["reason"]
    assert original["html_url"] in reason
    assert double["html_url"] in reason


def test_what_close_holds_may_have_to_be_put_right_first(
    run: Run, write: Write, connected: Sandbox, close: CloseClient
) -> None:
    write("Acme,Retail", header="Company,custom.Industry")
    close.create_lead_field("Industry", "text")
    close.create_lead_field("Industry", "number")
    ran = run("import", "leads.csv")
    assert (ran.code, "2 lead custom fields named 'Industry'" in ran.err) == (2, True)
    assert run("segment", "2000-01-01", "--date-field", "Industry").code == 2
    close.create_lead_field("Import Key", "number")
    ran = run("import", "leads.csv")
    assert (ran.code, "must be of type text" in ran.err) == (3, True)
    assert connected.report()["leads"] == 0


def test_the_rate_limit_is_waited_out(run: Run, write: Write, connect: Connect, naps: list[float]) -> None:
    with Sandbox(faults=[Fault("429-bare", 0.3)]) as sandbox:
        connect(sandbox)
        write(*(f"Company {number},,,,,," for number in range(40)))
        ran = run("import", "leads.csv", "--json")
        assert (ran.code, ran.json["leads"]["created"]) == (0, 40)
        assert ran.json["throttled"] > 0
        assert sum(naps) > 0.3 * ran.json["throttled"]


def test_a_bug_in_the_middle_loses_no_outcome(
    run: Run, write: Write, connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_lead = CloseClient.create_lead

    def create_or_fail(client: CloseClient, lead: dict[str, Any], **more: Any) -> dict[str, Any]:
        made = create_lead(client, lead, **more)
        return made if lead["name"] != "COMPANY 5" else 1 / 0  # type: ignore[return-value]

    monkeypatch.setattr(CloseClient, "create_lead", create_or_fail)
    write(*(f"Company {number},,,,,," for number in range(40)))
    ran = run("import", "leads.csv", "--json", "--workers", "1")
    assert (ran.code, "ZeroDivisionError" in ran.err) == (1, True)
    outcomes = [line["outcome"] for line in table(ran.json["files"]["imported"])]
    assert outcomes == ["created"] * 5 + ["undetermined"] + ["skipped"] * 34


def test_a_bug_of_the_sending_itself_loses_no_outcome_either(
    run: Run, write: Write, connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = ThreadPoolExecutor.submit
    submitted: list[object] = []

    def submit_or_fail(pool: ThreadPoolExecutor, *args: Any, **kwargs: Any) -> Any:
        submitted.append(args)
        if len(submitted) == 9:
            raise RuntimeError("can't start new thread")
        return submit(pool, *args, **kwargs)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit_or_fail)
    write(*(f"Company {number},,,,,," for number in range(20)))
    ran = run("import", "leads.csv", "--json", "--workers", "1")
    assert (ran.code, "can't start new thread" in ran.err) == (1, True)
    assert (ran.json["leads"]["created"], ran.json["leads"]["undetermined"]) == (7, 13)
    assert len(table(ran.json["files"]["imported"])) == 20


def test_what_ends_the_making_of_fields_is_recorded(run: Run, write: Write, connect: Connect, clock: Clock) -> None:
    with Sandbox(faults=[Fault("drop-before", on="POST /api/v1/custom_field/")]) as sandbox:
        connect(sandbox)
        write("Acme,,,,,,", ",Ann,,,,,")
        ran = run("import", "leads.csv", "--json")
        assert (ran.code, ran.json["rows"]["skipped"], ran.json["rows"]["rejected"]) == (5, 1, 1)
        assert "may or may not have saved" in ran.err
        assert sandbox.report()["leads"] == 0


def test_a_mended_rejects_file_at_once_doubles_nothing(run: Run, write: Write, connect: Connect) -> None:
    with Sandbox(index_lag=60) as sandbox:
        connect(sandbox)
        write(",Ann,a@x.com,,,,", "Beta,Bob,bad,,,,", "Gamma,Cy,worse,,,,")
        ran = run("import", "leads.csv", "--json")
        rejects = Path(ran.json["files"]["rejects"])
        rejects.write_bytes(rejects.read_bytes().replace(b"\n,Ann", b"\nAlpha,Ann"))
        assert run("import", str(rejects), "--json").json["leads"]["created"] == 1
        assert sorted(leads_in(sandbox).values()) == [1, 1, 1]


def interrupt_after(sandbox: Sandbox, leads: int) -> None:
    for _ in range(10_000):
        if sandbox.report()["leads"] >= leads:
            break
        threading.Event().wait(0.005)
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_finishes_what_is_in_flight_and_records_it(run: Run, write: Write, connect: Connect) -> None:
    with Sandbox(latency=0.02) as sandbox:
        connect(sandbox)
        write(*(f"Company {number},,,,,," for number in range(400)))
        threading.Thread(target=interrupt_after, args=(sandbox, 10), daemon=True).start()
        ran = run("import", "leads.csv", "--json", "--workers", "2")
        assert ran.code == 130
        created = [line for line in table(ran.json["files"]["imported"]) if line["outcome"] == "created"]
        assert 0 < len(created) < 400
        assert len(created) == sandbox.report()["leads"] == ran.json["leads"]["created"]
        assert ran.json["leads"]["skipped"] == 400 - len(created)
        assert ran.err.endswith("continue: python main.py import leads.csv --json --workers 2\n")
        assert run("import", "leads.csv", "--json").json["leads"]["unchanged"] == len(created)


def test_a_sandboxed_import_is_kept_for_the_command_after_it(run: Run, write: Write) -> None:
    write(ACME, "Beta,,,,01.02.2003,7,NY")
    ran = run("import", "leads.csv", "--sandbox")
    assert "nothing leaves this computer" in ran.err
    assert run("import", "leads.csv", "--sandbox", "--json").json["leads"]["unchanged"] == 2
    assert run("segment", "1950-01-01", "--sandbox", "--json").json["leads"] == 2


def test_a_file_is_looked_for_in_the_input_folder_too(run: Run, write: Write, folder: Path) -> None:
    (folder / "input_data").mkdir()
    write(ACME).rename(folder / "input_data" / "leads.csv")
    assert run("import", "leads.csv", "--sandbox", "-q").err == ""


def test_progress_is_for_terminals_alone(run: Run, write: Write, connected: Sandbox) -> None:
    write(ACME)
    ran = run("import", "leads.csv")
    said = [line.split(" ")[0] for line in ran.err.splitlines()]
    assert said == ["plan:", *["new"] * 3, *["custom.Company"] * 2]
    assert "\x1b" not in ran.out + ran.err


def test_every_item_passes_through_the_bar(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert list(with_progress(iter(range(5)), 5, "leads", quiet=False)) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().err == ""
    monkeypatch.delenv("NO_COLOR")
    assert list(with_progress(iter(range(5)), 5, "leads", quiet=False)) == [0, 1, 2, 3, 4]
    assert "5/5 leads" in re.sub(r"\x1b\[[0-9;?]*\w", "", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Company,State,state ", "'State' appears twice, as columns 2 and 3. Rename"),
        (
            "Company,custom.A,x,custom.a,custom.A",
            "'custom.A' appears 3 times, as columns 2, 4 and 5. Rename",
        ),
    ],
)
def test_a_column_given_twice_is_told_with_its_places(run: Run, write: Write, header: str, words: str) -> None:
    write("Acme", header=header)
    ran = run("import", "leads.csv", "--dry-run", "--sandbox")
    assert (ran.code, words in ran.err) == (2, True)


def test_all_columns_of_emails_and_phones_are_read_and_told(run: Run, write: Write) -> None:
    write(
        "Acme,a@x.com,b@x.com,c@x.com,415 555 0100,2",
        header="Company,Contact Emails,Email 1,E-mail Address 2,Mobile Phone,Other",
    )
    rehearsed = run("import", "leads.csv", "--dry-run", "--sandbox")  # its table of columns says the same
    assert (rehearsed.err.count("columns: "), rehearsed.err.count("not imported")) == (0, 0)
    ran = run("import", "leads.csv", "--sandbox")
    told = "columns: Contact Emails from Contact Emails, Email 1 and E-mail Address 2; Contact Phones from Mobile Phone"
    assert told in ran.err
    assert "Columns not imported: Other." in ran.err


def test_a_rejects_file_is_read_by_its_mark_whatever_the_encoding_of_its_source(run: Run, write: Write) -> None:
    write(",Änn,,,,,", "Ölwerke,,,,,,", encoding="cp1252")
    rejects = run("import", "leads.csv", "--encoding", "cp1252", "--sandbox", "--json").json["files"]["rejects"]
    again = run("import", rejects, "--encoding", "cp1252", "--sandbox", "--json")
    (line,) = table(again.json["files"]["rejects"])
    assert line["Contact Name"] == "Änn"
