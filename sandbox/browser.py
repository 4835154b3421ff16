"""What a browser gets at the root of the sandbox: the page of leads, and nothing that another site could use."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from sandbox.overview import overview
from sandbox.page import SECURITY_POLICY, page
from sandbox.store import Store
from sandbox.wire import HttpRequest, Reply

PATH = "/"
OURSELVES = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?", re.IGNORECASE)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def reply(request: HttpRequest, store: Store, lag: float) -> Reply:
    """The page with the leads as they are now; `lag` is how many seconds search is behind it."""
    if request.method not in ("GET", "HEAD"):
        return _refusal(405, "This page can only be read.", {"Allow": "GET, HEAD"})
    if not OURSELVES.fullmatch(request.header("Host")):
        # Any site may give its name this machine's address, and then read from here as if it were its own page.
        return _refusal(403, "Open this page by the address that the sandbox printed: http://127.0.0.1 and its port.")
    asked = dict(parse_qsl(request.query, keep_blank_values=True))
    shown = overview(store, asked.get("q", "").strip(), asked.get("page", ""))
    body = page(shown, lag).encode()
    return Reply(200, body, HEADERS, content_type="text/html; charset=utf-8")


def _refusal(status: int, words: str, headers: dict[str, str] | None = None) -> Reply:
    return Reply(
        status, f"{words}\n".encode(), {**HEADERS, **(headers or {})}, content_type="text/plain; charset=utf-8"
    )
