"""A name means the same in every verb: in any letter case and white space, with accents composed either way."""

import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from close.conditions import has_value, regular_field
from sandbox import Sandbox
from tests.conftest import Ran, Run
from tests.some_leads import THE_DAY, SomeLeads

SPELLINGS = ["Größe in €", "gRÖSSE IN €", "\u00a0 Größe \t in €  ", unicodedata.normalize("NFD", "Größe in €")]
STATUS = "Zu prüfen"
STATUS_SPELLINGS = [STATUS, "ZU PRÜFEN", " zu  prüfen ", unicodedata.normalize("NFD", STATUS)]


@pytest.fixture
def leads(connected: Sandbox) -> Iterator[SomeLeads]:
    with SomeLeads(connected) as session:
        yield session


@pytest.fixture
def segment(run: Run, leads: SomeLeads) -> Callable[..., Ran]:
    return lambda *argv: run("segment", THE_DAY, THE_DAY, "--json", *argv)


def ids_told(ran: Ran, *ids: str) -> bool:
    """Whether a command refused a name as ambiguous, with all these ids."""
    return ran.code == 2 and all(each in ran.err for each in ids)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_segment_finds_a_field_for_every_purpose(segment: Callable[..., Ran], leads: SomeLeads, spelling: str) -> None:
    number, day = leads.field("Größe in €", "number"), leads.field("Gegründet (Größe in €)", "date")
    leads.add("Acme", founded=None, values={number: 7, day: THE_DAY})
    date_field = f"GEGRÜNDET ({spelling.strip()})"
    ran = segment("--date-field", date_field, "--revenue-field", spelling, "--by", spelling, "--where", f"{spelling}=7")
    assert (ran.code, ran.json["rows"][0]["Total revenue"], ran.json["leads"]) == (0, 7, 1)


@pytest.mark.parametrize("spelling", STATUS_SPELLINGS)
def test_segment_finds_a_status_and_a_smart_view(segment: Callable[..., Ran], leads: SomeLeads, spelling: str) -> None:
    leads.add("Acme", status=STATUS)
    leads.add("Beta")
    assert segment("--status", spelling).json["leads"] == 1
    assert segment("--where", f"status={spelling}").json["leads"] == 1
    view = {"type": "and", "queries": [{"type": "object_type", "object_type": "lead"}]}
    leads.sandbox.add_smart_view(STATUS, view)
    assert segment("--smart-view", spelling).json["leads"] == 2


@pytest.mark.parametrize("spelling", STATUS_SPELLINGS)
def test_qualify_finds_what_there_is_and_makes_no_second_one(run: Run, leads: SomeLeads, spelling: str) -> None:
    names = {"--status": STATUS, "--prospect-status": f"Ja {STATUS}", "--declined-status": f"Nein {STATUS}"}
    for label in names.values():
        leads.status(label)
    leads.field(f"Ausweis {STATUS}")
    asked = {flag: label.replace(STATUS, spelling) for flag, label in names.items()}
    asked["--id-field"] = f"AUSWEIS {spelling}"
    before = leads.get("/status/lead/").json(), leads.get("/custom_field/lead/").json()
    ran = run("qualify", "--from-close", "--create", *(word for pair in asked.items() for word in pair))
    assert (ran.code, "created in Close" in ran.err) == (0, False), ran.err
    assert (leads.get("/status/lead/").json(), leads.get("/custom_field/lead/").json()) == before


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_import_finds_a_field_and_makes_no_second_one(
    run: Run, leads: SomeLeads, write: Callable[..., Path], spelling: str
) -> None:
    field = leads.field("Größe in €")
    write("Acme,12", header=f" COMPANY,Custom.{spelling}")
    assert run("import", "leads.csv").code == 0
    (lead,) = leads.get("/lead/").json()["data"]
    assert lead[f"custom.{field}"] == "12"
    named = [each["name"] for each in leads.get("/custom_field/lead/").json()["data"] if "in €" in each["name"]]
    assert named == ["Größe in €"]


def test_import_makes_one_field_for_a_name_and_finds_it_again(
    run: Run, leads: SomeLeads, write: Callable[..., Path]
) -> None:
    for spelling in reversed(SPELLINGS):
        write("Acme,12", header=f"Company,custom.{spelling}")
        assert run("import", "leads.csv").code == 0
    named = [each["name"] for each in leads.get("/custom_field/lead/").json()["data"] if "in €" in each["name"]]
    assert named == ["Größe in €"]


