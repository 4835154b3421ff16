"""An import meets leads that Close has: they get what they lack, nothing is overwritten, and again changes nothing."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cells.companies import import_key
from close_client import CloseClient
from sandbox import Sandbox
from tests.conftest import HEADER, Ran, Run
from tests.raw_close import RawClose
from tests.what_close_holds import custom_ids, leads_held, named, people_on, requests_to, table, writes_to

Write = Callable[..., Path]
Connect = Callable[[Sandbox], None]
Clock = Callable[[], float]


def emails(*addresses: str) -> list[dict[str, str]]:
    return [{"type": "home", "email": address} for address in addresses]


def phones(*numbers: str) -> list[dict[str, str]]:
    return [{"type": "mobile", "phone": number} for number in numbers]


def only_line(ran: Ran) -> dict[str, str]:
    """What became of the one row of a file."""
    (line,) = table(ran.json["files"]["imported"] or ran.json["files"]["plan"])
    return line


def nothing_but(ran: Ran, outcome: str) -> bool:
    """Whether all leads ended so."""
    return {name for name, leads in ran.json["leads"].items() if leads} == {outcome}


# What is added


def test_blanks_are_filled_and_nothing_is_overwritten(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    revenue = user.made("/custom_field/lead/", name="Company Revenue", type="number")["id"]
    acme = user.made(
        "/lead/",
        name="Acme",
        description="an old customer",
        addresses=[{"label": "mailing", "city": "Reno", "country": "US"}],
        contacts=[{"name": "Ann", "emails": emails("ann@x.com"), "phones": phones("+14155550100")}],
        **{f"custom.{revenue}": 5},
    )
    before = leads_held(user)[acme["id"]]
    write('ACME,ANN,"ANN@x.com\nann@y.com","415 555 0100\n415 555 0101",17.05.1987,7,CA')
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, nothing_but(ran, "updated")) == (0, True)
    ids = custom_ids(user)
    (after,) = leads_held(user).values()
    assert people_on(after) == [("Ann", ["ann@x.com", "ann@y.com"], ["+14155550100", "+14155550101"])]
    assert [item["type"] for item in after["contacts"][0]["emails"]] == ["home", "office"]
    added = {ids["Company Founded"]: "1987-05-17", ids["Import Key"]: import_key("Acme")}
    unlike = ("contacts", "updated_by")
    assert {k: v for k, v in after.items() if k not in unlike} == {
        k: v for k, v in (before | added).items() if k not in unlike
    }
    line = only_line(ran)
    assert (line["outcome"], line["reason"], line["lead id"]) == ("updated", "already in Close", acme["id"])
    assert line["changes"] == "Company Founded: 1987-05-17; contact Ann: ann@y.com, +14155550101; Import Key"


def test_an_address_is_added_only_where_there_is_none(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    user.made("/lead/", name="Acme")
    user.made("/lead/", name="Beta", addresses=[{"label": "other", "city": "Paris", "country": "FR"}])
    write("Acme,,,,,,CA", "Beta,,,,,,CA")
    assert run("import", "leads.csv").code == 0
    held = leads_held(user)
    assert [address["state"] for address in named(held, "Acme")["addresses"]] == ["CA"]
    assert [(address["city"], address.get("state")) for address in named(held, "Beta")["addresses"]] == [
        ("Paris", None)
    ]


ANN_X: dict[str, Any] = {"name": "Ann", "emails": emails("ann@x.com")}
ANN_BEE: dict[str, Any] = {"name": "Ann Bee", "emails": emails("ann@x.com")}
ONLY_X: dict[str, Any] = {"emails": emails("ann@x.com")}


@pytest.mark.parametrize(
    ("there", "rows", "after"),
    [
        ([ANN_X], ["ANN,ann@x.com,"], [("Ann", ["ann@x.com"], [])]),
        ([ANN_X], ["  aNN ,,"], [("Ann", ["ann@x.com"], [])]),
        ([ANN_X], ["Ann,,415 555 0100"], [("Ann", ["ann@x.com"], ["+14155550100"])]),
        ([ANN_X], ["Ann,ann@y.com,"], [("Ann", ["ann@x.com"], []), ("ANN", ["ann@y.com"], [])]),
        ([ANN_X], ['Ann,"ANN@x.com;ann@y.com",'], [("Ann", ["ann@x.com", "ann@y.com"], [])]),
        ([ANN_X], [",ann@x.com,415 555 0100"], [("Ann", ["ann@x.com"], ["+14155550100"])]),
        ([ANN_X], ["Bob,ann@x.com,"], [("Ann", ["ann@x.com"], []), ("BOB", ["ann@x.com"], [])]),
        ([ANN_X], [",,415 555 0100"], [("Ann", ["ann@x.com"], []), (None, [], ["+14155550100"])]),
        ([ONLY_X], ["Ann,ann@x.com,"], [("ANN", ["ann@x.com"], [])]),
        ([ONLY_X], ["Ann,,"], [(None, ["ann@x.com"], []), ("ANN", [], [])]),
        ([{"name": "Ann"}], ["Ann,ann@x.com,"], [("Ann", ["ann@x.com"], [])]),
        ([{"phones": phones("+14155550100")}], [",,415 555 0100"], [(None, [], ["+14155550100"])]),
        ([{"phones": phones("+14155550100")}], ["Ann,,"], [(None, [], ["+14155550100"]), ("ANN", [], [])]),
        (
            [{"name": "Ann", "emails": emails("1@x.com")}, {"name": "Ann", "emails": emails("2@x.com")}],
            ["Ann,2@x.com,415 555 0100"],
            [("Ann", ["1@x.com"], []), ("Ann", ["2@x.com"], ["+14155550100"])],
        ),
        (
            [{"name": "Ann"}, {"name": "Ann", "emails": emails("2@x.com")}],
            ["Ann,1@x.com,", "Ann,2@x.com,"],
            [("Ann", ["1@x.com"], []), ("Ann", ["2@x.com"], [])],
        ),
        (
            [{"emails": emails("1@x.com", "2@x.com")}],
            ["Ann,1@x.com,415 555 0100", "Ann,1@x.com;2@x.com,"],
            [("ANN", ["1@x.com", "2@x.com"], ["+14155550100"]), ("ANN", ["1@x.com", "2@x.com"], [])],
        ),
        ([ANN_X], ["Bee,,", "Cee,,"], [("Ann", ["ann@x.com"], []), ("BEE", [], []), ("CEE", [], [])]),
        ([], ["Ann,ann@x.com,415 555 0100"], [("ANN", ["ann@x.com"], ["+14155550100"])]),
        ([ANN_BEE], ["Dr. Ann M. Bee,ann@x.com,415 555 0100"], [("Ann Bee", ["ann@x.com"], ["+14155550100"])]),
        ([ANN_BEE], ['"Bee, Ann",ann@x.com,'], [("Ann Bee", ["ann@x.com"], [])]),
        ([ANN_BEE], ["Dr. Ann Bee,,"], [("Ann Bee", ["ann@x.com"], []), ("DR. ANN BEE", [], [])]),
        ([ANN_BEE], ['"Ann Bee, PhD",ann@x.com,'], [("Ann Bee", ["ann@x.com"], [])]),
        ([ANN_BEE], ["Ann Bee Jr.,ann@x.com,"], [("Ann Bee", ["ann@x.com"], []), ("ANN BEE JR.", ["ann@x.com"], [])]),
        ([ANN_BEE], ["Ann Cee Bee,ann@x.com,"], [("Ann Bee", ["ann@x.com"], [])]),
        (
            [{"name": "Ann Dee Bee", "emails": emails("ann@x.com")}],
            ["Ann Cee Bee,ann@x.com,"],
            [("Ann Dee Bee", ["ann@x.com"], []), ("ANN CEE BEE", ["ann@x.com"], [])],
        ),
        ([ANN_BEE], ["Ann Cee,ann@x.com,"], [("Ann Bee", ["ann@x.com"], []), ("ANN CEE", ["ann@x.com"], [])]),
    ],
)
def test_a_person_who_is_there_is_known_again(
    run: Run, write: Write, connected: Sandbox, user: RawClose, there: Any, rows: Any, after: Any
) -> None:
    user.made("/lead/", name="Acme", contacts=there)
    write(*(f"Acme,{row}" for row in rows), header="Company,Contact Name,Contact Emails,Contact Phones")
    assert run("import", "leads.csv").code == 0
    (acme,) = leads_held(user).values()
    assert people_on(acme) == after
    written = writes_to(connected)
    assert nothing_but(run("import", "leads.csv", "--json"), "unchanged")
    assert writes_to(connected) == written


def test_what_is_added_has_its_type_and_what_is_there_keeps_it(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    there = [{"name": "Ann Bee", "emails": emails("ann@x.com"), "phones": phones("+14155550100")}]
    user.made("/lead/", name="Acme", contacts=there)
    header = "Company,Contact Name,Direct Email,Other Email,Work Phone,Home Phone,Fax"
    write("Acme,Ann Bee,ann@x.com,bee@x.com,415 555 0100,415 555 0101,415 555 0102", header=header)
    assert run("import", "leads.csv").code == 0
    (acme,) = leads_held(user).values()
    (ann,) = acme["contacts"]
    assert {item["email"]: item["type"] for item in ann["emails"]} == {"ann@x.com": "home", "bee@x.com": "other"}
    assert {item["phone"]: item["type"] for item in ann["phones"]} == {
        **{"+14155550100": "mobile", "+14155550101": "home", "+14155550102": "fax"},
    }
    assert nothing_but(run("import", "leads.csv", "--json"), "unchanged")
    assert run("undo", "last").code == 0
    (acme,) = leads_held(user).values()
    assert people_on(acme) == [("Ann Bee", ["ann@x.com"], ["+14155550100"])]


# Which lead


@pytest.mark.parametrize(
    ("held", "filed"),
    [
        ("Acme", "ACME"),
        ("ACME", "acme"),
        ("acme inc", "Acme   Inc"),
        ("Acme   Inc", "Acme   Inc"),
        ("ACME INC", " Acme Inc "),
        ("Ａｃｍｅ", "Ａｃｍｅ"),
        ("STRASSE", "Straße"),
        ("Straße", "Straße"),
    ],
)
def test_a_company_is_known_by_its_name_however_the_file_spells_it(
    run: Run, write: Write, connected: Sandbox, user: RawClose, held: str, filed: str
) -> None:
    lead = user.made("/lead/", name=held)
    write(f"{filed},Ann,,,,,")
    ran = run("import", "leads.csv", "--json")
    assert (nothing_but(ran, "updated"), only_line(ran)["lead id"]) == (True, lead["id"])
    assert [lead["name"] for lead in leads_held(user).values()] == [held]


def test_each_spelling_of_the_file_is_looked_for(run: Run, write: Write, connected: Sandbox, user: RawClose) -> None:
    lead = user.made("/lead/", name="Ａcme")
    write("Acme,Ann,,,,,", "Ａcme,Bee,,,,,")
    assert nothing_but(run("import", "leads.csv", "--json"), "updated")
    assert list(leads_held(user)) == [lead["id"]]


def test_names_that_only_look_alike_are_other_companies(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    for name in ("Acme Inc", "Acmes", "Ac me"):
        user.made("/lead/", name=name)
    write("Acme,Ann,,,,,")
    assert nothing_but(run("import", "leads.csv", "--json"), "created")
    assert connected.report()["leads"] == 4


def test_a_lead_with_another_import_key_is_no_match_by_name(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    write("Beta,,,,,,", name="first.csv")
    run("import", "first.csv")
    beta = named(leads_held(user), "BETA")
    user.put(f"/lead/{beta['id']}/", json={"name": "Acme"}).raise_for_status()
    write("Acme,Ann,,,,,")
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, nothing_but(ran, "created"), connected.report()["leads"]) == (0, True, 2)
    assert leads_held(user)[beta["id"]]["contacts"] == []


def test_two_leads_of_one_name_are_left_alone_and_reported(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    links = [user.made("/lead/", name=name)["html_url"] for name in ("Acme", "ACME")]
    before = leads_held(user)
    write("acme,Ann,,,,,")
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, nothing_but(ran, "skipped")) == (4, True)
    assert all(link in only_line(ran)["reason"] for link in links)
    assert "Merge them there" in ran.err
    assert leads_held(user) == before


def test_of_two_leads_of_one_name_the_one_with_our_key_is_taken(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    user.made("/lead/", name="Acme")
    write("Acme,,,,,,")
    run("import", "leads.csv")
    (ours,) = leads_held(user)
    user.made("/lead/", name="Acme")
    write("Acme,Ann,,,,,")
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, nothing_but(ran, "updated"), only_line(ran)["lead id"]) == (0, True, ours)


# --existing


def test_existing_leads_can_be_left_alone(run: Run, write: Write, connected: Sandbox, user: RawClose) -> None:
    user.made("/lead/", name="Acme")
    before = leads_held(user)
    write("Acme,Ann,,,17.05.1987,5,CA", "Beta,,,,,,")
    ran = run("import", "leads.csv", "--existing", "skip", "--json")
    assert (ran.code, ran.json["leads"]["skipped"], ran.json["leads"]["created"]) == (0, 1, 1)
    held = leads_held(user)
    assert {lead_id: held[lead_id] for lead_id in before} == before
    written = writes_to(connected)
    assert nothing_but(run("import", "leads.csv", "--existing", "skip", "--json"), "skipped")
    assert writes_to(connected) == written


def test_leads_can_be_made_beside_those_that_exist(run: Run, write: Write, connected: Sandbox, user: RawClose) -> None:
    user.made("/lead/", name="Acme")
    before = leads_held(user)
    write("Acme,Ann,,,,,", "Beta,,,,,,")
    ran = run("import", "leads.csv", "--existing", "create", "--json")
    assert (ran.code, ran.json["leads"]["created"], connected.report()["leads"]) == (0, 2, 3)
    assert leads_held(user).items() > before.items()
    keys = connected.report()["leads_by_value"]["Import Key"]
    assert keys == {f"{import_key(name)}:{ran.json['run_id']}": 1 for name in ("Acme", "Beta")}


def test_a_finished_file_makes_new_leads_again_and_says_so_first(run: Run, write: Write, connected: Sandbox) -> None:
    write("Acme,Ann,,,,,", "Beta,,,,,,")
    first = run("import", "leads.csv", "--existing", "create", "--json")
    assert "creates new leads" not in first.err
    second = run("import", "leads.csv", "--existing", "create", "--json")
    assert nothing_but(second, "created")
    said = second.err.splitlines()
    assert first.json["run_id"] in said[0]
    assert "creates new leads" in said[0]
    assert said[1].startswith("plan: create 2")
    assert connected.report()["leads"] == 4
    assert run("undo", "last").code == 0
    assert connected.report()["leads"] == 2


def test_a_run_that_was_undone_is_no_finished_one(run: Run, write: Write, connected: Sandbox) -> None:
    write("Acme,Ann,,,,,")
    run("import", "leads.csv", "--existing", "create")
    run("undo", "last")
    ran = run("import", "leads.csv", "--existing", "create")
    assert (ran.code, "finished" in ran.err, connected.report()["leads"]) == (0, False, 1)


@pytest.mark.parametrize("lag", [0, 60])
def test_making_leads_beside_others_is_carried_on_where_the_plan_ended_it(
    run: Run, write: Write, connect: Connect, clock: Clock, folder: Path, lag: float
) -> None:
    state = folder / "state.sqlite"
    write(*(f"Company {number},Ann,,,,," for number in range(6)))
    command = ("import", "leads.csv", "--existing", "create", "--json", "--workers", "1")
    with Sandbox(state=state, lead_cap=4, index_lag=lag, clock=clock) as sandbox:
        connect(sandbox)
        first = run(*command)
        assert (first.code, first.json["leads"]["created"]) == (3, 4)
    with Sandbox(state=state, index_lag=lag, clock=clock) as sandbox:
        connect(sandbox)
        second = run(*command)
        assert (second.code, second.json["run_id"]) == (0, first.json["run_id"])
        assert second.err.startswith(f"Continuing the unfinished run {first.json['run_id']}")
        assert (second.json["leads"]["unchanged"], second.json["leads"]["created"]) == (4, 2)
        assert sandbox.report()["leads"] == 6


@pytest.mark.parametrize("after", [False, True])
def test_making_leads_beside_others_is_carried_on_after_a_bug(
    run: Run, write: Write, connect: Connect, clock: Clock, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    create_lead = CloseClient.create_lead

    def create_or_fail(client: CloseClient, lead: dict[str, Any]) -> dict[str, Any]:
        if lead["name"] == "COMPANY 3":
            if after:
                create_lead(client, lead)
            raise ZeroDivisionError
        return create_lead(client, lead)

    command = ("import", "leads.csv", "--existing", "create", "--json", "--workers", "1")
    write(*(f"Company {number},Ann,,,,," for number in range(6)))
    with Sandbox(index_lag=60, clock=clock) as sandbox:
        connect(sandbox)
        with monkeypatch.context() as broken:
            broken.setattr(CloseClient, "create_lead", create_or_fail)
            assert run(*command).code == 1
        assert run(*command).code == 0
        assert sandbox.report()["leads"] == 6
        assert set(sandbox.report()["leads_by_value"]["Import Key"].values()) == {1}


# Leads that users renamed, merged or deleted since


@pytest.fixture(params=[0, 60], ids=["prompt", "lagging"])
def lagging(request: pytest.FixtureRequest, connect: Connect, clock: Clock) -> Iterator[tuple[Sandbox, RawClose]]:
    """A sandbox with an index that lags or does not, and a user of it."""
    with Sandbox(index_lag=request.param, clock=clock) as sandbox, RawClose(sandbox, "key-of-a-user") as user:
        connect(sandbox)
        yield sandbox, user


FIRST = ("Acme,Ann,ann@x.com,,,,", "Beta,,,,,,")
MORE = ("Acme,Ann,ann@x.com,415 555 0100,,7,CA", "Acme,Bee,,,,,", "Beta,,,,,,")


@pytest.mark.parametrize("waits", [False, True])
def test_a_lead_that_was_renamed_is_known_by_its_key(
    run: Run, write: Write, lagging: tuple[Sandbox, RawClose], waits: bool
) -> None:
    sandbox, user = lagging
    write(*FIRST)
    run("import", "leads.csv")
    time.sleep(60 * waits)
    acme = named(leads_held(user), "ACME")
    user.put(f"/lead/{acme['id']}/", json={"name": "Acme Holding"}).raise_for_status()
    assert nothing_but(run("import", "leads.csv", "--json"), "unchanged")
    write(*MORE)
    ran = run("import", "leads.csv", "--json")
    assert (ran.json["leads"]["updated"], ran.json["leads"]["unchanged"]) == (1, 1)
    lead = leads_held(user)[acme["id"]]
    assert (lead["name"], len(lead["contacts"]), sandbox.report()["leads"]) == ("Acme Holding", 2, 2)


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("index_lag", ["0", "60"])
def test_the_data_of_a_lead_that_was_merged_goes_where_it_went(
    run: Run, write: Write, lagging: tuple[Sandbox, RawClose], waits: bool, index_lag: str
) -> None:
    sandbox, user = lagging
    holding = user.made("/lead/", name="Holding", contacts=[{"name": "Zoe"}])
    write(*FIRST)
    run("import", "leads.csv")
    time.sleep(60 * waits)
    acme = named(leads_held(user), "ACME")
    user.post("/lead/merge/", json={"source": acme["id"], "destination": holding["id"]}).raise_for_status()
    assert nothing_but(run("import", "leads.csv", "--json", "--index-lag", index_lag), "unchanged")
    write(*MORE)
    ran = run("import", "leads.csv", "--json", "--index-lag", index_lag)
    assert (ran.code, ran.json["leads"]["updated"], ran.json["leads"]["unchanged"]) == (0, 1, 1)
    assert {line["lead id"] for line in table(ran.json["files"]["imported"])[:2]} == {holding["id"]}
    held = leads_held(user)
    assert people_on(held[holding["id"]]) == [
        ("Zoe", [], []),
        ("ANN", ["ann@x.com"], ["+14155550100"]),
        ("BEE", [], []),
    ]
    assert len(held) == 2
    written = writes_to(sandbox)
    assert nothing_but(run("import", "leads.csv", "--json", "--index-lag", index_lag), "unchanged")
    assert writes_to(sandbox) == written


def test_a_lead_is_followed_through_several_merges(run: Run, write: Write, connected: Sandbox, user: RawClose) -> None:
    write(*FIRST)
    run("import", "leads.csv", "--workers", "1")
    acme, beta = leads_held(user)
    third = user.made("/lead/", name="Third")
    for source, destination in ((acme, beta), (beta, third["id"])):
        user.post("/lead/merge/", json={"source": source, "destination": destination}).raise_for_status()
    write(*MORE)
    ran = run("import", "leads.csv", "--json", "--index-lag", "0")
    assert (ran.code, list(leads_held(user))) == (0, [third["id"]])
    assert {line["lead id"] for line in table(ran.json["files"]["imported"])} == {third["id"]}
    written = writes_to(connected)
    assert nothing_but(run("import", "leads.csv", "--json", "--index-lag", "0"), "unchanged")
    assert writes_to(connected) == written


@pytest.mark.parametrize("waits", [False, True])
def test_a_lead_that_was_deleted_does_not_come_back(
    run: Run, write: Write, lagging: tuple[Sandbox, RawClose], waits: bool
) -> None:
    sandbox, user = lagging
    write(*FIRST)
    run("import", "leads.csv")
    time.sleep(60 * waits)
    acme = named(leads_held(user), "ACME")
    user.delete(f"/lead/{acme['id']}/").raise_for_status()
    for lines in (FIRST, MORE):
        write(*lines)
        for _ in range(2):
            assert run("import", "leads.csv", "--json").code == 0
            assert sandbox.report()["leads"] == 1
    time.sleep(60)
    ran = run("import", "leads.csv", "--json", "--index-lag", "0")
    assert (ran.code, ran.json["leads"]["skipped"], ran.json["leads"]["unchanged"]) == (0, 1, 1)
    assert "deleted or merged in Close since it was imported" in table(ran.json["files"]["imported"])[0]["reason"]
    assert sandbox.report()["leads"] == 1


def test_a_lead_that_search_still_shows_and_that_is_gone_is_made_anew(
    run: Run, write: Write, connect: Connect, clock: Clock
) -> None:
    with Sandbox(index_lag=60, clock=clock) as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        lead = user.made("/lead/", name="Acme")
        time.sleep(60)
        user.delete(f"/lead/{lead['id']}/").raise_for_status()
        write("Acme,Ann,,,,,")
        ran = run("import", "leads.csv", "--json")
        assert (ran.code, nothing_but(ran, "created"), sandbox.report()["leads"]) == (0, True, 1)


# Again


@pytest.mark.parametrize("flags", [(), ("--names", "title"), ("--existing", "skip")])
def test_again_writes_nothing_and_takes_a_few_requests(
    run: Run, write: Write, lagging: tuple[Sandbox, RawClose], flags: tuple[str, ...]
) -> None:
    sandbox, user = lagging
    for number in range(10):
        user.made("/lead/", name=f"Company {number}", contacts=[{"name": "Zoe"}])
    time.sleep(60)
    write(*(f"Company {number},Ann,ann@x.com,,,{number},CA" for number in range(20)))
    first = run("import", "leads.csv", "--json")
    assert (first.json["leads"]["created"], first.json["leads"]["updated"]) == (10, 10)
    held = leads_held(user)
    before = requests_to(sandbox)
    again = run("import", "leads.csv", "--json", *flags)
    asked = requests_to(sandbox) - before
    assert nothing_but(again, "skipped" if "skip" in flags else "unchanged")
    assert asked.keys() == {
        *["GET /me/", "GET /organization/{id}/", "GET /custom_field_schema/lead/", "POST /data/search/"]
    }
    assert sum(asked.values()) == again.json["requests"] <= 6
    assert leads_held(user) == held


def test_again_within_the_lag_knows_what_a_second_file_added_to_a_new_lead(
    run: Run, write: Write, connect: Connect, clock: Clock
) -> None:
    with Sandbox(index_lag=60, clock=clock) as sandbox:
        connect(sandbox)
        write("Acme,Ann,,,,,", "Beta,,,,,,", name="first.csv")
        write("Acme,Ann,ann@x.com,,,7,", "Acme,Bee,,,,,", name="second.csv")
        assert nothing_but(run("import", "first.csv", "--json"), "created")
        assert nothing_but(run("import", "second.csv", "--json"), "updated")
        written = writes_to(sandbox)
        assert nothing_but(run("import", "second.csv", "--dry-run", "--json"), "unchanged")
        again = run("import", "second.csv", "--json")
        assert nothing_but(again, "unchanged")
        assert (writes_to(sandbox), again.json["requests"] <= 6) == (written, True)


# The field for import keys


def test_a_key_field_that_was_deleted_stops_the_import(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    write("Acme,,,,,,")
    run("import", "leads.csv")
    field = custom_ids(user)["Import Key"].removeprefix("custom.")
    user.delete(f"/custom_field/lead/{field}/").raise_for_status()
    written = writes_to(connected)
    write("Beta,,,,,,")
    for flags in ((), ("--dry-run",), ("--existing", "create")):
        ran = run("import", "leads.csv", *flags)
        assert (ran.code, field in ran.err, len(ran.err.splitlines())) == (3, True, 1)
    assert writes_to(connected) == written


def test_a_key_field_that_was_renamed_is_still_the_one(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    write("Acme,,,,,,")
    run("import", "leads.csv")
    field = custom_ids(user)["Import Key"].removeprefix("custom.")
    user.put(f"/custom_field/lead/{field}/", json={"name": "Row key"}).raise_for_status()
    write("Acme,,,,,,", "Beta,,,,,,")
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, ran.json["leads"]["unchanged"], ran.json["leads"]["created"]) == (0, 1, 1)
    assert "Import Key" not in custom_ids(user)


def test_of_two_key_fields_ours_stands_and_without_a_journal_the_oldest(
    run: Run, write: Write, connected: Sandbox, user: RawClose, folder: Path
) -> None:
    write("Acme,,,,,,")
    run("import", "leads.csv")
    ours = custom_ids(user)["Import Key"]
    user.made("/custom_field/lead/", name="Import Key", type="text")
    write("Acme,,,,,,", "Beta,,,,,,")
    for _ in range(2):
        ran = run("import", "leads.csv", "--json")
        assert (ran.code, ran.json["leads"]["failed"]) == (0, 0)
        assert all(lead[ours].startswith("k1:") for lead in leads_held(user).values())
        (folder / "output_data" / "journal.sqlite").unlink()
    assert connected.report()["leads"] == 2


@pytest.mark.parametrize("field", [{"type": "number"}, {"type": "text", "accepts_multiple_values": True}])
def test_a_key_field_that_can_hold_no_key_stops_the_import(
    run: Run, write: Write, connected: Sandbox, user: RawClose, field: dict[str, Any]
) -> None:
    user.made("/custom_field/lead/", name="Import Key", **field)
    written = writes_to(connected)
    write("Acme,,,,,,")
    ran = run("import", "leads.csv")
    assert (ran.code, "must be of type text with a single value" in ran.err, ran.out) == (3, True, "")
    assert writes_to(connected) == written


# Fields that are kept for other roles


def lock(user: RawClose, name: str) -> None:
    field = custom_ids(user)[name].removeprefix("custom.")
    user.put(f"/custom_field/lead/{field}/", json={"editable_with_roles": ["role_of_others"]}).raise_for_status()


@pytest.mark.parametrize("name", ["Industry", "Import Key"])
def test_a_field_that_this_key_may_not_write_stops_the_import_before_any_write(
    run: Run, write: Write, connected: Sandbox, user: RawClose, name: str
) -> None:
    for field in ("Industry", "Import Key"):
        user.made("/custom_field/lead/", name=field, type="text")
    lock(user, name)
    written = writes_to(connected)
    write("Acme,Retail,5", "Beta,,", header="Company,custom.Industry,custom.Staff")
    for flags in ((), ("--dry-run",)):
        ran = run("import", "leads.csv", *flags)
        assert (ran.code, f"is not allowed to edit '{name}'" in ran.err, ran.out) == (3, True, "")
    assert writes_to(connected) == written


def test_a_locked_field_that_the_file_does_not_write_is_fine(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    field = user.made("/custom_field/lead/", name="Industry", type="text")["id"]
    acme = user.made("/lead/", name="Acme", **{f"custom.{field}": "Mining"})
    lock(user, "Industry")
    write("Acme,Retail,5", "Beta,,7", header="Company,custom.Industry,custom.Staff")
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, ran.json["leads"]["updated"], ran.json["leads"]["created"]) == (0, 1, 1)
    assert leads_held(user)[acme["id"]][f"custom.{field}"] == "Mining"
    write("Acme,,5", "Beta,,7", "Gamma,,7", header="Company,custom.Industry,custom.Staff")
    assert run("import", "leads.csv", "--json").json["leads"]["created"] == 1


def test_a_roles_own_field_is_written(run: Run, write: Write, connected: Sandbox, user: RawClose) -> None:
    role = user.get("/me/").json()["memberships"][0]["role_id"]
    user.made("/custom_field/lead/", name="Industry", type="text", editable_with_roles=[role])
    write("Acme,Retail", header="Company,custom.Industry")
    assert run("import", "leads.csv").code == 0
    assert connected.report()["leads_by_value"]["Industry"] == {"Retail": 1}


# Whatever the files are

COMPANIES = st.sampled_from(["Acme", "acme", " ACME ", "Beta"])
NAMES = st.sampled_from(["", "", "Ann", "ANN ", "Bob"])
EMAILS = st.lists(st.sampled_from(["1@x.com", "1@X.com", "2@x.com", "3@x.com", "bad"]), max_size=2)
PHONES = st.lists(st.sampled_from(["415 555 0100", "+1 415 555 0101 ext 2", "+39 06 555 0101", "12"]), max_size=2)
ROWS = st.builds(
    lambda *cells: ",".join(f'"{cell}"' for cell in cells),
    COMPANIES,
    NAMES,
    EMAILS.map(";".join),
    PHONES.map(";".join),
    st.sampled_from(["", "17.05.1987", "1999-01-02"]),
    st.sampled_from(["", "5", "$1,250.50", "x"]),
    st.sampled_from(["", "CA", "New York"]),
)
FILES = st.lists(ROWS, min_size=1, max_size=4)
PEOPLE = st.lists(
    st.fixed_dictionaries(
        {"emails": st.lists(st.sampled_from(["1@x.com", "2@x.com"]), max_size=2).map(lambda each: emails(*each))},
        optional={
            "name": st.sampled_from([None, "", "Ann", "Bob"]),
            "phones": st.just(phones("+14155550100")),
        },
    ),
    max_size=2,
)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=FILES, second=FILES, people=PEOPLE, lag=st.sampled_from([0, 60]))
def test_whatever_the_files_are_the_same_again_writes_nothing(
    run: Run, connect: Connect, clock: Clock, folder: Path, first: list[str], second: list[str], people: Any, lag: float
) -> None:
    with Sandbox(index_lag=lag, clock=clock) as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        user.made("/lead/", name="Acme", contacts=people)
        time.sleep(60)
        for name, lines in (("first.csv", first), ("second.csv", second)):
            (folder / name).write_text("\n".join([HEADER, *lines]))
            ran = run("import", name, "--json", "--date-order", "dmy")
            assert ran.code in (0, 4)
            written, held = writes_to(sandbox), leads_held(user)
            again = run("import", name, "--json", "--date-order", "dmy")
            assert (nothing_but(again, "unchanged"), again.json["requests"] <= 6) == (True, True)
            assert (writes_to(sandbox), leads_held(user)) == (written, held)
        assert set(sandbox.report()["leads_by_value"]["Import Key"].values()) == {1}


# What the file says otherwise than Close


def test_a_value_that_differs_from_close_is_reported_and_nothing_is_overwritten(
    run: Run, write: Write, connected: Sandbox
) -> None:
    write("Acme,Ann,,,17.05.1987,5,CA", "Same,,,,17.05.1987,5,CA")
    run("import", "leads.csv")
    write("Acme,Bee,,,18.05.1987,7.5,New York", "Same,,,,1987-05-17,$5.00,california", name="other.csv")
    ran = run("import", "other.csv", "--json")
    assert (ran.code, ran.json["leads"]["updated"], ran.json["leads"]["unchanged"]) == (0, 1, 1)
    assert ran.json["values_dropped"] == 3
    assert table(ran.json["files"]["rejects"]) == []
    conflicts = table(ran.json["files"]["conflicts"])
    assert [list(line.values())[:5] for line in conflicts] == [
        ["2", "ACME", "custom.Company Founded", "1987-05-18", "1987-05-17"],
        ["2", "ACME", "custom.Company Revenue", "7.5", "5"],
        ["2", "ACME", "Company US State", "NY", "CA"],
    ]
    assert {line["link"] for line in conflicts} == {table(ran.json["files"]["imported"])[0]["link"]}
    with RawClose(connected) as close:
        acme = named(leads_held(close), "ACME")
        assert acme["addresses"][0]["state"] == "CA"
        assert 7.5 not in acme.values()
