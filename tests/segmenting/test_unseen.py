"""`segment` says which leads of our latest imports Close's search does not show yet, and waits for them if asked."""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from close_client import CloseClient
from sandbox import Fault, Sandbox
from sandbox.close import PREFIX
from sandbox.wire import HttpRequest, Reply
from segmenting.columns import LEADS, TOTAL
from segmenting.unseen import await_leads
from tests.conftest import Ran, Run
from tests.raw_close import RawClose
from tests.watched import Answer, Watched
from tests.what_close_holds import custom_ids, leads_held

ACME = "Acme,Ann,,,15.06.2000,1000,CA"
BETA = "Beta,Bob,,,16.06.2000,20,NY"
OLD = "Old,Cy,,,15.06.1999,7,CA"
RANGE = ("2000-01-01", "2000-12-31")
LAG = 60.0  # seconds

Write = Callable[..., Path]
Connect = Callable[[Sandbox], None]
Clock = Callable[[], float]


@pytest.fixture
def lagging(connect: Connect, clock: Clock) -> Iterator[Watched]:
    """A sandbox whose search shows a change a minute later; a sleep makes that pass."""
    with Watched(index_lag=LAG, clock=clock) as running:
        connect(running)
        yield running


@pytest.fixture
def user(lagging: Watched) -> Iterator[RawClose]:
    """A user of Close beside us."""
    with RawClose(lagging, "key-of-a-user") as session:
        yield session


@pytest.fixture
def put_in(run: Run, write: Write) -> Callable[..., None]:
    """Import a file of these lines."""

    def import_lines(*lines: str, **file: Any) -> None:
        ran = run("import", str(write(*lines, **file)))
        assert ran.code == 0, ran.err

    return import_lines


PutIn = Callable[..., None]


@pytest.fixture
def pass_time(clock: Clock) -> Callable[[float], None]:
    """Put the clock forward."""
    return time.sleep


def segment(run: Run, *flags: str) -> Ran:
    ran = run("segment", *RANGE, "--json", *flags)
    assert ran.code == 0, ran.err
    return ran


def counted(ran: Ran) -> tuple[int, int]:
    """How many leads are in the table, and how many are missing there."""
    assert sum(row[LEADS] for row in ran.json["rows"]) == ran.json["leads"]
    return ran.json["leads"], ran.json["not_shown_yet"]


def named(ran: Ran) -> list[str]:
    """The leads that a warning names as missing, in any order."""
    found = re.search(r"does not show (?:it|them) yet: (.*)", ran.err)
    return sorted(found[1].split(", ")) if found else []


# Without --wait


def test_what_was_imported_just_now_is_named_where_search_does_not_show_it(
    run: Run, lagging: Watched, put_in: PutIn
) -> None:
    put_in(ACME, BETA, OLD)
    ran = segment(run)
    assert counted(ran) == (0, 2)
    assert "warning: 2 leads imported just now are missing from these figures" in ran.err
    assert named(ran) == ["ACME", "BETA"]


def test_those_that_are_missing_are_named_in_the_order_of_their_names(
    run: Run, lagging: Watched, put_in: PutIn
) -> None:
    put_in("Cedar,,,,15.06.2000,1,", BETA, ACME)
    assert "does not show them yet: ACME, BETA, CEDAR\n" in segment(run).err


def test_of_many_some_are_named(run: Run, lagging: Watched, put_in: PutIn) -> None:
    put_in(*(f"Company {number:02d},,,,15.06.2000,1," for number in range(13)))
    ran = segment(run)
    assert counted(ran) == (0, 13)
    assert re.search(r"yet: (COMPANY \d\d, ){9}COMPANY \d\d and 3 more$", ran.err, re.MULTILINE)


