"""Which incident of PagerDuty a notice belongs to: its alert's own, or that of a digest."""

from __future__ import annotations

from django.db.models import QuerySet

from distribution.alert_channels import messages
from distribution.models import Alert, Notification, NotificationKind, NotificationState

OPENED = NotificationKind.ALERT_OPENED


def of_notice(row: Notification) -> str:
    """Its key; empty if there is nothing to say: others of the same digest still go on."""
    alert = row.alert
    assert alert is not None
    mine = Notification.objects.filter(alert=alert, destination=row.destination_id, kind=OPENED)
    digest = mine.exclude(digest="").values_list("digest", flat=True).first()
    if digest is None:
        return messages.incident_key(alert)
    others = alerts_of_digest(digest, row.destination_id).exclude(pk=alert.pk)
    goes_on = {
        NotificationKind.ALERT_CLOSED: others.filter(closed_at=None).exists(),
        NotificationKind.ALERT_ACKNOWLEDGED: others.filter(
            closed_at=None, acknowledged_at=None
        ).exists(),
    }
    return "" if goes_on.get(NotificationKind(row.kind), False) else messages.digest_key(digest)


def alerts_of_digest(digest: str, channel: int | None) -> QuerySet[Alert]:
    rows = Notification.objects.filter(destination=channel, kind=OPENED, digest=digest)
    return Alert.objects.filter(pk__in=rows.values("alert"))


def open_alerts_of_key(key: str, channel: int) -> list[int]:
    """The open alerts that an incident of this channel is about."""
    head = messages.digest_key("")
    if key.startswith(head):
        waiting = alerts_of_digest(key.removeprefix(head), channel).filter(closed_at=None)
        return list(waiting.values_list("pk", flat=True))
    told = Notification.objects.filter(destination=channel, kind=OPENED, alert__closed_at=None)
    rows = told.exclude(state=NotificationState.DROPPED).select_related("alert")
    alerts = [row.alert for row in rows if row.alert is not None]
    return [alert.pk for alert in alerts if messages.incident_key(alert) == key]
