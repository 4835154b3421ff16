"""One request method: what it repeats, what it never repeats, and what each answer becomes."""

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cells.lead_fields import LeadField
from close.conditions import custom_field, has_value, is_between_days, regular_field
from close.errors import (
    AuthenticationFailed,
    CloseError,
    CloseUnreachable,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    PlanLimitReached,
)
from close.fields import AmbiguousName, find_field
from close_client import CloseClient
from sandbox import Fault, Sandbox

OpenClient = Callable[..., CloseClient]
CREATION = "POST /api/v1/lead/"
LOST = ["drop-before", "drop-after", "500", "502-before", "502-after", "503-before", "504-after", "cut", "html"]
LOST += ["408-before", "408-after", "odd-status-after"]


@pytest.fixture
def open_client() -> Iterator[OpenClient]:
    clients: list[CloseClient] = []

    def open_one(key: str, url: str, **options: Any) -> CloseClient:
        clients.append(CloseClient(key, url, **options))
        return clients[-1]

    yield open_one
    for client in clients:
        client.close()


def leads_made(sandbox: Sandbox) -> int:
    return int(sandbox.report()["requests_by_endpoint"].get("POST /lead/", 0))


@pytest.mark.parametrize("name", LOST)
def test_create_lead__is_not_repeated_when_the_outcome_is_unknown(name: str, open_client: OpenClient) -> None:
    naps: list[float] = []
    with Sandbox(faults=[Fault(name, on=CREATION)]) as sandbox:
        client = open_client("key", sandbox.close_url, sleep=naps.append)
        with pytest.raises(OutcomeUnknown):
            client.create_lead({"name": "Acme"})
        assert leads_made(sandbox) == 1
    assert naps == []


@pytest.mark.parametrize("name", LOST)
def test_a_read_is_repeated_when_its_answer_is_lost(name: str, open_client: OpenClient) -> None:
    naps: list[float] = []
    with Sandbox(faults=[Fault(name, times=2)]) as sandbox:
        client = open_client("key", sandbox.close_url, sleep=naps.append)
        assert client.lead_fields() == []
        assert client.requests_made == 3
    assert len(naps) == 2


@pytest.mark.parametrize("name", ["429-bare", "429-surprise"])
def test_a_write_that_was_told_to_wait_is_sent_again(name: str, open_client: OpenClient) -> None:
    naps: list[float] = []
    with Sandbox(rate=5, faults=[Fault(name, times=2, on=CREATION)]) as sandbox:
        client = open_client("key", sandbox.close_url, sleep=naps.append)
        assert client.create_lead({"name": "Acme"})["name"] == "Acme"
        assert sandbox.report()["leads"] == 1
    assert client.throttled == len(naps) == 2


@pytest.mark.parametrize("header", ["always", "decimals", "semicolons"])
def test_requests_wait_for_the_window_that_the_headers_tell_of(open_client: OpenClient, header: str) -> None:
    clock = [100.0]

    def nap(seconds: float) -> None:
        clock[0] += seconds

    options: Any = {"rate_limit_header": header}
    with Sandbox(rate=2, window=8, clock=lambda: clock[0], **options) as sandbox:
        client = open_client("key", sandbox.close_url, sleep=nap, clock=lambda: clock[0])
        for _ in range(17):
            client.create_lead({"name": "Acme"})
    assert client.throttled == 0
    assert 8 <= clock[0] - 100 < 8.1


def test_a_refusal_without_notice_is_waited_out_as_long_as_it_says(open_client: OpenClient) -> None:
    clock, naps = [100.0], []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        clock[0] += seconds

    with Sandbox(rate=2, window=8, clock=lambda: clock[0], rate_limit_header="on-429") as sandbox:
        client = open_client("key", sandbox.close_url, sleep=nap, clock=lambda: clock[0])
        for _ in range(17):
            client.create_lead({"name": "Acme"})
    assert (client.throttled, len(naps)) == (1, 1)
    assert 8 <= naps[0] < 8.1


def test_what_a_request_waits_for_its_turn_costs_it_no_patience(
    open_client: OpenClient, clock: Callable[[], float], tmp_path: Path
) -> None:
    state = tmp_path / "state.sqlite"
    with Sandbox(state=state) as sandbox:
        first, second = (open_client("key", sandbox.close_url).create_lead({"name": name})["id"] for name in "AB")
    lost_once = Fault("drop-before", on=f"GET /api/v1/lead/{second}", times=1)
    with Sandbox(state=state, rate=1 / 40, window=40, clock=clock, faults=[lost_once]) as sandbox:
        client = open_client("key", sandbox.close_url)
        client.read_lead(first)
        assert client.read_lead(second)["name"] == "B"
        assert client.requests_made == 3


def test_nothing_is_sent_where_nobody_listens(open_client: OpenClient) -> None:
    naps: list[float] = []
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        client = open_client("key", f"http://127.0.0.1:{bound.getsockname()[1]}/api/v1", sleep=naps.append)
        with pytest.raises(CloseUnreachable):
            client.create_lead({"name": "Acme"})
    assert len(naps) >= 2
    assert sum(naps) <= 60