def test_the_table_is_written_beside_the_warning(run: Run, lagging: Watched, put_in: PutIn, folder: Path) -> None:
    put_in(ACME)
    ran = run("segment", *RANGE)
    assert ran.code == 0
    assert "1 lead imported just now is missing from these figures" in ran.err
    assert len((folder / "output_data" / "output.csv").read_text().splitlines()) == 1


def test_what_search_shows_is_not_warned_of(
    run: Run, lagging: Watched, put_in: PutIn, pass_time: Callable[[float], None]
) -> None:
    put_in(ACME)
    pass_time(LAG)
    put_in(BETA, name="more.csv")
    ran = segment(run)
    assert counted(ran) == (1, 1)
    assert named(ran) == ["BETA"]
    pass_time(LAG)
    assert counted(segment(run)) == (2, 0)
    assert named(segment(run)) == []


@pytest.mark.parametrize(
    ("flags", "missing"),
    [
        (["--where", "Company Revenue=20"], ["BETA"]),
        (["--where", "Company Revenue="], []),
        (["--where", "state=California"], ["ACME"]),
        (["--where", "state=California", "--where", "state=ny"], ["ACME", "BETA"]),
        (["--where", "status=potential"], ["ACME", "BETA"]),
        (["--status", "Potential"], ["ACME", "BETA"]),
        (["--status", "To qualify"], []),
        (["--status", "Potential", "--where", "Company Revenue=20"], ["BETA"]),
    ],
)
def test_only_what_belongs_to_the_segment_is_warned_of(
    run: Run, lagging: Watched, put_in: PutIn, flags: list[str], missing: list[str]
) -> None:
    put_in(ACME, BETA, OLD)
    ran = segment(run, *flags)
    assert counted(ran) == (0, len(missing))
    assert named(ran) == missing


def test_what_is_compared_with_counts_as_asked_for(run: Run, lagging: Watched, put_in: PutIn) -> None:
    put_in(ACME, OLD)
    assert counted(segment(run, "--compare", "previous")) == (0, 2)


def test_the_date_of_creation_counts_where_it_is_asked_for(run: Run, lagging: Watched, put_in: PutIn) -> None:
    put_in(ACME, OLD)
    first = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    last = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    assert run("segment", first, last, "--date-field", "created", "--json").json["not_shown_yet"] == 2
    assert run("segment", first, first, "--date-field", "created", "--json").json["not_shown_yet"] == 0


def test_with_a_smart_view_leads_may_be_missing(run: Run, lagging: Watched, put_in: PutIn) -> None:
    put_in(ACME)
    view = lagging.add_smart_view("All", {"type": "object_type", "object_type": "lead"})
    ran = segment(run, "--smart-view", view["name"])
    assert counted(ran) == (0, 1)
    assert "imported just now may be missing from these figures" in ran.err


@pytest.mark.parametrize(
    ("age", "flags", "missing"),
    [
        (LAG + 5, [], 0),
        (LAG - 15, [], 1),
        (LAG + 5, ["--index-lag", "80"], 1),
        (LAG - 15, ["--index-lag", "30"], 0),
    ],
)
def test_a_lead_older_than_the_lag_is_not_missing(
    run: Run, lagging: Watched, put_in: PutIn, pass_time: Any, age: float, flags: list[str], missing: int
) -> None:
    put_in(ACME)
    lagging.freeze_index()
    pass_time(age)
    ran = segment(run, *flags)
    assert counted(ran) == (0, missing)
    assert named(ran) == ["ACME"] * missing


def test_leads_of_another_organisation_are_not_missing(
    run: Run, lagging: Watched, put_in: PutIn, connect: Connect
) -> None:
    put_in(ACME)
    with Sandbox() as other, RawClose(other) as user:
        connect(other)
        user.made("/custom_field/lead/", name="Company Revenue", type="number")
        ran = run("segment", "2000-01-01", "--date-field", "created", "--json")
    assert (counted(ran), named(ran)) == ((0, 0), [])


