"""`undo --dry-run` tells what an undo would do, lead by lead, and writes neither to Close nor to the journal."""

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from close.errors import CloseUnreachable
from importing.undo.dry_run import DryRunClient, WriteInDryRun
from sandbox import Fault, Sandbox
from tests.conftest import Run
from tests.raw_close import RawClose
from tests.watched import Watched
from tests.what_close_holds import custom_ids, leads_held, named, people_on, table, writes_to

Clock = Callable[[], float]
Write = Callable[..., Path]


def cut_off(*_: Any) -> Any:
    """The connection is gone before what was lost is looked for."""
    raise CloseUnreachable("no connection")


def journal_rows() -> list[str]:
    """All that the journal holds."""
    with contextlib.closing(sqlite3.connect("output_data/journal.sqlite")) as journal:
        return list(journal.iterdump())


def counts(report: Any) -> Any:
    """What an undo and its dry run tell alike."""
    left = sorted((lead["lead_id"], lead["company"], lead["reason"]) for lead in report["left"])
    return report["run_id"], report["deleted"], report["restored"], left


def import_and_work_on_it(run: Run, write: Write, user: RawClose) -> None:
    """A run of which people then edit, use, merge and delete some leads."""
    person = {"name": "Ann", "emails": [{"type": "home", "email": "ann@x.com"}]}
    for name in ("Filled", "Refilled"):
        user.made("/lead/", name=name, contacts=[person])
    write(
        *(f"New {number:02},,,,,,CA" for number in range(12)),
        *("Edited,,,,,,", "Tasked,,,,,,", "Merged,,,,,,", "Gone,,,,,,"),
        *('Filled,Ann,"ann@x.com\nann@y.com",,17.05.1987,5,CA', "Filled,Bee,bee@x.com,+1 415 555 0101,,,"),
        "Refilled,Cee,,,,6,",
    )
    assert run("import", "leads.csv", "-q").code == 0
    held = leads_held(user)
    user.put(f"/lead/{named(held, 'EDITED')['id']}/", json={"description": "=1+1"}).raise_for_status()
    user.made("/task/", lead_id=named(held, "TASKED")["id"], text="call them")
    other = user.made("/lead/", name="Other")["id"]
    user.made("/lead/merge/", source=named(held, "MERGED")["id"], destination=other)
    user.delete(f"/lead/{named(held, 'GONE')['id']}/").raise_for_status()
    revenue = custom_ids(user)["Company Revenue"]
    user.put(f"/lead/{named(held, 'Refilled')['id']}/", json={revenue: 60}).raise_for_status()


