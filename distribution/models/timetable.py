"""When distributions begin: the daily time from a day on, blackout dates, one-time ones."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from distribution.models.distributions import Distribution


class DailyTime(models.Model):
    """From this day on the daily distribution begins at this time; before any: DAILY_TIME."""

    from_day = models.DateField(unique=True)
    time = models.TimeField(help_text="Indian Standard Time")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-from_day"]
        verbose_name = verbose_name_plural = "daily time"

    def __str__(self) -> str:
        return f"{self.time:%H:%M} IST from {self.from_day:%-d %b %Y}"


class BlackoutDate(models.Model):
    """A day on which nothing begins, neither the daily distribution nor a one-time one."""

    day = models.DateField(unique=True)
    reason = models.CharField(max_length=120)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-day"]
        verbose_name = "blackout date"

    def __str__(self) -> str:
        return f"{self.day:%-d %b %Y}: {self.reason}"


class OneTime(Distribution):
    """A distribution planned by hand, as the page of the schedule shows it."""

    class Meta:
        proxy = True
        ordering = ["-planned_at"]
        verbose_name = "one-time distribution"
