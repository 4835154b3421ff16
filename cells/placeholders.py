"""Words and figures that stand where a value is missing: `N/A`, `-`, `#REF!`, 000-000-0000."""

import re

from cells.texts import is_text
from cells.wrapped import unwrapped

_BRACKETS = {"(": ")", "[": "]", "<": ">", "{": "}"}
_NOTHING_TYPED = re.compile(r"(?:[$€£¥]\s*)?[-‐-―−_.?*/\\]+")
_WORDS = frozenset(
    {
        *("n/a", "n.a", "n\\a", "#n/a", "\\n", "n.v.t", "null", "none", "nil", "undefined", "unknown"),
        *("not provided", "not available", "not applicable", "not specified", "not given", "not set", "not known"),
        "info requested",  # as Eventbrite writes
        *("#ref!", "#value!", "#div/0!", "#name?", "#null!", "#num!", "#error!", "#spill!", "#calc!", "#getting_data"),
        *("#field!", "#blocked!", "#connect!", "#busy!", "#unknown!"),
    }
)
_ONLY_IN_BRACKETS = frozenset({"blank", "empty", "missing", "no", "nothing"})
_LONGEST = 24  # characters

_NO_DIGITS = re.compile(r"\D+")
_NO_PHONE = re.compile(r"no (?:phone|phone number|number|mobile|cell|tel|telephone)(?: number)?")
_NO_EMAIL = re.compile(r"no e-?mail(?: address)?")
_COUNTED_UP = ("12345678901234567890", "01234567890123456789")
_SHORTEST_COUNT, _SHORTEST_REPETITION = 7, 5  # digits
_FAKE_NATIONAL = frozenset({*(digit * 10 for digit in "0123456789"), "1234567890", "0123456789"})

STRANGERS = frozenset(
    {
        *("self-employed", "self employed", "selfemployed", "freelance", "freelancer", "independent", "individual"),
        *("private", "retired", "student", "unemployed", "personal"),
    }
)


def is_placeholder(text: str) -> bool:
    """Whether an unwrapped cell stands for a missing value, in a column of any kind."""
    if len(text) > _LONGEST or (text[:1].isalnum() and text[:1] not in "NnUuIi"):
        return False
    if _NOTHING_TYPED.fullmatch(text):
        return True
    words, is_bracketed = text.casefold(), False
    if _BRACKETS.get(words[:1]) == words[-1:]:
        words, is_bracketed = words[1:-1].strip(), True
    words = words.strip("-–— ").removesuffix(".").strip()
    return words in _WORDS or (is_bracketed and (words in _ONLY_IN_BRACKETS or words.startswith(("no ", "not "))))


def has_value(cell: str) -> bool:
    """Whether a cell has a text that stands for a value."""
    return is_text(cell) and not is_placeholder(unwrapped(cell))


def is_phone_placeholder(text: str) -> bool:
    """Whether a text stands for a missing phone number: a word for it, one digit repeated, or digits counted up."""
    if text[:1] == "#":
        return text != "#ERROR!" and is_placeholder(text)  # that one, and ####, were numbers once
    digits = _NO_DIGITS.sub("", text)
    if not digits:
        return is_placeholder(text) or bool(_NO_PHONE.fullmatch(text.casefold()))
    if any(map(str.isalpha, text)):
        return False
    return _is_made_up(digits) or (len(digits) == 11 and _is_made_up(digits[1:]))


def is_national_placeholder(e164: str) -> bool:
    """The same, for a number in E.164 form: whether the last ten digits are made up."""
    return e164[-10:] in _FAKE_NATIONAL


def is_email_placeholder(text: str) -> bool:
    """Whether a text stands for a missing address; `/o=...` is how Outlook calls somebody inside a company."""
    if "@" in text:
        return False
    return is_placeholder(text) or text[:3].casefold() == "/o=" or bool(_NO_EMAIL.fullmatch(text.casefold()))


def is_zip_placeholder(text: str) -> bool:
    """Whether a text stands for a missing postal code: nothing but zeros, too."""
    return is_placeholder(text) or (bool(text) and not text.strip("0"))


def _is_made_up(digits: str) -> bool:
    if not digits.strip("0"):
        return True
    is_repeated = len(digits) >= _SHORTEST_REPETITION and len(set(digits)) == 1
    return is_repeated or (len(digits) >= _SHORTEST_COUNT and any(each.startswith(digits) for each in _COUNTED_UP))
