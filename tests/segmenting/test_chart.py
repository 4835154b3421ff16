"""A picture of groups: what stands in it, and that nothing in a name or an amount can spoil it."""

import hashlib
import logging
import os
import re
import struct
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmenting import chart
from segmenting.chart import Bar, Picture, draw_chart, inline_svg, short_amount

SVG = "{http://www.w3.org/2000/svg}"
MAGIC: dict[Picture, bytes] = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml", "pdf": b"%PDF-"}
PICTURES: tuple[Picture, ...] = get_args(Picture)
AMOUNTS = """
0 = 0; -0.00 = 0; 0.01 = 0.01; 950 = 950; 999.4 = 999; 999.5 = 1 k; 12345.67 = 12.3 k; 12450 = 12.5 k;
-4630000 = -4.63 M; 999950 = 1 M; 1.20E+9 = 1.2 B; 3000000000000 = 3 T; 999499999999999 = 999 T;
999500000000000 = 1e15; 1e300 = 1e300; -1.2345e300 = -1.23e300; 0.00001234 = 1.23e-5; 1e-1000000000 = 1e-1000000000
"""
HOSTILE = ["Montréal & Söhne <GmbH>", "$x$ $", "$\\frac{1}{$", "a_b\\c^d%", "]]><!-- -->", "=1+1", ""]
HOSTILE += ["שלום عالم", "東京 नमस्ते 👩‍🚀"]
SQUEEZED = {" two\n\tlines\x00\x1b\u2028": "two lines", "lone \ud800\ufffe": "lone"}
AS_WRITTEN = {name: name for name in HOSTILE} | SQUEEZED


def bars(number: int) -> list[Bar]:
    return [Bar(f"Group {each}", each, Decimal(1000 * each), Decimal(100 * each)) for each in range(number, 0, -1)]


def drawn(groups: list[Bar], title: str = "Title", subtitle: str = "Subtitle") -> ElementTree.Element:
    return ElementTree.fromstring(draw_chart(groups, title, subtitle, "USD", "svg"))


def texts(svg: ElementTree.Element) -> list[str]:
    return [each.text or "" for each in svg.iter(f"{SVG}text")]


def edges(svg: ElementTree.Element, colour: str) -> list[tuple[float, float]]:
    """The left and the right end of each area of a colour."""
    areas = [each.get("d", "") for each in svg.iter(f"{SVG}path") if colour in each.get("style", "")]
    sides = [[float(x) for x in re.findall(r"[ML] (\S+)", area)] for area in areas]
    return [(min(side), max(side)) for side in sides]


@pytest.mark.parametrize(("amount", "words"), [pair.strip().split(" = ") for pair in AMOUNTS.split(";")])
def test_an_amount_in_words(amount: str, words: str) -> None:
    assert short_amount(Decimal(amount)) == words


@given(st.decimals(-(10**20), 10**20, places=4))
def test_words_are_short_and_half_a_percent_near(amount: Decimal) -> None:
    words = short_amount(amount)
    number, _, unit = words.partition(" ")
    assert abs(Decimal(number).scaleb({"": 0, "k": 3, "M": 6, "B": 9, "T": 12}[unit]) - amount) <= abs(amount) / 200
    assert len(re.sub(r"e.*|^-?(0\.0*)?|\.", "", number)) <= 3
    assert "." not in number or not re.search(r"0(e|$)", number)


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_is_of_its_kind_and_names_no_version(picture: Picture) -> None:
    made = draw_chart(bars(3), "Title", "Subtitle", "USD", picture)
    assert made.startswith(MAGIC[picture]) and b"atplotlib" not in made


def test_a_picture_has_one_width_and_grows_by_the_row() -> None:
    pictures = [draw_chart(bars(number), "Title", "Subtitle", "USD", "png") for number in (5, 25, 45)]
    (width, first), (same, second), (_, third) = (struct.unpack(">II", each[16:24]) for each in pictures)
    assert width == same == chart.WIDTH * chart.DOTS_PER_INCH
    assert third - second == second - first == 20 * chart.ROW * chart.DOTS_PER_INCH


def test_rows_stand_by_total_with_those_without_revenue_last() -> None:
    amounts = {"none": None, "Unknown": 7, "loss": -2500, "most": 4630000, "also none": None, "also 7": 7}
    groups = [
        Bar(name, row, None if total is None else Decimal(total), None if total is None else Decimal(row * 10))
        for row, (name, total) in enumerate(amounts.items(), 1)
    ]
    rows = ["most 4.63 M 4 40", "Unknown 7 2 20", "also 7 7 6 60", "loss -2.5 k 3 30"]
    rows += ["none no revenue 1 –", "also none no revenue 5 –"]
    heads = ["Total revenue, USD", "Number of leads", "Median revenue, USD", "k = thousand, M = million"]
    assert " ".join(texts(drawn(groups))) == " ".join(["Title", "Subtitle", *heads, *rows])


@pytest.mark.parametrize("zeros", [0, 3, 300, 5000])
def test_bars_are_as_long_as_their_amounts_and_losses_go_left(zeros: int) -> None:
    totals = [Decimal(each).scaleb(zeros) for each in (4, 1, -2)]
    svg = drawn([Bar("any", 1, total, None) for total in totals])
    most, some, loss = edges(svg, chart.STRONG)
    assert most[0] == some[0] == pytest.approx(loss[1])
    assert most[1] - most[0] == pytest.approx(4 * (some[1] - some[0]), abs=0.01)
    assert most[1] - most[0] == pytest.approx(2 * (loss[1] - loss[0]), abs=0.01)
    labels = {each.text: each for each in svg.iter(f"{SVG}text")}
    ends = {text: float(label.get("x", "")) for text, label in labels.items()}
    first, second, third = (ends[short_amount(total)] for total in totals)
    assert first > most[1] and second > some[1] and third < loss[0]
    assert "text-anchor: end" in labels[short_amount(totals[2])].get("style", "")
    letters = 4.5 * len(short_amount(totals[0]))  # in points; hardly any amount is narrower
    assert ends["any"] < third - letters and first + letters < ends["Number of leads"] - 72 * chart.GUTTER


