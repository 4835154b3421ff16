"""An answer counts only if it is about what was asked, and an answer that leaves something out is not "nothing".

A proxy in front of the sandbox mixes answers up, or changes their shape.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from commands.environment import JOURNAL
from sandbox import Fault
from sandbox.wire import HttpRequest, Reply
from tests.conftest import Run
from tests.raw_close import RawClose
from tests.watched import Answer, Watched

Write = Callable[..., Path]
Document = dict[str, Any]
IMPORT = ("import", "leads.csv", "--index-lag", "4", "--json")


@pytest.fixture
def sandbox(connect: Callable[[Watched], None], clock: Callable[[], float]) -> Iterator[Watched]:
    with Watched(clock=clock) as running:
        connect(running)
        yield running


@pytest.fixture
def user(sandbox: Watched) -> Iterator[RawClose]:
    with RawClose(sandbox, "key-of-a-colleague") as session:
        yield session


def leads_of(user: RawClose) -> dict[str, Document]:
    return {lead["name"].casefold(): lead for lead in user.get("/lead/").json()["data"]}


def emails_of(lead: Document) -> list[str]:
    return sorted(each["email"] for contact in lead["contacts"] for each in contact["emails"])


def is_for(request: HttpRequest, method: str, prefix: str) -> bool:
    return request.method == method and request.path.startswith(f"/api/v1{prefix}")


def rewritten(reply: Reply | None, change: Callable[[Document], Document]) -> Reply | None:
    """The answer with another document, which `change` makes from its own."""
    if reply is None or reply.status != 200:
        return reply
    return replace(reply, body=json.dumps(change(json.loads(reply.body))).encode())


def without_custom_values(lead: Document) -> Document:
    return {name: value for name, value in lead.items() if not name.startswith("custom.")}


def with_nested_custom_values(lead: Document) -> Document:
    nested = {name.removeprefix("custom."): lead[name] for name in lead if name.startswith("custom.")}
    return {**without_custom_values(lead), "custom": nested}


def each_lead(change: Callable[[Document], Document]) -> Callable[[Document], Document]:
    """The same change on the one lead of an answer, or on each lead of a page."""
    return lambda answer: {**answer, "data": [*map(change, answer["data"])]} if "data" in answer else change(answer)


def test_the_answer_for_one_lead_given_twice_puts_no_person_onto_another(
    run: Run, write: Write, sandbox: Watched, user: RawClose
) -> None:
    acme = user.made("/lead/", name="Acme", contacts=[{"name": "Ann", "emails": [{"email": "ann@x.com"}]}])["id"]
    user.made("/lead/", name="Beta", contacts=[{"name": "Bo", "emails": [{"email": "bo@x.com"}]}])
    write("Acme,Cy,cy@x.com,,,,", "Beta,Di,di@x.com,,,,")
    doubled: list[str] = []

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        if is_for(request, "GET", "/lead/lead_") and acme not in request.path and not doubled:
            doubled.append(request.path)
            return answer(replace(request, path=f"/api/v1/lead/{acme}/"))
        return answer(request)

    sandbox.watch = watch
    assert run(*IMPORT).code == 0
    assert doubled
    made = leads_of(user)
    assert emails_of(made["acme"]) == ["ann@x.com", "cy@x.com"]
    assert emails_of(made["beta"]) == ["bo@x.com", "di@x.com"]


def test_a_search_that_shows_less_than_was_asked_for_is_asked_again(
    run: Run, write: Write, sandbox: Watched, user: RawClose
) -> None:
    write("Acme,Ann,ann@x.com,,,,")
    assert run(*IMPORT).code == 0
    acme = leads_of(user)["acme"]
    key = next(name for name in acme if name.startswith("custom.") and str(acme[name]).startswith("k1:"))
    write("Acme,Ann,ann@x.com,415 555 0100,,,")
    assert run(*IMPORT).code == 0
    few = [{"id": acme["id"], key: acme[key]}]
    asked: list[str] = []

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        reply = answer(request)
        if not is_for(request, "POST", "/data/search/"):
            return reply
        asked.append(request.path)
        return reply if len(asked) > 1 else rewritten(reply, lambda page: {**page, "data": few})

    sandbox.watch = watch
    assert run(*IMPORT).json["leads"]["unchanged"] == 1
    assert len(asked) == 2


def test_a_created_lead_whose_answer_shows_another_lead_is_looked_for(
    run: Run, write: Write, sandbox: Watched, user: RawClose
) -> None:
    first: list[Reply] = []

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        reply = answer(request)
        if is_for(request, "POST", "/lead/") and reply:
            first.append(reply)
            return first[0]
        return reply

    sandbox.watch = watch
    write("Acme,Ann,ann@x.com,,,,", "Beta,Bo,bo@x.com,,,,", "Gamma,Gil,gil@x.com,,,,")
    assert run(*IMPORT, "--workers", "1").code == 0
    assert len(first) == 3
    assert {name: emails_of(lead) for name, lead in leads_of(user).items()} == {
        "acme": ["ann@x.com"],
        "beta": ["bo@x.com"],
        "gamma": ["gil@x.com"],
    }
    sandbox.watch = lambda request, answer: answer(request)
    assert run("undo", "last", "--json").json["deleted"] == 3
    assert leads_of(user) == {}


@contextmanager
def proxied(sandbox: Watched, method: str, prefix: str, change: Callable[[Document], Document]) -> Iterator[None]:
    """Let a proxy change the answers to these requests, in the block."""

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        reply = answer(request)
        return rewritten(reply, change) if is_for(request, method, prefix) else reply

    sandbox.watch = watch
    yield
    sandbox.watch = lambda request, answer: answer(request)


def test_the_answer_that_an_undone_lead_got_is_not_taken_for_that_of_the_lead_sent_again(
    run: Run, write: Write, sandbox: Watched, user: RawClose
) -> None:
    first: list[Reply] = []

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        reply = answer(request)
        if is_for(request, "POST", "/lead/") and reply:
            first.append(reply)
            return first[0]
        return reply

    sandbox.watch = watch
    write("Acme,Ann,ann@x.com,,,,")
    assert run(*IMPORT).code == run("undo", "last", "--index-lag", "4").code == 0
    ran = run(*IMPORT)
    acme = leads_of(user)["acme"]
    assert (ran.code, ran.json["leads"]["created"], len(first)) == (0, 1, 2)
    assert acme["id"] in Path(ran.json["files"]["imported"]).read_text()


def test_a_created_lead_whose_answer_leaves_out_custom_fields_is_read_by_id(
    run: Run, write: Write, sandbox: Watched, user: RawClose
) -> None:
    write("Acme,Ann,ann@x.com,,,,", "Beta,Bo,bo@x.com,,,,")
    with proxied(sandbox, "POST", "/lead/", without_custom_values):
        ran = run(*IMPORT)
    assert (ran.code, ran.json["leads"]["created"]) == (0, 2)
    assert sandbox.report()["requests_by_endpoint"]["POST /lead/"] == 2
    assert run("undo", "last", "--json").json["deleted"] == 2


@pytest.mark.parametrize("shown", [{"contacts": None}, {"contacts": []}, {}], ids=["null", "empty", "missing"])
def test_a_lead_whose_contacts_are_not_shown_is_not_taken_for_one_without_people(
    run: Run, write: Write, sandbox: Watched, user: RawClose, shown: Document
) -> None:
    contact = {"name": "Ann", "emails": [{"email": "ann@x.com"}]}
    user.made("/lead/", name="Acme", contacts=[contact])

    def hide(lead: Document) -> Document:
        rest = {name: value for name, value in lead.items() if name != "contacts"}
        return {**rest, **shown, "contact_ids": [each["id"] for each in lead["contacts"]]}

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        reply = answer(request)
        return rewritten(reply, hide) if is_for(request, "GET", "/lead/lead_") else reply

    sandbox.watch = watch
    write("Acme,Ann,ann@x.com,+14155550100,,,")
    assert run(*IMPORT).code == 0
    sandbox.watch = lambda request, answer: answer(request)
    (shown_contact,) = leads_of(user)["acme"]["contacts"]
    assert [each["phone"] for each in shown_contact["phones"]] == ["+14155550100"]


@pytest.mark.parametrize("shown", [{}, {"contacts": None, "contact_ids": None}], ids=["missing", "null"])
def test_a_lead_that_shows_neither_contacts_nor_their_ids_is_not_changed(
    run: Run, write: Write, sandbox: Watched, user: RawClose, shown: Document
) -> None:
    user.made("/lead/", name="Acme", contacts=[{"name": "Ann", "emails": [{"email": "ann@x.com"}]}])

    def hide(lead: Document) -> Document:
        return {name: lead[name] for name in lead if not name.startswith("contact")} | shown

    write("Acme,Ann,ann@x.com,+14155550100,,,")
    with proxied(sandbox, "GET", "/lead/lead_", hide):
        ran = run(*IMPORT)
    (contact,) = leads_of(user)["acme"]["contacts"]
    assert (ran.code, contact["phones"]) == (5, [])
    assert run(*IMPORT).code == 0  # whatever was left is done as soon as Close shows it
    (contact,) = leads_of(user)["acme"]["contacts"]
    assert [each["phone"] for each in contact["phones"]] == ["+14155550100"]


def test_a_contact_that_is_gone_is_not_taken_for_a_lead_that_is_gone(
    run: Run, write: Write, sandbox: Watched, user: RawClose
) -> None:
    def hide(lead: Document) -> Document:
        return {**lead, "contacts": None, "contact_ids": ["cont_gone"]}

    write("Acme,Ann,ann@x.com,,,,")
    assert run(*IMPORT).code == 0
    write("Acme,Bo,bo@x.com,,,,")
    with proxied(sandbox, "GET", "/lead/lead_", hide):
        assert run(*IMPORT).code == 5
        assert run("undo", "last").code == 5
    assert [emails_of(lead) for lead in leads_of(user).values()] == [["ann@x.com"]]
    assert run("undo", "last").code == 0
    assert leads_of(user) == {}


def test_an_empty_answer_to_a_change_is_a_lost_answer_and_not_a_failure_of_the_tool(
    run: Run, write: Write, sandbox: Watched, user: RawClose
) -> None:
    user.made("/custom_field/lead/", name="Industry", type="text")
    user.made("/lead/", name="Acme")
    emptied: list[str] = []

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        reply = answer(request)
        if is_for(request, "PUT", "/lead/") and not emptied:
            emptied.append(request.path)
            return rewritten(reply, lambda lead: {})
        return reply

    sandbox.watch = watch
    write("Acme,Retail", header="Company,custom.Industry")
    ran = run(*IMPORT)
    assert (ran.code, len(emptied), "a bug" in ran.err) == (0, 1, False)
    assert "Retail" in leads_of(user)["acme"].values()


def test_custom_values_in_a_nested_object_are_read_like_flat_ones(
    run: Run, write: Write, sandbox: Watched, user: RawClose
) -> None:
    def nest_in_event(event: Document) -> Document:
        return {**event, "data": with_nested_custom_values(event["data"])} if event.get("data") else event

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        reply = answer(request)
        if is_for(request, "GET", "/event/"):
            return rewritten(reply, lambda page: {**page, "data": [*map(nest_in_event, page["data"])]})
        is_about_leads = any(is_for(request, *each) for each in (("GET", "/lead/"), ("POST", "/data/search/")))
        if is_about_leads or is_for(request, "POST", "/lead/"):
            return rewritten(reply, each_lead(with_nested_custom_values))
        return reply

    sandbox.watch = watch
    write("Acme,Retail", "Beta,Art", header="Company,custom.Industry")
    with sandbox.troubled([Fault("drop-after", on="POST /api/v1/lead/", times=1)]):
        assert run(*IMPORT).code == 0
    ran = run("undo", "last", "--json")
    assert (ran.code, ran.json["deleted"]) == (0, 2)
    assert run(*IMPORT).code == 0
    JOURNAL.unlink()
    again = run(*IMPORT)
    assert (again.code, again.json["leads"]["unchanged"], again.json["leads"]["created"]) == (0, 2, 0)


def test_a_search_hit_that_does_not_show_the_key_is_read_by_id(
    run: Run, write: Write, sandbox: Watched, user: RawClose
) -> None:
    write("Acme,Ann,ann@x.com,,,,")
    assert run(*IMPORT).code == 0
    JOURNAL.unlink()
    lead = leads_of(user)["acme"]
    user.put(f"/lead/{lead['id']}/", json={"name": "Renamed by a colleague"})
    with proxied(sandbox, "POST", "/data/search/", each_lead(without_custom_values)):
        again = run(*IMPORT)
    assert (again.code, again.json["leads"]["created"]) == (0, 0)
    assert list(leads_of(user)) == ["renamed by a colleague"]


def test_a_created_contact_whose_answer_shows_another_one_is_known_to_the_undo(
    run: Run, write: Write, sandbox: Watched, user: RawClose
) -> None:
    user.made("/lead/", name="Acme", contacts=[{"name": "Ann", "emails": [{"email": "ann@x.com"}]}])
    user.made("/lead/", name="Beta", contacts=[{"name": "Bo", "emails": [{"email": "bo@x.com"}]}])
    first: list[Reply] = []

    def watch(request: HttpRequest, answer: Answer) -> Reply | None:
        reply = answer(request)
        if is_for(request, "POST", "/contact/") and reply:
            first.append(reply)
            return first[0] if len(first) == 2 else reply
        return reply

    sandbox.watch = watch
    write("Acme,Cy,cy@x.com,,,,", "Beta,Di,di@x.com,,,,")
    assert run(*IMPORT, "--workers", "1").code == 0
    assert len(first) == 2
    assert run("undo", "last").code == 0
    assert {name: emails_of(lead) for name, lead in leads_of(user).items()} == {
        "acme": ["ann@x.com"],
        "beta": ["bo@x.com"],
    }
