"""The kinds of histories: what a seed is played as."""

from collections.abc import Callable

from cells.source_file import few_collections
from tests.simulation import history, qualify_history, segment_history
from tests.simulation.history import Played

KINDS: dict[str, Callable[[int], Played]] = {
    "import": history.play,
    "qualify": qualify_history.play,
    "segment": segment_history.play,
}
ALL = "all"  # one after the other, seed by seed


def play(seed: int, kind: str) -> Played:
    """The history of a seed of this kind."""
    names = list(KINDS) if kind == ALL else [kind]
    with few_collections():
        return KINDS[names[seed % len(names)]](seed)