def test_leads_that_were_undone_before_they_showed_are_not_missing(run: Run, lagging: Watched, put_in: PutIn) -> None:
    put_in(ACME)
    assert run("undo", "last").code == 0
    ran = segment(run)
    assert (counted(ran), named(ran)) == ((0, 0), [])


def test_leads_of_other_people_are_not_told_of(run: Run, lagging: Watched, user: RawClose, put_in: PutIn) -> None:
    put_in(ACME)
    user.made("/lead/", name="Theirs", **{custom_ids(user)["Company Founded"]: "2000-06-15"})
    ran = segment(run)
    assert (counted(ran), named(ran)) == ((0, 1), ["ACME"])


def test_a_lead_that_somebody_deleted_since_is_not_missing(
    run: Run, lagging: Watched, user: RawClose, put_in: PutIn, pass_time: Callable[[float], None]
) -> None:
    lead_id = put_in_and_shown(put_in, pass_time, user)
    assert user.delete(f"/lead/{lead_id}/").status_code == 200
    pass_time(LAG)
    ran = segment(run)
    assert (counted(ran), named(ran)) == ((0, 0), [])


@pytest.mark.parametrize("shows_events", [True, False])
def test_a_lead_that_close_does_not_find_for_a_moment_is_missing_and_one_that_stays_away_is_not(
    run: Run, lagging: Watched, user: RawClose, put_in: PutIn, shows_events: bool
) -> None:
    put_in(ACME)
    (lead_id,) = leads_held(user)
    if not shows_events:
        refused = Reply.of(403, {"error": "no"})
        lagging.watch = lambda request, answer: refused if request.path.endswith("/event/") else answer(request)
    with lagging.troubled([Fault("404-passing", on="GET /api/v1/lead/lead_", times=2)]):
        ran = segment(run)
    assert (counted(ran), named(ran)) == ((0, 1), ["ACME"])
    assert user.delete(f"/lead/{lead_id}/").status_code == 200
    ran = segment(run)
    assert (counted(ran), named(ran)) == ((0, 0), [])


def test_a_lead_that_somebody_moved_out_of_the_range_since_is_not_missing(
    run: Run, lagging: Watched, user: RawClose, put_in: PutIn, pass_time: Callable[[float], None]
) -> None:
    lead_id = put_in_and_shown(put_in, pass_time, user)
    changes = {custom_ids(user)["Company Founded"]: "1950-01-01"}
    assert user.put(f"/lead/{lead_id}/", json=changes).status_code == 200
    pass_time(LAG)
    ran = segment(run)
    assert (counted(ran), named(ran)) == ((0, 0), [])


def put_in_and_shown(put_in: PutIn, pass_time: Callable[[float], None], user: RawClose) -> str:
    """The id of a lead that was imported, and that search shows."""
    put_in(ACME)
    pass_time(LAG)
    (lead_id,) = leads_held(user)
    return lead_id


@pytest.mark.parametrize("flags", [[], ["--wait"]])
def test_leads_that_were_undone_are_not_summed_up_while_search_still_lists_them(
    run: Run, lagging: Watched, put_in: PutIn, pass_time: Callable[[float], None], flags: list[str]
) -> None:
    put_in(ACME)
    pass_time(LAG)
    assert run("undo", "last").code == 0
    ran = segment(run, *flags)
    assert counted(ran) == (0, 0) or "undone" in ran.err


def test_a_lead_that_was_undone_is_told_while_search_still_lists_it(
    run: Run, lagging: Watched, put_in: PutIn, pass_time: Callable[[float], None]
) -> None:
    put_in(ACME)
    pass_time(LAG)
    assert run("undo", "last").code == 0
    ran = segment(run)
    assert (counted(ran), ran.json["deleted"]) == ((0, 0), 1)
    assert "1 lead that Close's search still lists was left out because an undo deleted it: ACME" in ran.err


