"""Plausible mistakes in how people are checked and leads are summed up: the simulation has to catch them all.

`python -m tests.simulation.qualify_mutants` says of each at which seed it was caught.
"""

from functools import partial

from tests.simulation.mutants import Mutant, main

Qualify, Segment = partial(Mutant, kind="qualify"), partial(Mutant, kind="segment")

MUTANTS = (
    Qualify(
        "write back after an agent moved the lead",
        "qualifying/lead_writer.py",
        "        if status != write_back.from_status and not is_moved_by_us:\n",
        "        if False:\n",
    ),
    Qualify(
        "write back after somebody changed the id",
        "qualifying/lead_writer.py",
        "        if digest(write_back.attempt_id, self._workflow.typed_id(lead), machine) != of_id:\n",
        "        if False:\n",
    ),
    Qualify(
        "send a note before the intent is in the journal",
        "qualifying/lead_writer.py",
        "            self._journal.note_noting(write_back, self._close.now())\n"
        "            self._close.create_note(write_back.lead_id, write_back.note)\n",
        "            self._close.create_note(write_back.lead_id, write_back.note)\n"
        "            self._journal.note_noting(write_back, self._close.now())\n",
    ),
    Qualify(
        "send a note again at once after a lost answer",
        "qualifying/lead_writer.py",
        "            left = self._seconds_until_shown(lost_at) if lost_at else 0.0\n",
        "            left = 0.0\n",
    ),
    Qualify(
        "repeat a write after a lost answer",
        "close_client.py",
        "(isinstance(error, AnswerLost) and not is_write)",
        "isinstance(error, AnswerLost)",
    ),
    Qualify(
        "never look for notes that arrived twice",
        "qualifying/lead_writer.py",
        "        for write_back in self._journal.repeated_notes():\n            try:",
        "        for write_back in ():\n            try:",
    ),
    Qualify(
        "forget what was decided when it continues",
        "qualifying/write_back.py",
        "        for write_back in self._journal.unfinished_write_backs(lead_id):\n",
        "        for write_back in ():\n",
    ),
    Qualify(
        "move a lead before the note",
        "qualifying/lead_writer.py",
        '        reason = "" if write_back.state == "noted" else self._write_note(write_back)\n'
        '        return reason or (self._move(replace(write_back, state="noted")) if write_back.to_status else "")\n',
        '        reason = self._move(write_back) if write_back.to_status else ""\n'
        "        write_back = replace(write_back, from_status=write_back.to_status or write_back.from_status)\n"
        '        return reason or ("" if write_back.state == "noted" else self._write_note(write_back))\n',
    ),
    Qualify(
        "do not compare the score with the threshold",
        "qualification.py",
        "    if score > rule.threshold:\n",
        "    if score:\n",
    ),
    Qualify(
        "let a score pass that is only as high as the threshold",
        "qualification.py",
        "    if score > rule.threshold:\n",
        "    if score >= rule.threshold:\n",
    ),
    Qualify(
        "take a 404 of the judicial service for clear",
        "qualification.py",
        '        records = len(_said_of(person, status, answer, "records", list))\n',
        '        records = 0 if status == 404 else len(_said_of(person, status, answer, "records", list))\n'
        '        if status == 404:\n            return Check("passed", "no judicial records")\n',
    ),
    Qualify(
        "take a service that fails for one that clears",
        "qualifying/check_service.py",
        '            return "failure", self.unavailable(str(error))\n        except Unavailable',
        '            return "failure", Check("passed", str(error))\n        except Unavailable',
    ),
    Qualify(
        "ask for a score although a check is unavailable",
        "qualification.py",
        '        if any(check.status != "passed" for check in first.values()):\n',
        '        if any(check.status == "failed" for check in first.values()):\n',
    ),
    Qualify(
        "believe an answer about another person",
        "qualification.py",
        '    if answer["id"] != person.person_id:\n',
        "    if False:\n",
    ),
    Qualify(
        "let keys pass that nobody knows",
        "qualification.py",
        "    more = sorted(answer.keys() - UNDERSTOOD[check] - rule.allowed_keys)\n",
        "    more = []\n",
    ),
    Qualify(
        "take any 404 of the registry for a no",
        "qualification.py",
        "            return _not_in_registry(person, answer)\n",
        '            return Check("failed", "not in the registry", why="only_404")\n',
    ),
    Qualify(
        "clear somebody whom the registry calls otherwise",
        "qualification.py",
        "    differing = [COMPARED_WORDS[what] for what, agrees in compared.items() if not agrees]\n",
        "    differing = []\n",
    ),
    Qualify(
        "keep a verdict in the trail after it is written to Close",
        "qualifying/round.py",
        "        verdict = self.shown(verdict)\n        self._record(verdict)\n",
        "        verdict = self.shown(verdict)\n",
    ),
    Qualify(
        "do not sync the trail",
        "close/machine.py",
        '            file.write("".join(["\\n" * is_torn, line, "\\n"]).encode())\n            file.flush()\n'
        "            self.sync(file.fileno())\n",
        '            file.write("".join(["\\n" * is_torn, line, "\\n"]).encode())\n            file.flush()\n',
    ),
    Qualify(
        "show what an earlier run left without syncing it",
        "commands/qualify_people.py",
        "            self.machine.disk.settle(trail)\n",
        "            pass\n",
    ),
    Qualify(
        "do not give up a service that never answers",
        "qualification.py",
        "                return begun.result(max(0.0, latest - clock()))\n",
        "                return begun.result(10_000.0)\n",
    ),
    Qualify(
        "never try again who stayed undetermined",
        "qualifying/back_off.py",
        "        return self._clock() < rest.ends_at\n",
        "        return True\n",
    ),
    Segment(
        "count a lead again for each page that shows it",
        "segmenting/unseen.py",
        "        leads=[lead for lead_id, lead in shown.items() if lead_id not in deleted],\n",
        "        leads=[*(lead for lead_id, lead in shown.items() if lead_id not in deleted), *made],\n",
    ),
    Segment(
        "end a walk when its cursor expires, and believe it",
        "close/walk.py",
        "        if total <= read < LONGEST_WALK:",
        "        counted = len(found)\n        if True:",
    ),
    Segment(
        "read the first page only",
        "close_client.py",
        "            read, cursor = read + size, following\n            if not cursor:\n",
        "            read, cursor = read + size, following\n            if True:\n",
    ),
    Segment(
        "forget what imports have just made",
        "segmenting/unseen.py",
        '    missing = [lead for lead in made if lead["id"] not in shown and question.admits(lead)]\n',
        "    missing = []\n",
    ),
    Segment(
        "count what an undo has deleted",
        "segmenting/unseen.py",
        "        leads=[lead for lead_id, lead in shown.items() if lead_id not in deleted],\n",
        "        leads=list(shown.values()),\n",
    ),
    Segment(
        "report leads that are gone as not shown yet",
        "segmenting/unseen.py",
        "        still_missing = _not_shown_for_other_reasons(close, missing, question)\n",
        "        still_missing = missing\n",
    ),
)


if __name__ == "__main__":
    raise SystemExit(main(MUTANTS))
