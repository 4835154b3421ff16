"""A plan is carried out by its id: just what the dry run showed is written, or nothing if anything has changed."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands.errors import Declined
from sandbox import Sandbox
from sandbox.wire import HttpRequest, Reply
from tests.conftest import HEADER, Ran, Run
from tests.importing.test_merge import FILES, PEOPLE
from tests.raw_close import RawClose
from tests.watched import Answer, Watched
from tests.what_close_holds import custom_ids, leads_held, named, people_on, table, writes_to

Write = Callable[..., Path]
Connect = Callable[[Sandbox], None]
Item = tuple[str, frozenset[str]]

DATES = ("--date-order", "dmy")
LEADS = "/api/v1/lead/"
ID = re.compile(r"[0-9a-f]{4}(-[0-9a-f]{4}){3}")


def shown(run: Run, *flags: str, file: str = "leads.csv") -> str:
    """The id of the plan that a dry run shows."""
    plan_id = run("import", file, "--dry-run", "--json", *flags).json["plan_id"]
    assert ID.fullmatch(plan_id)
    return str(plan_id)


def refused(ran: Ran) -> str:
    """What a refused import says."""
    assert (ran.code, ran.out) == (2, ""), ran.err
    assert "Nothing was written to Close" in ran.err
    return ran.err


# What was shown is what is written -----------------------------------------------------------------------------------


def told(changes: str) -> set[Item]:
    """What the plan says about a lead, item by item."""
    items: set[Item] = set()
    for part in filter(None, changes.split("; ")):
        what, _, values = part.partition(": ")
        kind = "contact" if what.startswith("contact ") else what
        items.add((kind, frozenset(re.split(", |: ", values)) - {""}))
    return items


def written(before: Any, after: Any, fields: dict[str, str]) -> set[Item]:
    """What has been added to a lead of Close, in the same form; `before` is None for a lead that was created."""
    was = before or {"contacts": []}
    assert {key: after.get(key) for key in was if key in ("name", "description")} == {
        key: was[key] for key in was if key in ("name", "description")
    }
    items = {
        (name, frozenset([_number(after[key])])) for name, key in fields.items() if key in after and key not in was
    }
    items = {("Import Key", frozenset[str]()) if name == "Import Key" else (name, each) for name, each in items}
    items -= {("Import Key", frozenset[str]())} if before is None else set()
    if after["addresses"] and not was.get("addresses"):
        items.add(("State", frozenset([after["addresses"][0]["state"]])))
    people = {contact["id"]: contact for contact in was["contacts"]}
    for contact in after["contacts"]:
        known = _of(people[contact["id"]]) if contact["id"] in people else frozenset[str]()
        if _of(contact) - known:
            items.add(("contact" if contact["id"] in people else "new contact", _of(contact) - known))
        assert known <= _of(contact)
    return items


def _of(contact: Any) -> frozenset[str]:
    emails = {each["email"] for each in contact["emails"]}
    return frozenset({contact["name"] or "", *emails, *(each["phone"] for each in contact["phones"])} - {""})


def _number(value: Any) -> str:
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=FILES,
    people=PEOPLE,
    more=st.sampled_from([{}, {"addresses": [{"state": "NY", "country": "US"}]}]),
    limit=st.sampled_from(["", "1"]),
    existing=st.sampled_from(["merge", "merge", "skip", "create"]),
)
def test_an_approved_plan_writes_lead_by_lead_what_the_dry_run_showed(
    run: Run, connect: Connect, folder: Path, lines: list[str], people: Any, more: Any, limit: str, existing: str
) -> None:
    with Sandbox() as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        user.made("/lead/", name="Acme", contacts=people, **more)
        (folder / "leads.csv").write_text("\n".join([HEADER, *lines]))
        flags = (*DATES, "--existing", existing, "--index-lag", "0", *(["--limit", limit] if limit else []))
        before = leads_held(user)
        plan_id = shown(run, *flags)
        assert leads_held(user) == before
        plan = {line["company"]: line for line in table("output_data/leads_plan.csv") if line["action"] != "reject"}
        ran = run("import", "leads.csv", "--json", "--plan", plan_id, *flags)
        assert ran.code in (0, 4), ran.err
        after, fields = leads_held(user), custom_ids(user)
        new = [lead for lead_id, lead in after.items() if lead_id not in before]
        changed = [lead_id for lead_id in before if after[lead_id] != before[lead_id]]
        assert {lead["name"] for lead in new} == {name for name, line in plan.items() if line["action"] == "create"}
        assert set(changed) == {line["lead id"] for line in plan.values() if line["action"] == "update"}
        for lead in new:
            assert written(None, lead, fields) == told(plan[lead["name"]]["changes"])
        for lead_id in changed:
            (line,) = [line for line in plan.values() if line["lead id"] == lead_id]
            assert written(before[lead_id], after[lead_id], fields) == told(line["changes"])


def test_the_command_that_a_dry_run_names_carries_its_plan_out_once(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    write("Acme,Ann,ann@x.com,,,,CA", name="my leads.csv")
    dry = run("import", "my leads.csv", "--dry-run", "--region", "GB", "-q")
    (command,) = re.findall(r"^to carry out exactly this: (.*)$", dry.out, re.MULTILINE)
    words = ["python", "main.py", "import", "'my leads.csv'", "--region", "GB", "--plan"]
    assert command.rpartition(" ")[0] == " ".join(words)
    plan_id = command.rpartition(" ")[2]
    assert f"plan id: {plan_id}" in dry.out
    again = ("import", "my leads.csv", "--region", "GB", "--plan", plan_id.upper())
    assert run(*again).code == 0
    assert named(leads_held(user), "ACME")["contacts"][0]["name"] == "ANN"
    assert re.search(rf"{plan_id} was carried out in run \d{{8}}-\d{{6}}-", refused(run(*again)))


def test_a_plan_of_new_leads_beside_those_in_close_is_carried_out_once(
    run: Run, write: Write, connected: Sandbox, user: RawClose, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in Close keeps such leads from being created twice; a run that nobody agreed to created none."""

    def decline(_: str) -> None:
        raise Declined

    user.made("/custom_field/lead/", name="Import Key", type="text")
    write(*(f"Company {number},,,,,," for number in range(21)))
    plan_id = shown(run, "--existing", "create")
    command = ("import", "leads.csv", "--existing", "create", "--plan", plan_id)
    with monkeypatch.context() as patch:
        patch.setattr("commands.agreement.agree_to", decline)
        assert run(*command).code == 2
    assert run(*command).code == 0
    assert "was carried out in run" in refused(run(*command))
    assert connected.report()["leads"] == 21
    assert shown(run, "--existing", "create") == plan_id
    assert (run(*command).code, connected.report()["leads"]) == (0, 42)


