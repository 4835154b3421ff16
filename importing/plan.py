"""What to do about each lead in a file, based on what Close and the journal have, without writing anything.

A match by import key beats a match by name, and a lead with another import key never matches by name.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Literal

from cells.dates import DateOrder
from cells.field_types import Conventions
from cells.lead_fields import CUSTOM_KEY, IMPORT_KEY, LeadField
from cells.maps.settings import refuse_unfit_settings
from cells.names import NameCase
from cells.new_fields import TO_FIND_LEADS, NewField
from cells.numbers import Currency, DecimalMark
from cells.problems import Problem
from cells.source_file import SourceFile
from cells.unread_columns import refuse_unread
from cleaning import CleanFile, Lead, Requests, clean_source
from close.contents import Json, lead_link
from close.journal_entries import Run, SentLead
from close.made_once import without_doubles
from close_client import CloseClient
from importing.custom_fields import LeadFields, find_fields, refuse_doubles, refuse_locked
from importing.gaps import Gaps, find_conflicts, find_gaps
from importing.look_up import Sight, look_around
from importing.organization import Organization
from importing.request_bodies import contact_body, contact_gap_body, gaps_body

LEFT_ALONE = "already in Close; existing leads are left alone"
MERGED = "the lead imported earlier was merged into this one in Close"
GONE = "deleted or merged in Close since it was imported; it is not created again"
OUR_DOUBLE = "the newer one is removed if this tool created it and nobody has changed it"
NOT_MADE_YET = "new "  # begins the id of what Close does not have yet

Existing = Literal["merge", "skip", "create"]
Clean = Callable[[SourceFile, Mapping[str, LeadField], Requests, Conventions], CleanFile]
Action = Literal["create", "update", "unchanged", "skip", "look up", "wait"]


@dataclass(frozen=True, slots=True)
class ImportSettings:
    """How to import a file: what to do with existing leads, how to read cells, and how many requests at a time.

    Without a number of `workers`, there are as many as Close can keep up with. `company_from_email` names leads after
    e-mails where the file has no company; `ignore_columns` allows columns that seem to matter to be left out.
    `keeps_columns` keeps the parsed columns in memory, which a preview needs.
    """

    existing: Existing = "merge"
    names: NameCase = "upper"
    region: str = "US"
    date_order: DateOrder | None = None
    decimal: DecimalMark | None = None
    zone: tzinfo | None = None
    workers: int | None = None
    company_from_email: bool = False
    ignore_columns: bool = False
    keeps_columns: bool = False


@dataclass(frozen=True, slots=True)
class PlannedLead:
    """What to do about one lead in the file, and the lead in Close (`found`) that the decision is based on.

    `key` is the import key to send: the company's, followed by the run id if existing leads are to be ignored. `copies`
    are the ids if Close has more than one lead; `conflicts` are the values that differ from Close's. If the plan was
    approved, nothing but what is `allowed` may be added to the lead in Close.
    """

    lead: Lead
    key: str
    action: Action
    reason: str = ""
    gaps: Gaps = field(default_factory=Gaps)
    found: Json | None = None
    copies: tuple[str, ...] = ()
    conflicts: tuple[Problem, ...] = ()
    allowed: Gaps | None = None

    @property
    def writes(self) -> bool:
        """Whether carrying this out writes to Close, or may have to."""
        return self.action in ("create", "update", "look up")


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import will do in an organization, lead by lead, planned without writing anything.

    `source` is the file, also with the columns that are named after the organization's custom fields. `earlier` is the
    newest run of the same file that treats existing leads the same way; if it is unfinished, this run continues it.
    `sent` is what the journal knows about the leads, by key; `former` are leads that the earlier part of the run sent
    without getting an answer, and whose rows the file no longer has as they were.
    """

    run_id: str
    file: str
    source: SourceFile
    existing: Existing
    organization: Organization
    clean: CleanFile
    leads: list[PlannedLead]
    sent: Mapping[str, SentLead]
    former: list[SentLead]
    earlier: Run | None

    @property
    def carries_on(self) -> bool:
        """Whether this continues a run that was not finished."""
        return self.earlier is not None and self.earlier.run_id == self.run_id

    @property
    def remaining(self) -> int:
        """How many leads wait for the next run, because this one is limited."""
        return sum(planned.action == "wait" for planned in self.leads)

    def is_to_do(self, planned: PlannedLead) -> bool:
        """Whether there is work: something to write or look up, or several copies, if the journal may know one.

        One of the copies may then be removed, and the other one gets what it lacks.
        """
        return planned.writes or bool(planned.copies and planned.key in self.sent)

    @property
    def new_fields(self) -> list[NewField]:
        """The custom fields that must be created first, each with the reason for its type."""
        to_write = [planned for planned in self.leads if self.is_to_do(planned)]
        if not to_write:
            return []
        own = [] if self.organization.fields.import_key else [NewField(IMPORT_KEY, "text", TO_FIND_LEADS)]
        used = {name for planned in to_write for name in planned.lead.custom}
        return own + [new for new in self.clean.new_fields if new.name in used]

    @property
    def missing_fields(self) -> dict[str, str]:
        """The types of the custom fields that must be created first, by name."""
        return {new.name: new.kind for new in self.new_fields}

    @property
    def written_fields(self) -> set[str]:
        """The ids of the custom fields of Close that the plan writes values to."""
        fields = self.organization.fields
        written: set[str] = set()
        for planned in self.leads:
            if planned.writes:
                is_update = planned.action == "update"
                names = planned.gaps.custom if is_update else planned.lead.custom
                written |= {fields.by_name[name].id for name in names if name in fields.by_name}
                written |= {fields.import_key} if planned.gaps.import_key or not is_update else set()
        return written


