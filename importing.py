"""Put the leads of a file into Close, each exactly once.

Plan first (`plan_import`: what the file comes to, and which of its leads Close already has), then make the custom
fields that are missing and send (`carry_out`), then account for every row (`conclude`). A lead is known by its import
key, which travels in a text custom field. A lead whose answer was lost is not sent again: nobody knows yet whether
Close has it.
"""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from cleaning import (
    CleanFile,
    Contact,
    CustomField,
    Lead,
    Problem,
    clean_source,
)
from close_client import (
    CloseClient,
    CloseError,
    CloseUnreachable,
    InvalidRequest,
    Json,
    OutcomeUnknown,
    Stopped,
    any_of,
    custom_field,
    find_field,
    has_value,
)
from parsing import Currency, DateOrder, NameCase
from reading import COMPANY, IMPORT_KEY, SourceFile

KEYS_PER_SEARCH = 100  # import keys looked up with one request
FIELD_ATTEMPTS = 3  # times that a custom field is asked for when answers get lost
MOST_LOST_IN_A_ROW = 10  # answers; after so many Close is down, and the rest of the file is better sent later
Outcome = Literal["created", "updated", "unchanged", "skipped", "rejected", "failed", "undetermined"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


class SetupError(Exception):
    """Something in Close must be put right first; nothing was sent. The message says what to do."""


@dataclass(frozen=True, slots=True)
class LeadField:
    """A lead custom field in Close: where a value goes, and whether as a list."""

    id: str
    is_list: bool


@dataclass(frozen=True, slots=True)
class LeadOutcome:
    """What became of one lead. `needs_attention` where a person must look before anything can be done."""

    lead: Lead
    outcome: Outcome
    reason: str = ""
    changes: str = ""
    lead_id: str = ""
    link: str = ""
    needs_attention: bool = False


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What became of one row of the file."""

    row: int
    company: str
    outcome: Outcome
    reason: str
    changes: str
    lead_id: str
    link: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import will do: the clean file, the leads to create, and the outcomes that are settled already.

    `key_field` is the id of the custom field for import keys, None while Close has none.
    """

    clean: CleanFile
    fields: Mapping[str, LeadField]
    key_field: str | None
    to_create: list[Lead]
    settled: list[LeadOutcome]

    @property
    def missing_fields(self) -> dict[str, str]:
        """The types of the custom fields that have to be made first, by name."""
        if not self.to_create:
            return {}
        own = {} if self.key_field else {IMPORT_KEY: "text"}
        return own | {new.name: new.type for new in self.clean.new_fields}


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import came to, lead by lead and row by row, and what ended it early, if anything did."""

    source: SourceFile
    plan: Plan
    leads: list[LeadOutcome]
    rows: list[RowOutcome]
    ended_by: Exception | None

    def has(self, outcome: Outcome) -> bool:
        """Whether any row ended so."""
        return any(row.outcome == outcome for row in self.rows)

    @property
    def needs_attention(self) -> bool:
        """Whether a person must look at some lead in Close."""
        return any(lead.needs_attention for lead in self.leads)

    @property
    def was_stopped(self) -> bool:
        """Whether some leads were not sent because the run was to end."""
        return any(lead.outcome == "skipped" and not lead.needs_attention for lead in self.leads)


def plan_import(
    close: CloseClient,
    source: SourceFile,
    *,
    names: NameCase = "upper",
    region: str = "US",
    date_order: DateOrder | None = None,
) -> Plan:
    """The plan for a file, made by reading alone: a few requests for Close's fields, then one for 100 companies.

    Raises SetupError or AmbiguousField where Close's custom fields can't take the file, InputError where the file's
    dates can be read in two ways.
    """
    schema = close.lead_fields()
    key_field = _find_key_field(schema)
    known = {name: found for name in source.custom_fields if (found := find_field(schema, name))}
    clean = clean_source(
        source,
        {name: _field_rules(name, found) for name, found in known.items()},
        currency=_organization_currency(close),
        names=names,
        region=region,
        date_order=date_order,
    )
    existing = _find_by_key(close, key_field, clean.leads) if key_field else {}
    return Plan(
        clean=clean,
        fields={name: _lead_field(found) for name, found in known.items()},
        key_field=key_field,
        to_create=[lead for lead in clean.leads if lead.key not in existing],
        settled=[_already_there(lead, existing[lead.key]) for lead in clean.leads if lead.key in existing],
    )


def carry_out(close: CloseClient, plan: Plan, workers: int, stop: threading.Event) -> Iterator[LeadOutcome]:
    """Yield what becomes of each lead: the settled ones first, the others as Close answers.

    Custom fields that are missing are made before anything is sent. Once `stop` is set, or Close refuses the run
    itself, what is in flight is finished and the rest is skipped. What ended the run, be it a bug of ours, is raised
    after the last outcome, so that no outcome is lost with it.
    """
    yield from plan.settled
    try:
        plan = _with_fields(close, plan)
    except Exception as error:  # whatever it is, it leaves every lead unsent
        yield from (_not_sent(lead, error) for lead in plan.to_create)
        raise
    yield from _send(close, plan, workers, stop)


def conclude(
    source: SourceFile, plan: Plan, outcomes: Sequence[LeadOutcome], ended_by: Exception | None
) -> ImportResult:
    """The result with an outcome for every row of the file, also where a bug kept some lead's from coming."""
    accounted = {outcome.lead.key for outcome in outcomes}
    lost = [lead for lead in plan.clean.leads if lead.key not in accounted]
    leads = [*outcomes, *(LeadOutcome(lead, "undetermined", f"cut off: {ended_by}") for lead in lost)]
    companies = source.column(COMPANY)
    rows = [_rejected_row(problem, companies.loc[problem.row]) for problem in plan.clean.rejected]
    rows += [_lead_row(row, outcome) for outcome in leads for row in outcome.lead.rows]
    return ImportResult(source, plan, leads, sorted(rows, key=lambda row: row.row), ended_by)


def check_accounts(result: ImportResult) -> None:
    """Raise AssertionError unless every row of the file ended in exactly one outcome."""
    rows = [row.row for row in result.rows]
    if rows != list(result.source.cells.index):
        raise AssertionError(f"{len(rows)} outcomes for {len(result.source.cells)} rows: the accounts do not add up")


def count_outcomes(outcomes: Iterable[LeadOutcome | RowOutcome]) -> dict[str, int]:
    """How many ended in each outcome, by its name; every name is there."""
    counts = Counter(outcome.outcome for outcome in outcomes)
    return {name: counts[name] for name in OUTCOMES}


def rows_to_mend(result: ImportResult) -> dict[int, list[Problem]]:
    """The problems of each row that was rejected, failed or lost a value, by row number in the file's order."""
    refused = [
        Problem(row, COMPANY, outcome.lead.spelling, "refused", f"Close refused the lead: {outcome.reason}")
        for outcome in result.leads
        if outcome.outcome == "failed"
        for row in outcome.lead.rows
    ]
    problems: dict[int, list[Problem]] = defaultdict(list)
    for problem in [*result.plan.clean.rejected, *result.plan.clean.dropped, *refused]:
        problems[problem.row].append(problem)
    return dict(sorted(problems.items()))


# Custom fields -------------------------------------------------------------------------------------------------------


def _find_key_field(schema: Sequence[Json]) -> str | None:
    """The id of the field for import keys: of two, the older one. Raises SetupError where it can't hold a key."""
    found = sorted(
        (field for field in schema if field["name"] == IMPORT_KEY), key=lambda field: field.get("date_created") or ""
    )
    if not found:
        return None
    if found[0]["type"] != "text" or found[0].get("accepts_multiple_values"):
        raise SetupError(
            f"The lead custom field {IMPORT_KEY!r} in Close must be of type text with one value, and is "
            f"{found[0]['type']}. Rename it in Close (Settings > Custom Fields); import then makes its own."
        )
    return str(found[0]["id"])


def _field_rules(name: str, found: Json) -> CustomField:
    choices = tuple(found.get("choices") or ())
    return CustomField(name, found["type"], choices, bool(found.get("accepts_multiple_values")))


def _lead_field(found: Json) -> LeadField:
    return LeadField(found["id"], bool(found.get("accepts_multiple_values")))


def _with_fields(close: CloseClient, plan: Plan) -> Plan:
    """The plan with an id for every custom field that it fills, after making those that Close lacks."""
    made = {name: _lead_field(_create_field(close, name, kind)) for name, kind in plan.missing_fields.items()}
    key_field = made[IMPORT_KEY].id if IMPORT_KEY in made else plan.key_field
    return replace(plan, key_field=key_field, fields={**plan.fields, **made})


def _create_field(close: CloseClient, name: str, kind: str) -> Json:
    """A new field. Where the answer is lost the schema is read again before another is asked for."""
    for _ in range(FIELD_ATTEMPTS):
        try:
            return close.create_lead_field(name, kind)
        except OutcomeUnknown as error:
            lost = error
            made = [field for field in close.lead_fields() if field["name"] == name]
            if made:
                return made[0]
    raise lost


def _organization_currency(close: CloseClient) -> Currency:
    organization = close.organization()
    return Currency(organization["currency"], organization.get("currency_symbol") or "")


# Leads ---------------------------------------------------------------------------------------------------------------


def _find_by_key(close: CloseClient, key_field: str, leads: Sequence[Lead]) -> dict[str, list[Json]]:
    """The leads that the index shows for our import keys, by key."""
    column = f"custom.{key_field}"
    found: dict[str, list[Json]] = defaultdict(list)
    for start in range(0, len(leads), KEYS_PER_SEARCH):
        keys = [lead.key for lead in leads[start : start + KEYS_PER_SEARCH]]
        condition = any_of([has_value(custom_field(key_field), key) for key in keys])
        for lead in close.find_leads(condition, ["id", "name", "html_url", column]):
            found[lead.get(column, "")].append(lead)
    return dict(found)


def _already_there(lead: Lead, found: Sequence[Json]) -> LeadOutcome:
    if len(found) > 1:
        links = " ".join(_link(each) for each in found)
        return LeadOutcome(
            lead, "skipped", f"Close has {len(found)} leads for this company: {links}", needs_attention=True
        )
    return LeadOutcome(lead, "unchanged", "already in Close", lead_id=found[0]["id"], link=_link(found[0]))


def _send(close: CloseClient, plan: Plan, workers: int, stop: threading.Event) -> Iterator[LeadOutcome]:
    """Yield what becomes of the leads to create, with `workers` requests at a time."""
    waiting = deque(plan.to_create)
    in_flight: dict[Future[LeadOutcome], Lead] = {}
    ended_by: BaseException | None = None
    lost_in_a_row = 0
    with ThreadPoolExecutor(max_workers=workers) as pool:
        while True:
            while waiting and len(in_flight) < workers and not ended_by and not stop.is_set():
                lead = waiting.popleft()
                in_flight[pool.submit(_create, close, plan, lead)] = lead
            if not in_flight:
                break
            for future in wait(in_flight, return_when=FIRST_COMPLETED).done:
                outcome, error = _outcome_of(future, in_flight.pop(future))
                lost_in_a_row = lost_in_a_row + 1 if outcome.outcome == "undetermined" else 0
                if lost_in_a_row >= MOST_LOST_IN_A_ROW:
                    error = CloseUnreachable(f"{lost_in_a_row} answers in a row were lost")
                ended_by = ended_by or error
                yield outcome
    yield from (_not_sent(lead, ended_by) for lead in waiting)
    if ended_by:
        raise ended_by


def _create(close: CloseClient, plan: Plan, lead: Lead) -> LeadOutcome:
    """Create one lead. What Close refuses for another reason than its values, and what can't be sent, is raised."""
    try:
        made = close.create_lead(_lead_body(plan, lead))
    except OutcomeUnknown as lost:
        reason = f"{lost}, so the lead may be in Close or not; wait two minutes, then run the same command again"
        return LeadOutcome(lead, "undetermined", reason)
    except InvalidRequest as refused:
        return LeadOutcome(lead, "failed", str(refused))
    except Stopped:
        return _not_sent(lead)
    return LeadOutcome(lead, "created", lead_id=made["id"], link=_link(made))


def _lead_body(plan: Plan, lead: Lead) -> Json:
    """The lead as `POST /lead/` takes it. What is blank is left out: Close refuses a blank state."""
    body: Json = {"name": lead.name, f"custom.{plan.key_field}": lead.key}
    if lead.contacts:
        body["contacts"] = [_contact_body(contact) for contact in lead.contacts]
    if lead.state:
        body["addresses"] = [{"label": "business", "state": lead.state, "country": "US"}]
    for name, values in lead.custom.items():
        field = plan.fields[name]
        body[f"custom.{field.id}"] = list(values) if field.is_list else values[0]
    return body


def _contact_body(contact: Contact) -> Json:
    body: dict[str, Any] = {
        "emails": [{"type": "office", "email": email} for email in contact.emails],
        "phones": [{"type": "office", "phone": phone} for phone in contact.phones],
    }
    return {"name": contact.name, **body} if contact.name else body


def _outcome_of(future: Future[LeadOutcome], lead: Lead) -> tuple[LeadOutcome, BaseException | None]:
    """What became of a lead, and the error that has to end the run: Close did not take it, or a bug hides whether."""
    error = future.exception()
    if error is None:
        return future.result(), None
    if isinstance(error, CloseError):
        return _not_sent(lead, error), error
    return LeadOutcome(lead, "undetermined", f"an unexpected {type(error).__name__} came between"), error


def _not_sent(lead: Lead, ended_by: BaseException | None = None) -> LeadOutcome:
    return LeadOutcome(lead, "skipped", f"not sent: {ended_by or 'the import was stopped'}")


def _link(lead: Json) -> str:
    return str(lead.get("html_url") or f"https://app.close.com/lead/{lead['id']}/")


def _rejected_row(problem: Problem, company: str) -> RowOutcome:
    return RowOutcome(problem.row, company.strip(), "rejected", problem.reason, "", "", "")


def _lead_row(row: int, outcome: LeadOutcome) -> RowOutcome:
    return RowOutcome(
        row, outcome.lead.name, outcome.outcome, outcome.reason, outcome.changes, outcome.lead_id, outcome.link
    )
