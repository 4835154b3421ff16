"""The arrows between the rooms, and what may not happen in them."""

import ast
from pathlib import Path

import pytest

import main

ROOT = Path(main.__file__).parent
MOVED = {
    "accounts": "importing.outcomes",
    "asking": "segmenting.plan",
    "bodies": "importing.refused_values",
    "breaker": "qualifying.circuit_breaker",
    "charting": "segmenting.chart",
    "checking": "qualifying.check_service",
    "cores": "cells.in_parallel",
    "filling": "importing.fill",
    "filtering": "segmenting.filters",
    "importing": "importing.carry_out",
    "journal": "close.journal",
    "lagging": "segmenting.unseen",
    "lead_fields": "close.fields",
    "merging": "importing.match_contacts",
    "pacing": "close.rate_gate",
    "page": "segmenting.page",
    "parsing": "cells.phones",
    "people": "qualifying.people_file",
    "planning": "importing.plan",
    "reading": "cells.source_file",
    "reconciling": "importing.own_leads",
    "reporting": "segmenting.report",
    "searching": "close.walk",
    "sending": "importing.send",
    "tables": "segmenting.text",
    "trail": "qualifying.trail",
    "transport": "close.transport",
    "undoing": "importing.undo",
    "us_states": "cells.us_states",
    "workbook": "segmenting.workbook",
    "workers": "close.workers",
    "workflow": "qualifying.statuses",
    "writing": "commands.files",
    "writing_back": "qualifying.write_back",
}
ROOMS = (
    {path.stem: path for path in ROOT.glob("*.py")}
    | {room: ROOT / f"{name.replace('.', '/')}.py" for room, name in MOVED.items()}
    | {"sandbox": ROOT / "sandbox"}
)
ROOM_OF = {name: room for room, name in MOVED.items()}

MAY_IMPORT = {
    "main": set(ROOMS) - {"main"},
    "importing": {
        *("reading", "close_client", "journal", "planning", "merging"),
        *("sending", "reconciling", "accounts"),
    },
    "sending": {"close_client", "journal", "planning", "bodies", "filling", "reconciling", "accounts", "workers"},
    "accounts": {"reading", "cleaning", "close_client", "journal", "planning"},
    "filling": {"reading", "cleaning", "close_client", "journal", "merging", "bodies", "reconciling"},
    "undoing": {"close_client", "journal", "reconciling", "workers"},
    "planning": {"reading", "parsing", "cleaning", "close_client", "journal", "merging", "reconciling"},
    "bodies": {"reading", "cleaning", "close_client", "merging"},
    "merging": {"reading", "parsing", "cleaning"},
    "reconciling": {"close_client", "journal"},
    "journal": set(),
    "writing_back": {"close_client", "journal", "people", "qualification", "trail", "workflow"},
    "workflow": {"close_client", "qualification"},
    "trail": {"checking", "people", "qualification"},
    "qualification": {"checking", "people"},
    "checking": {"breaker", "people", "transport"},
    "people": {"reading"},
    "breaker": set(),
    "page": {"reporting", "segmentation", "tables"},
    "workbook": {"reporting", "segmentation", "tables"},
    "tables": {"charting", "reporting", "segmentation", "writing"},
    "reporting": {"asking", "close_client", "filtering", "lagging", "lead_fields", "segmentation"},
    "segmentation": {"asking", "close_client", "lead_fields", "parsing"},
    "asking": {"close_client", "filtering", "lead_fields"},
    "filtering": {"close_client", "lead_fields", "us_states"},
    "lead_fields": {"close_client", "us_states"},
    "lagging": {"close_client", "filtering", "searching"},
    "searching": {"close_client"},
    "charting": {"reporting", "segmentation"},
    "cleaning": {"reading", "parsing", "cores"},
    "cores": {"parsing"},
    "reading": {"parsing"},
    "writing": set(),
    "parsing": {"us_states"},
    "close_client": {"pacing", "transport"},
    "transport": set(),
    "pacing": set(),
    "workers": set(),
    "us_states": set(),
    "sandbox": set(),
}


def files(room: str) -> list[Path]:
    path = ROOMS[room]
    return sorted(path.glob("**/*.py")) if path.is_dir() else [path]


def trees(room: str) -> list[ast.AST]:
    return [ast.parse(path.read_text(encoding="utf-8")) for path in files(room)]


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(ROOM_OF.get(node.module, node.module.split(".")[0]))
    return names


def test_every_room_has_its_arrows() -> None:
    assert ROOMS.keys() == MAY_IMPORT.keys()


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_what_its_arrows_allow(room: str) -> None:
    for tree in trees(room):
        assert imported(tree) & ROOMS.keys() <= MAY_IMPORT[room] | ({"sandbox"} if room == "sandbox" else set())


@pytest.mark.parametrize("room", sorted(ROOMS.keys() - {"main"}))
def test_only_main_prints_reads_the_environment_or_exits(room: str) -> None:
    for tree in trees(room):
        calls = {
            node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not calls & {"print", "exit", "input"}
        assert not attributes & {"environ", "getenv", "stdout", "stderr", "exit", "_exit"}
        assert "SystemExit" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_the_product_knows_nothing_of_what_tests_and_measures_it(room: str) -> None:
    for tree in trees(room):
        assert not imported(tree) & {"tests", "benchmarks"}


def test_cleaning_does_no_http() -> None:
    for room in ("reading", "cleaning", "parsing", "us_states"):
        for tree in trees(room):
            assert not imported(tree) & {"requests", "urllib3", "urllib", "http", "socket"}


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_every_file_says_in_its_first_line_what_it_is_for(room: str) -> None:
    for tree in trees(room):
        assert isinstance(tree, ast.Module)
        assert (ast.get_docstring(tree) or "").splitlines()[0].strip()
