"""Names of people, and whether two of them can be one person's. docs/qualify.md states the same rules for users."""

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

LONGEST_SHOWN = 100  # characters of a name in a result
MOST_CHOICES = 6  # places of one name at which parts may be joined or apart; with more, all are or none


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TITLES = _words(
    "dr prof professor doctor doktor dra profa mr mister mrs ms miss mx herr hr frau sir dame lord lady rev reverend "
    "hon sr sra srta senor senora senorita sig signor signora monsieur madame mme mlle mag ing dipl dipling univprof "
    "pd eng engr capt sgt"
)
AFTER_TITLE = _words("med dent vet jur iur phil rer nat pol oec theol hc habil mult ing et")
GENERATIONS = {
    **dict.fromkeys(("jr", "junior", "jun", "jnr"), "junior"),
    **dict.fromkeys(("sr", "senior", "sen", "snr"), "senior"),
    **dict.fromkeys(("ii", "2nd"), "2"),
    **dict.fromkeys(("iii", "3rd"), "3"),
    **dict.fromkeys(("iv", "4th"), "4"),
}
CLEAR_DEGREES = _words("phd esq esquire")
DEGREES = CLEAR_DEGREES | _words("md dds dvm jd llm llb mba msc bsc ma ba meng beng cpa rn qc kc obe mbe")
PARTICLES = _words(
    "van von vom vander vanden vande der den de del dela della delle dello di da dal dos das do du des la le las los "
    "el al bin ibn ben abu zu zum zur ter ten te af av st mc mac fitz o d l"
)

