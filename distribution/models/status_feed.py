"""How far Meta's reports have been applied. Silence is evidence only where we have listened."""

from __future__ import annotations

from datetime import datetime

from django.db import models


class StatusFeed(models.Model):
    """One row (pk 1), written by the webhook inbox after each drain, and by what receives."""

    # Everything received up to here has been applied.
    applied_through = models.DateTimeField(null=True, blank=True)
    # When the latest report was given up on; it could have been about anybody.
    dead_letter_at = models.DateTimeField(null=True, blank=True)
    # When our receiver last said that it is there, and until when it is last known to have
    # been away: what Meta could not bring then comes again ever more rarely.
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
    def receiver_seen(cls, at: datetime, *, away_at: datetime | None = None) -> None:
        """The receiver is there at `at`; it was away until `away_at`, which never moves back."""
        row = cls.objects.filter(pk=1)
        if not row.update(receiver_seen_at=at):
            cls.objects.get_or_create(pk=1, defaults={"receiver_seen_at": at})
        if away_at is not None:
            earlier = models.Q(receiver_away_at=None) | models.Q(receiver_away_at__lt=away_at)
            row.filter(earlier).update(receiver_away_at=away_at)
