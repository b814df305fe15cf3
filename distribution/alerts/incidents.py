"""Incidents: an alert opens once, is refreshed while its condition lasts and closes once."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from distribution.alerts import notices
from distribution.alerts.catalogue import AlertRule
from distribution.ledger import outbox
from distribution.models import Alert, EventKind, Severity

log = logging.getLogger(__name__)


def raise_alert(
    rule: AlertRule,
    about: int | str = "",
    *,
    message: str,
    now: datetime,
    severity: Severity | None = None,
) -> bool:
    """Open the alert, or refresh the message of the open one; True if it was opened now.

    `about` is the key of the rule's scope; `severity` is given only if the rule has a choice.
    """
    scope, severity = rule.scope(about), rule.severity(severity)
    current = _alerts(rule, about).filter(closed_at=None)
    if severity == Severity.CRITICAL and notices.is_told(rule):
        _tell_if_worse(rule, scope, current, message[:500], now)
    if current.update(message=message[:500], severity=severity):
        return False
    try:
        with transaction.atomic():  # a savepoint: another process may open the same one
            alert = Alert.objects.create(
                rule=rule, scope=scope, severity=severity, message=message[:500], opened_at=now
            )
            outbox.alert(EventKind.ALERT_OPENED, alert, now=now)
            notices.tell(rule, scope, severity, alert.message, now=now)
    except IntegrityError:
        return False
    # Without the message: people's words can be in it, and what is in a log cannot be erased.
    log.warning("alert opened: %s %s", rule, scope)
    return True


def _tell_if_worse(
    rule: AlertRule, scope: str, current: QuerySet[Alert], message: str, now: datetime
) -> None:
    """Who was told of a warning is told that it has become critical."""
    with transaction.atomic():
        if current.filter(severity=Severity.WARNING).update(severity=Severity.CRITICAL):
            notices.tell(rule, scope, Severity.CRITICAL, message, now=now)


def close_alert(rule: AlertRule, about: int | str = "", *, now: datetime) -> bool:
    """Close it if it is open."""
    return bool(close_all(_alerts(rule, about), now=now))


def close_all(alerts: QuerySet[Alert], *, now: datetime) -> int:
    """Close the open ones among them; how many. One statement if there is none."""
    closed = 0
    for alert in list(alerts.filter(closed_at=None).order_by("pk")):
        with transaction.atomic():
            if Alert.objects.filter(pk=alert.pk, closed_at=None).update(closed_at=now):
                alert.closed_at = now
                outbox.alert(EventKind.ALERT_CLOSED, alert, now=now)
                closed += 1
    return closed


def open_alerts(rule: AlertRule) -> QuerySet[Alert]:
    """The open alerts of a rule, whatever they are about."""
    return Alert.objects.filter(rule=rule, closed_at=None)


def was_raised(rule: AlertRule, about: int | str = "") -> bool:
    """Whether this alert has ever been raised, closed ones included."""
    return _alerts(rule, about).exists()


def _alerts(rule: AlertRule, about: int | str) -> QuerySet[Alert]:
    return Alert.objects.filter(rule=rule, scope=rule.scope(about))


def acknowledge(pks: Collection[int], *, by: int, now: datetime) -> int:
    """Note that the user with the id `by` handles these open alerts; how many were new."""
    waiting = Alert.objects.filter(pk__in=pks, closed_at=None, acknowledged_at=None)
    return waiting.update(acknowledged_at=now, acknowledged_by_id=by)
