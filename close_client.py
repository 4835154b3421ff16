"""An HTTP client for Close: one request method, retries where they are safe, paging as generators, typed errors.

Facts about Close come from its developer documentation (developer.close.com).
"""

import logging
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception

from cells.lead_fields import LeadField
from cells.texts import is_same_name, plain_name
from close.conditions import all_of, any_of, is_filled, is_since, leads_that, regular_field
from close.contents import Json, moment_of, shows_contacts, with_flat_custom_values
from close.errors import (
    ERROR_BY_STATUS,
    REFUSALS,
    TOO_LATE,
    AnswerLate,
    AnswerLost,
    AuthenticationFailed,
    ClosedForNow,
    CloseError,
    CloseUnreachable,
    EventLogClosed,
    ExpiredCursor,
    MissingPermission,
    NotFound,
    NothingSent,
    NotInTime,
    OutcomeUnknown,
    PermissionDenied,
    PlanLimitReached,
    RequestRejected,
    StaleReading,
    Throttled,
    WayBlocked,
)
from close.fields import custom_lead_field
from close.machine import THIS_MACHINE, Machine
from close.part_size import PartSize
from close.rate_gate import LONGEST_CLOSURE, LONGEST_ROUNDING, GateClosed, Passage, RateGate, RateGates
from close.retry_after import retry_after
from close.transport import (
    is_before_sending,
    is_out_of_time,
    json_or_none,
    open_session,
    read_content,
    what_blocks,
)
from close.walk import DATE_CREATED, LONGEST_WALK, Note, PagesSince, SearchPage, read_whole, unnoted, walk

CLOSE_URL = "https://api.close.com/api/v1"
CONNECT_TIMEOUT = 5  # seconds
READ_TIMEOUT = 30  # seconds from the start of a request to the end of its answer, however slowly it arrives
LARGEST_ANSWER = 100_000_000  # bytes; a page of 200 leads with all their contacts is far smaller
FIRST_PATIENCE = 5  # seconds to keep trying a host that has never answered: it is probably a wrong address
PATIENCE = 25  # seconds to keep trying a host that has answered before; 60 at most with the timeouts of a last attempt
LONGEST_WAIT_WITHOUT_READING = 2.0  # seconds; people work in Close meanwhile
MOST_CONNECTIONS = 32  # the most that ever work in parallel
PAGE_SIZE = 200  # objects; the most that Close gives in one page of leads
EVENTS_PER_PAGE = 50  # the most that Close gives in one page of its event log
LIST_PAGE_SIZE = 100  # objects; safe for every list that is paged by offset
ASK_AGAIN = 3  # times for a list, if the answer is to another question
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
MANAGE_FIELDS = (
    "manage_organization",
    "manage_customizations",
)  # by the documentation the first, by its name the other
REQUEST_WORDS: Mapping[tuple[str, str], tuple[str, tuple[str, ...]]] = {  # what a request does, and who may
    ("GET", "/me/"): ("reading the API key's user", ()),
    ("GET", "/organization/{id}/"): ("reading the organization", ()),
    ("GET", "/user/"): ("listing the users", ()),
    ("GET", "/custom_field_schema/lead/"): ("listing the custom fields", ()),
    ("POST", "/custom_field/lead/"): ("creating a custom field", MANAGE_FIELDS),
    ("DELETE", "/custom_field/lead/{id}/"): ("deleting a custom field", MANAGE_FIELDS),
    ("GET", "/status/lead/"): ("listing the lead statuses", ()),
    ("POST", "/status/lead/"): ("creating a lead status", MANAGE_FIELDS),
    ("GET", "/saved_search/"): ("listing the Smart Views", ()),
    ("POST", "/data/search/"): ("searching for leads", ()),
    ("GET", "/lead/{id}/"): ("reading a lead", ()),
    ("POST", "/lead/"): ("creating a lead", ()),
    ("PUT", "/lead/{id}/"): ("changing a lead", ()),
    ("DELETE", "/lead/{id}/"): ("deleting a lead", ("delete_leads",)),
    ("GET", "/contact/{id}/"): ("reading a contact", ()),
    ("POST", "/contact/"): ("creating a contact", ()),
    ("PUT", "/contact/{id}/"): ("changing a contact", ()),
    ("DELETE", "/contact/{id}/"): ("deleting a contact", ()),
    ("GET", "/activity/"): ("listing the activities of a lead", ()),
    ("GET", "/task/"): ("listing the tasks of a lead", ()),
    ("GET", "/opportunity/"): ("listing the opportunities of a lead", ()),
    ("POST", "/activity/note/"): ("writing a note", ()),
    ("DELETE", "/activity/note/{id}/"): ("deleting a note", ("delete_own_activities", "manage_others_activities")),
    ("GET", "/event/"): ("reading the event log", ()),
}

