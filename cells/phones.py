"""What one text means: the clean value, or the reason why it can't be kept.

Each parser returns the value in normal form or raises `InvalidValue` with a reason for the person who typed it. None of
them guesses: where a text could mean another value than the one meant, it is a problem.
"""

import difflib
import functools
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, get_args

import phonenumbers
from dateutil import parser as dateutil_parser
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES
from phonenumbers import PhoneMetadata

from cells.us_states import state_code

LONGEST_NAME = 1000  # characters of a contact's name in Close
MOST_DIGITS = 15  # significant digits that a JSON number keeps everywhere

Code = Literal[
    "invalid_email",
    "invalid_phone",
    "damaged_phone",
    "invalid_date",
    "invalid_number",
    "wrong_currency",
    "unknown_state",
    "not_a_choice",
    "invalid_reference",
    "too_long",
]
NameCase = Literal["upper", "title", "keep"]
DateOrder = Literal["dmy", "mdy", "ymd"]
DATE_ORDERS: tuple[DateOrder, ...] = get_args(DateOrder)


class InvalidValue(Exception):
    """A value that can't be kept: a code for machines and a reason for the person who typed it."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Currency:
    """The organisation's currency: an amount may carry its code (`USD 5`) or its sign (`$5`, `US$5`), and no other."""

    code: str
    sign: str = ""

    @property
    def signs(self) -> set[str]:
        """What may stand beside an amount of this currency."""
        signs = {self.sign, SIGN_BY_CURRENCY.get(self.code, "")} - {""}
        return {self.code} | signs | {self.code[:2] + sign for sign in signs}


