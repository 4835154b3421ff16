"""What became of each lead and each row, and a check that every row is accounted for."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from cells.problems import Problem
from cells.source_file import SourceFile
from cleaning import Lead
from close.contents import Json, lead_link
from importing.gaps import everything_in
from importing.plan import Action, Plan, PlannedLead

Outcome = Literal["created", "updated", "unchanged", "skipped", "rejected", "failed", "undetermined"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
CHANGED_SINCE = "it has changed in Close since the plan was approved, so that something else would have been written"
REMAINING = "remaining"  # leads that wait for the next part of a run, which count as skipped until then
OUTCOME_OF_ACTION: Mapping[Action, Outcome] = {
    "create": "created",
    "update": "updated",
    "unchanged": "unchanged",
    "skip": "skipped",
    "look up": "undetermined",
    "wait": "skipped",
}


@dataclass(frozen=True, slots=True)
class LeadOutcome:
    """What became of one lead.

    `is_ambiguous` is true if Close has several leads and a person must decide; `dropped` are values that Close refused,
    and `conflicts` those that differ from what it held.
    """

    lead: Lead
    outcome: Outcome
    reason: str = ""
    changes: str = ""
    lead_id: str = ""
    link: str = ""
    is_ambiguous: bool = False
    dropped: tuple[Problem, ...] = ()
    conflicts: tuple[Problem, ...] = ()


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
    """The result of an import, by lead and by row, and the error that ended it early, if any.

    `unsettled` are the companies whose rows the file no longer has as they were when they were sent, and of which
    nobody knows yet whether Close has them. `doubles` are sentences about doubles that earlier runs made and that a
    person has to remove.
    """

    plan: Plan
    leads: list[LeadOutcome]
    rows: list[RowOutcome]
    ended_by: Exception | None
    unsettled: tuple[str, ...] = ()
    doubles: tuple[str, ...] = ()

    @property
    def source(self) -> SourceFile:
        """The file, with its columns as they were read."""
        return self.plan.source

    def has(self, outcome: Outcome) -> bool:
        """Whether any row has this outcome."""
        return any(row.outcome == outcome for row in self.rows)

    @property
    def is_ambiguous(self) -> bool:
        """Whether a person must look at a company that has several leads in Close."""
        return any(lead.is_ambiguous for lead in self.leads)

    @property
    def dropped(self) -> list[Problem]:
        """Every value that was lost: in cleaning, because Close refused it, or because Close has a different one.

        Columns have the names that the file has for them.
        """
        merged = [lead for lead in self.leads if lead.outcome in ("updated", "unchanged")]
        conflicts = [each for lead in merged for each in lead.conflicts]
        in_close = [*conflicts, *(each for lead in self.leads for each in lead.dropped)]
        called = {column: self.source.roles.called(column) for column in {each.column for each in in_close}}
        return [*self.plan.clean.dropped, *(each._replace(column=called[each.column]) for each in in_close)]

    @property
    def conflicts(self) -> list[Problem]:
        """The lost values that disagree with the one that Close has, or with another row."""
        return [problem for problem in self.dropped if problem.code == "conflict"]

    @property
    def values_to_fix(self) -> list[Problem]:
        """The lost values that can be fixed in the file; a conflict can only be settled in Close."""
        return [problem for problem in self.dropped if problem.code != "conflict"]

    @property
    def rows_not_imported(self) -> list[int]:
        """The numbers of the rows that can't be in Close."""
        return [row.row for row in self.rows if row.outcome in ("rejected", "failed")]


def foresee(plan: Plan) -> list[LeadOutcome]:
    """What will become of each lead if nothing changes in Close before the plan is carried out."""
    return [outcome_as_planned(planned) for planned in plan.leads]


def outcome_as_planned(planned: PlannedLead) -> LeadOutcome:
    """The outcome of a lead if the plan holds."""
    found = planned.found or {}
    return LeadOutcome(
        planned.lead,
        OUTCOME_OF_ACTION[planned.action],
        planned.reason,
        (everything_in(planned.lead) if planned.action == "create" else planned.gaps).in_words(),
        found.get("id", ""),
        lead_link(found) if found else "",
        is_ambiguous=bool(planned.copies),
        conflicts=planned.conflicts,
    )


