"""Each text is kept in normal form or refused with a reason; none becomes another value than the one meant."""

import random
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import phonenumbers
import pytest
from dateutil import parser as dateutil_parser
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cells.choices import parse_choice
from cells.dates import DateOrder, parse_date
from cells.emails import parse_email, plain_email
from cells.names import NameCase, clean_name
from cells.numbers import Currency, parse_number
from cells.phones import parse_phone, plain_phone
from cells.texts import InvalidValue
from cells.us_states import NAME_BY_CODE, parse_state, state_code


def refusal(parse: Callable[[], object]) -> str:
    with pytest.raises(InvalidValue) as caught:
        parse()
    assert caught.value.reason.endswith(".")
    return caught.value.code


@pytest.mark.parametrize(
    ("text", "e164"),
    [
        ("+62-445-430-0381", "+624454300381"),
        ("📞 +62-445-430-0381", "+624454300381"),
        ("☎️+1 415 555 0100", "+14155550100"),
        ("🇺🇸 +1 415 555 0100", "+14155550100"),
        ("Tel: (415) 555-0100", "+14155550100"),
        ("mobile\u00a0415.555.0100", "+14155550100"),
        ("415-555-0100 (work)", "+14155550100"),
        ("415-555-0100📱", "+14155550100"),
        ("\u202a+1 415 555 0100\u202c", "+14155550100"),
        ("+1 415 555 0100 x١٢", "+14155550100x12"),
        ("1 415 555 0100", "+14155550100"),
        ("(+1) 415 555 0100", "+14155550100"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("011 44 20 7946 0958", "+442079460958"),
        ("+14155550100x12", "+14155550100x12"),
        ("+1 415 555 0100 ext. 12", "+14155550100x12"),
        ("tel:+1-415-555-0100;ext=12", "+14155550100x12"),
    ],
)
def test_a_possible_phone_number_is_kept_as_e164(text: str, e164: str) -> None:
    assert parse_phone(text) == e164


@pytest.mark.parametrize(
    "text",
    [
        "unknown",
        "+123",
        "555-0100",
        "+??-867-524-6017",
        "??-867-524-6017",
        "XX-867-524-6017",
        "xx 867 524 6017",
        "\N{REPLACEMENT CHARACTER}867 524 6017",
        "415-555-01??",
        "415-555-01xx",
        "+49 30 12345●●",
        "+49 30 12345□□",
        "+49 30 12345🔟",
        "+49 30 12345 ••",
        "+49 30 12345 OO",
        "-- 867 524 6017",
        "+1 415 555 0100 / 0101",
        "+1 415 555 0100 or 0101",
        "+1-404-849-0629+1-404-849-0630",
        "0044 20 7946 0958",
        "1️⃣ 415 555 0100",
        "ID4155550100",
        "+999 415 555 0100",
    ],
)
def test_a_phone_number_with_anything_unknown_about_it_is_a_problem(text: str) -> None:
    assert refusal(lambda: parse_phone(text)) == "invalid_phone"


@pytest.mark.parametrize("text", ["4.15E+09", "-13148", "415555010.0", "4E9", "4,155,550,100", "#####", "#ERROR!"])
def test_a_phone_number_that_a_spreadsheet_damaged_is_a_problem(text: str) -> None:
    assert refusal(lambda: parse_phone(text)) == "damaged_phone"


def test_a_number_without_a_country_is_one_of_the_region() -> None:
    assert parse_phone("020 7946 0958", "GB") == "+442079460958"
    assert parse_phone("00 1 415 555 0100", "GB") == "+14155550100"


@given(st.text(alphabet="0123456789+-() .x/?ABCetlxO📞●🔟*\u00a0", max_size=24))
@example("00415555010")
@example("1+4155550100")
def test_no_digit_of_a_phone_number_is_made_up_or_lost(text: str) -> None:
    try:
        e164, _, extension = parse_phone(text).partition("x")
    except InvalidValue:
        return
    typed = re.sub(r"\D", "", text)
    national = str(phonenumbers.parse(e164).national_number)
    assert typed.endswith(national + extension)
    before = typed.removesuffix(national + extension)
    assert before.lstrip("0") in ("", "1", e164[1:].removesuffix(national), "11" + e164[1:].removesuffix(national))
    assert phonenumbers.is_possible_number(phonenumbers.parse(e164))


def phone_of_the_library(text: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(text, region, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if possible else None


REGIONS = [*sorted(phonenumbers.SUPPORTED_REGIONS), "001", "XX"]
CALLING_CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)


def phone_as_people_write_it(seed: int) -> tuple[str, str]:
    """One of very many ways to write a number, and the region it is written in; drawn by the hundred in no time."""
    draw = random.Random(seed)
    region = draw.choice(REGIONS)
    code = draw.choice([draw.choice(CALLING_CODES), phonenumbers.country_code_for_region(region)])
    start = draw.choice(["+{} ", "+{}", "(+{}) ", "{} ", "{}", "00{} ", "011{}", "", "", "", "("])
    inner = draw.choice(["", "", "", "0", "(0)", "1", "8", "06", "15", "9", "044"])
    digits = draw.choices("0123456789", k=draw.choice([draw.randint(4, 9), draw.randint(8, 11)]))
    marks = draw.choices(["", "", " ", "-", ".", ") ", " ("], k=len(digits))
    return start.format(code) + inner + "".join(map("".join, zip(digits, marks, strict=True))), region


@settings(max_examples=2000)
@given(st.integers(0, 2**64 - 1).map(phone_as_people_write_it))
@example(("+44 (0)20 7946 0958", "US"))
@example(("020 7946 0958", "GB"))
@example(("+39 06 6982 1234", "US"))
@example(("06 6982 1234", "IT"))
@example(("+1 1415 555 0100", "US"))
@example(("1-415-555-0100", "US"))
@example(("1-415-555-0100", "CA"))
@example(("011 44 20 7946 0958", "US"))
@example(("555-0100", "US"))
@example(("+54 9 11 2345 6789", "US"))
@example(("0 11 15 2345 6789", "AR"))
@example(("+55 0 15 11 2345 6789", "US"))
@example(("+49 49 1234567", "DE"))
@example(("49 30 123456", "DE"))
@example(("+800 1234 5678", "US"))
@example(("8 912 345 67 89", "RU"))
@example(("+0 415 555 0100", "US"))
@example(("+39 0000000", "US"))
@example(("+7 840 123 45 67", "US"))
@example(("01481 720014", "GG"))
@example(("+375 8201552", "BY"))
@example(("03-1234-5678", "JP"))
@example(("0077 12 3456", "JP"))
@example(("555-0100", "CA"))
def test_a_phone_number_read_at_a_glance_is_what_the_library_makes_of_it(written: tuple[str, str]) -> None:
    text, region = written
    plain = plain_phone(text.strip(), region)
    assert plain is None or plain == phone_of_the_library(text, region)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        *(("+1-404-849-0629", "US"), ("(404) 849-0629", "US"), ("404.849.0629", "US"), ("+44 20 7946 0958", "US")),
        *(("1-404-849-0629", "US"), ("020 7946 0958", "GB"), ("+44 (0)20 7946 0958", "US"), ("030 1234567", "DE")),
        *(("+39 06 6982 1234", "US"), ("+62-445-430-0381", "US"), ("+91 98765 43210", "US"), ("(613) 555-0100", "CA")),
        *(("03-1234-5678", "JP"), ("+55 11 91234-5678", "US"), ("06 12 34 56 78", "FR")),
    ],
)
def test_a_usual_phone_number_needs_a_glance_alone(text: str, region: str) -> None:
    assert plain_phone(text, region) == phone_of_the_library(text, region) is not None


