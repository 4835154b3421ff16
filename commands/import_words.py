"""What an import says about its file, its plan and its result, in words and as JSON."""

import argparse
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cells.columns import CUSTOM_PREFIX
from cells.new_fields import NewField
from cells.readings import Reading, proved
from cells.safe_text import harmless_line
from cells.source_file import SourceFile
from cells.unread_columns import near_misses
from commands.arguments import undo_command
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
from importing.preview.preview import Preview

MOST_TITLES = 20  # in a sentence
WIDEST_TITLE = 40  # characters; a longer one pushes its count aside


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
    tell_odd_columns(source)
    unknown = _unknown(source, left_out)
    if unknown:
        say(f"Columns not imported: {_some(unknown)}.{_guess(source, unknown)}")
    if left_out and source.column_map:
        say(f"To import a column that is left out, give it a target in {source.column_map.name}.")
    elif left_out:
        say("To import a column that is left out into a lead custom field, name it custom.<Field Name>.")


def tell_odd_columns(source: SourceFile) -> None:
    """Say that a column is missing, or which of two is used."""
    roles = source.roles
    if (roles.emails or roles.phones) and not roles.names:
        say("No column gives the names of contacts.")
    for position, best in roles.outdone.items():
        say(f"{roles.labels[best]!r} is used rather than {roles.labels[position]!r}, which is left out.")


def tell_near_misses(source: SourceFile) -> None:
    """Say which columns of unknown titles may be meant for one that we know."""
    unknown = _unknown(source, source.count_left_out())
    guess = _guess(source, unknown)
    if guess:
        say(f"Columns not imported: {_some(unknown)}.{guess}")


def _unknown(source: SourceFile, left_out: Collection[str]) -> list[str]:
    """The columns that are left out because nobody knows their titles."""
    roles = source.roles
    titles = [roles.labels[position] for position in roles.left_out if position not in roles.known]
    return [title for title in titles if title in left_out]


def _guess(source: SourceFile, unknown: Sequence[str]) -> str:
    meant = near_misses(source, unknown)
    return f" Did you mean {' or '.join(meant)}?" if meant else ""


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
    """The plan in one line: `plan: create 58, update 2`."""
    actions: Counter[str] = Counter(planned.action for planned in plan.leads)
    todo = [
        f"{name} {actions[name]}"
        for name in ("create", "update", "unchanged", "skip", "look up", "wait")
        if actions[name]
    ]
    return f"plan: {', '.join(todo) or 'nothing to do'}"


def _new_field_words(new: NewField) -> str:
    """A field that will be created, why it gets its type, and the value that decided, in one line."""
    return f"new field {new.name}: {new.kind}, {new.reason}"


