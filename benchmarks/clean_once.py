"""One cleaning, in a process of its own, so that its memory is its own. Prints what it took as JSON.

python -m benchmarks.clean_once product FILE       the product
python -m benchmarks.clean_once loop FILE COUNT    a plain loop that calls the same libraries value by value
"""

import csv
import itertools
import json
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import phonenumbers
from dateutil import parser as dateutil_parser
from email_validator import validate_email

import cleaning
from benchmarks.programs import KILOBYTE
from cells.source_file import read_source
from cells.us_states import state_code
from cleaning import clean_source

STEP = "_assemble"  # of `cleaning`: it makes leads of clean values; all before and after it is cells -> clean values
SEPARATORS = re.compile(r"[\r\n,;]")


def product(file: str) -> dict[str, float]:
    """Seconds for reading, for cells -> clean values, and for the whole of clean_source; bytes of memory."""
    began = time.monotonic()
    source = read_source(Path(file))
    read = time.monotonic()
    with seconds_for_leads() as seconds:
        clean = clean_source(source, {})
    done = time.monotonic()
    return {
        "reading": read - began,
        "values": done - read - sum(seconds),
        "whole": done - read,
        "memory": KILOBYTE * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "memory_of_a_child": KILOBYTE * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
        "rows": len(source.cells),
        "leads": len(clean.leads),
        "rejected": len(clean.rejected),
        "dropped": len(clean.dropped),
    }


@contextmanager
def seconds_for_leads() -> Iterator[list[float]]:
    """The seconds that pass in the step from clean values to leads; the one place that knows its name."""
    step: Callable[..., Any] = getattr(cleaning, STEP)
    seconds: list[float] = []

    def timed(*args: Any, **settings: Any) -> Any:
        began = time.monotonic()
        try:
            return step(*args, **settings)
        finally:
            seconds.append(time.monotonic() - began)

    setattr(cleaning, STEP, timed)
    try:
        yield seconds
    finally:
        setattr(cleaning, STEP, step)


def loop(file: str, count: str) -> dict[str, float]:
    """Seconds for the first rows of a file, value by value; how many values were kept and dropped."""
    with Path(file).open(encoding="utf-8", newline="") as lines:
        rows = list(itertools.islice(csv.reader(lines), 1, int(count) + 1))
    kept = dropped = 0
    began = time.monotonic()
    for _, _, emails, phones, founded, revenue, state in rows:
        values = [(read_email, email) for email in SEPARATORS.split(emails)]
        values += [(read_phone, phone) for phone in SEPARATORS.split(phones)]
        values += [(read_day, founded), (read_money, revenue), (read_state, state)]
        for read, text in values:
            try:
                read(text)
            except (ValueError, ArithmeticError, phonenumbers.NumberParseException):
                dropped += 1
            else:
                kept += 1
    return {"values": time.monotonic() - began, "rows": len(rows), "kept": kept, "dropped": dropped}


def read_email(text: str) -> str:
    return validate_email(text.strip(), check_deliverability=False).normalized


def read_phone(text: str) -> str:
    number = phonenumbers.parse(text, "US")
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise ValueError("no possible number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def read_day(text: str) -> str:
    return dateutil_parser.parse(text).date().isoformat()


def read_money(text: str) -> str:
    return str(Decimal(text.replace("$", "").replace(",", "")))


def read_state(text: str) -> str:
    code = state_code(text)
    if code is None:
        raise ValueError("no state")
    return code


WAYS: Mapping[str, Callable[..., Mapping[str, float]]] = {"product": product, "loop": loop}

if __name__ == "__main__":
    print(json.dumps(WAYS[sys.argv[1]](*sys.argv[2:])))
