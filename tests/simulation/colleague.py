"""A colleague who works in Close meanwhile: edits, renames, merges, deletes and restores, and talks to people."""

import random
from collections.abc import Callable

from sandbox.store import Origin
from sandbox.wire import Reply
from tests.simulation.close import COLLEAGUE, Close, Json, Sent
from tests.simulation.scheduler import Scheduler
from tests.simulation.story import Story

OF_A_LEAD = ("contact", "activity", "task", "opportunity")
FIELDS_STAY = 0.9  # probability that a history leaves the custom fields alone


class Colleague:
    """Somebody with a key of their own. What they touch is in `touched`: ids of leads, and names in lower case."""

    def __init__(self, close: Close, scheduler: Scheduler, draw: random.Random, story: Story) -> None:
        self._close, self._scheduler, self._draw, self._story = close, scheduler, draw, story
        self._acts: list[Callable[[], None]] = [
            *(
                self._describe,
                self._rename,
                self._note,
                self._note,
                self._task,
                self._delete,
                self._merge,
                self._restore,
            ),
            *(self._title, self._add_mail, self._remove_contact, self._add_lead, self._opportunity, self._value),
        ]
        self._talks: tuple[Callable[[], None], ...] = (self._note, self._task, self._opportunity)
        self.only_talks = False  # to people, and notes that; nothing else changes
        if draw.random() > FIELDS_STAY:
            self._acts += [self._rename_field, self._delete_field, self._restore_field]
        self._deleted: list[tuple[Json, dict[str, list[Json]]]] = []
        self._deleted_fields: list[tuple[Json, dict[str, object]]] = []
        self.touched: dict[str, float] = {}
        self.worked: dict[str, float] = {}  # when they first changed or worked on leads and contacts, by id
        self.made: set[str] = set()
        self.names: tuple[str, ...] = ()  # of companies that leads may be made for
        self.has_touched_fields = False

    def work(self, times: int, longest: float) -> None:
        """Do something now and then."""
        for _ in range(times):
            self._scheduler.sleep(self._draw.expovariate(1 / longest))
            self._draw.choice(self._talks if self.only_talks else self._acts)()

    def has_touched(self, lead: Json) -> bool:
        """Whether they have touched a lead, or another one of its name."""
        return lead["id"] in self.touched or _name(lead) in self.touched

    # Acts ------------------------------------------------------------------------------------------------------------

    def _lead(self) -> Json | None:
        leads = self._close.store.all("lead")
        return self._draw.choice(leads) if leads else None

    def _contact(self) -> Json | None:
        contacts = self._close.store.all("contact")
        return self._draw.choice(contacts) if contacts else None

    def _touch(self, lead: Json, *, is_work: bool = True) -> None:
        self.touched[lead["id"]] = self.touched[_name(lead)] = self._scheduler.now
        if is_work:
            self.worked.setdefault(lead["id"], self._scheduler.now)

    def _ask(self, method: str, path: str, body: Json | None = None) -> Reply:
        self._story.tell(self._scheduler.now, "colleague", method, path, body)
        self._story.count("colleague")
        sent = Sent("colleague", method, f"/api/v1{path}", "", body, self._scheduler.now)
        return self._close.answer(sent, {"Content-Type": "application/json"}, COLLEAGUE)

    def _change(self, body: Json) -> None:
        lead = self._lead()
        if lead:
            self._touch(lead)
            self._ask("PUT", f"/lead/{lead['id']}/", body)
            self._touch(self._close.store.find("lead", lead["id"]) or lead)

    def _describe(self) -> None:
        self._change({"description": f"seen {self._draw.randrange(100)}"})

    def _rename(self) -> None:
        self._change({"name": f"Renamed {self._draw.randrange(100)}"})

    def _value(self) -> None:
        fields = [field for field in self._close.store.all("custom_field") if field["name"] == "Company Revenue"]
        if fields:
            self._change({f"custom.{fields[0]['id']}": 5.0})

    def _note(self) -> None:
        self._on_somebody("/activity/note/", {"note": "Talked to them"})

    def _task(self) -> None:
        self._on_lead("/task/", {"text": "Call them"})

    def _opportunity(self) -> None:
        self._on_somebody("/opportunity/", {"note": "Big"})

    def _on_somebody(self, path: str, body: Json) -> None:
        """Add something about a contact, or about a lead without one."""
        contact = self._contact()
        lead = self._close.store.find("lead", contact["lead_id"]) if contact else None
        if contact and lead and self._draw.random() < 0.5:
            self._touch(lead)
            self.worked.setdefault(contact["id"], self._scheduler.now)
            self._ask("POST", path, {**body, "lead_id": lead["id"], "contact_id": contact["id"]})
        else:
            self._on_lead(path, body)

    def _on_lead(self, path: str, body: Json) -> None:
        lead = self._lead()
        if lead:
            self._touch(lead)
            self._ask("POST", path, {**body, "lead_id": lead["id"]})

    def _delete(self) -> None:
        lead = self._lead()
        if lead:
            self._touch(lead, is_work=False)
            self._deleted.append((lead, {kind: self._close.store.of_lead(kind, lead["id"]) for kind in OF_A_LEAD}))
            self._ask("DELETE", f"/lead/{lead['id']}/")

    def _restore(self) -> None:
        """Bring a deleted lead back, as Close does: with its id, its contacts, and what was done on it."""
        if not self._deleted:
            return
        lead, children = self._deleted.pop()
        self._story.tell(self._scheduler.now, "colleague", "restores", lead["id"])
        with self._close.store.change(Origin("POST", "/restore/")) as change:
            for kind, documents in children.items():
                for document in documents:
                    change.put(kind, document)
            change.put("lead", {**lead, "date_updated": self._close.store.now()})
        self._touch(lead, is_work=False)

    def _merge(self) -> None:
        source, destination = self._lead(), self._lead()
        if source and destination and source is not destination:
            self._touch(source)
            self._touch(destination)
            self._ask("POST", "/lead/merge/", {"source": source["id"], "destination": destination["id"]})

    def _on_contact(self, act: Callable[[Json], None], *, is_removal: bool = False) -> None:
        contact = self._contact()
        lead = self._close.store.find("lead", contact["lead_id"]) if contact else None
        if contact and lead:
            is_as_made = is_removal and contact["date_created"] > lead["date_created"]  # then, the lead shows no work
            self._touch(lead, is_work=not is_as_made)
            self.worked.setdefault(contact["id"], self._scheduler.now)
            act(contact)

    def _title(self) -> None:
        self._on_contact(lambda contact: self._put_contact(contact, {"title": "Director"}))

    def _add_mail(self) -> None:
        def add(contact: Json) -> None:
            added = {"type": "office", "email": f"new{self._draw.randrange(1000)}@colleague.com"}
            self._put_contact(contact, {"emails": [*contact["emails"], added]})

        self._on_contact(add)

    def _put_contact(self, contact: Json, body: Json) -> None:
        self._ask("PUT", f"/contact/{contact['id']}/", body)

    def _remove_contact(self) -> None:
        self._on_contact(self._delete_contact, is_removal=True)

    def _delete_contact(self, contact: Json) -> None:
        self._ask("DELETE", f"/contact/{contact['id']}/")

    def _add_lead(self) -> None:
        if self.names:
            name = self._draw.choice(self.names)
            reply = self._ask("POST", "/lead/", {"name": name})
            self.touched[" ".join(name.split()).casefold()] = self._scheduler.now
            newest = self._close.store.all("lead")[-1]
            assert reply.status == 200
            self.made.add(newest["id"])
            self._touch(newest)

    # Custom fields ---------------------------------------------------------------------------------------------------

    def _field(self) -> Json | None:
        fields = self._close.store.all("custom_field")
        return self._draw.choice(fields) if fields else None

    def _rename_field(self) -> None:
        field = self._field()
        if field:
            self.has_touched_fields = True
            self._ask("PUT", f"/custom_field/lead/{field['id']}/", {"name": f"{field['name']} old"})

    def _delete_field(self) -> None:
        field = self._field()
        if field:
            self.has_touched_fields = True
            key = f"custom.{field['id']}"
            held = {lead["id"]: lead[key] for lead in self._close.store.all("lead") if key in lead}
            self._deleted_fields.append((field, held))
            self._ask("DELETE", f"/custom_field/lead/{field['id']}/")

    def _restore_field(self) -> None:
        """Bring a deleted field back, with the values that leads had in it."""
        if not self._deleted_fields:
            return
        field, held = self._deleted_fields.pop()
        self._story.tell(self._scheduler.now, "colleague", "restores", field["name"])
        store, key = self._close.store, f"custom.{field['id']}"
        with store.change(Origin("POST", "/restore/")) as change:
            change.put("custom_field", field)
            for lead_id, value in held.items():
                lead = store.find("lead", lead_id)
                if lead:
                    change.put("lead", {**lead, key: value})


def _name(lead: Json) -> str:
    return " ".join((lead.get("name") or "").split()).casefold()