def test_little_shows_and_nothing_does_not() -> None:
    svg = drawn([Bar("any", 1, total, None) for total in (Decimal(10**9), Decimal(1), Decimal(0), None)])
    much, little, *nothing = (right - left for left, right in edges(svg, chart.STRONG))
    assert much > 100 * little > 50 and nothing == [0, 0]


@pytest.mark.parametrize("picture", PICTURES)
def test_no_name_raises_or_warns(picture: Picture, caplog: pytest.LogCaptureFixture) -> None:
    for name in AS_WRITTEN:
        draw_chart([Bar(name, 1, Decimal(5), Decimal(5))], name, name, name, picture)
    assert not caplog.records


@pytest.mark.parametrize(("name", "text"), AS_WRITTEN.items())
def test_a_name_stays_the_text_that_it_is(name: str, text: str) -> None:
    assert text in [*texts(drawn([Bar(name, 1, None, None)])), ""]


def test_a_long_name_is_cut_and_a_long_title_is_not() -> None:
    title = "Leads by a field whose name goes on " * 9 + "W" * 300
    svg = drawn([Bar("Very long " * 30, 1, Decimal(5), None), Bar("漢" * 300, 1, Decimal(5), None)], title, title)
    assert max(map(len, texts(svg))) < 130
    assert "".join(texts(svg)).replace(" ", "").startswith(2 * title.replace(" ", ""))
    assert [len(each) < 50 for each in texts(svg) if "…" in each] == [True, True]
    ((left, _),) = edges(svg, chart.STRONG)[:1]
    assert left < chart.WIDTH * chart.POINTS_PER_INCH / 3


def test_a_name_that_is_cut_keeps_its_end_where_the_last_level_stands() -> None:
    svg = drawn([Bar("Federated States of Micronesia and all its islands / Finance", 1, Decimal(5), None)])
    (name,) = (each for each in texts(svg) if "…" in each)
    assert name.startswith("Federated States") and name.endswith(" / Finance")


def test_of_very_many_groups_the_first_are_shown_and_it_is_said() -> None:
    said = "These are the 80 groups with the most revenue, out of 3,000; the table lists them all."
    shown = texts(drawn(bars(3000)[::-1]))
    assert [each for each in shown if each.startswith("Group")] == [f"Group {each}" for each in range(3000, 2920, -1)]
    assert shown[-1] == said
    assert not [each for each in texts(drawn(bars(80))) if "the table" in each]


def test_without_groups_the_picture_says_so() -> None:
    svg = drawn([])
    assert texts(svg) == ["Title", "Subtitle", "No leads in this range."]
    assert edges(svg, "#ffffff") == [(0, chart.WIDTH * chart.POINTS_PER_INCH)]


def test_the_same_groups_give_the_same_bytes_elsewhere_without_a_word(folder: Path) -> None:
    script = (
        "import sys, segmenting.chart, tests.segmenting.test_chart as tests; assert 'matplotlib' not in sys.modules;"
        "print(tests.digest(), end=''); assert 'matplotlib.pyplot' not in sys.modules"
    )
    here = {"PYTHONHASHSEED": "1", "MPLCONFIGDIR": str(folder)}  # neither knows of fonts that were once installed
    elsewhere = {"PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "86400", "MPLCONFIGDIR": f"{os.devnull}/none"}
    command, root = [sys.executable, "-c", script], Path(chart.__file__).parent.parent
    told = [
        subprocess.run(command, cwd=root, env=os.environ | place, capture_output=True, text=True, check=False)
        for place in (here, elsewhere)
    ]
    assert [len(each.stdout) for each in told] == [64, 64]
    assert (told[1].stdout, told[1].stderr) == (told[0].stdout, "")


def test_what_matplotlib_is_set_to_neither_counts_nor_changes(caplog: pytest.LogCaptureFixture) -> None:
    import matplotlib as mpl

    expected = digest()
    theirs = mpl.rc_context({"font.size": 40, "figure.dpi": 300, "savefig.transparent": True, "pdf.compression": 0})
    with theirs, caplog.at_level(logging.INFO, "matplotlib"):
        before = dict(mpl.rcParams)
        assert digest() == expected
        assert (dict(mpl.rcParams), logging.getLogger("matplotlib").level) == (before, logging.INFO)


def digest() -> str:
    pictures = (draw_chart(bars(9), "Title", "Subtitle", "USD", each) for each in PICTURES)
    return hashlib.sha256(b"".join(pictures)).hexdigest()


def test_an_svg_stands_in_a_page_with_its_label() -> None:
    label = "Revenue \"by\"\nstate, <a> & 'b'"
    inline = inline_svg(draw_chart([Bar('an id="x" <style>', 1, None, None)], "Title", "", "", "svg"), label)
    svg = ElementTree.fromstring(inline)
    assert inline.startswith("<svg ") and inline.endswith("</svg>")
    assert (svg.get("role"), svg.get("aria-label")) == ("img", " ".join(label.split()))
    assert 'an id="x" <style>' in texts(svg)
    assert not [each for each in svg.iter() if each.get("id") or each.tag == f"{SVG}style"]
