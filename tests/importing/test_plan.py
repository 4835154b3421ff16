"""What an import will do is what it then does; what it must not do at a time; what Close refuses; what the log says."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import main
from cells.lead_fields import LeadField
from close_client import CloseClient
from importing import import_file
from importing.outcomes import conclude
from sandbox import Fault, Sandbox, leads, validation
from tests.conftest import Ran, Run
from tests.raw_close import RawClose
from tests.what_close_holds import custom_ids, leads_held, named, people_on, requests_to, table, writes_to

Write = Callable[..., Path]
Connect = Callable[[Sandbox], None]
Clock = Callable[[], float]

OUTCOMES = ["created", "updated", "unchanged", "skipped", "rejected", "failed", "undetermined"]


def outcomes(ran: Ran) -> dict[str, int]:
    """How many leads ended in each outcome that there is."""
    return {name: count for name, count in ran.json["leads"].items() if count}


# The plan

MIXED = (
    "New,Ann,ann@x.com,,,5,CA",
    "Known,,,,,,",
    "There,Bob,bob@x.com,415 555 0100,17.05.1987,7,NY",
    "Twice,Cee,,,,,",
    ",Nobody,,,,,",
    "There,Dee,bad,,,8,",
    "Too,many,cells,,,,,here",
    "=Formula,,,,,,",
    "Gone,Eve,,,,,",
    "Moved,Flo,,,,,",
)


def make_what_mixed_meets(run: Run, write: Write, user: RawClose) -> None:
    """Let Close hold what makes each line of MIXED go another way."""
    write("Known,,,,,,", "Gone,,,,,,", "Moved,,,,,,", name="before.csv")
    assert run("import", "before.csv").code == 0
    user.made("/lead/", name="There", contacts=[{"name": "Bob"}])
    for name in ("Twice", "TWICE"):
        user.made("/lead/", name=name)
    held = leads_held(user)
    user.delete(f"/lead/{named(held, 'GONE')['id']}/").raise_for_status()
    into = user.made("/lead/", name="Elsewhere")["id"]
    moved = {"source": named(held, "MOVED")["id"], "destination": into}
    user.post("/lead/merge/", json=moved).raise_for_status()


def test_a_dry_run_writes_nothing_and_the_real_run_does_what_it_said(
    run: Run, write: Write, connected: Sandbox, user: RawClose, folder: Path
) -> None:
    make_what_mixed_meets(run, write, user)
    before, held, listed = requests_to(connected), leads_held(user), run("runs", "--json").json
    read_by_us = requests_to(connected)
    write(*MIXED)
    dry = run("import", "leads.csv", "--dry-run", "--json", "--index-lag", "0")
    asked = requests_to(connected) - read_by_us
    assert {name.split()[0] for name in asked if name != "POST /data/search/"} == {"GET"}
    assert (dry.code, leads_held(user), run("runs", "--json").json) == (4, held, listed)
    assert before["POST /lead/"] == requests_to(connected)["POST /lead/"]
    plan = table("output_data/leads_plan.csv")
    assert list(plan[0]) == ["row", "company", "action", "reason", "changes", "lead id"]
    assert [(line["row"], line["company"], line["action"]) for line in plan] == [
        ("2", "NEW", "create"),
        ("3", "KNOWN", "unchanged"),
        ("4", "THERE", "update"),
        ("5", "TWICE", "skip"),
        ("6", "", "reject"),
        ("7", "THERE", "update"),
        ("8", "Too", "reject"),
        ("9", "'=FORMULA", "create"),
        ("10", "GONE", "skip"),
        ("11", "MOVED", "update"),
    ]
    rejects = (folder / "output_data" / "leads_rejects.csv").read_bytes()
    real = run("import", "leads.csv", "--json", "--index-lag", "0")
    assert real.code == dry.code
    did = table(real.json["files"]["imported"])
    action_of = {"create": "created", "update": "updated", "skip": "skipped", "reject": "rejected"}
    assert [(line["row"], line["company"], line["outcome"]) for line in did] == [
        (line["row"], line["company"], action_of.get(line["action"], line["action"])) for line in plan
    ]
    same = ("reason", "changes")
    assert [[line[name] for name in same] for line in did] == [[line[name] for name in same] for line in plan]
    assert [line["lead id"] or done["lead id"] for line, done in zip(plan, did, strict=True)] == [
        line["lead id"] for line in did
    ]
    counts = ("rows", "leads", "values_dropped")
    assert {name: real.json[name] for name in counts} == {name: dry.json[name] for name in counts}
    assert (folder / "output_data" / "leads_rejects.csv").read_bytes() == rejects


def test_the_report_of_a_dry_run(run: Run, write: Write, connected: Sandbox, folder: Path) -> None:
    write("Acme,Ann,bad,,17.05.1987,7,CA", ",Nobody,,,,,")
    dry = run("import", "leads.csv", "--dry-run", "--json")
    zeros = dict.fromkeys(OUTCOMES, 0)
    assert list(dry.json) == [
        *["run_id", "file", "dry_run", "rows", "leads", "remaining", "values_dropped", "placeholders"],
        *[
            "columns",
            "rows_left_out",
            "columns_left_out",
            "readings",
            "new_fields",
            "requests",
            "throttled",
            "seconds",
            "files",
            "map",
            "organization",
            "user",
            "preview",
            "effort",
            "plan_id",
        ],
    ]
    assert {name: dry.json[name] for name in list(dry.json)[:7]} == {
        **{"run_id": None, "file": "leads.csv", "dry_run": True, "remaining": 0, "values_dropped": 1},
        "rows": {"total": 2, **zeros, "created": 1, "rejected": 1},
        "leads": {**zeros, "created": 1},
    }
    assert dry.json["files"] == {
        "imported": None,
        "rejects": "output_data/leads_rejects.csv",
        "rejects_xlsx": None,
        "conflicts": None,
        "plan": "output_data/leads_plan.csv",
        "report": None,
    }
    assert not (folder / "output_data" / "leads_imported.csv").exists()
    assert (folder / "output_data" / "leads_plan.csv").stat().st_mode & 0o777 == 0o600
    real = run("import", "leads.csv", "--json").json
    assert list(real) == list(dry.json)
    assert (real["dry_run"], real["files"]["plan"]) == (False, None)
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", real["run_id"])


def test_a_dry_run_tells_first_what_would_become_of_the_rows_and_the_import_does_that(
    run: Run, write: Write, connected: Sandbox
) -> None:
    write("Acme,Ann,bad,,17.05.1987,7,CA", "Beta,,,,,,")
    dry = run("import", "leads.csv", "--dry-run")
    assert "nothing was written to Close" in dry.out.splitlines()[0]
    told = [
        "if imported now, the rows would be:",
        "  created       2 rows, 2 leads",
        "values dropped: 1 (1 invalid_email)",
    ]
    assert dry.out.splitlines()[4:7] == told
    real = run("import", "leads.csv")
    assert (real.err.splitlines()[0], real.out.splitlines()[1:3]) == ("plan: create 2", told[1:])
    assert "  unchanged     2 rows, 2 leads" in run("import", "leads.csv", "--dry-run").out.splitlines()


def test_a_dry_run_of_a_run_that_was_cut_off_says_what_is_left(
    run: Run, write: Write, connect: Connect, folder: Path
) -> None:
    state = folder / "state.sqlite"
    write(*(f"Company {number},,,,,," for number in range(5)))
    with Sandbox(state=state, lead_cap=2) as sandbox:
        connect(sandbox)
        run("import", "leads.csv", "--workers", "1")
    with Sandbox(state=state) as sandbox:
        connect(sandbox)
        dry = run("import", "leads.csv", "--dry-run", "--json")
        assert outcomes(dry) == {"unchanged": 2, "created": 3}
        assert outcomes(run("import", "leads.csv", "--json")) == outcomes(dry)


# Two at a time


def keys_in(sandbox: Sandbox) -> list[int]:
    """How many leads there are of each import key."""
    return sorted(sandbox.report()["leads_by_value"].get("Import Key", {}).values())


class Machines:
    """Two working folders, each with a journal of its own, and one Close."""

    def __init__(self, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._run, self._folder, self._go_to = run, folder, monkeypatch.chdir

    def run(self, machine: str, *companies: str, name: str = "leads.csv") -> Ran:
        folder = self._folder / machine
        folder.mkdir(exist_ok=True)
        self._go_to(folder)
        (folder / name).write_text("\n".join(["Company,Contact Name", *(f"{company},Ann" for company in companies)]))
        return self._run("import", name, "--json", "--workers", "1")


@pytest.fixture
def machines(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    return Machines(run, folder, monkeypatch)


@pytest.fixture
def lagging(connect: Connect, clock: Clock) -> Iterator[tuple[Sandbox, RawClose]]:
    """A sandbox whose index lags, and a user of it."""
    with Sandbox(index_lag=60, clock=clock) as sandbox, RawClose(sandbox, "key-of-a-user") as user:
        connect(sandbox)
        yield sandbox, user


def import_on_both_at_once(machines: Machines, user: RawClose) -> dict[str, set[str]]:
    """The ids of the leads that each machine made. A is first with One and Two, B with Three and Four; neither sees
    what the other has sent."""
    machines.run("a", "One", "Two")
    of_a = set(leads_held(user))
    assert outcomes(machines.run("b", "One", "Two", "Three", "Four")) == {"created": 4}
    of_b = set(leads_held(user)) - of_a
    assert outcomes(machines.run("a", "One", "Two", "Three", "Four")) == {"created": 2, "unchanged": 2}
    return {"a": set(leads_held(user)) - of_b, "b": of_b}


@pytest.mark.parametrize("order", ["abab", "baba", "aabb"])
def test_what_two_machines_made_at_once_is_made_single_by_the_next_runs(
    machines: Machines, lagging: tuple[Sandbox, RawClose], order: str
) -> None:
    sandbox, user = lagging
    key = make_fields(user)
    made = import_on_both_at_once(machines, user)
    assert keys_in(sandbox) == [2, 2, 2, 2]
    oldest = {lead[key]: lead_id for lead_id, lead in reversed(leads_held(user).items())}
    companies = ("One", "Two", "Three", "Four")
    for machine in order:
        time.sleep(60)
        before = set(leads_held(user))
        ran = machines.run(machine, *companies)
        gone = before - set(leads_held(user))
        assert gone <= made[machine] - set(oldest.values())
        assert (ran.code == 4) is (max(keys_in(sandbox)) == 2)
    assert keys_in(sandbox) == [1, 1, 1, 1]
    assert {lead[key]: lead_id for lead_id, lead in leads_held(user).items()} == oldest
    for machine in "ab":
        time.sleep(60)
        ran = machines.run(machine, *companies)
        assert (ran.code, outcomes(ran)) == (0, {"unchanged": 4})
        assert "removed" not in ran.err


def make_fields(user: RawClose) -> str:
    """The key of the field for import keys, made before either machine looks for it."""
    made = user.made("/custom_field/lead/", name="Import Key", type="text")
    return f"custom.{made['id']}"


def test_both_machines_again_before_the_index_shows_anything_change_nothing(
    machines: Machines, lagging: tuple[Sandbox, RawClose]
) -> None:
    sandbox, user = lagging
    make_fields(user)
    import_on_both_at_once(machines, user)
    written = writes_to(sandbox)
    for machine in "abba":
        assert outcomes(machines.run(machine, "One", "Two", "Three", "Four")) == {"unchanged": 4}
    assert writes_to(sandbox) == written


def test_a_double_that_is_gone_though_search_still_shows_it_is_no_double(
    machines: Machines, lagging: tuple[Sandbox, RawClose]
) -> None:
    sandbox, user = lagging
    make_fields(user)
    machines.run("a", "One")
    machines.run("b", "One")
    time.sleep(60)
    assert "duplicates created by these imports and removed from Close: 1" in machines.run("b", "One").err
    ran = machines.run("a", "One")
    assert (ran.code, outcomes(ran), "removed" in ran.err) == (0, {"unchanged": 1}, False)
    assert keys_in(sandbox) == [1]


def test_leads_that_are_to_be_left_alone_are_so_when_a_double_is_removed(
    machines: Machines, lagging: tuple[Sandbox, RawClose], run: Run, write: Write
) -> None:
    _, user = lagging
    make_fields(user)
    machines.run("a", "One")
    (oldest,) = leads_held(user).values()
    machines.run("b", "One")
    time.sleep(60)
    Path("leads.csv").write_text("Company,Contact Name\nOne,Bee")
    ran = run("import", "leads.csv", "--json", "--existing", "skip")
    assert (ran.code, outcomes(ran)) == (0, {"skipped": 1})
    assert leads_held(user) == {oldest["id"]: oldest}


@pytest.mark.parametrize("machine", ["a", "b"])
def test_a_double_that_somebody_worked_on_is_reported_and_stays(
    machines: Machines, lagging: tuple[Sandbox, RawClose], machine: str
) -> None:
    _, user = lagging
    make_fields(user)
    machines.run("a", "One")
    machines.run("b", "One")
    links = [lead["html_url"] for lead in leads_held(user).values()]
    for lead_id in leads_held(user):
        user.made("/activity/note/", lead_id=lead_id, note="a good talk")
    held = leads_held(user)
    time.sleep(60)
    for each in (machine, "a", "b", "a"):
        ran = machines.run(each, "One")
        (line,) = table(ran.json["files"]["imported"])
        assert (ran.code, line["outcome"]) == (4, "skipped")
        assert all(link in line["reason"] for link in links)
    assert leads_held(user) == held


def test_a_second_import_on_one_journal_is_refused_without_a_request(
    run: Run, write: Write, connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_lead = CloseClient.create_lead
    codes: list[int] = []

    def create_while_another_tries(client: CloseClient, lead: dict[str, Any], **more: Any) -> dict[str, Any]:
        before = requests_to(connected)
        for command in (("import", "leads.csv"), ("import", "leads.csv", "--dry-run"), ("undo", "last")):
            codes.append(main.main(command))
        assert requests_to(connected) == before
        return create_lead(client, lead, **more)

    monkeypatch.setattr(CloseClient, "create_lead", create_while_another_tries)
    write("Acme,,,,,,")
    ran = run("import", "leads.csv", "-q")
    assert (ran.code, codes, connected.report()["leads"]) == (0, [2, 2, 2], 1)
    assert len(ran.err.splitlines()) == 3
    for line in ran.err.splitlines():
        assert line.startswith("error: Another import or undo is writing to output_data/journal.sqlite. Wait")


# What Close refuses


@pytest.fixture
def picky(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sandbox refuse some more values, each in the words of its kind."""
    take_email, take_phone, take_addresses = validation.email, validation._parsed_phone, leads.LEAD_FIELDS["addresses"]

    def refuse_some_emails(value: Any) -> str:
        if str(value).endswith("@refused.com"):
            raise validation.ValueRefused("Invalid email address.")
        return take_email(value)

    def refuse_some_phones(value: Any, home: str) -> Any:
        if "555" not in value:
            raise validation.ValueRefused("Phone number is not valid.")
        return take_phone(value, home)

    def refuse_some_states(value: Any) -> Any:
        if value and value[0].get("state") == "AS":
            wrong = {"errors": [], "field-errors": {"state": "Not a state."}}
            raise validation.ValueRefused({"errors": {"0": wrong}})
        return take_addresses(value)

    monkeypatch.setattr(validation, "email", refuse_some_emails)
    monkeypatch.setattr(validation, "_parsed_phone", refuse_some_phones)
    monkeypatch.setitem(leads.LEAD_FIELDS, "addresses", refuse_some_states)


