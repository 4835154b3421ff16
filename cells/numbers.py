"""Reading a text as a number or an amount of money in the organization's currency."""

import functools
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

from cells.texts import InvalidValue

MOST_DIGITS = 15  # significant digits that a JSON number keeps everywhere


@dataclass(frozen=True, slots=True)
class Currency:
    """The organization's currency: an amount may have its code (`USD 5`) or its sign (`$5`, `US$5`), but no other."""

    code: str
    sign: str = ""

    @property
    def signs(self) -> set[str]:
        """The marks that may stand next to an amount in this currency."""
        signs = {self.sign, SIGN_BY_CURRENCY.get(self.code, "")} - {""}
        local = set(WORDS_BY_CURRENCY.get(self.code, ()))
        combined = {self.code[:2] + between + sign for sign in signs for between in ("", " ")}
        both = {f"{self.code} {sign}" for sign in signs} | {f"{sign} {self.code}" for sign in signs}
        return {self.code, self.code.lower()} | signs | local | combined | both


# The sign that each currency uses in its own country, because Close may give only the code.
SIGN_BY_CURRENCY = {
    **dict.fromkeys(("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "CLP", "COP", "ARS"), "$"),
    **{"EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "¥", "INR": "₹", "KRW": "₩", "ILS": "₪", "UAH": "₴", "BRL": "R$"},
}
WORDS_BY_CURRENCY = {  # that people write beside amounts at home
    **dict.fromkeys(("SEK", "NOK", "DKK"), ("kr", "kr.", "Kr")),
    **{
        "CHF": ("Fr.", "Fr", "SFr."),
        "INR": ("Rs", "Rs.", "rs"),
        "EUR": ("Euro", "euro"),
        "PLN": ("zł",),
        "CZK": ("Kč",),
    },
}
US_DOLLAR = Currency("USD", "$")


@functools.cache
def _amount_pattern(currency: Currency) -> re.Pattern[str]:
    """An amount with a mark of this currency, which may be any letters, or with what looks like another currency's."""
    own = "|".join(re.escape(mark) for mark in sorted(currency.signs, key=len, reverse=True))
    before, after = rf"{own}|[A-Z]{{3}}|[A-Z]{{0,2}}[^\w\s.,()+%'’-]", rf"{own}|[A-Z]{{3}}|[^\w\s.,()+%'’-]"
    return re.compile(
        rf"\(?\s*(?P<sign>[-+−])?\s*(?P<before>{before})?\s*(?P<inner_sign>[-+−])?\(?\s*"
        rf"(?P<number>{_FIGURES})(?P<power>[eE][-+]?[0-9]{{1,2}})?\s*(?P<times>{_MULTIPLES})?\s*"
        rf"(?P<outer_sign>-)?\s*\)?\s*(?P<after>{after})?\s*\)?",
    )


_SPACES = " \u00a0\u2009\u202f"  # between groups of digits, as the apostrophe
_FIGURES = rf"[.,]?[0-9](?:[0-9.,'’{_SPACES}]*[0-9.,])?"
_TIMES = {
    **dict.fromkeys(("k", "thousand"), 10**3),
    **dict.fromkeys(("m", "mm", "mn", "mln", "mio", "million", "millions"), 10**6),
    **dict.fromkeys(("b", "bn", "bln", "mrd", "billion", "billions"), 10**9),
    **dict.fromkeys(("t", "trillion"), 10**12),
    **{"lakh": 10**5, "lakhs": 10**5, "crore": 10**7, "crores": 10**7, "cr": 10**7},
}
_MULTIPLES = rf"(?i:{'|'.join(sorted(_TIMES, key=len, reverse=True))})\b\.?"


@functools.cache
def _plain_amount(currency: Currency) -> re.Pattern[str]:
    """An amount that can be read directly: digits, perhaps in groups, and at most this currency's sign before them."""
    own = "|".join(re.escape(mark) for mark in sorted(currency.signs) if unicodedata.category(mark[0]) == "Sc")
    whole = r"[1-9][0-9]{0,2}(?:,[0-9]{3})+|[1-9][0-9]*"
    return re.compile(rf"(?:{own})?((?:{whole})(?:\.(?:[0-9]{{1,2}}|[0-9]{{4,}}))?)")


# The decimal mark of a column ----------------------------------------------------------------------------------------

DecimalMark = Literal["dot", "comma"]
DECIMAL_MARKS: tuple[DecimalMark, ...] = get_args(DecimalMark)
_OTHER_MARK: Mapping[DecimalMark, DecimalMark] = {"dot": "comma", "comma": "dot"}
Says = Literal["dot", "comma", "either by dot", "either by comma"]


def says_of_mark(text: str) -> Says | None:
    """What a number says about the decimal mark of its column, whatever its currency; None if nothing, or no number.

    It proves a mark, or its only mark stands before exactly three digits, so that it can be either.
    """
    if _TELLS_AT_ONCE.fullmatch(text):
        return "dot" if "." in text else None
    parts = _amount_pattern(_ANY).fullmatch(_PRICE_DASH.sub(r"\1", text))
    if parts is None:
        return None
    readings = {mark: _digits_read(parts["number"], mark) for mark in DECIMAL_MARKS}
    if parts["power"] and None not in readings.values() and len(set(parts["number"]) & {".", ","}) == 1:
        return "dot" if "." in parts["number"] else "comma"  # one digit and a mark come before decimals
    if readings["dot"] == readings["comma"]:
        return None
    if None not in readings.values():
        return "either by dot" if "." in parts["number"] else "either by comma"
    return "comma" if readings["dot"] is None else "dot"


_PRICE_DASH = re.compile(r"(?<=[0-9])([.,])[-–—]{1,2}(?=\D*$)")  # 500,- and 500.--: a dash instead of the decimals
_TELLS_AT_ONCE = re.compile(r"\$?(?:[0-9]+(?:\.[0-9][0-9]?)?|[1-9][0-9]{0,2}(?:,[0-9]{3})+\.[0-9][0-9]?)")


def _digits_read(figures: str, mark: DecimalMark) -> str | None:
    """The digits of a number, with a dot before its decimals, if these come after this mark; None if they can't."""
    parts = _READINGS[mark].fullmatch(figures)
    if parts is None:
        return None
    whole = re.sub(r"\D", "", parts["whole"] or "")
    return f"{whole or '0'}.{parts['decimals']}" if parts["decimals"] else whole or None


def _reading(decimal: str, thousands: str) -> re.Pattern[str]:
    grouped = rf"[1-9][0-9]{{0,2}}(?P<group>[{thousands}'’{_SPACES}])[0-9]{{3}}(?:(?P=group)[0-9]{{3}})*"
    indian = rf"[1-9][0-9]?(?:{thousands}[0-9]{{2}})+{thousands}[0-9]{{3}}"
    return re.compile(rf"(?P<whole>{grouped}|{indian}|[0-9]+)?(?:{decimal}(?P<decimals>[0-9]*))?")


_READINGS: Mapping[DecimalMark, re.Pattern[str]] = {"dot": _reading(r"\.", ","), "comma": _reading(",", r"\.")}
_ANY = Currency("USD", "$")  # stands for all, as the pattern lets marks of other currencies through


# Numbers -------------------------------------------------------------------------------------------------------------


def parse_number(text: str, currency: Currency = US_DOLLAR, mark: DecimalMark = "dot") -> int | float:
    """An amount or a number that JSON can hold; whole numbers as int.

    `mark` comes before the decimals. Commas (or dots), blanks and apostrophes may separate groups of digits;
    `(1,234.50)` and `1,234.50-` are negative; `1.5M` and `1.5E+06` are 1500000. Raises InvalidValue for anything else,
    for another currency, and for more digits than a JSON number keeps.
    """
    plain = _plain_amount(currency).fullmatch(text) if mark == "dot" else None
    if plain and len(plain[1]) <= MOST_DIGITS:
        whole_or_not = float(plain[1].replace(",", ""))
        return int(whole_or_not) if whole_or_not.is_integer() else whole_or_not
    parts = _amount_pattern(currency).fullmatch(_PRICE_DASH.sub(r"\1", text.strip()))
    if parts is None or text.lstrip()[:1] in "<>≤≥~≈" or _contradicts_itself(parts, currency):
        raise _refusal(text.strip(), currency)
    _refuse_other_currency(parts["before"] or parts["after"] or "", currency)
    digits = _digits_read(parts["number"], mark)
    if digits is None:
        raise _wrong_marks(parts["number"], mark)
    if re.match(r"0[0-9]", digits):
        raise InvalidValue("invalid_number", "The number begins with a zero, which would be lost.")
    amount = (
        Decimal(digits)
        * _TIMES.get((parts["times"] or "").casefold().rstrip("."), 1)
        * Decimal(f"1{parts['power'] or 'e0'}")
    )
    if len(amount.normalize().as_tuple().digits) > MOST_DIGITS or amount.adjusted() >= MOST_DIGITS:
        raise InvalidValue("invalid_number", f"The number has more than {MOST_DIGITS} digits and would be rounded.")
    is_negative = "(" in parts[0] or bool({parts["sign"], parts["inner_sign"], parts["outer_sign"]} & {"-", "−"})
    signed = -amount if is_negative else amount
    return int(signed) if signed == signed.to_integral_value() else float(signed)


def is_plain_number(text: str) -> bool:
    """Whether a text has no multiple and no power of ten, which may as well be a part of a code (`1E5`, `3M`)."""
    return not any(char.isalpha() for char in re.sub(r"^[A-Z]{2,3}\s*(?=[\d(+-])|(?<=[\d)])\s*[A-Z]{3}$", "", text))


def _refusal(text: str, currency: Currency) -> InvalidValue:
    """Why a text is not a number: it may be several."""
    if text.endswith("%"):
        return InvalidValue("invalid_number", "This is a percentage, not a number.")
    if re.match(r"(?:~|≈|approx|about|around|circa|ca\b)", text, re.IGNORECASE):
        return InvalidValue("invalid_number", "This is only about a number; write the number itself.")
    if _LIMIT.search(text):
        return InvalidValue("range", "This is a limit or a range, not one number; write a number, or use a text field.")
    halves = re.split(r"\s*(?:[-–—]|\bto\b|\bbis\b)\s*", text.strip("<>≤≥~ "), maxsplit=1)
    if len(halves) == 2 and all(halves) and all(_amount_pattern(currency).fullmatch(half) for half in halves):
        return InvalidValue("range", "This is a range, not one number; choose a number in it, or use a text field.")
    if text.endswith("+") or text[:1] in "<>≤≥":
        open_ended = text.strip("<>≤≥=+ ")
        if _amount_pattern(currency).fullmatch(open_ended):
            return InvalidValue("range", "This is a limit, not one number; write a number, or use a text field.")
    return InvalidValue("invalid_number", "This is not a number like 1234.5 or 1,234.50.")


_LIMIT = re.compile(
    r"^(?:less|fewer|more|over|under|up to|at least|at most|between|above|below)\b.*\d"
    r"|\d.*\b(?:or|and) (?:more|less|up)$",
    re.IGNORECASE,
)


def _wrong_marks(figures: str, mark: DecimalMark) -> InvalidValue:
    other = _OTHER_MARK[mark]
    if _digits_read(figures, other) is not None:
        told = f"The number has a decimal {other}, but the column has a decimal {mark}; write it like the others."
        return InvalidValue("invalid_number", told)
    return InvalidValue("invalid_number", "This is not a number like 1234.5 or 1,234.50.")


def _contradicts_itself(parts: re.Match[str], currency: Currency) -> bool:
    """Whether an amount has two signs, two marks that are not both of this currency, or unbalanced parentheses."""
    opened, closed = parts[0].count("("), parts[0].count(")")
    negations = [parts["sign"], parts["inner_sign"], parts["outer_sign"], opened]
    marks = {parts["before"], parts["after"]} - {None, ""}
    is_of_two = bool(parts["before"] and parts["after"]) and not marks <= currency.signs
    return opened != closed or sum(map(bool, negations)) > 1 or is_of_two


def _refuse_other_currency(mark: str, currency: Currency) -> None:
    if not mark or mark in currency.signs:
        return
    if mark.isalpha() or unicodedata.category(mark[-1]) == "Sc":
        raise InvalidValue(
            "wrong_currency", f"{mark} is not the currency of your organization in Close, which is {currency.code}."
        )
    raise InvalidValue("invalid_number", f"{mark!r} can't be part of a number.")
