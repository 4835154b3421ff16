"""What becomes of a lead that an undo does not find in Close."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from close.contents import Json, lead_link
from importing.missing_leads import find_merged, is_deleted, read_or_none, shows_events
from importing.organization import Organization
from importing.undo.rounds import Job, Later, UndoneLead

PAUSE = 1.0  # seconds until a lead that was not found and then found is looked at again
EVENTS_KEPT = 29 * 86_400  # seconds; a little less than Close keeps its event log


@dataclass(frozen=True, slots=True)
class Missing:
    """What to do about a lead that Close does not find: `again` if it is there after all, `gone` if it is not.

    `was_back` if that happened before: then it is left. `is_old` if it may have gone before the event log begins.
    """

    again: Job
    gone: Callable[[], UndoneLead]
    was_back: bool
    is_old: bool
    since: float | None = None


def look_for_missing(organization: Organization, lead_id: str, company: str, missing: Missing) -> UndoneLead | Later:
    """What becomes of a lead that Close does not find, which can last for a moment only.

    A lead that was merged into another one is left, because its people are there.
    """
    now, close = organization.close.machine.monotonic(), organization.close
    merged = find_merged(close, {lead_id: lead_id}).get(lead_id)
    if merged:
        return UndoneLead("left", lead_id, company, merged_words(merged))
    if read_or_none(close, lead_id):
        if missing.was_back:
            return UndoneLead("left", lead_id, company, "Close sometimes does not find it; run the same command again")
        return Later(now + PAUSE, missing.again, lead_id, company, "Close did not find it for a moment")
    since = now if missing.since is None else missing.since
    if is_deleted(close, lead_id):
        return missing.gone()
    if now - since >= organization.index_lag:
        if missing.is_old or not shows_events(close):
            return missing.gone()
        reason = "Close does not find it, but does not say either that it was deleted; run the same command again"
        return UndoneLead("left", lead_id, company, reason)
    again = partial(look_for_missing, organization, lead_id, company, replace(missing, since=since))
    reason = "Close does not find it, but its event log does not say that it was deleted"
    return Later(since + organization.index_lag, again, lead_id, company, reason)


def merged_words(merged: Json) -> str:
    """Why a lead stays that was merged into another one, and what can be done."""
    return f"it was merged into {lead_link(merged)}; if what the import added should go, remove it there"