Result = TypeVar("Result")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """Who the API key belongs to: the user, the user's role and permissions, and the key's one organization.

    `permissions` are None if Close does not tell them.
    """

    user_id: str
    role_id: str
    organization_id: str
    organization_name: str
    currency: str
    currency_symbol: str
    permissions: frozenset[str] | None = None
    user_name: str = ""

    def refuse_without(self, *permissions: str, effect: str) -> None:
        """Raise MissingPermission if the user has none of these permissions; not if Close does not tell them.

        `effect` goes into the message: what the lack leads to.
        """
        if self.permissions is not None and not self.permissions.intersection(permissions):
            needed = " or ".join(permissions)
            raise MissingPermission(f"the API key's user lacks the permission {needed}, {effect}")

    def refuse_creating_fields(self, names: Iterable[str]) -> None:
        """Raise MissingPermission if the user may not create custom fields; these names go into the message."""
        self.refuse_without(
            *MANAGE_FIELDS,
            effect=f"so the custom fields {', '.join(names)} can't be created",
        )


class CloseClient:
    """A connection to one organization in Close, safe to share between threads.

    It keeps time by the `machine`, on which it also sleeps, unless a `sleep` or a `clock` is given; with a `session`,
    it sends its requests through that.
    `requests_made` counts every attempt to send a request, `throttled` the answers that asked us to wait.
    `is_log_closed` once Close has refused to show its event log to this user. With `is_redacted`, errors do not repeat
    Close's words, which may contain what was sent.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str = CLOSE_URL,
        *,
        sleep: Callable[[float], None] | None = None,
        clock: Callable[[], float] | None = None,
        is_redacted: bool = False,
        machine: Machine = THIS_MACHINE,
        session: requests.Session | None = None,
    ) -> None:
        self._is_redacted = is_redacted
        self._base_url = base_url.rstrip("/")
        self.machine = replace(machine, sleep=sleep or machine.sleep, monotonic=clock or machine.monotonic)
        self._sleep, self._clock = self.machine.sleep, self.machine.monotonic
        self._gates = RateGates(self._clock, self._sleep, machine)
        self._session = session or open_session(base_url, MOST_CONNECTIONS)
        self._session.auth = (api_key, "")
        self._session.headers.update({"User-Agent": "close-lead-pipeline", "X-TZ-Offset": "0"})
        self._counting, self._alone = threading.Lock(), machine.lock()
        self._reading, self._stamps = _Reading(), _Stamps(machine)
        self._page_parts = PartSize(PAGE_SIZE, self._clock)
        self._has_answered = False
        self._began, self._began_at = datetime.fromtimestamp(machine.wall(), UTC), self._clock()
        self.requests_made = 0
        self.throttled = 0
        self.is_log_closed = False
        self._permissions: frozenset[str] | None = None  # of the user, once they are known

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def now(self) -> datetime:
        """The time by this machine's clock, in UTC. While the client lives, it moves on evenly even if that is set."""
        return self._began + timedelta(seconds=self._clock() - self._began_at)

    def seconds_since(self, moment: datetime) -> float:
        """The seconds since a moment by this machine's clock, perhaps noted by an earlier command.

        A moment that is still to come shows that the clock was set back: then at least this client's life has passed.
        """
        now = self.now()
        return (now - (moment if moment <= now else self._began)).total_seconds()

    def noted_by_now(self) -> datetime:
        """A moment that Close has noted already, by its own clock: the latest that we know, or that it shows us.

        No clock has to be right for this: whatever is created from now on is not older, but for a second or two by
        which the clocks of Close's machines may differ.
        """
        return self._stamps.latest(self._latest_creation)

    def _latest_creation(self) -> datetime:
        """When the newest lead in the event log was created, or in the index; long ago if there is none."""
        with suppress(EventLogClosed):
            newest = next(self.lead_events("created"), {})
            return moment_of(newest.get("date_updated")) or LONG_AGO
        has_date = is_filled(regular_field(DATE_CREATED))
        newest_first = _search_body(has_date, [DATE_CREATED], size=1, direction="desc")
        leads = _leads_in(self._request("POST", "/data/search/", body=newest_first))
        return (moment_of(leads[0].get(DATE_CREATED)) if leads else None) or LONG_AGO

    def rate_told(self) -> float | None:
        """How many requests a second Close has said that it takes, for new leads if it is known; None if it has not."""
        return self._gates.rate_told("POST", "/lead/")

    def waiting(self) -> int:
        """How many requests wait for their turn because Close does not accept more at the moment."""
        return self._gates.waiting()

    def pause(self, seconds: float) -> None:
        """Wait as the client waits between two attempts: the caller's `sleep` may end it by raising Stopped."""
        self._sleep(seconds)

    def on_fresh_reading(self, attempt: Callable[[], Result]) -> Result:
        """The result of an attempt that reads and then writes, made again whenever a write had to wait in between.

        Attempts that are made again take turns: side by side, they would make each other wait for ever. Raises
        CloseUnreachable if Close keeps asking to wait.
        """
        began = self._clock()
        try:
            return self._on_new_reading(attempt)
        except StaleReading as stale:
            has_left = stale.has_left
        while self._clock() - began <= LONGEST_CLOSURE:
            try:
                with self._alone:
                    return self._on_new_reading(attempt)
            except StaleReading as stale:
                has_left = stale.has_left
        raise CloseUnreachable("Close's answers were lost" if has_left else "Close kept asking us to wait")

    def _on_new_reading(self, attempt: Callable[[], Result]) -> Result:
        self._reading.begin()
        return attempt()

    # Reading and writing in Close ----------------------------------------------------------------------------------

    def account(self) -> Account:
        """The user and the organization that the API key belongs to, with its currency."""
        me = self._request("GET", "/me/")
        organizations = _part(me, "organizations", list)
        if not organizations:
            raise AuthenticationFailed(401, {"error": "it does not belong to an organization"})
        organization = self._request("GET", "/organization/{id}/", id=organizations[0]["id"])
        members = {member.get("organization_id"): member for member in me.get("memberships") or []}
        member = members.get(organization["id"]) or {}
        granted = member.get("permissions_granted")
        self._permissions = frozenset(granted) if isinstance(granted, list) else None
        return Account(
            user_id=_part(me, "id", str),
            role_id=member.get("role_id") or "",
            organization_id=_part(organization, "id", str),
            organization_name=organization.get("name") or "",
            currency=_part(organization, "currency", str),
            currency_symbol=organization.get("currency_symbol") or "",
            permissions=frozenset(granted) if isinstance(granted, list) else None,
            user_name=_name_of_user(me) or str(me.get("email") or ""),
        )

    def users(self) -> dict[str, list[str]]:
        """The ids of the organization's users, by what they may be called: plain name, and e-mail."""
        found: dict[str, list[str]] = {}
        for user in self._listed("/user/", {}):
            for called in {plain_name(_name_of_user(user)), plain_name(user.get("email") or "")} - {""}:
                found.setdefault(called, []).append(user["id"])
        return found

    def user_names(self) -> dict[str, str]:
        """What people call the organization's users, by id; an e-mail tells apart those who share a name."""
        users = list(self._listed("/user/", {}))
        times = Counter(plain_name(_name_of_user(user)) for user in users)
        names = {}
        for user in users:
            name, email = _name_of_user(user), user.get("email") or user["id"]
            is_shared = times[plain_name(name)] > 1
            names[user["id"]] = f"{name} ({email})" if name and is_shared else name or email
        return names

    def lead_fields(self) -> list[LeadField]:
        """The lead custom fields, including shared ones, in the order shown in Close."""
        schema = _part(self._request("GET", "/custom_field_schema/lead/"), "fields", list)
        return [custom_lead_field(each) for each in schema if each.get("name") and each.get("type")]

    def create_lead_field(self, name: str, kind: str) -> LeadField:
        """Create a lead custom field of a type such as `text`, `number` or `date`."""
        made = {"name": name, "type": kind, **self._created("/custom_field/lead/", {"name": name, "type": kind})}
        if not is_same_name(str(made["name"]), name) or made["type"] != kind:
            raise OutcomeUnknown("Close's answer was about something else")
        return custom_lead_field(made)

    def delete_lead_field(self, field_id: str) -> None:
        """Delete a lead custom field, and with it all values in it. Raises NotFound if it is already gone."""
        self._request("DELETE", "/custom_field/lead/{id}/", is_based_on_reading=True, id=field_id)

    def lead_statuses(self) -> list[Json]:
        """The statuses that a lead can have, each with `id` and `label`, in the order shown in Close."""
        return [status for status in _part(self._request("GET", "/status/lead/"), "data", list) if status.get("label")]

    def smart_views(self) -> list[Json]:
        """The Smart Views (saved searches), each with `id` and `name`; a name may occur twice."""
        return [view for view in self._listed("/saved_search/", {}) if view.get("name")]

    def create_lead_status(self, label: str) -> Json:
        """Create a lead status."""
        made = self._created("/status/lead/", {"label": label})
        if not is_same_name(str(made.get("label", label)), label):
            raise OutcomeUnknown("Close's answer was about something else")
        return made

    def create_lead(self, lead: Json, key_column: str = "") -> Json:
        """Create a lead; returns the lead. Raises OutcomeUnknown if it may exist although no answer came.

        An answer that does not show the import key that was sent, in its column, is about another lead.
        """
        made = self._created("/lead/", lead)
        try:
            shown = made if key_column in made or not key_column else self.read_lead(made["id"])
        except CloseError as error:
            raise OutcomeUnknown(str(error)) from None
        self._stamps.note(moment_of(shown.get("date_created")))
        return _about(lead, shown, [key_column] if key_column else [])

    def read_lead(self, lead_id: str) -> Json:
        """A lead with its contacts from the primary store, never from the index. Raises NotFound."""
        for _ in range(2):  # a contact may be deleted while the lead is being read
            lead = self._request("GET", "/lead/{id}/", id=lead_id)
            with suppress(NotFound):
                return {**lead, "contacts": self._contacts_of(lead)}
        raise CloseUnreachable("Close does not show all contacts of a lead")

    def _contacts_of(self, lead: Json) -> list[Json]:
        """The contacts of a lead, read by id if the lead does not show them: Close has announced that it won't."""
        if shows_contacts(lead):
            return [with_flat_custom_values(contact) for contact in lead["contacts"]]
        ids = lead.get("contact_ids")
        if not isinstance(ids, list):
            raise CloseUnreachable("Close's answer does not show the contacts of a lead")
        return [self._request("GET", "/contact/{id}/", id=contact_id) for contact_id in ids]

    def update_lead(self, lead_id: str, changes: Json) -> Json:
        """Change only the given fields of a lead; returns the lead. Contacts can't be changed here."""
        return self._request("PUT", "/lead/{id}/", body=changes, is_based_on_reading=True, id=lead_id)

    def delete_lead(self, lead_id: str) -> None:
        """Delete a lead and everything that belongs to it. Raises NotFound if it is already gone."""
        self._request("DELETE", "/lead/{id}/", is_based_on_reading=True, id=lead_id)

    def create_contact(self, lead_id: str, contact: Json) -> Json:
        """Add a contact to a lead; returns the contact. Without a lead id, Close would create a stray lead."""
        if not lead_id:
            raise ValueError("a contact needs the id of its lead")
        body = {**contact, "lead_id": lead_id}
        return self._created("/contact/", body, is_based_on_reading=True, shown=["lead_id"])

    def update_contact(self, contact_id: str, changes: Json) -> Json:
        """Change a contact; returns the contact. E-mails, phones and URLs that are given replace the whole list."""
        return self._request("PUT", "/contact/{id}/", body=changes, is_based_on_reading=True, id=contact_id)

    def delete_contact(self, contact_id: str) -> None:
        """Delete a contact. Raises NotFound if it is already gone."""
        self._request("DELETE", "/contact/{id}/", is_based_on_reading=True, id=contact_id)

    def activities(self, lead_id: str) -> Iterator[Json]:
        """All activities of a lead; one of them records its creation."""
        return self._listed("/activity/", {"lead_id": lead_id})

    def tasks(self, lead_id: str) -> Iterator[Json]:
        """All tasks of a lead of every type, including finished ones, which the lead itself does not show.

        Close lists only tasks of the type `lead` unless it is asked for all.
        """
        return self._listed("/task/", {"lead_id": lead_id, "_type": "all"})

    def opportunities(self, lead_id: str) -> Iterator[Json]:
        """All opportunities of a lead."""
        return self._listed("/opportunity/", {"lead_id": lead_id})

    def notes(self, lead_id: str) -> Iterator[Json]:
        """All notes on a lead."""
        return self._listed("/activity/", {"lead_id": lead_id, "_type": "Note"})

    def create_note(self, lead_id: str, text: str) -> Json:
        """Add a note to a lead; returns the note. Raises OutcomeUnknown if it may exist although no answer came."""
        body = {"lead_id": lead_id, "note": text}
        return self._created("/activity/note/", body, is_based_on_reading=True, shown=["lead_id"])

    def delete_note(self, note_id: str) -> None:
        """Delete a note. Raises NotFound if it is already gone."""
        self._request("DELETE", "/activity/note/{id}/", is_based_on_reading=True, id=note_id)

    def lead_events(
        self, action: str, *, by_user: str = "", of_lead: str = "", since: datetime | None = None
    ) -> Iterator[Json]:
        """The events of one action on leads, or on one lead, newest first; Close keeps its event log for 30 days.

        Events can change for some seconds and arrive late, so a second look has to start minutes before the first
        ended. Raises EventLogClosed.
        """
        about = {"object_id": of_lead} if of_lead else {"object_type": "lead"}
        filters = {**about, "action": action, "_limit": str(EVENTS_PER_PAGE)}
        if by_user:
            filters["user_id"] = by_user
        earliest = f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}" if since else ""
        params = {**filters, "date_updated__gte": earliest} if earliest else filters
        told = {"object_id": of_lead, "user_id": by_user, "action": action}
        asked = {name: value for name, value in told.items() if value}
        while True:
            page = self._event_page(params, asked)
            for event in page["data"]:
                if event["date_updated"] < earliest:
                    return
                yield {**event, "data": with_flat_custom_values(event.get("data") or {})}
            if not page.get("cursor_next"):
                return
            params = {**filters, "_cursor": page["cursor_next"]}

    def _event_page(self, params: Mapping[str, str], asked: Mapping[str, str]) -> Json:
        try:
            return self._list_page("/event/", params, asked)
        except (PermissionDenied, PlanLimitReached) as refused:
            self.is_log_closed = True
            raise EventLogClosed(refused.status, None) from None

    def all_leads(self, condition: Json, fields: Sequence[str], note: Note = unnoted) -> list[Json]:
        """All leads that the index has for a condition, oldest first, each once, as dicts of the requested fields.

        `note` is called with how many have been read, and of how many. Raises CountMismatch if some can't be read.
        """
        return read_whole(self._pages_since(condition, fields), lambda: self.count_leads(condition), note)

    def walk_leads(self, condition: Json, fields: Sequence[str]) -> list[Json]:
        """The same, as a single walk shows them, without checking that these are all."""
        return walk(self._pages_since(condition, fields))[0]

    def first_leads(self, condition: Json, fields: Sequence[str]) -> Iterator[Json]:
        """Up to 10,000 of the oldest leads that the index has for a condition: those that one search lists.

        For a condition that few leads meet, or for a caller that comes back for the rest.
        """
        for page in self.search_pages(condition, fields):
            yield from page.leads

    def leads_meeting_any(self, conditions: Sequence[Json], fields: Sequence[str], parts: PartSize) -> list[Json]:
        """The leads that the index has for any of some conditions, which few leads meet, each once.

        So many conditions are asked about at a time as Close answers in time, which `parts` learns. Raises NotInTime.
        """

        def leads_of(some: Sequence[Json]) -> list[Json]:
            leads: list[Json] = []
            cursor, is_over = "", False
            while not is_over and len(leads) < LONGEST_WALK:
                page, cursor = self._page(any_of(some), fields, PAGE_SIZE, cursor, is_divisible=len(some) > 1)
                leads += page.leads
                is_over = not cursor
            return leads

        return list({lead["id"]: lead for some in parts.in_time(conditions, leads_of) for lead in some}.values())

    def _pages_since(self, condition: Json, fields: Sequence[str]) -> PagesSince:
        wanted = sorted({"id", DATE_CREATED, *fields})

        def pages_since(moment: str) -> Iterator[SearchPage]:
            begun = all_of([condition, is_since(regular_field(DATE_CREATED), moment)]) if moment else condition
            return self.search_pages(begun, wanted)

        return pages_since

    def search_pages(self, condition: Json, fields: Sequence[str]) -> Iterator[SearchPage]:
        """The pages of a search over leads, oldest lead first; at most 10,000 leads.

        Pages that Close does not give in time are asked for again with fewer leads, down to one; NotInTime is raised
        after that. A cursor lives for 30 seconds, so read all pages before working on them. Raises ExpiredCursor.
        """
        size, cursor, read = self._page_parts.size, "", 0
        while read < LONGEST_WALK:
            try:
                with self._page_parts.learning(size):
                    page, following = self._page(condition, fields, size, cursor, is_divisible=size > 1)
            except NotInTime:
                if cursor:  # which has expired by now
                    raise ExpiredCursor(400, None) from None
                if size == 1:
                    raise
                size = self._page_parts.size
                continue
            yield page
            read, cursor = read + size, following
            if not cursor:
                return

    def _page(
        self, condition: Json, fields: Sequence[str], size: int, cursor: str = "", *, is_divisible: bool
    ) -> tuple[SearchPage, str]:
        """The page of a search that a cursor leads to, or the first one, and the cursor to the next, "" if none is."""
        body = _search_body(condition, fields, size)
        body = {**body, "cursor": cursor} if cursor else body
        answer = self._request("POST", "/data/search/", body=body, is_divisible=is_divisible)
        leads = [with_flat_custom_values(lead) for lead in _leads_in(answer)]
        return SearchPage(leads, _part(_part(answer, "count", dict), "total", int)), answer.get("cursor") or ""

    def count_leads(self, condition: Json) -> int:
        """How many leads the index has for a condition, even if one search can't list them all."""
        body = {"query": leads_that(condition), "results_limit": 0, "include_counts": True}
        return int(_part(_part(self._request("POST", "/data/search/", body=body), "count", dict), "total", int))

    def _listed(self, path: str, filters: Mapping[str, str]) -> Iterator[Json]:
        skipped = 0
        while True:
            params = {**filters, "_skip": str(skipped), "_limit": str(LIST_PAGE_SIZE)}
            page = self._list_page(path, params, {"lead_id": filters["lead_id"]} if "lead_id" in filters else {})
            yield from page["data"]
            if not page.get("has_more"):
                return
            skipped += LIST_PAGE_SIZE

    def _list_page(self, path: str, params: Mapping[str, str], asked: Mapping[str, str]) -> Json:
        """A page of a list whose items all have the values asked for; any others would belong to another question.

        Raises CloseUnreachable if no such page comes.
        """
        for _ in range(ASK_AGAIN):
            page = self._request("GET", path, params=params)
            items = _part(page, "data", list)
            if all(item.get(name, value) == value for item in items for name, value in asked.items()):
                return page
        raise CloseUnreachable("Close's answers were about something else")

    # The one request method ----------------------------------------------------------------------------------------

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Json | None = None,
        is_based_on_reading: bool = False,
        is_divisible: bool = False,
        **ids: str,
    ) -> Json:
        """Close's answer to one request, which is retried while that is safe. Repeating a DELETE does no harm.

        Raises StaleReading instead of sending a write that has waited too long since what it is based on was read. A
        divisible question that takes too long is not repeated: the caller asks a smaller one.
        """
        is_write = method in ("POST", "PUT") and path != "/data/search/"
        longest = LONGEST_WAIT_WITHOUT_READING - self._reading.waited if is_based_on_reading else math.inf
        gate, delay = self._gates.of(method, path), _Delay(self.machine, self._clock(), longest)
        try:
            return self._repeating(is_write, is_divisible, gate, delay)(
                self._send, method, path, params, body, ids, gate, delay
            )
        except AnswerLost as lost:
            unread = NotInTime if isinstance(lost, AnswerLate) and self._has_answered else CloseUnreachable
            raise (OutcomeUnknown if is_write else unread)(str(lost)) from None
        except Throttled as refused:
            is_too_long = refused.wait > LONGEST_CLOSURE + LONGEST_ROUNDING
            raise (ClosedForNow(refused.wait) if is_too_long else CloseUnreachable(str(refused))) from None
        except NothingSent as failed:
            raise (WayBlocked if failed.is_blocked else CloseUnreachable)(str(failed)) from None
        finally:
            self._reading.requested(delay.before_sending)

    def _created(self, path: str, body: Json, *, is_based_on_reading: bool = False, shown: Sequence[str] = ()) -> Json:
        """Create something. Raises OutcomeUnknown if the answer has no id, or not the values sent in `shown`."""
        made = self._request("POST", path, body=body, is_based_on_reading=is_based_on_reading)
        if not made.get("id"):
            raise OutcomeUnknown("Close's answer has no id")
        return _about(body, made, shown)

    def _repeating(self, is_write: bool, is_divisible: bool, gate: RateGate, delay: "_Delay") -> Retrying:
        def is_to_be_repeated(error: BaseException) -> bool:
            return is_safe_to_repeat(error, is_write) and not (is_divisible and isinstance(error, AnswerLate))

        return Retrying(
            retry=retry_if_exception(is_to_be_repeated),
            wait=delay.until_next_attempt,
            stop=lambda state: self._is_out_of_patience(state, delay),
            sleep=gate.sleep,
            before_sleep=_log_retry,
            reraise=True,
        )

    def _is_out_of_patience(self, state: RetryCallState, delay: "_Delay") -> bool:
        assert state.outcome is not None
        idle, since_start = state.idle_for, self._clock() - delay.began
        if isinstance(state.outcome.exception(), Throttled):
            rounding = LONGEST_ROUNDING if state.attempt_number == 1 else 0.0  # of one wait that is as long as allowed
            return max(idle, since_start) + state.upcoming_sleep > LONGEST_CLOSURE + rounding
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
        """Close's answer to one attempt, which is sent when the gate of its endpoint group lets it through."""
        passage = delay.enter(gate)
        if delay.is_too_long:
            gate.came_back(passage, None)
            raise StaleReading(has_left=delay.has_left)
        headers: Mapping[str, str] | None = None
        try:
            response, content = self._exchange(method, path, params, body, ids)
            headers = response.headers
        except AnswerLost:
            delay.has_left = True
            raise
        finally:
            if headers is None or response.status_code != 429:
                gate.came_back(passage, headers)
        if response.status_code == 429:
            with self._counting:
                self.throttled += 1
            raise Throttled(gate.was_refused(passage, headers))
        if response.status_code == 503:
            self._gates.close_for(retry_after(headers, self.machine.wall) or 0.0)
        try:
            return _read_answer(response, json_or_none(content), ids.get("id"))
        except AnswerLost:
            delay.has_left = True
            raise
        except RequestRejected as refusal:
            told = type(refusal)(refusal.status, None) if self._is_redacted else refusal
            if isinstance(told, PermissionDenied):
                told.explained(*self._in_words(method, path))
            raise told from None

    def _in_words(self, method: str, path: str) -> tuple[str, str]:
        """What a request does, in words, and the permission for it that the user is known to lack, "" if none is."""
        words, permissions = REQUEST_WORDS.get((method, path), (f"{method} {path}", ()))
        is_lacking = permissions and self._permissions is not None and not self._permissions.intersection(permissions)
        return words, " or ".join(permissions) if is_lacking else ""

    def _exchange(
        self, method: str, path: str, params: Mapping[str, str] | None, body: Json | None, ids: Mapping[str, str]
    ) -> tuple[requests.Response, bytes]:
        with self._counting:
            self.requests_made += 1
        began = self._clock()
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
            log.info("%s %s no answer (%s) %.0f ms", method, path, type(error).__name__, self._ms_since(began))
            raise _connection_failure(error, self._base_url) from None
        log.info("%s %s %d %.0f ms", method, path, response.status_code, self._ms_since(began))
        self._has_answered = True
        return response, content

    def _ms_since(self, began: float) -> float:
        return (self._clock() - began) * 1000


