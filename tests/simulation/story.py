"""The story of a history: what happened when, on which computer. It is put into words only if somebody reads it."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

LONGEST = 160  # characters of one thing that is told


class Story:
    """What happened so far, and how often each kind of thing did."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._told: list[tuple[float, str, str, tuple[Any, ...]]] = []

    def tell(self, now: float, who: str, what: str, *about: Any) -> None:
        """Something happened."""
        self._told.append((now, who, what, about))

    def count(self, what: str) -> None:
        """Something happened that is counted."""
        self.counts[what] += 1

    def lines(self) -> Iterator[str]:
        """The story, a line for each thing."""
        for now, who, what, about in self._told:
            words = " ".join(_in_words(each) for each in about if each not in (None, ""))
            yield f"{now:10.3f}  {who:<10}  {what:<12}  {words}".rstrip()


def _in_words(thing: Any) -> str:
    if isinstance(thing, bytes):
        thing = thing.decode(errors="replace")
    text = thing if isinstance(thing, str) else json.dumps(thing, default=str, ensure_ascii=False)
    text = re.sub(
        r"\b((?:lead|cont|acti|task|oppo|orga|user|stat|cf|req|ev)_[A-Za-z0-9]{6})[A-Za-z0-9]{10,}", r"\1", text
    )
    text = " ".join(re.sub(r"\S*/simulation-\d+", "", text).split())
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
