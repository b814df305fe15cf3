"""An alert while notifications to staff were given up lately: they do not know what they missed."""

from __future__ import annotations

from datetime import datetime, timedelta

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Notification, NotificationState

TOLD_FOR = timedelta(days=7)  # after the last try; then nobody will send it again


def check(now: datetime) -> None:
    """Raise the alert, with the latest error, or close it once all were sent or are long ago."""
    dead = Notification.objects.filter(
        state=NotificationState.DEAD, next_at__gt=now - TOLD_FOR, recipient__isnull=False
    )
    latest = dead.order_by("-next_at", "-pk").values_list("error", flat=True).first()
    if latest is None:
        incidents.close_alert(AlertRule.NOTIFICATIONS_UNDELIVERED, now=now)
        return
    count = dead.count()
    what = "1 notification" if count == 1 else f"{count:,} notifications"
    incidents.raise_alert(
        AlertRule.NOTIFICATIONS_UNDELIVERED,
        message=f"{what} to staff could not be delivered. {latest}".strip(),
        now=now,
    )
