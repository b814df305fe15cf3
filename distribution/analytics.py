"""Read-only aggregates of one distribution."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, Q

from distribution.models import Delivery, Distribution, Progress, Ruling, State, Verdict
from distribution.models.deliveries import UNSETTLED

# Skipped for the person's or an operator's sake: nothing was owed any more.
NOT_OWED = ("opted_out", "cancelled")


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
    """States and reasons, by one query."""
    rows = Delivery.objects.filter(distribution=distribution).order_by()
    states: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {}
    for state, reason, count in rows.values_list("state", "reason").annotate(Count("pk")):
        states[state] += count
        if reason:
            reasons.setdefault(state, Counter())[reason] += count
    return Tally(dict(states), reasons)


def reach(distribution: Distribution) -> Reach:
    """Accepted, delivered and read, by one query."""
    deadline = distribution.sla_deadline or distribution.planned_at  # unopened: nobody is in it
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


def sent_again(distribution_id: int) -> dict[str, int]:
    """How often an unknown outcome was sent again: by the rules, and at a human's risk."""
    rulings = Verdict.objects.filter(delivery__distribution=distribution_id).order_by()
    counts = dict(rulings.values_list("ruling").annotate(Count("pk")))
    return {
        "by_rule": counts.get(Ruling.SEND_AGAIN, 0),
        "by_hand": counts.get(Ruling.HUMAN_SEND_AGAIN, 0),
    }


def by_number(distribution: Distribution) -> dict[int, int]:
    """Accepted messages by phone number."""
    rows = Delivery.objects.filter(distribution=distribution, accepted_at__isnull=False).order_by()
    return dict(rows.values_list("number_id").annotate(Count("pk")))


def recent_rate(distribution: Distribution, *, now: datetime, seconds: float = 10) -> float:
    """Messages accepted a second, lately."""
    since = now - timedelta(seconds=seconds)
    rows = Delivery.objects.filter(distribution=distribution, accepted_at__gt=since)
    return rows.count() / seconds
