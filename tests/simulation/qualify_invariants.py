"""What must hold while people are checked. What services said is taken from those who said it, not from the product."""

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulation.close import Answered, Json, Sent
from tests.simulation.network import Departed
from tests.simulation.services import Answer

if TYPE_CHECKING:
    from tests.simulation.qualify_history import Checker, QualifyHistory

LONGEST_COMMAND = 2 * 3600.0  # seconds of virtual time
LONGEST_ON_PERSON = 25.0  # seconds, if nothing is written to Close: two checks, one after the other
LONGEST_STOP = 200.0  # seconds from Ctrl-C to the end
NOTE_LAG = 10.0  # seconds, as the command line has it
LOOKED_BEFORE = 60.0  # seconds before a request in which the last look of the one who sends it was
READING_TO_CHECK = 300.0  # seconds between a reading and an answer about the person, if services are slow
READING_TO_WRITE = 45.0  # seconds between a reading and the write that rests on it, if the answer takes its time
TRAIL = "qualifications.jsonl"
WORDS = {"prospect": "prospect", "not a prospect": "not_prospect"}
LABELS = {"prospect": "Prospect", "not_prospect": "Not eligible"}


@dataclass(frozen=True)
class State:
    """What a lead was like from a moment on; its status is "" if it was not there."""

    since: float
    status: str
    typed: str
    names: tuple[str, ...]


