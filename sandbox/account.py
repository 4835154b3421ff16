"""The organization and user behind a key, and what every endpoint is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sandbox.answers import Document, not_found
from sandbox.listing import narrowed, page
from sandbox.store import Origin, Store
from sandbox.walks import Walks


@dataclass(frozen=True)
class Account:
    """Everything an endpoint needs to answer."""

    store: Store
    walks: Walks
    country: str
    lead_cap: int | None
    permissions: Sequence[str] | None = None  # of every user; None does not tell them
    event_data_seconds: float | None = None  # after which the event log hides what events hold; None for never
    merge: Callable[[Callable[[], None]], None] = lambda merge: merge()  # carries out a merge, now or after a while


@dataclass(frozen=True)
class Call:
    """One request that passed authentication and is well-formed."""

    origin: Origin
    params: Mapping[str, str]
    body: Document
    tz_offset: timedelta


def me(account: Account, call: Call) -> Document:
    """The user of the key, with the organization the key belongs to."""
    user = account.store.user
    membership = account.store.organization
    profile = {
        **user,
        "image": None,
        "last_used_timezone": None,
        "organizations": [_organization(account)],
        "memberships": [
            {
                "id": membership["membership_id"],
                "user_id": user["id"],
                "organization_id": membership["id"],
                "role_id": membership["role_id"],
                **({} if account.permissions is None else {"permissions_granted": list(account.permissions)}),
            }
        ],
        "email_accounts": [],
        "phone_numbers": [],
    }
    return narrowed(profile, call.params)


def list_users(account: Account, call: Call) -> Document:
    """The users of the organization."""
    return page(call.params, account.store.users)


def read_organization(account: Account, call: Call, organization_id: str) -> Document:
    if organization_id != account.store.organization["id"]:
        raise not_found("Organization")
    fields = [field for field in account.store.all("custom_field") if not field["is_shared"]]
    membership = {"user_id": account.store.user["id"], "country": account.country}
    detailed = {**_organization(account), "memberships": [membership], "lead_custom_fields": fields}
    return narrowed(detailed, call.params)


def _organization(account: Account) -> Document:
    organization = {
        key: value for key, value in account.store.organization.items() if key not in ("role_id", "membership_id")
    }
    statuses = [{"id": status["id"], "label": status["label"]} for status in account.store.all("status")]
    return {**organization, "lead_statuses": statuses}
