"""A few hundred histories hold, the same seed gives the same history, and what goes wrong in them does happen."""

import subprocess
import sys
from collections import Counter

import pytest

from tests.killing import ROOT
from tests.simulation import mutants, qualify_mutants
from tests.simulation.history import play
from tests.simulation.network import FAULTS

SEEDS, PARTS = 108, 4


@pytest.mark.parametrize("part", range(PARTS))
def test_what_must_hold_holds_in_each_history(part: int) -> None:
    counts: Counter[str] = Counter()
    for seed in range(part, SEEDS, PARTS):
        played = play(seed)
        assert played.broken == [], f"python -m tests.simulation --seed {seed}"
        counts += played.story.counts
    assert counts["crashes"] > SEEDS / PARTS / 4
    assert sum(counts[fault] for fault in FAULTS) > SEEDS / PARTS / 4


def test_a_seed_gives_the_same_history_byte_for_byte() -> None:
    """Also in another process, in which sets have another order."""
    told = {"\n".join(play(5).story.lines()) for _ in range(2)}
    (story,) = told
    for order in ("1", "2"):
        command = [sys.executable, "-m", "tests.simulation", "--seed", "5"]
        environment = {"PYTHONHASHSEED": order}
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=environment)
        assert ran.stdout == f"{story}\nAll held.\n"


def test_each_mistake_can_still_be_made() -> None:
    """The text that a mutant replaces is in the product exactly once."""
    for mutant in (*mutants.MUTANTS, *qualify_mutants.MUTANTS):
        assert (ROOT / mutant.file).read_text(encoding="utf-8").count(mutant.right) == 1, mutant.name
