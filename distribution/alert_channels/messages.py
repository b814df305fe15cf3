"""A message to a channel: one notice of an alert, or a digest of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from distribution.alert_channels import links
from distribution.models import Alert, AlertChannel, Notification, NotificationKind, Severity

DIGEST_LINES = 10  # alerts that a digest names; its page lists them all
TEST_RULE = "test"
ACTIONABLE = (  # somebody can still acknowledge it
    NotificationKind.ALERT_OPENED,
    NotificationKind.ALERT_WORSE,
    NotificationKind.ALERT_REMINDER,
)
DIGEST_TITLES = {
    NotificationKind.ALERT_OPENED: "{count:,} alerts opened",
    NotificationKind.ALERT_WORSE: "{count:,} alerts became critical",
    NotificationKind.ALERT_ACKNOWLEDGED: "{count:,} alerts were acknowledged",
    NotificationKind.ALERT_REMINDER: "{count:,} alerts are still critical",
    NotificationKind.ALERT_CLOSED: "{count:,} alerts closed",
}


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """What a sender needs. `key` names the incident; `uid` is the same at each try."""

    kind: NotificationKind
    uid: str
    key: str
    number: int  # of several changes of the same kind
    severity: str
    title: str
    text: str  # for people, with what to do
    page: str
    acknowledge: str  # link for people; empty if there is nothing to acknowledge
    alerts: tuple[Alert, ...]
    is_test: bool = False

    @property
    def full_text(self) -> str:
        """The text with its links."""
        parts = [self.text, f"Open it: {self.page}"]
        if self.acknowledge:
            parts.append(f"Acknowledge it: {self.acknowledge}")
        return "\n\n".join(parts)


def incident_key(alert: Alert) -> str:
    """The same each time that this alert opens, so that it joins its incident; up to 191
    characters. Installations that share a service of PagerDuty differ by INSTALLATION_NAME."""
    return f"daybreak/{settings.INSTALLATION_NAME}/{alert.rule}/{alert.scope}"


def digest_key(uid: str) -> str:
    return f"daybreak/{settings.INSTALLATION_NAME}/digest/{uid}"


def occurrence_key(alert: Alert) -> str:
    """One opening of an alert: receivers drop what they have under this key and kind."""
    return f"{incident_key(alert)}/{int(alert.opened_at.timestamp())}"


def of_one(row: Notification, channel: AlertChannel, key: str) -> AlertMessage:
    alert = row.alert
    assert alert is not None
    kind = NotificationKind(row.kind)
    number = (row.once or "").rpartition(" ")[2]
    return AlertMessage(
        kind=kind,
        uid=row.uid,
        key=key,
        number=int(number) if number.isdecimal() else 0,
        severity=alert.severity,
        title=row.subject,
        text=row.text,
        page=f"{settings.PUBLIC_URL}{row.path}",
        acknowledge=links.acknowledge([alert.pk], channel.pk) if kind in ACTIONABLE else "",
        alerts=(alert,),
    )


def of_many(rows: Sequence[Notification], uid: str) -> AlertMessage:
    kind = NotificationKind(rows[0].kind)
    alerts = tuple(row.alert for row in rows if row.alert is not None)
    worst = Severity.WARNING
    if any(alert.severity == Severity.CRITICAL for alert in alerts):
        worst = Severity.CRITICAL
    return AlertMessage(
        kind=kind,
        uid=uid,
        key=digest_key(uid),
        number=0,
        severity=worst,
        title=DIGEST_TITLES[kind].format(count=len(rows)),
        text=_list(alerts),
        page=f"{settings.PUBLIC_URL}/admin/distribution/alert/?state=open",
        acknowledge="",  # who answers for so many looks at them first
        alerts=alerts,
    )


def of_test(channel: AlertChannel, now: datetime) -> AlertMessage:
    """A message that nobody has to act on; nothing is stored."""
    alert = Alert(
        pk=0,
        rule=TEST_RULE,
        severity=Severity.WARNING,
        message="This is a test. Nothing is wrong.",
        opened_at=now,
    )
    key = f"{incident_key(alert)}{channel.pk}"
    return AlertMessage(
        kind=NotificationKind.ALERT_OPENED,
        uid=f"test{channel.pk}x{int(now.timestamp())}",
        key=key,
        number=0,
        severity=alert.severity,
        title="Test: alerts of Daybreak arrive here",
        text=f"{alert.message} {settings.INSTALLATION_NAME} can reach “{channel}”.",
        page=f"{settings.PUBLIC_URL}/admin/distribution/alert/",
        acknowledge="",
        alerts=(alert,),
        is_test=True,
    )


def _list(alerts: Sequence[Alert]) -> str:
    by_rule = Counter(alert.rule.replace("_", " ") for alert in alerts).most_common()
    counts = ", ".join(f"{count:,} × {rule}" for rule, count in by_rule[:DIGEST_LINES])
    critical_first = sorted(alerts, key=lambda alert: alert.severity != Severity.CRITICAL)
    lines = [f"- {alert.get_severity_display()}: {alert.message}" for alert in critical_first]
    more = len(lines) - DIGEST_LINES
    rest = [f"… and {more:,} more."] if more > 0 else []
    return "\n".join([f"{counts}.", "", *lines[:DIGEST_LINES], *rest])
