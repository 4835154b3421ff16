"""How fast people are decided on: one, many side by side, and while a service is dead."""

import contextlib
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count, islice
from pathlib import Path
from typing import Any

from benchmarks.figures import SAME, Line, Measured, Target, middle, repeated
from benchmarks.programs import ROOT, ProgramFailed, run, started

DELAYS = {"registry": 0.40, "judicial": 0.30, "score": 0.20}  # seconds
SLOWER_CHECK = max(DELAYS["registry"], DELAYS["judicial"])
WORKERS = 8  # people at a time, unless the command says otherwise
DEADLINE = 10  # seconds for a check, unless the command says otherwise
FORTY = 40
ONE_BY_ONE = 10  # people for a slow way, which is then scaled
PEOPLE = 500
ANSWERED = 250  # people on whom the registry answers before it dies
TIMEOUT = 180  # seconds
INCOMPLETE = 4  # the exit code where somebody is undetermined

OPENED = re.compile(r"^(\S+ \S+) WARNING registry check: circuit open", re.MULTILINE)
UNANSWERED = re.compile(r" GET /people/\{id\} no answer ")
LOG_TIME = "%Y-%m-%d %H:%M:%S,%f"


def one_person(budget: float) -> Measured:
    """One person: the two checks at once and then the score, and the three calls one after the other."""
    ideal = SLOWER_CHECK + DELAYS["score"]
    return _over_ideal("qualify, one person: over slower check + score", people(1), ideal, 1.15, budget)


def forty_people(budget: float) -> Measured:
    """Forty people on eight workers, and the three calls one after the other for one person after the other."""
    ideal = FORTY / WORKERS * (SLOWER_CHECK + DELAYS["score"])
    return _over_ideal("qualify, 40 people, 8 workers: over 40/8 of that", people(FORTY), ideal, 1.2, budget)


def _over_ideal(what: str, ids: Sequence[str], ideal: float, bound: float, budget: float) -> Measured:
    """How much longer than the ideal a round of the command takes, and what it takes otherwise."""
    some = ids[:ONE_BY_ONE]

    def once() -> tuple[float, float, float]:
        with services() as variables:
            ours = float(_told("qualify_once", *ids, variables=variables))
            whole = _whole_command(ids, variables)
            theirs = float(_told("others", "checking", *variables.values(), *some, variables=variables))
        return ours, whole, theirs * len(ids) / len(some)

    runs = repeated(once, budget)
    ours, whole, theirs = (middle((each[side] for each in runs), "{:.2f} s") for side in range(3))
    scaled = f", scaled from {len(some)}" if len(some) < len(ids) else ""
    beside = (
        f"a round {ours}, the ideal {ideal:.2f} s; with the start of Python and the product {whole}; "
        f"one call after the other {theirs}{scaled}"
    )
    return Measured([Line(what, Target("at most", bound, "{:.3f}"), [each[0] / ideal for each in runs], beside)])


def _told(program: str, *arguments: str, variables: Mapping[str, str]) -> str:
    """What a program beside this one prints."""
    return run([sys.executable, "-m", f"benchmarks.{program}", *arguments], variables=variables, timeout=TIMEOUT).out


