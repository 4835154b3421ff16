"""The files of a segment: which are written, where, and in which format."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from cells.safe_text import csv_text
from close.machine import THIS_MACHINE, Disk
from commands.errors import UsageError
from commands.files import OUTPUT_FOLDER, PAGE_SUFFIXES, check_replaceable, file_of_kind, write_files
from segmenting.chart import draw_report, inline_svg, letters_lacking
from segmenting.page import page
from segmenting.report import Findings, Report
from segmenting.text import csv_lines
from segmenting.workbook import workbook

OUTPUT = OUTPUT_FOLDER / "output.csv"
TABLE_SUFFIXES = (".csv", ".xlsx", *PAGE_SUFFIXES, ".txt", "")
CHART_SUFFIXES = (".png", ".svg", ".pdf")
MOST_LETTERS = 20  # in one warning


def output_file(text: str) -> Path | None:
    """Where a table goes; None for standard output."""
    return None if text == "-" else file_of_kind(text, TABLE_SUFFIXES)


def chart_file(text: str) -> Path:
    """Where a picture goes."""
    return file_of_kind(text, CHART_SUFFIXES)


@dataclass(frozen=True, slots=True)
class SegmentFiles:
    """Where the files of a segment go, None for each that is not written."""

    output: Path | None
    top: Path | None
    chart: Path | None

    def check(self) -> None:
        """Raise UsageError for what can't be written. The output and the chart were already checked as arguments."""
        for path in filter(None, (self.output, self.top, self.chart)):
            check_replaceable(path)
        written = [path.resolve() for path in (self.output, self.top, self.chart) if path]
        if len(set(written)) < len(written):
            raise UsageError("Two of the files to write are the same file. Choose another name for --output or --chart")


def files_asked_for(args: argparse.Namespace) -> SegmentFiles:
    """The files that a command asks for."""
    return SegmentFiles(args.output, top_beside(args.output) if args.top else None, args.chart)


def top_beside(output: Path | None) -> Path:
    """Where the best leads of each group go: beside the table."""
    beside = output or OUTPUT
    return beside.with_stem(f"{beside.stem}_top")


def write_segment_files(
    files: SegmentFiles, findings: Findings, disk: Disk = THIS_MACHINE.disk
) -> dict[str, str | None]:
    """Write the files; return their paths by kind. None is written before all are made, so they belong together."""
    currency = findings.provenance.account.currency
    contents: dict[Path, bytes] = {}
    if files.output:
        contents[files.output] = in_format(findings.groups, files.output.suffix, currency)
    if files.top and findings.top:
        contents[files.top] = in_format(findings.top, files.top.suffix)
    if files.chart:
        contents[files.chart] = draw_report(findings.groups, files.chart.suffix, currency)
    write_files(contents.items(), disk)
    paths = {"output": files.output, "top": files.top, "chart": files.chart}
    return {kind: str(path) if path else None for kind, path in paths.items()}


def chart_warnings(files: SegmentFiles, findings: Findings) -> list[str]:
    """What the chart can't show, if there is one and it can't show something."""
    lacking = letters_lacking(findings.groups, files.chart.suffix) if files.chart else ""
    if not lacking:
        return []
    shown = " ".join(lacking[:MOST_LETTERS]) + (
        f" and {len(lacking) - MOST_LETTERS} more" * (len(lacking) > MOST_LETTERS)
    )
    advice = "Choose a chart that ends in .svg, or install a font that has them, such as Noto Sans CJK"
    return [f"the chart shows boxes in place of letters that the fonts of this computer lack: {shown}. {advice}"]


def in_format(report: Report, suffix: str, currency: str | None = None) -> bytes:
    """A report in the format of a file's suffix: workbook, page, else CSV. With a currency, a page has a chart."""
    if suffix.lower() == ".xlsx":
        return workbook(report)
    if suffix.lower() in PAGE_SUFFIXES:
        return page(report, _chart_within(report, currency) if currency is not None else "").encode()
    return as_csv(report).encode()


def as_csv(report: Report) -> str:
    """A report as lines of CSV."""
    return csv_text(csv_lines(report))


def _chart_within(report: Report, currency: str) -> str:
    """A report as a picture for use inside its page, which has the titles."""
    return inline_svg(draw_report(report, "svg", currency, is_titled=False), report.title)