# How a currency is written at home, for the ones that Close may name by code alone.
SIGN_BY_CURRENCY = {
    **dict.fromkeys(("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "CLP", "COP", "ARS"), "$"),
    **{"EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "¥", "INR": "₹", "KRW": "₩", "ILS": "₪", "UAH": "₴", "BRL": "R$"},
}
US_DOLLAR = Currency("USD", "$")


def visible(text: str) -> str:
    """A text without the characters that nobody sees: zero-width spaces, soft hyphens, marks of direction and order."""
    return text if text.isascii() else text.translate(_INVISIBLE)


_INVISIBLE = dict.fromkeys(
    [0xAD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF]
)


def clean_name(text: str, names: NameCase = "upper") -> str:
    """A name with its white space squeezed, in the case asked for."""
    squeezed = " ".join(visible(text).split())
    if names == "upper":
        return squeezed.upper()
    return _title_case(squeezed) if names == "title" else squeezed


def clean_contact_name(text: str, names: NameCase = "upper") -> str:
    """A person's name as Close takes it. Raises InvalidValue where it is too long for Close."""
    name = clean_name(text, names)
    if len(name) > LONGEST_NAME:
        raise InvalidValue("too_long", f"The name has {len(name)} characters, and Close takes {LONGEST_NAME}.")
    return name


def _title_case(text: str) -> str:
    return re.sub(r"[^\W\d_]+(?:['’][^\W\d_]+)?", _capitalize, text)


def _capitalize(word: re.Match[str]) -> str:
    """A word with its capitals: also after one letter and an apostrophe (O'Neil), not after several (Andrea's)."""
    letters = word[0]
    if letters[1:2] in ("'", "’"):
        return letters[:2].upper() + letters[2:].capitalize()
    return letters.capitalize()


LONGEST_EMAIL = 254  # characters that Close takes
_TOP_LEVEL_DOMAIN = re.compile(r"\.[a-z]{2,63}$", re.IGNORECASE)
_PLAIN_EMAIL = re.compile(
    r"([A-Za-z0-9_+'&-]+(?:\.[A-Za-z0-9_+'&-]+)*)@((?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+([A-Za-z]{2,}))"
)
_PLAIN_EMAIL_LENGTH = 64  # characters; so short an address has no part that is too long
_SPECIAL_ENDINGS = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)
_MAILBOXES_WITHOUT_CASE = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)


def parse_email(text: str) -> str:
    """The address in normal form; it is not looked up. Raises InvalidValue where Close would not have it.

    The reasons are those of `email_validator`; what Close asks for beyond that is known of its open-source checks.
    """
    typed = visible(text).strip()
    return plain_email(typed) or _validated_email(typed)


def plain_email(text: str) -> str | None:
    """What `parse_email` makes of an address of the usual form, many times as fast; None for any other text."""
    parts = _PLAIN_EMAIL.fullmatch(text)
    if parts is None or len(text) > _PLAIN_EMAIL_LENGTH:
        return None
    mailbox, domain, ending = parts.groups()
    if ending.lower() in _SPECIAL_ENDINGS:
        return None
    if text.islower():
        return text
    lowered = mailbox.lower()
    return f"{lowered if lowered in _MAILBOXES_WITHOUT_CASE else mailbox}@{domain.lower()}"


def _validated_email(text: str) -> str:
    try:
        email = validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise InvalidValue("invalid_email", str(error)) from None
    if len(email) > LONGEST_EMAIL:
        raise InvalidValue("invalid_email", f"The address has more than {LONGEST_EMAIL} characters.")
    if not _TOP_LEVEL_DOMAIN.search(email):
        raise InvalidValue("invalid_email", "Close takes an address only if its last part is 2 to 63 plain letters.")
    return email


_DAMAGED_PHONE = re.compile(r"[-+]?\d+(\.\d+)?[eE][-+]?\d+|-\d+|\+?\d+\.0+")
_PHONE_WITH_EXTENSION = re.compile(
    r"(?P<number>\+?[\d\s().\-‐-―/]*\d\s*\)?)"
    r"(?:[\s,]*(?:;ext=|extension|extn\.?|ext\.?|x|#)[\s.:]*(?P<extension>\d{1,7}))?",
    re.IGNORECASE,
)
_TWO_PHONES = re.compile(r"\s/|/\s")
_LABEL_MARKS = frozenset(".:,/()[]{}<>\"'’|-–—")
_PARTING_MARKS = frozenset(".:,()[]{}<>\"'’|/")
_MASK = re.compile(r"[xX]+|[oO]+|(.)\1+")
_NOT_A_PHONE = "This is not a phone number."
_PHONE_PARSE_REASONS = {
    phonenumbers.NumberParseException.INVALID_COUNTRY_CODE: "No country has this country code.",
    phonenumbers.NumberParseException.TOO_SHORT_NSN: "The number is too short.",
    phonenumbers.NumberParseException.TOO_SHORT_AFTER_IDD: "The number is too short.",
    phonenumbers.NumberParseException.TOO_LONG: "The number is too long.",
}
_PHONE_LENGTH_REASONS = {
    phonenumbers.ValidationResult.TOO_SHORT: "The number is too short for its country.",
    phonenumbers.ValidationResult.TOO_LONG: "The number is too long for its country.",
    phonenumbers.ValidationResult.INVALID_LENGTH: "No number of its country has this length.",
    phonenumbers.ValidationResult.INVALID_COUNTRY_CODE: "No country has this country code.",
    phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "The area code is missing.",
}


def parse_phone(text: str, region: str = "US") -> str:
    """The number as E.164, an extension as Close writes it: `+14155550100x12`.

    Symbols and labels around the number go; a number without `+` is read as one of `region`. Raises InvalidValue for
    what is no possible number, and for anything from which another number than the one meant could be made.
    """
    typed = text.strip()
    plain = plain_phone(typed, region)
    if plain is not None:
        return plain
    if _DAMAGED_PHONE.fullmatch(typed):
        raise InvalidValue("damaged_phone", "A spreadsheet has changed this number; type it again, as text.")
    digits, extension = _bare_phone(text)
    e164 = plain_phone(digits.strip(), region) or _possible_phone(digits, region)
    return f"{e164}x{extension}" if extension else e164


def _possible_phone(digits: str, region: str) -> str:
    try:
        number = phonenumbers.parse(digits, region, keep_raw_input=True)
    except phonenumbers.NumberParseException as error:
        raise InvalidValue("invalid_phone", _PHONE_PARSE_REASONS.get(error.error_type, _NOT_A_PHONE)) from None
    if digits.startswith("00") and number.country_code_source == phonenumbers.CountryCodeSource.FROM_DEFAULT_COUNTRY:
        raise InvalidValue("invalid_phone", f"00 does not lead abroad from {region}; write + and the country code.")
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise InvalidValue("invalid_phone", _PHONE_LENGTH_REASONS[possible])
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


_PLAIN_PHONE = re.compile(r"\(?(\+?)([0-9][0-9 ().-]{1,30}[0-9])")
_PHONE_MARKS = str.maketrans("", "", " ().-")


def plain_phone(text: str, region: str = "US") -> str | None:
    """What `parse_phone` makes of a number of the usual form, many times as fast; None for any other text.

    It takes the steps of `phonenumbers` by that library's own tables, and gives up wherever these leave a choice.
    """
    parts = _PLAIN_PHONE.fullmatch(text)
    if parts is None or ("." in text and _DAMAGED_PHONE.fullmatch(text)):
        return None
    plus, marked = parts.groups()
    digits = marked.translate(_PHONE_MARKS)
    if plus:
        return _e164_abroad(digits)
    plan = _plan_of_region(region)
    if plan is None or digits.startswith("00") or (plan.abroad and plan.abroad.match(digits)):
        return None
    if not digits.startswith(plan.code):
        return plan.e164(digits)
    rest = digits[len(plan.code) :]
    is_with_code = len(digits) > plan.longest and not (plan.prefix and plan.prefix.match(rest))
    return _e164_abroad(digits) if is_with_code else None


def _e164_abroad(digits: str) -> str | None:
    plan = _plan_of_code(digits[:1]) or _plan_of_code(digits[:2]) or _plan_of_code(digits[:3])
    return plan.e164(digits[len(plan.code) :]) if plan else None


@dataclass(frozen=True, slots=True)
class _NumberingPlan:
    """What `phonenumbers` knows of a country's numbers: those behind its calling `code`, of any of these `lengths`.

    `prefix` is what may stand before them at home, and may rewrite them; `abroad` is what leads out of the country.
    """

    code: str
    lengths: frozenset[int]
    longest: int
    national: re.Pattern[str]
    prefix: re.Pattern[str] | None
    rewrites: bool
    abroad: re.Pattern[str] | None

    def e164(self, digits: str) -> str | None:
        """The number with its code, without a prefix; None where only the library can tell which that is."""
        cut = self.prefix.match(digits) if self.prefix else None
        if cut:
            digits = digits[cut.end() :]
            is_rewritten = self.rewrites and cut[cut.re.groups] is not None
            if is_rewritten or not self.national.fullmatch(digits):
                return None
        return f"+{self.code}{digits}" if len(digits) in self.lengths and digits.strip("0") else None


@functools.cache
def _plan_of_code(code: str) -> _NumberingPlan | None:
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ())
    return _plan_of_region(regions[0]) if regions and not code.startswith("0") else None


