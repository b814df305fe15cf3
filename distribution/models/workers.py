"""Which Celery workers are alive, their queues and their rate: each writes its own row.

Workers do not know each other, and the broker does not list them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone

STALE_SECONDS = 35.0  # a worker writes every 10 s


class WorkerQuerySet(models.QuerySet["Worker"]):
    def live(self, now: datetime) -> WorkerQuerySet:
        """Workers with a recent row. After a change of the clock the distance in time counts."""
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
