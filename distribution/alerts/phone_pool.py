"""The alerts about breakers: read off the pool's columns, so that none is forgotten open."""

from __future__ import annotations

from datetime import datetime

from distribution.alerts import incidents
from distribution.models import Alert, Severity
from phonepool.models import Breaker, PhoneNumber, Portfolio
from phonepool.numbers import breakers

NUMBER, ACCOUNT, PAUSED = "number_breaker", "account_breaker", "account_paused"


def refresh(now: datetime) -> None:
    """One alert for each open breaker, none for those that are closed again.

    Numbers of an account whose own breaker is open are part of that one incident.
    """
    breakers.close_idle(now)
    broken = {(ACCOUNT, f"portfolio {account.pk}"): _account(account) for account in _accounts()}
    broken |= {(NUMBER, f"number {number.pk}"): _number(number) for number in _numbers()}
    broken |= {(PAUSED, f"portfolio {one.pk}"): _paused(one, now) for one in _pausing(now)}
    for (rule, scope), message in broken.items():
        incidents.raise_alert(
            rule, scope=scope, severity=Severity.CRITICAL, message=message, now=now
        )
    told = Alert.objects.filter(rule__in=(NUMBER, ACCOUNT, PAUSED), closed_at=None)
    for rule, scope in set(told.values_list("rule", "scope")) - set(broken):
        incidents.close_alert(rule, scope=scope, now=now)


def _accounts() -> list[Portfolio]:
    return list(Portfolio.objects.filter(breaker=Breaker.OPEN))


def _numbers() -> list[PhoneNumber]:
    broken = PhoneNumber.objects.exclude(breaker=Breaker.CLOSED)
    return list(broken.exclude(portfolio__breaker=Breaker.OPEN))


def _pausing(now: datetime) -> list[Portfolio]:
    return list(Portfolio.objects.filter(paused_until__gt=now.timestamp()))


def _paused(account: Portfolio, now: datetime) -> str:
    return (
        f"WhatsApp asks account {account} to pause for {account.paused_until - now.timestamp():.0f}"
        " s: it was asked too much. Everybody waits, and it goes on by itself; look for other "
        "software that uses the same app."
    )


def _account(account: Portfolio) -> str:
    return (
        f"Nothing can be sent by account {account}: {account.breaker_reason}. What waits is kept "
        "and one message at a time tries again; look at Meta's status page and the account."
    )


def _number(number: PhoneNumber) -> str:
    return (
        f"Calls by number {number} fail, so others take its share. One message at a time tries it "
        "again; look at it in the Business Manager if it lasts."
    )
