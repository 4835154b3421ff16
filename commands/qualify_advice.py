"""What somebody can do about people who are not decided on, and about services that can't be believed or used."""

import argparse
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from commands.error_words import RUN_AGAIN
from commands.errors import Exit
from commands.terminal import complain, counted, say
from qualification import Qualifier
from qualifying.round import Round
from qualifying.verdict import SERVICE_TITLES, Verdict

ALIKE_WORDS = {
    "only_404": "answered with status 404 about everybody ({people} in all), as a wrong address does",
    "request_refused": "refused every id that it was asked about ({people} in all)",
}


def advise(qualifier: Qualifier, args: argparse.Namespace, decided: Iterable[Verdict], unasked: int = 0) -> None:
    """Say what somebody can do about people who are not decided on, and about `unasked` ones without a verdict."""
    if args.quiet:
        return
    people = list({verdict.person_id: verdict for verdict in decided}.values())
    for words in (_earlier_words(people), _time_words(people, unasked, args), *_refusal_words(people)):
        if words:
            say(words)
    for service in qualifier.services.values():
        if service.unasked:
            people_were = counted(service.unasked, "person was", "people were")
            again = f"To check them later, run: {args.command}"
            say(f"The {service.name} kept failing, so {people_were} not checked. {again}")


def _earlier_words(people: Sequence[Verdict]) -> str:
    decided = [verdict.decided_at for verdict in people if verdict.is_earlier]
    if not decided:
        return ""
    known = counted(len(decided), "person", "people")
    return f"An earlier run decided on {known}, the first at {min(decided)}. To ask about everybody again, add --again."


def _time_words(people: Sequence[Verdict], unasked: int, args: argparse.Namespace) -> str:
    """How many people were not reached in the time that --deadline gives, and what to do."""
    never = sum(verdict.is_unasked for verdict in people)
    cut_off = sum(verdict.has("not_in_time") for verdict in people) - never
    unasked += never
    if not unasked and not cut_off:
        return ""
    were = f"{counted(unasked, 'person was', 'people were')} not asked about"
    more = f", and {counted(cut_off, 'person was', 'people were')} asked about, but not to the end" if cut_off else ""
    command = shlex.join(word for word in shlex.split(args.command) if word != "--again")
    return f"--deadline {args.deadline:g} ran out: {were}{more}. {RUN_AGAIN}".replace("{command}", command)


def _refusal_words(people: Sequence[Verdict]) -> Iterator[str]:
    """How many people's ids each service refuses."""
    refusing = Counter(name for each in people for name, check in each.checks.items() if check.why == "request_refused")
    for name, number in refusing.items():
        ids = "the id of 1 person" if number == 1 else f"the ids of {number} people"
        yield f"The {SERVICE_TITLES[name]} refuses {ids} (status 400 or 422). Check whether they are right."


def alike_words(this_round: Round) -> list[str]:
    """What services said of everybody, which is hard to believe, and what to do about it."""
    return [
        f"The {SERVICE_TITLES[each.check]} {ALIKE_WORDS[each.why].format(people=each.people)}, and said nothing else. "
        f"Check {each.check.upper()}_URL, then run again."
        for each in this_round.evidence.alike()
    ]


def refused_token(qualifier: Qualifier, command: str) -> Exit | None:
    """Complain about services that do not accept their tokens; returns the exit code, None if all accept them."""
    refusing = {name: service for name, service in qualifier.services.items() if service.token_refusal}
    for name, service in refusing.items():
        complain(
            f"The {service.name} does not accept its token ({service.token_refusal}), so it was not asked any more. "
            f"Correct {name.upper()}_TOKEN. {RUN_AGAIN}".replace("{command}", command)
        )
    return Exit.SETUP if refusing else None