def change_choices_after_the_schema_was_read(user: RawClose, monkeypatch: pytest.MonkeyPatch) -> None:
    read_fields = CloseClient.lead_fields

    def read_and_change(client: CloseClient) -> list[LeadField]:
        fields = read_fields(client)
        for field in fields:
            if field.name == "Industry":
                user.put(f"/custom_field/lead/{field.id}/", json={"choices": ["Mining"]}).raise_for_status()
        return fields

    monkeypatch.setattr(CloseClient, "lead_fields", read_and_change)


HEADER = "Company,Contact Name,Contact Emails,Contact Phones,Company US State,custom.Industry,custom.Staff"
REFUSED = (
    'Acme,Ann,"ann@x.com;ann@refused.com",415 555 0100,,,',
    'Acme,Bee,bee@refused.com,"212 777 0100\n415 555 0101",AS,Retail,7',
    "Beta,Cee,cee@x.com,,CA,Mining,8",
)


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.usefixtures("picky")
def test_single_values_that_close_refuses_are_dropped_and_reported(
    run: Run, write: Write, connected: Sandbox, user: RawClose, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    user.made("/custom_field/lead/", name="Industry", type="choices", choices=["Mining", "Retail"])
    if is_there:
        user.made("/lead/", name="Acme", contacts=[{"name": "Ann"}])
    before = requests_to(connected)
    change_choices_after_the_schema_was_read(user, monkeypatch)
    write(*REFUSED, header=HEADER)
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, ran.json["values_dropped"]) == (0, 5)
    assert outcomes(ran) == ({"created": 1, "updated": 1} if is_there else {"created": 2})
    asked = requests_to(connected) - before
    if is_there:
        assert (asked["POST /lead/"], asked["POST /contact/"], asked["PUT /contact/{id}/"]) == (1, 2, 2)
        assert asked["PUT /lead/{id}/"] == 2
    else:
        assert asked["POST /lead/"] == 3
    lines = [
        (line["_row"], *zip(*(line[name].splitlines() for name in ("_column", "_value", "_code")), strict=True))
        for line in table(ran.json["files"]["rejects"])
    ]
    assert [line[0] for line in lines] == ["2", "3"]
    assert lines[0][1:] == (("Contact Emails", "ann@refused.com", "refused"),)
    assert set(lines[1][1:]) == {
        ("Contact Emails", "bee@refused.com", "refused"),
        ("Contact Phones", "+12127770100", "refused"),
        ("Company US State", "AS", "refused"),
        ("custom.Industry", "Retail", "refused"),
    }
    words = table(ran.json["files"]["rejects"])[0]["_reason"]
    assert words == "Close does not accept this: Invalid email address."
    acme = next(lead for lead in leads_held(user).values() if lead["display_name"].upper() == "ACME")
    assert [(str(name).upper(), *rest) for name, *rest in people_on(acme)] == [
        ("ANN", ["ann@x.com"], ["+14155550100"]),
        ("BEE", [], ["+14155550101"]),
    ]
    ids = custom_ids(user)
    assert (acme["addresses"], ids["Industry"] in acme, acme[ids["Staff"]]) == ([], False, 7)


