"""The flag that names an approved plan, and what the plan of an import rests on besides Close."""

import argparse
import hashlib
import re
import shlex
from pathlib import Path

from cells.maps.column_map import ColumnMap
from importing.approval import Basis

PLAN_ID = re.compile(r"[0-9a-f]{4}(-[0-9a-f]{4}){3}")
DECIDING = (  # the arguments that decide how a file is read and what is written
    *("existing", "names", "region", "date_order", "decimal", "timezone"),
    *("encoding", "delimiter", "sheet", "header_row"),
    *("ignore_columns", "company_from_email", "limit"),
)
ONLY_SHOWN = ("--dry-run", "--json", "--quiet", "-q", "--verbose", "-v")  # flags that carrying a plan out does not need
FILES_SHOWN = ("--report", "--log", "--plan")  # the same, with a value


def add_plan(parser: argparse._ActionsContainer) -> None:
    """Add the flag that names an approved plan."""
    parser.add_argument(
        "--plan",
        type=plan_id,
        metavar="ID",
        help="carry out exactly the plan that a dry run showed with this id, or nothing if anything has changed since",
    )


def plan_id(text: str) -> str:
    """The id of a plan, as a dry run shows it."""
    if PLAN_ID.fullmatch(text.strip().lower()):
        return text.strip().lower()
    raise argparse.ArgumentTypeError(f"{text!r} is not the id of a plan; copy it from what --dry-run shows")


def basis_of(args: argparse.Namespace, file_digest: str, column_map: ColumnMap | None) -> Basis:
    """What a plan rests on besides Close, for a file with this digest."""
    given = {name: getattr(args, name) for name in DECIDING}
    settings = {f"--{name.replace('_', '-')}": str(value) for name, value in given.items() if value}
    told = repr((column_map.form, sorted(column_map.columns.items()))) if column_map else ""
    return Basis(file_digest, hashlib.sha256(told.encode()).hexdigest() if told else "", settings)


def digest_of(path: Path) -> str:
    """The digest of what a file holds."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def command_for(args: argparse.Namespace, shown_id: str) -> str:
    """The command that carries out the plan with this id, after a dry run that showed it."""
    kept: list[str] = []
    typed = iter(shlex.split(args.command))
    for word in typed:
        if word in FILES_SHOWN:
            next(typed, None)
        elif word not in ONLY_SHOWN and not word.startswith(tuple(f"{flag}=" for flag in FILES_SHOWN)):
            kept.append(word)
    return f"{shlex.join(kept)} --plan {shown_id}"