def test_a_file_that_names_a_column_in_two_spellings_is_refused(run: Run, write: Callable[..., Path]) -> None:
    write("Acme,1,2", header=f"Company,custom.{SPELLINGS[0]},custom.{SPELLINGS[3]}")
    ran = run("import", "leads.csv", "--sandbox")
    assert (ran.code, "appears twice" in ran.err) == (2, True)


def test_of_two_fields_the_exact_spelling_wins_or_else_both_are_named_by_their_ids(
    run: Run, leads: SomeLeads, segment: Callable[..., Ran], write: Callable[..., Path]
) -> None:
    composed, decomposed = leads.field(SPELLINGS[0]), leads.field(SPELLINGS[3])
    leads.add("Acme", values={composed: "A"})
    leads.add("Beta", values={decomposed: "B"})
    for spelling, group in ((SPELLINGS[0], "A"), (SPELLINGS[3], "B"), (composed, "A"), (decomposed, "B")):
        ran = segment("--where", f"{spelling}={group}", "--by", spelling)
        assert [row["Total number of leads"] for row in ran.json["rows"]] == [1]
    for flag in ("--by", "--date-field", "--revenue-field"):
        assert ids_told(segment(flag, SPELLINGS[1]), composed, decomposed)
    assert ids_told(segment("--where", f"{SPELLINGS[1]}=A"), composed, decomposed)
    assert ids_told(run("qualify", "--from-close", "--create", "--id-field", SPELLINGS[1]), composed, decomposed)
    write("Gamma,C", header=f"Company,custom.{SPELLINGS[1]}")
    assert ids_told(run("import", "leads.csv"), composed, decomposed)
    for spelling, field in ((SPELLINGS[3], decomposed), (composed, composed)):
        write(f"Gamma {field[-4:]},C", header=f"Company,custom.{spelling}")
        ran = run("import", "leads.csv")
        assert ran.code == 0, ran.err
        (made,) = [each for each in leads.get("/lead/").json()["data"] if field[-4:].upper() in each["name"]]
        assert made[f"custom.{field}"] == "C"


def test_of_two_statuses_the_exact_spelling_wins_or_else_both_are_named_by_their_ids(
    run: Run, leads: SomeLeads, segment: Callable[..., Ran]
) -> None:
    composed, decomposed = leads.status(STATUS), leads.status(STATUS_SPELLINGS[3])
    leads.add("Acme", status=STATUS)
    for spelling, number in ((STATUS, 1), (STATUS_SPELLINGS[3], 0), (composed, 1), (decomposed, 0)):
        assert segment("--status", spelling).json["leads"] == number
    for flag in ("--status", "--prospect-status", "--declined-status"):
        assert ids_told(run("qualify", "--from-close", "--create", flag, "ZU PRÜFEN"), composed, decomposed)
    assert ids_told(segment("--status", "ZU PRÜFEN"), composed, decomposed)
    assert ids_told(segment("--where", "status=ZU PRÜFEN"), composed, decomposed)


def test_of_two_smart_views_the_exact_spelling_wins_or_else_both_are_named_by_their_ids(
    leads: SomeLeads, segment: Callable[..., Ran]
) -> None:
    everything: dict[str, Any] = {"type": "and", "queries": [{"type": "object_type", "object_type": "lead"}]}
    nothing = {"type": "and", "queries": [*everything["queries"], has_value(regular_field("name"), "nobody")]}
    views = {STATUS: everything, "ZU PRÜFEN": nothing}
    ids = [leads.sandbox.add_smart_view(name, query)["id"] for name, query in views.items()]
    leads.add("Acme")
    for spelling, number in ((STATUS, 1), ("ZU PRÜFEN", 0), (ids[0], 1), (ids[1], 0)):
        assert segment("--smart-view", spelling).json["leads"] == number
    assert ids_told(segment("--smart-view", "zu prüfen"), *ids)


def test_the_field_for_import_keys_is_found_in_another_spelling(
    run: Run, leads: SomeLeads, write: Callable[..., Path]
) -> None:
    field = leads.field("import  KEY")
    write("Acme", header="Company")
    assert run("import", "leads.csv").code == 0
    (lead,) = leads.get("/lead/").json()["data"]
    assert str(lead[f"custom.{field}"]).startswith("k1:")
