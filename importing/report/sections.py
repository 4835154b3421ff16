"""The sections of a report, in the order in which a person who has to approve an import reads them."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from importing.preview.preview import Decision, Preview, PreviewedLead
from importing.report.columns import columns_table
from importing.report.markup import (
    Cell,
    Html,
    Sort,
    bar,
    counted,
    not_shown,
    number_cell,
    pill,
    table,
    text,
    text_cell,
    value,
)
from importing.report.problems import conflicts_table, problem_kinds

ROOM = 300_000  # bytes for a table of this module
MOST_ITEMS = 100  # in a list
OUTCOME_HEADS: Mapping[str, Sort] = {"Outcome": "text", "Leads": "number", "Rows": "number", "What it means": "text"}
FIELD_HEADS: Mapping[str, Sort] = {"Field": "text", "Type": "text", "Why this type": "text"}
LEFT_COLUMN_HEADS: Mapping[str, Sort] = {"Column": "text", "Values": "number"}
LEFT_ROW_HEADS: Mapping[str, Sort] = {"Row": "number", "Text": "text"}
OUTCOME_MEANING = {
    "created": "Close does not have the company yet: a new lead",
    "updated": "in Close already; gets what it lacks, and nothing is overwritten",
    "unchanged": "in Close already, and lacks nothing",
    "skipped": "left alone: the list of rows gives the reason",
    "rejected": "can't be imported: see the problems below",
    "failed": "Close refused the lead, or it has changed there since the plan was approved",
    "undetermined": "it is not known yet whether Close has the lead",
}


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a report says besides its preview, and when it was `made` (UTC).

    `next_command` carries out the plan, or takes the run back; it is "" if there is nothing to carry out or take back.
    `files` has the paths of the files with all details, by kind, and `ended_early` says why an import ended early, ""
    if it did not.
    """

    made: datetime
    next_command: str
    files: Mapping[str, str | None]
    ended_early: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report: what the link to it says, its heading, what is below, and how many things are in it."""

    name: str
    link: str
    heading: str
    body: Html
    count: int = 0


def sections_of(preview: Preview, occasion: Occasion) -> list[Section]:
    """The sections that have anything to say."""
    return [section for make in _SECTIONS if (section := make(preview, occasion)).body]


# What to decide, and what to expect ----------------------------------------------------------------------------------


def _decisions(preview: Preview, _: Occasion) -> Section:
    heading = "What a person should decide" if preview.is_rehearsed else "What there was to decide before the import"
    items = _items(map(_decision, preview.decisions), len(preview.decisions), tag="ol")
    return Section(
        "decisions", "To decide", heading, items or "<p>Nothing needs a decision.</p>", len(preview.decisions)
    )


def _decision(decision: Decision) -> Html:
    return f"<strong><bdi>{text(decision.subject)}</bdi>:</strong> <bdi>{text(decision.words)}</bdi>"


def _outcomes(preview: Preview, occasion: Occasion) -> Section:
    counted_names = [name for name in OUTCOME_MEANING if preview.leads.get(name) or preview.rows.get(name)]
    rows = [_outcome(name, preview.leads.get(name, 0), preview.rows.get(name, 0)) for name in counted_names]
    listed = table("outcomes", "Leads and rows by outcome", OUTCOME_HEADS, rows, ROOM).html if rows else ""
    heading = "Outcomes to expect" if preview.is_rehearsed else "What was done"
    bars = f"{_outcome_bar('lead', preview.leads)}{_outcome_bar('row', preview.rows)}"
    return Section("outcomes", "Outcomes", heading, f"{bars}{listed}{_lost(preview)}{_list_of_rows(occasion)}")


def _outcome_bar(noun: str, counts: Mapping[str, int]) -> Html:
    parts = {name: counts[name] for name in OUTCOME_MEANING if counts.get(name)}
    told, total = ", ".join(f"{name} {count:,}" for name, count in parts.items()), sum(parts.values())
    return f'<div class="outcome-bar"><span>{counted(total, noun)}</span>{bar(parts, total, told)}</div>'


def _outcome(name: str, leads: int, rows: int) -> list[Cell]:
    swatch = (
        f'<svg class="swatch" viewBox="0 0 9 9" aria-hidden="true"><rect class="{name}" width="9" height="9"/></svg>'
    )
    return [Cell(f"{swatch}{name}"), number_cell(leads), number_cell(rows), text_cell(OUTCOME_MEANING[name])]


def _lost(preview: Preview) -> Html:
    """How many values are lost, and how many cells say that there is none."""
    values = sum(len(kind.problems) for kind in preview.problems if not kind.of_rows) + len(preview.conflicts)
    would = "would be" if preview.is_rehearsed else ("was" if values == 1 else "were")
    some = "" if len(preview.conflicts) == values else f"{len(preview.conflicts):,} of them "
    differ = f", {some}because others disagree" if preview.conflicts else ""
    listed = f"{'it is' if values == 1 else 'they are'} listed below"
    words = f"{counted(values, 'value')} {would} lost{differ}; {listed}." if values else ""
    nothing = counted(preview.placeholders, "cell says", "cells say")
    said = f" {nothing} that there is no value (N/A, -, none, ...)." if preview.placeholders else ""
    return f"<p>{words or f'No value {would} lost.'}{said}</p>"


def _list_of_rows(occasion: Occasion) -> Html:
    path = occasion.files.get("plan") or occasion.files.get("imported")
    return f"<p>Each row with its outcome is in <code>{text(path)}</code>.</p>" if path else ""


def _effort(preview: Preview, _: Occasion) -> Section:
    """What the import would take, or what it took."""
    effort = preview.effort
    requests = f"{counted(effort.requests, 'request')} to Close"
    would_take = f"The import would take about {requests}, and {effort.time_in_words}: {effort.rate_in_words}."
    words = would_take if preview.is_rehearsed else f"The import took {requests}."
    return Section("effort", "Effort", "Effort", f"<p>{words}</p>")


# Columns, leads and fields -------------------------------------------------------------------------------------------


def _columns(preview: Preview, _: Occasion) -> Section:
    made = columns_table(preview.columns, sum(preview.rows.values())) if preview.columns else ""
    return Section("columns", "Columns", "Columns", made, len(preview.columns))


def _first_leads(preview: Preview, _: Occasion) -> Section:
    cards = "".join(map(_card, preview.first_leads))
    heading = "The first leads, as Close will hold them" if preview.is_rehearsed else "The first leads"
    return Section("leads", "First leads", heading, f'<div class="cards">{cards}</div>' if cards else "")


def _card(lead: PreviewedLead) -> Html:
    values = "".join(f"<div><dt>{text(name)}</dt><dd>{value(each)}</dd></div>" for name, each in lead.values)
    contacts = "".join(f"<li><bdi>{text(contact)}</bdi></li>" for contact in lead.contacts)
    rows = f"{'row' if len(lead.rows) == 1 else 'rows'} {', '.join(map(str, lead.rows))}"
    return (
        f'<article class="card"><h3><bdi>{text(lead.company)}</bdi></h3>'
        f'<p>{pill(lead.outcome, lead.outcome)} <span class="row">{text(rows)}</span></p><dl>{values}</dl>'
        + (f"<h4>Contacts</h4><ul>{contacts}</ul>" if contacts else "")
        + "</article>"
    )


def _new_fields(preview: Preview, _: Occasion) -> Section:
    rows = [[text_cell(new.name), text_cell(new.kind), text_cell(new.reason)] for new in preview.new_fields]
    return Section(
        "fields", "New fields", "New custom fields", _listing("fields", "field", FIELD_HEADS, rows), len(rows)
    )


def _readings(preview: Preview, _: Occasion) -> Section:
    items = _items(map(_line, preview.readings), len(preview.readings))
    return Section("readings", "Readings", "How dates and numbers were read", items)


# Problems, and what is left out --------------------------------------------------------------------------------------


def _problems(preview: Preview, occasion: Occasion) -> Section:
    kinds = [kind for kind in preview.problems if kind.problems and kind.code != "conflict"]
    told = problem_kinds(kinds, occasion.files.get("rejects"))
    return Section("problems", "Problems", "Problems by kind", told, sum(len(kind.problems) for kind in kinds))


def _conflicts(preview: Preview, occasion: Occasion) -> Section:
    made = conflicts_table(preview.conflicts, occasion.files.get("conflicts")) if preview.conflicts else ""
    fix = "correct it in Close or in that row" if preview.is_rehearsed else "change it in Close"
    intro = f"<p>Nothing is overwritten: the value that is kept stays. If it is wrong, {fix}.</p>"
    return Section("conflicts", "Conflicts", "Values that disagree", made and intro + made, len(preview.conflicts))


def _left_out(preview: Preview, _: Occasion) -> Section:
    columns = [[text_cell(name), number_cell(count)] for name, count in preview.columns_left_out.items()]
    rows = [[Cell(str(number)), Cell(value(words))] for number, words in preview.rows_left_out.items()]
    body = "".join(
        f"<h3>{counted(len(listed), noun)}</h3>{_listing(f'left-{noun}s', noun, heads, listed)}"
        for noun, heads, listed in (("column", LEFT_COLUMN_HEADS, columns), ("row", LEFT_ROW_HEADS, rows))
        if listed
    )
    return Section("left-out", "Left out", "What is left out", body, len(columns) + len(rows))


def _warnings(preview: Preview, _: Occasion) -> Section:
    return Section("warnings", "Warnings", "Warnings", _items(map(_line, preview.warnings), len(preview.warnings)))


def _listing(name: str, noun: str, heads: Mapping[str, Sort], rows: Sequence[Sequence[Cell]]) -> Html:
    """A table, and how many of its rows are not on the page; "" if it has none."""
    made = table(name, f"{noun.capitalize()}s", heads, rows, ROOM)
    return made.html + not_shown(len(rows) - made.shown, noun) if rows else ""


def _line(words: str) -> Html:
    return f"<bdi>{text(words)}</bdi>"


def _items(items: Iterable[Html], count: int, tag: str = "ul") -> Html:
    """A list of the first items; "" if there are none."""
    shown = "".join(f"<li>{item}</li>" for item in itertools.islice(items, MOST_ITEMS))
    return f"<{tag}>{shown}</{tag}>{not_shown(count - MOST_ITEMS, 'line')}" if shown else ""


_SECTIONS: tuple[Callable[[Preview, Occasion], Section], ...] = (
    _decisions,
    _outcomes,
    _effort,
    _columns,
    _first_leads,
    _new_fields,
    _readings,
    _problems,
    _conflicts,
    _left_out,
    _warnings,
)
