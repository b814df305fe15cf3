"""A claim: deliveries of one batch that one caller may send until its lease ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from distribution.ledger.attempts.ids import AttemptKey
from distribution.models import Delivery, Distribution
from distribution.runtime.binary_cursor import binary_cursor
from subscribers.models import Status


class ClaimedDelivery(NamedTuple):
    """What a sender needs of a delivery and its recipient: records cost several times as much."""

    pk: int
    subscriber_id: int
    phone: str
    attempt_no: int
    tries_charged: int
    name: str
    tier: str
    attributes: dict[str, Any]
    status: str = Status.ACTIVE  # of the recipient


COLUMNS = (
    *("pk", "subscriber_id", "phone", "attempt_no", "tries_charged"),
    *("subscriber__name", "subscriber__tier", "subscriber__attributes", "subscriber__status"),
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Deliveries of one batch, given to one caller under one token."""

    token: int
    deliveries: list[ClaimedDelivery]
    distribution_id: int | None = None  # without it, every partition is looked at

    @property
    def distributions(self) -> tuple[int, ...]:
        return () if self.distribution_id is None else (self.distribution_id,)

    def attempt(self, delivery: ClaimedDelivery) -> AttemptKey:
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


def claimable(
    distribution_id: int, batch_no: int, *, limit: int, now: datetime
) -> list[ClaimedDelivery]:
    """The due deliveries of a batch, if it may send now. For SQLite, whose transaction is the lock:
    on PostgreSQL `statements.claim` reads, locks and claims at once."""
    due = Delivery.objects.due(now).filter(
        distribution_id=distribution_id,
        batch_no=batch_no,
        distribution__in=Distribution.objects.sending().filter(window_end__gt=now),
    )
    rows = due.order_by("pk").values_list(*COLUMNS)[:limit]
    return [ClaimedDelivery._make(row) for row in rows]


def claimed_by(statement: str, given: Mapping[str, Any]) -> list[ClaimedDelivery]:
    """The rows that PostgreSQL's statement took, those of people who have left among them."""
    with binary_cursor() as cursor:
        cursor.execute(statement, given)
        return sorted(map(ClaimedDelivery._make, cursor.fetchall()), key=lambda row: row.pk)
