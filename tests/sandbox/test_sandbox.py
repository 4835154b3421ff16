"""The sandbox as Close: transport, leads, contacts, custom fields, statuses, notes, tasks, events."""

import base64
import contextlib
import gzip
import http.client
import json
import socket
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from sandbox import Sandbox, leads
from sandbox.account import Account, Call
from sandbox.store import LEADS_AT_A_TIME, Change, Origin, Store
from sandbox.walks import Walks
from tests.patience import STUCK
from tests.raw_close import Clock, RawClose

PERSON = {
    "name": "Ann Bee",
    "emails": [{"email": "ann@acme.example", "type": "office"}],
    "phones": [{"phone": "8004445555", "type": "office"}],
}


class Close(RawClose):
    """The session with what these tests ask of it again and again."""

    def field(self, kind: str, **more: Any) -> str:
        return f"custom.{self.made('/custom_field/lead/', name=f'Some {kind}', type=kind, **more)['id']}"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def close(sandbox: Sandbox) -> Iterator[Close]:
    with Close(sandbox) as session:
        yield session


def wrong(answer: requests.Response) -> Any:
    assert answer.status_code == 400, answer.text
    return answer.json()["field-errors"]


# Transport and authentication


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic !"},
        {"Authorization": "Basic OnB3"},
        {"Authorization": "Basic a2V5OnB3"},
        {"Authorization": "Basic a2V5"},
        {"Authorization": "Basic é"},
        {"Authorization": "Bearer "},
        {"Authorization": "Digest x"},
    ],
    ids=["none", "no base64", "no key", "a password", "no colon", "no ASCII", "empty token", "other scheme"],
)
def test_a_request_without_a_good_key_is_401_before_anything_is_checked(sandbox: Sandbox, headers: Any) -> None:
    answer = requests.post(sandbox.close_url + "/lead/", data="{", headers=headers, timeout=STUCK)
    assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})


def test_a_bearer_token_is_a_key_too(sandbox: Sandbox) -> None:
    headers = {"Authorization": "Bearer token"}
    assert requests.get(sandbox.close_url + "/me/", headers=headers, timeout=STUCK).status_code == 200


def test_only_accepted_keys_pass_when_they_are_named() -> None:
    with Sandbox(accepted_keys={"good"}) as sandbox, Close(sandbox, "good") as good, Close(sandbox, "bad") as bad:
        assert (good.get("/me/").status_code, bad.get("/me/").status_code) == (200, 401)


@pytest.mark.parametrize("path", ["/lead", "/leads/", "/", "/lead/x/y/", "/custom_fields/lead/"])
def test_an_unknown_url_is_404_and_so_is_a_missing_slash(close: Close, path: Any) -> None:
    answer = close.get(path)
    assert answer.status_code == 404
    assert set(answer.json()) == {"error"}


@pytest.mark.parametrize(("verb", "path"), [("PATCH", "/lead/"), ("DELETE", "/me/"), ("PUT", "/data/search/")])
def test_a_wrong_verb_is_405(close: Close, verb: Any, path: Any) -> None:
    assert close.request(verb, path, json={}).status_code == 405


@pytest.mark.parametrize("body", ["", "{", '{"name": NaN}', "[]", '"x"', "null", b"\xff"])
def test_a_body_that_is_no_json_object_is_400(close: Close, body: Any) -> None:
    answer = close.post("/lead/", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}


def test_another_content_type_is_400(close: Close) -> None:
    assert "Content-Type" in close.post("/lead/", data="name=x").json()["error"]


def test_a_chunked_body_is_400_and_the_answer_arrives(close: Close) -> None:
    answer = close.post("/lead/", data=iter([b'{"name": ', b'"x"}']), headers={"Content-Type": "application/json"})
    assert (answer.status_code, "Chunked" in answer.text) == (400, True)


def test_a_chunked_body_is_400_whatever_the_method(close: Close) -> None:
    for method, path in (("GET", "/me/"), ("DELETE", "/lead/x/")):
        answer = close.request(method, path, data=iter([b"{}"]))
        assert (answer.status_code, "Chunked" in answer.text) == (400, True)


@pytest.fixture
def wire(sandbox: Sandbox) -> Iterator[socket.socket]:
    """A bare connection to the sandbox."""
    host, port = sandbox.close_url.split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=STUCK) as connection:
        yield connection


