"""One `qualify` in a process that has all modules loaded, in an empty folder: prints the seconds that it took.

python -m benchmarks.qualify_once ID...     the services are those of the environment
"""

import contextlib
import io
import json
import os
import sys
import tempfile
import time

import main
from commands.errors import Exit
from commands.qualify_people import TRAIL

WARM_UP = "1"


def qualify(*ids: str) -> float:
    """Seconds for a round of the command, with its trail on disk. Raises ValueError where somebody is undetermined."""
    began = time.monotonic()
    with contextlib.redirect_stdout(io.StringIO()):
        code = main.main(["qualify", *ids, "--json"])
    seconds = time.monotonic() - began
    if code != Exit.DONE:
        raise ValueError(f"qualify ended with {code}")
    return seconds


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        qualify(WARM_UP)
        seconds = qualify(*sys.argv[1:])
        verdicts = TRAIL.read_text(encoding="utf-8").splitlines()
    if len(verdicts) != len([WARM_UP, *sys.argv[1:]]):
        raise ValueError(f"the trail has {len(verdicts)} verdicts")
    print(json.dumps(seconds))