class QualifyInvariants:
    """Watches over one history. `broken` are sentences about what did not hold."""

    def __init__(self, history: "QualifyHistory") -> None:
        self._history = history
        self.broken: list[str] = []
        self.calm_since = math.inf
        self._states: dict[str, list[State]] = defaultdict(list)
        self._notes: dict[str, list[Departed]] = defaultdict(list)  # by attempt
        self._shown: dict[str, set[tuple[str, Any]]] = defaultdict(set)
        self._checked: set[str] = set()  # attempts whose lines in the trail were looked at
        self._began: dict[str, float] = {}
        self._keys: dict[str, set[str]] = defaultdict(set)
        self._said = ""
        history.close.watchers.append(self._watch)
        self._note_states()

    def _break(self, words: str) -> None:
        self.broken.append(words)
        self._history.story.tell(self._history.scheduler.now, "", "BROKEN", words)

    def _checker(self, name: str) -> "Checker | None":
        return next((each for each in self._history.checkers if each.computer.name == name), None)

    # At each request -------------------------------------------------------------------------------------------------

    def _watch(self, sent: Sent, answered: Answered) -> None:
        if sent.method == "GET" or sent.path.endswith("/data/search/"):
            return
        checker = self._checker(sent.by)
        if answered.status == 200 and checker:
            if sent.route == "POST /activity/note/":
                self._watch_note(checker, sent, answered)
            elif sent.route == "PUT /lead/{id}/":
                self._watch_move(checker, sent)
            elif sent.route == "DELETE /lead/{id}/":
                self._break("a lead was deleted")
        self._note_states()

    def _note_states(self) -> None:
        """Take down what leads are like now, where that has changed."""
        now, key = self._history.scheduler.now, self._history.agent.id_key or self._found_key()
        leads = {lead["id"]: lead for lead in self._history.close.store.all("lead")}
        for lead_id in leads.keys() | self._states.keys():
            lead = leads.get(lead_id) or {}
            names = tuple(sorted(contact["name"] or "" for contact in lead.get("contacts") or ()))
            state = State(now, lead.get("status_id") or "", (lead.get(key) or "").strip(), names)
            states = self._states[lead_id]
            if not states or states[-1] != State(states[-1].since, state.status, state.typed, state.names):
                states.append(state)

    def _found_key(self) -> str:
        fields = self._history.close.store.all("custom_field")
        return f"custom.{fields[0]['id']}" if fields else ""

    def _states_between(self, lead_id: str, begin: float, end: float) -> Iterator[State]:
        """What a lead was like at each instant between two moments."""
        states = self._states[lead_id]
        for state, following in zip(states, [*states[1:], None], strict=True):
            if state.since <= end and (following is None or following.since >= begin):
                yield state

    def _watch_note(self, checker: "Checker", sent: Sent, answered: Answered) -> None:
        """A note was written: once for an attempt, and what it says was decided, about the lead as it is."""
        departed = self._history.network.arriving
        assert departed and sent.body
        departed.made = answered.document["id"]
        text, lead_id = sent.body["note"], sent.body["lead_id"]
        attempt = text.rpartition("Attempt: ")[2]
        for before in self._notes[attempt]:
            is_there = before.sent.by == sent.by and self._history.close.store.find("activity", before.made)
            if is_there and self._is_about(before, lead_id):
                self._judge_double(before, departed, attempt)
        self._notes[attempt].append(departed)
        outcome = self._outcome_in(text)
        if outcome:
            self._check_write(checker, sent, lead_id, attempt, outcome)

    def _judge_double(self, before: Departed, departed: Departed, attempt: str) -> None:
        first, second = sorted((before, departed), key=lambda each: each.sent.at)
        waited = second.sent.at - first.sent.at
        if waited < NOTE_LAG:
            self._break(f"the note of {attempt} was sent again after {waited:.1f} s, and Close has it twice")
        elif first.arrived_at + self._history.lags.lists.longest < second.sent.at - LOOKED_BEFORE:
            self._break(f"the note of {attempt} was sent again although Close had shown it")

    @staticmethod
    def _outcome_in(text: str) -> str:
        found = re.match(r"Qualification result: (.*)\.\n", text)
        return WORDS[found[1]] if found else ""

    def _watch_move(self, checker: "Checker", sent: Sent) -> None:
        """A lead was moved: a note on it says so, and it is what the lead's status was about."""
        assert sent.body
        if sent.body.keys() != {"status_id"}:
            self._break(f"a lead was changed: {sorted(sent.body)}")
            return
        agent = self._history.agent
        outcome = next((each for each, label in LABELS.items() if agent.status(label) == sent.body["status_id"]), "")
        notes = [(each, attempt) for attempt, sends in self._notes.items() for each in sends]
        told = [
            (note, attempt)
            for note, attempt in notes
            if self._is_about(note, sent.object_id)
            and note.sent.by == sent.by
            and self._outcome_in((note.sent.body or {})["note"]) == outcome
        ]
        if not told:
            if sent.object_id not in agent.rewritten:
                self._break(f"{sent.object_id} was moved to {outcome or 'another status'}, and no note says so")
            return
        self._check_write(checker, sent, sent.object_id, told[-1][1], outcome)

    @staticmethod
    def _is_about(note: Departed, lead_id: str) -> bool:
        return (note.sent.body or {}).get("lead_id") == lead_id

    def _check_write(self, checker: "Checker", sent: Sent, lead_id: str, attempt: str, outcome: str) -> None:
        """What is written to a lead was decided about the person whose id it has, and the trail surely has it."""
        line = next((each for each in self._trail(checker) if each["attempt_id"] == attempt), None)
        if line is None or line["outcome"] != outcome:
            self._break(f"{attempt} ({outcome}) was written to Close before it was in the trail")
            return
        allowed = {self._history.agent.status("To qualify"), (sent.body or {}).get("status_id")}
        states = self._states_between(lead_id, sent.at - READING_TO_WRITE, sent.at)
        is_free = checker.mode == "write back"
        if not any(each.typed == line["person_id"] and (is_free or each.status in allowed) for each in states):
            self._break(f"{attempt} was written to {lead_id} after somebody had moved it or changed its id")

    # What is shown ---------------------------------------------------------------------------------------------------

    def watch_shown(self, name: str, text: str) -> None:
        """A result was printed: the trail surely has it."""
        history = self._history
        history.story.tell(history.scheduler.now, name, "shows", text)
        checker = self._checker(name)
        assert checker
        told = {(line["person_id"], line["result"]) for line in self._trail(checker)}
        for person_id, result in _results_in(text):
            if (person_id, result) not in told:
                self._break(f"the result {result} of {person_id} was shown before it was in the trail")
            self._shown[name].add((person_id, result))
        checker.computer.moment("has shown")

    def note_said(self, text: str) -> None:
        """Something else was printed."""
        self._said += text

    def _trail(self, checker: "Checker") -> list[Json]:
        """The lines of a trail that are surely on the disk."""
        return _lines(checker.computer.disk.synced(TRAIL))

    # After each command ----------------------------------------------------------------------------------------------

    def note_beginning(self, checker: "Checker") -> None:
        """A command begins."""
        self._began[checker.computer.name] = self._history.scheduler.now

    def check_end(self, checker: "Checker", code: int | None, seconds: float, *, was_stopped: bool) -> None:
        """A command ends in time, never with a bug, and what it decided is what the services said."""
        at_a_time = math.ceil(len(checker.people) / checker.workers)
        longest = LONGEST_ON_PERSON * at_a_time if checker.mode == "people" else LONGEST_COMMAND
        if seconds > (LONGEST_STOP if was_stopped else longest):
            self._break(f"a command took {seconds:.0f} s")
        said = checker.commands.said
        words = said.words if said else ""
        is_of_disk = re.search(r"disk|space|Input/output", words)
        if code == 1 and ("This is a bug" in words or not is_of_disk) and not self._is_of_trail(said):
            self._break(words)
        told = {(line["person_id"], line["result"]) for line in self._trail(checker)}
        for person_id, result in self._shown[checker.computer.name] - told:
            self._break(f"the result {result} of {person_id} was shown, but the trail does not have it any more")
        path = checker.computer.disk.output / TRAIL
        for line in _lines(path.read_bytes()) if path.exists() else ():
            if line["attempt_id"] not in self._checked:
                self._check_line(checker, line)
                self._checked.add(line["attempt_id"])
        self._check_keys()

    @staticmethod
    def _is_of_trail(said: object) -> bool:
        return said is not None and not getattr(said, "words", "")

    def _check_line(self, checker: "Checker", line: Json) -> None:
        """A verdict is what the services said, as they mean it, during this command."""
        who = f"{line['attempt_id']} on {line['person_id']}"
        checks = line["checks"]
        for name, check in checks.items():
            self._check_check(checker, line, name, check)
        wanted = _decided(checks, self._history.threshold)
        if (line["outcome"], line["result"]) != wanted:
            self._break(f"{who}: {line['outcome']} {line['result']} instead of {wanted[0]} {wanted[1]}")

    def _check_check(self, checker: "Checker", line: Json, name: str, check: Json) -> None:
        if check["status"] == "unavailable":
            return
        began = self._began[checker.computer.name]
        said = self._history.services.answers.get((check["digest"], name, line["person_id"]), [])
        heard = [each for each in said if each.asked.by == checker.computer.name and began <= each.heard_at]
        means = {each.means for each in heard}
        if means != {check["status"]}:
            told = " or ".join(sorted(means)) or "nothing at all"
            self._break(f"{line['attempt_id']}: the {name} check is {check['status']}, but the answer means {told}")
            return
        if name == "score" and line["result"] != heard[0].score and line["outcome"] != "undetermined":
            self._break(f"{line['attempt_id']}: the score is {heard[0].score}, not {line['result']}")
        is_named = name == "registry" and check["status"] == "passed" and line["lead_id"] and not checker.names
        if is_named and not any(self._is_called(line["lead_id"], each) for each in heard):
            self._break(f"{line['attempt_id']}: the registry calls the person something else")

    def _is_called(self, lead_id: str, answer: Answer) -> bool:
        """Whether the registry's name for a person was, when it gave it, the one of a contact, or there was none."""
        states = self._states_between(lead_id, answer.heard_at - READING_TO_CHECK, answer.heard_at)
        name = answer.truth.name if answer.truth else ""
        return any(not (name and each.names) or name in each.names for each in states)

    def _check_keys(self) -> None:
        """All requests for a score in one attempt have the same idempotency key, and no other attempt has it."""
        people: dict[str, set[str]] = defaultdict(set)
        for asked in self._history.services.asked:
            if asked.service == "score" and {asked.body["registry"], asked.body["judicial"]} != {"passed"}:
                self._break(f"a score was asked for although {asked.person_id} had not passed")
            if asked.key:
                people[asked.key].add(asked.person_id)
            elif asked.service == "score":
                self._break("a score was asked for without an idempotency key")
        for key, of in people.items():
            if len(of) > 1:
                self._break(f"two people have the idempotency key {key}")

    def note_endless(self, checker: "Checker", code: int | None) -> None:
        """A command did not come to its end although nothing was in its way."""
        said = checker.commands.said
        self._break(f"the command on {checker.computer.name} ends with {code}: {said.words if said else ''}")

    # In the end ------------------------------------------------------------------------------------------------------

    def check_end_of_history(self) -> None:
        """Each lead has the status of its verdict and one note of each attempt; whoever can be decided on is."""
        history = self._history
        for lead in history.close.store.all("lead"):
            self._check_notes(lead)
            self._check_lead(lead)
        for checker in history.checkers:
            if checker.mode == "people" and "--deadline" not in checker.words:
                self._check_people(checker)

    def check_all_decided(self) -> None:
        """No lead waits on whose person one can decide."""
        waiting = self._history.agent.status("To qualify")
        for lead in self._history.close.store.all("lead"):
            if self._states[lead["id"]][-1].status == waiting and not self._has_refused_note(lead):
                self._check_waiting(lead, self._states[lead["id"]][-1])

    def _has_refused_note(self, lead: Json) -> bool:
        """Whether a note says that a service refused the id, so that it is not asked about any more."""
        return any("was refused in the" in note["note"] for _, note in self._notes_on(lead))

    def _notes_on(self, lead: Json) -> list[tuple[str, Json]]:
        """The notes of ours on a lead, oldest first, with their attempts."""
        found = []
        for note in self._history.close.store.of_lead("activity", lead["id"]):
            match = re.search(r"Attempt: (\S+)", note.get("note") or "")
            if match:
                found.append((match[1], note))
        return found

    def _check_notes(self, lead: Json) -> None:
        attempts = [attempt for attempt, _ in self._notes_on(lead)]
        is_excused = lead["id"] in self._history.agent.rewritten or "note is there twice" in self._said
        maker = {departed.made: departed.sent.by for sends in self._notes.values() for departed in sends}
        made = Counter((attempt, maker.get(note["id"])) for attempt, note in self._notes_on(lead))
        for (attempt, by), count in made.items():  # two computers may both note that an id is missing
            if count > 1 and not is_excused:
                self._break(f"{lead['name']} has {count} notes of {attempt} by {by}")
        verdicts = {attempt for attempt in attempts if attempt.startswith("q-")}
        deeds = len(self._history.agent.deeds.get(lead["id"], ()))
        is_alone = len(self._history.checkers) == 1 and self._history.checkers[0].mode != "write back"
        if is_alone and len(verdicts) > 1 + deeds:
            self._break(f"{lead['name']} has notes of {len(verdicts)} attempts")

    def _check_lead(self, lead: Json) -> None:
        agent = self._history.agent
        state = self._states[lead["id"]][-1]
        modes = {checker.mode for checker in self._history.checkers}
        verdicts = [
            (note, outcome)
            for _, note in self._notes_on(lead)
            if (outcome := self._outcome_in(note["note"])) and note["lead_id"] == lead["id"]
        ]
        acted = agent.deeds.get(lead["id"], [])
        waits = state.status == agent.status("To qualify")
        is_alone = len(self._history.checkers) == 1
        if is_alone and verdicts and not acted and state.status != agent.status(LABELS[verdicts[-1][1]]):
            self._break(f"{lead['name']} has a note of {verdicts[-1][1]}, but another status")
        if not verdicts and not acted and state.status in map(agent.status, LABELS.values()):
            self._break(f"{lead['name']} was moved, but has no note")
        if waits and modes & {"from close", "watch"}:
            self._check_waiting(lead, state)

    def _check_waiting(self, lead: Json, state: State) -> None:
        """A lead still waits: then its person can't be decided on."""
        services = self._history.services
        if state.typed not in {*self._history.people, "999"} or self._is_withheld():
            return
        wanted = services.truth(state.typed).outcome(state.names, self._history.threshold)
        if wanted != "undetermined":
            self._break(f"{lead['name']} still waits, although {state.typed} is {wanted}")

    def _is_withheld(self) -> bool:
        """Whether the registry may have said of everybody that it does not know them."""
        waiting = self._history.agent.status("To qualify")
        typed = {states[-1].typed for states in self._states.values() if states[-1].status == waiting}
        truths = [self._history.services.truth(each) for each in typed if each in self._history.people]
        return all(not each.exists and each.is_404 for each in truths)

    def _check_people(self, checker: "Checker") -> None:
        """The last verdict on each person, made while nothing went wrong."""
        last = {line["person_id"]: line for line in self._trail(checker)}
        for person_id in dict.fromkeys(checker.people):
            truth = self._history.services.truth(person_id)
            names = checker.names.get(person_id, ())
            wanted = truth.outcome(names, self._history.threshold)
            if last[person_id]["outcome"] != wanted:
                self._break(f"{person_id} is {last[person_id]['outcome']} instead of {wanted}")


def _decided(checks: Json, threshold: int) -> tuple[str, int | None]:
    """The verdict that follows from checks."""
    registry, judicial, score = (checks[name] for name in ("registry", "judicial", "score"))
    found = re.search(r"score (\d+) of", score["detail"])
    points = int(found[1]) if found else None
    if registry.get("why") == "other_name":
        return "undetermined", None
    if "failed" in (registry["status"], judicial["status"]):
        return "not_prospect", 0
    if (registry["status"], judicial["status"]) != ("passed", "passed") or points is None:
        return "undetermined", None
    return ("prospect" if points > threshold else "not_prospect"), points


def _results_in(text: str) -> Iterator[tuple[str, int | None]]:
    """The people and their results in what was printed."""
    if text.startswith("["):
        for each in json.loads(text):
            yield each["person_id"], each["result"]
    for person_id, result in re.findall(r"^person id: (\S+), qualification result: (\S+)$", text, re.MULTILINE):
        yield person_id, None if result == "none" else int(result)


def _lines(content: bytes) -> list[Json]:
    """The lines of a trail, without one that a crash cut off."""
    found = []
    for text in content.split(b"\n"):
        try:
            found.append(json.loads(text))
        except ValueError:
            continue
    return found