class Accepting:
    """A server, or a proxy, that takes each request whole, says what it was told to say or nothing, and hangs up."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.requests: list[bytes] = []
        self.answer = b""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                with connection, connection.makefile("rb") as reader:
                    head = b"".join(iter(reader.readline, b"\r\n"))
                    length = re.search(rb"(?i)content-length: (\d+)", head)
                    self.requests.append(head + reader.read(int(length[1]) if length else 0))
                    connection.sendall(self.answer)


@pytest.fixture
def accepting() -> Iterator[Accepting]:
    server = Accepting()
    yield server
    server.socket.close()


@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy"])
def test_a_write_through_a_proxy_that_drops_it_is_not_repeated(
    open_client: OpenClient, accepting: Accepting, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, accepting.url)
    client = open_client("key", f"{variable.removesuffix('_proxy')}://close.test/api/v1", sleep=lambda _: None)
    with pytest.raises(OutcomeUnknown):
        client.create_lead({"name": "Acme"})
    assert len(accepting.requests) == 1


def test_a_proxy_from_the_environment_never_sees_what_stays_on_this_machine(
    sandbox: Sandbox, open_client: OpenClient, accepting: Accepting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", accepting.url)
    assert open_client("key", sandbox.close_url).lead_fields() == []
    assert accepting.requests == []


def test_what_is_no_answer_of_close_is_said_to_be_none(open_client: OpenClient, accepting: Accepting) -> None:
    accepting.answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    client = open_client("key", accepting.url)
    with pytest.raises(CloseUnreachable, match="not Close: 'fields' is missing"):
        client.lead_fields()
    with pytest.raises(OutcomeUnknown, match="no id"):
        client.create_lead({"name": "Acme"})


def test_two_fields_of_one_name_are_ambiguous_and_spelling_decides() -> None:
    fields = [LeadField("Industry", "text", "custom.cf_1"), LeadField("industry", "text", "custom.cf_2")]
    assert find_field(fields, "industry") == fields[1]
    assert find_field(fields, "cf_1") == fields[0]
    assert find_field(fields, "other") is None
    with pytest.raises(AmbiguousName, match=r"2 lead custom fields .*'Industry' \(cf_1\) and 'industry' \(cf_2\)"):
        find_field(fields, "INDUSTRY")


def test_a_server_that_only_says_wait_is_given_up_in_the_end(open_client: OpenClient) -> None:
    naps: list[float] = []
    with Sandbox(faults=[Fault("429-bare")]) as sandbox, pytest.raises(CloseUnreachable, match="asking us to wait"):
        open_client("key", sandbox.close_url, sleep=naps.append).lead_fields()
    assert sum(naps) <= 300


@pytest.mark.parametrize(
    ("request_to", "kind"),
    [
        (lambda client: client.read_lead("lead_none"), NotFound),
        (lambda client: client.create_lead({"name": "A", "custom.cf_none": 1}), InvalidRequest),
        (lambda client: client.create_lead({"contacts": [{"emails": [{"email": "bad"}]}]}), InvalidRequest),
    ],
)
def test_a_refusal_has_a_type_and_the_words_of_close(
    close: CloseClient, request_to: Callable[[CloseClient], object], kind: type[CloseError]
) -> None:
    with pytest.raises(kind) as caught:
        request_to(close)
    assert type(caught.value) is kind
    assert str(caught.value)


def test_the_words_of_a_nested_refusal_name_the_place(close: CloseClient) -> None:
    with pytest.raises(InvalidRequest, match=r"^contacts\.0\.emails\.0\.email: "):
        close.create_lead({"contacts": [{"emails": [{"email": "bad"}]}]})


def test_a_wrong_key_and_a_full_plan_have_types_of_their_own(open_client: OpenClient) -> None:
    with Sandbox(accepted_keys={"right"}, lead_cap=0) as sandbox:
        with pytest.raises(AuthenticationFailed):
            open_client("wrong", sandbox.close_url).lead_fields()
        with pytest.raises(PlanLimitReached):
            open_client("right", sandbox.close_url).create_lead({"name": "A"})


def test_the_key_lives_in_the_session_alone(sandbox: Sandbox, open_client: OpenClient) -> None:
    client = open_client("very-secret", sandbox.close_url)
    kept = {name: value for name, value in vars(client).items() if name != "_session"}
    assert "very-secret" not in repr(kept)


def test_a_search_is_walked_to_its_end(close: CloseClient) -> None:
    field = close.create_lead_field("Day", "date").id
    for number in range(205):
        close.create_lead({"name": f"L{number}", f"custom.{field}": f"2020-01-{1 + number % 31:02d}"})
    found = list(close.first_leads(is_between_days(custom_field(field), "2020-01-01", "2020-01-31"), ["name"]))
    assert [lead["name"] for lead in found] == [f"L{number}" for number in range(205)]
    pages = list(close.search_pages(is_between_days(custom_field(field), "2020-01-31", "2020-01-31"), ["name"]))
    assert [(len(page.leads), page.total) for page in pages] == [(6, 6)]
    assert list(close.first_leads(has_value(regular_field("name"), "nobody"), ["name"])) == []
