"""A watch asks ever more rarely about each lead that stays undetermined, and at once about one that was changed."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from sandbox import Sandbox
from tests.conftest import Ran, Run, Serve
from tests.misbehaving import Asked, Misbehaving, also, of_people, said, unknown, with_status
from tests.raw_close import RawClose
from tests.waiting_leads import Waiting

Clock = Callable[[], float]
HOUR = 60  # rounds of a watch that looks every minute
PEOPLE = [str(number) for number in range(301, 341)]


@pytest.fixture
def waiting(run: Run, clock: Clock, connect: Callable[[Sandbox], None]) -> Iterator[Waiting]:
    with Sandbox(clock=clock) as sandbox, RawClose(sandbox) as close:
        connect(sandbox)
        yield Waiting(close)


@pytest.fixture
def watch(run: Run, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Watch for some rounds, of a minute each; acts by the number of the round happen before it."""
    acts: dict[int, Callable[[], object]] = {}
    rounds = [0, 0]

    class Minutes(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if timeout != 60:
                return super().wait(timeout)
            time.sleep(60)
            rounds[0] += 1
            acts.get(rounds[0], lambda: None)()
            if rounds[0] == rounds[1]:
                self.set()
            return self.is_set()

    def watching(number: int, flags: Sequence[str] = (), **told: Callable[[], object]) -> Ran:
        rounds[:] = [0, number]
        acts.update({int(name.removeprefix("before_")): act for name, act in told.items()})
        monkeypatch.setattr(threading, "Event", Minutes)
        return run("qualify", "--from-close", "--watch", "60", *flags)

    return watching


def asked(server: Misbehaving, *people: str) -> list[int]:
    return [server.heard.people["registry", person_id] for person_id in people]


def test_leads_that_stay_undetermined_are_asked_about_six_times_an_hour(
    waiting: Waiting, serve: Serve, watch: Callable[..., Ran]
) -> None:
    for person_id in PEOPLE:
        waiting.lead(person_id)
    server = serve(judicial=with_status(b"404 Not Found"))
    ran = watch(HOUR)
    assert set(asked(server, *PEOPLE)) == {6}
    assert server.heard.requests["judicial"] == 6 * len(PEOPLE)
    lines = [line.split("  ", 1)[1] for line in ran.out.splitlines()]
    assert lines[:4] == [
        "40 leads: 40 undetermined",
        "40 leads: 40 undetermined",
        "40 undetermined leads will be tried again later",
        "40 leads: 40 undetermined",
    ]


def test_after_an_hour_they_are_asked_about_once_an_hour(
    waiting: Waiting, serve: Serve, watch: Callable[..., Ran]
) -> None:
    waiting.lead("301")
    server = serve(judicial=with_status(b"404 Not Found"))
    watch(2 * HOUR + 5)
    assert asked(server, "301") == [8]  # after 0, 1, 3, 7, 15, 31, 63 and 123 minutes


def test_a_new_lead_and_a_corrected_one_are_asked_about_at_once(
    waiting: Waiting, serve: Serve, watch: Callable[..., Ran]
) -> None:
    leads = [waiting.lead("301"), waiting.lead("302", ["Ann Smith"])]
    named = of_people(_302=also(name="Ann Lee"))
    server = serve(judicial=of_people(_301=with_status(b"404 Not Found")), registry=named)
    watch(
        12,
        before_9=lambda: waiting.type_id(leads[0], "303"),
        before_10=lambda: leads.append(waiting.lead("304")),
        before_11=lambda: waiting.add_contact(leads[1], "Ann Lee"),
    )
    assert [waiting.status(lead_id) for lead_id in leads] == ["Prospect"] * 3
    assert asked(server, "301", "302", "303", "304") == [4, 5, 1, 1]


def test_a_lead_that_was_decided_and_is_put_back_does_not_have_to_rest(
    waiting: Waiting, serve: Serve, watch: Callable[..., Ran]
) -> None:
    lead_id = waiting.lead("301")
    server = serve(judicial=with_status(b"404 Not Found"))

    def recover() -> None:
        server.ways.clear()

    watch(12, before_7=recover, before_9=lambda: waiting.put_back(lead_id))
    assert asked(server, "301") == [5]  # after 0, 1, 3, 7 and 9 minutes
    assert waiting.status(lead_id) == "Prospect"


def test_what_a_service_says_of_everybody_is_asked_ever_more_rarely_as_well(
    waiting: Waiting, serve: Serve, watch: Callable[..., Ran]
) -> None:
    for person_id in PEOPLE[:4]:
        waiting.lead(person_id)
    server = serve(registry=unknown)
    ran = watch(8)
    assert set(asked(server, *PEOPLE[:4])) == {4}
    assert ran.err.count("Check REGISTRY_URL") == 1


def test_who_comes_after_a_round_that_knew_nobody_is_not_declined_before_somebody_is_known(
    waiting: Waiting, serve: Serve, watch: Callable[..., Ran]
) -> None:
    leads = [waiting.lead(person_id) for person_id in PEOPLE[:4]]
    server = serve(registry=unknown)

    def recover() -> None:
        server.ways["registry"] = of_people(**{f"_{person_id}": unknown for person_id in PEOPLE[:4]})

    ran = watch(
        10,
        before_1=lambda: leads.append(waiting.lead("311")),
        before_2=lambda: leads.append(waiting.lead("312")),
        before_6=recover,
    )
    assert [waiting.status(lead_id) for lead_id in leads] == [*["To qualify"] * 4, "Prospect", "Prospect"]
    assert ran.out.count("withheld") >= 5


def test_leads_that_the_time_of_a_round_did_not_suffice_for_come_first_in_the_next(
    waiting: Waiting, serve: Serve, watch: Callable[..., Ran], clock: Clock
) -> None:
    for person_id in PEOPLE[:12]:
        waiting.lead(person_id)
    answered = [0]

    def slow(asked: Asked) -> Iterator[bytes]:
        yield said({})
        answered[0] += 1
        if answered[0] % 3 == 0:
            time.sleep(40)

    server = serve(registry=slow)
    watch(7, flags=("--deadline", "30", "--workers", "1"))
    assert min(asked(server, *PEOPLE[:12])) >= 1
