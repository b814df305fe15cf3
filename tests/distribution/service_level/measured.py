"""A distribution whose deliveries were accepted and delivered so many seconds after its start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from distribution.models import Delivery, State

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
WINDOW = settings.SLA_WINDOW_SECONDS


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def sent(
    first: int, last: int, *, at: float, delivered: float | None = None, **fields: Any
) -> None:
    """Deliveries number `first` to `last` - 1 were accepted, and perhaps delivered, so many
    seconds after the start."""
    pks = list(Delivery.objects.order_by("pk").values_list("pk", flat=True)[first:last])
    if delivered is not None:
        fields = {"progress": 2, "delivered_at": NOW + seconds(delivered), **fields}
    Delivery.objects.filter(pk__in=pks).update(
        **{"state": State.ACCEPTED, "accepted_at": NOW + seconds(at), **fields}
    )
