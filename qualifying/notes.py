"""What notes on leads say. Everybody in Close can read them, so findings are left out unless they are wanted."""

from qualifying.person import ID_RULE
from qualifying.verdict import CHECK_TITLES, Verdict, outcome_words


def verdict_text(verdict: Verdict, *, has_detail: bool) -> str:
    """What a note says about a verdict."""
    ran = [CHECK_TITLES[name] for name, check in verdict.checks.items() if check.attempts]
    return _lines(
        f"Qualification result: {outcome_words(verdict.outcome)}.",
        f"Checks completed: {', '.join(ran)}.",
        f"Findings: {verdict.findings()}." if has_detail else "",
        f"Attempt: {verdict.attempt_id}",
    )


def missing_id_text(field_name: str, typed: str, attempt_id: str) -> str:
    """What a note says on a lead whose id is missing or not valid."""
    advice = f"Please correct it: {ID_RULE}." if typed else "Please enter the person's id in this field."
    return _lines(
        f"This lead could not be qualified: its {field_name} is {'not a valid id' if typed else 'blank'}.",
        f"{advice} The lead will then be checked.",
        f"Attempt: {attempt_id}",
    )


def other_name_text(field_name: str, verdict: Verdict, attempt_id: str, *, has_detail: bool) -> str:
    """What a note says on a lead whose id belongs to a person of another name in the registry."""
    return _lines(
        f"This lead could not be qualified: the registry has another name for its {field_name}.",
        f"Findings: {verdict.findings()}." if has_detail else "",
        f"Please check the {field_name} and the names of the contacts. If they are right, ask whoever runs the checks.",
        f"Attempt: {attempt_id}",
    )


def refused_id_text(field_name: str, verdict: Verdict, attempt_id: str) -> str:
    """What a note says on a lead whose id a service refuses."""
    refusing = [CHECK_TITLES[name] for name, check in verdict.checks.items() if check.why == "request_refused"]
    return _lines(
        f"This lead could not be qualified: its {field_name} was refused in the {' and the '.join(refusing)}.",
        f"Please correct the {field_name}. The lead will be checked again when it has changed.",
        f"Attempt: {attempt_id}",
    )


def _lines(*lines: str) -> str:
    return "\n".join(filter(None, lines))
