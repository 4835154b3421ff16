"""What is kept of a verdict is found again, says how it came about, and names nobody where that was asked for."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from qualifying.person import pseudonym
from sandbox import Sandbox
from tests.conftest import Ran, Run, Serve, trail_lines
from tests.misbehaving import literal, of_people, refused, unknown
from tests.raw_close import RawClose
from tests.waiting_leads import Waiting

KEY = "secret-of-the-test"
PEOPLE = ["900100200", "900100201", "900100202", "900100203", "900100204", "900100205", "900100206"]
TRAIL = Path("output_data") / "qualifications.jsonl"


@pytest.fixture
def waiting(connected: Sandbox) -> Iterator[Waiting]:
    with RawClose(connected) as close:
        yield Waiting(close)


@pytest.fixture
def redact_key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("REDACT_KEY", KEY)
    return KEY


def explained(run: Run, *argv: str) -> Ran:
    return run("qualify", "--explain", *argv)


# Found again


def test_a_verdict_is_explained_by_what_each_service_said(run: Run, serve: Serve) -> None:
    serve(registry=unknown)
    run("qualify", "123")
    ran = explained(run, "123")
    assert (ran.code, ran.err) == (0, "")
    (line,) = trail_lines(Path())
    assert "person id: 123" in ran.out
    assert f"attempt {line['attempt_id']}" in ran.out
    assert f"SHA-256 of the answer {line['checks']['registry']['digest']}" in ran.out
    assert ran.out.endswith("one failed check is enough, so result 0, not a prospect\n")


@pytest.mark.parametrize(
    ("score", "words"),
    [(b"61", "and 61 > 60, so result 61, prospect"), (b"60", "and 60 is not > 60, so result 60, not a prospect")],
)
def test_the_sum_is_told(run: Run, serve: Serve, score: bytes, words: str) -> None:
    serve(score=literal(score))
    run("qualify", "123")
    assert words in explained(run, "123").out


@pytest.mark.parametrize("service", ["registry", "judicial", "score"])
def test_what_was_not_established_is_told(run: Run, serve: Serve, service: str) -> None:
    serve(**{service: literal(b"{}")})
    run("qualify", "123")
    ran = explained(run, "123")
    assert "not every check gave an answer, so no result, undetermined" in ran.out
    assert f"{service} unavailable" in ran.out


def test_a_drawn_score_hides_no_real_verdict(run: Run, serve: Serve) -> None:
    serve()
    run("qualify", "123", "--random-score")
    assert "drawn at random" in explained(run, "123").out
    run("qualify", "123")
    run("qualify", "123", "--random-score")
    assert "drawn at random" not in explained(run, "123").out


def test_the_last_verdict_counts_unless_an_attempt_is_named(run: Run, serve: Serve, folder: Path) -> None:
    serve(score=literal(b"12"))
    run("qualify", "123")
    serve()
    run("qualify", "123")
    run("qualify", "124")
    first, last, _ = trail_lines(folder)
    assert explained(run, "123", "--json").json == last
    assert explained(run, first["attempt_id"], "--json").json == first


@pytest.mark.parametrize(
    "torn", ['{"person_id": "123", "outcome": "prosp', '{"person_id": "123"', "\n\n", "[1]\n", "5"]
)
def test_a_torn_line_hides_nobody(run: Run, serve: Serve, folder: Path, torn: str) -> None:
    serve()
    run("qualify", "123")
    (before,) = trail_lines(folder)
    with TRAIL.open("a", encoding="utf-8") as file:
        file.write(torn)
    assert explained(run, "123", "--json").json == before
    run("qualify", "124")
    assert explained(run, "124", "--json").json["person_id"] == "124"  # the one after it is on a line of its own


def test_who_has_no_verdict_is_told_so(run: Run, serve: Serve) -> None:
    assert explained(run, "123").code == 2
    serve()
    run("qualify", "124")
    ran = explained(run, "123")
    assert (ran.code, ran.out) == (2, "")
    assert "no result for this person" in ran.err


def test_a_rehearsal_never_hides_a_verdict(run: Run, serve: Serve) -> None:
    serve(registry=literal(b"false"))
    run("qualify", "123")
    run("qualify", "123", "--sandbox")
    assert explained(run, "123", "--json").json["outcome"] == "not_prospect"
    assert explained(run, "123", "--json", "--sandbox").json["outcome"] == "prospect"


# Nobody is named


def assert_names_nobody(folder: Path, *ran: Ran) -> None:
    """No id in what was shown, and in no file that was left, but for the one with the people."""
    left = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "people.csv"}
    for person in PEOPLE:
        assert all(person not in each.out + each.err for each in ran)
        assert [path for path, content in left.items() if person.encode() in content] == []


def test_redacted_everything_has_pseudonyms(run: Run, serve: Serve, folder: Path, redact_key: str) -> None:
    serve(judicial=of_people(**{f"_{PEOPLE[1]}": literal(b"[{}]"), f"_{PEOPLE[2]}": literal(b"{}")}))
    (folder / "people.csv").write_text("\n".join(["id", *PEOPLE]), encoding="utf-8")
    flags = ("--redact", "--log", "run.log", "-v")
    ran = [run("qualify", "--file", "people.csv", *flags), run("qualify", *PEOPLE, *flags, "--json")]
    assert_names_nobody(folder, *ran)
    assert [line["person_id"] for line in ran[1].json] == [pseudonym(person, KEY) for person in PEOPLE]
    assert {line["person_id"] for line in trail_lines(folder)} == {pseudonym(person, KEY) for person in PEOPLE}


def test_redacted_the_answer_can_not_be_guessed_from_its_digest(
    run: Run, serve: Serve, folder: Path, redact_key: str
) -> None:
    serve()
    run("qualify", PEOPLE[0])
    run("qualify", PEOPLE[0], "--redact")
    run("qualify", PEOPLE[0], "--redact")
    plain, *redacted = [{check["digest"] for check in line["checks"].values()} for line in trail_lines(folder)]
    assert plain.isdisjoint(redacted[0])
    assert redacted[0] == redacted[1]  # so that equal answers can still be told


def test_redacted_a_dead_service_gives_nobody_away(run: Run, serve: Serve, folder: Path, redact_key: str) -> None:
    serve(registry=refused)
    ran = run("qualify", *PEOPLE, "--redact", "--workers", "1", "--check-deadline", "0.2", "--log", "run.log", "-v")
    assert "To check them later, run: python main.py qualify ID" in ran.err
    assert_names_nobody(folder, ran)


def test_redacted_an_error_gives_nobody_away(run: Run, serve: Serve, folder: Path, redact_key: str) -> None:
    serve()
    (folder / "output_data").write_text("in the way")
    ran = run("qualify", *PEOPLE, "--redact")
    assert ran.code == 1
    assert_names_nobody(folder, ran)


def test_redacted_a_malformed_id_is_not_repeated(run: Run, serve: Serve, folder: Path, redact_key: str) -> None:
    serve()
    ran = run("qualify", PEOPLE[0], f"{PEOPLE[1]} x", "--redact")
    assert ran.code == 2
    assert_names_nobody(folder, ran)


def test_redacted_leads_move_all_the_same(
    run: Run, serve: Serve, folder: Path, waiting: Waiting, redact_key: str
) -> None:
    lead_ids = [waiting.lead(person, ["Ann"]) for person in PEOPLE[:3]]
    serve(judicial=of_people(**{f"_{PEOPLE[1]}": literal(b"[{}]"), f"_{PEOPLE[2]}": literal(b"{}")}))
    ran = run("qualify", "--from-close", "--redact", "--note-detail", "--log", "run.log", "-v")
    assert [waiting.status(lead_id) for lead_id in lead_ids] == ["Prospect", "Not eligible", "To qualify"]
    assert_names_nobody(folder, ran)
    notes = json.dumps([waiting.notes(lead_id) for lead_id in lead_ids])
    assert not any(person in notes for person in PEOPLE)


def test_redacted_written_back_by_id(run: Run, serve: Serve, folder: Path, waiting: Waiting, redact_key: str) -> None:
    lead_id = waiting.lead(PEOPLE[0])
    twice = [waiting.lead(PEOPLE[1]) for _ in range(2)]
    serve()
    ran = run("qualify", *PEOPLE[:3], "--write-back", "--redact", "--log", "run.log", "-v")
    assert [waiting.status(each) for each in (lead_id, *twice)] == ["Prospect", "To qualify", "To qualify"]
    assert_names_nobody(folder, ran)


def test_redacting_needs_a_key(run: Run, serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve()
    monkeypatch.delenv("REDACT_KEY", raising=False)
    ran = run("qualify", PEOPLE[0], "--redact")
    assert (ran.code, ran.out, server.heard.people) == (3, "", {})
    assert "REDACT_KEY" in ran.err
    assert_names_nobody(folder, ran)


def test_a_redacted_verdict_is_explained_with_the_key_alone(
    run: Run, serve: Serve, folder: Path, redact_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve()
    run("qualify", PEOPLE[0], "--redact")
    ran = explained(run, PEOPLE[0], "--redact")
    assert ran.code == 0
    assert f"person id: {pseudonym(PEOPLE[0], KEY)}" in ran.out
    assert_names_nobody(folder, ran)
    assert explained(run, PEOPLE[0]).code == 2
    monkeypatch.setenv("REDACT_KEY", "another")
    assert explained(run, PEOPLE[0], "--redact").code == 2


def test_explained_with_redaction_a_plain_verdict_names_nobody_either(
    run: Run, serve: Serve, folder: Path, redact_key: str
) -> None:
    serve()
    run("qualify", PEOPLE[0])
    (line,) = trail_lines(folder)
    for argv in ([PEOPLE[0]], [PEOPLE[0], "--json"], [line["attempt_id"]]):
        ran = explained(run, *argv, "--redact")
        assert ran.code == 0
        assert PEOPLE[0] not in ran.out + ran.err
        assert pseudonym(PEOPLE[0], KEY) in ran.out
        assert line["checks"]["registry"]["digest"] not in ran.out


def test_another_key_makes_other_pseudonyms() -> None:
    assert pseudonym("1", "a") != pseudonym("1", "b")
    assert pseudonym("1", "a") != pseudonym("2", "a")
