"""Partitions whose distributions are all older than DELIVERY_NUMBER_KEEP_DAYS are dropped.

What was counted and recorded of them stays: daily figures, costs, service level, signed records,
attempts and verdicts. Nothing of these names a person any more.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, OuterRef

from distribution.ledger import rollup_marks
from distribution.models import Delivery, Distribution, Duplicate, RollupState, RunRecord
from distribution.models.distributions import ENDED, DistributionQuerySet
from distribution.runtime import india_time, partitions
from distribution.runtime.partitions import Partition

log = logging.getLogger(__name__)


def drop_old(now: datetime) -> int:
    """Drop partitions that are old enough; how many. Not while a distribution runs: reading and
    writing deliveries stops for a moment."""
    if not partitions.is_partitioned() or Distribution.objects.running().exists():
        return 0
    dropped = 0
    for one in partitions.read():
        if not _is_over(one, now):
            break  # later ones are younger
        try:
            _drop(one, now)
        except DatabaseError:
            log.exception("the partition %s could not be dropped now", one.table)
            break
        dropped += 1
    if dropped:
        partitions.read()
    return dropped


def _is_over(one: Partition, now: datetime) -> bool:
    """Whether all of its distributions are old, counted and recorded, and later ones exist."""
    if one.end is None or not Distribution.objects.filter(pk__gte=one.end).exists():
        return False
    theirs = _of(one)
    keep = timedelta(days=settings.DELIVERY_NUMBER_KEEP_DAYS)
    young = theirs.filter(local_date__gte=india_time.local_date(now - keep))
    if young.exists() or theirs.exclude(state__in=ENDED).exists():
        return False
    sent = theirs.with_deliveries()
    counted = Exists(RollupState.objects.filter(distribution=OuterRef("pk")))
    if sent.exclude(counted).exists() or theirs.filter(pk__in=rollup_marks.marked()).exists():
        return False
    # An installation without a signing key makes no records, so there are none to wait for.
    recorded = Exists(RunRecord.objects.filter(distribution=OuterRef("pk")))
    return not (RunRecord.objects.exists() and sent.exclude(recorded).exists())


def _of(one: Partition) -> DistributionQuerySet:
    return Distribution.objects.filter(pk__gte=one.first, pk__lt=one.end)


@transaction.atomic
def _drop(one: Partition, now: datetime) -> None:
    ids = list(_of(one).values_list("pk", flat=True))
    theirs = Delivery.objects.filter(distribution__in=ids, pk=OuterRef("delivery"))
    # Message ids contain the number.
    Duplicate.objects.filter(Exists(theirs)).update(earlier_wamid="", later_wamid="")
    Distribution.objects.filter(pk__in=ids, opened_at__isnull=False).update(
        deliveries_removed_at=now
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT drop_delivery_partition(%s)", [one.table])
    log.info("the partition %s was dropped, of %d distributions", one.table, len(ids))
