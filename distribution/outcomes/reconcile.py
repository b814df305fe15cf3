"""Resolve unknown outcomes: a call may have been accepted and its answer lost.

WhatsApp's servers report `sent` within seconds whether or not the phone is on. If one message has
no report while its neighbours have theirs, everything received has been applied and our receiver
was up, it was very probably never accepted. All gates must agree before it is sent again, and never
on another rung of the ladder; else the delivery waits for a report, and at the window's end for a
person.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cache, partial

from django.conf import settings
from django.db.models import Count, Q

from distribution.ledger import doubts
from distribution.ledger.partitions import keys
from distribution.ledger.reasons import DeliveryReason
from distribution.models import (
    Delivery,
    Distribution,
    DistributionState,
    Progress,
    State,
    StatusFeed,
)
from distribution.models.deliveries import DeliveryQuerySet
from distribution.runtime import india_time
from distribution.runtime.halving import apply_in_halves
from phonepool.errors import SERVER_FAULT, UNSURE_CODES
from subscribers.models import Status

MAX_FEED_AGE = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)
NEIGHBOUR_INTERVAL = timedelta(minutes=2)
RECEIVER_START_TOLERANCE = timedelta(seconds=5)  # clocks differ; a new process needs a moment
NEAREST_PER_SIDE = 10  # neighbours before and after
MIN_NEIGHBOURS = 10
MIN_REPORTED_SHARE = 0.95
UNCONFIRMED_PER_RUN = 5000


def resolve_unknown(distribution: Distribution, *, now: datetime) -> tuple[int, int]:
    """Decide what the evidence allows; how many are (sent again, left unconfirmed)."""
    unknown = Delivery.objects.filter(distribution=distribution, state=State.UNKNOWN)
    if distribution.window_end is None or now >= distribution.window_end:
        return 0, _leave_unconfirmed(distribution, unknown, now)
    if not unknown.exists():
        return 0, 0
    gates = _common_gates(distribution, now)
    if not all(gate.open for gate in gates.values()):
        return 0, 0
    feed = StatusFeed.current()
    through = _reports_complete_until(feed, now)
    ripe = unknown.filter(_without_report_long_enough(through)).filter(
        ambiguous_no=0, subscriber__status=Status.ACTIVE, rung=distribution.place
    )
    seen = {name: gate.seen for name, gate in gates.items()} | _receiver_evidence(feed)
    neighbours = NeighbourEvidence(distribution.pk)
    evidence = {
        row.pk: {**seen, **reported, "unknown_at": india_time.iso(row.unknown_at)}
        for row in ripe
        if _report_would_be_here(row, feed, through) and (reported := neighbours.evidence(row))
    }
    retry = partial(
        doubts.retry_unknown,
        distribution_id=distribution.pk,
        next_at=now,
        now=now,
        evidence=evidence,
    )
    return sum(apply_in_halves(list(evidence), retry).done), 0


def _without_report_long_enough(through: datetime) -> Q:
    """Deliveries without a report for long enough. A shorter time suffices if Meta did answer,
    with its own "unknown error": acceptance is unlikely then."""
    window = settings.RECONCILE_WINDOW_SECONDS
    shorter = min(window, settings.RECONCILE_UNSURE_SECONDS)
    answered = Q(reason=SERVER_FAULT.slug, failed_code__in=UNSURE_CODES)
    return Q(unknown_at__lte=through - timedelta(seconds=window)) | (
        answered & Q(unknown_at__lte=through - timedelta(seconds=shorter))
    )


def _reports_complete_until(feed: StatusFeed, now: datetime) -> datetime:
    """Until when the absence of a report means something: not until now, but as far as webhooks
    were received and applied. A later report may be in the inbox, or not delivered to us yet."""
    return min(feed.applied_through or now, feed.receiver_seen_at or now, now)


def _leave_unconfirmed(distribution: Distribution, unknown: DeliveryQuerySet, now: datetime) -> int:
    """The window is over: what is still unknown is left to a person."""
    held = Delivery.objects.filter(distribution=distribution, state=State.HELD)
    left = 0
    for rows, reason in (
        (unknown, DeliveryReason.NEVER_ANSWERED),
        (held, DeliveryReason.NEVER_RELEASED),
    ):
        if pks := list(rows.values_list("pk", flat=True)[:UNCONFIRMED_PER_RUN]):
            seen = {name: gate.seen for name, gate in _common_gates(distribution, now).items()}
            seen |= _receiver_evidence(StatusFeed.current())
            leave = partial(
                doubts.leave_unconfirmed,
                reason=reason,
                distribution_id=distribution.pk,
                now=now,
                evidence=seen,
            )
            left += sum(apply_in_halves(pks, leave).done)
    return left


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition of a second send, and the value that decided it."""

    open: bool
    seen: object


