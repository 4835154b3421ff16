"""Advanced Filtering: POST /data/search/ from body to page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from sandbox.account import Account, Call
from sandbox.answers import Document, invalid
from sandbox.listing import DEFAULT_LIMIT, chosen
from sandbox.moments import Here
from sandbox.query import SEARCHABLE, Field, Scope, compiled, field, normalized, searched_kinds
from sandbox.walks import Found, Walk

Match = tuple[str, Document]  # kind and object
MOST_RESULTS = 200  # on one page
KEYS = {"query", "_fields", "_limit", "cursor", "results_limit", "include_counts", "sort", "limit"}


def search(account: Account, call: Call) -> Document:
    """One page of what the query finds, and the cursor to the next."""
    body = {key: value for key, value in call.body.items() if key != "cursor"}
    limit = _checked_options(body)
    cursor = call.body.get("cursor")
    walk = _new_walk(account, call, body) if cursor is None else account.walks.resumed(cursor, body)
    end = walk.position + limit
    answer = {
        "data": _shown(account, walk.found[walk.position : end], body.get("_fields") or {}),
        "cursor": account.walks.cursor(walk.moved_to(end)),
    }
    return {**answer, "count": {"total": walk.total}} if body.get("include_counts") else answer


def _checked_options(body: Document) -> int:
    """The page size, after checking that everything except the query is well-formed."""
    unknown = body.keys() - KEYS
    if unknown:
        raise invalid(min(unknown), "Extra inputs are not permitted")
    if not isinstance(body.get("include_counts", False), bool | None):
        raise invalid("include_counts", "Input should be a valid boolean")
    fields = body.get("_fields") or {}
    if not isinstance(fields, dict) or not fields.keys() <= {*SEARCHABLE} or not all(map(_is_names, fields.values())):
        raise invalid("_fields", "Input should name lists of fields by object type")
    results_limit = body.get("results_limit")
    if results_limit is not None:
        _whole_number("results_limit", results_limit, 0, None)
    limit = body.get("_limit")
    return DEFAULT_LIMIT if limit is None else _whole_number("_limit", limit, 1, MOST_RESULTS)


def _whole_number(name: str, value: Any, least: int, most: int | None) -> int:
    if type(value) is not int:
        raise invalid(name, "Input should be a valid integer")
    if value < least:
        raise invalid(name, f"Input should be greater than or equal to {least}")
    if most is not None and value > most:
        raise invalid(name, f"Input should be less than or equal to {most}")
    return value


def _is_names(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _new_walk(account: Account, call: Call, body: Document) -> Walk:
    """Everything the query finds now, in order. Later pages show these objects, whatever was written since."""
    asked = scopes(account, call.tz_offset, body.get("query"))
    matches: list[Match] = []
    for kind, scope in asked.items():
        predicate = compiled(body["query"], scope)
        matches += [(kind, document) for document in account.store.index.documents(kind) if predicate(document)]
    found = [(kind, document["id"]) for kind, document in _sorted(matches, body.get("sort"), asked)]
    results_limit = body.get("results_limit")
    most = account.walks.most_walked
    reachable = most if results_limit is None else min(most, results_limit)
    return Walk(body, found[:reachable], len(found))


def scopes(account: Account, tz_offset: timedelta, query: Any) -> dict[str, Scope]:
    """The scope of the query for each kind of object it searches."""
    kinds = searched_kinds(query)
    if not kinds:
        raise invalid("query", "The query must say which object_type to search.")
    here = Here(account.store.instant(), tz_offset)
    custom_fields = {custom["id"]: custom for custom in account.store.all("custom_field")}
    view = partial(account.store.find, "saved_search")
    return {kind: Scope(kind, kinds, custom_fields, partial(_notes, account), here, view) for kind in kinds}


def _notes(account: Account, lead_id: str) -> list[Document]:
    return [activity for activity in account.store.of_lead("activity", lead_id) if activity["_type"] == "Note"]


def _sorted(matches: list[Match], sort: Any, asked: Mapping[str, Scope]) -> list[Match]:
    """The matches in the requested order, else in order of creation."""
    if not isinstance(sort, list | None):
        raise invalid("sort", "Input should be a valid list")
    for order in reversed(sort or []):
        if not isinstance(order, dict) or order.keys() != {"direction", "field"}:
            raise invalid("sort", "An item has a direction and a field")
        if order["direction"] not in ("asc", "desc"):
            raise invalid("sort", "A direction is asc or desc")
        by = {kind: field(order["field"], scope) for kind, scope in asked.items()}
        matches = _sorted_by(by, matches, descending=order["direction"] == "desc")
    return matches


def _sorted_by(by: Mapping[str, Field], matches: Sequence[Match], *, descending: bool) -> list[Match]:
    """The matches by the first value of a field; those without a value come last in both directions."""

    def key(match: Match) -> Any:
        first = by[match[0]].values(match[1])[0]
        return normalized(first) if isinstance(first, str) else first

    valued = [match for match in matches if by[match[0]].values(match[1])]
    blank = [match for match in matches if not by[match[0]].values(match[1])]
    return sorted(valued, key=key, reverse=descending) + blank


def _shown(account: Account, found: Sequence[Found], fields: Mapping[str, Sequence[str]]) -> list[Document]:
    """The objects as the index has them now, with the requested fields; deleted ones are left out."""
    documents = ((kind, account.store.index.find(kind, object_id)) for kind, object_id in found)
    return [
        {"__object_type": kind, "id": document["id"], **chosen(document, fields.get(kind, ()))}
        for kind, document in documents
        if document is not None
    ]