def test_an_import_undone_and_made_again_is_not_summed_up_twice(
    run: Run, lagging: Watched, put_in: PutIn, pass_time: Callable[[float], None]
) -> None:
    put_in(ACME)
    pass_time(LAG)
    assert run("undo", "last").code == 0
    put_in(ACME)
    assert lagging.report()["leads"] == 1
    (row,) = segment(run, "--wait").json["rows"]
    assert (row[LEADS], row[TOTAL]) == (1, 1000)


# With --wait


@pytest.mark.parametrize("flags", [[], ["--index-lag", "90"]])
def test_what_was_imported_just_now_is_waited_for(
    run: Run, lagging: Watched, put_in: PutIn, clock: Clock, flags: list[str]
) -> None:
    put_in(ACME, BETA, OLD)
    began = clock()
    ran = segment(run, "--wait", *flags)
    assert counted(ran) == (2, 0)
    assert {row["US State"]: row[TOTAL] for row in ran.json["rows"]} == {"California": 1000, "New York": 20}
    assert "Waiting until Close's search shows 2 leads imported just now" in ran.err
    assert named(ran) == []
    assert LAG - 5 <= clock() - began <= LAG + 15


def test_only_what_belongs_to_the_segment_is_waited_for(
    run: Run, lagging: Watched, put_in: PutIn, clock: Clock
) -> None:
    put_in(OLD)
    began = clock()
    ran = segment(run, "--wait")
    assert (counted(ran), "waiting" in ran.err) == ((0, 0), False)
    assert clock() - began < LAG / 12


def test_what_shows_already_and_what_was_waited_for_are_there_once(
    run: Run, lagging: Watched, put_in: PutIn, pass_time: Callable[[float], None]
) -> None:
    put_in(ACME)
    pass_time(LAG)
    put_in(BETA, name="more.csv")
    assert counted(segment(run, "--wait")) == (2, 0)


def dated_back(sandbox: Watched, seconds: float) -> None:
    """Let Close answer that leads were created so long ago."""

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        reply = answer(request)
        if reply is None or (request.method, request.path) != ("POST", f"{PREFIX}/lead/"):
            return reply
        lead = json.loads(reply.body)
        created = datetime.fromisoformat(lead["date_created"]) - timedelta(seconds=seconds)
        return replace(reply, body=json.dumps({**lead, "date_created": created.isoformat()}).encode())

    sandbox.watch = watch


def test_what_shows_already_is_there_once_where_what_was_waited_for_is_older(
    run: Run, lagging: Watched, put_in: PutIn, pass_time: Callable[[float], None]
) -> None:
    put_in(BETA)
    pass_time(LAG)
    dated_back(lagging, 15)
    put_in(ACME, name="more.csv")
    assert counted(segment(run, "--wait")) == (2, 0)


