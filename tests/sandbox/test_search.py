"""The sandbox as Close's Advanced Filtering, and the index that lags behind."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox import Sandbox
from tests.raw_close import Clock, RawClose

LEADS = {"type": "object_type", "object_type": "lead"}
CONTACTS = {"type": "object_type", "object_type": "contact"}


class Close(RawClose):
    """The session with what these tests ask of it again and again."""

    def field(self, name: str, kind: str, **more: Any) -> str:
        return str(self.made("/custom_field/lead/", name=name, type=kind, **more)["id"])

    def names(self, node: dict[str, Any], kind: dict[str, Any] = LEADS, **options: Any) -> list[str]:
        fields = {kind["object_type"]: ["name"]}
        query = {"type": "and", "queries": [kind, node]}
        return [found["name"] for found in self.made("/data/search/", query=query, _fields=fields, **options)["data"]]

    def refuses(self, **body: Any) -> Any:
        answer = self.post("/data/search/", json=body)
        assert answer.status_code == 400, answer.text
        return answer.json()["field-errors"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[Sandbox]:
    with Sandbox(clock=clock) as running:
        yield running


@pytest.fixture
def close(sandbox: Sandbox) -> Iterator[Close]:
    with Close(sandbox) as session:
        yield session


def regular(name: str, kind: str = "lead") -> dict[str, str]:
    return {"type": "regular_field", "object_type": kind, "field_name": name}


def custom(field_id: str) -> dict[str, str]:
    return {"type": "custom_field", "custom_field_id": field_id}


def has(field: dict[str, str], kind: str, **condition: Any) -> dict[str, Any]:
    return {"type": "field_condition", "field": field, "condition": {"type": kind, **condition}}


def exact(field: dict[str, str], value: str) -> dict[str, Any]:
    return has(field, "text", mode="exact_value", value=value)


def either(*queries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "or", "queries": list(queries), **more}


def related(this: str, other: str, query: dict[str, Any]) -> dict[str, Any]:
    return {"type": "has_related", "this_object_type": this, "related_object_type": other, "related_query": query}


def on(day: str, which: str) -> dict[str, str]:
    return {"type": "fixed_local_date", "value": day, "which": which}


def by_email(address: str) -> dict[str, Any]:
    is_it = exact(regular("email", "contact_email"), address)
    return related("lead", "contact", related("contact", "contact_email", is_it))


@pytest.mark.parametrize(
    ("mode", "value", "names"),
    [
        ("exact_value", "acme ltd", ["Acme Ltd"]),
        ("exact_value", "acme", []),
        ("full_words", "ltd acme", ["Acme Ltd", "Acme Trading Ltd"]),
        ("full_words", "acm", []),
        ("beginning_of_words", "tra acm", ["Acme Trading Ltd"]),
        ("phrase", "trading ltd", ["Acme Trading Ltd"]),
        ("phrase", "acme ltd", ["Acme Ltd"]),
    ],
)
def test_text_conditions_have_four_modes(close: Close, mode: Any, value: Any, names: Any) -> None:
    close.made("/lead/", name="Acme Ltd")
    close.made("/lead/", name="Acme Trading Ltd")
    assert close.names(has(regular("name"), "text", mode=mode, value=value)) == names


@pytest.mark.parametrize("mode", ["full_words", "beginning_of_words", "phrase"])
@pytest.mark.parametrize("value", ["", " ", "?!"])
def test_a_text_condition_without_a_word_finds_nothing(close: Close, mode: Any, value: Any) -> None:
    close.made("/lead/", name="Acme ?!")
    close.made("/lead/", name="?!")
    assert close.names(has(regular("name"), "text", mode=mode, value=value)) == []


def test_without_fields_only_the_id_and_the_type_come(close: Close) -> None:
    lead = close.made("/lead/", name="Acme")
    answer = close.made("/data/search/", query=LEADS)
    assert answer == {"data": [{"__object_type": "lead", "id": lead["id"]}], "cursor": None}


def test_custom_values_come_flat(close: Close) -> None:
    field = close.field("Revenue", "number")
    close.made("/lead/", **{f"custom.{field}": 5})
    for asked in ("custom", f"custom.{field}"):
        (found,) = close.made("/data/search/", query=LEADS, _fields={"lead": [asked, "no_such"]})["data"]
        assert found[f"custom.{field}"] == 5


def test_a_range_of_days_includes_its_end_when_that_is_the_end_of_the_day(close: Close) -> None:
    field = close.field("Founded", "date")
    for day in ("1999-12-31", "2000-01-01", "2005-12-31", "2006-01-01"):
        close.made("/lead/", **{"name": day, f"custom.{field}": day})
    close.made("/lead/", name="never founded")
    whole = has(custom(field), "moment_range", on_or_after=on("2000-01-01", "start"), before=on("2005-12-31", "end"))
    half = has(custom(field), "moment_range", on_or_after=on("2000-01-01", "start"), before=on("2005-12-31", "start"))
    assert close.names(whole) == ["2000-01-01", "2005-12-31"]
    assert close.names(half) == ["2000-01-01"]
    assert close.names(has(custom(field), "moment_range", before=on("2000-01-01", "start"))) == ["1999-12-31"]


def test_the_end_of_the_last_day_there_is_includes_it(close: Close) -> None:
    field = close.field("Founded", "date")
    close.made("/lead/", **{"name": "last", f"custom.{field}": "9999-12-31"})
    assert close.names(has(custom(field), "moment_range", before=on("9999-12-31", "end"))) == ["last"]
    assert close.names(has(custom(field), "moment_range", before=on("9999-12-31", "start"))) == []


def test_a_local_day_follows_the_offset_in_the_header(close: Close) -> None:
    field = close.field("Seen", "datetime")
    close.made("/lead/", **{"name": "late", f"custom.{field}": "2024-05-01T23:30:00+00:00"})
    node = has(custom(field), "moment_range", on_or_after=on("2024-05-02", "start"))
    assert close.names(node) == []
    close.headers["X-TZ-Offset"] = "2"
    assert close.names(node) == ["late"]


def test_moments_may_be_now_or_an_offset_or_fixed(close: Close) -> None:
    lead = close.made("/lead/", name="new")
    ago = {"type": "offset", "direction": "past", "moment": {"type": "now"}, "offset": {"months": 1}}
    created = regular("date_created")
    assert close.names(has(created, "moment_range", on_or_after=ago, before={"type": "now"})) == ["new"]
    assert close.names(has(created, "moment_range", before=ago)) == []
    fixed = {"type": "fixed_utc", "value": lead["date_created"]}
    assert close.names(has(created, "moment_range", on_or_after=fixed, before=None)) == ["new"]
    assert close.names(has(created, "moment_range", before=fixed)) == []


def test_conditions_on_numbers_terms_references_and_presence(close: Close) -> None:
    revenue = close.field("Revenue", "number")
    colour = close.field("Colour", "choices", choices=["red", "blue"], accepts_multiple_values=True)
    close.made("/lead/", **{"name": "rich", f"custom.{revenue}": 10.5, f"custom.{colour}": ["red", "blue"]})
    lead = close.made("/lead/", name="poor", status="Prospect")
    assert close.names(has(custom(revenue), "number_range", gte=10.5, lt=11)) == ["rich"]
    assert close.names(has(custom(revenue), "number_range", gt=10.5)) == []
    assert close.names(has(custom(colour), "term", values=["blue"])) == ["rich"]
    assert close.names(has(custom(revenue), "exists")) == ["rich"]
    assert close.names({**has(custom(revenue), "exists"), "negate": True}) == ["poor"]
    assert close.names(has(regular("status_id"), "term", values=[lead["status_id"]])) == ["poor"]
    by_creator = {"reference_type": "user_or_group", "object_ids": [lead["created_by"]]}
    assert close.names(has(regular("created_by"), "reference", **by_creator)) == ["rich", "poor"]


def test_or_and_negate_combine(close: Close) -> None:
    for name in ("A", "B", "C"):
        close.made("/lead/", name=name)
    a_or_b = either(exact(regular("name"), "a"), exact(regular("name"), "b"))
    assert close.names(a_or_b) == ["A", "B"]
    assert close.names({**a_or_b, "negate": True}) == ["C"]
    assert close.names(either(exact(regular("name"), "a"), {**exact(regular("name"), "b"), "negate": True})) == [
        "A",
        "C",
    ]
    assert close.names(either()) == []


def test_leads_are_found_by_the_email_of_a_contact(close: Close) -> None:
    close.made("/lead/", name="Acme", contacts=[{"emails": [{"email": "Ann@acme.example"}]}])
    close.made("/lead/", name="Beta", contacts=[{"emails": [{"email": "bob@beta.example"}]}])
    assert close.names(by_email("ann@acme.example")) == ["Acme"]
    assert close.names(either(by_email("ann@acme.example"), by_email("bob@beta.example"))) == ["Acme", "Beta"]
    assert close.names({**by_email("ann@acme.example"), "negate": True}) == ["Beta"]


def test_contacts_and_free_text_can_be_searched(close: Close) -> None:
    close.made("/lead/", name="Acme", contacts=[{"name": "Ann Bee"}, {"name": "Cy Dee"}])
    close.made("/lead/", name="Beta", description="friends of Ann")
    assert close.names(exact(regular("name", "contact"), "ann bee"), CONTACTS) == ["Ann Bee"]
    assert close.names({"type": "text", "value": "ann", "mode": "full_words"}) == ["Acme", "Beta"]
    assert close.names({"type": "match_all"}) == ["Acme", "Beta"]


@pytest.mark.parametrize(
    "node",
    [
        {"type": "saved_search", "saved_search_id": "save_x"},
        {"type": "saved_search", "saved_search_id": ["save_x"]},
        {"type": "saved_search", "saved_search_id": None},
        {"type": "saved_search"},
        {"type": "saved_search", "saved_search_id": "save_x", "name": "x"},
        {"type": "ids", "ids": []},
        {"type": "match_all", "extra": 1},
        {"type": "or"},
        {"type": "or", "queries": {}},
        {"type": "match_all", "negate": "yes"},
        {"type": "object_type", "object_type": "opportunity"},
        exact(regular("no_such"), "x"),
        exact(regular("email", "contact_email"), "x"),
        exact(custom("cf_x"), "x"),
        exact({"type": "smart_field"}, "x"),
        has(regular("name"), "text", mode="contains", value="x"),
        has(regular("name"), "text", mode="phrase", value=5),
        has(regular("name"), "number_range", gte=1),
        has(regular("name"), "fixed_date_range"),
        has(regular("name"), "exists", value=True),
        has(regular("num_contacts"), "number_range"),
        has(regular("status_id"), "term", values="x"),
        has(regular("created_by"), "reference", reference_type="x", object_ids=[]),
        has(regular("date_created"), "moment_range"),
        has(regular("date_created"), "moment_range", before="2020-01-01"),
        has(regular("date_created"), "moment_range", before={"type": "local_date", "value": "2020-01-01"}),
        has(regular("date_created"), "moment_range", before={"type": "fixed_local_date", "value": "2020-01-01"}),
        has(regular("date_created"), "moment_range", before=on("2023-02-29", "end")),
        {"type": []},
        {"type": {}},
        {"type": "field_condition", "field": regular("name"), "condition": {"type": []}},
        {"type": "field_condition", "field": regular("name"), "condition": {"type": {}}},
        has(regular("date_created"), "moment_range", before={"type": []}),
        has(regular("date_created"), "moment_range", before={"type": {}}),
        related("lead", "address", exact(regular("state", "address"), "NV")),
        related("lead", "contact_email", {"type": "match_all"}),
        related("contact", "contact_email", {"type": "match_all"}),
        "x",
    ],
    ids=str,
)
def test_what_the_grammar_does_not_know_is_400(close: Close, node: Any) -> None:
    assert list(close.refuses(query={"type": "and", "queries": [LEADS, node]})) == ["query"]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"query": {"type": "match_all"}}, "query"),
        ({"_limit": 201}, "_limit"),
        ({"_limit": "5"}, "_limit"),
        ({"_fields": ["id"]}, "_fields"),
        ({"_fields": {"task": ["id"]}}, "_fields"),
        ({"sort": {"field": "name"}}, "sort"),
        ({"filter": {}}, "filter"),
        ({"cursor": "made up"}, "cursor"),
    ],
)
def test_what_the_body_does_not_know_is_400(close: Close, options: Any, field: Any) -> None:
    assert list(close.refuses(**{"query": LEADS, **options})) == [field]


def test_results_come_in_the_order_asked_for_and_those_without_a_value_last(close: Close) -> None:
    field = close.field("Revenue", "number")
    for name, revenue in (("A", 5), ("B", None), ("C", 7)):
        close.made("/lead/", **{"name": name, f"custom.{field}": revenue})
    everything = {"type": "match_all"}
    assert close.names(everything, sort=[{"direction": "desc", "field": custom(field)}]) == ["C", "A", "B"]
    assert close.names(everything, sort=[{"direction": "asc", "field": custom(field)}]) == ["A", "C", "B"]
    assert close.names(everything, sort=[{"direction": "desc", "field": regular("date_created")}]) == ["C", "B", "A"]


def test_a_walk_ends_with_a_null_cursor_and_counts_on_demand(close: Close) -> None:
    for name in "ABCDE":
        close.made("/lead/", name=name)
    body = {"query": LEADS, "_limit": 2, "include_counts": True, "_fields": {"lead": ["name"]}}
    pages: list[dict[str, Any]] = [close.made("/data/search/", **body)]
    while pages[-1]["cursor"]:
        pages.append(close.made("/data/search/", **body, cursor=pages[-1]["cursor"]))
    assert ["".join(lead["name"] for lead in page["data"]) for page in pages] == ["AB", "CD", "E"]
    assert {page["count"]["total"] for page in pages} == {5}


def test_results_limit_caps_the_walk_and_not_the_count(close: Close) -> None:
    for name in "ABC":
        close.made("/lead/", name=name)
    capped = close.made("/data/search/", query=LEADS, results_limit=0, include_counts=True)
    assert capped == {"data": [], "cursor": None, "count": {"total": 3}}


def test_a_cursor_lives_for_thirty_seconds(close: Close, clock: Clock) -> None:
    close.made("/lead/"), close.made("/lead/")
    body = {"query": LEADS, "_limit": 1}
    cursor = close.made("/data/search/", **body)["cursor"]
    clock.now += 29
    assert close.made("/data/search/", **body, cursor=cursor)["data"]
    clock.now += 2
    assert close.refuses(**body, cursor=cursor) == {"cursor": "Expired cursor"}


def test_cursors_die_early_where_a_test_wants_that(clock: Clock) -> None:
    body = {"query": LEADS, "_limit": 1}
    with Sandbox(clock=clock, cursor_life=2) as sandbox, Close(sandbox) as close:
        close.made("/lead/"), close.made("/lead/")
        cursors = [close.made("/data/search/", **body)["cursor"] for _ in range(2)]
        clock.now += 2
        assert close.made("/data/search/", **body, cursor=cursors[0])["data"]
        sandbox.expire_cursors()
        for cursor in cursors:
            assert close.refuses(**body, cursor=cursor) == {"cursor": "Expired cursor"}
        cursor = close.made("/data/search/", **body)["cursor"]
        clock.now += 2.1
        assert close.refuses(**body, cursor=cursor) == {"cursor": "Expired cursor"}


def test_a_cursor_may_be_of_no_use_at_all() -> None:
    with Sandbox(cursor_life=0) as sandbox, Close(sandbox) as close:
        close.made("/lead/"), close.made("/lead/")
        body = {"query": LEADS, "_limit": 1}
        cursor = close.made("/data/search/", **body)["cursor"]
        assert close.refuses(**body, cursor=cursor) == {"cursor": "Expired cursor"}


def test_a_walk_reaches_so_many_objects_and_counts_them_all() -> None:
    with Sandbox(most_walked=3) as sandbox, Close(sandbox) as close:
        for name in "ABCDE":
            close.made("/lead/", name=name)
        body = {"query": LEADS, "_limit": 2, "include_counts": True}
        first = close.made("/data/search/", **body)
        second = close.made("/data/search/", **body, cursor=first["cursor"])
        assert (len(first["data"]), len(second["data"]), second["cursor"]) == (2, 1, None)
        assert first["count"] == second["count"] == {"total": 5}


def test_a_cursor_outlives_many_newer_ones(close: Close) -> None:
    close.made("/lead/"), close.made("/lead/")
    body = {"query": LEADS, "_limit": 1}
    cursors = [close.made("/data/search/", **body)["cursor"] for _ in range(250)]
    assert close.made("/data/search/", **body, cursor=cursors[0])["data"]


def test_a_query_that_is_nested_too_deeply_is_400(close: Close) -> None:
    nested: dict[str, Any] = {"type": "and", "queries": [LEADS]}
    for depth in range(1, 301):
        nested = {"type": "and", "queries": [nested]}
        if depth in (40, 300):
            answer = close.post("/data/search/", json={"query": nested})
            assert answer.status_code == {40: 200, 300: 400}[depth]


def test_a_cursor_belongs_to_its_body(close: Close) -> None:
    close.made("/lead/"), close.made("/lead/")
    cursor = close.made("/data/search/", query=LEADS, _limit=1)["cursor"]
    assert list(close.refuses(query=LEADS, _limit=2, cursor=cursor)) == ["cursor"]


def test_the_index_shows_creations_changes_and_deletions_after_the_lag(clock: Clock) -> None:
    with Sandbox(clock=clock, index_lag=60, event_lag=5) as sandbox, Close(sandbox) as close:
        lead = close.made("/lead/", name="old")
        path, everything = f"/lead/{lead['id']}/", {"type": "match_all"}
        assert close.names(everything) == close.get("/lead/").json()["data"] == []
        assert close.get(path).status_code == 200
        assert close.get("/event/").json()["data"] == []
        clock.now += 5
        assert len(close.get("/event/").json()["data"]) == 1
        clock.now += 55
        close.put(path, json={"name": "new"})
        assert close.names(everything) == ["old"]
        clock.now += 60
        close.delete(path)
        assert close.names(everything) == ["new"]
        assert close.get(path).status_code == 404
        clock.now += 60
        assert close.names(everything) == []


def test_lists_of_notes_lag_only_where_that_is_wanted_and_a_note_by_its_id_never(clock: Clock) -> None:
    for lag in (0, 2):
        with Sandbox(clock=clock, list_lag=lag) as sandbox, Close(sandbox) as close:
            lead_id = close.made("/lead/")["id"]
            note = close.made("/activity/note/", lead_id=lead_id, note="x")
            lists = [f"/activity/?lead_id={lead_id}&_type=Note", "/activity/?_limit=1", "/activity/note/"]
            assert [close.get(path).json()["data"] for path in lists] == [[] if lag else [note]] * 3
            assert close.get(f"/activity/note/{note['id']}/").json() == note
            clock.now += lag
            assert [close.get(path).json()["data"] for path in lists] == [[note]] * 3


def test_events_do_not_lag_more_than_the_index() -> None:
    with pytest.raises(ValueError, match="must not be longer than index_lag"):
        Sandbox(index_lag=1, event_lag=2)


def test_a_frozen_index_stands_still(close: Close, sandbox: Sandbox) -> None:
    sandbox.freeze_index()
    close.made("/lead/", name="A")
    assert close.names({"type": "match_all"}) == []
    sandbox.thaw_index()
    assert close.names({"type": "match_all"}) == ["A"]


def test_two_hundred_values_are_looked_for_at_once(close: Close) -> None:
    field = close.field("Import Key", "text")
    for number in range(300):
        close.made("/lead/", **{"name": str(number), f"custom.{field}": f"k1:{number}"})
    wanted = either(*(exact(custom(field), f"k1:{number}") for number in range(0, 400, 2)))
    began = time.process_time()  # of all threads, and so of the sandbox's
    assert len(close.names(wanted, _limit=200)) == 150
    assert time.process_time() - began < 0.5
