"""The rooms of the product, the arrows between them, and what may not happen in them: docs/architecture.md in code."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import main

ROOT = Path(main.__file__).parent
DOORS = {"main", "close_client", "cleaning", "segmentation", "qualification"}
PACKAGES = {"commands", "importing", "segmenting", "qualifying", "close", "cells", "sandbox"}
ROOMS = DOORS | PACKAGES
DOMAIN = {"close_client", "close", "cells"}
MAY_IMPORT = {
    "main": {"commands"},
    "commands": ROOMS - {"main", "cleaning"},
    "segmentation": {"segmenting", *DOMAIN},
    "qualification": {"qualifying", *DOMAIN},
    "importing": {"cleaning", *DOMAIN},
    "segmenting": DOMAIN,
    "qualifying": DOMAIN,
    "cleaning": {"cells"},
    "close_client": {"close", "cells"},
    "close": {"cells"},
    "cells": set(),
    "sandbox": set(),
}


def files(room: str) -> list[Path]:
    return [ROOT / f"{room}.py"] if room in DOORS else sorted((ROOT / room).rglob("*.py"))


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def imported(path: Path) -> set[str]:
    """The modules that a file imports, by their whole names."""
    names: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_every_module_is_in_a_room() -> None:
    assert {path.stem for path in ROOT.glob("*.py")} == DOORS
    there = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert there == PACKAGES | {"benchmarks", "tests"}
    assert not PACKAGES & (DOORS | sys.stdlib_module_names)
    for package in PACKAGES - {"sandbox"}:  # the door of the sandbox offers what others may use of it
        (docstring,) = ast.parse((ROOT / package / "__init__.py").read_text()).body
        assert isinstance(docstring, ast.Expr)


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_what_its_arrows_allow(room: str) -> None:
    for path in files(room):
        rooms = {name.split(".")[0] for name in imported(path)}
        assert rooms & ROOMS <= MAY_IMPORT[room] | (PACKAGES & {room}), path
        assert not rooms & {"tests", "benchmarks"}, path


def test_no_module_imports_itself_by_way_of_others() -> None:
    paths = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for room in ROOMS for path in files(room)}
    graph = {name: (imported(path) & paths.keys()) - {name} for name, path in paths.items()}
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(paths)


@pytest.mark.parametrize("room", sorted(ROOMS - {"main", "commands"}))
def test_only_the_command_line_prints_reads_the_environment_or_exits(room: str) -> None:
    for path in files(room):
        calls = {node.func.id for node in nodes(path) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        assert not calls & {"print", "exit", "input"}, path
        attributes = {node.attr for node in nodes(path) if isinstance(node, ast.Attribute)}
        assert not attributes & {"environ", "getenv", "stdout", "stderr", "exit", "_exit"}, path
        assert "SystemExit" not in {node.id for node in nodes(path) if isinstance(node, ast.Name)}, path


def test_what_reads_cells_knows_no_http() -> None:
    for path in [*files("cells"), *files("cleaning")]:
        assert not {name.split(".")[0] for name in imported(path)} & {"requests", "urllib3", "urllib", "http", "socket"}


def test_main_is_short_and_a_verb_is_loaded_only_when_it_is_asked_for() -> None:
    assert len((ROOT / "main.py").read_text().splitlines()) <= 120
    verbs = sorted(f"commands.{verb.module}" for verb in main.VERBS.values())
    probe = (
        f"import sys, main; main.main(sys.argv[1:]); print(sorted(set({verbs}) & sys.modules.keys()), file=sys.stderr)"
    )
    for argv, loaded in ((["--help"], []), (["runs", "--help"], ["commands.runs"])):
        told = subprocess.run(
            [sys.executable, "-c", probe, *argv], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert told.stderr.splitlines()[-1] == str(loaded)


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_every_file_says_in_its_first_line_what_it_is_for(room: str) -> None:
    for path in files(room):
        assert (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines()[0].strip(), path
