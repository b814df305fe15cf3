"""The alert about opt-outs whose user id belongs to no known subscriber."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from subscribers.consent import kept_preferences, suppressions

RULE = AlertRule.UNMATCHED_OPT_OUT


def refresh(now: datetime) -> None:
    """Open, update or close it, as many as wait; after NOTICE_ALERT_DAYS one counts no longer."""
    since = now - timedelta(days=settings.NOTICE_ALERT_DAYS)
    waiting = suppressions.unmatched_stops(since)
    if not waiting:
        incidents.close_alert(RULE, now=now)
        return
    are = "opt-out names" if waiting == 1 else "opt-outs name"
    incidents.raise_alert(
        RULE,
        message=f"{waiting} {are} a user ID that matches no subscriber. An opt-out applies as soon "
        "as WhatsApp links the user ID to a phone number. Until then the person may get messages.",
        now=now,
    )


def close_matched(now: datetime) -> None:
    """Match what was kept while its user id was being learnt; close it when the last one is matched
    or too old."""
    if incidents.open_alerts(RULE).exists():
        kept_preferences.match_again(now=now)
        refresh(now)
