"""What programs put around a cell makes no difference to any kind of value, and each value ends in one way only."""

import html
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from cells.columns import Parser, known_parsers, parse_column, texts_of
from cells.field_types import Conventions, field_parser
from cells.lead_fields import LeadField
from cells.parsed import Parsed
from cells.wrapped import unwrapped

import pandas as pd  # isort: skip

CHOICES = ("Gold", "Silver", "Food, Wine", "R&D")
USERS = {"ann bee": ["user_1"], "ann@us.com": ["user_1"]}
FIELD_KINDS = ("text", "textarea", "number", "date", "datetime", "user", "contact")
KINDS = {
    **known_parsers("upper", "US"),
    **{kind: field_parser(LeadField("X", kind), Conventions(users=USERS), "dmy") for kind in FIELD_KINDS},
    "choices": field_parser(LeadField("X", "choices", choices=CHOICES, is_multiple=True), Conventions()),
    "choice": field_parser(LeadField("X", "choices", choices=CHOICES), Conventions()),
    "zip": field_parser(LeadField("Zip", "text"), Conventions()),
}

values = st.sampled_from(
    [
        *("Ann Bee", "Müller & Söhne", "ann@acme.com", "a@x.com, b@x.com", "+1 415 555 0100", "415-555-0100 x12"),
        *("CA", "State of Nevada", "1,234.50", "$1.5M", "(7)", "17.05.1987", "25/12/2011", "2024-01-15T10:11:12Z"),
        *("Gold", "silver", "Food, Wine;Gold", "R&D", "ann bee", "user_1", "cont_1", "00123", "02134", "0", "x"),
        *("N/A", "-", "none", "#REF!", "(blank)", "Unknown", "000-000-0000", "soon", "a@", "12.5.", "ann@acme.co,uk"),
        *("Zoë <zoe@acme.com>", "1-800-FLOWERS", "May 2012", "Ann Bee\nBob Cee", "=1+1", "@Delta", "'t Hoen"),
    ]
)

Wrapping = Callable[[str], str]
wrappings: st.SearchStrategy[Wrapping] = st.sampled_from(
    [
        lambda text: f'="{text}"'.replace('""', '"') if '"' not in text else text,
        lambda text: f"'{text}" if text[:1] not in "'\"" else text,
        lambda text: f"\u200b{text}\u200e",
        lambda text: f"\ufeff {text}\u00a0",
        lambda text: "\u2060".join(text) if text.isascii() else text,
        lambda text: html.escape(text, quote=False),
        lambda text: "".join(f"&#{ord(char)};" if char in "Aag1" else char for char in text),
        lambda text: f'"{text}"' if '"' not in text else text,
        lambda text: f"  {text}\t",
    ]
)


def cell_parsed(parser: Parser, cell: str) -> Parsed:
    """What a column with one cell comes to."""
    column = parse_column(texts_of(pd.Series([cell], index=[2])), parser)
    return Parsed(column.all_of(0), column.lost.get(0, ()), column.placeholders.get(0, 0))


@given(kind=st.sampled_from(sorted(KINDS)), text=values, wrap=wrappings)
def test_what_is_around_a_value_makes_no_difference_to_any_kind(kind: str, text: str, wrap: Wrapping) -> None:
    plain, wrapped = cell_parsed(KINDS[kind], text), cell_parsed(KINDS[kind], wrap(text))
    is_text_by_mark = (
        text.startswith("=") and unwrapped(wrap(text)) == text and wrap(text).strip("\ufeff\u200b ")[:1] != "="
    )
    if text.startswith("=") and (is_text_by_mark or wrap(text).startswith('="')):
        return  # a mark that says that this is a text, not a formula
    assert (wrapped.values, wrapped.placeholders) == (plain.values, plain.placeholders)
    assert [code for _, code, _ in wrapped.lost] == [code for _, code, _ in plain.lost]


parts = st.lists(values | st.text(alphabet="aZ09 @.,;|/-+=&'\"()#\u200b\n", max_size=8), min_size=1, max_size=3)


@given(kind=st.sampled_from(sorted(KINDS)), some=parts, mark=st.sampled_from([";", ", ", "\n", " / ", "|"]))
def test_each_value_is_kept_or_a_placeholder_or_reported_and_only_one_of_these(
    kind: str, some: list[str], mark: str
) -> None:
    cell = mark.join(some)
    values, lost, placeholders = cell_parsed(KINDS[kind], cell)
    if not unwrapped(cell).strip("\"'<>()|/:;, \n"):
        return
    assert values or lost or placeholders
    assert not {text for text, *_ in lost} & set(map(str, values))
    if kind not in ("Contact Emails", "Contact Phones", "Contact Name", "choices"):  # which may hold several
        assert bool(values) + bool(lost) + bool(placeholders) == 1
        assert len(values) + len(lost) + placeholders == 1


@given(st.text())
def test_nothing_is_left_to_unwrap(text: str) -> None:
    once = unwrapped(text)
    assert once == once.strip()
    if once[:1] not in "='\"“" and "&" not in once:
        assert unwrapped(once) == once