# Plan ----------------------------------------------------------------------------------------------------------------


def plan_import(
    organization: Organization,
    source: SourceFile,
    file: str,
    settings: ImportSettings,
    clean_file: Clean = clean_source,
    *,
    limit: int | None = None,
) -> Plan:
    """The plan for a file. It only reads: a few requests for Close's fields, then three per 100 companies.

    With a `limit`, only so many leads have work to do, in the order of the file.
    Raises SetupError or AmbiguousName if Close's custom fields do not fit the file, and InputError if a column of dates
    or numbers can be read in two ways, or if a column that would be left out seems to matter.
    """
    organization.account.refuse_without("view_all_leads", effect="so leads that it can't see would be created again")
    schema = without_doubles(organization.close.lead_fields(), organization.journal)
    source = source.with_fields(field.name for field in schema)
    if not settings.ignore_columns:
        refuse_unread(source, settings.region)
    organization = replace(
        organization, fields=find_fields(schema, source.roles.spelled_fields, organization.journal.key_field)
    )
    refuse_doubles(source.name, source.roles.called, organization.fields.by_name)
    source = source.with_several(name for name, field in organization.fields.by_name.items() if field.is_multiple)
    if source.column_map:
        refuse_unfit_settings(source.column_map.name, source.roles, organization.fields.by_name)
    clean = _clean(organization, source, settings, clean_file)
    earlier = organization.journal.latest_run(file, settings.existing)
    run_id = earlier.run_id if earlier and earlier.state == "unfinished" else new_run_id(organization.close)
    is_create = settings.existing == "create"
    suffix = f":{run_id}" if is_create else ""
    sight = look_around(organization, clean.leads, suffix, by_name=not is_create, workers=settings.workers)
    decide = _Decision(sight, settings.existing, organization)
    decided = [decide(lead, sight.keys[lead.key]) for lead in clean.leads]
    planned = list(_in_turn(decided, organization.fields, clean.new_fields))
    former = [lead for lead in organization.journal.lost_leads_of_run(run_id) if lead.key not in sight.sent]
    plan = Plan(run_id, file, source, settings.existing, organization, clean, planned, sight.sent, former, earlier)
    plan = plan if limit is None else _limited(plan, limit)
    refuse_locked(schema, plan.written_fields, organization.account.role_id)
    if plan.missing_fields:
        organization.account.refuse_creating_fields(plan.missing_fields)
    return plan


