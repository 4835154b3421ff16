"""README and docs/ are true: each command runs, in the order in which they are written, and nothing is left out."""

import os
import re
import shlex
import shutil
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

import main
from cells.texts import ProblemCode
from commands.environment import KEY_VARIABLES
from commands.errors import Exit
from importing.outcomes import OUTCOMES
from sandbox import Sandbox
from sandbox.faults import FAULTS
from tests.conftest import Ran, Run, trail_lines
from tests.patience import wait_until

ROOT = Path(main.__file__).parent
PAGES = {path.name: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]}
BLOCK = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
VARYING = {
    r"\d{8}-\d{6}-[0-9a-f]{4}": "RUN",
    r" at \d\d:\d\d:\d\d": " at TIME",
    r"\d+ requests, [\d.]+ s": "TRAFFIC",
}


@dataclass(frozen=True)
class Block:
    """A block of code on a page: commands, what they print, a file, or lines for another system."""

    kind: str
    text: str
    before: str

    @property
    def commands(self) -> list[str]:
        """The commands of the product, `make demo` included, which runs some."""
        lines = self.text.splitlines() if self.kind == "" else []
        return [line for line in lines if line.startswith("python main.py ") or line == "make demo"]

    @property
    def is_output(self) -> bool:
        """Whether it shows what the commands right before it print."""
        return self.kind == "" and not self.commands and self.before.rstrip().endswith("\n```")

    @property
    def file(self) -> str:
        """Where the reader is told to save it: the last path before it, "" if it is not a file."""
        return re.findall(r"`(input_data/[^`]+)`", self.before)[-1] if self.kind in ("csv", "toml") else ""


def blocks(page: str) -> Iterator[Block]:
    for found in BLOCK.finditer(page):
        yield Block(found["kind"], found["text"], page[: found.start()])


def words_of(command: str) -> list[list[str]]:
    """The arguments of each command of the product that a line runs."""
    if command == "make demo":
        demo = re.findall(r"\$\(call show,(.*)\)", (ROOT / "Makefile").read_text(encoding="utf-8"))
        return [shlex.split(line) for line in demo]
    return [shlex.split(command)[2:]]


def without_what_varies(text: str) -> str:
    for pattern, word in VARYING.items():
        text = re.sub(pattern, word, text)
    return text


def interrupt_after_a_round(folder: Path) -> None:
    """Press Ctrl-C once the watch has decided on somebody."""
    before = len(trail_lines(folder))

    def interrupt() -> None:
        wait_until(lambda: len(trail_lines(folder)) > before)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()


@pytest.mark.parametrize("name", PAGES)
def test_every_command_runs_in_its_order_and_prints_what_is_shown(
    run: Run, folder: Path, connected: Sandbox, name: str
) -> None:
    shutil.copytree(ROOT / "input_data", folder / "input_data")
    printed = ""
    for block in blocks(PAGES[name]):
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.is_output:
            for line in without_what_varies(block.text).splitlines():
                assert line.rstrip() in printed, line
        for command in block.commands:
            printed = ""
            for argv in words_of(command):
                printed += without_what_varies(run_as_read(run, folder, argv).out)


def run_as_read(run: Run, folder: Path, argv: list[str]) -> Ran:
    """What a command of the manual does; none of them disappoints the reader."""
    if argv[0] == "sandbox":
        assert main.build_parser(argv).parse_args(argv).port == 8722
        return Ran(0, "", "")
    if "--watch" in argv:
        interrupt_after_a_round(folder)
    ran = run(*argv)
    assert ran.code in ((Exit.INTERRUPTED,) if "--watch" in argv else (Exit.DONE, Exit.INCOMPLETE)), (argv, ran.err)
    assert argv[0] != "segment" or not re.search(r"^0 leads", ran.err, re.MULTILINE), (argv, ran.err)
    return ran


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 150
    for name, page in PAGES.items():
        folder = ROOT if name == "README.md" else ROOT / "docs"
        for link in re.findall(r"\]\((?!https:)([^)#]+)\)", page):
            assert (folder / link).is_file(), (name, link)


def test_every_verb_is_in_the_readme() -> None:
    verbs = {argv[0] for block in blocks(PAGES["README.md"]) for line in block.commands for argv in words_of(line)}
    assert verbs == main.VERBS.keys() - {"sandbox"}


@pytest.mark.parametrize(
    ("verb", "page"),
    [
        ("import", "import.md"),
        ("map", "maps.md"),
        ("undo", "import.md"),
        ("runs", "import.md"),
        ("segment", "segment.md"),
        ("qualify", "qualify.md"),
        ("sandbox", "sandbox.md"),
    ],
)
def test_every_flag_is_explained_on_the_page_of_its_verb(run: Run, verb: str, page: str) -> None:
    flags = set(re.findall(r"(?<![\w-])--[a-z-]+", run(verb, "--help").out)) - {"--help"}
    assert {flag for flag in flags if f"`{flag}" not in PAGES[page] + PAGES["exit-codes.md"]} == set()


def test_codes_outcomes_faults_exit_codes_and_variables_are_explained() -> None:
    wanted = {
        "import.md": [*get_args(ProblemCode), *OUTCOMES],
        "sandbox.md": [*FAULTS],
        "exit-codes.md": [*KEY_VARIABLES, "CLOSE_API_URL", "REGISTRY_URL", "SCORE_TOKEN", "REDACT_KEY", "NO_COLOR"],
    }
    for page, words in wanted.items():
        assert {word for word in words if f"`{word}`" not in PAGES[page]} == set()
    for code in Exit:
        assert f"| {code:d} | " in PAGES["exit-codes.md"]
