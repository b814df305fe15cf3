"""The alert about answers that come from a proxy between us and Meta."""

from __future__ import annotations

from datetime import datetime, timedelta

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Delivery, State
from phonepool.errors import PROXY_ANSWER

QUIET = timedelta(minutes=10)  # without such an answer: the way is free again


def report(description: str, now: datetime) -> None:
    """Say who answered, as the latest answer names it."""
    incidents.raise_alert(
        AlertRule.PROXY_ANSWERS,
        message=f"A proxy answered instead of Meta ({description}). Daybreak can't tell whether "
        "it passed these messages on, so they wait for WhatsApp's reports.",
        now=now,
    )


def close_if_over(now: datetime) -> None:
    """Close it after QUIET; one statement if it is not open."""
    if incidents.open_alerts(AlertRule.PROXY_ANSWERS).filter(opened_at__lte=now - QUIET).exists():
        unknown = Delivery.objects.filter(state=State.UNKNOWN, reason=PROXY_ANSWER.slug)
        if not unknown.filter(unknown_at__gt=now - QUIET).exists():
            incidents.close_alert(AlertRule.PROXY_ANSWERS, now=now)
