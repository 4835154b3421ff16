"""The sandbox as a process of its own: prints its URL, tells what it saw, ends when its standard input closes.

    python -m benchmarks.server '{"rate": 40, "latency": 0.1}'

The argument holds what Sandbox takes. `seen` on standard input is answered with one line of JSON; `forget` makes what
was seen so far count no more, and is answered with an empty object.
"""

import json
import sys
import threading
import time
from collections import defaultdict
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sandbox import Sandbox, close
from sandbox.wire import HttpRequest, Reply

NEW_LEAD = ("POST", f"{close.PREFIX}/lead/")


class WatchedSandbox(Sandbox):
    """A sandbox that notes when which key made a lead, and how many requests came and were told to wait."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._noting = threading.Lock()
        self.forget()

    def forget(self) -> None:
        with self._noting:
            self._made: defaultdict[str, list[float]] = defaultdict(list)
            self._requests = self._told_to_wait = 0

    def seen(self) -> dict[str, Any]:
        with self._noting:
            return {"made": self._made, "requests": self._requests, "told_to_wait": self._told_to_wait}

    def _reply(self, request: HttpRequest) -> Reply | None:
        reply = super()._reply(request)
        status = reply.status if reply else 0
        with self._noting:
            self._requests += 1
            self._told_to_wait += status == HTTPStatus.TOO_MANY_REQUESTS
            if (request.method, request.path) == NEW_LEAD and status == HTTPStatus.OK:
                self._made[close.presented_key(request)].append(time.monotonic())
        return reply


def serve(settings: dict[str, Any]) -> None:
    """Serve until standard input closes, which it does when the process that started this ends."""
    if "state" in settings:
        settings["state"] = Path(settings["state"])
    with WatchedSandbox(**settings) as sandbox:
        print(sandbox.close_url, flush=True)
        for line in sys.stdin:
            if line.strip() == "forget":
                sandbox.forget()
                print("{}", flush=True)
            else:
                print(json.dumps(sandbox.seen()), flush=True)


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
