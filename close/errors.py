"""What can go wrong between us and Close.

    CloseError
     +-- CloseUnreachable     Close did not answer; this request changed nothing
     |    +-- NotInTime       Close took too long over something that was only to be read
     |    +-- ClosedForNow    Close asks us to wait for longer than a command waits
     |    +-- WayBlocked      a certificate or a proxy keeps all requests from arriving
     +-- Stopped              the caller ended the wait before a retry; this request changed nothing
     +-- OutcomeUnknown       a write was sent, but its effect is not known: neither success nor refusal
     +-- StaleReading         a write waited too long to be sent as it was; nothing was changed by this request
     +-- MissingPermission    the key's user may not do what the command has to do; nothing was sent
     +-- RequestRejected      Close refused; nothing was changed
          +-- InvalidRequest (400, 413, 422), including ExpiredCursor (the answer names the cursor)
          +-- AuthenticationFailed (401), PlanLimitReached (402), NotFound (404)
          +-- PermissionDenied (403), including EventLogClosed (the event log is not for this user, or not in the plan)

Four more occur only inside the client, for single attempts: Throttled, NothingSent, AnswerLost and AnswerLate.
"""

import math
from collections.abc import Mapping


class CloseError(Exception):
    """Anything that went wrong between us and Close."""


class CloseUnreachable(CloseError):
    """Close did not answer in time; this request changed nothing."""


class NotInTime(CloseUnreachable):
    """Close took too long to answer a question: a smaller one may be answered in time."""


class ClosedForNow(CloseUnreachable):
    """Close asks us to wait, and names a longer time than a command waits; the message is that time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(_in_words(seconds))


class WayBlocked(CloseUnreachable):
    """Something on the way keeps all requests from arriving; the message says what it is and what to do."""


class Stopped(CloseError):
    """A `sleep` raises this to end a wait early: the waiting request was not sent."""


class OutcomeUnknown(CloseError):
    """A write was sent, but no readable answer came: it may have been done. Never send it again without checking."""


class StaleReading(CloseError):
    """A write was not sent, because it had to wait for so long that what it is based on has to be read again first.

    `has_left` if an earlier attempt at it was sent, so that it may have been done after all.
    """

    def __init__(self, *, has_left: bool = False) -> None:
        super().__init__("the write had to wait")
        self.has_left = has_left


class RequestRejected(CloseError):
    """Close refused the request and changed nothing.

    `complaints` are Close's words, each with the path to the value that they are about, such as ("contacts", "0",
    "name"); the path is empty if the words are about the whole request.
    """

    def __init__(self, status: int, answer: object) -> None:
        self.status = status
        told = [(path, words[:LONGEST_WORDS]) for path, words in complaints_in(answer)[:MOST_COMPLAINTS]]
        self.complaints = told or [((), f"Close answered with status {status}.")]
        super().__init__("; ".join(f"{'.'.join(path)}: {words}" if path else words for path, words in self.complaints))


class InvalidRequest(RequestRejected):
    """Close does not accept the values that were sent."""


class AuthenticationFailed(RequestRejected):
    """The API key is wrong or was revoked."""


class PlanLimitReached(RequestRejected):
    """The organization's plan does not allow this, or not any more of it."""


class PermissionDenied(RequestRejected):
    """The API key's user may not do this; once it is `explained`, the message says what it was."""

    def explained(self, request: str, lacking: str) -> None:
        """Say in the message which request was refused, and which permission the user lacks for it, "" if none."""
        why = f"; the API key's user lacks the permission {lacking}" if lacking else ""
        self.args = (f"{request} was refused: {str(self).removesuffix('.')}{why}",)


class EventLogClosed(PermissionDenied):
    """Close does not show its event log to the API key's user."""


class NotFound(RequestRejected):
    """The object does not exist, or no longer exists."""


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

REFUSALS = frozenset({*ERROR_BY_STATUS, 405, 415})  # all statuses that are known to mean that nothing was done
JITTER = 1.0  # seconds; a time that Close asks for may have been lengthened by so much
TOO_LATE = frozenset({408, 499, 504, 524})  # statuses with which a front answers if what is behind it takes too long


class MissingPermission(CloseError):
    """The API key's user lacks a permission without which the command can't be trusted; nothing was done."""


class Throttled(CloseError):
    """Refused before any work was done. `wait` is the number of seconds until another try makes sense."""

    def __init__(self, wait: float) -> None:
        super().__init__("Close kept asking us to wait")
        self.wait = wait


class NothingSent(CloseError):
    """The connection failed, so the request was never sent; with `is_blocked`, the message says what is in the way."""

    def __init__(self, message: str, *, is_blocked: bool = False) -> None:
        super().__init__(message)
        self.is_blocked = is_blocked


class AnswerLost(CloseError):
    """The request was sent, but no readable answer came back."""


class AnswerLate(AnswerLost):
    """The request was sent, but was not answered in time."""


def _in_words(seconds: float) -> str:
    """A time in the largest unit that gives at least two: `90 minutes`, `3 hours`, `45 seconds`."""
    units = {"days": 86_400, "hours": 3_600, "minutes": 60}
    unit = next((unit for unit, worth in units.items() if seconds >= 2 * worth), "seconds")
    return f"{math.ceil((seconds - JITTER) / units.get(unit, 1))} {unit}"


MOST_COMPLAINTS, LONGEST_WORDS = 200, 1_000  # a contact may have 100 e-mails and 100 phones that are refused
DEEPEST_COMPLAINT = 20  # levels of an error body that are read
Complaint = tuple[tuple[str, ...], str]


def complaints_in(answer: object, path: tuple[str, ...] = (), depth: int = 0) -> list[Complaint]:
    """Close's words in an error body of any of its shapes, each with the path of fields that leads to them."""
    if isinstance(answer, str):
        return [(path, answer)]
    if isinstance(answer, list):
        answer = dict(enumerate(answer))
    if not isinstance(answer, dict) or depth > DEEPEST_COMPLAINT:
        return []
    complaints: list[Complaint] = []
    for key, part in answer.items():
        is_wrapping = isinstance(key, int) or key in ("error", "errors", "field-errors", "message")
        complaints += complaints_in(part, path if is_wrapping else (*path, key), depth + 1)
    return complaints
