"""A Python process that runs a module of ours beside this one."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # from where modules are found by their names


@contextlib.contextmanager
def own_process(
    module: str, argument: str, output: int = subprocess.DEVNULL, pipes: Sequence[int] = ()
) -> Iterator[None]:
    """A process that runs a module of ours with an argument, writes to `output`, and has these `pipes`.

    It has a session of its own, so that Ctrl-C reaches only us; it is killed at the end, whatever it is doing.
    """
    # Unlike `python -m`, this finds our modules even if PYTHONSAFEPATH keeps the working directory out of the path.
    start = (
        f"import runpy, sys; sys.path.insert(0, {str(ROOT)!a}); "
        f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    )
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(
        [sys.executable, "-c", start, argument],
        cwd=ROOT,
        pass_fds=pipes,
        stdin=nowhere,
        stdout=output,
        stderr=nowhere,
        start_new_session=True,
    ) as process:
        try:
            yield
        finally:
            process.kill()
