"""Reads the state of our numbers from Meta, because its notices may be late or lost."""

from __future__ import annotations

import logging
from datetime import datetime

from distribution.lifecycle import control, plan_watch
from distribution.mirror import limits, numbers
from phonepool.cloud_api.client import CloudApi, PhoneNumberFacts
from phonepool.exceptions import CloudApiError
from phonepool.models import PhoneNumber, Portfolio
from phonepool.numbers import accounts, configured_numbers, verification
from phonepool.numbers.limits import Limit, parse

log = logging.getLogger(__name__)


def sync(api: CloudApi, *, now: datetime) -> int:
    """Read every number's state and its portfolio's limit at Meta; how many numbers changed.

    Those of WHATSAPP_PHONE_NUMBER_ID_1…3 are added first. Numbers that cannot be read are skipped,
    with Meta's answer. One token reads the numbers of all our accounts.
    """
    configured_numbers.add_missing()
    listed, complete = _listed(api)
    accounts.adopt_numbers()
    changed, told = 0, dict[int, Limit]()
    for number in PhoneNumber.objects.order_by("pk"):
        facts = listed.get(number.meta_id) or _read(api, number, complete=complete, now=now)
        if facts is None:
            continue
        new = verification.confirm(
            number.pk, name=facts.verified_name, display=facts.display_number, now=now
        )
        rated = numbers.apply_reading(number.pk, facts.status, facts.quality_rating, now=now)
        changed += new or rated
        _note_limit(told, number.portfolio_id, facts)
    limited = [
        limits.apply_reading(portfolio, told[portfolio.pk], now=now)
        for portfolio in Portfolio.objects.filter(pk__in=told)
    ]
    if changed:
        control.wake_all_backups(now)
    if changed or any(limited):
        plan_watch.look(now)
    return changed


def watch(api: CloudApi, *, now: datetime) -> int:
    """Take over the qualities that have changed: one call for each account; how many.

    Meta sends no notice of a number's quality, so around a run it is read far more often than all
    the rest.
    """
    listed, _complete = _listed(api)
    changed = 0
    for number in PhoneNumber.objects.filter(meta_id__in=list(listed)).order_by("pk"):
        facts = listed[number.meta_id]
        if numbers.quality_of(facts.status, facts.quality_rating) != number.quality:
            changed += numbers.apply_reading(number.pk, facts.status, facts.quality_rating, now=now)
    if changed:
        control.wake_all_backups(now)
    return changed


def _listed(api: CloudApi) -> tuple[dict[str, PhoneNumberFacts], bool]:
    """The numbers that our accounts list, one call for each account; they are that account's.
    Also whether every account could be asked.

    Meta counts these calls: 200 in an hour for an account without a registered number.
    """
    found: dict[str, PhoneNumberFacts] = {}
    complete = True
    own = accounts.own_accounts()
    for account in own.ids():
        try:
            numbers_of_it = api.phone_numbers(account)
        except CloudApiError as error:
            log.warning("the phone numbers of account %s could not be listed: %s", account, error)
            complete = False
            continue
        found |= {facts.id: facts for facts in numbers_of_it}
        if waba := own.wabas.get(account):
            accounts.assign_numbers(waba, [facts.id for facts in numbers_of_it])
    return found, complete


def _read(
    api: CloudApi, number: PhoneNumber, *, complete: bool, now: datetime
) -> PhoneNumberFacts | None:
    """A number that no list has; None if it cannot be read, with the reason in its row."""
    try:
        return api.phone_number(number.meta_id)
    except CloudApiError as error:
        log.warning("phone number %s could not be read: %s", number.label, error)
        verification.note_answer(number.pk, error, unknown=complete, now=now)
        return None


def _note_limit(told: dict[int, Limit], portfolio_id: int, facts: PhoneNumberFacts) -> None:
    """Every number of a portfolio tells its limit; the first that can be read counts."""
    limit = parse(facts.messaging_limit)
    if limit is not None and (portfolio_id not in told or not told[portfolio_id].known):
        told[portfolio_id] = limit
