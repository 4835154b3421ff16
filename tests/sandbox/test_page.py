"""The sandbox's page: what it shows, how it is searched, and who may read it."""

import base64
import hashlib
import html
import http.client
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sandbox import Fault, Sandbox, overview
from tests.patience import STUCK
from tests.raw_close import Clock, RawClose

HOSTILE = "<script>alert('\"')</script> & \u202etxt\ud800"
HARMLESS = "<script>alert('\"')</script> & U+202E txt U+D800"


@pytest.fixture
def close(sandbox: Sandbox) -> Iterator[RawClose]:
    with RawClose(sandbox) as session:
        yield session


def page(sandbox: Sandbox, **params: Any) -> str:
    answer = requests.get(sandbox.page_url, params=params, timeout=STUCK)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    return answer.text


def seen(markup: str) -> str:
    """What a reader sees, with one space wherever a tag is, or white space."""
    visible = re.sub(r"<style>.*?</style>", "", markup, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", visible)).split())


def names(markup: str) -> list[str]:
    return [seen(name) for name in re.findall(r"<h3>(.*?)</h3>", markup)]


def test_it_shows_all_that_there_is(sandbox: Sandbox, close: RawClose) -> None:
    kind = close.made("/custom_field/lead/", name="Kind", type="choices", choices=["Shop", "Mill"])["id"]
    owner = close.made("/custom_field/lead/", name="Owners", type="user", accepts_multiple_values=True)["id"]
    hot = close.made("/status/lead/", label="Hot")["id"]
    user = close.get("/me/").json()["id"]
    ann = {
        "name": "Ann Bee",
        "title": "CEO",
        "emails": [{"email": "ann@acme.example"}, {"email": "bee@acme.example"}],
        "phones": [{"phone": "8004445555"}],
    }
    acme = close.made(
        "/lead/",
        name="Acme",
        description="Makes all",
        addresses=[{"city": "Reno", "state": "NV", "country": "US"}],
        contacts=[ann, {"emails": [{"email": "info@acme.example"}]}],
        **{f"custom.{kind}": "Mill", f"custom.{owner}": [user]},
    )["id"]
    other = close.made("/lead/", name="Beta")["id"]
    close.made("/activity/note/", lead_id=acme, note="Called twice", title="Calls")
    close.made("/task/", lead_id=acme, text="Write to Ann", date="2030-01-02")
    close.made("/opportunity/", lead_id=acme, value=5000, note="A big one")
    assert close.put(f"/lead/{acme}/", json={"status_id": hot}).status_code == 200
    gamma = close.made("/lead/", name="Gamma")["id"]
    close.made("/lead/merge/", source=gamma, destination=other)

    markup = page(sandbox)
    text = seen(markup)
    assert "stand-in for Close on this computer, not Close itself" in text
    assert "Organization: Sandbox . Users: Sandbox User ( sandbox@example.com )" in text
    assert "leads 2 contacts 2 notes 1 status changes 1 tasks 1 opportunities 1 custom fields 2 statuses 4" in text
    assert names(markup) == ["Beta", "Acme"]
    for words in (
        "Acme Hot NV Contacts Ann Bee , CEO ann@acme.example bee@acme.example +18004445555 without a name info@acme",
        "Fields Address Reno, NV, US Description Makes all Kind Mill Owners Sandbox User History",
        "Note Calls : Called twice",
        "Status Potential → Hot",
        "Task , open, for 2030-01-02 : Write to Ann",
        "Opportunity , Active , 5000 USD : A big one",
        f"Merged with {gamma}",
        f"Kind {kind} 1 choices – Shop – Mill Owners {owner} 1 user , several values",
        f"Hot {hot} 1",
    ):
        assert words in text
    dates = [close.get(f"/lead/{acme}/").json()[key][:19].replace("T", " ") for key in ("date_created", "date_updated")]
    assert f"created {dates[0]} , updated {dates[1]} {acme}" in text
    for part in (
        "ACME",
        "hot",
        "nv",
        "reno",
        "makes",
        "mill",
        "sandbox user",
        "bee@acme",
        "8004445555",
        "800-444-5555",
    ):
        assert names(page(sandbox, q=part)) == ["Acme"], part
    for part in ("Ceo", "twice", "calls", "write to", "big", acme):
        assert names(page(sandbox, q=part)) == ["Acme"], part
    assert names(page(sandbox, q=acme[:-1])) == []


def test_whatever_leads_hold_is_shown_as_text(sandbox: Sandbox, close: RawClose) -> None:
    choice = close.made("/custom_field/lead/", name=HOSTILE, type="choices", choices=[HOSTILE])["id"]
    status = close.made("/status/lead/", label=HOSTILE)["id"]
    lead = close.made(
        "/lead/",
        name=HOSTILE,
        description=HOSTILE + "y" * 5000,
        status_id=status,
        url="https://acme.example/?a=<b>",
        contacts=[{"name": HOSTILE, "title": HOSTILE}],
        addresses=[{"address_1": HOSTILE, "state": HOSTILE}],
        **{f"custom.{choice}": HOSTILE},
    )["id"]
    for path, key in (("/activity/note/", "note"), ("/task/", "text"), ("/opportunity/", "note")):
        close.made(path, lead_id=lead, **{key: HOSTILE})
    close.put(f"/lead/{lead}/", json={"status": "Potential"})
    for params in ({}, {"q": "<script>"}, {"q": '"'}):
        markup = page(sandbox, **params)
        tags = set(re.findall(r"<(\w+)", markup))
        assert not tags & {"script", "img", "iframe", "object", "embed"}
        assert "\u202e" not in markup
        assert seen(markup).count(HARMLESS) == 16
        assert (len(markup) < 30_000, f"… and {4000 + len(HOSTILE):,} more characters" in seen(markup)) == (True, True)


def test_leads_come_in_pages_newest_first_and_are_found_by_words(
    sandbox: Sandbox, close: RawClose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "LEADS_ON_PAGE", 2)
    for number in range(5):
        close.made("/lead/", name=f"Lead {number} & co", contacts=[] if number % 2 else [{"name": "Ann"}])
    first, middle, last = (page(sandbox, page=number) for number in (1, 2, 3))
    assert [names(each) for each in (first, middle, last)] == [
        ["Lead 4 & co", "Lead 3 & co"],
        ["Lead 2 & co", "Lead 1 & co"],
        ["Lead 0 & co"],
    ]
    for odd, nearest in (("4", last), ("9" * 9, last), ("9" * 5000, first), ("0", first), ("-1", first), ("x", first)):
        assert page(sandbox, page=odd) == nearest
    assert "5 leads, newest first; page 2 of 3" in seen(middle)
    links = [re.findall(r'href="([^"]+)">(\w+)</a>', each.partition("<nav")[2]) for each in (first, middle, last)]
    assert links == [
        [("/?page=2", "Next"), ("/?page=3", "Last")],
        [("/?page=1", "First"), ("/?page=1", "Previous"), ("/?page=3", "Next"), ("/?page=3", "Last")],
        [("/?page=1", "First"), ("/?page=2", "Previous")],
    ]
    found = page(sandbox, q="LEAD & ann")
    assert names(found) == ["Lead 4 & co", "Lead 2 & co"]
    assert "3 leads of 5 with LEAD & ann , newest first; page 1 of 2" in seen(found)
    assert ('value="LEAD &amp; ann"' in found, 'href="/?q=LEAD+%26+ann&amp;page=2">Next' in found) == (True, True)
    assert (names(page(sandbox, q="lead zzz")), "0 leads of 5" in page(sandbox, q="zzz")) == ([], True)


def test_reading_it_is_no_request_to_close() -> None:
    """Neither key, nor limit, fault or delay concerns it, and the report does not count it."""
    faults = [Fault("500"), Fault("drop-before")]
    with Sandbox(index_lag=3600, rate=1, faults=faults, latency=STUCK * 2, accepted_keys=()) as sandbox:
        before = sandbox.report()
        assert {"Search shows a change only after 3600 seconds" in page(sandbox) for _ in range(3)} == {True}
        assert sandbox.report() == before


def test_it_shows_what_search_does_not_show_yet() -> None:
    clock = Clock()
    late = Fault("late", on="POST /api/v1/lead/", times=1)
    with Sandbox(index_lag=1, faults=[late], late_seconds=7, clock=clock) as sandbox, RawClose(sandbox) as close:
        with pytest.raises(requests.ConnectionError):
            close.post("/lead/", json={"name": "Late"})
        close.made("/lead/", name="Acme")
        assert (names(page(sandbox)), close.get("/lead/").json()["data"]) == (["Acme"], [])
        assert "Search shows a change only after 1 second," in page(sandbox)
        clock.now += 8
        assert names(page(sandbox)) == ["Late", "Acme"]
    with Sandbox() as sandbox:
        assert "Search shows" not in page(sandbox)


def test_only_a_browser_on_this_machine_may_read_it(sandbox: Sandbox) -> None:
    port = int(sandbox.page_url.split(":")[2].strip("/"))

    def ask(host: str | None, method: str = "GET", path: str = "/") -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=STUCK)
        connection.putrequest(method, path, skip_host=True)
        if host is not None:
            connection.putheader("Host", host)
        connection.endheaders()
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    ours, others = (
        f"127.0.0.1:{port}",
        ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "127.0.0.1:x"),
    )
    assert {ask(host).status for host in (ours, f"LOCALHOST:{port}", "localhost", "127.0.0.1:1")} == {200}
    assert {ask(host).status for host in (*others, "", None)} == {403}
    assert [ask(ours, method).status for method in ("HEAD", "POST", "PUT", "BREW")] == [200, 405, 405, 405]
    assert [ask(ours, method, path).status for method, path in (("GET", "/x"), ("POST", "/sandbox/report"))] == [
        404,
        404,
    ]
    policy = ask(ours).headers["Content-Security-Policy"]
    assert ("default-src 'none'" in policy, "unsafe" in policy) == (True, False)
    style = page(sandbox).partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}';" in policy
