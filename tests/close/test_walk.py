"""A walk that is cut short anywhere and carried on finds what one walk finds, each lead once, and always ends."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from close.contents import Json
from close.errors import ExpiredCursor
from close.walk import DATE_CREATED, LONGEST_WALK, SearchPage, walk

BEGINNING = datetime(2020, 1, 31, 23, 59, 59, 999_990, tzinfo=UTC)
NEVER = 10**6  # pages

moments = st.lists(st.integers(0, 12), max_size=40)
randoms = st.randoms(use_true_random=False)


class Searches:
    """Searches over leads: of equal dates in any order, each within reach of so many leads, cut after so many pages."""

    def __init__(self, created: Sequence[int], size: int, reach: int, cuts: Sequence[int], random: Random) -> None:
        self.leads = [{"id": f"lead_{number}", DATE_CREATED: iso(moment)} for number, moment in enumerate(created)]
        self.size, self.reach, self.cuts, self.random = size, reach, [*reversed(cuts)], random
        self.shown: set[str] = set()
        self.gained: list[int] = []  # leads shown for the first time, by search

    def pages_since(self, moment: str) -> Iterator[SearchPage]:
        self.gained.append(0)
        found = [lead for lead in self.leads if lead[DATE_CREATED] >= moment]
        self.random.shuffle(found)
        found.sort(key=lambda lead: lead[DATE_CREATED])
        pages_left = self.cuts.pop() if self.cuts else NEVER
        for start in range(0, max(1, min(len(found), self.reach)), self.size):
            if not pages_left:
                raise ExpiredCursor(400, {"field-errors": {"cursor": "Expired cursor"}})
            pages_left -= 1
            yield self.page(found[start : min(start + self.size, self.reach)], len(found))

    def page(self, leads: Sequence[Json], total: int) -> SearchPage:
        self.gained[-1] += len({lead["id"] for lead in leads} - self.shown)
        self.shown |= {lead["id"] for lead in leads}
        return SearchPage(list(leads), total)


def iso(moment: int) -> str:
    return (BEGINNING + timedelta(microseconds=moment)).isoformat(timespec="microseconds")


def assert_each_is_there_once(found: Sequence[Json], searches: Searches) -> None:
    assert sorted(lead["id"] for lead in found) == sorted(lead["id"] for lead in searches.leads)
    assert all(one[DATE_CREATED] <= other[DATE_CREATED] for one, other in pairwise(found))


@given(moments, st.integers(1, 6), st.integers(1, 15), st.lists(st.integers(0, 5), max_size=6), randoms)
def test_a_walk_cut_anywhere_beyond_what_was_made_at_once_is_whole(
    created: list[int], size: int, beyond: int, cuts: list[int], random: Random
) -> None:
    alike = max(Counter(created).values(), default=0)
    enough = alike // size + 1  # pages that show more than were made at one moment
    searches = Searches(created, size, alike + beyond, [enough + more for more in cuts], random)
    found, counted = walk(searches.pages_since)
    assert_each_is_there_once(found, searches)
    assert counted == len(created)


@given(moments, st.integers(1, 6), st.integers(1, 15), st.lists(st.integers(1, 4), max_size=30), randoms)
def test_a_walk_ends_as_soon_as_two_searches_in_a_row_show_nothing_new(
    created: list[int], size: int, reach: int, cuts: list[int], random: Random
) -> None:
    searches = Searches(created, size, reach, cuts, random)
    found, counted = walk(searches.pages_since)
    assert all(one or other for one, other in pairwise(searches.gained[:-1]))
    assert len({lead["id"] for lead in found}) == len(found) == len(searches.shown)
    assert counted == len(created)
    if searches.gained[-1]:
        assert_each_is_there_once(found, searches)


@given(moments, st.integers(1, 6), st.integers(1, 15), st.lists(st.integers(1, 4), max_size=30), randoms)
def test_progress_never_goes_back_and_ends_at_what_was_found(
    created: list[int], size: int, reach: int, cuts: list[int], random: Random
) -> None:
    noted: list[tuple[int, int]] = []
    searches = Searches(created, size, reach, cuts, random)
    found, _ = walk(searches.pages_since, lambda read, total: noted.append((read, total)))
    read = [number for number, _ in noted]
    assert read == sorted(read)
    assert read[-1] == len(found)
    assert {total for _, total in noted} == {len(created)}


def test_a_walk_goes_on_where_close_counts_no_further_than_one_search_reaches() -> None:
    leads = [{"id": f"lead_{number}", DATE_CREATED: iso(1000 * number)} for number in range(LONGEST_WALK + 500)]

    def pages_since(moment: str) -> Iterator[SearchPage]:
        found = [lead for lead in leads if lead[DATE_CREATED] >= moment]
        yield SearchPage(found[:LONGEST_WALK], min(len(found), LONGEST_WALK))

    found, counted = walk(pages_since)
    assert (found, counted) == (leads, len(leads))


def test_a_walk_goes_on_from_the_beginning_of_the_millisecond_in_which_it_was_cut() -> None:
    leads = [
        {"id": f"lead_{micro}", DATE_CREATED: iso(micro)} for micro in (110, 910, 310, 1510)
    ]  # as Close may sort them
    searches = iter([2, 4])

    def pages_since(moment: str) -> Iterator[SearchPage]:
        found = [lead for lead in leads if lead[DATE_CREATED] >= moment]
        shown = next(searches)
        yield SearchPage(found[:shown], len(found))
        if shown < len(leads):
            raise ExpiredCursor(400, None)

    assert walk(pages_since) == (leads, 4)


def test_what_was_counted_is_the_most_that_any_page_told() -> None:
    leads = [{"id": f"lead_{number}", DATE_CREATED: iso(number)} for number in range(3)]
    pages = [SearchPage(leads[:2], 3), SearchPage(leads[2:], 2)]
    assert walk(lambda _moment: iter(pages)) == (leads, 3)


def test_a_walk_that_always_shows_a_lead_without_a_date_ends() -> None:
    def pages_since(_moment: str) -> Iterator[SearchPage]:
        yield SearchPage([{"id": "lead_1", DATE_CREATED: None}], 2)
        raise ExpiredCursor(400, None)

    assert walk(pages_since) == ([{"id": "lead_1", DATE_CREATED: None}], 2)