@pytest.mark.parametrize(
    ("request_line", "header", "status"),
    [
        ("GET api/v1/me/", "X: y", b"400"),
        ("GET http://x/api/v1/me/", "X: y", b"400"),
        ("POST /api/v1/lead/", "Content-Length: -5", b"400"),
        ("POST /api/v1/lead/", "Content-Length: five", b"400"),
        ("POST /api/v1/lead/", "Content-Length: " + "9" * 30, b"400"),
        ("BREW /api/v1/lead/", "X: y", b"401"),
        ("BREW /api/v1/lead/", "Authorization: Bearer key", b"405"),
    ],
)
def test_an_odd_request_is_answered_in_json(wire: socket.socket, request_line: Any, header: Any, status: Any) -> None:
    wire.sendall(f"{request_line} HTTP/1.1\r\nConnection: close\r\n{header}\r\n\r\n".encode())
    head, _, body = wire.makefile("rb").read().partition(b"\r\n\r\n")
    assert (head.split()[1], set(json.loads(body))) == (status, {"error"})


def test_a_body_that_breaks_off_gets_no_answer_and_does_nothing(wire: socket.socket, sandbox: Sandbox) -> None:
    headers = "Authorization: Bearer key\r\nContent-Type: application/json\r\nContent-Length: 50"
    wire.sendall(f'POST /api/v1/lead/ HTTP/1.1\r\n{headers}\r\n\r\n{{"name": "x"}}'.encode())
    wire.shutdown(socket.SHUT_WR)
    assert wire.recv(100) == b""
    assert sandbox.report()["leads"] == 0


@pytest.mark.parametrize("body", [b'{"name": ' + b"[" * 300 + b"]" * 300 + b"}", b"[" * 100_000])
def test_a_body_that_is_nested_too_deeply_is_400(close: Close, body: Any) -> None:
    answer = close.post("/lead/", data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, set(answer.json())) == (400, {"error"})


@pytest.mark.parametrize("accepted", ["gzip;q=0", "br, gzip; q=0.0", "x-gzipped", "identity"])
def test_long_answers_stay_plain_where_gzip_is_not_wanted(close: Close, accepted: Any) -> None:
    close.made("/lead/", name="x" * 1000)
    assert "Content-Encoding" not in close.get("/lead/", headers={"Accept-Encoding": accepted}).headers


def test_long_answers_are_compressed_when_asked_for(close: Close) -> None:
    close.made("/lead/", name="x" * 1000)
    plain = close.get("/lead/", headers={"Accept-Encoding": "identity"})
    packed = close.get("/lead/", headers={"Accept-Encoding": "gzip"}, stream=True)
    raw = packed.raw.read(decode_content=False)
    assert "Content-Encoding" not in plain.headers
    assert len(raw) < len(plain.content)
    assert gzip.decompress(raw) == plain.content


def test_a_connection_serves_many_requests_without_delay(sandbox: Sandbox) -> None:
    connection = http.client.HTTPConnection(sandbox.close_url.split("/")[2], timeout=STUCK)
    headers = {"Authorization": "Bearer token", "Content-Type": "application/json"}
    seconds = []
    for _ in range(100):
        began = time.monotonic()
        connection.request("POST", "/api/v1/lead/", json.dumps({"name": "x"}), headers)
        connection.getresponse().read()
        seconds.append(time.monotonic() - began)
    connection.close()
    assert min(seconds[50:]) < 0.04  # so much a delayed acknowledgement would cost each time, but for the first ones


def test_answers_carry_a_date(close: Close) -> None:
    assert close.get("/me/").headers["Date"].endswith("GMT")


