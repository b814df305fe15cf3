"""Report alerts by a JSON POST to WEBHOOK_ALERT_URL. A failing sink never raises."""

from __future__ import annotations

import logging
from datetime import datetime

import requests
from django.conf import settings

from distribution.models import Alert

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = (3, 5)  # to connect, to answer
ALERTS_PER_ROUND = 20  # a flood of alerts takes several rounds


def notify(now: datetime) -> int:
    """Post the alerts that the sink has not accepted yet, oldest first; how many it accepted.

    The next round tries the rest again.
    """
    if not settings.WEBHOOK_ALERT_URL:
        return 0
    accepted = 0
    for alert in Alert.objects.filter(notified_at=None).order_by("opened_at")[:ALERTS_PER_ROUND]:
        if not _post(alert):
            break
        accepted += Alert.objects.filter(pk=alert.pk, notified_at=None).update(notified_at=now)
    return accepted


def _post(alert: Alert) -> bool:
    body = {
        "rule": alert.rule,
        "scope": alert.scope,
        "severity": alert.severity,
        "message": alert.message,
        "opened_at": alert.opened_at.isoformat(),
        "closed_at": alert.closed_at.isoformat() if alert.closed_at else None,
    }
    try:
        response = requests.post(
            settings.WEBHOOK_ALERT_URL, json=body, timeout=TIMEOUT_SECONDS, allow_redirects=False
        )
    except requests.RequestException as error:
        log.warning("alert sink not reached: %s", type(error).__name__)
        return False
    if not response.ok:
        log.warning("alert sink answered %s", response.status_code)
    return bool(response.ok)
