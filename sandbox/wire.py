"""HTTP/1.1 over loopback sockets: requests in, replies out, connections kept open."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socket
import sys
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
PATIENCE = 2.0  # seconds to wait for requests under way when stopping
WORTH_PACKING = 1024  # bytes; a shorter answer is not compressed
LENGTH = re.compile(r"[0-9]{1,8}")  # of a body: below 100 MB, far more than any request needs
NO_WEIGHT = re.compile(r"q\s*=\s*0(\.0*)?")
BACKLOG = 128  # connections that may wait to be accepted


@dataclass(frozen=True)
class HttpRequest:
    """A request as it came over the wire. The body is None if it was sent in chunks."""

    method: str
    path: str
    query: str
    headers: Message | Mapping[str, str]
    body: bytes | None

    def header(self, name: str) -> str:
        return self.headers.get(name) or ""


@dataclass(frozen=True)
class Reply:
    """An answer before it is written to the socket."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    cut: bool = False

    @classmethod
    def of(cls, status: int, document: Any, headers: dict[str, str] | None = None) -> Reply:
        return cls(status, json.dumps(document).encode(), headers or {})


def phrase(status: int) -> str:
    """The words that belong to a status, also to the one that many proxies use without a standard."""
    return "Client Closed Request" if status == 499 else HTTPStatus(status).phrase


class LoopbackServer(ThreadingHTTPServer):
    """Accepts connections, and can close connections that clients keep open."""

    daemon_threads = True
    request_queue_size = BACKLOG

    def __init__(self, port: int, reply: Callable[[HttpRequest], Reply | None]) -> None:
        self.reply = reply
        self.open_connections: set[socket.socket] = set()
        self.changed = threading.Condition()
        super().__init__((HOST, port), _Connection)

    def server_bind(self) -> None:
        """Bind without asking for the name of this host, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Ignore clients that went away; anything else is a bug."""
        if not isinstance(sys.exception(), OSError):
            log.exception("The sandbox failed on a connection from %s", client_address)

    def hang_up(self) -> None:
        """Close every connection and wait until none is in use any more."""
        with self.changed:
            for connection in self.open_connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self.changed.wait_for(lambda: not self.open_connections, timeout=PATIENCE)


class _Connection(BaseHTTPRequestHandler):
    """One connection of a client, kept open between requests."""

    server: LoopbackServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        with self.server.changed:
            self.server.open_connections.add(self.connection)

    def finish(self) -> None:
        with self.server.changed:
            self.server.open_connections.discard(self.connection)
            self.server.changed.notify_all()
        super().finish()

    def __getattr__(self, name: str) -> Callable[[], None]:
        """The answer to any HTTP verb: http.server looks for a method named after the verb."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        problem = self._problem()
        if problem:
            self.close_connection = True
            self._write(Reply.of(400, {"error": problem}))
            return
        try:
            reply = self.server.reply(self._request())
        except EOFError:
            reply = None
        if reply is None:
            self.close_connection = True
        else:
            self._write(reply)

    def _problem(self) -> str:
        """Why the request can't be read at all; "" if it can."""
        if not self.path.startswith("/"):
            return "The path must start with a slash."
        if not LENGTH.fullmatch(self.headers.get("Content-Length") or "0"):
            return "The Content-Length makes no sense."
        return ""

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing; the report has the figures."""

    def _request(self) -> HttpRequest:
        path, _, query = self.path.partition("?")
        return HttpRequest(self.command, path, query, self.headers, self._body())

    def _body(self) -> bytes | None:
        """The whole body, or None if it came in chunks. Raises EOFError if the client went away before the end."""
        if self.headers.get("Transfer-Encoding"):
            self._skip_chunks()
            self.close_connection = True
            return None
        length = int(self.headers.get("Content-Length") or "0")
        body = self.rfile.read(length)
        if len(body) < length:
            raise EOFError("The client went away before it had sent the whole body.")
        return body

    def _skip_chunks(self) -> None:
        """Read the body to its end: closing with unread bytes would discard the answer."""
        with contextlib.suppress(ValueError):
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                self.rfile.read(size + len("\r\n"))
            self.rfile.readline()

    def _write(self, reply: Reply) -> None:
        """Send the answer in one piece; two would wait for each other (Nagle and delayed acknowledgements)."""
        body, headers = reply.body, reply.headers
        if len(body) > WORTH_PACKING and _takes_gzip(self.headers.get("Accept-Encoding") or ""):
            body, headers = _packed(body), {**headers, "Content-Encoding": "gzip"}
        if reply.cut:
            self.close_connection = True
        lines = [
            f"HTTP/1.1 {reply.status} {phrase(reply.status)}",
            *([] if "Date" in headers else [f"Date: {self.date_time_string()}"]),
            f"Content-Type: {reply.content_type}",
            f"Content-Length: {len(body)}",
            "Vary: Accept, Accept-Encoding",
            *(f"{name}: {value}" for name, value in headers.items()),
            *(["Connection: close"] if self.close_connection and not reply.cut else []),
        ]
        sent = b"" if self.command == "HEAD" else body[: len(body) // 2] if reply.cut else body
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + sent)


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding names gzip without excluding it by a weight of 0."""
    codings = (coding.partition(";") for coding in accepted.lower().split(","))
    return any(name.strip() == "gzip" and not NO_WEIGHT.fullmatch(weight.strip()) for name, _, weight in codings)


def _packed(body: bytes) -> bytes:
    packer = zlib.compressobj(level=1, wbits=zlib.MAX_WBITS | 16)  # 16 asks for the gzip format
    return packer.compress(body) + packer.flush()
