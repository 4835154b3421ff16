"""Nothing is written to many leads without being asked: notes about missing ids, dry runs, and a question."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from sandbox import Fault, Sandbox
from sandbox.close import PREFIX
from tests.at_terminal import at_a_terminal
from tests.conftest import Run, Serve, trail_lines
from tests.misbehaving import REFUSING_ID, of_people, said
from tests.raw_close import RawClose
from tests.waiting_leads import Waiting
from tests.watched import Watched
from tests.what_close_holds import writes_to

CTRL_C = "\x03"


@pytest.fixture
def connected(connect: Callable[[Sandbox], None]) -> Iterator[Watched]:
    with Watched() as sandbox:
        connect(sandbox)
        yield sandbox


@pytest.fixture
def close(connected: Sandbox) -> Iterator[RawClose]:
    with RawClose(connected) as close:
        yield close


@pytest.fixture
def waiting(close: RawClose) -> Waiting:
    return Waiting(close)


# Leads without an id -------------------------------------------------------------------------------------------------


def test_leads_without_an_id_are_told_in_one_line_and_get_no_note(
    run: Run, waiting: Waiting, connected: Sandbox
) -> None:
    leads = [waiting.lead("", name=f"Company {letter}") for letter in "EDCBA"]
    before = writes_to(connected)
    ran = run("qualify", "--from-close")
    assert (ran.code, writes_to(connected)) == (4, before)
    (line,) = [line for line in ran.err.splitlines() if "National ID" in line]
    assert line.startswith("5 leads have no National ID: Company A (https://app.close.com/lead/")
    assert " and 2 more. Enter the National ID in Close; with --note-missing-id" in line
    assert [line.count(f"/lead/{lead_id}/") for lead_id in leads] == [0, 0, 1, 1, 1]


@pytest.mark.parametrize("number", [1, 3])
def test_all_of_few_leads_without_an_id_are_named(run: Run, waiting: Waiting, number: int) -> None:
    for letter in "ABC"[:number]:
        waiting.lead("", name=f"Company {letter}")
    (line,) = [line for line in run("qualify", "--from-close", "-q").err.splitlines() if "National ID" in line]
    assert line.startswith(f"{number} lead{'s have' if number > 1 else ' has'} no National ID: Company A (")
    assert " more" not in line


def test_each_lead_without_an_id_gets_a_note_where_that_is_wanted(run: Run, waiting: Waiting) -> None:
    leads = [waiting.lead(""), waiting.lead(" ")]
    for _ in range(2):
        ran = run("qualify", "--from-close", "--note-missing-id")
        assert (ran.code, "2 leads: 2 without id" in ran.err) == (4, True)
    for lead_id in leads:
        (note,) = waiting.notes(lead_id)
        assert "its National ID is blank" in note["note"]


# Dry runs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "people", [("--from-close",), ("123", "120", "", "128", "125", "126", "--write-back")], ids=str
)
def test_a_dry_run_says_what_would_be_written_and_writes_nothing(
    run: Run, waiting: Waiting, serve: Serve, connected: Sandbox, people: Sequence[str]
) -> None:
    ids = ("123", "120", "", "128", "125", "126")
    leads = {person_id: waiting.lead(person_id, ["Ann Lee"]) for person_id in ids}
    serve(
        registry=of_people(
            _120=lambda asked: [said({"id": "120", "exists": False})],
            _125=lambda asked: [said({**asked.proper, "name": "Eve Lee"})],
            _126=REFUSING_ID["400 Bad Request"],
        ),
        judicial=of_people(_128=lambda asked: [said({})]),
    )
    before = writes_to(connected)
    ran = run(
        "qualify", *filter(None, people), "--dry-run", "--note-missing-id" if people[0] == "--from-close" else "-v"
    )
    assert (ran.code, writes_to(connected)) == (4, before)
    assert "Dry run: the services are asked, but nothing is written to Close." in ran.err
    assert {line["dry_run"] for line in trail_lines(Path())} == {True}
    told = {
        "123": "would get a note and move to Prospect",
        "120": "would get a note and move to Not eligible",
        "": "its National ID is blank or not a valid id; it would get a note that says so",
        "125": "the registry has another name for its National ID; it would get a note that says so",
        "126": "it would get a note that says so",
        "128": "not moved; to be tried again later",
    }
    for person_id, words in told.items():
        if person_id or people[0] == "--from-close":
            (line,) = [line for line in ran.err.splitlines() if f"/lead/{leads[person_id]}/" in line]
            assert words in line
    assert {waiting.status(lead_id) for lead_id in leads.values()} == {"To qualify"}


def test_a_dry_run_names_what_would_be_created(run: Run, connected: Sandbox) -> None:
    before = writes_to(connected)
    for people in (("--from-close",), ("123", "--write-back")):
        ran = run("qualify", *people, "--create", "--dry-run")
        assert "In Close, these would be created: Not eligible, National ID." in ran.err
        assert ran.code in (0, 4)
    assert writes_to(connected) == before


def test_a_dry_run_names_what_was_interrupted(run: Run, waiting: Waiting, serve: Serve, connected: Watched) -> None:
    lead_id = waiting.lead("123")
    serve()
    with connected.troubled([Fault("drop-before", on=f"PUT {PREFIX}/lead/")]):
        assert run("qualify", "--from-close").code == 5
    before = writes_to(connected)
    ran = run("qualify", "--from-close", "--dry-run")
    assert "an interrupted write would be completed: a note, and the move to Prospect" in ran.err
    assert (ran.code, writes_to(connected), waiting.status(lead_id)) == (0, before, "To qualify")
    assert run("qualify", "--from-close").code == 0
    assert waiting.status(lead_id) == "Prospect"


@pytest.mark.parametrize("flags", [("--watch", "60", "--from-close"), ("123",), ("--explain", "123")], ids=str)
def test_a_dry_run_needs_something_to_write(run: Run, flags: tuple[str, ...]) -> None:
    ran = run("qualify", *flags, "--dry-run")
    assert (ran.code, "--dry-run" in ran.err) == (2, True)


# The question --------------------------------------------------------------------------------------------------------


def many(waiting: Waiting, number: int) -> list[str]:
    return [waiting.lead(str(10 * each + 3)) for each in range(1, number + 1)]


@pytest.mark.parametrize(
    ("answer", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 2), ("\n", 2), ("\x04", 2), (CTRL_C, 130)]
)
def test_more_than_twenty_leads_are_changed_only_after_a_yes(
    waiting: Waiting, serve: Serve, connected: Sandbox, answer: str, code: int
) -> None:
    leads = many(waiting, 21)
    server = serve()
    before = writes_to(connected)
    ended, shown = at_a_terminal("qualify", "--from-close", answer=answer)
    assert ended == code, shown
    assert "Up to 21 leads in the status 'To qualify' in the organization" in shown
    statuses = {waiting.status(lead_id) for lead_id in leads}
    assert statuses == ({"To qualify"} if code else {"Prospect"})
    if code:
        assert (writes_to(connected), server.heard.requests.total()) == (before, 0)
    if code == 2:
        assert "Nothing was written" in shown


@pytest.mark.parametrize(
    ("number", "flags"), [(20, ("--from-close",)), (21, ("--from-close", "--yes")), (21, ("--from-close", "--dry-run"))]
)
def test_nobody_is_asked_about_few_leads_or_after_agreeing_in_advance(
    waiting: Waiting, serve: Serve, number: int, flags: tuple[str, ...]
) -> None:
    many(waiting, number)
    serve()
    ended, shown = at_a_terminal("qualify", *flags)
    assert (ended, "[y/N]" in shown) == (0, False)


def test_the_answer_is_typed_where_ids_come_on_standard_input(waiting: Waiting, serve: Serve) -> None:
    leads = many(waiting, 21)
    serve()
    ids = "".join(f"{10 * each + 3}\n" for each in range(1, 22))
    for answer, code, statuses in (("n\n", 2, {"To qualify"}), ("y\n", 0, {"Prospect"})):
        ended, shown = at_a_terminal("qualify", "-", "--write-back", answer=answer, piped_in=ids)
        assert (ended, shown.count("[y/N]")) == (code, 1), shown
        assert {waiting.status(lead_id) for lead_id in leads} == statuses


def test_leads_without_an_id_do_not_count_unless_they_get_a_note(waiting: Waiting, serve: Serve) -> None:
    for _ in range(21):
        waiting.lead("")
    serve()
    ended, shown = at_a_terminal("qualify", "--from-close")
    assert (ended, "[y/N]" in shown) == (4, False)
    ended, shown = at_a_terminal("qualify", "--from-close", "--note-missing-id", answer="n\n")
    assert (ended, "Up to 21 leads" in shown) == (2, True)


def test_nothing_is_created_before_the_answer(connected: Sandbox, close: RawClose, serve: Serve) -> None:
    serve()
    before = writes_to(connected)
    people = [str(number) for number in range(1, 22)]
    ended, shown = at_a_terminal("qualify", *people, "--write-back", "--create", answer="n\n")
    assert (ended, writes_to(connected)) == (2, before), shown
    assert "Up to 21 leads of these people in the organization" in shown


def test_a_watch_asks_once_at_its_start(waiting: Waiting, serve: Serve) -> None:
    many(waiting, 2)
    serve()
    ended, shown = at_a_terminal("qualify", "--from-close", "--watch", "60", answer="n\n")
    assert (ended, shown.count("[y/N]")) == (2, 1)
    assert "This watch decides on every lead in the status 'To qualify'" in shown
    assert "2 leads now, and each one that follows" in shown


def test_without_a_terminal_nobody_is_asked(run: Run, waiting: Waiting, serve: Serve) -> None:
    leads = many(waiting, 21)
    serve()
    assert run("qualify", "--from-close").code == 0
    assert {waiting.status(lead_id) for lead_id in leads} == {"Prospect"}