@functools.cache
def _plan_of_region(region: str) -> _NumberingPlan | None:
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.country_code is None:
        return None
    main = PhoneMetadata.metadata_for_region(phonenumbers.region_code_for_country_code(metadata.country_code))
    own, shared = metadata.general_desc, main.general_desc if main else None
    if own is None or shared is None or own.national_number_pattern is None:
        return None
    local = {*own.possible_length_local_only, *shared.possible_length_local_only}
    prefix, abroad = metadata.national_prefix_for_parsing, metadata.international_prefix
    return _NumberingPlan(
        code=str(metadata.country_code),
        lengths=frozenset(own.possible_length).intersection(shared.possible_length) - local,
        longest=max([*own.possible_length, *local]),
        national=re.compile(own.national_number_pattern),
        prefix=re.compile(prefix) if prefix else None,
        rewrites=bool(metadata.national_prefix_transform_rule),
        abroad=re.compile(abroad) if abroad else None,
    )


def _bare_phone(text: str) -> tuple[str, str]:
    """The number and its extension without what stands around them."""
    places = [place for place, char in enumerate(text) if char.isdecimal() or char == "+"]
    if not any(map(str.isdecimal, text)):
        raise InvalidValue("invalid_phone", _NOT_A_PHONE)
    before, number, after = text[: places[0]], text[places[0] : places[-1] + 1], text[places[-1] + 1 :]
    for joined in before[-1:] + after[:1]:
        if not (joined.isspace() or joined in _PARTING_MARKS or _is_symbol(joined)):
            raise InvalidValue("invalid_phone", f"{joined!r} is joined to the number and may be a part of it.")
    _refuse_unknown_characters(f"{before} {after}")
    parts = _PHONE_WITH_EXTENSION.fullmatch(number)
    if parts is None or _TWO_PHONES.search(number):
        raise InvalidValue("invalid_phone", "What stands between the digits is not part of one number.")
    extension = "".join(str(unicodedata.decimal(digit)) for digit in parts["extension"] or "")
    return parts["number"], extension


