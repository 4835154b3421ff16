"""What each column of a file is taken for, told by all of its titles together."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Literal

from cells.columns import (
    COMPANY,
    CONTACT_NAME,
    CUSTOM_PREFIX,
    EMAILS,
    KNOWN_COLUMNS,
    OUR_COLUMNS,
    PHONES,
    STATE,
)
from cells.labels import labels_of, numbers_of
from cells.lead_fields import IMPORT_KEY
from cells.maps.column_map import NOTHING_SAID, MapError, MappedColumn
from cells.maps.targets import ONLY_ONE, meaning_for, target_of
from cells.texts import is_same_name, plain_name
from cells.title_words import Part
from cells.titles import ADVERTISING, ITEM_TYPES, ItemType, Meaning, is_from_outlook, item_stem, letters_of, meaning_of
from cells.unreadable import InputError
from cells.wrapped import unwrapped

NAME_PARTS: tuple[Part, ...] = ("prefix", "first name", "middle name", "last name", "suffix")  # as a name is written
ENOUGH_OF_NAME: tuple[Part, ...] = ("first name", "last name")
_NAMES: frozenset[Part] = frozenset({"contact name", "first name", "last name", "full name", "surname or full name"})
_CLOSE = frozenset(map(letters_of, ("display_name", "status_label", "primary_contact_name")))
_FIRST_NAME_BEFORE_NAME = frozenset({"vorname", "prenom"})  # beside which "Name" and "Nom" are last names


@dataclass(frozen=True, slots=True)
class ItemColumn:
    """A column of e-mails or phones: its position, what to call it, and the type that its values have in Close.

    `types` is the position of a column that says the type of each value, or None. `region` is the country of phones
    that are written without one, "" if nobody gave one for this column.
    """

    position: int
    title: str
    type: ItemType
    types: int | None = None
    region: str = ""


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns of a file are taken for, by position in its `titles`; `labels` are what to call them.

    A company comes from the first of `companies` that has one. A contact's name comes from `contact_name`, else from
    `name_parts`, by part and in the order in which they are written, else from `full_names`. `custom` has the position
    of each custom field; of these columns, `in_thousands` count thousands, and `signs` are
    those of the currencies that titles name. `ours` are the columns that our rejects
    files add. `outdone` has columns that are left out because another one, which is named, has the same value. All
    other columns are left out, too; `known` are all whose titles are, or that a map names. `said` is what a map says
    about a column.
    """

    titles: tuple[str, ...]
    labels: tuple[str, ...]
    companies: tuple[int, ...] = ()
    contact_name: int | None = None
    name_parts: Mapping[Part, int] = field(default_factory=dict)
    full_names: tuple[int, ...] = ()
    emails: tuple[ItemColumn, ...] = ()
    phones: tuple[ItemColumn, ...] = ()
    state: int | None = None
    custom: Mapping[str, int] = field(default_factory=dict)
    in_thousands: frozenset[str] = frozenset()
    signs: Mapping[str, str] = field(default_factory=dict)
    ours: Mapping[str, int] = field(default_factory=dict)
    outdone: Mapping[int, int] = field(default_factory=dict)
    known: frozenset[int] = frozenset()
    said: Mapping[int, MappedColumn] = field(default_factory=dict)

    @property
    def names(self) -> tuple[int, ...]:
        """The positions of all columns that give the names of contacts, in the order of preference."""
        own = () if self.contact_name is None else (self.contact_name,)
        return (*own, *self.name_parts.values(), *self.full_names)

    @property
    def lists(self) -> frozenset[int]:
        """The positions of the columns of contacts, whose cells may hold several values."""
        return frozenset({*self.names, *(each.position for each in (*self.emails, *self.phones))})

    @property
    def substitutes(self) -> dict[int, list[tuple[int, ...]]]:
        """For each column that is not always needed, groups of others; if one of these is filled whole, it is not."""
        whole = _alone([] if self.contact_name is None else [self.contact_name])
        both = tuple(at for part, at in self.name_parts.items() if part in ENOUGH_OF_NAME)
        better = [*whole, *([both] if len(both) == len(ENOUGH_OF_NAME) else [])]
        found = {at: _alone(self.companies[:index]) for index, at in enumerate(self.companies)}
        found |= dict.fromkeys(self.name_parts.values(), whole)
        found |= {at: better + _alone(self.full_names[:index]) for index, at in enumerate(self.full_names)}
        return {at: groups for at, groups in found.items() if groups}

    @property
    def left_out(self) -> list[int]:
        """The positions of the columns that give nothing, in order."""
        items = [*self.emails, *self.phones]
        used = {*self.companies, *self.names, *self.custom.values(), *self.ours.values()}
        used |= {each.position for each in items} | {each.types for each in items if each.types is not None}
        used |= set() if self.state is None else {self.state}
        return [position for position in range(len(self.titles)) if position not in used]

    @property
    def sources(self) -> dict[str, tuple[int, ...]]:
        """The positions from which each of our columns is filled, by its name."""
        found = {
            COMPANY: self.companies,
            CONTACT_NAME: self.names,
            EMAILS: tuple(each.position for each in self.emails),
            PHONES: tuple(each.position for each in self.phones),
            STATE.title: () if self.state is None else (self.state,),
            **{CUSTOM_PREFIX + name: (position,) for name, position in self.custom.items()},
        }
        return {column: positions for column, positions in found.items() if positions}

    @property
    def spelled_fields(self) -> dict[str, str]:
        """The custom fields that the file fills, by name, each as the file or else Close spells it."""
        titles = {name: unwrapped(self.titles[position]) for name, position in self.custom.items()}
        prefix = len(CUSTOM_PREFIX)
        return {
            name: title[prefix:].strip() if is_same_name(title, CUSTOM_PREFIX + name) else name
            for name, title in titles.items()
        }

    @property
    def said_of_fields(self) -> dict[str, MappedColumn]:
        """What a map says about the columns of custom fields, by the name of the field."""
        return {name: self.said[at] for name, at in self.custom.items() if at in self.said}

    def called(self, column: str) -> str:
        """What the file calls one of our columns; our own name for it if several columns fill it, or none does."""
        positions = self.sources.get(column, ())
        is_one = len(positions) == 1 or (column == COMPANY and positions)
        return self.labels[positions[0]] if is_one else column

    def positions_called(self, name: str) -> tuple[int, ...]:
        """The positions of the columns that a problem calls by this name: their label, or our name for all of them."""
        own = tuple(at for at, label in enumerate(self.labels) if label == name)
        return own or self.sources.get(name, ())


