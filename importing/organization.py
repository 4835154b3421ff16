"""The organization in Close that leads go into, with everything that an import or undo needs to know about it."""

from dataclasses import dataclass

from close.journal import Journal, JournalFile
from close_client import Account, CloseClient
from importing.custom_fields import LeadFields


@dataclass(frozen=True, slots=True)
class Organization:
    """One organization: its client, its part of the journal, the account of the API key, and the fields to fill.

    `index_lag` is the number of seconds after which we assume that search shows new leads.
    """

    close: CloseClient
    journal: Journal
    account: Account
    fields: LeadFields
    index_lag: float


def open_organization(close: CloseClient, journals: JournalFile, index_lag: float) -> Organization:
    """The organization that a client's API key belongs to, with the import key field that its journal knows."""
    account = close.account()
    journal = journals.of(account.organization_id, account.organization_name)
    return Organization(close, journal, account, LeadFields({}, journal.key_field or ""), index_lag)
