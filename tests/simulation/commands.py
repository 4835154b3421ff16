"""The commands of the product as a history runs them: the layer right below their arguments and their words."""

import functools
import tempfile
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cells.field_types import Conventions
from cells.lead_fields import LeadField
from cells.maps.column_map import AskedForm
from cells.source_file import SourceFile, open_table
from cleaning import CleanFile, Requests, clean_source
from close.journal import open_journal, read_runs
from close.journal_entries import Run
from close.workers import until_error
from close_client import CloseClient
from commands.error_words import in_words
from commands.errors import Exit
from commands.import_files import write_result
from commands.import_leads import WORDS, exit_code
from importing.brakes import Brakes
from importing.import_file import Voice, import_file
from importing.organization import open_organization
from importing.outcomes import ImportResult, check_accounts
from importing.plan import Existing, ImportSettings
from importing.undo.rounds import UndoneLead
from importing.undo.undo import undo_run
from tests.simulation.close import BASE_URL
from tests.simulation.computer import Computer
from tests.simulation.network import Network

LIST_LAG = 10.0  # seconds, as the command line has it


@dataclass
class Said:
    """What a command said of itself: its exit code, the words of an error, and what became of leads."""

    code: int
    words: str = ""
    result: ImportResult | None = None
    undone: tuple[UndoneLead, ...] = ()


class Commands:
    """The commands on one computer."""

    def __init__(self, computer: Computer, network: Network, index_lag: float) -> None:
        self._computer, self._network, self._index_lag = computer, network, index_lag
        self.said: Said | None = None
        self.stop = threading.Event()

    def import_file(self, path: Path, existing: Existing, workers: int | None, limit: int | None = None) -> int:
        """Import a file, or with a limit only so many of its leads; returns the exit code."""
        settings = ImportSettings(existing=existing, workers=workers)
        return self._noted(lambda: self._import(path, settings, Brakes(limit)), str(path))

    def undo(self, run_id: str) -> int:
        """Undo a run; returns the exit code."""
        return self._noted(lambda: self._undo(run_id), run_id)

    def runs(self) -> list[Run]:
        """The runs so far, newest first."""
        return [run for run, _ in reversed(read_runs(self._computer.disk.journal))]

    def _noted(self, command: Callable[[], Said], about: str) -> int:
        computer = self._computer
        self.said = None
        try:
            self.said = command()
        except Exception as error:  # as the entry point does
            code, words = in_words(error, "the command", WORDS)
            self.said = Said(code, words)
        computer.check()
        name = Path(about).name
        computer.story.tell(
            computer.scheduler.now, computer.name, "ends", name, str(int(self.said.code)), self.said.words
        )
        return int(self.said.code)

    def _client(self) -> CloseClient:
        computer = self._computer
        session = self._network.session(computer)
        return CloseClient("key", BASE_URL, machine=computer.machine(), session=session)

    def _import(self, path: Path, settings: ImportSettings, brakes: Brakes) -> Said:
        source = _source_of(path.name, path.read_bytes())
        disk = self._computer.disk
        disk.output.mkdir(exist_ok=True)
        with open_journal(disk.journal, machine=self._computer.machine()) as journals:
            organization = open_organization(self._client(), journals, self._index_lag, LIST_LAG)
            result = import_file(
                *(organization, source, str(path), settings, self._voice(), self.stop),
                *(partial(_cleaned, path.read_bytes()), brakes),
            )
            result, _ = write_result(path, result, journals, is_rehearsed=False, as_workbook=False, folder=disk.output)
        check_accounts(result)
        if result.ended_by:
            code, words = in_words(result.ended_by, "import", WORDS)
            return Said(code, words, result)
        return Said(exit_code(result), "", result)

    def _undo(self, run_id: str) -> Said:
        done: list[UndoneLead] = []
        with open_journal(self._computer.disk.journal, machine=self._computer.machine()) as journals:
            organization = open_organization(self._client(), journals, self._index_lag, LIST_LAG)
            run = organization.journal.find_run(run_id)
            ended_by = until_error(undo_run(organization, run, self.stop, self._tell), done)
        if ended_by:
            code, words = in_words(ended_by, "undo", WORDS)
            return Said(code, words, undone=tuple(done))
        is_left = any(lead.outcome == "left" for lead in done)
        return Said(Exit.INCOMPLETE if is_left else Exit.DONE, undone=tuple(done))

    def _voice(self) -> Voice:
        return Voice(lambda plan: None, self._tell, lambda outcomes, total: iter(outcomes))

    def _tell(self, words: str) -> None:
        self._computer.story.tell(self._computer.scheduler.now, self._computer.name, "says", words)


# Reading a file and cleaning it costs more than all else, and gives the same each time -------------------------------


@functools.cache
def _source_of(name: str, content: bytes) -> SourceFile:
    """A file of a history as it is read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        with open_table(path, AskedForm()) as opened:
            return opened.read(None)


_CLEANED: dict[Hashable, CleanFile] = {}


def _cleaned(
    content: bytes,
    source: SourceFile,
    fields: Mapping[str, LeadField],
    requests: Requests,
    conventions: Conventions,
) -> CleanFile:
    """A file of a history as it is cleaned."""
    kinds = tuple((name, fields[name].kind) for name in sorted(fields) if name in source.roles.custom)
    about = content, kinds, requests
    if about not in _CLEANED:
        _CLEANED[about] = clean_source(source, fields, requests, conventions)
    return _CLEANED[about]
