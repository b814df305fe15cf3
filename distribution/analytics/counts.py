"""Read-only aggregates of one distribution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median_high
from typing import Any

from django.db.models import Count, F, Max, Min, Q
from django.db.models.functions import TruncSecond

from distribution.analytics import removed
from distribution.analytics.grouped_counts import DeliveryGroup, people_to_come
from distribution.ledger.reasons import NOT_OWED
from distribution.models import (
    Certainty,
    Delivery,
    Distribution,
    Duplicate,
    Progress,
    Ruling,
    State,
    Verdict,
)
from distribution.models.deliveries import CLAIMABLE, IN_HAND, UNSETTLED
from subscribers.models import TIER_ORDER

TIER_RANKS = {str(tier): rank for rank, tier in enumerate(TIER_ORDER)}


@dataclass(frozen=True, slots=True)
class Tally:
    """The states and reasons of a distribution's deliveries; the states sum to recipients."""

    states: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, Counter[str]] = field(default_factory=dict)  # by state

    def count(self, *states: State) -> int:
        return sum(self.states.get(state, 0) for state in states)

    @property
    def recipients(self) -> int:
        return sum(self.states.values())

    @property
    def owed(self) -> int:
        skipped = self.reasons.get(State.SKIPPED, Counter())
        return self.recipients - sum(skipped[reason] for reason in NOT_OWED)

    @property
    def unsettled(self) -> int:
        return self.count(*UNSETTLED)


@dataclass(frozen=True, slots=True)
class Reach:
    """How many were accepted, delivered and read, in all and by the SLA's deadline."""

    accepted: int
    delivered: int
    read: int
    accepted_in_time: int
    delivered_in_time: int
    awaited: int  # accepted, neither delivered nor failed yet
    first_accepted_at: datetime | None
    last_accepted_at: datetime | None
    first_inflight_at: datetime | None


def tally(distribution: Distribution) -> Tally:
    """States and reasons, by one query. Who is not frozen yet is waiting, too."""
    if distribution.deliveries_removed_at is not None:
        return _tally(removed.by_state(distribution))
    rows = Delivery.objects.filter(distribution=distribution).order_by()
    counted = list(rows.values_list("state", "reason").annotate(Count("pk")))
    to_come = people_to_come(distribution, sum(count for *_, count in counted))
    return _tally([*counted, (State.PENDING, "", to_come)] if to_come else counted)


def reach(distribution: Distribution) -> Reach:
    """Accepted, delivered and read, by one query."""
    deadline = (
        distribution.sla_deadline or distribution.planned_at
    )  # unopened: it has no deliveries
    accepted = Q(state__in=[State.ACCEPTED, State.HELD])
    delivered = accepted & Q(progress__gte=Progress.DELIVERED)
    return Reach(
        **Delivery.objects.filter(distribution=distribution).aggregate(
            accepted=Count("pk", filter=accepted),
            delivered=Count("pk", filter=delivered),
            read=Count("pk", filter=accepted & Q(progress=Progress.READ)),
            accepted_in_time=Count("pk", filter=accepted & Q(accepted_at__lte=deadline)),
            delivered_in_time=Count("pk", filter=delivered & Q(delivered_at__lte=deadline)),
            awaited=Count("pk", filter=accepted & Q(progress__lt=Progress.DELIVERED)),
            first_accepted_at=Min("accepted_at"),
            last_accepted_at=Max("accepted_at"),
            first_inflight_at=Min("inflight_at"),
        )
    )


def has_unsettled(distribution: Distribution) -> bool:
    """Whether any delivery may still change without a person's action, by its stored state. Each
    query reads one row of a small index, which settled deliveries are not part of."""
    rows = Delivery.objects.filter(distribution=distribution).values_list("pk")
    first_of = {
        CLAIMABLE: ("batch_no", "next_at"),
        IN_HAND: ("lease_until",),
        (State.UNKNOWN,): ("unknown_at",),
        (State.HELD,): ("state", "reason"),
    }
    return any(
        rows.filter(state__in=states).order_by(*order)[:1] for states, order in first_of.items()
    )


def has_awaited(distribution: Distribution) -> bool:
    """Whether any message was accepted and is neither delivered nor failed, as the rows say."""
    accepted = Delivery.objects.filter(
        distribution=distribution, state__in=[State.ACCEPTED, State.HELD]
    )
    return accepted.filter(progress__lt=Progress.DELIVERED).exists()


def resend_counts(distribution_id: int) -> dict[str, int]:
    """How often an unknown outcome was sent again: by the rules, and by a person."""
    rulings = Verdict.objects.filter(delivery__distribution=distribution_id).order_by()
    counts = dict(rulings.values_list("ruling").annotate(Count("pk")))
    return {
        "by_rule": counts.get(Ruling.SEND_AGAIN, 0),
        "by_hand": counts.get(Ruling.HUMAN_SEND_AGAIN, 0),
    }


def recent_rate(distribution: Distribution, *, now: datetime, seconds: float = 10) -> float:
    """Messages accepted per second during the last `seconds`."""
    since = now - timedelta(seconds=seconds)
    rows = Delivery.objects.filter(distribution=distribution, accepted_at__gt=since)
    return rows.count() / seconds


