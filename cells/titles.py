"""What the title of a column says that the column holds: by its exact name, in the words of usual programs.

Letter case, accents, white space and punctuation do not matter: `E-mail`, `email` and `E Mail` are one name. Titles
that are merely similar mean nothing. The names are those of the exports of usual programs, and the usual words in
English, German, French, Spanish and Portuguese.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

from cells.columns import COMPANY, CONTACT_NAME, CUSTOM_PREFIX, EMAILS, PHONES, STATE
from cells.lead_fields import FOUNDED, IMPORT_KEY, REVENUE
from cells.texts import plain_name, visible
from cells.title_words import COMPANIES, FIELDS, LEFT_OUT, NAMES, OUTLOOK, REVENUE_IN_THOUSANDS, SALESFORCE, Part
from cells.wrapped import unwrapped

ItemType = Literal["office", "mobile", "home", "direct", "fax", "other"]
ITEM_TYPES: tuple[ItemType, ...] = get_args(ItemType)
LONGEST_TITLE = 60  # letters and figures; a longer one is a question or a remark
MOST_FIGURES = 3  # in a title; more are a value
MOST_REMEMBERED = 4096  # titles, and cells that might have been some


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a column holds: a `part` of a lead, or something that is left out.

    `type` is the one that e-mails and phones have in Close. `detail` is the name of a custom field, or what a column of
    types is about. Of several columns for one value, the one with the lowest `rank` is used. An amount is to be
    multiplied by `times`, and is in the currency of a `sign`.
    """

    part: Part
    detail: str = ""
    rank: int = 0
    times: int = 1
    type: ItemType = "office"
    sign: str = ""


def meaning_of(title: str) -> Meaning | None:
    """What a title says, or None if it is not known."""
    own = _OWN.get(plain_name(unwrapped(title))) or _custom_field(title)
    meaning = own or _meaning_of_letters(letters_of(title))
    sign = next((char for char in title if unicodedata.category(char) == "Sc"), "")
    return replace(meaning, sign=sign) if meaning and sign and not own else meaning


def _custom_field(title: str) -> Meaning | None:
    """The custom field that a title with our prefix names, however it is spelled; never the one for import keys."""
    spelled = unicodedata.normalize("NFC", " ".join(visible(unwrapped(title)).split()))
    if not spelled.casefold().startswith(CUSTOM_PREFIX):
        return None
    name = spelled[len(CUSTOM_PREFIX) :].strip()
    fixed = next((each for each in (FOUNDED, REVENUE) if plain_name(each) == plain_name(name)), name)
    return Meaning("custom", fixed) if name and plain_name(name) != plain_name(IMPORT_KEY) else Meaning("left out")


@functools.lru_cache(MOST_REMEMBERED)
def letters_of(title: str) -> str:
    """The letters and figures of a title, without case and accents: the form in which titles are compared.

    The signs #, % and ? are kept, because they say that a column holds a number, a share or an answer.
    """
    decomposed = unicodedata.normalize("NFKD", _REMARK.sub("", unwrapped(title))).casefold()
    return "".join(char for char in decomposed if char.isalnum() or char in "#%?")


_REMARK = re.compile(
    r"\s*[(\[](?:required|optional|pflichtfeld|obligatoire|obligatorio|obrigat[oó]rio)[)\]]", re.IGNORECASE
)


@functools.lru_cache(MOST_REMEMBERED)
def _meaning_of_letters(letters: str) -> Meaning | None:
    if not letters or len(letters) > LONGEST_TITLE or sum(map(str.isdecimal, letters)) > MOST_FIGURES:
        return None
    known = _BY_LETTERS.get(letters)
    return known or _item(letters) or _state(letters) or _about_somebody_else(letters)


def _letters(names: str) -> Iterator[str]:
    """The names in a list with commas between them, in the form in which titles are compared."""
    return map(letters_of, names.split(","))


