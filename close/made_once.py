"""Things that Close knows by a name, custom fields and statuses, each made once although answers get lost.

Close makes a second one without a word. So a request is noted before it leaves, and after a lost answer Close's own
list is read again and again for one lag before the request is repeated. If the first request arrives all the same,
there are two things of one name: a custom field that we made and nobody fills is then deleted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

from cells.lead_fields import LeadField
from close.conditions import custom_field, is_filled
from close.contents import Json
from close.errors import CloseError, CloseUnreachable, NotFound, OutcomeUnknown, RequestRejected
from close.journal import Journal
from close.journal_entries import SentThing

ATTEMPTS = 5  # to make one thing when answers are lost
LOOKS_PER_LAG = 4
SHORTEST_PAUSE = 0.5  # seconds between two looks
MOST_LAGS = 10  # after which nothing can be on its way any more
STATUS = "status: "  # before the name of a status in the journal, which notes custom fields by their names alone

Result = TypeVar("Result")
Thing = TypeVar("Thing")
Tell = Callable[[str], None]


class Client(Protocol):
    """What is needed of a client for Close."""

    def now(self) -> datetime: ...
    def seconds_since(self, moment: datetime) -> float: ...
    def pause(self, seconds: float) -> None: ...
    def on_fresh_reading(self, attempt: Callable[[], Result]) -> Result: ...
    def lead_fields(self) -> list[LeadField]: ...
    def create_lead_field(self, name: str, kind: str) -> LeadField: ...
    def delete_lead_field(self, field_id: str) -> None: ...
    def create_lead_status(self, label: str) -> Json: ...
    def lead_statuses(self) -> list[Json]: ...
    def count_leads(self, condition: Json) -> int: ...


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes custom fields and statuses, each once, for the user with this id.

    `lag` is the number of seconds after which we assume that Close's lists show what was made.
    """

    close: Client
    journal: Journal
    user_id: str
    lag: float

    def make_field(self, name: str, kind: str) -> LeadField:
        """A lead custom field, made unless Close shows it. Raises OutcomeUnknown if answers were lost several times."""
        make = partial(self.close.create_lead_field, name, kind)
        made = self._make(name, make, lambda: bool(self._fields_named(name)))
        return _first([*self._fields_named(name), *([made] if made else [])], name)

    def make_status(self, label: str) -> Json:
        """A lead status with its `id` and `label`, made unless Close shows it. Raises OutcomeUnknown as for a field."""
        make = partial(self.close.create_lead_status, label)
        made = self._make(f"{STATUS}{label}", make, lambda: bool(self._statuses_named(label)))
        return _first([*self._statuses_named(label), *([made] if made else [])], label)

    def remove_doubles(self, tell: Tell) -> None:
        """Delete second custom fields of a name that we made and nobody fills; `tell` hears of all that must stay."""
        unsettled = self.journal.unsettled_things()
        fields = self.close.lead_fields() if unsettled else []
        statuses = self.close.lead_statuses() if any(name.startswith(STATUS) for name in unsettled) else []
        for noted_as, sent in unsettled.items():
            if noted_as.startswith(STATUS):
                there = [s["id"] for s in statuses if s["label"] == noted_as.removeprefix(STATUS)]
                left, what = there[1:], "lead status"
            else:
                there = [field.id for field in fields if field.name == noted_as]
                doubles = doubles_named(fields, noted_as, self.journal)
                left, what = [field.id for field in doubles if not self._is_removed(field, sent)], "lead custom field"
            for thing in left:
                tell(
                    f"Close has a second {what} named {noted_as.removeprefix(STATUS)!r} ({thing}), because an answer "
                    "from Close was lost. Move what uses it to the first one, then delete it in Close (Settings)."
                )
            is_over = sent.sends < 2 or self.close.seconds_since(sent.last_sent) >= MOST_LAGS * self.lag
            if there and not left and is_over:
                self.journal.note_settled(noted_as)

    def _fields_named(self, name: str) -> list[LeadField]:
        fields = [field for field in self.close.lead_fields() if field.name == name]
        return sorted(fields, key=lambda field: (field.created, field.id))

    def _statuses_named(self, label: str) -> list[Json]:
        return [status for status in self.close.lead_statuses() if status["label"] == label]

    def _make(self, noted_as: str, make: Callable[[], Thing], is_shown: Callable[[], bool]) -> Thing | None:
        """Make a thing unless Close shows it; returns what Close answered, if it did.

        If a request was repeated, the journal keeps the thing as unsettled.
        """
        lost: OutcomeUnknown | None = None
        made: Thing | None = None
        for _ in range(ATTEMPTS):
            if self._is_shown_in_time(noted_as, is_shown):
                break
            self.journal.note_making(noted_as, self.user_id, self.close.now())
            try:
                made = make()
                break
            except OutcomeUnknown as error:
                lost = error
                self.journal.note_answer_to_making_lost(noted_as, self.close.now())
            except CloseError:
                self.journal.note_not_made(noted_as)
                raise
        else:
            if lost and not self._is_shown_in_time(noted_as, is_shown):
                raise OutcomeUnknown(f"{lost} while {noted_as!r} was created")
        if self.journal.unsettled_things()[noted_as].sends < 2:
            self.journal.note_settled(noted_as)
        return made

    def _is_shown_in_time(self, noted_as: str, is_shown: Callable[[], bool]) -> bool:
        """Whether Close shows a thing whose answer was lost, at the latest one lag after that."""
        sent = self.journal.unsettled_things().get(noted_as)
        if not sent:
            return False
        while not is_shown():
            left = self.lag - self.close.seconds_since(sent.last_sent)
            if left <= 0:
                return False
            self.close.pause(min(left, max(SHORTEST_PAUSE, self.lag / LOOKS_PER_LAG)))
        return True

    def _is_removed(self, double: LeadField, sent: SentThing) -> bool:
        """Whether a field is gone: it is deleted if a repeated request made it and no lead has a value in it."""
        if sent.sends < 2 or double.creator not in ("", sent.sender):
            return False
        if self._holds_values(double):
            return False
        self.close.pause(self.lag)  # until search shows what somebody may just have entered
        try:
            return self.close.on_fresh_reading(partial(self._delete_if_blank, double))
        except NotFound:
            return all(field.id != double.id for field in self.close.lead_fields())
        except (RequestRejected, OutcomeUnknown, CloseUnreachable):
            return False

    def _delete_if_blank(self, field: LeadField) -> bool:
        if self._holds_values(field):
            return False
        self.close.delete_lead_field(field.id)
        return True

    def _holds_values(self, field: LeadField) -> bool:
        return self.close.count_leads(is_filled(custom_field(field.id))) > 0


