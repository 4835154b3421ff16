"""Smart Views: saved searches, listed and used in other searches. Close documents no way to create one by HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from sandbox.account import Account, Call
from sandbox.answers import Document
from sandbox.listing import page
from sandbox.query import compiled
from sandbox.search import scopes
from sandbox.store import Origin, new_id

NOBODY = Origin("", "")  # no request creates a view
LEADS: Document = {"type": "object_type", "object_type": "lead"}
THIRTY_DAYS_AGO: Document = {
    "type": "offset",
    "direction": "past",
    "moment": {"type": "now"},
    "offset": {"days": 30},
}


def _leads_whose(field_name: str, condition: Document) -> Document:
    field = {"type": "regular_field", "object_type": "lead", "field_name": field_name}
    return {"type": "and", "queries": [LEADS, {"type": "field_condition", "field": field, "condition": condition}]}


STOCK_VIEWS: Mapping[str, Document] = {
    "Leads without contacts": _leads_whose("num_contacts", {"type": "number_range", "gte": 0, "lte": 0}),
    "Leads of the last 30 days": _leads_whose(
        "date_created", {"type": "moment_range", "on_or_after": THIRTY_DAYS_AGO, "before": None}
    ),
}


def list_views(account: Account, call: Call) -> Document:
    return page(call.params, account.store.all("saved_search"))


def add_view(account: Account, name: str, query: Document) -> Document:
    """A new Smart View. Its query is refused if a search with it would be."""
    view = _view(account, name, query)
    for scope in scopes(account, timedelta(), query).values():
        compiled(query, replace(scope, views=(view["id"],)))
    with account.store.change(NOBODY) as change:
        change.put("saved_search", view)
    return view


def add_stock_views(account: Account) -> None:
    """Give an organization without Smart Views those that a new one comes with."""
    if not account.store.count("saved_search"):
        with account.store.change(NOBODY) as change:
            for name, query in STOCK_VIEWS.items():
                change.put("saved_search", _view(account, name, query))


def _view(account: Account, name: str, query: Document) -> Document:
    return {"id": new_id("save_"), "name": name, "s_query": {"query": query}, **account.store.stamps()}
