"""Speak HTTP to Close: one request method, repeats where they are safe, paging as generators, typed errors.

    CloseError
     +-- CloseUnreachable     no answer could be had; nothing was changed by this request
     +-- OutcomeUnknown       a write was sent and its effect is not known: neither success nor refusal
     +-- RequestRejected      Close refused; nothing was changed
          +-- AuthenticationFailed (401), PlanLimitReached (402), PermissionDenied (403), NotFound (404)
          +-- ExpiredCursor (400 that names the cursor)

Facts about Close are those of its developer documentation (developer.close.com).
"""

import ipaddress
import json
import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from tenacity import RetryCallState, Retrying, retry_if_exception
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError
from urllib3.exceptions import SSLError as TLSError

CLOSE_URL = "https://api.close.com/api/v1"
CONNECT_TIMEOUT = 5  # seconds
READ_TIMEOUT = 30  # seconds for an answer to begin, and between its parts
FIRST_PATIENCE = 5  # seconds of trying a host that has never answered: more likely a wrong address than a passing fault
PATIENCE = 25  # seconds of trying a host that has answered before; with a last attempt's time-outs, 60 at most
THROTTLED_PATIENCE = 300  # seconds of being told to wait
MOST_CONNECTIONS = 32
PAGE_SIZE = 200  # objects; the most that Close gives in one page of leads
LONGEST_WALK = 10_000  # objects that one search can be followed through

Json = dict[str, Any]

log = logging.getLogger(__name__)


class CloseError(Exception):
    """Anything that went wrong between us and Close."""


class CloseUnreachable(CloseError):
    """No answer could be had in time; this request changed nothing."""


class OutcomeUnknown(CloseError):
    """A write left and no readable answer came: it may have been done. Never to be sent again without a look."""


class RequestRejected(CloseError):
    """Close refused the request and changed nothing. `reasons` are its words, a line for each field it names."""

    def __init__(self, status: int, answer: object) -> None:
        self.status = status
        self.reasons = _reasons(answer) or [f"Close answered with status {status}."]
        super().__init__("; ".join(self.reasons))


class AuthenticationFailed(RequestRejected):
    """The API key is wrong or was withdrawn."""


class PlanLimitReached(RequestRejected):
    """The organisation's plan allows no more of this."""


class PermissionDenied(RequestRejected):
    """The key's user may not do this."""


class NotFound(RequestRejected):
    """There is no such object, or no longer."""


class ExpiredCursor(RequestRejected):
    """More than 30 seconds passed between two pages of a search; it has to start again."""


ERROR_BY_STATUS: Mapping[int, type[RequestRejected]] = {
    401: AuthenticationFailed,
    402: PlanLimitReached,
    403: PermissionDenied,
    404: NotFound,
}


class _Throttled(CloseError):
    """429: refused before any work was done. `wait` is what the headers ask for, in seconds, or None."""

    def __init__(self, wait: float | None) -> None:
        super().__init__("Close kept asking to wait")
        self.wait = wait


class _NothingSent(CloseError):
    """No connection came about, so the request never left."""


class _AnswerLost(CloseError):
    """The request left, and no answer came back that could be read."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a search: its leads as dicts, and how many the whole search has."""

    leads: list[Json]
    total: int


