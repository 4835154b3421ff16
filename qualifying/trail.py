"""What is kept of each verdict, one line each, and how a line is found again and explained in words."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from cells.safe_text import encodable, harmless_line
from qualifying.check_service import Check, OtherName, Status
from qualifying.evidence import Evidence
from qualifying.person import pseudonym
from qualifying.verdict import CHECK_TITLES, REGISTRY, SCORE, Earlier, Outcome, Verdict, outcome_words

Line = dict[str, Any]


class NoVerdict(Exception):
    """The trail has no verdict on a person."""


class NoTrail(NoVerdict):
    """The file with the trail does not exist."""


def as_json(verdict: Verdict) -> Line:
    """The verdict as a dict of plain values."""
    checks = {name: _check_as_json(check) for name, check in verdict.checks.items()}
    if verdict.remark:
        checks[SCORE]["detail"] += f"; {verdict.remark}"
    return {
        "person_id": verdict.person_id,
        "outcome": verdict.outcome,
        "result": verdict.result,
        "checks": checks,
        "decided_at": verdict.decided_at,
        "threshold": verdict.threshold,
    }


def trail_line(verdict: Verdict, *, is_rehearsal: bool, is_dry_run: bool = False) -> str:
    """The verdict as a line of JSON, with everything needed to explain it later.

    Verdicts from the sandbox are marked, so that nobody takes them for real ones, and so are those of dry runs.
    """
    line = as_json(verdict)
    for name, check in verdict.checks.items():
        line["checks"][name]["digest"] = check.digest or None
        line["checks"][name] |= {"why": check.why} if check.why else {}
    line["checks"][REGISTRY]["compared"] = list(verdict.checks[REGISTRY].compared)
    line |= {"attempt_id": verdict.attempt_id, "lead_id": verdict.lead_id or None}
    line |= {"rule_version": verdict.rule_version}
    if verdict.list_id:
        line |= {"list_id": verdict.list_id, "about": verdict.about, "run_id": verdict.run_id}
    line |= {"allowed_keys": list(verdict.allowed_keys)} if verdict.allowed_keys else {}
    marks = {
        "sandbox": is_rehearsal,
        "dry_run": is_dry_run,
        "random_score": bool(verdict.remark),
        "redacted": verdict.is_redacted,
    }
    line |= {name: True for name, is_so in marks.items() if is_so}
    text = json.dumps(line, ensure_ascii=False)
    return text if text == encodable(text) else json.dumps(line)  # which escapes halves of characters


def earlier_on_list(path: Path, list_id: str, people: int, remark: str, *, is_dry_run: bool) -> dict[str, Earlier]:
    """What earlier runs left about each person of a list, by the id that they show; none if the list has no id.

    So many `people` are on the list, which is the size of each run's round. `remark` is the one that the verdicts have,
    as the list's id says. Only a dry run goes on with dry runs.
    """
    if not list_id or not path.exists():
        return {}
    found: dict[str, Earlier] = {}
    evidence: dict[str, Evidence] = {}
    for line in _lines(path):
        is_one = line.get("list_id") == list_id and (is_dry_run or not line.get("dry_run"))
        verdict = _verdict_in(line, remark) if is_one else None
        if verdict:
            before = found.get(verdict.person_id)
            tries = (before.tries if before else 0) + verdict.was_tried
            found[verdict.person_id] = Earlier(verdict, tries)
            evidence.setdefault(verdict.run_id, Evidence(set())).note(verdict)
    return {shown: _judged(each, evidence[each.verdict.run_id], people) for shown, each in found.items()}


def _judged(earlier: Earlier, evidence: Evidence, people: int) -> Earlier:
    """What is known from earlier, with whether the evidence of its own run, on so many people, lets it stand."""
    evidence.expect(people)
    return replace(earlier, is_believable=not evidence.is_withheld(earlier.verdict))


def _verdict_in(line: Mapping[str, Any], remark: str) -> Verdict | None:
    """The verdict in a line, None if somebody has changed the line so that it is none any more."""
    try:
        verdict = _verdict_of_line(line, remark)
        is_dated = datetime.fromisoformat(verdict.decided_at).tzinfo is not None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return verdict if is_dated and verdict.outcome in get_args(Outcome) else None


def _verdict_of_line(line: Mapping[str, Any], remark: str) -> Verdict:
    checks = {name: _check_in(line["checks"][name], remark) for name in CHECK_TITLES}
    checks[SCORE] = replace(checks[SCORE], score=line["result"])
    return Verdict(
        person_id=line["person_id"],
        outcome=line["outcome"],
        result=line["result"],
        checks=checks,
        decided_at=line["decided_at"],
        attempt_id=line["attempt_id"],
        remark=remark,
        lead_id=line["lead_id"] or "",
        is_redacted=bool(line.get("redacted")),
        threshold=line["threshold"],
        rule_version=line["rule_version"],
        allowed_keys=tuple(line.get("allowed_keys", ())),
        list_id=line["list_id"],
        about=line["about"],
        run_id=line["run_id"],
        is_earlier=True,
    )


def _check_in(line: Mapping[str, Any], remark: str) -> Check:
    names = line.get("names")
    return Check(
        status=line["status"],
        detail=line["detail"].removesuffix(f"; {remark}"),
        attempts=line["attempts"],
        seconds=line["seconds"],
        digest=line.get("digest") or "",
        compared=tuple(line.get("compared", ())),
        why=line.get("why", ""),
        other_name=OtherName(tuple(names["ours"]), names["theirs"]) if names else None,
    )


def journal_line(verdict: Verdict) -> Line:
    """The verdict as a dict of plain values that `verdict_of` turns back, without its rule and the digests."""
    return as_json(verdict) | {
        "attempt_id": verdict.attempt_id,
        "lead_id": verdict.lead_id,
        "is_redacted": verdict.is_redacted,
    }


def verdict_of(line: Mapping[str, Any]) -> Verdict:
    """The verdict from a dict made by `journal_line`."""
    checks = {name: Check(**check) for name, check in line["checks"].items()}
    return Verdict(**{**line, "checks": checks})


def _check_as_json(check: Check) -> Line:
    line = {"status": check.status, "detail": check.detail, "attempts": check.attempts, "seconds": check.seconds}
    other = check.other_name
    return line | ({"names": {"ours": list(other.held), "theirs": other.told}} if other and other.told else {})


def last_verdict(path: Path, names: Sequence[str], *, rehearsals_only: bool) -> Line:
    """The last line about a person, a lead or an attempt with any of these names. Raises NoVerdict.

    A rehearsal (in the sandbox or with a random score) is returned only if there is no other line or it is asked for.
    """
    if not path.exists():
        raise NoTrail(f"{path} does not exist: nobody was checked from this folder")
    real, rehearsed = None, None
    for line in _lines(path):
        if {line.get("person_id"), line.get("lead_id"), line.get("attempt_id")} & set(names):
            is_rehearsal = line.get("sandbox") or (line.get("random_score") and not rehearsals_only)
            real, rehearsed = (real, line) if is_rehearsal else (line, rehearsed)
    found = (None if rehearsals_only else real) or rehearsed
    if found is None:
        raise NoVerdict(f"{path} has no result for this person")
    return found


def _lines(path: Path) -> Iterator[Line]:
    """The lines of a trail, except those that a crash cut off or somebody changed so that they are none any more."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if _is_whole(line):
                yield line


