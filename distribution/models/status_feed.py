"""How far Meta's reports have been applied. Silence is evidence only where we have listened."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models

from distribution.models.heartbeats import RECEIVER_PREFIX, Heartbeat

# Who was silent for so long was taken away for good, and no morning of before is under way.
RECEIVER_REMOVED_AFTER = timedelta(days=1)


class StatusFeed(models.Model):
    """One row (pk 1), written by the webhook inbox after each drain, and by what receives."""

    # Everything received up to here has been applied.
    applied_through = models.DateTimeField(null=True, blank=True)
    # When the latest report was given up on; it could have been about anybody.
    dead_letter_at = models.DateTimeField(null=True, blank=True)
    # Up to when every process that receives was last seen, and until when one of them is last
    # known to have been away: what Meta could not bring then comes again ever more rarely.
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
        cls, at: datetime, *, door: str = "web", away_at: datetime | None = None
    ) -> None:
        """The receiver behind `door` is there at `at`; until `away_at` it was away.

        Nobody here knows at which door Meta is led in, so one that lives never speaks for one
        that does not. An absence never moves back; it is written first, so that whoever is
        seen again is never seen without it.
        """
        row = cls.objects.filter(pk=1)
        if away_at is not None:
            cls.objects.get_or_create(pk=1)
            earlier = models.Q(receiver_away_at=None) | models.Q(receiver_away_at__lt=away_at)
            row.filter(earlier).update(receiver_away_at=away_at)
        Heartbeat.beat(f"{RECEIVER_PREFIX}{door}", at)
        doors = Heartbeat.objects.filter(
            name__startswith=RECEIVER_PREFIX, at__gt=at - RECEIVER_REMOVED_AFTER
        )
        seen = doors.aggregate(longest_ago=models.Min("at"))["longest_ago"]
        if not row.update(receiver_seen_at=seen):
            cls.objects.get_or_create(pk=1, defaults={"receiver_seen_at": seen})
