"""What Close and the journal know about the companies in a file, without writing anything.

Search finds leads by import key or name, but its index lags. Leads that the journal knows and search does not show are
read by id.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from cells.companies import earlier_import_keys, import_key, other_spellings
from cells.wrapped import unwrapped
from cleaning import Lead
from close.conditions import custom_field, has_value, has_words, regular_field
from close.contents import Json
from close.errors import CloseUnreachable
from close.journal import Journal
from close.journal_entries import SentLead
from close_client import CloseClient
from importing.missing_leads import LONGEST_MOMENT, find_merged, read_or_none
from importing.organization import KEYS_PER_SEARCH, MOST_CONDITIONS, Organization

READERS = 8  # requests at a time, unless the user says otherwise
NAMES_PER_SEARCH = 100  # company names looked up with one request
READ_AGAIN = 2  # times, if Close does not find a lead
ASK_AGAIN = 3  # times, if the answer is to another question
DATES = ("date_created", "date_updated")
LOOKED_AT = ("id", "name", "html_url", "status_id", "addresses", "contacts", "custom", "date_created", "date_updated")


@dataclass(frozen=True, slots=True)
class Sight:
    """What Close and the journal know about the file's companies.

    `keys` has the import key under which each company is sent, by the company's own key. `sent` is what the journal
    has, by import key. `keyed` are the leads that search shows for a key. `named` are those that it shows for a
    company's names, except leads with another company's key. `known` are those that the journal knows and search does
    not show, None for leads that are gone.
    """

    keys: dict[str, str]
    sent: dict[str, SentLead]
    keyed: dict[str, list[Json]]
    named: dict[str, list[Json]]
    known: dict[str, Json | None]


def look_around(
    organization: Organization, leads: Sequence[Lead], suffix: str, *, by_name: bool, workers: int | None
) -> Sight:
    """What Close and the journal know about leads in a file, which are sent under their keys with a suffix.

    Search looks for them by key. Others that the journal knows are read by id. With `by_name`, the remaining ones are
    looked for by the company's names. A company that an earlier version sent under another key keeps that key.
    """
    candidates = {lead.key: [key + suffix for key in _keys_of(lead)] for lead in leads}
    every = [key for keys in candidates.values() for key in keys]
    sent, deleted = organization.journal.leads(every), organization.journal.deleted()
    with organization.close.machine.pool(workers or READERS) as pool:
        shown = _find_keyed(organization, every, deleted, pool)
        keys = {own: _key_in_use(some, sent, shown) for own, some in candidates.items()}
        keyed = {keys[own]: [lead for key in some for lead in shown.get(key, [])] for own, some in candidates.items()}
        keyed = {key: found for key, found in keyed.items() if found}
        sent = {key: sent[key] for key in keys.values() if key in sent}
        unseen = [lead for key, lead in sent.items() if key not in keyed or lead.state == "undoing"]
        known = _read_known(organization, unseen, pool)
        nameless = [lead for lead in leads if not keyed.get(keys[lead.key]) and not known.get(keys[lead.key])]
        named = _find_named(organization, nameless, deleted, pool) if by_name else {}
    return _with_newest_readings(organization.journal, Sight(keys, sent, keyed, named, known))


def _keys_of(lead: Lead) -> list[str]:
    """The keys of a company: the one that it has now, and those that earlier versions gave it."""
    earlier = [key for spelling in lead.spellings for key in earlier_import_keys(spelling)]
    wrapped = [import_key(spelling) for spelling in lead.spellings if unwrapped(spelling) != spelling.strip()]
    return list(dict.fromkeys([lead.key, *wrapped, *earlier]))


def _key_in_use(keys: Sequence[str], sent: Mapping[str, SentLead], shown: Mapping[str, list[Json]]) -> str:
    """The first key under which the journal or Close has a lead; the first of all if there is none."""
    in_use = (key for key in keys if key in shown or (key in sent and sent[key].state not in ("absent", "undone")))
    return next(in_use, keys[0])


def _with_newest_readings(journal: Journal, sight: Sight) -> Sight:
    """The same, but with our newest reading of leads that we changed: search may show an older state."""
    believed = {key: [lead] for key, lead in sight.known.items() if lead}
    seen = (*sight.keyed.values(), *sight.named.values(), *believed.values())
    readings = journal.readings({lead["id"] for found in seen for lead in found})

    def newer(shown: Json) -> Json:
        read = readings.get(shown["id"])
        return read if read and read["date_updated"] > shown["date_updated"] else shown

    def newest(found: Mapping[str, list[Json]]) -> dict[str, list[Json]]:
        return {key: [newer(lead) for lead in leads] for key, leads in found.items()}

    known: dict[str, Json | None] = {key: lead for key, (lead,) in newest(believed).items()}
    return replace(sight, keyed=newest(sight.keyed), named=newest(sight.named), known=sight.known | known)


def _not_among(ids: Collection[str], leads: Iterable[Json]) -> list[Json]:
    return [lead for lead in leads if lead["id"] not in ids]


# By import key -------------------------------------------------------------------------------------------------------


def _find_keyed(
    organization: Organization, keys: Sequence[str], deleted: Collection[str], pool: Executor
) -> dict[str, list[Json]]:
    """The leads that search shows for some import keys, by key, without those that we deleted."""
    if not organization.fields.import_key:
        return {}
    shown = find_by_key(organization, keys, LOOKED_AT, pool.map)
    return {key: alive for key, found in shown.items() if (alive := _not_among(deleted, found))}


def find_by_key(
    organization: Organization,
    keys: Sequence[str],
    fields: Sequence[str] = ("id",),
    each: Callable[..., Iterable[list[Json]]] = map,
) -> dict[str, list[Json]]:
    """The leads that the index shows for some import keys, by key, as dicts of `fields`.

    `each` runs the searches: `map` one after another, the `map` of a pool in parallel.
    """
    column = organization.fields.key_column

    def search(some: Sequence[str]) -> list[Json]:
        conditions = [has_value(custom_field(organization.fields.import_key), key) for key in some]
        return _answered(
            partial(organization.close.leads_meeting_any, conditions, [*fields, column], organization.key_parts),
            lambda hit: _has_dates(hit, fields) and (not hit.get(column) or hit[column] in some),
        )

    found: dict[str, list[Json]] = defaultdict(list)
    for shown in each(search, [keys[at : at + KEYS_PER_SEARCH] for at in range(0, len(keys), KEYS_PER_SEARCH)]):
        for lead in _showing(organization, shown):
            found[lead.get(column) or ""].append(lead)
    return dict(found)


def _answered(ask: Callable[[], list[Json]], is_about: Callable[[Json], bool]) -> list[Json]:
    """The hits of a search that all answer what was asked. Raises CloseUnreachable if others keep coming."""
    for _ in range(ASK_AGAIN):
        shown = ask()
        if all(map(is_about, shown)):
            return shown
    raise CloseUnreachable("Close's answers to a search were about something else")


def _has_dates(hit: Json, fields: Sequence[str]) -> bool:
    """Whether a hit shows the dates that were asked for: each lead has them, so without them it is another answer."""
    return all(name in hit for name in DATES if name in fields)


def _showing(organization: Organization, hits: Iterable[Json]) -> Iterator[Json]:
    """The hits of a search for import keys; one that does not show its key is read by id, or left out if it is gone."""
    for hit in hits:
        lead = hit if hit.get(organization.fields.key_column) else read_or_none(organization.close, hit["id"])
        if lead:
            yield lead


# By id ---------------------------------------------------------------------------------------------------------------


def _read_known(organization: Organization, sent: Sequence[SentLead], pool: Executor) -> dict[str, Json | None]:
    """The leads that the journal knows, by key: as noted if they are newer than the index lag, otherwise read by id."""
    close = organization.close
    states = {lead.key: lead.state for lead in sent}
    believed: dict[str, Json | None] = {}
    to_read: dict[str, str] = {}
    for lead in sent:
        if lead.state == "created" and lead.lead and close.seconds_since(lead.last_sent) < organization.index_lag:
            believed[lead.key] = lead.lead
        elif lead.state in ("created", "removed", "undoing"):
            to_read[lead.key] = lead.lead_id
    readings = dict(zip(to_read, pool.map(lambda lead_id: read_or_none(close, lead_id), to_read.values()), strict=True))
    gone = {to_read[key]: key for key, lead in readings.items() if lead is None}
    merged = find_merged(close, gone) if gone else {}
    doubtful = [lead_id for lead_id, key in gone.items() if key not in merged and states[key] != "removed"]
    back = {gone[lead_id]: lead for lead_id, lead in _read_again(organization, doubtful, pool).items()}
    return believed | readings | merged | back


def _read_again(organization: Organization, lead_ids: Iterable[str], pool: Executor) -> dict[str, Json]:
    """Those of the leads that Close did not find which it finds after all, by id: a 404 can last for a moment only."""
    close, missing = organization.close, list(lead_ids)
    found: dict[str, Json] = {}
    for _ in range(READ_AGAIN if missing else 0):
        close.pause(min(LONGEST_MOMENT, organization.index_lag) / READ_AGAIN)
        for lead_id, lead in zip(missing, pool.map(partial(read_or_none, close), missing), strict=True):
            if lead:
                found[lead_id] = lead
        missing = [lead_id for lead_id in missing if lead_id not in found]
    return found


def read_copies(close: CloseClient, lead_ids: Sequence[str]) -> list[Json]:
    """The leads with these ids that exist, read by id, oldest first."""
    copies = [lead for lead_id in lead_ids if (lead := read_or_none(close, lead_id))]
    return sorted(copies, key=lambda lead: (lead.get("date_created") or "", lead["id"]))


# By name -------------------------------------------------------------------------------------------------------------


def _find_named(
    organization: Organization, leads: Sequence[Lead], deleted: Collection[str], pool: Executor
) -> dict[str, list[Json]]:
    """The leads that search shows for the companies' names, by the company's key.

    A lead with another company's key does not match. A lead with the company's own key, even with a run id after it,
    is the best match: an import created it for this company.
    """
    wanted = {key: lead.key for lead in leads for key in _keys_of(lead)}
    column = organization.fields.key_column

    def search(some: Sequence[Lead]) -> list[Json]:
        fields = [*LOOKED_AT, *([column] if organization.fields.import_key else [])]
        ask = partial(organization.close.leads_meeting_any, _name_conditions(some), fields, organization.name_parts)
        return _answered(ask, lambda hit: _has_dates(hit, fields))

    batches = _in_batches(leads)
    found: dict[str, dict[str, Json]] = defaultdict(dict)
    for shown in pool.map(search, batches):
        for lead in _not_among(deleted, shown):
            key = import_key(lead.get("name") or "")
            held = str(lead.get(column) or "").rpartition(":")[0] if _has_run_id(lead.get(column)) else lead.get(column)
            if key in wanted and (not held or wanted.get(held) == wanted[key]):
                found[wanted[key]][lead["id"]] = lead
    return {key: _keyed_alone(list(by_id.values()), column) for key, by_id in found.items()}


def _has_run_id(key: Any) -> bool:
    """Whether an import key has the id of a run after it."""
    return str(key or "").count(":") > 1


def _keyed_alone(leads: list[Json], column: str) -> list[Json]:
    """The leads that have a key, or all of them if none has one."""
    return [lead for lead in leads if lead.get(column)] or leads


def _in_batches(leads: Sequence[Lead]) -> list[list[Lead]]:
    """The leads in groups whose names can be looked for with one request."""
    batches: list[list[Lead]] = []
    conditions = MOST_CONDITIONS
    for lead in leads:
        more = len(_name_conditions([lead]))
        if not batches or len(batches[-1]) == NAMES_PER_SEARCH or conditions + more > MOST_CONDITIONS:
            batches.append([])
            conditions = 0
        batches[-1].append(lead)
        conditions += more
    return batches


def _name_conditions(leads: Iterable[Lead]) -> list[Json]:
    """What the name of a lead in Close must be for some companies: as spelled somewhere, or with the same words.

    Words are for names with other white space, dashes, apostrophes or forms of accents, which the file does not have.
    """
    name = regular_field("name")
    exact = sorted({text for lead in leads for text in _names_of(lead)})
    words = sorted({words for lead in leads for words in other_spellings(lead.name)})
    return [*(has_value(name, text) for text in exact), *(has_words(name, text) for text in words)]


def _names_of(lead: Lead) -> set[str]:
    """The names under which Close may hold a company: as the file spells it, and as we would write it."""
    spelled = {text.strip() for text in lead.spellings}
    return spelled | {" ".join(text.split()) for text in spelled} | {lead.name}
