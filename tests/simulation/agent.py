"""A sales agent who works in Close while people are checked: moves leads, and corrects what is known about them."""

import random
from bisect import bisect_left, insort

from tests.simulation.close import Close, Json
from tests.simulation.colleague import Colleague
from tests.simulation.scheduler import Scheduler
from tests.simulation.story import Story

BAD_IDS = ("", "", "pending", "1.2E+06", "12 34")


class Agent(Colleague):
    """Somebody who works on leads. `deeds` are the moments at which they did something to a lead, by its id."""

    def __init__(self, close: Close, scheduler: Scheduler, draw: random.Random, story: Story) -> None:
        super().__init__(close, scheduler, draw, story)
        self.ids: tuple[str, ...] = ()
        self.id_key = ""
        self.deeds: dict[str, list[float]] = {}
        self.rewritten: set[str] = set()  # leads on which they have changed or deleted notes of ours
        self._acts = [
            *(self._move, self._move, self._back, self._back, self._change_id, self._change_id, self._call),
            *(self._describe, self._note, self._rewrite, self._drop_note, self._delete, self._merge, self._come),
        ]

    def has_acted(self, lead_id: str, since: float = 0.0) -> bool:
        """Whether they have done something to a lead since a moment."""
        deeds = self.deeds.get(lead_id, [])
        return bisect_left(deeds, since) < len(deeds)

    def _touch(self, lead: Json, *, is_work: bool = True) -> None:
        super()._touch(lead, is_work=is_work)
        insort(self.deeds.setdefault(lead["id"], []), self._scheduler.now)

    def status(self, label: str) -> str:
        """The id of a status, "" if there is none."""
        statuses = self._close.store.all("status")
        return next((status["id"] for status in statuses if status["label"] == label), "")

    # Acts ------------------------------------------------------------------------------------------------------------

    def _move(self) -> None:
        self._change({"status_id": self._draw.choice(self._close.store.all("status"))["id"]})

    def _back(self) -> None:
        self._change({"status_id": self.status("To qualify")})

    def _change_id(self) -> None:
        if self.id_key:
            typed = self._draw.choice((*self.ids, *BAD_IDS))
            self._change({self.id_key: typed or None})

    def _call(self) -> None:
        """Learn the name of a contact."""
        self._on_contact(lambda contact: self._put_contact(contact, {"name": f"Ann {self._draw.choice('XYZ')}oe"}))

    def _come(self) -> None:
        """A new lead waits."""
        body: Json = {"name": f"Late {self._draw.randrange(100)}", "status_id": self.status("To qualify")}
        if self.id_key:
            body[self.id_key] = self._draw.choice(self.ids)
        self._ask("POST", "/lead/", body)
        self._touch(self._close.store.all("lead")[-1])

    def _our_note(self) -> Json | None:
        notes = [each for each in self._close.store.all("activity") if "Attempt: " in (each.get("note") or "")]
        note = self._draw.choice(notes) if notes else None
        lead = self._close.store.find("lead", note["lead_id"]) if note else None
        if lead:
            self._touch(lead)
            self.rewritten.add(lead["id"])
        return note if lead else None

    def _rewrite(self) -> None:
        note = self._our_note()
        if note:
            self._ask("PUT", f"/activity/note/{note['id']}/", {"note": f"{note['note']} (seen)"})

    def _drop_note(self) -> None:
        note = self._our_note()
        if note:
            self._ask("DELETE", f"/activity/note/{note['id']}/")
