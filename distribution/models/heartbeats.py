"""When each engine was last alive: each writes its own row, the others read it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

KEEPER = "keeper"
TICK = "tick"  # the periodic check, done by Celery
BEAT = "beat"  # Celery beat, which schedules the tick
SLA = "sla"  # the refresh of the service level, done by Celery
CONTENT_WATCH = "content watch"  # the check of coming contents, by tick or keeper
PLAN_WATCH = "plan watch"  # the check of the coming plans, by tick or keeper
NUMBER_RAMPS = "number ramps"  # the review of the numbers' mornings, by tick or keeper
PARTITIONS = "partitions"  # of deliveries, made ahead by tick or keeper
RECEIVER_PREFIX = "door:"  # followed by the kind of process that receives Meta's webhooks


class Heartbeat(models.Model):
    """One row per name. Processes of the same name share it: the latest heartbeat counts."""

    name = models.CharField(primary_key=True, max_length=20)
    at = models.DateTimeField()
    doing = models.CharField(max_length=80, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.name} {timezone.localtime(self.at):%H:%M:%S %Z}"

    @classmethod
    def record(
        cls, name: str, now: datetime, doing: str = "", *, not_after: datetime | None = None
    ) -> bool:
        """Record that `name` is alive; False, without a record, if its last is after `not_after`.

        One statement, except for the first heartbeat of a name.
        """
        last = cls.objects.filter(pk=name)
        if not_after is not None:
            last = last.filter(at__lte=not_after)
        if last.update(at=now, doing=doing[:80]):
            return True
        return cls.objects.get_or_create(pk=name, defaults={"at": now, "doing": doing[:80]})[1]

    @classmethod
    def take_turn(cls, name: str, every: timedelta, now: datetime) -> bool:
        """Whether it is the caller's turn to do what is done once in `every` by any process."""
        # A time in the future is from before the clock was set back.
        over = Q(at__lte=now - every) | Q(at__gt=now)
        if cls.objects.filter(over, pk=name).update(at=now):
            return True
        return cls.objects.get_or_create(pk=name, defaults={"at": now})[1]

    @classmethod
    def expect(cls, name: str, now: datetime) -> None:
        """Expect heartbeats of `name` from now on: without any, it counts as silent from now."""
        cls.objects.get_or_create(pk=name, defaults={"at": now, "doing": "expected"})


def is_silent(at: datetime | None, now: datetime, seconds: float | None = None) -> bool:
    """Whether a heartbeat at `at` is too old, by default for KEEPER_STALE_SECONDS; None always is.

    One in the future is from before the clock was set back and counts like an old one.
    """
    limit = timedelta(seconds=settings.KEEPER_STALE_SECONDS if seconds is None else seconds)
    return at is None or abs(now - at) > limit
