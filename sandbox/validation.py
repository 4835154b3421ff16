"""Which values Close accepts, and how it stores them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat

from sandbox.answers import Document, Refused, invalid_body

Check = Callable[[Any], Any]
CustomCheck = Callable[[str, Any], tuple[str, Any]]

LONGEST_NAME = 1000
MOST_ITEMS = 100  # emails, phones or URLs of one contact
LONGEST_EMAIL = 254
EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@(?:[^\W_](?:[\w-]*[^\W_])?\.)+[A-Za-z]{2,63}")
URL = re.compile(r"https?://(?:[\w-]+\.)+[^\W\d_]{2,63}(?::\d{1,5})?(?:[/?#]\S*)?", re.IGNORECASE)
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS) | {"AQ", "BV", "GS", "HM", "PN", "TF", "UM"}
ADDRESS_LABELS = ("business", "mailing", "other")


class ValueRefused(Exception):
    """A value that Close does not accept; the reason is a sentence or, for nested values, a body."""

    def __init__(self, reason: Any) -> None:
        super().__init__(reason)
        self.reason = reason


def checked(check: Check, body: Document) -> Document:
    """The body as it will be stored; refused as a whole if any value in it is refused."""
    try:
        clean: Document = check(body)
    except ValueRefused as refusal:
        raise Refused(400, refusal.reason) from None
    return clean


def shaped(checks: Mapping[str, Check], *, required: Collection[str] = (), custom: CustomCheck | None = None) -> Check:
    """A check for an object. Unknown plain keys are silently left out; unknown custom fields are refused."""

    def check(value: Any) -> Document:
        if not isinstance(value, dict):
            raise ValueRefused("Value must be of dict type.")
        clean: Document = {}
        wrong: Document = {key: "This field is required." for key in required if value.get(key) in (None, "")}
        for key, part in value.items():
            try:
                if key.startswith("custom."):
                    clean.__setitem__(*(custom or no_such_custom_field)(key, part))
                elif key in checks and key not in wrong:
                    clean[key] = checks[key](part)
            except ValueRefused as refusal:
                wrong[key] = refusal.reason
        if wrong:
            raise ValueRefused(invalid_body(wrong))
        return clean

    return check


def no_such_custom_field(key: str, _value: Any) -> tuple[str, Any]:
    raise ValueRefused(f'The Custom Field "{key.removeprefix("custom.")}" does not exist.')


def listed(check: Check, *, most: int | None = None) -> Check:
    """A check for a list; a problem with an item is reported under its position."""

    def check_all(value: Any) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise ValueRefused("Value must be of list type.")
        if most is not None and len(value) > most:
            raise ValueRefused("List is too long.")
        clean, wrong = [], {}
        for position, item in enumerate(value):
            try:
                clean.append(check(item))
            except ValueRefused as refusal:
                wrong[str(position)] = refusal.reason
        if wrong:
            raise ValueRefused({"errors": wrong})
        return clean

    return check_all


def optional(check: Check) -> Check:
    """A check that lets null pass."""
    return lambda value: None if value is None else check(value)


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueRefused("Value must be of str type.")
    return value


def name(value: Any) -> str:
    if len(text(value)) > LONGEST_NAME:
        raise ValueRefused(f"String should have at most {LONGEST_NAME} characters")
    return text(value)


def nonblank(value: Any) -> str:
    if not text(value).strip():
        raise ValueRefused("This field is required.")
    return text(value)


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueRefused("Value must be of bool type.")
    return value


def number(value: Any) -> float:
    """A finite JSON number; not true or false, and not digits in quotes."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise ValueRefused("Value must be a number.")
    return value


def _is_finite(value: float) -> bool:
    """Whether a float can hold the value; JSON has integers of any length."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def day(value: Any) -> str:
    """An existing date, YYYY-MM-DD."""
    if not DAY.fullmatch(text(value)):
        raise ValueRefused("Invalid date. Please use the format YYYY-MM-DD.")
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise ValueRefused("Invalid date. There is no such day.") from None


def moment(value: Any) -> str:
    """A moment in UTC, as Close writes it; a time without an offset is read as UTC."""
    try:
        parsed = datetime.fromisoformat(text(value))
        return (
            (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="microseconds")
        )
    except (ValueError, OverflowError):
        raise ValueRefused("Invalid ISO 8601 datetime.") from None


def day_or_moment(value: Any) -> str:
    return day(value) if DAY.fullmatch(text(value)) else moment(value)


def percentage(value: Any) -> float:
    """A number from 0 to 100."""
    if not 0 <= number(value) <= 100:
        raise ValueRefused("Value must be from 0 to 100.")
    return number(value)


def one_of(choices: Collection[str]) -> Check:
    def check(value: Any) -> str:
        if text(value) not in choices:
            raise ValueRefused("Not a valid choice.")
        return text(value)

    return check


def email(value: Any) -> str:
    """An email address that looks valid; whether it exists is not checked."""
    address = text(value).strip()
    if len(address) > LONGEST_EMAIL or ".." in address or not EMAIL.fullmatch(address):
        raise ValueRefused("Invalid email address.")
    return address


def url(value: Any) -> str:
    """A web address, with a scheme added if it lacks one."""
    address = text(value).strip()
    if "://" not in address:
        address = "http://" + address
    if not URL.fullmatch(address):
        raise ValueRefused("Invalid URL.")
    return address


def country(value: Any) -> str:
    if text(value) not in COUNTRIES:
        raise ValueRefused("Not a valid choice.")
    return text(value)


@cache
def contact(home: str) -> Check:
    """A check for a contact in an account whose country is `home`."""
    return shaped(
        {
            "name": optional(name),
            "title": optional(name),
            "emails": listed(_email_item, most=MOST_ITEMS),
            "phones": listed(_phone_item(home), most=MOST_ITEMS),
            "urls": listed(_url_item, most=MOST_ITEMS),
            "date_created": moment,
        }
    )


def _email_item(value: Any) -> Document:
    item: Document = shaped({"email": email, "type": text}, required=["email"])(value)
    return {"type": "office", **item, "is_unsubscribed": False}


def _url_item(value: Any) -> Document:
    return {"type": "url", **shaped({"url": url, "type": text}, required=["url"])(value)}


def _phone_item(home: str) -> Check:
    shape = shaped({"phone": lambda value: _parsed_phone(value, home), "type": text}, required=["phone"])

    def check(value: Any) -> Document:
        item: Document = shape(value)
        return {"type": "office", **item, **_written_phone(item["phone"])}

    return check


def _parsed_phone(value: Any, home: str) -> PhoneNumber:
    """The number, read in the account's country. Close accepts anything it can parse, however short."""
    try:
        return phonenumbers.parse(text(value), home)
    except phonenumbers.NumberParseException:
        raise ValueRefused("Phone number is not valid. Please use the international format like +16505551234") from None


def _written_phone(parsed: PhoneNumber) -> Document:
    extension = f"x{parsed.extension}" if parsed.extension else ""
    return {
        "phone": phonenumbers.format_number(parsed, PhoneNumberFormat.E164) + extension,
        "phone_formatted": phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL),
        "country": phonenumbers.region_code_for_number(parsed),
    }


ADDRESS_PARTS = dict.fromkeys(("address_1", "address_2", "city", "zipcode"), optional(text))
_address = shaped(
    {
        **ADDRESS_PARTS,
        "label": one_of(ADDRESS_LABELS),
        "state": optional(nonblank),
        "country": optional(country),
    }
)


def address(value: Any) -> Document:
    return {"label": "business", **_address(value)}