@pytest.mark.parametrize(
    "text", ["14155550100.0", "415555010.0", "+1415555010.0", "-4155550100", "4155550100 x1", "4155550100 / 1", "+", ""]
)
def test_a_phone_number_with_anything_odd_needs_more_than_a_glance(text: str) -> None:
    assert plain_phone(text) is None


@given(st.integers(200, 999), st.integers(0, 9_999_999), st.sampled_from(["+1-%s-%s", "(%s) %s", "%s.%s", "+1%s%s"]))
def test_every_way_to_write_an_american_number_gives_the_same(area: int, local: int, form: str) -> None:
    digits = f"{local:07d}"
    assert parse_phone(form % (area, f"{digits[:3]}-{digits[3:]}")) == f"+1{area}{digits}"


def email_of_the_library(text: str) -> str | None:
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        return None


NASTY_EMAILS = [
    *("a@b..com", "a..b@x.com", ".a@x.com", "a.@x.com", "a@-x.com", "a@x-.com", "a@x.-y.com", "a@.com", "a@com"),
    *("a@x.com.", "a@ab--c.com", "a@xn--bcher-kva.de", "a@xn--a.com", "a@x--y.com", "a@1.2.3", "a@x.c0m", "a@x_y.com"),
    *(
        "a@x.test",
        "a@x.TEST",
        "a@test.com",
        "a@local",
        "a@x.Local",
        "a@x.invalid",
        "a@x.onion",
        "a@x.arpa",
        "a@x.example",
    ),
    *("Info@X.com", "POSTMASTER@x.com", "Ann@X.COM", "aBuse@x.com", "info.x@X.com", "İ@x.com", "K@x.com", "a@K.com"),
    *(
        "a@" + "b" * 63 + ".com",
        "a@" + "b" * 64 + ".com",
        "a" * 64 + "@x.com",
        "a" * 65 + "@x.com",
        "a@x.c",
        "a@x." + "c" * 64,
    ),
    *(
        "a@x.com\n",
        " a@x.com",
        "a@@x.com",
        "a@b@x.com",
        '"a"@x.com',
        "a b@x.com",
        "a@[1.2.3.4]",
        "Ann <a@x.com>",
        "a@x.com>",
    ),
]


