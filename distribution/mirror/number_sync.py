"""Reads the state of our numbers from Meta, because its notices may be late or lost."""

from __future__ import annotations

import logging
from datetime import datetime

from distribution.lifecycle import control
from distribution.mirror import limits, numbers
from phonepool.cloud_api.client import CloudApi, PhoneNumberFacts
from phonepool.exceptions import CloudApiError
from phonepool.models import PhoneNumber, Portfolio
from phonepool.numbers import accounts
from phonepool.numbers.limits import Limit, parse

log = logging.getLogger(__name__)


def sync(api: CloudApi, *, now: datetime) -> int:
    """Read every number's state and its portfolio's limit at Meta; how many numbers changed.

    Numbers that cannot be read are skipped. One token reads the numbers of all our accounts.
    """
    accounts.own_accounts()
    accounts.adopt_numbers()
    changed, told = 0, dict[int, Limit]()
    for number in PhoneNumber.objects.order_by("pk"):
        try:
            facts = api.phone_number(number.meta_id)
        except CloudApiError as error:
            log.warning("phone number %s could not be read: %s", number.label, error)
            continue
        changed += numbers.apply_reading(number.pk, facts.status, facts.quality_rating, now=now)
        _note_limit(told, number.portfolio_id, facts)
    for portfolio in Portfolio.objects.filter(pk__in=told):
        limits.apply_reading(portfolio, told[portfolio.pk], now=now)
    if changed:
        control.wake_all_backups(now)
    return changed


def _note_limit(told: dict[int, Limit], portfolio_id: int, facts: PhoneNumberFacts) -> None:
    """Every number of a portfolio tells its limit; the first that can be read counts."""
    limit = parse(facts.messaging_limit)
    if limit is not None and (portfolio_id not in told or not told[portfolio_id].known):
        told[portfolio_id] = limit
