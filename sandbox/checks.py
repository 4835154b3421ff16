"""The three services that `qualify` asks: registry, judicial records, score. Answers depend only on the id.

The tail of an id is the number formed by its last two digits (or its only one); an id that does not end in digits has
the tail zlib.crc32(id) % 100. So you can choose an id that shows what you want to see:

    tail ends in   the person
    0              is not in the registry: {"exists": false}
    7              can't be looked up in the registry: 503, however often it is asked
    8              can't be looked up in the judicial records: 404
    9              is in the registry and has one judicial record
    anything else  is in the registry and has no judicial record

The score is 50 + tail % 51: person 123 has 73, person 110 has 60, person 111 has 61.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from sandbox.answers import Document, Refused, refused

ENDS_IN_DIGITS = re.compile(r"[0-9]{1,2}\Z")
STATUSES = ("passed", "failed", "unavailable")


def answer(method: str, path: str, body: Any) -> Document:
    """What the service at this path answers."""
    for verb, pattern, ask in SERVICES:
        found = pattern.fullmatch(path)
        if found and verb == method:
            return ask(unquote(found.groupdict().get("id", "")), body)
        if found:
            raise refused(405, "The method is not allowed for the requested URL.")
    raise refused(404, "Not found.")


def service(path: str) -> str | None:
    """The service that a path belongs to, such as "/registry"; None if there is none."""
    name = "/" + path.split("/")[1]
    return name if any(pattern.pattern.startswith(name + "/") for _, pattern, _ in SERVICES) else None


def tail(person_id: str) -> int:
    digits = ENDS_IN_DIGITS.search(person_id)
    return int(digits[0]) if digits else zlib.crc32(person_id.encode()) % 100


def _registry(person_id: str, _body: Any) -> Document:
    if tail(person_id) % 10 == 7:
        raise refused(503, "The registry is closed for maintenance.")
    return {"id": person_id, "exists": tail(person_id) % 10 != 0}


def _judicial(person_id: str, _body: Any) -> Document:
    if tail(person_id) % 10 == 8:
        raise refused(404, "Not found.")
    record = {"case": f"S-{tail(person_id):04}", "court": "Sandbox Court", "kind": "fraud"}
    return {"id": person_id, "records": [record] if tail(person_id) % 10 == 9 else []}


def _score(_nobody: str, body: Any) -> Document:
    if not isinstance(body, dict) or not isinstance(body.get("id"), str):
        raise Refused(400, {"error": "The body must be a JSON object with an id."})
    if not _is_unicode(body["id"]):
        raise Refused(400, {"error": "The id must be valid Unicode text, without half of a surrogate pair."})
    if body.get("registry") not in STATUSES or body.get("judicial") not in STATUSES:
        raise Refused(400, {"error": f"The statuses of both checks are needed, each one of {', '.join(STATUSES)}."})
    return {"id": body["id"], "score": 50 + tail(body["id"]) % 51}


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


SERVICES: tuple[tuple[str, re.Pattern[str], Callable[[str, Any], Document]], ...] = (
    ("GET", re.compile(r"/registry/people/(?P<id>[^/]+)"), _registry),
    ("GET", re.compile(r"/judicial/people/(?P<id>[^/]+)/records"), _judicial),
    ("POST", re.compile(r"/score/scores"), _score),
)
