"""The sandbox when things go wrong: faults, rate limits, restarts, and the check services."""

import contextlib
import errno
import gc
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from sandbox import FAULTS, Fault, Sandbox, StateFileError, bookkeeping, disk
from tests.patience import STUCK, wait_until
from tests.raw_close import Clock, RawClose


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


# Faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("drop-after", Fault("drop-after")),
        ("drop-after=0.1", Fault("drop-after", 0.1)),
        ("500@POST /api/v1/lead/=0.5", Fault("500", 0.5, "POST /api/v1/lead/")),
        ("502-after@GET /api/v1/", Fault("502-after", 1.0, "GET /api/v1/")),
    ],
)
def test_a_fault_is_written_as_name_place_and_probability(text: Any, fault: Any) -> None:
    assert Fault.parse(text) == fault


@pytest.mark.parametrize("text", ["drop", "", "drop-after=often", "drop-after=2", "stall=nan"])
def test_a_fault_nobody_knows_is_refused_in_words(text: Any) -> None:
    with pytest.raises(ValueError, match=r"Choose one of: drop-before|probability"):
        Fault.parse(text)


@pytest.mark.parametrize(
    ("name", "outcome", "leads"),
    [
        ("drop-before", "lost", 0),
        ("drop-after", "lost", 1),
        ("500", 500, 0),
        ("503-before", 503, 0),
        ("502-before", 502, 0),
        ("502-after", 502, 1),
        ("504-before", 504, 0),
        ("504-after", 504, 1),
        ("408-before", 408, 0),
        ("408-after", 408, 1),
        ("odd-status-after", 302, 1),
        ("404-passing", 404, 0),
        ("late", "lost", 1),
        ("doubled-answer", 200, 1),
        ("stall", "lost", 1),
        ("cut", "lost", 1),
        ("html", 502, 1),
        ("429-bare", 429, 0),
        ("429-surprise", 429, 0),
    ],
)
def test_each_fault_strikes_before_or_after_the_write(name: Any, outcome: Any, leads: Any) -> None:
    fault = Fault(name, on="POST /api/v1/lead/", times=1)
    with Sandbox(faults=[fault], late_seconds=0.1) as sandbox, RawClose(sandbox) as close:
        try:
            seconds = 0.2 if name == "stall" else STUCK
            seen: str | int = close.post("/lead/", json={"name": "A"}, timeout=seconds).status_code
        except requests.RequestException:
            seen = "lost"
            wait_until(lambda: sandbox.report()["requests"] == 1 and sandbox.report()["leads"] == leads)
        assert (seen, sandbox.report()["leads"]) == (outcome, leads)
        assert close.post("/lead/", json={"name": "B"}).status_code == 200


def test_every_fault_is_tried_here() -> None:
    (marks,) = test_each_fault_strikes_before_or_after_the_write.pytestmark
    assert [name for name, _, _ in marks.args[1]] == list(FAULTS)


def test_a_late_request_is_carried_out_when_its_time_has_come() -> None:
    clock = Clock()
    late = Fault("late", on="POST /api/v1/contact/", times=1)
    with Sandbox(faults=[late], late_seconds=7, clock=clock) as sandbox, RawClose(sandbox) as close:
        lead = close.made("/lead/", name="Acme")
        with pytest.raises(requests.ConnectionError):
            close.post("/contact/", json={"lead_id": lead["id"], "name": "Ann"})
        clock.now += 6
        assert close.get(f"/lead/{lead['id']}/").json()["contacts"] == []
        clock.now += 2
        assert [each["name"] for each in close.get(f"/lead/{lead['id']}/").json()["contacts"]] == ["Ann"]


def test_a_doubled_answer_is_the_one_before_it() -> None:
    doubled = Fault("doubled-answer", on="GET /api/v1/lead/lead_", times=2)
    with Sandbox(faults=[doubled]) as sandbox, RawClose(sandbox) as close:
        first, second = (close.made("/lead/", name=name)["id"] for name in ("Acme", "Beta"))
        assert [close.get(f"/lead/{lead_id}/").json()["id"] for lead_id in (first, second)] == [first, first]
        assert close.get(f"/lead/{second}/").json()["id"] == second


# What lags, hides or takes its time


