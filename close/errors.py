"""What can go wrong between us and Close.

    CloseError
     +-- CloseUnreachable     no answer could be had; nothing was changed by this request
     +-- Stopped              the caller ended the wait for a better moment; nothing was changed by this request
     +-- OutcomeUnknown       a write was sent and its effect is not known: neither success nor refusal
     +-- RequestRejected      Close refused; nothing was changed
          +-- InvalidRequest (400, 413, 422), and of these ExpiredCursor (that names the cursor)
          +-- AuthenticationFailed (401), PlanLimitReached (402), PermissionDenied (403), NotFound (404)

Three more arise within the client alone, of single attempts: Throttled, NothingSent and AnswerLost.
"""

from collections.abc import Mapping


class CloseError(Exception):
    """Anything that went wrong between us and Close."""


class CloseUnreachable(CloseError):
    """No answer could be had in time; this request changed nothing."""


class Stopped(CloseError):
    """A `sleep` raises this to end a wait early: the request that waited was not done."""


class OutcomeUnknown(CloseError):
    """A write left and no readable answer came: it may have been done. Never to be sent again without a look."""


class RequestRejected(CloseError):
    """Close refused the request and changed nothing.

    `complaints` are its words, each behind the path to the value that it names: ("contacts", "0", "name"), say; the
    path is empty where the words concern the request as a whole.
    """

    def __init__(self, status: int, answer: object) -> None:
        self.status = status
        self.complaints = complaints_in(answer) or [((), f"Close answered with status {status}.")]
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


class Throttled(CloseError):
    """429: refused before any work was done. `wait` is in how many seconds it is worth another try."""

    def __init__(self, wait: float) -> None:
        super().__init__("Close kept asking us to wait")
        self.wait = wait


class NothingSent(CloseError):
    """No connection came about, so the request never left."""


class AnswerLost(CloseError):
    """The request left, and no answer came back that could be read."""


DEEPEST_COMPLAINT = 20  # levels of an error body that are read
Complaint = tuple[tuple[str, ...], str]


def complaints_in(answer: object, path: tuple[str, ...] = (), depth: int = 0) -> list[Complaint]:
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
        complaints += complaints_in(part, path if is_wrapping else (*path, key), depth + 1)
    return complaints
