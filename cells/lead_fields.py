"""The fields of leads that columns fill: what each is called, and of which type it is in Close."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cells.safe_text import encodable

FOUNDED = "Company Founded"
REVENUE = "Company Revenue"
NATIONAL_ID = "National ID"  # of people who are to be qualified; as a number it would lose its first zeros
IMPORT_KEY = "Import Key"  # by which an import finds its leads again
CUSTOM_KEY = "custom."  # before the id of a custom field, under which a lead holds its value


@dataclass(frozen=True, slots=True)
class LeadField:
    """A field of leads: its name, its `kind` as Close names types, and the `key` under which a lead holds its value.

    One that Close has not made yet has no key. `roles` are the ids of the only roles that may write it, none for all of
    them; `created` is when it was made. Of the fields that every lead has, the status and the state are kinds of their
    own; `labels` are what the status is called, by id.
    """

    name: str
    kind: str
    key: str = ""
    choices: tuple[str, ...] = ()
    is_multiple: bool = False
    roles: tuple[str, ...] = field(default=(), compare=False)
    created: str = field(default="", compare=False)
    labels: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def title(self) -> str:
        """The name on one line, of characters that any file can hold."""
        return " ".join(encodable(self.name).split())

    @property
    def is_custom(self) -> bool:
        """Whether it is a custom field, and not one that every lead has."""
        return self.key.startswith(CUSTOM_KEY)

    @property
    def id(self) -> str:
        """The id of a custom field, "" where Close has not made it yet."""
        return self.key.removeprefix(CUSTOM_KEY)
