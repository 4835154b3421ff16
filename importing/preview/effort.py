"""How many requests an import needs, and how many minutes they take at the rate that Close allows."""

from importing.outcomes import ImportResult
from importing.plan import Plan, PlannedLead
from importing.preview.preview import Effort

USUAL_RATE = 20.0  # requests a second for one API key, as Close's documentation has it; a key may have more
REQUESTS_PER_FIELD = 2  # to create it, and to see that it is the only one
SECONDS_PER_MINUTE = 60


def effort_of(result: ImportResult, *, is_rehearsed: bool) -> Effort:
    """The requests and minutes that an import needs, with the planning, which is done again; or that it needed."""
    close = result.plan.organization.close
    requests = close.requests_made + (_requests_to_write(result.plan) if is_rehearsed else 0)
    told = close.rate_told()
    minutes = requests / (told or USUAL_RATE) / SECONDS_PER_MINUTE
    return Effort(requests, minutes, rate=told or USUAL_RATE, is_rate_told=told is not None)


def _requests_to_write(plan: Plan) -> int:
    """The requests that carry a plan out."""
    begins = any(planned.action == "create" for planned in plan.leads)  # with a look at what Close has created last
    return REQUESTS_PER_FIELD * len(plan.new_fields) + begins + sum(map(_requests_for, plan.leads))


def _requests_for(planned: PlannedLead) -> int:
    """The requests for one lead. One that lacks something is read first, and again if its own fields lack nothing."""
    if planned.action == "update":
        return 2 + len(planned.gaps.contacts) + len(planned.gaps.new_contacts)
    return int(planned.writes)