def _whole_command(ids: Sequence[str], variables: Mapping[str, str]) -> float:
    """The seconds from the start of the command to its end."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "main.py"), "qualify", *ids, "--json"]
        return run(command, folder=Path(folder), variables=variables, timeout=TIMEOUT).seconds


# A service that dies -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outlived:
    """A command that outlived the registry: seconds in all and since the circuit opened, requests and people lost."""

    seconds: float
    since_open: float
    lost_requests: int
    unanswered: int

    @property
    def without_breaker(self) -> float:
        """An estimate of the seconds if each person whom the registry does not answer on took a whole deadline."""
        answered = (PEOPLE - self.unanswered) / WORKERS * (SLOWER_CHECK + DELAYS["score"])
        return answered + self.unanswered / WORKERS * DEADLINE


def dead_registry(budget: float) -> Measured:
    """Many people, and a registry that dies half-way: one that never answers, and one that takes no connection."""
    runs = repeated(lambda: (outlive("silent"), outlive("refuses")), budget)
    silent, refusing = ([each[kind] for each in runs] for kind in (0, 1))
    what = "qualify, 500 people, registry falls silent: circuit open - end"
    return Measured([_outlived_line(what, silent), _outlived_line(f"{SAME} it refuses connections", refusing)])


def _outlived_line(what: str, runs: Sequence[Outlived]) -> Line:
    beside = (
        f"the whole command {middle((each.seconds for each in runs), '{:.1f} s')}; "
        f"{middle((each.lost_requests for each in runs), '{:.0f}')} requests to the dead registry; "
        f"{PEOPLE} verdicts, {middle((each.unanswered for each in runs), '{:.0f}')} of them without it; "
        f"without a breaker {middle((each.without_breaker for each in runs), '{:.0f} s')}, estimated"
    )
    return Line(what, Target("at most", 15, "{:.1f} s"), [each.since_open for each in runs], beside)


def outlive(dies: str) -> Outlived:
    """The command on many people, with a registry that dies half-way; everybody is accounted for."""
    ids = people(PEOPLE)
    with tempfile.TemporaryDirectory() as name, services(dies=dies, after=ANSWERED) as variables:
        folder = Path(name)
        (folder / "people.csv").write_text("\n".join(["id", *ids, ""]), encoding="utf-8")
        command = [sys.executable, str(ROOT / "main.py"), "qualify", "--file", "people.csv", "--json", "--log", "log"]
        done = run(command, folder=folder, variables=variables, timeout=TIMEOUT, good_codes=[INCOMPLETE])
        ended = datetime.now()
        log = (folder / "log").read_text(encoding="utf-8")
        trail = (folder / "output_data" / "qualifications.jsonl").read_text(encoding="utf-8").splitlines()
    verdicts = json.loads(done.out)
    check(ids, verdicts, [json.loads(line) for line in trail])
    opened = OPENED.search(log)
    if not opened:
        raise ProgramFailed("the circuit never opened")
    since_open = (ended - datetime.strptime(opened[1], LOG_TIME)).total_seconds()
    return Outlived(done.seconds, since_open, len(UNANSWERED.findall(log)), len(_unanswered(verdicts)))


def check(ids: Sequence[str], verdicts: Sequence[Any], trail: Sequence[Any]) -> None:
    """Raise ProgramFailed unless there is one verdict on everybody, on disk too, and prospects passed all checks."""
    if [each["person_id"] for each in verdicts] != list(ids) or sorted(each["person_id"] for each in trail) != list(
        ids
    ):
        raise ProgramFailed(f"{len(verdicts)} verdicts and {len(trail)} lines in the trail on {len(ids)} people")
    for verdict in [*verdicts, *trail]:
        statuses = {each["status"] for each in verdict["checks"].values()}
        if (verdict["outcome"] == "prospect") != (statuses == {"passed"}):
            raise ProgramFailed("somebody is a prospect without three passed checks, or is none with them")
    if not PEOPLE - ANSWERED <= len(_unanswered(verdicts)) <= PEOPLE - ANSWERED + 2 * WORKERS:
        raise ProgramFailed(f"the registry did not die half-way, but was silent on {len(_unanswered(verdicts))}")


def _unanswered(verdicts: Sequence[Any]) -> list[Any]:
    """The verdicts for which the registry said nothing."""
    return [each for each in verdicts if each["checks"]["registry"]["status"] == "unavailable"]


# Whom and where to ask -----------------------------------------------------------------------------------------------


def people(number: int) -> list[str]:
    """Ids, in their order, of people on whom the stand-ins pass both checks, so that each takes all three calls."""
    return list(islice((str(each) for each in count(100_000) if 1 <= each % 10 <= 6), number))


@contextlib.contextmanager
def services(**settings: Any) -> Iterator[dict[str, str]]:
    """The services in a process of their own, as what the environment says of them to the product."""
    command = [sys.executable, "-m", "benchmarks.services", json.dumps({"delays": DELAYS, **settings})]
    with started(command) as program:
        assert program.stdout is not None
        line = program.stdout.readline()
        if not line:
            raise ProgramFailed("the services have ended")
        yield {f"{name.upper()}_URL": url for name, url in json.loads(line).items()}
