"""Verdicts on people given on the command line, in a file or on standard input; and how a verdict came about."""

import argparse
import contextlib
import json
import math
import shlex
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from close.journal import JournalFile
from close.machine import THIS_MACHINE, Machine
from commands.environment import open_own_journal, secret, service_urls
from commands.error_words import RUN_AGAIN
from commands.errors import Exit, UsageError
from commands.files import OUTPUT_FOLDER, find_input
from commands.qualify_advice import advise, alike_words, refused_token
from commands.terminal import complain, counted, listed, say, show, show_json, with_progress
from qualification import PASSING_SCORE, Qualifier, Rule, is_consistent
from qualifying.check_service import CHECK_DEADLINE, CheckService
from qualifying.people_file import people_in_file, people_in_lines
from qualifying.person import ID_RULE, Person, id_typed, is_whole_id, pseudonym
from qualifying.round import Round
from qualifying.trail import as_json, earlier_on_list, explained, last_verdict, redacted, trail_line
from qualifying.verdict import CHECK_TITLES, SCORE, SERVICE_TITLES, Earlier, Verdict, outcome_words
from sandbox import Sandbox

TRAIL = OUTPUT_FOLDER / "qualifications.jsonl"
WORKERS = 8
RULE = "-" * 50
FEW = 8  # up to this many people, a progress bar would only flash

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Asking:
    """A command's way to check people until `stop` is set; with a `redact_key`, ids must not be shown.

    The trail and the journal are in the `folder`.
    """

    args: argparse.Namespace
    qualifier: Qualifier
    stop: threading.Event
    redact_key: str
    distrusted: set[str] = field(default_factory=set)  # checks that said the same of everybody in a round
    machine: Machine = THIS_MACHINE
    folder: Path = OUTPUT_FOLDER

    def opened_journal(self) -> AbstractContextManager[JournalFile]:
        """The journal, while this qualification writes to it."""
        return open_own_journal("qualification", self.machine, self.folder)

    def now(self) -> datetime:
        """The time of the day where the command runs."""
        return datetime.fromtimestamp(self.machine.wall())

    def new_round(self, people: Sequence[Person] = ()) -> Round:
        """A round whose verdicts are on disk before anything else is done with them.

        With a time limit, it goes on where an earlier run on the same `people` ended, unless that is not wanted.
        """
        lock = self.machine.lock()

        def record(verdict: Verdict) -> None:
            line = trail_line(verdict, is_rehearsal=self.args.sandbox, is_dry_run=self.args.dry_run)
            with lock:
                self.folder.mkdir(exist_ok=True)
                self.machine.disk.append(self.folder / TRAIL.name, line)

        list_id = ""
        if people and self.args.deadline:
            list_id = self.qualifier.list_id(people, self.redact_key, is_rehearsal=self.args.sandbox)
        return Round(
            self.qualifier,
            record,
            seconds=self.args.deadline or math.inf,
            redact_key=self.redact_key,
            is_ended=self.stop.is_set,
            list_id=list_id,
            distrusted=self.distrusted,
            earlier={} if self.args.again else self._earlier(list_id, len({person.person_id for person in people})),
            machine=self.machine,
        )

    def _earlier(self, list_id: str, people: int) -> dict[str, Earlier]:
        trail = self.folder / TRAIL.name
        if list_id and trail.exists():
            self.machine.disk.settle(trail)
        earlier = earlier_on_list(trail, list_id, people, self.qualifier.remark, is_dry_run=self.args.dry_run)
        return {shown: each for shown, each in earlier.items() if is_consistent(each.verdict)}


@contextlib.contextmanager
def open_checks(args: argparse.Namespace, sandbox: Sandbox | None, stop: threading.Event) -> Iterator[Qualifier]:
    """The checks from the environment, or from the sandbox if there is one; once `stop` is set, none is repeated."""
    names = [name for name in CHECK_TITLES if name != SCORE or not args.random_score]
    tokens = {name: secret(f"{name.upper()}_TOKEN") for name in names}
    urls = service_urls(names, sandbox)
    settings: dict[str, Any] = {"deadline": args.check_deadline or CHECK_DEADLINE, "is_ended": stop.is_set}
    with contextlib.ExitStack() as stack:
        services = {name: CheckService(SERVICE_TITLES[name], urls[name], tokens[name], **settings) for name in names}
        for service in services.values():
            stack.callback(service.close)
        threshold = PASSING_SCORE if args.threshold is None else args.threshold
        rule = Rule(threshold, frozenset(args.allow_key or ()))
        yield stack.enter_context(Qualifier(services, workers=args.workers or WORKERS, rule=rule))


# Whom to check -------------------------------------------------------------------------------------------------------


