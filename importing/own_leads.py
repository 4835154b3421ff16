"""What became of what was sent and whose answer was lost: a lead, a second copy of one, a change to one.

Close has no idempotency key, so a lead whose answer was lost is looked for by its import key: in the event log, and in
search, which lags. It counts as absent only once the lag has passed and both show a lead that was made after it.
What they show is read by id before anything rests on it.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from close.journal import Change, Journal, SentLead
from close_client import (
    CloseClient,
    CloseUnreachable,
    Json,
    NotFound,
    any_of,
    contact_content,
    custom_field,
    has_value,
    lead_content,
)

KEYS_PER_SEARCH = 100  # import keys looked up with one request
EVENTS_FROM = timedelta(minutes=15)  # before the first sending: Close's clock and ours may differ
EVENTS_AGAIN = timedelta(minutes=5)  # of the event log are read again at each look, for entries can come late
CLOCKS_AGREE = timedelta(seconds=2)  # within this: `Date` has whole seconds, and Close has many machines
LATEST_LEADS = 3  # answered leads of which one is waited for in the index before anything is sent again
LOOKS_PER_LAG = 4
SHORTEST_PAUSE = 0.5  # seconds between two looks
LAGS_UNTIL_UNKNOWN = 10  # after so many the index stands still, and nobody can tell
CREATION = "Created"  # the activity that Close itself notes when a lead is made


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look: the organisation's user of this key, the custom field for import keys, the lag in seconds."""

    user_id: str
    key_field: str
    index_lag: float

    @property
    def column(self) -> str:
        """The key under which a lead holds its import key."""
        return f"custom.{self.key_field}"


