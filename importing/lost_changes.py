"""What became of changes whose answers were lost, judging by a settled reading of their lead."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from close.contents import Json, contact_content, lead_content
from close.errors import CloseUnreachable
from close.journal import Journal
from close.journal_entries import Change
from close_client import CloseClient
from importing.missing_leads import read_or_none
from importing.organization import Organization

BETWEEN_READINGS = 1.0  # seconds
MOST_READINGS = 10


def read_settled(close: CloseClient, lead_id: str) -> Json:
    """A lead, once two readings in a row agree: a change whose answer was lost may still be on its way.

    Raises NotFound, and CloseUnreachable if no two readings agree.
    """
    last = close.read_lead(lead_id)
    for _ in range(MOST_READINGS):
        close.pause(BETWEEN_READINGS)
        again = close.read_lead(lead_id)
        if lead_content(again) == lead_content(last):
            return again
        last = again
    raise CloseUnreachable("a lead keeps changing while it is read")


def settle_changes(
    journal: Journal, lead: Json, changes: Sequence[Change], seconds_left: Callable[[Change], float]
) -> float:
    """Note for each change whose answer was lost whether it was carried out, judging by a settled reading of its lead.

    If somebody has edited a value since, the value that was sent is noted as the answer, so that an undo does not take
    the edited one for ours. What the lead does not show may still arrive, so it is noted as late; a new contact, which
    would then be there twice, only when there are no `seconds_left` for it, of which the most are returned.
    """
    known = {change.target for change in changes if change.state == "done"}
    left = 0.0
    for change in changes:
        if change.state != "sending":
            continue
        target = _changed_target(lead, change, known)
        if target:
            known.add(target["id"])
            journal.note_changed(change.number, target["id"], _as_sent(target, change))
        elif change.kind == "new contact" and seconds_left(change) > 0:
            left = max(left, seconds_left(change))
        else:
            journal.note_late(change.number)
    return left


def settle_late_changes(organization: Organization, lead_id: str) -> None:
    """Note which late changes to a lead and its contacts have arrived, unless a repeated one is in effect anyway."""
    journal = organization.journal
    late = [change for change in journal.late_changes(lead_id) if change.kind != "new contact"]
    lead = read_or_none(organization.close, lead_id) if late else None
    for change in late:
        repeated = [other for other in journal.changes_of_lead(lead_id) if other.sent.keys() & change.sent.keys()]
        is_repeated = any(other.kind == change.kind and other.number > change.number for other in repeated)
        target = _changed_target(lead, change, set()) if lead and not is_repeated else None
        if target:
            journal.note_changed(change.number, target["id"], _as_sent(target, change))
        elif organization.is_settled_by_time(change.last_sent):
            journal.note_void(change.number)


class StillLost(Exception):
    """A new contact whose answer was lost does not show yet; it may be sent again after so many seconds.

    `is_news` if the answer was lost just now.
    """

    def __init__(self, seconds: float, *, is_news: bool = False) -> None:
        super().__init__("Close's answer to a new contact was lost")
        self.seconds = seconds
        self.is_news = is_news


def _as_sent(target: Json, change: Change) -> Json:
    """What Close must have answered to a change: the target's content, but with the values that were sent."""
    content = lead_content(target) if change.kind == "lead" else contact_content(target)
    is_new = change.kind == "new contact"
    answered = contact_content({**change.sent, "id": target["id"]}) if is_new else {**content, **_sent_content(change)}
    return {
        name: content[name] if _comparable(content.get(name)) == _comparable(value) else value
        for name, value in answered.items()
    }


def _changed_target(lead: Json, change: Change, known: Collection[str]) -> Json | None:
    """The lead or contact that holds all or part of what a change sent; None if nothing does."""
    if change.kind == "lead":
        return lead if _shows(lead_content(lead), change) else None
    before = set(change.before.get("contact_ids", ())) | set(known)
    candidates = [
        contact
        for contact in lead.get("contacts") or []
        if (contact["id"] == change.target if change.kind == "contact" else contact["id"] not in before)
        if change.kind == "contact" or not change.sender or contact.get("created_by") in (None, change.sender)
    ]
    whole = [contact for contact in candidates if _holds(contact_content(contact), change)]
    return next(iter([*whole, *(each for each in candidates if _shows(contact_content(each), change))]), None)


def _sent_content(change: Change) -> Json:
    content = lead_content(change.sent) if change.kind == "lead" else contact_content(change.sent)
    return {name: content[name] for name in change.sent if name in content}


def _comparable(value: Any) -> Any:
    """The form in which a value is compared with what was sent: Close may store e-mails in lower case."""
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    return {**value, "email": value["email"].casefold()} if isinstance(value, dict) and "email" in value else value


def _holds(content: Json, change: Change) -> bool:
    """Whether some content has everything that a change sent."""
    return all(_comparable(content.get(name)) == _comparable(value) for name, value in _sent_content(change).items())


def _shows(content: Json, change: Change) -> bool:
    """Whether some content has a new value that a change sent. Close carries out a change completely or not at all, so
    if the rest differs, somebody has edited it since."""
    for name, value in _sent_content(change).items():
        sent, now, before = (_comparable(each) for each in (value, content.get(name), change.before.get(name)))
        if isinstance(sent, list):
            if any(item in (now or []) and item not in (before or []) for item in sent):
                return True
        elif sent and now == sent != before:
            return True
    return False
