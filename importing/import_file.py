"""The import of a file from beginning to end: planned, rehearsed or carried out, with an outcome for each row."""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from cells.source_file import SourceFile
from cleaning import clean_source
from close.workers import until_error
from importing.approval import work_in
from importing.brakes import RELEASED, Brakes, TooManyRejects
from importing.carry_out import carry_out
from importing.organization import Organization
from importing.outcomes import ImportResult, LeadOutcome, conclude, foresee, note_result
from importing.plan import Clean, ImportSettings, Plan, plan_import

LONG_THOUGHT = 5.0  # seconds until somebody agrees; after that, the plan is made again


@dataclass(frozen=True, slots=True)
class Voice:
    """How an import informs the user: of its plan, of anything they may wonder about, and of its progress.

    `with_progress` passes outcomes through; it also gets the number that there will be.
    """

    announce: Callable[[Plan], None]
    tell: Callable[[str], None]
    with_progress: Callable[[Iterable[LeadOutcome], int], Iterator[LeadOutcome]]


def rehearse(
    organization: Organization, source: SourceFile, file: str, settings: ImportSettings, brakes: Brakes = RELEASED
) -> ImportResult:
    """The result that an import of a file would have if nothing changed in Close; nothing is written.

    `file` is the path under which the journal knows it. Too many rejects, and the question, are left to the caller.
    Raises any error that prevents planning, and PlanChanged.
    """
    return _foreseen(brakes.approve(plan_import(organization, source, file, settings, limit=brakes.limit)))


def _foreseen(plan: Plan) -> ImportResult:
    return replace(conclude(plan, foresee(plan), None), unsettled=())


def import_file(
    organization: Organization,
    source: SourceFile,
    file: str,
    settings: ImportSettings,
    voice: Voice,
    stop: threading.Event,
    clean_file: Clean = clean_source,
    brakes: Brakes = RELEASED,
) -> ImportResult:
    """The result of importing a file, and the error that ended it early, if any: the journal records all of it.

    `file` is the path under which the journal knows it; once `stop` is set, nothing more is sent. Raises any error that
    prevents planning, TooManyRejects, and whatever the brakes raise, before anything is written.
    """

    def planned() -> Plan:
        return brakes.approve(plan_import(organization, source, file, settings, clean_file, limit=brakes.limit))

    plan = planned()
    if not brakes.allow_rejects(plan):
        raise TooManyRejects(_foreseen(plan))
    plan = _agreed(plan, planned, brakes, voice)
    outcomes: list[LeadOutcome] = []
    doubles: list[str] = []
    carrying_out = carry_out(plan, workers=settings.workers, stop=stop, tell=voice.tell, doubles_left=doubles)
    ended_by = until_error(voice.with_progress(carrying_out, len(plan.leads)), outcomes)
    result = replace(conclude(plan, outcomes, ended_by), doubles=tuple(doubles))
    try:
        note_result(result)
    except sqlite3.Error as error:  # the user must learn what is in Close even if the disk is full by now
        return replace(result, ended_by=ended_by or error)
    return result


def _agreed(plan: Plan, plan_again: Callable[[], Plan], brakes: Brakes, voice: Voice) -> Plan:
    """The plan that somebody agreed to. If that took long, it is made again, as others may have written to Close.

    If it has changed by then, the new one is announced and has to be agreed to as well.
    """
    clock = plan.organization.close.machine.monotonic
    while True:
        voice.announce(plan)
        asked = clock()
        brakes.agree(plan)
        if clock() - asked < LONG_THOUGHT:
            return plan
        agreed, plan = plan, plan_again()
        if work_in(plan) == work_in(agreed):
            return plan
        voice.tell("Close has changed since you were asked, and the plan with it.")
