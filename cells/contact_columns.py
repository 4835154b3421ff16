"""The columns of a file that tell of contacts, put together: one name, all e-mails and all phones of each row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

import pandas as pd

from cells.columns import CONTACT_NAME, EMAILS, LEAD_COLUMNS, PHONES, Column, Parser, Texts
from cells.names import NameCase, clean_contact_name
from cells.parsed import Lost, one_value
from cells.roles import ItemColumn, Roles
from cells.texts import InvalidValue
from cells.titles import ItemType, type_by_label

NO_TYPES: Mapping[str, str] = MappingProxyType({})
PART_OF_NAME = Parser(one_value(lambda text: " ".join(text.split())))


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
        of_emails, of_phones = self.emails.types.get(email), self.phones.types.get(phone)
        return {**(of_emails or {}), **(of_phones or {})} if of_emails or of_phones else NO_TYPES


def contact_parsers(roles: Roles, known: Mapping[str, Parser]) -> dict[str, Parser]:
    """How a cell of each column is parsed that any file may have, by title; `known` has parsers by our names."""
    whole = (position for position in roles.names if position not in roles.name_parts)
    return {
        **{title: known[title] for title in LEAD_COLUMNS},
        **{roles.title(position): known[CONTACT_NAME] for position in whole},
        **{roles.title(position): PART_OF_NAME for position in roles.name_parts},
        **{each.title: known[EMAILS] for each in roles.emails},
        **{each.title: known[PHONES] for each in roles.phones},
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
        return parsed[roles.title(roles.names[0])], {}
    whole = None if roles.contact_name is None else parsed[roles.title(roles.contact_name)]
    parts = [NamePart(parsed[roles.title(each)], each in roles.sufficient_names) for each in roles.name_parts]
    return names_of(whole, parts, [parsed[roles.title(each)] for each in roles.full_names], names)


@dataclass(frozen=True, slots=True)
class TypedColumn:
    """A parsed column of e-mails or phones, the type of its values, and texts that say the type better, if any do."""

    column: Column
    type: ItemType
    labels: Texts | None = None


@dataclass(frozen=True, slots=True)
class NamePart:
    """A parsed column with a part of names; `is_enough` tells whether it is a name by itself, as a title is not."""

    column: Column
    is_enough: bool


def items_of(columns: Sequence[TypedColumn], item: Literal["email", "phone"], rows: "pd.Index[int]") -> Column:
    """All e-mails, or all phones, of each row, each once; the first column that has a value says its type."""
    if not columns:
        return _nothing(rows)
    if len(columns) == 1 and columns[0].type == "office" and columns[0].labels is None:
        return columns[0].column
    labels = [each.labels for each in columns if each.labels]
    index, combinations = _joined([*(each.column.texts for each in columns), *labels])
    told = [[type_by_label(text, item) for text in texts.meant] for texts in labels]
    types = [_types(columns, combination, told) for combination in combinations]
    column = _combined(index, combinations, [each.column for each in columns], list(map(tuple, types)))
    unusual = {at: kinds for at, kinds in enumerate(types) if any(kind != "office" for kind in kinds.values())}
    column.types.update(unusual)
    return column


def _types(
    columns: Sequence[TypedColumn], combination: Sequence[int], told: Sequence[Sequence[ItemType | None]]
) -> dict[str, ItemType]:
    """The values of a combination of cells, each with its type."""
    labelled = iter(zip(told, combination[len(columns) :], strict=True))
    types: dict[str, ItemType] = {}
    for each, text in zip(columns, combination, strict=False):
        said = None
        if each.labels:
            of_labels, label = next(labelled)
            said = of_labels[label]
        for value in each.column.all_of(text):
            types.setdefault(value, said or each.type)
    return types


def names_of(
    whole: Column | None, parts: Sequence[NamePart], full: Sequence[Column], names: NameCase
) -> tuple[Column, dict[int, tuple[Lost, ...]]]:
    """The name of each row: from the column for it, else put together from its parts, else from a column of full names.

    Beside it, what is lost of names that are put together, by the index of a combination.
    """
    columns = [*([whole] if whole else []), *(part.column for part in parts), *full]
    index, combinations = _joined([column.texts for column in columns])
    found: list[tuple[str, ...]] = []
    too_long: dict[int, tuple[Lost, ...]] = {}
    for at, combination in enumerate(combinations):
        values = [column.all_of(text) for column, text in zip(columns, combination, strict=True)]
        first = len(columns) - len(parts) - len(full)
        joined = _put_together(parts, values[first : first + len(parts)])
        try:
            own = (clean_contact_name(joined, names),) if joined else ()
        except InvalidValue as invalid:
            own, too_long[at] = (), ((joined, invalid.code, invalid.reason),)
        found.append(next(filter(None, [*values[:first], own, *values[first + len(parts) :]]), ()))
    return _combined(index, combinations, columns, found), too_long


def _put_together(parts: Sequence[NamePart], values: Sequence[tuple[Any, ...]]) -> str:
    """The name that parts make, "" if none of them is enough."""
    is_name = any(part.is_enough and each for part, each in zip(parts, values, strict=True))
    return " ".join(word for each in values for word in each) if is_name else ""


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
    """What is known of the texts of each combination, for those of which something is."""
    if not any(known):
        return
    for at, combination in enumerate(combinations):
        of_texts = tuple(each for text, of in zip(combination, known, strict=False) for each in of.get(text, ()))
        if of_texts:
            yield at, of_texts


def _nothing(rows: "pd.Index[int]") -> Column:
    return Column(Texts([""], [""], pd.Series(0, index=rows, dtype="int32")), [None], {}, {}, {})
