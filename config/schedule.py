"""The day's timetable on one page, Indian Standard Time.

django-celery-beat stores it and fires it. None of it is trusted to happen: the tick asks the
database what is due, so a morning that beat slept through is opened by the next tick.
"""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab
from django.conf import settings


def timetable() -> dict[str, dict[str, Any]]:
    """Beat's entries by name; each expires before its successor comes, so none pile up.

    `expire_seconds` is django-celery-beat's word: it would drop Celery's own `expires`.
    """
    return {
        "start the daily distribution": {
            "task": "distribution.tasks.start_daily_distribution",
            "schedule": crontab(
                hour=str(settings.DAILY_TIME.hour), minute=str(settings.DAILY_TIME.minute)
            ),
            "options": {"queue": "mass-distribution", "expire_seconds": 60},
        },
        # Opens what beat missed, ends leases, re-nudges, closes: nothing waits longer than this.
        "tick": {
            "task": "distribution.tasks.tick",
            "schedule": settings.TICK_SECONDS,
            "options": {"queue": "mass-distribution", "expire_seconds": max(1, round(settings.TICK_SECONDS))},
        },
        # The web process nudges as statuses arrive; this finds what a lost nudge left.
        "apply webhooks": {
            "task": "webhooks.tasks.drain_inbox",
            "schedule": 2.0,
            "options": {"queue": "webhooks", "expire_seconds": 2},
        },
        "refresh the SLA": {
            "task": "distribution.tasks.refresh_sla",
            "schedule": 5.0,
            "options": {"queue": "distribution-analytics", "expire_seconds": 5},
        },
        "tell about alerts": {
            "task": "distribution.tasks.notify_alerts",
            "schedule": 10.0,
            "options": {"queue": "distribution-analytics", "expire_seconds": 10},
        },
        "ask Meta about the phone numbers": {
            "task": "phonepool.tasks.sync_phone_numbers",
            "schedule": 60.0,
            "options": {"queue": "distribution-analytics", "expire_seconds": 60},
        },
        "ask Meta about the message templates": {
            "task": "distribution.tasks.sync_message_templates",
            "schedule": 300.0,
            "options": {"queue": "distribution-analytics", "expire_seconds": 300},
        },
    }