def test_parts_of_index_and_log_lag_by_different_times() -> None:
    clock = Clock()
    with Sandbox(index_lag=1, event_lag=1, shard_lags=(5, 0), clock=clock) as sandbox, RawClose(sandbox) as close:
        made = [close.made("/lead/", name=name)["id"] for name in ("Acme", "Beta", "Gamma", "Delta")]

        def shown() -> list[list[str]]:
            events = close.get("/event/", params={"object_type": "lead", "action": "created"}).json()["data"]
            listed = [lead["id"] for lead in close.get("/lead/").json()["data"]]
            return [listed, [event["object_id"] for event in reversed(events)]]

        clock.now += 2
        assert shown() == [made[1::2]] * 2
        clock.now += 5
        assert [sorted(ids) for ids in shown()] == [sorted(made)] * 2


def test_a_newer_version_never_shows_before_an_older_one() -> None:
    clock = Clock()
    with Sandbox(index_lag=5, clock=clock) as sandbox, RawClose(sandbox) as close:
        lead = close.made("/lead/", name="Acme")
        clock.now -= 3
        close.put(f"/lead/{lead['id']}/", json={"name": "Acme Inc"})
        clock.now += 8.5
        assert [each["name"] for each in close.get("/lead/").json()["data"]] == ["Acme Inc"]


@pytest.mark.parametrize(("seconds", "is_hidden"), [(None, False), (3600, False), (0, True)])
def test_the_event_log_hides_after_a_while_what_events_hold(seconds: Any, is_hidden: bool) -> None:
    with Sandbox(event_data_seconds=seconds) as sandbox, RawClose(sandbox) as close:
        lead = close.made("/lead/", name="Acme")
        (event,) = close.get("/event/", params={"object_id": lead["id"], "action": "created"}).json()["data"]
        assert (event["data"] is None) == (event["previous_data"] is None) == is_hidden
        assert close.get(f"/event/{event['id']}/").json() == event


def test_a_merge_can_take_its_time() -> None:
    clock = Clock()
    with Sandbox(merge_seconds=4, clock=clock) as sandbox, RawClose(sandbox) as close:
        source, destination = (close.made("/lead/", name=name)["id"] for name in ("Acme", "Beta"))
        assert close.made("/lead/merge/", source=source, destination=destination) == {"status": "ok"}
        assert close.get(f"/lead/{source}/").status_code == 200
        clock.now += 5
        assert close.get(f"/lead/{source}/").status_code == 404


@pytest.mark.parametrize("path", ["/activity/note/", "/task/", "/opportunity/"])
def test_lists_of_what_people_do_can_lag(path: str) -> None:
    clock = Clock()
    with Sandbox(list_lag=4, clock=clock) as sandbox, RawClose(sandbox) as close:
        lead_id = close.made("/lead/", name="Acme")["id"]
        close.made(path, lead_id=lead_id, **({"note": "x"} if "note" in path else {"text": "x"}))
        assert close.get(path, params={"lead_id": lead_id}).json()["data"] == []
        clock.now += 5
        assert len(close.get(path, params={"lead_id": lead_id}).json()["data"]) == 1


def test_a_colleague_has_a_key_and_a_clock_can_be_ahead() -> None:
    with (
        Sandbox(colleagues=["theirs"], date_ahead=3600) as sandbox,
        RawClose(sandbox) as close,
        RawClose(sandbox, "theirs") as theirs,
    ):
        mine, other = (each.made("/lead/", name="Acme")["created_by"] for each in (close, theirs))
        assert [mine, other] == [each.get("/me/").json()["id"] for each in (close, theirs)]
        assert mine != other
        (event,) = close.get("/event/", params={"user_id": other}).json()["data"]
        told = parsedate_to_datetime(close.get("/me/").headers["Date"])
        assert event["user_id"] == other
        assert 3500 < (told - datetime.now(UTC)).total_seconds() < 3700


def test_an_answer_cut_short_announces_its_full_length() -> None:
    cut_short = pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead")
    with Sandbox(faults=[Fault("cut")]) as sandbox, RawClose(sandbox) as close, cut_short:
        close.get("/me/")


def test_a_fault_strikes_where_it_is_told_and_as_often() -> None:
    fault = Fault("503-before", on="GET /api/v1/lead/", times=2)
    with Sandbox(faults=[fault]) as sandbox, RawClose(sandbox) as close:
        assert close.get("/me/").status_code == 200
        assert [close.get("/lead/").status_code for _ in range(3)] == [503, 503, 200]


