"""A table of groups as a picture: total revenue as bars, number of leads and median beside it."""

import io
import logging
import re
import textwrap
import unicodedata
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_UP, Context, Decimal
from functools import cache
from typing import TYPE_CHECKING, Literal, cast
from xml.sax.saxutils import quoteattr

from segmenting.columns import LEADS, MEDIAN, TOTAL
from segmenting.report import Report

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties
    from matplotlib.ft2font import FT2Font

MOST_BARS = 80  # a taller picture would fit neither a page nor a screen
UNITS = {0: "", 3: "k", 6: "M", 9: "B", 12: "T"}  # by power of ten
UNIT_NAMES = {"k": "thousand", "M": "million", "B": "billion", "T": "trillion"}
SHORT = Context(prec=3, rounding=ROUND_HALF_UP, Emax=MAX_EMAX, Emin=MIN_EMIN)
EXACT_ENOUGH = Context(prec=9)  # for the length of a bar
NO_LEADS = "No leads in this range."
NO_REVENUE = "no revenue"
NO_MEDIAN = "–"

# Lengths are in inches.
WIDTH = 11.0
MARGIN = 0.4
ROW = 0.27
THICKNESS = 0.17  # of a bar
HAIR = 2 / 150  # of a line; bars are at least this long, so that little does not look like nothing
LONGEST_NAME = 2.6
MOST_LETTERS = 250  # of a name that are measured at most
LEADS_WIDTH = 1.5
MEDIAN_WIDTH = 1.9
GUTTER = 0.4  # between panels
GAP = 0.07  # between a bar and its words
DOTS_PER_INCH = 150
POINTS_PER_INCH = 72

INK = "#1b2733"
QUIET = "#5b6773"
STRONG = "#1f5f99"
SOFT = "#6a9ac4"  # three times as dark as the paper, which a bar needs to be seen
BAND = "#f4f6f8"
AXIS = "#9aa5b0"

# DejaVu comes with matplotlib; Verdana has its widths, for a browser on a machine without it.
SANS = ["DejaVu Sans", "Verdana", "Segoe UI", "Helvetica", "Arial"]
# Used for characters that DejaVu lacks, if installed. Color emoji fonts are bitmaps, which can't be drawn.
FALLBACKS = [
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Noto Sans JP", "Noto Sans KR", "Source Han Sans SC"),
    *("PingFang SC", "Hiragino Sans GB", "Hiragino Sans", "Apple SD Gothic Neo", "Arial Unicode MS"),
    *("Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Nirmala UI", "Leelawadee UI", "Segoe UI Symbol"),
    *("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback", "Noto Sans Devanagari", "Noto Sans Thai"),
    *("Segoe UI Emoji", "Noto Emoji", "Symbola"),
]
OURS = {
    "font.sans-serif": SANS,
    "svg.fonttype": "none",  # text stays text, shown in the fonts of the viewer
    "pdf.fonttype": 3,  # with 42, text in an OpenType font, such as most Chinese ones, is blank
}
METADATA: dict[str, dict[str, None]] = {  # without dates and versions, so that the same groups give the same bytes
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}

UNDRAWN = ("Zs", "Mn", "Me", "Cf")  # categories of characters without a picture of their own
Picture = Literal["png", "svg", "pdf"]


@dataclass(frozen=True, slots=True)
class Bar:
    """A group in a chart: its name, number of leads, total and median revenue, None where no lead has revenue."""

    group: str
    leads: int
    total: Decimal | None
    median: Decimal | None


@dataclass(frozen=True, slots=True)
class _Type:
    """How a text looks: its size in points, color and weight."""

    size: float
    colour: str = INK
    weight: Literal["normal", "bold"] = "normal"

    @property
    def line_height(self) -> float:
        return self.size * 1.35 / POINTS_PER_INCH


TITLE = _Type(16, weight="bold")
SUBTITLE = _Type(10.5, QUIET)
HEADING = _Type(9, weight="bold")
REMARK = _Type(8.5, QUIET)
NAME = _Type(9.5)
VALUE = _Type(9)
NOTHING = _Type(9, QUIET)


