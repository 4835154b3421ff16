"""What is to be done about each lead of a file: from what Close and the journal hold, by reading alone.

Search proposes: it shows the leads of a key or a name, and lags. What the journal knows and search does not show is
read by id. A match by import key beats one by name, and a lead with another import key is never a match by name.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Literal

from cells.phones import Currency, DateOrder, NameCase
from cells.source_file import IMPORT_KEY, SourceFile
from cleaning import CleanFile, CustomField, Lead, Problem, clean_source, import_key
from close.journal import Journal, Run, SentLead
from close_client import (
    Account,
    CloseClient,
    Json,
    NotFound,
    any_of,
    find_field,
    has_value,
    lead_link,
    regular_field,
)
from importing.match_contacts import Gaps, LeadField, LeadFields, find_conflicts, find_gaps
from importing.own_leads import find_by_key

READERS = 8  # requests at a time, unless the user says otherwise
NAMES_PER_SEARCH = 100  # company names looked up with one request
LEFT_ALONE = "in Close already, and --existing skip leaves it alone"
MERGED = "merged in Close into this lead"
OUR_DOUBLE = "the newer one is removed if this machine made it and nobody has touched it"
LOOKED_AT = ("id", "name", "html_url", "status_id", "addresses", "contacts", "custom", "date_created", "date_updated")

Existing = Literal["merge", "skip", "create"]
Action = Literal["create", "update", "unchanged", "skip", "look up"]


class SetupError(Exception):
    """Something in Close must be put right first; nothing was sent. The message says what to do."""


@dataclass(frozen=True, slots=True)
class PlannedLead:
    """What is to be done about one lead of the file, and the lead in Close (`found`) that this rests on.

    `key` is the import key to send: that of the company, or with the run's id behind it where existing leads don't
    count. `copies` are the ids where Close has more than one lead; `conflicts` the values that differ from Close's.
    """

    lead: Lead
    key: str
    action: Action
    reason: str = ""
    gaps: Gaps = field(default_factory=Gaps)
    found: Json | None = None
    copies: tuple[str, ...] = ()
    conflicts: tuple[Problem, ...] = ()

    @property
    def writes(self) -> bool:
        """Whether carrying this out writes to Close, or may have to."""
        return self.action in ("create", "update", "look up")


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import will do, lead by lead, made by reading alone.

    `earlier` is the newest run of the same file and the same way with existing leads; if that is unfinished, this one
    carries it on. `sent` is what the journal holds of the leads, by key.
    """

    run_id: str
    file: str
    existing: Existing
    account: Account
    clean: CleanFile
    fields: LeadFields
    leads: list[PlannedLead]
    sent: Mapping[str, SentLead]
    earlier: Run | None

    @property
    def carries_on(self) -> bool:
        """Whether this carries on a run that did not come to its end."""
        return self.earlier is not None and self.earlier.run_id == self.run_id

    @property
    def missing_fields(self) -> dict[str, str]:
        """The types of the custom fields that have to be made first, by name."""
        to_write = [planned for planned in self.leads if planned.writes]
        if not to_write:
            return {}
        own = {} if self.fields.import_key else {IMPORT_KEY: "text"}
        used = {name for planned in to_write for name in planned.lead.custom}
        return own | {new.name: new.type for new in self.clean.new_fields if new.name in used}


# Plan ----------------------------------------------------------------------------------------------------------------


