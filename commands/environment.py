"""What a command works with, according to the environment: Close, its journal, the services and the sandbox."""

import argparse
import contextlib
import os
import sqlite3
import ssl
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from cells.unreadable import InputError, NotInEncoding
from close.errors import (
    AuthenticationFailed,
    ClosedForNow,
    CloseUnreachable,
    MissingPermission,
    NotInTime,
    OutcomeUnknown,
    PermissionDenied,
    PlanLimitReached,
    RequestRejected,
    Stopped,
    WayBlocked,
)
from close.fields import AmbiguousName
from close.journal import JournalBusy, JournalFile, NoSuchRun, Purpose, open_journal
from close.journal_schema import JournalDamaged, JournalUnusable
from close.machine import THIS_MACHINE, Machine
from close.transport import host_of, is_loopback
from close_client import CLOSE_URL, CloseClient
from commands.arguments import INDEX_LAG
from commands.error_words import COMMON_WORDS, RUN_AGAIN, Words
from commands.errors import ConfigurationError, Exit, UsageError
from commands.files import OUTPUT_FOLDER
from commands.interrupts import sleep_unless
from commands.terminal import enumerated, say
from sandbox import Sandbox
from sandbox.disk import StateFileError

JOURNAL = OUTPUT_FOLDER / "journal.sqlite"
SANDBOX_STATE = OUTPUT_FOLDER / "sandbox.sqlite"
KEY_VARIABLES = ("close_project_api_key", "CLOSE_API_KEY")
SANDBOX_INDEX_LAG = 1.0  # seconds; the sandbox inside a command has none
LIST_LAG = 10.0  # seconds until Close's lists of notes, tasks and opportunities surely show a new one

WORDS_OF_CLOSE: Words = {  # for every verb that talks to Close or reads the journal
    **COMMON_WORDS,
    AmbiguousName: (Exit.USAGE, "{}."),
    JournalBusy: (Exit.USAGE, "{}."),
    JournalUnusable: (Exit.USAGE, "{}."),
    JournalDamaged: (
        Exit.USAGE,
        f"{JOURNAL} is damaged ({{}}). Put a copy from a backup in its place. If there is none, move it away with its "
        "-wal and -shm files, but keep them, and run the same command again: a new journal is begun, and leads that "
        "are in Close are found by their import keys. Earlier imports can't be undone without the old one.",
    ),
    NoSuchRun: (Exit.USAGE, "{}."),
    StateFileError: (Exit.USAGE, "{}."),
    AuthenticationFailed: (
        Exit.SETUP,
        "Close does not accept the API key ({}). Copy it again from Settings > Developer > API Keys.",
    ),
    MissingPermission: (Exit.SETUP, "Nothing was done, because {}. Ask an administrator of Close for the permission."),
    PlanLimitReached: (Exit.SETUP, "Your Close plan does not allow this: {}. Upgrade it, then run again."),
    PermissionDenied: (
        Exit.SETUP,
        "The API key's user is not allowed to do this in Close: {}. Ask an administrator of Close for the permission.",
    ),
    RequestRejected: (Exit.SETUP, "Close refused a request: {}. Check CLOSE_API_URL and the API key."),
    OutcomeUnknown: (
        Exit.UNREACHABLE,
        f"Close may or may not have saved the last change ({{}}). {RUN_AGAIN}",
    ),
    CloseUnreachable: (
        Exit.UNREACHABLE,
        "Close gave no usable answer ({}). Wait a minute; if it happens again, check your internet connection and "
        f"CLOSE_API_URL. {RUN_AGAIN}",
    ),
    WayBlocked: (Exit.UNREACHABLE, f"Close can't be reached: {{}}. {RUN_AGAIN}"),
    NotInTime: (
        Exit.UNREACHABLE,
        f"Close is too slow at the moment: {{}}. Wait some minutes. {RUN_AGAIN}",
    ),
    ClosedForNow: (
        Exit.UNREACHABLE,
        f"Close asks us to wait for {{}}, which is longer than this command waits. {RUN_AGAIN} when that time is over",
    ),
    Stopped: (Exit.INTERRUPTED, f"Stopped. Requests already sent were finished and recorded. {RUN_AGAIN}"),
    sqlite3.Error: (Exit.BUG, f"{JOURNAL} can't be written ({{}}). Check that the disk is not full. {RUN_AGAIN}"),
}