def people_named(args: argparse.Namespace) -> list[Person]:
    """The people that a command names. Raises UsageError, before anybody is checked, for an id that is not valid."""
    if args.file:
        return _people_in_file(args)
    if args.ids == ["-"]:
        return people_in_lines(_read_standard_input())
    ids = [id_typed(text) for text in args.ids]
    for number, text in enumerate(ids, 1):
        if text.casefold().endswith(".csv") and not args.redact:
            raise UsageError(f"{text!r} is the name of a file, not an id. Write --file {shlex.quote(text)}")
        if not is_whole_id(text):
            which = f"ID no. {number} in the command" if args.redact else f"The ID {args.ids[number - 1]!r}"
            raise UsageError(f"{which} is not valid: {ID_RULE}")
    return [Person(text) for text in ids]


def _people_in_file(args: argparse.Namespace) -> list[Person]:
    path, encoding = find_input(args.file), args.encoding or "utf-8"
    found = people_in_file(path, args.id_column or "", encoding, is_redacted=args.redact)
    if not args.quiet:
        say(_columns_words(args.file, found.columns))
    return found.people


def _columns_words(file: str, columns: Mapping[str, str]) -> str:
    """Which columns of a file of people are used, and for what."""
    others = [column for name, column in columns.items() if name != "id"]
    compared = f"{' and '.join(others)} compared with the registry" if others else "nothing compared with the registry"
    hint = "if it gives them" if others else "only columns named name or birth_date are compared"
    return f"{file}: ids from the column {columns['id']}, {compared} ({hint})"


def _read_standard_input() -> list[str]:
    """The lines of standard input. Raises UsageError if they are not text."""
    try:
        return sys.stdin.buffer.read().decode().split("\n") if sys.stdin else []
    except UnicodeDecodeError:
        raise UsageError("Standard input is not UTF-8 text. Send one id per line, in UTF-8") from None


# Results -------------------------------------------------------------------------------------------------------------


def qualify_people(asking: Asking, people: Sequence[Person]) -> Exit:
    """Show a verdict on each of the people, in the given order."""
    args, this_round = asking.args, asking.new_round(people)
    with_bar = with_progress(this_round.decide_all(people), len(people), "people", args.quiet or len(people) <= FEW)
    decided = list(showing(with_bar, lambda verdict: verdict, asking))
    if args.json:
        show_verdicts(decided)
    if len(people) > 1 and not args.quiet:
        say(f"{counted(len(people), 'person', 'people')}: {listed(_outcome_counts(decided, len(people)))}")
    for words in alike_words(this_round):
        say(words)
    advise(asking.qualifier, args, decided)
    if asking.stop.is_set():
        if len(decided) < len(people):
            complain(f"Stopped before everybody was checked. {RUN_AGAIN}".replace("{command}", args.command))
        return Exit.INTERRUPTED
    is_incomplete = any(verdict.outcome == "undetermined" for verdict in decided)
    return refused_token(asking.qualifier, args.command) or (Exit.INCOMPLETE if is_incomplete else Exit.DONE)


def _outcome_counts(verdicts: Iterable[Verdict], total: int) -> dict[str, int]:
    """How many people had each outcome, and how many of the total had none."""
    counts = Counter(outcome_words(verdict.outcome) for verdict in verdicts)
    return {**counts, **({"not checked": total - counts.total()} if counts.total() < total else {})}


def showing(items: Iterable[Item], verdict_of: Callable[[Item], Verdict | None], asking: Asking) -> Iterator[Item]:
    """Pass items through and show the verdict of each that has one, unless verdicts are shown as one document.

    An item is shown when the next one is asked for, so that the caller has stored it by then.
    """
    if asking.args.json:
        yield from items
        return
    show(f"started at {asking.now():%H:%M:%S}\n{RULE}")
    for item in items:
        yield item
        verdict = verdict_of(item)
        if verdict:
            show(_verdict_words(verdict))
    show(f"finished at {asking.now():%H:%M:%S}")


def _verdict_words(verdict: Verdict) -> str:
    result = "none" if verdict.result is None else verdict.result
    return f"person id: {verdict.person_id}, qualification result: {result}\n{verdict.sentence()}\n{RULE}"


def show_verdicts(verdicts: Iterable[Verdict]) -> None:
    """Show verdicts as one JSON document."""
    show_json(json.dumps([as_json(verdict) for verdict in verdicts], indent=2, ensure_ascii=False))


def explain_verdict(args: argparse.Namespace, redact_key: str) -> Exit:
    """Show the last verdict on a person as sentences, with the arithmetic of its result."""
    wanted = [args.explain, *([pseudonym(args.explain, redact_key)] if redact_key else [])]
    line = last_verdict(TRAIL, wanted, rehearsals_only=args.sandbox)
    told = redacted(line, redact_key) if redact_key else line
    if args.json:
        show_json(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        show(explained(told))
    return Exit.DONE