def plan_import(
    close: CloseClient,
    journal: Journal,
    account: Account,
    source: SourceFile,
    file: str,
    *,
    existing: Existing = "merge",
    names: NameCase = "upper",
    region: str = "US",
    date_order: DateOrder | None = None,
    index_lag: float,
    workers: int | None,
) -> Plan:
    """The plan for a file, made by reading alone: a few requests for Close's fields, then three for 100 companies.

    Raises SetupError or AmbiguousField where Close's custom fields can't take the file, InputError where the file's
    dates can be read in two ways.
    """
    schema = close.lead_fields()
    key_field = _find_key_field(schema, journal.key_field)
    known = {name: found for name in source.custom_fields if (found := find_field(schema, name))}
    clean = clean_source(
        source,
        {name: _field_rules(name, found) for name, found in known.items()},
        currency=Currency(account.currency, account.currency_symbol),
        names=names,
        region=region,
        date_order=date_order,
    )
    earlier = journal.latest_run(file, existing)
    run_id = earlier.run_id if earlier and earlier.state == "unfinished" else new_run_id()
    keys = {lead.key: f"{lead.key}:{run_id}" if existing == "create" else lead.key for lead in clean.leads}
    fields = LeadFields({name: lead_field(found) for name, found in known.items()}, key_field)
    sight = _look_around(close, journal, clean.leads, keys, key_field, existing, index_lag, workers)
    decide = _Decision(sight, existing, fields)
    plan = Plan(
        run_id=run_id,
        file=file,
        existing=existing,
        account=account,
        clean=clean,
        fields=fields,
        leads=[decide(lead, keys[lead.key]) for lead in clean.leads],
        sent=sight.sent,
        earlier=earlier,
    )
    _refuse_locked_fields(plan, schema)
    return plan


def new_run_id() -> str:
    """An id for a run that sorts by time and is typed easily."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{token_hex(2)}"


@dataclass(frozen=True, slots=True)
class _Sight:
    """What Close and the journal hold of the file's companies.

    `keyed` are the leads that search shows for a key; `named` those that it shows for a company's names, and that have
    no other company's key; `known` those that the journal knows and search does not show, None where they are gone.
    """

    sent: dict[str, SentLead]
    keyed: dict[str, list[Json]]
    named: dict[str, list[Json]]
    known: dict[str, Json | None]


def _look_around(
    close: CloseClient,
    journal: Journal,
    leads: Sequence[Lead],
    keys: Mapping[str, str],
    key_field: str | None,
    existing: Existing,
    index_lag: float,
    workers: int | None,
) -> _Sight:
    sent = journal.leads(keys.values())
    deleted = journal.deleted()
    with ThreadPoolExecutor(max_workers=workers or READERS) as pool:
        keyed: dict[str, list[Json]] = {}
        if key_field:
            shown = find_by_key(close, f"custom.{key_field}", list(keys.values()), LOOKED_AT, pool.map)
            keyed = {key: alive for key, found in shown.items() if (alive := _not_among(deleted, found))}
        unseen = [lead for key, lead in sent.items() if key not in keyed or lead.state == "undoing"]
        known = _read_known(close, unseen, index_lag, pool)
        nameless = [lead for lead in leads if not keyed.get(keys[lead.key]) and not known.get(keys[lead.key])]
        named = {} if existing == "create" else _find_by_name(close, nameless, key_field, deleted, pool)
    believed = {key: [lead] for key, lead in known.items() if lead}
    seen = (*keyed.values(), *named.values(), *believed.values())
    readings = journal.readings({lead["id"] for found in seen for lead in found})
    newest: dict[str, Json | None] = {key: lead for key, (lead,) in _newest(believed, readings).items()}
    return _Sight(sent, _newest(keyed, readings), _newest(named, readings), known | newest)


def _not_among(ids: Collection[str], leads: Iterable[Json]) -> list[Json]:
    return [lead for lead in leads if lead["id"] not in ids]


def _newest(found: Mapping[str, list[Json]], readings: Mapping[str, Json]) -> dict[str, list[Json]]:
    """What search or the journal shows, but for leads that we changed since: of those what we read last."""

    def newer(shown: Json) -> Json:
        read = readings.get(shown["id"])
        return read if read and read["date_updated"] > shown["date_updated"] else shown

    return {key: [newer(lead) for lead in leads] for key, leads in found.items()}


def _read_known(
    close: CloseClient, sent: Sequence[SentLead], index_lag: float, pool: ThreadPoolExecutor
) -> dict[str, Json | None]:
    """The leads that the journal knows of, by key: as noted while they are younger than the lag, else read by id."""
    believed: dict[str, Json | None] = {}
    to_read: dict[str, str] = {}
    for lead in sent:
        if lead.state == "created" and lead.lead and _age(close, lead.lead) < timedelta(seconds=index_lag):
            believed[lead.key] = lead.lead
        elif lead.state in ("created", "removed", "undoing"):
            to_read[lead.key] = lead.lead_id
    readings = dict(
        zip(to_read, pool.map(lambda lead_id: _read_or_none(close, lead_id), to_read.values()), strict=True)
    )
    gone = {to_read[key]: key for key, lead in readings.items() if lead is None}
    return believed | readings | (find_merged(close, gone) if gone else {})


def _age(close: CloseClient, lead: Json) -> timedelta:
    """How old a lead is, by Close's clock; never negative, though that clock is known to a second only."""
    return max(timedelta(), close.now() - datetime.fromisoformat(lead["date_created"]))


