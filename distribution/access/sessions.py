"""Sessions of staff are deleted some time after their end."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.sessions.models import Session

ROWS_TOGETHER = 5_000


def delete_ended(now: datetime) -> int:
    """Delete sessions that ended SESSION_KEEP_DAYS ago, in batches; returns how many."""
    old = Session.objects.filter(expire_date__lt=now - timedelta(days=settings.SESSION_KEEP_DAYS))
    deleted = 0
    while keys := list(old.order_by("expire_date").values_list("pk", flat=True)[:ROWS_TOGETHER]):
        deleted += Session.objects.filter(pk__in=keys).delete()[0]
    return deleted
