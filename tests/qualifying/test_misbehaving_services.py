"""However a service misbehaves, nobody is cleared: the person stays undetermined, and nothing is written to Close."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import Sandbox
from tests.conftest import Run, Serve, trail_lines
from tests.misbehaving import DEFINITE, DEFINITE_OF, HUGE, PASSING, PUTTING_OFF, SERVICES, SLOW, Way
from tests.raw_close import RawClose
from tests.waiting_leads import Waiting
from tests.what_close_holds import writes_to

PERSON = "123"


@pytest.fixture
def waiting(connected: Sandbox) -> Iterator[Waiting]:
    with RawClose(connected) as close:
        yield Waiting(close)


def ways_of(*kinds: dict[str, Way], own: bool = False) -> list[Any]:
    """Each service with each way."""
    ways = [(service, name, way) for service in SERVICES for kind in kinds for name, way in kind.items()]
    ways += [(service, name, way) for service in SERVICES for name, way in DEFINITE_OF[service].items() if own]
    return [pytest.param(service, way, id=f"{service}, {name}") for service, name, way in ways]


def assert_nobody_is_cleared(run: Run, folder: Path, sandbox: Sandbox, service: str, *flags: str) -> dict[str, Any]:
    """Check the lead that waits, and give what was said of the service that misbehaved."""
    before = writes_to(sandbox)
    ran = run("qualify", "--from-close", "--json", *flags)
    assert (ran.code, writes_to(sandbox) - before) == (4, {}), ran
    (verdict,) = ran.json
    assert (verdict["outcome"], verdict["result"]) == ("undetermined", None)
    assert verdict["checks"][service]["status"] == "unavailable"
    (line,) = trail_lines(folder)
    assert {key: line[key] for key in ("person_id", "outcome", "result")} == {
        "person_id": PERSON,
        "outcome": "undetermined",
        "result": None,
    }
    assert line["checks"][service]["status"] == "unavailable"
    return dict(verdict["checks"])


@pytest.mark.parametrize(("service", "way"), ways_of(DEFINITE, PUTTING_OFF, own=True))
def test_an_answer_that_is_not_plain_clears_nobody_and_is_asked_for_once(
    run: Run, folder: Path, waiting: Waiting, connected: Sandbox, serve: Serve, service: str, way: Way
) -> None:
    lead_id = waiting.lead(PERSON)
    server = serve(**{service: way})
    checks = assert_nobody_is_cleared(run, folder, connected, service)
    assert server.heard.requests[service] == checks[service]["attempts"] == 1
    assert {checks[name]["status"] for name in ("registry", "judicial") if name != service} == {"passed"}
    assert server.heard.elsewhere == []
    assert (waiting.status(lead_id), waiting.notes(lead_id)) == ("To qualify", [])


@pytest.mark.parametrize(("service", "way"), ways_of(PASSING))
def test_a_service_in_trouble_clears_nobody(
    run: Run,
    folder: Path,
    waiting: Waiting,
    connected: Sandbox,
    serve: Serve,
    naps: list[float],
    service: str,
    way: Way,
) -> None:
    lead_id = waiting.lead(PERSON)
    server = serve(**{service: way})
    checks = assert_nobody_is_cleared(run, folder, connected, service)
    assert {checks[name]["status"] for name in ("registry", "judicial") if name != service} == {"passed"}
    assert checks[service]["attempts"] > 1
    assert server.heard.elsewhere == []
    assert max(server.heard.sent, default=0) < HUGE / 10  # no more was read than fits, beside what buffers hold
    assert (waiting.status(lead_id), waiting.notes(lead_id)) == ("To qualify", [])


@pytest.mark.parametrize(("service", "way"), ways_of(SLOW))
def test_a_service_that_never_ends_clears_nobody(
    run: Run, folder: Path, waiting: Waiting, connected: Sandbox, serve: Serve, service: str, way: Way
) -> None:
    lead_id = waiting.lead(PERSON)
    serve(**{service: way})
    assert_nobody_is_cleared(run, folder, connected, service, "--check-deadline", "0.4")
    assert (waiting.status(lead_id), waiting.notes(lead_id)) == ("To qualify", [])
