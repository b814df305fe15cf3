"""Moments as days and clock times in India (`TIME_ZONE`), whatever the server's zone."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from django.conf import settings


def zone() -> ZoneInfo:
    return ZoneInfo(settings.TIME_ZONE)


def local_date(moment: datetime) -> date:
    """The day in India."""
    return moment.astimezone(zone()).date()


def local_datetime(day: date, at: time) -> datetime:
    """That time on a day in India."""
    return datetime.combine(day, at, zone())


def clock(moment: datetime) -> str:
    """The time of day in India: `06:00:12 IST`."""
    return f"{moment.astimezone(zone()):%H:%M:%S %Z}"


def iso(moment: datetime | None) -> str | None:
    """For JSON, in the moment's own zone."""
    return moment.isoformat() if moment else None


def local_iso(moment: datetime | None) -> str | None:
    """For JSON, in India's zone."""
    return moment.astimezone(zone()).isoformat() if moment else None
