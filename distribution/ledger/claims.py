"""A claim: deliveries of one batch that one caller may send until its lease ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from distribution.ledger.attempts.ids import AttemptKey
from distribution.models import Delivery, Distribution
from distribution.models.deliveries import DeliveryQuerySet

# The columns that a sender needs; reading whole rows doubles the cost of a claim.
CLAIM_COLUMNS = (
    "phone",
    "attempt_no",
    "tries_charged",
    "subscriber__status",
    "subscriber__name",
    "subscriber__tier",
    "subscriber__language",
    "subscriber__attributes",
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Deliveries of one batch, given to one caller under one token."""

    token: int
    deliveries: list[Delivery]  # with their subscribers

    def attempt(self, delivery: Delivery) -> AttemptKey:
        """The attempt that begins when this delivery is marked in flight."""
        return AttemptKey(delivery.pk, delivery.attempt_no + 1, self.token)


@dataclass(frozen=True, slots=True)
class SentAs:
    """The rung that messages were made for, and the template of those which do not have the
    distribution's own, by delivery."""

    rung_id: int = 0  # 0: the ladder's first, which a distribution does not name
    place: int = 0
    templates: Mapping[int, int] = field(default_factory=dict)


PLANNED = SentAs()


def claimable(distribution_id: int, batch_no: int, now: datetime) -> DeliveryQuerySet:
    """Lock the due deliveries of a batch, with their subscribers, if it may send now."""
    due = Delivery.objects.due(now).filter(
        distribution_id=distribution_id,
        batch_no=batch_no,
        distribution__in=Distribution.objects.sending().filter(window_end__gt=now),
    )
    # PostgreSQL skips rows that are being claimed; SQLite's transaction is the only writer.
    return (
        due.select_related("subscriber")
        .only(*CLAIM_COLUMNS)
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)
    )
