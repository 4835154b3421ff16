"""The objects of one organization. A change is stored, logged and passed to the index as a whole, or not made.

Documents are never changed in place: a change puts a new one. So a document can be read without a lock.
"""

from __future__ import annotations

import gc
import itertools
import random
import string
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox.answers import Document
from sandbox.disk import Disk
from sandbox.index import EventLog, Index, Lag

PREFIXES = {
    "organization": "orga_",
    "user": "user_",
    "status": "stat_",
    "custom_field": "cf_",
    "lead": "lead_",
    "contact": "cont_",
    "activity": "acti_",
    "task": "task_",
    "opportunity": "oppo_",
    "saved_search": "save_",
}
CHILDREN = ("contact", "activity", "task", "opportunity")  # what belongs to a lead and goes with it

EVENT_TYPES = {
    "lead": "lead",
    "contact": "contact",
    "custom_field": "custom_fields.lead",
    "status": "status.lead",
    "task": "task.lead",
    "opportunity": "opportunity",
}
ACTIVITY_EVENT_TYPES = {
    "Note": "activity.note",
    "LeadStatusChange": "activity.lead_status_change",
    "LeadMerge": "activity.lead_merge",
}
# A lead's tasks, opportunities and contact details change without an `updated` event of the lead.
UNTRACKED = frozenset({"date_updated", "updated_by", "contacts", "tasks", "opportunities", "display_name"})

LISTED = ("activity", "task", "opportunity")  # lists of these may lag
COLLEAGUE = {"email": "colleague@example.com", "first_name": "Colleague", "last_name": "Of Sandbox"}
USER = {"email": "sandbox@example.com", "first_name": "Sandbox", "last_name": "User"}
LEAD_STATUSES = ("Potential", "To qualify", "Prospect")  # a new lead has the first
CURRENCY_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
OPPORTUNITY_STATUSES = ("Active", "Won", "Lost")
EVENTS_KEPT = timedelta(days=30)
LEADS_AT_A_TIME = 100  # in one change, if all of them change
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ALPHABET = string.ascii_letters + string.digits
_letters = random.Random()  # seeded by the operating system, so that no two runs draw the same ids


def draw_ids_from(seed: int) -> None:
    """Let all ids from now on be those that any sandbox draws from this seed."""
    _letters.seed(seed)


def new_id(prefix: str, length: int = 43) -> str:
    """An id that no other object has, in this or any other state file."""
    return prefix + "".join(_letters.choices(ALPHABET, k=length))


@dataclass(frozen=True)
class Origin:
    """Who asked for a change, and with which request."""

    method: str
    path: str
    api_key_id: str | None = None
    request_id: str = field(default_factory=lambda: new_id("req_", 22))


