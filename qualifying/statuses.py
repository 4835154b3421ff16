"""The statuses in which leads wait and to which they move, and the field with the id, as Close knows them."""

import itertools
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cells.lead_fields import NATIONAL_ID, LeadField
from close.contents import Json
from close.fields import TEXTS, find_field, id_named
from close.journal import Journal
from close.made_once import Maker, without_double_statuses, without_doubles
from close_client import Account, CloseClient
from qualifying.person import id_typed
from qualifying.verdict import Verdict


class WorkflowMissing(Exception):
    """Close lacks a status or the field that qualifying needs; the message names everything that is missing."""


class UnsuitableField(WorkflowMissing):
    """The named field does not keep every id as it is: a number loses its leading zeros."""


class SameStatus(Exception):
    """Two of the given names mean the same status in Close."""


@dataclass(frozen=True, slots=True)
class WorkflowNames:
    """The names of the statuses in which leads wait and to which they move, and of the field with a person's id.

    `waiting` is "" if people are named, since the status of their leads then does not matter.
    """

    waiting: str
    prospect: str
    declined: str
    id_field: str

    @property
    def statuses(self) -> list[str]:
        """The names of the statuses that are needed."""
        return [name for name in (self.waiting, self.prospect, self.declined) if name]


USUAL_NAMES = WorkflowNames("To qualify", "Prospect", "Not eligible", NATIONAL_ID)


@dataclass(frozen=True, slots=True)
class Workflow:
    """The same as Close knows it: ids of the statuses, and the field; `labels` has all statuses' labels by id.

    What Close lacks stands in it already, statuses with ids of our own: `missing` names them, and the field if it has
    no key yet.
    """

    waiting: str
    prospect: str
    declined: str
    id_field: LeadField
    labels: Mapping[str, str]
    missing_statuses: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """The names of what Close lacks."""
        return [*self.missing_statuses, *([] if self.id_field.key else [self.id_field.name])]

    def is_planned(self, status_id: str) -> bool:
        """Whether the id stands for a status that Close lacks."""
        return status_id in map(_planned_id, self.missing_statuses)

    def made(self, maker: Maker) -> "Workflow":
        """The same once everything that is missing has been created."""
        made = {_planned_id(name): maker.make_status(name) for name in self.missing_statuses}
        ids = {planned: status["id"] for planned, status in made.items()}
        field = self.id_field
        return Workflow(
            waiting=ids.get(self.waiting, self.waiting),
            prospect=ids.get(self.prospect, self.prospect),
            declined=ids.get(self.declined, self.declined),
            id_field=field if field.key else maker.make_field(field.name, field.kind),
            labels={ids.get(status_id, status_id): label for status_id, label in self.labels.items()},
        )

    def goal(self, verdict: Verdict) -> str:
        """The status that a verdict leads to, "" for one that is undetermined."""
        return {"prospect": self.prospect, "not_prospect": self.declined, "undetermined": ""}[verdict.outcome]

    def label(self, status_id: object) -> str:
        """What people call a status."""
        return self.labels.get(str(status_id), "another status")

    def typed_id(self, lead: Json) -> str:
        """The value of the lead's id field, as text; anything but a single text can't be an id."""
        value = lead.get(self.id_field.key)
        alone = value[0] if isinstance(value, list) and len(value) == 1 else value
        if alone is None or isinstance(alone, str):
            return id_typed(alone or "")
        return f"no text: {value!r}"


def find_workflow(
    close: CloseClient, names: WorkflowNames, account: Account, journal: Journal, *, is_creating: bool
) -> Workflow:
    """The statuses and the field as they are in Close, and with `is_creating` as they are to be.

    Raises WorkflowMissing, naming everything that is missing, SameStatus, close.fields.AmbiguousName and
    MissingPermission.
    """
    listed = {status["id"]: status["label"] for status in close.lead_statuses()}
    found = _statuses_named(names.statuses, without_double_statuses(listed, journal))
    field = _text_field_named(without_doubles(close.lead_fields(), journal), names.id_field)
    missing = [name for name, status_id in found.items() if not status_id]
    if not is_creating:
        _refuse_missing(missing, "" if field else names.id_field)
    if not field:
        account.refuse_creating_fields([names.id_field])
    planned = {_planned_id(_as_made(name)): _as_made(name) for name in missing}
    ids = {name: status_id or _planned_id(_as_made(name)) for name, status_id in found.items()}
    return Workflow(
        waiting=ids.get(names.waiting, ""),
        prospect=ids[names.prospect],
        declined=ids[names.declined],
        id_field=field or LeadField(_as_made(names.id_field), "text"),
        labels=listed | planned,
        missing_statuses=tuple(planned.values()),
    )


def _planned_id(label: str) -> str:
    """What stands for the id of a status that is not in Close yet."""
    return f"planned: {label}"


def _statuses_named(names: Sequence[str], labels: Mapping[str, str]) -> dict[str, str]:
    """The ids of the statuses with these names, "" for one Close lacks. Raises SameStatus and AmbiguousName."""
    found = {name: id_named(name, labels, "lead statuses") or "" for name in names}
    for name, other in itertools.combinations(found, 2):
        if found[name] and found[name] == found[other]:
            raise SameStatus(f"{name!r} and {other!r} are the same status in Close")
    return found


def _text_field_named(fields: Sequence[LeadField], name: str) -> LeadField | None:
    field = find_field(fields, name)
    if field and field.kind not in TEXTS:
        raise UnsuitableField(
            f"The lead custom field {name!r} is of type {field.kind}, which does not keep every id as it is"
        )
    return field


def _refuse_missing(statuses: Sequence[str], field_name: str) -> None:
    missing = [f"the lead status {name!r}" for name in statuses]
    missing += [f"the lead custom field {field_name!r} (text)"] if field_name else []
    if missing:
        raise WorkflowMissing(f"Missing in Close: {', '.join(missing)}")


def _as_made(name: str) -> str:
    """The name to create something with: as typed, but with accents and white space as most programs write them."""
    return " ".join(unicodedata.normalize("NFC", name).split())
