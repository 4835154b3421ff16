"""Put the leads of a file into Close, each exactly once.

A plan is carried out (`carry_out`: make the custom fields that are missing, send, look for lost answers and for
doubles), then every row is accounted for (`conclude`). A lead is known by its import key, which travels in a text
custom field. Each intent is in the journal before its request leaves, and Close's answer after it came, so that a run
that was cut off at any instant is carried on by the next one.
"""

import logging
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, get_args

from bodies import lead_body, send_mended
from cleaning import Lead, Problem
from close_client import (
    CloseClient,
    CloseError,
    CloseUnreachable,
    InvalidRequest,
    Json,
    NotFound,
    OutcomeUnknown,
    Stopped,
    lead_link,
)
from filling import fill_lead
from journal import Journal
from merging import LeadFields, find_gaps
from planning import LEFT_ALONE, MERGED, Action, Plan, PlannedLead, find_merged, lead_field, several_found
from reading import COMPANY, IMPORT_KEY, SourceFile
from reconciling import LATEST_LEADS, LaterLead, Look, Place, adopt, kept, remove_doubles, settle

FIELD_ATTEMPTS = 5  # times that a custom field is asked for when answers get lost
FIELD_PAUSE = 1.0  # seconds for a field whose answer was lost to come into being
MOST_RESENDS = 5  # of one lead in one run; after that the next run goes on
MOST_LOST_IN_A_ROW = 10  # answers; after so many Close is down, and the rest of the file is better sent later