WORDS_OF_FILES: Words = {  # for every verb that reads a file
    InputError: (Exit.USAGE, "{}."),
    NotInEncoding: (
        Exit.USAGE,
        "{}. Save the file as CSV (UTF-8), or name its encoding, for example --encoding cp1252 for Excel on Windows or "
        "--encoding utf-16.",
    ),
}


@contextlib.contextmanager
def open_close(
    args: argparse.Namespace,
    stop: threading.Event,
    sandbox: Sandbox | None = None,
    kind: type[CloseClient] = CloseClient,
) -> Iterator[CloseClient]:
    """A client for Close as the environment says, or for a sandbox if requested; `stop` ends its waits.

    If a `sandbox` is already running, the client is for that one.
    """
    with contextlib.ExitStack() as stack:
        if args.sandbox:
            key, url = "sandbox", (sandbox or stack.enter_context(open_sandbox(args.quiet))).close_url
        else:
            key, url = close_key(), checked_url("CLOSE_API_URL", os.environ.get("CLOSE_API_URL") or CLOSE_URL)
        client = kind(key, url, sleep=sleep_unless(stop), is_redacted=getattr(args, "redact", False))
        stack.callback(client.close)
        yield client


def tell_of_closed_log(close: CloseClient) -> None:
    """Say what it means that Close did not show its event log, if it did not."""
    if close.is_log_closed:
        say(
            "Close does not show its event log to the API key's user. So a lead whose answer is lost is looked for in "
            "search alone, and for longer, and a lead that was merged into another one counts as deleted."
        )


@contextlib.contextmanager
def open_sandbox(quiet: bool) -> Iterator[Sandbox]:
    """A sandbox inside this command, with the leads that earlier commands left in it."""
    OUTPUT_FOLDER.mkdir(exist_ok=True)
    with Sandbox(state=SANDBOX_STATE) as sandbox:
        if not quiet:
            say(f"sandbox: nothing leaves this computer; its leads are kept in {SANDBOX_STATE}")
        yield sandbox


@contextlib.contextmanager
def open_own_journal(
    purpose: Purpose = "import or undo", machine: Machine = THIS_MACHINE, folder: Path = OUTPUT_FOLDER
) -> Iterator[JournalFile]:
    """The journal in output_data/. It is created before anything is sent, because everything must be recorded."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        words = f"{folder}/ can't be created here ({error.strerror}). Go to a folder that you can write to"
        raise UsageError(words) from None
    with open_journal(folder / JOURNAL.name, purpose, machine) as journals:
        yield journals


def index_lag(args: argparse.Namespace, usual: float = INDEX_LAG) -> float:
    """Seconds after which we assume that search, or a list, shows new entries."""
    if args.index_lag is not None:
        return float(args.index_lag)
    return SANDBOX_INDEX_LAG if args.sandbox else usual


def list_lag(args: argparse.Namespace) -> float:
    """Seconds after which we assume that the lists of what people did on a lead are complete."""
    return 0.0 if args.sandbox else LIST_LAG


# Keys and addresses --------------------------------------------------------------------------------------------------


def close_key() -> str:
    """The API key. Raises ConfigurationError if it is missing or can't be a key."""
    key = next(filter(None, map(secret, KEY_VARIABLES)), "")
    if not key:
        raise ConfigurationError(
            "No API key found. Set CLOSE_API_KEY to the key from Close (Settings > Developer > API Keys), "
            "or add --sandbox to try this without Close"
        )
    return key


def secret(variable: str) -> str:
    """A key or token from the environment, "" if it is not set. Raises ConfigurationError if it can't be one."""
    value = os.environ.get(variable, "").strip()
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigurationError(f"{variable} contains characters that can't be part of a key. Copy the key again")
    return value


