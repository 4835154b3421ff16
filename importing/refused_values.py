"""How a lead is written for Close: the bodies of requests, and what is left of one when Close refuses some values."""

import logging
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from cells.source_file import CONTACT_NAME, CUSTOM_PREFIX, EMAILS, PHONES, STATE
from cleaning import Contact, Lead, Problem
from close_client import Complaint, InvalidRequest, Json, contact_content
from importing.match_contacts import ContactGap, Gaps, LeadFields

log = logging.getLogger(__name__)


def lead_body(lead: Lead, key: str, fields: LeadFields) -> Json:
    """The lead as `POST /lead/` takes it. What is blank is left out: Close refuses a blank state."""
    body: Json = {"name": lead.name, f"custom.{fields.import_key}": key}
    if lead.contacts:
        body["contacts"] = [contact_body(contact) for contact in lead.contacts]
    return body | _own_fields(lead.state or "", lead.custom, fields)


def _own_fields(state: str, custom: Mapping[str, Sequence[Any]], fields: LeadFields) -> Json:
    body: Json = {"addresses": [{"label": "business", "state": state, "country": "US"}]} if state else {}
    for name, values in custom.items():
        place = fields.by_name[name]
        body[f"custom.{place.id}"] = list(values) if place.is_list else values[0]
    return body


def gaps_body(gaps: Gaps, fields: LeadFields) -> Json:
    """The change that gives a lead the own fields that it lacks, its contacts aside; empty if it lacks none."""
    key = {f"custom.{fields.import_key}": gaps.import_key} if gaps.import_key else {}
    return key | _own_fields(gaps.state, gaps.custom, fields)


def contact_gap_body(gap: ContactGap) -> Json:
    """The change that gives a contact what it lacks; a list that is sent replaces the whole list, so all is in it."""
    present = contact_content(gap.contact)
    added = contact_body(Contact(gap.name, gap.emails, gap.phones))
    name = {"name": gap.name} if gap.name else {}
    return name | {part: [*present[part], *added[part]] for part in ("emails", "phones") if added[part]}


def contact_body(contact: Contact) -> Json:
    """A contact as Close takes it; one without a name has none."""
    body: dict[str, Any] = {
        "emails": [{"type": "office", "email": email} for email in contact.emails],
        "phones": [{"type": "office", "phone": phone} for phone in contact.phones],
    }
    return {"name": contact.name, **body} if contact.name else body


# What Close refuses --------------------------------------------------------------------------------------------------


def send_mended(
    send: Callable[[Json], Json], body: Json, lead: Lead, fields: LeadFields
) -> tuple[Json | None, list[Problem]]:
    """Close's answer to a body, which is sent once more without the values that Close names if it refuses them.

    With it come the problems of those values. The answer is None where nothing was left to send. Raises
    InvalidRequest where Close refuses more than single values of ours.
    """
    try:
        return send(body), []
    except InvalidRequest as refused:
        _log_refusal(lead, refused)
        mended = without_refused(body, refused.complaints, lead, fields)
        if mended is None:
            raise
        body, problems = mended
        is_empty = all(value in ("", None, []) for value in body.values())
        return (None if is_empty else send(body)), problems


def _log_refusal(lead: Lead, refused: InvalidRequest) -> None:
    """Log which values Close refused, without the values."""
    paths = ", ".join(".".join(path) or "the lead" for path, _ in refused.complaints)
    log.warning("the lead of row %d was refused with status %d: %s", lead.rows[0], refused.status, paths)


def without_refused(
    body: Json, complaints: Sequence[Complaint], lead: Lead, fields: LeadFields
) -> tuple[Json, list[Problem]] | None:
    """A body without the values that Close named, and a problem for each; None where it named anything else."""
    doomed: dict[tuple[str, ...], str] = {}
    for path, words in complaints:
        place = _single_value(body, path, fields)
        if place is None:
            return None
        doomed.setdefault(place, words)
    problems = [_refused_problem(body, place, words, lead, fields) for place, words in doomed.items()]
    if any(problem is None for problem in problems):
        return None
    mended = deepcopy(body)
    for place in sorted(doomed, key=_by_position, reverse=True):
        holder = _at(mended, place[:-1])
        del holder[int(place[-1]) if isinstance(holder, list) else place[-1]]
    if "contacts" in mended:
        mended["contacts"] = [each for each in mended["contacts"] if any(each.values())]
    return mended, [problem for problem in problems if problem]


def _by_position(place: tuple[str, ...]) -> list[tuple[int, str]]:
    return [(int(step), "") if step.isdecimal() else (-1, step) for step in place]


_VALUE_DEPTHS = {"contacts": 4, "emails": 2, "phones": 2, "addresses": 2}


def _single_value(body: Json, path: tuple[str, ...], fields: LeadFields) -> tuple[str, ...] | None:
    """The place of the one value of ours that a path names, None where it names more, or what can't be left out."""
    if not path or path[0] == f"custom.{fields.import_key}" or (path[0] == "name" and "emails" not in body):
        return None
    if path[0] == "contacts" and path[2:3] == ("name",):
        place = path[:3]
    else:
        depth = _VALUE_DEPTHS.get(path[0], 1)
        place = path[:depth]
        if len(place) < depth:
            return None
    try:
        _at(body, place)
    except (LookupError, ValueError, TypeError):
        return None
    return place


def _at(body: Any, place: Sequence[str]) -> Any:
    for step in place:
        body = body[int(step)] if isinstance(body, list) else body[step]
    return body


def _refused_problem(body: Json, place: tuple[str, ...], words: str, lead: Lead, fields: LeadFields) -> Problem | None:
    """The problem for a refused value, in the row and column that it came from; None if it came from Close itself."""
    value = _at(body, place)
    reason = f"Close does not take it: {words}"
    if place[0] == "addresses":
        return Problem(lead.origin[STATE], STATE, value["state"], "refused", reason)
    if place[0].startswith("custom."):
        name = next(name for name, each in fields.by_name.items() if f"custom.{each.id}" == place[0])
        text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
        return Problem(lead.origin[CUSTOM_PREFIX + name], CUSTOM_PREFIX + name, text, "refused", reason)
    column, text = CONTACT_NAME, value
    if isinstance(value, dict):
        column, text = (EMAILS, value["email"]) if "email" in value else (PHONES, value["phone"])
    row = next((contact.origin[text] for contact in lead.contacts if text in contact.origin), None)
    return Problem(row, column, text, "refused", reason) if row is not None else None