# E-mails and phones --------------------------------------------------------------------------------------------------

_CONTACT = "contact|kontakt|contacto|contato|person|ansprechpartner"
_WHOSE = (
    f"{_CONTACT}|lead|attendee|invitee|customer|account|"
    "company|corporate|organi[sz]ation|business|firma|unternehmen|empresa|entreprise|societe|primary|principal|main|"
    "haupt|default|secondary|secundario|second|2nd|tertiary|third|3rd|zweite|work|office|professional|"
    "professionnel|pro|geschaftlich|dienstlich|buro|zentrale|travail|trabajo|trabalho|comercial|oficina|bureau"
)
_AT_HOME = "home|personal|personnel|perso(?!n)|private|privat|prive|privado|particular|pessoal|casa|domicile"
_ELSE = "other|alternate|alternative|alt|additional|another|sonstiges?|weiteres?|autre|otro|otra|outro|outra"
_DIRECT = "direct|direkt|directo|direto|durchwahl|(?<!a)ddi"
_EMAIL = "emails?|mails?|courriel|courrierelectronique|correo(?:electronico)?|correioeletronico"
_MOBILE = (
    "mobile?|mob|mobiltelefon|mobilnummer|handy|handynummer|cell|cellular|cellphone|movil|celular|portable|telemovel|gsm|"
    "whatsapp"
)
_FAX = "fax|telefax|faxnummer|telecopie"
_SWITCHBOARD = "durchwahl|directdial|directline|ddi|switchboard|landline|festnetz|tollfree"
_CALLED_UP = "pager|callback|isdn|telex|autotelefon|ruckmeldung|funkruf"
_UNUSUAL = "car|radio|ttytdd|tty"
_PHONE = (
    "phones?|ph|telephones?|tel|telefon|telefonnummer|telefono|telefone|rufnummer|"
    f"{_MOBILE}|{_FAX}|{_SWITCHBOARD}|{_CALLED_UP}"
)
_SAYS_NOTHING = "address(?:es)?|adresse|direccion|endereco|value|wert|de|del|of|the|your|(?<![0-9])[0-9]{1,2}(?![0-9])"
_NUMBER = "numbers?|nummer|numero|no|nr|num|n|hq|#"

_NOT_ITEMS = r"(?!.*(?:numbers?|no|#)of|directmails?$|mailaddress|no(?:phone|email|mobile|fax))"  # counts, and post
_EMAIL_TITLE = re.compile(
    rf"{_NOT_ITEMS}(?=.*?(?:{_EMAIL}))(?:{_EMAIL}|{_WHOSE}|{_AT_HOME}|{_ELSE}|{_DIRECT}|{_SAYS_NOTHING}|ids?)+"
    "|adressedemessagerie"
)
_PHONE_TITLE = re.compile(
    rf"{_NOT_ITEMS}(?=.*?(?:{_PHONE}))"
    rf"(?:{_PHONE}|{_WHOSE}|{_AT_HOME}|{_ELSE}|{_DIRECT}|{_UNUSUAL}|{_SAYS_NOTHING}|{_NUMBER})+|contact(?:number|no)"
)
_OF_ANOTHER_PERSON = re.compile(  # of the second contact in a row
    rf"(?:{_CONTACT})[#]?[2-9].*|(?:second|2nd|secondary|third|3rd|tertiary|{_ELSE})(?:{_CONTACT}).*"
)
_TYPE_TITLE = re.compile(r"(?P<item>.+?)(?:label|typ|type|kind)(?P<number>[0-9]{0,2})")
_TYPE_WORDS: dict[ItemType, re.Pattern[str]] = {
    "fax": re.compile(_FAX),
    "mobile": re.compile(_MOBILE),
    "direct": re.compile(_DIRECT),
    "home": re.compile(_AT_HOME),
    "other": re.compile(f"{_ELSE}|{_CALLED_UP}|{_UNUSUAL}"),
}
_EMAIL_TYPES: frozenset[ItemType] = frozenset({"direct", "home", "other"})
_OFFICE_LABEL = re.compile(f"(?:{_WHOSE}|{_SAYS_NOTHING}|{_NUMBER}|{_EMAIL}|{_PHONE}|internet)+")
_NO_LABEL = frozenset({"smtp", "ex"})  # how Outlook delivers mail to an address


