"""What became of leads that were sent but whose answers were lost.

Close does not have idempotency keys, so such a lead is looked for by its import key, in the event log and in search.
Both lag, unevenly: one of them may show a lead that the other lacks, and a part of either may stand still while the
rest moves on. So time alone proves nothing, and neither does a single lead that was sent later and shows. A lead counts
as absent only if both lack it while they show every witness, that is every lead that Close answered after the answer
was lost. Each witness may lie in the part that holds the lost lead, so the more there are, the less can be hidden, and
the sooner they are believed; docs/architecture.md says how far this goes. Without a witness, the answer stays unknown
in this run. Whatever is shown is read by id before we rely on it. If the event log is not open to the API key's user,
search alone has to do, and never for less than ten lags.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from close.contents import Json
from close.errors import EventLogClosed
from close.journal_entries import SentLead
from importing.look_up import find_by_key, read_copies
from importing.missing_leads import is_deleted
from importing.organization import MOST_LAGS, Organization

EVENTS_FROM = timedelta(minutes=15)  # before the lead was first sent, for the log orders its entries as it gets them
EVENTS_AGAIN = timedelta(minutes=5)  # of the event log that each look reads again, because entries can be late
MOST_WITNESSES = 100  # so many are looked for with one search, and are believed after one index lag
LOOKS_PER_LAG = 4
SHORTEST_PAUSE = 0.5  # seconds between two looks

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Witness:
    """A lead that Close answered, and when it was sent by the monotonic clock."""

    sent_at: float
    key: str
    lead_id: str


@dataclass(frozen=True, slots=True)
class Lost:
    """An answer that was lost at `at`, by the monotonic clock; if in an earlier run, so many seconds before `at`."""

    at: float
    seconds_before: float = 0.0
    is_of_earlier_run: bool = False


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a lead whose answer was lost.

    `found`: `leads` has its copies, as read by id, oldest first. `absent`: Close does not have it. `deleted`: it was
    created as `lead_id`, and somebody has since deleted or merged it. `unknown`: nothing proves that it is absent.
    """

    kind: Literal["found", "absent", "deleted", "unknown"]
    leads: Sequence[Json] = ()
    lead_id: str = ""


def lost_earlier(organization: Organization, leads: Iterable[SentLead], now: float) -> dict[str, Lost]:
    """The answers that earlier runs lost, by key, as the journal knows them; `now` is by the monotonic clock."""
    close = organization.close
    return {lead.key: Lost(now, close.seconds_since(lead.last_sent), True) for lead in leads}


def settle(
    organization: Organization,
    lost: Mapping[str, Lost],
    witnesses: Sequence[Witness],
    clock: Callable[[], float],
    tell: Tell,
    patience: float = math.inf,
) -> Iterator[tuple[str, Fate]]:
    """Yield the key and fate of each lost lead. Each look covers all of them; `tell` hears how long it may take.

    A lead that is absent may still arrive while others are waited for, so the last look decides. `witnesses` are the
    newest leads that Close answered. What is not known after `patience` seconds is unknown. Raises any error that ends
    the search early.
    """
    if not lost:
        return
    waiting = dict(lost)
    look = Look(organization, list(waiting), witnesses)
    longest = MOST_LAGS * organization.index_lag
    told_at = -longest
    pause, last_at = max(SHORTEST_PAUSE, organization.index_lag / LOOKS_PER_LAG), clock() + patience
    while waiting:
        asked_at = clock()
        absent: set[str] = set()
        look.again(waiting)
        for key, each in list(waiting.items()):
            fate = look.fate_of(key, each, asked_at)
            if fate and fate.kind == "absent":
                absent.add(key)
            elif fate:
                del waiting[key]
                yield key, fate
        unclear = [each for key, each in waiting.items() if key not in absent]
        if not unclear or clock() + pause > last_at:
            yield from ((key, Fate("absent" if key in absent else "unknown")) for key in waiting)
            return
        if clock() - told_at >= organization.index_lag:
            told_at = clock()
            left = max(longest - _elapsed(each, told_at) for each in unclear)
            tell(_waiting_words(len(unclear), left, has_log=not organization.close.is_log_closed))
        organization.close.pause(pause)


def _elapsed(lost: Lost, now: float) -> float:
    return now - lost.at + lost.seconds_before


def _waiting_words(count: int, seconds: float, *, has_log: bool) -> str:
    leads, they = ("1 lead", "it") if count == 1 else (f"{count} leads", "they")
    where, lag = ("event log and search show", "both") if has_log else ("search shows", "it")
    closed = "" if has_log else " The event log, which would tell sooner, is not open to the API key's user."
    return (
        f"Close's answer was lost for {leads}. Waiting until Close's {where} whether {they} arrived, "
        f"because {lag} can lag: up to {max(0.0, seconds):.0f} s more.{closed}"
    )


