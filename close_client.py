"""Speak HTTP to Close: one request method, repeats where they are safe, paging as generators, typed errors.

    CloseError
     +-- CloseUnreachable     no answer could be had; nothing was changed by this request
     +-- Stopped              the caller ended the wait for a better moment; nothing was changed by this request
     +-- OutcomeUnknown       a write was sent and its effect is not known: neither success nor refusal
     +-- AmbiguousField       two custom fields have the name that was asked for
     +-- RequestRejected      Close refused; nothing was changed
          +-- InvalidRequest (400, 413, 422), and of these ExpiredCursor (that names the cursor)
          +-- AuthenticationFailed (401), PlanLimitReached (402), PermissionDenied (403), NotFound (404)

Facts about Close are those of its developer documentation (developer.close.com).
"""

import logging
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from close.rate_gate import LONGEST_CLOSURE, GateClosed, Passage, RateGate, RateGates
from close.transport import json_or_none, open_session, read_content

CLOSE_URL = "https://api.close.com/api/v1"
CONNECT_TIMEOUT = 5  # seconds
READ_TIMEOUT = 30  # seconds from the start of a request to the end of its answer, however slowly that comes
LARGEST_ANSWER = 100_000_000  # bytes; a page of 200 leads with all their contacts is far below
FIRST_PATIENCE = 5  # seconds of trying a host that has never answered: more likely a wrong address than a passing fault
PATIENCE = 25  # seconds of trying a host that has answered before; with a last attempt's time-outs, 60 at most
MOST_CONNECTIONS = 32  # as many as ever work side by side
PAGE_SIZE = 200  # objects; the most that Close gives in one page of leads
EVENTS_PER_PAGE = 50  # the most that Close gives in one page of its event log
LIST_PAGE_SIZE = 100  # objects; safe for every list that is asked for by offset
LONGEST_WALK = 10_000  # objects that one search can be followed through

Json = dict[str, Any]

log = logging.getLogger(__name__)


class CloseError(Exception):
    """Anything that went wrong between us and Close."""


class CloseUnreachable(CloseError):
    """No answer could be had in time; this request changed nothing."""


class Stopped(CloseError):
    """A `sleep` raises this to end a wait early: the request that waited was not done."""


class OutcomeUnknown(CloseError):
    """A write left and no readable answer came: it may have been done. Never to be sent again without a look."""


class AmbiguousField(CloseError):
    """Close has several lead custom fields of one name; the message says to rename them."""


class RequestRejected(CloseError):
    """Close refused the request and changed nothing.

    `complaints` are its words, each behind the path to the value that it names: ("contacts", "0", "name"), say; the
    path is empty where the words concern the request as a whole.
    """

    def __init__(self, status: int, answer: object) -> None:
        self.status = status
        self.complaints = _complaints(answer) or [((), f"Close answered with status {status}.")]
        super().__init__("; ".join(f"{'.'.join(path)}: {words}" if path else words for path, words in self.complaints))


class InvalidRequest(RequestRejected):
    """Close does not take the values that were sent."""


class AuthenticationFailed(RequestRejected):
    """The API key is wrong or was withdrawn."""


class PlanLimitReached(RequestRejected):
    """The organisation's plan allows no more of this."""


class PermissionDenied(RequestRejected):
    """The key's user may not do this."""


class NotFound(RequestRejected):
    """There is no such object, or no longer."""


class ExpiredCursor(InvalidRequest):
    """More than 30 seconds passed between two pages of a search; it has to start again."""


ERROR_BY_STATUS: Mapping[int, type[RequestRejected]] = {
    400: InvalidRequest,
    413: InvalidRequest,
    422: InvalidRequest,
    401: AuthenticationFailed,
    402: PlanLimitReached,
    403: PermissionDenied,
    404: NotFound,
}


class _Throttled(CloseError):
    """429: refused before any work was done. `wait` is in how many seconds it is worth another try."""

    def __init__(self, wait: float) -> None:
        super().__init__("Close kept asking to wait")
        self.wait = wait


class _NothingSent(CloseError):
    """No connection came about, so the request never left."""


