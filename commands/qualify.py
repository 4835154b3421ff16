"""The verb `qualify`: its arguments, how people are checked, and its exit code."""

import argparse
import contextlib
import shlex
import threading
from collections.abc import Iterable

from cells.texts import plain_name
from commands.agreement import add_yes
from commands.arguments import ENCODING_HELP, FILE_HELP, add_service_flags, amount, seconds, workers
from commands.environment import WORDS_OF_CLOSE, WORDS_OF_FILES, open_close, open_sandbox, secret
from commands.error_words import Words
from commands.errors import ConfigurationError, Exit, UsageError
from commands.interrupts import STOPPING, noticing_interrupt
from commands.qualify_in_close import NOTE_LAG, qualify_in_close, watch, workflow_names
from commands.qualify_people import WORKERS, Asking, explain_verdict, open_checks, people_named, qualify_people
from qualification import PASSING_SCORE
from qualifying.check_service import CHECK_DEADLINE
from qualifying.people_file import PeopleError, UnclearIdColumn
from qualifying.statuses import USUAL_NAMES, SameStatus, UnsuitableField, WorkflowMissing
from qualifying.trail import NoTrail, NoVerdict

CHECK_FLAGS = ("--workers", "--check-deadline", "--deadline", "--random-score", "--threshold", "--allow-key", "--again")
FILE_FLAGS = ("--id-column", "--encoding")
FROM_CLOSE_FLAGS = ("--watch", "--status", "--note-missing-id")
WRITE_BACK_FLAGS = (
    *("--id-field", "--prospect-status", "--declined-status", "--note-detail", "--create", "--index-lag"),
    *("--dry-run", "--yes"),
)
THREE_STATUSES = "--status, --prospect-status and --declined-status must name three different statuses"

WORDS: Words = {
    **WORDS_OF_CLOSE,
    **WORDS_OF_FILES,
    PeopleError: (Exit.USAGE, "{}."),
    UnclearIdColumn: (Exit.USAGE, "{} with --id-column."),
    NoTrail: (Exit.USAGE, "{}. Change to the folder where the person was checked."),
    NoVerdict: (
        Exit.USAGE,
        "{}. Check the id. Results made with --redact are found only with --redact and the same REDACT_KEY.",
    ),
    SameStatus: (Exit.USAGE, f"{{}}. {THREE_STATUSES}."),
    WorkflowMissing: (
        Exit.SETUP,
        "{}. Add --create to have it created, create it yourself in Close (Settings > Statuses & Pipelines, Settings > "
        "Custom Fields), or pass the names you already use with --status, --prospect-status, --declined-status and "
        "--id-field.",
    ),
    UnsuitableField: (
        Exit.SETUP,
        "{}. Create a text field for ids in Close (Settings > Custom Fields) and name it with --id-field.",
    ),
}


# Arguments -----------------------------------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.set_defaults(shown_command=nameless)
    add_service_flags(parser)
    parser.add_argument("ids", metavar="ID", nargs="*", help="id of a person to check; - reads ids from standard input")
    _add_who(parser.add_argument_group("who to check"))
    _add_how(parser.add_argument_group("how to check"))
    _add_write_back(parser.add_argument_group("writing results to Close"))


def _add_who(who: argparse._ActionsContainer) -> None:
    who.add_argument("--file", metavar="FILE", help=FILE_HELP)
    who.add_argument("--id-column", metavar="NAME", help="column of the file with the ids (default: id)")
    who.add_argument("--encoding", metavar="NAME", help=ENCODING_HELP)
    who.add_argument("--from-close", action="store_true", help="check the leads that wait in Close")
    who.add_argument(
        "--explain",
        metavar="ID",
        help="show how the last result for this person was reached, without checking anyone",
    )


