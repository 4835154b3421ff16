"""The verb `qualify` as a history runs it: right below its environment, and with what it prints on a console."""

import argparse
import contextlib
import functools
import io
import threading
from collections.abc import Callable, Iterator, Sequence

from close_client import CloseClient
from commands import qualify
from commands.error_words import in_words
from commands.interrupts import sleep_unless
from commands.qualify_in_close import qualify_in_close, watch
from commands.qualify_people import WORKERS, Asking, people_named, qualify_people
from qualification import PASSING_SCORE, Qualifier, Rule
from qualifying.check_service import CheckService
from qualifying.verdict import SERVICE_TITLES
from tests.simulation.close import BASE_URL
from tests.simulation.commands import Said
from tests.simulation.computer import Computer, SimulatedEvent
from tests.simulation.network import Network
from tests.simulation.scheduler import Scheduler
from tests.simulation.services import NAMES, Services


class Console(io.TextIOBase):
    """A stream on which all computers of a history print, one line at a time."""

    def __init__(self, scheduler: Scheduler, show: Callable[[str, str], None]) -> None:
        self._scheduler, self._show, self._kept = scheduler, show, ""

    def write(self, text: str) -> int:
        self._kept += text
        return len(text)

    def flush(self) -> None:
        text, self._kept = self._kept, ""
        if text:
            self._show(self._scheduler.current.name.partition(".")[0], text)


@contextlib.contextmanager
def consoles(scheduler: Scheduler, show: Callable[[str, str], None], say: Callable[[str, str], None]) -> Iterator[None]:
    """Let `show` have each result that a computer prints, and `say` everything else."""
    with (
        contextlib.redirect_stdout(Console(scheduler, show)),
        contextlib.redirect_stderr(Console(scheduler, say)),
    ):
        yield


class QualifyCommands:
    """The verb on one computer."""

    def __init__(self, computer: Computer, network: Network, services: Services) -> None:
        self._computer, self._network, self._services = computer, network, services
        self.said: Said | None = None
        self.stop: threading.Event = threading.Event()

    def run(self, words: Sequence[str], stops_after: float = 0.0) -> int:
        """The exit code of the verb with these arguments; after some seconds, Ctrl-C is pressed, unless they are 0."""
        computer = self._computer
        self.said, self.stop = None, SimulatedEvent(computer)
        if stops_after:
            computer.scheduler.at(stops_after, self.stop.set)
        computer.disk.output.mkdir(exist_ok=True)
        try:
            self.said = Said(self._run(_parsed(words)))
        except Exception as error:  # as the entry point does
            self.said = Said(*in_words(error, "the command", qualify.WORDS))
        computer.check()
        now, told = computer.scheduler.now, self.said
        computer.story.tell(now, computer.name, "ends", str(int(told.code)), told.words)
        return int(told.code)

    def _run(self, args: argparse.Namespace) -> int:
        people = [] if args.from_close else people_named(args)
        machine = self._computer.machine()
        with self._checks(args) as qualifier:
            asking = Asking(args, qualifier, self.stop, "", machine=machine, folder=self._computer.disk.output)
            if not (args.from_close or args.write_back):
                return qualify_people(asking, people)
            session = self._network.session(self._computer)
            sleep = sleep_unless(self.stop, machine)
            close = CloseClient("key", BASE_URL, sleep=sleep, machine=machine, session=session)
            return watch(asking, close) if args.watch else qualify_in_close(asking, close, people)

    def _checks(self, args: argparse.Namespace) -> Qualifier:
        machine = self._computer.machine()
        services = {
            name: CheckService(
                SERVICE_TITLES[name],
                f"https://{name}.example",
                deadline=args.check_deadline or 10.0,
                is_ended=self.stop.is_set,
                machine=machine,
                session=self._services.session(self._computer, name),
            )
            for name in NAMES
        }
        rule = Rule(PASSING_SCORE if args.threshold is None else args.threshold)
        return Qualifier(services, workers=args.workers or WORKERS, rule=rule, machine=machine)


@functools.cache
def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    qualify.add_arguments(parser)
    return parser


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    args = _parser().parse_args(words, argparse.Namespace(command="qualify", words=qualify.WORDS, sandbox=False))
    qualify.check_flags(args)
    return args
