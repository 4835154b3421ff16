"""The statuses in which leads wait and to which they move, and the field with the id, as Close knows them."""

import itertools
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cells.lead_fields import NATIONAL_ID, LeadField
from close.contents import Json
from close.fields import TEXTS, find_field, id_named
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

    `created` names the statuses and the field that were just created.
    """

    waiting: str
    prospect: str
    declined: str
    id_field: LeadField
    labels: dict[str, str]
    created: tuple[str, ...] = ()

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
    close: CloseClient, names: WorkflowNames, account: Account, maker: Maker, *, is_creating: bool
) -> Workflow:
    """The statuses and the field in Close; with `is_creating`, missing ones are created.

    Raises WorkflowMissing, naming everything that is missing, SameStatus, close.fields.AmbiguousName and, before
    anything is created, MissingPermission.
    """
    listed = {status["id"]: status["label"] for status in close.lead_statuses()}
    labels = without_double_statuses(listed, maker.journal)
    found = _statuses_named(names.statuses, labels)
    field = _text_field_named(without_doubles(close.lead_fields(), maker.journal), names.id_field)
    missing = [name for name, status_id in found.items() if not status_id]
    if not is_creating:
        _refuse_missing(missing, "" if field else names.id_field)
    if not field:
        account.refuse_creating_fields([names.id_field])
    made = {name: maker.make_status(_as_made(name)) for name in missing}
    ids = found | {name: status["id"] for name, status in made.items()}
    return Workflow(
        waiting=ids.get(names.waiting, ""),
        prospect=ids[names.prospect],
        declined=ids[names.declined],
        id_field=field or maker.make_field(_as_made(names.id_field), "text"),
        labels=listed | {status["id"]: status["label"] for status in made.values()},
        created=tuple(map(_as_made, [*missing, *([] if field else [names.id_field])])),
    )


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
