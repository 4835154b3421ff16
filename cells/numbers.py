"""Reading a text as a number or an amount of money in the organization's currency."""

import functools
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

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
        return {self.code} | signs | {self.code[:2] + sign for sign in signs}


# The sign that each currency uses in its own country, because Close may give only the code.
SIGN_BY_CURRENCY = {
    **dict.fromkeys(("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "CLP", "COP", "ARS"), "$"),
    **{"EUR": "€", "GBP": "£", "JPY": "¥", "CNY": "¥", "INR": "₹", "KRW": "₩", "ILS": "₪", "UAH": "₴", "BRL": "R$"},
}
US_DOLLAR = Currency("USD", "$")


@functools.cache
def _amount_pattern(currency: Currency) -> re.Pattern[str]:
    """An amount with a mark of this currency, which may be any letters, or with what looks like another currency's."""
    own = "|".join(re.escape(mark) for mark in sorted(currency.signs, key=len, reverse=True))
    before, after = rf"{own}|[A-Z]{{3}}|[A-Z]{{0,2}}[^\w\s.,()+%-]", rf"{own}|[A-Z]{{3}}|[^\w\s.,()+%-]"
    number = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+"
    return re.compile(
        rf"\(?\s*(?P<sign>[-+])?\s*(?P<before>{before})?\s*(?P<inner_sign>[-+])?\(?\s*(?P<number>{number})"
        rf"\s*\)?\s*(?P<after>{after})?\s*\)?"
    )


@functools.cache
def _plain_amount(currency: Currency) -> re.Pattern[str]:
    """An amount that can be read directly: digits, with at most the sign of this currency before them."""
    own = "|".join(re.escape(mark) for mark in sorted(currency.signs) if unicodedata.category(mark[0]) == "Sc")
    return re.compile(rf"(?:{own})?([1-9][0-9]*(?:\.[0-9]+)?)")


def unclear_marks(texts: Collection[str]) -> str:
    """The marks that could separate either thousands or decimals, judging by all the numbers in a column.

    Usually none: the comma separates thousands, and the dot decimals. If some number has a decimal comma (`999,50`,
    `1.234,50`), the dot is unclear; the comma too, unless other numbers have a decimal dot.
    """
    if not any(_DECIMAL_COMMA.fullmatch(text) for text in texts if "," in text or text.count(".") > 1):
        return ""
    return "." if any(_DECIMAL_DOT.fullmatch(text) for text in texts) else ".,"


_DECIMAL_COMMA = re.compile(
    r"[^\d.,]*(?:\d{1,3}(?:\.\d{3})+,\d+|\d+,(?:\d{1,2}|\d{4,})|\d{1,3}(?:\.\d{3}){2,})[^\d.,]*"
)
_DECIMAL_DOT = re.compile(r"[^\d.,]*(?:\d{1,3}(?:,\d{3})+\.\d+|\d+\.(?:\d{1,2}|\d{4,})|\d{1,3}(?:,\d{3}){2,})[^\d.,]*")


def parse_number(text: str, currency: Currency = US_DOLLAR, unclear: str = "") -> int | float:
    """An amount or a number that JSON can hold; whole numbers as int.

    Commas may separate groups of three digits, and a dot the decimals; `(1,234.50)` is negative. Raises InvalidValue
    for anything else, for another currency, for more digits than a JSON number keeps, and for three digits after a mark
    that is `unclear`, because the intended number may be a thousand times larger or smaller.
    """
    plain = None if unclear else _plain_amount(currency).fullmatch(text)
    if plain and len(plain[1]) <= MOST_DIGITS:
        whole_or_not = float(plain[1])
        return int(whole_or_not) if whole_or_not.is_integer() else whole_or_not
    if unclear and re.fullmatch(rf"[^\d.,]*\d{{1,3}}[{unclear}]\d{{3}}[^\d.,]*", text):
        raise InvalidValue(
            "invalid_number",
            "It is not clear whether the dot or comma separates thousands or decimals in this column; write the number "
            "without thousands separators, like 1234.50.",
        )
    parts = _amount_pattern(currency).fullmatch(text.strip())
    if parts is None or _contradicts_itself(parts):
        raise InvalidValue("invalid_number", "This is not a number like 1234.5 or 1,234.50.")
    _refuse_other_currency(parts["before"] or parts["after"] or "", currency)
    digits = parts["number"].replace(",", "")
    if re.match(r"0\d", digits):
        raise InvalidValue("invalid_number", "The number begins with a zero, which would be lost.")
    amount = Decimal(digits)
    if len(amount.normalize().as_tuple().digits) > MOST_DIGITS or len(digits.split(".")[0]) > MOST_DIGITS:
        raise InvalidValue("invalid_number", f"The number has more than {MOST_DIGITS} digits and would be rounded.")
    is_negative = "(" in parts[0] or "-" in (parts["sign"], parts["inner_sign"])
    signed = -amount if is_negative else amount
    return int(signed) if signed == signed.to_integral_value() else float(signed)


def _contradicts_itself(parts: re.Match[str]) -> bool:
    """Whether an amount has two signs, two currencies or unbalanced parentheses."""
    opened, closed = parts[0].count("("), parts[0].count(")")
    negations = [parts["sign"], parts["inner_sign"], opened]
    return opened != closed or sum(map(bool, negations)) > 1 or bool(parts["before"] and parts["after"])


def _refuse_other_currency(mark: str, currency: Currency) -> None:
    if not mark or mark in currency.signs:
        return
    if mark.isalpha() or unicodedata.category(mark[-1]) == "Sc":
        raise InvalidValue(
            "wrong_currency", f"{mark} is not the currency of your organization in Close, which is {currency.code}."
        )
    raise InvalidValue("invalid_number", f"{mark!r} can't be part of a number.")