@pytest.mark.usefixtures("picky")
def test_a_lead_that_lacks_only_what_close_refuses_is_not_called_updated(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    write("Acme,Ann,ann@refused.com,,AS,,7", header=HEADER)
    assert outcomes(run("import", "leads.csv", "--json")) == {"created": 1}
    held = leads_held(user)
    ran = run("import", "leads.csv", "--json")
    assert leads_held(user) == held
    assert (outcomes(ran), ran.json["values_dropped"]) == ({"unchanged": 1}, 2)
    (line,) = table(ran.json["files"]["imported"])
    assert (line["outcome"], line["changes"]) == ("unchanged", "")
    assert run("undo", "last", "--json").json["deleted"] == 1


@pytest.mark.usefixtures("picky")
def test_what_close_refused_is_not_told_as_a_change(run: Run, write: Write, connected: Sandbox, user: RawClose) -> None:
    user.made("/lead/", name="Acme", contacts=[{"name": "Ann"}])
    write("Acme,Ann,ann@refused.com,415 555 0100,AS,,7", header=HEADER)
    ran = run("import", "leads.csv", "--json")
    (line,) = table(ran.json["files"]["imported"])
    assert (line["outcome"], line["changes"]) == ("updated", "Staff: 7; contact Ann: +14155550100; Import Key")


def test_a_lead_that_close_refuses_as_a_whole_fails_and_the_others_go_on(
    run: Run, write: Write, connected: Sandbox, user: RawClose
) -> None:
    long = "X" * 1001
    write(f"{long},Ann,ann@x.com,,,,", "Beta,,,,,,", f"{long},Bee,,,,,")
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, outcomes(ran), ran.json["rows"]["failed"]) == (4, {"created": 1, "failed": 1}, 2)
    assert requests_to(connected)["POST /lead/"] == 2
    rejects = table(ran.json["files"]["rejects"])
    assert [(line["Company"], line["_row"], line["_column"], line["_code"]) for line in rejects] == [
        *[(long, "2", "Company", "refused"), (long, "4", "Company", "refused")]
    ]
    assert all("at most 1000 characters" in line["_reason"] for line in rejects)
    reasons = [line["reason"] for line in table(ran.json["files"]["imported"]) if line["outcome"] == "failed"]
    assert reasons == ["name: String should have at most 1000 characters"] * 2
    again = run("import", "leads.csv", "--json")
    assert (again.code, outcomes(again)) == (4, {"unchanged": 1, "failed": 1})


