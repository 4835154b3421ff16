"""A write never goes out older than its reading: whatever people do in Close while a write has to wait counts.

Close refuses the first write that a test names with 429 and asks to wait; meanwhile a colleague works in Close.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.wire import HttpRequest, Reply
from tests.conftest import Run
from tests.raw_close import Clock, RawClose
from tests.waiting_leads import Waiting
from tests.watched import Answer, Watched

Write = Callable[..., Path]
Act = Callable[[], object]
WAIT = 5  # seconds that Close asks for


@pytest.fixture
def close(connect: Callable[[Watched], None], clock: Clock) -> Iterator[RawClose]:
    with Watched(clock=clock) as sandbox, RawClose(sandbox, "key-of-a-colleague") as session:
        connect(sandbox)
        session.watched = sandbox  # type: ignore[attr-defined]
        yield session


@contextmanager
def refused_once(close: Any, method: str, path: str, act: Act) -> Iterator[list[str]]:
    """Refuse the first request of a kind with 429, and let a colleague act before it is repeated."""
    refused: list[str] = []

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        is_meant = request.method == method and request.path.startswith(f"/api/v1{path}")
        if is_meant and not refused:
            refused.append(request.path)
            close.watched.watch = lambda request, answer: answer(request)
            act()
            return Reply(429, b"", {"Retry-After": str(WAIT)})
        return answer(request)

    close.watched.watch = watch
    yield refused
    assert refused


def change(close: RawClose, path: str, values: Any) -> Act:
    return lambda: close.put(path, json=values).raise_for_status()


def make_acme(close: RawClose) -> Any:
    contact = {"name": "Ann", "emails": [{"email": "ann@x.com", "type": "office"}]}
    return close.made("/lead/", name="Acme", contacts=[contact])


def lead_named(close: RawClose, name: str) -> Any:
    (lead,) = [each for each in close.get("/lead/").json()["data"] if each["name"].casefold() == name.casefold()]
    return lead


def test_an_email_that_a_colleague_adds_while_a_merge_waits_is_kept(run: Run, write: Write, close: RawClose) -> None:
    (contact,) = make_acme(close)["contacts"]
    theirs = [{"email": "ann@x.com", "type": "office"}, {"email": "new@x.com", "type": "home"}]
    write("Acme,Ann,ann@x.com,+14155550100,,,")
    with refused_once(
        close, "PUT", "/contact/", lambda: close.put(f"/contact/{contact['id']}/", json={"emails": theirs})
    ):
        assert run("import", "leads.csv").code == 0
    (contact,) = lead_named(close, "Acme")["contacts"]
    assert [each["email"] for each in contact["emails"]] == ["ann@x.com", "new@x.com"]
    assert [each["phone"] for each in contact["phones"]] == ["+14155550100"]


def test_a_value_that_a_colleague_fills_while_a_merge_waits_is_not_overwritten(
    run: Run, write: Write, close: RawClose
) -> None:
    lead, field = make_acme(close), close.made("/custom_field/lead/", name="Industry", type="text")["id"]
    write("Acme,Retail", header="Company,custom.Industry")
    with refused_once(
        close, "PUT", "/lead/", lambda: close.put(f"/lead/{lead['id']}/", json={f"custom.{field}": "Art"})
    ):
        assert run("import", "leads.csv").code == 0
    assert lead_named(close, "Acme")[f"custom.{field}"] == "Art"


def test_a_person_whom_a_colleague_adds_while_a_merge_waits_is_not_there_twice(
    run: Run, write: Write, close: RawClose
) -> None:
    lead = make_acme(close)
    bee = {"lead_id": lead["id"], "name": "BEE", "emails": [{"email": "bee@x.com", "type": "office"}]}
    write("Acme,Bee,bee@x.com,,,,")
    with refused_once(close, "POST", "/contact/", lambda: close.made("/contact/", **bee)):
        assert run("import", "leads.csv").code == 0
    assert sorted(each["name"] for each in lead_named(close, "Acme")["contacts"]) == ["Ann", "BEE"]


@pytest.mark.parametrize(
    "act",
    [
        lambda close, lead: close.made("/activity/note/", lead_id=lead["id"], note="Called them"),
        lambda close, lead: close.put(f"/lead/{lead['id']}/", json={"description": "Important"}),
        lambda close, lead: close.made("/task/", lead_id=lead["id"], text="Call", _type="outgoing_call"),
    ],
)
def test_a_lead_that_somebody_works_on_while_an_undo_waits_stays(
    run: Run, write: Write, close: RawClose, act: Callable[[RawClose, Any], object]
) -> None:
    write("Acme,Ann,ann@x.com,,,,")
    assert run("import", "leads.csv").code == 0
    lead = lead_named(close, "Acme")
    with refused_once(close, "DELETE", "/lead/", lambda: act(close, lead)):
        ran = run("undo", "last", "--json")
    assert (ran.code, len(ran.json["left"]), lead_named(close, "Acme")["id"]) == (4, 1, lead["id"])
    assert run("import", "leads.csv", "--json").json["leads"]["unchanged"] == 1  # the journal knows it as ours


def test_a_value_that_a_colleague_changes_while_an_undo_waits_stays(run: Run, write: Write, close: RawClose) -> None:
    lead, field = make_acme(close), close.made("/custom_field/lead/", name="Industry", type="text")["id"]
    write("Acme,Retail", header="Company,custom.Industry")
    assert run("import", "leads.csv").code == 0
    with refused_once(
        close, "PUT", "/lead/", lambda: close.put(f"/lead/{lead['id']}/", json={f"custom.{field}": "Art"})
    ):
        ran = run("undo", "last", "--json")
    assert (ran.code, lead_named(close, "Acme")[f"custom.{field}"]) == (4, "Art")


@pytest.mark.parametrize(("method", "path"), [("POST", "/activity/note/"), ("PUT", "/lead/")])
def test_a_verdict_is_not_written_to_a_lead_that_gets_another_id_while_it_waits(
    run: Run, close: RawClose, method: str, path: str
) -> None:
    waiting = Waiting(close)
    lead_id = waiting.lead("123")
    field = waiting._field
    with refused_once(close, method, path, change(close, f"/lead/{lead_id}/", {f"custom.{field}": "129"})):
        run("qualify", "--from-close")
    assert waiting.status(lead_id) == "To qualify"
    assert len(waiting.notes(lead_id)) == (0 if method == "POST" else 1)


def test_what_waits_for_a_moment_is_sent_as_it_is(run: Run, write: Write, close: RawClose) -> None:
    lead, field = make_acme(close), close.made("/custom_field/lead/", name="Industry", type="text")["id"]
    write("Acme,Retail", header="Company,custom.Industry")
    with refused_once(close, "PUT", "/lead/", lambda: None):
        ran = run("import", "leads.csv", "--json")
    assert (ran.json["leads"]["updated"], lead_named(close, "Acme")[f"custom.{field}"]) == (1, "Retail")
    assert lead["id"] == lead_named(close, "Acme")["id"]


def test_a_note_that_a_colleague_adds_while_an_undo_waits_to_read_the_lead_keeps_it(
    run: Run, write: Write, close: RawClose
) -> None:
    write("Acme,Ann,ann@x.com,,,,")
    assert run("import", "leads.csv").code == 0
    lead = lead_named(close, "Acme")
    with refused_once(
        close, "GET", "/lead/lead_", lambda: close.made("/activity/note/", lead_id=lead["id"], note="Called them")
    ):
        ran = run("undo", "last", "--json")
    assert (ran.code, len(ran.json["left"]), lead_named(close, "Acme")["id"]) == (4, 1, lead["id"])


def test_a_lead_that_is_gone_is_undone_also_where_close_calls_its_id_invalid(
    run: Run, write: Write, close: Any
) -> None:
    write("Acme,Ann,ann@x.com,,,,")
    assert run("import", "leads.csv").code == 0
    lead = lead_named(close, "Acme")
    close.delete(f"/lead/{lead['id']}/").raise_for_status()

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        if request.method == "GET" and request.path == "/api/v1/activity/":
            return Reply.of(400, {"field-errors": {"lead_id": "Object does not exist"}})
        return answer(request)

    close.watched.watch = watch
    assert run("undo", "last").code == 0


def test_many_writes_that_make_each_other_wait_are_all_carried_out(
    run: Run, write: Write, connect: Callable[[Watched], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"Company {number}" for number in range(40)]
    write(*(f"{name},Ann {at},ann{at}@{name.split()[1]}.com,,,," for name in names for at in range(5)))
    monkeypatch.setattr("close_client.LONGEST_WAIT_WITHOUT_READING", 0.03)  # with 32 at a time, each waits for longer
    with Watched(rate=200) as sandbox, RawClose(sandbox) as close:
        for name in names:
            close.made("/lead/", name=name)
        connect(sandbox)
        ran = run("import", "leads.csv", "--json", "--workers", "32", "--index-lag", "1")
        assert (ran.code, ran.json["leads"]["updated"]) == (0, len(names))
        leads = close.get("/lead/", params={"_limit": "100"}).json()["data"]
    assert [len(lead["contacts"]) for lead in leads] == [5] * len(names)
