"""What many processes parse is what one would, and none of them outlives us."""

import fcntl
import functools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TextIO

import pytest

from cells.emails import parse_email
from cells.in_parallel import parse_many
from cells.phones import parse_phone
from cells.texts import InvalidValue

ROOT = Path(__file__).parent.parent.parent
LOCKED: list[TextIO] = []


def part_in(folder: Path, here: int, text: str) -> str:
    """A parser that tells which process it runs in. Another than `here` locks a file; `here` is slow until it has."""
    if os.getpid() == here:
        threading.Event().wait(0 if any(folder.glob("*.lock")) else 0.01)
    elif not LOCKED:
        LOCKED.append((folder / f"{os.getpid()}.new").open("w"))
        fcntl.flock(LOCKED[0], fcntl.LOCK_EX)
        (folder / f"{os.getpid()}.new").rename(folder / f"{os.getpid()}.lock")
    if text == "refused":
        raise InvalidValue("invalid_email", "It is refused.")
    return f"{os.getpid()} {os.getsid(0)} {'pandas' in sys.modules} {text}"


def dies_elsewhere(here: int, text: str) -> str:
    if os.getpid() != here:
        os.kill(os.getpid(), signal.SIGKILL)
    return text


@pytest.mark.parametrize("others", [0, 1, 3])
def test_every_text_is_parsed_and_has_its_place(others: int) -> None:
    texts = [f"{number}@x.{'com' if number % 3 else 'test'}" for number in range(1234)]
    parsed = parse_many(parse_email, texts, others)
    assert [value for value, _ in parsed] == [text if text.endswith("com") else None for text in texts]
    assert {refused and refused[0] for _, refused in parsed} == {None, "invalid_email"}
    assert parse_many(functools.partial(parse_phone, region="GB"), ["020 7946 0958"], others) == [
        ("+442079460958", None)
    ]
    assert parse_many(parse_email, [], others) == []


def test_other_processes_help_without_pandas_and_out_of_reach_of_ctrl_c(tmp_path: Path) -> None:
    parsed = parse_many(functools.partial(part_in, tmp_path, os.getpid()), [*map(str, range(10_000)), "refused"], 1)
    assert parsed[-1] == (None, ("invalid_email", "It is refused."))
    told = [str(value).split() for value, _ in parsed[:-1]]
    assert [text for *_, text in told] == list(map(str, range(10_000)))
    others = {(process, session, has_pandas) for process, session, has_pandas, _ in told if int(process) != os.getpid()}
    (lock,) = tmp_path.glob("*.lock")
    assert others == {(lock.stem, lock.stem, "False")}
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_other_processes_find_our_modules_wherever_python_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    parse_many(functools.partial(part_in, tmp_path, os.getpid()), list(map(str, range(10_000))), 1)
    assert len(list(tmp_path.glob("*.lock"))) == 1


def test_a_process_that_dies_costs_no_text() -> None:
    texts = list(map(str, range(20_000)))
    parsed = parse_many(functools.partial(dies_elsewhere, os.getpid()), texts, 2)
    assert [value for value, _ in parsed] == texts


def test_no_process_is_left_when_we_are_killed(tmp_path: Path) -> None:
    script = (
        "import functools, pathlib, sys, tests.cells.test_in_parallel as tests\nfrom cells import in_parallel\n"
        "parse = functools.partial(tests.part_in, pathlib.Path(sys.argv[1]), 0)\n"
        "in_parallel.parse_many(parse, ['x'] * 10**7, 1)"
    )
    killed = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT)
    while len(list(tmp_path.glob("*.lock"))) < 2:
        threading.Event().wait(0.01)
    killed.kill()
    killed.wait()
    ended = 0
    for lock in tmp_path.glob("*.lock"):
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # waits for ever if its process does not end
            ended += 1
    assert ended == 2
