"""Alerts about breakers, derived from the pool's columns, so that none stays open by mistake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Alert
from phonepool.models import Breaker, PhoneNumber, Portfolio
from phonepool.numbers import breakers

RULES = (AlertRule.NUMBER_BREAKER, AlertRule.ACCOUNT_BREAKER, AlertRule.ACCOUNT_PAUSED)


def refresh(now: datetime) -> None:
    """One alert for each open breaker and each paused account; the other alerts close.

    Numbers of an account whose own breaker is open are part of that one incident.
    """
    breakers.close_idle(now)
    raised = list(_conditions(now))
    for rule, pk, message in raised:
        incidents.raise_alert(rule, pk, message=message, now=now)
    lasting = {(str(rule), rule.scope(pk)) for rule, pk, _ in raised}
    current = Alert.objects.filter(rule__in=RULES, closed_at=None)
    for slug, scope in set(current.values_list("rule", "scope")) - lasting:
        incidents.close_all(current.filter(rule=slug, scope=scope), now=now)


def _conditions(now: datetime) -> Iterator[tuple[AlertRule, int, str]]:
    """What there is to tell: the rule, the key of its account or number, and the message."""
    for account in Portfolio.objects.filter(breaker=Breaker.OPEN):
        yield (
            AlertRule.ACCOUNT_BREAKER,
            account.pk,
            f"Account {account} can't send: {account.breaker_reason}. Pending messages are kept, "
            "and one message at a time is tried until it works. Check Meta's status page and the "
            "account.",
        )
    broken = PhoneNumber.objects.exclude(breaker=Breaker.CLOSED)
    for number in broken.exclude(portfolio__breaker=Breaker.OPEN):
        yield (
            AlertRule.NUMBER_BREAKER,
            number.pk,
            f"Calls from number {number} fail, so other numbers send its share. One message at a "
            "time is tried until it works. If this continues, check the number in Business "
            "Manager.",
        )
    for account in Portfolio.objects.filter(paused_until__gt=now.timestamp()):
        yield (
            AlertRule.ACCOUNT_PAUSED,
            account.pk,
            f"WhatsApp asked account {account} to pause for "
            f"{account.paused_until - now.timestamp():.0f} s after too many calls. Sending "
            "resumes automatically. Check whether other software uses the same app.",
        )