def test_stopping_closes_idle_connections_at_once() -> None:
    sandbox = Sandbox().start()
    host, port = sandbox.close_url.split("/")[2].split(":")
    with socket.create_connection((host, int(port))) as idle:
        idle.sendall(b"GET /api/v1/me/ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(9) == b"HTTP/1.1 "
        sandbox.stop()  # if it waited for whoever is idle, it would wait for ever
        idle.settimeout(STUCK)
        while idle.recv(65536):
            pass


def test_a_get_may_be_sent_as_a_post_with_its_parameters_in_the_body(close: Close) -> None:
    close.made("/lead/", name="Acme")
    headers = {"X-HTTP-Method-Override": "GET"}
    answer = close.post("/lead/", json={"_params": {"_fields": "name"}}, headers=headers)
    assert answer.json()["data"] == [{"name": "Acme"}]


def test_parameters_in_the_body_may_be_lists_and_booleans(close: Close) -> None:
    lead = close.made("/lead/", name="Acme")
    task = close.made("/task/", lead_id=lead["id"], text="call")
    params = {"_fields": ["id", "text"], "is_complete": False}
    answer = close.post("/task/", json={"_params": params}, headers={"X-HTTP-Method-Override": "GET"})
    assert answer.json()["data"] == [{"id": task["id"], "text": "call"}]


# The organisation


def test_me_names_the_organisation_with_its_statuses_and_currency() -> None:
    with Sandbox(currency="EUR", country="ES") as sandbox, Close(sandbox) as close:
        organization = close.get("/me/").json()["organizations"][0]
        detailed = close.get(f"/organization/{organization['id']}/").json()
    assert organization["lead_statuses"][0]["label"] == "Potential"
    assert (detailed["name"], detailed["currency"]) == ("Sandbox", "EUR")
    assert detailed["memberships"][0]["country"] == "ES"


def test_another_organisation_is_404(close: Close) -> None:
    assert close.get("/organization/orga_x/").status_code == 404


# Leads


def test_a_lead_is_echoed_with_what_close_adds(close: Close) -> None:
    key = close.field("text")
    address = {"label": "business", "state": "NV", "country": "US"}
    lead = close.made("/lead/", **{"name": "Acme", "contacts": [PERSON], "addresses": [address], key: "k1:x"})
    assert lead["display_name"] == lead["name"] == "Acme"
    assert lead["html_url"] == f"https://app.close.com/lead/{lead['id']}/"
    assert (lead["status_label"], lead["description"], lead[key]) == ("Potential", "", "k1:x")
    assert lead["contact_ids"] == [lead["contacts"][0]["id"]]
    assert lead["addresses"] == [address]
    assert len(lead["date_created"]) == len("2013-02-20T05:30:24.854000+00:00")
    assert lead["date_created"].endswith("+00:00")
    assert close.get(f"/lead/{lead['id']}/").json() == lead


def test_no_description_is_an_empty_one(close: Close) -> None:
    lead = close.made("/lead/", description=None)
    assert lead["description"] == ""
    assert close.put(f"/lead/{lead['id']}/", json={"description": None}).json()["description"] == ""


def test_two_equal_leads_are_two_leads(close: Close) -> None:
    first, second = close.made("/lead/", name="Acme"), close.made("/lead/", name="Acme")
    assert first["id"] != second["id"]
    assert first["date_created"] < second["date_created"]


def test_a_phone_is_read_in_the_accounts_country_and_stored_as_e164(close: Close) -> None:
    phones = [{"phone": phone} for phone in ("8004445555", "+34 600 00 00 00", "650-253-0000 x12", "1234")]
    stored = close.made("/lead/", contacts=[{"phones": phones}])["contacts"][0]["phones"]
    assert [phone["phone"] for phone in stored] == ["+18004445555", "+34600000000", "+16502530000x12", "+11234"]
    assert stored[0]["phone_formatted"] == "+1 800-444-5555"
    assert [phone["country"] for phone in stored] == ["US", "ES", "US", None]


def test_one_bad_email_or_phone_refuses_the_whole_lead_in_the_nested_shape(close: Close, sandbox: Sandbox) -> None:
    bad = {"emails": [{"email": "a@b.co"}, {"email": "a@b"}], "phones": [{"phone": "unknown"}]}
    nested = wrong(close.post("/lead/", json={"contacts": [PERSON, bad], "url": "nowhere"}))
    of_contact = nested["contacts"]["errors"]["1"]["field-errors"]
    assert of_contact["emails"]["errors"]["1"]["field-errors"] == {"email": "Invalid email address."}
    assert "not valid" in of_contact["phones"]["errors"]["0"]["field-errors"]["phone"]
    assert nested["url"] == "Invalid URL."
    assert sandbox.report()["leads"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": 5}, "name"),
        ({"name": "x" * 1001}, "name"),
        ({"contacts": {}}, "contacts"),
        ({"contacts": [{"title": "x" * 1001}]}, "contacts"),
        ({"contacts": [{"emails": [{"email": "a@b.co"}] * 101}]}, "contacts"),
        ({"contacts": [{"custom.cf_x": 1}]}, "contacts"),
        ({"addresses": [{"label": "office"}]}, "addresses"),
        ({"addresses": [{"state": " "}]}, "addresses"),
        ({"addresses": [{"country": "Spain"}]}, "addresses"),
        ({"status": "Unheard of"}, "status"),
        ({"status_id": "stat_x"}, "status"),
        ({"custom.cf_x": 1}, "custom.cf_x"),
        ({"custom.No Such Name": 1}, "custom.No Such Name"),
        ({"custom": {"No Such Name": 1}}, "custom.No Such Name"),
    ],
)
def test_a_value_that_close_refuses_is_400_under_its_field(close: Close, body: Any, field: Any) -> None:
    assert list(wrong(close.post("/lead/", json=body))) == [field]


def test_a_status_by_id_and_by_label_at_once_is_400(close: Close) -> None:
    status = close.get("/status/lead/").json()["data"][1]
    both = {"status_id": status["id"], "status": status["label"]}
    assert list(wrong(close.post("/lead/", json=both))) == ["status"]


def test_unknown_plain_keys_vanish_without_a_word(close: Close) -> None:
    assert "nmae" not in close.made("/lead/", nmae="Acme")