def _add_how(how: argparse._ActionsContainer) -> None:
    deadline = f"time limit for one check, retries included (default: {CHECK_DEADLINE:.0f})"
    how.add_argument("--workers", type=workers, metavar="N", help=f"people to check at a time (default: {WORKERS})")
    how.add_argument("--check-deadline", type=seconds, metavar="SECONDS", help=deadline)
    how.add_argument(
        "--deadline", type=seconds, metavar="SECONDS", help="time limit for all checks together (default: none)"
    )
    how.add_argument(
        "--again",
        action="store_true",
        help="ask about everybody, also those decided by an earlier run with --deadline, or whose id a service refused",
    )
    how.add_argument(
        "--random-score",
        action="store_true",
        help="use a random score instead of asking the service; nothing is written to Close",
    )
    how.add_argument(
        "--threshold",
        type=_score,
        metavar="N",
        help=f"score that a prospect has to exceed, 0 to 100 (default: {PASSING_SCORE})",
    )
    how.add_argument(
        "--allow-key",
        action="append",
        metavar="NAME",
        help="let answers of the services have this key, which says nothing about the person; repeat for several",
    )
    how.add_argument(
        "--redact", action="store_true", help="show and store pseudonyms made with REDACT_KEY instead of ids"
    )


def _score(text: str) -> int:
    """A score from 0 to 100."""
    if text.isdecimal() and int(text) <= 100:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from 0 to 100, not {text!r}")


def _add_write_back(back: argparse._ActionsContainer) -> None:
    names = USUAL_NAMES
    back.add_argument("--write-back", action="store_true", help="write each result to the lead that has the id")
    back.add_argument(
        "--watch", type=seconds, metavar="SECONDS", help="with --from-close: look again this often until Ctrl-C"
    )
    back.add_argument(
        "--dry-run", action="store_true", help="ask the services and say what would be written, but write nothing"
    )
    add_yes(back, ", or a watch begins")
    back.add_argument("--status", metavar="LABEL", help=f"status of waiting leads (default: {names.waiting})")
    back.add_argument("--id-field", metavar="NAME", help=f"lead custom field with the id (default: {names.id_field})")
    back.add_argument("--prospect-status", metavar="LABEL", help=f"status for prospects (default: {names.prospect})")
    back.add_argument(
        "--declined-status", metavar="LABEL", help=f"status for non-prospects (default: {names.declined})"
    )
    back.add_argument("--create", action="store_true", help="create the statuses and the field if Close lacks them")
    back.add_argument("--note-missing-id", action="store_true", help="write a note to each waiting lead without an id")
    back.add_argument(
        "--note-detail", action="store_true", help="put what was found into the note, for all in Close to read"
    )
    back.add_argument(
        "--index-lag",
        type=amount,
        metavar="SECONDS",
        help=f"how long Close may take to list a new note of a lead (default: {NOTE_LAG:.0f})",
    )


# Running it ----------------------------------------------------------------------------------------------------------


def run(args: argparse.Namespace) -> Exit:
    """Decide which people may become prospects; every verdict is on disk before it is shown."""
    check_flags(args)
    redact_key = redaction_key() if args.redact else ""
    if args.explain:
        return explain_verdict(args, redact_key)
    stop = threading.Event()
    people = [] if args.from_close else people_named(args)
    with contextlib.ExitStack() as stack:
        sandbox = stack.enter_context(open_sandbox(args.quiet)) if args.sandbox else None
        qualifier = stack.enter_context(open_checks(args, sandbox, stop))
        stack.enter_context(noticing_interrupt(stop, "" if args.quiet else STOPPING))
        asking = Asking(args, qualifier, stop, redact_key)
        if not (args.from_close or args.write_back):
            return qualify_people(asking, people)
        close = stack.enter_context(open_close(args, stop, sandbox))
        return watch(asking, close) if args.watch else qualify_in_close(asking, close, people)


def nameless(args: argparse.Namespace) -> str:
    """The command as it may be shown: if ids must not be read, the word ID replaces each."""
    if not args.redact:
        return str(args.command)
    ids = {*args.ids, args.explain, f"--explain={args.explain}"} - {"-"}
    return shlex.join("ID" if word in ids else word for word in shlex.split(args.command))