def _alone(positions: Iterable[int]) -> list[tuple[int, ...]]:
    return [(position,) for position in positions]


def roles_of(
    name: str,
    titles: Sequence[str],
    fields: Iterable[str] = (),
    said: Mapping[int, MappedColumn] = {},
) -> Roles:
    """The roles of the columns with these titles; `fields` are the names of the custom fields in Close.

    A title that is the name of a field counts as that, unless it stands for a part of every lead. What a map has `said`
    about a column, by position, overrules its title. Raises InputError with the `name` of the file if two columns have
    the same title, and only one value can be kept, and MapError if the map says that of two columns.
    """
    meanings = _as_said(titles, _told(titles, fields), said)
    _refuse_doubles(name, titles, meanings)
    return _arranged(tuple(titles), meanings, _ours(titles), said)


def _ours(titles: Sequence[str]) -> dict[str, int]:
    return {title.strip(): at for at, title in enumerate(titles) if title.strip() in OUR_COLUMNS}


def _told(titles: Sequence[str], fields: Iterable[str]) -> dict[int, Meaning]:
    """What all titles together tell, with the names of the custom fields in Close."""
    free = [field for field in fields if not is_same_name(field, IMPORT_KEY)]
    own = sorted(set(range(len(titles))) - set(_ours(titles).values()))
    alone = {at: meaning for at in own if (meaning := _meaning(titles[at], free))}
    return _told_by_others(titles, alone)


def _as_said(
    titles: Sequence[str], told: Mapping[int, Meaning], said: Mapping[int, MappedColumn]
) -> dict[int, Meaning]:
    """The meanings of all columns in order: as a map says, or else as the titles tell."""
    targets = {at: column.target for at, column in said.items() if column.target is not None}
    asked = {at: meaning_for(target, titles[at], told.get(at)) for at, target in targets.items()}
    _refuse_same_target(titles, asked)
    return dict(sorted({**told, **asked}.items()))