_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_ROLE = re.compile(r"\s*[(\[](?!\s*(?:n[ée]e?|geb|born|formerly|ex|fka|aka)\b)[^()\[\]]*[)\]]\s*(?=,|$)")
_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼʻ′`´"), "'")  # also ´, which Unicode takes for a space with an accent
_JOINTS = re.compile("['‐‑‒–—−-]")
_WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
# Letters that Unicode does not decompose into a plain letter and a mark, and ё, which is е with an accent.
_PLAIN_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
_YO = str.maketrans("ё", "е")
_ACCENTED = ("LATIN", "GREEK")  # scripts in which a mark is an accent; in others it makes another letter

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name as it was `spelled`; two are equal if they mean the same, and may agree even if they are not equal.

    `spellings` has the parts of the name, sorted, in each way in which it may be written. `generation` is what tells a
    father from his son, "" if the name does not say it.
    """

    spelled: str = field(compare=False)
    spellings: frozenset[Parts]
    generation: str = ""

    @classmethod
    def of(cls, text: str) -> Self:
        """The name in a text. One without letters or digits has no spellings.

        >>> PersonName.of("NÚÑEZ-O’Brien, José") == PersonName.of("Jose Nunez-O'Brien")
        True
        """
        words, generation = _words_of(_folded(text))
        spellings = frozenset(filter(None, _spellings(words)))
        return cls(" ".join(text.split())[:LONGEST_SHOWN], spellings, generation)

    def agrees_with(self, other: "PersonName") -> bool:
        """Whether both can be one person's: they have a spelling in common, and no two different generations."""
        generations = {self.generation, other.generation} - {""}
        return not self.spellings.isdisjoint(other.spellings) and len(generations) < 2


# Words without titles, suffixes and roles ----------------------------------------------------------------------------


def _folded(text: str) -> str:
    """The text in one case and one way of writing accents (Unicode's NFKC_Casefold), without what nobody sees."""
    folded = unicodedata.normalize("NFD", text.translate(_APOSTROPHES)).casefold()
    folded = unicodedata.normalize("NFKC", folded).casefold()
    return unicodedata.normalize("NFKC", folded).translate(_APOSTROPHES | _UNSEEN)


def _words_of(folded: str) -> tuple[list[str], str]:
    """The words of a name, given names first if a comma says which they are, and its generation."""
    pieces = [piece.split() for piece in _without_roles(folded).split(",")]
    pieces = [_without_titles(piece) for piece in pieces if piece]
    generation = ""
    for place in range(len(pieces) - 1, -1, -1):
        while pieces[place] and sum(map(len, pieces)) > 2 and _is_suffix(pieces[place], is_alone=place > 0):
            generation = GENERATIONS.get(_key(pieces[place].pop()), "") or generation
    pieces = list(filter(None, pieces))
    in_order = [pieces[1], pieces[0]] if len(pieces) == 2 else pieces
    return [word for piece in in_order for word in piece], generation


def _without_roles(folded: str) -> str:
    left = folded
    while _ROLE.search(left):
        left = _ROLE.sub("", left, count=1)
    return left if any(map(str.isalnum, left)) else folded


def _without_titles(words: Sequence[str]) -> list[str]:
    """The words of a piece of a name without the titles at its beginning; the last word is no title."""
    left = [part for word in words for part in _apart_from_titles(word)]
    after_title = False
    while len(left) > 1 and (_key(left[0]) in TITLES or (after_title and _key(left[0]) in AFTER_TITLE)):
        after_title = True
        left = left[1:]
    return left


def _apart_from_titles(word: str) -> list[str]:
    """The parts of a word such as `prof.dr.meier` that begins with titles."""
    before, dot, after = word.partition(".")
    return [before, *_apart_from_titles(after)] if dot and after and before in TITLES else [word]


def _is_suffix(piece: Sequence[str], *, is_alone: bool) -> bool:
    """Whether the last word of a piece follows a name: a generation, or a degree that can't be a name itself.

    A degree such as MA, which is a name too, must have dots, or stand after a comma with nothing but degrees.
    """
    key = _key(piece[-1])
    after_comma = is_alone and all(_key(word) in DEGREES or _key(word) in GENERATIONS for word in piece)
    has_dots = "." in piece[-1].rstrip(".")
    is_degree = key in CLEAR_DEGREES or (key in DEGREES and (has_dots or after_comma))
    return is_degree or key in GENERATIONS


def _key(word: str) -> str:
    """A title or suffix without dots, hyphens and accents."""
    return "".join(_plain(word)).replace(" ", "")


# Ways of writing them ------------------------------------------------------------------------------------------------


def _spellings(words: Sequence[str]) -> Iterator[Parts]:
    """All ways of writing the words: with umlauts plain or written out, and with parts joined or apart."""
    for written_out in (words, [word.translate(_WRITTEN_OUT) for word in words]):
        parts, is_joint = _parts_and_joints(written_out)
        for choice in _choices(is_joint):
            yield _joined(parts, choice)


def _parts_and_joints(words: Sequence[str]) -> tuple[list[str], list[bool]]:
    """The parts of the words and, for each but the first, whether it may be joined to the one before."""
    parts: list[str] = []
    is_joint: list[bool] = []
    after_particle = False
    for word in words:
        for number, piece in enumerate(_JOINTS.split(word)):
            more = "".join(_plain(piece)).split()
            parts += more
            is_joint += [index == 0 and (number > 0 or after_particle) for index in range(len(more))]
            after_particle = False
        after_particle = bool(parts) and parts[-1] in PARTICLES and not word.endswith(".")
    return parts, is_joint[1:]


def _choices(is_joint: Sequence[bool]) -> Iterator[Sequence[bool]]:
    """All ways of joining parts where they may be joined, as whether each joint is used."""
    if sum(is_joint) > MOST_CHOICES:
        yield from ([False] * len(is_joint), is_joint)
        return
    yield from itertools.product(*((False, True) if may_join else (False,) for may_join in is_joint))


def _joined(parts: Sequence[str], choice: Sequence[bool]) -> Parts:
    joined = list(parts[:1])
    for part, is_joined in zip(parts[1:], choice, strict=True):
        joined = [*joined[:-1], joined[-1] + part] if is_joined else [*joined, part]
    return tuple(sorted(joined))


def _plain(letters: str) -> Iterator[str]:
    """Letters and digits without accents, and a space for everything between them."""
    plain = unicodedata.normalize("NFKD", letters.translate(_YO)).casefold().translate(_PLAIN_LETTERS)
    script = ""
    for char in unicodedata.normalize("NFKD", plain):
        kind = unicodedata.category(char)[0]
        if kind == "M":
            yield char if script and script not in _ACCENTED else ""
            continue
        script = unicodedata.name(char, "").partition(" ")[0] if kind in "LN" else ""
        yield char if script else " "
