"""Alerts about breakers, derived from the pool's columns, so that none stays open by mistake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.alerts.incidents import Condition
from phonepool.models import Breaker, PhoneNumber, Portfolio
from phonepool.numbers import breakers

RULES = (AlertRule.NUMBER_BREAKER, AlertRule.ACCOUNT_BREAKER, AlertRule.ACCOUNT_PAUSED)


def refresh(now: datetime) -> None:
    """One alert for each open breaker and each paused account; the other alerts close.

    Numbers of an account whose own breaker is open are part of that one incident.
    """
    breakers.close_idle(now)
    incidents.keep_true(RULES, _conditions(now), now=now)


def _conditions(now: datetime) -> Iterator[Condition]:
    """One for each account and number that cannot send."""
    for account in Portfolio.objects.filter(breaker=Breaker.OPEN):
        yield Condition(
            AlertRule.ACCOUNT_BREAKER,
            account.pk,
            f"Account {account} can't send: {account.breaker_reason}. Pending messages are kept, "
            "and one message at a time is tried until it works. Check Meta's status page and the "
            "account.",
        )
    broken = PhoneNumber.objects.exclude(breaker=Breaker.CLOSED)
    for number in broken.exclude(portfolio__breaker=Breaker.OPEN):
        yield Condition(
            AlertRule.NUMBER_BREAKER,
            number.pk,
            f"Calls from number {number} fail, so other numbers send its share. One message at a "
            "time is tried until it works. If this continues, check the number in Business "
            "Manager.",
        )
    for account in Portfolio.objects.filter(paused_until__gt=now.timestamp()):
        yield Condition(
            AlertRule.ACCOUNT_PAUSED,
            account.pk,
            f"WhatsApp asked account {account} to pause for "
            f"{account.paused_until - now.timestamp():.0f} s after too many calls. Sending "
            "resumes automatically. Check whether other software uses the same app.",
        )
