"""Reading a text as a phone number: the number in E.164 form, or why it is not one."""

import functools
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneMetadata

from cells.parsed import Parsed, all_parts, one_value
from cells.placeholders import is_national_placeholder, is_phone_placeholder
from cells.texts import InvalidValue
from cells.wrapped import unwrapped

_DAMAGED_PHONE = re.compile(r"[-+]?\d+([.,]\d+)?[eE][-+]?\d+|-\d+|\d{1,4}(,\d{2,4}){2,}(\.0+)?|#+|#ERROR!")
_WHOLE_NUMBER = re.compile(r"(\+?\d{7,15})\.0+")  # as programs write a number that they take for a fraction
_PHONE_WITH_EXTENSION = re.compile(
    r"(?P<number>\+?[\d\s().\-‐-―/]*\d\s*\)?)"
    r"(?:[\s,;/(\[–-]*(?:;ext=|extension|extn\.?|ext\.?|x|#)[\s.:#(]*(?P<extension>\d{1,7})[)\]]?)?",
    re.IGNORECASE,
)
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
    phonenumbers.ValidationResult.INVALID_LENGTH: "Phone numbers of its country never have this length.",
    phonenumbers.ValidationResult.INVALID_COUNTRY_CODE: "No country has this country code.",
    phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "The area code is missing.",
}


def parse_phone(text: str, region: str = "US") -> str:
    """The number in E.164 form, with an extension written as Close does: `+14155550100x12`.

    Symbols and labels around the number are dropped; a number without `+` is read as a number in `region`. Raises
    InvalidValue if the number is not possible, and if the text could turn into a different number than the one meant.
    """
    plain = plain_phone(text.strip(), region)
    return _unusual_phone(text.strip(), region) if plain is None else plain


def _unusual_phone(typed: str, region: str) -> str:
    """The same for a number that `plain_phone` does not read."""
    if _DAMAGED_PHONE.fullmatch(typed):
        raise InvalidValue("damaged_phone", DAMAGED)
    whole = _WHOLE_NUMBER.fullmatch(typed)
    if whole:
        e164 = _possible_phone_or_none(whole[1], region)
        if e164 is None:
            raise InvalidValue("damaged_phone", DAMAGED)
        return e164
    if typed[-1:].isupper() and _VANITY.fullmatch(typed):
        typed = phonenumbers.convert_alpha_characters_in_number(typed)
    digits, extension = _bare_phone(typed)
    e164 = plain_phone(digits.strip(), region) or _possible_phone(digits, region)
    return f"{e164}x{extension}" if extension else e164


DAMAGED = "A spreadsheet has damaged this number; type it again, as text."
_VANITY = re.compile(r"(?:\+?1[-. ]?)?\(?[2-9]\d\d\)?[-. ]?(?=[A-Z\d-]*[A-Z]{3})[A-Z\d](?:[-. ]?[A-Z\d]){6}")


def parse_phones(cell: str, region: str = "US") -> Parsed:
    """The numbers in a cell, which may stand side by side with marks or labels between them."""
    plain = [plain_phone(part.strip(), region) for part in _SIMPLE_SEPARATORS.split(cell) if part]
    if all(plain):
        return Parsed(tuple(dict.fromkeys(plain)))
    if (len(cell) < 2 * _FEWEST_DIGITS and not _MAY_BE_SEVERAL.search(cell)) or _DAMAGED_PHONE.fullmatch(cell):
        return _parser_of_one(region, is_unusual=True)(cell)
    cell = _DIALLED_EXTENSION.sub(r" x\1", cell) if "#" in cell else cell
    cell = _SLASH_IN_NUMBER.sub(r"\1 ", cell) if "/" in cell else cell
    return all_parts(
        _parse_one(part, region)
        for piece in _SEPARATORS.split(cell)
        for part in _side_by_side(unwrapped(piece), region)
    )