def _item(letters: str) -> Meaning | None:
    """A column of e-mails or phones with their type, or one of types."""
    if _OF_ANOTHER_PERSON.fullmatch(letters):
        return None
    if _EMAIL_TITLE.fullmatch(letters):
        return Meaning("email", type=_type_in(letters, "email"))
    if _PHONE_TITLE.fullmatch(letters):
        return Meaning("phone", type=_type_in(letters, "phone"))
    about = _TYPE_TITLE.fullmatch(letters)
    item = _item(about["item"] + about["number"]) if about else None
    if about is None or item is None or item.part not in ("email", "phone"):
        return None
    return Meaning("type of email" if item.part == "email" else "type of phone", item_stem(about["item"]))


def is_of_another_person(title: str) -> bool:
    """Whether a title speaks of a second contact in the same row."""
    return bool(_OF_ANOTHER_PERSON.fullmatch(letters_of(title)))


def _type_in(letters: str, item: Part) -> ItemType:
    """The type in Close that words speak of; without such words, `office`."""
    found = (each for each, words in _TYPE_WORDS.items() if words.search(letters))
    return next((each for each in found if item == "phone" or each in _EMAIL_TYPES), "office")


def type_in_title(title: str, part: Part) -> ItemType:
    """The type in Close that the title of a column of e-mails or phones speaks of; `office` for any other column."""
    return _type_in(letters_of(title), part) if part in ("email", "phone") else "office"


def item_stem(title: str) -> str:
    """What the titles of e-mails or phones and of their types have in common: `email1` of `E-mail 1 - Value`."""
    return re.sub(r"address(?:es)?|value|numbers?", "", letters_of(title))


def type_by_label(label: str, item: Literal["email", "phone"]) -> ItemType | None:
    """The type in Close of an e-mail or phone with this label, such as `* Work`; None if the label says nothing."""
    letters = letters_of(label)[:LONGEST_TITLE]
    if not letters or letters in _NO_LABEL:
        return None
    found = _type_in(letters, item)
    return found if found != "office" or _OFFICE_LABEL.fullmatch(letters) else "other"


# States ---------------------------------------------------------------------------------------------------------------

_OF_COMPANY, _OF_NOBODY, _OF_PERSON = 0, 1, 2  # whose state it is; a company's own comes first
_STATE = r"(?:us)?state(?:or)?(?:region|province|prov|county)*(?:code|name|abbreviation)?(?:of(?:the)?address)?"
_STATE_ELSEWHERE = "provincestate|regionstate|estado|etat|bundesland|(?:bundeslandkanton|bundesland|region)geschaftlich"
_STATE_TITLE = re.compile(
    "(?:company|organi[sz]ation|firma|empresa|billing|business|corporate|hq|headquarters|office|work|mailing|"
    "address[0-9]*|primaryaddress|primarycontact|contact|person)*"
    rf"(?:{_STATE}|{_STATE_ELSEWHERE}|(?<=[0-9])region)[0-9]?"
)
_COMPANY_WORDS = re.compile(
    r"company|geschaftlich|account|organi[sz]ation|firma|empresa|billing|business|corporate|hq|headquarters"
)
_PERSON_WORDS = re.compile(r"lead|contact|person|mailing")


def _state(letters: str) -> Meaning | None:
    if not _STATE_TITLE.fullmatch(letters):
        return None
    is_companys, is_persons = _COMPANY_WORDS.search(letters), _PERSON_WORDS.search(letters)
    return Meaning("state", rank=_OF_COMPANY if is_companys else _OF_PERSON if is_persons else _OF_NOBODY)


