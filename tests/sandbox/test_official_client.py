"""The official client of Close, unpatched but for its base URL, against `python main.py sandbox`."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import closeio_api
import pytest

import main
from sandbox import Fault, Sandbox
from tests.conftest import Run
from tests.raw_close import Clock


@pytest.fixture
def official() -> Iterator[closeio_api.Client]:
    command = [sys.executable, str(Path(main.__file__)), "sandbox", "--port", "0", "--index-lag", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as serving:
        assert serving.stdout is not None
        found = re.match(r"export CLOSE_API_URL=(\S+)", serving.stdout.readline())
        assert found is not None
        client = closeio_api.Client("any key")
        client.base_url = found[1] + "/"
        yield client
        client.session.close()
        serving.terminate()


def test_it_creates_lists_searches_updates_and_deletes_leads(official: closeio_api.Client) -> None:
    organization = official.get("me")["organizations"][0]
    assert official.get(f"organization/{organization['id']}")["currency"] == "USD"
    field = official.post("custom_field/lead", {"name": "Company Founded", "type": "date"})["id"]
    made = official.post(
        "lead",
        {
            "name": "Acme",
            "contacts": [{"name": "Ann", "emails": [{"type": "office", "email": "ann@acme.com"}]}],
            f"custom.{field}": "1999-07-02",
        },
    )
    other = official.post("lead", {"name": "Beta", "status": "Potential"})

    listed = official.get("lead", params={"_limit": 1, "_fields": "id,name"})
    assert (listed["has_more"], listed["total_results"], len(listed["data"])) == (True, 2, 1)
    queried = official.get("lead", params={"query": 'name:"Beta"'})
    assert [lead["id"] for lead in queried["data"]] == [other["id"]]

    def search(day: str) -> list[str]:
        moment = {"type": "fixed_local_date", "value": day}
        condition = {
            "type": "moment_range",
            "on_or_after": {**moment, "which": "start"},
            "before": {**moment, "which": "end"},
        }
        node = {"type": "field_condition", "field": {"type": "custom_field", "custom_field_id": field}}
        leads = {"type": "object_type", "object_type": "lead"}
        query = {"type": "and", "queries": [leads, {**node, "condition": condition}]}
        found = official.post("data/search", {"query": query, "_fields": {"lead": ["id", "name"]}})
        return [lead["name"] for lead in found["data"]]

    assert search("1999-07-02") == ["Acme"]
    updated = official.put(f"lead/{made['id']}", {"name": "Acme Inc", f"custom.{field}": "2001-01-01"})
    assert (updated["name"], updated[f"custom.{field}"]) == ("Acme Inc", "2001-01-01")
    assert [contact["name"] for contact in official.get(f"lead/{made['id']}")["contacts"]] == ["Ann"]
    assert (search("1999-07-02"), search("2001-01-01")) == ([], ["Acme Inc"])

    assert official.delete(f"lead/{made['id']}") == {}
    with pytest.raises(closeio_api.APIError) as gone:
        official.get(f"lead/{made['id']}")
    assert gone.value.response.status_code == 404


def test_it_is_told_why_a_lead_is_refused(official: closeio_api.Client) -> None:
    with pytest.raises(closeio_api.ValidationError) as refused:
        official.post("lead", {"name": "Acme", "contacts": [{"emails": [{"email": "no address"}]}]})
    contact = refused.value.field_errors["contacts"]["errors"]["0"]
    email = contact["field-errors"]["emails"]["errors"]["0"]
    assert email["field-errors"]["email"] == "Invalid email address."


def test_it_waits_as_the_sandbox_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, naps = Clock(), []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        clock.now += seconds

    monkeypatch.setattr(time, "sleep", nap)
    with Sandbox(rate=2, window=8, clock=clock) as sandbox:
        client = closeio_api.Client("any key")
        client.base_url = sandbox.close_url + "/"
        made = [client.post("lead", {"name": "Acme"}) for _ in range(17)]
        client.session.close()
    assert len(made) == 17
    assert naps == [8.0]


@pytest.mark.comparison
def test_it_doubles_a_lead_whose_answer_gets_lost_and_an_import_does_not(
    run: Run, write: Callable[..., Path], connect: Callable[[Sandbox], None], clock: Callable[[], float]
) -> None:
    lost = Fault("drop-after", on="POST /api/v1/lead/", times=4)
    with Sandbox(faults=[lost]) as sandbox:
        client = closeio_api.Client("any key")
        client.base_url = sandbox.close_url + "/"
        assert client.post("lead", {"name": "Acme"})["name"] == "Acme"
        client.session.close()
        assert sandbox.report()["requests_by_endpoint"]["POST /lead/"] == 5
        assert sandbox.report()["leads"] == 5
    with Sandbox(faults=[lost]) as sandbox:
        connect(sandbox)
        write("Acme,,,,,,")
        ran = run("import", "leads.csv", "--json")
        assert (ran.code, ran.json["leads"]["created"]) == (0, 1)
        assert sandbox.report()["leads"] == 1