_SIMPLE_SEPARATORS = re.compile(r"[\r\n,;]")
_SEPARATORS = re.compile(
    r"[\r\n|]|:::|;(?!ext=|\s*(?:extension|extn|ext|x)[\s.:]*\d)|,(?!\s*(?:extension|extn|ext|x|#)[\s.:]*\d)|\s/\s|/\s|\s/|\s(?:or|and|&)\s",
    re.IGNORECASE,
)
_MAY_BE_SEVERAL = re.compile(r"[\r\n|,;:/#&]|\s(?:or|and)\s", re.IGNORECASE)
_DIALLED_EXTENSION = re.compile(r"\s*,{1,3}\s*(\d{1,7})#")  # as a telephone dials it after a pause
_SLASH_IN_NUMBER = re.compile(  # after an area code, as in 030 / 1234567 and +49 (0) 30 / 1234567
    r"(?<![\d)\s./-])(?<!\d[\s./-])(\s*(?:(?:\+|00)(?:[\s().-]*\d){2,8}|\(?\d(?:[\s()]*\d){1,5})\)?)\s*/\s*(?=\(?\d)"
)
_PIECE = re.compile(r"\S+")
_LONGEST_PAIR = 80  # characters of two numbers that stand side by side
_FEWEST_DIGITS = 10  # of each of two numbers that stand side by side without a mark


def _parse_one(text: str, region: str) -> Parsed:
    return _parser_of_one(region)(text)


@functools.cache
def _parser_of_one(region: str, *, is_unusual: bool = False) -> Callable[[str], Parsed]:
    parse = _unusual_phone if is_unusual else parse_phone
    read = one_value(functools.partial(parse, region=region), is_phone_placeholder)

    def parse_cell(text: str) -> Parsed:
        found = read(text)
        return Parsed(placeholders=1) if any(map(_is_made_up, found.values)) else found

    return parse_cell


def _is_made_up(e164: str) -> bool:
    """Whether a number that had something around it is made up: nothing but zeros, or one digit over and over."""
    bare = e164.partition("x")[0]
    return is_national_placeholder(bare) or not bare[3:].strip("0")


def _side_by_side(text: str, region: str) -> list[str]:
    """A text with one number, or the two in it if only blanks or labels are between them."""
    if (
        not 2 * _FEWEST_DIGITS <= len(text) <= _LONGEST_PAIR
        or sum(map(str.isdecimal, text)) < 2 * _FEWEST_DIGITS
        or _phone_or_none(text, region)
    ):
        return [text]
    halves = [(text[: gap.start()], text[gap.start() :]) for gap in _PIECE.finditer(text) if gap.start()]
    halves += [(text[:at], text[at + 1 :]) for at, char in enumerate(text) if char == "/"]
    read = {tuple(_phone_or_none(part, region) for part in half): half for half in halves}
    both = [half for numbers, half in read.items() if all(numbers)]
    return [part.strip() for part in both[0]] if len(both) == 1 else [text]


def _phone_or_none(text: str, region: str) -> str | None:
    if sum(map(str.isdecimal, text)) < _FEWEST_DIGITS:
        return None
    try:
        return parse_phone(text, region)
    except InvalidValue:
        return None


def _possible_phone_or_none(digits: str, region: str) -> str | None:
    try:
        return _possible_phone(digits, region)
    except InvalidValue:
        return None


def _possible_phone(digits: str, region: str) -> str:
    try:
        number = phonenumbers.parse(digits, region, keep_raw_input=True)
    except phonenumbers.NumberParseException as error:
        raise InvalidValue("invalid_phone", _PHONE_PARSE_REASONS.get(error.error_type, _NOT_A_PHONE)) from None
    if digits.startswith("00") and number.country_code_source == phonenumbers.CountryCodeSource.FROM_DEFAULT_COUNTRY:
        raise InvalidValue("invalid_phone", f"For this country ({region}), write + and the country code instead of 00.")
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise InvalidValue("invalid_phone", _PHONE_LENGTH_REASONS[possible])
    national = phonenumbers.national_significant_number(number)
    if not national.strip("0"):
        raise InvalidValue("invalid_phone", "The number is nothing but zeros.")
    if number.country_code == 1 and national[:1] in ("0", "1") and not is_national_placeholder(national):
        raise InvalidValue(
            "invalid_phone", "No area code of +1 begins with 0 or 1; is this a number of another country?"
        )
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


