"""The gate: never more than Close takes, never a wait longer than needed, whatever the headers say or do not say."""

import contextlib
import itertools
import random
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from close import rate_gate
from close.rate_gate import GateClosed, Pace, RateGate, RateGates, RateLimit, asked_wait, read_rate_limit
from sandbox.limits import HeaderMode
from tests.patience import STUCK, wait_until
from tests.traffic import Client, Script, Traffic, jittery

TOLD: list[HeaderMode] = ["always", "semicolons", "decimals"]


@pytest.fixture(autouse=True)
def drawn() -> Iterator[None]:
    """Jitter is drawn at random, and the same in each run."""
    state = random.getstate()
    random.seed(1)
    yield
    random.setstate(state)


# What the header says ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("limit=100, remaining=50, reset=5", RateLimit(100, 50, 5, 1)),
        ("limit=160; remaining=159; reset=8", RateLimit(160, 159, 8, 1)),
        ("reset = 0.25,remaining=0 ,limit= 40", RateLimit(40, 0, 0.26, 0.02)),
        (" remaining=7;reset=1.5;limit=20", RateLimit(20, 7, 1.6, 0.2)),
        ("limit=100, remaining=50, reset=5, policy=7", RateLimit(100, 50, 5, 1)),
        ("limit=100, remaining=50", None),
        ("limit=0, remaining=0, reset=1", None),
        ("limit=10, remaining=11, reset=1", None),
        ("limit=ten, remaining=5, reset=1", None),
        ("limit=10, remaining=-1, reset=1", None),
        ("limit=10, remaining=5, reset=1e9", None),
        ("limit=10, remaining=5, reset=nan", None),
        ("limit=1٣, remaining=5, reset=1", None),
        ("unlimit=10, remaining=5, reset=1", None),
        ("", None),
    ],
)
def test_the_header_is_read_in_all_its_forms_and_ignored_in_others(header: str, told: RateLimit | None) -> None:
    assert read_rate_limit({"RateLimit": header}) == told


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"RateLimit": "limit=1, remaining=0, reset=0.4", "Retry-After": "1"}, 0.5),
        ({"RateLimit": "limit=1, remaining=0, reset=3", "Retry-After": "4"}, 3),
        ({"RateLimit": "rubbish", "Retry-After": "4"}, 4),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"Retry-After": "-3"}, None),
        ({}, None),
    ],
)
def test_a_refusal_is_waited_out_until_the_moment_that_it_names(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait(headers) == (seconds if seconds is None else pytest.approx(seconds))


@given(header=st.text() | st.text(alphabet="limtreangs=,; .0123456789-e"))
@example("limit=9999999, remaining=9999999, reset=0")
@example("limit=1, remaining=0, reset=0.000000001")
@example("limit=100, remaining=0, reset=86400")
@example("limit=1, remaining=1, reset=3600")
def test_no_header_breaks_the_gate_or_shuts_it_for_good(header: str) -> None:
    pace = Pace()
    now = 0.0
    with contextlib.suppress(GateClosed):
        for _ in range(3):
            waited = 0
            while wait := pace.wait(now):
                assert wait.seconds <= 300
                now += wait.seconds
                waited += 1
                assert waited < 10
            pace.came_back(pace.let_through(now), {"RateLimit": header}, now)


# Where Close tells the limit -----------------------------------------------------------------------------------------


@given(
    rate=st.integers(2, 60),
    window=st.integers(1, 10),
    header=st.sampled_from(TOLD),
    way=st.floats(0.001, 0.3),
    jitter=st.floats(0, 0.5),
    seed=st.integers(0, 9),
)
@example(rate=40, window=1, header="always", way=0.05, jitter=0.0, seed=0)
@example(rate=20, window=8, header="always", way=0.05, jitter=0.5, seed=0)
def test_no_request_is_refused_and_every_window_is_used(
    rate: int, window: int, header: HeaderMode, way: float, jitter: float, seed: int
) -> None:
    assume(way * (1 + jitter) <= window / 4)  # of a request that is long under way nobody knows which window it meets
    traffic = Traffic(rate, window, header, jittery(seed, way * (1 - jitter), way * (1 + jitter)))
    windows = 5
    client = Client(traffic, rate * window * windows, workers=min(32, rate * window))
    began = traffic.now
    traffic.run(lambda: client.is_done)
    assert client.refused_at == []
    reachable = min(rate, client.workers / (2 * way * (1 + jitter)))
    assert traffic.now - began <= windows * window * rate / reachable / 0.985 + 0.25 * window + 4 * way + 1


@pytest.mark.parametrize("header", TOLD)
@pytest.mark.parametrize(("rate", "window"), [(40, 1), (20, 8)])
def test_at_least_97_of_100_are_reached_evenly(rate: int, window: int, header: HeaderMode) -> None:
    traffic = Traffic(rate, window, header, jittery(1, 0.045, 0.055))
    client = Client(traffic, 1000)
    traffic.run(lambda: client.is_done)
    assert client.refused_at == []
    assert client.rate() / rate >= 0.97
    later = [moment for moment in client.made_at if moment > traffic.now - 20]
    gaps = [after - before for before, after in itertools.pairwise(later)]
    assert max(gaps) < 10 / rate


def test_somebody_else_with_the_same_key_is_counted_in() -> None:
    traffic = Traffic(40, 1, way=jittery(1, 0.045, 0.055))
    clients = [Client(traffic, 500), Client(traffic, 500)]
    traffic.run(lambda: all(client.is_done for client in clients))
    assert traffic.now - 1000 < 1000 / 40 / 0.85
    assert sum(len(client.refused_at) for client in clients) <= 0.15 * 1000


def test_a_short_job_does_not_wait_for_what_the_window_has() -> None:
    traffic = Traffic(20, 8)
    client = Client(traffic, 40, workers=4)
    traffic.run(lambda: client.is_done)
    assert traffic.now - 1000 < 1.2


def told(remaining: int, reset: float) -> dict[str, str]:
    return {"RateLimit": f"limit=2, remaining={remaining}, reset={reset:g}"}


def seconds_to_wait(pace: Pace, now: float) -> float:
    wait = pace.wait(now)
    assert wait is not None
    return wait.seconds


def test_a_late_answer_does_not_end_the_next_window_early() -> None:
    pace = Pace()
    first, late = pace.let_through(0.0), pace.let_through(0.0)
    pace.came_back(first, told(1, 4), 0.1)
    assert seconds_to_wait(pace, 1.0) == pytest.approx(3.1)
    assert pace.wait(4.1) is None
    pace.let_through(4.1)
    pace.came_back(late, told(0, 1), 4.2)
    pace.let_through(6.0)
    assert seconds_to_wait(pace, 7.9) == pytest.approx(0.2)


def test_a_window_that_began_anew_is_noticed() -> None:
    pace = Pace()
    pace.came_back(pace.let_through(0.0), told(1, 4), 0.1)
    assert pace.wait(10.0) is None
    pace.came_back(pace.let_through(10.0), told(1, 4), 10.1)
    pace.came_back(pace.let_through(12.2), told(0, 2), 12.3)
    assert seconds_to_wait(pace, 14.0) == pytest.approx(0.1)


def test_an_odd_answer_is_forgotten() -> None:
    traffic = Traffic(20, 8, way=jittery(6, 0.045, 0.055))
    client = Client(traffic, 1600)
    admit, seen = traffic.limiter.headers, itertools.count()
    traffic.limiter.headers = lambda verdict: (  # type: ignore[method-assign]
        {"RateLimit": "limit=160, remaining=80, reset=250"} if next(seen) == 400 else admit(verdict)
    )
    traffic.run(lambda: client.is_done)
    assert traffic.now - 1000 < 1600 / 20 * 1.6


def test_what_was_told_once_and_never_again_holds_no_more() -> None:
    pace = Pace()
    pace.came_back(pace.let_through(0.0), told(0, 100), 0.1)
    assert seconds_to_wait(pace, 0.1) == pytest.approx(100)
    for moment in range(101, 125):
        pace.came_back(pace.let_through(moment), {}, moment + 0.1)
    assert pace.wait(125.2) is None


# A refusal -----------------------------------------------------------------------------------------------------------


def test_a_refusal_closes_the_gate_for_everybody_until_the_moment_it_names() -> None:
    pace = Pace()
    first, second = pace.let_through(0.0), pace.let_through(0.0)
    pace.was_refused(first, {"RateLimit": "limit=20, remaining=0, reset=3", "Retry-After": "3"}, 0.1)
    pace.came_back(second, {}, 0.2)
    wait = pace.wait(0.2)
    assert wait is not None
    assert 2.9 <= wait.seconds <= 2.96
    assert not wait.may_end_sooner
    assert pace.wait(3.15) is None


def test_a_refusal_that_comes_after_its_time_closes_nothing() -> None:
    pace = Pace()
    first, late = pace.let_through(0.0), pace.let_through(0.0)
    pace.was_refused(first, {"Retry-After": "1"}, 0.1)
    assert pace.was_refused(late, {"Retry-After": "1"}, 25.0) == 0
    assert pace.wait(25.0) is None


def test_refusals_that_name_no_moment_are_waited_out_ever_longer() -> None:
    pace, now, waits = Pace(), 0.0, []
    for _ in range(6):
        waits.append(pace.was_refused(pace.let_through(now), {}, now))
        now += waits[-1]
    for wait, longest in zip(waits, [1, 2, 4, 8, 8, 8], strict=True):
        assert longest / 2 <= wait <= longest


def test_nobody_waits_longer_than_anybody_should() -> None:
    pace = Pace()
    pace.was_refused(pace.let_through(0.0), {"Retry-After": "9999"}, 0.0)
    with pytest.raises(GateClosed):
        pace.wait(1.0)


def test_after_refusals_in_a_row_one_request_tries_whether_the_gate_may_stay_open() -> None:
    pace = Pace()
    pace.was_refused(pace.let_through(0.0), {"Retry-After": "1"}, 0.0)
    pace.was_refused(pace.let_through(2.0), {"Retry-After": "1"}, 2.0)
    trying = pace.let_through(5.0)
    wait = pace.wait(5.5)
    assert wait is not None
    assert wait.may_end_sooner
    pace.came_back(trying, {}, 5.6)
    assert pace.wait(5.7) is None


# Where Close does not tell the limit ---------------------------------------------------------------------------------


def test_without_limit_and_header_nothing_waits() -> None:
    traffic = Traffic(None, header="never")
    client = Client(traffic, 1000, workers=32)
    traffic.run(lambda: client.is_done)
    assert traffic.now - 1000 == pytest.approx(1000 / 32 * 0.1, rel=0.03)


@pytest.mark.parametrize("header", ["never", "on-429"])
@pytest.mark.parametrize(("rate", "window"), [(40, 1), (40, 8), (20, 5), (10, 1), (4, 1), (1, 1)])
def test_a_limit_that_nobody_tells_is_found(rate: int, window: int, header: HeaderMode) -> None:
    traffic = Traffic(rate, window, header, jittery(2, 0.045, 0.055))
    leads, workers, reached, most_refused = (2000, 32, 0.85, 0.03) if rate >= 10 else (400, 8, 0.8, 0.15)
    client = Client(traffic, leads, workers=workers)
    traffic.run(lambda: client.is_done)
    assert leads / (traffic.now - 1000) / rate >= reached
    assert len(client.refused_at) / (leads + len(client.refused_at)) <= most_refused


def test_others_who_take_everything_unannounced_leave_us_something() -> None:
    traffic = Traffic(40, 1, "never", jittery(5, 0.045, 0.055))
    ours = Client(traffic, 200)
    for number in range(3):
        Script(traffic, f"script {number}")
    traffic.run(lambda: ours.is_done)
    assert ours.rate() >= 1


# Several keys of one organisation ------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", TOLD)
@pytest.mark.parametrize("window", [1, 8])
def test_four_keys_share_what_their_organisation_may(window: int, header: HeaderMode) -> None:
    traffic = Traffic(40, window, header, jittery(3, 0.045, 0.055))
    clients = [Client(traffic, 1000, key=f"key {number}", begins_after=number / 10) for number in range(4)]
    traffic.run(lambda: any(client.is_done for client in clients))
    quarter = 3 * 40 / 4
    assert min(client.rate() for client in clients) >= 0.8 * quarter
    assert sum(len(client.refused_at) for client in clients) <= 0.03 * 4000


@pytest.mark.parametrize("header", TOLD)
@pytest.mark.parametrize("window", [1, 8])
def test_scripts_that_take_what_they_can_do_not_starve_us_nor_we_them(window: int, header: HeaderMode) -> None:
    traffic = Traffic(40, window, header, jittery(4, 0.045, 0.055))
    ours, scripts = Client(traffic, 1000), [Script(traffic, f"script {number}") for number in range(3)]
    traffic.run(lambda: ours.is_done)
    quarter = 3 * 40 / 4
    assert ours.rate() >= 0.8 * quarter
    assert min(len(script.made_at) for script in scripts) / (traffic.now - 1000) >= 0.65 * quarter


# The gate of many threads --------------------------------------------------------------------------------------------


class SteppingClock:
    """A clock that sleeping puts forward, but for steps of its own."""

    def __init__(self) -> None:
        self.now, self.slept = 1000.0, 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


def pass_through(gate: RateGate, headers: dict[str, str]) -> None:
    gate.came_back(gate.enter(), headers)


def test_a_clock_that_goes_back_makes_nobody_wait_longer_nor_leave_earlier() -> None:
    clock = SteppingClock()
    gate = RateGate(lambda: clock.now, clock.sleep)
    headers = {"RateLimit": "limit=1000, remaining=999, reset=100"}
    for number in range(600):
        if number % 50 == 20:
            clock.now -= 3600
        pass_through(gate, headers)
    paced = 600 / (0.985 * 1000 / 100)
    assert paced - 0.25 * 100 - 1 <= clock.slept <= paced


def test_a_refusal_holds_up_no_other_group() -> None:
    clock = SteppingClock()
    gates = RateGates(lambda: clock.now, clock.sleep)
    leads = gates.of("POST", "/lead/")
    leads.was_refused(leads.enter(), {"Retry-After": "5"})
    for method, path in [("GET", "/lead/{id}/"), ("POST", "/contact/"), ("PUT", "/lead/{id}/")]:
        pass_through(gates.of(method, path), {})
    assert clock.slept == 0
    assert gates.of("POST", "/lead/merge/") is leads
    pass_through(leads, {})
    assert 5 <= clock.slept <= 5.1


def test_nobody_is_overtaken() -> None:
    opened = threading.Event()
    order: list[int] = []

    def sleep(_: float) -> None:
        opened.wait(STUCK)

    gate = RateGate(lambda: 0.0, sleep)
    gate.was_refused(gate.enter(), {"Retry-After": "5"})

    def go(number: int) -> None:
        passage = gate.enter()
        order.append(number)
        gate.came_back(passage, {})

    threads = [threading.Thread(target=go, args=(number,)) for number in range(20)]
    for number, thread in enumerate(threads, 1):
        thread.start()
        wait_until(lambda: gate.waiting == number)  # noqa: B023 - it is called before the next one
        time.sleep(0.002)
    opened.set()
    for thread in threads:
        thread.join(STUCK)
    assert order == list(range(20))
    assert gate.waiting == 0


def test_an_answer_wakes_whoever_waits_for_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_gate, "NEWS_INTERVAL", 10 * STUCK)
    gate = RateGate(time.monotonic, time.sleep)
    one, two = gate.enter(), gate.enter()
    gate.came_back(one, {"RateLimit": "limit=1000, remaining=0, reset=6000"})
    waiting = threading.Thread(target=lambda: pass_through(gate, {}))
    waiting.start()
    wait_until(lambda: gate.waiting == 1)
    gate.came_back(two, {"RateLimit": "limit=1000, remaining=999, reset=6000"})
    waiting.join(STUCK)
    assert not waiting.is_alive()


def test_what_ends_a_wait_leaves_the_gate_to_the_next() -> None:
    class Ended(Exception):
        pass

    def end(_: float) -> None:
        raise Ended

    gate = RateGate(lambda: 0.0, end)
    gate.was_refused(gate.enter(), {"Retry-After": "5"})
    for _ in range(2):
        with pytest.raises(Ended):
            gate.enter()
    assert gate.waiting == 0