def _is_whole(line: object) -> bool:
    """Whether a line has what every verdict has, of the right kinds."""
    if not isinstance(line, dict) or not isinstance(line.get("checks"), dict):
        return False
    texts = [line.get(name) for name in ("person_id", "decided_at", "outcome", "attempt_id")]
    texts += [line.get(name) or "" for name in ("lead_id", "list_id", "about", "run_id")]
    numbers = [line.get("result"), line.get("threshold")]
    checks = [line["checks"].get(name) for name in CHECK_TITLES]
    are_numbers = all(number is None or type(number) is int for number in numbers)
    return are_numbers and all(isinstance(text, str) for text in texts) and all(map(_is_whole_check, checks))


def _is_whole_check(check: object) -> bool:
    if not isinstance(check, dict):
        return False
    names = check.get("names") or {"ours": [], "theirs": ""}
    return (
        check.get("status") in get_args(Status)
        and isinstance(check.get("detail"), str)
        and type(check.get("attempts")) is int
        and type(check.get("seconds")) in (int, float)
        and isinstance(check.get("digest") or "", str)
        and isinstance(check.get("compared") or [], list)
        and all(isinstance(what, str) for what in check.get("compared") or [])
        and isinstance(names, dict)
        and isinstance(names.get("ours"), list)
        and isinstance(names.get("theirs"), str)
    )