def is_list_of_companies(title: str) -> bool:
    """Whether a column has several companies in a cell, with semicolons between them, as HubSpot writes them."""
    return letters_of(title) in _LISTS_OF_COMPANIES


# Programs -------------------------------------------------------------------------------------------------------------


def is_from_outlook(titles: Iterable[str]) -> bool:
    """Whether some of the titles show that Outlook wrote them."""
    return not _OUTLOOK.isdisjoint(map(letters_of, titles))


def is_from_salesforce(titles: Iterable[str]) -> bool:
    """Whether some of the titles show that Salesforce wrote them."""
    letters = set(map(letters_of, titles))
    return not _SALESFORCE.isdisjoint(letters) or letters >= _SALESFORCE_TOGETHER


_OUTLOOK = frozenset(_letters(OUTLOOK))
_SALESFORCE = frozenset(_letters(SALESFORCE))
_SALESFORCE_TOGETHER = frozenset(_letters("account name, state/province"))
ADVERTISING = frozenset(_letters("campaign name, form name, form id, ad name, creative id, campaign id"))
_LISTS_OF_COMPANIES = frozenset(
    _letters("associated company, associated company (primary), primary associated company")
)


# Everything else by its name ------------------------------------------------------------------------------------------

_OWN = {
    plain_name(COMPANY): Meaning("company"),
    plain_name(CONTACT_NAME): Meaning("contact name"),
    plain_name(EMAILS): Meaning("email"),
    plain_name(PHONES): Meaning("phone"),
    plain_name(STATE.title): Meaning("state", rank=_OF_COMPANY - 1),
}
_SOMEBODY = (
    "owner|besitzer|inhaber|proprietaire|propietario|proprietario|salesrep|user|host|organi[sz]er|guest|buyer|purchaser|"
    "booker|mitarbeiter|assistant|utilisateur|usuario|"
    "(?:scanned|created|modified|updated|added|imported|invited|referred|assigned|entered)(?:by|to)"
)
_SOMEBODY_ELSE = re.compile(
    rf".*(?:{_SOMEBODY})s?(?:ids?|emails?|phones?|(?:full|first|last)?names?)?|.*(?:display|angezeigter|anzeige)name"
)


def _about_somebody_else(letters: str) -> Meaning | None:
    """A column about a colleague, or a name as it is displayed: nothing about the lead."""
    return Meaning("somebody else") if _SOMEBODY_ELSE.fullmatch(letters) else None


def titles_to_suggest() -> dict[str, str]:
    """The letters of titles that an import knows, by title, for those who have slipped while typing."""
    usual = (COMPANY, CONTACT_NAME, EMAILS, PHONES, STATE.title, "Email", "Email Address", "Phone", "Phone Number")
    more = ("Mobile Phone", "Work Phone", "Home Phone", "Work Email", "State", "Company State", "State/Province")
    named = (" ".join(name.split()) for names in (COMPANIES, *NAMES.values()) for name in names.split(","))
    return {title: letters_of(title) for title in [*usual, *more, *named]}


def _all_by_letters() -> dict[str, Meaning]:
    meanings = dict.fromkeys(_letters(LEFT_OUT), Meaning("left out"))
    for part, names in NAMES.items():
        meanings |= dict.fromkeys(_letters(names), Meaning(part))
    for field, names in FIELDS.items():
        meanings |= dict.fromkeys(_letters(names), Meaning("custom", field, rank=1))
    meanings |= dict.fromkeys(_letters(REVENUE_IN_THOUSANDS), Meaning("custom", REVENUE, rank=2, times=1000, sign="$"))
    return meanings | {name: Meaning("company", rank=rank) for rank, name in enumerate(_letters(COMPANIES), 1)}


COMPANY_TITLES = frozenset(plain_name(name) for name in COMPANIES.split(","))
_BY_LETTERS = _all_by_letters()
