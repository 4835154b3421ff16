"""In which status leads wait to be qualified, to which they go, and which field holds the id, as Close knows them."""

from collections.abc import Sequence
from dataclasses import dataclass

from close_client import CloseClient, Json, find_field
from qualification import Verdict

TEXT_FIELDS = ("text", "textarea", "hidden")  # types that keep an id as it is; a number loses its zeros


class WorkflowMissing(Exception):
    """Close lacks a status or the field that leads are qualified by; the message says what to create."""


@dataclass(frozen=True, slots=True)
class WorkflowNames:
    """What the statuses are called in which leads wait and to which they go, and the field with a person's id.

    `waiting` is "" where people are named, so that it does not matter in which status their leads are.
    """

    waiting: str
    prospect: str
    declined: str
    id_field: str


USUAL_NAMES = WorkflowNames("To qualify", "Prospect", "Not eligible", "National ID")


@dataclass(frozen=True, slots=True)
class Workflow:
    """The same as Close knows it: ids of statuses, and of the field; `labels` are those of all statuses by id.

    `created` names the statuses and the field that were just made.
    """

    waiting: str
    prospect: str
    declined: str
    id_field: str
    id_field_name: str
    labels: dict[str, str]
    created: tuple[str, ...] = ()

    def goal(self, verdict: Verdict) -> str:
        """The status that a verdict leads to, "" for one that is undetermined."""
        return {"prospect": self.prospect, "not_prospect": self.declined, "undetermined": ""}[verdict.outcome]

    def label(self, status_id: object) -> str:
        """What people call a status."""
        return self.labels.get(str(status_id), "another status")

    def typed_id(self, lead: Json) -> str:
        """What stands in the lead's id field, as text; what is no single text can't be an id."""
        value = lead.get(f"custom.{self.id_field}")
        alone = value[0] if isinstance(value, list) and len(value) == 1 else value
        if alone is None or isinstance(alone, str):
            return (alone or "").strip()
        return f"no text: {value!r}"


def find_workflow(close: CloseClient, names: WorkflowNames, *, is_creating: bool) -> Workflow:
    """The statuses and the field in Close; those that are missing are made if that is wanted.

    Raises WorkflowMissing, naming all that is missing, and AmbiguousField.
    """
    statuses = close.lead_statuses()
    wanted = [label for label in (names.waiting, names.prospect, names.declined) if label]
    found = {label: _status_named(statuses, label) for label in wanted}
    known = _text_field_named(close, names.id_field)
    if not is_creating:
        _refuse_missing([label for label, status in found.items() if not status], "" if known else names.id_field)
    made = {label: status or close.create_lead_status(label) for label, status in found.items()}
    field = known or close.create_lead_field(names.id_field, "text")
    ids = {label: status["id"] for label, status in made.items()}
    return Workflow(
        waiting=ids.get(names.waiting, ""),
        prospect=ids[names.prospect],
        declined=ids[names.declined],
        id_field=field["id"],
        id_field_name=field["name"],
        labels={status["id"]: status["label"] for status in [*statuses, *made.values()]},
        created=(*(label for label, status in found.items() if not status), *(() if known else (names.id_field,))),
    )


def _text_field_named(close: CloseClient, name: str) -> Json | None:
    field = find_field(close.lead_fields(), name)
    if field and field["type"] not in TEXT_FIELDS:
        raise WorkflowMissing(
            f"the lead custom field {name!r} has the type {field['type']}, which does not keep every id as it is. "
            "Make a text field for ids in Close (Settings > Custom Fields) and name it with --id-field"
        )
    return field


def _refuse_missing(labels: Sequence[str], field_name: str) -> None:
    missing = [f"the lead status {label!r}" for label in labels]
    missing += [f"the lead custom field {field_name!r} (text)"] if field_name else []
    if missing:
        raise WorkflowMissing(
            f"Close lacks {', '.join(missing)}. Create what is missing in Close (Settings > Statuses & Pipelines, "
            "Settings > Custom Fields), name what you have there with --status, --prospect-status, --declined-status "
            "and --id-field, or let --create create it"
        )


def _status_named(statuses: Sequence[Json], label: str) -> Json | None:
    same = [status for status in statuses if status["label"].strip() == label.strip()]
    alike = same or [status for status in statuses if status["label"].strip().casefold() == label.strip().casefold()]
    if len(alike) > 1:
        raise WorkflowMissing(f"Close has {len(alike)} lead statuses named {label!r}. Rename all but one of them there")
    return alike[0] if alike else None
