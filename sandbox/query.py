"""A search query turned into a predicate: whether an indexed object matches.

Anything outside Close's documented grammar is refused, so that an invented filter fails here as it would there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from sandbox.answers import Document, Refused, invalid
from sandbox.moments import Here

Predicate = Callable[[Document], bool]
Test = Callable[[Any], bool]

SEARCHABLE = ("lead", "contact")
MOST_VIEWS = 3  # levels of Smart Views within each other; Close's own limit is not known
TEXTS_KEPT = 100_000  # texts whose words are cached, so that later searches need not split them again
WORDS = re.compile(r"\w+")
TEXT_MODES = ("full_words", "beginning_of_words", "phrase", "exact_value")
REFERENCE_TYPES = ("user_or_group", "user", "contact", "lead", "status.lead")

COMMON_FIELDS = {"date_created": "moment", "date_updated": "moment", "created_by": "id", "updated_by": "id"}
REGULAR_FIELDS: Mapping[str, Mapping[str, str]] = {
    "lead": {
        **COMMON_FIELDS,
        "name": "text",
        "description": "text",
        "url": "text",
        "status_id": "id",
        "num_contacts": "number",
        "num_addresses": "number",
        "num_emails": "number",
    },
    "contact": {**COMMON_FIELDS, "name": "text", "title": "text"},
    "contact_email": {"email": "text", "type": "text", "is_unsubscribed": "boolean"},
    "contact_phone": {"phone": "text", "type": "text"},
    "contact_url": {"url": "text", "type": "text"},
    "address": {},
    "opportunity": COMMON_FIELDS,
    "activity.note": {**COMMON_FIELDS, "note": "text"},
    "activity.email": COMMON_FIELDS,
    "activity.call": COMMON_FIELDS,
    "activity.sms": COMMON_FIELDS,
    "activity.custom_activity": COMMON_FIELDS,
}
COUNTED: Mapping[str, Callable[[Document], int]] = {
    "num_contacts": lambda lead: len(lead["contacts"]),
    "num_addresses": lambda lead: len(lead["addresses"]),
    "num_emails": lambda _lead: 0,  # emails sent to the lead: the sandbox sends none
}
KIND_OF_TYPE = {
    "text": "text",
    "textarea": "text",
    "hidden": "text",
    "number": "number",
    "date": "day",
    "datetime": "moment",
    "choices": "text",
    "user": "id",
    "contact": "id",
    "custom_object": "id",
}
CONDITIONS_FOR: Mapping[str, Collection[str]] = {
    "text": ("text", "term", "exists"),
    "number": ("number_range", "exists"),
    "day": ("moment_range", "exists"),
    "moment": ("moment_range", "exists"),
    "id": ("term", "reference", "exists"),
    "boolean": ("boolean", "exists"),
}


@dataclass(frozen=True)
class Scope:
    """The context of a part of a query: the kind of object it is about, the custom fields, the time.

    `view` finds a Smart View by its id; `views` are the ids of the Smart Views that this part lies within.
    """

    kind: str
    searched: Collection[str]
    custom_fields: Mapping[str, Document]
    notes_of: Callable[[str], Sequence[Document]]
    here: Here
    view: Callable[[object], Document | None]
    views: tuple[str, ...] = ()

    def within(self, kind: str) -> Scope:
        return replace(self, kind=kind, searched=())


@dataclass(frozen=True)
class Field:
    """Where a condition finds its values, and which kind they have."""

    key: str
    kind: str
    value: Callable[[Document], Any]

    def values(self, document: Document) -> Sequence[Any]:
        value = self.value(document)
        if value is None or value == "":
            return ()
        return value if isinstance(value, list) else (value,)


@dataclass(frozen=True)
class ExactText:
    """Whether a text field holds one of several values. This is a class so that an `or` of many becomes one look-up."""

    field: Field
    wanted: frozenset[str]

    def __call__(self, document: Document) -> bool:
        return any(normalized(value) in self.wanted for value in self.field.values(document))


@dataclass(frozen=True)
class WordsText:
    """Whether a text field has all the words of one of several values. This is a class for the same reason.

    `wanted` has the values by their longest words.
    """

    field: Field
    wanted: Mapping[str, Sequence[frozenset[str]]]

    def __call__(self, document: Document) -> bool:
        return any(self._fits(words(value)) for value in self.field.values(document))

    def _fits(self, present: Sequence[str]) -> bool:
        return any(all_of.issubset(present) for word in present for all_of in self.wanted.get(word, ()))

    @classmethod
    def of(cls, found: Field, values: Iterable[frozenset[str]]) -> WordsText:
        wanted: dict[str, list[frozenset[str]]] = {}
        for value in values:
            if value:
                wanted.setdefault(max(value, key=len), []).append(value)
        return cls(found, wanted)


@dataclass(frozen=True)
class HasRelated:
    """Whether any related object meets a condition. This is a class for the same reason."""

    relation: tuple[str, str]
    related: Callable[[Document], Iterable[Document]]
    predicate: Predicate

    def __call__(self, document: Document) -> bool:
        return any(map(self.predicate, self.related(document)))


def normalized(text: str) -> str:
    """The text as it is compared: letter case and surrounding white space do not matter."""
    return text.strip().casefold()


def has_phrase(text: str, phrase: str) -> bool:
    """Whether the text has the words of the phrase in a row. A phrase without words matches nothing."""
    return bool(words(phrase)) and f" {' '.join(words(phrase))} " in f" {' '.join(words(text))} "


@lru_cache(maxsize=TEXTS_KEPT)
def words(text: str) -> tuple[str, ...]:
    """The words of a text as they are compared."""
    return tuple(WORDS.findall(text.casefold()))


def searched_kinds(node: Any) -> list[str]:
    """The kinds of object that a query names, apart from related objects."""
    if not isinstance(node, dict):
        return []
    if node.get("type") == "object_type":
        return [node["object_type"]] if node.get("object_type") in SEARCHABLE else []
    queries = node.get("queries")
    found = (
        [kind for query in queries if isinstance(queries, list) for kind in searched_kinds(query)] if queries else []
    )
    return sorted(set(found), key=SEARCHABLE.index)


def compiled(node: Any, scope: Scope) -> Predicate:
    """The node as a predicate on documents of the scope's kind."""
    if not isinstance(node, dict) or not _is_one_of(node.get("type"), NODES):
        raise _wrong(f"Unknown query node: {_shortened(node)}.")
    required, compile_node = NODES[node["type"]]
    _check_keys(node, required, {"negate"})
    negate = node.get("negate", False)
    if not isinstance(negate, bool):
        raise _wrong("`negate` is true or false.")
    predicate = compile_node(node, scope)
    return _negated(predicate) if negate else predicate


