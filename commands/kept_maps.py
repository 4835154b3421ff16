"""The maps of columns in input_data/maps/: kept there for later files and for rejects, and never lost."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from cells.maps.column_map import ColumnMap, MapError
from cells.maps.draft import draft_lacking
from cells.maps.map_file import read_map, says_same, whole_map
from cells.maps.map_text import added_text
from cells.source_file import SourceFile
from commands.files import INPUT_FOLDER, numbered, write_files
from commands.terminal import counted, say

MAPS = INPUT_FOLDER / "maps"
MAP_SUFFIX = ".toml"
REPLACED = ".old"  # what the name of a map ends with when another one has taken its place


def map_files() -> list[Path]:
    """The files of all maps that are kept, by name."""
    return sorted(MAPS.glob(f"*{MAP_SUFFIX}"))


def keep_map(source: SourceFile, *, is_rehearsed: bool) -> str | None:
    """The path of a file's map in input_data/maps/, None if it has no map.

    A map from elsewhere is copied there, so that the import of rejects finds it. The columns that it lacks are added,
    as they were read; a dry run does not touch a map that is there already. A map that it takes the place of gets
    another name. If it can't be kept there, that is said: by now the import is done.
    """
    column_map = source.column_map
    if column_map is None:
        return None
    given = Path(column_map.name)
    is_kept = given.parent.resolve() == MAPS.resolve() and given.suffix == MAP_SUFFIX
    if is_kept and (is_rehearsed or not column_map.lacks_of(source.header)):
        return column_map.name
    try:
        return str(_completed(given, column_map, source) if is_kept else _copied(given, column_map, source))
    except OSError as error:
        say(f"The map could not be kept in {MAPS}/ ({error}). Give it with --map when you import the rejects, too.")
        return column_map.name


def _completed(given: Path, column_map: ColumnMap, source: SourceFile) -> Path:
    """The map with the columns that it lacked."""
    write_files([(given, _whole_text(given, column_map, source).encode())])
    lacking = column_map.lacks_of(source.header)
    say(f"{given} lacked {counted(len(lacking), 'column')} of {source.name}. Now it has all, as they were read.")
    return given


def _copied(given: Path, column_map: ColumnMap, source: SourceFile) -> Path:
    """The copy of a map from elsewhere, or a map that says the same; all others with its columns are set aside."""
    text = _whole_text(given, column_map, source)
    others = [path for path in map_files() if is_for(path, source.header)]
    same = next((path for path in others if says_same(path.read_text(encoding="utf-8-sig"), text)), None)
    for path in others:
        if path != same:
            _set_aside(path)
    if same:
        return same
    target = _first_free((MAPS / given.name).with_suffix(MAP_SUFFIX))
    write_files([(target, text.encode())])
    return target


def _whole_text(given: Path, column_map: ColumnMap, source: SourceFile) -> str:
    added = added_text(source, draft_lacking(source, column_map))
    return whole_map(given.read_bytes().decode("utf-8-sig"), added)


def is_for(path: Path, header: Sequence[str]) -> bool:
    """Whether the map in a file has the columns of a header."""
    try:
        return read_map(path).fits(header)
    except (MapError, OSError):
        return False


def _set_aside(path: Path) -> None:
    free = _first_free(path.with_name(path.name + REPLACED))
    path.replace(free)
    say(f"The map {path} has the same columns. It is kept as {free.name}, and is not used any more.")


def _first_free(path: Path) -> Path:
    """The path, or the first one with a number that no file has."""
    return next(each for each in itertools.chain([path], numbered(path)) if not each.exists())
