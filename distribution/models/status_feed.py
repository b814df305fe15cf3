"""How far Meta's reports have been received and applied: only so far is their absence evidence."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models

from distribution.models.heartbeats import RECEIVER_PREFIX, Heartbeat

# A receiver silent for this long was removed for good; no run from before it is still open.
RECEIVER_REMOVED_AFTER = timedelta(days=1)


class StatusFeed(models.Model):
    """One row (pk 1), written by the webhook inbox after each drain, and by the receivers."""

    # Everything received up to here has been applied.
    applied_through = models.DateTimeField(null=True, blank=True)
    # When the latest webhook was given up; it could have been about any delivery.
    dead_letter_at = models.DateTimeField(null=True, blank=True)
    # Up to when every receiving process was last seen, and until when one of them was last away:
    # what Meta could not deliver then, it repeats at growing intervals.
    receiver_seen_at = models.DateTimeField(null=True, blank=True)
    receiver_away_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"applied through {self.applied_through}"

    @classmethod
    def current(cls) -> StatusFeed:
        return cls.objects.filter(pk=1).first() or cls(pk=1)

    @classmethod
    def applied(cls, through: datetime) -> None:
        """Everything received up to `through` is in the ledger; never moves back."""
        behind = models.Q(applied_through=None) | models.Q(applied_through__lt=through)
        if not cls.objects.filter(behind, pk=1).update(applied_through=through):
            cls.objects.get_or_create(pk=1, defaults={"applied_through": through})

    @classmethod
    def dead_letter(cls, at: datetime) -> None:
        cls.objects.update_or_create(pk=1, defaults={"dead_letter_at": at})

    @classmethod
    def receiver_seen(
        cls, at: datetime, *, receiver: str = "web", away_at: datetime | None = None
    ) -> None:
        """The receiver named `receiver` is up at `at`; until `away_at` it was away.

        Meta's webhooks may be routed to any of the receivers, so one that is up does not vouch for
        one that is not. An absence never moves back. It is written first, so that a receiver is
        never recorded as up without its absence.
        """
        row = cls.objects.filter(pk=1)
        if away_at is not None:
            cls.objects.get_or_create(pk=1)
            earlier = models.Q(receiver_away_at=None) | models.Q(receiver_away_at__lt=away_at)
            row.filter(earlier).update(receiver_away_at=away_at)
        Heartbeat.record(f"{RECEIVER_PREFIX}{receiver}", at)
        doors = Heartbeat.objects.filter(
            name__startswith=RECEIVER_PREFIX, at__gt=at - RECEIVER_REMOVED_AFTER
        )
        seen = doors.aggregate(longest_ago=models.Min("at"))["longest_ago"]
        if not row.update(receiver_seen_at=seen):
            cls.objects.get_or_create(pk=1, defaults={"receiver_seen_at": seen})
