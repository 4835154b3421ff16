"""The gate: never more than Close takes, never a wait longer than needed, whatever the headers say or do not say."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pacing import Pace, RateLimit, asked_wait, read_rate_limit
from sandbox.limits import HeaderMode
from tests.traffic import Client, Traffic, jittery

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
    assert read_rate_limit({"RateLimit": header}) == (told and pytest.approx(told) if False else told)


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
def test_no_header_breaks_the_gate_or_shuts_it_for_good(header: str) -> None:
    pace = Pace()
    now = 0.0
    for _ in range(3):
        waited = 0
        while wait := pace.wait(now):
            now += min(wait.seconds, 1_000_000.0)
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
    traffic = Traffic(rate, window, header, jittery(seed, way * (1 - jitter), way * (1 + jitter)))
    windows = 5
    client = Client(traffic, rate * window * windows, workers=min(32, rate * window))
    began = traffic.now
    traffic.run(lambda: client.is_done)
    assert client.refused_at == []
    reachable = min(rate, client.workers / (2 * way * (1 + jitter)))
    assert traffic.now - began <= windows * window * rate / reachable / 0.985 + 0.25 * window + 4 * way + 1