def _refuse_unknown_characters(label: str) -> None:
    for char in label:
        if not (char.isspace() or char.isalpha() or char in _LABEL_MARKS or _is_symbol(char)):
            raise InvalidValue("invalid_phone", f"{char!r} may stand for a digit that is not known.")
    for word in re.findall(r"\w+|[^\w\s]+", label):
        if _MASK.fullmatch(word):
            raise InvalidValue("invalid_phone", f"{word!r} may stand for digits that are not known.")


def _is_symbol(char: str) -> bool:
    """Whether a character is a picture, or joins or directs others unseen; not a shape that can hide a digit."""
    return (
        unicodedata.category(char) == "Cf" or char in _JOINERS or (bool(_PICTURE.match(char)) and char not in _SHAPES)
    )


_PICTURE = re.compile("[\u2600-\u27bf\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff]")
_JOINERS = frozenset("\N{VARIATION SELECTOR-15}\N{VARIATION SELECTOR-16}")
_SHAPES = frozenset("⚪⚫🔟🔠🔡🔢🔣🔤🔲🔳🔴🔵🔶🔷🔸🔹🔺🔻🔼🔽🟠🟡🟢🟣🟤🟥🟦🟧🟨🟩🟪🟫🟰")


def parse_state(text: str) -> str:
    """The two-letter code of a US state or territory. Raises InvalidValue for any other text."""
    code = state_code(text)
    if code is None:
        raise InvalidValue("unknown_state", "This is no US state or territory; write its name or its two-letter code.")
    return code


@functools.cache
def _amount_pattern(currency: Currency) -> re.Pattern[str]:
    """An amount with the marks of its currency, which may be any letters, or with what looks like another's."""
    own = "|".join(re.escape(mark) for mark in sorted(currency.signs, key=len, reverse=True))
    before, after = rf"{own}|[A-Z]{{3}}|[A-Z]{{0,2}}[^\w\s.,()+%-]", rf"{own}|[A-Z]{{3}}|[^\w\s.,()+%-]"
    number = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+"
    return re.compile(
        rf"\(?\s*(?P<sign>[-+])?\s*(?P<before>{before})?\s*(?P<inner_sign>[-+])?\(?\s*(?P<number>{number})"
        rf"\s*\)?\s*(?P<after>{after})?\s*\)?"
    )


@functools.cache
def _plain_amount(currency: Currency) -> re.Pattern[str]:
    """An amount that can be read at once: digits, and before them no mark or the sign of its currency."""
    own = "|".join(re.escape(mark) for mark in sorted(currency.signs) if unicodedata.category(mark[0]) == "Sc")
    return re.compile(rf"(?:{own})?([1-9][0-9]*(?:\.[0-9]+)?)")


def unclear_marks(texts: Collection[str]) -> str:
    """The marks that may part thousands as well as decimals, seen how the other numbers of a column are written.

    Usually none, for the comma parts thousands and the dot decimals. Where some number writes its decimals with a
    comma (`999,50`, `1.234,50`), the dot; and the comma too, unless others write theirs with a dot.
    """
    if not any(_DECIMAL_COMMA.fullmatch(text) for text in texts if "," in text or text.count(".") > 1):
        return ""
    return "." if any(_DECIMAL_DOT.fullmatch(text) for text in texts) else ".,"


