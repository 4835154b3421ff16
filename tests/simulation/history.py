"""One history from its seed: who imports what, what goes wrong meanwhile, and what must hold in the end."""

import logging
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from importing.plan import Existing
from tests.simulation.close import ChangingLag, Close, Json, Lags, Sent
from tests.simulation.colleague import Colleague
from tests.simulation.commands import Commands
from tests.simulation.computer import Computer
from tests.simulation.disk import SimulatedDisk, Trouble
from tests.simulation.files import Company, as_csv, as_mended, draw_companies, edited, lead_body, partly_known
from tests.simulation.invariants import Invariants
from tests.simulation.network import FAULTS, READ_TIMEOUT, Network, Weather
from tests.simulation.scheduler import Scheduler
from tests.simulation.story import Story

INDEX_LAG = 60.0  # seconds, as the command line has it
LONGEST_LAG = 590.0  # seconds; with a request's own time, ten minutes
LONGER_LAG = 900.0  # seconds; of search or of the event log, if the other one does not lag like that
LONGEST_ABSENCE = 8.0  # seconds for which Close does not find what it has
UNTIL_ALL_SHOWS = 2_500.0  # seconds: ten index lags, the longest lag and the latest request
FILES = 16  # that histories begin with
MAYBE_NEVER = ("lost before", "lost before", "late")  # faults after which leads may have to be sent again
UNTIL_KNOWN = 100.0  # seconds until lists show what was there before
MOST_ATTEMPTS = 6  # to come to an end once nothing goes wrong any more
FIELDS = {"Import Key": "text", "Company Founded": "date", "Company Revenue": "number"}
MEMORY = Path("/dev/shm")

