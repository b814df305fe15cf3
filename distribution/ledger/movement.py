"""Whether messages of a distribution have left lately."""

from __future__ import annotations

from datetime import datetime

from distribution.models import Delivery
from distribution.models.deliveries import IN_HAND


def has_moved(distribution_id: int, *, since: datetime, until: datetime | None = None) -> bool:
    """Whether a delivery was marked in flight after `since`.

    What is under way or was just accepted tells, by small indexes; all rows are looked at only if
    that does not.
    """
    rows = Delivery.objects.filter(distribution_id=distribution_id)
    marked = rows.filter(inflight_at__gt=since)
    if until is not None:
        marked = marked.filter(inflight_at__lte=until)
    under_way = marked.filter(state__in=IN_HAND).order_by("lease_until")
    accepted = marked.filter(accepted_at__gt=since).order_by("-accepted_at")
    return any(found.values_list("pk")[:1] for found in (under_way, accepted)) or marked.exists()
