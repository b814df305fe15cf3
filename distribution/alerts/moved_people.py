"""The alert about subscribers who moved to a new number and are written to on the old one."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from masking.phones import mask_phone
from subscribers import shown_part
from subscribers.identity import moves

RULE = AlertRule.PERSON_MOVED
NAMED = 5  # in the message; the rest is counted


def refresh(now: datetime) -> None:
    """Open, update or close it; after NOTICE_ALERT_DAYS a move counts no longer."""
    phones = moves.still_written_to(now - timedelta(days=settings.NOTICE_ALERT_DAYS))
    if not phones:
        incidents.close_alert(RULE, now=now)
        return
    named = shown_part.named([mask_phone(phone) for phone in phones], NAMED)
    incidents.raise_alert(
        RULE,
        message=f"Moved to a new number: {named}. "
        "The old number still gets messages and may belong to someone else now.",
        now=now,
    )


def close_answered(now: datetime) -> None:
    """Close it when the last one is unsubscribed, paused or too long ago."""
    if incidents.open_alerts(RULE).exists():
        refresh(now)
