"""What became of leads that were sent but whose answers were lost.

Close does not have idempotency keys, so such a lead is looked for by its import key, in the event log and in search,
whose index lags. It counts as absent only when the index lag has passed and both show a lead that was created later.
Whatever they show is read by id before we rely on it.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from close.contents import Json
from importing.look_up import find_by_key, read_copies
from importing.organization import Organization

EVENTS_FROM = timedelta(minutes=15)  # before the lead was first sent: Close's clock and ours may differ
EVENTS_AGAIN = timedelta(minutes=5)  # of the event log that each look reads again, because entries can be late
LATEST_LEADS = 3  # answered leads, one of which must show in the index before anything is sent again
LOOKS_PER_LAG = 4
SHORTEST_PAUSE = 0.5  # seconds between two looks
LAGS_UNTIL_UNKNOWN = 10  # after this many, the index must be stuck, so the answer stays unknown


@dataclass(frozen=True, slots=True)
class LaterLead:
    """A lead that Close answered: once it shows, anything that was sent before `sent_at` would show too."""

    sent_at: float
    key: str
    lead_id: str


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a lead whose answer was lost.

    `found`: `leads` has its copies, as read by id, oldest first. `absent`: Close does not have it. `deleted`: it was
    created as `lead_id`, and somebody has since deleted or merged it. `unknown`: the index is stuck, so nobody can tell
    yet.
    """

    kind: Literal["found", "absent", "deleted", "unknown"]
    leads: Sequence[Json] = ()
    lead_id: str = ""


def settle(
    organization: Organization,
    lost: Mapping[str, float],
    later: Sequence[LaterLead],
    clock: Callable[[], float],
) -> Iterator[tuple[str, Fate]]:
    """Yield the key and fate of each lost lead; `lost` has the time, by `clock`, at which each answer was lost.

    Each look covers all of them. `later` are the newest leads that Close answered. Raises any error that ends the
    search early.
    """
    if not lost:
        return
    waiting = dict(lost)
    look = Look(organization, list(waiting), later)
    while waiting:
        asked_at = clock()
        look.again(waiting)
        for key, lost_at in list(waiting.items()):
            fate = look.fate_of(key, lost_at, asked_at)
            if fate:
                del waiting[key]
                yield key, fate
        if waiting:
            organization.close.pause(max(SHORTEST_PAUSE, organization.index_lag / LOOKS_PER_LAG))


class Look:
    """What the event log and search have shown so far of the leads that we look for by key.

    `later` are the newest leads that Close answered.
    """

    def __init__(self, organization: Organization, keys: Sequence[str], later: Sequence[LaterLead]) -> None:
        journal = organization.journal
        self._organization = organization
        self._later = later
        self._deleted = journal.deleted()
        self._known = journal.lead_ids()
        self._ids: dict[str, set[str]] = defaultdict(set)
        self._from = min(lead.first_sent for lead in journal.leads(keys).values()) - EVENTS_FROM
        self._in_events: set[str] = set()
        self._in_search: set[str] = set()

    def copies(self, key: str) -> list[str]:
        """The ids of the leads seen with a key, without those that we deleted."""
        return sorted(self._ids[key] - self._deleted)

    def again(self, keys: Collection[str]) -> None:
        """Look once more, for all keys at once."""
        close, user_id = self._organization.close, self._organization.account.user_id
        began = close.now()
        for event in close.lead_events("created", by_user=user_id, since=self._from):
            self._in_events.add(event["object_id"])
            key = self._key_in(event)
            if key:
                self._ids[key].add(event["object_id"])
        self._from = max(self._from, began - EVENTS_AGAIN)
        for key, found in find_by_key(self._organization, [*keys, *(lead.key for lead in self._later)]).items():
            self._ids[key].update(lead["id"] for lead in found)
            self._in_search.update(lead["id"] for lead in found)

    def fate_of(self, key: str, lost_at: float, asked_at: float) -> Fate | None:
        """The fate of a lead as of the last look, at `asked_at`; None while it is too early to tell."""
        lag, shown = self._organization.index_lag, self.copies(key)
        if shown:
            copies = read_copies(self._organization.close, shown)
            return Fate("found", copies) if copies else Fate("deleted", lead_id=shown[0])
        if asked_at - lost_at < lag:
            return None
        since_then = {lead.lead_id for lead in self._later if lead.sent_at > lost_at}
        if not since_then or (since_then & self._in_events and since_then & self._in_search):
            return Fate("absent")
        return Fate("unknown") if asked_at - lost_at >= LAGS_UNTIL_UNKNOWN * lag else None

    def _key_in(self, event: Json) -> str:
        """The import key of the lead in an event; if the event does not include the lead, it is read by id."""
        column = self._organization.fields.key_column
        if event.get("data"):
            return str(event["data"].get(column) or "")
        if event["object_id"] in self._known:
            return ""
        self._known.add(event["object_id"])
        copies = read_copies(self._organization.close, [event["object_id"]])
        return str(copies[0].get(column) or "") if copies else ""