def _refuse_same_target(titles: Sequence[str], asked: Mapping[int, Meaning]) -> None:
    places: dict[str, int] = {}
    for at, meaning in asked.items():
        target = target_of(meaning)
        other = places.setdefault(plain_name(target), at)
        if meaning.part in ONLY_ONE and other != at:
            labels = labels_of(titles)
            remedy = (
                "A row is about one person, so leave one of them out"
                if meaning.part == "contact name"
                else "Leave one of them out, or give it another target"
            )
            raise MapError(
                f"The map gives {target!r} as the target of two columns, {labels[other]!r} and {labels[at]!r}, but "
                f"there is only one value for it. {remedy}"
            )


def _meaning(title: str, fields: Sequence[str]) -> Meaning | None:
    """What a title says by itself, also with the names of Close's fields."""
    meaning = meaning_of(title)
    is_open = (
        meaning is None or meaning.part in ("left out", "somebody else", "prefix or job") or _is_guessed_field(meaning)
    )
    field = _field_called(title, fields) if is_open else ""
    return Meaning("custom", field, rank=1) if field else meaning


def _is_guessed_field(meaning: Meaning) -> bool:
    """Whether a title stands for a custom field without having its name."""
    return meaning.part == "custom" and meaning.rank > 0


def _field_called(title: str, fields: Sequence[str]) -> str:
    """The name of the field with this title, as the title or else as Close spells it; "" if there is none."""
    spelled = " ".join(title.split())
    if any(is_same_name(spelled, field) for field in fields):
        return spelled
    letters = letters_of(spelled)
    alike = [field for field in fields if letters and letters_of(field) == letters]
    return alike[0] if len(alike) == 1 else ""


# What only all titles together tell ----------------------------------------------------------------------------------


def _told_by_others(titles: Sequence[str], meanings: Mapping[int, Meaning]) -> dict[int, Meaning]:
    """The meanings of all columns, where some depend on which other columns there are."""
    letters = [letters_of(title) for title in titles]
    parts = {meaning.part for meaning in meanings.values()}
    found, is_outlook = dict(meanings), is_from_outlook(titles)
    for at, meaning in meanings.items():
        if meaning.part == "prefix or job":
            found[at] = Meaning("prefix" if is_outlook else "left out")
        elif is_outlook and (meaning.part == "type of email" or letters[at] == "account"):
            found[at] = Meaning("left out")  # how mail is delivered, and a number of some account
        elif letters[at] == "accountname" and not ADVERTISING.isdisjoint(letters):
            found[at] = Meaning("left out")  # the account that pays for the advertisement
        elif meaning.part == "surname or full name" or letters[at] == "name":
            found[at] = Meaning(_name_beside(parts, letters, is_english=letters[at] == "name"), rank=1)
    for at, meaning in meanings.items():
        if meaning.part == "somebody else" and _would_be_missed(letters[at], parts):
            del found[at]
    lead_name = next((at for at, word in enumerate(letters) if word == "leadname"), None)
    if lead_name is not None and lead_name not in meanings and (_CLOSE.intersection(letters) or "company" in parts):
        found[lead_name] = Meaning("company" if _CLOSE.intersection(letters) else "full name")
    return found


def _would_be_missed(letters: str, parts: Set[Part]) -> bool:
    """Whether a column about somebody else has the only e-mails or names, which may be those of contacts after all."""
    if "mail" in letters or "phone" in letters:
        return ("email" if "mail" in letters else "phone") not in parts
    return letters.endswith(("name", "names")) and not letters.endswith(_AS_DISPLAYED) and parts.isdisjoint(_NAMES)


_AS_DISPLAYED = ("displayname", "anzeigename", "angezeigtername")


def _name_beside(parts: Set[Part], letters: Iterable[str], *, is_english: bool) -> Part:
    """What a column called Name, Nom, Nombre or Nome holds beside columns of first or last names."""
    has_first, has_last = "first name" in parts, "last name" in parts
    if has_first == has_last:
        return "full name"
    if is_english:
        return "last name" if has_first and _FIRST_NAME_BEFORE_NAME.intersection(letters) else "full name"
    return "last name" if has_first else "first name"


def doubled_titles(titles: Sequence[str], fields: Iterable[str] = ()) -> list[int]:
    """The positions of columns that share a title although only one value can be kept."""
    return [at for group in _doubles(titles, _told(titles, fields)) for at in group]


