"""What an import says about its file, its plan and its result, in words and as JSON."""

import argparse
import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cells.columns import CUSTOM_PREFIX
from cells.new_fields import NewField
from cells.problems import Problem
from cells.readings import Reading, proved
from cells.safe_text import harmless_line
from cells.source_file import SourceFile
from cells.unread_columns import near_misses
from commands.error_words import RUN_AGAIN
from commands.import_approval import command_for
from commands.import_brakes import remaining_words
from commands.import_files import WrittenFiles
from commands.preview_words import (
    about_lines,
    effort_json,
    effort_words,
    preview_json,
    terminal_width,
    told_preview,
)
from commands.terminal import counted, enumerated, listed, say
from importing.outcomes import ImportResult, count_outcomes
from importing.plan import Plan
from importing.preview import Preview

MOST_TITLES = 20  # in a sentence


# Before the import ---------------------------------------------------------------------------------------------------


def tell_columns(source: SourceFile, left_out: Collection[str]) -> None:
    """Say what columns were read as if their titles do not say it, and which of unknown titles are not imported."""
    roles = source.roles
    titles = {
        column: [roles.labels[position] for position in positions if source.is_filled(position)] or [column]
        for column, positions in roles.sources.items()
    }
    told = {column: named for column, named in titles.items() if named not in ([column], [_without_prefix(column)])}
    if told:
        say("columns: " + "; ".join(f"{column} from {_some(named)}" for column, named in told.items()))
    if (roles.emails or roles.phones) and not roles.names:
        say("No column gives the names of contacts.")
    for position, best in roles.outdone.items():
        say(f"{roles.labels[best]!r} is used rather than {roles.labels[position]!r}, which is left out.")
    unknown = [roles.labels[position] for position in roles.left_out if position not in roles.known]
    unknown = [title for title in unknown if title in left_out]
    if unknown:
        meant = near_misses(source, unknown)
        guess = f" Did you mean {' or '.join(meant)}?" if meant else ""
        say(f"Columns not imported: {_some(unknown)}.{guess}")
    if left_out and source.column_map:
        say(f"To import a column that is left out, give it a target in {source.column_map.name}.")
    elif left_out:
        say("To import a column into a lead custom field, name it custom.<Field Name>.")


def _without_prefix(column: str) -> str:
    return column.removeprefix(CUSTOM_PREFIX)


def _some(titles: Sequence[str]) -> str:
    """The titles in one sentence; of very many, the first ones and the number of the others."""
    if len(titles) <= MOST_TITLES:
        return enumerated(titles)
    return f"{', '.join(titles[:MOST_TITLES])} and {len(titles) - MOST_TITLES} more"


def announce(plan: Plan) -> None:
    """Say what will be done, and anything that the user may not expect."""
    if plan.organization.fields.import_key and not plan.organization.journal.has_runs():
        say(
            "Leads were imported into this organization before, but not from this folder. If somebody imported leads "
            "in the last minute, stop and run this again in a minute; otherwise those leads could be created twice."
        )
    if plan.carries_on:
        say(f"Continuing the unfinished run {plan.run_id}.")
    elif plan.earlier and plan.existing == "create":
        say(
            f"This file was already imported in run {plan.earlier.run_id}. This run creates new leads in addition to "
            "those."
        )
    tell_columns(plan.source, plan.source.count_left_out())
    say(_plan_words(plan))
    for new in plan.new_fields:
        say(_new_field_words(new))
    for reading in proved(plan.clean.readings):
        say(reading.in_words())
    warn(plan)


def warn(plan: Plan) -> None:
    """Say what a person should look at."""
    for warning in plan.clean.warnings:
        say(f"warning: {warning}")


def _plan_words(plan: Plan) -> str:
    """The plan in one line: `plan: create 58, update 2; custom fields to create: Industry (text)`."""
    actions: Counter[str] = Counter(planned.action for planned in plan.leads)
    todo = [
        f"{name} {actions[name]}"
        for name in ("create", "update", "unchanged", "skip", "look up", "wait")
        if actions[name]
    ]
    made = [f"{name} ({kind})" for name, kind in plan.missing_fields.items()]
    fields = f"; custom fields to create: {', '.join(made)}" if made else ""
    return f"plan: {', '.join(todo) or 'nothing to do'}{fields}"


def _new_field_words(new: NewField) -> str:
    """A field that will be created, why it gets its type, and the value that decided, in one line."""
    return f"new field {new.name}: {new.kind}, {new.reason}"