def _first(things: Sequence[Thing], name: str) -> Thing:
    if not things:
        raise OutcomeUnknown(f"{name!r} is not in Close's list yet")
    return things[0]


# What may be a double of our own -------------------------------------------------------------------------------------


def without_doubles(fields: Sequence[LeadField], journal: Journal) -> list[LeadField]:
    """The fields without those that may be doubles of our own, because a request whose answer was lost was repeated."""
    doubles = {field.id for name in _repeated(journal) for field in doubles_named(fields, name, journal)}
    return [field for field in fields if field.id not in doubles]


def doubles_named(fields: Sequence[LeadField], name: str, journal: Journal) -> list[LeadField]:
    """All fields of exactly this name but the one that is used: for import keys the journal's, else the oldest."""
    named = sorted((field for field in fields if field.name == name), key=lambda field: (field.created, field.id))
    used = next((field for field in named if field.id == journal.key_field), None) or next(iter(named), None)
    return [field for field in named if field is not used]


def without_double_statuses(labels: Mapping[str, str], journal: Journal) -> dict[str, str]:
    """The labels of statuses by id without those that may be doubles of our own: the first of a name is used."""
    first: dict[str, str] = {}
    for status_id, label in labels.items():
        first.setdefault(label, status_id)
    repeated = {name.removeprefix(STATUS) for name in _repeated(journal)}
    return {id_: label for id_, label in labels.items() if label not in repeated or first[label] == id_}


def _repeated(journal: Journal) -> list[str]:
    return [name for name, sent in journal.unsettled_things().items() if sent.sends > 1]
