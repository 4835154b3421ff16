"""Some leads in a sandbox, each made in a line, and what `segment` says of them."""

from collections.abc import Mapping
from typing import Any

from sandbox import Sandbox
from segmenting.columns import LEADS
from tests.conftest import Ran
from tests.raw_close import RawClose

THE_DAY = "2000-06-15"


class SomeLeads(RawClose):
    """A session that makes leads, which are founded on one day unless they say otherwise."""

    def __init__(self, sandbox: Sandbox, revenue: str = "number") -> None:
        super().__init__(sandbox)
        self.sandbox = sandbox
        self.field("Company Founded", "date")
        self.field("Company Revenue", revenue)

    def field(self, name: str, kind: str = "text", **more: Any) -> Any:
        """The id of a new custom field."""
        return self.made("/custom_field/lead/", name=name, type=kind, **more)["id"]

    def status(self, label: str) -> Any:
        """The id of a status that is there already, or of a new one."""
        known = {each["label"]: each["id"] for each in self.get("/status/lead/").json()["data"]}
        return known.get(label) or self.made("/status/lead/", label=label)["id"]

    def add(
        self,
        name: str,
        revenue: object = None,
        state: str | None = None,
        values: Mapping[str, Any] | None = None,
        *,
        founded: str | None = THE_DAY,
        status: str | None = None,
    ) -> Any:
        """The id of a new lead, with custom values by the names or ids of their fields; what is None is not there."""
        custom = {"Company Revenue": revenue, "Company Founded": founded, **(values or {})}
        lead: dict[str, Any] = {f"custom.{key}": value for key, value in custom.items() if value is not None}
        if state is not None:
            lead["addresses"] = [{"label": "business", "state": state, "country": "US"}]
        if status is not None:
            lead["status_id"] = self.status(status)
        return self.made("/lead/", name=name, **lead)["id"]

    def add_each(self, field: str, *values: Any) -> None:
        """A lead for each value of a field; for None, one without."""
        for number, value in enumerate(values):
            self.add(f"Lead {number}", values={field: value})


def names_of(ran: Ran, *titles: str) -> list[Any]:
    """The groups in their order; of several levels each as a tuple."""
    assert ran.code == 0, ran.err
    return [row[titles[0]] if len(titles) == 1 else tuple(row[title] for title in titles) for row in ran.json["rows"]]


def sizes_of(ran: Ran, title: str) -> dict[str, int]:
    """How many leads each group has."""
    assert ran.code == 0, ran.err
    return {row[title]: row[LEADS] for row in ran.json["rows"]}
