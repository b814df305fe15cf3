"""Alerts: an incident opens once, is refreshed while it lasts and closes once."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from distribution.ledger import outbox
from distribution.models import Alert, EventKind, Severity

log = logging.getLogger(__name__)


def raise_alert(
    rule: str, *, scope: str = "", severity: Severity, message: str, now: datetime
) -> bool:
    """Open the alert, or refresh the words of the open one; True when it was opened now."""
    open_one = Alert.objects.filter(rule=rule, scope=scope, closed_at=None)
    if open_one.update(message=message[:500], severity=severity):
        return False
    try:
        with transaction.atomic():  # a savepoint: somebody may be opening the same one
            alert = Alert.objects.create(
                rule=rule, scope=scope, severity=severity, message=message[:500], opened_at=now
            )
            outbox.alert(EventKind.ALERT_OPENED, alert, now=now)
    except IntegrityError:
        return False
    log.warning("alert opened: %s %s: %s", rule, scope, message)
    return True


def close_alert(rule: str, *, scope: str = "", now: datetime) -> bool:
    """Close it if it is open."""
    return bool(close_all(Alert.objects.filter(rule=rule, scope=scope), now=now))


def close_all(alerts: QuerySet[Alert], *, now: datetime) -> int:
    """Close those of them that are open; how many. One statement when there is none."""
    closed = 0
    for alert in list(alerts.filter(closed_at=None).order_by("pk")):
        with transaction.atomic():
            if Alert.objects.filter(pk=alert.pk, closed_at=None).update(closed_at=now):
                alert.closed_at = now
                outbox.alert(EventKind.ALERT_CLOSED, alert, now=now)
                closed += 1
    return closed


def acknowledge(pks: Collection[int], *, by: int, now: datetime) -> int:
    """Note that the user with the id `by` looks after these open alerts; how many were new."""
    waiting = Alert.objects.filter(pk__in=pks, closed_at=None, acknowledged_at=None)
    return waiting.update(acknowledged_at=now, acknowledged_by_id=by)