class _AnswerLost(CloseError):
    """The request left, and no answer came back that could be read."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose key it is: the user, the user's role, and the one organisation that the key belongs to."""

    user_id: str
    role_id: str
    organization_id: str
    organization_name: str
    currency: str
    currency_symbol: str


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of a search: its leads as dicts, and how many the whole search has."""

    leads: list[Json]
    total: int


class CloseClient:
    """A connection to one organisation in Close, safe to share between threads.

    `requests_made` counts every request that left or tried to, `throttled` the answers that asked to wait. With
    `is_redacted` no error tells Close's words, which may repeat what was sent.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str = CLOSE_URL,
        *,
        sleep: Callable[[float], None] | None = None,
        clock: Callable[[], float] | None = None,
        is_redacted: bool = False,
    ) -> None:
        self._is_redacted = is_redacted
        self._base_url = base_url.rstrip("/")
        self._sleep = sleep or time.sleep
        self._gates = RateGates(clock or time.monotonic, self._sleep)
        self._session = open_session(base_url, MOST_CONNECTIONS)
        self._session.auth = (api_key, "")
        self._session.headers.update({"User-Agent": "close-lead-pipeline", "X-TZ-Offset": "0"})
        self._counting = threading.Lock()
        self._has_answered = False
        self._ahead = timedelta()
        self.requests_made = 0
        self.throttled = 0

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def now(self) -> datetime:
        """The time by Close's clock, in UTC, as exact as the `Date` of its latest answer: a second or so."""
        return datetime.now(UTC) + self._ahead

    def waiting(self) -> int:
        """How many requests wait for their turn, because Close takes no more at the moment."""
        return self._gates.waiting()

    def pause(self, seconds: float) -> None:
        """Wait as the client waits between two attempts: the caller's `sleep` may end it by raising Stopped."""
        self._sleep(seconds)

    # What there is in Close ----------------------------------------------------------------------------------------

    def account(self) -> Account:
        """The user and the organisation that the key belongs to, with its currency."""
        me = self._request("GET", "/me/")
        organizations = _part(me, "organizations", list)
        if not organizations:
            raise AuthenticationFailed(401, {"error": "it belongs to no organisation"})
        organization = self._request("GET", "/organization/{id}/", id=organizations[0]["id"])
        roles = {member.get("organization_id"): member.get("role_id") for member in me.get("memberships") or []}
        return Account(
            user_id=_part(me, "id", str),
            role_id=roles.get(organization["id"]) or "",
            organization_id=_part(organization, "id", str),
            organization_name=organization.get("name") or "",
            currency=_part(organization, "currency", str),
            currency_symbol=organization.get("currency_symbol") or "",
        )

    def lead_fields(self) -> list[Json]:
        """The lead custom fields, shared ones included, in the order shown in Close."""
        fields = _part(self._request("GET", "/custom_field_schema/lead/"), "fields", list)
        return [field for field in fields if field.get("name") and field.get("type")]

    def create_lead_field(self, name: str, kind: str) -> Json:
        """A new lead custom field of a type such as `text`, `number` or `date`."""
        return self._created("/custom_field/lead/", {"name": name, "type": kind})

    def lead_statuses(self) -> list[Json]:
        """The statuses that a lead can have, each with `id` and `label`, in the order shown in Close."""
        return [status for status in _part(self._request("GET", "/status/lead/"), "data", list) if status.get("label")]

    def smart_views(self) -> list[Json]:
        """The searches that people saved, each with `id` and `name`; a name may occur twice."""
        return [view for view in self._listed("/saved_search/", {}) if view.get("name")]

    def create_lead_status(self, label: str) -> Json:
        """A new status for leads."""
        return self._created("/status/lead/", {"label": label})

    def create_lead(self, lead: Json) -> Json:
        """The lead as Close made it. Raises OutcomeUnknown where it may have been made without our hearing of it."""
        return self._created("/lead/", lead)

    def read_lead(self, lead_id: str) -> Json:
        """A lead with its contacts from the primary store, never from the index. Raises NotFound."""
        lead = self._request("GET", "/lead/{id}/", id=lead_id)
        if "contacts" not in lead:  # Close has announced that leads will no longer hold them
            ids = lead.get("contact_ids") or []
            lead["contacts"] = [self._request("GET", "/contact/{id}/", id=contact_id) for contact_id in ids]
        return lead

    def update_lead(self, lead_id: str, changes: Json) -> Json:
        """The lead after a change of the fields given and of no other; contacts can't be changed here."""
        return self._request("PUT", "/lead/{id}/", body=changes, id=lead_id)

    def delete_lead(self, lead_id: str) -> None:
        """Delete a lead and all that belongs to it. Raises NotFound where it is gone already."""
        self._request("DELETE", "/lead/{id}/", id=lead_id)

    def create_contact(self, lead_id: str, contact: Json) -> Json:
        """The contact as Close added it to a lead. Without a lead's id Close would make a stray lead."""
        if not lead_id:
            raise ValueError("a contact needs the id of its lead")
        return self._created("/contact/", {**contact, "lead_id": lead_id})

    def update_contact(self, contact_id: str, changes: Json) -> Json:
        """The contact after a change; e-mails, phones and URLs that are given replace the whole list."""
        return self._request("PUT", "/contact/{id}/", body=changes, id=contact_id)

    def delete_contact(self, contact_id: str) -> None:
        """Delete a contact. Raises NotFound where it is gone already."""
        self._request("DELETE", "/contact/{id}/", id=contact_id)

    def activities(self, lead_id: str) -> Iterator[Json]:
        """All activities of a lead; one of them says that it was created."""
        return self._listed("/activity/", {"lead_id": lead_id})

    def tasks(self, lead_id: str) -> Iterator[Json]:
        """All tasks of a lead, done ones too, which the lead itself does not show."""
        return self._listed("/task/", {"lead_id": lead_id})

    def opportunities(self, lead_id: str) -> Iterator[Json]:
        """All opportunities of a lead."""
        return self._listed("/opportunity/", {"lead_id": lead_id})

    def notes(self, lead_id: str) -> Iterator[Json]:
        """All notes on a lead."""
        return self._listed("/activity/", {"lead_id": lead_id, "_type": "Note"})

    def create_note(self, lead_id: str, text: str) -> Json:
        """The note as Close added it to a lead. Raises OutcomeUnknown where it may be there all the same."""
        return self._created("/activity/note/", {"lead_id": lead_id, "note": text})

    def lead_events(
        self, action: str, *, by_user: str = "", of_lead: str = "", since: datetime | None = None
    ) -> Iterator[Json]:
        """What the event log holds of one action on leads, or on one lead, the newest first; Close keeps 30 days of it.

        Events can change for some seconds and come late, so a second look has to begin minutes before the first ended.
        """
        about = {"object_id": of_lead} if of_lead else {"object_type": "lead"}
        filters = {**about, "action": action, "_limit": str(EVENTS_PER_PAGE)}
        if by_user:
            filters["user_id"] = by_user
        earliest = f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}" if since else ""
        params = {**filters, "date_updated__gte": earliest} if earliest else filters
        while True:
            page = self._request("GET", "/event/", params=params)
            for event in _part(page, "data", list):
                if event["date_updated"] < earliest:
                    return
                yield event
            if not page.get("cursor_next"):
                return
            params = {**filters, "_cursor": page["cursor_next"]}

    def find_leads(self, condition: Json, fields: Sequence[str]) -> Iterator[Json]:
        """The leads that the index shows for a condition, 10,000 at most, as dicts of the fields asked for."""
        for page in self.search_pages(condition, fields):
            yield from page.leads

    def search_pages(self, condition: Json, fields: Sequence[str]) -> Iterator[SearchPage]:
        """The pages of a search over leads, oldest lead first; at most 10,000 leads.

        A cursor lives for 30 seconds, so read all pages before working on them. Raises ExpiredCursor.
        """
        body: Json = {
            "query": leads_that(condition),
            "_fields": {"lead": list(fields)},
            "_limit": PAGE_SIZE,
            "include_counts": True,
            "sort": [{"direction": "asc", "field": regular_field("date_created")}],
        }
        cursor: str | None = None
        for _ in range(LONGEST_WALK // PAGE_SIZE):
            answer = self._request("POST", "/data/search/", body={**body, "cursor": cursor} if cursor else body)
            yield SearchPage(_leads_in(answer), _part(_part(answer, "count", dict), "total", int))
            cursor = answer.get("cursor")
            if cursor is None:
                return

    def count_leads(self, condition: Json) -> int:
        """How many leads the index has for a condition, whatever one search could list."""
        body = {"query": leads_that(condition), "results_limit": 0, "include_counts": True}
        return int(_part(_part(self._request("POST", "/data/search/", body=body), "count", dict), "total", int))

    def _listed(self, path: str, filters: Mapping[str, str]) -> Iterator[Json]:
        skipped = 0
        while True:
            page = self._request("GET", path, params={**filters, "_skip": str(skipped), "_limit": str(LIST_PAGE_SIZE)})
            yield from _part(page, "data", list)
            if not page.get("has_more"):
                return
            skipped += LIST_PAGE_SIZE

    # The one request method ----------------------------------------------------------------------------------------

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Json | None = None,
        **ids: str,
    ) -> Json:
        """Close's answer to one request, repeated while that is safe: a second DELETE of an id deletes nothing more."""
        is_write = method in ("POST", "PUT") and path != "/data/search/"
        gate, delay = self._gates.of(method, path), _Delay()
        try:
            return self._repeating(is_write, gate, delay)(self._send, method, path, params, body, ids, gate, delay)
        except _AnswerLost as lost:
            raise (OutcomeUnknown if is_write else CloseUnreachable)(str(lost)) from None
        except (_NothingSent, _Throttled) as failed:
            raise CloseUnreachable(str(failed)) from None

    def _created(self, path: str, body: Json) -> Json:
        made = self._request("POST", path, body=body)
        if not made.get("id"):
            raise OutcomeUnknown("Close's answer has no id")
        return made

    def _repeating(self, is_write: bool, gate: RateGate, delay: "_Delay") -> Retrying:
        return Retrying(
            retry=retry_if_exception(lambda error: is_safe_to_repeat(error, is_write)),
            wait=delay.until_next_attempt,
            stop=lambda state: self._is_out_of_patience(state, delay),
            sleep=gate.sleep,
            before_sleep=_log_retry,
            reraise=True,
        )

    def _is_out_of_patience(self, state: RetryCallState, delay: "_Delay") -> bool:
        assert state.outcome is not None
        idle, since_start = state.idle_for, state.seconds_since_start or 0.0
        if isinstance(state.outcome.exception(), _Throttled):
            return max(idle, since_start) + state.upcoming_sleep > LONGEST_CLOSURE
        trying = max(idle - delay.throttled, since_start - delay.throttled - delay.at_gate)
        return trying + state.upcoming_sleep > (PATIENCE if self._has_answered else FIRST_PATIENCE)

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Json | None,
        ids: Mapping[str, str],
        gate: RateGate,
        delay: "_Delay",
    ) -> Json:
        """Close's answer to one attempt, which leaves when the gate of its endpoint group lets it through."""
        passage = delay.enter(gate)
        headers: Mapping[str, str] | None = None
        try:
            response, content = self._exchange(method, path, params, body, ids)
            headers = response.headers
        finally:
            if headers is None or response.status_code != 429:
                gate.came_back(passage, headers)
        if response.status_code == 429:
            with self._counting:
                self.throttled += 1
            raise _Throttled(gate.was_refused(passage, headers))
        try:
            return _read_answer(response, json_or_none(content))
        except RequestRejected as refusal:
            if self._is_redacted:
                raise type(refusal)(refusal.status, None) from None
            raise

    def _exchange(
        self, method: str, path: str, params: Mapping[str, str] | None, body: Json | None, ids: Mapping[str, str]
    ) -> tuple[requests.Response, bytes]:
        with self._counting:
            self.requests_made += 1
        began = time.monotonic()
        try:
            response = self._session.request(
                method,
                self._base_url + path.format_map({name: quote(value, safe="") for name, value in ids.items()}),
                params=params,
                json=body,
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,
                stream=True,
            )
            content = read_content(response, LARGEST_ANSWER)
        except requests.RequestException as error:
            log.info("%s %s no answer (%s) %.0f ms", method, path, type(error).__name__, _ms_since(began))
            raise _connection_failure(error) from None
        log.info("%s %s %d %.0f ms", method, path, response.status_code, _ms_since(began))
        self._has_answered = True
        self._ahead = _clock_difference(response.headers, self._ahead)
        return response, content