def test_a_put_changes_what_it_names_and_leaves_the_contacts_alone(close: Close) -> None:
    lead = close.made("/lead/", name="Acme", description="d", contacts=[PERSON])
    after = close.put(f"/lead/{lead['id']}/", json={"name": "Beta", "contacts": []}).json()
    assert (after["name"], after["description"], after["contacts"]) == ("Beta", "d", lead["contacts"])
    assert after["date_updated"] > lead["date_updated"]


def test_a_put_with_a_malformed_contact_is_400_all_the_same(close: Close) -> None:
    lead = close.made("/lead/", name="Acme")
    assert "contacts" in wrong(close.put(f"/lead/{lead['id']}/", json={"contacts": [{"emails": [{"email": "x"}]}]}))


def test_a_new_status_moves_the_lead_and_is_logged_as_an_activity(close: Close) -> None:
    lead = close.made("/lead/", name="Acme")
    close.put(f"/lead/{lead['id']}/", json={"status": "Prospect"})
    close.put(f"/lead/{lead['id']}/", json={"status": "Prospect"})
    activities = close.get("/activity/", params={"lead_id": lead["id"]}).json()["data"]
    assert [activity["_type"] for activity in activities] == ["LeadStatusChange", "Created"]
    assert (activities[0]["old_status_label"], activities[0]["new_status_label"]) == ("Potential", "Prospect")


def test_a_second_delete_is_404(close: Close) -> None:
    path = f"/lead/{close.made('/lead/', name='Acme', contacts=[PERSON])['id']}/"
    first, second = close.delete(path), close.delete(path)
    assert (first.status_code, first.json(), second.status_code) == (200, {}, 404)
    assert second.json() == {"error": "Empty query: Lead matching query does not exist."}
    assert close.get(path).status_code == close.put(path, json={}).status_code == 404
    assert close.get("/contact/").json()["data"] == []


def test_beyond_the_plan_a_lead_is_402() -> None:
    with Sandbox(lead_cap=1) as sandbox, Close(sandbox) as close:
        close.made("/lead/", name="Acme")
        assert close.post("/lead/", json={}).status_code == 402
        assert close.post("/contact/", json={}).status_code == 402


def test_a_merge_moves_everything_and_tells_where_the_source_went(close: Close) -> None:
    key = close.field("text")
    source = close.made("/lead/", **{"name": "A", "contacts": [PERSON], key: "k"})
    destination = close.made("/lead/", name="B")
    close.made("/task/", lead_id=source["id"], text="call")
    answer = close.post("/lead/merge/", json={"source": source["id"], "destination": destination["id"]})
    merged = close.get(f"/lead/{destination['id']}/").json()
    event = close.get("/event/", params={"object_type": "lead", "action": "merged"}).json()["data"][0]
    assert answer.json() == {"status": "ok"}
    assert close.get(f"/lead/{source['id']}/").status_code == 404
    assert (merged["name"], merged["contact_ids"], merged[key]) == ("B", source["contact_ids"], "k")
    assert merged["tasks"][0]["lead_id"] == close.get("/contact/").json()["data"][0]["lead_id"] == destination["id"]
    assert event["meta"]["merge_source_lead_id"] == source["id"]
    assert event["lead_id"] == event["meta"]["merge_destination_lead_id"] == destination["id"]


def test_a_merge_of_an_unknown_lead_is_404(close: Close) -> None:
    lead = close.made("/lead/", name="A")
    answer = close.post("/lead/merge/", json={"source": "lead_x", "destination": lead["id"]})
    assert (answer.status_code, answer.json()) == (404, {"errors": ["Source lead does not exist."]})


def test_lists_come_in_pages_of_the_fields_asked_for(close: Close) -> None:
    key = close.field("number")
    for name in ("A", "B", "C"):
        close.made("/lead/", **{"name": name, key: 1})
    answer = close.get("/lead/", params={"_limit": "2", "_fields": "name,custom,no_such"}).json()
    assert answer == {"data": [{"name": "A", key: 1}, {"name": "B", key: 1}], "has_more": True, "total_results": 3}
    assert close.get("/lead/", params={"_skip": "2", "_fields": "name"}).json()["has_more"] is False


