"""The parts of the command line that verbs share: the parser, flags, types of values, and a command to type next."""

import argparse
import re
from datetime import date
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cells.sheet_limits import MOST_ROWS
from cells.text_form import delimiter_named
from commands.errors import UsageError
from commands.terminal import capitalized

VERSION = "0.1.0"
INDEX_LAG = 60.0  # seconds after which we assume that Close's search shows a new lead
MOST_SECONDS = 1_000_000  # eleven days
MOST_WORKERS = 32
FILE_HELP = "CSV file, here or in input_data/"
TABLE_HELP = "CSV file, other text file or workbook, here or in input_data/; - reads standard input"
ENCODING_HELP = "encoding of the file, such as cp1252 (default: utf-8)"


class Parser(argparse.ArgumentParser):
    """A parser whose help starts with examples, whose errors are one line, and that does not guess flags."""

    examples = ""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **settings})

    def format_help(self) -> str:
        return f"{self.examples}\n{super().format_help()}" if self.examples else super().format_help()

    def error(self, message: str) -> NoReturn:
        is_value = re.fullmatch(r"unrecognized arguments: [^-].*", message) and " -" not in message
        quotes = "; a value with spaces needs quotes around it" if is_value else ""
        raise UsageError(f"{capitalized(message)}{quotes}. See {self.prog} --help")


# Flags ---------------------------------------------------------------------------------------------------------------


def add_service_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of every verb that talks to a service."""
    parser.add_argument("--sandbox", action="store_true", help="try this without Close; nothing leaves this computer")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of text")
    parser.add_argument("--log", metavar="FILE", type=Path, help="log each request to FILE, without names or keys")
    add_verbose(parser)
    parser.add_argument("-q", "--quiet", action="store_true", help="show only results and errors")


def add_verbose(parser: argparse.ArgumentParser, what: str = "show each request") -> None:
    """Add the flag that every verb has, because it also shows where an unexpected error happened."""
    parser.add_argument("-v", "--verbose", action="store_true", help=what)


def add_index_lag(parser: argparse._ActionsContainer) -> None:
    """Add the flag for how long Close's search may lag."""
    parser.add_argument(
        "--index-lag",
        type=amount,
        metavar="SECONDS",
        help=f"how long Close's search may take to show a new lead (default: {INDEX_LAG:.0f})",
    )


def add_form_of_file(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how to read a text file or a workbook."""
    parser.add_argument(
        "--encoding",
        default="",
        metavar="NAME",
        help="encoding of the file, such as cp1252 (default: found in the file)",
    )
    parser.add_argument(
        "--delimiter",
        type=delimiter,
        metavar="MARK",
        help="what separates cells: comma, semicolon, tab or pipe (default: found in the file)",
    )
    parser.add_argument(
        "--sheet", default="", metavar="NAME", help="sheet of a workbook (default: the first with data)"
    )
    parser.add_argument(
        "--header-row", type=row_number, metavar="N", help="row of the column names (default: found in the file)"
    )


# Values --------------------------------------------------------------------------------------------------------------


def day(text: str) -> date:
    """A date written as YYYY-MM-DD."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a valid date; write it as YYYY-MM-DD, such as 2010-12-31")


def time_zone(text: str) -> ZoneInfo:
    """A time zone by its name in the IANA database."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        words = f"{text!r} is not the name of a time zone; write it like America/New_York or UTC"
        raise argparse.ArgumentTypeError(words) from None


def workers(text: str) -> int:
    """How many things to do at a time."""
    return whole_number(text, MOST_WORKERS)


def whole_number(text: str, most: int) -> int:
    """A whole number from 1 to `most`."""
    if text.isdecimal() and 0 < int(text) <= most:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {most:,}, not {text!r}")


def amount(text: str) -> float:
    """A number that is 0 or more."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    raise argparse.ArgumentTypeError(f"must be a number, 0 or more, not {text!r}")


def seconds(text: str) -> float:
    """A duration of more than 0 seconds."""
    if 0 < amount(text) <= MOST_SECONDS:
        return amount(text)
    raise argparse.ArgumentTypeError(f"must be more than 0 and at most {MOST_SECONDS:,} seconds, not {text}")


def delimiter(text: str) -> str:
    """What separates cells, given as a word or as the mark itself."""
    found = delimiter_named(text)
    if found:
        return found
    raise argparse.ArgumentTypeError(f"must be comma, semicolon, tab or pipe, not {text!r}")


def row_number(text: str) -> int:
    """The number of a row of a spreadsheet, counted from 1."""
    if text.isascii() and text.isdecimal() and 0 < int(text) <= MOST_ROWS:
        return int(text)
    raise argparse.ArgumentTypeError(f"must be the number of a row, such as 3, not {text!r}")


def region(text: str) -> str:
    """A country, by its code of two letters."""
    import phonenumbers

    if text.upper() in phonenumbers.SUPPORTED_REGIONS:
        return text.upper()
    raise argparse.ArgumentTypeError(f"{text!r} is not a two-letter country code")


# What to type next ---------------------------------------------------------------------------------------------------


def undo_command(run_id: str, args: argparse.Namespace) -> str:
    """The command that takes back an import, in the sandbox if that was used."""
    return f"python main.py undo {run_id}{' --sandbox' if args.sandbox else ''}"
