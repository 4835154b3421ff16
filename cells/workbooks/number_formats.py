"""What a number format of a spreadsheet shows beside a number's digits, and what a reader would miss without it."""

import datetime
import functools
import locale
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping

from cells.numbers import WORDS_BY_CURRENCY
from cells.workbooks.cell_texts import number_text, text_of

Shown = Callable[[float], str]

# The mark that tells whose currency a sign is that several countries have, by the country in which it is used.
MARKS_BY_COUNTRY: Mapping[str, Mapping[str, str]] = {
    "$": {
        country: f"{country}$"
        for country in ("AR", "AU", "BN", "BZ", "CA", "CL", "CO", "HK", "JM", "MX", "NZ", "SG", "TT", "TW", "UY")
    },
    "¥": {"CN": "CNY", "JP": "JPY"},
    "kr": {"DK": "DKK", "IS": "ISK", "NO": "NOK", "SE": "SEK"},
}
_CODES = (
    "AED ARS AUD BGN BHD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP GEL HKD HUF IDR ILS INR ISK JPY KES KRW KWD KZT "
    "LKR MAD MXN MYR NGN NOK NZD OMR PEN PHP PKR PLN QAR RMB RON RSD RUB SAR SEK SGD THB TND TRY TWD UAH USD UYU ZAR"
)
CODES = frozenset(_CODES.split())
CODES_BY_WORD: Mapping[str, str] = {
    **{word: code for code, words in WORDS_BY_CURRENCY.items() for word in words if code not in ("SEK", "NOK", "DKK")},
    **{"Ft": "HUF", "lei": "RON", "лв.": "BGN", "лв": "BGN", "Rp": "IDR", "RM": "MYR", "R": "ZAR", "TL": "TRY"},
}
DATES_OF_EAST_ASIA = frozenset([*range(27, 37), *range(50, 59)])  # formats with a number but no code: ECMA-376, 18.8.30
_EPOCHS = {False: datetime.datetime(1899, 12, 30), True: datetime.datetime(1904, 1, 1)}

_PART = re.compile(
    r'\[\$(?P<sign>[^\]-]*)(?:-(?P<place>[^\]]*))?\]|\[(?P<condition>[^\]]*)\]|"(?P<quoted>[^"]*)"|\\(?P<escaped>.)'
    r"|[_*].|(?P<bare>.)",
    re.DOTALL,
)
_DIGIT = "\0"  # stands for a digit of the number among the literal text of a format
_SIGN = re.compile(r"[A-Z]{0,2}(.)", re.DOTALL)
_UP_TO = re.compile(r"<=?\s*([0-9]+)")
_PUNCTUATION = re.compile(rf"[^{_DIGIT}]*{_DIGIT}[{_DIGIT}\s()/.-]*")


def shown_by(code: str) -> Shown | None:
    """How numbers in this format are shown, if that is a different currency or noughts in front; None for others.

    A bare dollar sign and a percent sign are left out as if they were not there.
    """
    mark = currency_mark(code)
    if mark:
        return lambda number: f"{mark} {number_text(number)}"
    masks = list(_masks(code))
    return functools.partial(_in_mask, masks) if masks else None


def as_date(is_1904: bool) -> Shown:
    """How numbers are shown that are days since the beginning of 1900, or 1904; as digits beyond the year 9999."""
    epoch = _EPOCHS[is_1904]
    last = (datetime.datetime.max - epoch).days

    def shown(number: float) -> str:
        return text_of(epoch + datetime.timedelta(days=number)) if 0 <= number <= last else number_text(number)

    return shown


# Currencies ----------------------------------------------------------------------------------------------------------


def currency_mark(code: str) -> str:
    """The sign or code of the currency in a number format, "" without one or for a bare dollar."""
    for part in _PART.finditer(code):
        if part["sign"]:
            return _mark_at(part["sign"].strip(), _country(part["place"] or ""))
    literals = [_literal(part) for part in _PART.finditer(code)]
    texts = "".join(_DIGIT if literal is None else literal for literal in literals).split(_DIGIT)
    return next(filter(None, map(_mark_in, texts)), "")


def _mark_at(sign: str, country: str) -> str:
    mark = MARKS_BY_COUNTRY.get(sign.rstrip("."), {}).get(country) or CODES_BY_WORD.get(sign, sign)
    return "" if mark == "$" else mark


def _mark_in(text: str) -> str:
    """The mark in a literal text of a format, which may as well be a unit."""
    word = text.strip(" \u00a0()-+")
    if word in CODES or word in CODES_BY_WORD or word.rstrip(".").casefold() == "kr":
        return CODES_BY_WORD.get(word, word)
    signs = [sign[0] for sign in _SIGN.finditer(text) if unicodedata.category(sign[1]) == "Sc"]
    return next((sign for sign in signs if sign != "$"), "")


def _country(place: str) -> str:
    """The country of a Windows language number (`409`), or of a language tag (`en-CA`); "" if it names none."""
    if re.fullmatch(r"[0-9A-Fa-f]+", place):
        place = locale.windows_locale.get(int(place, 16) & 0xFFFF, "")
    return re.split("[-_]", place)[-1].upper()


def _literal(part: re.Match[str]) -> str | None:
    """What a part of a format shows as it is; None if that depends on the number."""
    if part["bare"] is None:
        return part["quoted"] or part["escaped"] or ""
    is_literal = part["bare"] in " ()-+" or unicodedata.category(part["bare"]) == "Sc"
    return part["bare"] if is_literal else None


# Noughts in front ----------------------------------------------------------------------------------------------------


def _masks(code: str) -> Iterator[tuple[float, str]]:
    """The masks of a format that is made of noughts, each with the largest number that it is for."""
    limit, mask = float("inf"), ""
    for part in _PART.finditer(f"{code};"):
        up_to = _UP_TO.fullmatch(part["condition"] or "")
        if up_to:
            limit = float(up_to[1])
        elif part["bare"] == ";":
            if mask.count(_DIGIT) < 2 or not _PUNCTUATION.fullmatch(mask):
                return
            yield limit, mask
            limit, mask = float("inf"), ""
        elif part["bare"] == "0":
            mask += _DIGIT
        else:
            literal = _literal(part)
            if literal is None:
                return
            mask += literal


def _in_mask(masks: list[tuple[float, str]], number: float) -> str:
    mask = next((mask for limit, mask in masks if number <= limit), "")
    if not mask or number < 0 or not float(number).is_integer():
        return number_text(number)
    if not mask.strip(_DIGIT):
        return number_text(number).zfill(len(mask))
    first, *others = mask.split(_DIGIT)
    digits = number_text(number).zfill(len(others))
    whole = len(digits) - len(others) + 1  # the first nought stands for all digits that the others leave
    return first + digits[:whole] + "".join(map("".join, zip(others, [*digits[whole:], ""], strict=True)))