@pytest.mark.parametrize(
    ("path", "params", "field"),
    [
        ("/lead/", {"_limit": 201}, "_limit"),
        ("/lead/", {"_skip": 35001}, "_skip"),
        ("/lead/", {"_limit": "x"}, "_limit"),
        ("/lead/", {"_limit": -1}, "_limit"),
        ("/lead/", {"_limit": "--5"}, "_limit"),
        ("/lead/", {"_limit": "9" * 5000}, "_limit"),
        ("/lead/", {"_skip": "--5"}, "_skip"),
        ("/lead/", {"_skip": "9" * 5000}, "_skip"),
        ("/contact/", {"_limit": 101}, "_limit"),
        ("/lead/", {"query": "(name:x OR name:y)"}, "query"),
        ("/lead/", {"query": "no_such:x"}, "query"),
    ],
)
def test_a_list_out_of_bounds_is_400(close: Close, path: Any, params: Any, field: Any) -> None:
    assert list(wrong(close.get(path, params=params))) == [field]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ('name:"acme ltd"', ["Acme Ltd"]),
        ("acme", ["Acme Ltd", "Old Acme"]),
        ("acme sort:-created", ["Old Acme", "Acme Ltd"]),
        ('email_address:"ANN@acme.example"', ["Acme Ltd"]),
        ('KEY:"k1"', ["Old Acme"]),
    ],
)
def test_the_plain_forms_of_a_search_string_are_understood(close: Close, query: Any, names: Any) -> None:
    key = close.field("text")
    close.made("/lead/", name="Acme Ltd", contacts=[PERSON])
    close.made("/lead/", **{"name": "Old Acme", key: "k1"})
    found = close.get("/lead/", params={"query": query.replace("KEY", key)}).json()["data"]
    assert [lead["name"] for lead in found] == names


# Contacts


def test_a_contact_without_a_lead_gets_a_new_and_empty_one(close: Close, sandbox: Sandbox) -> None:
    contact = close.made("/contact/", **PERSON)
    lead = close.get(f"/lead/{contact['lead_id']}/").json()
    created = close.get("/event/", params={"object_type": "lead", "action": "created"}).json()["data"]
    assert (lead["name"], lead["display_name"], lead["contacts"]) == (None, "Ann Bee", [contact])
    assert (sandbox.report()["leads"], len(created)) == (1, 1)


def test_a_contact_of_an_unknown_lead_is_400_under_lead(close: Close) -> None:
    assert wrong(close.post("/contact/", json={"lead_id": "lead_x"})) == {"lead": "Object does not exist."}


def test_a_put_of_a_contact_replaces_whole_lists_and_shows_on_the_lead(close: Close) -> None:
    lead = close.made("/lead/", name="Acme", contacts=[PERSON])
    contact = close.put(f"/contact/{lead['contact_ids'][0]}/", json={"emails": [{"email": "b@b.co"}]}).json()
    assert [item["email"] for item in contact["emails"]] == ["b@b.co"]
    assert contact["phones"] == lead["contacts"][0]["phones"]
    assert close.get(f"/lead/{lead['id']}/").json()["contacts"] == [contact]


def test_a_deleted_contact_leaves_its_lead(close: Close) -> None:
    lead = close.made("/lead/", name="Acme", contacts=[PERSON])
    path = f"/contact/{lead['contact_ids'][0]}/"
    assert [close.delete(path).status_code, close.delete(path).status_code] == [200, 404]
    assert close.get(f"/lead/{lead['id']}/").json()["contact_ids"] == []


# Custom fields and statuses


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("text", "x", 5),
        ("textarea", "x\ny", ["x"]),
        ("hidden", "x", True),
        ("number", 5.25, "5"),
        ("number", -3, True),
        ("number", 10**300, 10**400),
        ("date", "2024-02-29", "2023-02-29"),
        ("date", "1999-07-02", "17.05.1987"),
        ("datetime", "2024-02-29T10:00:00+00:00", "yesterday"),
        ("choices", "red", "Red"),
        ("user", None, "user_x"),
        ("contact", None, "cont_x"),
    ],
)
def test_each_type_of_custom_field_takes_its_own_values(close: Close, kind: Any, good: Any, bad: Any) -> None:
    key = close.field(kind, choices=["red", "blue"] if kind == "choices" else None)
    assert close.post("/lead/", json={key: good}).status_code == 200
    assert list(wrong(close.post("/lead/", json={key: bad}))) == [key]
    assert list(wrong(close.post("/lead/", json={key: [good]}))) == [key] if good else True


def test_null_clears_a_custom_value(close: Close) -> None:
    key = close.field("number")
    lead = close.made("/lead/", **{key: 5})
    assert key not in close.put(f"/lead/{lead['id']}/", json={key: None}).json()


def test_one_of_several_values_can_be_added_and_removed(close: Close) -> None:
    key = close.field("choices", choices=["a", "b", "c"], accepts_multiple_values=True)
    path = f"/lead/{close.made('/lead/', **{key: ['a']})['id']}/"
    assert close.put(path, json={key + ".add": "b"}).json()[key] == ["a", "b"]
    assert close.put(path, json={key + ".remove": "a"}).json()[key] == ["b"]
    assert key not in close.put(path, json={key + ".remove": "b"}).json()


def test_adding_to_a_field_of_one_value_is_400(close: Close) -> None:
    key = close.field("text")
    lead = close.made("/lead/", name="Acme")
    assert list(wrong(close.put(f"/lead/{lead['id']}/", json={key + ".add": "b"}))) == [key + ".add"]