Outcome = Literal["created", "updated", "unchanged", "skipped", "rejected", "failed", "undetermined"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
OUTCOME_OF_ACTION: Mapping[Action, Outcome] = {
    "create": "created",
    "update": "updated",
    "unchanged": "unchanged",
    "skip": "skipped",
    "look up": "undetermined",
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LeadOutcome:
    """What became of one lead.

    `is_ambiguous` where Close has several leads and a person must look; `dropped` are values that Close did not take.
    """

    lead: Lead
    outcome: Outcome
    reason: str = ""
    changes: str = ""
    lead_id: str = ""
    link: str = ""
    is_ambiguous: bool = False
    dropped: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What became of one row of the file."""

    row: int
    company: str
    outcome: Outcome
    reason: str
    changes: str
    lead_id: str
    link: str


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import came to, lead by lead and row by row, and what ended it early, if anything did."""

    source: SourceFile
    plan: Plan
    leads: list[LeadOutcome]
    rows: list[RowOutcome]
    ended_by: Exception | None

    def has(self, outcome: Outcome) -> bool:
        """Whether any row ended so."""
        return any(row.outcome == outcome for row in self.rows)

    @property
    def is_ambiguous(self) -> bool:
        """Whether a person must look at some company that has several leads in Close."""
        return any(lead.is_ambiguous for lead in self.leads)

    @property
    def dropped(self) -> list[Problem]:
        """Every value that was lost, in cleaning or because Close did not take it."""
        return [*self.plan.clean.dropped, *(problem for lead in self.leads for problem in lead.dropped)]


# Custom fields -------------------------------------------------------------------------------------------------------


def _with_fields(close: CloseClient, journal: Journal, plan: Plan) -> Plan:
    """The plan with an id for every custom field that it fills, after making those that Close lacks."""
    missing = plan.missing_fields
    for name, kind in missing.items():
        _create_field(close, journal, name, kind)
    schema = close.lead_fields() if missing else []
    made = {name: lead_field(_oldest(schema, name)) for name in missing}
    key_field = made.pop(IMPORT_KEY).id if IMPORT_KEY in made else plan.fields.import_key
    if key_field:
        journal.note_key_field(key_field)
    return replace(plan, fields=LeadFields({**plan.fields.by_name, **made}, key_field))


def _create_field(close: CloseClient, journal: Journal, name: str, kind: str) -> None:
    """Make a field; where its answer was lost, in an earlier run too, the schema is read before it is made again."""
    lost: OutcomeUnknown | None = None
    for _ in range(FIELD_ATTEMPTS):
        if journal.is_making_field(name) and _was_made(close, name):
            break
        journal.note_making_field(name)
        try:
            close.create_lead_field(name, kind)
            break
        except OutcomeUnknown as error:
            lost = error
        except CloseError:
            journal.note_field_settled(name)
            raise
    else:
        if lost and not _was_made(close, name):
            raise OutcomeUnknown(f"{lost} when the field {name!r} was made")
    journal.note_field_settled(name)


def _was_made(close: CloseClient, name: str) -> bool:
    """Whether a field is there whose answer was lost, after giving Close the time to make it."""
    close.pause(FIELD_PAUSE)
    return any(each["name"] == name for each in close.lead_fields())


def _oldest(schema: Sequence[Json], name: str) -> Json:
    """The oldest field of a name: two machines that made one at the same time agree on it."""
    named = [each for each in schema if each["name"] == name]
    if not named:
        raise OutcomeUnknown(f"Close does not show the field {name!r} yet")
    return min(named, key=lambda each: (each.get("date_created") or "", each["id"]))


def foresee(plan: Plan) -> list[LeadOutcome]:
    """What will become of each lead if nothing changes in Close before the plan is carried out."""
    return [_settled_outcome(planned) for planned in plan.leads]


# Carry out -----------------------------------------------------------------------------------------------------------


def carry_out(
    close: CloseClient,
    journal: Journal,
    plan: Plan,
    *,
    workers: int,
    index_lag: float,
    stop: threading.Event,
    tell: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] | None = None,
) -> Iterator[LeadOutcome]:
    """Yield what becomes of each lead: those with nothing to do first, the others as Close answers.

    Custom fields that are missing are made before anything is sent. Once `stop` is set, or Close refuses the run
    itself, what is in flight is finished and the rest is skipped. What ended the run, be it a bug of ours, is raised
    after the last outcome, so that no outcome is lost with it. `tell` is given what a person would wonder about.
    """
    doing = _CarryingOut(close, journal, plan, workers, index_lag, stop, tell, clock or time.monotonic)
    yield from doing.outcomes()
    if doing.ended_by:
        raise doing.ended_by


@dataclass(frozen=True, slots=True)
class _Lost:
    """A lead that was sent, and whose answer was lost at a time by the monotonic clock."""

    planned: PlannedLead
    lost_at: float
    reason: str


class _CarryingOut:
    """One run: jobs through a pool of workers, then lost answers, then doubles; `ended_by` is what cut it short."""

    def __init__(
        self,
        close: CloseClient,
        journal: Journal,
        plan: Plan,
        workers: int,
        index_lag: float,
        stop: threading.Event,
        tell: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self.close, self.journal, self.plan = close, journal, plan
        self.workers, self.index_lag, self.stop = workers, index_lag, stop
        self.tell, self.clock = tell, clock
        self.ended_by: Exception | None = None
        self.began = clock()
        self.later: deque[LaterLead] = deque(maxlen=LATEST_LEADS)
        self.lost: dict[str, _Lost] = {}
        self.resends: Counter[str] = Counter()
        self.adopted: set[str] = set()
        self.doubles_removed = 0
        self.being_filled: dict[str, threading.Lock] = {}
        self.last_resend = self.began
        self.held: dict[str, LeadOutcome] = {}

    @property
    def place(self) -> Place:
        """Where to look for leads; the field for import keys is there by the time that anything was sent."""
        return Place(self.plan.account.user_id, self.plan.fields.import_key or "", self.index_lag)

    def outcomes(self) -> Iterator[LeadOutcome]:
        """Yield one outcome for every lead of the plan."""
        plan = self.plan
        todo = [each for each in plan.leads if self._is_to_do(each)]
        yield from self._let_through(
            (each.key, _settled_outcome(each)) for each in plan.leads if not self._is_to_do(each)
        )
        try:
            self.journal.start_run(plan.run_id, plan.file, plan.existing)
            self.plan = _with_fields(self.close, self.journal, plan)
        except Exception as error:  # whatever it is, it leaves every lead unsent
            self.ended_by = error
            yield from (_unsent(planned, error) for planned in todo)
            return
        self.lost = {
            each.key: _Lost(each, self.began, "its answer was lost in an earlier run")
            for each in todo
            if each.action == "look up"
        }
        jobs = deque(each for each in todo if each.action != "look up")
        while jobs or self.lost:
            yield from self._let_through(self._work_through(jobs))
            if self.ended_by:
                break
            if self.lost:
                yield from self._let_through(self._look_for_lost(jobs))
        yield from (_unsent(planned, self.ended_by) for planned in jobs)
        yield from (_undetermined(lost) for lost in self.lost.values())
        yield from self._check_doubles()
        if self.doubles_removed:
            self.tell(f"doubles of our own that were removed from Close: {self.doubles_removed}")

    def _is_to_do(self, planned: PlannedLead) -> bool:
        """Whether there is work: something to write, to look up, or copies of which the journal may know one."""
        return planned.writes or bool(planned.copies and planned.key in self.plan.sent)

    def _let_through(self, outcomes: Iterable[tuple[str, LeadOutcome]]) -> Iterator[LeadOutcome]:
        """Pass outcomes on, but hold those of leads that were sent twice until their doubles were looked for."""
        for key, outcome in outcomes:
            if outcome.lead_id and self._may_be_double(key):
                self.held[key] = outcome
            else:
                yield outcome

    def _may_be_double(self, key: str) -> bool:
        """Whether Close may have carried out more than one sending of a lead, in this run and in earlier ones."""
        sent = self.plan.sent.get(key)
        is_resent = sent is not None and (not sent.is_single or (sent.state == "absent" and sent.sends > 0))
        return is_resent or self.resends[key] > 0

    # The pool --------------------------------------------------------------------------------------------------------

    def _work_through(self, jobs: deque[PlannedLead]) -> Iterator[tuple[str, LeadOutcome]]:
        """Yield what becomes of jobs, several at a time; answers that were lost are noted, jobs not begun are left."""
        in_flight: dict[Future[LeadOutcome | _Lost], PlannedLead] = {}
        lost_in_a_row = 0
        with ThreadPoolExecutor(max_workers=self.workers) as pool:
            while True:
                while jobs and len(in_flight) < self.workers and not self.ended_by and not self.stop.is_set():
                    planned = jobs.popleft()
                    in_flight[pool.submit(self._do, planned)] = planned
                if not in_flight:
                    break
                for future in wait(in_flight, return_when=FIRST_COMPLETED).done:
                    planned = in_flight.pop(future)
                    result = self._result_of(future, planned)
                    is_lost = isinstance(result, _Lost) or result.outcome == "undetermined"
                    lost_in_a_row = lost_in_a_row + 1 if is_lost else 0
                    if lost_in_a_row >= MOST_LOST_IN_A_ROW:
                        self._end(CloseUnreachable(f"{lost_in_a_row} answers in a row were lost"))
                    if isinstance(result, _Lost):
                        self.lost[planned.key] = result
                    else:
                        yield planned.key, result
        if self.stop.is_set() and (jobs or self.lost):
            self._end(Stopped("stopped"))

    def _result_of(self, future: Future[LeadOutcome | _Lost], planned: PlannedLead) -> LeadOutcome | _Lost:
        """What a job came to; an error that it raised ends the run."""
        error = future.exception()
        if error is None:
            return future.result()
        if not isinstance(error, Exception):
            raise error
        self._end(error)
        if isinstance(error, CloseError):
            return self._cut_off(planned, error)
        log.error("%s while a lead was sent", type(error).__name__)
        reason = f"an unexpected {type(error).__name__} came between"
        return LeadOutcome(planned.lead, "undetermined", reason)

    def _cut_off(self, planned: PlannedLead, error: CloseError) -> LeadOutcome:
        """The outcome of a job that could not be done: nothing, or only a part of what a lead lacks, was written."""
        lead_id = planned.found["id"] if planned.found else ""
        if any(change.run_id == self.plan.run_id for change in self.journal.changes_of_lead(lead_id)):
            reason = f"only a part of what it lacks may have been added, for the import ended: {error}"
            return _about(planned.found or {}, planned.lead, "undetermined", reason, planned.gaps.in_words())
        return _unsent(planned, error)

    def _end(self, error: Exception) -> None:
        self.ended_by = self.ended_by or error

    def _do(self, planned: PlannedLead) -> LeadOutcome | _Lost:
        if planned.copies:
            return self._sort_out(planned)
        return self._merge(planned) if planned.action == "update" else self._create(planned)

    # A new lead ------------------------------------------------------------------------------------------------------

    def _create(self, planned: PlannedLead) -> LeadOutcome | _Lost:
        """Create one lead. What Close refuses for another reason than its values, and what can't be sent, is raised."""
        lead, key = planned.lead, planned.key
        sent = self.plan.sent.get(key)
        if sent and sent.state == "undoing" and not self.resends[key]:
            self.journal.note_undone(key)
        self.journal.note_sending(key, self.plan.run_id, lead.name, self.close.now())
        began = self.clock()
        try:
            made, dropped = send_mended(
                self.close.create_lead, lead_body(lead, key, self.plan.fields), lead, self.plan.fields
            )
        except OutcomeUnknown as lost:
            return _Lost(planned, self.clock(), str(lost))
        except InvalidRequest as refused:
            self.journal.note_not_sent(key)
            return LeadOutcome(lead, "failed", str(refused))
        except CloseError:
            self.journal.note_not_sent(key)
            raise
        assert made is not None, "a lead has its name at least"
        self.journal.note_created(key, kept(made))
        self.later.append(LaterLead(began, key, made["id"]))
        if lead.contacts and "contacts" not in made:  # an undo compares the whole lead with what is noted
            with suppress(CloseError):
                self.journal.note_created(key, kept(self.close.read_lead(made["id"])))
        if self._may_be_double(key):
            self.last_resend = self.clock()
        return _about(made, lead, "created", dropped=dropped)

    # A lead that is there --------------------------------------------------------------------------------------------

    def _merge(self, planned: PlannedLead) -> LeadOutcome | _Lost:
        """Give a lead what it lacks; one job at a time, for two companies may have been merged into it in Close."""
        lead, found = planned.lead, planned.found or {}
        try:
            with self.being_filled.setdefault(found["id"], threading.Lock()):
                filled = fill_lead(
                    self.close, self.journal, self.plan.fields, self.plan.run_id, lead, planned.key, found["id"]
                )
        except NotFound:
            return self._vanished(planned)
        except InvalidRequest as refused:
            return _about(found, lead, "failed", str(refused))
        except OutcomeUnknown as lost:
            reason = f"{lost}, time and again; run the same command again"
            return _about(found, lead, "undetermined", reason, planned.gaps.in_words())
        outcome: Outcome = "updated" if filled.changes else "unchanged"
        if planned.key in self.adopted:
            outcome = "created"
        return _about(filled.found, lead, outcome, planned.reason, filled.changes, filled.dropped)

    def _vanished(self, planned: PlannedLead) -> LeadOutcome | _Lost:
        """A lead that search showed and that does not exist: it was merged into another one, which gets its data; else
        ours was deleted, and another's was never there."""
        gone = [planned.found["id"]] if planned.found else planned.copies
        into = find_merged(self.close, dict.fromkeys(gone, planned.key)).get(planned.key)
        if into:
            return self._merge(replace(planned, action="update", reason=MERGED, found=into, copies=()))
        sent = self.journal.leads([planned.key]).get(planned.key)
        if sent and sent.state in ("created", "removed"):
            reason = "deleted or merged in Close since it was imported"
            return LeadOutcome(planned.lead, "skipped", reason)
        return self._create(replace(planned, action="create"))

    def _sort_out(self, planned: PlannedLead) -> LeadOutcome | _Lost:
        """Remove the doubles that are ours, then go on with the lead that stays."""
        copies = remove_doubles(self.close, self.journal, self.place, planned.key, planned.copies)
        if len(copies.left) > 1:
            return _settled_outcome(several_found(planned.lead, planned.key, copies.left))
        if not copies.left:
            return self._vanished(planned)
        self.doubles_removed += copies.removed
        if self.plan.existing == "merge":
            return self._merge(replace(planned, action="update", reason="in Close already", found=copies.left[0]))
        if self.plan.existing == "skip":
            return _about(copies.left[0], planned.lead, "skipped", LEFT_ALONE)
        return _about(copies.left[0], planned.lead, "unchanged", "in Close already")

    # Lost answers and doubles ----------------------------------------------------------------------------------------

    def _look_for_lost(self, jobs: deque[PlannedLead]) -> Iterator[tuple[str, LeadOutcome]]:
        """Yield what became of the leads whose answers were lost; those that Close does not have become jobs again."""
        self.tell(f"answers lost: {len(self.lost)}. Looking for these leads in Close, for {self.index_lag:g} s or more")
        lost_at = {key: lost.lost_at for key, lost in self.lost.items()}
        try:
            for key, fate in settle(self.close, self.journal, self.place, lost_at, list(self.later), self.clock):
                lost = self.lost[key]
                if fate.kind == "found":
                    del self.lost[key]
                    outcome = self._adopt(lost, fate.leads, jobs)
                    if outcome:
                        yield key, outcome
                elif fate.kind == "deleted":
                    del self.lost[key]
                    self.journal.note_removed(key, fate.lead_id)
                    yield key, LeadOutcome(lost.planned.lead, "skipped", "made, and deleted or merged in Close since")
                elif fate.kind == "absent" and self.resends[key] < MOST_RESENDS:
                    del self.lost[key]
                    self.journal.note_absent(key)
                    self.resends[key] += 1
                    self.last_resend = self.clock()
                    jobs.append(replace(lost.planned, action="create"))
                else:
                    del self.lost[key]
                    yield key, _undetermined(lost)
        except CloseError as error:
            self._end(error)

    def _adopt(self, lost: _Lost, copies: Sequence[Json], jobs: deque[PlannedLead]) -> LeadOutcome | None:
        """The outcome of a lead that was found after all; None where it lacks something and becomes a job."""
        planned, found = lost.planned, adopt(self.close, self.journal, self.place, lost.planned.key, copies)
        is_ours = self.journal.leads([planned.key])[planned.key].state == "created"
        if len(copies) > 1:
            self.resends[planned.key] += 1
        reason = "somebody else put it into Close while it was sent"
        if is_ours:
            reason = "its answer was lost, and it was found in Close by its import key"
            self.adopted.add(planned.key)
        gaps = find_gaps(found, planned.lead, planned.key, self.plan.fields)
        if gaps and self.plan.existing != "skip":
            jobs.append(replace(planned, action="update", reason=reason, gaps=gaps, found=found))
            return None
        return _about(found, planned.lead, "created" if is_ours else "unchanged", reason)

    def _check_doubles(self) -> Iterator[LeadOutcome]:
        """Yield the outcomes of leads that were sent twice, one lag after the last time, without their doubles."""
        if self.ended_by or not self.held:
            yield from self.held.values()
            return
        keys = list(self.held)
        try:
            self.tell(f"leads sent twice: {len(keys)}. Looking for doubles in Close, for {self.index_lag:g} s")
            self.close.pause(max(0.0, self.last_resend + self.index_lag - self.clock()))
            look = Look(self.close, self.journal, self.place, keys, list(self.later))
            look.again(keys)
            for key in keys:
                copies = remove_doubles(self.close, self.journal, self.place, key, look.copies(key))
                self.journal.note_single(key)
                self.doubles_removed += copies.removed
                yield self._after_check(self.held.pop(key), copies.left)
        except CloseError as error:
            self._end(error)
            yield from self.held.values()

    def _after_check(self, outcome: LeadOutcome, copies: Sequence[Json]) -> LeadOutcome:
        if len(copies) > 1:
            links = " ".join(map(lead_link, copies))
            reason = f"Close has {len(copies)} leads for this company, merge them there: {links}"
            return replace(outcome, reason=reason, is_ambiguous=True)
        if not copies or copies[0]["id"] == outcome.lead_id:
            return outcome
        reason = "made twice, because an answer was lost; the newer one was removed"
        return replace(outcome, reason=reason, lead_id=copies[0]["id"], link=lead_link(copies[0]))


def _settled_outcome(planned: PlannedLead) -> LeadOutcome:
    found = planned.found or {}
    return LeadOutcome(
        planned.lead,
        OUTCOME_OF_ACTION[planned.action],
        planned.reason,
        planned.gaps.in_words(),
        found.get("id", ""),
        lead_link(found) if found else "",
        is_ambiguous=bool(planned.copies),
    )


def _unsent(planned: PlannedLead, ended_by: Exception | None) -> LeadOutcome:
    return LeadOutcome(planned.lead, "skipped", f"not sent: {ended_by or 'the import was stopped'}")


def _about(
    found: Json, lead: Lead, outcome: Outcome, reason: str = "", changes: str = "", dropped: Sequence[Problem] = ()
) -> LeadOutcome:
    """An outcome of a lead that is in Close, with its id and its link."""
    return LeadOutcome(lead, outcome, reason, changes, found["id"], lead_link(found), dropped=tuple(dropped))


def _undetermined(lost: _Lost) -> LeadOutcome:
    reason = f"{lost.reason}, so the lead may be in Close or not; run the same command again"
    return LeadOutcome(lost.planned.lead, "undetermined", reason)


# Accounts ------------------------------------------------------------------------------------------------------------


def conclude(
    source: SourceFile, plan: Plan, outcomes: Sequence[LeadOutcome], ended_by: Exception | None
) -> ImportResult:
    """The result with an outcome for every row of the file, also where a bug kept some lead's from coming."""
    accounted = {outcome.lead.key for outcome in outcomes}
    lost = [lead for lead in plan.clean.leads if lead.key not in accounted]
    leads = [*outcomes, *(LeadOutcome(lead, "undetermined", f"cut off: {ended_by}") for lead in lost)]
    companies = source.column(COMPANY)
    rows = [_rejected_row(problem, companies.loc[problem.row]) for problem in plan.clean.rejected]
    rows += [_lead_row(row, outcome) for outcome in leads for row in outcome.lead.rows]
    return ImportResult(source, plan, leads, sorted(rows, key=lambda row: row.row), ended_by)


def note_result(journal: Journal, result: ImportResult) -> None:
    """Note in the journal whether a run is finished, and its outcomes, those of its earlier parts included."""
    plan = result.plan
    sent = journal.leads(planned.key for planned in plan.leads)
    keys = {planned.lead.key: planned.key for planned in plan.leads}
    changed = {change.lead_id for change in journal.changes_of_run(plan.run_id)}
    counts: Counter[str] = Counter()
    for outcome in result.leads:
        made = sent.get(keys[outcome.lead.key])
        if outcome.outcome == "unchanged" and made and made.state == "created" and made.run_id == plan.run_id:
            counts["created"] += 1
        elif outcome.outcome == "unchanged" and outcome.lead_id in changed:
            counts["updated"] += 1
        else:
            counts[outcome.outcome] += 1
    is_finished = result.ended_by is None and not result.has("undetermined")
    outcomes: dict[str, int] = {name: counts[name] for name in OUTCOMES}
    journal.note_run(plan.run_id, "finished" if is_finished else "unfinished", outcomes)


def check_accounts(result: ImportResult) -> None:
    """Raise AssertionError unless every row of the file ended in exactly one outcome."""
    rows = [row.row for row in result.rows]
    if rows != list(result.source.cells.index):
        raise AssertionError(f"{len(rows)} outcomes for {len(result.source.cells)} rows: the accounts do not add up")


def count_outcomes(outcomes: Iterable[LeadOutcome | RowOutcome]) -> dict[str, int]:
    """How many ended in each outcome, by its name; every name is there."""
    counts = Counter(outcome.outcome for outcome in outcomes)
    return {name: counts[name] for name in OUTCOMES}


def rows_to_mend(result: ImportResult) -> dict[int, list[Problem]]:
    """The problems of each row that was rejected, failed or lost a value, by row number in the file's order."""
    refused = [
        Problem(row, COMPANY, outcome.lead.spellings[0], "refused", f"Close refused the lead: {outcome.reason}")
        for outcome in result.leads
        if outcome.outcome == "failed"
        for row in outcome.lead.rows
    ]
    problems: dict[int, list[Problem]] = defaultdict(list)
    for problem in [*result.plan.clean.rejected, *result.dropped, *refused]:
        problems[problem.row].append(problem)
    return dict(sorted(problems.items()))


def _rejected_row(problem: Problem, company: str) -> RowOutcome:
    return RowOutcome(problem.row, company.strip(), "rejected", problem.reason, "", "", "")


def _lead_row(row: int, outcome: LeadOutcome) -> RowOutcome:
    return RowOutcome(
        row, outcome.lead.name, outcome.outcome, outcome.reason, outcome.changes, outcome.lead_id, outcome.link
    )