def field(spec: Any, scope: Scope) -> Field:
    """The field that a condition or a sort order names."""
    if not isinstance(spec, dict) or spec.get("type") not in ("regular_field", "custom_field"):
        raise _wrong(f"Unknown field: {_shortened(spec)}.")
    if spec["type"] == "custom_field":
        _check_keys(spec, {"custom_field_id"})
        return _custom_field(spec["custom_field_id"], scope)
    _check_keys(spec, {"object_type", "field_name"})
    return _regular_field(spec["object_type"], spec["field_name"], scope)


def any_of(predicates: Sequence[Predicate]) -> Predicate:
    """One predicate that holds if any of several does; similar ones are tested together."""
    groups: dict[Any, list[Predicate]] = {}
    for predicate in predicates:
        groups.setdefault(_group(predicate), []).append(predicate)
    merged = [_merged(group) for group in groups.values()]
    return merged[0] if len(merged) == 1 else lambda document: any(p(document) for p in merged)


def _group(predicate: Predicate) -> Any:
    if isinstance(predicate, ExactText | WordsText):
        return type(predicate), predicate.field.key
    return predicate.relation if isinstance(predicate, HasRelated) else id(predicate)


def _merged(group: Sequence[Predicate]) -> Predicate:
    first = group[0]
    if isinstance(first, ExactText):
        return ExactText(first.field, frozenset().union(*(p.wanted for p in group if isinstance(p, ExactText))))
    if isinstance(first, WordsText):
        every = (p.wanted.values() for p in group if isinstance(p, WordsText))
        return WordsText.of(first.field, {each for several in every for listed in several for each in listed})
    if isinstance(first, HasRelated):
        inner = any_of([p.predicate for p in group if isinstance(p, HasRelated)])
        return HasRelated(first.relation, first.related, inner)
    return first


