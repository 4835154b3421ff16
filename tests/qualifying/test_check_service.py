"""Whatever JSON a service answers, a check is passed only by the one answer that says so."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qualification import check_judicial, check_registry, check_score, decide
from qualifying.check_service import Check, CheckService
from qualifying.person import Person

PERSON = Person("123")
PASSED = Check("passed", "")
BOTH_PASSED = {"registry": PASSED, "judicial": PASSED}

SCALARS = st.none() | st.booleans() | st.integers(-1, 101) | st.floats() | st.sampled_from(["", "123", "true", "73"])
NAMES = st.sampled_from(["id", "exists", "records", "score", "error", "name", "birth_date"])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2))
LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "id": st.just("123") | SCALARS,
        "exists": st.just(True) | SCALARS,
        "records": st.just([]) | VALUES,
        "score": st.integers(-1, 101) | SCALARS,
        "error": VALUES,
        "name": SCALARS,
        "birth_date": SCALARS | st.just("1990-02-28"),
    },
)
STATUSES = st.just(200) | st.sampled_from([100, 201, 204, 206, 301, 304, 400, 401, 404, 410, 499])


class Acted(CheckService):
    """A service whose every answer is acted out."""

    def __init__(self, status: int, content: bytes) -> None:
        super().__init__("the service", "http://127.0.0.1:9")
        self._acted = status, content

    def _send(self, _exchange: object) -> tuple[int, bytes]:
        return self._acted


def asked(status: int, answer: object) -> Mapping[str, Check]:
    """What each check comes to on this answer."""
    service = Acted(status, json.dumps(answer).encode())
    return {
        "registry": check_registry(service, PERSON),
        "judicial": check_judicial(service, PERSON),
        "score": check_score(service, PERSON, BOTH_PASSED),
    }


def is_exact(answer: object, field: str) -> bool:
    """Whether an answer is about the person, tells of no error, and has the field."""
    is_about = isinstance(answer, dict) and answer.get("id") == "123" and not answer.get("error")
    return is_about and isinstance(answer, dict) and field in answer


@given(STATUSES, LIKELY | VALUES)
@example(200, {"id": "123", "exists": True, "records": [], "score": 61})
@example(200, {"id": "123", "exists": True, "records": [{}], "score": 60})
@example(200, {"id": "123", "exists": 1, "records": [], "score": 61})
@example(200, {"id": "123", "exists": True, "records": {}, "score": 61})
@example(200, {"id": "123", "exists": True, "records": [], "score": True})
def test_only_the_exact_answer_passes_a_check(status: int, answer: Any) -> None:
    checks = asked(status, answer)
    is_plain = status == 200 and "NaN" not in json.dumps(answer) and "Infinity" not in json.dumps(answer)
    if checks["registry"].status == "passed":
        assert is_plain and is_exact(answer, "exists") and answer["exists"] is True
    if checks["judicial"].status == "passed":
        assert is_plain and is_exact(answer, "records") and answer["records"] == [] == list(answer["records"])
        assert isinstance(answer["records"], list)
    if checks["score"].status == "passed":
        assert is_plain and is_exact(answer, "score") and type(answer["score"]) is int and 60 < answer["score"] <= 100
    verdict = decide("123", checks)
    assert (verdict.outcome == "prospect") is ({check.status for check in checks.values()} == {"passed"})
    if verdict.outcome == "prospect":
        assert verdict.result == answer["score"]


@given(STATUSES, LIKELY | VALUES)
@example(410, {})
@example(200, {"id": "123", "exists": False, "records": [{}], "score": 61})
def test_only_the_exact_answer_fails_a_check(status: int, answer: Any) -> None:
    checks = asked(status, answer)
    if checks["registry"].status == "failed":
        assert status == 404 or (is_exact(answer, "exists") and answer["exists"] is False)
    if checks["judicial"].status == "failed":
        assert status == 200 and is_exact(answer, "records") and isinstance(answer["records"], list)
        assert answer["records"]
    if checks["score"].status == "failed":
        assert status == 200 and is_exact(answer, "score") and type(answer["score"]) is int
        assert 0 <= answer["score"] <= 60


@given(st.binary(max_size=200))
def test_arbitrary_bytes_decide_nothing(content: bytes) -> None:
    service = Acted(200, content)
    for check in (
        check_registry(service, PERSON),
        check_judicial(service, PERSON),
        check_score(service, PERSON, BOTH_PASSED),
    ):
        assert check.status == "unavailable"


@pytest.mark.parametrize("error", [RuntimeError, RecursionError, MemoryError, UnicodeError, AssertionError])
def test_whatever_a_library_stumbles_over_clears_nobody(error: type[Exception]) -> None:
    class Stumbling(Acted):
        def _send(self, exchange: Any) -> Any:
            raise error

    service = Stumbling(200, b"")
    assert check_registry(service, PERSON).status == check_judicial(service, PERSON).status == "unavailable"
    assert check_score(service, PERSON, BOTH_PASSED).status == "unavailable"
