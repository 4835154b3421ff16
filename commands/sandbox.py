"""sandbox: run a stand-in for Close and the checks on this computer."""

import argparse
import contextlib
import functools
import threading
from collections.abc import Sequence

from commands.arguments import add_verbose, amount
from commands.environment import SANDBOX_STATE, sandbox_urls
from commands.error_words import COMMON_WORDS, Words
from commands.errors import Exit, UsageError
from commands.files import OUTPUT_FOLDER
from commands.interrupts import noticing_interrupt
from commands.terminal import say, show
from sandbox import Fault, Sandbox, StateFileBusy, StateFileError

DEFAULT_PORT = 8722
WORDS: Words = {**COMMON_WORDS, StateFileError: (Exit.USAGE, "{}.")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument(
        "--port",
        type=_port,
        default=DEFAULT_PORT,
        metavar="N",
        help=f"port to listen on (default: {DEFAULT_PORT}); 0 for any free one",
    )
    parser.add_argument(
        "--rate",
        type=_rate,
        metavar="N",
        help="limit of requests per second for each API key and endpoint group (default: none)",
    )
    parser.add_argument(
        "--latency", type=amount, default=0.0, metavar="MS", help="milliseconds added to each answer (default: 0)"
    )
    parser.add_argument(
        "--index-lag", type=amount, default=1.0, metavar="S", help="seconds until search shows a change (default: 1)"
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME=PROBABILITY",
        help="simulate a failure, such as 503-before=0.1; repeat for several",
    )
    parser.add_argument(
        "--empty", action="store_true", help="start without the leads of earlier rehearsals, and keep none"
    )
    add_verbose(parser, "show where an unexpected error happened")


def _port(text: str) -> int:
    if text.isdecimal() and int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")


def _rate(text: str) -> float:
    if amount(text) > 0:
        return amount(text)
    raise argparse.ArgumentTypeError("the rate must be more than 0; leave out --rate for no limit")


def run(args: argparse.Namespace) -> int:
    """Run the stand-ins until Ctrl-C."""
    try:
        faults = [Fault.parse(text) for text in args.fault]
    except ValueError as error:
        raise UsageError(str(error)) from None
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        sandbox, keeps = _started(args, faults)
        stack.callback(sandbox.stop)
        stack.enter_context(noticing_interrupt(stop))
        _introduce(sandbox, keeps=keeps)
        stop.wait()
    return Exit.DONE


def _started(args: argparse.Namespace, faults: Sequence[Fault]) -> tuple[Sandbox, bool]:
    """A sandbox that listens, and whether it keeps its leads: not while another command has the file with them."""
    lags = {"latency": args.latency / 1000, "index_lag": args.index_lag}
    make = functools.partial(Sandbox, port=args.port, rate=args.rate, faults=faults, **lags)
    if not args.empty:
        OUTPUT_FOLDER.mkdir(exist_ok=True)
        with contextlib.suppress(StateFileBusy):
            return _listening(make(state=SANDBOX_STATE), args.port), True
        say(f"{SANDBOX_STATE} is in use by another command, so this sandbox begins without its leads.")
    return _listening(make(state=None), args.port), False


def _listening(sandbox: Sandbox, port: int) -> Sandbox:
    """The sandbox, once it listens. Raises UsageError if the port can't be used, and StateFileError."""
    try:
        sandbox.start()
    except OSError as error:
        if isinstance(error, StateFileError) or error.filename:  # not the port, but the file
            raise
        words = f"{error.strerror}. Use another port, or --port 0 for any free one"
        raise UsageError(f"Port {port}: {words}") from None
    return sandbox


def _introduce(sandbox: Sandbox, *, keeps: bool) -> None:
    """Show what to export, and say where the leads can be seen and whether they stay."""
    variables = {"CLOSE_API_URL": sandbox.close_url, "CLOSE_API_KEY": "sandbox"}
    variables |= {f"{name.upper()}_URL": url for name, url in sandbox_urls(sandbox).items()}
    show("\n".join(f"export {name}={value}" for name, value in variables.items()))
    say(
        "This is a stand-in for Close and the checks. Any API key works, and nothing leaves this computer. "
        "Press Ctrl-C to stop it."
    )
    say(f"Look at its leads at {sandbox.page_url}")
    say(f"Its leads are kept in {SANDBOX_STATE}." if keeps else "Its leads are gone when it stops.")
