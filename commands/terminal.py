"""Printing: results on standard output, everything else on standard error, progress only on a terminal."""

import contextlib
import io
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from cells.safe_text import harmless, harmless_json, harmless_line

Note = Callable[[int, int], None]  # how much is done, and how much there is in all


def give_missing_streams() -> None:
    """Replace a closed standard output or standard error with the null device, so that text goes nowhere else."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(os.devnull, "w")))


def show(text: str) -> None:
    """Show a result to people; names in it can't control the terminal."""
    _print(harmless(text))


def show_json(document: str) -> None:
    """Show a result as a JSON document; characters that control a terminal are escaped in it."""
    _print(harmless_json(document))


def show_csv(lines: str) -> None:
    """Show a result as CSV: as it is for a program, but harmless on a terminal."""
    _print(harmless(lines) if sys.stdout.isatty() else lines)


def _print(text: str) -> None:
    """Print a result. The command continues even if nobody reads it, because its exit code also says something."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """Say something in one line besides the result, if somebody reads it; names in it can't control the terminal."""
    with contextlib.suppress(OSError):
        print(harmless_line(text), file=sys.stderr, flush=True)


def say_lines(text: str) -> None:
    """Say several lines besides the result, if somebody reads them; names in them can't control the terminal."""
    with contextlib.suppress(OSError):
        print(harmless(text), file=sys.stderr, flush=True)


def complain(words: str) -> None:
    """Say in one line what went wrong."""
    say(f"error: {' '.join(words.split())}")


def leave(code: int) -> NoReturn:
    """End the process even if a thread is stuck, for example in a DNS lookup: all the work is done."""
    for stream in (sys.stdout, sys.stderr):
        _let_go(stream)
    if threading.active_count() > 1:
        os._exit(code)
    raise SystemExit(code)


def _let_go(stream: Any) -> None:
    """Write out what a stream still holds. If nobody reads it, drop it; otherwise, Python tries again at the very end
    and exits with its own code (120)."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            stream.flush()


# Progress ------------------------------------------------------------------------------------------------------------


def with_progress(items: Iterable[Any], total: int, unit: str, quiet: bool) -> Iterator[Any]:
    """Pass items through; on a terminal, a bar shows how many came, how fast, and how long the rest will take."""
    with progress_bar(unit, quiet) as note:
        note(0, total)
        for done, item in enumerate(items, start=1):
            note(done, total)
            yield item


@contextlib.contextmanager
def progress_bar(unit: str, quiet: bool) -> Iterator[Note]:
    """A function to call with how much is done, and how much there is in all; on a terminal, a bar shows it."""
    if quiet or not sys.stderr.isatty() or os.environ.get("NO_COLOR"):
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    rate = TextColumn(f"{unit}  {{task.fields[rate]}}")
    columns = (BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    is_shared = sys.stdout.isatty()  # otherwise, results shown meanwhile would overwrite the bar
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=is_shared) as progress:
        task = progress.add_task(unit, total=None, rate="")

        def note(done: int, total: int) -> None:
            speed = progress.tasks[task].speed
            progress.update(task, completed=done, total=total, rate=f"{speed:.0f}/s" if speed else "")

        yield note


# In words ------------------------------------------------------------------------------------------------------------


def counted(number: int, noun: str, nouns: str = "") -> str:
    """A number of things in words: `1 row`, `2 rows`."""
    return f"{number} {noun}" if number == 1 else f"{number} {nouns or noun + 's'}"


def enumerated(items: Sequence[str]) -> str:
    """Things in words: `A`, `A and B`, `A, B and C`."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def capitalized(text: str) -> str:
    """A text that begins with a capital; all other letters stay as they are."""
    return text[:1].upper() + text[1:]


def listed(counts: Mapping[str, int]) -> str:
    """Counts in words, largest first: `3 invalid_email, 1 conflict`."""
    return ", ".join(f"{times} {name}" for name, times in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
