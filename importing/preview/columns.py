"""What becomes of each column of a file: how many cells are changed or lose a value, with samples and problems."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice

import pandas as pd

from cells.column_summary import EqualCells, ParsedColumns, cells_with_values, equal_cells, filled, parts_of_names
from cells.columns import COMPANY, CUSTOM_PREFIX, EMAILS, PHONES, STATE, Column
from cells.companies import identity_of
from cells.maps.targets import TARGETS
from cells.problems import Problem
from cells.roles import ItemColumn, Roles
from cells.source_file import says_something
from cells.unusable_rows import MISPLACED
from importing.outcomes import ImportResult
from importing.preview.leads import ExpectedLead, expected_lead
from importing.preview.preview import ColumnPreview, Sample
from importing.rejects import CellsAbout

OUTCOMES_IN_CLOSE = ("created", "updated", "unchanged", "undetermined")
NOTES = "notes of a rejects file"  # the target of the columns that our rejects files add
MOST_LOOKED_AT = 200  # equal cells of a column, among which there are two samples
_KINDS_OF_SAMPLES = ("rewritten", "case", "lost", "same")  # the best ones first


def column_previews(result: ImportResult, parsed: ParsedColumns) -> tuple[ColumnPreview, ...]:
    """What becomes of each column, in the order of the file."""
    columns = _Columns(result, parsed)
    return tuple(columns.preview(at) for at in range(len(result.source.header)))


class _Columns:
    """The columns of a file whose import was planned or carried out."""

    def __init__(self, result: ImportResult, parsed: ParsedColumns) -> None:
        self._result, self._parsed, self._source = result, parsed, result.source
        self._roles, self._fields = result.source.roles, result.plan.organization.fields
        self._placed = _Placed(result)
        self._titles = _titles_of_parsed(self._roles)
        self._in_close = [row.row for row in result.rows if row.outcome in OUTCOMES_IN_CLOSE]
        self._expected: dict[str, ExpectedLead] = {}
        self._new_fields = result.plan.missing_fields

    def preview(self, at: int) -> ColumnPreview:
        """What becomes of the column at a position."""
        title, cells = self._titles.get(at, ""), self._source.cells[at]
        says = filled(cells, self._parsed.by_title.get(title))
        kept = self._kept(at)
        lost = self._placed.dropped[at]
        worst, count = _worst(self._placed.problems[at])
        target = self._target(at)
        return ColumnPreview(
            title=" ".join(self._source.header[at].split()) or self._roles.labels[at],
            target=target,
            kind=self._kind(at, target),
            is_new=target.removeprefix(CUSTOM_PREFIX) in self._new_fields,
            filled=int(says.values.sum()),
            changed=sum(each.count for each in kept if each.is_changed),
            dropped=len(lost),
            placeholders=int(says.placeholders.sum()),
            samples=_two_samples([*self._kept_samples(at, kept), *self._lost_samples(at, lost)]),
            worst=worst,
            worst_count=count,
        )

    # Where the values go ---------------------------------------------------------------------------------------------

    def _target(self, at: int) -> str:
        """The name of what a column fills; "" if it is left out."""
        return self._targets.get(at, "")

    @cached_property
    def _targets(self) -> dict[int, str]:
        roles = self._roles
        items = [*roles.emails, *roles.phones]
        named = {part: name for name, part in TARGETS.items()}
        return {
            **dict.fromkeys(roles.companies, COMPANY),
            **({} if roles.contact_name is None else {roles.contact_name: named["contact name"]}),
            **{position: named[part] for part, position in roles.name_parts.items()},
            **dict.fromkeys(roles.full_names, named["full name"]),
            **{each.position: EMAILS for each in roles.emails},
            **{each.position: PHONES for each in roles.phones},
            **{each.types: f"types of {roles.labels[each.position]}" for each in items if each.types is not None},
            **({} if roles.state is None else {roles.state: STATE.title}),
            **{position: CUSTOM_PREFIX + name for name, position in roles.custom.items()},
            **dict.fromkeys(roles.ours.values(), NOTES),
        }

    def _kind(self, at: int, target: str) -> str:
        """The type of a column's values in Close, "" if they go nowhere."""
        if target.startswith(CUSTOM_PREFIX):
            return self._kinds_of_fields.get(target.removeprefix(CUSTOM_PREFIX), "")
        if at in self._roles.names or target == COMPANY:
            return "name"
        typed = {each.position: _kind_of_items(each, target) for each in (*self._roles.emails, *self._roles.phones)}
        return typed.get(at, "state" if target == STATE.title else "text" if target else "")

    @cached_property
    def _kinds_of_fields(self) -> dict[str, str]:
        new = {field.name: field.kind for field in self._result.plan.clean.new_fields}
        return new | {name: field.kind for name, field in self._fields.by_name.items()}

    # What becomes of the cells ---------------------------------------------------------------------------------------

    def _kept(self, at: int) -> list[EqualCells]:
        """Equal cells that Close will hold whole."""
        lost = self._placed.dropped[at]
        written = self._source.written[at].loc[[row for row in self._in_close if row not in lost]]
        if at in self._roles.companies:
            return self._kept_companies(at, written)
        column = self._column(at)
        if column is None:
            return []
        if at in self._roles.names and len(self._roles.names) > 1:
            return parts_of_names(written, column, self._parsed)
        return cells_with_values(written, column)

    def _column(self, at: int) -> Column | None:
        return self._parsed.by_title.get(self._titles.get(at, ""))

    def _kept_companies(self, at: int, written: "pd.Series[str]") -> list[EqualCells]:
        """Equal cells with companies; a cell is only read if no column that comes first has a company."""
        before = self._roles.companies[: self._roles.companies.index(at)]
        is_used = says_something(self._source.cells[at])
        for other in before:
            is_used &= ~says_something(self._source.cells[other])
        written = written[is_used.loc[written.index]]
        leads = [self._lead_of_row[row] for row in written.index]
        names = [self._lead_name(number) for number in range(len(self._result.plan.leads))]
        return equal_cells(written, pd.Series(leads, index=written.index, dtype="int64"), lambda code: (names[code],))

    @cached_property
    def _lead_of_row(self) -> dict[int, int]:
        return {row: number for number, planned in enumerate(self._result.plan.leads) for row in planned.lead.rows}

    def _lead_name(self, number: int) -> str:
        planned = self._result.plan.leads[number]
        return str((planned.found or {}).get("name") or planned.lead.name)

    # Samples ---------------------------------------------------------------------------------------------------------

    def _kept_samples(self, at: int, kept: Iterable[EqualCells]) -> Iterator[Sample]:
        """Cells of which Close will hold all values, as it will write them."""
        for each in islice(kept, MOST_LOOKED_AT):
            after = self._after(at, each.row, each.values)
            if after:
                yield Sample(each.row, each.before, after)

    def _lost_samples(self, at: int, lost: Iterable[int]) -> Iterator[Sample]:
        """Cells that lose a value, with what is left of them."""
        column = self._column(at)
        for row in islice(sorted(set(lost) & set(self._in_close)), MOST_LOOKED_AT):
            values = () if column is None else column.all_of(int(column.texts.index.loc[[row]].iloc[0]))
            is_list = at in self._roles.lists or at in self._roles.companies
            after = self._after(at, row, tuple(map(str, values))) if is_list else ""
            yield Sample(row, str(self._source.written.at[row, at]), after)

    def _after(self, at: int, row: int, values: Sequence[str]) -> str:
        """What Close will hold of the values of a cell."""
        lead = self._expected_lead(row)
        if at in self._roles.companies:
            return lead.name
        if at not in self._roles.lists:
            return lead.values.get(self._titles[at], "")
        if at in self._roles.names and len(self._roles.names) > 1:
            return ", ".join(values)
        held = lead.items
        return ", ".join(held[identity_of(value)] for value in values if identity_of(value) in held)

    def _expected_lead(self, row: int) -> ExpectedLead:
        planned = self._result.plan.leads[self._lead_of_row[row]]
        key = planned.lead.key
        if key not in self._expected:
            self._expected[key] = expected_lead(planned, self._refused.get(key, ()), self._fields)
        return self._expected[key]

    @cached_property
    def _refused(self) -> dict[str, tuple[Problem, ...]]:
        """The values that Close has refused, by the key of the lead."""
        return {outcome.lead.key: outcome.dropped for outcome in self._result.leads if outcome.dropped}


