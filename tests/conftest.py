"""A sandbox on a free port, and the command line as a user meets it, in a folder and an environment of its own."""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

import main
from close_client import CloseClient
from sandbox import Sandbox
from tests.misbehaving import SERVICES, Misbehaving, Way

settings.register_profile("steady", derandomize=True, deadline=None, database=None)
settings.load_profile("steady")

HEADER = (
    "Company,Contact Name,Contact Emails,Contact Phones,custom.Company Founded,custom.Company Revenue,Company US State"
)

KEPT = {"PATH", "HOME", "TMPDIR", "LANG", "TZ", "MPLCONFIGDIR"}  # variables; in any language and time zone tests hold


@dataclass(frozen=True)
class Ran:
    """What a command left: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]
Serve = Callable[..., Misbehaving]


@pytest.fixture(scope="session", autouse=True)
def environment() -> Iterator[None]:
    """An environment without keys, proxies and all else that somebody may have set."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - KEPT:
            if not name.startswith(("LC_", "PYTEST_")):
                patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists of notes and tasks that commands take for complete at once; tests about their lag say otherwise."""
    monkeypatch.setattr("commands.environment.LIST_LAG", 0.0)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sandbox], None]:
    """Point the environment at a sandbox, as a user would at Close."""

    def point_at(running: Sandbox) -> None:
        monkeypatch.setenv("CLOSE_API_KEY", "key-for-tests")
        monkeypatch.setenv("CLOSE_API_URL", running.close_url)
        monkeypatch.setenv("REGISTRY_URL", running.registry_url)
        monkeypatch.setenv("JUDICIAL_URL", running.judicial_url)
        monkeypatch.setenv("SCORE_URL", running.score_url)

    return point_at


@pytest.fixture
def connected(sandbox: Sandbox, connect: Callable[[Sandbox], None]) -> Sandbox:
    connect(sandbox)
    return sandbox


@pytest.fixture
def close(sandbox: Sandbox) -> Iterator[CloseClient]:
    client = CloseClient("key-for-tests", sandbox.close_url)
    yield client
    client.close()


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def run_command(*argv: str) -> Ran:
        capfd.readouterr()
        code = main.main(argv)
        said = capfd.readouterr()
        return Ran(code, said.out, said.err)

    return run_command


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start the services that `qualify` asks, some of them misbehaving, and point the environment at them."""
    with contextlib.ExitStack() as stack:

        def start(**ways: Way) -> Misbehaving:
            server = stack.enter_context(Misbehaving(ways))
            for service in SERVICES:
                monkeypatch.setenv(f"{service.upper()}_URL", server.url(service))
            return server

        yield start


def trail_lines(folder: Path) -> list[Any]:
    """The lines of the trail that a command left in this folder."""
    path = folder / "output_data" / "qualifications.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


@pytest.fixture
def write(folder: Path) -> Callable[..., Path]:
    """Write a file of leads from its lines, under the usual header unless another is given."""

    def write_file(*lines: str, header: str = HEADER, name: str = "leads.csv", encoding: str = "utf-8") -> Path:
        path = folder / name
        path.write_bytes("\n".join([header, *lines]).encode(encoding))
        return path

    return write_file


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[], float]:
    """A clock for a sandbox, and for the command: a sleep puts it forward, and nobody waits.

    Otherwise it moves by the work that is done, and not by how long a busy machine takes for it.
    """
    monotonic, wall, slept, guard = time.monotonic(), time.time(), [0.0], threading.Lock()
    began = time.process_time()

    def passed() -> float:
        return slept[0] + time.process_time() - began

    def put_forward(seconds: float) -> None:
        with guard:
            slept[0] += seconds

    monkeypatch.setattr(time, "sleep", put_forward)
    monkeypatch.setattr(time, "monotonic", lambda: monotonic + passed())
    monkeypatch.setattr(time, "time", lambda: wall + passed())
    return time.monotonic


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that a command would have slept; it does not."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


TOGETHER = ("test_kill.py", "test_qualify_kill.py")  # the tests of each share what they mostly wait for


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests that mostly wait begin first, beside all others."""
    items.sort(key=lambda item: item.path.name not in TOGETHER)


class OneByOne(LoadScopeScheduling):
    """Hands out one test after the other, so that no process is idle at the end, but whole files where tests share."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file.endswith(TOGETHER) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    return OneByOne(config, log) if config.getoption("dist") == "loadscope" else None
