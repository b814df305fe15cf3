"""PostgreSQL's statistics of all partitions together, which nothing refreshes unaided.

Autovacuum analyses each partition, but not the table that they belong to.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from distribution.models import Distribution
from distribution.runtime import partitions, statistics

EVERY = timedelta(days=30)
_LAST = "SELECT last_analyze FROM pg_stat_user_tables WHERE relid = to_regclass(%s)"


def refresh_if_old(now: datetime) -> bool:
    """Refresh them once in EVERY, while no distribution runs; whether it did. It reads a sample of
    each partition, which takes seconds."""
    if not partitions.is_partitioned() or Distribution.objects.running().exists():
        return False
    with connection.cursor() as cursor:
        cursor.execute(_LAST, [partitions.TABLE])
        row = cursor.fetchone()
    if row is not None and row[0] is not None and row[0] > now - EVERY:
        return False
    statistics.refresh(partitions.TABLE)
    return True