def _titles_of_parsed(roles: Roles) -> dict[int, str]:
    """Under which title the parsed column of each position is kept."""
    found = {position: roles.labels[position] for position in roles.lists}
    found |= {position: CUSTOM_PREFIX + name for name, position in roles.custom.items()}
    return found | ({} if roles.state is None else {roles.state: STATE.title})


def _kind_of_items(column: ItemColumn, target: str) -> str:
    kind = "email" if target == EMAILS else "phone"
    return kind if column.type == "office" else f"{kind} ({column.type})"


class _Placed:
    """The problems of a result by position of the column, and the rows in which a cell lost a value."""

    def __init__(self, result: ImportResult) -> None:
        self.problems: defaultdict[int, list[Problem]] = defaultdict(list)
        self.dropped: defaultdict[int, set[int]] = defaultdict(set)
        for at, problem in _with_positions(result, result.dropped):
            self.problems[at].append(problem)
            self.dropped[at].add(problem.row)
        whole_rows = (problem for problem in result.plan.clean.rejected if problem.code not in MISPLACED)
        for at, problem in _with_positions(result, list(whole_rows)):
            self.problems[at].append(problem)


def _with_positions(result: ImportResult, problems: Sequence[Problem]) -> Iterator[tuple[int, Problem]]:
    """Each problem with the positions of the columns that it is about."""
    own, about = result.source.own_positions, CellsAbout(result.source)
    rows = list(dict.fromkeys(problem.row for problem in problems))
    cells: Mapping[int, list[str]] = dict(
        zip(rows, result.source.as_written.loc[rows].to_numpy().tolist(), strict=True)
    )
    for problem in problems:
        for place in about.positions(problem, cells[problem.row]):
            yield own[place], problem


