"""The time of these tests, and the statuses that they compare."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from subscribers.models import Subscriber

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)  # 06:00 IST


def minute(number: int) -> datetime:
    """A moment of the hour before NOW."""
    return NOW - timedelta(hours=1) + timedelta(minutes=number)


def statuses() -> list[str]:
    return list(Subscriber.objects.order_by("pk").values_list("status", flat=True))
