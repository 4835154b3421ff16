"""A session that speaks to a sandbox as any client would, with nothing of ours between; a clock that stands still."""

from typing import Any

import requests

from sandbox import Sandbox
from tests.patience import STUCK


class RawClose(requests.Session):
    """A session for paths below the base URL of Close."""

    def __init__(self, sandbox: Sandbox, key: str = "key") -> None:
        super().__init__()
        self.auth = (key, "")
        self.base = sandbox.close_url

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        return super().request(method, self.base + url, *args, **{"timeout": STUCK, **kwargs})

    def made(self, path: str, **body: Any) -> Any:
        """What a POST answers; it must not be refused."""
        answer = self.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()


class Clock:
    """A clock that stands still until told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
