"""What crashes and lost tasks left behind: lapsed leases, unknown outcomes, overdue batches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from distribution.analytics.shared_counts import Seldom
from distribution.ledger import deliveries, movement
from distribution.ledger.reasons import DeliveryReason
from distribution.lifecycle import rung_change
from distribution.models import Delivery, Distribution, DistributionState, State
from distribution.outcomes import reconcile

# Rows overdue by this much are in no process's hands: their task is lost or its worker died.
OVERDUE = timedelta(seconds=3)
STALLED = timedelta(seconds=10)
BATCHES_LIMIT = 200  # of a distribution in one sweep


# Of a large distribution, looked for after a pause: it looks at all that wait.
_overdue: Seldom[list[int]] = Seldom()


@dataclass(frozen=True, slots=True)
class Sweep:
    """What one sweep found and changed."""

    freed: int  # claims of workers that never came back
    unknown: int  # calls whose outcome was never recorded
    resent: int  # unknown outcomes that every gate called "not accepted"
    unconfirmed: int  # unknown to the end
    overdue: list[tuple[int, int]]  # (distribution, batch) to be published again


def sweep(now: datetime) -> Sweep:
    """End lapsed leases, resolve unknown outcomes, and find due rows that no process handles."""
    freed, unknown = deliveries.expire_leases(now)
    resent = unconfirmed = 0
    overdue: list[tuple[int, int]] = []
    for distribution in Distribution.objects.running().select_related("rung"):
        rung_change.settle(distribution, now=now)
        again, left = reconcile.resolve_unknown(distribution, now=now)
        resent, unconfirmed = resent + again, unconfirmed + left
        if distribution.state == DistributionState.SENDING:
            batches = _overdue.news(distribution, partial(overdue_batches, distribution, now=now))
            overdue += [(distribution.pk, batch_no) for batch_no in batches or ()]
    for distribution in Distribution.objects.lately_ended(now):
        unconfirmed += _settle_leftovers(distribution, now)
    return Sweep(freed, unknown, resent, unconfirmed, overdue)


def _settle_leftovers(distribution: Distribution, now: datetime) -> int:
    """What came back after the end: a claim given up, a refusal, an answer that never came."""
    if distribution.state == DistributionState.CANCELLED:
        deliveries.skip_waiting(distribution.pk, DeliveryReason.CANCELLED)
        return reconcile.resolve_unknown(distribution, now=now)[1]
    deliveries.skip_rest(distribution.pk, distribution.pause_cause)
    return 0


def overdue_batches(distribution: Distribution, *, now: datetime) -> list[int]:
    """Batches with due rows that no published task seems to cover.

    First sends belong to the chord, so they count as overdue only when nothing moved for a
    while; retries and freed claims count as soon as they are OVERDUE.
    """
    rows = Delivery.objects.filter(distribution=distribution)
    overdue = rows.due(now - OVERDUE)
    opened, since = distribution.opened_at, now - STALLED
    if (opened and opened > since) or movement.has_moved(distribution.pk, since=since):
        overdue = overdue.exclude(state=State.PENDING, attempt_no=0, claim_token=None)
    batches = overdue.order_by("batch_no").values_list("batch_no", flat=True).distinct()
    return list(batches[:BATCHES_LIMIT])
