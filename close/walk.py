"""All leads that a search finds, each once, however many they are and however often the walk is cut short."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from close.contents import Json
from close.errors import ExpiredCursor

LONGEST_WALK = 10_000  # objects that one search can be followed through
MOST_WALKS = 3  # times that a search is walked before its count is given up on
DATE_CREATED = "date_created"


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a search: its leads as dicts, and how many the whole search has."""

    leads: list[Json]
    total: int


PagesSince = Callable[[str], Iterator[SearchPage]]  # since a moment of creation, "" for the first there is
Note = Callable[[int, int], None]  # how many leads were read so far, and of how many


class CountMismatch(Exception):
    """A search did not give as many leads as Close counts, so what rests on it would be wrong."""


def read_whole(pages_since: PagesSince, count: Callable[[], int], note: Note) -> list[Json]:
    """All leads of a search, in the order of their creation, each once.

    They are as many as Close counted on the way, or counts afterwards: a walk that the index changed under is made
    again, three times at most. Raises CountMismatch with the difference.
    """
    difference = ""
    for _ in range(MOST_WALKS):
        leads, counted = walk(pages_since, note)
        if len(leads) == counted or len(leads) == (counted := count()):
            return leads
        difference = f"Close counts {counted} leads but lists {len(leads)}"
    raise CountMismatch(
        f"The leads could not be read in full in {MOST_WALKS} attempts: {difference}. Run the same command again in a "
        "minute, or choose a shorter range."
    )


def unnoted(_read: int, _total: int) -> None:
    """Tell nobody how far a walk has come."""


def walk(pages_since: PagesSince, note: Note = unnoted) -> tuple[list[Json], int]:
    """All leads of a search, and how many Close counted meanwhile, at most.

    Close follows one search through 10,000 leads, and forgets where it stood after 30 seconds. A new search goes on
    from there: from the creation date of the last lead, which others may share, so leads seen before come once.
    """
    found: dict[str, Json] = {}
    counted, since, last = 0, "", ""
    while True:
        seen, read, total = len(found), 0, LONGEST_WALK
        before = sum((lead.get(DATE_CREATED) or "") < since for lead in found.values())
        for page in _until_expired(pages_since(since)):
            read, total = read + len(page.leads), page.total
            counted = max(counted, before + total)
            found.update((lead["id"], lead) for lead in page.leads)
            note(len(found), counted)
        if total <= read < LONGEST_WALK:  # of a full walk the count may end where it ended
            break
        if len(found) > seen:
            last = next(reversed(found.values())).get(DATE_CREATED) or ""
            since = millisecond_of(last)
        elif since != last:  # more than one search can show lies within that millisecond
            since = last
        else:  # whatever else Close counts, it does not show
            break
    return list(found.values()), counted


def _until_expired(pages: Iterator[SearchPage]) -> Iterator[SearchPage]:
    """The pages of a search, up to the last before Close forgot where it stood."""
    try:
        yield from pages
    except ExpiredCursor:
        return


def millisecond_of(moment: str) -> str:
    """The millisecond in which a moment lies: in which order Close sorts what lies within one is not known."""
    if not moment:
        return ""
    begun = datetime.fromisoformat(moment)
    return begun.replace(microsecond=begun.microsecond // 1000 * 1000).isoformat(timespec="microseconds")
