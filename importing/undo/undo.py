"""Undo a run in Close, except for leads that somebody has changed or worked on since.

A lead that the run created is deleted if it is still as Close answered, and has no task, no opportunity and no activity
other than its creation. What the run added to other leads is removed if it is still as Close answered. The rest is left
alone and listed. Leads that are already gone count as done, so an interrupted undo can simply be run again.
"""

import math
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial

from close.journal import Journal
from close.journal_entries import Change, Run
from importing.organization import Organization
from importing.undo.added import take_back
from importing.undo.created import delete_created
from importing.undo.dry_run import DryRunClient
from importing.undo.rounds import Job, UndoneLead, in_rounds
from importing.undo.unsettled import may_be_there, settle_lost

DRY_RUN_PATIENCE = 10.0  # seconds to wait for what Close does not show yet; an undo may wait for minutes


def foresee_undo(
    organization: Organization, run: Run, stop: threading.Event, tell: Callable[[str], None]
) -> Iterator[UndoneLead]:
    """Yield what would become of each lead if a run were undone now: the undo itself, with nothing that it writes.

    The organization's client must be one for dry runs, and its journal a copy. What takes long to find out is left as
    not known yet.
    """
    if not isinstance(organization.close, DryRunClient):
        raise TypeError("a dry run needs a client that keeps writes to itself")
    return undo_run(organization, run, stop, tell, DRY_RUN_PATIENCE)


def undo_run(
    organization: Organization,
    run: Run,
    stop: threading.Event,
    tell: Callable[[str], None],
    patience: float = math.inf,
) -> Iterator[UndoneLead]:
    """Yield what becomes of each lead that a run created or changed. An error that ends the undo is raised at the end.

    Leads whose answers were lost are looked for first, for as long as an import would; `tell` hears of the waits.
    """
    _refuse_without_permission(organization, run)
    organization.journal.note_run(run.run_id, "partly undone")
    left = 0
    for settled in settle_lost(organization, run, tell, patience):
        left += settled.outcome == "left"
        yield settled
    for done in in_rounds(_jobs(organization, run), organization.close, stop, tell, patience):
        left += done.outcome == "left"
        yield done
    _tell_of_late_requests(organization, run, tell, again="" if patience < math.inf else " again")
    if not left:
        organization.journal.note_run(run.run_id, "undone")


def _refuse_without_permission(organization: Organization, run: Run) -> None:
    account = organization.account
    account.refuse_without("view_all_leads", effect="so leads that it can't see would be taken for deleted ones")
    if any(may_be_there(lead) for lead in organization.journal.leads_of_run(run.run_id)):
        account.refuse_without("delete_leads", effect="so the leads that the import created can't be deleted")


def count_to_undo(journal: Journal, run: Run) -> int:
    """How many leads an undo of a run has to check."""
    made = {lead.lead_id or lead.key for lead in journal.leads_of_run(run.run_id) if may_be_there(lead)}
    return len(made | {change.lead_id for change in journal.changes_of_run(run.run_id)})


def _tell_of_late_requests(organization: Organization, run: Run, tell: Callable[[str], None], again: str) -> None:
    """Say that a request of the run whose answer was lost may still be carried out, although all else was undone."""
    journal = organization.journal
    late = [change.last_sent for change in journal.late_changes() if change.run_id == run.run_id]
    late += [lead.last_sent for lead in journal.late_undone_leads(run.run_id)]
    left = max(map(organization.seconds_until_settled, late), default=0.0)
    if left > 0:
        tell(
            "Close may still carry out a request of this import whose answer was lost. To take back what that may add, "
            f"run the undo{again} in {math.ceil(left)} s."
        )


def _jobs(organization: Organization, run: Run) -> list[Job]:
    """One job for each lead that the run created or changed."""
    journal = organization.journal
    changes: dict[str, list[Change]] = defaultdict(list)
    for change in journal.changes_of_run(run.run_id):
        changes[change.lead_id].append(change)
    made = [lead for lead in journal.leads_of_run(run.run_id) if lead.state in ("created", "undoing")]
    deletions = [partial(delete_created, organization, lead, changes.pop(lead.lead_id, [])) for lead in made]
    return [*deletions, *(partial(take_back, organization, each) for each in changes.values())]
