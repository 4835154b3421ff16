"""Wrong use and bad input get one clear line that says what to do, and the exit code of the table."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests

import main
from close.errors import Stopped
from commands.errors import Exit
from commands.interrupts import sleep_unless
from sandbox import Sandbox
from tests.conftest import HEADER, Ran, Run
from tests.patience import STUCK

Write = Callable[..., Path]
Connect = Callable[[Sandbox], None]
ROOT = Path(main.__file__).parent


def check_one_line(ran: Ran, code: int, *words: str) -> None:
    assert ran.code == code, ran.err
    assert ran.out == ""
    (line,) = ran.err.splitlines()
    assert line.startswith("error: ")
    for word in words:
        assert word in line
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "VERB"),
        (["improt", "leads.csv"], "improt"),
        (["import"], "FILE"),
        (["import", "leads.csv", "--names", "loud"], "'loud'"),
        (["import", "leads.csv", "--region", "Mars"], "two-letter country code"),
        (["import", "leads.csv", "--workers", "0"], "from 1 to 32"),
        (["segment"], "START"),
        (["segment", "2022-02-30"], "not a valid date"),
        (["segment", "01.02.2022"], "YYYY-MM-DD"),
        (["segment", "20220101"], "YYYY-MM-DD"),
        (["segment", "2022-01-02", "2022-01-01"], "Put the earlier day first"),
        (["qualify"], "No people given"),
        (["qualify", "123", "--file", "people.csv"], "ID and --file can't be combined"),
        (["qualify", "123", "-"], "can't be combined with other ids"),
        (["qualify", "123", "--watch", "5"], "--watch works only with --from-close"),
        (["qualify", "123", "--create"], "--create works only with --from-close or --write-back"),
        (["qualify", "--from-close", "--status", "Prospect"], "three different statuses"),
        (["qualify", "123", "--deadline", "0"], "must be more than 0"),
        (["qualify", "--explain", "123", "--random-score"], "--random-score can't be combined with --explain"),
        (["qualify", "--from-close", "--create", "--random-score"], "Leave one of them out"),
        (["qualify", "a/b"], "1 to 64 characters"),
        (["segment", "2022-01-01", "--output", "."], "Choose another file name"),
        (["segment", "2022-01-01", "--log", "no/such/folder/log.txt"], "you can write to"),
        (["sandbox", "--fault", "earthquake=1"], "drop-after"),
        (["sandbox", "--port", "70000"], "from 0 to 65535"),
        (["sandbox", "--latency", "-1"], "a number, 0 or more"),
        (["sandbox", "--rate", "0"], "leave out --rate"),
    ],
)
def test_wrong_use(run: Run, argv: list[str], words: str) -> None:
    check_one_line(run(*argv), 2, words)


def test_no_such_file(run: Run) -> None:
    check_one_line(run("import", "nowhere.csv"), 2, "file nowhere.csv was not found", "input_data")


def test_a_folder(run: Run, folder: Path) -> None:
    (folder / "leads").mkdir()
    check_one_line(run("import", "leads"), 2, "is a folder")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (HEADER.encode() + b"\n", "no rows"),
        (b"House,Contact Name\nA,B\n", "there is no column named 'Company'"),
        (b"\x00\x01\x02\x03", "not a text file"),
        (b'Company,Contact Name\nA,"B\n', "row 2 has an unmatched quotation mark"),
        (b"Company,Contact Name\nCaf\xe9,B\n", "line 2 is not UTF-8"),
        (b"Company,custom.Company Founded\nA,03/04/2019\n", "--date-order dmy"),
    ],
)
def test_a_file_that_can_not_be_used(run: Run, connected: Sandbox, folder: Path, content: bytes, words: str) -> None:
    (folder / "leads.csv").write_bytes(content)
    check_one_line(run("import", "leads.csv"), 2, words)
    assert connected.report()["requests_by_endpoint"].keys() <= {
        *["GET /me/", "GET /organization/{id}/", "GET /custom_field_schema/lead/"]
    }


def test_the_log_is_not_written_into_the_file_that_is_read(run: Run, write: Write, connected: Sandbox) -> None:
    before = write("Acme,,,,,,").read_bytes()
    check_one_line(run("import", "leads.csv", "--log", "leads.csv"), 2, "is the input file")
    assert Path("leads.csv").read_bytes() == before


def test_a_port_that_is_taken(run: Run, sandbox: Sandbox) -> None:
    port = sandbox.close_url.split(":")[2].split("/")[0]
    check_one_line(run("sandbox", "--port", port), 2, port, "--port 0")


@pytest.mark.parametrize(
    ("stream", "is_open", "unbuffered"),
    [("stdout", True, ""), ("stdout", True, "1"), ("stdout", False, ""), ("stderr", True, "1"), ("stderr", False, "")],
)
def test_nobody_reading_changes_nothing(write: Write, stream: str, is_open: bool, unbuffered: str) -> None:
    write("Acme,,,,01.02.2003,7,", ",Ann,,,,,")
    reader, unread = os.pipe()
    os.close(reader)
    command = [sys.executable, str(ROOT / "main.py"), "import", "leads.csv", "--sandbox"]
    if is_open:
        streams: dict[str, Any] = {stream: unread}
    else:
        streams = {stream: subprocess.DEVNULL}
        command = ["sh", "-c", 'exec "$@" ' + {"stdout": ">&-", "stderr": "2>&-"}[stream], "sh", *command]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}  # empty is as good as unset
    ran = subprocess.run(command, env=environment, encoding="utf-8", check=False, **streams)
    os.close(unread)
    assert ran.returncode == Exit.INCOMPLETE, ran.stderr
    assert stream == "stdout" or "nothing leaves" not in ran.stdout


def test_a_sandbox_that_is_in_use_or_no_sandbox_is_said_to_be(run: Run, folder: Path) -> None:
    state = folder / "output_data" / "sandbox.sqlite"
    state.parent.mkdir()
    state.write_text("not a database, but long enough to be looked at" * 100)
    check_one_line(run("segment", "2000-01-01", "--sandbox"), 2, "sandbox.sqlite")


def test_every_verb_has_words_for_its_errors() -> None:
    for verb in main.VERBS.values():
        for kind, (code, words) in verb.load().WORDS.items():
            assert issubclass(kind, BaseException)
            assert code in Exit
            assert words.replace("{}", "").replace("{command}", "").count("{") == 0, words


def test_a_cp1252_file_is_named_and_then_imported(run: Run, connected: Sandbox, write: Write) -> None:
    write("Café,,,,,,", encoding="cp1252")
    check_one_line(run("import", "leads.csv"), 2, "line 2 is not UTF-8", "--encoding cp1252")
    assert run("import", "leads.csv", "--encoding", "cp1252").code == 0


def test_a_byte_order_mark_is_no_obstacle(run: Run, connected: Sandbox, write: Write) -> None:
    write("Acme,,,,,,", encoding="utf-8-sig")
    assert run("import", "leads.csv", "--json").json["leads"]["created"] == 1


@pytest.mark.parametrize("argv", [["import", "leads.csv"], ["segment", "2000-01-01"]])
def test_no_key(run: Run, write: Write, argv: list[str]) -> None:
    write("Acme,,,,,,")
    check_one_line(run(*argv), 3, "CLOSE_API_KEY", "--sandbox")


def test_either_variable_holds_the_key(
    run: Run, write: Write, connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("Acme,,,,,,")
    monkeypatch.setenv("close_project_api_key", "another-key")
    monkeypatch.delenv("CLOSE_API_KEY")
    assert run("import", "leads.csv").code == 0


@pytest.mark.parametrize("argv", [["import", "leads.csv"], ["segment", "2000-01-01"]])
def test_a_wrong_key(run: Run, write: Write, connect: Connect, argv: list[str]) -> None:
    write("Acme,,,,,,")
    with Sandbox(accepted_keys={"right"}) as sandbox:
        connect(sandbox)
        check_one_line(run(*argv), 3, "does not accept the API key", "Developer > API Keys")


def test_a_key_that_can_not_be_one(run: Run, connected: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSE_API_KEY", "schlüssel")
    check_one_line(run("segment", "2000-01-01"), 3, "Copy the key again")


@pytest.mark.parametrize("argv", [["import", "leads.csv"], ["segment", "2000-01-01"]])
def test_close_not_reachable(
    run: Run, write: Write, connected: Sandbox, monkeypatch: pytest.MonkeyPatch, naps: list[float], argv: list[str]
) -> None:
    write("Acme,,,,,,")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        monkeypatch.setenv("CLOSE_API_URL", f"http://127.0.0.1:{bound.getsockname()[1]}/api/v1")
        check_one_line(run(*argv), 5, "gave no usable answer", "to continue: python main.py " + argv[0])
    assert sum(naps) < 60


@pytest.mark.parametrize(
    "url",
    [
        *("http://api.close.com/api/v1", "ftp://127.0.0.1", "nonsense", "https://", "http://[", "https://x:0"),
        *(
            r"http://evil.example\@localhost/api",
            r"http://localhost\.evil.example",
            r"https://evil.example\@localhost/",
        ),
        *("http://localhost\t.evil.example", "http://local host/", "http://localhost%00.evil.example"),
        *("http://localhost.evil.example/", "http://evil.example#@localhost/", "http://①27.0.0.1/"),
        *("https://services.example/#", "https://services.example/?"),
    ],
)
def test_a_url_that_a_key_must_not_go_to(
    run: Run, connected: Sandbox, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("CLOSE_API_URL", url)
    check_one_line(run("segment", "2000-01-01"), 3, "CLOSE_API_URL", "https://")
    monkeypatch.setenv("JUDICIAL_URL", url)
    check_one_line(run("qualify", "123"), 3, "JUDICIAL_URL", "https://")


@pytest.mark.parametrize("url", ["https://user:secret@127.0.0.1/", "http://127.0.0.1:80@evil.example"])
def test_a_url_with_a_password_is_refused_and_not_repeated(
    run: Run, connected: Sandbox, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("CLOSE_API_URL", url)
    ran = run("segment", "2000-01-01")
    check_one_line(ran, 3, "CLOSE_API_URL must not contain a user name or a password")
    assert "secret" not in ran.err


def test_an_unexpected_error_is_one_line_and_its_traceback_only_on_request(
    run: Run, connected: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("surprise")

    monkeypatch.setattr("segmentation.plan_segment", fail)
    check_one_line(run("segment", "2000-01-01"), 1, "ZeroDivisionError", "-v")
    assert "Traceback" in run("segment", "2000-01-01", "-v").err


def test_the_log_has_requests_and_neither_keys_nor_people(
    run: Run, write: Write, connected: Sandbox, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOSE_API_KEY", "very-secret")
    write("Acme,Ann Bee,ann@acme.com,+1 415 555 0100,,,")
    ran = run("import", "leads.csv", "-v", "--log", "log.txt")
    ran_too = run("qualify", "4711", "--log", "log.txt")
    log = (folder / "log.txt").read_text()
    assert "POST /lead/ 200" in log
    assert "GET /people/{id} 200" in log
    assert "POST /lead/ 200" in ran.err
    for secret in ("very-secret", "ACME", "Acme", "Ann", "acme.com", "4155550100", "4711"):
        assert secret not in log + ran.err + ran_too.err


def test_json_is_one_document_whatever_is_said_beside_it(run: Run, write: Write) -> None:
    write("Acme,,,,01.02.2003,7,", ",Ann,,,,,")
    for argv in (["import", "leads.csv"], ["segment", "2000-01-01"], ["qualify", "123", "128"]):
        ran = run(*argv, "--json", "--sandbox", "-v")
        assert isinstance(json.loads(ran.out), (dict, list))
        assert "nothing leaves this computer" in ran.err


def test_quiet_leaves_the_result_alone(run: Run, write: Write) -> None:
    write("Acme,,,,01.02.2003,7,", ",Ann,,,,,")
    for argv in (["import", "leads.csv"], ["segment", "2000-01-01"], ["qualify", "123", "128"]):
        ran = run(*argv, "-q", "--sandbox")
        assert ran.out
        assert ran.err == ""


def test_help_begins_with_examples(run: Run) -> None:
    ran = run("--help")
    assert ran.code == 0
    assert ran.out.startswith("examples:\n  python main.py import")
    for verb in ("import", "segment", "qualify", "sandbox"):
        assert verb in ran.out
        assert run(verb, "--help").out.startswith("usage: python main.py " + verb)


def test_help_needs_no_third_party_package() -> None:
    probe = (
        "import sys, main; main.main(['--help']); "
        "print(sorted({name.split('.')[0] for name in sys.modules} & "
        "{'pandas', 'requests', 'rich', 'dateutil', 'phonenumbers', 'email_validator', 'tenacity', 'numpy'}))"
    )
    told = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "[]"


def test_the_sandbox_serves_what_was_rehearsed_until_it_is_ended(
    run: Run, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.disk.LOCK_PATIENCE", 0.1)
    write("Rehearsed,,,,01.02.2003,7,")
    assert "run `python main.py sandbox` and open the address" in run("import", "leads.csv", "--sandbox").err
    again = run("import", "leads.csv", "--sandbox").err + run("import", "leads.csv", "--sandbox", "--dry-run").err
    assert "python main.py sandbox" not in again
    write("Acme,,,,01.02.2003,7,")
    command = [sys.executable, str(ROOT / "main.py")]
    with contextlib.ExitStack() as stack:
        environment, page = serving(stack, [*command, "sandbox", "--port", "0", "--index-lag", "0"])
        assert environment.keys() == {"CLOSE_API_URL", "CLOSE_API_KEY", "REGISTRY_URL", "JUDICIAL_URL", "SCORE_URL"}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        for argv in (["import", "leads.csv"], ["segment", "2000-01-01"], ["qualify", "123"]):
            assert run(*argv, "-q").code == 0
        assert re.findall("REHEARSED|ACME", requests.get(page, timeout=STUCK).text) == ["ACME", "REHEARSED"]
        check_one_line(run("import", "leads.csv", "--sandbox"), 2, "in use by another command, by `sandbox`")
        for flags in (["--empty"], []):  # the second one finds the file in use
            _, empty = serving(stack, [*command, "sandbox", "--port", "0", *flags], keeps=False)
            assert "0 leads" in requests.get(empty, timeout=STUCK).text
    assert "2 leads" in run("segment", "2000-01-01", "--sandbox").err


KEPT = "kept in output_data/sandbox.sqlite"


def serving(stack: contextlib.ExitStack, command: Sequence[str], *, keeps: bool = True) -> tuple[dict[str, str], str]:
    """What a sandbox says is to be exported, and the address of its page; it ends with the stack, and ends well."""
    process = stack.enter_context(
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=1, text=True)
    )
    stack.callback(process.kill)
    stack.callback(lambda: end(process))
    assert process.stdout is not None
    said = "".join(iter(process.stdout.readline, f"Its leads are {KEPT if keeps else 'gone when it stops'}.\n"))
    (page,) = re.findall(r"Look at its leads at (\S+)", said)
    return dict(re.findall(r"export (\w+)=(\S+)", said)), page


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    assert process.wait(STUCK) == 0


def test_a_flag_is_not_guessed_and_a_column_is(run: Run, folder: Path) -> None:
    (folder / "leads.csv").write_text("Company,Compnay State\nAcme,CA\n")
    assert run("import", "leads.csv", "--sandbox", "--dry").code == 2
    assert "Did you mean Company State?" in run("import", "leads.csv", "--sandbox", "--dry-run").err


def test_a_journal_that_can_not_be_written_is_not_to_be_moved_away(run: Run, folder: Path) -> None:
    (folder / "output_data" / "journal.sqlite").mkdir(parents=True)
    (folder / "leads.csv").write_text("Company\nAcme\n")
    ran = run("import", "leads.csv", "--sandbox")
    assert (ran.code, "Move the file away" in ran.err, "folder writable" in ran.err) == (2, False, True)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            ["Acme,,no,,,,"],
            "1 value was dropped from 1 row: see output_data/leads_rejects.csv. Fix the rows there, then run: python",
        ),
        ([",Ann,,,,,", "Acme,,no,no,,,"], "1 row was not imported, and 2 values were left out. Fix the rows in"),
        (
            ["Acme,,,,,1,", "Acme,,,,,2,"],
            "1 value differs from Close or from another row: see output_data/leads_conflicts.csv, and change the value",
        ),
    ],
)
def test_what_to_do_about_what_was_lost_is_told(
    run: Run, write: Write, connected: Sandbox, rows: list[str], words: str
) -> None:
    write(*rows)
    said = run("import", "leads.csv").err.splitlines()[1:]
    after_the_plan = [line for line in said if not line.startswith("new field ")]
    assert [line.startswith(words) for line in after_the_plan] == [True]


def test_who_starts_anew_where_others_imported_is_warned(run: Run, folder: Path, connected: Sandbox) -> None:
    (folder / "leads.csv").write_text("Company\nAcme\n")
    assert "but not from this folder" not in run("import", "leads.csv").err
    assert "but not from this folder" not in run("import", "leads.csv").err
    (folder / "output_data" / "journal.sqlite").unlink()
    assert "but not from this folder" in run("import", "leads.csv").err


def test_ctrl_c_ends_long_waits_and_lets_a_lead_get_all_of_what_it_gets(naps: list[float]) -> None:
    stop = threading.Event()
    sleep = sleep_unless(stop)
    stop.set()
    sleep(0.9)
    assert naps == [0.9]
    with pytest.raises(Stopped):
        sleep(1.1)
    assert naps == [0.9]
