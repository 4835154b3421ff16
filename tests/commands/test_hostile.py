"""Names, words and files that somebody else has chosen, to control a terminal, to mislead, or to be logged."""

import contextlib
import json
import os
import sqlite3
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cells.safe_text import DIRECTIONS
from sandbox.wire import HttpRequest, Reply
from tests.conftest import Ran, Run
from tests.raw_close import RawClose
from tests.waiting_leads import Waiting
from tests.watched import Answer, Watched

Write = Callable[..., Path]

EVIL = "\x1b]0;owned\x07\x9b2J\u202eLTD\u2028\r\n20261129-000000-0000  finished"
CALLED_EVIL = "Evil Corp"
ADDRESS = "ann.secret@acme.example"


def with_evil_names(request: HttpRequest, answer: Answer) -> Reply | None:
    """Close's answer, in which the organization and everything called so have another name."""
    reply = answer(request)
    if reply is None:
        return None
    text = reply.body.decode().replace(json.dumps(CALLED_EVIL), json.dumps(EVIL))
    if request.path.startswith("/api/v1/organization/"):
        text = json.dumps({**json.loads(text), "name": EVIL})
    return Reply(reply.status, text.encode(), reply.headers)


@pytest.fixture
def evil(connect: Any) -> Iterator[tuple[Watched, RawClose]]:
    with Watched() as sandbox, RawClose(sandbox, "key-of-a-user") as user:
        connect(sandbox)
        sandbox.watch = with_evil_names
        yield sandbox, user


def assert_harmless(ran: Ran) -> None:
    """Nothing that was printed controls a terminal, and no line begins as a name wanted it to."""
    for text in (ran.out, ran.err):
        steering = {
            char for char in text if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in DIRECTIONS
        }
        assert steering <= {"\n"}, text
        assert not any(line.startswith("20261129-000000-0000") for line in text.splitlines())


def test_names_of_leads_and_of_the_organization_can_not_control_a_terminal(
    run: Run, write: Write, evil: tuple[Watched, RawClose]
) -> None:
    _, user = evil
    field = user.made("/custom_field/lead/", name="Company Founded", type="date")["id"]
    user.made("/custom_field/lead/", name="Company Revenue", type="number")
    user.made("/custom_field/lead/", name="Region", type="choices", choices=[CALLED_EVIL, "West"])
    waiting = Waiting(user)
    lead_id = waiting.lead("123", names=[CALLED_EVIL])
    user.put(f"/lead/{lead_id}/", json={"name": CALLED_EVIL, f"custom.{field}": "2001-01-01"})
    write(f"{CALLED_EVIL},Ann Bee,,,,,", f"Other,{CALLED_EVIL},,,,,", ",nobody,,,,,")
    said = [
        run("import", "leads.csv", "--dry-run"),
        run("import", "leads.csv"),
        run("runs"),
        run("segment", "2000-01-01", "--by", "Region", "--top", "3", "--stats"),
        run("segment", "2000-01-01", "--where", f"Region={EVIL}"),
        run("qualify", "--from-close", "--note-detail"),
    ]
    for lead in user.get("/lead/").json()["data"]:
        user.put(f"/lead/{lead['id']}/", json={"description": "looked at"})
        user.made("/activity/note/", lead_id=lead["id"], note="mine")
    said += [run("undo", "last"), run("undo", "last", "--json"), run("runs", "--json")]
    for ran in said:
        assert_harmless(ran)
    assert "left" in said[-3].out
    assert said[-2].json["left"]


def test_json_has_names_as_they_are(run: Run, write: Write, evil: tuple[Watched, RawClose]) -> None:
    _, user = evil
    field = user.made("/custom_field/lead/", name="Company Founded", type="date")["id"]
    user.made("/custom_field/lead/", name="Company Revenue", type="number")
    region = user.made("/custom_field/lead/", name="Region", type="choices", choices=[CALLED_EVIL])["id"]
    user.made("/lead/", name="Acme", **{f"custom.{field}": "2001-01-01", f"custom.{region}": CALLED_EVIL})
    ran = run("segment", "2000-01-01", "--by", "Region", "--json")
    assert_harmless(ran)
    assert [row["Region"] for row in ran.json["rows"]] == [" ".join(EVIL.split())]


# The log -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "errors",
    [
        {"contacts": {"0": {"emails": {ADDRESS: "is not an address"}}}},
        {ADDRESS: ["no"]},
        {"contacts": {ADDRESS: {"name": "no"}}},
        {"contacts": {"0": {"phones": {"14155550100": {"phone": "no"}}}}},
        {"ACME": {"name": "taken"}},
    ],
)
def test_a_refusal_that_close_keys_by_a_value_does_not_bring_it_into_a_log(
    run: Run, write: Write, connect: Any, errors: Any
) -> None:
    def refusing(request: HttpRequest, answer: Answer) -> Reply | None:
        is_lead = (request.method, request.path) == ("POST", "/api/v1/lead/")
        return Reply.of(400, {"errors": [], "field-errors": errors}) if is_lead else answer(request)

    with Watched() as sandbox:
        connect(sandbox)
        sandbox.watch = refusing
        write(f"Acme,Ann Bee,{ADDRESS},+1 415 555 0100,,,")
        assert run("import", "leads.csv", "--log", "log.txt").code == 4
    log = Path("log.txt").read_text(encoding="utf-8")
    assert "the lead of row 2 was refused with status 400: " in log
    for secret in (ADDRESS, "secret", "4155550100", "ACME", "Acme"):
        assert secret not in log


