"""The unknown outcome: a call may have been accepted and its answer lost.

WhatsApp's servers report `sent` within seconds whether or not the phone is on. Silence about
one message, while its neighbours were reported and everything reported has been read, is strong
evidence that it was never accepted, if our receiver was there to hear. Every gate must say so;
else the row waits for a report, and at the window's end for a human.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cache

from django.conf import settings
from django.db.models import Count, Q

from distribution.ledger import deliveries
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
from phonepool.errors import SERVER_FAULT, UNSURE_CODES
from subscribers.models import Status

FRESHEST_FEED = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)
NEIGHBOURHOOD = timedelta(minutes=2)
UNDER_WAY = timedelta(seconds=5)  # clocks differ, and a process that starts does not answer at once
NEAREST = 10  # on either side
LEAST_NEIGHBOURS = 10
LEAST_REPORTED = 0.95
NEVER_ANSWERED = "never_answered"
NEVER_RELEASED = "never_released"


def judge(distribution: Distribution, *, now: datetime) -> tuple[int, int]:
    """Decide what can be decided; (sent again, left unconfirmed)."""
    doubtful = Delivery.objects.filter(distribution=distribution, state=State.UNKNOWN)
    if distribution.window_end is None or now >= distribution.window_end:
        return 0, _give_up(distribution, doubtful, now)
    if not doubtful.exists():
        return 0, 0
    gates = _common_gates(distribution, now)
    if not all(gate.open for gate in gates.values()):
        return 0, 0
    feed = StatusFeed.current()
    through = _listened_through(feed, now)
    ripe = doubtful.filter(_silent_for_long(through)).filter(
        ambiguous_no=0, subscriber__status=Status.ACTIVE
    )
    seen = {name: gate.seen for name, gate in gates.items()} | _receiver(feed)
    neighbourhood = Neighbourhood(distribution.pk)
    evidence = {
        row.pk: {**seen, **heard, "unknown_at": india_time.iso(row.unknown_at)}
        for row in ripe
        if _reports_could_come(row, feed, through) and (heard := neighbourhood.evidence(row))
    }
    return deliveries.retry_unknown(list(evidence), next_at=now, now=now, evidence=evidence), 0


def _silent_for_long(through: datetime) -> Q:
    """Those about whom silence has lasted long enough. It need not last as long where Meta did
    answer, with its own "unknown error": acceptance is unlikely then."""
    window = settings.RECONCILE_WINDOW_SECONDS
    shorter = min(window, settings.RECONCILE_UNSURE_SECONDS)
    answered = Q(reason=SERVER_FAULT.slug, failed_code__in=UNSURE_CODES)
    return Q(unknown_at__lte=through - timedelta(seconds=window)) | (
        answered & Q(unknown_at__lte=through - timedelta(seconds=shorter))
    )


def _listened_through(feed: StatusFeed, now: datetime) -> datetime:
    """Silence lasts as far as somebody received and we have read, not until now: with a short
    window a report may still lie in the inbox, or before a door that is shut."""
    return min(feed.applied_through or now, feed.receiver_seen_at or now, now)


def _give_up(distribution: Distribution, doubtful: DeliveryQuerySet, now: datetime) -> int:
    """The window is over: whoever is still in doubt is left to a human."""
    held = Delivery.objects.filter(distribution=distribution, state=State.HELD)
    left = 0
    for rows, reason in ((doubtful, NEVER_ANSWERED), (held, NEVER_RELEASED)):
        if pks := list(rows.values_list("pk", flat=True)[:5000]):
            seen = {name: gate.seen for name, gate in _common_gates(distribution, now).items()}
            seen |= _receiver(StatusFeed.current())
            left += deliveries.leave_unconfirmed(pks, reason, now=now, evidence=seen)
    return left


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition of a second send, and what was seen of it."""

    open: bool
    seen: object


def _common_gates(distribution: Distribution, now: datetime) -> dict[str, Gate]:
    """The gates that are alike for the whole distribution."""
    through = StatusFeed.current().applied_through
    held = Delivery.objects.filter(distribution=distribution, state=State.HELD).count()
    policy = settings.AMBIGUOUS_POLICY
    return {
        "policy": Gate(policy == "reconcile", policy),
        "distribution": Gate(
            distribution.state == DistributionState.SENDING, str(distribution.state)
        ),
        # Something unread could hold the answer; word from the future is a clock set back.
        "reports_read_through": Gate(
            through is not None and abs(now - through) <= FRESHEST_FEED,
            through and through.isoformat(),
        ),
        # Held messages emit nothing, so silence would prove nothing.
        "held_messages": Gate(held == 0, held),
    }