_PLAIN_PHONE = re.compile(r"\(?(\+?)([0-9][0-9 ().-]{1,30}[0-9])")
_PHONE_MARKS = str.maketrans("", "", " ().-")


def plain_phone(text: str, region: str = "US") -> str | None:
    """The result of `parse_phone` for a number in the usual form, but much faster; None for any other text.

    It follows the steps of `phonenumbers` with that library's own tables, and gives up wherever these leave a choice.
    """
    e164 = _plain_phone(text, region)
    return None if e164 is None or is_national_placeholder(e164) else e164


def _plain_phone(text: str, region: str) -> str | None:
    parts = _PLAIN_PHONE.fullmatch(text)
    if parts is None or ("." in text and _WHOLE_NUMBER.fullmatch(text)):
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
    """What `phonenumbers` knows about a country's numbers: the calling `code`, and the `lengths` of the rest.

    `prefix` may come before a number inside the country, and may rewrite it; `abroad` starts an international call.
    """

    code: str
    lengths: frozenset[int]
    longest: int
    national: re.Pattern[str]
    prefix: re.Pattern[str] | None
    rewrites: bool
    abroad: re.Pattern[str] | None

    def e164(self, digits: str) -> str | None:
        """The number with its country code and without a prefix; None if only the library can tell what that is."""
        cut = self.prefix.match(digits) if self.prefix else None
        if cut:
            digits = digits[cut.end() :]
            is_rewritten = self.rewrites and cut[cut.re.groups] is not None
            if is_rewritten or not self.national.fullmatch(digits):
                return None
        if self.code == "1" and digits[:1] in ("0", "1"):
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
    """The number and its extension, without the text around them."""
    found = [index for index, char in enumerate(text) if char.isdecimal() or char == "+"]
    if not any(map(str.isdecimal, text)):
        raise InvalidValue("invalid_phone", _NOT_A_PHONE)
    before, number, after = text[: found[0]], text[found[0] : found[-1] + 1], text[found[-1] + 1 :]
    for joined in before[-1:] + after[:1]:
        if not (joined.isspace() or joined in _PARTING_MARKS or _is_symbol(joined)):
            raise InvalidValue("invalid_phone", f"{joined!r} is attached to the number and may be part of it.")
    _refuse_unknown_characters(f"{before} {after}")
    parts = _PHONE_WITH_EXTENSION.fullmatch(number)
    if parts is None:
        raise InvalidValue("invalid_phone", "The text between the digits can't be part of one phone number.")
    extension = "".join(str(unicodedata.decimal(digit)) for digit in parts["extension"] or "")
    return parts["number"], extension


def _refuse_unknown_characters(label: str) -> None:
    for char in label:
        if not (char.isspace() or char.isalpha() or char in _LABEL_MARKS or _is_symbol(char)):
            raise InvalidValue("invalid_phone", f"{char!r} may stand for an unknown digit.")
    for word in re.findall(r"\w+|[^\w\s]+", re.sub(r"^\s*\(?[oO](?=[:).])", "", label)):
        if _MASK.fullmatch(word):
            raise InvalidValue("invalid_phone", f"{word!r} may stand for unknown digits.")


def _is_symbol(char: str) -> bool:
    """Whether a character is a picture or an invisible mark, but not a shape that may hide a digit."""
    return (
        unicodedata.category(char) == "Cf" or char in _JOINERS or (bool(_PICTURE.match(char)) and char not in _SHAPES)
    )


_PICTURE = re.compile("[\u2600-\u27bf\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff]")
_JOINERS = frozenset("\N{VARIATION SELECTOR-15}\N{VARIATION SELECTOR-16}")
_SHAPES = frozenset("⚪⚫🔟🔠🔡🔢🔣🔤🔲🔳🔴🔵🔶🔷🔸🔹🔺🔻🔼🔽🟠🟡🟢🟣🟤🟥🟦🟧🟨🟩🟪🟫🟰")