@dataclass(frozen=True, slots=True)
class LaterLead:
    """A lead that Close answered to: once it shows, whatever was sent before `sent_at` would show as well."""

    sent_at: float
    key: str
    lead_id: str


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a lead whose answer was lost.

    `found`: `leads` has what was read of it, the oldest copy first. `absent`: Close does not have it. `deleted`: it was
    made, as `lead_id`, and somebody has deleted or merged it since. `unknown`: the index stands still, so nobody can
    tell yet.
    """

    kind: Literal["found", "absent", "deleted", "unknown"]
    leads: Sequence[Json] = ()
    lead_id: str = ""


def settle(
    close: CloseClient,
    journal: Journal,
    place: Place,
    lost: Mapping[str, float],
    later: Sequence[LaterLead],
    clock: Callable[[], float],
) -> Iterator[tuple[str, Fate]]:
    """Yield the key and the fate of each lost lead, given with the time (by `clock`) at which its answer was lost.

    One look serves all. `later` are the newest leads that Close answered to. Raises what ends the looking early.
    """
    if not lost:
        return
    waiting = dict(lost)
    look = Look(close, journal, place, list(waiting), later)
    while waiting:
        asked_at = clock()
        look.again(waiting)
        for key, lost_at in list(waiting.items()):
            fate = _fate(close, place, look, later, key, lost_at, asked_at)
            if fate:
                del waiting[key]
                yield key, fate
        if waiting:
            close.pause(max(SHORTEST_PAUSE, place.index_lag / LOOKS_PER_LAG))


def _fate(
    close: CloseClient,
    place: Place,
    look: "Look",
    later: Sequence[LaterLead],
    key: str,
    lost_at: float,
    asked_at: float,
) -> Fate | None:
    """The fate of one lead, None while it is too early to tell."""
    shown = look.copies(key)
    if shown:
        copies = read_copies(close, shown)
        return Fate("found", copies) if copies else Fate("deleted", lead_id=shown[0])
    if asked_at - lost_at < place.index_lag:
        return None
    since_then = {lead.lead_id for lead in later if lead.sent_at > lost_at}
    if not since_then or (since_then & look.in_events and since_then & look.in_search):
        return Fate("absent")
    return Fate("unknown") if asked_at - lost_at >= LAGS_UNTIL_UNKNOWN * place.index_lag else None


class Look:
    """What the event log and search have shown so far of the leads that are looked for."""

    def __init__(
        self, close: CloseClient, journal: Journal, place: Place, keys: Sequence[str], later: Sequence[LaterLead]
    ) -> None:
        self._close = close
        self._place = place
        self._deleted = journal.deleted()
        self._known = journal.lead_ids()
        self._later_keys = [lead.key for lead in later]
        self._ids: dict[str, set[str]] = defaultdict(set)
        self._from = min(lead.first_sent for lead in journal.leads(keys).values()) - EVENTS_FROM
        self.in_events: set[str] = set()
        self.in_search: set[str] = set()

    def copies(self, key: str) -> list[str]:
        """The ids of the leads that were seen with a key, but for those that we deleted."""
        return sorted(self._ids[key] - self._deleted)

    def again(self, keys: Collection[str]) -> None:
        """Look once more, for all keys at a time."""
        began = self._close.now()
        for event in self._close.lead_events("created", by_user=self._place.user_id, since=self._from):
            self.in_events.add(event["object_id"])
            key = self._key_in(event)
            if key:
                self._ids[key].add(event["object_id"])
        self._from = max(self._from, began - EVENTS_AGAIN)
        for key, found in find_by_key(self._close, self._place.column, [*keys, *self._later_keys]).items():
            self._ids[key].update(lead["id"] for lead in found)
            self.in_search.update(lead["id"] for lead in found)

    def _key_in(self, event: Json) -> str:
        """The import key of the lead that an event tells of; where the event hides the lead it is read by id."""
        if event.get("data"):
            return str(event["data"].get(self._place.column) or "")
        if event["object_id"] in self._known:
            return ""
        self._known.add(event["object_id"])
        copies = read_copies(self._close, [event["object_id"]])
        return str(copies[0].get(self._place.column) or "") if copies else ""


def find_by_key(
    close: CloseClient,
    column: str,
    keys: Sequence[str],
    fields: Sequence[str] = ("id",),
    each: Callable[..., Iterable[list[Json]]] = map,
) -> dict[str, list[Json]]:
    """The leads that the index shows for some import keys, by key, as dicts of `fields`.

    `each` runs the searches: `map` one after the other, the `map` of a pool side by side.
    """
    field_id = column.removeprefix("custom.")

    def search(some: Sequence[str]) -> list[Json]:
        condition = any_of([has_value(custom_field(field_id), key) for key in some])
        return list(close.find_leads(condition, [*fields, column]))

    found: dict[str, list[Json]] = defaultdict(list)
    for shown in each(search, [keys[at : at + KEYS_PER_SEARCH] for at in range(0, len(keys), KEYS_PER_SEARCH)]):
        for lead in shown:
            found[lead.get(column) or ""].append(lead)
    return dict(found)


def read_copies(close: CloseClient, lead_ids: Sequence[str]) -> list[Json]:
    """The leads of some ids that exist, read by id, the oldest first."""
    copies = []
    for lead_id in lead_ids:
        try:
            copies.append(close.read_lead(lead_id))
        except NotFound:
            continue
    return sorted(copies, key=_by_creation)


def _by_creation(lead: Json) -> tuple[str, str]:
    return lead.get("date_created") or "", lead["id"]


# Doubles -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Copies:
    """The copies of one lead after our doubles were removed, the oldest first; none where none exists any more."""

    left: list[Json] = field(default_factory=list)
    removed: int = 0


def remove_doubles(close: CloseClient, journal: Journal, place: Place, key: str, lead_ids: Sequence[str]) -> Copies:
    """Delete the copies of a lead that we sent, that nobody has touched, and that are not the oldest.

    Two machines that made one lead at the same time both keep the oldest, so that they never delete both.
    """
    copies = read_copies(close, lead_ids)
    if len(copies) <= 1:
        return Copies(copies)
    sent = journal.leads([key]).get(key)
    oldest, *newer = copies
    left = [oldest]
    for copy in newer:
        answered = sent and _as_answered(close, place, sent, copy)
        if sent and answered and not why_not_ours_to_delete(close, copy, answered):
            _delete_double(close, journal, place, sent, copy, oldest)
        else:
            left.append(copy)
    return Copies(left, len(copies) - len(left))


def _delete_double(
    close: CloseClient, journal: Journal, place: Place, sent: SentLead, copy: Json, oldest: Json
) -> None:
    """Delete a copy; where the one that stays is ours too, the journal says so first."""
    stays = _as_answered(close, place, sent, oldest)
    if stays:
        journal.note_created(sent.key, kept(stays))
    with suppress(NotFound):
        close.delete_lead(copy["id"])
    if not stays:
        journal.note_removed(sent.key, oldest["id"])
    journal.note_deleted(copy["id"], oldest["id"])


def is_ours(place: Place, sent: SentLead, lead: Json) -> bool:
    """Whether a lead can be what we sent: made by this key's user, and not before we first sent it."""
    if lead.get("created_by") not in (None, place.user_id):
        return False
    made = lead.get("date_created")
    return not made or datetime.fromisoformat(made) >= sent.first_sent - CLOCKS_AGREE


def adopt(close: CloseClient, journal: Journal, place: Place, key: str, copies: Sequence[Json]) -> Json:
    """The lead to go on with, of the copies that were found of one whose answer was lost: ours, if one can be.

    The journal then knows it as the one that we made, or as another's.
    """
    sent = journal.leads([key])[key]
    ours = next((copy for copy in copies if is_ours(place, sent, copy)), None)
    if ours:
        journal.note_created(key, kept(_as_made(close, place, ours)))
    else:
        journal.note_removed(key, copies[0]["id"])
    found = ours or copies[0]
    journal.note_reading(kept(found))
    return found


def _as_made(close: CloseClient, place: Place, lead: Json) -> Json:
    """A lead as it was when it was made, as far as its event tells: somebody may have changed it since."""
    told = _told_when_made(close, place, lead["id"])
    unsaid = {name: lead.get(name) for name in ("id", "html_url", "date_created", "date_updated", "contacts")}
    return {**unsaid, **told} if told else lead


def _told_when_made(close: CloseClient, place: Place, lead_id: str) -> Json | None:
    """The lead in the event of its creation by our user, None where there is none, or where it hides the lead."""
    created = next(close.lead_events("created", by_user=place.user_id, of_lead=lead_id), None)
    return (created.get("data") or None) if created else None


