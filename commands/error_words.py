"""The one place where errors become words: an exit code and one line that ends with what to do."""

import argparse
from collections.abc import Mapping

from commands.errors import ConfigurationError, Exit, UsageError
from commands.log import note_error
from commands.terminal import complain

Words = Mapping[type[BaseException], tuple[Exit, str]]
"""An error's exit code and words; in these its own words replace `{}`, and the command that was given `{command}`."""

RUN_AGAIN = "Run the same command again to carry on: {command}"
COMMON_WORDS: Words = {  # of every verb; each adds its own
    UsageError: (Exit.USAGE, "{}."),
    ConfigurationError: (Exit.SETUP, "{}."),
    KeyboardInterrupt: (Exit.INTERRUPTED, f"Stopped. {RUN_AGAIN}"),
    ModuleNotFoundError: (
        Exit.SETUP,
        "{}. Run `make demo` once, then `source .venv/bin/activate` in every new terminal.",
    ),
    OSError: (Exit.BUG, f"{{}}. Fix this first. {RUN_AGAIN}"),
}


def in_words(error: BaseException, command: str, words: Words = COMMON_WORDS) -> tuple[Exit, str]:
    """The exit code and the one line for an error that ended a command; of its classes, the closest that has words."""
    for kind in type(error).__mro__:
        if kind in words:
            code, told = words[kind]
            return code, told.replace("{}", str(error).removesuffix(".")).replace("{command}", command)
    return Exit.BUG, f"Unexpected {type(error).__name__}: {error}. This is a bug. Add -v to see where it happened."


def tell_early_end(error: Exception, args: argparse.Namespace) -> Exit:
    """The exit code of a command that an error ended early, after that was said; what came before it was said already.

    `args` has the command that was given, and the words of its verb.
    """
    note_error(error)
    code, told = in_words(error, args.command, args.words)
    complain(told)
    return code
