"""The same leads, in whichever form a program has written them: separators, encodings, packed files and workbooks."""

import codecs
import csv
import gzip
import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cells.source_file import read_source
from cells.table import count_known
from cells.text_form import form_of
from tests.conftest import Ran, Run

HEADER = ["Company", "Contact Name", "Contact Emails", "Contact Phones", "custom.Company Founded", "Company US State"]
ROWS = [
    ["Café Nord", "Zoë Ström", "zoe@cafe.example", "+1 415 555 0100", "2001-02-03", "CA"],
    ["Müller, Söhne | Co; KG", 'Jörg "JJ" Müller', "", "(415) 555-0101", "1999-12-31", "TX"],
    ["Plain Inc", "Ann Lee", "ann@plain.example", "", "2010-06-15", ""],
]


def text_of(delimiter: str = ",", rows: list[list[str]] = ROWS, header: list[str] = HEADER) -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return file.getvalue()


FORMS: dict[str, tuple[bytes, str, tuple[str, ...]]] = {
    "leads.csv": (text_of().encode(), "", ()),
    "bom.csv": (text_of().encode("utf-8-sig"), "", ()),
    "semicolons.csv": (text_of(";").encode(), "semicolons, UTF-8", ()),
    "tabs.tsv": (text_of("\t").encode(), "tabs, UTF-8", ()),
    "pipes.txt": (text_of("|").encode(), "pipes, UTF-8", ()),
    "cp1252.csv": (text_of(";").encode("cp1252"), "semicolons, cp1252", ("--encoding", "cp1252")),
    "latin.csv": (text_of(";").encode("cp1252"), "semicolons, cp1252", ("--encoding", "latin-1")),
    "utf16.txt": (text_of("\t").encode("utf-16"), "tabs, UTF-16", ()),
    "utf16le.txt": (text_of("\t").encode("utf-16-le"), "tabs, UTF-16-le", ()),
    "utf16be.txt": (text_of(";").encode("utf-16-be"), "semicolons, UTF-16-be", ()),
    "sep.csv": (b"sep=;\r\n" + text_of(";").encode(), "semicolons, UTF-8", ()),
    "told.csv": (text_of(";").encode(), "semicolons, UTF-8", ("--delimiter", "semicolon")),
    "packed.csv.gz": (gzip.compress(text_of(";").encode()), "semicolons, UTF-8", ()),
    "packed.tsv.gz": (gzip.compress(text_of("\t").encode("utf-16")), "tabs, UTF-16", ()),
}


def plan_of(run: Run, name: str, *flags: str) -> tuple[Ran, list[list[str]]]:
    ran = run("import", name, "--dry-run", "--sandbox", *flags)
    plan = Path("output_data") / f"{Path(name.removesuffix('.gz')).stem}_plan.csv"
    return ran, list(csv.reader(io.StringIO(plan.read_text(encoding="utf-8-sig")))) if plan.exists() else []


@pytest.fixture
def usual(run: Run, folder: Path) -> list[list[str]]:
    (folder / "usual.csv").write_bytes(text_of().encode())
    return plan_of(run, "usual.csv")[1]


@pytest.mark.parametrize("name", FORMS)
def test_the_same_leads_come_out_of_every_form(run: Run, folder: Path, usual: list[list[str]], name: str) -> None:
    content, form, flags = FORMS[name]
    (folder / name).write_bytes(content)
    ran, plan = plan_of(run, name, *flags)
    assert (ran.code, plan) == (0, usual), ran.err
    assert (f"{name}: {form}, header in row 1" in ran.err) is bool(form)


def test_standard_input_is_read_and_names_its_files(
    run: Run, folder: Path, usual: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text_of(";").encode())))
    ran = run("import", "-", "--dry-run", "--sandbox")
    assert (ran.code, "stdin: semicolons, UTF-8" in ran.err) == (0, True)
    plan = Path("output_data/stdin_plan.csv").read_text(encoding="utf-8-sig")
    assert list(csv.reader(io.StringIO(plan))) == usual
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text_of().encode())))
    assert run("import", "-", "--sandbox").code == 0
    assert Path("output_data/stdin_imported.csv").exists()


