"""What people call the columns of a file: our names for them, or else their titles."""

import itertools
from collections import Counter
from collections.abc import Collection, Sequence

from cells.columns import KNOWN_COLUMNS, OUR_COLUMNS
from cells.texts import plain_name


def numbers_of(titles: Sequence[str], ours: Collection[int]) -> list[int]:
    """The number of each column of a file; those at the positions in `ours` are not counted."""
    return list(itertools.accumulate(int(at not in ours) for at in range(len(titles))))


def labels_of(titles: Sequence[str], ours: Collection[int] = ()) -> tuple[str, ...]:
    """What to call columns: our names for them, or else their titles, with their numbers if several are alike.

    No two labels are alike, even if a title looks like what another one is called here. The columns at the positions
    in `ours` are not counted and keep their titles, so that a rejects file calls columns as its source does.
    """
    numbers = numbers_of(titles, ours)
    spelled = [" ".join(title.split()) or f"(unnamed column {at})" for at, title in zip(numbers, titles, strict=True)]
    own = {plain_name(name): name for name in KNOWN_COLUMNS}
    labels = [own.get(plain_name(title), title) for title in spelled]
    while (times := Counter(map(plain_name, labels))).total() > len(times):
        labels = [
            label if at in ours or times[plain_name(label)] == 1 else f"{label} (column {number})"
            for at, (number, label) in enumerate(zip(numbers, labels, strict=True))
        ]
    return tuple(labels)


def own_titles(header: Sequence[str]) -> dict[int, str]:
    """What maps call the columns of a file, by position, without those that our rejects files add.

    Columns that share a title, or have none, get their number; the columns that we add are not counted.
    """
    own = [at for at, title in enumerate(header) if title.strip() not in OUR_COLUMNS]
    return dict(zip(own, labels_of([header[at] for at in own]), strict=True))
