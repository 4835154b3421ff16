"""What a person should look at in a column as a whole, beside the problems of its values."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import phonenumbers

from cells.columns import Column
from cells.maps.rewritten_cells import values_beyond
from cells.parsed import Lost
from cells.problems import Problem
from cells.source_file import SourceFile
from cells.texts import ProblemCode

FEWEST_MISFITS, SHARE_OF_MISFITS = 2, 0.25  # phone numbers that do not fit a country, until another one is suspected
NO_SIGN_OF_ANOTHER = (  # country, for these numbers are incomplete, or something else as well
    "The area code is missing.",
    "The text between the digits can't be part of one phone number.",
)
FEWEST_DIGITS = 7  # of a number; fewer may be anything
MOST_NAMED = 8  # values in a sentence
MOST_TRIED = 50  # numbers that show which country it may be
ADVICE: Mapping[ProblemCode, str] = {
    "year_only": "years without a day, such as {}: write full dates, such as {}-01-01, put them into a number field, "
    'or let a map read them (year_only = "january")',
    "two_digit_year": "dates with years of two digits, such as {}: write them with four digits in the spreadsheet, or "
    'let a map read them (two_digit_years = "excel")',
    "day_number": "days counted as Excel counts them, such as {}: format the column as a date in the spreadsheet",
    "no_time_zone": "times without a time zone, such as {}: add --timezone, for example --timezone America/New_York",
}


def warn_of_columns(phones: Mapping[str, Column], dropped: Iterable[Problem], region: str) -> Iterator[str]:
    """A sentence for each column that needs one; `phones` has the columns of phones by title."""
    yield from _common_problems(dropped)
    for title, column in phones.items():
        misfits = _other_country(column, region)
        if misfits:
            yield f"{title}: {misfits}"


def _common_problems(dropped: Iterable[Problem]) -> Iterator[str]:
    """For each column, what is wrong with several of its values in the same way, and what to do about it."""
    counts: Counter[tuple[str, ProblemCode]] = Counter()
    firsts: dict[tuple[str, ProblemCode], Problem] = {}
    for problem in dropped:
        if problem.code in ADVICE:
            counts[problem.column, problem.code] += 1
            firsts.setdefault((problem.column, problem.code), problem)
    for (column, code), count in counts.items():
        first = firsts[column, code]
        told = ADVICE[code].format(_example(first), first.value[:4])
        yield f"{column}: {count} of its values are {told} (row {first.row})."


def _example(first: Problem) -> str:
    """The value of a problem in quotes; for a day in figures, with the date that its reason names."""
    if first.code != "day_number":
        return repr(first.value)
    meaning = first.reason.split(": ")[1].split(";")[0]
    return f"{first.value!r} ({meaning})"


def _other_country(phones: Column, region: str) -> str:
    """Whether the numbers without + may be of another country, in words; "" if they fit."""
    meant = phones.texts.meant
    lost = {index for index, lost in phones.lost.items() if _is_other_number(meant[index], lost)}
    misfits = int(phones.texts.index.isin(lost).sum())
    if misfits < FEWEST_MISFITS:
        return ""
    plain = [index for index, value in enumerate(phones.values) if value is not None and "+" not in meant[index]]
    fitting = int(phones.texts.index.isin(plain).sum())
    texts = [meant[index] for index in lost]
    if misfits < SHARE_OF_MISFITS * (fitting + misfits):
        return ""
    guess = _likely_region(texts[:MOST_TRIED])
    advice = f"--region {guess}" if guess else "--region, with its two-letter code"
    return f"{misfits} of {fitting + misfits} numbers do not fit {region}; is this another country? {advice}"


def _is_other_number(text: str, lost: Sequence[Lost]) -> bool:
    """Whether a text without + was lost although it has as many digits as a number."""
    is_long = sum(map(str.isdecimal, text)) >= FEWEST_DIGITS
    reasons = [reason for _, code, reason in lost if code == "invalid_phone"]
    return is_long and "+" not in text and any(reason not in NO_SIGN_OF_ANOTHER for reason in reasons)


def _likely_region(texts: Sequence[str]) -> str:
    """The country in which most of the numbers are valid, if at least half are; the one with most people first."""
    valid = {region: sum(_is_valid(text, region) for text in texts) for region in _REGIONS}
    best = max(_REGIONS, key=lambda region: valid[region])
    return best if valid[best] > 1 and 2 * valid[best] >= len(texts) else ""


_REGIONS = (
    "GB", "DE", "FR", "IN", "AU", "BR", "MX", "ES", "IT", "NL", "CH", "AT", "BE", "SE",
    "PL", "IE", "DK", "NO", "FI", "PT", "ZA", "SG", "HK", "JP", "CN", "KR", "NZ", "IL",
    "AE", "TR", "AR", "CL", "CO", "PH", "ID", "MY", "TH", "VN", "NG", "KE",
)  # fmt: skip


def _is_valid(text: str, region: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return False


def warn_of_values(source: SourceFile) -> Iterator[str]:
    """A sentence for each column in which a map says what to read instead of most values, but not of all."""
    roles = source.roles
    for at in sorted(roles.said.keys() - roles.lists - set(roles.left_out)):
        beyond = values_beyond(source.written[at], roles.said[at]) if roles.said[at].values else []
        if beyond:
            named = ", ".join(map(repr, beyond[:MOST_NAMED])) + (", ..." if len(beyond) > MOST_NAMED else "")
            what = "a value that is" if len(beyond) == 1 else f"{len(beyond)} values that are"
            yield f"{roles.labels[at]}: {what} not among those of the map: {named}. Add what they mean to the map"
