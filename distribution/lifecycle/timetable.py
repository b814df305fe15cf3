"""Whether a daily time or a blackout date can be set, for the admin and the API alike."""

from __future__ import annotations

from datetime import date, datetime

from django.utils.translation import gettext as _

from distribution.models import Distribution, Kind
from distribution.runtime import india_time


def objection_to_daily_time(from_day: date, now: datetime) -> str:
    """Why a daily time cannot begin on that day, or cannot be deleted; '' if it can."""
    if from_day <= india_time.local_date(now):
        return _("Choose tomorrow or a later date. Today's time can no longer change.")
    return ""


def objection_to_blackout(day: date, now: datetime) -> str:
    """Why that day cannot become a blackout date; '' if it can."""
    if day < india_time.local_date(now):
        return _("Choose today or a future date.")
    daily = Distribution.objects.filter(local_date=day, kind=Kind.DAILY)
    if daily.exclude(opened_at=None).exists():
        return _("That day's distribution has started. Pause or cancel it instead.")
    return ""
