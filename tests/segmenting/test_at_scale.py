"""`segment` sums up more leads than one search gives, whatever day they share and however fast they were made."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from close.fields import STATE as BY_STATE
from sandbox import Sandbox
from segmenting.columns import LEADS, MEDIAN, TOP_LEAD, TOTAL
from tests.conftest import Run
from tests.many_leads import ManyLead, Sums, fill_state, plain_sums

THE_DAY = date(2000, 6, 15)
FIRST, LAST = date(1950, 1, 1), date(2020, 12, 31)
ALIKE, AT_ONCE, OTHERS = 12_000, 3_000, 13_000  # founded on one day; of these, made in one instant; and all the rest
STATES = ("CA", "New York", "Texas", "NV", "Arizona", None, "California", "Bavaria")
A_PAGE, A_WALK, SPARE = 200, 10_000, 10  # leads in one answer, leads that one search reaches, requests beside these
IMPORTED = datetime.now(UTC) - timedelta(days=100)


def many_leads() -> Iterator[ManyLead]:
    """Leads of one import within two seconds, all founded on one day, among others from before and after it."""
    for number in range(OTHERS):
        founded = FIRST + timedelta(days=number * 7919 % ((LAST - FIRST).days + 1))
        yield one_of_many(number, founded, IMPORTED + timedelta(minutes=20 * (number - OTHERS // 2)))
    for number in range(ALIKE):
        after = timedelta(microseconds=200 * max(0, number + 1 - AT_ONCE))
        yield one_of_many(OTHERS + number, THE_DAY, IMPORTED + after)


def one_of_many(number: int, founded: date, created: datetime) -> ManyLead:
    revenue = None if number % 11 == 0 else (number * 104_729 % 9_999_991) / 1000
    return ManyLead(f"Company {number}", STATES[number % len(STATES)], revenue, founded, "Retail", created)


@pytest.fixture
def crowded(folder: Path, connect: Callable[[Sandbox], None]) -> Iterator[Sandbox]:
    """A sandbox with all these leads, which commands find in the environment."""
    fill_state(folder / "state", sorted(many_leads(), key=lambda lead: lead.created or IMPORTED))
    with Sandbox(state=folder / "state") as running:
        connect(running)
        yield running


def by_state(rows: list[dict[str, Any]]) -> Sums:
    """The rows of a table as the plain sums have them."""
    return {row[BY_STATE.title]: (row[LEADS], row[TOP_LEAD], amount(row[TOTAL]), amount(row[MEDIAN])) for row in rows}


def amount(number: float | None) -> Decimal | None:
    return None if number is None else Decimal(str(number))


def test_twenty_five_thousand_leads_are_summed_up_to_the_cent(run: Run, crowded: Sandbox) -> None:
    for first, last, at_least in ((FIRST, LAST, ALIKE + OTHERS), (THE_DAY, THE_DAY, ALIKE)):
        ran = run("segment", first.isoformat(), last.isoformat(), "--json")
        assert ran.code == 0, ran.err
        sums, leads = plain_sums(crowded, first, last), ran.json["leads"]
        assert by_state(ran.json["rows"]) == sums
        assert leads == sum(count for count, *_ in sums.values()) >= at_least
        assert ran.json["requests"] <= leads / A_PAGE + leads / A_WALK + SPARE
