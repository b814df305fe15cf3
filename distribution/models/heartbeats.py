"""Who of the engines was alive when: each writes its own row, the others look at it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models

KEEPER = "keeper"
TICK = "tick"  # the regular check, as Celery does it
BEAT = "beat"  # Celery's clock, which asks for that
SLA = "sla"  # the service level, as Celery refreshes it
RECEIVER_PREFIX = "door:"  # and a name: a kind of process that takes Meta's webhooks


class Heartbeat(models.Model):
    """One row a name. Two of the same name share it: the younger beat counts."""

    name = models.CharField(primary_key=True, max_length=20)
    at = models.DateTimeField()
    doing = models.CharField(max_length=80, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.name} {self.at:%H:%M:%S}"

    @classmethod
    def beat(
        cls, name: str, now: datetime, doing: str = "", *, not_after: datetime | None = None
    ) -> bool:
        """Say that `name` lives; False, and nothing said, when its last was later than `not_after`.

        One statement but for the very first time.
        """
        last = cls.objects.filter(pk=name)
        if not_after is not None:
            last = last.filter(at__lte=not_after)
        if last.update(at=now, doing=doing[:80]):
            return True
        return cls.objects.get_or_create(pk=name, defaults={"at": now, "doing": doing[:80]})[1]

    @classmethod
    def expect(cls, name: str, now: datetime) -> None:
        """From now on `name` is looked for: silence counts from here if it never was heard."""
        cls.objects.get_or_create(pk=name, defaults={"at": now, "doing": "expected"})


def is_silent(at: datetime | None, now: datetime, seconds: float | None = None) -> bool:
    """Whether a beat at `at` is too old, by default for KEEPER_STALE_SECONDS; None always is.

    A beat from the future is one from before the clock was set back: it counts like an old one.
    """
    limit = timedelta(seconds=settings.KEEPER_STALE_SECONDS if seconds is None else seconds)
    return at is None or abs(now - at) > limit