@pytest.mark.parametrize("text", NASTY_EMAILS)
def test_a_nasty_email_read_at_a_glance_is_what_the_library_makes_of_it(text: str) -> None:
    assert plain_email(text) in (None, email_of_the_library(text))


mailboxes = st.text("abzAZ09._-+'&%@ é\"", min_size=1, max_size=8) | st.sampled_from(
    [*CASE_INSENSITIVE_MAILBOX_NAMES, "Info", "ann.bee", "WWW", "x" * 58, "o'neil"]
)
labels = st.text("abxnZ09-_", min_size=1, max_size=6) | st.sampled_from(
    ["xn--p1ai", "b" * 63, "b" * 64, "b" * 50, "x-y"]
)
endings = st.sampled_from([*SPECIAL_USE_DOMAIN_NAMES, "com", "CO", "museum", "c0m", "x", "example", "Test"])


@settings(max_examples=1000)
@given(mailboxes, st.lists(labels, max_size=3), endings)
def test_an_email_read_at_a_glance_is_what_the_library_makes_of_it(mailbox: str, domain: list[str], end: str) -> None:
    text = f"{mailbox}@{'.'.join([*domain, end])}"
    assert plain_email(text) in (None, email_of_the_library(text))


@pytest.mark.parametrize("text", ["ann.bee@example.com", "Ann@Mail.Example.co.uk", "o'neil+x_y@a-b.io", "INFO@x.com"])
def test_a_usual_email_needs_a_glance_alone(text: str) -> None:
    assert plain_email(text) == email_of_the_library(text) is not None


def test_an_email_is_checked_for_its_form_alone() -> None:
    assert parse_email(" Ann.Bee@EXAMPLE.com ") == "Ann.Bee@example.com"