def _and(node: Document, scope: Scope) -> Predicate:
    predicates = _branches(node, scope)
    return lambda document: all(predicate(document) for predicate in predicates)


def _or(node: Document, scope: Scope) -> Predicate:
    predicates = _branches(node, scope)
    return any_of(predicates) if predicates else lambda _document: False


def _branches(node: Document, scope: Scope) -> list[Predicate]:
    if not isinstance(node["queries"], list):
        raise _wrong("`queries` is a list.")
    return [compiled(query, scope) for query in node["queries"]]


def _object_type(node: Document, scope: Scope) -> Predicate:
    if node["object_type"] not in SEARCHABLE:
        raise _wrong(f"Unknown object type: {node['object_type']!r}.")
    is_it = node["object_type"] == scope.kind
    return lambda _document: is_it


def _saved_search(node: Document, scope: Scope) -> Predicate:
    """What the Smart View finds among objects of this kind; nothing if it is about another kind."""
    view = scope.view(node["saved_search_id"])
    if view is None:
        raise _wrong(f"The saved search {_shortened(node['saved_search_id'])} does not exist.")
    if view["id"] in scope.views:
        raise _wrong(f"The saved search {view['id']!r} refers to itself.")
    if len(scope.views) == MOST_VIEWS:
        raise _wrong("Saved searches are nested too deeply.")
    query = view["s_query"]["query"]
    kinds = searched_kinds(query)
    if scope.kind not in kinds:
        return lambda _document: False
    return compiled(query, replace(scope, searched=kinds, views=(*scope.views, view["id"])))


def _match_all(_node: Document, _scope: Scope) -> Predicate:
    return lambda _document: True


def _text(node: Document, _scope: Scope) -> Predicate:
    test = _text_test(node)
    return lambda document: any(test(text) for text in _texts(document))


