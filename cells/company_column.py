"""Which company each row of a file is about: from the columns that name one, or from the domain of an e-mail."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pandas as pd

from cells.columns import COMPANY
from cells.emails import parse_emails
from cells.free_mail import is_free_mail
from cells.placeholders import has_value
from cells.problems import Problem
from cells.source_file import SourceFile, says_something
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
    taken = pd.Series(False, index=cells.index)
    for position in source.roles.companies:
        named = source.cells[position]
        is_new = says_something(named) & ~taken
        if is_list_of_companies(source.header[position]):
            others += _others(named[is_new], source.roles.labels[position])
            named = _first_of_lists(named)
        cells = cells.where(~is_new, named)
        taken |= is_new
    if not from_email:
        return Companies(cells, others)
    missing = cells.index[~says_something(cells)]
    emails = [source.cells[each.position].loc[missing].tolist() for each in source.roles.emails]
    domains = {row: _domain_in(texts) for row, *texts in zip(missing.tolist(), *emails, strict=True)}
    named_after = {row: domain for row, domain in domains.items() if domain and not is_free_mail(domain)}
    reasons = {row: _reason(domain) for row, domain in domains.items() if row not in named_after}
    named = pd.Series(named_after, dtype=object).reindex(cells.index)
    return Companies(cells.where(named.isna(), named), others, reasons)


def _listed(cell: str) -> list[str]:
    """The companies that a cell lists, each once."""
    return list(dict.fromkeys(name for name in map(str.strip, cell.split(";")) if has_value(name)))


def _first_of_lists(cells: "pd.Series[str]") -> "pd.Series[str]":
    firsts = {text: next(iter(_listed(text)), "") for text in cells.unique() if ";" in text}
    return cells.map(lambda text: firsts.get(text, text)) if firsts else cells


def _others(cells: "pd.Series[str]", title: str) -> Iterator[Problem]:
    """The companies that are left out because another one is listed before them in the same cell."""
    for row, text in cells[cells.str.contains(";", regex=False)].items():
        first, *others = _listed(text) or [""]
        reason = f"The cell lists several companies; the first one, {first!r}, is kept."
        yield from (Problem(int(str(row)), title, name, "conflict", reason, first) for name in others)


def _domain_in(cells: Iterable[str]) -> str:
    """The domain of the first e-mail in some cells that is not at a provider of mail; otherwise that of the first."""
    found = list(_domains(map(unwrapped, cells)))
    return next((domain for domain in found if not is_free_mail(domain)), next(iter(found), ""))


def _domains(cells: Iterable[str]) -> Iterator[str]:
    return (email.rpartition("@")[2] for cell in cells if cell for email in parse_emails(cell).values)


def _reason(domain: str) -> str:
    if not domain:
        return "The row has no company, and no e-mail to name it after."
    return f"The row has no company, and anybody can have an e-mail at {domain}."