@dataclass(slots=True)
class _Delay:
    """How many seconds one request was held up by Close's rate limit, which cost it no patience for failures."""

    at_gate: float = 0.0
    throttled: float = 0.0

    def enter(self, gate: RateGate) -> Passage:
        """The passage through the gate. Raises _Throttled where it stays closed."""
        began = time.monotonic()
        try:
            return gate.enter()
        except GateClosed as closed:
            raise _Throttled(closed.wait) from None
        finally:
            self.at_gate += time.monotonic() - began

    def until_next_attempt(self, state: RetryCallState) -> float:
        """Seconds to wait: until the gate opens after a refusal, else ever longer."""
        assert state.outcome is not None
        error = state.outcome.exception()
        if isinstance(error, _Throttled):
            self.throttled += error.wait
            return error.wait
        return random.uniform(0.5, 1) * min(8.0, 2.0 ** (state.attempt_number - 1))


def is_safe_to_repeat(error: BaseException, is_write: bool) -> bool:
    """Whether a failed request can be sent again.

    Always where nothing was done (429, no connection); after a lost answer only a read, for a write may have been done,
    and Close knows no idempotency key.
    """
    return isinstance(error, (_Throttled, _NothingSent)) or (isinstance(error, _AnswerLost) and not is_write)


def find_field(schema: Sequence[Json], name: str) -> Json | None:
    """The custom field of a name: of the same spelling, else of the same but for case; None if there is none.

    Names are not unique in Close. Raises AmbiguousField where several fit.
    """
    wanted = name.strip()
    same = [field for field in schema if field["name"].strip() == wanted]
    alike = same or [field for field in schema if field["name"].strip().casefold() == wanted.casefold()]
    if len(alike) > 1:
        raise AmbiguousField(
            f"Close has {len(alike)} lead custom fields named {wanted!r}, and either could be meant. "
            "Rename all but one of them in Close (Settings > Custom Fields)."
        )
    return alike[0] if alike else None


