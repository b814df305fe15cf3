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
    listed = _listed(api)
    accounts.adopt_numbers()
    changed, told = 0, dict[int, Limit]()
    for number in PhoneNumber.objects.order_by("pk"):
        facts = listed.get(number.meta_id) or _read(api, number)
        if facts is None:
            continue
        changed += numbers.apply_reading(number.pk, facts.status, facts.quality_rating, now=now)
        _note_limit(told, number.portfolio_id, facts)
    for portfolio in Portfolio.objects.filter(pk__in=told):
        limits.apply_reading(portfolio, told[portfolio.pk], now=now)
    if changed:
        control.wake_all_backups(now)
    return changed


def _listed(api: CloudApi) -> dict[str, PhoneNumberFacts]:
    """The numbers that our accounts list, one call for each account; they are that account's.

    Meta counts these calls: 200 in an hour for an account without a registered number.
    """
    found: dict[str, PhoneNumberFacts] = {}
    own = accounts.own_accounts()
    for account in own.ids():
        try:
            numbers_of_it = api.phone_numbers(account)
        except CloudApiError as error:
            log.warning("the phone numbers of account %s could not be listed: %s", account, error)
            continue
        found |= {facts.id: facts for facts in numbers_of_it}
        if waba := own.wabas.get(account):
            accounts.assign_numbers(waba, [facts.id for facts in numbers_of_it])
    return found


def _read(api: CloudApi, number: PhoneNumber) -> PhoneNumberFacts | None:
    """A number that no list has; None if it cannot be read."""
    try:
        return api.phone_number(number.meta_id)
    except CloudApiError as error:
        log.warning("phone number %s could not be read: %s", number.label, error)
        return None


def _note_limit(told: dict[int, Limit], portfolio_id: int, facts: PhoneNumberFacts) -> None:
    """Every number of a portfolio tells its limit; the first that can be read counts."""
    limit = parse(facts.messaging_limit)
    if limit is not None and (portfolio_id not in told or not told[portfolio_id].known):
        told[portfolio_id] = limit
