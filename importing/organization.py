"""The organization in Close that leads go into, with everything that an import or undo needs to know about it."""

from dataclasses import dataclass
from datetime import datetime

from close.journal import Journal, JournalFile
from close.journal_entries import Change
from close.part_size import PartSize
from close_client import Account, CloseClient
from importing.custom_fields import LeadFields

MOST_LAGS = 10  # index lags; nothing is waited for any longer
KEYS_PER_SEARCH = 100  # import keys looked up with one request
MOST_CONDITIONS = 1000  # in one request that looks for names


@dataclass(frozen=True, slots=True)
class Organization:
    """One organization: its client, its part of the journal, the account of the API key, and the fields to fill.

    `index_lag` is the number of seconds after which we assume that search shows new leads, `list_lag` the number after
    which the lists of a lead's notes, tasks and opportunities show what was added to it. `key_parts` and `name_parts`
    learn how many keys, and how many conditions on names, Close looks up in time with one request.
    """

    close: CloseClient
    journal: Journal
    account: Account
    fields: LeadFields
    index_lag: float
    list_lag: float
    key_parts: PartSize
    name_parts: PartSize

    def seconds_to_look_for(self, change: Change) -> float:
        """For how many seconds a change whose answer was lost may still show before it is sent again."""
        return self.index_lag - self.close.seconds_since(change.last_sent)

    def is_settled_by_time(self, sent: datetime) -> bool:
        """Whether something was sent so long ago, by this machine's clock, that it can't be on its way any more."""
        return self.seconds_until_settled(sent) <= 0

    def seconds_until_settled(self, sent: datetime) -> float:
        """For how many seconds something that was sent may still be on its way."""
        return MOST_LAGS * self.index_lag - self.close.seconds_since(sent)


def open_organization(close: CloseClient, journals: JournalFile, index_lag: float, list_lag: float) -> Organization:
    """The organization that a client's API key belongs to, with the import key field that its journal knows."""
    account = close.account()
    journal = journals.of(account.organization_id, account.organization_name)
    lags = index_lag, list_lag
    parts = (PartSize(most, close.machine.monotonic) for most in (KEYS_PER_SEARCH, MOST_CONDITIONS))
    return Organization(close, journal, account, LeadFields({}, journal.key_field or ""), *lags, *parts)