# What a lead holds ---------------------------------------------------------------------------------------------------

LEAD_PARTS = ("name", "url", "description", "status_id")
CONTACT_PARTS = ("id", "name", "title")
CONTACT_LISTS = {"emails": ("email", "type"), "phones": ("phone", "type"), "urls": ("url", "type")}
ADDRESS_PARTS = ("label", "address_1", "address_2", "city", "state", "zipcode", "country")


def lead_content(lead: Json) -> Json:
    """What people and programs write into a lead: its own fields, custom values, addresses and contacts.

    Two readings of a lead that nobody changed in between have equal contents; what Close derives or counts (dates,
    formatted phones, summaries) is left out, and so is what it does not document.
    """
    return {
        **{name: lead.get(name) or "" for name in LEAD_PARTS},
        **custom_values(lead),
        "addresses": [_parts(address, ADDRESS_PARTS) for address in lead.get("addresses") or []],
        "contacts": [contact_content(contact) for contact in lead.get("contacts") or []],
    }


def contact_content(contact: Json) -> Json:
    """What people and programs write into a contact, and its id."""
    lists = {name: [_parts(item, parts) for item in contact.get(name) or []] for name, parts in CONTACT_LISTS.items()}
    return {**_parts(contact, CONTACT_PARTS), **custom_values(contact), **lists}


