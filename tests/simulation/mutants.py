"""Plausible mistakes of the product, each made in a copy of it: the simulation has to catch them all.

`python -m tests.simulation.mutants` says of each at which seed it was caught.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("cells", "close", "commands", "importing", "qualifying", "sandbox", "segmenting", "tests/simulation")
MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Mutant:
    """One mistake: in a file, this text in place of that; histories of this kind have to find it."""

    name: str
    file: str
    right: str
    wrong: str
    kind: str = "import"


MUTANTS = (
    Mutant(
        "repeat a write after a lost answer",
        "close_client.py",
        "(isinstance(error, AnswerLost) and not is_write)",
        "isinstance(error, AnswerLost)",
    ),
    Mutant(
        "take every odd status for a refusal",
        "close_client.py",
        "if status not in REFUSALS:",
        "if status >= 500:",
    ),
    Mutant(
        "note a lead after sending it",
        "importing/send.py",
        """        self._journal.note_sending(
            *(key, self._plan.run_id, lead.name, body),
            sender=self._organization.account.user_id,
            since=self._close.noted_by_now(),
            moment=self._close.now(),
        )
        began = self._clock()
        try:
            made, dropped = send_without_refused(
                self._made, body,""",
        """        began = self._clock()

        def create(sent):
            made = self._made(sent)
            self._journal.note_sending(
                *(key, self._plan.run_id, lead.name, body),
                sender=self._organization.account.user_id,
                since=self._close.noted_by_now(),
                moment=self._close.now(),
            )
            return made

        try:
            made, dropped = send_without_refused(
                create, body,""",
    ),
    Mutant(
        "forget the lag of the index",
        "importing/lost_leads.py",
        "if not after or share_of_time < max(1 / MOST_LAGS, 1 - worth):",
        "if not after:",
    ),
    Mutant(
        "do not wait for witnesses of an earlier run",
        "importing/lost_leads.py",
        "        if elapsed < longest:\n            return None\n",
        "        if elapsed < longest and not lost.is_of_earlier_run:\n            return None\n",
    ),
    Mutant(
        "trust search alone",
        "importing/lost_leads.py",
        "        with suppress(EventLogClosed):\n            self._read_events()\n",
        "",
    ),
    Mutant(
        "trust the event log alone",
        "importing/lost_leads.py",
        '            self._ids[key].update(lead["id"] for lead in found)\n            self._in_search',
        "            self._in_search",
    ),
    Mutant(
        "send what was lost at once when it continues",
        "importing/plan.py",
        'if sent and sent.state == "sending":',
        'if sent and sent.state == "sending" and False:',
    ),
    Mutant(
        "believe the first of two readings",
        "importing/lost_changes.py",
        "    last = close.read_lead(lead_id)\n",
        "    return close.read_lead(lead_id)\n    last = close.read_lead(lead_id)\n",
    ),
    Mutant(
        "send a lost contact again without looking for it",
        "importing/fill.py",
        "        if not self._is_unsure:\n",
        "        if not self._is_unsure or True:\n",
    ),
    Mutant(
        "do not wait for a lost contact",
        "importing/lost_changes.py",
        'elif change.kind == "new contact" and seconds_left(change) > 0:',
        'elif change.kind == "new contact" and seconds_left(change) > 1_000:',
    ),
    Mutant(
        "delete the wrong double",
        "importing/own_leads.py",
        '    try:\n        organization.close.delete_lead(copy["id"])\n',
        '    try:\n        organization.close.delete_lead(oldest["id"])\n',
    ),
    Mutant(
        "never look for late doubles of leads",
        "importing/own_leads.py",
        "doubtful = {lead.key: lead for lead in journal.doubtful_leads()}",
        "doubtful = {}",
    ),
    Mutant(
        "never look for late doubles of contacts",
        "importing/double_contacts.py",
        '    return [change for change in journal.late_changes(lead_id) if change.kind == "new contact"]',
        "    return []",
    ),
    Mutant(
        "do not sync the journal",
        "close/journal_schema.py",
        "PRAGMA synchronous = FULL",
        "PRAGMA synchronous = NORMAL",
    ),
    Mutant(
        "do not sync files",
        "close/machine.py",
        "            file.write(content)\n            file.flush()\n            self.sync(file.fileno())\n",
        "            file.write(content)\n            file.flush()\n",
    ),
    Mutant(
        "take another's lead for ours",
        "importing/own_leads.py",
        "    if any(is_lead_as_sent(copy, body) for body in sent.bodies):\n",
        "    if True:\n",
    ),
    Mutant(
        "undo without asking who has worked on a lead",
        "importing/own_leads.py",
        "    if lead_content(lead) != lead_content(answered):\n",
        '    work = ""\n    if lead_content(lead) != lead_content(answered):\n',
    ),
    Mutant(
        "undo a lead that somebody has changed",
        "importing/own_leads.py",
        "    if lead_content(lead) != lead_content(answered):\n",
        "    if False:\n",
    ),
    Mutant(
        "believe lists that lag",
        "importing/lagging_lists.py",
        "    if organization.list_lag and left > 0:\n",
        "    if False:\n",
    ),
    Mutant(
        "overwrite what Close holds",
        "importing/gaps.py",
        "if name not in fields.by_name or is_blank(found, fields.by_name[name].key)",
        "if name not in fields.by_name or found.get(fields.by_name[name].key) not in values",
    ),
    Mutant(
        "replace the e-mails of a contact",
        "importing/request_bodies.py",
        "{part: [*present[part], *added[part]] for",
        "{part: added[part] for",
    ),
    Mutant(
        "take an id that is not found for deleted",
        "importing/missing_leads.py",
        "        if found or is_deleted(close, lead_id):\n            return found\n",
        "        return found\n",
    ),
    Mutant(
        "undo a run without what was lost",
        "importing/undo/undo.py",
        "    for settled in settle_lost(organization, run, tell, patience):\n",
        "    for settled in ():\n",
    ),
    Mutant(
        "note that a lead is undone before it is deleted",
        "importing/undo/created.py",
        "        organization.close.delete_lead(lead.lead_id)\n    except StaleReading as stale:\n",
        "        organization.journal.note_undone(lead.key)\n        organization.close.delete_lead(lead.lead_id)\n"
        "    except StaleReading as stale:\n",
    ),
    Mutant(
        "look for leads by name only",
        "importing/look_up.py",
        "        shown = _find_keyed(organization, every, deleted, pool)\n",
        "        shown = {}\n",
    ),
    Mutant(
        "forget the leads that the journal knows",
        "importing/look_up.py",
        "        known = _read_known(organization, unseen, pool)\n",
        "        known = {}\n",
    ),
    Mutant(
        "make a custom field again at once",
        "close/made_once.py",
        "            left = self.lag - self.close.seconds_since(sent.last_sent)\n",
        "            left = 0.0\n",
    ),
)


@dataclass(frozen=True)
class Caught:
    """What came of a mutant: the seed that caught it, None if none did, and what did not hold."""

    mutant: Mutant
    seed: int | None
    words: str


def catch(mutant: Mutant, count: int) -> Caught:
    """Try a mutant with so many seeds at most."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder = Path(name)
        _copy(folder)
        path = folder / mutant.file
        text = path.read_text(encoding="utf-8")
        if text.count(mutant.right) != 1:
            raise ValueError(f"{mutant.name}: {mutant.file} has this text {text.count(mutant.right)} times")
        path.write_text(text.replace(mutant.right, mutant.wrong), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "tests.simulation",
            "--kind",
            mutant.kind,
            "--count",
            str(count),
            "--until-broken",
        ]
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = re.search(r"^seed (\d+): (.*)$", ran.stdout, re.MULTILINE)
    if not found and ran.returncode not in (0, 1):
        raise RuntimeError(f"{mutant.name}: {ran.stderr[-500:]}")
    return Caught(mutant, int(found[1]) if found else None, found[2] if found else ran.stderr[-200:])


def _copy(folder: Path) -> None:
    """Copy what a simulation needs."""
    for name in NEEDED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (*ROOT.glob("*.py"), ROOT / "tests" / "__init__.py"):
        shutil.copy(path, folder / path.relative_to(ROOT))


def catch_all(mutants: Sequence[Mutant], count: int) -> Iterator[Caught]:
    """Try mutants, on all cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(lambda mutant: catch(mutant, count), mutants)


def main(mutants: Sequence[Mutant] = MUTANTS) -> int:
    """The exit code: 1 if a mutant was not caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=2_000, help="seeds to try at most (default: 2000)")
    parser.add_argument("--only", default="", help="only mutants with these words in their names")
    args = parser.parse_args()
    missed = 0
    for caught in catch_all([each for each in mutants if args.only in each.name], args.count):
        where = "not caught" if caught.seed is None else f"seed {caught.seed}"
        missed += caught.seed is None
        sys.stdout.write(f"{where:>10}  {caught.mutant.name}: {caught.words[:150]}\n")
        sys.stdout.flush()
    return int(bool(missed))


if __name__ == "__main__":
    raise SystemExit(main())
