"""HTTP answers that arrive in limited time, have limited size, and come from nowhere else.

The timeouts of `requests` start again with every byte that arrives, so a slow server could hold a thread forever. Here,
a read timeout counts for the whole answer, including its head. Redirects are not followed, nor are their targets read.
Connections to this machine do not use a proxy from the environment. Certificates are those that REQUESTS_CA_BUNDLE
names, if it names any.
"""

import http.client
import io
import ipaddress
import json
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, NoReturn

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError, ReadTimeoutError
from urllib3.util import parse_url

CHUNK = 65536  # bytes to read at a time


class AnswerTooLarge(requests.ConnectionError):
    """An answer has more bytes than allowed; the rest of it was not read."""


def open_session(base_url: str, connections: int) -> requests.Session:
    """A session for one service, safe to share between threads, that keeps this many connections open."""
    session = _Session(uses_proxies=not is_loopback(base_url))
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


@dataclass(frozen=True, slots=True)
class Blocked:
    """What keeps requests from arriving, in words that say what to do; `is_lasting` if trying again is of no use."""

    words: str
    is_lasting: bool = True


def what_blocks(error: requests.RequestException, url: str) -> Blocked | None:
    """The certificate or the proxy that keeps requests to a URL from arriving; None if it is something else."""
    causes = list(_causes(error))
    is_of_proxy = isinstance(error, requests.exceptions.ProxyError)
    untrusted = next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)
    if untrusted:
        whose = _proxy_named(url) if is_of_proxy else host_of(url)
        reason = untrusted.verify_message or "no reason given"
        return Blocked(
            f"the certificate of {whose} is not trusted ({reason}); if your company inspects traffic, name its "
            "certificate in REQUESTS_CA_BUNDLE"
        )
    tunnel = next((found for cause in causes if (found := _TUNNEL.search(str(cause)))), None)
    if is_of_proxy and (tunnel or is_before_sending(error)):
        return _blocked_by_proxy(url, int(tunnel[1]) if tunnel else 0)
    return None


def _blocked_by_proxy(url: str, status: int) -> Blocked:
    named, host = _proxy_named(url), host_of(url)
    if not status:
        return Blocked(f"{named}, which HTTPS_PROXY names, can't be reached", is_lasting=False)
    if status == 407:
        if parse_url(_proxy_of(url)).auth:
            return Blocked(f"{named} does not accept the user name and the password in HTTPS_PROXY; correct them there")
        form = "http://NAME:PASSWORD@HOST:PORT"
        return Blocked(f"{named} wants a user name and a password; write them in HTTPS_PROXY, like {form}")
    if status >= 500:
        return Blocked(f"{named} can't reach {host} (status {status})", is_lasting=False)
    return Blocked(f"{named} refuses connections to {host} (status {status}); ask whoever runs it to allow them")


def _proxy_of(url: str) -> str:
    return select_proxy(url, get_environ_proxies(url)) or ""


def _proxy_named(url: str) -> str:
    """The proxy for a URL with its host, without a password."""
    try:
        return f"the proxy {host_of(_proxy_of(url))}".strip()
    except ValueError:
        return "the proxy"


_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")
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
    def __init__(self, *, uses_proxies: bool) -> None:
        super().__init__()
        self._uses_proxies = uses_proxies

    def merge_environment_settings(self, *args: Any, **settings: Any) -> Any:
        """The settings of a request with those of the environment, which may name proxies and certificates."""
        merged = super().merge_environment_settings(*args, **settings)
        return merged if self._uses_proxies else {**merged, "proxies": {}}

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
