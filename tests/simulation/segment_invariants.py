"""What must hold of a segment: each lead is counted once, as it stood at some instant, or it is said that it may lack.

An instant is one between its start and its end, or, as Close's search lags, one before the start by that lag.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cells.us_states import state_name
from segmenting.columns import LEADS, LINK, REVENUE, TOTAL
from segmenting.report import Findings
from tests.simulation.close import Answered, Json, Sent

if TYPE_CHECKING:
    from tests.simulation.segment_history import Segmented, SegmentHistory

LONGEST_COMMAND = 2 * 3600.0  # seconds of virtual time
SURELY_KNOWN = 50.0  # seconds; whatever an import made within these is known to a segment, as the index lag is 60
MARGIN = 1.0  # seconds between an answer that was given and one that has been noted


@dataclass(frozen=True)
class State:
    """What a lead was like from a moment on, as far as a segment can tell."""

    since: float
    is_there: bool
    founded: str
    group: str
    revenue: float | None


class SegmentInvariants:
    """Watches over one history. `broken` are sentences about what did not hold."""

    def __init__(self, history: "SegmentHistory") -> None:
        self._history = history
        self.broken: list[str] = []
        self._states: dict[str, list[State]] = {}
        self._seen: tuple[int, ...] = ()
        self._began = 0.0
        self._own: set[str] = set()  # leads that an import on the same computer has made
        self._undone: set[str] = set()  # leads that it has deleted
        history.close.watchers.append(self._watch)
        self._note_states()

    def note_broken(self, words: str) -> None:
        """Something did not hold."""
        self.broken.append(words)
        self._history.story.tell(self._history.scheduler.now, "", "BROKEN", words)

    # What leads were like --------------------------------------------------------------------------------------------

    def _watch(self, _sent: Sent, _answered: Answered) -> None:
        self._note_states()

    def _note_states(self) -> None:
        leads = self._history.close.store.all("lead")
        fields = {each["name"]: f"custom.{each['id']}" for each in self._history.close.store.all("custom_field")}
        seen = tuple(map(id, [*leads, *fields]))
        if seen != self._seen:
            self._seen = seen
            there = {lead["id"]: lead for lead in leads}
            for lead_id in there.keys() | self._states.keys():
                self._note_state(lead_id, there.get(lead_id), fields)

    def _note_state(self, lead_id: str, lead: Json | None, fields: dict[str, str]) -> None:
        now = self._history.scheduler.now
        founded, revenue = ((lead or {}).get(fields.get(name, "")) for name in ("Company Founded", "Company Revenue"))
        state = State(now, lead is not None, founded or "", _group(lead or {}), revenue)
        states = self._states.setdefault(lead_id, [State(0.0, False, "", "", None)])
        if states[-1] != State(states[-1].since, state.is_there, state.founded, state.group, state.revenue):
            states.append(state)

    def _during(self, lead_id: str, begin: float, end: float) -> Iterator[State]:
        """What a lead was like at each instant between two moments."""
        states = self._states[lead_id]
        for state, following in zip(states, [*states[1:], None], strict=True):
            if state.since <= end and (following is None or following.since >= begin):
                yield state

    # Before and after a segment --------------------------------------------------------------------------------------

    def note_beginning(self, journal: Path) -> None:
        """A segment begins: what the journal of an import on the same computer has then is known to it."""
        self._note_states()
        self._began = self._history.scheduler.now
        self._own = set(_in_journal(journal, "SELECT lead_id FROM leads WHERE state = 'created'"))
        self._undone = set(_in_journal(journal, "SELECT lead_id FROM deleted"))

    def check_end(self, made: "Segmented | None", seconds: float, *, is_of_all: bool) -> None:
        """A segment ends in time, without a bug, and its figures are right."""
        self._note_states()
        if seconds > LONGEST_COMMAND:
            self.note_broken(f"a segment took {seconds:.0f} s")
        if made and made.code == 1 and not any(word in made.words for word in ("disk", "space", "Input/output")):
            self.note_broken(made.words)
        if made and made.findings:
            self._check_counts(made.findings, is_of_all=is_of_all)
            self._check_leads(made.findings, is_of_all=is_of_all)

    @property
    def _window(self) -> tuple[float, float]:
        lags = self._history.lags
        return self._began - lags.index.longest - max(lags.shards, default=0.0) - MARGIN, self._history.scheduler.now

    @staticmethod
    def _matches(state: State, *, is_of_all: bool) -> bool:
        return state.is_there and (is_of_all or "1980-01-01" <= state.founded <= "1989-12-31")

    def _check_counts(self, findings: Findings, *, is_of_all: bool) -> None:
        counts = findings.counts
        surely, perhaps = set(), set()
        for lead_id in self._states:
            matching = [self._matches(state, is_of_all=is_of_all) for state in self._during(lead_id, *self._window)]
            surely |= {lead_id} if all(matching) else set()
            perhaps |= {lead_id} if any(matching) and not self._is_surely_gone(lead_id) else set()
        surely |= {lead_id for lead_id in self._own if self._is_surely_known(lead_id, is_of_all=is_of_all)}
        reported = counts["not_shown_yet"] + counts["deleted"] + counts["no_longer_asked_for"]
        if counts["leads"] + reported < len(surely):
            self.note_broken(f"{counts['leads']} leads are counted, {reported} reported, but there are {len(surely)}")
        if counts["leads"] + counts["not_shown_yet"] > len(perhaps):
            told = f"{counts['leads']} leads are counted, {counts['not_shown_yet']} not shown"
            self.note_broken(f"{told}, but there are {len(perhaps)}")
        if sum(row[LEADS] for row in findings.groups.records()) != counts["leads"]:
            self.note_broken("the groups have another number of leads than all together")

    def _is_surely_known(self, lead_id: str, *, is_of_all: bool) -> bool:
        """Whether an import has just made a lead, and nobody has changed it."""
        states = self._states.get(lead_id, [])
        there = [state for state in states if state.is_there]
        is_new = bool(there) and there[0].since > self._began - SURELY_KNOWN
        return is_new and states[1:] == there and all(self._matches(each, is_of_all=is_of_all) for each in there)

    def _is_surely_gone(self, lead_id: str) -> bool:
        """Whether an undo on the same computer had deleted a lead, and nobody has restored it."""
        if lead_id not in self._undone:
            return False
        return not any(state.is_there for state in self._during(lead_id, self._began, self._window[1]))

    def _check_leads(self, findings: Findings, *, is_of_all: bool) -> None:
        """Each lead with revenue is there once, in the group and with the revenue that it had at one instant."""
        assert findings.top
        rows = findings.top.records()
        links = [str(row[LINK]) for row in rows]
        for link in {each for each in links if links.count(each) > 1}:
            self.note_broken(f"{link} is counted {links.count(link)} times")
        for row in rows:
            self._check_row(row, is_of_all=is_of_all)
        for group in findings.groups.records():
            name = next(iter(group.values()))
            of_group = [row[REVENUE] for row in rows if next(iter(row.values())) == name]
            if (group[TOTAL] or 0) != sum(of_group):
                self.note_broken(f"the total of {name} is {group[TOTAL]}, its leads have {sum(of_group)}")

    def _check_row(self, row: Json, *, is_of_all: bool) -> None:
        lead_id = str(row[LINK]).rstrip("/").rpartition("/")[2]
        told = next(iter(row.values())), float(row[REVENUE])
        if self._is_surely_gone(lead_id):
            self.note_broken(f"{lead_id} is counted, which an undo had deleted")
        states = [each for each in self._during(lead_id, *self._window) if self._matches(each, is_of_all=is_of_all)]
        if told not in [(each.group, each.revenue) for each in states]:
            self.note_broken(f"{lead_id} is counted as {told}, but it was {states[-3:]}")


def _group(lead: Json) -> str:
    states = [address.get("state") for address in lead.get("addresses") or ()]
    state: Any = next((each for each in states if each), "")
    return state_name(state) or state or "Unknown"


def _in_journal(journal: Path, asked: str) -> Iterator[str]:
    """What is in the first column of a journal's answer."""
    if not journal.exists():
        return
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as database:
        try:
            rows = database.execute(asked).fetchall()
        except sqlite3.OperationalError:  # it is only just being made
            return
        yield from (lead_id for (lead_id,) in rows)
