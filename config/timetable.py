"""The day's timetable on one page, Indian Standard Time.

django-celery-beat stores it and fires it. None of it is trusted to happen: the tick asks the
database what is due, so a morning that beat slept through is opened by the next tick.
"""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab
from django.conf import settings


def timetable() -> dict[str, dict[str, Any]]:
    """Beat's entries by name; `celery_config.task_routes` says to which queue each goes."""
    six_o_clock = crontab(hour=settings.DAILY_TIME.hour, minute=settings.DAILY_TIME.minute)
    return {
        "start the daily distribution": _entry(
            "distribution.tasks.start_daily_distribution", six_o_clock, life=60
        ),
        # Opens what beat missed, ends leases, re-nudges, closes: nothing waits longer than this.
        "tick": _entry("distribution.tasks.tick", settings.TICK_SECONDS),
        # The web process nudges as statuses arrive; this finds what a lost nudge left.
        "apply webhooks": _entry("webhooks.tasks.drain_inbox", 5.0),
        "refresh the SLA": _entry("distribution.tasks.refresh_sla", 5.0),
        "tell about alerts": _entry("distribution.tasks.notify_alerts", 10.0),
        "refresh rollups": _entry("distribution.tasks.refresh_rollups", 15.0),
        "post events": _entry("distribution.tasks.post_events", 5.0),
        "forget old events": _entry("distribution.tasks.forget_events", 3600.0),
        "ask Meta about the phone numbers": _entry("phonepool.tasks.sync_phone_numbers", 60.0),
        "ask Meta about the message templates": _entry(
            "distribution.tasks.sync_message_templates", 300.0
        ),
        # Uploads are picked up here, and those whose process died are gone on with.
        "go on with imports": _entry("subscribers.tasks.tend_imports", 2.0),
        "forget uploads and erased people": _entry("subscribers.tasks.forget", 3600.0),
        "forget kept answers": _entry("distribution.tasks.forget_answers", 3600.0),
        "forget old webhooks": _entry("webhooks.tasks.prune_inbox", 3600.0),
    }


def _entry(task: str, schedule: crontab | float, *, life: float | None = None) -> dict[str, Any]:
    """One entry. Its nudge is void after `life` seconds, by default when the next one comes, so
    that none pile up. `expire_seconds` is django-celery-beat's word: it drops Celery's own.
    """
    seconds = schedule if isinstance(schedule, float | int) else life
    assert seconds is not None  # a crontab's nudge needs its life said
    return {
        "task": task,
        "schedule": schedule,
        "options": {"expire_seconds": max(1, round(seconds))},
    }
