"""Verdicts on the people of leads in Close, written back there: once, or again and again."""

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from close.errors import CloseUnreachable, NotFound, OutcomeUnknown, Stopped
from close.journal import JournalBusy
from close.workers import until_error
from close_client import CloseClient
from commands.agreement import agree_to_changes
from commands.environment import index_lag
from commands.error_words import RUN_AGAIN, tell_early_end
from commands.errors import Exit
from commands.qualify_advice import advise, alike_words, refused_token
from commands.qualify_people import FEW, Asking, show_verdicts, showing
from commands.terminal import capitalized, complain, counted, listed, say, show, with_progress
from qualifying.back_off import BackOff
from qualifying.in_close import Ahead, QualifyingInClose
from qualifying.person import Person
from qualifying.round import Round
from qualifying.statuses import USUAL_NAMES, WorkflowNames
from qualifying.verdict import Verdict, outcome_words
from qualifying.write_back import Handled, Options

NOTE_LAG = 10.0  # seconds; the notes of one lead are listed without a search, and people see them at once
LONGEST_WATCH_WAIT = 600.0  # seconds between two looks while Close can't be reached
KIND_WORDS = {  # where the name of the kind alone is not clear
    "left": "left unchanged",
    "rehearsed": "rehearsed only",
    "id_refused": "with an id that a service refuses",
    "planned": "unfinished",
    "blank": "without id",
}
MOST_NAMED = 3  # leads in one line


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
        agree=_agreeing_once(args),
        tell=tell,
        options=Options(
            note_lag=index_lag(args, NOTE_LAG),
            has_note_detail=args.note_detail,
            notes_missing_id=args.note_missing_id,
            asks_refused=args.again,
            is_dry_run=args.dry_run,
            shows_ids=not args.redact,
        ),
        back_off=BackOff(close.machine.monotonic) if args.watch else None,
    )


def _agreeing_once(args: argparse.Namespace) -> Callable[[Ahead], None]:
    """Something that asks the person at the terminal, the first time it hears of many changes, and then no more.

    A watch asks at its start, because nobody knows how many leads it will change.
    """
    asked: list[Ahead] = []

    def agree(ahead: Ahead) -> None:
        if args.dry_run and not asked and not args.quiet:
            made = f" In Close, these would be created: {', '.join(ahead.missing)}." if ahead.missing else ""
            say(f"Dry run: the services are asked, but nothing is written to Close.{made}")
        if not asked and not args.random_score:
            is_watch = bool(args.watch)
            agree_to_changes(args, ahead.leads, _words_ahead(ahead, is_watch=is_watch), is_endless=is_watch)
        asked.append(ahead)

    return agree


def _words_ahead(ahead: Ahead, *, is_watch: bool) -> str:
    """What a person is asked to agree to."""
    where = f"in the organization {ahead.organization}"
    if is_watch:
        leads = counted(ahead.leads, "lead")
        return (
            f"This watch decides on every lead in the status {ahead.waiting!r} {where}, adds a note and moves it: "
            f"{leads} now, and each one that follows."
        )
    which = f"in the status {ahead.waiting!r}" if ahead.waiting else "of these people"
    return f"Up to {ahead.leads} leads {which} {where} will get a note and a new status."


# Once ----------------------------------------------------------------------------------------------------------------


def qualify_in_close(asking: Asking, close: CloseClient, people: Sequence[Person]) -> Exit:
    """Qualify the people of leads, show the verdicts and write them back."""
    args, this_round = asking.args, asking.new_round(people)
    handled: list[Handled] = []
    with asking.opened_journal() as journals:
        begun = qualifying_in(close, args).begin(journals, this_round, people)
        with_bar = with_progress(begun.handled, begun.total, "leads", args.quiet or begun.total <= FEW)
        error = until_error(showing(with_bar, lambda lead: lead.verdict, asking), handled)
    _tell_handled(handled, asking, this_round)
    if error:
        return tell_early_end(error, args)
    return (
        Exit.INTERRUPTED
        if asking.stop.is_set()
        else refused_token(asking.qualifier, args.command) or _exit_code(handled, args)
    )


def _tell_handled(handled: Sequence[Handled], asking: Asking, this_round: Round) -> None:
    """Say what became of each lead and of all together."""
    args = asking.args
    if args.json:
        show_verdicts(_verdicts_of(handled))
    apart = (lead for lead in handled if lead.kind not in ("blank", "not_asked"))  # one line tells of all of these
    told = (lead for lead in apart if not args.quiet or lead.needs_somebody)
    _tell_apart(told, is_redacted=args.redact)
    for words in (*_without_id_words(handled, args), *_alike_words(this_round)):
        say(words)
    if not args.quiet:
        summary = _round_words(handled) if handled or args.from_close else "nothing was written to Close"
        say(capitalized(summary))
        if not handled and args.from_close:
            say(f"Leads wait in the status {workflow_names(args).waiting!r}. To name another one, add --status.")
        unasked = sum(lead.kind == "not_asked" and not lead.verdict for lead in handled)
        advise(asking.qualifier, args, _verdicts_of(handled), unasked)


def _alike_words(this_round: Round) -> list[str]:
    return [f"{words} Nothing was written to Close about them." for words in alike_words(this_round)]