def _read_or_none(close: CloseClient, lead_id: str) -> Json | None:
    try:
        return close.read_lead(lead_id)
    except NotFound:
        return None


def find_merged(close: CloseClient, gone: Mapping[str, str]) -> dict[str, Json | None]:
    """Of leads that are gone (key by id) those that were merged into another one, which is given by key."""
    into: dict[str, str] = {}
    for event in close.lead_events("merged"):
        ids = [value for value in (event.get("meta") or {}).values() if str(value).startswith("lead_")]
        for source in ids:
            for destination in ids:
                if source != destination and source != event["object_id"]:
                    into.setdefault(source, destination)
    found: dict[str, Json | None] = {}
    for lead_id, key in gone.items():
        seen = {lead_id}
        destination = into.get(lead_id)
        while destination and destination not in seen:
            lead = _read_or_none(close, destination)
            if lead:
                found[key] = lead
                break
            seen.add(destination)
            destination = into.get(destination)
    return found


def _find_by_name(
    close: CloseClient, leads: Sequence[Lead], key_field: str | None, deleted: Collection[str], pool: ThreadPoolExecutor
) -> dict[str, list[Json]]:
    """The leads that search shows for the companies' names, by the company's key; one with another key is no match.

    One with the company's own key, also with a run's id behind it, is the match: an import made it for this company.
    """
    wanted = {lead.key for lead in leads}
    spellings = sorted({text for lead in leads for text in _names_of(lead)})
    column = f"custom.{key_field}"

    def search(names: Sequence[str]) -> list[Json]:
        condition = any_of([has_value(regular_field("name"), name) for name in names])
        return list(close.find_leads(condition, [*LOOKED_AT, *([column] if key_field else [])]))

    batches = [spellings[start : start + NAMES_PER_SEARCH] for start in range(0, len(spellings), NAMES_PER_SEARCH)]
    found: dict[str, dict[str, Json]] = defaultdict(dict)
    for shown in pool.map(search, batches):
        for lead in _not_among(deleted, shown):
            key = import_key(lead.get("name") or "")
            held = str(lead.get(column) or "")
            if key in wanted and (held in ("", key) or held.startswith(f"{key}:")):
                found[key][lead["id"]] = lead
    return {key: _keyed_alone(list(by_id.values()), column) for key, by_id in found.items()}


def _keyed_alone(leads: list[Json], column: str) -> list[Json]:
    """Those of some leads that have a key; all where none has one."""
    return [lead for lead in leads if lead.get(column)] or leads


def _names_of(lead: Lead) -> set[str]:
    """The names under which Close may hold a company: as the file spells it, and as we would write it."""
    spelled = {text.strip() for text in lead.spellings}
    return spelled | {" ".join(text.split()) for text in spelled} | {lead.name}


