"""All leads that a search finds, each once, no matter how many there are or how often the walk is interrupted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from close.contents import Json
from close.errors import ExpiredCursor

LONGEST_WALK = 10_000  # objects that Close lists for one search
MOST_WALKS = 3  # walks through a search before we give up on reaching its count
DATE_CREATED = "date_created"


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a search: its leads as dicts, and how many the whole search has."""

    leads: list[Json]
    total: int


PagesSince = Callable[[str], Iterator[SearchPage]]  # since a creation date, "" for all pages
Note = Callable[[int, int], None]  # how many leads were read so far, and of how many


class CountMismatch(Exception):
    """A search did not list as many leads as Close counts, so any figures based on it would be wrong."""


def read_whole(pages_since: PagesSince, count: Callable[[], int], note: Note) -> list[Json]:
    """All leads of a search, in order of creation, each once.

    Their number is what Close counted during the walk, or counts afterwards. If the index changed during a walk, it is
    repeated, up to three walks in all. Raises CountMismatch with the difference.
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
    """All leads of a search, and the highest number that Close counted during the walk.

    Close lists up to 10,000 leads for one search, and its cursor expires after 30 seconds. A new search then continues
    from the creation date of the last lead. Other leads may share that date, so leads seen before are dropped.
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
        if total <= read < LONGEST_WALK:  # after a full walk, the count may stop at the same number
            break
        if len(found) > seen:
            last = next(reversed(found.values())).get(DATE_CREATED) or ""
            since = millisecond_of(last)
        elif since != last:  # that millisecond has more leads than one search can show
            since = last
        else:  # if Close counts more leads, it does not show them
            break
    return list(found.values()), counted


def _until_expired(pages: Iterator[SearchPage]) -> Iterator[SearchPage]:
    """The pages of a search, until Close's cursor expires."""
    try:
        yield from pages
    except ExpiredCursor:
        return


def millisecond_of(moment: str) -> str:
    """The start of a moment's millisecond: we do not know in which order Close sorts leads within a millisecond."""
    if not moment:
        return ""
    begun = datetime.fromisoformat(moment)
    return begun.replace(microsecond=begun.microsecond // 1000 * 1000).isoformat(timespec="microseconds")
