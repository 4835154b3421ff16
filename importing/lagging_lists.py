"""Whether Close's lists of notes, tasks and opportunities can be trusted to show what was done on a lead.

They lag by seconds. So they are trusted only if they were asked long enough after the last change of the lead.
"""

from dataclasses import dataclass
from datetime import datetime

from close.contents import Json
from importing.organization import Organization


@dataclass(frozen=True, slots=True)
class Noted:
    """When a lead was last changed (`date_updated`, as Close writes it), and since when we know, by our clock."""

    date_updated: str
    at: datetime


class ListsLag(Exception):
    """A lead was changed so recently that Close's lists may not show what was done on it.

    After `seconds` they do, unless it was changed again after what is now `noted`.
    """

    def __init__(self, lead_id: str, seconds: float, noted: Noted) -> None:
        super().__init__("Close's lists may lag")
        self.lead_id = lead_id
        self.seconds = seconds
        self.noted = noted


def refuse_lagging_lists(organization: Organization, lead: Json, noted: Noted, asked_at: datetime) -> None:
    """Raise ListsLag unless lists that were asked at a moment, by our clock, show all that was done on a lead."""
    close, updated = organization.close, str(lead.get("date_updated") or "")
    known = noted if noted.date_updated == updated else Noted(updated, close.now())
    left = organization.list_lag - (close.seconds_since(known.at) - close.seconds_since(asked_at))
    if organization.list_lag and left > 0:
        raise ListsLag(lead["id"], min(left, organization.list_lag), known)


def refuse_too_early(organization: Organization, lead_id: str, noted: Noted) -> None:
    """Raise ListsLag if the last change that we know of is too recent, before any list is asked in vain."""
    seconds = organization.list_lag - organization.close.seconds_since(noted.at)
    if seconds > 0:
        raise ListsLag(lead_id, seconds, noted)