def _as_answered(close: CloseClient, place: Place, sent: SentLead, copy: Json) -> Json | None:
    """What Close answered when we sent a copy: as noted, else, where that answer was lost, as its event tells.

    None where the journal does not show that we sent it.
    """
    if sent.lead_id == copy["id"]:
        return sent.lead
    is_accounted_for = bool(sent.lead_id) and sent.sends < 2
    if sent.state not in ("sending", "created") or is_accounted_for or not is_ours(place, sent, copy):
        return None
    return _told_when_made(close, place, copy["id"])


def why_not_ours_to_delete(close: CloseClient, lead: Json, answered: Json) -> str:
    """Why a lead that we made must stay: somebody changed it or worked on it since. "" where nobody did."""
    if lead_content(lead) != lead_content(answered):
        return "it was changed in Close since"
    kinds = sorted({str(activity.get("_type")) for activity in close.activities(lead["id"])} - {CREATION})
    if kinds:
        return f"it has activities in Close: {', '.join(kinds)}"
    if next(close.tasks(lead["id"]), None):
        return "it has a task in Close"
    if next(close.opportunities(lead["id"]), None):
        return "it has an opportunity in Close"
    return ""


# Changes whose answer was lost ---------------------------------------------------------------------------------------

BETWEEN_READINGS = 1.0  # seconds
MOST_READINGS = 10


def read_settled(close: CloseClient, lead_id: str) -> Json:
    """A lead as two readings in a row agree on it: a write whose answer was lost may still be under way.

    Raises NotFound, and CloseUnreachable where no two readings agree.
    """
    last = close.read_lead(lead_id)
    for _ in range(MOST_READINGS):
        close.pause(BETWEEN_READINGS)
        again = close.read_lead(lead_id)
        if lead_content(again) == lead_content(last):
            return again
        last = again
    raise CloseUnreachable("a lead keeps changing while it is read")


def settle_changes(journal: Journal, lead: Json, changes: Sequence[Change]) -> None:
    """Note of each change whose answer was lost whether it was carried out, as a settled reading of its lead shows.

    Where somebody has changed it since, what was sent is noted as answered: an undo must not take that for ours.
    """
    known = {change.target for change in changes if change.state == "done"}
    for change in changes:
        if change.state != "sending":
            continue
        target = _changed_target(lead, change, known)
        if target is None:
            journal.note_void(change.number)
            continue
        known.add(target["id"])
        journal.note_changed(change.number, target["id"], _as_sent(target, change))


def _as_sent(target: Json, change: Change) -> Json:
    """What Close must have answered to a change: the target's content, with what was sent where that differs by now."""
    content = lead_content(target) if change.kind == "lead" else contact_content(target)
    is_new = change.kind == "new contact"
    answered = contact_content({**change.sent, "id": target["id"]}) if is_new else {**content, **_sent_content(change)}
    return {
        name: content[name] if _folded(content.get(name)) == _folded(value) else value
        for name, value in answered.items()
    }


def _changed_target(lead: Json, change: Change, known: Collection[str]) -> Json | None:
    """The lead or the contact that holds what a change sent, or at least a part of it; None where nothing does."""
    if change.kind == "lead":
        return lead if _shows(lead_content(lead), change) else None
    before = set(change.before.get("contact_ids", ())) | set(known)
    candidates = [
        contact
        for contact in lead.get("contacts") or []
        if (contact["id"] == change.target if change.kind == "contact" else contact["id"] not in before)
    ]
    whole = [contact for contact in candidates if _holds(contact_content(contact), change)]
    return next(iter([*whole, *(each for each in candidates if _shows(contact_content(each), change))]), None)


def _sent_content(change: Change) -> Json:
    content = lead_content(change.sent) if change.kind == "lead" else contact_content(change.sent)
    return {name: content[name] for name in change.sent if name in content}


def _folded(value: Any) -> Any:
    """A value as it is compared with what was sent: Close may write e-mails in lower case."""
    if isinstance(value, list):
        return [_folded(item) for item in value]
    return {**value, "email": value["email"].casefold()} if isinstance(value, dict) and "email" in value else value


def _holds(content: Json, change: Change) -> bool:
    """Whether a content has all that a change sent."""
    return all(_folded(content.get(name)) == _folded(value) for name, value in _sent_content(change).items())


def _shows(content: Json, change: Change) -> bool:
    """Whether a content has a value that a change sent and that was not there before: all of a change is done or none,
    so somebody has changed the rest since."""
    for name, value in _sent_content(change).items():
        sent, now, before = (_folded(each) for each in (value, content.get(name), change.before.get(name)))
        if isinstance(sent, list):
            if any(item in (now or []) and item not in (before or []) for item in sent):
                return True
        elif sent and now == sent != before:
            return True
    return False


def kept(lead: Json) -> Json:
    """What the journal keeps of a lead: its content, with its id, its link and its dates."""
    return {
        **{name: lead.get(name) or "" for name in ("id", "html_url", "date_created", "date_updated")},
        **lead_content(lead),
    }
