"""The unknown outcome: a call may have been accepted and its answer lost.

WhatsApp's servers report `sent` within seconds whether or not the phone is on. Silence about
one message, while its neighbours were reported and everything reported has been read, is strong
evidence that it was never accepted. Every gate must say so; else the row waits for a report,
and at the window's end for a human.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache, partial

from django.conf import settings
from django.db.models import Q

from distribution import state
from distribution.models import (
    Delivery,
    Distribution,
    DistributionState,
    Progress,
    State,
    StatusFeed,
)
from distribution.models.deliveries import DeliveryQuerySet
from subscribers.models import Status

FRESHEST_FEED = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)
NEIGHBOURHOOD = timedelta(minutes=2)
LEAST_NEIGHBOURS = 10
LEAST_REPORTED = 0.95
NEVER_ANSWERED = "never_answered"
NEVER_RELEASED = "never_released"


def judge(distribution: Distribution, *, now: datetime) -> tuple[int, int]:
    """Decide what can be decided; (sent again, left unconfirmed)."""
    doubtful = Delivery.objects.filter(distribution=distribution, state=State.UNKNOWN)
    if distribution.window_end is None or now >= distribution.window_end:
        held = Delivery.objects.filter(distribution=distribution, state=State.HELD)
        left = state.leave_unconfirmed(_pks(doubtful), NEVER_ANSWERED)
        return 0, left + state.leave_unconfirmed(_pks(held), NEVER_RELEASED)
    if not _may_resend(distribution, now):
        return 0, 0
    ripe = doubtful.filter(
        unknown_at__lte=now - timedelta(seconds=settings.RECONCILE_WINDOW_SECONDS),
        ambiguous_no=0,
        subscriber__status=Status.ACTIVE,
    )
    feed = StatusFeed.current()
    spoke = cache(partial(_neighbours_spoke, distribution.pk))
    silent = [row.pk for row in ripe if _silence_is_evidence(row, feed, spoke)]
    return state.retry_unknown(silent, next_at=now, now=now), 0


def _pks(rows: DeliveryQuerySet) -> list[int]:
    return list(rows.values_list("pk", flat=True)[:5000])


def _may_resend(distribution: Distribution, now: datetime) -> bool:
    """The gates that are alike for the whole distribution."""
    if settings.AMBIGUOUS_POLICY != "reconcile":
        return False
    if distribution.state != DistributionState.SENDING:
        return False
    feed = StatusFeed.current()
    if feed.applied_through is None or feed.applied_through < now - FRESHEST_FEED:
        return False  # something unread could hold the answer
    # Held messages emit nothing, so silence would prove nothing.
    return not Delivery.objects.filter(distribution=distribution, state=State.HELD).exists()


def _silence_is_evidence(
    row: Delivery, feed: StatusFeed, spoke: Callable[[int | None, datetime], bool]
) -> bool:
    """Whether its neighbours were reported while this one was not."""
    assert row.inflight_at is not None  # a row in doubt was in flight
    if feed.dead_letter_at is not None and feed.dead_letter_at >= row.inflight_at:
        return False  # what could not be read could have been about this one
    # By the minute: a dead worker leaves many rows that ask the same question.
    return spoke(row.number_id, row.inflight_at.replace(second=0, microsecond=0))


def _neighbours_spoke(distribution_id: int, number_id: int | None, minute: datetime) -> bool:
    everybody = Delivery.objects.filter(
        distribution_id=distribution_id, accepted_at__isnull=False
    ).exclude(state=State.UNKNOWN)
    span = (minute - NEIGHBOURHOOD, minute + MINUTE + NEIGHBOURHOOD)
    near = everybody.filter(number_id=number_id, accepted_at__range=span)
    return _spoken_for(near) or (near.count() < LEAST_NEIGHBOURS and _spoken_for(everybody))


def _spoken_for(neighbours: DeliveryQuerySet) -> bool:
    total = neighbours.count()
    if total < LEAST_NEIGHBOURS:
        return False
    reported = neighbours.filter(Q(progress__gte=Progress.SENT) | Q(failed_at__isnull=False))
    return reported.count() >= LEAST_REPORTED * total
