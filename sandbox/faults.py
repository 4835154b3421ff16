"""What can be made to go wrong on purpose, and whether it goes wrong this time."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FAULTS: Mapping[str, str] = {
    "drop-before": "the connection is closed before anything is done",
    "drop-after": "the request is carried out, then the connection is closed without an answer",
    "500": "500, nothing done",
    "503-before": "503, nothing done",
    "502-before": "502, nothing done",
    "502-after": "502, although the request was carried out",
    "504-before": "504, nothing done",
    "504-after": "504, although the request was carried out",
    "408-before": "408, nothing done",
    "408-after": "408, although the request was carried out",
    "odd-status-after": "a status such as 409 or 499 that says nothing, although the request was carried out",
    "404-passing": "404, although there is such a thing, nothing done",
    "late": "the connection is closed without an answer, the request is carried out some seconds later",
    "doubled-answer": "the request is carried out, the answer is the one to the request of its kind before it",
    "stall": "the request is carried out at once, the answer comes much later",
    "cut": "the request is carried out, the connection is closed in the middle of the answer",
    "html": "the request is carried out, the answer is 502 with an HTML page",
    "429-bare": "429 without body and without headers, nothing done",
    "429-surprise": "429 although the last answer promised that more requests may come, nothing done",
}

BEFORE = frozenset(
    {
        *("drop-before", "500", "503-before", "502-before", "504-before", "408-before", "404-passing"),
        *("429-bare", "429-surprise"),
    }
)


@dataclass(frozen=True)
class Fault:
    """One fault: how likely, on which requests ("POST /api/v1/lead/", or "" for all), and how many times at most."""

    name: str
    probability: float = 1.0
    on: str = ""
    times: int | None = None

    def __post_init__(self) -> None:
        if self.name not in FAULTS:
            raise ValueError(f"Unknown fault {self.name!r}. Choose one of: {', '.join(FAULTS)}.")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"The probability of {self.name} must be between 0 and 1, not {self.probability}.")

    @classmethod
    def parse(cls, text: str) -> Fault:
        """The fault given as "drop-after", "drop-after=0.1" or "drop-after@POST /api/v1/lead/=0.1"."""
        what, _, probability = text.partition("=")
        name, _, on = what.partition("@")
        try:
            chance = float(probability) if probability else 1.0
        except ValueError:
            raise ValueError(
                f"{probability!r} in {text!r} is not a probability. Write, for example, {what}=0.1."
            ) from None
        return cls(name.strip(), chance, on.strip())

    def concerns(self, method: str, path: str) -> bool:
        return f"{method} {path}".startswith(self.on)


class FaultDraw:
    """Decides for each request what goes wrong with it. The same seed draws the same sequence."""

    def __init__(self, faults: Sequence[Fault], seed: int) -> None:
        self._random = random.Random(seed)
        self._remaining: dict[int, int] = {i: f.times for i, f in enumerate(faults) if f.times is not None}
        self._faults = tuple(faults)
        self._lock = threading.Lock()

    def draw(self, method: str, path: str) -> str | None:
        """The name of the fault that strikes this request, or None."""
        if not self._faults:
            return None
        with self._lock:
            struck = (i for i, fault in enumerate(self._faults) if fault.concerns(method, path) and self._strikes(i))
            position = next(struck, None)
            return None if position is None else self._faults[position].name

    def _strikes(self, position: int) -> bool:
        if self._remaining.get(position) == 0 or self._random.random() >= self._faults[position].probability:
            return False
        if position in self._remaining:
            self._remaining[position] -= 1
        return True
