"""A server that says what it is told to, byte by byte, whether or not that is HTTP."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

Speak = Callable[[socket.socket], None]


class Speaking:
    """A server that says to each connection what it is told to, over TLS if it has a certificate; `heard` is what came.

    Call `stop` at the end.
    """

    def __init__(self, speak: Speak, certificate: Path | None = None) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.heard: list[bytes] = []
        self._speak = speak
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with suppress(OSError), connection:
                    connection.settimeout(10)
                    spoken = self._context.wrap_socket(connection, server_side=True) if self._context else connection
                    with spoken:
                        self.heard.append(spoken.recv(65536))
                        spoken.settimeout(None)
                        self._speak(spoken)

    def stop(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
