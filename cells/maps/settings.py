"""Whether what a map says about columns can be said about them, given what they hold and which fields Close has."""

from collections.abc import Iterator, Mapping

from cells.lead_fields import LeadField
from cells.maps.column_map import MapError, MappedColumn
from cells.maps.map_file import TYPES_OF_FIELDS, TYPES_OF_ITEMS
from cells.roles import Roles

MADE_TYPES = ("text", "textarea", "number", "date", "datetime")  # of custom fields that an import can create
_OF_FIELDS: Mapping[str, tuple[str, ...]] = {
    "decimal": ("number",),
    "date_order": ("date", "datetime"),
    "two_digit_years": ("date", "datetime"),
    "year_only": ("date",),
    "timezone": ("datetime",),
}  # by setting, the types of the fields for which it means something


def refuse_unfit_settings(name: str, roles: Roles, fields: Mapping[str, LeadField]) -> None:
    """Raise MapError if the map with this name says something about a column that can't be said about it.

    `fields` are the custom fields of Close that the file fills, by name.
    """
    items = {each.position: "e-mails" for each in roles.emails} | {each.position: "phones" for each in roles.phones}
    fields_at = {at: field for field, at in roles.custom.items()}
    names = dict.fromkeys(roles.names, "names")
    for at, said in roles.said.items():
        if at in items:
            faults = _faults_of_items(items[at], said)
        elif at in fields_at:
            faults = _faults_of_field(fields_at[at], fields.get(fields_at[at]), said)
        else:
            faults = (
                _faults_of_others(names.get(at, "values of this kind"), said) if at not in roles.left_out else iter(())
            )
        for fault in faults:
            raise MapError(f"{name}: [columns.{roles.labels[at]!r}]: {fault}")


def _given(said: MappedColumn) -> dict[str, bool]:
    return {
        "decimal": bool(said.decimal),
        "date_order": bool(said.date_order),
        "two_digit_years": said.has_short_years,
        "year_only": said.has_years_alone,
        "timezone": bool(said.zone),
    }


def _faults_of_items(what: str, said: MappedColumn) -> Iterator[str]:
    if said.type and said.type not in TYPES_OF_ITEMS:
        yield f"{what} have a type of {', '.join(TYPES_OF_ITEMS)}, not {said.type!r}"
    if said.region and what != "phones":
        yield f"{what} have no region; remove it"
    yield from (f"{what} have no {setting}; remove it" for setting, is_given in _given(said).items() if is_given)


def _faults_of_field(name: str, field: LeadField | None, said: MappedColumn) -> Iterator[str]:
    if said.region:
        yield "a custom field has no region; remove it"
    if said.type in TYPES_OF_ITEMS:
        yield f"{said.type!r} is a type of e-mails and phones; a field has one of {', '.join(TYPES_OF_FIELDS)}"
    elif field and said.type and said.type != field.kind:
        yield f"the field {name!r} in Close is of type {field.kind}; remove type = {said.type!r}, or name another"
    elif not field and said.type and said.type not in MADE_TYPES:
        yield f"Close has no field {name!r}, and an import can't create one of type {said.type}; create it there first"
    if said.separator and not (field and field.is_multiple):
        yield f"the field {name!r} holds one value, so it has no separator; remove it"
    kind = field.kind if field else said.type
    for setting, is_given in _given(said).items():
        if is_given and kind and kind not in _OF_FIELDS[setting]:
            yield f"{setting} is not for a field of type {kind}; remove it, or choose another field"


def _faults_of_others(what: str, said: MappedColumn) -> Iterator[str]:
    if said.type or said.region:
        yield f"{what} have no {'type' if said.type else 'region'}; remove it"
    if said.separator and what != "names":
        yield f"{what} have no separator; remove it"
    yield from (f"{what} have no {setting}; remove it" for setting, is_given in _given(said).items() if is_given)
