"""Which map of columns an import uses: the one that is given, or the one in input_data/maps/ that fits the file."""

import argparse
import contextlib
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from cells.maps.column_map import AskedForm, ColumnMap, MapError
from cells.maps.draft import changes_reading
from cells.maps.map_file import read_map
from cells.source_file import OpenedTable, open_table
from cells.text_form import is_utf_8
from cells.unreadable import InputError, readable_head
from cells.workbooks.sheet import is_workbook
from commands.errors import UsageError
from commands.files import stem_of
from commands.kept_maps import MAP_SUFFIX, MAPS, is_for, map_files
from commands.terminal import enumerated, say

FEW = 3  # columns in which a map that is all but right may differ from a file


def asked_form(args: argparse.Namespace) -> AskedForm:
    """What the command says about the form of the file."""
    return AskedForm(args.encoding, args.delimiter or "", args.sheet, args.header_row)


@contextlib.contextmanager
def opened_with_map(path: Path, args: argparse.Namespace) -> Iterator[tuple[OpenedTable, ColumnMap | None]]:
    """The file, opened as its map says, and that map: the one that was given, or else the one that fits, if any does.

    Raises MapError if the given map has mistakes or does not fit, or if several fit, and InputError.
    """
    with contextlib.ExitStack() as stack:
        file = _File(stack, path, asked_form(args))
        if args.map:
            yield _opened_with_given(file, read_map(find_map(args.map)))
        elif args.no_map:
            yield _table(file.as_it_is), None
        else:
            yield _opened_with_fitting(file, quiet=args.quiet)


def decided(column_map: ColumnMap, opened: OpenedTable, *, is_open_allowed: bool) -> ColumnMap:
    """The map, with the columns that it leaves undecided read as their names say, if that is allowed.

    It always is for a rejects file, whose source has passed before. Raises MapError if something is undecided.
    """
    if is_open_allowed or opened.is_rejects:
        return column_map.without_undecided()
    column_map.refuse_undecided(opened.header)
    return column_map


def find_map(name: str) -> Path:
    """The map at this path, or with this name in input_data/maps/. Raises UsageError if there is none."""
    candidates = (Path(name), MAPS / name, MAPS / f"{name}{MAP_SUFFIX}")
    path = next((path for path in candidates if path.is_file()), None)
    if path is None:
        raise UsageError(f"The map {name} was not found here or in {MAPS}/. Check its name")
    return path


def _opened_with_given(file: "_File", given: ColumnMap) -> tuple[OpenedTable, ColumnMap]:
    opened = file.as_told_by(given)
    if isinstance(opened, InputError) and given.form != AskedForm():
        raise MapError(f"{given.name}: [file] does not fit: {opened}")
    table = _table(opened)
    given.refuse_misfit(file.path.name, table.header)
    return table, given


# The file, opened as maps tell ---------------------------------------------------------------------------------------

Opened = OpenedTable | InputError  # a file, or why it can't be opened


class _File:
    """A file that is opened as it is, and as any number of maps tell; the `stack` closes all of that."""

    def __init__(self, stack: contextlib.ExitStack, path: Path, asked: AskedForm) -> None:
        self.path, self._asked, self._stack = path, asked, stack
        self.as_it_is = self._opened(asked)

    def as_told_by(self, column_map: ColumnMap) -> Opened:
        """The file in the form that a map gives; as it is, if the map fits it only so.

        Our rejects files are read as they are in any case, because we wrote them.
        """
        plain = self.as_it_is
        if column_map.form == AskedForm() or (isinstance(plain, OpenedTable) and plain.is_rejects):
            return plain
        told = self._opened(self._asked.over(self._form_in(column_map)))
        return plain if _fits(column_map, plain) and not _fits(column_map, told) else told

    def _form_in(self, column_map: ColumnMap) -> AskedForm:
        """What of the form in a map can be said about this file, which may have been saved by another program."""
        form = column_map.form.for_workbook(is_workbook=is_workbook(readable_head(self.path)))
        return replace(form, encoding="") if form.encoding and is_utf_8(self.path) else form

    def _opened(self, form: AskedForm) -> Opened:
        try:
            return self._stack.enter_context(open_table(self.path, form))
        except InputError as error:
            return error


def _table(opened: Opened) -> OpenedTable:
    """The opened file. Raises the error that came instead."""
    if isinstance(opened, InputError):
        raise opened
    return opened


def _fits(column_map: ColumnMap, opened: Opened) -> bool:
    return isinstance(opened, OpenedTable) and column_map.fits(opened.header)


# The map that fits ---------------------------------------------------------------------------------------------------


def _opened_with_fitting(file: _File, *, quiet: bool) -> tuple[OpenedTable, ColumnMap | None]:
    kept = list(_kept_maps(stem_of(file.path), quiet=quiet))
    opened = [(file.as_told_by(each), each) for each in kept]
    fitting = [(_table(each), its_map) for each, its_map in opened if _fits(its_map, each)]
    if fitting:
        chosen = _chosen(file.path, [its_map for _, its_map in fitting])
        return next(each for each in fitting if each[1] is chosen)
    table = _table(file.as_it_is)
    _refuse_near_misses(file.path, table.header, kept)
    return table, None


def _chosen(path: Path, fitting: Sequence[ColumnMap]) -> ColumnMap:
    """The one of the maps that fit a file: the only one, or the one with the file's name. Raises MapError."""
    own = [each for each in fitting if _is_named_after(Path(each.name).stem, stem_of(path))]
    found = own or fitting
    if any((each.form, each.columns) != (found[0].form, found[0].columns) for each in found):
        names = enumerated([each.name for each in found])
        which = f"Both {names}" if len(found) == 2 else f"The maps {names}"
        raise MapError(f"{which} have the columns of {path.name}. Choose one with --map, or add --no-map")
    return found[0]


def _is_named_after(name: str, stem: str) -> bool:
    """Whether a map has the name of a file, or of the one that a rejects file is about."""
    return stem == name or stem.startswith(f"{name}_rejects")


def _kept_maps(stem: str, *, quiet: bool) -> Iterator[ColumnMap]:
    """All maps in input_data/maps/ but those with mistakes. Raises MapError for one with the name of the file."""
    for path in map_files():
        try:
            yield read_map(path)
        except (MapError, OSError) as error:
            if _is_named_after(path.stem, stem):
                raise
            if not quiet:
                say(f"The map {path} is not used, because it can't be read: {error}")


def _refuse_near_misses(path: Path, header: Sequence[str], kept: Sequence[ColumnMap]) -> None:
    """Raise MapError for a map that fits except for a few columns, if the file would be read differently without it."""
    for each in kept:
        missing, beyond = each.missing_in(header), each.lacks_of(header)
        is_near = len(missing) + len(beyond) <= FEW and len(missing) < len(each.columns) / 2
        if is_near and changes_reading(each, header):
            remedy = "correct the names in the map" if missing else f"add --map {shlex.quote(each.name)}"
            raise MapError(
                f"{each.name} almost fits {path.name}: {each.difference(header)}. If it is for this file, {remedy}; if "
                "not, add --no-map"
            )


def is_found_again(kept: str, path: Path, header: Sequence[str]) -> bool:
    """Whether an import of the rejects of the file at this path uses the map with the path `kept` by itself."""
    fitting = [read_map(each) for each in map_files() if is_for(each, header)]
    try:
        used, found = read_map(Path(kept)), _chosen(path, fitting) if fitting else None
    except MapError:
        return False
    return found is not None and (found.form, found.columns) == (used.form, used.columns)