# The result ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of an import beside its result: the path of the file, and the files that were `written`.

    And the name of the map that was kept for the columns, if any; the plan that was shown or carried out, "" if that
    does not matter; and for a dry run, its preview.
    """

    path: Path
    written: WrittenFiles
    kept_map: str | None
    plan_id: str
    preview: Preview | None


def report_of(result: ImportResult, told: Told, seconds: float) -> dict[str, Any]:
    """What `--json` prints; for a dry run, with the outcomes that an import would have, and a preview of it."""
    preview, is_rehearsed = told.preview, told.preview is not None
    close = result.plan.organization.close
    account = result.plan.organization.account
    return {
        "run_id": None if is_rehearsed else result.plan.run_id,
        "file": str(told.path),
        "dry_run": is_rehearsed,
        "rows": {"total": len(result.rows), **count_outcomes(result.rows)},
        "leads": count_outcomes(result.leads),
        "remaining": result.plan.remaining,
        "values_dropped": len(result.dropped),
        "placeholders": result.plan.clean.placeholders,
        "columns": {
            column: [result.source.roles.labels[position] for position in positions]
            for column, positions in result.source.roles.sources.items()
        },
        "rows_left_out": [{"row": row.number, "text": row.text} for row in result.source.rows_left_out],
        "columns_left_out": [
            {"column": name, "values": count} for name, count in result.source.count_left_out().items()
        ],
        "readings": [
            {"column": each.column, "reading": each.reading, "row": each.row, "value": each.value}
            for each in proved(result.plan.clean.readings)
        ],
        "new_fields": [
            {
                "name": new.name,
                "type": new.kind,
                "reason": new.reason,
                "row": new.row or None,
                "value": new.value or None,
            }
            for new in result.plan.new_fields
        ],
        "requests": close.requests_made,
        "throttled": close.throttled,
        "seconds": round(seconds, 3),
        "files": told.written.paths,
        "map": told.kept_map,
        "organization": account.organization_name,
        "user": account.user_name,
        "preview": preview_json(preview) if preview else None,
        "effort": effort_json(preview.effort) if preview else None,
        "plan_id": told.plan_id or None,
    }


def summary_of(
    report: Mapping[str, Any], result: ImportResult, args: argparse.Namespace, preview: Preview | None
) -> str:
    """The report in words, for a dry run with a preview."""
    title = f"{harmless_line(report['file'])}: {counted(len(result.rows), 'row')}, {counted(len(result.leads), 'lead')}"
    lines = [title]
    if report["dry_run"]:
        lines = [f"{title}; nothing was written to Close", _plan_words(result.plan)]
        lines += map(_new_field_words, result.plan.new_fields)
        lines += about_lines(preview) if preview else []
        lines.append("if imported now, the rows would be:")
    for name, rows in report["rows"].items():
        leads = report["leads"].get(name, 0)
        if rows and name != "total":
            lines.append(f"  {name:<12}  {counted(rows, 'row')}" + (f", {counted(leads, 'lead')}" if leads else ""))
    lines += told_preview(preview, terminal_width()) if preview else []
    lines += remaining_words(result, args)
    codes: Counter[str] = Counter(problem.code for problem in result.dropped)
    lines.append(f"values dropped: {codes.total()}" + (f" ({listed(codes)})" if codes else ""))
    if report["placeholders"]:
        words = counted(report["placeholders"], "cell says", "cells say")
        lines.append(f"placeholders: {words} that there is no value (N/A, -, none, ...)")
    lines += _left_out_words(report)
    lines += map(Reading.in_words, proved(result.plan.clean.readings))
    lines += _made_words(report, result, args)
    lines += [f"{kind}: {harmless_line(path)}" for kind, path in _told_files(report, result)]
    told = f", {report['throttled']} delayed by Close's rate limit" if report["throttled"] else ""
    lines.append(f"{counted(report['requests'], 'request')}{told}, {report['seconds']:.1f} s")
    lines += _ways_on(preview, args) if preview else []
    return "\n".join(lines)


def _ways_on(preview: Preview, args: argparse.Namespace) -> list[str]:
    """What it takes to carry out what was shown, and how to do exactly that."""
    effort = effort_words(preview.effort)
    return [effort, f"plan id: {preview.plan_id}", f"to carry out exactly this: {command_for(args, preview.plan_id)}"]


def _told_files(report: Mapping[str, Any], result: ImportResult) -> Iterator[tuple[str, str]]:
    """What to call each file that is worth opening, with its path."""
    rows = result.rows_not_imported
    has_rejects = bool(rows or result.values_to_fix)
    names = {
        "rejects": "rejects" if rows else "values dropped, row by row",
        "rejects_xlsx": "the same as a workbook",
    }
    for kind, path in report["files"].items():
        if path and (has_rejects or kind not in names):
            yield names.get(kind, kind), path


def _left_out_words(report: Mapping[str, Any]) -> list[str]:
    """The columns and rows of the file that were left out, one in each line."""
    columns = {harmless_line(each["column"]): counted(each["values"], "value") for each in report["columns_left_out"]}
    rows = {f"row {each['row']}": harmless_line(each["text"]) for each in report["rows_left_out"]}
    lines = []
    for what, told in (("columns left out:", columns), ("rows left out, above or below the table:", rows)):
        width = min(max(map(len, told), default=0), WIDEST_TITLE)
        lines += [what] if told else []
        lines += [f"  {name:<{width}}  {words}" for name, words in told.items()]
    return lines


WIDEST_TITLE = 40  # characters; a longer one pushes its count aside


def _made_words(report: Mapping[str, Any], result: ImportResult, args: argparse.Namespace) -> list[str]:
    """What was created in Close besides leads, and how to undo all of it; empty if nothing was written."""
    if report["dry_run"] or not (report["leads"]["created"] or report["leads"]["updated"]):
        return []
    made = ", ".join(f"{name} ({kind})" for name, kind in result.plan.missing_fields.items())
    undo = f"python main.py undo {report['run_id']}" + (" --sandbox" if args.sandbox else "")
    return [
        *([f"custom fields created: {made}"] if made else []),
        f"run: {report['run_id']} (`{undo}` takes it back)",
    ]


# What to do about it -------------------------------------------------------------------------------------------------


def advise(args: argparse.Namespace, result: ImportResult, written: WrittenFiles, *, map_to_name: str) -> None:
    """Say what to do about each kind of outcome that needs action; rejects do not find the `map_to_name` by itself."""
    listing = written.paths["imported"] or written.paths["plan"]
    if result.is_ambiguous:
        say(f"Some companies have several leads in Close. Merge them there; {listing} has the links.")
    if result.has("undetermined") and not args.dry_run:
        say(f"It is not known yet whether Close has some of the leads. {RUN_AGAIN}".replace("{command}", args.command))
    for double in result.doubles:
        say(double)
    if result.unsettled:
        say(
            f"It is not known yet whether Close has {', '.join(result.unsettled)}, which an earlier part of this run "
            f"sent; the file has changed since. {RUN_AGAIN}".replace("{command}", args.command)
        )
    _advise_on_conflicts(result, written)
    _advise_on_rejects(args, result, written, map_to_name)
    if args.sandbox and result.has("created") and not args.dry_run:
        say("To look at what was imported, run `python main.py sandbox` and open the address that it prints.")


def _advise_on_conflicts(result: ImportResult, written: WrittenFiles) -> None:
    """Say which file lists the values that disagree, and that they can only be settled in Close."""
    if result.conflicts:
        differ = counted(len(result.conflicts), "value differs", "values differ")
        say(
            f"{differ} from Close or from another row: see {written.paths['conflicts']}, and change the value in Close "
            "if the file is right."
        )


def _advise_on_rejects(args: argparse.Namespace, result: ImportResult, written: WrittenFiles, map_to_name: str) -> None:
    """Say what was lost that can be fixed in the file, where to fix it, and how to import that file."""
    rows, values = result.rows_not_imported, result.values_to_fix
    if not (rows or values):
        return
    table, book = written.paths["rejects"], written.paths["rejects_xlsx"]
    to_fix = len({problem.row for problem in values} | set(rows))
    path = book if book and written.not_in_workbook < to_fix else table
    where = " in Excel or LibreOffice" if path == book else ""
    command = f"python main.py import {shlex.quote(str(path))}" + _repeated_flags(args, map_to_name)
    lost = _lost_words(len(rows), values, path=str(path), is_rehearsed=args.dry_run)
    place = f"in {path}" if rows else "there"
    if book and written.not_in_workbook:
        say(
            f"{counted(written.not_in_workbook, 'row')} of {table} can't be kept exactly in a workbook: fix them there."
        )
    then = ". Once the file itself is imported, run" if args.dry_run else ", then run"
    say(f"{lost}. Fix the rows {place}{where}{then}: {command}")


def _lost_words(rows: int, values: Sequence[Problem], *, path: str, is_rehearsed: bool) -> str:
    """What was lost; the file that lists it is only named if all rows are in Close."""
    was_not, were_not = ("would not be", "would not be") if is_rehearsed else ("was not", "were not")
    was, were = ("would be", "would be") if is_rehearsed else ("was", "were")
    if not rows:
        dropped = counted(len(values), f"value {was} dropped", f"values {were} dropped")
        return f"{dropped} from {counted(len({problem.row for problem in values}), 'row')}: see {path}"
    lost = [
        counted(rows, f"row {was_not} imported", f"rows {were_not} imported"),
        *([counted(len(values), f"value {was} left out", f"values {were} left out")] if values else []),
    ]
    return ", and ".join(lost)


def _repeated_flags(args: argparse.Namespace, map_to_name: str) -> str:
    """The flags to repeat for a rejects file; it notes itself how dates and numbers are read."""
    existing = "merge" if args.existing == "create" else args.existing  # a row that lost a value already has its lead
    zone = str(args.timezone) if args.timezone else ""
    flags = {
        "--existing": (existing, "merge"),
        "--region": (args.region, "US"),
        "--names": (args.names, "upper"),
        "--decimal": (args.decimal or "", ""),
        "--timezone": (zone, ""),
    }
    told = "".join(f" {flag} {value}" for flag, (value, default) in flags.items() if value != default)
    told += " --company-from-email" if args.company_from_email else ""
    told += " --no-map" if args.no_map else ""
    told += f" --map {shlex.quote(map_to_name)}" if map_to_name else ""
    return f"{told} --sandbox" if args.sandbox else told
