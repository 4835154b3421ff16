"""The entry point: loads and runs the requested verb, and turns its error into words and an exit code."""

import argparse
import importlib
import shlex
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from commands.arguments import VERSION, Parser
from commands.error_words import COMMON_WORDS, in_words
from commands.errors import Exit
from commands.log import logging_requests, note_error
from commands.terminal import complain, give_missing_streams, leave, say_lines

EXAMPLES = """\
examples:
  python main.py import leads.csv --sandbox                   try it on this computer, without Close
  python main.py import leads.csv --dry-run                   show what would be done, without writing to Close
  python main.py import leads.csv                             import the leads into Close
  python main.py undo last --dry-run                          show what an undo of the last import would do
  python main.py undo last                                    undo the last import
  python main.py segment 1950-01-01 2022-12-31                summarize leads by US state
  python main.py segment 2000-01-01 --output report.html      the same since 2000, as a web page with a chart
  python main.py qualify 123 456                              check whether two people may become prospects
  python main.py qualify --from-close --watch 60              check leads in status "To qualify" every minute
  python main.py sandbox                                      run a local stand-in for Close
"""


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb of the command line: its module in `commands`, and its description in the list of verbs.

    The module has `add_arguments` (adds to a parser), `run` (takes the arguments, returns the exit code) and `WORDS`
    (for its errors). It is loaded only when the verb is requested, because it brings in all the packages it needs. If
    a command must not be repeated as it was typed, the arguments set `shown_command`.
    """

    module: str
    help: str

    def load(self) -> ModuleType:
        """The module, with everything it needs."""
        return importlib.import_module(f"commands.{self.module}")


VERBS = {
    "import": Verb("import_leads", "clean a file of leads and import it into Close"),
    "map": Verb("map_columns", "write a map of a file's columns, to say what each one is"),
    "segment": Verb("segment", "summarize leads by US state, by the date their companies were founded"),
    "qualify": Verb("qualify", "check who may become a prospect"),
    "undo": Verb("undo", "undo an import"),
    "runs": Verb("runs", "list all imports so far"),
    "sandbox": Verb("sandbox", "run a local stand-in for Close and the checks"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of one command. Every error becomes words here, and nowhere else."""
    give_missing_streams()
    typed = sys.argv[1:] if argv is None else argv
    args = argparse.Namespace(command=shlex.join(["python", "main.py", *typed[:1]]), words=COMMON_WORDS, verbose=False)
    try:
        build_parser(typed).parse_args(typed, args)
        args.command = shlex.join(["python", "main.py", *typed])
        args.command = args.shown_command(args)
        with logging_requests(args):
            return run_logged(args)
    except SystemExit as finished:  # argparse's --help
        return int(finished.code or 0)
    except (KeyboardInterrupt, Exception) as error:  # the boundary: anything unexpected is a bug, reported in one line
        code, words = in_words(error, args.command, args.words)
        complain(words)
        if args.verbose and code == Exit.BUG:
            say_lines(traceback.format_exc())
        return code


def build_parser(typed: Sequence[str]) -> argparse.ArgumentParser:
    """The parser for a command as it was typed: it knows all verbs, and the arguments of the requested one."""
    parser = Parser(
        prog="python main.py",
        description="Import leads into Close without duplicates, summarize them by US state, and check who may become "
        "a prospect.",
    )
    parser.examples = EXAMPLES
    parser.set_defaults(shown_command=lambda args: args.command)
    parser.add_argument("--version", action="version", version=f"close-lead-pipeline {VERSION}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    parsers = {name: verbs.add_parser(name, help=verb.help) for name, verb in VERBS.items()}
    asked = next((word for word in typed if word in VERBS), None)
    if asked:
        module = VERBS[asked].load()
        module.add_arguments(parsers[asked])
        parsers[asked].set_defaults(run=module.run, words=module.WORDS)
    return parser


def run_logged(args: argparse.Namespace) -> int:
    """The exit code of a verb; an error that ends it is also logged."""
    try:
        return int(args.run(args))
    except BaseException as error:  # it is only logged here; the caller puts it into words
        note_error(error)
        raise


if __name__ == "__main__":
    leave(main())
