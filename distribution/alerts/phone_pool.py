"""Alerts about breakers, derived from the pool's columns, so that none stays open by mistake."""

from __future__ import annotations

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
    raised = [
        (AlertRule.ACCOUNT_BREAKER, account.pk, _account_message(account))
        for account in _broken_accounts()
    ]
    raised += [
        (AlertRule.NUMBER_BREAKER, number.pk, _number_message(number))
        for number in _broken_numbers()
    ]
    raised += [
        (AlertRule.ACCOUNT_PAUSED, account.pk, _pause_message(account, now))
        for account in _paused_accounts(now)
    ]
    for rule, pk, message in raised:
        incidents.raise_alert(rule, pk, message=message, now=now)
    lasting = {(str(rule), rule.scope(pk)) for rule, pk, _ in raised}
    current = Alert.objects.filter(rule__in=RULES, closed_at=None)
    for slug, scope in set(current.values_list("rule", "scope")) - lasting:
        incidents.close_all(current.filter(rule=slug, scope=scope), now=now)


def _broken_accounts() -> list[Portfolio]:
    return list(Portfolio.objects.filter(breaker=Breaker.OPEN))


def _broken_numbers() -> list[PhoneNumber]:
    broken = PhoneNumber.objects.exclude(breaker=Breaker.CLOSED)
    return list(broken.exclude(portfolio__breaker=Breaker.OPEN))


def _paused_accounts(now: datetime) -> list[Portfolio]:
    return list(Portfolio.objects.filter(paused_until__gt=now.timestamp()))


def _pause_message(account: Portfolio, now: datetime) -> str:
    return (
        f"WhatsApp asks account {account} to pause for {account.paused_until - now.timestamp():.0f}"
        " s: it was asked too much. Everybody waits, and it goes on by itself; look for other "
        "software that uses the same app."
    )


def _account_message(account: Portfolio) -> str:
    return (
        f"Nothing can be sent by account {account}: {account.breaker_reason}. What waits is kept "
        "and one message at a time tries again; look at Meta's status page and the account."
    )


def _number_message(number: PhoneNumber) -> str:
    return (
        f"Calls by number {number} fail, so others take its share. One message at a time tries it "
        "again; look at it in the Business Manager if it lasts."
    )
