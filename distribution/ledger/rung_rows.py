"""Deliveries that were tried on a rung of the ladder which their distribution has left."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from distribution.ledger import doubts
from distribution.ledger.chunks import update_in_chunks
from distribution.ledger.reasons import DeliveryReason
from distribution.models import Delivery, State
from distribution.models.deliveries import CLAIMABLE


def hasten(distribution_id: int, place: int, reasons: Collection[str], *, now: datetime) -> int:
    """Whom Meta refused for their template waits no longer: the next rung has another."""
    refused = Delivery.objects.filter(
        distribution_id=distribution_id,
        state=State.RETRY_WAIT,
        rung__lt=place,
        reason__in=reasons,
        next_at__gt=now,
        ambiguous_no=0,
    )
    return update_in_chunks(refused, lambda rows: rows.update(next_at=now))


def leave_in_doubt(distribution_id: int, place: int, *, now: datetime) -> int:
    """Who waits for another try after a call without an answer may have a message already, so only
    a report or a person settles it."""
    waiting = Delivery.objects.filter(
        distribution_id=distribution_id,
        state__in=[*CLAIMABLE, State.CLAIMED],
        rung__lt=place,
        ambiguous_no__gt=0,
    )
    pks = list(waiting.values_list("pk", flat=True))
    return doubts.mark_unknown(
        pks, DeliveryReason.NO_ANSWER, distribution_id=distribution_id, now=now
    )
