"""Which Celery workers live, what they serve and how much they do: each writes its own row.

Workers do not talk to each other, and the broker does not know them; the database does.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone

STALE_SECONDS = 35.0  # a worker writes every ten


class WorkerQuerySet(models.QuerySet["Worker"]):
    def live(self, now: datetime) -> WorkerQuerySet:
        """Those heard of lately. A clock set back counts like one set forward: by its distance."""
        reach = timedelta(seconds=STALE_SECONDS)
        return self.filter(at__range=(now - reach, now + reach))


class Worker(models.Model):
    """One process, by Celery's name for it."""

    name = models.CharField(primary_key=True, max_length=200)
    queues = models.JSONField(default=list)
    concurrency = models.PositiveIntegerField()  # tasks at once
    per_minute = models.JSONField(default=dict)  # tasks that ended in the last minute, by queue
    started_at = models.DateTimeField(default=timezone.now)
    at = models.DateTimeField()

    objects = WorkerQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name
