"""An answer over HTTP is had in the time that it is given, and no more of it than fits."""

import json
import socket
import time
from collections.abc import Callable, Iterator

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from close.transport import AnswerTooLarge, is_loopback, json_or_none, open_session, plain_json_or_none, read_content
from tests.patience import STUCK
from tests.speaking import Speak, Speaking

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.fixture
def serve() -> Iterator[Callable[[Speak], str]]:
    servers: list[Speaking] = []

    def start(speak: Speak) -> str:
        servers.append(Speaking(speak))
        return f"http://127.0.0.1:{servers[-1].port}/"

    yield start
    for server in servers:
        server.stop()


def had(url: str, seconds: float = STUCK, most_bytes: int = 1000) -> bytes:
    with open_session(url, 1) as session:
        response = session.get(url, stream=True, timeout=seconds, allow_redirects=False)
        return read_content(response, most_bytes)


def saying(*parts: bytes, pause: float = 0.0) -> Speak:
    def speak(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)

    return speak


def test_an_answer_that_fits_comes_whole(serve: Callable[[Speak], str]) -> None:
    body = b'{"id": "123"}'
    assert had(serve(saying(HEAD + b"Content-Length: %d\r\n\r\n" % len(body), body)), most_bytes=len(body)) == body
    with pytest.raises(AnswerTooLarge):
        had(serve(saying(HEAD + b"Content-Length: %d\r\n\r\n" % len(body), body)), most_bytes=len(body) - 1)


@pytest.mark.parametrize("kind", ["status", "head", "body"])
def test_a_trickle_is_given_up_although_something_comes_all_the_time(serve: Callable[[Speak], str], kind: str) -> None:
    drops = {"status": [b"HTTP/1.1 200 "], "head": [HEAD], "body": [HEAD + b"Content-Length: 100\r\n\r\n"]}[kind]
    drop = {"status": b"O", "head": b"X-Drop: 1\r\n", "body": b" "}[kind]
    with pytest.raises((requests.Timeout, requests.ConnectionError)) as given_up:
        had(serve(saying(*drops, *[drop] * 90, pause=0.1)), seconds=0.5)
    assert "timed out" in str(given_up.value).lower() or "too long" in str(given_up.value)


def test_of_an_endless_answer_no_more_is_read_than_fits(serve: Callable[[Speak], str]) -> None:
    sent = []

    def speak(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"\r\n")
        for _ in range(1000):
            connection.sendall(b" " * 100_000)
            sent.append(100_000)

    with pytest.raises(AnswerTooLarge, match="more than 1000000 bytes"):
        had(serve(speak), most_bytes=1_000_000)
    assert sum(sent) < 20_000_000  # what lies in the buffers between


def test_a_redirect_is_an_answer_and_its_body_is_read_for_no_other_reason(serve: Callable[[Speak], str]) -> None:
    def speak(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\xff\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b" " * 100_000)

    url = serve(speak)
    with open_session(url, 1) as session:
        response = session.get(url, stream=True, timeout=STUCK, allow_redirects=False)
        assert response.status_code == 302
        response.close()


def test_a_connection_serves_again_after_an_answer(serve: Callable[[Speak], str]) -> None:
    accepted = []

    def speak(connection: socket.socket) -> None:
        accepted.append(connection)
        for _ in range(4):
            connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")
            time.sleep(0.8)  # the last answer comes when the time of the first one would be over
            connection.recv(65536)

    url = serve(speak)
    with open_session(url, 1) as session:
        for _ in range(4):
            response = session.get(url, stream=True, timeout=2.0, allow_redirects=False)
            assert read_content(response, 10) == b"{}"
    assert len(accepted) == 1


def test_plain_json_says_one_thing() -> None:
    assert plain_json_or_none(b'{"id": "123", "records": []}') == {"id": "123", "records": []}
    for content in (
        b'{"score": NaN}',
        b"[-Infinity]",
        b'{"records": [1], "records": []}',
        b"[" * 100_000,
        b"\xff",
        b"",
    ):
        assert plain_json_or_none(content) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_what_is_plain_reads_the_same_either_way(thing: object) -> None:
    content = json.dumps(thing).encode()
    assert plain_json_or_none(content) == json_or_none(content) == thing


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("http://127.0.0.1:8000/api", True),
        ("http://localhost/api", True),
        ("http://[::1]:80", True),
        ("http://127.0.0.1.example.com/", False),
        ("https://api.close.com/api/v1", False),
        ("http://10.0.0.1/", False),
    ],
)
def test_only_this_machine_is_loopback(url: str, answer: bool) -> None:
    assert is_loopback(url) is answer