def accepted_per_second(
    distribution: Distribution, seconds: int, *, now: datetime
) -> tuple[list[int], float]:
    """Messages accepted in each of the last whole seconds, the latest last, and how many seconds a
    slow answer among them took: half of those seconds had none slower. One query.

    Not the slowest of all: one answer in thousands takes half a minute.
    """
    end = now.replace(microsecond=0)
    rows = Delivery.objects.filter(
        distribution=distribution,
        accepted_at__gte=end - timedelta(seconds=seconds),
        accepted_at__lt=end,
    ).order_by()
    seconds_of_it = rows.annotate(second=TruncSecond("accepted_at")).values_list("second")
    counted, slowest = [0] * seconds, [timedelta(0)]
    answered_after = Max(F("accepted_at") - F("inflight_at"))
    for second, count, answer in seconds_of_it.annotate(Count("pk"), answered_after=answered_after):
        counted[-round((end - second).total_seconds())] = count
        slowest.append(answer or timedelta(0))
    return counted, median_high(slowest).total_seconds()


def due(distribution: Distribution, *, now: datetime) -> tuple[int, float]:
    """How many deliveries can be sent now: waiting, and not for a later time; and for how many
    seconds the first of them has waited."""
    rows = Delivery.objects.filter(distribution=distribution).due(now)
    found = rows.aggregate(people=Count("pk"), oldest=Min("next_at"))
    return found["people"], (now - (found["oldest"] or now)).total_seconds()


def oldest_in_hand(distribution: Distribution, *, now: datetime) -> float:
    """For how many seconds the first of those that a process is sending has been due."""
    rows = Delivery.objects.filter(distribution=distribution, state__in=IN_HAND)
    oldest = rows.aggregate(oldest=Min("next_at"))["oldest"] or now
    return float((now - oldest).total_seconds())


def tally_of(groups: Iterable[DeliveryGroup]) -> Tally:
    """The states and reasons of counted groups."""
    return _tally((group.state, group.reason, group.count) for group in groups)


def _tally(rows: Iterable[tuple[str, str, int]]) -> Tally:
    """The sum of rows (state, reason, count)."""
    states: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {}
    for state, reason, count in rows:
        states[state] += count
        if reason:
            reasons.setdefault(state, Counter())[reason] += count
    return Tally(dict(states), reasons)


def reach_of(groups: Iterable[DeliveryGroup]) -> Reach:
    """Accepted, delivered and read of counted groups; they hold no first and last times."""
    accepted = [group for group in groups if group.is_accepted]
    delivered = [group for group in accepted if group.is_delivered]
    return Reach(
        accepted=_sum(accepted),
        delivered=_sum(delivered),
        read=_sum(group for group in delivered if group.progress == Progress.READ),
        accepted_in_time=sum(group.accepted_in_time for group in accepted),
        delivered_in_time=sum(group.delivered_in_time for group in delivered),
        awaited=_sum(accepted) - _sum(delivered),
        first_accepted_at=None,
        last_accepted_at=None,
        first_inflight_at=None,
    )


def _sum(groups: Iterable[DeliveryGroup]) -> int:
    return sum(group.count for group in groups)


@dataclass(frozen=True, slots=True)
class AudiencePart:
    """One part of an audience: a tier, or a batch. The columns sum to its total."""

    name: str
    total: int
    delivered: int
    accepted: int  # and not delivered (yet); HELD ones too
    waiting: int
    failed: int
    skipped: int
    unresolved: int  # unknown or unconfirmed


def by_tier(distribution: Distribution) -> list[AudiencePart]:
    """The counts of each tier, first tiers first."""
    if distribution.deliveries_removed_at is not None:
        parts = [AudiencePart(*counts) for counts in removed.by_tier(distribution)]
    else:
        parts = _parts(distribution, "tier")
    return sorted(parts, key=lambda part: TIER_RANKS[part.name])


def by_batch(distribution: Distribution, *, start: int = 0, limit: int = 40) -> list[AudiencePart]:
    """The counts of `limit` batches, from batch number `start` on."""
    return _parts(distribution, "batch_no", batch_no__range=(start, start + limit - 1))


def _parts(distribution: Distribution, column: str, **only: Any) -> list[AudiencePart]:
    accepted = Q(state__in=[State.ACCEPTED, State.HELD])
    delivered = accepted & Q(progress__gte=Progress.DELIVERED)
    waiting = [State.PENDING, State.CLAIMED, State.RETRY_WAIT, State.INFLIGHT]
    rows = Delivery.objects.filter(distribution=distribution, **only).order_by(column)
    parts = rows.values_list(column).annotate(
        total=Count("pk"),
        delivered=Count("pk", filter=delivered),
        accepted=Count("pk", filter=accepted & ~delivered),
        waiting=Count("pk", filter=Q(state__in=waiting)),
        failed=Count("pk", filter=Q(state=State.FAILED)),
        skipped=Count("pk", filter=Q(state=State.SKIPPED)),
        unresolved=Count("pk", filter=Q(state__in=[State.UNKNOWN, State.UNCONFIRMED])),
    )
    return [AudiencePart(str(name), *counts) for name, *counts in parts]


def slowest(distribution: Distribution, limit: int = 10) -> list[Delivery]:
    """The deliveries that arrived last, the slowest first, with subscribers and numbers."""
    rows = Delivery.objects.filter(distribution=distribution, delivered_at__isnull=False)
    return list(rows.select_related("subscriber", "number").order_by("-delivered_at")[:limit])


def duplicate_counts(distribution_id: int) -> dict[str, int]:
    """Confirmed and suspected duplicates of a distribution."""
    rows = Duplicate.objects.filter(delivery__distribution=distribution_id)
    confirmed = rows.filter(certainty=Certainty.CONFIRMED).count()
    return {"confirmed": confirmed, "suspected": rows.count() - confirmed}