def short_amount(amount: Decimal) -> str:
    """An amount in three significant digits, such as `950`, `12.3 k`, `-4.63 M`, `1e300`, without zeros at its end."""
    rounded = amount.normalize(SHORT)
    if not rounded:
        return "0"
    power = max(rounded.adjusted() // 3 * 3, 0)
    if power not in UNITS or rounded.adjusted() < -3:
        return f"{rounded.scaleb(-rounded.adjusted(), SHORT):f}e{rounded.adjusted()}"
    return f"{rounded.scaleb(-power, SHORT):f} {UNITS[power]}".rstrip()


def draw_chart(bars: Sequence[Bar], title: str, subtitle: str, currency: str, picture: Picture) -> bytes:
    """A picture with a row per group, the most revenue first, groups without revenue last.

    If there are very many groups, it shows only the first ones and says so. Without a title, it is for a page that has
    one of its own. The same groups give the same bytes on the same machine.
    """
    with _undisturbed():
        sheet = _Sheet()
        if title:
            _write_titles(sheet, title, subtitle)
        if bars:
            _draw_groups(sheet, bars, _drawable(currency))
        else:
            sheet.write_lines(NO_LEADS, SUBTITLE)
        return sheet.saved(picture)


def draw_report(report: Report, suffix: str, currency: str, *, is_titled: bool = True) -> bytes:
    """The groups of a report as a picture, in the format that the suffix of a file name says."""
    bars = _bars_of(report)
    titles = (f"Total revenue by {' and '.join(report.names)}", report.subtitle) if is_titled else ("", "")
    return draw_chart(bars, *titles, currency, cast(Picture, suffix.lower().removeprefix(".")))


def letters_lacking(report: Report, suffix: str) -> str:
    """The letters of a report that a picture can't show because no font for it has them, in order.

    In an SVG picture, text stays text, shown in the fonts of whoever looks at it.
    """
    if suffix.lower() == ".svg":
        return ""
    names = [bar.group for bar in sorted(_bars_of(report), key=_rank)[:MOST_BARS]]
    letters = set(_drawable(" ".join([report.subtitle, *report.names, *names])))
    drawn = sorted(letter for letter in letters if unicodedata.category(letter) not in UNDRAWN)
    return "".join(letter for letter in drawn if not any(font.get_char_index(ord(letter)) for font in _fonts()))


def _bars_of(report: Report) -> list[Bar]:
    return [
        Bar(" / ".join(record[name] for name in report.names), record[LEADS], record[TOTAL], record[MEDIAN])
        for record in report.records()
        if record[LEADS]
    ]


@cache
def _fonts() -> "list[FT2Font]":
    """The fonts that pictures are drawn in, of those that are installed."""
    from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

    installed = set(fontManager.get_font_names())
    names = [name for name in (*SANS, *FALLBACKS) if name in installed]
    return [get_font(findfont(FontProperties(family=[name]))) for name in names]


def _write_titles(sheet: "_Sheet", title: str, subtitle: str) -> None:
    sheet.write_lines(_drawable(title), TITLE)
    sheet.skip(0.04)
    sheet.write_lines(_drawable(subtitle), SUBTITLE)
    sheet.skip(0.2)


def inline_svg(svg: bytes, label: str) -> str:
    """The `<svg>` element of a picture, for use inside an HTML page, with a label for people who do not see it.

    Its ids and its style sheet are removed: they would apply to the whole page, and the picture does not need them.
    """
    text = svg.decode()
    element = re.sub(r"<style.*?</style>", "", text[text.index("<svg ") :].strip(), flags=re.DOTALL)
    element = re.sub(r'<g id="[^"]*"', "<g", element)
    return element.replace("<svg ", f'<svg role="img" aria-label={quoteattr(_drawable(label))} ', 1)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore the user's matplotlib settings, and keep matplotlib from commenting on fonts."""
    loggers = [logging.getLogger(name) for name in ("matplotlib", "fontTools")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        from matplotlib import style

        with style.context(["default", OURS]), warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class _Sheet:
    """White paper of a fixed width, filled from the top down; places are in inches from its top left corner."""

    def __init__(self) -> None:
        from matplotlib.figure import Figure
        from matplotlib.transforms import Affine2D

        self.figure: Figure = Figure(figsize=(WIDTH, WIDTH), facecolor="white")
        self._upside_down = Affine2D().scale(1, -1)
        self._places = self._upside_down + self.figure.dpi_scale_trans
        self.bottom = MARGIN

    def skip(self, height: float) -> None:
        self.bottom += height

    def write_lines(self, text: str, kind: _Type, left: float = MARGIN) -> None:
        """Write a text below what is there, in as many lines as it takes."""
        for line in _wrapped(text, kind, WIDTH - MARGIN - left):
            self.bottom += kind.line_height
            self.write(line, kind, left, self.bottom - kind.line_height / 2)

    def write(self, text: str, kind: _Type, x: float, middle: float, side: Literal["left", "right"] = "left") -> None:
        """Write a text on one line that starts, or ends, at a place."""
        baseline = middle + 0.36 * kind.size / POINTS_PER_INCH  # half the height of a capital
        self.figure.text(
            *(x, baseline, text),
            transform=self._places,
            color=kind.colour,
            fontproperties=_font(kind),
            ha=side,
            va="baseline",
            parse_math=False,
        )

    def fill(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        from matplotlib.patches import Rectangle

        area = Rectangle((x, y), width, height, transform=self._places, facecolor=colour, linewidth=0)
        self.figure.add_artist(area)

    def saved(self, picture: Picture) -> bytes:
        height = self.bottom + MARGIN
        self._upside_down.translate(0, height)
        self.figure.set_size_inches(WIDTH, height)
        file = io.BytesIO()
        self.figure.savefig(file, format=picture, dpi=DOTS_PER_INCH, metadata=METADATA[picture])
        return file.getvalue()


@dataclass(frozen=True, slots=True)
class _Panel:
    """One figure of all groups, in a part of the sheet's width: signed lengths of bars, and the words at their ends."""

    heading: str
    left: float
    zero: float
    lengths: Sequence[float]
    words: Sequence[str]
    colour: str


def _draw_groups(sheet: _Sheet, bars: Sequence[Bar], currency: str) -> None:
    shown = sorted(bars, key=_rank)[:MOST_BARS]
    names = [_shortened(_drawable(bar.group), NAME, LONGEST_NAME) for bar in shown]
    right_of_names = MARGIN + max(_inches(name, NAME) for name in names)
    panels = _panels(shown, right_of_names + 2.5 * GAP, currency)
    _draw_headings(sheet, panels)
    _draw_rows(sheet, names, right_of_names, panels)
    if len(bars) > MOST_BARS:
        sheet.skip(0.15)
        said = (
            f"These are the {MOST_BARS} groups with the most revenue, out of {len(bars):,}; the table lists them all."
        )
        sheet.write_lines(said, REMARK)


def _rank(bar: Bar) -> tuple[bool, Decimal]:
    return bar.total is None, (bar.total or Decimal()).copy_negate()


def _panels(bars: Sequence[Bar], left: float, currency: str) -> list[_Panel]:
    unit = f", {currency}" if currency else ""
    medians = WIDTH - MARGIN - MEDIAN_WIDTH
    leads = medians - GUTTER - LEADS_WIDTH
    return [
        _panel(f"Total revenue{unit}", left, leads - GUTTER, [bar.total for bar in bars], NO_REVENUE, STRONG),
        _panel("Number of leads", leads, medians - GUTTER, [bar.leads for bar in bars], "", SOFT),
        _panel(f"Median revenue{unit}", medians, WIDTH - MARGIN, [bar.median for bar in bars], NO_MEDIAN, SOFT),
    ]


def _panel(
    heading: str, left: float, right: float, amounts: Sequence[Decimal | int | None], nothing: str, colour: str
) -> _Panel:
    words = [nothing if amount is None else _words(amount) for amount in amounts]
    shares = _shares([Decimal(amount or 0) for amount in amounts])
    room = [_inches(word, VALUE) + GAP for word in words]
    scale = _scale(shares, room, right - left)
    lengths = [share * scale for share in shares]
    zero = left + max((space - length for length, space in zip(lengths, room, strict=True) if length < 0), default=0.0)
    return _Panel(_shortened(heading, HEADING, right - left), left, zero, lengths, words, colour)


def _scale(shares: Sequence[float], room: Sequence[float], width: float) -> float:
    """The length of a share of 1: the longest that leaves every bar, left or right of zero, room for its words."""
    below = [(0.0, 0.0), *((-share, space) for share, space in zip(shares, room, strict=True) if share < 0)]
    above = [(0.0, 0.0), *((share, space) for share, space in zip(shares, room, strict=True) if share >= 0)]
    pairs = [(low + high, under + over) for low, under in below for high, over in above]
    return min(((width - taken) / share for share, taken in pairs if share), default=0.0)


def _words(amount: Decimal | int) -> str:
    return f"{amount:,}" if isinstance(amount, int) else short_amount(amount)


def _shares(amounts: Sequence[Decimal]) -> list[float]:
    """Each amount as a share of the largest, from -1 to 1: shares are small numbers, however large the amounts are."""
    largest = max(amount.copy_abs() for amount in amounts)
    return [float(EXACT_ENOUGH.divide(amount, largest)) if largest else 0.0 for amount in amounts]


def _draw_headings(sheet: _Sheet, panels: Sequence[_Panel]) -> None:
    units = _units(word for panel in panels for word in panel.words)
    sheet.skip(HEADING.line_height)
    for panel in panels:
        sheet.write(panel.heading, HEADING, panel.left, sheet.bottom - HEADING.line_height / 2)
    if units:
        sheet.write_lines(units, REMARK, panels[0].left)
    sheet.skip(0.06)


def _units(words: Iterator[str]) -> str:
    """What the letters after amounts mean, for those that occur."""
    letters = {word.rpartition(" ")[2] for word in words}
    return ", ".join(f"{letter} = {name}" for letter, name in UNIT_NAMES.items() if letter in letters)


def _draw_rows(sheet: _Sheet, names: Sequence[str], right_of_names: float, panels: Sequence[_Panel]) -> None:
    _draw_ground(sheet, len(names), panels)
    for row, name in enumerate(names):
        middle = sheet.bottom + ROW / 2
        sheet.write(name, NAME, right_of_names, middle, "right")
        for panel in panels:
            _draw_bar(sheet, panel, row, middle)
        sheet.skip(ROW)


def _draw_ground(sheet: _Sheet, rows: int, panels: Sequence[_Panel]) -> None:
    """Draw the background that guides the eye: a band behind every other row, and the zero line of each panel."""
    for row in range(0, rows if rows > 2 else 0, 2):
        sheet.fill(MARGIN - GAP, sheet.bottom + row * ROW, WIDTH - 2 * (MARGIN - GAP), ROW, BAND)
    for panel in panels:
        sheet.fill(panel.zero - HAIR / 2, sheet.bottom, HAIR, rows * ROW, AXIS)


def _draw_bar(sheet: _Sheet, panel: _Panel, row: int, middle: float) -> None:
    """Draw a bar from zero to the right, or to the left for a negative amount, with its words beyond its end."""
    length, words = panel.lengths[row], panel.words[row]
    is_nothing = words in ("0", NO_REVENUE, NO_MEDIAN)
    drawn = 0.0 if is_nothing else max(abs(length), HAIR)
    end = panel.zero - drawn if length < 0 else panel.zero
    sheet.fill(end, middle - THICKNESS / 2, drawn, THICKNESS, panel.colour)
    if length < 0:
        sheet.write(words, VALUE, end - GAP, middle, "right")
    else:
        sheet.write(words, NOTHING if is_nothing else VALUE, end + drawn + GAP, middle)


def _drawable(text: str) -> str:
    """A text on one line, without characters that XML and fonts can't show."""
    kept = (" " if unicodedata.category(each) in ("Cc", "Cs") or each in "\ufffe\uffff" else each for each in text)
    return " ".join("".join(kept).split())


def _wrapped(text: str, kind: _Type, width: float) -> list[str]:
    """The text broken into lines that are not too wide."""
    for letters in range(min(len(text), MOST_LETTERS), 0, -1):
        lines = textwrap.wrap(text, letters)
        if all(_inches(line, kind) <= width for line in lines):
            return lines
    return []


def _shortened(text: str, kind: _Type, width: float) -> str:
    """The text, or as much of its beginning and end as fits: the last level of groups is at the end."""
    if len(text) <= MOST_LETTERS and _inches(text, kind) <= width:
        return text
    longest = min(len(text), MOST_LETTERS)
    kept = bisect_right(range(1, longest), width, key=lambda letters: _inches(_without_middle(text, letters), kind))
    return _without_middle(text, kept)


def _without_middle(text: str, letters: int) -> str:
    end = letters // 3
    return f"{text[: letters - end].rstrip()}…{text[len(text) - end :].lstrip()}"


def _inches(text: str, kind: _Type) -> float:
    from matplotlib.textpath import text_to_path

    return text_to_path.get_text_width_height_descent(text, _font(kind), ismath=False)[0] / POINTS_PER_INCH


@cache
def _font(kind: _Type) -> "FontProperties":
    """A font with fallbacks, only those that are installed: matplotlib comments on each missing one."""
    from matplotlib.font_manager import FontProperties, fontManager

    installed = set(fontManager.get_font_names())
    families = ["sans-serif", *(name for name in FALLBACKS if name in installed)]
    return FontProperties(family=families, size=kind.size, weight=kind.weight)
