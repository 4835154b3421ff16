"""The columns of a file that tell of contacts, put together: one name, all e-mails and all phones of each row."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

import pandas as pd

from cells.columns import CONTACT_NAME, EMAILS, LEAD_COLUMNS, PHONES, Column, Parser, Texts, phone_parser
from cells.companies import identity_of
from cells.names import NameCase, clean_contact_name, plain_part_of_name
from cells.parsed import Lost, all_parts, one_value
from cells.roles import ENOUGH_OF_NAME, NAME_PARTS, ItemColumn, Roles
from cells.texts import InvalidValue
from cells.title_words import Part
from cells.titles import ItemType, type_by_label
from cells.wrapped import unwrapped

NO_TYPES: Mapping[str, str] = MappingProxyType({})
_PARSE_PART = one_value(lambda text: " ".join(text.split()))
PLAIN_PART = Parser(_PARSE_PART, plain_part_of_name)
_BETWEEN_PEOPLE = re.compile(r"[\r\n;|]|\s/\s|\s(?:&|\+|and|AND|And)\s")
FULL_PART = Parser(
    lambda cell: all_parts(map(_PARSE_PART, map(unwrapped, _BETWEEN_PEOPLE.split(cell)))), plain_part_of_name
)


def no_types() -> Mapping[str, str]:
    """The types of e-mails and phones that are all `office`: one object, however many contacts there are."""
    return NO_TYPES


@dataclass(frozen=True, slots=True)
class People:
    """What all rows say about people: a name, e-mails and phones in each; and names put together that are too long."""

    names: Column
    emails: Column
    phones: Column
    too_long: Column

    def types(self, email: int, phone: int) -> Mapping[str, str]:
        """The types of the e-mails and phones with these indices, by value, where they are not `office`."""
        if not (self.emails.types or self.phones.types):
            return NO_TYPES
        return (self.emails.types_of(email) | self.phones.types_of(phone)) or NO_TYPES


def contact_parsers(roles: Roles, known: Mapping[str, Parser]) -> dict[str, Parser]:
    """How a cell of each column is parsed that any file may have, by title; `known` has parsers by our names.

    Phones in a column with a country of its own are of that one.
    """
    parts = roles.name_parts
    whole = (position for position in roles.names if position not in parts.values())
    return {
        **{title: known[title] for title in LEAD_COLUMNS},
        **{roles.labels[position]: known[CONTACT_NAME] for position in whole},
        **{roles.labels[at]: FULL_PART if part in ENOUGH_OF_NAME else PLAIN_PART for part, at in parts.items()},
        **{each.title: known[EMAILS] for each in roles.emails},
        **{each.title: phone_parser(each.region) if each.region else known[PHONES] for each in roles.phones},
    }


def people_of(
    roles: Roles, texts: Mapping[str, Texts], parsed: Mapping[str, Column], names: NameCase, rows: "pd.Index[int]"
) -> People:
    """What the rows say about people, from their texts and parsed columns by title."""
    emails, phones = (
        [TypedColumn(parsed[each.title], each.type, texts.get(title_of_types(each))) for each in columns]
        for columns in (roles.emails, roles.phones)
    )
    called, too_long = _names(roles, parsed, names, rows)
    return People(
        called, items_of(emails, "email", rows), items_of(phones, "phone", rows), replace(called, lost=too_long)
    )


def title_of_types(column: ItemColumn) -> str:
    """What to call the texts that say the types of a column's values."""
    return f"types of {column.title}"


def _names(
    roles: Roles, parsed: Mapping[str, Column], names: NameCase, rows: "pd.Index[int]"
) -> tuple[Column, dict[int, tuple[Lost, ...]]]:
    """The names of the people in all rows, and what is lost of those that are put together."""
    if not roles.names:
        return _nothing(rows), {}
    if len(roles.names) == 1 and not roles.name_parts:
        return parsed[roles.labels[roles.names[0]]], {}
    whole = None if roles.contact_name is None else parsed[roles.labels[roles.contact_name]]
    parts = {part: parsed[roles.labels[at]] for part, at in roles.name_parts.items()}
    return names_of(whole, parts, [parsed[roles.labels[each]] for each in roles.full_names], names)


@dataclass(frozen=True, slots=True)
class TypedColumn:
    """A parsed column of e-mails or phones, the type of its values, and texts that say the type better, if any do."""

    column: Column
    type: ItemType
    labels: Texts | None = None


def items_of(columns: Sequence[TypedColumn], item: Literal["email", "phone"], rows: "pd.Index[int]") -> Column:
    """All e-mails, or all phones, of each row, each once; the first column that has a value says its type."""
    if not columns:
        return _nothing(rows)
    if len(columns) == 1 and columns[0].type == "office" and columns[0].labels is None:
        return columns[0].column
    labels = [each.labels for each in columns if each.labels]
    index, combinations = _joined([*(each.column.texts for each in columns), *labels])
    told = [[_types_by_label(text, item) for text in texts.meant] for texts in labels]
    types = (_types(columns, combination, told) for combination in combinations)
    values: list[tuple[Any, ...]] = []
    kinds: list[tuple[str, ...] | None] = []
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    for each in types:
        values.append(tuple(each))
        of_values = tuple(each.values())
        kinds.append(None if all(kind == "office" for kind in of_values) else known.setdefault(of_values, of_values))
    column = _combined(index, combinations, [each.column for each in columns], values)
    column.types.extend(kinds if known else ())
    return column


def _types_by_label(label: str, item: Literal["email", "phone"]) -> list[ItemType | None]:
    """The type that a label gives, or several if it has one for each value of a cell."""
    return [type_by_label(part, item) for part in label.split(":::")]


