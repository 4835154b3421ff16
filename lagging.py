"""What Close's search does not show yet of what we just did: leads that were made, and leads that were deleted."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from close_client import CloseClient, Json, is_since, regular_field
from searching import CREATED, walk_search

LOOKS_PER_LAG = 12  # while leads are waited for
SHORTEST_PAUSE = 0.1  # seconds
CLOCK_ERROR = timedelta(seconds=1)  # of Close's clock, as its answers tell it


def not_shown_yet(
    close: CloseClient, made: Sequence[Json], found: Sequence[Json], is_asked_for: Callable[[Json], bool]
) -> list[Json]:
    """Those of the leads made just now that are asked for and that search does not show yet, by name.

    A lead that search shows with other values than it was made with is not missing, nor is one deleted since.
    """
    ids = {lead["id"] for lead in found}
    missing = [lead for lead in made if lead["id"] not in ids and is_asked_for(lead)]
    if not missing:
        return []
    since = first_created(missing)
    others = _shown_since(close, since) | _deleted_since(close, since)
    return sorted((lead for lead in missing if lead["id"] not in others), key=lambda lead: str(lead.get("name")))


def await_leads(close: CloseClient, leads: Sequence[Json], index_lag: float) -> Iterator[str]:
    """The ids of some leads, as search comes to show them.

    It ends when it shows all, or once the lag, in seconds, has passed since the youngest of them was made.
    """
    youngest = max(datetime.fromisoformat(lead[CREATED]) for lead in leads)
    give_up = youngest + timedelta(seconds=index_lag) + CLOCK_ERROR
    left = {lead["id"]: lead for lead in leads}
    for _ in range(LOOKS_PER_LAG + 1):
        if not left or close.now() >= give_up:
            return
        close.pause(max(SHORTEST_PAUSE, index_lag / LOOKS_PER_LAG))
        for lead_id in _shown_since(close, first_created(list(left.values()))) & left.keys():
            del left[lead_id]
            yield lead_id


def first_created(leads: Sequence[Json]) -> str:
    """When the first of some leads was made, as Close writes it."""
    return min(str(lead[CREATED]) for lead in leads)


def _shown_since(close: CloseClient, moment: str) -> set[str]:
    """The ids of all leads made since a moment that search shows, whatever they hold."""
    leads, _ = walk_search(close, is_since(regular_field(CREATED), moment), ["id"])
    return {lead["id"] for lead in leads}


def _deleted_since(close: CloseClient, moment: str) -> set[str]:
    return {event["object_id"] for event in close.lead_events("deleted", since=datetime.fromisoformat(moment))}
