"""What Close's search does not show yet of what we just did: leads that were made, and leads that were deleted."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from close_client import CloseClient, Json, NotFound, PermissionDenied, all_of, is_before, is_since, regular_field
from searching import CREATED, walk_search

LOOKS_PER_LAG = 12  # while leads are waited for; the first ones come sooner, for most leads show in seconds
SHORTEST_PAUSE = 0.1  # seconds
CLOCK_ERROR = timedelta(seconds=1)  # of Close's clock, as its answers tell it
FEW = 5  # leads that are read one by one rather than looked for among others
MOST_DELETIONS = 250  # of the latest in the event log that are looked through


def not_shown_yet(
    close: CloseClient, made: Sequence[Json], found: Sequence[Json], is_asked_for: Callable[[Json], bool]
) -> list[Json]:
    """Those of the leads made just now that are asked for and that search does not show yet, by name.

    A lead that holds other values by now than it was made with is not missing, nor is one deleted since.
    """
    ids = {lead["id"] for lead in found}
    missing = [lead for lead in made if lead["id"] not in ids and is_asked_for(lead)]
    if len(missing) > FEW:
        others = _shown_among(close, missing)
        missing = [lead for lead in missing if lead["id"] not in others]
    if len(missing) > FEW:
        deleted = _deleted_since(close, first_created(missing))
        missing = [lead for lead in missing if lead["id"] not in deleted]
    if len(missing) <= FEW:
        missing = [lead for lead in missing if _is_still(close, lead, is_asked_for)]
    return sorted(missing, key=lambda lead: str(lead.get("name")))


def await_leads(close: CloseClient, leads: Sequence[Json], index_lag: float) -> Iterator[str]:
    """The ids of some leads, as search comes to show them.

    It ends when it shows all, or once the lag, in seconds, has passed since the youngest of them was made.
    """
    youngest = max(datetime.fromisoformat(lead[CREATED]) for lead in leads)
    give_up = youngest + timedelta(seconds=index_lag) + CLOCK_ERROR
    left = {lead["id"]: lead for lead in leads}
    for look in range(2 * LOOKS_PER_LAG):
        if not left or close.now() >= give_up:
            return
        close.pause(max(SHORTEST_PAUSE, min(look + 1, index_lag / LOOKS_PER_LAG)))
        for lead_id in _shown_among(close, left.values()) & left.keys():
            del left[lead_id]
            yield lead_id


def first_created(leads: Collection[Json]) -> str:
    """When the first of some leads was made, as Close writes it."""
    return min(str(lead[CREATED]) for lead in leads)


def _shown_among(close: CloseClient, leads: Collection[Json]) -> set[str]:
    """The ids of all leads made from the first to the last of some leads that search shows, whatever they hold."""
    last = max(datetime.fromisoformat(lead[CREATED]) for lead in leads)
    created, end = regular_field(CREATED), (last + timedelta(milliseconds=1)).isoformat(timespec="microseconds")
    shown, _ = walk_search(close, all_of([is_since(created, first_created(leads)), is_before(created, end)]), ["id"])
    return {lead["id"] for lead in shown}


def _deleted_since(close: CloseClient, moment: str) -> set[str]:
    """The ids of the leads deleted since a moment, the latest of them; none where the key may not see that."""
    events = close.lead_events("deleted", since=datetime.fromisoformat(moment))
    try:
        return {event["object_id"] for event in islice(events, MOST_DELETIONS)}
    except PermissionDenied:
        return set()


def _is_still(close: CloseClient, lead: Json, is_asked_for: Callable[[Json], bool]) -> bool:
    """Whether a lead is there and asked for, as it is by now."""
    try:
        return is_asked_for(close.read_lead(lead["id"]))
    except NotFound:
        return False
