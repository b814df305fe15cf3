"""Which alerts people are told of by notification: a content, plan, preflight or morning in danger.

All alerts, these included, go to the alert channels: notifications/alert_notices.
"""

from __future__ import annotations

from datetime import date, datetime

from django.utils.translation import gettext as _

from distribution.alerts.catalogue import DAY, DISTRIBUTION, AlertRule
from distribution.models import NotificationKind, Severity
from distribution.notifications import audience
from distribution.notifications.writing import Message, notify

# Critical, they keep a distribution from starting.
BLOCKING = frozenset(
    {
        AlertRule.NO_CONTENT,
        AlertRule.TEMPLATE_NOT_APPROVED,
        AlertRule.CONTENT_INVALID,
        AlertRule.NO_TOKEN,
        AlertRule.NO_NUMBER,
        AlertRule.CAPACITY_SHORT,
        AlertRule.PORTFOLIO_LIMIT,
        AlertRule.DISTRIBUTION_MISSED,
    }
)


def tell(rule: AlertRule, scope: str, severity: str, message: str, *, now: datetime) -> None:
    """Tell those concerned of an alert that has opened or become critical; once for each day or
    distribution and severity, however often it opens and closes."""
    if rule == AlertRule.CONTENT_NOT_READY:
        kind, subject, path = _about_day(DAY.parse(scope), severity)
    elif rule == AlertRule.PREFLIGHT:
        kind, path = NotificationKind.MORNING_BLOCKED, "/admin/preflight/"
        subject = _("Preflight: check before the morning")
        if severity == Severity.CRITICAL:
            subject = _("Preflight failed: action needed")
    elif rule == AlertRule.PLAN_SHORT and severity == Severity.CRITICAL:
        kind, path = NotificationKind.MORNING_BLOCKED, "/admin/phonepool/phonenumber/"
        subject = _("The next distribution does not reach everyone")
    elif rule in BLOCKING and severity == Severity.CRITICAL:
        kind, subject, path = _about_distribution(rule, DISTRIBUTION.parse(scope))
    else:
        return
    once = f"{rule} {scope} {severity}"
    told = Message(kind, subject, text(rule, message), path, once)
    notify(told, audience.allowed(kind), now=now)


def text(rule: AlertRule | None, message: str) -> str:
    """What happened, and what to do; a rule of an older release is not known any more."""
    return f"{message}\n\n{_('What to do:')} {rule.remedy}" if rule else message


def _about_day(day: str, severity: str) -> tuple[NotificationKind, str, str]:
    on = date.fromisoformat(day)
    words = {"day": f"{on:%a} {on.day} {on:%b}"}
    if severity == Severity.CRITICAL:
        subject = _("Nothing can be sent on %(day)s") % words
    else:
        subject = _("Content for %(day)s needs attention") % words
    path = f"/admin/distribution/content/calendar/?month={on:%Y-%m}"
    return NotificationKind.CONTENT_NOT_READY, subject, path


def _about_distribution(rule: AlertRule, pk: str) -> tuple[NotificationKind, str, str]:
    if rule == AlertRule.DISTRIBUTION_MISSED:
        subject = _("Distribution missed")
    else:
        subject = _("Distribution blocked: action needed")
    return (
        NotificationKind.MORNING_BLOCKED,
        subject,
        f"/admin/distribution/distribution/{pk}/change/",
    )