class CloseClient:
    """A connection to one organisation in Close, safe to share between threads.

    `requests_made` counts every request that left or tried to, `throttled` the answers that asked to wait.
    """

    def __init__(
        self, api_key: str, base_url: str = CLOSE_URL, *, sleep: Callable[[float], None] | None = None
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._sleep = sleep or time.sleep
        self._session = requests.Session()
        self._session.auth = (api_key, "")
        self._session.headers.update({"User-Agent": "close-lead-pipeline", "X-TZ-Offset": "0"})
        self._session.trust_env = not is_loopback(base_url)
        self._session.mount("https://", HTTPAdapter(pool_maxsize=MOST_CONNECTIONS))
        self._session.mount("http://", HTTPAdapter(pool_maxsize=MOST_CONNECTIONS))
        self._counting = threading.Lock()
        self._has_answered = False
        self.requests_made = 0
        self.throttled = 0

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    # What there is in Close ----------------------------------------------------------------------------------------

    def me(self) -> Json:
        """The key's user, with `id` and `organizations` (a list of dicts with `id` and `name`)."""
        return self._request("GET", "/me/")

    def organization(self, organization_id: str) -> Json:
        """An organisation, with `currency` and `currency_symbol`."""
        return self._request("GET", "/organization/{id}/", id=organization_id)

    def lead_fields(self) -> list[Json]:
        """The lead custom fields, shared ones included, in the order shown in Close."""
        return list(self._request("GET", "/custom_field_schema/lead/")["fields"])

    def create_lead_field(self, name: str, kind: str) -> Json:
        """A new lead custom field of a type such as `text`, `number` or `date`."""
        return self._created("/custom_field/lead/", {"name": name, "type": kind})

    def create_lead(self, lead: Json) -> Json:
        """The lead as Close made it. Raises OutcomeUnknown where it may have been made without our hearing of it."""
        return self._created("/lead/", lead)

    def read_lead(self, lead_id: str) -> Json:
        """A lead from the primary store, never from the index. Raises NotFound."""
        return self._request("GET", "/lead/{id}/", id=lead_id)

    def find_leads(self, condition: Json, fields: Sequence[str]) -> Iterator[Json]:
        """The leads that the index shows for a condition, as dicts of the fields asked for."""
        for page in self.search_pages(condition, fields):
            yield from page.leads

    def search_pages(self, condition: Json, fields: Sequence[str]) -> Iterator[SearchPage]:
        """The pages of a search over leads, oldest lead first. At most 10,000 leads; a cursor lives for 30 seconds,
        so read all pages before working on them. Raises ExpiredCursor."""
        leads: Json = {"type": "object_type", "object_type": "lead"}
        body: Json = {
            "query": {"type": "and", "queries": [leads, condition]},
            "_fields": {"lead": list(fields)},
            "_limit": PAGE_SIZE,
            "include_counts": True,
            "sort": [{"direction": "asc", "field": regular_field("date_created")}],
        }
        cursor: str | None = None
        while True:
            answer = self._request("POST", "/data/search/", body={**body, "cursor": cursor} if cursor else body)
            yield SearchPage(answer["data"], answer["count"]["total"])
            cursor = answer["cursor"]
            if cursor is None:
                return

    # The one request method ----------------------------------------------------------------------------------------

    def _request(self, method: str, path: str, *, body: Json | None = None, **ids: str) -> Json:
        """Close's answer to one request, repeated while that is safe."""
        is_write = method != "GET" and path != "/data/search/"
        try:
            return self._repeating(is_write)(self._send, method, path, body, ids)
        except _AnswerLost as lost:
            raise (OutcomeUnknown if is_write else CloseUnreachable)(str(lost)) from None
        except (_NothingSent, _Throttled) as failed:
            raise CloseUnreachable(str(failed)) from None

    def _created(self, path: str, body: Json) -> Json:
        made = self._request("POST", path, body=body)
        if not made.get("id"):
            raise OutcomeUnknown("Close's answer has no id")
        return made

    def _repeating(self, is_write: bool) -> Retrying:
        return Retrying(
            retry=retry_if_exception(lambda error: is_safe_to_repeat(error, is_write)),
            wait=_wait_as_told,
            stop=self._is_out_of_patience,
            sleep=self._sleep,
            reraise=True,
        )

    def _is_out_of_patience(self, state: RetryCallState) -> bool:
        assert state.outcome is not None
        if isinstance(state.outcome.exception(), _Throttled):
            patience: float = THROTTLED_PATIENCE
        else:
            patience = PATIENCE if self._has_answered else FIRST_PATIENCE
        return max(state.idle_for, state.seconds_since_start or 0.0) + state.upcoming_sleep > patience

    def _send(self, method: str, path: str, body: Json | None, ids: Mapping[str, str]) -> Json:
        with self._counting:
            self.requests_made += 1
        began = time.monotonic()
        try:
            response = self._session.request(
                method,
                self._base_url + path.format_map({name: quote(value, safe="") for name, value in ids.items()}),
                json=body,
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            log.info("%s %s no answer (%s) %.0f ms", method, path, type(error).__name__, _ms_since(began))
            raise _connection_failure(error) from None
        log.info("%s %s %d %.0f ms", method, path, response.status_code, _ms_since(began))
        self._has_answered = True
        if response.status_code == 429:
            with self._counting:
                self.throttled += 1
        return _read_answer(response)


def is_safe_to_repeat(error: BaseException, is_write: bool) -> bool:
    """Whether a failed request can be sent again: always where nothing was done (429, no connection); after a lost
    answer only a read, for a write may have been done and Close knows no idempotency key."""
    return isinstance(error, (_Throttled, _NothingSent)) or (isinstance(error, _AnswerLost) and not is_write)


def is_loopback(url: str) -> bool:
    """Whether a URL points at this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def fields_named(schema: Sequence[Json], name: str) -> list[Json]:
    """The custom fields of a name (Close allows several): of the same spelling, else of the same but for case."""
    wanted = name.strip()
    same = [field for field in schema if field["name"].strip() == wanted]
    return same or [field for field in schema if field["name"].strip().casefold() == wanted.casefold()]


# Nodes of Close's Advanced Filtering ---------------------------------------------------------------------------------


def regular_field(name: str) -> Json:
    """A field that every lead has, as Advanced Filtering names it."""
    return {"type": "regular_field", "object_type": "lead", "field_name": name}


def custom_field(field_id: str) -> Json:
    """A lead custom field, as Advanced Filtering names it."""
    return {"type": "custom_field", "custom_field_id": field_id}


def has_value(field: Json, value: str) -> Json:
    """The condition that a text field holds exactly this value; whether case counts is Close's to say."""
    condition = {"type": "text", "mode": "exact_value", "value": value}
    return {"type": "field_condition", "field": field, "condition": condition}


def any_of(conditions: Sequence[Json]) -> Json:
    """The condition that at least one of these holds."""
    return {"type": "or", "queries": list(conditions)}


def is_between_days(field: Json, first: str, last: str) -> Json:
    """The condition that a date lies between two days, both included; a lead without the date never does."""
    condition = {
        "type": "moment_range",
        "on_or_after": {"type": "fixed_local_date", "value": first, "which": "start"},
        "before": {"type": "fixed_local_date", "value": last, "which": "end"},
    }
    return {"type": "field_condition", "field": field, "condition": condition}


# Answers and failures ------------------------------------------------------------------------------------------------


def _read_answer(response: requests.Response) -> Json:
    status = response.status_code
    if status == 429:
        raise _Throttled(_asked_wait(response.headers))
    if status >= 500:
        raise _AnswerLost(f"Close answered with status {status}")
    answer = _json_or_none(response)
    if 200 <= status < 300:
        if not isinstance(answer, dict):
            raise _AnswerLost("Close's answer could not be read")
        return answer
    if status == 400 and isinstance(answer, dict) and "cursor" in (answer.get("field-errors") or {}):
        raise ExpiredCursor(status, answer)
    raise ERROR_BY_STATUS.get(status, RequestRejected)(status, answer)


def _json_or_none(response: requests.Response) -> object:
    try:
        return json.loads(response.content)
    except ValueError:
        return None


def _connection_failure(error: requests.RequestException) -> CloseError:
    """What a failure of the connection means: the request never left, or its answer was lost."""
    if isinstance(error, (requests.ConnectTimeout, requests.exceptions.ProxyError, requests.exceptions.SSLError)):
        return _NothingSent(f"no connection to Close ({type(error).__name__})")
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    if isinstance(reason, (NewConnectionError, NameResolutionError, TLSError)):
        return _NothingSent("no connection to Close")
    return _AnswerLost(f"the connection to Close broke ({type(error).__name__})")


_RESET = re.compile(r"\breset\s*=\s*(\d+(?:\.\d+)?)")


def _asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds until the window resets: `RateLimit` is finer than `Retry-After`, and either may be missing."""
    found = _RESET.search(headers.get("RateLimit", ""))
    if found:
        return float(found[1])
    try:
        return max(0.0, float(headers["Retry-After"]))
    except (KeyError, ValueError):
        return None


def _wait_as_told(state: RetryCallState) -> float:
    """Seconds to wait: what Close asks for and a little more, so that not all come back at once; else ever longer."""
    assert state.outcome is not None
    error = state.outcome.exception()
    if isinstance(error, _Throttled) and error.wait is not None:
        return float(max(error.wait, 0.05) + random.uniform(0, 0.1))
    return random.uniform(0.5, 1) * min(8.0, 2.0 ** (state.attempt_number - 1))


def _ms_since(began: float) -> float:
    return (time.monotonic() - began) * 1000


def _reasons(answer: object, path: str = "") -> list[str]:
    """Close's words in an error body of any of its shapes; what stands deep is led in by the fields around it."""
    if isinstance(answer, str):
        return [f"{path}: {answer}" if path else answer]
    if isinstance(answer, list):
        return [reason for part in answer for reason in _reasons(part, path)]
    if not isinstance(answer, dict):
        return []
    reasons: list[str] = []
    for key, part in answer.items():
        is_wrapping = key in ("error", "errors", "field-errors", "message")
        reasons += _reasons(part, path if is_wrapping else f"{path}.{key}".lstrip("."))
    return reasons
