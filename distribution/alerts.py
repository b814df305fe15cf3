"""Alerts: an incident opens once, is refreshed while it lasts and closes once."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime

from django.db import IntegrityError, transaction

from distribution.models import Alert, Severity

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
            Alert.objects.create(
                rule=rule, scope=scope, severity=severity, message=message[:500], opened_at=now
            )
    except IntegrityError:
        return False
    log.warning("alert opened: %s %s: %s", rule, scope, message)
    return True


def close_alert(rule: str, *, scope: str = "", now: datetime) -> bool:
    """Close it if it is open."""
    return bool(Alert.objects.filter(rule=rule, scope=scope, closed_at=None).update(closed_at=now))


def acknowledge(pks: Collection[int], *, by: int, now: datetime) -> int:
    """Note that the user with the id `by` looks after these open alerts; how many were new."""
    waiting = Alert.objects.filter(pk__in=pks, closed_at=None, acknowledged_at=None)
    return waiting.update(acknowledged_at=now, acknowledged_by_id=by)
