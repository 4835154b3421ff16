"""map: write a map of a file's columns, to be looked through by a person and used by imports."""

import argparse
import json
import shlex
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cells.columns import COMPANY
from cells.lead_fields import IMPORT_KEY, LeadField
from cells.maps.column_map import UNDECIDED
from cells.maps.draft import DraftedColumn, draft, read_for_draft
from cells.maps.map_text import map_text
from cells.safe_text import harmless_line
from cells.source_file import SourceFile, open_table
from cells.texts import is_same_name
from close.fields import find_field
from commands.arguments import TABLE_HELP, add_form_of_file, add_service_flags, region
from commands.environment import KEY_VARIABLES, WORDS_OF_CLOSE, WORDS_OF_FILES, open_close, secret
from commands.error_words import Words
from commands.errors import Exit, UsageError
from commands.files import STANDARD_INPUT, opened_input, stem_of, write_files
from commands.interrupts import noticing_interrupt
from commands.kept_maps import MAP_SUFFIX, MAPS, is_for, map_files
from commands.maps import asked_form
from commands.terminal import counted, enumerated, say, show, show_json

WORDS: Words = {**WORDS_OF_CLOSE, **WORDS_OF_FILES}
WIDEST = 40  # characters of a title


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    add_service_flags(parser)
    parser.add_argument("file", metavar="FILE", help=TABLE_HELP)
    parser.add_argument(
        "--output",
        type=Path,
        metavar="MAP.toml",
        help=f"where to write the map (default: {MAPS}/, where imports find it)",
    )
    parser.add_argument("--region", type=region, help="country of phone numbers written without +, for the map to keep")
    add_form_of_file(parser)


def run(args: argparse.Namespace) -> int:
    """Write a map of a file's columns as they would be read without one; say what is left to decide."""
    schema = _fields_of_close(args)
    form = asked_form(args)
    with opened_input(args.file) as path, open_table(path, form) as opened:
        source = read_for_draft(opened, [field.name for field in schema or ()])
    fields = None if schema is None else _filled(source, schema)
    columns = draft(source, fields, args.region or "")
    names = (
        None if schema is None else sorted(field.name for field in schema if not is_same_name(field.name, IMPORT_KEY))
    )
    output = args.output or _own_place(path.name, source)
    _write(output, map_text(source, columns, form, names))
    report = _report(args, source, columns, output)
    if args.json:
        show_json(json.dumps(report, indent=2))
    else:
        show(_summary(report))
    if not args.quiet:
        _advise(args, columns, output, is_asked=schema is not None)
    return Exit.DONE


def _fields_of_close(args: argparse.Namespace) -> Sequence[LeadField] | None:
    """The lead custom fields of Close; None if there is neither a key nor a sandbox to ask."""
    if not args.sandbox and not any(map(secret, KEY_VARIABLES)):
        return None
    stop = threading.Event()
    with open_close(args, stop) as close, noticing_interrupt(stop, ""):
        return close.lead_fields()


def _filled(source: SourceFile, schema: Sequence[LeadField]) -> dict[str, LeadField]:
    spelled = source.roles.spelled_fields.items()
    return {name: field for name, title in spelled if (field := find_field(schema, title))}


def _own_place(name: str, source: SourceFile) -> Path:
    """Where the map of a file with this name is kept. Raises UsageError if another map has the columns of the file."""
    place = MAPS / f"{stem_of(Path(name))}{MAP_SUFFIX}"
    others = [path for path in map_files() if path != place and is_for(path, source.header)]
    if others and not place.exists():
        raise UsageError(
            f"{others[0]} has the columns of {name} already, and imports of that file use it. To write another map all "
            "the same, name it with --output"
        )
    return place


def _write(path: Path, text: str) -> None:
    """Write a map, but never over another one, on which somebody may have worked. Raises UsageError."""
    if path.exists() and not (path.is_file() and path.read_bytes() == text.encode()):
        raise UsageError(f"{path} exists already. Delete it if you don't need it, or name another file with --output")
    write_files([(path, text.encode())])


def _report(
    args: argparse.Namespace, source: SourceFile, columns: Sequence[DraftedColumn], output: Path
) -> dict[str, Any]:
    return {
        "file": args.file,
        "map": str(output),
        "rows": len(source.cells),
        "columns": [
            {"column": each.title, "target": each.target, "filled": each.filled, "samples": list(each.samples)}
            for each in columns
        ],
    }


def _summary(report: Mapping[str, Any]) -> str:
    columns = report["columns"]
    rows, several = counted(report["rows"], "row"), counted(len(columns), "column")
    width = min(WIDEST, max((len(each["column"]) for each in columns), default=0))
    lines = [
        f"  {harmless_line(each['column']):<{width}}  {TOLD.get(each['target'], each['target'])}" for each in columns
    ]
    title = f"{harmless_line(report['file'])}: {several}, {rows}"
    return "\n".join([title, *lines, f"map: {harmless_line(report['map'])}"])


TOLD = {"": "left out", UNDECIDED: "? (to be decided)"}


def _advise(args: argparse.Namespace, columns: Sequence[DraftedColumn], output: Path, *, is_asked: bool) -> None:
    if not is_asked:
        say(
            "Close was not asked for its custom fields, because there is no API key. A column that is named after a "
            "field of Close is left out unless you write its name as the target."
        )
    undecided = [each.title for each in columns if each.target == UNDECIDED]
    if undecided:
        say(f"{counted(len(undecided), 'column is', 'columns are')} to be decided in the map: {enumerated(undecided)}.")
    if not any(each.target == COMPANY for each in columns):
        say(f'No column is taken for the company. In the map, give one of them the target "{COMPANY}".')
    is_found = output.resolve().parent == MAPS.resolve() and output.suffix == MAP_SUFFIX
    file = "FILE" if args.file == STANDARD_INPUT else shlex.quote(args.file)
    told = "" if is_found else f" --map {shlex.quote(str(output))}"
    sandbox = " --sandbox" if args.sandbox else ""
    say(f"Look through {output} in a text editor, then run: python main.py import {file}{told}{sandbox}")