def redaction_key() -> str:
    """The key that turns ids into pseudonyms. Raises ConfigurationError if it is missing."""
    key = secret("REDACT_KEY")
    if not key:
        raise ConfigurationError(
            "--redact needs a secret in REDACT_KEY to make pseudonyms from ids. "
            "Create one, for example with `openssl rand -hex 32`, and keep it: without it nobody can be found again"
        )
    return key


# Flags that go together ----------------------------------------------------------------------------------------------


def check_flags(args: argparse.Namespace) -> None:
    """Raise UsageError for flags that contradict each other or would have no effect."""
    check_sources(args)
    writes = args.from_close or args.write_back
    if args.explain:
        refuse_beside(
            args, (*CHECK_FLAGS, *FILE_FLAGS, *FROM_CLOSE_FLAGS, "--write-back", *WRITE_BACK_FLAGS), "--explain"
        )
    if args.from_close:
        refuse_beside(args, ("--write-back",), "--from-close, which always writes results to Close")
    refuse_idle(args, FILE_FLAGS, args.file, "--file")
    instead = "" if args.from_close else " instead of ids or a file"
    refuse_idle(args, FROM_CLOSE_FLAGS, args.from_close, "--from-close", f"Use --from-close{instead}")
    refuse_idle(args, WRITE_BACK_FLAGS, writes, "--from-close or --write-back", "Add --write-back")
    if args.dry_run:
        refuse_beside(args, ("--watch",), "--dry-run")
    if args.create and args.random_score:
        raise UsageError("--create writes to Close, but --random-score writes nothing there. Leave one of them out")
    if writes:
        check_workflow_names(args)


def check_sources(args: argparse.Namespace) -> None:
    """Raise UsageError unless people are given in exactly one way."""
    sources = {"ID": args.ids, "--file": args.file, "--from-close": args.from_close, "--explain": args.explain}
    given = [name for name, is_given in sources.items() if is_given]
    if len(given) != 1:
        said = f"{' and '.join(given)} can't be combined" if given else "No people given"
        raise UsageError(
            f"{said}. Pass ids, --file FILE, - for standard input, or --from-close; use --explain ID on its own"
        )
    if "-" in args.ids and len(args.ids) > 1:
        raise UsageError("- stands for standard input and can't be combined with other ids. Leave one of them out")


def check_workflow_names(args: argparse.Namespace) -> None:
    """Raise UsageError for statuses with the same name, or for a blank name."""
    names = workflow_names(args)
    needed = [names.prospect, names.declined, names.id_field, *([names.waiting] if args.from_close else [])]
    if not all(map(plain_name, needed)):
        raise UsageError(
            "The name of a status or field is blank. Check whether a shell variable in the command is empty"
        )
    if len({plain_name(name) for name in (names.waiting, names.prospect, names.declined)}) < 3:
        raise UsageError(THREE_STATUSES)


def refuse_beside(args: argparse.Namespace, flags: Iterable[str], other: str) -> None:
    """Raise UsageError if one of the flags is given beside another one that it contradicts."""
    for flag in given_among(args, flags):
        raise UsageError(f"{flag} can't be combined with {other}. Leave it out")


def refuse_idle(
    args: argparse.Namespace, flags: Iterable[str], is_useful: object, partner: str, advice: str = ""
) -> None:
    """Raise UsageError if one of the flags is given but would have no effect."""
    for flag in given_among(args, flags) if not is_useful else ():
        told = advice or f"Add {partner}"
        comma = "," if " or " in told else ""
        raise UsageError(f"{flag} works only with {partner}. {told}{comma} or leave out {flag}")


def given_among(args: argparse.Namespace, flags: Iterable[str]) -> list[str]:
    """The flags that the command has."""
    return [flag for flag in flags if getattr(args, flag.removeprefix("--").replace("-", "_")) not in (None, False)]
