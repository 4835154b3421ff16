"""Reading a map from a TOML file that a person wrote or changed."""

import re
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers

from cells.column_map import AskedForm, ColumnMap, MapError, MappedColumn
from cells.dates import DATE_ORDERS
from cells.numbers import DECIMAL_MARKS
from cells.targets import spelled_target
from cells.text_form import delimiter_named

Value = TypeVar("Value")
HOW_TO_WRITE = 'Write each setting in a line of its own as name = "value", in straight quotation marks'
_WHERE = re.compile(r"^(?P<what>.*?)(?: \(at line (?P<line>\d+), column \d+\)| \(at end of document\))$", re.DOTALL)


def read_map(path: Path) -> ColumnMap:
    """The map in a file. Raises MapError, naming the line or the setting, if it is none, and OSError."""
    try:
        told = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise MapError(f"{path} is not UTF-8. Save it again as plain text in UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise MapError(f"{path}{_place(str(error))}. {HOW_TO_WRITE}") from None
    form, columns = (_section(f"{path}: [{name}]", told.pop(name, {})) for name in ("file", "columns"))
    if told:
        raise MapError(f"{path}: there is no setting {next(iter(told))!r} outside of [file] and [columns]")
    return ColumnMap(
        str(path),
        AskedForm(**_settings(f"{path}: [file]", form, OF_FILES)),
        {title: _column(f"{path}: [columns.{title!r}]", column) for title, column in columns.items()},
    )


def whole_map(text: str, added: str) -> str:
    """The text of a map with more sections at its end; without them if they can't stand there."""
    try:
        tomllib.loads(text + added)
    except tomllib.TOMLDecodeError:
        return text
    return text + added


def _place(error: str) -> str:
    """What is wrong with a text, after the line in which it is."""
    found = _WHERE.match(error)
    what = found["what"] if found else error
    return f", line {found['line']}: {what}" if found and found["line"] else f": {what}"


def _section(place: str, told: object) -> dict[str, Any]:
    if isinstance(told, dict):
        return told
    raise MapError(f"{place} must be a section with settings, not {told!r}")


def _column(place: str, told: object) -> MappedColumn:
    return MappedColumn(**_settings(place, _section(place, told), OF_COLUMNS))


def _settings(
    place: str, told: Mapping[str, object], known: Mapping[str, tuple[str, Callable[[Any], object]]]
) -> dict[str, Any]:
    """The settings of a section by our names for them. Raises MapError for one that is not known or not valid."""
    found: dict[str, Any] = {}
    for name, value in told.items():
        if name not in known:
            raise MapError(f"{place} has no setting {name!r}; the settings are {', '.join(known)}")
        ours, parse = known[name]
        try:
            found[ours] = parse(value)
        except MapError as error:
            raise MapError(f"{place}, {name}: {error}") from None
    return found


# Values --------------------------------------------------------------------------------------------------------------


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise MapError(f"{value!r} must stand in quotation marks")


def _one_of(known: Mapping[str, Value], value: object) -> Value:
    text = _text(value)
    if text not in known:
        raise MapError(f"{text!r} must be {' or '.join(map(repr, known))}")
    return known[text]


def _same(names: tuple[str, ...]) -> dict[str, str]:
    return {name: name for name in names}


def _target(value: object) -> str:
    return spelled_target(_text(value))


def _row(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise MapError(f"{value!r} must be the number of a row, such as 3, without quotation marks")


def _delimiter(value: object) -> str:
    found = delimiter_named(_text(value))
    if found:
        return found
    raise MapError(f"{value!r} must be comma, semicolon, tab or pipe")


def _region(value: object) -> str:
    region = _text(value).upper()
    if region in phonenumbers.SUPPORTED_REGIONS:
        return region
    raise MapError(f"{value!r} is not a two-letter country code")


def _zone(value: object) -> ZoneInfo:
    try:
        return ZoneInfo(_text(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise MapError(f"{value!r} is not the name of a time zone; write it like America/New_York or UTC") from None


def _values(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise MapError(f'{value!r} must be written like {{ hot = "Gold", "not yet" = "" }}')
    for each in value.values():
        if not isinstance(each, str | int | float) or isinstance(each, bool):
            raise MapError(f"{each!r} must stand in quotation marks")
    return {text: str(each) for text, each in value.items()}


TYPES_OF_FIELDS = ("text", "textarea", "number", "date", "datetime", "choices", "user", "contact")
TYPES_OF_ITEMS = ("office", "mobile", "home", "direct", "fax", "other")
OF_FILES: Mapping[str, tuple[str, Callable[[Any], object]]] = {
    "sheet": ("sheet", _text),
    "header_row": ("header_row", _row),
    "delimiter": ("delimiter", _delimiter),
    "encoding": ("encoding", _text),
}  # by the name of a setting, ours and what reads it
OF_COLUMNS: Mapping[str, tuple[str, Callable[[Any], object]]] = {
    "target": ("target", _target),
    "type": ("type", partial(_one_of, _same((*TYPES_OF_FIELDS, *TYPES_OF_ITEMS)))),
    "decimal": ("decimal", partial(_one_of, _same(DECIMAL_MARKS))),
    "date_order": ("date_order", partial(_one_of, _same(DATE_ORDERS))),
    "region": ("region", _region),
    "separator": ("separator", _text),
    "two_digit_years": ("has_short_years", partial(_one_of, {"excel": True})),
    "year_only": ("has_years_alone", partial(_one_of, {"january": True})),
    "timezone": ("zone", _zone),
    "values": ("values", _values),
}
