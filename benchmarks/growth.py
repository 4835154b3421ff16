"""Whether a lead costs more where there are many, and what a million would cost this machine."""

from benchmarks.figures import Line, Measured, Target, middle, repeated
from benchmarks.imports import Imported, file_of, import_file
from benchmarks.serving import rate

FEW, MANY = 1_000, 20_000
TIMEOUT = 400  # seconds
MILLION = 1_000_000
HOUR = 3600  # seconds
KEY_LIMIT, ORGANISATION_LIMIT = 20, 60  # requests a second, as Close's documentation illustrates them


def growth(budget: float) -> Measured:
    """The same command for few and for many leads, without latency or limit."""

    def once() -> tuple[Imported, Imported]:
        with file_of(FEW) as few, file_of(MANY) as many:
            before = import_file(few, FEW, TIMEOUT)
            larger = import_file(many, MANY, TIMEOUT)
            after = [import_file(few, FEW, TIMEOUT) for _ in range(2)]
            # One small import is over so soon that a moment in which the machine is busy would decide.
            return sorted([before, *after], key=lambda each: each.seconds)[1], larger

    pairs = repeated(once, budget)
    ratios = [many.seconds / MANY / (few.seconds / FEW) for few, many in pairs]
    sending = middle((rate(few.seen.times) / rate(many.seen.times) for few, many in pairs), "{:.2f}")
    each = [middle((1000 * pair[side].seconds / pair[side].leads for pair in pairs), "{:.2f} ms") for side in (0, 1)]
    beside = f"per lead {each[0]} and {each[1]}; from first to last lead alone, without start and plan: {sending}"
    line = Line("import, time per lead: 20,000 leads / 1,000 leads", Target("at most", 1.2, "{:.2f}"), ratios, beside)
    return Measured([line], _sentences([many for _, many in pairs]))


def _sentences(many: list[Imported]) -> list[str]:
    ours = middle((each.seconds / each.leads * MILLION / HOUR for each in many), "{:.1f}")
    organisation, key = (f"{MILLION / limit / HOUR:.1f}" for limit in (ORGANISATION_LIMIT, KEY_LIMIT))
    return [
        f"A million leads would take this machine {ours} h without limit or latency, the sandbox's own work included.",
        f"Close's limit alone makes it {organisation} h for an organisation (60 a second), {key} h for a key (20).",
        "So one machine is enough for any account in Close: it waits for Close, and not the other way round.",
    ]
