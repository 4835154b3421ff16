"""Reading a text as a US state: its two-letter code or its full name.

These are the states, the District of Columbia, the territories and the armed forces' "states", with the codes of the
US Postal Service (Publication 28, appendix B) and the abbreviations that were common before those codes.
"""

import difflib
import re

from cells.texts import InvalidValue
from cells.wrapped import unseen_off

NAME_BY_CODE = {
    "AL": "Alabama",
    "AK": "Alaska",
    "AZ": "Arizona",
    "AR": "Arkansas",
    "CA": "California",
    "CO": "Colorado",
    "CT": "Connecticut",
    "DE": "Delaware",
    "DC": "District of Columbia",
    "FL": "Florida",
    "GA": "Georgia",
    "HI": "Hawaii",
    "ID": "Idaho",
    "IL": "Illinois",
    "IN": "Indiana",
    "IA": "Iowa",
    "KS": "Kansas",
    "KY": "Kentucky",
    "LA": "Louisiana",
    "ME": "Maine",
    "MD": "Maryland",
    "MA": "Massachusetts",
    "MI": "Michigan",
    "MN": "Minnesota",
    "MS": "Mississippi",
    "MO": "Missouri",
    "MT": "Montana",
    "NE": "Nebraska",
    "NV": "Nevada",
    "NH": "New Hampshire",
    "NJ": "New Jersey",
    "NM": "New Mexico",
    "NY": "New York",
    "NC": "North Carolina",
    "ND": "North Dakota",
    "OH": "Ohio",
    "OK": "Oklahoma",
    "OR": "Oregon",
    "PA": "Pennsylvania",
    "RI": "Rhode Island",
    "SC": "South Carolina",
    "SD": "South Dakota",
    "TN": "Tennessee",
    "TX": "Texas",
    "UT": "Utah",
    "VT": "Vermont",
    "VA": "Virginia",
    "WA": "Washington",
    "WV": "West Virginia",
    "WI": "Wisconsin",
    "WY": "Wyoming",
    "AS": "American Samoa",
    "GU": "Guam",
    "MP": "Northern Mariana Islands",
    "PR": "Puerto Rico",
    "VI": "U.S. Virgin Islands",
    "UM": "U.S. Minor Outlying Islands",
    "FM": "Federated States of Micronesia",
    "MH": "Marshall Islands",
    "PW": "Palau",
    "AA": "Armed Forces Americas",
    "AE": "Armed Forces Europe",
    "AP": "Armed Forces Pacific",
}

_ABBREVIATIONS = {
    "AL": "ala",
    "AZ": "ariz",
    "AR": "ark",
    "CA": "cal, calif, cali",
    "CO": "colo",
    "CT": "conn",
    "DE": "del",
    "DC": "d c, washington dc, washington d c, wash dc",
    "FL": "fla",
    "HI": "hawai i",
    "IL": "ill, ills",
    "IN": "ind",
    "KS": "kan, kans",
    "MA": "mass",
    "MI": "mich",
    "MN": "minn",
    "MS": "miss",
    "MT": "mont",
    "NE": "neb, nebr",
    "NV": "nev",
    "NH": "n h, n hampshire",
    "NJ": "n j, n jersey",
    "NM": "n m, n mex, new mex, n mexico",
    "NY": "n y, n york, new york state",
    "NC": "n c, n car, n carolina",
    "ND": "n d, n dak, n dakota, nodak",
    "OK": "okla",
    "OR": "ore, oreg",
    "PA": "penn, penna",
    "RI": "r i, rhode island and providence plantations",
    "SC": "s c, s car, s carolina",
    "SD": "s d, s dak, s dakota, sodak",
    "TN": "tenn",
    "TX": "tex",
    "WA": "wash, washington state",
    "WV": "w v, w va, w virg, w virginia",
    "WI": "wis, wisc",
    "WY": "wyo",
    "MP": "cnmi, northern marianas",
    "PR": "p r",
    "VI": "v i, usvi, virgin islands, us virgin islands",
    "UM": "us minor outlying islands",
    "FM": "micronesia",
}


def state_code(text: str) -> str | None:
    """The two-letter code of the state that a text names, or None. Case, marks, country and ZIP do not matter."""
    spelling = _spelling(text)
    return _CODE_BY_SPELLING.get(spelling) or _CODE_BY_JOINED_SPELLING.get(spelling) or _twice(spelling)


def state_name(text: str) -> str | None:
    """The full English name of the state that a text names, or None."""
    code = state_code(text)
    return None if code is None else NAME_BY_CODE[code]


_COUNTRY = r"(?:usa|us|united states(?: of america)?)"
_COUNTRY_AND_ZIP = re.compile(rf"^{_COUNTRY} |(?: (?:{_COUNTRY}|[0-9]{{5}}(?: ?[0-9]{{4}})?))+$")


def _spelling(text: str) -> str:
    """The form in which spellings are compared: `N.Y.`, `US-NY`, `State of New York, USA` and `ny` are the same."""
    words = re.sub(r"[.'’ʻ]", "", unseen_off(text).casefold())
    words = " ".join(re.findall(r"[^\W_]+", words))
    words = _COUNTRY_AND_ZIP.sub("", words)
    return re.sub(r"^(?:state|commonwealth) of ", "", words)


_CODE_BY_SPELLING = (
    {_spelling(code): code for code in NAME_BY_CODE}
    | {_spelling(name): code for code, name in NAME_BY_CODE.items()}
    | {_spelling(short): code for code, listed in _ABBREVIATIONS.items() for short in listed.split(",")}
)
_CODE_BY_JOINED_SPELLING = {
    spelling.replace(" ", ""): code for spelling, code in _CODE_BY_SPELLING.items() if " " in spelling
}
_NEAR = 0.85  # how similar a word must be to the name of a state to be taken for a misspelling of it


def _twice(spelling: str) -> str | None:
    """The state that a spelling names twice, by its code and its name: `california ca`."""
    words = spelling.split(" ")
    for first, rest in ((words[0], words[1:]), (words[-1], words[:-1])):
        code = first.upper()
        if code in NAME_BY_CODE and rest and _CODE_BY_SPELLING.get(" ".join(rest)) == code:
            return code
    return None


def parse_state(text: str) -> str:
    """The two-letter code of a US state or territory. Raises InvalidValue for any other text."""
    code = state_code(text)
    if code is None:
        names = {_spelling(name): name for name in NAME_BY_CODE.values()}
        near = difflib.get_close_matches(_spelling(text), names, n=1, cutoff=_NEAR)
        advice = f"did you mean {names[near[0]]}?" if near else "write its name or two-letter code."
        raise InvalidValue("unknown_state", f"This is not a US state or territory; {advice}")
    return code
