"""What remains of a request when Close refuses some of its values, and a problem for each refused value."""

import logging
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

from cells.columns import CONTACT_NAME, CUSTOM_PREFIX, EMAILS, LEAD_COLUMNS, PHONES
from cells.problems import Problem
from cleaning import Lead
from close.contents import Json
from close.errors import Complaint, InvalidRequest
from importing.custom_fields import LeadFields

NAMES_OF_CLOSE = ("status", "lead")  # in its words, for names that it takes in another form
LONGEST_INDEX = 5  # digits

log = logging.getLogger(__name__)

Path = tuple[str, ...]  # to a value in a body: keys, and indices of lists as digits


def send_without_refused(
    send: Callable[[Json], Json],
    body: Json,
    lead: Lead,
    fields: LeadFields,
    *,
    before_rest: Callable[[Json], None] = lambda _: None,
) -> tuple[Json | None, list[Problem]]:
    """Close's answer to a body, and the problems of refused values. If Close refuses values, the rest is sent again.

    The rest is sent only once, after `before_rest` was called with it. The answer is None if nothing was left to send.
    Raises InvalidRequest if Close refuses more than single values of ours.
    """
    try:
        return send(body), []
    except InvalidRequest as refused:
        _log_refusal(lead, refused, body)
        smaller = without_refused(body, refused.complaints, lead, fields)
        if smaller is None:
            raise
        body, problems = smaller
        if all(value in ("", None, []) for value in body.values()):
            return None, problems
        before_rest(body)
        return send(body), problems


def _log_refusal(lead: Lead, refused: InvalidRequest, body: Json) -> None:
    """Log where the values are that Close refused, without the values: Close may key its words by one of them."""
    names = {*_names_in(body), *NAMES_OF_CLOSE}
    steps = ([step if step in names or _is_index(step) else "?" for step in path] for path, _ in refused.complaints)
    paths = ", ".join(".".join(some) or "the lead" for some in steps)
    log.warning("the lead of row %d was refused with status %d: %s", lead.rows[0], refused.status, paths)


def _names_in(body: Any) -> Iterator[str]:
    """The names of all values in a body, at any depth."""
    if isinstance(body, dict):
        yield from body
    for part in body.values() if isinstance(body, dict) else body if isinstance(body, list) else ():
        yield from _names_in(part)


def _is_index(step: str) -> bool:
    """Whether a step is the index of an item; longer numbers may be values."""
    return step.isdecimal() and len(step) < LONGEST_INDEX


def without_refused(
    body: Json, complaints: Sequence[Complaint], lead: Lead, fields: LeadFields
) -> tuple[Json, list[Problem]] | None:
    """A body without the values that Close named, and a problem for each; None if it named anything else."""
    doomed: dict[Path, str] = {}
    for complained, words in complaints:
        path = _to_single_value(body, complained, fields)
        if path is None:
            return None
        doomed.setdefault(path, words)
    problems = [_refused_problem(body, path, words, lead, fields) for path, words in doomed.items()]
    if any(problem is None for problem in problems):
        return None
    smaller = deepcopy(body)
    for path in sorted(doomed, key=_by_position, reverse=True):
        holder = _at(smaller, path[:-1])
        del holder[int(path[-1]) if isinstance(holder, list) else path[-1]]
    if "contacts" in smaller:
        smaller["contacts"] = [each for each in smaller["contacts"] if any(each.values())]
    return smaller, [problem for problem in problems if problem]


def _by_position(path: Path) -> list[tuple[int, str]]:
    return [(int(step), "") if step.isdecimal() else (-1, step) for step in path]


def _to_single_value(body: Json, path: Path, fields: LeadFields) -> Path | None:
    """The path to the one value of ours that a path names; None if it names more, or something that we must send."""
    if not path or path[0] == fields.key_column or (path[0] == "name" and "emails" not in body):
        return None
    depth = _depth_of_values(body, path)
    try:
        _at(body, path[:depth])
    except (LookupError, ValueError, TypeError):
        return None
    return path[:depth] if len(path) >= depth else None


def _depth_of_values(body: Json, path: Path) -> int:
    """How many steps lead to a single value: list items are single values, but a custom field is one as a whole."""
    if path[0] == "contacts":
        return 3 if path[2:3] == ("name",) else 4
    return 2 if isinstance(body.get(path[0]), list) and not path[0].startswith(CUSTOM_PREFIX) else 1


def _at(body: Any, path: Path) -> Any:
    for step in path:
        body = body[int(step)] if isinstance(body, list) else body[step]
    return body


def _refused_problem(body: Json, path: Path, words: str, lead: Lead, fields: LeadFields) -> Problem | None:
    """The problem of a refused value, with the row and column that it came from; None if it came from Close itself."""
    value = _at(body, path)
    reason = f"Close does not accept this: {words}"
    own = next((title for title in lead.own if LEAD_COLUMNS[title].key == path[0]), None)
    if own:
        return Problem(lead.origin[own], own, lead.own[own], "refused", reason)
    if path[0].startswith(CUSTOM_PREFIX):
        name = next(name for name, field in fields.by_name.items() if field.key == path[0])
        text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
        return Problem(lead.origin[CUSTOM_PREFIX + name], CUSTOM_PREFIX + name, text, "refused", reason)
    column, text = CONTACT_NAME, value
    if isinstance(value, dict):
        column, text = (EMAILS, value["email"]) if "email" in value else (PHONES, value["phone"])
    row = next((contact.origin[text] for contact in lead.contacts if text in contact.origin), None)
    return Problem(row, column, text, "refused", reason) if row is not None else None