def _receiver(feed: StatusFeed) -> dict[str, object]:
    """What is known of our receiver, for the evidence."""
    told = {
        "seen_at": india_time.iso(feed.receiver_seen_at),
        "away_at": india_time.iso(feed.receiver_away_at),
    }
    return {"receiver": told}


def _reports_could_come(row: Delivery, feed: StatusFeed, through: datetime) -> bool:
    """Whether a report about it would be here by now, as far as our own house goes."""
    assert row.inflight_at is not None  # a row in doubt was in flight
    if feed.dead_letter_at is not None and feed.dead_letter_at >= row.inflight_at:
        return False  # what could not be read could have been about this one
    away_at = feed.receiver_away_at
    if away_at is None or away_at + UNDER_WAY < row.inflight_at:
        return True
    # Meta may have come in vain, and comes again the more rarely the longer we were away.
    return through - away_at >= timedelta(seconds=settings.RECEIVER_PATIENCE_SECONDS)


@dataclass(frozen=True, slots=True)
class Heard:
    """How many neighbours there are, and how many of them WhatsApp spoke of."""

    among: str  # the same number's or the whole distribution's
    total: int
    reported: int

    @property
    def is_evidence(self) -> bool:
        return self.total >= LEAST_NEIGHBOURS and self.reported >= LEAST_REPORTED * self.total


class Neighbourhood:
    """What was heard of a distribution's accepted messages; each question is asked once."""

    def __init__(self, distribution_id: int) -> None:
        self.everybody = Delivery.objects.filter(
            distribution_id=distribution_id, accepted_at__isnull=False
        ).exclude(state=State.UNKNOWN)
        self._around = cache(self._hear_around)
        self._nearest = cache(self._hear_nearest)

    def evidence(self, row: Delivery) -> dict[str, object]:
        """What proves that this one should have been heard of, too; empty if nothing does."""
        assert row.inflight_at is not None
        # By the minute: a dead worker leaves many rows that ask the same question.
        around = self._around(row.number_id, row.inflight_at.replace(second=0, microsecond=0))
        if not around.is_evidence:
            return {}
        # Minutes are too coarse for a report that was lost in seconds.
        nearest = self._nearest(row.number_id, row.inflight_at)
        if nearest.total >= LEAST_NEIGHBOURS and not nearest.is_evidence:
            return {}
        return {"neighbours": asdict(around), "nearest": asdict(nearest)}

    def _hear_around(self, number_id: int | None, minute: datetime) -> Heard:
        span = (minute - NEIGHBOURHOOD, minute + MINUTE + NEIGHBOURHOOD)
        same = self.everybody.filter(number_id=number_id, accepted_at__range=span)
        near = _heard("number", same)
        return near if near.total >= LEAST_NEIGHBOURS else _heard("distribution", self.everybody)

    def _hear_nearest(self, number_id: int | None, moment: datetime) -> Heard:
        mine = self.everybody.filter(number_id=number_id)
        near = _heard("nearest of the number", _nearest(mine, moment))
        if near.total >= LEAST_NEIGHBOURS:
            return near
        return _heard("nearest of the distribution", _nearest(self.everybody, moment))


def _nearest(rows: DeliveryQuerySet, moment: datetime) -> DeliveryQuerySet:
    before = rows.filter(accepted_at__lte=moment).order_by("-accepted_at", "-pk")
    after = rows.filter(accepted_at__gt=moment).order_by("accepted_at", "pk")
    pks = [pk for side in (before, after) for pk in side.values_list("pk", flat=True)[:NEAREST]]
    return Delivery.objects.filter(pk__in=pks)


def _heard(among: str, neighbours: DeliveryQuerySet) -> Heard:
    reported = Q(progress__gte=Progress.SENT) | Q(failed_at__isnull=False)
    counts = neighbours.aggregate(total=Count("pk"), reported=Count("pk", filter=reported))
    return Heard(among, counts["total"], counts["reported"])
