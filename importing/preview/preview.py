"""What a person sees of an import before it happens, or of one that has happened: columns, leads, problems, effort."""

from collections.abc import Mapping
from dataclasses import dataclass

from cells.new_fields import NewField
from cells.problems import Problem


@dataclass(frozen=True, slots=True)
class Sample:
    """One cell as it was in a row of the file, and what Close will hold; `after` is "" if the value is lost."""

    row: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ColumnPreview:
    """What becomes of one column of the file.

    `title` is the file's, `target` where its values go (`Company`, `custom.Industry`, "" if it is left out), `kind` the
    type of the values (`text`, `date`, `email`, ...), and `is_new` tells that its custom field has to be made. The
    numbers are of cells: `filled` say something, `changed` are written differently in Close, `dropped` lost a value,
    and `placeholders` have a word for nothing (they are not filled). `worst` is the first problem of the most frequent
    kind, and `worst_count` says how many of that kind there are.
    """

    title: str
    target: str
    kind: str
    is_new: bool
    filled: int
    changed: int
    dropped: int
    placeholders: int
    samples: tuple[Sample, ...]
    worst: Problem | None = None
    worst_count: int = 0


@dataclass(frozen=True, slots=True)
class PreviewedLead:
    """One lead as it will stand in Close: its rows, what is done about it, and its values by what Close calls them."""

    company: str
    rows: tuple[int, ...]
    outcome: str
    values: tuple[tuple[str, str], ...]
    contacts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """All problems with one code, in the order of their rows; `of_rows` tells that whole rows are lost to them."""

    code: str
    of_rows: bool
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """Something that a person should decide before the import: what it is about, and what can be done."""

    subject: str
    words: str


@dataclass(frozen=True, slots=True)
class Effort:
    """The requests that an import needs, and how many minutes they take at the rate that Close allows.

    `rate` is in requests a second; unless Close has told it, it is the usual one.
    """

    requests: int
    minutes: float
    rate: float = 0.0
    is_rate_told: bool = False

    @property
    def time_in_words(self) -> str:
        """How long it takes: `about 3 minutes`."""
        minutes = round(self.minutes)
        if self.minutes < 1:
            return "less than a minute"
        return f"about {minutes:,} {'minute' if minutes == 1 else 'minutes'}"

    @property
    def rate_in_words(self) -> str:
        """The rate for which that holds: `Close usually allows about 20 a second`."""
        allows = "allows" if self.is_rate_told else "usually allows"
        return f"Close {allows} about {round(self.rate, None if self.rate >= 1 else 2)} a second"


@dataclass(frozen=True, slots=True)
class Preview:
    """Everything that a person who has to approve an import wants to see.

    `form` says how the file was read, "" if as usual, and `readings` how columns were read that can be read in two
    ways. `rows` and `leads` count outcomes by name. `columns_left_out` has the number of values by title, and
    `rows_left_out` the texts by row number.
    """

    file: str
    form: str
    map_name: str
    organization: str
    user: str
    plan_id: str
    is_rehearsed: bool
    rows: Mapping[str, int]
    leads: Mapping[str, int]
    columns: tuple[ColumnPreview, ...]
    first_leads: tuple[PreviewedLead, ...]
    new_fields: tuple[NewField, ...]
    readings: tuple[str, ...]
    problems: tuple[ProblemKind, ...]
    conflicts: tuple[Problem, ...]
    decisions: tuple[Decision, ...]
    columns_left_out: Mapping[str, int]
    rows_left_out: Mapping[int, str]
    placeholders: int
    warnings: tuple[str, ...]
    effort: Effort
