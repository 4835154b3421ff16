"""Verdicts on the people of leads in Close, written back there: once, or again and again."""

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from close.errors import CloseUnreachable, OutcomeUnknown, Stopped
from close.journal import JournalBusy
from close.workers import until_error
from close_client import CloseClient
from commands.environment import index_lag, open_own_journal
from commands.error_words import RUN_AGAIN, tell_early_end
from commands.errors import Exit
from commands.qualify_people import FEW, Asking, advise_of_services, show_verdicts, showing
from commands.terminal import capitalized, complain, counted, listed, say, show, with_progress
from qualifying.in_close import QualifyingInClose
from qualifying.person import Person
from qualifying.statuses import USUAL_NAMES, WorkflowNames
from qualifying.verdict import Verdict, outcome_words
from qualifying.write_back import Handled

NOTE_LAG = 10.0  # seconds; the notes of one lead are listed without a search, and people see them at once
LONGEST_WATCH_WAIT = 600.0  # seconds between two looks while Close can't be reached
KIND_WORDS = {"left": "left unchanged", "rehearsed": "rehearsed only"}  # where the name of the kind alone is not clear


def workflow_names(args: argparse.Namespace) -> WorkflowNames:
    """The names of the statuses and the field in Close: the usual ones, unless the command says otherwise."""
    told = {
        "waiting": args.status if args.from_close else "",
        "prospect": args.prospect_status,
        "declined": args.declined_status,
        "id_field": args.id_field,
    }
    return replace(USUAL_NAMES, **{name: value for name, value in told.items() if value is not None})


def qualifying_in(close: CloseClient, args: argparse.Namespace) -> QualifyingInClose:
    """How this command qualifies people in Close."""

    told: set[str] = set()

    def tell(words: str) -> None:
        if not args.quiet and words not in told:
            told.add(words)
            say(words)

    return QualifyingInClose(
        close=close,
        names=workflow_names(args),
        is_creating=args.create,
        tell=tell,
        note_lag=index_lag(args, NOTE_LAG),
        has_note_detail=args.note_detail,
    )


# Once ----------------------------------------------------------------------------------------------------------------


def qualify_in_close(asking: Asking, close: CloseClient, people: Sequence[Person]) -> Exit:
    """Qualify the people of leads, show the verdicts and write them back."""
    args = asking.args
    handled: list[Handled] = []
    with open_own_journal("qualification") as journals:
        begun = qualifying_in(close, args).begin(journals, asking.new_round(), people)
        with_bar = with_progress(begun.handled, begun.total, "leads", args.quiet or begun.total <= FEW)
        error = until_error(showing(with_bar, lambda lead: lead.verdict, args), handled)
    _tell_handled(handled, asking)
    if error:
        return tell_early_end(error, args)
    return Exit.INTERRUPTED if asking.stop.is_set() else _exit_code(handled, args)


def _tell_handled(handled: Sequence[Handled], asking: Asking) -> None:
    """Say what became of each lead and of all together."""
    args = asking.args
    if args.json:
        show_verdicts(_verdicts_of(handled))
    _tell_apart(lead for lead in handled if not args.quiet or lead.needs_somebody)
    if not args.quiet:
        told = _round_words(handled) if handled or args.from_close else "nothing was written to Close"
        say(capitalized(told))
        advise_of_services(asking)


def _exit_code(handled: Sequence[Handled], args: argparse.Namespace) -> Exit:
    if any(lead.kind == "unknown" for lead in handled):
        complain(f"It is not known what was written to some leads. {RUN_AGAIN}".replace("{command}", args.command))
        return Exit.UNREACHABLE
    return Exit.INCOMPLETE if any(lead.is_unsettled for lead in handled) else Exit.DONE


def _verdicts_of(handled: Iterable[Handled]) -> list[Verdict]:
    return [lead.verdict for lead in handled if lead.verdict]


def _tell_apart(handled: Iterable[Handled]) -> None:
    """Say of each lead what became of it."""
    for lead in handled:
        person = f" (person {lead.verdict.person_id})" if lead.verdict else ""
        say(f"{lead.link}: {lead.reason}{person}" if lead.link else capitalized(lead.reason))


def _round_words(handled: Iterable[Handled]) -> str:
    """What became of the leads of a round, in one line."""
    counts = Counter(
        outcome_words(lead.verdict.outcome)
        if lead.verdict and lead.kind == "moved"
        else KIND_WORDS.get(lead.kind, lead.kind.replace("_", " "))
        for lead in handled
    )
    return f"{counted(counts.total(), 'lead')}: {listed(counts)}" if counts else "no leads are waiting to be qualified"


# Again and again -----------------------------------------------------------------------------------------------------


def watch(asking: Asking, close: CloseClient) -> Exit:
    """Look for leads to qualify again and again until Ctrl-C, and say in one line what each round did."""
    args, stop = asking.args, asking.stop
    in_close = qualifying_in(close, args)
    decided: list[Verdict] = []
    wait = args.watch
    try:
        while not stop.is_set():
            handled: list[Handled] = []
            try:
                trouble = _look_once(in_close, asking, handled)
            finally:
                decided += _verdicts_of(handled) if args.json else []
            wait = min(2 * wait, max(LONGEST_WATCH_WAIT, args.watch)) if trouble else args.watch
            again = f"; trying again in {wait:.0f} s" if trouble and not stop.is_set() else ""
            _tell_round(handled, f"{trouble}{again}", asking)
            stop.wait(wait)
    finally:  # also after an error: all verdicts so far are shown as one document
        if args.json:
            show_verdicts(decided)
    return Exit.INTERRUPTED


def _look_once(in_close: QualifyingInClose, asking: Asking, handled: list[Handled]) -> str:
    """Add what became of the leads of one round to `handled`; return what ended it early, "" if nothing did."""
    try:
        with open_own_journal("qualification") as journals:
            for lead in in_close.begin(journals, asking.new_round(), []).handled:
                handled.append(lead)
    except Stopped:
        return "stopped"
    except JournalBusy:
        return "another qualification is still running"
    except (CloseUnreachable, OutcomeUnknown) as error:
        return str(error)
    return ""


def _tell_round(handled: Sequence[Handled], trouble: str, asking: Asking) -> None:
    """Say in one line what a round did, after naming the leads that a person has to look at."""
    if not asking.args.quiet:  # a lead without an id would be repeated each round; its note says enough
        _tell_apart(lead for lead in handled if lead.kind in ("left", "refused", "unknown"))
    words = [_round_words(handled)] if handled or not trouble else []
    words += [
        f"the {each.name} kept failing and is paused for now" for each in asking.qualifier.services if each.is_given_up
    ]
    line = "; ".join(filter(None, [*words, trouble]))
    (say if asking.args.json else show)(f"{datetime.now():%Y-%m-%d %H:%M:%S}  {line}")