def _types(
    columns: Sequence[TypedColumn], combination: Sequence[int], told: Sequence[Sequence[Sequence[ItemType | None]]]
) -> dict[str, ItemType]:
    """The values of a combination of cells, each with its type."""
    labelled = iter(zip(told, combination[len(columns) :], strict=True))
    types: dict[str, ItemType] = {}
    for each, text in zip(columns, combination, strict=False):
        value = each.column.values[text]
        if each.labels is None and text not in each.column.several:
            if value is not None:
                types.setdefault(value, each.type)
            continue
        said: Sequence[ItemType | None] = []
        if each.labels:
            of_labels, label = next(labelled)
            said = of_labels[label]
        for kind, one in _each_with_its_type(each.column.all_of(text), said):
            types.setdefault(one, kind or each.type)
    return types


def _each_with_its_type(
    values: Sequence[str], said: Sequence[ItemType | None]
) -> Iterator[tuple[ItemType | None, str]]:
    """Each value with the type that is said of it, or else of all values."""
    for at, value in enumerate(values):
        yield (said[at] if len(said) == len(values) else next(iter(said), None)), value


def names_of(
    whole: Column | None, parts: Mapping[Part, Column], full: Sequence[Column], names: NameCase
) -> tuple[Column, dict[int, tuple[Lost, ...]]]:
    """The name of each row: from the column for it, else put together from its parts, else from a column of full names.

    Beside it, what is lost of names that are put together, by the index of a combination.
    """
    columns = [*([whole] if whole else []), *parts.values(), *full]
    index, combinations = _joined([column.texts for column in columns])
    found: list[tuple[str, ...]] = []
    too_long: dict[int, tuple[Lost, ...]] = {}
    for at, combination in enumerate(combinations):
        own = _names_in(combination, whole, parts, full)
        try:
            found.append(tuple(clean_contact_name(name, names) for name in own))
        except InvalidValue as invalid:
            found.append(())
            too_long[at] = (("; ".join(own), invalid.code, invalid.reason),)
    return _combined(index, combinations, columns, found), too_long


def _names_in(
    combination: Sequence[int], whole: Column | None, parts: Mapping[Part, Column], full: Sequence[Column]
) -> Sequence[str]:
    """The names in a combination of cells, one cell for each column."""
    cells = iter(combination)
    if whole and (names := whole.all_of(next(cells))):
        return names
    of_parts = {part: column.all_of(next(cells)) for part, column in parts.items()}
    of_full = next(filter(None, (column.all_of(text) for column, text in zip(full, cells, strict=False))), ())
    return _put_together(of_parts, of_full) or of_full


def _put_together(parts: Mapping[Part, tuple[str, ...]], full: Sequence[str]) -> list[str]:
    """The names that parts make, with a full name in place of a part that is missing; none if no part is enough.

    A full name that contains the only part is enough by itself.
    """
    given = [part for part in ENOUGH_OF_NAME if parts.get(part)]
    if not given:
        return []
    words = dict(parts)
    if len(full) == 1 and len(given) < len(ENOUGH_OF_NAME):
        (only,) = given
        if only == "first name" and " " in full[0]:
            return []
        if all(set(identity_of(name).split()) <= set(identity_of(full[0]).split()) for name in parts[only]):
            return []
        words[ENOUGH_OF_NAME[1 - ENOUGH_OF_NAME.index(only)]] = tuple(full)
    chosen = [of_part for part in NAME_PARTS if (of_part := words.get(part))]
    several = max(map(len, chosen))
    return [" ".join([each[at % len(each)] for each in chosen]) for at in range(several)]


# Columns side by side ------------------------------------------------------------------------------------------------


def _joined(columns: Sequence[Texts]) -> tuple["pd.Series[int]", list[tuple[int, ...]]]:
    """For each row the index of its combination of texts, and for each combination the index of each column's text."""
    codes = columns[0].index.to_numpy().astype("int64")
    for texts in columns[1:]:
        codes, _ = pd.factorize(codes * (len(texts.distinct) + 1) + texts.index.to_numpy())
    codes, _ = pd.factorize(codes)
    firsts = (~pd.Series(codes).duplicated()).to_numpy()
    combinations = zip(*(texts.index.to_numpy()[firsts].tolist() for texts in columns), strict=True)
    return pd.Series(codes.astype("int32"), index=columns[0].index.index), list(combinations)


def _combined(
    index: "pd.Series[int]",
    combinations: Sequence[tuple[int, ...]],
    columns: Sequence[Column],
    found: Sequence[tuple[Any, ...]],
) -> Column:
    """A column whose texts are combinations of those of others, with what was found in each."""
    return Column(
        Texts([], [], index),
        [values[0] if values else None for values in found],
        {at: values for at, values in enumerate(found) if len(values) > 1},
        dict(_of_any(combinations, [column.lost for column in columns])),
        {at: sum(counts) for at, counts in _of_any(combinations, [_as_tuples(each.placeholders) for each in columns])},
    )


def _as_tuples(counts: Mapping[int, int]) -> dict[int, tuple[int, ...]]:
    return {at: (count,) for at, count in counts.items()}


def _of_any(
    combinations: Sequence[tuple[int, ...]], known: Sequence[Mapping[int, tuple[Any, ...]]]
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """What is known about the texts of each combination; combinations about which nothing is known are left out."""
    if not any(known):
        return
    for at, combination in enumerate(combinations):
        of_texts = tuple(each for text, of in zip(combination, known, strict=False) for each in of.get(text, ()))
        if of_texts:
            yield at, of_texts


def _nothing(rows: "pd.Index[int]") -> Column:
    return Column(Texts([""], [""], pd.Series(0, index=rows, dtype="int32")), [None], {}, {}, {})
