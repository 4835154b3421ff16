"""A name that differs from the registry's is no proof of another person: it clears nobody and declines nobody."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Sandbox
from tests.conftest import Run, Serve, trail_lines
from tests.misbehaving import Asked, Way, message, of_people, said
from tests.raw_close import RawClose
from tests.waiting_leads import Waiting

AGREEING = [  # ours, the registry's
    ("Jörg Müller", "Joerg Mueller"),
    ("Uwe Weiß", "UWE WEISS"),
    ("Søren Kjær", "Soeren Kjaer"),
    ("Bärbel Groß", "Barbel Gross"),
    ("Dr. Ann Lee", "Ann Lee"),
    ("Prof.Dr. Hans Maier", "Maier, Hans"),
    ("Dr. med. Eva Stein", "Eva Stein"),
    ("Herr Karl Vogt", "Karl Vogt"),
    ("Mrs Jane Doe", "DOE, JANE"),
    ("Dipl.-Ing. Otto Lang", "Otto Lang"),
    ("John Smith Jr.", "John Smith"),
    ("Smith, John, III", "John Smith"),
    ("John Smith, Junior", "John Smith jr"),
    ("Mary Jones, Ph.D.", "Mary Jones"),
    ("Mary Jones PhD", "Jones Mary"),
    ("Tom Hall, MBA", "Tom Hall"),
    ("Tom Hall, M.D.", "Tom Hall"),
    ("Ina Roth (CEO)", "Ina Roth"),
    ("Ina Roth [Head of Sales, EMEA]", "Ina Roth"),
    ("Roth (Einkauf), Ina", "Ina Roth"),
    ("Pat O’Brien", "Pat OBrien"),
    ("Pat O'Brien", "Pat O Brien"),
    ("Gia D´Angelo", "Gia DAngelo"),
    ("Anne-Marie Duval", "Anne Marie Duval"),
    ("Jean-Luc Petit", "Jeanluc Petit"),
    ("Eva Lang-Kurz", "Eva Lang Kurz"),
    ("Jan van der Berg", "Jan Vanderberg"),
    ("Jan van der Berg", "Jan Vander Berg"),
    ("Berg, Jan van der", "Jan van der Berg"),
    ("Ana de la Cruz", "Ana Delacruz"),
    ("Ron Mc Donald", "Ron McDonald"),
    ("Ian Mac Leod", "Ian MacLeod"),
    ("Mag. Anna Huber", "Anna Huber"),
    ("Hans Maier (sen.)", "Hans Maier"),
    ("Kim Min-jun", "Kim Min Jun"),
]
DIFFERING = [
    ("Ann Smith", "Ann Smith Jones"),
    ("Ann Smith-Jones", "Ann Jones"),
    ("Ana García López", "Ana García"),
    ("Ann Lee", "Ann"),
    ("Ann", "Ann Lee"),
    ("Ann M. Lee", "Ann Lee"),
    ("Ann Marie Lee", "Ann Lee"),
    ("J. Smith", "John Smith"),
    ("Bob Smith", "Robert Smith"),
    ("Robert (Bob) Smith", "Robert Smith"),
    ("Ann Smith (née Jones)", "Ann Smith"),
    ("John Smith Jr.", "John Smith Sr."),
    ("John Smith II", "John Smith III"),
    ("Joerg Mueller", "Jorg Muller"),
    ("Hans Meier", "Hans Maier"),
    ("Stephen Hall", "Steven Hall"),
    ("Jack Ma", "Jack"),
    ("Salinger, J.D.", "Salinger"),
    ("Ann Lee, CEO", "Ann Lee"),
    ("Maria von Trapp", "Maria Trapp"),
    ("Ian MacLeod", "Ian McLeod"),
    ("Annmaria Rossi", "Ann Maria Rossi"),
    ("John O. Smith", "John Osmith"),
    ("Herr, Michael", "Michael"),
    ("Ann Lee", "Ann Lea"),
    ("Ann Ann Lee", "Ann Lee"),
    ("Иван Петров", "Ivan Petrov"),
    ("Андрей Ли", "Андреи Ли"),
    ("मीना शर्मा", "मोना शर्मा"),
    ("Li Wei", "Liwei"),
    ("Dr. Ann Lee", "Dr. Eve Lee"),
    ("Acme GmbH", "Ann Lee"),
    ("Hans Müller (sen.)", "Hans Müller (jun.)"),
    ("Ann Smith (Jones)", "Ann Smith"),
    ("Sen, Amartya Kumar", "Kumar, Amartya"),
    ("Kim Min Jun", "Kim Min"),
    ("Eng Wei Ling", "Wei Ling"),
    ("Mr Phil John Smith", "John Smith"),
    ("Ann Lee (Smith, CEO)", "Ann Lee (Jones, CFO)"),
    ("Lady Rodríguez", "Lord Rodríguez"),
    ("Dame Diouf", "Diouf"),
    ("Wei Ling, Ma", "Wei Ling, Ba"),
    ("Dr. Med Amin", "Amin"),
]
TABLE = {str(number): pair for number, pair in enumerate([*AGREEING, *DIFFERING], 1001)}


def naming(asked: Asked) -> Iterator[bytes]:
    yield said({**asked.proper, "name": TABLE[asked.person_id][1]})


def test_the_table_of_names_and_what_the_verdict_says_of_each_pair(run: Run, serve: Serve, folder: Path) -> None:
    lines = [f'{person_id},"{ours}"' for person_id, (ours, _) in TABLE.items()]
    (folder / "people.csv").write_text("\n".join(["id,name", *lines]), encoding="utf-8")
    serve(registry=naming)
    ran = run("qualify", "--file", "people.csv", "--json")
    said_of = {TABLE[verdict["person_id"]]: verdict for verdict in ran.json}
    agreeing = [said_of[pair]["outcome"] for pair in AGREEING]
    differing = [said_of[pair]["outcome"] for pair in DIFFERING]
    assert {pair for pair, outcome in zip(AGREEING, agreeing, strict=True) if outcome != "prospect"} == set()
    assert {pair for pair, outcome in zip(DIFFERING, differing, strict=True) if outcome != "undetermined"} == set()
    for ours, theirs in DIFFERING:
        check = said_of[ours, theirs]["checks"]["registry"]
        assert (check["status"], check["detail"]) == ("unavailable", "in the registry with a different name")
        assert check["names"] == {"ours": [ours], "theirs": theirs}
    assert ran.code == 4


@pytest.fixture
def waiting(connected: Sandbox) -> Iterator[Waiting]:
    with RawClose(connected) as close:
        yield Waiting(close)


def with_name(name: str) -> Way:
    return lambda asked: [said({**asked.proper, "name": name})]


def test_a_lead_whose_names_differ_stays_with_one_note_and_both_names_in_the_trail(
    run: Run, serve: Serve, waiting: Waiting, folder: Path
) -> None:
    lead_id = waiting.lead("123", ["Ann Smith"])
    server = serve(registry=with_name("Ann Smith Jones"))
    for _ in range(3):
        ran = run("qualify", "--from-close")
        assert (ran.code, waiting.status(lead_id)) == (4, "To qualify")
        assert 'in the registry with a different name ("Ann Smith Jones", not "Ann Smith")' in ran.out
        assert "write the name as the registry has it" in ran.out
    (note,) = waiting.notes(lead_id)
    assert "the registry has another name for its National ID" in note["note"]
    assert "Jones" not in note["note"]
    assert server.heard.requests["score"] == 0
    assert [line["checks"]["registry"]["names"] for line in trail_lines(folder)] == [
        {"ours": ["Ann Smith"], "theirs": "Ann Smith Jones"}
    ] * 3
    explained = run("qualify", "--explain", "123").out
    assert '"Ann Smith Jones", not "Ann Smith"' in explained
    assert "the id may be somebody else's" in explained


def test_another_name_in_the_registry_gets_another_note_and_the_right_one_decides(
    run: Run, serve: Serve, waiting: Waiting
) -> None:
    lead_id = waiting.lead("123", ["Ann Smith"])
    server = serve(registry=with_name("Eve Jones"))
    run("qualify", "--from-close")
    server.ways["registry"] = with_name("Eve Brown")
    run("qualify", "--from-close", "--note-detail")
    assert len(waiting.notes(lead_id)) == 2
    assert any('("Eve Brown", not "Ann Smith")' in note["note"] for note in waiting.notes(lead_id))
    server.ways["registry"] = with_name("SMITH, Ann (Sales)")
    assert run("qualify", "--from-close").code == 0
    assert waiting.status(lead_id) == "Prospect"


def test_records_of_somebody_with_another_name_decline_nobody(run: Run, serve: Serve, waiting: Waiting) -> None:
    lead_id = waiting.lead("123", ["Ann Smith"])
    serve(registry=with_name("Eve Jones"), judicial=lambda asked: [said({"id": asked.person_id, "records": [{}]})])
    (verdict,) = run("qualify", "--from-close", "--json").json
    assert (verdict["outcome"], verdict["checks"]["judicial"]["status"]) == ("undetermined", "failed")
    assert waiting.status(lead_id) == "To qualify"
    assert "whatever else is known about it" in run("qualify", "--explain", "123").out


def test_names_are_not_shown_or_stored_where_ids_are_not(
    run: Run, serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDACT_KEY", "secret")
    (folder / "people.csv").write_text("id,name\n123,Ann Smith\n", encoding="utf-8")
    serve(registry=with_name("Eve Jones"))
    ran = run("qualify", "--file", "people.csv", "--redact")
    explained = run("qualify", "--explain", "123", "--redact")
    assert (ran.code, explained.code) == (4, 0)
    kept = json.dumps(trail_lines(folder), ensure_ascii=False)
    assert not any(word in ran.out + ran.err + explained.out + kept for word in ("Jones", "Smith"))


def test_what_was_stored_with_names_is_explained_without_them(
    run: Run, serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDACT_KEY", "secret")
    (folder / "people.csv").write_text("id,name\n123,Ann Smith\n", encoding="utf-8")
    serve(registry=with_name("Eve Jones"))
    run("qualify", "--file", "people.csv")
    for flags in ((), ("--json",)):
        explained = run("qualify", "--explain", "123", "--redact", *flags)
        assert not any(word in explained.out for word in ("Jones", "Smith"))


def test_a_lead_written_back_by_id_has_its_name_in_another_spelling(run: Run, serve: Serve, waiting: Waiting) -> None:
    lead_id = waiting.lead("123", ["Jürgen Groß (Einkauf)"])
    Path("people.csv").write_text('id,name\n123,Juergen Gross\n123,"Groß, Jürgen"\n', encoding="utf-8")
    serve(registry=of_people(_123=with_name("Dr. Jürgen Gross")))
    assert run("qualify", "--file", "people.csv", "--write-back").code == 0
    assert waiting.status(lead_id) == "Prospect"


def test_a_note_about_a_name_is_there_once_whoever_else_is_added_and_with_or_without_pseudonyms(
    run: Run, serve: Serve, waiting: Waiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDACT_KEY", "secret")
    lead_id = waiting.lead("123", ["Ann Smith"])
    server = serve(registry=with_name("Eve Jones"))
    run("qualify", "--from-close", "--redact")
    run("qualify", "--from-close")
    waiting.add_contact(lead_id, "Tom Hall")
    server.ways["registry"] = with_name("JONES, Eve")
    run("qualify", "--from-close")
    assert len(waiting.notes(lead_id)) == 1
    server.ways["registry"] = with_name("Eve Brown")
    run("qualify", "--from-close", "--redact")
    assert len(waiting.notes(lead_id)) == 2


def test_rows_of_one_person_must_all_agree_and_the_name_that_says_most_counts(run: Run, serve: Serve) -> None:
    Path("people.csv").write_text("id,name\n1,John Smith\n1,John Smith Jr.\n1,John Smith Sr.\n", encoding="utf-8")
    server = serve(registry=with_name("John Smith Sr."))
    ran = run("qualify", "--file", "people.csv")
    assert (ran.code, "rows 3 and 4 have the same id" in ran.err, server.heard.requests.total()) == (2, True, 0)
    Path("people.csv").write_text("id,name\n1,John Smith\n1,John Smith Jr.\n", encoding="utf-8")
    assert run("qualify", "--file", "people.csv", "--json").json[0]["outcome"] == "undetermined"


@pytest.mark.parametrize("name", ["Ann" + " " * 60_000 + "Lee", "(a)" * 40_000, "dr." * 5_000 + "Lee", "a-" * 30_000])
def test_a_name_without_end_holds_up_nothing(run: Run, serve: Serve, name: str) -> None:
    Path("people.csv").write_text("id,name\n1,Ann Lee\n", encoding="utf-8")
    serve(registry=with_name(name))
    (verdict,) = run("qualify", "--file", "people.csv", "--json").json
    assert verdict["outcome"] == ("prospect" if name.split() == ["Ann", "Lee"] else "undetermined")


def test_another_name_and_another_date_of_birth_are_what_a_mistyped_id_looks_like(run: Run, serve: Serve) -> None:
    Path("people.csv").write_text("id,name,birth_date\n1,Ann Smith,1990-05-05\n", encoding="utf-8")
    serve(registry=lambda asked: [said({**asked.proper, "name": "Eve Jones", "birth_date": "1970-01-01"})])
    (verdict,) = run("qualify", "--file", "people.csv", "--json").json
    assert verdict["outcome"] == "undetermined"
    assert verdict["checks"]["registry"]["detail"] == "in the registry with a different name and date of birth"


def test_a_contact_whose_name_is_missing_is_not_compared(run: Run, serve: Serve, waiting: Waiting) -> None:
    lead_id = waiting.lead("123", ["N/A", "-"])
    serve(registry=with_name("Eve Jones"))
    assert run("qualify", "--from-close").code == 0
    assert waiting.status(lead_id) == "Prospect"


@pytest.mark.parametrize("told", ['"name": "Mar\\udce9a Roe"', '"more\\ud83d": 1', '"name": "\\ud83d\\ude00"'])
def test_halves_of_characters_in_one_answer_hold_up_nobody(run: Run, serve: Serve, told: str) -> None:
    Path("people.csv").write_text("id,name\n123,Ann Lee\n124,Ann Lee\n", encoding="utf-8")
    odd: Way = lambda asked: [message(b'{"id": "123", "exists": true, %b}' % told.encode())]  # noqa: E731
    serve(registry=of_people(_123=odd))
    for _ in range(2):
        ran = run("qualify", "--file", "people.csv", "--json", "--deadline", "60")
        assert [verdict["outcome"] for verdict in ran.json] == ["undetermined", "prospect"]
    assert run("qualify", "--explain", "123").code == 0