def test_the_same_plan_has_the_same_id_wherever_it_is_made(
    run: Run, write: Write, connected: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("Acme,Ann,ann@x.com,,,,CA")
    plan_id = shown(run)
    assert shown(run, "--workers", "3", "--existing", "merge") == plan_id
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert run("import", str(path), "--plan", plan_id).code == 0


def test_companies_that_are_one_lead_in_close_are_shown_and_filled_in_turn(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    """What the first one brings is in Close by the turn of the next one: it adds the rest, and a conflict is told."""
    header = "Company,Contact Name,Contact Phones,custom.Industry"
    write("A,,,", "B,,,", header=header)
    assert run("import", "leads.csv", "--index-lag", "0").code == 0
    first, second = leads_held(user)
    user.made("/lead/merge/", source=second, destination=first)
    write("A,Ann,,Retail", "B,Ann,415 555 0100,Trade", header=header)
    dry = run("import", "leads.csv", "--index-lag", "0", "--dry-run", "--json").json
    told_changes = [line["changes"] for line in table("output_data/leads_plan.csv")]
    assert told_changes == ["Industry: Retail; new contact: ANN", "contact ANN: +14155550100"]
    ran = run("import", "leads.csv", "--index-lag", "0", "--json", "--plan", dry["plan_id"])
    assert (ran.code, ran.json["leads"], ran.json["values_dropped"]) == (0, dry["leads"], dry["values_dropped"])
    assert [line["changes"] for line in table("output_data/leads_imported.csv")] == told_changes
    (conflict,) = table("output_data/leads_conflicts.csv")
    assert "Trade" in conflict.values()
    (lead,) = leads_held(user).values()
    assert (lead[custom_ids(user)["Industry"]], people_on(lead)) == ("Retail", [("ANN", [], ["+14155550100"])])


# What has changed is named, and nothing is written -------------------------------------------------------------------


def test_whatever_changes_in_between_is_named_and_nothing_is_written(
    run: Run, write: Write, connected: Sandbox, user: RawClose, folder: Path
) -> None:
    lines = ("Acme,Ann,ann@x.com,,,,CA", "Beta,Bob,bob@x.com,,,,NY", "Gamma,,,,,,", "Delta,Dee,d@x.com,,,,")
    write(*lines)
    beta = user.made("/lead/", name="Beta")["id"]
    delta = user.made("/lead/", name="Delta")["id"]
    plan_id = shown(run, "--index-lag", "0")
    before = writes_to(connected)

    def carried_out(*flags: str, to: str = plan_id) -> str:
        return refused(run("import", "leads.csv", "--index-lag", "0", "--plan", to, *flags))

    assert "--names (was upper, is keep)" in carried_out("--names", "keep")
    assert "--limit (was not given, is 2)" in carried_out("--limit", "2")
    assert "no plan 0123-4567-89ab-cdef was shown" in carried_out(to="0123-4567-89ab-cdef")
    told_map = "[columns.'Contact Name']\ntarget = ''\n"
    (folder / "m.toml").write_text(told_map)
    assert "the map of its columns" in carried_out("--map", "m.toml")
    write(*lines, "Omega,,,,,,")
    said = carried_out()
    assert "has changed: the file." in said
    assert "OMEGA" not in said
    write(*lines)
    assert writes_to(connected) == before
    user.made("/lead/", name="Acme")
    user.put(f"/lead/{beta}/", json={"status_id": user.get("/status/lead/").json()["data"][1]["id"]})
    user.put(f"/lead/{delta}/", json={"description": "says nothing about the plan"})
    said = carried_out()
    assert "leads in Close: ACME (was to be created, is now to be updated), BETA (differs in Close)." in said
    assert "DELTA" not in said
    assert "GAMMA" not in said
    plan_id = shown(run, "--index-lag", "0")
    user.delete(f"/lead/{beta}/")
    assert "BETA (was to be updated, is now to be created)" in carried_out(to=plan_id)
    field = user.made("/custom_field/lead/", name="Import Key", type="text")["id"]
    assert "custom fields in Close (Import Key)" in carried_out(to=plan_id)
    user.delete(f"/custom_field/lead/{field}/")
    assert run("import", "leads.csv", "--plan", "1234").code == 2


def test_a_lead_that_changes_while_the_plan_is_carried_out_is_not_given_anything_else(
    run: Run, write: Write, connect: Connect
) -> None:
    """Between the last look of the plan and the writing, a colleague takes a phone away that the file has, too."""
    write("Acme,Ann,ann@x.com,415 555 0100,,,CA", "Beta,Bob,bob@x.com,,,,NY", "Gone,Cy,cy@x.com,,,,")
    with Watched() as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        ann = {"name": "Ann", "phones": [{"phone": "+14155550100", "type": "office"}]}
        acme = user.made("/lead/", name="Acme", contacts=[ann])
        user.made("/lead/", name="Beta")
        gone = user.made("/lead/", name="Gone")["id"]
        plan_id = shown(run, "--index-lag", "0")
        meddled: list[str] = []

        def meddle(request: HttpRequest, answer: Answer) -> Reply | None:
            if request.path.endswith("/custom_field/lead/") and request.method == "POST" and not meddled:
                meddled.append(request.path)
                user.put(f"/contact/{acme['contacts'][0]['id']}/", json={"phones": []})
                user.delete(f"/lead/{gone}/")
            return answer(request)

        sandbox.watch = meddle
        ran = run("import", "leads.csv", "--json", "--index-lag", "0", "--plan", plan_id)
        held = leads_held(user)
    assert meddled
    assert (ran.code, ran.json["leads"]["updated"], ran.json["leads"]["failed"]) == (4, 1, 2)
    assert named(held, "Acme")["contacts"][0]["phones"] == []
    assert named(held, "Acme")["contacts"][0]["emails"] == []
    assert [contact["name"] for contact in named(held, "Beta")["contacts"]] == ["BOB"]
    assert "Gone" not in {lead["name"].title() for lead in held.values()}
    reasons = {line["company"]: line["reason"] for line in table(ran.json["files"]["imported"])}
    assert "changed in Close since the plan was approved" in reasons["ACME"]
    assert "changed in Close since the plan was approved" in reasons["GONE"]


# A run of a plan that was interrupted --------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [(), ("--limit", "4")])
def test_an_interrupted_plan_is_carried_out_to_its_end_by_the_same_command(
    run: Run, write: Write, connect: Connect, limit: tuple[str, ...]
) -> None:
    write(*(f"Company {number},Ann {number},ann{number}@x.com,,,,CA" for number in range(6)))
    with Watched() as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        user.made("/lead/", name="Company 1")
        command = ("import", "leads.csv", "--json", "--index-lag", "0", "--workers", "1", *limit)
        plan_id = run(*command, "--dry-run").json["plan_id"]
        made: list[str] = []

        def refuse_after_two(request: HttpRequest, answer: Answer) -> Reply | None:
            if request.method == "POST" and request.path == LEADS:
                made.append(json.loads(request.body or b"{}").get("name", ""))
                if len(made) > 2:
                    return Reply(401, b"{}")
            return answer(request)

        sandbox.watch = refuse_after_two
        assert run(*command, "--plan", plan_id).code == 3
        sandbox.watch = lambda request, answer: answer(request)
        ended = run(*command, "--plan", plan_id)
        assert (ended.code, ended.json["remaining"]) == (0, 2 if limit else 0), ended.err
        held = {lead["name"].upper() for lead in leads_held(user).values()}
        assert held == {f"COMPANY {number}" for number in range(4 if limit else 6)}
        assert sandbox.report()["leads"] == len(held)
        if limit:
            again = run(*command, "--plan", plan_id)
            assert (again.code, sandbox.report()["leads"]) == (0, len(held))
        else:
            assert "was carried out" in refused(run(*command, "--plan", plan_id))


def test_a_contact_that_was_made_in_part_before_an_answer_was_lost_does_not_hold_the_plan_up(
    run: Run, write: Write, connect: Connect
) -> None:
    """Close refuses an e-mail, so the contact is sent without it: then it lacks just what the plan adds."""
    write("Acme,Bob,bob@x.com; bad@x.com,,,,CA")
    with Watched() as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        user.made("/lead/", name="Acme")
        plan_id = shown(run, "--index-lag", "0")
        lost: list[str] = []

        def lose(request: HttpRequest, answer: Answer) -> Reply | None:
            body = json.loads(request.body or b"{}") if request.method in ("POST", "PUT") else {}
            for at, item in enumerate(body.get("emails", [])):
                if item["email"] == "bad@x.com":
                    errors = {"emails": {"errors": {str(at): {"email": "Not an address."}}}}
                    return Reply.of(400, {"errors": [], "field-errors": errors})
            if request.path == "/api/v1/contact/" and not lost:
                lost.append(request.path)
                answer(request)
                return Reply(504, b"")
            return answer(request)

        sandbox.watch = lose
        ran = run("import", "leads.csv", "--json", "--index-lag", "0", "--plan", plan_id)
        held = named(leads_held(user), "Acme")
    assert (ran.code, ran.json["leads"]["updated"], ran.json["values_dropped"]) == (0, 1, 1), ran.err
    assert people_on(held) == [("BOB", ["bob@x.com"], [])]
    assert held["addresses"][0]["state"] == "CA"


def test_what_others_change_after_an_interruption_is_named(run: Run, write: Write, connect: Connect) -> None:
    """Of one lead, the run had added an e-mail, and a colleague takes away a phone that the file has, too."""
    write("Acme,Ann,ann@x.com,415 555 0100,,,NY", *(f"Company {number},,,,,,CA" for number in range(3)))
    with Watched() as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        ann = {"name": "Ann", "phones": [{"phone": "+14155550100", "type": "office"}]}
        acme = user.made("/lead/", name="Acme", contacts=[ann])
        command = ("import", "leads.csv", "--index-lag", "0", "--workers", "1")
        plan_id = shown(run, "--index-lag", "0")

        def refuse(request: HttpRequest, answer: Answer) -> Reply | None:
            is_refused = request.method == "PUT" and request.path.startswith(LEADS)
            return Reply(401, b"{}") if is_refused else answer(request)

        sandbox.watch = refuse
        assert run(*command, "--plan", plan_id).code == 3
        sandbox.watch = lambda request, answer: answer(request)
        contact = acme["contacts"][0]["id"]
        assert user.get(f"/contact/{contact}/").json()["emails"][0]["email"] == "ann@x.com"
        phones = user.get(f"/contact/{contact}/").json()["phones"]
        user.put(f"/contact/{contact}/", json={"phones": []})
        assert "leads in Close: ACME (differs in Close)." in refused(run(*command, "--plan", plan_id))
        user.put(f"/contact/{contact}/", json={"phones": phones})
        user.made("/lead/", name="Company 2")
        before = writes_to(sandbox)
        said = refused(run(*command, "--plan", plan_id))
        assert "COMPANY 2 (was to be created, is now to be updated)" in said
        assert "COMPANY 1" not in said
        assert "ACME" not in said
        assert writes_to(sandbox) == before
