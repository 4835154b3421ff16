"""The README is true: every command in it runs, and every flag, variable, code and file of the product is in it."""

import os
import re
import shlex
import shutil
import signal
import threading
from pathlib import Path
from typing import get_args

import pytest

import main
from cells.texts import ProblemCode
from commands.errors import Exit
from sandbox import Sandbox
from tests.conftest import Run

ROOT = Path(main.__file__).parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUN_ID = r"\d{8}-\d{6}-[0-9a-f]{4}"
UNSHOWN = {
    "--dry-run",
    "--output",
    "--by",
    "--top",
    "--explain",
    "--watch",
    "--status",
    "applicants.csv",
}  # what comes of them says nothing new
COMMANDS = [shlex.split(line)[2:] for line in re.findall(r"^python main\.py .+$", README, re.MULTILINE)]


def test_every_command_runs_and_shows_what_the_readme_shows(run: Run, folder: Path, connected: Sandbox) -> None:
    shutil.copytree(ROOT / "input_data", folder / "input_data")
    shown = re.sub(f"{RUN_ID} --sandbox`|{RUN_ID}", lambda found: "RUN" + "`" * found[0].endswith("`"), README)
    served = sorted((argv for argv in COMMANDS if argv[0] != "sandbox"), key=lambda argv: argv[0] in ("undo", "runs"))
    assert {argv[0] for argv in served} == {"import", "undo", "runs", "segment", "qualify"}
    for argv in served:
        if "--watch" in argv:
            threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
        ran = run(*argv)
        assert ran.code in (Exit.INTERRUPTED,) if "--watch" in argv else (Exit.DONE, Exit.INCOMPLETE)
        is_shown = argv[0] not in ("undo", "runs") and not UNSHOWN & set(argv)
        for line in ran.out.splitlines() if is_shown else ():
            is_timed = re.search(r"(started|finished) at|requests, ", line)
            assert is_timed or re.sub(RUN_ID, "RUN", line).replace(" --sandbox`", "`").rstrip() in shown, line


def test_the_sandbox_command_is_understood() -> None:
    (argv,) = (argv for argv in COMMANDS if argv[0] == "sandbox")
    assert main.build_parser(argv).parse_args(argv).port == 8722


@pytest.mark.parametrize("verb", ["import", "undo", "runs", "segment", "qualify", "sandbox"])
def test_every_flag_is_explained(run: Run, verb: str) -> None:
    flags = set(re.findall(r"(?<![\w-])--[a-z-]+", run(verb, "--help").out)) - {"--help", "--verbose", "--quiet"}
    assert {flag for flag in flags if flag not in README} == set()


def test_every_code_of_a_problem_is_explained() -> None:
    codes = set(get_args(ProblemCode))
    assert len(codes) > 10
    assert {code for code in codes if f"`{code}`" not in README} == set()


def test_every_room_is_in_the_table() -> None:
    rooms = {path.name for path in ROOT.glob("*.py")} | {"sandbox/"}
    assert {room for room in rooms if f"`{room}`" not in README} == set()