def custom_values(thing: Json) -> Json:
    """The custom values of a lead or a contact, by their flat keys; blank ones are not there."""
    return {key: value for key, value in thing.items() if key.startswith("custom.") and value not in (None, "", [])}


def lead_link(lead: Json) -> str:
    """The address at which people see a lead."""
    return str(lead.get("html_url") or f"https://app.close.com/lead/{lead['id']}/")


def _parts(thing: Json, names: Sequence[str]) -> Json:
    return {name: thing.get(name) or "" for name in names}


# Nodes of Close's Advanced Filtering ---------------------------------------------------------------------------------


def leads_that(condition: Json) -> Json:
    """The query for the leads for which a condition holds."""
    return {"type": "and", "queries": [{"type": "object_type", "object_type": "lead"}, condition]}


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


def has_words(field: Json, words: str) -> Json:
    """The condition that a text field has all these words in it."""
    condition = {"type": "text", "mode": "full_words", "value": words}
    return {"type": "field_condition", "field": field, "condition": condition}


def is_one_of(field: Json, values: Sequence[str]) -> Json:
    """The condition that a field with a fixed set of values, such as the status, holds one of these."""
    return {"type": "field_condition", "field": field, "condition": {"type": "term", "values": list(values)}}


def any_of(conditions: Sequence[Json]) -> Json:
    """The condition that at least one of these holds."""
    return {"type": "or", "queries": list(conditions)}


def all_of(conditions: Sequence[Json]) -> Json:
    """The condition that each of these holds."""
    return {"type": "and", "queries": list(conditions)}


def is_filled(field: Json) -> Json:
    """The condition that a field holds anything."""
    return {"type": "field_condition", "field": field, "condition": {"type": "exists"}}


def is_blank(field: Json) -> Json:
    """The condition that a field holds nothing."""
    return {**is_filled(field), "negate": True}


def is_number(field: Json, number: float) -> Json:
    """The condition that a number field holds this number."""
    condition = {"type": "number_range", "gte": number, "lte": number}
    return {"type": "field_condition", "field": field, "condition": condition}


def is_in_smart_view(view_id: str) -> Json:
    """The condition that a saved search finds the lead."""
    return {"type": "saved_search", "saved_search_id": view_id}


