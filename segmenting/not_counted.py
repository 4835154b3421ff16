"""Which leads the figures of a segment leave out: how many, why, and in which words."""

from collections.abc import Sequence

from cells.us_states import state_name
from close.contents import Json
from close.fields import CREATED, OUTSIDE, STATE, STATUS
from segmenting.columns import titles_of
from segmenting.filters import Question
from segmenting.leads import Reading, SegmentedLead, name_of
from segmenting.plan import Segment
from segmenting.unseen import Found

MOST_NAMED = 3  # leads in one warning
MOST_AWAITED_NAMED = 10


def counts_of(reading: Reading, segment: Segment, found: Found) -> Json:
    """How many leads are counted, and how many are left out in whole or in part, by reason."""
    counts = {
        **_counts(reading.leads, segment),
        "without_date": found.without_date if segment.question.is_exact else None,
        "unreadable_date": len(reading.undated),
        "no_longer_asked_for": len(reading.no_longer_asked_for),
        "deleted": len(found.deleted),
        "not_shown_yet": len(found.not_shown_yet),
    }
    return {**counts, "previous": _counts(reading.earlier, segment)} if segment.previous else counts


def _counts(leads: Sequence[SegmentedLead], segment: Segment) -> Json:
    return {
        "leads": len(leads),
        "without_revenue": sum(lead.revenue is None for lead in leads),
        "unreadable_revenue": sum(lead.is_unreadable for lead in leads),
        "without_state": sum(not lead.state for lead in leads),
        "outside_us": sum(lead.state == OUTSIDE for lead in leads),
        "without_group": {
            title: sum(not lead.groups[depth] for lead in leads)
            for depth, title in enumerate(titles_of(segment.levels))
        },
    }


def subtitle_of(counts: Json, segment: Segment) -> str:
    """Which leads they are and how many: `Company Founded 2000-01-01 to 2005-12-31: 9 leads, 2 without revenue`."""
    filters = [each.words for each in segment.question.filters]
    asked_for = ", ".join([f"{segment.question.dates.title} {segment.span}", *filters])
    return f"{asked_for}: {leads_words(counts['leads'])}, {without_words(counts, segment)}"


def without_words(counts: Json, segment: Segment) -> str:
    """How many lack what: `2 without revenue, 1 without a state`. Every lead has a status and a creation date."""
    missing = {"revenue": counts["without_revenue"]}
    for level, (title, number) in zip(segment.levels, counts["without_group"].items(), strict=True):
        if level not in (STATUS, CREATED):
            missing["a state" if level == STATE else title] = number
    told = [f"{number:,} without {what}" for what, number in missing.items()]
    if STATE in segment.levels and counts["outside_us"]:
        told.append(f"{counts['outside_us']:,} outside the US")
    return ", ".join(told)


def warnings_of(reading: Reading, segment: Segment, found: Found) -> tuple[str, ...]:
    """What was left out in whole or in part: a sentence for each reason, with names so that people can fix it."""
    warnings = [
        f"{leads_words(len(names))} {words}: {named(names)}"
        for names, words in _left_out(reading, segment, found)
        if names
    ]
    if found.without_date:
        warnings.append(_undated_words(found.without_date, segment.question))
    if found.not_shown_yet:
        warnings.append(_missing_words([name_of(lead) for lead in found.not_shown_yet], segment))
    if not reading.leads and not segment.question.is_exact:
        none = f"No lead with a {segment.question.dates.title} date in the range matches the filters"
        whole = "A filter must give the whole value of a field, not a part of it, and only one value"
        warnings.append(f"{none}. {whole}; for several values, repeat it")
    both = [*reading.leads, *reading.earlier]
    return (*warnings, *_no_state_words(both, segment), *_alike_words(both, segment))


def _no_state_words(leads: Sequence[SegmentedLead], segment: Segment) -> list[str]:
    """A sentence about the groups whose name is no US state; none if leads are not grouped by state."""
    if STATE not in segment.levels:
        return []
    leads = [lead for lead in leads if lead.state not in ("", OUTSIDE) and state_name(lead.state) is None]
    texts = sorted({lead.state for lead in leads})
    it_is = "it is" if len(texts) == 1 else "each is"
    words = f"{leads_words(len(leads))} {_has(leads)} a state that is not one of the US, so {it_is} a group of its own"
    return [f"{words}: {named(texts)}"] if leads else []


def _left_out(reading: Reading, segment: Segment, found: Found) -> list[tuple[list[str], str]]:
    """The names of the leads that are left out, with what they are left out of and why."""
    unreadable = [lead.name for lead in [*reading.leads, *reading.earlier] if lead.is_unreadable]
    undated, changed = reading.undated, reading.no_longer_asked_for
    deleted = [name_of(lead) for lead in found.deleted]
    return [
        (
            unreadable,
            f"{_is(unreadable)} counted, but left out of totals and medians because {_its(unreadable)} "
            f"{segment.revenue.title} is not an amount",
        ),
        (
            undated,
            f"{_was(undated)} left out because {_its(undated)} {segment.question.dates.title} is not a date",
        ),
        (
            changed,
            f"that Close's search still lists {_was(changed)} left out because {_its(changed)} values no longer match "
            "the date range and filters",
        ),
        (deleted, f"that Close's search still lists {_was(deleted)} left out because an undo deleted {_them(deleted)}"),
    ]


def _undated_words(number: int, question: Question) -> str:
    which = leads_words(number) if question.is_exact else f"{leads_words(number)} that may match the filters"
    have, were = ("has", "was") if number == 1 else ("have", "were")
    return f"{which} {have} no {question.dates.title} date and {were} left out"


def _missing_words(names: Sequence[str], segment: Segment) -> str:
    is_sure = all(each.is_testable for each in segment.question.filters)
    missing = _is(names) if is_sure else "may be"
    which = f"{leads_words(len(names))} imported just now"
    why = f"because Close's search does not show {_them(names)} yet"
    return f"{which} {missing} missing from these figures {why}: {named(names, MOST_AWAITED_NAMED)}"


def _alike_words(leads: Sequence[SegmentedLead], segment: Segment) -> list[str]:
    """A sentence for each level at which groups differ only in letter case, and were perhaps meant to be one."""
    sentences = []
    for depth, level in enumerate(segment.levels):
        spellings: dict[str, set[str]] = {}
        for group in {lead.groups[depth] for lead in leads}:
            spellings.setdefault(group.casefold(), set()).add(group)
        alike = [" and ".join(sorted(each)) for each in spellings.values() if len(each) > 1]
        if alike:
            sentences.append(
                f"Groups by {level.title} that differ only in letter case are counted separately: "
                f"{named(sorted(alike))}"
            )
    return sentences


def named(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Some names in words: `Acme, Beta, Gamma and 5 more`."""
    rest = len(names) - most
    shown = ", ".join(" ".join(name.split()) or "(no name)" for name in names[:most])
    return f"{shown} and {rest:,} more" if rest > 0 else shown


def leads_words(number: int) -> str:
    """A number of leads in words: `1 lead`, `1,200 leads`."""
    return "1 lead" if number == 1 else f"{number:,} leads"


def _has(things: Sequence[object]) -> str:
    return "has" if len(things) == 1 else "have"


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _its(names: Sequence[str]) -> str:
    return "its" if len(names) == 1 else "their"


def _was(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 else "were"


def _them(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"