_DECIMAL_COMMA = re.compile(
    r"[^\d.,]*(?:\d{1,3}(?:\.\d{3})+,\d+|\d+,(?:\d{1,2}|\d{4,})|\d{1,3}(?:\.\d{3}){2,})[^\d.,]*"
)
_DECIMAL_DOT = re.compile(r"[^\d.,]*(?:\d{1,3}(?:,\d{3})+\.\d+|\d+\.(?:\d{1,2}|\d{4,})|\d{1,3}(?:,\d{3}){2,})[^\d.,]*")


def parse_number(text: str, currency: Currency = US_DOLLAR, unclear: str = "") -> int | float:
    """An amount or a number as JSON can carry it; whole ones as int.

    Commas may part groups of three, a dot the decimals; `(1,234.50)` is negative. Raises InvalidValue for anything
    else, for another currency, for more digits than a JSON number keeps, and for three digits after a mark that is
    `unclear`: the number may be meant a thousand times larger or smaller.
    """
    plain = None if unclear else _plain_amount(currency).fullmatch(text)
    if plain and len(plain[1]) <= MOST_DIGITS:
        whole_or_not = float(plain[1])
        return int(whole_or_not) if whole_or_not.is_integer() else whole_or_not
    if unclear and re.fullmatch(rf"[^\d.,]*\d{{1,3}}[{unclear}]\d{{3}}[^\d.,]*", text):
        raise InvalidValue("invalid_number", "The mark may part thousands or decimals, as the column writes them.")
    parts = _amount_pattern(currency).fullmatch(text.strip())
    if parts is None or _contradicts_itself(parts):
        raise InvalidValue("invalid_number", "This is not a number like 1234.5 or 1,234.50.")
    _refuse_other_currency(parts["before"] or parts["after"] or "", currency)
    digits = parts["number"].replace(",", "")
    if re.match(r"0\d", digits):
        raise InvalidValue("invalid_number", "The number begins with a zero, which a number can't keep.")
    amount = Decimal(digits)
    if len(amount.normalize().as_tuple().digits) > MOST_DIGITS or len(digits.split(".")[0]) > MOST_DIGITS:
        raise InvalidValue("invalid_number", f"The number has more than {MOST_DIGITS} digits and would be rounded.")
    is_negative = "(" in parts[0] or "-" in (parts["sign"], parts["inner_sign"])
    signed = -amount if is_negative else amount
    return int(signed) if signed == signed.to_integral_value() else float(signed)


def _contradicts_itself(parts: re.Match[str]) -> bool:
    """Whether an amount has two signs, two currencies, or brackets that do not close."""
    opened, closed = parts[0].count("("), parts[0].count(")")
    negations = [parts["sign"], parts["inner_sign"], opened]
    return opened != closed or sum(map(bool, negations)) > 1 or bool(parts["before"] and parts["after"])


def _refuse_other_currency(mark: str, currency: Currency) -> None:
    if not mark or mark in currency.signs:
        return
    if mark.isalpha() or unicodedata.category(mark[-1]) == "Sc":
        raise InvalidValue(
            "wrong_currency", f"{mark} is not the currency of the organisation in Close, {currency.code}."
        )
    raise InvalidValue("invalid_number", f"{mark!r} is not part of a number.")


_DAY_IN_DIGITS = re.compile(
    r"(?P<first>[0-9]{4}|[0-9]{1,2})(?P<mark>[-/.])(?P<second>[0-9]{1,2})(?P=mark)(?P<third>[0-9]{4}|[0-9]{1,2})"
    r"(?:[T ]+(?P<time>[0-9:.]+(?: ?[AaPp][Mm])?Z?))?"
)
_MIDNIGHT = re.compile(r"0?0:00(?::00(?:\.0+)?)?Z?|12:00(?::00)? ?[Aa][Mm]")
_ORDER_WORDS: Mapping[DateOrder | None, str] = {
    None: "",
    "dmy": " with the day first",
    "mdy": " with the month first",
    "ymd": " with the year first",
}


