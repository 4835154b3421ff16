"""Reading a map from a TOML file that a person wrote or changed."""

import codecs
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers

from cells.dates import DATE_ORDERS
from cells.maps.column_map import AskedForm, ColumnMap, MapError, MappedColumn
from cells.maps.targets import spelled_target
from cells.numbers import DECIMAL_MARKS
from cells.text_form import delimiter_named
from cells.texts import plain_name
from cells.titles import ITEM_TYPES

Value = TypeVar("Value")
HOW_TO_WRITE = (
    'Write each column as [columns."its name"] and below it each setting in a line of its own as name = "value", in '
    "straight quotation marks. A name with blanks in it needs them, too"
)
_WHERE = re.compile(r"^(?P<what>.*?)(?: \(at line (?P<line>\d+), column \d+\)| \(at end of document\))$", re.DOTALL)

_TWICE = re.compile(r"Cannot declare .* twice|Cannot overwrite a value", re.DOTALL)


def read_map(path: Path) -> ColumnMap:
    """The map in a file. Raises MapError, naming the line or the setting, if it is none, and OSError."""
    try:
        told = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise MapError(f"{path} is not UTF-8. Save it again as plain text in UTF-8") from None
    except (ValueError, RecursionError) as error:  # ValueError of a number with too many digits, too
        raise MapError(f"{path}{_place(str(error))}. {HOW_TO_WRITE}") from None
    form, columns = (_section(f"{path}: [{name}]", told.pop(name, {})) for name in ("file", "columns"))
    if told:
        raise MapError(f"{path}: there is no setting {next(iter(told))!r} outside of [file] and [columns]")
    _refuse_doubles(path, columns)
    return ColumnMap(
        str(path),
        AskedForm(**_settings(f"{path}: [file]", form, OF_FILES)),
        {title: _column(f"{path}: [columns.{title!r}]", column) for title, column in columns.items()},
    )


def _refuse_doubles(path: Path, titles: Iterable[str]) -> None:
    names: dict[str, str] = {}
    for title in titles:
        other = names.setdefault(plain_name(title), title)
        if other != title:
            raise MapError(f"{path}: [columns.{other!r}] and [columns.{title!r}] are one column. Put them together")


def whole_map(text: str, added: str) -> str:
    """The text of a map with more sections added at its end, or without them if TOML does not allow them there."""
    try:
        tomllib.loads(text + added)
    except tomllib.TOMLDecodeError:
        return text
    return text + added


def says_same(text: str, other: str) -> bool:
    """Whether two texts of maps differ only in notes and white space."""
    return tomllib.loads(text) == tomllib.loads(other)


def _place(error: str) -> str:
    """What is wrong with a text, after the line in which it is."""
    found = _WHERE.match(error)
    what = _TWICE.sub("there are two sections of this name, or two settings", found["what"] if found else error)
    return f", line {found['line']}: {what}" if found and found["line"] else f": {what}"


def _section(place: str, told: object) -> dict[str, Any]:
    if isinstance(told, dict):
        return told
    raise MapError(f"{place} must be a section with settings, not {_shown(told)}")


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


def _shown(value: object) -> str:
    """A value about as it stands in the file."""
    return repr(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise MapError(f"{_shown(value)} must stand in quotation marks")


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
    raise MapError(f"{_shown(value)} must be the number of a row, such as 3, without quotation marks")


def _delimiter(value: object) -> str:
    found = delimiter_named(_text(value))
    if found:
        return found
    raise MapError(f"{value!r} must be comma, semicolon, tab or pipe")


def _encoding(value: object) -> str:
    try:
        "".encode(_text(value))  # raises LookupError for what is no encoding of text, too
        return codecs.lookup(_text(value)).name
    except LookupError:
        raise MapError(f"{value!r} is not the name of an encoding; write utf-8, utf-16 or cp1252") from None


def _region(value: object) -> str:
    region = _text(value).upper()
    if region in phonenumbers.SUPPORTED_REGIONS:
        return region
    meant = "; the code of the United Kingdom is GB" if region == "UK" else ", such as GB or DE"
    raise MapError(f"{value!r} is not a two-letter country code{meant}")


def _zone(value: object) -> ZoneInfo:
    try:
        return ZoneInfo(_text(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise MapError(f"{value!r} is not the name of a time zone; write it like America/New_York or UTC") from None


def _values(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise MapError(f'{_shown(value)} must be written like {{ hot = "Gold", "not yet" = "" }}')
    for each in value.values():
        if not isinstance(each, str | int | float) or isinstance(each, bool):
            raise MapError(f"{_shown(each)} must stand in quotation marks")
    if "" in map(str.strip, value):
        raise MapError('"" is no value; a blank cell stays blank')
    return {text: str(each) for text, each in value.items()}


TYPES_OF_FIELDS = ("text", "textarea", "number", "date", "datetime", "choices", "user", "contact")
OF_FILES: Mapping[str, tuple[str, Callable[[Any], object]]] = {
    "sheet": ("sheet", _text),
    "header_row": ("header_row", _row),
    "delimiter": ("delimiter", _delimiter),
    "encoding": ("encoding", _encoding),
}  # by the name of a setting, ours and what reads it
OF_COLUMNS: Mapping[str, tuple[str, Callable[[Any], object]]] = {
    "target": ("target", _target),
    "type": ("type", partial(_one_of, _same((*TYPES_OF_FIELDS, *ITEM_TYPES)))),
    "decimal": ("decimal", partial(_one_of, _same(DECIMAL_MARKS))),
    "date_order": ("date_order", partial(_one_of, _same(DATE_ORDERS))),
    "region": ("region", _region),
    "separator": ("separator", _text),
    "two_digit_years": ("has_short_years", partial(_one_of, {"excel": True})),
    "year_only": ("has_years_alone", partial(_one_of, {"january": True})),
    "timezone": ("zone", _zone),
    "values": ("values", _values),
}
