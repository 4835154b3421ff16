"""Names of people, and whether two of them can be one person's. docs/qualify.md states the same rules for users."""

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

LONGEST = 200  # characters of a name that is taken apart; a longer one agrees only with itself
MOST_CHOICES = 6  # places of one name at which parts may be joined or apart; with more, all are or none


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TITLES = _words(
    "dr prof professor doctor doktor dra profa mr mister mrs ms miss mx herr frau sir rev reverend "
    "sr sra srta senor senora senorita signor signora monsieur madame mme mlle dipl dipling univprof engr capt sgt"
)
ABBREVIATED_TITLES = _words("hr fr mag ing hon sig eng pd dipl")  # names, too, unless they end with a dot
AFTER_TITLE = _words("dent vet jur iur rer oec theol hc habil mult")
ABBREVIATED_AFTER_TITLE = _words("med phil nat pol ing")
GENERATIONS = {
    **dict.fromkeys(("jr", "junior", "jnr"), "junior"),
    **dict.fromkeys(("sr", "senior", "snr"), "senior"),
    **dict.fromkeys(("ii", "2nd"), "2"),
    **dict.fromkeys(("iii", "3rd"), "3"),
    **dict.fromkeys(("iv", "4th"), "4"),
}
ABBREVIATED_GENERATIONS = {"jun": "junior", "sen": "senior"}
CLEAR_DEGREES = _words("phd esq esquire")
DOTTED_DEGREES = _words("ma ba")  # which without dots are names, too
DEGREES = CLEAR_DEGREES | _words("md dds dvm jd llm llb mba msc bsc meng beng cpa rn qc kc obe mbe")
PARTICLES = _words(
    "van von vom vander vanden vande der den de del dela della delle dello di da dal dos das do du des la le las los "
    "el al bin ibn ben abu zu zum zur ter ten te af av st mc mac fitz o d l"
)
ROLES = _words(
    "ceo cfo cto coo cio cmo cro chro vp svp evp avp hr it pr pa ea owner coowner founder cofounder president chair "
    "chairman chairwoman chairperson director managing manager management head chief officer lead leader partner "
    "principal executive exec associate assistant secretary sales marketing purchasing procurement buyer buying "
    "accounting accounts accountant finance financial operations ops logistics legal counsel lawyer attorney engineer "
    "engineering developer development support service services customer client consultant consulting advisor adviser "
    "analyst administrator administration admin office reception treasurer controller supervisor coordinator "
    "representative rep agent broker contractor intern trainee staff team department dept division contact primary "
    "billing technical technician research product project program quality production plant site store branch regional "
    "emea apac usa international global board member trustee retired doctor nurse teacher "
    "geschäftsführer geschäftsführerin geschäftsführung inhaber inhaberin leiter leiterin leitung vertrieb einkauf "
    "buchhaltung personal assistenz assistent assistentin sekretariat prokurist prokuristin vorstand technik "
    "gerente director directora dueño dueña propietario propietaria jefe jefa ventas compras contabilidad "
    "gérant gérante directeur directrice propriétaire responsable ventes achats comptabilité titolare direttore"
)

BETWEEN_ROLES = _words("of for the and in at to de del la von der des und y et")

_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_IN_BRACKETS = re.compile(r" ?[(\[]([^()\[\]]*)[)\]] ?(?=,|$)")  # at the end of a name, or of a part of it
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
        spelled = " ".join(text.split())
        if len(spelled) > LONGEST:
            return cls(spelled[:LONGEST], frozenset({(_folded(spelled),)} if any(map(str.isalnum, spelled)) else ()))
        words, generation = _words_of(_folded(spelled))
        return cls(spelled, frozenset(filter(None, _spellings(words))), generation)

    @property
    def key(self) -> str:
        """A text that is the same for all names that are equal to this one."""
        return repr((sorted(self.spellings), self.generation))

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
    text, generation = _without_brackets(folded)
    pieces = [_without_titles(piece.split()) for piece in text.split(",") if piece.strip()]
    for place in range(len(pieces) - 1, -1, -1):
        while _ends_with_suffix(pieces, place):
            generation = _generation(pieces[place].pop()) or generation
    pieces = list(filter(None, pieces))
    in_order = [pieces[1], pieces[0]] if len(pieces) == 2 else pieces
    return [word for piece in in_order for word in piece], generation


def _without_brackets(folded: str) -> tuple[str, str]:
    """The text without roles and generations in brackets, and that generation. What else is in brackets stays."""
    generation, left = "", folded
    for match in _IN_BRACKETS.finditer(folded):
        said = _generation(match[1].strip())
        if said or _is_role(match[1]):
            generation = said or generation
            left = left.replace(match[0], " ", 1)
    return (left, generation) if any(map(str.isalnum, left)) else (folded, "")


def _is_role(text: str) -> bool:
    """Whether all words of a text are those of roles, or stand between them."""
    words = re.findall(r"[^\W\d_]+", text.replace("-", ""))
    return set(words) <= ROLES | BETWEEN_ROLES and not ROLES.isdisjoint(words)


def _without_titles(words: Sequence[str]) -> list[str]:
    """The words of a piece of a name without the titles at its beginning; the last word is no title."""
    left = [part for word in words for part in _apart_from_titles(word)]
    after_title = False
    while len(left) > 1 and (_is_title(left[0]) or (after_title and _is_after_title(left[0]))):
        after_title = True
        left = left[1:]
    return left


def _is_title(word: str) -> bool:
    return _key(word) in TITLES or (word.endswith(".") and _key(word) in ABBREVIATED_TITLES)


def _is_after_title(word: str) -> bool:
    return _key(word) in AFTER_TITLE or (word.endswith(".") and _key(word) in ABBREVIATED_AFTER_TITLE)


def _apart_from_titles(word: str) -> list[str]:
    """The parts of a word such as `prof.dr.meier` that begins with titles."""
    parts = []
    while (dotted := word.partition("."))[2] and dotted[0] in TITLES:
        parts.append(dotted[0])
        word = dotted[2]
    return [*parts, word]


def _ends_with_suffix(pieces: Sequence[Sequence[str]], place: int) -> bool:
    """Whether the last word of a piece follows a name: a generation, or a degree that can't be a name itself.

    A degree such as MA, which is a name too, must have dots, or stand after a comma with nothing but degrees. At least
    two words of the name stay, and one of them before the first comma.
    """
    piece = pieces[place]
    if len(piece) <= (place == 0) or sum(map(len, pieces)) <= 2:
        return False
    key = _key(piece[-1])
    after_comma = place > 0 and all(_key(word) in DEGREES or _generation(word) for word in piece)
    has_dots = "." in piece[-1].rstrip(".")
    is_degree = key in CLEAR_DEGREES or (key in DEGREES and (has_dots or after_comma))
    is_degree = is_degree or (key in DOTTED_DEGREES and has_dots)
    return is_degree or bool(_generation(piece[-1]))


def _generation(word: str) -> str:
    key = _key(word)
    return GENERATIONS.get(key, "") or (ABBREVIATED_GENERATIONS.get(key, "") if word.endswith(".") else "")


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
