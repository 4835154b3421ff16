"""Leads that wait in Close to be qualified, made by raw HTTP, and what became of them."""

from collections.abc import Sequence
from typing import Any

from tests.raw_close import RawClose

LABELS = ("To qualify", "Prospect", "Not eligible")
ID_FIELD = "National ID"


class Waiting:
    """The statuses and the field that qualifying needs, in a sandbox, and leads that wait in the first status."""

    def __init__(self, close: RawClose) -> None:
        self._close = close
        there = {status["label"]: status["id"] for status in close.get("/status/lead/").json()["data"]}
        self._statuses = {label: there.get(label) or close.made("/status/lead/", label=label)["id"] for label in LABELS}
        self._field = close.made("/custom_field/lead/", name=ID_FIELD, type="text")["id"]

    def lead(self, person_id: str, names: Sequence[str] = (), name: str = "") -> str:
        """The id of a new lead that waits, with a person's id and contacts of these names."""
        made = self._close.made(
            "/lead/",
            name=name or f"Lead {person_id}",
            status_id=self._statuses["To qualify"],
            contacts=[{"name": name} for name in names],
            **{f"custom.{self._field}": person_id},
        )
        return str(made["id"])

    def status(self, lead_id: str) -> str:
        """What the status of a lead is called."""
        return str(self._close.get(f"/lead/{lead_id}/").json()["status_label"])

    def notes(self, lead_id: str) -> list[Any]:
        """The notes on a lead."""
        return list(self._close.get("/activity/note/", params={"lead_id": lead_id}).json()["data"])

    def type_id(self, lead_id: str, person_id: str) -> None:
        """Correct the id of a lead, as an agent does."""
        answer = self._close.put(f"/lead/{lead_id}/", json={f"custom.{self._field}": person_id})
        assert answer.status_code == 200, answer.text

    def add_contact(self, lead_id: str, name: str) -> None:
        """Add a contact to a lead, as an agent does."""
        self._close.made("/contact/", lead_id=lead_id, name=name)

    def put_back(self, lead_id: str) -> None:
        """Let a lead wait again."""
        self.move(lead_id, "To qualify")

    def move(self, lead_id: str, label: str) -> None:
        """Give a lead another status, as an agent does."""
        answer = self._close.put(f"/lead/{lead_id}/", json={"status_id": self._statuses[label]})
        assert answer.status_code == 200, answer.text
