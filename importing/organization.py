"""The organisation in Close that leads are put into, with all that an import or an undo has to know of it."""

from dataclasses import dataclass

from close.journal import Journal, JournalFile
from close_client import Account, CloseClient
from importing.custom_fields import LeadFields


@dataclass(frozen=True, slots=True)
class Organization:
    """One organisation: the client for it, its part of the journal, whose key it is, and the fields that are filled.

    `index_lag` is the seconds after which search is taken to show what is new.
    """

    close: CloseClient
    journal: Journal
    account: Account
    fields: LeadFields
    index_lag: float


def open_organization(close: CloseClient, journals: JournalFile, index_lag: float) -> Organization:
    """The organisation that a client's key belongs to, with the field for import keys that its journal knows."""
    account = close.account()
    journal = journals.of(account.organization_id, account.organization_name)
    return Organization(close, journal, account, LeadFields({}, journal.key_field or ""), index_lag)
