"""Gathers what a preview shows, from the result of an import that was rehearsed or carried out."""

from collections import Counter
from collections.abc import Iterable, Iterator

from cells.columns import CUSTOM_PREFIX, LEAD_COLUMNS
from cells.readings import Reading, proved
from importing.outcomes import ImportResult, LeadOutcome, count_outcomes
from importing.plan import PlannedLead
from importing.preview.columns import column_previews
from importing.preview.decisions import decisions_in
from importing.preview.effort import effort_of
from importing.preview.leads import expected_lead
from importing.preview.preview import Preview, PreviewedLead, ProblemKind
from importing.rejects import failed_rows

FIRST_LEADS = 3


def preview_of(result: ImportResult, *, is_rehearsed: bool, plan_id: str = "") -> Preview:
    """What a person sees of an import before it happens, or of one that has happened.

    There are no columns in it unless the settings of the import asked for them to be kept.
    """
    plan, source, clean = result.plan, result.source, result.plan.clean
    columns = column_previews(result, clean.columns) if clean.columns else ()
    return Preview(
        file=source.name,
        form=source.form,
        map_name=source.column_map.name if source.column_map else "",
        organization=plan.organization.account.organization_name,
        user=plan.organization.account.user_name,
        plan_id=plan_id,
        is_rehearsed=is_rehearsed,
        rows=count_outcomes(result.rows),
        leads=count_outcomes(result.leads),
        columns=columns,
        first_leads=tuple(first_leads(result)),
        new_fields=tuple(plan.new_fields),
        readings=tuple(map(Reading.in_words, proved(clean.readings))),
        problems=tuple(_kinds(result)),
        conflicts=tuple(result.conflicts),
        decisions=tuple(decisions_in(result, columns)),
        columns_left_out=source.count_left_out(),
        rows_left_out={row.number: row.text for row in source.rows_left_out},
        placeholders=clean.placeholders,
        warnings=tuple(clean.warnings),
        effort=effort_of(result, is_rehearsed=is_rehearsed),
    )


def _kinds(result: ImportResult) -> Iterator[ProblemKind]:
    """The problems by kind, first those of whole rows; conflicts are told apart from them."""
    of_rows = [*result.plan.clean.rejected, *failed_rows(result)]
    for problems, is_of_rows in ((of_rows, True), (result.values_to_fix, False)):
        for code, _ in Counter(problem.code for problem in problems).most_common():
            alike = sorted((each for each in problems if each.code == code), key=lambda problem: problem.row)
            yield ProblemKind(code, is_of_rows, tuple(alike))


def first_leads(result: ImportResult) -> Iterator[PreviewedLead]:
    """The first leads that are written, or if none is, the first ones of the file, as they will stand in Close."""
    outcomes = {outcome.lead.key: outcome for outcome in result.leads}
    written = (planned for planned in result.plan.leads if outcomes[planned.lead.key].outcome in ("created", "updated"))
    chosen = _first(written) or _first(result.plan.leads)
    for planned in chosen:
        yield _previewed(planned, outcomes[planned.lead.key], result)


def _first(leads: Iterable[PlannedLead]) -> list[PlannedLead]:
    return [planned for planned, _ in zip(leads, range(FIRST_LEADS), strict=False)]


def _previewed(planned: PlannedLead, outcome: LeadOutcome, result: ImportResult) -> PreviewedLead:
    lead = expected_lead(planned, outcome.dropped, result.plan.organization.fields)
    return PreviewedLead(
        company=lead.name,
        rows=tuple(planned.lead.rows),
        outcome=outcome.outcome,
        values=tuple((_label(column), value) for column, value in lead.values.items()),
        contacts=tuple(contact.in_words() for contact in lead.contacts),
    )


def _label(column: str) -> str:
    """What people call a value of a column of ours."""
    own = LEAD_COLUMNS.get(column)
    return own.label if own else column.removeprefix(CUSTOM_PREFIX)