for _name in ("close_client", "importing", "close", "qualifying", "segmenting"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False


@dataclass
class Played:
    """What came of a history: what did not hold, and its story."""

    seed: int
    story: Story
    broken: list[str]
    seconds: float = 0.0


@dataclass
class User:
    """Somebody who imports a file on a computer, until it has come to its end."""

    computer: Computer
    commands: Commands
    companies: list[Company]
    existing: Existing
    workers: int | None
    path: Path
    limits: random.Random
    versions: list[list[Company]] = field(default_factory=list)
    has_set_clock: bool = False

    @property
    def is_through(self) -> bool:
        """Whether the last import left no leads to the next one."""
        result = self.commands.said.result if self.commands.said else None
        return not (result and result.plan.remaining)

    def save(self, companies: Sequence[Company]) -> None:
        """Save the file."""
        self.companies = list(companies)
        self.versions.append(self.companies)
        self.path.write_bytes(as_csv(companies))


class History:
    """The world of one seed, and what happens in it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.story = Story()
        draw = self.draw = _draw(seed, "script")
        self.scheduler = Scheduler(_draw(seed, "turns"), draw.choice((0.02, 0.1, 0.3)))
        self.lags = self._drawn_lags()
        rate = draw.choice((None, None, None, 5.0, 20.0))
        self.close = Close(self.scheduler, _draw(seed, "close"), self.lags, rate)
        self.weather = self._drawn_weather()
        self.network = Network(self.close, self.scheduler, self.weather, self.story)
        self.colleague = Colleague(self.close, self.scheduler, _draw(seed, "colleague"), self.story)
        self.has_colleague = draw.random() < 0.35
        file = _draw(seed % FILES, "file")
        companies = draw_companies(file, file.choice((2, 3, 4, 5, 6, 7, 8, 9, 12, 16)))
        self.has_two = draw.random() < 0.2
        self.fields_before: set[str] = set()
        self.known = self._make_known(companies)
        self._draw_refusals(companies)
        self.users = self._drawn_users(companies, folder)
        self.colleague.names = tuple(each.name for each in companies)
        self.before = {lead["id"]: lead for lead in self.close.store.all("lead")}
        self.invariants = Invariants(self)

    # What is drawn ---------------------------------------------------------------------------------------------------

    def _drawn_lags(self) -> Lags:
        draw = _draw(self.seed, "lags")
        most = draw.choice((0.0, 2.0, 30.0, 55.0, LONGEST_LAG, LONGER_LAG))
        events = draw.choice((most, 0.0, 5.0, draw.uniform(0, LONGEST_LAG)))
        if most == LONGER_LAG:
            events = draw.choice((0.0, 5.0, 50.0))
            most, events = draw.choice(((most, events), (events, most)))
        shards = tuple(draw.choice((0.0, 3.0, 40.0)) for _ in range(4)) if draw.random() < 0.15 else ()
        index, log, lists = (
            ChangingLag(self.scheduler, draw, most) for most in (most, events, draw.choice((0.0, 8.0)))
        )
        return Lags(index, log, lists, shards)

    def _drawn_weather(self) -> Weather:
        draw = _draw(self.seed, "weather")
        few = tuple(draw.sample(FAULTS, draw.randint(1, 4)))
        often = (("late", "lost after", "cut", "504 after"), ("late",), ("404 passing",), ("lost after", "doubled"))
        faults = draw.choice((FAULTS, few, *often, MAYBE_NEVER, MAYBE_NEVER))
        on = draw.choice(
            (
                "",
                "",
                "",
                "POST /lead/",
                "POST /lead/",
                "POST /contact/",
                "POST /contact/",
                "POST /custom",
                "PUT",
                "DELETE",
            )
        )
        on = "POST /lead/" if faults == MAYBE_NEVER else on
        on = "" if {"404 passing", "doubled"} & {*faults} and len(faults) < 3 else on
        return Weather(
            draw,
            probability=draw.choice((0.1, 0.3, 0.6) if on else (0.0, 0.05, 0.1, 0.3)),
            faults=faults,
            on=on,
            latest=draw.choice((2.0, 20.0, 100.0, 300.0, 1_200.0, 1_200.0)),
            latency=draw.choice((0.05, 0.5, 3.0)),
            has_date=draw.random() < 0.8,
            lost_after=(0.1,) if faults == MAYBE_NEVER else (0.1, READ_TIMEOUT),
            longest_absence=draw.choice((0.0, LONGEST_ABSENCE)),
        )

    def _make_known(self, companies: Sequence[Company]) -> dict[str, Company]:
        """Make leads for some companies, and some custom fields; by the name of the company, as the lead begins."""
        draw = self.draw
        names = list(FIELDS) if self.has_two else draw.choice(([], ["Company Revenue"], list(FIELDS), list(FIELDS)))
        self.fields_before.update(names)
        for name in names:
            self._make("/custom_field/lead/", {"name": name, "type": FIELDS[name]})
        ids = {each["name"]: each["id"] for each in self.close.store.all("custom_field")}
        share = draw.choice((0.0, 0.3, 0.8))
        share = 0.8 if self.weather.on in ("POST /contact/", "PUT") else share  # or there is little that it strikes
        known = {each.called: partly_known(draw, each) for each in companies if draw.random() < share}
        for each in known.values():
            self._make("/lead/", lead_body(each, ids))
        return known

    def _draw_refusals(self, companies: Sequence[Company]) -> None:
        """Let Close refuse what it may refuse: a look at its event log, and values."""
        draw = _draw(self.seed, "refusals")
        self.close.shows_log = draw.random() < 0.9
        known = {email for each in self.known.values() for person in each.people for email in person.emails}
        new = {email for each in companies for person in each.people for email in person.emails} - known
        if draw.random() < 0.15:
            self.close.refused = frozenset(email for email in sorted(new) if draw.random() < 0.3)

    def _make(self, path: str, body: Json) -> None:
        sent = Sent("setup", "POST", f"/api/v1{path}", "", body, 0.0)
        reply = self.close.answer(sent, {"Content-Type": "application/json"})
        assert reply.status == 200, reply.body

    def _drawn_users(self, companies: Sequence[Company], folder: Path) -> list[User]:
        draw = self.draw
        existing: Existing = draw.choice(("merge", "merge", "merge", "merge", "skip", "create"))
        existing = "merge" if self.has_two else existing
        users = [self._user("A", companies, existing, folder)]
        if self.has_two:
            others = (
                companies
                if draw.random() < 0.5
                else [*companies[:2], *draw_companies(_draw(self.seed % FILES, "others"), 2, first=40)]
            )
            users.append(self._user("B", others, existing, folder))
        return users

    def _user(self, name: str, companies: Sequence[Company], existing: Existing, folder: Path) -> User:
        draw = self.draw
        disk = SimulatedDisk(folder / name)
        disk.folder.mkdir(parents=True)
        computer = Computer(name, self.scheduler, _draw(self.seed, name), disk, self.story)
        disk.count = self.story.count
        disk.tell = lambda *about: self.story.tell(self.scheduler.now, name, *about)
        computer.ahead = draw.choice((0.0, 0.0, 0.0, 3600.0, -3600.0))
        commands = Commands(computer, self.network, INDEX_LAG)
        workers = draw.choice((None, None, 1, 2, 4))
        limits = _draw(self.seed, f"limits of {name}")
        user = User(computer, commands, [], existing, workers, disk.folder / "leads.csv", limits)
        user.save(companies)
        return user

    # What happens ----------------------------------------------------------------------------------------------------

    def play(self) -> list[str]:
        """What did not hold."""
        self.scheduler.spawn("all", self._happen)
        try:
            self.scheduler.run()
        except Exception as error:  # a fault of the simulation itself also has to name its seed
            self.invariants.broken.append(f"{type(error).__name__}: {error}")
        return self.invariants.broken

    def _happen(self) -> None:
        self.scheduler.sleep(UNTIL_KNOWN)
        self.lags.begin()
        tasks = [self.scheduler.spawn(each.computer.name, partial(self._troubles, each)) for each in self.users]
        if self.has_colleague:
            times, longest = self.draw.randint(1, 6), self.draw.choice((1.0, 20.0, 150.0))
            tasks.append(self.scheduler.spawn("colleague", lambda: self.colleague.work(times, longest)))
        for task in tasks:
            self.scheduler.join(task)
        self.weather.clear_up()
        self.lags.end()
        self.story.tell(self.scheduler.now, "", "calm", "nothing goes wrong from now on")
        self.scheduler.sleep(UNTIL_ALL_SHOWS)
        if self.draw.random() < 0.2:
            self._undo_everything()
            return
        for user in self.users:
            if self.draw.random() < 0.3:
                user.save(user.companies[: 1 + len(user.companies) // 2])
        for user in (*self.users, *(self.users[:1] if len(self.users) > 1 else ())):
            self._come_to_an_end(user)
            self.scheduler.sleep(UNTIL_KNOWN)
        for user in self.users:
            self._import_mended(user)
        self.invariants.check_imported()
        if self.draw.random() < 0.5:
            self.scheduler.sleep(30)
            self._undo_everything()

    def _undo_everything(self) -> None:
        """Undo all runs of all users, while the colleague may go on with their work."""
        if self.draw.random() < 0.35:
            self.colleague.only_talks = self.draw.random() < 0.5
            self.scheduler.spawn("colleague", lambda: self.colleague.work(self.draw.randint(5, 20), 2.0))
            self.scheduler.sleep(self.draw.uniform(0, 10))
        for user in reversed(self.users):
            self._undo_all(user)
        self.invariants.check_undone()

    def _troubles(self, user: User) -> None:
        """Import a file several times while things go wrong."""
        draw = _draw(self.seed, f"troubles of {user.computer.name}")
        for _ in range(draw.randint(1, 3)):
            code = self._endangered(user, draw, lambda: self._import(user))
            if code in (0, 4) and user.existing == "create" and user.is_through:
                return
            if draw.random() < 0.15:
                self._endangered(user, draw, lambda: self._undo_last(user))
            if draw.random() < 0.15:
                user.save(edited(_draw(self.seed % FILES, f"edit {len(user.versions)}"), user.companies))
            if draw.random() < 0.2 and self._has_rejects(user):
                self._endangered(user, draw, partial(self._import_rejects, user))
            if draw.random() < 0.1:
                user.computer.ahead -= draw.choice((5.0, 100.0, 3600.0))
            self.scheduler.sleep(draw.choice((0.0, 3.0, 30.0, 200.0, 700.0)) * draw.random())

    def _endangered(self, user: User, draw: random.Random, command: Callable[[], int]) -> int | None:
        """The exit code of a command during which the computer may die, and the disk may not do its part."""
        computer = user.computer
        if draw.random() < 0.6:
            computer.dies_at = draw.randint(1, draw.choice((40, 150, 400, 800)))
            computer.loses_power = draw.random() < 0.5
        if draw.random() < 0.1:
            times = draw.choice((1, 1, 10_000))
            computer.disk.trouble = Trouble(draw.randint(1, 120), times, draw.choice(("full", "io")))
        user.commands.stop.clear()
        if draw.random() < 0.05:
            self.scheduler.at(draw.uniform(0, 30), user.commands.stop.set)
        code = self._run(user, command)
        computer.disk.trouble = Trouble()
        return code

    def _run(self, user: User, command: Callable[[], int]) -> int | None:
        began = self.scheduler.now
        code = user.computer.run(command)
        self.story.count("crashes" if code is None else "commands")
        self.invariants.check_end(user, code, self.scheduler.now - began)
        return code

    def _import(self, user: User) -> int:
        user.computer.doing = "import"
        limit = user.limits.choice((None, None, 1, 2, 5))
        return user.commands.import_file(user.path, user.existing, user.workers, limit)

    def _has_rejects(self, user: User) -> bool:
        """Whether there are rows to mend."""
        path = user.computer.disk.output / "leads_rejects.csv"
        return path.exists() and path.read_bytes().count(b"\n") > 1

    def _import_rejects(self, user: User) -> int:
        """Import the rows that were rejected or lost a value, once they are mended."""
        user.computer.doing = "import"
        mended = user.path.with_name("mended.csv")
        mended.write_bytes(as_mended((user.computer.disk.output / "leads_rejects.csv").read_text(encoding="utf-8-sig")))
        return user.commands.import_file(mended, user.existing, user.workers)

    def _import_mended(self, user: User) -> None:
        """The same with nothing in the way, unless that would create all leads once more."""
        if user.existing != "create" and self._has_rejects(user) and not self.colleague.has_touched_fields:
            said = user.commands.said
            self._run(user, partial(self._import_rejects, user))
            user.commands.said = said

    def _undo_last(self, user: User) -> int:
        user.computer.doing = "undo"
        return user.commands.undo("last")

    def _come_to_an_end(self, user: User) -> None:
        """Import the file until it is in Close, with nothing in the way."""
        for _ in range(MOST_ATTEMPTS + len(user.companies)):
            user.commands.stop.clear()
            code = self._run(user, lambda: self._import(user))
            if code in (0, 4) and user.is_through:
                return
        self.invariants.note_endless(user, code)

    def _undo_all(self, user: User) -> None:
        """Undo all runs, the newest first."""
        for run in user.commands.runs():
            user.computer.doing = "undo"
            user.commands.stop.clear()
            self._run(user, partial(user.commands.undo, run.run_id))
            self.invariants.note_left(user)


def play(seed: int) -> Played:
    """The history of a seed."""
    with folder_of_histories() as folder:
        history = History(seed, folder)
        broken = history.play()
        return Played(seed, history.story, broken, history.scheduler.now)


@contextmanager
def folder_of_histories() -> Iterator[Path]:
    """A folder for the disks of one history, in memory if that is possible."""
    memory = MEMORY if MEMORY.is_dir() else Path(tempfile.gettempdir())
    folder = memory / f"simulation-{os.getpid():08}"  # always as long, for its path is in the journal
    try:
        yield folder
    finally:
        with suppress(OSError):
            shutil.rmtree(folder)


def _draw(seed: int, about: str) -> random.Random:
    return random.Random(f"{seed} {about}")
