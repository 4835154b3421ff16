"""Reading a text as an email address: the address in normal form, or why it is not one."""

import re

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from cells.parsed import Parsed, all_parts, one_value, refused
from cells.placeholders import is_email_placeholder
from cells.texts import InvalidValue
from cells.wrapped import unwrapped

LONGEST_EMAIL = 254  # characters that Close takes
_TOP_LEVEL_DOMAIN = re.compile(r"\.[a-z]{2,63}$", re.IGNORECASE)
_PLAIN_EMAIL = re.compile(
    r"([A-Za-z0-9_+'&-]+(?:\.[A-Za-z0-9_+'&-]+)*)@((?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+([A-Za-z]{2,}))"
)
_PLAIN_EMAIL_LENGTH = 64  # characters; an address this short has no part that is too long
_SPECIAL_ENDINGS = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)
_MAILBOXES_WITHOUT_CASE = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)


def parse_email(text: str) -> str:
    """The address in normal form; it is not looked up. Raises InvalidValue if Close would not accept it.

    The reasons come from `email_validator`; what Close requires beyond that is known from its open-source checks.
    """
    typed = _bare_address(text)
    return plain_email(typed) or _validated_email(typed)


def parse_emails(cell: str) -> Parsed:
    """The addresses in a cell, with names, labels and marks around them left out.

    If a part without @ stands next to an address, it may belong to that (`ann@acme.co,uk`), so nothing is kept.
    """
    if cell[:1] == "[" and cell[-1:] == "]":
        cell = cell[1:-1]  # a list, as programs write it
    plain = [plain_email(part.strip()) for part in _SIMPLE_SEPARATORS.split(cell) if part]
    if all(plain):
        return Parsed(tuple(dict.fromkeys(plain)))
    parts = [part for part in map(unwrapped, _SEPARATORS.split(_NAMED.sub(r"\1\2;", cell))) if part.strip("\"'<>(). ")]
    is_address = ["@" in part for part in parts]
    torn = next((part for part in parts if "@" not in part and not is_email_placeholder(part)), None)
    if any(is_address) and torn is not None:
        reason = f"{torn!r} stands next to an address and may be a part of it; write addresses with ; between them."
        return refused(cell, "invalid_email", reason)
    return all_parts(map(_parse_one, parts))


_NAMED = re.compile(  # a name, in quotation marks or not, before an address in brackets
    r"(^|[;,|\r\n]|:::|\s/\s)(?:\"[^\"]*\"|(?<!\w)'[^'<>]*'(?=\s*<)|[^<>;|\r\n\"@]){0,200}"
    r"[<(\[]\s*(?:mailto:)?([^<>()\[\]\s]+@[^<>()\[\]\s]+)\s*[>)\]]",
    re.IGNORECASE,
)
_SIMPLE_SEPARATORS = re.compile(r"[\r\n,;]")
_SEPARATORS = re.compile(
    r"\s*(?:[\r\n,;|]|:::|\s/|/\s|\s(?:and|or|&)\s)\s*|(?<=\w)\s+(?=[^\s@()]+@)|(?<=\w)(?=<[^<>\s]+@)"
)
_LABEL = re.compile(r"(?:[^\W\d_][^\W_ -]*(?:[ -]+[^\W_]+){0,3} ?(?:#?\d+ ?)?[:：]\s*|mailto:)", re.IGNORECASE)
_REMARK = re.compile(r"\s*\([^()@]*\)\s*|\s*\[[^\[\]@]*\]\s*")
_MAILTO_DETAILS = re.compile(r"\?[^?@]*$")


def _bare_address(text: str) -> str:
    """An address without a label before it, a remark after it, and marks around it."""
    bare = _REMARK.sub(" ", text.replace("’", "'")).strip(" \t<")
    label = _LABEL.match(bare)
    while label:
        bare = bare[label.end() :]
        bare = _MAILTO_DETAILS.sub("", bare) if label[0].casefold() == "mailto:" else bare
        label = _LABEL.match(bare)
    return bare.strip(' \t"“”<>,;').removesuffix(".").removesuffix("'").removeprefix("'").strip()


def plain_email(text: str) -> str | None:
    """The result of `parse_email` for an address in the usual form, but much faster; None for any other text."""
    parts = _PLAIN_EMAIL.fullmatch(text)
    if parts is None or len(text) > _PLAIN_EMAIL_LENGTH:
        return None
    mailbox, domain, ending = parts.groups()
    if ending.lower() in _SPECIAL_ENDINGS:
        return None
    if text.islower():
        return text
    lowered = mailbox.lower()
    return f"{lowered if lowered in _MAILBOXES_WITHOUT_CASE else mailbox}@{domain.lower()}"


_parse_one = one_value(parse_email, is_email_placeholder)


def _validated_email(text: str) -> str:
    try:
        email = validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise InvalidValue("invalid_email", str(error)) from None
    if len(email) > LONGEST_EMAIL:
        raise InvalidValue("invalid_email", f"The address has more than {LONGEST_EMAIL} characters.")
    if email[:1] in "/*=?%!":
        raise InvalidValue("invalid_email", f"The address begins with {email[:1]!r}, which is hardly a part of it.")
    if not _TOP_LEVEL_DOMAIN.search(email):
        raise InvalidValue("invalid_email", "Close only accepts an address that ends in 2 to 63 plain letters.")
    return email