def _common_gates(distribution: Distribution, now: datetime) -> dict[str, Gate]:
    """The gates that are the same for the whole distribution."""
    through = StatusFeed.current().applied_through
    held = Delivery.objects.filter(distribution=distribution, state=State.HELD).count()
    policy = settings.AMBIGUOUS_POLICY
    return {
        "policy": Gate(policy == "reconcile", policy),
        "distribution": Gate(
            distribution.state == DistributionState.SENDING, str(distribution.state)
        ),
        # A report not applied yet could be the answer. A time in the future: a clock set back.
        "reports_read_through": Gate(
            through is not None and abs(now - through) <= MAX_FEED_AGE,
            through and through.isoformat(),
        ),
        # No report is sent for held messages, so its absence would prove nothing.
        "held_messages": Gate(held == 0, held),
    }


def _receiver_evidence(feed: StatusFeed) -> dict[str, object]:
    """When our receiver was up and away, for the stored evidence."""
    times = {
        "seen_at": india_time.iso(feed.receiver_seen_at),
        "away_at": india_time.iso(feed.receiver_away_at),
    }
    return {"receiver": times}


def _report_would_be_here(row: Delivery, feed: StatusFeed, through: datetime) -> bool:
    """Whether nothing on our side can have kept a report of this delivery from us."""
    assert row.inflight_at is not None  # an unknown one was in flight
    if feed.dead_letter_at is not None and feed.dead_letter_at >= row.inflight_at:
        return False  # the dead letter could have been its report
    away_at = feed.receiver_away_at
    if away_at is None or away_at + RECEIVER_START_TOLERANCE < row.inflight_at:
        return True
    # Meta may have failed to deliver it, and repeats more rarely the longer we were away.
    return through - away_at >= timedelta(seconds=settings.RECEIVER_PATIENCE_SECONDS)


@dataclass(frozen=True, slots=True)
class NeighbourReports:
    """How many accepted neighbours there are, and how many of them WhatsApp reported."""

    among: str  # the same phone number's, or the whole distribution's
    total: int
    reported: int

    @property
    def is_evidence(self) -> bool:
        return self.total >= MIN_NEIGHBOURS and self.reported >= MIN_REPORTED_SHARE * self.total


class NeighbourEvidence:
    """Reports of a distribution's accepted messages; each query runs once."""

    def __init__(self, distribution_id: int) -> None:
        self._distribution_id = distribution_id
        self._accepted = Delivery.objects.filter(
            distribution_id=distribution_id, accepted_at__isnull=False
        ).exclude(state=State.UNKNOWN)
        self._around = cache(self._count_around)
        self._nearest = cache(self._count_nearest)

    def evidence(self, row: Delivery) -> dict[str, object]:
        """The counts that show that this one should have a report, too; empty if they do not."""
        assert row.inflight_at is not None
        # By the minute: a dead worker leaves many rows with the same query.
        around = self._around(row.number_id, row.inflight_at.replace(second=0, microsecond=0))
        if not around.is_evidence:
            return {}
        # Minutes are too coarse for reports that were lost within seconds.
        nearest = self._nearest(row.number_id, row.inflight_at)
        if nearest.total >= MIN_NEIGHBOURS and not nearest.is_evidence:
            return {}
        return {"neighbours": asdict(around), "nearest": asdict(nearest)}

    def _count_around(self, number_id: int | None, minute: datetime) -> NeighbourReports:
        span = (minute - NEIGHBOUR_INTERVAL, minute + MINUTE + NEIGHBOUR_INTERVAL)
        same_number = self._accepted.filter(number_id=number_id, accepted_at__range=span)
        neighbours = _count_reported("number", same_number)
        if neighbours.total >= MIN_NEIGHBOURS:
            return neighbours
        return _count_reported("distribution", self._accepted)

    def _count_nearest(self, number_id: int | None, moment: datetime) -> NeighbourReports:
        same_number = self._accepted.filter(number_id=number_id)
        neighbours = _count_reported("nearest of the number", self._nearest_of(same_number, moment))
        if neighbours.total >= MIN_NEIGHBOURS:
            return neighbours
        return _count_reported(
            "nearest of the distribution", self._nearest_of(self._accepted, moment)
        )

    def _nearest_of(self, rows: DeliveryQuerySet, moment: datetime) -> DeliveryQuerySet:
        return keys.rows(_nearest(rows, moment), self._distribution_id)


def _nearest(rows: DeliveryQuerySet, moment: datetime) -> list[int]:
    before = rows.filter(accepted_at__lte=moment).order_by("-accepted_at", "-pk")
    after = rows.filter(accepted_at__gt=moment).order_by("accepted_at", "pk")
    return [
        pk
        for side in (before, after)
        for pk in side.values_list("pk", flat=True)[:NEAREST_PER_SIDE]
    ]


def _count_reported(among: str, neighbours: DeliveryQuerySet) -> NeighbourReports:
    reported = Q(progress__gte=Progress.SENT) | Q(failed_at__isnull=False)
    counts = neighbours.aggregate(total=Count("pk"), reported=Count("pk", filter=reported))
    return NeighbourReports(among, counts["total"], counts["reported"])
