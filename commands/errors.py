"""How a command ends: its exit codes, and the errors that the user can fix."""

from enum import IntEnum


class Exit(IntEnum):
    """What the exit code means."""

    DONE = 0
    BUG = 1
    USAGE = 2
    SETUP = 3
    INCOMPLETE = 4
    UNREACHABLE = 5
    INTERRUPTED = 130


class UsageError(Exception):
    """The command can't be run as it was typed; the message says how to write it."""


class ConfigurationError(Exception):
    """Something is missing in the environment; the message names each solution."""


class Declined(Exception):
    """The person at the terminal did not agree to what a command is about to do."""
