"""Very many leads in a sandbox without a request for each, and their sums by state in the plainest way."""

import contextlib
import json
import sqlite3
import statistics
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from sandbox import Sandbox
from sandbox.account import Account, Call
from sandbox.fields import add_field
from sandbox.leads import create_lead
from sandbox.store import Change, Origin, Store
from sandbox.walks import Walks

FIELDS = {"Company Founded": "date", "Company Revenue": "number", "Industry": "text"}
NAMES = {"AZ": "Arizona", "CA": "California", "NV": "Nevada", "NY": "New York", "TX": "Texas"}

Json = dict[str, Any]
Sums = dict[str, tuple[int, str | None, Decimal | None, Decimal | None]]


@dataclass(frozen=True)
class ManyLead:
    """A lead that Close has had since `created`; what is None is not there."""

    name: str
    state: str | None = None
    revenue: float | None = None
    founded: date | None = None
    industry: str | None = None
    created: datetime | None = None

    @property
    def body(self) -> Json:
        """The lead as Close takes it, with the custom fields by name."""
        address = {"label": "business", "state": self.state, "country": "US"}
        values = zip(FIELDS, (self.founded and self.founded.isoformat(), self.revenue, self.industry), strict=True)
        return {
            "name": self.name,
            "addresses": [address] if self.state else [],
            "custom": {name: value for name, value in values if value is not None},
        }


class Gathering(Store):
    """A store whose changes all become part of `whole`, where there is one, at a moment of one's choice."""

    whole: Change | None = None
    moment: datetime | None = None

    def now(self) -> str:
        return self.moment.astimezone(UTC).isoformat(timespec="microseconds") if self.moment else super().now()

    @contextlib.contextmanager
    def change(self, origin: Origin) -> Iterator[Change]:
        if self.whole:
            yield self.whole
            return
        with super().change(origin) as change:
            yield change


def fill_state(path: Path, leads: Iterable[ManyLead]) -> None:
    """Write the leads into a sandbox's state file, with the custom fields that they have, as if they were posted."""
    store = Gathering(state=path, index_lag=0, event_lag=0, clock=time.monotonic, currency="USD")
    try:
        account, origin = Account(store, Walks(time.monotonic), "US", None), Origin("POST", "/api/v1/lead/")
        known = {field["name"] for field in store.all("custom_field")}
        for name, kind in FIELDS.items():
            if name not in known:
                add_field(account, Origin("POST", "/api/v1/custom_field/lead/"), {"name": name, "type": kind})
        with store.change(origin) as store.whole:
            for lead in leads:
                store.moment = lead.created
                create_lead(account, Call(origin, {}, lead.body, timedelta()))
    finally:
        store.close()


def plain_sums(source: Path | Sandbox, first: date, last: date) -> Sums:
    """By state, what was founded between two days: how many, the name with most revenue, the total, the median.

    Read from what the sandbox keeps, not from what it answers; amounts are rounded half up to cents. Of equal
    revenues the first name counts; without any, what depends on revenue is None.
    """
    leads, keys = _kept(source, "lead"), _keys(source)
    found: dict[str, list[Json]] = {}
    for lead in leads:
        if first.isoformat() <= lead.get(keys["Company Founded"], "") <= last.isoformat():
            state = lead["addresses"][0]["state"] if lead["addresses"] else "Unknown"
            found.setdefault(NAMES.get(state, state), []).append(lead)
    return {state: _sums(together, keys["Company Revenue"]) for state, together in sorted(found.items())}


def _sums(leads: list[Json], revenue: str) -> tuple[int, str | None, Decimal | None, Decimal | None]:
    amounts = [(-Decimal(str(lead[revenue])), lead["name"]) for lead in leads if revenue in lead]
    if not amounts:
        return len(leads), None, None, None
    revenues = [-amount for amount, _ in amounts]
    return len(leads), sorted(amounts)[0][1], _cents(sum(revenues, Decimal(0))), _cents(statistics.median(revenues))


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _keys(source: Path | Sandbox) -> dict[str, str]:
    return {field["name"]: f"custom.{field['id']}" for field in _kept(source, "custom_field")}


def _kept(source: Path | Sandbox, kind: str) -> list[Json]:
    """The objects of a kind that a running sandbox or a state file holds, even while a sandbox uses the file."""
    if isinstance(source, Sandbox):
        return source._account.store.all(kind)
    with contextlib.closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT document FROM objects WHERE kind = ? ORDER BY rowid", (kind,))
        return [json.loads(document) for (document,) in rows]
