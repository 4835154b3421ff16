"""One reading of a file, in a process of its own, so that its memory is its own. Prints what it took as JSON.

python -m benchmarks.read_once product FILE           the product, CSV and .xlsx alike
python -m benchmarks.read_once read_csv FILE          pandas, CSV
python -m benchmarks.read_once calamine FILE          pandas, .xlsx by way of the fast library
python -m benchmarks.read_once openpyxl FILE COUNT    pandas, .xlsx by way of the usual library, so many rows

Each way loads only what it needs, and before the clock starts.
"""

import importlib
import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from benchmarks.programs import KILOBYTE


def product(file: str) -> dict[str, float]:
    """The product's way. The process that reads a workbook for it starts within the time."""
    from cells.source_file import read_source

    return measured(lambda: read_source(Path(file)).cells)


def read_csv(file: str) -> dict[str, float]:
    return measured(lambda: pd.read_csv(file, dtype=str, keep_default_na=False))


def calamine(file: str) -> dict[str, float]:
    importlib.import_module("python_calamine")
    return measured(lambda: pd.read_excel(file, engine="calamine", dtype=str, keep_default_na=False))


def openpyxl(file: str, count: str) -> dict[str, float]:
    importlib.import_module("openpyxl")
    rows = int(count)
    return measured(lambda: pd.read_excel(file, engine="openpyxl", dtype=str, keep_default_na=False, nrows=rows))


def measured(read: Callable[[], pd.DataFrame]) -> dict[str, float]:
    """Seconds and bytes of memory that a reading takes, and how many rows, columns and characters come of it.

    The memory is the most of this process and the most of a child, added: both never held more together.
    """
    began = time.monotonic()
    cells = read()
    seconds = time.monotonic() - began
    processes = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return {
        "seconds": seconds,
        "memory": KILOBYTE * sum(resource.getrusage(each).ru_maxrss for each in processes),
        "rows": len(cells),
        "columns": len(cells.columns),
        "characters": sum(sum(map(len, texts)) for _, texts in cells.items()),
    }


WAYS: Mapping[str, Callable[..., Mapping[str, float]]] = {
    "product": product,
    "read_csv": read_csv,
    "calamine": calamine,
    "openpyxl": openpyxl,
}

if __name__ == "__main__":
    print(json.dumps(WAYS[sys.argv[1]](*sys.argv[2:])))
