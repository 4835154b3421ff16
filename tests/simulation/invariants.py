"""What must hold at each request, after each command, and in the end. Close itself is asked, and no command."""

import csv
import math
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from cells.companies import import_key
from close.contents import lead_content
from importing.plan import Plan
from tests.simulation.close import Answered, Json, Sent
from tests.simulation.files import Company, count_rows
from tests.simulation.network import Departed

if TYPE_CHECKING:
    from tests.simulation.history import History, User

LONGEST_COMMAND = 4 * 3600.0  # seconds of virtual time
SEND_AGAIN_AFTER = 450.0  # seconds after it was sent, before which a lead of so small a file can't be proved absent
MAKE_AGAIN_AFTER = 55.0  # seconds, a little less than the index lag, for which contacts and fields are looked for
SETTLED_AFTER = 600.0  # seconds after it was sent, when a contact that was sent again is not looked for any more
LOOKED_BEFORE = 60.0  # seconds before a request in which the last look of the one who sends it was
READING_TO_WRITE = 45.0  # seconds between a reading and the write that rests on it, if the answer takes its time
DISK_WORDS = ("disk", "No space left", "Input/output")  # of errors that the disk caused
BLANK: tuple[Any, ...] = (None, "", [])


class Invariants:
    """Watches over one history. `broken` are sentences about what did not hold."""

    def __init__(self, history: "History") -> None:
        self._history = history
        self.broken: list[str] = []
        self._made: dict[str, list[Departed]] = defaultdict(list)  # by import key and kind
        self._maker: dict[str, str] = {}  # the computer that made a lead, contact or field, by id
        self._left: set[str] = set()
        self._shared: set[str] = set()  # keys of leads, and leads with contacts, that two computers made
        history.close.watchers.append(self._watch)
        history.network.watchers.append(self._watch_departure)

    def _break(self, words: str) -> None:
        self.broken.append(words)
        self._history.story.tell(self._history.scheduler.now, "", "BROKEN", words)

    # At each request -------------------------------------------------------------------------------------------------

    def _watch(self, sent: Sent, answered: Answered) -> None:
        if answered.status != 200 or sent.by not in self._computers():
            return
        if sent.route == "POST /lead/":
            self._watch_lead(sent, answered)
        elif sent.route == "POST /contact/":
            self._watch_new_contact(sent, answered)
        elif sent.route == "POST /custom_field/lead/":
            self._watch_field(sent, answered)
        elif sent.route == "PUT /lead/{id}/" and sent.during == "import":
            self._watch_change(sent, answered)
        elif sent.route == "PUT /contact/{id}/" and sent.during == "import":
            self._watch_contact(sent, answered)
        elif sent.route == "DELETE /lead/{id}/":
            self._watch_deletion(sent, answered.before or {}, (answered.before or {})["id"])
        elif sent.route == "DELETE /contact/{id}/":
            self._watch_deletion(sent, answered.before or {}, (answered.before or {})["lead_id"])

    def _watch_departure(self, departed: Departed) -> None:
        """A lead is sent: if it was sent before and may still arrive, its sender must have waited for that."""
        sent = departed.sent
        if sent.route != "POST /lead/" or sent.by not in self._computers():
            return
        if any(made.sent.by != sent.by for made in self._made[_key_of(sent.body or {})]):
            return  # that one was found instead, and taken for the lead whose answer was lost
        for before in self._history.network.writes:
            is_same = before.sent.route == sent.route and before.sent.by == sent.by and before.sent.body == sent.body
            waited = sent.at - before.lost_at
            if is_same and before.is_in_doubt and not before.made and waited < MAKE_AGAIN_AFTER:
                self._break(f"a lead was sent again {waited:.0f} s after its answer was lost")

    def _computers(self) -> list[str]:
        return [user.computer.name for user in self._history.users]

    def _watch_lead(self, sent: Sent, answered: Answered) -> None:
        """A lead was made: the same computer must not have made it before, unless it had reason to think otherwise."""
        departed = self._history.network.arriving
        assert departed
        departed.made = answered.document["id"]
        self._maker[departed.made] = sent.by
        key = _key_of(answered.document)
        store = self._history.close.store
        for before in self._made[key]:
            if before.sent.by != sent.by:
                self._shared.add(key)
            is_there = before.sent.by == sent.by and store.find("lead", before.made)
            is_ours_alone = key not in self._shared and not self._history.colleague.has_touched(answered.document)
            if is_there and is_ours_alone:
                self._judge_double(before, departed, key)
        self._made[key].append(departed)

    def _watch_new_contact(self, sent: Sent, answered: Answered) -> None:
        """A contact was made: the same computer must not have made it before, unless it may have thought otherwise."""
        departed = self._history.network.arriving
        assert departed
        departed.made = answered.document["id"]
        self._maker[departed.made] = sent.by
        about = f"{answered.document['lead_id']} {answered.document['name']}"
        for before in self._made[about]:
            if before.sent.by != sent.by:
                self._shared.add(answered.document["lead_id"])
            is_there = before.sent.by == sent.by and self._history.close.store.find("contact", before.made)
            if is_there and answered.document["lead_id"] not in self._history.colleague.touched:
                self._judge_double_contact(before, departed)
        self._made[about].append(departed)

    def _judge_double_contact(self, before: Departed, departed: Departed) -> None:
        first, second = sorted((before, departed), key=lambda each: each.sent.at)
        waited = second.sent.at - first.sent.at
        if waited < MAKE_AGAIN_AFTER:
            self._break(f"a contact was sent again after {waited:.0f} s, and its lead has it twice")
        elif first.arrived_at < second.sent.at - READING_TO_WRITE:
            self._break("a contact was sent again although its lead had it")

    def _judge_double(self, before: Departed, departed: Departed, key: str) -> None:
        first, second = sorted((before, departed), key=lambda each: each.sent.at)
        waited = second.sent.at - first.sent.at
        if waited < SEND_AGAIN_AFTER:
            self._break(f"{key} was sent again after {waited:.0f} s, and Close has it twice")
        elif self._shown_at(first.made) < second.sent.at - LOOKED_BEFORE:
            self._break(f"{key} was sent again although Close had shown it")

    def _shown_at(self, lead_id: str) -> float:
        """When the event log or search shows a lead."""
        return self._history.close.shown_at(lead_id)

    def _watch_change(self, sent: Sent, answered: Answered) -> None:
        """An import fills what is blank; it overwrites nothing."""
        before = answered.before or {}
        for key, value in (sent.body or {}).items():
            if before.get(key) not in BLANK and before[key] != value and not self._is_just_touched(sent, before):
                self._break(f"{key} of {before['name']} was {before[key]!r} and is now {value!r}")

    def _watch_contact(self, sent: Sent, answered: Answered) -> None:
        """An import adds to a contact; nothing goes."""
        before = answered.before or {}
        lead = self._history.close.store.find("lead", before.get("lead_id")) or {"id": ""}
        for part, name in (("emails", "email"), ("phones", "phone")):
            sent_items = [item[name] for item in (sent.body or {}).get(part) or before.get(part) or []]
            gone = [item[name] for item in before.get(part, []) if item[name] not in sent_items]
            if gone and not self._is_just_touched(sent, lead):
                self._break(f"{gone} of {before['name']} went")

    def _watch_field(self, sent: Sent, answered: Answered) -> None:
        """A custom field was made: the same computer must not just have made it."""
        departed = self._history.network.arriving
        assert departed
        departed.made = answered.document["id"]
        about = f"field {answered.document['name']}"
        for before in self._made[about]:
            is_there = before.sent.by == sent.by and self._history.close.store.find("custom_field", before.made)
            waited = abs(departed.sent.at - before.sent.at)
            if is_there and waited < MAKE_AGAIN_AFTER:
                self._break(f"{about} was made again after {waited:.0f} s")
        self._made[about].append(departed)

    def _watch_deletion(self, sent: Sent, deleted: Json, lead_id: str) -> None:
        """Only what a computer of ours made is deleted, and nothing that it could see the colleague work on."""
        if deleted["id"] not in self._maker:
            self._break(f"{deleted['name']} was deleted, which no import made")
        worked = self._history.colleague.worked.get(deleted["id"], math.inf)
        read_at = self._history.network.read_at.get((sent.by, lead_id))
        if read_at is None:
            self._break(f"{deleted['name']} was deleted without reading it")
        elif worked < read_at:
            self._break(f"{deleted['name']} was deleted, on which the colleague had worked")

    def _is_just_touched(self, sent: Sent, lead: Json) -> bool:
        """Whether the colleague touched a lead after the reading that a request rests on, which may arrive late."""
        touched = self._history.colleague.touched.get(lead["id"])
        return touched is not None and touched > sent.at - READING_TO_WRITE

    # After each command ----------------------------------------------------------------------------------------------

    def check_end(self, user: "User", code: int | None, seconds: float) -> None:
        """A command must end in time, and never with a bug."""
        if seconds > LONGEST_COMMAND:
            self._break(f"a command took {seconds:.0f} s")
        if code is None:
            self._check_files_are_whole(user)
        said = user.commands.said
        if code == 1 and said and not any(words in said.words for words in DISK_WORDS):
            self._break(said.words)
        if code in (0, 4) and said and said.result and said.result.plan.file == str(user.path):
            self._check_file(user)
            self._check_waiting(user, said.result.plan)

    def _check_files_are_whole(self, user: "User") -> None:
        """After a crash, each file for people is as it was written once, from its beginning to its end."""
        disk = user.computer.disk
        for path in disk.output.glob("*.csv"):
            if path.read_bytes() not in disk.written:
                self._break(f"{path.name} is cut off")

    def _check_file(self, user: "User") -> None:
        """The file with outcomes has a line for each row, and agrees with Close."""
        path = user.computer.disk.output / "leads_imported.csv"
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        if len(rows) != count_rows(user.companies):
            self._break(f"the file has {len(rows)} outcomes for {count_rows(user.companies)} rows")
        store = self._history.close.store
        for row in rows:
            if row["outcome"] in ("created", "updated", "unchanged"):
                is_there = store.find("lead", row["lead id"])
                if not is_there and not self._may_be_gone(row):
                    self._break(f"{row['company']} is {row['outcome']}, but Close does not have {row['lead id']}")

    def _check_waiting(self, user: "User", plan: Plan) -> None:
        """A lead that waits for the next part of a limited run was not made by the same computer, and no other one."""
        leads = self._history.close.store.all("lead")
        made = {_key_of(lead) for lead in leads if self._maker.get(lead["id"]) == user.computer.name} - self._shared
        for planned in plan.leads:
            if planned.action == "wait" and not planned.found and planned.key in made:
                self._break(f"{planned.lead.name} is said to wait, but Close has it")

    def _may_be_gone(self, row: dict[str, str]) -> bool:
        is_touched = {row["lead id"], row["company"].casefold()} & self._history.colleague.touched.keys()
        return bool(is_touched) or len(self._history.users) > 1

    def note_endless(self, user: "User", code: int | None) -> None:
        """An import did not come to its end although nothing was in its way."""
        said = user.commands.said
        words = said.words if said else ""
        if not (code in (2, 3) and self._history.colleague.has_touched_fields):
            self._break(f"the import on {user.computer.name} ends with {code}: {words}")

    # In the end ------------------------------------------------------------------------------------------------------

    def check_imported(self) -> None:
        """Each company is there once, and whole; the journals know all that we made."""
        if self._history.colleague.has_touched_fields:
            return
        for user in self._history.users:
            if user.existing != "create":
                for company in user.companies:
                    self._check_company(user, company)
        self._check_keys()
        self._check_fields()
        self._check_journals()

    def _check_company(self, user: "User", company: Company) -> None:
        colleague = self._history.colleague
        if company.called.casefold() in colleague.touched:
            return
        leads = [lead for lead in self._history.close.store.all("lead") if _named(lead) == company.called.casefold()]
        if not leads:
            if not self._is_said_to_be_deleted(user, company):
                self._break(f"{company.called} is missing")
        elif len(leads) > 1:
            self._left.add(company.called.casefold())  # which of them an undo removes, nobody can tell
            if not self._is_reported(company):
                self._break(f"{company.called} is there {len(leads)} times")
        elif user.existing == "merge" and len(leads) == 1:
            self._check_content(company, leads[0])

    def _is_said_to_be_deleted(self, user: "User", company: Company) -> bool:
        """Whether an import leaves a company out that two computers made, as one of them has deleted its lead."""
        result = user.commands.said.result if user.commands.said else None
        outcomes = {lead.lead.name: lead.outcome for lead in result.leads} if result else {}
        return import_key(company.name) in self._shared and outcomes.get(company.called) == "skipped"

    def _is_reported(self, company: Company) -> bool:
        """Whether an import has said that Close has several leads for a company."""
        for user in self._history.users:
            result = user.commands.said.result if user.commands.said else None
            for lead in result.leads if result else ():
                if lead.lead.name == company.called and lead.is_ambiguous:
                    return True
            if result and any(company.called in words for words in result.doubles):
                return True
        return False

    def _check_content(self, company: Company, lead: Json) -> None:
        known = self._history.known.get(company.called)
        for kind, part in (("emails", "email"), ("phones", "phone")):
            there = Counter(item[part].casefold() for contact in lead["contacts"] for item in contact[kind])
            every = [value for person in company.people for value in getattr(person, kind)]
            wanted = [value for value in every if value not in self._history.close.refused]
            for value in wanted:
                if there[value.casefold()] != 1 and not self._is_contact_reported(company):
                    self._break(f"{company.called} has {value} {there[value.casefold()]} times")
        names = Counter((contact["name"] or "").casefold() for contact in lead["contacts"])
        for person in company.people:
            if names[person.name.casefold()] != 1 and not self._is_contact_reported(company):
                self._break(f"{company.called} has {person.name} {names[person.name.casefold()]} times")
        self._check_values(company, known, lead)

    def _is_contact_reported(self, company: Company) -> bool:
        """Whether an import has said that a contact is there twice. Two computers may both add it unawares."""
        if len(self._history.users) > 1:
            return True
        for user in self._history.users:
            result = user.commands.said.result if user.commands.said else None
            for lead in result.leads if result else ():
                if lead.lead.name == company.called and "is there twice" in lead.reason:
                    return True
            if result and any("is there twice" in words for words in result.doubles):
                return True
        return False

    def _check_values(self, company: Company, known: Company | None, lead: Json) -> None:
        held = self._custom(lead)
        states = [address.get("state") for address in lead["addresses"]]
        shown = {
            "founded": held.get("Company Founded", ""),
            "revenue": f"{held['Company Revenue']:.0f}" if "Company Revenue" in held else "",
            "state": next((state for state in states if state), ""),
        }
        for name, value in shown.items():
            before = getattr(known, name) if known else ""
            versions = {getattr(each, name) for each in self._versions(company)} - {""}
            if name != "state" and before and name in ("founded", "revenue") and not self._had(name):
                before = ""
            allowed = {before} if before else versions
            is_due = before or any(getattr(each, name) for each in self._in_files(company))
            if (is_due or value) and value not in allowed:
                self._break(f"{company.called} has {name} {value!r} instead of {sorted(allowed)}")

    def _had(self, name: str) -> bool:
        """Whether the custom field for a value was there before."""
        title = {"founded": "Company Founded", "revenue": "Company Revenue"}[name]
        return title in self._history.fields_before

    def _versions(self, company: Company) -> Iterator[Company]:
        """A company in all versions of all files."""
        for user in self._history.users:
            for version in user.versions:
                yield from (each for each in version if each.called == company.called)

    def _in_files(self, company: Company) -> Iterator[Company]:
        """A company in the files as they are now: an earlier version may never have been imported."""
        for user in self._history.users:
            yield from (each for each in user.companies if each.called == company.called)

    def _custom(self, lead: Json) -> dict[str, Any]:
        names = {f"custom.{each['id']}": each["name"] for each in self._history.close.store.all("custom_field")}
        return {names[key]: value for key, value in lead.items() if key in names}

    def _check_keys(self) -> None:
        """No two leads have one key, unless the colleague or another computer had a part in it, or it was reported."""
        keys: dict[str, list[Json]] = defaultdict(list)
        for lead in self._history.close.store.all("lead"):
            if _key_of(lead) and not self._history.colleague.has_touched(lead):
                keys[_key_of(lead)].append(lead)
        for key, leads in keys.items():
            company = Company(leads[0]["name"] or "")
            is_looked_for = key not in self._shared or self._is_in_a_file(company)
            if len(leads) > 1 and is_looked_for and not self._is_reported(company):
                self._break(f"{len(leads)} leads have the key {key}")

    def _is_in_a_file(self, company: Company) -> bool:
        """Whether a file still has a company: otherwise, nobody looks for what two computers made of it."""
        return any(True for _ in self._in_files(company))

    def _check_fields(self) -> None:
        if len(self._history.users) > 1:
            return
        names = Counter(each["name"] for each in self._history.close.store.all("custom_field"))
        for name, times in names.items():
            if times > 1:
                self._break(f"Close has {times} custom fields named {name}")

    def _check_journals(self) -> None:
        """Each lead that a computer made is in its journal."""
        for user in self._history.users:
            states = _states(user)
            for lead in self._history.close.store.all("lead"):
                if self._maker.get(lead["id"]) != user.computer.name or self._history.colleague.has_touched(lead):
                    continue
                state = states.get(_key_of(lead))
                is_shared = _key_of(lead) in self._shared
                if not is_shared and state not in ("sending", "created", "removed", "undoing"):
                    self._break(f"{lead['name']} is ours, but in the journal it is {state}")

    # Undo ------------------------------------------------------------------------------------------------------------

    def note_left(self, user: "User") -> None:
        """An undo has said what it left."""
        said = user.commands.said
        for lead in said.undone if said else ():
            if lead.outcome == "left":
                self._left |= {lead.lead_id, lead.company.casefold()}

    def check_undone(self) -> None:
        """Close is as it was, but for what the colleague touched and what was said to be left."""
        history = self._history
        if history.colleague.has_touched_fields:
            return
        now = {lead["id"]: lead for lead in history.close.store.all("lead")}
        for lead_id, lead in now.items():
            if self._is_excused(lead):
                continue
            if lead_id not in history.before:
                self._break(f"{lead['name']} ({lead_id}) is still there after the undo")
            elif lead_content(self._in_time(lead)) != lead_content(history.before[lead_id]):
                self._break(
                    f"{lead['name']} ({lead_id}) is not as it was: {_difference(history.before[lead_id], lead)}"
                )
        for lead_id, lead in history.before.items():
            if lead_id not in now and not self._is_excused(lead):
                self._break(f"{lead['name']} ({lead_id}) is gone after the undo")

    def _in_time(self, lead: Json) -> Json:
        """A lead without the contacts that were sent again, and arrived when nobody looked for them any more."""
        writes = [write.sent for write in self._history.network.writes]
        too_late = {
            write.made
            for write in self._history.network.writes
            if write.sent.route == "POST /contact/" and write.arrived_at - write.sent.at > SETTLED_AFTER
            if any(again.at > write.sent.at and again.body == write.sent.body for again in writes)
        }
        return {**lead, "contacts": [each for each in lead["contacts"] if each["id"] not in too_late]}

    def _is_excused(self, lead: Json) -> bool:
        colleague = self._history.colleague
        is_shared = bool({_key_of(lead), lead["id"]} & self._shared)  # each may have taken the other's for its own
        # what another computer has changed since can't be told from the work of people without the event log
        is_shared |= len(self._history.users) > 1 and not self._history.close.shows_log
        return is_shared or colleague.has_touched(lead) or bool({lead["id"], _named(lead)} & self._left)


def _key_of(lead: Json) -> str:
    """The import key of a lead, whatever its field is called by now."""
    values = (value for name, value in lead.items() if name.startswith("custom."))
    return next((value for value in values if str(value).startswith("k1:")), "")


def _named(lead: Json) -> str:
    return " ".join((lead["name"] or "").split()).casefold()


def _difference(before: Json, now: Json) -> str:
    then, there = lead_content(before), lead_content(now)
    return str({name: (then.get(name), value) for name, value in there.items() if then.get(name) != value})


def _states(user: "User") -> dict[str, str]:
    """The state of each lead in a journal, by its key."""
    with closing(sqlite3.connect(user.computer.disk.journal)) as database:
        return dict(database.execute("SELECT key, state FROM leads").fetchall())
