"""Generated files of leads: the same ones every time, about nobody who exists."""

import csv
import itertools
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import xlsxwriter

SEED = 20260101
HEADER = (
    *("Company", "Contact Name", "Contact Emails", "Contact Phones"),
    *("custom.Company Founded", "custom.Company Revenue", "Company US State"),
)
FIRST_NAMES = ("Ann", "Noor", "Walt", "Priya", "José", "Mei", "Olga", "Tunde", "Lars", "Ines", "Raj", "Zoë")
LAST_NAMES = ("Young", "Kaplan", "Brandt", "O'Neil", "Sørensen", "Okafor", "Ruiz", "Chen", "Novak", "Haddad", "Silva")
TRADES = ("Freight", "Labs", "Mining", "Textiles", "Print", "Studios", "Farms", "Maps", "Music", "Homes", "Air")
PLACES = ("Alder", "Bluewater", "Cedar", "Dune", "Elm", "Fernhill", "Granite", "Harbor", "Ivy", "Juniper")
STATES = ("CA", "California", "tx", "Texas", "New York", "NY", "WA", "washington", "DE", "Puerto Rico", "N.M.", "Ohio")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November")
BAD = 50  # one value in so many is none
SECOND = 50_000_000  # how far the numbers of second e-mails and phones are from those of the first


def write_leads(path: Path, count: int, first: int = 0) -> Path:
    """A tidy file of `count` companies, with one row each."""
    return _write(path, (_row(number, number, number, number) for number in _good_numbers(count, first)))


def write_different(path: Path, rows: int) -> Path:
    """A messy file whose names, e-mails and phones are all different, with 3 to 5 rows per company."""
    return _write(path, _different(rows))


def write_different_workbook(path: Path, rows: int) -> Path:
    """The same as a workbook (.xlsx), in which every cell is text."""
    with xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent)}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(itertools.chain([HEADER], _different(rows))):
            for column, text in enumerate(row):
                sheet.write_string(number, column, text)
    return path


def write_repeating(path: Path, rows: int, different: int) -> Path:
    """A messy file that has about so many different values in each column."""
    draw = random.Random(SEED).randrange
    each = rows // different
    return _write(path, (_row(row // each, *(draw(different) for _ in range(3))) for row in range(rows)))


def _write(path: Path, rows: Iterable[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(rows)
    return path


def _different(rows: int) -> Iterator[list[str]]:
    return (_row(company, row, row, row) for company, row in _companies(rows))


def _good_numbers(count: int, first: int) -> Iterator[int]:
    """Numbers that no bad value is made from."""
    numbers = (number for number in range(first, first + 2 * count + BAD) if number % BAD >= len(PLACES))
    return (number for number, _ in zip(numbers, range(count), strict=False))


def _companies(rows: int) -> Iterator[tuple[int, int]]:
    """The number of a company and of a row, for each row."""
    draw, row, company = random.Random(SEED).randint, 0, 0
    while row < rows:
        for _ in range(min(draw(3, 5), rows - row)):
            yield company, row
            row += 1
        company += 1


def _row(company: int, name: int, email: int, phone: int) -> list[str]:
    emails = [_email(email)] + ([_email(email + SECOND)] if email % 20 == 0 else [])
    phones = [_phone(phone)] + ([_phone(phone + SECOND)] if phone % 20 == 0 else [])
    title = f"{PLACES[company % 10]} {TRADES[company % 11]} {company}"
    person = f"{FIRST_NAMES[name % 12]} {LAST_NAMES[name % 11]} {name}"
    facts = [_founded(company), _revenue(company), _state(company)]
    return [title, person, "\n".join(emails), "\n".join(phones), *facts]


def _email(number: int) -> str:
    user, site = f"{FIRST_NAMES[number % 4].lower()}.{number}", f"{PLACES[number % 10].lower()}-{number % 9973}"
    if number % BAD == 1:
        return (f"{user}@", f"{user}.{site}.com", f"{user}@{site}", f"@{user}.com")[number // BAD % 4]
    return (f"{user}@{site}.com", f"{user}@{site}.co.uk", f" {user}@{site}.org", f"{user}@Mail.{site}.net")[number % 4]


def _phone(number: int) -> str:
    """A phone as people write it; up to 8,000 million numbers are all different."""
    if number % BAD == 2:
        return (f"ask {number}", f"555-{number % 10000:04d}", f"4.15{number}E+09", f"xxx-{number}")[number // BAD % 4]
    digits = str(2_000_000_000 + number * 7_919 % 8_000_000_000)
    area, exchange, line = digits[:3], digits[3:6], digits[6:]
    return (
        f"({area}) {exchange}-{line}",
        f"+1 {area}-{exchange}-{line}",
        f"{area}.{exchange}.{line}",
        f"1-{area}-{exchange}-{line}",
        f"+1{digits}",
        f"{area} {exchange} {line} ext. {number % 900 + 1}",
        f"☎ {area}-{exchange}-{line}",
        f"+44 20 {digits[2:6]} {line}",
        f"+49 30 {digits[2:]}",
        f"{digits} (office)",
    )[number % 10]


def _founded(number: int) -> str:
    if number % BAD == 3:
        return ("31/31/2001", "1 May", "unknown", "May 1987")[number // BAD % 4]
    year, month, day = 1940 + number % 83, number % 11 + 1, number % 28 + 1
    return (
        f"{year}-{month:02d}-{day:02d}",
        f"{month:02d}/{day:02d}/{year}",
        f"{MONTHS[month - 1]} {day}, {year}",
        f"{day} {MONTHS[month - 1][:3]} {year}",
    )[number // 7 % 4]


def _revenue(number: int) -> str:
    if number % BAD == 4:
        return ("12%", "n/a", "about 5", "€900")[number // BAD % 4]
    amount = 1_000 + number * 37 % 90_000_000
    return (f"${amount:,}.{number % 100:02d}", f"{amount}", f"${amount:,}", f"{amount}.5")[number % 4]


def _state(number: int) -> str:
    return "Atlantis" if number % BAD == 5 else STATES[number % 12]
