"""A dead service costs seconds and not hours, and one that fails now and then is not taken for dead."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

import breaker
from breaker import FAILURES, FIRST_REST, LONGEST_REST, CircuitBreaker, CircuitOpen
from tests.raw_close import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(clock)


def fail(circuit: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        circuit.note(has_answered=False, is_probe=circuit.enter())


def test_it_opens_after_a_run_of_failures(circuit: CircuitBreaker) -> None:
    fail(circuit, FAILURES - 1)
    assert not circuit.is_open
    fail(circuit)
    assert circuit.is_open


def test_an_answer_begins_the_count_anew(circuit: CircuitBreaker) -> None:
    for _ in range(10):
        fail(circuit, FAILURES - 1)
        circuit.note(has_answered=True, is_probe=circuit.enter())
    assert not circuit.is_open


def test_an_open_circuit_lets_a_probe_through_and_then_rests_longer_each_time(
    circuit: CircuitBreaker, clock: Clock
) -> None:
    fail(circuit, FAILURES)
    rest = FIRST_REST
    for _ in range(8):
        assert circuit.enter() is True
        circuit.note(has_answered=False, is_probe=True)
        for passed in (0.0, rest - 0.01):
            clock.now += passed
            with pytest.raises(CircuitOpen):
                circuit.enter()
        clock.now += 0.02
        rest = min(2 * rest, LONGEST_REST)
    assert rest == LONGEST_REST


def test_a_probe_that_is_answered_closes_it_and_the_next_rest_is_short_again(
    circuit: CircuitBreaker, clock: Clock
) -> None:
    fail(circuit, FAILURES + 1)
    clock.now += FIRST_REST
    fail(circuit)
    clock.now += 2 * FIRST_REST
    assert circuit.enter() is True
    circuit.note(has_answered=True, is_probe=True)
    assert not circuit.is_open
    assert [circuit.enter() for _ in range(3)] == [False] * 3
    fail(circuit, FAILURES + 1)
    clock.now += FIRST_REST
    assert circuit.enter() is True


def test_a_late_answer_closes_it_too(circuit: CircuitBreaker) -> None:
    assert circuit.enter() is False  # it takes its time
    fail(circuit, FAILURES)
    circuit.note(has_answered=True, is_probe=False)
    assert circuit.enter() is False


def test_a_late_failure_is_no_end_of_the_probe(
    circuit: CircuitBreaker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "PATIENCE", 0.0)
    assert circuit.enter() is False
    fail(circuit, FAILURES)
    assert circuit.enter() is True
    circuit.note(has_answered=False, is_probe=False)
    with pytest.raises(CircuitOpen):
        circuit.enter()
    circuit.note(has_answered=True, is_probe=True)
    assert circuit.enter() is False


def test_what_had_no_time_tells_nothing(circuit: CircuitBreaker, clock: Clock) -> None:
    for _ in range(FAILURES):
        circuit.note(has_answered=None, is_probe=circuit.enter())
    assert not circuit.is_open
    fail(circuit, FAILURES)
    clock.now += LONGEST_REST
    assert circuit.enter() is True
    circuit.note(has_answered=None, is_probe=True)
    assert circuit.enter() is True  # the probe is anybody's again


def test_who_has_no_time_does_not_wait(circuit: CircuitBreaker) -> None:
    fail(circuit, FAILURES)
    assert circuit.enter() is True
    with pytest.raises(CircuitOpen):
        circuit.enter(seconds=0)


def test_silence_counts_as_failure_before_it_ends(circuit: CircuitBreaker) -> None:
    for _ in range(FAILURES):
        circuit.enter()
    assert [circuit.note_silence() for _ in range(FAILURES)] == [False] * (FAILURES - 1) + [True]
    assert circuit.is_open


def test_one_probe_at_a_time_is_let_through(circuit: CircuitBreaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "PATIENCE", 0.0)
    fail(circuit, FAILURES)
    assert entered(circuit, 8) == {True: 1, CircuitOpen: 7}


def entered(circuit: CircuitBreaker, many: int) -> dict[object, int]:
    """What so many get who come at the same time."""
    together = threading.Barrier(many)

    def come(_: int) -> object:
        together.wait(10)
        try:
            return circuit.enter()
        except CircuitOpen:
            return CircuitOpen

    with ThreadPoolExecutor(many) as pool:
        came = list(pool.map(come, range(many)))
    return {what: came.count(what) for what in came}


@pytest.mark.parametrize(("has_answered", "outcome"), [(True, False), (False, CircuitOpen)])
def test_who_comes_while_a_probe_is_out_waits_for_what_it_finds(
    circuit: CircuitBreaker, monkeypatch: pytest.MonkeyPatch, *, has_answered: bool, outcome: object
) -> None:
    monkeypatch.setattr(breaker, "PATIENCE", 30.0)
    fail(circuit, FAILURES)
    assert circuit.enter() is True
    came: list[object] = []
    waiting = threading.Thread(target=lambda: came.extend(entered(circuit, 1)))
    waiting.start()
    waiting.join(0.05)
    circuit.note(has_answered=has_answered, is_probe=True)
    waiting.join(20)
    assert came == [outcome]


STEPS = st.lists(st.sampled_from(["enter", "answer", "failure", "wait"]), max_size=60)


@given(STEPS)
def test_whatever_happens_one_probe_is_out_at_most_and_an_answer_opens_the_way(steps: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(breaker, "PATIENCE", 0.0)
        check_steps(steps)


def check_steps(steps: list[str]) -> None:
    clock = Clock()
    circuit = CircuitBreaker(clock)
    out: list[bool] = []
    for step in steps:
        if step == "wait":
            clock.now += FIRST_REST
        elif step == "enter" and True not in out:  # who came now would really wait
            try:
                out.append(circuit.enter())
            except CircuitOpen:
                assert circuit.is_open
        elif step in ("answer", "failure") and out:
            circuit.note(has_answered=step == "answer", is_probe=out.pop(0))
            assert step == "failure" or not circuit.is_open
    assert out.count(True) <= 1
    clock.now += LONGEST_REST
    for is_probe in out:
        circuit.note(has_answered=False, is_probe=is_probe)
    clock.now += LONGEST_REST
    assert circuit.enter() is circuit.is_open
