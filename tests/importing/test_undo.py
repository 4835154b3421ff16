"""`undo` takes back what an import put into Close, and nothing that anybody changed or worked on since."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from close.errors import OutcomeUnknown
from close_client import CloseClient
from sandbox import Fault, Sandbox
from tests.conftest import Run
from tests.raw_close import RawClose
from tests.what_close_holds import custom_ids, leads_held, named, people_on, requests_to, table, writes_to

Write = Callable[..., Path]
Connect = Callable[[Sandbox], None]
Clock = Callable[[], float]
Act = Callable[[RawClose, Any], object]


def make_acme(close: RawClose) -> Any:
    """A lead with something of everything that an import adds to."""
    return close.made(
        "/lead/",
        name="Acme",
        description="an old customer",
        url="https://acme.example",
        contacts=[
            {
                "name": "Ann",
                "title": "CTO",
                "emails": [{"type": "home", "email": "ann@x.com"}],
                "phones": [{"type": "mobile", "phone": "+14155550100"}],
                "urls": [{"type": "url", "url": "https://ann.example"}],
            },
            {"emails": [{"type": "office", "email": "who@x.com"}]},
        ],
    )


# It fills the date, the revenue and the state, adds to Ann, names who@x.com, and adds Bee.
ADDING_TO_ACME = (
    'Acme,Ann,"ann@x.com\nann@y.com",+1 415 555 0101,17.05.1987,5,CA',
    "Acme,Who,who@x.com,,,,",
    "Acme,Bee,bee@x.com,,,,",
)


def undo_of(run_id: str, deleted: int = 0, restored: int = 0) -> Any:
    """What `--json` prints of an undo that left nothing."""
    counts = {"deleted": deleted, "restored": restored, "left": []}
    return {"run_id": run_id, **counts}


# Close as it was


def test_close_is_as_it_was_before_the_import(run: Run, write: Write, connected: Sandbox, user: RawClose) -> None:
    make_acme(user)
    user.made("/lead/", name="Bystander")
    before = leads_held(user)
    write(*ADDING_TO_ACME, "Beta,Bob,bob@x.com,,,7,NY", "Gamma,,,,,,")
    ran = run("import", "leads.csv", "--json")
    assert ran.json["leads"] | {"created": 2, "updated": 1} == ran.json["leads"]
    assert people_on(named(leads_held(user), "Acme")) == [
        ("Ann", ["ann@x.com", "ann@y.com"], ["+14155550100", "+14155550101"]),
        ("WHO", ["who@x.com"], []),
        ("BEE", ["bee@x.com"], []),
    ]
    undone = run("undo", ran.json["run_id"], "--json")
    assert (undone.code, undone.json) == (0, undo_of(ran.json["run_id"], deleted=2, restored=1))
    assert leads_held(user) == before
    assert {"Import Key", "Company Founded", "Company Revenue"} <= custom_ids(user).keys()


def test_values_that_were_there_before_the_import_stay(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    field = user.made("/custom_field/lead/", name="Company Revenue", type="number")["id"]
    address = {"label": "mailing", "city": "Reno", "state": "NV", "country": "US"}
    user.made("/lead/", name="acme", addresses=[address], **{f"custom.{field}": 5})
    before = leads_held(user)
    write("Acme,Ann,,,,7,CA")
    assert run("import", "leads.csv").code == 0
    assert run("undo", "last").code == 0
    assert leads_held(user) == before


def test_undo_tells_what_it_did_in_words(run: Run, write: Write, connected: Sandbox, user: RawClose) -> None:
    write("Acme,,,,,,", "Beta,,,,,,")
    run_id = run("import", "leads.csv", "--json").json["run_id"]
    beta = named(leads_held(user), "BETA")
    user.made("/activity/note/", lead_id=beta["id"], note="a good talk")
    ran = run("undo", "last")
    assert ran.code == 4
    assert ran.out.splitlines() == [
        f"{run_id}: 1 deleted, 0 restored, 1 left unchanged",
        f"  left: BETA ({beta['id']}): it has activities in Close: Note",
        "Review these in Close and delete or change them by hand if needed.",
    ]
    assert f"Undoing run {run_id}" in ran.err


# A lead that the import made, and that was worked on since


def change_lead(**values: Any) -> Act:
    return lambda close, lead: close.put(f"/lead/{lead['id']}/", json=values).raise_for_status()


def change_contact(**values: Any) -> Act:
    return lambda close, lead: close.put(f"/contact/{lead['contacts'][0]['id']}/", json=values).raise_for_status()


def change_value(close: RawClose, lead: Any) -> None:
    change_lead(**{custom_ids(close)["Company Revenue"]: 8})(close, lead)


def clear_value(close: RawClose, lead: Any) -> None:
    change_lead(**{custom_ids(close)["Company Revenue"]: None})(close, lead)


def add_to_lead(path: str, **body: Any) -> Act:
    return lambda close, lead: close.made(path, lead_id=lead["id"], **body)


def delete_contact(close: RawClose, lead: Any) -> None:
    close.delete(f"/contact/{lead['contacts'][0]['id']}/").raise_for_status()


def move_status_and_back(close: RawClose, lead: Any) -> None:
    for label in ("Prospect", "Potential"):
        change_lead(status=label)(close, lead)


def merge_another_in(close: RawClose, lead: Any) -> None:
    other = close.made("/lead/", name="Other")
    close.post("/lead/merge/", json={"source": other["id"], "destination": lead["id"]}).raise_for_status()


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (change_lead(name="Beta Inc"), "changed"),
        (change_lead(description="call them"), "changed"),
        (change_lead(status="Prospect"), "changed"),
        (change_lead(addresses=[]), "changed"),
        (change_value, "changed"),
        (clear_value, "changed"),
        (change_contact(name="Robert"), "changed"),
        (change_contact(title="Director"), "changed"),
        (change_contact(emails=[{"email": "bob@x.com"}, {"email": "bob@y.com"}]), "changed"),
        (change_contact(phones=[{"phone": "+14155550199"}]), "changed"),
        (add_to_lead("/contact/", name="Cee"), "changed"),
        (delete_contact, "changed"),
        (merge_another_in, "activities in Close: LeadMerge"),
        (move_status_and_back, "activities in Close: LeadStatusChange"),
        (add_to_lead("/activity/note/", note="a good talk"), "activities in Close: Note"),
        (add_to_lead("/task/", text="call them"), "a task"),
        (add_to_lead("/task/", text="called them", is_complete=True), "a task"),
        (add_to_lead("/opportunity/", value=100), "an opportunity"),
    ],
)
def test_a_new_lead_that_somebody_worked_on_is_left(
    run: Run, write: Write, connected: Sandbox, user: RawClose, act: Act, reason: str
) -> None:
    write("Acme,,,,,,", "Beta,Bob,bob@x.com,,,7,NY", "Gamma,,,,,,")
    run("import", "leads.csv")
    beta = named(leads_held(user), "BETA")
    act(user, beta)
    worked_on = leads_held(user)[beta["id"]]
    ran = run("undo", "last", "--json")
    assert (ran.code, ran.json["deleted"], ran.json["restored"]) == (4, 2, 0)
    (left,) = ran.json["left"]
    assert (left["lead_id"], left["company"]) == (beta["id"], "BETA")
    assert reason in left["reason"]
    assert leads_held(user) == {beta["id"]: worked_on}
    again = run("undo", "last", "--json")
    assert (again.code, again.json["left"]) == (4, [left])
    assert leads_held(user) == {beta["id"]: worked_on}


def test_what_was_worked_on_and_put_right_again_can_be_undone(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    write("Beta,Bob,,,,7,")
    run("import", "leads.csv")
    beta = named(leads_held(user), "BETA")
    note = user.made("/activity/note/", lead_id=beta["id"], note="wrong lead")
    assert run("undo", "last").code == 4
    assert json.loads(run("runs", "--json").out)[0]["state"] == "partly undone"
    user.delete(f"/activity/note/{note['id']}/").raise_for_status()
    assert run("undo", "last").code == 0
    assert leads_held(user) == {}


# A lead that was there, and that was changed since the import added to it


def contact_called(lead: Any, name: str) -> Any:
    return next(contact for contact in lead["contacts"] if contact["name"] == name)


def on_contact(who: str, **values: Any) -> Act:
    return lambda close, lead: close.put(f"/contact/{contact_called(lead, who)['id']}/", json=values).raise_for_status()


def about_contact(path: str, who: str, **body: Any) -> Act:
    return lambda close, lead: close.made(path, lead_id=lead["id"], contact_id=contact_called(lead, who)["id"], **body)


@pytest.mark.parametrize(
    ("act", "kept"),
    [
        (change_value, {"Company Revenue": 8}),
        (change_lead(addresses=[{"state": "NV", "country": "US"}]), {"state": "NV"}),
        (on_contact("BEE", name="Beatrice"), {"contact": ("Beatrice", ["bee@x.com"], [])}),
        (
            on_contact("BEE", emails=[{"email": "bee@x.com"}, {"email": "b@x.com"}]),
            {"contact": ("BEE", ["bee@x.com", "b@x.com"], [])},
        ),
        (on_contact("BEE", title="Director"), {"contact": ("BEE", ["bee@x.com"], [])}),
        (about_contact("/activity/note/", "BEE", note="a good talk"), {"contact": ("BEE", ["bee@x.com"], [])}),
        (about_contact("/opportunity/", "BEE", value=100), {"contact": ("BEE", ["bee@x.com"], [])}),
        (
            on_contact("Ann", emails=[{"email": "ann@y.com"}]),
            {"Ann": ("Ann", ["ann@y.com"], ["+14155550100", "+14155550101"])},
        ),
        (
            on_contact("Ann", title="Director"),
            {"Ann": ("Ann", ["ann@x.com", "ann@y.com"], ["+14155550100", "+14155550101"])},
        ),
        (on_contact("WHO", name="Whoopi"), {"who": ("Whoopi", ["who@x.com"], [])}),
    ],
)
def test_what_was_added_and_changed_since_is_left_and_the_rest_is_taken_back(
    run: Run, write: Write, connected: Sandbox, user: RawClose, act: Act, kept: dict[str, Any]
) -> None:
    acme = make_acme(user)
    write(*ADDING_TO_ACME)
    run("import", "leads.csv")
    act(user, leads_held(user)[acme["id"]])
    ran = run("undo", "last", "--json")
    assert (ran.code, ran.json["deleted"], ran.json["restored"]) == (4, 0, 0)
    (left,) = ran.json["left"]
    assert (left["lead_id"], left["company"]) == (acme["id"], "ACME")
    assert re.search(r"since been changed in Close|in Close", left["reason"])
    lead, ids = leads_held(user)[acme["id"]], custom_ids(user)
    people = people_on(lead)
    assert people[0] == kept.get("Ann", ("Ann", ["ann@x.com"], ["+14155550100"]))
    assert people[1] == kept.get("who", (None, ["who@x.com"], []))
    assert people[2:] == ([kept["contact"]] if "contact" in kept else [])
    assert [address["state"] for address in lead["addresses"]] == ([kept["state"]] if "state" in kept else [])
    assert {name: lead[key] for name, key in ids.items() if key in lead} == {
        name: kept[name] for name in kept if name in ids
    }


def test_what_others_changed_beside_it_stays_and_stops_nothing(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    acme = make_acme(user)
    write(*ADDING_TO_ACME)
    run("import", "leads.csv")
    user.put(f"/lead/{acme['id']}/", json={"description": "new words", "name": "Acme Inc"}).raise_for_status()
    user.made("/contact/", lead_id=acme["id"], name="Dee")
    user.made("/activity/note/", lead_id=acme["id"], note="a good talk")
    user.made("/task/", lead_id=acme["id"], text="call them")
    ran = run("undo", "last", "--json")
    assert (ran.code, ran.json["restored"], ran.json["left"]) == (0, 1, [])
    lead = leads_held(user)[acme["id"]]
    assert (lead["name"], lead["description"], len(lead["tasks"])) == ("Acme Inc", "new words", 1)
    assert people_on(lead) == [
        ("Ann", ["ann@x.com"], ["+14155550100"]),
        (None, ["who@x.com"], []),
        ("Dee", [], []),
    ]


def test_what_users_took_out_themselves_counts_as_taken_back(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    acme = make_acme(user)
    before = leads_held(user)
    write(*ADDING_TO_ACME)
    run("import", "leads.csv")
    lead = leads_held(user)[acme["id"]]
    user.delete(f"/contact/{contact_called(lead, 'BEE')['id']}/").raise_for_status()
    change_lead(addresses=[])(user, lead)
    clear_value(user, lead)
    ran = run("undo", "last", "--json")
    assert (ran.code, ran.json["restored"]) == (0, 1)
    assert leads_held(user) == before


def test_a_lead_that_users_deleted_counts_as_undone(run: Run, write: Write, connected: Sandbox, user: RawClose) -> None:
    acme = make_acme(user)
    write(*ADDING_TO_ACME, "Beta,,,,,,", "Gamma,,,,,,")
    run("import", "leads.csv")
    for lead_id in (acme["id"], named(leads_held(user), "BETA")["id"]):
        user.delete(f"/lead/{lead_id}/").raise_for_status()
    ran = run("undo", "last", "--json")
    assert (ran.code, ran.json["deleted"], ran.json["restored"], ran.json["left"]) == (0, 2, 1, [])
    assert leads_held(user) == {}


# Which run


def test_last_is_the_newest_run_that_wrote_anything(run: Run, write: Write, connected: Sandbox, user: RawClose) -> None:
    write("Acme,,,,,,", name="first.csv")
    write("Beta,,,,,,", name="second.csv")
    run("import", "first.csv")
    second = run("import", "second.csv", "--json").json["run_id"]
    assert run("import", "first.csv", "--json").json["leads"]["unchanged"] == 1
    assert run("undo", "last", "--json").json["run_id"] == second
    assert [lead["name"] for lead in leads_held(user).values()] == ["ACME"]


def test_a_run_of_which_close_refused_everything_is_not_the_last_one(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    write("Acme,,,,,,", name="good.csv")
    write(f"{'X' * 1001},,,,,,", name="bad.csv")
    good = run("import", "good.csv", "--json").json["run_id"]
    assert run("import", "bad.csv").code == 4
    assert run("undo", "last", "--json").json == undo_of(good, deleted=1)


@pytest.mark.parametrize("run_id", ["20200101-000000-abcd", "last", "", "%"])
def test_a_run_that_nobody_knows_is_told_in_one_line(run: Run, connected: Sandbox, run_id: str) -> None:
    ran = run("undo", run_id)
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    assert line.startswith("error: No ")
    assert "python main.py runs" in line
    assert not writes_to(connected)


def test_a_run_of_another_organisation_is_not_undone_here(run: Run, write: Write, connect: Connect) -> None:
    write("Acme,,,,,,")
    with Sandbox() as there, Sandbox() as here:
        connect(there)
        run_id = run("import", "leads.csv", "--json").json["run_id"]
        connect(here)
        assert run("undo", run_id).code == 2
        assert run("undo", "last").code == 2
        assert (there.report()["leads"], sum(writes_to(here).values())) == (1, 0)


def test_undoing_twice_does_nothing_more(run: Run, write: Write, connected: Sandbox, user: RawClose) -> None:
    make_acme(user)
    before = leads_held(user)
    write(*ADDING_TO_ACME, "Beta,,,,,,")
    run_id = run("import", "leads.csv", "--json").json["run_id"]
    run("undo", run_id)
    written = writes_to(connected)
    again = run("undo", run_id, "--json")
    assert (again.code, again.json) == (0, undo_of(run_id))
    assert (writes_to(connected), leads_held(user)) == (written, before)


def test_what_a_later_run_added_to_is_left_until_that_one_is_undone(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    write("Acme,Ann,ann@x.com,,,,", "Beta,,,,,,", name="first.csv")
    write("Acme,Ann,,+1 415 555 0100,,7,", "Acme,Bee,,,,,", name="second.csv")
    first = run("import", "first.csv", "--json").json["run_id"]
    held = named(leads_held(user), "ACME")
    second = run("import", "second.csv", "--json").json["run_id"]
    ran = run("undo", first, "--json")
    assert (ran.code, ran.json["deleted"]) == (4, 1)
    assert second in ran.json["left"][0]["reason"]
    assert run("undo", second, "--json").json == undo_of(second, restored=1)
    assert leads_held(user) == {held["id"]: held}
    ran = run("undo", first, "--json")
    assert (ran.code, ran.json["deleted"], leads_held(user)) == (0, 1, {})


def test_a_later_run_that_only_looked_stops_no_undo(run: Run, write: Write, connected: Sandbox, user: RawClose) -> None:
    write("Acme,Ann,,,,,")
    first = run("import", "leads.csv", "--json").json["run_id"]
    run("import", "leads.csv")
    assert run("undo", first, "--json").json["deleted"] == 1
    assert leads_held(user) == {}


def test_two_runs_that_added_to_one_lead_are_taken_back_one_by_one(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    make_acme(user)
    before = leads_held(user)
    write("Acme,Ann,,+1 415 555 0101,,,CA", "Acme,Bee,,,,,", name="first.csv")
    write("Acme,Ann,ann@y.com,,,7,", "Acme,Cee,,,,,", name="second.csv")
    first = run("import", "first.csv", "--json").json["run_id"]
    between = leads_held(user)
    second = run("import", "second.csv", "--json").json["run_id"]
    assert run("undo", second).code == 0
    assert leads_held(user) == between
    assert run("undo", first).code == 0
    assert leads_held(user) == before


# Runs and undos that were cut off


def fail_at(monkeypatch: pytest.MonkeyPatch, method: str, at: int, *, after: bool) -> None:
    """Let a method of the client fail as a bug would, at the n-th call, before or after it does its work."""
    real, calls = getattr(CloseClient, method), iter(range(1, 10_000))

    def do_or_fail(client: CloseClient, *args: Any, **kwargs: Any) -> Any:
        is_failing = next(calls) == at
        if is_failing and not after:
            raise ZeroDivisionError
        answer = real(client, *args, **kwargs)
        if is_failing:
            raise ZeroDivisionError
        return answer

    monkeypatch.setattr(CloseClient, method, do_or_fail)


@pytest.mark.parametrize(
    ("method", "at", "after"),
    [
        *[("create_lead", at, after) for at in (1, 3) for after in (False, True)],
        *[("update_contact", at, True) for at in (1, 2)],
        *[("create_contact", 1, after) for after in (False, True)],
        *[("update_lead", 1, after) for after in (False, True)],
    ],
)
def test_a_run_that_was_stopped_anywhere_can_be_undone(
    run: Run,
    write: Write,
    connect: Connect,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    at: int,
    after: bool,
) -> None:
    with Sandbox(index_lag=60, event_lag=30, clock=clock) as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        make_acme(user)
        clock_on(60)
        before = leads_held(user)
        write("One,,,,,,", *ADDING_TO_ACME, "Two,,,,,,", "Three,,,,,,", "Four,,,,,,")
        with monkeypatch.context() as broken:
            fail_at(broken, method, at, after=after)
            run_id = run("import", "leads.csv", "--json", "--workers", "1").json["run_id"]
        assert json.loads(run("runs", "--json").out)[0]["state"] == "unfinished"
        ran = run("undo", run_id, "--json")
        assert (ran.code, ran.json["left"]) == (0, [])
        clock_on(60)
        assert leads_held(user) == before
        assert json.loads(run("runs", "--json").out)[0]["state"] == "undone"


def clock_on(seconds: float) -> None:
    """Put the clock of the fixture `clock` forward."""
    time.sleep(seconds)


@pytest.mark.parametrize(
    ("method", "act", "kept"),
    [
        ("update_lead", change_value, ("Company Revenue", 8)),
        ("update_lead", change_lead(addresses=[{"state": "NV", "country": "US"}]), ("state", "NV")),
        (
            "update_contact",
            on_contact("Ann", emails=[{"email": "ann@y.com"}, {"email": "a@x.com"}]),
            ("email", "a@x.com"),
        ),
        ("create_contact", on_contact("BEE", title="Director"), ("title", "Director")),
        ("create_contact", on_contact("BEE", name="Beatrice"), ("name", "Beatrice")),
    ],
)
def test_what_a_stopped_run_added_and_users_changed_then_is_left_too(
    run: Run,
    write: Write,
    connect: Connect,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    act: Act,
    kept: tuple[str, Any],
) -> None:
    with Sandbox(clock=clock) as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        acme = make_acme(user)
        write(*ADDING_TO_ACME)
        with monkeypatch.context() as broken:
            fail_at(broken, method, 1, after=True)
            run("import", "leads.csv")
        act(user, leads_held(user)[acme["id"]])
        ran = run("undo", "last", "--json")
        assert (ran.code, [left["lead_id"] for left in ran.json["left"]]) == (4, [acme["id"]])
        lead = leads_held(user)[acme["id"]]
        name, value = kept
        ids = custom_ids(user)
        seen = [lead, *lead["addresses"], *lead["contacts"], *(e for c in lead["contacts"] for e in c["emails"])]
        assert any(part.get(ids.get(name, name)) == value for part in seen)
        if method == "update_lead":
            assert ids["Import Key"] not in lead
            assert ids["Company Founded"] not in lead


@pytest.mark.parametrize("imports_again", [False, True])
@pytest.mark.parametrize("act", [change_lead(name="Beta Inc"), change_value, change_contact(title="Director")])
def test_a_lead_of_a_stopped_run_that_users_changed_then_is_left_too(
    run: Run,
    write: Write,
    connect: Connect,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    act: Act,
    imports_again: bool,
) -> None:
    with Sandbox(index_lag=60, clock=clock) as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        write("Beta,Bob,bob@x.com,,,7,NY")
        with monkeypatch.context() as broken:
            fail_at(broken, "create_lead", 1, after=True)
            run("import", "leads.csv")
        (lead,) = leads_held(user).values()
        act(user, lead)
        held = leads_held(user)
        if imports_again:
            assert run("import", "leads.csv").code == 0
        ran = run("undo", "last", "--json")
        assert (ran.code, ran.json["deleted"], len(ran.json["left"])) == (4, 0, 1)
        assert leads_held(user) == held


@pytest.mark.parametrize(
    ("method", "at", "after"),
    [
        *[("delete_lead", 2, after) for after in (False, True)],
        *[("update_contact", at, True) for at in (1, 2)],
        *[("delete_contact", 1, after) for after in (False, True)],
        ("update_lead", 1, True),
    ],
)
def test_an_undo_that_was_cut_off_is_run_again(
    run: Run,
    write: Write,
    connected: Sandbox,
    user: RawClose,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    at: int,
    after: bool,
) -> None:
    make_acme(user)
    before = leads_held(user)
    write(*ADDING_TO_ACME, *(f"Company {number},,,,,," for number in range(4)))
    run("import", "leads.csv")
    with monkeypatch.context() as broken:
        fail_at(broken, method, at, after=after)
        ran = run("undo", "last", "--json")
    assert (ran.code, "ZeroDivisionError" in ran.err) == (1, True)
    assert ran.json["left"] == []
    assert json.loads(run("runs", "--json").out)[0]["state"] == "partly undone"
    again = run("undo", "last", "--json")
    assert (again.code, again.json["left"]) == (0, [])
    assert leads_held(user) == before


def held_before_an_import(run: Run, write: Write, connect: Connect, state: Path) -> Any:
    """What Close held before an import that added to Acme and made four leads, all of which the state file has."""
    write(*ADDING_TO_ACME, *(f"Company {number},,,,,," for number in range(4)))
    with Sandbox(state=state) as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        make_acme(user)
        before = leads_held(user)
        run("import", "leads.csv")
    return before


@pytest.mark.parametrize(
    ("fault", "on"),
    [
        *[(fault, "DELETE /api/v1/") for fault in ("drop-before", "drop-after", "502-after", "429-bare")],
        *[(fault, "PUT /api/v1/") for fault in ("drop-before", "drop-after", "html", "429-bare")],
    ],
)
def test_answers_that_get_lost_in_an_undo_change_nothing_about_it(
    run: Run, write: Write, connect: Connect, clock: Clock, folder: Path, fault: str, on: str
) -> None:
    state = folder / "state.sqlite"
    before = held_before_an_import(run, write, connect, state)
    with Sandbox(state=state, faults=[Fault(fault, on=on, times=2)]) as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        ran = run("undo", "last", "--json")
        assert (ran.code, ran.json["deleted"], ran.json["restored"], ran.json["left"]) == (0, 4, 1, [])
        assert leads_held(user) == before


@pytest.mark.parametrize("on", ["PUT /api/v1/", "DELETE /api/v1/lead/"])
def test_a_close_that_is_down_ends_an_undo_and_the_next_one_goes_on(
    run: Run, write: Write, connect: Connect, clock: Clock, folder: Path, on: str
) -> None:
    state = folder / "state.sqlite"
    before = held_before_an_import(run, write, connect, state)
    with Sandbox(state=state, faults=[Fault("500", on=on)]) as sandbox:
        connect(sandbox)
        ran = run("undo", "last")
        assert ran.code == 5
        assert ran.err.splitlines()[-1].endswith("continue: python main.py undo last")
    with Sandbox(state=state) as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        assert run("undo", "last").code == 0
        assert leads_held(user) == before


def test_a_lead_whose_answer_was_lost_in_the_import_is_undone_too(
    run: Run, write: Write, connect: Connect, clock: Clock
) -> None:
    faults = [Fault("drop-after", on="POST /api/v1/lead/", times=2)]
    with Sandbox(index_lag=60, clock=clock, faults=faults) as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        write(*(f"Company {number},,,,,," for number in range(4)))
        assert run("import", "leads.csv", "--json").json["leads"]["created"] == 4
        assert run("undo", "last", "--json").json["deleted"] == 4
        assert leads_held(user) == {}


# After the undo


@pytest.mark.parametrize("index", ["prompt", "lagging", "frozen"])
def test_the_same_file_imports_anew_after_its_undo(
    run: Run, write: Write, connect: Connect, clock: Clock, index: str
) -> None:
    with Sandbox(index_lag=60 if index == "lagging" else 0, clock=clock) as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        make_acme(user)
        clock_on(60)
        before = leads_held(user)
        write(*ADDING_TO_ACME, "Beta,Bob,,,,7,NY", "Gamma,,,,,,")
        first = run("import", "leads.csv", "--json", "--workers", "1").json
        clock_on(60)
        table_before = [
            (line["company"], line["outcome"], line["changes"]) for line in table(first["files"]["imported"])
        ]
        assert user.get("/lead/").json()["total_results"] == 3
        if index == "frozen":
            sandbox.freeze_index()
        held = leads_held(user)
        assert run("undo", "last").code == 0
        assert user.get("/lead/").json()["total_results"] == (1 if index == "prompt" else 3)
        second = run("import", "leads.csv", "--json", "--workers", "1")
        assert (second.code, second.json["leads"]) == (0, first["leads"])
        assert second.json["run_id"] != first["run_id"]
        lines = table(second.json["files"]["imported"])
        assert [(line["company"], line["outcome"], line["changes"]) for line in lines] == table_before
        assert without_ids(leads_held(user)) == without_ids(held)
        assert run("import", "leads.csv", "--json").json["leads"]["unchanged"] == 3
        assert run("undo", second.json["run_id"]).code == 0
        assert leads_held(user) == before


@pytest.mark.parametrize("fault", ["drop-before", "drop-after"])
def test_a_lost_answer_after_an_undo_is_not_taken_for_the_lead_that_was_undone(
    run: Run, write: Write, connect: Connect, clock: Clock, folder: Path, fault: str
) -> None:
    state = folder / "state.sqlite"
    write("Acme,Ann,,,,,", "Beta,,,,,,")
    with Sandbox(state=state) as sandbox:
        connect(sandbox)
        run("import", "leads.csv")
        assert run("undo", "last", "--json").json["deleted"] == 2
    lost = Fault(fault, on="POST /api/v1/lead/", times=2)
    with Sandbox(state=state, index_lag=60, clock=clock, faults=[lost]) as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        if fault == "drop-before":  # no other lead shows how far the index is
            assert run("import", "leads.csv", "--json").json["leads"]["undetermined"] == 2
        ran = run("import", "leads.csv", "--json")
        assert (ran.code, ran.json["leads"]["created"]) == (0, 2)
        assert sorted(lead["name"] for lead in leads_held(user).values()) == ["ACME", "BETA"]


def without_ids(thing: Any) -> Any:
    """What leads hold, whatever ids they and their contacts have."""
    if isinstance(thing, dict):
        named_by_id = ("id", "contact_ids", "html_url", "lead_id")
        parts = {key: without_ids(value) for key, value in thing.items() if key not in named_by_id}
        return list(parts.values()) if all(key.startswith("lead_") for key in parts) else parts
    return [without_ids(item) for item in thing] if isinstance(thing, list) else thing


def test_undo_takes_few_requests_for_a_lead(run: Run, write: Write, connected: Sandbox) -> None:
    write(*(f"Company {number},,,,,," for number in range(20)))
    run("import", "leads.csv")
    before = requests_to(connected)
    run("undo", "last")
    assert sum((requests_to(connected) - before).values()) <= 20 * 5 + 2


# The list of runs


def test_runs_are_listed_with_their_states_and_counts(run: Run, write: Write, connect: Connect, folder: Path) -> None:
    assert run("runs").out == "There are no imports yet.\n"
    assert run("runs", "--json").json == []
    none = {"created": 0, "updated": 0, "unchanged": 0, "skipped": 0, "rejected": 0, "failed": 0, "undetermined": 0}
    with Sandbox(lead_cap=4) as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        make_acme(user)
        write(*ADDING_TO_ACME, "Beta,,,,,,", ",Nobody,,,,,", name="finished.csv")
        write("Gamma,,,,,,", "Beta,,,,,,", name="undone.csv")
        write("Delta,,,,,,", "Eta,,,,,,", "Theta,,,,,,", name="stopped.csv")
        assert run("import", "finished.csv").code == 4
        assert run("import", "undone.csv").code == 0
        assert run("undo", "last").code == 0
        assert run("import", "stopped.csv", "--workers", "1").code == 3
        assert run("import", "finished.csv", "--dry-run").code == 4
        runs = run("runs", "--json").json
    assert [list(each) for each in runs] == [["run_id", "file", "started", "state", "leads"]] * 3
    assert [(Path(each["file"]).name, each["state"]) for each in runs] == [
        *[("finished.csv", "finished"), ("undone.csv", "undone"), ("stopped.csv", "unfinished")]
    ]
    assert [each["leads"] for each in runs] == [
        none | {"created": 1, "updated": 1},
        none | {"created": 1, "unchanged": 1},
        none | {"created": 2, "skipped": 1},
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", each["started"]) for each in runs)
    lines = run("runs").out.splitlines()
    assert [line.split()[:2] for line in lines] == [[each["run_id"], each["state"]] for each in runs]
    assert lines[0].endswith(f"{folder / 'finished.csv'}: 1 created, 1 updated")


def test_runs_of_rehearsals_are_listed_alone(run: Run, write: Write, connected: Sandbox) -> None:
    write("Acme,,,,,,")
    run("import", "leads.csv")
    rehearsed = run("import", "leads.csv", "--sandbox", "--json").json["run_id"]
    assert [each["run_id"] for each in run("runs", "--sandbox", "--json").json] == [rehearsed]
    assert len(run("runs", "--json").json) == 2


def test_a_run_that_was_carried_on_is_one_run_and_undone_as_one(
    run: Run, write: Write, connect: Connect, folder: Path
) -> None:
    state = folder / "state.sqlite"
    write(*(f"Company {number},,,,,," for number in range(4)))
    with Sandbox(state=state, lead_cap=2) as sandbox:
        connect(sandbox)
        first = run("import", "leads.csv", "--json")
        assert first.code == 3
    with Sandbox(state=state) as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        ran = run("import", "leads.csv", "--json")
        assert (ran.json["run_id"], ran.json["leads"]["created"]) == (first.json["run_id"], 2)
        (listed,) = run("runs", "--json").json
        assert (listed["state"], listed["leads"]["created"]) == ("finished", 4)
        assert run("undo", "last", "--json").json["deleted"] == 4
        assert leads_held(user) == {}


def test_a_lead_that_goes_while_its_additions_are_taken_back_is_done(
    run: Run, write: Write, connected: Sandbox, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(*ADDING_TO_ACME)
    with RawClose(connected) as user:
        acme = make_acme(user)
        run("import", "leads.csv")

        def lose_the_lead(_client: CloseClient, _contact_id: str, _changes: Any) -> Any:
            user.delete(f"/lead/{acme['id']}/").raise_for_status()
            raise OutcomeUnknown("the connection broke")

        monkeypatch.setattr(CloseClient, "update_contact", lose_the_lead)
        ran = run("undo", "last", "--json")
        assert (ran.code, ran.json["restored"], ran.json["left"]) == (0, 1, [])
