"""Adds the phone numbers that Meta lists to the pool."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from distribution.mirror import pool_sync
from phonepool.cloud_api.client import CloudApi, PhoneNumberFacts
from phonepool.models import PhoneNumber
from phonepool.numbers import accounts, configured_numbers

RATES = {"STANDARD": 80, "HIGH": 1000}  # messages per second, by Meta's level of throughput


@dataclass(frozen=True, slots=True)
class ListedNumber:
    """A number in the list of one of our accounts."""

    facts: PhoneNumberFacts
    account: str  # Meta's id of the WABA
    is_added: bool


def listed(api: CloudApi) -> list[ListedNumber]:
    """The numbers of all our accounts; raises CloudApiError."""
    known = set(PhoneNumber.objects.values_list("meta_id", flat=True))
    return [
        ListedNumber(facts, account, facts.id in known)
        for account in accounts.own_accounts().ids()
        for facts in api.phone_numbers(account)
    ]


def add(api: CloudApi, meta_ids: Collection[str], *, now: datetime) -> list[str]:
    """Adds those of `meta_ids` that Meta lists and the pool lacks, and verifies them by a sync;
    their labels. Raises CloudApiError if Meta's list cannot be read."""
    wanted = [one for one in listed(api) if one.facts.id in meta_ids and not one.is_added]
    for one in wanted:
        waba = accounts.own_accounts().wabas.get(one.account)
        label, role = configured_numbers.place_of(one.facts.id)
        configured_numbers.add(
            one.facts.id,
            label=label,
            role=role,
            portfolio=waba.portfolio if waba else configured_numbers.first_portfolio(),
            display_number=one.facts.display_number[:20],
            rate_per_second=RATES.get(one.facts.throughput, 80),
        )
    if wanted:
        pool_sync.sync(api, now=now)
    added = PhoneNumber.objects.filter(meta_id__in=[one.facts.id for one in wanted])
    return list(added.values_list("label", flat=True))