def test_a_field_does_not_change_how_many_values_it_takes(close: Close) -> None:
    key = close.field("text")
    path = f"/custom_field/lead/{key.removeprefix('custom.')}/"
    assert list(wrong(close.put(path, json={"accepts_multiple_values": True}))) == ["accepts_multiple_values"]
    assert close.put(path, json={"accepts_multiple_values": False, "name": "New"}).json()["name"] == "New"


def test_a_single_value_is_added_to_as_if_it_were_a_list_of_one() -> None:
    lead = {"custom.cf_x": "red"}
    assert leads.with_values(lead, {"custom.cf_x.add": "blue"}) == {"custom.cf_x": ["red", "blue"]}
    assert leads.with_values(lead, {"custom.cf_x.remove": "red"}) == {}


def test_a_shared_field_is_in_the_schema_and_not_in_the_list(close: Close, sandbox: Sandbox) -> None:
    shared = sandbox.add_shared_field("Region", "text")
    assert close.get("/custom_field/lead/").json()["data"] == []
    assert [field["id"] for field in close.get("/custom_field_schema/lead/").json()["fields"]] == [shared["id"]]
    assert close.made("/lead/", **{f"custom.{shared['id']}": "x"})


def test_a_field_reserved_for_other_roles_is_403(close: Close) -> None:
    key = close.field("text", editable_with_roles=["role_x"])
    assert close.post("/lead/", json={key: "x"}).status_code == 403


def test_deleting_a_field_deletes_its_values(close: Close) -> None:
    key = close.field("text")
    lead = close.made("/lead/", **{key: "x"})
    assert close.delete(f"/custom_field/lead/{key.removeprefix('custom.')}/").status_code == 200
    assert key not in close.get(f"/lead/{lead['id']}/").json()


def test_a_field_of_many_leads_is_deleted_with_all_its_values_as_one_request(close: Close, sandbox: Sandbox) -> None:
    key = close.field("text")
    made = [close.made("/lead/", **{key: "x"})["id"] for _ in range(LEADS_AT_A_TIME + 20)]
    close.delete(f"/custom_field/lead/{key.removeprefix('custom.')}/")
    assert not [lead for lead in close.get("/lead/", params={"_limit": 200}).json()["data"] if key in lead]
    events = close.get("/event/", params={"object_type": "lead", "action": "updated"}).json()["data"]
    assert {event["lead_id"] for event in events} == set(made[-50:])
    assert len({event["request_id"] for event in events}) == 1


def test_a_change_of_all_leads_is_made_a_few_at_a_time() -> None:
    store = Store(state=None, index_lag=0, event_lag=0, clock=Clock(), currency="USD")
    origin = Origin("PUT", "/api/v1/status/lead/x/")
    with store.change(origin) as change:
        for number in range(LEADS_AT_A_TIME + 1):
            change.put("lead", {"id": f"lead_{number}", "name": "before"})
    seen = []

    def changed(lead: Any) -> Any:
        first = store.find("lead", "lead_0")
        seen.append(first and first["name"])
        return {**lead, "name": "after"}

    store.change_each_lead(origin, changed)
    assert seen == ["before"] * LEADS_AT_A_TIME + ["after"]


@pytest.mark.parametrize(
    ("body", "field"),
    [({"type": "text"}, "name"), ({"name": "x"}, "type"), ({"name": "x", "type": "url"}, "type")],
)
def test_a_custom_field_needs_a_name_and_a_known_type(close: Close, body: Any, field: Any) -> None:
    assert list(wrong(close.post("/custom_field/lead/", json=body))) == [field]


def test_a_status_can_be_made_relabelled_and_deleted_once_unused(close: Close) -> None:
    status = close.made("/status/lead/", label="Hot")
    path = f"/status/lead/{status['id']}/"
    lead = close.made("/lead/", status_id=status["id"])
    close.put(path, json={"label": "Hotter"})
    assert close.get(f"/lead/{lead['id']}/").json()["status_label"] == "Hotter"
    assert close.delete(path).status_code == 400
    close.delete(f"/lead/{lead['id']}/")
    assert close.delete(path).status_code == 200


class LosingAStatus(Store):
    """A store in which somebody deletes the first status just before a change."""

    @contextlib.contextmanager
    def change(self, origin: Origin) -> Iterator[Change]:
        with super().change(origin) as before:
            before.remove("status", self.all("status")[0])
        with super().change(origin) as change:
            yield change


def test_a_lead_does_not_get_a_status_that_is_gone_by_then() -> None:
    store = LosingAStatus(state=None, index_lag=0, event_lag=0, clock=Clock(), currency="USD")
    account = Account(store, Walks(Clock()), "US", None)
    lead = leads.create_lead(account, Call(Origin("POST", "/api/v1/lead/"), {}, {}, timedelta()))
    assert lead["status_label"] == "To qualify"


