"""The one place where errors become words: an exit code and one line that ends with what to do."""

import argparse
from collections.abc import Mapping

from commands.errors import ConfigurationError, Declined, Exit, UsageError
from commands.log import note_error
from commands.terminal import complain

Words = Mapping[type[BaseException], tuple[Exit, str]]
"""An error's exit code and words. In the words, `{}` stands for the error's own message, and `{command}` for the
command that was typed."""

RUN_AGAIN = "Run the same command again to continue: {command}"
COMMON_WORDS: Words = {  # for every verb; each adds its own
    UsageError: (Exit.USAGE, "{}."),
    ConfigurationError: (Exit.SETUP, "{}."),
    Declined: (
        Exit.USAGE,
        "Nothing was written, because you did not agree. Add --dry-run to see what would be done, or --yes to agree in "
        "advance.",
    ),
    KeyboardInterrupt: (Exit.INTERRUPTED, f"Stopped. {RUN_AGAIN}"),
    ModuleNotFoundError: (
        Exit.SETUP,
        "{}. Run `make demo` once, then `source .venv/bin/activate` in every new terminal.",
    ),
    OSError: (Exit.BUG, f"{{}}. Fix this first. {RUN_AGAIN}"),
}


def in_words(error: BaseException, command: str, words: Words = COMMON_WORDS) -> tuple[Exit, str]:
    """The exit code and one line for an error that ended a command, from its most specific class that has words."""
    for kind in type(error).__mro__:
        if kind in words:
            code, told = words[kind]
            return code, told.replace("{}", str(error).removesuffix(".")).replace("{command}", command)
    told = f"Unexpected {type(error).__name__}: {str(error).removesuffix('.')}"
    return Exit.BUG, f"{told}. This is a bug. Add -v to see where it happened, and report it."


def tell_early_end(error: Exception, args: argparse.Namespace) -> Exit:
    """Report the error that ended a command early, and return the exit code. Its results were reported before.

    `args` has the command that was typed, and the words of its verb.
    """
    note_error(error)
    code, told = in_words(error, args.command, args.words)
    complain(told)
    return code
