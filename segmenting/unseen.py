"""What Close's search shows, and which latest changes of ours it does not show yet: leads created and deleted."""

import functools
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from close.conditions import all_of, is_before, is_since, regular_field
from close.contents import Json
from close.errors import NotFound, PermissionDenied
from close.journal import read_latest_leads
from close.walk import DATE_CREATED, Note, millisecond_of
from close_client import CloseClient
from segmenting.filters import Question
from segmenting.plan import Segment

LOOKS_PER_LAG = 12  # how often to look while waiting for leads
EARLY_LOOKS = 5  # the first looks, which come sooner since most leads show within seconds
SHORTEST_PAUSE = 0.1  # seconds
FEW = 5  # up to this many leads are read one by one instead of being searched for together
LOOKS_FOR_ABSENT = 10  # at a lead that Close does not find, before it counts as deleted
PAUSE_FOR_ABSENT = 1.0  # seconds between two of them
MOST_DELETIONS = 250  # the latest in the event log; older ones are not looked at

Latest = Callable[[], tuple[Sequence[Json], Collection[str]]]  # leads created just now, and the ids of all deleted ones


@dataclass(frozen=True, slots=True)
class Found:
    """The leads that Close shows in answer to a question, and what it does not show correctly.

    `not_shown_yet` are leads created just now that its search lacks, `deleted` are leads it still lists although we
    deleted them, and `without_date` is the number of leads that lack only the date, or may.
    """

    leads: Sequence[Json]
    not_shown_yet: Sequence[Json]
    deleted: Sequence[Json]
    without_date: int


@dataclass(frozen=True, slots=True)
class OwnImports:
    """The journal of our imports, how many seconds Close's search may lag behind them, and whether to wait for it."""

    journal: Path
    index_lag: float
    is_awaited: bool = False


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears of progress: `progress` while leads are read or show up, `waiting` with their number before a wait."""

    progress: Callable[[], AbstractContextManager[Note]]
    waiting: Callable[[int], None]


def read_segment(
    close: CloseClient, organization: str, segment: Segment, imports: OwnImports, listener: Listener
) -> Found:
    """The leads of a segment; if asked for, after waiting for those that search does not show yet."""
    since = close.now() - timedelta(seconds=imports.index_lag)
    latest = functools.partial(read_latest_leads, imports.journal, organization, since, close.machine)
    found = _look(close, segment, latest, listener)
    missing = found.not_shown_yet
    if not (missing and imports.is_awaited):
        return found
    listener.waiting(len(missing))
    with listener.progress() as note:
        note(0, len(missing))
        for shown, _ in enumerate(await_leads(close, missing, imports.index_lag), start=1):
            note(shown, len(missing))
    return _look(close, segment, latest, listener)


def _look(close: CloseClient, segment: Segment, latest: Latest, listener: Listener) -> Found:
    with listener.progress() as note:
        return find(close, segment, latest, note)


def find(close: CloseClient, segment: Segment, latest: Latest, note: Note) -> Found:
    """The leads asked for, each once, and what we know better than Close's search. Raises CountMismatch.

    Our latest changes are read after the walk, so that they include those made during it.
    """
    question, fields = segment.question, segment.fields
    shown = {lead["id"]: lead for lead in close.all_leads(question.condition, fields, note)}
    made, deleted = latest()
    missing = [lead for lead in made if lead["id"] not in shown and question.admits(lead)]
    if missing:
        still_missing = _not_shown_for_other_reasons(close, missing, question)
        within = all_of([question.condition, _made_within(missing)])  # some may show by now
        shown |= {lead["id"]: lead for lead in close.all_leads(within, fields)}
        missing = [lead for lead in still_missing if lead["id"] not in shown]
    return Found(
        leads=[lead for lead_id, lead in shown.items() if lead_id not in deleted],
        not_shown_yet=sorted(missing, key=lambda lead: str(lead.get("name"))),
        deleted=[lead for lead_id, lead in shown.items() if lead_id in deleted],
        without_date=close.count_leads(question.undated) if question.undated else 0,
    )


def await_leads(close: CloseClient, leads: Sequence[Json], index_lag: float) -> Iterator[str]:
    """Yield the ids of leads as search begins to show them.

    This ends when search shows all of them, or after `index_lag` seconds.
    """
    give_up = close.now() + timedelta(seconds=index_lag)
    left = {lead["id"]: lead for lead in leads}
    for look in range(1, EARLY_LOOKS + LOOKS_PER_LAG + 2):
        if not left or close.now() >= give_up:
            return
        usual = index_lag / LOOKS_PER_LAG
        close.pause(max(SHORTEST_PAUSE, min(look, usual) if look <= EARLY_LOOKS else usual))
        for lead_id in _shown_among(close, left.values()) & left.keys():
            del left[lead_id]
            yield lead_id


def _not_shown_for_other_reasons(close: CloseClient, leads: Sequence[Json], question: Question) -> list[Json]:
    """Those of the leads that were not deleted in the meantime and still match the question."""
    if len(leads) > FEW:
        shown = _shown_among(close, leads)
        leads = [lead for lead in leads if lead["id"] not in shown]
    if len(leads) > FEW:
        deleted = _deleted_since(close, leads)
        return [lead for lead in leads if lead["id"] not in deleted]
    return _still_asked_for(close, leads, question)


def _still_asked_for(close: CloseClient, leads: Sequence[Json], question: Question) -> list[Json]:
    """Those of the leads that match the question when they are read by id.

    Close may not find a lead for a moment although it exists, so it is looked for until it is surely gone.
    """
    found: dict[str, Json] = {}
    away = {lead["id"] for lead in leads}
    for look in range(LOOKS_FOR_ABSENT):
        if look:
            close.pause(PAUSE_FOR_ABSENT)
        found |= _read_all(close, away)
        away -= found.keys()
        if away:
            away -= _deleted_since(close, leads)
        if not away:
            break
    return [lead for lead in leads if lead["id"] in found and question.admits(found[lead["id"]])]


def _made_within(leads: Collection[Json]) -> Json:
    """The condition that a lead was created between the first and the last of these leads."""
    created = [datetime.fromisoformat(lead[DATE_CREATED]) for lead in leads]
    end = (max(created) + timedelta(milliseconds=1)).isoformat(timespec="microseconds")
    field = regular_field(DATE_CREATED)
    return all_of([is_since(field, millisecond_of(min(created).isoformat())), is_before(field, end)])


def _shown_among(close: CloseClient, leads: Collection[Json]) -> set[str]:
    """The ids of all leads that search shows from the time these leads were created, whatever they hold."""
    return {lead["id"] for lead in close.walk_leads(_made_within(leads), ["id"])}


def _deleted_since(close: CloseClient, leads: Collection[Json]) -> set[str]:
    """The ids of the latest leads deleted since these leads were created; empty if the key may not see them."""
    since = min(datetime.fromisoformat(lead[DATE_CREATED]) for lead in leads)
    try:
        return {event["object_id"] for event in islice(close.lead_events("deleted", since=since), MOST_DELETIONS)}
    except PermissionDenied:
        return set()


def _read_all(close: CloseClient, lead_ids: Collection[str]) -> dict[str, Json]:
    """The leads that Close finds by these ids, by id."""
    read: dict[str, Json] = {}
    for lead_id in sorted(lead_ids):
        with suppress(NotFound):
            read[lead_id] = close.read_lead(lead_id)
    return read
