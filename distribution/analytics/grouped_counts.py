"""Every count that the screens, figures and alerts need of a distribution, by one statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q

from distribution.analytics import removed
from distribution.models import Delivery, Distribution, Progress, State

GROUPED = ("state", "reason", "number_id", "progress")


@dataclass(frozen=True, slots=True)
class DeliveryGroup:
    """Deliveries with the same state, reason, number and progress, and how many were in time."""

    state: str
    reason: str
    number_id: int | None
    progress: int
    count: int
    accepted_in_time: int  # of accepted ones
    delivered_in_time: int  # of delivered ones

    @property
    def is_accepted(self) -> bool:
        return self.state in (State.ACCEPTED, State.HELD)

    @property
    def is_delivered(self) -> bool:
        return self.is_accepted and self.progress >= Progress.DELIVERED


def count_groups(distribution: Distribution, *, now: datetime) -> list[DeliveryGroup]:
    """The groups of a distribution's deliveries; empty groups are absent. Who is not frozen yet
    is waiting, too."""
    if distribution.deliveries_removed_at is not None:
        found = removed.groups(distribution).items()
        return [DeliveryGroup(*kind, count, 0, 0) for kind, count in found]
    groups = [group for group, _ in count_stored(distribution, now=now)]
    return with_people_to_come(distribution, groups)


def with_people_to_come(
    distribution: Distribution, groups: list[DeliveryGroup]
) -> list[DeliveryGroup]:
    """The groups, and in one more those who are not frozen yet."""
    to_come = people_to_come(distribution, sum(group.count for group in groups))
    if not to_come:
        return groups
    return [*groups, DeliveryGroup(State.PENDING, "", None, Progress.NONE, to_come, 0, 0)]


def people_to_come(distribution: Distribution, counted: int) -> int:
    """People of a large audience for whom no delivery was stored yet when the others were counted:
    so that all states together are the audience from the opening on."""
    return max(0, distribution.recipients - counted) if distribution.preparing else 0


def count_stored(
    distribution: Distribution, *, now: datetime, **more: Any
) -> list[tuple[DeliveryGroup, tuple[Any, ...]]]:
    """The groups of the deliveries that are stored, and of each what `more` asks for."""
    deadline = distribution.sla_deadline or distribution.planned_at
    counted: dict[str, Any] = {"all": Count("*")}
    early = now < deadline  # every accepted one is in time; comparing doubles the cost
    if not early:
        counted["accepted"] = Count("accepted_at", filter=Q(accepted_at__lte=deadline))
        counted["delivered"] = Count("delivered_at", filter=Q(delivered_at__lte=deadline))
    rows = Delivery.objects.filter(distribution=distribution).order_by()
    found = rows.values_list(*GROUPED).annotate(**counted, **more)
    width = len(GROUPED) + len(counted)
    return [
        (DeliveryGroup(*row[:width], *((row[width - 1],) * 2 if early else ())), row[width:])
        for row in found
    ]