def test_an_undo_does_what_its_dry_run_told_and_the_dry_run_writes_nothing(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    import_and_work_on_it(run, write, user)
    before, rows, written = leads_held(user), journal_rows(), writes_to(connected)
    told = run("undo", "last", "--dry-run")
    foreseen = run("undo", "last", "--dry-run", "--json")
    assert (told.code, foreseen.code, foreseen.json["dry_run"]) == (4, 4, True)
    assert (leads_held(user), journal_rows(), writes_to(connected)) == (before, rows, written)

    plan = table(foreseen.json["files"]["plan"])
    by_action = {
        action: [line for line in plan if line["action"] == action] for action in ("leave", "restore", "delete")
    }
    assert {action: [line["company"] for line in lines] for action, lines in by_action.items()} == {
        "leave": ["EDITED", "MERGED", "REFILLED", "TASKED"],
        "restore": ["FILLED"],
        "delete": ["GONE", *(f"NEW {number:02}" for number in range(12))],
    }
    (filled,) = by_action["restore"]
    values = ["contact: BEE, bee@x.com, +14155550101", "e-mail of Ann: ann@y.com", "address: CA, US"]
    values += ["Company Founded: 1987-05-17", "Company Revenue: 5"]
    key = named(before, "Filled")[custom_ids(user)["Import Key"]]
    assert sorted(filled["taken back"].split("; ")) == sorted([*values, f"Import Key: {key}"])
    assert [line["company"] for line in by_action["leave"] if "contact: CEE" in line["taken back"]] == ["REFILLED"]
    assert Path(foreseen.json["files"]["plan"]).stat().st_mode & 0o777 == 0o600

    lines = told.out.splitlines()
    assert lines[0].endswith(": would be deleted: 13 leads; restored: 1; left: 4")
    edited = named(before, "EDITED")
    assert f"  EDITED ({edited['html_url']}): it has since been changed in Close" in lines
    assert f"  FILLED ({filled['link']}): {filled['taken back']}" in lines
    command = f"to carry this out: python main.py undo {foreseen.json['run_id']}"
    listing = f"plan: {foreseen.json['files']['plan']}"
    assert lines[-4:] == ["  and 3 more", "Nothing was written to Close.", listing, command]

    undone = run("undo", "last", "--json")
    assert (undone.code, counts(undone.json)) == (4, counts(foreseen.json))
    assert undone.json.keys() == {"run_id", "deleted", "restored", "left"}
    after = leads_held(user)
    assert not {line["lead id"] for line in by_action["delete"]} & after.keys()
    for line in by_action["leave"]:
        is_as_it_was = after.get(line["lead id"]) == before.get(line["lead id"])
        assert is_as_it_was == (not line["taken back"]), line
    assert people_on(after[filled["lead id"]]) == [("Ann", ["ann@x.com"], [])]
    again = run("undo", "last", "--dry-run", "--json")
    assert counts(again.json)[3] == counts(undone.json)[3]


def test_a_dry_run_waits_for_no_lost_answer_and_says_what_an_undo_would_delete_first(
    run: Run, write: Write, clock: Clock, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer is lost and the process dies; then a lead that was sent twice is there twice."""
    with Watched(clock=clock, index_lag=2, late_seconds=600) as sandbox, RawClose(sandbox, "key-of-a-user") as user:
        connect(sandbox)
        write("Acme,,,,,7,", "Beta,,,,,8,")
        late = Fault("late", on="POST /api/v1/lead/", times=1)
        with sandbox.troubled([late]):
            assert run("import", "leads.csv", "--workers", "1", "--index-lag", "20").code == 0
        time.sleep(700)
        rows, held = journal_rows(), leads_held(user)
        foreseen = run("undo", "last", "--dry-run", "--index-lag", "20")
        assert foreseen.code == 0
        lines = foreseen.out.splitlines()
        assert "would be deleted: 2 leads; restored: 0; left: 0" in lines[0]
        (double,) = lines[lines.index("duplicates that would be deleted first:") + 1 : -3]
        assert double.strip() in {lead["html_url"] for lead in held.values()}
        assert (journal_rows(), leads_held(user)) == (rows, held)
        assert run("undo", "last", "--json", "--index-lag", "20").json["deleted"] == 2
        assert leads_held(user) == {}

        write("Gamma,,,,,,", name="lost.csv")
        with sandbox.troubled([Fault("drop-before", on="POST /api/v1/lead/", times=1)]), monkeypatch.context() as patch:
            patch.setattr("importing.carry_out.settle", cut_off)
            assert run("import", "lost.csv").code == 5
        began, rows = clock(), journal_rows()
        ran = run("undo", "last", "--dry-run", "--json")
        assert (ran.code, clock() - began < 15) == (5, True)
        (left,) = ran.json["left"]
        assert (left["company"], left["lead_id"]) == ("GAMMA", "")
        assert left["reason"] == "it is not known yet whether Close has this lead; an undo looks for it first"
        assert journal_rows() == rows


def test_a_lead_that_the_run_created_and_then_filled_is_foreseen_as_a_whole(
    run: Run, write: Write, clock: Clock, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The values that were added are taken out first, and only then is the lead as it was created."""
    monkeypatch.setattr("commands.environment.LIST_LAG", 10.0)
    with Watched(clock=clock) as sandbox:
        connect(sandbox)
        write("Acme,Ann,ann@x.com,,,,")
        with monkeypatch.context() as patch:
            patch.setattr("importing.import_file.note_result", lambda _: None)
            assert run("import", "leads.csv").code == 0
        for lines in (("Acme,Ann,ann@y.com,,,7,CA",), ("Acme,Ann,ann@z.com,,,,", "Acme,Bee,,,,,")):
            write(*lines)
            with monkeypatch.context() as patch:
                patch.setattr("importing.import_file.note_result", lambda _: None)
                assert run("import", "leads.csv").code == 0
        foreseen = run("undo", "last", "--dry-run", "--json")
        assert "Waiting" in foreseen.err
        undone = run("undo", "last", "--json")
        assert (counts(foreseen.json), foreseen.json["deleted"]) == (counts(undone.json), 1)


def test_a_client_for_dry_runs_sends_no_write(connected: Sandbox) -> None:
    client = DryRunClient("key-for-tests", connected.close_url)
    with contextlib.closing(client), pytest.raises(WriteInDryRun):
        client.create_lead({"name": "Acme"})
    assert not writes_to(connected)
