"""Read all leads that a search finds, each once, however many they are and however often the walk is cut short."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from close_client import CloseClient, ExpiredCursor, Json, SearchPage, all_of, is_since, regular_field

MOST_WALKS = 3  # times that a search is walked before its count is given up on
CREATED = "date_created"
LOOKS_PER_LAG = 12  # while leads are waited for
CLOCK_ERROR = timedelta(seconds=1)  # of Close's clock, as its answers tell it

PagesSince = Callable[[str], Iterator[SearchPage]]  # since a moment of creation, "" for the first there is
Note = Callable[[int, int], None]  # how many leads were read so far, and of how many


class CountMismatch(Exception):
    """A search did not give as many leads as Close counts, so what rests on it would be wrong."""


def read_leads(
    close: CloseClient, condition: Json, fields: Sequence[str], note: Note = lambda _read, _total: None
) -> list[Json]:
    """The leads for which a condition holds, in the order of their creation, each once, as dicts of the fields.

    They are as many as Close counted on the way, or counts afterwards: a walk that the index changed under is made
    again, three times at most. Raises CountMismatch with the difference.
    """
    difference = ""
    for _ in range(MOST_WALKS):
        leads, counted = walk(_pages_of(close, condition, fields), note)
        if len(leads) == counted or len(leads) == (counted := close.count_leads(condition)):
            return leads
        difference = f"Close counts {counted} leads and lists {len(leads)}"
    raise CountMismatch(
        f"The leads could not be read whole in {MOST_WALKS} attempts: {difference}. Run the same command again in a "
        "minute, or ask for a shorter range."
    )


def walk(pages_since: PagesSince, note: Note = lambda _read, _total: None) -> tuple[list[Json], int]:
    """All leads of a search, and how many Close counted meanwhile, at most.

    Close follows one search through 10,000 leads, and forgets where it stood after 30 seconds. A new search goes on
    from there: from the creation date of the last lead, which others may share, so ids seen before are left out.
    """
    found: dict[str, Json] = {}
    counted = 0
    since, is_whole = "", False
    while not is_whole:
        seen, read, total = len(found), 0, 0
        before = sum(lead.get(CREATED) != since for lead in found.values())
        try:
            for page in pages_since(since):
                read, total = read + len(page.leads), page.total
                counted = max(counted, before + total)
                found.update((lead["id"], lead) for lead in page.leads)
                note(len(found), counted)
            is_whole = read >= total
        except ExpiredCursor:
            pass
        if len(found) == seen:  # whatever else Close counts, it does not show
            break
        since = next(reversed(found.values())).get(CREATED) or since
    return list(found.values()), counted


def _pages_of(close: CloseClient, condition: Json, fields: Sequence[str]) -> PagesSince:
    wanted = sorted({"id", CREATED, *fields})

    def pages_since(moment: str) -> Iterator[SearchPage]:
        begun = all_of([condition, is_since(regular_field(CREATED), moment)]) if moment else condition
        return close.search_pages(begun, wanted)

    return pages_since


def await_leads(
    close: CloseClient, condition: Json, fields: Sequence[str], awaited: Sequence[Json], index_lag: float
) -> Iterator[Json]:
    """Those of some leads that the index comes to show, as they show.

    It ends when all are there, or once the lag, in seconds, has passed since the youngest of them was created.
    """
    created = sorted(lead[CREATED] for lead in awaited)
    give_up = datetime.fromisoformat(created[-1]) + timedelta(seconds=index_lag) + CLOCK_ERROR
    tail = all_of([condition, is_since(regular_field(CREATED), created[0])])
    left = {lead["id"] for lead in awaited}
    while left and close.now() < give_up:
        close.pause(index_lag / LOOKS_PER_LAG)
        shown, _ = walk(_pages_of(close, tail, fields))
        for lead in shown:
            if lead["id"] in left:
                left.remove(lead["id"])
                yield lead
