"""A registry, a judicial service and a score that answer over real sockets: properly, or as badly as they are told to.

A way to misbehave is a function from what is asked to the bytes that are said, piece by piece, before the connection
is closed. What nobody reads any more is not said to its end.
"""

import gzip
import json
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

HUGE = 100_000_000  # bytes
PIECE = 65536
SERVICES = ("registry", "judicial", "score")
DECISIVE = {"registry": "exists", "judicial": "records", "score": "score"}  # the field that decides
ELSEWHERE = "/elsewhere/"  # where redirects lead, and all answers are good
PATHS = {
    "registry": re.compile(r"(?:GET|POST) /(?:elsewhere/)?people/([^/ ]+) "),
    "judicial": re.compile(r"(?:GET|POST) /(?:elsewhere/)?people/([^/ ]+)/records "),
    "score": re.compile(r"(?:GET|POST) /(?:elsewhere/)?scores "),
}


@dataclass
class Asked:
    """One request to a service, and the connection that it came on. `number` counts the requests to this service."""

    service: str
    person_id: str
    number: int
    connection: socket.socket
    is_stopped: threading.Event

    @property
    def proper(self) -> dict[str, Any]:
        """What a service says of a person with whom all is well."""
        told: dict[str, dict[str, Any]] = {
            "registry": {"exists": True},
            "judicial": {"records": []},
            "score": {"score": 73},
        }
        return {"id": self.person_id, **told[self.service]}

    @property
    def other_place(self) -> bytes:
        """A URL of the same server that would answer this very request well."""
        host, port = self.connection.getsockname()[:2]
        paths = {"registry": f"people/{self.person_id}", "judicial": f"people/{self.person_id}/records"}
        return f"http://{host}:{port}{ELSEWHERE}{paths.get(self.service, 'scores')}".encode()

    def reset(self) -> None:
        """Let the connection end with a reset instead of a farewell."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def silence(self) -> None:
        """Say nothing until the client is gone."""
        with suppress(OSError):
            self.connection.recv(1)


Way = Callable[[Asked], Iterable[bytes]]


@dataclass
class Heard:
    """What came to a server: how often each service was asked, about whom, in which attempts, and how much was sent."""

    requests: Counter[str] = field(default_factory=Counter)
    people: Counter[tuple[str, str]] = field(default_factory=Counter)
    elsewhere: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    attempts: list[str] = field(default_factory=list)


class Misbehaving:
    """The three services on a free port, some of which misbehave, in a way by name of the service. Use it with `with`.

    The ways may be changed while it runs.
    """

    def __init__(self, ways: Mapping[str, Way] | None = None) -> None:
        self.ways = dict(ways or {})
        self.heard = Heard()
        self._guard = threading.Lock()
        self._stopped = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._deaf = socket.socket()
        self._deaf.bind(("127.0.0.1", 0))  # and never listens, so whoever connects is refused
        self._connections: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._deaf.close()
        with self._guard:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def url(self, service: str) -> str:
        """The base URL of a service; where it refuses connections, one that does."""
        listening = self._deaf if self.ways.get(service) is refused else self._listening
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with self._guard:
                    self._connections.add(connection)
                    self._threads.append(threading.Thread(target=self._serve, args=(connection,)))
                    self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, closing(connection.makefile("rb")) as reading:
            while not self._stopped.is_set() and self._reply(connection, reading):
                pass
        with self._guard:
            self._connections.discard(connection)

    def _reply(self, connection: socket.socket, reading: Any) -> bool:
        """Whether the next request was answered properly, so that another may follow."""
        line, headers, body = _read_request(reading)
        if not line:
            return False
        asked = self._note(line, body, connection)
        self.heard.tokens[asked.service] = headers.get("authorization", "")
        self.heard.attempts += [headers.get("idempotency-key", "")] if asked.service == "score" else []
        way = self.ways.get(asked.service)
        if way is None or ELSEWHERE in line:
            connection.sendall(said(asked.proper, is_last=False))
            return True
        self._misbehave(way, asked)
        return False

    def _note(self, line: str, body: Any, connection: socket.socket) -> Asked:
        (service, match), *_ = [(name, match) for name, path in PATHS.items() if (match := path.match(line))]
        person_id = unquote(match[1]) if match.groups() else (body or {}).get("id", "")
        with self._guard:
            self.heard.elsewhere += [line] if ELSEWHERE in line else []
            self.heard.requests[service] += 1
            self.heard.people[service, person_id] += 1
            self.heard.bodies += [body] if service == "score" else []
            return Asked(service, person_id, self.heard.requests[service], connection, self._stopped)

    def _misbehave(self, way: Way, asked: Asked) -> None:
        sent = 0
        try:
            for piece in way(asked):
                asked.connection.sendall(piece)
                sent += len(piece)
        finally:
            self.heard.sent.append(sent)


def _read_request(reading: Any) -> tuple[str, dict[str, str], Any]:
    line = reading.readline().decode("latin-1")
    headers = {}
    while header := reading.readline().decode("latin-1").strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", 0))
    return line, headers, json.loads(reading.read(length)) if length else None


def message(
    body: bytes, *headers: bytes, status: bytes = b"200 OK", length: int | None = None, is_last: bool = True
) -> bytes:
    """An answer with its head; `length` is what the head says of the body, the truth if left out."""
    told = [b"Content-Length: %d" % (len(body) if length is None else length)]
    told += [b"Connection: close"] if is_last else []
    return b"\r\n".join([b"HTTP/1.1 " + status, *told, *headers, b"", body])


def said(answer: Any, *headers: bytes, status: bytes = b"200 OK", is_last: bool = True) -> bytes:
    """An answer of JSON."""
    told = json.dumps(answer).encode()
    return message(told, b"Content-Type: application/json", *headers, status=status, is_last=is_last)


# Ways to misbehave ----------------------------------------------------------------------------------------------------


def refused(asked: Asked) -> Iterator[bytes]:
    """Never asked: connections to a service of this way are refused."""
    raise AssertionError("nobody can connect")


def reset(asked: Asked) -> Iterator[bytes]:
    asked.reset()
    yield b""


def reset_in_body(asked: Asked) -> Iterator[bytes]:
    yield said(asked.proper)[:-3]
    asked.reset()


def hung_up(asked: Asked) -> Iterator[bytes]:
    yield b""


def silent(asked: Asked) -> Iterator[bytes]:
    asked.silence()
    yield b""


def stalled_in_body(asked: Asked) -> Iterator[bytes]:
    yield said(asked.proper)[:-3]
    asked.silence()


def trickling(begin: bytes, drop: bytes) -> Way:
    """Begin an answer and then let fall a drop again and again, so that something always comes and nothing ends."""

    def way(asked: Asked) -> Iterator[bytes]:
        yield begin
        while not asked.is_stopped.wait(0.05):
            yield drop

    return way


def with_status(status: bytes, *headers: bytes) -> Way:
    """A status over the proper answer."""
    return lambda asked: [said(asked.proper, *headers, status=status)]


def unknown(asked: Asked) -> Iterable[bytes]:
    """What a registry says of somebody whom it does not know."""
    return [said({"id": asked.person_id, "exists": False}, status=b"404 Not Found")]


def redirected(status: bytes) -> Way:
    """A redirect to a place that would answer well."""
    return lambda asked: [said(asked.proper, b"Location: " + asked.other_place, status=status)]


def body(content: bytes, *headers: bytes) -> Way:
    """These bytes, honestly announced."""
    return lambda asked: [message(content, *headers)]


def also(**fields: Any) -> Way:
    """The proper answer with more in it."""
    return lambda asked: [said({**asked.proper, **fields})]


def without(*names: str) -> Way:
    """The proper answer without some of its fields."""
    return lambda asked: [said({name: value for name, value in asked.proper.items() if name not in names})]


def literal(value: bytes) -> Way:
    """The proper answer, but with these bytes as the value that decides."""

    def way(asked: Asked) -> Iterator[bytes]:
        yield message(b'{"id": "%b", "%b": %b}' % (asked.person_id.encode(), DECISIVE[asked.service].encode(), value))

    return way


def cut_honestly(asked: Asked) -> Iterator[bytes]:
    yield message(json.dumps(asked.proper).encode()[:-1])


def cut_in_body(asked: Asked) -> Iterator[bytes]:
    content = json.dumps(asked.proper).encode()
    yield message(content[:-1], length=len(content))


def cut_after_whole_json(asked: Asked) -> Iterator[bytes]:
    content = json.dumps(asked.proper).encode()
    yield message(content, length=len(content) + 100)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def cut_in_chunk(asked: Asked) -> Iterator[bytes]:
    content = json.dumps(asked.proper).encode()
    yield CHUNKED + b"%x\r\n" % len(content) + content[:-1]


def cut_between_chunks(asked: Asked) -> Iterator[bytes]:
    content = json.dumps(asked.proper).encode()
    yield CHUNKED + b"%x\r\n" % len(content) + content + b"\r\n"


def garbled_chunk_size(asked: Asked) -> Iterator[bytes]:
    content = json.dumps(asked.proper).encode()
    yield CHUNKED + b"zz\r\n" + content + b"\r\n0\r\n\r\n"


def cut_in_head(asked: Asked) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Le"


def huge_honestly(asked: Asked) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % HUGE
    yield from [b" " * PIECE] * (HUGE // PIECE)


def huge_in_chunks(asked: Asked) -> Iterator[bytes]:
    yield CHUNKED
    yield from [b"%x\r\n" % PIECE + b" " * PIECE + b"\r\n"] * (HUGE // PIECE)


def huge_until_hung_up(asked: Asked) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    yield from [b" " * PIECE] * (HUGE // PIECE)


def huge_redirect(asked: Asked) -> Iterator[bytes]:
    yield b"HTTP/1.1 302 Found\r\nLocation: %b\r\nContent-Length: %d\r\n\r\n" % (asked.other_place, HUGE)
    yield from [b" " * PIECE] * (HUGE // PIECE)


def huge_error(asked: Asked) -> Iterator[bytes]:
    yield b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: %d\r\n\r\n" % HUGE
    yield from [b" " * PIECE] * (HUGE // PIECE)


@cache
def bomb() -> bytes:
    """A hundred megabytes of blanks in a hundred kilobytes."""
    return gzip.compress(b" " * HUGE, compresslevel=1)


def gzip_bomb(asked: Asked) -> Iterator[bytes]:
    yield message(bomb() + gzip.compress(json.dumps(asked.proper).encode()), b"Content-Encoding: gzip")


def no_gzip(asked: Asked) -> Iterator[bytes]:
    yield said(asked.proper, b"Content-Encoding: gzip")


def cut_gzip(asked: Asked) -> Iterator[bytes]:
    yield message(gzip.compress(json.dumps(asked.proper).encode())[:-12], b"Content-Encoding: gzip")


def told_twice(asked: Asked) -> Iterator[bytes]:
    against = {"registry": b"false", "judicial": b"[{}]", "score": b"12"}[asked.service]
    name = DECISIVE[asked.service]
    proper = json.dumps(asked.proper[name]).encode()
    told = b'{"id": "%b", "%b": %b, ' % (asked.person_id.encode(), name.encode(), against)
    yield message(told + b'"%b": %b}' % (name.encode(), proper))


def wrapped(asked: Asked) -> Iterator[bytes]:
    yield said([asked.proper])


def about_another(asked: Asked) -> Iterator[bytes]:
    yield said({**asked.proper, "id": f"{asked.person_id}4"})


def about_a_number(asked: Asked) -> Iterator[bytes]:
    yield said({**asked.proper, "id": int(asked.person_id)})


def with_error(asked: Asked) -> Iterator[bytes]:
    yield said({**asked.proper, "error": "database down"})


def broken_utf_8(asked: Asked) -> Iterator[bytes]:
    yield message(json.dumps(asked.proper).encode().replace(b'"id"', b'"\xff\xfe": 1, "id"'))


def first(times: int, way: Way) -> Way:
    """A way for the first requests to a service; it answers the others properly."""
    return lambda asked: way(asked) if asked.number <= times else [said(asked.proper)]


def after(times: int, way: Way) -> Way:
    """A way for all but the first requests to a service, which it answers properly."""
    return lambda asked: way(asked) if asked.number > times else [said(asked.proper)]


def of_people(**ways: Way) -> Way:
    """Ways for some people, by their ids after an underscore; all others are answered properly."""
    return lambda asked: ways.get(f"_{asked.person_id}", lambda asked: [said(asked.proper)])(asked)


def followed_by_more(asked: Asked) -> Iterator[bytes]:
    yield message(json.dumps(asked.proper).encode() * 2)


def continuing_for_ever(asked: Asked) -> Iterator[bytes]:
    while not asked.is_stopped.wait(0.02):
        yield b"HTTP/1.1 100 Continue\r\n\r\n"


def continuing_then_hung_up(asked: Asked) -> Iterator[bytes]:
    yield b"HTTP/1.1 100 Continue\r\n\r\n"


def only_the_body(asked: Asked) -> Iterator[bytes]:
    yield json.dumps(asked.proper).encode()


def raw(content: bytes) -> Way:
    """These bytes and no more."""
    return lambda asked: [content]


def with_headers(*headers: bytes) -> Way:
    """The proper answer under headers that it should not have."""
    return lambda asked: [said(asked.proper, *headers)]


def contradicting_lengths(asked: Asked) -> Iterator[bytes]:
    yield said(asked.proper, b"Content-Length: 5", is_last=False)  # or else urllib3 leaves the socket to the collector


MANY_HEADERS = tuple(b"X-Header-%d: x" % number for number in range(5000))

# What a service may do and be asked again, within the deadline.
PASSING: dict[str, Way] = {
    "refused": refused,
    "reset": reset,
    "reset in body": reset_in_body,
    "hung up": hung_up,
    "429": with_status(b"429 Too Many Requests"),
    "429 retry-after": with_status(b"429 Too Many Requests", b"Retry-After: 1"),
    "429 retry-after a day gone by": with_status(
        b"429 Too Many Requests", b"Retry-After: Wed, 21 Oct 2015 07:28:00 GMT"
    ),
    "429 retry-after nonsense": with_status(b"429 Too Many Requests", b"Retry-After: -1e999"),
    "500": with_status(b"500 Internal Server Error"),
    "502": with_status(b"502 Bad Gateway"),
    "503": with_status(b"503 Service Unavailable"),
    "504": with_status(b"504 Gateway Timeout"),
    "999": with_status(b"999 Whatever"),
    "cut in body": cut_in_body,
    "cut after whole JSON": cut_after_whole_json,
    "cut in chunk": cut_in_chunk,
    "cut between chunks": cut_between_chunks,
    "garbled chunk size": garbled_chunk_size,
    "huge error": huge_error,
    "no gzip": no_gzip,
    "continuing, then hung up": continuing_then_hung_up,
    "only the body": only_the_body,
    "status of four digits": raw(b"HTTP/1.1 2000 OK\r\n\r\n{}"),
    "garbage": raw(b"\x00\xff\x16\x03\x01" * 40 + b"\r\n\r\n"),
    "another protocol": raw(b"220 mail.example.com ESMTP\r\n"),
    "contradicting lengths": contradicting_lengths,
    "thousands of headers": with_headers(*MANY_HEADERS),
    "header line of 100 KB": with_headers(b"X-Long: " + b"x" * 100_000),
}

# The same, but not within the deadline.
PUTTING_OFF: dict[str, Way] = {
    "429 retry-after a date": with_status(b"429 Too Many Requests", b"Retry-After: Wed, 21 Oct 2099 07:28:00 GMT"),
    "503 retry-after a date": with_status(
        b"503 Service Unavailable", b"Retry-After: Wednesday, 21-Oct-65 07:28:00 GMT"
    ),
    "429 retry-after an hour": with_status(b"429 Too Many Requests", b"Retry-After: 3600"),
    "503 retry-after an hour": with_status(b"503 Service Unavailable", b"Retry-After: 3600"),
}

# What no deadline but its own ends.
SLOW: dict[str, Way] = {
    "silent": silent,
    "stalled in body": stalled_in_body,
    "trickle of status": trickling(b"HTTP/1.1 200 ", b"O"),
    "trickle of headers": trickling(b"HTTP/1.1 200 OK\r\n", b"X-Drop: 1\r\n"),
    "trickle of body": trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b" "),
    "continuing for ever": continuing_for_ever,
}

# What is an answer, so that nobody asks again, but decides nothing.
DEFINITE: dict[str, Way] = {
    "HTML": body(b"<!doctype html><title>Welcome</title>"),
    "nothing": body(b""),
    "huge, honestly": huge_honestly,
    "huge, in chunks": huge_in_chunks,
    "huge, until hung up": huge_until_hung_up,
    "huge redirect": huge_redirect,
    "gzip bomb": gzip_bomb,
    "cut in head": cut_in_head,  # which reads as an empty body
    "cut honestly": cut_honestly,
    "cut gzip": cut_gzip,
    "null": body(b"null"),
    "list": wrapped,
    "text": body(b'"in the registry"'),
    "followed by more": followed_by_more,
    "told twice": told_twice,
    "nested deep": body(b'{"id": ' + b"[" * 200_000),
    "field nested deep": literal(b"[" * 200_000 + b"]" * 200_000),
    "broken UTF-8": broken_utf_8,
    "missing field": without(*DECISIVE.values()),
    "null field": literal(b"null"),
    "object for a field": literal(b"{}"),
    "text for a field": literal(b'"true"'),
    "NaN": literal(b"NaN"),
    "infinity": literal(b"-Infinity"),
    "number of 5000 digits": literal(b"9" * 5000),
    "another person": about_another,
    "id is a number": about_a_number,
    "no id": without("id"),
    "an error told": with_error,
    **{
        status.decode(): with_status(status)
        for status in (
            *(b"201 Created", b"202 Accepted", b"203 Non-Authoritative Information", b"206 Partial Content"),
            *(b"407 Proxy Authentication Required", b"409 Conflict", b"410 Gone"),
            *(b"418 I'm a teapot", b"451 Unavailable For Legal Reasons"),
        )
    },
    "204": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "304": raw(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "101": raw(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
    **{
        status.decode(): redirected(status)
        for status in (
            *(b"301 Moved Permanently", b"302 Found", b"303 See Other"),
            *(b"307 Temporary Redirect", b"308 Permanent Redirect"),
        )
    },
    "redirect to garbage": with_status(b"302 Found", b"Location: ht!tp://[::\xff/%zz"),
    "redirect to nowhere": with_status(b"302 Found"),
}

# What may be the fault of the id, and what is the fault of the token.
REFUSING_ID = {status.decode(): with_status(status) for status in (b"400 Bad Request", b"422 Unprocessable Content")}
REFUSING_TOKEN = {status.decode(): with_status(status) for status in (b"401 Unauthorized", b"403 Forbidden")}

# The same of one service alone.
DEFINITE_OF: dict[str, dict[str, Way]] = {
    "registry": {
        "exists: 1": literal(b"1"),
        "exists: a list": literal(b"[true]"),
        "birth date is a number": also(birth_date=19900101),
        "birth date is no day": also(birth_date="1990-02-30"),
        "birth date in another order": also(birth_date="01.02.1990"),
        "name is a list": also(name=["Ann", "Example"]),
        "name is false": also(name=False),
    },
    "judicial": {
        "404": with_status(b"404 Not Found"),
        "records: 0": literal(b"0"),
        "records: false": literal(b"false"),
    },
    "score": {
        "404": with_status(b"404 Not Found"),
        "101 of 100": literal(b"101"),
        "below nothing": literal(b"-1"),
        "a half": literal(b"60.5"),
        "a float": literal(b"73.0"),
        "an exponent": literal(b"7.3e1"),
        "a text": literal(b'"73"'),
        "true": literal(b"true"),
        "a list": literal(b"[73]"),
    },
}