@dataclass(frozen=True, slots=True)
class _Decision:
    """What to do about a lead, from what Close and the journal hold of it."""

    sight: _Sight
    existing: Existing
    fields: LeadFields

    def __call__(self, lead: Lead, key: str) -> PlannedLead:
        sent = self.sight.sent.get(key)
        if sent and sent.state == "sending":
            return PlannedLead(lead, key, "look up", "sent before, and its answer was lost: looked for before anything")
        known = self.sight.known.get(key)
        shown = self.sight.keyed.get(key, []) if not (sent and sent.state == "undoing") else []
        named = self.sight.named.get(lead.key, [])
        found = shown or ([known] if known else named)
        if len(found) > 1:
            planned = several_found(lead, key, found)
            return replace(planned, reason=f"{planned.reason} ({OUR_DOUBLE})") if sent else planned
        if found:
            return self._about_existing(
                lead, key, found[0], is_merged=bool(sent and known and known["id"] != sent.lead_id)
            )
        if sent and sent.state in ("created", "removed"):
            reason = "deleted or merged in Close since it was imported; --existing create would make a new lead"
            return PlannedLead(lead, key, "skip", reason)
        return PlannedLead(lead, key, "create")

    def _about_existing(self, lead: Lead, key: str, found: Json, *, is_merged: bool) -> PlannedLead:
        if self.existing == "skip":
            return PlannedLead(lead, key, "skip", LEFT_ALONE, found=found)
        gaps = find_gaps(found, lead, key, self.fields)
        where = MERGED if is_merged else "in Close already"
        conflicts = tuple(find_conflicts(found, lead, self.fields))
        if gaps and self.existing == "merge":
            return PlannedLead(lead, key, "update", where, gaps, found, conflicts=conflicts)
        return PlannedLead(lead, key, "unchanged", where, found=found, conflicts=conflicts)


def several_found(lead: Lead, key: str, found: Sequence[Json]) -> PlannedLead:
    """The plan to leave a company alone that has several leads in Close."""
    links = " ".join(sorted(lead_link(each) for each in found))
    reason = f"Close has {len(found)} leads for this company, merge them there: {links}"
    return PlannedLead(lead, key, "skip", reason, copies=tuple(each["id"] for each in found))


# Custom fields -------------------------------------------------------------------------------------------------------


def _find_key_field(schema: Sequence[Json], known_id: str | None) -> str | None:
    """The id of the field for import keys: the one that the journal knows, else the oldest of its name.

    Raises SetupError where it is gone, or can't hold a key.
    """
    named = sorted(
        (each for each in schema if each["name"] == IMPORT_KEY), key=lambda each: each.get("date_created") or ""
    )
    found = next((each for each in schema if each["id"] == known_id), None) if known_id else next(iter(named), None)
    if known_id and not found:
        raise SetupError(
            f"The lead custom field {IMPORT_KEY!r} ({known_id}) of earlier imports is gone from Close, and with it the "
            "keys of their leads. If that was meant, move output_data/journal.sqlite away and run again: leads are "
            "then found by their names, and get keys in a new field"
        )
    if found and (found["type"] != "text" or found.get("accepts_multiple_values")):
        raise SetupError(
            f"The lead custom field {found['name']!r} in Close must be of type text with one value, and is "
            f"{found['type']}{' with several' if found.get('accepts_multiple_values') else ''}. "
            + (
                "Change its type back in Close (Settings > Custom Fields)"
                if known_id
                else "Rename it in Close (Settings > Custom Fields); import then makes its own"
            )
        )
    return str(found["id"]) if found else None


def _refuse_locked_fields(plan: Plan, schema: Sequence[Json]) -> None:
    """Raise SetupError where the plan writes a field that only other roles may write."""
    used: set[str | None] = set()
    for planned in plan.leads:
        if planned.writes:
            is_update = planned.action == "update"
            names = planned.gaps.custom if is_update else planned.lead.custom
            used |= {plan.fields.by_name[name].id for name in names if name in plan.fields.by_name}
            used |= {plan.fields.import_key} if planned.gaps.import_key or not is_update else set()
    locked = [
        each["name"]
        for each in schema
        if each["id"] in used
        and each.get("editable_with_roles")
        and plan.account.role_id not in each["editable_with_roles"]
    ]
    if locked:
        raise SetupError(
            f"This key's user may not write {', '.join(map(repr, locked))} in Close, which is kept for other roles. "
            "Ask an administrator (Settings > Custom Fields), or leave the column out of the file"
        )


def _field_rules(name: str, found: Json) -> CustomField:
    choices = tuple(found.get("choices") or ())
    return CustomField(name, found["type"], choices, bool(found.get("accepts_multiple_values")))


def lead_field(found: Json) -> LeadField:
    """A custom field of Close's schema, as values are put into it."""
    return LeadField(found["id"], bool(found.get("accepts_multiple_values")))
