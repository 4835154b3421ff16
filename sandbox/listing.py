"""Pages of a list and fields of an object, as requested by `_limit`, `_skip` and `_fields`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sandbox.answers import Document, invalid

DEFAULT_LIMIT = 100
WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


def page(
    params: Mapping[str, str], documents: Sequence[Document], *, most: int = 100, deepest: int | None = None
) -> Document:
    """One page of the documents, saying whether more follow."""
    limit = whole_number(params, "_limit", min(DEFAULT_LIMIT, most), most)
    skip = whole_number(params, "_skip", 0, deepest)
    return {
        "data": [narrowed(document, params) for document in documents[skip : skip + limit]],
        "has_more": skip + limit < len(documents),
        "total_results": len(documents),
    }


def narrowed(document: Document, params: Mapping[str, str]) -> Document:
    """The document, or only those of its fields that `_fields` names."""
    asked = params.get("_fields")
    return document if not asked else chosen(document, asked.split(","))


def chosen(document: Document, names: Sequence[str]) -> Document:
    """The named fields; `custom` means all custom fields, and names that the document lacks are ignored."""
    wanted = {name.strip() for name in names}
    if "_all" in wanted:
        return document
    custom = "custom" in wanted
    return {k: v for k, v in document.items() if k in wanted or (custom and k.startswith("custom."))}


def whole_number(params: Mapping[str, str], name: str, default: int, most: int | None) -> int:
    """The number given for a parameter; refused if it is not a number or out of bounds."""
    given = params.get(name, str(default))
    if not WHOLE_NUMBER.fullmatch(given):
        raise invalid(name, f'{name} must be an integer (got "{given}" instead).')
    if int(given) < 0:
        raise invalid(name, "Input should be greater than or equal to 0")
    if most is not None and int(given) > most:
        raise invalid(name, f"Input should be less than or equal to {most}")
    return int(given)