class OwnClock(CloseClient):
    """A client by whose clock nothing but a pause takes time."""

    moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment

    def pause(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


def test_the_wait_ends_once_the_lag_has_passed(sandbox: Sandbox) -> None:
    close = OwnClock("key-for-tests", sandbox.close_url)
    began = close.moment
    leads = [{"id": "lead_1", "date_created": began.isoformat(timespec="microseconds")}]
    assert list(await_leads(close, leads, LAG)) == []
    assert LAG <= (close.moment - began).total_seconds() <= LAG + 6
    close.close()


def test_the_wait_makes_few_requests(run: Run, lagging: Watched, put_in: PutIn) -> None:
    put_in(*(f"Company {number:03d},,,,15.06.2000,1," for number in range(450)))
    ran = segment(run, "--wait")
    assert counted(ran) == (450, 0)
    assert ran.json["requests"] <= 450 / 200 + 10 + 2 * 12


def test_quiet_says_nothing_of_the_wait(run: Run, lagging: Watched, put_in: PutIn) -> None:
    put_in(ACME)
    ran = segment(run, "--wait", "-q")
    assert (counted(ran), ran.err) == ((1, 0), "")


def test_the_wait_ends_after_the_lag_although_leads_never_show(run: Run, connected: Sandbox, put_in: PutIn) -> None:
    put_in("Gamma,,,,15.06.2000,3,CA")
    connected.freeze_index()
    put_in(ACME, BETA, name="more.csv")
    ran = segment(run, "--wait", "--index-lag", "0.4")
    assert counted(ran) == (1, 2)
    assert named(ran) == ["ACME", "BETA"]
    assert ran.json["requests"] <= 10 + 8 * 12


@pytest.fixture
def waiting(lagging: Watched, put_in: PutIn, folder: Path) -> Callable[[Mapping[int, Any]], None]:
    """Have an old table, a lead that does not show, and an action or an answer at some of the searches to come."""

    def prepare(at: Mapping[int, Any]) -> None:
        put_in(ACME)
        (folder / "output_data" / "output.csv").write_text("the old table")
        searches = iter(range(1, 1000))

        def watch(request: HttpRequest, answer: Answer) -> Reply | None:
            number = next(searches) if request.path.endswith("/data/search/") else 0
            instead = at[number]() if number in at else None
            return instead if isinstance(instead, Reply) else answer(request)

        lagging.watch = watch

    return prepare


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    ("happens", "code", "words"),
    [
        (interrupt, 130, "Run the same command again"),
        (lambda: Reply.of(401, {"error": "Unauthorized"}), 3, "does not accept the API key"),
        (lambda: Reply.of(200, {"data": [], "cursor": None, "count": {"total": 5}}), 4, "Close counts 5 leads"),
        (lambda: Reply.of(503, {}), 5, "gave no usable answer"),
    ],
)
def test_what_ends_the_wait_leaves_the_old_table(
    run: Run,
    waiting: Callable[[Mapping[int, Any]], None],
    folder: Path,
    happens: Callable[[], Any],
    code: int,
    words: str,
) -> None:
    waiting(dict.fromkeys(range(3, 1000), happens))
    files = sorted(path.name for path in (folder / "output_data").iterdir())
    ran = run("segment", *RANGE, "--wait", "--chart", "output_data/chart.svg", "--top", "3")
    assert (ran.code, ran.out, words in ran.err) == (code, "", True)
    assert (folder / "output_data" / "output.csv").read_text() == "the old table"
    assert sorted(path.name for path in (folder / "output_data").iterdir()) == files


def test_a_passing_fault_during_the_wait_does_no_harm(
    run: Run, waiting: Callable[[Mapping[int, Any]], None], folder: Path
) -> None:
    waiting({2: lambda: Reply.of(503, {}), 3: lambda: Reply(429, b"", {"Retry-After": "3"})})
    assert counted(segment(run, "--wait")) == (1, 0)


# The journal itself


def test_without_a_journal_nothing_is_missing_and_none_is_made(run: Run, lagging: Watched, user: RawClose) -> None:
    for name, kind in (("Company Founded", "date"), ("Company Revenue", "number")):
        user.made("/custom_field/lead/", name=name, type=kind)
    ran = segment(run, "--output", "here.csv")
    assert (counted(ran), named(ran)) == ((0, 0), [])
    assert not Path("output_data").exists()


def test_a_file_that_is_no_journal_is_named_and_left_alone(run: Run, lagging: Watched, put_in: PutIn) -> None:
    put_in(ACME)
    journal = Path("output_data/journal.sqlite")
    for path in journal.parent.glob("journal.sqlite*"):
        path.unlink()
    journal.write_text("This is no database, but somebody's text. " * 30)
    kept = journal.read_text()
    ran = run("segment", *RANGE)
    assert (ran.code, "output_data/journal.sqlite can't be used as a journal" in ran.err) == (2, True)
    assert journal.read_text() == kept


# What search shows otherwise than it is


