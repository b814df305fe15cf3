"""The unknown outcome: a call may have been accepted and its answer lost.

WhatsApp's servers report `sent` within seconds whether or not the phone is on. Silence about
one message, while its neighbours were reported and everything reported has been read, is strong
evidence that it was never accepted. Every gate must say so; else the row waits for a report,
and at the window's end for a human.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cache, partial

from django.conf import settings
from django.db.models import Count, Q

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
        return 0, _give_up(distribution, doubtful, now)
    if not doubtful.exists():
        return 0, 0
    gates = _common_gates(distribution, now)
    if not all(gate.open for gate in gates.values()):
        return 0, 0
    # Silence lasts as far as we have read, not until now: with a short window a report may still
    # lie in the inbox.
    feed = StatusFeed.current()
    read = feed.applied_through or now
    ripe = doubtful.filter(
        unknown_at__lte=min(read, now) - timedelta(seconds=settings.RECONCILE_WINDOW_SECONDS),
        ambiguous_no=0,
        subscriber__status=Status.ACTIVE,
    )
    common = {name: gate.seen for name, gate in gates.items()}
    hear = cache(partial(_hear_neighbours, distribution.pk))
    dead_letter_at = feed.dead_letter_at
    evidence = {}
    for row in ripe:
        heard = _silence_is_evidence(row, dead_letter_at, hear)
        if heard is not None:
            evidence[row.pk] = {**common, "neighbours": asdict(heard), "unknown_at": _text(row)}
    return state.retry_unknown(list(evidence), next_at=now, now=now, evidence=evidence), 0


def _give_up(distribution: Distribution, doubtful: DeliveryQuerySet, now: datetime) -> int:
    """The window is over: whoever is still in doubt is left to a human."""
    held = Delivery.objects.filter(distribution=distribution, state=State.HELD)
    left = 0
    for rows, reason in ((doubtful, NEVER_ANSWERED), (held, NEVER_RELEASED)):
        if pks := list(rows.values_list("pk", flat=True)[:5000]):
            seen = {name: gate.seen for name, gate in _common_gates(distribution, now).items()}
            left += state.leave_unconfirmed(pks, reason, now=now, evidence=seen)
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


@dataclass(frozen=True, slots=True)
class Heard:
    """How many neighbours there are, and how many of them WhatsApp spoke of."""

    among: str  # the same number's, or the whole distribution's
    total: int
    reported: int

    @property
    def is_evidence(self) -> bool:
        return self.total >= LEAST_NEIGHBOURS and self.reported >= LEAST_REPORTED * self.total


def _silence_is_evidence(
    row: Delivery,
    dead_letter_at: datetime | None,
    hear: Callable[[int | None, datetime], Heard],
) -> Heard | None:
    """What was heard of its neighbours, if it proves that this one should have been, too."""
    assert row.inflight_at is not None  # a row in doubt was in flight
    if dead_letter_at is not None and dead_letter_at >= row.inflight_at:
        return None  # what could not be read could have been about this one
    # By the minute: a dead worker leaves many rows that ask the same question.
    heard = hear(row.number_id, row.inflight_at.replace(second=0, microsecond=0))
    return heard if heard.is_evidence else None


def _hear_neighbours(distribution_id: int, number_id: int | None, minute: datetime) -> Heard:
    everybody = Delivery.objects.filter(
        distribution_id=distribution_id, accepted_at__isnull=False
    ).exclude(state=State.UNKNOWN)
    span = (minute - NEIGHBOURHOOD, minute + MINUTE + NEIGHBOURHOOD)
    near = _heard("number", everybody.filter(number_id=number_id, accepted_at__range=span))
    return near if near.total >= LEAST_NEIGHBOURS else _heard("distribution", everybody)


def _heard(among: str, neighbours: DeliveryQuerySet) -> Heard:
    reported = Q(progress__gte=Progress.SENT) | Q(failed_at__isnull=False)
    counts = neighbours.aggregate(total=Count("pk"), reported=Count("pk", filter=reported))
    return Heard(among, counts["total"], counts["reported"])


def _text(row: Delivery) -> str | None:
    return row.unknown_at.isoformat() if row.unknown_at else None
