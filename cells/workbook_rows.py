"""The rows of a sheet in a workbook, as text: typed cells are written as people would type them."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from cells.csv_rows import InputError

WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")  # how .xlsx, .xlsm, .xlsb, .ods and .xls begin


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a workbook: its name, whether it was the only one with data, and its rows as text."""

    name: str
    others: tuple[str, ...]
    rows: list[list[str]]

    def __str__(self) -> str:
        besides = f" (also there: {', '.join(map(repr, self.others))}; choose with --sheet)" if self.others else ""
        return f"sheet {self.name!r}{besides}"


def is_workbook(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a workbook, or a container like one."""
    return head.startswith(WORKBOOKS)


def read_sheet(path: Path, name: str = "") -> Sheet:
    """The sheet with this name, or the first one with data. Raises InputError, saying what to do."""
    import python_calamine as calamine

    try:
        with calamine.load_workbook(path) as workbook:
            names = workbook.sheet_names
            if name:
                return Sheet(name, (), _rows_of(workbook, _named(path, name, names)))
            filled = {each: rows for each in names if any(map(any, rows := _rows_of(workbook, each)))}
    except calamine.PasswordError:
        raise InputError(f"{path.name} has a password. Save it without one, then run again.") from None
    except calamine.CalamineError as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path.name} is a workbook that can't be read ({told}). Save it as .xlsx or CSV, and use that file."
        ) from None
    if not filled:
        raise InputError(f"{path.name} has no sheet with anything in it.")
    first, *others = filled
    return Sheet(first, tuple(others), filled[first])


def _named(path: Path, name: str, names: list[str]) -> str:
    found = next((each for each in names if each.strip().casefold() == name.strip().casefold()), None)
    if found is None:
        raise InputError(f"{path.name} has no sheet named {name!r}. Its sheets are {', '.join(map(repr, names))}.")
    return found


def _rows_of(workbook: object, name: str) -> list[list[str]]:
    sheet = workbook.get_sheet_by_name(name)  # type: ignore[attr-defined]
    return [[_text(cell) for cell in row] for row in sheet.iter_rows()]


def _text(cell: object) -> str:
    """A cell as text: a day without a time of midnight, a whole number without a point, as people type them."""
    if cell is None or isinstance(cell, str):
        return cell or ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e16 else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    return _clock_time(cell) if isinstance(cell, timedelta) else str(cell)


def _clock_time(passed: timedelta) -> str:
    seconds = round(passed.total_seconds())
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