def _doubles(titles: Sequence[str], meanings: Mapping[int, Meaning]) -> list[list[int]]:
    places: dict[tuple[str, str, str], list[int]] = {}
    for at, meaning in meanings.items():
        if meaning.part == "company" or meaning.part in ONLY_ONE:
            places.setdefault((meaning.part, plain_name(meaning.detail), letters_of(titles[at])), []).append(at)
    return [found for found in places.values() if len(found) > 1]


def _refuse_doubles(name: str, titles: Sequence[str], meanings: Mapping[int, Meaning]) -> None:
    for found in _doubles(titles, meanings):
        *others, last = (str(at + 1) for at in found)
        times = "twice" if len(found) == 2 else f"{len(found)} times"
        title = " ".join(titles[found[0]].split())
        raise InputError(
            f"{name}: the column {title!r} appears {times}, as columns {', '.join(others)} and {last}. Rename or "
            "remove all but one."
        )


def _arranged(
    titles: tuple[str, ...],
    meanings: Mapping[int, Meaning],
    ours: Mapping[str, int],
    said: Mapping[int, MappedColumn],
) -> Roles:
    def places(part: Part) -> list[int]:
        return sorted((at for at, each in meanings.items() if each.part == part), key=lambda at: meanings[at].rank)

    by_field: dict[str, list[int]] = {}
    for at in places("custom"):
        by_field.setdefault(plain_name(meanings[at].detail), []).append(at)
    rivals = [*map(places, (*NAME_PARTS, "contact name", "state")), *by_field.values()]
    chosen = {group[0]: group for group in rivals if group}
    custom = {meanings[group[0]].detail: group[0] for group in by_field.values()}
    labels = _clear_labels(titles, meanings, said, ours.values())
    name_parts = {part: at for part in NAME_PARTS for at in places(part)[:1]}
    return Roles(
        titles,
        labels,
        companies=tuple(places("company")),
        contact_name=next(iter(places("contact name")), None),
        name_parts=name_parts if name_parts.keys() & set(ENOUGH_OF_NAME) else {},
        full_names=tuple(places("full name")),
        emails=tuple(_items(titles, labels, meanings, said, "email")),
        phones=tuple(_items(titles, labels, meanings, said, "phone")),
        state=next(iter(places("state")), None),
        custom=dict(sorted(custom.items(), key=lambda item: item[1])),
        in_thousands=frozenset(CUSTOM_PREFIX + name for name, at in custom.items() if meanings[at].times == 1000),
        signs={CUSTOM_PREFIX + name: sign for name, at in custom.items() if (sign := meanings[at].sign)},
        ours=ours,
        outdone={at: best for best, group in chosen.items() for at in group[1:]},
        known=frozenset(meanings),
        said=said,
    )


def _clear_labels(
    titles: Sequence[str],
    meanings: Mapping[int, Meaning],
    said: Mapping[int, MappedColumn],
    ours: Collection[int],
) -> tuple[str, ...]:
    """What to call columns; one with a name of ours has none of them if a map says that it is something else."""
    labels = zip(numbers_of(titles, ours), labels_of(titles, ours), strict=True)
    return tuple(
        f"column {number} ({label})" if at in said and _would_mislead(label, meanings.get(at)) else label
        for at, (number, label) in enumerate(labels)
    )


def _would_mislead(label: str, meaning: Meaning | None) -> bool:
    is_ours = label in KNOWN_COLUMNS or label.casefold().startswith(CUSTOM_PREFIX)
    target = target_of(meaning)
    return is_ours and target != "" and not is_same_name(target, target_of(meaning_of(label)))


def _items(
    titles: Sequence[str],
    labels: Sequence[str],
    meanings: Mapping[int, Meaning],
    said: Mapping[int, MappedColumn],
    item: Literal["email", "phone"],
) -> Iterator[ItemColumn]:
    """The columns of e-mails or phones, each with the column of types whose title fits."""
    types = {meaning.detail: at for at, meaning in meanings.items() if meaning.part == f"type of {item}"}
    for at, meaning in meanings.items():
        if meaning.part == item:
            asked = said.get(at, NOTHING_SAID)
            kind = next((each for each in ITEM_TYPES if each == asked.type), None)
            beside = None if kind else types.get(item_stem(titles[at]))
            yield ItemColumn(at, labels[at], kind or meaning.type, beside, asked.region)
