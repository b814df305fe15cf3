"""Incidents: an alert opens once, is refreshed while its condition lasts and closes once."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import QuerySet

from distribution.alerts import notices
from distribution.alerts.catalogue import AlertRule
from distribution.ledger import outbox
from distribution.models import Alert, EventKind, Severity
from distribution.notifications import alert_notices
from distribution.notifications.alert_notices import AGAIN_WITHIN

log = logging.getLogger(__name__)


class Condition(NamedTuple):
    """What an alert is to be raised about; `severity` only if the rule has a choice."""

    rule: AlertRule
    about: int | str
    message: str
    severity: Severity | None = None


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
    try:
        if severity == Severity.CRITICAL and len(rule.severities) > 1:
            _tell_if_worse(rule, scope, current, message[:500], now)
        if current.update(message=message[:500], severity=severity):
            return False
        return _open(rule, scope, severity, message[:500], now)
    except DatabaseError:  # it cannot be stored, so no channel is told: the log is what is left
        log.critical("alert not stored: %s %s", rule, scope)
        raise


def _open(rule: AlertRule, scope: str, severity: Severity, message: str, now: datetime) -> bool:
    again = Alert.objects.filter(rule=rule, scope=scope, closed_at__gte=now - AGAIN_WITHIN)
    try:
        with transaction.atomic():  # a savepoint: another process may open the same one
            alert = Alert.objects.create(
                rule=rule,
                scope=scope,
                severity=severity,
                message=message,
                opened_at=now,
                critical_at=now if severity == Severity.CRITICAL else None,
                again=again.exists(),
            )
            outbox.alert(EventKind.ALERT_OPENED, alert, now=now)
            notices.tell(rule, scope, severity, alert.message, now=now)
            alert_notices.opened(alert, notices.text(rule, message), now=now)
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
        risen = current.filter(severity=Severity.WARNING)
        if not risen.update(severity=Severity.CRITICAL, critical_at=now, message=message):
            return
        notices.tell(rule, scope, Severity.CRITICAL, message, now=now)
        for alert in current:
            alert_notices.worse(alert, notices.text(rule, message), now=now)


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
                alert_notices.closed(alert, now=now)
                closed += 1
    return closed


def keep_true(
    rules: Collection[AlertRule], conditions: Iterable[Condition], *, now: datetime
) -> None:
    """Raise an alert for each condition there is, and close the other open ones of these rules: for
    alerts that follow from stored facts, so that none stays open by mistake."""
    found = list(conditions)
    for one in found:
        raise_alert(one.rule, one.about, message=one.message, severity=one.severity, now=now)
    lasting = {(str(one.rule), one.rule.scope(one.about)) for one in found}
    current = Alert.objects.filter(rule__in=rules, closed_at=None)
    for slug, scope in set(current.values_list("rule", "scope")) - lasting:
        close_all(current.filter(rule=slug, scope=scope), now=now)


def open_alerts(rule: AlertRule) -> QuerySet[Alert]:
    """The open alerts of a rule, whatever they are about."""
    return Alert.objects.filter(rule=rule, closed_at=None)


def was_raised(rule: AlertRule, about: int | str = "") -> bool:
    """Whether this alert has ever been raised, closed ones included."""
    return _alerts(rule, about).exists()


def _alerts(rule: AlertRule, about: int | str) -> QuerySet[Alert]:
    return Alert.objects.filter(rule=rule, scope=rule.scope(about))


def acknowledge(
    pks: Collection[int],
    *,
    by: int | None,
    now: datetime,
    via: str = "",
    origin: int | None = None,
) -> int:
    """Note that somebody handles these open alerts; how many were new. Who: the user with the id
    `by`, or `via` names them. `origin` is the channel through which they said so."""
    waiting = Alert.objects.filter(pk__in=pks, closed_at=None, acknowledged_at=None)
    with transaction.atomic():
        alerts = list(waiting.select_for_update(of=("self",)).order_by("pk"))
        for alert in alerts:
            alert.acknowledged_at, alert.acknowledged_by_id = now, by
            alert.acknowledged_via = via[:120]
        Alert.objects.bulk_update(
            alerts, ["acknowledged_at", "acknowledged_by", "acknowledged_via"]
        )
        if alerts:
            who = alerts[0].acknowledged_by
            name = via or (who.get_username() if who else "Somebody")
            alert_notices.acknowledged(alerts, name, origin=origin, now=now)
    return len(alerts)


def remind(now: datetime) -> int:
    """Write what is due for critical alerts that nobody acknowledged; how many notices."""
    waiting = Alert.objects.filter(closed_at=None, acknowledged_at=None, severity=Severity.CRITICAL)
    alerts = list(waiting.exclude(critical_at=None).order_by("pk"))
    if not alerts:
        return 0
    texts = {alert.pk: notices.text(RULES.get(alert.rule), alert.message) for alert in alerts}
    return alert_notices.unacknowledged(alerts, texts, now=now)


RULES: dict[str, AlertRule] = {str(rule): rule for rule in AlertRule}