class _Stamps:
    """The latest moment that Close has noted in anything that it answered."""

    def __init__(self, machine: Machine) -> None:
        self._guard = machine.lock()
        self._latest: datetime | None = None

    def note(self, moment: datetime | None) -> None:
        """Close's answer had this moment in it."""
        with self._guard:
            if moment:
                self._latest = max(moment, self._latest or moment)

    def latest(self, at_first: Callable[[], datetime]) -> datetime:
        """The latest of these moments; at first, what `at_first` returns."""
        with self._guard:
            if self._latest is None:
                self._latest = at_first()
            return self._latest


class _Reading(threading.local):
    """For how many seconds the requests of a thread have waited since the first reading of its attempt."""

    waited = 0.0
    has_read = False

    def begin(self) -> None:
        """Forget what was read: an attempt begins."""
        self.waited, self.has_read = 0.0, False

    def requested(self, waited: float) -> None:
        """A request was sent after so many seconds; what had been read before it has grown older by them."""
        if self.has_read:
            self.waited += waited
        self.has_read = True


@dataclass(slots=True)
class _Delay:
    """How many seconds Close's rate limit delayed one request; they do not count against our patience with failures."""

    machine: Machine
    began: float
    longest: float  # seconds from the beginning after which the request is not to be sent any more
    before_sending: float = 0.0  # seconds from the beginning to the latest attempt
    at_gate: float = 0.0
    throttled: float = 0.0
    has_left: bool = False  # whether an attempt was sent without a usable answer

    @property
    def is_too_long(self) -> bool:
        """Whether the request has waited for longer than it may, for whatever reason."""
        return self.before_sending > self.longest

    def enter(self, gate: RateGate) -> Passage:
        """The passage through the gate. Raises Throttled if it stays closed."""
        began = self.machine.monotonic()
        try:
            return gate.enter()
        except GateClosed as closed:
            raise Throttled(closed.wait) from None
        finally:
            self.at_gate += self.machine.monotonic() - began
            self.before_sending = self.machine.monotonic() - self.began

    def until_next_attempt(self, state: RetryCallState) -> float:
        """Seconds to wait: until the gate opens after a refusal, otherwise longer each time."""
        assert state.outcome is not None
        error = state.outcome.exception()
        if isinstance(error, Throttled):
            self.throttled += error.wait
            return error.wait
        return self.machine.uniform(0.5, 1) * min(8.0, 2.0 ** (state.attempt_number - 1))


