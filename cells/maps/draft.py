"""A map drafted from a file, for a person to look through: each column as it would be read without a map."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cells.columns import COMPANY, CONTACT_NAME, CUSTOM_PREFIX, EMAILS, PHONES, STATE, texts_of
from cells.field_types import Conventions
from cells.labels import own_titles
from cells.lead_fields import LeadField
from cells.maps.column_map import UNDECIDED, AskedForm, ColumnMap, MappedColumn
from cells.maps.likely_targets import likely_target
from cells.maps.targets import TARGETS
from cells.new_fields import fields_to_make
from cells.placeholders import has_value
from cells.roles import Roles, doubled_titles, roles_of
from cells.safe_text import toml_string
from cells.source_file import OpenedTable, SourceFile, says_something
from cells.unread_columns import UnreadColumn, unread_columns
from cells.wrapped import unwrapped

SAMPLES = 3
MOST_KINDS = 12  # distinct values that are all named, if most of them stand in several rows


@dataclass(frozen=True, slots=True)
class DraftedColumn:
    """A column of a file for a map: its title, its target, and in `note` what it is taken for.

    `filled` is in how many rows it has a value; `samples` are some of its values, all if they are few kinds. `region`
    is the country of its phones, "" if it has none or nobody named one.
    """

    title: str
    target: str
    note: str
    filled: int
    samples: tuple[str, ...]
    region: str = ""


def read_for_draft(opened: OpenedTable, fields: Sequence[str]) -> SourceFile:
    """The file, also with the columns that are named after these custom fields of Close.

    Columns that share a title are left undecided. Raises InputError.
    """
    titles = own_titles(opened.header)
    undecided = {titles[at]: MappedColumn(UNDECIDED) for at in doubled_titles(opened.header, fields)}
    return opened.read(ColumnMap("", AskedForm(), undecided)).with_fields(fields)


def draft(source: SourceFile, fields: Mapping[str, LeadField] | None, region: str = "") -> list[DraftedColumn]:
    """All columns of a file, each as an import without a map reads it, or undecided if that would refuse it.

    `fields` are the custom fields of Close that the file fills, by name, None if nobody asked Close. Phones without +
    are taken to be of a `region`, which the map keeps, or else of the US.
    """
    unread = {each.position: each for each in unread_columns(source, region or "US")}
    notes, titles = _field_notes(source, fields), own_titles(source.header).items()
    phones = {each.position for each in source.roles.phones} | {
        at for at, each in unread.items() if each.name == PHONES
    }
    drafted = {at: _drafted(source, at, title, notes, unread.get(at)) for at, title in titles}
    return [replace(each, region=region) if at in phones else each for at, each in drafted.items()]


def draft_lacking(source: SourceFile, column_map: ColumnMap) -> list[DraftedColumn]:
    """The columns of a file that a map lacks, as the file was read."""
    lacking = set(column_map.lacks_of(source.header))
    notes = dict.fromkeys(source.roles.custom, "a lead custom field")
    titles = own_titles(source.header).items()
    return [_drafted(source, at, title, notes, None) for at, title in titles if title in lacking]


def _field_notes(source: SourceFile, fields: Mapping[str, LeadField] | None) -> dict[str, str]:
    """What to say of the custom fields that a file fills, by name."""
    known = {name: f"a lead custom field of Close, of type {field.kind}" for name, field in (fields or {}).items()}
    texts = {name: texts_of(source.cells[at]) for name, at in source.roles.custom.items()}
    made = fields_to_make(texts, known, Conventions())
    if_needed = "if Close does not have it: " if fields is None else ""
    new = {
        name: f"a lead custom field; {if_needed}a new one of type {each.kind}, {each.reason}"
        for name, each in made.items()
    }
    return dict.fromkeys(texts, "a lead custom field") | known | new


def _drafted(
    source: SourceFile, at: int, title: str, notes: Mapping[str, str], unread: UnreadColumn | None
) -> DraftedColumn:
    cells = source.cells[at]
    filled = int(says_something(cells).sum())
    samples = list(dict.fromkeys(unwrapped(cell) for cell in cells.unique() if has_value(cell)))
    is_of_kinds = len(samples) <= MOST_KINDS and 2 * len(samples) <= filled
    target, note = _target_and_note(source.roles, at, notes)
    if unread:
        target, note = UNDECIDED, _undecided_note(unread, likely_target(title, samples))
    elif not target and at not in source.roles.known and samples:
        note = _unknown_note(title, samples)
    return DraftedColumn(title, target, note, filled, tuple(samples if is_of_kinds else samples[:SAMPLES]))


def _unknown_note(title: str, samples: Sequence[str]) -> str:
    likely = likely_target(title, samples)
    target, when = (likely, "if it is that") if likely else (CUSTOM_PREFIX + title, "to keep it in a custom field")
    return f"left out, because its name is not known; write {toml_string(target)} {when}"


def _undecided_note(unread: UnreadColumn, likely: str) -> str:
    if not unread.name:
        return f'{unread.holds}; give that person a row of their own, or write "" to leave the column out'
    name = likely if likely and unread.name == CONTACT_NAME else unread.name
    return f'{unread.holds}; write "{name}" if they are the contacts\', or "" to leave the column out'


def _target_and_note(roles: Roles, at: int, notes: Mapping[str, str]) -> tuple[str, str]:
    """What a column is taken for: as a target, and in words; `notes` has those on custom fields, by name."""
    said = roles.said.get(at)
    if said and said.target == UNDECIDED:
        return UNDECIDED, 'several columns have this title; give each a target of its own, or "" to leave it out'
    if at in roles.outdone:
        return "", f"left out, because {roles.labels[roles.outdone[at]]!r} is used"
    target = _targets(roles).get(at, "")
    if target.startswith(CUSTOM_PREFIX):
        return target, notes[target.removeprefix(CUSTOM_PREFIX)]
    return target, _part_note(roles, at, target)


def _targets(roles: Roles) -> dict[int, str]:
    """The target that each column has in effect, by position; one that is left out has none."""
    names = {part: name for name, part in TARGETS.items()}
    single = {roles.contact_name: CONTACT_NAME, roles.state: STATE.title}
    found = {at: target for at, target in single.items() if at is not None}
    found |= dict.fromkeys(roles.companies, COMPANY) | dict.fromkeys(roles.full_names, "Full Name")
    found |= {at: names[part] for part, at in roles.name_parts.items()}
    found |= {at: CUSTOM_PREFIX + name for name, at in roles.custom.items()}
    for target, columns in ((EMAILS, roles.emails), (PHONES, roles.phones)):
        found |= {each.position: target for each in columns}
        found |= {each.types: f"Types of {target}" for each in columns if each.types is not None}
    return found


def _part_note(roles: Roles, at: int, target: str) -> str:
    for each in (*roles.emails, *roles.phones):
        if each.position == at:
            beside = f", unless {roles.labels[each.types]!r} has another" if each.types is not None else ""
            return f"of type {each.type}{beside}"
    if at in roles.companies[1:]:
        return f"used where {roles.labels[roles.companies[0]]!r} is blank"
    if at in roles.full_names and roles.name_parts:
        return "used where the first or last name is blank"
    if not target:
        return "left out"
    return ""


def changes_reading(column_map: ColumnMap, header: Sequence[str]) -> bool:
    """Whether any column of a header is read otherwise with the map than by its title."""
    said = column_map.at(header)
    if any(replace(each, target=None) != MappedColumn() for each in said.values()):
        return True
    targets = _targets(roles_of("", header, said=dict.fromkeys(doubled_titles(header), MappedColumn(UNDECIDED))))
    return any(each.target not in (None, targets.get(at, "")) for at, each in said.items())