def checked_url(variable: str, url: str) -> str:
    """A base URL that a secret may be sent to: https, or http on this machine. Raises ConfigurationError."""
    try:
        parts = urlsplit(url.strip())
        is_clear = bool(host_of(url.strip())) and url.strip().isprintable() and "\\" not in url
        is_usable = is_clear and "?" not in url and "#" not in url and parts.port != 0
    except ValueError:
        is_usable = False
    if is_usable and "@" in parts.netloc:
        raise ConfigurationError(f"{variable} must not contain a user name or a password. Leave out what is before @")
    if not is_usable or parts.scheme not in ("http", "https"):
        raise ConfigurationError(f"{variable} is not a base URL. Write it like https://example.com/api")
    if parts.scheme == "http" and not is_loopback(url):
        raise ConfigurationError(
            f"{variable} must begin with https://, because others on the network can read what is sent over http"
        )
    if parts.scheme == "https":
        check_certificates()
        check_proxy(url)
    return url.strip()


def check_certificates() -> None:
    """Raise ConfigurationError if the environment names certificates that can't be used, before anything is sent."""
    variable = next((name for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if os.environ.get(name)), "")
    if not variable:
        return
    path = Path(os.environ[variable])
    try:
        if not path.exists():
            problem = "nothing is there"
        elif path.is_dir() or ssl.create_default_context(cafile=str(path)).get_ca_certs():
            return
        else:
            problem = "it holds none"
    except (OSError, ValueError):  # which ssl.SSLError is, too
        problem = "they can't be read"
    raise ConfigurationError(
        f"{variable} names certificates at {path}, but {problem}. Correct the path, or unset {variable}"
    )


def check_proxy(url: str) -> None:
    """Raise ConfigurationError if the environment names a proxy for a URL in a way that can't be used.

    The message does not repeat it, since there may be a password in it.
    """
    if is_loopback(url):
        return
    from requests.utils import get_environ_proxies, select_proxy

    proxy = select_proxy(url, get_environ_proxies(url))
    try:
        parts = urlsplit(proxy or "http://none")
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        is_usable = is_usable and (proxy or "").isascii() and not (parts.query or parts.fragment)
    except ValueError:
        is_usable = False
    if not is_usable:
        raise ConfigurationError(
            "HTTPS_PROXY, or another variable for a proxy, is not an address like http://NAME:PASSWORD@HOST:PORT. "
            "Write http:// before it, and in the password write @ : / ? # and accents as %40 %3A %2F %3F %23 and so on"
        )


def service_urls(names: Iterable[str], sandbox: Sandbox | None) -> dict[str, str]:
    """The base URLs of services by name: those of the sandbox if one is given, otherwise those of the environment."""
    return sandbox_urls(sandbox) if sandbox else _urls_of_environment(names)


def sandbox_urls(sandbox: Sandbox) -> dict[str, str]:
    """The base URLs of a sandbox's services, by name."""
    return {"registry": sandbox.registry_url, "judicial": sandbox.judicial_url, "score": sandbox.score_url}


def _urls_of_environment(names: Iterable[str]) -> dict[str, str]:
    """The base URLs of services by name. Raises ConfigurationError, naming all that are missing."""
    variables = {name: f"{name.upper()}_URL" for name in names}
    missing = [variable for variable in variables.values() if not os.environ.get(variable)]
    if missing:
        drawn = ", add --random-score to use a random score" if missing == ["SCORE_URL"] else ""
        several = ("No addresses for", "their base URLs")
        lacking, wanted = several if len(missing) > 1 else ("No address for one of", "its base URL")
        raise ConfigurationError(
            f"{lacking} the check services. Set {enumerated(missing)} to {wanted}{drawn}, "
            "or add --sandbox to try this with made-up answers"
        )
    return {name: checked_url(variable, os.environ[variable]) for name, variable in variables.items()}