def parse_date(text: str, order: DateOrder | None = None) -> str:
    """The day as `YYYY-MM-DD`. Raises InvalidValue where day, month or a four-digit year are missing or not real.

    `order` says how the column writes days with the year last; the year first is always year, month, day.
    """
    numeric = _DAY_IN_DIGITS.fullmatch(text.strip())
    if numeric is None:
        return _parse_written_date(text)
    if numeric["time"] and not _MIDNIGHT.fullmatch(numeric["time"]):
        raise InvalidValue("invalid_date", "There is a time of day beside the date, and the field holds dates alone.")
    if len(numeric["first"]) < 4 and len(numeric["third"]) < 4:
        raise InvalidValue("invalid_date", "The year needs four digits.")
    days = date_readings(text)
    if "ymd" in days:
        return days["ymd"].isoformat()
    if order in days:
        return days[order].isoformat()
    if order is None and len(set(days.values())) == 1:
        return next(iter(days.values())).isoformat()
    raise InvalidValue("invalid_date", f"This is no real date{_ORDER_WORDS[order]}.")


def date_readings(text: str) -> dict[DateOrder, date]:
    """The real days that a date in digits can mean, by the order that makes it so; with dots the day comes first."""
    parts = _DAY_IN_DIGITS.fullmatch(text.strip())
    if parts is None:
        return {}
    first, second, third = int(parts["first"]), int(parts["second"]), int(parts["third"])
    if len(parts["first"]) == 4 and len(parts["third"]) < 4:
        return _real_days({"ymd": (first, second, third)})
    if len(parts["third"]) < 4 or len(parts["first"]) == 4:
        return {}
    days = _real_days({"dmy": (third, second, first), "mdy": (third, first, second)})
    return {"dmy": days["dmy"]} if parts["mark"] == "." and "dmy" in days else days


def _real_days(candidates: Mapping[DateOrder, tuple[int, int, int]]) -> dict[DateOrder, date]:
    days: dict[DateOrder, date] = {}
    for order, (year, month, day) in candidates.items():
        try:
            days[order] = date(year, month, day)
        except ValueError:
            continue
    return days


def _parse_written_date(text: str) -> str:
    """A date with its month in words, by `dateutil`. That fills what is missing from a default, so two defaults must
    agree; it takes 0087 for 1987 and any weekday for true, so both are held against what was typed."""
    typed = _DAY_AND_YEAR.fullmatch(text)
    if typed is None:
        raise InvalidValue("invalid_date", "A date needs its day, its month and a year of four digits.")
    try:
        first, second = (
            dateutil_parser.parse(text, default=datetime(year, month, month), ignoretz=True)
            for year, month in ((1904, 1), (1908, 2))
        )
    except (ValueError, OverflowError):
        raise InvalidValue("invalid_date", "This is not a date.") from None
    weekdays = [weekday for word in re.findall(r"[^\W\d_]+", text) if (weekday := _NAMES.weekday(word)) is not None]
    if first != second or f"{first.year:04d}" not in typed.groups() or weekdays not in ([], [first.weekday()]):
        raise InvalidValue("invalid_date", "Day, month, year and weekday do not make one real date.")
    return first.date().isoformat()


_DAY_AND_YEAR = re.compile(r"\D*(\d{1,2})\D+(\d{4})\D*|\D*(\d{4})\D+(\d{1,2})\D*")
_NAMES = dateutil_parser.parserinfo()


def parse_moment(text: str) -> str:
    """A moment in ISO 8601 with its offset. Raises InvalidValue without an offset, for that would be a guess."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidValue("invalid_date", "The field takes a moment such as 2024-03-01T09:30:00+00:00.")
    return moment.isoformat()


def parse_choice(text: str, choices: Sequence[str]) -> str:
    """The choice that a text names exactly. Raises InvalidValue with the nearest one otherwise."""
    choice = text.strip()
    if choice in choices:
        return choice
    nearest = difflib.get_close_matches(choice, choices, n=1, cutoff=0.5)
    hint = f"; the nearest is {nearest[0]!r}." if nearest else f"; it has {', '.join(map(repr, choices[:8]))}."
    raise InvalidValue("not_a_choice", f"The field has no such choice in Close{hint}")


def parse_reference(text: str, prefix: str) -> str:
    """The id of a user or contact in Close. Raises InvalidValue for a text that is no such id."""
    reference = text.strip()
    if not re.fullmatch(prefix + r"\w+", reference):
        raise InvalidValue("invalid_reference", f"The field takes an id that begins with {prefix}.")
    return reference
