"""Parsing very many texts on all cores, if there are enough of them to make that worthwhile.

Each additional core runs a separate Python process that imports only what parsing needs. It is never a fork, because
this process may hold locks, files and threads. It ends as soon as the pipe to it closes, however this process ends.
"""

import contextlib
import multiprocessing.connection
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from typing import Any

from cells.own_process import own_process
from cells.texts import InvalidValue, ProblemCode

MANY = 50_000  # texts; the slowest kind takes 5 seconds for these, and starting a process takes half a second
MOST_CORES = 8  # a machine may report many more cores than it lets us use
AT_ONCE = 100  # texts parsed here before checking what the other processes have done
SHARE = 10  # times as many that another process gets at once

Parsed = (
    tuple[Any, None] | tuple[None, tuple[ProblemCode, str]]
)  # the value, or the code and the reason if there is none


def parse_many(parse: Callable[[str], Any], texts: Sequence[str], others: int | None = None) -> list[Parsed]:
    """The result of a function of `cells` for each text, in order.

    `others` is the number of processes that help; by default it depends on the number of cores and of texts.
    """
    parts = [texts[first : first + AT_ONCE] for first in range(0, len(texts), AT_ONCE)]
    results: list[list[Parsed]] = [[] for _ in parts]
    todo = list(range(len(parts)))[::-1]
    with _processes(_worth(len(texts)) if others is None else others) as pipes:
        given: dict[Connection, list[int]] = {pipe: [] for pipe in pipes}
        while todo or any(given.values()):
            for pipe in _with_news(given, wait=not todo):
                try:
                    for number, result in zip(given[pipe], pipe.recv(), strict=True):
                        results[number] = result
                    given[pipe] = [todo.pop() for _ in range(min(SHARE, len(todo)))]
                    pipe.send((parse, [parts[number] for number in given[pipe]]))
                except (EOFError, OSError):
                    todo += given.pop(pipe)
            if todo:
                number = todo.pop()
                results[number] = [_parsed(parse, text) for text in parts[number]]
    return [parsed for result in results for parsed in result]


def _worth(texts: int) -> int:
    return 0 if texts < MANY else min(os.cpu_count() or 1, MOST_CORES) - 1


def _with_news(given: dict[Connection, list[int]], wait: bool) -> list[Connection]:
    """The pipes whose process is ready, has results or has ended."""
    news = multiprocessing.connection.wait(list(given), timeout=None if wait else 0)
    return [pipe for pipe in given if pipe in news]


def _parsed(parse: Callable[[str], Any], text: str) -> Parsed:
    try:
        return parse(text), None
    except InvalidValue as invalid:
        return None, (invalid.code, invalid.reason)


@contextlib.contextmanager
def _processes(number: int) -> Iterator[list[Connection]]:
    """Pipes to processes that parse; fewer than requested if they can't be started."""
    with contextlib.ExitStack() as stack:
        pipes = []
        with contextlib.suppress(OSError, ValueError):
            for _ in range(number):
                ours, theirs = multiprocessing.Pipe()
                stack.enter_context(ours)
                with theirs:
                    stack.enter_context(own_process(__name__, str(theirs.fileno()), pipes=[theirs.fileno()]))
                pipes.append(ours)
        yield pipes


def _serve(pipe: Connection) -> None:
    """Parse whatever arrives until the other end closes."""
    results: list[list[Parsed]] = []
    while True:
        pipe.send(results)
        parse, parts = pipe.recv()
        results = [[_parsed(parse, text) for text in part] for part in parts]


if __name__ == "__main__":
    with contextlib.suppress(EOFError, OSError):
        _serve(Connection(int(sys.argv[1])))