@pytest.mark.parametrize(
    "text",
    [
        *("ann", "ann@", "ann@example", "a b@example.com", "ann@sakura.ne.??jp", "a@x.com b@x.com", "ann@@x.com"),
        *("a@b.c", "a@b.xn--p1ai", f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 20}.com"),
    ],
)
def test_an_email_that_can_not_be_one_is_a_problem(text: str) -> None:
    assert refusal(lambda: parse_email(text)) == "invalid_email"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("$1231970.94", 1231970.94),
        ("$2,777,611.57", 2777611.57),
        ("(1,234.50)", -1234.5),
        ("($1,234.50)", -1234.5),
        ("$(7)", -7),
        ("-$5", -5),
        ("$-5", -5),
        ("US$ 7", 7),
        ("7 USD", 7),
        ("1,000", 1000),
        ("0.50", 0.5),
        (".5", 0.5),
        ("0", 0),
        ("123456789012345", 123456789012345),
    ],
)
def test_money_is_a_number(text: str, number: float) -> None:
    parsed = parse_number(text)
    assert parsed == number
    assert isinstance(parsed, int) == float(number).is_integer()


@pytest.mark.parametrize(
    "text",
    [
        "1.234,50",
        "1,5",
        "12,34,56",
        "1,2345",
        "12%",
        "1e",
        "NaN",
        "inf",
        "$",
        "-5-",
        "(5",
        "(-5)",
        "1 23",
        "5kg",
        "٣",
        "#5",
    ],
)
def test_what_is_not_plainly_a_number_is_a_problem(text: str) -> None:
    assert refusal(lambda: parse_number(text)) == "invalid_number"


@pytest.mark.parametrize("text", ["0012", "1234567890123456", "1234567890.123456"])
def test_a_number_that_json_would_change_is_a_problem(text: str) -> None:
    assert refusal(lambda: parse_number(text)) == "invalid_number"


@pytest.mark.parametrize("text", ["€5", "5 €", "EUR 5", "CA$5", "£1,000.00"])
def test_another_currency_is_a_problem(text: str) -> None:
    assert refusal(lambda: parse_number(text)) == "wrong_currency"


def test_the_currency_of_the_organisation_is_the_one_that_may_be_written() -> None:
    assert parse_number("€5", Currency("EUR", "€")) == 5
    assert parse_number("CA$5", Currency("CAD", "")) == 5
    assert parse_number("kr 5", Currency("SEK", "kr")) == parse_number("5 kr", Currency("SEK", "kr")) == 5
    assert refusal(lambda: parse_number("$5", Currency("EUR", "€"))) == "wrong_currency"


@given(
    st.decimals(-(10**12), 10**12, places=2, allow_nan=False), st.sampled_from(["{}", "${}", "{:,}", "${:,}", "{} USD"])
)
def test_an_amount_survives_every_way_to_write_it(amount: Decimal, form: str) -> None:
    written = form.format(amount)
    assert Decimal(str(parse_number(written))) == amount


@given(st.text("0123456789.", min_size=1, max_size=18), st.sampled_from(["", "$"]))
@example("100000000000000.0", "$")
@example("999999999999999", "")
@example("12345678901234.5", "")
@example("5.00", "$")
def test_a_plain_amount_is_read_to_its_last_digit_or_not_at_all(digits: str, sign: str) -> None:
    try:
        parsed = parse_number(sign + digits)
    except InvalidValue:
        return
    assert Decimal(repr(parsed)) == Decimal(digits)
    assert isinstance(parsed, int) == (Decimal(digits) % 1 == 0)


@given(st.text(max_size=12))
@example("1,234")
def test_a_number_is_read_as_python_reads_it_or_not_at_all(text: str) -> None:
    try:
        parsed = parse_number(text)
    except InvalidValue:
        return
    bare = re.sub(r"[$,\s()]|USD|US", "", text)
    assert abs(float(bare)) == abs(parsed)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("17.05.1987", "1987-05-17"),
        ("8.6.1987", "1987-06-08"),
        ("2019-03-05", "2019-03-05"),
        ("2019/3/5 00:00:00", "2019-03-05"),
        ("5/5/2019", "2019-05-05"),
        ("5 March 2019", "2019-03-05"),
        ("March 5th, 2019", "2019-03-05"),
        ("05-Mar-2019", "2019-03-05"),
        ("Thursday, March 5, 2020", "2020-03-05"),
        ("2020 March 5", "2020-03-05"),
    ],
)
def test_a_date_is_written_as_iso(text: str, day: str) -> None:
    assert parse_date(text) == day


