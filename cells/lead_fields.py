"""The lead fields that columns fill: the name and type that each has in Close."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from cells.safe_text import encodable

FOUNDED = "Company Founded"
REVENUE = "Company Revenue"
NATIONAL_ID = "National ID"  # of people to qualify; as a number it would lose its leading zeros
IMPORT_KEY = "Import Key"  # lets an import find its leads again
ID_PART, NAME_PART = ".id", ".name"  # with which Close's own exports give a user or contact in two columns
CUSTOM_KEY = "custom."  # comes before the id of a custom field in the key under which a lead holds its value


@dataclass(frozen=True, slots=True)
class LeadField:
    """A field of leads: its name, its `kind` as Close names types, and the `key` under which a lead holds its value.

    A field that does not exist in Close yet has no key. `roles` are the ids of the roles that may edit it, empty if all
    may; `created` is when it was created, and `creator` the id of the user who did. Among the fields that every lead
    has, status and state have kinds of their own; `labels` are the names of statuses or users, by id. Of moments, the
    days in the `zone` are told.
    """

    name: str
    kind: str
    key: str = ""
    choices: tuple[str, ...] = ()
    is_multiple: bool = False
    roles: tuple[str, ...] = field(default=(), compare=False)
    created: str = field(default="", compare=False)
    creator: str = field(default="", compare=False)
    labels: Mapping[str, str] = field(default_factory=dict, compare=False)
    zone: tzinfo = field(default=UTC, compare=False)

    @property
    def title(self) -> str:
        """The name on one line, with only characters that any file can hold."""
        return " ".join(encodable(self.name).split())

    @property
    def is_custom(self) -> bool:
        """Whether it is a custom field rather than one that every lead has."""
        return self.key.startswith(CUSTOM_KEY)

    @property
    def id(self) -> str:
        """The id of a custom field, "" if it does not exist in Close yet."""
        return self.key.removeprefix(CUSTOM_KEY)
