"""Where a lead is that Close does not find by its id: there after all, merged into another one, or deleted.

A 404 can last for a moment only, so it proves nothing as long as nothing else says that the lead was deleted.
"""

from collections.abc import Mapping
from contextlib import suppress

from close.contents import Json
from close.errors import EventLogClosed, NotFound, RequestRejected
from close_client import CloseClient
from importing.organization import Organization

LOOKS_PER_LAG = 4
SHORTEST_PAUSE = 0.5  # seconds between two looks
LONGEST_MOMENT = 10.0  # seconds for which Close may not find a lead that exists


def read_or_none(close: CloseClient, lead_id: str) -> Json | None:
    """A lead, read by id; None if Close does not find it."""
    try:
        return close.read_lead(lead_id)
    except NotFound:
        return None


class DeletionUnproved(Exception):
    """Close does not find a lead, and its event log does not say that it was deleted."""


def is_deleted(close: CloseClient, lead_id: str) -> bool:
    """Whether the event log says that a lead was deleted; it does so for 30 days, unless it is not for this user."""
    try:
        return next(close.lead_events("deleted", of_lead=lead_id), None) is not None
    except RequestRejected:
        return False


def shows_events(close: CloseClient) -> bool:
    """Whether the event log is for this user."""
    try:
        next(close.lead_events("deleted"), None)
    except RequestRejected:
        return False
    return True


def find_missing(organization: Organization, lead_id: str) -> Json | None:
    """The lead that Close did not find a moment ago, or the one that it was merged into; None if it is gone.

    It is gone if the event log says so, or if that is not for this user and the lead stays away for some seconds, at
    most for an index lag. Raises DeletionUnproved if it stays away although the event log does not say so.
    """
    close, lag = organization.close, min(LONGEST_MOMENT, organization.index_lag)
    give_up = close.now().timestamp() + lag
    while True:
        found = find_merged(close, {lead_id: lead_id}).get(lead_id) or read_or_none(close, lead_id)
        if found or is_deleted(close, lead_id):
            return found
        if close.now().timestamp() >= give_up:
            break
        close.pause(max(SHORTEST_PAUSE, lag / LOOKS_PER_LAG))
    if shows_events(close):
        raise DeletionUnproved("Close does not find a lead, but does not say either that it was deleted")
    return None


def find_merged(close: CloseClient, gone: Mapping[str, str]) -> dict[str, Json | None]:
    """For leads that are gone (`gone` has their keys by id), the leads that they were merged into, by key."""
    into = _merges(close)
    found: dict[str, Json | None] = {}
    for lead_id, key in gone.items():
        seen = {lead_id}
        destination = into.get(lead_id)
        while destination and destination not in seen:
            lead = read_or_none(close, destination)
            if lead:
                found[key] = lead
                break
            seen.add(destination)
            destination = into.get(destination)
    return found


def _merges(close: CloseClient) -> dict[str, str]:
    """The lead that each merged lead went into, from the event log: the newest merge of each counts."""
    into: dict[str, str] = {}
    with suppress(EventLogClosed):
        for event in close.lead_events("merged"):
            _add_merge(event, into)
    return into


def _add_merge(event: Json, into: dict[str, str]) -> None:
    ids = [value for value in (event.get("meta") or {}).values() if str(value).startswith("lead_")]
    for source in ids:
        for destination in ids:
            if source != destination and source != event["object_id"]:
                into.setdefault(source, destination)
