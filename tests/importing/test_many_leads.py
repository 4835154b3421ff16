"""Leads written straight into a state file are as if they were posted, and the plain sums are right."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sandbox import Sandbox
from tests.many_leads import FIELDS, ManyLead, fill_state, plain_sums
from tests.raw_close import RawClose
from tests.what_close_holds import custom_ids, undated

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
OF_ITS_OWN = {"id", "html_url", "lead_id", "activity_at"}


def alike(document: Any) -> Any:
    """What two objects have in common that were made in the same way."""
    return {key: value for key, value in undated(document).items() if key not in OF_ITS_OWN}


def test_a_lead_in_the_state_is_what_a_posted_one_is(tmp_path: Path) -> None:
    lead = ManyLead("Acme", "NV", 12.5, date(2000, 2, 29), "Retail", YESTERDAY)
    fill_state(tmp_path / "state", [lead])
    with Sandbox(state=tmp_path / "state") as sandbox, RawClose(sandbox) as close:
        posted = close.made("/lead/", **lead.body)
        written, also_posted = close.get("/lead/").json()["data"]
        assert also_posted == posted
        assert (written.keys(), alike(written)) == (posted.keys(), alike(posted))
        assert written["date_created"] == YESTERDAY.isoformat(timespec="microseconds")
        (his,), (its,) = (activities(close, each["id"]) for each in (written, posted))
        assert (his.keys(), alike(his)) == (its.keys(), alike(its))
        (told,), (also_told,) = (events(close, each["id"]) for each in (written, posted))
        assert told.keys() == also_told.keys()
        assert (told["action"], told["object_type"], told["data"]) == ("created", "lead", written)


def activities(close: RawClose, lead_id: str) -> list[Any]:
    return list(close.get("/activity/", params={"lead_id": lead_id}).json()["data"])


def events(close: RawClose, lead_id: str) -> list[Any]:
    return list(close.get("/event/", params={"lead_id": lead_id}).json()["data"])


def test_a_state_can_be_filled_twice(tmp_path: Path) -> None:
    for name in ("Acme", "Beta"):
        fill_state(tmp_path / "state", [ManyLead(name, founded=date(2000, 1, 1))])
    with Sandbox(state=tmp_path / "state") as sandbox, RawClose(sandbox) as close:
        assert custom_ids(close).keys() == FIELDS.keys()
        assert [lead["name"] for lead in close.get("/lead/").json()["data"]] == ["Acme", "Beta"]


def test_the_plain_sums_are_those_that_one_counts_by_hand(tmp_path: Path) -> None:
    day = date(2000, 1, 2)
    leads = [
        ManyLead("Cy", "CA", 0.1, day),
        ManyLead("Bo", "California", 0.205, day),
        ManyLead("Al", "CA", 0.205, day),
        ManyLead("Di", "California", None, day),
        ManyLead("Ed", "NY", None, day),
        ManyLead("Flo", None, -2.005, day),
        ManyLead("Gus", "TX", 1, day - timedelta(days=1)),
        ManyLead("Hal", "TX", 1, day + timedelta(days=1)),
        ManyLead("Ida", "TX", 1),
    ]
    fill_state(tmp_path / "state", leads)
    expected = {
        "California": (4, "Al", Decimal("0.51"), Decimal("0.21")),
        "New York": (1, None, None, None),
        "Unknown": (1, "Flo", Decimal("-2.01"), Decimal("-2.01")),
    }
    with Sandbox(state=tmp_path / "state") as sandbox:
        assert plain_sums(sandbox, day, day) == plain_sums(tmp_path / "state", day, day) == expected
        assert plain_sums(sandbox, date.min, date.max)["Texas"] == (2, "Gus", Decimal(2), Decimal(1))