def is_safe_to_repeat(error: BaseException, is_write: bool) -> bool:
    """Whether a failed request can be sent again.

    Always if nothing was done (429, no connection). After a lost answer, only a read: a write may have been done, and
    Close does not have idempotency keys.
    """
    return isinstance(error, (Throttled, NothingSent)) or (isinstance(error, AnswerLost) and not is_write)


def _read_answer(response: requests.Response, answer: object, asked_id: str | None) -> Json:
    """Close's answer. Raises AnswerLost for one that does not tell what was done, or is about something else."""
    status = response.status_code
    if 200 <= status < 300:
        if not isinstance(answer, dict):
            raise AnswerLost("Close's answer could not be read")
        if asked_id and answer.get("id") != asked_id and response.request.method != "DELETE":
            raise AnswerLost("Close's answer was about something else")
        return with_flat_custom_values(answer)
    if status not in REFUSALS:
        raise (AnswerLate if status in TOO_LATE else AnswerLost)(f"Close answered with status {status}")
    if status == 400 and isinstance(answer, dict) and "cursor" in (answer.get("field-errors") or {}):
        raise ExpiredCursor(status, answer)
    raise ERROR_BY_STATUS.get(status, RequestRejected)(status, answer)


def _search_body(condition: Json, fields: Sequence[str], size: int, direction: str = "asc") -> Json:
    """A search for leads, by when they were created."""
    return {
        "query": leads_that(condition),
        "_fields": {"lead": list(fields)},
        "_limit": size,
        "include_counts": True,
        "sort": [{"direction": direction, "field": regular_field(DATE_CREATED)}],
    }


