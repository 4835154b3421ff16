"""What Close holds and what was asked of it, by raw HTTP, with nothing of ours between."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

from sandbox import Sandbox
from tests.raw_close import RawClose


def table(path: str | Path) -> list[dict[str, str]]:
    """The lines of a CSV file."""
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def leads_held(close: RawClose) -> dict[str, Any]:
    """Every lead as Close holds it, by id, but for its dates; read by id, for lists lag."""
    ids: list[str] = []
    params = {"object_type": "lead", "action": "created"}
    while True:
        page = close.get("/event/", params=params).json()
        ids += [event["object_id"] for event in page["data"]]
        if not page["cursor_next"]:
            break
        params["_cursor"] = page["cursor_next"]
    answers = {lead_id: close.get(f"/lead/{lead_id}/") for lead_id in reversed(ids)}
    return {lead_id: undated(answer.json()) for lead_id, answer in answers.items() if answer.status_code == 200}


def undated(thing: Any) -> Any:
    """Something that Close answered, without its dates."""
    if isinstance(thing, dict):
        return {key: undated(value) for key, value in thing.items() if not key.startswith("date_")}
    return [undated(item) for item in thing] if isinstance(thing, list) else thing


def named(held: dict[str, Any], name: str) -> Any:
    """The one lead of a name."""
    (lead,) = [lead for lead in held.values() if lead["name"] == name]
    return lead


def requests_to(sandbox: Sandbox) -> Counter[str]:
    """How often each endpoint was asked."""
    return Counter(sandbox.report()["requests_by_endpoint"])


def writes_to(sandbox: Sandbox) -> Counter[str]:
    """How often each endpoint that writes was asked."""
    asked = requests_to(sandbox)
    return Counter(
        {name: times for name, times in asked.items() if not name.startswith("GET") and name != "POST /data/search/"}
    )


def custom_ids(close: RawClose) -> dict[str, str]:
    """The keys of lead custom fields, by their names."""
    fields = close.get("/custom_field_schema/lead/").json()["fields"]
    return {field["name"]: f"custom.{field['id']}" for field in fields}


def people_on(lead: Any) -> list[tuple[str | None, list[str], list[str]]]:
    """The contacts of a lead: name, e-mails, phones."""
    return [
        (
            contact["name"],
            [item["email"] for item in contact["emails"]],
            [item["phone"] for item in contact["phones"]],
        )
        for contact in lead["contacts"]
    ]
