"""Building blocks of Close's Advanced Filtering, which describe what a search looks for."""

from collections.abc import Sequence

from close.contents import Json


def leads_that(condition: Json) -> Json:
    """The query for the leads for which a condition holds."""
    return {"type": "and", "queries": [{"type": "object_type", "object_type": "lead"}, condition]}


def regular_field(name: str) -> Json:
    """A field that every lead has, as Advanced Filtering names it."""
    return {"type": "regular_field", "object_type": "lead", "field_name": name}


def custom_field(field_id: str) -> Json:
    """A lead custom field, as Advanced Filtering names it."""
    return {"type": "custom_field", "custom_field_id": field_id}


def has_value(field: Json, value: str) -> Json:
    """The condition that a text field holds exactly this value; Close decides whether case matters."""
    condition = {"type": "text", "mode": "exact_value", "value": value}
    return {"type": "field_condition", "field": field, "condition": condition}


def has_words(field: Json, words: str) -> Json:
    """The condition that a text field contains all these words."""
    condition = {"type": "text", "mode": "full_words", "value": words}
    return {"type": "field_condition", "field": field, "condition": condition}


def is_one_of(field: Json, values: Sequence[str]) -> Json:
    """The condition that a field with a fixed set of values, such as the status, holds one of these."""
    return {"type": "field_condition", "field": field, "condition": {"type": "term", "values": list(values)}}


def any_of(conditions: Sequence[Json]) -> Json:
    """The condition that at least one of these holds."""
    return {"type": "or", "queries": list(conditions)}


def all_of(conditions: Sequence[Json]) -> Json:
    """The condition that each of these holds."""
    return {"type": "and", "queries": list(conditions)}


def is_filled(field: Json) -> Json:
    """The condition that a field holds anything."""
    return {"type": "field_condition", "field": field, "condition": {"type": "exists"}}


def is_blank(field: Json) -> Json:
    """The condition that a field holds nothing."""
    return {**is_filled(field), "negate": True}


def is_number(field: Json, number: float) -> Json:
    """The condition that a number field holds this number."""
    condition = {"type": "number_range", "gte": number, "lte": number}
    return {"type": "field_condition", "field": field, "condition": condition}


def is_in_smart_view(view_id: str) -> Json:
    """The condition that a saved search finds the lead."""
    return {"type": "saved_search", "saved_search_id": view_id}


def is_since(field: Json, moment: str) -> Json:
    """The condition that a date is at or after a moment, which is written as in Close, with its offset."""
    condition = {"type": "moment_range", "on_or_after": {"type": "fixed_utc", "value": moment}, "before": None}
    return {"type": "field_condition", "field": field, "condition": condition}


def is_between_days(field: Json, first: str, last: str) -> Json:
    """The condition that a date is between two days, both included; a lead without the date never matches."""
    condition = {
        "type": "moment_range",
        "on_or_after": {"type": "fixed_local_date", "value": first, "which": "start"},
        "before": {"type": "fixed_local_date", "value": last, "which": "end"},
    }
    return {"type": "field_condition", "field": field, "condition": condition}


def is_between_moments(field: Json, first: str | None, end: str | None) -> Json:
    """The condition that a date is at or after one moment and before another, each with its offset or None."""
    condition = {
        "type": "moment_range",
        "on_or_after": {"type": "fixed_utc", "value": first} if first else None,
        "before": {"type": "fixed_utc", "value": end} if end else None,
    }
    if not (first or end):
        return is_filled(field)
    return {"type": "field_condition", "field": field, "condition": condition}


def is_before(field: Json, moment: str) -> Json:
    """The condition that a date is before a moment."""
    condition = {"type": "moment_range", "on_or_after": None, "before": {"type": "fixed_utc", "value": moment}}
    return {"type": "field_condition", "field": field, "condition": condition}
