"""The event log: which filters can be combined, and its pages."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import Any

from sandbox.account import Account, Call
from sandbox.answers import Document, Refused, invalid, not_found
from sandbox.listing import whole_number
from sandbox.store import without_offset

MOST_EVENTS = 50
FILTERS = ("object_type", "object_id", "lead_id", "action", "user_id", "request_id")
COMBINATIONS = frozenset(
    frozenset(names.split())
    for names in (
        "",
        "object_type object_id",
        "object_type action",
        "object_id action",
        "lead_id",
        "lead_id object_type",
        "lead_id object_type action",
        "lead_id user_id",
        "lead_id user_id object_type",
        "lead_id user_id object_type action",
        "user_id object_id",
        "user_id object_id action",
        "user_id object_type",
        "user_id object_type action",
        "user_id",
        "request_id",
    )
)
BOUNDS: Mapping[str, Callable[[str, str], bool]] = {
    "date_updated__gt": lambda moment, bound: moment > bound,
    "date_updated__gte": lambda moment, bound: moment >= bound,
    "date_updated__lt": lambda moment, bound: moment < bound,
    "date_updated__lte": lambda moment, bound: moment <= bound,
}
LOWER_BOUNDS = ("date_updated__gt", "date_updated__gte")
Numbered = tuple[int, Document]


def read_event(account: Account, _call: Call, event_id: str) -> Document:
    event = account.store.events.find(event_id)
    if event is None:
        raise not_found("Event")
    return _as_shown(event, account)


def list_events(account: Account, call: Call) -> Document:
    """At most 50 events, newest first, with cursors to older and newer ones."""
    wanted = {name: call.params[name] for name in FILTERS if name in call.params}
    if frozenset(wanted) not in COMBINATIONS:
        raise Refused(
            400, {"errors": [f"Events can't be filtered by {', '.join(wanted)} together."], "field-errors": {}}
        )
    limit = min(whole_number(call.params, "_limit", MOST_EVENTS, None), MOST_EVENTS)
    cursor = _read_cursor(call.params["_cursor"]) if call.params.get("_cursor") else {}
    bounds = cursor.get("bounds") or _bounds(call.params)
    if "after" in cursor:
        newer = account.store.events.oldest_first(cursor["after"], about=[*wanted.values()])
        shown = list(islice(_matching(newer, wanted, bounds), limit))[::-1]
        page = _page(shown, bounds, account, has_older=True)
        return page if shown else {**page, "cursor_previous": call.params["_cursor"]}
    events = account.store.events.newest_first(cursor.get("before"), about=[*wanted.values()])
    older = takewhile(_not_before(bounds), events)
    shown = list(islice(_matching(older, wanted, bounds), limit + 1))
    return _page(shown[:limit], bounds, account, has_older=len(shown) > limit)


def _matching(events: Iterable[Numbered], wanted: Mapping[str, str], bounds: Mapping[str, str]) -> Iterable[Numbered]:
    for position, event in events:
        has_values = all(event[name] == value for name, value in wanted.items())
        if has_values and all(BOUNDS[name](event["date_updated"], bound) for name, bound in bounds.items()):
            yield position, event


def _not_before(bounds: Mapping[str, str]) -> Callable[[Numbered], bool]:
    """Whether an event can still be within the bounds; events come ordered by date."""
    lowest = max((bounds[name] for name in LOWER_BOUNDS if name in bounds), default="")
    return lambda numbered: numbered[1]["date_updated"] >= lowest


def _as_shown(event: Document, account: Account) -> Document:
    """The event, without what it holds if it is older than this user may see."""
    if account.event_data_seconds is None:
        return event
    age = account.store.instant() - datetime.fromisoformat(event["date_created"]).replace(tzinfo=UTC)
    is_hidden = age.total_seconds() >= account.event_data_seconds
    return {**event, "data": None, "previous_data": None} if is_hidden else event


def _page(shown: list[Numbered], bounds: Mapping[str, str], account: Account, *, has_older: bool) -> Document:
    older = _cursor({"before": shown[-1][0], "bounds": bounds}) if shown and has_older else None
    newer = _cursor({"after": shown[0][0], "bounds": bounds}) if shown else None
    data = [_as_shown(event, account) for _, event in shown]
    return {"data": data, "cursor_next": older, "cursor_previous": newer}


def _bounds(params: Mapping[str, str]) -> Document:
    return {name: _moment(name, params[name]) for name in BOUNDS if name in params}


def _moment(name: str, value: str) -> str:
    """The moment in the format of events. A plus sign that was not escaped in the URL arrives as a space."""
    try:
        moment = datetime.fromisoformat(value.replace(" ", "+") if "T" in value else value)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return without_offset(aware.astimezone(UTC).isoformat(timespec="microseconds"))
    except (ValueError, OverflowError):
        raise invalid(name, "Invalid ISO 8601 datetime.") from None


def _cursor(content: Document) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def _read_cursor(cursor: str) -> Document:
    try:
        content = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, RecursionError):
        content = None
    if not _is_position(content):
        raise invalid("_cursor", "Invalid cursor")
    return dict(content)


def _is_position(content: Any) -> bool:
    """Whether a cursor has the content of one of ours: where to go on, and within which bounds."""
    if not isinstance(content, dict) or not isinstance(content.get("bounds"), dict):
        return False
    position, bounds = content.get("before", content.get("after")), content["bounds"]
    known = bounds.keys() <= BOUNDS.keys() and all(isinstance(bound, str) for bound in bounds.values())
    return known and type(position) is int and position >= 0