class Store:
    """Objects by kind and id, the index that lags behind them, and the log of what happened to them."""

    def __init__(
        self,
        *,
        state: Path | None,
        index_lag: Lag,
        event_lag: Lag,
        clock: Callable[[], float],
        currency: str,
        list_lag: Lag = 0.0,
        shard_lags: Sequence[float] = (),
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._lock = threading.RLock()
        self._objects: dict[str, dict[str, Document]] = {kind: {} for kind in PREFIXES}
        self._of_lead: dict[str, dict[str, dict[str, Document]]] = {kind: {} for kind in CHILDREN}
        self._last_microsecond = 0
        self._wall_ns = wall_ns
        self.index = Index(index_lag, clock)
        self._late_lists = Index(list_lag, clock, LISTED) if list_lag else None
        self._shard_lags = itertools.cycle(shard_lags or [0.0])
        self._lag_of_lead: dict[str, float] = defaultdict(lambda: next(self._shard_lags))
        self._acting = threading.local()
        self.events = EventLog(event_lag, clock)
        self._disk = Disk(state) if state else None
        self._load()
        if not self._objects["organization"]:
            self._found(currency)
        self.organization = next(iter(self._objects["organization"].values()))
        self.users = list(self._objects["user"].values())

    def find(self, kind: str, object_id: object) -> Document | None:
        return self._objects[kind].get(object_id) if isinstance(object_id, str) else None

    def all(self, kind: str) -> list[Document]:
        """Every object of the kind, oldest first."""
        with self._lock:
            return list(self._objects[kind].values())

    def count(self, kind: str) -> int:
        return len(self._objects[kind])

    def of_lead(self, kind: str, lead_id: str) -> list[Document]:
        """The lead's children of that kind, oldest first."""
        with self._lock:
            return list(self._of_lead[kind].get(lead_id, {}).values())

    def listed(self, kind: str) -> list[Document]:
        """The objects of the kind as a list shows them, oldest first; activities may lag."""
        if kind in LISTED and self._late_lists:
            return self._late_lists.documents(kind)
        return self.all(kind)

    def listed_of_lead(self, kind: str, lead_id: str) -> list[Document]:
        """The same for the lead's children of that kind."""
        if kind in LISTED and self._late_lists:
            return [document for document in self.listed(kind) if document["lead_id"] == lead_id]
        return self.of_lead(kind, lead_id)

    @property
    def user(self) -> Document:
        """The user whose request is answered at the moment."""
        return self.users[getattr(self._acting, "position", 0)]

    @contextmanager
    def as_user(self, *, is_colleague: bool) -> Iterator[None]:
        """Let what happens in the block be done by the first user, or by their colleague."""
        self._acting.position = int(is_colleague)
        try:
            yield
        finally:
            self._acting.position = 0

    def instant(self) -> datetime:
        """The present moment by the clock on the wall."""
        return EPOCH + timedelta(microseconds=self._wall_ns() // 1000)

    def now(self) -> str:
        """The present moment, always later than any given before."""
        with self._lock:
            self._last_microsecond = max(self._wall_ns() // 1000, self._last_microsecond + 1)
            return (EPOCH + timedelta(microseconds=self._last_microsecond)).isoformat(timespec="microseconds")

    def stamps(self) -> Document:
        """The fields that say who made an object and when."""
        now, user = self.now(), self.user["id"]
        return {
            "organization_id": self.organization["id"],
            "created_by": user,
            "updated_by": user,
            "date_created": now,
            "date_updated": now,
        }

    @contextmanager
    def change(self, origin: Origin) -> Iterator[Change]:
        """An isolated change; it is made when the block ends, unless the block raises."""
        with self._lock:
            change = Change(self, origin)
            yield change
            if self._disk:
                self._disk.write(change.puts, change.removals, change.events)
            self._apply(change)

    def change_each_lead(self, origin: Origin, changed: Callable[[Document], Document | None]) -> None:
        """Put what `changed` returns for each lead, unless None; a few at a time, so that others need not wait long."""
        leads = self.all("lead")
        for first in range(0, len(leads), LEADS_AT_A_TIME):
            with self.change(origin) as change:
                change.put_leads(leads[first : first + LEADS_AT_A_TIME], changed)
            time.sleep(0)  # lets a thread that waits for the lock have it

    def close(self) -> None:
        with self._lock:
            if self._disk:
                self._disk.close()

    def _apply(self, change: Change) -> None:
        for kind, document in change.puts:
            self._remember(kind, document)
            self._note_for_lists(kind, document["id"], document)
        for kind, object_id in change.removals:
            self._forget(kind, object_id)
            self._note_for_lists(kind, object_id, None)
        for event in change.events:
            self.events.add(event, self._lag_of_lead[event["lead_id"]] if event["lead_id"] else 0.0)

    def _note_for_lists(self, kind: str, object_id: str, document: Document | None) -> None:
        lead_id = object_id if kind == "lead" else (document or {}).get("lead_id")
        self.index.note(kind, object_id, document, self._lag_of_lead[lead_id] if lead_id else 0.0)
        if self._late_lists:
            self._late_lists.note(kind, object_id, document)

    def _remember(self, kind: str, document: Document) -> None:
        before = self._objects[kind].get(document["id"])
        self._objects[kind][document["id"]] = document
        if kind not in CHILDREN:
            return
        if before and before["lead_id"] != document["lead_id"]:
            self._of_lead[kind][before["lead_id"]].pop(document["id"])
        self._of_lead[kind].setdefault(document["lead_id"], {})[document["id"]] = document

    def _forget(self, kind: str, object_id: str) -> None:
        document = self._objects[kind].pop(object_id)
        if kind in CHILDREN:
            self._of_lead[kind].get(document["lead_id"], {}).pop(object_id, None)
        for children in self._of_lead.values() if kind == "lead" else ():
            children.pop(object_id, None)

    def _load(self) -> None:
        if not self._disk:
            return
        with _without_collecting():
            for kind, document in self._disk.objects():
                self._remember(kind, document)
                self.index.load(kind, document)
                if self._late_lists:
                    self._late_lists.load(kind, document)
            self._load_events(self._disk)

    def _load_events(self, disk: Disk) -> None:
        oldest = self.instant() - EVENTS_KEPT
        newest = ""
        for date_created, event in disk.events_since(without_offset(oldest.isoformat(timespec="microseconds"))):
            self.events.load(event)
            newest = date_created
        if newest:
            since_epoch = datetime.fromisoformat(newest + "+00:00") - EPOCH
            self._last_microsecond = since_epoch // timedelta(microseconds=1)

    def _found(self, currency: str) -> None:
        """Create the organization with its user and its lead statuses."""
        now = self.now()
        user_id = new_id("user_")
        dates = {"date_created": now, "date_updated": now}
        organization = {**_new_organization(currency), **dates, "created_by": user_id, "updated_by": user_id}
        founding = Change(self, Origin("", ""), logged=False)
        founding.put("organization", organization)
        founding.put("user", {"id": user_id, **USER, **dates})
        founding.put("user", {"id": new_id("user_"), **COLLEAGUE, **dates})
        for label in LEAD_STATUSES:
            founding.put("status", {"id": new_id("stat_"), "label": label, "organization_id": organization["id"]})
        if self._disk:
            self._disk.write(founding.puts, [], [])
        self._apply(founding)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """No garbage collection in the block, nor later of what it made; it would take most of the time of a large load."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()


def _new_organization(currency: str) -> Document:
    statuses = [{"id": new_id("stat_"), "label": label, "type": label.lower()} for label in OPPORTUNITY_STATUSES]
    return {
        "id": new_id("orga_"),
        "name": "Sandbox",
        "currency": currency,
        "currency_symbol": CURRENCY_SYMBOLS.get(currency, currency),
        "role_id": new_id("role_"),
        "membership_id": new_id("memb_"),
        "pipelines": [{"id": new_id("pipe_"), "name": "Sales", "statuses": statuses}],
    }


class Change:
    """What one request puts and removes, with the events that record it."""

    def __init__(self, store: Store, origin: Origin, *, logged: bool = True) -> None:
        self._store = store
        self._origin = origin
        self._logged = logged
        self.meta: Document = {"request_method": origin.method, "request_path": origin.path}
        self.puts: list[tuple[str, Document]] = []
        self._latest: dict[tuple[str, str], Document] = {}
        self.removals: list[tuple[str, str]] = []
        self.events: list[Document] = []

    def put(self, kind: str, document: Document) -> None:
        """Add the object, or replace it with this version."""
        before = self._latest.get((kind, document["id"])) or self._store.find(kind, document["id"])
        self._latest[kind, document["id"]] = document
        self.puts.append((kind, document))
        if before is None:
            self.log("created", kind, document, document, {}, [])
            return
        keys = (before.keys() | document.keys()) - UNTRACKED
        changed = sorted(key for key in keys if before.get(key) != document.get(key))
        if changed:
            previous = {key: before.get(key) for key in changed}
            self.log("updated", kind, document, document, previous, changed)

    def put_leads(self, leads: Iterable[Document], changed: Callable[[Document], Document | None]) -> None:
        """Put what `changed` returns for each lead that still exists, unless that is None."""
        for lead in leads:
            current = self._store.find("lead", lead["id"])
            document = changed(current) if current else None
            if document is not None:
                self.put("lead", document)

    def remove(self, kind: str, document: Document, *, with_children: bool = True) -> None:
        """Delete the object and, for a lead, everything that belongs to it."""
        for child in CHILDREN if kind == "lead" and with_children else ():
            for belonging in self._store.of_lead(child, document["id"]):
                self.remove(child, belonging)
        self.removals.append((kind, document["id"]))
        self.log("deleted", kind, document, {}, document, [])

    def log(
        self, action: str, kind: str, about: Document, now: Document, previous: Document, changed: list[str]
    ) -> None:
        """Add an event if Close has one for objects of this kind."""
        object_type = ACTIVITY_EVENT_TYPES.get(about["_type"]) if kind == "activity" else EVENT_TYPES.get(kind)
        if not self._logged or object_type is None:
            return
        moment = without_offset(self._store.now())
        self.events.append(
            {
                "id": new_id("ev_", 22),
                "date_created": moment,
                "date_updated": moment,
                "action": action,
                "object_type": object_type,
                "object_id": about["id"],
                "lead_id": about["id"] if kind == "lead" else about.get("lead_id"),
                "organization_id": self._store.organization["id"],
                "user_id": self._store.user["id"],
                "request_id": self._origin.request_id,
                "api_key_id": self._origin.api_key_id,
                "changed_fields": changed,
                "meta": self.meta,
                "data": now,
                "previous_data": previous,
            }
        )


def without_offset(moment: str) -> str:
    """The moment as the event log writes it: in UTC, but without an offset."""
    return moment.removesuffix("+00:00")
