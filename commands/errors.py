"""What a command ends with: its exit codes, and the errors that are the user's to mend."""

from enum import IntEnum


class Exit(IntEnum):
    """What the exit code says."""

    DONE = 0
    BUG = 1
    USAGE = 2
    SETUP = 3
    INCOMPLETE = 4
    UNREACHABLE = 5
    INTERRUPTED = 130


class UsageError(Exception):
    """The command can't be run as it was written; the message says how to write it."""


class ConfigurationError(Exception):
    """Something is missing in the environment; the message names each way out."""