def test_a_change_that_close_refuses_as_a_whole_fails_that_lead_alone(
    run: Run, write: Write, connected: Sandbox, user: RawClose, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("Acme", "Beta"):
        user.made("/lead/", name=name)
    held = named(leads_held(user), "Acme")
    take = leads.LEAD_FIELDS["addresses"]

    def refuse_texas(value: Any) -> Any:
        if value and value[0].get("state") == "TX":
            raise validation.ValueRefused({"errors": ["Not now."]})
        return take(value)

    monkeypatch.setitem(leads.LEAD_FIELDS, "addresses", refuse_texas)
    write("Acme,,,,,5,TX", "Beta,,,,,7,CA")
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, outcomes(ran)) == (4, {"failed": 1, "updated": 1})
    assert leads_held(user)[held["id"]] == held
    assert run("undo", "last", "--json").json | {"deleted": 0, "restored": 1, "left": []} == run(
        "undo", "last", "--json"
    ).json | {"restored": 1}


# The log


@pytest.mark.usefixtures("picky")
def test_the_log_has_all_that_happened_and_nothing_that_is_private(
    run: Run, write: Write, connect: Connect, clock: Clock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_lead = CloseClient.create_lead

    def create_or_fail(client: CloseClient, lead: dict[str, Any], **more: Any) -> dict[str, Any]:
        if lead["name"] == "ZETA PRIVATE":
            raise ValueError("could not send ZETA PRIVATE of zed@x.com")
        return create_lead(client, lead, **more)

    monkeypatch.setattr(CloseClient, "create_lead", create_or_fail)
    monkeypatch.setenv("CLOSE_API_KEY", "key-nobody-may-see")
    faults = [Fault("drop-after", on="POST /api/v1/lead/", times=1), Fault("429-bare", on="GET /api/v1/", times=1)]
    with Sandbox(faults=faults, clock=clock) as sandbox, RawClose(sandbox) as user:
        connect(sandbox)
        monkeypatch.setenv("CLOSE_API_KEY", "key-nobody-may-see")
        there = user.made("/contact/", name="Quentin Private")["lead_id"]
        user.put(f"/lead/{there}/", json={"name": "Gamma Private"}).raise_for_status()
        write(
            "Acme Private,Ann Private,ann@refused.com,415 555 0100,17.05.1987,987654,AS",
            f"{'Beta Private' * 100},Bob Private,bob@x.com,415 555 0101,,,",
            "Gamma Private,Quentin Private,cee@x.com,415 555 0102,,,CA",
            "Delta Private,,,,,,",
        )
        ran = run("import", "leads.csv", "--json", "--workers", "1", "--log", "log.txt")
        assert (ran.code, outcomes(ran)) == (4, {"created": 2, "failed": 1, "updated": 1})
        run("undo", "last", "--log", "log.txt")
        write("Eta Private,,,,,,", "Zeta Private,,zed@x.com,,,,")
        assert run("import", "leads.csv", "--log", "log.txt", "--workers", "1").code == 1
        held, keys = leads_held(user), sandbox.report()["leads_by_value"]["Import Key"]
        asked = sum(count for name, count in requests_to(sandbox).items() if name.startswith("POST /lead/"))
    log = (folder / "log.txt").read_text()
    assert len(re.findall(r" POST /lead/ (\d{3}|no answer)", log)) == asked
    for said in (
        r"INFO POST /lead/ no answer \(ConnectionError\) \d+ ms",
        r"INFO GET /me/ 429 \d+ ms",
        r"INFO GET /me/ again in [\d.]+ s, attempt 2",
        r"WARNING the lead of row 2 was refused with status 400: contacts\.0\.emails\.0\.email, addresses\.0\.state",
        r"WARNING the lead of row 3 was refused with status 400: name",
        r"ERROR ValueError",
        r"INFO PUT /contact/\{id\}/ 200",
        r"INFO PUT /lead/\{id\}/ 200",
        r"INFO DELETE /lead/\{id\}/ 200",
    ):
        assert re.search(said, log), said
    private = "private|@|key-nobody|415.?555|5550|refused.com|987654|1987-|.1987|k1:|quentin"
    assert re.findall(private, log, re.IGNORECASE) == []
    assert not any(text in log for text in [*held, *keys, there])


# The accounts


def test_every_row_is_counted_once_whatever_becomes_of_it(
    run: Run, write: Write, connected: Sandbox, user: RawClose, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_what_mixed_meets(run, write, user)
    create_lead = CloseClient.create_lead

    def create_or_fail(client: CloseClient, lead: dict[str, Any], **more: Any) -> dict[str, Any]:
        return create_lead(client, lead, **more) if lead["name"] != "LATE" else 1 / 0  # type: ignore[return-value]

    monkeypatch.setattr(CloseClient, "create_lead", create_or_fail)
    write(*MIXED, f"{'X' * 1001},,,,,,", "", "Late,,,,,,", "Later,,,,,,", "New,,,,,,")
    ran = run("import", "leads.csv", "--json", "--workers", "1", "--index-lag", "0")
    rows = ran.json["rows"]
    assert (ran.code, rows.pop("total"), sum(rows.values())) == (1, 14, 14)
    assert rows == {
        **{"created": 3, "updated": 3, "unchanged": 1, "skipped": 3},
        **{"rejected": 2, "failed": 1, "undetermined": 1},
    }
    lines = table(ran.json["files"]["imported"])
    assert [line["row"] for line in lines] == [str(row) for row in (*range(2, 13), 14, 15, 16)]
    assert {name: sum(line["outcome"] == name for line in lines) for name in OUTCOMES} == rows


def test_accounts_that_do_not_add_up_are_a_bug_that_is_told(
    run: Run, write: Write, connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:

    def forget_a_row(*args: Any) -> Any:
        result = conclude(*args)
        result.rows.pop()
        return result

    monkeypatch.setattr(import_file, "conclude", forget_a_row)
    write("Acme,,,,,,", "Beta,,,,,,")
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, connected.report()["leads"]) == (1, 2)
    assert "each row must have exactly one" in ran.err.splitlines()[-1]
