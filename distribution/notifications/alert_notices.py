"""Notices of alerts: one row per alert, channel and change, in the transaction of the change.

`distribution/alert_channels/` sends them. A row is written once, whoever else writes it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from distribution.models import (
    Alert,
    ChannelKind,
    Notification,
    NotificationChannel,
    NotificationKind,
    NotificationState,
    Severity,
)
from distribution.notifications import alert_routes
from masking.texts import mask_text

log = logging.getLogger(__name__)

AGAIN_WITHIN = timedelta(seconds=15)  # after it closed
# PagerDuty keeps an incident that opens again within AGAIN_WITHIN: it is resolved only after it.
RESOLVE_AFTER = AGAIN_WITHIN
# Clocks of two machines differ: what goes out at once is due for each of them.
CLOCK_TOLERANCE = timedelta(seconds=5)
WORSE_AT_MOST_EVERY = timedelta(minutes=5)
OPENED, CLOSED = NotificationKind.ALERT_OPENED, NotificationKind.ALERT_CLOSED
WORSE, REMINDER = NotificationKind.ALERT_WORSE, NotificationKind.ALERT_REMINDER
ACKNOWLEDGED = NotificationKind.ALERT_ACKNOWLEDGED
TITLES = {
    OPENED: "{severity}: {rule}",
    WORSE: "Now critical: {rule}",
    ACKNOWLEDGED: "Acknowledged: {rule}",
    REMINDER: "Still critical: {rule}",
    CLOSED: "Closed: {rule}",
}


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to an alert, in words for people."""

    kind: NotificationKind
    alert: Alert
    text: str
    number: int = 0  # of several changes of the same kind

    @property
    def subject(self) -> str:
        words = self.alert.rule.replace("_", " ").replace("sla", "SLA")
        rule = words[:1].upper() + words[1:]
        severity = Severity(self.alert.severity).label
        title = TITLES[self.kind].format(severity=severity, rule=rule)
        return f"Again: {title}" if self.alert.again and self.kind == OPENED else title


def opened(alert: Alert, text: str, *, now: datetime) -> int:
    """Write that it opened, for the channels that its routes name; how many."""
    routes = alert_routes.load()
    if alert.again:
        _keep_incident(alert)
    channels = alert_routes.first_channels(routes, alert, now)
    if not channels:
        log.warning("no channel is told of the alert %s %s", alert.rule, alert.scope)
    return _write(Change(OPENED, alert, text), channels, now=now)


def worse(alert: Alert, text: str, *, now: datetime) -> None:
    """A warning became critical: who knows of it is told, who does not yet gets it at once."""
    channels = alert_routes.first_channels(alert_routes.load(), alert, now)
    held = Notification.objects.filter(alert=alert, kind=OPENED).held()
    waiting = set(held.values_list("destination", flat=True))
    change = Change(OPENED, alert, text)
    held.update(next_at=now - CLOCK_TOLERANCE, subject=change.subject, text=mask_text(text))
    told = _told([alert.pk]).get(alert.pk, set()) - waiting
    number = int((now - alert.opened_at) // WORSE_AT_MOST_EVERY)
    _write(Change(WORSE, alert, text, number), dict.fromkeys(told, now), now=now)
    new = {pk: at for pk, at in channels.items() if pk not in told}
    _write(change, new, now=now)


def acknowledged(alerts: Collection[Alert], by: str, *, origin: int | None, now: datetime) -> None:
    """Who was told of them is told that somebody works on them, except where they said so."""
    told = _told([alert.pk for alert in alerts])
    for alert in alerts:
        Notification.objects.filter(alert=alert, kind=REMINDER).drop()
        channels = dict.fromkeys(told.get(alert.pk, set()) - {origin}, now)
        text = f"{by} is working on it: {alert.message}"
        _write(Change(ACKNOWLEDGED, alert, text), channels, now=now)


def closed(alert: Alert, *, now: datetime) -> None:
    """Who was told of it is told; what waited for the end of quiet hours is not sent any more."""
    rows = Notification.objects.filter(alert=alert)
    if not rows.exists():
        return
    rows.filter(kind=OPENED).held().drop()
    rows.filter(kind=REMINDER).drop()
    known = rows.filter(kind=OPENED).exclude(state=NotificationState.DROPPED)
    channels = {
        pk: now + RESOLVE_AFTER if kind == ChannelKind.PAGERDUTY else now
        for pk, kind in known.values_list("destination", "destination__kind")
        if pk is not None
    }
    _write(Change(CLOSED, alert, f"It is over: {alert.message}"), channels, now=now)


def unacknowledged(alerts: Collection[Alert], texts: Mapping[int, str], *, now: datetime) -> int:
    """Write what is due for critical alerts that nobody acknowledged: the second and the third
    channel, reminders; how many."""
    routes, told = alert_routes.load(), _told([alert.pk for alert in alerts])
    rows: list[Notification] = []
    for alert in alerts:
        know = told.get(alert.pk, set())
        change = Change(OPENED, alert, texts[alert.pk])
        later = alert_routes.later_channels(routes, alert, now) - know
        rows += _rows(change, dict.fromkeys(later, now), now=now)
        for channel in sorted(know & routes.usable):
            if number := alert_routes.reminder_number(routes, alert, channel, now):
                reminder = Change(REMINDER, alert, texts[alert.pk], number)
                rows += _rows(reminder, {channel: now}, now=now)
    written = Notification.objects.filter(once__in={row.once for row in rows})
    existing = set(written.values_list("destination", "once"))
    new = [row for row in rows if (row.destination_id, row.once) not in existing]
    Notification.objects.bulk_create(new, ignore_conflicts=True)
    return len(new)


def _write(change: Change, channels: Mapping[int, datetime], *, now: datetime) -> int:
    rows = _rows(change, channels, now=now)
    if rows:
        Notification.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _rows(change: Change, channels: Mapping[int, datetime], *, now: datetime) -> list[Notification]:
    """By channel: from a set they would come in an order that changes with the ids."""
    return [
        Notification(
            kind=change.kind,
            channel=NotificationChannel.ALERT,
            destination_id=channel,
            alert=change.alert,
            subject=" ".join(change.subject.split())[:200],
            text=mask_text(change.text),
            path=f"/admin/distribution/alert/{change.alert.pk}/change/",
            once=f"{change.kind} {change.alert.pk} {change.number}",
            since=now,
            next_at=at - CLOCK_TOLERANCE if at <= now else at,
        )
        for channel, at in sorted(channels.items())
    ]


def _told(alerts: Collection[int]) -> dict[int, set[int]]:
    """The channels that know of each of these alerts, or soon will."""
    rows = Notification.objects.filter(alert__in=alerts, kind=OPENED)
    found: dict[int, set[int]] = {}
    known = rows.exclude(state=NotificationState.DROPPED)
    for alert, channel in known.values_list("alert", "destination"):
        if alert is not None and channel is not None:
            found.setdefault(alert, set()).add(channel)
    return found


def _keep_incident(alert: Alert) -> None:
    """PagerDuty was not told yet that it had closed, and need not be."""
    Notification.objects.filter(
        alert__rule=alert.rule,
        alert__scope=alert.scope,
        kind=CLOSED,
        destination__kind=ChannelKind.PAGERDUTY,
    ).drop()
