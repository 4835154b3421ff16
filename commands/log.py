"""The log of a command: its requests, and the error that ended it, without keys, names and ids."""

import argparse
import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from cells.safe_text import harmless_line
from commands.errors import UsageError
from commands.files import find_input

OURS = (
    "commands",
    "importing",
    "qualifying",
    "close_client",
    "close",
)  # packages that log; a library might reveal more
ROOT = Path(__file__).resolve().parent.parent

log = logging.getLogger(__name__)


class LineFormatter(logging.Formatter):
    """Makes one line of a record, whatever names are in it, that can't control a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return harmless_line(super().format(record))


class LogHandler(logging.StreamHandler[TextIO]):
    """A handler that ignores lines that can't be written: a log is not a reason to stop."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 - logging's name for it
        return


@contextlib.contextmanager
def logging_requests(args: argparse.Namespace) -> Iterator[None]:
    """Let our own modules log requests to standard error (-v) and to a file (--log)."""
    with contextlib.ExitStack() as stack:
        handlers: list[logging.Handler] = [logging.NullHandler()]
        if getattr(args, "verbose", False):
            handlers.append(LogHandler(sys.stderr))
        if getattr(args, "log", None):
            if getattr(args, "file", None) and args.log.exists() and args.log.samefile(find_input(args.file)):
                raise UsageError(f"--log {args.log} is the input file. Choose another file for the log")
            handlers.append(LogHandler(stack.enter_context(open_log(args.log))))
        for handler in handlers:
            handler.setFormatter(LineFormatter("%(asctime)s %(levelname)s %(message)s"))
        for logger in map(logging.getLogger, OURS):
            logger.setLevel(logging.INFO)
            logger.propagate = False
            logger.handlers[:] = handlers
            stack.callback(setattr, logger, "handlers", [logging.NullHandler()])
        yield


@contextlib.contextmanager
def open_log(path: Path) -> Iterator[TextIO]:
    """A log file that only its owner can read. Raises UsageError if it can't be written."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as error:
        raise UsageError(f"--log {path}: {error.strerror}. Choose a file that you can write to") from None
    file = os.fdopen(handle, "a", encoding="utf-8")
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):
            file.close()


def note_error(error: BaseException) -> None:
    """Log an error: its kind and where it occurred, without its message, which may name people."""
    where = [f"{_shown(Path(frame.filename))}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error("%s at %s", type(error).__name__, " < ".join(reversed(where)) or "an unknown place")


def _shown(path: Path) -> str:
    """The path of one of our files within the product, or the name of any other file: its folders may name people."""
    is_ours = path.is_relative_to(ROOT) and "site-packages" not in path.parts
    return str(path.relative_to(ROOT)) if is_ours else path.name
