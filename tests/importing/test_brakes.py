"""What keeps an import or undo from doing more than a person wants: a limit, a share of rejects, and a question."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from close_client import CloseClient
from sandbox import Sandbox
from sandbox.wire import HttpRequest, Reply
from tests.at_terminal import at_a_terminal
from tests.conftest import Ran, Run
from tests.raw_close import RawClose
from tests.watched import Answer, Watched
from tests.what_close_holds import custom_ids, leads_held, table, writes_to

Write = Callable[..., Path]
IMPORT = ("import", "leads.csv", "--json", "--index-lag", "1")


@pytest.fixture
def connected(connect: Callable[[Sandbox], None]) -> Iterator[Watched]:
    with Watched() as sandbox:
        connect(sandbox)
        yield sandbox


def counts(ran: Ran) -> dict[str, int]:
    """How many leads there are of each outcome, and how many remain."""
    found = {name: times for name, times in ran.json["leads"].items() if times}
    return found | {"remaining": ran.json["remaining"]}


# A limit -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("existing", ["merge", "skip", "create"])
def test_the_same_command_goes_on_after_its_limit_as_one_run(
    run: Run, write: Write, connected: Watched, user: RawClose, existing: str
) -> None:
    held = user.made("/lead/", name="B")["id"]
    write("A,Ann,", "B,Bee,", ",Nobody,", "C,,", "A,Al,", "D,,", "E,,late", header="Company,Contact Name,custom.Last")
    there = {"merge": "updated", "skip": "skipped", "create": "created"}[existing]
    limited = (*IMPORT, "--existing", existing, "--limit", "2")
    new = 3 if existing == "skip" else 2  # a lead that is left alone does not count
    before = writes_to(connected)
    rehearsed = run(*limited, "--dry-run")
    assert (rehearsed.json["remaining"], writes_to(connected)) == (5 - new, before)
    waiting = [line for line in table("output_data/leads_plan.csv") if line["action"] == "wait"]
    assert {line["company"] for line in waiting} == ({"D", "E"} if existing == "skip" else {"C", "D", "E"})

    first = run(*limited)
    assert first.code == 4  # for the row without a company alone
    assert first.json["leads"] == rehearsed.json["leads"]
    rows = {line["row"]: (line["outcome"], line["reason"]) for line in table("output_data/leads_imported.csv")}
    assert (rows["2"][0], rows["3"][0], rows["4"][0], rows["6"][0]) == ("created", there, "rejected", "created")
    assert rows["8"] == (
        "skipped",
        "not imported yet, because this run is limited to 2 leads; run the same command again to go on",
    )
    assert "Last" not in custom_ids(user)
    assert len(table("output_data/leads_rejects.csv")) == 1
    listed = run("runs").out
    assert (" unfinished " in listed, f"; {5 - new} remaining\n" in listed) == (True, True)

    second = run(*limited[:-1], "1")
    assert f"Continuing the unfinished run {first.json['run_id']}." in second.err
    third = run(*limited[:-2])
    assert {each.json["run_id"] for each in (first, second, third)} == {first.json["run_id"]}
    assert (second.json["remaining"], third.json["remaining"]) == (4 - new, 0)
    assert "Last" in custom_ids(user)
    (noted, *_) = run("runs", "--json").json
    assert (noted["state"], noted["leads"]["created"]) == ("finished", 5 - (existing != "create"))
    assert "remaining" not in run("runs").out
    names = sorted(lead["name"] for lead in leads_held(user).values())
    assert names == ["A", "B", *(["B"] if existing == "create" else []), "C", "D", "E"]
    assert len(table("output_data/leads_rejects.csv")) == 1

    assert run("undo", first.json["run_id"]).code == 0
    assert [(key, lead["contacts"]) for key, lead in leads_held(user).items()] == [(held, [])]


def test_what_remains_is_said_with_what_to_do(run: Run, write: Write, connected: Watched) -> None:
    write("A,bad", *"BCDE", header="Company,Email")
    for told in (
        "3 leads remain; run the same command again to import the next 2, or without --limit for all\n",
        "1 lead remains; run the same command again to import it\n",
    ):
        rehearsed, ran = (
            run("import", "leads.csv", "--limit", "2", "--dry-run"),
            run("import", "leads.csv", "--limit=2"),
        )
        assert (ran.code, ran.err.count("plan: create 2")) == (0, 1)
        assert ran.out.endswith(told)
        assert ("Fix the rows" in ran.err, "fix the rows" in rehearsed.err) == (False, True)
        assert f"{told.split(' remain')[0]} would remain for the next run\n" in rehearsed.out
    last = run("import", "leads.csv", "--limit", "1")
    assert ("remain" in last.out, "Fix the rows" in last.err) == (False, True)


class Crash(BaseException):
    """The process is gone."""


def test_a_lead_that_may_be_in_close_is_not_said_to_wait(
    run: Run, write: Write, connected: Watched, user: RawClose, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = CloseClient.create_lead

    def create_and_crash(*args: Any, **more: Any) -> Any:
        create(*args, **more)
        raise Crash

    write("Sent", header="Company")
    with monkeypatch.context() as patch, pytest.raises(Crash):
        patch.setattr(CloseClient, "create_lead", create_and_crash)
        run(*IMPORT)
    write("A", "B", "Sent", header="Company")
    assert counts(run(*IMPORT, "--limit", "1")) == {"created": 1, "skipped": 2, "remaining": 2}
    assert [lead["name"] for lead in leads_held(user).values()] == ["SENT"]
    assert counts(run(*IMPORT, "--limit", "1")) == {"created": 1, "unchanged": 1, "skipped": 1, "remaining": 1}


def test_leads_of_which_close_keeps_refusing_something_do_not_take_the_place_of_others(
    run: Run, write: Write, connected: Watched, user: RawClose
) -> None:
    known = user.made("/lead/", name="Known")["id"]

    def refuse(request: HttpRequest, answer: Answer) -> Reply | None:
        said = json.loads(request.body or b"{}") if request.method in ("POST", "PUT") else {}
        if said.get("name") == "BAD":
            return Reply.of(400, {"error": "Not a lead."})
        emails = said.get("emails") or [mail for person in said.get("contacts", ()) for mail in person["emails"]]
        if any(mail["email"].startswith("bad@") for mail in emails):
            path = {"emails": {"errors": {"0": {"email": "Not an address."}}}}
            found = path if "emails" in said else {"contacts": {"errors": {"0": path}}}
            return Reply.of(400, {"errors": [], "field-errors": found})
        return answer(request)

    connected.watch = refuse
    header = "Company,Contact Name,Contact Emails"
    write("Bad,,", "Known,Ann,bad@a.com", "New,Bee,bad@b.com", "D,,", "E,,", "F,,", header=header)
    remaining = []
    for _ in range(3):
        ran = run(*IMPORT, "--limit", "2")
        remaining.append(ran.json["remaining"])
    assert remaining == [4, 2, 0]
    assert (ran.code, ran.json["leads"]["failed"], ran.json["values_dropped"]) == (4, 1, 2)
    assert sorted(lead["name"] for lead in leads_held(user).values()) == ["D", "E", "F", "Known", "NEW"]
    assert leads_held(user)[known]["contacts"][0]["emails"] == []
    assert [noted["state"] for noted in run("runs", "--json").json] == ["finished"]


# Rejects -------------------------------------------------------------------------------------------------------------


def test_too_many_rejects_stop_an_import_before_anything_is_written(
    run: Run, write: Write, connected: Watched, user: RawClose
) -> None:
    write("A,", ",x", "B,", ",y", "Company,custom.Industry", "C,", header="Company,custom.Industry")
    for allowed, number in (("2", 2), ("0", 0), ("49.9%", 2), ("0%", 0)):
        ran = run("import", "leads.csv", "--json", "--max-rejects", allowed)
        assert (ran.code, ran.out, writes_to(connected)) == (2, "", {}), allowed
        assert ran.err == (
            f"error: 3 of 6 rows would be rejected, and --max-rejects allows {number}. Nothing was written to Close. "
            "Reasons: 2 no_company (The row has no company), 1 header_again (The row repeats the header). "
            "output_data/leads_rejects.csv lists these rows: correct them in your file and run the same command again, "
            "or allow more with --max-rejects.\n"
        )
    assert [line["_code"] for line in table("output_data/leads_rejects.csv")].count("no_company") == 2
    assert not Path("output_data/leads_imported.csv").exists()
    assert run("runs", "--json").json == []
    ran = run("import", "leads.csv", "--json", "--max-rejects", "2", "--dry-run")
    assert (ran.code, ran.json["rows"]["rejected"], ran.json["leads"]["created"]) == (2, 3, 3)
    assert ran.err.splitlines()[-1].startswith("error: 3 of 6 rows would be rejected")
    ran = run("import", "leads.csv", "--max-rejects", "2", "--dry-run", "--report", "leads.html")
    assert "To carry out" not in Path("leads.html").read_text(encoding="utf-8")
    assert ("carry" in ran.out, ran.err.count("leads_rejects.csv")) == (False, 1)  # one thing to do, not two
    for allowed in ("50%", "3"):
        assert run("import", "leads.csv", "--max-rejects", allowed).code == 4
    assert len(leads_held(user)) == 3


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--max-rejects", text) for text in ("", "%", "5 %", "-1", "1.5", ".5%", "101%", "five", "5%%", "٣")]
    + [("--limit", text) for text in ("0", "-1", "1.5", "5%", "")],
)
def test_a_brake_that_is_unclear_is_refused(run: Run, write: Write, flag: str, value: str) -> None:
    write("A", header="Company")
    ran = run("import", "leads.csv", "--sandbox", f"{flag}={value}")
    assert (ran.code, ran.out, f"{flag}: must be a" in ran.err) == (2, "", True)


# The question --------------------------------------------------------------------------------------------------------


def test_more_than_twenty_leads_are_imported_and_undone_only_after_a_yes(
    run: Run, write: Write, connected: Watched, user: RawClose
) -> None:
    user.made("/lead/", name="Company 0")
    rows, header = [f"Company {number},Ann,x" for number in range(21)], "Company,Contact Name,custom.Industry"
    write(*rows, ",Bee,x", header=header)
    before = writes_to(connected)
    code, shown = at_a_terminal("import", "leads.csv", answer="n\n")
    assert (code, writes_to(connected), Path("output_data/leads_imported.csv").exists()) == (2, before, False), shown
    question = "This creates 20 leads and updates 1 lead in Sandbox (Close). 1 row can't be imported. Go on? [y/N]"
    assert question in shown
    assert "Nothing was written" in shown
    write(*rows, header=header)

    code, shown = at_a_terminal("import", "leads.csv", "--limit", "20")
    assert (code, "[y/N]" in shown, len(leads_held(user))) == (0, False, 20)
    assert run("import", "leads.csv").code == 0

    before = writes_to(connected)
    code, shown = at_a_terminal("undo", "last", "-q", answer="n\n")
    assert (code, writes_to(connected)) == (2, before)
    assert "in Sandbox (Close): it deletes up to 21 leads, or takes back what was added to them. Go on? [y/N]" in shown
    code, shown = at_a_terminal("undo", "last", "--yes")
    assert (code, "[y/N]" in shown, len(leads_held(user))) == (0, False, 1)

    code, shown = at_a_terminal("import", "leads.csv", answer="y\n")
    assert (code, shown.count("[y/N]"), len(leads_held(user))) == (0, 1, 21)


def test_a_sandbox_or_a_dry_run_is_not_asked_about(write: Write, connected: Watched) -> None:
    write(*(f"Company {number}" for number in range(21)), header="Company")
    for flags in (("--dry-run",), ("--sandbox",)):
        code, shown = at_a_terminal("import", "leads.csv", *flags)
        assert (code, "[y/N]" in shown) == (0, False)


def test_a_plan_that_somebody_thought_about_for_long_is_made_again(
    run: Run, write: Write, connected: Watched, user: RawClose, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the question stands, a colleague adds the first company: the question comes again, with other numbers."""
    monkeypatch.setattr("importing.import_file.LONG_THOUGHT", 0.0)
    asked: list[str] = []

    def answer(words: str) -> None:
        if not asked:
            user.made("/lead/", name="Company 0")
        asked.append(words)

    monkeypatch.setattr("commands.agreement.agree_to", answer)
    write(*(f"Company {number}" for number in range(22)), header="Company")
    ran = run("import", "leads.csv", "--index-lag", "1")
    assert (ran.code, [words.partition(" in ")[0] for words in asked]) == (
        0,
        ["This creates 22 leads", "This creates 21 leads and updates 1 lead"],
    )
    assert "Close has changed since you were asked" in ran.err
    assert connected.report()["leads"] == 22