def _clean(organization: Organization, source: SourceFile, settings: ImportSettings, clean_file: Clean) -> CleanFile:
    """The leads in the file, cleaned according to the fields that Close has for its columns."""
    fields: dict[str, LeadField] = dict(organization.fields.by_name)
    currency = Currency(organization.account.currency, organization.account.currency_symbol)
    users = organization.close.users() if any(field.kind == "user" for field in fields.values()) else {}
    requests = Requests(
        settings.names,
        settings.region,
        settings.date_order,
        settings.decimal,
        settings.company_from_email,
        settings.keeps_columns,
    )
    return clean_file(source, fields, requests, Conventions(currency, settings.zone, users))


def new_run_id(close: CloseClient) -> str:
    """An id for a run that sorts by time and is easy to type."""
    return f"{close.now():%Y%m%d-%H%M%S}-{close.machine.token(2)}"


# Decide --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Decision:
    """What to do about a lead, based on what Close and the journal know about it."""

    sight: Sight
    existing: Existing
    organization: Organization

    def __call__(self, lead: Lead, key: str) -> PlannedLead:
        sent = self.sight.sent.get(key)
        if sent and sent.state == "sending":
            return PlannedLead(
                lead, key, "look up", "sent before, but Close's answer was lost; it is looked up in Close first"
            )
        if sent and sent.state == "absent" and sent.sends and self.sight.keyed.get(key):
            return PlannedLead(lead, key, "look up", "sent before, and has arrived after all; it is looked up in Close")
        known = self.sight.known.get(key)
        shown = self.sight.keyed.get(key, []) if not (sent and sent.state == "undoing") else []
        found = shown or ([known] if known else self.sight.named.get(lead.key, []))
        if len(found) > 1:
            planned = several_found(lead, key, found)
            return replace(planned, reason=f"{planned.reason} ({OUR_DOUBLE})") if sent else planned
        if found:
            is_merged = bool(sent and known and known["id"] != sent.lead_id)
            return self._about_existing(lead, key, found[0], is_merged=is_merged)
        if sent and sent.state in ("created", "removed"):
            return PlannedLead(lead, key, "skip", GONE)
        return PlannedLead(lead, key, "create")

    def _about_existing(self, lead: Lead, key: str, found: Json, *, is_merged: bool) -> PlannedLead:
        if self.existing == "skip":
            return PlannedLead(lead, key, "skip", LEFT_ALONE, found=found)
        gaps = find_gaps(found, lead, key, self.organization.fields)
        where = MERGED if is_merged else "already in Close"
        conflicts = tuple(find_conflicts(found, lead, self.organization.fields))
        if gaps and self.existing == "merge":
            return PlannedLead(lead, key, "update", where, gaps, found, conflicts=conflicts)
        return PlannedLead(lead, key, "unchanged", where, found=found, conflicts=conflicts)


def several_found(lead: Lead, key: str, found: Sequence[Json]) -> PlannedLead:
    """The plan to leave a company alone because it has several leads in Close."""
    links = " ".join(sorted(lead_link(each) for each in found))
    reason = f"Close has {len(found)} leads for this company; merge them there: {links}"
    return PlannedLead(lead, key, "skip", reason, copies=tuple(each["id"] for each in found))


# Several companies that are one lead ---------------------------------------------------------------------------------


