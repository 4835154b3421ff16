"""What people call the columns of a file: our names for them, or else their titles."""

from collections import Counter
from collections.abc import Sequence

from cells.columns import KNOWN_COLUMNS, OUR_COLUMNS
from cells.texts import plain_name


def labels_of(titles: Sequence[str]) -> tuple[str, ...]:
    """What to call columns: our names for them, or else their titles, with their positions if several are alike."""
    spelled = [" ".join(title.split()) or f"(unnamed column {at})" for at, title in enumerate(titles, 1)]
    plain = list(map(plain_name, spelled))
    times = Counter(plain)
    own = {plain_name(name): name for name in KNOWN_COLUMNS}
    return tuple(
        own.get(name, title) if times[name] == 1 else f"{own.get(name, title)} (column {at})"
        for at, (title, name) in enumerate(zip(spelled, plain, strict=True), 1)
    )


def own_titles(header: Sequence[str]) -> dict[int, str]:
    """What maps call the columns of a file, by position, without those that our rejects files add.

    Columns with one title, or without any, are told apart by their numbers, which do not count ours.
    """
    own = [at for at, title in enumerate(header) if title.strip() not in OUR_COLUMNS]
    return dict(zip(own, labels_of([header[at] for at in own]), strict=True))
