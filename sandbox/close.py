"""Close's API: from a request to the endpoint that answers it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Container, Mapping
from datetime import timedelta
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote

from sandbox import account as accounts
from sandbox import event_log, fields, leads, search, smart_views
from sandbox.account import Account, Call
from sandbox.activities import NOTES, OPPORTUNITIES, TASKS, list_activities
from sandbox.answers import Document, refused
from sandbox.store import Origin
from sandbox.wire import HttpRequest

PREFIX = "/api/v1"
MOST_LEVELS = 100  # of lists and objects in a body; each node of a query takes two
Endpoint = Callable[..., Document]

ROUTES: Mapping[str, Mapping[str, Endpoint]] = {
    "/me/": {"GET": accounts.me},
    "/user/": {"GET": accounts.list_users},
    "/organization/{id}/": {"GET": accounts.read_organization},
    "/lead/": {"GET": leads.list_leads, "POST": leads.create_lead},
    "/lead/merge/": {"POST": leads.merge_leads},
    "/lead/{id}/": {"GET": leads.read_lead, "PUT": leads.update_lead, "DELETE": leads.delete_lead},
    "/contact/": {"GET": leads.list_contacts, "POST": leads.create_contact},
    "/contact/{id}/": {"GET": leads.read_contact, "PUT": leads.update_contact, "DELETE": leads.delete_contact},
    "/custom_field/lead/": {"GET": fields.list_fields, "POST": fields.create_field},
    "/custom_field/lead/{id}/": {"GET": fields.read_field, "PUT": fields.update_field, "DELETE": fields.delete_field},
    "/custom_field_schema/lead/": {"GET": fields.field_schema},
    "/status/lead/": {"GET": fields.list_statuses, "POST": fields.create_status},
    "/status/lead/{id}/": {"PUT": fields.update_status, "DELETE": fields.delete_status},
    "/data/search/": {"POST": search.search},
    "/saved_search/": {"GET": smart_views.list_views},
    "/event/": {"GET": event_log.list_events},
    "/event/{id}/": {"GET": event_log.read_event},
    "/activity/": {"GET": list_activities},
    "/activity/note/": {"GET": NOTES.list, "POST": NOTES.create},
    "/activity/note/{id}/": {"GET": NOTES.read, "PUT": NOTES.update, "DELETE": NOTES.delete},
    "/task/": {"GET": TASKS.list, "POST": TASKS.create},
    "/task/{id}/": {"GET": TASKS.read, "PUT": TASKS.update, "DELETE": TASKS.delete},
    "/opportunity/": {"GET": OPPORTUNITIES.list, "POST": OPPORTUNITIES.create},
    "/opportunity/{id}/": {"GET": OPPORTUNITIES.read, "PUT": OPPORTUNITIES.update, "DELETE": OPPORTUNITIES.delete},
}


def presented_key(request: HttpRequest) -> str:
    """The key or token of a request; "" if it has none, or if a password came with it."""
    scheme, _, credentials = request.header("Authorization").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        key, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:
        return ""
    return key if colon and not password else ""


def is_accepted(key: str, accepted: Container[str] | None) -> bool:
    """Whether a key opens the organization; without a list of keys, any key but the empty one does."""
    return bool(key) and (accepted is None or key in accepted)


def template(path: str) -> str | None:
    """The route that a path belongs to, such as "/lead/{id}/"; None if Close has no such URL."""
    path = path.removeprefix(PREFIX)
    if path in ROUTES:
        return path
    parent, _, last = path.removesuffix("/").rpartition("/")
    generic = f"{parent}/{{id}}/"
    return generic if path.endswith("/") and last and generic in ROUTES else None


def group(request: HttpRequest) -> tuple[str, str]:
    """The endpoint group whose rate limit a request counts towards."""
    return request.method, request.path.removeprefix(PREFIX).split("/")[1]


def answer(account: Account, request: HttpRequest, key: str) -> Document:
    """What Close answers to an authenticated request."""
    if request.body is None:
        raise refused(400, "Chunked Transfer-Encoding is not supported.")
    route = template(request.path)
    if route is None:
        raise refused(404, "The requested URL was not found on the server.")
    endpoints, method = ROUTES[route], request.method
    params = dict(parse_qsl(request.query, keep_blank_values=True))
    body: Document = {}
    if method in ("POST", "PUT"):
        body = _parsed(request.body, request.header("Content-Type"))
    if method == "POST" and request.header("X-HTTP-Method-Override").upper() == "GET":
        method, params, body = "GET", _overriding_params(body), {}
    if method not in endpoints:
        raise refused(405, "The method is not allowed for the requested URL.")
    origin = Origin(method, request.path, f"api_{hashlib.sha256(key.encode()).hexdigest()[:22]}")
    call = Call(origin, params, body, _tz_offset(request.header("X-TZ-Offset")))
    ids = [unquote(request.path.rstrip("/").rpartition("/")[2])] if route.endswith("{id}/") else []
    return endpoints[method](account, call, *ids)


def _parsed(sent: bytes, content_type: str) -> Document:
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise refused(400, "Please send valid JSON with a 'Content-Type: application/json' header.")
    try:
        body = json.loads(sent, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise refused(400, "The request contains invalid JSON.") from None
    if not isinstance(body, dict):
        raise refused(400, "JSON data must be a dict.")
    if _is_deeper(body, MOST_LEVELS):
        raise refused(400, "The request is nested too deeply.")
    return body


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects are nested deeper than this many levels."""
    level = [value]
    while level and levels >= 0:
        parts = (part for part in level if isinstance(part, dict | list))
        level = [child for part in parts for child in (part.values() if isinstance(part, dict) else part)]
        levels -= 1
    return bool(level)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _overriding_params(body: Document) -> dict[str, str]:
    """The query parameters of a GET that was sent as a POST because the URL would be too long."""
    params: Any = body.get("_params", {})
    return {name: _spelled(value) for name, value in params.items()} if isinstance(params, dict) else {}


def _spelled(value: Any) -> str:
    """The value as the query of a URL would have it."""
    if isinstance(value, list):
        return ",".join(map(_spelled, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tz_offset(header: str) -> timedelta:
    """How far local time is ahead of UTC, in hours; UTC if the header is missing or makes no sense."""
    try:
        return timedelta(hours=float(header))
    except (ValueError, OverflowError):
        return timedelta()
