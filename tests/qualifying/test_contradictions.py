"""Answers that would clear somebody and yet say something else, and what decides besides: the rule and the attempt."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qualification import UNDERSTOOD
from sandbox import Sandbox
from tests.conftest import Run, Serve, trail_lines
from tests.misbehaving import Asked, Misbehaving, also, first, literal, said, with_status
from tests.raw_close import RawClose
from tests.waiting_leads import Waiting

PERSON = "123"
SPEAKING_AGAINST: list[dict[str, Any]] = [
    *({"errors": []}, {"errors": ["timeout"]}, {"partial": True}, {"total": 2}, {"has_more": True}, {"next": "/2"}),
    *({"status": "error"}, {"success": False}, {"found": False}, {"default": True}, {"warnings": None}, {"": ""}),
]


@pytest.mark.parametrize("more", SPEAKING_AGAINST, ids=str)
@pytest.mark.parametrize("service", ["registry", "judicial", "score"])
def test_an_answer_that_says_more_than_is_understood_clears_nobody(
    run: Run, connected: Sandbox, serve: Serve, service: str, more: dict[str, Any]
) -> None:
    with RawClose(connected, "key-of-a-user") as close:
        waiting = Waiting(close)
        lead_id = waiting.lead(PERSON)
        serve(**{service: also(**more)})
        ran = run("qualify", "--from-close", "--json")
        (verdict,) = ran.json
        assert (ran.code, verdict["outcome"]) == (4, "undetermined")
        assert f"the answer says more than is understood: {next(iter(more))}" in verdict["checks"][service]["detail"]
        assert waiting.status(lead_id) == "To qualify"


@pytest.mark.parametrize(
    ("service", "value"), [("registry", b"false"), ("judicial", b'[{"case": 1}]'), ("score", b"12")]
)
def test_an_answer_that_fails_somebody_may_say_more(run: Run, serve: Serve, service: str, value: bytes) -> None:
    def failing(asked: Asked) -> Iterable[bytes]:
        (plain,) = literal(value)(asked)
        return [said({**json.loads(plain.partition(b"\r\n\r\n")[2]), "note": "x"})]

    serve(**{service: failing})
    assert run("qualify", PERSON, "--json").json[0]["outcome"] == "not_prospect"


def test_a_key_that_was_allowed_lets_answers_through_and_is_kept_in_the_trail(
    run: Run, serve: Serve, folder: Path
) -> None:
    serve(registry=also(request_id="r-1"), judicial=also(took_ms=3))
    assert run("qualify", PERSON, "--allow-key", "request_id").code == 4
    flags = ("--allow-key", "took_ms", "--allow-key", "request_id")
    assert run("qualify", PERSON, *flags, "--json").json[0]["outcome"] == "prospect"
    assert [line.get("allowed_keys") for line in trail_lines(folder)] == [["request_id"], ["request_id", "took_ms"]]


keys = st.text(max_size=12) | st.sampled_from(["Exists", "record", "scores", "ID", "error", "records ", "births"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda some: st.lists(some, max_size=2),
    max_leaves=3,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(service=st.sampled_from(sorted(UNDERSTOOD)), more=st.dictionaries(keys, anything, min_size=1, max_size=3))
def test_no_json_beside_a_passing_answer_passes(
    run: Run, monkeypatch: pytest.MonkeyPatch, service: str, more: dict[str, Any]
) -> None:
    more = {key: value for key, value in more.items() if key not in UNDERSTOOD[service]}
    with Misbehaving({service: also(**more)} if more else {}) as server:
        for name in UNDERSTOOD:
            monkeypatch.setenv(f"{name.upper()}_URL", server.url(name))
        (verdict,) = run("qualify", PERSON, "--json").json
    assert verdict["outcome"] == ("undetermined" if more else "prospect")


@pytest.mark.parametrize(("threshold", "outcome"), [("72", "prospect"), ("73", "not_prospect"), ("0", "prospect")])
def test_the_score_to_exceed_can_be_chosen_and_is_kept(
    run: Run, connected: Sandbox, folder: Path, threshold: str, outcome: str
) -> None:
    (verdict,) = run("qualify", PERSON, "--threshold", threshold, "--json").json
    assert (verdict["outcome"], verdict["result"], verdict["threshold"]) == (outcome, 73, int(threshold))
    assert trail_lines(folder)[0]["threshold"] == int(threshold)
    assert f"73 {'>' if outcome == 'prospect' else 'is not >'} {threshold}" in run("qualify", "--explain", PERSON).out
    assert run("qualify", PERSON, "--threshold", "101").code == 2


def test_each_repeat_of_one_attempt_has_the_same_idempotency_key_and_each_attempt_its_own(
    run: Run, serve: Serve, naps: list[float]
) -> None:
    server = serve(score=first(2, with_status(b"503 Service Unavailable")))
    run("qualify", PERSON)
    run("qualify", PERSON, "125", "--workers", "1")
    seen = server.heard.attempts
    assert len(seen) == 5
    assert len(set(seen[:3])) == 1
    assert len(set(seen)) == 3
    assert all(seen)


@pytest.mark.parametrize("cell", ["'00123", '="00123"', " 00123\u200b", '"00123"'])
def test_an_id_is_what_is_inside_of_what_a_spreadsheet_puts_around_it(
    run: Run, connected: Sandbox, folder: Path, cell: str
) -> None:
    quoted = cell.replace('"', '""')
    (folder / "people.csv").write_text(f'id,note\n"{quoted}",x\n', encoding="utf-8")
    (verdict,) = run("qualify", "--file", "people.csv", "--json").json
    assert verdict["person_id"] == "00123"
    with RawClose(connected, "key-of-a-user") as close:
        lead_id = (waiting := Waiting(close)).lead(cell)
        assert run("qualify", "--from-close").code == 0
        assert waiting.status(lead_id) == "Prospect"


@pytest.mark.parametrize(
    "text", ["nan", "None", "-", "pending", "１２３", "12E+5", "1.2E+06", "123,456", "N/A", "#N/A", "1,234,567", "0.0"]
)
def test_what_is_no_id_is_asked_about_nowhere(run: Run, serve: Serve, folder: Path, text: str) -> None:
    server = serve()
    (folder / "people.csv").write_text(f'id\n"{text}"\n123\n', encoding="utf-8")
    ran = run("qualify", "--file", "people.csv")
    assert (ran.code, "row 2" in ran.err) == (2, True)
    typed = run("qualify", "123", "--", text)
    assert (typed.code, f"The ID {text!r} is not valid" in typed.err) == (2, text != "-")
    assert server.heard.requests.total() == 0