def _without_id_words(handled: Iterable[Handled], args: argparse.Namespace) -> list[str]:
    """One line about all leads without an id, with the names and links of the first, unless there is none."""
    blank = sorted((lead for lead in handled if lead.kind == "blank"), key=lambda lead: (lead.name, lead.link))
    if not blank:
        return []
    few = ", ".join(lead.link if args.redact else f"{lead.name} ({lead.link})" for lead in blank[:MOST_NAMED])
    more = len(blank) - MOST_NAMED
    which = f"{few} and {more} more" if more > 0 else few
    field_name = workflow_names(args).id_field
    advice = f"Enter the {field_name} in Close; with --note-missing-id, each gets a note that says so."
    return [f"{counted(len(blank), 'lead has', 'leads have')} no {field_name}: {which}. {advice}"]


def _exit_code(handled: Sequence[Handled], args: argparse.Namespace) -> Exit:
    if any(lead.kind == "unknown" for lead in handled):
        complain(f"It is not known what was written to some leads. {RUN_AGAIN}".replace("{command}", args.command))
        return Exit.UNREACHABLE
    return Exit.INCOMPLETE if any(lead.is_unsettled for lead in handled) else Exit.DONE


def _verdicts_of(handled: Iterable[Handled]) -> list[Verdict]:
    return [lead.verdict for lead in handled if lead.verdict]


def _tell_apart(handled: Iterable[Handled], *, is_redacted: bool) -> None:
    """Say of each lead what became of it."""
    for lead in handled:
        person = f" (person {lead.verdict.person_id})" if lead.verdict else ""
        name = f"{lead.name}, " if lead.name and not is_redacted else ""
        say(f"{name}{lead.link}: {lead.reason}{person}" if lead.link else capitalized(lead.reason))


def _round_words(handled: Iterable[Handled]) -> str:
    """What became of the leads of a round, in one line."""
    counts = Counter(map(_became, handled))
    return f"{counted(counts.total(), 'lead')}: {listed(counts)}" if counts else "no leads are waiting to be qualified"


def _became(lead: Handled) -> str:
    if lead.verdict and lead.kind in ("moved", "planned"):
        return outcome_words(lead.verdict.outcome)
    return KIND_WORDS.get(lead.kind, lead.kind.replace("_", " "))


# Again and again -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Look:
    """One round of a watch: what became of leads, how many are `resting`, and what ended it early, "" for nothing."""

    this_round: Round
    handled: list[Handled] = field(default_factory=list)
    resting: int = 0
    trouble: str = ""


def watch(asking: Asking, close: CloseClient) -> Exit:
    """Look for leads to qualify again and again until Ctrl-C, and say in one line what each round did."""
    args, stop = asking.args, asking.stop
    in_close = qualifying_in(close, args)
    decided: list[Verdict] = []
    said: list[str] = []
    is_first = True
    wait = args.watch
    try:
        while not stop.is_set():
            look = Look(asking.new_round())
            try:
                _look_once(asking, in_close, look, is_first=is_first)
            finally:
                decided += _verdicts_of(look.handled) if args.json else []
            is_first = is_first and bool(look.trouble)
            if not is_first:  # an id that a service refused is asked about once more, not in each round
                in_close = replace(in_close, options=replace(in_close.options, asks_refused=False))
            wait = min(2 * wait, max(LONGEST_WATCH_WAIT, args.watch)) if look.trouble else args.watch
            again = f"; trying again in {wait:.0f} s" if look.trouble and not stop.is_set() else ""
            said = _tell_round(look, again, asking, said)
            refused = refused_token(asking.qualifier, args.command)
            if refused and not stop.is_set():
                return refused
            stop.wait(wait)
    finally:  # also after an error: all verdicts so far are shown as one document
        if args.json:
            show_verdicts(decided)
    return Exit.INTERRUPTED


def _look_once(asking: Asking, in_close: QualifyingInClose, look: Look, *, is_first: bool) -> None:
    """Look for leads once, and keep what became of them and what ended it early.

    That Close knows nothing of an address is a passing fault once it has answered there before.
    """
    try:
        with asking.opened_journal() as journals:
            begun = in_close.begin(journals, look.this_round, [])
            look.resting = begun.resting
            for lead in begun.handled:
                look.handled.append(lead)
    except Stopped:
        look.trouble = "stopped"
    except JournalBusy:
        look.trouble = "another qualification is still running"
    except (CloseUnreachable, OutcomeUnknown) as error:
        look.trouble = str(error)
    except NotFound as error:
        if is_first:
            raise
        look.trouble = str(error)


def _tell_round(look: Look, again: str, asking: Asking, said_before: Sequence[str]) -> list[str]:
    """Say in one line what a round did, after naming the leads that a person has to look at.

    Returns what was said besides; what the last round with leads had to say as well is not repeated.
    """
    args, handled = asking.args, look.handled
    if not args.quiet:
        told = (lead for lead in handled if lead.kind in ("left", "refused", "unknown"))
        _tell_apart(told, is_redacted=args.redact)
    besides = [*_without_id_words(handled, args), *_alike_words(look.this_round)]
    for line in besides:
        if line not in said_before:
            say(line)
    words = [_round_words(handled)] if handled or not (look.trouble or look.resting) else []
    words += [f"{counted(look.resting, 'undetermined lead')} will be tried again later"] if look.resting else []
    words += [
        f"the {each.name} kept failing and is paused for now"
        for each in asking.qualifier.services.values()
        if each.is_given_up
    ]
    line = "; ".join(filter(None, [*words, look.trouble])) + again
    (say if args.json else show)(f"{asking.now():%Y-%m-%d %H:%M:%S}  {line}")
    return besides if handled else list(said_before)
