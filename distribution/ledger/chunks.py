"""Updates of any number of deliveries: in chunks, and in halves of a chunk that fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from distribution.models import Delivery
from distribution.models.deliveries import IN_HAND, DeliveryQuerySet
from distribution.runtime.halving import apply_in_halves

UPDATE_CHUNK_SIZE = 5000  # rows; SQLite bounds the parameters of one statement
STUCK_AFTER = timedelta(minutes=5)  # the tick ends leases every few seconds

log = logging.getLogger(__name__)

Update = Callable[[DeliveryQuerySet], int]


def update_in_chunks(
    rows: DeliveryQuerySet, update: Update, pks: Sequence[int] | None = None
) -> int:
    """`update` all `rows`, or those with `pks`; how many changed.

    A million rows in one statement would exceed its time limit, now and on every repetition. Rows
    that cannot be updated stay as they are for the next time; `stuck` counts them.
    """
    keys = list(rows.order_by("pk").values_list("pk", flat=True)) if pks is None else sorted(pks)
    changed = 0
    for start in range(0, len(keys), UPDATE_CHUNK_SIZE):
        halving = apply_in_halves(
            keys[start : start + UPDATE_CHUNK_SIZE], lambda part: _update(rows, part, update)
        )
        changed += sum(halving.done)
        for pk, error in halving.failed:
            log.error("delivery %d could not be updated: %s", pk, error)
    return changed


def _update(rows: DeliveryQuerySet, pks: Sequence[int], update: Update) -> int:
    with transaction.atomic():
        chunk = rows.filter(pk__in=pks)
        # In the order of their keys, as all statements over many rows: they would deadlock.
        list(chunk.order_by("pk").select_for_update(of=("self",)).values_list("pk"))
        return update(chunk)


def stuck(now: datetime) -> int:
    """Deliveries whose lease ended so long ago that updating them must have failed repeatedly.

    One that a webhook settled before its call was recorded keeps a lease that means nothing.
    """
    rows = Delivery.objects.filter(state__in=IN_HAND, lease_until__lt=now - STUCK_AFTER)
    return rows.count()
