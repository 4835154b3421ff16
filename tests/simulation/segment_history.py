"""One history in which leads are summed up, again and again, while others import, undo, and work on them."""

import contextlib
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from close.fields import UnusableName
from close.walk import Note
from close_client import CloseClient
from commands import segment
from commands.error_words import in_words
from commands.errors import Exit
from commands.segment_files import SegmentFiles, as_csv, write_segment_files
from segmentation import segment_leads
from segmenting.plan import SegmentRequest, Span
from segmenting.report import Findings, Presentation
from segmenting.unseen import Listener, OwnImports
from tests.simulation.close import BASE_URL
from tests.simulation.computer import Computer
from tests.simulation.disk import SimulatedDisk
from tests.simulation.history import INDEX_LAG, UNTIL_ALL_SHOWS, UNTIL_KNOWN, History, Played, folder_of_histories
from tests.simulation.segment_invariants import SegmentInvariants

ALL_DAYS = Span(date(2000, 1, 1), date(2100, 1, 1))
EIGHTIES = Span(date(1980, 1, 1), date(1989, 12, 31))
MOST_TOP = 1_000  # so that a second table names all leads with revenue


class JournalOfAnother(SimulatedDisk):
    """The disk of a command that looks into the journal of an import, all at once."""

    def connect(self, path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)


@dataclass
class Segmented:
    """What a segment came to: its exit code and words, and its findings if it has any."""

    code: int
    words: str = ""
    findings: Findings | None = None


class SegmentHistory(History):
    """The world of one seed, with an analyst who works on the computer of the first one who imports."""

    def __init__(self, seed: int, folder: Path) -> None:
        super().__init__(seed, folder)
        draw = self._script = random.Random(f"segment {seed}")
        self.close.most_per_page = draw.choice((None, 1, 2, 3))
        self.sums = SegmentInvariants(self)
        disk = JournalOfAnother(folder / "S")
        disk.output.mkdir(parents=True)
        self.analyst = Computer("S", self.scheduler, random.Random(f"analyst {seed}"), disk, self.story)
        disk.tell = lambda *about: self.story.tell(self.scheduler.now, "S", *about)
        self._written: set[bytes] = set()  # tables that may be in the file

    def _happen(self) -> None:
        draw = self._script
        self.scheduler.sleep(UNTIL_KNOWN)
        self.lags.begin()
        tasks = [self.scheduler.spawn(each.computer.name, partial(self._troubles, each)) for each in self.users]
        times, longest = draw.randint(0, 12), draw.choice((1.0, 5.0, 30.0))
        tasks.append(self.scheduler.spawn("colleague", lambda: self.colleague.work(times, longest)))
        tasks.append(self.scheduler.spawn("S", self._analyse))
        for task in tasks:
            self.scheduler.join(task)
        self.weather.clear_up()
        self.lags.end()
        self.story.tell(self.scheduler.now, "", "calm", "nothing goes wrong from now on")
        self.scheduler.sleep(UNTIL_ALL_SHOWS)
        self.scheduler.join(self.scheduler.spawn("S", self._sum_up_in_calm))

    def _sum_up_in_calm(self) -> None:
        """Sum up once more: now there is nothing that a segment can't see."""
        ended = self._sum_up(self._script, can_crash=False)
        if ended and not ended.findings and ended.code != Exit.USAGE:
            self.sums.note_broken(f"a segment ends with {ended.code}: {ended.words}")

    def _analyse(self) -> None:
        draw = self._script
        for _ in range(draw.randint(1, 4)):
            self.scheduler.sleep(draw.expovariate(1 / draw.choice((3.0, 20.0, 60.0))))
            self._sum_up(draw)

    def _sum_up(self, draw: random.Random, *, can_crash: bool = True) -> Segmented | None:
        self.analyst.ahead = self.users[0].computer.ahead
        if can_crash and draw.random() < 0.2:
            self.analyst.dies_at = draw.randint(1, 40)
            self.analyst.loses_power = draw.random() < 0.5
        is_of_all = draw.random() < 0.6
        request = SegmentRequest(ALL_DAYS, "created") if is_of_all else SegmentRequest(EIGHTIES)
        self.sums.note_beginning(self.users[0].computer.disk.journal)
        began = self.scheduler.now
        self.story.tell(began, "S", "sums up", request.date_field)
        made: list[Segmented] = []
        waits = draw.random() < 0.3
        code = self.analyst.run(lambda: self._noted(request, is_awaited=waits, made=made))
        self.story.count("crashes" if code is None else "commands")
        self.sums.check_end(made[0] if made else None, self.scheduler.now - began, is_of_all=is_of_all)
        self._check_file()
        return made[0] if made else None

    def _noted(self, request: SegmentRequest, *, is_awaited: bool, made: list[Segmented]) -> int:
        try:
            findings = self._segmented(request, is_awaited=is_awaited)
            made.append(Segmented(0, "", findings))
        except UnusableName as unusable:  # an import has not made the field yet
            made.append(Segmented(Exit.USAGE, unusable.problem))
        except Exception as error:  # as the entry point does
            made.append(Segmented(*in_words(error, "segment", segment.WORDS)))
        self.analyst.check()
        counts = made[0].findings.counts if made[0].findings else ""
        self.story.tell(self.scheduler.now, "S", "ends", str(int(made[0].code)), made[0].words, counts)
        return int(made[0].code)

    def _segmented(self, request: SegmentRequest, *, is_awaited: bool) -> Findings:
        machine, disk = self.analyst.machine(), self.analyst.disk
        close = CloseClient("key", BASE_URL, machine=machine, session=self.network.session(self.analyst))
        imports = OwnImports(self.users[0].computer.disk.journal, INDEX_LAG, is_awaited)
        listener = Listener(_unnoted, lambda leads: self.story.tell(self.scheduler.now, "S", "waits", str(leads)))
        findings = segment_leads(close, request, Presentation(top=MOST_TOP), imports, listener)
        self._written.add(as_csv(findings.groups).encode())
        output = disk.output / "output.csv"
        write_segment_files(SegmentFiles(output, output.with_stem("output_top"), None), findings, disk)
        return findings

    def _check_file(self) -> None:
        """The file has one table, whole, whatever happened while it was written."""
        path = self.analyst.disk.output / "output.csv"
        if path.exists() and path.read_bytes() not in self._written:
            self.sums.note_broken("output.csv is not a whole table")


@contextlib.contextmanager
def _unnoted() -> Iterator[Note]:
    yield lambda read, total: None


def play(seed: int) -> Played:
    """The history of a seed."""
    with folder_of_histories() as folder:
        history = SegmentHistory(seed, folder)
        broken = [*history.play(), *history.sums.broken]
        return Played(seed, history.story, broken, history.scheduler.now)
