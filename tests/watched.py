"""A sandbox whose requests a test can meddle with, and whose faults begin when the test says so."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sandbox import Fault, Sandbox
from sandbox.faults import FaultDraw
from sandbox.wire import HttpRequest, Reply

Answer = Callable[[HttpRequest], Reply | None]


class Watched(Sandbox):
    """A sandbox that gives each request to `watch`, with the function that would answer it."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.watch: Callable[[HttpRequest, Answer], Reply | None] = lambda request, answer: answer(request)

    @contextmanager
    def troubled(self, faults: Sequence[Fault], seed: int = 0) -> Iterator[None]:
        """Let these faults strike in the block, and none after it."""
        calm, self._faults = self._faults, FaultDraw(faults, seed)
        try:
            yield
        finally:
            self._faults = calm

    def _reply(self, request: HttpRequest) -> Reply | None:
        return self.watch(request, super()._reply)


def is_write(request: HttpRequest) -> bool:
    """Whether a request changes anything."""
    return request.method in ("POST", "PUT", "DELETE") and not request.path.endswith("/data/search/")
