"""Which company each row of a file is about: from the columns that name one, or from the domain of an e-mail."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pandas as pd

from cells.columns import COMPANY
from cells.emails import parse_emails
from cells.free_mail import is_free_mail
from cells.placeholders import says_something
from cells.problems import Problem
from cells.roles import Roles
from cells.source_file import SourceFile
from cells.titles import is_list_of_companies
from cells.wrapped import unwrapped


@dataclass(frozen=True, slots=True)
class Companies:
    """The company of each row, by row number, and the companies of a row that had to be left out.

    `reasons` say by row why no e-mail gave a company, if that was asked for.
    """

    cells: "pd.Series[str]"
    others: list[Problem] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)


def companies_of(source: SourceFile, *, from_email: bool = False) -> Companies:
    """The company of each row; with `from_email`, a row without one gets the domain of its first e-mail."""
    cells, others = source.column(COMPANY), list[Problem]()
    for position in source.roles.companies:
        named, more = _first_of_list(source, position)
        others += more
        cells = named if position == source.roles.companies[0] else _filled_up(cells, named)
    if not from_email:
        return Companies(cells, others)
    missing = cells.index[~_by_text(cells)]
    domains = {row: _domain_in(source.cells.loc[row], source.roles) for row in missing}
    named_after = {row: domain for row, domain in domains.items() if domain and not is_free_mail(domain)}
    reasons = {row: _reason(domain) for row, domain in domains.items() if row not in named_after}
    named = pd.Series(named_after, dtype=object).reindex(cells.index)
    return Companies(cells.where(named.isna(), named), others, reasons)


def _filled_up(cells: "pd.Series[str]", more: "pd.Series[str]") -> "pd.Series[str]":
    return cells.where(_by_text(cells) | ~_by_text(more), more)


def _by_text(cells: "pd.Series[str]") -> "pd.Series[bool]":
    """Whether each cell says something, with each distinct text looked at once."""
    silent = [text for text in cells.unique() if not says_something(text)]
    return ~cells.isin(silent)


def _first_of_list(source: SourceFile, position: int) -> tuple["pd.Series[str]", list[Problem]]:
    """The cells of a column of companies, with the first company where a cell lists several, and those left out."""
    cells = source.cells[position]
    if not is_list_of_companies(source.header[position]):
        return cells, []
    lists = {text: list(filter(None, map(str.strip, text.split(";")))) for text in cells.unique() if ";" in text}
    several = cells[cells.isin([text for text, names in lists.items() if len(names) > 1])]
    title = source.roles.title(position)
    problems = [problem for row, text in several.items() for problem in _others(int(str(row)), title, lists[text])]
    return cells.replace({text: names[0] for text, names in lists.items() if names}), problems


def _others(row: int, title: str, names: Sequence[str]) -> Iterator[Problem]:
    reason = f"The cell lists several companies; the first one, {names[0]!r}, is kept."
    return (Problem(row, title, name, "conflict", reason) for name in names[1:])


def _domain_in(row: "pd.Series[str]", roles: Roles) -> str:
    """The domain of the first e-mail in a row that is not at a provider of mail; otherwise that of the first one."""
    found = list(_domains(unwrapped(row[each.position]) for each in roles.emails))
    return next((domain for domain in found if not is_free_mail(domain)), next(iter(found), ""))


def _domains(cells: Iterable[str]) -> Iterator[str]:
    return (email.rpartition("@")[2] for cell in cells if cell for email in parse_emails(cell).values)


def _reason(domain: str) -> str:
    if not domain:
        return "The row has no company, and no e-mail to name it after."
    return f"The row has no company, and anybody can have an e-mail at {domain}."
