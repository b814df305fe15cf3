"""More than 1,000 webhooks wait, and the first has waited for long: reports are applied late."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, Min

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Distribution, Severity
from webhooks.models import WebhookEvent

MIN_WAITING = 1_000
MIN_AGE = timedelta(seconds=30)


def oldest_waiting() -> datetime | None:
    """When the oldest webhook that is not applied yet was received; None: none waits."""
    oldest: datetime | None = WebhookEvent.objects.pending().oldest("received_at")
    return oldest


def look(now: datetime) -> None:
    """Raise or close the alert. One query over the index of what waits."""
    waiting = WebhookEvent.objects.pending().aggregate(count=Count("pk"), oldest=Min("received_at"))
    oldest = waiting["oldest"]
    if oldest is None or waiting["count"] <= MIN_WAITING or now - oldest <= MIN_AGE:
        close(now)
        return
    running = Distribution.objects.running().exists()
    incidents.raise_alert(
        AlertRule.WEBHOOK_CONGESTION,
        severity=Severity.CRITICAL if running else Severity.WARNING,
        message=f"{waiting['count']:,} reports from WhatsApp wait to be applied, the first for "
        f"{(now - oldest).total_seconds():.0f} s. Figures lag behind by as much.",
        now=now,
    )


def close(now: datetime) -> None:
    """Nothing has waited for long."""
    incidents.close_alert(AlertRule.WEBHOOK_CONGESTION, now=now)
