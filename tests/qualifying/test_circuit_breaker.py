"""A dead service costs seconds and not hours, and one that fails now and then is not taken for dead."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from hypothesis import given
from hypothesis import strategies as st

from close.machine import Machine
from qualifying import circuit_breaker
from qualifying.circuit_breaker import FAILURES, FIRST_REST, LONGEST_REST, CircuitBreaker, CircuitOpen, Passage
from tests.patience import STUCK
from tests.raw_close import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(Machine(monotonic=clock))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit_breaker, "PATIENCE", 0.0)


def fail(circuit: CircuitBreaker, times: int = 1) -> list[bool]:
    return [circuit.note(circuit.enter(), "failure") for _ in range(times)]


def answer(circuit: CircuitBreaker) -> bool:
    return circuit.note(circuit.enter(), "answer")


def probe(circuit: CircuitBreaker) -> Passage:
    passage = circuit.enter()
    assert passage.is_probe
    return passage


def test_it_opens_after_a_run_of_failures_and_tells_once(circuit: CircuitBreaker) -> None:
    assert fail(circuit, FAILURES) == [False] * (FAILURES - 1) + [True]
    assert circuit.is_open
    assert [answer(circuit), answer(circuit)] == [True, False]
    assert not circuit.is_open


def test_an_answer_begins_the_count_anew(circuit: CircuitBreaker) -> None:
    for _ in range(10):
        fail(circuit, FAILURES - 1)
        answer(circuit)
    assert not circuit.is_open


def test_an_open_circuit_lets_a_probe_through_and_then_rests_longer_each_time(
    circuit: CircuitBreaker, clock: Clock
) -> None:
    fail(circuit, FAILURES)
    rest = FIRST_REST
    for turn in range(8):
        circuit.note(probe(circuit), "failure")
        for passed in (0.0, rest - 0.01):
            clock.now += passed
            with pytest.raises(CircuitOpen):
                circuit.enter()
        assert circuit.turned_away == 2 * (turn + 1)
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
    assert circuit.note(probe(circuit), "answer")
    assert not circuit.is_open
    fail(circuit, FAILURES + 1)
    clock.now += FIRST_REST
    probe(circuit)


@pytest.mark.usefixtures("impatient")
def test_people_on_whom_it_always_fails_do_not_open_it_while_others_are_answered(circuit: CircuitBreaker) -> None:
    stuck = [circuit.enter() for _ in range(3 * FAILURES)]
    answer(circuit)
    for passage in stuck:
        circuit.note(passage, "failure")
    assert not circuit.is_open


@pytest.mark.usefixtures("impatient")
def test_a_late_answer_closes_it_too(circuit: CircuitBreaker) -> None:
    late = circuit.enter()
    fail(circuit, FAILURES)
    circuit.note(late, "answer")
    assert not circuit.enter().is_probe


@pytest.mark.usefixtures("impatient")
def test_a_late_failure_is_no_end_of_the_probe(circuit: CircuitBreaker) -> None:
    late = circuit.enter()
    fail(circuit, FAILURES)
    passage = probe(circuit)
    circuit.note(late, "failure")
    with pytest.raises(CircuitOpen):
        circuit.enter()
    circuit.note(passage, "answer")
    assert not circuit.enter().is_probe


def test_what_had_no_time_tells_nothing(circuit: CircuitBreaker) -> None:
    for _ in range(FAILURES):
        circuit.note(circuit.enter(), "nothing")
    assert not circuit.is_open
    fail(circuit, FAILURES)
    circuit.note(probe(circuit), "nothing")
    probe(circuit)  # it is anybody's again


def test_who_has_no_time_does_not_wait(circuit: CircuitBreaker) -> None:
    fail(circuit, FAILURES)
    probe(circuit)
    with pytest.raises(CircuitOpen):
        circuit.enter(seconds=0)


@pytest.mark.usefixtures("impatient")
def test_who_is_given_up_on_counts_once_and_leaves_the_probe_to_others(circuit: CircuitBreaker, clock: Clock) -> None:
    silent = [circuit.enter() for _ in range(FAILURES - 1)]
    for passage in (*silent, *silent):
        circuit.note(passage, "failure")
    assert not circuit.is_open
    fail(circuit)
    given_up = probe(circuit)
    circuit.note(given_up, "failure")
    clock.now += FIRST_REST
    circuit.note(probe(circuit), "nothing")
    circuit.note(given_up, "answer")
    assert not circuit.is_open


@pytest.mark.usefixtures("impatient")
def test_one_probe_at_a_time_is_let_through(circuit: CircuitBreaker) -> None:
    fail(circuit, FAILURES)
    assert entered(circuit, 8) == {True: 1, CircuitOpen: 7}


def entered(circuit: CircuitBreaker, many: int) -> dict[object, int]:
    """What so many get who come at the same time: whether a probe, or CircuitOpen."""
    together = threading.Barrier(many)

    def come(_: int) -> object:
        together.wait(STUCK)
        try:
            return circuit.enter().is_probe
        except CircuitOpen:
            return CircuitOpen

    with ThreadPoolExecutor(many) as pool:
        came = list(pool.map(come, range(many)))
    return {what: came.count(what) for what in came}


@pytest.mark.parametrize(("has_answered", "outcome"), [(True, False), (False, CircuitOpen)])
def test_who_comes_while_a_probe_is_out_waits_for_what_it_finds(
    circuit: CircuitBreaker, monkeypatch: pytest.MonkeyPatch, *, has_answered: bool, outcome: object
) -> None:
    monkeypatch.setattr(circuit_breaker, "PATIENCE", STUCK)
    fail(circuit, FAILURES)
    passage = probe(circuit)
    came: list[object] = []
    waiting = threading.Thread(target=lambda: came.extend(entered(circuit, 1)))
    waiting.start()
    waiting.join(0.05)
    circuit.note(passage, "answer" if has_answered else "failure")
    waiting.join(STUCK)
    assert came == [outcome]


def test_a_silent_probe_holds_up_only_those_who_come_in_its_first_moments(
    circuit: CircuitBreaker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(circuit, FAILURES)
    probe(circuit)
    monkeypatch.setattr(circuit_breaker, "PATIENCE", 10 * STUCK)  # whoever waited would wait until the test is given up
    clock.now += 10 * STUCK
    for _ in range(3):
        with pytest.raises(CircuitOpen):
            circuit.enter()


@pytest.mark.parametrize("falls_silent", [True, False])
def test_just_after_a_failure_what_is_under_way_tells_whether_to_ask(
    falls_silent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit_breaker, "PATIENCE", 10 * STUCK)
    circuit = CircuitBreaker()
    first, *others = [circuit.enter() for _ in range(FAILURES)]
    circuit.note(first, "failure")
    with ThreadPoolExecutor() as pool:
        late = pool.submit(circuit.enter)
        assert wait([late], timeout=0.1).not_done
        for passage in others:
            circuit.note(passage, "failure" if falls_silent else "answer")
        assert late.result(timeout=STUCK).is_probe is falls_silent


STEPS = st.lists(st.sampled_from(["enter", "answer", "failure", "nothing", "wait"]), max_size=60)


@given(STEPS)
def test_whatever_happens_one_probe_is_out_at_most_and_an_answer_opens_the_way(steps: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(circuit_breaker, "PATIENCE", 0.0)
        check_steps(steps)


def check_steps(steps: list[str]) -> None:
    clock = Clock()
    circuit = CircuitBreaker(Machine(monotonic=clock))
    out: list[Passage] = []
    for step in steps:
        if step == "wait":
            clock.now += FIRST_REST
        elif step == "enter":
            try:
                out.append(circuit.enter())
            except CircuitOpen:
                assert circuit.is_open
        elif out and step in ("answer", "failure", "nothing"):
            circuit.note(out.pop(0), step)  # type: ignore[arg-type]
            assert step != "answer" or not circuit.is_open
        assert sum(passage.is_probe for passage in out) <= 1 or not circuit.is_open
    for passage in out:
        circuit.note(passage, "failure")
    clock.now += LONGEST_REST
    assert circuit.enter().is_probe is circuit.is_open
