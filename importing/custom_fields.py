"""The lead custom fields that a file's values go to, as Close has them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cells.columns import CUSTOM_PREFIX
from cells.lead_fields import ID_PART, IMPORT_KEY, NAME_PART, LeadField
from cells.texts import is_same_name
from cells.unreadable import InputError
from close.fields import find_field


class SetupError(Exception):
    """Something in Close must be corrected first; nothing was sent. The message says what to do."""


@dataclass(frozen=True, slots=True)
class LeadFields:
    """The custom fields that a file's values go to, by name in the file, and the id of the field for import keys.

    A field that does not exist in Close yet is left out; for import keys, its id is "".
    """

    by_name: Mapping[str, LeadField]
    import_key: str

    @property
    def key_column(self) -> str:
        """The name of the part of a lead that holds its import key."""
        return f"custom.{self.import_key}"


def find_fields(there: Sequence[LeadField], spelled: Mapping[str, str], known_key_field: str | None) -> LeadFields:
    """The fields that a file fills and that exist in Close; `spelled` has their names as the header spells them.

    Raises AmbiguousName, and SetupError if the field for import keys can't be used.
    """
    key_field = _find_key_field(there, known_key_field)
    found = {name: field for name, spelling in spelled.items() if (field := _filled_by(spelling, there))}
    return LeadFields(found, key_field)


def refuse_doubles(file: str, called: Callable[[str], str], fields: Mapping[str, LeadField]) -> None:
    """Raise InputError if two columns of a file fill one field in Close, as by its name and by its id.

    `fields` are those that the file fills, by name in the file; `called` gives what the file calls a column. A column
    of ids and one of names may stand side by side, as Close exports them.
    """
    first: dict[str, str] = {}
    for name, field in fields.items():
        other = first.setdefault(field.id, name)
        if other != name and not name.endswith((ID_PART, NAME_PART)):
            one, two = (called(CUSTOM_PREFIX + each) for each in (other, name))
            raise InputError(
                f"{file}: the columns {one!r} and {two!r} both fill the field {field.name!r} in Close. Leave one out."
            )


def _filled_by(title: str, there: Sequence[LeadField]) -> LeadField | None:
    """The field that a column fills: the one called so, or for `X.id` and `X.name` the one of users or contacts, X."""
    field = find_field(there, title)
    for part in (ID_PART, NAME_PART):
        if field is None and title.endswith(part):
            owner = find_field(there, title.removesuffix(part))
            field = owner if owner and owner.kind in ("user", "contact") else None
    return field


def _find_key_field(fields: Sequence[LeadField], known_id: str | None) -> str:
    """The id of the field for import keys: the one in the journal, or else the oldest field with its name.

    Raises SetupError if it is gone or can't hold a key.
    """
    found = next((field for field in fields if field.id == known_id), None) if known_id else _oldest(fields, IMPORT_KEY)
    if known_id and not found:
        raise SetupError(
            f"The lead custom field {IMPORT_KEY!r} ({known_id}) of earlier imports no longer exists in Close, so the "
            "import keys of their leads are lost. If that was intended, move output_data/journal.sqlite to another "
            "folder and run again: leads are then found by name and get keys in a new field. If not, ask an "
            "administrator whether the field can be restored before you import anything"
        )
    if found and (found.kind != "text" or found.is_multiple):
        raise SetupError(
            f"The lead custom field {found.name!r} in Close must be of type text with a single value, but is of type "
            f"{found.kind}{' with several values' if found.is_multiple else ''}. "
            + (
                "Change its type back in Close (Settings > Custom Fields)"
                if known_id
                else "Rename it in Close (Settings > Custom Fields); the import then creates its own"
            )
        )
    return found.id if found else ""


def refuse_locked(fields: Iterable[LeadField], used: Collection[str], role_id: str) -> None:
    """Raise SetupError if only other roles may edit one of the fields with these ids."""
    locked = [field.name for field in fields if field.id in used and field.roles and role_id not in field.roles]
    if locked:
        raise SetupError(
            f"The API key's user is not allowed to edit {', '.join(map(repr, locked))} in Close; only other roles are. "
            "Ask an administrator (Settings > Custom Fields), or remove the column from the file"
        )


def _oldest(fields: Sequence[LeadField], name: str) -> LeadField | None:
    """The oldest field with a name, or None. Two machines that created it at the same time thus agree on one field."""
    named = [field for field in fields if field.name == name]
    named = named or [field for field in fields if is_same_name(field.name, name)]
    return min(named, key=lambda field: (field.created, field.id), default=None)