def redacted(line: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A line with pseudonyms; it already has them if the verdict was made with redaction."""
    if line.get("redacted"):
        return line
    checks = {
        name: {
            **{what: told for what, told in check.items() if what != "names"},
            "digest": pseudonym(check["digest"], key) if check.get("digest") else None,
        }
        for name, check in line["checks"].items()
    }
    return {**line, "person_id": pseudonym(line["person_id"], key), "checks": checks}


def explained(line: Mapping[str, Any]) -> str:
    """A line of the trail as sentences, followed by the arithmetic of the result."""
    checks: Mapping[str, Mapping[str, Any]] = line["checks"]
    said = [
        f"person id: {line['person_id']}",
        f"{outcome_words(line['outcome'])}, decided at {line['decided_at']} (attempt {line.get('attempt_id')}, "
        f"rule {line.get('rule_version')})",
        *([f"lead: {harmless_line(line['lead_id'])}"] if line.get("lead_id") else []),
        *(["This was a rehearsal in the sandbox; no real person was checked."] if line.get("sandbox") else []),
        *(["This was a dry run; nothing was written to Close."] if line.get("dry_run") else []),
        *(_check_words(name, check) for name, check in checks.items()),
        _arithmetic(line),
    ]
    return "\n".join(said)


def _check_words(name: str, check: Mapping[str, Any]) -> str:
    asked = (
        f"asked {'once' if check['attempts'] == 1 else str(check['attempts']) + ' times'} in {check['seconds']:.3f} s"
    )
    digest = f", SHA-256 of the answer {check['digest']}" if check.get("digest") else ""
    compared = ", nothing compared with our data" if check.get("compared") == [] else ""
    if check.get("compared"):
        compared = f", compared with our data: {', '.join(check['compared'])}"
    how = f" ({asked}{compared}{digest})" if check["attempts"] else ""
    names = check.get("names")
    told = f": {OtherName(tuple(names['ours']), names['theirs'])}" if names else ""
    return f"{CHECK_TITLES.get(name, name)}: {check['status']}, {check['detail']}{told}{how}"


def _arithmetic(line: Mapping[str, Any]) -> str:
    statuses = {name: check["status"] for name, check in line["checks"].items() if name != SCORE}
    first = " and ".join(f"{name} {status}" for name, status in statuses.items())
    outcome, result = outcome_words(line["outcome"]), line["result"]
    if line["checks"][REGISTRY].get("why") == "other_name":
        return f"{first}: the id may be somebody else's, whatever else is known about it, so no result, {outcome}"
    if "failed" in statuses.values():
        return f"{first}: one failed check is enough, so result {result}, {outcome}"
    if result is not None:
        sign = ">" if line["outcome"] == "prospect" else "is not >"
        return f"{first} and {result} {sign} {line.get('threshold')}, so result {result}, {outcome}"
    score = "" if "unavailable" in statuses.values() else f" and {SCORE} unavailable"
    return f"{first}{score}: not every check gave an answer, so no result, {outcome}"