# The result ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """What a summary says besides the result of an import: the path of its file, and the files that were `written`.

    `kept_map` is the name of the map that was kept for its columns, if any. `plan_id` is that of the plan that a dry
    run shows or that `--plan` names, else "". Only a dry run has a `preview`.
    """

    path: Path
    written: WrittenFiles
    kept_map: str | None
    plan_id: str
    preview: Preview | None


def report_of(result: ImportResult, told: Told, seconds: float) -> dict[str, Any]:
    """What `--json` prints; for a dry run, with the outcomes that an import would have, and a preview of it."""
    close, is_rehearsed = result.plan.organization.close, told.preview is not None
    return {
        "run_id": None if is_rehearsed else result.plan.run_id,
        "file": str(told.path),
        "dry_run": is_rehearsed,
        "rows": {"total": len(result.rows), **count_outcomes(result.rows)},
        "leads": count_outcomes(result.leads),
        "remaining": result.plan.remaining,
        "values_dropped": len(result.dropped),
        "placeholders": result.plan.clean.placeholders,
        **_reading_of(result),
        "requests": close.requests_made,
        "throttled": close.throttled,
        "seconds": round(seconds, 3),
        "files": told.written.paths,
        "map": told.kept_map,
        **_plan_of(result, told),
    }


def _reading_of(result: ImportResult) -> dict[str, Any]:
    """How the file was read: its columns, what was left out, readings of dates and numbers, and new fields."""
    source, plan = result.source, result.plan
    labels = source.roles.labels
    return {
        "columns": {column: [labels[at] for at in positions] for column, positions in source.roles.sources.items()},
        "rows_left_out": [{"row": row.number, "text": row.text} for row in source.rows_left_out],
        "columns_left_out": [{"column": name, "values": count} for name, count in source.count_left_out().items()],
        "readings": [
            {"column": each.column, "reading": each.reading, "row": each.row, "value": each.value}
            for each in proved(plan.clean.readings)
        ],
        "new_fields": [
            {
                "name": new.name,
                "type": new.kind,
                "reason": new.reason,
                "row": new.row or None,
                "value": new.value or None,
            }
            for new in plan.new_fields
        ],
    }


def _plan_of(result: ImportResult, told: Told) -> dict[str, Any]:
    """Where the leads go, and what a dry run shows of its plan."""
    account, preview = result.plan.organization.account, told.preview
    return {
        "organization": account.organization_name,
        "user": account.user_name,
        "preview": preview_json(preview) if preview else None,
        "effort": effort_json(preview.effort) if preview else None,
        "plan_id": told.plan_id or None,
    }


def summary_of(
    report: Mapping[str, Any], result: ImportResult, args: argparse.Namespace, preview: Preview | None
) -> str:
    """The report in words, for a dry run with a preview; `ways_on` says how a dry run is carried out."""
    title = f"{harmless_line(report['file'])}: {counted(len(result.rows), 'row')}, {counted(len(result.leads), 'lead')}"
    readings = map(Reading.in_words, proved(result.plan.clean.readings))
    files = [f"{kind}: {harmless_line(path)}" for kind, path in _told_files(report, result)]
    remaining = remaining_words(result, args)
    if preview:
        lines = [
            *[f"{title}; nothing was written to Close", *about_lines(preview)],
            *["if imported now, the rows would be:", *_outcome_lines(report), *remaining],
            *_lost_lines(report, result),
            *told_preview(preview, terminal_width()),
            *map(_new_field_words, result.plan.new_fields),
            *[*_rows_left_out(report), *readings, *files, _requests_words(report)],
            "",  # the way on is apart
        ]
    else:
        lines = [
            *[title, *_outcome_lines(report), *_lost_lines(report, result)],
            *[*_columns_left_out(report), *_rows_left_out(report), *readings],
            *[*_made_words(report, result, args), *files, _requests_words(report), *remaining],
        ]
    return "\n".join(lines)


def ways_on(preview: Preview, args: argparse.Namespace) -> str:
    """What it takes to carry out what a dry run showed, and how to do exactly that."""
    command = command_for(args, preview.plan_id)
    told = [effort_words(preview.effort), f"plan id: {preview.plan_id}", f"to carry out exactly this: {command}"]
    return "\n".join(told)


def _outcome_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """How many rows and leads have each outcome."""
    for name, rows in report["rows"].items():
        leads = report["leads"].get(name, 0)
        if rows and name != "total":
            yield f"  {name:<12}  {counted(rows, 'row')}" + (f", {counted(leads, 'lead')}" if leads else "")


def _lost_lines(report: Mapping[str, Any], result: ImportResult) -> Iterator[str]:
    """How many values are lost, and how many cells say that there is none."""
    codes: Counter[str] = Counter(problem.code for problem in result.dropped)
    yield f"values dropped: {codes.total()}" + (f" ({listed(codes)})" if codes else "")
    if report["placeholders"]:
        words = counted(report["placeholders"], "cell says", "cells say")
        yield f"placeholders: {words} that there is no value (N/A, -, none, ...)"


def _requests_words(report: Mapping[str, Any]) -> str:
    told = f", {report['throttled']} delayed by Close's rate limit" if report["throttled"] else ""
    return f"{counted(report['requests'], 'request')}{told}, {report['seconds']:.1f} s"


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


def _columns_left_out(report: Mapping[str, Any]) -> Iterator[str]:
    """The columns of the file that were left out, one in each line."""
    columns = {harmless_line(each["column"]): counted(each["values"], "value") for each in report["columns_left_out"]}
    return _in_two_columns("columns left out:", columns)


def _rows_left_out(report: Mapping[str, Any]) -> Iterator[str]:
    """The rows of the file that were left out, one in each line."""
    rows = {f"row {each['row']}": harmless_line(each["text"]) for each in report["rows_left_out"]}
    return _in_two_columns("rows left out, above or below the table:", rows)


def _in_two_columns(title: str, told: Mapping[str, str]) -> Iterator[str]:
    width = min(max(map(len, told), default=0), WIDEST_TITLE)
    if told:
        yield title
    yield from (f"  {name:<{width}}  {words}" for name, words in told.items())


def _made_words(report: Mapping[str, Any], result: ImportResult, args: argparse.Namespace) -> list[str]:
    """What was created in Close besides leads, and how to undo all of it; empty if nothing was written."""
    if report["dry_run"] or not (report["leads"]["created"] or report["leads"]["updated"]):
        return []
    made = ", ".join(f"{name} ({kind})" for name, kind in result.plan.missing_fields.items())
    return [
        *([f"custom fields created: {made}"] if made else []),
        f"run: {report['run_id']} (`{undo_command(report['run_id'], args)}` takes it back)",
    ]
