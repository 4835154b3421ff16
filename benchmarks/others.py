"""What one would use without the product: the official client, plain scripts. Each prints its seconds.

python -m benchmarks.others official URL FILE COUNT   the official client, one lead at a time
python -m benchmarks.others waiting URL FILE COUNT    a script that waits half a second between two leads
python -m benchmarks.others reading URL COUNT         one GET a lead
python -m benchmarks.others checking URL... ID...     registry, judicial records and score, one call after the other
python -m benchmarks.others pooled URL KEY            eight threads that wait as they are told, until stdin closes
"""

import csv
import itertools
import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import closeio_api
import requests

from benchmarks.files import HEADER

PAUSE = 0.5  # seconds
THREADS = 8
KEY = ("any key", "")


def official(url: str, file: str, count: str) -> float:
    """Seconds for making leads with the official client."""
    client = closeio_api.Client(KEY[0])
    client.base_url = url + "/"
    founded, revenue = (
        client.post("custom_field/lead", {"name": name, "type": kind})["id"]
        for name, kind in (("Company Founded", "text"), ("Company Revenue", "text"))
    )
    bodies = [
        {**body, f"custom.{founded}": day, f"custom.{revenue}": amount} for body, day, amount in leads(file, count)
    ]
    began = time.monotonic()
    for body in bodies:
        client.post("lead", body)
    return time.monotonic() - began


def waiting(url: str, file: str, count: str) -> float:
    """Seconds for making leads with a pause after each."""
    bodies = [body for body, _, _ in leads(file, count)]
    began = time.monotonic()
    for body in bodies:
        requests.post(f"{url}/lead/", json=body, auth=KEY, timeout=30).raise_for_status()
        time.sleep(PAUSE)
    return time.monotonic() - began


def reading(url: str, count: str) -> float:
    """Seconds for reading leads one by one; their ids are known beforehand."""
    with requests.Session() as session:
        session.auth = KEY
        params = {"_limit": count, "_fields": "id"}
        ids = [lead["id"] for lead in session.get(f"{url}/lead/", params=params, timeout=30).json()["data"]]
        began = time.monotonic()
        for lead_id in ids:
            session.get(f"{url}/lead/{lead_id}/", timeout=30).raise_for_status()
        assert len(ids) == int(count)
        return time.monotonic() - began


def checking(registry: str, judicial: str, score: str, *ids: str) -> float:
    """Seconds for asking three services about each person, one call after the other."""
    began = time.monotonic()
    with requests.Session() as session:
        for person_id in ids:
            session.get(f"{registry}/people/{person_id}", timeout=30).raise_for_status()
            session.get(f"{judicial}/people/{person_id}/records", timeout=30).raise_for_status()
            body = {"id": person_id, "registry": "passed", "judicial": "passed"}
            session.post(f"{score}/scores", json=body, timeout=30).raise_for_status()
    return time.monotonic() - began


def pooled(url: str, key: str) -> float:
    """Seconds for which leads were made as fast as eight threads can."""
    is_over, numbers, began = threading.Event(), itertools.count(), time.monotonic()

    def post() -> None:
        with requests.Session() as session:
            session.auth = (key, "")
            while not is_over.is_set():
                answer = session.post(f"{url}/lead/", json={"name": f"{key} {next(numbers)}"}, timeout=30)
                if answer.status_code == requests.codes.too_many_requests:
                    is_over.wait(float(answer.headers["Retry-After"]))
                else:
                    answer.raise_for_status()

    with ThreadPoolExecutor(THREADS) as pool:
        threads = [pool.submit(post) for _ in range(THREADS)]
        sys.stdin.read()
        is_over.set()
        for thread in threads:
            thread.result()  # a thread that failed left the others more than they would have had
    return time.monotonic() - began


def leads(file: str, count: str) -> list[tuple[dict[str, Any], str, str]]:
    """The first leads of a file as one would write them by hand, with day and amount apart."""
    with Path(file).open(encoding="utf-8", newline="") as lines:
        rows = list(itertools.islice(csv.DictReader(lines), int(count)))
    company, name, emails, phones, founded, revenue, state = HEADER
    found = []
    for row in rows:
        contact = {
            "name": row[name],
            "emails": [{"type": "office", "email": email.strip()} for email in row[emails].splitlines()],
            "phones": [{"type": "office", "phone": phone} for phone in row[phones].splitlines()],
        }
        address = {"label": "business", "state": row[state], "country": "US"}
        body = {"name": row[company], "contacts": [contact], "addresses": [address]}
        found.append((body, row[founded], row[revenue]))
    return found


WAYS: Mapping[str, Callable[..., float]] = {
    "official": official,
    "waiting": waiting,
    "reading": reading,
    "checking": checking,
    "pooled": pooled,
}

if __name__ == "__main__":
    print(json.dumps(WAYS[sys.argv[1]](*sys.argv[2:])))
