"""Notes, statuses and the id field whose answers are lost and that Close makes later: none is there twice for good."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox import Fault
from sandbox.close import PREFIX
from tests.conftest import Ran, Run
from tests.raw_close import RawClose
from tests.waiting_leads import LABELS, Waiting
from tests.watched import Watched
from tests.what_close_holds import requests_to

Clock = Callable[[], float]

NOTE, FIELD = f"POST {PREFIX}/activity/note/", f"POST {PREFIX}/custom_field/lead/"
STATUS = f"POST {PREFIX}/status/lead/"


@contextlib.contextmanager
def late(clock: Clock, connect: Any, on: str, seconds: float, **settings: Any) -> Iterator[tuple[Watched, RawClose]]:
    """A sandbox that carries out one request so many seconds late, without an answer."""
    with Watched(clock=clock, late_seconds=seconds, **settings) as sandbox, RawClose(sandbox, "key-of-a-user") as user:
        connect(sandbox)
        with sandbox.troubled([Fault("late", on=on, times=1)]):
            yield sandbox, user


def qualify(run: Run, *flags: str) -> Ran:
    return run("qualify", "--from-close", "--json", *flags)


@pytest.mark.parametrize(("seconds", "sent"), [(8, 1), (12, 2)])
def test_a_note_that_arrives_late_is_there_once_when_the_command_ends(
    run: Run, clock: Clock, connect: Any, seconds: float, sent: int
) -> None:
    with late(clock, connect, NOTE, seconds) as (sandbox, user):
        waiting = Waiting(user)
        lead_id = waiting.lead("123")
        assert qualify(run).code == 0
        assert (len(waiting.notes(lead_id)), waiting.status(lead_id)) == (1, "Prospect")
        assert requests_to(sandbox)["POST /activity/note/"] == sent


def test_a_note_that_arrives_after_the_command_is_removed_by_the_next(run: Run, clock: Clock, connect: Any) -> None:
    with late(clock, connect, NOTE, 70) as (_, user):
        waiting = Waiting(user)
        lead_id = waiting.lead("123")
        assert qualify(run).code == 0
        time.sleep(70)
        assert len(waiting.notes(lead_id)) == 2
        assert run("qualify", "125", "--json", "--random-score").code in (0, 4)
        assert len(waiting.notes(lead_id)) == 2
        assert qualify(run).code == 0
        assert len(waiting.notes(lead_id)) == 1


@pytest.mark.parametrize("reason", ["edited", "not allowed"])
def test_a_second_note_that_may_not_go_stays_and_is_told(run: Run, clock: Clock, connect: Any, reason: str) -> None:
    permissions = ["view_all_leads"] if reason == "not allowed" else None
    with late(clock, connect, NOTE, 70, permissions=permissions) as (_, user):
        waiting = Waiting(user)
        lead_id = waiting.lead("123")
        assert qualify(run).code == 0
        time.sleep(70)
        if reason == "edited":
            newest = max(waiting.notes(lead_id), key=lambda note: note["date_created"])
            user.put(f"/activity/note/{newest['id']}/", json={"note": f"{newest['note']}\nSeen."}).raise_for_status()
        ran = qualify(run)
        assert ran.code == 0
        assert f"{lead_id}/: this tool's note is there twice" in ran.err
        assert len(waiting.notes(lead_id)) == 2


@pytest.mark.parametrize("on", [STATUS, FIELD])
@pytest.mark.parametrize(("seconds", "sent"), [(8, 1), (12, 2)])
def test_what_qualifying_creates_in_close_is_made_once_or_told(
    run: Run, clock: Clock, connect: Any, on: str, seconds: float, sent: int
) -> None:
    with late(clock, connect, on, seconds) as (sandbox, user):
        assert run("qualify", "--from-close", "--create").code == 0
        assert requests_to(sandbox)[on.replace(PREFIX, "")] == sent
        time.sleep(20)
        again = qualify(run)
        assert again.code == 0
        fields = user.get("/custom_field_schema/lead/").json()["fields"]
        assert [field["name"] for field in fields].count("National ID") == 1
        labels = [status["label"] for status in user.get("/status/lead/").json()["data"]]
        if on == STATUS and sent == 2:
            assert "Close has a second lead status named 'Not eligible'" in again.err
            assert set(labels) >= set(LABELS)
        else:
            assert sorted(labels) == sorted(set(labels))
        assert json.loads(again.out) == []
