"""Figures of a distribution whose deliveries were removed: from what was counted of them."""

from __future__ import annotations

from collections import Counter

from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from distribution.models import Distribution, Progress, State
from distribution.models.rollups import Outcome, Rollup

STATE_OF_OUTCOME = {
    Outcome.ACCEPTED: State.ACCEPTED,
    Outcome.FAILED: State.FAILED,
    Outcome.SKIPPED: State.SKIPPED,
    Outcome.UNCONFIRMED: State.UNCONFIRMED,
    Outcome.WAITING: State.PENDING,
}


Group = tuple[str, str, int | None, int]  # state, reason, number, progress


def by_state(distribution: Distribution) -> list[tuple[str, str, int]]:
    """State, reason and count."""
    counted = Counter[tuple[str, str]]()
    for (state, reason, _, _), count in groups(distribution).items():
        counted[state, reason] += count
    return [(*kind, count) for kind, count in counted.items()]


def groups(distribution: Distribution) -> Counter[Group]:
    """How many of each. Whether a message was in time was not counted; the stored service level
    says it of all."""
    counted = Counter[Group]()
    for row in Rollup.objects.filter(distribution=distribution).order_by("pk"):
        state = STATE_OF_OUTCOME[Outcome(row.outcome)]
        kind = (str(state), row.reason, row.number_id)
        counted[*kind, Progress.READ] += row.read
        counted[*kind, Progress.DELIVERED] += row.delivered - row.read
        counted[*kind, Progress.NONE] += row.count - row.delivered
    return +counted


def by_tier(distribution: Distribution) -> list[tuple[str, int, int, int, int, int, int, int]]:
    """Tier, all, delivered, accepted and not delivered, waiting, failed, skipped, unconfirmed."""

    def of(outcome: Outcome) -> Coalesce:
        return Coalesce(Sum("count", filter=Q(outcome=outcome)), 0)

    rows = Rollup.objects.filter(distribution=distribution).order_by("tier").values_list("tier")
    counted = rows.annotate(
        total=Sum("count"),
        arrived=Coalesce(Sum("delivered", filter=Q(outcome=Outcome.ACCEPTED)), 0),
        accepted=of(Outcome.ACCEPTED) - F("arrived"),
        waiting=of(Outcome.WAITING),
        failed=of(Outcome.FAILED),
        skipped=of(Outcome.SKIPPED),
        unconfirmed=of(Outcome.UNCONFIRMED),
    )
    return list(counted)