OTHERS = {
    "page.xls": (b"<html><body><table><tr><td>Company</td></tr></table></body></html>", "is a web page. Open it"),
    "card.csv": (b"BEGIN:VCARD\r\nFN:Ann\r\nEND:VCARD\r\n", "is a vCard"),
    "data.json": (b'[{"Company": "Acme"}]', "is JSON"),
    "paper.pdf": (b"%PDF-1.7\n%\xe2\xe3", "is a PDF"),
    "book.xlsx": (b"PK\x03\x04 and more", "can't be read: it is damaged"),
    "letter.csv": (b"{\\rtf1 hello}", "is a document"),
    "junk.csv.gz": (b"\x1f\x8b and no more", "is packed, but damaged"),
    "bomb.csv.gz": (
        gzip.compress(b"Company\n" + (b"A" * 999 + b"\n") * 80_000, 1),
        "unpacks to far more than a table would",
    ),
    "broken.csv.gz": (gzip.compress(b"Company\nAcme\n" * 100)[:-20], "is packed, but damaged"),
    "zeros.csv": (b"Company\0Acme\0\0" * 20, "is not a text file"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_table_is_told_in_one_line_with_what_to_do(run: Run, folder: Path, name: str) -> None:
    content, words = OTHERS[name]
    (folder / name).write_bytes(content)
    ran = run("import", name, "--sandbox")
    assert (ran.code, words in ran.err, len(ran.err.splitlines())) == (2, True, 1), ran.err


def test_a_file_that_is_not_utf_8_is_told_with_what_another_encoding_makes_of_it(run: Run, folder: Path) -> None:
    (folder / "leads.csv").write_bytes(text_of().encode("cp1252"))
    ran = run("import", "leads.csv", "--sandbox")
    assert ran.code == 2
    assert "leads.csv: line 2 is not UTF-8; read as cp1252, it has 'Café' and 'Zoë'" in ran.err
    assert "--encoding cp1252" in ran.err


@pytest.mark.parametrize(
    "text",
    [
        "Company,Contact Name,custom.Size (S;M;L;XL)\nAcme,Ann\nBeta,Bob\n",
        "Company,Contact Name,custom.Kind;Kind\nAcme,Ann\nBeta,Bob;Cy\nGamma,Di;Ed\n",
        'Company,Contact Name,custom.Note\nAcme, "Big" Bob,Motto; "go"\nBeta,Ann,y\n',
        'Company,Contact Name,custom.Note\nAcme,  Ann ,"see; ""x"",y"\n',
        "[Id],Company,Contact Name\n1,Acme,Ann\n",
        "{Id},Company\n1,Acme\n",
        "<Meta>,Company\n1,Acme\n",
        "Company\nAcme; Tools | More\nBeta\n",
        "Company,custom.Note\n" + "Acme,a;b;c|d\te\n" * 50,
    ],
)
def test_a_file_with_commas_is_read_as_it_always_was(folder: Path, text: str) -> None:
    (folder / "leads.csv").write_text(text, encoding="utf-8")
    source = read_source(folder / "leads.csv")
    header, *rows = list(csv.reader(io.StringIO(text)))
    assert (source.form, list(source.header)) == ("", header)
    assert source.cells.values.tolist() == [row + [""] * (len(header) - len(row)) for row in rows]


@pytest.mark.parametrize("encoding", ["utf-32", "hex", "base64", "rot13", "idna", "undefined", "zlib", "klingon"])
def test_an_encoding_that_does_not_fit_is_told(run: Run, folder: Path, encoding: str) -> None:
    (folder / "leads.csv").write_bytes(text_of().encode())
    ran = run("import", "leads.csv", "--encoding", encoding, "--sandbox")
    assert (ran.code, len(ran.err.splitlines())) == (2, 1), ran.err


def test_a_long_word_is_no_long_message(run: Run, folder: Path) -> None:
    (folder / "leads.csv").write_bytes(b"Company\n" + b"\xe9" * 100_000 + b"\n")
    ran = run("import", "leads.csv", "--sandbox")
    assert (ran.code, len(ran.err) < 500) == (2, True)


def test_a_delimiter_that_nobody_knows_is_refused(run: Run, folder: Path) -> None:
    (folder / "leads.csv").write_bytes(text_of("#").encode())
    ran = run("import", "leads.csv", "--delimiter", "#", "--sandbox")
    assert (ran.code, "must be comma, semicolon, tab or pipe" in ran.err) == (2, True)


cells = st.text(st.characters(blacklist_categories=("Cs", "Cc"), max_codepoint=0x2FFF), max_size=12)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=6),
)
def test_the_delimiter_of_a_known_header_is_found_whatever_the_cells_hold(
    delimiter: str, encoding: str, rows: list[list[str]]
) -> None:
    text = text_of(delimiter, rows, ["Company", "Contact Name", "Contact Emails"])
    form = form_of(text.encode(encoding), count_known=count_known)
    assert form.delimiter == delimiter
    assert codecs.lookup(form.encoding).name in {codecs.lookup(encoding).name, "utf-8-sig"}


def test_blanks_between_a_comma_and_a_quotation_mark_are_forgiven(
    run: Run, folder: Path, write: Callable[..., Path]
) -> None:
    (folder / "loose.csv").write_text('Company, "Contact Name"\n"Acme, Inc", "Lee, Ann"\n', encoding="utf-8")
    (folder / "tight.csv").write_text('Company,"Contact Name"\n"Acme, Inc","Lee, Ann"\n', encoding="utf-8")
    assert plan_of(run, "loose.csv")[1] == plan_of(run, "tight.csv")[1] != []
