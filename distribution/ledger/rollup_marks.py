"""Which distributions changed since their figures were counted: one row per change.

Marks are only inserted, in the transaction that changes the deliveries, so writers never wait
for each other. A count deletes the marks that it saw before it began.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import QuerySet

from distribution.models import RollupMark

DELETE_BATCH_SIZE = 1000  # SQLite bounds the parameters of one statement


def mark_changed(distribution_ids: Collection[int], *, now: datetime) -> None:
    """Deliveries of these changed. Call it in the transaction that changes them."""
    RollupMark.objects.bulk_create(
        [RollupMark(distribution_id=pk, at=now) for pk in sorted(set(distribution_ids))]
    )


def marked() -> QuerySet[RollupMark, int]:
    """The ids of all marked distributions, for a subquery."""
    return RollupMark.objects.order_by().values_list("distribution", flat=True)


def marks_of(distribution_id: int) -> list[int]:
    """The ids of the marks that one distribution has now."""
    rows = RollupMark.objects.filter(distribution=distribution_id)
    return list(rows.values_list("pk", flat=True))


def delete(marks: Sequence[int]) -> None:
    """Delete marks whose changes have been counted."""
    for start in range(0, len(marks), DELETE_BATCH_SIZE):
        RollupMark.objects.filter(pk__in=marks[start : start + DELETE_BATCH_SIZE]).delete()