@pytest.mark.parametrize(
    "text",
    [
        "31.02.2019",
        "1 Jan 0087",
        "Monday, March 5, 2020",
        "Mar 2019",
        "05/2019",
        "Q3 2019",
        "20191305",
        "2019-13-01",
        "2019-03-05 10:30",
        "soon",
    ],
)
def test_a_date_that_is_not_whole_or_not_real_is_a_problem(text: str) -> None:
    assert refusal(lambda: parse_date(text)) == "invalid_date"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *((text, "two_digit_year") for text in ("17.05.87", "5 Mar 19", "5/17/87", "17-May-87", "Mar 5, '19")),
        *((text, "year_only") for text in ("2019", "1899", "2019.0")),
        *((text, "day_number") for text in ("31914", "45292.0", "45292.5")),
    ],
)
def test_what_is_wrong_with_a_date_has_a_code_of_its_own(text: str, code: str) -> None:
    assert refusal(lambda: parse_date(text)) == code


@given(st.dates(min_value=date(1000, 1, 1)), st.sampled_from(["dmy", "mdy"]), st.sampled_from("/-"))
def test_the_order_decides_between_day_and_month(day: date, order: DateOrder, mark: str) -> None:
    first, second = (day.day, day.month) if order == "dmy" else (day.month, day.day)
    assert parse_date(f"{first:02d}{mark}{second:02d}{mark}{day.year}", order) == day.isoformat()


@given(
    st.dates(min_value=date(1000, 1, 1)), st.sampled_from(["%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%Y-%m-%d", "%Y/%m/%d"])
)
def test_a_date_in_digits_is_the_day_that_dateutil_makes_of_it(day: date, form: str) -> None:
    text = day.strftime(form.replace("%Y", f"{day.year:04d}"))
    by_dateutil = dateutil_parser.parse(text, dayfirst=form.startswith("%d"), yearfirst=form.startswith("%Y"))
    assert parse_date(text, "dmy") == by_dateutil.date().isoformat() == day.isoformat()


@given(st.text(alphabet="0123456789./- MarchJune,", max_size=16))
def test_a_date_that_is_kept_holds_only_digits_that_were_typed(text: str) -> None:
    try:
        year, _, day = parse_date(text, "dmy").split("-")
    except InvalidValue:
        return
    assert year in text
    assert str(int(day)) in text


@pytest.mark.parametrize(
    ("text", "code"),
    [("California", "CA"), ("ca", "CA"), ("Calif.", "CA"), ("N.Y.", "NY"), ("Washington, D.C.", "DC"), ("guam", "GU")],
)
def test_a_state_becomes_its_code(text: str, code: str) -> None:
    assert parse_state(text) == code


@pytest.mark.parametrize("text", ["Misery", "Bavaria", "X", "New", "unknown", "C A L"])
def test_no_other_text_becomes_a_state(text: str) -> None:
    assert refusal(lambda: parse_state(text)) == "unknown_state"


def test_every_state_is_known_by_its_name_and_its_code() -> None:
    assert all(state_code(code) == state_code(name) == code for code, name in NAME_BY_CODE.items())


@pytest.mark.parametrize(
    ("text", "names", "cleaned"),
    [
        ("  lUcKy   uTtRiDgE ", "upper", "LUCKY UTTRIDGE"),
        ("reälfire\n inc", "upper", "REÄLFIRE INC"),
        ("marie-jeanne o'neil", "title", "Marie-Jeanne O'Neil"),
        ("andrea's d’angelo", "title", "Andrea's D’Angelo"),
        (" van  Dyk ", "keep", "van Dyk"),
    ],
)
def test_names_are_squeezed_and_put_in_the_case_asked_for(text: str, names: NameCase, cleaned: str) -> None:
    assert clean_name(text, names) == cleaned


def test_a_choice_must_be_one_that_close_has() -> None:
    assert parse_choice(" Retail ", ["Retail", "Finance"]) == "Retail"
    assert parse_choice("finance", ["Retail", "Finance"]) == "Finance"
    with pytest.raises(InvalidValue, match="the closest is 'Finance'"):
        parse_choice("finances", ["Retail", "Finance"])