def _texts(value: Any) -> Iterable[str]:
    """All texts in a document, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def _has_related(node: Document, scope: Scope) -> Predicate:
    relation = node["this_object_type"], node["related_object_type"]
    if relation[0] != scope.kind:
        if relation[0] in scope.searched:
            return lambda _document: False
        raise _wrong(f"has_related about {relation[0]!r} where the query is about {scope.kind!r}.")
    related = _related(relation, scope)
    return HasRelated(relation, related, compiled(node["related_query"], scope.within(relation[1])))


def _related(relation: tuple[Any, Any], scope: Scope) -> Callable[[Document], Iterable[Document]]:
    if relation == ("lead", "activity.note"):
        return lambda lead: scope.notes_of(lead["id"])
    try:
        part = RELATED_PARTS[relation]
    except (KeyError, TypeError):
        raise _wrong(f"Unknown relation from {relation[0]!r} to {relation[1]!r}.") from None
    return lambda document: document.get(part, ()) if part else ()


RELATED_PARTS: Mapping[tuple[str, str], str] = {
    ("lead", "contact"): "contacts",
    ("lead", "address"): "addresses",
    ("lead", "opportunity"): "opportunities",
    ("lead", "activity.email"): "",
    ("lead", "activity.call"): "",
    ("lead", "activity.sms"): "",
    ("lead", "activity.custom_activity"): "",
    ("contact", "contact_email"): "emails",
    ("contact", "contact_phone"): "phones",
    ("contact", "contact_url"): "urls",
}


def _field_condition(node: Document, scope: Scope) -> Predicate:
    condition = node["condition"]
    if not isinstance(condition, dict) or not _is_one_of(condition.get("type"), CONDITIONS):
        raise _wrong(f"Unknown condition: {_shortened(condition)}.")
    required, optional, compile_condition = CONDITIONS[condition["type"]]
    _check_keys(condition, required, optional)
    found = field(node["field"], scope)
    if condition["type"] not in CONDITIONS_FOR[found.kind]:
        raise _wrong(f"A condition of type {condition['type']} does not apply to {found.key}.")
    return compile_condition(condition, found, scope)


def _custom_field(field_id: Any, scope: Scope) -> Field:
    definition = scope.custom_fields.get(field_id) if isinstance(field_id, str) else None
    if definition is None:
        raise _wrong(f"The Custom Field {field_id!r} does not exist.")
    if scope.kind != "lead" and "lead" not in scope.searched:
        raise _wrong(f"The Custom Field {field_id!r} does not belong to {scope.kind!r}.")
    key = f"custom.{field_id}"
    return Field(key, KIND_OF_TYPE[definition["type"]], lambda document: document.get(key))


def _regular_field(kind: Any, name: Any, scope: Scope) -> Field:
    if kind != scope.kind and kind not in scope.searched:
        raise _wrong(f"A field of {kind!r} where the query is about {scope.kind!r}.")
    value_kind = REGULAR_FIELDS[kind].get(name) if isinstance(name, str) else None
    if value_kind is None:
        raise _wrong(f"Unknown field of {kind}: {name!r}.")
    if kind != scope.kind:
        return Field(f"{kind}.{name}", value_kind, lambda _document: None)
    return Field(f"{kind}.{name}", value_kind, COUNTED.get(name) or (lambda document: document.get(name)))


def _some(found: Field, test: Test) -> Predicate:
    """Whether any value of the field passes the test. A field without a value does not match."""
    return lambda document: any(test(value) for value in found.values(document))


def _text_condition(condition: Document, found: Field, _scope: Scope) -> Predicate:
    test = _text_test(condition)
    if condition["mode"] == "exact_value":
        return ExactText(found, frozenset({normalized(condition["value"])}))
    if condition["mode"] == "full_words":
        return WordsText.of(found, [frozenset(words(condition["value"]))])
    return _some(found, test)


def _text_test(condition: Document) -> Test:
    mode, value = condition["mode"], condition["value"]
    if mode not in TEXT_MODES:
        raise _wrong(f"Unknown mode: {mode!r}.")
    if not isinstance(value, str):
        raise _wrong("The value of a text condition is a string.")
    return partial(TEXT_TESTS[mode], _wanted=value)


def _is_exact(text: str, _wanted: str) -> bool:
    return normalized(text) == normalized(_wanted)


def _has_words(text: str, _wanted: str) -> bool:
    present, wanted = words(text), words(_wanted)
    return bool(wanted) and all(word in present for word in wanted)


def _has_beginnings(text: str, _wanted: str) -> bool:
    present, starts = words(text), words(_wanted)
    return bool(starts) and all(any(word.startswith(start) for word in present) for start in starts)


def _has_phrase(text: str, _wanted: str) -> bool:
    return has_phrase(text, _wanted)


TEXT_TESTS: Mapping[str, Callable[..., bool]] = {
    "exact_value": _is_exact,
    "full_words": _has_words,
    "beginning_of_words": _has_beginnings,
    "phrase": _has_phrase,
}


def _term(condition: Document, found: Field, _scope: Scope) -> Predicate:
    return _some(found, frozenset(_strings(condition["values"], "values")).__contains__)


def _reference(condition: Document, found: Field, _scope: Scope) -> Predicate:
    if condition["reference_type"] not in REFERENCE_TYPES:
        raise _wrong(f"Unknown reference type: {condition['reference_type']!r}.")
    return _some(found, frozenset(_strings(condition["object_ids"], "object_ids")).__contains__)


def _number_range(condition: Document, found: Field, _scope: Scope) -> Predicate:
    bounds = {name: bound for name, bound in condition.items() if name != "type" and bound is not None}
    if not bounds or not all(isinstance(b, int | float) and not isinstance(b, bool) for b in bounds.values()):
        raise _wrong("A number range has at least one bound, and its bounds are numbers.")
    return _some(found, lambda value: all(COMPARISONS[name](value, bound) for name, bound in bounds.items()))


COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "gte": lambda value, bound: value >= bound,
    "gt": lambda value, bound: value > bound,
    "lte": lambda value, bound: value <= bound,
    "lt": lambda value, bound: value < bound,
}


def _exists(_condition: Document, found: Field, _scope: Scope) -> Predicate:
    return lambda document: bool(found.values(document))


def _boolean(condition: Document, found: Field, _scope: Scope) -> Predicate:
    wanted = condition["value"]
    if not isinstance(wanted, bool):
        raise _wrong("The value of a boolean condition is true or false.")
    return _some(found, lambda value: value is wanted)


def _moment_range(condition: Document, found: Field, scope: Scope) -> Predicate:
    """From the first moment (included) to the second (excluded). Fields without a time are compared by local day."""
    text_of = scope.here.day if found.kind == "day" else scope.here.instant
    first, end = (None if m is None else text_of(m) for m in (condition.get("on_or_after"), condition.get("before")))
    if first is None and end is None:
        raise _wrong("A moment range has at least one bound.")
    return _some(found, lambda value: (first is None or value >= first) and (end is None or value < end))


CONDITIONS: Mapping[str, tuple[set[str], set[str], Callable[[Document, Field, Scope], Predicate]]] = {
    "text": ({"mode", "value"}, set(), _text_condition),
    "term": ({"values"}, set(), _term),
    "reference": ({"reference_type", "object_ids"}, set(), _reference),
    "number_range": (set(), set(COMPARISONS), _number_range),
    "exists": (set(), set(), _exists),
    "boolean": ({"value"}, set(), _boolean),
    "moment_range": (set(), {"on_or_after", "before"}, _moment_range),
}
NODES: Mapping[str, tuple[set[str], Callable[[Document, Scope], Predicate]]] = {
    "and": ({"queries"}, _and),
    "or": ({"queries"}, _or),
    "object_type": ({"object_type"}, _object_type),
    "field_condition": ({"field", "condition"}, _field_condition),
    "has_related": ({"this_object_type", "related_object_type", "related_query"}, _has_related),
    "text": ({"value", "mode"}, _text),
    "saved_search": ({"saved_search_id"}, _saved_search),
    "match_all": (set(), _match_all),
}


def _negated(predicate: Predicate) -> Predicate:
    return lambda document: not predicate(document)


def _strings(values: Any, name: str) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _wrong(f"`{name}` is a list of strings.")
    return values


def _is_one_of(name: Any, known: Collection[str]) -> bool:
    """Whether this is one of the known names; lists and objects never are."""
    return isinstance(name, str) and name in known


def _check_keys(spec: Document, required: Collection[str], optional: Collection[str] = ()) -> None:
    given = spec.keys() - {"type"}
    missing, unknown = set(required) - given, given - set(required) - set(optional)
    if missing or unknown:
        problem = f"lacks {sorted(missing)}" if missing else f"does not know {sorted(unknown)}"
        raise _wrong(f"{spec['type']} {problem}.")


def _shortened(value: Any) -> str:
    return repr(value.get("type") if isinstance(value, dict) else value)[:100]


def _wrong(reason: str) -> Refused:
    return invalid("query", reason)
