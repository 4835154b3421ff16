"""A company that stands in Close in another spelling is found, and keeps the key that an earlier version gave it."""

import hashlib
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cells.companies import APOSTROPHES, DASHES, earlier_import_keys, import_key, other_spellings
from sandbox import Sandbox
from tests.conftest import Run
from tests.raw_close import RawClose
from tests.what_close_holds import custom_ids, leads_held

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("in_file", "in_close"),
    [
        ("Acme Tool Works", "Acme  Tool   Works"),
        ("Acme Tool Works", "Acme\tTool Works"),
        ("Acme Tool Works", "Acme\u00a0Tool\u202fWorks"),
        ("Acme Tool Works", " ACME tool works "),
        ("Café Müller", unicodedata.normalize("NFD", "Café Müller")),
        (unicodedata.normalize("NFD", "Cafés"), "Cafés"),
        ("Rolls-Royce", "Rolls–Royce"),
        ("Rolls\u2011Royce Holdings", "Rolls−Royce  Holdings"),
        ("O'Neil", "O’Neil"),
        ("D’Angelo's Café-Bar", unicodedata.normalize("NFD", "D'Angelo’s  Café—Bar")),
        ("L´Atelier", "L'Atelier"),
        ("ＡＢＣ Works", "ABC Works"),
    ],
)
def test_a_company_in_another_spelling_is_not_made_again(
    run: Run, write: Write, connected: Sandbox, user: RawClose, in_file: str, in_close: str
) -> None:
    user.made("/lead/", name=in_close)
    user.made("/lead/", name=f"{in_close} Two")
    write(f'"{in_file}",Ann,,,,,CA')
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, ran.json["leads"]["updated"], connected.report()["leads"]) == (0, 1, 2)
    lead = next(lead for lead in leads_held(user).values() if lead["name"] == in_close)
    assert lead[custom_ids(user)["Import Key"]] == import_key(in_file)


def test_all_spellings_in_a_file_are_one_company(run: Run, write: Write, connected: Sandbox) -> None:
    write("O'Neil-Bau,Ann,,,,,", "O’Neil–Bau,Bob,,,,,", "O‘NEIL — BAU,Cy,,,,,")
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, connected.report()["leads"]) == (0, 2)


def old_key(name: str) -> str:
    """The key of the first version, which kept all dashes and apostrophes apart."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "k1:" + hashlib.sha256(" ".join(folded.split()).encode()).hexdigest()[:32]


@pytest.mark.parametrize("known_by", ["Close", "the journal", "both"])
@pytest.mark.parametrize("renamed", [False, True])
def test_a_lead_with_the_key_of_an_earlier_version_keeps_it_and_is_not_made_again(
    run: Run,
    write: Write,
    connected: Sandbox,
    user: RawClose,
    monkeypatch: pytest.MonkeyPatch,
    known_by: str,
    renamed: bool,
) -> None:
    name = "O’Neil – Söhne"
    write(f"{name},,,,,,")
    with monkeypatch.context() as patch:
        patch.setattr("cleaning.import_key", old_key)
        assert run("import", "leads.csv", "--json").json["leads"]["created"] == 1
    (lead,) = leads_held(user).values()
    key = custom_ids(user)["Import Key"]
    assert lead[key] == old_key(name) != import_key(name)
    if renamed:
        user.put(f"/lead/{lead['id']}/", json={"name": "Something else"}).raise_for_status()
    if known_by == "Close":
        Path("output_data/journal.sqlite").unlink()
    if known_by == "the journal":
        user.put(f"/lead/{lead['id']}/", json={key: None}).raise_for_status()
    write(f"{name},Ann,,,,,CA")
    for outcome in ("updated", "unchanged"):
        ran = run("import", "leads.csv", "--json")
        assert (ran.code, ran.json["leads"][outcome], connected.report()["leads"]) == (0, 1, 1)
    assert leads_held(user)[lead["id"]][key] == old_key(name)
    run("undo", "last")


def test_a_company_with_leads_under_both_keys_is_reported(
    run: Run, write: Write, connected: Sandbox, user: RawClose, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("O’Neil,,,,,,")
    with monkeypatch.context() as patch:
        patch.setattr("cleaning.import_key", old_key)
        assert run("import", "leads.csv").code == 0
    user.made("/lead/", name="O'Neil", **{custom_ids(user)["Import Key"]: import_key("O'Neil")})
    ran = run("import", "leads.csv", "--json")
    assert (ran.code, ran.json["leads"]["skipped"], connected.report()["leads"]) == (4, 1, 2)


@given(st.text(max_size=30))
def test_a_name_without_dashes_and_apostrophes_has_the_key_that_it_always_had(name: str) -> None:
    if not set(name) & set(APOSTROPHES + DASHES):
        assert earlier_import_keys(name) in ([], [old_key(name)])
    if name.isascii():
        assert import_key(name) == old_key(name)
        assert earlier_import_keys(name) == []


@given(st.text(alphabet=f"ab é{APOSTROPHES}{DASHES}", max_size=12))
def test_each_spelling_that_is_looked_for_is_one_of_the_same_company(name: str) -> None:
    assert {import_key(spelling) for spelling in other_spellings(name)} <= {import_key(name)}


@given(st.text(alphabet="ab é", min_size=1, max_size=8), st.sampled_from(APOSTROPHES), st.sampled_from(DASHES))
def test_apostrophes_and_dashes_of_all_kinds_are_alike(part: str, apostrophe: str, dash: str) -> None:
    name, spelled = (f"x{a}{part}{d}y" for a, d in (("'", "-"), (apostrophe, dash)))
    assert import_key(name) == import_key(spelled)
    assert old_key(spelled) in [import_key(spelled), *earlier_import_keys(spelled)]
