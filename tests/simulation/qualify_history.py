"""One history of people who are checked: who asks about whom, what goes wrong meanwhile, and what must hold."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from tests.simulation.agent import BAD_IDS, Agent
from tests.simulation.close import ChangingLag, Close, Json, Lags, Sent
from tests.simulation.computer import Computer
from tests.simulation.disk import SimulatedDisk, Trouble
from tests.simulation.history import Played, folder_of_histories
from tests.simulation.network import DONE, FAULTS, Network, Weather
from tests.simulation.qualify_commands import QualifyCommands, consoles
from tests.simulation.qualify_invariants import NOTE_LAG, QualifyInvariants
from tests.simulation.scheduler import Scheduler
from tests.simulation.services import NAMES, WRONG, Services, ServiceWeather, Truth
from tests.simulation.story import Story

LATEST = 80.0  # seconds; how late a note may be, so that the tool still looks for it
UNTIL_KNOWN = 100.0  # seconds until lists show what was there before
UNTIL_ALL_SHOWS = 400.0  # seconds: the longest lag, the latest request, and ten lags of a note
LONG_WATCH = 1_500.0  # seconds, in which a watch tries everybody again
LEAST_RUNS, MOST_RUNS = 3, 8  # to come to an end once nothing goes wrong any more
ID_FIELD = "National ID"
Mode = Literal["from close", "watch", "write back", "people"]


@dataclass
class Checker:
    """Somebody who has people checked on a computer, with the arguments of the command."""

    computer: Computer
    commands: QualifyCommands
    mode: Mode
    words: list[str]
    people: list[str] = field(default_factory=list)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)  # in the file, by id
    workers: int = 8


class QualifyHistory:
    """The world of one seed, and what happens in it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.story = Story()
        draw = self.draw = _draw(seed, "script")
        self.scheduler = Scheduler(_draw(seed, "turns"), draw.choice((0.02, 0.1, 0.3)))
        self.lags = self._drawn_lags()
        self.close = Close(self.scheduler, _draw(seed, "close"), self.lags, draw.choice((None, None, None, 5.0)))
        self.weather = self._drawn_weather()
        self.network = Network(self.close, self.scheduler, self.weather, self.story)
        self.threshold = draw.choice((60, 60, 40))
        self.services = Services(self.scheduler, self._drawn_service_weather(), self.story, self.threshold)
        self.agent = Agent(self.close, self.scheduler, _draw(seed, "agent"), self.story)
        self.has_agent = draw.random() < 0.5
        self.modes: tuple[Mode, ...] = self._drawn_modes()
        self.id_key = self._make_workflow()
        self._make_people()
        self.checkers = [self._checker(name, mode, folder) for name, mode in zip("AB", self.modes, strict=False)]
        self.invariants = QualifyInvariants(self)

    # What is drawn ---------------------------------------------------------------------------------------------------

    def _drawn_modes(self) -> tuple[Mode, ...]:
        mode: Mode = self.draw.choice(("from close", "from close", "watch", "write back", "people"))
        is_alone = mode == "people" or self.draw.random() < 0.8
        return (mode,) if is_alone else (mode, self.draw.choice(("from close", "watch", "write back")))

    def _drawn_lags(self) -> Lags:
        draw = _draw(self.seed, "lags")
        mosts = draw.choice((0.0, 2.0, 30.0, 55.0)), 0.0, draw.choice((0.0, 0.0, 8.0, 20.0))
        index, events, lists = (ChangingLag(self.scheduler, draw, most) for most in mosts)
        return Lags(index, events, lists, ())

    def _drawn_weather(self) -> Weather:
        draw = _draw(self.seed, "weather")
        some = tuple(draw.sample(FAULTS, draw.randint(1, 4)))
        faults = draw.choice((FAULTS, FAULTS, some, some, DONE, ("late",)))
        return Weather(
            draw,
            probability=draw.choice((0.0, 0.05, 0.1, 0.3, 0.6)),
            faults=faults,
            on=draw.choice(("", "", "POST /activity", "POST /activity", "PUT", "POST", "GET /lead")),
            latest=draw.choice((2.0, 20.0, LATEST)),
            latency=draw.choice((0.05, 0.5, 3.0)),
            has_date=draw.random() < 0.8,
        )

    def _drawn_service_weather(self) -> ServiceWeather:
        draw = _draw(self.seed, "services")
        begins = draw.uniform(UNTIL_KNOWN, 2 * UNTIL_KNOWN)
        return ServiceWeather(
            draw,
            probability=draw.choice((0.0, 0.05, 0.2, 0.5, 0.9)),
            faults=WRONG if draw.random() < 0.5 else tuple(draw.sample(WRONG, draw.randint(1, 4))),
            latency=draw.choice((0.05, 0.5, 4.0, 12.0)),
            flapping=draw.choice((0.0, 0.0, 0.2)),
            down={draw.choice(NAMES): (begins, begins + draw.expovariate(1 / 100))} if draw.random() < 0.2 else {},
        )

    def _make_workflow(self) -> str:
        """Make the statuses and the field, unless the command has to; returns the key of the field, "" if it must."""
        has_all = len(self.modes) > 1 or self.draw.random() < 0.8
        if has_all or self.draw.random() < 0.5:
            self._make("/status/lead/", {"label": "Not eligible"})
        if not has_all:
            return ""
        self._make("/custom_field/lead/", {"name": ID_FIELD, "type": "text"})
        return f"custom.{self.close.store.all('custom_field')[0]['id']}"

    def _make_people(self) -> None:
        draw = _draw(self.seed, "people")
        number = draw.choice((1, 2, 3, 4, 5, 7))
        self.people = tuple(f"{100 + each}" for each in range(number))
        is_unknown = draw.random() < 0.1  # of everybody: the address of the registry is wrong
        for person_id in self.people:
            truth = _drawn_truth(draw, person_id, is_unknown=is_unknown)
            self.services.truths[person_id] = truth, _drawn_truth(draw, person_id, is_unknown=is_unknown)
        self.agent.ids, self.agent.id_key = self.people, self.id_key
        for person_id in self.people:
            self._make_lead(draw, person_id)
        if draw.random() < 0.3:
            self._make_lead(draw, draw.choice(self.people))
        if draw.random() < 0.3:
            self._make_lead(draw, draw.choice(BAD_IDS))

    def _make_lead(self, draw: random.Random, typed: str) -> None:
        waits = draw.random() < 0.85
        contacts = [{"name": name} for name in draw.choice(((), (_name(typed),), (_name(typed), "Bea Bee")))]
        body: Json = {
            "name": f"Lead {len(self.close.store.all('lead'))}",
            "contacts": contacts,
            "status_id": self.agent.status("To qualify" if waits else "Potential"),
        }
        self._make("/lead/", body | ({self.id_key: typed} if self.id_key and typed else {}))

    def _make(self, path: str, body: Json) -> None:
        sent = Sent("setup", "POST", f"/api/v1{path}", "", body, 0.0)
        reply = self.close.answer(sent, {"Content-Type": "application/json"})
        assert reply.status == 200, reply.body

    def _checker(self, name: str, mode: Mode, folder: Path) -> Checker:
        draw = _draw(self.seed, f"checker {name}")
        disk = SimulatedDisk(folder / name)
        disk.folder.mkdir(parents=True)
        computer = Computer(name, self.scheduler, _draw(self.seed, name), disk, self.story)
        disk.count = self.story.count
        disk.tell = lambda *about: self.story.tell(self.scheduler.now, name, *about)
        computer.ahead = draw.choice((0.0, 0.0, 0.0, 3600.0, -3600.0))
        checker = Checker(computer, QualifyCommands(computer, self.network, self.services), mode, [])
        checker.words = self._drawn_words(draw, checker)
        return checker

    def _drawn_words(self, draw: random.Random, checker: Checker) -> list[str]:
        """The arguments of the command."""
        words = ["--threshold", "40"] if self.threshold == 40 else []
        checker.workers = draw.choice((1, 2, 4)) if draw.random() < 0.5 else checker.workers
        words += ["--workers", str(checker.workers)]
        words += ["--check-deadline", draw.choice(("1", "3"))] if draw.random() < 0.2 else []
        words += ["--json"] if draw.random() < 0.1 else []
        if checker.mode in ("from close", "watch"):
            words += ["--from-close", *(["--watch", "60"] if checker.mode == "watch" else [])]
            words += ["--note-missing-id"] if draw.random() < 0.2 else []
        else:
            words += self._drawn_people(draw, checker)
        if checker.mode == "write back":
            words.append("--write-back")
        if checker.mode != "people":
            words += ["--yes", *(["--index-lag", "30"] if self.lags.lists.longest > NOTE_LAG else [])]
            words += ["--create"] if not self.id_key or draw.random() < 0.5 else []
            words += ["--note-detail"] if draw.random() < 0.3 else []
        return words

    def _drawn_people(self, draw: random.Random, checker: Checker) -> list[str]:
        """Ids or a file as arguments, and perhaps a time limit."""
        checker.people = [*self.people, "999", *draw.choice(((), self.people[:1]))]
        draw.shuffle(checker.people)
        limit = ["--deadline", draw.choice(("2", "8", "60"))] if draw.random() < 0.3 else []
        if draw.random() < 0.5:
            return [*checker.people, *limit]
        has_names = draw.random() < 0.5
        lines = [f"{each},{_name(each) if has_names else ''}" for each in dict.fromkeys(checker.people)]
        path = checker.computer.disk.folder / "people.csv"
        path.write_text("\n".join(["id,name", *lines, ""]))
        checker.names = {each: (_name(each),) for each in checker.people if has_names}
        return ["--file", str(path), *limit]

    # What happens ----------------------------------------------------------------------------------------------------

    def play(self) -> list[str]:
        """What did not hold."""
        self.scheduler.spawn("all", self._happen)
        with consoles(self.scheduler, self.invariants.watch_shown, self._note_said):
            try:
                self.scheduler.run()
            except Exception as error:  # a fault of the simulation itself also has to name its seed
                self.invariants.broken.append(f"{type(error).__name__}: {error}")
        return self.invariants.broken

    def _note_said(self, name: str, text: str) -> None:
        self.story.tell(self.scheduler.now, name, "says", text)
        self.invariants.note_said(text)

    def _happen(self) -> None:
        self.scheduler.sleep(UNTIL_KNOWN)
        self.lags.begin()
        tasks = [self.scheduler.spawn(each.computer.name, partial(self._troubles, each)) for each in self.checkers]
        if self.has_agent:
            times, longest = self.draw.randint(1, 8), self.draw.choice((1.0, 10.0, 100.0))
            tasks.append(self.scheduler.spawn("agent", lambda: self.agent.work(times, longest)))
        for task in tasks:
            self.scheduler.join(task)
        if "watch" in self.modes[:1] and self.draw.random() < 0.5:
            self._watch_into_the_calm(self.checkers[0])
        self._calm_down()
        for checker in self.checkers:
            self.scheduler.join(self.scheduler.spawn(checker.computer.name, partial(self._come_to_an_end, checker)))
        self.invariants.check_end_of_history()

    def _watch_into_the_calm(self, checker: Checker) -> None:
        """Let a watch go on until nothing has gone wrong for a while: then it has tried everybody again."""
        began, name = self.scheduler.now, checker.computer.name
        self.network.asked_until.pop(name, None)  # a new command knows nothing of it
        watch = partial(self._run, checker, [*checker.words, "--again"], LONG_WATCH)
        task = self.scheduler.spawn(name, watch)
        self.scheduler.sleep(self.draw.uniform(30, 200))
        self._clear_up()
        self.scheduler.join(task)
        may_ask = self.network.asked_until.get(name, 0.0) < self.scheduler.now
        if may_ask and self.scheduler.now - began >= LONG_WATCH:  # otherwise a token was refused, and it ended
            self.invariants.check_all_decided()

    def _clear_up(self) -> None:
        self.weather.clear_up()
        self.services.weather.clear_up()
        self.lags.end()
        self.story.tell(self.scheduler.now, "", "calm", "nothing goes wrong from now on")

    def _calm_down(self) -> None:
        self._clear_up()
        self.scheduler.sleep(UNTIL_ALL_SHOWS)
        self.invariants.calm_since = self.scheduler.now

    def _troubles(self, checker: Checker) -> None:
        """Run the command several times while things go wrong."""
        draw = _draw(self.seed, f"troubles of {checker.computer.name}")
        for _ in range(draw.randint(1, 4)):
            self._endangered(checker, draw)
            if draw.random() < 0.1:
                checker.computer.ahead -= draw.choice((5.0, 100.0, 3600.0))
            self.scheduler.sleep(draw.choice((0.0, 3.0, 30.0, 200.0)) * draw.random())

    def _endangered(self, checker: Checker, draw: random.Random) -> None:
        """Run the command, during which the computer may die, and the disk may not do its part."""
        computer = checker.computer
        if draw.random() < 0.6:
            computer.dies_at = draw.randint(1, draw.choice((40, 100, 200, 400)))
            computer.loses_power = draw.random() < 0.5
        if "--deadline" in checker.words and draw.random() < 0.3:
            computer.disk.trouble = Trouble(draw.randint(1, 4), 1, "io", on="syncs")
        elif draw.random() < 0.1:
            computer.disk.trouble = Trouble(
                draw.randint(1, 60), draw.choice((1, 1, 10_000)), draw.choice(("full", "io"))
            )
        words = [*checker.words, *(["--dry-run"] if checker.mode == "from close" and draw.random() < 0.1 else [])]
        stops = checker.mode == "watch" or draw.random() < 0.05
        self._run(checker, words, draw.uniform(20, 700 if checker.mode == "watch" else 60) if stops else 0.0)
        computer.disk.trouble = Trouble()

    def _run(self, checker: Checker, words: Sequence[str], stops_after: float) -> None:
        self._ran(checker, words, stops_after)

    def _ran(self, checker: Checker, words: Sequence[str], stops_after: float) -> int | None:
        began = self.scheduler.now
        self.story.tell(began, checker.computer.name, "runs", "qualify " + _without_folder(words))

        self.invariants.note_beginning(checker)
        code = checker.computer.run(lambda: checker.commands.run(words, stops_after))
        self.story.count("crashes" if code is None else "commands")
        since = max(began, began + stops_after)
        self.invariants.check_end(checker, code, self.scheduler.now - since, was_stopped=stops_after > 0)
        return code

    def _come_to_an_end(self, checker: Checker) -> None:
        """Run the command until there is nothing left to do, with nothing in the way."""
        if checker.mode == "watch":
            self._run(checker, [*checker.words, "--again"], 400.0)
            self.scheduler.sleep(200.0)
            return
        for number in range(MOST_RUNS):
            again = checker.mode != "people" and "--deadline" not in checker.words
            code = self._ran(checker, [*checker.words, *(["--again"] if again else [])], 0.0)
            self.scheduler.sleep(120.0)
            if code in (0, 4) and number + 1 >= LEAST_RUNS:
                return
        self.invariants.note_endless(checker, code)


def _drawn_truth(draw: random.Random, person_id: str, *, is_unknown: bool) -> Truth:
    return Truth(
        exists=not is_unknown and draw.random() < 0.8,
        records=draw.choice((0, 0, 0, 1, 2)),
        score=draw.choice((0, 40, 41, 59, 60, 61, 73, 100)),
        name=draw.choice(("", "", _name(person_id), _name(person_id), "Zoe Other")),
        is_404=is_unknown or draw.random() < 0.5,
    )


def _name(person_id: str) -> str:
    return f"Ann {'ABCDEFGHIJ'[int(person_id) % 10] if person_id.isdecimal() else 'Q'}oe"


def _without_folder(words: Sequence[str]) -> str:
    return " ".join(re.sub(r"^/.*/", "", word) for word in words)


def play(seed: int) -> Played:
    """The history of a seed."""
    with folder_of_histories() as folder:
        history = QualifyHistory(seed, folder)
        broken = history.play()
        return Played(seed, history.story, broken, history.scheduler.now)


def _draw(seed: int, about: str) -> random.Random:
    return random.Random(f"qualify {seed} {about}")