class Look:
    """What the event log and search have shown so far of the leads that we look for by key, and of the witnesses."""

    def __init__(self, organization: Organization, keys: Sequence[str], witnesses: Sequence[Witness]) -> None:
        sent = organization.journal.leads(keys).values()
        self._organization = organization
        self._witnesses = witnesses[-MOST_WITNESSES:]
        self._deleted = organization.journal.deleted()
        self._known = organization.journal.lead_ids()
        user_id = organization.account.user_id  # of the witnesses that this run sends
        self._senders = sorted({user_id, *(lead.sender or user_id for lead in sent)})
        self._ids: dict[str, set[str]] = defaultdict(set)
        self._from = min(lead.first_sent for lead in sent) - EVENTS_FROM
        self._in_events: set[str] = set()
        self._in_search: set[str] = set()
        self._gone_since: dict[str, float] = {}
        self._hidden: set[str] = set()  # witnesses that exist, but did not show when they were last looked for
        self._gone: set[str] = set()  # witnesses that somebody has deleted

    def copies(self, key: str) -> list[str]:
        """The ids of the leads seen with a key, without those that we deleted."""
        return sorted(self._ids[key] - self._deleted)

    def again(self, keys: Collection[str]) -> None:
        """Look once more, for all keys at once."""
        noted = self._organization.close.noted_by_now()
        self._hidden.clear()
        self._in_search.clear()  # a search that lacks what the one before it showed is an older one, and proves nothing
        with suppress(EventLogClosed):
            self._read_events()
        self._from = max(self._from, noted - EVENTS_AGAIN)
        asked = [*keys, *(witness.key for witness in self._witnesses)]
        for key, found in find_by_key(self._organization, asked).items():
            self._ids[key].update(lead["id"] for lead in found)
            self._in_search.update(lead["id"] for lead in found)

    def _read_events(self) -> None:
        for sender in self._senders:
            for event in self._organization.close.lead_events("created", by_user=sender, since=self._from):
                self._in_events.add(event["object_id"])
                key = self._key_in(event)
                if key:
                    self._ids[key].add(event["object_id"])

    def fate_of(self, key: str, lost: Lost, asked_at: float) -> Fate | None:
        """The fate of a lead as of the last look, at `asked_at`; None while it is too early to tell."""
        shown, elapsed = self.copies(key), _elapsed(lost, asked_at)
        if shown:
            return self._fate_of_shown(key, shown, asked_at)
        longest = MOST_LAGS * self._organization.index_lag
        if self._is_proved_absent(lost, elapsed / longest if longest else 1.0):
            return Fate("absent")
        if elapsed < longest:
            return None
        return Fate("absent" if lost.is_of_earlier_run else "unknown")

    def _fate_of_shown(self, key: str, shown: Sequence[str], asked_at: float) -> Fate | None:
        """The fate of a lead that was seen: that it can't be read may be for a moment, unless it was deleted."""
        copies = read_copies(self._organization.close, shown)
        if copies:
            return Fate("found", copies)
        gone_for = asked_at - self._gone_since.setdefault(key, asked_at)
        is_over = gone_for >= self._organization.index_lag
        if is_over or all(is_deleted(self._organization.close, lead_id) for lead_id in shown):
            return Fate("deleted", lead_id=shown[0])
        return None

    def _is_proved_absent(self, lost: Lost, share_of_time: float) -> bool:
        """Whether enough time has passed for the number of witnesses, and event log and search show all of them.

        A hundred need one index lag. Fewer need more, up to ten: less of what may lag is known to have moved on. All
        need ten where search has to prove it alone.
        """
        after = [witness for witness in self._witnesses if witness.sent_at > lost.at]
        worth = 0.0 if self._organization.close.is_log_closed else len(after) / MOST_WITNESSES
        if not after or share_of_time < max(1 / MOST_LAGS, 1 - worth):
            return False
        return not any(self._is_hidden(witness.lead_id) for witness in after) and len(self._gone) < len(after)

    def _is_hidden(self, lead_id: str) -> bool:
        """Whether a lead exists that the event log or search does not show."""
        is_in_events = lead_id in self._in_events or self._organization.close.is_log_closed
        if lead_id in self._gone or (is_in_events and lead_id in self._in_search):
            return False
        if lead_id not in self._hidden:
            (self._gone if is_deleted(self._organization.close, lead_id) else self._hidden).add(lead_id)
        return lead_id in self._hidden

    def _key_in(self, event: Json) -> str:
        """The import key of the lead in an event; if the event does not include the lead, it is read by id."""
        column = self._organization.fields.key_column
        if event.get("data"):
            return str(event["data"].get(column) or "")
        if event["object_id"] in self._known:
            return ""
        copies = read_copies(self._organization.close, [event["object_id"]])
        self._known.update(copy["id"] for copy in copies)
        return str(copies[0].get(column) or "") if copies else ""