def hiding_first(name: str, searches: int, digits: int) -> Callable[[HttpRequest, Answer], Reply | None]:
    """Searches that lack a lead so many times, and whose dates have fewer digits of a second than Close's own."""
    left = [searches]

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        reply = answer(request)
        if reply is None or not request.path.endswith("/data/search/"):
            return reply
        body = json.loads(re.sub(rb"(\.\d{%d})\d*\+00:00" % digits, rb"\1+00:00", reply.body).replace(b".+", b"+"))
        if left[0] and any(lead.get("name") == name for lead in body["data"]):
            left[0] -= 1
            body["data"] = [lead for lead in body["data"] if lead.get("name") != name]
            body["count"]["total"] -= 1
        return Reply.of(200, body)

    return watch


@pytest.mark.parametrize("digits", [0, 3, 6])
def test_nobody_is_doubled_by_dates_that_search_shows_less_exactly(
    run: Run, lagging: Watched, put_in: PutIn, pass_time: Callable[[float], None], digits: int
) -> None:
    put_in("First,,,,15.06.2000,1000,CA")
    put_in(*(f"Company {number},,,,15.06.2000,{number},CA" for number in range(1, 20)), name="more.csv")
    pass_time(LAG + 1)
    lagging.watch = hiding_first("FIRST", 1, digits)
    ran = segment(run, "--wait", "--index-lag", "120")
    assert (counted(ran), ran.json["total"][TOTAL]) == ((20, 0), 1190)


def test_who_may_not_read_the_event_log_gets_a_table_all_the_same(run: Run, lagging: Watched, put_in: PutIn) -> None:
    put_in(*(f"Company {number},,,,15.06.2000,{number},CA" for number in range(1, 20)))
    refused = Reply.of(403, {"error": "no"})
    lagging.watch = lambda request, answer: refused if request.path.endswith("/event/") else answer(request)
    assert counted(segment(run)) == (0, 19)


def test_what_others_do_meanwhile_costs_few_requests(
    run: Run, lagging: Watched, user: RawClose, put_in: PutIn, pass_time: Callable[[float], None]
) -> None:
    put_in(ACME)
    theirs = [user.made("/lead/", name=f"Lead {number}")["id"] for number in range(300)]
    for lead_id in theirs:
        assert user.delete(f"/lead/{lead_id}/").status_code == 200
    ran = segment(run)
    assert (counted(ran), ran.json["requests"] <= 10) == ((0, 1), True)


@pytest.mark.parametrize("number", [1, 8])
def test_leads_that_begin_to_show_after_the_walk_are_in_the_table_or_told(
    run: Run, connected: Sandbox, connect: Connect, write: Write, number: int
) -> None:
    with Watched() as sandbox:
        connect(sandbox)
        sandbox.freeze_index()
        lines = (f"Company {each},,,,15.06.2000,{each},CA" for each in range(number))
        assert run("import", str(write(*lines)), "--index-lag", "0").code == 0

        def watch(request: HttpRequest, answer: Answer) -> Reply | None:
            reply = answer(request)
            if request.path.endswith("/data/search/"):
                sandbox.thaw_index()
            return reply

        sandbox.watch = watch
        assert counted(segment(run)) == (number, 0)


def test_a_lead_that_leaves_the_range_during_the_wait_is_not_in_the_table(
    run: Run, lagging: Watched, user: RawClose, put_in: PutIn, pass_time: Callable[[float], None]
) -> None:
    early = put_in_and_shown(put_in, pass_time, user)
    put_in(BETA, name="more.csv")
    moved = {custom_ids(user)["Company Founded"]: "1950-01-01"}
    searches = iter(range(1000))

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        if request.path.endswith("/data/search/") and next(searches) == 2:
            user.put(f"/lead/{early}/", json=moved)
        return answer(request)

    lagging.watch = watch
    ran = segment(run, "--wait")
    assert (counted(ran), ran.json["rows"][0][LEADS]) == ((1, 0), 1)
