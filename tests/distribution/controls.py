"""A distribution taken through its life at moments of the test's choice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings

from distribution.ledger import claims, deliveries
from distribution.ledger.attempts.settlements import Settlement
from distribution.models import Alert, Delivery, Distribution, State
from phonepool.models import PhoneNumber
from tests.builders import LEASE

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
LATE = timedelta(seconds=settings.MAX_START_LATENESS_SECONDS)
WINDOW = timedelta(seconds=settings.SENDING_WINDOW_SECONDS)
SLA = timedelta(seconds=settings.SLA_WINDOW_SECONDS)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def reload(distribution: Distribution) -> Distribution:
    return Distribution.objects.get(pk=distribution.pk)


def open_alerts() -> set[str]:
    return set(Alert.objects.filter(closed_at=None).values_list("rule", flat=True))


def outcomes() -> list[tuple[str, str]]:
    return list(Delivery.objects.order_by("pk").values_list("state", "reason"))


def claim(distribution: Distribution, *, limit: int = 50, now: datetime = NOW) -> claims.Claim:
    return deliveries.claim(distribution.pk, 0, limit=limit, now=now, lease=LEASE)


def mark(taken: claims.Claim, *, now: datetime = NOW) -> None:
    number_id = PhoneNumber.objects.first().pk
    deliveries.mark_inflight(taken, taken.deliveries, number_id=number_id, now=now, lease=LEASE)


def settle(taken: claims.Claim, to: State, **fields) -> None:
    deliveries.settle(
        [Settlement(taken.attempt(row), to, NOW, **fields) for row in taken.deliveries]
    )


def everybody(to: State, **fields) -> None:
    extra = {"accepted_at": NOW} if to in (State.ACCEPTED, State.HELD) else {"reason": "because"}
    Delivery.objects.update(state=to, **{**extra, **fields})
