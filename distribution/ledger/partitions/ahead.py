"""Partitions for the distributions to come."""

from __future__ import annotations

from django.db import connection
from django.db.models import Max

from distribution.models import Distribution
from distribution.runtime import partitions

DISTRIBUTIONS_EACH = 31  # a month of daily ones
AHEAD = 3  # partitions in which no distribution is yet


def missing(newest: int) -> list[int]:
    """Where partitions begin that are to be made for distributions after `newest`."""
    layout = partitions.read()
    if not layout or layout[-1].end is None:
        return []
    end = layout[-1].end
    wanted = begins_after(newest) + AHEAD * DISTRIBUTIONS_EACH
    return list(range(end, wanted, DISTRIBUTIONS_EACH))


def begins_after(distribution_id: int) -> int:
    """Where the partition after the one of this distribution begins."""
    return (distribution_id // DISTRIBUTIONS_EACH + 1) * DISTRIBUTIONS_EACH


def newest_distribution() -> int:
    return Distribution.objects.aggregate(newest=Max("pk"))["newest"] or 0


def make(first: int) -> None:
    """Make the partition that begins there; nothing changes if it is there already."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT make_delivery_partition(%s, %s)", [first, first + DISTRIBUTIONS_EACH]
        )


def make_missing() -> int:
    """Make the partitions that are missing; how many."""
    begins = missing(newest_distribution())
    for first in begins:
        make(first)
    if begins:
        partitions.read()
    return len(begins)


def left_ahead() -> int | None:
    """How many partitions no distribution is in yet; None on a plain table."""
    layout = partitions.read()
    if not layout:
        return None
    newest = newest_distribution()
    return AHEAD if layout[-1].end is None else sum(one.first > newest for one in layout)


def ensure(distribution_id: int) -> None:
    """Before its deliveries are inserted: make its partition if it is still missing."""
    # If no partitions are known, read again: the table may have been converted since.
    layout = partitions.known() or partitions.read()
    if not layout or any(one.holds(distribution_id) for one in layout):
        return
    layout = partitions.read()
    end = layout[-1].end
    if end is not None:
        for first in range(end, distribution_id + 1, DISTRIBUTIONS_EACH):
            make(first)
        partitions.read()
