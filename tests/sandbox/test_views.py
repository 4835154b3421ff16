"""The sandbox's Smart Views: listed, and referred to by searches."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.answers import Refused
from sandbox.disk import Disk
from tests.raw_close import RawClose

LEADS = {"type": "object_type", "object_type": "lead"}
CONTACTS = {"type": "object_type", "object_type": "contact"}
STOCK = ["Leads without contacts", "Leads of the last 30 days"]


class Close(RawClose):
    """The session with what these tests ask of it again and again."""

    def names(self, node: dict[str, Any], kind: dict[str, Any] = LEADS) -> list[str]:
        body = {"query": all_of(kind, node), "_fields": {kind["object_type"]: ["name"]}}
        return [found["name"] for found in self.made("/data/search/", **body)["data"]]

    def views(self, **params: Any) -> Any:
        answer = self.get("/saved_search/", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, node: dict[str, Any]) -> str:
        """Why a search for leads with the node is refused."""
        answer = self.post("/data/search/", json={"query": all_of(LEADS, node)})
        assert answer.status_code == 400, answer.text
        return str(answer.json()["field-errors"]["query"])


@pytest.fixture
def close(sandbox: Sandbox) -> Iterator[Close]:
    with Close(sandbox) as session:
        yield session


def all_of(*queries: dict[str, Any]) -> dict[str, Any]:
    return {"type": "and", "queries": list(queries)}


def named(name: str, kind: str = "lead") -> dict[str, Any]:
    field = {"type": "regular_field", "object_type": kind, "field_name": "name"}
    return {"type": "field_condition", "field": field, "condition": {"type": "text", "mode": "phrase", "value": name}}


def in_view(view: Any) -> dict[str, Any]:
    return {"type": "saved_search", "saved_search_id": view["id"]}


def test_a_new_organisation_has_two_views_that_can_be_searched(close: Close) -> None:
    close.made("/lead/", name="Acme", contacts=[{"name": "Ann"}])
    close.made("/lead/", name="Beta")
    views = close.views()
    assert ([view["name"] for view in views["data"]], views["has_more"]) == (STOCK, False)
    without_contacts, recent = views["data"]
    assert close.names(in_view(without_contacts)) == ["Beta"]
    assert close.names(in_view(recent)) == ["Acme", "Beta"]
    assert close.names({**in_view(without_contacts), "negate": True}) == ["Acme"]


def test_views_are_listed_by_offset_with_what_they_ask(close: Close, sandbox: Sandbox) -> None:
    query = all_of(LEADS, named("acme"))
    made = sandbox.add_smart_view("Acmes", query)
    assert made["id"].startswith("save_")
    assert made.keys() > {"name", "s_query", "organization_id", "created_by", "date_created", "date_updated"}
    page = close.views(_skip=2, _limit=1)
    assert (page["data"], page["has_more"]) == ([made], False)
    assert page["data"][0]["s_query"] == {"query": query}
    assert close.views(_limit=2)["has_more"]
    assert close.views(_limit=1, _fields="id,name")["data"][0].keys() == {"id", "name"}
    assert close.get("/saved_search/", params={"_limit": 101}).status_code == 400


def test_a_search_can_narrow_a_view_and_a_view_another_view(close: Close, sandbox: Sandbox) -> None:
    for name in ("Acme East", "Acme West", "Beta East"):
        close.made("/lead/", name=name)
    acme = sandbox.add_smart_view("Acmes", all_of(LEADS, named("acme")))
    east = sandbox.add_smart_view("Acmes in the east", all_of(LEADS, in_view(acme), named("east")))
    assert close.names(in_view(acme)) == ["Acme East", "Acme West"]
    assert close.names(all_of(in_view(acme), named("west"))) == ["Acme West"]
    assert close.names(in_view(east)) == ["Acme East"]
    assert close.names({"type": "or", "queries": [in_view(east), named("beta")]}) == ["Acme East", "Beta East"]


def test_a_view_of_contacts_finds_contacts_and_no_lead(close: Close, sandbox: Sandbox) -> None:
    close.made("/lead/", name="Acme", contacts=[{"name": "Ann"}, {"name": "Bob"}])
    anns = sandbox.add_smart_view("Anns", all_of(CONTACTS, named("ann", "contact")))
    assert close.names(in_view(anns), CONTACTS) == ["Ann"]
    assert close.names(in_view(anns)) == []
    relation = {"type": "has_related", "this_object_type": "lead", "related_object_type": "contact"}
    assert close.names({**relation, "related_query": in_view(anns)}) == ["Acme"]


def test_a_search_must_name_an_object_type_beside_its_view(close: Close) -> None:
    answer = close.post("/data/search/", json={"query": in_view(close.views()["data"][0])})
    assert list(answer.json()["field-errors"]) == ["query"]


@pytest.mark.parametrize(
    "query",
    [
        {"type": "match_all"},
        all_of(LEADS, {"type": "no such"}),
        all_of(LEADS, named("x", "contact")),
        all_of(LEADS, {"type": "saved_search", "saved_search_id": "save_x"}),
    ],
    ids=str,
)
def test_a_view_that_could_not_be_searched_is_not_made(close: Close, sandbox: Sandbox, query: Any) -> None:
    with pytest.raises(Refused):
        sandbox.add_smart_view("Wrong", query)
    assert [view["name"] for view in close.views()["data"]] == STOCK


def test_views_one_within_another_have_an_end(close: Close, sandbox: Sandbox) -> None:
    view = sandbox.add_smart_view("1", all_of(LEADS, {"type": "match_all"}))
    for number in (2, 3):
        view = sandbox.add_smart_view(str(number), all_of(LEADS, in_view(view)))
    assert close.names(in_view(view)) == []
    with pytest.raises(Refused, match="nested too deeply"):
        sandbox.add_smart_view("4", all_of(LEADS, in_view(view)))


def test_a_view_that_refers_to_itself_is_refused(tmp_path: Path) -> None:
    around = [("save_a", "save_b"), ("save_b", "save_a")]
    disk = Disk(tmp_path / "state")
    disk.write([("saved_search", circular(view, other)) for view, other in around], [], [])
    disk.close()
    with Sandbox(state=tmp_path / "state") as sandbox, Close(sandbox) as close:
        assert "refers to itself" in close.refusal({"type": "saved_search", "saved_search_id": "save_a"})


def circular(view: str, other: str) -> dict[str, Any]:
    return {"id": view, "name": view, "s_query": {"query": all_of(LEADS, in_view({"id": other}))}}


def test_views_are_kept_and_a_state_without_any_gets_those_of_a_new_organisation(tmp_path: Path) -> None:
    with Sandbox(state=tmp_path / "state") as sandbox, Close(sandbox) as close:
        sandbox.add_smart_view("Mine", LEADS)
        views = close.views()["data"]
    with Sandbox(state=tmp_path / "state") as sandbox, Close(sandbox) as close:
        assert close.views()["data"] == views
    disk = Disk(tmp_path / "state")
    disk.write([], [("saved_search", view["id"]) for view in views], [])
    disk.close()
    with Sandbox(state=tmp_path / "state") as sandbox, Close(sandbox) as close:
        assert [view["name"] for view in close.views()["data"]] == STOCK
