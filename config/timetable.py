"""Beat's periodic tasks, in Indian Standard Time.

django-celery-beat stores and publishes them. Correctness does not depend on it: the tick queries
the database for what is due, so a run that beat missed is opened by the next tick.
"""

from __future__ import annotations

from typing import Any

from celery.schedules import crontab
from django.conf import settings


def timetable() -> dict[str, dict[str, Any]]:
    """Beat's entries by name; `celery_config.task_routes` maps their tasks to queues."""
    daily = crontab(hour=settings.DAILY_TIME.hour, minute=settings.DAILY_TIME.minute)
    return {
        "start the daily distribution": _entry(
            "distribution.tasks.start_daily_distribution", daily, expires=60
        ),
        # Opens what beat missed, ends leases, publishes lost tasks again, closes: nothing waits
        # longer than this.
        "tick": _entry("distribution.tasks.tick", settings.TICK_SECONDS),
        # 30, 10 and 2 minutes before the day's time, each once; later if beat is late.
        "preflight": _entry("config.tasks.preflight_if_due", 10.0),
        # The web process publishes this as statuses arrive; the schedule covers lost messages.
        "apply webhooks": _entry("webhooks.tasks.drain_inbox", 5.0),
        "refresh the SLA": _entry("distribution.tasks.refresh_sla", 5.0),
        "tell about alerts": _entry("distribution.tasks.notify_alerts", 10.0),
        "send notifications": _entry("distribution.tasks.send_notifications", 10.0),
        "refresh rollups": _entry("distribution.tasks.refresh_rollups", 15.0),
        "report the mornings": _entry("distribution.tasks.report_mornings", 60.0),
        # When a distribution has ended, a day and a week later.
        "sign the records": _entry("distribution.tasks.make_records", 60.0),
        "post events": _entry("distribution.tasks.post_events", 5.0),
        "forget old events": _entry("distribution.tasks.forget_events", 3600.0),
        "ask Meta about the phone numbers": _entry("distribution.tasks.sync_phone_numbers", 60.0),
        # Meta sends no notice of a number's quality: from 35 minutes before a distribution on it is
        # read this often, by one call for each account.
        "watch the phone numbers": _entry("distribution.tasks.watch_phone_numbers", 10.0),
        "ask Meta about the message templates": _entry(
            "distribution.tasks.sync_message_templates", 300.0
        ),
        "ask Meta about the access token": _entry("distribution.tasks.check_access_token", 600.0),
        # In the evening, when nearly all have reacted that will, and before the next morning.
        "review the message templates": _entry(
            "distribution.tasks.review_templates", crontab(hour=19, minute=30), expires=3600
        ),
        # Meta compares templates ten times an hour; the review asks first.
        "compare the message templates": _entry(
            "distribution.tasks.compare_templates",
            crontab(hour="20-23", minute=35),
            expires=3000,
        ),
        # Meta's sums of a day are complete a few hours after its end in the account's time zone.
        "compare the costs with Meta's": _entry(
            "distribution.tasks.check_costs", crontab(hour=10, minute=20), expires=3600
        ),
        # A number that was enabled carries a content with a file after this at the latest.
        "renew media": _entry("distribution.tasks.renew_media", 60.0),
        # Starts uploaded imports, and resumes those whose process died.
        "go on with imports": _entry("subscribers.tasks.tend_imports", 2.0),
        "forget uploads and erased people": _entry("subscribers.tasks.forget", 3600.0),
        "forget kept answers": _entry("distribution.tasks.forget_answers", 3600.0),
        "forget numbers of old deliveries": _entry("distribution.tasks.forget_numbers", 3600.0),
        "forget old webhooks": _entry("webhooks.tasks.prune_inbox", 3600.0),
    }


def _entry(task: str, schedule: crontab | float, *, expires: float | None = None) -> dict[str, Any]:
    """One entry. Its messages expire after `expires` seconds, by default when the next is due, so
    that they do not pile up. django-celery-beat reads `expire_seconds` and ignores Celery's own
    option `expires`.
    """
    seconds = schedule if isinstance(schedule, float | int) else expires
    assert seconds is not None  # a crontab needs `expires`
    return {
        "task": task,
        "schedule": schedule,
        "options": {"expire_seconds": max(1, round(seconds))},
    }
