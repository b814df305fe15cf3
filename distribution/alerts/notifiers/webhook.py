"""Where alerts go: a JSON POST to WEBHOOK_ALERT_URL. A sink that fails never breaks a rule."""

from __future__ import annotations

import logging
from datetime import datetime

import requests
from django.conf import settings

from distribution.models import Alert

log = logging.getLogger(__name__)

TIMEOUT = (3, 5)  # seconds to connect, to answer
MOST = 20  # a flood of alerts is told over several rounds


def notify(now: datetime) -> int:
    """Tell the sink about alerts it has not heard of, oldest first; how many it took.

    What it did not take stays untold and is tried again in the next round.
    """
    if not settings.WEBHOOK_ALERT_URL:
        return 0
    told = 0
    for alert in Alert.objects.filter(notified_at=None).order_by("opened_at")[:MOST]:
        if not _post(alert):
            break
        told += Alert.objects.filter(pk=alert.pk, notified_at=None).update(notified_at=now)
    return told


def _post(alert: Alert) -> bool:
    news = {
        "rule": alert.rule,
        "scope": alert.scope,
        "severity": alert.severity,
        "message": alert.message,
        "opened_at": alert.opened_at.isoformat(),
        "closed_at": alert.closed_at.isoformat() if alert.closed_at else None,
    }
    try:
        answer = requests.post(
            settings.WEBHOOK_ALERT_URL, json=news, timeout=TIMEOUT, allow_redirects=False
        )
    except requests.RequestException as error:
        log.warning("alert sink not reached: %s", type(error).__name__)
        return False
    if not answer.ok:
        log.warning("alert sink answered %s", answer.status_code)
    return bool(answer.ok)