def test_the_last_status_stays(close: Close) -> None:
    paths = [f"/status/lead/{status['id']}/" for status in close.get("/status/lead/").json()["data"]]
    assert [close.delete(path).status_code for path in paths] == [200, 200, 400]
    assert close.made("/lead/")["status_label"] == "Prospect"


# Notes, tasks, opportunities


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/task/", {}, "text"),
        ("/task/", {"text": " "}, "text"),
        ("/task/", {"text": "x", "date": "soon"}, "date"),
        ("/task/", {"text": "x", "assigned_to": "user_x"}, "assigned_to"),
        ("/activity/note/", {"title": "x"}, "note"),
        ("/activity/note/", {"note": "x", "user_id": "user_x"}, "user_id"),
        ("/activity/note/", {"note": "x", "date_created": "soon"}, "date_created"),
        ("/opportunity/", {"status_id": "stat_x"}, "status_id"),
        ("/opportunity/", {"user_id": "user_x"}, "user_id"),
        ("/opportunity/", {"confidence": 101}, "confidence"),
        ("/opportunity/", {"confidence": -1}, "confidence"),
    ],
)
def test_what_hangs_on_a_lead_is_checked_too(close: Close, path: Any, body: Any, field: Any) -> None:
    lead = close.made("/lead/")
    assert list(wrong(close.post(path, json={"lead_id": lead["id"], **body}))) == [field]


def test_a_note_keeps_its_date_and_reads_as_its_html(close: Close) -> None:
    lead = close.made("/lead/")
    dated = {"date_created": "2020-01-01T00:00:00+00:00", "note_html": "<p>Ann &amp; Bob</p>", "note": "ignored"}
    note = close.made("/activity/note/", lead_id=lead["id"], user_id=lead["created_by"], **dated)
    assert note["date_created"] == note["activity_at"] == "2020-01-01T00:00:00.000000+00:00"
    assert (note["note"], note["user_id"]) == ("Ann & Bob", lead["created_by"])
    assert close.put(f"/activity/note/{note['id']}/", json={"note": "y"}).json()["note_html"] is None


@pytest.mark.parametrize(
    ("date", "kept"), [("2024-02-29", "2024-02-29"), ("2024-02-29T10:00:00Z", "2024-02-29T10:00:00.000000+00:00")]
)
def test_a_task_is_due_on_a_day_or_at_a_moment(close: Close, date: Any, kept: Any) -> None:
    assert close.made("/task/", lead_id=close.made("/lead/")["id"], text="x", date=date)["date"] == kept


def test_an_opportunity_takes_the_status_it_is_given(close: Close) -> None:
    statuses = close.get("/me/").json()["organizations"][0]["pipelines"][0]["statuses"]
    won = close.made("/opportunity/", status_id=statuses[1]["id"], confidence=100)
    assert (won["status_label"], won["status_type"]) == ("Won", "won")
    lost = close.put(f"/opportunity/{won['id']}/", json={"status_id": statuses[2]["id"]}).json()
    assert (lost["status_label"], lost["status_type"]) == ("Lost", "lost")


@pytest.mark.parametrize(("spelled", "count"), [("False", 1), ("false", 1), ("True", 0), ("0", 0)])
def test_a_yes_or_no_may_be_asked_for_in_capitals(close: Close, spelled: Any, count: Any) -> None:
    close.made("/task/", lead_id=close.made("/lead/")["id"], text="x")
    assert len(close.get("/task/", params={"is_complete": spelled}).json()["data"]) == count


@pytest.mark.parametrize(("path", "body"), [("/activity/note/", {"note": "x"}), ("/task/", {"text": "x"})])
def test_a_note_and_a_task_need_a_lead(close: Close, path: Any, body: Any) -> None:
    assert list(wrong(close.post(path, json=body))) == ["lead"]
    lead = close.made("/lead/", name="Acme")
    made = close.made(path, lead_id=lead["id"], **body)
    assert close.get(f"{path}{made['id']}/").json() == made
    assert close.get(path, params={"lead_id": lead["id"]}).json()["data"] == [made]
    assert [close.delete(f"{path}{made['id']}/").status_code for _ in range(2)] == [200, 404]


def test_a_lead_shows_its_open_tasks_only(close: Close) -> None:
    lead = close.made("/lead/", name="Acme")
    task = close.made("/task/", lead_id=lead["id"], text="call")
    path = f"/lead/{lead['id']}/"
    assert close.get(path).json()["tasks"] == [task]
    close.put(f"/task/{task['id']}/", json={"is_complete": True})
    assert close.get(path).json()["tasks"] == []


def test_an_opportunity_without_a_lead_makes_a_stray_one(close: Close) -> None:
    opportunity = close.made("/opportunity/", value=500)
    assert close.get(f"/lead/{opportunity['lead_id']}/").json()["opportunities"] == [opportunity]