def test_the_same_seed_brings_the_same_faults() -> None:
    def outcomes(seed: int) -> list[int]:
        with Sandbox(faults=[Fault("500", 0.5)], seed=seed) as sandbox, RawClose(sandbox) as close:
            return [close.get("/me/").status_code for _ in range(20)]

    assert outcomes(1) == outcomes(1)
    assert outcomes(1) != outcomes(2)


def test_stopping_does_not_wait_for_a_stalled_answer() -> None:
    sandbox = Sandbox(faults=[Fault("stall")], stall_seconds=10 * STUCK).start()
    with RawClose(sandbox) as close, pytest.raises(requests.ReadTimeout):
        close.get("/me/", timeout=0.1)
    wait_until(lambda: sandbox.report()["requests"] == 1)
    sandbox.stop()  # if it waited, it would wait until the test is given up


# Rate limits


@pytest.fixture
def limited() -> Iterator[tuple[Sandbox, Clock]]:
    clock = Clock()
    with Sandbox(rate=2, window=1.5, clock=clock) as running:
        yield running, clock


def test_a_window_is_refilled_as_a_whole_and_a_refused_request_costs_nothing(limited: tuple[Sandbox, Clock]) -> None:
    sandbox, clock = limited
    with RawClose(sandbox) as close:
        assert [close.get("/me/").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
        clock.now += 1.4
        assert close.get("/me/").status_code == 429
        clock.now += 0.2
        assert [close.get("/me/").status_code for _ in range(4)] == [200, 200, 200, 429]
    report = sandbox.report()
    assert (report["answers_429"], report["requests_while_closed"]) == (4, 2)


def test_the_headers_tell_where_a_client_stands(limited: tuple[Sandbox, Clock]) -> None:
    sandbox, clock = limited
    with RawClose(sandbox) as close:
        clock.now += 0.4
        answers = [close.get("/me/") for _ in range(4)]
    assert answers[0].headers["RateLimit"] == "limit=3, remaining=2, reset=2"
    assert "Retry-After" not in answers[2].headers
    assert answers[3].headers["RateLimit"] == "limit=3, remaining=0, reset=2"
    assert answers[3].headers["Retry-After"] == "2"
    assert answers[3].content == b""


def test_windows_follow_one_another_without_a_gap(limited: tuple[Sandbox, Clock]) -> None:
    sandbox, clock = limited
    with RawClose(sandbox) as close:
        close.get("/me/")
        clock.now += 2  # half a second into the second window
        assert close.get("/me/").headers["RateLimit"] == "limit=3, remaining=2, reset=1"


@pytest.mark.parametrize(
    ("mode", "admitted", "refused"),
    [
        ("always", "limit=1, remaining=0, reset=1", "limit=1, remaining=0, reset=1"),
        ("on-429", None, "limit=1, remaining=0, reset=1"),
        ("never", None, None),
        ("semicolons", "limit=1; remaining=0; reset=1", "limit=1; remaining=0; reset=1"),
        ("decimals", "limit=1, remaining=0, reset=0.750", "limit=1, remaining=0, reset=0.750"),
    ],
)
def test_the_header_comes_in_the_forms_seen_in_the_wild(mode: Any, admitted: Any, refused: Any) -> None:
    clock = Clock()
    with Sandbox(rate=1, rate_limit_header=mode, clock=clock) as sandbox, RawClose(sandbox) as close:
        assert close.get("/me/").status_code == 200
        clock.now += 1.25
        seen = [close.get("/me/").headers for _ in range(2)]
    assert [headers.get("RateLimit") for headers in seen] == [admitted, refused]
    assert seen[1]["Retry-After"] == "1"


def test_a_full_window_is_not_rounded_up_beyond_itself() -> None:
    clock = Clock()
    clock.now = 4095.6  # from here the float one second later is a little more than a second away
    assert clock.now + 1 - clock.now > 1
    with Sandbox(rate=1, clock=clock) as sandbox, RawClose(sandbox) as close:
        answers = [close.get("/me/") for _ in range(2)]
    assert [answer.headers["RateLimit"][-7:] for answer in answers] == ["reset=1", "reset=1"]
    assert answers[1].headers["Retry-After"] == "1"


def test_each_group_has_a_bucket_of_its_own_and_the_organisation_three_times_as_much() -> None:
    with Sandbox(rate=3, clock=Clock(), throttle_body="flat") as sandbox:
        keys = [RawClose(sandbox, f"key {number}") for number in range(4)]
        with keys[0], keys[1], keys[2], keys[3]:
            statuses = [close.get("/me/").status_code for close in keys for _ in range(3)]
            assert statuses == [200] * 9 + [429] * 3
            assert keys[3].get("/me/").json()["rate_limit_type"] == "organization"
            assert keys[3].get("/lead/").status_code == keys[3].post("/lead/", json={}).status_code == 200


def test_requests_with_a_wrong_key_count_too() -> None:
    with Sandbox(rate=1, accepted_keys=(), clock=Clock()) as sandbox, RawClose(sandbox) as close:
        assert [close.get("/me/").status_code for _ in range(2)] == [401, 429]


def test_a_surprise_comes_although_requests_remained() -> None:
    with Sandbox(rate=9, faults=[Fault("429-surprise")], clock=Clock()) as sandbox, RawClose(sandbox) as close:
        assert "remaining=9" in close.get("/me/").headers["RateLimit"]


@pytest.mark.parametrize("name", ["429-surprise", "429-bare"])
def test_a_429_made_by_a_fault_costs_no_token_and_closes_the_window(name: Any) -> None:
    clock = Clock()
    with (
        Sandbox(rate=1, window=8, faults=[Fault(name, times=20)], clock=clock) as sandbox,
        RawClose(sandbox) as close,
    ):
        statuses = [close.get("/me/").status_code for _ in range(20)]
        assert (statuses, sandbox.report()["requests_while_closed"]) == ([429] * 20, 19)
        clock.now += 8
        assert close.get("/me/").headers["RateLimit"] == "limit=8, remaining=7, reset=8"
        assert sandbox.report()["requests_while_closed"] == 19


def test_tokens_come_back_in_fractions_when_the_rate_is_below_one() -> None:
    clock = Clock()
    with Sandbox(rate=0.1, clock=clock) as sandbox, RawClose(sandbox) as close:
        assert [close.get("/me/").status_code for _ in range(2)] == [200, 429]
        for _ in range(9):
            clock.now += 1
            assert close.get("/me/").status_code == 429
        clock.now += 1
        assert close.get("/me/").headers["RateLimit"] == "limit=1, remaining=0, reset=1"


def test_a_bucket_with_a_burst_holds_more_than_one_window_brings_back() -> None:
    clock = Clock()
    with Sandbox(rate=2, burst=2.2, clock=clock) as sandbox, RawClose(sandbox) as close:
        assert [close.get("/me/").status_code for _ in range(6)] == [200] * 5 + [429]
        clock.now += 1
        assert [close.get("/me/").status_code for _ in range(3)] == [200, 200, 429]
        clock.now += 10
        assert "limit=5, remaining=4" in close.get("/me/").headers["RateLimit"]


def test_keys_that_are_not_accepted_leave_the_bucket_of_the_organisation_alone() -> None:
    with Sandbox(rate=1, accepted_keys={"good"}, clock=Clock()) as sandbox:
        strangers = [requests.get(sandbox.close_url + "/me/", auth=(str(n), ""), timeout=STUCK) for n in range(5)]
        assert [answer.status_code for answer in strangers] == [401] * 5
        with RawClose(sandbox, "good") as close:
            assert close.get("/me/").status_code == 200


def test_the_body_of_a_429_takes_the_shapes_it_once_had() -> None:
    bodies = []
    shapes: tuple[Any, ...] = ("none", "flat", "nested")
    for shape in shapes:
        limited = Sandbox(rate=1, throttle_body=shape, clock=Clock())
        with limited as sandbox, RawClose(sandbox) as close:
            bodies.append([close.get("/me/") for _ in range(2)][1])
    assert bodies[0].content == b""
    assert (bodies[1].json()["rate_reset"], bodies[1].json()["rate_limit_type"]) == ("1.000000", "key")
    assert bodies[2].json()["error"] == {**bodies[1].json(), "rate_reset": 1.0}


def test_a_bare_429_says_nothing_at_all() -> None:
    with Sandbox(rate=9, faults=[Fault("429-bare")]) as sandbox, RawClose(sandbox) as close:
        answer = close.get("/me/")
    assert (answer.content, {"RateLimit", "Retry-After"} & answer.headers.keys()) == (b"", set())


def test_without_a_rate_there_is_no_limit_and_no_header(sandbox: Sandbox) -> None:
    with RawClose(sandbox) as close:
        assert "RateLimit" not in close.get("/me/").headers


# State


def test_the_same_file_is_the_same_organisation_with_the_same_leads(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.sqlite"
    with Sandbox(state=state) as sandbox, RawClose(sandbox) as close:
        me, lead = close.get("/me/").json(), close.post("/lead/", json={"contacts": [{"name": "Ann"}]}).json()
        gone = close.post("/lead/", json={}).json()
        close.delete(f"/lead/{gone['id']}/")
    with Sandbox(state=state, index_lag=60) as sandbox, RawClose(sandbox) as close:
        assert close.get("/me/").json() == me
        assert close.get("/lead/").json()["data"] == [lead]
        assert len(close.get("/event/", params={"lead_id": gone["id"], "object_type": "lead"}).json()["data"]) == 2
        assert close.post("/lead/", json={}).json()["date_created"] > lead["date_created"]
        assert close.delete(f"/contact/{lead['contact_ids'][0]}/").status_code == 200
    assert stat.S_IMODE(state.stat().st_mode) == 0o600


def test_another_file_is_another_organisation(tmp_path: Path) -> None:
    ids = set()
    for name in ("one", "two"):
        with Sandbox(state=tmp_path / name) as sandbox, RawClose(sandbox) as close:
            ids.add(close.get("/me/").json()["organizations"][0]["id"])
    assert len(ids) == 2


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.sqlite"
    program = "import sys, time, pathlib; from sandbox import Sandbox\n"
    program += "box = Sandbox(state=pathlib.Path(sys.argv[1])).start()\n"
    program += "sys.stdout.write(box.close_url + chr(10)); sys.stdout.flush(); time.sleep(600)"
    command = [sys.executable, "-c", program, str(state)]
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with requests.Session() as session:
            session.auth = ("key", "")
            made = {session.post(url + "/lead/", json={"name": str(n)}, timeout=STUCK).json()["id"] for n in range(20)}
        os.kill(process.pid, signal.SIGKILL)
    with Sandbox(state=state) as sandbox, RawClose(sandbox) as close:
        assert {lead["id"] for lead in close.get("/lead/").json()["data"]} == made


def test_a_second_sandbox_on_the_same_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "LOCK_PATIENCE", 0.1)
    with Sandbox(state=tmp_path / "s"), pytest.raises(StateFileError) as caught:
        Sandbox(state=tmp_path / "s").start()
    assert (str(caught.value), caught.value.errno) == (caught.value.strerror, errno.EAGAIN)
    assert "is in use by another command, by `sandbox` or by one with --sandbox" in str(caught.value)


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    state = tmp_path / "letter.txt"
    state.write_text("Dear Ann, this is not a database at all.\n" * 100)
    with pytest.raises(StateFileError, match="is not a state file of the sandbox") as caught:
        Sandbox(state=state).start()
    assert (str(caught.value), caught.value.errno) == (caught.value.strerror, errno.EINVAL)
    assert state.read_text().startswith("Dear Ann")


@pytest.mark.parametrize(
    "schema", ["CREATE TABLE letters (text)", "CREATE TABLE objects (text); CREATE TABLE events (text)"]
)
def test_a_database_of_something_else_is_refused_and_left_alone(tmp_path: Path, schema: Any) -> None:
    state = tmp_path / "letters.sqlite"
    with contextlib.closing(sqlite3.connect(state)) as letters:
        letters.executescript(schema)
    before = state.read_bytes()
    with pytest.raises(StateFileError, match="is not a state file of the sandbox"):
        Sandbox(state=state).start()
    assert state.read_bytes() == before


def test_events_in_the_file_are_parsed_when_they_are_shown(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.sqlite"
    with Sandbox(state=state) as sandbox, RawClose(sandbox) as close:
        lead, other = close.made("/lead/", name="A"), close.made("/lead/", name="B")
        before = close.get("/event/", params={"lead_id": lead["id"]}).json()["data"]
    with contextlib.closing(sqlite3.connect(state, isolation_level=None)) as file:
        file.execute("UPDATE events SET document = 'not JSON' WHERE document LIKE ?", (f"%{other['id']}%",))
    with Sandbox(state=state) as sandbox, RawClose(sandbox) as close:
        assert close.get("/event/", params={"lead_id": lead["id"]}).json()["data"] == before
        assert close.get(f"/event/{before[0]['id']}/").json() == before[0]
        newer = close.get("/event/", params={"object_type": "lead", "action": "created"}).json()["data"]
        assert newer == before


def test_loading_leaves_the_collection_of_garbage_as_it_was(tmp_path: Path) -> None:
    for _ in range(2):
        with Sandbox(state=tmp_path / "s"):
            assert gc.isenabled()


# Bookkeeping


def test_the_report_proves_that_each_lead_was_made_once(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bookkeeping, "ONE_SECOND", STUCK)
    with RawClose(sandbox) as close:
        field = close.post("/custom_field/lead/", json={"name": "Import Key", "type": "text"}).json()["id"]
        for value in ("k1", "k2", "k2"):
            close.post("/lead/", json={f"custom.{field}": value})
        report = requests.get(sandbox.close_url.replace("/api/v1", "/sandbox/report"), timeout=STUCK).json()
    assert report == sandbox.report()
    assert (report["leads"], report["leads_by_value"]) == (3, {"Import Key": {"k1": 1, "k2": 2}})
    assert report["requests_by_endpoint"] == {"POST /custom_field/lead/": 1, "POST /lead/": 3}
    assert (report["requests"], report["most_in_one_second"], report["most_in_parallel"]) == (4, 4, 1)


def test_requests_side_by_side_are_noticed() -> None:
    with Sandbox(faults=[Fault("stall")], stall_seconds=10 * STUCK) as sandbox:

        def ask() -> None:
            with contextlib.suppress(requests.ConnectionError):  # they are not answered before the sandbox stops
                requests.get(sandbox.close_url + "/me/", auth=("key", ""), timeout=STUCK)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        wait_until(lambda: sandbox.report()["most_in_parallel"] >= 3)
        assert sandbox.report()["most_in_parallel"] == 3
    for thread in threads:
        thread.join()


def test_leads_made_at_the_same_time_are_all_there(sandbox: Sandbox) -> None:
    def make() -> None:
        with RawClose(sandbox) as close:
            for _ in range(20):
                assert close.post("/lead/", json={"contacts": [{"name": "Ann"}]}).status_code == 200

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with RawClose(sandbox) as close:
        leads = close.get("/lead/", params={"_limit": 200}).json()["data"]
    assert len({lead["id"] for lead in leads}) == 160
    assert [lead["date_created"] for lead in leads] == sorted({lead["date_created"] for lead in leads})


# Check services


@pytest.mark.parametrize(
    ("person", "registry", "judicial", "score"),
    [
        ("123", (200, True), (200, 0), 73),
        ("120", (200, False), (200, 0), 70),
        ("129", (200, True), (200, 1), 79),
        ("128", (200, True), (404, None), 78),
        ("127", (503, None), (200, 0), 77),
        ("5", (200, True), (200, 0), 55),
        ("110", (200, False), (200, 0), 60),
        ("111", (200, True), (200, 0), 61),
        ("a b", (200, True), (200, 1), 98),
    ],
)
def test_the_checks_answer_by_the_tail_of_the_id(
    sandbox: Sandbox, person: Any, registry: Any, judicial: Any, score: Any
) -> None:
    path = f"/people/{quote(person, safe='')}"
    in_registry = requests.get(sandbox.registry_url + path, timeout=STUCK)
    records = requests.get(sandbox.judicial_url + path + "/records", timeout=STUCK)
    body = {"id": person, "registry": "passed", "judicial": "passed"}
    scored = requests.post(sandbox.score_url + "/scores", json=body, timeout=STUCK).json()
    assert (in_registry.status_code, in_registry.json().get("exists")) == registry
    assert records.status_code == judicial[0]
    assert judicial[1] is None or len(records.json()["records"]) == judicial[1]
    assert scored == {"id": person, "score": score}
    assert sandbox.report()["requests"] == 0


def test_a_score_is_refused_without_the_statuses_of_both_checks(sandbox: Sandbox) -> None:
    assert requests.post(sandbox.score_url + "/scores", json={"id": "1"}, timeout=STUCK).status_code == 400


@pytest.mark.parametrize(
    "body", ['{"id": "\\ud800", "registry": "passed", "judicial": "passed"}', "[" * 100_000], ids=["id", "depth"]
)
def test_a_score_is_refused_for_what_is_no_text_and_no_json(sandbox: Sandbox, body: Any) -> None:
    assert requests.post(sandbox.score_url + "/scores", data=body, timeout=STUCK).status_code == 400


def test_the_checks_know_no_other_path(sandbox: Sandbox) -> None:
    assert requests.get(sandbox.registry_url + "/person/1", timeout=STUCK).status_code == 404
    assert requests.post(sandbox.registry_url + "/people/1", json={}, timeout=STUCK).status_code == 405
