"""An alert while the access token is about to end, or has ended: without it nothing is sent."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Severity
from phonepool.cloud_api.app import TokenFacts

WARNED_BEFORE, CRITICAL_BEFORE = timedelta(days=7), timedelta(hours=48)
HOUR = timedelta(hours=1)


def apply(token: TokenFacts, *, now: datetime) -> None:
    """Raise, refresh or close the alert by what Meta says of the token now."""
    found = judge(token, now=now)
    if found is None:
        incidents.close_alert(AlertRule.ACCESS_TOKEN_EXPIRES, now=now)
        return
    severity, message = found
    incidents.raise_alert(
        AlertRule.ACCESS_TOKEN_EXPIRES, severity=severity, message=message, now=now
    )


def judge(token: TokenFacts, *, now: datetime) -> tuple[Severity, str] | None:
    """How bad it is and what to say; None while the token lasts."""
    ends = token.expires_at
    at = f"{timezone.localtime(ends):%-d %b %Y, %H:%M %Z}" if ends else ""
    if ends is not None and ends <= now:
        return Severity.CRITICAL, f"The access token expired on {at}. Nothing can be sent."
    if not token.is_valid:
        why = f": {token.problem}" if token.problem else "."
        return Severity.CRITICAL, f"The access token is not valid{why}"
    if ends is None or ends - now > WARNED_BEFORE:
        return None
    severity = Severity.CRITICAL if ends - now <= CRITICAL_BEFORE else Severity.WARNING
    return severity, f"The access token expires {_left(ends - now)}, on {at}."


def _left(span: timedelta) -> str:
    """Full days, and full hours of the last two days."""
    if span < HOUR:
        return "in less than an hour"
    if span <= CRITICAL_BEFORE:
        hours = span // HOUR
        return f"in {hours} hour{'' if hours == 1 else 's'}"
    return f"in {span.days} days"