def _about(sent: Json, made: Json, shown: Sequence[str]) -> Json:
    """What was made, if it shows these values as they were sent. Raises OutcomeUnknown."""
    if any(made.get(name) != sent.get(name) for name in shown):
        raise OutcomeUnknown("Close's answer was about something else")
    return made


def _part(answer: Json, name: str, kind: type) -> Any:
    """A part of an answer that Close always sends. Raises CloseUnreachable if it is missing: this is not Close."""
    if not isinstance(answer.get(name), kind):
        raise CloseUnreachable(f"the server that answered is not Close: {name!r} is missing")
    return answer[name]


def _leads_in(answer: Json) -> list[Json]:
    """The leads of a page. Raises CloseUnreachable if something in it is not a lead."""
    leads: list[Json] = _part(answer, "data", list)
    if not all(isinstance(lead, dict) and isinstance(lead.get("id"), str) for lead in leads):
        raise CloseUnreachable("the server that answered is not Close: a lead has no id")
    return leads


def _connection_failure(error: requests.RequestException, url: str) -> CloseError:
    """What a failure of the connection means: a write that may have arrived must not be sent again."""
    blocked = what_blocks(error, url)
    if blocked:
        return WayBlocked(blocked.words) if blocked.is_lasting else NothingSent(blocked.words, is_blocked=True)
    if is_before_sending(error):
        return NothingSent(f"no connection to Close ({type(error).__name__})")
    if is_out_of_time(error):
        return AnswerLate(f"Close did not answer within {READ_TIMEOUT} seconds")
    return AnswerLost(f"the connection to Close was lost ({type(error).__name__})")


def _log_retry(state: RetryCallState) -> None:
    method, path = state.args[:2]
    log.info("%s %s again in %.1f s, attempt %d", method, path, state.upcoming_sleep, state.attempt_number + 1)


def _name_of_user(user: Json) -> str:
    return " ".join(filter(None, (user.get("first_name"), user.get("last_name"))))
