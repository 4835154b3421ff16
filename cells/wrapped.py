"""What a cell says without the things that programs put around it, before any kind of value is read from it.

That is characters that nobody sees, the `="..."` and the leading apostrophe with which spreadsheets keep a text a text,
quotation marks around the whole cell, and the entities of HTML.
"""

import html
import re

MOST_LAYERS = 4  # of entities: some exports escape twice

_UNSEEN_CHARACTERS = (  # beside joiners; what nobody sees, as ranges of a character class
    r"\x00-\x08\x80-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
)
_AROUND = r"&\"“\u200c\u200d" + _UNSEEN_CHARACTERS
# Most cells have nothing around what they say, and this tells at once.
is_bare = re.compile(rf"(?:[^\s='{_AROUND}][^{_AROUND}]*(?<!\s))?").fullmatch
_WRITTEN_AS_TEXT = re.compile(r'="((?:[^"]|"")*)"', re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"]|"")+)"|“([^“”"]+)”', re.DOTALL)
_RETURN = re.compile("_x000[dD]_")  # as Excel writes a carriage return
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_QUOTED_NAME = re.compile(r"'[^'<>]*'\s*<")
_ELIDED = re.compile(r"'[a-z][\s'’-]")  # 't Hoen, 's-Gravenhage: such an apostrophe belongs to the name
_FORMULA = re.compile(
    r"=\s*[-+@]*(?=.*[\d(+*/^&\"!])[\w.\"'$({]|[-+@][\w.+*/^:$,!(-]*[A-Za-z]\(.*\)",
    re.DOTALL,
)


def unwrapped(cell: str) -> str:
    """What a cell says; white space at its ends is off, too."""
    if is_bare(cell):
        return cell
    text = unseen_off(cell).strip()
    written = _WRITTEN_AS_TEXT.fullmatch(text)
    if written:
        text = written[1].replace('""', '"').strip()
    elif text.startswith("'") and not (_ELIDED.match(text) or _QUOTED_NAME.match(text)):
        text = _without_apostrophe(text)
    if "&" in text:
        text = unseen_off(_without_entities(text)).strip()
    text = _RETURN.sub("", text).strip()
    quoted = _QUOTED.fullmatch(text)
    return (quoted[1].replace('""', '"') if quoted[1] else quoted[2]).strip() if quoted else text


def unseen_off(text: str) -> str:
    """A text without characters that nobody sees; joiners stay between two letters or pictures that need them."""
    return text if text.isascii() and text.isprintable() else _JOINER.sub("", _UNSEEN.sub("", text))


_UNSEEN = re.compile(f"[{_UNSEEN_CHARACTERS}]")
_JOINER = re.compile(r"(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])")


def is_formula(cell: str) -> bool:
    """Whether a cell is a formula of a spreadsheet, whose result the file does not have."""
    text = unseen_off(_without_entities(cell)).strip()
    return bool(_FORMULA.match(text)) and not _WRITTEN_AS_TEXT.fullmatch(text)


def _without_apostrophe(text: str) -> str:
    inner = text[1:]
    return (inner[:-1] if inner.endswith("'") and inner.count("'") == 1 else inner).strip()


def _without_entities(text: str) -> str:
    for _ in range(MOST_LAYERS):
        plain = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
        if plain == text:
            break
        text = plain
    return text
