"""Deliveries by their keys, looked for only in the partitions that they can be in."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Max, Min

from distribution.models import Delivery, Distribution
from distribution.models.deliveries import DeliveryQuerySet
from distribution.runtime import partitions

# Nearly every report is of a distribution that was opened so lately.
RECENT = timedelta(days=3)
KNOWN_FOR_SECONDS = 60.0


def of(distribution_id: int | None) -> DeliveryQuerySet:
    """To find deliveries of one distribution by their keys. Not a query for all of them: it names
    the bounds of its partition. Without a distribution every partition is asked."""
    rows = Delivery.objects.all()
    return rows if distribution_id is None else rows.filter(partitions.within([distribution_id]))


def rows(pks: Collection[int], distribution_id: int | None) -> DeliveryQuerySet:
    """Those with these keys, all of one distribution."""
    return of(distribution_id).filter(pk__in=pks)


def by_partition(live: DeliveryQuerySet) -> list[DeliveryQuerySet]:
    """A query for live rows of any distribution, which have an index of their own, as one for each
    partition that has some; on a plain table the query as it is."""
    if not partitions.is_partitioned():
        return [live]
    ids = live.order_by().values_list("distribution_id", flat=True).distinct()
    bounds = dict.fromkeys(partitions.within([pk]) for pk in sorted(ids))
    return [live.filter(within) for within in bounds]


class _Recent:
    """The oldest and newest distribution of the last days, as this process knows them."""

    ids: tuple[int, ...] = ()
    until = 0.0  # on the monotonic clock


def recent(now: datetime) -> tuple[int, ...]:
    """Two distributions between which lie all that were opened in the last days; none if the table
    has no partitions. What is not found in their partitions is to be looked for in all."""
    if not partitions.is_partitioned():
        return ()
    if time.monotonic() >= _Recent.until:
        opened = Distribution.objects.filter(opened_at__gte=now - RECENT)
        found = opened.aggregate(oldest=Min("pk"), newest=Max("pk"))
        _Recent.ids = tuple(pk for pk in found.values() if pk is not None)
        _Recent.until = time.monotonic() + KNOWN_FOR_SECONDS
    return _Recent.ids
