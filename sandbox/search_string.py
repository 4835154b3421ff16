"""The simple forms of the older search language: name:"x", email_address:"x", custom.cf_x:"v", sort:created, words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from sandbox.answers import Document, invalid
from sandbox.query import has_phrase, normalized

WORD = re.compile(r'(?:(?P<key>[\w.]+):)?(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s":()*]+))(?:\s+|$)')
SORTABLE = {"created": "date_created", "updated": "date_updated", "name": "name"}
Test = Callable[[Document], bool]


def found_by_words(leads: Sequence[Document], query: str) -> list[Document]:
    """The leads that the search string finds. Forms it does not understand are refused."""
    tests: list[Test] = []
    sort = ""
    query, position = query.strip(), 0
    while position < len(query):
        word = WORD.match(query, position)
        if word is None:
            raise invalid("query", f"The sandbox does not understand {query[position:]!r}.")
        position = word.end()
        value = word["quoted"] if word["quoted"] is not None else word["bare"]
        if word["key"] == "sort":
            sort = value
        else:
            tests.append(_word_test(word["key"], value))
    found = [lead for lead in leads if all(test(lead) for test in tests)]
    return _sorted_by_word(found, sort) if sort else found


def _word_test(key: str | None, value: str) -> Test:
    wanted = normalized(value)
    if key is None:
        return lambda lead: wanted in normalized(lead["name"] or "")
    if key == "name":
        return lambda lead: has_phrase(lead["name"] or "", value)
    if key == "email_address":
        return lambda lead: any(normalized(e["email"]) == wanted for c in lead["contacts"] for e in c["emails"])
    if key.startswith("custom.cf_"):
        return lambda lead: wanted in [normalized(str(v)) for v in _as_list(lead.get(key))]
    raise invalid("query", f"The sandbox does not understand {key}: in a query.")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _sorted_by_word(leads: Sequence[Document], sort: str) -> list[Document]:
    key = SORTABLE.get(sort.removeprefix("-"))
    if key is None:
        raise invalid("query", f"The sandbox does not sort by {sort!r}.")
    return sorted(leads, key=lambda lead: lead[key] or "", reverse=sort.startswith("-"))