def is_since(field: Json, moment: str) -> Json:
    """The condition that a date lies at a moment or later; the moment as Close writes it, with its offset."""
    condition = {"type": "moment_range", "on_or_after": {"type": "fixed_utc", "value": moment}, "before": None}
    return {"type": "field_condition", "field": field, "condition": condition}


def is_between_days(field: Json, first: str, last: str) -> Json:
    """The condition that a date lies between two days, both included; a lead without the date never does."""
    condition = {
        "type": "moment_range",
        "on_or_after": {"type": "fixed_local_date", "value": first, "which": "start"},
        "before": {"type": "fixed_local_date", "value": last, "which": "end"},
    }
    return {"type": "field_condition", "field": field, "condition": condition}


def is_before(field: Json, moment: str) -> Json:
    """The condition that a date lies before a moment."""
    condition = {"type": "moment_range", "on_or_after": None, "before": {"type": "fixed_utc", "value": moment}}
    return {"type": "field_condition", "field": field, "condition": condition}


# Answers and failures ------------------------------------------------------------------------------------------------


def _read_answer(response: requests.Response, answer: object) -> Json:
    status = response.status_code
    if status >= 500:
        raise _AnswerLost(f"Close answered with status {status}")
    if 200 <= status < 300:
        if not isinstance(answer, dict):
            raise _AnswerLost("Close's answer could not be read")
        return answer
    if status == 400 and isinstance(answer, dict) and "cursor" in (answer.get("field-errors") or {}):
        raise ExpiredCursor(status, answer)
    raise ERROR_BY_STATUS.get(status, RequestRejected)(status, answer)


def _part(answer: Json, name: str, kind: type) -> Any:
    """A part of an answer that Close always sends. Raises CloseUnreachable where it is missing: this is not Close."""
    if not isinstance(answer.get(name), kind):
        raise CloseUnreachable(f"what answers there is not Close: {name!r} is missing")
    return answer[name]


def _leads_in(answer: Json) -> list[Json]:
    """The leads of a page. Raises CloseUnreachable where something in it is none."""
    leads: list[Json] = _part(answer, "data", list)
    if not all(isinstance(lead, dict) and isinstance(lead.get("id"), str) for lead in leads):
        raise CloseUnreachable("what answers there is not Close: a lead has no id")
    return leads


def _connection_failure(error: requests.RequestException) -> CloseError:
    """What a failure of the connection means. Only what is proved to come before the sending is _NothingSent: errors of
    TLS and of a proxy can come after it, and a write that may have arrived must not be sent again."""
    if any(isinstance(cause, _BEFORE_SENDING) for cause in _causes(error)):
        return _NothingSent(f"no connection to Close ({type(error).__name__})")
    return _AnswerLost(f"the connection to Close broke ({type(error).__name__})")


_BEFORE_SENDING = (ConnectTimeoutError, NewConnectionError, NameResolutionError, ssl.SSLCertVerificationError)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and those that it wraps, as requests and urllib3 wrap them."""
    yield error
    wrapped = [*error.args, getattr(error, "reason", None), getattr(error, "original_error", None)]
    for inner in wrapped:
        if isinstance(inner, BaseException) and inner is not error:
            yield from _causes(inner)


def _log_retry(state: RetryCallState) -> None:
    method, path = state.args[:2]
    log.info("%s %s again in %.1f s, attempt %d", method, path, state.upcoming_sleep, state.attempt_number + 1)


def _clock_difference(headers: Mapping[str, str], known: timedelta) -> timedelta:
    """How far Close's clock is ahead of this machine's, as the `Date` of an answer says."""
    try:
        return parsedate_to_datetime(headers["Date"]) - datetime.now(UTC)
    except (KeyError, ValueError, TypeError):
        return known


def _ms_since(began: float) -> float:
    return (time.monotonic() - began) * 1000


DEEPEST_COMPLAINT = 20  # levels of an error body that are read
Complaint = tuple[tuple[str, ...], str]


def _complaints(answer: object, path: tuple[str, ...] = (), depth: int = 0) -> list[Complaint]:
    """Close's words in an error body of any of its shapes, each behind the path of fields that leads to it."""
    if isinstance(answer, str):
        return [(path, answer)]
    if isinstance(answer, list):
        answer = dict(enumerate(answer))
    if not isinstance(answer, dict) or depth > DEEPEST_COMPLAINT:
        return []
    complaints: list[Complaint] = []
    for key, part in answer.items():
        is_wrapping = isinstance(key, int) or key in ("error", "errors", "field-errors", "message")
        complaints += _complaints(part, path if is_wrapping else (*path, key), depth + 1)
    return complaints
