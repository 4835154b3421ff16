"""The import of a file from its beginning to its end: planned, rehearsed or carried out, with an outcome per row."""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from cells.source_file import SourceFile
from close.workers import until_error
from importing.carry_out import carry_out
from importing.organization import Organization
from importing.outcomes import ImportResult, LeadOutcome, conclude, foresee, note_result
from importing.plan import ImportSettings, Plan, plan_import


@dataclass(frozen=True, slots=True)
class Voice:
    """How an import speaks: of its plan beforehand, of what a person would wonder about, and of how far it has come.

    `with_progress` passes outcomes through, and is given how many there will be.
    """

    announce: Callable[[Plan], None]
    tell: Callable[[str], None]
    with_progress: Callable[[Iterable[LeadOutcome], int], Iterator[LeadOutcome]]


def rehearse(organization: Organization, source: SourceFile, file: str, settings: ImportSettings) -> ImportResult:
    """What an import of a file would come to if nothing changed in Close; nothing is written.

    `file` is the path by which the journal knows it. Raises what keeps the file from being planned.
    """
    plan = plan_import(organization, source, file, settings)
    return conclude(source, plan, foresee(plan), None)


def import_file(
    organization: Organization,
    source: SourceFile,
    file: str,
    settings: ImportSettings,
    voice: Voice,
    stop: threading.Event,
) -> ImportResult:
    """What an import of a file came to, with what ended it early, if anything did: all of it is in the journal.

    `file` is the path by which the journal knows it; once `stop` is set, no more is sent. Raises what keeps the file
    from being planned.
    """
    plan = plan_import(organization, source, file, settings)
    voice.announce(plan)
    outcomes: list[LeadOutcome] = []
    carrying_out = carry_out(plan, workers=settings.workers, stop=stop, tell=voice.tell)
    ended_by = until_error(voice.with_progress(carrying_out, len(plan.leads)), outcomes)
    result = conclude(source, plan, outcomes, ended_by)
    try:
        note_result(result)
    except sqlite3.Error as error:  # what is in Close must be told even where the disk is full by now
        return replace(result, ended_by=ended_by or error)
    return result