def _in_turn(leads: Sequence[PlannedLead], fields: LeadFields, new_fields: Sequence[NewField]) -> Iterator[PlannedLead]:
    """The same plan, but of several companies that are one lead in Close, each gets what those before it leave to add.

    So it is after a merge in Close. The lead will hold what the first one brings when the next one's turn comes.
    """
    times = Counter(planned.found["id"] for planned in leads if planned.found)
    made = {new.name: LeadField(new.name, new.kind, f"{CUSTOM_KEY}{NOT_MADE_YET}{new.name}") for new in new_fields}
    fields = LeadFields({**made, **fields.by_name}, fields.import_key or NOT_MADE_YET)
    filled: dict[str, Json] = {}
    for planned in leads:
        found = planned.found
        if found is None or times[found["id"]] == 1 or planned.action not in ("update", "unchanged"):
            yield planned
            continue
        following = _following(planned, filled.get(found["id"], found), fields)
        filled[found["id"]] = _filled(following.found or {}, following.gaps, fields)
        yield following


def _following(planned: PlannedLead, found: Json, fields: LeadFields) -> PlannedLead:
    """The plan for a lead, as Close will hold it by then."""
    gaps = find_gaps(found, planned.lead, planned.key, fields) if planned.action == "update" else Gaps()
    conflicts = tuple(find_conflicts(found, planned.lead, fields))
    return replace(planned, action="update" if gaps else "unchanged", found=found, gaps=gaps, conflicts=conflicts)


def _filled(found: Json, gaps: Gaps, fields: LeadFields) -> Json:
    """A lead as Close will hold it when these gaps are filled."""
    bodies: Mapping[str, Json] = {gap.contact["id"]: contact_gap_body(gap) for gap in gaps.contacts}
    there = [contact | bodies.get(contact["id"], {}) for contact in found.get("contacts") or []]
    new = [
        contact_body(contact) | {"id": f"{NOT_MADE_YET}{number}", "display_name": contact.name}
        for number, contact in enumerate(gaps.new_contacts, start=len(there))
    ]
    return found | gaps_body(gaps, fields) | {"contacts": [*there, *new]}


# Limit ---------------------------------------------------------------------------------------------------------------


def _limited(plan: Plan, limit: int) -> Plan:
    """The plan in which only so many leads have work to do, in the order of the file, and the others wait.

    A lead that may be in Close does not wait. It counts only if this run may still create it: leads in which Close
    keeps refusing something would otherwise take the place of others forever.
    """
    to_do = [planned for planned in plan.leads if plan.is_to_do(planned)]
    begun = _begun(plan)
    new = [planned.key for planned in to_do if not _is_in_doubt(plan, planned) and planned.key not in begun]
    room = max(0, limit - sum(_is_in_doubt(plan, planned) for planned in to_do))
    waiting = set(new[room:])
    leads = "1 lead" if limit == 1 else f"{limit} leads"
    reason = f"not imported yet, because this run is limited to {leads}; run the same command again to go on"
    waits = {
        planned.key: replace(planned, action="wait", reason=reason, gaps=Gaps())
        for planned in plan.leads
        if planned.key in waiting
    }
    return replace(plan, leads=[waits.get(planned.key, planned) for planned in plan.leads])


def _is_in_doubt(plan: Plan, planned: PlannedLead) -> bool:
    """Whether a lead was sent before without an answer, so that it may still turn up in Close."""
    sent = plan.sent.get(planned.key)
    was_absent = sent is not None and sent.state == "absent" and sent.sends > 0
    return planned.action == "look up" or (planned.action == "create" and was_absent)


def _begun(plan: Plan) -> set[str]:
    """The keys of the leads that an earlier part of this run is known to have written or tried, at least in part.

    Leads with several copies, or with changes whose answers were lost, are included, whichever run made them.
    """
    journal = plan.organization.journal
    changed = journal.leads_changed_by(plan.run_id) | journal.leads_with_lost_changes()
    ours = {key for key, sent in plan.sent.items() if sent.run_id == plan.run_id}
    tried = {key for key in ours if plan.sent[key].state == "created" or plan.sent[key].is_refused}
    return tried | {
        planned.key for planned in plan.leads if planned.copies or (planned.found and planned.found["id"] in changed)
    }