def _worst(problems: Sequence[Problem]) -> tuple[Problem | None, int]:
    """The first problem of the most frequent kind, and how many there are of it."""
    counts = Counter(problem.code for problem in problems).most_common(1)
    if not counts:
        return None, 0
    ((code, count),) = counts
    return min((problem for problem in problems if problem.code == code), key=lambda problem: problem.row), count


def _two_samples(candidates: Sequence[Sample]) -> tuple[Sample, ...]:
    """Two cells, if possible changed ones that differ in kind, in the order of the file."""
    ranked = sorted(candidates, key=lambda sample: _KINDS_OF_SAMPLES.index(_kind_of_sample(sample)))
    if not ranked:
        return ()
    first, others = ranked[0], ranked[1:]
    changed = [each for each in others if _is_changed(each) and _looks(each) != _looks(first)]
    unlike = [each for each in others if _kind_of_sample(each) != _kind_of_sample(first)]
    different = [each for each in others if each.before != first.before]
    second = [*changed[:1], *unlike[:1], *different[:1]][:1]
    return tuple(sorted([first, *second], key=lambda sample: sample.row))


def _is_changed(sample: Sample) -> bool:
    return _kind_of_sample(sample) in ("rewritten", "case")


def _kind_of_sample(sample: Sample) -> str:
    if not sample.after:
        return "lost"
    if sample.after == sample.before or _are_all_in(sample):
        return "same"
    return "case" if sample.after.casefold() == sample.before.casefold() else "rewritten"


def _are_all_in(sample: Sample) -> bool:
    """Whether there are several values, and the cell has them as they are."""
    values = sample.after.split(", ")
    return len(values) > 1 and all(value in sample.before for value in values)


def _looks(sample: Sample) -> str:
    """The shape of a cell: digits and words alike."""
    return _kind_of_sample(sample) + re.sub(r"[^\W\d_]+", "a", re.sub(r"\d", "9", sample.before))