def test_a_note_moves_the_date_of_its_lead(close: Close) -> None:
    lead = close.made("/lead/", name="Acme")
    close.made("/activity/note/", lead_id=lead["id"], note="x")
    assert close.get(f"/lead/{lead['id']}/").json()["date_updated"] > lead["date_updated"]


# Events


def test_every_write_is_in_the_event_log_newest_first(close: Close) -> None:
    key = close.field("text")
    lead = close.made("/lead/", **{"name": "Acme", "contacts": [PERSON], key: "k1"})
    close.put(f"/lead/{lead['id']}/", json={"name": "Beta"})
    close.delete(f"/lead/{lead['id']}/")
    events = close.get("/event/", params={"lead_id": lead["id"], "object_type": "lead"}).json()["data"]
    deleted, updated, created = events
    assert [event["action"] for event in events] == ["deleted", "updated", "created"]
    assert created["data"] == lead
    assert created["meta"] == {"request_method": "POST", "request_path": "/api/v1/lead/"}
    assert (updated["changed_fields"], updated["previous_data"]) == (["name"], {"name": "Acme"})
    assert deleted["previous_data"]["name"] == "Beta"
    assert "+" not in created["date_created"]
    assert len({event["request_id"] for event in events}) == 3


def test_the_events_of_one_request_share_its_id(close: Close) -> None:
    close.made("/lead/", contacts=[PERSON])
    (lead_event,) = close.get("/event/", params={"object_type": "lead", "action": "created"}).json()["data"]
    together = close.get("/event/", params={"request_id": lead_event["request_id"]}).json()["data"]
    assert {event["object_type"] for event in together} == {"lead", "contact"}


@pytest.mark.parametrize("names", [["object_type"], ["action"], ["lead_id", "action"], ["request_id", "lead_id"]])
def test_filters_that_close_does_not_combine_are_400(close: Close, names: Any) -> None:
    assert close.get("/event/", params=dict.fromkeys(names, "lead")).status_code == 400


def test_events_are_walked_back_by_cursor_and_forward_again(close: Close) -> None:
    for number in range(120):
        close.made("/lead/", name=str(number))
    params = {"object_type": "lead", "action": "created"}
    pages: list[dict[str, Any]] = []
    cursor = None
    while cursor or not pages:
        pages.append(close.get("/event/", params={**params, "_cursor": cursor or "", "_limit": "500"}).json())
        cursor = pages[-1]["cursor_next"]
    names = [event["data"]["name"] for page in pages for event in page["data"]]
    newer = close.get("/event/", params={**params, "_cursor": pages[1]["cursor_previous"]}).json()
    assert [len(page["data"]) for page in pages] == [50, 50, 20]
    assert names == [str(number) for number in reversed(range(120))]
    assert newer["data"] == pages[0]["data"]


def test_a_cursor_to_newer_events_stays_while_there_are_none(close: Close) -> None:
    close.made("/lead/", name="A")
    cursor = close.get("/event/").json()["cursor_previous"]
    nothing = close.get("/event/", params={"_cursor": cursor}).json()
    assert nothing == {"data": [], "cursor_next": None, "cursor_previous": cursor}
    lead = close.made("/lead/", name="B")
    newer = close.get("/event/", params={"_cursor": cursor}).json()
    assert [event["lead_id"] for event in newer["data"]] == [lead["id"]]


@pytest.mark.parametrize(
    "content",
    [
        {"before": 1, "bounds": {"date": "x"}},
        {"before": 1, "bounds": {"date_updated__gt": 5}},
        {"after": -9, "bounds": {}},
        {"after": True, "bounds": {}},
        {"bounds": {}},
        [],
    ],
)
def test_a_cursor_that_the_sandbox_did_not_make_is_400(close: Close, content: Any) -> None:
    close.made("/lead/", name="A")
    cursor = base64.urlsafe_b64encode(json.dumps(content).encode()).decode()
    assert list(wrong(close.get("/event/", params={"_cursor": cursor}))) == ["_cursor"]


def test_events_are_bounded_by_date(close: Close) -> None:
    first, second = close.made("/lead/", name="A"), close.made("/lead/", name="B")
    params = {"object_type": "lead", "action": "created", "date_updated__gte": second["date_created"]}
    assert [event["lead_id"] for event in close.get("/event/", params=params).json()["data"]] == [second["id"]]
    params = {"object_type": "lead", "action": "created", "date_updated__lt": second["date_created"]}
    assert [event["lead_id"] for event in close.get("/event/", params=params).json()["data"]] == [first["id"]]


@pytest.mark.parametrize("params", [{"date_updated__gte": "yesterday"}, {"_cursor": "x"}, {"_cursor": "e30="}])
def test_a_bad_date_or_cursor_of_the_event_log_is_400(close: Close, params: Any) -> None:
    assert list(wrong(close.get("/event/", params=params))) == list(params)
