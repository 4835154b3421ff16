"""The pictures of README and docs: what the commands show and write, from real runs against the sandbox.

`python docs/pictures.py` draws them again in docs/pictures/. It needs Linux or macOS, and Chromium for the pages.
"""

import contextlib
import itertools
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import openpyxl
import pyte
from PIL import Image, ImageFont, ImageOps

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
PAGES = "page.png, sandbox.png, report.png and report_narrow.png"
IMPORT = ("import", "leads.csv", "--rejects-xlsx", "--sandbox")
SERVE = ("sandbox", "--port", "0", "--index-lag", "0")
SEGMENT = ("segment", "1950-01-01", "2022-12-31", "--output", "report.html", "--chart", "chart.png", "--sandbox", "-q")
LOOK_AT = re.compile(r"Look at its leads at (\S+)")
PREVIEW = ("import", "leads.csv", "--dry-run", "--sandbox")
REPORT = ("import", "leads.csv", "--dry-run", "--report", "import.html", "--sandbox", "-q")
GONE_WELL = (0, 4)  # 4 says that not every row got into Close, which the sample file is there to show


def main() -> int:
    """Make all pictures, or all but the pages where no Chromium is found; the exit code."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "input_data", folder / "input_data")
        run(REPORT, folder)
        save("preview.svg", draw_terminal(PREVIEW, watch(PREVIEW, folder)))
        save("terminal.svg", draw_import(IMPORT, list(watch(IMPORT, folder))))
        save("rejects.svg", draw_sheet(folder / "output_data" / "leads_rejects.xlsx"))
        run(SEGMENT, folder)
        shutil.copyfile(folder / "chart.png", PICTURES / "chart.png")
        chromium = next(filter(None, map(shutil.which, CHROMIUMS)), None)
        if chromium:
            photograph(chromium, (folder / "report.html").as_uri(), PICTURES / "page.png", (1100, 780))
            photograph(chromium, (folder / "import.html").as_uri(), PICTURES / "report.png", (1280, 1500))
            photograph(chromium, (folder / "import.html").as_uri(), PICTURES / "report_narrow.png", (390, 1500))
            with served_page(folder) as address:
                photograph(chromium, address, PICTURES / "sandbox.png", (1278, 858))
    for picture in sorted(PICTURES.iterdir()):
        say(f"{picture.relative_to(ROOT)}: {picture.stat().st_size / 1000:.0f} kB")
    if not chromium:
        say(f"There is no Chromium, so {PAGES} are not new. Install it (apt-get install chromium) and run this again.")
    return 0 if chromium else 1


def save(name: str, drawing: str) -> None:
    """Write a drawing."""
    (PICTURES / name).write_text(drawing, encoding="utf-8")


def say(words: str) -> None:
    """Tell the person who makes the pictures."""
    print(words, file=sys.stderr)


# Commands ------------------------------------------------------------------------------------------------------------


def run(argv: Sequence[str], folder: Path) -> None:
    """Run a command of the product in a folder for the files that it writes."""
    ran = subprocess.run(
        command_line(argv), cwd=folder, env=environment(folder), stdout=subprocess.DEVNULL, check=False
    )
    if ran.returncode not in GONE_WELL:
        raise SystemExit(ran.returncode)


@contextlib.contextmanager
def served_page(folder: Path) -> Iterator[str]:
    """The address of the sandbox's page, with the leads that the commands in the folder left."""
    with subprocess.Popen(
        command_line(SERVE),
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield next(found[1] for line in process.stdout if (found := LOOK_AT.search(line)))
        finally:
            process.terminate()


def command_line(argv: Sequence[str]) -> list[str]:
    """The command as this machine runs it."""
    return [sys.executable, str(ROOT / "main.py"), *argv]


def environment(folder: Path) -> dict[str, str]:
    """Nothing that only this machine has, so that the pictures are the same everywhere."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", "TERM": "xterm-256color"}


# What a terminal shows -----------------------------------------------------------------------------------------------


COLUMNS, ROWS = 100, 120  # rows enough that nothing scrolls away
HALF_WAY = re.compile(r"(\d+)/(\d+) .*\d/s +\d+:\d+")  # a bar that shows how fast it goes and how long it will take


@dataclass(frozen=True, slots=True)
class Span:
    """Characters in a row that look alike."""

    text: str
    colour: str
    is_bold: bool


Line = Sequence[Span]
Screen = Sequence[Line]


def watch(argv: Sequence[str], folder: Path) -> Iterator[Screen]:
    """Each screen that a command shows on a terminal, the last one when it has ended."""
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (ROWS, COLUMNS))
    emulated = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(emulated)
    with subprocess.Popen(
        command_line(argv), cwd=folder, env=environment(folder), stdin=its, stdout=its, stderr=its
    ) as process:
        os.close(its)
        while output := read_terminal(ours):
            stream.feed(output)
            yield snapshot(emulated)
    os.close(ours)
    if process.returncode not in GONE_WELL:
        raise SystemExit("\n".join(line.rstrip() for line in emulated.display).strip())


def read_terminal(number: int) -> bytes:
    """What has come from the other side, nothing when it is closed, which Linux tells by an error."""
    try:
        return os.read(number, 65536)
    except OSError:
        return b""


def snapshot(emulated: pyte.Screen) -> Screen:
    """The lines of a screen down to the last one with anything on it."""
    written = [number for number, text in enumerate(emulated.display) if text.strip()]
    return [spans(emulated.buffer[number]) for number in range(max(written, default=-1) + 1)]


def spans(cells: dict[int, pyte.screens.Char]) -> Line:
    """A line of a screen."""
    alike = itertools.groupby((cells[column] for column in range(COLUMNS)), lambda cell: (cell.fg, cell.bold))
    return [Span("".join(cell.data for cell in found), colour, is_bold) for (colour, is_bold), found in alike]


def text_of(line: Line) -> str:
    """The characters of a line alone."""
    return "".join(span.text for span in line).rstrip()


def half_way(screens: Iterable[Screen]) -> Screen:
    """The screen whose bar, on its last line, is nearest to the middle."""
    bars = [(found, screen) for screen in screens if screen and (found := HALF_WAY.search(text_of(screen[-1])))]
    if not bars:
        raise SystemExit("The command was too fast for its progress bar to be seen. Run this again.")
    return min(bars, key=lambda bar: abs(int(bar[0][1]) / int(bar[0][2]) - 0.5))[1]


# The picture of a terminal -------------------------------------------------------------------------------------------


CELL_WIDTH, LINE_HEIGHT, TERMINAL_FONT = 7.8, 19, 13  # pixels; a character is 0.6 of its height
MARGIN, TITLE_BAR = 20, 34
SHADES = {
    "default": "#d8dee9",
    "black": "#4c566a",
    "red": "#ff6b81",
    "green": "#8fd694",
    "brown": "#ebcb8b",
    "blue": "#82aaff",
    "magenta": "#d7a1f9",
    "cyan": "#7fdbca",
    "white": "#ffffff",
}
BACKDROP, FAINT = "#1b2029", "#7d8799"
MONOSPACE = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def draw_import(argv: Sequence[str], screens: Sequence[Screen]) -> str:
    """A window with a command and the screen half-way; below a rule, what replaces the bar at the end."""
    before = [prompt_of(argv), *half_way(screens)]
    after = screens[-1][len(before) - 2 :]  # neither the prompt nor the bar is on it
    rule = TITLE_BAR + MARGIN + len(before) * LINE_HEIGHT
    below = rule + 2 * LINE_HEIGHT
    width, height = terminal_width(), below + len(after) * LINE_HEIGHT + MARGIN / 2
    drawn = [
        *draw_lines(before, TITLE_BAR + MARGIN),
        *draw_rule("and at the end", rule, width - MARGIN),
        *draw_lines(after, below),
    ]
    return draw_window(height, f"The command {command_in(argv)} on a terminal, half-way and at its end", drawn)


def draw_terminal(argv: Sequence[str], screens: Iterable[Screen]) -> str:
    """A window with a command and all that it shows."""
    *_, last = screens
    lines = [prompt_of(argv), *last]
    height = TITLE_BAR + MARGIN + len(lines) * LINE_HEIGHT + MARGIN / 2
    drawn = draw_lines(lines, TITLE_BAR + MARGIN)
    return draw_window(height, f"The command {command_in(argv)} on a terminal, and what it shows", drawn)


def prompt_of(argv: Sequence[str]) -> Line:
    """The line on which somebody typed a command."""
    return [Span("$ ", "green", True), Span(command_in(argv), "white", False)]


def command_in(argv: Sequence[str]) -> str:
    """A command as people type it."""
    return " ".join(["python", "main.py", *argv])


def terminal_width() -> float:
    """The width of the window of a terminal, in pixels."""
    return 2 * MARGIN + COLUMNS * CELL_WIDTH


def draw_window(height: float, title: str, drawn: Iterable[str]) -> str:
    """The window of a terminal with what is drawn in it."""
    width = terminal_width()
    lamps = zip(range(20, 80, 20), ("#ff5f57", "#febc2e", "#28c840"), strict=True)
    return svg(
        width,
        height,
        title,
        [
            f'<g font-family="{MONOSPACE}" font-size="{TERMINAL_FONT}">',
            f'<rect width="{width:g}" height="{height:g}" rx="10" fill="{BACKDROP}"/>',
            *(f'<circle cx="{x}" cy="18" r="6" fill="{colour}"/>' for x, colour in lamps),
            *drawn,
            "</g>",
        ],
    )


def draw_rule(words: str, y: float, end: float) -> Iterator[str]:
    """A rule from margin to margin, and words below it."""
    yield f'<path d="M{MARGIN} {y:g}H{end:g}" stroke="{FAINT}" stroke-dasharray="2 4"/>'
    yield f'<text x="{end:g}" y="{y + 16:g}" fill="{FAINT}" font-size="11" text-anchor="end">{words}</text>'


def draw_lines(lines: Iterable[Line], top: float) -> Iterator[str]:
    """Lines of a terminal, the first one's feet at the top."""
    for number, line in enumerate(lines):
        if not text_of(line):
            continue
        column, parts = 0, []
        for span in line:
            if span.text.strip():
                parts.append(draw_span(span, column, top + number * LINE_HEIGHT))
            column += len(span.text)
        yield "".join(parts)


def draw_span(span: Span, column: int, y: float) -> str:
    """Characters in the cells where they stand, as wide as those are in any font."""
    text = span.text.strip()
    x, width = MARGIN + (column + span.text.index(text)) * CELL_WIDTH, len(text) * CELL_WIDTH
    shade = SHADES.get(span.colour.removeprefix("bright"), f"#{span.colour}")
    weight = ' font-weight="bold"' if span.is_bold else ""
    size = f'textLength="{width:g}" lengthAdjust="spacingAndGlyphs"'
    return f'<text x="{x:g}" y="{y:g}" {size} fill="{shade}"{weight}>{kept(text)}</text>'


def kept(text: str) -> str:
    """A text with all its spaces: several would be drawn as one."""
    return escape(text, quote=False).replace(" ", "\N{NO-BREAK SPACE}")


# The picture of a spreadsheet ----------------------------------------------------------------------------------------


SHOWN = {  # the columns that are shown of the workbook, and how wide, in pixels
    "_row": 40,
    "_column": 114,
    "_value": 121,
    "_code": 110,
    "_reason": 226,
    "Company": 102,
    "Contact Phones": 121,
    "custom.Company Founded": 114,
    "custom.Company Revenue": 114,
}
SHEET_ROWS = 6
NUMBERS_WIDTH, LETTERS_HEIGHT, ROW_HEIGHT = 32, 24, 40
STARTS = dict(zip(SHOWN, itertools.accumulate(SHOWN.values(), initial=NUMBERS_WIDTH), strict=False))
SHEET_WIDTH = NUMBERS_WIDTH + sum(SHOWN.values())
SHEET_FONT, SHEET_LINE, PADDING = 13, 16, 5
MEASURE = ImageFont.load_default(SHEET_FONT)
NARROWER = 0.95  # a text in Arial, beside what Pillow measures with a font of its own
SANS = "Arial, Helvetica, 'Liberation Sans', sans-serif"
GRID, EDGE, PAPER, INK, BAD = "#d5d9de", "#eef0f2", "#ffffff", "#24292f", "#ffd0cb"


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a cell of a spreadsheet is."""

    x: int
    y: int
    width: int
    height: int


def draw_sheet(path: Path) -> str:
    """A workbook of rejects as a spreadsheet shows it: the first row of each code, with the bad cell marked."""
    sheet = openpyxl.load_workbook(path).worksheets[0]
    header, *rows = [[str(cell or "") for cell in row] for row in sheet.iter_rows(values_only=True)]
    chosen = first_of_each_code([dict(zip(header, row, strict=True)) for row in rows])
    numbered = [(1, dict(zip(header, header, strict=True))), *chosen]
    heights = itertools.count(LETTERS_HEIGHT, ROW_HEIGHT)
    drawn = [draw_row(number, row, y) for (number, row), y in zip(numbered, heights, strict=False)]
    return svg(
        SHEET_WIDTH + 1,
        LETTERS_HEIGHT + len(numbered) * ROW_HEIGHT + 1,
        f"{path.name} in a spreadsheet",
        [
            f'<g font-family="{SANS}" font-size="{SHEET_FONT}" fill="{INK}">',
            *draw_letters(header),
            *itertools.chain(*drawn),
            "</g>",
        ],
    )


def first_of_each_code(rows: Sequence[dict[str, str]]) -> list[tuple[int, dict[str, str]]]:
    """Rows with their numbers in the file: of each code the first whose bad value is in a column that is shown."""
    found: dict[str, tuple[int, dict[str, str]]] = {}
    for number, row in enumerate(rows, start=2):
        if row["_column"] in SHOWN and row["_value"]:
            found.setdefault(row["_code"], (number, row))
    return list(found.values())[:SHEET_ROWS]


def draw_letters(header: Sequence[str]) -> Iterator[str]:
    """The letters of the columns, as they are in the whole file."""
    yield draw_cell("", Cell(0, 0, NUMBERS_WIDTH, LETTERS_HEIGHT), EDGE)
    for name, x in STARTS.items():
        letter = chr(ord("A") + header.index(name))
        yield draw_cell(letter, Cell(x, 0, SHOWN[name], LETTERS_HEIGHT), EDGE, is_centred=True)


def draw_row(number: int, row: dict[str, str], y: int) -> Iterator[str]:
    """A row with its number before it."""
    yield draw_cell(str(number), Cell(0, y, NUMBERS_WIDTH, ROW_HEIGHT), EDGE, is_centred=True)
    for name, x in STARTS.items():
        colour = BAD if name == row["_column"] and number > 1 else PAPER
        yield draw_cell(row[name], Cell(x, y, SHOWN[name], ROW_HEIGHT), colour)


def draw_cell(text: str, cell: Cell, colour: str, *, is_centred: bool = False) -> str:
    """A cell with its border and text."""
    lines = fit(text, cell.width - 2 * PADDING, cell.height // SHEET_LINE)
    x, anchor = (cell.x + cell.width / 2, ' text-anchor="middle"') if is_centred else (cell.x + PADDING + 0.5, "")
    top = cell.y + (cell.height - (len(lines) - 1) * SHEET_LINE + 0.7 * SHEET_FONT) / 2
    texts = [
        f'<text x="{x:g}" y="{top + number * SHEET_LINE:g}"{anchor}>{escape(line, quote=False)}</text>'
        for number, line in enumerate(lines)
    ]
    place = f'x="{cell.x}.5" y="{cell.y}.5" width="{cell.width}" height="{cell.height}"'
    return f'<rect {place} fill="{colour}" stroke="{GRID}"/>{"".join(texts)}'


def fit(text: str, width: int, lines: int) -> list[str]:
    """A text in so many lines of a cell, with an ellipsis where it is cut."""
    broken = [""]
    for word in text.split():
        longer = f"{broken[-1]} {word}".strip()
        if longer == word or is_fitting(longer, width):
            broken[-1] = longer
        else:
            broken.append(word)
    shown = [*broken[: lines - 1], " ".join(broken[lines - 1 :])]
    return [cut(line, width) for line in shown if line]


def cut(text: str, width: int) -> str:
    """As much of a text as there is room for in a line."""
    if is_fitting(text, width):
        return text
    return next(short for end in range(len(text), -1, -1) if is_fitting(short := f"{text[:end]}…", width))


def is_fitting(text: str, width: int) -> bool:
    """Whether a text has room in a line."""
    return MEASURE.getlength(text) * NARROWER <= width


def svg(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    """A drawing that grows and shrinks with the page it is on."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img">',
            f"<title>{escape(title)}</title>",
            *parts,
            "</svg>\n",
        ]
    )


# The pictures of pages ------------------------------------------------------------------------------------------------


CHROMIUMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
QUIET = (  # it opens one page, and is to ask nobody about anything
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--hide-scrollbars",
)
PAGE_COLOURS = 128


def photograph(chromium: str, address: str, picture: Path, size: tuple[int, int]) -> None:
    """The top of a page as Chromium shows it in a window of this size in pixels, in few colours, to be small."""
    with tempfile.TemporaryDirectory() as profile:
        window = "--window-size={},{}".format(*size)
        flags = [*QUIET, f"--user-data-dir={profile}", window, f"--screenshot={picture}"]
        subprocess.run([chromium, *flags, address], check=True, capture_output=True, timeout=120)
    with Image.open(picture) as image:
        framed = ImageOps.expand(image.convert("RGB"), border=1, fill=GRID)
    few = framed.quantize(PAGE_COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)


if __name__ == "__main__":
    raise SystemExit(main())
