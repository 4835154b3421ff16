"""Whether what a map says about columns can be said about them, given what they hold and which fields Close has."""

from collections.abc import Iterator, Mapping

from cells.lead_fields import LeadField
from cells.maps.column_map import MapError, MappedColumn
from cells.maps.map_file import TYPES_OF_FIELDS
from cells.roles import Roles
from cells.titles import ITEM_TYPES

MADE_TYPES = ("text", "textarea", "number", "date", "datetime")  # of custom fields that an import can create
_OF_FIELDS: Mapping[str, tuple[str, ...]] = {
    "decimal": ("number",),
    "date_order": ("date", "datetime"),
    "two_digit_years": ("date", "datetime"),
    "year_only": ("date",),
    "timezone": ("datetime",),
}  # by setting, the types of the fields for which it means something
_OF_VALUES: Mapping[str, tuple[str, ...]] = {
    "phones": ("type", "region", "separator"),
    "e-mails": ("type", "separator"),
    "names": ("separator",),
    "values of this kind": (),
}  # by what a column holds if not a custom field, the settings that mean something for it


def refuse_unfit_settings(name: str, roles: Roles, fields: Mapping[str, LeadField]) -> None:
    """Raise MapError if the map with this name says something about a column that can't be said about it.

    `fields` are the custom fields of Close that the file fills, by name.
    """
    field_at = {at: field for field, at in roles.custom.items()}
    for at, said in roles.said.items():
        if at in field_at:
            faults = _faults_of_field(field_at[at], fields.get(field_at[at]), said)
        else:
            faults = _faults_of_values(_held_at(roles, at), said)
        fault = next(faults, None)
        if fault and at not in roles.left_out:
            raise MapError(f"{name}: [columns.{roles.labels[at]!r}]: {fault}")


def _held_at(roles: Roles, at: int) -> str:
    """What a column holds that is none of a custom field."""
    if at in (each.position for each in roles.phones):
        return "phones"
    if at in (each.position for each in roles.emails):
        return "e-mails"
    return "names" if at in roles.names else "values of this kind"


def _given(said: MappedColumn) -> list[str]:
    """The settings that a map gives to a column, except its target and its values, which any column may have."""
    given = {
        "type": said.type,
        "region": said.region,
        "separator": said.separator,
        "decimal": said.decimal,
        "date_order": said.date_order,
        "two_digit_years": said.has_short_years,
        "year_only": said.has_years_alone,
        "timezone": said.zone,
    }
    return [setting for setting, value in given.items() if value]


def _faults_of_values(what: str, said: MappedColumn) -> Iterator[str]:
    yield from (f"{what} have no {setting}; remove it" for setting in _given(said) if setting not in _OF_VALUES[what])
    if said.type and said.type not in ITEM_TYPES:
        yield f"{said.type!r} is no type of {what}; write one of {', '.join(ITEM_TYPES)}"


def _faults_of_field(name: str, field: LeadField | None, said: MappedColumn) -> Iterator[str]:
    if said.region:
        yield "a custom field has no region; remove it"
    if said.type in ITEM_TYPES:
        yield f"{said.type!r} is a type of e-mails and phones; a field has one of {', '.join(TYPES_OF_FIELDS)}"
    elif field and said.type and said.type != field.kind:
        yield f"the field {name!r} in Close is of type {field.kind}; remove type = {said.type!r}, or name another"
    elif not field and said.type and said.type not in MADE_TYPES:
        yield f"Close has no field {name!r}, and an import can't create one of type {said.type}; create it there first"
    if said.separator and not (field and field.is_multiple):
        yield f"the field {name!r} holds one value, so it has no separator; remove it"
    kind = field.kind if field else said.type
    for setting in _given(said):
        if kind and kind not in _OF_FIELDS.get(setting, (kind,)):
            yield f"{setting} is not for a field of type {kind}; remove it, or choose another field"
