"""What Close answers: documents, and refusals with Close's status and body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Document = dict[str, Any]


class Refused(Exception):
    """A request that Close refuses, with its answer."""

    def __init__(self, status: int, body: Document) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def refused(status: int, message: str) -> Refused:
    """A refusal of the request as a whole."""
    return Refused(status, {"error": message})


def invalid(field: str, reason: Any) -> Refused:
    """A refusal of one value: status 400, naming the field."""
    return Refused(400, invalid_body({field: reason}))


def invalid_body(field_errors: Document, errors: Sequence[str] = ()) -> Document:
    """The shape in which Close reports what is wrong with values, at any depth."""
    return {"errors": list(errors), "field-errors": field_errors}


def not_found(thing: str) -> Refused:
    """404 for an object that does not exist, or no longer exists."""
    return refused(404, f"Empty query: {thing} matching query does not exist.")