def outcome_in_close(
    found: Json, lead: Lead, outcome: Outcome, reason: str = "", changes: str = "", dropped: Sequence[Problem] = ()
) -> LeadOutcome:
    """An outcome of a lead that is in Close, with its id and its link."""
    return LeadOutcome(lead, outcome, reason, changes, found["id"], lead_link(found), dropped=tuple(dropped))


def conclude(plan: Plan, outcomes: Sequence[LeadOutcome], ended_by: Exception | None) -> ImportResult:
    """The result with an outcome for every row of the file, even if a bug left some leads without one."""
    accounted = {outcome.lead.key for outcome in outcomes}
    lost = [lead for lead in plan.clean.leads if lead.key not in accounted]
    leads = [*outcomes, *(LeadOutcome(lead, "undetermined", f"interrupted: {ended_by}") for lead in lost)]
    rows = [_rejected_row(problem, plan.clean.companies.loc[problem.row]) for problem in plan.clean.rejected]
    rows += [_lead_row(row, outcome) for outcome in leads for row in outcome.lead.rows]
    former = {lead.key for lead in plan.former}
    still_lost = plan.organization.journal.lost_leads_of_run(plan.run_id) if former else []
    unsettled = tuple(lead.company for lead in still_lost if lead.key in former)
    return ImportResult(plan, leads, sorted(rows, key=lambda row: row.row), ended_by, unsettled)


def note_result(result: ImportResult) -> None:
    """Note in the journal whether a run is finished, and its outcomes, including those of its earlier parts.

    If leads wait for the next part, it is not finished, and the number of these leads is noted beside the outcomes.
    """
    plan, journal = result.plan, result.plan.organization.journal
    sent = journal.leads(planned.key for planned in plan.leads)
    keys = {planned.lead.key: planned.key for planned in plan.leads}
    changed = {change.lead_id for change in journal.changes_of_run(plan.run_id)}
    counts: Counter[str] = Counter()
    for outcome in result.leads:
        made = sent.get(keys[outcome.lead.key])
        is_there = outcome.outcome in ("unchanged", "skipped") and outcome.lead_id
        if is_there and made and made.state == "created" and made.run_id == plan.run_id:
            counts["created"] += 1
        elif outcome.outcome == "unchanged" and outcome.lead_id in changed:
            counts["updated"] += 1
        else:
            counts[outcome.outcome] += 1
    is_settled = not result.has("undetermined") and not result.unsettled
    is_finished = result.ended_by is None and is_settled and not plan.remaining
    outcomes: dict[str, int] = {name: counts[name] for name in OUTCOMES} | {REMAINING: plan.remaining}
    journal.note_run(plan.run_id, "finished" if is_finished else "unfinished", outcomes)


def check_accounts(result: ImportResult) -> None:
    """Raise AssertionError unless every row of the file ended in exactly one outcome."""
    rows = [row.row for row in result.rows]
    if rows != list(result.source.cells.index):
        raise AssertionError(
            f"{len(rows)} outcomes for {len(result.source.cells)} rows; each row must have exactly one"
        )


def count_outcomes(outcomes: Iterable[LeadOutcome | RowOutcome]) -> dict[str, int]:
    """How many there are of each outcome, by name; every name is included."""
    counts = Counter(outcome.outcome for outcome in outcomes)
    return {name: counts[name] for name in OUTCOMES}


def _rejected_row(problem: Problem, company: str) -> RowOutcome:
    return RowOutcome(problem.row, company.strip(), "rejected", problem.reason, "", "", "")


def _lead_row(row: int, outcome: LeadOutcome) -> RowOutcome:
    return RowOutcome(
        row, outcome.lead.name, outcome.outcome, outcome.reason, outcome.changes, outcome.lead_id, outcome.link
    )
