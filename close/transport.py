"""HTTP answers that arrive in limited time, have limited size, and come from nowhere else.

The timeouts of `requests` start again with every byte that arrives, so a slow server could hold a thread forever. Here,
a read timeout counts for the whole answer, including its head. Redirects are not followed, nor are their targets read.
Connections to this machine do not use a proxy from the environment.
"""

import http.client
import io
import ipaddress
import json
import socket
import ssl
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any, NoReturn

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError, ReadTimeoutError
from urllib3.util import parse_url

CHUNK = 65536  # bytes to read at a time


class AnswerTooLarge(requests.ConnectionError):
    """An answer has more bytes than allowed; the rest of it was not read."""


def open_session(base_url: str, connections: int) -> requests.Session:
    """A session for one service, safe to share between threads, that keeps this many connections open."""
    session = _Session()
    session.trust_env = not is_loopback(base_url)
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(pool_maxsize=connections))
    return session


def is_loopback(url: str) -> bool:
    """Whether requests to a URL go to this machine."""
    try:
        host = host_of(url)
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_of(url: str) -> str:
    """The host that requests to a URL go to, as `requests` understands it. Raises ValueError if there is none."""
    prepared = requests.Request("GET", url).prepare().url
    return (parse_url(prepared or "").host or "").strip("[]")


def read_content(response: requests.Response, most_bytes: int) -> bytes:
    """The body of a streamed response. Raises AnswerTooLarge, and requests.ConnectionError if it breaks off."""
    parts: list[bytes] = []
    room = most_bytes
    with response:
        try:
            while part := response.raw.read1(min(CHUNK, room + 1), decode_content=True):
                parts.append(part)
                room -= len(part)
                if room < 0:
                    raise AnswerTooLarge(f"the answer has more than {most_bytes} bytes")
        except HTTPError as error:
            raise requests.ConnectionError(error) from None
    return b"".join(parts)


def is_before_sending(error: requests.RequestException) -> bool:
    """Whether a request certainly failed before anything was sent; TLS and proxy errors can occur later than that."""
    return any(isinstance(cause, _BEFORE_SENDING) for cause in _causes(error))


def is_out_of_time(error: requests.RequestException) -> bool:
    """Whether a request was sent, but not answered in time."""
    return any(isinstance(cause, (TimeoutError, ReadTimeoutError)) for cause in _causes(error))


_BEFORE_SENDING = (ConnectTimeoutError, NewConnectionError, NameResolutionError, ssl.SSLCertVerificationError)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those that it wraps, as requests and urllib3 wrap them."""
    yield error
    wrapped = [*error.args, getattr(error, "reason", None), getattr(error, "original_error", None)]
    for inner in wrapped:
        if isinstance(inner, BaseException) and inner is not error:
            yield from _causes(inner)


def json_or_none(content: bytes) -> Any:
    """The content of a JSON body; None if it is not JSON, or nested too deep to be an answer."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def plain_json_or_none(content: bytes) -> Any:
    """The same, but also None for values outside of JSON (NaN) and for an object with the same name twice."""
    try:
        return json.loads(content, parse_constant=_refuse, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name appears twice")
    return made


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - told so by requests
        """None, because `requests` would otherwise read the whole body of a redirect, however large, to follow it."""
        return


class _AnswerInTime(io.RawIOBase):
    """The bytes of an answer, until its time is up."""

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._socket = sock
        self._bytes = sock.makefile("rb", buffering=0)
        self._deadline = monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._socket.settimeout(left)
        return self._bytes.readinto(buffer)

    def close(self) -> None:
        self._bytes.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **settings: Any) -> None:
        super().__init__(sock, *args, **settings)
        seconds = sock.gettimeout()
        if seconds is not None:
            self.fp.close()
            self.fp = io.BufferedReader(_AnswerInTime(sock, seconds))


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer


class _Connections(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecureConnections(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **settings: Any) -> None:
        super().init_poolmanager(*args, **settings)
        self.poolmanager.pool_classes_by_scheme = {"http": _Connections, "https": _SecureConnections}

    def proxy_manager_for(self, proxy: str, **settings: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **settings)
        manager.pool_classes_by_scheme = {"http": _Connections, "https": _SecureConnections}
        return manager
