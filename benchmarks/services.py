"""The three services that `qualify` asks, as a process of its own: prints their URLs, ends when standard input closes.

    python -m benchmarks.services '{"delays": {"registry": 0.4, "judicial": 0.3, "score": 0.2}}'

Each answers as the sandbox does, but on a port of its own and after a delay of its own. With `"dies": "silent"` the
registry takes requests and never answers, with `"dies": "refuses"` it takes no more connections, both after so many
answers as `after` says.
"""

import json
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from sandbox import checks
from sandbox.answers import Refused
from sandbox.wire import HOST, HttpRequest, LoopbackServer, Reply

POLL_INTERVAL = 0.02  # seconds until a server that refuses has let go of its port


class Service:
    """One service, which may die."""

    def __init__(self, name: str, delay: float, dies: str = "", after: int = 0) -> None:
        self._delay, self._dies = delay, dies
        self._left = after
        self._guard = threading.Lock()
        self._is_dead = False
        self._server = LoopbackServer(0, self._reply)
        self.url = f"http://{HOST}:{self._server.server_port}/{name}"
        threading.Thread(target=self._server.serve_forever, args=(POLL_INTERVAL,), daemon=True).start()

    def _reply(self, request: HttpRequest) -> Reply | None:
        if self._dies and not self._is_alive():
            if self._dies == "silent":
                threading.Event().wait()
            return None
        time.sleep(self._delay)
        try:
            return Reply.of(200, checks.answer(request.method, request.path, json.loads(request.body or b"null")))
        except Refused as refusal:
            return Reply.of(refusal.status, refusal.body)

    def _is_alive(self) -> bool:
        """Whether one more request is answered; the first that is not is the end of a server that refuses."""
        with self._guard:
            self._left -= 1
            if self._left < 0 and self._dies == "refuses" and not self._is_dead:
                self._is_dead = True
                threading.Thread(target=self._let_go, daemon=True).start()
            return self._left >= 0

    def _let_go(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()


def serve(delays: Mapping[str, float], dies: str = "", after: int = 0) -> None:
    """Serve until standard input closes, as it does when whoever started this has gone."""
    dying: dict[str, Any] = {"registry": {"dies": dies, "after": after}}
    services = {name: Service(name, delay, **dying.get(name, {})) for name, delay in delays.items()}
    print(json.dumps({name: service.url for name, service in services.items()}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    serve(**json.loads(sys.argv[1]))