def test_a_line_of_the_log_is_one_line_whatever_close_calls_a_field(run: Run, write: Write, connect: Any) -> None:
    def hostile(request: HttpRequest, answer: Answer) -> Reply | None:
        is_lead = (request.method, request.path) == ("POST", "/api/v1/lead/")
        if is_lead and request.body and b"forged" in request.body:
            key = next(key for key in json.loads(request.body) if key.endswith("forged"))
            return Reply.of(400, {"errors": [], "field-errors": {key: "no"}})
        reply = answer(request)
        if reply and "schema" in request.path:
            fields = json.loads(reply.body)
            fields["fields"].append({"id": f"cf_{EVIL}\nforged", "name": "Text", "type": "text"})
            return Reply.of(200, fields)
        return reply

    with Watched() as sandbox:
        connect(sandbox)
        write("Acme,x", header="Company,custom.Note")
        assert run("import", "leads.csv").code == 0
        write("Beta,x", header="Company,custom.Text")
        sandbox.watch = hostile
        ran = run("import", "leads.csv", "-v", "--log", "log.txt")
    log = Path("log.txt").read_text(encoding="utf-8")
    assert "was refused with status 400" in log
    assert_harmless(ran)
    assert_harmless(Ran(0, log, ""))
    assert not any(line.startswith("forged") for line in log.splitlines())


@pytest.mark.parametrize("made", ["folder", "pipe", "loop"])
def test_what_is_not_a_file_of_ours_is_not_replaced_and_nothing_is_sent_before(
    run: Run, write: Write, connect: Any, made: str
) -> None:
    Path("output_data").mkdir()
    for name in ("leads_imported.csv", "output.csv"):
        path = Path("output_data") / name
        if made == "folder":
            path.mkdir()
        elif made == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to(path.name)
    with Watched() as sandbox, RawClose(sandbox, "key-of-a-user") as user:
        connect(sandbox)
        write("Acme,,,,2001-01-01,5,")
        ran = run("import", "leads.csv")
        assert (ran.code, "Choose another" in ran.err) == (2, True)
        assert user.get("/lead/").json()["total_results"] == 0
        assert run("segment", "2000-01-01").code == 2


# The journal ---------------------------------------------------------------------------------------------------------

JOURNAL = Path("output_data/journal.sqlite")


def overwrite_middle(path: Path) -> None:
    """As by a bad sector: pages in the middle hold something else."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 8192 * 4096
    content[middle : middle + 8192] = b"\xa5" * 8192
    path.write_bytes(content)


def cut_off_end(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def garble(column: str) -> Callable[[Path], None]:
    def garble_column(path: Path) -> None:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute(f"UPDATE leads SET {column} = '#' || substr({column}, 2)")

    return garble_column


@pytest.mark.parametrize(
    "damage", [overwrite_middle, cut_off_end, garble("bodies"), garble("lead"), garble("first_sent")]
)
def test_a_damaged_journal_is_refused_with_what_can_be_done_and_then_replaced(
    run: Run, write: Write, connect: Any, damage: Callable[[Path], None]
) -> None:
    with Watched() as sandbox, RawClose(sandbox, "key-of-a-user") as user:
        connect(sandbox)
        write(*(f"Company {number},,,,,," for number in range(40)))
        assert run("import", "leads.csv").code == 0
        with contextlib.closing(sqlite3.connect(JOURNAL)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        damage(JOURNAL)
        held = JOURNAL.read_bytes()
        for command in (["import", "leads.csv"], ["undo", "last"]):
            ran = run(*command)
            assert (ran.code, ran.out) == (2, "")
            assert ran.err.splitlines()[-1].startswith(f"error: {JOURNAL} is damaged (")
            assert "move it away" in ran.err
            assert "are found by their import keys" in ran.err
        assert len(JOURNAL.read_bytes()) == len(held)  # it is kept for who can repair it
        assert user.get("/lead/").json()["total_results"] == 40
        for file in JOURNAL.parent.glob("journal.sqlite*"):
            file.rename(f"kept-{file.name}")
        again = run("import", "leads.csv", "--json")
        assert (again.code, again.json["leads"]["unchanged"]) == (0, 40)
        assert user.get("/lead/").json()["total_results"] == 40


def test_damage_that_shows_only_later_ends_the_command_in_the_same_words(
    run: Run, write: Write, connect: Any, clock: Callable[[], float]
) -> None:
    with Watched(clock=clock) as sandbox:
        connect(sandbox)
        write("Acme,Bee,,,,,", "Beta,,,,,,")
        assert run("import", "leads.csv").code == 0
        time.sleep(100)
        garble("lead")(JOURNAL)
        ran = run("undo", "last")
        assert (ran.code, "is damaged" in ran.err) == (2, True)
